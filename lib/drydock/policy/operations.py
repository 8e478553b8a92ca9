"""Which AWS operations only read."""

from __future__ import annotations

_READS = (
    "Describe", "List", "Get", "BatchGet", "BatchCheck", "Head", "Discover", "Filter", "Validate",
    "Lookup", "Search", "Simulate", "Decode",
)  # fmt: skip
_TRIALS = {"TestDNSAnswer", "TestEventPattern", "TestMetricFilter", "TestTransformer"}
"""Of the operations called Test these only compute an answer; others, as TestFailover, do what they test."""


def only_reads(operation: str) -> bool:
    """Whether an operation, by its API name ("DescribeServices"), leaves everything as it is.

    Derived: botocore's models do not say it; AWS names operations by what they do. What takes a message from a
    queue (ReceiveMessage) or starts a query is not among them.
    """
    return operation.startswith(_READS) or operation in _TRIALS

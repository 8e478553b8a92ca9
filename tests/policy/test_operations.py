"""Which operations only read, by their names."""

from __future__ import annotations

import pytest

from drydock.policy.operations import only_reads


@pytest.mark.parametrize(
    "operation",
    ["DescribeServices", "ListTasks", "GetLogEvents", "BatchGetImage", "FilterLogEvents", "DiscoverInstances",
     "TestEventPattern", "TestMetricFilter"],
)  # fmt: skip
def test_what_only_answers_is_a_read(operation: str) -> None:
    assert only_reads(operation)


@pytest.mark.parametrize(
    "operation",
    ["UpdateService", "RunTask", "ReceiveMessage", "StartQuery", "TestFailover", "TestInvokeMethod", "PutMetricData"],
)
def test_what_may_change_something_is_none(operation: str) -> None:
    assert not only_reads(operation)

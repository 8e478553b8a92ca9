"""The error that every validator raises.

Source: Amazon ECS API Reference, "Common Errors" and the errors of each operation.
"""

from __future__ import annotations


class Invalid(Exception):
    """A request that AWS refuses.

    ``code`` is the error code of the AWS answer (``ClientException``, ``InvalidParameterException``,
    ``ClusterNotFoundException`` …) and ``message`` its text, in AWS's own wording where that is known.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def client(message: str) -> Invalid:
    """``ClientException``: ECS's code for most faults of a task definition."""
    return Invalid("ClientException", message)


def parameter(message: str) -> Invalid:
    """``InvalidParameterException``: ECS's code for most faults of a service or a run_task."""
    return Invalid("InvalidParameterException", message)

"""What the end of a task on Fargate Spot costs its service: how long it is short of the task, and what is cut off.

Source: AWS re:Post knowledge center, "How do I handle Spot termination notices in AWS Fargate Spot tasks?": a warning
two minutes before the end, as SIGTERM and as an event; a container is killed when its stopTimeout is over, 30 s unless
said otherwise and 120 s at most; the scheduler starts the replacement at the warning if there is capacity and the
maximumPercent allows it (documented). The sums are derived.
"""

from __future__ import annotations

WARNING = 120
"""Seconds from the warning to the end (documented)."""
DEFAULT_STOP_TIMEOUT, MAXIMUM_STOP_TIMEOUT = 30, 120


def serves_on(stop_timeout: int) -> int:
    """For how many seconds after the warning a task can go on serving.

    Raises ValueError for a stopTimeout that Fargate has not got.
    """
    if not 0 <= stop_timeout <= MAXIMUM_STOP_TIMEOUT:
        raise ValueError(f"stopTimeout on Fargate is 0 to {MAXIMUM_STOP_TIMEOUT} seconds, not {stop_timeout}.")
    return min(stop_timeout, WARNING)


def shortage(stop_timeout: int, start_seconds: float, dry_seconds: float = 0) -> float:
    """For how many seconds a service is a task short when one of its tasks is taken back.

    start_seconds  from the order to start the replacement until it serves.
    dry_seconds    from the warning until Spot has capacity again; nothing else steps in (documented).

    The task has to use its stopTimeout to go on serving: one that ends at SIGTERM has a stopTimeout of 0 here.
    """
    return max(0.0, dry_seconds + start_seconds - serves_on(stop_timeout))


def cut_off(requests_a_second: float, request_seconds: float) -> float:
    """How many requests are under way in a task that is killed: what arrives in the time that one takes (derived)."""
    return requests_a_second * request_seconds

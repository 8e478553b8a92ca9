"""How Fargate Spot takes a task back, and what that costs its service: how long it is short, and what is cut off.

Source: AWS re:Post knowledge center, "How do I handle Spot termination notices in AWS Fargate Spot tasks?": a warning
two minutes before the end, as SIGTERM and as an event; a container is killed when its stopTimeout is over, 30 s unless
said otherwise and 120 s at most; the scheduler starts the replacement at the warning if there is capacity and the
maximumPercent allows it; a deregistration delay has to be shorter than the two minutes (documented). ECS deregisters
the task before SIGTERM (documented: "Amazon ECS improves accuracy of service load balancing", February 2023; in
September 2025 it was observed not to, github.com/aws/containers-roadmap/issues/2673). That SIGTERM waits for the
deregistration delay, as in any other stop, and the sums are derived.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

WARNING = 120
"""Seconds from the warning to the end (documented)."""
DEFAULT_STOP_TIMEOUT, MAXIMUM_STOP_TIMEOUT = 30, 120
STOP_CODE, STOPPED_REASON = "SpotInterruption", "Your Spot Task was interrupted."
"""Of a task that is taken back (documented: the same page)."""
PROVIDER = "FARGATE_SPOT"
NO_CAPACITY = "Capacity is unavailable at this time. Please try again later or in a different availability zone"
"""Of a task that Spot has no room for: in RunTask's failures and in an event of its service (documented: re:Post,
"How do I resolve the capacity error when I run a Fargate task?"). Nothing falls back to FARGATE (documented)."""
PLACEMENT_FAILURE = "RESOURCE:FARGATE"
"""The reason in the event SERVICE_TASK_PLACEMENT_FAILURE (documented: the first page)."""

Chosen = TypeVar("Chosen")


@dataclass(frozen=True)
class Course:
    """What happens to a container of a task that is taken back, in seconds from the warning."""

    sigterm: float
    killed: float
    """If it has not ended by then."""


def course(stop_timeout: float, deregistration_delay: float = 0) -> Course:
    """When a container hears SIGTERM, and when it is killed; `deregistration_delay` is 0 without a target group."""
    sigterm = min(deregistration_delay, WARNING)
    return Course(sigterm, min(sigterm + stop_timeout, WARNING))


def lasts(per_task_hour: float, chance: Random) -> float:
    """For how many seconds a task stays on Spot that is taken back so many times an hour on average; inf for 0.

    The hazard is the same at every moment (our choice: AWS says nothing of how interruptions are spread).
    Raises ValueError for a rate below 0.
    """
    if not 0 <= per_task_hour < math.inf:
        raise ValueError(f"a rate of interruptions is 0 or more for each hour of a task, not {per_task_hour:g}")
    return chance.expovariate(per_task_hour / 3600) if per_task_hour else math.inf


def wave(
    tasks: Sequence[Chosen], chance: Random, *, count: int | None = None, percent: int | None = None
) -> list[Chosen]:
    """Which of the tasks a wave takes: so many, or such a part of them, rounded up; all without either.

    Raises ValueError for a count below 1, a percentage outside 1 to 100, or both.
    """
    if count is not None and percent is not None:
        raise ValueError("a wave takes a count of tasks or a percentage of them, not both")
    if count is not None and count < 1:
        raise ValueError(f"a wave takes one task or more, not {count}")
    if percent is not None and not 1 <= percent <= 100:
        raise ValueError(f"a wave takes 1 to 100 percent of the tasks, not {percent}")
    number = len(tasks) if count is None else count
    if percent is not None:
        number = math.ceil(len(tasks) * percent / 100)
    return chance.sample(tasks, min(number, len(tasks)))


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

"""Task sets: how many tasks each is to have, when one is stable, and what may become of it.

A service has them whose deployment controller is EXTERNAL or CODE_DEPLOY. Source: Amazon ECS API Reference, *TaskSet*,
*Scale*, *CreateTaskSet*, *DeleteTaskSet* and *UpdateServicePrimaryTaskSet*, and Developer Guide, "Deploy Amazon ECS
services using a third-party controller". What a docstring calls *observed* or *ours* is not said there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any

from drydock.policy.ecs import rollout

MOST = 5
"""Of a service, those that drain included. Observed: github.com/pipe-cd/pipecd/issues/4692."""


class Status(StrEnum):
    """Of a task set: it serves production traffic, it does not, or its tasks are being stopped."""

    PRIMARY = "PRIMARY"
    ACTIVE = "ACTIVE"
    DRAINING = "DRAINING"


class Stability(StrEnum):
    """Whether it has reached a steady state."""

    STEADY_STATE = "STEADY_STATE"
    STABILIZING = "STABILIZING"


def percent(scale: Mapping[str, Any] | None) -> float:
    """Of the service's desiredCount, as a Scale says it; all without one.

    One that names no value is 0, the default of that member: SDKs that know no null send 0 so (derived from the shape;
    aws-sdk-go-v2 has it as a plain float64, and leaves it out).
    """
    return 100.0 if scale is None else float(scale.get("value", 0.0))


def computed_count(desired_count: int, scale: float, status: str = Status.ACTIVE) -> int:
    """How many tasks a task set of ``scale`` per cent is to have: always rounded up (documented), none if it drains.

    A percent is taken to a millionth of a task, so that 10 % of 70 are 7.
    """
    return 0 if status == Status.DRAINING else math.ceil(round(desired_count * scale / 100, 6))


def view(identifier: str, wanted: int, tasks: Iterable[rollout.Task], zones: tuple[str, ...] = ()) -> rollout.Service:
    """A task set as a service of one deployment, on which ``rollout`` decides: it is filled, emptied and repaired so.

    The bounds are the default ones, for those of the service are not used on Fargate (documented).
    """
    own = tuple(task for task in tasks if task.deployment == identifier)
    return rollout.Service(wanted, (rollout.Deployment(identifier, primary=True),), own, zones=zones)


def stability(seen: rollout.Service) -> Stability:
    """STEADY_STATE if as many tasks run as are computed, none is pending, and all are healthy (documented).

    Tasks that are stopping are not looked at: neither runningCount nor pendingCount has them.
    """
    staying = tuple(task for task in seen.tasks if not task.stopping)
    steady = rollout.is_steady(replace(seen, tasks=staying))
    return Stability.STEADY_STATE if steady else Stability.STABILIZING


def why_not_deleted(status: str, scale: float, *, force: bool) -> str:
    """Why a task set cannot be deleted; "" if it can. With ``force`` every one can (documented).

    The wording for one that is PRIMARY is observed, that for one that is scaled up ours.
    """
    if force or status == Status.DRAINING:
        return ""
    if status == Status.PRIMARY:
        return "Primary TaskSet cannot be deleted"
    if scale > 0:
        return "The task set cannot be deleted while it is scaled above 0."
    return ""

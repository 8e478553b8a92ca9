"""Lambda hooks of deployments: what a function is told, and what its answer means.

Source: Amazon ECS Developer Guide, "Lambda hooks for Amazon ECS service deployments" (payloads, answers, roll-backs)
and "Troubleshooting Amazon ECS blue/green deployments" (reasons). What a docstring calls *ours* is not said there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drydock.policy.ecs.strategy import Stage

DELAY = 30.0
"""AWS seconds until a hook that is IN_PROGRESS is called again (documented)."""
_OF_PRODUCTION = (Stage.PRE_PRODUCTION_TRAFFIC_SHIFT, Stage.PRODUCTION_TRAFFIC_SHIFT)
ON_THE_WAY_BACK = (Stage.PRODUCTION_TRAFFIC_SHIFT, Stage.TEST_TRAFFIC_SHIFT)
"""Stages whose hooks are called again in a roll-back (documented; their order is ours)."""

Document = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a hook has come to: ``status`` SUCCEEDED, FAILED or IN_PROGRESS.

    ``why`` it failed; ``delay``: AWS seconds until it is called again, with ``details`` added to its own.
    """

    status: str
    why: str = ""
    delay: float = DELAY
    details: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Shift:
    """How many percent of the traffic the target has, or is to have; None where no listener was told."""

    target: str
    source: str | None
    production: float | None
    test: float | None


def payload(
    *, execution: str, stage: Stage, deployment: str, service: str, shift: Shift, details: Mapping[str, Any] | None
) -> Document:
    """The event that a hook's function gets.

    Weights are told only where they shift: those of tests at TEST_TRAFFIC_SHIFT, those of production at
    PRODUCTION_TRAFFIC_SHIFT and the stage before it (documented).
    """
    told: Document = {
        "executionDetails": {
            "testTrafficWeights": _weights(shift, shift.test if stage is Stage.TEST_TRAFFIC_SHIFT else None),
            "productionTrafficWeights": _weights(shift, shift.production if stage in _OF_PRODUCTION else None),
            "serviceArn": service,
            "targetServiceRevisionArn": shift.target,
        },
        "executionId": execution,
        "lifecycleStage": stage.value,
        "resourceArn": deployment,
    }
    return told | ({"hookDetails": dict(details)} if details else {})


def _weights(shift: Shift, percent: float | None) -> dict[str, float]:
    if percent is None:
        return {}
    mine = {shift.target: _short(percent)}
    return mine | ({shift.source: _short(100.0 - percent)} if shift.source else {})


def _short(percent: float) -> float:
    rounded = round(percent, 1)
    return int(rounded) if rounded == int(rounded) else rounded


def read(target: str, answer: bytes) -> Answer:
    """What the answer of the function ``target`` means.

    One that has failed has no hookStatus, and neither its error nor its log is in the reason (documented). That a
    callBackDelay or hookDetails of another kind fails the hook is ours.

    >>> read("arn:f", b'{"hookStatus": "IN_PROGRESS", "callBackDelay": 5}').delay
    5.0
    >>> read("arn:f", b'{"errorMessage": "boom", "errorType": "ValueError"}').why
    'ECS was unable to parse the response from arn:f due to HookStatus must not be null'
    """
    try:
        told = json.loads(answer)
    except ValueError:
        told = None
    status = told.get("hookStatus") if isinstance(told, dict) else None
    if not isinstance(told, dict) or status is None:
        return _unread(target, "HookStatus must not be null")
    if status == "FAILED":
        return Answer("FAILED", f"Lifecycle hook target {target} returned FAILED status.")
    if status not in ("SUCCEEDED", "IN_PROGRESS"):
        return _unread(target, f"HookStatus must be one of SUCCEEDED, FAILED and IN_PROGRESS, not {status!r}")
    delay, details = told.get("callBackDelay"), told.get("hookDetails")
    if delay is not None and (isinstance(delay, bool) or not isinstance(delay, int | float) or not delay >= 0):
        return _unread(target, f"CallBackDelay must be a number of seconds, not {delay!r}")
    if details is not None and not isinstance(details, dict):
        return _unread(target, "HookDetails must be an object")
    return Answer(status, delay=DELAY if delay is None else float(delay), details=details)


def _unread(target: str, why: str) -> Answer:
    return Answer("FAILED", f"ECS was unable to parse the response from {target} due to {why}")


def not_invoked(target: str, why: str) -> Answer:
    """A function that could not be called."""
    return Answer("FAILED", f"ECS was unable to invoke hook target {target} due to {why}")


def not_assumed(role: str) -> Answer:
    """A role that is not there, or does not trust ECS."""
    return Answer("FAILED", f"ECS was unable to assume role {role}")


def reason(stage: Stage, why: str) -> str:
    """Why a deployment is rolled back whose hook has failed.

    >>> reason(Stage.PRE_SCALE_UP, "ECS was unable to assume role arn:r")[:75]
    'Service deployment rolled back because PRE_SCALE_UP lifecycle hook(s) faile'
    """
    return f"Service deployment rolled back because {stage} lifecycle hook(s) failed. {why}"


def too_late(stage: Stage, kind: str, target: str) -> str:
    """The same of one that timed out; of a function, it is ours."""
    if kind == "PAUSE":
        return f"Service deployment rolled back because {stage} pause hook timed out."
    return reason(stage, f"Lifecycle hook target {target} timed out.")

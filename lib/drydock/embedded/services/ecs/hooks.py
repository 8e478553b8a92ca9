"""Lifecycle hooks of deployments: the records of what a stage waits for."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from datetime import timedelta

from drydock.embedded.core.host import Host
from drydock.embedded.services.ecs.records import Deployment, Document, utcnow
from drydock.policy.ecs.strategy import MINUTE, Progress

_DAY = 1440
_OURS = ("stage", "step", "expires", "role", "details", "due", "why")
LAMBDA = "AWS_LAMBDA"
BACK = -1
"""The step of hooks that are called again in a roll-back."""


def begun(host: Host, deployment: Deployment, progress: Progress) -> list[Document]:
    """The hooks of its configuration that the deployment comes to."""
    return list(_begun(host, deployment, progress))


def _begun(host: Host, deployment: Deployment, progress: Progress) -> Iterator[Document]:
    for number, hook in enumerate(deployment.configuration.get("lifecycleHooks") or ()):
        if progress.stage.value not in hook["lifecycleStages"]:
            continue
        kind = hook.get("targetType") or LAMBDA
        limit = hook.get("timeoutConfiguration") or {}
        seconds = MINUTE * int(limit.get("timeoutInMinutes") or _DAY)
        name = uuid.uuid5(uuid.NAMESPACE_URL, f"{deployment.id}/{number}/{progress.stage}/{progress.step}")
        made: Document = {
            "hookId": f"ecs-{'lambda' if kind == LAMBDA else 'pause'}-"
            + base64.urlsafe_b64encode(name.bytes).decode().rstrip("="),
            "targetType": kind,
            "status": "IN_PROGRESS" if kind == LAMBDA else "AWAITING_ACTION",
            "expiresAt": utcnow() + timedelta(seconds=host.clock.real(seconds)),
            "timeoutAction": limit.get("action") or "ROLLBACK",
            "stage": progress.stage.value,
            "step": progress.step,
            "expires": host.clock.time() + seconds,
        }
        if kind == LAMBDA:
            made |= {
                "targetArn": hook["hookTargetArn"],
                "role": hook["roleArn"],
                "details": hook.get("hookDetails") or {},
                "due": 0.0,
                "why": "",
            }
        yield made


def of(deployment: Deployment, progress: Progress) -> list[Document]:
    """The hooks of where the deployment is."""
    place = progress.stage.value, progress.step
    return [hook for hook in deployment.hooks if (hook["stage"], hook["step"]) == place]


def is_open(hook: Document) -> bool:
    return hook["status"] in ("AWAITING_ACTION", "IN_PROGRESS")


def shown(hook: Document) -> Document:
    """A hook as DescribeServiceDeployments shows it."""
    return {key: value for key, value in hook.items() if key not in _OURS}

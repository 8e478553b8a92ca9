"""Lifecycle hooks of deployments: what a stage waits for."""

from __future__ import annotations

import base64
import uuid
from datetime import timedelta
from typing import Any

from drydock.embedded.core.host import Host
from drydock.embedded.services.ecs.records import Deployment, Document, utcnow
from drydock.policy.ecs.strategy import MINUTE, Hooks, Progress

_DAY = 1440
_OPEN = ("AWAITING_ACTION", "IN_PROGRESS")


class HookFailed(Exception):
    """A hook that rolls its deployment back, and why."""


class Lifecycle:
    """Begins the hooks of a stage, and tells how they stand."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def look(self, deployment: Deployment, progress: Progress) -> tuple[bool, Hooks]:
        """Whether something has changed, and how the hooks of the stage stand. HookFailed."""
        wanted = [
            hook
            for hook in deployment.configuration.get("lifecycleHooks") or ()
            if progress.stage.value in hook["lifecycleStages"]
        ]
        if not wanted:
            return False, Hooks.PASSED
        here = [h for h in deployment.hooks if (h["stage"], h["step"]) == (progress.stage.value, progress.step)]
        changed = not here
        if not here:
            here = [self._begun(f"{deployment.id}/{number}", hook, progress) for number, hook in enumerate(wanted)]
            deployment.hooks += here
        now = self._host.clock.time()
        for hook in here:
            if hook["status"] in _OPEN and now >= hook["expires"]:
                hook["status"], changed = "TIMED_OUT", True
            if hook["status"] == "FAILED":
                raise HookFailed(f"{hook['hookId']} failed at {progress.stage}")
            if hook["status"] == "TIMED_OUT" and hook["timeoutAction"] == "ROLLBACK":
                raise HookFailed(f"{hook['hookId']} timed out at {progress.stage}")
        waits = any(hook["status"] in _OPEN for hook in here)
        return changed, Hooks.WAITING if waits else Hooks.PASSED

    def _begun(self, name: str, hook: Document, progress: Progress) -> Document:
        limit = hook.get("timeoutConfiguration") or {}
        seconds = MINUTE * int(limit.get("timeoutInMinutes") or _DAY)
        number = uuid.uuid5(uuid.NAMESPACE_URL, f"{name}/{progress.stage}/{progress.step}")
        return {
            "hookId": "ecs-pause-" + base64.urlsafe_b64encode(number.bytes).decode().rstrip("="),
            "targetType": hook.get("targetType") or "AWS_LAMBDA",
            "status": "AWAITING_ACTION",
            "expiresAt": utcnow() + timedelta(seconds=self._host.clock.real(seconds)),
            "timeoutAction": limit.get("action") or "ROLLBACK",
            "stage": progress.stage.value,
            "step": progress.step,
            "expires": self._host.clock.time() + seconds,
        }


def shown(hook: Document) -> dict[str, Any]:
    """A hook as DescribeServiceDeployments shows it."""
    return {key: value for key, value in hook.items() if key not in ("stage", "step", "expires")}

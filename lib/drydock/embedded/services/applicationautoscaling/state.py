"""Scalable targets, their policies and scheduled actions: what requests have asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from moto.applicationautoscaling.models import ApplicationAutoscalingBackend

from drydock.policy.requests.scaling import DESIRED_COUNT, TRACKING
from drydock.policy.scaling import Bounds

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host

    from .store import Store

SUSPENSIONS = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
Key = tuple[str, str, str]
"""Namespace, resource, dimension."""


@dataclass
class Policy:
    name: str
    arn: str
    kind: str
    created: datetime
    settings: dict[str, Any]
    action: str = ""
    """What the alarms of target tracking call."""
    high: str = ""
    low: str = ""
    """Names of these alarms; the low one is there while the policy scales in."""

    @property
    def scales_in(self) -> bool:
        """Whether target tracking takes capacity away."""
        return self.kind == TRACKING and not self.settings.get("DisableScaleIn")


@dataclass
class Action:
    """A scheduled action; `settings` are the members of the request."""

    name: str
    arn: str
    created: datetime
    changed: int
    """How often it was put."""
    settings: dict[str, Any]


@dataclass
class Target:
    key: Key
    arn: str
    region: str
    role: str
    created: datetime
    bounds: Bounds
    registered: int = 0
    """How often it was registered: so often is the capacity brought inside of the bounds."""
    suspended: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(SUSPENSIONS, False))
    tags: dict[str, str] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    actions: dict[str, Action] = field(default_factory=dict)

    @property
    def acts(self) -> bool:
        return self.key[2] == DESIRED_COUNT

    @property
    def service(self) -> dict[str, str]:
        """How ECS's operations are told the service."""
        _, cluster, service = self.key[1].split("/")
        return {"cluster": cluster, "service": service}


class Acting(Protocol):
    """Who acts on what is wanted."""

    def called(self, target: Target, policy: Policy, alarm: str) -> None: ...

    def changed(self) -> None: ...


class Scaling(ApplicationAutoscalingBackend):
    """What a region has."""

    host: Host
    store: Store
    controller: Acting
    targets: dict[Key, Target]  # type: ignore[assignment]

    def alarmed(self, action: str, alarm: str) -> None:
        """An alarm has called a policy. LookupError where there is none."""
        arn = action.split(":createdBy/", 1)[0]
        for target in self.targets.values():
            for policy in target.policies.values():
                if policy.arn == arn:
                    self.controller.called(target, policy, alarm)
                    return
        raise LookupError(f"There is no scaling policy {arn}")

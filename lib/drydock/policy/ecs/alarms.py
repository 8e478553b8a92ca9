"""Deployment alarms: which of a deployment's CloudWatch alarms make it fail.

Source: Amazon ECS Developer Guide, "How CloudWatch alarms detect Amazon ECS deployment failures"
(AmazonECS/latest/developerguide/deployment-alarm-failure.html); API Reference, *DeploymentAlarms* and
*ServiceDeploymentAlarms*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from drydock.policy.ecs.breaker import Status
from drydock.policy.ecs.strategy import MINUTE


@dataclass(frozen=True)
class Alarms:
    """The alarms of one deployment. ``triggered``: those that made it fail."""

    names: tuple[str, ...] = ()
    rollback: bool = False
    status: Status = Status.DISABLED
    triggered: tuple[str, ...] = ()
    begun: bool = False

    @classmethod
    def read(cls, configuration: Mapping[str, Any] | None) -> Alarms:
        """Begin from the request's ``alarms`` (None: disabled)."""
        given = configuration or {}
        enable = bool(given.get("enable")) and bool(given.get("alarmNames"))
        return cls(
            tuple(given.get("alarmNames") or ()),
            enable and bool(given.get("rollback")),
            Status.MONITORING if enable else Status.DISABLED,
        )

    @property
    def watches(self) -> bool:
        return self.status is Status.MONITORING

    def after(self, states: Mapping[str, str]) -> Alarms:
        """The state after a look at the alarms, by name; what is not in ``states`` does not exist.

        An alarm that is in ALARM when the deployment begins switches the check off for this deployment, so that a fix
        can be deployed (documented). Later any one of them that is in ALARM triggers.
        """
        if not self.watches:
            return self
        ringing = tuple(name for name in self.names if states.get(name) == "ALARM")
        if not ringing:
            return replace(self, begun=True)
        status = Status.TRIGGERED if self.begun else Status.DISABLED
        return replace(self, begun=True, status=status, triggered=ringing if self.begun else ())

    def completed(self) -> Alarms:
        return replace(self, status=Status.MONITORING_COMPLETE) if self.watches else self


def bake(alarms: Sequence[Mapping[str, Any]]) -> float:
    """The AWS seconds for which a rolling deployment is watched after it has settled.

    ECS computes it from the alarms (documented; how is not): here as long as it takes one of them to look over all its
    evaluation periods, and a minute more where it looks at a metric of an AWS service, which comes once a minute
    (ours). ``alarms``: as DescribeAlarms gives them; 0 for composite ones, of which that is not known.
    """
    return max((_looks_over(alarm) for alarm in alarms), default=0.0)


def _looks_over(alarm: Mapping[str, Any]) -> float:
    parts = [one["MetricStat"] for one in alarm.get("Metrics") or () if "MetricStat" in one]
    looked_at = [alarm, *({**part["Metric"], "Period": part["Period"]} for part in parts)]
    late = MINUTE if any(str(one.get("Namespace") or "").startswith("AWS/") for one in looked_at) else 0.0
    period = max(float(one.get("Period") or 0) for one in looked_at)
    return period * float(alarm.get("EvaluationPeriods") or 0) + late

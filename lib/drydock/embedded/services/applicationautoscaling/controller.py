"""Scales: brings services inside of their bounds, lets scheduled actions happen, does what alarms call policies for."""

from __future__ import annotations

import logging
import math
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from drydock.embedded.core import seams
from drydock.embedded.core.faults import Faults
from drydock.policy import alarms, scaling
from drydock.policy.requests.scaling import STEP, steps_of
from drydock.policy.scaling import Asked, Stepping, Tracking
from drydock.policy.schedules import Rate, read_any

from .state import Action, Policy, Target
from .store import Kept, Store

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host

log = logging.getLogger(__name__)
_LOOK_EVERY = 0.2  # our seconds
LINKED_ROLE = "AWSServiceRoleForApplicationAutoScaling_ECSService"
LINKED_TO = "ecs.application-autoscaling.amazonaws.com"


@dataclass(frozen=True)
class Service:
    """What ECS says of a service."""

    desired: int
    running: int
    is_deploying: bool


class Controller:
    """Of every region. What a request asked for comes with the journal; the capacity is changed by requests, which are
    journalled, too; what is between is in the data file."""

    def __init__(self, host: Host, store: Store) -> None:
        self._host, self._store = host, store
        self._clock = host.clock
        self._faults = Faults("scaling", now=host.clock.elapsed)
        self._called: dict[str, dict[tuple[str, str], Policy]] = {}
        self._kept: dict[str, Kept] = {}
        self._due: dict[str, tuple[str, float]] = {}
        self._look_at = 0.0
        self._roles: set[str] = set()
        self._is_waiting = True
        """Whether activities may be under way."""

    def restored(self) -> None:
        self._kept, self._due = self._store.targets(), self._store.due()

    def called(self, target: Target, policy: Policy, alarm: str) -> None:
        """An alarm calls a policy: in the next turn it is seen what follows."""
        self._called.setdefault(target.arn, {})[policy.arn, alarm] = policy
        self._look_at = 0.0
        self._host.soon()

    def changed(self) -> None:
        """A request was about targets: look at them in the next turn."""
        if not seams.replaying():
            self._look_at = 0.0
            self._host.poke()

    def tick(self) -> None:
        """One turn of the loop."""
        if self._clock.elapsed() < self._look_at:
            return
        self._look_at = self._clock.elapsed() + _LOOK_EVERY
        with self._host.lock:
            found = {target.arn: target for target in self._targets()}
            self._forget(found)
            for target in found.values():
                self._faults.attempt(target.arn, self._look, target)
            self._fulfil(found)
            self._host.settle_data(True)

    def _targets(self) -> Iterator[Target]:
        for backend in self._host.backends_so_far("applicationautoscaling"):
            yield from [target for target in backend.targets.values() if target.acts]

    def _forget(self, found: dict[str, Target]) -> None:
        gone = self._kept.keys() - found
        if gone:
            self._store.forget(gone)
            self._kept = {arn: kept for arn, kept in self._kept.items() if arn in found}
        self._called = {arn: called for arn, called in self._called.items() if arn in found}
        actions = {f"{target.arn} {name}" for target in found.values() for name in target.actions}
        if late := self._due.keys() - actions:
            self._store.forget_actions(late)
            self._due = {action: due for action, due in self._due.items() if action in actions}

    def _look(self, target: Target) -> None:
        self._link(target)
        for action in list(target.actions.values()):
            if self._fires(target, action):
                self._act(target, action)
        kept = self._kept.setdefault(target.arn, Kept())
        if kept.registered != target.registered:
            self._bring_inside(target)
            kept.registered = target.registered
            self._keep(target, kept)
        called = self._called.pop(target.arn, {})
        if called and (service := self._service(target)) is not None:
            self._decide(target, kept, service, called)

    def _keep(self, target: Target, kept: Kept) -> None:
        self._store.keep(target.arn, kept)
        self._host.settle_data(True)

    # -- what ECS says, and is told -------------------------------------------------------------

    def _service(self, target: Target) -> Service | None:
        """None where it is not there, or ends."""
        asked = target.service
        try:
            answer = self._host.client("ecs", target.region).describe_services(
                cluster=asked["cluster"], services=[asked["service"]]
            )
        except ClientError:
            return None
        for service in answer["services"]:
            if service["status"] == "ACTIVE":
                deployments = service["deployments"]
                by_codedeploy = service.get("deploymentController", {}).get("type") == "CODE_DEPLOY"
                is_deploying = (
                    len(deployments) > 1
                    or any(each.get("rolloutState") == "IN_PROGRESS" for each in deployments)
                    or (by_codedeploy and len(service["taskSets"]) > 1)
                )
                return Service(service["desiredCount"], service["runningCount"], is_deploying)
        return None

    def _set(self, target: Target, capacity: int, cause: str) -> bool:
        """Give a service another desired count, as a request that is kept; whether ECS took it."""
        told = {"cause": cause, "description": scaling.description(capacity), "capacity": capacity}
        try:
            self._host.client("ecs", target.region).update_service(**target.service, desiredCount=capacity)
        except ClientError as error:
            reason = error.response["Error"]["Message"]
            self._note(target, **told, status="Failed", message=f"Failed to set desired count to {capacity}. {reason}")
            return False
        self._note(target, **told, status="InProgress", message=scaling.message(capacity, fulfilled=False))
        return True

    def _link(self, target: Target) -> None:
        """Where the cloud is strict, its service-linked role is made as AWS makes it, with the first target."""
        if not self._host.profile.service_linked_role or target.region in self._roles:
            return
        self._roles.add(target.region)
        roles = self._host.backend("iam", "aws").roles.values()
        if all(role.name != LINKED_ROLE for role in roles):
            self._host.client("iam", "us-east-1").create_service_linked_role(AWSServiceName=LINKED_TO)

    # -- bounds, and who sets them when ---------------------------------------------------------

    def _bring_inside(self, target: Target) -> None:
        service = self._service(target)
        if service is None:
            return
        capacity = target.bounds.within(service.desired)
        if capacity != service.desired:
            self._set(target, capacity, scaling.cause_of_bounds(service.desired, target.bounds))

    def _fires(self, target: Target, action: Action) -> bool:
        asked, key = action.settings, f"{target.arn} {action.name}"
        now, wall = self._clock.time(), self._clock.utcnow()
        start, end = asked.get("StartTime"), asked.get("EndTime")
        schedule = read_any(asked["Schedule"], asked.get("Timezone"))
        known, due = self._due.get(key, ("", 0.0))
        said = f"{action.arn} {action.changed}"
        is_over = end is not None and wall >= end
        fires = known == said and not is_over and schedule.is_due(due, now, wall)
        if fires or known != said:
            if known != said and start is not None and start > wall:
                due = self._clock.aws(start.timestamp()) if isinstance(schedule, Rate) else schedule.next(now, start)
            else:
                due = schedule.next(now, wall)
            self._due[key] = said, due
            self._store.is_due_at(key, said, due if math.isfinite(due) else 1e300)
        return fires and not target.suspended["ScheduledScalingSuspended"]

    def _act(self, target: Target, action: Action) -> None:
        """Let a target have the bounds of a scheduled action, as a request that is kept, unless it has them."""
        namespace, resource, dimension = target.key
        given = {name: value for name, value in action.settings["ScalableTargetAction"].items() if value is not None}
        has = {"MinCapacity": target.bounds.least, "MaxCapacity": target.bounds.most}
        if given.items() <= has.items():
            self._bring_inside(target)
            return
        try:
            self._host.client("application-autoscaling", target.region).register_scalable_target(
                ServiceNamespace=namespace, ResourceId=resource, ScalableDimension=dimension, **given
            )
        except ClientError as error:
            message = error.response["Error"]["Message"]
            cause = f"scheduled action name {action.name} was triggered"
            told = ", ".join(f"{name} {value}" for name, value in given.items())
            self._note(
                target, cause=cause, description=f"Setting {told}.", capacity=0, status="Failed", message=message
            )

    # -- policies -------------------------------------------------------------------------------

    def _decide(
        self, target: Target, kept: Kept, service: Service, called: dict[tuple[str, str], Policy]
    ) -> None:  # fmt: skip
        found = [(policy, alarm) for (_, alarm), policy in called.items() if policy is target.policies.get(policy.name)]
        lows = [policy for policy in target.policies.values() if policy.scales_in]
        if any(alarm == policy.low for policy, alarm in found):
            found += [(policy, policy.low) for policy in lows if (policy, policy.low) not in found]
        asked = [one for policy, alarm in found if (one := self._asked(target, policy, alarm)) is not None]
        decision = scaling.decide(
            service.desired,
            target.bounds,
            asked,
            kept.cooling,
            self._clock.time(),
            may_grow=not target.suspended["DynamicScalingOutSuspended"],
            may_shrink=not (target.suspended["DynamicScalingInSuspended"] or service.is_deploying),
            all_low=all(self._state(target, policy.low) == alarms.ALARM for policy in lows),
        )
        if decision is None:
            return
        state = self._state(target, decision.asked.alarm)
        cause = scaling.cause_of_alarm(decision.asked.alarm, state, decision.asked.policy)
        if isinstance(decision, scaling.Change):
            before, kept.cooling = kept.cooling, decision.cooling
            self._keep(target, kept)  # first: a crash in between leaves a cool-down without a change, not the contrary
            if not self._set(target, decision.capacity, cause):
                kept.cooling = before
                self._keep(target, kept)
            return
        numbers = {
            scaling.AT_MAX: {"MaxCapacity": target.bounds.most},
            scaling.AT_MIN: {"MinCapacity": target.bounds.least},
            scaling.AT_DESIRED: {"CurrentCapacity": service.desired},
        }
        reasons = [{"Code": decision.code, **numbers.get(decision.code, {})}]
        last = self._store.last(target.arn)
        if last is None or (last["cause"], last["reasons"]) != (cause, reasons):
            self._note(
                target, cause=cause, description=scaling.NOT_SCALED, capacity=service.desired, status="Unfulfilled",
                message="", reasons=reasons,
            )  # fmt: skip

    def _asked(self, target: Target, policy: Policy, alarm: str) -> Asked | None:
        """What a policy makes of what its alarm looked at; None where there is nothing to be looked at."""
        seen = self._host.backend("cloudwatch", target.region).looked_at(alarm)
        if seen is None or not seen.values:
            return None
        settings = policy.settings
        if policy.kind == STEP:
            cooldown = settings.get("Cooldown")
            cooldown = scaling.COOLDOWN if cooldown is None else cooldown
            way = Stepping(
                settings["AdjustmentType"],
                steps_of(settings),
                seen.rule.threshold,
                seen.rule.comparison.startswith("Greater"),
                seen.values,
                settings.get("MetricAggregationType") or "Average",
                settings.get("MinAdjustmentMagnitude") or 0,
            )
            return Asked(policy.name, alarm, way, cooldown, cooldown)
        if seen.state != alarms.ALARM or alarm not in (policy.high, policy.low):
            return None
        out, into = (settings.get(name) for name in ("ScaleOutCooldown", "ScaleInCooldown"))
        return Asked(
            policy.name,
            alarm,
            Tracking(settings["TargetValue"], seen.values, alarm == policy.high),
            scaling.COOLDOWN if out is None else out,
            scaling.COOLDOWN if into is None else into,
        )

    def _state(self, target: Target, alarm: str) -> str:
        seen = self._host.backend("cloudwatch", target.region).looked_at(alarm)
        return alarms.INSUFFICIENT_DATA if seen is None else str(seen.state)

    # -- activities -----------------------------------------------------------------------------

    def _note(self, target: Target, *, status: str, **told: Any) -> None:
        namespace, resource, dimension = target.key
        self._is_waiting |= status == "InProgress"
        number = self._store.count(target.arn)
        at = self._clock.utcnow().timestamp()
        self._store.add(
            region=target.region,
            target=target.arn,
            namespace=namespace,
            resource=resource,
            dimension=dimension,
            activity=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self._host.seed_in(target.region)}:{target.arn}:{number}")),
            status=status,
            started=at,
            ended=None if status == "InProgress" else at,
            **told,
        )

    def _fulfil(self, found: dict[str, Target]) -> None:
        """Activities end when a service has as many tasks as they have set, or something else sets another number."""
        if not self._is_waiting:
            return
        services: dict[str, Service | None] = {}
        self._is_waiting = False
        for arn, number, capacity in self._store.under_way():
            if arn in found and arn not in services:
                services[arn] = self._service(found[arn])
            service = services.get(arn)
            at = self._clock.utcnow().timestamp()
            if service is None or service.desired != capacity:
                self._store.become(number, "Overridden", scaling.message(capacity, fulfilled=False), at)
            elif service.running == capacity:
                self._store.become(number, "Successful", scaling.message(capacity, fulfilled=True), at)
            else:
                self._is_waiting = True

"""Target groups and their targets, told apart by id and port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.elbv2 import models as moto

from drydock.embedded.services.elbv2 import health as checks
from drydock.embedded.services.elbv2.errors import Refused
from drydock.embedded.services.elbv2.health import Endpoint, Health
from drydock.embedded.services.elbv2.render import real_port

if TYPE_CHECKING:
    from drydock.embedded.services.elbv2.balancers import LoadBalancer

Key = tuple[str, int]

MAX_TARGETS = 1000  # per target group of an Application Load Balancer (quotas)
_DEFAULTS = {
    "stickiness.lb_cookie.duration_seconds": "86400",
    "stickiness.app_cookie.cookie_name": "",
    "stickiness.app_cookie.duration_seconds": "86400",
    "load_balancing.algorithm.anomaly_mitigation": "off",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
}


@dataclass
class Target:
    """A registered target, `port` 0 if it has none. `next_check`: AWS seconds; `checking`: a probe is under way;
    `version`: of Envoy's configuration, the first that routes to it."""

    id: str
    port: int
    zone: str | None = None
    health: Health = checks.REGISTERING
    next_check: float = 0.0
    checking: bool = False
    version: int = 0

    @property
    def description(self) -> dict[str, Any]:
        shown = {"Id": self.id, "Port": self.port, "AvailabilityZone": self.zone}
        return {key: value for key, value in shown.items() if value}


class TargetGroup(moto.FakeTargetGroup):
    """A target group whose targets are told apart by id and port."""

    attributes: dict[str, Any]
    targets: dict[Key, Target]  # type: ignore[assignment]

    def __init__(self, *, healthcheck_enabled: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if healthcheck_enabled is not None:
            self.health_check_enabled = str(healthcheck_enabled).lower() == "true"
        self.attributes = {
            **({} if self.target_type == "lambda" else _DEFAULTS),
            **{key: str(value) for key, value in self.attributes.items()},
        }
        self.settings: Any = None  # what it was created with
        self.targets = {}
        self.draining: dict[Key, tuple[Target, float]] = {}  # with the AWS second at which it ends

    @property
    def backend(self) -> Any:
        return moto.elbv2_backends[self.account_id][self.region_name]

    @property
    def load_balancer_arns(self) -> list[str]:
        balancers = self.backend.load_balancers.values()
        return [lb.arn for lb in balancers if self.arn in lb.target_groups]

    @load_balancer_arns.setter
    def load_balancer_arns(self, value: list[str]) -> None:
        """moto appends here and forgets to take away; the listeners know better."""

    @property
    def balancer(self) -> LoadBalancer | None:
        """The load balancer that uses it, if one does: a group serves one."""
        return next((lb for lb in self.backend.load_balancers.values() if self.arn in lb.target_groups), None)

    @property
    def in_use(self) -> bool:
        return bool(self.load_balancer_arns)

    def key(self, target: Mapping[str, Any]) -> Key:
        return target["Id"], int(target.get("Port") or self.port or 0)

    def check_port(self, port: int) -> int:
        return port if self.health_check_port in (None, "traffic-port") else int(self.health_check_port)

    def register(self, targets: Sequence[Mapping[str, Any]]) -> None:
        for target in targets:
            self.backend.check_target(self, target)
        new = {self.key(target): target for target in targets if self.key(target) not in self.targets}
        most = MAX_TARGETS if self.target_type in ("ip", "instance") else 1
        if len(self.targets) + len(new) > most:
            raise Refused("TooManyTargets", f"You have reached the maximum of {most} targets")
        for key, target in new.items():
            self.draining.pop(key, None)
            self.targets[key] = Target(*key, zone=target.get("AvailabilityZone"))

    def deregister(self, targets: Sequence[Mapping[str, Any]]) -> None:
        """One that is not registered is no error (DeregisterTargets)."""
        for target in targets:
            gone = self.targets.pop(self.key(target), None)
            delay = float(self.attributes.get("deregistration_delay.timeout_seconds", 0))
            if gone is not None and delay and self.in_use:
                self.draining[self.key(target)] = gone, self.backend.plane.clock.time() + delay

    def deregister_terminated_instances(self, instance_ids: list[str]) -> None:
        self.deregister([t.description for t in self.targets.values() if t.id in instance_ids])

    def forget_drained(self, now: float) -> None:
        self.draining = {key: entry for key, entry in self.draining.items() if entry[1] > now}

    def shown(self, key: Key) -> Health:
        """What describe_target_health says of a target: healthy not before it really gets traffic."""
        health = self.judged(key)
        if health.state == "healthy" and self.targets[key].version > self.backend.plane.live:
            return checks.CHECKING
        return health

    def judged(self, key: Key) -> Health:
        target = self.targets.get(key)
        if target is None:
            return checks.DRAINING if key in self.draining else checks.NOT_REGISTERED
        if not self.in_use:
            return checks.NOT_IN_USE
        if self.target_type == "lambda":
            return checks.NOT_INVOKED
        if self.target_type == "alb":
            if self.address_of(target) is None:
                return checks.DELETED
        elif target.id.startswith("i-"):
            instance = self.ec2_backend.get_instance_by_id(target.id)
            if instance is None or instance.state != "running":
                return checks.STOPPED
        elif self.backend.is_load_balancer(target.id):
            return checks.UNUSABLE
        return target.health if self.health_check_enabled else checks.UNCHECKED

    def address_of(self, target: Target) -> str | None:
        if self.target_type == "lambda":
            return None
        if self.target_type == "alb":
            balancer = self.backend.load_balancers.get(target.id)
            return next(iter(balancer.addresses), None) if balancer is not None else None
        if not target.id.startswith("i-"):
            return target.id
        instance = self.ec2_backend.get_instance_by_id(target.id)
        return instance.private_ip if instance is not None else None

    def endpoint_of(self, target: Target, port: int) -> Endpoint | None:
        """Where a port of the target is found, None if it is not reached by address."""
        address = self.address_of(target)
        if address is None:
            return None
        return address, real_port(port, self.backend.plane.low_ports) if self.target_type == "alb" else port

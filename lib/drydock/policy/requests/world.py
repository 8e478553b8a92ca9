"""The facts about an account that the validators of services and tasks need, as plain data."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from drydock.policy.ecs.capacity import FARGATE_PROVIDERS


@dataclass(frozen=True)
class Cluster:
    """``capacity_providers``: those associated, by name, each with its status.

    ``default_strategy``: its defaultCapacityProviderStrategy as the API gives it. ``container_instances``: how many
    are registered, None if not to be checked. ``namespace``: its Service Connect default.
    """

    status: str = "ACTIVE"
    capacity_providers: Mapping[str, str] = field(default_factory=dict)
    default_strategy: Sequence[Mapping[str, Any]] = ()
    container_instances: int | None = None
    namespace: str = ""


@dataclass(frozen=True)
class TargetGroup:
    """``target_type``: ``ip`` or ``instance``; ``has_load_balancer``: a listener forwards to it."""

    target_type: str = "ip"
    has_load_balancer: bool = True


@dataclass(frozen=True)
class Namespace:
    """A namespace of Cloud Map. ``discovery_names`` and ``aliases``, (DNS name, port), are those that other services
    than the one that is asked about have in it."""

    arn: str
    name: str
    discovery_names: Collection[str] = ()
    aliases: Collection[tuple[str, int]] = ()


@dataclass(frozen=True)
class Issuing:
    """What TLS of Service Connect needs. ``authorities``: private CAs by ARN, each with its status and its tags;
    ``roles``: ARNs of the roles that ECS can assume; ``kms_keys``: what keys are called that are enabled."""

    authorities: Mapping[str, tuple[str, Mapping[str, str]]] = field(default_factory=dict)
    roles: Collection[str] = ()
    kms_keys: Collection[str] = ()


@dataclass(frozen=True)
class World:
    """``cluster`` and ``task_definition`` are None if the request names one that does not exist.

    ``task_definition`` has the shape of describe_task_definition's ``taskDefinition``. ``target_groups`` and
    ``registries`` are keyed by ARN; a registry's value is its DNS record types, e.g. ``{"A"}``.
    ``capacity_providers``: names of all that exist; ``subnets`` and ``security_groups``: the VPC of each that
    exists, by its id; ``listener_rules``: ARNs of those rules and listeners of load balancers that exist;
    ``namespaces``: those that exist, by what the request calls them; None if not to be checked. ``issuing`` as well.
    """

    cluster: Cluster | None = None
    task_definition: Mapping[str, Any] | None = None
    target_groups: Mapping[str, TargetGroup] = field(default_factory=dict)
    registries: Mapping[str, Collection[str]] = field(default_factory=dict)
    capacity_providers: Collection[str] | None = None
    subnets: Mapping[str, str] | None = None
    security_groups: Mapping[str, str] | None = None
    listener_rules: Collection[str] | None = None
    namespaces: Mapping[str, Namespace] | None = None
    issuing: Issuing | None = None


@dataclass(frozen=True)
class Capacity:
    """Where tasks run: either a launch type or a strategy, the other being empty."""

    launch_type: str = ""
    strategy: tuple[Mapping[str, Any], ...] = ()

    @property
    def fargate(self) -> bool:
        names = [item.get("capacityProvider") for item in self.strategy]
        return self.launch_type == "FARGATE" or any(name in FARGATE_PROVIDERS for name in names)


def capacity(request: Mapping[str, Any], cluster: Cluster) -> Capacity:
    """Where a create_service or run_task request runs its tasks.

    Its launchType, else its capacityProviderStrategy, else the cluster's default strategy, else EC2 (documented).
    """
    if request.get("launchType"):
        return Capacity(launch_type=request["launchType"])
    strategy = request.get("capacityProviderStrategy") or cluster.default_strategy
    return Capacity(strategy=tuple(strategy)) if strategy else Capacity(launch_type="EC2")

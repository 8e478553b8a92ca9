"""From a service of App Runner to one of ECS Express Mode: which field becomes which, and what has none.

Source: App Runner API Reference, *CreateService*, *CreateAutoScalingConfiguration*; ECS API Reference,
*CreateExpressGatewayService* (documented, both as botocore 1.44.5 has them). Which field stands for which is derived.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CONCURRENCY, MOST = 100, 25
"""App Runner's MaxConcurrency and MaxSize unless said otherwise (documented)."""
CPU_TARGET = 60
"""Express Mode's autoScalingTargetValue unless said otherwise, in per cent of CPU (documented)."""
_PORT, _PATH = 8080, "/"


@dataclass(frozen=True)
class Left:
    """A field of App Runner that has no field in Express Mode, and what takes its place."""

    field: str
    instead: str


def request(
    service: Mapping[str, Any],
    *,
    infrastructure_role: str,
    execution_role: str,
    scaling: Mapping[str, Any] | None = None,
    subnets: tuple[str, ...] = (),
    security_groups: tuple[str, ...] = (),
) -> tuple[dict[str, Any], tuple[Left, ...]]:
    """The request of CreateExpressGatewayService for a request of CreateService, and what it leaves out.

    ``scaling``: the request of CreateAutoScalingConfiguration that the service has; ``subnets`` and
    ``security_groups``: those of its VPC connector, whose ARN does not name them.

    Raises ValueError for a service that is built from source code: Express Mode runs images.
    """
    source = service.get("SourceConfiguration") or {}
    image = source.get("ImageRepository")
    if not image:
        raise ValueError("Express Mode runs an image: build one from the CodeRepository first and push it to ECR.")
    of_image = image.get("ImageConfiguration") or {}
    instance = service.get("InstanceConfiguration") or {}
    check = service.get("HealthCheckConfiguration") or {}
    container: dict[str, Any] = {"image": image["ImageIdentifier"], "containerPort": int(of_image.get("Port") or _PORT)}
    if of_image.get("StartCommand"):
        container["command"] = shlex.split(of_image["StartCommand"])
    for name, given, key in (
        ("environment", of_image.get("RuntimeEnvironmentVariables"), "value"),
        ("secrets", of_image.get("RuntimeEnvironmentSecrets"), "valueFrom"),
    ):
        if given:
            container[name] = [{"name": variable, key: value} for variable, value in given.items()]
    made: dict[str, Any] = {
        "serviceName": service["ServiceName"],
        "infrastructureRoleArn": infrastructure_role,
        "executionRoleArn": execution_role,
        "primaryContainer": container,
        "cpu": str(_units(instance.get("Cpu") or "1 vCPU")),
        "memory": str(_mib(instance.get("Memory") or "2 GB")),
        "healthCheckPath": check.get("Path") or _PATH,
        "scalingTarget": {
            "minTaskCount": (scaling or {}).get("MinSize") or 1,
            "maxTaskCount": (scaling or {}).get("MaxSize") or MOST,
        },
    }
    if instance.get("InstanceRoleArn"):
        made["taskRoleArn"] = instance["InstanceRoleArn"]
    if subnets or security_groups:
        made["networkConfiguration"] = {"subnets": [*subnets], "securityGroups": [*security_groups]}
    if service.get("Tags"):
        made["tags"] = [{"key": one["Key"], "value": one["Value"]} for one in service["Tags"]]
    return made, tuple(_left(service, scaling, networked=bool(subnets or security_groups)))


def instances(concurrent: float, *, concurrency: int = CONCURRENCY, least: int = 1, most: int = MOST) -> int:
    """How many instances App Runner has active for so many requests at the same time (derived from MaxConcurrency)."""
    return max(least, min(most, math.ceil(concurrent / concurrency)))


def _left(service: Mapping[str, Any], scaling: Mapping[str, Any] | None, *, networked: bool) -> list[Left]:
    source = service.get("SourceConfiguration") or {}
    check = service.get("HealthCheckConfiguration") or {}
    network = service.get("NetworkConfiguration") or {}
    found = []
    if source.get("AutoDeploymentsEnabled", source["ImageRepository"].get("ImageRepositoryType") == "ECR"):
        found.append(Left("AutoDeploymentsEnabled", "a pipeline, or a rule in EventBridge on the push to ECR"))
    if (source.get("AuthenticationConfiguration") or {}).get("AccessRoleArn"):
        found.append(Left("AccessRoleArn", "executionRoleArn, a role that ECS may assume"))
    if check.get("Protocol", "TCP") != "HTTP":
        found.append(
            Left("HealthCheckConfiguration.Protocol TCP", "a path that answers 200; the load balancer asks by HTTP")
        )
    found += [
        Left(f"HealthCheckConfiguration.{name}", "the target group, which is yours to change")
        for name in ("Interval", "Timeout", "HealthyThreshold", "UnhealthyThreshold")
        if name in check
    ]
    if service.get("AutoScalingConfigurationArn") and scaling is None:
        found.append(Left("AutoScalingConfigurationArn", "scalingTarget: MinSize and MaxSize, which no ARN says"))
    if scaling is None or "MaxConcurrency" in scaling:
        found.append(
            Left("MaxConcurrency", "a target: CPU, memory or requests for each task, which is another measure")
        )
    if (network.get("EgressConfiguration") or {}).get("VpcConnectorArn") and not networked:
        found.append(Left("VpcConnectorArn", "networkConfiguration: the subnets and security groups of the connector"))
    if (network.get("IngressConfiguration") or {}).get("IsPubliclyAccessible") is False:
        found.append(Left("IsPubliclyAccessible false", "private subnets, where the load balancer is internal"))
    if network.get("IpAddressType", "IPV4") != "IPV4":
        found.append(Left("IpAddressType", "subnets with IPv6, and ipAddressType of the load balancer"))
    if service.get("EncryptionConfiguration"):
        found.append(Left("EncryptionConfiguration", "keys of the repository and of the log group"))
    if (service.get("ObservabilityConfiguration") or {}).get("ObservabilityEnabled"):
        found.append(Left("ObservabilityConfiguration", "a collector in a task definition of your own"))
    return found


def _units(cpu: str) -> int:
    """ "1 vCPU" or "1024" as CPU units."""
    return round(float(cpu.split()[0]) * 1024) if "vcpu" in cpu.lower() else int(cpu)


def _mib(memory: str) -> int:
    """ "2 GB" or "2048" as MiB."""
    return round(float(memory.split()[0]) * 1024) if "gb" in memory.lower() else int(memory)


def request_target(concurrency: int, seconds: float) -> float:
    """REQUEST_COUNT_PER_TARGET, requests of a minute for each task, that keeps so many under way at a time.

    seconds  that a request takes. Derived (Little's law): what is under way is what arrives times how long it stays.
    """
    if seconds <= 0:
        raise ValueError(f"A request takes more than 0 seconds, not {seconds:g}.")
    return 60 * concurrency / seconds

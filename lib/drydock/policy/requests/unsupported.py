"""What ECS has and the embedded AWS does not act on: refused, so that nothing waits for ever."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from drydock.policy import mounts
from drydock.policy.offers import Offer
from drydock.policy.requests.errors import Invalid
from drydock.policy.requests.world import Capacity

_NOT_OF_THE_TASK = (
    "efsVolumeConfiguration", "s3filesVolumeConfiguration", "fsxWindowsFileServerVolumeConfiguration",
    "configuredAtLaunch",
)  # fmt: skip
_INSTEAD = "Use the launch type FARGATE, or a capacity provider strategy of FARGATE and FARGATE_SPOT."


def refuse(what: str, instead: str = _INSTEAD) -> Invalid:
    """UnsupportedFeatureException, which names what is missing and what there is instead."""
    return Invalid("UnsupportedFeatureException", f"The embedded AWS does not have {what}. {instead}".strip())


def runs(where: Capacity, definition: Mapping[str, Any], offers: Callable[[], frozenset[Offer]]) -> None:
    """Refuse tasks that cannot run here, or that would do something else for want of what they ask for. Raises Invalid.

    `offers` tells what the runtime of their containers has; it is asked only where that matters.
    """
    if not where.fargate:
        named = ", ".join(str(item.get("capacityProvider")) for item in where.strategy)
        place = f"the instances of capacity provider {named}" if named else f"the launch type {where.launch_type}"
        raise refuse(f"{place}: it runs tasks on Fargate only")
    family = (definition.get("runtimePlatform") or {}).get("operatingSystemFamily") or "LINUX"
    if family != "LINUX":
        raise refuse(f"the operating system {family}", "Use the operatingSystemFamily LINUX.")
    volumes = {volume.get("name"): volume for volume in definition.get("volumes") or ()}
    for container in definition.get("containerDefinitions") or ():
        name = container.get("name")
        if (container.get("linuxParameters") or {}).get("tmpfs"):
            raise refuse(
                f"file systems in memory, as container {name} mounts", "Take tmpfs out of the task definition."
            )
        if not (container.get("mountPoints") or container.get("volumesFrom")):
            continue
        if Offer.MOUNTS not in offers():
            raise refuse(
                f"volumes, as container {name} mounts",
                "Take mountPoints and volumesFrom out of the "
                "task definition; a container has a folder of its own in $TMPDIR.",
            )
        for point in mounts.of(definition, str(name)):
            kinds = [kind for kind in _NOT_OF_THE_TASK if volumes.get(point.volume, {}).get(kind)]
            if kinds:
                raise refuse(
                    f"volumes with {kinds[0]}, as container {name} mounts",
                    "Use a volume that has only a name, which lives as long as its task.",
                )


def launches(request: Mapping[str, Any]) -> None:
    """Refuse tasks of a RunTask request that would have what is not there. Raises Invalid."""
    _platform_version(request)
    if request.get("volumeConfigurations"):
        raise refuse(_CONNECTIONS["volumeConfigurations"], "Leave volumeConfigurations out.")


def _platform_version(request: Mapping[str, Any]) -> None:
    if request.get("platformVersion") not in (None, "", "LATEST", "1.4.0"):
        raise refuse(f"the platform version {request['platformVersion']}", "Use LATEST, which is 1.4.0.")


def scales(provider: Mapping[str, Any]) -> None:
    """Refuse an `autoScalingGroupProvider` whose group ECS is to change by itself. Raises Invalid."""
    if (provider.get("managedScaling") or {}).get("status") == "ENABLED":
        raise refuse("managed scaling of Auto Scaling groups", "Leave managedScaling out.")
    if provider.get("managedTerminationProtection") == "ENABLED":
        raise refuse("managed termination protection", "Leave managedTerminationProtection out.")


def deploys(request: Mapping[str, Any]) -> None:
    """Refuse a service that would be connected, measured or deployed by what is not there. Raises Invalid."""
    connect = request.get("serviceConnectConfiguration") or {}
    driver = (connect.get("logConfiguration") or {}).get("logDriver", "awslogs")
    if (connect.get("logConfiguration") or {}).get("secretOptions"):
        raise refuse("secrets for the log driver of Service Connect", "Leave secretOptions out.")
    if connect.get("enabled") and driver != "awslogs":
        raise refuse(f"the log driver {driver} for the proxies of Service Connect", "Use awslogs.")
    _platform_version(request)
    for balancer in request.get("loadBalancers") or ():
        if balancer.get("loadBalancerName"):
            raise refuse("Classic Load Balancers", "Use a targetGroupArn.")
    for field, what in _CONNECTIONS.items():
        if request.get(field):
            raise refuse(what, f"Leave {field} out.")
    for metric in (request.get("monitoring") or {}).get("metricConfigurations") or ():
        if metric.get("resolutionSeconds") != 60:
            raise refuse("metrics of services every 20 seconds", "Use a resolutionSeconds of 60.")


_CONNECTIONS = {
    "gatewayConnectors": "gateways",
    "vpcLatticeConfigurations": "VPC Lattice",
    "volumeConfigurations": "volumes that are made when a task is launched",
}

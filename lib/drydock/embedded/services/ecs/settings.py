"""A service's settings: what was asked for, and what ECS fills in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drydock.embedded.services.ecs.records import Document
from drydock.policy.ecs.capacity import FARGATE_PROVIDERS
from drydock.policy.requests.service import changed_deployment, hinders_balance
from drydock.policy.requests.world import Capacity, Cluster, capacity

_NOT_SETTINGS = ("cluster", "service", "serviceName", "clientToken", "tags", "role", "forceNewDeployment")
_DEFAULTS: Document = {
    "desiredCount": 0,
    "schedulingStrategy": "REPLICA",
    "deploymentController": {"type": "ECS"},
    "propagateTags": "NONE",
    "enableECSManagedTags": False,
    "enableExecuteCommand": False,
    "loadBalancers": [],
    "serviceRegistries": [],
    "placementConstraints": [],
    "placementStrategy": [],
}
_OF_ECS: Document = {
    "deploymentCircuitBreaker": {"enable": False, "rollback": False},
    "strategy": "ROLLING",
    "bakeTimeInMinutes": 0,
}
"""Of a deploymentConfiguration, where ECS deploys."""
_PLACED = ("loadBalancers", "networkConfiguration", "platformVersion", "serviceRegistries")


def new(request: Mapping[str, Any], cluster: Cluster) -> Document:
    """The settings of a service that `request` (CreateService) makes on `cluster`."""
    asked = {key: value for key, value in request.items() if key not in _NOT_SETTINGS and value is not None}
    settings = {**_DEFAULTS, **asked}
    settings |= placed(request, capacity(request, cluster))
    daemon = settings["schedulingStrategy"] == "DAEMON"
    bounds = {"maximumPercent": 100 if daemon else 200, "minimumHealthyPercent": 0 if daemon else 100}
    settings["deploymentConfiguration"] = {
        **bounds,
        **(_OF_ECS if settings["deploymentController"]["type"] == "ECS" else {}),
        **(asked.get("deploymentConfiguration") or {}),
    }
    _name_namespace(settings, cluster)
    settings.setdefault("availabilityZoneRebalancing", "DISABLED" if hinders_balance(settings) else "ENABLED")
    return settings


def _name_namespace(settings: Document, cluster: Cluster) -> None:
    """Service Connect without a namespace is in the cluster's default one."""
    asked = settings.get("serviceConnectConfiguration") or {}
    if asked.get("enabled") and not asked.get("namespace") and cluster.namespace:
        settings["serviceConnectConfiguration"] = {**asked, "namespace": cluster.namespace}


def placed(request: Mapping[str, Any], where: Capacity) -> Document:
    """What a service, or a task set, has of a request that says where its tasks run."""
    found = {key: request[key] for key in _PLACED if request.get(key) is not None}
    if where.strategy:
        found["capacityProviderStrategy"] = [{"weight": 0, "base": 0, **item} for item in where.strategy]
    else:
        found["launchType"] = where.launch_type
    if where.fargate:
        found.setdefault("platformVersion", "LATEST")
    return found


def updated(settings: Document, request: Mapping[str, Any], cluster: Cluster) -> Document:
    """The settings after `request` (UpdateService); what it leaves out stays."""
    changes = {key: value for key, value in request.items() if key not in _NOT_SETTINGS and value is not None}
    result = {**settings, **changes}
    if "deploymentConfiguration" in changes:
        before, asked = settings["deploymentConfiguration"], changes["deploymentConfiguration"]
        result["deploymentConfiguration"] = changed_deployment(before, asked)
    if changes.get("capacityProviderStrategy") == []:  # back to the launch type
        had = settings.get("capacityProviderStrategy") or ()
        fargate = any(item["capacityProvider"] in FARGATE_PROVIDERS for item in had)
        result["launchType"] = settings.get("launchType") or ("FARGATE" if fargate else "EC2")
        del result["capacityProviderStrategy"]
    elif "capacityProviderStrategy" in changes:
        result.pop("launchType", None)
        result["capacityProviderStrategy"] = [
            {"weight": 0, "base": 0, **item} for item in changes["capacityProviderStrategy"]
        ]
    _name_namespace(result, cluster)
    return result

"""A service's settings: what was asked for, and what ECS fills in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drydock.embedded.services.ecs.records import Document
from drydock.policy.ecs.capacity import FARGATE_PROVIDERS
from drydock.policy.requests.service import can_balance, changed_deployment
from drydock.policy.requests.world import Cluster, capacity

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


def new(request: Mapping[str, Any], cluster: Cluster) -> Document:
    """The settings of a service that `request` (CreateService) makes on `cluster`."""
    asked = {key: value for key, value in request.items() if key not in _NOT_SETTINGS and value is not None}
    settings = {**_DEFAULTS, **asked}
    where = capacity(request, cluster)
    if where.strategy:
        settings["capacityProviderStrategy"] = [{"weight": 0, "base": 0, **item} for item in where.strategy]
    else:
        settings["launchType"] = where.launch_type
    if where.fargate:
        settings.setdefault("platformVersion", "LATEST")
    daemon = settings["schedulingStrategy"] == "DAEMON"
    settings["deploymentConfiguration"] = {
        "deploymentCircuitBreaker": {"enable": False, "rollback": False},
        "maximumPercent": 100 if daemon else 200,
        "minimumHealthyPercent": 0 if daemon else 100,
        "strategy": "ROLLING",
        "bakeTimeInMinutes": 0,
        **(asked.get("deploymentConfiguration") or {}),
    }
    _name_namespace(settings, cluster)
    balanced = not daemon and can_balance(settings["deploymentConfiguration"])
    settings.setdefault("availabilityZoneRebalancing", "ENABLED" if balanced else "DISABLED")
    return settings


def _name_namespace(settings: Document, cluster: Cluster) -> None:
    """Service Connect without a namespace is in the cluster's default one."""
    asked = settings.get("serviceConnectConfiguration") or {}
    if asked.get("enabled") and not asked.get("namespace") and cluster.namespace:
        settings["serviceConnectConfiguration"] = {**asked, "namespace": cluster.namespace}


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

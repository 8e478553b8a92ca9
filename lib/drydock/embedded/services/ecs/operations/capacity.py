"""Capacity providers."""

from __future__ import annotations

from typing import Any

from drydock.embedded.services.ecs.lookups import arn_of, error
from drydock.embedded.services.ecs.operations.shape import operation, page
from drydock.embedded.services.ecs.records import Document
from drydock.policy.ecs.capacity import FARGATE_PROVIDERS
from drydock.policy.requests import fields, unsupported


@operation
def describe_capacity_providers(response: Any, request: Document) -> Document:
    """Fargate's two, which every account has, and those of Auto Scaling groups; without names, all."""
    backend = response.ecs_backend
    known: dict[str, Document] = {}
    for name in sorted(FARGATE_PROVIDERS):
        arn = arn_of(backend, f"capacity-provider/{name}")
        known[name] = {"capacityProviderArn": arn, "name": name, "status": "ACTIVE", "tags": []}
    for provider in backend.capacity_providers.values():
        known[provider.name] = _shown_provider(provider, set(request.get("include") or ()))
    asked = request.get("capacityProviders") or list(known)
    missing = [name for name in asked if name.rsplit("/", 1)[-1] not in known]
    answer = page(
        [known[name.rsplit("/", 1)[-1]] for name in asked if name not in missing], request, "capacityProviders"
    )
    failures = [{"arn": arn_of(backend, f"capacity-provider/{name}"), "reason": "MISSING"} for name in missing]
    return {**answer, "failures": failures}


@operation
def create_capacity_provider(response: Any, request: Document) -> Document:
    backend, name = response.ecs_backend, request["name"]
    group = request.get("autoScalingGroupProvider")
    fields.tags(request.get("tags"))
    if not fields.NAME.fullmatch(name) or name.lower().startswith(("aws", "ecs", "fargate")):
        raise error("InvalidParameterException", f"The specified capacity provider name '{name}' is invalid.")
    if request.get("managedInstancesProvider"):
        raise unsupported.refuse("Managed Instances")
    if not group:
        raise error("InvalidParameterException", "You must specify an autoScalingGroupProvider.")
    unsupported.scales(group)
    if name in backend.capacity_providers:
        raise error("InvalidParameterException", f"The specified capacity provider already exists: '{name}'.")
    backend.create_capacity_provider(name, group, request.get("tags"))
    return {"capacityProvider": _shown_provider(backend.capacity_providers[name], {"TAGS"})}


@operation
def update_capacity_provider(response: Any, request: Document) -> Document:
    provider = _provider(response.ecs_backend, request["name"])
    if request.get("managedInstancesProvider"):
        raise unsupported.refuse("Managed Instances")
    group = request.get("autoScalingGroupProvider") or {}
    unsupported.scales(group)
    response.ecs_backend.update_capacity_provider(provider.name, group)
    return {"capacityProvider": _shown_provider(provider, set())}


@operation
def delete_capacity_provider(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    provider = _provider(backend, request["capacityProvider"])
    users = [c.name for c in backend.clusters.values() if provider.name in _names(c.capacity_providers)]
    if users:
        raise error(
            "ClientException",
            "The capacity provider cannot be deleted because it is associated with cluster: "
            f"{users[0]}. Remove the capacity provider from the cluster and try again.",
        )
    del backend.capacity_providers[provider.name]
    return {"capacityProvider": {**_shown_provider(provider, set()), "status": "INACTIVE"}}


def _names(providers: Any) -> list[str]:
    return [item.rsplit("/", 1)[-1] for item in providers or ()]


def _provider(backend: Any, identifier: str) -> Any:
    name = identifier.rsplit("/", 1)[-1]
    if name in FARGATE_PROVIDERS:
        raise error("ClientException", f"The capacity provider {name} is reserved and cannot be changed or deleted.")
    if name not in backend.capacity_providers:
        raise error("ClientException", "The specified capacity provider does not exist.")
    return backend.capacity_providers[name]


def _shown_provider(provider: Any, include: set[str]) -> Document:
    return {
        "capacityProviderArn": provider.capacity_provider_arn,
        "name": provider.name,
        "status": provider.status,
        "autoScalingGroupProvider": provider.auto_scaling_group_provider,
        "tags": (provider.tags or []) if "TAGS" in include else [],
        **({"updateStatus": provider.update_status} if provider.update_status else {}),
    }


OPERATIONS = (
    describe_capacity_providers,
    create_capacity_provider,
    update_capacity_provider,
    delete_capacity_provider,
)

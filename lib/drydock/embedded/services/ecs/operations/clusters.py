"""Clusters."""

from __future__ import annotations

from typing import Any

from drydock.embedded.core import seams
from drydock.embedded.services.ecs import views
from drydock.embedded.services.ecs.lookups import arn_of, cluster_name, cluster_of, error, is_seen, made_now
from drydock.embedded.services.ecs.operations.shape import operation, page
from drydock.embedded.services.ecs.records import Document, utcnow
from drydock.policy.ecs.capacity import FARGATE_PROVIDERS
from drydock.policy.requests import cluster as cluster_rules
from drydock.policy.requests import service_connect as connect_rules


@operation
def create_cluster(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    name = request.get("clusterName") or "default"
    cluster_rules.validate(request, _providers(backend))
    existing = backend.clusters.get(name)
    if existing is None or existing.status == "INACTIVE":
        if not backend.engine.linked_role.is_there() and request.get("capacityProviders"):
            raise error(
                "InvalidParameterException",
                "Unable to assume the service linked role. Please verify that the ECS service linked role exists.",
            )
        backend.create_cluster(
            name,
            request.get("tags"),
            request.get("settings"),
            request.get("configuration"),
            request.get("capacityProviders") or [],
            request.get("defaultCapacityProviderStrategy") or [],
            service_connect_defaults=_service_connect_defaults(backend, request),
        )
        made_now(backend, backend.clusters[name].arn)
    return {"cluster": _describe_cluster(backend, backend.clusters[name], {"TAGS", "SETTINGS", "CONFIGURATIONS"})}


@operation
def describe_clusters(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    found, failures = [], []
    for identifier in request.get("clusters") or ["default"]:
        cluster = backend.clusters.get(cluster_name(backend, {"cluster": identifier}))
        if cluster is None or not is_seen(backend, cluster.arn):
            arn = identifier if identifier.startswith("arn:") else arn_of(backend, f"cluster/{identifier}")
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(_describe_cluster(backend, cluster, set(request.get("include") or ())))
    return {"clusters": found, "failures": failures}


@operation
def update_cluster(response: Any, request: Document) -> Document:
    cluster = cluster_of(response.ecs_backend, request)
    cluster_rules.validate(request, _providers(response.ecs_backend))
    cluster.settings = request.get("settings") or cluster.settings
    cluster.configuration = request.get("configuration") or cluster.configuration
    if "serviceConnectDefaults" in request:
        cluster.service_connect_defaults = _service_connect_defaults(response.ecs_backend, request)
    return {"cluster": _describe_cluster(response.ecs_backend, cluster, {"SETTINGS", "CONFIGURATIONS"})}


@operation
def update_cluster_settings(response: Any, request: Document) -> Document:
    cluster = cluster_of(response.ecs_backend, request)
    cluster_rules.validate(request, _providers(response.ecs_backend))
    changed = {setting["name"]: setting for setting in [*(cluster.settings or []), *request["settings"]]}
    cluster.settings = list(changed.values())
    return {"cluster": _describe_cluster(response.ecs_backend, cluster, {"SETTINGS"})}


@operation
def put_cluster_capacity_providers(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    cluster = cluster_of(backend, request)
    cluster_rules.validate(request, _providers(backend))
    cluster.capacity_providers = request["capacityProviders"]
    cluster.default_capacity_provider_strategy = request["defaultCapacityProviderStrategy"]
    return {"cluster": _describe_cluster(backend, cluster, set())}


@operation
def delete_cluster(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    cluster = cluster_of(backend, request)
    if not seams.replaying():  # what was in the way had gone by itself, and only the engine knows
        _refuse_if_in_use(backend, cluster)
    cluster.status, cluster.deleted_at = "INACTIVE", utcnow()
    backend.engine.table.forget_deleted(backend)
    return {"cluster": _describe_cluster(backend, cluster, {"TAGS"})}


def _refuse_if_in_use(backend: Any, cluster: Any) -> None:
    if any(s.cluster_name == cluster.name and s.status != "INACTIVE" for s in backend.services.values()):
        raise error("ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active.")
    if any(t.status != "STOPPED" for t in backend.tasks.get(cluster.name, {}).values()):
        raise error("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")
    if cluster.registered_container_instances_count:
        raise error(
            "ClusterContainsContainerInstancesException",
            "The Cluster cannot be deleted while Container Instances are active or draining.",
        )


@operation
def list_clusters(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    arns = [c.arn for c in backend.clusters.values() if c.status == "ACTIVE" and is_seen(backend, c.arn)]
    return page(arns, request, "clusterArns")


def _describe_cluster(backend: Any, cluster: Any, include: set[str]) -> Document:
    tasks = list(backend.tasks.get(cluster.name, {}).values())
    running, pending = views.counts(tasks)
    services = [s for s in backend.services.values() if s.cluster_name == cluster.name]
    document: Document = {
        "clusterArn": cluster.arn,
        "clusterName": cluster.name,
        "status": cluster.status,
        "registeredContainerInstancesCount": cluster.registered_container_instances_count,
        "runningTasksCount": running,
        "pendingTasksCount": pending,
        "activeServicesCount": sum(s.status != "INACTIVE" for s in services),
        "capacityProviders": cluster.capacity_providers or [],
        "defaultCapacityProviderStrategy": cluster.default_capacity_provider_strategy or [],
        "statistics": [],
        "settings": cluster.settings if "SETTINGS" in include else [],
        "tags": (cluster.tags or []) if "TAGS" in include else [],
        "serviceConnectDefaults": cluster.service_connect_defaults,
    }
    if "CONFIGURATIONS" in include and cluster.configuration:
        document["configuration"] = cluster.configuration
    if "STATISTICS" in include:
        fargate = [t for t in tasks if t.document.get("launchType") == "FARGATE"]
        numbers = dict(
            zip(("runningFargateTasksCount", "pendingFargateTasksCount"), views.counts(fargate), strict=True)
        )
        numbers["activeServiceCount"] = document["activeServicesCount"]
        document["statistics"] = [{"name": key, "value": str(value)} for key, value in numbers.items()]
    return document


def _service_connect_defaults(backend: Any, request: Document) -> Document | None:
    """The namespace that a request names, made if it is not there; none for an empty name."""
    given = (request.get("serviceConnectDefaults") or {}).get("namespace")
    if not given:
        return None
    connect_rules.namespace_name(given)
    namespaces = backend.engine.namespaces
    if given.startswith("arn:") and namespaces.find(backend.region_name, given) is None:
        raise error("NamespaceNotFoundException", f"The specified namespace {given} was not found.")
    return {"namespace": namespaces.settled(backend.region_name, given)}


def _providers(backend: Any) -> frozenset[str]:
    return frozenset((*FARGATE_PROVIDERS, *backend.capacity_providers))


OPERATIONS = (
    create_cluster,
    describe_clusters,
    update_cluster,
    update_cluster_settings,
    put_cluster_capacity_providers,
    delete_cluster,
    list_clusters,
)

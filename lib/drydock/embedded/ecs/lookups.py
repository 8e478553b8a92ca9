"""Finding what a request names, with ECS's own errors where it is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from moto.ecs.exceptions import ECSException

from drydock.embedded.ecs.records import Document, Service, Task


def error(code: str, message: str) -> ECSException:
    return ECSException(code, message)


def cluster_of(backend: Any, request: Document) -> Any:
    name = str(request.get("cluster") or "default").rsplit("/", 1)[-1]
    cluster = backend.clusters.get(name)
    if cluster is None:
        raise error("ClusterNotFoundException", "Cluster not found.")
    if cluster.status == "INACTIVE":
        raise error("ClusterNotFoundException", "The referenced cluster was inactive.")
    return cluster


def service_of(backend: Any, request: Document) -> Service:
    cluster = cluster_of(backend, request)
    name = str(request.get("service") or "").rsplit("/", 1)[-1]
    service = backend.services.get(f"{cluster.name}:{name}")
    if service is None:
        raise error("ServiceNotFoundException", "Service not found.")
    return service


def task_of(backend: Any, cluster: Any, identifier: str) -> Task | None:
    wanted = identifier.rsplit("/", 1)[-1]
    return next((t for t in backend.tasks.get(cluster.name, {}).values() if t.id == wanted), None)


def definition_of(backend: Any, identifier: str) -> Any:
    """The task definition that `family`, `family:revision` or an ARN names: the newest active one without revision."""
    family, _, revision = identifier.rsplit("/", 1)[-1].partition(":")
    revisions = backend.task_definitions.get(family, {})
    if revision:
        found = revisions.get(int(revision)) if revision.isdigit() else None
    else:
        active = [number for number, item in revisions.items() if item.status == "ACTIVE"]
        found = revisions[max(active)] if active else None
    if found is None:
        raise error("ClientException", "Unable to describe task definition.")
    return found


def tagged(backend: Any, arn: str) -> Any:
    """The cluster, service, task, task definition or capacity provider that an ARN names."""
    kind, _, rest = arn.split(":", 5)[-1].partition("/")
    known: dict[str, Callable[[], Iterable[Any]]] = {
        "cluster": backend.clusters.values,
        "service": backend.services.values,
        "task": lambda: (task for group in backend.tasks.values() for task in group.values()),
        "task-definition": lambda: (d for family in backend.task_definitions.values() for d in family.values()),
        "capacity-provider": backend.capacity_providers.values,
    }
    if not arn.startswith("arn:aws:ecs:") or kind not in known or not rest:
        raise error("InvalidParameterException", f"The specified ARN is not valid: {arn}.")
    found = next((each for each in known[kind]() if _arn(each) == arn), None)
    if found is None or getattr(found, "status", "") == "INACTIVE":
        code, what = _ABSENT.get(kind, ("ResourceNotFoundException", "The specified resource"))
        raise error(code, f"{what} was not found.")
    return found


_ABSENT = {
    "cluster": ("ClusterNotFoundException", "Cluster"),
    "service": ("InvalidParameterException", "The specified service"),
    "task": ("InvalidParameterException", "The specified task"),
    "task-definition": ("InvalidParameterException", "The specified task definition"),
}


def _arn(each: Any) -> str:
    return str(getattr(each, "arn", "") or each.capacity_provider_arn)


def arn_of(backend: Any, resource: str) -> str:
    return f"arn:aws:ecs:{backend.region_name}:{backend.account_id}:{resource}"

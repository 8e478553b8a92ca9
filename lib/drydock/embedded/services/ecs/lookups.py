"""Finding what a request names, with ECS's own errors where it is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from moto.ecs.exceptions import ECSException

from drydock.embedded.services.ecs.records import Document, Service, Task
from drydock.policy.requests import identifiers
from drydock.policy.requests.identifiers import Place


def error(code: str, message: str) -> ECSException:
    return ECSException(code, message)


def made_now(backend: Any, *arns: str) -> None:
    """A call has made these: reads do not see them yet, where they lag."""
    host = backend.engine.host
    for arn in arns:
        host.lately.note(("unseen", arn), host.profile.ecs_reads)


def is_seen(backend: Any, arn: str) -> bool:
    """Whether reads see what has this ARN; those of AWS itself do at once."""
    host = backend.engine.host
    return not (host.front.is_called and host.lately.has(("unseen", arn)))


def named(backend: Any, request: Document, kind: str, given: Iterable[str]) -> list[str]:
    """The names or ids that identifiers give in the cluster of a request. Raises Invalid where one is not for it."""
    place = Place(backend.region_name, backend.account_id)
    place = Place(backend.region_name, backend.account_id, identifiers.cluster_of(request, place))
    return [identifiers.name_of(kind, identifier, place) for identifier in given]


def cluster_name(backend: Any, request: Document) -> str:
    return identifiers.cluster_of(request, Place(backend.region_name, backend.account_id))


def cluster_of(backend: Any, request: Document) -> Any:
    cluster = backend.clusters.get(cluster_name(backend, request))
    if cluster is None:
        raise error("ClusterNotFoundException", "Cluster not found.")
    if cluster.status == "INACTIVE":
        raise error("ClusterNotFoundException", "The referenced cluster was inactive.")
    return cluster


def service_of(backend: Any, request: Document) -> Service:
    (name,) = named(backend, request, "service", [str(request.get("service") or "")])
    service: Service | None = backend.services.get(f"{cluster_of(backend, request).name}:{name}")
    if service is None:
        raise error("ServiceNotFoundException", "Service not found.")
    return service


def task_of(backend: Any, request: Document, identifier: str) -> Task | None:
    """The task in the cluster of the request, None where there is none."""
    (wanted,) = named(backend, request, "task", [identifier])
    cluster = cluster_of(backend, request).name
    found: Task | None = backend.tasks.get(cluster, {}).get(arn_of(backend, f"task/{cluster}/{wanted}"))
    return found


def definition_of(backend: Any, identifier: str) -> Any:
    """The task definition that `family`, `family:revision` or an ARN names: the newest active one without revision."""
    if identifier.startswith("arn:") and not identifier.startswith(arn_of(backend, "task-definition/")):
        raise error("ClientException", "Unable to describe task definition.")
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
    """The cluster, service, task set, task, task definition or capacity provider that an ARN names."""
    kind, _, rest = arn.split(":", 5)[-1].partition("/")
    known: dict[str, Callable[[], Iterable[Any]]] = {
        "cluster": backend.clusters.values,
        "service": backend.services.values,
        "task-set": lambda: (each for service in backend.services.values() for each in service.task_sets),
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
    "task-set": ("TaskSetNotFoundException", "The specified task set"),
    "task": ("InvalidParameterException", "The specified task"),
    "task-definition": ("InvalidParameterException", "The specified task definition"),
}


def _arn(each: Any) -> str:
    return str(getattr(each, "arn", "") or each.capacity_provider_arn)


def arn_of(backend: Any, resource: str) -> str:
    return f"arn:aws:ecs:{backend.region_name}:{backend.account_id}:{resource}"

"""Task sets. CodeDeploy, which is this cloud's own, manages those of its services by these operations, too."""

from __future__ import annotations

from typing import Any

from drydock.embedded.core.direct import notes
from drydock.embedded.services.ecs import asks, settings, views
from drydock.embedded.services.ecs.lookups import arn_of, error, service_of
from drydock.embedded.services.ecs.operations.shape import operation
from drydock.embedded.services.ecs.records import Document, Service, TaskSet
from drydock.policy.ecs import task_sets as rules
from drydock.policy.requests import task_set as request_rules
from drydock.policy.requests import unsupported, world


@notes
@operation
def create_task_set(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    service = _managed(backend, request)
    token = request.get("clientToken")
    known = next((each for each in service.task_sets if token and each.client_token == token), None)
    if known is not None:
        return _shown(backend, service, known)
    facts = backend.engine.facts.of(backend, request)
    request_rules.validate_create(request, len(service.task_sets), facts)
    assert facts.cluster is not None and facts.task_definition is not None
    unsupported.deploys(request)
    where, host = world.capacity(request, facts.cluster), backend.engine.host
    unsupported.runs(where, facts.task_definition, lambda: asks.offers(host))
    response.noted.changes(service)
    made = backend.engine.task_sets.begin(
        service,
        {**settings.placed(request, where), "taskDefinition": facts.task_definition["taskDefinitionArn"]},
        scale=rules.percent(request.get("scale")),
        external_id=request.get("externalId"),
        started_by="CODE_DEPLOY" if service.controller == "CODE_DEPLOY" else None,
        client_token=token,
        tags=request.get("tags") or (),
    )
    backend.engine.save()
    return _shown(backend, service, made)


@operation
def describe_task_sets(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    service = service_of(backend, request)
    request_rules.validate_controller(service.controller, by_codedeploy=True)
    wanted = request.get("taskSets")
    known = {each.id: each for each in service.task_sets}
    names = [_name(one) for one in wanted] if wanted else list(known)
    tasks = backend.engine.table.of_service(service)
    include_tags = "TAGS" in (request.get("include") or ())
    where = f"task-set/{service.cluster_name}/{service.name}"
    return {
        "taskSets": [
            views.describe_task_set(service, known[name], tasks, include_tags=include_tags)
            for name in names
            if name in known
        ],
        "failures": [
            {"arn": arn_of(backend, f"{where}/{name}"), "reason": "MISSING"} for name in names if name not in known
        ],
    }


@notes
@operation
def update_task_set(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    service = _managed(backend, request)
    task_set = _task_set(service, request["taskSet"])
    request_rules.validate_scale(request["scale"])
    _goes_on(task_set)
    response.noted.changes(service)
    backend.engine.task_sets.scale(service, task_set, rules.percent(request["scale"]))
    backend.engine.save()
    return _shown(backend, service, task_set)


@notes
@operation
def update_service_primary_task_set(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    service = _managed(backend, request)
    task_set = _task_set(service, request["primaryTaskSet"])
    _goes_on(task_set)
    response.noted.changes(service)
    backend.engine.task_sets.make_primary(service, task_set)
    backend.engine.save()
    return _shown(backend, service, task_set)


@notes
@operation
def delete_task_set(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    service = _managed(backend, request)
    task_set = _task_set(service, request["taskSet"])
    why_not = rules.why_not_deleted(task_set.status, task_set.scale, force=bool(request.get("force")))
    if why_not:
        raise error("InvalidParameterException", why_not)
    response.noted.changes(service)
    backend.engine.task_sets.end(service, task_set)
    backend.engine.save()
    return _shown(backend, service, task_set)


def _managed(backend: Any, request: Document) -> Service:
    """The service of a request that changes a task set of it."""
    service = service_of(backend, request)
    by_codedeploy = not backend.engine.host.front.is_called
    request_rules.validate_controller(service.controller, by_codedeploy=by_codedeploy)
    if service.status != "ACTIVE":
        raise error("ServiceNotActiveException", "Service was not ACTIVE.")
    return service


def _task_set(service: Service, identifier: str) -> TaskSet:
    found = next((each for each in service.task_sets if each.id == _name(identifier)), None)
    if found is None:
        raise error("TaskSetNotFoundException", "The specified task set was not found.")
    return found


def _goes_on(task_set: TaskSet) -> None:
    if task_set.status == rules.Status.DRAINING:
        raise error("InvalidParameterException", "The task set is DRAINING.")


def _name(identifier: str) -> str:
    """The id that an id or an ARN of a task set gives."""
    return "/".join(identifier.split("/")[-2:])


def _shown(backend: Any, service: Service, task_set: TaskSet) -> Document:
    tasks = backend.engine.table.of_service(service)
    return {"taskSet": views.describe_task_set(service, task_set, tasks, include_tags=True)}


OPERATIONS = (
    create_task_set,
    describe_task_sets,
    update_task_set,
    update_service_primary_task_set,
    delete_task_set,
)

"""Services, their deployments and revisions."""

from __future__ import annotations

from typing import Any

from drydock.embedded.core import seams
from drydock.embedded.core.direct import notes
from drydock.embedded.services.ecs import asks, settings, views
from drydock.embedded.services.ecs.facts import definition
from drydock.embedded.services.ecs.lookups import arn_of, cluster_of, error, is_seen, made_now, named, service_of
from drydock.embedded.services.ecs.operations.shape import operation, page
from drydock.embedded.services.ecs.records import Deployment, Document, Ids, Service, utcnow
from drydock.policy.ecs.task_sets import Status
from drydock.policy.requests import fields, unsupported, world
from drydock.policy.requests import service as service_rules


@notes
@operation
def create_service(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    facts = backend.engine.facts.of(backend, request)
    service_rules.validate_create(request, facts)
    assert facts.cluster is not None
    unsupported.deploys(request)
    if facts.task_definition is not None:
        _runs(backend, request, facts)
    cluster = cluster_of(backend, request)
    name = request["serviceName"]
    key = f"{cluster.name}:{name}"
    existing = backend.services.get(key)
    if existing is not None and existing.status == "DRAINING":
        raise error("InvalidParameterException", "Unable to Start a service that is still Draining.")
    if existing is not None and existing.status != "INACTIVE":
        if request.get("clientToken") and request["clientToken"] == existing.client_token:
            tasks = backend.engine.table.of_service(existing)
            return {"service": views.describe_service(existing, tasks, include_tags=True)}
        raise error("InvalidParameterException", "Creation of service was not idempotent.")
    service = Service(
        name=name,
        arn=arn_of(backend, f"service/{cluster.name}/{name}"),
        cluster_name=cluster.name,
        cluster_arn=cluster.arn,
        region_name=backend.region_name,
        settings=settings.new(request, facts.cluster),
        created_at=utcnow(),
        ids=Ids(f"{backend.engine.host.seed_in(backend.region_name)}:{key}:{utcnow().timestamp() if existing else 0}"),
        tags=request.get("tags") or [],
        client_token=request.get("clientToken"),
        changed_by=backend.engine.host.front.request,
    )
    if facts.task_definition is not None:
        service.settings["taskDefinition"] = facts.task_definition["taskDefinitionArn"]
    response.noted.put(backend.services, key, service)
    if service.controller == "ECS":
        backend.engine.deployments.begin(service)
    elif service.controller == "CODE_DEPLOY":
        backend.engine.task_sets.begin(service, service.settings, status=Status.PRIMARY)
    backend.engine.table.keep(service)
    made_now(backend, service.arn)
    return {"service": views.describe_service(service, [], include_tags=True)}


@notes
@operation
def update_service(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    service = service_of(backend, request)
    tasks = backend.engine.table.of_service(service)
    shown = views.describe_service(service, tasks, include_tags=False)
    wanted = {"cluster": service.cluster_name, "taskDefinition": service.task_definition, **request}
    facts = backend.engine.facts.of(backend, {**service.settings, **wanted})
    service_rules.validate_update(request, shown, facts)
    if (request.get("deploymentController") or {}).get("type", service.controller) != service.controller:
        raise unsupported.refuse("a change of the deployment controller", "Create a service that has the other one.")
    assert facts.cluster is not None
    changed = settings.updated(service.settings, request, facts.cluster)
    unsupported.deploys(changed)
    if service.controller == "ECS":
        _runs(backend, changed, facts)
    if service.controller == "ECS" and facts.task_definition is not None:
        changed["taskDefinition"] = facts.task_definition["taskDefinitionArn"]
    response.noted.changes(service)
    backend.engine.deployments.change(service, changed, force=bool(request.get("forceNewDeployment")))
    backend.engine.save()
    return {"service": views.describe_service(service, tasks, include_tags=True)}


@notes
@operation
def delete_service(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    service = service_of(backend, request)
    if service.status == "INACTIVE" and not seams.replaying():  # the first time it was DRAINING, for longer
        raise error("ServiceNotActiveException", "Service was not ACTIVE.")
    if service.desired_count > 0 and service.scheduling_strategy != "DAEMON" and not request.get("force"):
        raise error("InvalidParameterException", "The service cannot be stopped while it is scaled above 0.")
    if service.task_sets and not request.get("force"):
        raise error("InvalidParameterException", "The service cannot be stopped while deployments are active.")
    response.noted.changes(service)
    service.changed_by = backend.engine.host.front.request
    service.settings = {**service.settings, "desiredCount": 0}
    service.status = "INACTIVE" if seams.replaying() else "DRAINING"  # it had no task left before the next of its name
    service.steady = False
    if seams.replaying():
        service.task_sets = []
    service.deleted_at = utcnow()
    backend.engine.table.keep(service)
    backend.engine.table.forget_deleted(backend)
    return {"service": views.describe_service(service, backend.engine.table.of_service(service), include_tags=True)}


@operation
def describe_services(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    wanted = request.get("services") or []
    if not wanted:
        raise error("InvalidParameterException", "Services cannot be empty.")
    if len(wanted) > 10:
        raise error("InvalidParameterException", "Service references cannot exceed 10.")
    names = named(backend, request, "service", wanted)
    cluster = cluster_of(backend, request)
    found, failures = [], []
    for identifier, name in zip(wanted, names, strict=True):
        service = backend.services.get(f"{cluster.name}:{name}")
        if service is None or not is_seen(backend, service.arn):
            arn = identifier if identifier.startswith("arn:") else arn_of(backend, f"service/{cluster.name}/{name}")
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            tasks = backend.engine.table.of_service(service)
            found.append(views.describe_service(service, tasks, "TAGS" in (request.get("include") or ())))
    return {"services": found, "failures": failures}


@operation
def list_services(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    cluster = cluster_of(backend, request)
    arns = sorted(
        service.arn
        for service in backend.services.values()
        if service.cluster_name == cluster.name
        and service.status != "INACTIVE"
        and is_seen(backend, service.arn)
        and request.get("launchType") in (None, service.launch_type)
        and request.get("schedulingStrategy") in (None, service.scheduling_strategy)
    )
    return page(arns, {"maxResults": 10, **request}, "serviceArns")


@operation
def list_service_deployments(response: Any, request: Document) -> Document:
    service = service_of(response.ecs_backend, request)
    own = [d for d in [*service.deployments, *service.finished] if d.rollback_of is None]
    own.sort(key=lambda d: d.created_at, reverse=True)
    shown = [views.brief_service_deployment(service, d) for d in own]
    wanted = set(request.get("status") or ())
    return page([d for d in shown if not wanted or d["status"] in wanted], request, "serviceDeployments")


@operation
def describe_service_deployments(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    known = {d.service_deployment_arn: (s, d) for s in backend.services.values() for d in [*s.deployments, *s.finished]}
    found, failures = [], []
    for arn in request["serviceDeploymentArns"]:
        if arn in known:
            service, deployment = known[arn]
            tasks = backend.engine.table.of_service(service)
            found.append(views.describe_service_deployment(service, deployment, tasks))
        else:
            failures.append({"arn": arn, "reason": "MISSING"})
    return {"serviceDeployments": found, "failures": failures}


@operation
def describe_service_revisions(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    known = {d.revision_arn: (s, d) for s in backend.services.values() for d in [*s.deployments, *s.finished]}
    return {
        "serviceRevisions": [
            views.describe_service_revision(*known[arn], definition(backend, known[arn][1].revision) or {})
            for arn in request["serviceRevisionArns"]
            if arn in known
        ],
        "failures": [{"arn": arn, "reason": "MISSING"} for arn in request["serviceRevisionArns"] if arn not in known],
    }


def _service_deployment(backend: Any, arn: str) -> tuple[Service, Deployment]:
    """The service deployment of that ARN."""
    for service in backend.services.values():
        for deployment in [*service.deployments, *service.finished]:
            if deployment.service_deployment_arn == arn:
                return service, deployment
    raise error("ServiceDeploymentNotFoundException", "The specified service deployment was not found.")


@notes
@operation
def stop_service_deployment(response: Any, request: Document) -> Document:
    backend, arn = response.ecs_backend, request["serviceDeploymentArn"]
    service, deployment = _service_deployment(backend, arn)
    stop_type = request.get("stopType") or "ROLLBACK"
    fields.enumeration(service_rules.CODE, "stopType", stop_type, ("ABORT", "ROLLBACK"))
    status = views.service_deployment_status(service, deployment)
    if status in ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"):
        raise error(
            "ConflictException", f"The service deployment {arn} cannot be stopped because it is in the {status} state."
        )
    if status == "IN_PROGRESS":
        response.noted.changes(service)
        backend.engine.deployments.stop(service, deployment, rollback=stop_type == "ROLLBACK")
        backend.engine.save()
    return {"serviceDeploymentArn": arn}


@notes
@operation
def continue_service_deployment(response: Any, request: Document) -> Document:
    backend, arn, action = response.ecs_backend, request["serviceDeploymentArn"], request.get("action") or "CONTINUE"
    service, deployment = _service_deployment(backend, arn)
    fields.enumeration(service_rules.CODE, "action", action, ("ROLLBACK", "CONTINUE"))
    hook = next((hook for hook in deployment.hooks if hook["hookId"] == request["hookId"]), None)
    if hook is None:
        raise error("InvalidParameterException", f"The lifecycle hook {request['hookId']} was not found.")
    status = views.service_deployment_status(service, deployment)
    if status != "IN_PROGRESS" or hook["status"] != "AWAITING_ACTION":
        raise error(
            "InvalidParameterException",
            f"The lifecycle hook {hook['hookId']} is not awaiting an action: it is in the {hook['status']} state, and "
            f"the service deployment in the {status} state.",
        )
    response.noted.changes(service)
    backend.engine.deployments.end_hook(service, hook, "SUCCEEDED" if action == "CONTINUE" else "FAILED")
    backend.engine.save()
    return {"serviceDeploymentArn": arn}


def _runs(backend: Any, wanted: Document, facts: world.World) -> None:
    """Refuse tasks that this cloud cannot run."""
    assert facts.cluster is not None
    host = backend.engine.host
    unsupported.runs(world.capacity(wanted, facts.cluster), facts.task_definition or {}, lambda: asks.offers(host))


OPERATIONS = (
    create_service,
    update_service,
    delete_service,
    describe_services,
    list_services,
    list_service_deployments,
    describe_service_deployments,
    describe_service_revisions,
    stop_service_deployment,
    continue_service_deployment,
)

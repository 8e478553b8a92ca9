"""The ECS operations: read the request, hold it against the rules, write what is desired.

None of them starts or stops anything: the engine does, when it sees what is desired.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from moto.core.responses import ActionResult

from drydock.embedded.core import seams
from drydock.embedded.services.ecs import settings, views
from drydock.embedded.services.ecs.lookups import (
    arn_of,
    cluster_name,
    cluster_of,
    definition_of,
    error,
    named,
    service_of,
    tagged,
    task_of,
)
from drydock.embedded.services.ecs.records import Document, Ids, Service, Task, utcnow
from drydock.policy import cluster as cluster_rules
from drydock.policy import errors as policy_errors
from drydock.policy import fields, unsupported, world
from drydock.policy import run_task as run_task_rules
from drydock.policy import service as service_rules
from drydock.policy import task_definition as task_definition_rules
from drydock.policy.capacity import FARGATE_PROVIDERS

_PAGE = 100


def operation(function: Callable[[Any, Document], Document]) -> Callable[[Any], ActionResult]:
    """Turn `function(response, request) -> answer` into an action of moto's response class."""

    @functools.wraps(function)
    def action(response: Any) -> ActionResult:
        try:
            return ActionResult(views.to_aws(function(response, dict(response.params))))
        except policy_errors.Invalid as refused:
            raise error(refused.code, refused.message) from None

    return action


def page(items: list[Any], request: Document, key: str) -> Document:
    """One page of `items` under `key`, with a nextToken where there are more."""
    token, size = str(request.get("nextToken") or 0), int(request.get("maxResults", _PAGE))
    if not token.isdecimal():
        raise error("InvalidParameterException", "Invalid token.")
    if not 1 <= size <= 100:
        raise error("InvalidParameterException", f"maxResults must be between 1 and 100, not {size}.")
    start = int(token)
    answer: Document = {key: items[start : start + size]}
    if start + size < len(items):
        answer["nextToken"] = str(start + size)
    return answer


# -- clusters --------------------------------------------------------------------------------------


@operation
def create_cluster(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    name = request.get("clusterName") or "default"
    cluster_rules.validate(request, _providers(backend))
    existing = backend.clusters.get(name)
    if existing is None or existing.status == "INACTIVE":
        backend.create_cluster(
            name,
            request.get("tags"),
            request.get("settings"),
            request.get("configuration"),
            request.get("capacityProviders") or [],
            request.get("defaultCapacityProviderStrategy") or [],
            service_connect_defaults=_service_connect_defaults(request),
        )
    return {"cluster": _describe_cluster(backend, backend.clusters[name], {"TAGS", "SETTINGS", "CONFIGURATIONS"})}


def _service_connect_defaults(request: Document) -> Document | None:
    given = request.get("serviceConnectDefaults")
    return {"namespace": given["namespace"]} if given else None


@operation
def describe_clusters(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    found, failures = [], []
    for identifier in request.get("clusters") or ["default"]:
        cluster = backend.clusters.get(cluster_name(backend, {"cluster": identifier}))
        if cluster is None:
            arn = identifier if identifier.startswith("arn:") else arn_of(backend, f"cluster/{identifier}")
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(_describe_cluster(backend, cluster, set(request.get("include") or ())))
    return {"clusters": found, "failures": failures}


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


@operation
def update_cluster_settings(response: Any, request: Document) -> Document:
    cluster = cluster_of(response.ecs_backend, request)
    cluster_rules.validate(request, _providers(response.ecs_backend))
    changed = {setting["name"]: setting for setting in [*(cluster.settings or []), *request["settings"]]}
    cluster.settings = list(changed.values())
    return {"cluster": _describe_cluster(response.ecs_backend, cluster, {"SETTINGS"})}


@operation
def update_cluster(response: Any, request: Document) -> Document:
    cluster = cluster_of(response.ecs_backend, request)
    cluster_rules.validate(request, _providers(response.ecs_backend))
    cluster.settings = request.get("settings") or cluster.settings
    cluster.configuration = request.get("configuration") or cluster.configuration
    cluster.service_connect_defaults = _service_connect_defaults(request) or cluster.service_connect_defaults
    return {"cluster": _describe_cluster(response.ecs_backend, cluster, {"SETTINGS", "CONFIGURATIONS"})}


@operation
def put_cluster_capacity_providers(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    cluster = cluster_of(backend, request)
    cluster_rules.validate(request, _providers(backend))
    cluster.capacity_providers = request["capacityProviders"]
    cluster.default_capacity_provider_strategy = request["defaultCapacityProviderStrategy"]
    return {"cluster": _describe_cluster(backend, cluster, set())}


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
    if name in backend.capacity_providers:
        raise error("InvalidParameterException", f"The specified capacity provider already exists: '{name}'.")
    backend.create_capacity_provider(name, group, request.get("tags"))
    return {"capacityProvider": _shown_provider(backend.capacity_providers[name], {"TAGS"})}


@operation
def update_capacity_provider(response: Any, request: Document) -> Document:
    provider = _provider(response.ecs_backend, request["name"])
    if request.get("managedInstancesProvider"):
        raise unsupported.refuse("Managed Instances")
    response.ecs_backend.update_capacity_provider(provider.name, request.get("autoScalingGroupProvider") or {})
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


@operation
def delete_cluster(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    cluster = cluster_of(backend, request)
    if seams.replaying():  # what was in the way had gone by itself, and only the engine knows
        cluster.status = "INACTIVE"
        return {"cluster": _describe_cluster(backend, cluster, {"TAGS"})}
    if any(s.cluster_name == cluster.name and s.status != "INACTIVE" for s in backend.services.values()):
        raise error("ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active.")
    if any(t.status != "STOPPED" for t in backend.tasks.get(cluster.name, {}).values()):
        raise error("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")
    if cluster.registered_container_instances_count:
        raise error(
            "ClusterContainsContainerInstancesException",
            "The Cluster cannot be deleted while Container Instances are active or draining.",
        )
    cluster.status = "INACTIVE"
    return {"cluster": _describe_cluster(backend, cluster, {"TAGS"})}


@operation
def list_clusters(response: Any, request: Document) -> Document:
    arns = [c.arn for c in response.ecs_backend.clusters.values() if c.status == "ACTIVE"]
    return page(arns, request, "clusterArns")


# -- task definitions ------------------------------------------------------------------------------


@operation
def register_task_definition(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    task_definition_rules.validate(request, registry=_registry(backend))
    document = {key: value for key, value in request.items() if value is not None and key != "tags"}
    for name, number in (("cpu", task_definition_rules.cpu_units), ("memory", task_definition_rules.memory_mib)):
        if name in document:
            document[name] = str(number(document[name]))
    containers = [_filled(container, request) for container in document["containerDefinitions"]]
    wanted = request.get("requiresCompatibilities") or []
    definition = backend.register_task_definition(
        request["family"],
        [{**container, "memory": container.get("memory") or 128} for container in containers],
        volumes=request.get("volumes"),
        network_mode=request.get("networkMode"),
        tags=request.get("tags"),
        requires_compatibilities=wanted,
        cpu=document.get("cpu"),
        memory=document.get("memory"),
        task_role_arn=request.get("taskRoleArn"),
        execution_role_arn=request.get("executionRoleArn"),
    )
    awsvpc = "FARGATE" in wanted or request.get("networkMode") == "awsvpc"
    definition.network_mode = request.get("networkMode") or ("awsvpc" if awsvpc else "bridge")
    definition.compatibilities = list(task_definition_rules.compatibilities(request, registry=_registry(backend)))
    definition.document = {
        "placementConstraints": [],
        "volumes": [],
        **document,
        "containerDefinitions": containers,
        "taskDefinitionArn": definition.arn,
        "revision": definition.revision,
        "networkMode": definition.network_mode,
        "compatibilities": definition.compatibilities,
        "registeredAt": utcnow(),
        "registeredBy": f"arn:aws:iam::{backend.account_id}:root",
    }
    answer: Document = {"taskDefinition": views.describe_definition(definition)}
    if request.get("tags"):
        answer["tags"] = request["tags"]
    return answer


def _filled(container: Document, request: Document) -> Document:
    """A container definition with the defaults that ECS shows."""
    filled = {"cpu": 0, "portMappings": [], "essential": True, "environment": [], "mountPoints": [],
              "volumesFrom": [], **container}  # fmt: skip
    awsvpc = request.get("networkMode") == "awsvpc" or "FARGATE" in (request.get("requiresCompatibilities") or [])
    filled["portMappings"] = [
        {**({"hostPort": mapping["containerPort"]} if awsvpc and "containerPort" in mapping else {}),
         "protocol": "tcp", **mapping}
        for mapping in filled["portMappings"]
    ]  # fmt: skip
    if filled.get("healthCheck"):
        filled["healthCheck"] = {"interval": 30, "timeout": 5, "retries": 3, **filled["healthCheck"]}
    return filled


@operation
def describe_task_definition(response: Any, request: Document) -> Document:
    definition = definition_of(response.ecs_backend, request["taskDefinition"])
    answer: Document = {"taskDefinition": views.describe_definition(definition)}
    if "TAGS" in (request.get("include") or ()):
        answer["tags"] = definition.tags or []
    return answer


@operation
def deregister_task_definition(response: Any, request: Document) -> Document:
    definition = response.ecs_backend.deregister_task_definition(request["taskDefinition"])
    definition.document["deregisteredAt"] = utcnow()
    return {"taskDefinition": views.describe_definition(definition)}


@operation
def delete_task_definitions(response: Any, request: Document) -> Document:
    for name in request["taskDefinitions"]:
        if not name.rsplit(":", 1)[-1].isdecimal():
            raise error("InvalidParameterException", f"'{name}': give a family and a revision, as in family:1.")
    deleted, failures = response.ecs_backend.delete_task_definitions(request["taskDefinitions"])
    return {
        "taskDefinitions": [views.describe_definition(definition) for definition in deleted],
        "failures": [{"arn": failure.arn, "reason": failure.reason} for failure in failures],
    }


@operation
def list_task_definitions(response: Any, request: Document) -> Document:
    wanted, prefix = request.get("status") or "ACTIVE", request.get("familyPrefix")
    revisions = [
        definition
        for family in response.ecs_backend.task_definitions.values()
        for definition in family.values()
        if definition.status == wanted and (prefix is None or definition.family == prefix)
    ]
    revisions.sort(key=lambda d: (d.family, d.revision), reverse=request.get("sort") == "DESC")
    return page([definition.arn for definition in revisions], request, "taskDefinitionArns")


@operation
def list_task_definition_families(response: Any, request: Document) -> Document:
    wanted, prefix = request.get("status") or "ALL", request.get("familyPrefix") or ""
    found = [
        (name, any(definition.status == "ACTIVE" for definition in family.values()))
        for name, family in response.ecs_backend.task_definitions.items()
        if name.startswith(prefix)
    ]
    shown = sorted(name for name, active in found if wanted == "ALL" or active == (wanted == "ACTIVE"))
    return page(shown, request, "families")


# -- services --------------------------------------------------------------------------------------


@operation
def create_service(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    facts = backend.engine.facts.of(backend, request)
    service_rules.validate_create(request, facts)
    assert facts.cluster is not None
    unsupported.deploys(request)
    unsupported.runs(world.capacity(request, facts.cluster))
    cluster = cluster_of(backend, request)
    name = request["serviceName"]
    key = f"{cluster.name}:{name}"
    existing = backend.services.get(key)
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
        ids=Ids(f"{backend.engine.host.seed}:{key}:{utcnow().timestamp() if existing else 0}"),
        tags=request.get("tags") or [],
        client_token=request.get("clientToken"),
        changes=existing.changes + 1 if existing else 0,
    )
    if facts.task_definition is not None:
        service.settings["taskDefinition"] = facts.task_definition["taskDefinitionArn"]
    backend.services[key] = service
    backend.engine.deployments.begin(service)
    return {"service": views.describe_service(service, [], include_tags=True)}


@operation
def update_service(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    service = service_of(backend, request)
    tasks = backend.engine.table.of_service(service)
    shown = views.describe_service(service, tasks, include_tags=False)
    wanted = {"cluster": service.cluster_name, "taskDefinition": service.task_definition, **request}
    facts = backend.engine.facts.of(backend, {**service.settings, **wanted})
    service_rules.validate_update(request, shown, facts)
    changed = settings.updated(service.settings, request)
    assert facts.cluster is not None
    unsupported.runs(world.capacity(changed, facts.cluster))
    if facts.task_definition is not None:
        changed["taskDefinition"] = facts.task_definition["taskDefinitionArn"]
    backend.engine.deployments.change(service, changed, force=bool(request.get("forceNewDeployment")))
    return {"service": views.describe_service(service, tasks, include_tags=True)}


@operation
def delete_service(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    service = service_of(backend, request)
    if service.status == "INACTIVE":
        raise error("ServiceNotActiveException", "Service was not ACTIVE.")
    if service.desired_count > 0 and service.scheduling_strategy != "DAEMON" and not request.get("force"):
        raise error("InvalidParameterException", "The service cannot be stopped while it is scaled above 0.")
    service.changes += 1
    service.settings = {**service.settings, "desiredCount": 0}
    service.status = "INACTIVE" if seams.replaying() else "DRAINING"  # it had no task left before the next of its name
    service.steady = False
    backend.engine.table.keep()
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
        if service is None:
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
            views.describe_service_revision(*known[arn]) for arn in request["serviceRevisionArns"] if arn in known
        ],
        "failures": [{"arn": arn, "reason": "MISSING"} for arn in request["serviceRevisionArns"] if arn not in known],
    }


# -- tasks -----------------------------------------------------------------------------------------


@operation
def run_task(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    facts = backend.engine.facts.of(backend, request)
    run_task_rules.validate(request, facts)
    assert facts.cluster is not None
    where = world.capacity(request, facts.cluster)
    unsupported.runs(where)
    definition = definition_of(backend, request["taskDefinition"])
    cluster, token = cluster_of(backend, request), request.get("clientToken")
    tasks = backend.engine.table.with_token(cluster.arn, token) if token else []
    if not tasks:
        strategy = [dict(item) for item in where.strategy]
        tasks = backend.engine.launcher.run(backend, cluster, definition, request, strategy)
        try:
            backend.engine.save()
        except OSError:
            backend.engine.table.forget(tasks)
            raise
    return {"tasks": [views.describe_task(task, include_tags=True) for task in tasks], "failures": []}


@operation
def stop_task(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    task = task_of(backend, request, request["task"])
    if task is None:
        raise error("InvalidParameterException", "The referenced task was not found.")
    backend.engine.table.ask_to_stop(task, "UserInitiated", request.get("reason") or "Task stopped by user")
    backend.engine.save()
    return {"task": views.describe_task(task, include_tags=True)}


@operation
def describe_tasks(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    wanted = request.get("tasks") or []
    if not wanted:
        raise error("InvalidParameterException", "Tasks cannot be empty.")
    if len(wanted) > 100:
        raise error("InvalidParameterException", "Task references cannot exceed 100.")
    named(backend, request, "task", wanted)
    cluster = cluster_of(backend, request)
    found, failures = [], []
    for identifier in wanted:
        task = task_of(backend, request, identifier)
        if task is None:
            arn = identifier if identifier.startswith("arn:") else arn_of(backend, f"task/{cluster.name}/{identifier}")
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(views.describe_task(task, "TAGS" in (request.get("include") or ())))
    return {"tasks": found, "failures": failures}


@operation
def list_tasks(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    cluster = cluster_of(backend, request)
    service_arn = None
    if request.get("serviceName"):
        service_arn = service_of(backend, {**request, "service": request["serviceName"]}).arn
    desired = request.get("desiredStatus") or "RUNNING"
    known = backend.engine.table.of(backend, cluster, service_arn=service_arn, started_by=request.get("startedBy"))
    arns = [
        task.arn
        for task in known
        if task.document["desiredStatus"] == desired
        and request.get("family") in (None, task.definition["family"])
        and request.get("launchType") in (None, task.document.get("launchType"))
        and request.get("containerInstance") in (None, task.document.get("containerInstanceArn"))
    ]
    return page(arns, request, "taskArns")


@operation
def execute_command(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    task = task_of(backend, request, request["task"])
    cluster = cluster_of(backend, request)
    if task is None or task.status != "RUNNING":
        raise error("InvalidParameterException", "The referenced task is not running.")
    names = [c["name"] for c in task.document["containers"]]
    name = str(request.get("container") or (names[0] if len(names) == 1 else ""))
    if name not in names:
        raise error(
            "InvalidParameterException",
            f"Container name {name!r} is not in the task: choose one of {', '.join(names)}."
            if name
            else "Container name is required for a task with more than one container.",
        )
    if not task.document.get("enableExecuteCommand"):
        raise error(
            "InvalidParameterException",
            "The execute command failed because execute command was not enabled when the task was run or the "
            "execute command agent isn’t running. Wait and try again or run a new task with execute command enabled "
            "and try again.",
        )
    session = backend.engine.open_session(cluster, task, name, request["command"])
    return {
        "clusterArn": cluster.arn,
        "containerArn": task.container(name)["containerArn"],
        "containerName": name,
        "interactive": bool(request.get("interactive")),
        "taskArn": task.arn,
        "session": session,
    }


@operation
def update_task_protection(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    cluster = cluster_of(backend, request)
    minutes = int(request.get("expiresInMinutes", 120))
    if not 1 <= minutes <= 2880:
        raise error("InvalidParameterException", "expiresInMinutes must be between 1 and 2880.")
    until = utcnow() + timedelta(minutes=minutes) if request["protectionEnabled"] else None
    return _protection(backend, cluster, request, lambda task: backend.engine.table.protect(task, until))


@operation
def start_task(response: Any, request: Document) -> Document:
    cluster_of(response.ecs_backend, request)
    definition_of(response.ecs_backend, request["taskDefinition"])
    raise unsupported.refuse("container instances to start a task on")


# -- container instances and task sets, of which there are none ----------------------------------------


@operation
def register_container_instance(response: Any, request: Document) -> Document:
    cluster_of(response.ecs_backend, request)
    raise unsupported.refuse("container instances")


@operation
def deregister_container_instance(response: Any, request: Document) -> Document:
    cluster_of(response.ecs_backend, request)
    raise error("InvalidParameterException", "The referenced container instance was not found.")


@operation
def list_container_instances(response: Any, request: Document) -> Document:
    cluster_of(response.ecs_backend, request)
    return {"containerInstanceArns": []}


@operation
def describe_container_instances(response: Any, request: Document) -> Document:
    return {"containerInstances": [], "failures": _missing_instances(response.ecs_backend, request)}


@operation
def update_container_instances_state(response: Any, request: Document) -> Document:
    return {"containerInstances": [], "failures": _missing_instances(response.ecs_backend, request)}


def _missing_instances(backend: Any, request: Document) -> list[Document]:
    names = named(backend, request, "container-instance", request["containerInstances"])
    cluster = cluster_of(backend, request)
    return [
        {"arn": arn_of(backend, f"container-instance/{cluster.name}/{name}"), "reason": "MISSING"} for name in names
    ]


@operation
def put_attributes(response: Any, request: Document) -> Document:
    cluster_of(response.ecs_backend, request)
    if not request["attributes"]:
        raise error("InvalidParameterException", "attributes can not be empty.")
    target = request["attributes"][0].get("targetId")
    raise error("TargetNotFoundException", f"The specified target {target or ''!r} was not found.")


@operation
def list_attributes(response: Any, request: Document) -> Document:
    cluster_of(response.ecs_backend, request)
    return {"attributes": []}


@operation
def create_task_set(response: Any, request: Document) -> Document:
    service_of(response.ecs_backend, request)
    raise unsupported.refuse("task sets", "Use the deployment controller ECS.")


@operation
def describe_task_sets(response: Any, request: Document) -> Document:
    service = service_of(response.ecs_backend, request)
    where = f"task-set/{service.cluster_name}/{service.name}"
    names = [one.rsplit("/", 1)[-1] for one in request.get("taskSets") or ()]
    return {
        "taskSets": [],
        "failures": [{"arn": arn_of(response.ecs_backend, f"{where}/{name}"), "reason": "MISSING"} for name in names],
    }


@operation
def no_task_set(response: Any, request: Document) -> Document:
    service_of(response.ecs_backend, request)
    raise error("TaskSetNotFoundException", "The specified task set was not found.")


@operation
def get_task_protection(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    return _protection(backend, cluster_of(backend, request), request, lambda task: None)


def _protection(backend: Any, cluster: Any, request: Document, change: Callable[[Task], None]) -> Document:
    shown, failures = [], []
    known = backend.tasks.get(cluster.name, {}).values()
    running = [task.arn for task in known if task.service_arn is not None and not task.stopping]
    for identifier in request.get("tasks") or running:
        task = task_of(backend, request, identifier)
        if task is None or task.service_arn is None:
            reason = "MISSING" if task is None else "TASK_NOT_VALID"
            failures.append({"arn": identifier, "reason": reason})
            continue
        change(task)
        protected = task.protected_until is not None and task.protected_until > utcnow()
        shown.append(
            {
                "taskArn": task.arn,
                "protectionEnabled": protected,
                **({"expirationDate": task.protected_until} if protected else {}),
            }
        )
    return {"protectedTasks": shown, "failures": failures}


# -- tags ------------------------------------------------------------------------------------------


@operation
def tag_resource(response: Any, request: Document) -> Document:
    backend, arn = response.ecs_backend, request["resourceArn"]
    found = tagged(backend, arn)
    kept = {tag["key"]: tag for tag in found.tags or ()}
    fields.tags(request["tags"])
    merged = list({**kept, **{tag["key"]: tag for tag in request["tags"]}}.values())
    fields.tags(merged)
    found.tags = merged
    backend.engine.table.keep()
    return {}


@operation
def untag_resource(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    found = tagged(backend, request["resourceArn"])
    found.tags = [tag for tag in found.tags or () if tag["key"] not in request["tagKeys"]]
    backend.engine.table.keep()
    return {}


@operation
def list_tags_for_resource(response: Any, request: Document) -> Document:
    return {"tags": tagged(response.ecs_backend, request["resourceArn"]).tags or []}


# -- what the rules need to know -------------------------------------------------------------------


def _providers(backend: Any) -> frozenset[str]:
    return frozenset((*FARGATE_PROVIDERS, *backend.capacity_providers))


def _registry(backend: Any) -> str:
    return f"127.0.0.1:{backend.engine.host.port}"


OPERATIONS = {
    function.__name__: function
    for function in (
        create_cluster, describe_clusters, update_cluster, update_cluster_settings, put_cluster_capacity_providers,
        describe_capacity_providers, delete_cluster, list_clusters, register_task_definition, describe_task_definition,
        deregister_task_definition, delete_task_definitions, list_task_definitions, list_task_definition_families,
        create_service, update_service, delete_service, describe_services, list_services, list_service_deployments,
        describe_service_deployments, describe_service_revisions, run_task, stop_task, describe_tasks, list_tasks,
        execute_command, update_task_protection, get_task_protection, start_task, register_container_instance,
        deregister_container_instance, list_container_instances, describe_container_instances,
        update_container_instances_state, put_attributes, list_attributes, create_task_set, describe_task_sets,
        create_capacity_provider, update_capacity_provider, delete_capacity_provider, tag_resource, untag_resource,
        list_tags_for_resource,
    )
} | {
    "delete_attributes": put_attributes,
    "delete_task_set": no_task_set,
    "update_task_set": no_task_set,
    "update_service_primary_task_set": no_task_set,
}  # fmt: skip

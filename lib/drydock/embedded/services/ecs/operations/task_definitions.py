"""Task definitions."""

from __future__ import annotations

from typing import Any

from drydock.embedded.services.ecs import views
from drydock.embedded.services.ecs.lookups import definition_of, error
from drydock.embedded.services.ecs.operations.shape import operation, page
from drydock.embedded.services.ecs.records import Document, utcnow
from drydock.policy.requests import task_definition as task_definition_rules


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
    family, last = request["family"], backend.engine.last_revisions
    for name in backend.engine.host.front.made_before:
        last[backend.region_name, family] = int(name.rpartition(":")[2]) - 1  # what was before it is not done again
    backend.task_definitions.setdefault(family, {})  # moto counts from its last one, or begins anew
    definition = backend.register_task_definition(
        family,
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
    last[backend.region_name, family] = definition.revision
    awsvpc = "FARGATE" in wanted or request.get("networkMode") == "awsvpc"
    definition.network_mode = request.get("networkMode") or ("awsvpc" if awsvpc else "bridge")
    definition.compatibilities = list(task_definition_rules.compatibilities(request, registry=_registry(backend)))
    definition.document = {
        "placementConstraints": [],
        "volumes": [],
        "requiresAttributes": [{"name": name} for name in task_definition_rules.required_attributes(document)],
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


def _filled(container: Document, request: Document) -> Document:
    """A container definition with the defaults that ECS shows."""
    filled = {"cpu": 0, "portMappings": [], "essential": True, "environment": [], "mountPoints": [],
              "volumesFrom": [], **container}  # fmt: skip
    awsvpc = request.get("networkMode") == "awsvpc" or "FARGATE" in (request.get("requiresCompatibilities") or [])
    own = awsvpc or request.get("networkMode") == "host"
    filled["portMappings"] = [
        {"protocol": "tcp", **mapping,
         **({"hostPort": mapping.get("hostPort") or (mapping["containerPort"] if own else 0)}
            if "containerPort" in mapping else {})}
        for mapping in filled["portMappings"]
    ]  # fmt: skip
    if filled.get("healthCheck"):
        filled["healthCheck"] = {"interval": 30, "timeout": 5, "retries": 3, **filled["healthCheck"]}
    return filled


def _registry(backend: Any) -> str:
    return f"127.0.0.1:{backend.engine.host.port}"


OPERATIONS = (
    register_task_definition,
    describe_task_definition,
    deregister_task_definition,
    delete_task_definitions,
    list_task_definitions,
    list_task_definition_families,
)

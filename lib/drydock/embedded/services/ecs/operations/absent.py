"""Container instances, of which there are none."""

from __future__ import annotations

from typing import Any

from drydock.embedded.services.ecs.lookups import arn_of, cluster_of, definition_of, error, named
from drydock.embedded.services.ecs.operations.shape import operation
from drydock.embedded.services.ecs.records import Document
from drydock.policy.requests import unsupported


@operation
def start_task(response: Any, request: Document) -> Document:
    cluster_of(response.ecs_backend, request)
    definition_of(response.ecs_backend, request["taskDefinition"])
    raise unsupported.refuse("container instances to start a task on")


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
def discover_poll_endpoint(response: Any, request: Document) -> Document:
    raise unsupported.refuse("an endpoint for agents of container instances")


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


OPERATIONS = (
    start_task,
    register_container_instance,
    deregister_container_instance,
    list_container_instances,
    describe_container_instances,
    update_container_instances_state,
    discover_poll_endpoint,
    put_attributes,
    list_attributes,
)

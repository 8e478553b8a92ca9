"""Tags."""

from __future__ import annotations

from typing import Any

from drydock.embedded.services.ecs.lookups import tagged
from drydock.embedded.services.ecs.operations.shape import operation
from drydock.embedded.services.ecs.records import Document, Task, TaskSet
from drydock.policy.requests import fields


@operation
def tag_resource(response: Any, request: Document) -> Document:
    backend, arn = response.ecs_backend, request["resourceArn"]
    found = tagged(backend, arn)
    kept = {tag["key"]: tag for tag in found.tags or ()}
    fields.tags(request["tags"])
    merged = list({**kept, **{tag["key"]: tag for tag in request["tags"]}}.values())
    fields.tags(merged)
    found.tags = merged
    _keep(backend, found)
    return {}


@operation
def untag_resource(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    found = tagged(backend, request["resourceArn"])
    found.tags = [tag for tag in found.tags or () if tag["key"] not in request["tagKeys"]]
    _keep(backend, found)
    return {}


def _keep(backend: Any, found: Any) -> None:
    """Tags of tasks and of task sets are not in the journal's replay: they themselves are not."""
    if isinstance(found, Task):
        backend.engine.table.keep(found)
    elif isinstance(found, TaskSet):
        backend.engine.table.keep(*(service for service in backend.services.values() if found in service.task_sets))


@operation
def list_tags_for_resource(response: Any, request: Document) -> Document:
    return {"tags": tagged(response.ecs_backend, request["resourceArn"]).tags or []}


OPERATIONS = (
    tag_resource,
    untag_resource,
    list_tags_for_resource,
)

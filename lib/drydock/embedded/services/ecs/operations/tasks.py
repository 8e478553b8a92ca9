"""Tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from drydock.embedded.services.ecs import asks, roles, views
from drydock.embedded.services.ecs.lookups import (
    arn_of,
    cluster_of,
    definition_of,
    error,
    is_seen,
    made_now,
    named,
    service_of,
    task_of,
)
from drydock.embedded.services.ecs.operations.shape import operation, page
from drydock.embedded.services.ecs.records import Document, Task, utcnow
from drydock.policy.requests import run_task as run_task_rules
from drydock.policy.requests import unsupported, world


@operation
def run_task(response: Any, request: Document) -> Document:
    backend = response.ecs_backend
    facts = backend.engine.facts.of(backend, request)
    run_task_rules.validate(request, facts)
    unsupported.launches(request)
    assert facts.cluster is not None
    where = world.capacity(request, facts.cluster)
    definition = definition_of(backend, request["taskDefinition"])
    unsupported.runs(where, definition.document, lambda: asks.offers(backend.engine.host))
    cluster, token = cluster_of(backend, request), request.get("clientToken")
    tasks = backend.engine.table.with_token(cluster.arn, token) if token else []
    refused: Sequence[str] = ()
    if not tasks:
        roles.check(backend.engine.host, definition.document, request.get("overrides") or {})
        strategy = [dict(item) for item in where.strategy]
        made = backend.engine.launcher.run(backend, cluster, definition, request, strategy)
        tasks, refused = list(made.tasks), made.refused
        try:
            backend.engine.save()
        except OSError:
            backend.engine.table.forget(tasks)
            raise
        made_now(backend, *(task.arn for task in tasks))
    return {
        "tasks": [views.describe_task(task, include_tags=True) for task in tasks],
        "failures": [{"reason": reason} for reason in refused],
    }


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
        if task is None or not is_seen(backend, task.arn):
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
        if is_seen(backend, task.arn)
        and task.document["desiredStatus"] == desired
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
    names = [c["name"] for c in task.own_containers]
    name = str(request.get("container") or (names[0] if len(names) == 1 else ""))
    if name not in names:
        raise error(
            "InvalidParameterException",
            f"Container name {name!r} is not in the task: choose one of {', '.join(names)}."
            if name
            else "Container name is required for a task with more than one container.",
        )
    host = backend.engine.host
    agents = task.container(name).get("managedAgents") or [{}]
    if agents[0].get("lastStatus") != "RUNNING":
        raise error(
            "InvalidParameterException",
            "The execute command failed because execute command was not enabled when the task was run or the "
            "execute command agent isn’t running. Wait and try again or run a new task with execute command enabled "
            "and try again.",
        )
    if host.clock.time() < task.running_at + host.profile.exec_agent + host.profile.exec_connection:
        message = "The execute command failed due to an internal error. Try again later."
        raise error("TargetNotConnectedException", message)
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


OPERATIONS = (
    run_task,
    stop_task,
    describe_tasks,
    list_tasks,
    execute_command,
    update_task_protection,
    get_task_protection,
)

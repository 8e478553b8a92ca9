"""What runbooks of ECS services share: what they read, what they wait for, how they tell that a call was made.

    known = settled(run, ecs, cluster, service)
    done = rolled_out(ecs, cluster, service, known=known, instead_of=now["taskDefinition"])
    back = steady(ecs, cluster, service, task_definition=now["taskDefinition"])

A deployment is known by its id, for what is there when the plan is made may be seen for a moment longer: AWS's answers
are eventually consistent. Where ECS's circuit breaker or an alarm has rolled one back, there is a deployment that is
COMPLETED too, with the task definition from before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from drydock.policy.ecs import rollout
from drydock.runbooks.model import Condition, Look
from drydock.runbooks.runbook import Runbook, call
from drydock.runbooks.stops import described_tasks, why

FACTS = (
    "status: status, scheduling: schedulingStrategy, controller: deploymentController.type,"
    " strategy: deploymentConfiguration.strategy, taskDefinition: taskDefinition"
)
"""JMESPath, of a service in an answer of DescribeServices: what `require_rolling` asks of it."""
REGISTERED = "taskDefinition.taskDefinitionArn"
"""JMESPath, of an answer of RegisterTaskDefinition."""
_AT_ONCE = 100
"""Tasks of one GetTaskProtection."""
_GONE = (
    "(services[?status && status != 'ACTIVE'].join(' ', ['the service is', status]) | [0])"
    " || (failures[0].reason && join(' ', ['the service is', failures[0].reason]))"
)
"""JMESPath, of an answer of DescribeServices: that somebody has deleted the service; null where it is there."""


class ServiceGone(RuntimeError):
    """Somebody has deleted the service."""


def described(ecs: Any, cluster: str, service: str) -> dict[str, Any]:
    """The service, as DescribeServices has it. Raises ServiceGone."""
    found = ecs.describe_services(cluster=cluster, services=[service])["services"]
    if not found or found[0].get("status", "ACTIVE") != "ACTIVE":
        raise ServiceGone(f"{service} is {found[0]['status'] if found else 'not there'} in the cluster {cluster}")
    return dict(found[0])


def require_rolling(run: Runbook, now: Mapping[str, Any] | None, cluster: str, service: str) -> None:
    """Refuse a service that is not deployed by replacing its tasks. `now`: FACTS of it, None where there is none."""
    run.require(now and now["status"] == "ACTIVE", f"There is no active service {service} in the cluster {cluster}.")
    now = now or {}
    run.require(now.get("scheduling") == "REPLICA", f"{service} is a DAEMON: it runs one task on each instance.")
    controller = now.get("controller") or "ECS"
    run.require(controller == "ECS", f"{service} is deployed by {controller}: deploy it there.")
    strategy = now.get("strategy") or "ROLLING"
    run.require(strategy == "ROLLING", f"{service} has the strategy {strategy}: canary-release deploys such a service.")


def settled(run: Runbook, ecs: Any, cluster: str, service: str) -> list[str]:
    """The id of its one deployment, in a list. Refuses a service with one that has failed or is under way."""
    found = described(ecs, cluster, service)["deployments"]
    states = [one.get("rolloutState", "COMPLETED") for one in found]
    run.require("FAILED" not in states, f"The deployment of {service} has failed: diagnose-service says why.")
    run.require(states == ["COMPLETED"], f"A deployment of {service} is under way: wait until it has ended.")
    return [one["id"] for one in found]


def require_unprotected(run: Runbook, ecs: Any, cluster: str, arns: Sequence[str]) -> None:
    """Refuse where some of these tasks are protected from scale-in: a deployment waits for them, for up to two days."""
    parts = [arns[first : first + _AT_ONCE] for first in range(0, len(arns), _AT_ONCE)]
    found = [one for part in parts for one in ecs.get_task_protection(cluster=cluster, tasks=part)["protectedTasks"]]
    kept = [one for one in found if one["protectionEnabled"]]
    until = max((str(one.get("expirationDate", "")) for one in kept), default="")
    told = f"{len(kept)} of {len(arns)} tasks are protected from scale-in, the last until {until}"
    run.require(not kept, f"{told}: wait until they are done, or end it by UpdateTaskProtection.")


def require_bounds(run: Runbook, desired: int, bounds: Mapping[str, Any]) -> str:
    """How many of so many tasks a deployment leaves, in words. Refuses where ECS could replace none of them.

    bounds  the service's deploymentConfiguration
    """
    low, high = bounds["minimumHealthyPercent"], bounds["maximumPercent"]
    told = f"minimumHealthyPercent {low}, maximumPercent {high}: ECS may neither start nor stop any of {desired} tasks"
    run.require(not rollout.is_stuck(desired, low, high), f"{told}. Give the service other bounds.")
    breaker = bounds.get("deploymentCircuitBreaker") or {}
    on = "on" if breaker.get("enable") else "off"
    back = " with roll-back" if breaker.get("rollback") else ""
    return (
        f"While it rolls, of {desired} tasks at least {rollout.lower_bound(desired, low)} are healthy, and at most "
        f"{rollout.upper_bound(desired, high)} there. The circuit breaker is {on}{back}."
    )


def rolled_out(ecs: Any, cluster: str, service: str, *, known: Sequence[str], instead_of: str = "") -> Condition:
    """A deployment that was not there before is the only one, and COMPLETED.

    known       the ids of the deployments that there are before
    instead_of  the task definition that is to be replaced: a newer deployment of that one is ECS's own roll-back
    """
    new = f"!contains({_json(known)}, id)"
    replaced = f"taskDefinition == {_json(instead_of)}"
    done = f"{new} && rolloutState == 'COMPLETED'" + (f" && !({replaced})" if instead_of else "")
    failed = _reason(f"{new} && rolloutState == 'FAILED'")
    back = _reason(f"{new} && status == 'PRIMARY' && {replaced}")
    return Condition(
        f"the deployment of {service} ends",
        call(ecs.describe_services, cluster=cluster, services=[service]),
        holds=f"length(services[0].deployments) == `1` && services[0].deployments[?{done}]",
        fails=" || ".join([_GONE, failed, *([back] if instead_of else [])]),
        why=why(cluster, service, known=known),
    )


def steady(
    ecs: Any,
    cluster: str,
    service: str,
    *,
    task_definition: str = "",
    of: str = "",
    wants: int | None = None,
    instead_of: int | None = None,
    minutes: float = 0,
) -> Condition:
    """There is one deployment, COMPLETED, and as many tasks as wanted run.

    task_definition  that of the deployment, where it matters
    of               JMESPath that holds for the deployment, where something else matters
    wants            how many tasks that is, where it matters; not `instead_of` any more, and any other number is
                     somebody else's
    minutes          AWS minutes for which it has to last: where nothing tells the deployment that is waited for from
                     the one before, which may be seen for a moment longer
    """
    is_it = " && ".join(filter(None, [task_definition and f"taskDefinition == {_json(task_definition)}", of])) or "id"
    there, wanted = "services[0].deployments", "services[0].desiredCount"
    fails = [_GONE, _reason(f"status == 'PRIMARY' && {is_it} && rolloutState == 'FAILED'")]
    if wants is not None:
        others = f"services[0] && !contains({_json([wants, instead_of])}, {wanted})"
        fails.append(f"({others} && join(' ', ['somebody else has set desiredCount to', to_string({wanted})]))")
    return Condition(
        f"{service} has one deployment and runs as many tasks as it wants",
        call(ecs.describe_services, cluster=cluster, services=[service]),
        holds=(
            f"length({there}) == `1` && services[0].runningCount == {wanted}"
            f" && {there}[?{is_it} && (rolloutState || 'COMPLETED') == 'COMPLETED']"
            + ("" if wants is None else f" && {wanted} == `{wants}`")
        ),
        fails=" || ".join(fails),
        minutes=minutes,
        why=why(cluster, service),
    )


def deployed(ecs: Any, cluster: str, service: str, *, known: Sequence[str]) -> Look:
    """Tells that an UpdateService with forceNewDeployment was made: there is a deployment that was not `known`."""
    return Look(
        "deployed",
        call(ecs.describe_services, cluster=cluster, services=[service]),
        f"services[0].deployments[?!contains({_json(known)}, id)] && {{service: services[0]}} || `null`",
    )


def attributes(ecs: Any) -> str:
    """JMESPath, of an answer of DescribeTaskDefinition with TAGS: every attribute that RegisterTaskDefinition takes.

    The list comes from the API's own model, so that an attribute that AWS adds is kept too.
    """
    members = ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
    picked = ", ".join(f"{name}: taskDefinition.{name}" for name in members if name != "tags")
    return f"{{{picked}, tags: tags}}"


def registered(ecs: Any, asked: Mapping[str, Any], *, newest: str | None) -> Look:
    """Tells that RegisterTaskDefinition was made with these attributes: a revision after `newest` has their images.

    newest  the ARN of the family's newest ACTIVE revision before, or None
    """
    revision = int(newest.rpartition(":")[2]) if newest else 0
    images = [container["image"] for container in asked["containerDefinitions"]]
    return Look(
        "registered",
        call(ecs.describe_task_definition, taskDefinition=asked["family"]),
        f"taskDefinition.revision > `{revision}` && taskDefinition.containerDefinitions[].image == {_json(images)}"
        f" && {{taskDefinition: taskDefinition}} || `null`",
    )


def service_deployments(ecs: Any, cluster: str, service: str, **only: Any) -> list[dict[str, Any]]:
    """The service deployments that AWS keeps, newest first. `only`: what ListServiceDeployments takes besides."""
    answer = ecs.list_service_deployments(cluster=cluster, service=service, **only)
    found = list(answer["serviceDeployments"])
    while answer.get("nextToken"):
        answer = ecs.list_service_deployments(cluster=cluster, service=service, **only, nextToken=answer["nextToken"])
        found += answer["serviceDeployments"]
    return sorted(found, key=lambda one: one["createdAt"], reverse=True)


def tasks(ecs: Any, cluster: str, service: str) -> list[dict[str, Any]]:
    """The tasks of the service that are to run, as DescribeTasks has them."""
    return described_tasks(ecs, cluster=cluster, serviceName=service)


def of_one_deployment(ecs: Any, cluster: str, service: str) -> bool:
    """Whether there is one deployment, all tasks that are to run are its own, and as many run as are wanted."""
    found = described(ecs, cluster, service)
    ids = {one["id"] for one in found["deployments"]}
    is_full = found["runningCount"] == found["desiredCount"]
    return len(ids) == 1 and is_full and {one["startedBy"] for one in tasks(ecs, cluster, service)} <= ids


def serving(ecs: Any, cluster: str, service: str) -> set[str]:
    """The target groups that the tasks of the service's newest revision are in.

    Where ECS shifts its requests, that is the one of the two that its tasks are in: it changes with each deployment.
    """
    found = described(ecs, cluster, service)
    entries = found.get("loadBalancers", ())
    if any("advancedConfiguration" in entry for entry in entries):
        arns = [one["arn"] for one in found.get("currentServiceRevisions", ())]
        revisions = ecs.describe_service_revisions(serviceRevisionArns=arns)["serviceRevisions"] if arns else []
        last: dict[str, Any] = max(revisions, key=lambda one: one["createdAt"], default={})
        entries = last.get("resolvedConfiguration", {}).get("loadBalancers") or entries
    return {entry["targetGroupArn"] for entry in entries if "targetGroupArn" in entry}


def targets(elbv2: Any, groups: Iterable[str]) -> dict[str, list[str]]:
    """The states of the targets of each target group."""
    found = {arn: elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"] for arn in groups}
    return {arn: [one["TargetHealth"]["State"] for one in each] for arn, each in found.items()}


def healthy(ecs: Any, elbv2: Any, cluster: str, service: str) -> bool:
    """Whether in each target group that serves at least as many targets are healthy as the service wants tasks."""
    wanted = described(ecs, cluster, service)["desiredCount"]
    found = targets(elbv2, serving(ecs, cluster, service))
    return all(states.count("healthy") >= wanted for states in found.values())


def _reason(such: str) -> str:
    """Why the first deployment that is such is as it is, in the words of ECS; null where none is."""
    return f"(services[0].deployments[?{such}].[rolloutStateReason || 'FAILED'] | [0][0])"


def _json(value: Any) -> str:
    """A literal in JMESPath."""
    return f"`{json.dumps(value)}`"

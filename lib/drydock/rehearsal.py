"""Every runbook, rehearsed: planned, refused, applied and undone on an embedded AWS with a service of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drydock.cloud import Cloud, connect
from drydock.labs import Lab
from drydock.notebooks.instances import own_instance
from drydock.notebooks.wait import wait_until
from drydock.policy import diagnosis
from drydock.policy.operations import only_reads
from drydock.runbooks import runner
from drydock.runbooks.evidence import Evidence

SERVICE = {"cluster": "drydock-hello", "service": "drydock-hello"}
STALE = "plan-" + "0" * 32


@dataclass
class Rehearsal:
    """What was done with one runbook, in words, and what was not as it should be."""

    runbook: str
    done: list[str] = field(default_factory=list)
    error: str = ""
    seconds: float = 0.0


def rehearse(name: str, runs: Path) -> Rehearsal:
    """Rehearse the runbook `name`; its folders of evidence are made in `runs`.

    Raises KeyError where there is no rehearsal for that runbook.
    """
    acting = ACTS[name]
    rehearsal = Rehearsal(name)
    started = time.monotonic()
    with own_instance():
        cloud = connect()
        _set_up(cloud)
        try:
            acting(cloud, rehearsal, runs)
        except AssertionError as error:
            rehearsal.error = str(error)
    rehearsal.seconds = time.monotonic() - started
    return rehearsal


def _set_up(cloud: Cloud) -> None:
    """Lab 00's service: two tasks behind a load balancer."""
    lab = Lab.open("00-start-here", cloud=cloud)
    lab.set_up(before="kill-a-task")
    cloud.listeners.clear()
    ecs = cloud.client("ecs")

    def completed() -> bool:
        service = ecs.describe_services(cluster="drydock-hello", services=["drydock-hello"])["services"][0]
        return bool(service["deployments"][0]["rolloutState"] == "COMPLETED")

    wait_until(completed, "the deployment is completed")


def _changing(name: str, given: Mapping[str, str], before: Callable[[Cloud], None]) -> Callable[..., None]:
    """A rehearsal of a runbook that changes something."""

    def act(cloud: Cloud, rehearsal: Rehearsal, runs: Path) -> None:
        before(cloud)
        parameters = {**SERVICE, **given}
        planned = runner.run(name, {**parameters, "dry_run": "true"}, root=runs)
        assert planned.ok and planned.plan is not None and planned.plan.changes, f"no plan: {planned.error}"
        assert _only_reads(planned.folder), "the dry run made a call that changes something"
        rehearsal.done.append("dry run")
        stale = runner.run(name, {**parameters, "dry_run": "false", "approve": STALE}, root=runs)
        assert stale.outcome == "refused" and _only_reads(stale.folder), "a stale approval was not refused"
        rehearsal.done.append("stale approval refused")
        approved = {**parameters, "dry_run": "false", "approve": planned.plan.hash}
        applied = runner.run(name, approved, root=runs)
        assert applied.outcome == "applied", f"not applied: {applied.error}"
        rehearsal.done.append("applied and verified")
        said = runner.roll_back_run(applied.folder)
        kept = Evidence(applied.folder)
        assert said.endswith("rolled back") and kept.read("after.json") == kept.read("before.json"), said
        rehearsal.done.append("rolled back to the state before")

    return act


def _only_reads(folder: Path) -> bool:
    calls = Evidence(folder).calls()
    return bool(calls) and all(only_reads(call["operation"]) for call in calls)


def _second_version(cloud: Cloud) -> None:
    """Deploy a second revision of the task definition, to come back from; the first is deregistered meanwhile."""
    ecs = cloud.client("ecs")
    first = ecs.describe_task_definition(taskDefinition="drydock-hello")["taskDefinition"]
    members = ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
    second: dict[str, Any] = {name: value for name, value in first.items() if name in members}
    second["containerDefinitions"][0]["environment"] = [{"name": "VERSION", "value": "v2"}]
    ecs.register_task_definition(**second)
    ecs.update_service(cluster="drydock-hello", service="drydock-hello", taskDefinition="drydock-hello")
    ecs.get_waiter("services_stable").wait(cluster="drydock-hello", services=["drydock-hello"])
    ecs.deregister_task_definition(taskDefinition=first["taskDefinitionArn"])


def _diagnosing(cloud: Cloud, rehearsal: Rehearsal, runs: Path) -> None:
    """Diagnose the service in good health, and again once its load balancer asks for a path that it does not have."""
    assert not _found(runs, rehearsal), "findings about a service in good health"
    rehearsal.done.append("nothing found in good health")
    elbv2 = cloud.client("elbv2")
    group = elbv2.describe_target_groups()["TargetGroups"][0]["TargetGroupArn"]
    elbv2.modify_target_group(TargetGroupArn=group, HealthCheckPath="/nowhere")

    def unhealthy() -> bool:
        found = elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return any(one["TargetHealth"].get("Reason") == "Target.ResponseCodeMismatch" for one in found)

    wait_until(unhealthy, "a target is unhealthy")
    first = [one["Finding"] for one in _found(runs, rehearsal)][:1]
    assert first == [diagnosis.Cause.WRONG_ANSWER], f"the first finding is {first}"
    rehearsal.done.append("a wrong health check path named first")


def _found(runs: Path, rehearsal: Rehearsal) -> list[dict[str, str]]:
    report = runner.run(rehearsal.runbook, {**SERVICE, "dry_run": "false"}, root=runs)
    assert report.ok and _only_reads(report.folder), f"not only read: {report.error}"
    return list(Evidence(report.folder).read("findings.json"))


ACTS: dict[str, Callable[[Cloud, Rehearsal, Path], None]] = {
    "diagnose-service": _diagnosing,
    "scale-service": _changing("scale-service", {"desired_count": "4"}, lambda cloud: None),
    "rollback-service": _changing("rollback-service", {}, _second_version),
}

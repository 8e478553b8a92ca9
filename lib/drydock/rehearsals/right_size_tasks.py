"""right-size-tasks: a service with four times the memory that it uses, and one that does not start in less."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from drydock.cloud import Cloud
from drydock.notebooks.wait import wait_until
from drydock.rehearsals.common import SERVICE, planned_applied_undone
from drydock.rehearsals.record import Rehearsal
from drydock.runbooks import runner, usage
from drydock.runbooks.evidence import Evidence

CLUSTER = SERVICE["cluster"]
WIDE, PROUD = "drydock-wide", "drydock-proud"
NEEDS_1_GB = """
import json, os, time, urllib.request
task = json.load(urllib.request.urlopen(os.environ["ECS_CONTAINER_METADATA_URI_V4"] + "/task"))
time.sleep(9999 if task["Limits"]["Memory"] >= 1024 else 0)
"""


def rehearse(cloud: Cloud, rehearsal: Rehearsal, runs: Path) -> None:
    ecs = cloud.client("ecs")
    serve(ecs, WIDE, {})
    serve(ecs, PROUD, {"command": ["-c", NEEDS_1_GB]})

    def measured() -> bool:
        return all(usage.measured(cloud, CLUSTER, each, days=1).minutes >= 2 for each in (WIDE, PROUD))

    wait_until(measured, "both services are measured")
    given = {"cluster": CLUSTER, "measured_minutes": "2", "days": "1"}
    planned_applied_undone(rehearsal, runs, {**given, "service": WIDE})
    planned = runner.run(rehearsal.runbook, {**given, "service": PROUD}, root=runs)
    assert planned.ok and planned.plan is not None, f"no plan: {planned.error}"
    approved = {**given, "service": PROUD, "dry_run": "false", "approve": planned.plan.hash}
    failed = runner.run(rehearsal.runbook, approved, root=runs)
    kept = Evidence(failed.folder)
    assert failed.outcome == "rolled back", f"not rolled back: {failed.error}"
    assert kept.read("after.json") == kept.read("before.json"), "rolled back to another state"
    rehearsal.done.append("a size that the tasks do not start in rolled back")


def serve(ecs: Any, name: str, changes: dict[str, Any]) -> None:
    """One task of 1 vCPU and 4 GB, in lab 00's network, behind no load balancer."""
    found = ecs.describe_task_definition(taskDefinition="drydock-hello")["taskDefinition"]
    network = ecs.describe_services(cluster=CLUSTER, services=[SERVICE["service"]])["services"][0]
    kept = ("networkMode", "requiresCompatibilities", "runtimePlatform", "executionRoleArn")
    container = {"name": "web", "image": found["containerDefinitions"][0]["image"], **changes}
    ecs.register_task_definition(
        **{key: found[key] for key in kept}, family=name, cpu="1024", memory="4096", containerDefinitions=[container]
    )
    ecs.create_service(
        cluster=CLUSTER,
        serviceName=name,
        taskDefinition=name,
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration=network["networkConfiguration"],
        deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": False}},
    )

"""right-size-tasks: a service with four times the memory that it uses, and one that does not start in less."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from drydock.cloud import Cloud
from drydock.notebooks.wait import wait_until
from drydock.rehearsals.common import SERVICE, Until, planned_applied_undone, rolled_back_by_itself
from drydock.rehearsals.record import Rehearsal
from drydock.runbooks import usage

CLUSTER = SERVICE["cluster"]
WIDE, PROUD = "drydock-wide", "drydock-proud"
NEEDS_1_GB = """
import json, os, time, urllib.request
task = json.load(urllib.request.urlopen(os.environ["ECS_CONTAINER_METADATA_URI_V4"] + "/task"))
time.sleep(9999 if task["Limits"]["Memory"] >= 1024 else 0)
"""


def given(cloud: Cloud, until: Until) -> dict[str, str]:
    serve(cloud.client("ecs"), WIDE, {})
    return _measured(cloud, until, WIDE)


def rehearse(cloud: Cloud, rehearsal: Rehearsal, runs: Path) -> None:
    serve(cloud.client("ecs"), PROUD, {"command": ["-c", NEEDS_1_GB]})
    planned_applied_undone(rehearsal, runs, given(cloud, wait_until), again={})
    proud = _measured(cloud, wait_until, PROUD)
    rolled_back_by_itself(rehearsal, runs, proud, "a size that its tasks do not start in")


def _measured(cloud: Cloud, until: Until, service: str) -> dict[str, str]:
    until(lambda: usage.measured(cloud, CLUSTER, service, days=1).minutes >= 2, f"{service} is measured")
    return {"cluster": CLUSTER, "service": service, "measured_minutes": "2", "days": "1"}


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

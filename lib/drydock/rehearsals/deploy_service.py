"""deploy-service: an image by its digest while requests are counted, and a revision that crashes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from drydock.cloud import Cloud
from drydock.notebooks.wait import wait_until
from drydock.rehearsals.common import SERVICE, Until, planned_applied_undone, rolled_back_by_itself
from drydock.rehearsals.record import Rehearsal


def given(cloud: Cloud, until: Until) -> dict[str, str]:
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
    cloud.client("ecs").update_service(**SERVICE, deploymentConfiguration=breaker)
    return {**SERVICE, "image": "v1", "rps": "0"}


def rehearse(cloud: Cloud, rehearsal: Rehearsal, runs: Path) -> None:
    planned_applied_undone(rehearsal, runs, {**given(cloud, wait_until), "rps": "20"}, again={})
    crashing = {**SERVICE, "task_definition": _crashing(cloud.client("ecs"))}
    rolled_back_by_itself(rehearsal, runs, crashing, "tasks that crash")


def _crashing(ecs: Any) -> str:
    """`family:revision` of one that exits as it starts."""
    found = ecs.describe_task_definition(taskDefinition="drydock-hello")["taskDefinition"]
    members = ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
    asked: dict[str, Any] = {name: value for name, value in found.items() if name in members}
    asked["containerDefinitions"][0]["environment"] = [{"name": "CRASH_AT_START", "value": "true"}]
    made = ecs.register_task_definition(**asked)["taskDefinition"]
    return f"{made['family']}:{made['revision']}"

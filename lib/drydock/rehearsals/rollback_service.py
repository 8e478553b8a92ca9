"""rollback-service: from a second revision back to the first, which is deregistered meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from drydock.cloud import Cloud
from drydock.notebooks.wait import wait_until
from drydock.rehearsals.common import SERVICE, Until, planned_applied_undone, steady
from drydock.rehearsals.record import Rehearsal


def given(cloud: Cloud, until: Until) -> dict[str, str]:
    ecs = cloud.client("ecs")
    first = ecs.describe_task_definition(taskDefinition="drydock-hello")["taskDefinition"]
    members = ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
    second: dict[str, Any] = {name: value for name, value in first.items() if name in members}
    second["containerDefinitions"][0]["environment"] = [{"name": "VERSION", "value": "v2"}]
    ecs.register_task_definition(**second)
    ecs.update_service(**SERVICE, taskDefinition="drydock-hello")
    steady(cloud, until)
    ecs.deregister_task_definition(taskDefinition=first["taskDefinitionArn"])
    return dict(SERVICE)


def rehearse(cloud: Cloud, rehearsal: Rehearsal, runs: Path) -> None:
    planned_applied_undone(rehearsal, runs, given(cloud, wait_until))

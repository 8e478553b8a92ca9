"""open-shell: a command in a container whose task has ECS Exec, kept with what it wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from drydock.cloud import Cloud
from drydock.notebooks.wait import wait_until
from drydock.rehearsals.common import SERVICE, Until, planned_and_guarded, steady
from drydock.rehearsals.record import Rehearsal
from drydock.runbooks import runner
from drydock.runbooks.evidence import Evidence
from drydock.runbooks.sessions import FILE

COMMAND = "python -c 'print(40 + 2)'"


def given(cloud: Cloud, until: Until) -> dict[str, str]:
    with_exec(cloud, until)
    return {**SERVICE, "command": COMMAND, "ticket": "REHEARSAL-1"}


def with_exec(cloud: Cloud, until: Until) -> None:
    """The service's tasks have a task role and ECS Exec."""
    ecs = cloud.client("ecs")
    found = ecs.describe_task_definition(taskDefinition="drydock-hello")["taskDefinition"]
    members = ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
    asked: dict[str, Any] = {name: value for name, value in found.items() if name in members}
    ecs.register_task_definition(**asked | {"taskRoleArn": found["executionRoleArn"]})
    ecs.update_service(**SERVICE, taskDefinition="drydock-hello", enableExecuteCommand=True)
    steady(cloud, until)


def rehearse(cloud: Cloud, rehearsal: Rehearsal, runs: Path) -> None:
    def run(**more: str) -> runner.Report:
        return runner.run(rehearsal.runbook, parameters | more, root=runs)

    parameters = {**SERVICE, "command": COMMAND, "ticket": "REHEARSAL-1"}
    refused = run()
    assert refused.outcome == "refused" and "enableExecuteCommand" in str(refused.error), f"{refused.error}"
    rehearsal.done.append("refused without ECS Exec")
    parameters = given(cloud, wait_until)
    approve = planned_and_guarded(rehearsal, runs, parameters)
    applied = run(dry_run="false", approve=approve)
    assert applied.outcome == "applied", f"not applied: {applied.error}"
    assert Evidence(applied.folder).read(FILE)["output"] == ["42"], "what the command wrote is not kept"
    rehearsal.done.append("run, and what it wrote kept")

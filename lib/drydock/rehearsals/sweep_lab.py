"""sweep-lab: what lab 00 has left is deleted, once nothing of another lab stands on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from drydock.cloud import Cloud
from drydock.ledger import owned
from drydock.rehearsals.common import SERVICE, planned_and_guarded
from drydock.rehearsals.record import Rehearsal
from drydock.resources.kind import TAG
from drydock.runbooks import runner

LAB = "00-start-here"


def given(cloud: Cloud, until: Any) -> dict[str, str]:
    """Something of a lab that is no more."""
    cloud.client("ecr").create_repository(repositoryName="drydock/left", tags=[{"Key": TAG, "Value": "left"}])
    return {"lab": "left"}


def rehearse(cloud: Cloud, rehearsal: Rehearsal, runs: Path) -> None:
    def run(**given: str) -> Any:
        return runner.run(rehearsal.runbook, {"lab": LAB, **given}, root=runs)

    ecs = cloud.client("ecs")
    service = ecs.describe_services(cluster=SERVICE["cluster"], services=[SERVICE["service"]])["services"][0]
    placed = {name: service[name] for name in ("taskDefinition", "launchType", "networkConfiguration")}
    tags = [{"key": TAG, "value": "another"}]
    task = ecs.run_task(cluster=SERVICE["cluster"], **placed, tags=tags)["tasks"][0]["taskArn"]
    refused = run()
    assert refused.outcome == "refused" and "lab another has the" in str(refused.error), f"{refused.error}"
    rehearsal.done.append("refused while another lab uses it")
    ecs.stop_task(cluster=SERVICE["cluster"], task=task)
    approve = planned_and_guarded(rehearsal, runs, {"lab": LAB})
    applied = run(dry_run="false", approve=approve)
    assert applied.outcome == "applied" and not owned(cloud, LAB), f"not applied: {applied.error}"
    rehearsal.done.append("applied and verified")
    assert run().outcome == "nothing to change", "something would be deleted again"
    rehearsal.done.append("applied again, nothing to change")

"""What happens while a run is at work, and what the run says and does then: tasks that crash, and somebody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from drydock.rehearsals.common import SERVICE
from drydock.runbooks import Refused, runner
from drydock.runbooks.evidence import Evidence
from drydock.runbooks.runner import Report

from .stepped import Case


def ended(case: Case, plan_hash: str = "") -> tuple[Report, str]:
    """The run of the plan, applied, and why it ended so, as its folder says."""
    report = case.apply(plan_hash or case.planned().hash)
    why = Evidence(report.folder).read("result.json")["why"]
    assert report.outcome == Evidence(report.folder).read("result.json")["outcome"]
    return report, why


def service(case: Case) -> Any:
    name = case.given["service"]
    return case.others.client("ecs").describe_services(cluster=SERVICE["cluster"], services=[name])["services"][0]


# -- tasks that crash --------------------------------------------------------------------------------

DEPLOYING = {
    "deploy-service": "deploy",
    "canary-release": "release",
    "recycle-tasks": "recycle",
    "replace-capacity": "move",
    "rotate-secret": "test_1",
    "right-size-tasks": "deploy",
    "rollback-service": "deploy",
    "reconcile-services": "update drydock-hello/drydock-wide",
    "scale-service": "scale",
}


@pytest.mark.parametrize("name", DEPLOYING)
def test_a_deployment_that_fails_is_told_with_why_its_tasks_have_stopped(case: Case, name: str) -> None:
    def crash() -> None:
        case.world.crashes = True

    def mend() -> None:
        case.world.crashes = False

    case.when("begin", DEPLOYING[name], crash)
    case.when("failed", DEPLOYING[name], mend)
    report, why = ended(case)
    assert report.outcome == "rolled back", why
    for told in (why, str(report.error)):
        assert "Tasks that have stopped by themselves: " in told and " exit code 1" in told, told

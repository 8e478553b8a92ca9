"""Runbooks stepped through cell by cell, with the mistakes that are made so: out of order, interrupted, edited."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from drydock.cloud import CloudRefused
from drydock.runbooks import NotApproved, Refused, RunFailed, executor, runner

from .conftest import Cells, deploy, described, opened, registered


def scaled(client: Any, count: int) -> None:
    deploy(client, described(client)["taskDefinition"], count)


def outcome(cells: Cells) -> str:
    return str(cells.names["run"].evidence.read("result.json")["outcome"])


def count(client: Any) -> int:
    return int(described(client)["desiredCount"])


def interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def test_a_dry_run_shows_what_to_type_and_what_to_write_each_by_itself(ecs: Any) -> None:
    cells = Cells("scale-service", desired_count=4)
    shown = cells.to("run.approve(")._repr_html_()
    plan_hash = cells.names["run"].evidence.plan.hash
    typed, written = re.findall("<pre><code>(.*?)</code></pre>", shown, re.DOTALL)
    assert typed.startswith("drydock runbook apply scale-service ") and typed.endswith(f" --approve {plan_hash}")
    assert " -p service=drydock-hello -p desired_count=4 " in typed
    assert written == f'dry_run = False\napprove = "{plan_hash}"'


def test_a_run_that_was_not_applied_does_not_say_that_it_was(ecs: Any) -> None:
    cells = opened("scale-service", desired_count=4)
    with pytest.raises(RunFailed, match="refused: the plan was not applied"):
        cells("run.close(")
    assert outcome(cells) == "refused"
    assert cells("run.verify(").heading == "Not verified"
    assert cells("run.roll_back_if_failed(").heading == "Nothing to roll back"
    assert count(ecs) == 2


def test_a_plan_that_was_made_after_the_approval_is_not_applied(ecs: Any) -> None:
    cells = opened("scale-service", desired_count=4)
    cells("run.plan(", "desiredCount=desired_count", "desiredCount=9")
    with pytest.raises(NotApproved, match="is not approved"):
        cells("run.apply(")
    assert count(ecs) == 2


@pytest.mark.parametrize("cell", ["run.plan(", "run.approve(", "run.apply("])
def test_parameters_that_were_edited_meanwhile_begin_another_run(ecs: Any, cell: str) -> None:
    cells = opened("scale-service", desired_count=4)
    cells.names["desired_count"] = 6
    with pytest.raises(Refused, match="desired_count is 6, and this run was opened with 4"):
        cells(cell)
    assert count(ecs) == 2


def test_what_was_applied_is_neither_applied_nor_planned_again_and_can_be_undone(ecs: Any) -> None:
    cells = opened("scale-service", desired_count=3)
    cells("run.apply(")
    for cell in ("run.apply(", "run.approve(", "run.plan("):
        with pytest.raises(Refused, match="This run has begun to apply its plan"):
            cells(cell)
    cells("ecs.describe_services,")
    cells("run.verify(")
    cells("run.close(")
    assert outcome(cells) == "applied"
    assert runner.roll_back_run(cells.names["run"].evidence.folder).endswith("rolled back")
    assert count(ecs) == 2


def test_a_plan_of_another_state_is_not_applied_however_long_ago_it_was_approved(ecs: Any) -> None:
    cells = opened("scale-service", desired_count=4)
    scaled(ecs, 3)
    with pytest.raises(NotApproved, match=r"service\.desiredCount was 2 and is 3\. Nothing was changed"):
        cells("run.apply(")
    with pytest.raises(RunFailed, match=r"refused: The plan is of another state"):
        cells("run.close(")
    assert count(ecs) == 3


def test_what_was_interrupted_while_it_was_applied_is_rolled_back(ecs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    good = described(ecs)["taskDefinition"]
    sick = registered(ecs, environment={"FAIL_HEALTH": "true"})
    cells = opened("rollback-service", to_revision=int(sick.rpartition(":")[2]))
    with monkeypatch.context() as patch:
        patch.setattr(executor.time, "sleep", interrupt)
        with pytest.raises(KeyboardInterrupt):
            cells("run.apply(")
    assert described(ecs)["taskDefinition"] == sick
    assert cells("run.verify(").heading == "Not verified"
    assert cells("run.roll_back_if_failed(").heading == "Rolled back"
    with pytest.raises(RunFailed, match="rolled back: The applying was cut short"):
        cells("run.close(")
    assert (described(ecs)["taskDefinition"], outcome(cells)) == (good, "rolled back")


def test_what_was_interrupted_while_it_was_verified_is_rolled_back(ecs: Any) -> None:
    cells = opened("scale-service", desired_count=3)
    cells("run.apply(")
    with pytest.raises(KeyboardInterrupt):
        cells.names["run"].verify({"all is well": interrupt}, minutes=1)
    assert cells("run.roll_back_if_failed(").heading == "Rolled back"
    with pytest.raises(RunFailed, match="rolled back: The verifying was cut short"):
        cells("run.close(")
    assert count(ecs) == 2


def test_what_was_interrupted_can_be_verified_again(ecs: Any) -> None:
    cells = opened("scale-service", desired_count=3)
    cells("run.apply(")
    with pytest.raises(KeyboardInterrupt):
        cells.names["run"].verify({"all is well": interrupt}, minutes=1)
    assert cells("run.verify(").tone == "passed"
    assert cells("run.roll_back_if_failed(").heading == "Nothing to roll back"
    cells("run.close(")
    assert (count(ecs), outcome(cells)) == (3, "applied")


def test_a_check_that_raises_has_failed(ecs: Any) -> None:
    cells = opened("scale-service", desired_count=3)
    cells("run.apply(")
    said = cells.names["run"].verify({"all is well": lambda: {}["targetGroupArn"]}, minutes=1)
    assert "KeyError: 'targetGroupArn'" in said.plain
    assert cells("run.roll_back_if_failed(").heading == "Rolled back"
    assert count(ecs) == 2


def test_what_was_not_verified_is_not_called_applied(ecs: Any) -> None:
    cells = opened("scale-service", desired_count=3)
    cells("run.apply(")
    assert cells("run.roll_back_if_failed(").heading == "Not verified yet"
    with pytest.raises(RunFailed, match=r"the plan was applied, and not verified.* drydock runbook roll-back "):
        cells("run.close(")
    assert (count(ecs), outcome(cells)) == (3, "failed")


def test_a_failed_run_leaves_alone_what_somebody_else_has_set_meanwhile(ecs: Any) -> None:
    cells = opened("scale-service", desired_count=3)
    cells("run.apply(")
    scaled(ecs, 1)
    cells.names["run"].verify({}, minutes=1)
    said = cells("run.roll_back_if_failed(")
    assert said.heading == "The roll-back failed"
    assert "service.desiredCount is 1, and was 2 before and 3 as planned" in said.plain
    assert count(ecs) == 1


def test_the_deployments_of_every_page_are_read(ecs: Any) -> None:
    first = described(ecs)["taskDefinition"]
    deploy(ecs, registered(ecs, environment={"VERSION": "two"}), 2)
    cells = Cells("rollback-service")
    cells.to("Runbook.open(")
    client = cells.names["ecs"]
    listed = client.list_service_deployments
    client.list_service_deployments = lambda **given: listed(maxResults=1, **given)
    cells("ecs.describe_services,")
    cells("attributes(ecs)")
    assert cells("def succeeded") == first
    del client.list_service_deployments


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_ECS"])
def test_a_run_does_not_go_elsewhere_than_to_whom_sts_is_asked(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    with pytest.raises(CloudRefused, match="Calls of ecs would go to "):
        Cells("scale-service", cloud="aws", account="012345678901").to("Runbook.open(")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("controller", ["EXTERNAL", "CODE_DEPLOY"])
def test_a_service_that_is_not_deployed_by_ecs_is_refused_for_that(ecs: Any, controller: str) -> None:
    def deployed_otherwise(parsed: dict[str, Any]) -> None:
        for found in parsed["services"]:
            found |= {"deploymentController": {"type": controller}, "deployments": []}

    cells = Cells("scale-service", desired_count=4)
    cells.to("Runbook.open(")
    cells.as_if("ecs", "DescribeServices", deployed_otherwise)
    with pytest.raises(Refused, match=f"drydock-hello is deployed by {controller}"):
        cells("ecs.describe_services,")

"""What happens while a run is at work, and what the run says and does then: tasks that crash, and somebody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from drydock.rehearsals import clean_images
from drydock.rehearsals.common import SERVICE
from drydock.runbooks import runner
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
    case.given = {**case.given, "minutes": "4"}
    report, why = ended(case)
    assert report.outcome == "rolled back", why
    for told in (why, str(report.error)):
        assert "Tasks that have stopped by themselves: " in told and " exit code 1" in told, told


# -- somebody else -----------------------------------------------------------------------------------


def another_revision(case: Case, **environment: str) -> str:
    """ARN of a revision of the service's family, with these variables in place of its own."""
    ecs = case.others.client("ecs")
    found = ecs.describe_task_definition(taskDefinition=service(case)["taskDefinition"])["taskDefinition"]
    members = ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
    asked = {name: value for name, value in found.items() if name in members}
    if environment:
        variables = [{"name": name, "value": value} for name, value in environment.items()]
        asked["containerDefinitions"][0]["environment"] = variables
    return str(ecs.register_task_definition(**asked)["taskDefinition"]["taskDefinitionArn"])


def deploys(case: Case, **environment: str) -> Callable[[], None]:
    """Somebody deploys a revision with these variables; without any, one as the one that runs."""

    def deploy() -> None:
        arn = another_revision(case, **environment)
        case.others.client("ecs").update_service(**SERVICE, taskDefinition=arn)

    return deploy


@pytest.mark.parametrize("name", ["deploy-service"])
@pytest.mark.parametrize(
    ("event", "environment"), [("answered", {"VERSION": "theirs"}), ("done", {})], ids=["other", "alike"]
)
def test_what_somebody_else_deploys_meanwhile_is_neither_undone_nor_taken_for_the_runs_own(
    case: Case, event: str, environment: dict[str, str]
) -> None:
    case.when(event, "deploy", deploys(case, **environment))
    report, why = ended(case)
    assert report.outcome == "failed"
    assert "Nothing was undone, because somebody else has been at work: service.taskDefinition is " in why
    theirs = service(case)["taskDefinition"]
    assert theirs.rpartition("/")[2] in why and theirs == registered_last(case)


def registered_last(case: Case) -> str:
    """ARN of the newest revision: theirs."""
    newest = case.others.client("ecs").list_task_definitions(familyPrefix="drydock-hello", sort="DESC")
    return str(newest["taskDefinitionArns"][0])


@pytest.mark.parametrize("name", ["deploy-service"])
def test_what_somebody_else_deploys_once_it_is_verified_is_said_and_not_undone_later(case: Case) -> None:
    case.when("verified", "", deploys(case, VERSION="theirs"))
    report, why = ended(case)
    theirs = service(case)["taskDefinition"]
    assert report.outcome == "failed"
    assert why.startswith("it was applied and verified, and then somebody else changed it: ")
    said = runner.roll_back_run(report.folder)
    assert "the roll-back failed: Nothing was undone, because somebody else has been at work" in said
    assert service(case)["taskDefinition"] == theirs


@pytest.mark.parametrize("name", ["deploy-service"])
def test_a_revision_that_somebody_else_registers_meanwhile_is_in_nobodys_way(case: Case) -> None:
    case.when("done", "deploy", lambda: another_revision(case, VERSION="theirs"))
    report, why = ended(case)
    assert (report.outcome, why) == ("applied", "")
    another_revision(case, VERSION="later")
    assert runner.roll_back_run(report.folder).endswith("; rolled back")


@pytest.mark.parametrize("name", ["scale-service"])
@pytest.mark.parametrize("event", ["answered", "verified"])
def test_a_number_that_somebody_else_sets_meanwhile_stays(case: Case, event: str) -> None:
    def scale() -> None:
        case.others.client("ecs").update_service(**SERVICE, desiredCount=7)

    case.when(event, "" if event == "verified" else "scale", scale)
    report, why = ended(case)
    assert report.outcome == "failed" and "service.desiredCount is 7" in why
    assert service(case)["desiredCount"] == 7


@pytest.mark.parametrize("name", ["recycle-tasks"])
def test_bounds_that_somebody_else_sets_while_they_are_narrow_stay(case: Case) -> None:
    def widen() -> None:
        bounds = {"minimumHealthyPercent": 0, "maximumPercent": 300}
        case.others.client("ecs").update_service(**SERVICE, deploymentConfiguration=bounds)
        case.world.crashes = True

    case.when("answered", "recycle", widen)
    report, why = ended(case)
    assert report.outcome == "failed" and "somebody else has been at work" in why
    assert service(case)["deploymentConfiguration"]["maximumPercent"] == 300


@pytest.mark.parametrize(
    ("name", "event"), [("deploy-service", "answered"), ("scale-service", "applied"), ("canary-release", "answered")]
)
def test_a_service_that_is_deleted_meanwhile_is_said_to_be(case: Case, event: str, name: str) -> None:
    def delete() -> None:
        case.others.client("ecs").delete_service(cluster=SERVICE["cluster"], service=case.given["service"], force=True)

    case.when(event, "" if event == "applied" else DEPLOYING[name], delete)
    report, why = ended(case)
    assert report.outcome == "failed", why
    assert "Nothing was undone, because somebody else has been at work: service.status is " in why, why


# -- what a run stands on is deleted -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["canary-release", "blue-green-switch"])
def test_an_alarm_that_is_deleted_meanwhile_watches_nothing(case: Case, name: str) -> None:
    alarm, step = case.given["alarms"], "release" if name == "canary-release" else "to-10"
    case.given = {**case.given, "bake_minutes": "2"}
    case.when("answered", step, lambda: case.others.client("cloudwatch").delete_alarms(AlarmNames=[alarm]))
    report, why = ended(case)
    assert report.outcome == "rolled back", why
    assert ("an alarm was deleted; there are: none" if name == "blue-green-switch" else "was deleted meanwhile") in why


@pytest.fixture
def another_image(case: Case) -> Callable[[], None]:
    """The run deploys an image that the service does not run yet. Called, it deletes that."""
    ecr = case.others.client("ecr")
    clean_images.push_another(ecr, 0)
    case.given = {**case.given, "image": "old-0"}
    return lambda: ecr.batch_delete_image(repositoryName="drydock-hello", imageIds=[{"imageTag": "old-0"}])


@pytest.mark.parametrize("name", ["deploy-service"])
def test_an_image_that_is_deleted_meanwhile_is_named_and_the_service_has_its_own_again(
    case: Case, another_image: Callable[[], None]
) -> None:
    before = service(case)["taskDefinition"]
    case.when("begin", "deploy", another_image)
    report, why = ended(case)
    assert report.outcome == "rolled back"
    assert "CannotPullContainerError" in why and "drydock-hello@sha256:" in why
    assert service(case)["taskDefinition"] == before


@pytest.mark.parametrize("name", ["deploy-service"])
def test_a_run_can_be_undone_once_the_image_that_it_deployed_is_deleted(
    case: Case, another_image: Callable[[], None]
) -> None:
    before = service(case)["taskDefinition"]
    report, why = ended(case)
    assert report.outcome == "applied", why
    another_image()
    assert runner.roll_back_run(report.folder).endswith("; rolled back")
    assert service(case)["taskDefinition"] == before


@pytest.mark.parametrize("name", ["deploy-service"])
def test_a_target_group_that_is_deleted_meanwhile_is_named(case: Case) -> None:
    group = service(case)["loadBalancers"][0]["targetGroupArn"]

    def delete() -> None:
        elbv2 = case.others.client("elbv2")
        for balancer in elbv2.describe_load_balancers()["LoadBalancers"]:
            elbv2.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])
        elbv2.delete_target_group(TargetGroupArn=group)

    case.when("answered", "deploy", delete)
    case.given = {**case.given, "minutes": "4"}
    report, why = ended(case)
    assert report.outcome == "failed" and f"The target group {group} does not exist" in why, why

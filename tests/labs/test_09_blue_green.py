"""Lab 09: what each check says of nothing, of something wrong and of something right. The tests build on each other."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from drydock.cloud import Cloud
from drydock.embedded.core.clock import DEFAULT_SPEED
from drydock.labs import Lab, catalogue
from drydock.labs.shop import register_backend
from drydock.ledger import sweep
from drydock.load import Load

from .conftest import solve, state, tried, until, update

NAME = "09-blue-green"
PAUSE = {"targetType": "PAUSE", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"]}


def balancer(cloud: Cloud) -> dict[str, Any]:
    return dict(cloud.client("elbv2").describe_load_balancers(Names=["drydock-catalog"])["LoadBalancers"][0])


def address(cloud: Cloud, port: int) -> str:
    return f"http://{balancer(cloud)['DNSName']}:{port}/"


def listener(cloud: Cloud, port: int) -> str:
    found = cloud.client("elbv2").describe_listeners(LoadBalancerArn=balancer(cloud)["LoadBalancerArn"])["Listeners"]
    return str(next(one["ListenerArn"] for one in found if one["Port"] == port))


def rule(cloud: Cloud, port: int) -> str:
    """The default rule of a port."""
    found = cloud.client("elbv2").describe_rules(ListenerArn=listener(cloud, port))["Rules"]
    return str(next(one["RuleArn"] for one in found if one["IsDefault"]))


def group(cloud: Cloud, name: str) -> str:
    found = cloud.client("elbv2").describe_target_groups(Names=[f"drydock-catalog-{name}"])
    return str(found["TargetGroups"][0]["TargetGroupArn"])


def who(cloud: Cloud, port: int) -> set[str]:
    """The versions that answer on a port."""
    return set(Load(address(cloud, port), rps=50).start(0.5).wait().versions)


def test_an_empty_cloud_is_not_started_and_told_in_our_words(lab: Lab) -> None:
    found = {step.name: step.check(lab.cloud, lab) for step in lab.steps}
    assert {name: check.state for name, check in found.items()} == {step.name: "not started" for step in lab.steps}
    assert not [check.message for check in found.values() if "AWS answers" in check.message]


def test_two_listeners(lab: Lab) -> None:
    lab.set_up()
    solve(lab, "two-listeners")
    elbv2, ec2 = lab.cloud.client("elbv2"), lab.cloud.client("ec2")
    tests, arn = listener(lab.cloud, 8080), balancer(lab.cloud)["LoadBalancerArn"]
    both = elbv2.describe_listeners(ListenerArns=[tests])["Listeners"][0]["DefaultActions"]
    one = [{"Type": "forward", "TargetGroupArn": group(lab.cloud, "primary")}]
    let_in = balancer(lab.cloud)["SecurityGroups"]
    names = {
        each["GroupId"]: each["GroupName"] for each in ec2.describe_security_groups(GroupIds=let_in)["SecurityGroups"]
    }
    shop = [each for each in let_in if names[each] == "drydock-alb"]
    for wrong, right, words in [
        (
            lambda: elbv2.modify_listener(ListenerArn=tests, DefaultActions=one),
            lambda: elbv2.modify_listener(ListenerArn=tests, DefaultActions=both),
            "Port 8080 does not name both target groups",
        ),
        (
            lambda: elbv2.modify_listener(ListenerArn=tests, Port=8081),
            lambda: elbv2.modify_listener(ListenerArn=tests, Port=8080),
            "Nothing listens on port 8080",
        ),
        (
            lambda: elbv2.set_security_groups(LoadBalancerArn=arn, SecurityGroups=shop),
            lambda: elbv2.set_security_groups(LoadBalancerArn=arn, SecurityGroups=let_in),
            "let in by no security group",
        ),
    ]:
        wrong()
        found = state(lab, "two-listeners")
        assert found[0] == "wrong" and words in found[1]
        right()
        assert state(lab, "two-listeners")[0] == "passed", words


def test_a_service_that_ecs_deploys_by_blue_green(lab: Lab) -> None:
    assert state(lab, "blue-green-service") == ("not started", "The cluster `drydock` has no service `catalog`.")
    solve(lab, "blue-green-service")
    update(lab.cloud, "catalog", deploymentConfiguration={"strategy": "CANARY"})
    until(lab, "blue-green-service", "wrong", "deployed by CANARY")
    update(lab.cloud, "catalog", deploymentConfiguration={"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0})
    update(lab.cloud, "catalog", desiredCount=1)
    until(lab, "blue-green-service", "wrong", "one task")
    update(lab.cloud, "catalog", desiredCount=2)
    until(lab, "blue-green-service", "passed")
    assert state(lab, "all-at-once") == ("not started", "v2 was never deployed.")


def test_customers_meet_a_version_only_after_tests_have(lab: Lab) -> None:
    assert state(lab, "candidates")[0] == "not started"
    for step in ("candidates", "approved"):
        solve(lab, step)
    customers = Load(address(lab.cloud, 80), rps=50).start()
    solve(lab, "abandoned")
    report = customers.stop()
    assert (set(report.versions), report.failed) == ({"v5"}, 0)
    assert (who(lab.cloud, 80), who(lab.cloud, 8080)) == ({"v5"}, {"v5"})


def test_a_version_that_an_attempt_has_let_on_is_no_success(lab: Lab) -> None:
    at_once = """
ecs.update_service(**catalog, taskDefinition=v6, deploymentConfiguration={**plain, "bakeTimeInMinutes": 0})
ecs.get_waiter("services_stable").wait(cluster="drydock", services=["catalog"])
"""
    tried(lab, "abandoned", at_once)
    assert who(lab.cloud, 80) == {"v5"}


def test_the_drill_of_the_test_that_finds_nothing(lab: Lab) -> None:
    lab.break_it("spotless")
    assert (who(lab.cloud, 80), who(lab.cloud, 8080)) == ({"v5"}, {"v5"})
    assert state(lab, "spotless") == (
        "wrong",
        "A test on port 8080 meets another rule than the one that ECS turns to green.",
    )
    elbv2, ecs = lab.cloud.client("elbv2"), lab.cloud.client("ecs")
    newest = ecs.list_service_deployments(cluster="drydock", service="catalog")["serviceDeployments"][0]
    told = ecs.describe_service_deployments(serviceDeploymentArns=[newest["serviceDeploymentArn"]])
    [waits] = told["serviceDeployments"][0]["lifecycleHookDetails"]
    left = (waits["expiresAt"] - datetime.now(UTC)) * lab.cloud.speed / DEFAULT_SPEED
    assert left > timedelta(minutes=30)  # a learner's own: there is time to find it out
    rules = elbv2.describe_rules(ListenerArn=listener(lab.cloud, 8080))["Rules"]
    hidden = next(one["RuleArn"] for one in rules if not one["IsDefault"])
    elbv2.modify_rule(RuleArn=hidden, Conditions=[{"Field": "path-pattern", "Values": ["/*"]}])
    until(lab, "spotless", "wrong", "v8 waits")
    found = Load(address(lab.cloud, 8080), rps=100).start(0.5).wait()
    assert set(found.versions) == {"v8"} and found.failed
    elbv2.delete_rule(RuleArn=hidden)
    tried(lab, "spotless", 'reply("CONTINUE")')
    assert (who(lab.cloud, 80), who(lab.cloud, 8080)) == ({"v5"}, {"v5"})
    assert ecs.describe_services(cluster="drydock", services=["catalog"])["services"][0]["runningCount"] == 2


def test_the_older_service_that_codedeploy_deploys(lab: Lab) -> None:
    nothing = "The cluster `drydock` has no service `catalog-older`."
    assert {state(lab, step) for step in ("older-service", "by-codedeploy", "older-alarm")} == {
        ("not started", nothing)
    }
    solve(lab, "older-service")
    codedeploy = lab.cloud.client("codedeploy")
    of = {"applicationName": "drydock-catalog", "currentDeploymentGroupName": "older"}
    [pair] = codedeploy.get_deployment_group(applicationName="drydock-catalog", deploymentGroupName="older")[
        "deploymentGroupInfo"
    ]["loadBalancerInfo"]["targetGroupPairInfoList"]
    untested = {name: value for name, value in pair.items() if name != "testTrafficRoute"}
    codedeploy.update_deployment_group(**of, loadBalancerInfo={"targetGroupPairInfoList": [untested]})
    found = state(lab, "older-service")
    assert found == ("wrong", "The deployment group does not turn the listener of port 8001.")
    codedeploy.update_deployment_group(**of, loadBalancerInfo={"targetGroupPairInfoList": [pair]})
    assert state(lab, "older-service")[0] == "passed"
    assert state(lab, "by-codedeploy") == ("not started", "CodeDeploy was never told to release v2.")
    solve(lab, "by-codedeploy")
    assert (who(lab.cloud, 8000), who(lab.cloud, 8001)) == ({"v2"}, {"v2"})
    assert state(lab, "older-alarm") == ("not started", "CodeDeploy was never told to release v4.")


def test_a_tenth_meets_v4_until_an_alarm_turns_it_back(lab: Lab) -> None:
    to_all = """
found = deploy(v4, deploymentConfigName="CodeDeployDefault.ECSAllAtOnce")
wait_until(lambda: told(found)["status"] == "Succeeded", "v4 is released", timeout=600)
"""
    register_backend(lab.cloud, "drydock-catalog", "v4", ERROR_RATE="0.5")  # as section 6 has left it
    tried(lab, "older-alarm", to_all)
    assert who(lab.cloud, 8000) == {"v2"}


def test_nothing_is_left(lab: Lab) -> None:
    lab.clean_up(sure=True)
    assert not sweep(lab.cloud).survivors


# -- judged by what ECS says of deployments, without any


Judge = Callable[..., tuple[str, str]]


@pytest.fixture
def judge(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Judge:
    """judge(step, deployment, …): what the check says when ECS has these deployments, the newest first."""
    catalogue.load(NAME)
    checks = sys.modules["drydock_lab_09_blue_green"]

    def judged(step: str, *deployments: dict[str, Any]) -> tuple[str, str]:
        monkeypatch.setattr(checks, "service", lambda *_: {"taskDefinition": "catalog:5", "deployments": []})
        monkeypatch.setattr(checks, "releases", lambda *_: list(deployments))
        monkeypatch.setattr(checks, "version", lambda *_: "v5")
        monkeypatch.setattr(checks, "errors", lambda *_: 5)
        return state(lab, step)

    return judged


def told(
    version: str, status: str, *answers: str, hooks: list[dict[str, Any]] | None = None, bake: int = 2, **more: Any
) -> dict[str, Any]:
    found = {
        "version": version,
        "status": status,
        "createdAt": datetime.now(UTC),
        "group": "group",
        "deploymentConfiguration": {"bakeTimeInMinutes": bake, "lifecycleHooks": [LIMITED] if hooks is None else hooks},
        "lifecycleHookDetails": [{"targetType": "PAUSE", "status": answer} for answer in answers],
    }
    return {**found, **more}


def limited(minutes: int, action: str = "ROLLBACK", stage: str = "POST_TEST_TRAFFIC_SHIFT") -> dict[str, Any]:
    limit = {"timeoutInMinutes": minutes, "action": action}
    return {**PAUSE, "lifecycleStages": [stage], "timeoutConfiguration": limit}


LIMITED = limited(30)


@pytest.mark.parametrize(
    ("found", "verdict", "words"),
    [
        (told("v5", "SUCCESSFUL", "SUCCEEDED"), "passed", "blue stood by"),
        (told("v5", "SUCCESSFUL", hooks=[limited(5, stage="PRE_PRODUCTION_TRAFFIC_SHIFT")]), "passed", ""),
        (told("v4", "SUCCESSFUL", "SUCCEEDED"), "not started", "never deployed"),
        (told("v5", "SUCCESSFUL", hooks=[]), "wrong", "never waits"),
        (told("v5", "SUCCESSFUL", hooks=[limited(30, stage="POST_SCALE_UP")]), "wrong", "never waits"),
        (told("v5", "SUCCESSFUL", hooks=[limited(30, stage="POST_PRODUCTION_TRAFFIC_SHIFT")]), "wrong", "never waits"),
        (told("v5", "SUCCESSFUL", hooks=[PAUSE]), "wrong", "up to 1440 minutes"),
        (told("v5", "SUCCESSFUL", hooks=[limited(30, "CONTINUE")]), "wrong", "untested"),
        (told("v5", "SUCCESSFUL", "TIMED_OUT"), "wrong", "Nobody has answered"),
        (told("v5", "SUCCESSFUL", "SUCCEEDED", bake=0), "wrong", "does not stand by"),
        (told("v5", "IN_PROGRESS", "AWAITING_ACTION"), "wrong", "waits for your answer"),
        (told("v5", "IN_PROGRESS", "SUCCEEDED"), "wrong", "IN_PROGRESS"),
        (told("v5", "ROLLBACK_SUCCESSFUL", "FAILED"), "wrong", "ROLLBACK_SUCCESSFUL"),
    ],
)
def test_approved(judge: Judge, found: dict[str, Any], verdict: str, words: str) -> None:
    said = judge("approved", found)
    assert said[0] == verdict and words in said[1], said


@pytest.mark.parametrize(
    ("found", "verdict", "words"),
    [
        (told("v6", "ROLLBACK_SUCCESSFUL", "FAILED"), "passed", "before a customer met it"),
        (told("v6", "ROLLBACK_SUCCESSFUL", "AWAITING_ACTION"), "passed", ""),  # stopped, or an alarm has rung
        (told("v6", "ROLLBACK_SUCCESSFUL", "SUCCEEDED"), "wrong", "customers have met it"),
        (told("v6", "ROLLBACK_SUCCESSFUL", "TIMED_OUT"), "wrong", "time-out"),
        (told("v6", "ROLLBACK_SUCCESSFUL", hooks=[]), "wrong", "untested"),
        (told("v6", "IN_PROGRESS", "AWAITING_ACTION"), "wrong", "waits for your answer"),
        (told("v6", "IN_PROGRESS"), "wrong", "on its way"),
        (told("v6", "ROLLBACK_IN_PROGRESS", "FAILED"), "wrong", "ROLLBACK_IN_PROGRESS"),
    ],
)
def test_abandoned(judge: Judge, found: dict[str, Any], verdict: str, words: str) -> None:
    said = judge("abandoned", found)
    assert said[0] == verdict and words in said[1], said


@pytest.mark.parametrize(
    ("step", "version", "words"), [("approved", "v5", "forceNewDeployment=True"), ("abandoned", "v6", "release v5")]
)
def test_how_to_try_again_what_serves_already(judge: Judge, lab: Lab, step: str, version: str, words: str) -> None:
    judge(step, told(version, "SUCCESSFUL", hooks=[]))
    assert words in lab.step(step).check(lab.cloud, lab).look
    judge(step, told(version, "IN_PROGRESS", hooks=[]))
    assert words not in lab.step(step).check(lab.cloud, lab).look


def test_what_ecs_did_by_itself_or_by_hand(judge: Judge) -> None:
    back = told("v3", "ROLLBACK_SUCCESSFUL", "SUCCEEDED")
    late = told("v3", "ROLLBACK_SUCCESSFUL", "TIMED_OUT")
    assert judge("back-in-the-bake", late, back)[0] == "passed"
    assert judge("back-in-the-bake", late)[0] == "wrong"
    assert judge("back-in-the-bake", told("v3", "IN_PROGRESS", "AWAITING_ACTION")) == (
        "wrong",
        "v3 waits for an answer.",
    )
    assert judge("nobody-answers", back, late)[0] == "passed"
    assert judge("nobody-answers", back)[0] == "not started"
    assert judge("nobody-answers", told("v3", "SUCCESSFUL", "TIMED_OUT"))[0] == "wrong"
    assert judge("all-at-once", told("v2", "SUCCESSFUL"))[0] == "passed"
    assert judge("all-at-once", told("v2", "ROLLBACK_SUCCESSFUL"))[0] == "wrong"


def test_what_a_function_says(judge: Judge) -> None:
    def asked(status: str, *answers: str) -> dict[str, Any]:
        details = [{"targetType": "AWS_LAMBDA", "status": answer} for answer in answers]
        return told("v7", status, lifecycleHookDetails=details)

    assert judge("judged", asked("ROLLBACK_SUCCESSFUL", "FAILED"))[0] == "passed"
    assert judge("judged", asked("SUCCESSFUL", "SUCCEEDED")) == ("wrong", "The deployment of v7 is SUCCESSFUL.")
    assert judge("judged", told("v7", "ROLLBACK_SUCCESSFUL", "FAILED"))[0] == "wrong"
    assert judge("judged", asked("IN_PROGRESS", "IN_PROGRESS")) == ("wrong", "v7 is being tested.")


CANARY = "CodeDeployDefault.ECSCanary10Percent5Minutes"
BACK = {"version": "", "creator": "codeDeployRollback", "deploymentId": "d-2", "status": "Succeeded"}
UNDONE: dict[str, Any] = {"rollbackInfo": {"rollbackDeploymentId": "d-2"}}


def by_codedeploy(status: str, code: str = "", config: str = CANARY, **more: Any) -> dict[str, Any]:
    told = {"version": "v4", "status": status, "deploymentConfigName": config, "deploymentId": "d-1", **more}
    return {**told, "errorInformation": {"code": code}} if code else told


@pytest.mark.parametrize(
    ("found", "serves", "verdict", "words"),
    [
        ([BACK, by_codedeploy("Stopped", "ALARM_ACTIVE", **UNDONE)], "v2", "passed", "brought v2 back"),
        ([BACK, by_codedeploy("Stopped", "ALARM_ACTIVE", **UNDONE)], "v4", "wrong", "all the same"),
        ([by_codedeploy("Stopped", "ALARM_ACTIVE", **UNDONE)], "", "wrong", "being turned back"),
        ([{**BACK, "status": "InProgress"}, by_codedeploy("Stopped", "ALARM_ACTIVE", **UNDONE)], "", "wrong", "being"),
        ([by_codedeploy("Stopped", "ALARM_ACTIVE")], "", "wrong", "nothing brings back what served before"),
        ([by_codedeploy("Stopped", "MANUAL_STOP")], "v2", "wrong", "MANUAL_STOP"),
        ([by_codedeploy("Succeeded")], "v4", "wrong", "let on"),
        ([by_codedeploy("Stopped", "ALARM_ACTIVE", "CodeDeployDefault.ECSAllAtOnce")], "", "wrong", "ECSAllAtOnce"),
        ([by_codedeploy("InProgress")], "", "wrong", "on its way"),
        ([], "v2", "not started", "never told"),
    ],
)
def test_what_codedeploy_says_of_v4(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, found: list[dict[str, Any]], serves: str, verdict: str, words: str
) -> None:
    catalogue.load(NAME)
    checks = sys.modules["drydock_lab_09_blue_green"]
    monkeypatch.setattr(checks, "service", lambda *_: {"taskSets": []})
    monkeypatch.setattr(checks, "handed_over", lambda *_: found)
    monkeypatch.setattr(checks, "serves", lambda *_: serves)
    monkeypatch.setattr(checks, "shifted", lambda *_: True)
    said = state(lab, "older-alarm")
    assert said[0] == verdict and words in said[1], said
    assert ("bring v2 back" in lab.step("older-alarm").check(lab.cloud, lab).look) == ("let on" in words)


def test_an_alarm_that_rang_already_turns_v4_back_before_anybody_meets_it(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue.load(NAME)
    checks = sys.modules["drydock_lab_09_blue_green"]
    monkeypatch.setattr(checks, "service", lambda *_: {"taskSets": []})
    monkeypatch.setattr(checks, "handed_over", lambda *_: [BACK, by_codedeploy("Stopped", "ALARM_ACTIVE", **UNDONE)])
    monkeypatch.setattr(checks, "shifted", lambda *_: False)
    assert state(lab, "older-alarm") == ("wrong", "An alarm rang before a customer had met v4.")

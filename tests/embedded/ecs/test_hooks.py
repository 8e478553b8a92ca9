"""Deployments that call functions at their stages: every turn of the engine, and each answer, is the test's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.support.lab import Lab
from tests.support.site import Site, make_site
from tests.support.stepped import World

from drydock.embedded.services.ecs.calls import Calls
from drydock.policy.ecs import hooks
from drydock.policy.ecs.hooks import Answer

BLUE_GREEN = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1}
CANARY = {
    "strategy": "CANARY",
    "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 2},
    "bakeTimeInMinutes": 1,
}
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:judge"
ROLE = "arn:aws:iam::000000000000:role/calling"
STAGES = [
    "PRE_SCALE_UP", "POST_SCALE_UP", "TEST_TRAFFIC_SHIFT", "POST_TEST_TRAFFIC_SHIFT", "PRE_PRODUCTION_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT",
]  # fmt: skip
SUCCEEDED = {"hookStatus": "SUCCEEDED"}


class Judge:
    """Takes the place of the calls of functions: `answers` says what each is answered, None while it runs."""

    def __init__(self, answers: Callable[[dict[str, Any]], Any] = lambda event: SUCCEEDED) -> None:
        self.answers = answers
        self.heard: list[dict[str, Any]] = []
        self.times: list[float] = []
        self.under_way: dict[str, dict[str, Any]] = {}
        self.now: Callable[[], float] = lambda: 0.0

    def is_under_way(self, identity: str) -> bool:
        return identity in self.under_way

    def begin(self, identity: str, target: str, payload: dict[str, Any]) -> None:
        assert target == FUNCTION
        self.under_way[identity] = json.loads(json.dumps(payload))
        self.heard.append(payload)
        self.times.append(self.now())

    def take(self, identity: str) -> Answer | None:
        answer = self.answers(self.under_way[identity]) if identity in self.under_way else None
        if answer is None:
            return None
        del self.under_way[identity]
        return answer if isinstance(answer, Answer) else hooks.read(FUNCTION, json.dumps(answer).encode())

    def forget(self, identity: str) -> None:
        self.under_way.pop(identity, None)

    def stages(self) -> list[str]:
        return [event["lifecycleStage"] for event in self.heard]


@pytest.fixture
def judge(world: World) -> Judge:
    judge = Judge()
    judge.now = world.clock.time
    world.host.make_instead(Calls, lambda _: judge)  # type: ignore[arg-type, return-value]
    return judge


@pytest.fixture
def lab(world: World) -> Lab:
    return world.lab()


@pytest.fixture
def site(lab: Lab, judge: Judge) -> Site:
    trusting(lab, "ecs.amazonaws.com")
    return make_site(lab)


def trusting(lab: Lab, service: str, name: str = "calling") -> None:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    lab.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)


def calling(*stages: str, **other: Any) -> dict[str, Any]:
    hook = {"hookTargetArn": FUNCTION, "roleArn": ROLE, "lifecycleStages": [*stages], **other}
    return {"lifecycleHooks": [hook]}


def test_a_function_is_called_at_every_stage_and_told_what_shifts(lab: Lab, site: Site, judge: Judge) -> None:
    site.create(1, BLUE_GREEN)
    site.update(deploymentConfiguration=calling(*STAGES, hookDetails={"bucket": "b"}))
    done = site.until_status("SUCCESSFUL")
    assert judge.stages() == STAGES
    target, [source] = done["targetServiceRevision"]["arn"], [s["arn"] for s in done["sourceServiceRevisions"]]
    shifts = {
        event["lifecycleStage"]: (details["testTrafficWeights"], details["productionTrafficWeights"])
        for event in judge.heard
        for details in [event["executionDetails"]]
    }
    nothing: tuple[Any, Any] = ({}, {})
    assert shifts == {
        **dict.fromkeys(STAGES, nothing),
        "TEST_TRAFFIC_SHIFT": ({target: 100, source: 0}, {}),
        "PRE_PRODUCTION_TRAFFIC_SHIFT": ({}, {target: 0, source: 100}),
        "PRODUCTION_TRAFFIC_SHIFT": ({}, {target: 100, source: 0}),
    }
    for event in judge.heard:
        assert event["resourceArn"] == done["serviceDeploymentArn"]
        assert event["executionDetails"]["serviceArn"] == done["serviceArn"]
        assert event["executionDetails"]["targetServiceRevisionArn"] == target
        assert event["hookDetails"] == {"bucket": "b"}
    assert len({event["executionId"] for event in judge.heard}) == len(STAGES)
    shown = done["lifecycleHookDetails"]
    assert [hook["status"] for hook in shown] == ["SUCCEEDED"] * len(STAGES)
    assert {(hook["targetType"], hook["targetArn"], hook["timeoutAction"]) for hook in shown} == {
        ("AWS_LAMBDA", FUNCTION, "ROLLBACK")
    }


def test_each_step_of_a_canary_is_judged(lab: Lab, site: Site, judge: Judge) -> None:
    site.create(1, CANARY)
    site.update(deploymentConfiguration=calling("PRE_PRODUCTION_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"))
    target = site.until_status("SUCCESSFUL")["targetServiceRevision"]["arn"]
    told = [event["executionDetails"]["productionTrafficWeights"][target] for event in judge.heard]
    assert told == [0, 10, 10, 100]


def test_one_that_is_in_progress_is_called_again_with_what_it_has_kept(
    world: World, lab: Lab, site: Site, judge: Judge
) -> None:
    given = iter([
        {"hookStatus": "IN_PROGRESS", "hookDetails": {"seen": 1}},
        {"hookStatus": "IN_PROGRESS", "callBackDelay": 100},
        SUCCEEDED,
    ])  # fmt: skip
    judge.answers = lambda event: next(given)
    site.create(1, BLUE_GREEN)
    site.update(deploymentConfiguration=calling("POST_TEST_TRAFFIC_SHIFT", hookDetails={"limit": 3}))
    lab.until(lambda: len(judge.heard) == 2)
    assert site.deployment()["lifecycleHookDetails"][0]["status"] == "IN_PROGRESS"
    site.until_status("SUCCESSFUL")
    assert [event["hookDetails"] for event in judge.heard] == [{"limit": 3}] + [{"limit": 3, "seen": 1}] * 2
    first, second, third = judge.times
    assert (second - first, third - second) == (pytest.approx(30, abs=2), pytest.approx(100, abs=2))


FAILURES: dict[str, tuple[Any, str]] = {
    "FAILED": ({"hookStatus": "FAILED"}, f"Lifecycle hook target {FUNCTION} returned FAILED status."),
    "an exception": (
        {"errorType": "ValueError", "errorMessage": "boom"},
        f"ECS was unable to parse the response from {FUNCTION} due to HookStatus must not be null",
    ),
    "nothing": (
        [], f"ECS was unable to parse the response from {FUNCTION} due to HookStatus must not be null",
    ),
    "another status": ({"hookStatus": "OK"}, f"ECS was unable to parse the response from {FUNCTION} due to HookStatus"),
    "a delay that is none": (
        {"hookStatus": "IN_PROGRESS", "callBackDelay": "soon"},
        f"ECS was unable to parse the response from {FUNCTION} due to CallBackDelay",
    ),
    "a function that is gone": (
        hooks.not_invoked(FUNCTION, f"Function not found: {FUNCTION}"),
        f"ECS was unable to invoke hook target {FUNCTION} due to Function not found: {FUNCTION}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", FAILURES)
def test_one_that_fails_rolls_back_and_its_reason_is_told(lab: Lab, site: Site, judge: Judge, kind: str) -> None:
    answer, why = FAILURES[kind]
    judge.answers = lambda event: answer
    site.create(2, BLUE_GREEN)
    site.update(deploymentConfiguration=calling("POST_TEST_TRAFFIC_SHIFT"))
    failed = site.until_status("ROLLBACK_SUCCESSFUL")
    reason = f"Service deployment rolled back because POST_TEST_TRAFFIC_SHIFT lifecycle hook(s) failed. {why}"
    assert failed["statusReason"].startswith(reason)
    assert f"deployment failed: {reason.rstrip('.')}" in site.events()
    assert failed["lifecycleHookDetails"][0]["status"] == "FAILED"
    lab.until_steady(2)
    assert (site.weights(), site.versions(), len(judge.heard)) == ((100, 0), {"1"}, 1)


@pytest.mark.parametrize("trusts", ["nobody", "lambda.amazonaws.com"])
def test_a_role_that_ecs_cannot_assume_rolls_back(lab: Lab, site: Site, judge: Judge, trusts: str) -> None:
    role = ROLE.replace("calling", "other")
    if trusts != "nobody":
        trusting(lab, trusts, "other")
    site.create(1, BLUE_GREEN)
    site.update(deploymentConfiguration=calling("PRE_SCALE_UP", roleArn=role))
    reason = site.until_status("ROLLBACK_SUCCESSFUL")["statusReason"]
    assert reason.endswith(f"PRE_SCALE_UP lifecycle hook(s) failed. ECS was unable to assume role {role}")
    assert not judge.heard


@pytest.mark.parametrize("action", ["ROLLBACK", "CONTINUE"])
def test_one_that_runs_too_long_times_out(world: World, lab: Lab, site: Site, judge: Judge, action: str) -> None:
    judge.answers = lambda event: None
    site.create(1, BLUE_GREEN)
    limit = {"timeoutInMinutes": 2, "action": action}
    site.update(deploymentConfiguration=calling("POST_SCALE_UP", timeoutConfiguration=limit))
    lab.until(lambda: judge.heard)
    done = site.until_status("SUCCESSFUL" if action == "CONTINUE" else "ROLLBACK_SUCCESSFUL")
    assert world.clock.time() - judge.times[0] >= 120
    assert done["lifecycleHookDetails"][0]["status"] == "TIMED_OUT"
    assert not judge.under_way
    if action == "ROLLBACK":
        assert done["statusReason"].endswith(f"Lifecycle hook target {FUNCTION} timed out.")


def test_a_pause_at_the_same_stage_is_waited_for_too(world: World, lab: Lab, site: Site, judge: Judge) -> None:
    site.create(1, BLUE_GREEN)
    both = [*calling("PRE_SCALE_UP")["lifecycleHooks"], {"targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"]}]
    site.update(deploymentConfiguration={"lifecycleHooks": both})
    lab.until(lambda: judge.heard)
    world.pass_time(60)
    called, paused = site.deployment()["lifecycleHookDetails"]
    assert (called["status"], paused["status"], site.deployment()["lifecycleStage"]) == (
        "SUCCEEDED", "AWAITING_ACTION", "PRE_SCALE_UP",
    )  # fmt: skip
    lab.ecs.continue_service_deployment(serviceDeploymentArn=site.arn(), hookId=paused["hookId"])
    site.until_status("SUCCESSFUL")


def test_a_deployment_can_be_stopped_while_a_function_runs(world: World, lab: Lab, site: Site, judge: Judge) -> None:
    judge.answers = lambda event: None
    site.create(1, BLUE_GREEN)
    site.update(deploymentConfiguration=calling("POST_TEST_TRAFFIC_SHIFT"))
    lab.until(lambda: judge.heard)
    lab.ecs.stop_service_deployment(serviceDeploymentArn=site.arn(), stopType="ROLLBACK")
    judge.answers = lambda event: SUCCEEDED
    site.until_status("ROLLBACK_SUCCESSFUL")
    lab.until_steady(1)
    assert (site.weights(), site.versions(), len(judge.heard)) == ((100, 0), {"1"}, 1)
    assert not judge.under_way


def test_another_deployment_does_not_wait_for_the_function_of_the_last(lab: Lab, site: Site, judge: Judge) -> None:
    judge.answers = lambda event: None
    site.create(1, BLUE_GREEN)
    site.update(deploymentConfiguration=calling("POST_TEST_TRAFFIC_SHIFT"))
    lab.until(lambda: judge.heard)
    site.update("3", deploymentConfiguration={"lifecycleHooks": []})
    site.until_status("SUCCESSFUL")
    lab.until_steady(1)
    assert (site.versions(), len(judge.heard), judge.under_way) == ({"3"}, 1, {})


def test_after_a_crash_a_function_is_called_again_with_what_it_has_kept(
    world: World, lab: Lab, site: Site, judge: Judge
) -> None:
    given = iter([{"hookStatus": "IN_PROGRESS", "hookDetails": {"seen": 1}}])
    judge.answers = lambda event: next(given, None)
    site.create(1, BLUE_GREEN)
    site.update(deploymentConfiguration=calling("POST_TEST_TRAFFIC_SHIFT"))
    lab.until(lambda: len(judge.heard) == 2)  # the second is under way
    with world.crashed() as again:
        other = Judge()
        again.host.make_instead(Calls, lambda _: other)  # type: ignore[arg-type, return-value]
        lab.client, lab.until = again.client, again.until
        assert site.deployment()["lifecycleStage"] == "POST_TEST_TRAFFIC_SHIFT"
        site.until_status("SUCCESSFUL")
        assert [event["hookDetails"] for event in other.heard] == [{"seen": 1}]


def test_a_roll_back_calls_again_those_of_the_shifts(lab: Lab, site: Site, judge: Judge) -> None:
    site.create(1, BLUE_GREEN)
    site.update(deploymentConfiguration=calling(*STAGES))
    site.until_stage("BAKE_TIME")
    forward = len(judge.heard)
    judge.answers = lambda event: {"hookStatus": "IN_PROGRESS"} if len(judge.heard) == forward + 1 else SUCCEEDED
    lab.ecs.stop_service_deployment(serviceDeploymentArn=site.arn(), stopType="ROLLBACK")
    done = site.until_status("ROLLBACK_SUCCESSFUL")
    target, [source] = done["targetServiceRevision"]["arn"], [s["arn"] for s in done["sourceServiceRevisions"]]
    first, production, test = judge.heard[forward:]
    assert first["lifecycleStage"] == "PRODUCTION_TRAFFIC_SHIFT"
    assert [event["lifecycleStage"] for event in (production, test)] == [
        "PRODUCTION_TRAFFIC_SHIFT", "TEST_TRAFFIC_SHIFT",
    ]  # fmt: skip
    assert production["executionDetails"]["productionTrafficWeights"] == {target: 0, source: 100}
    assert test["executionDetails"]["testTrafficWeights"] == {target: 0, source: 100}
    assert production["executionDetails"]["targetServiceRevisionArn"] == target
    lab.until_steady(1)


def test_a_roll_back_whose_hook_fails_has_failed_with_the_traffic_where_it_was(
    world: World, lab: Lab, site: Site, judge: Judge
) -> None:
    judge.answers = lambda event: {"hookStatus": "FAILED"}
    site.create(1, BLUE_GREEN)
    site.update(deploymentConfiguration=calling("PRODUCTION_TRAFFIC_SHIFT"))
    failed = site.until_status("ROLLBACK_FAILED")
    world.pass_time(60)
    assert (site.weights(), site.versions(), len(judge.heard)) == ((100, 0), {"1"}, 2)
    assert [hook["status"] for hook in failed["lifecycleHookDetails"]] == ["FAILED", "FAILED"]
    assert "roll-back failed: Service deployment rolled back because PRODUCTION_TRAFFIC_SHIFT" in site.events()
    judge.answers = lambda event: SUCCEEDED
    site.update("3")
    site.until_status("SUCCESSFUL")
    lab.until_steady(1)
    assert site.versions() == {"3"}


def test_a_rolling_deployment_says_that_it_calls_nobody(lab: Lab, site: Site, judge: Judge) -> None:
    lab.create(lab.register(), 1, deploymentConfiguration=calling("PRE_SCALE_UP"))
    lab.until_steady(1)
    assert "its hooks are not called" in site.events()
    assert not judge.heard

"""Lab 12: what each check says of nothing, of something wrong and of something right. The tests build on each other."""

from __future__ import annotations

from typing import Any

from tests.support.waiting import eventually

from drydock.labs import Lab
from drydock.ledger import sweep

from .conftest import customers, solve, state, tried, until, update, waits_for

NAME = "12-autoscaling"
WEB = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/drydock/web",
    "ScalableDimension": "ecs:service:DesiredCount",
}


def register(lab: Lab, least: int = 2, most: int = 8, **more: Any) -> None:
    lab.cloud.client("application-autoscaling").register_scalable_target(
        **WEB, MinCapacity=least, MaxCapacity=most, **more
    )


def track(lab: Lab, value: float, **more: Any) -> None:
    """The lesson's policy on requests, with another target."""
    names = lab.names_at(lab.step("follows"))
    names["track"](more.pop("policy", "requests"), value, "ALBRequestCountPerTarget", ResourceLabel=names["label"])


def by_steps(lab: Lab, *given: Any, **more: Any) -> None:
    lab.names_at(lab.step("steady"))["by_steps"](*given, **more)


def last_cause(lab: Lab) -> str:
    scaling = lab.cloud.client("application-autoscaling")
    return str(scaling.describe_scaling_activities(**WEB, MaxResults=1)["ScalingActivities"][0]["Cause"])


def test_an_empty_cloud_is_not_started_and_told_in_our_words(untouched: Lab) -> None:
    found = {step.name: step.check(untouched.cloud, untouched) for step in untouched.steps}
    assert {check.state for check in found.values()} == {"not started"}
    assert not [check.message for check in found.values() if "AWS answers" in check.message]


def test_a_range_holds_at_once(lab: Lab) -> None:
    lab.set_up(before="range")
    assert state(lab, "range") == ("not started", "`web` is no scalable target.")
    register(lab, least=3)
    assert state(lab, "range") == ("wrong", "`web` may have 3 to 8 tasks, not 2 to 8.")
    register(lab, SuspendedState={"DynamicScalingInSuspended": True})
    assert state(lab, "range") == ("wrong", "DynamicScalingInSuspended is set for `web`.")
    solve(lab, "range")


def test_customers_who_are_brought_back_take_the_place_of_those_before(lab: Lab) -> None:
    names = lab.names_at(lab.step("follows"))
    lab.catch_up("requests", names)
    before = names["requests"]
    lab.catch_up("requests", names)
    before.wait()  # else two hours
    names["requests"].stop()


def test_a_target_for_each_task(lab: Lab) -> None:
    assert state(lab, "requests") == ("not started", "No policy of `web` tracks requests for each target.")
    track(lab, 50)
    assert waits_for(lab, "requests") == "the policy to scale `web` out"
    assert state(lab, "follows") == ("not started", "The policy tracks 50 requests for each task.")
    for value, words in (
        (0.5, "would want 240 tasks"),
        (40, "want 3 tasks"),
        (30, "126 requests want 5 tasks, and 114 want 4"),
        (39, "126 requests want 4 tasks, and 114 want 3"),
    ):
        track(lab, value)
        assert (found := state(lab, "follows"))[0] == "wrong", value
        assert words in found[1]
    track(lab, 34, policy="another")
    assert state(lab, "follows") == ("wrong", "Two policies track requests: the larger number wins.")
    lab.cloud.client("application-autoscaling").delete_scaling_policy(**WEB, PolicyName="another")
    track(lab, 34)
    assert waits_for(lab, "follows") == "the policy to scale `web` to 4 tasks"
    with customers(lab):
        until(lab, "requests", "passed")
        tried(lab, "follows", 'track("another", 34, "ALBRequestCountPerTarget", ResourceLabel=label)')


def test_steps_that_flap_and_steps_that_come_to_rest(lab: Lab) -> None:
    assert state(lab, "flaps") == ("not started", "`web` has no step scaling policy.")
    scaling = lab.cloud.client("application-autoscaling")
    scaling.delete_scaling_policy(**WEB, PolicyName="requests")
    assert state(lab, "follows") == ("wrong", "No policy of `web` tracks requests any more."), "it does not begin here"
    assert state(lab, "steady") == ("not started", "`web` has no step scaling policy.")
    cloudwatch = lab.cloud.client("cloudwatch")
    more, fewer = ("drydock-busy", "GreaterThanThreshold"), ("drydock-idle", "LessThanThreshold")
    by_steps(lab, "more", 3, *more, 50)
    by_steps(lab, "fewer", -3, *fewer, 30)
    assert waits_for(lab, "flaps") == "`web` to be scaled in both ways"
    assert state(lab, "steady") == ("not started", "From 2 tasks, 120 requests a minute make it go 2, 5, 2, 5 …")
    for change, busy, idle, cooldown, words in (
        (3, 50, 30, 300, "make it go"),
        (2, 50, 35, 60, "make it go"),
        (1, 50, 45, 300, "make it go"),
        (1, 200, 25, 60, "it does not grow for 300"),
        (1, 50, 2, 60, "it does not shrink for 60"),
    ):
        by_steps(lab, "more", change, *more, busy, cooldown=cooldown)
        by_steps(lab, "fewer", -change, *fewer, idle, cooldown=cooldown)
        assert (found := state(lab, "steady"))[0] == "wrong", (change, busy, idle)
        assert words in found[1]
    by_steps(lab, "more", 1, *more, 50, cooldown=60)
    cloudwatch.delete_alarms(AlarmNames=["drydock-idle"])
    assert state(lab, "steady") == ("wrong", "There is no alarm drydock-idle: nothing calls `fewer`.")
    scaling.delete_scaling_policy(**WEB, PolicyName="fewer")
    assert state(lab, "steady") == ("wrong", "`web` has no policy `fewer`: it is to grow and to shrink.")
    by_steps(lab, "fewer", -1, *fewer, 25, cooldown=60)
    update(lab.cloud, "web", desiredCount=2)
    register(lab, least=3)
    register(lab)
    until(lab, "steady", "wrong", "was scaled in the last 3 minutes")
    tried(lab, "steady", 'scaling.delete_scaling_policy(**web, PolicyName="more")')


def test_what_has_not_been_begun_is_said(lab: Lab) -> None:
    assert state(lab, "cpu") == ("not started", "`web` has no policy `cpu`.")
    assert state(lab, "scheduled") == ("not started", "`web` has no scheduled action.")
    assert state(lab, "in-slowly") == ("not started", "`quiet` has no policy.")


def test_the_drill_of_the_service_that_never_scales(lab: Lab) -> None:
    with customers(lab):
        by_steps(lab, "more", 3, "drydock-busy", "GreaterThanThreshold", 20)
        eventually(lambda: "triggered policy more" in last_cause(lab), "web is scaled by a step")
        for name in ("more", "fewer"):
            lab.cloud.client("application-autoscaling").delete_scaling_policy(**WEB, PolicyName=name)
        assert state(lab, "steady") == ("wrong", "`web` has no step scaling policy any more."), "it does not begin here"
        lab.break_it("never-scales")
        assert state(lab, "never-scales") == ("wrong", "The policy's alarms have no data.")
        assert waits_for(lab, "never-scales") == "", "waiting changes nothing"
        update(lab.cloud, "web", desiredCount=4)
        assert state(lab, "never-scales")[0] == "wrong"
        update(lab.cloud, "web", desiredCount=2)
        track(lab, 30)
        until(lab, "never-scales", "wrong", "DynamicScalingOutSuspended is set")
        tried(lab, "never-scales", 'scaling.deregister_scalable_target(ServiceNamespace="ecs")')


def test_nothing_is_left(lab: Lab) -> None:
    lab.clean_up(sure=True)
    assert not sweep(lab.cloud).survivors

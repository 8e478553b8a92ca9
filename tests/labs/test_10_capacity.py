"""Lab 10: what each check says of nothing, of something wrong and of something right. The tests build on each other."""

from __future__ import annotations

from typing import Any

import pytest

from drydock.labs import Lab, NothingToBreak
from drydock.labs.capacity import dry, take_back
from drydock.load import Load

from .conftest import solve, state, tried, until, update, waits_for

NAME = "10-capacity"


def mix(base: int, on_demand: int, spot: int) -> list[dict[str, Any]]:
    return [
        {"capacityProvider": "FARGATE", "base": base, "weight": on_demand},
        {"capacityProvider": "FARGATE_SPOT", "weight": spot},
    ]


def set_delay(lab: Lab, seconds: int) -> None:
    elbv2 = lab.cloud.client("elbv2")
    [group] = elbv2.describe_target_groups(Names=["drydock-orders"])["TargetGroups"]
    attribute = {"Key": "deregistration_delay.timeout_seconds", "Value": str(seconds)}
    elbv2.modify_target_group_attributes(TargetGroupArn=group["TargetGroupArn"], Attributes=[attribute])


def deploy(lab: Lab, **container: Any) -> None:
    """Another revision, with these settings of its container."""
    register = lab.names_at(lab.step("lose-nothing"))["register"]
    update(lab.cloud, "orders", taskDefinition=register(**container))


def test_an_empty_cloud_is_not_started_and_told_in_our_words(untouched: Lab) -> None:
    found = {step.name: step.check(untouched.cloud, untouched) for step in untouched.steps}
    assert {check.state for check in found.values()} == {"not started"}
    assert not [check.message for check in found.values() if "AWS answers" in check.message]
    with pytest.raises(NothingToBreak, match="Cluster not found"):
        untouched.break_it("drought")


def test_everything_on_spot_goes_at_once_and_comes_again(lab: Lab) -> None:
    lab.set_up()
    solve(lab, "all-on-spot")
    update(lab.cloud, "orders", desiredCount=5)
    assert state(lab, "all-on-spot") == ("wrong", "`orders` wants 5 tasks, not 6.")
    on_demand_too = [{"capacityProvider": name, "weight": 1} for name in ("FARGATE", "FARGATE_SPOT")]
    update(lab.cloud, "orders", desiredCount=6, capacityProviderStrategy=on_demand_too, forceNewDeployment=True)
    assert state(lab, "all-on-spot") == ("wrong", "That strategy puts 3 of 6 tasks on FARGATE.")
    on_spot = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    update(lab.cloud, "orders", capacityProviderStrategy=on_spot, forceNewDeployment=True)
    assert state(lab, "wave") == ("not started", "No task of `orders` on Spot was taken back.")
    until(lab, "all-on-spot", "passed")
    dry(lab.cloud, True)
    assert len(take_back(lab.cloud, "orders")) == 6
    until(lab, "wave", "wrong", "`orders` is not steady yet.")
    dry(lab.cloud, False)
    solve(lab, "wave")


def test_two_of_six_on_demand(lab: Lab) -> None:
    assert state(lab, "base") == ("not started", "FARGATE has a base of 0.")
    update(lab.cloud, "orders", capacityProviderStrategy=mix(2, 1, 1))
    kept = "The new strategy is kept, and no deployment has it: by itself it starts none."
    assert state(lab, "base") == ("wrong", kept)
    update(lab.cloud, "orders", forceNewDeployment=True)
    assert state(lab, "base") == ("wrong", "That strategy puts 4 on FARGATE and 2 on FARGATE_SPOT.")
    solve(lab, "base")


def test_a_wave_that_loses_nothing(lab: Lab) -> None:
    assert state(lab, "lose-nothing")[0] == "not started"
    set_delay(lab, 90)
    assert state(lab, "lose-nothing") == ("wrong", "The program drops at SIGTERM what it has begun.")
    deploy(lab, stopTimeout=60)
    found = state(lab, "lose-nothing")
    assert found[0] == "wrong" and "the program has 30 s between SIGTERM and SIGKILL" in found[1]
    set_delay(lab, 1)
    deploy(lab, stopTimeout=2)
    found = state(lab, "lose-nothing")
    assert found == (
        "wrong",
        "A request takes 300 ms, and by your clock the program is killed 50 ms after the warning.",
    )
    set_delay(lab, 0)
    assert state(lab, "lose-nothing") == ("wrong", "Targets do not drain: their delay is 0.")
    tried(lab, "lose-nothing", "ecs.update_service(**orders, taskDefinition=register(stopTimeout=0))")
    [balancer] = lab.cloud.client("elbv2").describe_load_balancers(Names=["drydock-orders"])["LoadBalancers"]
    requests = Load(f"http://{balancer['DNSName']}/", rps=60, connections=48).start()
    gone = take_back(lab.cloud, "orders")
    lab.cloud.client("ecs").get_waiter("tasks_stopped").wait(cluster="drydock", tasks=gone)
    report = requests.stop()
    assert (len(gone), report.failed) == (4, 0), report
    assert report.sent > 20


def test_the_drill_in_which_nothing_falls_back(lab: Lab) -> None:
    lab.break_it("drought")
    assert state(lab, "drought") == ("wrong", "4 of 6 tasks of `orders` are missing.")
    assert waits_for(lab, "drought") == ""
    update(lab.cloud, "orders", capacityProviderStrategy=mix(0, 1, 0))
    missing = "4 of 6 tasks of `orders` are missing. No deployment has the new strategy."
    assert state(lab, "drought") == ("wrong", missing)
    tried(lab, "drought", "ecs.update_service(**orders, desiredCount=2)")
    dry(lab.cloud, False)

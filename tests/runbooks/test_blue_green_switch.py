"""Requests moved from blue to green by weights: none is lost, and an alarm brings the weights from before back."""

from __future__ import annotations

import re
from typing import Any

import pytest

from drydock.cloud import Cloud
from drydock.notebooks.wait import wait_until
from drydock.rehearsals import blue_green_switch
from drydock.rehearsals.two_versions import ringing
from drydock.runbooks import Refused, RunFailed, runner
from drydock.runbooks.evidence import Evidence

from .conftest import Cells, opened, registered

RPS = 60.0
GREEN = blue_green_switch.GREEN


@pytest.fixture(scope="module")
def site(cloud: Cloud) -> dict[str, Any]:
    """The parameters for a switch from lab 00's service to one of another version."""
    ecs = cloud.client("ecs")
    given: dict[str, Any] = blue_green_switch.given(cloud, wait_until)
    ecs.update_service(
        cluster="drydock-hello", service=GREEN, taskDefinition=registered(ecs, environment={"VERSION": "green"})
    )

    def only_green() -> bool:
        found = ecs.describe_services(cluster="drydock-hello", services=[GREEN])["services"][0]
        return [one["rolloutState"] for one in found["deployments"]] == ["COMPLETED"]

    wait_until(only_green, "green runs its version")
    name = cloud.client("elbv2").describe_load_balancers(Names=["drydock-hello"])["LoadBalancers"][0]["DNSName"]
    test_url = f"http://{name}:{blue_green_switch.TEST_PORT}/"
    return {**given, "bake_minutes": 1, "rps": RPS, "test_url": test_url}


def weights(cloud: Cloud) -> dict[str, int]:
    """What the listener's default rule gives to whom, by the target groups' names."""
    elbv2 = cloud.client("elbv2")
    balancer = elbv2.describe_load_balancers(Names=["drydock-hello"])["LoadBalancers"][0]["LoadBalancerArn"]
    listeners = elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
    [action] = next(one["DefaultActions"] for one in listeners if one["Port"] == 80)
    groups = action["ForwardConfig"]["TargetGroups"]
    return {one["TargetGroupArn"].split("/")[1]: one["Weight"] for one in groups}


def closed(cells: Cells) -> dict[str, Any]:
    """How the run ended, once the cells from applying on have run."""
    for cell in ("run.apply(", "run.verify(", "run.roll_back_if_failed("):
        print(cells(cell))
    try:
        cells("run.close(")
    except RunFailed as failed:
        print(failed)
    return dict(cells.names["run"].evidence.read("result.json"))


def test_all_requests_are_moved_in_stages_none_is_lost_and_the_way_back_is_exact(
    cloud: Cloud, site: dict[str, Any]
) -> None:
    start = weights(cloud)
    cells = opened("blue-green-switch", **site)
    ended = closed(cells)
    assert ended["outcome"] == "applied", ended
    assert weights(cloud) == {"drydock-hello": 0, GREEN: 100}
    report = cells.names["traffic"].report
    assert report.failed == 0 and set(report.versions) == {"v1", "green"}, report
    assert report.versions["v1"] > report.versions["green"] / 4, "green had all of them at once"

    again = Cells("blue-green-switch", **site)
    again.to("run.close(")
    assert again.names["run"].evidence.read("result.json")["outcome"] == "nothing to change"

    folder = cells.names["run"].evidence.folder
    assert runner.roll_back_run(folder).endswith("rolled back")
    kept = Evidence(folder)
    assert kept.read("after.json") == kept.read("before.json")
    assert weights(cloud) == start


def test_an_alarm_at_the_first_stage_brings_the_weights_from_before_back(cloud: Cloud, site: dict[str, Any]) -> None:
    start = weights(cloud)
    cells = opened("blue-green-switch", **{**site, "bake_minutes": 60})
    try:
        with ringing(cloud, blue_green_switch.ALARM, once=lambda: GREEN in weights(cloud)):
            ended = closed(cells)
    finally:
        well = {"StateValue": "OK", "StateReason": "the test is over"}
        cloud.client("cloudwatch").set_alarm_state(AlarmName=blue_green_switch.ALARM, **well)
    assert ended["outcome"] == "rolled back"
    assert (
        f"Step to-10: not reached: no alarm for 60 minutes; AWS says in ALARM: {blue_green_switch.ALARM}."
        in (ended["why"])
    )
    assert weights(cloud) == start


def test_what_is_switched_in_part_goes_on_from_there(cloud: Cloud, site: dict[str, Any]) -> None:
    elbv2 = cloud.client("elbv2")
    cells = Cells("blue-green-switch", **site)
    cells.to("run.plan(")
    arns = {"blue": cells.names["blue"], "green": cells.names["to"]["arn"]}
    listener = cells.names["listener"]["arn"]
    tuples = [{"TargetGroupArn": arns["blue"], "Weight": 1}, {"TargetGroupArn": arns["green"], "Weight": 1}]
    half = [{"Type": "forward", "ForwardConfig": {"TargetGroups": tuples}}]
    elbv2.modify_listener(ListenerArn=listener, DefaultActions=half)
    try:
        half_way = Cells("blue-green-switch", **site)
        half_way.to("run.plan(")
        assert [step.name for step in half_way.names["run"].evidence.plan.steps] == ["to-100"]
    finally:
        elbv2.modify_listener(
            ListenerArn=listener, DefaultActions=[{"Type": "forward", "TargetGroupArn": arns["blue"]}]
        )


def fewer(answer: dict[str, Any]) -> None:
    del answer["TargetHealthDescriptions"][1:]


def with_login(answer: dict[str, Any]) -> None:
    default = next(rule for rule in answer["Rules"] if rule["IsDefault"])
    default["Actions"].insert(0, {"Type": "authenticate-oidc"})


def to_three(answer: dict[str, Any]) -> None:
    default = next(rule for rule in answer["Rules"] if rule["IsDefault"])
    groups = default["Actions"][0]["ForwardConfig"]["TargetGroups"]
    groups += [{"TargetGroupArn": f"arn:{name}", "Weight": 1} for name in ("third", "fourth")]


def elsewhere(answer: dict[str, Any]) -> None:
    answer["TargetGroups"][0]["LoadBalancerArns"] = []


def network(answer: dict[str, Any]) -> None:
    answer["LoadBalancers"][0]["Type"] = "network"


@pytest.mark.parametrize(
    ("client", "operation", "change", "says"),
    [
        ("elbv2", "DescribeLoadBalancers", network, "is of type network"),
        ("elbv2", "DescribeRules", with_login, "actions are authenticate-oidc, forward"),
        ("elbv2", "DescribeRules", to_three, "target groups besides drydock-green"),
        ("elbv2", "DescribeTargetGroups", elsewhere, "is not behind drydock-hello"),
    ],
)
def test_a_rule_that_it_does_not_know_is_refused(
    site: dict[str, Any], client: str, operation: str, change: Any, says: str
) -> None:
    cells = Cells("blue-green-switch", **site)
    cells.to("Runbook.open(")
    cells.as_if(client, operation, change)
    with pytest.raises(Refused, match=re.escape(says)):
        cells.to("run.plan(")


def test_a_rule_that_ecs_moves_is_left_to_ecs(site: dict[str, Any]) -> None:
    cells = Cells("blue-green-switch", **site)
    cells.to("rule = run.look(")

    def moved_by_ecs(parsed: dict[str, Any]) -> None:
        for entry in parsed["services"][0]["loadBalancers"]:
            entry["advancedConfiguration"] = {"productionListenerRule": cells.names["rule"]["arn"]}

    cells.as_if("ecs", "DescribeServices", moved_by_ecs)
    with pytest.raises(Refused, match=r"ECS moves this rule for drydock-hello/.*: use canary-release"):
        cells.to("managed = ")


def test_green_with_fewer_healthy_targets_than_blue_is_refused(site: dict[str, Any]) -> None:
    cells = Cells("blue-green-switch", **site)
    cells.to("managed = ")
    green = cells.names["to"]["arn"]

    def one_target(parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        if context["group"] == green:
            fewer(parsed)

    def note(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context["group"] = params["TargetGroupArn"]

    events = cells.names["elbv2"].meta.events
    events.register("before-parameter-build.elastic-load-balancing-v2.DescribeTargetHealth", note)
    events.register("after-call.elastic-load-balancing-v2.DescribeTargetHealth", one_target)
    with pytest.raises(Refused, match="drydock-green has 1 healthy targets, and blue 2: scale it out first"):
        cells.to("healthy = ")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"stages": "50,10,100"}, "has to rise"),
        ({"stages": "10,50"}, "has to end at 100"),
        ({"alarms": ""}, "No alarm watches it"),
        ({"port": 81}, "has no listener on port 81"),
        ({"priority": 7}, "has no rule of priority 7"),
        ({"green": "nobody"}, "green could not be read"),
        ({"load_balancer": "nobody"}, "balancer could not be read"),
        ({"test_url": "http://127.0.0.1:9/"}, "green is not ready"),
    ],
)
def test_parameters_that_it_cannot_go_by_are_refused(site: dict[str, Any], given: dict[str, Any], says: str) -> None:
    cells = Cells("blue-green-switch", **{**site, **given})
    with pytest.raises(Refused, match=re.escape(says)):
        cells.to("run.plan(")

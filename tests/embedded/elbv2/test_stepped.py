"""Target health in time: every turn and every second is the test's own, and nothing is sent."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.support.stepped import World
from tests.support.web import Network, fixed, forward, make_network


@pytest.fixture
def network(world: World) -> Network:
    return make_network(world.host, world.client)


def served(world: World, network: Network, *numbers: int, **more: Any) -> str:
    """A target group behind a listener on port 80, all of whose targets are healthy."""
    group = network.target_group("tg", *numbers, **more)
    network.listener(network.load_balancer(), forward((group, 1)))
    world.settle()
    assert network.all_healthy(group)
    return group


def story(world: World, network: Network, group: str, seconds: int) -> list[tuple[int, str]]:
    """The states of the group's one target in these AWS seconds, each with the second at which it began."""
    [state] = network.states(group)
    began, told = world.clock.time(), [(0, state)]
    for _ in range(seconds):
        world.pass_time(1)
        [state] = network.states(group)
        if state != told[-1][1]:
            told.append((round(world.clock.time() - began), state))
    return told


def test_a_target_is_checked_once_it_can_get_traffic_and_healthy_after_one_success(
    world: World, network: Network
) -> None:
    group = network.target_group("tg", 5)
    world.pass_time(60)
    assert network.health(group)[f"{network.address(5)}:8080"]["Reason"] == "Target.NotInUse"
    network.listener(network.load_balancer(), forward((group, 1)))
    assert network.health(group)[f"{network.address(5)}:8080"]["Reason"] == "Elb.RegistrationInProgress"
    world.settle()
    assert network.all_healthy(group)
    assert world.in_rotation() == {network.address(5)}


@pytest.mark.parametrize("interval", [5, 30])
def test_checks_keep_their_interval(world: World, network: Network, interval: int) -> None:
    group = served(world, network, 5, HealthCheckIntervalSeconds=interval)
    asked: list[float] = []

    def is_sick(_address: str) -> bool:
        asked.append(world.clock.time())
        return False

    world.is_sick = is_sick
    world.pass_time(10 * interval)
    assert len(asked) == 10
    assert {after - before for before, after in pairwise(asked)} == {interval}
    network.elb.modify_target_group(TargetGroupArn=group, HealthCheckIntervalSeconds=2 * interval)
    asked.clear()
    world.pass_time(11 * interval)  # what is left of the old interval, and five new ones
    assert len(asked) == 6


@pytest.mark.parametrize(("unhealthy", "healthy"), [(2, 5), (4, 2)])
def test_thresholds_are_counted_in_checks(world: World, network: Network, unhealthy: int, healthy: int) -> None:
    group = served(world, network, 5, HealthyThresholdCount=healthy, UnhealthyThresholdCount=unhealthy)
    world.sick.add(network.address(5))
    assert story(world, network, group, 60) == [(0, "healthy"), (10 * unhealthy, "unhealthy")]
    world.sick.clear()
    assert story(world, network, group, 60) == [(0, "unhealthy"), (10 * healthy, "healthy")]


def test_a_failure_now_and_then_is_no_reason(world: World, network: Network) -> None:
    group = served(world, network, 5, UnhealthyThresholdCount=2)
    world.is_sick = lambda _address: int(world.clock.time()) % 20 < 10
    assert story(world, network, group, 300) == [(0, "healthy")]


def test_a_new_target_that_never_answers_is_initial_and_then_unhealthy(world: World, network: Network) -> None:
    served(world, network, 5)
    world.sick.add(network.address(6))
    group = network.target_group("late", 6, UnhealthyThresholdCount=3)
    balancer = network.elb.describe_load_balancers()["LoadBalancers"][0]
    network.listener(balancer, forward((group, 1)), port=81)
    assert story(world, network, group, 60) == [(0, "initial"), (21, "unhealthy")]  # at 1, 11 and 21 s


def test_traffic_leaves_the_unhealthy_and_goes_to_all_where_none_is_healthy(world: World, network: Network) -> None:
    group = served(world, network, 5, 6, HealthyThresholdCount=2)
    first, second = network.address(5), network.address(6)
    world.sick.add(first)
    world.pass_time(30)
    assert world.in_rotation() == {second}
    world.sick.add(second)
    world.pass_time(30)
    assert network.states(group) == {"unhealthy": 2}
    assert world.in_rotation() == {first, second}
    world.sick.remove(second)
    world.pass_time(30)
    assert world.in_rotation() == {second}


def test_fewer_healthy_ones_than_the_group_wants_are_not_left_alone(world: World, network: Network) -> None:
    group = served(world, network, 5, 6, 7)
    least = "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage"
    network.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=[{"Key": least, "Value": "60"}])
    everybody = {network.address(number) for number in (5, 6, 7)}
    world.sick.add(network.address(5))
    world.pass_time(30)
    assert world.in_rotation() == everybody - {network.address(5)}
    world.sick.add(network.address(6))
    world.pass_time(30)
    assert world.in_rotation() == everybody


@pytest.mark.parametrize("delay", [0, 45])
def test_a_deregistered_target_drains_for_its_delay(world: World, network: Network, delay: int) -> None:
    group = served(world, network, 5, 6)
    wanted = [{"Key": "deregistration_delay.timeout_seconds", "Value": str(delay)}]
    network.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=wanted)
    network.elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": network.address(5)}])
    world.settle()
    assert world.in_rotation() == {network.address(6)}
    if delay:
        world.pass_time(delay - 1)
        assert network.states(group) == {"healthy": 1, "draining": 1}
        world.pass_time(1)
    assert network.states(group) == {"healthy": 1}
    asked = network.elb.describe_target_health(TargetGroupArn=group, Targets=[{"Id": network.address(5)}])
    assert asked["TargetHealthDescriptions"][0]["TargetHealth"]["Reason"] == "Target.NotRegistered"


def test_a_draining_target_that_is_registered_again_begins_anew(world: World, network: Network) -> None:
    group = served(world, network, 5, 6)
    network.elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": network.address(5)}])
    world.settle()
    world.sick.add(network.address(5))
    network.register(group, 5)
    assert network.states(group) == {"healthy": 1, "initial": 1}
    world.settle()
    assert world.in_rotation() == {network.address(6)}
    world.sick.clear()
    world.pass_time(11)
    assert world.in_rotation() == {network.address(5), network.address(6)}


def test_a_group_that_no_listener_uses_forgets_its_health(world: World, network: Network) -> None:
    group = served(world, network, 5)
    [balancer] = network.elb.describe_load_balancers()["LoadBalancers"]
    [listener] = network.elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    network.elb.modify_listener(ListenerArn=listener["ListenerArn"], DefaultActions=[fixed(200)])
    world.settle()
    assert network.states(group) == {"unused": 1}
    assert world.in_rotation() == set()
    world.sick.add(network.address(5))
    network.elb.modify_listener(ListenerArn=listener["ListenerArn"], DefaultActions=[forward((group, 1))])
    world.settle()
    assert network.states(group) == {"initial": 1}
    world.pass_time(30)
    assert network.states(group) == {"unhealthy": 1}


def test_a_restart_checks_again_and_drains_nothing(tmp_path: Path) -> None:
    before = World(tmp_path / "aws")
    network = make_network(before.host, before.client)
    group = served(before, network, 5, 6)
    network.elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": network.address(5)}])
    before.settle()
    assert network.states(group) == {"healthy": 1, "draining": 1}
    before.close()
    after = World(tmp_path / "aws")
    try:
        after.host.restore()
        again = Network(after.host, after.client("elbv2"), after.client("ec2"), network.vpc, network.base, [])
        assert again.states(group) == {"initial": 1}
        after.settle()
        assert again.states(group) == {"healthy": 1}
        assert after.in_rotation() == {network.address(6)}
    finally:
        after.close()


def test_from_a_minute_of_the_wall_clock_on_all_requests_are_told_of_and_hardly_one_that_came_before(
    world: World, network: Network
) -> None:
    group = served(world, network, 5)
    balancer = world.client("elbv2").describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    target_group, load_balancer = group.rpartition(":")[2], balancer.partition("loadbalancer/")[2]
    name = f"cluster.{target_group}.upstream_rq_2xx"
    start = world.clock.utcnow().replace(second=0, microsecond=0) + timedelta(minutes=1)
    came: list[int] = [0, 0]
    while (now := world.clock.utcnow()) < start + timedelta(minutes=2, seconds=10):
        minute = (now - start) // timedelta(minutes=1)
        world.envoy.counted = {name: world.envoy.counted.get(name, 0.0) + 1}
        if minute in (0, 1):
            came[minute] += 1
        world.turn()
        world.clock.advance(1.7)

    def told(began: datetime, ended: datetime) -> float:
        points = world.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/ApplicationELB",
            MetricName="RequestCount",
            Dimensions=[
                {"Name": "TargetGroup", "Value": target_group},
                {"Name": "LoadBalancer", "Value": load_balancer},
            ],
            StartTime=began,
            EndTime=ended,
            Period=60,
            Statistics=["Sum"],
        )["Datapoints"]
        return float(sum(point["Sum"] for point in points))

    within_a_fifth_of_a_second = 4
    for minute, requests in enumerate(came):
        began = start + timedelta(minutes=minute)
        assert told(began, start + timedelta(minutes=3)) >= sum(came[minute:])
        assert abs(told(began, began + timedelta(minutes=1)) - requests) <= within_a_fifth_of_a_second

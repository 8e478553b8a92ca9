"""A service in simulated time: what must hold of any course, and courses that can be worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock import pricing
from drydock.policy import scaling_course
from drydock.policy.ecs import interruption
from drydock.policy.scaling import Bounds, Step
from drydock.simulation import (
    Case,
    Course,
    Nodes,
    Reclaim,
    Service,
    Spot,
    Stepping,
    Tracking,
    compare,
    simulate,
    traffic,
)
from drydock.simulation.model import REQUESTS

HOUR = 60


def spot(tasks: int = 10, **given: Any) -> Service:
    more = {name: given.pop(name) for name in ("start_seconds", "request_seconds") if name in given}
    return Service(tasks=tasks, per_task=1000, spot=Spot(**{"base": 2, **given}), **more)


def test_the_bill_of_a_quiet_hour_is_the_price_of_its_tasks() -> None:
    """Guide A's example: 10 tasks, base 2 and weights 1:4 cost 42 % less."""
    task = pricing.fargate_hour(1, 2)
    assert simulate(Service(tasks=10, per_task=1000), [0] * HOUR).usd == pytest.approx(10 * task)
    assert simulate(spot(), [0] * HOUR).usd == pytest.approx(10 * task * (1 - 0.42))


@pytest.mark.parametrize(("stop_timeout", "dry", "short"), [(30, 0, 30), (120, 0, 0), (0, 0, 60), (30, 4, 270)])
def test_an_interruption_is_as_long_as_the_rule_says(stop_timeout: int, dry: int, short: int) -> None:
    course = simulate(spot(stop_timeout=stop_timeout, reclaims=(Reclaim(5, 0.5, dry),)), [10_000] * 30)
    assert course.warned == 3
    assert course.short == course.longest_outage == short == interruption.shortage(stop_timeout, 60, 60 * dry)
    assert course.lost == pytest.approx(3 * 1000 * short / 60)


def test_what_a_task_has_begun_is_cut_off_where_it_does_not_drain() -> None:
    given = {"reclaims": (Reclaim(5, 1.0),), "stop_timeout": 120, "request_seconds": 0.6}
    assert simulate(spot(**given), [6000] * 20).lost == 0
    course = simulate(spot(**given, drains=False), [6000] * 20)
    assert course.cut_off == course.lost == pytest.approx(6 * 0.6 * 100 / 16)  # old and new serve side by side


def test_old_and_new_are_charged_for_while_both_are_there() -> None:
    calm, taken = (simulate(spot(stop_timeout=120, reclaims=given), [0] * 20) for given in ((), (Reclaim(5, 0.5),)))
    assert taken.usd - calm.usd == pytest.approx(3 * pricing.fargate_hour(1, 2) * 0.3 * 120 / 3600)


def test_those_that_wait_for_spot_start_once_it_is_back_and_not_on_fargate() -> None:
    course = simulate(spot(reclaims=(Reclaim(1, 1.0, 10),)), [0] * 20)
    assert [minute.serving for minute in course.minutes][3:11] == [4] * 8
    assert course.minutes[-1].serving == 10


def changes(lag: float, out_cooldown: float) -> list[tuple[int, int]]:
    """Minutes, as `scaling_course` counts them, and desired counts from then on."""
    policy = Tracking(2, 8, target=50, metric=REQUESTS, lag=lag, out_cooldown=out_cooldown)
    course = simulate(Service(tasks=2, per_task=1000, start_seconds=0, scaling=policy), LOADS)
    return [(int(at) // 60, int(what.split()[-1])) for at, what in course.events]


LOADS = [80.0] * 5 + [240.0] * 40 + [60.0] * 60


def test_scaling_takes_the_minutes_that_the_policy_takes() -> None:
    """Where tasks start at once it is `scaling_course`, which is held against AWS's vectors."""
    known = scaling_course.course(LOADS, scaling_course.tracking(50, out_cooldown=0), start=2, bounds=Bounds(2, 8))
    tasks = [one.tasks for one in known]
    assert changes(lag=1, out_cooldown=0) == [(n, tasks[n]) for n in range(1, 105) if tasks[n] != tasks[n - 1]]
    assert changes(lag=1, out_cooldown=0) == [(8, 5), (60, 2)]


def test_a_cool_down_keeps_metrics_that_are_late_from_scaling_twice() -> None:
    assert changes(lag=61, out_cooldown=0)[:2] == [(9, 5), (10, 8)]
    assert changes(lag=61, out_cooldown=300)[:2] == [(9, 5), (61, 2)]


def test_finer_metrics_are_out_sooner() -> None:
    def out(period: int) -> float:
        policy = Tracking(2, 20, target=70, period=period, lag=0, metric=REQUESTS)
        return simulate(
            Service(tasks=2, per_task=100, scaling=policy), traffic.step(30, before=100, after=600, at=5)
        ).events[0][0]

    assert (out(60) - 300, out(20) - 300) == (180, 60)


def test_steps_add_what_their_step_says() -> None:
    policy = Stepping(2, 20, high=70, low=20, out=(Step(1, 0, 20), Step(4, 20)), lag=0)
    course = simulate(Service(tasks=4, per_task=100, scaling=policy), [380.0] * 5)
    assert course.events[0] == (60.0, "desired count 4 to 8")


def test_cpu_ends_at_a_hundred_per_cent_so_one_step_is_bounded() -> None:
    """docs/facts.md 4.7: the new capacity is the old one times the metric over the target."""
    for metric, target, first in (("ECSServiceAverageCPUUtilization", 50, 8), (REQUESTS, 500, 40)):
        policy = Tracking(4, 100, target=target, metric=metric, lag=0)
        course = simulate(Service(tasks=4, per_task=1000, scaling=policy), [20_000.0] * 6)
        assert course.events[0][1] == f"desired count 4 to {first}"


def test_tasks_wait_for_instances_to_boot() -> None:
    policy = Tracking(4, 16, target=50, metric=REQUESTS, lag=0)
    service = Service(tasks=4, per_task=1000, scaling=policy, nodes=Nodes("m5.large", 4, boot_seconds=120))
    course = simulate(service, [400.0] * 12)
    at = course.events[0][0]
    assert course.events[0][1] == "desired count 4 to 8"
    assert course.events[1] == (at, "1 instances boot") or course.events[1] == (at + 60, "1 instances boot")
    booted = course.events[1][0] + 120
    served = [minute.minute for minute in course.minutes if minute.serving == 8]
    assert served[0] * 60 == booted + 60
    assert course.minutes[-1].nodes == 2


def test_empty_instances_end_after_fifteen_minutes() -> None:
    policy = Tracking(2, 16, target=50, metric=REQUESTS, lag=0)
    service = Service(tasks=12, per_task=1000, scaling=policy, nodes=Nodes("m5.large", 4))
    course = simulate(service, [100.0] * 60)
    assert course.minutes[0].nodes == 3
    assert course.minutes[-1].nodes == course.minutes[-1].desired // 2 == 1


strategies = st.builds(
    Service,
    tasks=st.integers(1, 20),
    per_task=st.sampled_from([100.0, 1000.0]),
    start_seconds=st.sampled_from([0.0, 45.0, 200.0]),
    scaling=st.none() | st.builds(Tracking, st.just(1), st.just(30), target=st.sampled_from([30.0, 70.0])),
    spot=st.none()
    | st.builds(
        Spot,
        base=st.integers(0, 5),
        weight=st.integers(1, 4),
        hazard=st.sampled_from([0.0, 0.5]),
        reclaims=st.sampled_from([(), (Reclaim(3, 0.7, 4), Reclaim(5, 1.0, 1))]),
        drains=st.booleans(),
    ),
)


@settings(max_examples=15, deadline=None)
@given(strategies, st.integers(0, 5))
def test_nothing_is_lost_twice_and_the_same_seed_gives_the_same_course(service: Service, seed: int) -> None:
    loads = traffic.days(1, low=100, peak=5000, bursts_a_day=20, noise=0.1, seed=seed)[840:900]
    course = simulate(service, loads, seed)
    assert course == simulate(service, loads, seed)
    assert course.requests == pytest.approx(sum(loads))
    assert all(0 <= minute.lost <= minute.load + course.cut_off + 1e-6 for minute in course.minutes)
    assert all(minute.serving >= 0 and minute.usd >= 0 for minute in course.minutes)
    assert 0 <= course.longest_outage <= course.outage <= HOUR * 60
    if service.scaling is None:
        assert course.scaled == 0
        assert {minute.desired for minute in course.minutes} == {service.tasks}


def test_another_seed_is_another_course() -> None:
    def warned(seed: int) -> Course:
        return simulate(spot(hazard=0.5), [100] * 60, seed)

    assert warned(1) != warned(2)


def test_strategies_beside_each_other() -> None:
    cases = [Case("cheap", spot(reclaims=(Reclaim(1),))), Case("safe", Service(tasks=10, per_task=1000))]
    here = compare(cases, [9000] * 10)
    assert [one["name"] for one in here] == ["cheap", "safe"]
    assert here[0]["usd"] < here[1]["usd"]
    assert here[0]["lost"] > here[1]["lost"] == 0


@pytest.mark.parametrize(
    ("service", "loads", "says"),
    [
        (Service(tasks=1, per_task=1), [], "no minute of traffic"),
        (Service(tasks=1, per_task=0), [1], "per_task above 0"),
        (Service(tasks=1, per_task=1, spot=Spot(), nodes=Nodes("m5.large", 4)), [1], "not on both"),
        (
            Service(tasks=1, per_task=1, nodes=Nodes("m9.large", 4)),
            [1],
            "No dated price for the instance type 'm9.large'",
        ),
    ],
)
def test_what_cannot_be_simulated_is_said(service: Service, loads: list[float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        simulate(service, loads)


def test_traffic_has_nights_weekends_and_bursts() -> None:
    week = traffic.days(7, low=100, peak=1000)
    assert (min(week), max(week)) == (pytest.approx(100), pytest.approx(1000))
    assert week.index(max(week)) == 15 * 60
    assert max(week[5 * traffic.DAY :]) == pytest.approx(100 + 900 * traffic.WEEKEND)
    busy = traffic.days(7, low=100, peak=1000, bursts_a_day=5, burst=3, seed=4)
    assert sum(more > 2 * less for more, less in zip(busy, week, strict=True)) > 50
    assert busy == traffic.days(7, low=100, peak=1000, bursts_a_day=5, burst=3, seed=4)
    assert busy != traffic.days(7, low=100, peak=1000, bursts_a_day=5, burst=3, seed=5)
    with pytest.raises(ValueError, match="no lower than its low"):
        traffic.days(1, low=2, peak=1)

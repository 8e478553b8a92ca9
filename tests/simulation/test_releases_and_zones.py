"""Releases, zones, warm-up, names and streams that are shared, in courses that can be worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy import discovery, failover
from drydock.policy.ecs import breaker
from drydock.policy.scaling import Step
from drydock.simulation import (
    Alarmed,
    Cause,
    Course,
    Names,
    Part,
    Release,
    Scheduled,
    Service,
    Tracking,
    ZoneOutage,
    failed_over,
    simulate,
    together,
)

ZONES = ("a", "b", "c")
ROLL_BACK = {"enable": True, "rollback": True}


def service(tasks: int = 10, **given: Any) -> Service:
    return Service(**{"tasks": tasks, "per_task": 600, "start_seconds": 60, **given})


def told(course: Course) -> list[tuple[float, str]]:
    return [(at, what) for at, what in course.events if not what.startswith("desired")]


def test_a_lost_zone_is_sent_requests_until_its_health_checks_have_failed() -> None:
    """Nine tasks, a third of them dead for 30 s; then six for the load of eight, until three more have started."""
    outage = ZoneOutage("b", 5, 10, seconds=30)
    course = simulate(service(9, zones=ZONES, outages=(outage,)), [4800.0] * 20)
    dead = 80 * 30 / 3
    assert course.causes == {
        Cause.ZONE: pytest.approx((80 - 60) * 60),
        Cause.DEAD: pytest.approx(dead),
    }
    assert course.longest_outage == 90
    assert told(course) == [(300, "the zone b is lost with 3 tasks"), (900, "the zone b is back")]


def test_a_service_in_one_zone_waits_until_it_is_back() -> None:
    course = simulate(service(zones=("a",), outages=(ZoneOutage("a", 5, 10),)), [600.0] * 20)
    assert course.longest_outage == 10 * 60 + 60
    assert course.worst_part == 1
    assert course.minutes[17].serving == 10


def test_zones_are_balanced_again_only_where_that_is_asked_for() -> None:
    outages = (ZoneOutage("a", 5, 5, seconds=0), ZoneOutage("b", 20, 5, seconds=0))

    def second(balances: bool) -> str:
        return told(simulate(service(12, zones=ZONES, outages=outages, balances=balances), [1.0] * 30))[2][1]

    assert second(True) == "the zone b is lost with 4 tasks"
    assert second(False) == "the zone b is lost with 6 tasks"


@pytest.mark.parametrize(
    ("minimum", "maximum", "seconds", "least"),
    [(100, 200, 60, 10), (50, 100, 120, 5), (0, 100, 60, 0), (100, 150, 120, 10), (100, 110, 600, 10)],
)
def test_a_rolling_deployment_is_as_long_and_as_low_as_its_bounds_say(
    minimum: int, maximum: int, seconds: int, least: int
) -> None:
    """docs/facts.md 4.3: batches of what both bounds leave room for, each as long as a start."""
    configuration = {"minimumHealthyPercent": minimum, "maximumPercent": maximum}
    course = simulate(service(releases=(Release(5, configuration),)), [3000.0] * 30)
    assert told(course) == [
        (300, "revision 1 is deployed"),
        (300 + seconds, "revision 1 is deployed everywhere"),
    ]
    assert min(minute.serving for minute in course.minutes) == least
    assert course.lost == pytest.approx(max(0, 3000 - 600 * least))


def test_the_circuit_breaker_ends_what_nobody_has_noticed() -> None:
    def ran(**configuration: Any) -> Course:
        bounds = {"minimumHealthyPercent": 50, "maximumPercent": 100}
        release = Release(5, {**bounds, **configuration}, crashes=True, noticed=20)
        return simulate(service(releases=(release,)), [6000.0] * 60)

    assert breaker.threshold(10) == 5  # five tasks make room at once, and all five crash
    with_it, without = ran(deploymentCircuitBreaker=ROLL_BACK), ran()
    assert told(with_it)[1] == (360, "the circuit breaker ends the deployment of revision 1")
    assert with_it.longest_outage == 60 + 60
    assert told(without)[1] == (360 + 20 * 60, "somebody rolls revision 1 back")
    assert without.lost == pytest.approx(3000 * 22)
    assert set(without.causes) == {Cause.DEPLOYMENT}


def test_a_canary_with_an_alarm_fails_its_share_for_two_minutes() -> None:
    configuration = {
        "strategy": "CANARY",
        "canaryConfiguration": {"canaryPercent": 5, "canaryBakeTimeInMinutes": 10},
        "alarms": ROLL_BACK,
    }
    course = simulate(service(releases=(Release(5, configuration, errors=0.5),)), [6000.0] * 30)
    assert course.causes == {Cause.ERRORS: pytest.approx(6000 * 2 * 0.05 * 0.5)}
    assert course.worst_part == pytest.approx(0.025)
    assert [what for _, what in told(course)] == [
        "revision 1 is deployed",
        "5 % of the traffic goes to revision 1",
        "an alarm rolls revision 1 back",
        "revision 1 is rolled back",
    ]
    calm = simulate(service(), [6000.0] * 30)
    assert course.usd - calm.usd == pytest.approx(calm.usd * 3 / 30)  # twice the tasks, for three minutes


def test_a_good_canary_takes_its_bake_times_and_leaves_the_new_tasks() -> None:
    configuration = {
        "strategy": "LINEAR",
        "linearConfiguration": {"stepPercent": 50, "stepBakeTimeInMinutes": 4},
        "bakeTimeInMinutes": 3,
    }
    course = simulate(service(releases=(Release(5, configuration),)), [6000.0] * 30)
    assert course.lost == 0
    at, what = told(course)[-1]
    assert what == "revision 1 is deployed everywhere"
    assert at == pytest.approx(360 + 4 * 60 + 3 * 60, abs=10)
    assert course.minutes[-1].serving == 10


def test_cold_tasks_bring_a_part_of_what_they_will() -> None:
    """One of two tasks is replaced by a cold one: its half is short while it is cold."""
    scaling = Tracking(2, 4, target=50, lag=0)
    course = simulate(service(2, scaling=scaling, start_seconds=0, warm_seconds=120, cold=0.5), [2100.0] * 12)
    lost = {minute.minute: minute.lost for minute in course.minutes if minute.lost > 1e-6}
    assert lost == {0: pytest.approx(900), 1: pytest.approx(900), 2: pytest.approx(900), 3: pytest.approx(300),
                    4: pytest.approx(300)}  # fmt: skip
    assert course.causes[Cause.COLD] == pytest.approx(600)


def test_answers_are_late_by_the_formula_of_a_task_s_own_workers() -> None:
    """Two workers, each busy for 70 %: docs of M/M/2."""
    course = simulate(service(2, per_task=1200, request_seconds=0.1, deadline=0.3), [1680.0] * 5)
    chance = 2 * 0.7**2 / (1 + 0.7)
    assert course.late / course.requests == pytest.approx(chance * 2.718281828 ** (-(2 - 1.4) / 0.1 * 0.2))


def test_who_has_an_old_address_fails_until_it_has_run_out() -> None:
    """Scale-in by one task of four: of a quarter of the requests, what `discovery` says."""
    names = Names(ttl=60, serves_on=30)
    given = service(4, names=names, scaling=Tracking(3, 4, target=50), scheduled=(Scheduled(5, 3, 3),))
    course = simulate(given, [600.0] * 15)
    share = discovery.failing_share(60, 30)
    assert course.causes == {Cause.STALE: pytest.approx(share * 10 / 3)}


def test_scheduled_bounds_bring_the_desired_count_inside() -> None:
    scheduled = (Scheduled(2, 6, 9), Scheduled(5, 1, 4))
    course = simulate(service(2, scaling=Tracking(1, 9, target=50), scheduled=scheduled), [600.0] * 10)
    assert [minute.desired for minute in course.minutes][:7] == [2, 6, 6, 6, 4, 4, 4]


def test_of_two_policies_the_larger_wins() -> None:
    more = Alarmed(2, 20, threshold=50, above=True, steps=(Step(7, lower=0),), lag=0)
    fewer = Alarmed(2, 20, threshold=90, above=False, steps=(Step(-1, upper=0),), lag=0)
    course = simulate(service(4, scaling=(fewer, more)), [1800.0] * 4)
    assert course.events[0] == (60.0, "desired count 4 to 11")


def test_a_stream_that_fails_over_loses_what_the_rule_says() -> None:
    over = failed_over([600.0] * 10, minute=2, minutes=5, known=90, ttl=60, stuck=0.1)
    assert sum(over.lost) == pytest.approx(10 * failover.lost_seconds(300, 90, 60, 0.1))
    assert [a + b + c for a, b, c in zip(over.first, over.second, over.lost, strict=True)] == pytest.approx([600] * 10)
    assert over.second[:2] == [0, 0] == over.second[7:9]


def test_parts_of_a_stream_are_summed() -> None:
    parts = [
        Part("one", service(5), [3000.0] * 3),
        Part("two", service(5), [0.0] * 3, gone=(0, 600, 600), cause=Cause.CELL),
    ]
    course, each = together(parts)
    assert course.requests == 9000 + 1200
    assert course.lost == 1200 == course.causes[Cause.CELL]
    assert course.longest_outage == 120
    assert course.usd == pytest.approx(each["one"].usd + each["two"].usd)
    with pytest.raises(ValueError, match="same number of minutes"):
        together([parts[0], Part("three", service(), [1.0])])


configurations = st.sampled_from(
    [
        {},
        {"minimumHealthyPercent": 50, "maximumPercent": 100},
        {"minimumHealthyPercent": 0, "maximumPercent": 100, "deploymentCircuitBreaker": ROLL_BACK},
        {"strategy": "CANARY", "alarms": ROLL_BACK},
        {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 5},
    ]
)


@settings(max_examples=20, deadline=None)
@given(
    st.integers(1, 15), configurations, st.booleans(), st.sampled_from([0.0, 0.5]), st.booleans(), st.booleans(),
    st.integers(1, 3),
)  # fmt: skip
def test_whatever_happens_nothing_is_lost_twice_and_all_tasks_are_there_again(
    tasks: int, configuration: Any, crashes: bool, errors: float, scales: bool, balances: bool, zones: int
) -> None:
    given = service(
        tasks,
        zones=ZONES[:zones],
        balances=balances,
        outages=(ZoneOutage("a", 12, 10),),
        releases=(Release(5, configuration, crashes, errors, noticed=10), Release(40, configuration)),
        scaling=Tracking(tasks, 20, target=60) if scales else None,
        names=Names(60),
        warm_seconds=60,
        cold=0.5,
    )
    course = simulate(given, [300.0 * tasks] * 90)
    assert course == simulate(given, [300.0 * tasks] * 90)
    assert all(-1e-6 <= minute.lost <= minute.load + 1e-6 for minute in course.minutes)
    assert sum(course.causes.values()) == pytest.approx(course.lost)
    assert course.minutes[-1].serving == course.minutes[-1].desired
    if not scales:
        assert course.scaled == 0

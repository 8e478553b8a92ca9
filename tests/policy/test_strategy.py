"""The stages of BLUE_GREEN, LINEAR and CANARY: docs/facts.md 3.1 and 4.5, and what holds for every history."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydock.policy.ecs import strategy
from drydock.policy.ecs.alarms import Alarms, bake
from drydock.policy.ecs.breaker import Status
from drydock.policy.ecs.strategy import Facts, Plan, Progress, Stage, Step

MINUTE = 60.0


def linear(percent: float, minutes: int, bake: int = 0) -> dict[str, Any]:
    given = {"stepPercent": percent, "stepBakeTimeInMinutes": minutes}
    return {"strategy": "LINEAR", "linearConfiguration": given, "bakeTimeInMinutes": bake}


def canary(percent: float, minutes: int, bake: int = 0) -> dict[str, Any]:
    given = {"canaryPercent": percent, "canaryBakeTimeInMinutes": minutes}
    return {"strategy": "CANARY", "canaryConfiguration": given, "bakeTimeInMinutes": bake}


def history(
    plan: Plan, *, desired: int = 3, reconciles: bool = False, every: float = MINUTE
) -> list[tuple[float, Progress]]:
    """When a deployment is where, if its tasks do at once what is wanted, to the second of `every`."""
    now, progress = 0.0, strategy.first(reconciles=reconciles, now=0.0)
    seen = [(now, progress)]
    while True:
        mine, theirs = strategy.tasks(progress, desired)
        facts = Facts(now, desired, source=theirs, source_running=theirs, target=mine, healthy=mine)
        after = strategy.after(plan, progress, facts)
        if after is None:
            return seen
        if after == progress:
            now += every
        else:
            progress = after
            seen.append((now, progress))


def shifts(configuration: dict[str, Any]) -> list[tuple[float, float]]:
    """At which minute how much of the production traffic goes to the target, at each change."""
    plan = strategy.plan(configuration)
    found: list[tuple[float, float]] = []
    for now, progress in history(plan):
        percent = strategy.production(plan, progress)
        assert percent is not None
        if percent and (not found or found[-1][1] != percent):
            found.append((now / MINUTE, percent))
    return found


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        (linear(30.0, 5), [(0, 30.0), (5, 60.0), (10, 90.0), (15, 100.0)]),
        (canary(5.0, 10), [(0, 5.0), (10, 100.0)]),
        (canary(10.0, 5), [(0, 10.0), (5, 100.0)]),  # CodeDeployDefault.ECSCanary10Percent5Minutes
        (canary(100.0, 5), [(0, 100.0)]),
        ({"strategy": "BLUE_GREEN"}, [(0, 100.0)]),
    ],
)
def test_vectors_of_facts_4_5(configuration: dict[str, Any], expected: list[tuple[float, float]]) -> None:
    assert shifts(configuration) == expected


@pytest.mark.parametrize(
    ("configuration", "minute", "steps"),
    [
        (linear(10.0, 6), 54, 10),  # the defaults
        ({"strategy": "LINEAR"}, 54, 10),
        (linear(10.0, 1), 9, 10),  # CodeDeployDefault.ECSLinear10PercentEvery1Minutes
        (linear(10.0, 3), 27, 10),  # CodeDeployDefault.ECSLinear10PercentEvery3Minutes
        ({"strategy": "CANARY"}, 10, 2),
        (linear(3.3, 1), 30, 31),
    ],
)
def test_when_everything_is_shifted(configuration: dict[str, Any], minute: float, steps: int) -> None:
    found = shifts(configuration)
    assert (found[-1], len(found)) == ((minute, 100.0), steps)


def test_every_stage_comes_in_order_and_the_bake_follows_the_last_shift() -> None:
    plan = strategy.plan(canary(10.0, 2, bake=3))
    seen = history(plan, reconciles=True)
    stages = [progress.stage for _, progress in seen]
    step = [Stage.PRE_PRODUCTION_TRAFFIC_SHIFT, Stage.PRODUCTION_TRAFFIC_SHIFT]
    before, after = list(Stage)[:6], list(Stage)[8:]
    assert stages == [*before, *step, *step, *after]
    assert {progress.stage: now for now, progress in seen}[Stage.BAKE_TIME] == 2 * MINUTE
    assert {progress.stage: now for now, progress in seen}[Stage.CLEAN_UP] == 5 * MINUTE


def test_reconciliation_is_only_where_another_deployment_was_under_way() -> None:
    assert strategy.first(reconciles=False, now=7.0) == Progress(Stage.PRE_SCALE_UP, 0, 7.0)
    waiting = strategy.first(reconciles=True, now=0.0)
    plan = strategy.plan({"strategy": "BLUE_GREEN"})
    assert strategy.after(plan, waiting, Facts(0.0, 1, others=1)) == waiting
    assert strategy.after(plan, waiting, Facts(0.0, 1)) == Progress(Stage.PRE_SCALE_UP, 0, 0.0)


def test_a_first_deployment_has_all_at_once_and_does_not_bake() -> None:
    plan = strategy.plan(canary(10.0, 5, bake=10), has_source=False)
    assert plan == Plan((Step(100.0),), 0.0, 0.0, has_source=False)
    early = strategy.first(reconciles=False, now=0.0)
    assert strategy.production(plan, early) is None
    assert [now for now, _ in history(plan)][-1] == 0.0


def test_a_network_load_balancer_adds_ten_minutes_to_each_shift() -> None:
    seen = history(strategy.plan(canary(10.0, 2), network=True))
    assert seen[-1][0] == (10 + 12 + 10) * MINUTE


def test_test_traffic_is_shifted_before_production() -> None:
    plan = strategy.plan({"strategy": "BLUE_GREEN"})
    at = Progress(Stage.TEST_TRAFFIC_SHIFT)
    assert (strategy.test(plan, at), strategy.production(plan, at)) == (100.0, 0.0)
    assert strategy.test(plan, Progress(Stage.POST_SCALE_UP)) == 0.0


@pytest.mark.parametrize(
    ("percent", "expected"),
    [(0.0, (0, 100)), (0.1, (1, 999)), (5.0, (5, 95)), (12.5, (125, 875)), (99.9, (999, 1)), (100.0, (100, 0))],
)
def test_weights(percent: float, expected: tuple[int, int]) -> None:
    assert strategy.weights(percent) == expected


@given(st.integers(0, 1000))
def test_weights_always_give_what_they_are_asked_for(tenths: int) -> None:
    mine, other = strategy.weights(tenths / 10)
    assert mine * 1000 == tenths * (mine + other)
    assert all(0 <= weight <= 999 for weight in (mine, other))


@given(st.integers(30, 1000))
def test_the_steps_of_a_linear_deployment_grow_to_a_hundred(tenths: int) -> None:
    steps = strategy.plan(linear(tenths / 10, 6)).steps
    percents = [step.percent for step in steps]
    assert percents == sorted(set(percents)) and percents[-1] == 100.0 and steps[-1].bake == 0.0
    rises = [round(10 * (b - a)) for a, b in zip([0.0, *percents], percents, strict=False)]
    assert set(rises[:-1]) <= {tenths} and rises[-1] <= tenths


configurations = st.one_of(
    st.builds(linear, st.integers(30, 1000).map(lambda t: t / 10), st.integers(0, 5), st.integers(0, 5)),
    st.builds(canary, st.integers(1, 1000).map(lambda t: t / 10), st.integers(0, 5), st.integers(0, 5)),
    st.builds(lambda bake: {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": bake}, st.integers(0, 5)),
)


@given(
    configurations, st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.booleans(), st.booleans()), max_size=80)
)
def test_whatever_happens_traffic_only_grows_and_only_to_tasks_that_are_wanted(
    configuration: dict[str, Any], happens: list[tuple[int, int, bool, bool]]
) -> None:
    plan = strategy.plan(configuration)
    progress, now, had = strategy.first(reconciles=False, now=0.0), 0.0, 0.0
    for healthy, theirs, shifted, passed in happens:
        facts = Facts(now, 3, theirs, theirs, 0, healthy, healthy, shifted, passed)
        after = strategy.after(plan, progress, facts)
        if after is None:
            assert progress.stage is Stage.CLEAN_UP and theirs == 0
            return
        if after != progress:
            assert shifted and passed
            assert progress.stage is not Stage.SCALE_UP or healthy >= 3
        progress = after
        percent = strategy.production(plan, progress)
        assert percent is not None and percent >= had
        had, now = percent, now + MINUTE
        mine, others = strategy.tasks(progress, 3)
        assert percent == 0.0 or mine == 3
        assert percent == 100.0 or others == 3


def test_a_source_has_the_traffic_back_at_once_while_its_tasks_run_and_else_when_they_do_again() -> None:
    assert strategy.may_switch_back(Facts(0.0, 3, source=3, source_running=3))
    assert not strategy.may_switch_back(Facts(0.0, 3, source=3, source_running=2))
    assert strategy.is_rolled_back(Facts(0.0, 3, source=3, source_running=3))
    assert not strategy.is_rolled_back(Facts(0.0, 3, source=3, source_running=3, target=1))


def test_a_stage_lasts_a_day_at_most() -> None:
    scaling = Progress(Stage.SCALE_UP, since=10.0)
    assert not strategy.is_overdue(scaling, 10.0 + 24 * 60 * MINUTE)
    assert strategy.is_overdue(scaling, 11.0 + 24 * 60 * MINUTE)
    assert not strategy.is_overdue(Progress(Stage.BAKE_TIME), 1e9)


# -- alarms -----------------------------------------------------------------------------------------------


def test_an_alarm_triggers_when_it_goes_into_alarm_and_not_when_it_was_there_at_the_beginning() -> None:
    begun = Alarms.read({"alarmNames": ["a", "b"], "enable": True, "rollback": True})
    assert begun.status is Status.MONITORING and begun.rollback
    quiet = begun.after({"a": "OK", "b": "INSUFFICIENT_DATA"})
    assert quiet.watches
    assert quiet.after({"a": "ALARM", "b": "OK"}).triggered == ("a",)
    assert quiet.after({"a": "ALARM"}).status is Status.TRIGGERED
    was_there = begun.after({"a": "ALARM", "b": "OK"})
    assert (was_there.status, was_there.triggered) == (Status.DISABLED, ())
    assert was_there.after({"a": "OK", "b": "ALARM"}) == was_there


@pytest.mark.parametrize("given", [None, {}, {"alarmNames": ["a"], "enable": False, "rollback": True}])
def test_alarms_that_are_not_enabled_trigger_nothing(given: dict[str, Any] | None) -> None:
    alarms = Alarms.read(given)
    assert alarms.after({"a": "OK"}).after({"a": "ALARM"}) == alarms
    assert (alarms.status, alarms.rollback) == (Status.DISABLED, False)


def test_alarms_of_a_deployment_that_is_done_are_over() -> None:
    alarms = Alarms.read({"alarmNames": ["a"], "enable": True, "rollback": False})
    assert alarms.completed().status is Status.MONITORING_COMPLETE
    assert alarms.completed().after({"a": "ALARM"}) == alarms.completed()
    assert Alarms().completed() == Alarms()


def test_a_rolling_deployment_is_watched_for_as_long_as_its_alarms_look_back() -> None:
    assert bake([]) == 0
    assert bake([{"Period": 60, "EvaluationPeriods": 3}, {"Period": 10, "EvaluationPeriods": 1}, {}]) == 180
    assert bake([{"Namespace": "AWS/ApplicationELB", "Period": 60, "EvaluationPeriods": 1}]) == 120, "it comes late"
    errors = {"MetricStat": {"Metric": {"Namespace": "Shop"}, "Period": 60, "Stat": "Sum"}}
    assert bake([{"Metrics": [{"Expression": "100 * e"}, errors], "EvaluationPeriods": 2}]) == 120

"""Design exercises: references keep to their bars, bad ones fail for the reason that is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.inline import run_here

from drydock.policy.ecs.interruption import serves_on
from drydock.prep import designs, questions
from drydock.prep.designs.model import merged
from drydock.prep.designs.running import parts_of

NAMES = designs.scenarios()
BAD = [(name, one.name) for name in NAMES for one in designs.open_scenario(name).bad]
NEAR = 0.1


def ran(name: str, design: str = "reference", **changes: Any) -> designs.Result:
    scenario = designs.open_scenario(name)
    return designs.run(scenario, merged(scenario.named(design), changes))


def test_there_are_twelve_and_between_them_they_examine_all_that_a_design_says() -> None:
    assert len(NAMES) == 12
    examined = {field.split(".")[0] for name in NAMES for field in designs.open_scenario(name).data["examines"]}
    assert examined >= {
        "capacityProviderStrategy", "scaling", "deploymentConfiguration", "placement", "discovery", "standby", "task",
        "healthCheck",
    }  # fmt: skip
    known = {question.id for question in questions.load()}
    assert all(set(designs.open_scenario(name).data["questions"]) <= known for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_keeps_to_its_bar_and_lies_near_the_front(name: str) -> None:
    points = designs.sweep(designs.open_scenario(name), most=8)
    reference = points[0]
    assert reference.passed
    assert reference.score == 100
    assert designs.from_the_front(reference, points) <= NEAR
    assert len({point.score for point in points}) > 1


@pytest.mark.parametrize(("name", "bad"), BAD)
def test_a_bad_design_fails_for_the_reason_that_is_given(name: str, bad: str) -> None:
    result = ran(name, bad)
    why = next(one for one in designs.open_scenario(name).bad if one.name == bad)
    assert not result.passed
    assert result.score < 100
    assert why.cause in result.causes
    missed = [one for one in result.findings if one.cause == why.cause]
    if result.course.causes and missed and missed[0].minutes:
        first, last = missed[0].minutes
        assert 0 <= first <= last < len(result.course.minutes)
        assert why.cause in repr(designs.minutes(result)) or result.course.late


def test_the_same_design_has_the_same_score_and_another_seed_draws_others() -> None:
    scenario = designs.open_scenario("app-mesh")
    assert ran("app-mesh", "all-at-once") == ran("app-mesh", "all-at-once")
    drawn = [[point.changes for point in designs.sweep(scenario, most=6, seed=seed)] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


@settings(max_examples=6, deadline=None)
@given(st.integers(4, 14), st.integers(1, 6), st.sampled_from(["rollout", "zones", "interruption-budget"]))
def test_fewer_tasks_lose_more_and_more_cost_more(count: int, more: int, name: str) -> None:
    few, many = (ran(name, scaling=None, desiredCount=one) for one in (count, count + more))
    assert few.course.lost >= many.course.lost - 1e-6
    assert few.course.usd < many.course.usd


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10), st.integers(1, 5))
def test_a_larger_base_costs_more_and_a_wave_takes_less(base: int, more: int) -> None:
    def with_base(count: int) -> designs.Result:
        strategy = [
            {"capacityProvider": "FARGATE", "base": count, "weight": 0},
            {"capacityProvider": "FARGATE_SPOT", "weight": 1},
        ]
        return ran("interruption-budget", scaling=None, capacityProviderStrategy=strategy)

    less, larger = with_base(base), with_base(base + more)
    assert less.course.usd < larger.course.usd
    assert less.course.lost >= larger.course.lost


def tracking(target: float) -> dict[str, Any]:
    metric = {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}
    configuration = {"TargetValue": target, "PredefinedMetricSpecification": metric}
    return {"PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": configuration}


@pytest.mark.parametrize("wrong", [{"most": -1}, {"most": "ten"}])
def test_a_sweep_of_no_number_of_designs_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="designs: a sweep has a whole number of them"):
        designs.sweep(designs.open_scenario("zones"), **wrong)


@pytest.mark.parametrize("speed", [0, -1, float("nan"), "fast"])
def test_an_hour_without_a_speed_is_refused_before_anything_starts(speed: Any) -> None:
    with pytest.raises(ValueError, match=r"speed=.*: it is AWS's seconds in one of ours"):
        designs.run_hour(designs.open_scenario("zones"), {}, speed=speed)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"desiredCount": 0}, "desiredCount: 0 is less than the minimum of 1"),
        ({"replicas": 3}, "at the top: Additional properties are not allowed .'replicas' was unexpected"),
        ({"task": {"cpu": 1000}}, "task: AWS refuses this with ClientException: .*"),
        (
            {"capacityProviderStrategy": [{"capacityProvider": "FARGATE"}, {"capacityProvider": "FARGATE_SPOT"}]},
            "design: AWS refuses this with InvalidParameterException: There are no capacity providers .* weight",
        ),
        (
            {"deploymentConfiguration": {"minimumHealthyPercent": 100, "maximumPercent": 100}},
            "Both maximumPercent and minimumHealthyPercent cannot be 100",
        ),
        (
            {"deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 50}},
            "maximumPercent <= 100 % as deployment configuration",
        ),
        ({"deploymentConfiguration": {"canaryConfiguration": {"canaryPercent": 5}}}, "only valid when .* CANARY"),
        ({"scaling": {"MinCapacity": 50}}, "scaling: AWS refuses this .* less than minimum capacity"),
        (
            {"scaling": {"policies": [{"PolicyType": "StepScaling"}]}},
            "scaling.policies.0: an Alarm calls a StepScaling policy",
        ),
        (
            {"deploymentConfiguration": {"strategy": "CANARY"}, "discovery": {"type": "CLOUD_MAP"}},
            "only a load balancer or Service Connect can shift traffic, and discovery is CLOUD_MAP",
        ),
        ({"desiredCount": 16.0}, "desiredCount: 16.0 is not of type 'integer'"),
        ({"placement": {"zones": 2.0}}, "placement.zones: 2.0 is not of type 'integer'"),
        ({"scaling": {"MaxCapacity": 10**400}}, "scaling.MaxCapacity: a number of more than 32 bits"),
        ({"scaling": {"policies": [tracking(float("nan"))]}}, "TargetValue: nan"),
        ({"discovery": {"type": "LOAD_BALANCER", "DnsTtl": 5}}, "discovery.DnsTtl: only CLOUD_MAP has it"),
        (
            {"standby": {"desiredCount": 2, "routing": "GLOBAL_ACCELERATOR", "TTL": 60}},
            "standby.TTL: only ROUTE_53 has it",
        ),
        ({"placement": {"region": "eu-nowhere-9"}}, "placement.region: eu-nowhere-9 is none of the regions"),
        ({"placement": {"clusters": 17}}, "placement.clusters: 17 clusters need a task each, and desiredCount is 16"),
    ],
)
def test_a_design_that_cannot_be_is_refused_with_the_place_and_the_reason(changes: Any, says: str) -> None:
    with pytest.raises(designs.BadDesign, match=says):
        ran("zones", **changes)


def test_an_action_after_the_scenarios_end_is_refused_rather_than_forgotten() -> None:
    scenario = designs.open_scenario("zones")
    action = {"minute": 10**6, "MinCapacity": 4, "MaxCapacity": 40}
    scaling = {"MinCapacity": 4, "MaxCapacity": 40, "policies": [], "scheduledActions": [action]}
    with pytest.raises(designs.BadDesign, match=r"Actions\.0\.minute: the scenario ends .* 1000000 never comes"):
        designs.read(scenario, merged(scenario.reference, {"scaling": scaling}))


def test_designs_and_scenarios_are_read_by_name_or_as_json() -> None:
    scenario = designs.open_scenario("zones")
    assert designs.read(scenario, "one-zone")["placement"]["zones"] == 1
    assert designs.read(scenario, "") == scenario.reference
    with pytest.raises(designs.BadScenario, match="zones has no design 'none'; it has reference, one-zone"):
        designs.read(scenario, "none")
    with pytest.raises(designs.BadDesign, match="not JSON"):
        designs.read(scenario, '{"task":')
    with pytest.raises(designs.BadScenario, match="no scenario 'space'; there are cost-cap, interruption-budget"):
        designs.open_scenario("space")


def test_a_broken_rule_is_named_and_costs_points() -> None:
    result = ran("compliance", enableExecuteCommand=True)
    assert result.broken == [("enableExecuteCommand is True", "Nobody has a shell in production: ECS Exec is off.")]
    assert (result.passed, result.causes) == (False, ["it breaks a rule"])
    assert result.score < 100
    assert "Nobody has a shell" in repr(designs.verdict(result))


def test_customers_are_shared_out_and_the_largest_cluster_is_the_one_that_is_lost() -> None:
    parts = parts_of(designs.open_scenario("many-clusters"), designs.open_scenario("many-clusters").reference)
    assert [part.service.tasks for part in parts] == [7, 7, 7, 7]
    assert [bool(sum(part.gone)) for part in parts] == [True, False, False, False]
    five = ran("many-clusters", placement={"clusters": 5})
    assert five.value("blast_radius_percent") == pytest.approx(100 * 5 / 24)


def test_a_stop_timeout_as_long_as_the_ttl_leaves_nobody_with_an_old_address() -> None:
    """Rolled out and back by an alarm: what is lost besides is the new revision's own."""

    def stale(ttl: int, stop_timeout: int) -> float:
        result = ran(
            "app-mesh",
            "names-with-a-long-ttl",
            discovery={"type": "CLOUD_MAP", "DnsTtl": ttl},
            task={"stopTimeout": stop_timeout},
        )
        return sum(amount for cause, amount in result.course.causes.items() if "address" in cause.value)

    assert stale(60, serves_on(60)) == 0
    assert 0 < stale(60, 30) < stale(300, 30)


def test_the_front_has_those_that_no_other_beats() -> None:
    def point(usd: float, lost: float) -> designs.Point:
        return designs.Point({}, {"usd_a_month": usd, "lost_per_million": lost}, 0, False)

    points = [point(3, 5), point(1, 9), point(2, 5), point(4, 0), point(5, 0)]
    assert [(one.usd, one.failed) for one in designs.front(points)] == [(1, 9), (2, 5), (4, 0)]
    assert designs.from_the_front(point(4, 5), points) == pytest.approx(0.5)
    assert designs.from_the_front(point(1, 0), points) == 0


@pytest.mark.parametrize(
    ("design", "says"),
    [("reference", "100 of 100, passed"), ("no-breaker", "not passed: it costs more than it may; the deployment has")],
)
def test_the_notebook_runs_a_design_by_its_name(design: str, says: str, tmp_path: Path) -> None:
    chosen = {"scenario": "rollout", "design": design, "others": 3}
    executed = tmp_path / "designs.ipynb"
    assert run_here(questions.directory() / "designs.ipynb", executed, chosen) is None
    assert says in executed.read_text(encoding="utf-8")


def test_figures_say_what_the_result_says() -> None:
    scenario = designs.open_scenario("rollout")
    result = ran("rollout", "no-breaker")
    assert repr(designs.brief(scenario)).startswith("Two releases under load")
    shown = designs.minutes(result)
    lost = {row[0]: row[4] for row in shown.rows}
    assert lost[90] == f"{result.course.minutes[90].lost:,.0f}"
    assert {trace["name"] for trace in shown.data} >= {
        "requests",
        "tasks serving",
        "the deployment has taken tasks away",
    }
    assert "somebody rolls revision 2 back" in repr(designs.events(result))
    compared = designs.compared(result, ran("rollout"), designs.sweep(scenario, most=4))
    assert [row[0] for row in compared.rows][:2] == ["this design", "the reference"]
    assert "rolling-bounds" in repr(designs.asked_next(scenario))
    assert len(designs.catalogue().rows) == 12
    assert [row[0] for row in designs.failures(scenario).rows] == ["`down-first`", "`no-breaker`"]

"""What the notebooks of HPA and VPA draw: their numbers, and that each holds against the rules."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest

from drydock.concepts import hpa, hpa_and_vpa_together, hpa_custom_metrics, vpa
from drydock.figures import Figure
from drydock.policy.kubernetes.hpa.replicas import Tolerance

WAITING, VALUE, ARRIVING = hpa_custom_metrics.METRICS
QUEUE = {"arrivals": 60, "surge_percent": 1000, "per_pod": 60, "most": 50, "startup": 30}
PAIR = {"load": 4000, "swing_percent": 30, "target": 60, "request": 1000, "most": 50}
SURGE: dict[str, Any] = {"pods": 5, "target": 70, "tolerance_percent": 10, "surge_percent": 300, "startup": 30}


@pytest.mark.parametrize(
    "figure",
    [
        hpa.stairs(5, 70, 10),
        hpa.surge(**SURGE, behavior="defaults"),
        hpa_custom_metrics.queue(WAITING, target=100, **QUEUE),
        vpa.days(200, 500, 20, 1000),
        hpa_and_vpa_together.fight(hpa_and_vpa_together.BOTH, **PAIR),
    ],
    ids=lambda figure: figure.title,
)
def test_a_figure_names_its_axes_and_its_traces_and_plotly_takes_it(figure: Figure) -> None:
    drawn = figure.plotly()
    assert drawn.layout.xaxis.title.text
    assert drawn.layout.yaxis.title.text
    assert all(trace.name for trace in drawn.data)
    assert json.loads(json.dumps(figure.spec)) == figure.spec


@pytest.mark.parametrize(
    ("utilization", "expected"), [(65, 5), (76, 5), (78, 6), (90, 7), (62, 5), (56, 4), (140, 10), (0, 0)]
)
def test_the_stairs_are_what_the_rule_wants(utilization: int, expected: int) -> None:
    steps, exact = hpa.stairs(5, 70, 10).data
    assert steps["y"][steps["x"].index(utilization)] == expected
    assert exact["y"][-1] == 15


def test_the_grey_band_is_the_tolerance() -> None:
    shown = hpa.stairs(5, 70, 10)
    [band] = shown.layout["shapes"]
    assert Tolerance().holds(band["x0"] / 70)
    assert Tolerance().holds(band["x1"] / 70)
    assert [row[0] for row in shown.rows if row[-1] == "tolerated"] == ["63 %", "70 %", "77 %"]


def test_a_load_three_times_as_large_is_served_after_three_turns_and_left_after_five_minutes() -> None:
    rows = hpa.surge(**SURGE, behavior="defaults").rows
    pods = {float(str(row[0])): row[4] for row in rows}
    assert (pods[3.25], pods[3.5], pods[3.75]) == (5, 10, 15)
    assert (pods[20], pods[20.25]) == (15, 5)
    reasons = {row[-1] for row in rows}
    assert reasons == {"", "ScaleUpLimit", "ScaleDownStabilized"}


def test_a_load_within_the_tolerance_does_nothing() -> None:
    assert "5 pods become 5" in hpa.surge(**{**SURGE, "surge_percent": 108}, behavior="defaults").title
    assert "5 pods become 6" in hpa.surge(**{**SURGE, "surge_percent": 116}, behavior="defaults").title


def test_what_a_behavior_costs() -> None:
    rows = {row[0]: row for row in hpa.compared(**SURGE, request=250, memory=512).rows}
    assert rows["defaults"][1:5] == (15, "45 s", "6", "5.27")
    assert rows["guide A's"][2] == "90 s"
    assert float(str(rows["never down"][4])) > float(str(rows["guide A's"][4])) > float(str(rows["defaults"][4]))


def test_the_first_turn() -> None:
    rows = {row[0]: row[1:] for row in hpa.limits().rows}
    assert rows[1] == (5, 4, 2, 5)
    assert rows[4] == (8, 8, 6, 8)
    assert rows[100] == (200, 200, 150, 200)


def test_pods_that_do_not_count() -> None:
    assert [row[-1] for row in hpa.warming(70).rows] == [8, 5, 5, 3, 2, 5]


def test_what_conditions_say() -> None:
    rows = {row[0]: row[1:] for row in hpa.conditions(5, 70).rows}
    assert rows["twice the load"][0] == "5 → 10"
    assert rows["twice the load, one of two metrics fails"][0] == "5 → 10"
    assert "ScalingLimited=True TooManyReplicas" in str(rows["twice the load, maxReplicas is reached"][1])
    assert "ScalingActive=False FailedGetPodsMetric" in str(rows["half the load, one of two metrics fails"][1])


@pytest.mark.parametrize(
    ("arguments", "expected", "says"),
    [((5, 70, 10), 15, "12 × 1.186 = 14.23"), ((5, 70, 20), 12, "within 20 % of 1")],
)
def test_the_question_of_hpa(arguments: tuple[int, int, int], expected: int, says: str) -> None:
    asked = hpa.question(*arguments)
    assert asked.answer == expected
    assert says in asked.reason


def test_the_question_of_custom_metrics() -> None:
    asked = hpa_custom_metrics.question(100)
    assert asked.answer == 16
    assert asked.reason.endswith("rounded up, 4, whatever the pods are.")


def test_each_type_of_metric() -> None:
    assert [row[-1] for row in hpa_custom_metrics.kinds(1200, 100, pods=4, ready=3).rows] == [12, 12, 36]


@pytest.mark.parametrize(
    ("metric", "target", "most", "turns"), [(WAITING, 100, 20, True), (VALUE, 100, 50, True), (ARRIVING, 48, 12, False)]
)
def test_what_waits_swings_and_what_arrives_does_not(metric: str, target: int, most: int, turns: bool) -> None:
    passed = hpa_custom_metrics.run(metric, target=target, **QUEUE)
    assert max(one.pods for one in passed) == most
    assert ("turned round 0 times" not in hpa_custom_metrics.queue(metric, target=target, **QUEUE).title) is turns


def test_no_message_is_lost() -> None:
    passed = hpa_custom_metrics.run(WAITING, target=100, **QUEUE)
    for before, one in itertools.pairwise(passed):
        worked = before.waiting + one.arrived - one.waiting
        assert 0 <= worked <= one.ready * QUEUE["per_pod"]


def test_what_a_metric_costs() -> None:
    rows = {row[0]: row for row in hpa_custom_metrics.compared(target=100, request=250, memory=512, **QUEUE).rows}
    assert rows[ARRIVING][1:5] == (48, 12, 0, "45 s")
    assert rows[WAITING][4] == "not within this time"
    assert float(str(rows[VALUE][5])) > 3 * float(str(rows[ARRIVING][5]))


def test_quantities_and_failures() -> None:
    written = {row[0]: row[1:] for row in hpa_custom_metrics.written().rows}
    assert written["100m"] == ("100m", "0.1", "100")
    assert written["1024Mi"][0] == "1Gi"
    assert [row[1] for row in hpa_custom_metrics.failures(4).rows] == ["4 → 4", "4 → 4", "4 → 8", "4 → 4"]
    assert [row[-1] for row in hpa_custom_metrics.unready(1000).rows] == [9, 4]


def test_the_question_of_vpa() -> None:
    asked = vpa.question(200)
    assert asked.answer == 410
    assert "a bucket that ends at 357m" in asked.reason


def test_targets_of_steady_usage() -> None:
    assert [row[4] for row in vpa.buckets().rows] == [
        "25m", "63m", "126m", "247m", "296m", "587m", "1168m", "4742m",
    ]  # fmt: skip


@pytest.mark.parametrize("used", [100, 110, 125, 126, 145, 600, 1000, 30_000])
def test_a_steady_usage_of_100m_or_more_gets_14_to_30_percent_more(used: int) -> None:
    assert 1.14 <= vpa.steady(used, 2**20, days=1).target["cpu"] / used <= 1.3


def test_a_rise_is_followed_in_hours_and_a_fall_in_days() -> None:
    assert "has followed 3 h after" in vpa.days(200, 500, 20, 1000).title
    fall = vpa.days(500, 200, 20, 1000).title
    assert 48 < float(fall.split("followed ")[1].split(" h")[0]) < 120


@pytest.mark.parametrize("after", [1, 11, 44])
def test_a_fall_to_little_is_followed_to_the_end_of_its_bucket_or_the_least_of_a_pod(after: int) -> None:
    assert " h after the change" in vpa.days(200, after, 0, 1000).title


def test_the_request_is_changed_only_to_what_is_recommended() -> None:
    passed = vpa.run(200, 500, 20, 1000)
    assert passed[0].request == 1000
    for before, one in itertools.pairwise(passed):
        assert one.request == (one.found.target["cpu"] if one.updated else before.request)


def test_tables_of_vpa() -> None:
    assert [row[2] for row in vpa.confidence().rows][3:] == ["3.00", "2.00", "1.50", "1.14", "1.03"]
    assert [row[1] for row in vpa.at_once(4).rows] == [0, 1, 1, 2]
    assert [row[1] for row in vpa.due().rows] == ["yes", "no", "no", "yes", "yes", "no"]
    assert {row[0]: row[1] for row in vpa.oom().rows}[128] == "228"
    assert [row[2] for row in vpa.limits(100, 400).rows] == ["504m", "988m", "2348m", "4672m"]
    assert [row[2:] for row in vpa.boost(100, 400, 2, 200).rows] == [
        ("200m of 800m", "100m of 400m"), ("494m of 1976m", "247m of 988m"),
        ("200m of 400m", "100m of 400m"), ("399m of 400m", "247m of 400m"),
    ]  # fmt: skip
    costs = [float(str(row[-1])) for row in vpa.cost(2000, 2048, 200, 200).rows]
    assert costs == sorted(costs, reverse=True)


@pytest.mark.parametrize(("target", "answer"), [(60, "more"), (70, "more"), (85, "as many")])
def test_the_question_of_both(target: int, answer: str) -> None:
    assert hpa_and_vpa_together.question(4000, target, 1000, 50).answer == answer


def test_the_fight_goes_to_one_bound_or_the_other() -> None:
    rows = {row[0]: row[1] for row in hpa_and_vpa_together.targets(4000, 30, 1000, 50).rows}
    assert rows["50 %"] == "8 → 50"
    assert rows["100 %"] == "4 → 2"


def test_without_a_common_metric_there_is_no_fight() -> None:
    for pair in (hpa_and_vpa_together.OFF, hpa_and_vpa_together.LOAD):
        passed = hpa_and_vpa_together.run(pair, **{**PAIR, "swing_percent": 0})
        assert len({one.pods for one in passed}) == 1
        assert sum(one.updated for one in passed) <= passed[0].pods
    steady = hpa_and_vpa_together.run(hpa_and_vpa_together.BOTH, **{**PAIR, "swing_percent": 0})
    assert steady[-1].pods > 2 * steady[0].pods


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda: hpa.stairs(0, 70, 10), "pods is a whole number from 1 to 1000, not 0"),
        (lambda: hpa.stairs(5, 0, 10), "target is a whole number from 1 to 200, not 0"),
        (lambda: hpa.stairs(5, 70, 101), "tolerance_percent is a whole number from 0 to 100, not 101"),
        (lambda: hpa.surge(**{**SURGE, "startup": -1}, behavior="none"), "startup is a whole number from 0 to 600"),
        (lambda: hpa.surge(**SURGE, behavior=""), "behavior is one of defaults, none, guide A's, never down, not ''"),
        (lambda: hpa_custom_metrics.queue("", target=1, **QUEUE), "metric is one of waiting"),
        (lambda: hpa_custom_metrics.kinds(1, 1, pods=2, ready=3), "ready is a whole number from 0 to 2, not 3"),
        (lambda: vpa.days(200, 500, 101, 1000), "swing_percent is a whole number from 0 to 100, not 101"),
        (lambda: vpa.days("a", 500, 10, 1000), "before is a whole number from 1 to 100000, not 'a'"),  # type: ignore[arg-type]
        (lambda: hpa_and_vpa_together.fight("x", **PAIR), "pair is one of both on CPU"),
    ],
)
def test_what_a_parameter_cannot_be_is_said_by_its_name(draw: Callable[[], Figure], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        draw()

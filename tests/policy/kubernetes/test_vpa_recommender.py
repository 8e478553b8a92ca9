"""Requests that are recommended: kubernetes/autoscaler, vertical-pod-autoscaler/pkg/recommender/logic and model, 1.7.1.

Names are those of upstream's estimator_test.go, recommender_test.go and container_test.go.
"""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.kubernetes.vpa import amounts, recommender
from drydock.policy.kubernetes.vpa.histogram import CPU, MEMORY, Histogram
from drydock.policy.kubernetes.vpa.recommender import Policy, Settings, recommend
from drydock.policy.kubernetes.vpa.usage import Container, Usage

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
MB = 2**20


def test_percentile_estimator() -> None:
    cpu, memory = Histogram(CPU, math.inf), Histogram(MEMORY, math.inf)
    for number in (1.0, 2.0, 3.0):
        cpu.add(number, 1.0)
        memory.add(number * 1e9, 1.0)
    assert cpu.percentile(0.2) == pytest.approx(1.0, rel=0.05)
    assert memory.percentile(0.5) == pytest.approx(2e9, rel=0.05)


def nine_samples() -> Usage:
    usage = Usage()
    for number in range(9):
        usage.add_cpu(1000, number * 2 * MINUTE)
    return usage


@pytest.mark.parametrize(
    ("interval", "confidence", "cpu", "memory"),
    [
        pytest.param(DAY, 0.00625, 907460, 907460000000, id="ConfidenceMultiplier"),
        pytest.param(18 * MINUTE, 0.5, 4521, 4521600000, id="ConfidenceMultiplierWithCustomInterval"),
    ],
)
def test_confidence_multiplier(interval: float, confidence: float, cpu: int, memory: int) -> None:
    assert nine_samples().confidence(interval) == confidence
    factor = recommender.multiplier(confidence, 0.1, 2.0)
    assert (amounts.scaled(3140, factor), amounts.scaled(3140000000, factor)) == (cpu, memory)


def test_confidence_multiplier_no_history() -> None:
    confidence = Usage().confidence()
    assert amounts.scaled(3140, recommender.multiplier(confidence, 0.1, 2.0)) == 10**14
    assert amounts.scaled(3140, recommender.multiplier(confidence, 1.0, -1.0)) == 0


def test_margin_estimator() -> None:
    assert recommender.with_margin(3140, 0.1) == 3454
    assert recommender.with_margin(3140000000, 0.1) == 3454000000


@pytest.mark.parametrize(
    ("hours", "upper", "lower"), [(12, 3, 0.996), (24, 2, 0.998), (168, 1.14, 1), (1 / 12, 289, 0.6), (0.5, 49, 0.9),
                                  (1, 25, 0.95)]
)  # fmt: skip
def test_how_far_bounds_are_moved(hours: float, upper: float, lower: float) -> None:
    """The comments of recommender.go; those that it does not name follow from the same formula."""
    assert recommender.multiplier(hours / 24, 1.0, 1.0) == pytest.approx(upper, rel=0.01)
    assert recommender.multiplier(hours / 24, 0.001, -2.0) == pytest.approx(lower, abs=0.011)


def steady(millicores: int, size: int, days: float = 8, every: float = 10 * MINUTE) -> Usage:
    usage = Usage()
    container = Container(usage)
    for number in range(int(days * DAY / every)):
        container.cpu(millicores, number * every)
        container.memory(size, number * every)
    return usage


@pytest.mark.parametrize(("cores", "target"), [(100, 126), (200, 247), (250, 296), (500, 587), (1000, 1168)])
def test_a_steady_load_gets_the_end_of_its_bucket_and_the_margin(cores: int, target: int) -> None:
    assert recommend({"app": steady(cores, 512 * MB, days=1)})["app"].target["cpu"] == target


@pytest.mark.parametrize(("size", "target"), [(512 * MB, 628694953), (128 * MB, 262144000)])
def test_steady_memory(size: int, target: int) -> None:
    assert recommend({"app": steady(500, size, days=1)})["app"].target["memory"] == target


IDLE = Usage()


@pytest.mark.parametrize(
    ("names", "cpu", "memory"),
    [
        pytest.param(["one"], 25, 250 * MB, id="MinResourcesApplied"),
        pytest.param(["one", "two"], 12, 125 * MB, id="MinResourcesSplitAcrossContainers"),
    ],
)
def test_min_resources(names: list[str], cpu: int, memory: int) -> None:
    found = recommend(dict.fromkeys(names, IDLE))
    assert [one.target for one in found.values()] == [{"cpu": cpu, "memory": memory}] * len(names)


@pytest.mark.parametrize("controlled", [("memory",), ("memory", "cpu")])
def test_controlled_resources_filtered(controlled: tuple[str, ...]) -> None:
    found = recommend({"app": IDLE}, policies={"app": Policy(controlled=controlled)})["app"]
    assert [set(one) for one in (found.target, found.lower, found.upper)] == [set(controlled)] * 3


def test_min_and_max_allowed() -> None:
    found = recommend({"app": steady(500, 512 * MB, days=1)}, policies={"*": Policy({"memory": MB}, {"cpu": 400})})
    assert (found["app"].target["cpu"], found["app"].uncapped["cpu"]) == (400, 587)
    assert found["app"].target["memory"] == 628694953
    with pytest.raises(ValueError, match="minAllowed of cpu, 2, is more than its maxAllowed, 1"):
        Policy({"cpu": 2}, {"cpu": 1})


def test_amounts_are_rounded_up_where_a_flag_says_so() -> None:
    found = recommend({"app": steady(500, 512 * MB, days=1)}, Settings(round_cpu=10, round_memory=MB))["app"]
    assert found.target == {"cpu": 590, "memory": 600 * MB}
    with pytest.raises(ValueError, match="not of 0"):
        amounts.rounded_up(5, 0)


@pytest.mark.parametrize(
    ("limit", "request_", "recommended", "expected"),
    [(0, 100, 200, 0), (200, 0, 300, 300), (100, 100, 587, 587), (400, 100, 587, 2348), (400, 100, 0, 0)],
)
def test_limits_stay_in_proportion(limit: int, request_: int, recommended: int, expected: int) -> None:
    assert recommender.proportional_limit(limit, request_, recommended) == expected


def peaks(container: Container) -> dict[int, float]:
    memory = container.usage.memory
    reference = 2.0 ** ((container._end or 0.0) / memory.half_life)
    return {bucket: weight / reference for bucket, weight in enumerate(memory.weights) if weight}


def one_peak(size: int) -> dict[int, float]:
    return {MEMORY.find(size): pytest.approx(1.0)}


def test_aggregate_container_usage_samples() -> None:
    usage = Usage()
    container = Container(usage)
    assert container.cpu(3140, 1.0)
    assert container.memory(50 * MB, 1.0)
    assert container.cpu(6280, 1 + DAY / 2)
    assert container.memory(100 * MB, 1 + DAY / 2)
    assert peaks(container) == one_peak(100 * MB)
    assert container.cpu(1570, 1 + DAY)
    assert container.memory(20 * MB, 1 + DAY)
    assert usage.samples == 3
    assert not container.cpu(1000, 1 + DAY)
    assert not container.cpu(-1000, 1 + 2 * DAY)
    assert not container.memory(-1000, 1 + 2 * DAY)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        pytest.param(1000, 1200, id="RecordOOMIncreasedByBumpUp"),
        pytest.param(1, 101, id="RecordOOMIncreasedByMin"),
        pytest.param(128, 228, id="128 MiB (ours)"),
        pytest.param(500, 600, id="where both are the same (ours)"),
    ],
)
def test_record_oom(request_: int, expected: int) -> None:
    container = Container(Usage())
    assert container.oom(request_ * MB, 1.0)
    assert peaks(container) == one_peak(expected * MB)


def test_record_oom_dont_run_away() -> None:
    container = Container(Usage())
    for size in (1000, 999, 999):
        assert container.oom(size * MB, 1.0)
    assert peaks(container) == one_peak(1200 * MB)
    assert container.oom(2000 * MB, 1.0)
    assert peaks(container) == one_peak(2400 * MB)


def test_record_oom_maxed_with_known_sample() -> None:
    container = Container(Usage())
    container.memory(3000 * MB, 1.0)
    assert container.oom(1000 * MB, 1.0)
    assert peaks(container) == one_peak(3600 * MB)


@pytest.mark.parametrize(("interval", "ago"), [(DAY, 30 * HOUR), (HOUR, 2 * HOUR), (DAY, 3 * DAY)])
def test_record_oom_discards_old_sample(interval: float, ago: float) -> None:
    container = Container(Usage(), interval=interval)
    container.memory(1000 * MB, 100 * HOUR)
    assert not container.oom(1000 * MB, 100 * HOUR - ago)
    assert peaks(container) == one_peak(1000 * MB)


@pytest.mark.parametrize("interval", [DAY, HOUR])
def test_record_oom_in_new_window(interval: float) -> None:
    container = Container(Usage(), interval=interval)
    container.memory(2000 * MB, 1.0)
    assert container.oom(1000 * MB, 1.0 + 2 * interval)
    assert container.usage.memory.weights[MEMORY.find(2400 * MB)] > 0
    assert container._end == 1.0 + 3 * interval


def test_record_oom_fresh_oom_near_window_boundary_is_not_discarded() -> None:
    container = Container(Usage())
    container.memory(100 * MB, 1.0)
    container.memory(2000 * MB, 1.0 + DAY)
    assert container.oom(1000 * MB, DAY)
    assert peaks(container).keys() >= {MEMORY.find(2400 * MB)}


@pytest.mark.parametrize(("later", "kept"), [(30 * MINUTE, 1), (2 * HOUR, 2)])
def test_memory_samples_with_custom_aggregation_interval(later: float, kept: int) -> None:
    container = Container(Usage(), interval=HOUR)
    container.memory(50 * MB, 1.0)
    container.memory(100 * MB, 1.0 + later)
    assert len(peaks(container)) == kept


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 4000), min_size=1, max_size=40))
def test_bounds_lie_on_both_sides_of_the_target(levels: list[int]) -> None:
    usage = Usage()
    container = Container(usage)
    for number, level in enumerate(levels):
        container.cpu(level, number * HOUR)
    found = recommend({"app": usage})["app"]
    assert found.lower["cpu"] <= found.target["cpu"] <= found.upper["cpu"]
    assert found.target["cpu"] >= 25


@given(st.integers(100, 4000))
@settings(max_examples=30, deadline=None)
def test_a_steady_usage_of_a_tenth_of_a_core_or_more_gets_15_to_33_per_cent(millicores: int) -> None:
    usage = Usage()
    usage.add_cpu(millicores, 0.0)
    assert 1.14 * millicores <= recommend({"app": usage})["app"].target["cpu"] <= 1.33 * millicores

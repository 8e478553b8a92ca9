"""Histograms: kubernetes/autoscaler, vertical-pod-autoscaler/pkg/recommender/util/*_test.go, 1.7.1."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.kubernetes.vpa.histogram import CPU, MEMORY, Checkpoint, Exponential, Histogram, percentiles

EPSILON = 1e-15
START, HOUR = 1234567890.0, 3600.0


@dataclass(frozen=True)
class Linear:
    """Upstream's other buckets, which its tests use."""

    most: float
    width: float
    epsilon: float = EPSILON

    @property
    def count(self) -> int:
        return math.ceil(self.most / self.width) + 1

    def find(self, value: float) -> int:
        return min(max(int(value / self.width), 0), self.count - 1)

    def start(self, bucket: int) -> float:
        return bucket * self.width


TEN = Linear(10.0, 1.0)
PERCENTILES = [(0.0, 2), (0.1, 2), (0.2, 3), (0.3, 3), (0.4, 4), (0.5, 4), (0.6, 4), (0.7, 5), (0.8, 5), (0.9, 5),
               (1.0, 5)]  # fmt: skip


def filled(*samples: tuple[float, float], half_life: float = math.inf, buckets: Linear = TEN) -> Histogram:
    made = Histogram(buckets, half_life)
    for value, weight in samples:
        made.add(value, weight, START)
    return made


@pytest.mark.parametrize("half_life", [math.inf, HOUR])
@pytest.mark.parametrize("part", [-0.5, 0.0, 0.5, 1.0, 1.5])
def test_percentiles_empty_histogram(half_life: float, part: float) -> None:
    assert Histogram(TEN, half_life).percentile(part) == 0.0


@pytest.mark.parametrize(("part", "expected"), PERCENTILES)
@pytest.mark.parametrize("half_life", [math.inf, HOUR])
def test_percentiles(part: float, expected: float, half_life: float) -> None:
    """TestPercentiles, and TestNoDecay: all at one time."""
    made = filled((1, 1), (2, 2), (3, 3), (4, 4), half_life=half_life)
    assert made.percentile(part) == pytest.approx(expected)


def test_percentile_out_of_bounds() -> None:
    made = filled((0.1, 0.1), (0.2, 0.2), buckets=Linear(1.0, 0.1))
    assert (made.percentile(-0.1), made.percentile(1.1)) == pytest.approx((0.2, 0.3))
    made.add(0.0, 0.1)
    made.add(1.0, 0.2)
    assert (made.percentile(-0.1), made.percentile(1.1)) == pytest.approx((0.1, 1.0))


def test_empty_histogram() -> None:
    made = Histogram(Linear(1.0, 0.1), math.inf)
    assert made.is_empty
    made.add(0.1, EPSILON * 2.5)
    assert not made.is_empty
    made.subtract(0.1, EPSILON)
    assert not made.is_empty
    made.subtract(0.1, EPSILON)
    assert made.is_empty


def test_non_empty_on_epsilon_addition() -> None:
    made = Histogram(Linear(1.0, 0.1), math.inf)
    made.add(9.9, EPSILON * 3)
    made.add(0.1, EPSILON * 0.3)
    made.add(999.9, EPSILON * 0.3)
    assert not made.is_empty


def test_histogram_merge() -> None:
    one = filled((1, 1), (2, 1))
    one.merge(filled((2, 1), (3, 1)))
    assert one.weights == filled((1, 1), (2, 1), (2, 1), (3, 1)).weights


def test_only_like_histograms_are_merged() -> None:
    with pytest.raises(ValueError, match="of the same buckets and half-life"):
        filled((1, 1)).merge(Histogram(TEN, HOUR))


def test_simple_decay() -> None:
    made = Histogram(TEN, HOUR)
    made.add(2, 1000, START)
    made.add(1, 1, START + 20 * HOUR)
    assert (made.percentile(0.999), made.percentile(1.0)) == pytest.approx((2, 3))


def test_longterm_decay() -> None:
    made = Histogram(TEN, HOUR)
    made.add(2, 1, START)
    made.add(1, 1, START + 101 * HOUR)
    assert made.percentile(1.0) == pytest.approx(2)


@pytest.mark.parametrize(
    ("part", "expected"), [(0.0, 2), (0.02, 2), (0.03, 3), (0.1, 3), (0.11, 4), (0.34, 4), (0.35, 5), (1.0, 5)]
)
def test_decaying_histogram_percentiles(part: float, expected: float) -> None:
    made = Histogram(TEN, HOUR)
    for number in range(1, 5):
        made.add(number, number, START + (number - 1) * HOUR)
    assert made.percentile(part) == pytest.approx(expected)


def test_decaying_histogram_merge() -> None:
    one, other, expected = (Histogram(TEN, HOUR) for _ in range(3))
    one.add(1, 1, START)
    one.add(2, 1, START + HOUR)
    other.add(2, 1, START + 2 * HOUR)
    other.add(3, 1, START + HOUR)
    for value, hours in ((2, 2), (2, 1), (3, 1), (1, 0)):
        expected.add(value, 1, START + hours * HOUR)
    one.merge(other)
    assert one.reference == expected.reference
    assert one.weights == pytest.approx(expected.weights)


@pytest.mark.parametrize(
    ("samples", "total", "weights"),
    [
        pytest.param([], 0.0, {}, id="SaveToCheckpointEmpty"),
        pytest.param([(1, 1)], 1.0, {1: 10000}, id="SaveToCheckpoint"),
        pytest.param([(1, 1), (2, 100000)], 100001.0, {2: 10000}, id="SaveToCheckpointDropsRelativelySmallValues"),
        pytest.param([(1, 1), (2, 10000), (3, 50)], 10051.0, {1: 1, 2: 10000, 3: 50},
                     id="SaveToCheckpointForMultipleValues"),
    ],
)  # fmt: skip
def test_checkpoint(samples: list[tuple[float, float]], total: float, weights: dict[int, int]) -> None:
    kept = filled(*samples).checkpoint()
    assert (kept.total, dict(kept.weights)) == (total, weights)


def test_load_from_checkpoint() -> None:
    made = Histogram(TEN, HOUR)
    made.load(Checkpoint({0: 1, 1: 2}, 6.0, START))
    assert (made.total, made.weights[:2], made.reference) == (6.0, [2.0, 4.0], START)


@pytest.mark.parametrize(
    ("checkpoint", "says"),
    [
        (Checkpoint({-1: 1}, 1.0, 0.0), "from 0 to 10, not -1"),
        (Checkpoint({99: 1}, 1.0, 0.0), "from 0 to 10, not 99"),
        (Checkpoint({}, -1.0, 0.0), "is not below 0: -1"),
    ],
)
def test_a_checkpoint_that_cannot_be(checkpoint: Checkpoint, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Histogram(TEN, HOUR).load(checkpoint)


def test_is_not_empty_after_saving_and_loading_checkpoints_with_boundary_values() -> None:
    made = filled((1, EPSILON), (2, 10000 * EPSILON - EPSILON))
    again = Histogram(TEN, math.inf)
    again.load(made.checkpoint())
    assert not again.is_empty


def test_linear_histogram_options() -> None:
    buckets = Linear(5.0, 0.3)
    assert buckets.count == 18
    assert [buckets.find(value) for value in (-1.0, 0.0, 1.3, 100.0)] == [0, 0, 4, 17]


def test_where_buckets_begin_many_are_as_each_alone() -> None:
    begin = [buckets.start(bucket) for buckets in (CPU, MEMORY) for bucket in range(1, buckets.count)]
    values = np.array(
        [near for value in begin for near in (math.nextafter(value, 0), value, math.nextafter(value, 1e99))]
    )
    for buckets in (CPU, MEMORY):
        assert list(buckets.find_all(values)) == [buckets.find(value) for value in values]


def test_exponential_histogram_options() -> None:
    buckets = Exponential(first=40.0, most=500.0, ratio=1.5)
    assert [buckets.start(bucket) for bucket in range(buckets.count)] == [0, 40, 100, 190, 325, 527.5]
    values = [-1.0, 39.99, 40.0, 100.0, 900.0]
    assert [buckets.find(value) for value in values] == [0, 0, 1, 2, 5]
    assert list(buckets.find_all(np.array(values))) == [0, 0, 1, 2, 5]


def test_buckets_of_cpu_and_memory() -> None:
    assert (CPU.count, MEMORY.count) == (176, 176)
    with pytest.raises(IndexError, match="There are 176 buckets, and none is number 176"):
        CPU.start(176)
    with pytest.raises(ValueError, match="ratio above 1"):
        Exponential(first=1, most=2, ratio=1)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(st.floats(0, 50), min_size=5, max_size=5), min_size=1, max_size=4),
    st.lists(st.floats(0, 86400), min_size=5, max_size=5),
)
def test_many_at_once_are_as_each_alone(rows: list[list[float]], times: list[float]) -> None:
    times = sorted(times)
    parts = (0.5, 0.9, 0.95)
    found = percentiles(CPU, np.array(rows), np.array(times), parts, weight=0.1)
    for row, one in zip(rows, found, strict=True):
        alone = Histogram(CPU)
        for value, at in zip(row, times, strict=True):
            alone.add(value, 0.1, at)
        assert list(one) == pytest.approx([alone.percentile(part) for part in parts])

"""Which target a request is sent to, and which weights a router takes."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy import traffic
from drydock.policy.mesh import weights

SMALL = {"cluster1": 30, "cluster2": 30, "cluster3": 40}
LARGE = {"cluster1": 2000, "cluster2": 3000, "cluster3": 5000}


@pytest.mark.parametrize(
    ("targets", "number", "expected"),
    [
        (SMALL, 115, "cluster1"),
        (SMALL, 445, "cluster2"),
        (SMALL, 560, "cluster3"),
        (LARGE, 1150, "cluster1"),
        (LARGE, 4500, "cluster2"),
        (LARGE, 8900, "cluster3"),
        ({"cluster1": 80, "cluster2": 10, "cluster3": 10}, 45, "cluster1"),
        ({"cluster1": 80, "cluster2": 10, "cluster3": 10}, 82, "cluster2"),
        ({"cluster1": 80, "cluster2": 10, "cluster3": 10}, 92, "cluster3"),
    ],
)
def test_envoys_own_picks(targets: dict[str, int], number: int, expected: str) -> None:
    """envoyproxy/envoy test/common/router/config_impl_test.cc, RouteMatcherTest.WeightedClusters."""
    assert weights.chosen(targets, number) == expected


@settings(max_examples=50)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=5).filter(any))
def test_each_target_gets_its_weight_of_every_run_of_numbers_and_none_is_lost(given: list[int]) -> None:
    targets = {str(number): weight for number, weight in enumerate(given)}
    counted = Counter(weights.chosen(targets, number) for number in range(7 * sum(given), 8 * sum(given)))
    assert counted == {name: weight for name, weight in targets.items() if weight}


def test_weights_of_50_and_10_are_five_to_one() -> None:
    """botocore 1.44.5, App Mesh 2018-10-01, *WeightedTarget*."""
    counted = Counter(weights.chosen({"large": 50, "small": 10}, number) for number in range(600))
    assert counted == {"large": 500, "small": 100}


@pytest.mark.parametrize(
    ("router", "asked"),
    [
        (weights.APP_MESH, [90, 10]),
        (weights.APP_MESH, [10] * 10),
        (weights.VPC_LATTICE, [999] * 10),
        (weights.LOAD_BALANCER, [0, 0]),
        (weights.GATEWAY_API, [1_000_000] * 16),
        (weights.ENVOY, [2**32 - 1, 0]),
        (weights.ENVOY, [1] * 40),
    ],
)
def test_weights_that_a_router_takes(router: weights.Router, asked: list[int]) -> None:
    weights.check(router, asked)


@pytest.mark.parametrize(
    ("router", "asked", "words"),
    [
        (weights.APP_MESH, [90, 11], "sum of the weights is 101, and it takes 100"),
        (weights.APP_MESH, [1] * 11, "11 targets, and it takes 10"),
        (weights.VPC_LATTICE, [1000], "a weight of 1000, and it takes 0 to 999"),
        (weights.LOAD_BALANCER, [1] * 6, "6 targets, and it takes 5"),
        (weights.GATEWAY_API, [-1], "a weight of -1"),
        (weights.ENVOY, [0, 0], "is 0, and it has to be 1"),
        (weights.ENVOY, [2**32 - 1, 1], "takes 4,294,967,295 at most"),
        (weights.ENVOY, [], "needs a target"),
    ],
)
def test_weights_that_it_refuses(router: weights.Router, asked: list[int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        weights.check(router, asked)


@settings(max_examples=50)
@given(st.integers(0, 60), st.floats(0.001, 0.999))
def test_a_sure_band_leaves_out_no_more_than_its_risk(requests: int, share: float) -> None:
    found = traffic.sure_band(requests, share, risk=1e-3)
    inside = sum(
        math.comb(requests, count) * share**count * (1 - share) ** (requests - count)
        for count in range(found.low, found.high + 1)
    )
    assert inside >= 1 - 1e-3 - 1e-12
    assert found.low <= found.expected <= found.high


def test_a_sure_band_knows_what_is_certain_and_refuses_no_risk() -> None:
    assert (traffic.sure_band(50, 0).high, traffic.sure_band(50, 1).low) == (0, 50)
    with pytest.raises(ValueError, match="risk=0"):
        traffic.sure_band(50, 0.5, risk=0)

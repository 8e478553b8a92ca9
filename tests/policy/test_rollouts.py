"""Argo Rollouts' replicas and Flagger's weights, against what their own tests and documentation expect."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.rollouts import (
    Pods,
    analysis,
    closest,
    fenceposts,
    flagger_minutes,
    flagger_weights,
    routed,
    scale,
    stages,
)

# fmt: off
CLOSEST = [
    (0, 0, 0, 0, 0), (0, 0, 1, 0, 0), (0, 50, 0, 0, 0), (0, 50, 1, 0, 0),
    (0, 100, 0, 0, 0), (0, 100, 1, 0, 0), (1, 0, 0, 0, 1), (1, 0, 1, 0, 1),
    (1, 1, 0, 0, 1), (1, 1, 1, 1, 1), (1, 49, 0, 0, 1), (1, 49, 1, 1, 1),
    (1, 50, 0, 1, 0), (1, 50, 1, 1, 1), (1, 99, 0, 1, 0), (1, 99, 1, 1, 1),
    (1, 100, 0, 1, 0), (1, 100, 1, 1, 0), (2, 0, 0, 0, 2), (2, 0, 1, 0, 2),
    (2, 1, 0, 1, 1), (2, 1, 1, 1, 2), (2, 50, 0, 1, 1), (2, 50, 1, 1, 1),
    (2, 99, 0, 1, 1), (2, 99, 1, 2, 1), (2, 100, 0, 2, 0), (2, 100, 1, 2, 0),
    (3, 10, 0, 1, 2), (3, 10, 1, 1, 3), (3, 25, 0, 1, 2), (3, 25, 1, 1, 3),
    (3, 33, 0, 1, 2), (3, 33, 1, 1, 2), (3, 34, 0, 1, 2), (3, 34, 1, 1, 2),
    (3, 49, 0, 1, 2), (3, 49, 1, 2, 2), (3, 50, 0, 2, 1), (3, 50, 1, 2, 2),
    (10, 0, 1, 0, 10), (10, 1, 0, 1, 9), (10, 1, 1, 1, 10), (10, 14, 0, 1, 9),
    (10, 15, 0, 2, 8), (10, 16, 0, 2, 8), (10, 18, 1, 2, 9), (10, 19, 1, 2, 9),
    (10, 20, 1, 2, 8), (10, 23, 1, 2, 8), (10, 24, 1, 3, 8), (10, 25, 1, 3, 8),
    (10, 99, 0, 9, 1), (10, 99, 1, 10, 1), (10, 100, 1, 10, 0),
]
"""(replicas, weight, surge, canary, stable): argo-rollouts, utils/replicaset/canary_test.go,
TestApproximateWeightedNewStableReplicaCounts, all of maxWeight 100."""
SCALED = [
    (10, 100, 3, 0, 7, 8, 6, 3, 0, 7, 6), (10, 20, 2, 0, 10, 10, 0, 0, 0, 10, 2),
    (10, 20, '20%', 0, 10, 10, 0, 0, 0, 10, 2), (10, 20, '20%', 0, 10, 10, 2, 2, 0, 8, 2),
    (10, 30, 2, 0, 10, 10, 0, 0, 0, 10, 2), (10, 20, 0, 2, 10, 10, 0, 0, 0, 8, 0),
    (10, 20, 0, '20%', 10, 10, 0, 0, 0, 8, 0), (10, 30, 0, 2, 10, 10, 0, 0, 0, 8, 0),
    (10, 50, 2, 1, 10, 10, 0, 0, 0, 9, 2), (10, 0, 1, 1, 10, 10, 1, 1, 0, 10, 0),
    (10, 100, 1, 1, 1, 1, 10, 10, 0, 0, 10), (1, 20, 1, 0, 1, 1, 0, 0, 0, 1, 1),
    (1, 90, 1, 0, 1, 1, 0, 0, 0, 1, 1), (1, 49, 0, 1, 1, 1, 0, 0, 0, 1, 0),
    (1, 51, 0, 1, 1, 1, 0, 0, 0, 0, 0), (1, 51, 0, 1, 0, 0, 0, 0, 0, 0, 1),
    (10, 30, 1, 0, 1, 1, 0, 0, 3, 7, 1), (10, 30, 0, 3, 8, 5, 4, 4, 0, 7, 3),
    (10, 100, 1, 0, 10, 2, 10, 8, 0, 2, 9), (10, 30, 0, 1, 8, 6, 4, 2, 3, 8, 4),
    (10, 5, 0, 1, 10, 10, 0, 0, 0, 9, 0), (10, 5, 0, 1, 9, 9, 0, 0, 0, 9, 1),
    (10, 10, '0%', '0%', 10, 10, 0, 0, 0, 9, 0), (4, 100, 1, 0, 4, 1, 0, 0, 0, 4, 1),
    (3, 99, 0, 2, 3, 3, 0, 0, 0, 1, 0), (3, 99, 0, 2, 1, 1, 0, 0, 0, 1, 2),
    (4, 0, 1, 0, 0, 0, 4, 4, 0, 1, 4), (4, 0, 1, 0, 1, 0, 4, 4, 0, 1, 4),
    (4, 0, 1, 0, 1, 1, 4, 4, 0, 1, 3),
]
"""(replicas, weight, maxSurge, maxUnavailable, stable wanted and available, canary wanted and available, older; then
stable and canary expected): the same file, TestCalculateReplicaCountsForCanary, all without a traffic router,
setCanaryScale, or promotion in full."""
# fmt: on


@pytest.mark.parametrize(("replicas", "weight", "surge", "canary", "stable"), CLOSEST)
def test_the_closest_share_as_upstream_expects(
    replicas: int, weight: int, surge: int, canary: int, stable: int
) -> None:
    assert closest(replicas, weight, surge) == (canary, stable)


@pytest.mark.parametrize(
    ("replicas", "weight", "surge", "unavailable", "expected"),
    [
        (10, 10, 1, 1, (1, 9)),
        (10, 30, 3, 0, (3, 10)),
        (10, 30, 0, 5, (0, 7)),
        (1, 5, 1, 0, (1, 1)),
        (1, 95, 1, 0, (1, 1)),
    ],
)
def test_the_first_counts_as_upstreams_comment_says(
    replicas: int, weight: int, surge: int, unavailable: int, expected: tuple[int, int]
) -> None:
    """utils/replicaset/canary.go, the examples of CalculateReplicaCountsForBasicCanary's comment.

    All but 10 pods at 5 % with a surge, for which it says 1 and 9: 1 and 10 are closer, as in its test of 1 %.
    """
    found = scale(replicas, weight, Pods(replicas, replicas), Pods(0, 0), surge=surge, unavailable=unavailable)
    assert found == expected


@pytest.mark.parametrize("case", SCALED, ids=str)
def test_the_next_counts_as_upstream_expects(case: tuple[int, ...]) -> None:
    replicas, weight, surge, unavailable, stable, ready, canary, canary_ready, older, to_stable, to_canary = case
    found = scale(
        replicas,
        weight,
        Pods(stable, ready),
        Pods(canary, canary_ready),
        surge=surge,
        unavailable=unavailable,
        older=older,
    )
    assert found == (to_canary, to_stable)


@pytest.mark.parametrize(("weight", "canary"), [(0, 0), (20, 2), (25, 3), (33, 4), (99, 10), (100, 10)])
def test_with_a_router_the_stable_side_stays_whole(weight: int, canary: int) -> None:
    """The same file, TestTrafficWeightToReplicas and TestCalculateReplicaCountsForCanaryTrafficRouting."""
    assert routed(10, weight) == (canary, 10)


@pytest.mark.parametrize(
    ("surge", "unavailable", "pods"), [("25%", "25%", (3, 2)), (0, 0, (0, 1)), ("0%", "0%", (0, 1)), (0, 20, (0, 10))]
)
def test_per_cent_of_pods(surge: int | str, unavailable: int | str, pods: tuple[int, int]) -> None:
    assert fenceposts(10, surge, unavailable) == pods


@pytest.mark.parametrize(
    ("surge", "unavailable", "named"), [("5", 1, "maxSurge"), (-1, 1, "maxSurge"), (1, "-5%", "maxUnavailable")]
)
def test_what_is_no_number_of_pods_is_refused(surge: int | str, unavailable: int | str, named: str) -> None:
    with pytest.raises(ValueError, match=f"{named} is a number of pods or per cent"):
        fenceposts(10, surge, unavailable)


@settings(max_examples=50)
@given(st.integers(1, 30), st.integers(0, 100), st.integers(0, 5), st.integers(0, 5))
def test_a_rollout_comes_through_and_keeps_its_bounds(replicas: int, weight: int, surge: int, unavailable: int) -> None:
    more, less = fenceposts(replicas, surge, unavailable)
    found = stages(replicas, [weight], surge=surge, unavailable=unavailable)
    assert found[-1] == (replicas, 0)
    assert closest(replicas, weight, more) in found
    assert all(replicas - less <= canary + stable <= replicas + more for canary, stable in found)


def test_pods_that_are_available_are_not_given_up_for_some_that_are_not() -> None:
    """Worked out by hand from adjustReplicaWithinLimits of canary.go: maxUnavailable 0, and no canary is available."""
    assert closest(2, 75, 1) == (2, 1)
    assert scale(2, 75, Pods(2, 2), Pods(3, 0), surge=1, unavailable=0) == (1, 2)


def test_flagger_as_its_documentation_has_it() -> None:
    """fluxcd/flagger, docs/gitbook/usage/deployment-strategies.md: 25 minutes; 20, 40, 60 for steps of 20 up to 50."""
    assert flagger_minutes(1, 2, 50, 10) == (25, 10)
    assert flagger_weights(20, 50) == [20, 40, 60]
    assert len(flagger_weights(2, 50)) == 25


def test_a_good_canary_is_promoted_and_a_bad_one_rolled_back() -> None:
    good = analysis([True], interval=1, step=2, most=50, threshold=10)
    assert (good[-1].end, good[-1].minute, good[-1].failed) == ("promoted", 25, 0)
    bad = analysis([False], interval=1, step=2, most=50, threshold=10)
    assert (bad[-1].end, bad[-1].weight, bad[-2].failed, bad[-2].minute) == ("rolled back", 0, 10, 10)


def test_failures_are_counted_together_and_halt_the_weight() -> None:
    runs = analysis([True, False, True, False, True], interval=1, step=10, most=50, threshold=2)
    assert [one.weight for one in runs] == [10, 20, 20, 30, 30, 0]
    assert runs[-1].end == "rolled back"

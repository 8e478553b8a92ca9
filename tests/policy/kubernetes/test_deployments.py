"""Deployments: kubernetes/kubernetes, pkg/controller/deployment, util/deployment_util_test.go, rolling_test.go and
sync_test.go. Names are those of upstream's tests and cases."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.kubernetes import deployments
from drydock.policy.kubernetes.deployments import Bounds, ReplicaSet


@pytest.mark.parametrize(
    ("surge", "unavailable", "replicas", "expected"),
    [
        ("0%", "0%", 0, Bounds(0, 1)),
        ("39%", "39%", 10, Bounds(4, 3)),
        (0, "39%", 10, Bounds(0, 3)),
        ("39%", 0, 10, Bounds(4, 0)),
        (0, 0, 10, Bounds(0, 1)),
    ],
)
def test_resolve_fenceposts(surge: str | int, unavailable: str | int, replicas: int, expected: Bounds) -> None:
    assert deployments.bounds(replicas, surge, unavailable) == expected


@pytest.mark.parametrize(
    ("surge", "unavailable", "says"),
    [
        ("oops", "39%", "maxSurge is .* not 'oops'"),
        ("55%", "urg", "maxUnavailable is .* not 'urg'"),
        ("5", "1", "maxSurge is .* not '5'"),
        (-1, 0, "maxSurge is .* not -1"),
    ],
)
def test_resolve_fenceposts_refused(surge: str | int, unavailable: str | int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        deployments.bounds(10, surge, unavailable)


@pytest.mark.parametrize(
    ("replicas", "unavailable", "expected"),
    [(10, 5, 5), (10, 10, 10), (5, 10, 5), (0, 10, 0), (10, "50%", 5), (10, "100%", 10), (5, "100%", 5)],
)
def test_max_unavailable(replicas: int, unavailable: str | int, expected: int) -> None:
    assert deployments.max_unavailable(replicas, unavailable) == expected


def test_new_rs_new_replicas() -> None:
    """TestNewRSNewReplicas, scale up; upstream counts only the old one's 5 of all pods."""
    assert deployments.new_replicas(6, 10, 2, 5) == 6


@pytest.mark.parametrize(
    ("surge", "old", "new", "expected"), [(0, 10, 0, 0), (2, 10, 0, 2), (2, 5, 0, 7), (2, 10, 2, 2), (2, 2, 11, 10)]
)
def test_reconcile_new_replica_set(surge: int, old: int, new: int, expected: int) -> None:
    assert deployments.new_replicas(10, surge, new, old + new) == expected


@pytest.mark.parametrize(
    ("unavailable", "old", "new", "ready", "expected"),
    [(0, 10, 0, 10, 9), (2, 10, 0, 10, 8), (2, 10, 0, 8, 8), (2, 10, 0, 9, 8), (2, 8, 2, 8, 8)],
)
def test_reconcile_old_replica_sets(unavailable: int, old: int, new: int, ready: int, expected: int) -> None:
    away = deployments.bounds(10, 0, unavailable).unavailable
    sizes = deployments.old_replicas(10, away, ReplicaSet("new", new, 0), [ReplicaSet("old", old, ready)])
    assert sizes == [expected]


def replica_sets(sizes: dict[str, int], most: int) -> list[ReplicaSet]:
    """The newest first, as upstream's tests give them."""
    count = len(sizes)
    return [ReplicaSet(name, size, size, count - at, most) for at, (name, size) in enumerate(sizes.items())]


SCALED: list[tuple[str, int, int, int, int, dict[str, int], dict[str, int]]] = [
    # name, replicas before and after, surge before and after, sets, expected
    ("normal scaling event: 10 -> 12", 10, 12, 0, 0, {"v1": 10}, {"v1": 12}),
    ("normal scaling event: 10 -> 5", 10, 5, 0, 0, {"v1": 10}, {"v1": 5}),
    ("proportional scaling: 5 -> 10", 5, 10, 0, 0, {"v2": 2, "v1": 3}, {"v2": 4, "v1": 6}),
    ("proportional scaling: 5 -> 3", 5, 3, 0, 0, {"v2": 2, "v1": 3}, {"v2": 1, "v1": 2}),
    ("proportional scaling: 9 -> 4", 9, 4, 0, 0, {"v2": 8, "v1": 1}, {"v2": 4, "v1": 0}),
    ("proportional scaling: 7 -> 10", 7, 10, 0, 0, {"v3": 2, "v2": 3, "v1": 2}, {"v3": 3, "v2": 4, "v1": 3}),
    ("proportional scaling: 13 -> 8", 13, 8, 0, 0, {"v3": 2, "v2": 8, "v1": 3}, {"v3": 1, "v2": 5, "v1": 2}),
    ("leftover distribution: 3 -> 4", 3, 4, 0, 0, {"v3": 1, "v2": 1, "v1": 1}, {"v3": 2, "v2": 1, "v1": 1}),
    ("leftover distribution: 3 -> 2", 3, 2, 0, 0, {"v3": 1, "v2": 1, "v1": 1}, {"v3": 1, "v2": 1, "v1": 0}),
    ("proportional scaling (no new rs): 4 -> 5", 4, 5, 0, 0, {"v2": 2, "v1": 2}, {"v2": 3, "v1": 2}),
    ("proportional scaling: 6 -> 0", 6, 0, 0, 0, {"v3": 3, "v2": 2, "v1": 1}, {"v3": 0, "v2": 0, "v1": 0}),
    ("proportional scaling: 0 -> 6", 6, 6, 0, 0, {"v3": 0, "v2": 0, "v1": 0}, {"v3": 6, "v2": 0, "v1": 0}),
    ("deployment with surge pods", 10, 20, 2, 2, {"v2": 6, "v1": 6}, {"v2": 11, "v1": 11}),
    ("change both surge and size", 10, 50, 3, 6, {"v2": 5, "v1": 8}, {"v2": 22, "v1": 34}),
    ("change both size and template", 10, 14, 0, 0, {"v2": 7, "v1": 3}, {"v2": 10, "v1": 4}),
]


@pytest.mark.parametrize(
    ("before", "after", "surge_before", "surge", "sets", "expected"),
    [case[1:] for case in SCALED],
    ids=[case[0] for case in SCALED],
)
def test_scale(
    before: int, after: int, surge_before: int, surge: int, sets: dict[str, int], expected: dict[str, int]
) -> None:
    assert deployments.scaled(after, surge, replica_sets(sets, before + surge_before)) == expected


def test_scale_failed_rs_update() -> None:
    """Each ReplicaSet has the size for which it was last scaled written on it, and one was not updated then."""
    sets = [ReplicaSet("v3", 2, 2, 3, 5), ReplicaSet("v2", 1, 1, 2, 3), ReplicaSet("v1", 1, 1, 1, 5)]
    assert deployments.scaled(5, 0, sets) == {"v3": 2, "v2": 2, "v1": 1}


@pytest.mark.parametrize(
    ("available", "expected"),
    [
        pytest.param(0, {"v2": 2, "v1": 1}, id="saturated but broken new replica set does not affect old pods"),
        pytest.param(2, {"v2": 2, "v1": 0}, id="saturated"),
    ],
)
def test_scale_saturated(available: int, expected: dict[str, int]) -> None:
    sets = [ReplicaSet("v2", 2, available, 2, 3), ReplicaSet("v1", 1, 1, 1, 3)]
    assert deployments.scaled(2, 1, sets) == expected


def rolled(wanted: int, given: Bounds, old: ReplicaSet, new: ReplicaSet) -> tuple[ReplicaSet, ReplicaSet]:
    """One turn of the controller: the newest ReplicaSet first, then the older one."""
    grown = deployments.new_replicas(wanted, given.surge, new.replicas, old.replicas + new.replicas)
    if grown != new.replicas:
        return old, replace(new, replicas=grown)
    [size] = deployments.old_replicas(wanted, given.unavailable, new, [old])
    return replace(old, replicas=size, available=min(old.available, size)), new


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 30), st.integers(0, 5), st.integers(0, 5))
def test_a_rollout_ends_and_stays_within_its_bounds(wanted: int, surge: int, unavailable: int) -> None:
    given_bounds = deployments.bounds(wanted, surge, unavailable)
    old, new = ReplicaSet("old", wanted, wanted), ReplicaSet("new", 0, 0, 1)
    for _ in range(4 * wanted + 4):
        old, new = rolled(wanted, given_bounds, old, new)
        assert old.replicas + new.replicas <= wanted + given_bounds.surge
        assert old.available + new.available >= wanted - given_bounds.unavailable
        new = replace(new, available=new.replicas)
    assert (old.replicas, new.replicas) == (0, wanted)

"""Which pods are updated: kubernetes/autoscaler, vertical-pod-autoscaler/pkg/updater/priority and restriction, 1.7.1.

Names are those of upstream's priority_processor_test.go, update_priority_calculator_test.go and
pods_restriction_factory_test.go. Amounts are millicores and bytes.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.kubernetes.vpa import updater
from drydock.policy.kubernetes.vpa.recommender import Amounts, Recommendation
from drydock.policy.kubernetes.vpa.updater import Priority

M = 10**6
HOUR = 3600.0


def amounts(cpu: int = 0, memory: int = 0) -> dict[str, int]:
    return {name: value for name, value in (("cpu", cpu), ("memory", memory)) if value}


def recommended(target: Amounts, lower: Amounts | None = None, upper: Amounts | None = None) -> Recommendation:
    return Recommendation(target, lower or {}, upper or {}, target)


PRIORITIES: list[tuple[str, Mapping[str, Amounts], Mapping[str, Recommendation], Priority]] = [
    ("simple scale up", {"a": amounts(2000)}, {"a": recommended(amounts(10000))}, Priority(False, True, 4.0)),
    ("simple scale down", {"a": amounts(4000)}, {"a": recommended(amounts(2000))}, Priority(False, False, 0.5)),
    ("no resource diff", {"a": amounts(2000)}, {"a": recommended(amounts(2000))}, Priority(False, False, 0.0)),
    ("scale up on milliquanitites", {"a": amounts(10)}, {"a": recommended(amounts(900))}, Priority(False, True, 89.0)),
    ("scale up outside recommended range", {"a": amounts(4000)},
     {"a": recommended(amounts(10000), amounts(6000), amounts(14000))}, Priority(True, True, 1.5)),
    ("scale down outside recommended range", {"a": amounts(8000)},
     {"a": recommended(amounts(2000), amounts(1000), amounts(3000))}, Priority(True, False, 0.75)),
    ("multiple resources, both scale up", {"a": amounts(3000, 10 * M)}, {"a": recommended(amounts(6000, 20 * M))},
     Priority(False, True, 2.0)),
    ("multiple resources, only one scale up", {"a": amounts(4000, 10 * M)}, {"a": recommended(amounts(2000, 20 * M))},
     Priority(False, True, 1.5)),
    ("multiple resources, both scale down", {"a": amounts(4000, 20 * M)}, {"a": recommended(amounts(2000, 10 * M))},
     Priority(False, False, 1.0)),
    ("multiple resources, one outside recommended range", {"a": amounts(4000, 20 * M)},
     {"a": recommended(amounts(2000, 10 * M), amounts(1000, 5 * M), amounts(3000, 30 * M))},
     Priority(True, False, 1.0)),
    ("multiple containers, both scale up", {"a": amounts(1000), "b": amounts(2000)},
     {"a": recommended(amounts(4000)), "b": recommended(amounts(8000))}, Priority(False, True, 3.0)),
    ("multiple containers, both scale down", {"a": amounts(3000), "b": amounts(7000)},
     {"a": recommended(amounts(1000)), "b": recommended(amounts(2000))}, Priority(False, False, 0.7)),
    ("multiple containers, both scale up, one outside range", {"a": amounts(1000), "b": amounts(2000)},
     {"a": recommended(amounts(4000), amounts(1000)),
      "b": recommended(amounts(8000), amounts(3000), amounts(10000))}, Priority(True, True, 3.0)),
    ("multiple containers, multiple resources", {"a": amounts(6000, 10 * M), "b": amounts(4000, 30 * M)},
     {"a": recommended(amounts(8000, 20 * M)), "b": recommended(amounts(7000, 30 * M))}, Priority(False, True, 0.75)),
    ("NoRecommendationForContainer", {"a": amounts(5000, 10)}, {}, Priority()),
    ("no request (ours, as the code)", {"a": {}}, {"a": recommended(amounts(5))}, Priority(True, True, 4.0)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("requests", "given", "expected"), [case[1:] for case in PRIORITIES], ids=[case[0] for case in PRIORITIES]
)
def test_get_update_priority(
    requests: Mapping[str, Amounts], given: Mapping[str, Recommendation], expected: Priority
) -> None:
    assert updater.priority(requests, given) == expected


@pytest.mark.parametrize(("observed", "diff"), [(None, 9.0), (["a"], 9.0), ([], 0.0)])
def test_get_update_priority_vpa_observed_containers(observed: list[str] | None, diff: float) -> None:
    found = updater.priority({"a": amounts(1000)}, {"a": recommended(amounts(10000))}, observed=observed)
    assert found.diff == diff


@pytest.mark.parametrize(
    ("needs", "expected"),
    [
        pytest.param({"1": Priority(diff=4.0), "2": Priority(diff=1.5), "3": Priority(diff=9.0),
                      "4": Priority(diff=2.33)}, ["3", "1", "4", "2"], id="SortPriority"),
        pytest.param({"1": Priority(grows=True, diff=0.25), "2": Priority(diff=0.25), "3": Priority(diff=0.5)},
                     ["1", "3", "2"], id="SortPriorityResourcesDecrease"),
        pytest.param({}, [], id="NoPods"),
    ],
)  # fmt: skip
def test_order(needs: dict[str, Priority], expected: list[str]) -> None:
    assert updater.in_order(needs) == expected


@pytest.mark.parametrize(
    ("one", "other", "less"),
    [
        pytest.param(Priority(diff=0.1), Priority(), False, id="scale down more than empty"),
        pytest.param(Priority(grows=True, diff=0.1), Priority(), False, id="scale up more than empty"),
        pytest.param(Priority(grows=True, diff=0.1), Priority(grows=True, diff=1.0), True, id="two scale ups"),
        pytest.param(Priority(diff=0.9), Priority(diff=0.1), False, id="two scale downs"),
    ],
)
def test_less_pod_priority(one: Priority, other: Priority, less: bool) -> None:
    assert (one.order < other.order) is less


@pytest.mark.parametrize(
    ("need", "hours", "ran", "min_change", "expected"),
    [
        pytest.param(Priority(), 24, None, 0.1, False, id="UpdateNotRequired"),
        pytest.param(Priority(False, True, 0.25), 13, None, 0.5, False, id="UpdateLonglivedPods, POD1"),
        pytest.param(Priority(False, True, 4.0), 13, None, 0.5, True, id="UpdateLonglivedPods, POD2"),
        pytest.param(Priority(True, False, 0.25), 13, None, 0.5, True, id="UpdateLonglivedPods, POD3"),
        pytest.param(Priority(False, True, 0.25), 11, None, 0.5, False, id="UpdateShortlivedPods, POD1"),
        pytest.param(Priority(False, True, 0.0), 11, None, 0.5, False, id="UpdateShortlivedPods, POD2"),
        pytest.param(Priority(True, False, 0.9), 11, None, 0.5, True, id="UpdateShortlivedPods, POD3"),
        pytest.param(Priority(False, True, 0.25), 11, 120.0, 0.5, True, id="UpdatePodWithQuickOOM"),
        pytest.param(Priority(False, True, 0.0), 11, 120.0, 0.1, False, id="DontUpdatePodWithQuickOOMNoResourceChange"),
        pytest.param(Priority(False, True, 0.0), 11, 57 * 60.0, 0.5, False, id="DontUpdatePodWithOOMAfterLongRun"),
        pytest.param(Priority(False, True, 4.0), None, None, 0.1, False, id="not started (ours, as the code)"),
    ],
)
def test_is_due(need: Priority, hours: float | None, ran: float | None, min_change: float, expected: bool) -> None:
    age = None if hours is None else hours * HOUR
    assert updater.is_due(need, age=age, oom_after=ran, min_change=min_change) is expected


@pytest.mark.parametrize(
    ("pending", "replicas", "tolerance", "least", "expected"),
    [
        pytest.param("rrr", 3, 0.5, 2, "100", id="Evict only first pod (half of 3)."),
        pytest.param("rrrr", 4, 0.5, 2, "1100", id="Evict two pods (half of 4)."),
        pytest.param("rrr", 4, 0.5, 2, "100", id="Half of the population can be evicted. One pod is missing already."),
        pytest.param("rrr", 3, 0.1, 2, "100", id="For small eviction tolerance at least one pod is evicted."),
        pytest.param("rr", 3, 0.1, 2, "00", id="Only 2 pods in replica of 3 and tolerance is 0."),
        pytest.param("rpr", 3, 0.5, 2, "010", id="Only pending pod can be evicted without violation of tolerance."),
        pytest.param("rppp", 4, 0.5, 2, "0111", id="Pending pods are always evictable."),
        pytest.param("r", 1, 0.5, 2, "0", id="Cannot evict a single Pod under default settings."),
        pytest.param("r", 1, 0.5, 1, "1", id="Can evict even a single Pod using PodUpdatePolicy.MinReplicas."),
        pytest.param("rrr", 3, 1.0, 2, "111", id="All pods, including resizing pods, are evictable."),
    ],
)
def test_disrupt_replicated_by_controller(
    pending: str, replicas: int, tolerance: float, least: int, expected: str
) -> None:
    found = updater.disrupted(
        [one == "p" for one in pending], replicas=replicas, tolerance=tolerance, min_replicas=least
    )
    assert "".join("01"[one] for one in found) == expected


@settings(max_examples=50)
@given(st.lists(st.booleans(), max_size=12), st.integers(0, 12), st.floats(0, 1))
def test_no_more_running_pods_go_than_the_tolerance_allows(pending: list[bool], missing: int, tolerance: float) -> None:
    replicas = len(pending) + missing
    found = updater.disrupted(pending, replicas=replicas, tolerance=tolerance)
    gone = sum(may and not waits for may, waits in zip(found, pending, strict=True))
    running = pending.count(False)
    assert gone <= max(1, int(replicas * tolerance))
    assert not gone or running - gone >= replicas - max(1, int(replicas * tolerance))


@pytest.mark.parametrize(
    ("failed", "now", "expected"),
    [
        pytest.param({}, {"a": amounts(100)}, False, id="container not in lastAttempt"),
        pytest.param({"a": amounts(200)}, {"a": amounts(100)}, True, id="new CPU is lower"),
        pytest.param({"a": amounts(0, 512)}, {"a": amounts(0, 256)}, True, id="new memory is lower"),
        pytest.param({"a": amounts(100, 256)}, {"a": amounts(200, 512)}, False, id="new resources are higher"),
        pytest.param({"a": amounts(100, 256)}, {"a": amounts(100, 256)}, False, id="equal resources"),
        pytest.param({"a": amounts(200, 256)}, {"a": amounts(100, 512)}, True, id="one resource lower one higher"),
        pytest.param({"a": amounts(100, 512)}, {"a": amounts(200, 256)}, True, id="cpu higher memory lower"),
    ],
)
def test_has_lower_resource_recommendation(
    failed: Mapping[str, Amounts], now: Mapping[str, Amounts], expected: bool
) -> None:
    assert updater.is_tried_again(failed, now) is expected


@pytest.mark.parametrize(
    ("status", "waited", "expected"),
    [("Infeasible", 0, True), ("Error", 0, True), ("Deferred", 300, False), ("Deferred", 301, True),
     ("InProgress", 3600, False), ("InProgress", 3601, True)],
)  # fmt: skip
def test_a_resize_that_is_stuck_becomes_an_eviction(status: str, waited: float, expected: bool) -> None:
    assert updater.gives_up(status, waited) is expected


def test_a_resize_in_no_known_state() -> None:
    with pytest.raises(ValueError, match="not 'Pending'"):
        updater.gives_up("Pending", 0)

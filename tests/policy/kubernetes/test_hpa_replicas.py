"""What one metric asks for: kubernetes/kubernetes, pkg/controller/podautoscaler/replica_calculator_test.go.

Names are those of upstream's tests and cases. Upstream's pods have two containers with equal requests; here a pod has
their sum, and one container where upstream looks at one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.kubernetes.hpa.pods import Group, Pod, count, group
from drydock.policy.kubernetes.hpa.replicas import (
    MOST,
    Measured,
    NoMetrics,
    Tolerance,
    by_average,
    by_average_value,
    by_utilization,
    by_value,
)

NOW, NEVER = 1e6, -1e9
"""Upstream's times that are zero lie before everything else."""
STARTED = {"0": NEVER, "h": NOW, "c": NOW - 180}
"""Not given, hotCPUCreationTime and coolCPUCreationTime."""
PHASES = {"R": "Running", "P": "Pending", "F": "Failed"}
UPSTREAM = {"initialization_period": 120.0, "readiness_delay": 10.0}
INT64 = 2**63 - 1


def pods(
    levels: Sequence[int | None], *, n: int = 0, requests: Sequence[int] = (), ready: str = "", start: str = "",
    phase: str = "", deleted: str = "", containers: int = 2,
) -> list[Pod]:  # fmt: skip
    size = max(n, len(phase), len(levels) if not n else 0)
    said = [*levels, *[None] * size]
    return [
        Pod(
            phase=PHASES[phase[at]] if phase else "Running",
            deleted=deleted[at : at + 1] == "1",
            ready=ready[at : at + 1] != "0",
            ready_since=NEVER,
            started=STARTED[start[at] if start else "0"],
            request=containers * (requests[at] if requests else 1000),
            usage=None if said[at] is None else containers * (said[at] or 0),
            measured_at=NEVER,
        )
        for at in range(size)
    ]


RESOURCE: list[tuple[str, Sequence[int | None], dict[str, Any], int, int, int, int]] = [
    # name, levels, pods, target, expected replicas, utilization, raw value of one container
    ("scale up", (300, 500, 700), {}, 30, 5, 50, 500),
    ("scale up: container metric", (300, 500, 700), {"containers": 1}, 30, 5, 50, 500),
    ("scale up: unready pod scales less", (300, 500, 700), {"ready": "011"}, 30, 4, 60, 600),
    ("scale up: hot-CPU container scales less", (300, 500, 700), {"start": "hcc", "containers": 1}, 30, 4, 60, 600),
    ("scale up: hot-CPU pod scales less", (300, 500, 700), {"start": "hcc"}, 30, 4, 60, 600),
    ("no scale: unready pods ignored", (400, 500, 700), {"ready": "100"}, 30, 3, 40, 400),
    ("no scale: hot-CPU pods ignored", (400, 500, 700), {"ready": "100", "start": "chh"}, 30, 3, 40, 400),
    ("scale up: failed pods ignored", (500, 700), {"n": 2, "ready": "1100", "phase": "RRFF"}, 30, 4, 60, 600),
    (
        "scale up: failed pods ignored with missing container metric",
        (500, 700), {"n": 2, "ready": "1100", "phase": "RRFF", "containers": 1}, 30, 4, 60, 600,
    ),
    (
        "scale up: pods being deleted are ignored",
        (500, 700), {"n": 2, "ready": "1100", "phase": "RRRR", "deleted": "0011"}, 30, 4, 60, 600,
    ),
    (
        "scale up: container metrics with pods being deleted ignored",
        (500, 700), {"n": 2, "ready": "1100", "phase": "RRRR", "deleted": "0011", "containers": 1}, 30, 4, 60, 600,
    ),
    ("scale down", (100, 300, 500, 250, 250), {}, 50, 3, 28, 280),
    ("scale down: container metric", (100, 300, 500, 250, 250), {"containers": 1}, 50, 3, 28, 280),
    ("scale down: exclude unready pods", (100, 300, 500, 250, 250), {"ready": "11100"}, 50, 2, 30, 300),
    (
        "scale down: container metric excludes unready pods",
        (100, 300, 500, 250, 250), {"ready": "11100", "containers": 1}, 50, 2, 30, 300,
    ),
    ("scale down: exclude unscheduled pods", (100,), {"n": 5, "ready": "10000", "phase": "RPPPP"}, 50, 1, 10, 100),
    (
        "scale down: container metric excludes unscheduled pods",
        (100, 300, 500, 250, 250), {"ready": "10000", "phase": "RPPPP", "containers": 1}, 50, 1, 10, 100,
    ),
    ("scale down: ignore hot-CPU pods", (100, 300, 500, 250, 250), {"start": "ccchh"}, 50, 2, 30, 300),
    (
        "scale down: container metric ignores hot-CPU pods",
        (100, 300, 500, 1000, 1000), {"start": "ccchh", "containers": 1}, 50, 2, 30, 300,
    ),
    (
        "scale down: failed pods ignored",
        (100, 300, 500, 250, 250), {"n": 5, "ready": "1111100", "phase": "RRRRRFF"}, 50, 3, 28, 280,
    ),
    (
        "scale down: container metric with failed pods ignored",
        (100, 300, 500, 250, 250), {"n": 5, "ready": "1111100", "phase": "RRRRRFF", "containers": 1}, 50, 3, 28, 280,
    ),
    (
        "scale down: pods being deleted are ignored",
        (100, 300, 500, 250, 250), {"n": 5, "ready": "1111100", "phase": "RRRRRRR", "deleted": "0000011"}, 50, 3, 28,
        280,
    ),
    (
        "scale down: still-running pods being deleted are ignored",
        (100, 300, 500, 250, 250),
        {"n": 5, "ready": "1111100", "phase": "RRRRRRR", "deleted": "0000011", "containers": 1}, 50, 3, 28, 280,
    ),
    ("Tolerance", (1010, 1030, 1020), {"requests": (900, 1000, 1100)}, 100, 3, 102, 1020),
    ("MissingMetrics", (400, 95), {"n": 4}, 100, 3, 24, 247),
    ("MissingMetricsNoChangeEq", (1000,), {"n": 2}, 100, 2, 100, 1000),
    ("MissingMetricsNoChangeGt", (1900,), {"n": 2}, 100, 2, 190, 1900),
    ("MissingMetricsNoChangeLt", (600,), {"n": 2}, 100, 2, 60, 600),
    ("MissingMetricsUnreadyChange", (100, 450), {"n": 3, "ready": "011"}, 50, 3, 45, 450),
    ("MissingMetricsHotCpuNoChange", (100, 450), {"n": 3, "start": "hcc"}, 50, 3, 45, 450),
    ("MissingMetricsUnreadyScaleUp", (100, 2000), {"n": 3, "ready": "011"}, 50, 4, 200, 2000),
    ("MissingMetricsHotCpuScaleUp", (100, 2000), {"n": 3, "ready": "011", "start": "hcc"}, 50, 4, 200, 2000),
    ("MissingMetricsUnreadyScaleDown", (100, 100, 100), {"n": 4, "ready": "0111"}, 50, 3, 10, 100),
    (
        "MissingMetricsScaleDownTargetOver100",
        (200, 100, 100), {"n": 4, "ready": "0111", "requests": (1000, 1000, 2000, 2000)}, 300, 2, 6, 100,
    ),
    ("DuringRollingUpdateWithMaxSurge", (100, 100), {"n": 2, "phase": "RRR"}, 50, 2, 10, 100),
    (
        "ComputedToleranceAlgImplementation, scaled down",
        (150,) * 10, {"requests": (400, 200, 310, 290, 302, 298, 301, 299, 300, 300)}, 56, 9, 50, 150,
    ),
    (
        "ComputedToleranceAlgImplementation, within",
        (150,) * 10, {"requests": (400, 200, 310, 290, 302, 298, 301, 299, 300, 300)}, 55, 10, 50, 150,
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("levels", "given", "target", "expected", "utilization", "raw"),
    [case[1:] for case in RESOURCE],
    ids=[case[0] for case in RESOURCE],
)
def test_utilization(
    levels: Sequence[int | None], given: dict[str, Any], target: int, expected: int, utilization: int, raw: int
) -> None:
    listed = pods(levels, **given)
    found = count(listed, NOW, **UPSTREAM)
    current = given.get("n") or len(listed)
    proposal = by_utilization(found.measured, target, current=current, unready=found.unready, missing=found.missing)
    assert (proposal.replicas, proposal.usage) == (expected, utilization)
    assert found.measured.usage // found.measured.pods // given.get("containers", 2) == raw


@pytest.mark.parametrize(
    ("tolerance", "levels", "expected", "utilization"),
    [
        pytest.param(Tolerance(0, 0), (909, 1010, 1111), 4, 101, id="Outside of a 0% tolerance"),
        pytest.param(Tolerance(2, 0.1), (1890, 1910, 1900), 3, 190, id="Within a 200% scale-up tolerance"),
        pytest.param(Tolerance(0.08, 2), (1100, 1080, 1090), 4, 109, id="Outside 8% scale-up tolerance"),
        pytest.param(Tolerance(0.1, 0.36), (660, 640, 650), 3, 65, id="Within a 36% scale-down tolerance"),
        pytest.param(Tolerance(0.1, 0.34), (660, 640, 650), 2, 65, id="Outside a 34% scale-down tolerance"),
    ],
)
def test_configurable_tolerance(tolerance: Tolerance, levels: list[int], expected: int, utilization: int) -> None:
    measured = count(pods(levels, requests=(900, 1000, 1100)), NOW, **UPSTREAM).measured
    proposal = by_utilization(measured, 100, current=3, tolerance=tolerance)
    assert (proposal.replicas, proposal.usage) == (expected, utilization)


@pytest.mark.parametrize(("percent", "expected"), [(0.1, 100), (0.05, 107)])
def test_tolerance_of_kep_4951(percent: float, expected: int) -> None:
    assert by_utilization(Measured(100, 107, 100), 100, current=100, tolerance=Tolerance(percent)).replicas == expected


@pytest.mark.parametrize(("used", "expected"), [(65, 5), (76, 5), (78, 6), (90, 7), (62, 5)])
def test_five_pods_with_a_target_of_70_per_cent(used: int, expected: int) -> None:
    """docs/facts.md 4.8, derived: 76 and 62 lie within the tolerance or round to what is there."""
    assert by_utilization(Measured(5, 5 * used, 500), 70, current=5).replicas == expected


POD_METRIC: list[tuple[str, Sequence[int], dict[str, Any], int, Tolerance, int, int]] = [
    ("ScaleUpCM", (20000, 10000, 30000), {}, 15000, Tolerance(), 4, 20000),
    (
        "ScaleUpCMUnreadyHotCpuNoLessScale",
        (50000, 10000, 30000), {"ready": "110", "start": "cch"}, 15000, Tolerance(), 6, 30000,
    ),
    (
        "ScaleUpCMUnreadyHotCpuScaleWouldScaleDown",
        (50000, 15000, 30000), {"ready": "010", "start": "hch"}, 15000, Tolerance(), 7, 31666,
    ),
    ("ScaleDownCM", (12000,) * 5, {}, 20000, Tolerance(), 3, 12000),
    ("ToleranceCM", (20000, 21000, 21000), {}, 20000, Tolerance(), 3, 20666),
    ("ConfigurableToleranceCM", (20000, 21000, 21000), {}, 20000, Tolerance(0.01, 0.1), 4, 20666),
    ("MissingMetricsNoChangeEq, plain", (20000, 19000, 21000), {"n": 5}, 20000, Tolerance(), 5, 20000),
    ("DuringRollingUpdateWithMaxSurgeCM", (10000, 10000), {"n": 2, "phase": "RRR"}, 17000, Tolerance(), 2, 10000),
]  # fmt: skip


@pytest.mark.parametrize(
    ("levels", "given", "target", "tolerance", "expected", "usage"),
    [case[1:] for case in POD_METRIC],
    ids=[case[0] for case in POD_METRIC],
)
def test_metrics_of_pods(
    levels: Sequence[int], given: dict[str, Any], target: int, tolerance: Tolerance, expected: int, usage: int
) -> None:
    listed = pods(levels, containers=1, **given)
    found = count(listed, NOW, cpu=False, **UPSTREAM)
    proposal = by_average(
        found.measured, target, current=given.get("n") or len(listed), unready=len(found.unready),
        missing=len(found.missing), tolerance=tolerance,
    )  # fmt: skip
    assert (proposal.replicas, proposal.usage) == (expected, usage)


@pytest.mark.parametrize(
    ("current", "ready", "value", "target", "tolerance", "expected"),
    [
        pytest.param(3, 3, 20000, 15000, Tolerance(), 4, id="ScaleUpCMObject"),
        pytest.param(3, 1, 50000, 10000, Tolerance(), 5, id="ScaleUpCMObjectIgnoresUnreadyPods"),
        pytest.param(3, 1, 8600, 4400, Tolerance(), 2, id="ScaleUpCMExternalIgnoresUnreadyPods"),
        pytest.param(5, 5, 12000, 20000, Tolerance(), 3, id="ScaleDownCMObject"),
        pytest.param(5, 5, 8600, 14334, Tolerance(), 3, id="ScaleDownCMExternal"),
        pytest.param(3, 3, 20666, 20000, Tolerance(), 3, id="ToleranceCMObject"),
        pytest.param(3, 3, 8600, 8888, Tolerance(), 3, id="ToleranceCMExternal"),
        pytest.param(3, 3, 20666, 20000, Tolerance(0.01), 4, id="ConfigurableToleranceCMObject"),
        pytest.param(3, 3, 8900, 8800, Tolerance(0.01), 4, id="ConfigurableToleranceCMExternal"),
        pytest.param(3, 3, INT64, 1, Tolerance(), MOST, id="ScaleUpOverflow"),
        pytest.param(3, 3, 2 * (INT64 // 2 + 1), INT64, Tolerance(), 3, id="ExternalMetricUsageOverflow"),
    ],
)
def test_value(current: int, ready: int, value: int, target: int, tolerance: Tolerance, expected: int) -> None:
    proposal = by_value(value, target, current=current, ready=ready, tolerance=tolerance)
    assert (proposal.replicas, proposal.usage) == (expected, min(value, INT64))


@pytest.mark.parametrize(
    ("current", "value", "target", "tolerance", "expected", "usage"),
    [
        pytest.param(3, 20000, 5000, Tolerance(), 4, 6667, id="ScaleUpCMPerPodObject"),
        pytest.param(3, 8600, 2150, Tolerance(), 4, 2867, id="ScaleUpPerPodCMExternal"),
        pytest.param(5, 6000, 2000, Tolerance(), 3, 1200, id="ScaleDownPerPodCMObject"),
        pytest.param(5, 8600, 2867, Tolerance(), 3, 1720, id="ScaleDownPerPodCMExternal"),
        pytest.param(4, 20166, 5000, Tolerance(), 4, 5042, id="TolerancePerPodCMObject"),
        pytest.param(3, 8600, 2900, Tolerance(), 3, 2867, id="TolerancePerPodCMExternal"),
        pytest.param(4, 20208, 5000, Tolerance(0.01), 5, 5052, id="ConfigurableTolerancePerPodCMObject"),
        pytest.param(3, 8600, 2800, Tolerance(0.01), 4, 2867, id="ConfigurableTolerancePerPodCMExternal"),
        pytest.param(1, INT64, 1, Tolerance(), MOST, INT64, id="ExternalPerPodMetricReplicaOverflow"),
        pytest.param(1, INT64, INT64, Tolerance(), 1, INT64, id="ExternalPerPodMetricUsageOverflow"),
    ],
)
def test_average_value(current: int, value: int, target: int, tolerance: Tolerance, expected: int, usage: int) -> None:
    proposal = by_average_value(value, target, current=current, tolerance=tolerance)
    assert (proposal.replicas, proposal.usage) == (expected, usage)


def test_superfluous_metrics() -> None:
    """Metrics of two pods that are not in the list count for nothing: TestReplicaCalcSuperfluousMetrics."""
    measured = count(pods((4000, 9500, 3000, 7000)), NOW, **UPSTREAM).measured
    proposal = by_utilization(measured, 100, current=4)
    assert (proposal.replicas, proposal.usage) == (24, 587)


@pytest.mark.parametrize(
    ("measured", "says"),
    [
        pytest.param(Measured(1, 200, 0), "no metrics returned matched known pods", id="DisjointResourcesMetrics"),
        pytest.param(Measured(0, 0, 0), "did not receive metrics for targeted pods", id="no pod is ready"),
    ],
)
def test_no_metrics(measured: Measured, says: str) -> None:
    with pytest.raises(NoMetrics, match=says):
        by_utilization(measured, 100, current=1)


def test_a_target_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="A target is more than 0, not 0"):
        by_value(1000, 0, current=1, ready=1)


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (1, 1), (15000, 2)])
def test_from_no_replicas_the_ratio_itself_is_rounded_up(value: int, expected: int) -> None:
    assert by_value(value, 10000, current=0, ready=0).replicas == expected
    assert by_average_value(value, 10000, current=0).replicas == expected


GROUPS: list[tuple[str, Pod, bool, Group]] = [
    ("count in a ready pod - memory", Pod("Succeeded", ready=None, started=None, usage=1), False, Group.READY),
    ("unready a pod without ready condition - CPU", Pod("Succeeded", ready=None, started=NOW, usage=1), True,
     Group.UNREADY),
    ("count in a ready pod with fresh metrics during initialization period - CPU",
     Pod(started=NOW - 60, ready_since=NOW - 30, usage=1, measured_at=NOW, window=30), True, Group.READY),
    ("unready a ready pod without fresh metrics during initialization period - CPU",
     Pod(started=NOW - 60, ready_since=NOW - 30, usage=1, measured_at=NOW, window=60), True, Group.UNREADY),
    ("unready an unready pod during initialization period - CPU",
     Pod(started=NOW - 600, ready=False, ready_since=NOW - 594, usage=1), True, Group.UNREADY),
    ("count in a ready pod without fresh metrics after initialization period - CPU",
     Pod(started=NOW - 180, ready_since=NOW - 180, usage=1, measured_at=NOW - 120), True, Group.READY),
    ("count in an unready pod that was ready after initialization period - CPU",
     Pod(started=NOW - 600, ready=False, ready_since=NOW - 540, usage=1), True, Group.READY),
    ("unready pod that has never been ready after initialization period - CPU",
     Pod(started=NOW - 600, ready=False, ready_since=NOW - 590, usage=1), True, Group.READY),
    ("a missing pod", Pod(started=NOW - 180, ready=None), True, Group.MISSING),
    ("pending pods are unreadied", Pod("Pending", ready=None, started=None), True, Group.UNREADY),
    ("ignore pods with deletion timestamps", Pod("Pending", deleted=True, usage=1), True, Group.IGNORED),
    ("ignore pods in a failed state", Pod("Failed", ready=None, started=None, usage=1), True, Group.IGNORED),
]  # fmt: skip


@pytest.mark.parametrize(("pod", "cpu", "expected"), [case[1:] for case in GROUPS], ids=[case[0] for case in GROUPS])
def test_group_pods(pod: Pod, cpu: bool, expected: Group) -> None:
    assert group(pod, NOW, cpu=cpu, **UPSTREAM) is expected


def test_group_several_pods() -> None:
    """TestGroupPods, "several pods"."""
    found = count(
        [
            Pod("Succeeded", ready=None, started=NOW, usage=1, request=5),
            Pod("Succeeded", started=NOW - 180, ready_since=NOW - 180, usage=1, request=7),
            Pod("Succeeded", started=NOW - 180, ready=None, request=11),
        ],
        NOW,
        **UPSTREAM,
    )
    assert (found.measured.pods, found.unready, found.missing) == (1, (5,), (11,))


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 50), st.integers(1, 300), st.integers(0, 900), st.integers(0, 20), st.integers(0, 20))
def test_pods_that_do_not_count_never_make_the_change_larger_or_turn_it(
    ready: int, target: int, percent: int, unready: int, missing: int
) -> None:
    measured, current = Measured(ready, ready * percent, ready * 100), ready + unready + missing
    plain = by_utilization(measured, target, current=current, unready=[100] * unready)
    held = by_utilization(measured, target, current=current, unready=[100] * unready, missing=[100] * missing)
    assert (held.replicas - current) * (plain.ratio - 1) >= 0 or not missing
    alone = math.ceil(plain.ratio * ready)  # `plain` may have had a part of a per cent rounded down
    hair = 1  # a float a hair above a whole number is rounded up, as upstream does it
    if plain.ratio > 1:
        assert held.replicas <= max(alone + hair, current)
    else:
        assert held.replicas >= min(plain.replicas, current)


@given(st.integers(1, 100), st.integers(1, 200), st.integers(0, 1000), st.integers(0, 1000))
def test_more_usage_never_asks_for_fewer(pods: int, target: int, some: int, more: int) -> None:
    def asked(percent: int) -> int:
        return by_utilization(Measured(pods, pods * percent, pods * 100), target, current=pods).replicas

    assert asked(some) <= asked(some + more)

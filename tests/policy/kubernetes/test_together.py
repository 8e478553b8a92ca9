"""Two autoscalers of one Deployment, hour by hour."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.kubernetes.together import Setup, course


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 20_000), min_size=1, max_size=60), st.integers(20, 150), st.booleans())
def test_pods_stay_within_bounds_and_requests_add_up(loads: list[int], target: int, is_updating: bool) -> None:
    passed = course(loads, Setup(target, 2, 30, 500, is_updating=is_updating), start=5)
    for one in passed:
        assert 2 <= one.pods <= 30
        assert abs(one.request * one.pods - one.requested) < 1e-6
        assert one.utilization == 100 * one.load // one.requested
        assert is_updating or (one.request, one.updated) == (500, 0)


def test_a_new_pod_gets_what_is_recommended_then() -> None:
    """The admission controller writes the target into it; the others keep theirs until they are due."""
    passed = course([2000] * 5 + [2600], Setup(60, 2, 30, 700), start=5)
    before, after = passed[-2], passed[-1]
    assert after.pods > before.pods
    assert after.requested - before.requested == (after.pods - before.pods) * before.recommended


def test_hpa_by_load_does_not_see_requests() -> None:
    loads = [3000] * 100
    small, large = (course(loads, Setup(60, 2, 30, request, each=500), start=6) for request in (100, 3000))
    assert [one.pods for one in small] == [one.pods for one in large] == [6] * 100

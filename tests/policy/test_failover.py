"""How long clients go on to a region that has failed."""

from __future__ import annotations

import botocore.session
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.failover import (
    THRESHOLDS,
    Detection,
    Group,
    accelerated,
    capacity_each,
    detection,
    is_healthy,
    lost_seconds,
    still_there,
)


@pytest.mark.parametrize(
    ("interval", "threshold", "least", "most"), [(30, 3, 60, 90), (10, 3, 20, 30), (10, 1, 0, 10), (30, 10, 270, 300)]
)
def test_detection_takes_the_intervals_that_the_threshold_asks_for(
    interval: int, threshold: int, least: int, most: int
) -> None:
    assert detection(interval, threshold) == Detection(least, most)


@pytest.mark.parametrize(("interval", "threshold"), [(20, 3), (30, 0), (30, 11)])
def test_what_neither_service_takes_is_said(interval: int, threshold: int) -> None:
    with pytest.raises(ValueError, match="of health checks is"):
        detection(interval, threshold)


def test_the_bounds_are_those_of_both_apis() -> None:
    shapes = botocore.session.get_session().get_service_model("route53").shape_for("FailureThreshold").metadata
    assert (shapes["min"], shapes["max"]) == THRESHOLDS
    shapes = botocore.session.get_session().get_service_model("globalaccelerator").shape_for("ThresholdCount").metadata
    assert (shapes["min"], shapes["max"]) == THRESHOLDS


def test_more_than_18_per_cent_of_the_checkers_make_a_healthy_endpoint() -> None:
    """Amazon Route 53 Developer Guide, "How Amazon Route 53 determines whether a health check is healthy"."""
    assert is_healthy(19, 100)
    assert not is_healthy(18, 100)


@settings(max_examples=50)
@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 100))
def test_what_is_lost_is_the_area_under_those_who_are_still_there(known: int, ttl: int, stuck: int) -> None:
    until = 800
    steps = sum(still_there(second + 0.5, known, ttl, stuck / 100) for second in range(until))
    assert lost_seconds(until, known, ttl, stuck / 100) == pytest.approx(steps, abs=1)


def test_without_a_ttl_all_move_at_once() -> None:
    assert [still_there(at, 30, 0, 0.0) for at in (29, 30, 31)] == [1.0, 0.0, 0.0]
    assert still_there(60, 30, 60, 0.0) == 0.5


@pytest.mark.parametrize(
    ("groups", "region", "why"),
    [
        ([Group("a", 128), Group("b", 128)], "a", "closest"),
        ([Group("a", 128, dial=0), Group("b", 128)], "b", "closest"),
        ([Group("a", 0), Group("b", 128, dial=0)], "b", "failed over"),
        ([Group("a", 0), Group("b", 0), Group("c", 0), Group("d", 128)], "d", "failed over"),
        ([Group("a", 0), Group("b", 0), Group("c", 0), Group("d", 0), Group("e", 128)], "a", "failed open"),
    ],
)
def test_where_an_accelerator_sends_a_client(groups: list[Group], region: str, why: str) -> None:
    """AWS Global Accelerator Developer Guide, "How failover works for unhealthy endpoints"."""
    found = accelerated(groups)
    assert found[0] == region
    assert why in found[1]


def test_two_regions_each_bear_all_and_three_a_half() -> None:
    assert [capacity_each(number) for number in (2, 3, 5)] == [1, 0.5, 0.25]
    with pytest.raises(ValueError, match="Of 1 regions 1 cannot be lost"):
        capacity_each(1)

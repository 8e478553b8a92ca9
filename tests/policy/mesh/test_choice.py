"""Which way has what is needed, and what its proxies use."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.mesh import choice


@pytest.mark.parametrize(
    ("needs", "platform", "expected"),
    [
        (["find"], "ECS", "Cloud Map DNS"),
        (["find", "retry"], "ECS", "ECS Service Connect"),
        (["caller", "accounts"], "ECS", "VPC Lattice"),
        (["encrypt", "caller"], "EKS", "Istio ambient, ztunnel only"),
        (["retry", "caller"], "EKS", "Istio ambient with waypoints"),
    ],
)
def test_the_fewest_parts_that_have_all_that_is_needed(needs: list[str], platform: str, expected: str) -> None:
    assert choice.ways(needs, platform)[0].name == expected


def test_retries_and_the_callers_identity_are_had_by_nothing_on_ecs() -> None:
    assert choice.ways(["retry", "caller"], "ECS") == []


def test_what_is_missing_is_told_in_order() -> None:
    [dns] = [way for way in choice.WAYS if way.name == "Cloud Map DNS"]
    assert choice.missing(dns, ["caller", "find", "retry"]) == ["retry", "caller"]


@settings(max_examples=50)
@given(
    st.sets(st.sampled_from(list(choice.NEEDS))), st.sampled_from(list(choice.NEEDS)), st.sampled_from(["ECS", "EKS"])
)
def test_whoever_needs_more_has_no_more_ways_and_no_fewer_parts(needs: set[str], more: str, platform: str) -> None:
    few, many = choice.ways(needs, platform), choice.ways(needs | {more}, platform)
    assert {way.name for way in many} <= {way.name for way in few}
    if many:
        assert many[0].parts >= few[0].parts


def test_needs_and_platforms_that_there_are_not_are_said() -> None:
    with pytest.raises(ValueError, match="speed: no such need; there are find"):
        choice.ways(["speed"], "ECS")
    with pytest.raises(ValueError, match="platform is 'ECS' or 'EKS'"):
        choice.ways([], "Nomad")


def test_what_proxies_use() -> None:
    """Istio's documentation, Performance and Scalability 1.24; the ECS Developer Guide for Service Connect."""
    assert choice.sidecars(20, 3, 1000) == choice.Use(1.4, pytest.approx(1.5 + 3.6))
    assert choice.ambient(20, 6, 1000, waypoints=False) == choice.Use(1.12, pytest.approx(1.572))
    assert choice.ambient(20, 6, 1000, waypoints=True).vcpu == pytest.approx(1.37)
    assert choice.service_connect(20, 3) == choice.Use(15, 3.75)

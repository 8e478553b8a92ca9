"""Clients that still have an old answer; the numbers of Cloud Map are those of docs/facts.md, A28 and A30."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.discovery import (
    HEALTH_DELAY,
    MULTIVALUE,
    WEIGHTED,
    answered,
    failing_seconds,
    failing_share,
    misdirected,
    stale,
)


@pytest.mark.parametrize(("instances", "many", "one"), [(0, 0, 0), (1, 1, 1), (8, 8, 1), (20, 8, 1)])
def test_addresses_of_an_answer(instances: int, many: int, one: int) -> None:
    assert (answered(instances, MULTIVALUE), answered(instances, WEIGHTED)) == (many, one)


def test_another_routing_policy_is_refused() -> None:
    with pytest.raises(ValueError, match="MULTIVALUE or WEIGHTED"):
        answered(1, "LATENCY")


@pytest.mark.parametrize(("seconds", "ttl", "share"), [(0, 60, 1), (15, 60, 0.75), (60, 60, 0), (90, 60, 0), (0, 0, 0)])
def test_old_answers_fade_to_none_at_the_ttl(seconds: float, ttl: float, share: float) -> None:
    assert stale(seconds, ttl) == pytest.approx(share)
    assert misdirected(seconds, ttl, 4) == pytest.approx(share / 4)


def test_a_task_that_serves_for_the_ttl_fails_nobody() -> None:
    assert failing_seconds(60, 60) == failing_share(60, 60) == 0
    assert (failing_seconds(60, 30), failing_share(60, 30)) == (30, 7.5)
    assert failing_share(60, 0) == 30


def test_one_that_was_dead_before_fails_everybody_until_then() -> None:
    assert failing_share(0, -90) == 90
    assert (failing_seconds(60, -90), failing_share(60, -90)) == (150, 120)
    assert HEALTH_DELAY == 30


@settings(max_examples=50)
@given(st.floats(1, 600), st.floats(-300, 300))
def test_the_share_is_what_is_under_the_line(ttl: float, lives_on: float) -> None:
    steps = 4000
    width = (ttl + 300) / steps
    seconds = [-300 + width * (n + 0.5) for n in range(steps)]
    under = sum(width * (1 if at < 0 else stale(at, ttl)) for at in seconds if at >= lives_on)
    assert failing_share(ttl, lives_on) == pytest.approx(under, abs=1.5)

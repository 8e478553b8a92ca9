"""Upstream's cases: kubernetes-sigs/karpenter, pkg/apis/v1/nodepool_budgets_test.go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydock.policy.kubernetes.karpenter.budgets import REASONS, UNBOUNDED, Budget, allowed, cron

NOW = datetime(2000, 6, 15, 12, 30, 30, tzinfo=UTC)
ALWAYS = {"schedule": "* * * * *", "duration": "1h"}


def budgets(**schedules: str) -> list[Budget]:
    """Upstream's six; `b3="@yearly"` gives the fourth another schedule."""
    given = [
        ("10", ()), ("100", ()), ("100%", ()), ("15", ("Drifted", "Underutilized")), ("5", ("Drifted",)),
        ("0", ("Underutilized", "Drifted", "Empty")),
    ]  # fmt: skip
    times = {"b5": "@weekly", **schedules}
    return [
        Budget(nodes, reasons, times.get(f"b{place}", "* * * * *"), "1h")
        for place, (nodes, reasons) in enumerate(given)
    ]


EVERY = dict.fromkeys([f"b{place}" for place in range(6)], "@yearly")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (budgets(b5="* * * * *"), (0, 0, 0)),
        (budgets(**EVERY), (UNBOUNDED,) * 3),
        (budgets(b3="@yearly", b4="@yearly"), (10, 10, 10)),
        (budgets()[:1], (10, 10, 10)),
        ([*budgets(), Budget("4", ("Empty",), **ALWAYS)], (10, 4, 5)),
        (budgets(), (10, 10, 5)),
    ],
    ids=["active for all reasons", "none active", "those with reasons inactive", "no reasons", "minimum", "as given"],
)
def test_allowed_by_reason(given: list[Budget], expected: tuple[int, int, int]) -> None:
    """ "GetAllowedDisruptionsByReason": all cases, of 100 nodes."""
    assert tuple(allowed(given, 100, reason, NOW) for reason in ("Underutilized", "Empty", "Drifted")) == expected


def test_allowed_of_one_budget() -> None:
    """ "AllowedDisruptions"; what upstream fails closed on is refused here when the budget is made."""
    assert Budget("10", **ALWAYS).allowed(100, NOW) == 10
    assert Budget("100%", **ALWAYS).allowed(100, NOW) == 100
    assert Budget("10", schedule="@yearly", duration="1h").allowed(100, NOW) == UNBOUNDED
    with pytest.raises(ValueError, match="schedule '@wrongly' is none of @yearly"):
        Budget("10", schedule="@wrongly", duration="1h")
    with pytest.raises(ValueError, match="nodes '1000a%' is neither a number nor a percentage"):
        Budget("1000a%")


@pytest.mark.parametrize(
    ("schedule", "duration", "now", "active"),
    [
        ("@daily", "30m", datetime(2000, 5, 31, tzinfo=timezone(timedelta(hours=1))), False),
        ("", "", NOW, True),
        ("* * * * *", "1h", NOW, True),
        ("@yearly", "1h", NOW, False),
        ("@yearly", "24h", datetime(1000, 1, 1, 12, tzinfo=UTC), True),
        ("@daily", "48h", datetime(2024, 1, 7, tzinfo=UTC), True),
        ("30 6 * * SUN", "6h", datetime(2024, 1, 7, tzinfo=UTC), False),
        ("30 6 * * SUN", "6h", datetime(2024, 1, 7, 12, 30, tzinfo=UTC), False),
        ("30 6 * * SUN", "6h", datetime(2024, 1, 7, 12, 29, tzinfo=UTC), True),
    ],
)
def test_is_active(schedule: str, duration: str, now: datetime, active: bool) -> None:
    """ "IsActive": all cases; the last two are the end of the window, which upstream's comment describes."""
    assert Budget("10", schedule=schedule, duration=duration).is_active(now) is active


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0 0 * * tue-mon", r"beginning of range \(2\) beyond end of range \(1\)"),
        ("0 0 * *", "has 4 fields"),
        ("61 0 * * *", "minute '61' is no number from 0 to 59"),
        ("0 0 0 * *", "day '0' is no number from 1 to 31"),
    ],
)
def test_a_schedule_that_is_none(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        cron(text)


@pytest.mark.parametrize(("total", "nodes", "expected"), [(10, "30%", 3), (10, "5%", 1), (19, "20%", 4), (0, "10%", 0)])
def test_percentages_are_rounded_up(total: int, nodes: str, expected: int) -> None:
    """disruption/consolidation_test.go, "Budgets"; karpenter.sh, "NodePool Disruption Budgets": 19 nodes at 20 %."""
    assert allowed([Budget(nodes)], total, "Empty", NOW) == expected


def test_what_goes_already_counts_and_a_budget_is_never_below_nothing() -> None:
    """disruption/suite_test.go, "should not return a negative disruption value"."""
    assert allowed([Budget("3")], 10, "Empty", NOW, disrupting=2) == 1
    assert allowed([Budget("3")], 10, "Empty", NOW, disrupting=10) == 0


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"schedule": "@daily"}, "'schedule' must be set with 'duration'"),
        ({"duration": "1h"}, "'schedule' must be set with 'duration'"),
        ({"schedule": "@daily", "duration": "90s"}, "duration '90s' is not of hours and minutes"),
        ({"reasons": ("Expired",)}, "reason 'Expired' is none of Underutilized"),
        ({"nodes": "110%"}, "neither a number nor a percentage"),
    ],
)
def test_a_budget_that_the_api_refuses(given: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Budget(**given)  # type: ignore[arg-type]


@given(st.integers(0, 500), st.integers(0, 100), st.sampled_from(REASONS))
def test_more_nodes_never_allow_fewer(total: int, share: int, reason: str) -> None:
    one = [Budget(f"{share}%")]
    assert allowed(one, total, reason, NOW) <= allowed(one, total + 1, reason, NOW)
    assert (allowed(one, total, reason, NOW) > 0) == (total > 0 and share > 0)

"""What costs more than it has to: which findings there are, what each saves, and in which order they come."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.cost_review import (
    BUSY,
    GIB,
    LEAST_TASKS,
    Balancer,
    Facts,
    Finding,
    LogGroup,
    Repository,
    Service,
    review,
    tasks_needed,
)
from drydock.policy.right_sizing import Size

SMALL, LARGE = Size(256, 512), Size(1024, 4096)
HOURS = 730
WEB = Service("shop", "web", 4, LARGE, requests=1000)


def price(size: Size, architecture: str) -> float:
    return (size.cpu / 1024 * 0.04 + size.memory / 1024 * 0.004) * (0.8 if architecture == "arm64" else 1)


def found(facts: Facts) -> dict[str, Finding]:
    return {one.what: one for one in review(facts, price, HOURS)}


def of(service: Service) -> dict[str, Finding]:
    return found(Facts(14, services=[service]))


def test_a_service_on_demand_could_run_on_spot_but_for_one_task_and_on_arm() -> None:
    told = of(WEB)
    assert list(told) == ["web (shop) could run on Fargate Spot, but for one task", "web (shop) could run on ARM64"]
    spot, arm = told.values()
    assert spot.usd == pytest.approx(3 * 0.056 * 0.7 * HOURS) and spot.money.startswith("up to ")
    assert arm.usd == pytest.approx(4 * 0.056 * 0.2 * HOURS) and arm.money == f"{arm.usd:.2f}"
    assert "`drydock runbook plan replace-capacity -p cluster=shop -p service=web`" in spot.mend


@pytest.mark.parametrize(
    "service",
    [replace(WEB, on_spot=True, architecture="arm64"), replace(WEB, desired=0), replace(WEB, linux=False)],
)
def test_nothing_is_found_of_what_costs_no_more_than_it_has_to(service: Service) -> None:
    assert not of(service)


def test_one_task_is_no_candidate_for_spot() -> None:
    assert list(of(replace(WEB, desired=1))) == ["web (shop) could run on ARM64"]


def test_a_service_without_requests_is_idle_and_comes_first() -> None:
    first = next(iter(of(replace(WEB, requests=0)).values()))
    assert first.what == "web (shop) is idle"
    assert first.usd == pytest.approx(4 * 0.056 * HOURS)
    assert "desired_count=0" in first.mend and "14 days" in first.evidence


@pytest.mark.parametrize("requests", [None, 1])
def test_a_service_is_not_idle_where_requests_are_counted_or_none_can_be(requests: int | None) -> None:
    assert "web (shop) is idle" not in of(replace(WEB, requests=requests))


@pytest.mark.parametrize(
    ("desired", "cpu", "needed"),
    [(10, 358.4, 5), (10, 716.8, 10), (10, 716.9, 11), (10, 1.0, 2), (3, 0.0, 2), (1, 0.0, 2)],
)
def test_tasks_are_used_up_to_seventy_percent_and_two_stay(desired: int, cpu: float, needed: int) -> None:
    assert tasks_needed(desired, cpu, LARGE) == needed


def test_more_tasks_than_the_load_needs_are_told_but_not_of_a_service_that_is_scaled() -> None:
    told = of(replace(WEB, cpu=100.0))["web (shop) wants more tasks than its load needs"]
    assert told.usd == pytest.approx(2 * 0.056 * HOURS)
    assert "-p desired_count=2" in told.mend
    assert "web (shop) wants more tasks than its load needs" not in of(replace(WEB, cpu=100.0, scaled=True))
    assert "web (shop) wants more tasks than its load needs" not in of(replace(WEB, cpu=700.0))


def test_a_size_that_is_too_large_saves_and_one_that_is_too_small_costs() -> None:
    told = of(replace(WEB, wanted=SMALL))["The tasks of web (shop) are larger than they need"]
    assert told.usd == pytest.approx(4 * (0.056 - 0.012) * HOURS)
    short = of(replace(WEB, size=SMALL, wanted=LARGE))
    last = list(short.values())[-1]
    assert last.what == "The tasks of web (shop) are smaller than they need"
    assert last.usd == pytest.approx(4 * (0.012 - 0.056) * HOURS)
    assert not any("than they need" in what for what in of(replace(WEB, wanted=LARGE)))


def test_what_has_no_price_is_told_without_a_sum_and_comes_last() -> None:
    facts = Facts(
        14,
        services=[WEB],
        groups=[LogGroup("/a", GIB, None), LogGroup("/b", 9 * GIB, None), LogGroup("/c", GIB, 30)],
        repositories=[Repository("web", 3, 2 * GIB), Repository("clean", 0, 0)],
    )
    told = review(facts, lambda size, architecture: None, HOURS)
    assert {one.money for one in told} == {"not priced"}
    stored = {one.what: one.money for one in review(replace(facts, log_hour=0.001, image_hour=0.01), price, HOURS)}
    assert stored["The log group /b keeps its lines for ever"] == f"up to {9 * 0.001 * HOURS:.2f}"
    assert stored["The repository web keeps images that are not used"] == f"up to {2 * 0.01 * HOURS:.2f}"
    priced = [one.what for one in review(facts, price, HOURS)]
    assert priced[2:] == [
        "The log group /b keeps its lines for ever",
        "The log group /a keeps its lines for ever",
        "The repository web keeps images that are not used",
    ]


@pytest.mark.parametrize(
    ("balancer", "why"),
    [
        (Balancer("old", 0.04, 0, 12), "no target is registered"),
        (Balancer("old", 0.04, 2, 0), "no request in 14 days"),
        (Balancer("old", 0.04, 2, 12), ""),
        (Balancer("old", 0.04, 2, None), ""),
    ],
)
def test_a_load_balancer_without_targets_or_requests_is_not_used(balancer: Balancer, why: str) -> None:
    told = found(Facts(14, balancers=[balancer]))
    assert list(told) == (["The load balancer old is not used"] if why else [])
    assert all(why in one.evidence and one.usd == pytest.approx(0.04 * HOURS) for one in told.values())


def test_what_has_no_tags_is_told_with_what_it_costs_and_saves_nothing() -> None:
    told = found(Facts(14, services=[replace(WEB, tagged=False)], balancers=[Balancer("lb", 0.04, 1, 1, tagged=False)]))
    assert told["web (shop) has no tags"].usd == told["The load balancer lb has no tags"].usd == 0
    assert "$0.2240 an hour" in told["web (shop) has no tags"].evidence


def test_an_address_that_is_not_used_costs_its_hours() -> None:
    told = found(Facts(14, idle_addresses=["203.0.113.7"], address_hour=0.005))
    assert told["203.0.113.7 is allocated and not used"].usd == pytest.approx(3.65)


SIZES = st.sampled_from([SMALL, Size(512, 1024), LARGE])
SERVICES = st.builds(
    Service, st.just("shop"), st.sampled_from(["web", "cart"]), st.integers(0, 9), SIZES,
    architecture=st.sampled_from(["x86_64", "arm64"]), on_spot=st.booleans(), scaled=st.booleans(),
    tagged=st.booleans(), linux=st.booleans(), requests=st.sampled_from([None, 0, 9]),
    cpu=st.none() | st.floats(0, 1024), wanted=st.none() | SIZES,
)  # fmt: skip


@settings(max_examples=50)
@given(st.lists(SERVICES, max_size=3), st.lists(st.floats(0, 1) | st.none(), max_size=2), st.integers(1, 1000))
def test_the_dearest_is_first_nothing_saves_more_than_it_costs_and_a_longer_month_saves_more(
    services: list[Service], hours: list[float | None], month: int
) -> None:
    balancers = [Balancer(f"lb{number}", hour, 0, None) for number, hour in enumerate(hours)]
    facts = Facts(14, services=services, balancers=balancers)
    told = review(facts, price, month)
    sums = [one.usd for one in told]
    priced = [usd for usd in sums if usd is not None]
    assert sums == sorted(priced, reverse=True) + [None] * (len(sums) - len(priced))
    paid = [each.desired * price(each.size, each.architecture) for each in services] + [each or 0 for each in hours]
    assert max([0, *priced]) <= month * max([0, *paid]) * (1 + 1e-9)
    twice = review(facts, price, 2 * month)
    assert [one.what for one in twice] == [one.what for one in told]
    assert [one.usd for one in twice if one.usd is not None] == pytest.approx([2 * usd for usd in priced])


@settings(max_examples=50)
@given(st.integers(1, 200), st.floats(0, 1024), SIZES, st.floats(0, 100))
def test_tasks_hold_the_load_one_less_would_not_and_more_load_needs_no_fewer(
    desired: int, cpu: float, size: Size, more: float
) -> None:
    tasks = tasks_needed(desired, cpu, size)
    each = size.cpu * BUSY / 100
    assert tasks * each >= desired * cpu - 1e-6
    assert tasks == LEAST_TASKS or (tasks - 1) * each < desired * cpu
    assert tasks_needed(desired, cpu + more, size) >= tasks

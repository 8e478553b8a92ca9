"""What is tried again, after how long, and what that makes of the load."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.mesh import retries
from drydock.policy.mesh.retries import APP_MESH_EVENTS, CONNECT_FAILURE, ENVOY_EVENTS, REFUSED, RESET

STATE = "envoyproxy/envoy test/common/router/retry_state_impl_test.cc, RouterRetryStateImplTest."


@pytest.mark.parametrize(
    ("case", "on", "came", "expected"),
    [
        ("Policy5xxRemote503", "5xx", 503, True),
        ("Policy5xxRemote200RemoteReset", "5xx", 200, False),
        ("Policy5xxRemoteReset", "5xx", RESET, True),
        ("PolicyGatewayErrorRemote502", "gateway-error", 502, True),
        ("PolicyGatewayErrorRemote503", "gateway-error", 503, True),
        ("PolicyGatewayErrorRemote504", "gateway-error", 504, True),
        ("PolicyGatewayErrorRemoteReset", "gateway-error", RESET, True),
        ("PolicyConnectFailureOtherReset", "connect-failure", RESET, False),
        ("PolicyConnectFailureResetConnectFailure", "connect-failure", CONNECT_FAILURE, True),
        ("PolicyRetriable4xxRetry", "retriable-4xx", 409, True),
        ("PolicyRetriable4xxNoRetry", "retriable-4xx", 400, False),
        ("PolicyRetriable4xxReset", "retriable-4xx", RESET, False),
    ],
)
def test_what_envoy_retries(case: str, on: str, came: int | str, expected: bool) -> None:
    assert retries.retried(ENVOY_EVENTS, [on], came) is expected, STATE + case


@pytest.mark.parametrize(
    ("on", "came", "expected"),
    [
        ("server-error", 508, True),
        ("server-error", 509, False),
        ("server-error", 511, True),
        ("gateway-error", 500, False),
        ("client-error", 409, True),
        ("client-error", 429, False),
        ("stream-error", REFUSED, True),
        ("connection-error", CONNECT_FAILURE, True),
    ],
)
def test_what_app_mesh_retried(on: str, came: int | str, expected: bool) -> None:
    """botocore 1.44.5, App Mesh, HttpRetryPolicy."""
    assert retries.retried(APP_MESH_EVENTS, [on], came) is expected


def test_an_event_that_there_is_not_is_said() -> None:
    with pytest.raises(ValueError, match=r"server-error: no such event; there are 5xx, gateway-error"):
        retries.retried(ENVOY_EVENTS, ["5xx", "server-error"], 500)


@pytest.mark.parametrize(
    ("base", "longest", "numbers", "expected"),
    [
        # retry_state_impl_test.cc: Backoff, CustomBackOffInterval, CustomBackOffIntervalDefaultMax
        (25, None, [190, 190, 190], [15, 40, 90]),
        (100, 1200, [149, 350, 751, 2399, 2399], [49, 150, 351, 799, 1199]),
        (100, None, [149, 350, 751, 2999, 2999], [49, 150, 351, 599, 999]),
        # test/common/common/backoff_strategy_test.cc: JitteredBackOffBasicFlow, JitteredBackOffWithMaxInterval
        (25, 30, [27, 27], [2, 27]),
        (5, 100, [9999] * 7, [4, 9, 19, 39, 79, 99, 99]),
    ],
)
def test_envoys_own_back_offs(base: int, longest: int | None, numbers: list[int], expected: list[int]) -> None:
    found = [
        retries.backoff(number, retry, base=base, longest=longest) for retry, number in enumerate(numbers, start=1)
    ]
    assert found == expected


@pytest.mark.parametrize(
    ("active", "percent", "expected"),
    [(0, 20.0, 3), (20, 20.0, 4), (20, 100.0, 20)],
)
def test_envoys_own_budgets(active: int, percent: float, expected: int) -> None:
    """retry_state_impl_test.cc, BudgetVerifyMinimumConcurrency: so many are under way when the next is refused."""
    assert retries.budget(active, percent=percent, least=3) == expected


def test_the_budget_of_nothing_allows_nothing() -> None:
    """retry_state_impl_test.cc, BudgetNoAvailableRetries."""
    assert retries.budget(0, percent=0, least=0) == 0


def test_the_route_has_one_timeout_for_all_attempts() -> None:
    """Envoy's documentation of the router filter: of 3 s, an attempt of 2.7 s leaves 0.3 s."""
    first, second = retries.slowest(1, 2700, route_timeout=3000)
    assert (first.starts, first.ends, first.cut) == (0, 2700, False)
    assert (second.starts, second.ends, second.cut) == (2725, 3000, True)


def test_the_guides_policy_ends_well_inside_of_fifteen_seconds() -> None:
    found = retries.slowest(3, 2000)
    assert [one.starts for one in found] == [0, 2025, 4075, 6175]
    assert found[-1].ends == 8175


def test_an_attempt_that_takes_all_the_time_is_the_last() -> None:
    assert len(retries.slowest(3, 20_000)) == 1
    assert retries.slowest(3, 20_000)[0].cut
    assert [one.cut for one in retries.slowest(3, 15_000)] == [True]
    assert retries.slowest(2, 0, route_timeout=500)[0].ends == 500
    with pytest.raises(ValueError, match="never ends"):
        retries.slowest(1, 0, route_timeout=0)


def test_a_dead_service_gets_the_product_of_all_hops() -> None:
    assert retries.load(1.0, 3, 3) == 64
    assert retries.load(1.0, 2, 4) == 81
    assert retries.load(0.0, 3, 3) == 1
    assert retries.lost(0.5, 1, 2) == 0.0625


@settings(max_examples=50)
@given(st.floats(0, 1), st.integers(0, 4), st.integers(1, 4))
def test_the_load_is_between_one_and_all_attempts_and_grows_with_the_failures(
    failing: float, max_retries: int, hops: int
) -> None:
    found = retries.load(failing, max_retries, hops)
    assert 1 <= found <= (max_retries + 1) ** hops * (1 + 1e-12)
    assert found <= retries.load(min(1.0, failing + 0.1), max_retries, hops) * (1 + 1e-12)


def test_the_load_of_two_hops_is_what_trying_them_gives() -> None:
    """20,000 requests through two hops that each try twice; the last fails two of five."""
    chance = random.Random(1)
    asked = 0

    def last() -> bool:
        nonlocal asked
        asked += 1
        return chance.random() >= 0.4

    def middle() -> bool:
        return last() or last()

    lost = sum(not (middle() or middle()) for _ in range(20_000))
    assert asked / 20_000 == pytest.approx(retries.load(0.4, 1, 2), rel=0.03)
    assert lost / 20_000 == pytest.approx(retries.lost(0.4, 1, 2), rel=0.15)

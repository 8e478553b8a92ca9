"""Who is ejected, for how long, and how the limit on it is read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.mesh import outliers
from drydock.policy.mesh.outliers import Detector, Host, Limit

TEST = "envoyproxy/envoy test/common/upstream/outlier_detection_impl_test.cc, OutlierDetectorImplTest."


def out(hosts: dict[str, Host]) -> list[str]:
    return [name for name, host in hosts.items() if host.out is not None]


def fail(detector: Detector, hosts: dict[str, Host], name: str, times: int, status: int = 500) -> dict[str, Host]:
    for _ in range(times):
        hosts = detector.answered(hosts, name, status, 0)
    return hosts


def three() -> dict[str, Host]:
    return {name: Host() for name in "abc"}


@pytest.mark.parametrize(
    ("case", "hosts", "percent", "limit", "expected"),
    [
        ("MaxEjectionPercentage", 3, 50, Limit.STRICT, 1),
        ("MaxEjectionPercentageSingleHost", 1, 90, Limit.STRICT, 0),
        ("Overflow", 2, 60, Limit.STRICT, 1),
    ],
)
def test_envoys_own_limits(case: str, hosts: int, percent: int, limit: Limit, expected: int) -> None:
    assert outliers.most_out(hosts, percent, limit) == expected, TEST + case


@pytest.mark.parametrize(
    ("hosts", "percent", "expected"),
    [
        (3, 50, [2, 1, 1]),
        (5, 50, [3, 2, 2]),
        (4, 50, [2, 2, 2]),
        (1, 50, [1, 1, 0]),
        (3, 10, [1, 1, 0]),
        (10, 10, [1, 1, 1]),
        (4, 100, [4, 4, 4]),
        (4, 0, [0, 1, 0]),
    ],
)
def test_the_limit_in_its_three_readings(hosts: int, percent: int, expected: list[int]) -> None:
    assert [outliers.most_out(hosts, percent, limit) for limit in Limit] == expected


@settings(max_examples=50)
@given(st.integers(1, 40), st.integers(0, 100))
def test_only_todays_reading_keeps_to_the_limit_and_no_other_is_over_it_by_more_than_a_host(
    hosts: int, percent: int
) -> None:
    before, free, strict = (outliers.most_out(hosts, percent, limit) for limit in Limit)
    assert 100 * strict <= percent * hosts
    assert strict <= free <= max(strict, 1)
    assert strict <= before <= strict + 1


@pytest.mark.parametrize(
    ("healthy", "hosts", "threshold", "expected"),
    [(1, 2, 50, False), (1, 3, 50, True), (0, 4, 50, True), (0, 4, 0, False), (3, 5, 50, False), (0, 0, 50, False)],
)
def test_panic_begins_below_the_threshold(healthy: int, hosts: int, threshold: float, expected: bool) -> None:
    """Envoy's documentation, Panic threshold: below 50 % by default; 0 turns it off."""
    assert outliers.panics(healthy, hosts, threshold) is expected


def test_only_a_row_of_errors_ejects() -> None:
    detector = Detector(max_ejection_percent=100)
    hosts = fail(detector, three(), "a", 4)
    hosts = detector.answered(hosts, "a", 200, 0)
    hosts = fail(detector, hosts, "a", 4)
    assert out(hosts) == []
    assert out(fail(detector, hosts, "a", 1)) == ["a"]


def test_errors_of_others_are_not_the_hosts_own() -> None:
    detector = Detector(max_ejection_percent=100)
    hosts = three()
    for name in "abcab":
        hosts = detector.answered(hosts, name, 500, 0)
    assert out(hosts) == []


def test_two_time_outs_and_a_500_are_three_errors_in_a_row() -> None:
    """docs/facts.md 4.12, of Envoy's documentation: a time-out is a 504 to the detector."""
    detector = Detector(consecutive_5xx=3, max_ejection_percent=100)
    hosts = fail(detector, three(), "a", 2, 504)
    assert out(hosts) == []
    assert out(fail(detector, hosts, "a", 1, 500)) == ["a"]


def test_gateway_errors_in_a_row_are_ended_by_another_error() -> None:
    """OutlierDetectorImplTest.BasicFlowGatewayFailure: a 500 between them is a 5xx and no gateway error."""
    detector = Detector(consecutive_gateway_failure=3, max_ejection_percent=100)
    hosts = fail(detector, three(), "a", 2, 503)
    hosts = fail(detector, hosts, "a", 1, 500)
    hosts = fail(detector, hosts, "a", 1, 504)
    assert (hosts["a"].row, hosts["a"].gateway) == (4, 1)
    hosts = fail(detector, fail(detector, three(), "a", 2, 503), "a", 1, 502)
    assert out(hosts) == ["a"]


def test_what_the_limit_spares_may_be_ejected_by_its_next_row() -> None:
    """OutlierDetectorImplTest.MaxEjectionPercentage: the second and third host fail five times and stay."""
    detector = Detector(max_ejection_percent=50)
    hosts = three()
    for name in "abc":
        hosts = fail(detector, hosts, name, 5)
    assert out(hosts) == ["a"]
    assert hosts["b"].row == 0
    hosts = detector.swept(hosts, 30)
    assert out(hosts) == []
    assert out(fail(detector, hosts, "b", 5)) == ["b"]


def test_who_is_back_begins_a_new_row_whatever_it_answered_while_it_was_out() -> None:
    detector = Detector(max_ejection_percent=100)
    hosts = fail(detector, three(), "a", 5)
    hosts = fail(detector, hosts, "a", 3)
    hosts = detector.swept(hosts, 30)
    hosts = fail(detector, hosts, "a", 4)
    assert out(hosts) == []
    assert out(fail(detector, hosts, "a", 1)) == ["a"]


def test_the_time_out_grows_and_falls_again() -> None:
    """OutlierDetectorImplTest.EjectTimeBackoff: 10, 20, 30 s, after two healthy intervals 20 s, after many 10 s."""
    detector = Detector(base_ejection_time=10, interval=10, max_ejection_percent=100)
    hosts = {"a": Host()}

    def ejected(at: float, back: float) -> None:
        nonlocal hosts
        for _ in range(5):
            hosts = detector.answered(hosts, "a", 500, at)
        assert out(hosts) == ["a"]
        for moment in range(int(at) + 10, int(back), 10):
            hosts = detector.swept(hosts, moment)
            assert out(hosts) == ["a"], moment
        hosts = detector.swept(hosts, back)
        assert out(hosts) == []

    ejected(0, 10)
    ejected(10, 30)
    ejected(30, 60)
    for moment in (70, 80):
        hosts = detector.swept(hosts, moment)
    ejected(80, 100)
    for moment in range(110, 610, 10):
        hosts = detector.swept(hosts, moment)
    ejected(610, 620)


def test_the_time_out_does_not_grow_beyond_its_longest() -> None:
    detector = Detector(max_ejection_percent=100)
    hosts, moment, lasted = {"a": Host()}, 0.0, []
    for _ in range(14):
        hosts = detector.swept(hosts, moment)
        for _ in range(5):
            hosts = detector.answered(hosts, "a", 500, moment)
        lasted.append(detector.ejection_time(hosts["a"]))
        moment += lasted[-1]
    assert lasted[:10] == [30.0 * turn for turn in range(1, 11)]
    assert set(lasted[10:]) == {300}


def test_the_success_rate_of_envoys_own_example() -> None:
    """OutlierDetectorImplTest.BasicFlowSuccessRateExternalOrigin: mean 90, threshold 52, the host at 50 is out."""
    assert outliers.success_rate_threshold([100, 100, 100, 100, 50]) == (90.0, pytest.approx(52.0))
    seen = {str(port): (200, 200) for port in range(80, 84)} | {"84": (200, 400)}
    assert outliers.success_rate_outliers(seen) == ("84",)
    few = {str(port): (25, 25) for port in range(80, 84)} | {"84": (25, 50)}
    assert outliers.success_rate_outliers(few) == ()
    assert outliers.success_rate_outliers(dict(list(seen.items())[1:])) == ()
    assert outliers.success_rate_outliers({}, minimum_hosts=0) == ()


def test_the_failure_percentage_of_envoys_own_example() -> None:
    """OutlierDetectorImplTest.BasicFlowFailurePercentageExternalOrigin: 250 of 300 is below 85 %, 300 of 350 is not."""
    seen = {"80": (50, 50), "81": (50, 50), "82": (50, 50), "83": (50, 300), "84": (50, 350)}
    assert outliers.failure_percentage_outliers(seen) == ("84",)

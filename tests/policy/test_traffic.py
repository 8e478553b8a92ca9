"""Weights as AWS takes them, and what a sample of requests can say."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from drydock.policy.requests.errors import Invalid
from drydock.policy.traffic import band, chance_to_see, check_weights, handover, requests_to_see, shares


@pytest.mark.parametrize("weights", [[95, 5], [0], [0, 999], [0, 0], [1, 2, 3, 4, 5]])
def test_weights_that_aws_takes(weights: list[int]) -> None:
    check_weights(weights)


@pytest.mark.parametrize(
    ("weights", "code", "words"),
    [
        ([1000, 1], "ValidationError", "'1000'"),
        ([50, -1], "ValidationError", "'-1'"),
        ([1] * 6, "InvalidLoadBalancerAction", "at most 5"),
    ],
)
def test_weights_that_it_refuses(weights: list[int], code: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as refused:
        check_weights(weights)
    assert refused.value.code == code


def test_shares_are_of_the_sum_not_of_a_hundred() -> None:
    assert shares({"stable": 19, "canary": 1}) == {"stable": 0.95, "canary": 0.05}
    assert shares({"stable": 0, "canary": 0}) == {"stable": 0.0, "canary": 0.0}


def test_the_band_of_five_percent_in_two_thousand() -> None:
    found = band(2000, 0.05)
    assert found.expected == 100
    assert found.sigma == pytest.approx(9.7468, abs=1e-4)  # √95
    assert (found.low, found.high) == (71, 129)  # 70.76 to 129.24
    assert found.holds(71) and found.holds(129)
    assert not found.holds(70) and not found.holds(130)


def test_a_quarter_of_the_requests_is_twice_as_wide_relatively() -> None:
    assert band(500, 0.05).sigma / 500 == pytest.approx(2 * band(2000, 0.05).sigma / 2000)


@pytest.mark.parametrize(("share", "count"), [(0.0, 0), (1.0, 2000)])
def test_none_and_all_leave_no_room(share: float, count: int) -> None:
    assert (band(2000, share).low, band(2000, share).high) == (count, count)


def test_a_band_stays_among_what_can_be_counted() -> None:
    assert (band(20, 0.05).low, band(20, 0.05).high) == (0, 3)
    assert band(20, 0.95).high == 20


def test_drawn_counts_are_as_often_outside_as_is_said() -> None:
    draw = random.Random(7)
    limits = band(400, 0.25)
    outside = sum(not limits.holds(sum(draw.random() < 0.25 for _ in range(400))) for _ in range(2000))
    assert 0 < outside < 20  # one in 370 is 5.4 of 2,000


@pytest.mark.parametrize(("rate", "confidence", "requests"), [(0.02, 0.95, 149), (0.05, 0.95, 59), (0.5, 0.75, 2)])
def test_requests_to_see_is_the_least_number(rate: float, confidence: float, requests: int) -> None:
    assert requests_to_see(rate, confidence=confidence) == requests
    assert chance_to_see(rate, requests) >= confidence > chance_to_see(rate, requests - 1)


@pytest.mark.parametrize("rate", [1.0, 0.999])
def test_what_always_happens_takes_one(rate: float) -> None:
    assert requests_to_see(rate) == 1


def test_numbers_that_cannot_be() -> None:
    for wrong in (
        lambda: band(-1, 0.5),
        lambda: band(10, 1.5),
        lambda: chance_to_see(-0.1, 3),
        lambda: chance_to_see(0.1, -3),
    ):
        with pytest.raises(ValueError, match="must be"):
            wrong()
    with pytest.raises(ValueError, match="never shows"):
        requests_to_see(0)
    with pytest.raises(ValueError, match="confidence=1"):
        requests_to_see(0.5, confidence=1)


def slices(text: str) -> list[Counter[str]]:
    return [Counter(each) for each in text.split()]


def test_who_took_over_and_what_part_it_had_until_then() -> None:
    met = handover(slices("aaaa aaab aaab aaaa aabb bbbb bbbb"))
    assert met is not None
    assert (met.before, met.after, met.requests, met.others) == ("a", "b", 8, 1)
    assert met.within(0.1) and not met.within(0)


def test_what_failed_meanwhile_counts_for_the_new_version() -> None:
    met = handover([Counter(a=9), Counter(a=9, b=1), Counter({"a": 8, "500": 2}), Counter(a=1, b=9), Counter(b=9)])
    assert met is not None
    assert (met.requests, met.others) == (10, 2)


def test_more_than_its_share_is_told_from_chance() -> None:
    meanwhile = [Counter(a=90, b=10)] * 10
    begun, ended = [Counter(a=100), Counter(a=99, b=1)], [Counter(a=1, b=99), Counter(b=100)]
    met = handover([*begun, *meanwhile, *ended])
    assert met is not None and met.within(0.1) and not met.within(0.05)


@pytest.mark.parametrize("text", ["", "aaaa", "aaaa aaab aaaa", "bbbb aaaa bbbb"])
def test_where_nobody_took_over(text: str) -> None:
    assert handover(slices(text)) is None

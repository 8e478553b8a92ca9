"""How a load balancer shares requests out by weight, and how much a sample of them can say.

Sources: weights, Elastic Load Balancing API Reference, *TargetGroupTuple*; five target groups, quotas of Application
Load Balancers. Here each request is drawn by itself, as Envoy does it; AWS documents the proportion, not how it is
kept. Mean and deviation of a binomial count: NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.6.18.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from drydock.policy.requests.errors import Invalid

Name = TypeVar("Name")

MAX_WEIGHT = 999
MAX_TARGET_GROUPS = 5


def check_weights(weights: Sequence[int]) -> None:
    """The weights of one forward action, one for each target group. Raises Invalid: ``ValidationError`` for a weight.

    That six groups are refused is documented, the code and text of the refusal are not.
    """
    for weight in weights:
        if not 0 <= weight <= MAX_WEIGHT:
            raise Invalid("ValidationError", f"The weight '{weight}' must be between 0 and {MAX_WEIGHT} inclusive")
    if len(weights) > MAX_TARGET_GROUPS:
        raise Invalid(
            "InvalidLoadBalancerAction",
            f"A forward action can have at most {MAX_TARGET_GROUPS} target groups, not {len(weights)}",
        )


def shares(weights: Mapping[Name, int]) -> dict[Name, float]:
    """Which part of the requests, 0 to 1, each gets of those that are forwarded. All 0 where no weight is set.

    >>> shares({"stable": 95, "canary": 5})
    {'stable': 0.95, 'canary': 0.05}
    """
    whole = sum(weights.values())
    return {name: weight / whole if whole else 0.0 for name, weight in weights.items()}


@dataclass(frozen=True)
class Band:
    """Where a count of requests is expected. `low` and `high` are the fewest and the most that are inside."""

    expected: float
    sigma: float
    low: int
    high: int

    def holds(self, counted: int) -> bool:
        return self.low <= counted <= self.high


def band(requests: int, share: float, *, sigmas: float = 3.0) -> Band:
    """How many of `requests` one with this `share` (0 to 1) gets, if each is drawn by itself: n·p ± k·√(n·p·(1−p)).

    At three sigmas about one honest count in 370 is outside, where n·p and n·(1−p) are 10 or more; below that the
    count is lopsided and the band is a rough one. It ends at 0 and at `requests`. ValueError for an impossible
    number.
    """
    _check_requests(requests)
    _check_probability("share", share)
    expected = requests * share
    sigma = math.sqrt(requests * share * (1 - share))
    low, high = math.ceil(expected - sigmas * sigma), math.floor(expected + sigmas * sigma)
    return Band(expected, sigma, max(0, low), min(requests, high))


def sure_band(requests: int, share: float, *, risk: float = 1e-6) -> Band:
    """Where the count of one with this `share` (0 to 1) is, but for this `risk`: exact, however lopsided it is.

    Each side outside has a probability of `risk`/2 or less. *Derived* from the binomial distribution, its terms summed
    one by one. ValueError for an impossible number.
    """
    rough = band(requests, share)
    if not 0 < risk < 1:
        raise ValueError(f"risk={risk} must be between 0 and 1, without both.")
    if share in (0, 1):
        return rough
    low = _quantile(requests, share, risk / 2)
    high = requests - _quantile(requests, 1 - share, risk / 2)
    return Band(rough.expected, rough.sigma, low, high)


def _quantile(requests: int, share: float, risk: float) -> int:
    """The least count such that fewer have a probability of `risk` or less."""
    found = band(requests, share)
    count = max(0, math.floor(found.expected - 12 * found.sigma) - 30)  # what is below that has none that counts
    term = math.exp(
        math.lgamma(requests + 1) - math.lgamma(count + 1) - math.lgamma(requests - count + 1)
        + count * math.log(share) + (requests - count) * math.log1p(-share)
    )  # fmt: skip
    below = 0.0
    while count < requests and below + term <= risk:
        below += term
        term *= (requests - count) / (count + 1) * share / (1 - share)
        count += 1
    return count


@dataclass(frozen=True)
class Handover:
    """Who answered before and after, and how many requests of the time in which both did each of them got.

    `others`: requests of that time that `before` did not answer, those that failed among them.
    """

    before: str
    after: str
    requests: int
    others: int

    def within(self, share: float, *, sigmas: float = 5.0) -> bool:
        """Whether no more than this share went past `before`. At five sigmas one honest count in a million does."""
        return self.others <= band(self.requests, share, sigmas=sigmas).high


def handover(slices: Sequence[Mapping[str, int]]) -> Handover | None:
    """What slices of time, with who answered in each, say of a version that took over from another; None if none did.

    The slice in which the new version is first seen, and the last one of the old, are left out: they were chosen for
    what is in them.
    """
    seen = [one for one in slices if sum(one.values())]
    if not seen:
        return None
    before, after = (max(one, key=lambda name: one[name]) for one in (seen[0], seen[-1]))
    if before == after:
        return None
    first = next(number for number, one in enumerate(seen) if one.get(after))
    last = max(number for number, one in enumerate(seen) if one.get(before))
    between = seen[first + 1 : last]
    requests = sum(sum(one.values()) for one in between)
    return Handover(before, after, requests, requests - sum(one.get(before, 0) for one in between))


def chance_to_see(rate: float, requests: int) -> float:
    """How probable it is, 0 to 1, that what happens to one request in 1/`rate` shows at least once in `requests`.

    Each request is taken to be drawn by itself. ValueError for an impossible number.
    """
    _check_probability("rate", rate)
    _check_requests(requests)
    return 1 - float((1 - rate) ** requests)


def requests_to_see(rate: float, *, confidence: float = 0.95) -> int:
    """How many requests it takes until what happens at this `rate` has shown at least once, with this probability.

    ValueError for a rate of 0, which never shows, and for a confidence of 1, which no number of requests gives.

    >>> requests_to_see(0.02), requests_to_see(0.001)
    (149, 2995)
    """
    _check_probability("rate", rate)
    if rate == 0:
        raise ValueError("rate=0 never shows, however many requests there are.")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence} must be between 0 and 1, without both.")
    if rate == 1:
        return 1
    guess = max(1, math.floor(math.log1p(-confidence) / math.log1p(-rate)))
    return guess if chance_to_see(rate, guess) >= confidence else guess + 1


def _check_requests(requests: int) -> None:
    if requests < 0:
        raise ValueError(f"requests={requests} must be 0 or more.")


def _check_probability(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name}={value} must be between 0 and 1.")

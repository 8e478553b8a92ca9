"""How requests are answered: with errors, with errors once there are many of them, or slowly."""

from __future__ import annotations

from collections.abc import Sequence

from drydock.policy.diagnosis import mends
from drydock.policy.diagnosis.facts import Facts, TargetGroup
from drydock.policy.diagnosis.findings import Cause, Finding

ERROR_RATE = 0.01
"""Share of requests answered 5xx from which on it is a finding."""
ERRORS = 5
"""Answers 5xx below which their share says nothing."""
SECONDS = 1.0
"""For how long a request may be answered on average without a finding."""
MORE = 5
"""So many times as often busy minutes fail where it is their load; a few quiet ones may have a burst."""
REQUESTS = 5
"""Requests below which their average says nothing."""

Minutes = Sequence[tuple[float, float]]


def errors(facts: Facts) -> list[Finding]:
    """Server errors of the service's target groups, and of those that share requests with them."""
    found = []
    both = {one.arn: one for one in (*facts.groups, *facts.beside)}
    for group in both.values():
        if group.errors < ERRORS or group.error_rate < ERROR_RATE:
            continue
        shared = [one for one in both.values() if one.arn in facts.shares]
        others = [one for one in shared if one is not group] if group in shared else []
        evidence = (
            f"{group.errors:.0f} of {group.requests:.0f} requests to `{group.name}` were answered 5xx: "
            f"{group.error_rate:.1%}."
        )
        if runs := facts.runs.get(group.arn):
            evidence += f" Behind it is {runs}."
        for other in others:
            evidence += f" Of those to `{other.name}`, which shares the requests with it, {other.error_rate:.1%}."
        mend = "Read the log of its tasks for the requests that failed, and look at what the program calls."
        if others:
            mend = (
                f"It gets {facts.shares[group.arn]:.0%} of the requests. Give it the weight 0, and the others what it "
                "had (`elbv2.modify_listener` or `elbv2.modify_rule`); its tasks may stay, to be looked at. " + mend
            )
        cause = Cause.ERRORS
        if parts := by_load(group.minutes):
            cause, (quiet, busy) = Cause.ERRORS_UNDER_LOAD, parts
            evidence += (
                f" Of the minutes with up to {quiet[-1][0]:.0f} requests {_rate(quiet):.1%} were, of those with "
                f"{busy[0][0]:.0f} and more {_rate(busy):.1%}."
            )
            mend = (
                "What the program shares between requests (a pool of connections, a lock, threads, whom it calls) is "
                "used up by many: its log says which. Test a version with the load of the busiest minute before its "
                "deployment ends: a canary that bakes while few ask meets no fault. " + mend
            )
        found.append(Finding(cause, evidence, f"{mend}{mends.back(facts) if group in facts.groups else ''}"))
    return found


def by_load(minutes: Minutes) -> tuple[Minutes, Minutes] | None:
    """The quiet minutes and the busy ones, where these fail so much more often; None where it makes no difference.

    The quiet ones had so many requests that ERRORS of them would have failed, too, had they failed as often.

    >>> by_load([(20, 0), (100, 50), (20, 0)])
    ([(20, 0), (20, 0)], [(100, 50)])
    >>> by_load([(20, 10), (100, 50)]) is by_load([(2, 0), (100, 50)]) is None
    True
    """
    ordered = sorted(minutes)
    for cut in range(len(ordered) - 1, 0, -1):
        quiet, busy = ordered[:cut], ordered[cut:]
        if quiet[-1][0] == busy[0][0] or _rate(busy) < max(ERROR_RATE, MORE * _rate(quiet)):
            continue
        if sum(count for _, count in busy) >= ERRORS and _rate(busy) * sum(count for count, _ in quiet) >= ERRORS:
            return quiet, busy
    return None


def _rate(minutes: Minutes) -> float:
    requests = sum(count for count, _ in minutes)
    return sum(count for _, count in minutes) / requests if requests else 0.0


def slow(facts: Facts) -> list[Finding]:
    """Target groups whose targets take their time."""
    return [_slow(facts, one) for one in facts.groups if one.requests >= REQUESTS and (one.seconds or 0.0) >= SECONDS]


def _slow(facts: Facts, group: TargetGroup) -> Finding:
    evidence = (
        f"`{group.name}` took {group.seconds:.2f} s on average to answer {group.requests:.0f} requests "
        "(TargetResponseTime)."
    )
    if group.states and set(group.states) == {"healthy"}:
        evidence += " Its targets are healthy: their health check asks for something that is fast."
    mend = (
        "Compare `CPUUtilization` of the service with its limit: where it is high, it needs more tasks or more `cpu`; "
        "where it is low, the program waits for somebody: its log and the settings of its task definition say for whom."
    )
    return Finding(Cause.SLOW, evidence, f"{mend}{mends.back(facts)}")

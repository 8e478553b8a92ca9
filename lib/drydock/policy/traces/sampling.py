"""Sampling rules of X-Ray: which there may be, and what a service that samples by them is told.

Source (documented): the X-Ray developer guide, "Configure sampling rules" and "Using sampling rules with the X-Ray
API"; the API reference of `SamplingRule`; at most 25 rules of one's own, X-Ray's quotas. Ours: a reservoir is shared
out evenly among the clients that have reported in the last quota's time, the remainder to the first of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drydock.policy.requests.errors import Invalid

DEFAULT = "Default"
MOST = 25
INTERVAL = 10
"""Seconds after which a client reports again."""
QUOTA_FOR = 300.0
"""Seconds for which a quota is good."""
_DEFAULTS = {"ResourceARN": "*", "ServiceName": "*", "ServiceType": "*", "Host": "*", "HTTPMethod": "*",
             "URLPath": "*", "Version": 1, "Attributes": {}}  # fmt: skip
_CHANGED = ("ResourceARN", "Priority", "FixedRate", "ReservoirSize", "Host", "ServiceName", "ServiceType",
            "HTTPMethod", "URLPath", "Attributes")  # fmt: skip
_MOST_ATTRIBUTES = 5

Rule = Mapping[str, Any]


def arn(region: str, account: str, name: str) -> str:
    return f"arn:aws:xray:{region}:{account}:sampling-rule/{name}"


def default(region: str, account: str) -> dict[str, Any]:
    """The rule that is always there: one request a second, and 5 % of the others."""
    return {
        **_DEFAULTS, "RuleName": DEFAULT, "RuleARN": arn(region, account, DEFAULT), "Priority": 10000,
        "FixedRate": 0.05, "ReservoirSize": 1,
    }  # fmt: skip


def created(given: Rule, known: Mapping[str, Rule], region: str, account: str) -> dict[str, Any]:
    """The rule that CreateSamplingRule makes. Raises Invalid."""
    name = given.get("RuleName")
    if not name or given.get("RuleARN"):
        raise _invalid("A new rule has a RuleName, and its ARN follows from it.")
    if name in known:
        raise _invalid(f"There is a sampling rule {name} already.")
    if given["Version"] != 1:
        raise _invalid("The Version of a sampling rule is 1.")
    _check(given)
    if len(known) - 1 >= MOST:
        raise Invalid("RuleLimitExceededException", f"There are {MOST} sampling rules, and no more can be made.")
    return {**_DEFAULTS, **given, "RuleARN": arn(region, account, name)}


def updated(rule: Rule, update: Rule) -> dict[str, Any]:
    """The rule with what UpdateSamplingRule gives. Raises Invalid."""
    changes = {name: update[name] for name in _CHANGED if name in update}
    if rule["RuleName"] == DEFAULT and (besides := changes.keys() - {"FixedRate", "ReservoirSize"}):
        raise _invalid(f"Of the rule {DEFAULT} only FixedRate and ReservoirSize can be changed, not {min(besides)}.")
    _check({**rule, **changes, "SamplingRateBoost": update.get("SamplingRateBoost")})
    return {**rule, **changes}


def _check(rule: Rule) -> None:
    if rule.get("SamplingRateBoost"):
        raise _invalid("The embedded AWS has no SamplingRateBoost: leave it out.")
    if rule["RuleName"] != DEFAULT and not 1 <= rule["Priority"] <= 9999:
        raise _invalid("The Priority of a rule is a number from 1 to 9999.")
    if isinstance(rule["FixedRate"], str) or not 0 <= rule["FixedRate"] <= 1:  # a text is what NaN is sent as
        raise _invalid("FixedRate is a number from 0 to 1.")
    if rule["ReservoirSize"] < 0:
        raise _invalid("ReservoirSize is 0 or more.")
    if len(rule.get("Attributes") or {}) > _MOST_ATTRIBUTES:
        raise _invalid(f"A rule has {_MOST_ATTRIBUTES} Attributes at most.")


def named(asked: Rule, known: Mapping[str, Rule]) -> str:
    """The name of the rule that a request names, by name or ARN. Raises Invalid."""
    name, its_arn = asked.get("RuleName"), asked.get("RuleARN")
    if bool(name) == bool(its_arn):
        raise _invalid("Name the sampling rule by one of RuleName and RuleARN.")
    found = next((rule["RuleName"] for rule in known.values() if name == rule["RuleName"] or its_arn == rule["RuleARN"]), None)  # fmt: skip  # noqa: E501
    if found is None:
        raise _invalid(f"There is no sampling rule {name or its_arn}.")
    return str(found)


def _invalid(why: str) -> Invalid:
    return Invalid("InvalidRequestException", why)


@dataclass(frozen=True)
class Target:
    """What a client may do by a rule: `quota` requests a second, and `rate` of the others, until `until`."""

    rule: str
    rate: float
    quota: int
    until: float

    def answer(self) -> dict[str, Any]:
        return {
            "RuleName": self.rule, "FixedRate": self.rate, "ReservoirQuota": self.quota,
            "ReservoirQuotaTTL": self.until, "Interval": INTERVAL,
        }  # fmt: skip


def target(rule: Rule, client: str, seen: Mapping[str, float], now: float) -> Target:
    """`seen`: when each client of the rule has reported, this one among them; in seconds."""
    here = sorted(each for each, at in seen.items() if now - at <= QUOTA_FOR)
    share, over = divmod(int(rule["ReservoirSize"]), len(here))
    return Target(rule["RuleName"], float(rule["FixedRate"]), share + (here.index(client) < over), now + QUOTA_FOR)

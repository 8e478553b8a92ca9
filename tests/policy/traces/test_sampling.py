"""Rules and targets of the X-Ray developer guide, "Using sampling rules with the X-Ray API"."""

from __future__ import annotations

import pytest

from drydock.policy.requests.errors import Invalid
from drydock.policy.traces.sampling import DEFAULT, MOST, QUOTA_FOR, created, default, named, target, updated

WHERE = ("us-east-1", "000000000000")
KNOWN = {DEFAULT: default(*WHERE)}
BASE = {
    "RuleName": "base-scorekeep", "ResourceARN": "*", "Priority": 9000, "FixedRate": 0.1, "ReservoirSize": 2,
    "ServiceName": "Scorekeep", "ServiceType": "*", "Host": "*", "HTTPMethod": "*", "URLPath": "*", "Version": 1,
}  # fmt: skip


def test_the_default_rule_samples_one_a_second_and_five_in_a_hundred():
    assert (KNOWN[DEFAULT]["ReservoirSize"], KNOWN[DEFAULT]["FixedRate"]) == (1, 0.05)


def test_a_new_rule_has_an_arn():
    rule = created(BASE, KNOWN, *WHERE)
    assert rule["RuleARN"] == "arn:aws:xray:us-east-1:000000000000:sampling-rule/base-scorekeep"
    assert rule["Attributes"] == {}


@pytest.mark.parametrize(
    "change",
    [{"RuleName": None}, {"RuleName": DEFAULT}, {"Priority": 0}, {"FixedRate": 1.5}, {"Version": 2},
     {"SamplingRateBoost": {"MaxRate": 1, "CooldownWindowMinutes": 1}}, {"Attributes": dict.fromkeys("abcdef", "x")}],
)  # fmt: skip
def test_what_is_no_rule(change):
    with pytest.raises(Invalid) as caught:
        created({**BASE, **change}, KNOWN, *WHERE)
    assert caught.value.code == "InvalidRequestException"


def test_there_are_not_more_than_so_many():
    full = {DEFAULT: KNOWN[DEFAULT], **{str(number): BASE for number in range(MOST)}}
    with pytest.raises(Invalid) as caught:
        created(BASE, full, *WHERE)
    assert caught.value.code == "RuleLimitExceededException"


def test_of_the_default_rule_only_how_much_it_samples_can_be_changed():
    assert updated(KNOWN[DEFAULT], {"FixedRate": 0.01, "ReservoirSize": 0})["FixedRate"] == 0.01
    with pytest.raises(Invalid, match="only FixedRate and ReservoirSize"):
        updated(KNOWN[DEFAULT], {"Host": "a"})


def test_a_rule_is_named_in_one_way():
    assert named({"RuleARN": KNOWN[DEFAULT]["RuleARN"]}, KNOWN) == DEFAULT
    for asked in ({}, {"RuleName": DEFAULT, "RuleARN": KNOWN[DEFAULT]["RuleARN"]}, {"RuleName": "none"}):
        with pytest.raises(Invalid):
            named(asked, KNOWN)


def test_the_guides_target():
    now = 1530923107.0 - QUOTA_FOR
    assert target(BASE, "A", {"A": now}, now).answer() == {
        "RuleName": "base-scorekeep", "FixedRate": 0.1, "ReservoirQuota": 2, "ReservoirQuotaTTL": 1530923107.0,
        "Interval": 10,
    }  # fmt: skip


def test_a_reservoir_is_shared_out_among_those_that_have_reported_lately():
    seen = {"A": 1000.0, "B": 1000.0, "gone": 600.0}
    assert [target({**BASE, "ReservoirSize": 5}, client, seen, 1000.0).quota for client in "AB"] == [3, 2]

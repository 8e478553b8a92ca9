"""The profiles, the rates that they throttle at, and the errors that are worth another call."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from botocore.session import Session

from drydock.policy import profiles, races
from drydock.policy.profiles import QUICK, STRICT, Bucket
from drydock.policy.throttling import Level, take


def test_strict_differs_from_quick_in_all_that_there_is_and_each_thing_has_its_source() -> None:
    for each in fields(profiles.Profile):
        assert getattr(STRICT, each.name) != getattr(QUICK, each.name), each.name
    rows = profiles.told(STRICT)
    assert len(rows) == len(fields(profiles.Profile)) - 2 + len(STRICT.rates)
    assert all(row.source.startswith("https://") and row.value and row.what for row in rows)
    assert {row.status for row in rows} == {"documented", "observed"}


def test_quick_does_nothing_of_it_but_what_it_always_did() -> None:
    assert [row.value for row in profiles.told(QUICK)] == ["4 s", "4 s"]


def test_every_rate_is_of_operations_that_there_are_and_none_is_in_two_buckets() -> None:
    session = Session()
    seen: set[tuple[str, str]] = set()
    for rate in STRICT.rates:
        known = session.get_service_model(rate.service).operation_names
        there = {(rate.service, name) for name in rate.operations if name in known}
        assert there, rate
        assert not seen & there
        seen |= there
        assert 0 < rate.bucket.refill <= rate.bucket.capacity


def test_a_bucket_lets_a_burst_through_and_then_its_rate() -> None:
    bucket = Bucket(3, 0.5)
    level: Level | None = None
    passed = []
    for now in (0, 0, 0, 0, 1, 2, 3, 4, 100, 100, 100, 100):
        ok, level = take(bucket, level, float(now))
        passed.append(ok)
    assert passed == [True, True, True, False, False, True, False, True, True, True, True, False]


@pytest.mark.parametrize(
    ("service", "operation", "answer", "limit"),
    [
        ("ecs", "RunTask", {"Error": {"Code": "ClientException", "Message": "ECS was unable to assume the role"}}, 60),
        ("ecs", "RunTask", {"Error": {"Code": "ClientException", "Message": "Something else"}}, 0),
        ("sqs", "CreateQueue", {"Error": {"Code": "AWS.SimpleQueueService.QueueDeletedRecently"}}, 75),
        ("sqs", "CreateQueue", {"Error": {"Code": "QueueDeletedRecently"}}, 75),
        ("sqs", "DeleteQueue", {"Error": {"Code": "QueueDeletedRecently"}}, 0),
        ("ecs", "DescribeTasks", {"tasks": [], "failures": [{"arn": "a", "reason": "MISSING"}]}, 5),
        ("ecs", "RunTask", {"tasks": [], "failures": [{"reason": "MISSING"}]}, 0),
        ("ecs", "DescribeTasks", {"tasks": [{}], "failures": []}, 0),
    ],
)
def test_what_is_worth_asking_again(service: str, operation: str, answer: dict[str, Any], limit: float) -> None:
    assert races.limit(service, operation, answer) == limit


def test_every_race_is_of_an_operation_that_there_is() -> None:
    session = Session()
    for race in races.RACES:
        assert race.operation in session.get_service_model(race.service).operation_names


def test_a_profile_is_found_by_its_name() -> None:
    assert profiles.named("strict") is STRICT
    assert replace(QUICK, name="strict") != STRICT
    with pytest.raises(profiles.NoSuchProfile, match="'slow'; there are quick and strict"):
        profiles.named("slow")

"""What a step waits for, on answers and a clock that the test gives."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from drydock.runbooks import executor
from drydock.runbooks.executor import StepFailed
from drydock.runbooks.model import Call, Condition

ALARMS = Call("cloudwatch", "DescribeAlarms")


class Course:
    """Answers one after another, the last for ever; a look takes five seconds. One in capitals is an error's code."""

    def __init__(self, *states: str) -> None:
        self.now = 0.0
        self._states = list(states)

    def client(self, service: str) -> Any:
        return SimpleNamespace(describe_alarms=self._answer)

    speed = 1.0

    def _answer(self) -> dict[str, Any]:
        state = self._states.pop(0) if len(self._states) > 1 else self._states[0]
        if state[0].isupper():
            raise ClientError({"Error": {"Code": state}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "DescribeAlarms")
        return {"state": state, "ResponseMetadata": {}}

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    clock = SimpleNamespace()
    monkeypatch.setattr(executor, "time", clock)
    yield clock


def waited(time: SimpleNamespace, minutes: float, *states: str, fails: str = "state == 'alarm'") -> float:
    """Seconds until a wait of ten minutes, for `ok` during `minutes`, has come to its end."""
    course = Course(*states)
    time.monotonic, time.sleep = lambda: course.now, course.sleep
    condition = Condition("it is well", ALARMS, "state == 'ok'", fails, minutes)
    executor.wait(course, condition, {}, {}, minutes=10)  # type: ignore[arg-type]
    return course.now


def test_once_is_enough_unless_it_has_to_last(time: SimpleNamespace) -> None:
    assert waited(time, 0, "no", "no", "ok") == 10
    assert waited(time, 2, "ok") == 120


def test_what_has_to_last_begins_anew_after_a_break(time: SimpleNamespace) -> None:
    assert waited(time, 1, "ok", "ok", "no", "ok") == 15 + 60


def test_aws_that_is_asked_too_often_is_asked_again_and_other_errors_end_it(time: SimpleNamespace) -> None:
    assert waited(time, 0, "no", "ThrottlingException", "ok") == 10
    assert waited(time, 1, "ok", "RequestLimitExceeded", "ok") == 10 + 60
    with pytest.raises(ClientError, match="AccessDenied"):
        waited(time, 0, "no", "AccessDenied", "ok")


def test_a_failure_within_it_ends_it(time: SimpleNamespace) -> None:
    with pytest.raises(StepFailed, match="not reached: "):
        waited(time, 30, *["ok"] * 9, "alarm")


def test_what_aws_says_of_a_failure_is_told(time: SimpleNamespace) -> None:
    with pytest.raises(StepFailed, match=r"^not reached: it is well; AWS says errors went off\.$"):
        waited(time, 30, "ok", "alarm", fails="state == 'alarm' && 'errors went off.'")


def test_what_never_lasts_is_given_up_after_its_minutes_and_the_others(time: SimpleNamespace) -> None:
    course = ("ok", "no") * 500
    with pytest.raises(StepFailed, match="not reached within 10 minutes: "):
        waited(time, 3, *course)

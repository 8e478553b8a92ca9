"""How traffic moves. Times: docs/facts.md 4.5, and the shift of an account that shows its listener's weights."""

from __future__ import annotations

import pytest

from drydock.policy.codedeploy.courses import PREDEFINED, Course, percent, read, seconds
from drydock.policy.requests.errors import Invalid


@pytest.mark.parametrize(
    ("name", "shifts"),
    [
        ("ECSAllAtOnce", [(0, 100)]),
        ("ECSCanary10Percent5Minutes", [(0, 10), (4.99, 10), (5, 100)]),
        ("ECSCanary10Percent15Minutes", [(0, 10), (14.99, 10), (15, 100)]),
        ("ECSLinear10PercentEvery1Minutes", [(minute, 10 * (minute + 1)) for minute in range(10)]),
        ("ECSLinear10PercentEvery3Minutes", [(3 * step, 10 * (step + 1)) for step in range(10)] + [(26.9, 90)]),
    ],
)
def test_every_predefined_configuration_shifts_at_its_documented_times(
    name: str, shifts: list[tuple[float, int]]
) -> None:
    course = PREDEFINED[f"CodeDeployDefault.{name}"]
    assert [percent(course, 60 * minute) for minute, _ in shifts] == [share for _, share in shifts]
    assert percent(course, seconds(course)) == 100
    assert seconds(course) == 0 or percent(course, seconds(course) - 1) < 100


def test_a_last_step_is_cut_to_what_is_left() -> None:
    course = read({"type": "TimeBasedLinear", "timeBasedLinear": {"linearPercentage": 30, "linearInterval": 5}})
    assert [percent(course, 300 * step) for step in range(4)] == [30, 60, 90, 100]
    assert seconds(course) == 15 * 60


def test_a_configuration_reads_what_it_shows() -> None:
    for course in PREDEFINED.values():
        assert read(course.shown()) == course
    assert read(None) == Course()


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"type": "TimeBasedCanary"}, "needs timeBasedCanary"),
        ({"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": 100, "canaryInterval": 5}}, "1 and 99"),
        ({"type": "TimeBasedLinear", "timeBasedLinear": {"linearPercentage": 10, "linearInterval": 0}}, "1 minute"),
        ({"type": "AllAtOnce", "timeBasedLinear": {"linearPercentage": 1, "linearInterval": 1}}, "cannot be specified"),
    ],
)
def test_a_configuration_that_is_none_is_refused(config: dict[str, object], why: str) -> None:
    with pytest.raises(Invalid, match=why) as refused:
        read(config)
    assert refused.value.code == "InvalidTrafficRoutingConfigurationException"

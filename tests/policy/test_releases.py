"""Whether customers may be given to a new version, on what AWS's APIs answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy import releases

ADVANCED = {"alternateTargetGroupArn": "green", "productionListenerRule": "rule", "roleArn": "role"}


def balancer(**advanced: str) -> dict[str, Any]:
    return {"targetGroupArn": "blue", **({"advancedConfiguration": advanced} if advanced else {})}


def alarm(name: str = "errors", **more: Any) -> dict[str, Any]:
    usual = {"StateValue": "OK", "Namespace": "AWS/ApplicationELB", "Period": 60, "EvaluationPeriods": 1}
    return {"AlarmName": name, **usual, **more}


def test_what_a_service_lacks_is_named() -> None:
    assert releases.lacks([balancer(**ADVANCED)]) == []
    assert releases.lacks([]) == ["a target group (loadBalancers)"]
    assert len(releases.lacks([balancer()])) == 3
    only = releases.lacks([balancer(**ADVANCED), balancer(**{**ADVANCED, "roleArn": ""})])
    assert only == ["a role that lets ECS change that rule (roleArn)"]


def test_hooks_that_pause_are_told_by_their_stages_and_functions_are_not() -> None:
    function = {"targetType": "AWS_LAMBDA", "lifecycleStages": ["POST_SCALE_UP"]}
    pause = {"targetType": "PAUSE", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"]}
    assert releases.pauses([function, pause]) == ["POST_TEST_TRAFFIC_SHIFT"]


@pytest.mark.parametrize(
    ("found", "seconds"),
    [
        (alarm(), 120),
        (alarm(EvaluationPeriods=5, DatapointsToAlarm=3), 240),
        (alarm(Namespace="Shop"), 60),
        (alarm(Namespace="Shop", Period=10, EvaluationPeriods=3), 30),
        ({"AlarmName": "both", "AlarmRule": "ALARM(a) OR ALARM(b)"}, 0),
        ({"AlarmName": "rate", "Metrics": [], "EvaluationPeriods": 2}, 0),
    ],
)
def test_how_long_an_alarm_takes_at_least(found: dict[str, Any], seconds: float) -> None:
    assert releases.rings_after(found) == seconds


@pytest.mark.parametrize(
    ("names", "found", "minutes", "says"),
    [
        ([], [], 10, "No alarm watches it"),
        (["errors", "gone"], [alarm()], 10, "There is no alarm gone."),
        (["errors"], [alarm(StateValue="ALARM")], 10, "errors: in ALARM now"),
        (
            ["errors"],
            [alarm(EvaluationPeriods=5)],
            5,
            "errors takes 6 minutes at least until it rings, and the bake is",
        ),
        (["errors"], [alarm(Namespace="Shop")], 0, "takes 1 minutes at least"),
    ],
)
def test_alarms_that_would_take_nothing_back(
    names: list[str], found: list[dict[str, Any]], minutes: float, says: str
) -> None:
    assert says in " ".join(releases.objections(names, found, minutes))


def test_alarms_that_would() -> None:
    assert releases.objections(["errors"], [alarm()], 2) == []
    assert releases.objections(["errors"], [alarm(StateValue="INSUFFICIENT_DATA")], 2) == []


@pytest.mark.parametrize("text", ["100", "10,50,100", "1, 100"])
def test_stages_that_end_with_everything(text: str) -> None:
    assert releases.stages(text)[-1] == 100


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("50,10,100", "has to rise"),
        ("10,10,100", "has to rise"),
        ("0,100", "has to rise from 1"),
        ("10,50", "has to end at 100"),
        ("10,101", "has to end at 100"),
        ("10;100", "is no list"),
        ("", "is no list"),
        ("10,,100", "is no list"),
    ],
)
def test_stages_that_do_not(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        releases.stages(text)


@settings(max_examples=50)
@given(st.lists(st.text("abc -", min_size=1, max_size=5).map(str.strip).filter(bool), max_size=5))
def test_names_that_are_joined_are_listed_again(names: list[str]) -> None:
    assert releases.listed(" , ".join(names)) == names


@settings(max_examples=50)
@given(st.sets(st.integers(1, 99), max_size=6).map(sorted), st.integers(0, 6))
def test_stages_are_read_as_they_are_written_and_never_go_back(percents: list[int], place: int) -> None:
    written = [*percents, 100]
    assert releases.stages(" , ".join(map(str, written))) == tuple(written)
    twice = sorted([*written, written[place % len(written)]])
    for wrong, why in ((twice, "has to rise"), (percents or [99], "has to end at 100")):
        with pytest.raises(ValueError, match=why):
            releases.stages(",".join(map(str, wrong)))


ALARMS = st.builds(
    alarm,
    st.sampled_from(["errors", "slow", "cpu"]),
    StateValue=st.sampled_from(["OK", "ALARM"]),
    Period=st.sampled_from([10, 60, 300]),
    EvaluationPeriods=st.integers(1, 5),
)


@settings(max_examples=50)
@given(st.lists(ALARMS, max_size=3, unique_by=lambda one: one["AlarmName"]), st.integers(0, 30), st.integers(0, 30))
def test_a_longer_bake_is_objected_to_by_no_more_and_a_well_watched_one_by_nobody(
    alarms: list[dict[str, Any]], minutes: int, longer: int
) -> None:
    names = [one["AlarmName"] for one in alarms]
    assert len(releases.objections(names, alarms, minutes + longer)) <= len(releases.objections(names, alarms, minutes))
    well = [{**one, "StateValue": "OK"} for one in alarms]
    assert not releases.objections(names, well, 26) or not names
    assert len(releases.objections([*names, "none"], well, 26)) == 1

"""The order of events, as the User Guide has it and get-deployment-target shows it."""

from __future__ import annotations

from drydock.policy.codedeploy import lifecycle
from drydock.policy.codedeploy.lifecycle import HOOKABLE, events


def test_events_of_test_traffic_are_there_only_with_a_listener_for_it() -> None:
    with_tests = list(events(tests=True))
    assert with_tests == [
        "BeforeInstall", "Install", "AfterInstall", "AllowTestTraffic", "AfterAllowTestTraffic", "BeforeAllowTraffic",
        "AllowTraffic", "AfterAllowTraffic",
    ]  # fmt: skip
    assert [event for event in with_tests if "Test" not in event] == list(events(tests=False))
    assert set(HOOKABLE) == set(with_tests) - {"Install", "AllowTestTraffic", "AllowTraffic"}


def test_what_rolls_back_is_what_the_configuration_names() -> None:
    for cause, event in (
        (lifecycle.TOO_LATE, "DEPLOYMENT_FAILURE"),
        (lifecycle.NOT_VALIDATED, "DEPLOYMENT_FAILURE"),
        (lifecycle.alarmed(["errors"]), "DEPLOYMENT_STOP_ON_ALARM"),
        (lifecycle.ASKED, "DEPLOYMENT_STOP_ON_REQUEST"),
    ):
        assert lifecycle.rolls_back(cause, enabled=True, on=[event])
        assert not lifecycle.rolls_back(cause, enabled=False, on=[event])
        assert not lifecycle.rolls_back(cause, enabled=True, on=[])


def test_an_alarm_stops_and_a_hook_fails() -> None:
    assert lifecycle.alarmed(["errors"]).status == lifecycle.ASKED.status == "Stopped"
    assert lifecycle.alarmed(["a", "b"]).message.endswith("Activated alarms: <a> <b>")
    assert lifecycle.NOT_VALIDATED.status == lifecycle.TOO_LATE.status == "Failed"

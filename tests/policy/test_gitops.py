"""When a commit is in the cluster, and when a change by hand is gone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.gitops import COMMIT, EDIT, Apply, Event, applies, live_after


def test_a_commit_waits_for_one_clock_and_an_edit_for_the_other() -> None:
    """The intervals of the examples of Flux's documentation: 5 minutes and 10."""
    clocks = {"source": 5, "interval": 10}
    assert live_after(Event(1, COMMIT), [Event(1, COMMIT)], **clocks) == 4
    assert live_after(Event(1, EDIT), [Event(1, EDIT)], **clocks) == 9


def test_a_new_revision_takes_an_edit_back_before_the_clock_does() -> None:
    edit, commit = Event(2, EDIT), Event(3, COMMIT)
    assert live_after(edit, [edit, commit], source=5, interval=60) == 3
    assert applies([edit, commit], source=5, interval=60, until=60) == [
        Apply(0, new=False, mended=False),
        Apply(5, new=True, mended=True),
        Apply(60, new=False, mended=False),
    ]


def test_a_webhook_shows_a_commit_at_once_and_corrects_nothing() -> None:
    edit, commit = Event(2, EDIT), Event(1, COMMIT)
    assert live_after(commit, [edit, commit], source=0, interval=10) == 0
    assert live_after(edit, [edit, commit], source=0, interval=10) == 8


@settings(max_examples=50)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 15), st.integers(1, 30))
def test_nothing_waits_longer_than_its_interval(at: int, other: int, source: int, interval: int) -> None:
    events = [Event(at, EDIT), Event(other, COMMIT)]
    assert 0 <= live_after(events[0], events, source=source, interval=interval) <= interval
    assert 0 <= live_after(events[1], events, source=source, interval=interval) <= source


@pytest.mark.parametrize("source", [0, 1, 5])
def test_an_edit_is_never_gone_later_for_a_shorter_interval(source: int) -> None:
    event = Event(7, EDIT)
    lasts = [live_after(event, [event], source=source, interval=interval) for interval in (8, 4, 2, 1)]
    assert lasts == sorted(lasts, reverse=True)

"""Which targets of a list are begun, and when."""

from __future__ import annotations

import pytest

from drydock.policy.targets import State, may_begin


@pytest.mark.parametrize(
    ("states", "begun"),
    [
        ("w w w w", [0]),
        ("r w w w", []),
        ("f w w w", []),
        ("d w w w", [1, 2]),
        ("d r w w", [2]),
        ("d r r w", []),
        ("d f w w", []),
        ("l w w w", [1]),
        ("l r w w", []),
        ("l l l l", []),
        ("d d d d", []),
    ],
)
def test_the_canary_goes_alone_and_then_so_many_at_once_until_one_fails(states: str, begun: list[int]) -> None:
    assert may_begin(_states(states), at_once=2, stop_after=1, canary=True) == begun


def test_after_more_failures_than_one_it_goes_on_where_that_is_asked_but_never_past_a_canary() -> None:
    assert may_begin(_states("d f w"), at_once=2, stop_after=2, canary=True) == [2]
    assert may_begin(_states("f w w"), at_once=2, stop_after=2, canary=True) == []
    assert may_begin(_states("d f f w"), at_once=2, stop_after=2, canary=True) == []


def test_without_a_canary_so_many_begin_at_once() -> None:
    assert may_begin(_states("w w w"), at_once=2, stop_after=9, canary=False) == [0, 1]


def _states(text: str) -> list[State]:
    words: dict[str, State] = {"w": "waiting", "r": "running", "d": "done", "f": "failed", "l": "left"}
    return [words[letter] for letter in text.split()]

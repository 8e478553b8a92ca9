from __future__ import annotations

import pytest

from drydock.policy.log_lines import beginning

PATTERN, MOMENT = "awslogs-multiline-pattern", "awslogs-datetime-format"


@pytest.mark.parametrize(
    ("options", "begins", "goes_on"),
    [
        ({PATTERN: r"^\["}, ["[1] x"], ["  at y", "a [1]"]),
        ({PATTERN: "INFO|ERROR"}, ["12:00 ERROR x"], ["x"]),
        ({MOMENT: "%Y-%m-%d %H:%M:%S"}, ["[2026-11-26 18:00:59] x"], ["2026-13-26 18:00:59", "2026-11-26"]),
        ({MOMENT: "%b %d, %Y %I:%M %p"}, ["Nov 26, 2026 06:00 PM x"], ["nov 26"]),
        ({MOMENT: "%d.%m.%y (%A)"}, ["26.11.26 (Thursday)"], ["26x11x26 (Thursday)"]),
        ({MOMENT: "100%% %q"}, ["100% %q"], ["100%% %q"]),
    ],
)
def test_which_lines_begin_an_event(options: dict[str, str], begins: list[str], goes_on: list[str]) -> None:
    found = beginning(options)
    assert found is not None
    assert [line for line in [*begins, *goes_on] if found.search(line)] == begins


def test_without_an_option_each_line_is_an_event() -> None:
    assert beginning({"awslogs-group": "g"}) is None


@pytest.mark.parametrize(
    ("options", "why"),
    [({PATTERN: "x", MOMENT: "%Y"}, "at the same time"), ({PATTERN: "("}, "could not parse multiline pattern")],
)
def test_what_the_driver_refuses(options: dict[str, str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        beginning(options)

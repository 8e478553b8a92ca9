"""What waits and how well it is known, as figures: of reviews whose outcome FSRS itself says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import fmean

import pytest

from drydock.prep import Deck, forecast, questions, retention, standing
from drydock.prep.deck import SCHEDULER

START = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
CARDS = questions.load()
A, B, C = (card.id for card in CARDS[:3])


@pytest.fixture(autouse=True)
def greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Days begin at midnight of UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def deck(tmp_path: Path) -> Deck:
    return Deck(CARDS, tmp_path / "cards.json")


def test_where_you_stand_adds_up_and_tells_now_from_later_today(deck: Deck) -> None:
    deck.review(A, 1, START)
    deck.review(B, 3, START)
    deck.review(C, 4, START)
    figure = standing(deck, START + timedelta(minutes=2))
    *topics, total = figure.rows
    assert total == ("all", len(CARDS), 1, 1, len(CARDS) - 3, 1)
    assert [sum(row[column] for row in topics) for column in range(1, 6)] == list(total[1:])
    assert figure.title == f"1 card due now, 1 later today, {len(CARDS) - 3} new"
    assert [sum(bar["x"]) for bar in figure.data] == list(total[2:])


def test_a_forecast_has_each_card_once_as_it_stands_and_overdue_ones_today(deck: Deck) -> None:
    deck.review(A, 4, START)
    deck.review(B, 4, START)
    due = deck.review(C, 1, START).due
    tomorrow = START + timedelta(days=1)
    assert due < tomorrow
    figure = forecast(deck, tomorrow)
    as_it_stands = {row[0]: row[1] for row in figure.rows if row[1]}
    assert as_it_stands == {"2026-11-27": 1, "2026-12-04": 2}
    assert figure.title.startswith("1 card due today; 3 in 30 days, ")
    assert len(figure.data[0]["x"]) == 30


def test_a_forecast_follows_each_card_as_if_it_were_good(deck: Deck) -> None:
    deck.review(A, 3, START)
    counted = {row[0]: row[2] for row in forecast(deck, START).rows if row[2]}
    expected: dict[str, int] = {}
    card = deck.records()[A].card
    while True:
        card, _ = SCHEDULER.review_card(card, 3, card.due)  # type: ignore[arg-type]
        if card.due >= datetime(2026, 12, 26, tzinfo=UTC):
            break
        day = card.due.date().isoformat()
        expected[day] = expected.get(day, 0) + 1
    assert counted == expected
    assert sum(counted.values()) >= 2


def test_answers_are_counted_by_grade_and_day_and_retrievability_is_fsrs_own(deck: Deck) -> None:
    deck.review(A, 3, START)
    deck.review(B, 1, START)
    deck.review(B, 2, START + timedelta(days=1))
    deck.review(A, 1, START + timedelta(days=1))
    now = START + timedelta(days=2)
    figure = retention(deck, now)
    assert [row[:6] for row in figure.rows] == [
        ("2026-11-26", 1, 0, 1, 0, ""),
        ("2026-11-27", 1, 1, 0, 0, "50 %"),
        ("2026-11-28", 0, 0, 0, 0, ""),
    ]
    known = fmean(SCHEDULER.get_card_retrievability(record.card, now) for record in deck.records().values())
    assert figure.data[-1]["y"][-1] == round(100 * known, 1)
    assert figure.rows[-1][6] == f"{100 * known:.0f} %"
    assert (
        figure.title
        == f"4 answers, 50 % of the repeated ones recalled; FSRS expects {100 * known:.0f} % to be known now"
    )


def test_retrievability_of_a_day_is_of_what_had_been_rated_by_its_end(deck: Deck) -> None:
    deck.review(A, 4, START)
    deck.review(A, 4, START + timedelta(days=9))
    deck.review(B, 4, START + timedelta(days=9))
    drawn = retention(deck, START + timedelta(days=9)).data[-1]["y"]
    first = deck.records()[A].after[0]
    ends = [datetime(2026, 11, 27, tzinfo=UTC) + timedelta(days=number) for number in range(9)]
    assert drawn[:9] == [round(100 * SCHEDULER.get_card_retrievability(first, end), 1) for end in ends]
    assert drawn[8] < drawn[4] < drawn[0], "it falls until it is rated again"
    assert drawn[9] == 100.0


def test_months_of_answers_are_counted_by_week(deck: Deck) -> None:
    deck.review(A, 3, START)
    deck.review(A, 3, START + timedelta(days=100))
    rows = retention(deck, START + timedelta(days=100)).rows
    days = [datetime.fromisoformat(str(row[0])) for row in rows]
    assert {day.weekday() for day in days} == {0}
    assert len(rows) == 15
    assert sum(row[3] for row in rows) == 2


def test_without_ratings_there_is_nothing_to_draw_and_it_is_said(deck: Deck) -> None:
    assert retention(deck, START).title == "Nothing was rated yet"
    empty = forecast(deck, START)
    assert empty.rows == []
    assert empty.title.startswith("0 cards due today")


def test_figures_are_of_the_cards_that_were_chosen(deck: Deck) -> None:
    deck.review(A, 3, START)
    others = Deck(CARDS[1:], deck.file)
    assert retention(others, START).title == "Nothing was rated yet"
    assert standing(others, START).rows[-1][3] == 0

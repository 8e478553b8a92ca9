"""The deck: what is due, what a rating does, and the learner's file."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fsrs import Rating

from drydock.prep import BadDeck, Deck, questions, study
from drydock.prep.deck import in_words, path

START = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)
CARDS = questions.load()
FIRST, SECOND, THIRD = (card.id for card in CARDS[:3])


@pytest.fixture
def deck(tmp_path: Path) -> Deck:
    return Deck(CARDS, tmp_path / "cards.json")


def kept(at: str = "2026-11-26T09:00:00+00:00", rating: int = 3) -> str:
    """A file with one review of the first card."""
    log = {"card_id": 1, "rating": rating, "review_datetime": at, "review_duration": None}
    return json.dumps({FIRST: {"reviews": [log]}})


def ids(cards: list[questions.Question]) -> list[str]:
    return [card.id for card in cards]


def test_a_new_deck_has_everything_new_and_nothing_due(deck: Deck) -> None:
    due, new = deck.queue(START)
    assert due == []
    assert ids(new) == [card.id for card in CARDS]
    assert deck.next_due() is None


def test_the_better_the_rating_the_later_a_card_comes_back(deck: Deck) -> None:
    waits = [deck.review(card.id, rating, START).due - START for card, rating in zip(CARDS, (1, 2, 3, 4), strict=False)]
    assert waits == sorted(waits)
    assert waits[0] == timedelta(minutes=1)
    assert waits[3] >= timedelta(days=1)


def test_what_was_due_longest_comes_first(deck: Deck) -> None:
    deck.review(FIRST, 3, START)
    deck.review(SECOND, 1, START)
    due, new = deck.queue(START + timedelta(hours=1))
    assert ids(due) == [SECOND, FIRST]
    assert ids(new)[0] == THIRD


def test_a_card_that_is_not_due_yet_is_neither_due_nor_new(deck: Deck) -> None:
    deck.review(FIRST, 4, START)
    due, new = deck.queue(START + timedelta(minutes=30))
    assert due == []
    assert FIRST not in ids(new)


def test_intervals_grow_while_a_card_is_remembered(deck: Deck) -> None:
    at, waits = START, []
    for _ in range(5):
        reviewed = deck.review(FIRST, 3, at)
        waits.append(reviewed.due - at)
        at = reviewed.due
    assert waits == sorted(waits)
    assert waits[-1] > timedelta(days=30)


def test_another_process_finds_what_was_rated(deck: Deck) -> None:
    expected = deck.review(FIRST, 4, START).due
    program = (
        "import sys; from pathlib import Path; from drydock.prep import Deck, questions; "
        "print(Deck(questions.load(), Path(sys.argv[1])).next_due().isoformat())"
    )
    done = subprocess.run([sys.executable, "-c", program, str(deck.file)], capture_output=True, text=True, check=True)
    assert datetime.fromisoformat(done.stdout.strip()) == expected


def test_two_decks_on_one_file_lose_nothing(deck: Deck, tmp_path: Path) -> None:
    others = [Deck(CARDS, deck.file) for _ in range(8)]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda pair: pair[0].review(pair[1].id, 3, START), zip(others, CARDS, strict=False)))
    assert len(json.loads(deck.file.read_text())) == 8


def test_undo_of_the_only_rating_makes_the_card_new_again(deck: Deck) -> None:
    deck.undo(deck.review(FIRST, 3, START))
    _, new = deck.queue(START)
    assert ids(new)[0] == FIRST


def test_undo_leaves_the_card_as_its_other_ratings_make_it(deck: Deck) -> None:
    deck.review(FIRST, 3, START)
    before = json.loads(deck.file.read_text())
    deck.undo(deck.review(FIRST, 1, START + timedelta(minutes=10)))
    assert json.loads(deck.file.read_text()) == before


def test_undo_of_a_rating_that_is_no_longer_the_newest_is_refused(deck: Deck) -> None:
    first = deck.review(FIRST, 3, START)
    deck.review(FIRST, 4, START + timedelta(minutes=10))
    with pytest.raises(ValueError, match="rated elsewhere"):
        deck.undo(first)
    assert len(json.loads(deck.file.read_text())[FIRST]["reviews"]) == 2


def test_undo_in_a_file_that_was_deleted_since_says_so(deck: Deck) -> None:
    first = deck.review(FIRST, 3, START)
    deck.file.unlink()
    with pytest.raises(ValueError, match=r"no rating in cards\.json any more"):
        deck.undo(first)


def test_a_rating_says_whether_it_is_the_cards_first(deck: Deck) -> None:
    assert deck.review(FIRST, 3, START).first
    assert not deck.review(FIRST, 3, START + timedelta(minutes=10)).first


def test_a_card_follows_from_its_reviews_alone(deck: Deck) -> None:
    due = deck.review(FIRST, 3, START).due
    deck.file.write_text(kept())
    assert deck.next_due() == due


def test_a_clock_that_goes_back_loses_no_card(deck: Deck) -> None:
    at = START
    for _ in range(3):
        at = deck.review(FIRST, 3, at).due
    before = deck.next_due()
    earlier = deck.review(FIRST, 3, START - timedelta(days=30))
    assert earlier.due < START
    deck.undo(earlier)
    assert deck.next_due() == before


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "{",
        "[]",
        '{"version": 2, "cards": {}}',
        '{"x": {"reviews": []}}',
        '{"x": {"reviews": [{"rating": 3}]}}',
        kept(rating=9),
        kept(at="yesterday"),
        kept(at="2026-11-26T09:00:00"),
        kept(at="9999-12-31T23:59:59+00:00"),
    ],
)
def test_a_file_that_is_damaged_or_older_is_told_and_never_written_over(deck: Deck, broken: str) -> None:
    deck.file.write_text(broken)
    for act in (lambda: deck.queue(START), lambda: deck.review(FIRST, 3, START), lambda: study(deck, "3")):
        with pytest.raises(
            BadDeck, match=r"cards\.json is damaged, or another version .* name another file in DRYDOCK_PREP"
        ):
            act()
    assert deck.file.read_text() == broken
    assert sorted(path.name for path in deck.file.parent.iterdir()) == ["cards.json", "cards.lock"]


def test_what_is_damaged_is_named_by_its_card(deck: Deck) -> None:
    deck.review(SECOND, 3, START)
    kept = json.loads(deck.file.read_text())
    kept[SECOND]["reviews"][0]["rating"] = 9
    deck.file.write_text(json.dumps(kept))
    with pytest.raises(BadDeck, match=f"the card '{SECOND}': ValueError 9 is not a valid Rating"):
        deck.queue(START)


def test_a_folder_in_place_of_the_file_is_refused_and_told_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "cards").mkdir()
    deck = Deck(CARDS, tmp_path / "cards")
    with pytest.raises(BadDeck, match=rf"{tmp_path / 'cards'}: Is a directory.*name another file in DRYDOCK_PREP"):
        deck.queue(START)


def test_a_file_that_cannot_be_written_is_refused_and_told_what_to_do(deck: Deck, tmp_path: Path) -> None:
    deck.file.with_suffix(".new").mkdir()
    with pytest.raises(BadDeck, match=r"cards\.json: .*DRYDOCK_PREP"):
        deck.review(FIRST, 3, START)
    assert ids(deck.queue(START)[1])[0] == FIRST, "nothing was kept, and nothing was lost"


def test_a_question_that_was_taken_out_keeps_its_record(deck: Deck) -> None:
    deck.review(FIRST, 1, START)
    smaller = Deck(CARDS[1:], deck.file)
    assert ids(smaller.queue(START + timedelta(days=1))[0]) == []
    smaller.review(SECOND, 3, START)
    assert ids(deck.queue(START + timedelta(days=1))[0]) == [FIRST, SECOND]


def test_what_cannot_be_rated_is_refused(deck: Deck) -> None:
    with pytest.raises(KeyError, match="no question 'nothing'"):
        deck.review("nothing", 3, START)
    with pytest.raises(ValueError):
        deck.review(FIRST, 5, START)
    with pytest.raises(ValueError, match="UTC"):
        deck.review(FIRST, 3, START.replace(tzinfo=None))
    assert not deck.file.exists()


def test_the_file_is_where_the_learner_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRYDOCK_PREP", str(tmp_path / "mine.json"))
    Deck.open().review(FIRST, Rating.Good, START)
    assert (tmp_path / "mine.json").exists()
    monkeypatch.delenv("DRYDOCK_PREP")
    monkeypatch.setenv("DRYDOCK_HOME", str(tmp_path / "home"))
    Deck.open().review(FIRST, Rating.Good, START)
    assert (tmp_path / "home" / "cards.json").exists()
    monkeypatch.setenv("DRYDOCK_PREP", "~/mine.json")
    assert path() == Path.home() / "mine.json"


@pytest.mark.parametrize(
    ("wait", "words"),
    [
        (timedelta(seconds=-5), "less than a minute"),
        (timedelta(seconds=59), "less than a minute"),
        (timedelta(seconds=60), "1 minute"),
        (timedelta(minutes=10), "10 minutes"),
        (timedelta(hours=5), "5 hours"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=16), "16 days"),
    ],
)
def test_a_wait_in_words(wait: timedelta, words: str) -> None:
    assert in_words(wait) == words

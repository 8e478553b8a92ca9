"""Sittings, as the widget and as a headless run have them, without a browser."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.prep import START, Clock, wrong_answer

from drydock.notebooks.show import text
from drydock.prep import BadAnswer, BadRating, Deck, Quiz, questions, study, take
from drydock.prep.items import Kind
from drydock.prep.panel import Panel, View
from drydock.prep.sessions import Asking, Sitting

CARDS = questions.load()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def deck(tmp_path: Path) -> Deck:
    return Deck(CARDS, tmp_path / "cards.json")


def keys(view: View) -> dict[str, str]:
    return {key: button.action for button in view.buttons for key in button.keys}


# -- cards


def test_the_front_gives_nothing_away_and_the_back_has_it_all(deck: Deck, clock: Clock) -> None:
    sitting = Sitting(deck, 10, clock)
    front = sitting.first()
    card = CARDS[0]
    assert card.front in front.body
    assert card.source not in front.body
    back = sitting.respond(keys(front)[" "])
    assert card.source in back.body
    assert card.shown_in[0] in back.body
    assert set("1234") <= set(keys(back))


def test_a_rating_is_in_the_file_when_the_next_card_is_shown(deck: Deck, clock: Clock) -> None:
    sitting = Sitting(deck, 10, clock)
    sitting.first()
    sitting.respond("show")
    following = sitting.respond("4")
    assert CARDS[1].front in following.body
    assert following.status.startswith("Saved: Easy")
    assert CARDS[0].id not in [card.id for card in Deck(CARDS, deck.file).queue(clock())[1]]


def test_no_more_new_cards_than_asked_for(deck: Deck, clock: Clock) -> None:
    sitting = Sitting(deck, 2, clock)
    sitting.first()
    sitting.respond("show")
    sitting.respond("4")
    sitting.respond("show")
    end = sitting.respond("4")
    assert "Nothing waits now" in end.body
    assert "Rated in this sitting: 2" in end.body
    assert f"{len(CARDS) - 2} have never been shown" in end.body


def test_a_card_that_was_not_known_comes_back_in_the_same_sitting(deck: Deck, clock: Clock) -> None:
    sitting = Sitting(deck, 1, clock)
    sitting.first()
    sitting.respond("show")
    assert "Nothing waits now" in sitting.respond("1").body
    clock.pass_(minutes=2)
    assert CARDS[0].front in sitting.respond("next").body


def test_undo_brings_the_card_back_to_be_rated_again(deck: Deck, clock: Clock) -> None:
    sitting = Sitting(deck, 1, clock)
    sitting.first()
    sitting.respond("show")
    end = sitting.respond("1")
    again = sitting.respond(keys(end)["u"])
    assert CARDS[0].front in again.body
    assert set("1234") <= set(keys(again))
    assert CARDS[0].id in [card.id for card in deck.queue(clock())[1]]
    sitting.respond("4")
    assert deck.next_due() is not None
    assert deck.next_due() > START + timedelta(days=1)


def test_undo_goes_back_card_by_card(deck: Deck, clock: Clock) -> None:
    sitting = Sitting(deck, 10, clock)
    sitting.first()
    for _ in range(2):
        sitting.respond("show")
        sitting.respond("3")
        clock.pass_(seconds=1)
    assert CARDS[1].front in sitting.respond("undo").body
    assert CARDS[0].front in sitting.respond("undo").body
    assert deck.next_due() is None


def test_a_card_that_came_back_does_not_take_the_place_of_a_new_one(deck: Deck, clock: Clock) -> None:
    sitting = Sitting(deck, 2, clock)
    sitting.first()
    sitting.respond("show")
    sitting.respond("1")
    clock.pass_(minutes=2)
    assert CARDS[0].front in sitting.respond("next").body
    sitting.respond("show")
    assert CARDS[1].front in sitting.respond("4").body


def test_a_new_card_that_was_taken_back_counts_as_new_again(deck: Deck, clock: Clock) -> None:
    sitting = Sitting(deck, 10, clock)
    sitting.first()
    for _ in range(2):
        sitting.respond("show")
        sitting.respond("4")
    sitting.respond("undo")
    sitting.respond("undo")
    assert "9 cards wait" in sitting.respond("4").status


def test_a_card_that_another_window_has_rated_is_not_rated_twice(deck: Deck, clock: Clock) -> None:
    here, there = Sitting(deck, 10, clock), Sitting(Deck(CARDS, deck.file), 10, clock)
    for sitting in (here, there):
        sitting.first()
        sitting.respond("show")
    there.respond("4")
    following = here.respond("1")
    assert "rated in another window" in following.status
    assert CARDS[1].front in following.body
    assert not here.done
    assert deck.next_due() == START + timedelta(days=8)


def test_there_is_nothing_to_undo_at_first(deck: Deck, clock: Clock) -> None:
    sitting = Sitting(deck, 1, clock)
    assert "u" not in keys(sitting.first())
    assert "u" not in keys(sitting.respond("show"))


def test_ratings_given_beforehand_are_recorded_in_order(deck: Deck, clock: Clock) -> None:
    table = study(deck, "1 2 3 4", clock=clock)
    assert table.rows == [
        (CARDS[0].id, "Again", "1 minute"),
        (CARDS[1].id, "Hard", "6 minutes"),
        (CARDS[2].id, "Good", "10 minutes"),
        (CARDS[3].id, "Easy", "8 days"),
    ]
    clock.pass_(minutes=20)
    due, _ = Deck(CARDS, deck.file).queue(clock())
    assert [card.id for card in due] == [card.id for card in CARDS[:3]]


@pytest.mark.parametrize(
    ("answers", "said"),
    [("3 5", "Rating 2 is '5'"), ("good", "Rating 1 is 'good'"), ("3 3 3", "3 ratings were given and 2 cards wait")],
)
def test_ratings_that_cannot_be_taken_are_refused_and_none_is_recorded(
    deck: Deck, clock: Clock, answers: str, said: str
) -> None:
    with pytest.raises(BadRating, match=said):
        study(deck, answers, new=2, clock=clock)
    assert not deck.file.exists()


@pytest.mark.parametrize("new", [-3, "ten", 2.5, True])
def test_what_is_no_number_of_new_cards_is_refused(deck: Deck, clock: Clock, new: Any) -> None:
    with pytest.raises(ValueError, match=f"new={new!r}: .* 0 or more"):
        study(deck, new=new, clock=clock)


def test_a_single_answer_that_papermill_made_a_number_of_is_one(deck: Deck, clock: Clock) -> None:
    study(deck, 3, clock=clock)  # type: ignore[arg-type]
    assert len(deck.records()) == 1


@pytest.mark.parametrize("questions", ["ten", 2.5, True, 0])
def test_what_is_no_number_of_questions_is_refused(questions: Any) -> None:
    with pytest.raises(ValueError, match=f"questions={questions!r}: a quiz has 1 question or more"):
        Quiz(questions=questions)


def test_two_prices_on_the_papers_page_are_no_formula() -> None:
    paper = take(Quiz(seed=1), "")._repr_html_()
    assert paper.count("$") > 1
    assert paper.startswith('<ol class="mathjax_ignore">')


def test_without_anybody_there_the_cards_are_listed_and_nothing_is_recorded(deck: Deck, clock: Clock) -> None:
    listed = study(deck, new=3, clock=clock)
    assert [row[2] for row in listed.rows] == [card.question for card in CARDS[:3]]
    assert not deck.file.exists()


def test_topics_and_levels_are_chosen_in_the_panel_and_another_choice_begins_another_sitting(
    deck: Deck, clock: Clock
) -> None:
    sitting = Sitting(deck, 10, clock)
    sitting.first()
    sitting.respond("show")
    rated = sitting.respond("1")
    clock.pass_(minutes=2)
    choice = sitting.respond(keys(rated)["c"])
    topics, levels = choice.groups
    assert [value for value, _, _ in levels.boxes] == ["level easy", "level medium", "level hard"]
    assert len(topics.boxes) == len({card.topic for card in CARDS})
    count = sum(card.topic == CARDS[0].topic for card in CARDS)
    assert (f"topic {CARDS[0].topic}", f"{CARDS[0].topic} ({count}, 1 due)", False) in topics.boxes
    chosen = sitting.respond("chosen", "topic Cost\ntopic Mesh\nlevel hard")
    wanted = [card for card in CARDS if card.topic in ("Cost", "Mesh") and card.level == "hard"]
    assert list(deck.questions.values()) == wanted
    assert wanted[0].front in chosen.body
    assert f"A new sitting, of {len(wanted)} cards." in chosen.status
    assert "u" not in keys(chosen), "what was rated before is of another sitting"
    again = sitting.respond("choose")
    assert [value for group in again.groups for value, _, ticked in group.boxes if ticked] == [
        "topic Cost", "topic Mesh", "level hard"
    ]  # fmt: skip
    assert wanted[0].front in sitting.respond(keys(again)["Escape"]).body
    everything = sitting.respond("chosen", "")
    assert CARDS[0].front in everything.body, "it is due, and all are chosen again"


def test_a_choice_without_cards_is_said_and_changes_nothing(deck: Deck, clock: Clock) -> None:
    few = Deck([card for card in CARDS if (card.topic, card.level) != ("Cost", "hard")], deck.file)
    sitting = Sitting(few, 10, clock)
    sitting.first()
    view = sitting.respond("chosen", "topic Cost\nlevel hard")
    assert "No question has both" in view.status
    assert view.groups
    assert len(few.questions) == len(few.all)


# -- the quiz


def answered(view: View, asking: Asking, typed: str) -> View:
    return asking.respond("answer", typed) if view.field else asking.respond(typed)


def test_the_quiz_goes_from_question_to_question_and_ends_with_the_score() -> None:
    quiz = Quiz(5)
    asking = Asking(quiz)
    view = asking.first()
    for number, item in enumerate(quiz.items, start=1):
        assert f"Question {number} of 10" in view.body
        assert item.working not in view.body
        wrong = number == 1
        told = answered(view, asking, wrong_answer(item) if wrong else item.right)
        assert ("Not right" if wrong else "Right: ") in told.body
        assert (f'href="../../{item.shown_in}"' in told.body) == bool(item.shown_in)
        view = asking.respond(keys(told)["Enter"])
    assert "9 of 10" in view.body


def test_an_answer_that_cannot_be_read_leaves_the_question_open() -> None:
    asking = Asking(Quiz(5))
    asking.first()
    view = asking.respond("answer", "§")
    assert asking.quiz.items[0].takes in view.status
    assert "Question 1 of 10" in view.body
    assert asking.marked == [None] * 10


def test_a_choice_is_made_by_its_letter() -> None:
    quiz = Quiz(5)
    asking = Asking(quiz)
    view = asking.first()
    for item in quiz.items:
        if item.kind is Kind.CHOICE:
            break
        answered(view, asking, item.right)
        view = asking.respond("next")
    assert set(keys(view)) == set("abcdefgh"[: len(item.options)])
    assert "Right: " in asking.respond(keys(view)[item.right]).body


def test_answers_given_beforehand_are_marked_with_their_working() -> None:
    quiz = Quiz(5)
    paper = repr(take(quiz, " ".join(item.right for item in quiz.items)))
    assert "Quiz 5: 10 of 10" in paper
    assert all(item.working in paper and item.shown_in in paper for item in quiz.items)
    with pytest.raises(BadAnswer):
        take(quiz, "§")


def test_without_answers_the_questions_are_asked_and_no_answer_is_given() -> None:
    quiz = Quiz(5)
    paper = take(quiz)
    for shown in (repr(paper), paper._repr_html_()):
        assert not any(text(item.working) in shown for item in quiz.items)
        for item in quiz.items:
            assert all(text(line) in shown or line in shown for line in [*item.lines(), *item.numbered()])


# -- the widget


def panel(respond: Any) -> Panel:
    return Panel("A panel", View("first"), respond)


def say(shown: Panel, **message: Any) -> None:
    shown._heard(shown, {"turn": shown.view["turn"], **message}, [])


def test_a_saved_notebook_says_what_to_do_in_place_of_the_panel() -> None:
    assert panel(lambda action, typed: View("")).__repr__() == "A panel: run this cell in JupyterLab to go on."


def test_what_was_pressed_leads_to_the_next_view() -> None:
    shown = panel(lambda action, typed: View(f"{action} {typed}"))
    say(shown, action="answer", typed="42")
    assert shown.view["body"] == "answer 42"


def test_a_key_pressed_twice_does_not_rate_the_next_card_too() -> None:
    heard: list[str] = []

    def respond(action: str, typed: str) -> View:
        heard.append(action)
        return View("next")

    shown = panel(respond)
    turn = shown.view["turn"]
    for _ in range(2):
        shown._heard(shown, {"turn": turn, "action": "3"}, [])
    assert heard == ["3"]


def test_what_fails_is_said_and_the_view_stays() -> None:
    def respond(action: str, typed: str) -> View:
        raise PermissionError("cards.json is read-only")

    shown = panel(respond)
    say(shown, action="3")
    assert shown.view["body"] == "first"
    assert "Not done. PermissionError: cards.json is read-only" in shown.view["status"]

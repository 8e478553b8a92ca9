"""A sitting with the cards, and one with the quiz: by keyboard in JupyterLab, or by answers given beforehand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, get_args

from fsrs import Rating

from drydock.attended import attended
from drydock.figures import Figure
from drydock.notebooks import show
from drydock.prep.deck import Deck, Reviewed, in_words
from drydock.prep.items import LETTERS, BadAnswer, Kind, Marked
from drydock.prep.panel import Button, Group, Panel, View
from drydock.prep.questions import BadQuestions, Level, Question, link
from drydock.prep.quiz import Quiz

Clock = Callable[[], datetime]

_UNDO = Button("undo", "Undo the last rating (u)", ("u",))
_CHOOSE = Button("choose", "Choose topics and levels (c)", ("c",))


class BadRating(ValueError):
    """Ratings that cannot be taken; the text says which and why. None of them was."""


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def study(deck: Deck, answers: str = "", *, new: int = 10, clock: Clock = now) -> Any:
    """Go through the cards that are due, then through up to `new` that were never rated.

    answers  ratings in order, set apart by spaces: 1 again, 2 hard, 3 good, 4 easy. They are recorded, and the result
             is a table of cards, ratings and when each is due next. Empty: a widget in JupyterLab; anywhere else the
             list of the cards that wait, and nothing is recorded.

    Raises BadRating, and records nothing, for anything but 1 to 4 and for more ratings than cards that wait;
    ValueError for a `new` below 0.
    """
    if new < 0:
        raise ValueError(f"new={new}: the number of new cards in a sitting is 0 or more.")
    if answers.split():
        return _rated(deck, answers.split(), new, clock)
    if attended():
        sitting = Sitting(deck, new, clock)
        return Panel("Interview cards", sitting.first(), sitting.respond)
    due, fresh = deck.queue(clock())
    rows = [(question.topic, question.level, question.question) for question in [*due, *fresh[:new]]]
    return Figure(
        "Cards that wait. Open this notebook in JupyterLab to answer them", ("Topic", "Level", "Question"), rows
    )


def _rated(deck: Deck, answers: list[str], new: int, clock: Clock) -> Figure:
    at = clock()
    due, fresh = deck.queue(at)
    waiting = [*due, *fresh[:new]]
    for place, answer in enumerate(answers, start=1):
        if answer not in ("1", "2", "3", "4"):
            raise BadRating(f"Rating {place} is {answer!r}: it has to be 1 (again), 2 (hard), 3 (good) or 4 (easy).")
    if len(answers) > len(waiting):
        raise BadRating(
            f"{len(answers)} ratings were given and {len(waiting)} cards wait: {len(due)} due and "
            f"{len(waiting) - len(due)} new, of which new={new} allows no more."
        )
    reviewed = [deck.review(card.id, int(answer), at) for card, answer in zip(waiting, answers, strict=False)]
    rows = [(one.id, one.rating.name, in_words(one.due - at)) for one in reviewed]
    return Figure(f"{len(rows)} cards rated", ("Card", "Rating", "Due again in"), rows)


class Sitting:
    """One sitting with a deck: a question, its answer, a rating, the next question.

    A card that was rated *again* comes back in the same sitting once it is due, a minute later.
    """

    def __init__(self, deck: Deck, new: int, clock: Clock = now) -> None:
        self.deck = deck
        self.new = new
        self.clock = clock
        self.done: list[Reviewed] = []
        self._card: Question | None = None

    def first(self) -> View:
        return self._next("")

    def respond(self, action: str, typed: str = "") -> View:
        """The view after "show", "undo", "next", "choose", "chosen" or a rating, "1" to "4".

        A rating is in the learner's file by then. "chosen" comes with topics and levels, each on a line. A card that
        another window has rated since it was shown here is not rated twice.
        """
        if action == "choose":
            return self._choices("Without any topic it is all of them, and so with levels.")
        if action == "chosen":
            return self._chosen(typed.split("\n"))
        if action == "undo" and self.done:
            last = self.done[-1]
            self.deck.undo(last)
            self.done.pop()
            self._card = self.deck.questions[last.id]
            return self._back(f"Taken back: {last.rating.name}. Rate it again.")
        if action == "show" and self._card:
            return self._back("Rate your own answer: 1 to 4.")
        if action in ("1", "2", "3", "4") and self._card:
            at = self.clock()
            if not any(self._card in waiting for waiting in self.deck.queue(at)):
                return self._next("Not saved: this card was rated in another window meanwhile, and that rating stays.")
            self.done.append(reviewed := self.deck.review(self._card.id, int(action), at))
            return self._next(f"Saved: {reviewed.rating.name}, due again in {in_words(reviewed.due - reviewed.at)}.")
        return self._next("")

    def _next(self, status: str) -> View:
        at = self.clock()
        due, fresh = self.deck.queue(at)
        begun = sum(one.first for one in self.done)
        waiting = [*due, *fresh[: max(0, self.new - begun)]]
        undo = [_CHOOSE, *([_UNDO] if self.done else [])]
        if not waiting:
            self._card = None
            return View(self._end(at), status, [Button("next", "Look again (Enter)", ("Enter",)), *undo])
        self._card = waiting[0]
        said = f"{status} {len(waiting)} {'card waits' if len(waiting) == 1 else 'cards wait'}.".lstrip()
        answer = Button("show", "Show the answer (Space)", (" ", "Enter"))
        return View(self._card.front, said, [answer, *undo])

    def _choices(self, status: str) -> View:
        topics = sorted({card.topic for card in self.deck.all})
        groups = [self._boxes("Topics", "topic", topics), self._boxes("Levels", "level", get_args(Level))]
        buttons = [Button("chosen", "Begin (Enter)"), Button("next", "Back (Escape)", ("Escape",))]
        body = "<h3>Which cards?</h3><p>Space ticks a box, Tab goes to the next.</p>"
        return View(body, status, buttons, groups=groups)

    def _boxes(self, legend: str, kind: str, names: Sequence[str]) -> Group:
        """A box for each topic or level, with how many cards it has and how many of them are due."""
        at, records = self.clock(), self.deck.records_of_all()
        due = {name for name, record in records.items() if record.card.due <= at}
        boxes = []
        for name in names:
            cards = [card.id for card in self.deck.all if getattr(card, kind) == name]
            told = f"{name} ({len(cards)}, {len(due.intersection(cards))} due)"
            boxes.append((f"{kind} {name}", told, name in self.deck.chosen[kind]))
        return Group(legend, boxes)

    def _chosen(self, ticked: Sequence[str]) -> View:
        kinds = [[one.partition(" ")[2] for one in ticked if one.startswith(kind)] for kind in ("topic ", "level ")]
        try:
            self.deck.choose(*map(",".join, kinds))
        except BadQuestions as error:
            return self._choices(str(error))
        self.done = []
        return self._next(f"A new sitting, of {len(self.deck.questions)} cards.")

    def _back(self, status: str) -> View:
        assert self._card is not None
        ratings = [Button(str(int(one)), f"{int(one)} {one.name}", (str(int(one)),)) for one in Rating]
        return View(self._card.front + self._card.back, status, [*ratings, _CHOOSE, *([_UNDO] if self.done else [])])

    def _end(self, at: datetime) -> str:
        moment, left = self.deck.next_due(), len(self.deck.queue(at)[1])
        later = f" The next one is due in {in_words(moment - at)}." if moment else ""
        more = f" {left} have never been shown: run the cell again for more." if left else ""
        return f"<h3>Nothing waits now</h3><p>Rated in this sitting: {len(self.done)}.{later}{more}</p>"


def take(quiz: Quiz, answers: str = "") -> Any:
    """Answer the quiz.

    answers  in order, set apart by spaces, "-" to leave one out: the result is each one marked, and the score.
             Empty: a widget in JupyterLab; anywhere else the questions.

    Raises BadAnswer where one cannot be read.
    """
    if answers.split():
        return Paper(quiz, quiz.mark(answers))
    if attended():
        asking = Asking(quiz)
        return Panel(f"Quiz {quiz.seed}", asking.first(), asking.respond)
    return Paper(quiz, None)


class Paper:
    """The quiz on paper: its questions or, where there are answers, each one marked, and the score at the end."""

    def __init__(self, quiz: Quiz, marked: list[Marked | None] | None) -> None:
        self.quiz = quiz
        self.marked = marked

    def __repr__(self) -> str:
        parts = []
        for number, (item, said) in enumerate(zip(self.quiz.items, self._said(), strict=True), start=1):
            prompt, *rest = [*item.lines(), *item.numbered()]
            parts.append("\n   ".join([f"{number}. {prompt}", *rest, f"({item.takes})", *map(repr, said)]))
        return "\n".join([*parts, *map(repr, self._score())])

    def _repr_html_(self) -> str:
        parts = []
        for item, said in zip(self.quiz.items, self._said(), strict=True):
            parts.append(f"<li>{item._repr_html_()}{''.join(one._repr_html_() for one in said)}</li>")
        return f"<ol>{''.join(parts)}</ol>" + "".join(score._repr_html_() for score in self._score())

    def _said(self) -> list[list[Marked | show.Note]]:
        """What is said to each question: nothing where it is only asked."""
        if self.marked is None:
            return [[] for _ in self.quiz.items]
        return [[one or show.Note("Not answered.")] for one in self.marked]

    def _score(self) -> list[Figure]:
        return [self.quiz.score(self.marked)] if self.marked else []


class Asking:
    """A quiz taken question by question."""

    def __init__(self, quiz: Quiz) -> None:
        self.quiz = quiz
        self.marked: list[Marked | None] = [None] * len(quiz.items)
        self._place = 0

    def first(self) -> View:
        return self._ask("")

    def respond(self, action: str, typed: str = "") -> View:
        """The view after "answer" with what was typed, a letter (of a choice), or "next"."""
        if action == "next":
            self._place += 1
            return self._ask("") if self._place < len(self.quiz.items) else self._end()
        item = self.quiz.items[self._place]
        try:
            marked = item.mark(typed if action == "answer" else action)
        except BadAnswer as error:
            return self._ask(str(error))
        self.marked[self._place] = marked
        last = self._place + 1 == len(self.quiz.items)
        following = Button("next", "To the score (Enter)" if last else "Next question (Enter)", ("Enter", " "))
        see = f"<p><small>See {link(item.shown_in)}.</small></p>" if item.shown_in else ""
        told = (
            [marked.explained, see, item._repr_html_()] if item.listing else [item._repr_html_(), marked.explained, see]
        )
        return View("".join([self._heading(), *told]), "", [following])

    def _heading(self) -> str:
        topic = self.quiz.items[self._place].topic
        return f"<p><small>Question {self._place + 1} of {len(self.quiz.items)} · {topic}</small></p>"

    def _ask(self, status: str) -> View:
        item = self.quiz.items[self._place]
        body = self._heading() + item._repr_html_()
        if item.kind is Kind.CHOICE:
            buttons = [Button(letter, letter, (letter,)) for letter in LETTERS[: len(item.options)]]
            return View(body, status or "Press the letter.", buttons)
        return View(body, status, [Button("answer", "Answer (Enter)")], field=f"Your answer, {item.takes}:")

    def _end(self) -> View:
        score = self.quiz.score(self.marked)
        return View(
            f"<h3>{score.title}</h3>{show.table(score.columns, score.rows)}",
            "For other numbers set another seed in the first cell, and run both cells.",
        )

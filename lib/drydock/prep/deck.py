"""A deck of cards: what is due, what a rating does to it, and the learner's file that keeps it.

When a card comes back is fsrs' decision, and it follows from the card's reviews: they are all that is kept. No clock is
read here: every moment is given, in UTC.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from fsrs import Card, Rating, ReviewLog, Scheduler

from drydock.notebooks.document import Document
from drydock.prep import questions
from drydock.prep.questions import Question
from drydock.user import home

SCHEDULER = Scheduler(enable_fuzzing=False)
"""fsrs as it comes, but for the chance in its intervals: what a rating does can be said beforehand."""


def path() -> Path:
    """$DRYDOCK_PREP, else cards.json in Drydock's folder of the user's state."""
    return Path(os.environ.get("DRYDOCK_PREP") or home() / "cards.json").expanduser()


class BadDeck(OSError):
    """The learner's file cannot be read or written: which file, why, and what to do about it. It stays as it is."""


@dataclass(frozen=True)
class Reviewed:
    """One rating: of which question, when, when it is due again, and whether it is the question's first."""

    id: str
    rating: Rating
    at: datetime
    due: datetime
    first: bool


@dataclass
class Record:
    """A card as its reviews make it, in the order in which they were given; `after` is the card after each of them."""

    card: Card
    reviews: list[ReviewLog] = field(default_factory=list)
    after: list[Card] = field(default_factory=list)

    def review(self, rating: Rating, at: datetime) -> None:
        self.card, log = SCHEDULER.review_card(self.card, rating, at)
        self.reviews.append(log)
        self.after.append(self.card)


class Deck:
    """The questions and the learner's record of them, which is read anew and written whole at each change.

    Whatever reads or writes the file raises BadDeck where that cannot be done, and a file that is not as this Drydock
    writes it is never written over.
    """

    def __init__(self, cards: Sequence[Question], file: Path | None = None) -> None:
        self.all = tuple(cards)
        self.questions = {question.id: question for question in cards}
        self.chosen: Mapping[str, Set[str]] = {"topic": set(), "level": set()}
        self.file = file or path()
        self._document = Document(self.file)

    @classmethod
    def open(cls, topics: str = "", levels: str = "") -> Deck:
        """The questions of notebooks/prep that `choose` names, and the record in `path()`. Raises BadQuestions."""
        deck = cls(questions.load())
        deck.choose(topics, levels)
        return deck

    def choose(self, topics: str = "", levels: str = "") -> None:
        """From now on it is about the questions of some topics and levels, as `questions.choose` has them.

        The record is of all cards: those that were not chosen keep theirs. Raises BadQuestions, and changes nothing.
        """
        self.questions = {question.id: question for question in questions.choose(self.all, topics, levels)}
        self.chosen = {
            "topic": questions.named(topics, "topic", {card.topic for card in self.all}),
            "level": questions.named(levels, "level", {card.level for card in self.all}),
        }

    def records(self) -> dict[str, Record]:
        """{id: record} of the questions in this deck that were rated."""
        return {name: record for name, record in self.records_of_all().items() if name in self.questions}

    def records_of_all(self) -> dict[str, Record]:
        """{id: record} of everything that was rated, chosen or not."""
        with self._alone():
            return self._read()

    def queue(self, at: datetime) -> tuple[list[Question], list[Question]]:
        """(due, new): what is due at `at`, longest due first, and what was never rated, in the questions' order."""
        records = self.records()
        waiting = sorted((record.card.due, name) for name, record in records.items())
        due = [self.questions[name] for moment, name in waiting if moment <= at]
        return due, [question for name, question in self.questions.items() if name not in records]

    def next_due(self) -> datetime | None:
        """When the next card is due, be it in the past; None if none was ever rated."""
        return min((record.card.due for record in self.records().values()), default=None)

    def review(self, name: str, rating: Rating | int, at: datetime) -> Reviewed:
        """Rate the question called `name`: 1 again, 2 hard, 3 good, 4 easy. It is in the file when this returns.

        Raises KeyError for a question that is not in the deck, ValueError for another rating or an `at` not in UTC.
        """
        if name not in self.questions:
            raise KeyError(f"There is no question {name!r} in this deck.")
        given = Rating(rating)
        with self._alone():
            records = self._read()
            first = name not in records
            record = records.setdefault(name, _unrated(name, at))
            record.review(given, at)
            self._write(records)
        return Reviewed(name, given, at, record.card.due, first)

    def undo(self, last: Reviewed) -> None:
        """Take back `last`: the card is again what its other reviews make it.

        Raises ValueError where it is not the card's newest review: the card was rated since, in another window, or
        the file is another one.
        """
        with self._alone():
            records = self._read()
            record = records.get(last.id)
            if record is None or record.reviews[-1].review_datetime != last.at:
                found = "has been rated elsewhere since" if record else f"has no rating in {self.file.name} any more"
                raise ValueError(f"The card {last.id} {found}. Nothing was taken back.")
            record.reviews.pop()
            if not record.reviews:
                del records[last.id]
            self._write(records)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            with self._document.alone():
                yield
        except BadDeck:
            raise
        except OSError as error:
            raise BadDeck(
                f"Your cards cannot be kept in {self.file}: {error.strerror}. Mend that, or name another file in "
                "DRYDOCK_PREP before JupyterLab starts."
            ) from error

    def _read(self) -> dict[str, Record]:
        found = ""
        try:
            records = {}
            for found, entry in self._document.read().items():
                records[found] = _record(found, entry)
            return records
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            where = f"the card {found!r}: {type(error).__name__} {error}" if found else str(error)
            raise BadDeck(
                f"{self.file} is damaged, or another version of Drydock has written it ({where}). It was left as it "
                "is, and nothing was recorded. Mend it, move it away to begin anew, or name another file in "
                "DRYDOCK_PREP before JupyterLab starts."
            ) from error

    def _write(self, records: dict[str, Record]) -> None:
        self._document.write(
            {name: {"reviews": [log.to_dict() for log in record.reviews]} for name, record in records.items()}
        )


def in_words(wait: timedelta) -> str:
    """How long until a card is due: minutes under an hour, hours under a day, else whole days."""
    seconds = wait.total_seconds()
    if seconds < 60:
        return "less than a minute"
    unit, length = ("day", 86400) if seconds >= 86400 else ("hour", 3600) if seconds >= 3600 else ("minute", 60)
    count = round(seconds / length)
    return f"{count} {unit}{'' if count == 1 else 's'}"


def _number(name: str) -> int:
    """fsrs numbers its cards; this number follows from the question's id, so that it never changes."""
    return zlib.crc32(name.encode())


def _unrated(name: str, at: datetime) -> Record:
    return Record(Card(card_id=_number(name), due=at))


def _record(name: str, entry: dict[str, Any]) -> Record:
    """The card that these reviews make. Raises what fsrs raises for reviews that are none."""
    logs = [ReviewLog.from_dict(log) for log in entry["reviews"]]
    if not logs:
        raise ValueError("a card that was never rated is not kept")
    record = _unrated(name, logs[0].review_datetime)
    for log in logs:
        record.review(log.rating, log.review_datetime)
    return record

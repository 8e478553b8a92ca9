"""A deck of cards: what is due, what a rating does to it, and the learner's file that keeps it.

When a card comes back is fsrs' decision; its card and its log of reviews are what is kept. No clock is read here:
every moment is given, in UTC.
"""

from __future__ import annotations

import os
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from fsrs import Card, Rating, ReviewLog, Scheduler

from drydock.figures import Figure
from drydock.notebooks.document import Document
from drydock.prep import questions
from drydock.prep.questions import Question
from drydock.user import home

SCHEDULER = Scheduler(enable_fuzzing=False)
"""fsrs as it comes, but for the chance in its intervals: what a rating does can be said beforehand."""


def path() -> Path:
    """$DRYDOCK_PREP, else cards.json in Drydock's folder of the user's state."""
    return Path(os.environ.get("DRYDOCK_PREP") or home() / "cards.json")


@dataclass(frozen=True)
class Reviewed:
    """One rating: of which question, when, and when it is due again."""

    id: str
    rating: Rating
    at: datetime
    due: datetime


@dataclass
class _Record:
    card: Card
    reviews: list[ReviewLog] = field(default_factory=list)


class Deck:
    """The questions and the learner's record of them, which is read anew and written whole at each change.

    notice  what happened to the file, if anything did; for whoever shows the deck.
    """

    def __init__(self, cards: Sequence[Question], file: Path | None = None) -> None:
        self.questions = {question.id: question for question in cards}
        self.file = file or path()
        self._document = Document(self.file)
        self.notice = ""

    @classmethod
    def open(cls) -> Deck:
        """All questions of notebooks/prep, and the record in `path()`. Raises BadQuestions."""
        return cls(questions.load())

    def queue(self, at: datetime) -> tuple[list[Question], list[Question]]:
        """(due, new): what is due at `at`, longest due first, and what was never rated, in the questions' order."""
        with self._document.alone():
            records = self._read()
        waiting = sorted((record.card.due, name) for name, record in records.items() if name in self.questions)
        due = [self.questions[name] for moment, name in waiting if moment <= at]
        return due, [question for name, question in self.questions.items() if name not in records]

    def next_due(self) -> datetime | None:
        """When the next card is due, be it in the past; None if none was ever rated."""
        with self._document.alone():
            records = self._read()
        return min((record.card.due for name, record in records.items() if name in self.questions), default=None)

    def review(self, name: str, rating: Rating | int, at: datetime) -> Reviewed:
        """Rate the question called `name`: 1 again, 2 hard, 3 good, 4 easy. It is in the file when this returns.

        Raises KeyError for a question that is not in the deck, ValueError for another rating or an `at` not in UTC.
        """
        if name not in self.questions:
            raise KeyError(f"There is no question {name!r} in this deck.")
        given = Rating(rating)
        with self._document.alone():
            records = self._read()
            record = records.setdefault(name, _Record(Card(card_id=_number(name), due=at)))
            record.card, log = SCHEDULER.review_card(record.card, given, at)
            record.reviews.append(log)
            self._write(records)
        return Reviewed(name, given, at, record.card.due)

    def undo(self, last: Reviewed) -> None:
        """Take back `last`: the card is again what its other reviews make it.

        Raises ValueError where it is not the card's newest review: it was rated since, in another window.
        """
        with self._document.alone():
            records = self._read()
            record = records.get(last.id)
            if record is None or record.reviews[-1].review_datetime != last.at:
                raise ValueError(f"{last.id} has been rated elsewhere since: that rating stays.")
            record.reviews.pop()
            if record.reviews:
                record.card = SCHEDULER.reschedule_card(record.card, record.reviews)
            else:
                del records[last.id]
            self._write(records)

    def standing(self, at: datetime) -> Figure:
        """How many cards of each topic are new, due, and resting until later."""
        due, new = self.queue(at)
        total, fresh, waiting = (Counter(one.topic for one in some) for some in (self.questions.values(), new, due))
        rows = [
            (topic, total[topic], fresh[topic], waiting[topic], total[topic] - fresh[topic] - waiting[topic])
            for topic in total
        ]
        rows.append(("all", len(self.questions), len(new), len(due), len(self.questions) - len(new) - len(due)))
        title = "Where you stand" + (f". {self.notice}" if self.notice else "")
        return Figure(title, ("Topic", "Cards", "New", "Due now", "Resting"), rows)

    def _read(self) -> dict[str, _Record]:
        """{id: record}. A file that cannot be read is put aside, never overwritten, and `notice` says so."""
        try:
            return {name: _record(entry) for name, entry in self._document.read().items()}
        except (ValueError, TypeError, KeyError, AttributeError):
            self.notice = f"{self._document.put_aside()}, and the cards begin anew."
            return {}

    def _write(self, records: dict[str, _Record]) -> None:
        kept = {
            name: {"card": record.card.to_dict(), "reviews": [log.to_dict() for log in record.reviews]}
            for name, record in records.items()
        }
        self._document.write(kept)


def in_words(wait: timedelta) -> str:
    """How long until a card is due: minutes under an hour, hours under a day, else whole days."""
    seconds = max(0.0, wait.total_seconds())
    unit, length = ("day", 86400) if seconds >= 86400 else ("hour", 3600) if seconds >= 3600 else ("minute", 60)
    count = round(seconds / length)
    return f"{count} {unit}{'' if count == 1 else 's'}"


def _number(name: str) -> int:
    """fsrs numbers its cards; this number follows from the question's id, so that it never changes."""
    return zlib.crc32(name.encode())


def _record(entry: dict[str, Any]) -> _Record:
    record = _Record(Card.from_dict(entry["card"]), [ReviewLog.from_dict(log) for log in entry["reviews"]])
    if not record.reviews:
        raise ValueError("a card that was never rated is not kept")
    return record

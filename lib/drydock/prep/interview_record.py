"""Mock interviews as they are kept: what was asked, what was answered and what of it was right, in the learner's file.

No clock is read here: every moment is given, in UTC. Whatever counts is in the file before anybody sees it, so that a
reload of the page or a kernel that was restarted changes nothing, and the time runs on meanwhile.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from drydock.notebooks.document import Document
from drydock.prep import deck
from drydock.prep.questions import Level

VERSION = 1
SHORTEST, LONGEST = 5, 180
"""Minutes that an interview may take."""
GRACE = timedelta(seconds=5)
"""So long after the end an answer that the page sent at the end may be under way."""


def path() -> Path:
    """interviews.json, beside the learner's cards."""
    return deck.path().with_name("interviews.json")


class BadInterviews(OSError):
    """The learner's file of interviews cannot be read or written: which file, why, and what to do about it."""


class BadSettings(ValueError):
    """An interview that cannot be held like this; the text says which setting and what it may be."""


def check_minutes(minutes: int) -> None:
    """Raises BadSettings."""
    if not SHORTEST <= minutes <= LONGEST:
        raise BadSettings(f"minutes={minutes}: an interview takes {SHORTEST} to {LONGEST} minutes.")


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Asked(_Kept):
    """A question that was asked. Its key points are in here once it is scored, and not before.

    follows  the question that it follows up, by id; empty for one that stands by itself.
    because  what was missed there; empty where the follow-up is the question's own, which has no key points.
    answer   None until it is in. `study` are notebooks that show the answer.
    """

    id: str
    topic: str
    level: Level
    question: str
    at: AwareDatetime
    follows: str = ""
    because: str = ""
    answer: str | None = None
    answered: AwareDatetime | None = None
    scored: bool = False
    made: list[str] = []
    missed: list[str] = []
    said: list[str] = []
    study: list[str] = []

    @property
    def open(self) -> bool:
        """Whether it has no key points, so that nobody can tick them."""
        return bool(self.follows and not self.because)

    @property
    def points(self) -> int:
        return len(self.made) + len(self.missed)


class Sealed(_Kept):
    """The examiner's pack that an interview is by: its name, what it is told by, the key to its questions."""

    name: str
    digest: str
    key: str


class Pause(_Kept):
    begin: AwareDatetime
    end: AwareDatetime | None = None


class Interview(_Kept):
    """One interview.

    given   whether it was answered beforehand, by nobody who sat there.
    draft   what is typed so far to the last question.
    closed  when the last answer was taken; None while the interview runs.
    """

    begun: AwareDatetime
    minutes: int
    seed: int
    topics: str = ""
    levels: str = ""
    exam: bool = False
    given: bool = False
    sealed: Sealed | None = None
    pauses: list[Pause] = []
    asked: list[Asked] = []
    draft: str = ""
    closed: AwareDatetime | None = None

    @property
    def paused(self) -> bool:
        return bool(self.pauses) and self.pauses[-1].end is None

    def ends(self, now: datetime) -> datetime:
        """When the time is over; it moves while there is a pause."""
        return self.begun + timedelta(minutes=self.minutes) + self._rest(now)

    def used(self) -> timedelta:
        """How long it took until the last answer, pauses left out. Only of one that is closed."""
        assert self.closed is not None
        return self.closed - self.begun - self._rest(self.closed)

    def _rest(self, until: datetime) -> timedelta:
        return sum(((one.end or until) - one.begin for one in self.pauses), timedelta())

    @property
    def unscored(self) -> list[Asked]:
        return [one for one in self.asked if one.answer is not None and not one.scored]

    @property
    def finished(self) -> bool:
        return self.closed is not None and not self.unscored

    @property
    def scored(self) -> list[Asked]:
        """What has points, made or not."""
        return [one for one in self.asked if one.scored and not one.open]

    def code(self) -> str:
        """Says which answers were given to which questions, and when: another answer has another code.

        80 bits of a SHA-256. Whoever has noted the code knows later whether the answers are still those.
        """
        said = [(one.id, one.answer, one.answered and one.answered.isoformat()) for one in self.asked]
        sealed = self.sealed.digest if self.sealed else ""
        text = json.dumps([self.begun.isoformat(), self.minutes, self.seed, sealed, said], ensure_ascii=True)
        return grouped(hashlib.sha256(text.encode()).digest()[:10])


def grouped(raw: bytes) -> str:
    """Ten bytes as people read them to each other: four groups of four letters and digits."""
    letters = base64.b32encode(raw).decode()
    return "-".join(letters[place : place + 4] for place in range(0, len(letters), 4))


def total(asked: Sequence[Asked]) -> tuple[int, int]:
    """(key points made, key points that there were)."""
    return sum(len(one.made) for one in asked), sum(one.points for one in asked)


class _File(_Kept):
    version: Literal[1] = 1
    interviews: list[Interview] = Field(default=[])


class Interviews:
    """The learner's file of interviews, oldest first. Whatever touches it raises BadInterviews where that fails."""

    def __init__(self, file: Path | None = None) -> None:
        self.file = file or path()
        self._document = Document(self.file)

    def all(self) -> list[Interview]:
        with self._told():
            return self._read()

    @contextmanager
    def changing(self) -> Iterator[list[Interview]]:
        """The interviews, to change: they are in the file when the block has ended, and nobody else is in it."""
        with self._told(), self._document.alone():
            kept = self._read()
            before = _File(interviews=kept).model_dump(mode="json")
            yield kept
            if (after := _File(interviews=kept).model_dump(mode="json")) != before:
                self._document.write(after)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except BadInterviews:
            raise
        except OSError as error:
            raise BadInterviews(
                f"Your interviews cannot be kept in {self.file}: {error.strerror}. Mend that, or name another place in "
                "DRYDOCK_PREP before JupyterLab starts."
            ) from error

    def _read(self) -> list[Interview]:
        try:
            data = self._document.read()
            if data.get("version", VERSION) != VERSION:
                raise ValueError(f"its version is {data['version']!r}, and this Drydock knows {VERSION}")
            return _File.model_validate(data).interviews
        except ValidationError as error:
            first = error.errors()[0]
            why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        except ValueError as error:
            why = str(error)
        raise BadInterviews(
            f"{self.file} holds no interviews that can be read ({why}). It is left as it is. Mend it, or move it away: "
            "then your history begins anew."
        )

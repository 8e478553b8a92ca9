"""Questions that an examiner has sealed: nobody reads them without a key, and the key points have a key of their own.

The examiner gives the first key when the exam begins and the second when the answers are in. Until then what makes an
answer good is on the candidate's disk only encrypted: by Fernet (AES-128-CBC with HMAC-SHA-256), under keys that scrypt
makes of 80 random bits.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from drydock.prep import interview_choice, questions
from drydock.prep.interview_record import GRACE, Interview, check_minutes, grouped
from drydock.prep.questions import Question

KIND = "drydock sealed questions, version 1"


class BadPack(ValueError):
    """A pack that cannot be read, or a key that does not open it; the text says which and what to do."""


@dataclass(frozen=True)
class Contents:
    """What the first key opens: the questions without what makes an answer good, and how the exam is set."""

    questions: Sequence[Question]
    minutes: int
    seed: int


@dataclass(frozen=True)
class Pack:
    """A sealed file. `digest` tells it from every other."""

    name: str
    salt: bytes
    asked: bytes
    answers: bytes

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.asked + self.answers).hexdigest()

    def contents(self, key: str) -> Contents:
        """By the first key. Raises BadPack."""
        data = self._opened(self.asked, key, "the questions")
        asked = [Question(**one, key_points=(), wrong_answers=(), source="", shown_in=()) for one in data["questions"]]
        return Contents(asked, data["minutes"], data["seed"])

    def key_points(self, key: str) -> Sequence[Question]:
        """The whole questions, by the second key. Raises BadPack."""
        return [questions.read(entry) for entry in self._opened(self.answers, key, "the key points")["questions"]]

    def _opened(self, token: bytes, key: str, what: str) -> Any:
        try:
            return json.loads(_fernet(key, self.salt).decrypt(token))
        except InvalidToken:
            raise BadPack(
                f"This key does not open {what} of {self.name}. It has 16 letters and digits; upper and lower case and "
                "dashes do not matter."
            ) from None


def seal(file: Path, asked: Sequence[Question], *, minutes: int, seed: int) -> tuple[str, str]:
    """Write a pack; (the key to its questions, the key to their key points).

    Raises BadSettings, and BadPack where `file` is there.
    """
    check_minutes(minutes)
    keys, salt = (grouped(secrets.token_bytes(10)), grouped(secrets.token_bytes(10))), secrets.token_bytes(16)
    shown = [{name: getattr(one, name) for name in ("id", "topic", "level", "question")} for one in asked]
    parts = ({"questions": shown, "minutes": minutes, "seed": seed}, {"questions": [asdict(one) for one in asked]})
    tokens = [
        _fernet(key, salt).encrypt(json.dumps(part).encode()).decode() for key, part in zip(keys, parts, strict=True)
    ]
    text = {"kind": KIND, "salt": base64.b64encode(salt).decode(), "questions": tokens[0], "key points": tokens[1]}
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(json.dumps(text, indent=1) + "\n")
    except FileExistsError:
        raise BadPack(f"{file} is there already, and whoever has its keys may need it. Choose another name.") from None
    return keys


def read(file: Path) -> Pack:
    """Raises BadPack for a file that is not there or is no pack."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if data["kind"] != KIND:
            raise ValueError(f"its kind is {data['kind']!r}")
        salt = base64.b64decode(data["salt"], validate=True)
        return Pack(file.name, salt, data["questions"].encode(), data["key points"].encode())
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        said = error.strerror if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
        raise BadPack(f"{file} is not a pack of sealed questions ({said}). `drydock prep seal` makes one.") from None


def faults(interview: Interview, contents: Contents) -> list[str]:
    """What in a candidate's interview is not as the pack's: its time, or the questions that its seed draws."""
    found = []
    if (interview.minutes, interview.seed) != (contents.minutes, contents.seed):
        found.append("it has another length or another seed")
    bare = [one.model_copy(update={"made": [], "missed": []}) for one in interview.asked]  # as they were when drawn
    for number, one in enumerate(bare):
        drawn = interview_choice.following(contents.questions, bare[:number], contents.seed)
        if drawn is None or (drawn.id, drawn.question) != (one.id, one.question):
            found.append(f"question {number + 1} is {one.id!r}, and the seed draws {drawn.id if drawn else 'none'!r}")
            break
    end = interview.begun + timedelta(minutes=contents.minutes) + GRACE
    late = [one.id for one in interview.asked if one.answered and not interview.begun <= one.answered <= end]
    return [*found, *(f"the answer to {name!r} is not within its time" for name in late)]


def _fernet(key: str, salt: bytes) -> Fernet:
    plain = re.sub(r"[\s-]", "", key).upper().replace("0", "O").replace("1", "I")
    made = Scrypt(salt=salt, length=32, n=2**14, r=8, p=1).derive(plain.encode())
    return Fernet(base64.urlsafe_b64encode(made))

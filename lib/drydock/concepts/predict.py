"""A question to answer before reading on, and what the policy answers."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

from drydock.notebooks import show


@dataclass(frozen=True)
class Question:
    """What is asked. Shown, it gives nothing away.

    answer   computed by policy, of the notebook's parameters: a number, or one of `choices`.
    reason   why it is so, in words and numbers.
    within   how far off a number may be, relative to the answer; 0 is exact.
    """

    text: str
    answer: float | str
    reason: str
    within: float = 0.0
    choices: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return show.box("note", "Predict first", show.text(self.text))


def predict(question: Question, answer: float | str, *, solve: bool = False) -> show.Note:
    """Whether `answer` is right, and why. Empty, it is not answered yet: nothing is given away, nothing fails.

    What cannot be an answer, as text where a number is asked for, is said, and gives nothing away either.

    solve  answers an empty one, as $DRYDOCK_SOLVE=1 does.
    """
    if isinstance(answer, str) and not answer.strip():
        if solve or os.environ.get("DRYDOCK_SOLVE") == "1":
            return show.Note(f"The answer: {_shown(question.answer)}", question.reason)
        return show.Note(
            "○ Not answered yet",
            f"Write {_kind(question)} in this cell and run it again. You can also go on without.",
            tone="not started",
        )
    given = _read(question, answer)
    if given is None:
        return show.Note(f"✗ {answer!r} is no answer", f"Write {_kind(question)} in its place.", tone="wrong")
    if _matches(question, given):
        return show.Note(f"✓ Right: {_shown(question.answer)}", question.reason, tone="passed")
    return show.Note(f"✗ Not {_shown(given)} but {_shown(question.answer)}", question.reason, tone="wrong")


def _kind(question: Question) -> str:
    return " or ".join(f'"{one}"' for one in question.choices) if question.choices else "a number, such as 3 or 1.5,"


def _read(question: Question, answer: object) -> float | str | None:
    """The answer as one of the choices or as a number; None for what is neither."""
    if question.choices:
        said = str(answer).strip().lower()
        return said if said in question.choices else None
    if isinstance(answer, bool) or not isinstance(answer, int | float | str):
        return None
    try:
        number = float(answer)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _matches(question: Question, given: float | str) -> bool:
    if isinstance(given, str) or isinstance(question.answer, str):
        return given == question.answer
    return abs(given - question.answer) <= question.within * abs(question.answer) + 1e-9


def _shown(answer: float | str) -> str:
    return answer if isinstance(answer, str) else f"{answer:,.2f}".rstrip("0").rstrip(".")

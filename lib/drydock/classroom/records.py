"""What a learner's own file says of the labs, and what grading found. Read with care: others can write them."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from drydock.labs import progress

_LARGEST = 4 * 1024 * 1024


class BadRecord(ValueError):
    """A file that cannot be taken for what it should be; the text names it and says why."""


def _when(value: Any) -> Any:
    if value == "":
        return None
    if not isinstance(value, str):
        raise ValueError("a time is a text")
    found = datetime.fromisoformat(value)
    if found.tzinfo is None:
        raise ValueError("a time names its offset from UTC")
    try:
        return found.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time lies within the years 1 to 9999 in UTC") from None


When = Annotated[datetime | None, BeforeValidator(_when)]
_Count = Annotated[int, Field(ge=0, le=1_000_000)]


class StepRecord(BaseModel):
    """One step, as the learner's file has it: see `drydock.labs.progress.read`."""

    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)

    passed: bool = False
    attempts: _Count = 0
    hints: _Count = 0
    solution_shown: bool = False
    seconds: Annotated[float, Field(ge=0, le=1e9)] = 0.0
    first_tried: When = None
    last_seen: When = None
    passed_at: When = None

    @property
    def begun(self) -> bool:
        return self.passed or self.solution_shown or bool(self.attempts or self.hints)


Progress = dict[str, dict[str, StepRecord]]
_PROGRESS: TypeAdapter[Progress] = TypeAdapter(Progress)


def progress_in(folder: Path) -> Progress:
    """{lab: {step: record}} of the learner whose folder this is; empty where nothing is begun. Raises BadRecord."""
    file = folder / progress.FILE
    data = _read(file)
    if data is None:
        return {}
    try:
        return _PROGRESS.validate_python(progress.of_version(data, file))
    except progress.NewerProgress as error:
        raise BadRecord(str(error)) from None
    except ValidationError as error:
        raise BadRecord(_said(file, error)) from None
    except ValueError as error:
        raise BadRecord(f"{error}.") from None


class GradedStep(BaseModel):
    """One step: what our check said, or why there is nothing to say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outcome: Literal["passed", "not passed", "not graded"]
    said: str = ""


class Graded(BaseModel):
    """What grading one lab of one learner found.

    of     what was graded: a digest of the notebook, what is beside it, and our checks.
    why    why none of it could be graded, or not all. notes: what the teacher may want to look at.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    lab: str
    of: str
    when: str
    seconds: float
    why: str = ""
    notes: list[str] = []
    steps: dict[str, GradedStep]

    @property
    def points(self) -> int:
        return sum(step.outcome == "passed" for step in self.steps.values())

    def write(self, folder: Path) -> None:
        """Keep it in a learner's folder of grades, whole."""
        fresh = folder / f".{self.lab}.json.new"
        fresh.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        fresh.replace(folder / f"{self.lab}.json")


def graded_in(folder: Path, lab: str) -> Graded | None:
    """What was found of the lab; None where it was not graded. Raises BadRecord."""
    file = folder / f"{lab}.json"
    data = _read(file)
    try:
        return None if data is None else Graded.model_validate(data)
    except ValidationError as error:
        raise BadRecord(_said(file, error)) from None


def _read(file: Path) -> dict[str, Any] | None:
    """The object in a file, which is no link; None where there is no file."""
    if file.is_symlink():
        raise BadRecord(f"{file} is a link, and is not followed.")
    try:
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as content:
            found = os.fstat(content.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise BadRecord(f"{file} is no ordinary file.")
            if found.st_size > _LARGEST:
                raise BadRecord(f"{file} has {found.st_size} bytes, and {_LARGEST} is the most.")
            value = json.loads(content.read(_LARGEST))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise BadRecord(f"{file} cannot be read: {error}") from None
    if not isinstance(value, dict):
        raise BadRecord(f"{file} holds a {type(value).__name__}, not an object.")
    return value


def _said(file: Path, error: ValidationError) -> str:
    first, *others = error.errors(include_url=False)
    where = " · ".join(str(part) for part in first["loc"][:4])
    more = f" (and {len(others)} more)" if others else ""
    return f"{file} is damaged at {where[:200]}: {first['msg']}{more}"

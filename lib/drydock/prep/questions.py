"""Interview questions: data beside the notebooks that use them, a file for each topic, held against its schema."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from drydock.figures.table import text
from drydock.notebooks import places

Level = Literal["easy", "medium", "hard"]


class BadQuestions(ValueError):
    """The questions are not there, or not as the schema has them: which file, where in it, and what is wrong."""


@dataclass(frozen=True)
class WrongAnswer:
    """What is often said, and why it is wrong."""

    answer: str
    why: str


@dataclass(frozen=True)
class Question:
    """One question. Texts may have `code`; `shown_in` are paths in the repository; `as_of` is a date, or empty."""

    id: str
    topic: str
    level: Level
    question: str
    key_points: tuple[str, ...]
    wrong_answers: tuple[WrongAnswer, ...]
    source: str
    shown_in: tuple[str, ...]
    follow_up: str = ""
    as_of: str = ""

    @property
    def front(self) -> str:
        """The question, as HTML."""
        return f"<p><small>{text(self.topic)} · {self.level}</small></p><h3>{text(self.question)}</h3>"

    @property
    def back(self) -> str:
        """Key points, wrong answers, source and where it is shown, as HTML. Links are relative to notebooks/prep."""
        return self.answer(link)

    def answer(self, place: Callable[[str], str]) -> str:
        """As `back`, with what `place` makes of the path of each notebook that shows it."""
        dated = f" (as of {self.as_of})" if self.as_of else ""
        wrong = [f"<em>{text(one.answer)}</em> {text(one.why)}" for one in self.wrong_answers]
        further = f"<h4>And then?</h4><p>{text(self.follow_up)}</p>" if self.follow_up else ""
        return (
            f"<h4>What a good answer has{dated}</h4>{_list(text(point) for point in self.key_points)}"
            f"<h4>Often said, and wrong</h4>{_list(wrong)}{further}"
            f"<p><small>Source: {text(self.source)}<br>Shown in: {', '.join(map(place, self.shown_in))}</small></p>"
        )


def link(path: str) -> str:
    """A link to a notebook, by its path in the repository, as it is from a notebook in notebooks/prep."""
    return f'<a href="../../{path}" target="_blank">{path}</a>'


def _list(items: Any) -> str:
    return "<ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>"


def directory() -> Path:
    """The folder notebooks/prep: in $DRYDOCK_NOTEBOOKS, else in `notebooks` here or above, else in the checkout.

    Raises BadQuestions where none of these has it.
    """
    try:
        return places.folder("notebooks", variable="DRYDOCK_NOTEBOOKS", holds="prep/questions.schema.json") / "prep"
    except places.NotFound as error:
        raise BadQuestions(str(error)) from None


def load(folder: Path | None = None) -> tuple[Question, ...]:
    """The questions of all files in `folder`, by default notebooks/prep/questions: one of each file in turn.

    So new cards change from topic to topic. Raises BadQuestions, naming the place in the file, where one is no JSON,
    breaks the schema or has an id that is given already, and where there is no file.
    """
    folder = folder or directory() / "questions"
    schema = Draft202012Validator(json.loads((directory() / "questions.schema.json").read_text(encoding="utf-8")))
    read = [(path, _file(path, schema)) for path in sorted(folder.glob("*.json"))]
    if not read:
        raise BadQuestions(f"{folder} has no file of questions (*.json).")
    found: dict[str, Path] = {}
    for path, questions in read:
        for question in questions:
            if question.id in found:
                raise BadQuestions(
                    f"{path}: the id {question.id!r} is given twice, also in {found[question.id].name}. A card is "
                    "found by it: choose another."
                )
            found[question.id] = path
    turns = zip_longest(*(questions for _, questions in read))
    return tuple(question for turn in turns for question in turn if question)


def choose(questions: Sequence[Question], topics: str = "", levels: str = "") -> tuple[Question, ...]:
    """Those of some topics and levels, in their order; names are set apart by commas, and empty is all of them.

    Raises BadQuestions for a name that no question has, and where none is left.
    """
    kept = tuple(questions)
    for names, kind in ((topics, "topic"), (levels, "level")):
        wanted = named(names, kind, {str(getattr(question, kind)) for question in questions})
        kept = tuple(one for one in kept if not wanted or getattr(one, kind) in wanted)
    if not kept:
        raise BadQuestions(f"No question has both a topic of {topics!r} and a level of {levels!r}.")
    return kept


def named(names: str, kind: str, known: Collection[str]) -> set[str]:
    """Those of `known` that are named, set apart by commas, in capitals or not. Raises BadQuestions for another."""
    spelt = {name.lower(): name for name in known}
    wanted = {name.strip().lower() for name in names.split(",") if name.strip()}
    if unknown := sorted(wanted - set(spelt)):
        raise BadQuestions(f"There is no {kind} {unknown[0]!r}. Choose from: {', '.join(sorted(known))}.")
    return {spelt[name] for name in wanted}


def _file(path: Path, schema: Draft202012Validator) -> list[Question]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadQuestions(f"{path} is not JSON: {error}") from None
    wrong = best_match(schema.iter_errors(data))
    if wrong is not None:
        raise BadQuestions(f"{path}, {_place(data, list(wrong.absolute_path))}: {wrong.message}")
    return [read(entry) for entry in data["questions"]]


def read(entry: dict[str, Any]) -> Question:
    """A question as it is in a file, which was held against the schema."""
    wrong = tuple(WrongAnswer(**one) for one in entry["wrong_answers"])
    lists = {name: tuple(entry[name]) for name in ("key_points", "shown_in")}
    return Question(**{**entry, **lists, "wrong_answers": wrong})


def _place(data: Any, path: list[Any]) -> str:
    """Where in the file: a question by its id rather than by its number."""
    if len(path) >= 2 and path[0] == "questions":
        question = data["questions"][path[1]]
        name = question.get("id", f"number {path[1] + 1}") if isinstance(question, dict) else f"number {path[1] + 1}"
        return ": ".join([f"question {name}", *(str(part) for part in path[2:])])
    return ".".join(str(part) for part in path) or "at the top"

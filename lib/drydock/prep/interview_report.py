"""What an interview showed: scores by topic and level, strengths, gaps, where to study; and the scores of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.figures.table import as_html, as_text, text
from drydock.prep.interview_choice import GOOD, LEVELS
from drydock.prep.interview_record import Asked, Interview, total
from drydock.prep.questions import link

SELF_SCORED = "You ticked the key points yourself: the score is as good as your judgement of your answers."


class Report:
    """An interview that is finished, as HTML or as plain text. Its links are relative to notebooks/prep."""

    def __init__(self, interview: Interview) -> None:
        self.interview = interview

    @property
    def title(self) -> str:
        made, points = total(self.interview.scored)
        begun = f"{self.interview.begun.astimezone():%Y-%m-%d %H:%M}"
        score = f"{made} of {points} key points, {percent(made, points)}" if points else "no score"
        return f"Mock interview of {begun}: {score}"

    def facts(self) -> list[str]:
        """How it was held, and what the score is worth."""
        one = self.interview
        kind = f"Exam by the pack {one.sealed.name}" if one.sealed else "Exam" if one.exam else "For practice"
        answered = sum(asked.answer is not None for asked in one.asked)
        minutes = f"{round(one.used().total_seconds() / 60)} of " if one.closed else "still running, "
        used = f"{minutes}{one.minutes} minutes{' used' if one.closed else ''}"
        paused = f", paused {_times(len(one.pauses))}" if one.pauses else ""
        given = " Its answers were given beforehand." if one.given else ""
        scored = SELF_SCORED if one.scored else "Nothing has a score: no answer was held against key points."
        return [
            f"{kind}: {used}{paused}, {answered} of {len(one.asked)} questions answered.{given}",
            scored,
            *([f"Code of these answers: {one.code()}. Other answers have another code."] if one.exam else []),
        ]

    def scores(self, by: Callable[[Asked], str]) -> list[tuple[str, int, int, int, str]]:
        """(what, answers, key points made, key points there were, in per cent), weakest first."""
        groups: dict[str, list[Asked]] = {}
        for one in self.interview.scored:
            groups.setdefault(by(one), []).append(one)
        rows = [(name, len(some), *total(some)) for name, some in groups.items()]
        return [(*row, percent(row[2], row[3])) for row in sorted(rows, key=lambda row: (row[2] / row[3], row[0]))]

    @property
    def strengths(self) -> list[str]:
        """Questions of which most key points were made."""
        good = [one for one in self.interview.scored if len(one.made) >= GOOD * one.points and not one.said]
        return [f"{one.question} ({len(one.made)} of {one.points})" for one in good]

    @property
    def gaps(self) -> list[Asked]:
        """Answers in which something was missed or wrong, the weakest first."""
        some = [one for one in self.interview.scored if one.missed or one.said]
        return sorted(some, key=lambda one: len(one.made) / one.points)

    @property
    def study(self) -> list[tuple[str, int]]:
        """(notebook, key points missed that it shows), the most first."""
        counted: Counter[str] = Counter()
        for one in self.gaps:
            counted.update(dict.fromkeys(one.study, len(one.missed) + len(one.said)))
        return counted.most_common()

    @property
    def unscored(self) -> list[Asked]:
        """Follow-ups that have no key points, with an answer."""
        return [one for one in self.interview.asked if one.open and one.answer]

    def __repr__(self) -> str:
        parts = [self.title, *self.facts()]
        for heading, columns, rows in self._tables():
            parts += ["", as_text((heading, *columns), rows)]
        parts += _section("Strong", self.strengths)
        gaps = ["\n    ".join([one.question, *_gap(one)]) for one in self.gaps]
        parts += _section("Gaps", gaps)
        parts += _section(
            "Where to study", [f"{path}: {count} {'gap' if count == 1 else 'gaps'}" for path, count in self.study]
        )
        parts += _section("What you said", [f"{one.question}\n    {one.answer}" for one in self._answers()])
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        tables = "".join(as_html((heading, *columns), rows) for heading, columns, rows in self._tables())
        gaps = [f"{text(one.question)}{_list(text(each) for each in _gap(one))}" for one in self.gaps]
        study = [f"{link(path)}: {count} {'gap' if count == 1 else 'gaps'}" for path, count in self.study]
        answers = [f"{text(one.question)}<blockquote>{text(one.answer)}</blockquote>" for one in self._answers()]
        sections = [
            ("Strong", [text(one) for one in self.strengths]),
            ("Gaps", gaps),
            ("Where to study", study),
            ("What you said", answers),
        ]
        return (
            f'<div class="mathjax_ignore"><h3>{text(self.title)}</h3>'  # two prices are no formula
            f"{''.join(f'<p>{text(fact)}</p>' for fact in self.facts())}{tables}"
            + "".join(f"<h4>{heading}</h4>{_list(items)}" for heading, items in sections if items)
            + "</div>"
        )

    def _tables(self) -> list[tuple[str, Sequence[str], Sequence[Sequence[object]]]]:
        columns = ("Answers", "Points made", "Of", "Share")
        if not self.interview.scored:
            return []
        levels = sorted(self.scores(lambda one: one.level), key=lambda row: LEVELS.index(row[0]))
        return [("Topic", columns, self.scores(lambda one: one.topic)), ("Level", columns, levels)]

    def _answers(self) -> list[Asked]:
        return [one for one in self.interview.asked if one.answer]


def history(interviews: Iterable[Interview]) -> Figure:
    """The score of each interview that is finished, in all and by level, oldest first."""
    done = [one for one in interviews if one.finished and one.scored]
    rows = [
        (
            f"{one.begun.astimezone():%Y-%m-%d %H:%M}",
            "exam" if one.exam else "practice",
            f"{round(one.used().total_seconds() / 60)} of {one.minutes}",
            one.topics or "all",
            len(one.scored),
            *_share(one.scored),
        )
        for one in done
    ]
    columns = ("Begun", "Kind", "Minutes", "Topics", "Answers", "In all", *(level.capitalize() for level in LEVELS))
    if not done:
        return Figure("No interview is finished yet", columns, rows)
    data: list[dict[str, Any]] = []
    for place, name in enumerate(("in all", *LEVELS)):
        values = [_values(one.scored)[place] for one in done]
        data.append(
            {"type": "scatter", "mode": "lines+markers", "name": name, "x": list(range(1, len(done) + 1)), "y": values,
             "connectgaps": True, "marker": {"color": COLOURS[place], "size": 8},
             "line": {"width": 1 if place else 3, "dash": "dot" if place else "solid"}}
        )  # fmt: skip
    layout = {
        "xaxis": {"title": {"text": "interview"}, "dtick": max(1, len(done) // 12), "zeroline": False},
        "yaxis": {"title": {"text": "key points made, %"}, "range": [-4, 104], "zeroline": False},
    }
    return Figure("Scores of your interviews", columns, rows, data, layout)


def percent(made: int, points: int) -> str:
    return f"{made / points:.0%}".replace("%", " %")


def _values(scored: Sequence[Asked]) -> list[float | None]:
    """In per cent: in all, and by level; None where nothing of it was answered."""
    groups = [list(scored), *([one for one in scored if one.level == level] for level in LEVELS)]
    return [round(100 * total(some)[0] / total(some)[1], 1) if some else None for some in groups]


def _share(scored: Sequence[Asked]) -> list[str]:
    return ["" if value is None else f"{value:.0f} %" for value in _values(scored)]


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _gap(asked: Asked) -> list[str]:
    return [*(f"Missed: {one}" for one in asked.missed), *(f"Wrong: {one}" for one in asked.said)]


def _section(heading: str, items: Sequence[str]) -> list[str]:
    return ["", heading, *(f"  {item}" for item in items)] if items else []


def _list(items: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>"

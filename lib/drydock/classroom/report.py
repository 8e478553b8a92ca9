"""The class on one page: HTML that opens anywhere, offline, in light and dark, and whose tables can be sorted."""

from __future__ import annotations

import base64
import hashlib
import html
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from drydock.classroom.reading import STUCK_AFTER, ClassReading, Standing, StepFigures, is_stuck
from drydock.classroom.records import StepRecord
from drydock.figures.table import text as with_code
from drydock.labs.step import Step

_SIGNS = {"done": "✓", "working": "▸", "stuck": "✗", "not begun": "○", "unreadable": "?"}
_ORDER = ("stuck", "unreadable", "not begun", "working", "done")


def write(reading: ClassReading, file: Path, now: datetime | None = None) -> None:
    """Write the page to `file`. `now`: when it was made, by default now."""
    file.write_text(page(reading, now or datetime.now(UTC)), encoding="utf-8")


def page(reading: ClassReading, now: datetime) -> str:
    """The whole page."""
    style, script = (files(__package__).joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'"
    title = _text(reading.the_class.name)
    parts = [_head(reading, now), _problems(reading), _who_is_where(reading), _steps(reading)]
    parts += [_matrix(reading, lab, steps) for lab, steps in reading.steps.items()]
    parts += [_grades(reading), _meaning()]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{style}</style></head><body><main>{''.join(parts)}</main>"
        f"<script>{script}</script></body></html>\n"
    )


def _head(reading: ClassReading, now: datetime) -> str:
    counted = Counter[str](reading.place(one).where for one in reading.standings)
    cards = "".join(
        f'<li class="{_css(where)}"><b>{counted[where]}</b> {_SIGNS[where]} {where}</li>'
        for where in reversed(_ORDER)
        if counted[where] or where != "unreadable"
    )
    labs = ", ".join(_text(lab) for lab in reading.the_class.labs)
    return (
        f"<h1>{_text(reading.the_class.name)}</h1><p>{len(reading.standings)} learners · {labs} · "
        f'{reading.total} steps · as of {now.astimezone(UTC):%Y-%m-%d %H:%M} UTC</p><ul class="counts">{cards}</ul>'
    )


def _problems(reading: ClassReading) -> str:
    said = [(one, text) for one in reading.standings for text in filter(None, (one.unreadable, *one.damaged_grades))]
    if not said:
        return ""
    items = "".join(f"<li><b>{_name(one)}</b>: {_text(text)}</li>" for one, text in said)
    return f'<section class="problems"><h2>Files that could not be read</h2><ul>{items}</ul></section>'


def _who_is_where(reading: ClassReading) -> str:
    graded = any(one.graded for one in reading.standings)
    labs = list(reading.steps)
    columns = [
        ("Learner", ""), ("State", ""), ("Now at", ""), *((lab.partition("-")[0], lab) for lab in labs), ("Passed", ""),
        ("Checks", ""), ("Hints", ""), ("Solutions", ""), ("Minutes", ""),
        ("Last seen", "UTC"), *([("Points", "by our checks")] if graded else []),
    ]  # fmt: skip
    ordered = sorted(
        reading.standings,
        key=lambda one: (_ORDER.index(reading.place(one).where), _passed(one, reading), one.member.learner.name),
    )
    rows = (_person(reading, one, labs, graded) for one in ordered)
    return _table("Who is where", columns, rows, "people", hidden=labs)


def _person(reading: ClassReading, one: Standing, labs: Sequence[str], graded: bool) -> str:
    place, seen = reading.place(one), reading.last_seen(one)
    records = [one.of(lab, step.name) for lab, steps in reading.steps.items() for step in steps]
    at = f"{_text(place.lab.partition('-')[0])} {_text(place.step)}" if place.step else ""
    if place.attempts:
        at += f" · {place.attempts} check{'s' if place.attempts != 1 else ''}"
    cells = [
        _row_head(one),
        _cell(_ORDER.index(place.where), f"{_SIGNS[place.where]} {place.where}", _css(place.where)),
        _cell(f"{place.lab} {place.step}", at, "at"),
    ]
    for lab in labs:
        steps = reading.steps[lab]
        passed = sum(one.of(lab, step.name).passed for step in steps)
        share = round(100 * passed / len(steps)) if steps else 100
        cells.append(_cell(share, f"{passed}/{len(steps)}", f"bar b{share // 10 * 10}"))
    numbers = [
        sum(record.passed for record in records),
        sum(record.attempts for record in records),
        sum(record.hints for record in records),
        sum(record.solution_shown for record in records),
        round(sum(record.seconds for record in records) / 60),
    ]
    cells += [_number(number) for number in numbers]
    cells.append(_cell(seen.timestamp() if seen else 0, f"{seen.astimezone(UTC):%m-%d %H:%M}" if seen else "never"))
    if graded:
        cells.append(_number(sum(found.points for found in one.graded.values())))
    return f"<tr>{''.join(cells)}</tr>"


def _steps(reading: ClassReading) -> str:
    columns = [
        ("Step", ""), ("Stopped now", "tried, not passed"), ("Begun", ""), ("Passed", ""),
        ("At once", "first check, no help"), ("Checks", "median"), ("Minutes", "median"), ("Hints", ""),
        ("Solutions", "looked at"),
    ]  # fmt: skip
    stopping = reading.stopping()
    ordered = [*stopping, *(one for one in reading.figures() if one not in stopping)]
    return _table("Which check stops most", columns, (_step_row(reading, one) for one in ordered), "steps")


def _step_row(reading: ClassReading, one: StepFigures) -> str:
    names = {standing.member.id: standing.member.learner.name for standing in reading.standings}
    who = ", ".join(_text(names[learner]) for learner in one.stopped)
    stopped = f"<details><summary>{len(one.stopped)}</summary>{who}</details>" if one.stopped else "0"
    order = list(reading.steps).index(one.lab) * 1000 + list(reading.steps[one.lab]).index(one.step)
    head = (
        f'<th scope="row" data-v="{order}">{_text(one.lab.partition("-")[0])} {_text(one.step.name)} '
        f"<small>{with_code(one.step.title)}</small></th>"
    )
    minutes = None if one.seconds is None else one.seconds / 60
    return (
        f"<tr>{head}"
        + _cell(len(one.stopped), stopped, "held" if one.stopped else "")
        + "".join(_number(number) for number in (one.begun, one.passed, one.at_once))
        + _number(one.attempts, "g")
        + _number(minutes, ".1f")
        + "".join(_number(number) for number in (one.hints, one.solutions))
        + "</tr>"
    )


def _matrix(reading: ClassReading, lab: str, steps: Sequence[Step]) -> str:
    columns = [("Learner", ""), *((step.name, step.title) for step in steps)]
    rows = (
        f"<tr>{_row_head(one)}{''.join(_square(one, lab, step) for step in steps)}</tr>" for one in reading.standings
    )
    titles = [step.title for step in steps]
    inside = _table(f"{lab}, step by step", columns, rows, "matrix", heading="h3", hidden=titles)
    return f'<details class="lab"><summary>{_text(lab)}: everybody, step by step</summary>{inside}</details>'


def _square(one: Standing, lab: str, step: Step) -> str:
    record, graded = one.of(lab, step.name), one.graded.get(lab)
    found = graded.steps.get(step.name) if graded else None
    if one.unreadable:
        return _cell(-1, "?", "unreadable")
    signs, words = _signs(record)
    if found is not None and found.outcome != "passed" and record.passed:
        signs, words = f"{signs} ≠", f"{words}; graded: {found.outcome}. {found.said}"
    tone = "done" if record.passed else "stuck" if is_stuck(record) else "working" if record.begun else "not-begun"
    value = record.attempts if record.begun else -1
    return (
        f'<td data-v="{value}" class="{tone}" title="{html.escape(words)}"><span aria-hidden="true">{signs}</span>'
        f'<span class="vh">{_text(words)}</span></td>'
    )


def _signs(record: StepRecord) -> tuple[str, str]:
    """What a square shows, and the same in words."""
    if not record.begun:
        return "·", "not begun"
    signs = [("✓" if record.passed else "✗") + (str(record.attempts) if record.attempts != 1 else "")]
    words = [f"{'passed' if record.passed else 'not passed'} after {record.attempts} checks"]
    if record.hints:
        signs.append(f"h{record.hints}")
        words.append(f"{record.hints} hints")
    if record.solution_shown:
        signs.append("s")
        words.append("solution looked at")
    if record.seconds:
        words.append(f"{record.seconds / 60:.0f} minutes")
    return " ".join(signs), ", ".join(words)


def _grades(reading: ClassReading) -> str:
    if not any(one.graded for one in reading.standings):
        return ""
    labs = list(reading.steps)
    columns = [
        ("Learner", ""),
        *((lab.partition("-")[0], lab) for lab in labs),
        ("What could not be graded", "and why"),
    ]
    rows = (_grade_row(reading, one, labs) for one in reading.standings)
    return _table("Grades, by our checks", columns, rows, "grades", hidden=labs)


def _grade_row(reading: ClassReading, one: Standing, labs: Sequence[str]) -> str:
    cells = [_row_head(one)]
    reasons = list(filter(None, [reading.without_work(one)]))
    for lab in labs:
        found = one.graded.get(lab)
        cells.append(_cell(found.points, f"{found.points}/{len(found.steps)}") if found else _cell(-1, "–"))
        if found is None:
            continue
        reasons += [f"{lab}: {text}" for text in (found.why, *found.notes) if text]
        reasons += [
            f"{lab}, {step}: {result.said}" for step, result in found.steps.items()
            if result.outcome == "not graded" and result.said != found.why
        ]  # fmt: skip
    items = "".join(f"<li>{_text(reason)}</li>" for reason in reasons)
    shown = f"<ul>{items}</ul>" if items else ""
    if len(reasons) > 1:
        shown = f"<details><summary>{len(reasons)} reasons</summary>{shown}</details>"
    cells.append(_cell(len(reasons), shown, "reasons"))
    return f"<tr>{''.join(cells)}</tr>"


def _meaning() -> str:
    return (
        "<section><h2>What is counted</h2><p>How far a learner is, is what the learner's own file says; only points "
        "are given by our checks. <b>✓</b> passed, with the checks it took if more than one; <b>✗</b> tried and not "
        "passed; <b>h</b> hints; <b>s</b> solution looked at; <b>≠</b> passed by the learner's file and not when it "
        f"was graded. <b>Stuck</b>: {STUCK_AFTER} checks or more in vain, or the solution looked at and still not "
        "passed. <b>Minutes</b> are those from one check to the next, so a break counts. Steps of which nobody has a "
        "time show none.</p></section>"
    )


def _table(
    title: str,
    columns: Sequence[tuple[str, str]],
    rows: Iterable[str],
    kind: str,
    heading: str = "h2",
    hidden: Collection[str] = (),
) -> str:
    """A table of (name, what it is) and rows that are HTML; what is `hidden` is shown only where one points at it."""
    heads = "".join(
        f'<th scope="col"><button type="button" title="{html.escape(more or name)}">{_text(name)} '
        f"{f'<small>{_text(more)}</small>' if more and more not in hidden else ''}</button></th>"
        for name, more in columns
    )
    identifier = "t-" + "".join(one if one.isalnum() else "-" for one in title.lower())
    return (
        f'<section><{heading} id="{identifier}">{_text(title)}</{heading}>'
        f'<div class="scroll" role="region" tabindex="0" aria-labelledby="{identifier}">'
        f'<table class="{kind}"><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table></div></section>'
    )


def _row_head(one: Standing) -> str:
    return (
        f'<th scope="row" data-v="{html.escape(one.member.learner.name.casefold())}" '
        f'title="{html.escape(one.member.learner.name)}">{_name(one)} '
        f"<small>{_text(one.member.id)}</small></th>"
    )


def _cell(value: object, shown: str, css: str = "") -> str:
    """`shown` is HTML already."""
    return f'<td data-v="{html.escape(str(value))}"{f" class={chr(34)}{css}{chr(34)}" if css else ""}>{shown}</td>'


def _number(value: float | None, form: str = "d") -> str:
    return _cell(-1, "–", "n") if value is None else _cell(value, format(value, form), "n")


def _passed(one: Standing, reading: ClassReading) -> int:
    return sum(one.of(lab, step.name).passed for lab, steps in reading.steps.items() for step in steps)


def _name(one: Standing) -> str:
    return _text(one.member.learner.name)


def _css(where: str) -> str:
    return where.replace(" ", "-")


def _text(value: object) -> str:
    return html.escape(str(value), quote=False)

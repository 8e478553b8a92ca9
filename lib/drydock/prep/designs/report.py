"""What is shown of a scenario and of a design's run: figures, each with the table of the same numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.figures.table import as_html, as_text, text
from drydock.prep import questions
from drydock.prep.designs.front import Point, from_the_front, front
from drydock.prep.designs.hour import Hour
from drydock.prep.designs.model import Scenario, open_scenario, scenarios
from drydock.prep.designs.running import MEASURES, Result

SHOWN = 45
"""Rows of a table of minutes."""
_NEGLIGIBLE = 0.5
_CAUSES = (COLOURS[5], COLOURS[3], COLOURS[6], COLOURS[4])
"""Colours of causes, the one that lost most first; lines have others."""
_LAYOUT: dict[str, Any] = {
    "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    "margin": {"l": 65, "r": 20, "t": 105, "b": 50},
}


class Brief:
    """A scenario as it is set, with its bar and, folded, the fields that decide."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario

    @property
    def rows(self) -> list[tuple[str, str]]:
        return [
            (MEASURES[name][0], f"at most {bar:,g} {MEASURES[name][1]}") for name, bar in self.scenario.bar.items()
        ] + [("Rule", str(rule["why"])) for rule in self.scenario.data.get("rules", ())]

    def __repr__(self) -> str:
        table = as_text(("What counts", "The bar"), self.rows)
        return "\n".join([self.scenario.title, "", *self.scenario.brief, "", table])

    def _repr_html_(self) -> str:
        app = self.scenario.data["app"]
        paragraphs = "".join(f"<p>{text(one)}</p>" for one in self.scenario.brief)
        fields = ", ".join(f"<code>{name}</code>" for name in self.scenario.data["examines"])
        facts = (
            f"A task of one vCPU serves {app['requests_per_vcpu']:,g} requests a minute and takes "
            f"{app['start_seconds']:g} s to start."
        )
        return (
            f"<h3>{text(self.scenario.title)}</h3>{paragraphs}<p>{text(facts)}</p>"
            f"{as_html(('What counts', 'The bar'), self.rows)}"
            f"<details><summary>Fields that decide</summary><p>{fields}</p></details>"
        )


def brief(scenario: Scenario) -> Brief:
    return Brief(scenario)


def catalogue() -> Figure:
    """All scenarios, and what each examines."""
    found = [open_scenario(name) for name in scenarios()]
    return Figure(
        "Scenarios",
        ("Name", "What it is about", "Fields that decide"),
        [(one.id, one.title, ", ".join(one.data["examines"])) for one in found],
    )


def failures(scenario: Scenario) -> Figure:
    """Designs of the scenario that fail: what of the reference each changes, and why it fails."""
    rows = [
        (
            f"`{one.name}`",
            ", ".join(f"{key}: {_short(value)}" for key, value in one.changes.items()),
            one.cause,
            one.why,
        )
        for one in scenario.bad
    ]
    return Figure("Designs that fail", ("Name", "Instead of the reference's", "Fails because", "Why"), rows)


def verdict(result: Result) -> Figure:
    """Each measure beside its bar, and where it is not kept why, and in which minutes."""
    rows = [
        (
            *MEASURES[one.measure],
            f"{one.value:,.0f}",
            f"{one.bar:,g}",
            "kept" if one.kept else "missed",
            one.cause,
            _span(one.minutes),
        )
        for one in result.findings
    ]
    rows += [("Rule", "", what, "", "broken", why, "") for what, why in result.broken]
    said = "passed" if result.passed else f"not passed: {'; '.join(result.causes)}"
    return Figure(
        f"{result.score} of 100, {said}",
        ("Measure", "Unit", "This design", "The bar", "", "Why", "When"),
        rows,
    )


def minutes(result: Result) -> Figure:
    """Above, requests and what was lost of them, by cause; below, tasks. The table has the minutes with losses."""
    course = result.course
    x = [one.minute for one in course.minutes]
    data: list[dict[str, Any]] = [
        {"type": "bar", "name": cause.value, "x": x, "marker": {"color": _CAUSES[index % len(_CAUSES)]},
         "y": [round(one.causes.get(cause, 0.0), 1) for one in course.minutes]}
        for index, cause in enumerate(course.causes)
    ]  # fmt: skip
    if course.late:
        data.append(
            {"type": "bar", "name": "late", "x": x, "y": [round(one.late, 1) for one in course.minutes],
             "marker": {"color": "#999999"}}
        )  # fmt: skip
    data.append(_line("requests", x, [round(one.load) for one in course.minutes], COLOURS[0]))
    data.append(_line("tasks desired", x, [one.desired for one in course.minutes], COLOURS[1], axis="y2", dash="dot"))
    data.append(_line("tasks serving", x, [round(one.serving, 2) for one in course.minutes], COLOURS[2], axis="y2"))
    lost = [one for one in course.minutes if one.lost > _NEGLIGIBLE or one.late > 0.01 * one.load]
    rows: list[tuple[object, ...]] = [
        (one.minute, f"{one.load:,.0f}", one.desired, f"{one.serving:.1f}", f"{one.lost:,.0f}", f"{one.late:,.0f}",
         "; ".join(f"{cause.value} ({amount:,.0f})" for cause, amount in one.causes.items() if amount > _NEGLIGIBLE))
        for one in lost[:SHOWN]
    ]  # fmt: skip
    if len(lost) > SHOWN:
        rows.append((f"and {len(lost) - SHOWN} more", "", "", "", "", "", ""))
    axis = {"zeroline": False, "rangemode": "tozero"}
    layout = {
        **_LAYOUT,
        "barmode": "stack",
        "bargap": 0,
        "xaxis": {"title": {"text": "minute"}, "anchor": "y2", "zeroline": False},
        "yaxis": {**axis, "domain": [0.42, 1], "title": {"text": "requests a minute"}},
        "yaxis2": {**axis, "domain": [0, 0.34], "title": {"text": "tasks"}},
        "height": 560,
    }
    columns = ("Minute", "Requests", "Desired", "Serving", "Lost", "Late", "Why")
    return Figure(f"{len(lost)} minutes with requests lost or late, in simulated time", columns, rows, data, layout)


def events(result: Result) -> Figure:
    """What happened to the service, in order."""
    told = [(f"{at / 60:.1f}", what) for at, what in result.events]
    rows = told[:SHOWN] + ([("", f"and {len(told) - SHOWN} more")] if len(told) > SHOWN else [])
    return Figure("What happened", ("Minute", "Event"), rows)


def compared(result: Result, reference: Result, points: Sequence[Point]) -> Figure:
    """This design, the reference, and designs of the sweep, by what they cost and lose. A line joins the front."""
    mine, theirs = (_point(one) for one in (result, reference))
    best = front([*points, mine])
    data: list[dict[str, Any]] = [
        _dots("passed", [one for one in points if one.passed], COLOURS[2], "circle", 9),
        _dots("not passed", [one for one in points if not one.passed], "#999999", "circle-open", 8),
        {**_dots("Pareto front", best, COLOURS[0], "line-ns-open", 8), "mode": "lines+markers",
         "line": {"shape": "hv", "dash": "dot", "color": COLOURS[0]}},
        _dots("the reference", [theirs], COLOURS[1], "star", 16),
        _dots("this design", [mine], COLOURS[5], "diamond", 15),
    ]  # fmt: skip
    failed = "lost and late" if "late_per_million" in mine.values else "lost"
    rows = [
        (name, f"{one.usd:,.0f}", f"{one.failed:,.0f}", one.score, "yes" if one.passed else "no", _changes(one))
        for name, one in [
            ("this design", mine),
            ("the reference", theirs),
            *(("on the front", one) for one in best if one is not mine),
        ]
    ]
    off = from_the_front(mine, points)
    layout = {
        **_LAYOUT,
        "xaxis": {"title": {"text": "USD a month"}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": f"{failed}, of a million, + 1"}, "type": "log"},
        "height": 460,
    }
    said = "no design of the sweep costs less and loses no more" if off < 1e-9 else (
        f"a design of the sweep loses no more and costs {100 * off:.0f} % less"
    )  # fmt: skip
    columns = ("Design", "USD a month", f"{failed.capitalize()}, of a million", "Score", "Passed", "What it changes")
    return Figure(f"Against {len(points)} designs: {said}", columns, rows, data, layout)


def as_it_ran(hour: Hour, result: Result) -> Figure:
    """The crucial hour on the embedded AWS, beside the simulation of the same minutes."""
    simulated = result.parts[hour.part].minutes
    x = [one.minute for one in hour.minutes]
    data = [
        {"type": "bar", "name": "requests lost, embedded AWS", "x": x, "y": [round(one.lost) for one in hour.minutes],
         "marker": {"color": COLOURS[5]}},
        _line("lost, simulated", x, [round(simulated[at].lost) for at in x], "#999999"),
        _line("healthy targets, embedded AWS", x, [round(one.serving, 2) for one in hour.minutes], COLOURS[2],
              axis="y2"),
        _line("tasks serving, simulated", x, [round(simulated[at].serving, 2) for at in x], COLOURS[0], axis="y2",
              dash="dot"),
    ]  # fmt: skip
    layout = {
        **_LAYOUT,
        "xaxis": {"title": {"text": "minute"}, "anchor": "y2", "zeroline": False},
        "yaxis": {"domain": [0.42, 1], "title": {"text": "requests a minute"}, "rangemode": "tozero"},
        "yaxis2": {"domain": [0, 0.34], "title": {"text": "tasks"}, "rangemode": "tozero"},
        "height": 520,
    }
    said: dict[int, list[str]] = {}
    for at, what in hour.events:
        said.setdefault(at, []).append(what)
    rows = [
        (one.minute, one.desired, f"{one.serving:.1f}", f"{simulated[one.minute].serving:.1f}", f"{one.lost:,.0f}",
         f"{simulated[one.minute].lost:,.0f}", f"{one.failed} of {one.sent}", " ".join(said.get(one.minute, ())))
        for one in hour.minutes
        if one.lost > _NEGLIGIBLE or simulated[one.minute].lost > _NEGLIGIBLE or one.minute in said
    ]  # fmt: skip
    behind = f" (they took {hour.behind:,.0f} s of AWS more)" if hour.behind > 60 else ""
    return Figure(
        f"{len(hour.minutes)} minutes{behind} on the embedded AWS, at {hour.speed:g} times the speed: "
        f"{hour.lost:,.0f} of {hour.requests:,.0f} requests lost",
        ("Minute", "Desired", "Healthy targets", "Simulated", "Lost", "Simulated", "Real requests failed", "ECS said"),
        rows,
        data,
        layout,
    )


class Next:
    """What an interviewer would ask next."""

    def __init__(self, scenario: Scenario) -> None:
        known = {one.id: one for one in questions.load()}
        self.asked = [known[name] for name in scenario.data["questions"]]

    def __repr__(self) -> str:
        return "\n".join(f"{one.id}: {one.question}" for one in self.asked)

    def _repr_html_(self) -> str:
        each = [
            f"<details><summary>{text(one.question)} <small><code>{one.id}</code></small></summary>{one.back}</details>"
            for one in self.asked
        ]
        return "".join(each)


def asked_next(scenario: Scenario) -> Next:
    return Next(scenario)


def _point(result: Result) -> Point:
    values = {one.measure: one.value for one in result.findings}
    return Point({}, values, result.score, result.passed)


def _changes(point: Point) -> str:
    return _named({path.rsplit(".", 1)[-1]: value for path, value in point.changes.items()}, "=", ", ")


def _named(fields: Mapping[str, Any], between: str, then: str) -> str:
    return then.join(f"{name}{between}{_short(value)}" for name, value in fields.items())


def _short(value: Any) -> str:
    """A value in few words: what is in an object without quotes and brackets."""
    if isinstance(value, list):
        return " + ".join(_short(one) for one in value) or "none"
    if isinstance(value, dict):
        return " ".join(
            _short(one) if key == "capacityProvider" else f"{key} {_short(one)}" for key, one in value.items()
        )
    return "none" if value is None else str(value)


def _dots(name: str, points: Sequence[Point], colour: str, symbol: str, size: int) -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "markers", "name": name,
        "x": [round(one.usd, 2) for one in points], "y": [round(one.failed, 2) + 1 for one in points],
        "marker": {"color": colour, "symbol": symbol, "size": size, "line": {"width": 1, "color": colour}},
    }  # fmt: skip


def _line(
    name: str, x: Sequence[Any], y: Sequence[Any], colour: str, *, axis: str = "y", dash: str = "solid"
) -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "lines", "name": name, "x": list(x), "y": list(y), "yaxis": axis,
        "line": {"color": colour, "dash": dash, "width": 2, "shape": "hv"},
    }  # fmt: skip


def _span(found: tuple[int, int] | None) -> str:
    return f"minutes {found[0]} to {found[1]}" if found else ""

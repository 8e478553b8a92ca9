"""A lab as its notebook uses it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from drydock.cloud import Cloud
from drydock.labs import catalogue, progress
from drydock.labs.step import Check, Kind, Outline, Step
from drydock.ledger import Ledger, Recorder, sweep
from drydock.notebooks import show
from drydock.notebooks.wait import TookTooLong
from drydock.pricing import Cap, Estimate, estimate

CLEAN_UP = "clean-up"


class StepNotPassed(AssertionError):
    """A check did not pass in a run that is strict."""


class SurvivorsLeft(AssertionError):
    """Clean up left something behind; the text lists it."""


class Lab:
    """A lab on a cloud. From `Lab.open` on, what the cloud's clients create is recorded and tagged as its.

    name, outline, cloud   what and where
    services               the folder with the sample services and their Dockerfiles
    solve                  exercises are done by their reference solutions
    strict                 an unpassed check raises StepNotPassed; so it is under `drydock lab run`
    """

    def __init__(self, outline: Outline, cloud: Cloud, *, solve: bool, strict: bool, labs: Path) -> None:
        self.outline = outline
        self.name = outline.name
        self.cloud = cloud
        self.solve = solve
        self.strict = strict
        self.directory = labs / outline.name
        self.services = labs / "services"
        self.tags = {"drydock:lab": outline.name}
        self._since = time.monotonic()

    @classmethod
    def open(cls, name: str, *, cloud: Cloud, solve: bool = False, strict: bool | None = None) -> Lab:
        """Open the lab called `name` on `cloud`; creates nothing.

        `solve`: $DRYDOCK_SOLVE=1 asks for it too, for notebooks run just as they are.
        `strict`: None means $DRYDOCK_STRICT=1, which `drydock lab run` sets.
        Raises NoSuchLab; CloudRefused where a real account's budget is under the lab's estimate.
        """
        if not isinstance(solve, bool):
            raise TypeError(f"solve={solve!r} must be True or False, not {type(solve).__name__}.")
        outline = catalogue.load(name)
        if strict is None:
            strict = os.environ.get("DRYDOCK_STRICT") == "1"
        solve = solve or os.environ.get("DRYDOCK_SOLVE") == "1"
        lab = cls(outline, cloud, solve=solve, strict=strict, labs=catalogue.directory())
        if cloud.real:
            cloud.afford(lab.estimate.usd, f"Lab {lab.name}, {lab.estimate},")
        cloud.listeners[:] = [other for other in cloud.listeners if not isinstance(other, (Cap, Recorder))]
        if cloud.real:
            cloud.listeners.append(Cap(cloud, lab.estimate))
        cloud.listeners.append(Recorder(Ledger(), cloud, lab.name))
        return lab

    @property
    def estimate(self) -> Estimate:
        """What a real account would be charged for this lab."""
        return estimate(self.outline.costs, self.outline.hours, region=self.cloud.region)

    @property
    def steps(self) -> list[Step]:
        return list(self.outline.steps.values())

    def step(self, name: str) -> Step:
        """The step called `name`; KeyError lists those there are."""
        try:
            return self.outline.steps[name]
        except KeyError:
            raise KeyError(f"{self.name} has no step {name!r}; it has {', '.join(self.outline.steps)}.") from None

    def check(self, name: str, *, within: float = 0.0) -> Check:
        """Ask the cloud whether step `name` is done; for up to `within` of our seconds, until it is.

        Counts as an attempt. Raises StepNotPassed in a strict run.
        """
        step = self.step(name)
        found = None
        try:
            found = self._ask(step, within)
        finally:
            with progress.changing(self.name, name) as record:
                record["attempts"] += 1
                record["passed"] = record["passed"] or (found is not None and found.passed)
                record["seconds"] = round(record["seconds"] + time.monotonic() - self._since, 3)
            self._since = time.monotonic()
        if self.strict and not found.passed:
            raise StepNotPassed(str(found))
        return found

    def hint(self, name: str) -> show.Note:
        """The next hint for step `name`. Counted; after the last one the last is shown again."""
        hints = self.step(name).hints
        if not hints:
            return show.Note(f"No hints for {name}.", f'Look at the solution: lab.solution("{name}")')
        with progress.changing(self.name, name) as record:
            record["hints"] = min(record["hints"] + 1, len(hints))
            given = record["hints"]
        after = f'\nThat was the last one; then lab.solution("{name}").' if given == len(hints) else ""
        return show.Note(f"Hint {given} of {len(hints)}: {name}", hints[given - 1] + after)

    def solution(self, name: str) -> show.Note:
        """The reference solution of step `name`, shown, never run. Counted."""
        source = self.step(name).source()
        with progress.changing(self.name, name) as record:
            record["solution_shown"] = True
        return show.Note(f"Solution: {name}", source, show.code(source))

    def your_turn(self, name: str) -> show.Note:
        """What step `name` asks of the learner. With `solve=True` the reference solution is run here."""
        step = self.step(name)
        if self.solve:
            step.solve(self.cloud, self)
            return show.Note(f"Your turn: {step.title}", "Done here by the reference solution, as solve=True asks.")
        return show.Note(
            f"Your turn: {step.title}",
            f'Use the next cell. Stuck? lab.hint("{name}"), then lab.solution("{name}").',
        )

    def break_it(self, name: str, *, within: float = 60.0) -> show.Note:
        """Put the drill's fault into the cloud, and wait up to `within` of our seconds until it shows.

        Raises TookTooLong if the check still passes: the drill would prove nothing.
        """
        step = self.step(name)
        if step.fault is None:
            raise ValueError(f"Step {name!r} is not a drill: it has no @breaks.")
        step.fault(self.cloud, self)
        deadline = time.monotonic() + within
        while (found := step.check(self.cloud, self)).passed:
            if time.monotonic() > deadline:
                raise TookTooLong(f"{name} was broken {within:g} s ago and its check still passes: {found.message}")
            time.sleep(0.1)
        return show.Note(f"Broken: {step.title}", found.message, tone="wrong")

    def set_up(self, *, before: str | None = None) -> show.Note:
        """Bring what earlier labs would have left; what is there already stays. Every lab can be the first.

        `before`: also do this lab's own steps up to that one, to take up where a cloud was reset.
        """
        rows = []
        for step in [*self._needed(self.outline, []), *self._own_steps(before)]:
            there = step.check(self.cloud, self).passed
            if not there:
                step.solve(self.cloud, self)
            rows.append((step.title, "was there" if there else "made now"))
        self._since = time.monotonic()
        if not rows:
            return show.Note("Set up: nothing is needed from earlier labs.")
        columns = ("What earlier labs leave", "")
        return show.Note("Set up", show.plain_table(columns, rows), show.table(columns, rows))

    def clean_up(self, *, within: float | None = None) -> show.Note:
        """Delete all that this lab created, by the ledger and by its tag, and ask the cloud what is left.

        Raises SurvivorsLeft, listing them, whether the run is strict or not. Safe to run again.
        """
        swept = None
        try:
            swept = sweep(self.cloud, self.name, within=within)
        finally:
            with progress.changing(self.name, CLEAN_UP) as record:
                record["attempts"] += 1
                record["passed"] = swept is not None and not swept.survivors
        if swept.survivors:
            raise SurvivorsLeft(f"Clean up of {self.name} left {len(swept.survivors)} behind:\n{swept}")
        return show.Note("Clean up: nothing of this lab is left.", tone="passed")

    def time_and_cost(self) -> show.Note:
        """A person's time, the machine's time as last measured, and the price on a real account."""
        rows: list[tuple[str, str]] = [("Your time", f"{self.outline.minutes} minutes")]
        measured = self._measured()
        if measured:
            rows.append(("Machine time", f"{measured['seconds']:.0f} s, measured {measured['date']}"))
        rows.append(("Cost on this machine", "none"))
        rows.append(("Cost on a real account", self._cost()))
        return show.Note("Time and cost", show.plain_table(("", ""), rows).lstrip(), show.table(("", ""), rows))

    def __repr__(self) -> str:
        return f"Lab {self.name}: {self.outline.title}. {self.outline.goal}\n" + show.plain_table(*self._contents())

    def _repr_html_(self) -> str:
        heading = f"Lab {self.name}: {self.outline.title}"
        return show.box("note", heading, show.text(self.outline.goal) + show.table(*self._contents()))

    def _contents(self) -> tuple[tuple[str, ...], list[tuple[str, str, str]]]:
        done = progress.of(self.name)
        state = {True: "passed", False: "tried", None: ""}
        rows = [
            (
                step.name,
                f"{'' if step.kind is Kind.SHOWN else step.kind.value + ': '}{step.title}",
                state[done[step.name]["passed"] if step.name in done else None],
            )
            for step in self.steps
        ]
        return ("Step", "What", "So far"), rows

    def _ask(self, step: Step, within: float) -> Check:
        deadline = time.monotonic() + within
        found = step.check(self.cloud, self)
        while not found.passed and time.monotonic() < deadline:
            time.sleep(0.1)
            found = step.check(self.cloud, self)
        return found

    def _needed(self, outline: Outline, seen: list[str]) -> list[Step]:
        steps: list[Step] = []
        for need in outline.needs:
            lab, _, only = need.partition(":")
            other = catalogue.load(lab)
            steps += self._needed(other, seen)
            wanted = [other.steps[only]] if only else [s for s in other.steps.values() if s.kind is Kind.SHOWN]
            for step in wanted:
                key = f"{other.name}:{step.name}"
                if key not in seen:
                    seen.append(key)
                    steps.append(step)
        return steps

    def _own_steps(self, before: str | None) -> list[Step]:
        if before is None:
            return []
        until = self.steps.index(self.step(before))
        return [step for step in self.steps[:until] if step.kind is not Kind.DRILL]

    def _cost(self) -> str:
        try:
            return str(self.estimate)
        except ValueError as no_prices:  # of this region; a real account is refused when the lab is opened
            return str(no_prices)

    def _measured(self) -> dict[str, Any]:
        try:
            return dict(json.loads((self.directory / "measured.json").read_text()))
        except FileNotFoundError:
            return {}

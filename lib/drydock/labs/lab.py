"""A lab as its notebook uses it."""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from botocore.exceptions import ClientError

from drydock.cloud import Cloud
from drydock.labs import catalogue, lesson, progress
from drydock.labs.again import TakenAsItIs
from drydock.labs.attempts import Attempts
from drydock.labs.catalogue import NoSuchLab
from drydock.labs.left import others_left
from drydock.labs.step import Check, Kind, NoSuchStep, NothingToBreak, Outline, Step, not_started, wrong
from drydock.ledger import Ledger, Recorder, StillUsed, owned, refusal, sweep, uses
from drydock.notebooks import errors, program, show, wait
from drydock.notebooks.wait import Pace, TookTooLong
from drydock.policy.profiles import STRICT
from drydock.pricing import Cap, Estimate, estimate

CLEAN_UP = "clean-up"


P = ParamSpec("P")
T = TypeVar("T")


def _not_the_learner(method: Callable[Concatenate[Lab, P], T]) -> Callable[Concatenate[Lab, P], T]:
    """What is refused in this method is no attempt of the learner's."""

    @functools.wraps(method)
    def run(self: Lab, /, *args: P.args, **named: P.kwargs) -> T:
        with self._attempts.aside():
            return method(self, *args, **named)

    return run


class StepNotPassed(AssertionError):
    """A check did not pass in a run that is strict."""


class SurvivorsLeft(AssertionError):
    """Clean up left something behind; the text lists it."""


_OURS = (NoSuchLab, NoSuchStep, NothingToBreak, StepNotPassed, SurvivorsLeft, StillUsed,
         progress.NewerProgress)  # fmt: skip
errors.keep_short(None, *_OURS)  # what `connect` raises comes before a lab is open


class Lab:
    """A lab on a cloud. From `Lab.open` on, what the cloud's clients create is recorded and tagged as its.

    name, outline, cloud   what and where
    services               the folder with the sample services and their Dockerfiles
    solve                  exercises are done by their reference solutions
    may_clean_up           `clean_up()` deletes without being asked twice
    strict                 an unpassed check raises StepNotPassed; so it is under `drydock lab run`
    """

    def __init__(
        self, outline: Outline, cloud: Cloud, *, solve: bool, strict: bool, may_clean_up: bool, labs: Path
    ) -> None:
        self.outline = outline
        self.name = outline.name
        self.cloud = cloud
        self._pace = Pace.of(cloud)
        self.solve = solve
        self.strict = strict
        self.may_clean_up = may_clean_up
        self._again = TakenAsItIs(cloud)
        self._attempts = Attempts()
        self._given: dict[str, int] = {}
        self.directory = labs / outline.name
        self.services = labs / "services"
        self.tags = {"drydock:lab": outline.name}
        self._since = time.monotonic()

    @classmethod
    def open(
        cls, name: str, *, cloud: Cloud, solve: bool = False, clean_up: bool = False, strict: bool | None = None
    ) -> Lab:
        """Open the lab called `name` on `cloud`; creates nothing.

        `solve`, `clean_up`: $DRYDOCK_SOLVE=1 asks for both too, for notebooks run just as they are.
        `strict`: None means $DRYDOCK_STRICT=1, which `drydock lab run` sets.
        Raises NoSuchLab; CloudRefused where a real account's budget is under the lab's estimate.
        """
        for what, given in (("solve", solve), ("clean_up", clean_up)):
            if not isinstance(given, bool):
                raise TypeError(f"{what}={given!r} must be True or False, not {type(given).__name__}.")
        outline = catalogue.load(name)
        if strict is None:
            strict = os.environ.get("DRYDOCK_STRICT") == "1"
        as_author = os.environ.get("DRYDOCK_SOLVE") == "1"
        lab = cls(
            outline,
            cloud,
            solve=solve or as_author,
            strict=strict,
            may_clean_up=clean_up or as_author,
            labs=catalogue.directory(),
        )
        errors.keep_short(cloud, *_OURS, lost=lab._lost)
        wait.keep(lab._pace)
        cloud.asks_again = lab._pace.asks_again
        if cloud.real:
            cloud.afford(lab.estimate.usd, f"Lab {lab.name}, {lab.estimate},")
        ours = (Attempts, TakenAsItIs, Cap, Recorder)
        cloud.listeners[:] = [lab._attempts, lab._again, *(one for one in cloud.listeners if not isinstance(one, ours))]
        if cloud.real:
            cloud.listeners.append(Cap(cloud, lab.estimate))
        cloud.listeners.append(Recorder(Ledger(), cloud, lab.name))
        return lab

    @property
    def estimate(self) -> Estimate:
        """What a real account would be charged for this lab."""
        return estimate(self.outline.costs, self.outline.hours, region=self.cloud.region)

    @property
    def began(self) -> datetime:
        """When this round began: what was done before the lab was last cleaned up does not count."""
        return Ledger().began(self.cloud.identity, self.name)

    @property
    def steps(self) -> list[Step]:
        return list(self.outline.steps.values())

    def step(self, name: str) -> Step:
        """The step called `name`. Raises NoSuchStep, which lists those there are."""
        known = ", ".join(self.outline.steps)
        if not name:
            raise NoSuchStep(f"Which step of {self.name}? It has {known}.")
        if name not in self.outline.steps:
            raise NoSuchStep(f"{self.name} has no step {name!r}; it has {known}.")
        return self.outline.steps[name]

    def check(self, name: str = "", *, within: float = 0.0) -> Check:
        """Ask the cloud whether step `name` is done. What may still come is waited for, for up to `within` of our
        seconds (where the cloud is a real account, ten times as long); what waiting cannot change is said at once.

        Counts as an attempt until it has passed. Raises StepNotPassed in a strict run.
        """
        step = self.step(name)
        found = None
        try:
            found = self._ask(step, within)
        finally:
            done = found is not None and found.passed
            with progress.changing(self.name, name) as record:
                record["attempts"] += not record["passed"]
                record["last_seen"] = now = progress.now()
                record["first_tried"] = record["first_tried"] or now
                record["passed_at"] = record["passed_at"] or (now if done else "")
                record["passed"] = record["passed"] or done
                record["stands"] = record["stands"] or done
                record["broken"] = record["broken"] and not done
                record["seconds"] = round(record["seconds"] + time.monotonic() - self._since, 3)
            self._since = time.monotonic()
        if self.strict and not found.passed:
            raise StepNotPassed(str(found))
        return found

    def hint(self, name: str = "") -> show.Note:
        """What the cloud says of step `name`, and the next hint; after the last one the last is shown again.

        Counted until the step has passed.
        """
        step = self.step(name)
        found = self._judged(step)
        if not step.hints:
            return show.Note(f"No hints for {name}.", f'{found}\nLook at the solution: lab.solution("{name}")')
        with progress.changing(self.name, name) as record:
            record["last_seen"] = progress.now()
            before = self._given.get(name, record["hints"])
            given = self._given[name] = min(before + 1, len(step.hints))
            if not record["passed"] and not (found.passed and step.kind is not Kind.DRILL):
                record["hints"] = given
        after = f'\nThat was the last one; then lab.solution("{name}").' if given == len(step.hints) else ""
        again = ", again" if given == before else ""
        return show.Note(
            f"Hint {given} of {len(step.hints)}{again}: {name}",
            f"{found}\n{step.hints[given - 1]}{after}",
            tone=found.state,
        )

    def solution(self, name: str = "") -> show.Note:
        """The reference solution of step `name`, shown, never run. Counted until the step has passed."""
        step = self.step(name)
        source = step.source()
        with progress.changing(self.name, name) as record:
            record["last_seen"] = progress.now()
            record["solution_shown"] = record["solution_shown"] or not record["passed"]
        if step.kind is Kind.SHOWN:
            return show.Note(f"Solution: {name}, as in the cells above", source, program.code(source))
        return show.Note(f"Solution: {name}", source, program.with_button(source, f'lab.your_turn("{name}")'))

    @_not_the_learner
    def your_turn(self, name: str) -> show.Note:
        """What step `name` asks of the learner. With `solve=True` the reference solution is run here."""
        step = self.step(name)
        self._attempts.turn()
        if self.solve:
            step.solve(self.cloud, self)
            return show.Note(f"Your turn: {step.title}", "Done here by the reference solution, as solve=True asks.")
        return show.Note(
            f"Your turn: {step.title}",
            f'Use the next cell. Stuck? lab.hint("{name}"), then lab.solution("{name}").',
        )

    @_not_the_learner
    def break_it(self, name: str, *, within: float = 60.0) -> show.Note:
        """Put the drill's fault into the cloud, and wait up to `within` of our seconds until it shows.

        Raises NothingToBreak, at once, where what it breaks is not there; TookTooLong if the check still passes after
        it: the drill would prove nothing.
        """
        step = self.step(name)
        if step.fault is None:
            raise ValueError(f"Step {name!r} is not a drill: it has no @breaks.")
        with progress.changing(self.name, name) as record:
            before, record["broken"] = record["broken"], True
        try:
            step.put_fault(self.cloud, self)
        except NothingToBreak as missing:
            with progress.changing(self.name, name) as record:
                record["broken"] = before
            raise NothingToBreak(f'{missing}\nlab.catch_up("{name}") makes what this drill breaks.') from missing
        self._attempts.turn()
        found, limit = wait.again_and_again(
            lambda: step.check(self.cloud, self),
            lambda _: "until the fault shows",
            timeout=within,
            done=lambda found: not found.passed,
        )
        if found.passed:
            raise TookTooLong(f"{name} was broken {limit:g} s ago and its check still passes: {found.message}")
        return show.Note(
            f"Broken: {step.title}", f'What is it? lab.check("{name}") says whether it is mended.', tone="wrong"
        )

    @_not_the_learner
    def set_up(self, *, before: str | None = None) -> show.Note:
        """Bring what earlier labs would have left; what is there already stays. Every lab can be the first.

        `before`: also do this lab's own steps up to that one, to take up where a cloud was reset.
        """
        steps = [*self._needed(self.outline, []), *self._own_steps(before)]
        rows = [(step.title, self._brought(step)[1]) for step in steps]
        self._since = time.monotonic()
        if not rows:
            return show.Note("Set up: nothing is needed from earlier labs.")
        columns = ("What earlier labs leave", "")
        return show.Note("Set up", show.plain_table(columns, rows), show.table(columns, rows))

    def catch_up(self, name: str = "", names: dict[str, Any] | None = None) -> show.Note:
        """Bring the lab to where step `name` begins, from any state, and the names that the notebook uses from there.

        What is there stays; steps that are shown and not done are done, what a drill broke is mended, exercises are
        left. Where that does not lead there, as when the step itself is done already, all that this lab has made is
        deleted and made again. The answer says what was done. `names` as for `resume`.
        """
        step = self.step(name)
        into = names if names is not None else sys._getframe(1).f_globals
        try:
            led, rows = self._towards(step)
        except (ClientError, LookupError, TookTooLong):
            led = False
        if not led or not self._begins(step):
            with self._attempts.aside():
                sweep(self.cloud, self.name)
            rows = [("All that this lab had made", "deleted, to begin anew"), *self._towards(step)[1]]
        before = self.steps[: self.steps.index(step)]
        progress.stand(self.name, [one.name for one in before])
        self._since = time.monotonic()
        missing = self._bring_back(before[-1] if before else None, into)
        below = f"the check of {before[-1].name}" if before else "Set up"
        end = f"You are where {name} begins: go on below {below}.{missing}"
        columns = ("On the way", "")
        return show.Note(
            f"Caught up: {step.title}",
            f"{show.plain_table(columns, rows)}\n{end}",
            show.table(columns, rows) + show.text(end),
            tone="passed",
        )

    def resume(self, names: dict[str, Any] | None = None) -> show.Note:
        """After a restart of the kernel: bring back the names that the rest of the notebook uses, and say what is next.

        They come from the lesson's own cells. Nothing is done twice: no call that would change anything leaves.
        `names`: where to put them; by default the globals of whoever calls, which are the notebook's.
        """
        into = names if names is not None else sys._getframe(1).f_globals
        done = [step for step in self.steps if progress.stands(self.name, step.name)]
        if not done:
            return show.Note(
                "Nothing to take up: begin with Set up.",
                f"The first step is {next(iter(self.outline.steps), 'Clean up')}.",
            )
        shown = [step for step in done if step.kind is Kind.SHOWN]
        if shown and not any(step.check(self.cloud, self).passed for step in shown):
            return show.Note(
                "What you made is not there any more.",
                f'Run Set up, then lab.catch_up("{done[-1].name}") makes it again, or begin with the first step.',
                tone="wrong",
            )
        last = self.steps.index(done[-1])
        missing = self._bring_back(done[-1], into)
        self._since = time.monotonic()
        following = self.steps[last + 1] if last + 1 < len(self.steps) else None
        lines = [
            f"Next: {following.name}, {following.title}." if following else "All steps are done: Clean up is left."
        ]
        lines.append(f"Go on below the check of {done[-1].name}.")
        passed_over = [step.name for step in self.steps[:last] if step not in done]
        if passed_over:
            lines.append(f"Passed over so far: {', '.join(passed_over)}.")
        return show.Note("Your names are back, and nothing was done twice.", "\n".join(lines) + missing)

    @_not_the_learner
    def names_at(self, step: Step) -> dict[str, Any]:
        """What the solution of an exercise or a drill finds in a notebook that has come to it. Changes nothing."""
        cells = lesson.of(step.notebook)
        names = {"cloud": self.cloud, "lab": self, "region": self.cloud.region}
        with self._again.only_looking():
            lesson.bring_back([*cells.imports(), *cells.names_for(cells.turn(step.name), set(step.takes))], names)
        return names

    @_not_the_learner
    def clean_up(self, *, sure: bool | None = None, within: float | None = None) -> show.Note:
        """Delete all that this lab created, by the ledger and by its tag, and ask the cloud what is left.

        Without `sure`, and where the lab was not opened with `clean_up=True`, it only says what would go, or that
        another lab uses it.
        Raises StillUsed, before anything is deleted, where another lab uses what this one has made; SurvivorsLeft,
        listing them, whether the run is strict or not. Safe to run again.
        """
        if not (self.may_clean_up if sure is None else sure):
            kinds = Counter(kind for kind, _ in owned(self.cloud, self.name))
            counted = ", ".join(f"{kind}: {number}" for kind, number in sorted(kinds.items()))
            if standing := uses(self.cloud, self.name):
                said = f"lab.clean_up(sure=True) would delete {counted}, and will be refused as things are:\n"
                return show.Note("Nothing is deleted yet.", said + refusal(self.name, standing), tone="wrong")
            if not kinds:
                said = "Nothing that this lab has made is there: lab.clean_up(sure=True) ends its round."
                return show.Note(said, others_left(self.cloud))
            return show.Note("Nothing is deleted yet.", f"lab.clean_up(sure=True) deletes {counted}.")
        swept = None
        try:
            swept = sweep(self.cloud, self.name, within=within)
        finally:
            with progress.changing(self.name, CLEAN_UP) as record:
                record["attempts"] += 1
                record["passed"] = swept is not None and not swept.survivors
        progress.stand(self.name)
        if self.outline.afterwards is not None:
            self.outline.afterwards(self.cloud)
        if swept.survivors:
            raise SurvivorsLeft(f"Clean up of {self.name} left {len(swept.survivors)} behind:\n{swept}")
        return show.Note("Clean up: nothing of this lab is left.", others_left(self.cloud), tone="passed")

    def time_and_cost(self) -> show.Note:
        """A person's time, the machine's time as last measured, and the price on a real account."""
        rows: list[tuple[str, str]] = [("Your time", f"{self.outline.minutes} minutes")]
        rows.append(("Your time on a real account", f"about {self.outline.hours * 60:.0f} minutes"))
        measured = self._measured()
        if measured:
            rows.append(("Machine time", f"{measured['seconds']:.0f} s, measured {measured['date']}"))
        rows.append(("Cost on this machine", "none"))
        rows.append(("Cost on a real account", str(self.estimate)))
        return show.Note("Time and cost", show.plain_table(("", ""), rows).lstrip(), show.table(("", ""), rows))

    def __repr__(self) -> str:
        return f"Lab {self.name}: {self.outline.title}. {self._goal()}\n" + show.plain_table(*self._contents())

    def _repr_html_(self) -> str:
        heading = f"Lab {self.name}: {self.outline.title}"
        return show.box("note", heading, show.text(self._goal()) + show.table(*self._contents()))

    def _goal(self) -> str:
        """What for; and, where the embedded AWS is not as it is by default, how it is."""
        if self.cloud.profile != STRICT.name:
            return self.outline.goal
        return (
            f"{self.outline.goal} The embedded AWS is {self.cloud.profile}: as slow, late and strict as AWS. What AWS "
            "refuses for a while is asked again."
        )

    def _contents(self) -> tuple[tuple[str, ...], list[tuple[str, str, str]]]:
        done = progress.of(self.name)
        rows = [
            (
                step.name,
                f"{'' if step.kind is Kind.SHOWN else step.kind.value + ': '}{step.title}",
                progress.word(done.get(step.name)),
            )
            for step in self.steps
        ]
        return ("Step", "What", "So far"), rows

    @_not_the_learner
    def _brought(self, step: Step) -> tuple[bool, str]:
        """Do a step unless it is done; whether it is done then, and what to say of it."""
        if step.check(self.cloud, self).passed:
            return True, "was there"
        step.solve(self.cloud, self)
        found = self._ask(step, within=5)
        return found.passed, "made now" if found.passed else f"is there and {found.state}: {found.message}"

    @_not_the_learner
    def _towards(self, step: Step) -> tuple[bool, list[tuple[str, str]]]:
        """Mend what a drill has broken and do what is shown before `step`, up to the first that does not come about;
        whether all is done, what to say of each."""
        rows = [(one.title, self._brought(one)[1]) for one in self._needed(self.outline, [])]
        for one in self.steps:
            broken = progress.of(self.name).get(one.name, {}).get("broken")
            if broken and one.check(self.cloud, self).state == "wrong":
                one.solve(self.cloud, self, patience=60)
                rows.append((one.title, "mended"))
        before = [one for one in self.steps[: self.steps.index(step)] if one.kind is Kind.SHOWN]
        for one in before:
            done, said = self._brought(one)
            rows.append((one.title, said))
            if not done:
                return False, rows
        return True, rows

    def _begins(self, step: Step) -> bool:
        """Whether nothing of `step` is done yet: a drill is not broken, of any other nothing has begun."""
        state = step.check(self.cloud, self).state
        return state != "wrong" if step.kind is Kind.DRILL or step.at_once else state == "not started"

    @_not_the_learner
    def _bring_back(self, last: Step | None, into: dict[str, Any]) -> str:
        """The names that are used after the check of `last`, or cost nothing, put `into`; what to say of those that
        could not be."""
        cells = lesson.of(catalogue.notebook(self.name))
        place = cells.after(last.name if last else None)
        following = self.steps[self.steps.index(last) + 1 if last else 0 :]
        wanted = cells.used_from(place).union(cells.written_down(place), *(step.takes for step in following))
        with self._again.only_looking():
            missing = lesson.bring_back(cells.names_for(place, wanted), into)
        return f"\nNot brought back, run their cells again: {', '.join(sorted(missing))}." if missing else ""

    def _ask(self, step: Step, within: float) -> Check:
        found, _ = wait.again_and_again(
            lambda: self._judged(step),
            lambda found: f"for {found.waits_for}",
            timeout=within,
            done=lambda found: found.passed or not found.waits_for,
        )
        return found

    def _judged(self, step: Step) -> Check:
        """What the cloud says of the step in this round: a drill is passed once it was broken, and mended.

        Where AWS has refused the learner's last attempt that is said, as what is there is older.
        """
        found = step.check(self.cloud, self)
        if step.kind is Kind.DRILL and found.passed and not progress.met(self.name, step.name):
            untouched = not_started(f'Nothing is broken yet: lab.break_it("{step.name}") does that.')
            return replace(untouched, step=step.name)
        if step.kind is Kind.DRILL and found.state == "not started" and progress.met(self.name, step.name):
            found = replace(
                found, state="wrong", look=found.look or "what was there when the drill began, and has gone"
            )
        if found.passed:
            self._attempts.passed(step.name)
        elif refused := self._attempts.of(step.name):
            look = (
                f'the answer of the call, in your cell; where what it needs is not there, lab.catch_up("{step.name}")'
            )
            return replace(wrong(refused, look=look), step=step.name)
        return found

    def _lost(self, name: str) -> str:
        """What to do where a name is not there that a cell of the lesson makes; empty of any other."""
        if name not in lesson.of(catalogue.notebook(self.name)).names():
            return ""
        done = [step for step in self.steps if progress.stands(self.name, step.name)]
        following = self.steps[self.steps.index(done[-1]) + 1 :] if done else self.steps
        brings = f'lab.catch_up("{following[0].name}")' if following else "lab.resume()"
        return f"A cell above makes `{name}`, and has not run since the kernel started: run that, or {brings}."

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

    def _measured(self) -> dict[str, Any]:
        try:
            return dict(json.loads((self.directory / "measured.json").read_text()))
        except FileNotFoundError:
            return {}

"""The figures of a class: who is where, which check stops most, what a step takes. Computed of records, by no clock."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from drydock.classroom.folder import Class, Member
from drydock.classroom.records import BadRecord, Graded, Progress, StepRecord, graded_in, progress_in
from drydock.labs import catalogue
from drydock.labs.step import Step

STUCK_AFTER = 3
"""Checks of a step that have not passed, after which a learner counts as stuck. Our own choice."""

Where = Literal["not begun", "working", "stuck", "done", "unreadable"]
NOTHING = StepRecord()


@dataclass(frozen=True)
class Standing:
    """One learner. `unreadable` says what is wrong with the learner's file; then there is no progress."""

    member: Member
    progress: Progress
    graded: Mapping[str, Graded]
    unreadable: str = ""
    damaged_grades: tuple[str, ...] = ()
    handed_in: bool = False

    def of(self, lab: str, step: str) -> StepRecord:
        return self.progress.get(lab, {}).get(step, NOTHING)


@dataclass(frozen=True)
class Place:
    """Where a learner is: the step that was worked on last and is not passed, or the next one."""

    where: Where
    lab: str = ""
    step: str = ""
    attempts: int = 0


@dataclass(frozen=True)
class StepFigures:
    """One step over the class. Medians are None where nobody gives a value for them."""

    lab: str
    step: Step
    begun: int
    passed: int
    at_once: int
    stopped: tuple[str, ...]
    attempts: float | None
    seconds: float | None
    hints: int
    solutions: int


@dataclass(frozen=True)
class ClassReading:
    """The class and everybody in it. `steps`: {lab: its steps, in order}."""

    the_class: Class
    standings: tuple[Standing, ...]
    steps: Mapping[str, Sequence[Step]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Steps that a learner can pass."""
        return sum(len(steps) for steps in self.steps.values())

    def place(self, one: Standing) -> Place:
        """Where this learner is."""
        if one.unreadable:
            return Place("unreadable")
        order = [(lab, step.name) for lab, steps in self.steps.items() for step in steps]
        begun = [key for key in order if one.of(*key).begun]
        open_ones = [key for key in order if not one.of(*key).passed]
        if not open_ones:
            return Place("done")
        if not begun:
            return Place("not begun", *open_ones[0])
        latest = max(begun, key=lambda key: (_time(one.of(*key).last_seen), order.index(key)))
        if not one.of(*latest).passed:
            record = one.of(*latest)
            where: Where = "stuck" if is_stuck(record) else "working"
            return Place(where, *latest, record.attempts)
        following = [key for key in open_ones if order.index(key) > order.index(latest)]
        return Place("working", *(following or open_ones)[0])

    def last_seen(self, one: Standing) -> datetime | None:
        times = [record.last_seen for steps in one.progress.values() for record in steps.values() if record.last_seen]
        return max(times, default=None)

    def without_work(self, one: Standing) -> str:
        """What has to be said of grades of one who has handed in nothing, where others have; else empty."""
        if one.handed_in or not one.graded or not any(each.handed_in for each in self.standings):
            return ""
        return "nothing was handed in, or it was refused: the folder in learners/ was graded"

    def figures(self) -> list[StepFigures]:
        """Every step, in the order of the labs."""
        return [self._of_step(lab, step) for lab, steps in self.steps.items() for step in steps]

    def stopping(self) -> list[StepFigures]:
        """The steps at which somebody is held up, those that hold up most first."""
        held = [one for one in self.figures() if one.stopped]
        return sorted(held, key=lambda one: (len(one.stopped), one.attempts or 0), reverse=True)

    def _of_step(self, lab: str, step: Step) -> StepFigures:
        records = {one.member.id: one.of(lab, step.name) for one in self.standings}
        begun = {learner: record for learner, record in records.items() if record.begun}
        passed = [record for record in begun.values() if record.passed]
        return StepFigures(
            lab,
            step,
            len(begun),
            len(passed),
            sum(record.attempts == 1 and not record.hints and not record.solution_shown for record in passed),
            tuple(learner for learner, record in begun.items() if not record.passed),
            _median(record.attempts for record in begun.values() if record.attempts),
            _median(record.seconds for record in passed if record.seconds),
            sum(record.hints for record in begun.values()),
            sum(record.solution_shown for record in begun.values()),
        )


def is_stuck(record: StepRecord) -> bool:
    """Whether a step that is not passed holds its learner up: checked often in vain, or its solution looked at."""
    return not record.passed and (record.attempts >= STUCK_AFTER or record.solution_shown)


def read(the_class: Class) -> ClassReading:
    """Read everybody's records. A damaged one is named in its learner's standing, and the others are read."""
    steps = {lab: list(catalogue.load(lab).steps.values()) for lab in the_class.labs}
    return ClassReading(the_class, tuple(_standing(the_class, member) for member in the_class.members), steps)


def _standing(the_class: Class, member: Member) -> Standing:
    graded: dict[str, Graded] = {}
    damaged: list[str] = []
    for lab in the_class.labs:
        try:
            if (found := graded_in(the_class.graded(member), lab)) is not None:
                graded[lab] = found
        except BadRecord as error:
            damaged.append(str(error))
    handed_in = the_class.handed_in(member).is_dir()
    try:
        progress, unreadable = progress_in(the_class.work(member)), ""
    except BadRecord as error:
        progress, unreadable = {}, str(error)
    return Standing(member, progress, graded, unreadable, tuple(damaged), handed_in)


def _median(values: Iterable[float]) -> float | None:
    found = list(values)
    return statistics.median(found) if found else None


def _time(when: datetime | None) -> float:
    return when.timestamp() if when else 0.0

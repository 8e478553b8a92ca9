"""What a lab declares: its steps, each with a check of the cloud, hints in order and a reference solution."""

from __future__ import annotations

import contextlib
import inspect
import io
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from drydock.labs import lesson
from drydock.notebooks.wait import wait_until
from drydock.resources import not_found

if TYPE_CHECKING:
    from drydock.cloud import Cloud

State = Literal["not started", "wrong", "passed"]


@dataclass(frozen=True)
class Check:
    """What a check found. `look`: where to look when it is wrong.

    waits_for  what may still come by itself: "2 of 6 tasks to be RUNNING". Empty where waiting changes nothing.
    """

    state: State
    message: str
    look: str = ""
    step: str = ""
    waits_for: str = ""

    @property
    def passed(self) -> bool:
        return self.state == "passed"

    def __bool__(self) -> bool:
        """`if problem := …` would pass over a check that found one, as that has not passed: so it is refused."""
        raise TypeError("A check is neither true nor false: ask whether it .passed, or for its .state.")

    def __str__(self) -> str:
        where = f"\n  Where to look: {self.look}" if self.look else ""
        return f"{_SIGNS[self.state]} {self.step}: {self.state}. {self.message}{where}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from drydock.notebooks import show

        body = show.text(self.message)
        if self.look:
            body += f"<br><em>Where to look:</em> {show.text(self.look)}"
        return show.box(self.state, f"{_SIGNS[self.state]} {self.step}: {self.state}", body)


_SIGNS: dict[State, str] = {"not started": "○", "wrong": "✗", "passed": "✓"}


def not_started(message: str, *, waits_for: str = "") -> Check:
    """Nothing of this step is in the cloud yet. `waits_for` as for `wrong`."""
    return Check("not started", message, waits_for=waits_for)


def wrong(message: str, *, look: str, waits_for: str = "") -> Check:
    """Something is there and is not as it should be: what, and where to look (a call, a field, a cell).

    `waits_for`: what makes it right without anybody's doing, as words that go after "waiting for". Without it the
    answer stands at once, however long it may be waited for.
    """
    return Check("wrong", message, look, waits_for=waits_for)


def passed(message: str) -> Check:
    """The cloud is as the step wants it. Say what was seen, only in words and numbers that repeat."""
    return Check("passed", message)


Lab = Any  # a lab has steps, and a step knows no lab
Looks = Callable[["Cloud", Lab], Check]
Acts = Callable[..., Any]


class NoSuchStep(KeyError):
    """The lab has no such step; the text lists those it has. In a notebook it is shown without a traceback."""

    def __str__(self) -> str:
        return str(self.args[0])

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class NothingToBreak(LookupError):
    """What a drill is about to break is not there; the text says what is missing."""


class Kind(Enum):
    """How a step is met: shown in the cells, left to the learner, or broken first and then mended."""

    SHOWN = "step"
    YOUR_TURN = "your turn"
    DRILL = "drill"


@dataclass
class Step:
    """One step of a lab. Use it as a decorator's result: `@step.solution`, and `@step.breaks` for a drill."""

    name: str
    title: str
    kind: Kind
    look: Looks
    hints: Sequence[str] = ()
    act: Acts | None = None
    fault: Acts | None = None
    at_once: bool = False
    there: bool = False
    notebook: Path = Path()

    def solution(self, function: Acts) -> Acts:
        """Declare the reference solution.

        Of a step that the notebook shows: `(cloud, lab)`, does what the check wants, in any notebook, and waits for it.
        Of an exercise or a drill: its body is the cell, as a learner would write it there; its parameters name what of
        the notebook that uses.
        """
        self.act = function
        return function

    def breaks(self, function: Acts) -> Acts:
        """Declare a drill's fault: `(cloud, lab)`, after which the check no longer passes."""
        self.fault = function
        return function

    def check(self, cloud: Cloud, lab: Lab) -> Check:
        """Ask the cloud. AWS's errors become results: not found is *not started*, any other is *wrong*."""
        try:
            found = self.look(cloud, lab)
        except ClientError as error:
            found = _of_error(error)
        if not isinstance(found, Check):
            raise TypeError(
                f"The check of step {self.name!r} returned {found!r}: return passed(…), wrong(…) or not_started(…)."
            )
        return replace(found, step=self.name)

    def solve(self, cloud: Cloud, lab: Lab, *, patience: float = 300.0) -> None:
        """Do it. Of an exercise or a drill the very text of `source` is run, and waited for until the check passes.

        Raises TookTooLong where that takes more than `patience` of our seconds.
        """
        if self.act is None:
            raise NotImplementedError(f"Step {self.name!r} has no @solution.")
        if self.kind is Kind.SHOWN:
            self.act(cloud, lab)
            return
        names = lab.names_at(self)
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(self.source(), f"<solution of {self.name}>", "exec"), names)
        wait_until(lambda: self.check(cloud, lab).passed, f"{self.name} is passed", timeout=patience)

    def put_fault(self, cloud: Cloud, lab: Lab) -> None:
        """Break what the drill is about. Raises NothingToBreak where that is not there."""
        assert self.fault is not None
        if self.there and (found := self.check(cloud, lab)).state == "not started":
            raise NothingToBreak(found.message)
        try:
            self.fault(cloud, lab)
        except ClientError as error:
            if (found := _of_error(error)).state != "not started":
                raise
            raise NothingToBreak(found.message) from error

    @property
    def takes(self) -> list[str]:
        """The names of the lesson that the solution of an exercise or a drill uses."""
        return [] if self.act is None or self.kind is Kind.SHOWN else list(inspect.signature(self.act).parameters)

    def source(self) -> str:
        """What does it, as a cell: the solution's own lines; for a step that the notebook shows, the notebook's."""
        if self.kind is Kind.SHOWN:
            return lesson.of(self.notebook).shown(self.name)
        if self.act is None:
            raise NotImplementedError(f"Step {self.name!r} has no @solution.")
        return _body(self.act)


def _body(function: Any) -> str:
    lines = textwrap.dedent(inspect.getsource(function)).splitlines()
    end = next(number for number, line in enumerate(lines) if line.startswith(("def ", ")")) and line.endswith(":"))
    return textwrap.dedent("\n".join(lines[end + 1 :]))


def _of_error(error: ClientError) -> Check:
    code = error.response["Error"]["Code"]
    if not_found(error):
        return not_started(f"Not there yet. AWS says: {error.response['Error'].get('Message') or code}")
    return wrong(f"AWS answers {code}: {error.response['Error'].get('Message', '')}", look=error.operation_name)


@dataclass
class Outline:
    """A lab's declaration: the one object that its checks.py must define, named `outline`.

    title, goal  one line each.
    minutes      a person's time, as text: "15 to 30".
    needs        what earlier labs would have left: "03-cluster" (all its shown steps) or
                 "01-repositories:create-repositories" (that step, after that lab's own needs).
    costs        what a real account would be charged for, for `drydock.pricing.estimate`.
    hours        how long that stands while a person works through the lab.
    """

    title: str
    goal: str
    minutes: str = "15 to 30"
    needs: Sequence[str] = ()
    costs: Sequence[Any] = ()
    hours: float = 0.5
    steps: dict[str, Step] = field(default_factory=dict)
    name: str = ""
    afterwards: Callable[[Cloud], None] | None = None

    def at_the_end(self, function: Callable[[Cloud], None]) -> Callable[[Cloud], None]:
        """Declare what Clean up puts right that is no resource of AWS's."""
        self.afterwards = function
        return function

    def step(
        self, name: str, *, title: str, hints: Sequence[str] = (), at_once: bool = False
    ) -> Callable[[Looks], Step]:
        """Declare a step that the notebook's own cells take; the decorated function is its check.

        `at_once`: it may pass as soon as one comes to it, as where the step only looks at what is there.
        """
        return self._declare(name, title, Kind.SHOWN, hints, at_once)

    def your_turn(self, name: str, *, title: str, hints: Sequence[str] = ()) -> Callable[[Looks], Step]:
        """Declare an exercise: `title` says what is asked. With `solve=True` its solution is run headless."""
        return self._declare(name, title, Kind.YOUR_TURN, hints)

    def drill(
        self, name: str, *, title: str, hints: Sequence[str] = (), there: bool = False
    ) -> Callable[[Looks], Step]:
        """Declare a fault to find and mend; its check fails after `breaks` and passes after `solution`.

        `there`: what it breaks must be there before: where its check says *not started*, there is nothing to break.
        Otherwise `breaks` makes what it breaks.
        """
        return self._declare(name, title, Kind.DRILL, hints, there=there)

    def _declare(
        self,
        name: str,
        title: str,
        kind: Kind,
        hints: Sequence[str],
        at_once: bool = False,
        there: bool = False,
    ) -> Callable[[Looks], Step]:
        if name in self.steps:
            raise ValueError(f"Step {name!r} is declared twice in {self.title!r}.")

        def declare(look: Looks) -> Step:
            self.steps[name] = Step(name, title, kind, look, tuple(hints), at_once=at_once, there=there)
            return self.steps[name]

        return declare

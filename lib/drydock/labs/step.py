"""What a lab declares: its steps, each with a check of the cloud, hints in order and a reference solution."""

from __future__ import annotations

import ast
import dis
import inspect
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from drydock.cloud import Cloud

State = Literal["not started", "wrong", "passed"]


@dataclass(frozen=True)
class Check:
    """What a check found. `look`: where to look when it is wrong."""

    state: State
    message: str
    look: str = ""
    step: str = ""

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


def not_started(message: str) -> Check:
    """Nothing of this step is in the cloud yet."""
    return Check("not started", message)


def wrong(message: str, *, look: str) -> Check:
    """Something is there and is not as it should be: what, and where to look (a call, a field, a cell)."""
    return Check("wrong", message, look)


def passed(message: str) -> Check:
    """The cloud is as the step wants it. Say what was seen, only in words and numbers that repeat."""
    return Check("passed", message)


Lab = Any  # a lab has steps, and a step knows no lab
Looks = Callable[["Cloud", Lab], Check]
Acts = Callable[["Cloud", Lab], Any]


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

    def solution(self, function: Acts) -> Acts:
        """Declare the reference solution: `(cloud, lab)`, does what the check wants and waits for it."""
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
        return Check(found.state, found.message, found.look, self.name)

    def solve(self, cloud: Cloud, lab: Lab) -> None:
        """Run the reference solution."""
        if self.act is None:
            raise NotImplementedError(f"Step {self.name!r} has no @solution.")
        self.act(cloud, lab)

    def source(self) -> str:
        """The reference solution as a cell that does it, in a function, so that the notebook's names stay."""
        if self.act is None:
            raise NotImplementedError(f"Step {self.name!r} has no @solution.")
        lines = ["def solution(cloud, lab):", *_brought(self.act), *_body(self.act), "", "", "solution(cloud, lab)"]
        return "\n".join(lines)


def _body(function: Any) -> list[str]:
    lines = textwrap.dedent(inspect.getsource(function)).splitlines()
    return lines[next(number for number, line in enumerate(lines) if line.startswith("def ")) + 1 :]


def _brought(function: Any) -> list[str]:
    """Lines that bring what `function` uses of its module: imports, then constants and helpers as they are written."""
    own, text = function.__globals__, inspect.getsource(sys.modules[function.__module__])
    written = {name: statement for statement in ast.parse(text).body for name in _defined(statement)}
    imports: set[str] = set()
    helpers: dict[str, str] = {}
    wanted = _global_names(function.__code__)
    while wanted:
        name = wanted.pop()
        value = own.get(name)
        if name not in own or name in helpers:
            continue
        if isinstance(value, ModuleType):
            imports.add(f"import {name}" if value.__name__ == name else f"import {value.__name__} as {name}")
        elif isinstance(value, Step):
            imports.add(f"from {function.__module__} import {name}")
        elif name in written:
            statement = written[name]
            helpers[name] = _written(text, statement)
            if isinstance(statement, ast.FunctionDef):
                wanted |= _global_names(getattr(inspect.unwrap(value), "__code__", None)) | _annotated(value)
                wanted |= _named(*statement.decorator_list)
            else:
                wanted |= _named(statement)
        else:
            imports.add(_import(name, value, text))
    order = dict.fromkeys(helpers[name] for name in written if name in helpers)
    lines = "\n\n".join(filter(None, ["\n".join(sorted(imports)), *order])).splitlines()
    return [f"    {line}".rstrip() for line in [*lines, ""]] if lines else []


def _import(name: str, value: Any, text: str) -> str:
    """The line that brings `name` to a module of this text; from where it was made, if the text does not say."""
    for statement in ast.walk(ast.parse(text)):
        if isinstance(statement, ast.ImportFrom) and not statement.level:
            for alias in statement.names:
                if (alias.asname or alias.name) == name:
                    return ast.unparse(ast.ImportFrom(statement.module, [alias], 0))
    return f"from {value.__module__} import {name}"


def _named(*nodes: ast.AST) -> set[str]:
    return {part.id for node in nodes for part in ast.walk(node) if isinstance(part, ast.Name)}


def _annotated(value: Any) -> set[str]:
    annotations = inspect.get_annotations(value).values() if callable(value) else ()
    parts = (part for text in annotations for part in ast.walk(ast.parse(text)))
    return {part.id for part in parts if isinstance(part, ast.Name)}


def _written(text: str, statement: ast.stmt) -> str:
    """As it is in the file; a constant on one line, as its strings must not be indented."""
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        return ast.unparse(statement)
    first = min(part.lineno for part in (statement, *getattr(statement, "decorator_list", ())))
    return "\n".join(text.splitlines()[first - 1 : statement.end_lineno])


def _defined(statement: ast.stmt) -> set[str]:
    """The names that a statement of a module gives something to."""
    match statement:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Assign(targets=targets):
            return {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
    return set()


def _global_names(code: CodeType | None) -> set[str]:
    if code is None:
        return set()
    inner = (_global_names(each) for each in code.co_consts if isinstance(each, CodeType))
    here = {each.argval for each in dis.get_instructions(code) if each.opname == "LOAD_GLOBAL"}
    return here.union(*inner)


def _of_error(error: ClientError) -> Check:
    code = error.response["Error"]["Code"]
    if code.endswith(("NotFoundException", "NotFound", "NotFoundFault", "NoSuchEntity", "NonExistentQueue")):
        return not_started(f"AWS answers {code}: {error.response['Error'].get('Message', '')}")
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

    def step(self, name: str, *, title: str, hints: Sequence[str] = ()) -> Callable[[Looks], Step]:
        """Declare a step that the notebook's own cells take; the decorated function is its check."""
        return self._declare(name, title, Kind.SHOWN, hints)

    def your_turn(self, name: str, *, title: str, hints: Sequence[str] = ()) -> Callable[[Looks], Step]:
        """Declare an exercise: `title` says what is asked. With `solve=True` its solution is run headless."""
        return self._declare(name, title, Kind.YOUR_TURN, hints)

    def drill(self, name: str, *, title: str, hints: Sequence[str] = ()) -> Callable[[Looks], Step]:
        """Declare a fault to find and mend; its check fails after `breaks` and passes after `solution`."""
        return self._declare(name, title, Kind.DRILL, hints)

    def _declare(self, name: str, title: str, kind: Kind, hints: Sequence[str]) -> Callable[[Looks], Step]:
        if name in self.steps:
            raise ValueError(f"Step {name!r} is declared twice in {self.title!r}.")

        def declare(look: Looks) -> Step:
            self.steps[name] = Step(name, title, kind, look, tuple(hints))
            return self.steps[name]

        return declare

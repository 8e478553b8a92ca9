"""Every reference solution, as a learner sees it: what it needs it brings along."""

from __future__ import annotations

import ast
import builtins
import importlib
import symtable
from pathlib import Path
from typing import Any

import pytest

from drydock.labs import catalogue
from drydock.labs.step import Kind, Step

SOLUTIONS = [(name, step) for name in catalogue.names() for step in catalogue.load(name).steps]


def free(table: symtable.SymbolTable) -> set[str]:
    """The global names that a piece of code reads."""
    here = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global()}
    return here.union(*(free(child) for child in table.get_children()))


@pytest.mark.parametrize(("name", "step"), SOLUTIONS)
def test_a_solution_can_be_run_in_a_cell(name: str, step: str) -> None:
    source = catalogue.load(name).steps[step].source()
    solution = symtable.symtable(source, step, "exec").get_children()[0]
    assert free(solution) <= set(dir(builtins))
    for statement in ast.walk(ast.parse(source)):
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            exec(ast.unparse(statement), {})


MODULE = """
import collections.abc as abc
from dataclasses import dataclass
from datetime import UTC, datetime as moment
from math import pi
from os import environ as given

FACTOR: int = 2
LOW, HIGH = 1, FACTOR * 2
ROUND = [FACTOR, round(pi)]


@dataclass
class Span:
    low: int
    high: int = HIGH


def act(cloud, lab):
    cloud.append(moment(2026, 1, 1, tzinfo=UTC).isoformat())
    cloud.append((LOW, HIGH, ROUND, Span(LOW), pi > 3, "PATH" in given, issubclass(list, abc.Sequence)))
"""


def test_a_solution_brings_whatever_its_module_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some_lab.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    act = importlib.import_module("some_lab").act
    found: list[Any] = []
    source = Step("s", "S", Kind.SHOWN, act, act=act).source()
    exec(source, {"cloud": found, "lab": None, "__name__": "__main__"})
    assert found[0] == "2026-01-01T00:00:00+00:00"
    assert str(found[1]).replace("solution.<locals>.", "") == "(1, 4, [2, 3], Span(low=1, high=4), True, True, True)"

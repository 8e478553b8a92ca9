"""Every solution, as a learner sees it: the lesson's own lines, and no name in them that the lesson has not."""

from __future__ import annotations

import ast
import builtins
import symtable

import pytest

from drydock.labs import catalogue, lesson
from drydock.labs.step import Kind

SOLUTIONS = [(name, step) for name in catalogue.names() for step in catalogue.load(name).steps]
ANSWERS = [(name, step) for name, step in SOLUTIONS if catalogue.load(name).steps[step].kind is not Kind.SHOWN]


def free(table: symtable.SymbolTable) -> set[str]:
    """The names that a piece of code reads and nothing in it has made."""
    made = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    here = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced() and not symbol.is_local()}
    return (here | set().union(*(free(child) for child in table.get_children()))) - made


@pytest.mark.parametrize(("name", "step"), ANSWERS)
def test_an_answer_uses_what_the_lesson_has_by_then(name: str, step: str) -> None:
    one = catalogue.load(name).steps[step]
    used = free(symtable.symtable(one.source(), step, "exec")) - set(dir(builtins))
    assert used <= {*one.takes}
    told = lesson.of(one.notebook)
    before = ast.parse("\n".join(told.cells[: told.turn(step)]))
    made = {
        node.id if isinstance(node, ast.Name) else node.name.split(".")[0]
        for node in ast.walk(before)
        if isinstance(node, ast.FunctionDef | ast.alias)
        or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
    }
    assert {*one.takes} <= made


@pytest.mark.parametrize(("name", "step"), ANSWERS)
def test_an_answer_leaves_the_lessons_names_alone(name: str, step: str) -> None:
    """What the cells below it use and do not make is as the cells above it made it."""
    one = catalogue.load(name).steps[step]
    told = lesson.of(one.notebook)
    top = symtable.symtable(one.source(), step, "exec")
    made = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    assert not made & told.used_from(told.turn(step) + 1)


@pytest.mark.parametrize(("name", "step"), ANSWERS)
def test_an_answer_is_a_few_lines(name: str, step: str) -> None:
    lines = catalogue.load(name).steps[step].source().splitlines()
    assert len(lines) <= 12
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize(("name", "step"), [one for one in SOLUTIONS if one not in ANSWERS])
def test_the_solution_of_a_step_that_is_shown_is_the_lessons_cells(name: str, step: str) -> None:
    source = catalogue.load(name).steps[step].source()
    assert ast.parse(source).body
    assert "lab.check(" not in source
    assert "lab.set_up(" not in source


SAYS = {"attempt", "print", "wait"}
"""What says something worth seeing, or nothing: any other call would show its whole answer below the cell."""


@pytest.mark.parametrize(("name", "step"), ANSWERS)
def test_an_answer_ends_in_a_line_worth_seeing_or_in_none(name: str, step: str) -> None:
    last = ast.parse(catalogue.load(name).steps[step].source()).body[-1]
    if isinstance(last, ast.Expr):
        assert isinstance(last.value, ast.Call)
        called = last.value.func
        assert (called.attr if isinstance(called, ast.Attribute) else ast.unparse(called)) in SAYS


@pytest.mark.parametrize(("name", "step"), ANSWERS)
def test_an_answer_is_asked_for_below_its_cell(name: str, step: str) -> None:
    told = lesson.of(catalogue.load(name).steps[step].notebook)
    assert any(f'# lab.solution("{step}")' in cell for cell in told.cells[told.turn(step) :])

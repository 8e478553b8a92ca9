"""Every reference solution, as a learner sees it: what it needs it brings along."""

from __future__ import annotations

import ast
import builtins
import symtable

import pytest

from drydock.labs import catalogue

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

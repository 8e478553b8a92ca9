"""The cells of a lab's notebook, by step, and what of the cells before a step it takes to go on from there."""

from __future__ import annotations

import ast
import builtins
import contextlib
import functools
import io
import symtable
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat


@dataclass(frozen=True)
class Lesson:
    """The code cells of a notebook, in order."""

    cells: tuple[str, ...]

    def after(self, step: str | None) -> int:
        """The place of the first cell after the check of `step`; None: after the cell that opens the lab."""
        sought = f'lab.check("{step}"' if step else "Lab.open("
        places = [place for place, cell in enumerate(self.cells) if sought in cell]
        return places[-1] + 1

    def turn(self, step: str) -> int:
        """The place of the cell in which the learner answers exercise `step`."""
        return next(place for place, cell in enumerate(self.cells) if f'lab.your_turn("{step}"' in cell) + 1

    def shown(self, step: str) -> str:
        """The cells that take `step`: from the check before it to its own."""
        end = next(place for place, cell in enumerate(self.cells) if f'lab.check("{step}"' in cell)
        begun = max(place for place in range(end) if "lab." in self.cells[place]
                    and self.cells[place].lstrip("# ").startswith("lab."))  # fmt: skip
        return "\n\n".join(self.cells[begun + 1 : end])

    def imports(self) -> list[ast.stmt]:
        """What the cell that opens the lab imports."""
        opened = _statements(self.cells[self.after(None) - 1 : self.after(None)])
        return [statement for statement in opened if isinstance(statement, ast.Import | ast.ImportFrom)]

    def used_from(self, place: int) -> set[str]:
        """The names that the cells from `place` on use and do not make."""
        return _used(_statements(self.cells[place:]))

    def written_down(self, place: int) -> set[str]:
        """The names before `place` that are made without asking anybody: imports, values, functions that compute."""
        imported: set[str] = set()
        quiet: set[str] = set()
        for statement in _statements(self.cells[:place]):
            made = _bound(statement)
            quiet -= made
            if isinstance(statement, ast.Import | ast.ImportFrom):
                imported |= made
            elif isinstance(statement, ast.Assign | ast.AnnAssign | ast.FunctionDef):
                known = quiet | made | _parameters(statement) | {"cloud", "lab"}
                free = _free(statement) - imported - _BUILTINS
                if free <= known and all(_computes(call, known) for call in _calls(statement)):
                    quiet |= made
        return imported | quiet

    def names(self) -> set[str]:
        """The names that its cells make."""
        return set().union(*(_bound(statement) for statement in _statements(self.cells)))

    def names_for(self, place: int, wanted: set[str]) -> list[ast.stmt]:
        """The statements before `place` that make these names, and what it takes to make them."""
        begun = self.after(None)
        wanted = set(wanted)
        chosen: list[ast.stmt] = []
        for statement in reversed(_statements(self.cells[begun:place])):
            made, changed = _bound(statement), _changed(statement)
            if (made | changed) & wanted:
                chosen.append(statement)
                wanted -= made if isinstance(statement, _SURE) else set()
                wanted |= _free(statement)
        return chosen[::-1]


@functools.cache
def of(notebook: Path) -> Lesson:
    """The lesson in `notebook`."""
    cells = nbformat.reads(notebook.read_text(encoding="utf-8"), as_version=4).cells
    return Lesson(tuple(str(cell.source) for cell in cells if cell.cell_type == "code"))


def bring_back(statements: list[ast.stmt], names: dict[str, Any]) -> dict[str, str]:
    """Run them for the sake of their names, silently; the names that did not come back, each with why."""
    missing: dict[str, str] = {}
    for statement in statements:
        program = compile(ast.Module([statement], []), "<lesson>", "exec")
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(program, names)
        except Exception as error:
            missing |= dict.fromkeys(_bound(statement), f"{type(error).__name__}: {error}")
    return {name: why for name, why in missing.items() if name not in names}


_BUILTINS = set(dir(builtins)) - {"input", "open", "print"}
_SURE = (ast.Assign, ast.AnnAssign, ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


def _statements(cells: tuple[str, ...]) -> list[ast.stmt]:
    """What they say, in order."""
    return [statement for cell in cells for statement in ast.parse(cell).body]


def _used(statements: list[ast.stmt]) -> set[str]:
    """The names that they use before any of them makes it."""
    used: set[str] = set()
    made: set[str] = set()
    for statement in statements:
        used |= _free(statement) - made
        made |= _bound(statement)
    return used


def _table(statement: ast.stmt) -> symtable.SymbolTable:
    return symtable.symtable(ast.unparse(statement), "<lesson>", "exec")


def _bound(statement: ast.stmt) -> set[str]:
    """The names that a statement makes."""
    return {
        symbol.get_name()
        for symbol in _table(statement).get_symbols()
        if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()
    }


def _free(statement: ast.stmt) -> set[str]:
    """The names that it uses."""
    top = _table(statement)
    inner = {name for child in top.get_children() for name in _globals(child)}
    used = inner | {symbol.get_name() for symbol in top.get_symbols() if symbol.is_referenced()}
    if not isinstance(statement, ast.For | ast.With | ast.Try):
        return used
    grown = {node.target.id for node in ast.walk(statement) if isinstance(node, ast.AugAssign)
             and isinstance(node.target, ast.Name)}  # fmt: skip
    return used - (_bound(statement) - grown)


def _calls(statement: ast.stmt) -> list[ast.Call]:
    return [node for node in ast.walk(statement) if isinstance(node, ast.Call)]


def _parameters(statement: ast.stmt) -> set[str]:
    return {node.arg for node in ast.walk(statement) if isinstance(node, ast.arg)}


def _computes(call: ast.Call, known: set[str]) -> bool:
    """Whether it calls a function of these names, a builtin, or json.dumps."""
    name = ast.unparse(call.func)
    return name in known or name in _BUILTINS or name == "json.dumps"


def _globals(table: symtable.SymbolTable) -> Iterator[str]:
    yield from (symbol.get_name() for symbol in table.get_symbols() if symbol.is_global())
    for child in table.get_children():
        yield from _globals(child)


def _changed(statement: ast.stmt) -> set[str]:
    """The names of the things in which it sets something: `trust` of `trust["Condition"] = …`."""
    targets = [
        node for node in ast.walk(statement) if isinstance(node, ast.Subscript | ast.Attribute)
        and isinstance(node.ctx, ast.Store)
    ]  # fmt: skip
    roots: set[str] = set()
    for target in targets:
        root: ast.expr = target
        while isinstance(root, ast.Subscript | ast.Attribute):
            root = root.value
        if isinstance(root, ast.Name):
            roots.add(root.id)
    return roots

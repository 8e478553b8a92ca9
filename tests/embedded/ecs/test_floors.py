"""Who may change what in ECS, and what a workload may know, where no contract of import-linter can say it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import drydock.embedded.services.ecs
import drydock.embedded.workload

ECS = Path(drydock.embedded.services.ecs.__file__).parent
WORKLOAD = Path(drydock.embedded.workload.__file__).parent
CHANGING = {"append", "appendleft", "clear", "extend", "insert", "pop", "popleft", "remove", "setdefault", "update"}
WORDS = re.compile(
    r"ecs|fargate|tasks?|clusters?|deployments?|services?|essential|awsvpc|containerDefinitions?|definitions?"
    r"|(last|desired|health)_?status|stop_?code|stopped_?reason|(CannotPull|ResourceInitialization)\w*Error",
    re.IGNORECASE,
)


def changed(node: ast.AST) -> Iterator[ast.expr]:
    """What a statement gives a new value, or calls a method of that changes it."""
    if isinstance(node, ast.Assign):
        yield from node.targets
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        yield node.target
    elif isinstance(node, ast.Delete):
        yield from node.targets
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING:
        yield ast.Attribute(node.func.value, "")
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr":
        yield ast.Attribute(node.args[0], "")


def writes(path: Path) -> Iterator[tuple[int, str]]:
    """All that a module changes a part of, by the line: `a.b` and `a` for `a.b.c = 1`."""
    for node in ast.walk(ast.parse(path.read_text())):
        for target in changed(node):
            inner: ast.expr = target
            while isinstance(inner, ast.Attribute | ast.Subscript | ast.Call):
                inner = inner.func if isinstance(inner, ast.Call) else inner.value
                yield node.lineno, ast.unparse(inner)


@pytest.mark.parametrize("path", sorted(ECS.rglob("*.py")), ids=lambda path: path.stem)
def test_only_the_table_writes_to_a_task(path: Path) -> None:
    lines = [line for line, what in writes(path) if re.fullmatch(r"(\w+\.)*task", what)]
    assert bool(lines) == (path.stem == "table"), f"{path.name}: {lines}"


@pytest.mark.parametrize("path", sorted(ECS.rglob("*.py")), ids=lambda path: path.stem)
def test_only_deployments_write_to_a_deployment(path: Path) -> None:
    lines = [line for line, what in writes(path) if re.fullmatch(r"(\w+\.)*(deployment|primary|back)", what)]
    assert bool(lines) == (path.stem == "deployments"), f"{path.name}: {lines}"


@pytest.mark.parametrize("path", sorted(WORKLOAD.glob("*.py")), ids=lambda path: path.stem)
def test_a_workload_knows_no_word_of_ecs(path: Path) -> None:
    said = [word for word in re.findall(r"[A-Za-z_]+", path.read_text()) if WORDS.fullmatch(word)]
    assert said == []

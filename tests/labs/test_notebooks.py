"""The lab notebooks as committed: their shape, and their outputs, compared strictly where they repeat."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from tests.support.calls import noted
from tests.support.nbval import compare

from drydock.cloud import connect
from drydock.labs import Lab, catalogue

HEADINGS = ["Goal", "Time and cost", "Set up", "Steps", "Break it", "Clean up", "Recall"]
LABS = catalogue.names()


def cells(lab: str) -> list[Any]:
    return list(nbformat.read(catalogue.notebook(lab), as_version=4).cells)


@pytest.mark.parametrize("lab", LABS)
def test_a_lab_has_the_headings_in_order(lab: str) -> None:
    lines = [line for cell in cells(lab) if cell.cell_type == "markdown" for line in cell.source.splitlines()]
    found = [line.removeprefix("## ") for line in lines if line.startswith("## ")]
    assert [heading for heading in found if heading in HEADINGS] == HEADINGS


@pytest.mark.parametrize("lab", LABS)
def test_a_lab_has_typed_parameters_and_no_error_in_its_outputs(lab: str) -> None:
    tagged = [cell for cell in cells(lab) if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    for name in ("cloud", "region", "account", "budget_usd", "solve"):
        assert f"{name} =" in tagged[0].source
    kinds = {output.output_type for cell in cells(lab) if cell.cell_type == "code" for output in cell.outputs}
    assert "error" not in kinds
    assert catalogue.notebook(lab).stat().st_size < 500_000


@pytest.mark.parametrize("lab", LABS)
def test_no_function_is_longer_than_a_learner_can_take_in(lab: str) -> None:
    import ast

    for cell in cells(lab):
        if cell.cell_type == "code":
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.FunctionDef):
                    assert node.end_lineno is not None
                    assert node.end_lineno - node.lineno < 12, f"{lab}: {node.name}"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("lab", LABS)
def test_the_committed_outputs_are_what_the_lab_gives(lab: str, tmp_path: Path) -> None:
    """Every other lab runs where AWS is slow, late and strict: both profiles give the same.

    And once its Clean up has ended the round, no check passes in the next one.
    """
    root = catalogue.directory()
    with noted(tmp_path) as calls:
        compare(
            catalogue.notebook(lab),
            scratch=tmp_path,
            root=root,
            profile=("quick", "strict")[LABS.index(lab) % 2],
            then=lambda: nothing_counts_that_was_done_before(lab),
            DRYDOCK_LABS=str(root),
        )
    expected = set(json.loads((Path(__file__).with_name("calls.json")).read_text())[lab])
    more, less = sorted(calls - expected), sorted(expected - calls)
    assert not more and not less, f"calls.json, and then permissions and docs: {lab} calls {more} too, {less} no more"


def nothing_counts_that_was_done_before(name: str) -> None:
    lab = Lab.open(name, cloud=connect("embedded", name=os.environ["DRYDOCK_INSTANCE"]))
    lab.set_up()
    found = {step.name: step.check(lab.cloud, lab) for step in lab.steps}
    assert [step for step, check in found.items() if check.passed] == []
    assert [step for step, check in found.items() if check.waits_for] == []  # nor is anything on its way

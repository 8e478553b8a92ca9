"""The learner's own copies: nothing done in them, nothing given away, and never written over."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from typer.testing import CliRunner

from drydock.cli import app
from drydock.labs import catalogue, copies
from drydock.labs.step import Kind

SAMPLE = Path(__file__).parent / "sample"


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DRYDOCK_COURSE", str(tmp_path / "course"))
    copies.bring()
    return copies.folder()


def cells(notebook: Path) -> list[Any]:
    return list(nbformat.read(notebook, as_version=4).cells)


def test_no_copy_holds_an_output_a_mark_or_a_number(course: Path) -> None:
    notebooks = sorted(course.rglob("*.ipynb"))
    assert {catalogue.notebook(name).name for name in catalogue.names()} <= {path.name for path in notebooks}
    for notebook in notebooks:
        code = [cell for cell in cells(notebook) if cell.cell_type == "code"]
        assert [cell.outputs for cell in code if cell.outputs] == [], notebook
        assert {cell.execution_count for cell in code} == {None}, notebook
        assert "passed" not in "".join(cell.source for cell in code), notebook
        assert "✓" not in notebook.read_text(), notebook


def test_no_solution_lies_in_the_learners_folder(course: Path) -> None:
    assert list(course.rglob("checks.py")) == []
    everything = "".join(path.read_text() for path in course.rglob("*") if path.is_file())
    for name in catalogue.names():
        for step in catalogue.load(name).steps.values():
            if step.kind is not Kind.SHOWN:
                assert step.source() not in everything, f"{name}: {step.name}"
    assert "@outline" not in everything


def test_every_exercise_begins_with_an_empty_cell(course: Path) -> None:
    for name in catalogue.names():
        found = cells(copies.notebook(name))
        for place, cell in enumerate(found):
            if cell.source.startswith("lab.your_turn("):
                lines = found[place + 1].source.splitlines()
                assert [line for line in lines if line and not line.startswith("#")] == [], f"{name}: {cell.source}"


def test_links_lead_somewhere(course: Path) -> None:
    for notebook in course.rglob("*.ipynb"):
        for cell in cells(notebook):
            for link in re.findall(r"\]\(([^)#]+)\)", cell.source) if cell.cell_type == "markdown" else ():
                assert "://" in link or (notebook.parent / link).exists(), f"{notebook}: {link}"


def test_what_the_learner_wrote_stays(course: Path) -> None:
    mine = copies.notebook("04")
    mine.write_text(mine.read_text().replace("Task definitions", "Mine"))
    before = mine.read_text()
    copies.bring()
    assert mine.read_text() == before


def test_a_fresh_copy_keeps_the_old_one(course: Path) -> None:
    mine = copies.notebook("task-definitions")
    clean = mine.read_text()
    for number in (1, 2):
        mine.write_text(f"mine {number}")
        copy, kept = copies.fresh("04")
        assert (copy, copy.read_text()) == (mine, clean)
        assert kept is not None
        assert kept.read_text() == f"mine {number}"
    copies.notebook("cards").write_text("my cards")
    cards, kept = copies.fresh("cards")
    assert kept == cards.with_name("cards.kept-1.ipynb")
    with pytest.raises(copies.NoSuchNotebook, match="There are: 00-start-here, "):
        copies.fresh("nope")


@pytest.mark.parametrize("name", ["04", "cards"])
def test_of_a_copy_that_nobody_has_touched_nothing_is_kept(course: Path, name: str) -> None:
    before = {path: path.read_bytes() for path in course.rglob("*") if path.is_file()}
    (copies.notebook(name).parent / ".ipynb_checkpoints").mkdir(exist_ok=True)
    assert copies.fresh(name) == (copies.notebook(name), None)
    assert {path: path.read_bytes() for path in course.rglob("*") if path.is_file()} == before
    assert "Yours is kept" not in CliRunner().invoke(app, ["lab", "fresh", name]).stdout


def test_what_a_learner_has_put_beside_the_notebook_is_work(course: Path) -> None:
    (copies.notebook("04").parent / "mine.py").write_text("mine")
    _, kept = copies.fresh("04")
    assert kept is not None
    assert kept.with_name("mine.py").read_text() == "mine"


def test_a_copy_follows_the_project_until_it_is_worked_on(
    course: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labs = tmp_path / "project" / "labs" / "00-queues"
    labs.mkdir(parents=True)
    for file in (SAMPLE / "00-queues").iterdir():
        if file.is_file():
            (labs / file.name).write_bytes(file.read_bytes())
    monkeypatch.setenv("DRYDOCK_LABS", str(labs.parent))
    assert copies.bring() == []
    source, mine = catalogue.notebook("00-queues"), copies.notebook("00-queues")
    source.write_text(source.read_text().replace("Queues", "Rows"))
    assert copies.bring() == []
    assert "Rows" in mine.read_text()
    mine.write_text(mine.read_text().replace("Rows", "Mine"))
    assert copies.bring() == []
    source.write_text(source.read_text().replace("Rows", "Lines"))
    assert copies.bring() == ["00-queues"]
    assert "Mine" in mine.read_text()
    copies.fresh("00-queues")
    assert copies.bring() == []
    assert "Lines" in mine.read_text()


def test_the_folder_is_made_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRYDOCK_COURSE", str(tmp_path / "mine"))
    cli = CliRunner()
    assert cli.invoke(app, ["lab", "open"]).stdout.strip() == str(tmp_path / "mine")
    said = cli.invoke(app, ["lab", "open", "05"]).stdout.strip()
    assert Path(said).name == "05-services.ipynb"
    assert Path(said).exists()

"""Finding concept notebooks, and running them headless."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from drydock import concepts
from drydock.concepts import NoSuchConcept, catalogue
from drydock.labs import NoSuchLab
from drydock.labs import catalogue as labs
from drydock.notebooks.parameters import BadParameter


def test_an_unknown_concept_is_told_which_there_are() -> None:
    with pytest.raises(NoSuchConcept, match=r"No concept 'capacity' in .*notebooks\. There are: .*capacity-mix, "):
        concepts.notebook("capacity")


def test_a_named_folder_without_them_says_how_to_name_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.ipynb").touch()
    monkeypatch.setenv("DRYDOCK_NOTEBOOKS", str(tmp_path))
    with pytest.raises(NoSuchConcept, match=f"No notebooks in {tmp_path}.* set DRYDOCK_NOTEBOOKS to its notebooks"):
        concepts.names()


def test_they_are_found_from_a_folder_below_and_another_of_that_name_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = tmp_path / "notebooks"
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    ours.mkdir()
    shutil.copy(concepts.notebook("capacity-mix"), ours)
    (tmp_path / "a" / "notebooks").mkdir()
    (tmp_path / "a" / "notebooks" / "diary.ipynb").touch()
    monkeypatch.delenv("DRYDOCK_NOTEBOOKS", raising=False)
    monkeypatch.chdir(below)
    assert catalogue.directory() == ours
    assert concepts.names() == ["capacity-mix"]


def test_outside_of_everything_they_are_the_checkouts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DRYDOCK_NOTEBOOKS", raising=False)
    monkeypatch.delenv("DRYDOCK_LABS", raising=False)
    monkeypatch.chdir(tmp_path)
    assert catalogue.directory() == Path(__file__).resolve().parents[2] / "notebooks"
    assert labs.directory() == Path(__file__).resolve().parents[2] / "labs"


def test_labs_say_the_same_with_their_own_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRYDOCK_LABS", str(tmp_path))
    with pytest.raises(NoSuchLab, match=f"No labs in {tmp_path}.* set DRYDOCK_LABS to its labs folder"):
        labs.names()


def test_a_run_leaves_a_notebook_and_a_page_that_have_the_answer(tmp_path: Path) -> None:
    report = concepts.run("capacity-mix", out=tmp_path / "new", progress_bar=False)
    assert (report.name, report.ok, report.error) == ("capacity-mix", True, None)
    assert report.seconds > 0
    assert report.notebook == tmp_path / "new" / "capacity-mix.ipynb"
    page = report.page.read_text()
    assert "The answer: 5" in page
    assert "Plotly.newPlot(" in page


def test_a_prediction_can_be_given_and_is_answered(tmp_path: Path) -> None:
    page = concepts.run(
        "rolling-bounds", out=tmp_path, given={"prediction": "yes"}, progress_bar=False
    ).page.read_text()
    assert "✗ Not yes but no" in page
    assert "Neither can happen first" in page


def test_an_unknown_parameter_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(BadParameter, match="There is no parameter 'tasks'; there are n, base"):
        concepts.run("capacity-mix", out=tmp_path / "out", given={"tasks": 3}, progress_bar=False)
    assert not (tmp_path / "out").exists()

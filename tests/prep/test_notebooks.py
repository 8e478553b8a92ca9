"""The notebooks as committed and as they run headless, untouched and with answers given."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from tests.support.inline import run_here
from tests.support.nbval import compare

from drydock.notebooks import parameters
from drydock.notebooks.environment import environment
from drydock.notebooks.instances import own_home
from drydock.prep import Quiz, questions

NOTEBOOKS = sorted(questions.directory().glob("*.ipynb"))


def run(name: str, out: Path, **given: Any) -> str:
    """All that the executed notebook shows as plain text."""
    source = questions.directory() / f"{name}.ipynb"
    with own_home("prep"), environment({"DRYDOCK_PREP": str(out / "cards.json")}):
        error = run_here(source, out / f"{name}.ipynb", given)
    assert error is None, error
    cells = nbformat.read(out / f"{name}.ipynb", as_version=4).cells
    outputs = [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]
    return "\n".join(output.get("data", {}).get("text/plain", "") for output in outputs)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_typed_parameters_and_is_small(notebook: Path) -> None:
    assert parameters.defaults(notebook)
    assert notebook.stat().st_size < 100_000
    node = nbformat.read(notebook, as_version=4)
    assert "widgets" not in node.metadata
    kinds = {output.output_type for cell in node.cells if cell.cell_type == "code" for output in cell.outputs}
    assert "error" not in kinds


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_committed_outputs_are_what_the_notebook_gives(notebook: Path, tmp_path: Path) -> None:
    compare(notebook, scratch=tmp_path, root=notebook.parent, DRYDOCK_PREP=str(tmp_path / "cards.json"))


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_untouched_it_runs_headless_without_a_widget(notebook: Path, tmp_path: Path) -> None:
    run(notebook.stem, tmp_path)
    assert "widget-view" not in (tmp_path / notebook.name).read_text()
    assert not (tmp_path / "cards.json").exists()


def test_ratings_given_to_the_notebook_are_there_in_its_next_run(tmp_path: Path) -> None:
    first = run("cards", tmp_path, answers="4 4 4 4 4 4 4 4 4 4")
    assert "10 cards rated" in first
    assert "8 days" in first
    second = run("cards", tmp_path)
    assert re.search(rf"^all +{len(questions.load())} +0 +0 +{len(questions.load()) - 10} +10$", second, re.MULTILINE)
    assert "10 answers; FSRS expects" in second
    assert "10 in 30 days" in second


def test_a_damaged_record_is_told_in_the_notebook_and_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "cards.json").write_text('{"version": 0}')
    with pytest.raises(AssertionError, match=r"BadDeck: .*It was left as it is, and nothing was recorded"):
        run("cards", tmp_path, answers="3")
    assert (tmp_path / "cards.json").read_text() == '{"version": 0}'


def test_topics_and_levels_given_to_the_notebook_are_the_cards_of_the_sitting(tmp_path: Path) -> None:
    shown = run("cards", tmp_path, topics="Secrets, cost", levels="hard")
    waiting = re.findall(r"^(\S+) +(easy|medium|hard) ", shown, re.MULTILINE)
    assert {*waiting} == {("Cost", "hard"), ("Secrets", "hard")}


def test_answers_given_to_the_quiz_are_marked(tmp_path: Path) -> None:
    right = [item.right for item in Quiz(11).items]
    shown = run("quiz", tmp_path, seed=11, answers=" ".join([*right[:8], "-", right[9]]))
    assert "Quiz 11: 9 of 10" in shown
    assert "Not answered." in shown


def test_answers_given_to_the_interview_are_reported_and_kept_for_the_next_one(tmp_path: Path) -> None:
    answers = "1 2: So. | - | all: And so."
    with environment({"DRYDOCK_PREP": str(tmp_path / "cards.json")}):
        for seed in (1, 2):
            given = {"answers": answers, "seed": seed, "topics": "Scaling", "minutes": 30}
            error = run_here(questions.directory() / "interview.ipynb", tmp_path / "done.ipynb", given)
            assert error is None
        shown = (tmp_path / "done.ipynb").read_text()
        assert "3 questions answered" in shown
        assert "Where to study" in shown
        assert "application/vnd.plotly.v1+json" in shown
        error = run_here(questions.directory() / "interview.ipynb", tmp_path / "done.ipynb", {"minutes": 500})
    assert error == "BadSettings: minutes=500: an interview takes 5 to 180 whole minutes."
    assert len(json.loads((tmp_path / "interviews.json").read_text())["interviews"]) == 2

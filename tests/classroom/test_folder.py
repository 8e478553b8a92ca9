"""A class is handed out: each learner's folder has what is needed and no more, and nobody's work is written over."""

from __future__ import annotations

import contextlib
import json
import os
import re
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

from drydock.classroom import folder, reading
from drydock.classroom.folder import BadClass, Class
from drydock.classroom.roster import Learner
from drydock.cli import app
from drydock.cloud import Cloud
from drydock.labs import catalogue, copies, progress
from drydock.labs.catalogue import NoSuchLab
from drydock.labs.step import Kind
from tests.classroom.conftest import QUEUES, working

ANNA, BOB, CEM = Learner("anna", "Anna"), Learner("bob", "Bob"), Learner("cem", "Cem")


@pytest.fixture
def made(cloud: Cloud, tmp_path: Path) -> Class:
    return folder.new(tmp_path / "Autumn", [QUEUES], [ANNA, BOB]).the_class


def notebook(the_class: Class, learner: str) -> Path:
    return the_class.handed_out(the_class.member(learner)) / "sample" / QUEUES / f"{QUEUES}.ipynb"


def test_what_a_learner_does_in_the_folder_is_kept_there_and_seen_by_the_teacher(made: Class, cloud: Cloud) -> None:
    with working(made, "bob", cloud) as work:
        work.lab.check("create-queue")
        work.create()
        assert progress.path() == made.handed_out(made.member("bob")) / "progress.json"
        work.lab.check("create-queue")
    anna, bob = reading.read(made).standings
    assert (anna.of(QUEUES, "create-queue").begun, bob.of(QUEUES, "create-queue").attempts) == (False, 2)


def test_again_it_adds_learners_and_labs_and_writes_over_no_work(made: Class) -> None:
    notebook(made, "anna").write_text("mine")
    (made.handed_out(made.member("anna")) / "progress.json").write_text("{}")
    again = folder.new(made.folder, ["01-topics"], [ANNA, Learner("cem", "Cem")])
    assert (again.added, again.not_listed, again.older) == (["cem"], ["bob"], [])
    assert again.the_class.labs == (QUEUES, "01-topics")
    assert notebook(made, "anna").read_text() == "mine"
    assert [member.id for member in folder.open_class(made.folder).members] == ["anna", "cem", "bob"]
    tokens = {member.id: member.token for member in again.the_class.members}
    assert tokens["anna"] == made.member("anna").token
    for learner in tokens:
        assert (
            again.the_class.handed_out(again.the_class.member(learner)) / "sample/01-topics/01-topics.ipynb"
        ).exists()


def test_tokens_are_the_teachers_and_each_learners_own(made: Class) -> None:
    assert (made.folder / "class.json").stat().st_mode & 0o077 == 0
    others = (made.handed_out(made.member("bob")) / "learner.json").read_text()
    assert made.member("anna").token not in others


def test_a_folder_with_something_else_in_it_is_no_class(cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(BadClass, match="no class: name a folder that is new or empty"):
        folder.new(tmp_path, [QUEUES], [ANNA])
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_nobody_is_there_twice_by_capital_letters(made: Class) -> None:
    with pytest.raises(BadClass, match="The list has 'Anna', and the class 'anna'"):
        folder.new(made.folder, [QUEUES], [Learner("Anna", "Anna"), BOB])


def test_a_folder_of_somebody_elses_in_the_way_is_left_alone(made: Class) -> None:
    mine = made.folder / "learners" / "cem"
    mine.mkdir()
    (mine / "poem.txt").write_text("mine")
    with pytest.raises(BadClass, match=r"cem is in the way"):
        folder.new(made.folder, [QUEUES], [ANNA, BOB, CEM])
    assert [path.name for path in mine.iterdir()] == ["poem.txt"]
    assert len(folder.open_class(made.folder).members) == 2


def test_nothing_is_written_along_a_learners_link(made: Class, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (made.handed_out(made.member("bob")) / "sample" / "01-topics").symlink_to(tmp_path / "mine")
    with pytest.raises(BadClass, match=r"bob/sample/01-topics is a link"):
        folder.new(made.folder, ["01-topics"], [ANNA, BOB])
    assert list((tmp_path / "mine").iterdir()) == []


@pytest.mark.parametrize("name", [".copied.json", ".copied.lock", ".copied.new", "README.md", "learner.json"])
def test_no_file_of_ours_is_written_along_one_either(made: Class, tmp_path: Path, name: str) -> None:
    (tmp_path / "passwd").write_text("of the teacher")
    place = made.handed_out(made.member("bob")) / name
    place.unlink(missing_ok=True)
    place.symlink_to(tmp_path / "passwd")
    with pytest.raises(BadClass, match=f"bob/{name} is a link"):
        folder.new(made.folder, ["01-topics"], [ANNA, BOB])
    assert (tmp_path / "passwd").read_text() == "of the teacher"


@pytest.mark.parametrize("name", ["learner.json", "README.md", ".copied.json", f"sample/{QUEUES}/{QUEUES}.ipynb"])
def test_a_pipe_of_a_learners_holds_the_teacher_up_nowhere(made: Class, name: str) -> None:
    place = made.handed_out(made.member("bob")) / name
    place.unlink()
    os.mkfifo(place)
    with pytest.raises(BadClass, match=f"{name} is to be an ordinary file"):
        folder.new(made.folder, ["01-topics"], [ANNA, BOB])


@pytest.fixture
def real_labs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DRYDOCK_LABS", raising=False)


def test_the_projects_own_labs_are_handed_out_without_answers_or_dead_links(real_labs: None, tmp_path: Path) -> None:
    made = folder.new(tmp_path / "Real", catalogue.in_ranges("00,03-04"), [ANNA]).the_class
    place = made.handed_out(made.members[0])
    assert sorted(path.name for path in (place / "labs").iterdir()) == [
        "00-start-here",
        "03-cluster",
        "04-task-definitions",
    ]
    assert list(place.rglob("checks.py")) == []
    everything = "".join(path.read_text() for path in place.rglob("*.ipynb"))
    for lab in made.labs:
        for step in catalogue.load(lab).steps.values():
            assert step.kind is Kind.SHOWN or json.dumps(step.source())[1:-1] not in everything
    for path in place.rglob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            for link in re.findall(r"\]\(([^)#]+)\)", cell.source) if cell.cell_type == "markdown" else ():
                assert "://" in link or (path.parent / link).exists(), f"{path}: {link}"
    readme = (place / "README.md").read_text()
    assert "labs/03-cluster/03-cluster.ipynb" in readme
    assert "progress.json" in readme


def test_in_the_folder_the_commands_of_a_learner_are_about_it(real_labs: None, tmp_path: Path) -> None:
    made = folder.new(tmp_path / "Real", ["03-cluster"], [ANNA]).the_class
    place = made.handed_out(made.members[0])
    mine = place / "labs/03-cluster/03-cluster.ipynb"
    with contextlib.chdir(mine.parent):
        said = CliRunner().invoke(app, ["lab", "open"])
        assert Path(said.stdout.strip()) == place
        mine.write_text("mine")
        copy, kept = copies.fresh("03")
    assert copy == mine
    assert kept is not None
    assert kept.read_text() == "mine"
    assert [path.name for path in (place / "labs").iterdir() if path.name.startswith("00")] == []


@pytest.mark.parametrize(
    ("text", "labs"),
    [
        ("00-02,07", ["00-start-here", "01-repositories", "02-images", "07-canary"]),
        ("07,00-01,01,services", ["00-start-here", "01-repositories", "05-services", "07-canary"]),
        (" 09-12 , rollback", ["08-rollback", "09-blue-green", "10-capacity", "12-autoscaling"]),
    ],
)
def test_labs_are_chosen_by_ranges_and_names(real_labs: None, text: str, labs: list[str]) -> None:
    assert catalogue.in_ranges(text) == labs


@pytest.mark.parametrize(("text", "says"), [("00-99", "'99'"), ("03-01", "goes backwards"), ("00,,01", "No lab ''"),
                                            ("", "No lab ''"), ("../00", "No lab '../00'")])  # fmt: skip
def test_labs_that_there_are_not_are_refused(real_labs: None, text: str, says: str) -> None:
    with pytest.raises(NoSuchLab, match=re.escape(says)):
        catalogue.in_ranges(text)


def test_the_commands(made: Class, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("id,name,shoe\nanna,Anna,38\ncem,Cem,41\n")
    cli = CliRunner()
    asked = ["class", "new", str(made.folder), "--labs", "00", "--learners", str(tmp_path / "list.csv")]
    said = cli.invoke(app, asked).stdout
    assert "Autumn: 1 learner added, 3 in all; 00-queues" in said
    assert "Columns not used: shoe" in said
    assert "Not on the list, and kept: bob" in said
    (made.handed_out(made.member("bob")) / "progress.json").write_text("{half")
    said = cli.invoke(app, ["class", "report", str(made.folder)]).stdout
    assert "bob: " in said
    assert "report.html" in said
    assert "Anna" in (made.folder / "report.html").read_text()
    (tmp_path / "list.csv").write_text("id,name\n../x,X\n")
    refused = cli.invoke(app, asked)
    assert refused.exit_code == 2
    assert "line 2: the id '../x'" in refused.output
    assert cli.invoke(app, ["class", "report", str(tmp_path)]).exit_code == 2

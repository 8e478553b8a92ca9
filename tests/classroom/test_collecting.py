"""Work comes back in folders and archives: each goes to whom it was handed out, and nothing leads out of it."""

from __future__ import annotations

import json
import os
import shutil
import stat
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from drydock.classroom import collecting, folder
from drydock.classroom.folder import Class
from drydock.classroom.roster import Learner
from drydock.cli import app
from drydock.cloud import Cloud
from tests.classroom.conftest import QUEUES


@pytest.fixture
def made(cloud: Cloud, tmp_path: Path) -> Class:
    learners = [Learner(name, name.title()) for name in ("anna", "bob", "cem")]
    return folder.new(tmp_path / "Autumn", [QUEUES], learners).the_class


@pytest.fixture
def back(made: Class, tmp_path: Path) -> Path:
    """A folder for what comes back, beside copies of what was handed out."""
    for member in made.members:
        work = tmp_path / "homes" / member.id
        shutil.copytree(made.handed_out(member), work)
        (work / "progress.json").write_text(json.dumps({"version": 2, "labs": {}, "of": member.id}))
    (tmp_path / "back").mkdir()
    return tmp_path / "back"


def zipped(work: Path, archive: Path, inside: str = "") -> Path:
    with zipfile.ZipFile(archive, "w") as content:
        for path in sorted(work.rglob("*")):
            content.write(path, f"{inside}{path.relative_to(work)}")
    return archive


def of(made: Class, learner: str) -> str:
    return str(json.loads((made.handed_in(made.member(learner)) / "progress.json").read_text())["of"])


def test_a_folder_an_archive_and_an_archive_of_archives(made: Class, back: Path, tmp_path: Path) -> None:
    homes = tmp_path / "homes"
    one = zipped(homes / "anna", tmp_path / "Anna_1_file.zip", "my work/")
    zipped(homes / "bob", back / "bob.zip")
    shutil.copytree(homes / "cem", back / "Cem_27_assignsubmission" / "cem")
    whole = zipped(back, tmp_path / "all.zip", "Lab week/")
    collected = collecting.collect(made, [one, whole])
    assert collected.taken == {
        "anna": "Anna_1_file.zip/my work",
        "bob": "all.zip/Lab week/bob.zip",
        "cem": "all.zip/Lab week/Cem_27_assignsubmission/cem",
    }
    assert (collected.refused, collected.missing, collected.replaced) == ([], [], [])
    assert [of(made, learner) for learner in ("anna", "bob", "cem")] == ["anna", "bob", "cem"]
    assert (made.handed_in(made.member("bob")) / "sample" / QUEUES / f"{QUEUES}.ipynb").exists()


def test_an_earlier_hand_in_is_put_aside(made: Class, tmp_path: Path, back: Path) -> None:
    for _ in range(2):
        collecting.collect(made, [tmp_path / "homes" / "bob"])
    third = collecting.collect(made, [tmp_path / "homes"])
    assert third.replaced == ["bob"]
    assert sorted(path.name for path in (made.folder / "handed-in" / "earlier").iterdir()) == ["bob-1", "bob-2"]


def test_without_a_source_it_is_what_lies_in_the_learners_folders(made: Class) -> None:
    assert list(collecting.collect(made, []).taken) == ["anna", "bob", "cem"]


def test_nobody_hands_in_for_another(made: Class, tmp_path: Path, back: Path) -> None:
    forged = tmp_path / "homes" / "anna" / "learner.json"
    forged.write_text(forged.read_text().replace('"anna"', '"bob"'))
    stranger = tmp_path / "homes" / "cem" / "learner.json"
    stranger.write_text(stranger.read_text().replace('"cem"', '"dora"'))
    shutil.copytree(tmp_path / "homes" / "bob", tmp_path / "homes" / "z-again")
    collected = collecting.collect(made, [tmp_path / "homes"])
    assert collected.taken == {"bob": "homes/bob"}
    assert [text.partition(":")[0] for text in collected.refused] == ["homes/anna", "homes/cem", "homes/z-again"]
    assert "is not the one that this class handed out to bob" in collected.refused[0]
    assert "'dora', who is not in Autumn" in collected.refused[1]
    assert "bob is there twice" in collected.refused[2]
    assert collected.missing == ["anna", "cem"]
    assert of(made, "bob") == "bob"


def link(archive: zipfile.ZipFile) -> None:
    entry = zipfile.ZipInfo("secret.txt")
    entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    archive.writestr(entry, "/etc/passwd")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("../../evil.txt", "which leads out of it"),
        ("a/../../../evil.txt", "which leads out of it"),
        ("/tmp/evil.txt", "which leads out of it"),
        ("..\\evil.txt", "which leads out of it"),
        ("C:\\evil.txt", "which leads out of it"),
        ("", "is a link"),
        ("learner.json", "learner.json"),
    ],
)
def test_an_archive_that_leads_out_of_itself_is_refused_whole(
    made: Class, back: Path, tmp_path: Path, name: str, says: str
) -> None:
    archive = zipped(tmp_path / "homes" / "anna", back / "anna.zip")
    before = {path for path in tmp_path.rglob("*") if "handed-in" not in path.parts}
    with zipfile.ZipFile(archive, "a") as content, pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *_, **__: None)  # that a name is there twice
        if name:
            content.writestr(name, "evil")
        else:
            link(content)
    collected = collecting.collect(made, [archive, tmp_path / "homes" / "bob"])
    assert list(collected.taken) == ["bob"]
    assert says in collected.refused[0]
    assert {path for path in tmp_path.rglob("*") if "handed-in" not in path.parts} == before
    assert [path.name for path in (made.folder / "handed-in").iterdir()] == ["bob"]


def test_what_is_not_a_file_and_what_is_too_much_is_refused(
    made: Class, back: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = tmp_path / "homes"
    (homes / "anna" / "passwords").symlink_to("/etc/passwd")
    os.mkfifo(homes / "bob" / "pipe")
    (homes / "cem" / "big").write_bytes(b"0" * 3_000_000)
    bomb = zipped(homes / "cem", back / "cem.zip")
    (back / "notes.zip").write_text("no archive")
    monkeypatch.setattr(collecting, "BYTES", 1024**2)
    monkeypatch.setattr(collecting, "_OF_ARCHIVE", 1)
    collected = collecting.collect(made, [homes, bomb, back / "notes.zip"])
    assert collected.taken == {}
    assert [text.split(": ", 1)[1] for text in collected.refused] == [
        "passwords is a link: only files and folders are taken",
        "pipe is no ordinary file: only files and folders are taken",
        "there are more than 1 MiB",
        "there are more than 1 MiB",
        "it is neither a folder nor a zip archive",
    ]
    assert list((made.folder / "handed-in").iterdir()) == []


def damaged(archive: Path) -> Path:
    """An archive whose content is none that was ever compressed."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as content:
        content.writestr("learner.json", "{}" * 1000)
    data = bytearray(archive.read_bytes())
    data[42:60] = b"\xff" * 18
    archive.write_bytes(data)
    return archive


def test_whatever_one_hands_in_the_next_ones_is_taken(made: Class, back: Path, tmp_path: Path) -> None:
    homes = tmp_path / "homes"
    damaged(back / "a.zip")
    deep = tmp_path / "deep"
    shutil.copytree(homes / "anna", deep)
    (deep / "/".join("d" * 60)).mkdir(parents=True)
    (homes / "anna" / "learner.json").write_text("[" * 100_000)
    collected = collecting.collect(made, [back / "a.zip", deep, homes])
    assert list(collected.taken) == ["bob", "cem"]
    assert [text.partition(":")[0] for text in collected.refused] == ["a.zip", "deep", "homes/anna"]
    assert "levels deep" in collected.refused[1]
    assert "is not as it was handed out" in collected.refused[2]


def test_a_pipe_that_calls_itself_an_archive_holds_nobody_up(made: Class) -> None:
    place = made.handed_out(made.member("anna"))
    (place / "learner.json").unlink()
    os.mkfifo(place / "a.zip")
    collected = collecting.collect(made, [])
    assert list(collected.taken) == ["bob", "cem"]
    assert collected.refused[0] == "learners/anna/a.zip: it is neither a folder nor a zip archive"


def test_archives_in_archives_count_together_and_for_their_learner_alone(
    made: Class, back: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        with zipfile.ZipFile(back / f"{number}.zip", "w", zipfile.ZIP_DEFLATED) as content:
            content.writestr("zeros", bytes(400_000))
    (tmp_path / "whole").mkdir()
    zipped(back, tmp_path / "whole" / "anna.zip")
    zipped(tmp_path / "homes" / "bob", tmp_path / "whole" / "bob.zip")
    monkeypatch.setattr(collecting, "BYTES", 1_000_000)
    monkeypatch.setattr(collecting, "_OF_ARCHIVE", 1)
    collected = collecting.collect(made, [tmp_path / "whole"])
    assert list(collected.taken) == ["bob"]
    assert sum("there are more than 0 MiB" in text for text in collected.refused) == 2


def test_what_steers_a_terminal_is_not_printed(made: Class, tmp_path: Path) -> None:
    named = tmp_path / "\x1b[2Jgone"
    named.mkdir()
    said = CliRunner().invoke(app, ["class", "collect", str(made.folder), str(named)])
    assert "\x1b" not in said.stdout
    assert "[2Jgone" in said.stdout


def test_the_command_says_what_came_and_of_whom_there_is_nothing(made: Class, back: Path, tmp_path: Path) -> None:
    said = CliRunner().invoke(app, ["class", "collect", str(made.folder), str(tmp_path / "homes" / "bob"), str(back)])
    assert said.exit_code == 1
    assert "taken    bob, from bob" in said.stdout
    assert "refused  back: there is no learner.json in it" in said.stdout
    assert "Nothing yet of: anna, cem" in said.stdout

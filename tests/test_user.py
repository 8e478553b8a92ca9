"""Folders of this user's: made closed to others, and not used where another user made them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from drydock import cli, embedded, user
from drydock.embedded.instance import directory_of
from drydock.images import Layout
from drydock.ledger import Ledger

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can prepare what is another user's")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DRYDOCK_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_images_are_in_folders_that_only_this_user_enters(home: Path) -> None:
    Layout().write(b"a secret in a careless layer", "text/plain")
    assert (mode(home), mode(home / "images")) == (0o700, 0o700)


def test_an_images_folder_that_was_open_is_closed(home: Path) -> None:
    (home / "images").mkdir(parents=True)
    (home / "images").chmod(0o755)
    Layout().write(b"x", "text/plain")
    assert mode(home / "images") == 0o700


def test_a_home_that_was_there_keeps_its_mode(home: Path) -> None:
    home.mkdir()
    home.chmod(0o755)
    assert list(Ledger().entries()) == []
    user.folder(home / "a" / "b")
    assert (mode(home), mode(home / "a"), mode(home / "a" / "b")) == (0o755, 0o700, 0o700)


def test_a_folder_elsewhere_is_made_as_folders_are(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        user.folder(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert mode(tmp_path / "a" / "b") == 0o755


def test_a_link_of_ones_own_is_followed(home: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    home.mkdir()
    (home / "images").symlink_to(tmp_path / "disk")
    Layout().write(b"x", "text/plain")
    assert (tmp_path / "disk" / "blobs").is_dir()
    assert mode(tmp_path / "disk") == 0o700


@needs_root
@pytest.mark.parametrize("part", ["", "instances", "instances/trap"])
def test_an_instance_does_not_start_in_a_folder_of_another_users(home: Path, tmp_path: Path, part: str) -> None:
    victim = tmp_path / "precious"
    victim.write_text("mine")
    directory = directory_of("trap")
    directory.mkdir(parents=True)
    for name in ("daemon.log", "start.lock", "seed", "journal.jsonl"):
        (directory / name).symlink_to(victim)
    os.chown(home / part, NOBODY, NOBODY)
    for call in (embedded.start, embedded.find, embedded.stop, embedded.reset):
        with pytest.raises(embedded.NotStarted, match=f"uid {NOBODY}.*set DRYDOCK_HOME"):
            call("trap")
    assert victim.read_text() == "mine"


@needs_root
def test_an_instance_does_not_follow_another_users_link(home: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (home / "instances").mkdir(parents=True)
    link = home / "instances" / "trap"
    link.symlink_to(tmp_path / "precious")
    os.lchown(link, NOBODY, NOBODY)
    with pytest.raises(embedded.NotStarted, match=f"uid {NOBODY}"):
        embedded.start("trap")
    assert list((tmp_path / "precious").iterdir()) == []


@needs_root
def test_a_link_to_another_users_folder_is_not_followed_either(home: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", NOBODY, NOBODY)
    home.mkdir()
    (home / "images").symlink_to(tmp_path / "theirs")
    with pytest.raises(PermissionError, match=f"uid {NOBODY}"):
        Layout().write(b"x", "text/plain")


@needs_root
def test_a_command_says_whose_the_folder_is(home: Path) -> None:
    (home / "images").mkdir(parents=True)
    os.chown(home / "images", NOBODY, NOBODY)
    (home.parent / "Dockerfile").write_text("FROM scratch\nLABEL a=b\n")
    done = CliRunner().invoke(cli.app, ["image", "build", str(home.parent), "--tag", "x:1"])
    assert done.exit_code == 1
    assert f"uid {NOBODY}" in done.output
    assert "Traceback" not in done.output

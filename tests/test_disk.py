"""What cannot be removed by plain recursion, or has to stay."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from drydock import disk


@pytest.mark.parametrize("depth", [1, 3, 3000])
def test_a_tree_goes_however_deep_it_is(tmp_path: Path, depth: int) -> None:
    top = tmp_path / "top"
    top.mkdir()
    beside = tmp_path / "beside"
    beside.mkdir()
    (beside / "stays").touch()
    at = os.open(top, os.O_RDONLY)
    for _ in range(depth):
        os.close(os.open("file", os.O_CREAT, dir_fd=at))
        os.symlink(beside, "link", dir_fd=at)
        for name in ("a", "b"):
            os.mkdir(name, dir_fd=at)
        inner = os.open("a", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.fchmod(at, 0o000)
    os.close(at)
    disk.remove(top)
    assert not top.exists()
    assert (beside / "stays").exists()


def test_a_file_goes_a_link_goes_and_nothing_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    for name in ("file", "link", "none"):
        disk.remove(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]

"""Trees of files, removed whatever they look like."""

from __future__ import annotations

import itertools
import os
import stat
from pathlib import Path


def remove(path: Path) -> None:
    """Remove a file, or a directory with all that is in it; nothing happens if there is none. OSError if it stays.

    However deep it is: what lies two levels down is first moved up to the top, so no path grows and nothing recurses.
    Directories that cannot be entered are opened. Links are not followed.
    """
    try:
        if not stat.S_ISDIR(path.lstat().st_mode):
            return path.unlink(missing_ok=True)
    except FileNotFoundError:
        return None
    names = (path / f".removed-{os.getpid()}-{number}" for number in itertools.count())
    _open(path)
    while inner := _emptied(path):
        for directory in inner:
            _open(directory)
            for deeper in _emptied(directory):
                deeper.rename(next(names))
            directory.rmdir()
    path.rmdir()


def _emptied(directory: Path) -> list[Path]:
    """Unlink the files of a directory; its directories remain."""
    remain = []
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                remain.append(Path(entry.path))
            else:
                Path(entry.path).unlink()
    return remain


def _open(directory: Path) -> None:
    mode = directory.lstat().st_mode
    if mode & 0o700 != 0o700:
        directory.chmod(stat.S_IMODE(mode) | 0o700)

"""Files of ours: written whole or not at all, removed whatever they look like, and what to do where neither works."""

from __future__ import annotations

import errno
import itertools
import os
import stat
from pathlib import Path


class Unusable(OSError):
    """A file or folder of ours that cannot be used. The text is one line, names it, and says what to do."""

    def __init__(self, where: Path | str, why: str, todo: str) -> None:
        super().__init__(errno.EIO, why, str(where))
        self._text = f"{where} can't be used ({why}): {todo}"

    def __str__(self) -> str:
        return self._text


def unusable(error: OSError, where: Path | str) -> Unusable:
    """`error` as one that says what to do; `where` it was, unless it says so itself."""
    if isinstance(error, Unusable):
        return error
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        todo = "free some space there; nothing that was answered is lost"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        todo = f"let uid {os.geteuid()} read and write it, or set DRYDOCK_HOME to a folder that you can write to"
    else:
        todo = "put it right, or set DRYDOCK_HOME to a folder that you can write to"
    return Unusable(error.filename or where, error.strerror or str(error), todo)


def write(path: Path, content: bytes, *, mode: int = 0o600, lasting: bool = True) -> None:
    """Put a file in place, whole or not at all, for its owner only; `lasting`: so that a power cut does not undo it."""
    fresh = path.with_name(f"{path.name}.new")
    with open(fresh, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        if lasting:
            file.flush()
            os.fsync(file.fileno())
    fresh.replace(path)


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

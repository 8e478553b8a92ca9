"""What is this user's and is kept apart: a place for Drydock's own state, and settings of AWS's that it never reads."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

if TYPE_CHECKING:
    import botocore.session


def home() -> Path:
    """Where Drydock keeps its state: `DRYDOCK_HOME`, or the user's state directory."""
    return Path(os.environ.get("DRYDOCK_HOME") or platformdirs.user_state_path("drydock")).expanduser().absolute()


def folder(path: Path) -> Path:
    """`path`, made if it is not there; in `home()` as `private` makes it."""
    if path.is_relative_to(home()):
        return private(path)
    path.mkdir(parents=True, exist_ok=True)
    return path


def private(path: Path) -> Path:
    """`path`, which nobody but this user can enter; made if it is not there, with all between it and `home()`.

    PermissionError if any of them is another user's, or another user's link: whoever owns a folder can replace what
    is in it. A `home()` that is there keeps its mode.
    """
    within = [each for each in (path, *path.parents) if each == path or each.is_relative_to(home())]
    for each in reversed(within):
        each.mkdir(parents=True, exist_ok=True, mode=0o700)
        for found in (each.lstat(), each.stat()):
            if found.st_uid not in (os.geteuid(), 0):
                text = f"it is of uid {found.st_uid}, who could read and replace what is in it"
                raise PermissionError(errno.EPERM, text, str(each))
        if found.st_mode & 0o077 and found.st_uid == os.geteuid() and each != home():
            each.chmod(0o700)
    return path


def deaf_session() -> botocore.session.Session:
    """A session that reads no profile, file or environment variable of the user's."""
    import botocore.session  # here: a second is a lot for those who only want to know where state is

    variables = botocore.session.Session.SESSION_VARIABLES
    deaf = {name: (known[0], None, *known[2:]) for name, known in variables.items()}
    nowhere = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    return botocore.session.Session(session_vars=deaf | nowhere)

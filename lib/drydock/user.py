"""What is this user's and is kept apart: a place for Drydock's own state, and settings of AWS's that it never reads."""

from __future__ import annotations

import errno
import os
import re
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

    PermissionError as of `own`. A `home()` that is there keeps its mode.
    """
    for each in _from_home(path):
        each.mkdir(parents=True, exist_ok=True, mode=0o700)
        own(each)
        found = each.stat()
        if found.st_mode & 0o077 and found.st_uid == os.geteuid() and each != home():
            each.chmod(0o700)
    return path


def own(path: Path) -> Path:
    """`path`, there or not. PermissionError if it, or what is between it and `home()`, is another user's or their
    link: whoever owns a folder can read and replace what is in it."""
    for each in _from_home(path):
        for look in (each.lstat, each.stat):
            try:
                uid = look().st_uid
            except (FileNotFoundError, NotADirectoryError):
                return path
            if uid not in (os.geteuid(), 0):
                text = f"it is of uid {uid}, who could read and replace what is in it"
                raise PermissionError(errno.EPERM, text, str(each))
    return path


def _from_home(path: Path) -> list[Path]:
    return [each for each in (*reversed(path.parents), path) if each == path or each.is_relative_to(home())]


ACCESS_KEY = "DRYDOCK_ACCESS_KEY"


def access_key() -> tuple[str, str] | None:
    """Id and secret in `DRYDOCK_ACCESS_KEY`, as `id:secret`: an embedded AWS that starts with it checks who signs.

    None where there is none. ValueError for one that is none: the id has 16 to 128 letters and digits (documented: IAM,
    AccessKey), the secret 20 characters or more.
    """
    given = os.environ.get(ACCESS_KEY)
    if not given:
        return None
    found = re.fullmatch(r"(\w{16,128}):(\S{20,})", given)
    if found is None:
        raise ValueError(
            f"{ACCESS_KEY} is no access key: write id:secret, an id of 16 to 128 letters and digits and a secret of 20 "
            "characters or more, without spaces"
        )
    return found[1], found[2]


def deaf_session() -> botocore.session.Session:
    """A session that reads no profile, file or environment variable of the user's."""
    import botocore.session  # here: a second is a lot for those who only want to know where state is

    variables = botocore.session.Session.SESSION_VARIABLES
    deaf = {name: (known[0], None, *known[2:]) for name, known in variables.items()}
    nowhere = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    return botocore.session.Session(session_vars=deaf | nowhere)

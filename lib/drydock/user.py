"""What is this user's and is kept apart: a place for Drydock's own state, and settings of AWS's that it never reads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

if TYPE_CHECKING:
    import botocore.session


def home() -> Path:
    """Where Drydock keeps its state: `DRYDOCK_HOME`, or the user's state directory."""
    return Path(os.environ.get("DRYDOCK_HOME") or platformdirs.user_state_path("drydock")).expanduser().absolute()


def deaf_session() -> botocore.session.Session:
    """A session that reads no profile, file or environment variable of the user's."""
    import botocore.session  # here: a second is a lot for those who only want to know where state is

    variables = botocore.session.Session.SESSION_VARIABLES
    deaf = {name: (known[0], None, *known[2:]) for name, known in variables.items()}
    nowhere = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    return botocore.session.Session(session_vars=deaf | nowhere)

"""A committed notebook run again and held strictly against its outputs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from drydock.notebooks.environment import environment
from drydock.notebooks.normalise import as_committed


def compare(notebook: Path, scratch: Path, *, root: Path, **settings: str) -> None:
    """Run `notebook` as it was run when it was committed. Raises AssertionError, showing nbval's differences.

    root      nbval's root directory; `scratch` takes the run's progress file.
    settings  environment variables besides those of `as_committed`.
    """
    with environment(settings), as_committed(notebook, scratch):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "--nbval-cell-timeout=120",
             "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(root), str(notebook)],
            capture_output=True,
            text=True,
            cwd=notebook.parent,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]

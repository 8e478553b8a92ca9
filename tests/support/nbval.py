"""Committed notebooks run again and held strictly against their outputs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from drydock.notebooks.environment import environment
from drydock.notebooks.normalise import as_committed

SANITIZED = Path(__file__).with_name("nbval.cfg")


def compare(
    *notebooks: Path,
    scratch: Path,
    root: Path,
    profile: str | None = None,
    then: Callable[[], object] = lambda: None,
    **settings: str,
) -> None:
    """Run notebooks as they were run when they were committed. Raises AssertionError, showing nbval's differences.

    notebooks  of one folder and of one kind, one after another.
    root       nbval's root directory; `scratch` takes the run's progress file.
    profile    of the embedded AWS, where it is another than when they were committed.
    then       called where the outputs are the same, while the embedded AWS is there still.
    settings   environment variables besides those of `as_committed`.
    """
    with environment(settings), as_committed(notebooks[0], scratch, profile):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "--nbval-cell-timeout=120",
             "--nbval-sanitize-with", str(SANITIZED),
             "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(root), *map(str, notebooks)],
            capture_output=True,
            text=True,
            cwd=notebooks[0].parent,
        )  # fmt: skip
        said = done.stdout
        different = re.findall(r"^FAILED (\S+\.ipynb::Cell \d+)", said, re.MULTILINE)
        assert done.returncode == 0, f"{different}: {said[:3000]}\n…\n{said[-3000:]}"
        then()

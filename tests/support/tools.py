"""Programs that tests talk to: asked whether they work, not whether they are there.

A test whose tool does not work is skipped with what the tool said; on CI that fails it (tests/conftest.py).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

PATIENCE = 60.0


def tool(name: str, *question: str) -> str:
    """The path of a program that answers `question` (`--version` unless given) with success; else skips the test."""
    path = found(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    why = trouble((path, *(question or ("--version",))))
    if why is not None:
        pytest.skip(f"{name} does not work here: {why}")
    return path


def found(name: str) -> str | None:
    """Where a program is: beside this interpreter, or on PATH."""
    return shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")


@cache
def trouble(command: Sequence[str], environment: frozenset[tuple[str, str]] | None = None) -> str | None:
    """Why `command` does not succeed, None where it does."""
    try:
        done = subprocess.run(
            command,
            env=dict(environment) if environment is not None else None,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    return (done.stderr or done.stdout).strip()[-300:] or f"it ends with {done.returncode}"

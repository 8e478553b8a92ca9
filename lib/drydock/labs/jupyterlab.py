"""How JupyterLab is set over a learner's copies, whoever serves it."""

from __future__ import annotations

import json
from pathlib import Path

from drydock.user import folder, home


def arguments(course: Path) -> list[str]:
    """What JupyterLab is told when it is over `course`."""
    return [
        f"--ServerApp.root_dir={course}",
        f"--ServerApp.preferred_dir={course / 'labs'}",
        f"--LabApp.app_settings_dir={_settings()}",
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]


def _settings() -> Path:
    """A folder with how JupyterLab is set until the learner sets it otherwise: it does not ask about its news, and
    wraps a line of code that is longer than the cell is wide."""
    made = folder(home() / "jupyterlab")
    settings = {
        "@jupyterlab/apputils-extension:notification": {"fetchNews": "false"},
        "@jupyterlab/notebook-extension:tracker": {"codeCellConfig": {"lineWrap": True}},
    }
    (made / "overrides.json").write_text(json.dumps(settings) + "\n")
    return made

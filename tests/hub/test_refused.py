"""On a machine that can make no room: the hub says why, and has touched nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from drydock.classroom import folder
from drydock.classroom.roster import Learner
from drydock.cli import app
from drydock.labs import catalogue
from tests.support import rooms

pytestmark = pytest.mark.process


def test_a_machine_without_rooms_has_no_hub(tmp_path: Path) -> None:
    made = folder.new(tmp_path / "class", catalogue.in_ranges("00"), [Learner("ada", "Ada")]).the_class
    refused = CliRunner().invoke(app, ["class", "hub", str(made.folder)])
    assert refused.exit_code == 2
    assert rooms.no_hub() in " ".join(refused.output.split())
    assert not (made.folder / "hub" / "learners.json").exists()

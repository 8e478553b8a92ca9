"""On a machine that can confine no program: grading says why, and has run nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from drydock.classroom import folder
from drydock.classroom.roster import Learner
from drydock.cli import app
from drydock.cloud import Cloud
from tests.classroom.conftest import QUEUES
from tests.support import rooms

pytestmark = pytest.mark.process


def test_a_machine_without_cells_grades_nothing(cloud: Cloud, tmp_path: Path) -> None:
    made = folder.new(tmp_path / "class", [QUEUES], [Learner("ada", "Ada")]).the_class
    refused = CliRunner().invoke(app, ["class", "grade", str(made.folder)])
    assert refused.exit_code == 2
    assert " ".join(rooms.no_cell().split()) in " ".join(refused.output.split())
    assert not made.graded(made.member("ada")).exists()

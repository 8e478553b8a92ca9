"""The files that the concepts about ECS show are accepted by the tools of their kind."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from drydock.concepts import fixtures
from drydock.policy.ecr import expiry

FOLDER = fixtures.path("ecr-lifecycle/whole.json").parent.parent


@pytest.mark.parametrize("file", sorted(FOLDER.glob("ecr-lifecycle/*.json")), ids=lambda file: file.stem)
def test_a_lifecycle_policy_is_one_that_ecr_takes(file: Path) -> None:
    assert expiry.parse(file.read_text())


@pytest.mark.parametrize("file", sorted(FOLDER.glob("dockerfile-layers/*")), ids=lambda file: file.stem)
def test_hadolint_finds_nothing_in_a_dockerfile(file: Path) -> None:
    """https://github.com/hadolint/hadolint"""
    tool = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    assert tool, "hadolint is among the packages for tests"
    run = subprocess.run([tool, "--format", "json", str(file)], capture_output=True, text=True, check=False)
    assert json.loads(run.stdout) == []

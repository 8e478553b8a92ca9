"""The files that the concepts about ECS show are accepted by the tools of their kind."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import botocore.session
import botocore.validate
import pytest

from drydock.concepts import catalogue
from drydock.policy.ecr import expiry
from drydock.policy.requests import task_definition

FOLDER = catalogue.directory() / "fixtures"


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


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*/task-definition.json")), ids=lambda file: file.parent.name)
def test_a_task_definition_is_one_that_ecs_takes(file: Path) -> None:
    """botocore's model of RegisterTaskDefinition, and what ECS refuses beyond it."""
    request = json.loads(file.read_text())
    shape = (
        botocore.session.get_session().get_service_model("ecs").operation_model("RegisterTaskDefinition").input_shape
    )
    report = botocore.validate.ParamValidator().validate(request, shape)
    assert not report.has_errors(), report.generate_report()
    assert not {name for one in request["containerDefinitions"] for name in one} - set(
        shape.members["containerDefinitions"].member.members
    )
    task_definition.validate(request)

"""The examples of docs/scheduling.md: the crontab's lines are run as cron runs them, the others held against models."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.validate import ParamValidator

from drydock import embedded
from drydock.embedded.instance import free_port
from drydock.runbooks import catalogue, parameters
from drydock.runbooks.evidence import Evidence

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "scheduling.md").read_text()


def block(kind: str) -> str:
    found = re.search(rf"```{kind}\n(.*?)\n```", PAGE, re.DOTALL)
    assert found is not None, kind
    return found[1]


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """An embedded AWS with nothing in it, and the environment that finds it."""
    home = str(tmp_path_factory.mktemp("instance"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRYDOCK_HOME", home)
        made = embedded.start(f"scheduling-test-{os.getpid()}", port=free_port())
        yield {"DRYDOCK_HOME": home, "DRYDOCK_INSTANCE": made.name}
        embedded.stop(made.name)


def jobs() -> tuple[dict[str, str], list[str]]:
    """The settings of the crontab, and the commands of its lines as cron gives them to the shell."""
    settings, commands = {}, []
    for line in block("crontab").splitlines():
        if setting := re.fullmatch(r"(\w+)=(.*)", line):
            settings[setting[1]] = setting[2]
        else:
            fields = line.split(maxsplit=5)
            assert all(re.fullmatch(r"[\d*]+", each) for each in fields[:5]), line
            assert not re.search(r"(?<!\\)%", fields[5]), "an unescaped % ends a command of cron's"
            commands.append(fields[5].replace("\\%", "%"))
    return settings, commands


def test_the_lines_of_the_crontab_run_as_cron_runs_them(instance: dict[str, str], tmp_path: Path) -> None:
    settings, commands = jobs()
    services = tmp_path / "services"
    services.mkdir()
    (services / "web.yaml").write_text("cluster: shop\nserviceName: web\ndesiredCount: 2\n")
    places = {
        "/srv/drydock/.venv/bin": str(Path(sys.executable).parent),
        "/srv/drydock": str(ROOT),
        "/srv/services": str(services),
        "/var/lib/drydock": str(tmp_path),
    }

    def here(text: str) -> str:
        for place, ours in places.items():
            text = text.replace(place, ours)
        return text

    environment = {name: here(value) for name, value in settings.items()}
    environment |= {"HOME": str(tmp_path), "LANG": "C.UTF-8", **instance}
    running = [
        subprocess.Popen(
            ["/bin/sh", "-c", here(command)], env=environment, cwd=tmp_path, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        for command in commands
    ]  # fmt: skip
    said = [job.communicate(timeout=180)[0] for job in running]
    assert [job.returncode for job in running] == [0, 0, 0], said
    assert "No findings" in (next(tmp_path.glob("review-cost-*.ipynb"))).read_text()
    assert "review-cost: read" in (tmp_path / "review-cost.txt").read_text()
    assert said[0] == said[1] == "", "cron would mail it"
    assert "shop" in said[2] and "ClusterNotFoundException" in said[2], "the drift that could not be read is mailed"
    outcomes = [
        Evidence(folder).read("result.json")["outcome"] for folder in (tmp_path / "runs").iterdir() if folder.is_dir()
    ]
    assert sorted(outcomes) == ["read", "read", "refused"]


def test_every_command_of_the_page_gives_parameters_that_there_are() -> None:
    task = json.loads(block("json register-task-definition"))["containerDefinitions"][0]["command"]
    lines = [line for line in PAGE.splitlines() if "drydock runbook plan " in line or "drydock runbook apply " in line]
    told = [shlex.join(task), *(line[line.index("drydock runbook") :].partition(" > ")[0] for line in lines)]
    checked = 0
    for command in told:
        words = shlex.split(command.split("`")[0])
        if len(words) > 4:
            given = dict(word.split("=", 1) for flag, word in pairwise(words) if flag == "-p")
            declared = parameters.declared(catalogue.notebook(words[3]))
            declared.read({name: value.replace("$GITHUB_WORKSPACE", "/work") for name, value in given.items()})
            checked += 1
    assert checked >= 5


def test_what_aws_is_asked_for_fits_its_models() -> None:
    for service, operation in (("ecs", "register-task-definition"), ("scheduler", "create-schedule")):
        client = boto3.client(service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        name = {"register-task-definition": "RegisterTaskDefinition", "create-schedule": "CreateSchedule"}[operation]
        shape = client.meta.service_model.operation_model(name).input_shape
        report = ParamValidator().validate(json.loads(block(f"json {operation}")), shape)
        assert not report.has_errors(), report.generate_report()


def test_the_workflow_approves_the_hash_of_the_plan_that_was_seen() -> None:
    found: Any = yaml.safe_load(block("yaml"))
    plan, apply = found["jobs"]["plan"], found["jobs"]["apply"]
    assert apply["needs"] == "plan" and apply["environment"] == "production"
    assert any("--approve" in step.get("run", "") for step in apply["steps"])
    commands = [next(s["run"] for s in job["steps"] if "reconcile" in s.get("run", "")) for job in (plan, apply)]
    planned, applied = (re.findall(r"-p (\S+)", command) for command in commands)
    assert planned == applied, "other parameters are another plan"
    assert "!runs/**/secrets.json" in apply["steps"][-1]["with"]["path"]


def test_the_dag_gives_parameters_that_there_are() -> None:
    calls = [node for node in ast.walk(ast.parse(block("python"))) if isinstance(node, ast.Call)]
    operator = next(call for call in calls if getattr(call.func, "id", "") == "PapermillOperator")
    given = {word.arg: word.value for word in operator.keywords}
    notebook = Path(ast.literal_eval(given["input_nb"])).stem
    parameters.declared(catalogue.notebook(notebook)).checked(ast.literal_eval(given["parameters"]))

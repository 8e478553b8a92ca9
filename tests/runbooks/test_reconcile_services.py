"""reconcile-services: which files it refuses before anything is read, and which services it refuses to touch."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.support.lab import Lab
from tests.support.stepped import World

from drydock.runbooks import Refused, desired, runbook

from .conftest import Cells
from .stepped import cloud_of

GOOD = """
cluster: lab
serviceName: web
desiredCount: 2
taskDefinition:
  cpu: 0.25 vCPU
  containerDefinitions:
    - name: app
      stopTimeout: 30
"""


@pytest.fixture(scope="module")
def ecs() -> Any:
    """A client whose API model is asked, and nothing else."""
    return boto3.client("ecs", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")


def written(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


def test_a_file_is_read_as_what_aws_is_asked_for(ecs: Any, tmp_path: Path) -> None:
    (one,), wrong = desired.read(written(tmp_path, web=GOOD), ecs)
    assert not wrong
    assert (one.file, one.place, one.service) == ("web.yaml", "lab/web", {"desiredCount": 2})
    assert one.definition == {"cpu": "256", "containerDefinitions": [{"name": "app", "stopTimeout": 30}]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- web", "it has to be a mapping"),
        ("cluster: lab", "serviceName has to be a name"),
        ("cluster: lab\nserviceName: web", "it names no field that should be so"),
        ("cluster: lab\nserviceName: a/b\ndesiredCount: 2", "serviceName has to be a name"),
        (
            "cluster: lab\nserviceName: web\ndesiredcount: 2",
            "there is no field 'desiredcount'; there are availabilityZoneRebalancing, d",
        ),
        ("cluster: lab\nserviceName: web\ndesiredCount: '2'", "Invalid type for parameter desiredCount"),
        ("cluster: lab\nserviceName: web\ndesiredCount: 2\ndesiredCount: 3", "desiredCount is given twice"),
        ("cluster: lab\nserviceName: web\nrunningCount: 2", "there is no field 'runningCount'"),
        ("cluster: lab\nserviceName: web\nforceNewDeployment: true", "there is no field 'forceNewDeployment'"),
        ("cluster: lab\nserviceName: web\ncapacityProviderStrategy: []", "replace-capacity changes it"),
        ("cluster: lab\nserviceName: web\nplatformVersion: 1.4", "Invalid type for parameter platformVersion"),
        (
            "cluster: lab\nserviceName: web\ndeploymentConfiguration: {strategy: CANARY}",
            "deploymentConfiguration.strategy is not reconciled",
        ),
        (
            "cluster: lab\nserviceName: web\ndeploymentConfiguration: {maximumpercent: 3}",
            'Unknown parameter in deploymentConfiguration: "maximumpercent"',
        ),
        ("cluster: lab\nserviceName: web\ntaskDefinition: web:7", "taskDefinition has to be a mapping"),
        ("cluster: lab\nserviceName: web\ntaskDefinition: {family: x}", "taskDefinition.family is not reconciled"),
        ("cluster: lab\nserviceName: web\ntaskDefinition: {cpu: 256}", "Invalid type for parameter cpu"),
        ("cluster: lab\nserviceName: web\ntaskDefinition: {cpu: lots}", "Invalid 'cpu' setting for task"),
        (
            "cluster: lab\nserviceName: web\ntaskDefinition: {containerDefinitions: [{image: a}]}",
            "each of taskDefinition.containerDefinitions has to have a name",
        ),
        (
            "cluster: lab\nserviceName: web\ntaskDefinition: {containerDefinitions: [{name: a, imgae: b}]}",
            'Unknown parameter in containerDefinitions[0]: "imgae"',
        ),
        ("cluster: [", "while parsing"),
        ("cluster: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
    ],
)
def test_a_file_that_is_not_right_is_refused_by_its_name(ecs: Any, tmp_path: Path, text: str, says: str) -> None:
    found, wrong = desired.read(written(tmp_path, bad=text, web=GOOD), ecs)
    assert [one.file for one in found] == ["web.yaml"]
    assert wrong and all(each.startswith("bad.yaml: ") for each in wrong)
    assert says in " ".join(wrong)


def test_two_files_of_one_service_and_a_folder_without_any_are_refused(ecs: Any, tmp_path: Path) -> None:
    assert desired.read(written(tmp_path, a=GOOD, b=GOOD), ecs)[1] == [
        "b.yaml and a.yaml both say what lab/web should be"
    ]
    assert "is no folder with files" in desired.read(tmp_path / "nowhere", ecs)[1][0]


def test_the_commit_of_the_folder_is_told_and_what_is_not_committed(tmp_path: Path) -> None:
    assert desired.commit(tmp_path) == {}
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    written(tmp_path, web=GOOD)
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], check=True)
    clean = desired.commit(tmp_path)
    assert len(clean["commit"]) == 40 and clean["not_committed"] == []
    written(tmp_path, other=GOOD)
    assert desired.commit(tmp_path) == {"commit": clean["commit"], "not_committed": ["?? other.yaml"]}


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """A service `web` of two tasks, on a cloud whose time stands still."""
    monkeypatch.setenv("DRYDOCK_HOME", str(tmp_path / "home"))
    world = World(tmp_path / "world")
    cloud = cloud_of(world)
    monkeypatch.setattr(runbook, "connect", lambda *_, **__: cloud)
    made = world.lab()
    made.create(made.register(), 2, "web")
    made.until_steady(2, "web")
    world.until(lambda: made.service("web")["deployments"][0]["rolloutState"] == "COMPLETED")
    yield made
    world.close()


def planned(folder: Path) -> Cells:
    cells = Cells("reconcile-services", folder=str(folder))
    cells.to("run.plan(")
    return cells


def test_a_new_size_is_priced(lab: Lab, tmp_path: Path) -> None:
    file = "cluster: lab\nserviceName: web\ntaskDefinition: {cpu: '512', memory: '1024'}"
    cost = planned(written(tmp_path, web=file)).names["run"].evidence.read("cost.json")
    assert cost["usd_per_month"] == pytest.approx(2 * (0.04048 / 4 + 0.004445 / 2) * 730, abs=0.01)


def test_what_differs_is_planned_and_nothing_else(lab: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "desired"
    folder.mkdir()
    as_it_is = GOOD.replace("stopTimeout: 30", "portMappings: [{containerPort: 8080}]")
    assert not planned(written(folder, web=as_it_is)).names["steps"]
    file = GOOD.replace("desiredCount: 2", "desiredCount: 3")
    plan = planned(written(folder, web=file)).names["run"].evidence.plan
    assert [step.name for step in plan.steps] == ["register lab/web", "update lab/web"]
    assert ("lab/web.desiredCount", "2", "3") in plan.difference()
    assert ("lab/web taskDefinition.containerDefinitions.app.stopTimeout", "", "30") in plan.difference()
    update = plan.steps[1]
    assert set(update.do.call.params) == {"cluster", "service", "desiredCount", "taskDefinition"}
    assert update.undo is not None and update.undo.call.params["desiredCount"] == 2
    own = lab.ecs.describe_task_definition(taskDefinition=lab.service("web")["taskDefinition"])["taskDefinition"]
    asked = plan.steps[0].do.call.params
    assert asked["containerDefinitions"] == [{**own["containerDefinitions"][0], "stopTimeout": 30}]
    assert all(asked[name] == own[name] for name in ("cpu", "memory", "networkMode", "executionRoleArn"))


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (GOOD.replace("serviceName: web", "serviceName: nobody"), "There is no active service nobody"),
        (GOOD.replace("name: app", "name: sidecar"), "web.yaml: lab/web has no container sidecar"),
        (GOOD.replace("cpu:", "cup:"), "The files are not right: web.yaml: Unknown parameter in input"),
    ],
)
def test_what_cannot_be_mended_is_refused(lab: Lab, tmp_path: Path, file: str, says: str) -> None:
    with pytest.raises(Refused, match=says):
        planned(written(tmp_path, web=file))


def test_a_number_of_tasks_that_is_scaled_is_not_taken_from_a_file(lab: Lab, tmp_path: Path) -> None:
    scaling = lab.client("application-autoscaling")
    target = {"ServiceNamespace": "ecs", "ResourceId": "service/lab/web"}
    scaling.register_scalable_target(
        **target, ScalableDimension="ecs:service:DesiredCount", MinCapacity=1, MaxCapacity=3
    )
    with pytest.raises(Refused, match=r"leave desiredCount out of web\.yaml"):
        planned(written(tmp_path, web=GOOD))

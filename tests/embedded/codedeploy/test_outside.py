"""The AWS CLI as a client of CodeDeploy, and a hook whose function really runs."""

from __future__ import annotations

import io
import json
import os
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.blue_green import APPLICATION, GROUP, TRUST, BlueGreen, make_blue_green
from tests.support.lab import make_lab
from tests.support.stepped import World
from tests.support.tools import tool

CHECK = """
import boto3

def handler(event, context):
    boto3.client("codedeploy").put_lifecycle_event_hook_execution_status(
        deploymentId=event["DeploymentId"],
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
        status="Succeeded",
    )
"""


@pytest.fixture
def hastened(world: World) -> Iterator[None]:
    """No deployment is ever seen under way: time passes until it is over, before anybody gets an answer."""
    ends = threading.Event()

    def hasten() -> None:
        while not ends.wait(0.001):
            with world.host.lock:
                known = world.host.backend("codedeploy", "us-east-1").deployments.values()
                while not ends.is_set() and any(not one.is_over for one in known):
                    world.clock.advance(1.0)
                    world.settle()

    thread = threading.Thread(target=hasten)
    thread.start()
    yield
    ends.set()
    thread.join()


def test_the_cli_deploys_a_task_definition_and_waits(
    world: World, shop: BlueGreen, hastened: None, tmp_path: Path
) -> None:
    shop.service(1)
    shop.group()
    known = shop.lab.ecs.describe_task_definition(taskDefinition="app")["taskDefinition"]
    names = ("family", "networkMode", "requiresCompatibilities", "cpu", "memory", "executionRoleArn")
    containers = [{**known["containerDefinitions"][0], "environment": [{"name": "VERSION", "value": "2"}]}]
    definition, appspec = tmp_path / "task.json", tmp_path / "appspec.json"
    definition.write_text(json.dumps({**{name: known[name] for name in names}, "containerDefinitions": containers}))
    appspec.write_text(shop.spec("replaced by the CLI"))
    environment = {
        "PATH": os.environ.get("PATH", os.defpath), "HOME": str(tmp_path), "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": world.host.endpoint,
    }  # fmt: skip

    def aws(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([tool("aws"), *words], env=environment, capture_output=True, text=True, timeout=60)

    done = aws(
        "ecs", "deploy", "--cluster", "lab", "--service", "app", "--task-definition", str(definition),
        "--codedeploy-appspec", str(appspec), "--codedeploy-application", APPLICATION,
        "--codedeploy-deployment-group", GROUP,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    [identity] = shop.client.list_deployments()["deployments"]
    assert "Successfully deployed" in done.stdout, done.stdout
    assert shop.versions() == {"2"}
    waited = aws("deploy", "wait", "deployment-successful", "--deployment-id", identity)
    assert waited.returncode == 0, waited.stderr


def test_a_function_that_answers_lets_a_deployment_go_on(client: Callable[..., Any]) -> None:
    lab = make_lab(client)
    shop = make_blue_green(lab)
    role = client("iam").create_role(
        RoleName="check", AssumeRolePolicyDocument=json.dumps(TRUST).replace("codedeploy.", "lambda.")
    )["Role"]["Arn"]
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("check.py", CHECK)
    client("lambda").create_function(
        FunctionName="check", Runtime="python3.12", Handler="check.handler", Role=role, Timeout=60,
        Code={"ZipFile": package.getvalue()},
    )  # fmt: skip
    shop.service(0)
    shop.group()
    shop.deploy(hooks=[{"BeforeInstall": "check"}])
    done = shop.until_status("Succeeded")
    assert "errorInformation" not in done
    assert shop.events()["BeforeInstall"] == "Succeeded"

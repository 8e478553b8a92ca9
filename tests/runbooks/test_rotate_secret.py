"""rotate-secret on a service whose tasks are given a secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.request import urlopen

import pytest
from tests.support.waiting import eventually

from drydock.cloud import Cloud
from drydock.runbooks import Refused, runner

from .conftest import HELLO, Cells, described, opened, registered

NAME = "drydock-hello/settings"
VALUE = "a-new-value-that-nobody-is-told"
GIVEN: dict[str, Any] = {"secret_id": NAME, "cluster": "drydock-hello", "json_key": "VERSION", "older_than": 0}


@pytest.fixture(scope="module")
def arn(cloud: Cloud) -> str:
    """Of a secret that the service's containers are given, as VERSION."""
    secrets, ecs = cloud.client("secretsmanager"), cloud.client("ecs")
    made = secrets.create_secret(Name=NAME, SecretString=json.dumps({"VERSION": "one", "OTHER": "kept"}))
    secrets.put_secret_value(SecretId=NAME, SecretString=json.dumps({"VERSION": "two", "OTHER": "kept"}))
    ecs.update_service(**HELLO, taskDefinition=reading(ecs, f"{made['ARN']}:VERSION::"))
    ecs.get_waiter("services_stable").wait(cluster="drydock-hello", services=["drydock-hello"])
    eventually(lambda: [one["rolloutState"] for one in described(ecs)["deployments"]] == ["COMPLETED"])
    return str(made["ARN"])


def reading(ecs: Any, value_from: str) -> str:
    """ARN of a revision that is given this as VERSION."""
    newest = registered(ecs)
    found = ecs.describe_task_definition(taskDefinition=newest)["taskDefinition"]["containerDefinitions"]
    found[0]["secrets"] = [{"name": "VERSION", "valueFrom": value_from}]
    return registered(ecs, containerDefinitions=found)


def labels(cloud: Cloud) -> dict[str, str]:
    listed = cloud.client("secretsmanager").list_secret_version_ids(SecretId=NAME)["Versions"]
    return {label: one["VersionId"] for one in listed for label in one["VersionStages"]}


def answers(cloud: Cloud) -> set[str]:
    """What the tasks have as VERSION, through the load balancer."""
    name = cloud.client("elbv2").describe_load_balancers()["LoadBalancers"][0]["DNSName"]
    return {json.load(urlopen(f"http://{name}/version"))["version"] for _ in range(10)}


def refused(says: str, **parameters: Any) -> None:
    cells = Cells("rotate-secret", **GIVEN | parameters)
    with pytest.raises(Refused, match=says):
        cells.to("run.plan(")


@contextmanager
def said_to_be(cells: Cells, **changes: Any) -> Iterator[None]:
    """DescribeSecret answers otherwise."""
    events = cells.names["secrets"].meta.events
    event = "after-call.secrets-manager.DescribeSecret"

    def otherwise(parsed: dict[str, Any], **_: Any) -> None:
        parsed |= changes

    events.register(event, otherwise)
    yield
    events.unregister(event, otherwise)


def test_every_task_has_the_new_value_and_after_undoing_the_old_one(
    cloud: Cloud, arn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEW", VALUE)
    ecs, before = cloud.client("ecs"), labels(cloud)
    own = described(ecs)["taskDefinition"]
    newest = ecs.list_task_definitions(familyPrefix="drydock-hello", sort="DESC")["taskDefinitionArns"]
    cells = opened("rotate-secret", **GIVEN, new_value="env:NEW", keep_previous=False)
    assert cells("run.apply(").tone == "passed"
    assert cells("run.verify(").tone == "passed"
    cells("run.roll_back_if_failed(")
    cells("run.close(")
    after = labels(cloud)
    assert set(after) == {"AWSCURRENT"} and after["AWSCURRENT"] not in before.values()
    held = json.loads(cloud.client("secretsmanager").get_secret_value(SecretId=NAME)["SecretString"])
    assert held == {"VERSION": VALUE, "OTHER": "kept"}
    assert answers(cloud) == {VALUE}
    assert described(ecs)["taskDefinition"] == own
    assert ecs.list_task_definitions(familyPrefix="drydock-hello", sort="DESC")["taskDefinitionArns"] == newest
    folder = cells.names["run"].evidence.folder
    assert runner.roll_back_run(folder).endswith("rolled back")
    assert labels(cloud) == before
    assert answers(cloud) == {"two"}
    assert described(ecs)["taskDefinition"] == own
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files and not [path for path in files if VALUE.encode() in path.read_bytes()]


def test_another_try_after_a_roll_back_makes_another_version(cloud: Cloud, arn: str) -> None:
    first, second = (Cells("rotate-secret", **GIVEN) for _ in range(2))
    first.to("run.plan("), second.to("run.plan(")
    plans = [cells.names["run"].evidence.plan for cells in (first, second)]
    assert plans[0].hash == plans[1].hash
    made = plans[0].steps[0].do.call.params["ClientRequestToken"]
    cloud.client("secretsmanager").put_secret_value(
        SecretId=NAME, SecretString="{}", ClientRequestToken=made, VersionStages=["GIVEN-UP"]
    )
    third = Cells("rotate-secret", **GIVEN)
    third.to("run.plan(")
    assert third.names["run"].evidence.plan.steps[0].do.call.params["ClientRequestToken"] != made


def test_a_young_version_is_left(cloud: Cloud, arn: str) -> None:
    cells = Cells("rotate-secret", **GIVEN | {"older_than": 1})
    assert "It changes nothing" in cells.to("run.plan(").plain


def test_no_value_is_read_before_the_plan_is_applied(cloud: Cloud, arn: str) -> None:
    cells = Cells("rotate-secret", **GIVEN)
    cells.to("run.plan(")
    asked = {call["operation"] for call in cells.names["run"].evidence.calls()}
    assert not asked & {"GetSecretValue", "BatchGetSecretValue", "GetRandomPassword"}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"secret_id": "nothing"}, "secret could not be read: .*ResourceNotFoundException"),
        ({"cluster": "nowhere"}, "There is no cluster nowhere"),
        ({"new_value": "env:NOT_SET_ANYWHERE"}, "NOT_SET_ANYWHERE is not set"),
        ({"json_key": ""}, "containers read VERSION of it. Name the key to renew by json_key"),
    ],
)
def test_what_cannot_be_rotated_so_is_refused(arn: str, given: dict[str, Any], says: str) -> None:
    refused(says, **given)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"RotationEnabled": True}, "A function rotates .*rotate-secret --secret-id"),
        ({"OwningService": "rds"}, "is managed by rds"),
        ({"PrimaryRegion": "eu-west-1"}, "run this with region=eu-west-1"),
    ],
)
def test_a_secret_that_others_rotate_is_refused(arn: str, changes: dict[str, Any], says: str) -> None:
    cells = Cells("rotate-secret", **GIVEN)
    cells.to("Runbook.open(")
    with said_to_be(cells, **changes), pytest.raises(Refused, match=says):
        cells("secrets.describe_secret,")


def test_a_rotation_that_was_given_up_half_way_is_refused_with_the_way_out(cloud: Cloud, arn: str) -> None:
    secrets = cloud.client("secretsmanager")
    made = secrets.put_secret_value(SecretId=NAME, SecretString="{}", VersionStages=["AWSPENDING"])["VersionId"]
    refused(f"{made} is AWSPENDING: .*--remove-from-version-id {made}")
    secrets.update_secret_version_stage(SecretId=NAME, VersionStage="AWSPENDING", RemoveFromVersionId=made)


def test_a_secret_that_no_service_is_given_is_refused(cloud: Cloud, arn: str) -> None:
    cloud.client("secretsmanager").create_secret(Name="unread", SecretString="1")
    refused("No service in the cluster drydock-hello reads the current version of unread", secret_id="unread")

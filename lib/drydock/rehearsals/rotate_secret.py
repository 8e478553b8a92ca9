"""rotate-secret: a service is given a new value and gives it back; one that its tasks cannot start with is not kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from drydock.cloud import Cloud
from drydock.notebooks.environment import environment
from drydock.notebooks.wait import wait_until
from drydock.rehearsals.common import SERVICE, Until, planned_applied_undone, rolled_back_by_itself, steady
from drydock.rehearsals.record import Rehearsal

SECRET = "drydock-hello/settings"
BEFORE = {"VERSION": "one", "CRASH_AT_START": "false"}
VALUE = "DRYDOCK_REHEARSED_VALUE"


def given(cloud: Cloud, until: Until) -> dict[str, str]:
    arn = cloud.client("secretsmanager").create_secret(Name=SECRET, SecretString=json.dumps(BEFORE))["ARN"]
    _read_by_service(cloud.client("ecs"), arn)
    steady(cloud, until)
    return {"secret_id": SECRET, "cluster": SERVICE["cluster"], "json_key": "VERSION", "older_than": "0"}


def rehearse(cloud: Cloud, rehearsal: Rehearsal, runs: Path) -> None:
    parameters = given(cloud, wait_until)
    planned_applied_undone(rehearsal, runs, parameters, again={"older_than": "1"})
    assert _value(cloud) == BEFORE, "the value is not the one from before"
    crashing = parameters | {"json_key": "CRASH_AT_START", "new_value": f"env:{VALUE}"}
    with environment({VALUE: "true"}):
        rolled_back_by_itself(rehearsal, runs, crashing, "a value that tasks do not start with")
    assert _value(cloud) == BEFORE, "a value that tasks do not start with has become the current one"


def _read_by_service(ecs: Any, arn: str) -> None:
    """The service's tasks are given the secret, and its circuit breaker is on."""
    found = ecs.describe_task_definition(taskDefinition="drydock-hello")["taskDefinition"]
    members = ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
    asked: dict[str, Any] = {name: value for name, value in found.items() if name in members}
    asked["containerDefinitions"][0]["secrets"] = [{"name": key, "valueFrom": f"{arn}:{key}::"} for key in BEFORE]
    ecs.register_task_definition(**asked)
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    ecs.update_service(**SERVICE, taskDefinition="drydock-hello", deploymentConfiguration=breaker)


def _value(cloud: Cloud) -> Any:
    return json.loads(cloud.client("secretsmanager").get_secret_value(SecretId=SECRET)["SecretString"])

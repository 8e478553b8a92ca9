"""rotate-secret: a service is given a new value and gives it back; one that its tasks cannot start with is not kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from drydock.cloud import Cloud
from drydock.notebooks.environment import environment
from drydock.rehearsals.common import SERVICE, planned_applied_undone
from drydock.rehearsals.record import Rehearsal
from drydock.runbooks import runner
from drydock.runbooks.evidence import Evidence

SECRET = "drydock-hello/settings"
BEFORE = {"VERSION": "one", "CRASH_AT_START": "false"}
VALUE = "DRYDOCK_REHEARSED_VALUE"


def rehearse(cloud: Cloud, rehearsal: Rehearsal, runs: Path) -> None:
    secrets = cloud.client("secretsmanager")
    arn = secrets.create_secret(Name=SECRET, SecretString=json.dumps(BEFORE))["ARN"]
    _read_by_service(cloud.client("ecs"), arn)
    given = {"secret_id": SECRET, "cluster": SERVICE["cluster"], "new_value": f"env:{VALUE}"}
    due = given | {"older_than": "0"}
    with environment({VALUE: "two"}):
        planned_applied_undone(rehearsal, runs, due | {"json_key": "VERSION"})
        again = runner.run(rehearsal.runbook, given | {"json_key": "VERSION", "older_than": "1"}, root=runs)
    assert _value(secrets) == BEFORE, "the value is not the one from before"
    assert again.outcome == "nothing to change", f"a version of today would be rotated: {again.error}"
    rehearsal.done.append("a version of today left alone")
    crashing = due | {"json_key": "CRASH_AT_START"}
    with environment({VALUE: "true"}):
        planned = runner.run(rehearsal.runbook, crashing, root=runs)
        assert planned.plan is not None, f"no plan: {planned.error}"
        approved = {"dry_run": "false", "approve": planned.plan.hash}
        failed = runner.run(rehearsal.runbook, crashing | approved, root=runs)
    kept = Evidence(failed.folder)
    assert failed.outcome == "rolled back" and kept.read("after.json") == kept.read("before.json"), failed.error
    assert _value(secrets) == BEFORE, "a value that tasks do not start with has become the current one"
    rehearsal.done.append("a value that tasks do not start with rolled back by itself")


def _read_by_service(ecs: Any, arn: str) -> None:
    """The service's tasks are given the secret, and its circuit breaker is on."""
    found = ecs.describe_task_definition(taskDefinition="drydock-hello")["taskDefinition"]
    members = ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
    asked: dict[str, Any] = {name: value for name, value in found.items() if name in members}
    asked["containerDefinitions"][0]["secrets"] = [{"name": key, "valueFrom": f"{arn}:{key}::"} for key in BEFORE]
    ecs.register_task_definition(**asked)
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    ecs.update_service(**SERVICE, taskDefinition="drydock-hello", deploymentConfiguration=breaker)
    ecs.get_waiter("services_stable").wait(cluster=SERVICE["cluster"], services=[SERVICE["service"]])


def _value(secrets: Any) -> Any:
    return json.loads(secrets.get_secret_value(SecretId=SECRET)["SecretString"])

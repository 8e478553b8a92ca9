"""reconcile-services: two services brought to what their files say, and a file whose tasks do not start."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from drydock.cloud import Cloud
from drydock.notebooks.wait import wait_until
from drydock.rehearsals.common import SERVICE, Until, planned_applied_undone, rolled_back_by_itself
from drydock.rehearsals.record import Rehearsal
from drydock.rehearsals.right_size_tasks import CLUSTER, WIDE, serve
from drydock.user import home, private

HELLO = {"cluster": CLUSTER, "serviceName": SERVICE["service"], "desiredCount": 3, "enableECSManagedTags": True}
OF_WIDE = {"cluster": CLUSTER, "serviceName": WIDE}
SIZED = {"cpu": "512", "memory": "1024", "containerDefinitions": [{"name": "web", "stopTimeout": 20}]}


def given(cloud: Cloud, until: Until) -> dict[str, str]:
    ecs = cloud.client("ecs")
    serve(ecs, WIDE, {})

    def steady() -> bool:
        found = ecs.describe_services(cluster=CLUSTER, services=[WIDE])["services"][0]["deployments"]
        return [one["rolloutState"] for one in found] == ["COMPLETED"]

    until(steady, f"{WIDE} is steady")
    folder = private(home() / "desired")
    _write(folder, {**OF_WIDE, "taskDefinition": SIZED})
    return {"folder": str(folder)}


def rehearse(cloud: Cloud, rehearsal: Rehearsal, runs: Path) -> None:
    parameters = given(cloud, wait_until)
    _write(Path(parameters["folder"]), HELLO)
    planned_applied_undone(rehearsal, runs, parameters, again={})
    crashing = {"name": "web", "command": ["-c", "exit(1)"]}
    _write(Path(parameters["folder"]), {**OF_WIDE, "taskDefinition": {"containerDefinitions": [crashing]}})
    rolled_back_by_itself(rehearsal, runs, parameters, "a file whose tasks do not start")


def _write(folder: Path, said: Mapping[str, Any]) -> None:
    (folder / f"{said['serviceName']}.yaml").write_text(yaml.safe_dump(said))

"""right-size-tasks: what it refuses, what it takes for measured, and the size that it plans."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.waiting import eventually

from drydock.cloud import Cloud
from drydock.policy.right_sizing import Size
from drydock.rehearsals.right_size_tasks import CLUSTER, WIDE, serve
from drydock.runbooks import Refused, usage

from .conftest import Cells

SMALL, LARGE = Size(256, 512), Size(1024, 4096)


@pytest.fixture(scope="module")
def wide(cloud: Cloud) -> Iterator[Any]:
    """ECS, with a service of one task of 1 vCPU and 4 GB that was measured for two minutes."""
    client = cloud.client("ecs")
    serve(client, WIDE, {})
    eventually(lambda: measured(cloud).minutes >= 2)
    yield client
    client.delete_service(cluster=CLUSTER, service=WIDE, force=True)


def measured(cloud: Cloud) -> usage.Measured:
    return usage.measured(cloud, CLUSTER, WIDE, days=1)


def planned(**given: Any) -> Cells:
    cells = Cells("right-size-tasks", **({"service": WIDE, "days": 1, "measured_minutes": 2} | given))
    cells.to("run.plan(")
    return cells


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"measured_minutes": 1440}, r"\d+ minutes of drydock-wide were measured in 1 days, and 1440 are needed: wait"),
        ({"service": "nobody"}, "There is no active service nobody in the cluster drydock-hello"),
    ],
)
def test_what_cannot_be_sized_is_refused_with_the_way_out(wide: Any, given: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused, match=says):
        planned(**given)


def test_the_size_that_fits_and_what_it_saves_are_planned(wide: Any, cloud: Cloud) -> None:
    cells, minutes = planned(), measured(cloud).minutes
    plan = cells.names["run"].evidence.plan
    assert {row for row in plan.difference() if row[0].startswith("running.")} == {
        ("running.cpu", "1024", "256"),
        ("running.memory", "4096", "512"),
    }
    saved = 0.04048 + 4 * 0.004445 - (0.04048 / 4 + 0.004445 / 2)
    assert f"saves ${saved:.5f} an hour and ${saved * 730:.2f} a month for each task" in plan.steps[1].title
    eventually(lambda: measured(cloud).minutes > minutes)
    assert planned().names["run"].evidence.plan.hash == plan.hash, "what is measured meanwhile is no part of the plan"
    cells.names["run"].cloud.region = "eu-west-1"
    cells("saved = pricing")
    assert cells.names["told"] == "not priced in eu-west-1"


def test_what_was_measured_at_another_size_counts_as_what_it_was(wide: Any, cloud: Cloud) -> None:
    found = wide.describe_task_definition(taskDefinition=WIDE)["taskDefinition"]
    before = measured(cloud)
    assert {one.size for one in before.stretches} == {LARGE}
    members = wide.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
    kept = {name: value for name, value in found.items() if name in members}
    wide.register_task_definition(**kept | {"cpu": "256", "memory": "512"})
    wide.update_service(cluster=CLUSTER, service=WIDE, taskDefinition=WIDE)
    eventually(lambda: measured(cloud).stretches[-1].size == SMALL)
    minutes = measured(cloud).minutes
    eventually(lambda: measured(cloud).minutes >= minutes + 2)
    after = measured(cloud)
    assert [one.size for one in after.stretches] == [LARGE, SMALL]
    peak, later = (max(one.memory for one in found.used) for found in (before, after))
    assert peak > 5 and later < 2 * peak, (peak, later)
    assert not planned().names["run"].evidence.plan.steps

"""right-size-tasks: what it refuses, what it takes for measured, and the size that it plans."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.support.stepped import World

from drydock.cloud import Cloud
from drydock.embedded.carriers.usage import Usage
from drydock.policy.right_sizing import Size, Used
from drydock.runbooks import Refused, runbook, usage

from .conftest import Cells
from .stepped import cloud_of

SMALL, LARGE = Size(256, 512), Size(1024, 4096)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A service `wide` of two tasks of 1 vCPU and 4 GB, that were measured for five minutes."""
    monkeypatch.setenv("DRYDOCK_HOME", str(tmp_path / "home"))
    made = World(tmp_path / "world")
    made.engine.meter.read = lambda _pid: Usage(made.clock.elapsed() * 0.1, 64 << 20)
    cloud = cloud_of(made)
    monkeypatch.setattr(runbook, "connect", lambda *_, **__: cloud)
    lab = made.lab()
    small = lab.ecs.describe_task_definition(taskDefinition=lab.register())["taskDefinition"]
    kept = {
        name: small[name]
        for name in ("networkMode", "requiresCompatibilities", "executionRoleArn", "containerDefinitions")
    }
    for family, container in (("wide", {}), ("held", {"memory": 1500})):
        containers = [{**kept["containerDefinitions"][0], **container}]
        large = {"cpu": "1024", "memory": "4096", "containerDefinitions": containers}
        lab.ecs.register_task_definition(**kept | large, family=family)
        lab.create(family, 2, family)
        lab.until_steady(2, family)
    made.pass_time(300)
    yield made
    made.close()


def planned(**given: Any) -> Cells:
    asked = {"cluster": "lab", "service": "wide", "days": 1, "measured_minutes": 3} | given
    cells = Cells("right-size-tasks", **asked)
    cells.to("run.plan(")
    return cells


def test_what_cannot_be_sized_is_refused_with_the_way_out(world: World) -> None:
    with pytest.raises(Refused, match=r"\d minutes of wide were measured in 1 days, and 1440 are needed: wait until"):
        planned(measured_minutes=1440)
    with pytest.raises(Refused, match="There is no active service nobody in the cluster lab"):
        planned(service="nobody")


def test_the_size_that_fits_and_what_it_saves_are_planned(world: World) -> None:
    cells = planned()
    plan = cells.names["run"].evidence.plan
    assert {row for row in plan.difference() if row[0].startswith("running.")} == {
        ("running.cpu", "1024", "256"),
        ("running.memory", "4096", "512"),
    }
    cost = cells.names["run"].evidence.read("cost.json")
    saved = 2 * (0.04048 + 4 * 0.004445 - (0.04048 / 4 + 0.004445 / 2))
    assert cost["usd_per_month"] == pytest.approx(-saved * 730, abs=0.01)
    world.pass_time(120)
    assert planned().names["run"].evidence.plan.hash == plan.hash, "what is measured meanwhile is no part of the plan"
    assert planned(service="held").names["wanted"] == Size(256, 2048), "a container's own limit holds"


NOW = datetime.now(UTC).replace(microsecond=0)


def ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


class Told:
    """ECS and CloudWatch, as they would answer of a service that was `LARGE` and is `SMALL` since two hours."""

    sizes: Mapping[str, Size] = {"web:1": LARGE, "web:2": SMALL}
    exceptions = SimpleNamespace(ClientException=LookupError)

    def __init__(self, percent: float) -> None:
        self.percent = percent
        self.asked: list[tuple[datetime, datetime, int]] = []

    def describe_services(self, **_: Any) -> Any:
        return {"services": [{"taskDefinition": "web:2"}]}

    def list_service_deployments(self, nextToken: str = "", **_: Any) -> Any:
        arns = {"": [f"d{number}" for number in range(20)], "more": ["last"]}[nextToken]
        return {"serviceDeployments": [{"serviceDeploymentArn": arn} for arn in arns]} | (
            {} if nextToken else {"nextToken": "more"}
        )

    def describe_service_deployments(self, serviceDeploymentArns: list[str]) -> Any:
        assert len(serviceDeploymentArns) <= 20
        changed = {
            "status": "SUCCESSFUL",
            "startedAt": ago(3),
            "finishedAt": ago(2),
            "sourceServiceRevisions": [{"arn": "web:1"}],
            "targetServiceRevision": {"arn": "web:2"},
        }
        waiting = {"status": "PENDING", "targetServiceRevision": {"arn": "web:2"}}
        return {"serviceDeployments": [changed if arn == "last" else waiting for arn in serviceDeploymentArns]}

    def describe_service_revisions(self, serviceRevisionArns: list[str]) -> Any:
        return {"serviceRevisions": [{"serviceRevisionArn": arn, "taskDefinition": arn} for arn in serviceRevisionArns]}

    def describe_task_definition(self, taskDefinition: str) -> Any:
        size = self.sizes[taskDefinition]
        return {"taskDefinition": {"cpu": str(size.cpu), "memory": str(size.memory)}}

    def get_paginator(self, _operation: str) -> Any:
        return SimpleNamespace(paginate=self._pages)

    def _pages(self, *, StartTime: datetime, EndTime: datetime, MetricDataQueries: Any, **_: Any) -> Any:
        self.asked.append((StartTime, EndTime, MetricDataQueries[0]["MetricStat"]["Period"]))
        for query in MetricDataQueries:  # a page each
            yield {"MetricDataResults": [{"Id": query["Id"], "Timestamps": [StartTime], "Values": [self.percent]}]}


@pytest.mark.parametrize(("days", "period", "minutes"), [(1, 60, 2), (14, 60, 2), (30, 300, 10)])
def test_what_was_measured_at_another_size_counts_as_what_it_was(days: int, period: int, minutes: int) -> None:
    told = Told(50.0)
    cloud = cast(Cloud, SimpleNamespace(client=lambda _: told, speed=1.0))
    found = usage.measured(cloud, "lab", "web", days=days)
    assert list(found.used) == [Used(512.0, 2048.0), Used(128.0, 256.0)]
    assert found.minutes == minutes
    (_, before, step), (after, _, _) = told.asked
    assert step == period
    assert ago(3) - timedelta(seconds=period) < before <= ago(3) and ago(2) <= after < ago(2) + timedelta(
        seconds=period
    )

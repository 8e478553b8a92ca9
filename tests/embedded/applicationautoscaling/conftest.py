"""A service whose load a test sets, on a clock that it moves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.lab import Lab
from tests.support.stepped import World

from drydock.embedded.carriers.usage import Usage

TARGET = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/lab/app",
    "ScalableDimension": "ecs:service:DesiredCount",
}
CPU = "ECSServiceAverageCPUUtilization"
LAB_DIMENSIONS = [{"Name": "ClusterName", "Value": "lab"}, {"Name": "ServiceName", "Value": "app"}]


class Shop:
    """The service `app`; `load` is how many percent of one task's CPU it has to do, shared by those that run."""

    def __init__(self, world: World, lab: Lab) -> None:
        self.world, self.lab = world, lab
        self.load = 0.0
        self.memory = 0.0
        self._used: dict[int, tuple[float, float]] = {}
        world.engine.meter.read = self._read
        self.scaling, self.cloudwatch, self.ecs = map(
            world.client, ("application-autoscaling", "cloudwatch", "ecs")
        )  # fmt: skip

    def _read(self, pid: int) -> Usage:
        """A quarter of a CPU is what a task has."""
        now = self.world.clock.elapsed()
        running = max(1, self.lab.service()["runningCount"])
        at, cpu = self._used.get(pid, (now, 0.0))
        cpu += (now - at) * 0.25 * self.load / 100 / running
        self._used[pid] = now, cpu
        return Usage(cpu, int(512 * 2**20 * self.memory / 100))

    def register(self, least: int = 1, most: int = 20, **more: Any) -> None:
        self.scaling.register_scalable_target(**TARGET, MinCapacity=least, MaxCapacity=most, **more)

    def track(self, name: str = "cpu", value: float = 70, metric: str = CPU, **more: Any) -> dict[str, Any]:
        label = more.pop("ResourceLabel", None)
        measured = {"PredefinedMetricType": metric, **({"ResourceLabel": label} if label else {})}
        settings = {"TargetValue": value, "PredefinedMetricSpecification": measured, **more}
        return self.put(name, "TargetTrackingScaling", settings)

    def step(self, name: str, kind: str, *steps: tuple[int, float | None, float | None], **more: Any) -> str:
        named = ("ScalingAdjustment", "MetricIntervalLowerBound", "MetricIntervalUpperBound")
        told = [{key: value for key, value in zip(named, step, strict=True) if value is not None} for step in steps]
        return str(
            self.put(name, "StepScaling", {"AdjustmentType": kind, "StepAdjustments": told, **more})["PolicyARN"]
        )

    def put(self, name: str, kind: str, settings: dict[str, Any]) -> dict[str, Any]:
        return dict(
            self.scaling.put_scaling_policy(
                **TARGET, PolicyName=name, PolicyType=kind, **{f"{kind}PolicyConfiguration": settings}
            )
        )

    def queue(self, name: str, action: str, threshold: float, comparison: str = "GreaterThanThreshold") -> None:
        """An alarm on the length of a queue."""
        self.cloudwatch.put_metric_alarm(
            AlarmName=name, Namespace="Shop", MetricName="Waiting", Statistic="Maximum", Period=60,
            EvaluationPeriods=1, Threshold=threshold, ComparisonOperator=comparison, AlarmActions=[action],
        )  # fmt: skip

    def waiting(self, value: float) -> None:
        self.cloudwatch.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "Waiting", "Value": value}])

    def minutes(self, count: int = 1) -> int:
        """Let minutes of AWS pass; what is desired after them."""
        self.world.pass_time(60 * count)
        return self.desired

    @property
    def desired(self) -> int:
        return int(self.lab.service()["desiredCount"])

    def alarms(self) -> dict[str, dict[str, Any]]:
        """The alarms of target tracking: High and Low."""
        found = self.cloudwatch.describe_alarms(AlarmNamePrefix="TargetTracking-")["MetricAlarms"]
        return {"High" if "AlarmHigh" in each["AlarmName"] else "Low": each for each in found}

    def activities(self, **more: Any) -> list[dict[str, Any]]:
        """The oldest first."""
        found: list[dict[str, Any]] = []
        page: dict[str, Any] = {"NextToken": "0"}
        while "NextToken" in page:
            asked = {"ServiceNamespace": "ecs", "NextToken": page["NextToken"], **more}
            page = self.scaling.describe_scaling_activities(**asked)
            found += page["ScalingActivities"]
        return found[::-1]


def make_shop(world: World, count: int) -> Shop:
    lab = world.lab()
    lab.create(lab.register(), count)
    lab.until_steady(count)
    world.clock.advance(60 - world.clock.time() % 60)
    return Shop(world, lab)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "aws")
    yield world
    world.close()


@pytest.fixture
def shop(world: World) -> Shop:
    """Three tasks."""
    return make_shop(world, 3)

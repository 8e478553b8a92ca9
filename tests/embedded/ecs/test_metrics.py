"""What CloudWatch learns of services and their tasks."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.stepped import World
from tests.support.waiting import eventually

from drydock.embedded.carriers.usage import Usage, usage_of
from drydock.embedded.services.ecs.metrics import TaskUse, Used, use

MIB = 1 << 20


def points(world: World, namespace: str, name: str, **dimensions: str) -> list[dict[str, Any]]:
    found = world.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=datetime.now(UTC) - timedelta(hours=1),
        EndTime=datetime.now(UTC) + timedelta(hours=1),
        Period=3600,
        Statistics=["Average", "Minimum", "Maximum", "SampleCount", "Sum"],
    )["Datapoints"]
    return list(found)


class Burning:
    """Every container uses so much of a CPU, and so much memory."""

    def __init__(self, world: World, cpu: float, memory: int) -> None:
        self.world, self.cpu, self.memory = world, cpu, memory

    def __call__(self, _pid: int) -> Usage:
        return Usage(self.world.clock.elapsed() * self.cpu, self.memory)


def test_a_service_is_measured_by_its_tasks(world: World) -> None:
    world.engine.meter.read = Burning(world, 0.125, 256 * MIB)
    lab = world.lab()
    lab.create(lab.register(), 2, "web")
    lab.until_steady(2, "web")
    world.pass_time(240)
    named = {"ClusterName": "lab", "ServiceName": "web"}
    (cpu,) = points(world, "AWS/ECS", "CPUUtilization", **named)
    (memory,) = points(world, "AWS/ECS", "MemoryUtilization", **named)
    assert cpu["Average"] == pytest.approx(50)
    assert memory["Average"] == pytest.approx(50)
    assert cpu["SampleCount"] >= 4
    assert cpu["SampleCount"] % 2 == 0
    assert points(world, "AWS/ECS", "CPUUtilization", ClusterName="lab") == []
    assert points(world, "ECS/ContainerInsights", "RunningTaskCount", **named) == []


def test_container_insights_where_it_is_on(world: World) -> None:
    world.engine.meter.read = Burning(world, 0.125, 256 * MIB)
    lab = world.lab()
    lab.ecs.update_cluster_settings(cluster="lab", settings=[{"name": "containerInsights", "value": "enhanced"}])
    lab.create(lab.register("shop"), 2, "web")
    lab.until_steady(2, "web")
    world.pass_time(180)
    service = {"ClusterName": "lab", "ServiceName": "web"}

    def most(name: str, **dimensions: str) -> float:
        (point,) = points(world, "ECS/ContainerInsights", name, **dimensions)
        return float(point["Maximum"])

    counts = ("DesiredTaskCount", "RunningTaskCount", "DeploymentCount", "CpuReserved", "MemoryReserved")
    assert [most(name, **service) for name in counts] == [2, 2, 1, 512, 1024]
    assert most("CpuUtilized", **service) == pytest.approx(256)
    assert most("MemoryUtilized", ClusterName="lab") == pytest.approx(512)
    assert [most(name, ClusterName="lab") for name in ("TaskCount", "ServiceCount")] == [2, 1]
    assert most("MemoryUtilized", ClusterName="lab", TaskDefinitionFamily="shop") == pytest.approx(512)
    task = lab.tasks("web")[0]
    identified = {**service, "TaskId": task["taskArn"].rsplit("/", 1)[-1]}
    assert most("TaskCpuUtilization", **identified) == pytest.approx(50)
    assert most("ContainerMemoryUtilized", **identified, ContainerName=task["containers"][0]["name"]) == 256


def test_an_alarm_on_the_cpu_of_a_service(world: World) -> None:
    burning = world.engine.meter.read = Burning(world, 0.0, 0)
    lab = world.lab()
    lab.create(lab.register(), 1, "web")
    lab.until_steady(1, "web")
    cloudwatch = world.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="hot",
        Namespace="AWS/ECS",
        MetricName="CPUUtilization",
        Dimensions=[{"Name": "ClusterName", "Value": "lab"}, {"Name": "ServiceName", "Value": "web"}],
        Statistic="Average",
        Period=60,
        EvaluationPeriods=3,
        Threshold=70.0,
        ComparisonOperator="GreaterThanThreshold",
    )

    def state() -> str:
        return str(cloudwatch.describe_alarms()["MetricAlarms"][0]["StateValue"])

    world.pass_time(300)
    assert state() == "OK"
    world.engine.meter.read = Burning(world, 0.25, 0)
    assert burning.cpu == 0
    world.pass_time(300)
    assert state() == "ALARM"


def test_a_task_gets_no_more_than_its_size() -> None:
    task = TaskUse("t", "lab", "web", "app", 256, 512, {"a": Used(1000, 100), "b": Used(10, 100)})
    told = {datum["MetricName"]: datum["Values"] for datum in use([task])}
    assert told == {"CPUUtilization": [100], "MemoryUtilization": [pytest.approx(39.0625)]}


@pytest.mark.process
def test_a_process_and_what_it_has_started_are_read() -> None:
    inner = "import time; sum(range(3_000_000)); x = bytearray(30_000_000); time.sleep(60)"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    process = subprocess.Popen([sys.executable, "-c", outer], start_new_session=True)
    try:
        found = eventually(lambda: (used := usage_of(process.pid)) and used.memory > 30_000_000 and used)
        assert found.cpu > 0
    finally:
        os.killpg(process.pid, 9)
        process.wait()
    assert usage_of(process.pid) is None

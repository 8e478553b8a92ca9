"""A container with a restart policy begins again within its task, which stays."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.embedded.ecs.test_metrics import Burning, points
from tests.support.lab import Lab
from tests.support.runtime import FakeContainer
from tests.support.stepped import World

POLICY = {"enabled": True, "restartAttemptPeriod": 60}


@pytest.fixture
def lab(world: World) -> Lab:
    return world.lab()


def running(lab: Lab, *, other: bool = False, **container: Any) -> dict[str, Any]:
    """A task that runs, of a container `app` and, beside it, `other`."""
    containers = [{"name": "app", **container}, {"name": "other", "essential": other}]
    definition = lab.register_containers("pair", containers)
    arn = lab.run(definition)["taskArn"]
    return dict(lab.until(lambda: (task := lab.task(arn))["lastStatus"] == "RUNNING" and task))


def app(world: World, task: dict[str, Any]) -> FakeContainer:
    return next(one for one in world.running(task) if one.spec.key.endswith("/app"))


def metadata(world: World, task: dict[str, Any]) -> dict[str, Any]:
    from drydock.embedded.services.ecs.metadata import describe

    found = describe(world.engine.table, f"{task['taskArn'].rsplit('/', 1)[-1]}-app", [])
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("essential", [True, False])
def test_a_container_that_ran_for_long_enough_is_restarted_and_the_task_stays(
    world: World, lab: Lab, essential: bool
) -> None:
    task = running(lab, other=not essential, essential=essential, restartPolicy=POLICY)
    for count in (1, 2):
        before = app(world, task)
        world.pass_time(61)
        world.runtime.end(before, 3)
        world.settle()
        after = app(world, task)
        assert after is not before and after.spec.address == before.spec.address
        shown = lab.task(task["taskArn"])
        assert (shown["lastStatus"], shown["desiredStatus"]) == ("RUNNING", "RUNNING")
        assert [one["lastStatus"] for one in shown["containers"]] == ["RUNNING", "RUNNING"]
        assert [one["runtimeId"] for one in shown["containers"]] == [one["runtimeId"] for one in task["containers"]]
        assert "exitCode" not in shown["containers"][0]
        assert metadata(world, task)["RestartCount"] == count
    lab.ecs.stop_task(cluster="lab", task=task["taskArn"])
    assert lab.until_stopped(task["taskArn"])["containers"][0]["exitCode"] == 0


@pytest.mark.parametrize(
    ("policy", "ran", "code"),
    [
        (POLICY, 30, 3),
        ({"enabled": True}, 200, 3),  # the period is 300 s by itself
        ({**POLICY, "ignoredExitCodes": [0, 3]}, 61, 3),
        ({**POLICY, "enabled": False}, 61, 3),
    ],
)
def test_one_that_is_not_restarted_ends_its_task(
    world: World, lab: Lab, policy: dict[str, Any], ran: int, code: int
) -> None:
    task = running(lab, restartPolicy=policy)
    world.pass_time(ran)
    world.runtime.end(app(world, task), code)
    stopped = lab.until_stopped(task["taskArn"])
    assert (stopped["stopCode"], stopped["containers"][0]["exitCode"]) == ("EssentialContainerExited", 3)


def test_one_that_exits_while_its_task_stops_is_not_restarted(world: World, lab: Lab) -> None:
    task = running(lab, restartPolicy=POLICY, environment=[{"name": "IGNORE_SIGTERM", "value": "1"}])
    world.pass_time(61)
    lab.ecs.stop_task(cluster="lab", task=task["taskArn"])
    world.settle()
    world.runtime.end(app(world, task), 3)
    assert lab.until_stopped(task["taskArn"])["containers"][0]["exitCode"] == 3


def test_restarts_are_counted_in_container_insights_where_there_is_a_policy(world: World, lab: Lab) -> None:
    world.engine.meter.read = Burning(world, 0.1, 1)
    lab.ecs.update_cluster_settings(cluster="lab", settings=[{"name": "containerInsights", "value": "enhanced"}])
    task = running(lab, restartPolicy=POLICY)
    world.pass_time(61)
    world.runtime.end(app(world, task), 3)
    world.pass_time(180)
    own = {"ClusterName": "lab", "TaskId": task["taskArn"].rsplit("/", 1)[-1]}
    for dimensions in (
        {"ClusterName": "lab"},
        {"ClusterName": "lab", "TaskDefinitionFamily": "pair"},
        {**own, "ContainerName": "app"},
    ):
        [point] = points(world, "ECS/ContainerInsights", "RestartCount", **dimensions)
        assert point["Maximum"] == 1
    assert points(world, "ECS/ContainerInsights", "RestartCount", **own, ContainerName="other") == []
    assert "RestartCount" not in metadata(world, running(lab))


def test_too_many_ignored_codes_are_refused(lab: Lab) -> None:
    with pytest.raises(ClientError, match="ignoredExitCodes"):
        lab.register(restartPolicy={"enabled": True, "ignoredExitCodes": list(range(51))})

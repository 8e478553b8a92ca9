"""What the concepts compute is what the embedded ECS does: one is held against the other."""

from __future__ import annotations

import itertools

import pytest
from tests.support.lab import Lab
from tests.support.stepped import World

from drydock.concepts import circuit_breaker, sidecars
from drydock.policy import dependencies


@pytest.fixture
def lab(world: World) -> Lab:
    return world.lab()


@pytest.mark.parametrize(
    ("desired", "type", "value"), [(1, "BOUNDED_PERCENT", 50), (7, "BOUNDED_PERCENT", 50), (2, "COUNT", 5)]
)
def test_a_deployment_fails_at_the_failure_that_is_drawn(
    world: World, lab: Lab, desired: int, type: str, value: int
) -> None:
    drawn = list(circuit_breaker.deployment(desired, type, value, True, 0, 10))[-1]
    breaker = {"enable": True, "rollback": False, "thresholdConfiguration": {"type": type, "value": value}}
    lab.create(lab.register(), desired, deploymentConfiguration={"deploymentCircuitBreaker": breaker})
    [service] = world.services()
    ended = 0
    while service.deployments[0].rollout_state != "FAILED":
        container = lab.until(lambda: world.runtime.containers)[0]
        world.runtime.end(container, 1)
        world.settle()
        ended += 1
    assert ended == drawn.task == drawn.count
    assert drawn.tripped


def test_the_containers_of_a_task_begin_and_end_as_drawn(world: World, lab: Lab) -> None:
    drawn = sidecars.lives(dependencies.HEALTHY, 5, 0, 0, 0, 1)
    given = {one["name"]: one for one in sidecars.definitions(dependencies.HEALTHY, 5)}
    containers = [
        {"name": name, "essential": given[name]["essential"], "dependsOn": given[name].get("dependsOn", [])}
        for name in (sidecars.MIGRATE, sidecars.PROXY, sidecars.APP)
    ]
    containers[0]["environment"] = [{"name": "EXIT", "value": "0"}]
    containers[1]["healthCheck"] = {"command": ["CMD", "check"], "interval": 5, "retries": 3}
    task = lab.run(lab.register_containers("orders", containers))
    lab.until(lambda: len(world.runtime.started) == 3)
    names = [one.spec.key.split("/")[-1] for one in world.runtime.started]
    assert sorted(names, key=lambda name: drawn[name].begins or 0.0) == names
    began = dict(zip(names, (one.started_at for one in world.runtime.started), strict=True))
    for one, other in itertools.combinations(names, 2):
        expected = (drawn[other].begins or 0.0) - (drawn[one].begins or 0.0)
        assert (began[other] - began[one]) * world.clock.speed == pytest.approx(expected, abs=1)
    left: list[list[str]] = []
    world.turned.append(lambda: left.append([one.spec.key.split("/")[-1] for one in world.running(task)]))
    lab.ecs.stop_task(cluster="lab", task=task["taskArn"])
    lab.until_stopped(task["taskArn"])
    assert [names for names, _ in itertools.groupby(left)] == [[sidecars.PROXY], []]
    assert (drawn[sidecars.APP].ends or 0.0) <= (drawn[sidecars.PROXY].told or 0.0)

"""What the engine does held against what `policy` computes of the same numbers. No process runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from tests.support.stepped import World

from drydock.policy.ecs.breaker import ThresholdConfiguration, threshold
from drydock.policy.ecs.capacity import StrategyItem, split


@pytest.mark.parametrize(
    ("base", "weights", "counts"),
    [(1, (1, 4), (10,)), (2, (1, 4), (3, 12)), (1, (70, 30), (3, 9, 4, 8)), (0, (0, 1), (2, 5))],
)
def test_tasks_are_split_as_computed_while_a_service_grows(
    world: World, base: int, weights: tuple[int, int], counts: Sequence[int]
) -> None:
    lab = world.lab()
    names = ("FARGATE", "FARGATE_SPOT")
    items = [StrategyItem(name, weight) for name, weight in zip(names, weights, strict=True)]
    items[0] = StrategyItem(names[0], weights[0], base)
    asked = [{"capacityProvider": one.provider, "weight": one.weight, "base": one.base} for one in items]
    there: dict[str, int] = {}
    for number, count in enumerate(counts):
        if number:
            lab.ecs.update_service(cluster="lab", service="app", desiredCount=count)
        else:
            lab.create(lab.register(), count, capacityProviderStrategy=asked)
        lab.until_steady(count)
        found = Counter(task["capacityProviderName"] for task in lab.tasks())
        if count > sum(there.values()):
            more = split(items, count - sum(there.values()), there)
            assert found == Counter(there) + Counter(more)
        there = dict(found)


@pytest.mark.parametrize(
    ("desired", "configuration"),
    [(1, {}), (7, {}), (3, {"type": "COUNT", "value": 5}), (5, {"type": "UNBOUNDED_PERCENT", "value": 30})],
)
def test_a_deployment_fails_at_the_threshold_that_is_computed(
    world: World, desired: int, configuration: dict[str, object]
) -> None:
    lab = world.lab()
    given = {"thresholdConfiguration": configuration} if configuration else {}
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": False, **given}}
    world.crashes = True
    lab.create(lab.register(), desired, deploymentConfiguration=breaker)
    lab.until(lambda: lab.service()["deployments"][0]["rolloutState"] == "FAILED")
    [listed] = lab.ecs.list_service_deployments(cluster="lab", service="app")["serviceDeployments"]
    [told] = lab.ecs.describe_service_deployments(serviceDeploymentArns=[listed["serviceDeploymentArn"]])[
        "serviceDeployments"
    ]
    computed = threshold(desired, ThresholdConfiguration(**configuration) if configuration else None)  # type: ignore[arg-type]
    state = told["deploymentCircuitBreaker"]
    assert (state["status"], state["failureCount"], state["threshold"]) == ("TRIGGERED", computed, computed)

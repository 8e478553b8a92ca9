"""Whatever happens in the middle of deployments: what holds at every turn, and how each of them ends. Seeded."""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.embedded.ecs.test_strategies import Site
from tests.embedded.ecs.test_strategies import site as site
from tests.support.lab import Lab
from tests.support.stepped import World

from drydock.policy.ecs.rollout import upper_bound

ROUNDS = 80
LONGEST = 2000  # turns
STRATEGIES: tuple[dict[str, Any], ...] = (
    {"strategy": "ROLLING"},
    {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1},
    {"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 12.5, "canaryBakeTimeInMinutes": 1}},
    {"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 33.0, "stepBakeTimeInMinutes": 1}},
)
OVER = ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")


@pytest.fixture
def lab(world: World) -> Lab:
    return world.lab()


class History:
    """Deployments of one service, one after another, with something in the middle of each."""

    def __init__(self, world: World, deployed: Site, seed: int) -> None:
        self.world, self.site, self.random = world, deployed, random.Random(seed)
        self.count = 2
        self.told: list[str] = []

    def turn(self) -> None:
        self.world.clock.advance(self.random.choice((1, 5, 20)))
        self.world.turn()
        self.holds()

    def holds(self) -> None:
        """What is true at every moment."""
        [service] = self.world.services()
        blue, green = self.site.weights()
        assert blue + green in (100, 1000), self.told
        upper = max(upper_bound(count, 200) for count in (self.count, service.desired_count))
        living = [task for task in self.world.tasks() if not task.stopping]
        for deployment in service.deployments:
            assert sum(task.deployment_id == deployment.id for task in living) <= upper, self.told
        for group, weight in ((self.site.blue, blue), (self.site.green, green)):
            there = [d for d in service.deployments if any(e["targetGroupArn"] == group for e in d.load_balancers)]
            assert not weight or there, self.told

    def until_over(self, arn: str) -> str:
        for _ in range(LONGEST):
            self.turn()
            if (status := str(self.site.deployment(arn)["status"])) in OVER:
                return status
        raise AssertionError(f"{self.told} ends never: {self.site.deployment(arn)}")

    def until_steady(self) -> None:
        for _ in range(LONGEST):
            self.turn()
            shown = self.site.lab.service()
            counts = {shown["desiredCount"], shown["runningCount"], len(self.world.tasks())}
            if len(shown["deployments"]) == len(counts) == 1:
                return
        raise AssertionError(f"{self.told} is never steady: {self.site.lab.service()}")

    def deploy(self, number: int, good: str) -> str:
        """Deploy a version, and have something happen; the version that serves in the end."""
        lab, version = self.site.lab, str(number)
        configuration = self.random.choice(STRATEGIES)
        what = self.random.choice(("nothing", "nothing", "ROLLBACK", "ABORT", "alarm", "scale", "kill", "again"))
        after = self.random.randrange(1, 60)
        self.told = [f"{number}: {configuration['strategy']}, {what} after {after}"]
        alarms = {"alarmNames": ["errors"], "enable": True, "rollback": True}
        cloudwatch = lab.client("cloudwatch")
        cloudwatch.set_alarm_state(AlarmName="errors", StateValue="OK", StateReason="test")
        self.site.update(version, deploymentConfiguration={**configuration, "alarms": alarms})
        arn = self.site.arn()
        for _ in range(after):
            self.turn()
        if what in ("ROLLBACK", "ABORT"):
            try:
                lab.ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType=what)
            except ClientError as over:
                assert over.response["Error"]["Code"] == "ConflictException"
        elif what == "alarm":
            cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="test")
        elif what == "scale":
            self.count = self.random.randrange(1, 4)
            lab.ecs.update_service(cluster="lab", service="app", desiredCount=self.count)
        elif what == "kill" and (tasks := lab.tasks()):
            lab.ecs.stop_task(cluster="lab", task=self.random.choice(tasks)["taskArn"])
        elif what == "again":
            self.site.update(f"{version}a")
            version, arn = f"{version}a", self.site.arn()
        status = self.until_over(arn)
        if status == "STOPPED":
            cloudwatch.set_alarm_state(AlarmName="errors", StateValue="OK", StateReason="test")
            self.site.update(f"{version}b", deploymentConfiguration=STRATEGIES[0])
            status, version = self.until_over(self.site.arn()), f"{version}b"
        self.until_steady()
        assert status in ("SUCCESSFUL", "ROLLBACK_SUCCESSFUL"), self.told
        return version if status == "SUCCESSFUL" else good


@pytest.mark.parametrize("seed", range(int(os.environ.get("DRYDOCK_TEST_RUNS", "1"))))
def test_a_deployment_ends_at_its_version_or_at_the_last_that_was_completed(
    world: World,
    lab: Lab,
    site: Site,
    seed: int,
) -> None:
    lab.client("cloudwatch").put_metric_alarm(
        AlarmName="errors", MetricName="Errors", Namespace="Test", Statistic="Sum", Period=10, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    site.create(2, STRATEGIES[1])
    history, serves = History(world, site, seed), "1"
    for number in range(2, 2 + ROUNDS // 2):
        serves = history.deploy(number, serves)
        running = {one.spec.environment["VERSION"] for one in world.runtime.containers}
        assert running == {serves}, history.told
        assert max(site.weights()) == 100, history.told
        [service] = world.services()
        assert service.primary is not None
        [entry] = service.primary.load_balancers
        assert site.weights()[entry["targetGroupArn"] == site.green] == 100, history.told

"""BLUE_GREEN, LINEAR and CANARY deployments in time: every turn of the engine is the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.support.lab import Lab
from tests.support.stepped import World

BLUE_GREEN = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1}
LINEAR = {
    "strategy": "LINEAR",
    "linearConfiguration": {"stepPercent": 30.0, "stepBakeTimeInMinutes": 1},
    "bakeTimeInMinutes": 1,
}
CANARY = {
    "strategy": "CANARY",
    "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 2},
    "bakeTimeInMinutes": 1,
}
IN_ORDER = [
    "PRE_SCALE_UP", "SCALE_UP", "POST_SCALE_UP", "TEST_TRAFFIC_SHIFT", "POST_TEST_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME", "CLEAN_UP",
]  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "aws")
    yield world
    world.close()


@pytest.fixture
def lab(world: World) -> Lab:
    return world.lab()


@dataclass
class Site:
    """A service between two target groups, with a rule for production and one for tests."""

    lab: Lab
    blue: str
    green: str
    production: str
    test: str
    seen: list[str] = field(default_factory=list)
    """The stages that the newest service deployment went through, as every turn left them."""

    def entry(self, **other: Any) -> dict[str, Any]:
        advanced = {
            "alternateTargetGroupArn": self.green,
            "productionListenerRule": self.production,
            "testListenerRule": self.test,
            "roleArn": "arn:aws:iam::000000000000:role/balancing",
            **other,
        }
        return {
            "targetGroupArn": self.blue,
            "containerName": "app",
            "containerPort": 8080,
            "advancedConfiguration": advanced,
        }

    def create(self, count: int, configuration: dict[str, Any], **request: Any) -> None:
        definition = self.lab.register(environment={"VERSION": "1"})
        self.lab.create(
            definition, count, loadBalancers=[self.entry()], deploymentConfiguration=configuration, **request
        )
        self.lab.until_steady(count)

    def update(self, version: str = "2", **request: Any) -> None:
        definition = self.lab.register(environment={"VERSION": version})
        self.lab.ecs.update_service(cluster="lab", service="app", taskDefinition=definition, **request)

    def arn(self) -> str:
        found = self.lab.ecs.list_service_deployments(cluster="lab", service="app")["serviceDeployments"]
        return str(found[0]["serviceDeploymentArn"])

    def deployment(self, arn: str = "") -> dict[str, Any]:
        """The newest service deployment."""
        found = self.lab.ecs.describe_service_deployments(serviceDeploymentArns=[arn or self.arn()])
        return dict(found["serviceDeployments"][0])

    def weights(self, rule: str = "") -> tuple[int, int]:
        """Of blue and green."""
        elb = self.lab.client("elbv2")
        [forward] = elb.describe_rules(RuleArns=[rule or self.production])["Rules"][0]["Actions"]
        found = {g["TargetGroupArn"]: g["Weight"] for g in forward["ForwardConfig"]["TargetGroups"]}
        return found[self.blue], found[self.green]

    def watch(self) -> None:
        stage = str(self.deployment()["lifecycleStage"])
        if self.seen[-1:] != [stage]:
            self.seen.append(stage)

    def until_stage(self, stage: str) -> dict[str, Any]:
        return dict(self.lab.until(lambda: (d := self.deployment())["lifecycleStage"] == stage and d))

    def until_status(self, status: str, arn: str = "") -> dict[str, Any]:
        return dict(self.lab.until(lambda: (d := self.deployment(arn))["status"] == status and d))

    def versions(self) -> set[str]:
        """Of the task definitions that run."""
        return {task["taskDefinitionArn"].rsplit(":", 1)[-1] for task in self.lab.tasks()}

    def events(self) -> str:
        return "\n".join(event["message"] for event in self.lab.service()["events"])


@pytest.fixture
def site(lab: Lab) -> Site:
    elb = lab.client("elbv2")
    balancer = elb.create_load_balancer(Name="web", Subnets=lab.subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    blue, green = (
        elb.create_target_group(
            Name=name, Protocol="HTTP", Port=8080, VpcId=lab.vpc, TargetType="ip",
            HealthCheckIntervalSeconds=10, HealthyThresholdCount=2, UnhealthyThresholdCount=3,
        )["TargetGroups"][0]["TargetGroupArn"]
        for name in ("blue", "green")
    )  # fmt: skip
    for group in (blue, green):
        elb.modify_target_group_attributes(
            TargetGroupArn=group, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "0"}]
        )
    nothing = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]
    both = [{"TargetGroupArn": blue, "Weight": 100}, {"TargetGroupArn": green, "Weight": 0}]
    rules = []
    for port in (80, 81):
        listener = elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=port, DefaultActions=nothing)
        rules.append(
            elb.create_rule(
                ListenerArn=listener["Listeners"][0]["ListenerArn"], Priority=1,
                Conditions=[{"Field": "path-pattern", "Values": ["/*"]}],
                Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": both}}],
            )["Rules"][0]["RuleArn"]
        )  # fmt: skip
    return Site(lab, blue, green, *rules)


def test_a_canary_shifts_a_tenth_bakes_and_shifts_the_rest(world: World, lab: Lab, site: Site) -> None:
    site.create(3, CANARY)
    assert site.weights() == (100, 0)
    site.update()
    site.watch()
    world.turned.append(site.watch)
    shifted = site.until_stage("PRODUCTION_TRAFFIC_SHIFT")
    lab.until(lambda: site.weights() == (90, 10))
    assert shifted["status"] == "IN_PROGRESS"
    assert site.weights(site.test) == (0, 100)
    began = world.clock.time()
    now = site.deployment()
    assert now["targetServiceRevision"]["requestedProductionTrafficWeight"] == 10.0
    assert now["sourceServiceRevisions"][0]["requestedProductionTrafficWeight"] == 90.0
    assert len(lab.tasks()) == 6
    lab.until(lambda: site.weights() == (0, 100))
    assert world.clock.time() - began == pytest.approx(2 * 60, abs=2)
    began = world.clock.time()
    site.until_stage("CLEAN_UP")
    assert world.clock.time() - began == pytest.approx(60, abs=3)
    done = site.until_status("SUCCESSFUL")
    assert site.seen == IN_ORDER
    assert done["finishedAt"] >= done["startedAt"]
    lab.until_steady(3)
    assert site.versions() == {"2"}


def test_an_alarm_in_alarm_rolls_a_canary_back_at_once_and_starts_no_task(world: World, lab: Lab, site: Site) -> None:
    cloudwatch = lab.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="errors", MetricName="Errors", Namespace="Test", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    site.create(3, {**CANARY, "alarms": {"alarmNames": ["errors"], "enable": True, "rollback": True}})
    site.update()
    site.until_stage("PRODUCTION_TRAFFIC_SHIFT")
    lab.until(lambda: site.weights() == (90, 10))
    started = len(world.runtime.started)
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="test")
    world.pass_time(10)
    assert site.weights() == (100, 0)
    assert site.weights(site.test) == (100, 0)
    done = site.until_status("ROLLBACK_SUCCESSFUL")
    assert done["alarms"] == {"status": "TRIGGERED", "alarmNames": ["errors"], "triggeredAlarmNames": ["errors"]}
    assert done["rollback"]["serviceRevisionArn"] == done["sourceServiceRevisions"][0]["arn"]
    lab.until_steady(3)
    assert site.versions() == {"1"}
    assert len(world.runtime.started) == started
    assert "deployment failed: alarm detected." in site.events()
    assert "rolling back to deployment ecs-svc/" in site.events()

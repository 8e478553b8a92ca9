"""A service that is deployed in stages, between two target groups."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.support.lab import Lab


@dataclass
class Site:
    """A service between two target groups, with a rule for production and one for tests."""

    lab: Lab
    blue: str
    green: str
    production: str
    test: str
    balancer: str = ""
    """The name that the load balancer answers to."""
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


def blue_and_green(lab: Lab, protocol: str, unhealthy: int) -> list[str]:
    """ARNs of two target groups that let their targets go at once."""
    elb = lab.client("elbv2")
    made = [
        elb.create_target_group(
            Name=name, Protocol=protocol, Port=8080, VpcId=lab.vpc, TargetType="ip",
            HealthCheckIntervalSeconds=10, HealthyThresholdCount=2, UnhealthyThresholdCount=unhealthy,
        )["TargetGroups"][0]["TargetGroupArn"]
        for name in ("blue", "green")
    ]  # fmt: skip
    for group in made:
        elb.modify_target_group_attributes(
            TargetGroupArn=group, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "0"}]
        )
    return made


def make_site(lab: Lab, ports: tuple[int, int] = (80, 81)) -> Site:
    """Two target groups behind a load balancer, and a rule for each kind of traffic."""
    elb = lab.client("elbv2")
    made = elb.create_load_balancer(Name="web", Subnets=lab.subnets)["LoadBalancers"][0]
    balancer = made["LoadBalancerArn"]
    blue, green = blue_and_green(lab, "HTTP", unhealthy=3)
    nothing = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]
    both = [{"TargetGroupArn": blue, "Weight": 100}, {"TargetGroupArn": green, "Weight": 0}]
    rules = []
    for port in ports:
        listener = elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=port, DefaultActions=nothing)
        rules.append(
            elb.create_rule(
                ListenerArn=listener["Listeners"][0]["ListenerArn"], Priority=1,
                Conditions=[{"Field": "path-pattern", "Values": ["/*"]}],
                Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": both}}],
            )["Rules"][0]["RuleArn"]
        )  # fmt: skip
    return Site(lab, blue, green, *rules, made["DNSName"])

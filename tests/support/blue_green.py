"""A service that CodeDeploy deploys, between two target groups behind a listener each for production and for tests."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tests.support.lab import Lab
from tests.support.site import blue_and_green

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "codedeploy.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
APPLICATION, GROUP = "shop", "production"
STYLE = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}


@dataclass
class BlueGreen:
    lab: Lab
    blue: str
    """ARN of the target group that the service begins with."""
    green: str
    production: str
    """ARN of the listener."""
    test: str
    role: str
    balancer: str
    deployments: list[str] = field(default_factory=list)

    @property
    def client(self) -> Any:
        return self.lab.client("codedeploy")

    def service(self, count: int = 2, **request: Any) -> dict[str, Any]:
        """Make it, and wait until its first task set is steady."""
        entry = {"targetGroupArn": self.blue, "containerName": "app", "containerPort": 8080}
        self.lab.create(
            self.lab.register(environment={"VERSION": "1"}),
            count,
            loadBalancers=[entry],
            deploymentController={"type": "CODE_DEPLOY"},
            **request,
        )
        self.lab.until(lambda: self.sets()[0]["stabilityStatus"] == "STEADY_STATE")
        return self.lab.service()

    def sets(self) -> list[dict[str, Any]]:
        return list(self.lab.service()["taskSets"])

    def settings(self, **other: Any) -> dict[str, Any]:
        """Of the deployment group."""
        return {
            "applicationName": APPLICATION,
            "deploymentGroupName": GROUP,
            "serviceRoleArn": self.role,
            "deploymentStyle": STYLE,
            "ecsServices": [{"clusterName": "lab", "serviceName": "app"}],
            "blueGreenDeploymentConfiguration": {
                "deploymentReadyOption": {"actionOnTimeout": "CONTINUE_DEPLOYMENT"},
                "terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE"},
            },
            "loadBalancerInfo": {
                "targetGroupPairInfoList": [
                    {
                        "targetGroups": [{"name": "blue"}, {"name": "green"}],
                        "prodTrafficRoute": {"listenerArns": [self.production]},
                        "testTrafficRoute": {"listenerArns": [self.test]},
                    }
                ]
            },
            **other,
        }

    def group(self, **other: Any) -> None:
        """The application, with its group."""
        self.client.create_application(applicationName=APPLICATION, computePlatform="ECS")
        self.client.create_deployment_group(**self.settings(**other))

    def spec(self, definition: str, hooks: list[dict[str, str]] | None = None, **properties: Any) -> str:
        target = {
            "Type": "AWS::ECS::Service",
            "Properties": {
                "TaskDefinition": definition,
                "LoadBalancerInfo": {"ContainerName": "app", "ContainerPort": 8080},
                **properties,
            },
        }
        return json.dumps({"version": 0.0, "Resources": [{"TargetService": target}], "Hooks": hooks or []})

    def deploy(self, version: str = "2", hooks: list[dict[str, str]] | None = None, **request: Any) -> str:
        """Begin a deployment of another task definition; its id."""
        definition = self.lab.register(environment={"VERSION": version})
        made = self.client.create_deployment(
            applicationName=APPLICATION,
            deploymentGroupName=GROUP,
            revision={"revisionType": "AppSpecContent", "appSpecContent": {"content": self.spec(definition, hooks)}},
            **request,
        )
        self.deployments.append(made["deploymentId"])
        return str(made["deploymentId"])

    def deployment(self, identity: str = "") -> dict[str, Any]:
        return dict(self.client.get_deployment(deploymentId=identity or self.deployments[-1])["deploymentInfo"])

    def target(self, identity: str = "") -> dict[str, Any]:
        asked = {"deploymentId": identity or self.deployments[-1], "targetId": "lab:app"}
        return dict(self.client.get_deployment_target(**asked)["deploymentTarget"]["ecsTarget"])

    def events(self, identity: str = "") -> dict[str, str]:
        return {event["lifecycleEventName"]: event["status"] for event in self.target(identity)["lifecycleEvents"]}

    def until_status(self, status: str, identity: str = "") -> dict[str, Any]:
        return dict(self.lab.until(lambda: (d := self.deployment(identity))["status"] == status and d))

    def until_event(self, name: str, status: str = "InProgress") -> None:
        self.lab.until(lambda: self.deployment()["status"] != "Created" and self.events()[name] == status)

    def weight(self, listener: str = "") -> int:
        """Percent of the requests that go to the target group `green`."""
        found = self.lab.client("elbv2").describe_listeners(ListenerArns=[listener or self.production])
        [action] = found["Listeners"][0]["DefaultActions"]
        groups = action.get("ForwardConfig", {}).get("TargetGroups") or [action]
        weights = {group["TargetGroupArn"]: group.get("Weight", 1) for group in groups}
        return round(100 * weights.get(self.green, 0) / sum(weights.values()))

    def versions(self) -> set[str]:
        """Of the task definitions that run."""
        return {task["taskDefinitionArn"].rsplit(":", 1)[-1] for task in self.lab.tasks()}


def make_blue_green(lab: Lab, kind: str = "application") -> BlueGreen:
    """The target groups, the load balancer with its listeners, and the role."""
    elb, iam = lab.client("elbv2"), lab.client("iam")
    protocol = "HTTP" if kind == "application" else "TCP"
    made = elb.create_load_balancer(Name="web", Subnets=lab.subnets, Type=kind)["LoadBalancers"][0]
    blue, green = blue_and_green(lab, protocol, unhealthy=2)
    production, test = (
        elb.create_listener(
            LoadBalancerArn=made["LoadBalancerArn"],
            Protocol=protocol,
            Port=port,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": blue}],
        )["Listeners"][0]["ListenerArn"]
        for port in (80, 8080)
    )
    role = iam.create_role(RoleName="codedeploy", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    return BlueGreen(lab, blue, green, production, test, role, made["DNSName"])

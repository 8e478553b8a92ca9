"""canary-release: a service of two target groups has its image pinned; then an alarm takes a canary back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from drydock.cloud import Cloud
from drydock.notebooks.wait import wait_until
from drydock.rehearsals.common import SERVICE, Until, planned_applied_undone, rolled_back_by_itself
from drydock.rehearsals.record import Rehearsal
from drydock.rehearsals.two_versions import alarm, is_steady, like, listener_of, ringing
from drydock.runbooks import shifting

NAME = "drydock-canary"
ALARM = "drydock-canary-errors"
TIMES = {"canary_minutes": "1", "bake_minutes": "0"}


def given(cloud: Cloud, until: Until) -> dict[str, str]:
    """Make the service, one task at a rule of lab 00's load balancer, and its alarm; the runbook's parameters."""
    ecs, elbv2 = cloud.client("ecs"), cloud.client("elbv2")
    hello = ecs.describe_services(cluster=SERVICE["cluster"], services=[SERVICE["service"]])["services"][0]
    entry = hello["loadBalancers"][0]
    groups = [like(elbv2, entry["targetGroupArn"], f"{NAME}-{colour}") for colour in ("blue", "green")]
    advanced = {
        "alternateTargetGroupArn": groups[1],
        "productionListenerRule": _rule(elbv2, entry["targetGroupArn"], groups),
        "roleArn": _role(cloud),
    }
    alarm(cloud, ALARM)
    ecs.create_service(
        cluster=SERVICE["cluster"],
        serviceName=NAME,
        taskDefinition=hello["taskDefinition"],
        desiredCount=1,
        launchType=hello["launchType"],
        networkConfiguration=hello["networkConfiguration"],
        loadBalancers=[{**entry, "targetGroupArn": groups[0], "advancedConfiguration": advanced}],
        deploymentConfiguration=shifting.OFF,
    )
    until(lambda: is_steady(ecs, NAME), f"{NAME} is steady")
    repository = cloud.client("ecr").describe_repositories(repositoryNames=["drydock-hello"])["repositories"][0]
    image = f"{repository['repositoryUri']}:v1"
    return {"cluster": SERVICE["cluster"], "service": NAME, "image": image, "alarms": ALARM, "rps": "0", **TIMES}


def rehearse(cloud: Cloud, rehearsal: Rehearsal, runs: Path) -> None:
    parameters = given(cloud, wait_until)
    planned_applied_undone(rehearsal, runs, parameters, again={})
    ecs = cloud.client("ecs")

    def is_canary() -> bool:
        newest = shifting.newest(ecs, SERVICE["cluster"], NAME)
        found = ecs.describe_service_deployments(serviceDeploymentArns=[newest])["serviceDeployments"][0]
        return bool(found["status"] == "IN_PROGRESS" and found["lifecycleStage"] == "PRODUCTION_TRAFFIC_SHIFT")

    with ringing(cloud, ALARM, once=is_canary):
        rolled_back_by_itself(rehearsal, runs, {**parameters, "canary_minutes": "60"}, "an alarm that rings")


def _rule(elbv2: Any, behind: str, groups: list[str]) -> str:
    """A rule for requests with ?service=canary that forwards to both target groups, all to the first."""
    asked = {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "service", "Value": "canary"}]}}
    tuples = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in zip(groups, (1, 0), strict=True)]
    to_both = {"Type": "forward", "ForwardConfig": {"TargetGroups": tuples}}
    listener = listener_of(elbv2, behind)
    made = elbv2.create_rule(ListenerArn=listener, Priority=10, Conditions=[asked], Actions=[to_both])
    return str(made["Rules"][0]["RuleArn"])


def _role(cloud: Cloud) -> str:
    iam = cloud.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "ecs.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    managed = "arn:aws:iam::aws:policy/AmazonECSInfrastructureRolePolicyForLoadBalancers"
    iam.attach_role_policy(RoleName=NAME, PolicyArn=managed)
    return str(arn)

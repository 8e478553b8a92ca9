"""A canary with real processes behind a real Envoy, as a client counts it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from tests.support.lab import Lab
from tests.support.waiting import eventually
from tests.support.web import Answer, get, get_many

from drydock.policy.traffic import band

pytestmark = pytest.mark.process

REQUESTS = 5000


@pytest.fixture
def site(lab: Lab) -> dict[str, Any]:
    """Two target groups at one rule, whose health checks take any answer of an application."""
    elb = lab.client("elbv2")
    balancer = elb.create_load_balancer(Name="web", Subnets=lab.subnets)["LoadBalancers"][0]
    groups = [
        elb.create_target_group(
            Name=name, Protocol="HTTP", Port=8080, VpcId=lab.vpc, TargetType="ip", HealthCheckIntervalSeconds=5,
            HealthCheckTimeoutSeconds=2, HealthyThresholdCount=2, Matcher={"HttpCode": "200-499"},
        )["TargetGroups"][0]["TargetGroupArn"]
        for name in ("blue", "green")
    ]  # fmt: skip
    nothing = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}]
    listener = elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=80, DefaultActions=nothing
    )["Listeners"][0]["ListenerArn"]
    weighted = [{"TargetGroupArn": groups[0], "Weight": 1}, {"TargetGroupArn": groups[1], "Weight": 0}]
    rule = elb.create_rule(
        ListenerArn=listener, Priority=1, Conditions=[{"Field": "path-pattern", "Values": ["/*"]}],
        Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": weighted}}],
    )["Rules"][0]["RuleArn"]  # fmt: skip
    advanced = {
        "alternateTargetGroupArn": groups[1],
        "productionListenerRule": rule,
        "roleArn": "arn:aws:iam::000000000000:role/balancing",
    }
    entry = {"targetGroupArn": groups[0], "containerName": "app", "containerPort": 8080}
    return {"name": balancer["DNSName"], "entry": {**entry, "advancedConfiguration": advanced}}


def by_version(answers: list[Answer]) -> Counter[str]:
    return Counter(answer.json["VERSION"] for answer in answers)


def test_a_tenth_of_the_requests_reach_the_canary_and_none_once_it_is_rolled_back(
    lab: Lab, site: dict[str, Any]
) -> None:
    cloudwatch = lab.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="errors", MetricName="HTTPCode_Target_4XX_Count", Namespace="Test", Statistic="Sum", Period=60,
        EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore",
    )  # fmt: skip
    configuration = {
        "strategy": "CANARY",
        "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 1440},
        "bakeTimeInMinutes": 1,
        "alarms": {"alarmNames": ["errors"], "enable": True, "rollback": True},
    }
    lab.create(
        lab.register(environment={"VERSION": "1"}), 2,
        loadBalancers=[site["entry"]], deploymentConfiguration=configuration,
    )  # fmt: skip
    lab.until_steady(2)
    assert by_version(get_many(site["name"], 200)) == {"1": 200}
    bad = lab.register(environment={"VERSION": "2", "STATUS": "404"})
    lab.ecs.update_service(cluster="lab", service="app", taskDefinition=bad)
    eventually(lambda: get(site["name"]).json["VERSION"] == "2")
    for _ in range(2):  # one honest count in 370 is outside
        answers = get_many(site["name"], REQUESTS)
        assert Counter(answer.status for answer in answers)[404] == by_version(answers)["2"]
        if band(REQUESTS, 0.1).holds(by_version(answers)["2"]):
            break
    else:
        pytest.fail(f"not a tenth: {by_version(answers)}")
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="test")
    [deployment] = lab.ecs.list_service_deployments(cluster="lab", service="app")["serviceDeployments"][:1]
    arn = deployment["serviceDeploymentArn"]

    def status() -> str:
        found = lab.ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"]
        return str(found[0]["status"])

    eventually(lambda: status() == "ROLLBACK_SUCCESSFUL")
    assert by_version(get_many(site["name"], 500)) == {"1": 500}
    lab.until_steady(2)

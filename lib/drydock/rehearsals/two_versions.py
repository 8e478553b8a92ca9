"""What rehearsals share in which two versions stand behind one load balancer, and an alarm watches them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from drydock.cloud import Cloud
from drydock.notebooks.wait import wait_until
from drydock.rehearsals.common import SERVICE


@contextmanager
def ringing(cloud: Cloud, name: str, *, once: Callable[[], bool]) -> Iterator[None]:
    """For the length of the block somebody watches, and sets the alarm off once that is so."""

    def watch() -> None:
        wait_until(once, "the alarm may ring")
        cloud.client("cloudwatch").set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="rehearsed")

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    yield
    watching.join()


def alarm(cloud: Cloud, name: str) -> None:
    """An alarm on a metric that nobody sends: it is as it was set last."""
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace="Rehearsal",
        MetricName=name,
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="ignore",  # once it rings, it goes on
    )


def is_steady(ecs: Any, name: str) -> bool:
    """Whether the service has one deployment, which is completed, and as many tasks run as it wants."""
    found = ecs.describe_services(cluster=SERVICE["cluster"], services=[name])["services"][0]
    states = [one["rolloutState"] for one in found["deployments"]]
    return bool(states == ["COMPLETED"] and found["runningCount"] == found["desiredCount"])


def like(elbv2: Any, arn: str, name: str) -> str:
    """A target group as that one is, with a name of its own; its ARN."""
    found = elbv2.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]
    checks = ("HealthCheckPath", "HealthCheckIntervalSeconds", "HealthCheckTimeoutSeconds", "HealthyThresholdCount")
    same = {key: found[key] for key in ("Protocol", "Port", "VpcId", "TargetType", *checks)}
    made = elbv2.create_target_group(Name=name, **same)["TargetGroups"][0]
    delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "5"}
    elbv2.modify_target_group_attributes(TargetGroupArn=made["TargetGroupArn"], Attributes=[delay])
    return str(made["TargetGroupArn"])


def listener_of(elbv2: Any, group: str) -> str:
    """The listener of port 80 of the load balancer that the target group is behind."""
    balancer = elbv2.describe_target_groups(TargetGroupArns=[group])["TargetGroups"][0]["LoadBalancerArns"][0]
    listeners = elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
    return str(next(one["ListenerArn"] for one in listeners if one["Port"] == 80))

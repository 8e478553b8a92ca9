"""Load balancers, their listeners and target groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from drydock.cloud import Cloud
from drydock.resources.kind import (
    calls,
    every,
    finds,
    kind,
    listed,
    pairs,
)


def _elb_tags(cloud: Cloud, arns: Iterable[str]) -> Iterator[tuple[str, dict[str, str]]]:
    elb, whole = cloud.client("elbv2"), list(arns)
    for start in range(0, len(whole), 20):
        for one in elb.describe_tags(ResourceArns=whole[start : start + 20])["TagDescriptions"]:
            yield one["ResourceArn"], pairs(one["Tags"])


def _balancers(cloud: Cloud) -> list[str]:
    return [one["LoadBalancerArn"] for one in every(cloud.client("elbv2"), "describe_load_balancers", "LoadBalancers")]


def _listeners(cloud: Cloud) -> Iterator[str]:
    for balancer in _balancers(cloud):
        for one in every(cloud.client("elbv2"), "describe_listeners", "Listeners", LoadBalancerArn=balancer):
            yield one["ListenerArn"]


def _target_groups(cloud: Cloud) -> list[str]:
    return [one["TargetGroupArn"] for one in every(cloud.client("elbv2"), "describe_target_groups", "TargetGroups")]


KINDS = (
    kind(
        "listener",
        "elbv2",
        "CreateListener",
        lambda params, answer: answer["Listeners"][0]["ListenerArn"],
        finds("elbv2", "describe_listeners", "ListenerArns", "Listeners"),
        calls("elbv2", "delete_listener", "ListenerArn"),
        tag=listed("Tags"),
        tagged=lambda cloud: _elb_tags(cloud, _listeners(cloud)),
    ),
    kind(
        "load balancer",
        "elbv2",
        "CreateLoadBalancer",
        lambda params, answer: answer["LoadBalancers"][0]["LoadBalancerArn"],
        finds("elbv2", "describe_load_balancers", "LoadBalancerArns", "LoadBalancers"),
        calls("elbv2", "delete_load_balancer", "LoadBalancerArn"),
        tag=listed("Tags"),
        tagged=lambda cloud: _elb_tags(cloud, _balancers(cloud)),
    ),
    kind(
        "target group",
        "elbv2",
        "CreateTargetGroup",
        lambda params, answer: answer["TargetGroups"][0]["TargetGroupArn"],
        finds("elbv2", "describe_target_groups", "TargetGroupArns", "TargetGroups"),
        calls("elbv2", "delete_target_group", "TargetGroupArn"),
        tag=listed("Tags"),
        tagged=lambda cloud: _elb_tags(cloud, _target_groups(cloud)),
        idempotent=True,
    ),
)

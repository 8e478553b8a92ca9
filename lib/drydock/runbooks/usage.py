"""What the tasks of a service were measured to use, in CPU units and MiB, whatever size they had at the time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from drydock.cloud import Cloud
from drydock.policy.metrics import DAY, KEPT
from drydock.policy.right_sizing import Change, Size, Stretch, Used, stretches

_METRICS = {"cpu": "CPUUtilization", "memory": "MemoryUtilization"}
_AHEAD = timedelta(hours=1)
"""This machine's clock may be behind AWS's."""
_MOST = 20
"""Names in one DescribeServiceRevisions or DescribeServiceDeployments."""


@dataclass(frozen=True)
class Measured:
    """One `Used` a period for which CloudWatch has both metrics, in order of time.

    minutes  AWS minutes that have data
    """

    used: Sequence[Used]
    minutes: int
    stretches: Sequence[Stretch]


def measured(cloud: Cloud, cluster: str, service: str, *, days: float) -> Measured:
    """What AWS/ECS's CPUUtilization and MemoryUtilization say of the last `days` AWS days, in the finest step kept.

    CloudWatch tells percent of the size that a task has, so each stretch of time between deployments that changed the
    size is read by itself. Of several tasks the one that used most counts.
    """
    ecs = cloud.client("ecs")
    here = datetime.now(UTC)
    since, until = here - timedelta(days=days) / cloud.speed, here + _AHEAD
    now = ecs.describe_services(cluster=cluster, services=[service])["services"][0]
    sizes = _Sizes(ecs)
    size = sizes[now["taskDefinition"]]
    spans = stretches(_changes(ecs, cluster, service, sizes), size, since, until) if size else []
    seconds = 60 if days * DAY < KEPT[60] else 300
    period = seconds if cloud.speed == 1 else 1  # where time is fast, a minute of AWS is kept by our second
    used = [one for span in spans for one in _read(cloud, cluster, service, span, period)]
    return Measured(used, len(used) * seconds // 60, spans)


class _Sizes(dict[str, Size | None]):
    """By ARN of a task definition, read once; None where it is deleted, or has no size of its own."""

    def __init__(self, ecs: Any) -> None:
        self._ecs = ecs

    def __missing__(self, arn: str) -> Size | None:
        try:
            found = self._ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
            self[arn] = Size.of(found) if found.get("cpu") and found.get("memory") else None
        except self._ecs.exceptions.ClientException:
            self[arn] = None
        return self[arn]


def _changes(ecs: Any, cluster: str, service: str, sizes: _Sizes) -> list[Change]:
    """The service's deployments that have begun; ECS keeps 90 days of them."""
    deployments = [one for one in _deployments(ecs, cluster, service) if "startedAt" in one]
    named = {arn: None for one in deployments for arn in (*_before(one), *_after(one))}
    of: dict[str, Size | None] = {}
    arns = list(named)
    for part in _twenties(arns):
        answer = ecs.describe_service_revisions(serviceRevisionArns=part)
        of |= {one["serviceRevisionArn"]: sizes[one["taskDefinition"]] for one in answer["serviceRevisions"]}

    def common(revisions: Sequence[str]) -> Size | None:
        found = {of.get(arn) for arn in revisions}
        return found.pop() if len(found) == 1 else None

    return [
        Change(one["startedAt"], one.get("finishedAt"), common(_before(one)), common(_after(one)))
        for one in deployments
    ]


def _deployments(ecs: Any, cluster: str, service: str) -> list[Any]:
    listed: list[str] = []
    page: dict[str, str] = {}
    while True:
        answer = ecs.list_service_deployments(cluster=cluster, service=service, **page)
        listed += [one["serviceDeploymentArn"] for one in answer["serviceDeployments"]]
        if not answer.get("nextToken"):
            break
        page = {"nextToken": answer["nextToken"]}
    parts = [ecs.describe_service_deployments(serviceDeploymentArns=part) for part in _twenties(listed)]
    return [one for part in parts for one in part["serviceDeployments"]]


def _twenties(arns: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(arns), _MOST):
        yield arns[first : first + _MOST]


def _before(deployment: Any) -> list[str]:
    return [one["arn"] for one in deployment.get("sourceServiceRevisions", ())]


def _after(deployment: Any) -> list[str]:
    """What runs once it has ended: the revision it was to bring, or the one that it was rolled back to."""
    match deployment["status"]:
        case "SUCCESSFUL":
            return [deployment["targetServiceRevision"]["arn"]]
        case "ROLLBACK_SUCCESSFUL":
            return [deployment["rollback"]["serviceRevisionArn"]]
    return [*_before(deployment), deployment["targetServiceRevision"]["arn"]]


def _read(cloud: Cloud, cluster: str, service: str, span: Stretch, period: int) -> list[Used]:
    dimensions = [{"Name": "ClusterName", "Value": cluster}, {"Name": "ServiceName", "Value": service}]
    queries = [
        {
            "Id": name,
            "MetricStat": {
                "Metric": {"Namespace": "AWS/ECS", "MetricName": metric, "Dimensions": dimensions},
                "Period": period,
                "Stat": "Maximum",
            },
        }
        for name, metric in _METRICS.items()
    ]
    # Whole periods within the stretch alone: CloudWatch rounds a start down, and what is before may be of another size.
    start, end = -(-span.start.timestamp() // period) * period, span.end.timestamp() // period * period
    if start >= end:
        return []
    points: dict[str, dict[datetime, float]] = {name: {} for name in _METRICS}
    asked = {"StartTime": datetime.fromtimestamp(start, UTC), "EndTime": datetime.fromtimestamp(end, UTC)}
    pages = cloud.client("cloudwatch").get_paginator("get_metric_data")
    for page in pages.paginate(MetricDataQueries=queries, ScanBy="TimestampAscending", **asked):
        for result in page["MetricDataResults"]:
            points[result["Id"]] |= dict(zip(result["Timestamps"], result["Values"], strict=True))
    both = [at for at in sorted(points["cpu"]) if at in points["memory"]]
    return [Used(points["cpu"][at] / 100 * span.size.cpu, points["memory"][at] / 100 * span.size.memory) for at in both]

"""What CloudWatch has counted of a target group's requests, minute by minute of AWS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Counted:
    """Asks by `ask`, which is get_metric_statistics or a wrapper of it.

    since, until   the time that counts, of which the first second begins a minute
    speed          AWS seconds in one of ours: above 1 CloudWatch has a datum for each minute of AWS
    """

    ask: Callable[..., Mapping[str, Any]]
    since: datetime
    until: datetime
    speed: float = 1.0

    def minutes(self, group: Mapping[str, Any]) -> list[tuple[float, float]]:
        """Requests of each minute that had any, and how many of them were answered 5xx. `group`: of
        describe_target_groups, behind a load balancer."""
        failed = self._by_minute(group, "HTTPCode_Target_5XX_Count", "Sum")
        answered = self._by_minute(group, "RequestCount", "Sum")
        return [(count, failed.get(at, 0.0)) for at, count in sorted(answered.items())]

    def seconds(self, group: Mapping[str, Any]) -> float | None:
        """TargetResponseTime on average; None without a request."""
        total, samples = (
            sum(self._by_minute(group, "TargetResponseTime", one).values()) for one in ("Sum", "SampleCount")
        )
        return total / samples if samples else None

    def _by_minute(self, group: Mapping[str, Any], metric: str, statistic: str) -> dict[datetime, float]:
        if self.since >= self.until:
            return {}
        balancer = group["LoadBalancerArns"][0].partition(":loadbalancer/")[2]
        of = {"TargetGroup": group["TargetGroupArn"].rpartition(":")[2], "LoadBalancer": balancer}
        points = self.ask(
            Namespace="AWS/ApplicationELB",
            MetricName=metric,
            Dimensions=[{"Name": name, "Value": value} for name, value in of.items()],
            StartTime=self.since,
            EndTime=self.until,
            Period=1 if self.speed > 1 else 60,
            Statistics=[statistic],
        ).get("Datapoints", ())
        return {point["Timestamp"]: float(point[statistic]) for point in points}

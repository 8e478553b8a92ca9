"""How alarms stand by which somebody is watched: read through CloudWatch's API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host


def described(host: Host, region: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """Those of them that exist, of both kinds, as DescribeAlarms has them. ClientError."""
    answer = host.client("cloudwatch", region, derived=True).describe_alarms(
        AlarmNames=list(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    return [*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())]

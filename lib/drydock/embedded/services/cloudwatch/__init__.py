"""CloudWatch: moto's, but metrics are in the data file, each by its namespace, its name and all its dimensions."""

from __future__ import annotations

from drydock.embedded.core import seams
from drydock.embedded.core.services import Service
from drydock.policy.lifespans import Lifespan, Setting, both, items, whole


class CloudWatch(Service):
    name = "cloudwatch"
    in_data = frozenset({"PutMetricData"})
    lifespan = Lifespan(
        begins="PutMetricAlarm",
        ends="DeleteAlarms",
        within=frozenset({"SetAlarmState", "EnableAlarmActions", "DisableAlarmActions"}),
        named_in=("AlarmName", "AlarmNames"),
        again=True,
        settings={"PutMetricAlarm": Setting(both(whole("alarm"), items("tag", "Tags", "Key")))},
    )

    def install(self) -> None:
        """Put the data file in the place of moto's list of data, and our reading in the place of its own."""
        from moto.cloudwatch.models import CloudWatchBackend
        from moto.cloudwatch.responses import CloudWatchResponse

        from . import operations
        from .store import Store

        CloudWatchBackend.kept = Store(self.host.data, self.host.clock.real(self.host.profile.metrics))  # type: ignore[attr-defined]
        seams.replace(
            CloudWatchBackend, put_metric_data=operations.put_metric_data, get_metric_data=operations.get_metric_data
        )
        seams.replace(
            CloudWatchResponse,
            get_metric_statistics=operations.get_metric_statistics,
            list_metrics=operations.list_metrics,
        )

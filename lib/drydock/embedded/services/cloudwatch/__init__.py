"""CloudWatch: moto's, but metrics are in the data file, each by its namespace, its name and all its dimensions."""

from __future__ import annotations

from drydock.embedded.core.services import Service


class CloudWatch(Service):
    name = "cloudwatch"
    in_data = frozenset({"PutMetricData"})

    def install(self) -> None:
        """Put the data file in the place of moto's list of data, and our reading in the place of its own."""
        from moto.cloudwatch.models import CloudWatchBackend
        from moto.cloudwatch.responses import CloudWatchResponse

        from . import operations
        from .store import Store

        CloudWatchBackend.kept = Store(self.host.data)  # type: ignore[attr-defined]
        for function in (operations.put_metric_data, operations.get_metric_data):
            setattr(CloudWatchBackend, function.__name__, function)
        for function in (operations.get_metric_statistics, operations.list_metrics):
            setattr(CloudWatchResponse, function.__name__, function)

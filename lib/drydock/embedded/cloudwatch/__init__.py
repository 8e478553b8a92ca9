"""CloudWatch: moto's, but a metric is its namespace, its name and all of its dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drydock.embedded.host import Host


@dataclass(frozen=True)
class _Only:
    """Stands for a backend that holds these data and no others: all that moto's arithmetic looks at."""

    data: list[Any]

    def get_all_metrics(self) -> list[Any]:
        return self.data


def install(_host: Host) -> None:
    """Let GetMetricStatistics and GetMetricData find what was published under the very dimensions asked for.

    Each unique combination of dimensions is a metric of its own, and none is one too (CloudWatch API Reference,
    *GetMetricStatistics*, Dimensions). moto takes a subset in the one and forgets the namespace in the other.
    """
    from moto.cloudwatch.models import CloudWatchBackend

    first_statistics = getattr(CloudWatchBackend.get_metric_statistics, "moto", CloudWatchBackend.get_metric_statistics)
    first_data = getattr(CloudWatchBackend.get_metric_data, "moto", CloudWatchBackend.get_metric_data)

    def get_metric_statistics(
        self: Any,
        namespace: str,
        metric_name: str,
        start_time: datetime,
        end_time: datetime,
        period: int,
        stats: list[str],
        dimensions: list[dict[str, str]],
        unit: str | None = None,
    ) -> list[Any]:
        found = _Only(_of(self.get_all_metrics(), namespace, metric_name, dimensions))
        return list(first_statistics(found, namespace, metric_name, start_time, end_time, period, stats, [], unit))

    def get_metric_data(
        self: Any,
        queries: list[dict[str, Any]],
        start_time: datetime,
        end_time: datetime,
        scan_by: str = "TimestampAscending",
    ) -> list[dict[str, Any]]:
        stored = self.get_all_metrics()
        insights = [query for query in queries if query.get("Expression", "").startswith("SELECT")]
        others = [_alone(stored, query) for query in queries if query not in insights]
        found = _Only([datum for data, _ in others for datum in data])
        answers = first_data(found, [query for _, query in others], start_time, end_time, scan_by)
        return [*answers, *first_data(self, insights, start_time, end_time, scan_by)]

    def get_filtered_metrics(self: Any, name: str, namespace: str, dimensions: list[dict[str, str]]) -> list[Any]:
        """Each metric once, however often it was published (ListMetrics)."""
        known: dict[Any, Any] = {}
        for datum in self.get_all_metrics():
            if datum.filter(namespace=namespace, name=name, dimensions=dimensions, already_present_metrics=[]):
                own = frozenset((dimension.name, dimension.value) for dimension in datum.dimensions)
                known.setdefault((datum.namespace, datum.name, own), datum)
        return list(known.values())

    CloudWatchBackend.get_filtered_metrics = get_filtered_metrics
    get_metric_statistics.moto = first_statistics  # type: ignore[attr-defined]
    get_metric_data.moto = first_data  # type: ignore[attr-defined]
    CloudWatchBackend.get_metric_statistics = get_metric_statistics
    CloudWatchBackend.get_metric_data = get_metric_data


def _of(data: Sequence[Any], namespace: str, name: str, dimensions: Sequence[dict[str, str]]) -> list[Any]:
    wanted = {(dimension["Name"], dimension["Value"]) for dimension in dimensions}
    return [
        datum
        for datum in data
        if (datum.namespace, datum.name) == (namespace, name)
        and {(dimension.name, dimension.value) for dimension in datum.dimensions} == wanted
    ]


def _alone(stored: Sequence[Any], query: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """What a query asks for, in a namespace of its own, and the query that asks for all there is in it."""
    if "MetricStat" not in query:
        return [], query
    asked = query["MetricStat"]["Metric"]
    found = _of(stored, asked["Namespace"], asked["MetricName"], asked.get("Dimensions", ()))
    metric = {"Namespace": query["Id"], "MetricName": asked["MetricName"]}
    own = []
    for datum in found:
        own.append(copy(datum))
        own[-1].namespace = query["Id"]
    return own, {**query, "MetricStat": {**query["MetricStat"], "Metric": metric}}

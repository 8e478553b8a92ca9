"""What queries of metrics give in AWS's time, as alarms ask it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from drydock.policy.metric_math import Series, Source, compute
from drydock.policy.metrics import Sample, by_period, statistic
from drydock.policy.requests.alarm import watched

from .store import Key, Store, key_of

Query = Mapping[str, Any]


class Reading:
    """Reads the metrics of a region by AWS seconds."""

    def __init__(self, store: Store, region: str) -> None:
        self._store, self._region = store, region

    def keys(self, queries: Iterable[Query]) -> Iterator[Key]:
        """The metrics that queries are on."""
        for query in queries:
            if "MetricStat" in query:
                yield self._key(query["MetricStat"]["Metric"])

    def points(
        self, queries: Sequence[Query], start: float, end: float, period: int
    ) -> dict[float, tuple[float, float]]:
        """The result that is watched: by the beginning of each period that has one, its value and its samples."""
        counts: dict[float, float] = {}
        asked = watched(queries)

        def metric(stat: Query) -> Series:
            found = by_period(self._samples(stat, start, end), start, period)
            if stat is asked.get("MetricStat"):
                counts.update((at, sum(sample.count for sample in run)) for at, run in found)
            values = ((at, statistic(stat["Stat"], run)) for at, run in found)
            return Series({at: value for at, value in values if value is not None}, period)

        (watching,) = compute(queries, Source(metric, lambda _: (start, end)))[asked["Id"]]
        return {at: (value, counts.get(at, 1.0)) for at, value in watching.points.items()}

    def _samples(self, stat: Query, start: float, end: float) -> list[Sample]:
        units = self._store.seconds(self._key(stat["Metric"]), start, end)
        return [sample for unit, run in units.items() if stat.get("Unit") in (None, unit) for sample in run]

    def _key(self, metric: Query) -> Key:
        return key_of(self._region, metric["Namespace"], metric["MetricName"], metric.get("Dimensions") or ())

"""Metrics and their data, as rows of the data file.

Values that are equal, and sets of statistics between the same bounds, share a row for each step of time: no statistic
can tell them apart. What is older than its step is kept for becomes a part of a longer step.

Each datum is kept twice: at its time of the wall clock, as it is read, and at its AWS second, for who counts in AWS's
time: an alarm's period of 60 is a minute of AWS, which is two seconds of ours where the clock runs 30 times as fast.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from moto.core.utils import unix_time

from drydock.embedded.core import seams
from drydock.embedded.core.clock import Clock
from drydock.embedded.core.data import Data, text, whole
from drydock.policy.metrics import DAY, HOUR, KEPT, Sample

TABLES = """
CREATE TABLE IF NOT EXISTS metrics (
    id INTEGER PRIMARY KEY AUTOINCREMENT, region TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    dimensions TEXT NOT NULL, last INTEGER NOT NULL, UNIQUE (region, namespace, name, dimensions));
CREATE TABLE IF NOT EXISTS metric_data (
    metric INTEGER NOT NULL, step INTEGER NOT NULL, at INTEGER NOT NULL, unit TEXT NOT NULL,
    low REAL NOT NULL, high REAL NOT NULL, sum REAL NOT NULL, count REAL NOT NULL,
    PRIMARY KEY (metric, step, at, unit, low, high)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS metrics_on_their_way (
    id INTEGER PRIMARY KEY AUTOINCREMENT, arrives REAL NOT NULL, region TEXT NOT NULL, namespace TEXT NOT NULL,
    datum TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS metric_seconds (
    metric INTEGER NOT NULL, at INTEGER NOT NULL, unit TEXT NOT NULL,
    low REAL NOT NULL, high REAL NOT NULL, sum REAL NOT NULL, count REAL NOT NULL,
    PRIMARY KEY (metric, at, unit, low, high)) WITHOUT ROWID
"""
_ADD = "ON CONFLICT DO UPDATE SET sum = sum + excluded.sum, count = count + excluded.count"
_LOOK_EVERY = 600.0
FINE, COARSE = DAY + HOUR, 8 * DAY
"""For how many AWS seconds data are kept as they came, and by the hour: as far back as an alarm looks."""

Dimensions = Sequence[dict[str, str]]
Key = tuple[str, str, str, str]
"""A metric: its region, namespace, name and all its dimensions."""


@dataclass(frozen=True)
class Datum:
    """One of PutMetricData, `high_resolution` or by the minute. `second`: of AWS, where it is not that of its time."""

    name: str
    dimensions: Dimensions
    unit: str
    sample: Sample
    high_resolution: bool
    second: float | None = None


@dataclass(frozen=True)
class Metric:
    """A row of `metrics`."""

    id: int
    namespace: str
    name: str
    dimensions: Dimensions
    last: int


class Store:
    """The metrics of all regions. `lag`: our seconds until what was put can be read."""

    def __init__(self, data: Data, clock: Clock, lag: float = 0.0) -> None:
        self._data = data
        self.clock = clock
        self._lag = lag
        self.news: dict[Key, float] = {}
        """Metrics that had data put, and the earliest AWS second of those; whoever has read it clears it."""
        data.define(TABLES)
        self._ageing: deque[int] = deque()
        self._look_at = 0.0
        data.clean_with(self._clean)

    def put(self, region: str, namespace: str, data: Iterable[Datum]) -> None:
        if seams.replaying():
            return
        if self._lag:
            arrives = unix_time() + self._lag
            rows = [(arrives, region, text(namespace), json.dumps(asdict(datum))) for datum in data]
            self._data.write_many(
                "INSERT INTO metrics_on_their_way (arrives, region, namespace, datum) VALUES (?, ?, ?, ?)", rows
            )
        else:
            self._enter(region, namespace, data)

    def arrive(self) -> None:
        """Enter what has arrived."""
        if not self._lag:
            return
        due = self._data.read(
            "SELECT id, region, namespace, datum FROM metrics_on_their_way WHERE arrives <= ?", unix_time()
        )
        for _, region, namespace, written in due:
            datum = json.loads(written)
            self._enter(region, namespace, [Datum(**{**datum, "sample": Sample(**datum["sample"])})])
        self._data.write_many("DELETE FROM metrics_on_their_way WHERE id = ?", [row[:1] for row in due])

    def _enter(self, region: str, namespace: str, data: Iterable[Datum]) -> None:
        data = list(data)
        keys = [key_of(region, namespace, datum.name, datum.dimensions) for datum in data]
        last: dict[Key, float] = {}
        for key, datum in zip(keys, data, strict=True):
            last[key] = max(datum.sample.at, last.get(key, datum.sample.at))
        numbers = {key: self._metric(key, whole(at)) for key, at in last.items()}
        at_stamps, at_seconds = [], []
        for key, datum in zip(keys, data, strict=True):
            sample, step = datum.sample, 1 if datum.high_resolution else 60
            second = self.clock.aws(sample.at) if datum.second is None else datum.second
            values = datum.unit, sample.low, sample.high, sample.sum, sample.count
            at_stamps.append((numbers[key], step, whole(sample.at) // step * step, *values))
            at_seconds.append((numbers[key], whole(second) // step * step, *values))
            self.news[key] = min(second, self.news.get(key, second))
        self._data.write_many(f"INSERT INTO metric_data VALUES (?, ?, ?, ?, ?, ?, ?, ?) {_ADD}", at_stamps)
        self._data.write_many(f"INSERT INTO metric_seconds VALUES (?, ?, ?, ?, ?, ?, ?) {_ADD}", at_seconds)

    def _metric(self, key: Key, at: int) -> int:
        self._data.write(
            "INSERT INTO metrics (region, namespace, name, dimensions, last) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET last = max(last, excluded.last)",
            *(*key, at),
        )
        return int(self._data.read("SELECT id FROM metrics WHERE (region, namespace, name, dimensions) = (?, ?, ?, ?)", *key)[0][0])  # fmt: skip  # noqa: E501

    def read(
        self, region: str, namespace: str, name: str, dimensions: Dimensions, start: float, end: float, period: int
    ) -> dict[str, list[Sample]]:
        """By unit, what was put for the metric with these very dimensions and is kept finely enough for the period."""
        self.arrive()
        found: dict[str, list[Sample]] = {}
        for unit, *sample in self._data.scan(
            "SELECT unit, at, low, high, sum, count FROM metric_data WHERE metric = (SELECT id FROM metrics "
            "WHERE (region, namespace, name, dimensions) = (?, ?, ?, ?)) AND step IN (SELECT value FROM json_each(?)) "
            "AND at >= ? AND at < ?",
            *(region, text(namespace), text(name), _canonical(dimensions)),
            *(json.dumps([step for step in KEPT if step <= max(period, 60)]), whole(start), whole(end)),
        ):
            found.setdefault(unit, []).append(Sample(*sample))
        return found

    def seconds(self, key: Key, start: float, end: float) -> dict[str, list[Sample]]:
        """By unit, what was put for a metric between two AWS seconds, each sample at its own."""
        found: dict[str, list[Sample]] = {}
        for unit, *sample in self._data.scan(
            "SELECT unit, at, low, high, sum, count FROM metric_seconds WHERE metric = (SELECT id FROM metrics "
            "WHERE (region, namespace, name, dimensions) = (?, ?, ?, ?)) AND at >= ? AND at < ?",
            *(*key, whole(start), whole(end)),
        ):
            found.setdefault(unit, []).append(Sample(*sample))
        return found

    def metrics(self, region: str, after: int, since: float, limit: int, **wanted: str | None) -> list[Metric]:
        """Metrics of a region with a number above `after` and data since then; `wanted`: columns that must be so."""
        self.arrive()
        columns = [column for column, value in wanted.items() if value]
        rows = self._data.scan(
            "SELECT id, namespace, name, dimensions, last FROM metrics WHERE region = ? AND id > ? AND last >= ?"
            + "".join(f" AND {column} = ?" for column in columns)
            + " ORDER BY id LIMIT ?",
            *(region, after, whole(since), *(text(str(wanted[column])) for column in columns), limit),
        )
        return [Metric(number, space, name, _dimensions(written), last) for number, space, name, written, last in rows]

    # -- growing old ----------------------------------------------------------------------------

    def _clean(self) -> None:
        if self._ageing:
            self.age(self._ageing.popleft(), unix_time())
        elif time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _LOOK_EVERY
            self.arrive()
            self._ageing.extend(row[0] for row in self._data.scan("SELECT id FROM metrics"))

    def age(self, metric: int, now: float) -> None:
        """Gather what is old into longer steps, and forget what is too old for those, and the metric with the last."""
        steps = [*KEPT]
        for step, longer in pairwise(steps):
            oldest = whole(now - KEPT[step]) // longer * longer
            old = "FROM metric_data WHERE metric = ? AND step = ? AND at < ?"
            self._data.write(
                f"INSERT INTO metric_data SELECT metric, ?, at / ? * ?, unit, low, high, sum(sum), sum(count) {old} "
                f"GROUP BY 3, unit, low, high {_ADD}",
                *(longer, longer, longer, metric, step, oldest),
            )
            self._data.write(f"DELETE {old}", metric, step, oldest)
        self._data.write(
            "DELETE FROM metric_data WHERE metric = ? AND step = ? AND at < ?",
            *(metric, steps[-1], whole(now - KEPT[steps[-1]])),
        )
        second = self.clock.aws(now)
        old = "FROM metric_seconds WHERE metric = ? AND at < ?"
        self._data.write(
            f"INSERT INTO metric_seconds SELECT metric, at - (at % {HOUR} + {HOUR}) % {HOUR}, unit, low, high, "
            f"sum(sum), sum(count) {old} AND at % {HOUR} GROUP BY 2, unit, low, high {_ADD}",
            *(metric, whole(second - FINE)),
        )
        self._data.write(f"DELETE {old} AND at % {HOUR}", metric, whole(second - FINE))
        self._data.write(f"DELETE {old}", metric, whole(second - COARSE))
        self._data.write(
            "DELETE FROM metrics WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM metric_data WHERE metric = ?1)", metric
        )


def key_of(region: str, namespace: str, name: str, dimensions: Dimensions) -> Key:
    return region, text(namespace), text(name), _canonical(dimensions)


def _canonical(dimensions: Dimensions) -> str:
    pairs = {(text(each["Name"]), text(each["Value"])) for each in dimensions}
    return json.dumps(sorted(pairs), ensure_ascii=False, separators=(",", ":"))


def _dimensions(written: str) -> list[dict[str, Any]]:
    return [{"Name": name, "Value": value} for name, value in json.loads(written)]

"""The operations of CloudWatch that put and read metric data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.exceptions import InvalidParameterCombination, InvalidParameterValue, ValidationError
from moto.cloudwatch.metric_data_expression_parser import parse_expression
from moto.cloudwatch.models import MetricDatumBase
from moto.core.responses import ActionResult
from moto.core.utils import unix_time, utcnow

from drydock.policy.metrics import (
    LARGEST,
    LISTED,
    MOST_POINTS,
    STATISTICS,
    Sample,
    beginning,
    by_period,
    is_percentile,
    statistic,
)

from .store import Datum, Dimensions

PAGE = 500
ACTIVE = 3 * 3600

# -- putting ------------------------------------------------------------------------------------


def put_metric_data(self: Any, namespace: str, metric_data: list[dict[str, Any]]) -> None:
    """Of the backend, so for what other services tell CloudWatch as well."""
    for number, given in enumerate(metric_data, 1):
        self._validate_parameters_put_metric_data(given, number)
        _check_range(given, number)
    self.kept.put(self.region_name, namespace, [datum for given in metric_data for datum in _data(given)])


def _check_range(given: dict[str, Any], number: int) -> None:
    values = {"Value": [given.get("Value", 0.0)], "Values": given.get("Values") or []}
    for name, each in values.items():
        if wrong := [value for value in each if not abs(value) <= LARGEST]:
            raise InvalidParameterValue(
                f"The value {wrong[0]} for parameter MetricData.member.{number}.{name} is invalid."
            )


def _data(given: dict[str, Any]) -> Iterator[Datum]:
    at = _seconds(given.get("Timestamp") or utcnow())
    for sample in _samples(given, at):
        yield Datum(
            given["MetricName"],
            given.get("Dimensions") or (),
            given.get("Unit") or "None",
            sample,
            given.get("StorageResolution") == 1,
        )


def _samples(given: dict[str, Any], at: float) -> Iterator[Sample]:
    if given.get("Values"):
        counts = given.get("Counts") or [1.0] * len(given["Values"])
        for value, count in zip(map(float, given["Values"]), map(float, counts), strict=True):
            yield Sample(at, value, value, value * count, count)
    elif given.get("StatisticValues"):
        told = {name: float(value) for name, value in given["StatisticValues"].items()}
        yield Sample(at, told["Minimum"], told["Maximum"], told["Sum"], told["SampleCount"])
    else:
        value = float(given.get("Value", 0))
        yield Sample(at, value, value, value, 1.0)


# -- reading ------------------------------------------------------------------------------------


def get_metric_statistics(self: Any) -> ActionResult:
    """Points of each unit; a period without data has none."""
    statistics = self._get_param("Statistics") or []
    percentiles = self._get_param("ExtendedStatistics") or []
    if not statistics and not percentiles:
        raise InvalidParameterCombination("Must specify either Statistics or ExtendedStatistics")
    if unknown := [each for each in percentiles if not is_percentile(each)]:
        raise InvalidParameterValue(f"The value {unknown[0]} for parameter ExtendedStatistics is not supported.")
    period = int(self._get_param("Period"))
    start, end = _seconds(self._get_param("StartTime")) // 1, _seconds(self._get_param("EndTime")) // 1
    if start >= end:
        raise InvalidParameterValue("The parameter StartTime must be less than the parameter EndTime.")
    if (points := int((end - start) / period)) > MOST_POINTS:
        raise InvalidParameterCombination(
            f"You have requested up to {points:,} datapoints, which exceeds the limit of {MOST_POINTS:,}. You may "
            "reduce the datapoints requested by increasing Period, or decreasing the time range."
        )
    start = beginning(start, period, unix_time())
    name = self._get_param("MetricName")
    dimensions = self._get_param("Dimensions") or []
    units = _read(self.cloudwatch_backend, self._get_param("Namespace"), name, dimensions, start, end, period)
    wanted = self._get_param("Unit")
    return ActionResult(
        {
            "Label": name,
            "Datapoints": [
                {
                    "Timestamp": _moment(at),
                    "Unit": unit,
                    **{each: statistic(each, samples) for each in statistics},
                    **({"ExtendedStatistics": told} if (told := _told(percentiles, samples)) else {}),
                }
                for unit, found in units.items()
                if wanted in (None, unit)
                for at, samples in by_period(found, start, period)
            ],
        }
    )


def _told(statistics: Iterable[str], samples: list[Sample]) -> dict[str, float]:
    told = {each: statistic(each, samples) for each in statistics}
    return {each: value for each, value in told.items() if value is not None}


def get_metric_data(
    self: Any,
    queries: list[dict[str, Any]],
    start_time: datetime,
    end_time: datetime,
    scan_by: str = "TimestampAscending",
) -> list[dict[str, Any]]:
    """Metrics first, then expressions over them, each answer with the id of its query."""
    start, end = _seconds(start_time) // 1, _seconds(end_time) // 1
    if start > end:
        raise ValidationError("The parameter EndTime must be greater than StartTime.")
    if start == end:
        raise ValidationError("The parameter StartTime must not equal parameter EndTime.")
    found = []
    for number, query in enumerate(queries, 1):
        if "MetricStat" in query:
            label, run = _series(self, query["MetricStat"], number, start, end)
        elif query["Expression"].startswith("SELECT"):
            label, run = query["Id"], _sum_of_all(self, int(query["Period"]), start, end)
        else:
            continue
        if scan_by == "TimestampDescending":
            run.reverse()
        found.append(_result(query, label, [value for _, value in run], [_moment(at) for at, _ in run]))
    math = [
        _result(query, query["Id"], *parse_expression(query["Expression"], found))
        for query in queries
        if "MetricStat" not in query and not query["Expression"].startswith("SELECT")
    ]
    hidden = {query["Id"] for query in queries if "MetricStat" in query and query.get("ReturnData") is False}
    return [result for result in [*found, *math] if result["id"] not in hidden]


def _series(backend: Any, asked: dict[str, Any], number: int, start: float, end: float) -> tuple[str, list[Any]]:
    metric, name, period = asked["Metric"], asked["Stat"], int(asked["Period"])
    if name not in STATISTICS and not is_percentile(name):
        where = f"MetricDataQueries.member.{number}.MetricStat.Stat"
        raise ValidationError(f"The value {name} for parameter {where} is not supported.")
    start = beginning(start, period, unix_time())
    dimensions = metric.get("Dimensions") or []
    units = _read(backend, metric["Namespace"], metric["MetricName"], dimensions, start, end, period)
    samples = [each for unit, run in units.items() if asked.get("Unit") in (None, unit) for each in run]
    told = ((at, statistic(name, run)) for at, run in by_period(samples, start, period))
    return f"{metric['MetricName']} {name}", [(at, value) for at, value in told if value is not None]


def _sum_of_all(backend: Any, period: int, start: float, end: float) -> list[Any]:
    """For a query of Metrics Insights, whose conditions are not looked at: the sum of all that there is."""
    start = beginning(start, period, unix_time())
    run = [*backend.kept.read_all(backend.region_name, start, end), *map(_of_moto, backend.aws_metric_data)]
    within = (sample for sample in run if start <= sample.at < end)
    return [(at, statistic("Sum", samples)) for at, samples in by_period(within, start, period)]


def _result(query: dict[str, Any], label: str, values: list[Any], timestamps: list[Any]) -> dict[str, Any]:
    return {
        "id": query["Id"],
        "label": query.get("Label") or label,
        "values": values,
        "timestamps": timestamps,
        "status_code": "Complete",
    }


def _read(
    backend: Any, namespace: str, name: str, dimensions: Dimensions, start: float, end: float, period: int
) -> dict[str, list[Sample]]:
    """By unit, what was put for a metric, and what moto computes when it is asked."""
    found: dict[str, list[Sample]] = backend.kept.read(
        backend.region_name, namespace, name, dimensions, start, end, period
    )
    wanted = {(each["Name"], each["Value"]) for each in dimensions}
    for datum in backend.aws_metric_data:
        sample = _of_moto(datum)
        own = {(dimension.name, dimension.value) for dimension in datum.dimensions}
        if (datum.namespace, datum.name, own) == (namespace, name, wanted) and start <= sample.at < end:
            found.setdefault(datum.unit or "None", []).append(sample)
    return found


def _of_moto(datum: MetricDatumBase) -> Sample:
    value = float(datum.value)  # type: ignore[attr-defined]
    return Sample(_seconds(datum.timestamp), value, value, value, 1.0)


def list_metrics(self: Any) -> ActionResult:
    """Each metric once that had data in the last two weeks, or three hours if only what is active is asked for."""
    backend = self.cloudwatch_backend
    token = self._get_param("NextToken") or "0"
    if not (token.isascii() and token.isdigit()):
        raise InvalidParameterValue("Request parameter NextToken is invalid")
    namespace, name = self._get_param("Namespace"), self._get_param("MetricName")
    dimensions = self._get_param("Dimensions") or []
    since = unix_time() - (ACTIVE if self._get_param("RecentlyActive") else LISTED)
    after, more = int(token), True
    found: list[dict[str, Any]] = []
    while more and len(found) < PAGE:
        page = backend.kept.metrics(backend.region_name, after, since, PAGE, namespace=namespace, name=name)
        more = len(page) == PAGE
        for metric in page:
            if len(found) == PAGE:
                more = True
                break
            after = metric.id
            if _has(metric.dimensions, dimensions):
                found.append(
                    {"Namespace": metric.namespace, "MetricName": metric.name, "Dimensions": metric.dimensions}
                )
    if not more:
        found += [
            {
                "Namespace": datum.namespace,
                "MetricName": datum.name,
                "Dimensions": [{"Name": each.name, "Value": each.value} for each in datum.dimensions],
            }
            for datum in backend.get_filtered_metrics(name, namespace, dimensions)
        ]
    return ActionResult({"Metrics": found, **({"NextToken": str(after)} if more else {})})


def _has(dimensions: Dimensions, wanted: Dimensions) -> bool:
    own = [(each["Name"], each["Value"]) for each in dimensions]
    return all(
        any(name == each["Name"] and each.get("Value") in (None, value) for name, value in own) for each in wanted
    )


def _seconds(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)

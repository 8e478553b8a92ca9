"""The operations of CloudWatch that put and read metric data."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.exceptions import (
    DashboardInvalidInputError,
    InvalidParameterCombination,
    InvalidParameterValue,
    ValidationError,
)
from moto.cloudwatch.models import MetricDatumBase
from moto.core.responses import ActionResult
from moto.core.utils import unix_time

from drydock.embedded.core import seams
from drydock.policy import metric_search
from drydock.policy.infix import Malformed
from drydock.policy.metric_math import ID, MathError, Series, Source, compute
from drydock.policy.metric_search import Metric
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

from .errors import InvalidNextToken
from .store import Datum, Dimensions

PAGE = 500
MOST_DATA = 100_800
MOST_FOUND = 500
_DASHBOARD = re.compile(r"[\w-]{1,255}", re.ASCII)
ACTIVE = 3 * 3600

# -- putting ------------------------------------------------------------------------------------


def put_metric_data(self: Any, namespace: str, metric_data: list[dict[str, Any]]) -> None:
    """Of the backend, so for what other services tell CloudWatch as well."""
    for number, given in enumerate(metric_data, 1):
        self._validate_parameters_put_metric_data(given, number)
        _check_range(given, number)
    self.kept.put(self.region_name, namespace, [datum for given in metric_data for datum in _data(given)])


def vend(self: Any, namespace: str, metric_data: list[dict[str, Any]], began: float) -> None:
    """What a service of AWS tells of the minute that began at an AWS second, and has just ended.

    Where a minute of AWS is shorter than ours, the data are kept by our second: each is one to be seen. One that began
    in the last minute of the wall clock is stamped with this one, so that who asks from a time on, which CloudWatch
    takes to be from its minute on, gets all that happened after it.
    """
    clock = self.kept.clock
    stamp = max(clock.moment(began), clock.utcnow().replace(second=0, microsecond=0))
    stamped = {"Timestamp": stamp, **({"StorageResolution": 1} if clock.speed > 1 else {})}
    found = (replace(datum, second=began) for given in metric_data for datum in _data({**given, **stamped}))
    self.kept.put(self.region_name, namespace, list(found))


def _check_range(given: dict[str, Any], number: int) -> None:
    values = {"Value": [given.get("Value", 0.0)], "Values": given.get("Values") or []}
    for name, each in values.items():
        if wrong := [value for value in each if not abs(value) <= LARGEST]:
            raise InvalidParameterValue(
                f"The value {wrong[0]} for parameter MetricData.member.{number}.{name} is invalid."
            )


def _data(given: dict[str, Any]) -> Iterator[Datum]:
    at = _seconds(given.get("Timestamp") or seams.utcnow())
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


def get_metric_data(self: Any) -> ActionResult:
    """What metrics and expressions give, each answer with the id of its query; as many data points as are asked for."""
    start, end = _seconds(self._get_param("StartTime")) // 1, _seconds(self._get_param("EndTime")) // 1
    if start > end:
        raise ValidationError("The parameter EndTime must be greater than StartTime.")
    if start == end:
        raise ValidationError("The parameter StartTime must not equal parameter EndTime.")
    queries = self._get_param("MetricDataQueries") or []
    _check_queries(queries)
    try:
        found = compute(queries, _source(self.cloudwatch_backend, start, end))
    except MathError as error:
        raise ValidationError(str(error)) from None
    results = [
        _result(query, series, several=len(found[query["Id"]]) > 1)
        for query in queries
        if query.get("ReturnData", True)
        for series in found[query["Id"]]
    ]
    if self._get_param("ScanBy") != "TimestampAscending":
        for result in results:
            result["Timestamps"].reverse()
            result["Values"].reverse()
    page, token = _page(results, self._get_param("MaxDatapoints") or MOST_DATA, self._get_param("NextToken"))
    return ActionResult({"MetricDataResults": page, "Messages": [], **token})


def _check_queries(queries: list[dict[str, Any]]) -> None:
    ids = [query["Id"] for query in queries]
    for number, query in enumerate(queries, 1):
        where = f"MetricDataQueries.member.{number}"
        if not ID.fullmatch(query["Id"]):
            raise ValidationError(f'The value {query["Id"]} for parameter {where}.Id is not matching the expected pattern ^[a-z][a-zA-Z0-9_]*$.')  # fmt: skip  # noqa: E501
        if ids.count(query["Id"]) > 1:
            raise ValidationError(f"The values for parameter Id in {where} are not unique.")
        if "AccountId" in query:
            raise ValidationError("The embedded AWS does not have metrics of other accounts.")
        if ("MetricStat" in query) == ("Expression" in query):  # the line that is empty is AWS's
            raise ValidationError(
                f"The parameter {where}.MetricStat is required.\n"
                if "MetricStat" not in query
                else f"The parameters {where}.Expression and {where}.MetricStat are mutually exclusive and you have "
                "specified both."
            )
        if "MetricStat" in query:
            name = query["MetricStat"]["Stat"]
            if name not in STATISTICS and not is_percentile(name):
                raise ValidationError(f"The value {name} for parameter {where}.MetricStat.Stat is not supported.")


def _source(backend: Any, start: float, end: float) -> Source:
    """Series by the time of the wall clock."""
    now = unix_time()

    def window(period: int) -> tuple[float, float]:
        return beginning(start, period, now), end

    def series(namespace: str, name: str, dimensions: Dimensions, stat: str, period: int, unit: str | None) -> Series:
        first, last = window(period)
        units = _read(backend, namespace, name, dimensions, first, last, period)
        samples = [each for own, run in units.items() if unit in (None, own) for each in run]
        told = ((at, statistic(stat, run)) for at, run in by_period(samples, first, period))
        return Series({at: value for at, value in told if value is not None}, period, f"{name} {stat}")

    def metric(asked: Mapping[str, Any]) -> Series:
        of = asked["Metric"]
        unit, period = asked.get("Unit"), int(asked["Period"])
        return series(of["Namespace"], of["MetricName"], of.get("Dimensions") or [], asked["Stat"], period, unit)

    def known() -> list[Metric]:
        found, after = [], 0
        while page := backend.kept.metrics(backend.region_name, after, now - LISTED, PAGE):
            after = page[-1].id
            found += [Metric(each.namespace, each.name, _by_name(each.dimensions)) for each in page]
        return found

    def search(text: str, stat: str, period: int) -> list[Series]:
        if stat not in STATISTICS and not is_percentile(stat):
            raise MathError(f"the statistic {stat} of SEARCH is not supported")
        wanted = _understood(metric_search.search, text)
        found = [each for each in known() if wanted.finds(each)]
        if len(found) > MOST_FOUND:
            raise MathError(f"SEARCH finds {len(found)} metrics, which exceeds the limit of {MOST_FOUND}")
        return [
            replace(
                series(each.namespace, each.name, _pairs(each.dimensions), stat, period, None),
                label=" ".join([each.name, *each.dimensions.values()]),
            )
            for each in found
        ]

    def select(text: str, period: int) -> list[Series]:
        wanted = _understood(metric_search.select, text)
        first, last = window(period)
        samples = [
            sample
            for each in known()
            if wanted.finds(each)
            for run in _read(backend, each.namespace, each.name, _pairs(each.dimensions), first, last, period).values()
            for sample in run
        ]
        told = ((at, statistic(wanted.statistic, run)) for at, run in by_period(samples, first, period))
        return [Series({at: value for at, value in told if value is not None}, period)]

    return Source(metric, window, search, select)


def _understood(read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text)
    except Malformed as error:
        raise MathError(f"{error} at position {error.at}") from None


def _by_name(dimensions: Dimensions) -> dict[str, str]:
    return {each["Name"]: each["Value"] for each in dimensions}


def _pairs(dimensions: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in dimensions.items()]


def _result(query: dict[str, Any], series: Series, *, several: bool) -> dict[str, Any]:
    own = query.get("Label") or (series.label if "MetricStat" in query else query["Id"])
    return {
        "Id": query["Id"],
        "Label": f"{query.get('Label') or ''} {series.label}".strip() if several else own,
        "Values": list(series.points.values()),
        "Timestamps": [_moment(at) for at in series.points],
        "StatusCode": "Complete",
    }


def _page(results: list[dict[str, Any]], most: int, token: str | None) -> tuple[list[Any], dict[str, str]]:
    """At most so many data points, from the one that a token names."""
    if token is not None and not (token.isascii() and token.isdigit()):
        raise InvalidNextToken("The next token is not valid.")
    first = int(token or 0)
    place, page = 0, []
    for result in results:
        count = len(result["Values"])
        low, high = max(first - place, 0), min(first + most - place, count)
        place += count
        if (count == 0 and not token) or low < high:
            status = "Complete" if high >= count else "PartialData"
            cut = {name: result[name][low:high] for name in ("Values", "Timestamps")}
            page.append({**result, **cut, "StatusCode": status})
    return page, {"NextToken": str(first + most)} if place > first + most else {}


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


# -- dashboards ---------------------------------------------------------------------------------


def put_dashboard(self: Any) -> ActionResult:
    """Keep the body of a dashboard, which is a JSON object; nothing draws it."""
    name, body = self._get_param("DashboardName"), self._get_param("DashboardBody")
    if not _DASHBOARD.fullmatch(name):
        raise InvalidParameterValue(
            f"The value {name} for parameter DashboardName is invalid: letters, digits, - and _."
        )
    try:
        is_object = isinstance(json.loads(body), dict)
    except ValueError:
        is_object = False
    if not is_object:
        raise DashboardInvalidInputError("The field DashboardBody must be a valid JSON object")
    self.cloudwatch_backend.put_dashboard(name, body)
    return ActionResult({"DashboardValidationMessages": []})

"""A deployment while it goes on: who has the traffic, whose tasks run, at which stage it is, what its alarms see."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from IPython.display import clear_output, display

from drydock.attended import attended
from drydock.cloud import Cloud
from drydock.figures.figure import COLOURS, MIME, Figure
from drydock.load import Load

Span = tuple[str, float, float]
"""What was so, from which second on, to which."""
Counts = tuple[float, Mapping[str, int]]
"""At which second, and how many of each."""

_STATES = {"OK": "#009e73", "ALARM": "#d55e00", "INSUFFICIENT_DATA": "#999999"}
_SECONDS: dict[str, Any] = {"title": {"text": "seconds"}, "zeroline": False}


def traffic_over_time(
    counts: Iterable[Counts], *, spans: Sequence[Span] = (), title: str = "Who answers: share of the requests"
) -> Figure:
    """Of the requests of each slice of time, the part that each who answered had; `spans` are named above."""
    seen = [(second, counted) for second, counted in counts if sum(counted.values())]
    who = sorted({name for _, counted in seen for name in counted})
    rows = [(second, *(counted.get(name, 0) for name in who)) for second, counted in seen]
    data = [
        {
            "type": "scatter",
            "mode": "lines",
            "stackgroup": "all",
            "line": {"shape": "hv", "width": 1},
            "name": name,
            "x": [second for second, _ in seen],
            "y": [round(100 * counted.get(name, 0) / sum(counted.values()), 1) for _, counted in seen],
            "marker": {"color": COLOURS[index % len(COLOURS)]},
            "hovertemplate": "%{x} s: %{y} %<extra>" + name + "</extra>",
        }
        for index, name in enumerate(who)
    ]
    layout = {"xaxis": _SECONDS, "yaxis": {"title": {"text": "% of the requests"}, "range": [0, 100]}, **_named(spans)}
    return Figure(title, ("From s", *who), rows, data, layout if data else {})


def tasks_over_time(
    counts: Iterable[Counts], *, spans: Sequence[Span] = (), title: str = "Tasks that run, by revision"
) -> Figure:
    """How many tasks each revision had RUNNING; a row wherever that changed."""
    return _in_steps(counts, spans, title, {"title": {"text": "tasks"}, "rangemode": "tozero", "dtick": 1})


def weights_over_time(
    percents: Iterable[tuple[float, Mapping[str, float]]],
    *,
    spans: Sequence[Span] = (),
    title: str = "The new revision's weights",
) -> Figure:
    """Which percentage each listener was to give to the new revision; a row wherever that changed."""
    return _in_steps(percents, spans, title, {"title": {"text": "% of the requests"}, "range": [-3, 103]})


def _in_steps(
    counts: Iterable[tuple[float, Mapping[str, float]]], spans: Sequence[Span], title: str, axis: dict[str, Any]
) -> Figure:
    """A line for each of what is counted, which holds its value until the next."""
    seen = list(counts)
    who = sorted({name for _, counted in seen for name in counted})
    changed = [now for before, now in zip([(0.0, {}), *seen], seen, strict=False) if before[1] != now[1]]
    rows = [(second, *(counted.get(name, 0) for name in who)) for second, counted in changed]
    data = [
        {
            "type": "scatter",
            "mode": "lines",
            "line": {"shape": "hv", "width": 3},
            "name": name,
            "x": [second for second, _ in seen],
            "y": [counted.get(name, 0) for _, counted in seen],
            "marker": {"color": COLOURS[index % len(COLOURS)]},
        }
        for index, name in enumerate(who)
    ]
    return Figure(
        title, ("From s", *who), rows, data, {"xaxis": _SECONDS, "yaxis": axis, **_named(spans)} if data else {}
    )


def stages(spans: Sequence[Span], *, title: str = "The stages of the deployment") -> Figure:
    """A bar for each stage, one below the other."""
    rows = [(name, begun, ended, round(ended - begun, 1)) for name, begun, ended in spans]
    bar = {
        "type": "bar",
        "orientation": "h",
        "y": [name for name, _, _ in spans],
        "base": [begun for _, begun, _ in spans],
        "x": [round(ended - begun, 2) for _, begun, ended in spans],
        "marker": {"color": COLOURS[0]},
        "hovertemplate": "%{y}: %{x} s<extra></extra>",
    }
    layout: dict[str, Any] = {
        "xaxis": _SECONDS,
        "yaxis": {"autorange": "reversed", "automargin": True},
        "height": 150 + 28 * len({name for name, _, _ in spans}),
    }
    return Figure(title, ("Stage", "From s", "To s", "Seconds"), rows, [bar] if spans else [], layout if spans else {})


def alarms_over_time(
    points: Mapping[str, Sequence[tuple[float, float]]],
    *,
    states: Mapping[str, Sequence[Span]],
    thresholds: Mapping[str, float],
    title: str = "What the alarms see",
) -> Figure:
    """The data points of each alarm's metric and its threshold, and below in which state the alarm was."""
    names = list(states)
    data: list[dict[str, Any]] = []
    for index, name in enumerate(names):
        colour = {"color": COLOURS[index % len(COLOURS)]}
        given = points.get(name, ())
        data.append(
            {"type": "scatter", "mode": "lines+markers", "name": name, "marker": colour,
             "x": [second for second, _ in given], "y": [value for _, value in given]}
        )  # fmt: skip
        data += [
            {"type": "bar", "orientation": "h", "y": [name], "base": [begun], "x": [round(ended - begun, 2)],
             "xaxis": "x", "yaxis": "y2", "showlegend": False, "marker": {"color": _STATES[state]},
             "hovertemplate": f"{state}<extra>{name}</extra>"}
            for state, begun, ended in states[name]
        ]  # fmt: skip
    rows = [
        (name, thresholds.get(name, ""), state, begun, ended, sum(value for at, value in points.get(name, ())
         if begun <= at < ended))
        for name in names for state, begun, ended in states[name]
    ]  # fmt: skip
    limits = sorted(set(thresholds.values()))
    layout: dict[str, Any] = {
        "barmode": "overlay",
        "xaxis": {**_SECONDS, "anchor": "y2"},
        "yaxis": {"domain": [0.4, 1], "rangemode": "tozero", "title": {"text": "errors a minute"}},
        "yaxis2": {"domain": [0, 0.25], "automargin": True},
        "shapes": [
            {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": limit, "y1": limit, "line": {"dash": "dash"}}
            for limit in limits
        ],
        "height": 420,
    }
    columns = ("Alarm", "Threshold", "State", "From s", "To s", "Sum of the data points")
    return Figure(title, columns, rows, data, layout if data else {})


def _named(spans: Sequence[Span]) -> dict[str, Any]:
    """Upright lines where each of these begins, with its name where there is room for it before the next."""
    room = 0.03 * (spans[-1][2] - spans[0][1]) if spans else 0.0
    lines = [
        {"type": "line", "x0": begun, "x1": begun, "yref": "paper", "y0": 0, "y1": 1,
         "line": {"dash": "dot", "width": 1, "color": "#8c959f"}}
        for _, begun, _ in spans
    ]  # fmt: skip
    words = [
        {"x": begun, "y": 1, "yref": "paper", "text": name, "showarrow": False, "textangle": -25,
         "xanchor": "left", "yanchor": "bottom", "font": {"size": 10}}
        for name, begun, ended in spans if ended - begun >= room or (name, begun, ended) == spans[-1]
    ]  # fmt: skip
    return {"shapes": lines, "annotations": words, "margin": {"l": 60, "r": 60, "t": 120, "b": 45}, "height": 430}


def _short(task_definition: str) -> str:
    """family:number of an ARN."""
    return task_definition.rpartition("/")[2]


class Rollout:
    """The deployment of a service that goes on, or else the next, as it was each time somebody looked.

    `load`: whose answers are counted. Seconds are ours, from when this was made.
    """

    def __init__(self, cloud: Cloud, *, cluster: str, service: str, load: Load | None = None) -> None:
        self._cloud, self._load = cloud, load
        self._of = {"cluster": cluster, "service": service}
        self._ecs, self._cloudwatch = cloud.client("ecs"), cloud.client("cloudwatch")
        self._begun, self._since = time.monotonic(), datetime.now(UTC)
        self._before = self._newest()
        self._arn = ""
        self._stages: list[tuple[str, float]] = []
        self._tasks: list[Counts] = []
        self._weights: list[tuple[float, dict[str, float]]] = []
        self._alarms: dict[str, dict[str, Any]] = {}
        self._states: dict[str, list[tuple[str, float]]] = {}
        self._names: dict[str, str] = {}
        self._last = 0.0
        self.status = ""
        """Of the service deployment: IN_PROGRESS, SUCCESSFUL, ROLLBACK_SUCCESSFUL …; "" before there is one."""
        self.weight = 0.0
        """The percentage of the requests that the new revision is to get, as ECS says."""

    def _newest(self) -> dict[str, Any]:
        found = self._ecs.list_service_deployments(**self._of)["serviceDeployments"]
        return dict(found[0]) if found else {}

    @property
    def ended(self) -> bool:
        return self.status not in ("", "PENDING", "IN_PROGRESS", "STOP_REQUESTED") and not self.status.endswith(
            ("_REQUESTED", "_IN_PROGRESS")
        )

    def look(self) -> None:
        """Read the cloud once more."""
        now = self._now()
        if not self._arn:
            newest = self._newest()
            if not newest or (newest.get("finishedAt") and newest == self._before):
                return
            self._arn = newest["serviceDeploymentArn"]
        found = self._ecs.describe_service_deployments(serviceDeploymentArns=[self._arn])["serviceDeployments"][0]
        self.status = found["status"]
        self.weight = found["targetServiceRevision"].get("requestedProductionTrafficWeight", 0.0)
        test = found["targetServiceRevision"].get("requestedTestTrafficWeight", 0.0)
        self._weights.append((now, {"production": self.weight, "test": test}))
        self._keep(self._stages, self._stage(found), now)
        self._tasks.append((now, self._running(found)))
        names = found.get("alarms", {}).get("alarmNames", ())
        if names:
            for alarm in self._cloudwatch.describe_alarms(AlarmNames=list(names))["MetricAlarms"]:
                self._alarms[alarm["AlarmName"]] = alarm
                self._keep(self._states.setdefault(alarm["AlarmName"], []), alarm["StateValue"], now)

    def follow(self, *, until: Callable[[], object] | None = None, timeout: float = 300.0) -> Figure:
        """Look until the deployment has ended, and show who answers.

        Where somebody looks at the cell, it is shown all the while, in place of what the cell has shown so far.

        `until`: or until this is so; called again it goes on from there.
        Raises TimeoutError after so many of our seconds.
        """
        shown, begun, so = False, self._now(), False
        while not (self.ended or so):
            if self._now() - begun > timeout:
                raise TimeoutError(f"After {timeout:g} s the deployment is {self.status or 'not there yet'}.")
            so = until is not None and bool(until())
            self.look()
            if attended():
                clear_output(wait=True)  # JupyterLab draws a figure once: one that is updated in place stays as it was
                display({MIME: self.traffic().spec, "text/plain": self.status}, raw=True)
                shown = True
            time.sleep(5.0 if self._cloud.real else 0.25)
        if shown:
            clear_output()
        return self.traffic()

    def span(self, stage: str) -> tuple[float, float]:
        """time.monotonic() of the first and of the last look at which it was at this stage. LookupError."""
        for name, begun, ended in self.spans():
            if name == stage:
                return self._begun + begun, self._begun + ended
        raise LookupError(f"The deployment was never seen at {stage}; it was at {[name for name, *_ in self.spans()]}.")

    def spans(self) -> list[Span]:
        """Its stages in order, with the percentage where it shifts the requests."""
        return self._spans(self._stages)

    def traffic(self) -> Figure:
        """Who answered, slice by slice. ValueError without a load."""
        if self._load is None:
            raise ValueError("Nobody counts answers: give Rollout a load.")
        shift = self._load.begun - self._begun
        counts = [(round(max(0.0, second + shift), 2), counted) for second, counted in self._load.by_second(0.5)]
        return traffic_over_time(counts, spans=self.spans())

    def tasks(self) -> Figure:
        return tasks_over_time(self._tasks, spans=self.spans())

    def weights(self) -> Figure:
        """What the listeners for production and for tests were to give to the new revision."""
        return weights_over_time(self._weights, spans=self.spans())

    def stages(self) -> Figure:
        return stages(self.spans())

    def alarms(self) -> Figure:
        """The data points of the deployment's alarms, each minute of AWS's, and their states."""
        return alarms_over_time(
            {name: self._points(alarm) for name, alarm in self._alarms.items()},
            states={name: self._spans(states) for name, states in self._states.items()},
            thresholds={name: alarm["Threshold"] for name, alarm in self._alarms.items()},
        )

    def _points(self, alarm: Mapping[str, Any]) -> list[tuple[float, float]]:
        found = self._cloudwatch.get_metric_statistics(
            Namespace=alarm["Namespace"], MetricName=alarm["MetricName"], Dimensions=alarm["Dimensions"],
            StartTime=self._since - timedelta(seconds=60 / self._cloud.speed),
            EndTime=datetime.now(UTC) + timedelta(seconds=1),
            Period=60 if self._cloud.real else 1, Statistics=[alarm["Statistic"]],
        )["Datapoints"]  # fmt: skip
        first = self._stages[0][1]  # a minute that had begun before is one of its own, as alarms see it
        moments = [((one["Timestamp"] - self._since).total_seconds(), one[alarm["Statistic"]]) for one in found]
        return sorted((max(first, round(at, 1)), value) for at, value in moments)

    def _running(self, found: Mapping[str, Any]) -> Counter[str]:
        """How many tasks each revision runs. Of a rolling deployment only the service says that of all revisions."""
        if "lifecycleStage" in found:
            revisions = [found["targetServiceRevision"], *found.get("sourceServiceRevisions", ())]
            counts = [(self._named(one["arn"]), one.get("runningTaskCount", 0)) for one in revisions]
        else:
            of = {"cluster": self._of["cluster"], "services": [self._of["service"]]}
            [service] = self._ecs.describe_services(**of)["services"]
            counts = [(_short(one["taskDefinition"]), one["runningCount"]) for one in service["deployments"]]
        running: Counter[str] = Counter()
        for name, count in counts:
            running[name] += count
        return running

    def _stage(self, found: Mapping[str, Any]) -> str:
        if found.get("rollback"):
            return "ROLLBACK"
        stage = str(found.get("lifecycleStage", found["status"]))
        return f"{stage} {self.weight:g} %" if stage == "PRODUCTION_TRAFFIC_SHIFT" and self.weight else stage

    def _named(self, revision: str) -> str:
        """The task definition of a service revision, as family:number."""
        if revision not in self._names:
            [found] = self._ecs.describe_service_revisions(serviceRevisionArns=[revision])["serviceRevisions"]
            self._names[revision] = _short(found["taskDefinition"])
        return self._names[revision]

    def _now(self) -> float:
        return round(time.monotonic() - self._begun, 2)

    def _keep(self, states: list[tuple[str, float]], state: str, now: float) -> None:
        if not states or states[-1][0] != state:
            states.append((state, now))
        self._last = now

    def _spans(self, states: Sequence[tuple[str, float]]) -> list[Span]:
        ends = [begun for _, begun in states[1:]] + [self._last] if states else []
        return [(state, begun, end) for (state, begun), end in zip(states, ends, strict=True)]

"""What hpa draws, asks and shows: a Deployment that a HorizontalPodAutoscaler scales by CPU."""

from __future__ import annotations

from collections.abc import Sequence

from drydock.concepts import checks
from drydock.concepts.drawing import LAYOUT, line
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy.kubernetes.hpa import behavior as behaviors
from drydock.policy.kubernetes.hpa import controller, course, replicas
from drydock.policy.kubernetes.hpa.behavior import PERCENT, PODS, Behavior, Policy, Rules
from drydock.policy.kubernetes.hpa.controller import Metric
from drydock.policy.kubernetes.hpa.pods import Pod, count
from drydock.policy.kubernetes.hpa.replicas import Measured, Tolerance
from drydock.pricing import fargate_hour

REQUEST = 1000
"""Millicores, where only per cent matter."""
MORE, ABOVE = 7, 13
"""The question is about so many pods more, at so many percentage points above the target."""
MINUTES, BEFORE, AFTER = 30, 3, 15
"""Of the course: how long it is, and when the load grows and falls again."""

GUIDE = Behavior(
    up=Rules((Policy(PERCENT, 50, 60),), window=60),
    down=Rules((Policy(PODS, 1, 60),), window=300),
)
BEHAVIORS: dict[str, Behavior | None] = {
    "defaults": Behavior(),
    "none": None,
    "guide A's": GUIDE,
    "never down": Behavior(down=Rules(behaviors.DEFAULT_DOWN.policies, select=behaviors.DISABLED)),
}
"""spec.behavior by the name that the notebook gives it."""


def _checked(pods: int, target: int) -> None:
    checks.whole("pods", pods, 1, 1000)
    checks.whole("target", target, 1, 200)


def _tolerance(percent: int) -> Tolerance:
    checks.whole("tolerance_percent", percent, 0, 100)
    return Tolerance(percent / 100, percent / 100)


def _behavior(name: str) -> Behavior | None:
    if name not in BEHAVIORS:
        raise ValueError(f"behavior is one of {', '.join(BEHAVIORS)}, not {name!r}.")
    return BEHAVIORS[name]


def wanted(pods: int, utilization: int, target: int, tolerance_percent: int = 10) -> int:
    """Replicas that the metric asks for. `utilization` is per cent of the requests. Raises ValueError."""
    checks.whole("utilization", utilization, 0)
    measured = Measured(pods, pods * REQUEST * utilization // 100, pods * REQUEST)
    return replicas.by_utilization(measured, target, current=pods, tolerance=_tolerance(tolerance_percent)).replicas


def question(pods: int, target: int, tolerance_percent: int) -> Question:
    """How many replicas are wanted of some pods more, above the target. Raises ValueError."""
    _checked(pods, target)
    pods, utilization = pods + MORE, target + ABOVE
    answer = wanted(pods, utilization, target, tolerance_percent)
    ratio = utilization / target
    band = f"The ratio is {utilization} / {target} = {ratio:.3f}"
    if answer == pods:
        reason = f"{band}, which is within {tolerance_percent} % of 1. Nothing is done."
    else:
        reason = f"{band}. {pods} × {ratio:.3f} = {pods * ratio:.2f}, rounded up to {answer}."
    return Question(
        f"{pods} pods use {utilization} % of the CPU that they request. The target is {target} % and the tolerance "
        f"{tolerance_percent} %. How many replicas does the autoscaler want?",
        answer,
        reason,
    )


def stairs(pods: int, target: int, tolerance_percent: int) -> Figure:
    """Replicas wanted by the utilization that was measured, from nothing to three times the target."""
    band = _tolerance(tolerance_percent)
    _checked(pods, target)
    most = 3 * target
    levels = range(most + 1)
    asked = [wanted(pods, level, target, tolerance_percent) for level in levels]
    assert asked == sorted(asked), "more load asked for fewer replicas"
    held = [level for level in levels if band.holds(level / target)]
    shown = sorted({0, target // 2, held[0] - 1, held[0], target, held[-1], held[-1] + 1, 2 * target, most} - {-1})
    return Figure(
        f"{pods} pods, target {target} %: nothing is done from {held[0]} % to {held[-1]} %",
        ("Measured", "Measured / target", "Times the pods", "Replicas wanted", ""),
        [
            (
                f"{level} %",
                f"{level / target:.3f}",
                f"{pods * level / target:.2f}",
                asked[level],
                "tolerated" if level in held else "",
            )
            for level in shown
        ],
        [
            line("replicas wanted", levels, asked, colour=COLOURS[0], shape="hv"),
            line("pods × measured / target, not rounded", [0, most], [0, 3 * pods], colour=COLOURS[5], dash="dot"),
        ],
        {
            "xaxis": {"title": {"text": "CPU measured, % of the requests"}},
            "yaxis": {"title": {"text": "replicas"}, "rangemode": "tozero"},
            "shapes": [
                {
                    "type": "rect", "yref": "paper", "y0": 0, "y1": 1, "x0": held[0], "x1": held[-1],
                    "fillcolor": "rgba(128, 128, 128, 0.25)", "line": {"width": 0},
                }
            ],
            "annotations": [
                {"x": target, "y": 1, "yref": "paper", "yanchor": "top", "text": "tolerated", "showarrow": False}
            ],
            **LAYOUT,
        },
    )  # fmt: skip


def loads(pods: int, request: int, target: int, surge_percent: int) -> list[int]:
    """Millicores each 15 seconds: what fits the pods, then so many per cent of it, then as before."""
    usual = pods * request * target // 100
    turns = 60 // int(behaviors.SYNC_PERIOD)
    return [
        usual * surge_percent // 100 if BEFORE * turns <= turn < AFTER * turns else usual
        for turn in range(MINUTES * turns)
    ]


def run(
    pods: int, target: int, tolerance_percent: int, surge_percent: int, startup: int, behavior: str, *,
    request: int = 250,
) -> list[course.Moment]:  # fmt: skip
    """The course of half an hour. Pods use up to twice their request. Raises ValueError."""
    _checked(pods, target)
    checks.whole("request", request, 1, 1_000_000)
    checks.whole("surge_percent", surge_percent, 0, 2000)
    checks.whole("startup", startup, 0, 600)
    autoscaler = course.Autoscaler(
        target, max(1, pods // 2), pods * 10, _behavior(behavior), _tolerance(tolerance_percent)
    )
    container = course.Container(request, 2 * request, startup)
    passed = course.course(loads(pods, request, target, surge_percent), autoscaler, container, start=pods)
    assert all(autoscaler.least <= one.pods <= autoscaler.most for one in passed), "outside minReplicas, maxReplicas"
    assert all(one.usage <= one.load for one in passed), "more was used than was asked for"
    return passed


def surge(pods: int, target: int, tolerance_percent: int, surge_percent: int, startup: int, behavior: str) -> Figure:
    """Half an hour: pods that there are, pods that are ready, and what they use of their requests."""
    passed = run(pods, target, tolerance_percent, surge_percent, startup, behavior)
    minutes = [one.at / 60 for one in passed]
    rows = [
        (f"{one.at / 60:g}", f"{one.load / 1000:g}", one.utilization, one.wanted or "", one.pods, one.ready, one.reason)
        for one, before in zip(passed, [None, *passed[:-1]], strict=True)
        if before is None or (one.pods, one.reason, one.load) != (before.pods, before.reason, before.load)
    ]
    most = max(one.pods for one in passed)
    return Figure(
        f"Load of {surge_percent} % from minute {BEFORE} to {AFTER}: {pods} pods become {most}, and in the end "
        f"{passed[-1].pods}",
        ("Minute", "Load, CPU", "Measured, %", "Wanted", "Pods", "Ready", "Held back by"),
        rows,
        [
            line("CPU measured, % of the requests", minutes, [one.utilization for one in passed], colour=COLOURS[0]),
            line("pods", minutes, [one.pods for one in passed], colour=COLOURS[1], shape="hv", yaxis="y2"),
            line("pods that are ready", minutes, [one.ready for one in passed],
                 colour=COLOURS[2], shape="hv", dash="dot", yaxis="y2"),
        ],
        {
            **LAYOUT,
            "xaxis": {"title": {"text": "minutes"}, "anchor": "y2", "zeroline": False},
            "yaxis": {"title": {"text": "CPU, %"}, "domain": [0.55, 1], "rangemode": "tozero"},
            "yaxis2": {"title": {"text": "pods"}, "domain": [0, 0.45], "rangemode": "tozero"},
            "shapes": [
                {
                    "type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": target, "y1": target,
                    "line": {"color": "#999999", "dash": "dash", "width": 1},
                }
            ],
            "annotations": [
                {
                    "xref": "paper", "x": 1, "y": target, "text": f"target {target}", "showarrow": False,
                    "xanchor": "right", "yanchor": "bottom", "font": {"size": 10},
                }
            ],
            "height": 480,
        },
    )  # fmt: skip


def compared(
    pods: int, target: int, tolerance_percent: int, surge_percent: int, startup: int, *, request: int, memory: int
) -> Figure:
    """What each behavior costs, and what it leaves unserved. `request` in millicores, `memory` of a pod in MiB."""
    checks.whole("request", request, 1, 1_000_000)
    checks.whole("memory", memory, 1)
    hour = fargate_hour(request / 1000, memory / 1024)
    rows = []
    for name in BEHAVIORS:
        passed = run(pods, target, tolerance_percent, surge_percent, startup, name, request=request)
        seconds = behaviors.SYNC_PERIOD
        pod_hours = sum(one.pods for one in passed) * seconds / 3600
        enough = [one.at for one in passed if one.at >= BEFORE * 60 and not one.unserved]
        rows.append(
            (
                name,
                max(one.pods for one in passed),
                f"{enough[0] - BEFORE * 60:g} s" if enough else "never",
                f"{sum(one.unserved for one in passed) * seconds / 1000:,.0f}",
                f"{pod_hours:.2f}",
                f"{pod_hours * hour:.4f}",
            )
        )
    return Figure(
        f"Half an hour with a load of {surge_percent} %, by behavior",
        (
            "behavior",
            "Most pods",
            "Until all is served",
            "CPU-seconds unserved",
            "Pod-hours",
            "USD, at Fargate's price",
        ),
        rows,
    )


def limits(currents: Sequence[int] = (1, 2, 3, 4, 8, 20, 100)) -> Figure:
    """To how many an autoscaler may go in its first turn, by behavior."""
    return Figure(
        "From so many replicas to at most so many, in the first turn",
        ("Replicas", *BEHAVIORS),
        [
            (
                current,
                *(
                    behaviors.limit(current, 10**6, least=1, most=10**6, behavior=one).replicas
                    if one
                    else behaviors.limit_without_behavior(current, 10**6, least=1, most=10**6).replicas
                    for one in BEHAVIORS.values()
                ),
            )
            for current in currents
        ],
    )


def warming(target: int) -> Figure:
    """The same load, measured while some pods are not ready or send no metric."""
    _checked(1, target)
    ready = Pod(usage=REQUEST * target * 3 // 200, request=REQUEST)
    idle = Pod(usage=REQUEST * target // 200, request=REQUEST)
    warm = Pod(usage=REQUEST * 2, request=REQUEST, ready=False)
    silent = Pod(usage=None, request=REQUEST)
    cases = (
        ("5 ready pods, half over the target", [ready] * 5),
        ("3 of them, and 2 that are not ready", [ready] * 3 + [warm] * 2),
        ("3 of them, and 2 without a metric", [ready] * 3 + [silent] * 2),
        ("5 ready pods, at half the target", [idle] * 5),
        ("3 of them, and 2 that are not ready", [idle] * 3 + [warm] * 2),
        ("3 of them, and 2 without a metric", [idle] * 3 + [silent] * 2),
    )
    rows = []
    for what, pods in cases:
        found = count(pods, 1000.0)
        proposal = replicas.by_utilization(
            found.measured, target, current=len(pods), unready=found.unready, missing=found.missing
        )
        rows.append((what, f"{proposal.usage} %", f"{proposal.ratio:.2f}", proposal.replicas))
    return Figure(
        f"5 pods, target {target} %: what is wanted while some do not count",
        ("Pods", "Measured", "Measured / target", "Replicas wanted"),
        rows,
    )


def conditions(pods: int, target: int) -> Figure:
    """What status.conditions says when an autoscaler does not do what is expected of it."""
    _checked(pods, target)
    name = course.CPU
    double = Metric(name, replicas.Proposal(2 * pods, 2 * target, 2.0))
    half = Metric(name, replicas.Proposal(max(1, pods // 2), target // 2, 0.5))
    broken = Metric("requests", None, "FailedGetPodsMetric", "unable to get metric requests: no metrics returned")
    missing = Metric(name, None, "FailedGetResourceMetric", "missing request for cpu in container app of Pod web-0")
    recent = controller.History((behaviors.Recommendation(-60.0, pods),))
    least, most = 1, 100 * pods
    cases = (
        ("twice the load", [double], least, most, Behavior()),
        ("twice the load, maxReplicas is reached", [double], least, pods, Behavior()),
        ("twice the load, one of two metrics fails", [double, broken], least, most, Behavior()),
        ("half the load, since less than 300 s", [half], least, most, Behavior()),
        ("half the load, one of two metrics fails", [half, broken], least, most, Behavior()),
        ("a container requests no CPU", [missing], least, most, Behavior()),
    )
    rows = []
    for what, metrics, low, high, behavior in cases:
        turn = controller.turn(pods, metrics, least=low, most=high, behavior=behavior, history=recent)
        said = [f"{one.type}={one.status} {one.reason}" for one in turn.conditions]
        rows.append((what, f"{pods} → {turn.replicas}", "; ".join(said)))
    return Figure(
        f"{pods} replicas: what is done, and what the conditions say", ("Case", "Replicas", "Conditions"), rows
    )

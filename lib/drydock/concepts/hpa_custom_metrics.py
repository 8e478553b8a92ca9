"""What hpa-custom-metrics draws, asks and shows: an autoscaler that looks at something else than CPU."""

from __future__ import annotations

from drydock.concepts import checks
from drydock.concepts.drawing import LAYOUT, line
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy.kubernetes import quantities
from drydock.policy.kubernetes.hpa import controller, replicas
from drydock.policy.kubernetes.hpa.behavior import SYNC_PERIOD, Behavior
from drydock.policy.kubernetes.hpa.controller import Metric
from drydock.policy.kubernetes.hpa.course import Autoscaler, QueueMoment, queue_course
from drydock.policy.kubernetes.hpa.pods import Group, Pod, count, group
from drydock.policy.kubernetes.hpa.replicas import Measured, Proposal
from drydock.policy.scaling_course import turns
from drydock.pricing import fargate_hour

MINUTES, BEFORE = 40, 3
METRICS = {
    "waiting, AverageValue": {"is_average": True, "is_rate": False},
    "waiting, Value": {"is_average": False, "is_rate": False},
    "arriving, AverageValue": {"is_average": True, "is_rate": True},
}
"""What the autoscaler looks at, by the name that the notebook gives it."""


def question(target: int) -> Question:
    """Replicas wanted of 4 pods by an external metric with three times the target, as a Value. Raises ValueError."""
    checks.whole("target", target, 1)
    waiting, target, pods = 12 * target, 3 * target, 4
    asked = replicas.by_value(waiting * 1000, target * 1000, current=pods, ready=pods)
    each = replicas.by_average_value(waiting * 1000, target * 1000, current=pods)
    return Question(
        f"A queue has {waiting} messages. An HPA looks at its length as an external metric, with a target of type "
        f"Value and {target}. {pods} pods are ready. How many replicas does it want?",
        asked.replicas,
        f"Value compares the whole queue with the target, {waiting} / {target} = {asked.ratio:g}, and multiplies the "
        f"{pods} ready pods by that: {asked.replicas}. With AverageValue it is {waiting} / {target} rounded up, "
        f"{each.replicas}, whatever the pods are.",
    )


def kinds(waiting: int, target: int, pods: int, ready: int) -> Figure:
    """What each type of metric makes of the same measurements.

    `waiting` in all, `target` as it stands in the manifest, of `pods` as many `ready`. Raises ValueError.
    """
    checks.whole("waiting", waiting, 0)
    checks.whole("target", target, 1)
    checks.whole("pods", pods, 1, 1000)
    checks.whole("ready", ready, 0, pods)
    value, wanted = waiting * 1000, target * 1000
    each = Measured(pods, value)
    rows: list[tuple[str, str, str, Proposal]] = [
        (
            "Pods",
            "AverageValue",
            "pods × (average of the pods / target)",
            replicas.by_average(each, wanted, current=pods),
        ),
        ("Object, External", "AverageValue", "whole / target", replicas.by_average_value(value, wanted, current=pods)),
        (
            "Object, External",
            "Value",
            "ready pods × (whole / target)",
            replicas.by_value(value, wanted, current=pods, ready=ready),
        ),
    ]
    return Figure(
        f"{waiting} in all, target {target}, {pods} pods, {ready} ready",
        ("Type of metric", "Type of target", "Rule", "Measured / target", "Replicas wanted"),
        [(*said, f"{proposal.ratio:.3g}", proposal.replicas) for *said, proposal in rows],
    )


def run(
    metric: str, arrivals: int, surge_percent: int, per_pod: int, target: int, most: int, startup: int
) -> list[QueueMoment]:
    """40 minutes of a queue. `arrivals` and `per_pod` are messages in 15 seconds. Raises ValueError."""
    if metric not in METRICS:
        raise ValueError(f"metric is one of {'; '.join(METRICS)}, not {metric!r}.")
    checks.whole("arrivals", arrivals, 0, 1_000_000)
    checks.whole("surge_percent", surge_percent, 0, 2000)
    checks.whole("per_pod", per_pod, 1)
    checks.whole("target", target, 1)
    checks.whole("most", most, 1, 1000)
    checks.whole("startup", startup, 0, 600)
    turns = int(60 / SYNC_PERIOD)
    coming = [
        arrivals * surge_percent // 100 if turn >= BEFORE * turns else arrivals for turn in range(MINUTES * turns)
    ]
    start = min(most, max(1, -(-arrivals // per_pod)))
    passed = queue_course(
        coming,
        Autoscaler(target, 1, most, Behavior()),
        per_pod=per_pod,
        startup=startup,
        start=start,
        **METRICS[metric],
    )
    assert all(1 <= one.pods <= most for one in passed), "outside minReplicas, maxReplicas"
    return passed


def longest_wait(passed: list[QueueMoment], per_pod: int) -> float | None:
    """Seconds until all messages of a turn were worked off, at most; None where some never were."""
    longest, at, arrived, worked = 0, 0, 0, 0
    for turn, one in enumerate(passed):
        arrived += one.arrived
        while worked < arrived:
            if at == len(passed):
                return None
            worked += passed[at].arrived + (passed[at - 1].waiting if at else 0) - passed[at].waiting
            at += 1
        longest = max(longest, at - 1 - turn)
    return longest * SYNC_PERIOD


def queue(metric: str, arrivals: int, surge_percent: int, per_pod: int, target: int, most: int, startup: int) -> Figure:
    """Messages that wait above, pods below, over 40 minutes."""
    passed = run(metric, arrivals, surge_percent, per_pod, target, most, startup)
    minutes = [one.at / 60 for one in passed]
    rows = [
        (
            f"{one.at / 60:g}",
            one.arrived,
            one.waiting,
            one.wanted if one.wanted is not None else "",
            one.pods,
            one.reason,
        )
        for one, before in zip(passed, [None, *passed[:-1]], strict=True)
        if before is None or (one.pods, one.reason) != (before.pods, before.reason)
    ]
    pods = [one.pods for one in passed]
    return Figure(
        f"{metric}: at most {max(pods)} pods and {max(one.waiting for one in passed)} waiting, "
        f"turned round {turns(pods)} times",
        ("Minute", "Arrived", "Waiting", "Wanted", "Pods", "Held back by"),
        rows,
        [
            line("messages that wait", minutes, [one.waiting for one in passed], colour=COLOURS[0]),
            line("pods", minutes, pods, colour=COLOURS[1], shape="hv", yaxis="y2"),
            line("pods that the arrivals need", minutes, [-(-one.arrived // per_pod) for one in passed],
                 colour=COLOURS[5], shape="hv", dash="dot", yaxis="y2"),
        ],
        {
            **LAYOUT,
            "xaxis": {"title": {"text": "minutes"}, "anchor": "y2", "zeroline": False},
            "yaxis": {"title": {"text": "messages"}, "domain": [0.55, 1], "rangemode": "tozero"},
            "yaxis2": {"title": {"text": "pods"}, "domain": [0, 0.45], "rangemode": "tozero"},
            "height": 480,
        },
    )  # fmt: skip


def compared(
    arrivals: int, surge_percent: int, per_pod: int, target: int, most: int, startup: int, *, request: int, memory: int
) -> Figure:
    """What each metric costs, and how long a message waits. The target for arrivals is 80 % of `per_pod`.

    request  of a pod, in millicores; `memory` in MiB.
    """
    checks.whole("request", request, 1)
    checks.whole("memory", memory, 1)
    hour = fargate_hour(request / 1000, memory / 1024)
    rows = []
    for metric in METRICS:
        aim = max(1, per_pod * 80 // 100) if METRICS[metric]["is_rate"] else target
        passed = run(metric, arrivals, surge_percent, per_pod, aim, most, startup)
        pod_hours = sum(one.pods for one in passed) * SYNC_PERIOD / 3600
        longest = longest_wait(passed, per_pod)
        rows.append(
            (
                metric, aim, max(one.pods for one in passed), turns([one.pods for one in passed]),
                "not within this time" if longest is None else f"{longest:.0f} s", f"{pod_hours:.2f}",
                f"{pod_hours * hour:.4f}",
            )
        )  # fmt: skip
    return Figure(
        f"{MINUTES} minutes with arrivals of {surge_percent} %, by what the autoscaler looks at",
        (
            "Metric and target", "Target", "Most pods", "Times turned round", "Longest wait",
            "Pod-hours", "USD, at Fargate's price",
        ),
        rows,
    )  # fmt: skip


def written() -> Figure:
    """Quantities as manifests and `kubectl get hpa` have them."""
    texts = ("1000", "1k", "1e3", "100m", "0.1", "1500m", "1000M", "1Gi", "1024Mi")
    rows = []
    for text in texts:
        found = quantities.parse(text)
        rows.append((text, str(found), f"{float(found.amount):,.10g}", f"{found.milli:,}"))
    return Figure("Quantities", ("Written", "As Kubernetes writes it", "Is", "In milli-units, rounded up"), rows)


def unready(target: int = 1000) -> Figure:
    """Three pods, of which one is not ready, measured by CPU and by a metric of the pods."""
    pods = [Pod(usage=2 * target * 1000, request=1), Pod(usage=2 * target * 1000, request=1),
            Pod(usage=5 * target * 1000, request=1, ready=False, started=900.0)]  # fmt: skip
    rows = []
    rules: tuple[tuple[str, bool], ...] = (("a metric of pods", False), ("CPU, as an AverageValue", True))
    for what, is_cpu in rules:
        found = count(pods, 1000.0, cpu=is_cpu)
        proposal = replicas.by_average(found.measured, target * 1000, current=3, unready=len(found.unready))
        counted = sum(group(pod, 1000.0, cpu=is_cpu) is Group.READY for pod in pods)
        rows.append((what, counted, f"{proposal.usage / 1000:,.0f}", f"{proposal.ratio:.2f}", proposal.replicas))
    return Figure(
        f"Two pods at {2 * target} and one that has just started at {5 * target}, target {target}",
        ("Metric", "Pods that count", "Average", "Measured / target", "Replicas wanted"),
        rows,
    )


def failures(pods: int) -> Figure:
    """What an autoscaler says when a metric cannot be had, and what it still does."""
    checks.whole("pods", pods, 1, 1000)
    name = "pods metric http_requests_per_second"
    missing = Metric(
        name, None, "FailedGetPodsMetric",
        "unable to get metric http_requests_per_second: unable to fetch metrics from custom metrics API",
    )  # fmt: skip
    external = Metric(
        "external metric messages", None, "FailedGetExternalMetric",
        "unable to get external metric default/messages: no metrics returned from external metrics API",
    )  # fmt: skip
    cases: tuple[tuple[str, list[Metric]], ...] = (
        ("no adapter serves custom metrics", [missing]),
        ("the queue does not exist", [external]),
        ("no adapter, and CPU asks for twice as many", [missing, _wants(2 * pods)]),
        ("no adapter, and CPU asks for half", [missing, _wants(max(1, pods // 2))]),
    )
    rows = []
    for what, metrics in cases:
        turn = controller.turn(pods, metrics, least=1, most=100 * pods, behavior=Behavior())
        active = next(one for one in turn.conditions if one.type == controller.ACTIVE)
        rows.append((what, f"{pods} → {turn.replicas}", f"{active.status} {active.reason}", active.message))
    return Figure("When a metric cannot be had", ("Case", "Replicas", "ScalingActive", "Message"), rows)


def _wants(replicas_wanted: int) -> Metric:
    return Metric("cpu resource utilization (percentage of request)", Proposal(replicas_wanted, 0, 1.0))

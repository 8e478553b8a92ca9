"""What hpa-and-vpa-together draws, asks and shows: two autoscalers of one Deployment."""

from __future__ import annotations

import math

from drydock.concepts import checks
from drydock.concepts.drawing import LAYOUT, line
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy.kubernetes import together
from drydock.policy.kubernetes.together import Moment, Setup
from drydock.policy.kubernetes.vpa.recommender import Settings
from drydock.pricing import MONTH_HOURS, fargate_hour

DAYS = 10
BOTH, OFF, LOAD = "both on CPU", "VPA off", "HPA on requests"
PAIRS = (BOTH, OFF, LOAD)
"""What each autoscaler looks at, by the name that the notebook gives it."""


def run(pair: str, load: int, swing_percent: int, target: int, request: int, most: int) -> list[Moment]:
    """Ten days. `load` in millicores of all pods; `request` of a pod at first. Raises ValueError."""
    if pair not in PAIRS:
        raise ValueError(f"pair is one of {'; '.join(PAIRS)}, not {pair!r}.")
    checks.whole("load", load, 1, 1_000_000)
    checks.whole("swing_percent", swing_percent, 0, 90)
    checks.whole("target", target, 1, 200)
    checks.whole("request", request, 1, 1_000_000)
    checks.whole("most", most, 2, 1000)
    setup = Setup(target, 2, most, request, max(1, request * target // 100) if pair == LOAD else None, pair != OFF)
    start = min(most, max(2, -(-load * 100 // (request * target))))
    wave = [load * (1 + swing_percent / 100 * math.sin(2 * math.pi * hour / 24)) for hour in range(24 * DAYS)]
    passed = together.course([int(one) for one in wave], setup, start=start)
    assert all(2 <= one.pods <= most for one in passed), "outside minReplicas, maxReplicas"
    assert pair != OFF or {one.request for one in passed} == {float(request)}, "a VPA that only recommends changed pods"
    return passed


def question(load: int, target: int, request: int, most: int) -> Question:
    """Whether the pods become more or fewer when both look at CPU. Raises ValueError."""
    passed = run(BOTH, load, 0, target, request, most)
    first, last = passed[0].pods, passed[-1].pods
    answer = "more" if last > first else "fewer" if last < first else "as many"
    full = 100 / (1 + Settings().margin)
    if answer == "as many":
        reason = "Requests lie within the VPA's bounds and the ratio within the HPA's tolerance, so neither acts."
    else:
        reason = (
            f"A VPA leaves usage at {full:.0f} % of the request, or less, as buckets are rounded up. That is not "
            f"{target} %, so the HPA changes the pods, each then uses another amount, and the VPA follows. {first} "
            f"pods become {last}, and a request of {request}m becomes {passed[-1].request:.0f}m."
        )
    return Question(
        f"A steady load of {load}m is shared by pods that request {request}m each. An HPA keeps CPU at {target} % of "
        "the requests, and a VPA sets the requests to what it recommends. After ten days, are there more pods, fewer, "
        "or as many as in the first hour?",
        answer,
        reason,
        choices=("more", "fewer", "as many"),
    )


def fight(pair: str, load: int, swing_percent: int, target: int, request: int, most: int) -> Figure:
    """Pods above, a pod's request and the recommendation below, over ten days."""
    passed = run(pair, load, swing_percent, target, request, most)
    at = [round(one.at / 86400, 3) for one in passed]
    updated = sum(one.updated for one in passed)
    return Figure(
        f"{pair}: from {passed[0].pods} pods to {passed[-1].pods}, from {request}m each to {passed[-1].request:.0f}m; "
        f"{updated} updated",
        ("Day", "Load", "Pods", "Request of each", "Requested in all", "Utilization, %", "Recommended", "Updated"),
        [
            (
                f"{day}", one.load, one.pods, f"{one.request:.0f}", one.requested, one.utilization, one.recommended,
                sum(each.updated for each in passed[24 * (day - 1) + 1 : 24 * day + 1]) if day else one.updated,
            )
            for day, one in enumerate([*passed[::24], passed[-1]])
        ],
        [
            line("pods", at, [one.pods for one in passed], colour=COLOURS[1], shape="hv"),
            line("request of a pod", at, [round(one.request) for one in passed],
                 colour=COLOURS[5], shape="hv", yaxis="y2"),
            line("recommended", at, [one.recommended for one in passed], colour=COLOURS[0], dash="dot", yaxis="y2"),
            line("used by a pod", at, [round(one.load / one.pods) for one in passed], colour=COLOURS[2], yaxis="y2"),
        ],
        {
            **LAYOUT,
            "xaxis": {"title": {"text": "days"}, "anchor": "y2", "zeroline": False},
            "yaxis": {"title": {"text": "pods"}, "domain": [0.55, 1], "rangemode": "tozero"},
            "yaxis2": {"title": {"text": "millicores"}, "domain": [0, 0.45], "rangemode": "tozero"},
            "height": 480,
        },
    )  # fmt: skip


def targets(load: int, swing_percent: int, request: int, most: int) -> Figure:
    """Where the fight goes, by the HPA's target."""
    rows = []
    for target in (50, 60, 70, 80, 90, 100):
        passed = run(BOTH, load, swing_percent, target, request, most)
        first, last = passed[0], passed[-1]
        rows.append(
            (f"{target} %", f"{first.pods} → {last.pods}", f"{request}m → {last.request:.0f}m",
             sum(one.updated for one in passed))
        )  # fmt: skip
    return Figure(
        f"Both on CPU, after {DAYS} days, by the target of the HPA",
        ("Target", "Pods", "Request of a pod", "Pods updated"),
        rows,
    )


def cost(load: int, swing_percent: int, target: int, request: int, most: int, *, memory: int) -> Figure:
    """What each pair has requested over the ten days. `memory` of a pod in MiB, which no autoscaler changes here."""
    checks.whole("memory", memory, 1)
    rows = []
    for pair in PAIRS:
        passed = run(pair, load, swing_percent, target, request, most)
        cores = sum(one.requested for one in passed) / len(passed) / 1000
        size = sum(one.pods for one in passed) / len(passed) * memory / 1024
        rows.append(
            (
                pair, f"{min(one.pods for one in passed)} to {max(one.pods for one in passed)}",
                sum(one.updated for one in passed), f"{cores:.2f}", f"{size:.1f}",
                f"{MONTH_HOURS * fargate_hour(cores, size):.2f}",
            )
        )  # fmt: skip
    return Figure(
        f"On average over {DAYS} days, and the price of that for {MONTH_HOURS} h on Fargate",
        ("What looks at what", "Pods", "Pods updated", "vCPU requested", "GiB requested", "USD"),
        rows,
    )


def allowed() -> Figure:
    """Which pairs of autoscalers go together."""
    return Figure(
        "An HPA and a VPA of one Deployment",
        ("HPA looks at", "VPA sets", "Together"),
        [
            ("CPU utilization", "CPU", "no: each changes what the other measures"),
            ("memory utilization", "memory", "no, for the same reason"),
            ("CPU utilization", "memory", "yes: controlledResources: [memory]"),
            ("CPU utilization", "nothing, mode Off", "yes: somebody reads the recommendation"),
            ("requests in a second, a queue", "CPU and memory", "yes: requests do not enter that metric"),
            ("CPU as an AverageValue", "CPU", "yes (derived): millicores for each pod, whatever they request"),
        ],
    )

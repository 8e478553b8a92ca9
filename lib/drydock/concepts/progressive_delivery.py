"""What progressive-delivery draws and asks: weights that are pods, and an analysis that goes on or goes back."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from drydock.concepts import checks
from drydock.concepts.catalogue import fixture
from drydock.concepts.drawing import LAYOUT, line, marks, percent
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy import rollouts
from drydock.policy.ecs import strategy
from drydock.policy.rollouts import Check, analysis, closest, flagger_minutes, flagger_weights, routed, stages

WEIGHTS = (0, 1, 5, 10, 20, 25, 33, 50, 75, 90, 99, 100)
NEVER = 0


def split(replicas: int, weight: int, surge: int) -> tuple[int, int]:
    """New and old pods without a router. Raises ValueError."""
    checks.whole("replicas", replicas, 1, 200)
    checks.whole("weight", weight, 0, 100)
    checks.whole("max_surge", surge, 0, 200)
    return closest(replicas, weight, surge)


def share(replicas: int, weight: int, surge: int) -> float:
    """The canary's part of the pods, 0 to 1, without a router. Raises ValueError."""
    split(replicas, weight, surge)
    return rollouts.share(replicas, weight, surge)


def question(replicas: int, weight: int, surge: int) -> Question:
    """How many per cent of the requests the canary gets. Raises ValueError."""
    part = share(replicas, weight, surge)
    canary, stable = closest(replicas, weight, surge)
    return Question(
        f"A Rollout has {replicas} replicas, maxSurge {surge}, and no trafficRouting. Its first step is "
        f"`setWeight: {weight}`. How many per cent of the requests go to the new version?",
        round(100 * part, 1),
        f"Requests are shared by the number of pods. Closest to {weight} % is {canary} new beside {stable} old, and "
        f"{canary} of {canary + stable} is {percent(part, 1)}.",
        within=0.02,
    )


def shares(replicas: int, weight: int, max_surge: int) -> Figure:
    """What the canary really gets, for every weight, without a router and with one. Raises ValueError."""
    chosen = share(replicas, weight, max_surge)
    every = range(101)
    parts = [100 * share(replicas, one, max_surge) for one in every]
    # Without surge a weight between the last but one pod and all gets no pod at all: see `closest`.
    rising = [part for one, part in zip(every, parts, strict=True) if part or not one]
    assert all(before <= after + 1e-9 for before, after in pairwise(rising)), "a larger weight gets no smaller share"
    rows = []
    for one in sorted({*WEIGHTS, weight}):
        canary, stable = closest(replicas, one, max_surge)
        mark = "← chosen" if one == weight else ""
        rows.append(
            (f"{one} %", canary, stable, percent(share(replicas, one, max_surge), 1), routed(replicas, one)[0], mark)
        )
    return Figure(
        f"{replicas} replicas, maxSurge {max_surge}: weight {weight} % is {percent(chosen, 1)} of the pods",
        ("Weight", "New pods", "Old pods", "Share without a router", f"New pods with a router (old: {replicas})", ""),
        rows,
        [
            line("without a router: by pods", every, parts, colour=COLOURS[0], shape="hv"),
            line("with a router: as the weight says", [0, 100], [0, 100], colour=COLOURS[7], dash="dash"),
            marks("chosen", [(weight, 100 * chosen)], symbol="circle", colour=COLOURS[5], size=14),
        ],
        {
            **LAYOUT,
            "xaxis": {"title": {"text": "setWeight, %"}, "range": [-2, 102]},
            "yaxis": {"title": {"text": "requests to the new version, %"}, "range": [-4, 104]},
        },
    )


def rollout() -> dict[str, Any]:
    """The Rollout that this notebook shows, as its file has it."""
    import yaml

    found: dict[str, Any] = yaml.safe_load(fixture("delivery/rollout.yaml"))
    return found


def canary() -> dict[str, Any]:
    """The Canary of Flagger that this notebook shows, as its file has it."""
    import yaml

    found: dict[str, Any] = yaml.safe_load(fixture("delivery/canary.yaml"))
    return found


def weights() -> list[int]:
    """The weights of the Rollout's steps."""
    return [one["setWeight"] for one in rollout()["spec"]["strategy"]["canary"]["steps"] if "setWeight" in one]


def pods(replicas: int, max_surge: int, max_unavailable: int) -> Figure:
    """Pods after each decision, for the steps of the file. Raises ValueError."""
    checks.whole("replicas", replicas, 1, 200)
    checks.whole("max_surge", max_surge, 0, 200)
    checks.whole("max_unavailable", max_unavailable, 0, 200)
    found = stages(replicas, weights(), surge=max_surge, unavailable=max_unavailable)
    assert found[-1] == (replicas, 0)
    steps = [str(number) for number in range(len(found))]
    most = max(new + old for new, old in found)
    return Figure(
        f"{replicas} replicas through {', '.join(map(str, weights()))} and 100 %: {len(found) - 1} decisions, "
        f"{most} pods at most",
        ("Decision", "New pods", "Old pods", "Share of the new"),
        [
            (step, new, old, percent(new / (new + old), 1) if new + old else "nobody serves")
            for step, (new, old) in zip(steps, found, strict=True)
        ],
        [
            {"type": "bar", "name": name, "x": steps, "y": counts, "marker": {"color": colour}}
            for name, counts, colour in (
                ("old version", [old for _, old in found], COLOURS[7]),
                ("new version", [new for new, _ in found], COLOURS[0]),
            )
        ],
        {
            **LAYOUT,
            "barmode": "stack",
            "xaxis": {"title": {"text": "decision of the controller"}, "type": "category"},
            "yaxis": {"title": {"text": "pods"}, "dtick": max(1, most // 10)},
        },
    )


def runs(step_weight: int, max_weight: int, threshold: int, bad_from: int) -> list[Check]:
    """Flagger's analysis, one run a minute; metrics are bad from run `bad_from` on, 0 for never. Raises ValueError."""
    checks.whole("step_weight", step_weight, 1, 100)
    checks.whole("max_weight", max_weight, 1, 100)
    checks.whole("threshold", threshold, 1, 100)
    checks.whole("bad_from", bad_from, 0, 200)
    outcomes = [bad_from == NEVER or number < bad_from for number in range(1, bad_from + 2)]
    return analysis(outcomes, interval=1, step=step_weight, most=max_weight, threshold=threshold)


def analysed(step_weight: int, max_weight: int, threshold: int, bad_from: int) -> Figure:
    """The canary's weight over time, by Flagger. Raises ValueError."""
    found = runs(step_weight, max_weight, threshold, bad_from)
    last = found[-1]
    assert last.end, "an analysis ends"
    least, back = flagger_minutes(1, step_weight, max_weight, threshold)
    return Figure(
        f"Steps of {step_weight} % up to {max_weight} %: {last.end} after {last.minute:g} min "
        f"(by the formulas {least:g} to promote, {back:g} to roll back)",
        ("Minute", "Metrics", "Weight after it", "Failed checks", ""),
        [
            (f"{one.minute:g}", _metrics(one, number), f"{one.weight} %", one.failed, one.end)
            for number, one in enumerate(found)
        ],
        [
            line(
                "weight of the new version",
                [one.minute for one in found],
                [one.weight for one in found],
                colour=COLOURS[0],
                shape="hv",
            ),
            marks(
                "check failed",
                ((one.minute, one.weight) for one in found if not one.passed and not one.end),
                symbol="x",
                colour=COLOURS[5],
                size=11,
            ),
        ],
        {
            **LAYOUT,
            "xaxis": {"title": {"text": "minutes"}, "range": [-0.3, last.minute + 0.3]},
            "yaxis": {"title": {"text": "weight, %"}, "range": [-4, 104]},
        },
    )


def _metrics(one: Check, number: int) -> str:
    return "not looked at" if number == 0 or one.end == "rolled back" else "good" if one.passed else "bad"


def exposure(requests_per_second: int, replicas: int, max_surge: int) -> Figure:
    """How many requests meet a version that is bad from the start, until it is taken back. Raises ValueError.

    Flagger as the file has it; the others are noticed after as many minutes, and taken back at once.
    """
    checks.whole("requests_per_second", requests_per_second, 1)
    spec = canary()["spec"]["analysis"]
    found = runs(spec["stepWeight"], spec["maxWeight"], spec["threshold"], 1)
    minutes = found[-1].minute
    flagger = sum(one.weight / 100 * (after.minute - one.minute) for one, after in pairwise(found))
    [ecs, *_] = strategy.plan({"strategy": "CANARY"}).steps
    ways = [
        ("all pods at once", minutes),
        (
            f"Rollout of {replicas} replicas, {weights()[0]} %, no router",
            share(replicas, weights()[0], max_surge) * minutes,
        ),
        (f"Rollout, {weights()[0]} %, with a router", weights()[0] / 100 * minutes),
        ("Flagger, the file above", flagger),
        (
            f"ECS, strategy CANARY as it is by default, {ecs.percent:g} %",
            ecs.percent / 100 * min(minutes, ecs.bake / 60),
        ),
    ]
    assert all(value <= minutes for _, value in ways)
    return Figure(
        f"{requests_per_second} requests a second, a bad version noticed after {minutes:g} minutes",
        ("How it is released", "Requests that meet it", "Of all in that time"),
        [(name, f"{value * 60 * requests_per_second:,.0f}", percent(value / minutes, 1)) for name, value in ways],
    )


def extra(replicas: int, max_surge: int, minutes_each_step: int) -> Figure:
    """Pods beyond `replicas` while the steps last, and for how long. Raises ValueError."""
    checks.whole("minutes_each_step", minutes_each_step, 1)
    rows: list[Sequence[object]] = []
    for one in weights():
        new, old = closest(replicas, one, max_surge)
        more = new + old - replicas
        with_router = sum(routed(replicas, one)) - replicas
        rows.append(
            (f"{one} %", more, with_router, f"{more * minutes_each_step} and {with_router * minutes_each_step}")
        )
    return Figure(
        f"{replicas} replicas, steps of {minutes_each_step} minutes",
        ("Weight", "More pods without a router", "More pods with a router", "Pod-minutes"),
        rows,
    )


def too_far(cases: Sequence[tuple[int, int]]) -> Figure:
    """Where steps and maxWeight do not meet: (stepWeight, maxWeight) each."""
    return Figure(
        "stepWeight and maxWeight",
        ("stepWeight", "maxWeight", "Weights that are gone through"),
        [(step, most, ", ".join(f"{one} %" for one in flagger_weights(step, most))) for step, most in cases],
    )

"""What vpa draws, asks and shows: requests that a VerticalPodAutoscaler recommends, and which pods get them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from drydock.concepts import checks
from drydock.concepts.drawing import LAYOUT, line
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy.kubernetes.vpa import recommender, updater
from drydock.policy.kubernetes.vpa.boost import Boost, boosted
from drydock.policy.kubernetes.vpa.capping import Resources
from drydock.policy.kubernetes.vpa.histogram import CPU
from drydock.policy.kubernetes.vpa.recommender import Policy, Recommendation, Settings, recommend
from drydock.policy.kubernetes.vpa.updater import Priority
from drydock.policy.kubernetes.vpa.usage import Container, Usage
from drydock.pricing import MONTH_HOURS, fargate_hour

HOUR, DAY = 3600.0, 86400.0
DAYS, CHANGE = 10, 3
"""Of the course: how long it is, and after how many days the usage changes."""
MORE = 150
"""The question is about so many millicores more than are used before the change."""
EVERY = 3600.0
MIB = 2**20


def steady(millicores: int, size: int, days: int = 8) -> Recommendation:
    """What is recommended for a container that always uses as much. `size` in bytes."""
    usage = Usage()
    container = Container(usage)
    for turn in range(int(days * DAY / EVERY)):
        container.cpu(millicores, turn * EVERY)
        container.memory(size, turn * EVERY)
    return recommend({"app": usage})["app"]


def question(before: int) -> Question:
    """The target for a steady usage of some more than `before`. Raises ValueError."""
    checks.whole("before", before, 1, 100_000)
    millicores = before + MORE
    target = steady(millicores, MIB).target["cpu"]
    end = _end(millicores)
    margin = f"A safety margin of 15 % makes {recommender.with_margin(end, 0.15)}m of it."
    return Question(
        f"A container uses {millicores}m of CPU, day and night, for 8 days. How many millicores does the "
        "VerticalPodAutoscaler recommend? An answer within 3 % counts.",
        target,
        f"{millicores}m fall into a bucket that ends at {end}m, and the percentile is that end. {margin}",
        within=0.03,
    )


def _end(millicores: int) -> int:
    return int(CPU.start(CPU.find(millicores / 1000) + 1) * 1000)


def buckets() -> Figure:
    """How a steady usage becomes a target: the end of its bucket, and the margin."""
    rows = []
    for used in (5, 50, 100, 200, 250, 500, 1000, 4000):
        found = steady(used, MIB, days=1).target["cpu"]
        end = _end(used)
        assert found == max(recommender.with_margin(end, 0.15), 25), f"{used}m: {found}"
        bucket, margin = CPU.find(used / 1000), recommender.with_margin(end, 0.15)
        width = 1000 * (CPU.start(bucket + 1) - CPU.start(bucket))
        rows.append((f"{used}m", f"{width:.0f}m", f"{end}m", f"{margin}m", f"{found}m", f"{found / used:.2f}"))
    return Figure(
        "A container that always uses as much",
        ("Uses", "Width of its bucket", "End of its bucket", "And 15 %", "Target", "Target / usage"),
        rows,
    )


def confidence() -> Figure:
    """How far the bounds lie from their percentiles, by how long there has been a sample each minute."""
    rows = []
    for what, days in (("5 minutes", 5 / 1440), ("30 minutes", 30 / 1440), ("1 hour", 1 / 24), ("12 hours", 0.5),
                       ("1 day", 1.0), ("2 days", 2.0), ("7 days", 7.0), ("30 days", 30.0)):  # fmt: skip
        low, high = recommender.multiplier(days, 0.001, -2.0), recommender.multiplier(days, 1.0, 1.0)
        rows.append((what, f"{low:.3f}", f"{high:.2f}"))
    return Figure("What the bounds are multiplied by", ("History", "Lower bound", "Upper bound"), rows)


@dataclass(frozen=True)
class Step:
    """An hour: what is used, the recommendation, and the request of a pod that VPA keeps."""

    at: float
    used: float
    found: Recommendation
    request: int
    updated: bool


def run(before: int, after: int, swing_percent: int, request: int) -> list[Step]:
    """10 days of one container, in millicores; its usage changes after 3. Raises ValueError."""
    checks.whole("before", before, 1, 100_000)
    checks.whole("after", after, 1, 100_000)
    checks.whole("swing_percent", swing_percent, 0, 100)
    checks.whole("request", request, 1, 1_000_000)
    usage = Usage()
    passed: list[Step] = []
    held, since = request, 0.0
    samples = int(EVERY / 60)
    for turn in range(int(DAYS * DAY / EVERY)):
        now = turn * EVERY
        level = before if now < CHANGE * DAY else after
        used = level * (1 + swing_percent / 100 * math.sin(2 * math.pi * now / DAY))
        usage.add_cpu(used, now, samples)
        found = recommend({"app": usage})["app"]
        need = updater.priority({"app": {"cpu": held}}, {"app": _only_cpu(found)})
        due = updater.is_due(need, age=now - since)
        if due:
            held, since = found.target["cpu"], now
        passed.append(Step(now, used, found, held, due))
        assert found.lower["cpu"] <= found.target["cpu"] <= found.upper["cpu"], "the target is outside its bounds"
    return passed


def _only_cpu(found: Recommendation) -> Recommendation:
    return Recommendation(*({"cpu": one["cpu"]} for one in (found.target, found.lower, found.upper, found.uncapped)))


def days(before: int, after: int, swing_percent: int, request: int) -> Figure:
    """Usage, target and bounds over 10 days, and the request of a pod of a workload that VPA updates."""
    passed = run(before, after, swing_percent, request)
    at = [round(one.at / DAY, 3) for one in passed]
    updates = [one for one in passed if one.updated]
    follows = next((one.at for one in passed if one.at >= CHANGE * DAY and _is_near(one, after, swing_percent)), None)
    told = (
        "not followed in time"
        if follows is None
        else f"followed {(follows - CHANGE * DAY) / HOUR:g} h after the change"
    )
    times = f"{len(updates)} time{'s' * (len(updates) != 1)}"
    shown = [one for one in passed if one.updated or one.at % DAY == 0]
    top = max(2 * before, 2 * after, request)
    lines = (
        ("upper bound", [min(one.found.upper["cpu"], top) for one in passed], COLOURS[7], "dot"),
        ("target", [one.found.target["cpu"] for one in passed], COLOURS[0], "solid"),
        ("lower bound", [one.found.lower["cpu"] for one in passed], COLOURS[7], "dash"),
        ("request", [one.request for one in passed], COLOURS[5], "solid"),
        ("used", [round(one.used) for one in passed], COLOURS[2], "solid"),
    )
    return Figure(
        f"From {before}m to {after}m: the target has {told}; pods updated {times}",
        ("Day", "Used", "Lower bound", "Target", "Upper bound", "Request", ""),
        [
            (
                f"{one.at / DAY:.2f}", round(one.used), one.found.lower["cpu"], one.found.target["cpu"],
                f"{one.found.upper['cpu']:,}" if one.found.upper["cpu"] < 10**9 else "no bound yet", one.request,
                "updated" if one.updated else "",
            )
            for one in shown
        ],
        [
            line(name, at, values, colour=colour, dash=dash, shape="hv" if name == "request" else "linear")
            for name, values, colour, dash in lines
        ],
        {
            "xaxis": {"title": {"text": "days"}, "zeroline": False},
            "yaxis": {"title": {"text": "millicores"}, "rangemode": "tozero"},
            **LAYOUT,
        },
    )  # fmt: skip


def _is_near(one: Step, after: int, swing_percent: int) -> bool:
    """Whether the target is what the new usage alone would give, but for a bucket."""
    highest = 1.1 * recommender.with_margin(_end(math.ceil(after * (1 + swing_percent / 100))), 0.15)
    return after * 0.95 <= one.found.target["cpu"] <= max(highest, Settings().least["cpu"])


def cost(request: int, memory: int, used: int, used_memory: int) -> Figure:
    """What the requests of one pod cost, as they are and as recommended. Millicores and MiB; Fargate's price."""
    checks.whole("request", request, 1)
    checks.whole("memory", memory, 1)
    checks.whole("used", used, 1, 100_000)
    checks.whole("used_memory", used_memory, 1, 900_000)
    found = steady(used, used_memory * MIB)
    rows = []
    for what, cpu, size in (
        ("as requested", request, memory * MIB),
        ("as recommended", found.target["cpu"], found.target["memory"]),
        ("as used", used, used_memory * MIB),
    ):
        month = MONTH_HOURS * fargate_hour(cpu / 1000, size / 2**30)
        rows.append((what, f"{cpu}m", f"{size / MIB:.0f} MiB", f"{month:.2f}"))
    return Figure(
        f"A pod for {MONTH_HOURS} h, at Fargate's price for a vCPU and a GB",
        ("Requests", "CPU", "Memory", "USD"),
        rows,
    )


def oom(requests: tuple[int, ...] = (64, 128, 256, 512, 1024, 4096)) -> Figure:
    """What an OOM kill is taken to mean, and what comes of kill upon kill. MiB."""
    rows = []
    for request in requests:
        usage = Usage()
        held = request
        steps = []
        for turn in range(4):
            Container(usage).oom(held * MIB, turn * HOUR)
            held = math.ceil(recommend({"app": usage})["app"].target["memory"] / MIB)
            steps.append(held)
        first = max(request + 100, request * 1.2)
        rows.append((request, f"{first:g}", *steps))
    return Figure(
        "After each OOM kill of the pod that was given the last recommendation, in MiB",
        ("Request", "Taken to be needed", "1st kill", "2nd", "3rd", "4th"),
        rows,
    )


def modes() -> Figure:
    """The update modes, and what each does."""
    return Figure("updatePolicy.updateMode", ("Mode", "What it does"), list(updater.MODES.items()))


def due() -> Figure:
    """When a pod is updated."""
    cases = (
        ("request outside the bounds, started just now", Priority(True, True, 0.5), 60.0, None),
        ("within the bounds, 8 % off, 13 h old", Priority(False, True, 0.08), 13 * HOUR, None),
        ("within the bounds, 20 % off, 11 h old", Priority(False, True, 0.2), 11 * HOUR, None),
        ("within the bounds, 20 % off, 13 h old", Priority(False, True, 0.2), 13 * HOUR, None),
        ("killed for memory after 2 minutes, 5 % off", Priority(False, True, 0.05), HOUR, 120.0),
        ("killed for memory after 2 minutes, nothing to change", Priority(False, False, 0.0), HOUR, 120.0),
    )
    return Figure(
        "Whether the updater acts",
        ("Pod", "Updated"),
        [(what, "yes" if updater.is_due(need, age=age, oom_after=ran) else "no") for what, need, age, ran in cases],
    )


def at_once(most: int = 10) -> Figure:
    """How many pods of a workload are evicted in one loop of the updater, all of them being due and running."""
    return Figure(
        "Evicted in one loop, all pods being due",
        ("Replicas", "Evicted at once"),
        [(replicas, sum(updater.disrupted([False] * replicas, replicas=replicas))) for replicas in range(1, most + 1)],
    )


def limits(request: int, limit: int) -> Figure:
    """What becomes of a limit, with controlledValues RequestsAndLimits, which is the default. Millicores."""
    checks.whole("request", request, 1)
    checks.whole("limit", limit, request)
    rows = []
    for used in (100, 200, 500, 1000):
        target = steady(used, MIB).target["cpu"]
        rows.append((f"{used}m", f"{target}m", f"{recommender.proportional_limit(limit, request, target)}m"))
    return Figure(
        f"A container with a request of {request}m and a limit of {limit}m",
        ("Uses", "Request becomes", "Limit becomes"),
        rows,
    )


def boost(request: int, limit: int, factor: int, used: int) -> Figure:
    """The CPU of a new pod whose VPA has a startup boost of that factor, and of the same pod once the boost is over."""
    checks.whole("request", request, 1)
    checks.whole("limit", limit, request)
    checks.whole("boost_factor", factor, 1, 100)
    checks.whole("used", used, 1, 100_000)
    target = steady(used, MIB).target["cpu"]
    template = Resources({"cpu": request}, {"cpu": limit})
    rows = []
    for values, policy in (("RequestsAndLimits", Policy()), ("RequestsOnly", Policy(controls_limits=False))):
        for what, then in (("nothing yet", request), ("a target", target)):
            start = boosted(template, Boost(factor), {"cpu": then}, policy)
            most = recommender.proportional_limit(limit, request, then) if policy.controls_limits else limit
            first = f"{start.requests['cpu']}m of {start.limits.get('cpu', limit)}m"
            rows.append((values, what, first, f"{then}m of {most}m"))
    return Figure(
        f"A request of {request}m with a limit of {limit}m, a target of {target}m, and a boost of factor {factor}",
        ("controlledValues", "Recommended", "While it starts", "Afterwards"),
        rows,
    )


def flags() -> Figure:
    """The recommender's settings, for all VPAs of a cluster."""
    settings = Settings()
    return Figure(
        "Flags of the recommender, with their defaults",
        ("What", "Default"),
        [
            ("percentile for the target", f"{settings.target:g}"),
            ("percentile for the lower bound", f"{settings.lower:g}"),
            ("percentile for the upper bound", f"{settings.upper:g}"),
            ("safety margin", f"{100 * settings.margin:g} %"),
            (
                "least of a pod, shared by its containers",
                f"{settings.least['cpu']}m, {settings.least['memory'] // MIB} MiB",
            ),
            ("half-life of a sample", "24 h"),
        ],
    )

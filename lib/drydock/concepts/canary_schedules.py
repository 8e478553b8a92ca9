"""What canary-schedules draws, asks and shows: who gets which traffic when, and what a bad version costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drydock.concepts import checks
from drydock.concepts.drawing import LAYOUT, line, percent
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy.ecs import strategy
from drydock.policy.ecs.strategy import Facts, Progress, Stage
from drydock.policy.requests.errors import Invalid
from drydock.policy.requests.service import validate_shift
from drydock.pricing import fargate_tasks

STRATEGIES = ("CANARY", "LINEAR", "BLUE_GREEN")
CODE_DEPLOY = {
    "ECSAllAtOnce": ("BLUE_GREEN", 100.0, 0),
    "ECSCanary10Percent5Minutes": ("CANARY", 10.0, 5),
    "ECSCanary10Percent15Minutes": ("CANARY", 10.0, 15),
    "ECSLinear10PercentEvery1Minutes": ("LINEAR", 10.0, 1),
    "ECSLinear10PercentEvery3Minutes": ("LINEAR", 10.0, 3),
}
"""(strategy, per cent, minutes of a step) by the name of CodeDeploy's configuration, without CodeDeployDefault."""


def configuration(kind: str, step_percent: float, step_minutes: int, bake_minutes: int) -> dict[str, Any]:
    """A `deploymentConfiguration` as the API has it. Raises ValueError and Invalid for what ECS refuses."""
    if kind not in STRATEGIES:
        raise ValueError(f"kind is one of {', '.join(STRATEGIES)}, not {kind!r}.")
    checks.number("step_percent", step_percent)
    checks.whole("step_minutes", step_minutes, 0, 1440)
    checks.whole("bake_minutes", bake_minutes, 0, 1440)
    given: dict[str, Any] = {"strategy": kind, "bakeTimeInMinutes": bake_minutes}
    if kind == "CANARY":
        given["canaryConfiguration"] = {"canaryPercent": step_percent, "canaryBakeTimeInMinutes": step_minutes}
    if kind == "LINEAR":
        given["linearConfiguration"] = {"stepPercent": step_percent, "stepBakeTimeInMinutes": step_minutes}
    return given


def shares(given: Mapping[str, Any]) -> list[tuple[float, float]]:
    """(minute, per cent of the traffic that the new version gets from then on), and the end of the last bake time.

    It goes through the stages as the embedded ECS does; tasks, hooks and listeners take no time here.
    """
    plan = strategy.plan(given)
    now, found = 0.0, [(0.0, 0.0)]
    progress: Progress | None = Progress(Stage.PRODUCTION_TRAFFIC_SHIFT)
    while progress is not None and progress.stage is not Stage.CLEAN_UP:
        share = strategy.production(plan, progress) or 0.0
        if share != found[-1][1]:
            found.append((now / 60, share))
        following = strategy.after(plan, progress, Facts(now, 1, healthy=1))
        if following == progress:
            waits = plan.steps[progress.step].bake if progress.stage is Stage.PRODUCTION_TRAFFIC_SHIFT else plan.bake
            now = progress.since + waits
        progress = strategy.after(plan, progress, Facts(now, 1, healthy=1))
    return [*found[1:], (now / 60, 100.0)]


def until_all(given: Mapping[str, Any]) -> float:
    """Minutes from the first step until the new version has all the traffic."""
    return next(minute for minute, share in shares(given) if share == 100)


def question(kind: str, step_percent: float, step_minutes: int) -> Question:
    """When a rollout of another strategy is through. Raises ValueError."""
    other, part = ("LINEAR", 25.0) if kind != "LINEAR" or step_percent != 25 else ("LINEAR", 20.0)
    found = until_all(configuration(other, part, step_minutes, 0))
    steps = round(100 / part)
    return Question(
        f"A deployment is {other} with stepPercent {part:g} and stepBakeTimeInMinutes {step_minutes}. The first step "
        "is at minute 0. At which minute has the new version all of the traffic?",
        found,
        f"The steps are {', '.join(f'{part * n:g}' for n in range(1, steps + 1))} per cent. There is a bake after each "
        f"but the last, so {steps - 1} of {step_minutes} minutes: {found:g}.",
    )


def schedule(
    kind: str, step_percent: float, step_minutes: int, bake_minutes: int, alarm_minutes: int, errors: int, load: int
) -> Figure:
    """The new version's share, and where an alarm ends a version with `errors` per cent. Raises ValueError, Invalid."""
    given = configuration(kind, step_percent, step_minutes, bake_minutes)
    checks.whole("alarm_minutes", alarm_minutes, 0, 1440)
    checks.whole("errors", errors, 0, 100)
    checks.whole("load", load, 0)
    validate_shift(given, kind)
    steps = shares(given)
    end = steps[-1][0]
    back = alarm_minutes if errors and alarm_minutes <= end else None
    rows = []
    failed = 0.0
    for (minute, share), (following, _) in zip(steps, [*steps[1:], (end, 0.0)], strict=True):
        lasts = max(0.0, min(following, end if back is None else back) - minute)
        lost = lasts * load * share / 100 * errors / 100
        failed += lost
        if back is None or minute < back:
            rows.append((f"{minute:g}", f"{share:g} %", f"{lasts:g}" if lasts else "from then on", f"{lost:,.0f}"))
    if back is not None:
        rows.append((f"{back:g}", "0 %", "from then on", "0"))
    assert sum(share for _, share in steps) >= 100 and [one for _, one in steps] == sorted(one for _, one in steps)
    whole = exposed(given, alarm_minutes if back is not None else end)
    assert abs(failed - whole * load * errors / 100) < 1e-6 * max(1.0, failed), "the rows and the sum differ"
    ends = f"rolled back at minute {back:g}" if back is not None else f"COMPLETED at minute {end:g}"
    x, y = [-1.0, *(minute for minute, _ in steps)], [0.0, *(share for _, share in steps)]
    data: list[dict[str, Any]] = [
        line("as planned", x, y, colour=COLOURS[0], shape="hv", dash="dot" if back is not None else "solid")
    ]
    if back is not None:
        seen = [(minute, share) for minute, share in zip(x, y, strict=True) if minute < back]
        at, had = [*(m for m, _ in seen), back, end + 1], [*(s for _, s in seen), 0, 0]
        data.append(line("with the alarm", at, had, colour=COLOURS[5], shape="hv"))
    return Figure(
        f"{kind}: {ends}. Requests failed: {failed:,.0f}",
        ("From minute", "New version's share", "Minutes of it", "Requests failed"),
        rows,
        data,
        {
            "xaxis": {"title": {"text": "minutes from the first step"}},
            "yaxis": {"title": {"text": "share of the new version, %"}, "range": [-2, 105]},
            **LAYOUT,
        },
    )


def exposed(given: Mapping[str, Any], minutes: float) -> float:
    """The minutes' worth of all traffic that the new version has had after so many minutes."""
    steps = shares(given)
    ends = [*(minute for minute, _ in steps[1:]), steps[-1][0]]
    return sum(
        max(0.0, min(end, minutes) - minute) * share / 100 for (minute, share), end in zip(steps, ends, strict=True)
    )


def presets(load: int, errors: int, alarm_minutes: int) -> Figure:
    """CodeDeploy's configurations and ECS's defaults beside each other."""
    checks.whole("load", load, 0)
    checks.whole("errors", errors, 0, 100)
    cases = {
        "ECS CANARY, defaults": {"strategy": "CANARY", "bakeTimeInMinutes": 60},
        "ECS LINEAR, defaults": {"strategy": "LINEAR", "bakeTimeInMinutes": 60},
        **{
            f"CodeDeploy {name}": configuration(kind, part, minutes, 60)
            for name, (kind, part, minutes) in CODE_DEPLOY.items()
        },
    }
    rows = []
    for name, given in cases.items():
        first = shares(given)[0][1]
        failed = exposed(given, alarm_minutes) * load * errors / 100
        rows.append((name, f"{first:g} %", f"{until_all(given):g}", f"{failed:,.0f}"))
    return Figure(
        f"A version with {errors} % errors"
        + (f" that an alarm ends at minute {alarm_minutes}" if errors else "")
        + f", at {load:,} requests a minute",
        ("Schedule", "First step", "All of the traffic at minute", "Requests failed"),
        rows,
    )


def twice(
    kind: str, step_percent: float, step_minutes: int, bake_minutes: int, *, tasks: int, cpu: int, memory: int
) -> Figure:
    """What the second set of tasks costs while a deployment lasts."""
    checks.whole("tasks", tasks, 1, 5000)
    checks.fargate_task(cpu, memory)
    end = shares(configuration(kind, step_percent, step_minutes, bake_minutes))[-1][0]
    task = fargate_tasks(1, cpu=cpu, memory=memory).usd_per_hour or 0.0
    during = strategy.tasks(Progress(Stage.BAKE_TIME), tasks)
    assert during == (tasks, tasks), "both versions have all their tasks until CLEAN_UP"
    rows = [
        (
            f"{minutes:g}" + (" ← this schedule" if minutes == end else ""),
            sum(during),
            f"{tasks * task * minutes / 60:.4f}",
            f"{100 * tasks * task * minutes / 60:.2f}",
        )
        for minutes in sorted({end, 10.0, 60.0, 1440.0})
    ]
    return Figure(
        f"{tasks} tasks beside {tasks}: what the second set costs on FARGATE",
        ("Minutes", "Tasks in all", "USD for one deployment", "USD for a hundred"),
        rows,
    )


def seen(load: int, errors: int) -> Figure:
    """How many requests of the new version an alarm has to judge by, by its share."""
    rows = []
    for share in (0.1, 1.0, 5.0, 10.0, 50.0):
        target, source = strategy.weights(share)
        requests = load * share / 100
        rows.append(
            (f"{share:g} %", f"{target}:{source}", f"{requests:,.0f}", f"{requests * errors / 100:,.1f}",
             percent(share / 100 * errors / 100, 2))
        )  # fmt: skip
    return Figure(
        f"What {load:,} requests a minute show of a version with {errors} % errors",
        ("Share", "Weights", "Its requests a minute", "Errors a minute", "Errors, of all requests"),
        rows,
    )


def refusals() -> Figure:
    """Configurations that ECS refuses, and what it answers. Raises AssertionError if one of them is accepted."""
    cases = {
        "LINEAR with stepPercent 2.9": configuration("LINEAR", 2.9, 6, 5),
        "CANARY with canaryPercent 0.05": configuration("CANARY", 0.05, 10, 5),
        "a canary bake of 1441 minutes": {
            "strategy": "CANARY",
            "canaryConfiguration": {"canaryPercent": 5.0, "canaryBakeTimeInMinutes": 1441},
        },
    }
    return Figure("Configurations that are refused", ("Configuration", "AWS answers"), [*map(_refused, cases.items())])


def _refused(case: tuple[str, Mapping[str, Any]]) -> tuple[str, str]:
    what, given = case
    try:
        validate_shift(given, given["strategy"])
    except Invalid as error:
        return what, error.message
    raise AssertionError(f"{what}: accepted, and ECS refuses it")

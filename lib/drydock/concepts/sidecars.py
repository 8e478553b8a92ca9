"""What sidecars draws, asks and shows: the containers of one task, second by second, from their start to their end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from drydock.concepts import checks
from drydock.concepts.catalogue import fixture
from drydock.concepts.drawing import LAYOUT, percent
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy import dependencies
from drydock.policy.dependencies import Container, State
from drydock.policy.health import ContainerHealth, Health, HealthCheck
from drydock.pricing import MONTH_HOURS, fargate_hour

NEVER = "The program is never begun: the proxy is UNHEALTHY"
CONDITIONS = (dependencies.HEALTHY, dependencies.START)
APP, PROXY, MIGRATE, COLLECTOR = "app", "proxy", "migrate", "collector"
RUNS, LIMIT = 20, 900
"""Seconds that the task serves before it is stopped, and after which a start is given up here."""
COLLECTOR_SECONDS, CHECK_SECONDS = 2, 0.0
MOST_SECONDS = 300


@dataclass
class Life:
    """Seconds of one container: when it is begun, answers, is HEALTHY, is told to stop, has ended; None: not."""

    name: str
    begins: float | None = None
    answers: float | None = None
    healthy: float | None = None
    told: float | None = None
    ends: float | None = None
    exit_code: int | None = None


def definitions(condition: str, interval: int) -> list[dict[str, Any]]:
    """The container definitions of the fixture, with this dependency and this interval. Raises ValueError."""
    if condition not in CONDITIONS:
        raise ValueError(f"condition is one of {', '.join(CONDITIONS)}, not {condition!r}.")
    checks.whole("interval", interval, 5, 300)
    found: list[dict[str, Any]] = json.loads(fixture("sidecars/task-definition.json"))["containerDefinitions"]
    by_name = {one["name"]: one for one in found}
    by_name[PROXY]["healthCheck"]["interval"] = interval
    by_name[APP]["dependsOn"][1]["condition"] = condition
    return found


def lives(
    condition: str, interval: int, migrate_seconds: int, proxy_seconds: int, app_seconds: int, stop_seconds: int
) -> dict[str, Life]:
    """Each container from the task's start to its end, by the rules that the embedded ECS goes by.

    It is looked once a second. The task is stopped `RUNS` seconds after the program answers, and each container then
    takes `stop_seconds`. Where a dependency can no longer be met it is stopped at once, and who waits has no `begins`.
    """
    for name, value in (("migrate_seconds", migrate_seconds), ("proxy_seconds", proxy_seconds),
                        ("app_seconds", app_seconds), ("stop_seconds", stop_seconds)):  # fmt: skip
        checks.whole(name, value, 0, MOST_SECONDS)
    given = definitions(condition, interval)
    containers = [Container.read(one) for one in given]
    needs = {MIGRATE: migrate_seconds, PROXY: proxy_seconds, APP: app_seconds, COLLECTOR: COLLECTOR_SECONDS}
    found = {one.name: Life(one.name) for one in containers}
    health = {
        one["name"]: ContainerHealth(HealthCheck.read(one["healthCheck"])) for one in given if "healthCheck" in one
    }
    states: dict[str, State] = {}
    now = 0.0
    while now < LIMIT and found[APP].answers is None:
        _go_on(now, found, states, health, needs)
        while ready := dependencies.may_start(containers, states):
            for name in ready:
                states[name] = State(started=True)
                found[name].begins = now
            _go_on(now, found, states, health, needs)
        if dependencies.impossible(containers, states):
            break
        now += 1
    answers = found[APP].answers
    end = now if answers is None else answers + RUNS
    while now <= end:
        _go_on(now, found, states, health, needs)
        now += 1
    _stop(containers, found, end, stop_seconds)
    return found


def _go_on(
    now: float,
    found: Mapping[str, Life],
    states: dict[str, State],
    health: dict[str, ContainerHealth],
    needs: Mapping[str, int],
) -> None:
    """What has become of each container that was begun."""
    for name, life in found.items():
        if life.begins is None or life.ends is not None:
            continue
        since = now - life.begins
        if since >= needs[name]:
            life.answers = life.begins + needs[name] if life.answers is None else life.answers
            if name == MIGRATE:
                life.ends, life.exit_code = life.answers, 0
        while name in health and since >= health[name].next_at:
            at = health[name].next_at
            health[name] = health[name].after(at >= needs[name], at, at + CHECK_SECONDS)
            if health[name].status is Health.HEALTHY and life.healthy is None:
                life.healthy = life.begins + at
        states[name] = State(
            started=True,
            exit_code=life.exit_code,
            health=health[name].status if name in health else Health.UNKNOWN,
            seconds=since,
        )


def _stop(containers: Sequence[Container], found: Mapping[str, Life], at: float, seconds: int) -> None:
    """All that run end, in the order in which they may."""
    running = [name for name, life in found.items() if life.begins is not None and life.ends is None]
    while running:
        now = dependencies.may_stop(containers, running)
        for name in now:
            found[name].told, found[name].ends = at, at + seconds
        running = [name for name in running if name not in now]
        at += seconds


def question(interval: int, proxy_seconds: int, *, more: int = 6) -> Question:
    """When the program is begun, by a proxy `more` slower, if its checks bear that. Raises ValueError."""
    checks.whole("proxy_seconds", proxy_seconds, 0, MOST_SECONDS)
    check = next(one for one in definitions(dependencies.HEALTHY, interval) if one["name"] == PROXY)["healthCheck"]
    proxy_seconds = min(proxy_seconds + more, check["retries"] * interval, MOST_SECONDS)
    begins = lives(dependencies.HEALTHY, interval, 0, proxy_seconds, 1, 1)[APP].begins
    assert begins is not None, "the proxy is UNHEALTHY"
    return Question(
        f"A proxy answers {proxy_seconds} s after its start. Its health check has an interval of {interval} s and no "
        f"startPeriod, and {check['retries']} retries. The program depends on it being HEALTHY, and on nothing else "
        "that takes time. After how many seconds is the program begun?",
        begins,
        f"The check is run for the first time after {interval} s, and each {interval} s from then on. The first that "
        f"the "
        f"proxy answers is the one at {begins:g} s, and one success is enough.",
    )


def timeline(
    condition: str, interval: int, migrate_seconds: int, proxy_seconds: int, app_seconds: int, stop_seconds: int
) -> Figure:
    """The containers of a task as bars. Raises ValueError."""
    found = lives(condition, interval, migrate_seconds, proxy_seconds, app_seconds, stop_seconds)
    app, proxy = found[APP], found[PROXY]
    if app.begins is not None and condition == dependencies.HEALTHY:
        assert proxy.healthy is not None and app.begins >= proxy.healthy, (
            "the program began before the proxy was HEALTHY"
        )
        assert app.ends is not None and proxy.told is not None and proxy.told >= app.ends, "the proxy ended first"
    lonely = max(0.0, (proxy.answers or 0.0) - (app.answers or 0.0)) if app.answers is not None else 0.0
    serves = f"The program answers after {app.answers:g} s" if app.answers is not None else NEVER
    order = [found[name] for name in (MIGRATE, PROXY, APP, COLLECTOR)]
    parts = (
        ("waits", [(0.0, one.begins) for one in order], COLOURS[7]),
        ("starts", [(one.begins, one.answers) for one in order], COLOURS[1]),
        ("answers", [(one.answers, one.told or one.ends) for one in order], COLOURS[2]),
        ("told to stop", [(one.told, one.ends) for one in order], COLOURS[5]),
    )
    return Figure(
        f"{serves}" + (f", {lonely:g} s before the proxy does" if lonely else ""),
        ("Container", "Begun", "Answers", "HEALTHY", "Told to stop", "Ended"),
        [
            (one.name, *(_shown(at) for at in (one.begins, one.answers, one.healthy, one.told, one.ends)))
            for one in order
        ],
        [
            {
                "type": "bar",
                "orientation": "h",
                "name": what,
                "y": [one.name for one in order],
                "base": [begin or 0.0 for begin, _ in spans],
                "x": [max(0.0, (end or 0.0) - (begin or 0.0)) if begin is not None else 0.0 for begin, end in spans],
                "marker": {"color": colour},
            }
            for what, spans, colour in parts
        ],
        {
            "barmode": "overlay",
            "xaxis": {"title": {"text": "seconds from the start of the task"}},
            "yaxis": {"title": {"text": "container", "standoff": 12}, "autorange": "reversed", "automargin": True},
            **LAYOUT,
        },
    )


def shares(tasks: int) -> Figure:
    """What each container of the fixture reserves of its task, and what that part of the bill is."""
    checks.whole("tasks", tasks, 1, 5000)
    task = json.loads(fixture("sidecars/task-definition.json"))
    cpu, memory = int(task["cpu"]), int(task["memory"])
    rows = []
    left_cpu, left_memory = cpu, memory
    for one in task["containerDefinitions"]:
        own_cpu, own_memory = one.get("cpu", 0), one.get("memory", 0)
        left_cpu, left_memory = left_cpu - own_cpu, left_memory - own_memory
        rows.append(_share(one["name"], own_cpu, own_memory, cpu, memory, tasks))
    assert left_cpu >= 0 and left_memory >= 0, "the containers reserve more than the task has"
    rows.append(_share("left for those without limits", left_cpu, left_memory, cpu, memory, tasks))
    return Figure(
        f"{tasks} tasks of {cpu} CPU units and {memory} MiB on FARGATE",
        ("Container", "CPU units", "MiB", "Of the task's CPU", "Of its memory", f"USD in {MONTH_HOURS} h"),
        rows,
    )


def endings() -> Figure:
    """What ends a task, and what does not."""
    by_name = {one["name"]: one for one in json.loads(fixture("sidecars/task-definition.json"))["containerDefinitions"]}
    rows = []
    for name in (APP, PROXY, COLLECTOR, MIGRATE):
        one = by_name[name]
        restarts = bool(one.get("restartPolicy", {}).get("enabled"))
        what = "the task ends" if Container.read(one).essential else "it is started again" if restarts else "nothing"
        rows.append((name, str(Container.read(one).essential).lower(), str(restarts).lower(), what))
    return Figure("A container exits by itself", ("Container", "essential", "restartPolicy", "Then"), rows)


def never() -> Figure:
    """Dependencies that cannot be met, and what ECS says. Raises AssertionError where one of them can."""
    containers = [Container.read(one) for one in definitions(dependencies.HEALTHY, 5)]
    slow = [replace(one, start_timeout=30.0) if one.name == PROXY else one for one in containers]
    up = State(started=True)
    cases: tuple[tuple[str, list[Container], dict[str, State]], ...] = (
        ("migrate exits with 1", containers, {MIGRATE: State(True, 1), PROXY: up}),
        (
            "the proxy becomes UNHEALTHY",
            containers,
            {MIGRATE: State(True, 0), PROXY: State(True, None, Health.UNHEALTHY)},
        ),
        ("the proxy exits", containers, {MIGRATE: State(True, 0), PROXY: State(True, 0)}),
        ("its startTimeout of 30 s is over", slow, {MIGRATE: State(True, 0), PROXY: replace(up, seconds=31)}),
    )
    rows = []
    for what, given, states in cases:
        found = dependencies.impossible(given, states)
        assert found, f"{what}: the program could still start"
        rows.append((what, found[0].reason))
    return Figure("The task stops with TaskFailedToStart", ("What happens", "ECS says"), rows)


def _share(name: str, own_cpu: int, own_memory: int, cpu: int, memory: int, tasks: int) -> tuple[object, ...]:
    usd = fargate_hour(own_cpu / 1024, own_memory / 1024) * MONTH_HOURS * tasks
    return name, own_cpu, own_memory, percent(own_cpu / cpu), percent(own_memory / memory), f"{usd:,.2f}"


def _shown(at: float | None) -> str:
    return "" if at is None else f"{at:g} s"

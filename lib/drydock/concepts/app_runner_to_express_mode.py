"""What app-runner-to-express-mode draws, asks and shows: one service on both, field by field and by load."""

from __future__ import annotations

import json
import math
from typing import Any

from drydock.concepts import canary_schedules, checks
from drydock.concepts.catalogue import fixture
from drydock.concepts.drawing import LAYOUT
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.policy import express
from drydock.pricing import MONTH_HOURS, fargate_tasks, load_balancers

ROLES: dict[str, Any] = {
    "infrastructure_role": "arn:aws:iam::123456789012:role/ecsInfrastructureRoleForExpressServices",
    "execution_role": "arn:aws:iam::123456789012:role/orders-execution",
}
CANARY = {
    "strategy": "CANARY",
    "canaryConfiguration": {"canaryPercent": 5.0, "canaryBakeTimeInMinutes": 3},
    "bakeTimeInMinutes": 3,
}
"""How Express Mode updates a service (documented)."""


def request() -> str:
    """The fixture's service as a request of CreateExpressGatewayService."""
    made, _ = express.request(json.loads(fixture("app-runner/service.json")), **ROLES)
    return json.dumps(made, indent=2)


def left() -> Figure:
    """What of the fixture's service has no field in Express Mode."""
    _, found = express.request(json.loads(fixture("app-runner/service.json")), **ROLES)
    return Figure("What is left", ("App Runner", "Instead"), [(one.field, one.instead) for one in found])


def tasks_by_cpu(requests: float, per_task: int, target: int, least: int, most: int) -> int:
    """The tasks at which so many requests a second are `target` per cent of what these can serve."""
    return max(least, min(most, math.ceil(100 * requests / per_task / target)))


def question(concurrency: int, milliseconds: int) -> Question:
    """How many instances App Runner has active. Raises ValueError."""
    _check(concurrency, milliseconds)
    requests = 7 * concurrency
    under_way = requests * milliseconds / 1000
    found = express.instances(under_way, concurrency=concurrency)
    return Question(
        f"A service of App Runner has a MaxConcurrency of {concurrency}. It is sent {requests:,} requests a second, "
        f"and "
        f"each takes {milliseconds} ms. How many instances are active?",
        found,
        f"What is under way is what arrives times how long it stays: {requests:,} × {milliseconds / 1000:g} s = "
        f"{under_way:g} requests. At {concurrency} for each instance that is {under_way / concurrency:g}, so {found}.",
    )


def scaling(concurrency: int, milliseconds: int, per_task: int, cpu_target: int, least: int, most: int) -> Figure:
    """Instances or tasks by load, by what each of the two scales on. Raises ValueError."""
    _check(concurrency, milliseconds)
    checks.whole("per_task", per_task, 1)
    checks.whole("cpu_target", cpu_target, 1, 100)
    checks.whole("least", least, 1, 1000)
    checks.whole("most", most, least, 1000)
    end = per_task * 8
    loads = [end * part / 16 for part in range(17)]
    runner = [
        express.instances(load * milliseconds / 1000, concurrency=concurrency, least=least, most=most) for load in loads
    ]
    mode = [tasks_by_cpu(load, per_task, cpu_target, least, most) for load in loads]
    assert runner == sorted(runner) and mode == sorted(mode), "more load has fewer instances"
    full = [math.ceil(load / per_task) for load in loads]
    short = next((load for load, has, needs in zip(loads, runner, full, strict=True) if has < needs), None)
    title = (
        "App Runner has enough at each load"
        if short is None
        else f"From {short:,.0f} requests a second App Runner has too few"
    )
    return Figure(
        f"{title}. The same target by requests: {express.request_target(concurrency, milliseconds / 1000):,.0f} a "
        f"minute",
        ("Requests a second", "Under way", "App Runner, active", "Express Mode, tasks", "Needed at 100 % CPU"),
        [
            (f"{load:,.0f}", f"{load * milliseconds / 1000:,.0f}", one, other, needs)
            for load, one, other, needs in zip(loads, runner, mode, full, strict=True)
        ],
        [
            {"type": "scatter", "mode": "lines+markers", "name": name, "x": loads, "y": values,
             "line": {"shape": "hv", "dash": dash}}
            for name, values, dash in (
                (f"App Runner, {concurrency} at a time", runner, "solid"),
                (f"Express Mode, {cpu_target} % CPU", mode, "solid"),
                ("needed at 100 % CPU", full, "dot"),
            )
        ],
        {
            "xaxis": {"title": {"text": "requests a second"}},
            "yaxis": {"title": {"text": "instances or tasks"}, "rangemode": "tozero"},
            **LAYOUT,
        },
    )  # fmt: skip


def bill(tasks: int, services: int, cpu: int, memory: int) -> Figure:
    """A month of Express Mode: tasks on Fargate and a part of a load balancer. Raises ValueError."""
    checks.whole("tasks", tasks, 1, 1000)
    checks.whole("services", services, 1, 100)
    checks.fargate_task(cpu, memory)
    task = fargate_tasks(tasks, cpu=cpu, memory=memory)
    balancer = load_balancers()
    hours = [(task.usd_per_hour or 0.0) * tasks, (balancer.usd_per_hour or 0.0) / services]
    rows = [
        (f"{tasks} tasks of {cpu} CPU units and {memory} MiB", f"{hours[0] * MONTH_HOURS:,.2f}", task.dated),
        (
            f"a load balancer, shared by {services}, without what it carries",
            f"{hours[1] * MONTH_HOURS:,.2f}",
            balancer.dated,
        ),
        ("both", f"{sum(hours) * MONTH_HOURS:,.2f}", ""),
        ("App Runner", "no dated price", ""),
    ]
    return Figure("A month of Express Mode, us-east-1", ("What", f"USD in {MONTH_HOURS} h", "Price of"), rows)


def update() -> Figure:
    """The steps of an update of Express Mode."""
    steps = canary_schedules.shares(CANARY)
    ends = [minute for minute, _ in steps[1:]]
    return Figure(
        f"An update of Express Mode takes {steps[-1][0]:g} minutes from its first shift",
        ("From minute", "To minute", "Share of the new version"),
        [(f"{minute:g}", f"{end:g}", f"{share:g} %") for (minute, share), end in zip(steps, ends, strict=False)],
    )


def _check(concurrency: int, milliseconds: int) -> None:
    checks.whole("concurrency", concurrency, 1, 200)
    checks.whole("milliseconds", milliseconds, 1, 120_000)

"""What secrets draws, asks and shows: a secret that is rotated, and tasks that read it when they start."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from drydock.concepts import checks
from drydock.concepts.catalogue import fixture
from drydock.concepts.drawing import LAYOUT, line
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy import secret_rotation
from drydock.policy.requests.secrets import Parameter, parse

SINGLE, ALTERNATING = "single user", "alternating users"
STRATEGIES = (SINGLE, ALTERNATING)
ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:orders/database-Xk2fQe"
HOURS = 24


def started(day: float, deploy_days: int, rotation_days: int, redeploy: bool) -> float:
    """When the tasks that run on this day were started: with a deployment, or replaced after a rotation."""
    last = day // deploy_days * deploy_days
    return max(last, day // rotation_days * rotation_days) if redeploy else last


def failing_days(days: int, rotation_days: int, deploy_days: int, strategy: str, redeploy: bool) -> float:
    """Days of `days` in which the tasks have a password that is refused. Raises ValueError.

    All tasks are replaced on each `deploy_days`-th day, after the rotation where both are on one day. It is looked at
    by the hour.
    """
    _check(days, rotation_days, deploy_days, strategy)
    return _failing(days, rotation_days, deploy_days, strategy, redeploy)


def _failing(days: int, rotation_days: int, deploy_days: int, strategy: str, redeploy: bool) -> float:
    hours = (one / HOURS for one in range(days * HOURS))
    return sum(_fails(day, rotation_days, deploy_days, strategy, redeploy) for day in hours) / HOURS


def question(rotation_days: int, deploy_days: int, *, days: int = 60) -> Question:
    """For how many days tasks are refused. Raises ValueError."""
    _check(days, rotation_days, deploy_days, SINGLE)
    rotation = rotation_days + 10
    found = _failing(days, rotation, deploy_days, SINGLE, False)
    until = -(-rotation // deploy_days) * deploy_days - rotation
    return Question(
        f"A database password of a single user is rotated on day 0 and each {rotation} days. The tasks that use it are "
        f"replaced by a deployment on day 0 and each {deploy_days} days, and by nothing else. On how many of the first "
        f"{days} days do they have a password that is refused?",
        found,
        "A task reads the secret when it starts. From each rotation to the next deployment the running tasks have the "
        f"password of before; the first time, from day {rotation} on, for {until} days. Together {found:g} days.",
    )


def versions(days: int, rotation_days: int, deploy_days: int, strategy: str, redeploy: bool) -> Figure:
    """The current version of the secret and the one that the tasks have, over the days. Raises ValueError."""
    failing = failing_days(days, rotation_days, deploy_days, strategy, redeploy)
    assert not (redeploy and failing), "tasks that are replaced after each rotation have the current version"
    marks = sorted({*range(0, days + 1, rotation_days), *range(0, days + 1, deploy_days), days})
    current = [day // rotation_days + 1 for day in marks]
    held = [
        now - secret_rotation.versions_behind(day, started(day, deploy_days, rotation_days, redeploy), rotation_days)
        for day, now in zip(marks, current, strict=True)
    ]
    refused = [_fails(day, rotation_days, deploy_days, strategy, redeploy) for day in marks]
    return Figure(
        f"{strategy}: the tasks' password is refused on {failing:g} of {days} days",
        ("Day", "What happens", "Current version", "The tasks have", "The database"),
        [
            (day, _event(day, rotation_days, deploy_days), now, has, "refuses it" if bad else "takes it")
            for day, now, has, bad in zip(marks, current, held, refused, strict=True)
        ][:40],
        [
            line("current version", marks, current, colour=COLOURS[0], shape="hv", width=4),
            line("version that the tasks have", marks, held, colour=COLOURS[1], shape="hv", width=2),
            {
                "type": "scatter",
                "mode": "markers",
                "name": "refused from here on",
                "x": [day for day, bad in zip(marks, refused, strict=True) if bad],
                "y": [has for has, bad in zip(held, refused, strict=True) if bad],
                "marker": {"color": COLOURS[5], "size": 11, "symbol": "x"},
            },
        ],
        {
            "xaxis": {"title": {"text": "day"}},
            "yaxis": {"title": {"text": "version of the secret"}, "rangemode": "tozero", "dtick": 1},
            **LAYOUT,
        },
    )


def references() -> Figure:
    """The secrets of the fixture: what each is read from, and whether it follows a rotation."""
    definition = json.loads(fixture("secrets/task-definition.json"))
    rows = []
    for one in definition["containerDefinitions"][0]["secrets"]:
        source = parse(one["valueFrom"])
        if isinstance(source, Parameter):
            rows.append((one["name"], f"parameter {source.name}", "all of it", "", "as it is when the task starts"))
            continue
        follows = secret_rotation.follows(one["valueFrom"], ARN)
        rows.append(
            (one["name"], f"secret {source.arn.split(':')[-1]}", source.json_key or "all of it",
             source.version_stage or source.version_id or "AWSCURRENT",
             "current when the task starts" if follows else "always that stage or version")
        )  # fmt: skip
    return Figure("Four secrets of a container", ("Variable", "From", "Key", "Version", "It is"), rows)


def forms() -> Figure:
    """Forms of valueFrom: what is read, or why not."""
    rows = []
    for what, value in (
        ("a whole secret", ARN),
        ("a key of it", f"{ARN}:password::"),
        ("a key, and colons left out", f"{ARN}:password"),
        ("the stage before", f"{ARN}:password:AWSPREVIOUS:"),
        ("a parameter's name", "/orders/mail-key"),
        ("guide B's: no six characters at its end", "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-password"),
        ("a secret's name alone, with a space", "db password"),
    ):
        try:
            source = parse(value)
        except ValueError as error:
            rows.append((what, "refused", str(error)))
            continue
        if isinstance(source, Parameter):
            rows.append((what, "parameter", source.name))
        elif source.abridged:
            rows.append((what, "registered, and cannot be read", "the colons of stage and version are missing"))
        else:
            rows.append((what, "secret", source.json_key or "all of it"))
    return Figure("What valueFrom is read as", ("Form", "It is", "Of it"), rows)


def costs(tasks: int, starts: int, values: int, usd_per_secret: float, usd_per_calls: float) -> Figure:
    """A month of secrets in Secrets Manager: one for each value, or one with keys. `usd_per_calls`: for 10,000."""
    for name, value in (("tasks", tasks), ("starts", starts), ("values", values)):
        checks.whole(name, value, 0)
    checks.price("usd_per_secret", usd_per_secret)
    checks.price("usd_per_calls", usd_per_calls)
    calls = tasks * starts * values
    rows = [
        (what, kept, calls, f"{kept * usd_per_secret:.2f}", f"{calls / 10_000 * usd_per_calls:.4f}")
        for what, kept in (("a secret for each value", values), ("one secret with keys", min(1, values)))
    ]
    return Figure(
        f"{tasks} tasks, each started {starts} times in a month, with {values} values",
        ("Kept as", "Secrets", "Values read", "USD for secrets", "USD for calls, one for each value"),
        rows,
    )


def where(definition: Mapping[str, Any] | None = None) -> Figure:
    """Where a value can be read, by how the container is given it."""
    container = (definition or json.loads(fixture("secrets/task-definition.json")))["containerDefinitions"][0]
    plain = {one["name"] for one in container["environment"]}
    secret = {one["name"] for one in container["secrets"]}
    assert not plain & secret, "a variable is given twice"
    return Figure(
        "Who can read a value",
        ("Given by", "In the fixture", "ecs:DescribeTaskDefinition", "A process of the container", "ECS Exec"),
        [
            ("environment", ", ".join(sorted(plain)), "the value", "the value", "the value"),
            ("secrets", ", ".join(sorted(secret)), "an ARN", "the value", "the value"),
            ("read by the program itself", "none", "nothing", "where it keeps it", "with the task role's rights"),
        ],
    )


def _fails(day: float, rotation_days: int, deploy_days: int, strategy: str, redeploy: bool) -> bool:
    begun = started(day, deploy_days, rotation_days, redeploy)
    behind = secret_rotation.versions_behind(day, begun, rotation_days)
    return not secret_rotation.still_works(behind, alternating=strategy == ALTERNATING)


def _check(days: int, rotation_days: int, deploy_days: int, strategy: str) -> None:
    checks.whole("days", days, 1, 400)
    checks.whole("rotation_days", rotation_days, 1, 1000)
    checks.whole("deploy_days", deploy_days, 1, 1000)
    if strategy not in STRATEGIES:
        raise ValueError(f"strategy is {SINGLE!r} or {ALTERNATING!r}, not {strategy!r}.")


def _event(day: int, rotation_days: int, deploy_days: int) -> str:
    return " and ".join(
        what for what, every in (("rotation", rotation_days), ("deployment", deploy_days)) if day % every == 0
    )

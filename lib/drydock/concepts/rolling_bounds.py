"""What rolling-bounds draws, asks and shows: a rolling deployment, step by step within its two bounds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from drydock.concepts import checks
from drydock.concepts.drawing import LAYOUT, line
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy.ecs import rollout
from drydock.policy.requests import service
from drydock.policy.requests.errors import Invalid
from drydock.policy.requests.world import Cluster, World
from drydock.pricing import PRICES, fargate_tasks

OLD, NEW = "old", "new"
MOST = 5000
"""Tasks of a service that is rolled here: as many as ECS allows unless its quota is raised (not verified)."""


@dataclass(frozen=True)
class Step:
    """The service after one decision: tasks by revision and state, and what was decided."""

    number: int
    old: int
    new: int
    starting: int
    stopping: int
    decided: str

    @property
    def healthy(self) -> int:
        """Tasks that serve: healthy, RUNNING and not asked to stop."""
        return self.old + self.new

    @property
    def exist(self) -> int:
        return self.old + self.new + self.starting + self.stopping


def steps(desired_count: int, minimum_healthy_percent: int, maximum_percent: int) -> list[Step]:
    """A rollout of a healthy service to a good revision, decided by policy.ecs.rollout, until it is steady or stuck.

    The world is made small: a task that is started is healthy one step later, and one that is stopped is gone one
    step later. How long a step takes is left open. A rollout that is stuck ends with a step that decides nothing.

    Raises ValueError for a desired count that is no whole number from 0 to MOST.
    """
    checks.whole("desired_count", desired_count, 0, MOST)
    deployments = (rollout.Deployment(NEW, primary=True), rollout.Deployment(OLD))
    tasks = tuple(
        rollout.Task(f"{OLD}-{number}", OLD, "RUNNING", healthy=True, created=number) for number in range(desired_count)
    )
    seen = rollout.Service(desired_count, deployments, tasks, minimum_healthy_percent, maximum_percent)
    history = [_step(0, tasks, "before the update")]
    made = desired_count
    while not rollout.is_steady(seen):
        assert len(history) <= 2 * desired_count, "each step starts or stops a task, so there cannot be more of them"
        actions = rollout.next_actions(seen)
        started = sum(action.count for action in actions if isinstance(action, rollout.Start))
        stopped = {one for action in actions if isinstance(action, rollout.Stop) for one in action.tasks}
        asked = tuple(replace(task, stopping=task.stopping or task.id in stopped) for task in seen.tasks)
        fresh = tuple(rollout.Task(f"{NEW}-{made + one}", NEW, created=made + one) for one in range(started))
        made += started
        decided = [f"start {started}"] * bool(started) + [f"stop {len(stopped)}"] * bool(stopped)
        history.append(_step(len(history), (*asked, *fresh), ", ".join(decided) or "nothing: stuck"))
        if not decided and not any(task.stopping or task.healthy is None for task in seen.tasks):
            return history
        kept = (task for task in (*asked, *fresh) if not task.stopping)
        seen = replace(seen, tasks=tuple(replace(task, last_status="RUNNING", healthy=True) for task in kept))
    return [*history, _step(len(history), seen.tasks, "nothing: steady")]


def is_through(history: list[Step], desired_count: int) -> bool:
    """Whether the last step leaves the desired tasks of the new revision, healthy, and no others."""
    return (history[-1].new, history[-1].exist) == (desired_count, desired_count)


def decisions(history: list[Step]) -> int:
    """How many steps it took: neither the state before the update nor the steady one at the end is one."""
    return len(history) - 2


def question(desired_count: int, minimum_healthy_percent: int, maximum_percent: int) -> Question:
    """Whether a rollout within these bounds gets through."""
    lower = rollout.lower_bound(desired_count, minimum_healthy_percent)
    upper = rollout.upper_bound(desired_count, maximum_percent)
    stuck = rollout.is_stuck(desired_count, minimum_healthy_percent, maximum_percent)
    room = upper - desired_count
    spare = desired_count - lower
    why = (
        f"At least {lower} of {desired_count} tasks must stay healthy "
        f"({minimum_healthy_percent} %, rounded up), and at most {upper} may exist ({maximum_percent} %, rounded "
        f"down). So {max(0, room)} can start before one stops, and {max(0, spare)} can stop before one has started."
    )
    return Question(
        f"A healthy service of {desired_count} tasks gets a new revision. minimumHealthyPercent is "
        f"{minimum_healthy_percent} and maximumPercent is {maximum_percent}. Does the deployment ever get through: "
        "yes or no?",
        "no" if stuck else "yes",
        why + (" Neither can happen first: the deployment never moves." if stuck else ""),
        choices=("yes", "no"),
    )


def rolling(desired_count: int, minimum_healthy_percent: int, maximum_percent: int) -> Figure:
    """The rollout drawn: a bar of tasks for each step, and the two bounds as lines.

    Raises ValueError, Invalid: see `validate`.
    """
    validate(desired_count, minimum_healthy_percent, maximum_percent)
    lower = rollout.lower_bound(desired_count, minimum_healthy_percent)
    upper = rollout.upper_bound(desired_count, maximum_percent)
    history = steps(desired_count, minimum_healthy_percent, maximum_percent)
    for one in history:
        assert one.healthy >= min(lower, desired_count), f"step {one.number}: {one.healthy} healthy, {lower} must be"
        assert one.exist <= max(upper, desired_count), f"step {one.number}: {one.exist} exist, {upper} may"
    through = is_through(history, desired_count)
    x = [one.number for one in history]
    parts = (
        ("new, healthy", [one.new for one in history], COLOURS[2]),
        ("old, healthy", [one.old for one in history], COLOURS[0]),
        ("new, starting", [one.starting for one in history], COLOURS[4]),
        ("stopping", [one.stopping for one in history], COLOURS[7]),
    )
    lines = (
        (f"at least {lower} healthy", lower, COLOURS[5], "dash"),
        (f"at most {upper} exist", upper, COLOURS[3], "dot"),
    )
    outcome = f"through after {decisions(history)} steps" if through else "stuck: it never moves"
    return Figure(
        f"Desired count {desired_count}, {minimum_healthy_percent} % to {maximum_percent} %: {outcome}",
        ("Step", "ECS decides", "Old healthy", "New healthy", "New starting", "Stopping", "Healthy", "Exist"),
        [(s.number, s.decided, s.old, s.new, s.starting, s.stopping, s.healthy, s.exist) for s in history],
        [
            *({"type": "bar", "name": name, "x": x, "y": y, "marker": {"color": colour}} for name, y, colour in parts),
            *(
                line(name, [-0.5, len(history) - 0.5], [y, y], colour=colour, dash=dash)
                for name, y, colour, dash in lines
            ),
        ],
        {
            "barmode": "stack",
            "xaxis": {"title": {"text": "step: one decision of the scheduler"}, "dtick": max(1, len(history) // 15)},
            "yaxis": {"title": {"text": "tasks"}, "rangemode": "tozero", "dtick": max(1, upper // 8)},
            **LAYOUT,
        },
    )


def bounds(cases: list[tuple[int, int, int]]) -> Figure:
    """The two bounds of (desired_count, minimumHealthyPercent, maximumPercent), and what they allow at the start."""
    rows = []
    for desired, minimum, maximum in cases:
        lower, upper = rollout.lower_bound(desired, minimum), rollout.upper_bound(desired, maximum)
        history = steps(desired, minimum, maximum)
        end = f"through, {decisions(history)} steps" if is_through(history, desired) else "stuck"
        rows.append((desired, minimum, maximum, lower, upper, upper - desired, desired - lower, end))
    return Figure(
        "Bounds, and how the rollout ends",
        (
            "Desired",
            "Minimum %",
            "Maximum %",
            "Least healthy",
            "Most that exist",
            "May start first",
            "May stop first",
            "End",
        ),
        rows,
    )


def price(desired_count: int, minimum_healthy_percent: int, maximum_percent: int, *, cpu: int, memory: int,
          seconds_each_step: int) -> Figure:  # fmt: skip
    """What the rollout costs beyond the steady service, and how much more each serving task has to carry.

    seconds_each_step  from start to healthy, and from stop to gone: an assumption of the reader's.

    Raises ValueError, Invalid: see `validate`.
    """
    validate(desired_count, minimum_healthy_percent, maximum_percent)
    checks.fargate_task(cpu, memory)
    checks.number("seconds_each_step", seconds_each_step)
    if seconds_each_step <= 0:
        raise ValueError(f"A step takes more than 0 seconds: seconds_each_step is {seconds_each_step}.")
    history = steps(desired_count, minimum_healthy_percent, maximum_percent)
    task_hour = fargate_tasks(1, cpu=cpu, memory=memory).usd_per_hour
    assert task_hour is not None
    extra = sum(max(0, one.exist - desired_count) for one in history)
    least = min(one.healthy for one in history)
    load = f"{desired_count / least:.2f} times" if least else "nobody serves"
    through = is_through(history, desired_count)
    duration = f"{decisions(history) * seconds_each_step} s in {decisions(history)} steps"
    dated = PRICES["fargate x86_64 vCPU"]
    return Figure(
        f"One rollout, {seconds_each_step} s a step, tasks of {cpu} CPU units and {memory} MiB "
        f"({dated.region}, prices of {dated.date})",
        ("What", "How much"),
        [
            ("duration", duration if through else "without end: the deployment is stuck"),
            ("task-seconds beyond the desired count", extra * seconds_each_step),
            ("what these cost on FARGATE", f"{extra * seconds_each_step / 3600 * task_hour:.6f} USD"),
            ("fewest tasks that serve", least),
            ("load on each of them, in steady service = 1", load),
        ],
    )


def smallest_maximum(desired_count: int) -> int:
    """The least maximumPercent that lets one task more than `desired_count` exist, so that minimum 100 can roll."""
    return math.ceil(100 * (desired_count + 1) / desired_count)


def maxima(counts: list[int]) -> Figure:
    """For minimumHealthyPercent 100: the least maximumPercent that is not stuck, by desired count."""
    rows = []
    for desired in counts:
        least = smallest_maximum(desired)
        assert not rollout.is_stuck(desired, 100, least)
        assert rollout.is_stuck(desired, 100, least - 1)
        rows.append((desired, least, rollout.upper_bound(desired, least)))
    return Figure(
        "The least maximumPercent that moves, with minimumHealthyPercent 100",
        ("Desired", "Least maximumPercent", "Most that exist"),
        rows,
    )


def validate(desired_count: int, minimum_healthy_percent: int, maximum_percent: int) -> None:
    """Refuse what is no whole number, and the percentages that ECS refuses. Raises ValueError, Invalid."""
    checks.whole("desired_count", desired_count, 0, MOST)
    checks.whole("minimum_healthy_percent", minimum_healthy_percent, 0, 100)
    checks.whole("maximum_percent", maximum_percent, 100)
    refusal = refused(minimum_healthy_percent, maximum_percent)
    if refusal:
        raise Invalid("InvalidParameterException", refusal)


def refused(minimum_healthy_percent: int, maximum_percent: int) -> str:
    """What ECS answers to an update of a REPLICA service with these percentages; empty if it takes them."""
    configuration = {"minimumHealthyPercent": minimum_healthy_percent, "maximumPercent": maximum_percent}
    definition = {"networkMode": "bridge", "compatibilities": ["EC2"]}
    try:
        service.validate_update({"deploymentConfiguration": configuration}, {}, World(Cluster(), definition))
    except Invalid as error:
        return error.message
    return ""


def _step(number: int, tasks: Iterable[rollout.Task], decided: str) -> Step:
    seen = tuple(tasks)
    serving = [task for task in seen if task.healthy and not task.stopping]
    return Step(
        number,
        sum(task.deployment == OLD for task in serving),
        sum(task.deployment == NEW for task in serving),
        sum(task.healthy is None for task in seen),
        sum(task.stopping for task in seen),
        decided,
    )

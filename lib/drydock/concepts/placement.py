"""What placement draws, asks and shows: tasks on container instances, by strategies and constraints."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from drydock.concepts import checks
from drydock.concepts.drawing import LAYOUT, percent
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy.ecs.placement import (
    ZONE,
    Constraint,
    Instance,
    Need,
    Placed,
    Strategy,
    choose_to_stop,
    place,
)
from drydock.pricing import MONTH_HOURS, PRICES

ZONES = Strategy("spread", f"attribute:{ZONE}")
STRATEGIES: dict[str, tuple[Strategy, ...]] = {
    "spread zones, spread instances": (ZONES, Strategy("spread", "instanceId")),
    "spread zones, binpack memory": (ZONES, Strategy("binpack", "memory")),
    "spread zones": (ZONES,),
    "binpack memory": (Strategy("binpack", "memory"),),
    "random": (Strategy("random"),),
}
INSTANCE_TYPE, MEMORY, CPU = "m5.large", 7680, 2048
"""Of each instance, for tasks: MiB that the system and the agent leave of 8 GiB (about), and CPU units."""
GROUP = "service:web"


def strategies(name: str) -> tuple[Strategy, ...]:
    """The strategies of that name. Raises ValueError for another."""
    if name not in STRATEGIES:
        raise ValueError(f"strategy is one of {', '.join(map(repr, STRATEGIES))}; not {name!r}.")
    return STRATEGIES[name]


def fleet(zones: int, per_zone: int) -> list[Instance]:
    """Empty instances, so many in each zone. Raises ValueError."""
    checks.whole("zones", zones, 1, 6)
    checks.whole("per_zone", per_zone, 1, 10)
    return [
        Instance(f"{zone}{number}", zone=f"us-east-1{zone}", cpu=CPU, memory=MEMORY)
        for number in range(1, per_zone + 1)
        for zone in "abcdef"[:zones]
    ]


def placed(
    strategy: str, tasks: int, zones: int, per_zone: int, memory: int, seed: int = 0
) -> tuple[list[Instance], str]:
    """The instances with as many of the tasks as fit, and why the next did not; empty if all did."""
    checks.whole("tasks", tasks, 0, 200)
    return _filled(strategies(strategy), tasks, zones, per_zone, memory, seed)


def _filled(
    order: Sequence[Strategy], tasks: int, zones: int, per_zone: int, memory: int, seed: int
) -> tuple[list[Instance], str]:
    checks.whole("memory", memory, 4, MEMORY)
    instances = fleet(zones, per_zone)
    chance = random.Random(f"placement {seed}")
    for _ in range(tasks):
        found = place(Need(128, memory), GROUP, instances, (), order, chance)
        if found.instance is None:
            return instances, ", ".join(sorted({reason for _, reason in found.failures}))
        at = instances.index(found.instance)
        instances[at] = _with(instances[at], memory)
    return instances, ""


def question(tasks: int, zones: int, per_zone: int, memory: int, *, more: int = 1) -> Question:
    """How many instances have a task. Raises ValueError."""
    checks.whole("tasks", tasks, 0, 200)
    tasks, strategy = tasks + more, "spread zones, binpack memory"
    instances, why = _filled(strategies(strategy), tasks, zones, per_zone, memory, 0)
    used = _used(instances)
    fits = MEMORY // memory
    by_zone = Counter(one.zone for one in instances for _ in one.groups)
    return Question(
        f"A service of {tasks} tasks of {memory} MiB is placed on {zones} zones with {per_zone} instances each, of "
        f"{MEMORY} MiB for tasks. The strategies are {strategy}. How many instances have a task?",
        used,
        f"The zones have {', '.join(str(count) for count in sorted(by_zone.values(), reverse=True))} tasks. {fits} "
        f"go on "
        f"an instance, and an instance is filled before the next is begun in its zone: {used} instances."
        + (f" One could not be placed ({why})." if why else ""),
    )


def spread(strategy: str, tasks: int, zones: int, per_zone: int, memory: int, seed: int) -> Figure:
    """Tasks on each instance. Raises ValueError."""
    instances, why = placed(strategy, tasks, zones, per_zone, memory, seed)
    total = sum(len(one.groups) for one in instances)
    assert why or total == tasks, "a task is missing"
    assert all(one.memory >= 0 and one.cpu >= 0 for one in instances), "an instance has more than it has room for"
    if strategy.startswith("spread zones") and not why:
        counts = Counter({f"us-east-1{zone}": 0 for zone in "abcdef"[:zones]})
        counts.update(one.zone for one in instances for _ in one.groups)
        assert max(counts.values()) - min(counts.values()) <= 1, "the zones differ by more than a task"
    rest = f"; {tasks - total} could not be placed: {why}" if why else ""
    names = sorted({one.zone for one in instances})
    most = max(1, *(len(one.groups) for one in instances))
    ordered = sorted(instances, key=lambda one: one.id)
    return Figure(
        f"{strategy}: {total} tasks on {_used(instances)} of {len(instances)} instances{rest}",
        ("Instance", "Zone", "Tasks", "Memory reserved"),
        [(one.id, one.zone, len(one.groups), percent(1 - one.memory / MEMORY)) for one in ordered],
        [
            {
                "type": "bar",
                "name": zone,
                "x": [one.id for one in ordered if one.zone == zone],
                "y": [len(one.groups) for one in ordered if one.zone == zone],
                "marker": {"color": COLOURS[number]},
            }
            for number, zone in enumerate(names)
        ],
        {
            "xaxis": {"title": {"text": "container instance"}, "type": "category"},
            "yaxis": {"title": {"text": "tasks"}, "rangemode": "tozero", "dtick": -(-most // 8)},
            **LAYOUT,
        },
    )


def bills(tasks: int, zones: int, per_zone: int, memory: int, seed: int) -> Figure:
    """Each strategy: what its instances cost, and what the worst end of an instance and of a zone takes."""
    price = PRICES[f"ec2 {INSTANCE_TYPE}"]
    rows = []
    for strategy in STRATEGIES:
        instances, _ = placed(strategy, tasks, zones, per_zone, memory, seed)
        used = _used(instances)
        total = max(1, sum(len(one.groups) for one in instances))
        by_zone = Counter(one.zone for one in instances for _ in one.groups)
        rows.append(
            (strategy, used, f"{used * price.usd * MONTH_HOURS:,.2f}",
             percent(max(len(one.groups) for one in instances) / total),
             percent(max(by_zone.values(), default=0) / total))
        )  # fmt: skip
    return Figure(
        f"{tasks} tasks on {INSTANCE_TYPE}; {price.region}, prices of {price.date}",
        ("Strategies", "Instances with a task", f"USD in {MONTH_HOURS} h", "Worst instance takes", "Worst zone takes"),
        rows,
    )


def zone_losses(tasks: int) -> Figure:
    """What the end of the fullest zone takes, by the number of zones."""
    checks.whole("tasks", tasks, 0)
    rows = [(zones, -(-tasks // zones), percent(-(-tasks // zones) / max(1, tasks), 1)) for zones in range(1, 7)]
    return Figure(f"{tasks} tasks, spread over zones", ("Zones", "Tasks in the fullest", "Its part"), rows)


def failures(memory: int) -> Figure:
    """Tasks that are not placed, and the reason that ECS gives. Raises AssertionError if one is."""
    one = [replace(instance, attributes={"workload-type": "compute"}) for instance in fleet(1, 1)]
    taken = [replace(one[0], groups=(GROUP,))]
    cases: Sequence[tuple[str, Need, list[Instance], tuple[Constraint, ...]]] = (
        ("more memory than any instance has", Need(128, MEMORY + 1), one, ()),
        ("more CPU than any instance has", Need(CPU + 1, memory), one, ()),
        (
            "memberOf with attribute:workload-type == gpu, which is an EC2 tag here",
            Need(128, memory),
            one,
            (Constraint("memberOf", "attribute:workload-type == gpu"),),
        ),
        ("distinctInstance, and a task on each instance", Need(128, memory), taken, (Constraint("distinctInstance"),)),
        ("an instance whose agent is not connected", Need(128, memory), [replace(one[0], agent_connected=False)], ()),
    )
    rows = []
    for what, need, instances, constraints in cases:
        found = place(need, GROUP, instances, constraints)
        assert found.instance is None, f"{what}: placed"
        rows.append((what, found.failures[0][1]))
    return Figure("Tasks that are not placed", ("What is asked for", "ECS answers"), rows)


def scale_in(memory: int) -> Figure:
    """Which task goes first, by strategy: two instances, the one with more room."""
    instances = [
        Instance("a1", zone="us-east-1a", memory=100, groups=(GROUP, GROUP)),
        Instance("b1", zone="us-east-1b", memory=2000, groups=(GROUP,)),
    ]
    tasks = [Placed("t1", "a1", memory=memory), Placed("t2", "a1", memory=memory), Placed("t3", "b1", memory=memory)]
    rows = []
    for name in ("spread zones", "binpack memory"):
        chosen = choose_to_stop(tasks, instances, strategies(name))
        rows.append((name, chosen.instance))
    return Figure(
        "Scaling in by one: a1 has two tasks and 100 MiB free, b1 has one and 2,000 MiB free",
        ("Strategies", "Stopped on"),
        rows,
    )


def _with(instance: Instance, memory: int) -> Instance:
    return replace(instance, memory=instance.memory - memory, cpu=instance.cpu - 128, groups=(*instance.groups, GROUP))


def _used(instances: Sequence[Instance]) -> int:
    return sum(bool(one.groups) for one in instances)

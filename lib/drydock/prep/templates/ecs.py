"""Questions on ECS, ECR and prices, with their answers from policy and prices."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from random import Random

from drydock.policy import dependencies, health
from drydock.policy.ecr import expiry
from drydock.policy.ecs import breaker, capacity, placement, rollout
from drydock.prep.items import LETTERS, Item, Kind, traps
from drydock.pricing import PRICES, fargate_tasks

_LAB_01 = "labs/01-repositories/01-repositories.ipynb"
_LAB_04 = "labs/04-task-definitions/04-task-definitions.ipynb"
_BOUNDS = "notebooks/rolling-bounds.ipynb"
_MIX = "notebooks/capacity-mix.ipynb"
_COST = "notebooks/fargate-or-ec2.ipynb"


def capacity_split(rng: Random) -> Item:
    while True:
        n, base = rng.randint(6, 40), rng.randint(1, 4)
        on_demand, spot = rng.choice([(1, 1), (1, 2), (1, 3), (1, 4), (2, 3), (3, 7)])
        if 2 * ((n - base) * spot % (on_demand + spot)) != on_demand + spot:
            break  # two equal halves are nobody's rule: how ECS rounds them was never seen
    strategy = [capacity.StrategyItem("FARGATE", on_demand, base), capacity.StrategyItem("FARGATE_SPOT", spot)]
    split = capacity.split(strategy, n)
    flat = capacity.split([capacity.StrategyItem("FARGATE", on_demand), strategy[1]], n)
    exact = round((n - base) * spot / (on_demand + spot), 2)
    right = split["FARGATE_SPOT"]
    return Item(
        "capacity split",
        Kind.NUMBER,
        f"A new service has {n} tasks and the strategy FARGATE base {base} weight {on_demand}, FARGATE_SPOT weight "
        f"{spot}. Fractions are rounded to the nearest task. How many of its tasks go to FARGATE_SPOT?",
        str(right),
        f"The base comes first: {base} on FARGATE. The other {n - base} follow the weights {on_demand} : {spot}; "
        f"{exact:g} of them are due on FARGATE_SPOT, so {right} go there. That ECS rounds to the nearest was observed; "
        "AWS does not document it.",
        _MIX,
        unit="tasks",
        traps=traps(
            str(right),
            (str(flat["FARGATE_SPOT"]), f"That splits all {n} tasks by the weights and forgets the base."),
            (str(split["FARGATE"]), "That is how many go to FARGATE."),
            (str(int(exact)), "That rounds the share on FARGATE_SPOT down."),
        ),
        given={"n": n, "base": base, "on_demand": on_demand, "spot": spot},
    )


def rolling_choice(rng: Random) -> Item:
    desired, minimum, maximum = rng.choice(
        [
            (desired, low, high)
            for desired in range(2, 9)
            for low in (50, 66, 75, 100)
            for high in (100, 110, 125, 134, 150, 200)
            if (low, high) != (100, 100)
        ]
    )
    lower, upper = rollout.lower_bound(desired, minimum), rollout.upper_bound(desired, maximum)
    moves = {
        (True, False): "start a new task first, and only then stop an old one",
        (False, True): "stop an old task first, and only then start a new one",
        (True, True): "either: there is room to start one first and to stop one first",
        (False, False): "neither: it can begin with nothing and is stuck",
    }
    options = rng.sample(list(moves.values()), 4)
    right = LETTERS[options.index(moves[upper > desired, lower < desired])]
    tempting = LETTERS[options.index(moves[maximum > 100, minimum < 100])]
    return Item(
        "rolling deployment",
        Kind.CHOICE,
        f"A steady service wants {desired} tasks, with minimumHealthyPercent {minimum} and maximumPercent {maximum}. "
        "What can a rolling deployment begin with?",
        right,
        f"At least {_rounded(desired, minimum, lower, 'up')} must stay healthy; at most "
        f"{_rounded(desired, maximum, upper, 'down')} may exist. {desired} exist now, so there is "
        f"{'room' if lower < desired else 'no room'} to stop one first and "
        f"{'room' if upper > desired else 'no room'} to start one first.",
        _BOUNDS,
        options=tuple(options),
        traps=traps(right, (tempting, "The percentages alone say so. Whole tasks decide, after rounding.")),
        given={"desired": desired, "minimum": minimum, "maximum": maximum},
    )


def rolling_bound(rng: Random) -> Item:
    upper = rng.random() < 0.5
    percent = rng.choice([110, 125, 133, 150] if upper else [50, 66, 75, 90])
    desired = rng.choice([n for n in range(3, 30) if n * percent % 100])
    right = (rollout.upper_bound if upper else rollout.lower_bound)(desired, percent)
    other = right + 1 if upper else right - 1
    name, asked = ("maximumPercent", "may exist at most") if upper else ("minimumHealthyPercent", "must stay healthy")
    direction = "down" if upper else "up"
    return Item(
        "bound of a deployment",
        Kind.NUMBER,
        f"A service wants {desired} tasks and has {name} {percent}. How many tasks {asked} during a rolling "
        "deployment?",
        str(right),
        f"{_rounded(desired, percent, right, direction)}. The {'maximum' if upper else 'minimum'} is always rounded "
        f"{direction}, which is the careful side.",
        _BOUNDS,
        unit="tasks",
        traps=traps(str(right), (str(other), f"That is rounded the wrong way: this bound is rounded {direction}.")),
        given={"desired": desired, "percent": percent, "upper": upper},
    )


def breaker_threshold(rng: Random) -> Item:
    desired = rng.choice([rng.randint(1, 5), rng.randint(7, 99), rng.randint(401, 1500)])
    right = breaker.threshold(desired)
    least, most = breaker.MINIMUM_THRESHOLD, breaker.MAXIMUM_THRESHOLD
    half = -(-desired // 2)
    return Item(
        "circuit breaker",
        Kind.NUMBER,
        f"A service wants {desired} {'task' if desired == 1 else 'tasks'}, and its deployment circuit breaker is "
        "enabled with nothing else set. At how many failed tasks does the deployment fail?",
        str(right),
        f"Half of {desired}{', rounded up,' if desired % 2 else ''} is {half}; the threshold is that, but at least "
        f"{least} and at most {most}: {right}.",
        unit="failed tasks",
        traps=traps(
            str(right),
            (str(half), f"That is half, rounded up; the threshold is also kept between {least} and {most}."),
            (str(desired // 2), "That is half, rounded down; it is rounded up."),
            ("10", "Ten was the least in older documentation (June 2023)."),
            (str(desired), "That would be every task of the service; the default is half."),
        ),
        given={"desired": desired},
    )


def breaker_sequence(rng: Random) -> Item:
    desired, reset = rng.randint(1, 6), rng.random() < 0.5
    while True:
        events = rng.choices("FH", weights=(3, 1), k=9)
        trips = {each: _trips(events, desired, each) for each in (True, False)}
        if trips[True] != trips[False]:
            break
    right = trips[reset]
    never = "it never reaches 3" if right == 0 else f"the count reaches 3 at number {right}"
    return Item(
        "circuit breaker, step by step",
        Kind.NUMBER,
        f"The breaker's threshold is {breaker.threshold(desired)}, and resetOnHealthyTask is {str(reset).lower()}. The "
        f"deployment's tasks do this, one after the other: {' '.join(events)} (F: a task fails, H: a task becomes "
        "healthy). At which of these does the breaker trip? Say its number, counted from 1, or 0 if it does not trip.",
        str(right),
        f"{'Each H sets the count back to 0' if reset else 'No H changes the count'}, each F adds one; {never}.",
        traps=traps(
            str(right), (str(trips[not reset]), f"So it would be with resetOnHealthyTask {str(not reset).lower()}.")
        ),
        given={"desired": desired, "reset": reset, "events": events},
    )


def lifecycle_expiry(rng: Random) -> Item:
    while True:
        keep, days, old = rng.randint(1, 3), rng.choice([1, 7, 14]), rng.choice([30, 60, 90])
        ages = sorted(rng.sample([age for age in range(2, 120) if age not in (days, old)], 6))
        tags = rng.sample(["v1.0", "v1.1", "v1.2", "", "", "sha-1f3a"], 6)
        releases = iter(sorted((tag for tag in tags if tag.startswith("v")), reverse=True))
        tags = [next(releases) if tag.startswith("v") else tag for tag in tags]  # a higher version is younger
        images = [
            expiry.Image(letter, -age * expiry.DAY, tags=(tag,) if tag else ())
            for letter, age, tag in zip(LETTERS, ages, tags, strict=False)
        ]
        rules = expiry.parse(_policy(keep, days, old))
        taken = _taken(rules, images)
        right = "".join(sorted(taken))
        unshielded = "".join(sorted({letter for rule in rules for letter in _taken([rule], images)}))
        if 0 < len(right) < 6 and right != unshielded:
            break
    return Item(
        "lifecycle policy",
        Kind.SEVERAL,
        f"An ECR lifecycle policy has three rules. 1: of the images tagged v*, expire all but the newest {keep}. "
        f"2: expire untagged images pushed more than {days} {'day' if days == 1 else 'days'} ago. 3: expire any image "
        f"pushed more than {old} days ago. Which of these images expire?",
        right,
        "The rule with the lowest number that matches an image decides about it, also by sparing it. "
        f"{_by_rule(taken)} Rule 3 may take neither the newest {keep} of v* nor an untagged image that rule 2 spares, "
        "however old they are.",
        _LAB_01,
        options=tuple(f"{tag or 'untagged'}, pushed {age} days ago" for age, tag in zip(ages, tags, strict=True)),
        traps=traps(right, (unshielded, "That lets rule 3 take images that rule 1 has spared.")),
        given={"keep": keep, "days": days, "old": old, "ages": ages, "tags": tags},
    )


def placement_choice(rng: Random) -> Item:
    strategies = (placement.Strategy("spread", f"attribute:{placement.ZONE}"), placement.Strategy("binpack", "memory"))
    zones = ["us-east-1a", "us-east-1b", "us-east-1c"]
    need = rng.choice([512, 1024, 2048])
    while True:
        running = dict(zip(zones, rng.sample(range(5), 3), strict=True))
        free = rng.sample(range(256, 8193, 256), 6)
        instances = [
            placement.Instance(
                LETTERS[i],
                zones[i // 2],
                4096,
                free[i],
                groups=("service:web",) * (running[zones[i // 2]] * (i % 2 == 0)),
            )
            for i in range(6)
        ]
        chosen = placement.place(placement.Need(memory=need), "service:web", instances, (), strategies).instance
        tightest = placement.place(placement.Need(memory=need), "service:web", instances, (), strategies[1:]).instance
        if chosen and tightest and chosen is not tightest:
            break
    loosest = max(instances, key=lambda instance: instance.memory)
    return Item(
        "placement",
        Kind.CHOICE,
        f"A service on EC2 instances has the placement strategy spread by Availability Zone, then binpack by memory. "
        f"Its next task reserves {need} MiB. It runs "
        + ", ".join(f"{count} {'task' if count == 1 else 'tasks'} in {zone}" for zone, count in running.items())
        + ". On which instance is the task placed?",
        chosen.id,
        f"Only instances with at least {need} MiB free come into question. Of their zones {chosen.zone} has the fewest "
        f"tasks of the service, so the choice is made there; binpack then takes the instance with the least "
        f"free memory that is still enough, {chosen.memory} MiB.",
        options=tuple(f"in {one.zone}, {one.memory} MiB free" for one in instances),
        traps=traps(
            chosen.id,
            (tightest.id, "That is the tightest fit of all. Strategies count in their order: the zone comes first."),
            (loosest.id, "That has the most room; binpack looks for the least that is enough."),
        ),
        given={"need": need, "running": running, "free": free},
    )


def container_order(rng: Random) -> Item:
    names = ["agent", "app", "cache", "proxy"]
    chain = rng.sample(names, 4)
    conditions = [rng.choice(["START", "HEALTHY"]) for _ in range(3)]
    containers = [dependencies.Container(chain[0])] + [
        dependencies.Container(name, depends_on=((before, condition),))
        for before, name, condition in zip(chain, chain[1:], conditions, strict=False)
    ]
    starting = dependencies.start_order(containers)
    stopping = _stop_order(containers)
    up = rng.random() < 0.5
    asked = "start" if up else "stop when the task is stopped"
    letters = {True: _letters(names, starting), False: _letters(names, stopping)}
    told = rng.sample(
        [f"{one.name} depends on {one.depends_on[0][0]} ({one.depends_on[0][1]})" for one in containers[1:]], 3
    )
    return Item(
        "order of containers",
        Kind.ORDER,
        f"A task has four containers: {', '.join(told[:-1])}, and {told[-1]}. In which order do they {asked}?",
        letters[up],
        f"Start-up follows dependsOn: {', '.join(starting)}. Shutdown is the same backwards: {', '.join(stopping)}.",
        _LAB_04,
        options=tuple(names),
        traps=traps(letters[up], (letters[not up], f"That is the order in which they {'stop' if up else 'start'}.")),
        given={"depends_on": {one.name: one.depends_on for one in containers}, "up": up},
    )


def unhealthy_after(rng: Random) -> Item:
    interval, retries = rng.choice([10, 15, 20, 30]), rng.choice([2, 3, 5])
    # no run begins in the moment at which the start period ends: whether that one counts is nobody's rule
    start_period = rng.choice([each for each in (25, 35, 45, 50, 75, 100, 110, 125) if each % interval])
    check = health.HealthCheck(("CMD", "false"), interval=interval, retries=retries, start_period=start_period)
    state, runs = health.ContainerHealth(check), 0
    while state.status is not health.Health.UNHEALTHY:
        state, runs = state.after(False, state.next_at, state.next_at), runs + 1
    right = round(state.last_finished)
    return Item(
        "container health check",
        Kind.NUMBER,
        f"A container health check has an interval of {interval} s, {retries} retries and a startPeriod of "
        f"{start_period} s. The first run comes one interval after the container's start, and every run fails at once. "
        "How many seconds after its start is the container UNHEALTHY?",
        str(right),
        f"It runs every {interval} s. Failures that begin before {start_period} s do not count; the last {retries} of "
        f"{runs} runs do, and the last is at {right} s.",
        _LAB_04,
        unit="s",
        traps=traps(
            str(right),
            (str(interval * retries), "That leaves out the start period, in which failures do not count."),
            (
                str(start_period + interval * retries),
                "That begins a new interval when the start period ends; the runs keep their rhythm.",
            ),
        ),
        given={"interval": interval, "retries": retries, "start_period": start_period},
    )


def monthly_price(rng: Random) -> Item:
    count, (cpu, memory) = rng.randint(2, 20), rng.choice([(256, 1024), (512, 2048), (1024, 4096), (2048, 8192)])
    architecture, hours = rng.choice(["x86_64", "arm64"]), rng.choice([720, 730])
    item = fargate_tasks(count, cpu=cpu, memory=memory, architecture=architecture)
    by_vcpu, by_memory = PRICES[f"fargate {architecture} vCPU"], PRICES[f"fargate {architecture} memory"]
    assert item.usd_per_hour is not None
    right = item.usd_per_hour * count * hours
    without_memory = count * hours * cpu / 1024 * by_vcpu.usd
    return Item(
        "monthly price",
        Kind.NUMBER,
        f"What do {count} Fargate tasks of {cpu} CPU units and {memory} MiB cost in a month of {hours} hours, on "
        f"demand? Linux on {architecture} in us-east-1: ${by_vcpu.usd} for a vCPU-hour, ${by_memory.usd} for a GB-hour "
        f"({by_vcpu.date}). Half a per cent more or less counts as right.",
        f"{right:.2f}",
        f"{count} × {hours} h × ({cpu / 1024:g} vCPU × ${by_vcpu.usd} + {memory / 1024:g} GB × ${by_memory.usd}) = "
        f"${right:.2f}.",
        _COST,
        unit="USD",
        tolerance=0.005,
        traps=traps(
            f"{right:.2f}",
            (f"{without_memory:.2f}", "That is the CPU alone; memory is charged beside it."),
            (f"{right / count:.2f}", f"That is one task; there are {count}."),
            (f"{right / hours * (1450 - hours):.2f}", f"That is a month of {1450 - hours} hours."),
        ),
        given={"count": count, "cpu": cpu, "memory": memory, "architecture": architecture, "hours": hours},
    )


def _trips(events: Iterable[str], desired: int, reset: bool) -> int:
    """The number of the event at which the breaker trips, from 1; 0 if it does not."""
    state = breaker.Breaker.read({"enable": True, "resetOnHealthyTask": reset}, desired)
    for number, event in enumerate(events, start=1):
        state = state.after(breaker.Event.FAILED if event == "F" else breaker.Event.HEALTHY)
        if state.triggered:
            return number
    return 0


def _policy(keep: int, days: int, old: int) -> str:
    selections = [
        {"tagStatus": "tagged", "tagPatternList": ["v*"], "countType": "imageCountMoreThan", "countNumber": keep},
        {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": days},
        {"tagStatus": "any", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": old},
    ]
    rules = [
        {"rulePriority": number, "selection": selection, "action": {"type": "expire"}}
        for number, selection in enumerate(selections, start=1)
    ]
    return json.dumps({"rules": rules})


def _taken(rules: Iterable[expiry.Rule], images: Sequence[expiry.Image]) -> dict[str, int]:
    """{digest of an image that expires: the rule that takes it}."""
    return {one.digest: one.priority for one in expiry.evaluate(rules, images, now=0.0)}


def _by_rule(taken: Mapping[str, int]) -> str:
    letters = {rule: sorted(letter for letter, by in taken.items() if by == rule) for rule in (1, 2, 3)}
    return " ".join(f"Rule {rule} takes {' and '.join(found) or 'none'}." for rule, found in letters.items())


def _rounded(desired: int, percent: int, bound: int, direction: str) -> str:
    """The working of one bound; rounding is told where there is something to round."""
    product = f"{desired} × {percent} % = {desired * percent / 100:g}"
    return f"{product} (rounded {direction} to {bound})" if desired * percent % 100 else product


def _stop_order(containers: Sequence[dependencies.Container]) -> list[str]:
    running, stopped = [one.name for one in containers], []
    while running:
        stopped += (now := dependencies.may_stop(containers, running))
        running = [name for name in running if name not in now]
    return stopped


def _letters(names: Sequence[str], order: Iterable[str]) -> str:
    return "".join(LETTERS[names.index(name)] for name in order)

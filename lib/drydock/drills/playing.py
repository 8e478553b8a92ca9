"""To start a drill, to be asked for its cause and whether it is mended, and to end it."""

from __future__ import annotations

import random
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from drydock.cloud import Cloud
from drydock.drills import record
from drydock.drills.drill import Drill
from drydock.drills.site import Site
from drydock.embedded import spot
from drydock.ledger import Ledger, Recorder, Swept, sweep
from drydock.notebooks.wait import wait_until
from drydock.prep.practicals.bench import Until
from drydock.prep.practicals.practical import Checked
from drydock.pricing import estimate, fargate_tasks, load_balancers, public_addresses

LAB = "drill"
"""Whose everything is that a drill makes, in the ledger and by its tag."""
_HOURS = 2.0


class NoSuchDrill(ValueError):
    """A name that no drill has, or a cause that is none; the text says which there are."""


class NotNow(RuntimeError):
    """A drill is under way where none may be, or none where one has to be; the text says what to do."""


class NotHere(RuntimeError):
    """The drill's fault needs what only the embedded AWS has."""


@dataclass(frozen=True)
class Draw:
    """A drill that was drawn, and by which seed."""

    drill: Drill
    seed: str


def draw(drills: Mapping[str, Drill], cloud: Cloud, seed: str = "") -> Draw:
    """One of those that this cloud can have. Without a seed: by one of its own, which the answer has."""
    seed = seed or secrets.token_hex(4)
    return Draw(random.Random(seed).choice(possible(drills, cloud)), seed)


def possible(drills: Mapping[str, Drill], cloud: Cloud) -> list[Drill]:
    """Those that this cloud can have, by name."""
    return [one for _, one in sorted(drills.items()) if _can(one, cloud)]


def _can(drill: Drill, cloud: Cloud) -> bool:
    if not drill.needs:
        return True
    if cloud.real or cloud.endpoint is None:
        return False
    try:
        spot.weather(cloud.endpoint)
    except spot.NoSpot:
        return False
    return True


def begin(drill: Drill, cloud: Cloud, *, until: Until = wait_until) -> None:
    """Bring the service up in good health, put the fault, and wait until it shows; from then on time counts.

    What this makes is the drill's in the ledger, unless somebody records already, as a lab does.

    Raises NotNow where one is under way; NotHere; CloudRefused where the budget of a real account is too small.
    """
    if (one := record.under_way(record.read(), cloud.identity)) is not None:
        raise NotNow(f"{one.drill} is under way on {cloud.identity}: stop it first (`drydock drill stop`).")
    if not _can(drill, cloud):
        raise NotHere(f"{drill.name} needs {drill.needs}, which only the embedded AWS has: use --cloud embedded.")
    if cloud.real:
        costs = [fargate_tasks(2 * drill.tasks, cpu=256, memory=512), load_balancers(), public_addresses(8)]
        cloud.afford(estimate(costs, _HOURS, region=cloud.region).usd, f"A drill of {_HOURS:g} hours")
    if not any(isinstance(each, Recorder) for each in cloud.listeners):
        cloud.listeners.append(Recorder(Ledger(), cloud, LAB))
    with record.changing() as runs:
        runs.append(record.Run(drill.name, cloud.identity, cloud.speed))
    site = Site(cloud, drill.name, until)
    site.ground()
    drill.lay(site)
    drill.put(site)
    until(lambda: drill.shows(site), "the fault shows", timeout=120.0)
    with record.changing() as runs:
        _on(runs, cloud).started = record.now()


@dataclass(frozen=True)
class Answered:
    """What is said of a cause that was named, and of the cloud. `found`: this cause, or one named before, is it."""

    run: record.Run
    checked: Checked
    named: str
    right: bool
    found: bool


def answer(drills: Mapping[str, Drill], cloud: Cloud, cause: str = "") -> Answered:
    """Ask the cloud whether the drill that is under way is mended, and where `cause` is given, whether that is it.

    Raises NotNow where none is under way, NoSuchDrill where no drill has that cause.
    """
    known = sorted(one.fault for one in drills.values())
    if cause and cause not in known:
        raise NoSuchDrill(f"There is no cause {cause!r}. Choose from: {', '.join(known)}.")
    run = current(cloud)
    drill = drills[run.drill]
    checked = Checked(drill.title, drill.seen(Site(cloud, drill.name)))
    with record.changing() as runs:
        run = _on(runs, cloud)
        now = record.now()
        right = cause == drill.fault
        if cause and not run.found:
            run.answers.append(cause)
            run.found = now if right else ""
        if not run.mended:
            run.checks += 1
            run.mended = now if checked.passed else ""
    return Answered(run, checked, cause, right, bool(run.found))


def end(drills: Mapping[str, Drill], cloud: Cloud, *, within: float | None = None) -> Swept:
    """Delete all that drills have made on this cloud; what is left is in the answer. The drill under way is over."""
    close(drills, cloud)
    return sweep(cloud, LAB, within=within)


def close(drills: Mapping[str, Drill], cloud: Cloud) -> None:
    """The drill under way on this cloud is over; its service stays as it is."""
    with record.changing() as runs:
        if (run := record.under_way(runs, cloud.identity)) is not None:
            if run.drill in drills:
                drills[run.drill].clear(Site(cloud, run.drill))
            run.stopped = record.now()


def current(cloud: Cloud) -> record.Run:
    """The drill that is under way on this cloud. Raises NotNow where there is none, or its fault does not show yet."""
    run = _on(record.read(), cloud)
    if not run.started:
        raise NotNow(f"{run.drill} was not brought up to its end: `drydock drill stop`, then start it again.")
    return run


def _on(runs: list[record.Run], cloud: Cloud) -> record.Run:
    if (run := record.under_way(runs, cloud.identity)) is None:
        raise NotNow(f"No drill is under way on {cloud.identity}: `drydock drill start` starts one.")
    return run

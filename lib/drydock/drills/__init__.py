"""Drills: what goes wrong in production, made to go wrong on purpose.

    begin(drill, cloud)               # a service in good health, and then a fault, of which only symptoms are told
    answer(DRILLS, cloud, "…")        # whether that is the cause; whether it is mended
    end(DRILLS, cloud)                # nothing is left

A drill's module, one for each family of faults, holds its `Drill`s; DRILLS lists them all. What a drill declares:

    lay     `site.serve(2, …)` in most cases: an ECS service called as the drill, behind a load balancer of that name,
            in the cluster `drydock-production`
    put     the fault, by boto3. It must last until somebody mends it, and be visible to AWS calls
    find    names the cause by AWS calls alone, and finds nothing where the fault is another: tests hold each against
            the services of all
    look    what has to be so besides that the service serves (`drill.served`): that what was mended is not undone by
            taking away what had shown it, as a health check, or what the service had, as its secret
    mend    the reference solution. Then every `Seen` comes to hold by itself

Neither name, title nor symptoms say the cause.
"""

from __future__ import annotations

from collections.abc import Mapping

from drydock.drills import alarming, answering, calling, places, shifting, starting
from drydock.drills.drill import Drill, served
from drydock.drills.game_day import GameDay
from drydock.drills.playing import LAB, Answered, NoSuchDrill, NotHere, NotNow, answer, begin, close, draw, end
from drydock.drills.record import BadDrills, Run
from drydock.drills.site import Site

__all__ = [
    "DRILLS",
    "LAB",
    "Answered",
    "BadDrills",
    "Drill",
    "GameDay",
    "NoSuchDrill",
    "NotHere",
    "NotNow",
    "Run",
    "Site",
    "answer",
    "begin",
    "close",
    "draw",
    "end",
    "named",
    "served",
]

_MODULES = (starting, places, answering, shifting, calling, alarming)
DRILLS: Mapping[str, Drill] = {one.name: one for module in _MODULES for one in module.DRILLS}


def named(name: str) -> Drill:
    """The drill of that name, with `drydock-` or without. Raises NoSuchDrill."""
    for one in DRILLS.values():
        if name in (one.name, one.short):
            return one
    known = ", ".join(sorted(one.short for one in DRILLS.values()))
    raise NoSuchDrill(f"There is no drill {name!r}. Choose from: {known}.")

"""Many designs of one scenario, and those among them that no other beats: the Pareto front of cost and losses."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

from drydock import simulation
from drydock.prep.designs.model import BadDesign, Data, Scenario, check, merged
from drydock.prep.designs.running import run


@dataclass(frozen=True)
class Point:
    """A design of the sweep: what it changes of the reference, by path, and what became of it by measure."""

    changes: Mapping[str, Any]
    values: Mapping[str, float]
    score: int
    passed: bool

    @property
    def usd(self) -> float:
        return self.values["usd_a_month"]

    @property
    def failed(self) -> float:
        """Requests of a million that were lost, or late where the scenario has a bar for that."""
        return self.values["lost_per_million"] + self.values.get("late_per_million", 0.0)


def sweep(scenario: Scenario, *, most: int = 60, seed: int = 1, scheduler: str = "") -> list[Point]:
    """So many designs at most, drawn by the seed from all that the scenario's values make, and the reference first.

    What AWS would refuse is left out. scheduler: of a Dask cluster; it gives the same as this process.
    """
    paths = scenario.data["sweep"]
    every = [dict(zip(paths, values, strict=True)) for values in product(*paths.values())]
    random.Random(f"sweep {scenario.id} {seed}").shuffle(every)
    chosen: list[tuple[Mapping[str, Any], Data]] = [({}, scenario.reference)]
    for changes in every:
        if len(chosen) > most:
            break
        design = changed(scenario.reference, changes)
        try:
            check(design)
        except BadDesign:
            continue
        chosen.append((changes, design))
    return simulation.sweep(partial(_point, scenario), chosen, scheduler=scheduler)


def _point(scenario: Scenario, one: tuple[Mapping[str, Any], Data]) -> Point:
    changes, design = one
    result = run(scenario, design)
    values = {finding.measure: finding.value for finding in result.findings}
    return Point(changes, values, result.score, result.passed)


def front(points: Sequence[Point]) -> list[Point]:
    """Those that no other beats: none costs no more and loses no more, and is better in one. The cheapest first."""
    found: list[Point] = []
    for point in sorted(points, key=lambda one: (one.usd, one.failed)):
        if not found or point.failed < found[-1].failed:
            found.append(point)
    return found


def from_the_front(point: Point, points: Sequence[Point]) -> float:
    """How much less, as a part of its cost, one of the points costs that loses no more; 0 where none does."""
    return max(0.0, 1 - min(one.usd for one in (point, *points) if one.failed <= point.failed) / point.usd)


def changed(design: Data, changes: Mapping[str, Any]) -> dict[str, Any]:
    """A design with fields replaced by path, such as "scaling.policies.0"; what lies beside them stays."""
    found = merged(design, {})
    for path, value in changes.items():
        found = _set(found, path.split("."), value)
    return found


def _set(whole: Any, path: Sequence[str], value: Any) -> Any:
    if not path:
        return value
    if isinstance(whole, list):
        index = int(path[0])
        return [*whole[:index], _set(whole[index], path[1:], value), *whole[index + 1 :]]
    return {**whole, path[0]: _set(whole.get(path[0], {}), path[1:], value)}

"""Sweeps on a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from distributed import LocalCluster

from drydock.concepts import savings_stack, spot_interruption, target_tracking
from drydock.prep import designs
from drydock.simulation import Case, Reclaim, Service, Spot, compare, sweep

CASES = [
    Case(str(n), Service(tasks=10, per_task=1000, spot=Spot(base=n, hazard=0.5, reclaims=(Reclaim(3),))))
    for n in range(3)
]
LOAD = {"tasks": 8, "cpu": 1024, "memory": 2048, "night_percent": 50, "plan_percent": 20}
SPOT = {"n": 8, "base": 2, "spot_weight": 3, "start_seconds": 40, "discount": 0.7}
ONE = {"taken": 50, "dry": 2, "stop_timeout": 30, "load_percent": 90}
SWEEPS: tuple[Callable[..., Any], ...] = (
    partial(compare, CASES, [9000] * 30, seed=3),
    partial(savings_stack.commitments, **LOAD),
    partial(spot_interruption.prices, **SPOT, **ONE),
    partial(designs.sweep, designs.open_scenario("latency"), most=4),
)


def test_a_cluster_gives_what_this_process_gives() -> None:
    with LocalCluster(
        n_workers=1, processes=False, protocol="tcp://", host="127.0.0.1", dashboard_address=None
    ) as cluster:
        there = [one(scheduler=cluster.scheduler_address) for one in SWEEPS]
        ran = cluster.scheduler.transition_counter
        with pytest.raises(ValueError, match="cannot be negative"):
            sweep(_root, [4.0, -1.0], scheduler=cluster.scheduler_address)
    assert ran
    assert there == [one() for one in SWEEPS]


@pytest.mark.parametrize("concept", [target_tracking.strategies, spot_interruption.week])
def test_a_sweep_of_a_concept_hands_its_cases_on(concept: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def asks(*_: Any, scheduler: str, **__: Any) -> Any:
        asked.append(scheduler)
        raise InterruptedError

    for module in (target_tracking, spot_interruption):
        monkeypatch.setattr(module, "compare", asks)
    given = {target_tracking.strategies: (1000, 9000, 40, 120, 1), spot_interruption.week: (8, 2, 3, 0.1, 40, 0.7, 1)}
    with pytest.raises(InterruptedError):
        concept(*given[concept], scheduler="tcp://there")
    assert asked == ["tcp://there"]


def _root(value: float) -> float:
    if value < 0:
        raise ValueError(f"{value:g} cannot be negative")
    return value**0.5

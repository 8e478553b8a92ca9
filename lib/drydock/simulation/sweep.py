"""Many courses beside each other: in this process, or on a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from drydock.simulation.model import Service
from drydock.simulation.run import simulate

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Case:
    """One strategy, under the name that a table gives it."""

    name: str
    service: Service


def compare(
    cases: Sequence[Case], loads: Sequence[float], *, seed: int = 0, scheduler: str = ""
) -> list[Mapping[str, Any]]:
    """The summary of each case under the same traffic, with its name, in the order given.

    scheduler  of a Dask cluster, as tcp://…; empty: this process. Both give the same.

    Raises ValueError as `simulate` does, and ImportError where a scheduler is given without the package distributed.
    """
    return each(partial(_summary, loads=list(loads), seed=seed), cases, scheduler=scheduler)


def each(function: Callable[[T], R], items: Sequence[T], *, scheduler: str = "") -> list[R]:
    """What a function makes of each item, in the order given: in this process, or on the Dask cluster of `scheduler`.

    Raises what the function raises, and ImportError where a scheduler is given without the package distributed.
    """
    if not scheduler:
        return [function(item) for item in items]
    try:
        from distributed import Client
    except ImportError:
        raise ImportError("scheduler needs the package distributed: pip install 'drydock-labs[dask]'.") from None
    with Client(scheduler, timeout="10s", set_as_default=False) as client:
        return list(client.gather(client.map(function, items, pure=False)))


def _summary(case: Case, loads: Sequence[float], seed: int) -> Mapping[str, Any]:
    return {"name": case.name, **simulate(case.service, loads, seed).summary()}

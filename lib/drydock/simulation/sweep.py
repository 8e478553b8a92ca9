"""Many cases beside each other: in this process, or on a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from drydock.simulation.model import Service
from drydock.simulation.run import simulate

Given = TypeVar("Given")
Found = TypeVar("Found")


@dataclass(frozen=True)
class Case:
    """One strategy, under the name that a table gives it."""

    name: str
    service: Service


def sweep(function: Callable[[Given], Found], cases: Iterable[Given], *, scheduler: str = "") -> list[Found]:
    """What a pure function gives for each case, in the order given.

    scheduler  of a Dask cluster, as tcp://…; empty: this process. Both give the same. Its workers have this package,
               and the function and the cases can be pickled.

    Raises what the function raises, ImportError where a scheduler is given without the package distributed, and OSError
    where none answers there within 10 s.
    """
    if not scheduler:
        return [function(case) for case in cases]
    try:
        from distributed import Client
    except ImportError:
        raise ImportError("scheduler needs the package distributed: pip install 'drydock-labs[dask]'.") from None
    with Client(scheduler, timeout="10s", set_as_default=False) as client:
        return list(client.gather(client.map(function, list(cases), pure=False)))


def compare(
    cases: Sequence[Case], loads: Sequence[float], *, seed: int = 0, scheduler: str = ""
) -> list[Mapping[str, Any]]:
    """The summary of each case under the same traffic, with its name, in the order given.

    scheduler  as `sweep` takes it. Raises as that does, and ValueError as `simulate` does.
    """
    return sweep(partial(_summary, loads=list(loads), seed=seed), cases, scheduler=scheduler)


def _summary(case: Case, loads: Sequence[float], seed: int) -> Mapping[str, Any]:
    return {"name": case.name, **simulate(case.service, loads, seed).summary()}

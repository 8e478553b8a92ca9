"""What the resolvers of a host answer from: hosted zones, as data, and where they come from."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from drydock.embedded.core.host import Host

MOST = 8
Srv = tuple[int, int, int, str]


class Health(Protocol):
    def at(self, now: float) -> str:
        """HEALTHY or another word, in AWS seconds."""


@dataclass(frozen=True)
class Value:
    data: str | Srv
    health: Health | None = None

    def healthy(self, now: float) -> bool:
        return self.health is None or self.health.at(now) == "HEALTHY"


@dataclass(frozen=True)
class RecordSet:
    """All records of one name and type: of SRV (priority, weight, port, target), of the others text."""

    type: str
    ttl: int
    policy: str
    values: tuple[Value, ...]

    def chosen(self, now: float, rng: random.Random) -> list[str | Srv]:
        """MULTIVALUE: up to 8 healthy ones in random order; WEIGHTED: one healthy one at random.

        Where none is healthy, all count as healthy (Route 53 developer guide, multivalue answer routing;
        Cloud Map API reference, DnsConfig).
        """
        values = [value for value in self.values if value.healthy(now)] or list(self.values)
        picked = rng.sample(values, 1 if self.policy == "WEIGHTED" else min(MOST, len(values)))
        return [value.data for value in picked]


@dataclass(frozen=True)
class Zone:
    """A hosted zone; a public one has no `vpc`. Names: lower case, without the final dot."""

    name: str
    vpc: str | None
    soa_ttl: int
    names: dict[str, dict[str, RecordSet]]

    def holds(self, name: str) -> bool:
        return name == self.name or name.endswith(f".{self.name}")

    def exists(self, name: str) -> bool:
        """Whether the name has records, or another below it has."""
        below = f".{name}"
        return name in (self.name, *self.names) or any(other.endswith(below) for other in self.names)


class Zones:
    """The zones of a host by (region, id), read anew once they have changed."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._read: Callable[[], Mapping[tuple[str, str], Zone]] = dict
        self._known: Mapping[tuple[str, str], Zone] = {}
        self._is_known = True

    def come_from(self, read: Callable[[], Mapping[tuple[str, str], Zone]]) -> None:
        self._read = read
        self.have_changed()

    def have_changed(self) -> None:
        self._is_known = False

    def now(self) -> Mapping[tuple[str, str], Zone]:
        if not self._is_known:
            with self._host.lock:
                self._is_known = True
                self._known = self._read()
        return self._known

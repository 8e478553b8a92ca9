"""What an AWS service that is more than moto's tells the rest of itself, and the register of those."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from drydock.disk import Unusable
from drydock.embedded.core import seams
from drydock.embedded.core.host import Host
from drydock.embedded.core.wsgi import Answer, Environ, json_answer
from drydock.policy.dealings import Dealings
from drydock.policy.lifespans import Lifespan
from drydock.policy.operations import only_reads

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Route:
    """What answers, as WSGI, below a path that is no AWS call's; how it words a refusal: (status, why) → answer; and
    whether bodies are too large to be held."""

    answer: Callable[[Environ, Any], Iterable[bytes]]
    refuse: Callable[[int, str], Answer] = lambda status, why: json_answer(status, {"error": why})
    streams: bool = False


class Service:
    """An AWS service: a subclass for each that is more than moto's.

    What is said here is known before the service's first request; `install` is called with that request, so modules
    that only the service needs are imported there. The host's lock is held.
    """

    name: ClassVar[str]
    """moto's name for it."""
    passing: ClassVar[frozenset[str]] = frozenset()
    """Operations that are not replayed: what they change ends with the process, or is kept elsewhere."""
    in_data: ClassVar[frozenset[str]] = frozenset()
    """Operations that change data, which is kept in a file of its own, and no state."""
    making: ClassVar[frozenset[str]] = frozenset()
    """Reads, by their name, that make something up."""
    instead_of: ClassVar[tuple[str, bytes] | None] = None
    """(service, mark): requests that moto takes for that service's are this one's if the mark is in their body."""
    lifespan: ClassVar[Lifespan | None] = None
    """Of its resources that leave nothing behind: what was done to one is not done again once it has gone."""
    dealings: ClassVar[Dealings | None] = None
    """The same, of those that answers name, or that others of its resources need."""
    counts: ClassVar[tuple[str, ...]] = ()
    """What `count` counts."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def install(self) -> None:
        """Put right what moto lacks or has wrong; join the loop."""

    def goes_on(self) -> bool:
        """After the journal was replayed: whether it has work to go on with of which the journal does not tell."""
        return False

    def restored(self) -> None:
        """After the journal was replayed: bring back what is kept elsewhere. Only of a service that is installed."""

    def routes(self) -> Mapping[str, Route]:
        """By the path that they begin with. Before one answers, the service is installed."""
        return {}

    def count(self) -> Mapping[str, float]:
        """How many there are of each of `counts`, for the page of the status. Only once installed."""
        return {}

    def secret_of(self, key: str, token: str) -> str | None:
        """The secret of an access key that it has given out, with its session's token if it has one; None for others.
        Only once installed."""
        return None

    def is_numbered(self, operation: str, method: str) -> bool:
        """Whether a request that is made twice gets other ids the second time."""
        return operation in self.passing or operation in self.making or self.may_change(operation, method)

    def may_change(self, operation: str, method: str) -> bool:
        """Whether a request, if it succeeds, has to be replayed to bring the account back."""
        if operation in self.passing or operation in self.in_data or only_reads(operation):
            return False
        return bool(operation) or method not in ("GET", "HEAD", "OPTIONS")


class Services:
    """All services of a cloud; each is installed before its first request."""

    def __init__(self, host: Host, kinds: Iterable[type[Service]]) -> None:
        self._known = {kind.name: kind(host) for kind in kinds}
        self._only_motos = Service(host)
        self._begun: set[str] = set()
        self._installed: set[str] = set()
        self._routes = [
            (path, service.name, route) for service in self._known.values() for path, route in service.routes().items()
        ]
        self._instead = [
            (*service.instead_of, service.name) for service in self._known.values() if service.instead_of is not None
        ]

    def of(self, name: str) -> Service:
        return self._known.get(name, self._only_motos)

    def install(self, name: str) -> None:
        """Install a service, or make ready what is all moto's, unless it is."""
        if name in self._begun:
            return
        self._begun.add(name)  # it may touch its own backends meanwhile
        try:
            seams.keep_time(name)
            if name in self._known:
                self._known[name].install()
                self._installed.add(name)
        except BaseException:
            self._begun.discard(name)
            raise

    def keeping_data(self) -> frozenset[str]:
        """Services that others tell something which has to be kept, perhaps before anybody calls them."""
        return frozenset(name for name, service in self._known.items() if service.in_data)

    def meant(self, name: str, body: bytes) -> str:
        """The service that a request is for which moto takes for one of `name`."""
        return next((other for first, mark, other in self._instead if first == name and mark in body), name)

    def route(self, path: str) -> tuple[str, Route] | None:
        """What answers at a path, and the service that it is of."""
        for start, name, route in self._routes:
            if path == start or path.startswith(f"{start}/"):
                return name, route
        return None

    def count(self) -> dict[str, float]:
        """What there is of each service, nothing of those that nobody has called."""
        found: dict[str, float] = {}
        for name, service in self._known.items():
            found |= dict.fromkeys(service.counts, 0)
            if name in self._installed:
                found |= service.count()
        return found

    def secret_of(self, key: str, token: str) -> str | None:
        """The secret of an access key that one of them has given out."""
        asked = (self._known[name].secret_of(key, token) for name in sorted(self._installed))
        return next((secret for secret in asked if secret is not None), None)

    def restored(self, under_way: Callable[[], None]) -> None:
        """Let each bring back what it keeps beside the journal; one that cannot stops no other. Unusable."""
        for name in sorted(self._known):
            under_way()
            service = self._known[name]
            try:
                if service.goes_on():
                    self.install(name)
                if name in self._installed:
                    service.restored()
            except Unusable:
                raise
            except Exception:
                log.exception("what %s keeps beside the journal could not be brought back; the rest is there", name)

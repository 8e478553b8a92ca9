"""Containers that share an address: the order in which they start and stop, their exits, their health.

A group tells what happens in it and leaves to its owner what that means: whether an exit ends the group, which health
counts, how any of it is worded. Nothing here waits: health checks run in the host's pool, exits arrive when they do.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

from drydock.embedded.carriers.runtime import CannotStart, Container, ContainerSpec, Exit, runtime_of
from drydock.embedded.core.host import Host
from drydock.policy import dependencies
from drydock.policy.dependencies import Impossible, State
from drydock.policy.health import ContainerHealth, Health, HealthCheck

log = logging.getLogger(__name__)

OnExit = Callable[[Exit], None]


@dataclass(frozen=True)
class Member:
    """A container of a group: which others it waits for, how its health is found, how long it may take to stop."""

    order: dependencies.Container
    check: HealthCheck | None
    stop_timeout: float  # AWS seconds

    @property
    def name(self) -> str:
        return self.order.name


class Group:
    """The containers of `members`. Its owner calls `start`, `probe` and `stop` again and again, until all is done."""

    def __init__(self, host: Host, members: Sequence[Member]) -> None:
        self._host = host
        self._members = {member.name: member for member in members}
        self._order = [member.order for member in members]
        self.starting: dict[str, Future[Container]] = {}
        """Those that the runtime is about to start."""
        self.containers: dict[str, Container] = {}
        """Those that were started."""
        self._begun: dict[str, float] = {}
        self._exited: dict[str, Exit] = {}
        self._arrived: deque[tuple[str, Exit]] = deque()
        self._health: dict[str, ContainerHealth] = {}
        self._probes: dict[str, Future[tuple[bool, bool]]] = {}
        self._due = math.inf  # when the next health check is
        self._stopping: set[str] = set()

    def is_idle(self, now: float) -> bool:
        """Whether nothing has come about since it was last asked, and no health check is due."""
        return now < self._due and not (self._arrived or self.starting or self._probes)

    # -- starting -------------------------------------------------------------------------------

    def start(self, spec_of: Callable[[str, OnExit], ContainerSpec]) -> bool:
        """Hand those to the runtime whose turn it is; whether there was any. What comes of it, `started` tells."""
        may_start = dependencies.may_start(self._order, self._states())
        names = [name for name in may_start if name not in self.starting]
        for name in names:
            self._start(name, spec_of)
        return bool(names)

    def _start(self, name: str, spec_of: Callable[[str, OnExit], ContainerSpec]) -> None:
        spec = spec_of(name, partial(self._arrive, name))
        self.starting[name] = self._host.pool.submit(self._host.helper(runtime_of).start, spec)
        self.starting[name].add_done_callback(lambda _: self._host.poke())

    def restart(self, name: str, spec_of: Callable[[str, OnExit], ContainerSpec]) -> None:
        """Start one again that has ended, whatever it waited for at first. For others it never ended."""
        for known in (self._exited, self.containers, self._health, self._probes):
            known.pop(name, None)
        self._start(name, spec_of)

    def started(self) -> list[tuple[str, str | None]]:
        """Those whose start has come to its end since this was last asked; and why it failed, if it did."""
        return [(name, self._started(name)) for name, future in list(self.starting.items()) if future.done()]

    def _started(self, name: str) -> str | None:
        future = self.starting.pop(name)
        self._begun[name] = self._host.clock.time()
        try:
            self.containers[name] = future.result()
        except Exception as error:
            self._exited[name] = Exit(0)
            if isinstance(error, CannotStart):
                return error.reason
            log.error("container %s could not be started", name, exc_info=error)
            return f"{type(error).__name__}: {error}"
        check = self._members[name].check
        if check is not None:
            self._health[name] = ContainerHealth(check)
            self._due = self._begun[name]
        return None

    def stuck(self) -> list[Impossible]:
        """Those that can never start."""
        return dependencies.impossible(self._order, self._states())

    @property
    def complete(self) -> bool:
        """Whether each has been started, or could not be."""
        return len(self._begun) == len(self._members)

    def _states(self) -> dict[str, State]:
        now = self._host.clock.time()
        return {
            name: State(
                started=name in self._begun,
                exit_code=self._exited[name].code if name in self._exited else None,
                health=self.health(name) or Health.UNKNOWN,
                seconds=now - self._begun.get(name, now),
            )
            for name in self._members
        }

    # -- exits ----------------------------------------------------------------------------------

    def _arrive(self, name: str, exit: Exit) -> None:
        self._arrived.append((name, exit))
        self._host.poke()

    def exits(self) -> list[tuple[str, Exit]]:
        """Those that ended since this was last asked."""
        found = []
        while self._arrived:
            name, exit = self._arrived.popleft()
            self._exited[name] = exit
            found.append((name, exit))
        return found

    def ran(self, name: str) -> float:
        """AWS seconds since it was last started."""
        return self._host.clock.time() - self._begun[name]

    def alive(self) -> list[str]:
        """Those that run, as far as `exits` has told."""
        return [name for name in self.containers if name not in self._exited]

    @property
    def over(self) -> bool:
        """Whether none runs or is about to."""
        return not (self.alive() or self.starting)

    # -- health ---------------------------------------------------------------------------------

    def health(self, name: str) -> Health | None:
        """None for one that has no check, or that has not started."""
        return self._health[name].status if name in self._health else None

    def probe(self) -> list[str]:
        """Begin the checks that are due, and name those whose health has changed by one that ended."""
        changed = []
        for name, probe in list(self._probes.items()):
            if probe.done():
                del self._probes[name]
                if self._judge(name, *probe.result()):
                    changed.append(name)
        self._due = math.inf
        for name, health in self._health.items():
            if name in self._probes or name in self._exited:
                continue
            due = self._begun[name] + health.next_at
            if due > self._host.clock.time():
                self._due = min(self._due, due)
            else:
                limit = self._host.clock.patience(health.check.timeout)
                probe = self._host.pool.submit(self._check, self.containers[name], health.check.argv(), limit)
                probe.add_done_callback(lambda _: self._host.poke())
                self._probes[name] = probe
        return changed

    def _check(self, container: Container, argv: tuple[str, ...], limit: float) -> tuple[bool, bool]:
        """(succeeded, timed out)"""
        try:
            return self._host.helper(runtime_of).execute(container, argv, timeout=limit) == 0, False
        except TimeoutError:
            return False, True
        except Exception as error:
            log.info("health check of %s: %s", container.spec.key, error)
            return False, False

    def _judge(self, name: str, succeeded: bool, timed_out: bool) -> bool:
        before = self._health[name]
        ended = self._host.clock.time() - self._begun[name]
        # A check takes real time, not AWS time: only whether it timed out counts, not how long it took.
        began = ended - (before.check.timeout + 1 if timed_out else 0)
        self._health[name] = before.after(succeeded, began, ended)
        return self._health[name].status is not before.status

    # -- stopping -------------------------------------------------------------------------------

    def stop(self, within: float = math.inf) -> None:
        """Ask those to stop that no other still needs; once each. They are gone `within` so many AWS seconds."""
        for name in dependencies.may_stop(self._order, self.alive()):
            if name not in self._stopping:
                self._stopping.add(name)
                grace = min(self._host.clock.patience(self._members[name].stop_timeout), self._host.clock.real(within))
                self._host.helper(runtime_of).stop(self.containers[name], grace)

    def kill(self) -> None:
        """End all of them now."""
        for name in self.alive():
            self._host.helper(runtime_of).stop(self.containers[name], 0)

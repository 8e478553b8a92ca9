"""The order in which the containers of a task start and stop.

Source: Amazon ECS API Reference, *ContainerDependency*, and *ContainerDefinition* for the time-outs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drydock.policy.health import Health

START, COMPLETE, SUCCESS, HEALTHY = "START", "COMPLETE", "SUCCESS", "HEALTHY"


@dataclass(frozen=True)
class Container:
    """What a container definition says about its start. Times in AWS seconds.

    ``depends_on``: (container name, condition) pairs. ``start_timeout``: how long the containers that
    depend on this one wait for it, None for ever.
    """

    name: str
    essential: bool = True
    depends_on: tuple[tuple[str, str], ...] = ()
    start_timeout: float | None = None

    @classmethod
    def read(cls, definition: Mapping[str, Any]) -> Container:
        """Read a request's container definition; ``links`` and ``volumesFrom`` count as START."""
        depends_on = [(d["containerName"], d["condition"]) for d in definition.get("dependsOn") or ()]
        depends_on += [(link.split(":")[0], START) for link in definition.get("links") or ()]
        depends_on += [
            (v["sourceContainer"], START) for v in definition.get("volumesFrom") or () if v.get("sourceContainer")
        ]
        essential = definition.get("essential")
        return cls(
            definition["name"],
            True if essential is None else essential,
            tuple(dict.fromkeys(depends_on)),
            definition.get("startTimeout"),
        )


@dataclass(frozen=True)
class State:
    """What a container has done so far. ``seconds`` is AWS seconds since it started (0 before)."""

    started: bool = False
    exit_code: int | None = None
    health: Health = Health.UNKNOWN
    seconds: float = 0.0


@dataclass(frozen=True)
class Impossible:
    """A container can never start: ``reason`` is for its task's stoppedReason."""

    container: str
    dependency: str
    reason: str


def start_order(containers: Sequence[Container]) -> list[str]:
    """All names, each after those it depends on, otherwise in the order given.

    Raises ValueError naming the containers of a cycle. A dependency that is not in the task is ignored; the
    validator of the task definition refuses both.
    """
    by_name = {container.name: container for container in containers}
    order: list[str] = []
    path: list[str] = []

    def visit(name: str) -> None:
        if name in order or name not in by_name:
            return
        if name in path:
            raise ValueError("containers depend on each other: " + " -> ".join([*path[path.index(name) :], name]))
        path.append(name)
        for dependency, _ in by_name[name].depends_on:
            visit(dependency)
        path.pop()
        order.append(name)

    for container in containers:
        visit(container.name)
    return order


def may_start(containers: Sequence[Container], states: Mapping[str, State]) -> list[str]:
    """The containers not yet started whose dependencies are all met, in the order given.

    START: the other has started. COMPLETE: it has exited. SUCCESS: it exited with 0. HEALTHY: its health
    check passed. Conditions are looked at only here, at start-up (documented).
    """
    return [
        container.name
        for container in containers
        if not _state(states, container.name).started
        and all(_met(condition, _state(states, name)) for name, condition in container.depends_on)
    ]


def impossible(containers: Sequence[Container], states: Mapping[str, State]) -> list[Impossible]:
    """The containers that can no longer start, because a dependency failed or passed its startTimeout.

    A dependency has failed if SUCCESS is asked and it exited with another code, or HEALTHY and it exited or
    became UNHEALTHY (documented; HEALTHY as the container agent does). The task then stops with
    ``TaskFailedToStart``.
    """
    by_name = {container.name: container for container in containers}
    failed = []
    for container in containers:
        if _state(states, container.name).started:
            continue
        for name, condition in container.depends_on:
            state = _state(states, name)
            limit = by_name[name].start_timeout if name in by_name else None
            waited = state.started and limit is not None and state.seconds >= limit
            if _failed(condition, state):
                reason = f"container ordering dependency [{name}] for [{container.name}] is not {condition}"
            elif waited and not _met(condition, state):
                reason = f"container ordering dependency [{name}] for [{container.name}] has timed out"
            else:
                continue
            failed.append(Impossible(container.name, name, reason))
            break
    return failed


def may_stop(containers: Sequence[Container], running: Sequence[str]) -> list[str]:
    """Of the containers still ``running``, those to stop now: nothing that still runs depends on them.

    Shutdown is start-up reversed (documented). A container that waits for nothing here stops at once, so that
    independent containers stop together.
    """
    alive = set(running)
    needed = {name for container in containers if container.name in alive for name, _ in container.depends_on}
    return [name for name in running if name not in needed]


def _state(states: Mapping[str, State], name: str) -> State:
    return states.get(name, State())


def _met(condition: str, state: State) -> bool:
    match condition:
        case "COMPLETE":
            return state.exit_code is not None
        case "SUCCESS":
            return state.exit_code == 0
        case "HEALTHY":
            return state.started and state.exit_code is None and state.health is Health.HEALTHY
        case _:
            return state.started


def _failed(condition: str, state: State) -> bool:
    match condition:
        case "SUCCESS":
            return state.exit_code not in (None, 0)
        case "HEALTHY":
            return state.exit_code is not None or state.health is Health.UNHEALTHY
        case _:
            return False

"""The crucial hour of a scenario on an embedded AWS that is stepped: real services of ECS, containers that only seem to
run."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.support.runtime import Program
from tests.support.stepped import World

from drydock.prep import designs
from drydock.prep.designs.hour import hour
from drydock.prep.designs.model import merged

STEP = 10.0


class Stepped:
    """Time that the test moves, in larger steps than a second where nothing is waited for."""

    behind = 0.0

    def __init__(self, world: World) -> None:
        self.world = world

    def until(self, condition: Callable[[], Any], _what: str) -> Any:
        return self.world.until(condition)

    def wait(self, aws_seconds: float) -> None:
        for _ in range(round(aws_seconds / STEP)):
            self.world.clock.advance(STEP)
            self.world.turn()
            self.world.turn()


def program(_argv: Sequence[str], environment: Mapping[str, str]) -> Program:
    return Program(exits=1) if environment.get("CRASHES") else Program(handles={signal.SIGTERM: 0})


def ran(directory: Path, design: str, minutes: int, **changes: Any) -> tuple[designs.Hour, designs.Result]:
    """The hour of the scenario rollout, in which a revision crashes at minute 90."""
    scenario = designs.open_scenario("rollout")
    chosen = merged(scenario.named(design), changes)
    world = World(directory)
    world.runtime.programs = program
    try:
        found = hour(scenario, chosen, world.client, Stepped(world), speed=30, vpc="127.77.0.0/16", minutes=minutes)
    finally:
        world.close()
    return found, designs.run(scenario, chosen)


def test_half_of_the_tasks_are_gone_for_as_long_as_nobody_ends_the_deployment(tmp_path: Path) -> None:
    """As simulated: eight of sixteen tasks from minute 90 on, and the requests that they cannot serve."""
    found, result = ran(tmp_path, "no-breaker", 11, scaling=None)
    simulated = result.parts[found.part].minutes
    assert [one.serving for one in found.minutes[:4]] == [16] * 4
    last = found.minutes[-1]
    assert last.serving == 8 == simulated[last.minute].serving
    assert last.lost == pytest.approx(simulated[last.minute].lost)
    assert last.lost > 6000
    assert found.recovery >= 5
    assert (90, "deployed: design:2") in found.events
    shown = designs.as_it_ran(found, result)
    assert {trace["name"] for trace in shown.data} >= {"healthy targets, embedded AWS", "tasks serving, simulated"}


def test_the_circuit_breaker_keeps_the_reference_whole(tmp_path: Path) -> None:
    found, _ = ran(tmp_path, "reference", 8, scaling=None)
    assert found.lost == 0
    assert min(one.serving for one in found.minutes) >= 16
    assert any("rolling back" in what for _, what in found.events)

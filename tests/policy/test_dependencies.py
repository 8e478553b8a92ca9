from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydock.policy.dependencies import Container, State, impossible, may_start, may_stop, start_order
from drydock.policy.health import Health

APP = Container("app", depends_on=(("proxy", "HEALTHY"), ("init", "SUCCESS")))
PROXY = Container("proxy", depends_on=(("init", "COMPLETE"),))
INIT = Container("init", essential=False)
TASK = (APP, PROXY, INIT)


def test_order_follows_dependencies() -> None:
    assert start_order(TASK) == ["init", "proxy", "app"]
    assert start_order((Container("b"), Container("a"))) == ["b", "a"]


def test_a_cycle_is_named() -> None:
    ring = (Container("a", depends_on=(("b", "START"),)), Container("b", depends_on=(("a", "START"),)))
    with pytest.raises(ValueError, match="a -> b -> a"):
        start_order(ring)


def test_start_up_step_by_step() -> None:
    states: dict[str, State] = {}
    assert may_start(TASK, states) == ["init"]
    states["init"] = State(started=True)
    assert may_start(TASK, states) == []
    states["init"] = State(started=True, exit_code=0)
    assert may_start(TASK, states) == ["proxy"]
    states["proxy"] = State(started=True)
    assert may_start(TASK, states) == []
    states["proxy"] = State(started=True, health=Health.HEALTHY)
    assert may_start(TASK, states) == ["app"]
    states["app"] = State(started=True)
    assert may_start(TASK, states) == []


@pytest.mark.parametrize(
    ("condition", "state", "starts", "fails"),
    [
        ("START", State(started=True), True, False),
        ("START", State(started=True, exit_code=1), True, False),
        ("COMPLETE", State(started=True, exit_code=1), True, False),
        ("SUCCESS", State(started=True, exit_code=1), False, True),
        ("SUCCESS", State(started=True), False, False),
        ("HEALTHY", State(started=True), False, False),
        ("HEALTHY", State(started=True, health=Health.UNHEALTHY), False, True),
        ("HEALTHY", State(started=True, exit_code=0, health=Health.HEALTHY), False, True),
    ],
)
def test_conditions(condition: str, state: State, starts: bool, fails: bool) -> None:
    task = (Container("app", depends_on=(("other", condition),)), Container("other"))
    assert may_start(task, {"other": state}) == (["app"] if starts else [])
    assert [f.container for f in impossible(task, {"other": state})] == (["app"] if fails else [])


def test_start_timeout_is_the_dependencys() -> None:
    task = (Container("app", depends_on=(("db", "HEALTHY"),)), Container("db", start_timeout=20))
    assert impossible(task, {"db": State(started=True, seconds=19)}) == []
    (failure,) = impossible(task, {"db": State(started=True, seconds=20)})
    assert (failure.container, failure.dependency) == ("app", "db")
    assert "[db]" in failure.reason and "timed out" in failure.reason
    assert impossible(task, {"db": State(started=True, seconds=99, health=Health.HEALTHY)}) == []
    assert impossible(task, {"app": State(started=True), "db": State(started=True, seconds=99)}) == []


def test_stop_is_start_reversed() -> None:
    assert may_stop(TASK, ["app", "proxy", "init"]) == ["app"]
    assert may_stop(TASK, ["proxy", "init"]) == ["proxy"]
    assert may_stop(TASK, ["init"]) == ["init"]
    assert may_stop((Container("a"), Container("b")), ["a", "b"]) == ["a", "b"]


def test_read_takes_links_and_volumes_as_start() -> None:
    definition = {
        "name": "app",
        "links": ["db:database"],
        "volumesFrom": [{"sourceContainer": "data"}],
        "dependsOn": [{"containerName": "x", "condition": "HEALTHY"}],
        "startTimeout": 30,
    }
    container = Container.read(definition)
    assert container.depends_on == (("x", "HEALTHY"), ("db", "START"), ("data", "START"))
    assert (container.essential, container.start_timeout) == (True, 30)
    assert not Container.read({"name": "x", "essential": False}).essential


@given(st.lists(st.lists(st.integers(0, 9), max_size=4), min_size=1, max_size=10))
def test_every_task_without_cycles_starts_and_stops_completely(edges: list[list[int]]) -> None:
    containers = [
        Container(str(n), depends_on=tuple((str(d), "START") for d in sorted(set(targets)) if d < n))
        for n, targets in enumerate(edges)
    ]
    states: dict[str, State] = {}
    for _ in containers:
        for name in may_start(containers, states):
            states[name] = State(started=True)
    assert set(states) == {c.name for c in containers}
    running = [c.name for c in containers]
    while running:
        now = may_stop(containers, running)
        assert now
        assert all(d not in now for c in containers if c.name in running for d, _ in c.depends_on)
        running = [name for name in running if name not in now]

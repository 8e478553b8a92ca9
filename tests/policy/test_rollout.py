from __future__ import annotations

import random
import sys
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.ecs.rollout import (
    Action,
    Deployment,
    Service,
    Start,
    Stop,
    Task,
    Why,
    counts_as_healthy,
    is_steady,
    is_stuck,
    lower_bound,
    maximum_percent,
    next_actions,
    upper_bound,
)
from drydock.policy.health import Health

NEW, OLD = "ecs-svc/2", "ecs-svc/1"
STEADY = (Deployment(NEW, primary=True),)
ROLLING = (Deployment(NEW, primary=True), Deployment(OLD))


def tasks(count: int, deployment: str = NEW, *, prefix: str = "t", **fields: object) -> tuple[Task, ...]:
    values: dict[str, object] = {"last_status": "RUNNING", "healthy": True, **fields}
    return tuple(
        replace(Task(f"{prefix}{n}", deployment, created=n), **values)  # type: ignore[arg-type]
        for n in range(count)
    )


def started(actions: list[Action]) -> int:
    return sum(a.count for a in actions if isinstance(a, Start))


def stopped(actions: list[Action], why: Why | None = None) -> list[str]:
    return [t for a in actions if isinstance(a, Stop) and why in (None, a.why) for t in a.tasks]


@pytest.mark.parametrize(
    ("desired", "minimum", "maximum", "lower", "upper", "stuck"),
    [
        (4, 50, 200, 2, 8, False),
        (2, 75, 200, 2, 4, False),
        (3, 100, 125, 3, 3, True),
        (1, 100, 200, 1, 2, False),
        (10, 100, 110, 10, 11, False),
        (5, 66, 133, 4, 6, False),
        (0, 100, 100, 0, 0, False),
    ],
)
def test_bounds(desired: int, minimum: int, maximum: int, lower: int, upper: int, stuck: bool) -> None:
    assert lower_bound(desired, minimum) == lower
    assert upper_bound(desired, maximum) == upper
    assert is_stuck(desired, minimum, maximum) is stuck


def test_a_new_service_starts_what_is_desired_once() -> None:
    service = Service(3, STEADY)
    assert next_actions(service) == [Start(NEW, 3)]
    assert next_actions(replace(service, tasks=tasks(3, last_status="PENDING", healthy=None))) == []


def test_a_killed_task_is_replaced() -> None:
    assert next_actions(Service(3, STEADY, tasks(2))) == [Start(NEW, 1)]


def test_scale_out_and_in() -> None:
    assert next_actions(Service(5, STEADY, tasks(3))) == [Start(NEW, 2)]
    assert next_actions(Service(2, STEADY, tasks(3))) == [Stop(("t2",), Why.SCALE_IN)]
    assert len(stopped(next_actions(Service(0, STEADY, tasks(3))))) == 3


def test_scale_in_takes_the_fullest_zone_then_the_newest() -> None:
    newest = (Task("a9", NEW, "RUNNING", healthy=True, zone="a", created=9),)
    zones = (*newest, *tasks(3, prefix="b", zone="b"), *tasks(2, prefix="c", zone="c"))
    assert next_actions(Service(5, STEADY, zones)) == [Stop(("b2",), Why.SCALE_IN)]
    assert next_actions(Service(3, STEADY, zones)) == [Stop(("b2", "b1", "c1"), Why.SCALE_IN)]


def test_old_tasks_leave_the_fullest_zone_first() -> None:
    old = tasks(1, OLD, prefix="a", zone="a") + tasks(2, OLD, prefix="b", zone="b", created=5)
    assert stopped(next_actions(Service(3, ROLLING, old + tasks(1, zone="c")))) == ["b0"]


def test_scale_in_first_stops_what_does_not_serve() -> None:
    starting = tasks(1, prefix="s", last_status="PENDING", healthy=None)
    unknown = tasks(1, prefix="u", healthy=None)
    assert stopped(next_actions(Service(3, STEADY, tasks(3) + unknown + starting))) == ["s0", "u0"]


def test_scale_in_keeps_the_lower_bound_when_others_are_protected() -> None:
    protected = tasks(2, prefix="p", last_status="PENDING", healthy=None, protected=True)
    assert next_actions(Service(3, STEADY, tasks(3) + protected)) == []


def test_scale_in_leaves_protected_tasks() -> None:
    service = Service(1, STEADY, tasks(2, protected=True) + tasks(1, prefix="u"))
    assert stopped(next_actions(service)) == ["u0"]


def test_rolling_200_starts_all_and_waits_for_health() -> None:
    service = Service(3, ROLLING, tasks(3, OLD, prefix="o"))
    assert next_actions(service) == [Start(NEW, 3)]
    half = replace(service, tasks=service.tasks + tasks(3, last_status="RUNNING", healthy=None))
    assert next_actions(half) == []
    one_healthy = tasks(1) + tasks(2, prefix="p", healthy=None)
    assert stopped(next_actions(replace(service, tasks=service.tasks + one_healthy))) == ["o0"]
    all_healthy = replace(service, tasks=service.tasks + tasks(3))
    assert next_actions(all_healthy) == [Stop(("o0", "o1", "o2"), Why.DEPLOYMENT)]


def test_rolling_stops_first_only_where_there_is_no_room() -> None:
    old = tasks(4, OLD, prefix="o")
    assert next_actions(Service(4, ROLLING, old, 50, 200)) == [Start(NEW, 4)]
    assert next_actions(Service(4, ROLLING, old, 50, 100)) == [Stop(("o0", "o1"), Why.DEPLOYMENT)]
    stopping = tuple(replace(task, stopping=task.id in ("o0", "o1")) for task in old)
    assert next_actions(Service(4, ROLLING, stopping, 50, 100)) == []
    assert next_actions(Service(4, ROLLING, stopping[2:], 50, 100)) == [Start(NEW, 2)]


def test_tasks_that_are_stopping_already_make_the_room() -> None:
    old = tasks(4, OLD, prefix="o")
    service = Service(4, ROLLING, old, 0, 150)
    assert next_actions(service) == [Start(NEW, 2), Stop(("o0", "o1"), Why.DEPLOYMENT)]
    going = tuple(replace(task, stopping=task.id in ("o0", "o1")) for task in old)
    starting = tasks(2, last_status="PENDING", healthy=None)
    assert next_actions(replace(service, tasks=going + starting)) == []


def test_one_out_and_one_extra() -> None:
    actions = next_actions(Service(5, ROLLING, tasks(5, OLD, prefix="o"), 66, 133))
    assert (started(actions), len(stopped(actions))) == (1, 1)


@pytest.mark.parametrize(("desired", "minimum", "maximum"), [(3, 100, 125), (2, 75, 100), (3, 100, 100)])
def test_stuck_bounds_do_nothing(desired: int, minimum: int, maximum: int) -> None:
    assert next_actions(Service(desired, ROLLING, tasks(desired, OLD), minimum, maximum)) == []


def test_old_tasks_that_never_ran_make_room_at_once() -> None:
    old = tasks(3, OLD, prefix="o", last_status="PROVISIONING", healthy=None)
    actions = next_actions(Service(3, ROLLING, old))
    assert (started(actions), len(stopped(actions))) == (3, 3)


def test_an_old_deployment_that_is_all_unhealthy_does_not_block() -> None:
    sick = tasks(6, OLD, prefix="o", healthy=False)
    assert len(stopped(next_actions(Service(3, ROLLING, sick)))) >= 3


def test_old_tasks_that_may_yet_be_healthy_keep_serving() -> None:
    old = tasks(3, OLD, prefix="o", healthy=None)
    assert next_actions(Service(3, ROLLING, old)) == [Start(NEW, 3)]
    assert next_actions(Service(3, ROLLING, old + tasks(1))) == [Start(NEW, 2)]
    assert len(stopped(next_actions(Service(3, ROLLING, old + tasks(3))))) == 3


def test_protected_old_tasks_keep_the_deployment_open() -> None:
    old = tasks(2, OLD, prefix="o", protected=True)
    service = Service(2, ROLLING, old + tasks(2))
    assert next_actions(service) == []
    assert not is_steady(service)


def test_a_failed_deployment_starts_nothing_and_keeps_the_old_tasks() -> None:
    failed = (Deployment(NEW, primary=True, failed=True), Deployment(OLD))
    service = Service(3, failed, tasks(3, OLD, prefix="o"))
    assert next_actions(service) == []
    assert stopped(next_actions(replace(service, tasks=service.tasks + tasks(2, healthy=False)))) == [
        "t0",
        "t1",
    ]


def test_an_unhealthy_task_is_replaced_before_it_is_stopped() -> None:
    sick = tasks(1, prefix="s", healthy=False)
    service = Service(3, STEADY, tasks(2) + sick)
    assert next_actions(service) == [Start(NEW, 1)]
    starting = tasks(1, prefix="n", last_status="PENDING", healthy=None)
    assert next_actions(replace(service, tasks=service.tasks + starting)) == []
    healed = replace(service, tasks=tasks(3) + sick)
    assert next_actions(healed) == [Stop(("s0",), Why.UNHEALTHY)]


def test_without_room_unhealthy_tasks_are_stopped_one_by_one() -> None:
    service = Service(3, STEADY, tasks(1) + tasks(2, prefix="s", healthy=False), 100, 100)
    assert next_actions(service) == [Stop(("s0",), Why.UNHEALTHY)]
    stopping = tuple(replace(task, stopping=task.id == "s0") for task in service.tasks)
    assert next_actions(replace(service, tasks=stopping)) == []
    gone = tuple(task for task in service.tasks if task.id != "s0")
    assert next_actions(replace(service, tasks=gone)) == [Start(NEW, 1)]
    starting = gone + tasks(1, prefix="n", healthy=None)
    assert next_actions(replace(service, tasks=starting)) == []


def test_protection_does_not_keep_an_unhealthy_task() -> None:
    service = Service(1, STEADY, tasks(1) + tasks(1, prefix="s", healthy=False, protected=True))
    assert stopped(next_actions(service)) == ["s0"]


def test_scaling_in_during_a_deployment_takes_old_tasks_first() -> None:
    mixed = tasks(6, OLD, prefix="o") + tasks(2) + tasks(3, prefix="p", last_status="PENDING", healthy=None)
    actions = next_actions(Service(4, ROLLING, mixed))
    assert len(stopped(actions, Why.DEPLOYMENT)) == 4
    assert stopped(actions, Why.SCALE_IN) == ["p2"]


def test_daemon_runs_one_task_on_each_instance() -> None:
    service = Service(0, STEADY, (), 0, 100, "DAEMON", ("i1", "i2"))
    assert next_actions(service) == [Start(NEW, 2, ("i1", "i2"))]
    one = tasks(1, instance="i1")
    assert next_actions(replace(service, tasks=one)) == [Start(NEW, 1, ("i2",))]
    gone = tasks(1, instance="i9")
    assert stopped(next_actions(replace(service, tasks=gone)), Why.SCALE_IN) == ["t0"]
    both = one + tasks(1, prefix="u", instance="i2")
    assert is_steady(replace(service, tasks=both))


def test_daemon_stops_first_down_to_the_lower_bound() -> None:
    places = tuple(f"i{n}" for n in range(4))
    old = tuple(replace(task, instance=f"i{n}") for n, task in enumerate(tasks(4, OLD, prefix="o")))
    service = Service(0, ROLLING, old, 75, 100, "DAEMON", places)
    assert next_actions(service) == [Stop(("o0",), Why.DEPLOYMENT)]
    assert next_actions(replace(service, tasks=old[1:])) == [Start(NEW, 1, ("i0",))]
    assert len(stopped(next_actions(replace(service, minimum_healthy_percent=0)))) == 4


def test_steady_means_all_healthy_and_nothing_left() -> None:
    assert is_steady(Service(2, STEADY, tasks(2)))
    assert not is_steady(Service(2, STEADY, tasks(1)))
    assert not is_steady(Service(2, STEADY, tasks(1) + tasks(1, prefix="u", healthy=None)))
    assert not is_steady(Service(2, STEADY, tasks(2) + tasks(1, OLD, prefix="o", stopping=True)))
    assert is_steady(Service(0, STEADY))


@pytest.mark.parametrize(
    ("seconds", "container", "targets", "grace", "expected"),
    [
        (39, None, None, False, None),
        (40, None, None, False, True),
        (99, Health.UNKNOWN, None, False, None),
        (1, Health.HEALTHY, None, False, True),
        (1, Health.UNHEALTHY, None, False, False),
        (1, Health.UNHEALTHY, None, True, None),
        (1, None, [Health.HEALTHY], True, True),
        (99, None, [Health.UNKNOWN], False, None),
        (99, None, [Health.HEALTHY, Health.UNHEALTHY], False, False),
        (99, Health.UNKNOWN, [Health.HEALTHY], False, None),
        (1, Health.HEALTHY, [Health.HEALTHY], False, True),
    ],
)
def test_counting_as_healthy(
    seconds: float, container: Health | None, targets: list[Health] | None, grace: bool, expected: bool | None
) -> None:
    assert counts_as_healthy(seconds, container, targets, grace) is expected


@dataclass
class World:
    """Carries actions out, with random delays and failures, and checks the bounds at each step."""

    service: Service
    rng: random.Random
    failing: frozenset[str] = frozenset()
    crashes: bool = False
    serial: int = 0
    log: list[Action] = field(default_factory=list)

    def healthy(self) -> int:
        return sum(t.running and t.healthy is True and not t.stopping for t in self.service.tasks)

    def act(self) -> None:
        service = self.service
        lower = lower_bound(service.desired_count, service.minimum_healthy_percent)
        upper = upper_bound(service.desired_count, service.maximum_percent)
        before = self.healthy()
        actions = next_actions(service)
        self.log.extend(actions)
        leaving = stopped(actions)
        assert len(leaving) == len(set(leaving))
        current = {t.id: t for t in service.tasks}
        assert all(not current[name].stopping for name in leaving)
        assert not any(current[name].protected and current[name].healthy is not False for name in leaving)
        kept = [replace(t, stopping=t.stopping or t.id in leaving) for t in service.tasks]
        for _ in range(started(actions)):
            self.serial += 1
            zone = self.rng.choice("abc")
            kept.append(Task(f"n{self.serial}", service.primary.id, created=self.serial, zone=zone))
        self.service = replace(service, tasks=tuple(kept))
        if started(actions):
            assert len(kept) <= upper
        assert self.healthy() >= min(before, lower)

    def pass_time(self) -> None:
        kept = []
        for task in self.service.tasks:
            roll = self.rng.random()
            if task.stopping:
                if roll < 0.5:
                    continue
            elif not task.running:
                if self.crashes and roll < 0.1:
                    continue
                if roll < 0.6:
                    task = replace(task, last_status="RUNNING")
            elif task.healthy is None:
                if roll < 0.6:
                    task = replace(task, healthy=task.deployment not in self.failing)
            elif self.crashes and roll < 0.02:
                continue
            elif self.crashes and roll < 0.05:
                task = replace(task, healthy=False)
            kept.append(task)
        self.service = replace(self.service, tasks=tuple(kept))

    def run(self, turns: int) -> bool:
        for _ in range(turns):
            self.act()
            if is_steady(self.service):
                return True
            self.pass_time()
        return False


BOUNDS = st.tuples(st.integers(0, 12), st.sampled_from([0, 33, 50, 66, 75, 100]), st.sampled_from([100, 110, 150, 200]))


@settings(max_examples=150, deadline=None)
@given(BOUNDS, st.integers(0, 12), st.integers(0, 2**32), st.booleans())
def test_a_good_image_always_gets_there(
    bounds: tuple[int, int, int], had: int, seed: int, healthy_before: bool
) -> None:
    desired, minimum, maximum = bounds
    old = tasks(had, OLD, prefix="o", healthy=healthy_before, zone="a")
    world = World(Service(desired, ROLLING, old, minimum, maximum), random.Random(seed), crashes=True)
    world.run(30)
    world.crashes = False
    only_new = all(task.deployment == NEW for task in world.service.tasks)
    assert world.run(600) or (is_stuck(desired, minimum, maximum) and not only_new)


@settings(max_examples=80, deadline=None)
@given(BOUNDS, st.integers(0, 2**32))
def test_a_bad_image_never_takes_healthy_tasks_below_the_bound(bounds: tuple[int, int, int], seed: int) -> None:
    desired, minimum, maximum = bounds
    old = tasks(desired, OLD, prefix="o", zone="a")
    service = Service(desired, ROLLING, old, minimum, maximum)
    world = World(service, random.Random(seed), failing=frozenset({NEW}))
    world.run(150)
    assert world.healthy() >= lower_bound(desired, minimum)
    back = (Deployment(OLD, primary=True), Deployment(NEW, failed=True))
    world.service = replace(world.service, deployments=back)
    assert world.run(600)


@settings(max_examples=80, deadline=None)
@given(BOUNDS, st.integers(0, 12), st.integers(0, 2**32), st.integers(0, 4))
def test_scaling_converges(bounds: tuple[int, int, int], had: int, seed: int, protected: int) -> None:
    desired, minimum, maximum = bounds
    mine = tasks(had, zone="a") + tasks(min(protected, desired), prefix="p", protected=True)
    world = World(Service(desired, STEADY, mine, minimum, maximum), random.Random(seed))
    assert world.run(300)


def test_ten_waves() -> None:
    world = World(Service(10, ROLLING, tasks(10, OLD, prefix="o"), 100, 110), random.Random(1))
    assert world.run(1000)
    starts = [action for action in world.log if isinstance(action, Start)]
    assert len(starts) == 10


def calls(count: int) -> int:
    """How many functions a decision over about twice `count` tasks calls."""
    half = count // 2
    mixed = tuple(
        replace(task, zone="abc"[n % 3])
        for n, task in enumerate(tasks(count, OLD, prefix="o") + tasks(half) + tasks(half, prefix="s", healthy=False))
    )
    service = Service(count, ROLLING, mixed, 50, 200)
    called = 0

    def note(_frame: object, event: str, _given: object) -> None:
        nonlocal called
        called += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        next_actions(service)
    finally:
        sys.setprofile(None)
    return called


def test_what_a_decision_costs_grows_as_the_tasks_do() -> None:
    assert calls(400) < 2.5 * calls(200)


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_the_least_maximum_percent_lets_a_batch_start(desired: int, batch: int) -> None:
    percent = maximum_percent(desired, batch)
    assert upper_bound(desired, percent) >= desired + batch > upper_bound(desired, percent - 1)
    assert not is_stuck(desired, 100, percent)
    if desired <= 100:
        assert upper_bound(desired, percent) == desired + batch

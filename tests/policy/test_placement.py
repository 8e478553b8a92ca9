from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.ecs.models import EC2ContainerServiceBackend

from drydock.policy.ecs.placement import (
    Constraint,
    Instance,
    Need,
    Placed,
    Strategy,
    Subnet,
    choose_subnet,
    choose_to_stop,
    place,
)
from drydock.policy.requests import cluster_query
from drydock.policy.requests.errors import Invalid

AZ = Strategy("spread", "attribute:ecs.availability-zone")
HOST = Strategy("spread", "instanceId")
MEMORY = Strategy("binpack", "memory")


def fleet() -> list[Instance]:
    return [Instance(f"i-{zone}{n}", zone=zone, cpu=4096, memory=4096) for zone in "abc" for n in (1, 2)]


def fill(count: int, memory: int, strategies: list[Strategy], seed: int | None = None) -> list[Instance]:
    instances = fleet()
    rng = None if seed is None else random.Random(seed)
    for _ in range(count):
        placed = place(Need(cpu=1, memory=memory), "service:web", instances, (), strategies, rng).instance
        assert placed
        at = instances.index(placed)
        instances[at] = replace(
            placed, memory=placed.memory - memory, cpu=placed.cpu - 1, groups=(*placed.groups, "service:web")
        )
    return instances


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_spread_over_zones_then_instances_puts_one_task_on_each(seed: int | None) -> None:
    assert [len(i.groups) for i in fill(6, 512, [AZ, HOST], seed)] == [1] * 6


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_spread_over_zones_then_binpack_shares_one_instance_a_zone(seed: int | None) -> None:
    used = fill(6, 512, [AZ, MEMORY], seed)
    assert sorted(len(i.groups) for i in used) == [0, 0, 0, 2, 2, 2]
    assert Counter(i.zone for i in used for _ in i.groups) == {"a": 2, "b": 2, "c": 2}


def test_binpack_takes_the_fullest_that_fits() -> None:
    instances = [Instance(name, memory=free) for name, free in (("A", 1000), ("B", 600), ("C", 500))]
    placement = place(Need(memory=550), "g", instances, (), [MEMORY])
    assert placement.instance and placement.instance.id == "B"


@pytest.mark.parametrize("seed", range(3))
def test_seven_tasks_over_three_zones(seed: int) -> None:
    by_zone = Counter(i.zone for i in fill(7, 256, [AZ], seed) for _ in i.groups)
    assert sorted(by_zone.values()) == [2, 2, 3]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 24), st.permutations([AZ, HOST, MEMORY]), st.integers(0, 99))
def test_what_is_spread_first_differs_by_one_task_at_most_while_there_is_room(
    count: int, strategies: list[Strategy], seed: int
) -> None:
    instances = fill(count, 64, strategies, seed)
    assert sum(len(i.groups) for i in instances) == count
    assert all(i.memory == 4096 - 64 * len(i.groups) for i in instances)
    if strategies[0] is not MEMORY:
        by = Counter({(i.zone if strategies[0] is AZ else i.id): 0 for i in instances})
        by.update(i.zone if strategies[0] is AZ else i.id for i in instances for _ in i.groups)
        assert max(by.values()) - min(by.values()) <= 1


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 18), st.sampled_from([[AZ], [HOST], [AZ, HOST]]), st.integers(0, 99))
def test_scale_in_keeps_what_is_spread_balanced(count: int, strategies: list[Strategy], seed: int) -> None:
    instances = fill(count, 64, strategies, seed)
    tasks = [Placed(f"{i.id}-{number}", i.id, memory=64) for i in instances for number in range(len(i.groups))]
    rng = random.Random(seed)
    while tasks:
        tasks.remove(choose_to_stop(tasks, instances, strategies, rng))
        by = Counter({i.zone if strategies[0] is AZ else i.id: 0 for i in instances})
        by.update(next(i.zone if strategies[0] is AZ else i.id for i in instances if i.id == t.instance) for t in tasks)
        assert max(by.values()) - min(by.values()) <= 1


def test_scale_in_of_binpack_frees_the_emptiest() -> None:
    instances = [Instance("A", memory=100), Instance("B", memory=2000)]
    tasks = [Placed("ta", "A", memory=500), Placed("tb", "B", memory=500)]
    assert choose_to_stop(tasks, instances, [MEMORY]).id == "tb"


def test_scale_in_of_spread_keeps_the_zones_balanced() -> None:
    tasks = [Placed("1", "i-a1"), Placed("2", "i-b1"), Placed("3", "i-b2"), Placed("4", "i-c1")]
    assert choose_to_stop(tasks, fleet()).id == "2"  # the first of the zone that has most
    with pytest.raises(ValueError, match="no task"):
        choose_to_stop([], fleet())


def test_scale_in_counts_later_fields_over_all_tasks() -> None:
    tasks = [Placed("1", "i-a1"), Placed("2", "i-a2"), Placed("3", "i-a2"), Placed("4", "i-b1")]
    assert choose_to_stop(tasks, fleet(), [AZ, HOST]).id == "2"


def test_same_seed_same_choice() -> None:
    def choose(seed: int) -> list[str]:
        rng = random.Random(seed)
        return [
            placed.id
            for _ in range(20)
            if (placed := place(Need(), "g", fleet(), (), [Strategy("random")], rng).instance)
        ]

    assert choose(3) == choose(3)
    assert len(set(choose(3))) > 1


def test_distinct_instance_and_failures() -> None:
    instances = [
        Instance("full", cpu=10, memory=10),
        Instance("taken", cpu=4096, memory=4096, groups=("service:web",)),
        Instance("port", cpu=4096, memory=4096, ports=frozenset({(80, "tcp")})),
        Instance("off", active=False),
        Instance("lost", agent_connected=False),
        Instance("small", cpu=4096, memory=1),
    ]
    need = Need(cpu=256, memory=512, ports=frozenset({(80, "tcp")}))
    placement = place(need, "service:web", instances, [Constraint("distinctInstance")])
    assert placement.instance is None
    assert dict(placement.failures) == {
        "full": "RESOURCE:CPU",
        "taken": "DistinctInstance constraint unsatisfied.",
        "port": "RESOURCE:PORTS",
        "off": "INACTIVE",
        "lost": "AGENT",
        "small": "RESOURCE:MEMORY",
    }


def test_member_of_is_binding() -> None:
    constraint = Constraint("memberOf", "attribute:ecs.availability-zone in [b, c] and runningTasksCount < 1")
    busy = [replace(i, groups=("x",)) if i.zone == "b" else i for i in fleet()]
    chosen = [place(Need(), "g", busy, [constraint], rng=random.Random(n)).instance for n in range(20)]
    assert {instance.zone for instance in chosen if instance} == {"c"}
    failures = dict(place(Need(), "g", busy[:4], [constraint]).failures)
    assert set(failures.values()) == {"MemberOf constraint unsatisfied."}


INSTANCE = Instance(
    "i",
    zone="us-east-1a",
    attributes={"ecs.instance-type": "g2.small", "stack": "prod", "flag": None},
    groups=("service:production", "family:batch"),
    ec2_instance_id="i-abcd1234",
    agent_version="1.14.10",
    registered_at=datetime(2018, 2, 12, 22, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("attribute:ecs.instance-type == g2.small", True),
        ("attribute:ecs.availability-zone in [us-east-1a, us-east-1b]", True),
        ("attribute:ecs.availability-zone !in [us-east-1a, us-east-1b]", False),
        ("attribute:ecs.instance-type =~ g2.* and attribute:ecs.availability-zone != us-east-1d", True),
        ("attribute:ecs.instance-type =~ g2", False),
        ("attribute:ecs.instance-type !~ t.*", True),
        ("task:group == service:production", True),
        ("not(task:group == database)", True),
        ("not(task:group == service:production)", False),
        ("task:group != service:production", False),
        ("runningTasksCount == 2", True),
        ("runningTasksCount >= 10", False),
        ("agentVersion < 1.14.5", False),
        ("agentVersion greater_than 1.14.9", True),
        ("registeredAt < 2018-02-13", True),
        ("registeredAt >= 2018-02-12T23:00:00Z", False),
        ("ec2InstanceId in ['i-abcd1234', 'i-wxyx7890']", True),
        ("attribute:stack exists && attribute:missing !exists", True),
        ("attribute:flag exists", True),
        ("attribute:missing == 1 or (attribute:stack equals prod and agentConnected == true)", True),
        ("attribute:missing == 1 or attribute:stack == dev", False),
        ("attribute:missing != 1", True),
        ("!(attribute:stack == dev) and attribute:stack != dev", True),
    ],
)
def test_cluster_query(expression: str, expected: bool) -> None:
    assert cluster_query.parse(expression)(INSTANCE.values) is expected


@pytest.mark.parametrize(
    "expression",
    ["", "x == 1", "attribute: == 1", "attribute:a ~ 1", "attribute:a ==", "(attribute:a exists", "attribute:a in b",
     "attribute:a in [b", "attribute:a =~ '('", "attribute:a exists attribute:b exists", "attribute:a == 'b"],
)  # fmt: skip
def test_unreadable_expressions_are_named(expression: str) -> None:
    with pytest.raises(Invalid) as caught:
        cluster_query.parse(expression)
    assert caught.value.code == "InvalidParameterException"
    assert f"'{expression}'" in caught.value.message


def test_subnet_of_the_zone_with_fewest_tasks() -> None:
    subnets = [Subnet("s1", "a"), Subnet("s2", "b"), Subnet("s3", "c")]
    placed: Counter[str] = Counter()
    order = []
    for _ in range(5):
        chosen = choose_subnet(subnets, placed)
        placed[chosen.zone] += 1
        order.append(chosen.id)
    assert order == ["s1", "s2", "s3", "s1", "s2"]
    assert choose_subnet(subnets, {"a": 3, "b": 1, "c": 0}).id == "s3"
    with pytest.raises(ValueError, match="subnet"):
        choose_subnet([], {})


PORTS = st.sampled_from([frozenset(), frozenset({(80, "tcp")}), frozenset({(443, "tcp")})])
SIZED = st.builds(
    Instance, st.uuids().map(str), st.sampled_from("abc"),
    st.sampled_from([1024, 2048, 4096]), st.sampled_from([2048, 4096, 8192]), ports=PORTS,
    attributes=st.sampled_from([{"ecs.instance-type": "c5.large"}, {"ecs.instance-type": "m5.large"}, {}]),
    groups=st.sampled_from([(), ("service:web",), ("service:web", "service:web", "family:batch")]),
)  # fmt: skip
NEEDS = st.builds(Need, st.sampled_from([0, 1024, 2048]), st.sampled_from([128, 2048, 4096]), ports=PORTS)


@settings(max_examples=50)
@given(NEEDS, SIZED)
def test_what_fits_an_instance_fits_it_in_moto_too(need: Need, instance: Instance) -> None:
    """moto places on the first instance that has room, and knows neither strategies nor constraints."""
    left = [
        {"name": "CPU", "integerValue": instance.cpu},
        {"name": "MEMORY", "integerValue": instance.memory},
        {"name": "PORTS", "stringSetValue": [str(port) for port, _ in instance.ports]},
    ]
    asked = {"CPU": need.cpu, "MEMORY": need.memory, "PORTS": [port for port, _ in need.ports]}
    theirs = EC2ContainerServiceBackend._can_be_placed(SimpleNamespace(remaining_resources=left), asked)  # type: ignore[arg-type]
    assert (place(need, "service:web", [instance], (), ()).instance is not None) is theirs


@settings(max_examples=50)
@given(
    st.builds(Need, st.just(0), st.sampled_from([128, 4096])),
    st.lists(SIZED, min_size=3, max_size=8, unique_by=lambda one: one.id),
    st.permutations([AZ, HOST, MEMORY, Strategy("binpack", "cpu")]).map(lambda all_of: all_of[:3]),
    st.sampled_from(["", "", "attribute:ecs.instance-type =~ c5.*", "attribute:ecs.availability-zone in [a, b]"]),
    st.sampled_from([False, False, True]),
)  # fmt: skip
def test_the_placed_one_is_the_least_by_all_strategies_in_turn(
    need: Need, instances: list[Instance], strategies: list[Strategy], expression: str, distinct: bool
) -> None:
    """The rule written again: one sort of those that are left, by the strategies as its keys."""
    c5, zones = "c5" in expression, "zone" in expression
    left = [
        one for one in instances
        if need.cpu <= one.cpu and need.memory <= one.memory and not need.ports & one.ports
        and not (distinct and "service:web" in one.groups)
        and (not c5 or (one.attributes.get("ecs.instance-type") or "").startswith("c5"))
        and (not zones or one.zone in "ab")
    ]  # fmt: skip

    def keys(one: Instance) -> list[int]:
        zone = [other for other in instances if other.zone == one.zone]
        of = {AZ: sum(other.groups.count("service:web") for other in zone), HOST: one.groups.count("service:web"),
              MEMORY: one.memory, Strategy("binpack", "cpu"): one.cpu}  # fmt: skip
        return [of[strategy] for strategy in strategies]

    constraints = [Constraint("memberOf", expression)] if expression else []
    constraints += [Constraint("distinctInstance")] if distinct else []
    found = place(need, "service:web", instances, constraints, strategies)
    assert found.instance == (min(left, key=keys) if left else None)
    assert bool(found.failures) is not bool(left)
    mixed = place(need, "service:web", instances, constraints, [Strategy("random"), *strategies], random.Random(1))
    assert (mixed.instance in left) if left else mixed.instance is None

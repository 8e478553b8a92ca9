"""Upstream's cases: kubernetes-sigs/karpenter, pkg/controllers/provisioning/scheduling/suite_test.go."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.policy.kubernetes.karpenter_types import DEFAULTS, GIB, World, pods

from drydock.policy.kubernetes.karpenter.offers import NodePool
from drydock.policy.kubernetes.karpenter.provisioning import EVERYWHERE, PREFER_NOTHING, relaxed, schedule
from drydock.policy.kubernetes.karpenter.requirements import ARCHITECTURE, INSTANCE_TYPE, ZONE, requirement
from drydock.policy.kubernetes.scheduling import (
    HOSTNAME,
    Expression,
    HostPort,
    Node,
    Pod,
    PodTerm,
    Preferences,
    Spread,
    Taint,
)
from drydock.policy.kubernetes.scheduling.model import Selector, equal

ZONES = [f"test-zone-{n}" for n in (1, 2, 3)]
ANY = [*ZONES, "unknown"]


def zones(operator: str, *values: str) -> Expression:
    return Expression(ZONE, operator, values)


def preferring(*terms: Selector) -> Preferences:
    return Preferences(node_affinity=tuple((1, term) for term in terms))


def pool_of(key: str, operator: str, *values: str) -> NodePool:
    return NodePool("default", {key: requirement(key, operator, values)})


@pytest.mark.parametrize(
    ("pool", "selector", "needs", "wishes", "label"),
    [
        (pool_of(ZONE, "In", ZONES[1]), {}, (), (), (ZONE, ZONES[1])),
        (pool_of(ZONE, "In", *ZONES[:2]), {ZONE: ZONES[1]}, (), (), (ZONE, ZONES[1])),
        (NodePool("default"), {HOSTNAME: "red-node"}, (), (), None),
        (pool_of(ZONE, "In", ZONES[0]), {ZONE: "unknown"}, (), (), None),
        (pool_of(ZONE, "In", ZONES[0]), {ZONE: ZONES[1]}, (), (), None),
        (NodePool("default"), {}, (zones("In", ZONES[2]),), (), (ZONE, ZONES[2])),
        (pool_of("integer", "Gt", "8"), {}, (), (), ("integer", "16")),
        (pool_of("integer", "Lt", "8"), {}, (), (), ("integer", "2")),
        (pool_of("integer", "Gte", "16"), {}, (), (), ("integer", "16")),
        (pool_of("integer", "Lte", "2"), {}, (), (), ("integer", "2")),
        (NodePool("default"), {}, (zones("In", "unknown"),), (), None),
        (NodePool("default"), {}, (zones("NotIn", *ZONES[:2], "unknown"),), (), (ZONE, ZONES[2])),
        (NodePool("default"), {}, (zones("NotIn", *ANY),), (), None),
        (NodePool("default"), {}, (zones("In", *ANY),), (zones("In", ZONES[1], "unknown"),), (ZONE, ZONES[1])),
        (NodePool("default"), {}, (zones("In", *ANY),), (zones("In", "unknown"),), (ZONE, ZONES[0])),
        (NodePool("default"), {}, (zones("In", *ANY),), (zones("NotIn", ZONES[0], ZONES[2]),), (ZONE, ZONES[1])),
        (NodePool("default"), {}, (zones("In", *ANY),), (zones("NotIn", *ZONES),), (ZONE, ZONES[0])),
        (NodePool("default"), {ZONE: ZONES[2]}, (zones("In", *ZONES),), (zones("In", *ZONES),), (ZONE, ZONES[2])),
        (
            NodePool("default"),
            {ZONE: ZONES[2], INSTANCE_TYPE: "arm-instance-type"},
            (zones("In", ZONES[0], ZONES[2]),
             Expression(INSTANCE_TYPE, "In", ("default-instance-type", "arm-instance-type"))),
            (zones("NotIn", "unknown"), Expression(INSTANCE_TYPE, "NotIn", ("unknown",))),
            (INSTANCE_TYPE, "arm-instance-type"),
        ),
    ],
    ids=[
        "NodePool constraints", "node selectors", "a hostname selector", "nodeselector unknown", "outside of NodePool",
        "In", "Gt", "Lt", "Gte", "Lte", "incompatible In", "NotIn", "incompatible NotIn", "compatible preferences In",
        "incompatible preferences In", "compatible preferences NotIn", "incompatible preferences NotIn",
        "node selectors, preferences and requirements", "multidimensional",
    ],
)  # fmt: skip
def test_well_known_labels(
    pool: NodePool, selector: dict[str, str], needs: Selector, wishes: Selector, label: tuple[str, str] | None
) -> None:
    """Context "Well Known Labels": all cases."""
    world = World()
    asked = Pod(
        "p", node_selector=selector, node_affinity=(needs,) if needs else (),
        preferences=preferring(wishes) if wishes else Preferences(),
    )  # fmt: skip
    assert bool(world.provision(asked, pools=[pool]).unscheduled) is (label is None)
    assert label is None or world.labels()["p-0"][label[0]] == label[1]


@pytest.mark.parametrize(
    ("needs", "wishes", "pool", "zone"),
    [
        (((zones("In", "invalid"),),), (), pool_of(ZONE, "In", ZONES[0]), None),
        (
            tuple((zones("In", value),) for value in ("invalid", "invalid", ZONES[0], ZONES[1])), (),
            NodePool("default"), ZONES[0],
        ),
        (
            (), ((1, (zones("In", "invalid"),)), (1, (Expression(INSTANCE_TYPE, "In", ("invalid",)),))),
            NodePool("default"), ZONES[0],
        ),
        (
            (),
            ((100, (Expression(INSTANCE_TYPE, "In", (ZONES[2],)),)), (50, (zones("In", ZONES[1]),)),
             (1, (zones("In", ZONES[0]),))),
            pool_of(ZONE, "In", *ZONES[:2]), ZONES[1],
        ),
        ((), ((1, (zones("In", ZONES[0]),)), (50, (zones("In", ZONES[1]),))), NodePool("default"), ZONES[1]),
        (((zones("In", ZONES[2]),),), ((1, (zones("NotIn", ZONES[2]),)),), NodePool("default"), ZONES[2]),
        ((), ((1, (zones("In", "invalid"), zones("NotIn", "invalid"))),), NodePool("default"), ZONES[0]),
    ],
    ids=[
        "not relax the final term", "relax multiple terms", "relax all terms", "relax to use lighter weights",
        "the heaviest is not the first", "preference is conflicting with requirement",
        "preference requirements are conflicting",
    ],
)  # fmt: skip
def test_preferential_fallback(
    needs: tuple[Selector, ...], wishes: tuple[tuple[int, Selector], ...], pool: NodePool, zone: str | None
) -> None:
    """ "Preferential Fallback": all cases."""
    world = World()
    asked = Pod("p", node_affinity=needs, preferences=Preferences(node_affinity=wishes))
    assert bool(world.provision(asked, pools=[pool]).unscheduled) is (zone is None)
    assert zone is None or world.labels()["p-0"][ZONE] == zone


def test_the_order_in_which_preferences_are_given_up() -> None:
    """preferences.go, *Relax*."""
    first, second = (zones("In", "a"),), (zones("In", "b"),)
    near, far = PodTerm(equal({"a": "b"})), PodTerm(equal({"c": "d"}))
    spreads = tuple(Spread((), max_skew=n) for n in (1, 2, 3))
    wishes = Preferences(((1, first), (9, second)), ((1, near), (2, far)), ((5, near),), spreads)
    pod: Pod | None = Pod("p", node_affinity=(first, second), preferences=wishes)
    steps = []
    while (pod := relaxed(pod, soft_taints=True)) if pod else None:
        left = pod.preferences
        steps.append((
            len(pod.node_affinity), [w for w, _ in left.affinity], len(left.anti_affinity),
            [w for w, _ in left.node_affinity], [one.max_skew for one in left.spread], len(pod.tolerations),
        ))  # fmt: skip
    assert steps == [
        (1, [1, 2], 1, [1, 9], [1, 2, 3], 0),
        (1, [1], 1, [1, 9], [1, 2, 3], 0),
        (1, [], 1, [1, 9], [1, 2, 3], 0),
        (1, [], 0, [1, 9], [1, 2, 3], 0),
        (1, [], 0, [1], [1, 2, 3], 0),
        (1, [], 0, [], [1, 2, 3], 0),
        (1, [], 0, [], [3, 2], 0),
        (1, [], 0, [], [2], 0),
        (1, [], 0, [], [], 0),
        (1, [], 0, [], [], 1),
    ]
    assert relaxed(Pod("p"), soft_taints=False) is None


def test_plans_have_the_pods_as_they_were_given() -> None:
    asked = Pod("p", preferences=preferring((zones("In", "invalid"),)))
    assert schedule([asked], [NodePool("default")], DEFAULTS).new[0].pods == [asked]


def test_a_wish_that_costs_a_node_is_heard_first() -> None:
    """preferences.go: a preference is tried as a requirement, new nodes and all, before it is given up."""
    there = Node("there", {"cpu": 4000, "pods": 10}, {ZONE: ZONES[0]})
    world = World(there)
    assert world.provision(Pod("p", preferences=preferring((zones("In", ZONES[1]),)))).new
    assert "there" in world.provision(Pod("p", preferences=preferring((zones("In", "invalid"),)))).existing


def test_an_existing_node_with_a_soft_taint_waits_for_the_last_relaxation() -> None:
    """scheduling/preferences.go: *ToleratePreferNoSchedule* is set where a NodePool has such a taint."""
    taint = Taint("foo", "bar", "PreferNoSchedule")
    there = Node("there", {"cpu": 4000, "pods": 10}, taints=(taint,))
    soft = NodePool("soft", taints=(taint,))
    assert World(there).provision(Pod("p"), pools=[soft]).existing
    assert World(there).provision(Pod("p"), pools=[NodePool("default")]).new
    assert relaxed(Pod("p", tolerations=(PREFER_NOTHING,)), soft_taints=True) is None


@pytest.mark.parametrize(
    ("one", "other", "conflict"),
    [
        (HostPort(4443, address="10.0.0.0"), HostPort(4443, address="10.0.0.0"), True),
        (HostPort(4443, address="10.0.0.0"), HostPort(4443, address="0.0.0.0"), True),
        (HostPort(4443, address="10.0.0.0"), HostPort(4443, address="::"), True),
        (HostPort(4443, address="10.0.0.0"), HostPort(4443, address="10.0.0.1"), False),
        (HostPort(4443, address="10.0.0.0"), HostPort(4443, "SCTP", "10.0.0.0"), False),
        (HostPort(4443, address="10.0.0.0"), HostPort(443, address="10.0.0.0"), False),
    ],
    ids=["identical", "unspecified IPv4", "unspecified IPv6", "address", "protocol", "port"],
)
def test_host_ports(one: HostPort, other: HostPort, conflict: bool) -> None:
    """pkg/scheduling/hostportusage_test.go, "entry type UT": both ways, and on nodes that are there and planned."""
    assert one.conflicts(other, EVERYWHERE) is other.conflicts(one, EVERYWHERE) is conflict
    asked = [Pod(f"p{n}", host_ports=(port,)) for n, port in enumerate((one, other))]
    assert len(World().provision(*asked).new) == 1 + conflict
    world = World()
    world.provision(asked[0])
    assert len(world.provision(asked[1]).new) == conflict


def test_pods_with_the_same_host_port() -> None:
    """suite_test.go, "should schedule pods with the same host port to different nodes"."""
    assert len(World().provision(*pods(2, host_ports=(HostPort(8080),))).new) == 2


def test_a_daemon_s_host_port_bars_the_types_that_it_runs_on() -> None:
    """scheduler.go, *buildDaemonOverheadGroups*; nodeclaim.go, *filterInstanceTypesByRequirements*."""
    daemon = Pod("agent", node_selector={ARCHITECTURE: "amd64"}, host_ports=(HostPort(8080),), of_daemon_set=True)
    asked = Pod("p", host_ports=(HostPort(8080),))
    [node] = schedule([asked], [NodePool("default")], DEFAULTS, daemons=[daemon]).new
    assert [one.name for one in node.types] == ["arm-instance-type"]
    everywhere = replace(daemon, node_selector={})
    assert schedule([asked], [NodePool("default")], DEFAULTS, daemons=[everywhere]).unscheduled


def test_daemons_weigh_on_the_types_that_they_run_on() -> None:
    """scheduler.go, *isDaemonPodCompatible*: any of its terms, of the pool and of the type."""
    daemon = Pod(
        "agent",
        {"cpu": 3500},
        node_affinity=((Expression("nowhere", "In", ("a",)),), (Expression(ARCHITECTURE, "In", ("amd64",)),)),
        of_daemon_set=True,
    )
    [node] = schedule([Pod("p", {"cpu": 1000})], [NodePool("default")], DEFAULTS, daemons=[daemon]).new
    assert [one.name for one in node.types] == ["arm-instance-type"]


def test_nodes_that_are_in_flight() -> None:
    """ "In-Flight Nodes": "(node selectors)"; "Topology", across zones and hostnames; "(node selector)"."""
    world = World()
    for values, nodes in ((ZONES[1:2], 1), (ZONES[:2], 1), ([ZONES[0], ZONES[2]], 2)):
        assert not world.provision(Pod("p", {"cpu": 10}, node_affinity=((zones("In", *values),),))).unscheduled
        assert len(world.cluster.nodes) == nodes
    assert len(world.provision(Pod("p", node_selector={ARCHITECTURE: "arm64"})).new) == 1
    for key, first, then, nodes in ((ZONE, [1, 1, 2], [3, 3, 3], 3), (HOSTNAME, [1] * 4, [1] * 9, 9)):
        mine = Spread(equal({"foo": "bar"}), topology_key=key)
        again = World()
        again.provision(*pods(4, labels={"foo": "bar"}, spread=(mine,)))
        assert again.skew(mine) == first
        again.provision(*pods(5, labels={"foo": "bar"}, spread=(mine,)))
        assert again.skew(mine) == then
        assert len(again.cluster.nodes) == nodes


def test_company_prefers_the_node_that_is_there() -> None:
    """ "should respect self pod affinity without pod binding (zone)"."""
    world, mine = World(), {"security": "s2"}
    asked = pods(1, labels=mine, affinity=(PodTerm(equal(mine), ZONE),))
    world.provision(*asked)
    for pod, name in list(world.cluster.bound()):
        world.cluster.unbind(pod, name)
    assert not world.provision(*asked).new


def test_nodes_that_karpenter_did_not_make() -> None:
    """ "Existing Nodes": "should schedule multiple pods …"; "… incompatible with an existing node but compatible …"."""
    world = World(Node("there", {"cpu": 10_000, "memory": 100 * GIB, "pods": 110}))
    assert not world.provision(*pods(100, cpu=10)).new
    in_zone = Pod("p", node_affinity=((zones("In", ZONES[0]),),))
    assert list(world.provision(in_zone, pools=[]).unscheduled.values()) == ["there is no NodePool"]
    assert world.provision(in_zone).new


@pytest.mark.parametrize(
    ("on", "selector", "cpu", "new"),
    [
        ([], {}, 14_900, False),
        ([], {}, 15_000, True),
        ([Pod("ds", {"cpu": 1000, "memory": 2 * GIB}, of_daemon_set=True)], {}, 14_900, False),
        ([Pod("ds", {"cpu": 1000, "memory": 2 * GIB}, of_daemon_set=True)], {"my-label": "value"}, 15_500, True),
        ([], {"my-label": "value"}, 15_900, False),
    ],
    ids=["room is kept", "too little beside it", "it runs already", "an unexpected one", "not compatible"],
)
def test_room_for_daemons_on_nodes_that_are_there(on: list[Pod], selector: dict[str, str], cpu: int, new: bool) -> None:
    """Contexts "Daemonsets": "should track …", "should handle unexpected …", "should not subtract …"."""
    world = World(Node("there", {"cpu": 15_900, "memory": 100 * GIB, "pods": 5}))
    for pod in on:
        world.cluster.bind(pod, "there")
    daemon = Pod("agent", {"cpu": 1000, "memory": GIB}, node_selector=selector, of_daemon_set=True)
    plan = world.provision(Pod("p", {"cpu": cpu}), daemons=[daemon])
    assert bool(plan.existing) is not new

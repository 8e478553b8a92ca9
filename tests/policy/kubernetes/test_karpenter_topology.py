"""Upstream's cases: kubernetes-sigs/karpenter, pkg/controllers/provisioning/scheduling/topology_test.go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.policy.kubernetes.karpenter_types import World, assorted, pods

from drydock.policy.kubernetes.karpenter.offers import ON_DEMAND, SPOT, NodePool
from drydock.policy.kubernetes.karpenter.requirements import (
    ARCHITECTURE,
    CAPACITY_TYPE,
    INSTANCE_TYPE,
    ZONE,
    requirement,
)
from drydock.policy.kubernetes.scheduling import (
    HOSTNAME,
    Expression,
    Node,
    Pod,
    PodTerm,
    Preferences,
    Spread,
    Taint,
    Toleration,
)
from drydock.policy.kubernetes.scheduling.model import equal

LABELS = {"test": "test"}
MINE = equal(LABELS)
ZONAL, HOSTS, KINDS = Spread(MINE), Spread(MINE, topology_key=HOSTNAME), Spread(MINE, topology_key=CAPACITY_TYPE)
ARCHES = Spread(MINE, topology_key=ARCHITECTURE)
ZONES = [f"test-zone-{n}" for n in (1, 2, 3)]


def pool(name: str = "default", labels: dict[str, str] | None = None, **given: object) -> NodePool:
    """`given`: zone, kind and the like, with one value or several."""
    keys = {"zone": ZONE, "kind": CAPACITY_TYPE, "arch": ARCHITECTURE}
    wanted = {
        keys[key]: requirement(keys[key], "In", (value,) if isinstance(value, str) else value)  # type: ignore[arg-type]
        for key, value in given.items()
    }
    return NodePool(name, wanted, labels=labels or {})


def spread(count: int, *constraints: Spread, cpu: int = 0, **more: object) -> list[Pod]:
    return pods(count, cpu, labels=LABELS, spread=constraints, **more)


def within(key: str, *values: str) -> tuple[tuple[Expression, ...], ...]:
    return ((Expression(key, "In", values),),)


@pytest.mark.parametrize(
    ("rounds", "expected"),
    [
        ([(spread(4, ZONAL), [pool()])], [1, 1, 2]),
        ([(spread(4, preferences=Preferences(spread=(ZONAL,))), [pool()])], [1, 1, 2]),
        ([(spread(4, ZONAL), [pool(zone=[*ZONES, "test-zone-4"])])], [1, 1, 1]),
        ([(spread(4, Spread((Expression("test", "In", ("test",)),))), [pool()])], [1, 1, 2]),
        ([(spread(4, ZONAL), [pool(zone=ZONES)])], [1, 1, 2]),
        ([(spread(4, ZONAL), [pool(zone=ZONES[:2])])], [2, 2]),
        ([(spread(4, ZONAL), [pool(labels={ZONE: ZONES[0]})])], [4]),
        ([(spread(4, ZONAL), [pool(labels={ZONE: ZONES[0]}, zone=ZONES[:2])])], [4]),
        (
            [(spread(4, ZONAL), [
                pool("a", {ZONE: ZONES[0]}, zone=ZONES[:2]), pool("b", {ZONE: ZONES[1]})])],
            [2, 2],
        ),
        (
            [(spread(1, cpu=1100, node_selector={ZONE: ZONES[2]}), [pool()]),
             (spread(6, ZONAL, cpu=1100), [pool(zone=ZONES[:2])])],
            [1, 2, 2],
        ),
        (
            [(spread(count, replace(ZONAL, max_skew=5), cpu=1100), [pool(zone=zone)])
             for count, zone in zip((1, 1, 10), ZONES, strict=True)],
            [1, 1, 6],
        ),
        (
            [(spread(1, ZONAL, cpu=1100), [pool(zone=ZONES[0])]),
             (spread(10, ZONAL, cpu=1100), [pool(zone=ZONES[1:])])],
            [1, 2, 2],
        ),
        (
            [(spread(1, cpu=1100), [pool(zone=ZONES[0])]), (spread(10, ZONAL, cpu=1100), [pool(zone=ZONES[1:])])],
            [1, 2, 2],
        ),
        ([(pods(1), [pool()])], []),
        ([(spread(3, replace(ZONAL, min_domains=3)), [pool(zone=ZONES[:2])])], [1, 1]),
        ([(spread(11, replace(ZONAL, min_domains=3)), [pool(zone=ZONES)])], [3, 4, 4]),
        ([(spread(11, replace(ZONAL, min_domains=2)), [pool(zone=ZONES)])], [3, 4, 4]),
        ([(spread(5, ZONAL, node_selector={ZONE: ZONES[0]}) + spread(10, ZONAL, node_selector={ZONE: ZONES[1]}),
           [pool()])], [5, 10]),
        ([(spread(10, ZONAL, node_affinity=within(ZONE, *ZONES[:2])), [pool()])], [5, 5]),
        (
            [(spread(6, ZONAL, node_affinity=within(ZONE, *ZONES[:2])), [pool()]),
             (spread(1, ZONAL, node_affinity=within(ZONE, *ZONES[1:])), [pool(zone=ZONES)])],
            [1, 3, 3],
        ),
        (
            [(spread(6, ZONAL, node_affinity=within(ZONE, *ZONES[:2])), [pool()]),
             (spread(1, ZONAL, node_affinity=within(ZONE, *ZONES[1:])), [pool(zone=ZONES)]),
             (spread(5, ZONAL), [pool(zone=ZONES)])],
            [4, 4, 4],
        ),
        (
            [(spread(6, ZONAL, preferences=Preferences(node_affinity=((1, within(ZONE, *ZONES[:2])[0]),))), [pool()])],
            [2, 2, 2],
        ),
    ],
    ids=[
        "match labels",
        "ScheduleAnyway is heard first",
        "a zone of the NodePool that no type has",
        "match expressions",
        "NodePool zonal constraints",
        "subset with requirements",
        "subset with labels",
        "subset with requirements and labels",
        "subset with labels across NodePools",
        "existing pod",
        "the non-minimum domain if its all that's available",
        "not violate max-skew",
        "not violate max-skew (discover domains)",
        "a pod without the labels",
        "respect minDomains",
        "satisfied minDomains (equal)",
        "satisfied minDomains (greater than minimum)",
        "limit spread options by nodeSelector",
        "limit spread options by node requirements",
        "limit spread options by required node affinity: improves the skew",
        "limit spread options by required node affinity: three rounds",
        "not limit spread options by preferred node affinity",
    ],
)  # fmt: skip
def test_zonal(rounds: list[tuple[list[Pod], list[NodePool]]], expected: list[int]) -> None:
    """Contexts "Zonal" and "Combined Zonal Topology and Node Affinity"; topology.go, *buildDomainGroups*."""
    world = World()
    for asked, pools in rounds:
        world.provision(*asked, pools=pools)
    assert world.skew(ZONAL) == expected


@pytest.mark.parametrize(
    ("rounds", "expected"),
    [
        ([(spread(4, HOSTS), [pool()])], [1, 1, 1, 1]),
        ([(spread(4, replace(HOSTS, max_skew=4)), [pool()])], [4]),
        ([(pods(2, labels={**LABELS, "v": "a"}, spread=(replace(HOSTS, match_label_keys=("v",)),))
           + pods(2, labels={**LABELS, "v": "b"}, spread=(replace(HOSTS, match_label_keys=("v",)),)),
           [pool()])], [2, 2]),
        ([(spread(4, replace(HOSTS, match_label_keys=("v",))), [pool()])], [1, 1, 1, 1]),
    ],
    ids=[
        "balance pods across nodes", "the same hostname up to maxskew", "matchLabelKeys", "unknown labels in it",
    ],
)  # fmt: skip
def test_hostname(rounds: list[tuple[list[Pod], list[NodePool]]], expected: list[int]) -> None:
    """Contexts "Hostname" and "MatchLabelKeys"."""
    world = World()
    for asked, pools in rounds:
        world.provision(*asked, pools=pools)
    assert world.skew(HOSTS) == expected


@pytest.mark.parametrize(("arches", "nodes"), [((None, None), 2), (("amd64", "arm64"), 4)])
def test_deployments_share_hosts(arches: tuple[str | None, str | None], nodes: int) -> None:
    """ "balance multiple deployments with hostname topology spread", and "& varying arch"."""
    asked = []
    for app, arch in zip(("app1", "app2"), arches, strict=True):
        mine = Spread(equal({"app": app}), topology_key=HOSTNAME)
        selected = within(ARCHITECTURE, arch) if arch else ()
        asked += pods(2, labels={"app": app}, spread=(mine,), node_affinity=selected)
    world = World()
    assert not world.provision(*asked).unscheduled
    assert len(world.cluster.nodes) == nodes


SINGLE = {"node_selector": {INSTANCE_TYPE: "single-pod-instance-type"}}


@pytest.mark.parametrize(
    ("rounds", "constraint", "expected"),
    [
        ([(spread(4, KINDS), [pool()])], KINDS, [2, 2]),
        ([(spread(4, KINDS), [pool(kind=(SPOT, ON_DEMAND))])], KINDS, [2, 2]),
        (
            [(spread(1, KINDS, cpu=1100), [pool(kind=SPOT)]), (spread(5, KINDS, cpu=1100), [pool(kind=ON_DEMAND)])],
            KINDS, [1, 2],
        ),
        (
            [(spread(count, cpu=1100, preferences=Preferences(spread=(KINDS,))), [pool(kind=kind)])
             for count, kind in ((1, SPOT), (5, ON_DEMAND))],
            KINDS, [1, 5],
        ),
        (
            [(spread(1, node_affinity=((*within(ZONE, ZONES[0])[0], *within(CAPACITY_TYPE, ON_DEMAND)[0]),)), [pool()]),
             (spread(5, KINDS, node_affinity=((*within(ZONE, ZONES[1])[0], *within(CAPACITY_TYPE, SPOT)[0]),)),
              [pool()])],
            KINDS, [1, 5],
        ),
        (
            [(spread(1, node_affinity=within(CAPACITY_TYPE, ON_DEMAND), **SINGLE), [pool()]),
             (spread(5, KINDS, cpu=2000), [pool(kind=SPOT)])],
            KINDS, [1, 2],
        ),
        (
            [(spread(1, node_affinity=within(ARCHITECTURE, "amd64"), **SINGLE), [pool()]),
             (spread(5, ARCHES, cpu=2000), [pool(arch="arm64")])],
            ARCHES, [1, 2],
        ),
        (
            [(spread(5, preferences=Preferences(spread=(KINDS,)), node_selector={CAPACITY_TYPE: SPOT})
              + spread(5, preferences=Preferences(spread=(KINDS,)), node_selector={CAPACITY_TYPE: ON_DEMAND}),
              [pool()])],
            KINDS, [5, 5],
        ),
        ([(spread(3, KINDS, node_affinity=within(CAPACITY_TYPE, SPOT)), [pool()])], KINDS, [3]),
        (
            [(spread(3, KINDS, node_affinity=within(CAPACITY_TYPE, SPOT)), [pool()]),
             (spread(1, KINDS, node_affinity=within(CAPACITY_TYPE, SPOT, ON_DEMAND)), [pool()])],
            KINDS, [1, 3],
        ),
        (
            [(spread(3, KINDS, node_affinity=within(CAPACITY_TYPE, SPOT)), [pool()]),
             (spread(1, KINDS, node_affinity=within(CAPACITY_TYPE, SPOT, ON_DEMAND)), [pool()]),
             (spread(5, KINDS), [pool()])],
            KINDS, [4, 5],
        ),
    ],
    ids=[
        "balance pods across capacity types",
        "NodePool capacity type constraints",
        "not violate max-skew when unsat = do not schedule",
        "violate max-skew when unsat = schedule anyway",
        "node required affinity constrained",
        "capacity-types (no constraints)",
        "arch (no constraints)",
        "limit spread options by nodeSelector",
        "limit spread options by node affinity: spot alone",
        "limit spread options by node affinity: improves the skew",
        "limit spread options by node affinity: three rounds",
    ],
)  # fmt: skip
def test_capacity_type(rounds: list[tuple[list[Pod], list[NodePool]]], constraint: Spread, expected: list[int]) -> None:
    """Contexts "CapacityType" and "Combined Capacity Type Topology and Node Affinity"."""
    world = World()
    for asked, pools in rounds:
        world.provision(*asked, pools=pools)
    assert world.skew(constraint) == expected


@pytest.mark.parametrize(("key", "expected"), [(ZONE, [1, 2, 2]), (CAPACITY_TYPE, [2, 3])])
def test_only_pods_with_the_labels_on_nodes_with_a_domain_count(key: str, expected: list[int]) -> None:
    """ "should only count running/scheduled pods with matching labels scheduled to nodes …", of both contexts."""
    domains = (ZONES[0], ZONES[1]) if key == ZONE else (SPOT, ON_DEMAND)
    world = World(
        *(Node(f"there-{n}", {}, {key: value}) for n, value in enumerate(domains)), Node("without a domain", {})
    )
    for pod, place in (
        (Pod("no labels"), "there-0"), (Pod("no domain", labels=LABELS), "without a domain"),
        (Pod("elsewhere", namespace="other", labels=LABELS), "there-0"), (Pod("a", labels=LABELS), "there-0"),
        (Pod("b", labels=LABELS), "there-0"), (Pod("c", labels=LABELS), "there-1"),
        (Pod("terminating", labels=LABELS, terminating=True), "there-1"),
    ):  # fmt: skip
        world.cluster.bind(pod, place)
    mine = Spread(MINE, topology_key=key)
    assert not world.provision(*spread(2, mine)).unscheduled
    world.cluster.unbind(Pod("terminating", labels=LABELS, terminating=True), "there-1")
    assert world.skew(mine) == expected


def test_a_skew_that_is_there_is_made_good_first() -> None:
    """ "should only schedule to minimum domains if already violating max skew"."""
    world = World()
    world.provision(*spread(9, ZONAL, cpu=1100))
    assert world.skew(ZONAL) == [3, 3, 3]
    for pod, name in list(world.cluster.bound()):
        if world.cluster.labels(name)[ZONE] != ZONES[0]:
            world.cluster.unbind(pod, name)
    world.provision(*spread(3, ZONAL, cpu=1100))
    assert world.skew(ZONAL) == [1, 2, 3]


def test_a_key_that_no_node_has() -> None:
    """ "should ignore unknown topology keys"."""
    plan = World().provision(*spread(1, Spread(MINE, topology_key="unknown")), Pod("plain"))
    assert plan.unscheduled == {"pod-0-0": "default: topology spread by unknown leaves no domain"}


def test_a_constraint_that_selects_none() -> None:
    """ "should not spread when a nil label selector is defined"; "should handle interdependent selectors"."""
    world = World()
    assert not world.provision(*spread(2, Spread(None))).unscheduled
    assert world.skew(ZONAL) == [2]
    others = World()
    assert not others.provision(*pods(5, spread=(HOSTS,))).unscheduled
    assert len(others.cluster.nodes) == 1


ROUNDS = (2, 3, 5, 11)


@pytest.mark.parametrize(
    ("domains", "expected"),
    [(ZONAL, ([1, 1], [1, 2, 2], [3, 3, 4], [7, 7, 7])), (KINDS, ([1, 1], [2, 3], [5, 5], [10, 11]))],
    ids=["zone", "capacity type"],
)
def test_two_constraints_at_once(domains: Spread, expected: tuple[list[int], ...]) -> None:
    """ "should spread pods while respecting both constraints (hostname and zonal)"; the same with capacity type."""
    world, hosts = World(), replace(HOSTS, max_skew=3)
    for count, skew in zip(ROUNDS, expected, strict=True):
        assert not world.provision(*spread(count, domains, hosts)).unscheduled
        assert world.skew(domains) == skew
        assert max(world.skew(hosts)) <= 3


def test_pools_share_the_domains_of_a_label() -> None:
    """ "should balance pods across NodePool requirements": 4 to 1 of Spot and on-demand."""
    key = "capacity.spread.4-1"
    pools = [
        NodePool(name, {
            CAPACITY_TYPE: requirement(CAPACITY_TYPE, "In", (kind,)), key: requirement(key, "In", tuple(values))})
        for name, kind, values in (("spot", SPOT, "2345"), ("on-demand", ON_DEMAND, "1"))
    ]  # fmt: skip
    world = World()
    assert not world.provision(*spread(20, Spread(MINE, topology_key=key)), pools=pools).unscheduled
    assert world.skew(Spread(MINE, topology_key=key)) == [4] * 5
    assert world.skew(KINDS) == [4, 16]


def test_a_zone_that_cannot_be_had_counts() -> None:
    """ "should spread pods while respecting both constraints", with a second NodePool whose limit is 0."""
    world = World()
    nothing = NodePool("nothing", {ZONE: requirement(ZONE, "In", (ZONES[2],))}, limits={"cpu": 0})
    asked = spread(10, ZONAL, preferences=Preferences(spread=(HOSTS,)))
    world.provision(*asked, pools=[pool(zone=ZONES[:2]), nothing])
    assert world.skew(ZONAL) == [1, 1]
    assert world.skew(HOSTS) == [1, 1]


def test_zones_and_capacity_types() -> None:
    """ "Combined Zonal and Capacity Type Topology": bounds after each round."""
    world = World()
    for count, kinds, zones in ((2, 1, 1), (3, 3, 2), (3, 5, 4), (11, 11, 7)):
        world.provision(*spread(count, KINDS, ZONAL))
        assert max(world.skew(KINDS)) <= kinds
        assert max(world.skew(ZONAL)) <= zones


def test_three_constraints_at_once() -> None:
    """ "Combined Hostname, Zonal, and Capacity Type Topology"."""
    world = World(types=assorted()[::5])
    constraints = (KINDS, replace(ZONAL, max_skew=2), replace(HOSTS, max_skew=3))
    for count in range(1, 15):
        assert not world.provision(*spread(count, *constraints)).unscheduled
        for one in constraints:
            skew = world.skew(one)
            assert max(skew) - (min(skew) if one.topology_key != HOSTNAME else 0) <= one.max_skew


LABEL = "fake-label"
TAINTED = Taint("taintname", "taintvalue")


@pytest.mark.parametrize(("honors", "expected"), [(False, [1]), (True, [5])])
def test_node_taints_policy(honors: bool, expected: list[int]) -> None:
    """ "should balance pods across a label (NodeTaintsPolicy=ignore)" and "(… =honor)"."""
    world = World(*(Node(name, {"cpu": 100}, {LABEL: name}, (TAINTED,)) for name in ("foo", "bar")))
    mine = Spread(MINE, topology_key=LABEL, honors_taints=honors)
    world.provision(*spread(5, mine, cpu=1000), pools=[pool(labels={LABEL: "baz"})])
    assert world.skew(mine) == expected


@pytest.mark.parametrize(("honors", "expected"), [(False, [1]), (True, [2])])
def test_node_taints_policy_of_pools(honors: bool, expected: list[int]) -> None:
    """ "… when discovered from the nodepool (NodeTaintsPolicy=ignore)" and "(… =honor)"."""
    pools = [
        NodePool(name, {LABEL: requirement(LABEL, "In", (name,))}, taints=taints)
        for name, taints in (("foo", ()), ("bar", (TAINTED,)))
    ]
    world, mine = World(), Spread(MINE, topology_key=LABEL, honors_taints=honors)
    world.provision(*spread(2, mine), pools=pools)
    assert world.skew(mine) == expected


def test_pools_with_taints_that_share_a_domain() -> None:
    """ "… when mutually exclusive NodePools (by taints) share domains (NodeTaintsPolicy=honor)"."""
    pools = [
        NodePool(f"pool-{n}", {LABEL: requirement(LABEL, "In", values)}, taints=(Taint("taint-key", f"nodepool-{n}"),))
        for n, values in enumerate((("foo", "bar"), ("foo", "baz")))
    ]
    world, mine = World(), Spread(MINE, topology_key=LABEL, honors_taints=True)
    tolerant = [(Toleration("taint-key", value=f"nodepool-{n}", effect="NoSchedule"),) for n in (0, 1)]
    asked = [pod for n in (0, 1) for pod in spread(2 * (n + 1), mine, tolerations=tolerant[n])]
    world.provision(*asked, pools=pools)
    assert world.skew(mine) == [1, 2, 3]


@pytest.mark.parametrize("keeps", ["with", "from"])
def test_affinity_knows_no_zone_of_pools_that_its_first_pod_does_not_tolerate(keeps: str) -> None:
    """topologydomaingroup.go, *ForEachDomain*: affinity has no policy for taints, and what is not Ignore is Honor."""
    kind = "affinity" if keeps == "with" else "anti_affinity"
    mine, theirs = (pool(name, zone=ZONES[n]) for n, name in enumerate(("open", "tainted")))
    pools = [mine, replace(theirs, taints=(TAINTED,))]
    tolerant: dict[str, Any] = {"tolerations": (Toleration("taintname", "Exists"),), "cpu": 100}
    term: dict[str, Any] = {kind: (PodTerm(MINE, ZONE),)}
    second = pods(1, labels=LABELS, node_selector={ZONE: ZONES[1]}, **tolerant, **term)
    assert not World().provision(*second, pools=pools).unscheduled
    first = pods(1, 200, labels=LABELS, node_selector={ZONE: ZONES[0]}, **term)
    second = [replace(one, name="second") for one in second]
    assert [*World().provision(*first, *second, pools=pools).unscheduled] == ["second-1"]


@pytest.mark.parametrize(("honors", "expected"), [(False, [1]), (True, [5])])
def test_node_affinity_policy(honors: bool, expected: list[int]) -> None:
    """ "should balance pods across a label (NodeAffinityPolicy=ignore)" and "(… =honor)"."""
    world = World(*(Node(name, {"cpu": 100}, {LABEL: name, "selector": "mismatch"}) for name in ("foo", "bar")))
    mine = Spread(MINE, topology_key=LABEL, honors_affinity=honors)
    asked = spread(5, mine, cpu=1000, node_selector={"selector": "value"})
    world.provision(*asked, pools=[pool(labels={LABEL: "baz", "selector": "value"})])
    assert world.skew(mine) == expected


SECURE = {"security": "s2"}
THEM = equal(SECURE)
ON_HOST, IN_ZONE, ON_ARCH = PodTerm(THEM), PodTerm(THEM, ZONE), PodTerm(THEM, ARCHITECTURE)
ALL_ZONES = Spread((), topology_key=ZONE)
TARGET = Pod("target", labels=SECURE)


def hosts(world: World) -> dict[str, str]:
    """The node of each pod, by the start of its name."""
    return {name.rpartition("-")[0]: labels[HOSTNAME] for name, labels in world.labels().items()}


def test_company_on_a_host() -> None:
    """ "should respect pod affinity (hostname)"; "should schedule a pod with empty pod affinity and anti-affinity"."""
    world = World()
    follower = Pod("follower", affinity=(ON_HOST,))
    assert not world.provision(*spread(10, HOSTS), TARGET, follower).unscheduled
    assert hosts(world)["target"] == hosts(world)["follower"]


def test_company_on_an_architecture() -> None:
    """ "should respect pod affinity (arch)"."""
    world, apart = World(), (replace(HOSTS, selector=THEM),)
    arm = Pod("arm", {"cpu": 2000}, labels=SECURE, spread=apart, node_selector={ARCHITECTURE: "arm64"})
    follower = Pod("follower", {"cpu": 1000}, labels=SECURE, spread=apart, affinity=(ON_ARCH,))
    assert not world.provision(arm, follower).unscheduled
    assert {labels[ARCHITECTURE] for labels in world.labels().values()} == {"arm64"}
    assert len(world.cluster.nodes) == 2


@pytest.mark.parametrize(
    ("term", "more", "zone"),
    [(ON_HOST, {}, ""), (IN_ZONE, {}, ""), (IN_ZONE, {"node_affinity": within(ZONE, ZONES[2])}, ZONES[2])],
    ids=["hostname", "zone", "zone w/ constraint"],
)
def test_company_of_its_own(term: PodTerm, more: dict[str, object], zone: str) -> None:
    """ "should respect self pod affinity (hostname)", "(zone)" and "(zone w/ constraint)"."""
    world = World()
    assert not world.provision(*pods(3, labels=SECURE, affinity=(term,), **more)).unscheduled
    assert len(world.cluster.nodes) == 1
    assert not zone or {labels[ZONE] for labels in world.labels().values()} == {zone}


def test_only_the_first_pod_opens_a_host() -> None:
    """ "should respect self pod affinity for first empty topology domain only (hostname)"."""
    world, asked = World(), pods(10, labels=SECURE, affinity=(ON_HOST,))
    assert len(world.provision(*asked).unscheduled) == 5
    assert len(world.cluster.nodes) == 1
    assert len(world.provision(*asked).unscheduled) == 10


def test_company_that_is_out_of_reach() -> None:
    """ "… for first empty topology domain only (hostname/constrained zones)"."""
    world = World()
    world.provision(*pods(1, labels=SECURE, affinity=(ON_HOST,), node_selector={ZONE: ZONES[0]}))
    asked = pods(10, labels=SECURE, affinity=(ON_HOST,), node_affinity=within(ZONE, *ZONES[1:]))
    assert len(world.provision(*asked).unscheduled) == 10


def test_two_that_want_company_in_zones_that_exclude_each_other() -> None:
    """ "should allow two nodes to be created when two pods with matching affinities have incompatible selectors"."""
    world = World()
    asked = [pod for zone in ZONES[1:] for pod in
             pods(1, name=zone, labels=SECURE, affinity=(IN_ZONE,), node_affinity=within(ZONE, zone))]  # fmt: skip
    assert not world.provision(*asked).unscheduled
    assert sorted(labels[ZONE] for labels in world.labels().values()) == ZONES[1:]


def prefers(of: str, term: PodTerm, weight: int = 50) -> Preferences:
    return Preferences(**{of: ((weight, term),)})  # type: ignore[arg-type]


def test_preferences_are_given_up() -> None:
    """ "should allow violation of preferred pod affinity", and of "preferred pod anti-affinity"."""
    company = prefers("affinity", ON_HOST)
    assert not World().provision(*spread(10, HOSTS), Pod("follower", preferences=company)).unscheduled
    solitude = prefers("anti_affinity", PodTerm(MINE, ZONE))
    assert not World().provision(*spread(3, ZONAL), *pods(10, name="aloof", preferences=solitude)).unscheduled


def test_a_preference_against_a_requirement() -> None:
    """ "should allow violation of a pod affinity preference with a conflicting required constraint"."""
    world = World()
    asked = spread(3, HOSTS, preferences=prefers("affinity", ON_HOST))
    assert not world.provision(*asked, TARGET).unscheduled
    assert world.skew(HOSTS) == [1, 1, 1]


def test_apart_on_hosts_both_ways() -> None:
    """ "should separate nodes using simple pod anti-affinity on hostname"."""
    world = World()
    for _ in range(10):
        assert not world.provision(Pod("aloof", anti_affinity=(ON_HOST,)), TARGET).unscheduled
    for aloof, node in ((name, labels[HOSTNAME]) for name, labels in world.labels().items() if "aloof" in name):
        assert not any(pod.labels == SECURE for pod in world.cluster.pods[node]), aloof


def in_each_zone(**more: object) -> list[Pod]:
    return [pod for zone in ZONES for pod in pods(1, 2000, name=zone, node_selector={ZONE: zone}, **more)]


def test_apart_from_zones_that_have_them() -> None:
    """ "should not violate pod anti-affinity on zone", and "(other schedules first)": where it is, is not known."""
    aloof = Pod("aloof", anti_affinity=(IN_ZONE,))
    for asked in (in_each_zone(labels=SECURE), [replace(TARGET, requests={"cpu": 2000})]):
        plan = World().provision(*asked, aloof)
        assert plan.unscheduled == {f"aloof-{len(asked)}": f"default: pod anti-affinity by {ZONE} leaves no domain"}


def test_apart_on_architectures() -> None:
    """ "should not violate pod anti-affinity (arch)"."""
    world, apart = World(), (replace(HOSTS, selector=THEM),)
    arm = Pod("arm", {"cpu": 2000}, labels=SECURE, spread=apart, node_selector={ARCHITECTURE: "arm64"})
    aloof = Pod("aloof", {"cpu": 1000}, labels=SECURE, spread=apart, anti_affinity=(ON_ARCH,))
    assert not world.provision(arm, aloof).unscheduled
    assert {labels[ARCHITECTURE] for labels in world.labels().values()} == {"amd64", "arm64"}


@pytest.mark.parametrize("at_once", [True, False], ids=["one round", "existing nodes"])
@pytest.mark.parametrize("required", [True, False], ids=["required", "preferred"])
def test_pods_that_keep_others_away(at_once: bool, required: bool) -> None:
    """ "should (not) violate (preferred) pod anti-affinity on zone (inverse)", and "(inverse w/existing nodes)"."""
    more = {"anti_affinity": (IN_ZONE,)} if required else {"preferences": prefers("anti_affinity", IN_ZONE, 10)}
    world, aloof = World(), in_each_zone(**more)
    left = (
        world.provision(*aloof, TARGET).unscheduled
        if at_once
        else {**world.provision(*aloof).unscheduled, **world.provision(TARGET).unscheduled}
    )
    assert list(left) == (["target-3"] if required else [])


def test_a_pod_that_may_be_anywhere_keeps_others_away_everywhere() -> None:
    """ "should not violate pod anti-affinity on zone (Schrödinger)"."""
    world = World()
    aloof = Pod("aloof", {"cpu": 2000}, anti_affinity=(IN_ZONE,))
    assert list(world.provision(aloof, TARGET).unscheduled) == ["target-1"]
    assert not world.provision(TARGET).unscheduled
    assert len({labels[ZONE] for labels in world.labels().values()}) == 2


def test_apart_by_zones_takes_a_round_for_each() -> None:
    """ "should support pod anti-affinity with a zone topology"."""
    world = World()
    for expected in ([1], [1, 1], [1, 1, 1], [1, 1, 1]):
        world.provision(*pods(3, labels=SECURE, anti_affinity=(IN_ZONE,)))
        assert world.skew(ALL_ZONES) == expected


def test_company_that_is_not_there() -> None:
    """ "should not schedule pods with affinity to a non-existent pod"; "… with unsatisfiable dependencies"."""
    assert len(World().provision(*pods(10, affinity=(IN_ZONE,))).unscheduled) == 10
    assert len(World().provision(*pods(1, labels=LABELS, affinity=(ON_HOST,))).unscheduled) == 1


def test_company_in_a_zone_that_is_not_known_yet() -> None:
    """ "should support pod affinity with zone topology (unconstrained target)", and "(constrained target)"."""
    world, followers = World(), pods(10, name="follower", affinity=(IN_ZONE,))
    assert len(world.provision(*followers, TARGET).unscheduled) == 10
    assert not world.provision(*followers).unscheduled
    assert world.skew(ALL_ZONES) == [11]
    known = World()
    known.provision(*followers, replace(TARGET, node_affinity=within(ZONE, ZONES[0])))
    assert known.skew(ALL_ZONES) == [11]


def test_company_of_company() -> None:
    """ "should handle multiple dependent affinities": whatever the order."""
    kinds = ("db", "web", "cache", "ui")
    chain = [
        Pod(one, labels={"type": one}, affinity=(PodTerm(equal({"type": after})),) if after else ())
        for after, one in zip(("", *kinds), kinds, strict=False)
    ]
    for asked in (chain, chain[::-1], chain[2:] + chain[:2]):
        world = World()
        assert not world.provision(*asked).unscheduled
        assert len(set(hosts(world).values())) == 1


@pytest.mark.parametrize(
    ("where", "together"),
    [({}, False), ({"namespaces": ("elsewhere",)}, True), ({"namespace_selector": ()}, True),
     ({"namespace_selector": equal({"foo": "bar"})}, True), ({"namespace_selector": equal({"foo": "x"})}, False)],
)  # fmt: skip
def test_company_in_another_namespace(where: dict[str, Any], together: bool) -> None:
    """ "should filter pod affinity topologies by namespace, …": none, a list, an empty and another selector."""
    world = World()
    world.cluster.namespaces = {"elsewhere": {"foo": "bar"}}
    follower = Pod("follower", affinity=(replace(ON_HOST, **where),))
    plan = world.provision(*spread(10, HOSTS), replace(TARGET, namespace="elsewhere"), follower)
    assert bool(plan.unscheduled) is not together
    assert not together or hosts(world)["follower"] == hosts(world)["target"]

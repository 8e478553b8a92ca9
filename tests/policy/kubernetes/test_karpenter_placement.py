"""What holds of every plan, whatever the pods ask for."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.policy.kubernetes.karpenter_types import World, pods

from drydock.policy.kubernetes.karpenter.offers import NodePool
from drydock.policy.kubernetes.karpenter.requirements import ZONE, requirement
from drydock.policy.kubernetes.scheduling import HOSTNAME, HostPort, Pod, PodTerm, Preferences, Spread
from drydock.policy.kubernetes.scheduling.model import equal, selects

ZONES = [f"test-zone-{n}" for n in (1, 2, 3)]
APPS = ("a", "b")


@st.composite
def asked(draw: st.DrawFn) -> list[Pod]:
    """Pods of up to four Deployments: some spread, some apart, some together, some with wishes or a host port."""
    found = []
    for number in range(draw(st.integers(1, 4))):
        app = draw(st.sampled_from(APPS))
        mine, key = equal({"app": app}), draw(st.sampled_from([ZONE, HOSTNAME]))
        other = equal({"app": draw(st.sampled_from(APPS))})
        constraint = Spread(mine, draw(st.integers(1, 3)), key)
        of = Pod(f"d{number}", {"cpu": draw(st.sampled_from([100, 900, 2500]))}, labels={"app": app})
        kind = draw(st.sampled_from(["plain", "spread", "apart", "together", "wishes", "port"]))
        of = {
            "plain": of,
            "spread": replace(of, spread=(constraint,)),
            "apart": replace(of, anti_affinity=(PodTerm(other, key),)),
            "together": replace(of, affinity=(PodTerm(other, key),)),
            "wishes": replace(of, preferences=Preferences(spread=(constraint,), affinity=((5, PodTerm(other, key)),))),
            "port": replace(of, host_ports=(HostPort(8080),)),
        }[kind]
        if draw(st.booleans()):
            of = replace(of, node_selector={ZONE: draw(st.sampled_from(ZONES))})
        found += [replace(of, name=f"d{number}-{n}") for n in range(draw(st.integers(1, 6)))]
    return found


POOLS = [NodePool("wide"), NodePool("two", {ZONE: requirement(ZONE, "In", ZONES[:2])}, weight=10)]


@settings(max_examples=50, deadline=None)
@given(asked(), st.lists(asked(), max_size=1))
def test_a_plan_keeps_what_it_was_asked(first: list[Pod], then: list[list[Pod]]) -> None:
    """Every pod is on one node or left with a reason; required terms hold on the nodes as they come up.

    Both ways for anti-affinity; affinity is met by another pod or, for the first, by the pod itself.
    """
    world = World()
    for batch in [first, *then]:
        plan = world.provision(*batch, pools=POOLS)
        placed = [pod for node in plan.new for pod in node.pods] + [pod for on in plan.existing.values() for pod in on]
        names = [pod.name for pod in placed]
        assert len(set(names)) == len(names)
        assert len(names) + len(plan.unscheduled) == len(batch)
        assert not plan.unscheduled.keys() & set(names)
        assert all(plan.unscheduled.values())
        assert all(node.types for node in plan.new)
    cluster = world.cluster
    for pod, name in list(cluster.bound()):
        here, others = cluster.labels(name), [(one, place) for one, place in cluster.bound() if one is not pod]
        for term in pod.anti_affinity:
            for one, place in others:
                if selects(term.selector, one.labels):
                    assert cluster.labels(place)[term.topology_key] != here[term.topology_key]
        for term in pod.affinity:
            company = [place for one, place in others if selects(term.selector, one.labels)]
            assert selects(term.selector, pod.labels) or any(
                cluster.labels(place)[term.topology_key] == here[term.topology_key] for place in company
            )
        assert not any(
            port.conflicts(taken) for one in cluster.pods[name] if one is not pod for port in pod.host_ports
            for taken in one.host_ports
        )  # fmt: skip
        assert all(here.get(key) == value for key, value in pod.node_selector.items())
    for free in map(cluster.free, cluster.nodes):
        assert min(free.values()) >= 0


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 4), st.sampled_from([ZONE, HOSTNAME]), st.lists(st.integers(1, 9), min_size=1, max_size=3),
    st.sampled_from([100, 900, 2500]), st.integers(1, 4), st.sampled_from([2, 3]),
)  # fmt: skip
def test_the_skew_is_never_above_max_skew(
    max_skew: int, key: str, rounds: list[int], cpu: int, min_domains: int, zones: int
) -> None:
    """Over the zones that can be had, after each round; hosts have 0 as the least. With too few domains, too."""
    mine, world = {"app": "a"}, World()
    constraint = Spread(equal(mine), max_skew, key, min_domains if key == ZONE else 1)
    for count in rounds:
        plan = world.provision(
            *pods(count, cpu, labels=mine, spread=(constraint,)),
            pools=[NodePool("p", {ZONE: requirement(ZONE, "In", ZONES[:zones])})],
        )
        counts = Counter(labels[key] for labels in world.labels().values())
        least = min(counts[zone] for zone in ZONES[:zones]) if key == ZONE and zones >= min_domains else 0
        assert max(counts.values(), default=0) - least <= max_skew
        assert not plan.unscheduled or min_domains > zones

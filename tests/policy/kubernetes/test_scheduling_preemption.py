"""Preemption: kubernetes/kubernetes, pkg/scheduler/framework/plugins/defaultpreemption/default_preemption_test.go.

Cases have upstream's names, shortened. Left out are those of extenders, of plugins that are made to fail, and of how
many nodes are looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.policy.kubernetes.upstream import labels, selector, terms

from drydock.policy.kubernetes.scheduling import Cluster, Node, Pod, Spread, Taint
from drydock.policy.kubernetes.scheduling import cluster as reasons
from drydock.policy.kubernetes.scheduling.model import equal
from drydock.policy.kubernetes.scheduling.preemption import (
    HOPELESS,
    Budget,
    Victims,
    choose,
    may_preempt,
    preempt,
    victims,
    violating,
)

PRIORITIES = {"neg": -100, "low": 0, "mid": 100, "high": 1000, "very-high": 10_000}
SIZES = {"small": 100, "medium": 200, "large": 300, "very-large": 500}


def pod(text: str) -> Pod:
    """ "p1 mid large @5 app=foo": its name, priority, size, start and labels."""
    name, *words = text.split()
    priority = next((PRIORITIES[one] for one in words if one in PRIORITIES), 0)
    size = next((SIZES[one] for one in words if one in SIZES), 0)
    started = next((int(one[1:]) for one in words if one[0] == "@"), 0)
    known = (*PRIORITIES, *SIZES)
    own = labels(" ".join(one for one in words if one not in known and one[0] != "@"))
    return Pod(name, {"cpu": size, "memory": size} if size else {}, labels=own, priority=priority, started=started)


def cluster_of(there: str, nodes: str = "node1 node2", least: Sequence[Pod] = ()) -> Cluster:
    """Nodes as "node-a/zone1", and pods as "node1 p1 mid large; node2 p2 …"."""
    found = Cluster()
    for text in nodes.split():
        name, _, zone = text.partition("/")
        found.add(Node(name, {"cpu": 500, "memory": 500}, {"hostname": name, "zone": zone}))
    for text in there.split(";"):
        if text.strip():
            name, other = text.split(maxsplit=1)
            found.bind(pod(other), name)
    for one in least:
        found.bind(one, "node1")
    return found


def gone(incoming: Pod, cluster: Cluster, budgets: Sequence[Budget] = ()) -> dict[str, str]:
    """Victims by node, as "names violations"."""
    found = {name: victims(incoming, cluster, name, budgets) for name in cluster.nodes}
    return {
        name: " ".join(sorted(one.name for one in each.pods)) + (f" {each.violations}" if budgets else "")
        for name, each in found.items()
        if each is not None
    }


BOTH_LARGE = "node1 p1 mid large; node2 p2 mid large"
OF_FOO = selector("app In foo")
THREE_FOOS = "node1 p1.1 mid medium app=foo; node1 p1.2 mid medium app=foo"
SPREAD = tuple(Spread(selector("foo Exists"), 1, key) for key in ("zone", "hostname"))


@pytest.mark.parametrize(
    ("incoming", "there", "expected"),
    [
        ("p high large", BOTH_LARGE, {"node1": "p1", "node2": "p2"}),
        ("p low large", BOTH_LARGE, {}),
        ("p high large", f"node1 p1.1 low small; {BOTH_LARGE.replace('p1', 'p1.2')}", {"node1": "p1.2", "node2": "p2"}),
        ("p high large", "node1 p1.1 mid small; node1 p1.2 low small; node1 p1.3 mid medium; node1 p1.4 high small;"
                         "node2 p2 high large", {"node1": "p1.2 p1.3"}),
        ("p high large", "node1 p1.1 low small @5; node1 p1.2 low small @4; node1 p1.3 mid medium @3;"
                         "node1 p1.4 high small @2; node2 p2 high large @1", {"node1": "p1.1 p1.3"}),
    ],
    ids=["on both nodes when lower priority pods are preempted", "other pods running are higher priority",
         "lower priority one stays as it is small", "mixed priority pods are preempted",
         "pick later StartTime one when priorities are equal"],
)  # fmt: skip
def test_dry_run_preemption(incoming: str, there: str, expected: dict[str, str]) -> None:
    """TestDryRunPreemption."""
    assert gone(pod(incoming), cluster_of(there)) == expected


def test_dry_run_pod_with_anti_affinity_is_preempted() -> None:
    apart = replace(pod("p1.1 low small foo"), anti_affinity=terms("foo Exists @hostname"))
    there = "node1 p1.2 mid small; node1 p1.3 high small; node2 p2 high small"
    assert gone(pod("p high small foo"), cluster_of(there, least=[apart]))["node1"] == "p1.1"


@pytest.mark.parametrize(
    ("there", "expected", "taken"),
    [
        ("node-a a1 mid foo; node-a a2 low foo; node-b b1 low foo; node-x x1 high foo; node-x x2 high foo",
         {"node-a": "a2", "node-b": "b1"}, "node-a"),
        ("node-a a1 high foo; node-a a2 high foo; node-b b1 low foo; node-x x1 high foo; node-x x2 high foo",
         {"node-b": "b1"}, "node-b"),
    ],
    ids=["TestDryRunPreemption: preemption to resolve pod topology spread filter failure",
         "TestPreempt: preemption for topology spread constraints"],
)  # fmt: skip
def test_preemption_for_topology_spread(there: str, expected: dict[str, str], taken: str) -> None:
    incoming = replace(pod("p high foo"), spread=SPREAD)
    cluster = cluster_of(there, "node-a/zone1 node-b/zone1 node-x/zone2")
    assert gone(incoming, cluster) == expected
    assert (preempt(incoming, cluster) or ("",))[0] == taken


@pytest.mark.parametrize(
    ("there", "allowed", "disrupted", "expected"),
    [
        (THREE_FOOS, 1, (), "p1.1 p1.2 1"),
        (THREE_FOOS, 1, ("p2",), "p1.1 p1.2 1"),
        (THREE_FOOS, 1, ("p1.2",), "p1.1 p1.2 0"),
        (f"{THREE_FOOS}; node1 p1.3 mid medium app=foo", 1, ("p1.3",), "p1.1 p1.2 p1.3 1"),
    ],
    ids=["same pdb", "the victim doesn't belong to DisruptedPods", "the victim belongs to DisruptedPods",
         "the victim which belongs to DisruptedPods is treated as 'nonViolating'"],
)  # fmt: skip
def test_dry_run_preemption_with_violation(there: str, allowed: int, disrupted: tuple[str, ...], expected: str) -> None:
    """TestDryRunPreemption, "preemption with violation of …": the pod needs the whole node."""
    budget = Budget(OF_FOO, allowed, disrupted=disrupted)
    assert gone(pod("p high very-large"), cluster_of(there, "node1"), [budget]) == {"node1": expected}


def test_preemption_looks_for_a_node_without_a_violation() -> None:
    """TestDryRunPreemption: "looks past numCandidates until a non-PDB violating node is found", and who is taken."""
    there = "; ".join(f"node{n} p{n} mid large {'app=foo' if n in (1, 2, 5) else ''}" for n in range(1, 6))
    cluster = cluster_of(there, "node1 node2 node3 node4 node5")
    budget = Budget(OF_FOO, 0)
    assert gone(pod("p high large"), cluster, [budget]) == {
        "node1": "p1 1", "node2": "p2 1", "node3": "p3 0", "node4": "p4 0", "node5": "p5 1"
    }  # fmt: skip
    assert (preempt(pod("p high large"), cluster, [budget]) or ("",))[0] == "node3"


M, L, N, H = "mid medium", "low medium", "neg medium", "high large"


@pytest.mark.parametrize(
    ("rank", "there", "expected"),
    [
        ("high", ["mid medium/mid large", "mid medium/low medium", "low medium/low medium"], "node3"),
        ("high", ["mid medium/mid large", "mid large/low medium", "mid medium/mid medium"], "node2"),
        ("high", ["mid small/neg small/mid small/neg small", "mid large/neg medium", "mid medium/neg small/low small"],
         "node2"),
        ("high", ["mid small/neg small/neg small", "mid large/neg medium", "mid medium/neg small/low small"], "node2"),
        ("very-high", ["mid small/low small/low small", "high large", "mid medium/low small/low small/low medium",
                       "mid medium/mid small/mid small/neg small"], "node1"),
        ("high", ["mid medium @2/mid medium @2", "mid medium @3/mid medium @3", "mid medium @1/mid medium @1"],
         "node2"),
        ("high", ["mid medium @4/mid medium @2", "mid medium @5/mid medium @1", "mid medium @3/mid medium @6"],
         "node3"),
        ("high", ["low medium @4/mid medium @2", "mid medium @6/low medium @1", "low medium @3/mid medium @5"],
         "node2"),
    ],
    ids=["min highest priority pod", "minimum sum of priorities", "minimum number of pods",
         "sum of adjusted priorities", "non-overlapping", "different start time for each node's pod",
         "different start time for all pods", "different priority, different start time for all pods"],
)  # fmt: skip
def test_select_best_candidate(rank: str, there: list[str], expected: str) -> None:
    """TestSelectBestCandidate."""
    each = (
        f"node{number} p{number}.{count} {text}"
        for number, pods in enumerate(there, 1)
        for count, text in enumerate(pods.split("/"), 1)
    )
    cluster = cluster_of("; ".join(each), " ".join(f"node{number}" for number in range(1, len(there) + 1)))
    assert (preempt(pod(f"p {rank} very-large"), cluster) or ("",))[0] == expected


def test_violations_come_before_all_else() -> None:
    """preemption.go, *pickOneNodeForPreemption*: its first criterion; of two that break nothing, the second decides."""
    high, low = Victims((pod("p1 high"),)), Victims((pod("p2 low"),), violations=1)
    assert choose({"a": low, "b": high}) == "b"
    assert choose({"a": low, "b": high, "c": Victims((pod("p3 mid"),))}) == "c"


@pytest.mark.parametrize(
    ("nominated", "preempts", "tainted", "there", "expected"),
    [
        ("node1", True, True, "low preempted", True),
        ("node1", True, False, "low preempted", False),
        (None, True, False, "", True),
        (None, False, False, "", False),
        ("node1", True, False, "low", True),
        ("node1", True, False, "high preempted", True),
        ("gone", True, False, "", True),
    ],
    ids=["nominated node", "without nominated node status", "without nominated node", "'PreemptNever'",
         "victim Pods that are not going (ours, as the code)", "not lower (ours, as the code)", "no such node (ours)"],
)  # fmt: skip
def test_pod_eligible_to_preempt_others(
    nominated: str | None, preempts: bool, tainted: bool, there: str, expected: bool
) -> None:
    """TestPodEligibleToPreemptOthers."""
    cluster = Cluster([Node("node1", {}, taints=(Taint("key"),) if tainted else ())])
    if there:
        other = pod("p1 " + there.split()[0])
        cluster.bind(replace(other, preempted=there.endswith("preempted")), "node1")
    assert may_preempt(replace(pod("p high"), preempts=preempts), cluster, nominated) is expected


THEM = "node1 p1.1 low small; node1 p1.2 low small; node2 p2.1 high large; node3 p3.1 mid medium"


@pytest.mark.parametrize(
    ("preempts", "there", "expected"),
    [
        (True, THEM, ("node1", ["p1.1", "p1.2"])),
        (False, THEM, None),
        (True, "node1 p1.1 mid small; node1 p1.2 low small; node2 p2.1 mid large", ("node2", ["p2.1"])),
    ],
    ids=["basic preemption logic", "no preempting in pod", "sum of priorities of all victims on node1 is larger"],
)
def test_preempt(preempts: bool, there: str, expected: tuple[str, list[str]] | None) -> None:
    """TestPreempt, and that a second try while the victims go pushes away nobody else."""
    cluster = cluster_of(there, "node1 node2 node3" if "node3" in there else "node1 node2")
    incoming = replace(pod("p high very-large"), preempts=preempts)
    found = preempt(incoming, cluster)
    assert (found and (found[0], sorted(one.name for one in found[1].pods))) == expected
    if found:
        for one in found[1].pods:
            cluster.unbind(one, found[0])
            cluster.bind(replace(one, preempted=True), found[0])
        assert preempt(incoming, cluster, nominated=found[0]) is None


@pytest.mark.parametrize(
    ("capacity", "incoming", "there", "expected"),
    [
        ({"pods": 1}, "p high", "node1 p1", "node1"),
        ({"pods": 1}, "p", "node1 p1", None),
        ({"pods": 1}, "p mid", "node1 p1 high; node2 p2 low", "node2"),
        ({"cpu": 200, "memory": 400}, "p high large", "node1 p1; node2 p2", None),
        ({"cpu": 200, "memory": 400}, "p high large", "node1 p1 high; node2 p2", None),
    ],
    ids=["higher priority can be made schedulable", "tied priority is still unschedulable", "on one node",
         "no enough resource after removing low priority pods", "mixed reasons"],
)  # fmt: skip
def test_post_filter(capacity: dict[str, int], incoming: str, there: str, expected: str | None) -> None:
    """TestPostFilter."""
    cluster = Cluster(Node(name, capacity) for name in ("node1", "node2") if name in there)
    for text in there.split("; "):
        name, other = text.split(maxsplit=1)
        cluster.bind(pod(other), name)
    found = preempt(pod(incoming), cluster)
    assert (found and found[0]) == expected


def test_nodes_where_preemption_might_help() -> None:
    """framework/preemption/preemption_test.go, TestNodesWherePreemptionMightHelp: reasons that nobody's going changes.

    Anti-affinity, skew and what is lacking are tried, on a node; a taint, a label or affinity to others is not.
    """
    tried = {reasons.ANTI_AFFINITY, reasons.EXISTING_ANTI_AFFINITY, reasons.SKEWED, reasons.PORTS, reasons.TOO_MANY}
    assert not tried & set(HOPELESS)
    incoming = pod("p high")
    for changed, taints, reason in (
        (incoming, (Taint("key"),), reasons.TAINTED),
        (replace(incoming, node_selector={"disk": "ssd"}), (), reasons.NOT_SELECTED),
        (replace(incoming, spread=(Spread((), 1, "rack"),)), (), reasons.UNLABELLED),
        (replace(incoming, affinity=terms("app In foo @zone")), (), reasons.AFFINITY),
    ):
        cluster = Cluster([Node("node1", {"pods": 1}, {"zone": "z1"}, taints)])
        assert cluster.reasons(changed, "node1") == (reason,)
        cluster.bind(pod("p1 low"), "node1")
        assert preempt(changed, cluster) is None


@pytest.mark.parametrize(
    ("budget", "other", "counts"),
    [
        (Budget(OF_FOO, 0), "p app=foo", True),
        (Budget(OF_FOO, 0), "p app=bar", False),
        (Budget(OF_FOO, 0), "p", False),
        (Budget((), 0), "p app=foo", False),
        (Budget(OF_FOO, 0, "other"), "p app=foo", False),
        (Budget(OF_FOO, 0, disrupted=("p",)), "p app=foo", False),
    ],
    ids=["selected", "another label", "no labels match no PDB", "an empty selector matches nothing",
         "another namespace", "counted already"],
)  # fmt: skip
def test_which_pods_a_budget_counts(budget: Budget, other: str, counts: bool) -> None:
    """default_preemption.go, *filterPodsWithPDBViolation*."""
    assert (violating([pod(other)], [budget]) == [pod(other)]) is counts


def test_a_pod_of_two_budgets_takes_from_both() -> None:
    pods = [pod("a app=foo"), pod("b app=foo")]
    assert violating(pods, [Budget(OF_FOO, 2), Budget(OF_FOO, 1)]) == [pods[1]]


there_are = st.lists(
    st.tuples(st.integers(0, 2), st.integers(1, 600), st.integers(0, 5), st.booleans()), max_size=9
)  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(there_are, st.integers(1, 1200), st.integers(0, 5), st.integers(0, 3))
def test_only_less_important_pods_go_none_in_vain_with_the_fewest_violations_and_nothing_is_changed(
    there: list[tuple[int, int, int, bool]], cpu: int, priority: int, allowed: int
) -> None:
    cluster = Cluster(Node(str(number), {"cpu": 1000}) for number in range(3))
    for number, (place, asked, rank, guarded) in enumerate(there):
        has = {"app": "foo"} if guarded else {}
        cluster.bind(Pod(f"there-{number}", {"cpu": asked}, priority=rank, labels=has), str(place))
    before = [(one.name, place) for one, place in cluster.bound()]
    incoming, budgets = Pod("p", {"cpu": cpu}, priority=priority), [Budget(equal({"app": "foo"}), allowed)]
    each = {name: victims(incoming, cluster, name, budgets) for name in cluster.nodes}
    found = preempt(incoming, cluster, budgets)
    assert [(one.name, place) for one, place in cluster.bound()] == before
    assert (found is None) == all(one is None for one in each.values())
    if not found:
        return
    place, those = found
    if those.pods:
        assert those.violations == min(one.violations for one in each.values() if one)
    assert those.violations <= max(0, sum(bool(one.labels) for one in those.pods))
    assert all(one.priority < priority for one in those.pods)
    assert list(those.pods) == sorted(those.pods, key=lambda one: -one.priority)
    for one in those.pods:
        cluster.unbind(one, place)
    assert cluster.fits(incoming, place)
    for one in those.pods:
        cluster.bind(one, place)
        assert not cluster.fits(incoming, place)
        cluster.unbind(one, place)

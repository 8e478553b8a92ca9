"""Upstream's cases: kubernetes/kubernetes, pkg/scheduler/framework/plugins/<file named at each>."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.kubernetes.scheduling import (
    Cluster,
    Expression,
    HostPort,
    Node,
    Pod,
    PodTerm,
    Spread,
    Taint,
    Toleration,
)
from drydock.policy.kubernetes.scheduling import cluster as reasons
from drydock.policy.kubernetes.scheduling.model import equal, matches_node
from drydock.policy.kubernetes.scheduling.preemption import choose, preempt, victims

DEDICATED = Taint("dedicated", "user1", "NoSchedule")
FOO = Taint("foo", "bar", "NoSchedule")


@pytest.mark.parametrize(
    ("tolerations", "taints", "fits"),
    [
        ([], [DEDICATED], False),
        ([Toleration("dedicated", value="user1", effect="NoSchedule")], [DEDICATED], True),
        ([Toleration("dedicated", "Equal", "user2", "NoSchedule")], [DEDICATED], False),
        ([Toleration("foo", "Exists", effect="NoSchedule")], [FOO], True),
        ([Toleration("dedicated", "Equal", "user2", "NoSchedule"), Toleration("foo", "Exists", effect="NoSchedule")],
         [Taint("dedicated", "user2"), FOO], True),
        ([Toleration("foo", "Equal", "bar", "PreferNoSchedule")], [FOO], False),
        ([Toleration("foo", "Equal", "bar")], [FOO], True),
        ([Toleration("dedicated", "Equal", "user2", "NoSchedule")],
         [Taint("dedicated", "user1", "PreferNoSchedule")], True),
        ([], [Taint("dedicated", "user1", "PreferNoSchedule")], True),
    ],
)  # fmt: skip
def test_taints(tolerations: list[Toleration], taints: list[Taint], fits: bool) -> None:
    """tainttoleration/taint_toleration_test.go, TestTaintTolerationFilter: all cases but those of Gt and Lt."""
    cluster = Cluster([Node("nodeA", {}, taints=tuple(taints))])
    found = cluster.reasons(Pod("pod1", tolerations=tuple(tolerations)), "nodeA")
    assert found == (() if fits else (reasons.TAINTED,))


SCAN, SECURITY = {"service": "securityscan"}, {"security": "S1"}
MACHINE = Node("machine1", {}, {"region": "r1", "zone": "z11"})


def service(operator: str, *values: str, key: str = "region", namespaces: tuple[str, ...] = ()) -> PodTerm:
    return PodTerm((Expression("service", operator, values),), key, namespaces)


SCANS, VIRUSES = ("securityscan", "value2"), ("antivirusscan", "value2")
NO_WRONG_KEY = PodTerm((Expression("service", "Exists"), Expression("wrongkey", "DoesNotExist")), "region")


def both(value: str) -> PodTerm:
    return PodTerm((Expression("service", "In", (value,)), Expression("service", "NotIn", ("WrongValue",))), "region")


def there(*anti: PodTerm, labels: dict[str, str] | None = None, namespace: str = "default") -> Pod:
    return Pod("there", namespace=namespace, labels=SCAN if labels is None else labels, anti_affinity=anti)


@pytest.mark.parametrize(
    ("labels", "affinity", "anti", "existing", "refused"),
    [
        ({}, (), (), None, ""),
        (SECURITY, (service("In", *SCANS),), (), there(), ""),
        (SECURITY, (service("NotIn", "securityscan3", "value3"),), (), there(), ""),
        (SECURITY, (service("In", *SCANS, namespaces=("Diff",)),), (), there(namespace="ns"), reasons.AFFINITY),
        (SCAN, (service("In", *VIRUSES),), (), there(), reasons.AFFINITY),
        (SECURITY, (NO_WRONG_KEY, both("securityscan")), (), there(), ""),
        (SECURITY, (NO_WRONG_KEY, both("securityscan2")), (), there(), reasons.AFFINITY),
        (SECURITY, (service("In", *SCANS),), (service("In", *VIRUSES, key="node"),), there(), ""),
        (SECURITY, (service("In", *SCANS),), (service("In", *VIRUSES, key="node"),),
         there(service("In", *VIRUSES, key="node")), ""),
        (SECURITY, (service("In", *SCANS),), (service("In", *SCANS, key="zone"),), there(), reasons.ANTI_AFFINITY),
        (SCAN, (service("In", *SCANS),), (service("In", *VIRUSES, key="node"),),
         there(service("In", *SCANS, key="zone")), reasons.EXISTING_ANTI_AFFINITY),
        (SCAN, (), (), there(service("In", *SCANS, key="zone")), reasons.EXISTING_ANTI_AFFINITY),
        (SCAN, (), (), there(service("NotIn", *SCANS, key="zone")), ""),
    ],
)  # fmt: skip
def test_affinity_between_pods(
    labels: dict[str, str], affinity: tuple[PodTerm, ...], anti: tuple[PodTerm, ...], existing: Pod | None, refused: str
) -> None:
    """interpodaffinity/filtering_test.go, TestRequiredAffinitySingleNode: its cases with a pod on the node."""
    cluster = Cluster([MACHINE])
    if existing:
        cluster.bind(existing, "machine1")
    pod = Pod("p", labels=labels, affinity=affinity, anti_affinity=anti)
    assert cluster.reasons(pod, "machine1") == ((refused,) if refused else ())


def test_the_first_of_pods_that_want_each_other_is_let_in() -> None:
    """interpodaffinity/filtering.go, *satisfyPodAffinity*: no pod matches anywhere, and the pod matches itself."""
    cluster = Cluster([MACHINE, Node("machine2", {}, {"region": "r2"})])
    pod = Pod("p", labels=SCAN, affinity=(service("In", *SCANS),))
    assert cluster.fits(pod, "machine1")
    cluster.bind(pod, "machine1")
    assert cluster.reasons(pod, "machine2") == (reasons.AFFINITY,)


FOOS = {"foo": ""}
ZONED = {"node-a": "zone1", "node-b": "zone1", "node-x": "zone2", "node-y": "zone2"}


def spread_cluster(on: dict[str, int], nodes: Sequence[str] = tuple(ZONED), **other: Pod) -> Cluster:
    found = Cluster([Node(name, {}, {"zone": ZONED.get(name, ""), "node": name}) for name in nodes])
    for name, count in on.items():
        for n in range(count):
            found.bind(Pod(f"{name}-{n}", labels=FOOS), name)
    return found


def spreading(skew: int, key: str, least: int = 1, **more: object) -> Pod:
    return Pod("p", **{"labels": FOOS, "spread": (Spread(equal(FOOS), skew, key, least),), **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("on", "pod", "fitting"),
    [
        ({}, spreading(1, "zone"), "a b x y"),
        ({"node-x": 1, "node-y": 1}, spreading(1, "zone"), "a b"),
        ({"node-a": 2, "node-b": 1, "node-y": 3}, spreading(1, "zone"), "a b x y"),
        ({"node-a": 2, "node-b": 1, "node-y": 3}, spreading(1, "node"), "x"),
        ({"node-a": 2, "node-b": 1, "node-y": 3}, spreading(2, "node"), "b x"),
        ({"node-a": 2, "node-b": 1, "node-y": 3}, spreading(1, "node", labels={"bar": ""}), "b x"),
        ({"node-a": 1, "node-b": 1, "node-y": 1}, spreading(2, "zone", 3), "x y"),
        ({"node-a": 2, "node-b": 1, "node-y": 3},
         spreading(1, "node", node_affinity=((Expression("node", "In", ("node-a", "node-y")),),)), "a"),
        ({"node-b": 2, "node-y": 1},
         spreading(1, "zone", node_affinity=((Expression("node", "NotIn", ("node-b",)),),)), "a"),
    ],
    ids=[
        "no existing pods", "0/2", "pods spread across zones as 3/3, all nodes fit",
        "pods spread across nodes as 2/1/0/3, only node-x fits", "maxSkew is 2, node-b and node-x fit",
        "pod doesn't match itself", "2/1, the number of domains < minDomains",
        "incoming pod has nodeAffinity, 2/~1~/~0~/3", "incoming pod has nodeAffinity, 0/~2~/0/1",
    ],
)  # fmt: skip
def test_topology_spread(on: dict[str, int], pod: Pod, fitting: str) -> None:
    """podtopologyspread/filtering_test.go, TestSingleConstraint. Here node affinity counts, too."""
    cluster = spread_cluster(on)
    assert " ".join(name[-1] for name in cluster.nodes if cluster.fits(pod, name)) == fitting


@pytest.mark.parametrize(("least", "fitting"), [(4, ["node-c"]), (2, ["node-a", "node-b", "node-c"])])
def test_fewer_domains_than_there_have_to_be(least: int, fitting: list[str]) -> None:
    """podtopologyspread/filtering_test.go: "2/2/1, maxSkew is 2, and the number of domains < / > minDomains"."""
    cluster = spread_cluster({"node-a": 2, "node-b": 2, "node-c": 1}, ["node-a", "node-b", "node-c"])
    assert [name for name in cluster.nodes if cluster.fits(spreading(2, "node", least), name)] == fitting


BARS = {"bar": ""}
BOTH = {**FOOS, **BARS}


def two(first: Spread, second: Spread, labels: dict[str, str], **more: object) -> Pod:
    return Pod("p", labels=labels, spread=(first, second), **more)  # type: ignore[arg-type]


BY_ZONE, BY_NODE = Spread(equal(FOOS), 1, "zone"), Spread(equal(FOOS), 1, "node")
BARS_BY_ZONE, BARS_BY_NODE = Spread(equal(BARS), 1, "zone"), Spread(equal(BARS), 1, "node")


@pytest.mark.parametrize(
    ("on", "pod", "fitting"),
    [
        ({"a": [FOOS, FOOS], "b": [FOOS], "y": [FOOS] * 4}, two(BY_ZONE, BY_NODE, FOOS), ""),
        ({"a": [FOOS], "y": [BARS]}, two(BY_ZONE, BARS_BY_NODE, BOTH), "x"),
        ({"a": [FOOS], "x": [BARS], "y": [BARS]}, two(BY_ZONE, BARS_BY_NODE, BOTH), ""),
        ({"a": [FOOS, BOTH], "y": [FOOS, BOTH, FOOS]}, two(BY_ZONE, BARS_BY_NODE, BOTH), "b"),
        ({"a": [FOOS], "x": [BARS], "y": [BARS]}, two(BY_ZONE, BARS_BY_NODE, BARS), "a b"),
        ({"a": [BOTH, FOOS], "b": [BOTH], "y": [FOOS, BOTH, FOOS]}, two(BARS_BY_ZONE, BY_ZONE, BOTH), "x y"),
    ],
    ids=[
        "spreads = [3/4, 2/1/0/4]", "[1/0, 1/0/0/1]", "[1/0, 0/0/1/1]", "[2/3, 1/0/0/1]",
        "pod doesn't match itself on 'zone' constraint", "two Constraints on zone, spreads = [3/3, 2/1]",
    ],
)  # fmt: skip
def test_two_constraints_hold_both(on: dict[str, list[dict[str, str]]], pod: Pod, fitting: str) -> None:
    """podtopologyspread/filtering_test.go, TestMultipleConstraints."""
    cluster = spread_cluster({})
    for name, each in on.items():
        for n, labels in enumerate(each):
            cluster.bind(Pod(f"{name}-{n}", labels=labels), f"node-{name}")
    assert " ".join(name[-1] for name in cluster.nodes if cluster.fits(pod, name)) == fitting


@pytest.mark.parametrize(
    ("unlike", "taint", "pod"),
    [
        ("y", "", two(BY_ZONE, Spread(equal(FOOS), 1, "node", honors_affinity=False), FOOS, node_selector=FOOS)),
        ("", "y", two(Spread(equal(FOOS), 1, "zone", honors_taints=True), BY_NODE, FOOS)),
    ],
    ids=["zone: honor/ignore, node: ignore/ignore", "zone: honor/honor, node: honor/ignore"],
)
def test_nodes_that_are_no_domain(unlike: str, taint: str, pod: Pod) -> None:
    """podtopologyspread/filtering_test.go, TestMultipleConstraints, "two node inclusion Constraints"."""
    cluster = Cluster()
    for name, zone in ZONED.items():
        labels = {"zone": zone, "node": name, **({} if name[-1] == unlike else FOOS)}
        cluster.add(Node(name, {}, labels, (FOO,) if name[-1] == taint else ()))
    for name in ("node-a", "node-b", "node-y"):
        cluster.bind(Pod(f"on-{name}", labels=FOOS), name)
    assert [name for name in cluster.nodes if cluster.fits(pod, name)] == ["node-x"]


def test_pods_of_another_namespace_do_not_count_and_a_node_without_the_label_fits_nothing() -> None:
    """podtopologyspread/filtering_test.go, the cases of these names."""
    cluster = spread_cluster({"node-x": 1, "node-y": 1})
    cluster.bind(Pod("p-a1", namespace="ns1", labels=FOOS), "node-a")
    cluster.bind(Pod("p-b1", namespace="ns2", labels=FOOS), "node-a")
    assert [name for name in cluster.nodes if cluster.fits(spreading(1, "zone"), name)] == ["node-a", "node-b"]
    assert cluster.reasons(spreading(1, "rack"), "node-a") == (reasons.UNLABELLED,)
    assert cluster.reasons(spreading(1, "zone"), "node-x") == (reasons.SKEWED,)


def test_taints_count_for_spread_only_where_they_are_honoured() -> None:
    """podtopologyspread/filtering_test.go, "… pod with NodeInclusionPolicy enabled": nodeTaintsPolicy."""
    nodes = [Node("a", {}, {"zone": "1"}, (FOO,)), Node("b", {}, {"zone": "2"})]
    for honours, domains in ((False, {"1", "2"}), (True, {"2"})):
        pod = Pod("p", labels=FOOS, spread=(Spread(equal(FOOS), 1, "zone", honors_taints=honours),))
        assert set(Cluster(nodes).domains(pod, pod.spread[0], pod.spread)) == domains


@pytest.mark.parametrize(
    ("requests", "found"),
    [
        ({}, ()),
        ({"cpu": 1, "memory": 1}, ()),
        ({"cpu": 6}, ("Insufficient cpu",)),
        ({"memory": 16}, ("Insufficient memory",)),
        ({"cpu": 6, "memory": 16}, ("Insufficient cpu", "Insufficient memory")),
        ({"example.com/aaa": 6}, ("Insufficient example.com/aaa",)),
        ({"kubernetes.io/something": 0}, ()),
    ],
)
def test_resources(requests: dict[str, int], found: tuple[str, ...]) -> None:
    """noderesources/fit_test.go, TestEnoughRequests: a node of 10 m, 20 B, 5 of a resource; half of it is taken."""
    cluster = Cluster([Node("n", {"cpu": 10, "memory": 20, "example.com/aaa": 5, "pods": 32})])
    cluster.bind(Pod("there", {"cpu": 5, "memory": 5}), "n")
    assert cluster.reasons(Pod("p", requests), "n") == found


def test_a_full_node_takes_no_pod_even_without_requests() -> None:
    """noderesources/fit_test.go, TestNotEnoughRequests: "Too many pods"."""
    cluster = Cluster([Node("n", {"cpu": 10, "pods": 1})])
    cluster.bind(Pod("there"), "n")
    assert cluster.reasons(Pod("p"), "n") == (reasons.TOO_MANY,)
    cluster.unbind(Pod("there"), "n")
    assert cluster.fits(Pod("p"), "n")


@pytest.mark.parametrize(
    ("terms", "labels", "fits"),
    [
        (((Expression("foo", "In", ("bar", "value2")),),), {"foo": "bar"}, True),
        (((Expression("kernel-version", "Gt", ("0204",)),),), {"kernel-version": "0206"}, True),
        (((Expression("mem-type", "NotIn", ("DDR", "DDR2")),),), {"mem-type": "DDR3"}, True),
        (((Expression("GPU", "Exists"),),), {"GPU": "NVIDIA"}, True),
        (((Expression("foo", "In", ("value1", "value2")),),), {"foo": "bar"}, False),
        (((),), {"foo": "bar"}, False),
        ((), {"foo": "bar"}, True),
        (((Expression("GPU", "Exists"), Expression("GPU", "NotIn", ("AMD", "INTER"))),), {"GPU": "NVIDIA"}, True),
        (((Expression("GPU", "Exists"), Expression("GPU", "In", ("AMD", "INTER"))),), {"GPU": "NVIDIA"}, False),
        (((Expression("foo", "In", ("bar",)),), (Expression("diffkey", "In", ("wrong",)),)), {"foo": "bar"}, True),
    ],
)  # fmt: skip
def test_node_affinity(terms: tuple[tuple[Expression, ...], ...], labels: dict[str, str], fits: bool) -> None:
    """nodeaffinity/node_affinity_test.go, TestNodeAffinity: required terms by labels."""
    assert matches_node(Pod("p", node_affinity=terms), Node("n", {}, labels)) is fits


def test_ports_of_the_host_are_taken_once() -> None:
    """nodeports/node_ports_test.go."""
    cluster = Cluster([Node("n", {})])
    cluster.bind(Pod("there", host_ports=(HostPort(8080),)), "n")
    assert cluster.reasons(Pod("p", host_ports=(HostPort(8080),)), "n") == (reasons.PORTS,)
    assert cluster.fits(Pod("p", host_ports=(HostPort(8081),)), "n")


def victim(name: str, priority: int, cpu: int = 500, started: int = 0) -> Pod:
    return Pod(name, {"cpu": cpu}, priority=priority, started=started)


@pytest.mark.parametrize(
    ("there_", "gone"),
    [
        ([victim("low", 0)], []),
        ([victim("low", 0), victim("mid", 50)], ["low"]),
        ([victim("low", 0, 300), victim("mid", 50, 700)], ["mid"]),
        ([victim("high", 200, 1000)], None),
        ([victim("old", 0, 400, 1), victim("new", 0, 600, 2)], ["new"]),
    ],
    ids=["it fits", "the lowest goes", "what comes back first stays", "equal or higher stay", "the younger goes"],
)
def test_who_has_to_go(there_: list[Pod], gone: list[str] | None) -> None:
    """defaultpreemption/default_preemption.go, *SelectVictimsOnNode*: who is most important comes back first."""
    cluster = Cluster([Node("n", {"cpu": 1000})])
    for pod in there_:
        cluster.bind(pod, "n")
    found = victims(Pod("p", {"cpu": 500}, priority=100), cluster, "n")
    assert (None if found is None else [pod.name for pod in found]) == gone
    assert sorted(pod.name for pod in cluster.pods["n"]) == sorted(pod.name for pod in there_)


@pytest.mark.parametrize(
    ("found", "node"),
    [
        ({}, None),
        ({"a": [victim("x", 9)], "b": []}, "b"),
        ({"a": [victim("x", 9)], "b": [victim("y", 5), victim("z", 5)]}, "b"),
        ({"a": [victim("x", 9), victim("y", 5)], "b": [victim("z", 9), victim("w", 1)]}, "b"),
        ({"a": [victim("x", 9), victim("y", 0)], "b": [victim("z", 9)]}, "b"),
        ({"a": [victim("x", 9, started=1)], "b": [victim("z", 9, started=2)]}, "b"),
        ({"a": [victim("x", 9)], "b": [victim("z", 9)]}, "a"),
    ],
    ids=["none", "no victims", "lowest of the highest", "lowest sum", "fewest", "latest start", "first"],
)
def test_which_node_is_taken(found: dict[str, list[Pod]], node: str | None) -> None:
    """preemption/preemption.go, *pickOneNodeForPreemption*: its criteria in their order."""
    assert choose(found) == node


def test_taints_and_selectors_are_not_overcome_by_priority() -> None:
    tainted = Cluster([Node("n", {"cpu": 1000}, taints=(FOO,))])
    tainted.bind(victim("low", 0, 1000), "n")
    assert preempt(Pod("p", {"cpu": 500}, priority=100), tainted) is None
    free = Cluster([Node("n", {"cpu": 1000}), Node("m", {"cpu": 1000})])
    free.bind(victim("low", 0, 1000), "n")
    free.bind(victim("mid", 50, 1000), "m")
    name, gone = preempt(Pod("p", {"cpu": 500}, priority=100), free) or ("", [])
    assert (name, [pod.name for pod in gone]) == ("n", ["low"])


@pytest.mark.parametrize(
    ("given", "says"),
    [(("a", "Is"), "operator 'Is'"), (("a", "In"), "needs at least one value"),
     (("a", "Exists", ("b",)), "takes no values"), (("a", "Gt", ("b",)), "one whole number")],
)  # fmt: skip
def test_expressions_that_kubernetes_refuses(given: tuple[object, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Expression(*given)  # type: ignore[arg-type]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 600), st.integers(0, 5)), max_size=9),
    st.integers(1, 1200),
    st.integers(0, 5),
)
def test_only_less_important_pods_go_none_of_them_in_vain_and_nothing_is_changed(
    there: list[tuple[int, int, int]], cpu: int, priority: int
) -> None:
    cluster = Cluster(Node(str(number), {"cpu": 1000}) for number in range(3))
    for number, (place, asked, rank) in enumerate(there):
        cluster.bind(Pod(f"there-{number}", {"cpu": asked}, priority=rank), str(place))
    before = sorted((pod.name, place) for pod, place in cluster.bound())
    pod = Pod("p", {"cpu": cpu}, priority=priority)
    found = preempt(pod, cluster)
    assert sorted((one.name, place) for one, place in cluster.bound()) == before
    if found:
        place, gone = found
        assert all(one.priority < priority for one in gone)
        for one in gone:
            cluster.unbind(one, place)
        assert cluster.fits(pod, place)
        for one in gone:
            cluster.bind(one, place)
            assert not cluster.fits(pod, place)
            cluster.unbind(one, place)

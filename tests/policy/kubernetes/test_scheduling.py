"""Upstream's cases: kubernetes/kubernetes, pkg/scheduler/framework/plugins/<file named at each>."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.policy.kubernetes.upstream import labels, selector

from drydock.policy.kubernetes.scheduling import Cluster, Expression, HostPort, Node, Pod, Taint, Toleration
from drydock.policy.kubernetes.scheduling import cluster as reasons

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


SCALAR, OTHER = "example.com/aaa", "example.com/bbb"
OF_KUBERNETES, HUGE = "kubernetes.io/something", "hugepages-2Mi"


def amounts(cpu: int = 0, memory: int = 0, **more: int) -> dict[str, int]:
    named = {"a": SCALAR, "b": OTHER, "k": OF_KUBERNETES, "huge": HUGE, "disk": "ephemeral-storage"}
    return {"cpu": cpu, "memory": memory, **{named[key]: value for key, value in more.items()}}


@pytest.mark.parametrize(
    ("asked", "there", "found"),
    [
        ({}, amounts(10, 20), []),
        (amounts(1, 1), amounts(10, 20), ["cpu", "memory"]),
        (amounts(3, 1), amounts(8, 19), ["cpu"]),
        (amounts(1, 3), amounts(9, 19), ["memory"]),
        (amounts(1, 1), amounts(9, 19), []),
        (amounts(1, 1), amounts(5, 5), []),
        (amounts(2, 1), amounts(9, 5), ["cpu"]),
        (amounts(1, 2), amounts(5, 19), ["memory"]),
        (amounts(5, 1), amounts(5, 19), []),
        (amounts(a=1), {}, []),
        (amounts(1, 1, a=10), amounts(a=0), [SCALAR]),
        (amounts(1, 1, a=1), amounts(a=5), [SCALAR]),
        (amounts(2, 2, a=6), amounts(a=2), [SCALAR]),
        (amounts(1, 1, a=3), amounts(a=2), []),
        (amounts(1, 1, b=1), {}, [OTHER]),
        (amounts(1, 1, k=10), {}, [OF_KUBERNETES]),
        (amounts(1, 1, huge=10), amounts(huge=0), [HUGE]),
        (amounts(2, 2, huge=6), amounts(huge=2), [HUGE]),
        (amounts(4, 14), amounts(5, 5), []),
        (amounts(2, 16), amounts(5, 5), ["memory"]),
        (amounts(disk=25), amounts(2, 2), ["ephemeral-storage"]),
        (amounts(disk=10), amounts(2, 2), []),
    ],
    ids=[
        "no resources requested always fits", "too many resources fails", "due to init container cpu",
        "due to init container memory", "init container fits because it's the max", "both resources fit",
        "one resource memory fits", "one resource cpu fits", "equal edge case", "extended resource fits",
        "extended resource capacity enforced", "extended resource allocatable enforced", "for multiple containers",
        "admits multiple init containers", "for unknown resource", "kubernetes.io resource capacity enforced",
        "hugepages resource capacity enforced", "hugepages for multiple containers", "resources + pod overhead fits",
        "requests + overhead does not fit for memory", "local storage request exceeds allocatable", "pod fits",
    ],
)  # fmt: skip
def test_enough_requests(asked: dict[str, int], there: dict[str, int], found: list[str]) -> None:
    """noderesources/fit_test.go, TestEnoughRequests and TestStorageRequests.

    Requests are those of the whole pod: its containers' sum, or what an init container has more, and the overhead.
    """
    cluster = Cluster([Node("n", {**amounts(10, 20, a=5, huge=5, disk=20), "pods": 32})])
    cluster.bind(Pod("there", there), "n")
    assert cluster.reasons(Pod("p", asked), "n") == tuple(f"Insufficient {name}" for name in found)


@pytest.mark.parametrize(("asked", "there"), [({}, (10, 20)), (amounts(1, 1), (5, 5)), (amounts(5, 1), (5, 19))])
def test_not_enough_requests(asked: dict[str, int], there: tuple[int, int]) -> None:
    """noderesources/fit_test.go, TestNotEnoughRequests: "even … predicate fails when there's no space"."""
    cluster = Cluster([Node("n", {**amounts(10, 20), "pods": 1})])
    held = Pod("there", amounts(*there))
    cluster.bind(held, "n")
    assert cluster.reasons(Pod("p", asked), "n") == (reasons.TOO_MANY,)
    cluster.unbind(held, "n")
    assert cluster.fits(Pod("p", asked), "n")


NAMED_1, FOO_BAR = "metadata.name In node_1", "foo In bar"


@pytest.mark.parametrize(
    ("chosen", "terms", "has", "fits"),
    [
        ("", None, "", True),
        ("foo=bar", None, "", False),
        ("foo=bar", None, "foo=bar", True),
        ("foo=bar", None, "foo=bar baz=blah", True),
        ("foo=bar baz=blah", None, "foo=bar", False),
        ("", "foo In bar,value2", "foo=bar", True),
        ("", "kernel-version Gt 0204", "kernel-version=0206", True),
        ("", "mem-type NotIn DDR,DDR2", "mem-type=DDR3", True),
        ("", "GPU Exists", "GPU=NVIDIA", True),
        ("", "foo In value1,value2", "foo=bar", False),
        ("", "", "foo=bar", False),
        ("", None, "foo=bar", True),
        ("", "GPU Exists & GPU NotIn AMD,INTER", "GPU=NVIDIA", True),
        ("", "GPU Exists & GPU In AMD,INTER", "GPU=NVIDIA", False),
        ("", "foo In bar,value2; diffkey In wrong,value2", "foo=bar", True),
        ("foo=bar", "foo Exists", "foo=bar", True),
        ("foo=bar", "foo Exists", "foo=barrrrrr", False),
        ("", NAMED_1, "name:node_1", True),
        ("", NAMED_1, "", False),
        ("", f"{NAMED_1}; {FOO_BAR}", "foo=bar", True),
        ("", f"{NAMED_1} & {FOO_BAR}", "foo=bar", False),
        ("", f"{NAMED_1} & {FOO_BAR}", "name:node_1 foo=bar", True),
        ("", f"{NAMED_1}; foo In not-match-to-bar", "foo=bar", False),
    ],
    ids=[
        "no selector", "missing labels", "same labels", "node labels are superset", "node labels are subset",
        "In operator matches", "Gt operator matches", "NotIn operator matches", "Exists operator matches",
        "affinity that don't match node's labels", "empty MatchExpressions", "no Affinity",
        "multiple matchExpressions ANDed that matches", "ANDed that doesn't match", "multiple NodeSelectorTerms ORed",
        "an Affinity and a NodeSelector", "Affinity matches but the NodeSelector does not",
        "matchFields using In operator that matches", "that does not match", "two terms: but matchExpressions matches",
        "one term: matchFields does not match, but matchExpressions matches", "one term: both match",
        "two terms: both do not match",
    ],
)  # fmt: skip
def test_node_affinity(chosen: str, terms: str | None, has: str, fits: bool) -> None:
    """nodeaffinity/node_affinity_test.go, TestNodeAffinity: all but what a profile adds and what the API refuses."""
    name = "node_1" if "name:node_1" in has else "node_2"
    node = Node(name, {}, labels(has.replace("name:node_1", "")))
    required = () if terms is None else tuple(selector(one) for one in terms.split(";"))
    pod = Pod("p", node_selector=labels(chosen), node_affinity=required)
    assert Cluster([node]).reasons(pod, name) == (() if fits else (reasons.NOT_SELECTED,))


def test_ports_of_the_host_are_taken_once() -> None:
    """nodeports/node_ports_test.go."""
    cluster = Cluster([Node("n", {})])
    cluster.bind(Pod("there", host_ports=(HostPort(8080),)), "n")
    assert cluster.reasons(Pod("p", host_ports=(HostPort(8080),)), "n") == (reasons.PORTS,)
    assert cluster.fits(Pod("p", host_ports=(HostPort(8081),)), "n")


@pytest.mark.parametrize(
    ("given", "says"),
    [(("a", "Is"), "operator 'Is'"), (("a", "In"), "needs at least one value"),
     (("a", "Exists", ("b",)), "takes no values"), (("a", "Gt", ("b",)), "one whole number")],
)  # fmt: skip
def test_expressions_that_kubernetes_refuses(given: tuple[object, ...], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Expression(*given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Taint("key", effect="noschedule"), "taint key: effect 'noschedule' is none of NoSchedule"),
        (lambda: Toleration("key", "exists"), "operator 'exists' is neither Equal nor Exists"),
        (lambda: Toleration("key", effect="All"), "effect 'All' is none of NoSchedule"),
    ],
)
def test_a_misspelt_taint_is_refused(make: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()

"""Topology spread: kubernetes/kubernetes, pkg/scheduler/framework/plugins/podtopologyspread/*_test.go.

Cases have upstream's names, shortened. In its tests of the filter only the spread counts; here taints and node affinity
do, too, as upstream says of the real case. TestPreFilterStateAddPod and -RemovePod are of a state that is kept up to
date; here it is counted anew, which one property shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.policy.kubernetes.upstream import labels, selector

from drydock.policy.kubernetes.scheduling import HOSTNAME, ZONE, Cluster, Node, Pod, Preferences, Spread, Taint
from drydock.policy.kubernetes.scheduling import cluster as reasons
from drydock.policy.kubernetes.scheduling import scores as rules
from drydock.policy.kubernetes.scheduling.model import Toleration

TAINT = Taint("node.kubernetes.io/unschedulable", "", "NoSchedule")
FOUR = {"a": "zone=zone1 node=a", "b": "zone=zone1 node=b", "x": "zone=zone2 node=x", "y": "zone=zone2 node=y"}


def spread(text: str) -> Spread:
    """ "1 zone foo Exists | least=3 no-affinity taints keys=bar": maxSkew, topologyKey, selector, and the rest."""
    head, _, more = text.partition("|")
    skew, key, *rest = [*head.split(maxsplit=2), ""]
    chosen = None if rest[0].strip() == "nil" else selector(rest[0])
    options = dict(one.partition("=")[::2] for one in more.split())
    return Spread(
        chosen,
        int(skew),
        key,
        int(options.get("least", 1)),
        honors_taints="taints" in options,
        honors_affinity="no-affinity" not in options,
        match_label_keys=(options["keys"],) if "keys" in options else (),
    )


def pod(has: str, constraints: str, select: str = "", soft: bool = False) -> Pod:
    """Constraints with ";" between; `select` as "foo" for a nodeSelector, "in foo" for a node affinity."""
    each = tuple(spread(one) for one in constraints.split(";") if one.strip())
    affinity = (selector(select),) if " " in select else ()
    chosen = labels(select) if select and not affinity else {}
    preferences = Preferences(spread=each if soft else ())
    return Pod("p", labels=labels(has), node_selector=chosen, node_affinity=affinity,
               spread=() if soft else each, preferences=preferences)  # fmt: skip


def cluster_of(there: str, nodes: Mapping[str, str] = FOUR) -> Cluster:
    """Nodes with labels, "!" for a taint. Pods as "a:foo,bar*2/ns1!": place, labels, number, namespace, terminating."""
    found = Cluster(
        Node(name, {}, labels(text.replace("!", "")), (TAINT,) if "!" in text else ()) for name, text in nodes.items()
    )
    for word in there.split():
        place, _, rest = word.partition(":")
        rest, _, namespace = rest.removesuffix("!").partition("/")
        has, _, count = rest.partition("*")
        for number in range(int(count or 1)):
            found.bind(
                Pod(f"{place}{number}", namespace=namespace or "default", labels=labels(has.replace(",", " ")),
                    terminating=word.endswith("!")),
                place,
            )  # fmt: skip
    return found


def fitting(incoming: Pod, cluster: Cluster) -> str:
    return "".join(name for name in cluster.nodes if cluster.fits(incoming, name))


FOO_ZONE, FOO_NODE, BAR_NODE = "1 zone foo Exists", "1 node foo Exists", "1 node bar Exists"
TWO = f"{FOO_ZONE}; {FOO_NODE}"
OTHERS = f"{FOO_ZONE}; {BAR_NODE}"
ABC = {"a": "node=a foo", "b": "node=b foo", "c": "node=c bar"}
TAINTED = {"a": "node=a", "b": "node=b", "c": "node=c bar !"}
ABX = {"a": "zone=zone1 node=a foo", "b": "zone=zone1 node=b", "x": "zone=zone2 node=x foo"}
ABY = {name: FOUR[name] for name in "aby"}
BARS = "a:bar b:bar*2 c:"


@pytest.mark.parametrize(
    ("incoming", "there", "nodes", "expected"),
    [
        (pod("foo", "5 zone foo In bar"), "", FOUR, ["zone1=0 zone2=0"]),
        (pod("foo", FOO_ZONE), "a:foo*2 b:foo y:foo*2", FOUR, ["zone1=3 zone2=2"]),
        (pod("foo", FOO_ZONE), "a:foo*2 b:foo y:foo*2", {**FOUR, "o": "zone=zone3 node=o", "p": "zone=zone3 node=p"},
         ["zone1=3 zone2=2 zone3=0"]),
        (pod("foo", FOO_ZONE), "a:foo a:foo/ns1 b:foo y:foo/ns2 y:foo", FOUR, ["zone1=2 zone2=1"]),
        (pod("foo", TWO), "a:foo*2 b:foo y:foo*4", FOUR, ["zone1=3 zone2=4", "a=2 b=1 x=0 y=4"]),
        (pod("foo bar", OTHERS), "a:foo b:bar", ABY, ["zone1=1 zone2=0", "a=0 b=1 y=0"]),
        (pod("foo bar", OTHERS), "a:foo a:foo,bar b:foo y:foo*2 y:foo,bar*2", ABY,
         ["zone1=3 zone2=4", "a=1 b=0 y=2"]),
        (pod("foo", TWO, "node NotIn x"), "a:foo*2 b:foo y:foo*4", FOUR, ["zone1=3 zone2=4", "a=2 b=1 y=4"]),
        (pod("foo", BAR_NODE, "foo"), BARS, ABC, ["a=1 b=2"]),
        (pod("foo", f"{BAR_NODE} | no-affinity", "foo"), BARS, ABC, ["a=1 b=2 c=0"]),
        (pod("foo", BAR_NODE, "foo Exists"), BARS, ABC, ["a=1 b=2"]),
        (pod("foo", f"{BAR_NODE} | no-affinity", "foo Exists"), BARS, ABC, ["a=1 b=2 c=0"]),
        (pod("foo", BAR_NODE), BARS, TAINTED, ["a=1 b=2 c=0"]),
        (pod("foo", f"{BAR_NODE} | taints"), BARS, TAINTED, ["a=1 b=2"]),
        (replace(pod("foo", f"{BAR_NODE} | taints"), tolerations=(Toleration(TAINT.key, "Exists"),)), BARS, TAINTED,
         ["a=1 b=2 c=0"]),
        (pod("foo", f"{FOO_ZONE}; {FOO_NODE} | no-affinity", "foo"), "b:foo*2 x:foo", ABX,
         ["zone1=0 zone2=1", "a=0 b=2 x=1"]),
        (pod("foo", f"{FOO_ZONE} | taints; {FOO_NODE}"), "b:foo*2 x:foo", {**ABX, "b": "zone=zone1 node=b !"},
         ["zone1=0 zone2=1", "a=0 b=2 x=1"]),
        (pod("foo", TWO, "foo"), "a:foo*2 x:foo y:foo",
         {**FOUR, "b": "zone=zone1 node=b foo !", "x": "zone=zone2 node=x foo"}, ["zone1=0 zone2=1", "b=0 x=1"]),
        (pod("foo", f"{FOO_ZONE} | no-affinity; {FOO_NODE} | taints", "foo"), "a:foo*2 x:foo*2 y:foo",
         {"a": FOUR["a"], "b": "zone=zone1 node=b foo !", "x": FOUR["x"] + " foo", "y": FOUR["y"] + " foo"},
         ["zone1=2 zone2=3", "x=2 y=1"]),
        (pod("foo bar=a", f"{FOO_ZONE} | keys=bar"), "a:foo a:foo,bar=a b:foo y:foo,bar=a y:bar", FOUR,
         ["zone1=1 zone2=1"]),
        (pod("foo=a", "1 zone | keys=foo"), "a:foo=a*2 b:foo=a y:foo=a*2", FOUR, ["zone1=3 zone2=2"]),
        (pod("foo", "1 zone nil | keys=bar"), "a:foo=a*2 b:foo=a y:foo=a*2", FOUR, ["zone1=0 zone2=0"]),
    ],
    ids=[
        "clean cluster", "one spreadConstraint", "on a 3-zone cluster", "namespace mismatch doesn't count",
        "two spreadConstraints", "different labelSelectors - simple version", "different labelSelectors - complex pods",
        "with podAffinity", "NodeAffinityPolicy honored with labelSelectors", "ignored with labelSelectors",
        "honored with nodeAffinity", "ignored with nodeAffinity", "NodeTaintsPolicy ignored", "Taints honored",
        "Taints honored with tolerated taints", "zone: honor/ignore, node: ignore/ignore",
        "zone: honor/honor, node: honor/ignore", "zone: honor/ignore, node: honor/ignore",
        "zone: ignore/ignore, node: honor/honor", "matchLabelKeys ANDed with LabelSelector",
        "matchLabelKeys when LabelSelector is empty", "key in matchLabelKeys is ignored when LabelSelector is nil",
    ],
)  # fmt: skip
def test_pre_filter_state(incoming: Pod, there: str, nodes: Mapping[str, str], expected: list[str]) -> None:
    """filtering_test.go, TestPreFilterState: pods by domain, of each constraint; the cases without default ones."""
    cluster = cluster_of(there, nodes)
    found = [cluster.domains(incoming, one, incoming.spread) for one in incoming.spread]
    assert [" ".join(f"{key}={count}" for key, count in sorted(one.items())) for one in found] == expected


THREE = {name: f"node={name}" for name in "abc"}
FOO_ABX = {**{name: f"node={name} foo" for name in "abx"}, "y": "node=y"}
TAINTED_Y = {**FOO_ABX, "y": "node=y !"}
SPREAD = "a:foo*2 b:foo y:foo*3"


@pytest.mark.parametrize(
    ("incoming", "there", "nodes", "expected"),
    [
        (pod("foo", FOO_ZONE), "", FOUR, "abxy"),
        (pod("foo", "1 zone bar Exists"), "", FOUR, "abxy"),
        (pod("foo", FOO_ZONE), "a:foo/ns1 a:foo/ns2 x:foo y:foo", FOUR, "ab"),
        (pod("foo", "1 zone nil"), "x:foo y:foo", FOUR, "abxy"),
        (pod("foo", FOO_ZONE), SPREAD, FOUR, "abxy"),
        (pod("foo", FOO_ZONE), "a:foo b:foo x:foo y:foo", {**FOUR, "b": "zon=zone1 node=b"}, "a"),
        (pod("foo", "1 rack foo Exists"), "", FOUR, ""),
        (pod("foo", FOO_NODE), SPREAD, FOUR, "x"),
        (pod("foo", "2 node foo Exists"), SPREAD, FOUR, "bx"),
        (pod("bar", FOO_NODE), SPREAD, FOUR, "bx"),
        (pod("foo", FOO_NODE, "node In a,y"), SPREAD, FOUR, "a"),
        (pod("foo", FOO_NODE), "a:foo! b:foo", {"a": "node=a", "b": "node=b"}, "a"),
        (pod("foo", FOO_ZONE, "node NotIn b"), "b:foo*2 y:foo", FOUR, "a"),
        (pod("foo", "2 node foo Exists | least=4"), "a:foo*2 b:foo*2 c:foo", THREE, "c"),
        (pod("foo", "2 node foo Exists | least=2"), "a:foo*2 b:foo*2 c:foo", THREE, "abc"),
        (pod("foo", "2 zone foo Exists | least=3"), "a:foo b:foo y:foo", FOUR, "xy"),
        (pod("foo", "2 zone foo Exists | least=1"), "a:foo b:foo y:foo", FOUR, "abxy"),
        (pod("foo", FOO_NODE, "foo"), "a:foo b:foo y:foo", FOO_ABX, "x"),
        (pod("foo", f"{FOO_NODE} | no-affinity", "foo"), "a:foo b:foo y:foo", FOO_ABX, "x"),
        (pod("foo", FOO_NODE, "foo Exists"), "a:foo b:foo y:foo", FOO_ABX, "x"),
        (pod("foo", f"{FOO_NODE} | no-affinity", "foo Exists"), "a:foo b:foo y:foo", FOO_ABX, "x"),
        (pod("foo", f"{FOO_NODE} | taints"), "a:foo b:foo y:foo", TAINTED_Y, "x"),
        (pod("foo", FOO_NODE), "a:foo b:foo y:foo", TAINTED_Y, "x"),
    ],
    ids=[
        "no existing pods", "no existing pods, incoming pod doesn't match itself", "different namespace",
        "existing pods do not match null selector", "3/3", "1/2 due to absence of label 'zone' on node-b",
        "all nodes don't have label 'rack'", "2/1/0/3", "2/1/0/3, maxSkew is 2", "pod doesn't match itself",
        "nodeAffinity, 2/~1~/~0~/3", "terminating Pods should be excluded", "nodeAffinity, 0/~2~/0/1",
        "2/2/1, domains < minDomains", "2/2/1, domains > minDomains", "2/1, domains < minDomains",
        "2/1, domains > minDomains", "NodeAffinityPolicy honored with labelSelectors", "ignored with labelSelectors",
        "honored with nodeAffinity", "ignored with nodeAffinity", "Taints honored", "Taints ignored",
    ],
)  # fmt: skip
def test_single_constraint(incoming: Pod, there: str, nodes: Mapping[str, str], expected: str) -> None:
    """filtering_test.go, TestSingleConstraint."""
    assert fitting(incoming, cluster_of(there, nodes)) == expected


BAR_FOO = "1 zone bar Exists; " + FOO_ZONE
FOOS = {name: text + " foo" for name, text in FOUR.items()}


@pytest.mark.parametrize(
    ("incoming", "there", "nodes", "expected"),
    [
        (pod("foo", TWO), SPREAD, FOUR, "x"),
        (pod("foo", TWO), "a:foo*2 b:foo y:foo*4", FOUR, ""),
        (pod("foo bar", OTHERS), "a:foo y:bar", FOUR, "x"),
        (pod("foo bar", OTHERS), "a:foo x:bar y:bar", FOUR, ""),
        (pod("foo bar", OTHERS), "a:foo a:foo,bar y:foo y:foo,bar y:foo", FOUR, "b"),
        (pod("bar", OTHERS), "a:foo x:bar y:bar", FOUR, "ab"),
        (pod("foo", TWO), "a:foo y:foo", {**FOUR, "x": "zone=zone2"}, "b"),
        (pod("foo", f"{FOO_ZONE}; {FOO_NODE} | no-affinity", "foo"), "a:foo b:foo y:foo", 
         {**FOOS, "y": FOUR["y"]}, "x"),
        (pod("foo", f"{FOO_ZONE} | taints; {FOO_NODE}"), "a:foo b:foo y:foo", {**FOOS, "y": FOUR["y"] + " !"}, "x"),
        (pod("foo", TWO, "foo"), "a:foo b:foo y:foo", {**FOOS, "b": FOUR["b"], "y": FOOS["y"] + " !"}, "x"),
        (pod("foo", f"{FOO_ZONE} | taints; {FOO_NODE} | no-affinity", "foo"), "a:foo b:foo y:foo",
         {**FOOS, "b": FOUR["b"], "y": FOOS["y"] + " !"}, "x"),
        (pod("foo bar", BAR_FOO), "a:foo,bar a:foo b:foo,bar y:foo y:foo,bar y:foo", FOUR, "xy"),
        (pod("foo bar", BAR_FOO), "a:foo,bar a:foo b:foo,bar y:foo y:foo,bar y:foo*2", FOUR, ""),
    ],
    ids=[
        "zone and node, [3/3, 2/1/0/3]", "zone and node, [3/4, 2/1/0/4]", "different labelSelectors, [1/0, 1/0/0/1]",
        "different labelSelectors, [1/0, 0/0/1/1]", "different labelSelectors, [2/3, 1/0/0/1]",
        "pod doesn't match itself on 'zone'", "absence of label 'node' on node-x",
        "zone: honor/ignore, node: ignore/ignore", "zone: honor/honor, node: honor/ignore",
        "zone: honor/ignore, node: honor/ignore", "zone: honor/honor, node: ignore/ignore",
        "two Constraints on zone, [3/3, 2/1]", "two Constraints on zone, [3/4, 2/1]",
    ],
)  # fmt: skip
def test_multiple_constraints(incoming: Pod, there: str, nodes: Mapping[str, str], expected: str) -> None:
    """filtering_test.go, TestMultipleConstraints."""
    assert fitting(incoming, cluster_of(there, nodes)) == expected


def test_what_a_node_says_that_does_not_fit() -> None:
    """filtering.go: ErrReasonConstraintsNotMatch and ErrReasonNodeLabelNotMatch."""
    cluster = cluster_of("x:foo y:foo")
    assert cluster.reasons(pod("foo", FOO_ZONE), "x") == (reasons.SKEWED,)
    assert cluster.reasons(pod("foo", "1 rack foo Exists"), "x") == (reasons.UNLABELLED,)


ON_HOST = f"1 {HOSTNAME} foo Exists"
BARS_ON_HOST = f"1 {HOSTNAME} bar Exists"
ABCDXY = dict.fromkeys("abcdxy", "")
ABC3, ABC_TAINTED = {"a": "node=a foo", "b": "node=b foo", "c": "node=c"}, {**THREE, "c": "node=c !"}
CD = {"a": "zone=zone1", "b": "zone=zone1", "c": "zone=zone2", "d": "zone=zone2"}
MIXED = "a:foo b:foo,bar c:foo c:bar"


@pytest.mark.parametrize(
    ("incoming", "there", "nodes", "candidates", "expected"),
    [
        (pod("foo", ON_HOST, soft=True), "", ABCDXY, "ab", [100, 100]),
        (pod("foo", ON_HOST, soft=True), "a:foo*2 b:foo", ABCDXY, "a", [100]),
        (pod("foo", ON_HOST, soft=True), "a:foo b:foo", ABCDXY, "ab", [100, 100]),
        (pod("foo", ON_HOST, soft=True), "a:foo*2 b:foo d:foo*3", ABCDXY, "abcd", [20, 60, 100, 0]),
        (pod("foo", f"2 {HOSTNAME} foo Exists", soft=True), "a:foo*2 b:foo d:foo*3", ABCDXY, "abcd", [33, 66, 100, 16]),
        (pod("foo", f"3 {HOSTNAME} foo Exists", soft=True), "a:foo*4 b:foo*3 c:foo*2 d:foo", ABCDXY, "abcd",
         [44, 66, 77, 100]),
        (replace(pod("foo", ""), default_selector=selector("foo Exists")), "a:foo*4 b:foo*3 c:foo*2 d:foo", ABCDXY,
         "abcd", [44, 66, 77, 100]),
        (pod("foo", ON_HOST, soft=True), "a:foo*4 b:foo*2 x:foo y:foo*3", ABCDXY, "abx", [33, 83, 100]),
        (pod("foo", FOO_NODE, soft=True), "a:foo*4 b:foo*2 x:foo y:foo*3", {**FOUR, "b": "n=b"}, "abx", [16, 0, 100]),
        (pod("foo", FOO_ZONE, soft=True), "a:foo*4 b:foo*2 x:foo y:foo*3", FOUR, "abx", [75, 75, 100]),
        (pod("foo", f"{FOO_ZONE}; {ON_HOST}", soft=True), "a:foo*2 b:foo x:foo*2 y:foo*4", FOUR, "ax", [100, 63]),
        (pod("foo bar", f"{FOO_ZONE}; {BARS_ON_HOST}", soft=True), "a:foo b:foo,bar y:foo y:bar", FOUR, "abxy",
         [60, 20, 100, 60]),
        (pod("foo bar", f"{FOO_ZONE}; {BARS_ON_HOST}", soft=True), "b:bar x:foo y:foo,bar", FOUR, "abxy",
         [100, 60, 40, 0]),
        (pod("foo bar", f"{FOO_ZONE}; {BARS_ON_HOST}", soft=True), "a:foo b:foo,bar y:foo y:bar", FOUR, "abx",
         [50, 25, 100]),
        (pod("foo", ON_HOST, soft=True), "a:foo/ns1 a:foo b:foo*2", ABCDXY, "ab", [100, 33]),
        (pod("foo", ON_HOST, soft=True), "a:foo! b:foo", ABCDXY, "ab", [100, 0]),
        (pod("foo", "2 node foo Exists | least=10", soft=True), "a:foo*2 b:foo*2 c:foo", THREE, "abc", [75, 75, 100]),
        (pod("foo", FOO_NODE, "foo", soft=True), "a:foo*2 b:foo c:foo", ABC3, "abc", [0, 33, 100]),
        (pod("foo", f"{FOO_NODE} | no-affinity", "foo", soft=True), "a:foo*2 b:foo c:foo", ABC3, "abc", [66, 100, 100]),
        (pod("foo", FOO_NODE, "foo Exists", soft=True), "a:foo*2 b:foo c:foo", ABC3, "abc", [0, 33, 100]),
        (pod("foo", f"{FOO_NODE} | no-affinity", "foo Exists", soft=True), "a:foo*2 b:foo c:foo", ABC3, "abc",
         [66, 100, 100]),
        (pod("foo", f"{FOO_NODE} | taints", soft=True), "a:foo*2 b:foo c:foo", ABC_TAINTED, "abc", [0, 33, 100]),
        (pod("foo", FOO_NODE, soft=True), "a:foo*2 b:foo c:foo", ABC_TAINTED, "abc", [66, 100, 100]),
        (pod("foo bar", f"1 zone | keys=foo; 1 {HOSTNAME} | keys=bar", soft=True), MIXED, CD, "abcd",
         [60, 20, 60, 100]),
        (pod("foo bar baz", f"{FOO_ZONE}; {BARS_ON_HOST} | keys=baz", soft=True),
         "a:foo b:foo,bar,baz c:foo c:bar c:bar,baz", CD, "abcd", [60, 20, 60, 100]),
    ],
    ids=[
        "no existing pods", "only one node is candidate", "the same number of matching pods", "all 4 nodes",
        "all 4 nodes, maxSkew=2", "all 4 nodes, maxSkew=3", "system defaulting, nodes don't have zone", "3 of 4 nodes",
        "one node doesn't match topology key", "one constraint on zone", "zone and node, 2 out of 4 nodes",
        "different labelSelectors", "some nodes have 0 pods", "different labelSelectors, 3 out of 4 nodes",
        "different namespace", "terminating Pods should be excluded", "minDomains has no effect",
        "NodeAffinityPolicy honoed with labelSelectors", "ignored with labelSelectors", "honoed with nodeAffinity",
        "ignored with nodeAffinity", "NodeTaintsPolicy honored", "NodeTaintsPolicy ignored",
        "matchLabelKeys, LabelSelector is empty", "matchLabelKeys, LabelSelector isn't empty",
    ],
)  # fmt: skip
def test_pod_topology_spread_score(
    incoming: Pod, there: str, nodes: Mapping[str, str], candidates: str, expected: list[int]
) -> None:
    """scoring_test.go, TestPodTopologySpreadScore."""
    assert list(rules.topology_spread(incoming, cluster_of(there, nodes), candidates).values()) == expected


def test_the_schedulers_own_constraints() -> None:
    """plugin.go, systemDefaultConstraints: hosts and zones, and none where the pod has one of its own."""
    zones = {"a": f"{ZONE}=1", "b": f"{ZONE}=1", "c": f"{ZONE}=2"}
    cluster = cluster_of("a:foo*2", zones)
    by_default = replace(pod("foo", ""), default_selector=selector("foo Exists"))
    found = rules.topology_spread(by_default, cluster, "abc")
    assert found["c"] > found["b"] > found["a"]
    for own in (pod("foo", f"5 {ZONE} foo Exists"), pod("foo", f"5 {ZONE} foo Exists", soft=True)):
        both = replace(own, default_selector=by_default.default_selector)
        assert rules.topology_spread(both, cluster, "abc") == rules.topology_spread(own, cluster, "abc")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from("abxy"), max_size=12), st.integers(1, 3))
def test_a_pod_that_fits_leaves_no_skew_above_the_constraint_and_taking_it_off_changes_nothing(
    there: list[str], skew: int
) -> None:
    cluster = cluster_of(" ".join(f"{name}:foo" for name in there))
    incoming = pod("foo", f"{skew} zone foo Exists")
    before = cluster.domains(incoming, incoming.spread[0], incoming.spread)
    for name in fitting(incoming, cluster):
        cluster.bind(incoming, name)
        after = cluster.domains(incoming, incoming.spread[0], incoming.spread)
        assert after[labels(FOUR[name])["zone"]] - min(after.values()) <= skew
        cluster.unbind(incoming, name)
        assert cluster.domains(incoming, incoming.spread[0], incoming.spread) == before
    assert fitting(incoming, cluster), "one of the zones with the fewest always fits"


@pytest.mark.parametrize(("given", "says"), [({"max_skew": 0}, "maxSkew"), ({"min_domains": 0}, "minDomains")])
def test_numbers_that_the_api_refuses(given: dict[str, int], says: str) -> None:
    with pytest.raises(ValueError, match=f"topology.kubernetes.io/zone: {says} is 1 or more, not 0"):
        Spread((), **given)

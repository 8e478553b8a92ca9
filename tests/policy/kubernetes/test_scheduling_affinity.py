"""Affinity between pods: kubernetes/kubernetes, pkg/scheduler/framework/plugins/interpodaffinity/*_test.go.

Cases have upstream's names, shortened. Left out are those of labels that the API refuses before a scheduler sees them.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.policy.kubernetes.upstream import labels, terms

from drydock.policy.kubernetes.scheduling import Cluster, Node, Pod, Preferences
from drydock.policy.kubernetes.scheduling import cluster as reasons
from drydock.policy.kubernetes.scheduling import scores as rules

NAMESPACES = {f"subteam{one}.team{team}": {"team": f"team{team}"} for one in (1, 2) for team in (1, 2)}
SCAN, SECURITY = "service=securityscan", "security=S1"
BOTH_SCANS, BOTH_VIRUSES = "service In securityscan,value2 ", "service In antivirusscan,value2 "
NO_WRONG_KEY = "service Exists & wrongkey DoesNotExist @region; "
OF_TEAM1 = BOTH_SCANS + "@region of team In team1"
PARTLY = "service Exists @zone; security Exists @zone"
ABC_DEF = "abc Exists @zone; def Exists @zone"
OK, AWAY, NEAR, THEIRS = "", reasons.ANTI_AFFINITY, reasons.AFFINITY, reasons.EXISTING_ANTI_AFFINITY


@pytest.mark.parametrize(
    ("has", "affinity", "anti", "there", "theirs", "refused"),
    [
        ("", "", "", None, "", OK),
        (SECURITY, BOTH_SCANS + "@region", "", SCAN, "", OK),
        (SECURITY, "service NotIn securityscan3,value3 @region", "", SCAN, "", OK),
        (SECURITY, BOTH_SCANS + "@region in DiffNameSpace", "", SCAN + " ns:ns", "", NEAR),
        (SCAN, BOTH_VIRUSES + "@region", "", SCAN, "", NEAR),
        (SECURITY, NO_WRONG_KEY + "service In securityscan & service NotIn WrongValue @region", "", SCAN, "", OK),
        (SECURITY, NO_WRONG_KEY + "service In securityscan2 & service NotIn WrongValue @region", "", SCAN, "", NEAR),
        (SECURITY, BOTH_SCANS + "@region", BOTH_VIRUSES + "@node", SCAN, "", OK),
        (SECURITY, BOTH_SCANS + "@region", BOTH_VIRUSES + "@node", SCAN, BOTH_VIRUSES + "@node", OK),
        (SECURITY, BOTH_SCANS + "@region", BOTH_SCANS + "@zone", SCAN, "", AWAY),
        (SCAN, BOTH_SCANS + "@region", BOTH_VIRUSES + "@node", SCAN, BOTH_SCANS + "@zone", THEIRS),
        (SCAN, "service NotIn securityscan,value2 @region", "", SCAN + " on:machine2", "", NEAR),
        (SCAN, "", "", SCAN, BOTH_SCANS + "@zone", THEIRS),
        (SCAN, "", "", SCAN, "service NotIn securityscan,value2 @zone", OK),
        (SCAN, "", "service Exists @region; security Exists @region", SECURITY, "security Exists @zone", AWAY),
        (SCAN, "", PARTLY, SECURITY, "security Exists @zone", AWAY),
        (SECURITY, "", "security Exists @zone", SCAN, PARTLY, THEIRS),
        ("abc xyz", "", ABC_DEF, "def xyz", ABC_DEF, AWAY),
        ("def xyz", "", ABC_DEF, "abc xyz", ABC_DEF, AWAY),
        (SECURITY, OF_TEAM1, "", SCAN + " ns:subteam1.team1", "", OK),
        (SECURITY, OF_TEAM1, "", SCAN + " ns:subteam1.team2", "", NEAR),
        (SECURITY + " ns:subteam1.team1", "", OF_TEAM1, SCAN + " ns:subteam2.team1", "", AWAY),
        (SECURITY + " ns:subteam1.team1", "", BOTH_SCANS + "@zone of", SCAN + " ns:subteam2.team1", "", AWAY),
        (SECURITY + " ns:subteam1.team1", "", OF_TEAM1, SCAN + " ns:subteam1.team2", "", OK),
    ],
    ids=[
        "no required rules, no existing pods", "In operator matches the existing pod", "not in operator matches",
        "because of diff Namespace", "unmatching labelSelector", "different label Operators in multiple",
        "matchExpressions are ANDed", "PodAffinity and PodAntiAffinity", "and PodAntiAffinity symmetry",
        "PodAffinity but not PodAntiAffinity", "not PodAntiAffinity symmetry", "pod matches its own Label",
        "anti-affinity from existing pod is respected", "satisfy PodAntiAffinity symmetry",
        "not PodAntiAffinity symmetry with incoming pod", "symmetry check a1", "a2", "b1", "b2",
        "affinity with NamespaceSelector", "affinity with non-matching NamespaceSelector",
        "anti-affinity with matching NamespaceSelector", "with matching all NamespaceSelector",
        "anti-affinity with non-matching NamespaceSelector",
    ],
)  # fmt: skip
def test_required_affinity_single_node(
    has: str, affinity: str, anti: str, there: str | None, theirs: str, refused: str
) -> None:
    """filtering_test.go, TestRequiredAffinitySingleNode."""
    nodes = [Node("machine1", {}, {"region": "r1", "zone": "z11"}), Node("machine2", {})]
    cluster = Cluster(nodes, namespaces=NAMESPACES)
    if there is not None:
        place = "machine2" if "on:machine2" in there else "machine1"
        cluster.bind(pod("there", there, anti=theirs), place)
    assert cluster.reasons(pod("p", has, affinity, anti), "machine1") == ((refused,) if refused else ())


def pod(name: str, has: str, affinity: str = "", anti: str = "") -> Pod:
    """Labels as "a=b c", and "ns:name" for another namespace."""
    words = has.split()
    namespace = next((one[3:] for one in words if one.startswith("ns:")), "default")
    own = labels(" ".join(one for one in words if ":" not in one))
    return Pod(name, namespace=namespace, labels=own, affinity=terms(affinity), anti_affinity=terms(anti))


THREE = {"1": "region=China", "2": "region=China az=az1", "3": "region=India"}
AB = {"A": "region=r1 zone=z1", "B": "region=r1 zone=z2"}
ONE_ZONE = {"A": "region=r1 zone=z1", "B": "region=r1 zone=z1"}
TO_ZONE = "foo In bar @zone; service In securityscan @zone"
INVALID = "foo Exists @invalid; bar Exists @zone"
REGION_ZONE = "foo Exists @region; bar Exists @zone"


@pytest.mark.parametrize(
    ("incoming", "there", "nodes", "expected"),
    [
        (pod("p", "", "foo In bar @region"), [("1", pod("p1", "foo=bar"))], THREE, [OK, OK, NEAR]),
        (pod("p", "foo=bar service=securityscan", TO_ZONE), [("A", pod("p1", "foo=bar"))],
         {"A": "zone=az1", "B": "zone=az2"}, [OK, OK]),
        (pod("p", "foo=bar service=securityscan", TO_ZONE), [("A", pod("p1", "foo=bar"))],
         {"A": "zoneLabel=az1", "B": "zoneLabel=az2"}, [NEAR, NEAR]),
        (pod("p", "", "", "foo In abc @region"), [("A", pod("p1", "foo=abc"))],
         {"A": "region=r1", "B": "region=r1"}, [AWAY, AWAY]),
        (pod("p", "", "", "foo In abc @region; service In securityscan @zone"),
         [("A", pod("p1", "foo=abc service=securityscan"))], AB, [AWAY, AWAY]),
        (pod("p", "", "", "foo In abc @region"), [("1", pod("p1", "foo=abc"))], THREE, [AWAY, AWAY, OK]),
        (pod("p", "foo=123 ns:NS1", "", "foo In bar @region"),
         [("1", pod("p1", "foo=bar ns:NS1")), ("3", pod("p2", "ns:NS2", "", "foo In 123 @region"))],
         THREE, [AWAY, AWAY, OK]),
        (pod("p", "foo"), [("A", pod("p1", "", "", "foo Exists @invalid"))], ONE_ZONE, [OK, OK]),
        (pod("p", "", "", "foo Exists @invalid"), [("A", pod("p1", "foo"))], ONE_ZONE, [OK, OK]),
        (pod("p", "foo bar"),
         [("A", pod("p1", "", "", "foo Exists @zone")), ("A", pod("p2", "", "", "bar Exists @region"))],
         AB, [THEIRS, THEIRS]),
        (pod("p", "", "", "foo Exists @zone; bar Exists @region"), [("A", pod("p1", "foo")), ("B", pod("p2", "bar"))],
         AB, [AWAY, AWAY]),
        (pod("p", "foo bar"), [("A", pod("p1", "", "", INVALID))], AB, [THEIRS, OK]),
        (pod("p", "", "", INVALID), [("A", pod("p1", "foo bar"))], AB, [AWAY, OK]),
        (pod("p", "foo bar"), [("A", pod("p1", "", "", REGION_ZONE))], AB, [THEIRS, THEIRS]),
        (pod("p", "", "", REGION_ZONE), [("A", pod("p1", "foo bar"))], AB, [AWAY, AWAY]),
        (pod("p", "foo bar"), [("A", pod("p1", "", "", "foo Exists @zone; labelA Exists @zone")),
                               ("B", pod("p2", "", "", "bar Exists @zone; labelB Exists @zone"))],
         {**AB, "C": "region=r1 zone=z3"}, [THEIRS, THEIRS, OK]),
        (pod("p", "", REGION_ZONE), [("A", pod("p1", "foo bar"))], ONE_ZONE, [OK, OK]),
        (pod("p", "", REGION_ZONE), [("A", pod("p1", "foo")), ("B", pod("p2", "bar"))], AB, [NEAR, NEAR]),
    ],
    ids=[
        "onto all the nodes that have the same label value", "The first pod", "only on labelled nodes",
        "same topologyKey and label value", "any term of the anti-affinity rule", "can be scheduled onto nodeC",
        "nodeC in different namespace", "existing: invalid topologyKey", "incoming: we still check topologyKey",
        "existing: violates each existingPod's terms on all nodes", "incoming: violates one rule of existingPod",
        "existing: one term has invalid topologyKey", "incoming: one term has invalid topologyKey",
        "existing: all terms have valid topologyKey", "incoming: all terms have valid topologyKey",
        "existing: only nodeC", "affinity: all affinityTerms match", "affinity: satisfied on the same pod",
    ],
)  # fmt: skip
def test_required_affinity_multiple_nodes(
    incoming: Pod, there: list[tuple[str, Pod]], nodes: dict[str, str], expected: list[str]
) -> None:
    """filtering_test.go, TestRequiredAffinityMultipleNodes: what each of the nodes says, in their order."""
    cluster = Cluster(Node(name, {}, labels(has)) for name, has in nodes.items())
    for place, other in there:
        cluster.bind(other, place)
    assert [cluster.reasons(incoming, name) for name in nodes] == [(one,) if one else () for one in expected]


STAY_S1, STAY_S2 = {"affinity": "5 security In S1 @region"}, {"affinity": "6 security In S2 @region"}
AWAY_S1, AWAY_S2 = {"anti": "5 security In S1 @az"}, {"anti": "5 security In S2 @az"}
THIRD = {"affinity": "8 security NotIn S1 & security In S2 @region; "
                     "2 security Exists & wrongkey DoesNotExist @region"}  # fmt: skip
MIXED = {"affinity": "8 security In S1 @region", **AWAY_S2}
HARD = {"hard": "security In S1,value2 @region; security Exists & wrongkey DoesNotExist @region"}
IN_TEAM1 = "5 security In S1 @region in subteam2.team2 of team In team1"
S1, S2, TEAM1 = "security=S1", "security=S2", "security=S1 ns:subteam1.team1"
CHINA, INDIA, AZ1 = "region=China", "region=India", "az=az1"
IN_TWO = [(0, TEAM1, {}), (0, TEAM1, {}), (0, S1 + " ns:subteam1.team2", {}), (1, S1 + " ns:subteam2.team1", {})]
IN_NAMED = [(0, TEAM1, {}), (0, TEAM1, {}), (0, S1 + " ns:subteam2.team2", {}), (1, S1 + " ns:subteam2.team1", {})]
Wants = dict[str, str]


def wanting(has: str, wants: Wants) -> Pod:
    found = pod("p", has, wants.get("hard", ""))

    def soft(kind: str) -> tuple[tuple[int, object], ...]:
        each = (one.strip().split(maxsplit=1) for one in wants.get(kind, "").split(";") if one)
        return tuple((int(weight), *terms(text)) for weight, text in each)

    preferences = Preferences(affinity=soft("affinity"), anti_affinity=soft("anti"))  # type: ignore[arg-type]
    return Pod("p", namespace=found.namespace, labels=found.labels, affinity=found.affinity, preferences=preferences)


@pytest.mark.parametrize(
    ("has", "wants", "there", "nodes", "expected"),
    [
        (S1, {}, [], [CHINA, INDIA, AZ1], [0, 0, 0]),
        (S1, STAY_S1, [(0, S1, {}), (1, S2, {}), (2, S1, {})], [CHINA, INDIA, AZ1], [100, 0, 0]),
        ("", STAY_S1, [(0, S1, {})], [CHINA, f"{CHINA} {AZ1}", INDIA], [100, 100, 0]),
        (S1, STAY_S2, [(n, S2, {}) for n in (0, 0, 1, 2, 3, 4)], [CHINA, INDIA, CHINA, CHINA, INDIA],
         [100, 0, 100, 100, 0]),
        (S1, THIRD, [(0, S1, {}), (1, S2, {}), (2, S1, {})], [CHINA, INDIA, AZ1], [20, 100, 0]),
        (S2, {}, [(0, S1, STAY_S1), (1, S2, STAY_S2)], [CHINA, INDIA, AZ1], [0, 100, 0]),
        (TEAM1, {}, [(0, S1, {"affinity": IN_TEAM1}), (1, S2, STAY_S2)], [CHINA, INDIA, AZ1], [100, 0, 0]),
        (TEAM1, {}, [(0, S1, {"anti": IN_TEAM1}), (1, S2, STAY_S2)], [CHINA, INDIA, AZ1], [0, 100, 100]),
        (S1, {}, [(0, S1, HARD), (1, S2, HARD)], [CHINA, INDIA, AZ1], [100, 100, 0]),
        (S1, AWAY_S1, [(0, S1, {}), (1, S2, {})], [AZ1, CHINA], [0, 100]),
        (S1, AWAY_S1, [(0, S1, {}), (1, S1, {})], [AZ1, CHINA], [0, 100]),
        (S1, AWAY_S1, [(0, S1, {}), (0, S1, {}), (1, S2, {})], [AZ1, INDIA], [0, 100]),
        (S2, {}, [(0, S1, AWAY_S2), (1, S2, AWAY_S1)], [AZ1, "az=az2"], [0, 100]),
        (S1, MIXED, [(0, S1, {}), (1, S1, {})], [CHINA, AZ1], [100, 0]),
        (S1, MIXED, [(n, S1, {}) for n in (0, 0, 1, 2, 2, 3, 4)], [f"{CHINA} {AZ1}", INDIA, CHINA, CHINA, INDIA],
         [100, 0, 100, 100, 0]),
        (S1, MIXED, [(0, S1, {}), (1, S2, {}), (2, "", MIXED), (3, "", AWAY_S1)], [CHINA, AZ1, INDIA, "az=az2"],
         [100, 0, 100, 0]),
        (S1, {}, [(0, S1, {}), (1, "", MIXED)], [CHINA, CHINA], [0, 0]),
        (TEAM1, {"affinity": IN_TEAM1}, IN_TWO, [CHINA, INDIA], [100, 0]),
        (TEAM1, {"affinity": IN_TEAM1}, IN_NAMED, [CHINA, INDIA], [100, 0]),
        (TEAM1, {"anti": IN_TEAM1}, IN_TWO, [CHINA, INDIA], [0, 100]),
        (TEAM1, {"anti": IN_TEAM1}, IN_NAMED, [CHINA, INDIA], [0, 100]),
    ],
    ids=[
        "Affinity is nil", "Affinity: pod that matches topology key & pods", "same label value", "more matching pods",
        "different Label operators", "Affinity symmetry", "symmetry with namespace selector",
        "AntiAffinity symmetry with namespace selector", "Required in symmetry", "Anti Affinity: does not match",
        "Anti Affinity: does not match topology key", "Anti Affinity: more matching pods", "Anti Affinity symmetry",
        "Affinity and Anti Affinity", "the same labels", "and symmetry", "Avoid panic",
        "matching NamespaceSelector", "matching both NamespaceSelector and Namespaces",
        "anti: matching NamespaceSelector", "anti: matching both NamespaceSelector and Namespaces",
    ],
)  # fmt: skip
def test_preferred_affinity(
    has: str, wants: Wants, there: list[tuple[int, str, Wants]], nodes: list[str], expected: list[int]
) -> None:
    """scoring_test.go, TestPreferredAffinity."""
    cluster = scored(nodes, there)
    assert list(rules.inter_pod_affinity(wanting(has, wants), cluster, list(cluster.nodes)).values()) == expected


def scored(nodes: Sequence[str], there: Sequence[tuple[int, str, Wants]]) -> Cluster:
    named = {str(number): Node(str(number), {}, labels(text)) for number, text in enumerate(nodes)}
    cluster = Cluster(named.values(), namespaces=NAMESPACES)
    for number, has, wants in there:
        cluster.bind(wanting(has, wants), str(number))
    return cluster


@pytest.mark.parametrize(
    ("namespace", "weight", "expected"),
    [
        ("default", 1, [100, 100, 0]),
        ("default", 0, [0, 0, 0]),
        ("subteam1.team2", 1, [0, 0, 0]),
        ("subteam1.team1", 1, [100, 100, 0]),
        ("subteam2.team2", 1, [100, 100, 0]),
    ],
    ids=["default weight", "zero weight", "no matching namespace", "matching NamespaceSelector", "matching Namespaces"],
)
def test_preferred_affinity_with_hard_pod_affinity_symmetric_weight(
    namespace: str, weight: int, expected: list[int]
) -> None:
    """scoring_test.go, TestPreferredAffinityWithHardPodAffinitySymmetricWeight."""
    hard = {"hard": "service In S1 @region in default,subteam2.team2 of team In team1"}
    cluster = scored([CHINA, INDIA, AZ1], [(0, "", hard), (1, "", hard)])
    incoming = pod("p", f"service=S1 ns:{namespace}")
    found = rules.inter_pod_affinity(incoming, cluster, list(cluster.nodes), hard=weight)
    assert list(found.values()) == expected


@pytest.mark.parametrize(("has", "fits"), [("a b", True), ("a", False), ("", False)])
def test_the_first_of_its_kind_is_meant_by_each_of_its_terms(has: str, fits: bool) -> None:
    """filtering.go, *satisfyPodAffinity*: where no pod is meant anywhere, one that all of its own terms mean may go."""
    first = Pod("p", labels=labels(has), affinity=terms("a Exists @zone; b Exists @zone"))
    found = Cluster([Node("n", {}, {"zone": "z"})]).reasons(first, "n")
    assert found == (() if fits else (reasons.AFFINITY,))

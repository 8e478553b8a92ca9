"""Volumes: kubernetes/kubernetes, pkg/scheduler/framework/plugins/{volumezone,nodevolumelimits,volumerestrictions,
volumebinding}/*_test.go.

Cases have upstream's names, shortened. What an in-tree plugin had is a volume of its CSI driver here, and an ephemeral
volume is a claim; left out are their own cases, those of queueing, of CSIStorageCapacity and of scores behind a gate.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.policy.kubernetes.upstream import labels, selector

from drydock.policy.kubernetes.scheduling import HOSTNAME, ZONE, Cluster, Node, Pod
from drydock.policy.kubernetes.scheduling import volumes as rules
from drydock.policy.kubernetes.scheduling.preemption import preempt
from drydock.policy.kubernetes.scheduling.volumes import Claim, PersistentVolume, Storage, StorageClass

BETA_ZONE, BETA_REGION = "failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region"
REGION = rules.REGION
ZONED = Storage(
    tuple(Claim(f"PVC_{name}", volume=name) for name in ("1", "2", "3", "S1", "S2", "S3")),
    (
        PersistentVolume("1", labels={BETA_ZONE: "us-west1-a"}),
        PersistentVolume("2", labels={BETA_REGION: "us-west1", "uselessLabel": "none"}),
        PersistentVolume("3", labels={BETA_ZONE: "us-west1-c__us-west1-a"}),
        PersistentVolume("S1", labels={ZONE: "us-west1-a"}),
        PersistentVolume("S2", labels={REGION: "us-west1", "uselessLabel": "none"}),
        PersistentVolume("S3", labels={ZONE: "us-west1-a", REGION: "us-west1-a"}),
    ),
)


@pytest.mark.parametrize(
    ("claim", "has", "fits"),
    [
        (None, f"{BETA_ZONE}=us-west1-a", True),
        ("PVC_1", "", True),
        ("PVC_1", f"{BETA_ZONE}=us-west1-a uselessLabel=none", True),
        ("PVC_2", f"{BETA_REGION}=us-west1 uselessLabel=none", True),
        ("PVC_2", f"{BETA_REGION}=no_us-west1 uselessLabel=none", False),
        ("PVC_1", f"{BETA_ZONE}=no_us-west1-a uselessLabel=none", False),
        ("PVC_S1", f"{ZONE}=us-west1-a uselessLabel=none", True),
        ("PVC_S2", f"{REGION}=us-west1 uselessLabel=none", True),
        ("PVC_S2", f"{REGION}=no_us-west1 uselessLabel=none", False),
        ("PVC_S1", f"{ZONE}=no_us-west1-a uselessLabel=none", False),
        ("PVC_S3", f"{ZONE}=us-west1-a", False),
        ("PVC_S1", f"{BETA_ZONE}=us-west1-a", False),
        ("PVC_1", f"{ZONE}=us-west1-a", True),
        ("PVC_1", f"{ZONE}=us-west1-b", False),
        ("PVC_3", "", True),
        ("PVC_3", f"{BETA_ZONE}=us-west1-a uselessLabel=none", True),
        ("PVC_1", f"{BETA_ZONE}=us-west1-b uselessLabel=none", False),
    ],
    ids=[
        "pod without volume", "node without labels", "beta zone label matched", "beta region label matched",
        "beta region label doesn't match", "beta zone label doesn't match", "zone label matched", "region matched",
        "region label doesn't match", "zone label doesn't match", "pv with zone and region, node with only zone",
        "pv with zone,node with beta zone", "pv with beta label,node with ga label, matched", "…, don't match",
        "multi: node without labels", "multi: beta zone label matched", "multi: beta zone label doesn't match",
    ],
)  # fmt: skip
def test_volume_zone(claim: str | None, has: str, fits: bool) -> None:
    """volumezone/volume_zone_test.go, TestSingleZone and TestMultiZone."""
    cluster = Cluster([Node("host1", {}, labels(has))], storage=ZONED)
    found = cluster.reasons(Pod("pod_1", claims=(claim,) if claim else ()), "host1")
    assert found == (() if fits else (rules.OTHER_ZONE,))


EBS, GCE = rules.EBS_DRIVER, "pd.csi.storage.gke.io"
LIMITED = Storage(
    (
        *(Claim(f"ebs-{number}", volume=f"ebs-{number}") for number in range(4)),
        *(Claim(f"gce-{number}", volume=f"gce-{number}") for number in range(4)),
        *(Claim(f"in-tree-{number}", volume=f"in-tree-{number}") for number in range(3)),
        Claim("pending", storage_class="csi-sc"),
        Claim("no-class"),
        Claim("no-volume", storage_class="csi-sc", volume="missing-in-action"),
        Claim("hostpath", volume="hostpath"),
        Claim("abc-xyz", storage_class="csi-sc"),
        Claim("abc-x", storage_class="csi-sc"),
        Claim("abc-y", storage_class="csi-sc"),
    ),
    (
        *(PersistentVolume(f"ebs-{number}") for number in range(4)),
        *(PersistentVolume(f"gce-{number}", driver=GCE) for number in range(4)),
        *(PersistentVolume(f"in-tree-{number}") for number in range(3)),
        *(PersistentVolume(f"attached-{number}") for number in range(2)),
        PersistentVolume("hostpath", driver=""),
    ),
    (StorageClass("csi-sc"),),
)
ONE, TWO, RUNNING, GCE_TWO = "ebs-0", "ebs-1 ebs-2", "ebs-3", "gce-1 gce-2"
IN_TREE_TWO = "in-tree-1 in-tree-2"


@pytest.mark.parametrize(
    ("new", "there", "limit", "attached", "fits"),
    [
        (ONE, [], 2, 2, False),
        (ONE, [], 2, 1, True),
        (ONE, [RUNNING, TWO], 4, 0, True),
        (ONE, [RUNNING, TWO], 2, 0, False),
        (ONE, [RUNNING, TWO], None, 0, True),
        (ONE, ["pending", TWO], 2, 0, False),
        (ONE, ["pending", "pending", TWO], 4, 0, True),
        (ONE, ["no-volume", TWO], 2, 0, False),
        (ONE, [RUNNING, "no-class"], 2, 0, True),
        (ONE, [GCE_TWO, TWO], 2, 0, False),
        (GCE_TWO, [TWO, RUNNING], 2, 0, True),
        ("in-tree-0", [IN_TREE_TWO], 2, 0, False),
        ("pending", [IN_TREE_TWO], 2, 0, False),
        ("in-tree-0", [IN_TREE_TWO], None, 0, True),
        ("hostpath", [TWO], 2, 0, True),
        ("in-tree-0", [TWO], 2, 0, False),
        (ONE, [IN_TREE_TWO], 2, 0, False),
        ("ebs-1", [TWO, "in-tree-0"], 3, 0, True),
        ("abc-xyz", [], None, 0, True),
        ("abc-xyz", [RUNNING, TWO], 2, 0, False),
        (ONE, [RUNNING, "abc-x abc-y"], 2, 0, False),
        (ONE, [RUNNING, "abc-xyz", TWO], 3, 0, False),
        (ONE, [RUNNING, "abc-xyz", TWO], 5, 0, True),
        ("", [TWO], 2, 0, True),
    ],
    ids=[
        "should count VolumeAttachments when no pods exist", "VolumeAttachments count does not exceed limit",
        "fits when node volume limit >= new pods CSI volume", "doesn't when node volume limit <= pods CSI volume",
        "driver does not support volume limits", "count pending PVCs", "count multiple pending pvcs",
        "should count PVCs with invalid PV name but valid SC", "don't count pvcs with missing SC",
        "count pvcs with the same type", "don't count pvcs with different type", "should count in-tree volumes",
        "should count unbound in-tree volumes", "volume used does not report limits",
        "should not count non-migratable in-tree volumes", "in-tree and csi volumes (when scheduling in-tree volumes)",
        "in-tree and csi volumes (when scheduling csi volumes)", "the same CSI volume", "ephemeral volume unbound",
        "ephemeral doesn't when limit <= pods CSI volume", "ephemeral doesn't when limit <= pods ephemeral CSI volume",
        "persistent doesn't when limit <= ephemeral + persistent", "persistent okay when limit > both",
        "only uses secrets and configmaps",
    ],
)  # fmt: skip
def test_csi_limits(new: str, there: list[str], limit: int | None, attached: int, fits: bool) -> None:
    """nodevolumelimits/csi_test.go, TestCSILimits."""
    limits = {} if limit is None else {EBS: limit, GCE: limit}
    storage = Storage(
        LIMITED.claims, LIMITED.volumes, LIMITED.classes, {"node": [f"attached-{number}" for number in range(attached)]}
    )
    cluster = Cluster([Node("node", {}, attach_limits=limits)], storage=storage)
    for number, claims in enumerate(there):
        cluster.bind(Pod(f"there-{number}", claims=tuple(claims.split())), "node")
    found = cluster.reasons(Pod("new", claims=tuple(new.split())), "node")
    assert found == (() if fits else (rules.TOO_MANY_VOLUMES,))


RWOP = Storage(
    (
        *(Claim(f"rwop-{number}", volume=f"v{number}", access_modes=(rules.ONE_POD,)) for number in (1, 2)),
        Claim("rwx", volume="v3", access_modes=("ReadWriteMany",)),
    ),
    tuple(PersistentVolume(f"v{number}", driver="") for number in (1, 2, 3)),
)


@pytest.mark.parametrize(
    ("claims", "there", "found"),
    [
        ((), [], ()),
        (("rwop-3",), [], ('persistentvolumeclaim "rwop-3" not found',)),
        (("rwop-1",), [("rwx",)], ()),
        (("rwop-1",), [("rwop-1",), ("rwx",)], (rules.IN_USE,)),
        (("rwop-1", "rwop-2"), [("rwop-1", "rwop-2"), ("rwx",)], (rules.IN_USE,)),
        (("rwx",), [("rwx",)], ()),
    ],
    ids=["nothing", "failed to get PVC", "no access mode conflict", "access mode conflict", "two conflicts",
         "ReadWriteMany is for many (ours)"],
)  # fmt: skip
def test_access_mode_conflicts(claims: tuple[str, ...], there: list[tuple[str, ...]], found: tuple[str, ...]) -> None:
    """volumerestrictions/volume_restrictions_test.go, TestAccessModeConflicts."""
    cluster = Cluster([Node("node-1", {})], storage=RWOP)
    for number, theirs in enumerate(there):
        cluster.bind(Pod(f"there-{number}", claims=theirs), "node-1")
    assert cluster.reasons(Pod("p", claims=claims), "node-1") == found


def test_a_claim_of_one_pod_is_in_use_on_all_nodes_and_free_once_a_lesser_pod_goes() -> None:
    """volume_restrictions.go: all scheduled pods count, and a preemption helps on the node of the other."""
    cluster = Cluster([Node("node-1", {}), Node("node-2", {})], storage=RWOP)
    cluster.bind(Pod("there", claims=("rwop-1",)), "node-2")
    incoming = Pod("p", claims=("rwop-1",), priority=1)
    assert cluster.reasons(incoming, "node-1") == (rules.IN_USE,)
    assert cluster.fits(Pod("p", namespace="other", claims=()), "node-1")
    name, gone = preempt(incoming, cluster) or ("", None)
    assert name == "node-2"
    assert gone and [one.name for one in gone.pods] == ["there"]


GB, GIB = 10**9, 2**30
ON_1, ON_2 = (selector("node In node1"),), (selector("node In node2"),)
WAIT, IMMEDIATE = "waitClass", "immediateClass"
CLASSES = (
    StorageClass(WAIT, provisioner="kubernetes.io/no-provisioner"),
    StorageClass(IMMEDIATE, waits=False),
    StorageClass("waitClassWithProvisioner", allowed_topologies=(selector("node In node1,node2"),)),
    StorageClass("eitherClass", allowed_topologies=(selector("node In node2"), selector("node In node1"))),
    StorageClass("topoMismatchClass", allowed_topologies=(selector("node In reference-node"),)),
)
CLAIMS = {
    one.name: one
    for one in (
        Claim("unbound", storage_class=WAIT, request=GB),
        Claim("unbound2", storage_class=WAIT, request=5 * GB),
        Claim("prebound", storage_class=WAIT, request=GB, volume="node1a", bound=False),
        Claim("bound", storage_class=WAIT, request=GB, volume="bound"),
        Claim("immediate-unbound", storage_class=IMMEDIATE, request=GB),
        Claim("immediate-bound", storage_class=IMMEDIATE, request=GB, volume="immediate"),
        Claim("provisioned", storage_class="waitClassWithProvisioner", request=GIB),
        Claim("no-provisioner", storage_class=WAIT, request=GIB),
        Claim("either", storage_class="eitherClass", request=GIB),
        Claim("topo-mismatch", storage_class="topoMismatchClass", request=GIB),
        Claim("selected", storage_class="waitClassWithProvisioner", request=GIB, selected_node="node1"),
        Claim("selected-2", storage_class="waitClassWithProvisioner", request=GIB, selected_node="node2"),
        Claim("lost", storage_class=WAIT, volume="pv-a", lost=True),
        Claim("deleted", storage_class=WAIT, volume="bound", deleted=True),
    )
}
VOLUMES = {
    "node1a": PersistentVolume("node1a", 5 * GB, WAIT, node_affinity=ON_1),
    "node1b": PersistentVolume("node1b", 10 * GB, WAIT, node_affinity=ON_1),
    "node2": PersistentVolume("node2", GB, WAIT, node_affinity=ON_2),
    "bound": PersistentVolume("bound", GB, WAIT, node_affinity=ON_1, claim="default/bound"),
    "node1a-bound": PersistentVolume("node1a", 5 * GB, WAIT, node_affinity=ON_1, claim="default/unbound"),
    "immediate": PersistentVolume("immediate", GB, IMMEDIATE, node_affinity=ON_1, claim="default/immediate-bound"),
    "immediate-2": PersistentVolume("immediate", GB, IMMEDIATE, node_affinity=ON_2, claim="default/immediate-bound"),
}


def missing(name: str) -> tuple[str, ...]:
    return (f'persistentvolumeclaim "{name}" not found',)


@pytest.mark.parametrize(
    ("claims", "there", "bound", "found"),
    [
        ("", "", {}, ()),
        ("not-there", "", {}, missing("not-there")),
        ("bound", "bound", {}, ()),
        ("bound", "", {}, (rules.VOLUME_GONE,)),
        ("prebound", "node1a-bound", {}, (rules.UNBOUND,)),
        ("unbound", "node2 node1a node1b", {"unbound": "node1a"}, ()),
        ("unbound", "node2", {}, (rules.NO_VOLUME,)),
        ("unbound unbound2", "node1a node1b", {"unbound": "node1a", "unbound2": "node1b"}, ()),
        ("unbound2 unbound", "node1a node1b", {"unbound": "node1a", "unbound2": "node1b"}, ()),
        ("unbound unbound2", "node1a", {"unbound": "node1a"}, (rules.NO_VOLUME,)),
        ("unbound bound", "bound node1a", {"unbound": "node1a"}, ()),
        ("unbound bound", "bound node2", {}, (rules.NO_VOLUME,)),
        ("unbound prebound", "node1a node1b", {"unbound": "node1a"}, (rules.UNBOUND,)),
        ("immediate-bound", "immediate", {}, ()),
        ("immediate-bound", "immediate-2", {}, (rules.VOLUME_ELSEWHERE,)),
        ("immediate-unbound", "", {}, (rules.UNBOUND,)),
        ("immediate-unbound bound", "bound", {}, (rules.UNBOUND,)),
        ("immediate-unbound unbound", "", {}, (rules.UNBOUND,)),
        ("provisioned", "", {}, ()),
        ("unbound provisioned", "node1a", {"unbound": "node1a"}, ()),
        ("bound provisioned", "bound", {}, ()),
        ("bound selected", "bound", {}, ()),
        ("immediate-bound provisioned", "immediate", {}, ()),
        ("no-provisioner", "", {}, (rules.NO_VOLUME,)),
        ("topo-mismatch", "", {}, (rules.NO_VOLUME,)),
        ("either", "", {}, ()),
        ("selected-2", "", {}, (rules.NO_VOLUME,)),
        ("immediate-bound unbound", "immediate-2", {}, (rules.VOLUME_ELSEWHERE, rules.NO_VOLUME)),
        ("bound not-there", "bound", {}, missing("not-there")),
        ("lost", "", {}, ('persistentvolumeclaim "lost" bound to non-existent persistentvolume "pv-a"',)),
        ("deleted", "bound", {}, ('persistentvolumeclaim "deleted" is being deleted',)),
        ("unbound", "node1b node1a-bound", {"unbound": "node1a"}, ()),
    ],
    ids=[
        "no-volumes", "pvc-not-found", "bound-pvc", "bound-pvc,pv-not-exists", "prebound-pvc",
        "unbound-pvc,pv-same-node",
        "unbound-pvc,pv-different-node", "two-unbound-pvcs", "two-unbound-pvcs,order-by-size",
        "two-unbound-pvcs,partial-match", "one-bound,one-unbound", "one-bound,one-unbound,no-match",
        "one-prebound,one-unbound", "immediate-bound-pvc", "immediate-bound-pvc-wrong-node", "immediate-unbound-pvc",
        "immediate-unbound-pvc,delayed-mode-bound", "immediate-unbound-pvc,delayed-mode-unbound", "one-provisioned",
        "one-matched,one-provisioned", "one-bound,one-provisioned", "one-binding,one-selected-node",
        "one-immediate-bound,one-provisioned", "invalid-provisioner", "volume-topology-unsatisfied",
        "one of two topologies (ours, as the code)",
        "selected for another node (ours, as the code)", "bound and unbound unsatisfied", "Part of PVCs do not exist",
        "pv not found claim lost", "a claim that is being deleted (ours, as the code)",
        "a volume for the claim before a smaller one (ours, as the code)",
    ],
)  # fmt: skip
def test_find_pod_volumes(claims: str, there: str, bound: dict[str, str], found: tuple[str, ...]) -> None:
    """volumebinding/binder_test.go, TestFindPodVolumesWithoutProvisioning and -WithProvisioning.

    And volume_binding_test.go, TestVolumeBinding: what a node says, and which volumes are bound where it is taken.
    """
    storage = Storage(tuple(CLAIMS.values()), tuple(VOLUMES[name] for name in there.split()), CLASSES)
    node = Node("node1", {}, {"node": "node1"})
    incoming = Pod("p", claims=tuple(claims.split()))
    assert Cluster([node], storage=storage).reasons(incoming, "node1") == found
    waiting = [one for one in storage.claims_of(incoming) if storage.waits(one)]
    matched, _ = rules.bindings(waiting, node.labels, storage)
    assert {name: volume.name for name, volume in matched.items()} == bound


def test_a_claim_chooses_by_class_access_mode_labels_and_size() -> None:
    """component-helpers, storage/volume, *FindMatchingVolume*: what it passes over, and the smallest of the rest."""
    volumes = (
        PersistentVolume("other-class", 10, "b"),
        PersistentVolume("other-mode", 10, "a", access_modes=("ReadOnlyMany",)),
        PersistentVolume("unlabelled", 10, "a"),
        PersistentVolume("small", 9, "a", {"tier": "x"}),
        PersistentVolume("large", 30, "a", {"tier": "x"}),
        PersistentVolume("right", 20, "a", {"tier": "x"}),
        PersistentVolume("taken", 10, "a", {"tier": "x"}, claim="default/other"),
    )
    claim = Claim("c", storage_class="a", request=10, selector=selector("tier In x"))
    matched, rest = rules.bindings([claim], {}, Storage((claim,), volumes, (StorageClass("a"),)))
    assert (matched["c"].name, rest) == ("right", [])


def test_nobody_is_pushed_away_for_a_volume_that_is_elsewhere_and_someone_is_for_a_place_to_attach_one() -> None:
    """framework/preemption/preemption_test.go, TestNodesWherePreemptionMightHelp: "ErrVolume… should not be tried"."""
    nodes = [Node("node1", {"pods": 1}, {"node": "node1"}, attach_limits={EBS: 1})]
    storage = Storage(tuple(CLAIMS.values()), (VOLUMES["bound"], VOLUMES["immediate-2"]), CLASSES)
    for claim, expected in (("immediate-bound", None), ("not-there", None), ("bound", "node1")):
        cluster = Cluster(nodes, storage=storage)
        cluster.bind(Pod("there", claims=("provisioned",)), "node1")
        found = preempt(Pod("p", claims=(claim,), priority=1), cluster)
        assert (found and found[0]) == expected


def test_a_volume_that_was_made_keeps_its_pod_in_its_zone() -> None:
    """What a StatefulSet's pod meets after its zone has no room: any zone before its volume is made, one after."""
    nodes = [Node(f"node-{zone}", {"pods": 1}, {ZONE: f"eu-central-1{zone}"}) for zone in "ab"]
    pod = Pod("db-0", claims=("data-db-0",))
    classes = (StorageClass("gp3"),)
    before = Cluster(nodes, storage=Storage((Claim("data-db-0", storage_class="gp3"),), (), classes))
    assert [name for name in before.nodes if before.fits(pod, name)] == ["node-a", "node-b"]
    made = PersistentVolume("pv", node_affinity=(selector(f"{ZONE} In eu-central-1a"),), claim="default/data-db-0")
    storage = Storage((Claim("data-db-0", storage_class="gp3", volume="pv"),), (made,), classes)
    after = Cluster(nodes, storage=storage)
    after.bind(Pod("other"), "node-a")
    assert [after.reasons(pod, name) for name in after.nodes] == [("Too many pods",), (rules.VOLUME_ELSEWHERE,)]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.sampled_from(["n1", "n2", ""])), max_size=5),
    st.lists(st.integers(1, 9), max_size=4),
)
def test_no_volume_is_bound_twice_and_each_is_large_enough_and_at_the_node(
    there: list[tuple[int, str]], asked: list[int]
) -> None:
    volumes = tuple(
        PersistentVolume(f"v{number}", size, "c", node_affinity=(selector(f"{HOSTNAME} In {at}"),) if at else ())
        for number, (size, at) in enumerate(there)
    )
    claims = [Claim(f"c{number}", storage_class="c", request=size) for number, size in enumerate(asked)]
    found, rest = rules.bindings(claims, {HOSTNAME: "n1"}, Storage(tuple(claims), volumes, (StorageClass("c"),)))
    assert len({volume.name for volume in found.values()}) == len(found)
    assert {claim.name for claim in claims} == {*found, *(claim.name for claim in rest)}
    for claim in claims:
        if claim.name in found:
            assert found[claim.name].capacity >= claim.request
            assert found[claim.name].reaches({HOSTNAME: "n1"})

"""Upstream's cases: kubernetes-sigs/karpenter, nodeclaim/disruption/drift_test.go and disruption/drift_test.go."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.policy.kubernetes.karpenter_types import fake, pods

from drydock.policy.kubernetes.karpenter.budgets import Budget
from drydock.policy.kubernetes.karpenter.budgets import allowed as within
from drydock.policy.kubernetes.karpenter.consolidation import Move, Running
from drydock.policy.kubernetes.karpenter.drift import (
    DRIFTED,
    Discovered,
    Ec2,
    class_changed,
    drift,
    ec2_reason,
    reason,
    template_changed,
)
from drydock.policy.kubernetes.karpenter.offers import ON_DEMAND, RESERVED, SPOT, InstanceType, NodePool, Offering
from drydock.policy.kubernetes.karpenter.requirements import (
    ARCHITECTURE,
    CAPACITY_TYPE,
    INSTANCE_TYPE,
    OPERATING_SYSTEM,
    ZONE,
    requirement,
)
from drydock.policy.kubernetes.scheduling import Node, Pod

HOURS = 2 * 3600
TYPE = fake("t", offerings=[Offering("test-zone-1a", SPOT, 1.0)])
LABELS = {INSTANCE_TYPE: "t", ZONE: "test-zone-1a", CAPACITY_TYPE: SPOT}


@pytest.mark.parametrize(
    ("labels", "types", "age", "expected"),
    [
        (LABELS, [TYPE], HOURS, ""),
        ({ZONE: "test-zone-1a", CAPACITY_TYPE: SPOT}, [TYPE], HOURS, "InstanceTypeNotFound"),
        (LABELS, [], HOURS, "InstanceTypeNotFound"),
        (LABELS, [InstanceType("t", {}, (), {}, {})], HOURS, "InstanceTypeNotFound"),
        (LABELS, [fake("t", offerings=[Offering("another", SPOT, 1.0)])], HOURS, "InstanceTypeNotFound"),
        (LABELS, [fake("t", offerings=[Offering("test-zone-1a", SPOT, 1.0, available=False)])], HOURS, ""),
        (LABELS, [], 3600, ""),
    ],
    ids=["there", "no label", "no such type", "no offerings", "other offerings", "unavailable", "within an hour"],
)  # fmt: skip
def test_stale_instance_types(labels: dict[str, str], types: list[InstanceType], age: float, expected: str) -> None:
    """ "should detect stale instance type drift if …"."""
    assert reason(labels, NodePool("default"), types, age=age) == expected


@pytest.mark.parametrize(
    ("kinds", "drifted"),
    [((RESERVED, ON_DEMAND), False), ((RESERVED,), False), ((ON_DEMAND,), False), ((SPOT,), True), ((), True)],
)
def test_a_reserved_node(kinds: tuple[str, ...], drifted: bool) -> None:
    """Context "Reserved Capacity": all cases."""
    each = InstanceType("t", {}, tuple(Offering("test-zone-1a", kind, 1.0) for kind in kinds), {}, {})
    found = reason({**LABELS, CAPACITY_TYPE: RESERVED}, NodePool("default"), [each], age=HOURS)
    assert found == ("InstanceTypeNotFound" if drifted else "")


def test_which_reason_comes_first() -> None:
    """ "should detect static drift before cloud provider drift", and "node requirement drift before …"."""
    elsewhere = NodePool("default", {ZONE: requirement(ZONE, "In", ("another",))})
    assert reason(LABELS, elsewhere, [TYPE], template_changed=True, provider="drifted") == "NodePoolDrifted"
    assert reason(LABELS, elsewhere, [TYPE], provider="drifted") == "RequirementsDrifted"
    assert reason(LABELS, NodePool("default"), [TYPE], provider="drifted") == "drifted"


@pytest.mark.parametrize(
    ("label", "asked", "drifted"),
    [
        ((CAPACITY_TYPE, ON_DEMAND), (CAPACITY_TYPE, "In", SPOT), True),
        (("a", "b"), (ARCHITECTURE, "In", "amd64"), True),
        ((OPERATING_SYSTEM, "linux"), (OPERATING_SYSTEM, "In", "windows"), True),
        ((OPERATING_SYSTEM, "linux"), (OPERATING_SYSTEM, "In", "linux", "windows"), False),
        ((OPERATING_SYSTEM, "linux"), (OPERATING_SYSTEM, "Exists"), False),
        ((OPERATING_SYSTEM, "linux"), (OPERATING_SYSTEM, "DoesNotExist"), True),
        (("test-label", "5"), ("test-label", "Gt", "10"), True),
        (("test-label", "2"), ("test-label", "Lt", "1"), True),
        ((OPERATING_SYSTEM, "windows"), (OPERATING_SYSTEM, "In", "linux"), True),
    ],
    ids=["updated", "added", "reduced", "expanded", "Exists", "DoesNotExist", "greater", "less", "an updated pool"],
)
def test_requirements(label: tuple[str, str], asked: tuple[str, ...], drifted: bool) -> None:
    """Context "NodeRequirement Drift": all cases; on demand is asked for and had, where not stated."""
    key, operator, *values = asked
    on_demand = requirement(CAPACITY_TYPE, "In", (ON_DEMAND,))
    pool = NodePool("default", {CAPACITY_TYPE: on_demand, key: requirement(key, operator, values)})
    found = reason({CAPACITY_TYPE: ON_DEMAND, label[0]: label[1]}, pool, [], age=0)
    assert found == ("RequirementsDrifted" if drifted else "")


MANIFEST: dict[str, Any] = {
    "spec": {
        "template": {
            "metadata": {"annotations": {"a": "1", "b": "2"}, "labels": {"c": "3", "d": "4"}},
            "spec": {
                "requirements": [{"key": CAPACITY_TYPE, "operator": "Exists"}],
                "nodeClassRef": {"group": "karpenter.test.sh", "kind": "TestNodeClass", "name": "default"},
                "taints": [{"key": "one", "effect": "NoExecute"}, {"key": "two", "effect": "NoExecute"}],
                "startupTaints": [{"key": "startup", "effect": "NoExecute"}],
                "expireAfter": "5m",
                "terminationGracePeriod": "5m",
            },
        },
        "disruption": {"consolidateAfter": "0s"},
    }
}


def changed(path: str, value: object, manifest: dict[str, Any] = MANIFEST) -> dict[str, Any]:
    found = deepcopy(manifest)
    *above, last = path.split(".")
    at = found["spec"]
    for key in above:
        at = at[key]
    at[last] = value
    return found


@pytest.mark.parametrize(
    ("path", "value", "drifted"),
    [
        ("template.metadata.annotations.more", "x", True),
        ("template.metadata.labels.more", "x", True),
        ("template.spec.taints", [{"key": "other", "effect": "NoExecute"}], True),
        ("template.spec.startupTaints", [{"key": "other", "effect": "NoExecute"}], True),
        ("template.spec.nodeClassRef.name", "testName", True),
        ("template.spec.expireAfter", "100m", True),
        ("template.spec.expireAfter", "Never", True),
        ("template.spec.terminationGracePeriod", "100m", True),
        ("template.spec.expireAfter", "300s", False),
        ("template.spec.taints", MANIFEST["spec"]["template"]["spec"]["taints"][::-1], False),
        ("template.spec.requirements", [], False),
        ("disruption.consolidateAfter", "30s", False),
        ("weight", 10, False),
    ],
)
def test_static_fields(path: str, value: object, drifted: bool) -> None:
    """Context "NodePool Static Drift": all cases; those that are not drift are `hash:"ignore"` in nodepool.go."""
    assert template_changed(changed(path, value), MANIFEST) is drifted


def test_a_node_of_which_it_is_not_known_what_it_was_made_by() -> None:
    """ "should not return drifted if karpenter.sh/nodepool-hash annotation is not present on the NodeClaim"."""
    assert not template_changed(MANIFEST, None)
    assert not class_changed(CLASS, None)


CLASS: dict[str, Any] = {
    "spec": {
        "amiSelectorTerms": [{"alias": "al2023@v20260801"}],
        "subnetSelectorTerms": [{"tags": {"a": "b"}}],
        "securityGroupSelectorTerms": [{"tags": {"a": "b"}}],
        "role": "role",
        "tags": {"a": "b"},
        "userData": "one",
        "metadataOptions": {"httpTokens": "optional"},
        "blockDeviceMappings": [{"deviceName": "/dev/xvda", "ebs": {"volumeSize": "20Gi"}}],
    }
}


@pytest.mark.parametrize(
    ("path", "value", "drifted"),
    [
        ("userData", "two", True),
        ("tags", {"key": "value"}, True),
        ("context", "context-2", True),
        ("detailedMonitoring", True, True),
        ("instanceStorePolicy", "RAID0", True),
        ("associatePublicIPAddress", True, True),
        ("metadataOptions.httpTokens", "required", True),
        ("blockDeviceMappings", [{"deviceName": "/dev/xvda", "ebs": {"volumeSize": "40Gi"}}], True),
        ("kubelet", {"maxPods": 20}, True),
        ("amiSelectorTerms", [{"alias": "bottlerocket@latest"}], True),
        ("amiSelectorTerms", [{"alias": "al2023@latest"}], False),
        ("amiFamily", "AL2023", False),
        ("subnetSelectorTerms", [{"tags": {"sn": "1"}}], False),
        ("securityGroupSelectorTerms", [{"tags": {"sg": "1"}}], False),
    ],
)
def test_static_fields_of_the_node_class(path: str, value: object, drifted: bool) -> None:
    """karpenter-provider-aws, pkg/cloudprovider/suite_test.go, "Static Drift Detection"; *Hash* for the family."""
    assert class_changed(changed(path, value, CLASS), CLASS) is drifted


VALID = Ec2("ami-1", "subnet-1", frozenset({"sg-1"}))
FOUND = Discovered({"ami-1"}, {"subnet-1", "subnet-2"}, {"sg-1"})


@pytest.mark.parametrize(
    ("instance", "found", "expected"),
    [
        (VALID, FOUND, ""),
        (replace(VALID, image="ami-2"), FOUND, "AMIDrift"),
        (replace(VALID, subnet="subnet-3"), FOUND, "SubnetDrift"),
        (replace(VALID, security_groups=frozenset({"sg-2"})), FOUND, "SecurityGroupDrift"),
        (replace(VALID, security_groups=frozenset({"sg-1", "sg-2"})), FOUND, "SecurityGroupDrift"),
        (VALID, replace(FOUND, security_groups={"sg-1", "sg-2"}), "SecurityGroupDrift"),
        (replace(VALID, reservation="cr-foo"), replace(FOUND, reservations={"cr-foo"}), ""),
        (replace(VALID, reservation="cr-bar"), replace(FOUND, reservations={"cr-foo"}), "CapacityReservationDrift"),
        (VALID, replace(FOUND, reservations={"cr-foo"}), ""),
        (VALID, replace(FOUND, placement_group="pg-1"), "PlacementGroupDrift"),
        (replace(VALID, image="ami-2", subnet="subnet-3"), FOUND, "AMIDrift"),
    ],
    ids=[
        "valid", "AMI", "subnet", "other group", "more groups", "fewer groups", "reservation", "another reservation",
        "falls back to on-demand", "placement group", "two reasons",
    ],
)  # fmt: skip
def test_what_the_instance_has(instance: Ec2, found: Discovered, expected: str) -> None:
    """karpenter-provider-aws, pkg/cloudprovider/suite_test.go, "NodeClaim Drift"."""
    assert ec2_reason(instance, found) == expected
    assert ec2_reason(instance, found, class_changed=True) == "NodeClassDrift"


@pytest.mark.parametrize(("field", "what"), [("images", "AMI"), ("subnets", "subnet"), ("security_groups", "security")])
def test_a_selector_that_finds_nothing(field: str, what: str) -> None:
    """ "should return an error if subnets are empty", and "… the security groups are empty"."""
    with pytest.raises(ValueError, match=f"finds no {what}"):
        ec2_reason(VALID, replace(FOUND, **{field: ()}))  # type: ignore[arg-type]


POOL = NodePool("default")
DEAR = fake("dear", 33, 64, 100, offerings=[Offering("test-zone-1a", ON_DEMAND, 10.0)])


def node(name: str, on: list[Pod] | None = None, pool: str = "default", cpu: int = 32_000, **more: Any) -> Running:
    there = Node(name, {"cpu": cpu, "memory": 2**40, "pods": 100})
    return Running(there, pool, DEAR.name, "test-zone-1a", ON_DEMAND, 10.0, tuple(on or []), **more)


def gone(move: Move | None) -> list[str]:
    return [one.node.name for one in move.nodes] if move else []


def test_a_node_whose_pods_find_no_place_is_passed_over() -> None:
    """ "should continue to the next drifted node if the first cannot reschedule all pods"."""
    nodes = [node("first", pods(1, 150_000), cpu=150_000), node("second", pods(1, 1000, name="other"), cpu=1000)]
    move = drift(nodes, [POOL], [DEAR], {"first": 0, "second": 1})
    assert gone(move) == ["second"]
    assert move and move.reason == DRIFTED


@pytest.mark.parametrize(
    ("more", "goes", "comes"),
    [
        ({}, True, 1),
        ({"disruptable": False}, False, 0),
        ({"held": ("p-0",)}, False, 0),
        ({"held": ("p-0",), "terminates": True}, True, 0),
    ],
    ids=["plain", "do-not-disrupt on the node", "do-not-disrupt on a pod", "with a terminationGracePeriod"],
)
def test_what_holds_a_node_up(more: dict[str, Any], goes: bool, comes: int) -> None:
    """ "should ignore nodes with the … annotation"; "should not create replacements for drifted nodes that have …"."""
    move = drift([node("n", pods(1, 1000, name="p"), **more)], [POOL], [DEAR], {"n": 0})
    assert bool(move) is goes
    assert len(move.replacements if move else ()) == comes


def test_nodes_that_are_not_drifted_stay() -> None:
    """ "should ignore nodes without the drifted status condition"."""
    assert drift([node("n")], [POOL], [DEAR], {}) is None
    assert drift([node("n", pool="gone")], [POOL], [DEAR], {"n": 0}) is None


def test_drifted_nodes_are_replaced_or_deleted() -> None:
    """ "should replace drifted nodes"; "should delete drifted nodes"; "… when they are empty and consolidation …"."""
    replaced = drift([node("n", pods(1))], [POOL], [DEAR], {"n": 0})
    assert replaced and len(replaced.replacements) == 1
    deleted = drift([node("n", pods(1)), node("m")], [POOL], [DEAR], {"n": 0})
    assert gone(deleted) == ["n"]
    assert deleted and not deleted.replacements
    never = NodePool("default", consolidates=False)
    assert gone(drift([node("n")], [never], [DEAR], {"n": 0})) == ["n"]


def test_empty_nodes_go_first_then_the_longest_drifted() -> None:
    """ "should drift empty nodes before non-empty nodes"; "should drift one non-empty node at a time, starting …"."""
    assert gone(drift([node("n", pods(1)), node("empty")], [POOL], [DEAR], {"n": 0, "empty": 9})) == ["empty"]
    two = [node("n", pods(1, 30_000)), node("m", pods(1, 30_000, name="other"))]
    assert gone(drift(two, [POOL], [DEAR], {"n": 3600, "m": 0})) == ["m"]


def test_a_node_that_several_come_for() -> None:
    """ "can replace drifted nodes with multiple nodes"."""
    small = fake("replacement-on-demand", 3, offerings=[Offering("test-zone-1a", ON_DEMAND, 0.3)])
    gone_type = fake("current-on-demand", offerings=[Offering("test-zone-1a", ON_DEMAND, 0.5, available=False)])
    move = drift([node("n", pods(3, 2000), cpu=8000)], [POOL], [gone_type, small], {"n": 0})
    assert move and [len(new.pods) for new in move.replacements] == [1, 1, 1]
    assert move.saves == pytest.approx(10 - 3 * 0.3)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=10), st.integers(0, 100), st.integers(1, 10))
def test_nodes_go_only_within_the_budget(on: list[int], share: int, of_drifted: int) -> None:
    """disruption/drift_test.go, "Budgets", for any numbers: "should disrupt 3 nodes, taking into account commands …".

    Each node that goes is drifted and named once, its pods are all elsewhere, and what goes at once is in the budget.
    """
    nodes = [node(f"n{n}", pods(count, 1000, name=f"p{n}")) for n, count in enumerate(on)]
    drifted = {one.node.name: float(n) for n, one in enumerate(nodes[:of_drifted])}
    budgets, now = [Budget(f"{share}%")], datetime(2026, 1, 1, tzinfo=UTC)
    going: list[str] = []
    while True:
        left = {POOL.name: within(budgets, len(nodes), DRIFTED, now, disrupting=len(going))}
        rest = [one for one in nodes if one.node.name not in going]
        move = drift(rest, [POOL], [DEAR], {name: drifted[name] for name in drifted.keys() - going}, allowed=left)
        if move is None:
            break
        going += gone(move)
        assert sum(len(new.pods) for new in move.replacements) <= len(move.nodes[0].moved)
    assert len(going) == min(len(drifted), -(-len(nodes) * share // 100))
    assert set(going) <= drifted.keys()


@pytest.mark.parametrize(("share", "expected"), [("30%", 3), ("1", 1), ("0", 0)])
def test_budgets(share: str, expected: int) -> None:
    """ "should only consider 3 nodes allowed to be disrupted …"; "should respect budgets for multiple nodepools"."""
    pools = [NodePool(f"pool-{n}") for n in range(2)]
    nodes = [node(f"{pool.name}-{n}", pods(n % 2), pool.name) for pool in pools for n in range(10)]
    now = datetime(2026, 1, 1, tzinfo=UTC)
    going: list[str] = []
    while True:
        left = {
            pool.name: within(
                [Budget(share)], 10, DRIFTED, now, disrupting=sum(name.startswith(pool.name) for name in going)
            )
            for pool in pools
        }
        rest = [one for one in nodes if one.node.name not in going]
        move = drift(rest, pools, [DEAR], {one.node.name: 0.0 for one in rest}, allowed=left)
        if move is None:
            break
        going += gone(move)
    assert len(going) == 2 * expected

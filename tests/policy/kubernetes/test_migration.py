"""Each field of the old manifests, and both results against JSON schemas of ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from drydock.policy.kubernetes.migration import Migrated, migrate

SCHEMAS = Path(__file__).parents[2] / "concepts" / "schemas"


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text())
    return found


def migrated(spec: dict[str, Any] | None = None, aws: dict[str, Any] | None = None, **more: str) -> Migrated:
    given = {"providerRef": {"name": "c"}, **(spec or {})}
    tags = {"karpenter.sh/discovery": "practice"}
    template = {"subnetSelector": tags, "securityGroupSelector": tags, "instanceProfile": "Nodes", **(aws or {})}
    found = migrate(
        {"apiVersion": "karpenter.sh/v1alpha5", "kind": "Provisioner", "metadata": {"name": "p"}, "spec": given},
        {
            "apiVersion": "karpenter.k8s.aws/v1alpha1",
            "kind": "AWSNodeTemplate",
            "metadata": {"name": "c"},
            "spec": template,
        },
        **more,
    )
    jsonschema.validate(found.node_pool, schema("nodepool"))
    jsonschema.validate(found.node_class, schema("ec2nodeclass"))
    return found


def test_limits_weight_expiry_and_the_reference() -> None:
    found = migrated({"limits": {"resources": {"cpu": 1000}}, "weight": 10, "ttlSecondsUntilExpired": 604_800})
    spec = found.node_pool["spec"]
    assert spec["limits"] == {"cpu": 1000}
    assert spec["weight"] == 10
    assert spec["template"]["spec"]["expireAfter"] == "168h"
    assert spec["template"]["spec"]["nodeClassRef"] == {
        "group": "karpenter.k8s.aws",
        "kind": "EC2NodeClass",
        "name": "c",
    }


@pytest.mark.parametrize(("seconds", "written"), [(None, "Never"), (90, "90s"), (5400, "90m"), (86_400, "24h")])
def test_expiry(seconds: int | None, written: str) -> None:
    spec = migrated({} if seconds is None else {"ttlSecondsUntilExpired": seconds}).node_pool["spec"]
    assert spec["template"]["spec"]["expireAfter"] == written


@pytest.mark.parametrize(
    ("spec", "disruption"),
    [
        ({"ttlSecondsAfterEmpty": 30}, {"consolidationPolicy": "WhenEmpty", "consolidateAfter": "30s"}),
        ({"ttlSecondsAfterEmpty": 0}, {"consolidationPolicy": "WhenEmpty", "consolidateAfter": "0s"}),
        ({"consolidation": {"enabled": True}},
         {"consolidationPolicy": "WhenEmptyOrUnderutilized", "consolidateAfter": "0s"}),
        ({}, {"consolidationPolicy": "WhenEmpty", "consolidateAfter": "Never"}),
    ],
)  # fmt: skip
def test_what_was_consolidated_is_and_nothing_else(spec: dict[str, Any], disruption: dict[str, str]) -> None:
    assert migrated(spec).node_pool["spec"]["disruption"] == disruption


def test_labels_taints_and_old_names() -> None:
    found = migrated(
        {
            "labels": {"team": "a", "karpenter.sh/provisioner-name": "p"},
            "taints": [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}],
            "requirements": [{"key": "team", "operator": "Exists"}],
        }
    ).node_pool["spec"]["template"]
    assert found["metadata"]["labels"] == {"team": "a", "karpenter.sh/nodepool": "p"}
    assert found["spec"]["taints"] == [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]
    assert found["spec"]["requirements"][0] == {"key": "team", "operator": "Exists"}


def test_what_was_implied_is_written_out_and_said() -> None:
    keys = [one["key"] for one in migrated().node_pool["spec"]["template"]["spec"]["requirements"]]
    assert keys == [
        "kubernetes.io/os", "kubernetes.io/arch", "karpenter.sh/capacity-type",
        "karpenter.k8s.aws/instance-category", "karpenter.k8s.aws/instance-generation",
    ]  # fmt: skip
    named = [{"key": "karpenter.k8s.aws/instance-family", "operator": "In", "values": ["m5"]}]
    found = migrated({"requirements": named})
    assert "karpenter.k8s.aws/instance-category" not in str(found.node_pool)
    assert "kubernetes.io/arch In amd64" in found.notes[0]


def test_the_template_becomes_terms() -> None:
    spec = migrated(aws={"subnetSelector": {"aws-ids": "subnet-0a, subnet-0b"}, "tags": {"a": "b"}}).node_class["spec"]
    assert spec["subnetSelectorTerms"] == [{"id": "subnet-0a"}, {"id": "subnet-0b"}]
    assert spec["securityGroupSelectorTerms"] == [{"tags": {"karpenter.sh/discovery": "practice"}}]
    assert spec["amiSelectorTerms"] == [{"alias": "al2023@latest"}]
    assert spec["tags"] == {"a": "b"}
    assert spec["instanceProfile"] == "Nodes"


@pytest.mark.parametrize(
    ("aws", "terms"),
    [
        ({"amiFamily": "Bottlerocket"}, [{"alias": "bottlerocket@latest"}]),
        ({"amiFamily": "AL2"}, [{"alias": "al2023@latest"}]),
        ({"amiFamily": "Custom", "amiSelector": {"aws::ids": "ami-1"}}, [{"id": "ami-1"}]),
        ({"amiSelector": {"Name": "mine"}}, [{"tags": {"Name": "mine"}}]),
    ],
)
def test_images(aws: dict[str, Any], terms: list[dict[str, Any]]) -> None:
    assert migrated(aws=aws).node_class["spec"]["amiSelectorTerms"] == terms


def test_a_role_takes_the_place_of_the_instance_profile_and_the_kubelet_moves() -> None:
    found = migrated({"kubeletConfiguration": {"maxPods": 20, "containerRuntime": "containerd"}}, role="NodeRole")
    spec = found.node_class["spec"]
    assert (spec["role"], "instanceProfile" in spec, spec["kubelet"]) == ("NodeRole", False, {"maxPods": 20})


@pytest.mark.parametrize(
    ("spec", "aws", "says"),
    [
        ({"ttlSecondsAfterEmpty": 30, "consolidation": {"enabled": True}}, {}, "exclude each other"),
        ({"provider": {}}, {}, "Provisioner.spec.provider has no successor"),
        ({"providerRef": {"name": "other"}}, {}, "names 'other', and the AWSNodeTemplate is 'c'"),
        ({}, {"launchTemplate": "mine"}, "AWSNodeTemplate.spec.launchTemplate has no successor"),
        ({}, {"amiFamily": "Ubuntu"}, "amiFamily Ubuntu has no alias"),
        ({}, {"subnetSelector": {}}, "has no subnetSelector, and v1 needs subnetSelectorTerms"),
        ({}, {"subnetSelector": {"aws-ids": "subnet-0a", "a": "b"}}, "has ids or tags"),
        ({}, {"instanceProfile": ""}, "needs the nodes' role"),
        ({"requirements": [{"key": "a", "operator": "Is"}]}, {}, "operator 'Is'"),
    ],
)
def test_what_cannot_be_carried_over_is_refused(spec: dict[str, Any], aws: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        migrated(spec, aws)


def test_another_kind_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"This is no Provisioner of karpenter.sh/v1alpha5 but NodePool of karpenter.sh/v1"
    ):
        migrate({"kind": "NodePool", "apiVersion": "karpenter.sh/v1", "metadata": {"name": "a"}}, {})

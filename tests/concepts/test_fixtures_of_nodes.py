"""The manifests that the notebooks of nodes show, against the schemas of what reads them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import botocore.session
import jsonschema
import kubernetes_validate
import pytest
import yaml
from botocore.validate import ParamValidator
from tests.support import kinds

from drydock.concepts import fixture
from drydock.policy.kubernetes.migration import migrate


def documents(name: str) -> Iterator[dict[str, Any]]:
    yield from yaml.safe_load_all(fixture(name))


@pytest.mark.parametrize(
    "name",
    ["cluster-autoscaler.yaml", "cluster-autoscaler-priorities.yaml", "node-agent.yaml", "pod-with-agent.yaml"],
)
def test_kubernetes_takes_the_manifest(name: str) -> None:
    for one in documents(name):
        kubernetes_validate.validate(one, "1.36", strict=True)


def test_the_schema_refuses_a_field_that_there_is_not() -> None:
    [one] = documents("node-agent.yaml")
    one["spec"]["template"]["spec"]["containers"][0]["memory"] = "64Mi"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(one, "1.36", strict=True)


def test_karpenter_takes_what_its_old_manifests_become() -> None:
    old = migrate(*documents("karpenter-v1alpha5.yaml"))
    kinds.validate(old.node_pool)
    kinds.validate(old.node_class)


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("nodepool", ("spec", "disruption", "consolidationPolicy"), "WhenUnderutilized"),
        ("nodepool", ("spec", "template", "spec", "nodeClassRef", "kind"), "AWSNodeTemplate"),
        ("nodepool", ("spec", "weight"), 101),
        ("nodepool", ("spec", "limits"), {"resources": {"cpu": 1}}),
        ("ec2nodeclass", ("spec", "instanceProfile"), "besides-the-role"),
        ("ec2nodeclass", ("spec", "amiSelectorTerms"), []),
        ("ec2nodeclass", ("spec", "subnetSelector"), {"a": "b"}),
    ],
)
def test_the_schemas_of_karpenter_refuse_what_it_refuses(name: str, path: tuple[str, ...], value: object) -> None:
    one = dict(zip(("nodepool", "ec2nodeclass"), documents("karpenter.yaml"), strict=True))[name]
    inner = one
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    with pytest.raises(jsonschema.ValidationError):
        kinds.validate(one)


def test_eks_takes_each_fargate_profile() -> None:
    [config] = documents("fargate-profiles.yaml")
    model = botocore.session.Session().get_service_model("eks").operation_model("CreateFargateProfile").input_shape
    for one in config["fargateProfiles"]:
        request = {
            "clusterName": config["metadata"]["name"],
            "fargateProfileName": one["name"],
            "podExecutionRoleArn": "arn:aws:iam::123456789012:role/pods",
            "selectors": one["selectors"],
        }
        assert not ParamValidator().validate(request, model).has_errors()


def test_the_node_config_names_a_cluster_and_a_certificate() -> None:
    """awslabs/amazon-eks-ami, nodeadm: NodeConfig needs name, endpoint, certificate and the services' range."""
    [config] = documents("node-config.yaml")
    cluster = config["spec"]["cluster"]
    assert (config["apiVersion"], config["kind"]) == ("node.eks.aws/v1alpha1", "NodeConfig")
    assert set(cluster) == {"name", "apiServerEndpoint", "certificateAuthority", "cidr"}
    assert base64.b64decode(cluster["certificateAuthority"], validate=True)


def test_fargate_pods_and_their_agent_fit_a_size() -> None:
    """What pod-with-agent.yaml requests is what the notebook computes with: 704 and 64 MiB, and 256 more, are 1 GB."""
    [one] = documents("pod-with-agent.yaml")
    spec = one["spec"]["template"]["spec"]
    requests = [each["resources"]["requests"] for each in (*spec["containers"], *spec["initContainers"])]
    assert [(each["cpu"], each["memory"]) for each in requests] == [("200m", "704Mi"), ("50m", "64Mi")]
    assert sum((704, 64, 256)) == 1024

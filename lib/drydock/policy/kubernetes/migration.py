"""Karpenter's first manifests in today's terms: Provisioner and AWSNodeTemplate as NodePool and EC2NodeClass.

Source: karpenter.sh, "v1beta1 Migration" and "v1 Migration" (documented); defaults of v1alpha5 in
aws/karpenter-provider-aws, pkg/apis/v1alpha5/provisioner.go (observed).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drydock.policy.kubernetes.karpenter.requirements import requirement

CORE, AWS = "karpenter.sh/v1", "karpenter.k8s.aws/v1"
_OLD_CORE, _OLD_AWS = "karpenter.sh/v1alpha5", "karpenter.k8s.aws/v1alpha1"

_KNOWN = {
    "Provisioner": {
        "annotations", "labels", "taints", "startupTaints", "requirements", "kubeletConfiguration", "providerRef",
        "ttlSecondsAfterEmpty", "ttlSecondsUntilExpired", "limits", "weight", "consolidation",
    },
    "AWSNodeTemplate": {
        "amiFamily", "amiSelector", "subnetSelector", "securityGroupSelector", "instanceProfile", "userData", "tags",
        "context", "blockDeviceMappings", "metadataOptions", "detailedMonitoring",
    },
}  # fmt: skip
_INNER = {
    "limits": {"resources"}, "consolidation": {"enabled"}, "providerRef": {"name", "apiVersion", "kind"},
    "requirements": {"key", "operator", "values"},
}  # fmt: skip
_KEPT_AS_IT_IS = ("userData", "tags", "context", "blockDeviceMappings", "metadataOptions", "detailedMonitoring")
_LABELS = {"karpenter.sh/provisioner-name": "karpenter.sh/nodepool"}
_FAMILIES = {"AL2": "al2023@latest", "AL2023": "al2023@latest", "Bottlerocket": "bottlerocket@latest"}
_IMPLIED = (
    ("kubernetes.io/os", "In", ("linux",)),
    ("kubernetes.io/arch", "In", ("amd64",)),
    ("karpenter.sh/capacity-type", "In", ("on-demand",)),
)
_OF_TYPES = (
    ("karpenter.k8s.aws/instance-category", "In", ("c", "m", "r")),
    ("karpenter.k8s.aws/instance-generation", "Gt", ("2",)),
)
_NAMES_TYPES = {
    "node.kubernetes.io/instance-type", "karpenter.k8s.aws/instance-family", "karpenter.k8s.aws/instance-category",
    "karpenter.k8s.aws/instance-generation",
}  # fmt: skip


@dataclass(frozen=True)
class Migrated:
    """The two manifests of today, and what somebody has to know about them."""

    node_pool: dict[str, Any]
    node_class: dict[str, Any]
    notes: tuple[str, ...]


def migrate(provisioner: Mapping[str, Any], template: Mapping[str, Any], *, role: str = "") -> Migrated:
    """A NodePool and an EC2NodeClass that do what the two manifests did.

    role  the IAM role of the nodes, from which Karpenter makes an instance profile; it takes the place of
          `instanceProfile`.

    What v1alpha5 did without being told, and v1 does not, is written out; the notes say so. Raises ValueError for a
    manifest of another kind or version, for a field that has no successor, and for what v1alpha5 refused itself.
    """
    _is(provisioner, "Provisioner", _OLD_CORE)
    _is(template, "AWSNodeTemplate", _OLD_AWS)
    spec, aws = provisioner.get("spec") or {}, template.get("spec") or {}
    name, class_name = provisioner["metadata"]["name"], template["metadata"]["name"]
    wanted = (spec.get("providerRef") or {}).get("name")
    if wanted != class_name:
        raise ValueError(f"The Provisioner's providerRef names {wanted!r}, and the AWSNodeTemplate is {class_name!r}.")
    notes: list[str] = []
    inner: dict[str, Any] = {
        "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": class_name},
        "requirements": _requirements(spec.get("requirements") or (), notes),
        "expireAfter": _expiry(spec.get("ttlSecondsUntilExpired"), notes),
        **{field: spec[field] for field in ("taints", "startupTaints") if spec.get(field)},
    }
    about = {field: _renamed(spec[field]) for field in ("labels", "annotations") if spec.get(field)}
    pool: dict[str, Any] = {
        "template": {**({"metadata": about} if about else {}), "spec": inner},
        "disruption": _disruption(spec, notes),
    }
    limits = (spec.get("limits") or {}).get("resources")
    if limits:
        pool["limits"] = dict(limits)
    if spec.get("weight"):
        pool["weight"] = spec["weight"]
    return Migrated(
        {"apiVersion": CORE, "kind": "NodePool", "metadata": {"name": name}, "spec": pool},
        {
            "apiVersion": AWS,
            "kind": "EC2NodeClass",
            "metadata": {"name": class_name},
            "spec": _node_class(aws, spec.get("kubeletConfiguration"), role, notes),
        },
        tuple(notes),
    )


def _is(manifest: Mapping[str, Any], kind: str, version: str) -> None:
    if (manifest.get("kind"), manifest.get("apiVersion")) != (kind, version):
        found = f"{manifest.get('kind')} of {manifest.get('apiVersion')}"
        raise ValueError(f"This is no {kind} of {version} but {found}.")
    if not (manifest.get("metadata") or {}).get("name"):
        raise ValueError(f"The {kind} has no metadata.name.")
    for field in manifest.get("spec") or {}:
        if field not in _KNOWN[kind]:
            raise ValueError(f"{kind}.spec.{field} has no successor in v1. Take it out, or do by hand what it did.")
    for field, known in _INNER.items():
        given = (manifest.get("spec") or {}).get(field) or ()
        for one in given if isinstance(given, list) else [given]:
            if unknown := sorted({*one} - known):
                raise ValueError(f"{kind}.spec.{field} has no {unknown[0]}. There are: {', '.join(sorted(known))}.")


def _renamed(labels: Mapping[str, str]) -> dict[str, str]:
    return {_LABELS.get(key, key): value for key, value in labels.items()}


def _requirements(given: Any, notes: list[str]) -> list[dict[str, Any]]:
    found = [{**one, "key": _LABELS.get(one["key"], one["key"])} for one in given]
    for one in found:
        requirement(one["key"], one["operator"], one.get("values") or ())
    keys = {one["key"] for one in found}
    implied = [*(_IMPLIED), *(() if keys & _NAMES_TYPES else _OF_TYPES)]
    added = [(key, operator, values) for key, operator, values in implied if key not in keys]
    if added:
        notes.append(
            "v1alpha5 implied these requirements, and v1 does not, so they are written out: "
            + ", ".join(f"{key} {operator} {'/'.join(values)}" for key, operator, values in added)
            + "."
        )
    return [*found, *({"key": key, "operator": operator, "values": list(values)} for key, operator, values in added)]


def _expiry(seconds: int | None, notes: list[str]) -> str:
    if seconds is None:
        notes.append("Nodes did not expire. v1 would let them live 720h, so expireAfter is Never.")
        return "Never"
    return _duration(seconds)


def _duration(seconds: int) -> str:
    """604800 as "168h"; whole minutes as such."""
    for size, unit in ((3600, "h"), (60, "m")):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _disruption(spec: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    after, consolidates = spec.get("ttlSecondsAfterEmpty"), (spec.get("consolidation") or {}).get("enabled")
    if consolidates and after is not None:
        raise ValueError("ttlSecondsAfterEmpty and consolidation.enabled exclude each other, in v1alpha5, too.")
    budget = "v1 lets 10% of the nodes go at once (budgets), where v1alpha5 knew no bound."
    if consolidates:
        notes.append(budget)
        return {"consolidationPolicy": "WhenEmptyOrUnderutilized", "consolidateAfter": "0s"}
    if after is not None:
        notes.append(budget)
        notes.append("With ttlSecondsAfterEmpty alone nothing was consolidated but empty nodes; neither is it now.")
        return {"consolidationPolicy": "WhenEmpty", "consolidateAfter": f"{after}s"}
    notes.append("Empty nodes stayed. v1 would consolidate, so consolidateAfter is Never.")
    return {"consolidationPolicy": "WhenEmpty", "consolidateAfter": "Never"}


def _node_class(aws: Mapping[str, Any], kubelet: Any, role: str, notes: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if role:
        found["role"] = role
        notes.append("Karpenter makes the instance profile of `role` itself; the old instanceProfile is not used.")
    elif aws.get("instanceProfile"):
        found["instanceProfile"] = aws["instanceProfile"]
    else:
        raise ValueError("An EC2NodeClass needs the nodes' role, and the template has no instanceProfile: give role=.")
    found["amiSelectorTerms"] = _images(aws, notes)
    if aws.get("amiFamily") == "Custom":
        found["amiFamily"] = "Custom"
    for old in ("subnetSelector", "securityGroupSelector"):
        if not aws.get(old):
            raise ValueError(f"The AWSNodeTemplate has no {old}, and v1 needs {old}Terms.")
        found[f"{old}Terms"] = _terms(aws[old])
    found.update({field: aws[field] for field in _KEPT_AS_IT_IS if field in aws})
    if "metadataOptions" not in aws:
        notes.append("IMDS answers over one hop in v1, and did over two: pods without host network reach it no more.")
    if kubelet:
        kept = {field: value for field, value in kubelet.items() if field != "containerRuntime"}
        found["kubelet"] = kept
        notes.append("kubeletConfiguration is a part of the EC2NodeClass now.")
    return found


def _images(aws: Mapping[str, Any], notes: list[str]) -> list[dict[str, Any]]:
    family = aws.get("amiFamily") or "AL2"
    if aws.get("amiSelector"):
        return _terms(aws["amiSelector"])
    if family not in _FAMILIES:
        raise ValueError(f"amiFamily {family} has no alias in v1: name its images in amiSelector first.")
    if family == "AL2":
        notes.append("AL2, which was the default, gets no new images for EKS; al2023 takes its place. Check user data.")
    notes.append(f"{_FAMILIES[family]} follows new images by itself. In production pin a version of the alias.")
    return [{"alias": _FAMILIES[family]}]


def _terms(selector: Mapping[str, str]) -> list[dict[str, Any]]:
    """A term for each id, which v1alpha5 had as one string with commas; any other key is a tag."""
    ids = [one for key in ("aws-ids", "aws::ids") for one in selector.get(key, "").replace(" ", "").split(",") if one]
    tags = {key: value for key, value in selector.items() if key not in ("aws-ids", "aws::ids")}
    if ids and tags:
        raise ValueError("A term of v1 has ids or tags, and this selector has both: split it by hand.")
    return [{"id": one} for one in ids] if ids else [{"tags": tags}]

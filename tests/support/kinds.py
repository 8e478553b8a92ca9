"""The kinds of custom resources that fixtures have: schemas of ours, with the fields that are used and no others."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate

from drydock.policy.kubernetes.vpa.recommender import CPU, MEMORY
from drydock.policy.kubernetes.vpa.updater import MODES

NAME = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"}
DURATION = {"type": "string", "pattern": "^([0-9]+(ms|s|m|h))+$"}
TEXT = {"type": "string"}
TEXTS = {"type": "object", "additionalProperties": TEXT}
QUANTITIES = {
    "type": "object",
    "additionalProperties": {"type": ["string", "integer"]},
    "propertyNames": {"enum": [CPU, MEMORY]},
}


def closed(required: list[str], **properties: Any) -> dict[str, Any]:
    """An object with these properties and no others."""
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def several(**item: Any) -> dict[str, Any]:
    return {"type": "array", "items": item}


def resource(version: str, kind: str, spec: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """A whole document; `metadata` are what it may say of itself beside its name."""
    return closed(
        ["apiVersion", "kind", "metadata", "spec"],
        apiVersion={"const": version},
        kind={"const": kind},
        metadata=closed(["name"], name=NAME, **metadata),
        spec=spec,
    )


TARGET = closed(["apiVersion", "kind", "name"], apiVersion=TEXT, kind={"enum": ["Deployment"]}, name=NAME)
VPA = resource(
    "autoscaling.k8s.io/v1",
    "VerticalPodAutoscaler",
    closed(
        ["targetRef"],
        targetRef=TARGET,
        updatePolicy=closed([], updateMode={"enum": list(MODES)}, minReplicas={"type": "integer"}),
        resourcePolicy=closed(
            [],
            containerPolicies=several(
                **closed(
                    ["containerName"],
                    containerName=TEXT,
                    mode={"enum": ["Auto", "Off"]},
                    controlledResources=several(enum=[CPU, MEMORY]),
                    controlledValues={"enum": ["RequestsAndLimits", "RequestsOnly"]},
                    minAllowed=QUANTITIES,
                    maxAllowed=QUANTITIES,
                )
            ),
        ),
    ),
)
"""VPA 1.7.1, types.go."""
GIT_REPOSITORY = resource(
    "source.toolkit.fluxcd.io/v1",
    "GitRepository",
    closed(
        ["interval", "url"],
        interval=DURATION,
        url={"type": "string", "pattern": "^(http|https|ssh)://.*$"},
        ref=closed([], branch=TEXT, tag=TEXT, semver=TEXT),
    ),
    namespace=NAME,
)
KUSTOMIZATION = resource(
    "kustomize.toolkit.fluxcd.io/v1",
    "Kustomization",
    closed(
        ["interval", "sourceRef", "prune"],
        interval=DURATION,
        retryInterval=DURATION,
        timeout=DURATION,
        sourceRef=closed(
            ["kind", "name"], kind={"enum": ["OCIRepository", "GitRepository", "Bucket"]}, name=NAME, namespace=NAME
        ),
        path=TEXT,
        prune={"type": "boolean"},
        wait={"type": "boolean"},
    ),
    namespace=NAME,
)
"""Flux 2.9."""
PERCENT = {"type": "integer", "minimum": 0, "maximum": 100}
ROLLOUT = resource(
    "argoproj.io/v1alpha1",
    "Rollout",
    closed(
        ["replicas", "selector", "template", "strategy"],
        replicas={"type": "integer", "minimum": 0},
        selector={"type": "object"},
        template={"type": "object"},
        strategy=closed(
            ["canary"],
            canary=closed(
                [],
                maxSurge={"type": ["integer", "string"]},
                maxUnavailable={"type": ["integer", "string"]},
                steps=several(
                    oneOf=[
                        closed(["setWeight"], setWeight=PERCENT),
                        closed(["pause"], pause=closed([], duration=DURATION)),
                    ]
                ),
            ),
        ),
    ),
    namespace=NAME,
)
"""Argo Rollouts 1.9. Its pods are held against a Deployment's."""
CANARY = resource(
    "flagger.app/v1beta1",
    "Canary",
    closed(
        ["targetRef", "service", "analysis"],
        provider=TEXT,
        targetRef=TARGET,
        service=closed(
            ["port"], port={"type": "integer"}, gatewayRefs=several(**closed(["name"], name=NAME, namespace=NAME))
        ),
        analysis=closed(
            ["interval", "threshold"],
            interval=DURATION,
            threshold={"type": "integer", "minimum": 1},
            maxWeight=PERCENT,
            stepWeight=PERCENT,
            metrics=several(
                **closed(
                    ["name"],
                    name=TEXT,
                    interval=DURATION,
                    thresholdRange=closed([], min={"type": "number"}, max={"type": "number"}),
                )
            ),
        ),
    ),
    namespace=NAME,
)
"""Flagger 1."""
PROVISIONER = resource(
    "karpenter.sh/v1alpha5",
    "Provisioner",
    closed(
        ["providerRef"],
        requirements=several(
            **closed(
                ["key", "operator"], key=TEXT, operator={"enum": ["In", "NotIn", "Exists"]}, values=several(**TEXT)
            )
        ),
        limits=closed([], resources={"type": "object"}),
        ttlSecondsAfterEmpty={"type": "integer"},
        ttlSecondsUntilExpired={"type": "integer"},
        providerRef=closed(["name"], name=NAME),
    ),
)
NODE_TEMPLATE = resource(
    "karpenter.k8s.aws/v1alpha1",
    "AWSNodeTemplate",
    closed(
        ["subnetSelector", "securityGroupSelector"],
        subnetSelector=TEXTS,
        securityGroupSelector=TEXTS,
        instanceProfile=TEXT,
    ),
)
"""Karpenter 0.31."""
NODE_CONFIG = closed(
    ["apiVersion", "kind", "spec"],
    apiVersion={"const": "node.eks.aws/v1alpha1"},
    kind={"const": "NodeConfig"},
    spec=closed(
        ["cluster"],
        cluster=closed(
            ["name", "apiServerEndpoint", "certificateAuthority", "cidr"],
            name=NAME,
            apiServerEndpoint=TEXT,
            certificateAuthority=TEXT,
            cidr=TEXT,
        ),
        kubelet=closed([], config=closed([], maxPods={"type": "integer"}), flags=several(**TEXT)),
    ),
)
"""awslabs/amazon-eks-ami, nodeadm."""
CLUSTER_CONFIG = closed(
    ["apiVersion", "kind", "metadata", "fargateProfiles"],
    apiVersion={"const": "eksctl.io/v1alpha5"},
    kind={"const": "ClusterConfig"},
    metadata=closed(["name", "region"], name=NAME, region=TEXT),
    fargateProfiles=several(
        **closed(
            ["name", "selectors"],
            name=NAME,
            selectors=several(**closed(["namespace"], namespace=TEXT, labels=TEXTS)),
        )
    ),
)
"""eksctl."""
SCHEMAS = {
    "VerticalPodAutoscaler": VPA, "GitRepository": GIT_REPOSITORY, "Kustomization": KUSTOMIZATION, "Rollout": ROLLOUT,
    "Canary": CANARY, "Provisioner": PROVISIONER, "AWSNodeTemplate": NODE_TEMPLATE, "NodeConfig": NODE_CONFIG,
    "ClusterConfig": CLUSTER_CONFIG,
}  # fmt: skip
_FILES = Path(__file__).parents[1] / "concepts" / "schemas"


@cache
def schema(kind: str) -> dict[str, Any]:
    """Karpenter's are files, as they are long. Raises KeyError for a kind that has none."""
    file = _FILES / f"{kind.lower()}.json"
    found: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else SCHEMAS[kind]
    jsonschema.Draft202012Validator.check_schema(found)
    return found


def validate(document: dict[str, Any]) -> None:
    """Refuse a custom resource that is none. Raises ValidationError, of jsonschema or kubernetes_validate."""
    jsonschema.validate(document, schema(document.get("kind", "")), cls=jsonschema.Draft202012Validator)
    if document["kind"] == "Rollout":
        spec = {**document["spec"], "strategy": {"type": "RollingUpdate"}}
        deployment = {**document, "apiVersion": "apps/v1", "kind": "Deployment", "spec": spec}
        kubernetes_validate.validate(deployment, "1.36", strict=True)

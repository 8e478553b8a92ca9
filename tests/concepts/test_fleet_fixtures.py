"""The manifests that notebooks about fleets show: valid for the version of Kubernetes or Flux that they are for."""

from __future__ import annotations

from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from drydock.concepts import fixture

NAME = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"}
DURATION = {"type": "string", "pattern": "^([0-9]+(ms|s|m|h))+$"}


def closed(required: list[str], **properties: Any) -> dict[str, Any]:
    """An object with these properties and no others."""
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


METADATA = closed(["name"], name=NAME, namespace=NAME)
SPECS = {
    "GitRepository": closed(
        ["interval", "url"],
        interval=DURATION,
        url={"type": "string", "pattern": "^(http|https|ssh)://.*$"},
        ref=closed([], branch={"type": "string"}, tag={"type": "string"}, semver={"type": "string"}),
    ),
    "Kustomization": closed(
        ["interval", "sourceRef", "prune"],
        interval=DURATION,
        retryInterval=DURATION,
        timeout=DURATION,
        sourceRef=closed(
            ["kind", "name"], kind={"enum": ["OCIRepository", "GitRepository", "Bucket"]}, name=NAME, namespace=NAME
        ),
        path={"type": "string"},
        prune={"type": "boolean"},
        wait={"type": "boolean"},
    ),
}
SPECS |= {
    "Rollout": closed(
        ["replicas", "selector", "template", "strategy"],
        replicas={"type": "integer", "minimum": 0},
        selector={"type": "object"},
        template={"type": "object"},
        strategy=closed(
            [],
            canary=closed(
                [],
                maxSurge={"type": ["integer", "string"]},
                maxUnavailable={"type": ["integer", "string"]},
                steps={
                    "type": "array",
                    "items": {
                        "oneOf": [
                            closed(["setWeight"], setWeight={"type": "integer", "minimum": 0, "maximum": 100}),
                            closed(["pause"], pause=closed([], duration=DURATION)),
                        ]
                    },
                },
            ),
        ),
    ),
    "Canary": closed(
        ["targetRef", "service", "analysis"],
        provider={"type": "string"},
        targetRef=closed(["apiVersion", "kind", "name"], apiVersion={}, kind={"enum": ["Deployment"]}, name=NAME),
        service=closed(
            ["port"],
            port={"type": "integer"},
            gatewayRefs={"type": "array", "items": closed(["name"], name=NAME, namespace=NAME)},
        ),
        analysis=closed(
            ["interval", "threshold"],
            interval=DURATION,
            threshold={"type": "integer", "minimum": 1},
            maxWeight={"type": "integer", "minimum": 0, "maximum": 100},
            stepWeight={"type": "integer", "minimum": 0, "maximum": 100},
            metrics={
                "type": "array",
                "items": closed(
                    ["name"],
                    name={"type": "string"},
                    interval=DURATION,
                    thresholdRange=closed([], min={"type": "number"}, max={"type": "number"}),
                ),
            },
        ),
    ),
}
"""Of Argo Rollouts 1.9 and Flagger 1: argoproj.io/v1alpha1 and flagger.app/v1beta1, the fields that are used here. And
of Flux 2.9: source.toolkit.fluxcd.io/v1 and kustomize.toolkit.fluxcd.io/v1, the fields that are used here."""


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(fixture(name)))


@pytest.mark.parametrize(
    ("name", "version"),
    [("delivery/rollout.yaml", "argoproj.io/v1alpha1"), ("delivery/canary.yaml", "flagger.app/v1beta1")],
)
def test_objects_of_delivery_are_valid(name: str, version: str) -> None:
    [document] = documents(name)
    assert document["apiVersion"] == version
    jsonschema.validate(document["spec"], SPECS[document["kind"]])


def test_the_pods_of_the_rollout_are_valid_as_those_of_a_deployment() -> None:
    [rollout] = documents("delivery/rollout.yaml")
    spec = {**rollout["spec"], "strategy": {"type": "RollingUpdate"}}
    kubernetes_validate.validate(
        {**rollout, "apiVersion": "apps/v1", "kind": "Deployment", "spec": spec}, "1.36", strict=True
    )


@pytest.mark.parametrize(
    "name",
    [
        "gitops/deployment.yaml",
        "policy/workloads.yaml",
        "policy/workloads-policy.yaml",
        "policy/workloads-hasty-policy.yaml",
    ],
)
def test_objects_of_kubernetes_are_valid(name: str) -> None:
    for document in documents(name):
        kubernetes_validate.validate(document, "1.36", strict=True)


def test_objects_of_flux_are_valid_and_have_no_field_that_is_gone() -> None:
    for document in documents("gitops/flux.yaml"):
        assert document["apiVersion"] in ("source.toolkit.fluxcd.io/v1", "kustomize.toolkit.fluxcd.io/v1")
        jsonschema.validate(document["metadata"], METADATA)
        jsonschema.validate(document["spec"], SPECS[document["kind"]])
    with pytest.raises(jsonschema.ValidationError, match="'validation' was unexpected"):
        jsonschema.validate(
            {**documents("gitops/flux.yaml")[1]["spec"], "validation": "client"}, SPECS["Kustomization"]
        )

"""The manifests of Kubernetes that notebooks about fleets show: valid for the version that they are for."""

from __future__ import annotations

from typing import Any

import kubernetes_validate
import pytest
import yaml

from drydock.concepts import fixture


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(fixture(name)))


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

"""Each field of a custom resource that a notebook shows is known, and one that is misspelt is refused."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from tests.support import kinds

from drydock.concepts import fixture
from drydock.policy.kubernetes.migration import migrate

FIXTURES = (
    "autoscaling/web-vpa.yaml", "delivery/canary.yaml", "delivery/rollout.yaml", "fargate-profiles.yaml",
    "gitops/flux.yaml", "karpenter.yaml", "karpenter-v1alpha5.yaml", "node-config.yaml",
)  # fmt: skip
FREE = {"labels", "matchLabels", "tags", "subnetSelector", "securityGroupSelector"}
"""What has keys of the user's own. Quantities are by the names of resources, of which an extension may have more."""
RESOURCES = {"limits", "requests", "resources"}
Path = tuple[str | int, ...]


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(fixture(name)))


def paths(document: Any, path: Path = ()) -> Iterator[Path]:
    """Where each field is that the kind names."""
    if isinstance(document, list):
        for place, each in enumerate(document):
            yield from paths(each, (*path, place))
    elif isinstance(document, dict):
        for key, value in document.items():
            if not FREE & {*path} and not (path and path[-1] in RESOURCES and not isinstance(value, dict)):
                yield (*path, key)
            yield from paths(value, (*path, key))


def misspelt(document: dict[str, Any], path: Path) -> dict[str, Any]:
    found = copy.deepcopy(document)
    inner: Any = found
    for step in path[:-1]:
        inner = inner[step]
    inner[f"{path[-1]}x"] = inner.pop(path[-1])
    return found


@pytest.mark.parametrize("name", FIXTURES)
def test_a_field_that_is_misspelt_is_refused_wherever_it_is(name: str) -> None:
    for document in documents(name):
        kinds.validate(document)
        for path in paths(document):
            try:
                kinds.validate(misspelt(document, path))
            except (jsonschema.ValidationError, kubernetes_validate.ValidationError, KeyError):
                continue
            pytest.fail(f"{document['kind']}: {'.'.join(map(str, path))} is taken where it is misspelt")


def test_a_manifest_of_karpenter_with_a_misspelt_field_does_not_become_another() -> None:
    """Nor one whose misspelt field would be left out without a word."""
    old = documents("karpenter-v1alpha5.yaml")
    for number, document in enumerate(old):
        for path in paths(document):
            given = [misspelt(document, path) if place == number else other for place, other in enumerate(old)]
            with pytest.raises(ValueError):
                migrate(*given)

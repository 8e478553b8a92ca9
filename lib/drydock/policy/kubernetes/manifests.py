"""What the API server refuses of a Deployment or a HorizontalPodAutoscaler although each field by itself is in order.

Source: kubernetes/kubernetes, pkg/apis/apps/validation, pkg/apis/core/validation and pkg/apis/autoscaling/validation
(observed, with their wording); Kubernetes documentation, "Deployments", selector (documented).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from drydock.policy.kubernetes.quantities import parse

Manifest = Mapping[str, Any]


def refused(manifest: Manifest) -> list[str]:
    """Why the API server refuses it, each with the field; empty where it does not. Another kind is not looked at."""
    if manifest["kind"] == "Deployment":
        return list(_deployment(manifest["spec"]))
    return list(_autoscaler(manifest["spec"])) if manifest["kind"] == "HorizontalPodAutoscaler" else []


def _deployment(spec: Manifest) -> Iterator[str]:
    template = spec["template"]
    labels = template.get("metadata", {}).get("labels", {})
    if not spec["selector"].get("matchLabels", {}).items() <= labels.items():
        yield "spec.template.metadata.labels: `selector` does not match template `labels`"
    for kind in ("initContainers", "containers"):
        for number, container in enumerate(template["spec"].get(kind) or ()):
            at = f"spec.template.spec.{kind}[{number}].resources"
            yield from _resources(at, container.get("resources") or {})


def _resources(at: str, resources: Manifest) -> Iterator[str]:
    amounts: dict[str, dict[str, Any]] = {}
    for kind in ("requests", "limits"):
        for name, written in (resources.get(kind) or {}).items():
            try:
                amounts.setdefault(kind, {})[name] = parse(str(written))
            except ValueError as error:
                yield f"{at}.{kind}.{name}: {error}"
    for name, asked in amounts.get("requests", {}).items():
        limit = amounts.get("limits", {}).get(name)
        if limit is not None and asked > limit:
            yield f"{at}.requests: {asked} must be less than or equal to {name} limit of {limit}"


def _autoscaler(spec: Manifest) -> Iterator[str]:
    least, most = spec.get("minReplicas", 1), spec["maxReplicas"]
    if most < least:
        yield f"spec.maxReplicas: {most} must be greater than or equal to `minReplicas`, which is {least}"
    for number, metric in enumerate(spec.get("metrics") or ()):
        fields = {name for name in metric if name != "type"}
        wanted = metric["type"][0].lower() + metric["type"][1:]
        if fields != {wanted}:
            yield f"spec.metrics[{number}].{wanted}: must populate information for the given metric source"

"""The image that a runbook deploys: where ECR has it, what it runs on, and the task definition that names it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import urllib3
from botocore.exceptions import ClientError

from drydock.images import Reference
from drydock.images.platform import Platform
from drydock.images.reference import TAG
from drydock.policy.platforms import fits, wanted
from drydock.runbooks.runbook import Runbook

_ECR = re.compile(r"(\d{12})\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\..+")
_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")


def container_of(run: Runbook, definition: Mapping[str, Any], named: str, fronts: Collection[str]) -> str:
    """The container that an image is for: the one that is named, or is behind the load balancer, or is the only one.

    fronts  the containers that load balancers forward to
    """
    names = [one["name"] for one in definition["containerDefinitions"]]
    candidates = [named] if named else list(fronts) if len(set(fronts)) == 1 else names
    is_one = len(candidates) == 1 and candidates[0] in names
    run.require(is_one, f"Name the container that the image is for, one of: {', '.join(names)}.")
    return candidates[0]


def image_of(definition: Mapping[str, Any], container: str) -> str:
    """The image of that container; empty where there is no such container."""
    return next((str(one["image"]) for one in definition["containerDefinitions"] if one["name"] == container), "")


def with_image(definition: Mapping[str, Any], container: str, image: str) -> dict[str, Any]:
    """The task definition with another image in that container, and all else as it is."""
    containers = [
        {**one, "image": image} if one["name"] == container else one for one in definition["containerDefinitions"]
    ]
    return {**definition, "containerDefinitions": containers}


def resolved(run: Runbook, ecr: Any, text: str, *, running: str, runtime: Mapping[str, Any] | None) -> str:
    """The image that `text` names, by its digest: `registry/repository@sha256:…`. It is looked at as "image".

    text     in full, or a tag or a digest alone: in the repository of the `running` image
    runtime  the runtimePlatform that it has to be for

    Refuses one that ECR does not have in this Region, and one for another platform.
    """
    image = _named(text, running)
    host = _ECR.fullmatch(image.registry)
    region = host[2] if host else run.cloud.region
    run.require(region == run.cloud.region, f"{image} is in {region}: replicate it to {run.cloud.region} first.")
    place = _place(image)
    wants = {"imageDigest": image.digest} if image.digest else {"imageTag": image.tag}
    which = {**place, "imageIds": [wants]}
    digest = run.look("image", ecr.describe_images, "imageDetails[0].imageDigest", shared=True, **which)
    registry = {key: value for key, value in place.items() if key == "registryId"}
    there = ecr.describe_repositories(**registry, repositoryNames=[image.repository])["repositories"][0]
    uri = there["repositoryUri"]
    is_there = uri == image.name or (image.is_loopback and Reference.parse(uri).is_loopback)
    run.require(is_there, f"{image} is not in ECR, which has {uri}: push it there.")
    platforms = _platforms(ecr, place, digest)
    for_others = f"{image} is for {', '.join(platforms)}, and the task definition for {wanted(runtime)}"
    run.require(fits(platforms, runtime), f"{for_others}: build and push it for that.")
    return f"{uri}@{digest}"


def moved(ecr: Any, definition: Mapping[str, Any], tasks: Iterable[Mapping[str, Any]]) -> list[str]:
    """The images whose tag is that of another image in ECR than these tasks run, in words.

    Images elsewhere than in ECR are not looked up.
    """
    ran: dict[str, set[str]] = {}
    for container in (one for task in tasks for one in task["containers"] if "imageDigest" in one):
        ran.setdefault(container["name"], set()).add(container["imageDigest"])
    told = []
    for container in definition["containerDefinitions"]:
        image, digests = Reference.parse(container["image"]).tagged(), ran.get(container["name"], set())
        if image.tag is None or not digests:
            continue
        try:
            digest, manifest = _manifest(ecr, _place(image), {"imageTag": image.tag})
        except (ClientError, IndexError):
            continue
        if not digests & {digest, *(one["digest"] for one in manifest.get("manifests", ()))}:
            told.append(f"{image} is {digest} now, and {container['name']} runs {', '.join(sorted(digests))}")
    return told


def _named(text: str, running: str) -> Reference:
    if TAG.fullmatch(text):
        return replace(Reference.parse(running), tag=text, digest=None)
    if text.startswith("sha256:"):
        return replace(Reference.parse(running), tag=None, digest=text)
    return Reference.parse(text).tagged()


def _place(image: Reference) -> dict[str, Any]:
    """The repository, as calls of ECR name it."""
    host = _ECR.fullmatch(image.registry)
    return {**({"registryId": host[1]} if host else {}), "repositoryName": image.repository}


def _manifest(ecr: Any, place: Mapping[str, Any], wanted: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """(digest, manifest) of an image."""
    answer = ecr.batch_get_image(**place, imageIds=[wanted], acceptedMediaTypes=[*_INDEXES, *_MANIFESTS])
    found = answer["images"][0]
    return found["imageId"]["imageDigest"], json.loads(found["imageManifest"])


def _platforms(ecr: Any, place: Mapping[str, Any], digest: str) -> Sequence[str]:
    """What the image is for, "linux/amd64"; of an index all that it lists."""
    _, manifest = _manifest(ecr, place, {"imageDigest": digest})
    if "manifests" in manifest:
        return [str(Platform.of(one.get("platform", {}))) for one in manifest["manifests"]]
    layer = ecr.get_download_url_for_layer(**place, layerDigest=manifest["config"]["digest"])
    return [str(Platform.of(json.loads(urllib3.request("GET", layer["downloadUrl"]).data)))]

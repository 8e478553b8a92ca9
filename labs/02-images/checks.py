"""Lab 02: images, from a Dockerfile to a registry and back."""

from __future__ import annotations

import base64
import json
import urllib.request

from drydock.images import Image, Layout, build, push
from drydock.labs import Outline, not_started, passed, wrong
from drydock.pricing import unpriced

SERVICES = ("frontend", "backend", "worker")
TITLES = {"frontend": "Shop frontend", "backend": "Shop backend", "worker": "Shop worker"}

outline = Outline(
    title="Images",
    goal="Three services as OCI images: built, looked into, pushed, pulled by digest, scanned.",
    minutes="20 to 30",
    needs=["01-repositories:create-repositories"],
    costs=[unpriced("ECR storage, a few megabytes")],
)


@outline.step(
    "build-images",
    title="Build `drydock/frontend:v1`, `drydock/backend:v1` and `drydock/worker:v1`",
    hints=[
        "drydock.images.build takes the folder with the Dockerfile: lab.services / 'backend'.",
        "`build_args={'VERSION': 'v1'}` fills the ARG, `tags=['drydock/backend:v1']` names the result.",
    ],
)
def build_images(cloud, lab):
    names = Layout().names()
    there = [service for service in SERVICES if f"drydock/{service}:v1" in names]
    if not there:
        return not_started("No image of the three is built.")
    for service in SERVICES:
        if service not in there:
            return wrong(f"There is no image `drydock/{service}:v1` here.", look="build, tags")
        labels = Image.open(f"drydock/{service}:v1").settings.labels
        problem = _mislabelled(labels, service, "v1")
        if problem:
            return wrong(f"`drydock/{service}:v1` {problem}.", look="build, the folder and build_args")
    return passed("Three images are built, each with its own title and the version v1.")


@build_images.solution
def _(cloud, lab):
    for service in ("frontend", "backend", "worker"):
        build(
            lab.services / service,
            build_args={"VERSION": "v1"},
            tags=[f"drydock/{service}:v1"],
            base_images="registry" if cloud.real else "stand-in",
            output=lambda line: None,
        )


@outline.step(
    "push-images",
    title="Push each under the tag `v1` to its repository",
    hints=[
        "get_authorization_token: base64 of `AWS:password`.",
        "repositoryUri of describe_repositories, a colon and the tag make the reference to push to.",
    ],
)
def push_images(cloud, lab):
    digests = {service: _digest(cloud, f"drydock/{service}", "v1") for service in SERVICES}
    if not any(digests.values()):
        return not_started("No repository has an image with the tag `v1`.")
    for service, digest in digests.items():
        if not digest:
            return wrong(f"`drydock/{service}` has no image with the tag `v1`.", look="push, the reference")
        problem = _mislabelled(_labels(cloud, f"drydock/{service}", digest), service, "v1")
        if problem:
            return wrong(f"`v1` in `drydock/{service}` {problem}.", look="push: which image went to which repository?")
    return passed("`v1` of each service is in its own repository.")


@push_images.solution
def _(cloud, lab):
    ecr = cloud.client("ecr")
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, password = base64.b64decode(token).decode().split(":", 1)
    for service in ("frontend", "backend", "worker"):
        repository = ecr.describe_repositories(repositoryNames=[f"drydock/{service}"])["repositories"][0]
        image = build(
            lab.services / service,
            build_args={"VERSION": "v1"},
            tags=[f"drydock/{service}:v1"],
            base_images="registry" if cloud.real else "stand-in",
            output=lambda line: None,
        )
        push(image, f"{repository['repositoryUri']}:v1", auth=(user, password))


def _mislabelled(labels: dict[str, str], service: str, version: str) -> str:
    """What is wrong with an image's title or version; "" where nothing is."""
    title = labels.get("org.opencontainers.image.title", "")
    found = labels.get("org.opencontainers.image.version", "")
    if title != TITLES[service]:
        return f"is an image of `{title or 'something else'}`"
    return "" if found == version else f"says that its version is `{found}`, not `{version}`"


def _digest(cloud, repository: str, tag: str) -> str:
    ecr = cloud.client("ecr")
    pages = ecr.get_paginator("describe_images").paginate(repositoryName=repository)
    images = [image for page in pages for image in page["imageDetails"]]
    return next((image["imageDigest"] for image in images if tag in image.get("imageTags", ())), "")


def _labels(cloud, repository: str, digest: str) -> dict[str, str]:
    """The labels in the config of an image, read as the registry has it."""
    ecr = cloud.client("ecr")
    image = ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageDigest": digest}])["images"][0]
    config = json.loads(image["imageManifest"])["config"]["digest"]
    url = ecr.get_download_url_for_layer(repositoryName=repository, layerDigest=config)["downloadUrl"]
    with urllib.request.urlopen(url, timeout=30) as answer:
        return dict(json.load(answer).get("config", {}).get("Labels") or {})

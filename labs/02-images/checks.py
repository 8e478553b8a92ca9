"""Lab 02: images, from a Dockerfile to a registry and back."""

from __future__ import annotations

import base64
import io
import json
import tarfile
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from drydock.images import Image, Layout, build, push
from drydock.images.platform import Platform
from drydock.labs import Outline, not_started, passed, wait_until, wrong
from drydock.labs.shop import PLATFORM, SERVICES
from drydock.pricing import unpriced

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
    at_once=True,
    hints=[
        "drydock.images.build takes the folder with the Dockerfile: lab.services / 'backend'.",
        "`build_args={'VERSION': 'v1'}` fills the ARG, `tags=['drydock/backend:v1']` names the result.",
    ],
)
def build_images(cloud, lab):
    layout = Layout()
    digests = {service: layout.find(f"drydock/{service}:v1") for service in SERVICES}
    there = [service for service, digest in digests.items() if digest and layout.written(digest) >= lab.began]
    if not there:
        return not_started("No image of the three is built.")
    for service in SERVICES:
        if service not in there:
            return wrong(f"There is no image `drydock/{service}:v1` here.", look="build, tags")
        problem = _amiss(Image.open(f"drydock/{service}:v1").config, service, "v1")
        if problem:
            return wrong(f"`drydock/{service}:v1` {problem}.", look="build: the folder, build_args, platform")
    return passed("Three images are built, each with its own title and the version v1.")


@build_images.solution
def _(cloud, lab):
    for service in ("frontend", "backend", "worker"):
        build(
            lab.services / service,
            build_args={"VERSION": "v1"},
            tags=[f"drydock/{service}:v1"],
            platform=PLATFORM,
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
        problem = _amiss(_config(cloud, f"drydock/{service}", digest), service, "v1")
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
            platform=PLATFORM,
            base_images="registry" if cloud.real else "stand-in",
            output=lambda line: None,
        )
        push(image, f"{repository['repositoryUri']}:v1", auth=(user, password))


@outline.your_turn(
    "promote",
    title="Give the frontend's `v1` the tag `stable` as well, without building, pulling or pushing a layer",
    hints=["A tag points to a manifest. batch_get_image has it.", "put_image with the same manifest and another tag."],
)
def promote(cloud, lab):
    stable, v1 = (_digest(cloud, "drydock/frontend", tag) for tag in ("stable", "v1"))
    if not stable:
        return not_started("`drydock/frontend` has no tag `stable`.")
    if stable != v1:
        return wrong("`stable` and `v1` are two images.", look="put_image, imageManifest: byte for byte the same?")
    return passed("`stable` and `v1` of `drydock/frontend` have one digest.")


@promote.solution
def _(ecr):
    name, v1, stable = "drydock/frontend", [{"imageTag": "v1"}], [{"imageTag": "stable"}]
    found = ecr.batch_get_image(repositoryName=name, imageIds=v1)["images"][0]
    if ecr.batch_get_image(repositoryName=name, imageIds=stable)["images"]:  # an attempt that tagged another image
        ecr.batch_delete_image(repositoryName=name, imageIds=stable)
    same = {"imageManifest": found["imageManifest"], "imageManifestMediaType": found["imageManifestMediaType"]}
    ecr.put_image(repositoryName=name, **same, imageTag="stable")
    print(ecr.describe_images(repositoryName=name, imageIds=v1)["imageDetails"][0]["imageTags"])


@outline.step(
    "scan-findings",
    title="Push a backend with a known hole as `v1-vulnerable`, and read what the scan finds",
    hints=[
        "`build_args={'VENDOR': 'vendor-vulnerable'}` copies an old urllib3 into the image.",
        "describe_image_scan_findings, until imageScanStatus is COMPLETE (basic scanning) or ACTIVE (enhanced).",
    ],
)
def scan_findings(cloud, lab):
    if not _digest(cloud, "drydock/backend", "v1-vulnerable"):
        return not_started("`drydock/backend` has no image with the tag `v1-vulnerable`.")
    scan = _scan(cloud, "v1-vulnerable")
    if scan is None:
        return _unscanned(cloud, "v1-vulnerable")
    counts = _about_urllib3(scan)
    if not counts and not _has_urllib3(cloud, "v1-vulnerable"):
        return wrong("There is no urllib3 in it.", look="build_args, VENDOR")
    if not counts and _is_basic(cloud):
        return passed("`v1-vulnerable` is scanned. It has urllib3, and basic scanning cannot see it.")
    if not counts:
        return wrong("The scan found nothing in urllib3, which is in it.", look="imageScanStatus, description")
    found = ", ".join(f"{counts[severity]} {severity}" for severity in sorted(counts))
    return passed(f"The scan of `v1-vulnerable` found in urllib3: {found}.")


@scan_findings.solution
def _(cloud, lab):
    _release(cloud, lab, "v1-vulnerable", {"VENDOR": "vendor-vulnerable", "VERSION": "v1-vulnerable"})


@outline.your_turn(
    "fix-findings",
    title="Push a backend without the hole as `v2`, and have it scanned",
    hints=[
        "The build argument VENDOR has a default that is not vulnerable.",
        "`build_args={'VERSION': 'v2'}`, push to the tag `v2`, then wait until it is scanned.",
    ],
)
def fix_findings(cloud, lab):
    digest = _digest(cloud, "drydock/backend", "v2")
    if not digest:
        return not_started("`drydock/backend` has no image with the tag `v2`.")
    scan = _scan(cloud, "v2")
    if scan is None:
        return _unscanned(cloud, "v2")
    if _about_urllib3(scan) or _has_urllib3(cloud, "v2"):
        return wrong(
            "`v2` still has urllib3 in it.",
            look="build, build_args: VENDOR; the tag is immutable, so batch_delete_image before you push again",
        )
    problem = _amiss(_config(cloud, "drydock/backend", digest), "backend", "v2")
    if problem:
        return wrong(f"`v2` {problem}.", look="build: build_args, platform")
    return passed("`v2` is scanned, and there is no urllib3 in it.")


@fix_findings.solution
def _(auth, build, ecr, how, lab, push, scanned, uri, wait_until):
    name, v2 = "drydock/backend", [{"imageTag": "v2"}]
    if ecr.batch_get_image(repositoryName=name, imageIds=v2)["images"]:  # an attempt: its tag cannot be moved
        ecr.batch_delete_image(repositoryName=name, imageIds=v2)
    fixed = build(lab.services / "backend", build_args={"VERSION": "v2"}, **how, output=lambda line: None)
    push(fixed, f"{uri['backend']}:v2", auth=auth)
    scan = wait_until(lambda: scanned("v2"), "v2 is scanned")
    print(scan["imageScanStatus"]["status"], len(scan["imageScanFindings"].get("findings", ())), "findings")


def _release(cloud, lab, tag: str, build_args: dict[str, str]) -> None:
    ecr = cloud.client("ecr")
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, password = base64.b64decode(token).decode().split(":", 1)
    repository = ecr.describe_repositories(repositoryNames=["drydock/backend"])["repositories"][0]
    image = build(
        lab.services / "backend",
        build_args=build_args,
        platform=PLATFORM,
        base_images="registry" if cloud.real else "stand-in",
        output=lambda line: None,
    )
    push(image, f"{repository['repositoryUri']}:{tag}", auth=(user, password))
    wait_until(lambda: _scan(cloud, tag) is not None, f"{tag} is scanned")


@outline.drill(
    "leaked-secret",
    title="A key was shipped in the image `report` of `drydock/worker`: get it out of the registry",
    hints=[
        "pull the image, then image.layer_files(i) for each layer: which one holds `app/.env`?",
        "Copy labs/02-images/report to a folder of your own and give it a .dockerignore, or COPY report.py alone.",
        "Moving the tag leaves the old image in the repository, untagged: batch_delete_image by its digest.",
    ],
)
def leaked_secret(cloud, lab):
    leaking = [image for image in _images(cloud, "drydock/worker") if _leaks(cloud, image)]
    if any("report" in image.get("imageTags", ()) for image in leaking):
        return wrong("A layer of `report` holds the key in `app/.env`.", look="layer_files of each of its layers")
    if leaking:
        return wrong(
            "An image without the tag `report` still holds the key, and whoever knows its digest can pull it.",
            look="describe_images: the untagged ones; batch_delete_image",
        )
    if not _digest(cloud, "drydock/worker", "report"):
        return not_started("`drydock/worker` has no image with the tag `report`.")
    return passed("No image in `drydock/worker` holds the key, in no layer.")


@leaked_secret.breaks
def _(cloud, lab):
    _push_report(cloud, lab.directory / "report")


@leaked_secret.solution
def _(auth, build, ecr, how, lab, pull, push, tempfile, uri):
    from shutil import copytree, ignore_patterns

    clean = copytree(lab.directory / "report", f"{tempfile.mkdtemp()}/report", ignore=ignore_patterns(".env"))
    push(build(clean, **how, output=lambda line: None), f"{uri['worker']}:report", auth=auth)
    for one in ecr.describe_images(repositoryName="drydock/worker")["imageDetails"]:
        image = pull(f"{uri['worker']}@{one['imageDigest']}", auth=auth, into=tempfile.mkdtemp())
        files = [entry for index in range(len(image.layers)) for entry in image.layer_files(index)]
        if any(entry.path.endswith("/.env") and entry.size for entry in files):
            ecr.batch_delete_image(repositoryName="drydock/worker", imageIds=[{"imageDigest": one["imageDigest"]}])
            print("deleted", one.get("imageTags", "an untagged image"))


def _push_report(cloud, context: Path) -> None:
    ecr = cloud.client("ecr")
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, password = base64.b64decode(token).decode().split(":", 1)
    repository = ecr.describe_repositories(repositoryNames=["drydock/worker"])["repositories"][0]
    base = "registry" if cloud.real else "stand-in"
    image = build(context, platform=PLATFORM, base_images=base, output=lambda line: None)
    push(image, f"{repository['repositoryUri']}:report", auth=(user, password))


def _leaks(cloud, image: dict[str, Any]) -> bool:
    """Whether a layer of the image holds an `.env` that says something."""
    files = _files(cloud, image["repositoryName"], image["imageDigest"])
    return any(file.name.endswith("/.env") and file.size for file in files)


def _has_urllib3(cloud, tag: str) -> bool:
    """Whether the backend's image with this tag has the package, whatever a scan can see."""
    files = _files(cloud, "drydock/backend", _digest(cloud, "drydock/backend", tag))
    return any("/urllib3/" in file.name for file in files)


def _files(cloud, repository: str, digest: str) -> Iterator[tarfile.TarInfo]:
    """What is in the layers of an image. Layers above 1 MiB are the base's."""
    found = cloud.client("ecr").batch_get_image(repositoryName=repository, imageIds=[{"imageDigest": digest}])
    for layer in json.loads(found["images"][0]["imageManifest"])["layers"]:
        if layer["size"] <= 1 << 20:
            with tarfile.open(fileobj=io.BytesIO(_blob(cloud, repository, layer["digest"]))) as tar:
                yield from tar


def _is_basic(cloud) -> bool:
    """Whether the account's registry scans by basic scanning, which reads packages of the operating system only."""
    return cloud.client("ecr").get_registry_scanning_configuration()["scanningConfiguration"]["scanType"] == "BASIC"


def _amiss(config: dict[str, Any], service: str, version: str) -> str:
    """What is wrong with an image's title, version or platform; "" where nothing is."""
    labels = config.get("config", {}).get("Labels") or {}
    platform = str(Platform.of(config))
    title = labels.get("org.opencontainers.image.title", "")
    found = labels.get("org.opencontainers.image.version", "")
    if title != TITLES[service]:
        return f"is an image of `{title or 'something else'}`"
    if found != version:
        return f"says that its version is `{found}`, not `{version}`"
    return "" if platform == PLATFORM else f"is for {platform}, and the task definitions want {PLATFORM}"


def _scan(cloud, tag: str) -> dict[str, Any] | None:
    """The findings of the backend's image with this tag; None as long as no scan of it is complete."""
    scan = _asked(cloud, tag)
    return scan["imageScanFindings"] if scan["imageScanStatus"]["status"] in ("COMPLETE", "ACTIVE") else None


def _asked(cloud, tag: str) -> dict[str, Any]:
    """What ECR says of the scan of the backend's image with this tag; PENDING where it knows of none yet."""
    ecr = cloud.client("ecr")
    pages = ecr.get_paginator("describe_image_scan_findings")
    try:
        return pages.paginate(repositoryName="drydock/backend", imageId={"imageTag": tag}).build_full_result()
    except ecr.exceptions.ScanNotFoundException:
        return {"imageScanStatus": {"status": "PENDING"}}


def _unscanned(cloud, tag: str):
    """The check of an image whose scan is not complete: one that is over without being complete does not come."""
    status = _asked(cloud, tag)["imageScanStatus"]
    look = "describe_image_scan_findings, imageScanStatus"
    if status["status"] in ("PENDING", "IN_PROGRESS"):
        return wrong(f"The scan of `{tag}` is not complete.", look=look, waits_for="its scan")
    said = status.get("description", "").rstrip(".")
    over = f"The scan of `{tag}` is {status['status']}{': ' + said if said else ''}."
    return wrong(f"{over} It does not become complete.", look=f"{look}; start_image_scan, or push it again")


def _about_urllib3(scan: dict[str, Any]) -> Counter[str]:
    """How many findings about urllib3 of each severity, as basic and as enhanced scanning tell them."""
    basic = [
        finding["severity"]
        for finding in scan.get("findings", ())
        if {"key": "package_name", "value": "urllib3"} in finding.get("attributes", ())
    ]
    enhanced = [
        finding["severity"]
        for finding in scan.get("enhancedFindings", ())
        if "urllib3" in {p["name"] for p in finding["packageVulnerabilityDetails"]["vulnerablePackages"]}
    ]
    return Counter(basic + enhanced)


def _images(cloud, repository: str) -> list[dict[str, Any]]:
    pages = cloud.client("ecr").get_paginator("describe_images").paginate(repositoryName=repository)
    return [image for page in pages for image in page["imageDetails"]]


def _digest(cloud, repository: str, tag: str) -> str:
    found = (image["imageDigest"] for image in _images(cloud, repository) if tag in image.get("imageTags", ()))
    return next(found, "")


def _config(cloud, repository: str, digest: str) -> dict[str, Any]:
    """The config of an image, read as the registry has it."""
    ecr = cloud.client("ecr")
    image = ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageDigest": digest}])["images"][0]
    return dict(json.loads(_blob(cloud, repository, json.loads(image["imageManifest"])["config"]["digest"])))


def _blob(cloud, repository: str, digest: str) -> bytes:
    ecr = cloud.client("ecr")
    url = ecr.get_download_url_for_layer(repositoryName=repository, layerDigest=digest)["downloadUrl"]
    with urllib.request.urlopen(url, timeout=30) as answer:
        return bytes(answer.read())

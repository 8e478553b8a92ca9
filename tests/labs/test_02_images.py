"""Lab 02: each check before, after a mistake and after the solution; the drill before and after its mending."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from drydock.cloud import Call, Cloud
from drydock.images import Image, build, pull, push
from drydock.labs import Lab
from drydock.labs.shop import PLATFORM

from .conftest import tried

Act = Callable[[Cloud, Lab], Any]


@pytest.fixture
def lab(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """The lab, with a store of images of this test's own, and with the repositories that it needs."""
    monkeypatch.setenv("DRYDOCK_HOME", str(tmp_path / "home"))
    lab = Lab.open("02-images", cloud=cloud)
    lab.set_up()
    yield lab
    ecr = cloud.client("ecr")
    for repository in ecr.describe_repositories()["repositories"]:
        ecr.delete_repository(repositoryName=repository["repositoryName"], force=True)


def built(folder: Path, *, platform: str | None = PLATFORM, **given: Any) -> Image:
    return build(folder, platform=platform, output=lambda line: None, **given)


def pushed(cloud: Cloud, image: Image, name: str) -> str:
    """Push an image under `name`: repository, a colon, tag."""
    ecr = cloud.client("ecr")
    repository, tag = name.split(":")
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, password = base64.b64decode(token).decode().split(":", 1)
    uri = ecr.describe_repositories(repositoryNames=[repository])["repositories"][0]["repositoryUri"]
    return push(image, f"{uri}:{tag}", auth=(user, password))


def platform_of(cloud: Cloud, repository: str, digest: str) -> str:
    uri = cloud.client("ecr").describe_repositories(repositoryNames=[repository])["repositories"][0]["repositoryUri"]
    token = cloud.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, password = base64.b64decode(token).decode().split(":", 1)
    config = pull(f"{uri}@{digest}", auth=(user, password)).config
    return f"{config['os']}/{config['architecture']}"


def before(cloud: Cloud, lab: Lab, name: str) -> None:
    lab.set_up(before=name)


def build_one(cloud: Cloud, lab: Lab) -> None:
    built(lab.services / "frontend", build_args={"VERSION": "v1"}, tags=["drydock/frontend:v1"])


def build_the_wrong_folder(cloud: Cloud, lab: Lab) -> None:
    for service in ("frontend", "backend", "worker"):
        built(lab.services / "frontend", build_args={"VERSION": "v1"}, tags=[f"drydock/{service}:v1"])


def build_without_a_version(cloud: Cloud, lab: Lab) -> None:
    for service in ("frontend", "backend", "worker"):
        built(lab.services / service, tags=[f"drydock/{service}:v1"])


def push_one(cloud: Cloud, lab: Lab) -> None:
    pushed(cloud, Image.open("drydock/frontend:v1"), "drydock/frontend:v1")


def push_one_to_all(cloud: Cloud, lab: Lab) -> None:
    for service in ("frontend", "backend", "worker"):
        pushed(cloud, Image.open("drydock/frontend:v1"), f"drydock/{service}:v1")


def promote_something_else(cloud: Cloud, lab: Lab) -> None:
    pushed(cloud, built(lab.services / "frontend", build_args={"VERSION": "v2"}), "drydock/frontend:stable")


def scan_what_has_no_hole(cloud: Cloud, lab: Lab) -> None:
    release(cloud, lab, "v1-vulnerable", VERSION="v1-vulnerable")


def release_the_hole_again(cloud: Cloud, lab: Lab) -> None:
    release(cloud, lab, "v2", VERSION="v2", VENDOR="vendor-vulnerable")


def release_the_old_version(cloud: Cloud, lab: Lab) -> None:
    release(cloud, lab, "v2", VERSION="v1")


def release(cloud: Cloud, lab: Lab, tag: str, **build_args: str) -> None:
    pushed(cloud, built(lab.services / "backend", build_args=build_args), f"drydock/backend:{tag}")
    waiter = cloud.client("ecr").get_waiter("image_scan_complete")
    waiter.wait(repositoryName="drydock/backend", imageId={"imageTag": tag})


class Scanner:
    """Another scanner than the embedded one: it answers DescribeImageScanFindings so."""

    def __init__(self, status: str, **findings: list[Any]) -> None:
        self.answer = {"imageScanStatus": {"status": status}, "imageScanFindings": findings}

    def asked(self, call: Call) -> None:
        pass

    def sending(self, call: Call) -> dict[str, Any] | None:
        return self.answer if call.operation == "DescribeImageScanFindings" else None

    def answered(self, call: Call, answer: dict[str, Any], status: int) -> None:
        pass


BASIC = Scanner("COMPLETE", findings=[{"name": "CVE-2026-1", "severity": "LOW"}])
ENHANCED = Scanner(
    "ACTIVE",
    enhancedFindings=[
        {"severity": "HIGH", "packageVulnerabilityDetails": {"vulnerablePackages": [{"name": "urllib3"}]}},
        {"severity": "LOW", "packageVulnerabilityDetails": {"vulnerablePackages": [{"name": "zlib"}]}},
    ],
)


MISTAKES: list[tuple[str, Act, str]] = [
    ("build-images", build_one, "no image `drydock/backend:v1`"),
    ("build-images", build_the_wrong_folder, "`drydock/backend:v1` is an image of `Shop frontend`"),
    ("build-images", build_without_a_version, "its version is `dev`, not `v1`"),
    ("push-images", push_one, "`drydock/backend` has no image with the tag `v1`"),
    ("push-images", push_one_to_all, "`v1` in `drydock/backend` is an image of `Shop frontend`"),
    ("promote", promote_something_else, "two images"),
    ("scan-findings", scan_what_has_no_hole, "no urllib3 in it"),
    ("fix-findings", release_the_hole_again, "still has urllib3 in it"),
    ("fix-findings", release_the_old_version, "its version is `v1`, not `v2`"),
]


@pytest.mark.parametrize("name", ["build-images", "push-images", "promote", "scan-findings", "fix-findings"])
def test_untouched_is_not_started_and_the_solution_passes(cloud: Cloud, lab: Lab, name: str) -> None:
    before(cloud, lab, name)
    step = lab.step(name)
    assert step.check(cloud, lab).state == "not started"
    step.solve(cloud, lab)
    assert step.check(cloud, lab).passed, step.check(cloud, lab)


@pytest.mark.parametrize(("name", "mistake", "said"), MISTAKES, ids=[f"{n}: {s}" for n, _, s in MISTAKES])
def test_a_mistake_is_named(cloud: Cloud, lab: Lab, name: str, mistake: Act, said: str) -> None:
    before(cloud, lab, name)
    mistake(cloud, lab)
    found = lab.step(name).check(cloud, lab)
    assert found.state == "wrong"
    assert said in found.message
    assert found.look


@pytest.mark.parametrize(
    ("scanner", "said"), [(BASIC, "basic scanning cannot see it"), (ENHANCED, "found in urllib3: 1 HIGH")]
)
def test_what_aws_own_scanners_see_of_the_hole_is_enough(cloud: Cloud, lab: Lab, scanner: Scanner, said: str) -> None:
    before(cloud, lab, "scan-findings")
    lab.step("scan-findings").solve(cloud, lab)
    cloud.listeners.append(scanner)
    found = lab.step("scan-findings").check(cloud, lab)
    assert (found.state, said in found.message) == ("passed", True)


def test_a_scanner_that_sees_no_python_does_not_pass_the_hole_as_mended(cloud: Cloud, lab: Lab) -> None:
    before(cloud, lab, "fix-findings")
    release_the_hole_again(cloud, lab)
    cloud.listeners.append(BASIC)
    assert lab.step("fix-findings").check(cloud, lab).state == "wrong"


def test_images_are_for_the_platform_of_the_task_definitions_on_an_arm_machine_too(
    cloud: Cloud, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    for service in ("frontend", "backend", "worker"):
        args = {"VERSION": "v1"}
        built(lab.services / service, platform=None, build_args=args, tags=[f"drydock/{service}:v1"])
    found = lab.step("build-images").check(cloud, lab)
    assert (found.state, "is for linux/arm64" in found.message) == ("wrong", True)
    lab.step("build-images").solve(cloud, lab)
    assert lab.step("build-images").check(cloud, lab).passed
    for step in ("push-images", "scan-findings", "fix-findings", "leaked-secret"):
        before(cloud, lab, step)
        lab.step(step).solve(cloud, lab) if step != "leaked-secret" else lab.break_it(step)
    ecr = cloud.client("ecr")
    for repository in ("drydock/frontend", "drydock/backend", "drydock/worker"):
        for image in ecr.describe_images(repositoryName=repository)["imageDetails"]:
            assert platform_of(cloud, repository, image["imageDigest"]) == PLATFORM, (repository, image["imageTags"])


@pytest.mark.parametrize(("name", "tag"), [("scan-findings", "v1-vulnerable"), ("fix-findings", "v2")])
def test_an_image_that_is_not_scanned_is_not_enough(cloud: Cloud, lab: Lab, name: str, tag: str) -> None:
    before(cloud, lab, name)
    cloud.client("ecr").put_image_scanning_configuration(
        repositoryName="drydock/backend", imageScanningConfiguration={"scanOnPush": False}
    )
    pushed(cloud, built(lab.services / "backend", build_args={"VERSION": tag}), f"drydock/backend:{tag}")
    found = lab.step(name).check(cloud, lab)
    assert (found.state, "not complete" in found.message) == ("wrong", True)


@pytest.mark.parametrize(("name", "tag"), [("scan-findings", "v1-vulnerable"), ("fix-findings", "v2")])
@pytest.mark.parametrize(("status", "waits"), [("IN_PROGRESS", "its scan"), ("FAILED", ""), ("UNSUPPORTED_IMAGE", "")])
def test_a_scan_that_has_failed_does_not_come(
    cloud: Cloud, lab: Lab, name: str, tag: str, status: str, waits: str
) -> None:
    before(cloud, lab, name)
    pushed(cloud, built(lab.services / "backend", build_args={"VERSION": tag}), f"drydock/backend:{tag}")
    cloud.listeners.append(Scanner(status))
    found = lab.step(name).check(cloud, lab)
    assert (found.state, found.waits_for, status in found.message) == ("wrong", waits, not waits)


def test_the_drill_wants_the_key_out_of_every_image(cloud: Cloud, lab: Lab, tmp_path: Path) -> None:
    step = lab.step("leaked-secret")
    assert step.check(cloud, lab).state == "not started"
    lab.break_it("leaked-secret", within=5)
    ecr = cloud.client("ecr")
    leaking = ecr.describe_images(repositoryName="drydock/worker")["imageDetails"][0]["imageDigest"]

    shutil.copytree(lab.directory / "report", tmp_path / "report")
    (tmp_path / "report" / ".env").unlink()
    pushed(cloud, built(tmp_path / "report"), "drydock/worker:report")
    assert "An image without the tag `report` still holds the key" in step.check(cloud, lab).message

    ecr.batch_delete_image(repositoryName="drydock/worker", imageIds=[{"imageDigest": leaking}])
    assert step.check(cloud, lab).passed


def test_deleting_the_image_is_not_all(cloud: Cloud, lab: Lab) -> None:
    lab.break_it("leaked-secret", within=5)
    cloud.client("ecr").batch_delete_image(repositoryName="drydock/worker", imageIds=[{"imageTag": "report"}])
    assert not lab.step("leaked-secret").check(cloud, lab).passed


OTHER = (
    'image = build(lab.services / "{0}", build_args={{"VERSION": "{1}"{2}}}, platform="linux/amd64")\n'
    'push(image, uri["{0}"] + ":{3}", auth=auth)'
)
ENTER = (
    "import base64\n"
    "from drydock.images import build, push\n"
    'ecr = cloud.client("ecr")\n'
    'token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]\n'
    'auth = tuple(base64.b64decode(token).decode().split(":", 1))\n'
    'found = ecr.describe_repositories()["repositories"]\n'
    'uri = {one["repositoryName"].split("/")[1]: one["repositoryUri"] for one in found}\n'
)
TRIES = [
    ("promote", OTHER.format("frontend", "v2", "", "stable")),
    ("fix-findings", OTHER.format("backend", "v2", ', "VENDOR": "vendor-vulnerable"', "v2")),
    ("fix-findings", OTHER.format("backend", "v1", "", "v2")),
    ("leaked-secret", 'ecr.batch_delete_image(repositoryName="drydock/worker", imageIds=[{"imageTag": "report"}])'),
    (
        "leaked-secret",
        'push(build(lab.services / "worker", platform="linux/amd64"), uri["worker"] + ":report", auth=auth)',
    ),
    (
        "leaked-secret",
        'push(build(lab.directory / "report", platform="linux/amd64"), uri["worker"] + ":clean", auth=auth)',
    ),
]


@pytest.mark.parametrize(("name", "attempt"), TRIES)
def test_the_solution_mends_what_an_attempt_has_left(cloud: Cloud, lab: Lab, name: str, attempt: str) -> None:
    before(cloud, lab, name)
    kept = {"repositoryName": "drydock/frontend", "imageTagMutability": "IMMUTABLE"}  # as lab 01 leaves it
    cloud.client("ecr").put_image_tag_mutability(**kept)
    if name == "leaked-secret":
        lab.break_it(name, within=5)
    tried(lab, name, ENTER + attempt)


def test_the_drill_s_solution_passes(cloud: Cloud, lab: Lab) -> None:
    lab.break_it("leaked-secret", within=5)
    step = lab.step("leaked-secret")
    assert step.check(cloud, lab).state == "wrong"
    step.solve(cloud, lab)
    assert step.check(cloud, lab).passed

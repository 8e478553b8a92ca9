"""Real clients at the registry: skopeo and podman."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.tools import builder, tool

PATH = f"{os.environ['PATH']}:/usr/sbin:/sbin"


@pytest.fixture
def skopeo(password: str, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    program = tool("skopeo")

    def run(verb: str, *arguments: str, check: bool = True, creds: str = password) -> Any:
        options = {
            "copy": ["--src-tls-verify=false", "--dest-tls-verify=false", "--src-creds", f"AWS:{creds}",
                     "--dest-creds", f"AWS:{creds}"],
        }.get(verb, ["--tls-verify=false", "--creds", f"AWS:{creds}"])  # fmt: skip
        done = subprocess.run(
            [program, "--insecure-policy", verb, *options, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            env={"HOME": str(tmp_path), "PATH": PATH, "XDG_RUNTIME_DIR": str(tmp_path)},
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    return run


def test_what_skopeo_pushes_the_api_shows_and_skopeo_pulls(ecr: Any, skopeo: Any, make: Any, tmp_path: Path) -> None:
    uri = ecr.create_repository(repositoryName="team/web")["repository"]["repositoryUri"]
    image = make({"app/hello": "hello"}, {"app/world": "x" * 200_000}, Cmd=["/app/hello"])
    skopeo("copy", image.into(tmp_path / "in", "v1"), f"docker://{uri}:v1")

    (detail,) = ecr.describe_images(repositoryName="team/web")["imageDetails"]
    layers = json.loads(image.manifest)["layers"]
    assert detail["imageDigest"] == image.digest
    assert detail["imageTags"] == ["v1"]
    assert detail["imageSizeInBytes"] == sum(layer["size"] for layer in layers)
    assert detail["imageManifestMediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert detail["artifactMediaType"] == "application/vnd.oci.image.config.v1+json"

    skopeo("copy", f"docker://{uri}@{image.digest}", f"oci:{tmp_path / 'out'}:v1")
    pulled = {file.name: file.read_bytes() for file in (tmp_path / "out/blobs/sha256").iterdir()}
    assert pulled[image.digest.removeprefix("sha256:")] == image.manifest
    assert set(image.blobs.values()) <= set(pulled.values())
    assert "lastRecordedPullTime" in ecr.describe_images(repositoryName="team/web")["imageDetails"][0]

    inspected = json.loads(skopeo("inspect", f"docker://{uri}:v1").stdout)
    assert (inspected["Digest"], inspected["RepoTags"]) == (image.digest, ["v1"])
    assert json.loads(skopeo("list-tags", f"docker://{uri}").stdout)["Tags"] == ["v1"]

    refused = skopeo("delete", f"docker://{uri}:v1", check=False)
    assert refused.returncode != 0 and "405" in refused.stderr
    assert len(ecr.describe_images(repositoryName="team/web")["imageDetails"]) == 1


def test_skopeo_reads_why_it_is_refused(ecr: Any, skopeo: Any, make: Any, tmp_path: Path) -> None:
    uri = ecr.create_repository(repositoryName="web", imageTagMutability="IMMUTABLE")["repository"]["repositoryUri"]
    skopeo("copy", make({"a": "1"}).into(tmp_path / "one", "v1"), f"docker://{uri}:v1")
    again = skopeo("copy", f"oci:{tmp_path / 'one'}:v1", f"docker://{uri}:v1", check=False)
    assert again.returncode != 0 and "the tag is immutable" in again.stderr
    other = make({"a": "2"}).into(tmp_path / "two", "v1")
    refused = skopeo("copy", other, f"docker://{uri}:v1", check=False)
    assert refused.returncode != 0
    assert (
        "The image tag 'v1' already exists in the 'web' repository and cannot be overwritten "
        "because the tag is immutable." in refused.stderr
    )
    unknown = skopeo("copy", other, f"docker://{uri.rsplit('/', 1)[0]}/nobody:v1", check=False)
    assert "The repository with name 'nobody' does not exist in the registry with id '000000000000'" in unknown.stderr
    assert "unauthorized" in skopeo("inspect", f"docker://{uri}:v1", check=False, creds="wrong").stderr.lower()


def test_a_copy_between_repositories_and_a_docker_manifest(ecr: Any, skopeo: Any, make: Any, tmp_path: Path) -> None:
    first = ecr.create_repository(repositoryName="first")["repository"]["repositoryUri"]
    second = ecr.create_repository(repositoryName="second")["repository"]["repositoryUri"]
    skopeo("copy", make({"a": "1"}).into(tmp_path / "in", "v1"), f"docker://{first}:v1")
    ecr.put_account_setting(name="BLOB_MOUNTING", value="ENABLED")
    skopeo("copy", "--format", "v2s2", f"docker://{first}:v1", f"docker://{second}:v1")
    (detail,) = ecr.describe_images(repositoryName="second")["imageDetails"]
    assert detail["imageManifestMediaType"] == "application/vnd.docker.distribution.manifest.v2+json"
    assert detail["artifactMediaType"] == "application/vnd.docker.container.image.v1+json"


def test_podman_logs_in_pushes_and_pulls(
    host: Any, ecr: Any, push: Any, password: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    program = builder("podman")
    image = push("web", "for podman", "v1")
    uri = f"127.0.0.1:{host.port}/web"

    short = Path(tempfile.mkdtemp())  # podman refuses a runroot of more than 50 characters
    request.addfinalizer(lambda: shutil.rmtree(short, ignore_errors=True))

    def podman(*arguments: str) -> str:
        storage = ["--root", str(short / "root"), "--runroot", str(short / "run"), "--storage-driver", "vfs"]
        done = subprocess.run(
            [program, *storage, *arguments], capture_output=True, text=True, timeout=90, input=password,
            env={"HOME": str(tmp_path), "PATH": PATH, "XDG_RUNTIME_DIR": str(tmp_path)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    podman("login", "--tls-verify=false", "-u", "AWS", "--password-stdin", f"127.0.0.1:{host.port}")
    podman("pull", "--tls-verify=false", f"{uri}@{image.digest}")
    podman("tag", f"{uri}@{image.digest}", f"{uri}:v2")
    podman("push", "--tls-verify=false", f"{uri}:v2")
    tags = {tag for detail in ecr.describe_images(repositoryName="web")["imageDetails"] for tag in detail["imageTags"]}
    assert tags == {"v1", "v2"}

"""Container engines that can execute a RUN: docker, podman, buildah."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

from .dockerfile import Dockerfile, Stage
from .errors import ImageError
from .image import Image
from .layer import compress_layer, plain_layer
from .layout import Layout
from .platform import Platform

ENGINES = ("docker", "podman", "buildah")
_LONGEST_RUNROOT = 50
_TAG = "drydock-build:latest"
_KEPT = ("architecture", "author", "config", "created", "history", "os", "rootfs", "variant")
_KEPT_RUN = (
    "Cmd", "Entrypoint", "Env", "ExposedPorts", "Healthcheck", "Labels", "Shell", "StopSignal", "User", "Volumes",
    "WorkingDir",
)  # fmt: skip
_KEPT_STEP = ("author", "created", "created_by", "empty_layer")


@dataclass(frozen=True)
class Engine:
    """A command that builds images."""

    name: str

    def works(self) -> bool:
        """Whether it is installed and, if it needs a server, reaches it."""
        ask = {
            "docker": ["version", "--format", "{{.Server.Version}}"],
            "podman": ["--storage-driver", "vfs", "--version"],  # a client without a store of its own refuses
            "buildah": ["--version"],
        }
        if shutil.which(self.name) is None:
            return False
        try:
            return subprocess.run([self.name, *ask[self.name]], capture_output=True, timeout=15).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            return False


def choose(name: str | None) -> Engine | None:
    """The engine asked for, or the first one that works here. Raises ImageError if the one asked for doesn't."""
    if name is None:
        return next((engine for engine in map(Engine, ENGINES) if engine.works()), None)
    if name not in ENGINES:
        raise ImageError(f"no builder is called {name!r}; choose one of {', '.join(ENGINES)}, or none")
    if not Engine(name).works():
        raise ImageError(f"{name} is not installed or does not answer; start it, or choose another builder")
    return Engine(name)


def build(
    engine: Engine,
    dockerfile: Dockerfile,
    context: Path,
    *,
    target: Stage,
    images: Mapping[int, Image],
    ignore: str,
    build_args: Mapping[str, str],
    platform: Platform,
    layout: Layout,
    output: Callable[[str], None],
) -> Image:
    """Have an engine build a whole Dockerfile, and take the image into a layout.

    `images` are the bases of the stages that are needed, by stage index; a stage that is not needed has
    none. The engine pulls nothing, and keeps nothing: podman and buildah work in a directory of their own.
    """
    directory = None if len(gettempdir()) <= _LONGEST_RUNROOT - 25 else "/tmp"
    with TemporaryDirectory(prefix="drydock-build-", dir=directory) as name:
        work = Path(name)
        session = _Session(engine.name, work, output)
        try:
            tags = {index: f"drydock-base:{image.digest[7:19]}" for index, image in images.items()}
            for index, image in images.items():
                _export(image, tags[index], work / "base.tar")
                session.load(work / "base.tar", tags[index])
            file = work / "Dockerfile"
            file.write_text(_rewritten(dockerfile, target, tags))
            (work / "Dockerfile.dockerignore").write_text(ignore)
            session.build(file, context, target, build_args, platform)
            session.save(work / "built.tar")
            return _import(work / "built.tar", layout)
        finally:
            session.close()


class _Session:
    """Calls of one engine for one build."""

    def __init__(self, name: str, work: Path, output: Callable[[str], None]) -> None:
        self._name, self._work, self._output = name, work, output
        self._tags = [_TAG]
        self._command = [name]
        if name != "docker":
            storage = ["--root", work / "root", "--runroot", work / "run", "--storage-driver", "vfs"]
            self._command += [str(word) for word in storage]
        if name == "podman":
            self._command += ["--cgroup-manager", "cgroupfs", "--events-backend", "file"]

    def load(self, archive: Path, tag: str) -> None:
        self._tags.append(tag)
        if self._name == "buildah":
            self._run("pull", f"docker-archive:{archive}")
        else:
            self._run("load", "--input", str(archive))

    def build(
        self, file: Path, context: Path, target: Stage, build_args: Mapping[str, str], platform: Platform
    ) -> None:
        words = ["build", "--network", "host", "--file", str(file), "--tag", _TAG, "--platform", str(platform)]
        if target.name:
            words += ["--target", target.name]
        for name, value in build_args.items():
            words += ["--build-arg", f"{name}={value}"]
        if self._name == "docker":
            words += ["--pull=false", "--provenance=false", "--build-arg", "SOURCE_DATE_EPOCH=0"]
        else:
            words += ["--pull=never", "--layers", "--format", "docker", "--timestamp", "0", "--ignorefile"]
            words += [str(file.with_name("Dockerfile.dockerignore"))]
        self._run(*words, str(context), show=True)

    def save(self, archive: Path) -> None:
        if self._name == "buildah":
            self._run("push", _TAG, f"docker-archive:{archive}:{_TAG}")
        elif self._name == "podman":
            self._run("save", "--format", "docker-archive", "--output", str(archive), _TAG)
        else:
            self._run("save", "--output", str(archive), _TAG)

    def close(self) -> None:
        words = ["rmi", *self._tags] if self._name == "docker" else ["rmi", "--all", "--force"]
        subprocess.run([*self._command, *words], capture_output=True)

    def _run(self, *words: str, show: bool = False) -> None:
        process = subprocess.Popen(
            [*self._command, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, "DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain"},
        )
        said: list[str] = []
        with process:
            for line in process.stdout or ():
                said.append(line.rstrip())
                if show:
                    self._output(f"  {line.rstrip()}")
        if process.returncode:
            raise ImageError(f"{self._name} {words[0]} failed ({process.returncode}): {' / '.join(said[-3:])}")


def _rewritten(dockerfile: Dockerfile, target: Stage, tags: Mapping[int, str]) -> str:
    """The Dockerfile with each needed base under the tag it is loaded as, up to the target."""
    lines = dockerfile.text.splitlines()
    out = lines[: dockerfile.stages[0].line - 1]
    for stage in dockerfile.stages[: target.index + 1]:
        following = dockerfile.stages[stage.index + 1 :]
        end = following[0].line - 1 if following else len(lines)
        named = f" AS {stage.name}" if stage.name else ""
        if stage.index in tags:
            out += [f"FROM {tags[stage.index]}{named}", *lines[stage.last_line : end]]
        else:
            out += lines[stage.line - 1 : end]
    return "\n".join(out) + "\n"


def _export(image: Image, tag: str, archive: Path) -> None:
    """Write an image as `docker load` reads it."""
    config = image.layout.read(image.described["config"]["digest"])
    name = f"{image.described['config']['digest'][7:]}.json"
    layers = [f"{layer.diff_id[7:]}.tar" for layer in image.layers]
    with tarfile.open(archive, "w") as tar:
        _put(tar, name, config)
        for layer, file in zip(image.layers, layers, strict=True):
            with image.layout.open(layer.digest) as blob, plain_layer(blob) as plain:
                _put(tar, file, plain.read())
        _put(tar, "manifest.json", json.dumps([{"Config": name, "RepoTags": [tag], "Layers": layers}]).encode())


def _put(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def _import(archive: Path, layout: Layout) -> Image:
    """Take in an image as `docker save` writes it."""
    with tarfile.open(archive) as tar:

        def member(name: str) -> tarfile.ExFileObject:
            found = tar.extractfile(name)
            assert found is not None, name
            return found  # type: ignore[return-value]

        described = json.load(member("manifest.json"))[0]
        config = json.load(member(described["Config"]))
        layers = []
        for name in described["Layers"]:
            with plain_layer(member(name)) as plain:
                layers.append(compress_layer(plain, layout).descriptor)
    kept = _only(config, _KEPT)
    kept["config"] = {key: value for key, value in _only(config["config"], _KEPT_RUN).items() if value}
    kept["rootfs"] = {"type": "layers", "diff_ids": config["rootfs"].get("diff_ids") or []}
    kept["history"] = [_only(step, _KEPT_STEP) for step in config.get("history", ())]
    return Image.write(layout, kept, layers)


def _only(found: Mapping[str, Any], keys: Iterable[str]) -> dict[str, Any]:
    """An engine's own notes (host names, ids of this one build) are no part of an image."""
    return {key: found[key] for key in keys if key in found}

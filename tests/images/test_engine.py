"""RUN, executed by podman or buildah where one is there (Debian packages podman, buildah)."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.images import unpack
from tests.support.tools import any_builder, builder

from drydock.images import Change, DockerfileError, Image, ImageError

Build = Callable[..., Image]

DOCKERFILE = """\
ARG BASE=shell:1
FROM ${BASE} AS build
ARG GREETING=hello
COPY . /w
RUN echo $GREETING \\
  > /out && cd /w && echo * > /seen
FROM nowhere.invalid/image AS unneeded
RUN false
FROM scratch AS final
COPY --from=build /out /seen /
HEALTHCHECK --interval=3s CMD ["/x"]
"""


@pytest.fixture
def engine() -> str:
    """One that works; buildah first, which is quicker."""
    return any_builder("buildah", "podman")


@pytest.mark.parametrize("engine", ["podman", "buildah"])
def test_run_is_executed_and_the_image_comes_into_the_layout(
    make: Build, shell_base: str, engine: str, said: list[str], tmp_path: Path
) -> None:
    builder(engine)
    files = {"kept": "1", ".env": "2", "noise.log": "3", ".dockerignore": "*.log\nDockerfile\n"}
    image = make(DOCKERFILE, files, builder=engine, build_args={"GREETING": "ahoy"}, tags=["run:1"])
    assert image.read("out") == b"ahoy\n"
    assert image.read("seen") == b"kept\n"
    assert image.settings.healthcheck is not None and image.settings.healthcheck.interval == 3.0
    assert Image.open("run:1", image.layout) == image
    assert any(f"{engine} builds final" in line for line in said)
    again = make(DOCKERFILE, builder=engine, build_args={"GREETING": "ahoy"})
    assert again.digest == image.digest


def test_a_base_keeps_its_layers(make: Build, shell_base: str, engine: str) -> None:
    image = make(f"FROM {shell_base}\nRUN echo 1 > /one\n", builder=engine)
    assert image.layers[0].digest == Image.open(shell_base, image.layout).layers[0].digest
    assert image.read("/one") == b"1\n"


def test_what_a_run_deletes_is_still_in_the_layer_below(
    make: Build, shell_base: str, engine: str, tmp_path: Path
) -> None:
    image = make(f"FROM {shell_base}\nCOPY .env keep /srv/\nRUN rm /srv/.env\n", {".env": "TOKEN=hush", "keep": "1"})
    assert len(image.layers) == 3
    assert [c for c in image.changes(2) if c.path.startswith("srv/")] == [Change("deleted", "srv/.env")]
    assert image.read_layer_file(1, "srv/.env") == b"TOKEN=hush"
    unpack(image.manifest, image.layout.open, tmp_path / "root")
    assert [path.name for path in (tmp_path / "root/srv").iterdir()] == ["keep"]


def test_an_engine_is_found_for_a_run_only(make: Build, shell_base: str, engine: str, said: list[str]) -> None:
    assert make(DOCKERFILE, {"a": "1"}, target="build").read("out") == b"hello\n"
    said.clear()
    make(f"FROM {shell_base}\nCOPY a /a\n")
    assert not any("builds" in line for line in said)


def test_a_command_that_fails_fails_the_build(make: Build, shell_base: str, engine: str) -> None:
    with pytest.raises(ImageError, match=f"{engine} build failed"):
        make(f"FROM {shell_base}\nRUN exit 3\n", builder=engine)


def test_the_stand_in_can_run_nothing(make: Build, engine: str) -> None:
    with pytest.raises(DockerfileError, match=r'^Dockerfile:3: RUN needs a real base.*base_images="registry"'):
        make("FROM python:3.12 AS a\nFROM a\nRUN pip install x\n")


def test_copy_from_an_image_beside_a_run_is_refused(make: Build, shell_base: str, engine: str) -> None:
    with pytest.raises(DockerfileError, match=r"^Dockerfile:3: .*write FROM <image> AS"):
        make(f"FROM {shell_base}\nRUN true\nCOPY --from={shell_base} /bin/sh /sh\n", builder=engine)


def test_engines_that_are_not_there(make: Build, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="choose one of docker, podman, buildah"):
        make("FROM scratch\n", builder="kaniko")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImageError, match="docker is not installed"):
        make("FROM scratch\n", builder="docker")


def test_podman_runs_what_the_embedded_builder_made(make: Build, shell_base: str, tmp_path: Path) -> None:
    builder("podman")
    image = make(f"FROM {shell_base}\nCOPY a /srv/a\nWORKDIR /srv\nENV WHO=me\n", {"a": "1"}, tags=["local/run:1"])
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="run-") as runroot:  # podman takes 50 characters at most
        podman = [
            "podman", "--root", str(tmp_path / "root"), "--runroot", runroot, "--storage-driver", "vfs",
            "--cgroup-manager", "cgroupfs", "--events-backend", "file",
        ]  # fmt: skip
        pulled = subprocess.check_output([*podman, "pull", "--quiet", f"oci:{image.path}:local/run:1"], text=True)
        command = ["run", "--rm", "--network", "host", "--ulimit", "nofile=512:512", "--ulimit", "nproc=512:512"]
        done = subprocess.run(
            [*podman, *command, pulled.strip(), "sh", "-c", "echo $WHO $PWD *"], capture_output=True, text=True
        )
        subprocess.run([*podman, "rmi", "--all", "--force"], capture_output=True)
    assert done.stdout == "me /srv a\n", done.stderr


@pytest.mark.parametrize(
    "dockerfile",
    [
        "FROM scratch\nCOPY a /x\nCOPY a /dir/\nCOPY d /dd\nCOPY d/ /dd2/\nCOPY *.go /go/\nWORKDIR /w/v\n"
        "COPY a b.go ./\nCOPY . /all\nCOPY top /t\nCOPY flink /f\nCOPY d/lnk /l/\n",
        "FROM scratch AS s\nCOPY --chown=3:4 d /dd\nFROM scratch\nCOPY --from=s /dd /n\nCOPY --from=s /dd/x /m/\n"
        "COPY --chown=7:8 d /dd\nCOPY --chown=5 a /n/m/\nCOPY a /dd/e/y\nUSER 12:13\n",
        'FROM scratch\nARG A=1\nENV B=${A}x C="q w" D=${B:-z} PATH=/x:$PATH\nLABEL a="$B" b=\'$B\'\nEXPOSE 80 9/udp\n'
        'VOLUME /v\nSTOPSIGNAL 9\nHEALTHCHECK --interval=3s CMD foo\nENTRYPOINT ["/x"]\nCMD a b\n',
    ],
    ids=["paths", "owners", "config"],
)
def test_buildah_makes_the_same_of_it(make: Build, context: Path, dockerfile: str) -> None:
    builder("buildah")
    files = {"a": "1", "b.go": "2", "d/x": "4", "d/e/y": "5", "d/e/z.log": "6", ".dockerignore": "**/*.log\n"}
    for path in files:
        (context / path).parent.mkdir(parents=True, exist_ok=True)
    for link, target in {"d/lnk": "x", "top": "d/e", "flink": "a"}.items():
        (context / link).symlink_to(target)
    (context / "d/e").chmod(0o711)
    ours, theirs = make(dockerfile, files), make(dockerfile, builder="buildah")
    seen = [
        [(e.path, e.kind, e.kind == "symlink" or e.mode, e.uid, e.gid, e.link, e.read()) for e in image.files()]
        for image in (ours, theirs)
    ]
    assert seen[0] == seen[1]
    assert {k: v for k, v in theirs.config["config"].items() if k != "Labels"} == {
        k: v for k, v in ours.config["config"].items() if k != "Labels"
    }
    assert {k: v for k, v in theirs.settings.labels.items() if k != "io.buildah.version"} == ours.settings.labels

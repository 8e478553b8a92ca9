"""Building images. A rule that is BuildKit's has its values from frontend/dockerfile/*_test.go there."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.images import unpack
from tests.support.tools import tool

from drydock.images import DockerfileError, Image, ImageError, Layout, build
from drydock.images.standin import LABEL

Build = Callable[..., Image]


def paths(image: Image) -> set[str]:
    return {entry.path for entry in image.files() if entry.kind != "directory"}


def owners(image: Image) -> dict[str, str]:
    return {entry.path: f"{entry.uid}:{entry.gid}" for entry in image.files()}


def modes(image: Image) -> dict[str, int]:
    return {entry.path: entry.mode for entry in image.files()}


# The image


@pytest.mark.process
def test_the_layout_is_one_that_others_read(make: Build, layout: Layout) -> None:
    image = make("FROM scratch\nCOPY a /a\nCMD ['/a']\nLABEL x=y\n", {"a": "1"}, tags=["team/app:1"])
    for blob in (layout.path / "blobs" / "sha256").iterdir():
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    tool("skopeo")
    seen = json.loads(subprocess.check_output(["skopeo", "inspect", f"oci:{layout.path}:team/app:1"]))
    assert seen["Digest"] == image.digest
    assert seen["Labels"] == {"x": "y"}
    assert seen["Created"] == "1970-01-01T00:00:00Z"
    copied = layout.path.parent / "copied"
    subprocess.run(
        ["skopeo", "copy", "--quiet", f"oci:{layout.path}:team/app:1", f"dir:{copied}"], check=True
    )  # fmt: skip
    assert (copied / "manifest.json").read_bytes() == image.manifest


def test_equal_input_gives_an_equal_digest(make: Build, context: Path, tmp_path: Path) -> None:
    dockerfile = 'FROM python:3.12-slim\nWORKDIR /app\nCOPY . .\nENV A=1\nCMD ["python", "b/main.py"]\n'
    first = make(dockerfile, {"b/main.py": "print()", "a.txt": "1", "z": "2"})
    twin = tmp_path / "twin"
    twin.mkdir()
    for name in ("z", "a.txt", "Dockerfile", "b/main.py"):
        (twin / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(context / name, twin / name)
        os.utime(twin / name, (1, 10**9))
    second = build(twin, layout=Layout(tmp_path / "other"), output=lambda line: None)
    assert second.digest == first.digest
    (twin / "a.txt").write_text("other")
    assert build(twin, layout=Layout(tmp_path / "other"), output=lambda line: None).digest != first.digest


def test_layers_are_plain_deterministic_tars(make: Build, layout: Layout) -> None:
    image = make("FROM scratch\nCOPY . /srv/\n", {"b/c": "1", "a": "2"})
    with layout.open(image.layers[0].digest) as blob:
        head = blob.read(10)
        blob.seek(0)
        with tarfile.open(fileobj=blob) as tar:
            members = tar.getmembers()
    assert head[:4] == b"\x1f\x8b\x08\x00"
    assert head[4:8] == b"\0\0\0\0"
    names = [member.name for member in members]
    assert names == sorted(names, key=lambda name: name.split("/")) and names[0] == "srv"
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, 0, "", "")}


def test_config_holds_what_the_instructions_say(make: Build) -> None:
    image = make(
        "FROM scratch\n"
        "ENV A=1 B='two words'\nENV A=${A}x\n"
        "WORKDIR /srv\nWORKDIR app\n"
        'LABEL a=1 "b c"=2\n'
        'EXPOSE 80 53/udp\nVOLUME ["/data"]\nUSER 1000:1000\nSTOPSIGNAL SIGINT\n'
        'SHELL ["/bin/bash", "-c"]\n'
        "HEALTHCHECK --interval=5s CMD true\n"
        'ENTRYPOINT ["/app"]\nCMD serve --fast\n'
    )
    run = image.config["config"]
    assert run["Env"][1:] == ["A=1x", "B=two words"]
    assert run["Cmd"] == ["/bin/bash", "-c", "serve --fast"]
    assert run["Volumes"] == {"/data": {}}
    seen = image.settings
    assert (seen.entrypoint, seen.working_dir, seen.user, seen.stop_signal) == (
        ("/app",), "/srv/app", "1000:1000", "SIGINT"
    )  # fmt: skip
    assert seen.exposed_ports == ("53/udp", "80/tcp")
    assert seen.labels == {"a": "1", "b c": "2"}
    assert seen.healthcheck is not None and (seen.healthcheck.test, seen.healthcheck.interval) == (
        ("CMD-SHELL", "true"), 5.0
    )  # fmt: skip
    assert seen.env["B"] == "two words"


def test_entrypoint_drops_the_cmd_of_the_base_but_not_its_own(make: Build) -> None:
    base = 'FROM scratch AS base\nCMD ["old"]\nFROM base\n'
    assert make(base + 'ENTRYPOINT ["new"]\n').settings.cmd is None
    assert make(base + 'CMD ["mine"]\nENTRYPOINT ["new"]\n').settings.cmd == ("mine",)


def test_history_names_the_instruction_of_each_layer(make: Build) -> None:
    image = make("FROM scratch\nARG TOKEN=hush\nCOPY a /\nENV X=1\nWORKDIR /w\nWORKDIR /w\n", {"a": "1"})
    assert [(step.created_by, step.layer) for step in image.history] == [
        ("ARG TOKEN=hush", None), ("COPY a /", 0), ("ENV X=1", None), ("WORKDIR /w", 1), ("WORKDIR /w", None)
    ]  # fmt: skip
    assert [layer.created_by for layer in image.layers] == ["COPY a /", "WORKDIR /w"]


# Variables


def test_scopes_of_arg_and_env(make: Build, said: list[str]) -> None:
    dockerfile = (
        "ARG VERSION=1\nARG PLAIN=p\n"
        "FROM scratch AS base\nARG VERSION\nENV FROM_ARG=$VERSION NONE=[$PLAIN]\n"
        "FROM base\nARG VERSION=default\nARG OTHER=${VERSION}-x\n"
        "ENV SECOND=$VERSION THIRD=$OTHER PLATFORM=$TARGETARCH\n"
    )
    env = make(dockerfile).settings.env
    assert (env["FROM_ARG"], env["NONE"], env["SECOND"], env["THIRD"]) == ("1", "[]", "default", "default-x")
    assert env["PLATFORM"] == ""
    env = make(dockerfile, build_args={"VERSION": "9", "NOBODY": "1"}).settings.env
    assert (env["FROM_ARG"], env["SECOND"], env["THIRD"]) == ("9", "9", "9-x")
    assert any("Dockerfile:5: $PLAIN is not set" in line for line in said)
    assert "warning: build arg NOBODY is used by no ARG" in said


def test_a_stage_has_the_arguments_of_the_stage_it_is_from(make: Build) -> None:
    dockerfile = (
        "ARG G=g\n"
        "FROM scratch AS base\nARG V=1\nARG G\nENV E=env\nARG E=arg\n"
        "FROM base AS middle\n"
        "FROM middle\nARG G\nCOPY f$V /out/\nENV ALL=$V$G$E\n"
    )
    image = make(dockerfile, {"f1": "", "f2": ""})
    assert (paths(image), image.settings.env["ALL"]) == ({"out/f1"}, "1genv")
    image = make(dockerfile, build_args={"V": "2"})
    assert (paths(image), image.settings.env["ALL"]) == ({"out/f2"}, "2genv")


def test_platform_arguments(make: Build) -> None:
    image = make("FROM scratch\nARG TARGETARCH\nENV A=$TARGETARCH\n", platform="linux/arm64")
    assert image.settings.env["A"] == image.config["architecture"] == "arm64"


def test_an_error_that_a_variable_asks_for_names_the_line(make: Build) -> None:
    dockerfile = 'FROM scratch\nARG FOO\nARG BAR=${FOO:?"foo missing"}\n'
    with pytest.raises(DockerfileError, match=r"Dockerfile:3: .*FOO: foo missing"):
        make(dockerfile)
    assert make(dockerfile, build_args={"FOO": "1"})


# Stages


@pytest.mark.process
def test_stages_that_the_target_does_not_need_are_skipped(make: Build, said: list[str]) -> None:
    dockerfile = (
        "FROM scratch AS used\nCOPY a /a\n"
        "FROM nowhere.invalid/image AS unused\nRUN exit 1\nCOPY missing /\n"
        "FROM scratch AS final\nCOPY --from=used /a /b\n"
    )
    assert paths(make(dockerfile, {"a": "1"}, base_images="registry")) == {"b"}
    assert "[unused] skipped: final does not need it" in said
    with pytest.raises(DockerfileError):
        make(dockerfile + "COPY --from=unused /x /x\n")
    said.clear()
    assert paths(make(dockerfile, target="USED")) == {"a"}
    assert not any("final" in line for line in said)


def test_copy_from_a_stage_by_name_number_or_of_an_image(make: Build) -> None:
    make("FROM scratch\nCOPY a /lib/a\n", {"a": "1"}, tags=["parts:1"])
    image = make(
        "FROM scratch AS one\nCOPY a /one\nFROM one AS two\nCOPY a /two\n"
        "FROM scratch\nCOPY --from=0 /one /x/\nCOPY --from=TWO / /y/\nCOPY --from=parts:1 lib/ /z\n"
    )
    assert paths(image) == {"x/one", "y/one", "y/two", "z/a"}


@pytest.mark.parametrize(
    ("dockerfile", "says"),
    [
        ("FROM scratch AS a\nCOPY --from=b /x /\nFROM a AS b\n", "Dockerfile:2: .*comes later"),
        ("FROM scratch\nCOPY --from=7 /x /\n", "Dockerfile:2: .*counted from 0"),
        ("ARG S=a\nFROM scratch AS a\nFROM scratch\nCOPY --from=$S /x /\n", "Dockerfile:4: .*variables are not"),
        ("FROM $NOTHING\n", "Dockerfile:1: .*names no image"),
        ("FROM alpine:3\n", "Dockerfile:1: .*only python:\\* has a stand-in"),
        ("FROM 127.0.0.1:9/app:1\n", "Dockerfile:1: .*does not answer"),
        ("FROM UPPER:1\n", "Dockerfile:1: .*lower case"),
        ("FROM scratch\nCOPY --from=alpine /x /\n", "Dockerfile:2: .*no image alpine"),
    ],
)
def test_bases_and_sources_that_are_not_there(make: Build, dockerfile: str, says: str) -> None:
    with pytest.raises(DockerfileError, match=says):
        make(dockerfile)


def test_a_base_from_the_layout(make: Build) -> None:
    base = make("FROM scratch\nCOPY a /a\nENV X=1\nUSER 7\n", {"a": "1"}, tags=["team/base:2"])
    image = make("FROM team/base:2\nCOPY a /b\n")
    assert image.layers[0] == base.layers[0]
    assert (image.settings.env["X"], image.settings.user, paths(image)) == ("1", "7", {"a", "b"})
    assert make(f"FROM team/base@{base.digest}\n").layers == base.layers


# The stand-in


@pytest.mark.process
def test_the_stand_in_for_python_says_so_and_runs_this_machines(make: Build, said: list[str], tmp_path: Path) -> None:
    image = make("FROM public.ecr.aws/docker/library/python:3.13-slim\nCOPY m.py /m.py\n", {"m.py": "print(6*7)"})
    assert image.settings.labels == {LABEL: "python"}
    assert any("stand-in" in line for line in said)
    unpack(image.manifest, image.layout.open, tmp_path / "root")
    output = subprocess.check_output(
        [tmp_path / "root/usr/local/bin/python", tmp_path / "root/m.py"], env={"DRYDOCK_PYTHON": sys.executable}
    )  # fmt: skip
    assert output == b"42\n"
    assert image.layers[0] == make("FROM python:3.9\n").layers[0]


def test_nobody_of_the_stand_in_owns_files(make: Build) -> None:
    image = make("FROM python:3\nCOPY --chown=nobody a /a\nCOPY --chown=nobody:root a /b\n", {"a": "1"})
    assert (owners(image)["a"], owners(image)["b"]) == ("65534:65534", "65534:0")
    with pytest.raises(DockerfileError, match=r"Dockerfile:2: .*has no 'app'"):
        make("FROM python:3\nCOPY --chown=app a /\n")


# COPY


def test_copy_into_directories_and_onto_names(make: Build) -> None:
    image = make(
        "FROM scratch\nWORKDIR /w\n"
        "COPY a new\nCOPY a dir/\nCOPY d /contents\nCOPY d d2/\nCOPY a d/b .\nCOPY a dir\nCOPY ./d/.. /all/\n",
        {"a": "1", "d/b": "2", "d/e/f": "3"},
    )
    assert paths(image) == {
        "w/new", "w/dir/a", "contents/b", "contents/e/f", "w/d2/b", "w/d2/e/f", "w/a", "w/b",
        "all/a", "all/d/b", "all/d/e/f", "all/Dockerfile",
    }  # fmt: skip


def test_copy_wildcards(make: Build, said: list[str]) -> None:
    files = {"foo.go": "1", "foo.py": "2", "bar.go": "3", "d1/x": "4", "d2/x": "5", "d2/y": "6", "w[1].txt": "7"}
    image = make(
        "FROM scratch\nCOPY *.go /go/\nCOPY d?/x /x/\nCOPY [^f]*.go /not/\nCOPY w\\\\[1].txt /e/\n"
        "COPY foo* no* /both/\n",
        files,
    )
    assert paths(image) == {
        "go/foo.go", "go/bar.go", "x/x", "not/bar.go", "e/w[1].txt", "both/foo.go", "both/foo.py"
    }  # fmt: skip
    assert image.read("x/x") == b"5"
    assert any("nothing matches no*" in line for line in said)


def test_copy_follows_links_that_are_named_and_keeps_those_inside(make: Build, context: Path) -> None:
    (context / "sub").mkdir()
    (context / "bar").write_text("bar-contents")
    (context / "foo").symlink_to("bar")
    (context / "sub/second").symlink_to("baz")
    (context / "sub/l1").symlink_to("second")
    (context / "sub/baz").write_text("baz-contents")
    (context / "out").symlink_to("/etc/passwd")
    (context / "up").symlink_to("../../../../etc/passwd")
    image = make("FROM scratch\nCOPY foo /\nCOPY sub/l* all/\nCOPY sub /kept\nCOPY Dockerfile /link\n")
    assert image.read("foo") == b"bar-contents"
    assert image.read("all/l1") == b"baz-contents"
    assert {e.path: e.link for e in image.files() if e.kind == "symlink"} == {"kept/l1": "second", "kept/second": "baz"}
    for escape in ("out", "up"):
        with pytest.raises(DockerfileError, match=f"no {escape} in|{escape}"):
            make(f"FROM scratch\nCOPY {escape} /x\n")


def test_copy_through_links_of_the_image(make: Build) -> None:
    image = make(
        "FROM scratch AS base\nCOPY root /\nFROM base\nCOPY a /lib/a\nCOPY a /abs/a\nWORKDIR /lib/deep\n",
        {"a": "1", "root/usr/lib/keep": "0"},
    )
    assert paths(image) >= {"lib/a", "abs/a"}
    source = Path(image.layout.path.parent / "context/root")
    (source / "lib").symlink_to("usr/lib")
    (source / "deep").mkdir()
    (source / "deep/abs").symlink_to("/usr/lib")
    image = make("FROM scratch AS base\nCOPY root /\nFROM base\nCOPY a /lib/a\nCOPY a /deep/abs/b\nWORKDIR /lib/deep\n")
    assert paths(image) == {"usr/lib/keep", "usr/lib/a", "usr/lib/b", "lib", "deep/abs"}
    assert "usr/lib/deep" in modes(image)


def test_owners(make: Build) -> None:
    image = make(
        "FROM scratch AS source\nCOPY --chown=100:200 f /file\nCOPY --chown=101:201 d /dir\n"
        "FROM scratch\n"
        "COPY --from=source /dir /dir\nCOPY --from=source --chown=300:400 /dir/. /new/deep/\n"
        "COPY --from=source /file /file\nCOPY f /plain\nCOPY --chown=55 f /same\n",
        {"f": "1", "d/sub/nested": "2"},
    )
    assert owners(image) == {
        "dir": "0:0", "dir/sub": "101:201", "dir/sub/nested": "101:201", "file": "100:200", "plain": "0:0",
        "same": "55:55", "new": "300:400", "new/deep": "300:400", "new/deep/sub": "300:400",
        "new/deep/sub/nested": "300:400",
    }  # fmt: skip


def test_a_working_directory_that_is_made_belongs_to_the_user(make: Build) -> None:
    image = make("FROM scratch\nUSER 12:13\nWORKDIR /made/by\nCOPY a b/\n", {"a": "1"})
    assert owners(image) == {"made": "12:13", "made/by": "12:13", "made/by/b": "0:0", "made/by/b/a": "0:0"}


def test_existing_directories_keep_their_mode_and_owner(make: Build, context: Path) -> None:
    (context / "d/sub").mkdir(parents=True, mode=0o700)
    image = make(
        "FROM scratch AS base\nCOPY --chown=5:6 --chmod=750 d /there\nFROM base\nCOPY --chown=7:8 d /there\n",
        {"d/sub/x": "1", "d/y": "2"},
    )
    assert (owners(image)["there"], owners(image)["there/sub"], modes(image)["there/sub"]) == ("5:6", "5:6", 0o750)
    assert owners(image)["there/y"] == "7:8"


def test_modes(make: Build, context: Path) -> None:
    (context / "script").write_text("#!/bin/sh\n")
    (context / "script").chmod(0o750)
    image = make(
        "FROM scratch\nARG MODE\nCOPY script /kept\nCOPY --chmod=0644 script /a\nCOPY --chmod=0 script /b\n"
        "COPY --chmod=777 script /parent/foo\nCOPY --chmod=${MODE} script /m\n",
        build_args={"MODE": "4755"},
    )
    assert modes(image) == {"kept": 0o750, "a": 0o644, "b": 0, "parent": 0o777, "parent/foo": 0o777, "m": 0o4755}
    for wrong in ("u+x", "0888", "17777"):
        with pytest.raises(DockerfileError, match="octal"):
            make(f"FROM scratch\nCOPY --chmod={wrong} script /\n")


def test_dockerignore_keeps_files_out(make: Build, context: Path) -> None:
    files: dict[str, str | bytes] = {
        ".env": "SECRET=1",
        "app/a.py": "1",
        "app/a.pyc": "2",
        "vendor/keep": "3",
        "vendor/no": "4",
    }
    assert ".env" in paths(make("FROM scratch\nCOPY . /\n", files))
    image = make("FROM scratch\nCOPY . /\n", {".dockerignore": ".env\n**/*.pyc\nvendor\n!vendor/keep\n"})
    assert paths(image) == {".dockerignore", "Dockerfile", "app/a.py", "vendor/keep"}
    with pytest.raises(DockerfileError, match=r"Dockerfile:2: \.env is kept out by \.dockerignore"):
        make("FROM scratch\nCOPY .env /\n")
    assert paths(make("FROM scratch\nCOPY . /\n", {"Dockerfile.dockerignore": "*\n!app\n"})) == {
        "app/a.py",
        "app/a.pyc",
    }


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("COPY missing /", "no missing in"),
        ("COPY ../secret /", "outside what can be copied"),
        ("COPY a ../../x", "would leave the image's root"),
        ("COPY a /x/../../y", "would leave the image's root"),
        ("WORKDIR ../..", "would leave the image's root"),
        ("COPY a b /nowhere", "is not a directory; end it with a slash"),
        ("COPY d /file", "a file in the image"),
        ("COPY a /file/x", "is a file in the image"),
        ("COPY over /dir", "can't be copied over the directory /dir/x"),
        ("COPY [z /", "\\[ without its \\]"),
        ("WORKDIR /file", "is a file in the image"),
        ("ADD https://example.com/x /", "nothing is fetched"),
        ("ADD git@example.com:x.git /", "nothing is fetched"),
        ("ADD pack.tgz /", "ADD would unpack"),
        ("COPY https://example.com/x /", "nothing is fetched"),
        ("STOPSIGNAL SIGNOPE", "is no signal"),
        ("EXPOSE http", "is not a port"),
        ("USER ${X:?who}", "X: who"),
        ('VOLUME [""]', "empty path"),
    ],
)
def test_refused_with_the_line(make: Build, line: str, says: str) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("x"))
    files = {"a": "1", "b": "2", "d/x/y": "3", "over/x": "4", "pack.tgz": packed.getvalue()}
    with pytest.raises(DockerfileError, match=f"^Dockerfile:4: .*{says}"):
        make(f"FROM scratch\nCOPY a /file\nCOPY d /dir\n{line}\n", files)


def test_add_copies_local_files_even_compressed_ones(make: Build) -> None:
    assert paths(make("FROM scratch\nADD a.gz b /x/\n", {"a.gz": b"\x1f\x8b not a tar", "b": "1"})) == {"x/a.gz", "x/b"}


def test_run_is_refused_with_its_line_where_nothing_can_execute_it(
    make: Build, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        DockerfileError, match=r"^Dockerfile:3: RUN needs docker, podman or buildah.*\(RUN pip install x\)"
    ):
        make("FROM python:3 AS build\nWORKDIR /a\nRUN pip install x\nFROM scratch\nCOPY --from=build /a /a\n")


def test_a_context_that_is_not_there_and_a_dockerfile_that_is_not(make: Build, context: Path) -> None:
    with pytest.raises(ImageError, match="not a directory"):
        build(context / "nope")
    with pytest.raises(DockerfileError, match=r"^Other:1: no such file"):
        build(context, dockerfile="Other")


NAMES = st.sampled_from(["a", "b", "a.txt", ".env", "é"])
TREES: Any = st.recursive(
    st.binary(max_size=20), lambda inside: st.dictionaries(NAMES, inside, max_size=4), max_leaves=8
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=st.dictionaries(NAMES, TREES, max_size=4), mode=st.sampled_from([0o644, 0o600, 0o755]))
def test_what_is_copied_comes_out_again(tree: dict[str, Any], mode: int, tmp_path_factory: Any) -> None:
    base = tmp_path_factory.mktemp("copied")
    (base / "context/files").mkdir(parents=True)
    _write(base / "context/files", tree, mode)
    (base / "context/Dockerfile").write_text("FROM scratch\nCOPY files /\n")
    image = build(base / "context", layout=Layout(base / "layout"), output=lambda line: None)
    unpack(image.manifest, image.layout.open, base / "root")
    assert _read(base / "root") == _read(base / "context/files")


def _write(directory: Path, tree: dict[str, Any], mode: int) -> None:
    for name, content in tree.items():
        if isinstance(content, dict):
            (directory / name).mkdir()
            _write(directory / name, content, mode)
        else:
            (directory / name).write_bytes(content)
            (directory / name).chmod(mode)


def _read(directory: Path) -> dict[str, Any]:
    return {
        str(path.relative_to(directory)): (
            path.read_bytes() if path.is_file() else None,
            stat.S_IMODE(path.stat().st_mode),
        )
        for path in directory.rglob("*")
    }


def test_a_file_of_the_context_that_cannot_be_read_is_named(make: Build, context: Path) -> None:
    def hinder(line: str) -> None:
        if "COPY b" in line:
            (context / "b").unlink()

    with pytest.raises(ImageError, match=r"context/b can't be read \(No such file or directory\); make it readable"):
        make("FROM scratch\nCOPY a /\nCOPY b /\n", {"a": "1", "b": "2"}, output=hinder)

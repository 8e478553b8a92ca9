"""Unpacking: what the OCI image spec (layer.md) says of layers, and that nothing gets out of the directory."""

from __future__ import annotations

import contextlib
import errno
import gzip
import hashlib
import io
import json
import os
import stat
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.images import unpack

from drydock.images import Budget, ImageConfig, ImageError, UnpackedLayer, UnsafeLayer, lay, unpack_layer
from drydock.images.layer import entry_of
from drydock.images.tree import Tree

Member = tuple[str, str, str]  # kind, name, content or link


def archive(members: Iterable[Member], mode: int | None = None) -> bytes:
    """A tar with exactly these names, however wrong."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for kind, name, extra in members:
            info = tarfile.TarInfo(name)
            info.mode = mode if mode is not None else 0o755 if kind == "directory" else 0o644
            if kind == "file":
                info.size = len(extra.encode())
                tar.addfile(info, io.BytesIO(extra.encode()))
                continue
            info.type = {
                "directory": tarfile.DIRTYPE, "symlink": tarfile.SYMTYPE, "hardlink": tarfile.LNKTYPE,
                "device": tarfile.CHRTYPE, "pipe": tarfile.FIFOTYPE,
            }[kind]  # fmt: skip
            info.linkname = extra
            tar.addfile(info)
    return out.getvalue()


class Blobs(dict[str, bytes]):
    def add(self, data: bytes) -> str:
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self[digest] = data
        return digest

    def image(self, layers: Iterable[bytes], config: dict[str, Any] | None = None) -> bytes:
        return json.dumps(
            {
                "config": {"digest": self.add(json.dumps(config or {}).encode())},
                "layers": [{"digest": self.add(layer), "mediaType": "any"} for layer in layers],
            }
        ).encode()

    def open(self, digest: str) -> io.BytesIO:
        return io.BytesIO(self[digest])


def unpacked(root: Path, *layers: Iterable[Member]) -> ImageConfig:
    blobs = Blobs()
    return unpack(blobs.image(archive(layer) for layer in layers), blobs.open, root)


def listed(root: Path) -> dict[str, str]:
    """Paths and what they hold; a directory ends in a slash."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_dir():
            found[name + "/"] = ""
        else:
            found[name] = path.read_text()
    return found


LOWER: list[Member] = [
    ("file", "file1", "1"), ("file", "a/file2", "2"), ("directory", "b", ""), ("file", "b/x", "x"),
    ("file", "c/file3", "3"),
]  # fmt: skip


def test_explicit_whiteouts(tmp_path: Path) -> None:
    upper: list[Member] = [
        ("file", ".wh.file1", ""),
        ("file", "a/.wh.file2", ""),
        ("file", ".wh.b", ""),
        ("file", "file4", "4"),
    ]
    unpacked(tmp_path, LOWER, upper)
    assert listed(tmp_path) == {"a/": "", "c/": "", "c/file3": "3", "file4": "4"}


@pytest.mark.parametrize("first", [True, False])
def test_opaque_whiteout_hides_only_what_is_below(tmp_path: Path, first: bool) -> None:
    opaque: list[Member] = [("file", "a/.wh..wh..opq", "")]
    own: list[Member] = [("directory", "a", ""), ("directory", "a/b", ""), ("file", "a/b/c/foo", "new")]
    unpacked(tmp_path, [("file", "a/b/c/bar", "old"), ("file", "a/z", "old")], opaque + own if first else own + opaque)
    assert listed(tmp_path) == {"a/": "", "a/b/": "", "a/b/c/": "", "a/b/c/foo": "new"}


def test_a_whiteout_does_not_hide_its_own_layer(tmp_path: Path) -> None:
    unpacked(tmp_path, [("file", "d/old", "")], [("file", "d/new", "1"), ("file", ".wh.d", "")])
    assert listed(tmp_path) == {"d/": "", "d/new": "1"}


def test_kinds_replace_one_another(tmp_path: Path) -> None:
    unpacked(
        tmp_path,
        [
            ("file", "a", "1"),
            ("directory", "b", ""),
            ("file", "b/x", "1"),
            ("symlink", "c", "b"),
            ("directory", "d", ""),
        ],
        [("directory", "a", ""), ("file", "b", "2"), ("directory", "c", ""), ("file", "d/y", "3")],
    )
    assert listed(tmp_path) == {"a/": "", "b": "2", "c/": "", "d/": "", "d/y": "3"}


def test_links(tmp_path: Path) -> None:
    unpacked(
        tmp_path,
        [
            ("directory", "usr/lib", ""), ("symlink", "lib", "usr/lib"), ("symlink", "abs", "/usr/lib"),
            ("file", "lib/a", "A"), ("file", "abs/b", "B"), ("hardlink", "hard", "usr/lib/a"),
            ("symlink", "usr/lib/up", "../../../../../etc/passwd"), ("symlink", "usr/lib/near", "../lib/a"),
            ("hardlink", "moved", "usr/lib/near"),
        ],
    )  # fmt: skip
    assert listed(tmp_path) == {
        "usr/": "", "usr/lib/": "", "usr/lib/a": "A", "usr/lib/b": "B", "lib": "-> usr/lib", "abs": "-> usr/lib",
        "hard": "A", "usr/lib/up": "-> ../../etc/passwd", "usr/lib/near": "-> ../lib/a", "moved": "-> usr/lib/a",
    }  # fmt: skip
    assert (tmp_path / "hard").samefile(tmp_path / "usr/lib/a")


def test_modes_without_set_id_and_with_room_to_delete(tmp_path: Path) -> None:
    blobs = Blobs()
    layers = [archive([("file", "f", ""), ("directory", "d", "")], 0o6755), archive([("directory", "closed", "")], 0)]
    unpack(blobs.image(layers), blobs.open, tmp_path)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"f": 0o755, "d": 0o755, "closed": 0o700}


def test_devices_and_pipes_are_left_out(tmp_path: Path) -> None:
    unpacked(tmp_path, [("device", "dev/sda", ""), ("pipe", "p", ""), ("file", "f", "1")])
    assert listed(tmp_path) == {"dev/": "", "f": "1"}


@pytest.mark.parametrize(
    "member",
    [
        ("file", "../out", "x"), ("file", "a/../../out", "x"), ("directory", "../out", ""), ("symlink", "..", "x"),
        ("hardlink", "in", "../canary"), ("file", "a/.wh...", ""), ("file", ".wh.", ""), ("file", "../.wh.canary", ""),
    ],
)  # fmt: skip
def test_names_that_leave_the_root_are_refused(tmp_path: Path, member: Member) -> None:
    (tmp_path / "canary").write_text("alive")
    with pytest.raises(UnsafeLayer):
        unpacked(tmp_path / "root", [member])
    assert {path: text for path, text in listed(tmp_path).items() if not path.startswith("root/")} == {
        "canary": "alive"
    }


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsafeLayer, match="loop"):
        unpacked(tmp_path, [("symlink", "a", "b"), ("symlink", "b", "a"), ("file", "a/x", "")])


def test_a_link_in_a_path_is_followed_below_the_root(tmp_path: Path) -> None:
    (tmp_path / "canary").mkdir()
    unpacked(tmp_path / "root", [("symlink", "l", "../canary"), ("file", "l/x", "1"), ("file", "l2/.wh.x", "")])
    assert listed(tmp_path) == {
        "canary/": "", "root/": "", "root/l": "-> canary", "root/canary/": "", "root/canary/x": "1",
    }  # fmt: skip


def test_damaged_blobs_are_refused(tmp_path: Path) -> None:
    blobs = Blobs()
    manifest = blobs.image([archive(LOWER)])
    layer = json.loads(manifest)["layers"][0]["digest"]
    whole = blobs[layer]
    for damaged in (whole + b"x", whole[:100], b"\x28\xb5\x2f\xfd", gzip.compress(whole)[:-20], b""):
        blobs[layer] = damaged
        with pytest.raises(ImageError):
            unpack(manifest, blobs.open, tmp_path / "root")
    blobs[layer] = whole
    blobs[json.loads(manifest)["config"]["digest"]] = b"{}x"
    with pytest.raises(ImageError, match="damaged"):
        unpack(manifest, blobs.open, tmp_path / "root")


def test_what_the_image_says_is_returned(tmp_path: Path) -> None:
    blobs = Blobs()
    config = {
        "config": {
            "Entrypoint": ["/a"], "Cmd": None, "Env": ["A=1=2", "B="], "ExposedPorts": {"80/tcp": {}}, "User": "7",
            "Healthcheck": {"Test": ["CMD", "x"], "Interval": 1500000000, "Retries": 2}, "Labels": None,
        }
    }  # fmt: skip
    seen = unpack(blobs.image([gzip.compress(archive(LOWER))], config), blobs.open, tmp_path)
    assert (seen.entrypoint, seen.cmd, seen.env, seen.working_dir) == (("/a",), None, {"A": "1=2", "B": ""}, "/")
    assert seen.healthcheck is not None and (seen.healthcheck.interval, seen.healthcheck.retries) == (1.5, 2)


PART = st.sampled_from(["a", "b", "c", "..", ".", "", ".wh.a", ".wh.b", ".wh..wh..opq"])
WILD = st.builds("/".join, st.lists(PART, min_size=1, max_size=4))
LINK = st.builds("/".join, st.lists(st.sampled_from(["a", "b", "c", "..", "..", ".", ""]), min_size=1, max_size=5))
KIND = st.sampled_from(["file", "directory", "symlink", "symlink", "hardlink", "device"])
WILD_LAYERS = st.lists(st.lists(st.tuples(KIND, WILD, LINK), max_size=8), min_size=1, max_size=3)


@settings(max_examples=200, deadline=None)
@given(layers=WILD_LAYERS)
@example(layers=[[("symlink", "a", "../.."), ("symlink", "a/b", "../../c"), ("file", "a/b/a", "x")]])
@example(layers=[[("symlink", "a", "b/../../../canary"), ("hardlink", "b", "a"), ("file", "b", "x")]])
@example(layers=[[("symlink", "a", "/")], [("directory", "a", ""), ("file", "a/.wh.b", "")]])
def test_nothing_leaves_the_root(layers: list[list[Member]], tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    for name in ("a", "b", "c"):
        (outside / name).mkdir()
        (outside / name / "a").write_text("canary")
    root = outside / "x" / "y" / "root"
    before = listed(outside)
    root.mkdir(parents=True)
    canaries = {path.stat().st_ino for path in outside.rglob("*") if path.is_file()}
    with contextlib.suppress(ImageError):
        lay(apart(root / "layers", *map(archive, layers)), root / "laid")
    after = {path: content for path, content in listed(outside).items() if not path.startswith("x/")}
    assert after == before
    for real in (root / "laid", *root.glob("layers/*/files")):
        for path in real.rglob("*"):
            if path.is_symlink() and not _loops(path):
                assert Path(os.path.realpath(path)).is_relative_to(real), f"{path} -> {path.readlink()}"
            assert path.lstat().st_ino not in canaries


def _loops(path: Path) -> bool:
    try:
        path.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


TAME = st.builds("/".join, st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3))
TAME_LAYERS = st.lists(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from(["file", "directory"]), TAME, st.sampled_from(["1", "2"])),
            st.tuples(st.just("file"), st.builds("{}/.wh.{}".format, TAME, st.sampled_from("abc")), st.just("")),
            st.tuples(st.just("file"), st.builds("{}/.wh..wh..opq".format, TAME), st.just("")),
        ),
        max_size=6,
        unique_by=lambda member: member[1],
    ),
    min_size=1,
    max_size=4,
)


def _is_a_tree(layer: list[Member]) -> bool:
    """No file of a layer is also a directory of it, or hidden by its own whiteout: writers make no such layers."""
    files = {name for kind, name, _ in layer if kind == "file"}
    directories = {name for kind, name, _ in layer if kind == "directory"}
    above = {"/".join(n.split("/")[:i]) for _, n, _ in layer for i in range(1, n.count("/") + 1)}
    return not files & (directories | above)


@settings(max_examples=150, deadline=None)
@given(layers=TAME_LAYERS.filter(lambda layers: all(map(_is_a_tree, layers))))
def test_a_builders_view_of_layers_is_what_is_unpacked(
    layers: list[list[Member]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("root")
    tree = Tree()
    blobs = Blobs()
    try:
        unpack(blobs.image(archive(layer) for layer in layers), blobs.open, root)
    except ImageError:
        return
    for layer in layers:
        with tarfile.open(fileobj=io.BytesIO(archive(layer))) as tar:
            tree.apply([entry_of(m, lambda m=m, tar=tar: io.BytesIO(tar.extractfile(m).read())) for m in tar])
    assert {e.path + ("/" if e.kind == "directory" else "") for e in tree.walk()} == set(listed(root))


@pytest.mark.parametrize(
    ("layers", "limits", "why"),
    [
        ([[("file", "a", "x" * 600)], [("file", "b", "x" * 600)]], {"LARGEST": 1000}, "GiB of files"),
        ([[("file", "a", "x" * 600)], [("file", "a", "x" * 600)]], {"LARGEST": 1000}, "GiB of files"),
        ([[("directory", str(number), "") for number in range(30)]], {"MOST_ENTRIES": 20}, "more than 20 files"),
        ([[("file", "d/" * 500 + "x", "")]], {}, "deeper than"),
        ([[("directory", "d/" * 129, "")]], {}, "deeper than"),
    ],
)
def test_an_image_that_is_too_large_or_too_deep_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layers: Any, limits: dict[str, int], why: str
) -> None:
    for name, value in limits.items():
        monkeypatch.setattr(sys.modules["drydock.images.unpack"], name, value)
    with pytest.raises(UnsafeLayer, match=why):
        unpacked(tmp_path, *layers)


def test_a_bomb_is_refused_before_it_is_on_disk(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("bomb")
        info.size = 1 << 60
        tar.addfile(info)
    blobs = Blobs()
    with pytest.raises(UnsafeLayer, match="GiB of files"):
        unpack(blobs.image([out.getvalue()]), blobs.open, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_name_is_not_read_into_memory_whatever_its_size(tmp_path: Path) -> None:
    info = tarfile.TarInfo("long")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 40
    blobs = Blobs()
    layer = info.tobuf(tarfile.GNU_FORMAT) + b"x" * 10240
    with pytest.raises(UnsafeLayer, match="a name or attributes of"):
        unpack(blobs.image([layer]), blobs.open, tmp_path)


def apart(store: Path, *layers: bytes) -> list[UnpackedLayer]:
    """Layers unpacked by themselves, each in a folder below `store`."""
    blobs = Blobs()
    digests = [blobs.add(layer) for layer in layers]
    budget = Budget(store.parent)
    return [unpack_layer(digest, blobs.open, store / digest[7:], budget) for digest in digests]


def test_layers_stay_apart_and_images_share_them(tmp_path: Path) -> None:
    upper = archive([("file", "a/.wh.file2", ""), ("file", "c/.wh..wh..opq", ""), ("file", "c/new", "n")])
    below, above = apart(tmp_path / "store", archive(LOWER), upper)
    assert listed(below.files)["a/file2"] == "2"
    assert listed(above.files) == {"a/": "", "a/.wh.file2": "", "c/": "", "c/.wh..wh..opq": "", "c/new": "n"}
    lay([below], tmp_path / "one")
    lay([below, above], tmp_path / "two")
    assert listed(tmp_path / "one")["c/file3"] == "3"
    assert listed(tmp_path / "two") == {"a/": "", "b/": "", "b/x": "x", "c/": "", "c/new": "n", "file1": "1"}
    assert (tmp_path / "one/b/x").samefile(tmp_path / "two/b/x")
    assert (tmp_path / "one/b/x").samefile(below.files / "b/x")
    os.utime(below.files / "b/x", (1, 1))
    assert apart(tmp_path / "store", archive(LOWER)) == [below]
    assert (below.files / "b/x").stat().st_mtime == 1  # it is not unpacked again


def test_owners_modes_and_links_of_a_layer_are_known_whoever_unpacks_it(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind, mode, uid in (
            ("bin", tarfile.DIRTYPE, 0o2555, 0), ("bin/su", tarfile.REGTYPE, 0o4755, 0),
            ("home", tarfile.DIRTYPE, 0o755, 1000), ("sh", tarfile.SYMTYPE, 0o777, 1000),
            ("dev/null", tarfile.CHRTYPE, 0o666, 0), ("gone", tarfile.REGTYPE, 0o600, 7),
            ("gone", tarfile.REGTYPE, 0o644, 0),
        ):  # fmt: skip
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.uid, info.gid, info.linkname = kind, mode, uid, uid, "/bin/sh"
            tar.addfile(info, io.BytesIO())
    [layer] = apart(tmp_path, out.getvalue())
    assert [(each.path, each.kind, oct(each.mode), each.uid, each.link) for each in layer.entries()] == [
        ("bin", "directory", "0o2555", 0, ""), ("bin/su", "file", "0o4755", 0, ""), ("gone", "file", "0o644", 0, ""),
        ("home", "directory", "0o755", 1000, ""), ("sh", "symlink", "0o777", 1000, "/bin/sh"),
        ("dev/null", "device", "0o600", 0, ""),
    ]  # fmt: skip
    assert stat.S_IMODE((layer.files / "bin/su").stat().st_mode) == 0o755
    assert (layer.files / "sh").readlink() == Path("bin/sh")


def test_a_layer_heeds_the_links_of_those_below_it(tmp_path: Path) -> None:
    lower: list[Member] = [("directory", "usr/lib", ""), ("symlink", "lib", "usr/lib"), ("file", "lib/old", "o")]
    upper: list[Member] = [
        ("file", "lib/new", "n"), ("symlink", "lib/root", "/usr"), ("hardlink", "kept", "lib/old"),
        ("file", "lib/.wh.old", ""),
    ]  # fmt: skip
    unpacked(tmp_path, lower, upper)
    assert listed(tmp_path) == {
        "kept": "o", "lib": "-> usr/lib", "usr/": "", "usr/lib/": "", "usr/lib/new": "n", "usr/lib/root": "-> ..",
    }  # fmt: skip


def test_a_link_to_a_file_that_no_layer_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="which is not a file"):
        unpacked(tmp_path, LOWER, [("hardlink", "new", "nowhere")])


def test_what_was_half_unpacked_is_not_there(tmp_path: Path) -> None:
    blobs = Blobs()
    digest = blobs.add(archive(LOWER))
    whole = blobs[digest]
    blobs[digest] = whole[:1000]
    with pytest.raises(ImageError):
        unpack_layer(digest, blobs.open, tmp_path / "layer", Budget(tmp_path))
    assert list(tmp_path.iterdir()) == []
    blobs[digest] = whole
    for _ in range(2):
        assert listed(unpack_layer(digest, blobs.open, tmp_path / "layer", Budget(tmp_path)).files)["file1"] == "1"
        (tmp_path / "layer/notes.json").write_text("")  # as a machine that loses its power may leave it


def test_where_files_cannot_be_linked_they_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [layer] = apart(tmp_path / "store", archive([("file", "f", "1")], 0o640))

    def refuses(*_given: Any) -> None:
        raise OSError(errno.EXDEV, "another file system")

    monkeypatch.setattr(os, "link", refuses)
    lay([layer], tmp_path / "root")
    assert listed(tmp_path / "root") == {"f": "1"}
    assert stat.S_IMODE((tmp_path / "root/f").stat().st_mode) == 0o640
    assert not (tmp_path / "root/f").samefile(layer.files / "f")

"""The packages that are really in an image: read from its layers, with what later layers took away left out."""

from __future__ import annotations

import json
import posixpath
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from typing import BinaryIO

LARGEST_FILE = 64 << 20
LARGEST_LAYER = 16 << 30
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_DPKG = re.compile(r"var/lib/dpkg/status(?:\.d/[^/]+)?")
_APK = re.compile(r"(?:usr/)?lib/apk/db/installed")
_OS = re.compile(r"(?:etc|usr/lib)/os-release")
_PYTHON = re.compile(r"(?:.*/)?[^/]+\.(?:dist-info/METADATA|egg-info/PKG-INFO)")
_NODE = re.compile(r"(?:.*/)?node_modules/(?:@[^/]+/)?[^/]+/package\.json")
_WANTED = (_DPKG, _APK, _OS, _PYTHON, _NODE)


class Unreadable(Exception):
    """A layer that cannot be read: why."""


@dataclass(frozen=True)
class Package:
    """An installed package: `kind` is pypi, npm, debian or alpine; `source` is the name that advisories use."""

    kind: str
    name: str
    version: str
    source: str
    path: str
    layer: str
    release: str = ""


@dataclass(frozen=True)
class _File:
    data: bytes
    layer: str


def read(layers: Iterable[tuple[str, Callable[[], BinaryIO]]]) -> tuple[Package, ...]:
    """The packages of an image with these layers, each its digest and how to open it; raises Unreadable."""
    files: dict[str, _File] = {}
    for digest, open_layer in layers:
        added, removed, emptied = _layer(digest, open_layer)
        for path in list(files):
            if any(path == gone or path.startswith(f"{gone}/") for gone in removed) or any(
                path.startswith(f"{directory}/") for directory in emptied
            ):
                del files[path]
        files.update(added)
    release = _release(files)
    return tuple(sorted(set(_packages(files, release)), key=lambda p: (p.kind, p.name, p.version, p.path)))


def _layer(digest: str, open_layer: Callable[[], BinaryIO]) -> tuple[dict[str, _File], set[str], set[str]]:
    added: dict[str, _File] = {}
    removed: set[str] = set()
    emptied: set[str] = set()
    try:
        with open_layer() as raw, tarfile.open(fileobj=raw, mode="r|*") as tar:
            for member in tar:
                if member.offset > LARGEST_LAYER:
                    raise Unreadable(f"layer {digest} is larger than {LARGEST_LAYER} bytes when unpacked")
                path = posixpath.normpath("/" + member.name).lstrip("/")
                directory, name = posixpath.split(path)
                if name == _OPAQUE:
                    emptied.add(directory)
                elif name.startswith(_WHITEOUT):
                    removed.add(posixpath.join(directory, name.removeprefix(_WHITEOUT)))
                elif member.isfile() and any(pattern.fullmatch(path) for pattern in _WANTED):
                    if member.size > LARGEST_FILE:
                        raise Unreadable(f"{path} in layer {digest} is larger than {LARGEST_FILE} bytes")
                    file = tar.extractfile(member)
                    added[path] = _File(file.read() if file else b"", digest)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise Unreadable(f"layer {digest}: {error}") from None
    return added, removed, emptied


def _release(files: dict[str, _File]) -> str:
    """`VERSION_ID` of the distribution, such as 12."""
    for path in ("etc/os-release", "usr/lib/os-release"):
        if path in files:
            match = re.search(r'^VERSION_ID="?([^"\n]*)', _text(files[path]), re.MULTILINE)
            return match[1] if match else ""
    return ""


def _packages(files: dict[str, _File], release: str) -> Iterator[Package]:
    for path, file in files.items():
        if _DPKG.fullmatch(path):
            yield from _debian(path, file, release)
        elif _APK.fullmatch(path):
            yield from _alpine(path, file, release)
        elif _PYTHON.fullmatch(path):
            fields = HeaderParser().parsestr(_text(file), headersonly=True)
            if fields["Name"] and fields["Version"]:
                source = re.sub(r"[-_.]+", "-", fields["Name"]).lower()
                yield Package("pypi", fields["Name"], fields["Version"], source, path, file.layer)
        elif _NODE.fullmatch(path):
            yield from _node(path, file)


def _debian(path: str, file: _File, release: str) -> Iterator[Package]:
    for paragraph in re.split(r"\n\s*\n", _text(file)):
        fields = HeaderParser().parsestr(paragraph.lstrip("\n"), headersonly=True)
        name, version = fields["Package"], fields["Version"]
        if not name or not version or not (fields["Status"] or "installed").endswith("installed"):
            continue
        source, _, built_from = (fields["Source"] or name).partition(" ")
        version = built_from.strip("()") or version
        yield Package("debian", name, version, source, path, file.layer, release)


def _alpine(path: str, file: _File, release: str) -> Iterator[Package]:
    branch = ".".join(release.split(".")[:2])
    for paragraph in re.split(r"\n\s*\n", _text(file)):
        fields = dict(line.split(":", 1) for line in paragraph.splitlines() if line[1:2] == ":")
        if "P" in fields and "V" in fields:
            yield Package("alpine", fields["P"], fields["V"], fields.get("o", fields["P"]), path, file.layer, branch)


def _node(path: str, file: _File) -> Iterator[Package]:
    try:
        fields = json.loads(file.data)
        name, version = fields["name"], fields["version"]
    except (ValueError, KeyError, TypeError):
        return
    if isinstance(name, str) and isinstance(version, str):
        yield Package("npm", name, version, name, path, file.layer)


def _text(file: _File) -> str:
    return file.data.decode("utf-8", "replace")

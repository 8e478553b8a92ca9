"""An image in a layout, and what can be seen inside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from .config import ImageConfig
from .errors import ImageError
from .layer import Entry, read_layer
from .layout import CONFIG, MANIFEST, Descriptor, Layout
from .tree import Tree


@dataclass(frozen=True)
class Layer:
    """One layer: `size` is its compressed size in bytes, `created_by` the instruction that made it."""

    digest: str
    size: int
    media_type: str
    diff_id: str
    created_by: str


@dataclass(frozen=True)
class Step:
    """One line of an image's history; `layer` is the index of the layer it made, None if it made none."""

    created_by: str
    layer: int | None


@dataclass(frozen=True)
class Change:
    """What a layer, or the way from one image to another, does to a path."""

    kind: Literal["added", "changed", "deleted"]
    path: str


class Image:
    """An image, named by the digest of its manifest, in the OCI layout that holds it."""

    def __init__(self, layout: Layout, digest: str) -> None:
        self.layout = layout
        self.digest = digest

    @classmethod
    def open(cls, name: str, layout: Layout | None = None) -> Image:
        """Find an image by name, digest or the start of a digest. Raises ImageError."""
        layout = layout or Layout()
        digest = layout.find(name)
        if digest is None:
            raise ImageError(f"no image {name!r} in {layout.path}; build or pull it, or list what is there")
        return cls(layout, digest)

    @classmethod
    def write(cls, layout: Layout, config: dict[str, Any], layers: list[Descriptor]) -> Image:
        """Store a config and the manifest that joins it to its layers; keys are sorted, so bytes repeat."""
        described = layout.write(_json(config), CONFIG)
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described, "layers": layers}
        return cls(layout, layout.write(_json(manifest), MANIFEST)["digest"])

    def __repr__(self) -> str:
        return f"Image({self.digest[:19]}…, {len(self.layers)} layers, {self.size:,} bytes)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Image) and other.digest == self.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def path(self) -> Path:
        """The directory of the layout."""
        return self.layout.path

    @property
    def names(self) -> list[str]:
        """The names this image has in its layout."""
        return [name for name, digest in self.layout.names().items() if digest == self.digest]

    @cached_property
    def manifest(self) -> bytes:
        """The manifest, byte for byte: its sha256 is the digest."""
        return self.layout.read(self.digest)

    @cached_property
    def described(self) -> dict[str, Any]:
        """The manifest, read."""
        return dict(json.loads(self.manifest))

    @cached_property
    def config(self) -> dict[str, Any]:
        """The whole config object: platform, `config`, `rootfs`, `history`."""
        return dict(json.loads(self.layout.read(self.described["config"]["digest"])))

    @property
    def settings(self) -> ImageConfig:
        """What the image says about running it."""
        return ImageConfig.read(self.config)

    @cached_property
    def history(self) -> list[Step]:
        """What made the image, step by step, the base image's steps first."""
        steps: list[Step] = []
        layer = 0
        for step in self.config.get("history", []):
            made = None if step.get("empty_layer") else layer
            layer += made is not None
            steps.append(Step(step.get("created_by", ""), made))
        return steps

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, lowest first."""
        made_by = {step.layer: step.created_by for step in self.history}
        return tuple(
            Layer(d["digest"], d["size"], d["mediaType"], diff_id, made_by.get(index, ""))
            for index, (d, diff_id) in enumerate(
                zip(self.described["layers"], self.config["rootfs"]["diff_ids"], strict=True)
            )
        )

    @property
    def size(self) -> int:
        """Bytes of the compressed layers together, as registries count them."""
        return sum(layer.size for layer in self.layers)

    def layer_files(self, index: int) -> list[Entry]:
        """Everything in one layer, whiteouts included, by path. Raises ImageError if there is no such layer."""
        return sorted(self._entries(index), key=lambda entry: entry.path.split("/"))

    def read_layer_file(self, index: int, path: str) -> bytes:
        """A file's content as one layer holds it, even if a later layer changes or deletes it."""
        wanted = path.strip("/")
        for entry in reversed(self._entries(index)):
            if entry.path == wanted and entry.kind == "file":
                return entry.read()
        raise ImageError(f"layer {index} holds no file {path!r}; layer_files({index}) lists what it holds")

    def changes(self, index: int) -> list[Change]:
        """What one layer does to the layers below it. Directories that stay as they were are left out."""
        below = self._tree(index)
        above = self._tree(index + 1)
        return _difference(below, above, {e.path for e in self._entries(index)})

    def files(self) -> list[Entry]:
        """What a container sees: all layers laid over one another, by path."""
        return list(self._tree(len(self.layers)).walk())

    def read(self, path: str) -> bytes:
        """A file's content as a container sees it; links are followed. Raises ImageError."""
        tree = self._tree(len(self.layers))
        entry = tree.get(tree.resolve(path))
        if entry is None or entry.kind != "file":
            raise ImageError(f"the image has no file {path!r}; files() lists what it has")
        return entry.read()

    def diff(self, other: Image) -> list[Change]:
        """What changes for a container on the way from this image to another."""
        return _difference(self._tree(len(self.layers)), other._tree(len(other.layers)), set())

    def _tree(self, layers: int) -> Tree:
        tree = Tree()
        for index in range(layers):
            tree.apply(self._entries(index))
        return tree

    def _entries(self, index: int) -> list[Entry]:
        if not 0 <= index < len(self.layers):
            raise ImageError(f"there is no layer {index}; this image has {len(self.layers)}, counted from 0")
        if index not in self._read:
            self._read[index] = read_layer(self.layout, self.layers[index].digest)
        return self._read[index]

    @cached_property
    def _read(self) -> dict[int, list[Entry]]:
        return {}


def _difference(before: Tree, after: Tree, rewritten: set[str]) -> list[Change]:
    old, new = ({entry.path: entry for entry in tree.walk()} for tree in (before, after))
    return list(_changes(old, new, rewritten))


def _changes(old: dict[str, Entry], new: dict[str, Entry], rewritten: set[str]) -> Iterator[Change]:
    for path in sorted({*old, *new}, key=lambda p: p.split("/")):
        if path not in old:
            yield Change("added", path)
        elif path not in new:
            yield Change("deleted", path)
        elif not _same(old[path], new[path]) or (path in rewritten and new[path].kind != "directory"):
            yield Change("changed", path)


def _same(one: Entry, other: Entry) -> bool:
    return one == other and (one.open is other.open or one.read() == other.read())


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

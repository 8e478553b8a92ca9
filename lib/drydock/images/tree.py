"""A file system held in memory: what a stage of a build, or a build context, looks like."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from .errors import ImageError
from .ignore import Ignore
from .layer import OPAQUE, WHITEOUT, Entry

_MOST_LINKS = 40
_WILDCARD = re.compile(r"[*?\[\\]")

ROOT = Entry("", "directory", 0o755)


class Tree:
    """Entries by path, each with its parents. Links are followed as if the tree were a root."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._entries: dict[str, Entry] = {"": ROOT}
        self._children: dict[str, set[str]] = {"": set()}
        for entry in entries:
            self.put(entry)

    @classmethod
    def of_directory(cls, directory: Path, ignore: Ignore) -> Tree:
        """A directory on disk, less what is ignored.

        Everything belongs to 0:0, as files sent to a builder do. Sockets, pipes and devices are left out.
        """
        tree = cls()
        for path, status in _walk(directory, "", ignore):
            source = directory / path
            mode = stat.S_IMODE(status.st_mode)
            if stat.S_ISDIR(status.st_mode):
                tree.put(Entry(path, "directory", mode))
            elif stat.S_ISLNK(status.st_mode):
                tree.put(Entry(path, "symlink", 0o777, link=str(source.readlink())))
            elif stat.S_ISREG(status.st_mode):
                tree.put(Entry(path, "file", mode, size=status.st_size, open=_opener(source)))
        return tree

    def copy(self) -> Tree:
        """An independent tree with the same entries."""
        twin = Tree()
        twin._entries = dict(self._entries)
        twin._children = {path: set(names) for path, names in self._children.items()}
        return twin

    def apply(self, layer: Iterable[Entry]) -> None:
        """Lay a layer over the tree: whiteouts first, then what it adds."""
        entries = list(layer)
        for entry in entries:
            parent, name = _split(entry.path)
            if name == OPAQUE:
                for child in list(self._children.get(self.resolve(parent), ())):
                    self.remove(_join(self.resolve(parent), child))
            elif name.startswith(WHITEOUT):
                self.remove(_join(self.resolve(parent), name.removeprefix(WHITEOUT)))
        for entry in entries:
            parent, name = _split(entry.path)
            if name.startswith(WHITEOUT):
                continue
            path = _join(self.resolve(parent), name) if name else ""
            if entry.kind == "hardlink":
                target = self.get(self.resolve(entry.link, last=False))
                if target is None:
                    raise ImageError(f"a layer links {entry.path} to {entry.link}, which does not exist")
                entry = target
            self.put(replace(entry, path=path))

    def get(self, path: str) -> Entry | None:
        """The entry at exactly this path; links are not followed."""
        return self._entries.get(path)

    def children(self, path: str) -> list[str]:
        """Names in a directory, sorted."""
        return sorted(self._children.get(path, ()))

    def walk(self, path: str = "") -> Iterator[Entry]:
        """Everything below a path, parents before what they hold."""
        for name in self.children(path):
            entry = self._entries[_join(path, name)]
            yield entry
            if entry.kind == "directory":
                yield from self.walk(entry.path)

    def put(self, entry: Entry) -> None:
        """Add or replace an entry; missing parents become directories of mode 755 owned by 0:0."""
        parent, name = _split(entry.path)
        if name and parent not in self._children:
            self.put(Entry(parent, "directory", 0o755))
        if entry.kind != "directory":
            self.remove(entry.path)
        self._entries[entry.path] = entry
        if entry.kind == "directory":
            self._children.setdefault(entry.path, set())
        if name:
            self._children[parent].add(name)

    def remove(self, path: str) -> None:
        """Remove an entry and all below it; nothing happens if there is none."""
        if not path or path not in self._entries:
            return
        for name in list(self._children.get(path, ())):
            self.remove(_join(path, name))
        self._children.pop(path, None)
        del self._entries[path]
        parent, name = _split(path)
        self._children[parent].discard(name)

    def resolve(self, path: str, *, last: bool = True) -> str:
        """Where a path leads once links are followed, there or not. `last`: the final link too."""
        at: list[str] = []
        pending = [part for part in path.split("/") if part not in ("", ".")]
        followed = 0
        while pending:
            part = pending.pop(0)
            if part == "..":
                at[-1:] = []
                continue
            at.append(part)
            entry = self._entries.get("/".join(at))
            if entry is not None and entry.kind == "symlink" and (pending or last):
                followed += 1
                if followed > _MOST_LINKS:
                    raise ImageError(f"/{path} goes through a loop of links")
                at = [] if entry.link.startswith("/") else at[:-1]
                pending[:0] = [part for part in entry.link.split("/") if part not in ("", ".")]
        return "/".join(at)

    def glob(self, pattern: str) -> list[str]:
        """Paths that a COPY source stands for; itself if it holds no wildcard.

        `*` and `?` stay within one directory, `[^a]` negates, a backslash escapes: Go's filepath.Match.
        """
        if not _WILDCARD.search(pattern):
            return [pattern]
        found = [""]
        for part in PurePosixPath(pattern).parts:
            if _WILDCARD.search(part):
                test = wildcard(part)
                found = [
                    _join(base, name)
                    for base in found
                    for name in self.children(self.resolve(base))
                    if test.fullmatch(name)
                ]
            else:
                found = [_join(base, part) for base in found]
        return [path for path in found if self.get(self.resolve(path, last=False)) is not None]


def wildcard(pattern: str) -> re.Pattern[str]:
    """One part of a path with wildcards as a regular expression. Raises ValueError if it is malformed."""
    out, rest = "", pattern
    while rest:
        char, rest = rest[0], rest[1:]
        if char == "*":
            out += "[^/]*"
        elif char == "?":
            out += "[^/]"
        elif char == "\\" and rest:
            out, rest = out + re.escape(rest[0]), rest[1:]
        elif char == "[":
            inside = re.match(r"(\^?)((?:\\.|[^\]\\])+)\]", rest)
            if inside is None:
                raise ValueError(f"{pattern!r} has a [ without its ]")
            out += f"[{inside[1]}{inside[2].replace('[', chr(92) + '[')}]"
            rest = rest[inside.end() :]
        else:
            out += re.escape(char)
    return re.compile(out, re.DOTALL)


def _walk(directory: Path, below: str, ignore: Ignore) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(directory / below) as found:
        children = sorted(found, key=lambda child: child.name)
    for child in children:
        path = _join(below, child.name)
        excluded = ignore.excludes(path)
        if not excluded:
            yield path, child.stat(follow_symlinks=False)
        if child.is_dir(follow_symlinks=False) and not (excluded and ignore.excludes_all_below(path)):
            yield from _walk(directory, path, ignore)


def _opener(path: Path) -> Callable[[], BinaryIO]:
    return lambda: path.open("rb")


def _split(path: str) -> tuple[str, str]:
    parent, _, name = path.rpartition("/")
    return parent, name


def _join(parent: str, name: str) -> str:
    return f"{parent}/{name}" if parent else name

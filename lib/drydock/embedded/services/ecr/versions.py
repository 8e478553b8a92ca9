"""The order of package versions, as each package manager has it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from packaging.version import Version

_ALPINE = re.compile(r"(\d+(?:\.\d+)*)([a-z]?)((?:_[a-z]+\d*)*)(?:-r(\d+))?")
_SUFFIXES = {"alpha": -4, "beta": -3, "pre": -2, "rc": -1, "cvs": 1, "svn": 2, "git": 3, "hg": 4, "p": 5}


def debian(text: str) -> Any:
    """A sort key. Source: deb-version(7): epoch, then upstream and revision by parts; ``~`` is before the end."""
    epoch, colon, rest = text.partition(":")
    if not colon:
        epoch, rest = "0", text
    upstream, _, revision = rest.rpartition("-") if "-" in rest else (rest, "", "")
    return int(epoch), _debian_parts(upstream), _debian_parts(revision)


def _debian_parts(text: str) -> list[tuple[tuple[int, ...], int]]:
    parts = [
        (tuple(map(_debian_order, letters)) + (0,), int(digits or 0))
        for letters, digits in re.findall(r"(\D*)(\d*)", text)
        if letters or digits
    ]
    return [*parts, ((0,), 0)]


def _debian_order(letter: str) -> int:
    if letter == "~":
        return -1
    return ord(letter) if letter.isalpha() else ord(letter) + 256


def alpine(text: str) -> Any:
    """A sort key. Source: apk-package(5): digits, a letter, suffixes, the build number."""
    match = _ALPINE.fullmatch(text)
    if match is None:
        raise ValueError(f"not an Alpine version: {text!r}")
    suffixes = [(_SUFFIXES.get(name, 0), int(number or 0)) for name, number in re.findall(r"_([a-z]+)(\d*)", match[3])]
    numbers = tuple(map(int, match[1].split(".")))
    return numbers, match[2], [*suffixes, (0, 0)], int(match[4] or 0)


KEYS: dict[str, Callable[[str], Any]] = {
    "pypi": Version,
    "npm": Version,
    "debian": debian,
    "alpine": alpine,
}


def within(kind: str, version: str, introduced: str, fixed: str) -> bool:
    """Whether ``introduced <= version < fixed``; False for a version that cannot be read."""
    key = KEYS[kind]
    try:
        return bool(key(introduced) <= key(version) < key(fixed))
    except ValueError:
        return False

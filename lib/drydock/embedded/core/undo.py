"""A call that failed has changed nothing: what a service's registries held before it, put back.

A copy of all that a service knows would cost more than the call. What a call that fails leaves behind is an entry of
a registry, or a member of what it names, and these lie near the top: so the copy goes down from the service's backend,
level by level, ends after `MOST` containers, and of what has more than `MANY` entries looks only into those whose key
the request names.
"""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import is_dataclass
from functools import cache, cached_property, lru_cache
from typing import Any

from drydock.embedded.core import seams

MOST = 300
MANY = 100
"""Entries of a table that are all looked into; of more those that the request names."""
SCANNED = 250
"""Entries whose keys are searched for what the request names; of more only those whose whole key it holds."""
_CONTAINERS = (dict, list, set, deque)
_GONE = object()
_WORD = re.compile(rb"[\w.-]+")
_QUOTED = re.compile(rb'"([^"]+)"')
_kind: Any = type  # mypy takes a type for nothing that has a hash


class Before:
    """What the backends of a service in a region held when this was made."""

    def __init__(self, service: str, region: str, request: bytes) -> None:
        self._request = request
        self._kept: list[tuple[Any, Any]] = []
        todo: deque[Any] = deque(seams.backends_of(service, region))
        roots, seen = {id(root) for root in todo}, set()
        while todo and len(self._kept) < MOST:
            each = todo.popleft()
            if id(each) in seen:
                continue
            seen.add(id(each))
            is_root = id(each) in roots
            for part in _parts(each, is_root=is_root):
                copy = _copied(part)
                self._kept.append((part, copy))
                inner = _inner(copy) if len(copy) <= MANY or is_root else self._named(copy)
                todo.extend([item for item in inner if _has_parts(_kind(item))])

    def _named(self, copy: Any) -> Iterable[Any]:
        """What the request names of many entries, by the last word of their keys, or of very many by the whole."""
        if not isinstance(copy, dict):
            return ()
        said = self._words
        if len(copy) > SCANNED:
            return [copy[key] for key in self._keys if key in copy]
        return [item for key, item in copy.items() if _last_word(key) in said]

    @cached_property
    def _words(self) -> set[bytes]:
        return set(_WORD.findall(self._request))

    @cached_property
    def _keys(self) -> set[str]:
        found = {*self._words, *_QUOTED.findall(self._request)}
        return {key.decode(errors="replace") for key in found}

    def put_back(self) -> bool:
        """Undo what was changed since; whether anything was."""
        changed = [(part, copy) for part, copy in self._kept if _differs(part, copy)]
        for part, copy in changed:
            _restore(part, copy)
        return bool(changed)


@lru_cache(maxsize=1 << 14)
def _last_word(key: Any) -> bytes | None:
    return next(iter(_WORD.findall(str(key).encode())[-1:]), None)


@cache
def _has_parts(kind: Any) -> bool:
    """Whether things of this kind are looked into."""
    return issubclass(kind, _CONTAINERS) or _has_members(kind)


@cache
def _has_members(kind: Any) -> bool:
    """Whether they are records of ours or objects of moto's."""
    is_record = str(kind.__module__).startswith("moto.") or is_dataclass(kind)
    return is_record and kind.__dictoffset__ != 0 and not issubclass(kind, type)


def _parts(each: Any, *, is_root: bool) -> Sequence[Any]:
    """The containers that a thing is: itself, and the members of a record of ours or of an object of moto's that is no
    other backend."""
    kind = _kind(each)
    if kind is dict or kind is list:
        return (each,)
    itself = (each,) if isinstance(each, _CONTAINERS) else ()
    if _has_members(kind) and (is_root or not seams.is_backend(each)):
        return (*itself, each.__dict__)
    return itself


def _copied(part: Any) -> Any:
    if isinstance(part, dict):
        return dict.copy(part)
    return set(part) if isinstance(part, set) else list(part)


def _inner(copy: Any) -> Iterable[Any]:
    return copy.values() if isinstance(copy, dict) else copy


def _differs(now: Any, copy: Any) -> bool:
    if len(now) != len(copy):
        return True
    if isinstance(now, dict):
        return any(dict.get(now, key, _GONE) is not value for key, value in copy.items())
    if isinstance(now, set):
        return bool(now != copy)
    return any(one is not other for one, other in zip(now, copy, strict=True))


def _restore(now: Any, copy: Any) -> None:
    if isinstance(now, dict):  # not by the methods of a class of moto's, which may do more
        kind = OrderedDict if isinstance(now, OrderedDict) else dict
        kind.clear(now)
        kind.update(now, copy)
    elif isinstance(now, set):
        now.clear()
        now.update(copy)
    else:
        now.clear()
        now.extend(copy)

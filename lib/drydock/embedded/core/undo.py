"""A call that failed has changed nothing: what a service's registries held before it, put back.

A copy of all that a service knows would cost more than the call. What a call that fails leaves behind is an entry of
a registry, or a member of what it names, and these lie near the top: so the copy goes down from the service's backend,
level by level, ends after `MOST` containers, and of what has more than `MANY` entries looks only into those whose key
the request names.

An operation that says of all that it writes, before it does (`direct.notes`), needs none of that: `Noted`.
"""

from __future__ import annotations

import math
import re
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import is_dataclass
from functools import cache, cached_property, lru_cache, partial
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
        self._kept = _copies(seams.backends_of(service, region), self._named, MOST)

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
        return _put_back(self._kept)


class Noted:
    """What the operation of a call says that it writes."""

    def __init__(self) -> None:
        self._back: list[Callable[[], bool]] = []

    def put(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        """Give a table an entry."""
        self._back.append(partial(_put_entry_back, table, key, table.get(key, _GONE)))
        table[key] = value

    def changes(self, record: Any) -> None:
        """A record is changed from now on, or what is in it."""
        self._back.append(partial(_put_back, _copies([record], _inner)))

    def put_back(self) -> bool:
        """Undo it, the last first; whether anything was written."""
        changed = False
        for back in reversed(self._back):
            changed = back() or changed
        return changed


Parts = list[tuple[Any, Any]]
"""Containers, and what each of them held."""


def _copies(roots: Sequence[Any], of_many: Callable[[Any], Iterable[Any]], most: float = math.inf) -> Parts:
    """What things hold, from the top down; `of_many` chooses which of many entries are looked into."""
    kept: Parts = []
    todo, tops, seen = deque(roots), {id(root) for root in roots}, set()
    while todo and len(kept) < most:
        each = todo.popleft()
        if id(each) in seen:
            continue
        seen.add(id(each))
        is_root = id(each) in tops
        for part in _parts(each, is_root=is_root):
            copy = _copied(part)
            kept.append((part, copy))
            inner = _inner(copy) if len(copy) <= MANY or is_root else of_many(copy)
            todo.extend([item for item in inner if _has_parts(_kind(item))])
    return kept


def _put_back(kept: Parts) -> bool:
    changed = [(part, copy) for part, copy in kept if _differs(part, copy)]
    for part, copy in changed:
        _restore(part, copy)
    return bool(changed)


def _put_entry_back(table: dict[Any, Any], key: Any, before: Any) -> bool:
    if before is _GONE:
        return table.pop(key, _GONE) is not _GONE
    changed = table.get(key, _GONE) is not before
    table[key] = before
    return changed


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

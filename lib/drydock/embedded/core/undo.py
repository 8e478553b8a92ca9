"""A call that failed has changed nothing: what a service's registries held before it, put back.

A copy of all that a service knows would cost more than the call. What a call that fails leaves behind is an entry of
a registry, or a member of what it names, and these lie near the top: so the copy goes down from the service's backend,
level by level, and ends after `MOST` containers.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable
from typing import Any

from drydock.embedded import seams

log = logging.getLogger(__name__)

MOST = 400
_MAPPINGS = (dict, OrderedDict, defaultdict)
_PLAIN = (str, int, float, bool, bytes, type(None))
_GONE = object()


class Before:
    """What the backends of a service in a region held when this was made."""

    def __init__(self, service: str, region: str) -> None:
        self._kept: list[tuple[Any, Any]] = []
        todo: deque[Any] = deque(seams.backends_of(service, region))
        roots, seen = {id(root) for root in todo}, set()
        while todo and len(self._kept) < MOST:
            each = todo.popleft()
            if id(each) in seen:
                continue
            seen.add(id(each))
            copy, inner = _copied(each, is_root=id(each) in roots)
            if copy is not None:
                self._kept.append((each, copy))
                todo.extend(item for item in inner if type(item) not in _PLAIN)

    def put_back(self) -> bool:
        """Undo what was changed since; whether anything was."""
        changed = [(each, copy) for each, copy in self._kept if _differs(each, copy)]
        for each, copy in changed:
            _restore(each, copy)
        return bool(changed)


def _copied(each: Any, *, is_root: bool) -> tuple[Any, Iterable[Any]]:
    kind = type(each)
    if kind in _MAPPINGS:
        return each.copy(), each.values()
    if kind in (list, set, deque):
        return each.copy(), each
    if kind.__module__.startswith("moto.") and (is_root or not seams.is_backend(each)):
        members = getattr(each, "__dict__", None)
        if members is not None:
            return members.copy(), members.values()
    return None, ()


def _differs(each: Any, copy: Any) -> bool:
    now = each if type(each) in (*_MAPPINGS, list, set, deque) else each.__dict__
    if len(now) != len(copy):
        return True
    if isinstance(now, dict):
        return any(now.get(key, _GONE) is not value for key, value in copy.items())
    if isinstance(now, set):
        return bool(now != copy)
    return any(one is not other for one, other in zip(now, copy, strict=True))


def _restore(each: Any, copy: Any) -> None:
    if type(each) in (list, deque):
        each.clear()
        each.extend(copy)
        return
    now = each if type(each) in (*_MAPPINGS, set) else each.__dict__
    now.clear()
    now.update(copy)

"""Which requests of the past need not be done again, because what they were about has gone.

A resource that only its name tells from others, and that is gone, has left nothing behind: with the request that made
it, that which deleted it and all in between that were about it alone, the account is the same as without them. Where
anything else may have depended on it, they stay: a request of another kind that has its name in it, one that is about
two resources, one of the same service that is not known here. (Ours.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_WORD = re.compile(r"[\w.-]+")


@dataclass(frozen=True)
class Lifespan:
    """Of a service's resources: the operations that make and delete one, and those that are about one meanwhile.

    Requests name it in the members `named_in`; of what these hold, the first group of `name` is the name.
    """

    begins: str
    ends: str
    within: frozenset[str]
    named_in: tuple[str, ...]
    name: str = "(.+)"

    def names(self, request: Mapping[str, Any]) -> set[str]:
        """The resources that a request names. ValueError for what is no name."""
        given = [request[member] for member in self.named_in if member in request]
        found = [re.fullmatch(self.name, each) if isinstance(each, str) else None for each in given]
        if None in found:
            raise ValueError(f"no names: {given}")
        return {match[1] for match in found if match is not None}


@dataclass(frozen=True)
class Done:
    """A request of the past, which succeeded."""

    service: str
    region: str
    operation: str
    text: str
    """All that it said."""


Key = tuple[str, str, str]
"""(service, region, name)"""


def needless(history: Sequence[Done], lifespans: Mapping[str, Lifespan]) -> set[int]:
    """The places in the history of what need not be done again; `lifespans` by service."""
    ends = [place for place, done in enumerate(history) if _ends(done, lifespans.get(done.service))]
    found: set[int] = set()
    living: dict[Key, list[int]] = {}
    by_word: dict[str, set[Key]] = {}
    for place, done in enumerate(history[: ends[-1] + 1] if ends else ()):
        lifespan = lifespans.get(done.service)
        name = _name(done, lifespan)
        key = (done.service, done.region, name)
        if name and lifespan is not None and done.operation == lifespan.begins and key not in living:
            living[key] = []
            by_word.setdefault(_last_word(name), set()).add(key)
        for word in set(_WORD.findall(done.text)) & by_word.keys():
            for other in by_word[word] - {key}:
                living.pop(other, None)
        if not name and lifespan is not None:
            for other in [each for each in living if each[:2] == key[:2]]:
                del living[other]
        elif key in living:
            living[key].append(place)
            if _ends(done, lifespan):
                found.update(living.pop(key))
    return found


def _ends(done: Done, lifespan: Lifespan | None) -> bool:
    return lifespan is not None and done.operation == lifespan.ends


def _name(done: Done, lifespan: Lifespan | None) -> str:
    """The one resource that a request is about; empty where there is none, or nobody can tell."""
    if lifespan is None or done.operation not in {lifespan.begins, lifespan.ends, *lifespan.within}:
        return ""
    try:
        names = lifespan.names(json.loads(done.text))
    except (ValueError, TypeError):
        return ""
    return names.pop() if len(names) == 1 else ""


def _last_word(name: str) -> str:
    return _WORD.findall(name)[-1] if _WORD.search(name) else name

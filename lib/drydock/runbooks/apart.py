"""Secret values, kept apart: in their place stands a hash, from which the value is not to be found.

    {"name": "DB_PASSWORD", "value": "hunter2"}  →  {"name": "DB_PASSWORD", "value": {"$kept": "scrypt:…:…"}}

The hash of a plan covers the stand-ins, and so the values. The same value of the same account and Region has the same
stand-in on every machine, so that a plan that is made again has the hash that was approved. It takes scrypt some
milliseconds: whoever has a plan and not the values can try words one by one, and does not find what is random.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from drydock.policy.secrets import is_secret

KEPT = "$kept"
_WORK = 2**12
"""scrypt's n: 4 MiB and about 10 ms for each value."""


class Gone(RuntimeError):
    """A value that a call needs is not kept any more."""


@dataclass(frozen=True)
class Value:
    """A value that is kept apart, and the name that it goes under."""

    name: str
    value: str


def salt_of(cloud: Mapping[str, str]) -> str:
    """The salt of stand-ins of this account and Region; `cloud` as a Plan has it."""
    return hashlib.sha256(f"drydock {cloud['account']} {cloud['region']}".encode()).hexdigest()[:16]


def apart(value: Any, salt: str) -> tuple[Any, dict[str, Value]]:
    """`value`, of plain data, with a stand-in for each secret; and what they stand for."""
    kept: dict[str, Value] = {}
    return _walked(value, salt, kept), kept


def whole(value: Any, kept: Mapping[str, Value]) -> Any:
    """`value` with what is known of its stand-ins put in their places."""
    if is_stand_in(value):
        found = kept.get(value[KEPT])
        return value if found is None else found.value
    if isinstance(value, Mapping):
        return {key: whole(item, kept) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [whole(item, kept) for item in value]
    return value


def is_stand_in(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) == {KEPT} and isinstance(value[KEPT], str)


def is_of(hashed: str, value: str) -> bool:
    """Whether that is the hash of the value's stand-in."""
    _, _, rest = hashed.partition(":")
    return _hashed(value, rest.partition(":")[0]) == hashed


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, of which either may be a stand-in."""
    if is_stand_in(one) != is_stand_in(other):
        stand_in, value = (one, other) if is_stand_in(one) else (other, one)
        return isinstance(value, str) and is_of(stand_in[KEPT], value)
    return bool(one == other)


def _walked(value: Any, salt: str, kept: dict[str, Value], name: str = "", every: bool = False) -> Any:
    if isinstance(value, Mapping):
        if is_stand_in(value):
            return dict(value)
        return {
            key: _walked(item, salt, kept, _name_of(value, key, name), _every(value, key, item, every))
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        names = [name, *(_flag(item) or name for item in value)]
        return [_walked(item, salt, kept, called, every) for item, called in zip(value, names, strict=False)]
    if isinstance(value, str) and value and (every or is_secret(name, value)):
        hashed = _hashed(value, salt)
        kept[hashed] = Value(name, value)
        return {KEPT: hashed}
    return value


def _name_of(holder: Mapping[str, Any], key: str, outer: str) -> str:
    """The name that `holder[key]` goes under: in a pair of name and value it is the pair's."""
    return next(_names_in_pair(holder), key) if key in ("value", "Value") else key


def _names_in_pair(holder: Mapping[str, Any]) -> Iterator[str]:
    for key in ("name", "Name", "key", "Key"):
        if isinstance(holder.get(key), str):
            yield holder[key]


def _every(holder: Mapping[str, Any], key: str, item: Any, every: bool) -> bool:
    """Whether all texts in `holder[key]` are kept apart: in the environment of a container or a function they are."""
    if key in ("name", "Name", "key", "Key") and {"value", "Value"} & set(holder):
        return False
    return every or (key in ("environment", "Environment") and not isinstance(item, str))


def _flag(item: Any) -> str:
    """What "--db-password" in a command says of the word after it."""
    return item.lstrip("-") if isinstance(item, str) and item.startswith("-") and "=" not in item else ""


@lru_cache(maxsize=4096)
def _hashed(value: str, salt: str) -> str:
    hashed = hashlib.scrypt(value.encode(), salt=salt.encode(), n=_WORK, r=8, p=1, dklen=16)
    return f"scrypt:{salt}:{hashed.hex()}"

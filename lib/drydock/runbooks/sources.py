"""Values that no plan holds: a call names where a value is read, and it is read as the call leaves.

    act(secretsmanager.put_secret_value, …, SecretString=read_from("env:NEW_PASSWORD"))

The value is in that call and nowhere else: neither in the plan nor in its hash, the journal, or the evidence.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drydock.cloud import Cloud

RANDOM = "random"
LONGEST = 65_536
"""Bytes of a secret's value. (Secrets Manager, PutSecretValue.)"""
_READ = "$read"


def read_from(source: str, *, key: str = "", of: Mapping[str, str] | None = None, **password: Any) -> dict[str, Any]:
    """Stands in a call for a text that is read as it leaves.

    source    "env:NAME", a variable of the process that applies; "file:/PATH", without the line's end after it; or
              "random", what GetRandomPassword makes of `password`, its parameters
    key, of   the text is put under this key of the JSON object that the version `of` (the parameters of GetSecretValue)
              of a secret holds, and the whole object is what is sent
    """
    return {_READ: {"source": source, "key": key, "of": dict(of or {}), "password": password}}


def with_values(cloud: Cloud, params: Any) -> Any:
    """`params` with the texts in place of what `read_from` made. Raises LookupError, which never tells a value."""
    if isinstance(params, Mapping):
        if set(params) == {_READ}:
            return _read(cloud, params[_READ])
        return {key: with_values(cloud, value) for key, value in params.items()}
    if isinstance(params, list):
        return [with_values(cloud, value) for value in params]
    return params


def wrong_with(source: str, *, key: str = "", keys: Sequence[str] = ()) -> str:
    """Why this source cannot be what is read, and what to do; empty where it can. The value is not told.

    key   the one key of a JSON object that gets the value; empty: the value is all that the secret holds
    keys  those of a JSON object that are read by whom it is for
    """
    needed = [one for one in keys if one]
    if source == RANDOM:
        if needed and not key:
            named = ", ".join(sorted(set(needed)))
            return f"The secret is a JSON object; containers read {named} of it. Name the key to renew by json_key."
        return ""
    try:
        value = _given(source)
    except LookupError as error:
        return str(error)
    if key or not needed:
        return ""
    try:
        missing = sorted(set(needed) - set(json.loads(value)))
    except (ValueError, TypeError):
        return f"{source} holds no JSON object, and {', '.join(sorted(set(needed)))} of it is read."
    return f"{source} has no {', '.join(missing)}, which is read." if missing else ""


def _read(cloud: Cloud, how: Mapping[str, Any]) -> str:
    if how["source"] == RANDOM:
        answer = cloud.client("secretsmanager").get_random_password(**how["password"])
        value = str(answer["RandomPassword"])
    else:
        value = _given(how["source"])
    if not how["key"]:
        return value
    held = cloud.client("secretsmanager").get_secret_value(**how["of"])
    try:
        return json.dumps({**json.loads(held["SecretString"]), how["key"]: value})
    except (ValueError, TypeError, KeyError):
        raise LookupError("The secret holds no JSON object, so no key of it can be renewed.") from None


def _given(source: str) -> str:
    kind, _, name = source.partition(":")
    if kind == "env":
        if not os.environ.get(name):
            raise LookupError(f"The environment variable {name} is not set, or is empty, where this runs.")
        value = os.environ[name]
    else:
        path = Path(name)
        try:
            if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise LookupError(f"{path} is open to others than its owner: chmod 600 it, and think who has read it.")
            value = path.read_text()
        except (OSError, UnicodeError) as error:
            raise LookupError(f"{path} could not be read as text: {type(error).__name__}.") from None
        value = value.removesuffix("\n").removesuffix("\r")
    if not 0 < len(value.encode()) <= LONGEST:
        raise LookupError(f"{source} has to hold 1 to {LONGEST:,} bytes.")
    return value

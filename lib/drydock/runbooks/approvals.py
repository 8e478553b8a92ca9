"""Approvals that are signed: who may approve, how many have to, and whether these signatures are for this plan.

Who may is in a file, $DRYDOCK_APPROVERS or `approvers.json` in the folder of runs:

    {"quorum": 2, "approvers": {"alice": "ssh-ed25519 AAAA…", "bob": "ssh-ed25519 AAAA…"}}

An approval is a file too: the hash of the plan, who approves it, from when until when, and the Ed25519 signature of all
that.
"""

from __future__ import annotations

import base64
import json
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
    load_ssh_public_key,
)
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from drydock.runbooks.model import Plan
from drydock.user import home, private

APPROVERS = "DRYDOCK_APPROVERS"
"""Environment variable: the file that says who may approve."""
SUFFIX = ".approval"
SKEW = timedelta(minutes=1)
"""So far the clocks of two machines may be apart."""
_CONTEXT = b"drydock runbook approval 1\n"


class BadApproval(RuntimeError):
    """An approval does not count, or who may approve cannot be told; the text says why and what to do."""


class Approvers(BaseModel):
    """Who may approve, by name, and how many different people have to."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    approvers: dict[str, str] = Field(min_length=1)
    quorum: int = Field(default=1, ge=1)

    def key_of(self, name: str) -> Ed25519PublicKey | None:
        return _public(self.approvers[name]) if name in self.approvers else None


@dataclass(frozen=True)
class Approval:
    """One person's approval of one plan; times in ISO 8601.

    sha256  the whole hash of the plan, of which `plan` has the beginning
    """

    plan: str
    sha256: str
    by: str
    at: str
    until: str
    signature: str = ""

    def as_json(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"

    @property
    def signed(self) -> bytes:
        """What the signature is of."""
        said = {name: value for name, value in asdict(self).items() if name != "signature"}
        return _CONTEXT + json.dumps(said, sort_keys=True, separators=(",", ":")).encode()


def approvers_file(*runs: Path) -> Path | None:
    """The file that says who may approve, or None where none is configured: in the environment, or in these folders.

    One that is named has to be there, and so has what a link leads to: a folder that is not mounted lifts no rule, and
    neither does another folder for the run. Raises BadApproval where two folders have one each.
    """
    named = os.environ.get(APPROVERS)
    if named:
        return Path(named).absolute()
    paths = [folder / "approvers.json" for folder in runs]
    found = {path.resolve(): path for path in paths if os.path.lexists(path)}
    if len(found) > 1:
        both = " and ".join(map(str, found.values()))
        raise BadApproval(f"{both} say who may approve: name the one that counts by ${APPROVERS}.")
    return next(iter(found.values()), None)


def approvers(path: Path) -> Approvers:
    """Raises BadApproval where the file is not there, is not as it should be, or anybody could write it."""
    try:
        if path.stat().st_mode & stat.S_IWOTH:
            raise BadApproval(f"{path} can be written by anybody: chmod o-w it, after a look at who is in it.")
        read = Approvers.model_validate(json.loads(path.read_text(), object_pairs_hook=_each_once))
        keys = {name: _raw(_public(key)) for name, key in read.approvers.items()}
    except OSError as error:
        raise BadApproval(f"{path}, which says who may approve, cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise BadApproval(f"{path}, which says who may approve: {told}.") from None
    except ValueError as error:
        raise BadApproval(f"{path}, which says who may approve: {error}.") from error
    if len(set(keys.values())) < len(keys):
        raise BadApproval(f"{path}: two names have the same key, so they would count as two people.")
    if read.quorum > len(keys):
        raise BadApproval(f"{path}: {read.quorum} have to approve, and there are {len(keys)} who may.")
    return read


def make_key(name: str, path: Path | None = None) -> tuple[Path, str]:
    """Make a private key that only its owner can read; where it is, and the public one, for the file of approvers.

    Raises BadApproval where there is a file of that name: who has approved with it could not be checked any more.
    """
    path = path or key_file(name)
    if path == key_file(name):
        private(path.parent)
    made = Ed25519PrivateKey.generate()
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise BadApproval(f"{path}: {error.strerror}. A key is never written over another file.") from error
    with os.fdopen(file, "wb") as opened:
        opened.write(made.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    return path, made.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def key_file(name: str) -> Path:
    """Where the private key of that person is by default. Raises BadApproval for what is no name of a file."""
    if not name or name.startswith(".") or not all(each.isalnum() or each in "-_.@+" for each in name):
        raise BadApproval(f"{name!r} is no name: letters, digits and -_.@+ make one.")
    return home() / "keys" / name


def sign(plan: Plan, by: str, key: Path, *, hours: float, now: datetime | None = None) -> Approval:
    """That person's approval of the plan, from now on for so many hours.

    Raises BadApproval for a key that is none, and for an end that no calendar has.
    """
    at = now or datetime.now(UTC)
    try:
        until = at + timedelta(hours=hours)
    except (OverflowError, ValueError):
        raise BadApproval(f"{hours:g} hours from now there is no date any more: write fewer.") from None
    said = Approval(plan.hash, plan.digest, by, *(each.isoformat(timespec="seconds") for each in (at, until)))
    return Approval(**asdict(said) | {"signature": base64.b64encode(_private(key).sign(said.signed)).decode()})


def read(paths: Sequence[Path]) -> dict[str, Approval]:
    """The approvals in these files, by the files' names. Raises BadApproval."""
    found: dict[str, Approval] = {}
    for path in paths:
        try:
            found[str(path)] = TypeAdapter(Approval).validate_json(path.read_text(), strict=True)
        except OSError as error:
            raise BadApproval(f"{path}: {error.strerror}.") from error
        except ValueError as error:
            raise BadApproval(f"{path} is not an approval: `drydock runbook approve` makes them.") from error
    return found


def check(given: Mapping[str, Approval], plan: Plan, allowed: Approvers, *, now: datetime | None) -> None:
    """Hold the approvals, by where they are from, against the plan and those who may approve.

    now  None where they counted when the plan was first applied, and only have to be genuine

    Raises BadApproval for the first that does not count, and where they are too few.
    """
    people: list[str] = []
    for place, one in given.items():
        _check(place, one, plan, allowed, now)
        if one.by in people:
            raise BadApproval(f"{place}: {one.by} has approved already, and counts once.")
        people.append(one.by)
    if len(people) < allowed.quorum:
        others = [name for name in allowed.approvers if name not in people]
        raise BadApproval(
            f"{allowed.quorum} have to approve this plan, and {' and '.join(people) or 'nobody'} did. "
            f"Who may as well: {', '.join(others)}."
        )


def _check(place: str, one: Approval, plan: Plan, allowed: Approvers, now: datetime | None) -> None:
    key = allowed.key_of(one.by)
    if key is None:
        raise BadApproval(f"{place}: {one.by} is not among those who may approve: {', '.join(allowed.approvers)}.")
    try:
        key.verify(base64.b64decode(one.signature, validate=True), one.signed)
        at, until = datetime.fromisoformat(one.at), datetime.fromisoformat(one.until)
    except (InvalidSignature, ValueError):
        raise BadApproval(
            f"{place} is not signed with the key of {one.by}, or was edited since: have it made again."
        ) from None
    if (one.plan, one.sha256) != (plan.hash, plan.digest):
        raise BadApproval(f"{place} approves {one.plan}, and this plan is {plan.hash}.")
    if now is None:
        return
    if at > now + SKEW:
        raise BadApproval(f"{place} was signed at {one.at}, and here it is {_told(now)}: one of the clocks is wrong.")
    if now >= until:
        raise BadApproval(
            f"{place}: what {one.by} approved ended at {one.until}, and it is {_told(now)}: approve again."
        )


def _told(now: datetime) -> str:
    return now.isoformat(timespec="seconds")


def _private(path: Path) -> Ed25519PrivateKey:
    try:
        if path.stat().st_mode & 0o077:
            raise BadApproval(f"{path}: others can read or write this key: chmod 600 it, or make another.")
        key = load_ssh_private_key(path.read_bytes(), None)
    except OSError as error:
        raise BadApproval(f"{path}: {error.strerror}. `drydock runbook key NAME` makes a key.") from error
    except TypeError:
        raise BadApproval(
            f"{path} has a passphrase, which is not asked for: `drydock runbook key NAME` makes one."
        ) from None
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadApproval(f"{path} is no private key of OpenSSH's: {error}.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BadApproval(f"{path} is not an ed25519 key: `drydock runbook key NAME` makes one.")
    return key


def _public(text: str) -> Ed25519PublicKey:
    try:
        key = load_ssh_public_key(text.encode())
    except UnsupportedAlgorithm:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError(f"{text[:40]!r} is no key of the kind ssh-ed25519")
    return key


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"{', '.join(sorted(twice))} is in it twice")
    return dict(pairs)

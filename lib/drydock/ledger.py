"""What was created: written down before it is created, and swept away afterwards.

The ledger is a file of the user's, one JSON object a line. A line is written before each creating call leaves
and again when its answer is there, so that a crash in between is known about. `sweep` deletes what the
ledger and the tag `drydock:lab` name, nothing else, and asks the cloud what is left. It writes down when it did: what
was done before that is of an earlier round.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal

from botocore.exceptions import ClientError

from drydock.cloud import Call, Cloud
from drydock.resources import CREATORS, KINDS, Kind, not_found
from drydock.user import folder, home

State = Literal["planned", "created", "refused", "deleted"]


@dataclass(frozen=True)
class Entry:
    """One resource. `cloud` is the cloud's identity, account and region included; `when` is ISO 8601 in UTC.

    A planned entry has the identifier its parameters give, or none; one that AWS answered with an error is
    refused: it may have been there before, and is not ours.
    """

    id: str
    lab: str
    cloud: str
    account: str
    region: str
    service: str
    kind: str
    identifier: str
    when: str
    state: State


@dataclass(frozen=True)
class Round:
    """When a lab on a cloud was last swept; `lab` is empty where all were."""

    cloud: str
    lab: str
    began: str


class Ledger:
    """The entries, in `path` ($DRYDOCK_HOME/ledger.jsonl, or in the user's state folder)."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or home() / "ledger.jsonl"

    def entries(self, cloud: str | None = None, lab: str | None = None) -> list[Entry]:
        """The latest state of every entry, oldest first; of one cloud's identity, of one lab."""
        latest: dict[str, Entry] = {}
        for _, entry in self._lines():
            if isinstance(entry, Entry):
                latest[entry.id] = entry
        return [
            entry
            for entry in latest.values()
            if (cloud is None or entry.cloud == cloud) and (lab is None or entry.lab == lab)
        ]

    def began(self, cloud: str, lab: str) -> datetime:
        """When the round of a lab began: it was last swept then. Long ago where it never was."""
        rounds = (each for _, each in self._lines() if isinstance(each, Round) and each.cloud == cloud)
        times = [datetime.fromisoformat(each.began) for each in rounds if each.lab in (lab, "")]
        return max(times, default=datetime.min.replace(tzinfo=UTC))

    def write(self, entry: Entry) -> None:
        """Append one line, on disk before this returns."""
        with self._alone(), self.path.open("a+b") as file:
            end_line = b"" if _ends_a_line(file) else b"\n"
            file.write(end_line + json.dumps(asdict(entry)).encode() + b"\n")
            file.flush()

    def begin(self, cloud: str, lab: str | None) -> None:
        """A new round of the lab (None: of every lab) begins now."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")

        def before(each: Entry | Round | None) -> bool:
            return isinstance(each, Round) and each.cloud == cloud and (each.lab == lab or lab is None)

        self._rewrite(before, Round(cloud, lab or "", now))

    def forget(self, gone: Iterable[str]) -> None:
        """Drop the entries with these ids."""
        ids = set(gone)
        self._rewrite(lambda each: isinstance(each, Entry) and each.id in ids)

    def _rewrite(self, drops: Callable[[Entry | Round | None], bool], *added: Round) -> None:
        with self._alone():
            kept = [line for line, each in self._lines() if not drops(each)]
            kept += [json.dumps(asdict(each)) for each in added]
            fresh = self.path.with_suffix(".new")
            fresh.write_text("".join(line + "\n" for line in kept), errors="surrogateescape")
            fresh.replace(self.path)

    def _lines(self) -> Iterator[tuple[str, Entry | Round | None]]:
        """Every line, and what it is; None for one that a crash cut short, or that was changed by hand."""
        try:
            lines = self.path.read_text(errors="surrogateescape").split("\n")
        except FileNotFoundError:
            return
        for number, line in enumerate(lines, 1):
            if not line:
                continue
            try:
                found = json.loads(line)
                yield line, Round(**found) if "began" in found else Entry(**found)
            except (ValueError, TypeError):
                where = f"{self.path}, line {number}, is not an entry: {line[:80]!r}"
                warnings.warn(f"{where}. It is passed over; mend or remove it.", stacklevel=3)
                yield line, None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        folder(self.path.parent)
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _ends_a_line(file: BinaryIO) -> bool:
    if file.seek(0, os.SEEK_END) == 0:
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


class Recorder:
    """Tags and writes down what a cloud's clients create. One of `Cloud.listeners`."""

    def __init__(self, ledger: Ledger, cloud: Cloud, lab: str) -> None:
        self._ledger = ledger
        self._cloud = cloud
        self._lab = lab

    def asked(self, call: Call) -> None:
        kind = CREATORS.get((call.service, call.operation))
        if kind is not None and kind.tag is not None:
            kind.tag(call.params, self._lab)

    def sending(self, call: Call) -> None:
        kind = CREATORS.get((call.service, call.operation))
        if kind is None:
            return
        entry = Entry(
            id=uuid.uuid4().hex,
            lab=self._lab,
            cloud=self._cloud.identity,
            account=self._cloud.account,
            region=self._cloud.region,
            service=kind.service,
            kind=kind.name,
            identifier=kind.planned(call.params) if kind.planned else "",
            when=datetime.now(UTC).isoformat(timespec="seconds"),
            state="planned",
        )
        call.notes[self] = entry
        self._ledger.write(entry)

    def answered(self, call: Call, answer: dict[str, Any], status: int) -> None:
        planned = call.notes.pop(self, None)
        if planned is None:
            return
        if status >= 300:
            self._ledger.write(replace(planned, state="refused"))
            return
        identifiers = CREATORS[(call.service, call.operation)].creates[call.operation](call.params, answer)
        if not identifiers:
            self._ledger.write(replace(planned, state="refused"))
        for number, identifier in enumerate(identifiers):
            key = planned.id if number == 0 else uuid.uuid4().hex
            self._ledger.write(replace(planned, id=key, identifier=identifier, state="created"))


@dataclass(frozen=True)
class Survivor:
    """Something that is still there, and what AWS said when it was to be deleted."""

    kind: str
    identifier: str
    error: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.identifier}" + (f": {self.error}" if self.error else "")


@dataclass
class Swept:
    """What a sweep did. `not_asked`: kinds whose tags this cloud would not list, with its answer."""

    deleted: list[tuple[str, str]] = field(default_factory=list)
    survivors: list[Survivor] = field(default_factory=list)
    not_asked: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [f"deleted  {kind} {identifier}" for kind, identifier in self.deleted]
        lines += [f"LEFT     {survivor}" for survivor in self.survivors]
        lines += [f"unknown  {text}" for text in self.not_asked]
        return "\n".join(lines) or "Nothing was there."


class StillUsed(RuntimeError):
    """Another lab uses something of the lab that was to be swept; the text says who and what. Nothing was deleted."""


@dataclass(frozen=True)
class Use:
    """Something of another lab that stands on something of the lab in question."""

    lab: str
    user: tuple[str, str]
    used: tuple[str, str]

    def __str__(self) -> str:
        return f"lab {self.lab} has the {' '.join(self.user)}, which uses the {' '.join(self.used)}"


_WHOSE = "nothing says whether it is ours: delete it yourself if it is, then sweep again; or remove its line from {}"


_EVERY_REAL, _EVERY_LOCAL = 5.0, 0.1
"""Our seconds between two tries to delete what is still in use."""


def _limit(cloud: Cloud, within: float | None) -> float:
    """Our seconds for which it is tried again."""
    return within if within is not None else 900.0 if cloud.real else 60.0


def sweep(cloud: Cloud, lab: str | None = None, *, within: float | None = None, ledger: Ledger | None = None) -> Swept:
    """Delete everything of `lab` (None: of every lab) on this cloud, and list what is left.

    What depends on something goes first; what is still in use is tried again for `within` of our seconds
    (60 on a local cloud, 900 on AWS). Safe to run again, and after a sweep that was cut short.

    Raises StillUsed, before anything is deleted, where something of another lab stands on something of `lab`.
    """
    ledger = ledger or Ledger()
    if lab is not None and (standing := uses(cloud, lab, ledger=ledger)):
        raise StillUsed(refusal(lab, standing))
    swept = Swept()
    left = _owned(cloud, lab, ledger, swept)
    unsure = _unsure(cloud, lab, ledger, swept, left)
    errors: dict[tuple[str, str], str] = {}
    deadline = time.monotonic() + _limit(cloud, within)
    while left:
        left = _one_round(cloud, left, swept, errors)
        if not left or time.monotonic() > deadline:
            break
        time.sleep(_EVERY_REAL if cloud.real else _EVERY_LOCAL)
    for kind, identifier in left or _all_tagged(cloud, lab, errors):
        swept.survivors.append(Survivor(kind.name, identifier, errors.get((kind.name, identifier), "found by its tag")))
    for kind, identifier in unsure:
        if _exists(cloud, kind, identifier, errors):
            swept.survivors.append(Survivor(kind.name, identifier, _WHOSE.format(ledger.path)))
    alive = {(survivor.kind, survivor.identifier) for survivor in swept.survivors}
    mine = ledger.entries(cloud.identity, lab)
    ledger.forget(entry.id for entry in mine if (entry.kind, entry.identifier) not in alive)
    ledger.begin(cloud.identity, lab)
    return swept


def owned(cloud: Cloud, lab: str | None = None, *, ledger: Ledger | None = None) -> list[tuple[str, str]]:
    """(kind, identifier) of what `sweep` would delete, in its order; what is gone already is left out."""
    found = _owned(cloud, lab, ledger or Ledger(), Swept())
    return [(kind.name, identifier) for kind, identifier in found if kind.exists(cloud, identifier)]


def unknown(cloud: Cloud, lab: str | None = None, *, ledger: Ledger | None = None) -> list[str]:
    """What may be left besides `owned`: kinds that this cloud would not list, and what nothing says whose it is."""
    ledger, swept = ledger or Ledger(), Swept()
    ours = _owned(cloud, lab, ledger, swept)
    unsure = _unsure(cloud, lab, ledger, swept, ours)
    there = [one for one in unsure if _exists(cloud, *one, {})]
    return [
        *swept.not_asked,
        *(f"{kind.name} {identifier}: {_WHOSE.format(ledger.path)}" for kind, identifier in there),
    ]


class StillThere(RuntimeError):
    """Something was not deleted in time; the text has AWS's last word."""


def remove(cloud: Cloud, kind: str, identifier: str, *, within: float | None = None) -> None:
    """Delete one thing, by its kind's name, and wait until it is gone; nothing where it is gone already.

    What is still in use is tried again for `within` of our seconds (60 on a local cloud, 900 on AWS). With the last
    thing that the ledger has of a lab a new round of it begins.

    Raises StillThere after that.
    """
    swept, errors, ledger = Swept(), dict[tuple[str, str], str](), Ledger()
    left = [(one, identifier) for one in KINDS if one.name == kind]
    deadline = time.monotonic() + _limit(cloud, within)
    while left := _one_round(cloud, left, swept, errors):
        if time.monotonic() > deadline:
            raise StillThere(str(Survivor(kind, identifier, errors.get((kind, identifier), ""))))
        time.sleep(_EVERY_REAL if cloud.real else _EVERY_LOCAL)
    known = ledger.entries(cloud.identity)
    gone = [entry for entry in known if (entry.kind, entry.identifier) == (kind, identifier)]
    ledger.forget(entry.id for entry in gone)
    for lab in {entry.lab for entry in gone}:
        if not ledger.entries(cloud.identity, lab):
            ledger.begin(cloud.identity, lab)


def by_lab(cloud: Cloud, *, ledger: Ledger | None = None) -> dict[tuple[str, str], str]:
    """Whose everything is that a sweep of all labs would delete: (kind, identifier) → lab."""
    owners: dict[tuple[str, str], str] = {}
    written = (ledger or Ledger()).entries(cloud.identity)
    for kind in KINDS:
        made = [entry for entry in _of_kind(written, kind) if _made_by_us(cloud, kind, entry)]
        owners |= {(kind.name, entry.identifier): entry.lab for entry in made}
        with suppress(Exception):  # a kind that this cloud would not list: what the ledger knows of it stays
            owners |= {(kind.name, identifier): lab for identifier, lab in kind.tagged(cloud)}
    return owners


def uses(cloud: Cloud, lab: str, *, ledger: Ledger | None = None) -> list[Use]:
    """What of other labs stands on what this lab has made. A task definition alone does not, nor what is gone."""
    kinds = {kind.name: kind for kind in KINDS}
    owners = by_lab(cloud, ledger=ledger)
    mine = [one for one, owner in owners.items() if owner == lab]
    named = [(one, re.compile(rf"(?<![\w-]){kinds[one[0]].mention(one[1])}(?![\w-])")) for one in mine]
    found: list[Use] = []
    for user, owner in owners.items():
        if owner == lab or user[0] == "task definition" or not named:
            continue
        said = _said_of(cloud, kinds[user[0]], user[1])
        found += [Use(owner, user, used) for used, mention in named if mention.search(said)][:1]
    return found


def _said_of(cloud: Cloud, kind: Kind, identifier: str) -> str:
    """All that AWS says of something, as text; empty for what is gone."""
    try:
        described = kind.describe(cloud, identifier)
    except Exception:  # it is gone, or this cloud does not say
        return ""
    return f"{identifier} {json.dumps(described, default=str)}" if described else ""


def refusal(lab: str, standing: list[Use]) -> str:
    """A sentence for each lab that still uses something, and what to do."""
    first = {use.lab: use for use in reversed(standing)}
    said = [str(first[other]) for other in sorted(first)]
    commands = " and ".join(f"`drydock sweep --lab {other}`" for other in sorted(first))
    return (
        f"{lab} is not cleaned up, and nothing was deleted: {'; '.join(said)}.\n"
        f"Clean up {' and '.join(sorted(first))} first, in the notebook or by {commands}; "
        f"`drydock sweep` deletes what all labs have made."
    )


def _one_round(
    cloud: Cloud, left: list[tuple[Kind, str]], swept: Swept, errors: dict[tuple[str, str], str]
) -> list[tuple[Kind, str]]:
    asked: list[tuple[Kind, str]] = []
    for kind, identifier in left:
        if not _exists(cloud, kind, identifier, errors):
            continue
        asked.append((kind, identifier))
        try:
            kind.delete(cloud, identifier)
        except Exception as error:  # whatever one of them answers, the others are to be swept
            if not (isinstance(error, ClientError) and not_found(error)):
                errors[(kind.name, identifier)] = _first_line(error)
    remaining = []
    for kind, identifier in asked:
        if _exists(cloud, kind, identifier, errors):
            remaining.append((kind, identifier))
        else:
            swept.deleted.append((kind.name, identifier))
    return remaining


def _owned(cloud: Cloud, lab: str | None, ledger: Ledger, swept: Swept) -> list[tuple[Kind, str]]:
    """What is there and ours, by the ledger and by the tag, in the order of deletion."""
    written = ledger.entries(cloud.identity, lab)
    owned: list[tuple[Kind, str]] = []
    for kind in KINDS:
        tagged = _tagged(cloud, kind, lab, swept)
        by_ledger = [entry.identifier for entry in _of_kind(written, kind) if _made_by_us(cloud, kind, entry)]
        owned += [(kind, identifier) for identifier in dict.fromkeys([*by_ledger, *tagged])]
    return owned


def _of_kind(entries: list[Entry], kind: Kind) -> list[Entry]:
    return [e for e in entries if e.kind == kind.name and e.identifier and e.state in ("planned", "created")]


def _made_by_us(cloud: Cloud, kind: Kind, entry: Entry) -> bool:
    """Whether the ledger alone says so. On a real account what was there before may have had the same name."""
    if not cloud.real:
        return True
    return entry.state == "created" and (kind.tag is None or not kind.idempotent)


def _unsure(
    cloud: Cloud, lab: str | None, ledger: Ledger, swept: Swept, ours: list[tuple[Kind, str]]
) -> list[tuple[Kind, str]]:
    """What the ledger names on a real account and no tag can tell to be ours."""
    if not cloud.real:
        return []
    written = ledger.entries(cloud.identity, lab)
    found: list[tuple[Kind, str]] = []
    for kind in KINDS:
        if kind.tag is None or any(text.startswith(f"{kind.name}: ") for text in swept.not_asked):
            found += [(kind, identifier) for identifier in dict.fromkeys(e.identifier for e in _of_kind(written, kind))]
    return [one for one in found if one not in ours]


def _all_tagged(cloud: Cloud, lab: str | None, errors: dict[tuple[str, str], str]) -> list[tuple[Kind, str]]:
    tagged = [(kind, identifier) for kind in KINDS for identifier in _tagged(cloud, kind, lab, Swept())]
    return [(kind, identifier) for kind, identifier in tagged if _exists(cloud, kind, identifier, errors)]


def _exists(cloud: Cloud, kind: Kind, identifier: str, errors: dict[tuple[str, str], str]) -> bool:
    """Whether it is there, or may be: an answer that does not say is noted."""
    try:
        return kind.exists(cloud, identifier)
    except Exception as error:
        errors[(kind.name, identifier)] = _first_line(error)
        return True


def _tagged(cloud: Cloud, kind: Kind, lab: str | None, swept: Swept) -> list[str]:
    try:
        return [identifier for identifier, owner in kind.tagged(cloud) if lab is None or owner == lab]
    except Exception as error:
        swept.not_asked.append(f"{kind.name}: {_first_line(error)}")
        return []


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]

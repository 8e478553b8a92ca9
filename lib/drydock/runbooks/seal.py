"""A run's folder sealed when it ends, and held against its seal at any time after.

A seal is one line of `manifest.jsonl`: the SHA-256 of every file, and of each chain of lines how many it has and its
head. A run that is undone later is sealed again; each seal holds the hash of the one before.

Nothing here is signed. Who can write the folder can write all of it anew, seals included; then only somebody who has
kept the hash of a seal (`verify --seal`) can tell, as a ticket that it was written into.
"""

from __future__ import annotations

import difflib
import itertools
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drydock.runbooks import chain, files
from drydock.runbooks.model import Plan

MANIFEST = "manifest.jsonl"
CHAINS = ("journal.jsonl", "calls.jsonl")
_OF_A_CHAIN = {"lines": int, "head": str, "bytes": int}
_NOT_EVIDENCE = (".ipynb_checkpoints", ".lock")


@dataclass(frozen=True)
class Fault:
    """Something that is not as it was sealed: a file, the line in it (0: all of it), and what is wrong."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}{f', line {self.line}' if self.line else ''}: {self.what}"


@dataclass
class Verdict:
    """What came of a look at a folder. `seal` is the hash of its last seal; "" where it has none."""

    seal: str = ""
    sealed_at: str = ""
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def write(folder: Path) -> str:
    """Seal the folder as it is; the hash of the seal. Where nothing has changed since the last one, it is that."""
    path = folder / MANIFEST
    now = {"files": _files(folder), "chains": _chains(folder)}
    seals = chain.lines(path)
    if seals and seals[-1].read is not None and {key: seals[-1].read.get(key) for key in now} == now:
        return seals[-1].hash
    with path.open("ab+") as file:
        return chain.append(file, {"at": datetime.now(UTC).isoformat(timespec="seconds"), **now}, synced=True)


def last(folder: Path) -> str:
    """The hash of the folder's last seal; "" where it has none. Raises Damaged where that cannot be read."""
    seals = files.lines(folder / MANIFEST)
    return seals[-1].hash if seals else ""


def verify(folder: Path, expected: str = "") -> Verdict:
    """Hold the folder against its seals.

    expected  the hash of a seal that was kept elsewhere: it has to be one of those that the folder has
    """
    verdict = Verdict()
    found: dict[str, list[chain.Line]] = {}
    for name in (MANIFEST, *CHAINS):
        try:
            found[name] = chain.lines(folder / name)
        except OSError as error:
            verdict.faults.append(_unreadable(name, error))
    seals = found.pop(MANIFEST, [])
    verdict.faults += [Fault(MANIFEST, line, what) for line, what in chain.faults(seals)]
    for name, lines in found.items():
        verdict.faults += [Fault(name, line, what) for line, what in chain.faults(lines)]
        verdict.notes += [f"{name}, line {each.number}: cut short, as by a crash, and the line after it says so."
                          for each, after in itertools.pairwise(lines)
                          if each.read is None and after.previous == each.hash]  # fmt: skip
    whole = [seal for seal in seals if _is_seal(seal.read)]
    verdict.faults += [
        Fault(MANIFEST, seal.number, "is no seal: it was edited or put in")
        for seal in seals
        if seal.read is not None and seal not in whole
    ]
    if whole and whole[-1].read is not None:
        verdict.seal, verdict.sealed_at = whole[-1].hash, str(whole[-1].read.get("at", ""))
        verdict.faults += _against_last(folder, whole[-1].read, found)
        verdict.faults += _against_earlier([seal.read or {} for seal in whole[:-1]], found)
    elif not any(fault.file == MANIFEST for fault in verdict.faults):
        verdict.notes += list(_unsealed(found))
        if any((line.read or {}).get("event") == "ended" for line in found.get("journal.jsonl", [])):
            verdict.faults.append(Fault(MANIFEST, 0, "is not there, and the journal says that the run has ended"))
    verdict.faults += _of_plan(folder)
    if expected and expected not in {seal.hash for seal in seals}:
        verdict.faults.append(Fault(MANIFEST, 0, _not_there(expected, [seal.hash for seal in seals])))
    return verdict


def _not_there(expected: str, seals: list[str]) -> str:
    """Why the folder may lack that seal."""
    if near := difflib.get_close_matches(expected, seals, n=1, cutoff=0.9):
        return f"has no seal {expected}, and has {near[0]}, which is nearly the same: look at what you have typed"
    return f"has no seal {expected}: the folder was written anew since, or that is the seal of another run"


def of_chain(folder: Path, name: str) -> Iterator[Fault]:
    """Where that chain does not hold, or lacks lines that were sealed. Raises Damaged where that cannot be read."""
    seals, lines = files.lines(folder / MANIFEST), files.lines(folder / name)  # in this order: it may be at work
    yield from (Fault(name, line, what) for line, what in chain.faults(lines))
    for each in seals:
        if _is_seal(each.read) and each.read is not None and name in each.read.get("chains", {}):
            yield from _within(name, each.read["chains"][name], lines)


def _is_seal(read: Mapping[str, Any] | None) -> bool:
    """Whether what a line of the manifest says is what a seal says."""
    if read is None or not isinstance(read.get("at"), str) or not isinstance(read.get("files", {}), dict):
        return False
    chains = read.get("chains", {})
    return isinstance(chains, dict) and all(
        isinstance(one, dict) and {key: type(value) for key, value in one.items()} == _OF_A_CHAIN and one["lines"] >= 0
        for one in chains.values()
    )


def _of_plan(folder: Path) -> Iterator[Fault]:
    """Where the plan is not the one that its hash names, or the approval is another plan's."""
    try:
        plan = Plan.from_json((folder / "plan.json").read_text())
    except FileNotFoundError:
        return
    except OSError as error:
        yield _unreadable("plan.json", error)
        return
    except ValueError as error:
        yield Fault("plan.json", 0, str(error))
        return
    try:
        approval = json.loads((folder / "approval.json").read_text())
    except FileNotFoundError:
        return
    except OSError as error:
        yield _unreadable("approval.json", error)
        return
    except (ValueError, RecursionError) as error:
        yield Fault("approval.json", 0, str(error))
        return
    of = approval.get("plan") if isinstance(approval, dict) else None
    if of != plan.hash:
        yield Fault("approval.json", 0, f"is of the plan {of}, and the run's is {plan.hash}")


def _against_last(folder: Path, seal: Mapping[str, Any], found: Mapping[str, list[chain.Line]]) -> Iterator[Fault]:
    sealed = seal.get("files", {})
    now: dict[str, str] = {}
    for name, path in _paths(folder):
        try:
            now[name] = _hash(path)
        except OSError as error:
            yield _unreadable(name, error)
            now[name] = sealed.get(name, "")
    for name in sealed.keys() | now.keys():
        if name not in now:
            yield Fault(name, 0, "was removed")
        elif name not in sealed:
            yield Fault(name, 0, "was added")
        elif now[name] != sealed[name]:
            yield Fault(name, 0, "was edited")
    for name, lines in found.items():
        kept = seal.get("chains", {}).get(name, {"lines": 0, "head": ""})
        if len(lines) > kept["lines"]:
            yield Fault(name, kept["lines"] + 1, f"{len(lines) - kept['lines']} lines were added since it was sealed")
        elif len(lines) == kept["lines"] and _size(folder / name) != kept.get("bytes", 0):
            yield Fault(name, 0, "is of another length than was sealed")
        yield from _within(name, kept, lines)


def _against_earlier(seals: list[Mapping[str, Any]], found: Mapping[str, list[chain.Line]]) -> Iterator[Fault]:
    for seal in seals:
        for name, kept in seal.get("chains", {}).items():
            if name in found:
                yield from _within(name, kept, found[name])


def _within(name: str, kept: Mapping[str, Any], lines: list[chain.Line]) -> Iterator[Fault]:
    """Where the first lines of a chain are not those that were sealed."""
    if len(lines) < kept["lines"]:
        missing = kept["lines"] - len(lines)
        yield Fault(name, 0, f"{missing} of the {kept['lines']} lines that were sealed are not there any more")
    elif kept["lines"] and lines[kept["lines"] - 1].hash != kept["head"]:
        yield Fault(name, kept["lines"], "is another line than was sealed")


def _unsealed(found: Mapping[str, list[chain.Line]]) -> Iterator[str]:
    yield (
        "The run is not sealed: it is at work, or it was killed. Its lines are held against one another only; that "
        "files or the last lines were removed would not show."
    )
    for name, lines in found.items():
        if lines and lines[-1].read is None:
            yield f"{name}, line {lines[-1].number}: cut short, as by a crash; no line after it says so."


def _files(folder: Path) -> dict[str, str]:
    """{path in the folder: SHA-256} of all files but the chains."""
    return {name: _hash(path) for name, path in _paths(folder)}


def _paths(folder: Path) -> Iterator[tuple[str, Path]]:
    """(path in the folder, path) of all files but the chains."""
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _NOT_EVIDENCE)
        for name in sorted(names):
            path = Path(base) / name
            relative = path.relative_to(folder).as_posix()
            if relative not in (*CHAINS, MANIFEST, *_NOT_EVIDENCE):
                yield relative, path


def _hash(path: Path) -> str:
    return chain.hashed(path.read_bytes()) if path.is_file() else "no file"


def _unreadable(name: str, error: OSError) -> Fault:
    return Fault(name, 0, f"cannot be read: {error.strerror}")


def _chains(folder: Path) -> dict[str, dict[str, Any]]:
    """{name: lines, head and bytes} of each chain."""
    heads = {name: chain.head(folder / name) for name in CHAINS}
    return {
        name: {"lines": lines, "head": head, "bytes": _size(folder / name)} for name, (lines, head) in heads.items()
    }


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0

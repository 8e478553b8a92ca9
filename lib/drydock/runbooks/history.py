"""The runs that are kept, as their folders tell of them."""

from __future__ import annotations

import fcntl
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drydock.runbooks import executor, files
from drydock.runbooks.evidence import Evidence, NoSuchRun
from drydock.runbooks.files import Damaged
from drydock.runbooks.model import Plan
from drydock.runbooks.runbook import next_commands, place_parameters
from drydock.runbooks.targets import resume_command, roll_back_command

_WHERE = ("cluster", "service", "services", "repository", "secret", "target")
"""Parameters that say what a run is about."""
_LEFT = ("plan.json", "result.json", "journal.jsonl")
_SHOWN = ("result.json", "approval.json", "cost.json", "findings.json", "before.json", "after.json")


@dataclass(frozen=True)
class Run:
    """One run. `outcome` is that of its end, else "at work" or "cut short"; `seconds` is None until it has ended."""

    folder: Path
    runbook: str
    target: str
    outcome: str
    why: str
    by: str
    began: datetime | None
    seconds: float | None
    plan: Plan | None
    left: list[str]
    """Steps that were begun and are not undone."""
    faults: list[str]
    """What of its files is not as a run writes it, a line each."""

    @property
    def is_open(self) -> bool:
        """Whether somebody has to see to it: it is at work, or has ended before it had applied or undone all."""
        return self.outcome in ("at work", "cut short") or (self.outcome == "failed" and bool(self.left))

    @property
    def next(self) -> str:
        """What to type next; empty where nothing has to be done."""
        if self.outcome == "planned" and self.plan is not None:
            given = {**self.plan.parameters, **place_parameters(self.plan)}
            return ", and then ".join(next_commands(self.runbook, given, self.plan, self.folder))
        if self.left and self.outcome == "cut short":
            return f"{resume_command(self.folder)}, or {roll_back_command(self.folder)}"
        if self.left and self.outcome != "at work":
            return roll_back_command(self.folder)
        return ""


def runs(root: Path) -> list[Run]:
    """The runs whose folders are in `root`, or in that of a list there: open ones first, then the newest first."""
    found = [read(folder) for folder in (*root.glob("*"), *root.glob("*/*")) if is_run(folder)]
    return sorted(found, key=lambda run: (not run.is_open, -(run.began.timestamp() if run.began else 0)))


def is_run(folder: Path) -> bool:
    """Whether a run has left this folder; one that cannot be looked into may be one."""
    try:
        return folder.is_dir() and any((folder / name).exists() for name in _LEFT)
    except OSError:
        return True


def read(folder: Path) -> Run:
    """The run of that folder. What of it is damaged is passed over, and said in `faults`."""
    kept = Evidence(folder.resolve())
    faults: dict[str, None] = {}

    def whole(read: Callable[..., Any], otherwise: Any, *given: Any) -> Any:
        try:
            return read(*given)
        except Damaged as error:
            faults[str(error)] = None
            return otherwise

    calls, journal = whole(kept.calls, []), whole(kept.events, [])
    whole(kept.require_whole, None)
    plan = whole(_plan, None, kept)
    shown = {name: whole(files.read, None, kept.folder / name) or {} for name in _SHOWN}
    whole(lambda: kept.secrets, None)
    try:
        next(kept.folder.iterdir(), None)
    except OSError as error:
        faults = {str(files.unreadable(kept.folder, error)): None}
    result, approval = shown["result.json"], shown["approval.json"]
    moments = [_moment(line.get("at")) for line in (*calls[:1], *journal[:1])]
    began = min((moment for moment in moments if moment), default=None)
    ended = _moment(result.get("at"))
    at_work = _at_work(folder)
    return Run(
        kept.folder,
        plan.runbook if plan else _named(folder),
        _target(plan),
        result.get("outcome") or ("at work" if at_work else "cut short"),
        result.get("why", ""),
        approval.get("by", ""),
        began,
        (ended - began).total_seconds() if began and ended else None,
        plan,
        executor.begun(journal),
        list(faults),
    )


def steps(run: Run) -> Iterator[tuple[str, str, str, str]]:
    """(step, how it ended, when it began, seconds) for each step of the plan."""
    lines: dict[str, list[Mapping[str, Any]]] = {}
    for line in Evidence(run.folder).events():
        lines.setdefault(line["step"], []).append(line)
    for step in run.plan.steps if run.plan else ():
        own = lines.get(step.name, [])
        if not own:
            yield step.name, "not begun", "", ""
            continue
        first, last = (_moment(line["at"]) for line in (own[0], own[-1]))
        took = f"{(last - first).total_seconds():.1f}" if first and last else ""
        yield step.name, str(own[-1]["event"]), str(own[0]["at"]), took


def calls(run: Run) -> list[tuple[str, str, str]]:
    """(call, how often, errors) of a run, the most frequent first."""
    made = Evidence(run.folder).calls()
    number = Counter(f"{call['service']}:{call['operation']}" for call in made)
    errors: dict[str, Counter[str]] = {}
    for call in made:
        if call["error"]:
            errors.setdefault(f"{call['service']}:{call['operation']}", Counter())[call["error"]] += 1
    return [
        (name, str(count), ", ".join(f"{code} × {times}" for code, times in errors.get(name, Counter()).items()))
        for name, count in number.most_common()
    ]


def _plan(kept: Evidence) -> Plan | None:
    """The plan without its secret values; None where the run had none. Raises Damaged."""
    with suppress(NoSuchRun):
        return files.plan(Evidence.of(kept.folder).folder / "plan.json")
    return None


def _target(plan: Plan | None) -> str:
    if plan is None:
        return ""
    named = [str(plan.parameters[name]) for name in _WHERE if plan.parameters.get(name)]
    place = "" if plan.cloud["name"] == "embedded" else f" on {plan.place}"
    return "/".join(named) + place


def _named(folder: Path) -> str:
    """The runbook that the folder's own name tells: `<time>-<runbook>-<random>`."""
    return "-".join(folder.name.split("-")[1:-1]) or folder.name


def _moment(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _at_work(folder: Path) -> bool:
    """Whether a process holds the run."""
    try:
        with (folder / "journal.jsonl").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False

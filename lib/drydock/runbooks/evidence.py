"""What a run leaves: one folder that says what was planned, who approved it, what was called, and how it ended.

    plan.json        the plan, the state it was made from, its hash
    approval.json    whose approval of which hash, and when, with their signatures
    journal.jsonl    every step, written and synced before its call leaves, when it is answered, and when it is done
    calls.jsonl      every AWS call: service, operation, request id, time, outcome
    before.json, after.json   the state, read again at the end
    findings.json    what a runbook that only reads has found
    result.json      how it ended
    report.html      all of it on one page that opens offline
    notebook.ipynb   the notebook as it ran, where `drydock runbook` ran it

Only the user can enter the folder: the state of a task definition holds the values of environment variables.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drydock.cloud import Call as Sent
from drydock.figures import table
from drydock.notebooks import page
from drydock.runbooks.model import Plan, difference, plain

FOLDER = "DRYDOCK_RUN"
"""Environment variable: the very folder for the next run."""
ROOT = "DRYDOCK_RUNS"
"""Environment variable: the folder that runs' folders are made in; `runs` in the working directory by default."""


PATIENCE = 5.0
"""Seconds to wait for a run that is at work: a kernel whose parent was killed ends within about one."""


class AtWork(RuntimeError):
    """Another process is applying or undoing this very run."""


class NoSuchRun(LookupError):
    """The folder is not one that a run has left."""


class Evidence:
    """The folder of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def start(cls, runbook: str) -> Evidence:
        """Make the folder of a run that begins."""
        named = os.environ.get(FOLDER)
        folder = Path(named) if named else new_folder(root(), runbook)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return cls(folder.resolve())

    @classmethod
    def of(cls, folder: Path) -> Evidence:
        """The folder of a run that was. Raises NoSuchRun."""
        if not (folder / "plan.json").exists():
            raise NoSuchRun(
                f"{folder} holds no plan.json. Either it is not the folder of a run, as runs print it, or that run "
                f"ended before it had a plan, and has changed nothing."
            )
        return cls(folder.resolve())

    @property
    def plan(self) -> Plan:
        """Raises ValueError where the file was edited or is not whole."""
        path = self.folder / "plan.json"
        try:
            return Plan.from_json(path.read_text())
        except ValueError as error:
            raise ValueError(f"{path}: {error} A run is undone only from the plan that it had.") from error

    def write(self, name: str, value: Any) -> None:
        """Write `value` as JSON to the file `name`, whole or not at all."""
        self._write(name, json.dumps(plain(value), indent=1) + "\n")

    def write_plan(self, plan: Plan) -> None:
        self._write("plan.json", plan.as_json())
        self.write("before.json", plan.state)

    def read(self, name: str) -> Any:
        """What is in the file `name`, or None. Raises ValueError where that is not JSON."""
        path = self.folder / name
        try:
            return json.loads(path.read_text()) if path.exists() else None
        except ValueError as error:
            raise ValueError(f"{path} is not as the run wrote it: {error}.") from error

    def note(self, event: str, step: str = "", **more: Any) -> None:
        """Add a line to the journal; on disk before this returns."""
        line = {"at": _now(), "event": event, "step": step, **plain(more)}
        with _opened(self.folder / "journal.jsonl", "ab+") as file:
            file.seek(max(0, file.tell() - 1))
            cut_short = file.read() not in (b"", b"\n")
            file.write((cut_short * "\n" + json.dumps(line) + "\n").encode())
            file.flush()
            os.fsync(file.fileno())

    def journal(self) -> list[dict[str, Any]]:
        """The journal's lines; one that a crash cut short is left out."""
        return list(_lines(self.folder / "journal.jsonl"))

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """For the length of the block no other process applies or undoes this run.

        Raises AtWork where one does and goes on for longer than PATIENCE.
        """
        deadline = time.monotonic() + PATIENCE
        with (self.folder / "journal.jsonl").open("a") as file:
            while not _locked(file.fileno()):
                if time.monotonic() > deadline:
                    raise AtWork(
                        f"{self.folder} is the folder of a run that is at work: let it end, or end it by a signal."
                    )
                time.sleep(0.05)
            yield

    def called(self, sent: Sent, answer: dict[str, Any], status: int) -> None:
        """Add one AWS call. Its parameters are in the plan, where they matter, and not here."""
        line = {
            "at": _now(),
            "service": sent.service,
            "operation": sent.operation,
            "request_id": answer.get("ResponseMetadata", {}).get("RequestId", ""),
            "status": status,
            "error": answer.get("Error", {}).get("Code", "") if status >= 300 else "",
        }
        with _opened(self.folder / "calls.jsonl", "ab") as file:
            file.write(json.dumps(line).encode() + b"\n")

    def calls(self) -> list[dict[str, Any]]:
        """The calls' lines, in order."""
        return list(_lines(self.folder / "calls.jsonl"))

    def report(self) -> None:
        """Write report.html from the other files."""
        plan, result = self.plan, self.read("result.json") or {}
        approval, after = self.read("approval.json"), self.read("after.json")
        parameters = [(name, str(value)) for name, value in plan.parameters.items()]
        body = [
            f"<h1>{table.text(plan.runbook)}: {table.text(result.get('outcome', 'not ended'))}</h1>",
            f"<p>{table.text(result.get('why', ''))}</p>",
            table.as_html(("", ""), [("Cloud", plan.place), ("Plan", plan.hash), *parameters]),
        ]
        if plan.steps:
            body += [
                "<h2>Steps</h2>",
                table.as_html(("Step", "Kind", "What"), [(step.name, step.kind, step.title) for step in plan.steps]),
                "<h2>What the plan changes</h2>",
                table.as_html(("What", "Before", "After"), plan.difference()),
            ]
        if approval:
            told = [(name, value) for name, value in approval.items() if isinstance(value, str)]
            body += ["<h2>Approval</h2>", table.as_html(("", ""), told)]
        if after is not None:
            left = difference(plan.state, after) or [("", "the same as before", "")]
            body += [
                "<h2>State at the end, against the state before</h2>",
                table.as_html(("What", "Before", "At the end"), left),
            ]
        if findings := self.read("findings.json"):
            columns = list(findings[0])
            body += [
                "<h2>Findings</h2>",
                table.as_html(columns, [[one.get(c, "") for c in columns] for one in findings]),
            ]
        journal = [(line["at"], line["event"], line["step"], line.get("why", "")) for line in self.journal()]
        body += ["<h2>Journal</h2>", table.as_html(("When", "Event", "Step", ""), journal)]
        calls = [tuple(str(value) for value in line.values()) for line in self.calls()]
        body += [
            "<h2>AWS calls</h2>",
            table.as_html(("When", "Service", "Operation", "Request", "Status", "Error"), calls),
        ]
        self._write("report.html", page.document(f"{plan.runbook}: {result.get('outcome', '')}", "".join(body)))

    def _write(self, name: str, text: str) -> None:
        fresh = self.folder / f"{name}.new"
        with _opened(fresh, "wb") as file:
            file.write(text.encode())
        fresh.replace(self.folder / name)


def root() -> Path:
    """Where runs' folders are made: $DRYDOCK_RUNS, or `runs` in the working directory."""
    return Path(os.environ.get(ROOT) or "runs").absolute()


def new_folder(at: Path, runbook: str) -> Path:
    """A name for a run that begins now: `<time>-<runbook>-<random>`."""
    return at / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{runbook}-{secrets.token_hex(3)}"


def planned_as(plan_hash: str) -> Plan | None:
    """The plan of that hash among the runs that are kept, or None."""
    for path in sorted(root().glob("*/plan.json"), reverse=True):
        try:
            plan = Plan.from_json(path.read_text())
        except (ValueError, OSError):
            continue
        if plan.hash == plan_hash:
            return plan
    return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[Any]:
    """The file, open; an error of writing names it, as one of opening does."""
    try:
        with path.open(mode) as file:
            yield file
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    for line in path.read_text().splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue

"""What a run leaves: one folder that says what was planned, who approved it, what was called, and how it ended.

    plan.json        the plan, the state it was made from, its hash
    cost.json        what the plan changes of what is charged by the hour, where there is any
    approval.json    whose approval of which hash, and when, with their signatures
    journal.jsonl    every step, written and synced before its call leaves, when it is answered, and when it is done
    calls.jsonl      every AWS call: service, operation, request id, time, outcome
    before.json, after.json   the state, read again at the end
    findings.json    what a runbook that only reads has found
    transcript.json  what a command wrote that open-shell has run, and who asked for it
    result.json      how it ended
    report.html      all of it on one page that opens offline
    notebook.ipynb   the notebook as it ran, where `drydock runbook` ran it
    secrets.json     secret values that the plan's calls need, where there are any: see `forget`
    manifest.jsonl   the SHA-256 of every file when the run ended: see `seal`

Each line of journal.jsonl and calls.jsonl holds the hash of the one before. No other file than secrets.json has a
secret value in it: a plan and a state have stand-ins (`apart`), also for the environment of containers, and texts have
`(not shown)`.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drydock.cloud import Call as Sent
from drydock.figures import table
from drydock.notebooks import page
from drydock.policy.operations import only_reads
from drydock.policy.secrets import HIDDEN, hidden, is_secret, says_secret
from drydock.runbooks import chain, files, seal
from drydock.runbooks.apart import Value, apart, salt_of, whole
from drydock.runbooks.files import SECRETS, Damaged
from drydock.runbooks.model import Plan, difference, plain

FOLDER = "DRYDOCK_RUN"
"""Environment variable: the very folder for the next run."""
ROOT = "DRYDOCK_RUNS"
"""Environment variable: the folder that runs' folders are made in; `runs` in the working directory by default."""
_STATES = ("before.json", "after.json")
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
        self._salt = ""
        self._seen: dict[str, Value] = {}
        self._sealed = False

    @classmethod
    def start(cls, runbook: str) -> Evidence:
        """Make the folder of a run that begins."""
        named = os.environ.get(FOLDER)
        folder = Path(named) if named else new_folder(root(), runbook)
        return cls(made(folder).resolve())

    @classmethod
    def of(cls, folder: Path) -> Evidence:
        """The folder of a run that was. Raises NoSuchRun; Damaged where its plan was taken out after it began."""
        if not os.path.lexists(folder / "plan.json"):
            begun = [line["step"] for line in cls(folder).events() if line["event"] == "begin"]
            if begun:
                raise files.damaged(folder / "plan.json", f"it is not there, and {begun[0]} began")
            raise NoSuchRun(
                f"{folder} holds no plan.json. Either it is not the folder of a run, as runs print it, or that run "
                f"ended before it had a plan, and has changed nothing."
            )
        return cls(folder.resolve())

    @property
    def plan(self) -> Plan:
        """Raises Damaged where the file was edited or is not whole."""
        return files.plan(self.folder / "plan.json", self._kept())

    def write(self, name: str, value: Any) -> None:
        """Write `value` as JSON to the file `name`, whole or not at all; a state with stand-ins for its secrets."""
        stored = self._apart(plain(value))[0] if name in _STATES else self._hidden(plain(value))
        self._write(name, json.dumps(stored, indent=1) + "\n")

    def write_plan(self, plan: Plan) -> None:
        self._write("plan.json", plan.as_json())
        self._salt = salt_of(plan.cloud)
        self._keep(plan.secrets)
        self.write("before.json", plan.state)

    def mind(self, state: Mapping[str, Any], cloud: Mapping[str, str]) -> None:
        """From now on `hide` knows the secrets in this state, which was read to make a plan; `cloud` as in a Plan."""
        self._seen |= apart(plain(state), salt_of(cloud))[1]

    def read(self, name: str) -> Any:
        """What is in the file `name`, or None where there is none. Raises Damaged."""
        found = files.read(self.folder / name)
        return whole(found, self._kept()) if name in _STATES else found

    def note(self, event: str, step: str = "", **more: Any) -> None:
        """Add a line to the journal; on disk before this returns."""
        line: dict[str, Any] = {"at": _now(), "event": event, "step": step}
        for name, value in plain(more).items():
            if name == "results":
                line[name], secret = self._apart(value)
                self._keep(secret)
            else:
                line[name] = self._hidden(value)
        self._append("journal.jsonl", line, synced=True)

    def journal(self) -> list[dict[str, Any]]:
        """`events`, with the secret values that steps have answered. Raises Damaged."""
        lines = self.events()
        return whole(lines, self._kept()) if any("results" in line for line in lines) else lines

    def events(self) -> list[dict[str, Any]]:
        """The journal's lines; one that a crash cut short is left out, and one that is none of the run's.

        Raises Damaged where the file cannot be read.
        """
        return [line for line in self._lines("journal.jsonl", "at", "event", "step") if _is_event(line)]

    def require_whole(self) -> None:
        """Raises Damaged where the journal does not tell what the run has done: it was edited, or lacks lines."""
        path = self.folder / "journal.jsonl"
        made = [call for call in self.calls() if not call["error"] and not only_reads(call["operation"])]
        events = {line["event"] for line in self.events()}
        for fault in seal.of_chain(self.folder, path.name):
            raise files.damaged(path, f"line {fault.line} {fault.what}" if fault.line else fault.what)
        if made and "begin" not in events:
            raise files.damaged(path, f"it has no step that began, and calls.jsonl has {made[0]['operation']}")

    @property
    def secrets(self) -> list[str]:
        """The names of the values that secrets.json holds."""
        return sorted({value.name for value in self._kept().values()})

    def forget(self) -> list[str]:
        """Remove the secret values; their names. A step that needs one can be neither taken nor undone after that."""
        names = self.secrets
        if names:
            (self.folder / SECRETS).unlink()
            self.note("secrets removed")
            self.seal()
        return names

    def seal(self) -> str:
        """Write down the hash of every file, so that `drydock runbook verify` can tell what is changed after this; the
        hash of that. What is written by this process from now on is sealed again.

        Secret values stay only where a step that may still be undone was begun.
        """
        events = [line["event"] for line in self.events()]
        if "begin" not in events or "rolled back" in events:
            (self.folder / SECRETS).unlink(missing_ok=True)
        self._sealed = True
        return seal.write(self.folder)

    def seal_again(self) -> None:
        """`seal` where that was done before: what was looked at in vain is written down too."""
        if seal.last(self.folder):
            self.seal()

    def hide(self, text: str) -> str:
        """`text` without the secrets that are known of this run, and without what looks like one."""
        for value in (self._seen | self._kept()).values():
            if value.value in text and (is_secret(value.name, value.value) or is_secret("secret", value.value)):
                text = text.replace(value.value, HIDDEN)
        return hidden(text)

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
        self._append("calls.jsonl", line, synced=False)

    def calls(self) -> list[dict[str, Any]]:
        """The calls' lines, in order."""
        return self._lines("calls.jsonl", "at", "service", "operation", "error")

    def _lines(self, name: str, *said: str) -> list[dict[str, Any]]:
        """Those lines of a chain that say all of that in text, as what the run wrote does."""
        read = [line.read for line in files.lines(self.folder / name) if line.read is not None]
        return [line for line in read if all(isinstance(line.get(each), str) for each in said)]

    def report(self) -> None:
        """Write report.html from the other files; of one that is damaged it says that. Raises Damaged for the plan."""
        plan, bad = self.plan, []

        def read(name: str) -> Any:
            try:
                return self.read(name)
            except Damaged as error:
                bad.append(str(error))

        result, approval, after = read("result.json") or {}, read("approval.json"), read("after.json")
        parameters = [(name, self.hide(str(value))) for name, value in plan.parameters.items()]
        body = [
            f"<h1>{table.text(plan.runbook)}: {table.text(result.get('outcome', 'not ended'))}</h1>",
            f"<p>{table.text(result.get('why', ''))}</p>",
            table.as_html(("", ""), [("Cloud", plan.place), ("Plan", plan.hash), *parameters]),
        ]
        if plan.steps:
            body += [
                "<h2>Steps</h2>",
                table.as_html(
                    ("Step", "Kind", "What"), [(step.name, step.kind, self.hide(step.title)) for step in plan.steps]
                ),
                "<h2>What the plan changes</h2>",
                table.as_html(("What", "Before", "After"), plan.difference()),
            ]
        if cost := read("cost.json"):
            body += [
                "<h2>Cost</h2>",
                f"<p>{table.text(cost['text'])}</p>",
                f"<p>Assumed: {table.text(cost['assumed'])}.</p>",
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
        if findings := read("findings.json"):
            heads = list(findings[0])
            body += [
                "<h2>Findings</h2>",
                table.as_html(heads, [[one.get(head, "") for head in heads] for one in findings]),
            ]
        journal = [(line["at"], line["event"], line["step"], line.get("why", "")) for line in self.events()]
        body += ["<h2>Journal</h2>", table.as_html(("When", "Event", "Step", ""), journal)]
        columns = {"When": "at", "Service": "service", "Operation": "operation", "Request": "request_id"}
        columns |= {"Status": "status", "Error": "error"}
        calls = [[str(line.get(name, "")) for name in columns.values()] for line in self.calls()]
        body += ["<h2>AWS calls</h2>", table.as_html([*columns], calls)]
        body += [f"<p>{table.text(why)}</p>" for why in bad]
        self._write("report.html", page.document(f"{plan.runbook}: {result.get('outcome', '')}", "".join(body)))

    def _write(self, name: str, text: str) -> None:
        fresh = self.folder / f"{name}.new"
        with _opened(fresh, "wb") as file:
            if name == SECRETS:
                fresh.chmod(0o600)
            file.write(text.encode())
        fresh.replace(self.folder / name)
        if self._sealed:
            seal.write(self.folder)

    def _append(self, name: str, line: dict[str, Any], *, synced: bool) -> None:
        with self._alone(), _opened(self.folder / name, "ab+") as file:
            chain.append(file, line, synced=synced)
        if self._sealed:
            seal.write(self.folder)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """For the length of the block no other thread or process adds a line."""
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _apart(self, value: Any) -> tuple[Any, dict[str, Value]]:
        """`value` with stand-ins for its secrets, and what they stand for."""
        return apart(value, self._salt or salt_of(self.plan.cloud))

    def _hidden(self, value: Any, name: str = "") -> Any:
        if isinstance(value, Mapping):
            return {key: self._hidden(item, key) for key, item in value.items()}
        if isinstance(value, list):
            return [self._hidden(item, name) for item in value]
        if isinstance(value, str):
            return HIDDEN if says_secret(name) else self.hide(value)
        return value

    def _kept(self) -> dict[str, Value]:
        return files.secrets(self.folder / SECRETS)

    def _keep(self, secret: Mapping[str, Value]) -> None:
        known = self._kept()
        if secret.keys() - known.keys():
            stored = {hashed: asdict(value) for hashed, value in {**known, **secret}.items()}
            self._write(SECRETS, json.dumps(stored, indent=1) + "\n")


def root() -> Path:
    """Where runs' folders are made: $DRYDOCK_RUNS, or `runs` in the working directory."""
    return Path(os.environ.get(ROOT) or "runs").absolute()


def made(folder: Path) -> Path:
    """The folder, which is made where it is not there. Raises OSError, which says how to name another place."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        elsewhere = f"{error.strerror}: runs are kept there; ${ROOT} or --runs names another folder"
        raise OSError(error.errno, elsewhere, str(folder)) from error
    return folder


def new_folder(at: Path, runbook: str) -> Path:
    """A name for a run that begins now: `<time>-<runbook>-<random>`."""
    return at / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{runbook}-{secrets.token_hex(3)}"


def planned_as(plan_hash: str) -> Plan | None:
    """The plan of that hash among the runs that are kept, or None."""
    for path in sorted(root().glob("*/plan.json"), reverse=True):
        try:
            plan = files.plan(path)
        except Damaged:
            continue
        if plan.hash == plan_hash:
            return plan
    return None


def _is_event(line: Mapping[str, Any]) -> bool:
    """Whether what else the line says is of the kinds that a run writes."""
    kinds = {"results": dict, "outcome": str, "why": str}
    return all(isinstance(line[name], kind) for name, kind in kinds.items() if name in line)


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

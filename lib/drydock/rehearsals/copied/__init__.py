"""A runbook rehearsed on a copy of what it is about: planned where it is, applied where nothing can break.

    1. the dry run, on the cloud that is meant: only reads
    2. the service and what it stands on are read there, by calls that only read
    3. all of it is made again on an embedded AWS of its own, with stand-ins for images, secrets and certificates
    4. the runbook is planned and applied there, and rolled back
    5. what happened is laid beside what the plan said, step by step

Nothing on the cloud that is meant is changed: a call that would is not sent.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from drydock.cloud import connect
from drydock.figures import table
from drydock.notebooks import page
from drydock.notebooks.environment import environment
from drydock.notebooks.instances import own_instance
from drydock.notebooks.wait import TookTooLong
from drydock.rehearsals.common import signed_by_nobody
from drydock.rehearsals.copied.build import Copy
from drydock.rehearsals.copied.source import NothingToCopy, Source, read
from drydock.runbooks import catalogue, evidence, parameters, runner
from drydock.runbooks.evidence import Evidence
from drydock.runbooks.guard import Guard
from drydock.runbooks.model import Plan, changes_in_words, plain

__all__ = ["Compared", "NothingToCopy", "StepCompared", "rehearse"]


@dataclass(frozen=True)
class StepCompared:
    """One step: `planned` as the plan on the cloud that is meant has it, `happened` as on the copy.

    differs  in words, where the call or what it sets is another on the copy; empty where it is the same
    """

    name: str
    planned: str
    happened: str
    differs: str = ""


@dataclass
class Compared:
    """What a rehearsal on a copy came to. `folder` has everything; `left` is what was not taken along."""

    runbook: str
    folder: Path
    place: str = ""
    plan: str = ""
    outcome: str = ""
    why: str = ""
    undone: str = ""
    steps: list[StepCompared] = field(default_factory=list)
    state: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return not self.why and all(not step.differs for step in self.steps)


def rehearse(name: str, given: Mapping[str, str], cloud: str, root: Path | None = None) -> Compared:
    """Rehearse the runbook with these parameters on a copy of what it is about on `cloud`.

    What cannot be copied is said in `why`. Raises BadParameter, NoSuchRunbook; NothingToCopy for a runbook that is not
    about a service.
    """
    declared = parameters.declared(catalogue.notebook(name))
    values = declared.read({**given, "cloud": cloud})
    if "cluster" not in values:
        raise NothingToCopy(f"{name} has no parameter `cluster`: only what ECS runs can be copied.")
    folder = evidence.made(evidence.new_folder((root or evidence.root()).absolute(), f"{name}-rehearsal"))
    compared = Compared(name, folder)
    started = time.monotonic()
    meant = runner.run(name, {**given, "cloud": cloud, "dry_run": "true"}, root=folder / "meant")
    if not meant.ok or meant.plan is None:
        compared.why = f"there is no plan on the cloud that is meant: {meant.error}"
    else:
        compared.place, compared.plan = meant.plan.place, meant.plan.hash
        try:
            source = _read(values, cloud, folder)
            with own_instance(), environment(signed_by_nobody(folder / "copy")):
                _on_the_copy(compared, Copy(source, connect("embedded", region=source.region)), given, meant.plan)
        except (NothingToCopy, ClientError, TookTooLong) as error:
            compared.why = f"there is no copy to rehearse on: {error}"
    compared.seconds = time.monotonic() - started
    _write(compared)
    return compared


def _read(values: Mapping[str, Any], cloud: str, folder: Path) -> Source:
    """Read the source; whatever is not a read is refused before it leaves, and every call is in `read/calls.jsonl`."""
    (folder / "read").mkdir(mode=0o700)
    meant = connect(cloud, region=values["region"], account=values["account"], budget_usd=float("inf"))
    Guard(meant, Evidence(folder / "read"))
    services = [values["service"]] if "service" in values else []
    revisions = [value for name, value in values.items() if name.endswith("revision") and isinstance(value, int)]
    image = str(values.get("image", ""))
    return read(meant, cluster=values["cluster"], services=services, revisions=revisions, image=image)


def _on_the_copy(compared: Compared, copy: Copy, given: Mapping[str, str], plan: Plan) -> None:
    copy.make()
    compared.left = copy.left
    there = {**copy.there(given), "cloud": "embedded", "account": ""}
    runs = compared.folder / "copy"
    planned = runner.run(compared.runbook, {**there, "dry_run": "true"}, root=runs)
    if not planned.ok or planned.plan is None:
        compared.why = f"there is no plan on the copy: {planned.error}"
        return
    compared.state = _differences(copy.there(plain(plan.state)), plain(planned.plan.state))
    if not plan.changes and not planned.plan.changes:
        compared.outcome = planned.outcome
        compared.steps = steps(copy, plan, planned.plan, [])
        return
    run = runner.run(compared.runbook, {**there, "dry_run": "false", "approve": planned.plan.hash}, root=runs)
    kept = Evidence(run.folder)
    compared.outcome, compared.why = run.outcome, "" if run.ok else str(run.error)
    compared.steps = steps(copy, plan, planned.plan, kept.journal())
    if run.outcome == "applied":
        compared.undone = runner.roll_back_run(run.folder)
        if not compared.undone.endswith("rolled back") or kept.read("after.json") != kept.read("before.json"):
            compared.why = f"applied, and not rolled back to the state before: {compared.undone}"


def steps(copy: Copy, meant: Plan, copied: Plan, journal: Sequence[Mapping[str, Any]]) -> list[StepCompared]:
    """Both plans, step by step, and what the journal says of each."""
    on_meant, on_copy = {step.name: step for step in meant.steps}, {step.name: step for step in copied.steps}
    compared = []
    for name in [*on_meant, *(name for name in on_copy if name not in on_meant)]:
        if name not in on_copy:
            compared.append(StepCompared(name, on_meant[name].title, "", "it is not in the plan on the copy"))
            continue
        if name not in on_meant:
            compared.append(StepCompared(name, "", on_copy[name].title, "it is only in the plan on the copy"))
            continue
        expected, found = (
            {"call": str(step.do.call), **plain(asdict(step.do.call)["params"]), "sets": plain(step.sets)}
            for step in (on_meant[name], on_copy[name])
        )
        differs = "; ".join(_differences(copy.there(expected), found))
        compared.append(StepCompared(name, on_meant[name].title, _happened(name, journal), differs))
    return compared


def _differences(expected: Any, found: Any) -> list[str]:
    """In words; of environment variables the names are compared, and not the values, which plans do not show."""
    words = changes_in_words(_without_values(expected), _without_values(found))
    return words.split("; ") if words else []


def _without_values(value: Any) -> Any:
    if isinstance(value, Mapping):
        made = {key: _without_values(item) for key, item in value.items()}
        if isinstance(made.get("environment"), list):
            made["environment"] = sorted(one["name"] for one in made["environment"])
        return made
    return [_without_values(item) for item in value] if isinstance(value, list) else value


def _happened(step: str, journal: Sequence[Mapping[str, Any]]) -> str:
    """What became of a step, and how long it took."""
    began: datetime | None = None
    for line in journal:
        if line["step"] != step:
            continue
        if line["event"] == "begin":
            began = datetime.fromisoformat(line["at"])
        elif began and line["event"] in ("done", "failed"):
            seconds = (datetime.fromisoformat(line["at"]) - began).total_seconds()
            why = f": {line['why']}" if line.get("why") else ""
            return f"{line['event']} in {seconds:.1f} s{why}"
    return "not begun"


def _write(compared: Compared) -> None:
    Evidence(compared.folder).write("comparison.json", {**asdict(compared), "ok": compared.ok})
    rows = [(step.name, step.planned, step.happened, step.differs) for step in compared.steps]
    outcome = f"{compared.outcome or 'not applied'}{': ' + compared.why if compared.why else ''}"
    body = [
        f"<h1>{table.text(compared.runbook)}, rehearsed on a copy of {table.text(compared.place)}</h1>",
        f"<p>On the copy: {table.text(outcome)}. {table.text(compared.undone)}</p>",
        table.as_html(("Step", "The plan", "On the copy", "Differs"), rows),
        "<h2>State that is another on the copy, before anything was done</h2>",
        table.as_html(("",), [(line,) for line in compared.state] or [("none",)]),
        "<h2>Not taken along</h2>",
        table.as_html(("",), [(line,) for line in compared.left]),
    ]
    document = page.document(f"{compared.runbook}: rehearsed on a copy", "".join(body))
    (compared.folder / "report.html").write_text(document, encoding="utf-8")

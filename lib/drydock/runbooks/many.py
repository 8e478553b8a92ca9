"""One runbook over many targets: a plan of plans, one approval of them all, a canary first, an end after failures.

    runs/<time>-<runbook>-targets-<random>/
        targets.json    the targets, in the order in which they are begun
        approval.json   whose approval of which plans, and when
        summary.json    what each came to, and the folder of its run, which is beside this one
        report.html     the same as a page, with a link to each run's own
        stop            while it is there, no target is begun, and what runs is undone

Each target has a process of its own (`drydock.runbooks.process`), on this machine or on a Dask cluster's workers.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drydock.figures import table
from drydock.notebooks import page
from drydock.policy.targets import State, may_begin
from drydock.runbooks import approvals, catalogue, evidence, parameters, runbook, target_list, targets
from drydock.runbooks.evidence import Evidence
from drydock.runbooks.files import Damaged
from drydock.runbooks.model import Plan
from drydock.runbooks.process import Order, carry_out, ended
from drydock.runbooks.target_list import Target

NOT_BEGUN = "not begun"
_GOOD = ("planned", "read", "nothing to change", "applied")


@dataclass
class Part:
    """What one target has come to; `approve` is what its run is given as that."""

    target: Target
    plan: Plan | None = None
    folder: Path | None = None
    outcome: str = NOT_BEGUN
    why: str = ""
    seconds: float = 0.0
    approve: str = ""

    @property
    def ok(self) -> bool:
        return self.outcome in _GOOD


@dataclass
class Summary:
    """What a list has come to. `hash` names exactly these plans, in this order; empty where one was not made."""

    runbook: str
    folder: Path
    parts: list[Part]
    hash: str = ""
    why: str = ""

    @property
    def ok(self) -> bool:
        return not self.why and all(part.ok for part in self.parts)


Told = Callable[[Part], None]


@dataclass(frozen=True)
class Pace:
    """How many at once, and after how many failures no other target is begun."""

    at_once: int = 4
    stop_after: int = 1


def listed(name: str, path: Path, common: Mapping[str, str]) -> list[Target]:
    """The targets of that file for the runbook. Raises BadParameter, NoSuchRunbook."""
    return target_list.read(path, parameters.declared(catalogue.notebook(name)), common)


def hash_of(plans: Sequence[str]) -> str:
    """Names exactly these plans, in this order, by their hashes."""
    return "plans-" + hashlib.sha256("\n".join(plans).encode()).hexdigest()[:32]


def begin(name: str, wanted: Sequence[Target], root: Path | None = None) -> Summary:
    """The folder of a list, in `root`, with every target not begun."""
    at = (root or evidence.root()).absolute()
    folder = evidence.new_folder(at, f"{name}-targets")
    folder.mkdir(parents=True, mode=0o700)
    summary = Summary(name, folder, [Part(one) for one in wanted])
    Evidence(folder).write("targets.json", [asdict(one) for one in wanted])
    _write(summary)
    return summary


def plan(summary: Summary, *, pace: Pace = Pace(), scheduler: str = "", told: Told = lambda part: None) -> None:
    """Make the plan of every target; changes nothing. `told` hears of each when it has ended.

    scheduler  of a Dask cluster, as tcp://…; empty: processes of this machine
    """
    with _executor(scheduler, pace) as pool:
        _planned(summary, pool, pace, told)
    _write(summary)


def apply(
    summary: Summary,
    approve: str = "",
    *,
    signed: Sequence[Path] = (),
    pace: Pace = Pace(),
    scheduler: str = "",
    told: Told = lambda part: None,
) -> None:
    """Plan every target and, where exactly these plans are approved, apply them: the canary, then the others.

    approve  the hash of all plans; where a file says who may approve, it is not enough
    signed   files of signed approvals, one for each plan and approver, and folders of such

    After `pace.stop_after` failures no other is begun; a canary that fails is the last. What was applied stays. On a
    signal those that run are rolled back, and it is raised as Interrupted once that is done and written down.
    """
    with _executor(scheduler, pace) as pool:
        _planned(summary, pool, pace, told)
        to_do = [part for part in summary.parts if part.outcome == "planned"]
        if not summary.why:
            try:
                approval = _approval(summary, to_do, approve, signed)
            except approvals.BadApproval as error:
                summary.why = f"{error} Nothing was changed."
        for part in to_do:
            part.outcome = NOT_BEGUN
        _write(summary)
        if to_do and not summary.why:
            Evidence(summary.folder).write(
                "approval.json", {"plans": summary.hash, "at": datetime.now(UTC), **approval}
            )
            _applied(summary, pool, pace, told)
    _write(summary)


def sign(folder: Path, by: str, key: Path, *, hours: float, out: Path) -> list[Plan]:
    """Sign every plan of the list in `folder` that changes something, into files in the folder `out`; those plans.

    Raises NoSuchRun, BadApproval.
    """
    rows = (Evidence(folder).read("summary.json") or {}).get("targets", [])
    plans = [Evidence.of(folder / row["folder"]).plan for row in rows if row["folder"]]
    changing = [plan for plan in plans if plan.changes]
    if len(plans) < len(rows) or not changing:
        raise evidence.NoSuchRun(f"{folder} is not a list of targets whose plans could be made and change something.")
    made = {plan.hash: approvals.sign(plan, by, key, hours=hours) for plan in changing}
    out.mkdir(parents=True, exist_ok=True)
    for name, one in made.items():
        (out / f"{name}.{by}{approvals.SUFFIX}").write_text(one.as_json())
    return changing


def _approval(summary: Summary, to_do: Sequence[Part], approve: str, signed: Sequence[Path]) -> dict[str, Any]:
    """How these plans are approved; each part is told by what its own is. Raises BadApproval where one is not."""
    who = _approvers(summary)
    if who is None and not signed:
        if approve != summary.hash:
            raise approvals.BadApproval(_stale(approve, summary))
        for part in to_do:
            part.approve = part.plan.hash if part.plan else ""
        return {"by": runbook.user(), "how": "parameter"}
    if who is None:
        raise approvals.BadApproval(f"Nothing says whose signatures count: name the file by ${approvals.APPROVERS}.")
    allowed, now = approvals.approvers(who), datetime.now(UTC)
    files = [
        each for path in signed for each in (sorted(path.glob(f"*{approvals.SUFFIX}")) if path.is_dir() else [path])
    ]
    given = approvals.read([path.absolute() for path in files])
    for part in to_do:
        assert part.plan is not None
        own = {path: one for path, one in given.items() if one.plan == part.plan.hash}
        try:
            approvals.check(own, part.plan, allowed, now=now)
        except approvals.BadApproval as error:
            raise approvals.BadApproval(f"{part.target.name}, {part.plan.hash}: {error}") from error
        part.approve = os.pathsep.join(own)
    return {"by": ", ".join(sorted({one.by for one in given.values()})), "how": "signed"}


def _approvers(summary: Summary) -> Path | None:
    return approvals.approvers_file(evidence.root(), summary.folder.parent)


def _planned(summary: Summary, pool: Executor, pace: Pace, told: Told) -> None:
    work = {number: {"dry_run": "true"} for number in range(len(summary.parts))}
    _carried_out(summary, pool, work, Pace(pace.at_once, len(work) + 1), canary=False, told=told)
    bad = [part for part in summary.parts if not part.ok]
    if bad:
        summary.why = f"{len(bad)} of {len(summary.parts)} targets have no plan: nothing can be applied."
    else:
        summary.hash = hash_of([part.plan.hash for part in summary.parts if part.plan is not None])


def _applied(summary: Summary, pool: Executor, pace: Pace, told: Told) -> None:
    work = {
        number: {"dry_run": "false", "approve": part.approve}
        for number, part in enumerate(summary.parts)
        if part.outcome == NOT_BEGUN
    }
    _carried_out(summary, pool, work, pace, canary=True, told=told)
    left = [part for part in summary.parts if part.outcome == NOT_BEGUN]
    failed = sum(not part.ok for part in summary.parts) - len(left)
    if left:
        summary.why = f"{failed} failed, so {len(left)} were not begun."


def _carried_out(
    summary: Summary,
    pool: Executor,
    work: Mapping[int, Mapping[str, str]],
    pace: Pace,
    *,
    canary: bool,
    told: Told,
) -> None:
    """Carry the work out, in its order: {number of the part: parameters besides its own}."""
    states: list[State] = ["waiting" if number in work else "left" for number in range(len(summary.parts))]
    running: dict[Future[str], tuple[int, Order, float]] = {}
    stop = summary.folder / "stop"

    def end(one: Future[str]) -> None:
        number, order, started = running.pop(one)
        part = summary.parts[number]
        _read(part, order, "" if one.cancelled() else _said(one), time.monotonic() - started)
        states[number] = "done" if part.ok else "failed"
        _write(summary)
        told(part)

    try:
        while True:
            for number in may_begin(states, at_once=pace.at_once, stop_after=pace.stop_after, canary=canary):
                order = _order(summary, number, work[number])
                running[pool.submit(carry_out, order)] = number, order, time.monotonic()
                states[number] = "running"
            if not running:
                return
            for one in wait(list(running), timeout=1, return_when=FIRST_COMPLETED).done:
                end(one)
    except BaseException:
        stop.touch()
        for one in running:
            one.cancel()
        for one in wait(list(running)).done:
            end(one)
        summary.why = "It was stopped by a signal."
        _write(summary)
        raise


def _order(summary: Summary, number: int, more: Mapping[str, str]) -> Order:
    target, at = summary.parts[number].target, summary.folder
    return Order(
        runbook=summary.runbook,
        given={**target.given, **more},
        folder=str(evidence.new_folder(at.parent, summary.runbook)),
        stop=str(at / "stop"),
        lock=str(at / f"{number}.lock"),
        aws_profile=target.aws_profile,
        approvers=str(_approvers(summary) or ""),
    )


def _said(one: Future[str]) -> str:
    error = one.exception()
    return one.result() if error is None else f"{type(error).__name__}: {error}"


def _read(part: Part, order: Order, said: str, seconds: float) -> None:
    """Note in `part` what the run's folder says."""
    folder = Path(order.folder)
    part.seconds += seconds
    if not folder.exists():
        part.outcome, part.why = (NOT_BEGUN, "") if Path(order.stop).exists() else ("failed", said)
        return
    kept = Evidence(folder)
    result = kept.read("result.json") or {}
    part.folder = folder
    if (folder / "plan.json").exists():
        part.plan = kept.plan
    if ended(folder):
        part.outcome, part.why = result.get("outcome", "failed"), result.get("why", "")
    else:
        part.outcome = "failed"
        part.why = f"{said}; not rolled back. Then: {targets.roll_back_command(folder)}"


def _stale(approve: str, summary: Summary) -> str:
    if not approve:
        return f"The plans {summary.hash} are not approved: give that as --approve, after reading them."
    text = f"{approve} was approved, and the plans of the state as it is now are {summary.hash}."
    return f"{text} {_since(approve, summary)}".rstrip()


def _since(approve: str, summary: Summary) -> str:
    """Which targets' plans are others than those that were approved, where these are kept."""
    for path in sorted(summary.folder.parent.glob("*/summary.json"), reverse=True):
        try:
            kept = Evidence(path.parent).read("summary.json")
        except Damaged:
            continue
        if kept["hash"] == approve:
            before = {one["target"]: one["plan"] for one in kept["targets"]}
            now = {part.target.name: part.plan.hash for part in summary.parts if part.plan is not None}
            other = [name for name in {**before, **now} if before.get(name) != now.get(name)]
            return f"Since then another: {', '.join(other) or 'the order'}. "
    return ""


def _write(summary: Summary) -> None:
    folder = Evidence(summary.folder)
    rows = [
        {
            "target": part.target.name,
            "plan": part.plan.hash if part.plan else None,
            "outcome": part.outcome,
            "why": part.why,
            "seconds": round(part.seconds, 1),
            "folder": f"../{part.folder.name}" if part.folder else None,
        }
        for part in summary.parts
    ]
    kept = {"runbook": summary.runbook, "hash": summary.hash, "ok": summary.ok, "why": summary.why}
    folder.write("summary.json", {**kept, "at": datetime.now(UTC), "targets": rows})
    (summary.folder / "report.html").write_text(_page(summary), encoding="utf-8")


def _page(summary: Summary) -> str:
    cells = "".join(
        "<tr>"
        + "".join(f"<td>{table.text(text)}</td>" for text in (part.target.name, part.outcome, part.why))
        + (
            f'<td><a href="../{part.folder.name}/report.html">{part.folder.name}</a></td>'
            if part.folder
            else "<td></td>"
        )
        + "</tr>"
        for part in summary.parts
    )
    heads = "".join(f"<th>{head}</th>" for head in ("Target", "Outcome", "Why", "Run"))
    body = f"<h1>{table.text(summary.runbook)}: {len(summary.parts)} targets</h1><p>{table.text(summary.why)}</p>"
    body += f"<p>{summary.hash}</p><table><tr>{heads}</tr>{cells}</table>"
    return page.document(f"{summary.runbook}: {len(summary.parts)} targets", body)


@contextmanager
def _executor(scheduler: str, pace: Pace) -> Iterator[Executor]:
    if not scheduler:
        with ThreadPoolExecutor(pace.at_once, "target") as pool:
            yield pool
        return
    try:
        from distributed import Client
    except ImportError:
        raise runbook.Refused("--scheduler needs the package distributed: pip install 'drydock-labs[dask]'.") from None
    with Client(scheduler, timeout="10s", set_as_default=False) as client:
        yield client.get_executor(pure=False)

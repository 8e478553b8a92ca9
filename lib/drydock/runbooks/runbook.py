"""A runbook as its notebook uses it."""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import TypeAdapter

from drydock.cloud import connect, named
from drydock.notebooks import show
from drydock.notebooks.parameters import BadParameter
from drydock.policy.secrets import hidden
from drydock.runbooks import approvals, catalogue, costs, evidence, executor, parameters, targets
from drydock.runbooks.approvals import BadApproval
from drydock.runbooks.evidence import Evidence
from drydock.runbooks.guard import Guard, NotApproved
from drydock.runbooks.model import (
    KNOWN_AFTERWARDS,
    Act,
    Call,
    Condition,
    Look,
    Plan,
    Step,
    changes_in_words,
    difference,
    plain,
)
from drydock.runbooks.outputs import hide_in_outputs
from drydock.runbooks.targets import resume_command, roll_back_command
from drydock.runbooks.told import Told, typed

Outcome = Literal["planned", "nothing to change", "read", "applied", "rolled back", "failed", "refused"]
NOT_OF_THE_PLAN = ("dry_run", "approve", "cloud", "region", "account")
"""Parameters that say how a plan is run, not what it is; the cloud is in the plan for itself."""
AUTO_APPROVE = "DRYDOCK_AUTO_APPROVE"
"""Environment variable: "reads" lets plans run that only read, and no other, whatever approval they have."""


class Refused(Told):
    """What the runbook needs is not so. Nothing was changed."""


class RunFailed(Told):
    """The run did not come to its end; the text says what was undone, and what was not."""


class Runbook:
    """One run of a runbook. Until its plan is approved, no call that changes anything leaves.

    cloud      where its calls go: `run.cloud.client("ecs")`
    evidence   the folder of the run
    dry_run    the plan is made and shown, and nothing else

    In the folder of a run that was cut short (see `Runbook.open`) it goes on with that one: what its looks saw, its
    plan and its approval are the kept ones, and steps that are done are not taken again.
    """

    def __init__(
        self,
        name: str,
        values: Mapping[str, Any],
        namespace: Mapping[str, Any],
        cloud: Any,
        folder: Evidence,
        kept: Plan | None = None,
    ) -> None:
        self.name = name
        self.values = values
        self._namespace = namespace
        self.cloud = cloud
        self.evidence = folder
        self.dry_run: bool = values["dry_run"]
        self.guard = Guard(cloud, folder)
        self._kept = kept
        self._goes_on = kept is not None
        self._looks: list[Look] = [*kept.looks] if kept else []
        self._state: dict[str, Any] = {**kept.state} if kept else {}
        self._plan: Plan | None = None
        self._approved = ""
        self._held: targets.Held | None = None
        self._step_failures: list[str] = []
        self._check_failures: list[str] = []
        self._verified = False
        self._roll_back_failure = ""
        self._rolled_back = False

    @classmethod
    def open(cls, name: str, namespace: Mapping[str, Any]) -> Runbook:
        """Check the parameters, which are in the notebook's `globals()`, and connect.

        Where $DRYDOCK_RUN is the folder of a run that was cut short after it began to apply its plan, the cells go on
        with that run. A run before this one in the same notebook lets go of what it holds.

        Raises BadParameter, naming every parameter that is unknown, of another type or out of range; what
        `drydock.connect` raises where the cloud is refused; Refused where the run in the folder cannot go on.
        """
        hide_in_outputs(hidden)
        declared = parameters.declared(catalogue.notebook(name))
        unknown = [each for each in parameters.injected(namespace.get("In", [])) if each not in declared.defaults]
        if unknown:
            raise BadParameter(f"There is no parameter {unknown[0]!r}; there are {', '.join(declared.defaults)}.")
        values = declared.checked({each: namespace[each] for each in declared.defaults if each in namespace})
        for other in [each for each in namespace.values() if isinstance(each, Runbook)]:
            other._let_go(fall=True)
        cloud = connect(values["cloud"], region=values["region"], account=values["account"], budget_usd=float("inf"))
        folder = Evidence.start(name)
        hide_in_outputs(folder.hide)
        kept = _goes_on_with(folder, name, values, cloud)
        return cls(name, values, namespace, cloud, folder, kept)

    # -- before the plan

    def look(
        self, name: str, method: Callable[..., Any], expression: str, *, shared: bool = False, **params: Any
    ) -> Any:
        """Read something that the plan depends on: `expression`, JMESPath, of what a client's method answers.

            run.look("service", ecs.describe_services, "services[0].desiredCount", cluster="a", services=["b"])

        The plan's hash covers what is seen: if it is another when the plan is applied, nothing is applied. What is
        `shared` others may change as well once that has begun, as the newest revision of a family.
        A value of `params` may be `seen_in(look, path)`: what an earlier look saw. A run that goes on has what it saw
        when its plan was made.
        """
        if self._kept is not None and name in self._kept.state:
            return self._kept.state[name]
        look = Look(name, call(method, **params), expression, shared)
        again = name in self._state
        self._looks = [*(other for other in self._looks if other.name != name), look]
        try:
            if again:
                self._state = executor.observe(self.cloud, self._looks)
            else:
                self._state |= executor.observe(self.cloud, [look], self._state)
        except (ClientError, BotoCoreError) as error:
            self.require(False, f"{name} could not be read: {str(error).rstrip('.')}.")
        self.evidence.mind(self._state, _place(self.cloud))
        return self._state[name]

    def require(self, condition: object, otherwise: str) -> None:
        """Raise Refused with this text, which says what to do, where the condition does not hold.

        A run that goes on has passed this before it changed anything.
        """
        if not condition and self._kept is None:
            raise Refused(self._refusal(otherwise))

    # -- the plan

    def plan(self, *steps: Step) -> show.Note:
        """Make the plan of these steps from what the looks saw, write it down, and show it with its hash.

        Raises Refused once this run has begun to apply one: its folder is what undoes that.
        """
        self._require_as_opened()
        if self._kept is not None:
            self._plan = self._kept
            return shown(self._plan)
        given = _of_the_plan(self.values)
        self._plan = Plan(self.name, _place(self.cloud), given, tuple(self._looks), self._state, tuple(steps))
        self.evidence.write_plan(self._plan)
        cost = costs.change(self.cloud, self._plan)
        if cost is not None:
            self.evidence.write("cost.json", costs.as_data(cost, self.cloud))
        return shown(self._plan, "" if cost is None else costs.as_data(cost, self.cloud)["text"])

    def approve(self) -> show.Note:
        """Hold the parameter `approve` against the plan: its hash, or paths of approvals that are signed.

        Where a file says who may approve (`approvals.approvers_file`) the hash alone is not enough. A plan that changes
        nothing needs no approval. A run that goes on keeps the approval that it was begun with, also after its end.

        Raises NotApproved, which says why, and what is another since; nothing is applied then.
        """
        plan = self._made()
        self._require_as_opened()
        self._approved = ""
        if not plan.changes:
            return show.Note("No approval is needed", "The plan changes nothing.")
        if only := os.environ.get(AUTO_APPROVE):
            raise NotApproved(self._refusal(_more_than_reads(only, plan)))
        if self.dry_run:
            return self._how_to_approve(plan)
        try:
            approval = self._kept_approval(plan) if self._kept else self._approval(plan)
        except BadApproval as error:
            raise NotApproved(self._refusal(str(error))) from error
        self._approved = plan.hash
        return show.Note("Approved", f"{plan.hash} by {approval['by']}", tone="passed")

    # -- what it does

    def apply(self, *, minutes: float) -> show.Note:
        """Take the steps of the approved plan; a wait is given up after so many AWS minutes.

        A step that fails ends the applying and does not raise, so that the cells after it undo and report. An
        interrupt is such a failure too. From here until the run is verified or rolled back no other run on this machine
        has its targets.

        Raises NotApproved; Refused where this run has applied its plan already, or another has one of the targets.
        """
        plan = self._made()
        if not plan.changes:
            return show.Note("Nothing to apply", "The plan changes nothing.")
        self._require_as_opened()
        if self.dry_run:
            return show.Note(
                "Dry run: nothing was changed", f"{len(plan.changes)} of {len(plan.steps)} steps would be taken."
            )
        if self._approved != plan.hash:
            raise NotApproved("The plan is not approved: run the cell with run.approve() first. Nothing was changed.")
        self._hold(plan)
        self._approved, self._goes_on = "", False
        self._step_failures = ["The applying was cut short."]
        try:
            executor.apply(self.cloud, plan, self.guard, minutes=minutes)
        except executor.StateChanged as error:
            self._step_failures = []
            self._let_go()
            raise NotApproved(self._refusal(f"The plan is of another state. Since it was made: {error}.")) from None
        except executor.StepFailed as error:
            self._step_failures = [str(error)]
            return show.Note("A step failed", str(error), tone="wrong")
        self._step_failures = []
        return _listed("Applied", [step.title for step in plan.steps], tone="passed")

    def verify(self, checks: Mapping[str, Callable[[], object]], *, minutes: float) -> show.Note:
        """Hold the state against the plan's, and each named check, which is asked until it is true.

        What does not come true, or raises, is a failure of the run, which the next cells undo and report; nothing is
        raised. It may be asked again.
        """
        plan = self._made()
        if self.dry_run or not plan.changes:
            return _listed("Not applied, so not verified", [f"would check: {what}" for what in checks])
        if self._rolled_back or not self._has("applied"):
            return show.Note("Not verified", "The plan is not applied to its end.", tone="wrong")
        self._verified, self._check_failures = False, ["The verifying was cut short."]
        rows = [("the state is what the plan said", self._differs(plan))]
        rows += [(what, self._waited(check, minutes)) for what, check in checks.items()]
        self._check_failures = [f"{what}: {why}" for what, why in rows if why]
        self._verified = not self._check_failures
        self.evidence.note("verified" if self._verified else "not verified", why="; ".join(self._check_failures))
        if self._verified:
            self._let_go()
        told = [(what, why or "yes") for what, why in rows]
        tone = "passed" if self._verified else "wrong"
        return show.Note("Verify", show.plain_table(("", ""), told), show.table(("Check", ""), told), tone=tone)

    def roll_back_if_failed(self, *, minutes: float) -> show.Note:
        """Undo what was done, last step first, where a step or a check has failed, and prove that it is undone."""
        plan = self._made()
        if not self._has("begin"):
            return show.Note("Nothing to roll back")
        if not self._failures and not self._verified:
            return show.Note("Not verified yet", "The cell of run.verify comes first: it decides.", tone="wrong")
        if not self._failures:
            return show.Note("Nothing to roll back")
        self._hold(plan)
        try:
            undo(self.cloud, plan, self.guard, minutes=minutes)
        except executor.StepFailed as error:
            self._roll_back_failure = str(error)
            return show.Note("The roll-back failed", str(error), tone="wrong")
        self._roll_back_failure, self._rolled_back = "", True
        self._let_go()
        return show.Note("Rolled back", "The state is the one that was there before.", tone="passed")

    def findings(self, rows: Sequence[Mapping[str, str]]) -> show.Note:
        """Keep what a runbook that only reads has found, and show it: one mapping a finding, all with the same keys."""
        self.evidence.write("findings.json", list(rows))
        if not rows:
            return show.Note("No findings", tone="passed")
        columns = list(rows[0])
        cells = [[row[column] for column in columns] for row in rows]
        told = ["\n".join(f"{name}: {text}" for name, text in row.items()) for row in rows]
        return show.Note("Findings", "\n\n".join(told), show.table(columns, cells), tone="wrong")

    def close(self) -> show.Note:
        """Read the state once more, write how the run ended, and say where its evidence is.

        Raises RunFailed where the run did not do what was asked, so that papermill and the shell are told.
        """
        plan = self._made()
        found = keep_state(self.cloud, self.evidence, plan)
        why = ""
        if not plan.changes:
            outcome: Outcome = "read" if self.evidence.read("findings.json") is not None else "nothing to change"
            if outcome == "nothing to change" and not self.dry_run:
                self._hold(plan)  # what is so in the middle of another run need not stay so
        elif self.dry_run:
            outcome = "planned"
        elif self._failures:
            outcome, why = "rolled back" if self._rolled_back else "failed", "; ".join(self._failures)
        elif not self._has("applied"):
            told = (self.evidence.read("result.json") or {}).get("why")
            outcome, why = "refused", told or "the plan was not applied; nothing was changed"
        elif not self._verified:
            outcome, why = "failed", "the plan was applied, and not verified"
        elif found is not None and (since := differs(_left_by(plan, self.evidence), found, plan)):
            outcome, why = "failed", f"it was applied and verified, and then somebody else changed it: {since}"
        else:
            outcome = "applied"
        end(self.evidence, outcome, why)
        self._let_go()
        self.evidence.report()
        kept = where(self.evidence, self.evidence.seal())
        if why:
            left = executor.begun(self.evidence.events())
            then = f" To undo what it has changed: {roll_back_command(self.evidence.folder)}" if left else ""
            raise RunFailed(f"{outcome}: {why.rstrip('.')}.{then}\n{kept}")
        way_back = f"\nTo undo it: {roll_back_command(self.evidence.folder)}" if outcome == "applied" else ""
        return show.Note(f"{self.name}: {outcome}", kept + way_back)

    # --

    def _how_to_approve(self, plan: Plan) -> show.Note:
        in_shell = "\n".join(next_commands(self.name, self.values, plan, self.evidence.folder))
        here = f'dry_run = False\napprove = "{plan.hash}"'
        heading = "Dry run: to apply this plan, approve it by its hash"
        if who := approvals.approvers_file(evidence.root()):
            here = f'dry_run = False\napprove = "{_signed(plan)}"'
            heading = f"Dry run: to apply this plan, have it approved by those in {who}"
        between = "or here, in the parameters, and then run all cells again:"
        html = f"{show.code(in_shell)}{show.text(between)}{show.code(here)}"
        return show.Note(heading, "\n".join([in_shell, "", between, "", here]), html)

    def _approval(self, plan: Plan) -> dict[str, Any]:
        """The approval that was given, written down. Raises BadApproval."""
        approve: str = self.values["approve"]
        who = approvals.approvers_file(evidence.root())
        now = datetime.now(UTC)
        made: dict[str, Any] = {"plan": plan.hash, "at": now}
        if not approve.endswith(approvals.SUFFIX):
            if approve != plan.hash:
                raise BadApproval(_stale(approve, plan))
            if who is not None:
                sign = approve_command(self.evidence.folder)
                raise BadApproval(
                    f"The hash alone approves nothing here: {who} says who may approve, by a signature. Have them type "
                    f"{sign} and give the files that this makes by --approval."
                )
            made |= {"by": user(), "how": "parameter"}
        else:
            if who is None:
                raise BadApproval(
                    f"Nothing says whose signatures count: name the file by ${approvals.APPROVERS}, or put it into "
                    f"{evidence.root()} as approvers.json."
                )
            signed = approvals.read([Path(each) for each in approve.split(os.pathsep)])
            if others := {one.plan for one in signed.values()} - {plan.hash}:
                raise BadApproval(_stale(others.pop(), plan))
            approvals.check(signed, plan, approvals.approvers(who), now=now)
            people = ", ".join(one.by for one in signed.values())
            made |= {"by": people, "how": "signed", "signatures": [asdict(one) for one in signed.values()]}
        self.evidence.write("approval.json", made)
        return made

    def _kept_approval(self, plan: Plan) -> dict[str, Any]:
        """The approval that the run was begun with, which has to be genuine still. Raises BadApproval."""
        kept: dict[str, Any] = self.evidence.read("approval.json") or {}
        if kept.get("plan") != plan.hash:
            raise BadApproval(f"{self.evidence.folder} holds no approval of its plan.")
        if who := approvals.approvers_file(evidence.root()):
            signed = TypeAdapter(list[approvals.Approval]).validate_python(kept.get("signatures", []))
            named = {f"approval.json, {number}": each for number, each in enumerate(signed, 1)}
            approvals.check(named, plan, approvals.approvers(who), now=None)
        return kept

    def _hold(self, plan: Plan) -> None:
        if self._held is None:
            try:
                self._held = targets.hold(plan, self.cloud, self.evidence.folder)
            except targets.Busy as error:
                raise Refused(self._refusal(str(error))) from None

    def _let_go(self, *, fall: bool = False) -> None:
        held, self._held = self._held, None
        if held is not None:
            held.fall() if fall else held.let_go()

    def _made(self) -> Plan:
        if self._plan is None:
            raise Refused("There is no plan yet: run the cells above first. Nothing was changed.")
        return self._plan

    @property
    def _failures(self) -> list[str]:
        return [*self._step_failures, *self._check_failures, *filter(None, [self._roll_back_failure])]

    def _has(self, event: str) -> bool:
        return any(line["event"] == event for line in self.evidence.events())

    def _require_as_opened(self) -> None:
        """Raises Refused where this run has changed something, or its parameters are others than it was opened with."""
        for name, value in self.values.items():
            if self._namespace.get(name, value) != value:
                raise Refused(
                    f"{name} is {self._namespace[name]!r}, and this run was opened with {value!r}: run the cells "
                    f"again, from that of Runbook.open on."
                )
        if self._has("begin") and not self._goes_on:
            raise Refused(
                "This run has begun to apply its plan, and its folder is what undoes that. For another plan run "
                "the cells again, from that of Runbook.open on."
            )

    def _refusal(self, why: str) -> str:
        """What to say where the run is refused. How a run ended that has changed something, is not said here."""
        if self._has("begin"):
            return why
        end(self.evidence, "refused", why)
        self.evidence.seal()
        return f"{why} Nothing was changed."

    def _differs(self, plan: Plan) -> str:
        try:
            found = executor.observe(self.cloud, plan.looks, begun=True)
        except (ClientError, BotoCoreError) as error:
            return f"it could not be read: {error}"
        return differs(_left_by(plan, self.evidence), found, plan)

    def _waited(self, check: Callable[[], object], minutes: float) -> str:
        """Empty once the check is true, else why it is not. AWS's errors are asked again, those of the check not."""
        deadline = time.monotonic() + max(executor.FLOOR, minutes * 60 / self.cloud.speed)
        while True:
            why = ""
            try:
                if check():
                    return ""
            except (ClientError, BotoCoreError) as error:
                why = f": {error}"
            except Exception as error:
                return f"{type(error).__name__}: {error}"
            if time.monotonic() > deadline:
                return f"not within {minutes:g} minutes{why}"
            time.sleep(max(0.1, 5 / self.cloud.speed))


def call(method: Callable[..., Any], **params: Any) -> Call:
    """A boto3 client's method and its arguments, as data."""
    client: Any = method.__self__  # type: ignore[attr-defined]
    return Call(
        client.meta.service_model.service_name, client.meta.method_to_api_mapping[method.__name__], plain(params)
    )


def act(method: Callable[..., Any], *, until: Condition | None = None, **params: Any) -> Act:
    """A call of a boto3 client's method, and what is waited for after it."""
    return Act(call(method, **params), until)


def undo(cloud: Any, plan: Plan, guard: Guard, *, minutes: float) -> None:
    """Roll the plan back, and prove that the state is the one it was made from.

    Raises StepFailed; so it does before anything is undone where somebody else has changed since what the plan changes.
    """
    try:
        results = executor.progress(guard.evidence.journal()).results
        if theirs := _changed_by_others(plan, results, executor.observe(cloud, plan.looks, begun=True)):
            raise executor.StepFailed(f"Nothing was undone, because somebody else has been at work: {theirs}")
        executor.roll_back(cloud, plan, guard, minutes=minutes)
        left = differs(plan.state, executor.observe(cloud, plan.looks, begun=True), plan)
    except (ClientError, BotoCoreError) as error:
        raise executor.StepFailed(f"The state could not be read: {error}") from error
    if left:
        raise executor.StepFailed(f"Every step was undone, and the state is another than before: {left}")


def _changed_by_others(plan: Plan, results: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """In words, what a step changes and is found to be neither as before nor as a step makes or leaves it; and the
    status of what is changed, which is another once somebody has deleted it.

    results  what the steps have answered
    """
    on_the_way = [plan.state_after(plan.steps[: number + 1], results) for number in range(len(plan.steps))]
    on_the_way += [plan.state_after([replace(step, sets=step.between)], results) for step in plan.steps if step.between]
    changed = {path: after for state in on_the_way for path, _, after in difference(plan.state, state)}
    changed |= {path: after for path, _, after in difference(plan.state, plan.state_after(plan.steps, results))}
    statuses = {f"{path.partition('.')[0]}.status" for path in changed}
    expected = [{path: then for path, then, _ in difference(state, found)} for state in on_the_way]
    return "; ".join(
        f"{path} is {now or 'not there'}, and was {before or 'not there'} before"
        + (f" and {changed[path]} as planned" if path in changed else "")
        for path, before, now in _held(plan, difference(plan.state, found))
        if path in statuses
        or (path in changed and all(then.get(path, KNOWN_AFTERWARDS) != KNOWN_AFTERWARDS for then in expected))
    )


def differs(expected: Mapping[str, Any], found: Mapping[str, Any], plan: Plan) -> str:
    """In words, where what is found differs from what is expected; empty where it does not. What is shared may."""
    rows = [row for row in _held(plan, difference(expected, found)) if row[1] != KNOWN_AFTERWARDS]
    return "; ".join(
        f"{path} is {now or 'not there'} and should be {before or 'not there'}" for path, before, now in rows
    )


def _held(plan: Plan, rows: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Those of a difference that are of no look that others share."""
    shared = tuple(f"{look.name}." for look in plan.looks if look.shared)
    return [row for row in rows if not f"{row[0]}.".startswith(shared)]


def _left_by(plan: Plan, folder: Evidence) -> dict[str, Any]:
    """The state that the plan says there will be, with what the steps of the run have answered."""
    return plan.state_after(plan.steps, executor.progress(folder.journal()).results)


def keep_state(cloud: Any, folder: Evidence, plan: Plan) -> dict[str, Any] | None:
    """Write after.json; where the state cannot be read, the journal says why, and there is none."""
    try:
        found = executor.observe(cloud, plan.looks, begun=True)
    except (ClientError, BotoCoreError) as error:
        (folder.folder / "after.json").unlink(missing_ok=True)
        folder.note("not read", why=str(error))
        return None
    folder.write("after.json", found)
    return found


def end(folder: Evidence, outcome: Outcome, why: str = "") -> None:
    """Write how the run ended."""
    folder.write("result.json", {"outcome": outcome, "why": why, "at": datetime.now(UTC)})
    folder.note("ended", outcome=outcome, why=why)


def shown(plan: Plan, cost: str = "") -> show.Note:
    """The plan as two tables, its steps and the difference that they make to the state; and what it costs, in words."""
    steps = [(step.name, step.kind, step.title) for step in plan.steps]
    rows = plan.difference()
    if not steps:
        return show.Note(f"Plan {plan.hash}", "It changes nothing.")
    columns, heads = ("Step", "Kind", "What"), ("State", "Before", "After")
    text = show.plain_table(columns, steps) + "\n\n" + show.plain_table(heads, rows)
    html = show.table(columns, steps, breaking={"What"}) + show.table(heads, rows, breaking={"Before", "After"})
    if cost:
        text, html = f"{text}\n\nCost {cost}", f"{html}<p>Cost {show.text(cost)}</p>"
    return show.Note(f"Plan {plan.hash}", text, html)


def _listed(heading: str, lines: Sequence[str], tone: str = "note") -> show.Note:
    return show.Note(heading, "\n".join(lines), tone=tone)


def next_commands(name: str, given: Mapping[str, Any], plan: Plan, run: Path) -> list[str]:
    """What to type in a shell to apply the plan that the run of this folder has made; first to sign it, where needed.

    given  the parameters that it was made with, but for those that have their defaults

    Raises BadApproval as `approvals.approvers_file`.
    """
    default, runs = evidence.root(), run.resolve().parent
    words = ["drydock", "runbook", "apply", name, *_pairs(name, given)]
    elsewhere = [] if runs == default.resolve() else ["--runs", str(runs)]
    if approvals.approvers_file(default, runs):
        return [approve_command(run), typed([*words, "--approval", _signed(plan), *elsewhere])]
    return [typed([*words, "--approve", plan.hash, *elsewhere])]


def approve_command(run: Path) -> str:
    """What those who may approve type in a shell to sign the plan of this run."""
    return typed(["drydock", "runbook", "approve", str(run), "--by", "NAME"])


def place_parameters(plan: Plan) -> dict[str, str]:
    """The parameters that say which cloud the plan is for; empty where that is what they are without being given."""
    cloud = plan.cloud["name"]
    return {
        "cloud": "" if cloud == named(None) else cloud,
        "region": plan.cloud["region"],
        "account": "" if cloud in ("embedded", "localstack") else plan.cloud["account"],
    }


def _pairs(name: str, given: Mapping[str, Any]) -> list[str]:
    """The options that give these parameters. What is empty by default is left out where it is; the place as well."""
    try:
        defaults = parameters.declared(catalogue.notebook(name)).defaults
    except (catalogue.NoSuchRunbook, ValueError):
        defaults = {}
    left_out = {
        key
        for key, value in given.items()
        if str(value) == str(defaults.get(key)) and (value == "" or key in NOT_OF_THE_PLAN)
    }
    pairs = [f"{key}={value}" for key, value in given.items() if key not in (*left_out, "dry_run", "approve")]
    return [word for pair in pairs for word in ("-p", pair)]


def _signed(plan: Plan) -> str:
    """The file that `drydock runbook approve` writes for NAME."""
    return f"{plan.hash}.NAME{approvals.SUFFIX}"


def _of_the_plan(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in NOT_OF_THE_PLAN}


def _place(cloud: Any) -> dict[str, str]:
    """The cloud as a plan has it."""
    return {"name": cloud.name, "instance": cloud.instance, "account": cloud.account, "region": cloud.region}


def _goes_on_with(folder: Evidence, name: str, values: Mapping[str, Any], cloud: Any) -> Plan | None:
    """The plan of the run that this folder has, where that was cut short; None where a run begins in it.

    Raises Refused where it cannot go on.
    """
    far = executor.progress(folder.journal())
    if not far.started:
        return None
    plan = folder.plan
    if far.outcome:
        raise Refused(f"The run in {folder.folder} has ended: {far.outcome}. Nothing was changed.")
    if far.back or not far.begun:
        raise Refused(f"The run in {folder.folder} is on its way back: {resume_command(folder.folder)}")
    here = (name, plain(_of_the_plan(values)), _place(cloud))
    if values["dry_run"] or here != (plan.runbook, plan.parameters, plan.cloud):
        raise Refused(
            f"The run in {folder.folder} is of {plan.runbook} on {plan.place}, with the parameters of its plan.json; "
            f"it goes on with those and dry_run = False only. Nothing was changed."
        )
    try:
        other = executor.unlike(plan, far, executor.observe(cloud, plan.looks))
    except (ClientError, BotoCoreError) as error:
        raise Refused(f"The state could not be read: {error}. Nothing was changed.") from error
    if other:
        raise Refused(f"The run cannot go on from this state: {other}. Nothing was changed.")
    folder.note("resumed")
    return plan


def _more_than_reads(only: str, plan: Plan) -> str:
    if only != "reads":
        return f"${AUTO_APPROVE} is {only!r}, and can be reads only."
    steps = ", ".join(step.name for step in plan.changes)
    return f"Only plans that read are let through here (auto-approve reads), and this one changes something: {steps}."


def where(folder: Evidence, seal: str) -> str:
    """Where the evidence of a run is, what proves it, and which secrets are with it."""
    text = f"The evidence is in {folder.folder}. Its seal, for the ticket: {seal}."
    if names := folder.secrets:
        command = typed(["drydock", "runbook", "forget", str(folder.folder)])
        text += (
            f" Its secrets.json has the values of {', '.join(names)}, which its steps need; to remove them: {command}."
        )
    return text


def user() -> str:
    """Who approves; by number where the system, as in some containers, has no name for the user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _stale(approve: str, plan: Plan) -> str:
    if not approve:
        return f"The plan {plan.hash} is not approved: give its hash as `approve`, after reading it in a dry run."
    text = f"{approve} was approved, and the plan of the state as it is now is {plan.hash}."
    old = evidence.planned_as(approve)
    if old is None:
        return text
    changes = [changes_in_words(old.parameters, plan.parameters), changes_in_words(old.state, plan.state)]
    return f"{text} Since then: {'; '.join(filter(None, changes)) or 'the steps are others'}."

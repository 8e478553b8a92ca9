"""A runbook as its notebook uses it."""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from drydock.cloud import connect
from drydock.notebooks import show
from drydock.notebooks.parameters import BadParameter
from drydock.runbooks import catalogue, evidence, executor, parameters
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
    difference,
    plain,
)

Outcome = Literal["planned", "nothing to change", "read", "applied", "rolled back", "failed", "refused"]
NOT_OF_THE_PLAN = ("dry_run", "approve", "cloud", "region", "account")
"""Parameters that say how a plan is run, not what it is; the cloud is in the plan for itself."""


class Refused(RuntimeError):
    """What the runbook needs is not so. Nothing was changed."""


class RunFailed(RuntimeError):
    """The run did not come to its end; the text says what was undone, and what was not."""


class Runbook:
    """One run of a runbook. Until its plan is approved, no call that changes anything leaves.

    cloud      where its calls go: `run.cloud.client("ecs")`
    evidence   the folder of the run
    dry_run    the plan is made and shown, and nothing else
    """

    def __init__(self, name: str, values: Mapping[str, Any], cloud: Any, folder: Evidence) -> None:
        self.name = name
        self.values = values
        self.cloud = cloud
        self.evidence = folder
        self.dry_run: bool = values["dry_run"]
        self.guard = Guard(cloud, folder)
        self._looks: list[Look] = []
        self._state: dict[str, Any] = {}
        self._plan: Plan | None = None
        self._failures: list[str] = []
        self._rolled_back = False
        self._approved = False

    @classmethod
    def open(cls, name: str, namespace: Mapping[str, Any]) -> Runbook:
        """Check the parameters, which are in the notebook's `globals()`, and connect.

        Raises BadParameter, naming every parameter that is unknown, of another type or out of range; what
        `drydock.connect` raises where the cloud is refused.
        """
        declared = parameters.declared(catalogue.notebook(name))
        unknown = [each for each in parameters.injected(namespace.get("In", [])) if each not in declared.defaults]
        if unknown:
            raise BadParameter(f"There is no parameter {unknown[0]!r}; there are {', '.join(declared.defaults)}.")
        values = declared.checked({each: namespace[each] for each in declared.defaults if each in namespace})
        cloud = connect(values["cloud"], region=values["region"], account=values["account"], budget_usd=float("inf"))
        return cls(name, values, cloud, Evidence.start(name))

    # -- before the plan

    def look(self, name: str, method: Callable[..., Any], expression: str, **params: Any) -> Any:
        """Read something that the plan depends on: `expression`, JMESPath, of what a client's method answers.

            run.look("service", ecs.describe_services, "services[0].desiredCount", cluster="a", services=["b"])

        The plan's hash covers what is seen: if it is another when the plan is applied, nothing is applied.
        A value of `params` may be `seen_in(look, path)`: what an earlier look saw.
        """
        look = Look(name, call(method, **params), expression)
        self._looks = [*(other for other in self._looks if other.name != name), look]
        try:
            self._state = executor.observe(self.cloud, self._looks)
        except (ClientError, BotoCoreError) as error:
            self.require(False, f"{name} could not be read: {error}.")
        return self._state[name]

    def require(self, condition: object, otherwise: str) -> None:
        """Raise Refused with this text, which says what to do, where the condition does not hold."""
        if not condition:
            self._end("refused", otherwise)
            raise Refused(f"{otherwise} Nothing was changed.")

    # -- the plan

    def plan(self, *steps: Step) -> show.Note:
        """Make the plan of these steps from what the looks saw, write it down, and show it with its hash."""
        given = {name: value for name, value in self.values.items() if name not in NOT_OF_THE_PLAN}
        at = {"name": self.cloud.name, "instance": self.cloud.instance}
        at |= {"account": self.cloud.account, "region": self.cloud.region}
        self._plan = Plan(self.name, at, given, tuple(self._looks), self._state, tuple(steps))
        self.evidence.write_plan(self._plan)
        return shown(self._plan)

    def approve(self) -> show.Note:
        """Hold the parameter `approve` against the plan's hash. A plan that changes nothing needs no approval.

        Raises NotApproved where it is not that of this plan: the message says what is another since.
        """
        plan = self._made()
        approve = self.values["approve"]
        if not plan.changes:
            return show.Note("No approval is needed", "The plan changes nothing.")
        if self.dry_run:
            how = [f"drydock runbook apply {self.name} {_given(self)}--approve {plan.hash}".replace("  ", " ")]
            how += ["", "or here: dry_run = False and", f'approve = "{plan.hash}"', "in the parameters, and run again."]
            return show.Note("Dry run: to apply this plan, approve it by its hash", "\n".join(how))
        if approve != plan.hash:
            why = _stale(approve, plan)
            self._end("refused", why)
            raise NotApproved(f"{why} Nothing was changed.")
        self._approved = True
        by = getpass.getuser()
        self.evidence.write("approval.json", {"plan": approve, "by": by, "at": datetime.now(UTC), "how": "parameter"})
        return show.Note("Approved", f"{plan.hash} by {by}", tone="passed")

    # -- what it does

    def apply(self, *, minutes: float) -> show.Note:
        """Take the steps of the approved plan; a wait is given up after so many AWS minutes.

        A step that fails ends the applying and does not raise, so that the cells after it undo and report.
        """
        plan = self._made()
        if not plan.changes:
            return show.Note("Nothing to apply", "The plan changes nothing.")
        if self.dry_run:
            return show.Note(
                "Dry run: nothing was changed", f"{len(plan.changes)} of {len(plan.steps)} steps would be."
            )
        if not self._approved:
            raise NotApproved("The plan is not approved: run the cell with run.approve() first. Nothing was changed.")
        self._approved = False
        try:
            executor.apply(self.cloud, plan, self.guard, minutes=minutes)
        except executor.StepFailed as error:
            self._failures.append(str(error))
            return show.Note("A step failed", str(error), tone="wrong")
        return show.Note("Applied", "\n".join(step.title for step in plan.steps), tone="passed")

    def verify(self, checks: Mapping[str, Callable[[], object]], *, minutes: float) -> show.Note:
        """Hold the state against the plan's, and each named check, which is asked until it is true.

        What does not come true is a failure of the run, which the next cells undo and report; nothing is raised.
        """
        plan = self._made()
        if self.dry_run or not plan.changes:
            return show.Note("Not applied, so not verified", "\n".join(f"would check: {what}" for what in checks))
        if self._failures:
            return show.Note("Not verified", "The plan was not applied to its end.", tone="wrong")
        rows = [("the state is what the plan said", self._differs(plan.state_afterwards))]
        rows += [(what, self._waited(check, minutes)) for what, check in checks.items()]
        self._failures += [f"{what}: {why}" for what, why in rows if why]
        self.evidence.note("verified" if not self._failures else "not verified", why="; ".join(self._failures))
        told = [(what, why or "yes") for what, why in rows]
        tone = "wrong" if self._failures else "passed"
        return show.Note("Verify", show.plain_table(("", ""), told), show.table(("Check", ""), told), tone=tone)

    def roll_back_if_failed(self, *, minutes: float) -> show.Note:
        """Undo what was done, last step first, where a step or a check has failed, and prove that it is undone."""
        plan = self._made()
        if not self._failures:
            return show.Note("Nothing to roll back")
        try:
            undo(self.cloud, plan, self.guard, minutes=minutes)
        except executor.StepFailed as error:
            self._failures.append(str(error))
            return show.Note("The roll-back failed", str(error), tone="wrong")
        self._rolled_back = True
        return show.Note("Rolled back", "The state is the one that was there before.", tone="passed")

    def findings(self, rows: Sequence[Mapping[str, str]]) -> show.Note:
        """Keep what a runbook that only reads has found, and show it: one mapping a finding, all with the same keys."""
        self.evidence.write("findings.json", list(rows))
        if not rows:
            return show.Note("No findings", tone="passed")
        columns = list(rows[0])
        cells = [[row[column] for column in columns] for row in rows]
        return show.Note("Findings", show.plain_table(columns, cells), show.table(columns, cells), tone="wrong")

    def close(self) -> show.Note:
        """Read the state once more, write how the run ended, and say where its evidence is.

        Raises RunFailed where the run did not do what was asked, so that papermill and the shell are told.
        """
        plan = self._made()
        self.evidence.write("after.json", executor.observe(self.cloud, self._looks))
        if self._failures:
            outcome: Outcome = "rolled back" if self._rolled_back else "failed"
        elif not plan.steps:
            outcome = "read" if self.evidence.read("findings.json") is not None else "nothing to change"
        else:
            outcome = "planned" if self.dry_run else "applied"
        why = "; ".join(self._failures)
        self._end(outcome, why)
        self.evidence.report()
        if self._failures:
            raise RunFailed(f"{outcome}: {why}. The evidence is in {self.evidence.folder}.")
        return show.Note(f"{self.name}: {outcome}", f"The evidence is in {self.evidence.folder}.")

    # --

    def _made(self) -> Plan:
        if self._plan is None:
            raise Refused("There is no plan yet: run the cells above first. Nothing was changed.")
        return self._plan

    def _end(self, outcome: Outcome, why: str = "") -> None:
        end(self.evidence, outcome, why)

    def _differs(self, expected: Mapping[str, Any]) -> str:
        return differs(expected, executor.observe(self.cloud, self._looks))

    def _waited(self, check: Callable[[], object], minutes: float) -> str:
        deadline = time.monotonic() + max(executor.FLOOR, minutes * 60 / self.cloud.speed)
        while not check():
            if time.monotonic() > deadline:
                return f"not within {minutes:g} minutes"
            time.sleep(max(0.1, 5 / self.cloud.speed))
        return ""


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
    """Roll the plan back, and prove that the state is the one it was made from. Raises StepFailed."""
    executor.roll_back(cloud, plan, guard, minutes=minutes)
    if left := differs(plan.state, executor.observe(cloud, plan.looks)):
        raise executor.StepFailed(f"Every step was undone, and the state is another than before: {left}")


def differs(expected: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """In words, where what is found differs from what is expected; empty where it does not."""
    rows = [row for row in difference(expected, found) if row[1] != KNOWN_AFTERWARDS]
    return "; ".join(
        f"{path} is {now or 'not there'} and should be {before or 'not there'}" for path, before, now in rows
    )


def end(folder: Evidence, outcome: Outcome, why: str = "") -> None:
    """Write how the run ended."""
    folder.write("result.json", {"outcome": outcome, "why": why, "at": datetime.now(UTC)})
    folder.note("ended", outcome=outcome, why=why)


def shown(plan: Plan) -> show.Note:
    """The plan as two tables: its steps, and the difference that they make to the state."""
    steps = [(step.name, step.kind, step.title) for step in plan.steps]
    rows = plan.difference()
    if not steps:
        text = "It only reads." if not rows else ""
        return show.Note(f"Plan {plan.hash}", text or "Nothing would be changed.")
    columns, heads = ("Step", "Kind", "What"), ("State", "Before", "After")
    text = show.plain_table(columns, steps) + "\n\n" + show.plain_table(heads, rows)
    return show.Note(f"Plan {plan.hash}", text, show.table(columns, steps) + show.table(heads, rows))


def _given(run: Runbook) -> str:
    declared = parameters.declared(catalogue.notebook(run.name)).defaults
    changed = {name: value for name, value in run.values.items() if value != declared[name]}
    return "".join(f"-p {name}={value} " for name, value in changed.items() if name not in ("dry_run", "approve"))


def _stale(approve: str, plan: Plan) -> str:
    if not approve:
        return f"The plan {plan.hash} is not approved: give its hash as `approve`, after reading it in a dry run."
    text = f"{approve} was approved, and the plan of the state as it is now is {plan.hash}."
    old = evidence.planned_as(approve)
    if old is None:
        return text
    rows = [*difference(old.parameters, plan.parameters), *difference(old.state, plan.state)]
    changes = "; ".join(f"{path} was {before or 'not there'} and is {now or 'not there'}" for path, before, now in rows)
    return f"{text} Since then: {changes or 'the steps are others'}."

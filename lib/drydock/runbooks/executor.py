"""Carries a plan out step by step, and undoes what was done, in reverse.

Both work from the plan and the journal alone, so that undoing needs neither the notebook nor its kernel.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import botocore
import jmespath
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NotConnected

from drydock import ledger
from drydock.cloud import Cloud
from drydock.runbooks import sources, stops
from drydock.runbooks.apart import Gone
from drydock.runbooks.guard import Guard
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
    resolved,
    results_used,
)

FLOOR = 15.0
"""Seconds of ours below which no wait is cut, however fast the cloud's clock runs: real work takes real time."""

THROTTLED = frozenset({
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException",
    "RequestLimitExceeded", "TooManyRequestsException", "SlowDown", "PriorRequestNotComplete",
})  # fmt: skip
"""AWS's codes for: not so often. boto3 has waited and asked again, up to ten times, before one of these comes here."""


LEFTOVER = Call("ledger", "Remove")
"""Deletes what a lab has left: `kind` and `identifier`, as the ledger has them."""


class StepFailed(RuntimeError):
    """A step's call was refused, or what it should lead to did not come."""


class StateChanged(RuntimeError):
    """The state is another than the one that the plan was made from. Nothing was changed."""


def observe(
    cloud: Cloud, looks: Sequence[Look], known: Mapping[str, Any] | None = None, *, begun: bool = False
) -> dict[str, Any]:
    """The state: what each look sees now, by its name. `known` is what earlier ones saw, for those that ask for it.

    begun  the plan is being applied: what is shared, and cannot be read any more, is None
    """
    state: dict[str, Any] = {}
    for look in looks:
        try:
            answer = send(cloud, look.call, {}, {**(known or {}), **state})
        except ClientError:
            if not (begun and look.shared):
                raise
            answer = None
        state[look.name] = plain(jmespath.search(look.expression, answer))
    return state


def send(cloud: Cloud, call: Call, results: Mapping[str, Any], state: Mapping[str, Any]) -> Any:
    """Make the call; its answer without the metadata.

    Those of LEFTOVER and `stops.WHY` are made of several of AWS's: whichever a kind of resource needs to be gone, and
    what tells of stopped tasks.
    """
    if (call.service, call.operation) == (stops.WHY.service, stops.WHY.operation):
        return {"why": stops.told(cloud.client("ecs"), **call.params)}
    if (call.service, call.operation) == (LEFTOVER.service, LEFTOVER.operation):
        try:
            ledger.remove(cloud, **call.params)
        except ledger.StillThere as error:
            raise StepFailed(f"It is still there: {error}") from error
        return {}
    client = cloud.client(call.service)
    params = sources.with_values(cloud, resolved(call.params, results, state))
    answer = getattr(client, botocore.xform_name(call.operation))(**params)
    answer.pop("ResponseMetadata", None)
    return plain(answer)


@dataclass
class Progress:
    """How far a run has come, as its journal tells.

    begun     the steps that were begun and are not undone, in order
    done      those of them that came to their end
    cut       the last of them, where it did not: its call may have left; if it was `answered`, it has
    results   what the steps answered, so far as others need it
    undoing   the last one whose undoing was begun
    back      the run was going back, or had to
    closed    it was verified, or is rolled back, or ended: nothing of it is under way
    outcome   how it ended; empty where it has not
    """

    begun: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    started: bool = False
    answered: bool = False
    results: dict[str, Any] = field(default_factory=dict)
    undoing: str = ""
    applied: bool = False
    back: bool = False
    closed: bool = False
    outcome: str = ""

    @property
    def cut(self) -> str:
        return self.begun[-1] if self.begun and self.begun[-1] not in self.done else ""

    @property
    def open(self) -> bool:
        """Whether it has changed something and was left before it came to an end."""
        return bool(self.begun) and not self.closed


def progress(journal: Sequence[Mapping[str, Any]]) -> Progress:
    """What the journal's lines come to."""
    far = Progress()
    for line in journal:
        event, step = line["event"], line["step"]
        far.results |= line.get("results", {})
        if event == "begin" and step not in far.begun:
            far.begun.append(step)
            far.started, far.answered, far.closed, far.outcome = True, False, False, ""
        elif event == "answered":
            far.answered = True
        elif event == "done":
            far.done.append(step)
        elif event == "applied":
            far.applied = True
        elif event == "undoing":
            far.undoing, far.back, far.closed, far.outcome = step, True, False, ""
        elif event == "undone":
            far.begun, far.done = ([name for name in names if name != step] for names in (far.begun, far.done))
        elif event in ("failed", "not verified", "not undone"):
            far.back = True
        elif event in ("verified", "rolled back"):
            far.back, far.closed = False, True
            far.begun = far.begun if event == "verified" else []  # steps that only read are not undone one by one
        elif event == "ended":
            far.closed, far.outcome = True, line.get("outcome", "failed")
    return far


def unlike(plan: Plan, far: Progress, found: Mapping[str, Any]) -> str:
    """In words, where what is found is not what a run that came so far has left; empty where it is.

    What the step that was cut sets may be so already, or not yet.
    """
    done = [step for step in plan.steps if step.name in far.done]
    cut = [step for step in plan.steps if step.name == far.cut]
    before, after = (plan.state_after(steps, far.results) for steps in (done, [*done, *cut]))
    not_after = {path: expected for path, expected, _ in difference(after, found)}
    return "; ".join(
        f"{path} is {now or 'not there'} and should be {expected or 'not there'}"
        for path, expected, now in difference(before, found)
        if KNOWN_AFTERWARDS not in (expected, not_after.get(path, KNOWN_AFTERWARDS))
    )


def apply(cloud: Cloud, plan: Plan, guard: Guard, *, minutes: float) -> None:
    """Take every step, in order; each is in the journal before its call leaves, and once more when it was answered.

    minutes  AWS minutes after which a wait is given up.

    Of a run that was cut short the steps that are done are left; the one that was begun is waited for, where its call
    was answered; else it is looked for (`Step.found`), or made again.

    Raises StateChanged before the first step; StepFailed at the first step that does not come to its end.
    """
    evidence = guard.evidence
    used = results_used(plan)
    with evidence.at_work(), guard.applying():
        far = progress(evidence.journal())
        if not far.begun and (changes := changes_in_words(plan.state, observe(cloud, plan.looks))):
            raise StateChanged(changes)
        for step in plan.steps:
            if step.name in far.done:
                continue
            cut = step.name == far.cut
            try:
                if not (cut and far.answered):
                    evidence.note("begin", step.name)
                    answer = looked_for(cloud, step, far.results, plan.state) if cut else None
                    if not answer:
                        answer = send(cloud, step.do.call, far.results, plan.state)
                    here = {step.name: answer}
                    kept = {path: value for path in used if (value := jmespath.search(path, here)) is not None}
                    far.results |= kept
                    evidence.note("answered", step.name, results=kept)
                if step.do.until is not None:
                    wait(cloud, step.do.until, far.results, plan.state, minutes=minutes)
            except Exception as error:
                evidence.note("failed", step.name, why=_why(error))
                if isinstance(error, (ClientError, BotoCoreError, LookupError, StepFailed, Gone)):
                    raise StepFailed(f"Step {step.name}: {_why(error)}") from error
                raise
            except BaseException as error:
                evidence.note("interrupted", step.name, why=_why(error))
                raise
            evidence.note("done", step.name)
        evidence.note("applied")


def looked_for(cloud: Cloud, step: Step, results: Mapping[str, Any], state: Mapping[str, Any]) -> Any:
    """What the step's call answered, if it was made and the answer was lost; None where that cannot be told."""
    if step.found is None:
        return None
    answer = send(cloud, step.found.call, results, state)
    return plain(jmespath.search(step.found.expression, answer)) or None


def roll_back(cloud: Cloud, plan: Plan, guard: Guard, *, minutes: float) -> None:
    """Undo every step that was begun and is not undone yet, last first.

    Raises StepFailed where a step cannot be undone; what was undone is in the journal, and a second call goes on
    from there. What AWS says to an undoing that is made a second time is not taken for a failure: the state decides.
    """
    evidence = guard.evidence
    used = results_used(plan)
    steps = {step.name: step for step in plan.steps}
    with evidence.at_work(), guard.applying():
        far = progress(evidence.journal())
        for name in reversed(far.begun):
            step = steps[name]
            if step.kind == "reads":
                continue
            if step.undo is None:
                evidence.note("cannot be undone", name)
                raise StepFailed(f"Step {name} has been begun and cannot be undone: {step.title}.")
            try:
                if name == far.cut and not far.answered and step.found is not None:
                    here = {name: looked_for(cloud, step, far.results, plan.state)}
                    far.results |= {path: value for path in used if (value := jmespath.search(path, here))}
                again = name == far.undoing
                evidence.note("undoing", name)
                _undo(cloud, step.undo, far.results, plan.state, minutes, again)
            except LookupError:
                pass  # its call was never made, so there is nothing of it to undo
            except (ClientError, BotoCoreError, StepFailed, Gone) as error:
                evidence.note("not undone", name, why=_why(error))
                raise StepFailed(f"Undoing {name}: {_why(error)}") from error
            evidence.note("undone", name)
        evidence.note("rolled back")


def begun(journal: Sequence[Mapping[str, Any]]) -> list[str]:
    """The steps that were begun and are not undone, in order."""
    return progress(journal).begun


def _undo(
    cloud: Cloud, act: Act, results: Mapping[str, Any], state: Mapping[str, Any], minutes: float, again: bool
) -> None:
    try:
        send(cloud, act.call, results, state)
    except ClientError:
        if not again:
            raise
    if act.until is not None:
        wait(cloud, act.until, results, state, minutes=minutes)


def wait(
    cloud: Cloud, condition: Condition, results: Mapping[str, Any], state: Mapping[str, Any], *, minutes: float
) -> None:
    """Ask until the condition holds, and has held for as long as it has to. An AWS that is busy is asked again.

    Raises StepFailed once it cannot, or after so many AWS minutes besides.
    """
    held = condition.minutes * 60 / cloud.speed
    deadline = time.monotonic() + max(FLOOR, minutes * 60 / cloud.speed) + held
    every = max(0.1, 5 / cloud.speed)
    since: float | None = None
    while True:
        asked = time.monotonic()
        answer = _asked(cloud, condition, results, state)
        if answer is None or not jmespath.search(condition.holds, answer):
            since = None
        elif since is None:
            since = asked
        if since is not None and asked >= since + held:
            return
        if condition.fails and answer is not None and (failed := jmespath.search(condition.fails, answer)):
            says = f"AWS says {failed.rstrip('.')}" if isinstance(failed, str) else "AWS says that it failed"
            raise StepFailed(f"not reached: {condition.what}; {says}.{_because(cloud, condition)}")
        if time.monotonic() > deadline:
            told = _because(cloud, condition)
            raise StepFailed(f"not reached within {minutes:g} minutes: {condition.what}.{told}")
        time.sleep(every)


def _because(cloud: Cloud, condition: Condition) -> str:
    """Why the condition is not reached, as sentences of their own; empty where nothing tells."""
    if condition.why is None:
        return ""
    try:
        told = send(cloud, condition.why, {}, {})["why"]
    except (ClientError, BotoCoreError) as error:
        return f" Why tasks have stopped could not be read: {str(error).rstrip('.')}."
    return f" {told}" if told else ""


def _asked(cloud: Cloud, condition: Condition, results: Mapping[str, Any], state: Mapping[str, Any]) -> Any:
    """The answer; None where AWS is too busy to give one, or is not reached, for longer than boto3 tries."""
    try:
        return send(cloud, condition.call, results, state)
    except (NotConnected, HTTPClientError):
        return None
    except ClientError as error:
        if error.response["Error"]["Code"] in THROTTLED or error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            return None
        raise


def _why(error: BaseException) -> str:
    return str(error) or type(error).__name__

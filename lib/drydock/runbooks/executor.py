"""Carries a plan out step by step, and undoes what was done, in reverse.

Both work from the plan and the journal alone, so that undoing needs neither the notebook nor its kernel.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import botocore
import jmespath
from botocore.exceptions import BotoCoreError, ClientError

from drydock.cloud import Cloud
from drydock.runbooks.guard import Guard
from drydock.runbooks.model import Act, Call, Condition, Look, Plan, changes_in_words, plain, resolved, results_used

FLOOR = 15.0
"""Seconds of ours below which no wait is cut, however fast the cloud's clock runs: real work takes real time."""


class StepFailed(RuntimeError):
    """A step's call was refused, or what it should lead to did not come."""


class StateChanged(RuntimeError):
    """The state is another than the one that the plan was made from. Nothing was changed."""


def observe(cloud: Cloud, looks: Sequence[Look]) -> dict[str, Any]:
    """The state: what each look sees now, by its name."""
    state: dict[str, Any] = {}
    for look in looks:
        answer = send(cloud, look.call, {}, state)
        state[look.name] = plain(jmespath.search(look.expression, answer))
    return state


def send(cloud: Cloud, call: Call, results: Mapping[str, Any], state: Mapping[str, Any]) -> Any:
    """Make the call; its answer without the metadata."""
    client = cloud.client(call.service)
    answer = getattr(client, botocore.xform_name(call.operation))(**resolved(call.params, results, state))
    answer.pop("ResponseMetadata", None)
    return plain(answer)


def apply(cloud: Cloud, plan: Plan, guard: Guard, *, minutes: float) -> None:
    """Take every step, in order; each is in the journal before its call leaves.

    minutes  AWS minutes after which a wait is given up.

    Raises StateChanged before the first step; StepFailed at the first step that does not come to its end. Between
    looking and the first change this run has its turn alone, so that of two runs only one finds the plan's state.
    """
    evidence = guard.evidence
    results: dict[str, Any] = {}
    used = results_used(plan)
    with evidence.at_work(), guard.applying(), ExitStack() as turn:
        turn.enter_context(evidence.turn())
        if changes := changes_in_words(plan.state, observe(cloud, plan.looks)):
            raise StateChanged(changes)
        for step in plan.steps:
            evidence.note("begin", step.name)
            try:
                answer = _act(cloud, step.do, results, plan.state, minutes, sent=turn.close)
            except BaseException as error:
                evidence.note("failed", step.name, why=_why(error))
                if isinstance(error, (ClientError, BotoCoreError, LookupError, StepFailed)):
                    raise StepFailed(f"Step {step.name}: {_why(error)}") from error
                raise
            kept = {path: found for path in used if (found := jmespath.search(path, {step.name: answer})) is not None}
            results |= kept
            evidence.note("done", step.name, results=kept)
    evidence.note("applied")


def roll_back(cloud: Cloud, plan: Plan, guard: Guard, *, minutes: float) -> None:
    """Undo every step that was begun and is not undone yet, last first.

    Raises StepFailed where a step cannot be undone; what was undone is in the journal, and a second call goes on
    from there.
    """
    evidence = guard.evidence
    steps = {step.name: step for step in plan.steps}
    with evidence.at_work(), guard.applying():
        journal = evidence.journal()
        results = {path: value for line in journal for path, value in line.get("results", {}).items()}
        open_steps = begun(journal)
        for name in reversed(open_steps):
            step = steps[name]
            if step.kind == "reads":
                continue
            if step.undo is None:
                evidence.note("cannot be undone", name)
                raise StepFailed(f"Step {name} has been begun and cannot be undone: {step.title}.")
            evidence.note("undoing", name)
            try:
                _act(cloud, step.undo, results, plan.state, minutes)
            except LookupError:
                pass  # its call never answered, so there is nothing of it to undo
            except (ClientError, BotoCoreError, StepFailed) as error:
                evidence.note("not undone", name, why=_why(error))
                raise StepFailed(f"Undoing {name}: {_why(error)}") from error
            evidence.note("undone", name)
    evidence.note("rolled back")


def begun(journal: Sequence[Mapping[str, Any]]) -> list[str]:
    """The steps that were begun and are not undone, in order."""
    steps: list[str] = []
    for line in journal:
        if line["event"] == "begin":
            steps.append(line["step"])
        elif line["event"] == "undone" and line["step"] in steps:
            steps.remove(line["step"])
    return steps


def _act(
    cloud: Cloud,
    act: Act,
    results: Mapping[str, Any],
    state: Mapping[str, Any],
    minutes: float,
    sent: Callable[[], object] = lambda: None,
) -> Any:
    answer = send(cloud, act.call, results, state)
    sent()
    if act.until is not None:
        wait(cloud, act.until, results, state, minutes=minutes)
    return answer


def wait(
    cloud: Cloud, condition: Condition, results: Mapping[str, Any], state: Mapping[str, Any], *, minutes: float
) -> None:
    """Ask until the condition holds, and has held for as long as it has to.

    Raises StepFailed once it cannot, or after so many AWS minutes besides.
    """
    held = condition.minutes * 60 / cloud.speed
    deadline = time.monotonic() + max(FLOOR, minutes * 60 / cloud.speed) + held
    every = max(0.1, 5 / cloud.speed)
    since: float | None = None
    while True:
        asked = time.monotonic()
        answer = send(cloud, condition.call, results, state)
        if not jmespath.search(condition.holds, answer):
            since = None
        elif since is None:
            since = asked
        if since is not None and asked >= since + held:
            return
        if condition.fails and jmespath.search(condition.fails, answer):
            raise StepFailed(f"{condition.what}: it never will be, AWS says that it failed.")
        if time.monotonic() > deadline:
            raise StepFailed(f"{condition.what}: not within {minutes:g} minutes.")
        time.sleep(every)


def _why(error: BaseException) -> str:
    return str(error) or type(error).__name__

"""What AWS has refused of a learner's answer: a check says so, instead of judging what was there before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from IPython.core.getipython import get_ipython

from drydock.cloud import Call
from drydock.policy.operations import only_reads

_NAMES = ("family", "serviceName", "service", "repositoryName", "RoleName", "logGroupName", "clusterName", "cluster",
          "Id", "Name", "QueueName", "GroupName", "ResourceId", "ListenerArn", "TargetGroupArn", "LoadBalancerArn",
          "QueueUrl", "SecretId")  # fmt: skip
"""Parameters that say what a call is about, the narrowest first."""


@dataclass
class _Refusal:
    """A call that would have changed something; `step` is whose check came first after it. `raised`: an exception."""

    service: str
    operation: str
    name: str
    said: str
    raised: bool = True
    step: str = ""


class Attempts:
    """One of `Cloud.listeners`, before all others. A refusal is told until a service that it is of changes something.

    One that the cell itself expected, and went on, is none.
    """

    def __init__(self) -> None:
        self._refusals: list[_Refusal] = []
        self._aside = 0
        shell = get_ipython()
        if shell is not None:
            shell.events.register("post_run_cell", self._cell_ended)

    def _cell_ended(self, result: Any) -> None:
        if result.success:
            self._refusals = [one for one in self._refusals if one.step or not one.raised]

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Meanwhile it is the lab that calls, not the learner."""
        self._aside += 1
        try:
            yield
        finally:
            self._aside -= 1

    def turn(self) -> None:
        """An exercise begins: what was refused before, as in the lesson's own cells, is none of its attempts."""
        self._refusals = [one for one in self._refusals if one.step]

    def of(self, step: str) -> str:
        """What was last refused of an answer to `step`; empty where nothing was."""
        for one in self._refusals:
            one.step = one.step or step
        mine = [one for one in self._refusals if one.step == step]
        return f"The last attempt, {mine[-1].operation}, was refused: {mine[-1].said}" if mine else ""

    def passed(self, step: str) -> None:
        """The step is passed: its refusals are over."""
        self._refusals = [one for one in self._refusals if one.step not in ("", step)]

    def asked(self, call: Call) -> None:
        if not self._aside and not only_reads(call.operation):
            self._refuse(call, "its parameters are not valid, and it did not leave.")

    def sending(self, call: Call) -> None:
        if not self._aside and not only_reads(call.operation):
            self._forget(call)

    def answered(self, call: Call, answer: dict[str, Any], status: int) -> None:
        if self._aside or only_reads(call.operation):
            return
        if status >= 300:
            error = answer.get("Error", {})
            self._refuse(call, f"{error.get('Code', status)}: {error.get('Message', '')}")
        elif reasons := [one.get("reason", "") for one in answer.get("failures") or ()]:
            self._refuse(call, reasons[0], raised=False)
        else:
            self._refusals = [one for one in self._refusals if one.service != call.service]

    def _refuse(self, call: Call, said: str, *, raised: bool = True) -> None:
        self._forget(call)
        self._refusals.append(_Refusal(call.service, call.operation, _name(call), said, raised))

    def _forget(self, call: Call) -> None:
        """What was refused of this operation and the same thing."""
        this = call.service, call.operation, _name(call)
        self._refusals = [one for one in self._refusals if (one.service, one.operation, one.name) != this]


def _name(call: Call) -> str:
    return next((str(call.params[key]) for key in _NAMES if key in call.params), "")

"""Every AWS call of a run is written down, and none that changes anything leaves before it is approved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from drydock.cloud import Call, Cloud
from drydock.policy.operations import only_reads
from drydock.runbooks.evidence import Evidence
from drydock.runbooks.told import Told


class NotApproved(Told):
    """A change was asked for that no approval covers. Nothing was changed."""


class Guard:
    """One of `Cloud.listeners`: refuses calls that change something but within `applying`, and records all."""

    def __init__(self, cloud: Cloud, evidence: Evidence) -> None:
        self.evidence = evidence
        self._open = False
        cloud.listeners[:] = [other for other in cloud.listeners if not isinstance(other, Guard)]
        cloud.listeners.append(self)

    @contextmanager
    def applying(self) -> Iterator[None]:
        """Let calls that change something through, for the length of the block."""
        self._open = True
        try:
            yield
        finally:
            self._open = False

    def asked(self, call: Call) -> None:
        """Raises NotApproved."""
        if not self._open and not only_reads(call.operation):
            raise NotApproved(
                f"{call.service}:{call.operation} changes something and was not sent: only the steps of an approved "
                f"plan do that. Make it a step of the plan."
            )

    def sending(self, call: Call) -> None:
        pass

    def answered(self, call: Call, answer: dict[str, Any], status: int) -> None:
        self.evidence.called(call, answer, status)

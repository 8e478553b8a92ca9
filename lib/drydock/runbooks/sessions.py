"""What ECS Exec was asked to run, run to its end, with what it wrote kept as evidence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from drydock import ssm
from drydock.cloud import Call, Cloud
from drydock.policy.secrets import hidden
from drydock.runbooks.evidence import Evidence
from drydock.runbooks.executor import StepFailed

FILE = "transcript.json"


class Transcript:
    """One of `Cloud.listeners`: connects to each session that ExecuteCommand opens, and writes transcript.json.

    A command runs once its client connects: the call has its answer only when the command has ended. The session's
    token goes no further. Secrets in what the command writes are not shown, so far as they are known by their shape.

    about    what is written beside it: who, why, where, what
    seconds  ours, after which a command that goes on is given up; it is not ended in the container
    """

    def __init__(self, cloud: Cloud, evidence: Evidence, about: Mapping[str, str], *, seconds: float) -> None:
        self._evidence = evidence
        self._about = about
        self._seconds = seconds
        cloud.listeners[:] = [other for other in cloud.listeners if not isinstance(other, Transcript)]
        cloud.listeners.append(self)

    def asked(self, call: Call) -> None:
        pass

    def sending(self, call: Call) -> None:
        pass

    def answered(self, call: Call, answer: dict[str, Any], status: int) -> None:
        """Raises StepFailed where the session broke, or the command has not ended in time."""
        if (call.service, call.operation) != ("ecs", "ExecuteCommand") or status >= 300:
            return
        session, began, error = answer.pop("session"), datetime.now(UTC), ""
        try:
            output = ssm.run(session, timeout=self._seconds)
        except (ssm.SessionError, TimeoutError, OSError) as broken:
            output, error = getattr(broken, "output", ""), hidden(str(broken))
        self._evidence.write(
            FILE,
            {
                **self._about,
                "session": session["sessionId"],
                "began": began,
                "ended": datetime.now(UTC),
                "error": error,
                "output": hidden(output).splitlines(),
            },
        )
        if error:
            raise StepFailed(error)

"""Sessions of ExecuteCommand: a command in a container, its channel, and the log of what it says."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from drydock.embedded.carriers.runtime import Container, Session, runtime_of
from drydock.embedded.core.host import Host
from drydock.embedded.services.ecs.records import Document, Task
from drydock.embedded.workload.awslogs import LogDriver, Stream

log = logging.getLogger(__name__)

OnOutput = Callable[[str, bytes], None]


class Sessions:
    """Opens sessions in the containers of tasks that run."""

    def __init__(self, host: Host, logs: LogDriver) -> None:
        self._host = host
        self._logs = logs

    def open(self, cluster: Any, task: Task, name: str, container: Container, command: str) -> Document:
        """A session that runs `command` in the container `name` of the task once its client connects."""
        from drydock.embedded.carriers.exec_channel import ExecChannel

        argv = shlex.split(command)
        group = _log_group(cluster, task, name)

        def start(on_output: OnOutput) -> Session:
            logged = self._logged(on_output, Stream(task.region_name, group, session)) if group else on_output
            opened: Session = self._host.helper(runtime_of).open(container, argv, tty=True, on_output=logged)
            return opened

        session, url, token = self._host.helper(ExecChannel).open(start)
        return {"sessionId": session, "streamUrl": url, "tokenValue": token}

    def _logged(self, on_output: OnOutput, stream: Stream) -> OnOutput:
        """`on_output`, and what it is given as lines of a log stream that has the session's name."""
        try:
            self._logs.open(stream, create_group=False)
        except ClientError as refused:
            log.warning("session %s is not logged to %s: %s", stream.name, stream.group, refused)
            return on_output

        def both(kind: str, data: bytes) -> None:
            on_output(kind, data)
            for line in data.splitlines():
                self._logs.write(stream, line)

        return both


def _log_group(cluster: Any, task: Task, name: str) -> str | None:
    """The log group that the cluster's executeCommandConfiguration sends sessions to, if any.

    DEFAULT: the awslogs group of the container; OVERRIDE: the one that is named there.
    """
    configured = (cluster.configuration or {}).get("executeCommandConfiguration") or {}
    group = None
    match configured.get("logging", "DEFAULT"):
        case "OVERRIDE":
            group = (configured.get("logConfiguration") or {}).get("cloudWatchLogGroupName")
        case "DEFAULT":
            log_configuration = task.definition_of(name).get("logConfiguration") or {}
            group = (log_configuration.get("options") or {}).get("awslogs-group")
    return str(group) if group else None

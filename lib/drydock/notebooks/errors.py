"""An exception in a cell, in a few lines: its code, its cause and what to do; the whole trace is one click away.

Headless runs keep the trace as it is.
"""

from __future__ import annotations

import html
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import botocore.exceptions as aws
from IPython.core.getipython import get_ipython
from IPython.display import display

from drydock import embedded
from drydock.attended import attended
from drydock.cloud import CloudRefused, CloudUnreachable, NoSuchCloud
from drydock.notebooks.wait import TookTooLong
from drydock.policy.advice import advice

if TYPE_CHECKING:
    from drydock.cloud import Cloud

LONGEST = 8
"""Lines of an error, before what to do about it."""

_OPEN_AGAIN = "run the cell that says Lab.open again, then lab.resume()."
_NO_ANSWER = (aws.ConnectionError, aws.HTTPClientError)
_SHORT = (
    aws.ClientError, aws.BotoCoreError, CloudRefused, CloudUnreachable, NoSuchCloud, TookTooLong, embedded.NotStarted,
)  # fmt: skip


def keep_short(cloud: Cloud | None, *ours: type[BaseException], lost: Callable[[str], str] = lambda name: "") -> None:
    """From now on, in this notebook or this IPython: errors of AWS and Drydock, `ours`, and an interrupt in short.

    cloud   where calls go; None: nowhere yet.
    lost    what to do about a name that is not defined; empty: nothing, and its error is shown as ever.
    """
    shell = get_ipython()
    if shell is None:
        return

    def show(
        shell: Any, kind: type[BaseException], error: BaseException, trace: Any, tb_offset: int | None = None
    ) -> None:
        sys.last_type, sys.last_value, sys.last_traceback = kind, error, trace
        in_cell = attended()
        found_by = lost(error.name or "") if type(error) is NameError else ""
        as_ever = isinstance(error, NameError) and not found_by
        if as_ever or (not in_cell and getattr(shell, "kernel", None) is not None):
            shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
            return
        lines = [*in_short(error, cloud), *([found_by] if found_by else [])]
        if not in_cell and not isinstance(error, KeyboardInterrupt):
            lines.append("%tb shows the whole trace.")
        shell._showtraceback(kind, error, lines)
        if in_cell and not isinstance(error, KeyboardInterrupt):
            whole = "".join(traceback.format_exception(kind, error, trace))
            folded = f"<details><summary>The whole trace</summary><pre>{html.escape(whole)}</pre></details>"
            display({"text/html": folded, "text/plain": "%tb shows the whole trace."}, raw=True)

    shell.set_custom_exc((KeyboardInterrupt, NameError, *_SHORT, *ours), show)


def in_short(error: BaseException, cloud: Cloud | None) -> list[str]:
    """The error in at most ten lines."""
    if isinstance(error, KeyboardInterrupt):
        return [str(error) or "Interrupted."]
    lines = [line for line in (_first(error) + "\n" + "\n".join(_cause(error))).splitlines() if line.strip()]
    if len(lines) > LONGEST:
        lines = [*lines[: LONGEST - 1], f"… and {len(lines) - LONGEST + 1} lines more"]
    return [*lines, *_what_to_do(error, cloud)]


def _first(error: BaseException) -> str:
    if isinstance(error, aws.ClientError):
        said = error.response["Error"]
        return f"{said.get('Code', 'Unknown')}: {said.get('Message') or 'AWS gives no reason.'}"
    return f"{type(error).__name__}: {error}"


def _cause(error: BaseException) -> Iterator[str]:
    """What the last answer before a waiter gave up says of the reason."""
    if not isinstance(error, aws.WaiterError):
        return
    last = error.last_response if isinstance(error.last_response, dict) else {}
    for task in last.get("tasks", ()):
        if task.get("stoppedReason"):
            yield f"A task stopped: {task['stoppedReason']}"
    for service in last.get("services", ()):
        for event in service.get("events", ())[:1]:
            yield f"{service['serviceName']}: {event['message']}"
    for failure in last.get("failures", ()):
        yield f"{failure.get('arn', '')}: {failure.get('reason', '')}"


def _what_to_do(error: BaseException, cloud: Cloud | None) -> list[str]:
    if isinstance(error, aws.ClientError):
        code = error.response["Error"].get("Code", "")
        return [f"{error.operation_name} was refused. {advice(code, error.operation_name)}"]
    if isinstance(error, aws.ParamValidationError):
        return ["The call did not leave: mend what is named, and run the cell again."]
    if isinstance(error, aws.WaiterError):
        return ["Waiting is over; what it waited for may still come. Look at it, mend it, and run the cell again."]
    if isinstance(error, _NO_ANSWER) and cloud is not None:
        if cloud.name != "embedded":
            return [f"Nothing answers at {cloud.endpoint or 'AWS'}: is it there, and are you connected?"]
        if (runs := embedded.find(cloud.instance)) is None:
            return [f"The embedded AWS is not running: {_OPEN_AGAIN}"]
        if runs.endpoint != cloud.endpoint:
            return [f"The embedded AWS runs at {runs.endpoint} now: {_OPEN_AGAIN}"]
        return ["The embedded AWS runs, and was too busy to answer: run the cell again."]
    return []

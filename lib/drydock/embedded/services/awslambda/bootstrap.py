"""The process of one call of a Python function: what AWS's runtime does with a handler. Standard library only.

    python bootstrap.py <call>

<call> is a file of JSON: the event, and what the context says. Descriptor 0 is a pipe to who called: "began" and the
milliseconds that the module took, in a line, then "ended", whether well, the milliseconds of the handler, and the
kilobytes of memory at most, in another, then the answer. What the function prints goes to its log.
"""

# pathlib would cost every call.
# ruff: noqa: PTH108, PTH123

from __future__ import annotations

import base64
import contextlib
import importlib
import json
import logging
import os
import resource
import sys
import time
import traceback
from types import SimpleNamespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

ROOT = "/var/task"
"""Where a function's code lies at AWS, and says that it lies."""
FORMAT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"


class Fault(Exception):
    """A function that cannot be called; its type is AWS's."""

    def __init__(self, kind: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.trace = trace or []


class Context:
    """What a handler gets as its second argument."""

    def __init__(self, call: dict[str, Any]) -> None:
        self.aws_request_id = call["id"]
        self.invoked_function_arn = call["arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None)
        self.client_context = _client_context(call.get("client_context"))
        self._until = time.monotonic() + call["timeout"]

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the call times out; of our time."""
        return max(0, int((self._until - time.monotonic()) * 1000))

    def log(self, message: object) -> None:
        sys.stdout.write(str(message))


class Records(logging.Handler):
    """A log record is one event: further lines of it follow a carriage return."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stdout.write(self.format(record).rstrip("\n").replace("\n", "\r") + "\n")


def main() -> None:
    channel = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    with open(sys.argv[1]) as file:
        call = json.load(file)
    os.unlink(sys.argv[1])
    sys.dont_write_bytecode = True  # the code is not the function's to write
    sys.argv = sys.argv[:1]
    sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]
    _log_as_aws(call["id"])
    began = time.monotonic()
    try:
        handler = _handler(os.environ["_HANDLER"])
    except Fault as fault:
        began = _say_began(channel, began)
        _end(channel, began, False, _fault(fault))
        return
    began = _say_began(channel, began)
    well, answer = _called(handler, call)
    _end(channel, began, well, answer)


def _say_began(channel: int, since: float) -> float:
    now = time.monotonic()
    os.write(channel, f"began {(now - since) * 1000:.2f}\n".encode())
    return now


def _end(channel: int, began: float, well: bool, answer: bytes) -> None:
    took, memory = (time.monotonic() - began) * 1000, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # the function has closed it
            stream.flush()
    with open(channel, "wb") as pipe:
        pipe.write(f"ended {int(well)} {took:.2f} {memory}\n".encode() + answer)


def _handler(name: str) -> Callable[[Any, Context], Any]:
    """What `module.function` names. Fault."""
    try:
        module_name, function = name.rsplit(".", 1)
    except ValueError as error:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{name}': {error}") from None
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from None
    except SyntaxError as error:
        line = f'  File "{_shown(str(error.filename))}" Line {error.lineno}\n    {(error.text or "").rstrip()}'
        kind, message = "Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}"
        raise Fault(kind, message, [line]) from None
    except Exception as error:
        raise Fault(type(error).__name__, _text(error), _trace(error)) from None
    if not hasattr(module, function):
        raise Fault("Runtime.HandlerNotFound", f"Handler '{function}' missing on module '{module_name}'")
    found: Callable[[Any, Context], Any] = getattr(module, function)
    return found


def _called(handler: Callable[[Any, Context], Any], call: dict[str, Any]) -> tuple[bool, bytes]:
    """Whether a handler has answered, and what."""
    try:
        answer = handler(call["event"], Context(call))
    except Exception as error:
        return False, _fault(Fault(type(error).__name__, _text(error), _trace(error)), call["id"])
    try:
        return True, json.dumps(answer, ensure_ascii=False, default=_number).encode()
    except (TypeError, ValueError, RecursionError) as error:
        return False, _fault(Fault("Runtime.MarshalError", f"Unable to marshal response: {error}"), call["id"])


def _number(value: object) -> float:
    """A Decimal, which AWS's runtime takes as well."""
    if type(value).__name__ == "Decimal":
        return float(str(value))
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _fault(fault: Fault, identifier: str = "") -> bytes:
    """The answer of a function that failed, which is said in the log, too."""
    lines = [f"[ERROR] {fault.kind}: {fault}", "Traceback (most recent call last):", *fault.trace]
    said = "\r".join(line.rstrip("\n").replace("\n", "\r") for line in lines) + "\n"
    with contextlib.suppress(ValueError):  # the function has closed it
        sys.stdout.write(said.encode(errors="backslashreplace").decode())
    shown = {"errorMessage": str(fault), "errorType": fault.kind, "requestId": identifier, "stackTrace": fault.trace}
    return json.dumps(shown, ensure_ascii=False).encode(errors="backslashreplace")


def _text(error: BaseException) -> str:
    """What an error says, if it can."""
    try:
        return str(error)
    except Exception:
        return "<exception str() failed>"


def _trace(error: BaseException) -> list[str]:
    """Where an error came from, without what is not the function's."""
    frames = traceback.extract_tb(error.__traceback__)
    known = [frame for frame in frames if frame.filename != __file__ and "importlib" not in frame.filename]
    return [_shown(line) for line in traceback.format_list(known)]


def _shown(text: str) -> str:
    """Code lies below `ROOT` for who reads of it."""
    return text.replace(os.environ["LAMBDA_TASK_ROOT"] + "/", f"{ROOT}/")


def _log_as_aws(identifier: str) -> None:
    """Records of `logging` say which call they are of; as at AWS, those of WARNING and above."""
    records = Records()
    formatter = logging.Formatter(FORMAT, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    records.setFormatter(formatter)

    def of_this_call(record: logging.LogRecord) -> bool:
        record.aws_request_id = identifier
        return True

    records.addFilter(of_this_call)
    logging.getLogger().addHandler(records)


def _client_context(given: str | None) -> Any:
    if not given:
        return None
    told = json.loads(base64.b64decode(given))
    client = told.get("client")
    return SimpleNamespace(
        custom=told.get("custom"), env=told.get("env"), client=SimpleNamespace(**client) if client else None
    )


if __name__ == "__main__":
    main()

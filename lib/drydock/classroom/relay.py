"""What a confined notebook asks of its lab, answered outside its confinement by the lab itself.

The notebook's `lab` (`stand_in`) writes a line of JSON to a socket and reads one. It can ask for no more than the
methods below, and whatever it says of itself is not believed: a check is our check, asked of the cloud here.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from drydock.labs import Lab
from drydock.labs.step import Check

LONGEST_WAIT = 120.0
"""Our seconds that a notebook can have a check wait for what may still come."""
_LONGEST_LINE = 4096


class Relay:
    """Answers at `path` until it is closed.

    found           what our check said last of each step that was asked about; what passed once has passed.
    broken          the drills that were broken.
    set_up_failed   why; empty where it did not.
    """

    def __init__(self, path: Path, lab: Lab) -> None:
        self.found: dict[str, Check] = {}
        self.broken: set[str] = set()
        self.set_up_failed = ""
        self._lab = lab
        self._methods: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "set_up": self._set_up, "check": self._check, "break_it": self._break_it,
        }  # fmt: skip
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        threading.Thread(target=self._serve, name="relay", daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def ask(self, step: str, within: float = 0.0) -> Check:
        """Our check on a step; what passed once has passed."""
        found = self._lab.check(step, within=within)
        before = self.found.get(step)
        self.found[step] = found if before is None or not before.passed else before
        return found

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with suppress(OSError), connection, connection.makefile("rwb") as lines:
                while line := lines.readline(_LONGEST_LINE):
                    lines.write(json.dumps(self._answer(line)).encode() + b"\n")
                    lines.flush()

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            asked = json.loads(line)
            return self._methods[asked["do"]](asked)
        except Exception as error:  # whatever is asked, and whatever the cloud says, is an answer and not our end
            return {"error": type(error).__name__, "said": str(error)[:2000]}

    def _set_up(self, asked: dict[str, Any]) -> dict[str, Any]:
        try:
            note = self._lab.set_up()
        except Exception as error:
            self.set_up_failed = f"{type(error).__name__}: {error}"
            raise
        return {"heading": note.heading, "said": note.plain}

    def _check(self, asked: dict[str, Any]) -> dict[str, Any]:
        within = min(max(0.0, float(asked.get("within") or 0)), LONGEST_WAIT)  # NaN is 0
        found = self.ask(str(asked["step"]), within)
        return {"state": found.state, "said": found.message, "look": found.look, "step": found.step}

    def _break_it(self, asked: dict[str, Any]) -> dict[str, Any]:
        step = str(asked["step"])
        note = self._lab.break_it(step)
        self.broken.add(step)
        return {"heading": note.heading, "said": note.plain}

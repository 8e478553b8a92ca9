"""The kernel of a notebook that is graded: `python -m drydock.classroom.stand_in -f CONNECTION`.

`Lab.open` gives a lab that asks the real one, which is outside of the confinement and runs the checks. It knows no
solution: none is in reach of this process.
"""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

from drydock import labs
from drydock.cloud import Cloud
from drydock.labs.again import TakenAsItIs
from drydock.labs.step import Check
from drydock.notebooks import errors, show, wait
from drydock.notebooks.wait import Pace

LAB, SERVICES, SOCKET = "DRYDOCK_GRADED_LAB", "DRYDOCK_GRADED_SERVICES", "DRYDOCK_GRADED_SOCKET"
_NOT_NOW = "Not while a notebook is graded."


class NotWhileGraded(RuntimeError):
    """What a lab has and one that is graded has not."""


class GradedLab:
    """The lab of a notebook that is graded."""

    def __init__(self, name: str, cloud: Cloud) -> None:
        self.name = name
        self.cloud = cloud
        self.directory = Path.cwd()
        self.services = Path(os.environ[SERVICES])
        self.tags = {"drydock:lab": name}
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(os.environ[SOCKET])
        self._lines = self._socket.makefile("rwb")

    @classmethod
    def open(cls, name: str, *, cloud: Cloud, **_: Any) -> GradedLab:
        """The lab that is graded, under its full name or a short one."""
        graded = os.environ[LAB]
        number, _dash, word = graded.partition("-")
        if name not in (graded, number, word):
            raise NotWhileGraded(f"This is graded as the notebook of {graded}, and it opens {name!r}.")
        lab = cls(graded, cloud)
        pace = Pace.of(cloud)
        errors.keep_short(cloud, NotWhileGraded)
        wait.keep(pace)
        cloud.asks_again = pace.asks_again
        cloud.listeners[:] = [TakenAsItIs(cloud)]
        return lab

    def set_up(self, **_: Any) -> show.Note:
        return self._note(self._ask(do="set_up"))

    def check(self, name: str = "", *, within: float = 0.0) -> Check:
        found = self._ask(do="check", step=name, within=within)
        return Check(found["state"], found["said"], found["look"], found["step"])

    def break_it(self, name: str, **_: Any) -> show.Note:
        return self._note(self._ask(do="break_it", step=name))

    def your_turn(self, name: str) -> show.Note:
        return show.Note(f"Your turn: {name}")

    def resume(self, *_: Any, **__: Any) -> show.Note:
        return show.Note(_NOT_NOW, "It runs from top to bottom.")

    time_and_cost = hint = solution = catch_up = clean_up = resume

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"lab.{name}: {_NOT_NOW[0].lower()}{_NOT_NOW[1:]}")

    def __repr__(self) -> str:
        return f"Lab {self.name}, graded"

    def _ask(self, **asked: Any) -> dict[str, Any]:
        self._lines.write(json.dumps(asked).encode() + b"\n")
        self._lines.flush()
        answer: dict[str, Any] = json.loads(self._lines.readline() or "{}")
        if "said" not in answer:
            raise NotWhileGraded("The lab does not answer any more.")
        if "error" in answer:
            raise NotWhileGraded(f"{answer['error']}: {answer['said']}")
        return answer

    @staticmethod
    def _note(answer: dict[str, Any]) -> show.Note:
        return show.Note(answer["heading"], answer["said"])


def main() -> None:
    from ipykernel.kernelapp import launch_new_instance

    labs.Lab = GradedLab  # type: ignore[misc, assignment]
    launch_new_instance()


if __name__ == "__main__":
    main()

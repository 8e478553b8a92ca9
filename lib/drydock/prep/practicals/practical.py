"""A practical: a situation in a running cloud, what has to become of it, and what the cloud says of that."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from drydock.cloud import Cloud
from drydock.notebooks import show
from drydock.prep.practicals.bench import Bench


class NotDone(AssertionError):
    """An answer does not do what was asked; the text is what the cloud says."""


@dataclass(frozen=True)
class Seen:
    """Something that has to be so, whether it is, and what the cloud says."""

    wanted: str
    holds: bool
    found: str


@dataclass(frozen=True)
class Practical:
    """What is asked.

    lay     makes the situation.
    look    asks the cloud for each thing that has to be so. It changes nothing.
    shown_in  the notebook that shows the rule.
    """

    name: str
    topic: str
    title: str
    brief: str
    shown_in: str
    lay: Callable[[Bench], None]
    look: Callable[[Bench], Sequence[Seen]]


@dataclass(frozen=True)
class Checked:
    """What the cloud says of an answer."""

    title: str
    seen: Sequence[Seen]

    @property
    def passed(self) -> bool:
        return all(one.holds for one in self.seen)

    @property
    def _heading(self) -> str:
        held = sum(one.holds for one in self.seen)
        done = "Done" if self.passed else "Not yet"
        return f"{done}: {held} of {len(self.seen)} hold. {self.title}"

    def _rows(self) -> tuple[Sequence[str], list[tuple[str, str, str]]]:
        rows = [(one.wanted, "yes" if one.holds else "no", one.found) for one in self.seen]
        return ("Has to be so", "Is it?", "The cloud says"), rows

    def __repr__(self) -> str:
        return f"{self._heading}\n{show.plain_table(*self._rows())}"

    def _repr_html_(self) -> str:
        return show.box("passed" if self.passed else "wrong", self._heading, show.table(*self._rows()))


@dataclass
class Laid:
    """A practical that is laid out: `cloud` is where an answer goes."""

    practical: Practical
    bench: Bench
    said: str = ""
    answered: bool = False

    @property
    def cloud(self) -> Cloud:
        return self.bench.cloud

    def client(self, service: str) -> Any:
        """A boto3 client of that cloud."""
        return self.cloud.client(service)

    def attempt(self, answer: str) -> show.Note:
        """Run a file of Python in the place of an answer, with `cloud`, `ecs` and `cluster` as names; empty: nothing.

        Raises what it raises, and OSError where it cannot be read.
        """
        if not answer:
            return show.Note("Your turn", "Use the next cell, or name a file in `answer`.")
        file = Path(answer).expanduser()
        names = {"cloud": self.cloud, "ecs": self.bench.ecs, "cluster": self.bench.cluster}
        exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), names)
        self.answered = True
        return show.Note("Answered", f"by {file.name}")

    def check(self, within: float = 0.0) -> Checked:
        """Ask the cloud. `within`: seconds to wait for a service that is not steady, and for what it does then.

        Raises NotDone in a strict run whose answer came from a file and does not do it.
        """
        if within:
            with suppress(TimeoutError):
                self.bench.until(self.bench.steady, "the service is steady", timeout=within)
                self.bench.until(lambda: self._asked().passed, "it is done", timeout=min(within, 5.0))
        found = self._asked()
        if self.answered and not found.passed and os.environ.get("DRYDOCK_STRICT") == "1":
            raise NotDone(repr(found))
        return found

    def _asked(self) -> Checked:
        try:
            return Checked(self.practical.title, self.practical.look(self.bench))
        except ClientError as error:
            said = f"{error.operation_name}: {error.response['Error'].get('Message') or error}"
            return Checked(self.practical.title, [Seen("The cloud can be asked", False, said)])

    def __repr__(self) -> str:
        return f"{self.practical.title}\n{self.practical.brief}\n{self.said}".rstrip()

    def _repr_html_(self) -> str:
        body = show.text(self.practical.brief).replace("\n", "<br>")
        return show.box("note", self.practical.title, f"{body}<br>{show.text(self.said)}" if self.said else body)

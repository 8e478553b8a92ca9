"""The drills of a learner, in a file beside his progress: when each was started, found, mended and stopped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path

from drydock.labs import progress
from drydock.notebooks.document import Document

VERSION = 1
FILE = "drills.json"


class BadDrills(RuntimeError):
    """The file cannot be used as it is; the text says why."""


@dataclass
class Run:
    """One drill of a learner on a cloud.

    drill, cloud, speed         what and where, and AWS seconds in one of ours
    started, found, mended, stopped   when, ISO 8601 in UTC; empty for not yet. It has started once its fault shows
    answers     causes that were named, in order; checks: how often the cloud was asked until it was mended
    """

    drill: str
    cloud: str
    speed: float
    started: str = ""
    found: str = ""
    mended: str = ""
    stopped: str = ""
    answers: list[str] = field(default_factory=list)
    checks: int = 0

    def seconds(self, until: str) -> float | None:
        """Our seconds from its start until then; None where `until` is empty."""
        if not until:
            return None
        return (datetime.fromisoformat(until) - datetime.fromisoformat(self.started)).total_seconds()


def now() -> str:
    """As times are written here."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def took(run: Run, until: str) -> str:
    """How long from its start, in our seconds and in AWS's; empty for not yet."""
    seconds = run.seconds(until)
    if seconds is None:
        return ""
    return f"{seconds:.1f} s" + (f" ({seconds * run.speed:.0f} AWS s)" if run.speed != 1 else "")


def path() -> Path:
    """drills.json in the folder of the progress."""
    return progress.path().with_name(FILE)


def read() -> list[Run]:
    """All runs, oldest first. Raises BadDrills."""
    document = Document(path())
    try:
        value = document.read()
        if value.get("version", VERSION) != VERSION:
            raise BadDrills(f"{document.file} is of version {value['version']}, and this Drydock knows {VERSION}.")
        known = {one.name for one in fields(Run)}
        return [Run(**{key: one[key] for key in known & set(one)}) for one in value.get("runs", ())]
    except (ValueError, TypeError, AttributeError) as error:
        raise BadDrills(f"{document.file} cannot be read: {error}. Mend it, or move it away.") from error


@contextmanager
def changing() -> Iterator[list[Run]]:
    """Change the runs; written, whole, when the block ends."""
    with Document(path()).alone():
        runs = read()
        yield runs
        Document(path()).write({"version": VERSION, "runs": [asdict(one) for one in runs]})


def under_way(runs: list[Run], cloud: str) -> Run | None:
    """The run on that cloud that was not stopped yet."""
    return next((one for one in reversed(runs) if one.cloud == cloud and not one.stopped), None)

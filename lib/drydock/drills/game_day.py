"""A game day: drills drawn by a seed, one after another, and the report that is written afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drydock.cloud import Call, Cloud
from drydock.drills import playing, record
from drydock.drills.drill import Drill
from drydock.drills.site import PRODUCTION, Site
from drydock.notebooks import show
from drydock.policy.operations import only_reads

SEED_TAG = "game-day"
"""Of the cluster: by which seed the drills of the day are drawn."""
ROUNDS = 3
POSTMORTEM = ("Summary", "Impact", "Root cause", "How it was noticed", "What was done", "What went well", "Actions")


def drawn(drills: Mapping[str, Drill], cloud: Cloud, seed: str) -> list[Drill]:
    """The drills of a day: three of those that this cloud can have. The same for the same seed, and one drill more
    changes them only where it is drawn itself."""

    def lot(one: Drill) -> bytes:
        return hashlib.sha256(f"{seed}:{one.name}".encode()).digest()

    return sorted(playing.possible(drills, cloud), key=lot)[:ROUNDS]


@dataclass
class Witness:
    """Notes which calls change something, and when. A listener of a cloud."""

    calls: list[tuple[str, str]] = field(default_factory=list)
    """When (ISO 8601 in UTC), and "ecs UpdateService"."""

    def asked(self, call: Call) -> None:
        pass

    def sending(self, call: Call) -> None:
        pass

    def answered(self, call: Call, answer: dict[str, Any], status: int) -> None:
        if status < 300 and not only_reads(call.operation):
            self.calls.append((record.now(), f"{call.service} {call.operation}"))

    def during(self, run: record.Run) -> list[tuple[str, str]]:
        """What was called while it was under way, until it was mended."""
        end = run.mended or run.stopped
        return [(at, said) for at, said in self.calls if run.started <= at and (not end or at <= end)]


def seed_of(cloud: Cloud) -> str | None:
    """The seed that the cluster is tagged with; "" where it has no such tag, None where there is none."""
    found = cloud.client("ecs").describe_clusters(clusters=[PRODUCTION], include=["TAGS"])["clusters"]
    active = [one for one in found if one["status"] == "ACTIVE"]
    if not active:
        return None
    return next((str(tag["value"]) for tag in active[0].get("tags", ()) if tag["key"] == SEED_TAG), "")


class GameDay:
    """The day on a cloud, by the seed that its cluster is tagged with. Raises NotNow where it is not.

    solve   causes are named by the drills' own scripts, which read by AWS calls alone
    """

    def __init__(self, drills: Mapping[str, Drill], cloud: Cloud, *, solve: bool = False) -> None:
        seed = seed_of(cloud)
        if not seed:
            raise playing.NotNow(f"The cluster {PRODUCTION} has no tag {SEED_TAG}: by it the drills are drawn.")
        self.drills, self.cloud, self.seed, self.solve = drills, cloud, seed, solve
        self.drawn = drawn(drills, cloud, seed)
        self.witness = Witness()
        cloud.listeners.append(self.witness)

    def call(self, number: int) -> show.Note:
        """What whoever is on call is told in round 1, 2 or 3."""
        one = self.drawn[number - 1]
        where = f"Cluster {PRODUCTION}, service {one.name}."
        return show.Note(f"Round {number}: {one.title}", f"{one.symptoms}\n{where}", tone="wrong")

    def causes(self) -> list[str]:
        """What an answer can name."""
        return sorted(one.fault for one in self.drills.values())

    def named(self, cause: str) -> show.Note:
        """Whether `cause` is that of the round under way; empty: nothing is named. It counts as an answer.

        With `solve` the drill's script looks for it. Raises NotNow, NoSuchDrill.
        """
        run = playing.current(self.cloud)
        one = self.drills[run.drill]
        evidence = one.find(Site(self.cloud, one.name)) if self.solve else ""
        cause = one.fault if evidence else cause
        if not cause:
            return show.Note("No cause named yet", "Choose from day.causes().")
        said = playing.answer(self.drills, self.cloud, cause)
        if not said.right:
            return show.Note(f"{cause}: that is not it", tone="wrong")
        return show.Note(f"{cause}: that is it", f"{one.cause}\n{evidence}".rstrip(), tone="passed")

    def mend(self, number: int) -> None:
        """The reference solution of round 1, 2 or 3."""
        one = self.drawn[number - 1]
        one.mend(Site(self.cloud, one.name))

    def over(self) -> show.Note:
        """Ask the cloud once more whether the round is mended, and end it. Its service stays until Clean up."""
        said = playing.answer(self.drills, self.cloud)
        playing.close(self.drills, self.cloud)
        tone = "passed" if said.checked.passed else "wrong"
        return show.Note(f"{said.checked.title}: {'mended' if said.checked.passed else 'given up'}", tone=tone)

    def runs(self) -> list[record.Run]:
        """The newest run of each drill of the day that was begun on this cloud, in the order of the rounds."""
        newest = {one.drill: one for one in record.read() if one.cloud == self.cloud.identity and one.started}
        return [newest[one.name] for one in self.drawn if one.name in newest]

    def report(self) -> show.Note:
        """What was found, after how long, and by which calls it was mended."""
        columns = ("Round", "Service", "Cause", "Found after", "Mended after", "Wrong answers", "Mended by")
        rows = [
            (
                str(number),
                run.drill,
                self.drills[run.drill].fault if run.found else "not found",
                record.took(run, run.found),
                record.took(run, run.mended),
                str(len(run.answers) - bool(run.found)),
                ", ".join(dict.fromkeys(said for _, said in self.witness.during(run))),
            )
            for number, run in enumerate(self.runs(), 1)
        ]
        return show.Note("The day", show.plain_table(columns, rows), show.table(columns, rows))

    def timeline(self) -> list[tuple[str, str]]:
        """(when in UTC, what), in order: what was called, named, mended and ended."""
        said = [
            (at, f"{run.drill}: {what}")
            for run in self.runs()
            for at, what in (
                (run.started, "the fault shows"),
                (run.found, f"the cause is named, {self.drills[run.drill].fault}"),
                (run.mended, "a check finds it mended"),
                (run.stopped, "the round is over"),
                *self.witness.during(run),
            )
            if at
        ]
        return sorted(said, key=lambda one: one[0])

    def postmortem(self) -> Path:
        """A page of Markdown beside the learner's progress, with the timeline, and headings to be filled in.

        It is written once for a day, and stays as it is then.
        """
        runs = self.runs()
        began = runs[0].started[:16].replace(":", "") if runs else "not-begun"
        page = record.path().with_name(f"game-day-{began}.md")
        if not page.exists():
            lines = [f"# Game day, seed {self.seed}", "", "## Timeline (UTC)", ""]
            lines += [f"- {at[11:19]} {what}" for at, what in self.timeline()]
            for run in runs:
                lines += ["", f"## {run.drill}", *(f"\n### {heading}" for heading in POSTMORTEM)]
            page.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return page

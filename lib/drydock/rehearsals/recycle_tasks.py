"""recycle-tasks: one task at a time while requests are counted; and where they are lost."""

from __future__ import annotations

from pathlib import Path

from drydock.cloud import Cloud
from drydock.notebooks.wait import wait_until
from drydock.rehearsals.common import SERVICE, Until, address_of_a_task, planned_applied_undone, rolled_back_by_itself
from drydock.rehearsals.record import Rehearsal


def given(cloud: Cloud, until: Until) -> dict[str, str]:
    return {**SERVICE, "older_than": "0.0", "batch": "1", "rps": "0"}


def rehearse(cloud: Cloud, rehearsal: Rehearsal, runs: Path) -> None:
    counted = {**given(cloud, wait_until), "rps": "20"}
    planned_applied_undone(rehearsal, runs, counted, again={"older_than": "720"})
    past = {**counted, "url": address_of_a_task(cloud)}
    rolled_back_by_itself(rehearsal, runs, past, "requests that are lost")

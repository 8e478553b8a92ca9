"""scale-service: from two tasks to four."""

from __future__ import annotations

from pathlib import Path

from drydock.cloud import Cloud
from drydock.notebooks.wait import wait_until
from drydock.rehearsals.common import SERVICE, Until, planned_applied_undone
from drydock.rehearsals.record import Rehearsal


def given(_cloud: Cloud, _until: Until) -> dict[str, str]:
    return {**SERVICE, "desired_count": "4"}


def rehearse(cloud: Cloud, rehearsal: Rehearsal, runs: Path) -> None:
    planned_applied_undone(rehearsal, runs, given(cloud, wait_until))

"""scale-service: from two tasks to four."""

from __future__ import annotations

from pathlib import Path

from drydock.cloud import Cloud
from drydock.rehearsals.common import SERVICE, planned_applied_undone
from drydock.rehearsals.record import Rehearsal


def rehearse(cloud: Cloud, rehearsal: Rehearsal, runs: Path) -> None:
    planned_applied_undone(rehearsal, runs, {**SERVICE, "desired_count": "4"})

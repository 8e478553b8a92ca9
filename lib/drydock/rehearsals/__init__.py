"""Every runbook, rehearsed: planned, refused, applied and undone on an embedded AWS with a service of its own.

The rehearsal of `verb-noun` is `rehearse(cloud, rehearsal, runs)` in the module `verb_noun` beside this one.
"""

from __future__ import annotations

import importlib
import time
from pathlib import Path

from drydock.cloud import Cloud, connect
from drydock.labs import Lab
from drydock.notebooks.instances import own_instance
from drydock.notebooks.wait import wait_until
from drydock.rehearsals.common import SERVICE
from drydock.rehearsals.record import Rehearsal


def rehearse(name: str, runs: Path) -> Rehearsal:
    """Rehearse the runbook `name`; its folders of evidence are made in `runs`.

    Raises ModuleNotFoundError where there is no rehearsal for that runbook.
    """
    acting = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    rehearsal = Rehearsal(name)
    started = time.monotonic()
    with own_instance():
        cloud = connect()
        _set_up(cloud)
        try:
            acting.rehearse(cloud, rehearsal, runs)
        except AssertionError as error:
            rehearsal.error = str(error)
    rehearsal.seconds = time.monotonic() - started
    return rehearsal


def _set_up(cloud: Cloud) -> None:
    """Lab 00's service: two tasks behind a load balancer."""
    lab = Lab.open("00-start-here", cloud=cloud)
    lab.set_up(before="kill-a-task")
    cloud.listeners.clear()
    ecs = cloud.client("ecs")

    def completed() -> bool:
        service = ecs.describe_services(cluster=SERVICE["cluster"], services=[SERVICE["service"]])["services"][0]
        return bool(service["deployments"][0]["rolloutState"] == "COMPLETED")

    wait_until(completed, "the deployment is completed")

"""Every runbook, rehearsed: planned, refused, applied and undone on an embedded AWS with a service of its own.

The rehearsal of `verb-noun` is the module `verb_noun` beside this one, with two functions:

    given(cloud, until) -> parameters      prepares the case, for a runbook that changes something: from lab 00's
                                           service to what the runbook is for, and with which parameters it is run
    rehearse(cloud, rehearsal, runs)       plans, refuses, applies and undoes it; begins with `given(cloud, wait_until)`

`given` waits by `until(condition, what)` alone, with no waiter of boto3's and no sleep: tests/runbooks/
test_every_boundary.py prepares the same case on a cloud whose time stands still otherwise, and kills the run at every
line of its journal, there and back. What it needs of the cloud is AWS calls: no request through a load balancer.
"""

from __future__ import annotations

import importlib
import time
from pathlib import Path

from drydock.cloud import Cloud, connect
from drydock.labs import Lab
from drydock.notebooks.environment import environment
from drydock.notebooks.instances import own_instance
from drydock.notebooks.wait import wait_until
from drydock.rehearsals.common import signed_by_nobody, steady
from drydock.rehearsals.record import Rehearsal


def rehearse(name: str, runs: Path) -> Rehearsal:
    """Rehearse the runbook `name`; its folders of evidence are made in `runs`/`name`.

    Raises ModuleNotFoundError where there is no rehearsal for that runbook.
    """
    acting = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    rehearsal = Rehearsal(name)
    started = time.monotonic()
    with own_instance(), environment(signed_by_nobody(runs / name)):
        cloud = connect()
        set_up(cloud)
        try:
            acting.rehearse(cloud, rehearsal, runs / name)
        except AssertionError as error:
            rehearsal.error = str(error)
    rehearsal.seconds = time.monotonic() - started
    return rehearsal


def set_up(cloud: Cloud) -> None:
    """Lab 00's service: two tasks behind a load balancer."""
    lab = Lab.open("00-start-here", cloud=cloud)
    lab.set_up(before="kill-a-task")
    cloud.listeners.clear()
    steady(cloud, wait_until)

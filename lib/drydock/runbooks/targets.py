"""What a plan is about, held for the length of a run, so that two runs on this machine do not fight over it.

A target is a cloud's account and region, and in them a cluster, and in that a service; whoever holds a cluster holds
its services. It is held by a file in the user's own folder, locked for as long as the process lives: it falls with it.
What the file says stays: a run that was killed is in the way of others until it is resumed or rolled back. All that is
of this machine and this user; on an AWS that others work on too it is the plan's hash, of the state, that tells.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from drydock.cloud import Cloud
from drydock.runbooks import executor
from drydock.runbooks.evidence import Evidence
from drydock.runbooks.files import Damaged
from drydock.runbooks.model import Act, Plan
from drydock.runbooks.told import typed
from drydock.user import home, private

Target = tuple[str, ...]


@dataclass(frozen=True)
class _Hold:
    """What a file says by which a run holds a target."""

    target: list[str]
    run: str
    runbook: str
    process: int


_IN_CLUSTERS = ("ecs", "application-autoscaling")


class Busy(RuntimeError):
    """Another run has one of the targets; the text says which run, and what to do."""


class Held:
    """The targets of one run, until they are let go of, or the process ends."""

    def __init__(self, files: Sequence[TextIOWrapper]) -> None:
        self._files = list(files)

    def let_go(self) -> None:
        while self._files:
            file = self._files.pop()
            Path(file.name).unlink(missing_ok=True)
            file.close()

    def fall(self) -> None:
        """As when the process ends: what the run has not ended stays in the way of others."""
        while self._files:
            self._files.pop().close()


def of(plan: Plan, cloud: Cloud) -> list[Target]:
    """The targets of the plan: the services and clusters that its calls and its parameters name, else all there is.

    All there is, too, where it changes what is in no cluster, as a secret that services of several read.
    """
    place = (cloud.endpoint or cloud.name, cloud.account, cloud.region)
    if any(step.do.call.service not in _IN_CLUSTERS for step in plan.changes):
        return [place]
    named = {_of_params(plan.parameters)}
    for step in plan.changes:
        named |= {_of_params(act.call.params) for act in (step.do, step.undo) if isinstance(act, Act)}
    named.discard(())
    with_service = {target[0] for target in named if len(target) > 1}
    leaves = {target for target in named if len(target) > 1 or target[0] not in with_service}
    return [(*place, *leaf) for leaf in sorted(leaves or {()})]


def hold(plan: Plan, cloud: Cloud, run: Path) -> Held:
    """Hold all targets of the plan, or none of them, for the run of that folder.

    Raises Busy where a run that is at work, or one that was cut short and not ended since, has one of them.
    """
    folder = private(home() / "targets")
    wanted = of(plan, cloud)
    files: list[TextIOWrapper] = []
    with (folder / ".lock").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        for path in sorted(folder.glob("*.json")):
            _make_way(path, wanted, run)
        for target in wanted:
            name = hashlib.sha256(json.dumps(target).encode()).hexdigest()[:32]
            file = (folder / f"{name}.json").open("w")
            fcntl.flock(file, fcntl.LOCK_EX)
            json.dump({"target": target, "run": str(run), "runbook": plan.runbook, "process": os.getpid()}, file)
            file.flush()
            files.append(file)
    return Held(files)


def _make_way(path: Path, wanted: Sequence[Target], run: Path) -> None:
    """Remove the file where nobody needs it any more. Raises Busy where it is in the way."""
    with suppress(FileNotFoundError), path.open("r+") as file:
        try:
            said = TypeAdapter(_Hold).validate_json(file.read())
        except ValueError:
            said = None
        target, other = (tuple(said.target), Path(said.run)) if said else ((), Path())
        in_the_way = any(target[: len(each)] == each[: len(target)] for each in wanted)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if said is None:
                raise Busy(f"A run is at work that holds {path}, and what is in it was edited: let it end.") from None
            if in_the_way:
                raise Busy(
                    f"{_told(target)} is in the hands of another run, {other} ({said.runbook}, process "
                    f"{said.process}): let it end, or end it by a signal."
                ) from None
            return
        if said and other != run and (left := _left_open(other)):
            if in_the_way:
                raise Busy(f"The run {other} ({said.runbook}) on {_told(target)} {left}")
            return
        path.unlink()


def _left_open(run: Path) -> str:
    """Why the run of that folder is in the way of others that nobody works on; empty where it is not."""
    kept = Evidence(run)
    try:
        kept.require_whole()
        if not executor.progress(kept.events()).open:
            return ""
    except Damaged as error:
        return f"may have been cut short: {error}"
    return (
        f"was cut short, and has neither gone on nor been undone. First one of the two: {resume_command(run)} or "
        f"{roll_back_command(run)}"
    )


def resume_command(run: Path) -> str:
    """What to type in a shell to go on with the run of this folder."""
    return typed(["drydock", "runbook", "resume", str(run)])


def roll_back_command(run: Path) -> str:
    """What to type in a shell to undo the run of this folder."""
    return typed(["drydock", "runbook", "roll-back", str(run)])


def _of_params(params: Any) -> Target:
    """(cluster, service), (cluster,) or () as the parameters of a call, or of a runbook, name them."""
    cluster, service = params.get("cluster"), params.get("service")
    match str(params.get("ResourceId", "")).split("/"):
        case ["service", str(of_service), str(name)]:
            cluster, service = of_service, name
    return tuple(_names([cluster, service]))


def _names(values: Sequence[object]) -> Iterator[str]:
    """Names, of ARNs the last part, up to the first that is none."""
    for value in values:
        if not isinstance(value, str) or not value:
            return
        yield value.rpartition("/")[2]


def _told(target: Target) -> str:
    place, account, region, *inside = target
    return "/".join(inside) + (" of " if inside else "") + f"{place}, account {account}, {region}"

"""Grading: each notebook that was handed in is run by an `examiner`, several at a time; one that is graded stays so."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from drydock.classroom import collecting, confined
from drydock.classroom.examiner import Task
from drydock.classroom.folder import Class, Member
from drydock.classroom.records import BadRecord, Graded, GradedStep, graded_in
from drydock.labs import catalogue
from drydock.notebooks.scratch import scratch

_AROUND = 240.0
"""Our seconds, beyond the notebook's own, that an examiner has to start an AWS, to set up and to ask at the end."""


@dataclass(frozen=True)
class Limits:
    """What one notebook may take: our seconds, and bytes of memory."""

    seconds: float = 600.0
    memory: int = 1024**3


@dataclass(frozen=True)
class Result:
    """One lab of one learner. `kept`: it had been graded before, and nothing has changed since."""

    member: Member
    graded: Graded
    kept: bool = False


def grade(
    the_class: Class,
    members: Sequence[Member],
    labs: Sequence[str],
    *,
    limits: Limits,
    done: Callable[[Result], None],
    jobs: int = 1,
    again: bool = False,
) -> None:
    """Grade these labs of these learners, so many at a time; `done` is told of each as it comes.

    What was handed in is graded, or, where a learner has not handed in, what is in the learner's folder.
    Raises CannotConfine before anything is run.
    """
    confined.check()
    running = _Running(set(), threading.Event())
    telling = threading.Lock()

    def one(unit: tuple[Member, str]) -> None:
        try:
            result = _one(the_class, *unit, limits, again, running)
        except CancelledError:
            raise
        except Exception as error:  # one learner's stops nobody else's
            failed = _not_graded(unit[1], "", f"Grading itself failed: {type(error).__name__}: {error}")
            result = Result(unit[0], _kept(the_class.graded(unit[0]), failed))
        with telling:
            done(result)

    pool = ThreadPoolExecutor(jobs)
    try:
        waiting = [pool.submit(one, (member, lab)) for member in members for lab in labs]
        for future in waiting:
            future.result()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        running.end()
        raise
    finally:
        pool.shutdown()


@dataclass(frozen=True)
class _Running:
    """The examiners that run, and whether they are to end: what one says then is no result."""

    processes: set[subprocess.Popen[bytes]]
    ending: threading.Event

    def end(self) -> None:
        self.ending.set()
        for process in list(self.processes):
            process.terminate()


def _one(the_class: Class, member: Member, lab: str, limits: Limits, again: bool, running: _Running) -> Result:
    out = the_class.graded(member)
    out.mkdir(parents=True, exist_ok=True)
    source = the_class.submission(member)
    notebook = str(catalogue.notebook(lab).relative_to(catalogue.directory().parent))
    if not (source / notebook).is_file():
        where = "what was handed in" if source == the_class.handed_in(member) else "the learner's folder"
        return Result(member, _kept(out, _not_graded(lab, "", f"{notebook} is not in {where}.")))
    with scratch("graded") as place:
        work = place / "work"
        work.mkdir()
        try:
            collecting.take(source, work)
        except (collecting.Refused, OSError) as error:
            return Result(member, _kept(out, _not_graded(lab, "", f"The folder cannot be used: {error}.")))
        of = _of(work / notebook, lab)
        before = _before(out, lab)
        if before is not None and before.of == of and not again:
            return Result(member, before, kept=True)
        task = place / "task.json"
        Task(lab, str(work), notebook, of, str(out), limits.seconds, limits.memory).write(task)
        said = _examined(task, limits, running)
    if said:
        return Result(member, _kept(out, _not_graded(lab, "", f"Grading itself failed: {said}")))
    found = graded_in(out, lab)
    assert found is not None
    return Result(member, found)


def _before(out: Path, lab: str) -> Graded | None:
    try:
        return graded_in(out, lab)
    except BadRecord:
        return None


def _examined(task: Path, limits: Limits, running: _Running) -> str:
    """Run the examiner; what went wrong with itself, or nothing."""
    command = [*confined.hall(), sys.executable, "-P", "-m", "drydock.classroom.examiner", str(task)]
    environment = {**os.environ, "DRYDOCK_LABS": str(catalogue.directory())}
    with (task.parent / "examiner.log").open("w+b") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        running.processes.add(process)
        try:
            process.wait(limits.seconds + _AROUND)
        except subprocess.TimeoutExpired:
            return f"it had not ended after {limits.seconds + _AROUND:g} s"
        finally:
            process.kill()
            process.wait()
            running.processes.discard(process)
        if running.ending.is_set():
            raise CancelledError
        if process.returncode == 0:
            return ""
        log.seek(0)
        lines = log.read().decode(errors="replace").strip().splitlines()
    return lines[-1][:500] if lines else f"exit code {process.returncode}"


def _not_graded(lab: str, of: str, why: str) -> Graded:
    steps = {name: GradedStep(outcome="not graded", said=why) for name in catalogue.load(lab).steps}
    when = datetime.now(UTC).isoformat(timespec="seconds")
    return Graded(lab=lab, of=of, when=when, seconds=0.0, why=why, steps=steps)


def _kept(out: Path, graded: Graded) -> Graded:
    graded.write(out)
    return graded


def _of(notebook: Path, lab: str) -> str:
    """What a grade is of: this notebook and what else is in its folder, held against these checks."""
    digest = hashlib.sha256(catalogue.notebook(lab).with_name("checks.py").read_bytes())
    for path in sorted(notebook.parent.rglob("*")):
        if path.is_file():
            digest.update(str(path.relative_to(notebook.parent)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()

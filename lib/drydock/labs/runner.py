"""Labs run headless: papermill underneath, an executed notebook and a page as the report."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drydock import embedded
from drydock.embedded.instance import free_port
from drydock.labs import catalogue, kernel, page, parameters
from drydock.labs.lab import CLEAN_UP

_IDLE_EXIT = 300.0


@dataclass(frozen=True)
class Report:
    """What one run came to. `error` is the first line of what stopped it, or None."""

    lab: str
    passed: int
    steps: int
    seconds: float
    page: Path
    notebook: Path
    error: str | None
    step_seconds: dict[str, float]

    @property
    def ok(self) -> bool:
        return self.error is None and self.passed == self.steps


class Interrupted(SystemExit):
    """A signal asked this process to end; its code is 128 and the signal's number, as a shell has it."""


def run(
    name: str,
    *,
    out: Path,
    cloud: str | None = None,
    given: Mapping[str, Any] | None = None,
    keep_going: bool = False,
    progress_bar: bool = True,
) -> Report:
    """Run lab `name` headless and strict, its exercises solved unless `given` says solve=false.

    out         a folder; <lab>.ipynb, <lab>.html and <lab>.json (the state of every step) are written there.
    cloud       as for `drydock.connect`.
    given       other parameters of the notebook, as values or as text.
    keep_going  after a cell that fails go on with the next, so that every step has a result.

    A step that is not passed does not raise: it is in the report. Raises NoSuchLab, BadParameter.
    """
    lab = catalogue.full_name(name)
    source = catalogue.notebook(lab)
    wanted: dict[str, Any] = {"solve": True, **({"cloud": cloud} if cloud else {}), **(given or {})}
    values = parameters.typed(wanted, parameters.defaults(source))
    out = out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    executed = out / f"{lab}.ipynb"
    steps = [*catalogue.load(lab).steps, CLEAN_UP]
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="drydock-") as scratch:
        progress = Path(scratch) / "progress.json"
        settings = {
            "DRYDOCK_STRICT": "1",
            "DRYDOCK_PROGRESS": str(progress),
            "DRYDOCK_LABS": str(catalogue.directory()),
        }
        try:
            with environment(settings):
                error = _execute(source, executed, values, keep_going, progress_bar)
        finally:
            done = json.loads(progress.read_text()).get(lab, {}) if progress.exists() else {}
            _write_states(out / f"{lab}.json", steps, done)
    seconds = time.monotonic() - started
    report = out / f"{lab}.html"
    _write_page(executed, report, lab)
    return Report(
        lab,
        sum(1 for step in steps if done.get(step, {}).get("passed")),
        len(steps),
        seconds,
        report,
        executed,
        error,
        {step: record["seconds"] for step, record in done.items()},
    )


def record(report: Report) -> None:
    """Keep a passed run's time beside the lab, for its Time and cost."""
    measured = {"date": datetime.now(UTC).date().isoformat(), "seconds": round(report.seconds)}
    path = catalogue.notebook(report.lab).with_name("measured.json")
    path.write_text(json.dumps(measured, indent=1) + "\n")


@contextmanager
def ending_on_signals() -> Iterator[None]:
    """Turn SIGTERM, SIGINT and SIGHUP into Interrupted, once, so that every `finally` runs. Main thread only."""

    def end(number: int, _: object) -> None:
        for one in previous:
            signal.signal(one, signal.SIG_IGN)
        raise Interrupted(128 + number)

    previous = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    for one in previous:
        signal.signal(one, end)
    try:
        yield
    finally:
        for one, handler in previous.items():
            signal.signal(one, handler)


@contextmanager
def own_instance(*, keep: bool = False, seed: str | None = None) -> Iterator[embedded.Instance]:
    """An embedded AWS for this run alone: its own name, port and state folder, all gone at the end.

    With `keep` it is left running, in the state folder of the user's.
    Should this process be killed outright, the instance ends by itself after five minutes without a call.
    """
    name = f"labs-{os.getpid()}"
    settings = {"DRYDOCK_INSTANCE": name, "DRYDOCK_CLOUD": "embedded"}
    if keep:
        with environment(settings):
            yield _started(name, seed, None)
        return
    home = Path(tempfile.mkdtemp(prefix="drydock-labs-"))
    with environment({"DRYDOCK_HOME": str(home), **settings}):
        try:
            yield _started(name, seed, _IDLE_EXIT)
        finally:
            try:
                embedded.stop(name)
            finally:
                shutil.rmtree(home, ignore_errors=True)


def _started(name: str, seed: str | None, idle_exit: float | None) -> embedded.Instance:
    """Start it in a thread: a signal meanwhile waits, so that no process is left that nobody knows of."""
    started: list[embedded.Instance | BaseException] = []

    def start() -> None:
        try:
            started.append(embedded.start(name, port=free_port(), seed=seed, idle_exit=idle_exit))
        except BaseException as error:
            started.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    try:
        thread.join()
    finally:
        thread.join()
    if isinstance(started[0], BaseException):
        raise started[0]
    return started[0]


@contextmanager
def environment(settings: Mapping[str, str]) -> Iterator[None]:
    """These environment variables for the length of the block; kernels started in it have them."""
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _execute(source: Path, executed: Path, values: dict[str, Any], keep_going: bool, progress_bar: bool) -> str | None:
    """Run the notebook; the first line of the error that stopped it, or None.

    papermill runs in a thread: there it leaves this process's signal handlers alone.
    """
    failures: list[BaseException] = []

    def execute() -> None:
        import papermill
        from papermill.exceptions import PapermillExecutionError

        from drydock.labs import engine

        try:
            papermill.execute_notebook(
                source,
                executed,
                values,
                engine_name=engine.NAME,
                kernel_name="python3",
                language="python",
                progress_bar={"desc": source.parent.name, "leave": False} if progress_bar else False,
                cwd=source.parent,
                kernel_manager_class=kernel.OwnKernel,
                log_output=False,
                allow_errors=keep_going,
            )
        except PapermillExecutionError as error:
            failures.append(RuntimeError(f"cell {error.exec_count}: {error.ename}: {error.evalue}"))
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=execute, name="papermill", daemon=True)
    thread.start()
    try:
        thread.join()
    finally:
        kernel.end_all()
        thread.join(timeout=10)
    if not failures:
        return None
    failure = failures[0]
    first = str(failure).strip().splitlines()[0] if str(failure).strip() else ""
    return first if isinstance(failure, RuntimeError) else f"{type(failure).__name__}: {first}"


def _write_states(path: Path, steps: list[str], done: Mapping[str, Any]) -> None:
    """{step: "passed", "not passed" or "not reached"}, in the order of the lab."""
    states = {
        step: "not reached" if step not in done else "passed" if done[step]["passed"] else "not passed"
        for step in steps
    }
    path.write_text(json.dumps(states, indent=1) + "\n")


def _write_page(executed: Path, report: Path, lab: str) -> None:
    import nbformat

    if executed.exists():
        page.write(nbformat.read(executed, as_version=4), report, f"Drydock lab {lab}")

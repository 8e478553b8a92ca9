"""One notebook that was handed in, graded: `python -m drydock.classroom.examiner TASK`, in a hall of its own.

The notebook runs from top to bottom in a cell that is confined, on an AWS in another. Where it asks its lab for a check
ours is asked of that AWS. TASK is a file: see `Task`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import psutil
from jupyter_client.kernelspec import KernelSpec
from nbclient import NotebookClient

from drydock import embedded
from drydock.classroom import confined, stand_in
from drydock.classroom.records import Graded, GradedStep
from drydock.classroom.relay import Relay
from drydock.cloud import connect
from drydock.embedded.instance import free_port
from drydock.labs import Lab, catalogue
from drydock.labs.step import Kind, Step
from drydock.notebooks import parameters
from drydock.notebooks.environment import environment
from drydock.notebooks.kernel import OwnKernel
from drydock.notebooks.scratch import scratch

_OUTPUT = 2_000_000
"""Characters of output that are kept of a notebook, and as many again of errors."""
_ERROR = 20_000
"""Characters that are kept of an error, of each thing that it says."""
_LINES = 50
_NOTEBOOK = 20 * 1024 * 1024
"""Bytes of a notebook that is read: here, outside of the confinement."""
_AWS = 2 * 1024**3
"""Bytes that the AWS may hold, with the tasks and functions that it runs."""
_START = 60.0
_LOOK = 0.25
_OURS = "drydock-parameters"
"""The id of the cell that is put in."""


@dataclass(frozen=True)
class Task:
    """What is to be graded.

    folder      a copy of what was handed in, which the notebook may write into; notebook: its path in that.
    of          see `Graded`.
    out         where the record and the executed notebook go.
    seconds     our seconds that the notebook may take, and memory: bytes.
    """

    lab: str
    folder: str
    notebook: str
    of: str
    out: str
    seconds: float
    memory: int

    def write(self, file: Path) -> None:
        file.write_text(json.dumps(asdict(self)), encoding="utf-8")


def grade(task: Task) -> Graded:
    """Run the notebook and ask our checks. Never raises for what the notebook does."""
    begun = time.monotonic()
    steps = catalogue.load(task.lab).steps
    try:
        notebook = _readable(Path(task.folder) / task.notebook)
    except ValueError as error:
        why = f"{task.notebook} is no notebook that can be run: {error}"
        when = datetime.now(UTC).isoformat(timespec="seconds")
        left = {name: GradedStep(outcome="not graded", said=why) for name in steps}
        return Graded(lab=task.lab, of=task.of, when=when, seconds=0.0, why=why, steps=left)
    with (
        scratch("class") as place,
        environment({"DRYDOCK_HOME": str(place / "ours"), "DRYDOCK_PROGRESS": str(place / "ours" / "progress.json")}),
        _aws(place) as (instance, aws),
    ):
        cloud = connect("embedded", name=instance.name)
        relay = Relay(place / "lab.socket", Lab.open(task.lab, cloud=cloud, strict=False))
        run = _Run(task, place, instance, aws)
        run.execute(notebook)
        if not run.ended_early:
            for step in steps:
                if step not in relay.found:
                    run.asked_at_the_end.add(step)
                    relay.ask(step)
        relay.close()
    return Graded(
        lab=task.lab,
        of=task.of,
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - begun, 1),
        why=run.ended_early or (f"Set up failed: {relay.set_up_failed}" if relay.set_up_failed else ""),
        notes=run.notes,
        steps={name: _outcome(step, relay, run) for name, step in steps.items()},
    )


def _outcome(step: Step, relay: Relay, run: _Run) -> GradedStep:
    found = relay.found.get(step.name)
    if found is None:
        return GradedStep(outcome="not graded", said=run.ended_early)
    if found.passed:
        return GradedStep(outcome="passed", said=found.message)
    if step.name not in run.asked_at_the_end:
        return GradedStep(outcome="not passed", said=f"{found.state}: {found.message}")
    drill = step.kind is Kind.DRILL and step.name not in relay.broken
    missing = ["break_it"] * drill + ["check"]
    calls = " and ".join(f'lab.{name}("{step.name}")' for name in missing)
    reason = f"{calls} was not called: its cell is missing, was changed, or came after an error"
    return GradedStep(outcome="not graded", said=f"{reason}. At the end: {found.state}: {found.message}")


class _Run:
    """One run of the notebook. `ended_early`: why it did not come to its end; empty where it did."""

    def __init__(self, task: Task, place: Path, instance: embedded.Instance, aws: int) -> None:
        self.ended_early = ""
        self.asked_at_the_end: set[str] = set()
        self.notes: list[str] = []
        self._task = task
        self._place = place
        self._instance = instance
        self._aws = aws
        self._now = 0

    def execute(self, notebook: Any) -> None:
        """Run it, and write what became of it to the folder of the task."""
        task = self._task
        ours = nbformat.read(catalogue.notebook(task.lab), as_version=4)
        self.notes += _changed(ours, notebook)
        _as_we_want_it(notebook, parameters.defaults(catalogue.notebook(task.lab)))
        kernel = self._kernel()
        client = _Client(notebook, km=kernel, allow_errors=True, timeout=None, store_widget_state=False)
        client.on_cell_start = self._on_cell
        over = threading.Event()
        threading.Thread(target=self._watch, args=(kernel, over), daemon=True).start()
        try:
            client.execute(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except Exception as error:  # the kernel ended, or what is in a cell cannot be sent to one
            said = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:300]}"
            self.ended_early = self.ended_early or f"It could not be run on, in code cell {self._now}: {said}"
        finally:
            over.set()
            kernel.end()
        self.notes += _errors(notebook)
        nbformat.write(notebook, Path(task.out) / f"{task.lab}.ipynb")

    def _on_cell(self, cell: Any, cell_index: int) -> None:
        self._now += cell.cell_type == "code" and cell.get("id") != _OURS

    def _watch(self, kernel: _ConfinedKernel, over: threading.Event) -> None:
        """End the kernel where it takes more than it may."""
        task, begun = self._task, time.monotonic()
        while not over.wait(_LOOK):
            if time.monotonic() - begun > task.seconds:
                self.ended_early = f"Over time: stopped after {task.seconds:g} s, in code cell {self._now}."
            elif _memory(getattr(kernel.provisioner, "pid", None)) > task.memory:
                limit = task.memory // 1024**2
                self.ended_early = f"Over memory: stopped with more than {limit} MiB, in code cell {self._now}."
            elif _memory(self._aws) > _AWS:
                self.ended_early = (
                    f"Over memory: stopped with more than {_AWS // 1024**2} MiB in the AWS with its tasks and "
                    f"functions, in code cell {self._now}."
                )
                psutil.Process(self._aws).kill()
            else:
                continue
            kernel.end()
            return

    def _kernel(self) -> _ConfinedKernel:
        task, instance, place = self._task, self._instance, self._place
        home, theirs, built, socket = (place / name for name in ("ours", "theirs", "ours/images", "lab.socket"))
        theirs.mkdir()
        built.mkdir(exist_ok=True)
        seen = [*(instance.directory / name for name in ("state.json", "daemon.lock")), socket]
        return _ConfinedKernel(
            {
                "DRYDOCK_HOME": str(home),
                "DRYDOCK_CLOUD": "embedded",
                "DRYDOCK_INSTANCE": instance.name,
                "DRYDOCK_STRICT": "1",
                "IPYTHONDIR": str(home / "ipython"),
                stand_in.LAB: task.lab,
                stand_in.SERVICES: str(catalogue.directory() / "services"),
                stand_in.SOCKET: str(socket),
            },
            writes={home: theirs, built: built, Path(task.folder): Path(task.folder)},
            reads={path: path for path in seen},
            cwd=(Path(task.folder) / task.notebook).parent,
            memory=task.memory,
        )


class _ConfinedKernel(OwnKernel):
    """The kernel of `stand_in`, confined."""

    def __init__(
        self, settings: dict[str, str], *, writes: dict[Path, Path], reads: dict[Path, Path], cwd: Path, memory: int
    ) -> None:
        super().__init__()
        sockets = self._folder.path
        self._command = confined.cell(
            settings,
            writes={**writes, sockets: sockets},
            reads=reads,
            labs=catalogue.directory(),
            cwd=cwd,
            memory=memory,
        )

    @property
    def kernel_spec(self) -> KernelSpec:
        module = [sys.executable, "-m", "drydock.classroom.stand_in", "-f", "{connection_file}"]
        return KernelSpec(argv=[*self._command, *module], display_name="Graded", language="python")


class _Client(NotebookClient):
    """Keeps so much of what a notebook says, and no more."""

    _said = 0
    _errors = 0

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        if msg["msg_type"] == "error":
            said = msg["content"]
            texts = {"ename": said.get("ename"), "evalue": said.get("evalue")}
            trace = [str(line)[:_ERROR] for line in said.get("traceback") or ()][:_LINES]
            msg = {**msg, "content": {**{name: str(text)[:_ERROR] for name, text in texts.items()}, "traceback": trace}}
            self._errors += len(str(msg["content"]))
            if self._errors > _OUTPUT:
                return None
        elif msg["msg_type"] not in ("status", "execute_input"):
            self._said += len(str(msg["content"]))
            if self._said > _OUTPUT:
                return None
        return super().process_message(msg, cell, cell_index)


@contextmanager
def _aws(place: Path) -> Iterator[tuple[embedded.Instance, int]]:
    """An embedded AWS in a cell of its own, and the id of its first process: what its tasks and functions run is the
    learner's, too."""
    name, port = "graded", free_port()
    home = place / "ours"
    directory = home / "instances" / name
    directory.mkdir(parents=True, mode=0o700)
    temporary = place / "aws"
    temporary.mkdir()
    command = confined.cell(
        {"DRYDOCK_HOME": str(home)},
        writes={temporary: temporary, directory: directory},
        labs=catalogue.directory(),
    )
    daemon = [sys.executable, "-m", "drydock.embedded.daemon", "--directory", str(directory), "--port", str(port)]
    with (place / "aws.log").open("wb") as log:
        process = subprocess.Popen([*command, *daemon], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        until = time.monotonic() + _START
        while (instance := embedded.find(name)) is None:
            if process.poll() is not None or time.monotonic() > until:
                raise embedded.NotStarted(
                    f"The AWS to grade on did not start: {(place / 'aws.log').read_text()[-2000:]}"
                )
            time.sleep(0.05)
        yield instance, process.pid
    finally:
        process.kill()
        process.wait()


def _readable(file: Path) -> Any:
    """The notebook in a file. ValueError where it is none."""
    if file.stat().st_size > _NOTEBOOK:
        raise ValueError(f"it has more than {_NOTEBOOK // 1024**2} MiB; clear its outputs")
    try:
        notebook = nbformat.reads(file.read_text(encoding="utf-8"), as_version=4)
        nbformat.validate(notebook, relax_add_props=True)
    except Exception as error:  # whatever nbformat makes of it
        raise ValueError(f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:300]}") from None
    if (language := notebook.metadata.get("language_info", {}).get("name", "python")) != "python":
        raise ValueError(f"it is one of {language[:40]!r}, and only Python's are")
    return notebook


def _as_we_want_it(notebook: Any, defaults: dict[str, Any]) -> None:
    """No outputs of earlier runs, and after its parameters ours."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    source = "\n".join(f"{name} = {value!r}" for name, value in defaults.items())
    tagged = [place for place, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", ())]
    ours = nbformat.v4.new_code_cell(source, id=_OURS, metadata={"tags": ["injected-parameters"]})
    notebook.cells.insert(tagged[0] + 1 if tagged else 0, ours)


def _changed(ours: Any, theirs: Any) -> list[str]:
    """Which of our cells that ask for a check or break something are not as they were handed out."""
    sources = {_bare(cell.source) for cell in theirs.cells if cell.cell_type == "code"}
    by_id = {cell.get("id"): cell.source for cell in theirs.cells}
    notes = []
    for cell in ours.cells:
        call = _bare(cell.source)
        if cell.cell_type != "code" or not call.startswith(("lab.check(", "lab.break_it(")) or call in sources:
            continue
        now = by_id.get(cell.get("id"))
        said = "is not there" if now is None else f"was changed, to: {' '.join(now.split())[:120]!r}"
        notes.append(f"The cell {call} {said}.")
    return notes


def _bare(source: str) -> str:
    return "\n".join(line.strip() for line in source.splitlines() if line.strip())


def _errors(notebook: Any) -> list[str]:
    """The first error of a cell, and how many there were."""
    theirs = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.get("id") != _OURS]
    found = [
        (number, output)
        for number, cell in enumerate(theirs, 1)
        for output in cell.outputs
        if output.output_type == "error"
    ]
    if not found:
        return []
    number, first = found[0]
    more = f", and {len(found) - 1} more cells" if len(found) > 1 else ""
    text = " ".join(str(first.evalue).split())[:200]
    return [f"Code cell {number} raised {first.ename}: {text}{more}."]


def _memory(pid: int | None) -> int:
    """Bytes that a process and all that it has started hold."""
    if pid is None:
        return 0
    total = 0
    with suppress(psutil.NoSuchProcess):
        for one in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                total += one.memory_info().rss
    return total


def main() -> None:
    """Grade the task in the file that is named, and write the record."""
    task = Task(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    os.chdir("/")
    grade(task).write(Path(task.out))


if __name__ == "__main__":
    main()

"""Re-run notebooks and write them back normalised: `python -m drydock.notebooks.normalise labs`.

Each runs as it is committed. One that has the parameter `cloud` gets an embedded AWS of its own with a fixed seed,
and its exercises are solved by the reference solutions, as later cells need what they leave. Any other is written
as a reader meets it: without an AWS, its questions open. Times, counters and widget state are taken out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import nbformat

from drydock.notebooks import kernel, parameters
from drydock.notebooks.environment import environment
from drydock.notebooks.instances import own_home, own_instance
from drydock.notebooks.scratch import scratch
from drydock.notebooks.signals import ending_on_signals

SEED = "drydock"


def rerun(notebook: Path) -> Any:
    """Run the notebook and return it, normalised. Raises nbclient's CellExecutionError when a cell fails."""
    from nbclient import NotebookClient

    node = nbformat.read(notebook, as_version=4)
    with scratch("records") as records, as_committed(notebook, records):
        try:
            NotebookClient(
                node,
                timeout=300,
                kernel_name="python3",
                kernel_manager_class=kernel.OwnKernel,
                store_widget_state=False,
                shutdown_kernel="immediate",
                resources={"metadata": {"path": str(notebook.parent)}},
            ).execute()
        finally:
            kernel.end_all()
    return normalised(node)


@contextmanager
def as_committed(notebook: Path, scratch: Path, profile: str | None = None) -> Iterator[None]:
    """What a run of this notebook needs for its outputs to be the committed ones. `scratch` takes what it records.

    `profile`: that of its embedded AWS, where it has one; what a lab says of it is in the outputs.
    """
    records = {"DRYDOCK_PROGRESS": str(scratch / "progress.json"), "DRYDOCK_PREP": str(scratch / "cards.json")}
    settings = {"DRYDOCK_STRICT": "1", **records}
    given = parameters.defaults(notebook)
    if "cloud" not in given:
        own = own_home("records") if "instance" in given else nullcontext()
        with own, environment({**settings, "DRYDOCK_SOLVE": ""}):
            yield
        return
    with environment({**settings, "DRYDOCK_SOLVE": "1"}), own_instance(seed=SEED, profile=profile):
        yield


def normalised(node: Any) -> Any:
    """The notebook with counters in order and nothing of the run but its outputs. Changes `node`."""
    node.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    count = 0
    for cell in node.cells:
        kept = {"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {}
        cell.metadata = kept
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
                output.metadata = {}
        cell.outputs = _joined(cell.outputs)
    return node


def _joined(outputs: list[Any]) -> list[Any]:
    """Neighbouring pieces of one stream as one: how they were cut is chance."""
    joined: list[Any] = []
    for output in outputs:
        before = joined[-1] if joined else None
        if before is not None and output.output_type == before.output_type == "stream" and output.name == before.name:
            before.text += output.text
        else:
            joined.append(output)
    return joined


def main(folders: list[str]) -> None:
    """Re-run every notebook in `folders`, or given by name."""
    paths = [Path(folder) for folder in folders]
    found = [n for path in paths for n in (sorted(path.rglob("*.ipynb")) if path.is_dir() else [path])]
    with ending_on_signals():
        for notebook in found:
            if ".ipynb_checkpoints" not in notebook.parts:
                node = rerun(notebook)
                nbformat.write(node, notebook)
                print(notebook)


if __name__ == "__main__":
    main(sys.argv[1:] or ["labs"])

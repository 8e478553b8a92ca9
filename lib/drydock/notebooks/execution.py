"""A notebook run headless: papermill underneath, in a kernel that is this interpreter."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from drydock.notebooks import kernel

OnCell = Callable[[int, int, str], None]


def execute(
    source: Path,
    executed: Path,
    values: Mapping[str, Any],
    *,
    cwd: Path | None = None,
    keep_going: bool = False,
    progress_bar: str = "",
    on_cell: OnCell | None = None,
) -> str | None:
    """Run `source` with these parameters and write it to `executed`; the first line of what stopped it, or None.

    cwd           where its kernel runs; by default the notebook's own folder.
    keep_going    after a cell that fails go on with the next.
    progress_bar  its label; none is shown where that is empty.
    on_cell       told of each cell before it runs: its place, how many there are, and the heading that it stands under.
                  It is called in another thread.

    papermill runs in a thread: there it leaves this process's signal handlers alone.
    """
    failures: list[BaseException] = []

    def run() -> None:
        import papermill
        from papermill.exceptions import PapermillExecutionError

        from drydock.notebooks import engine

        hooks = {} if on_cell is None else {"on_cell_start": _telling(source, on_cell)}
        try:
            papermill.execute_notebook(
                source,
                executed,
                dict(values),
                engine_name=engine.NAME,
                kernel_name="python3",
                language="python",
                progress_bar={"desc": progress_bar, "leave": False} if progress_bar else False,
                cwd=cwd or source.parent,
                kernel_manager_class=kernel.OwnKernel,
                log_output=False,
                allow_errors=keep_going,
                **hooks,
                shutdown_kernel="immediate",  # a graceful end interrupts it first, which it may say on our screen
            )
        except PapermillExecutionError as error:
            failures.append(RuntimeError(f"cell {error.exec_count}: {error.ename}: {error.evalue}"))
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run, name="papermill", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(timeout=0.5)  # one without a limit can sleep through a signal
    except BaseException:
        logging.disable()  # nbclient would call it a failure that its kernel dies now
        raise
    finally:
        kernel.end_all()
        thread.join(timeout=10)
        if not thread.is_alive():  # one that is slow to see it would still say so
            gc.collect()  # and asyncio of what nobody waits for any more, when that goes
            logging.disable(logging.NOTSET)
    if not failures:
        return None
    failure = failures[0]
    first = str(failure).strip().splitlines()[0] if str(failure).strip() else ""
    return first if isinstance(failure, RuntimeError) else f"{type(failure).__name__}: {first}"


def _telling(source: Path, on_cell: OnCell) -> Callable[..., None]:
    """nbclient's hook `on_cell_start`, for a notebook of which papermill has put in one cell more."""
    import nbformat

    heading = ""
    headings = []
    for cell in nbformat.read(source, as_version=4).cells:
        lines = str(cell.source).splitlines() if cell.cell_type == "markdown" else []
        heading = next((line.lstrip("# ") for line in reversed(lines) if line.startswith("#")), heading)
        headings.append((cell.get("id"), heading))
    known, last = dict(headings), headings[0][1] if headings else ""

    def started(cell: Any, cell_index: int) -> None:
        nonlocal last
        last = known.get(cell.get("id"), last)
        on_cell(cell_index + 1, len(headings) + 1, last)

    return started

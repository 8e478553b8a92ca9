"""A notebook run by papermill with its cells in this process: a tenth of the time that a kernel of its own takes."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import papermill
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from nbformat.v4 import new_output
from papermill.engines import Engine, papermill_engines
from papermill.exceptions import PapermillExecutionError

from drydock.notebooks import parameters

NAME = "in this process"


class _Kept(DisplayHook):
    """What a cell ends with is an output like what it displays."""

    def __call__(self, result: Any = None) -> None:
        if result is not None and not self.quiet():
            data, metadata = self.shell.display_formatter.format(result)
            if data:
                self.shell.display_pub.publish(data, metadata)


class Inline(Engine):  # type: ignore[misc]
    """Runs each code cell in a shell that is new for the notebook; the first that fails is the last that runs."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **given: Any) -> None:
        InteractiveShell.clear_instance()
        shell = InteractiveShell.instance(
            user_ns={}, displayhook_class=_Kept, display_pub_class=CapturingDisplayPublisher
        )
        shell.history_manager.enabled = False
        shell.display_formatter.active_types = list(shell.display_formatter.formatters)
        try:
            for index, cell in enumerate(nb_man.nb.cells):
                if cell.cell_type == "code" and not cls._runs(shell, nb_man, cell, index):
                    return
        finally:
            InteractiveShell.clear_instance()

    @staticmethod
    def _runs(shell: InteractiveShell, nb_man: Any, cell: Any, index: int) -> bool:
        nb_man.cell_start(cell, index)
        shell.display_pub.outputs.clear()
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            done = shell.run_cell(cell.source)
        cell.execution_count = index + 1
        cell.outputs = [
            *([new_output("stream", name="stdout", text=printed.getvalue())] if printed.getvalue() else []),
            *(
                new_output("display_data", data=one["data"], metadata=one["metadata"])
                for one in shell.display_pub.outputs
            ),
        ]
        error = done.error_before_exec or done.error_in_exec
        if error is not None:
            cell.outputs = [new_output("error", ename=type(error).__name__, evalue=str(error), traceback=[])]
            nb_man.cell_exception(cell, index)
            return False
        nb_man.cell_complete(cell, index)
        return True


papermill_engines.register(NAME, Inline)


def run_here(notebook: Path, executed: Path, given: Mapping[str, Any]) -> str | None:
    """Run `notebook` with these parameters, nobody attending; the text of the error that ended it, or None.

    Raises BadParameter before anything runs.
    """
    values = parameters.typed(given, parameters.defaults(notebook))
    try:
        with contextlib.chdir(notebook.parent):
            papermill.execute_notebook(
                notebook,
                executed,
                values,
                engine_name=NAME,
                kernel_name="python3",
                language="python",
                progress_bar=False,
            )
    except PapermillExecutionError as error:
        return f"{error.ename}: {error.evalue}"
    return None

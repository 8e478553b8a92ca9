"""Whether somebody is there to look at a cell's output and to use what it shows."""

from __future__ import annotations

import os

from IPython.core.getipython import get_ipython


def attended() -> bool:
    """Whether the running cell came from a front end with somebody before it: JupyterLab, VS Code.

    Such a front end says with each cell that the cell may ask for input; papermill, nbclient, nbconvert and nbval
    say that it may not (`allow_stdin` of Jupyter's execute_request). DRYDOCK_STRICT=1 means that nobody is there.
    """
    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is None or os.environ.get("DRYDOCK_STRICT") == "1":
        return False
    return bool(kernel.get_parent("shell").get("content", {}).get("allow_stdin", False))

"""Which operations a notebook's kernel calls, noted from outside: the notebook and Drydock know nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drydock.notebooks.environment import environment

_STARTUP = """
def _note():
    import os
    from botocore.client import BaseClient

    leaves, seen = BaseClient._make_api_call, set()

    def noted(self, operation, params):
        call = f"{self.meta.service_model.signing_name}:{operation}"
        if call not in seen:
            seen.add(call)
            with open(os.environ["NOTED_CALLS"], "a") as file:
                file.write(call + "\\n")
        return leaves(self, operation, params)

    BaseClient._make_api_call = noted


_note()
del _note
"""


@contextmanager
def noted(scratch: Path) -> Iterator[set[str]]:
    """Kernels started in the block note what they call; afterwards the set has `<signing name>:<operation>` of each."""
    startup = scratch / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "note_calls.py").write_text(_STARTUP)
    file = scratch / "calls"
    file.touch()
    found: set[str] = set()
    with environment({"IPYTHONDIR": str(scratch / "ipython"), "NOTED_CALLS": str(file)}):
        yield found
    found.update(file.read_text().split())
    file.unlink()

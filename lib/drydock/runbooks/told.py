"""Errors for whoever runs a runbook: their text says what is so and what to do, and a traceback would hide it."""

from __future__ import annotations


class Told(RuntimeError):
    """Shown in a notebook by its text alone."""

    def _render_traceback_(self) -> list[str]:
        """IPython asks for this in place of the traceback."""
        return [f"{type(self).__name__}: {self}"]

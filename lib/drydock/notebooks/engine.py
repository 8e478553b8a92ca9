"""papermill's engine, made to write a notebook that runs once a second and at its end.

papermill's own writes the whole file twice for each cell, prose included: a third of a lab's time.
"""

from __future__ import annotations

from typing import Any

from papermill.engines import NBClientEngine, papermill_engines

EVERY = 1.0
"""Our seconds between two writes of the notebook while it runs."""


class SavesNowAndThen(NBClientEngine):  # type: ignore[misc]
    """nbclient, with fewer writes of the notebook. Its end is written by papermill, come what may."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **given: Any) -> Any:
        save = nb_man.save

        def save_if_due(**_: Any) -> None:
            if (nb_man.now() - nb_man.last_save_time).total_seconds() >= EVERY:
                save()

        nb_man.save = save_if_due
        try:
            return super().execute_managed_notebook(nb_man, kernel_name, **given)
        finally:
            nb_man.save = save


NAME = "drydock"
papermill_engines.register(NAME, SavesNowAndThen)

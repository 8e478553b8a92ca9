"""AWS FIS: moto's experiment templates, held against what is done here, and experiments that run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

from drydock.embedded.core import seams
from drydock.embedded.core.services import Service

if TYPE_CHECKING:
    from .experiments import Experiments


class FIS(Service):
    name = "fis"
    passing = frozenset({"StartExperiment", "StopExperiment"})  # experiments are kept beside the journal
    experiments: Experiments

    def install(self) -> None:
        """Refuse templates that ask for what is not done; let experiments run in the host's loop."""
        from moto.fis import models
        from moto.fis.responses import FISResponse

        from . import operations
        from .experiments import Experiments

        self.experiments = Experiments(self.host)
        for name, function in operations.of(self.experiments).items():
            setattr(FISResponse, name, function)
        seams.replace(models, mock_random=SimpleNamespace(uuid4=lambda: operations.identifier("EXT")))
        seams.replace(models.FISBackend, **operations.checked(models.FISBackend))
        self.host.every_tick(self.name, self.experiments.tick, patient=True)

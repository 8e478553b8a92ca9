"""Application Auto Scaling: services of ECS follow their load, by policies that alarms call, and by schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drydock.embedded.core import seams
from drydock.embedded.core.services import Service

if TYPE_CHECKING:
    from .controller import Controller


class ApplicationAutoScaling(Service):
    name = "applicationautoscaling"
    controller: Controller

    def install(self) -> None:
        """Put our operations and our state in place of moto's, and let the loop scale."""
        from moto.applicationautoscaling.models import applicationautoscaling_backends
        from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse

        from .controller import Controller
        from .operations import OPERATIONS
        from .state import Scaling
        from .store import Store

        store = Store(self.host.data)
        self.controller = Controller(self.host, store)
        state = {"host": self.host, "store": store, "controller": self.controller}
        seams.stand_in(applicationautoscaling_backends, Scaling, **state)
        for name, action in OPERATIONS.items():
            setattr(ApplicationAutoScalingResponse, name, action)
        if not seams.replaying():
            self.restored()
        self.host.every_tick(self.name, self.controller.tick, patient=True)

    def restored(self) -> None:
        """Cool-downs, and when scheduled actions are due."""
        self.controller.restored()

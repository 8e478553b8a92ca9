"""EventBridge: moto's, but rules do not stand in each other's way, and one with a schedule alone matches no event."""

from __future__ import annotations

from copy import copy
from typing import Any

from drydock.embedded.core import seams
from drydock.embedded.core.faults import Faults
from drydock.embedded.core.services import Service


class Events(Service):
    name = "events"

    def install(self) -> None:
        """Deliver to each target by itself: one that is gone, or is of a kind without delivery, is logged."""
        from moto.events import models

        rule: Any = models.Rule
        first = seams.original(rule, "send_to_targets")
        faults = Faults("delivering an event to")

        def send_to_targets(self: Any, original_event: Any, transform_input: bool = True) -> None:
            if not self.event_pattern.get_pattern() or self.state == "DISABLED":
                return
            for target in list(self.targets):
                alone = copy(self)
                alone.targets = [target]
                with faults(f"{target['Arn']}, a target of {self.arn},"):
                    first(alone, original_event, transform_input)

        rule.send_to_targets = send_to_targets

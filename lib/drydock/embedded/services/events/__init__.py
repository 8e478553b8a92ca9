"""EventBridge: moto's, but rules do not stand in each other's way, tasks are run, and schedules fire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drydock.embedded.core import seams
from drydock.embedded.core.faults import Faults
from drydock.embedded.core.services import Service
from drydock.policy.lifespans import Lifespan, Setting, both, items, members

if TYPE_CHECKING:
    from .controller import Controller


class Events(Service):
    name = "events"
    lifespan = Lifespan(
        begins="PutRule",
        ends="DeleteRule",
        within=frozenset({"EnableRule", "DisableRule"}),
        named_in=("Name", "Rule"),
        name="(?!Events-Archive-)(.+)",  # those of archives are made with them
        again=True,
        apart=frozenset({"EventBusName"}),
        settings={
            "PutRule": Setting(both(members("", {"Name", "Tags"}, set()), items("tag", "Tags", "Key"))),
            "PutTargets": Setting(items("target", "Targets", "Id")),
            "RemoveTargets": Setting(items("target", "Ids"), clears=True),
        },
    )
    controller: Controller

    def install(self) -> None:
        """Deliver to each target by itself: one that is gone, or is of a kind without delivery, is logged."""
        from moto.events import models
        from moto.events.exceptions import ValidationException

        from drydock.policy.schedules import read

        from . import delivery
        from .controller import Controller

        rule: Any = models.Rule
        backend: Any = models.EventsBackend
        rule.first = seams.original(rule, "send_to_targets")
        put_rule = seams.original(backend, "put_rule")
        faults = Faults("delivering an event to")
        host = self.host

        def send_to_targets(self: Any, original_event: Any, transform_input: bool = True) -> None:
            pattern = self.event_pattern
            if not pattern.get_pattern() or self.state == "DISABLED" or not pattern.matches_event(original_event):
                return
            for target in list(self.targets):
                with faults(f"{target['Arn']}, a target of {self.arn},"):
                    delivery.deliver(host, self, target, original_event, transform_input)

        def put_rule_with_a_schedule(self: Any, *given: Any, **named: Any) -> Any:
            expression = named.get("scheduled_expression")
            if expression:
                try:
                    read(expression)
                except ValueError:
                    raise ValidationException("Parameter ScheduleExpression is not valid.") from None
            return put_rule(self, *given, **named)

        rule.send_to_targets = send_to_targets
        backend.put_rule = put_rule_with_a_schedule
        self.controller = Controller(host)
        if not seams.replaying():
            self.restored()
        host.every_tick(self.name, self.controller.tick)

    def restored(self) -> None:
        """When the rules are due."""
        self.controller.restored()

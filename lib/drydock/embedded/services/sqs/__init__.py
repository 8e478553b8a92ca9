"""SQS: moto's queues, with their messages in the data file, and a long poll that lets everyone else go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drydock.embedded.core import seams
from drydock.embedded.core.services import Service
from drydock.policy.lifespans import Lifespan, Setting, items

if TYPE_CHECKING:
    from .state import Queues


class SQS(Service):
    name = "sqs"
    in_data = frozenset({
        "SendMessage", "SendMessageBatch", "ReceiveMessage", "DeleteMessage", "DeleteMessageBatch",
        "ChangeMessageVisibility", "ChangeMessageVisibilityBatch", "PurgeQueue",
    })  # fmt: skip
    lifespan = Lifespan(
        begins="CreateQueue",
        ends="DeleteQueue",
        within=frozenset({"AddPermission", "RemovePermission"}),
        named_in=("QueueName", "QueueUrl"),
        name="(?:.*/)?([^/]+)",
        again=True,
        settings={
            "SetQueueAttributes": Setting(items("attribute", "Attributes")),
            "TagQueue": Setting(items("tag", "Tags")),
            "UntagQueue": Setting(items("tag", "TagKeys"), clears=True),
        },
    )
    queues: Queues

    def install(self) -> None:
        """Put the data file under moto's queues; those that wait in ReceiveMessage hold up nobody."""
        from moto.sqs.models import SQSBackend

        from . import state

        self.queues = SQSBackend.kept = state.install(self.host)  # type: ignore[attr-defined]
        if not seams.replaying():
            self.restored()

    def restored(self) -> None:
        """Forget messages of queues that the journal does not know."""
        self.queues.restore()

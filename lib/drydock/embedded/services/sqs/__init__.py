"""SQS: moto's queues, with their messages in the data file, and a long poll that lets everyone else go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drydock.embedded.core import seams

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host


def install(host: Host) -> None:
    """Put the data file under moto's queues; those that wait in ReceiveMessage do so without the host's lock."""
    from moto.sqs.models import SQSBackend

    from . import queues

    SQSBackend.kept = queues.install(host)  # type: ignore[attr-defined]
    if not seams.replaying():
        restored(host)


def restored(_host: Host) -> None:
    """Forget messages of queues that the journal does not know."""
    from moto.sqs.models import SQSBackend

    SQSBackend.kept.restore()  # type: ignore[attr-defined]

"""SQS: moto's, but a long poll lets everyone else go on."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drydock.embedded.host import Host

_LOOK_EVERY = 0.05


def install(host: Host) -> None:
    """Let ReceiveMessage wait without the lock: moto would hold up every other call for up to 20 s."""
    from moto.sqs.models import SQSBackend

    from drydock.embedded import seams

    waiting = threading.Condition(host.lock)
    receive = getattr(SQSBackend.receive_message, "moto", SQSBackend.receive_message)
    waiters = 0

    def receive_message(self: Any, queue_name: str, count: int, wait: int, *rest: Any, **named: Any) -> list[Any]:
        nonlocal waiters
        deadline = time.monotonic() + wait
        while True:
            host.app.reseed()
            found = receive(self, queue_name, count, 0, *rest, **named)
            left = deadline - time.monotonic()
            if found or left <= 0 or host.closing or seams.replaying():
                return found
            waiters += 1
            waiting.wait(min(_LOOK_EVERY * (1 + waiters / 10), left))  # many look less often: others want the lock
            waiters -= 1

    receive_message.moto = receive  # type: ignore[attr-defined]
    SQSBackend.receive_message = receive_message

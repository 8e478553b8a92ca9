"""Functions that hooks of deployments call, beside the turns of the engine.

Each call has a thread of its own, which waits as long as the function runs. What it came to is taken in a later turn; a
call that the end of the process cuts short is made again after the next start, because its hook is still open.
"""

from __future__ import annotations

import json
import logging
import threading

from botocore.exceptions import ClientError

from drydock.embedded.core.host import Host
from drydock.embedded.services.ecs.records import Document
from drydock.policy.ecs import hooks
from drydock.policy.ecs.hooks import Answer

log = logging.getLogger(__name__)


class Calls:
    """The calls of a host's hooks, by the id of the hook."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._answers: dict[str, Answer | None] = {}
        """None while the function runs."""

    def is_under_way(self, identity: str) -> bool:
        """Whether a function was called, and its answer was not taken yet."""
        return identity in self._answers

    def begin(self, identity: str, target: str, payload: Document) -> None:
        """Call a function."""
        self._answers[identity] = None
        threading.Thread(
            target=self._call, args=(identity, target, json.dumps(payload)), name="drydock-hook", daemon=True
        ).start()

    def take(self, identity: str) -> Answer | None:
        """What a function has answered, once; None while it runs, and while the cloud ends."""
        if self._host.closing or self._answers.get(identity) is None:
            return None
        return self._answers.pop(identity)

    def forget(self, identity: str) -> None:
        """Nobody wants the answer any more."""
        self._answers.pop(identity, None)

    def _call(self, identity: str, target: str, payload: str) -> None:
        try:
            answer = hooks.read(target, self._invoke(target, payload))
        except ClientError as refused:
            answer = hooks.not_invoked(target, str(refused.response["Error"]["Message"]).rstrip("."))
        except Exception as error:
            log.exception("a lifecycle hook could not be called")
            answer = hooks.not_invoked(target, f"{type(error).__name__}: {error}")
        if identity in self._answers:  # it may have been given up
            self._answers[identity] = answer
        self._host.poke()

    def _invoke(self, target: str, payload: str) -> bytes:
        region = target.split(":")[3]
        answer: str = self._host.client("lambda", region).invoke(FunctionName=target, Payload=payload)["Payload"]
        return answer.encode()

"""SNS: moto's. A message is sent once, and not again when the account is brought back; to HTTP endpoints beside the
call that publishes it."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

from drydock.embedded.core import seams
from drydock.embedded.core.services import Service
from drydock.policy.lifespans import Lifespan, Setting, items

log = logging.getLogger(__name__)

_TRIES, _PATIENCE = 3, 15.0
"""AWS tries three times more at once, and waits 15 seconds for an answer (documented)."""


class SNS(Service):
    name = "sns"
    passing = frozenset({"Publish", "PublishBatch"})
    lifespan = Lifespan(
        begins="CreateTopic",
        ends="DeleteTopic",
        within=frozenset({"AddPermission", "RemovePermission"}),
        named_in=("Name", "TopicArn", "ResourceArn"),
        name="(?:arn:.*:)?([^:]+)",
        again=True,
        settings={
            "TagResource": Setting(items("tag", "Tags", "Key")),
            "UntagResource": Setting(items("tag", "TagKeys"), clears=True),
        },
    )

    def install(self) -> None:
        """Nothing waits for an endpoint: messages to it are sent by others, with AWS's headers."""
        from moto.sns import models

        host = self.host

        def post(url: str, json: dict[str, Any], **_: Any) -> None:
            if not seams.replaying():
                host.pool.submit(_send, url, json)

        seams.replace(models, requests=SimpleNamespace(post=post))


def _send(url: str, message: dict[str, Any]) -> None:
    import urllib3

    headers = {
        "Content-Type": "text/plain; charset=UTF-8",
        "User-Agent": "Amazon Simple Notification Service Agent",
        "x-amz-sns-message-type": message["Type"],
        "x-amz-sns-message-id": message["MessageId"],
        "x-amz-sns-topic-arn": message["TopicArn"],
    }
    retries = urllib3.Retry(total=_TRIES, status_forcelist=range(500, 600), allowed_methods=None, raise_on_status=False)
    try:
        answer = urllib3.request("POST", url, json=message, headers=headers, timeout=_PATIENCE, retries=retries)
        if answer.status >= 300:
            log.warning("%s answered a notification with %s", url, answer.status)
    except urllib3.exceptions.HTTPError as error:
        log.warning("a notification did not reach %s: %s", url, error)

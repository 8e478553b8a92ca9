"""SNS: moto's. A message is sent once, and not again when the account is brought back; to HTTP endpoints and functions
beside the call that publishes it."""

from __future__ import annotations

import json
import logging
from types import SimpleNamespace
from typing import Any

from drydock.embedded.core import seams
from drydock.embedded.core.faults import Faults
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

        publish, faults = seams.original(models.Subscription, "publish"), Faults("sending a notification to")

        def published(subscription: Any, message: str, message_id: str, **about: Any) -> None:
            if subscription.protocol != "lambda":
                publish(subscription, message, message_id, **about)
                return
            matcher, attributes = subscription._filter_policy_matcher, about.get("message_attributes")
            if matcher is not None and not matcher.matches(attributes, message):
                return
            if about.get("message_structure") == "json":
                message = subscription._parse_message_structure(message, subscription.protocol)
            told = subscription.get_post_data(message, message_id, about.get("subject"), attributes)
            with faults(subscription.endpoint):
                host.client("lambda", subscription.endpoint.split(":")[3], derived=True).invoke(
                    FunctionName=subscription.endpoint, InvocationType="Event", Payload=_event(subscription.arn, told)
                )

        seams.replace(models, requests=SimpleNamespace(post=post))
        seams.replace(models.Subscription, publish=published)


def _event(subscription: str, told: dict[str, Any]) -> str:
    """What a function gets of a message, by the message as an endpoint gets it."""
    record = {
        **{key: value for key, value in told.items() if not key.endswith("URL")},
        "SigningCertUrl": told["SigningCertURL"],
        "UnsubscribeUrl": told["UnsubscribeURL"],
        "Subject": told.get("Subject"),
        "MessageAttributes": told.get("MessageAttributes") or {},
    }
    return json.dumps({
        "Records": [
            {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": subscription, "Sns": record}
        ]
    })  # fmt: skip


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

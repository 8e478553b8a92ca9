"""SNS: moto's. A message is sent once, and not again when the account is brought back."""

from __future__ import annotations

from drydock.embedded.core.services import Service
from drydock.policy.lifespans import Lifespan, Setting, items


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

"""Systems Manager: moto's; what is known of it is what its parameters leave behind."""

from __future__ import annotations

from drydock.embedded.core.services import Service
from drydock.policy.lifespans import Lifespan, Setting, items


class SSM(Service):
    name = "ssm"
    lifespan = Lifespan(
        begins="PutParameter",
        ends="DeleteParameter",
        within=frozenset({"LabelParameterVersion", "UnlabelParameterVersion"}),
        named_in=("Name", "ResourceId"),
        again=True,
        settings={
            "AddTagsToResource": Setting(items("tag", "Tags", "Key")),
            "RemoveTagsFromResource": Setting(items("tag", "TagKeys"), clears=True),
        },
    )

"""Systems Manager: moto's, but the tags of a parameter go with it."""

from __future__ import annotations

from typing import Any

from drydock.embedded.core import seams
from drydock.embedded.core.services import Service
from drydock.policy.dealings import About, Dealings
from drydock.policy.lifespans import Lifespan, Setting, Versions, items


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
        versions=Versions(
            "PutParameter", 100, frozenset({"Name", "Value", "Overwrite"}), same=frozenset({"Type"}), counted=True
        ),
    )
    dealings = Dealings(lambda done: About(stays=True), {"PutParameter": r'"Version": ?(\d+)'})

    def install(self) -> None:
        """moto forgets the tags of `name`, where those of `/name` are kept."""
        from moto.ssm.models import SimpleSystemManagerBackend

        put = seams.original(SimpleSystemManagerBackend, "put_parameter")
        delete = seams.original(SimpleSystemManagerBackend, "delete_parameter")
        delete_several = seams.original(SimpleSystemManagerBackend, "delete_parameters")

        def forget(backend: Any, name: str) -> None:
            backend._resource_tags["Parameter"].pop(f"/{name.removeprefix('/')}", None)

        def delete_parameter(self: Any, name: str) -> None:
            delete(self, name)
            forget(self, name)

        def delete_parameters(self: Any, names: list[str]) -> list[str]:
            deleted: list[str] = delete_several(self, names)
            for name in deleted:
                forget(self, name)
            return deleted

        def put_parameter(backend: Any, *given: Any, **named: Any) -> Any:
            made = put(backend, *given, **named)
            for version in self.host.front.made_before:
                made.version = int(version)  # some before it are not put again
            return made

        seams.replace(
            SimpleSystemManagerBackend,
            put_parameter=put_parameter,
            delete_parameter=delete_parameter,
            delete_parameters=delete_parameters,
        )

"""What a task definition asks of the runtime of its containers, and what of that the runtime has."""

from __future__ import annotations

from typing import Any

from drydock.embedded.carriers.runtime import Capabilities, Mount, Offer, runtime_of
from drydock.embedded.core.host import Host
from drydock.embedded.services.ecs.records import Document
from drydock.policy.requests import gaps


def offers(host: Host) -> frozenset[Offer]:
    return host.helper(runtime_of).offers


def missing(host: Host, definition: Document) -> str:
    """What of a task definition is not acted on, in a sentence for each; empty if all is."""
    found = gaps.of(definition)
    has = offers(host) if any(gap.offer for gap in found) else frozenset[Offer]()
    return "; ".join(str(gap) for gap in found if gap.offer not in has)


def given(host: Host, container: Document, mounts: tuple[Mount, ...]) -> dict[str, Any]:
    """Those fields of a container's specification that not every runtime has, as far as this one has them."""
    linux = container.get("linuxParameters") or {}
    capabilities = linux.get("capabilities") or {}
    files = next((each for each in container.get("ulimits") or () if each["name"] == "nofile"), None)
    asked: dict[Offer, tuple[str, Any]] = {
        Offer.USER: ("user", container.get("user")),
        Offer.MOUNTS: ("mounts", mounts),
        Offer.READ_ONLY_ROOT: ("read_only_root", container.get("readonlyRootFilesystem")),
        Offer.INIT: ("init", linux.get("initProcessEnabled")),
        Offer.CAPABILITIES: (
            "capabilities",
            Capabilities(tuple(capabilities.get("add") or ()), tuple(capabilities.get("drop") or ())),
        ),
        Offer.OPEN_FILES: ("open_files", (files["softLimit"], files["hardLimit"]) if files else None),
    }
    has = offers(host)
    return {field: value for offer, (field, value) in asked.items() if value and offer in has}

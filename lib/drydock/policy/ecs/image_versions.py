"""Which images all tasks of a deployment have in common, whatever becomes of their tags.

Documented: Amazon ECS developer guide, "Deploy Amazon ECS services by replacing tasks", *Container image resolution*:
the first task of a deployment establishes the digests, the others and later updates take them; after three attempts
that failed the deployment goes on without. A forced deployment establishes anew. Derived: so does another task
definition, and a roll-back brings the digests of what it goes back to, for they are part of its revision. Tasks of
a task set or of no service resolve their tags one by one: it is documented for deployments of ECS's own only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ATTEMPTS = 3
"""That failed, after which each task resolves the tags by itself."""


def is_consistent(container: Mapping[str, Any]) -> bool:
    """Whether the tag of a container definition's image is resolved once for a deployment."""
    return container.get("versionConsistency") != "disabled"


def pinned(image: str, digest: str | None) -> str:
    """An image by a digest instead of its tag.

    >>> pinned("127.0.0.1:4566/shop/web:v1", "sha256:ab"), pinned("web@sha256:cd", "sha256:ab"), pinned("web", None)
    ('127.0.0.1:4566/shop/web@sha256:ab', 'web@sha256:cd', 'web')
    """
    if digest is None or "@" in image:
        return image
    path, slash, name = image.rpartition("/")
    return f"{path}{slash}{name.partition(':')[0]}@{digest}"


def shown(definition: Mapping[str, Any], images: Mapping[str, str]) -> list[dict[str, str]]:
    """`containerImages` of a service revision. `images`: digests that were established, by container."""
    return [
        {
            "containerName": container["name"],
            "image": container["image"],
            **({"imageDigest": images[container["name"]]} if container["name"] in images else {}),
        }
        for container in definition.get("containerDefinitions") or ()
    ]

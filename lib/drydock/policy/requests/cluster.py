"""What a cluster may be asked to be.

Source: Amazon ECS API Reference, *CreateCluster* and *PutClusterCapacityProviders*.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from drydock.policy.ecs import capacity
from drydock.policy.requests.errors import parameter
from drydock.policy.requests.fields import enumeration, tags

MAXIMUM_PROVIDERS = 20


def validate(request: Mapping[str, Any], known_providers: Collection[str]) -> None:
    """Refuse a CreateCluster, UpdateCluster or PutClusterCapacityProviders request that ECS refuses.

    ``request``: as botocore sends it, camelCase. ``known_providers``: the capacity providers that exist, FARGATE
    and FARGATE_SPOT among them. Source: documented limits.

    Raises Invalid, always InvalidParameterException.
    """
    tags(request.get("tags"))
    name = request.get("clusterName")
    if name is not None and not re.fullmatch(r"[A-Za-z0-9_-]{1,255}", name):
        raise parameter(f"clusterName '{name}': up to 255 letters, numbers, underscores and hyphens are allowed.")
    for setting in request.get("settings") or ():
        if setting.get("name") == "containerInsights":
            allowed = ("enabled", "disabled", "enhanced")
            enumeration("InvalidParameterException", "containerInsights", setting.get("value"), allowed)
    providers = request.get("capacityProviders")
    if providers is None:
        return
    if len(providers) > MAXIMUM_PROVIDERS:
        raise parameter(f"A cluster can have at most {MAXIMUM_PROVIDERS} capacity providers, not {len(providers)}.")
    for name in providers:
        if name.rsplit("/", 1)[-1] not in known_providers:
            raise parameter(f"The specified capacity provider '{name}' was not found.")
    strategy = request.get("defaultCapacityProviderStrategy") or ()
    associated = {name.rsplit("/", 1)[-1] for name in providers}
    for item in strategy:
        if item["capacityProvider"].rsplit("/", 1)[-1] not in associated:
            raise parameter(
                f"The capacity provider '{item['capacityProvider']}' of the default strategy is not associated "
                "with the cluster."
            )
    capacity.validate(strategy)

"""What ECS has and the embedded AWS does not act on: refused, so that nothing waits for ever."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import Invalid
from .world import Capacity

_INSTEAD = "Use the launch type FARGATE, or a capacity provider strategy of FARGATE and FARGATE_SPOT."


def refuse(what: str, instead: str = _INSTEAD) -> Invalid:
    """UnsupportedFeatureException, which names what is missing and what there is instead."""
    return Invalid("UnsupportedFeatureException", f"The embedded AWS does not have {what}. {instead}".strip())


def runs(where: Capacity) -> None:
    """Refuse tasks that would need a container instance: there are none. Raises Invalid."""
    if not where.fargate:
        named = ", ".join(str(item.get("capacityProvider")) for item in where.strategy)
        place = f"the instances of capacity provider {named}" if named else f"the launch type {where.launch_type}"
        raise refuse(f"{place}: it runs tasks on Fargate only")


def mounts(definition: Mapping[str, Any]) -> None:
    """Refuse a task whose containers mount volumes: they are processes and see this machine's files. Raises Invalid."""
    for container in definition.get("containerDefinitions") or ():
        if container.get("mountPoints") or container.get("volumesFrom"):
            raise refuse(
                f"volumes, as container {container.get('name')} mounts",
                "Take mountPoints and volumesFrom out of the "
                "task definition; a container has a folder of its own in $TMPDIR.",
            )


def deploys(request: Mapping[str, Any]) -> None:
    """Refuse a service whose deployments would be made of task sets. Raises Invalid."""
    controller = (request.get("deploymentController") or {}).get("type") or "ECS"
    if controller != "ECS":
        raise refuse(
            f"the deployment controller {controller}: it has no task sets", "Use the deployment controller ECS."
        )

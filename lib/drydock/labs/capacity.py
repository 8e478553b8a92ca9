"""What the weather of Spot capacity does to a lab's services: what nobody can order on AWS."""

from __future__ import annotations

from drydock.cloud import Cloud
from drydock.embedded import spot
from drydock.labs import shop
from drydock.labs.step import NothingToBreak
from drydock.policy.ecs import interruption


def take_back(cloud: Cloud, service: str) -> list[str]:
    """Have all tasks on FARGATE_SPOT of a service of the shop's cluster taken back; returns their ARNs.

    On the embedded AWS as Fargate does it, with the two minutes' warning. Nobody can order that elsewhere: there they
    are stopped by StopTask, with the same signals and another stopCode.
    """
    if cloud.name == "embedded" and cloud.endpoint is not None:
        told = spot.interrupt(cloud.endpoint, cluster=shop.CLUSTER, service=service, region=cloud.region)
        return list(told.interrupted)
    found = [task["taskArn"] for task in shop.tasks(cloud, service) if on_spot(task)]
    for arn in found:
        cloud.client("ecs").stop_task(cluster=shop.CLUSTER, task=arn, reason="in place of a Spot interruption")
    return found


def on_spot(task: dict[str, str]) -> bool:
    """Whether a task, as describe_tasks has it, runs on Fargate Spot."""
    return task.get("capacityProviderName") == interruption.PROVIDER


def dry(cloud: Cloud, yes: bool) -> None:
    """Let Fargate Spot of the embedded AWS have no room for new tasks, or have some again.

    Raises NothingToBreak on another cloud, where nobody can order that.
    """
    if cloud.name != "embedded" or cloud.endpoint is None:
        raise NothingToBreak("Only the embedded AWS can be told to have no Spot capacity; here it has what it has.")
    spot.dry(cloud.endpoint, yes)

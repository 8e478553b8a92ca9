"""What capacity costs, given its prices: Fargate by the task, EC2 by the instance, and where the two meet.

Prices are arguments, in USD an hour; sizes are vCPU and GB (GiB, as AWS means it). Source: AWS's pricing pages
say what is charged (Fargate: the vCPU and the memory of a task; EC2: whole instances); the rest is derived.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from drydock.policy.ecs import capacity

_DUST = 1e-9  # so that 0.3 / 0.1 counts as three


def fargate_hour(vcpu: float, gb: float, *, vcpu_price: float, gb_price: float) -> float:
    """USD an hour of Fargate for this much vCPU and memory. Both are charged, used or not."""
    return vcpu * vcpu_price + gb * gb_price


def tasks_that_fit(
    vcpu: float, gb: float, *, instance_vcpu: float, instance_gb: float, tasks_share: float = 1.0
) -> int:
    """How many tasks of one size an instance holds: whichever of vCPU and memory is used up first decides.

    tasks_share  the part of the instance that tasks may reserve, from 0 to 1; the rest is left for the operating
                 system, the ECS agent, daemons and spare room.
    """
    if vcpu <= 0 or gb <= 0:
        raise ValueError(f"A task reserves more than 0 vCPU and 0 GB, not {vcpu:g} vCPU and {gb:g} GB.")
    if not 0 < tasks_share <= 1:
        raise ValueError(f"tasks_share is a part of an instance, above 0 and up to 1, not {tasks_share:g}.")
    return math.floor(min(instance_vcpu * tasks_share / vcpu, instance_gb * tasks_share / gb) + _DUST)


def instances_needed(tasks: int, fit: int) -> int:
    """Whole instances for so many tasks, where `fit` of them go on one.

    Raises ValueError where not even one does, and for no task at all.
    """
    if tasks < 1:
        raise ValueError(f"There has to be a task: tasks is {tasks}.")
    if fit < 1:
        raise ValueError(
            "Not one task fits on an instance: choose a larger instance or a smaller task, or leave it more room."
        )
    return -(-tasks // fit)


def filled(
    tasks: int, vcpu: float, gb: float, *, instances: int, instance_vcpu: float, instance_gb: float
) -> tuple[float, float]:
    """The parts of the instances' vCPU and memory that the tasks reserve, each from 0 to 1."""
    return tasks * vcpu / (instances * instance_vcpu), tasks * gb / (instances * instance_gb)


def break_even(instance_hour: float, fargate_hour_of_the_instance: float) -> float:
    """The part of an instance that tasks must reserve for it to cost what Fargate charges for those tasks.

    fargate_hour_of_the_instance  Fargate's price for as much vCPU and memory as the whole instance has.

    Below the part that is returned Fargate costs less. Tasks are taken to have the instance's own proportion of
    memory to vCPU. Above 1: the instance costs more than Fargate even when it is full.
    """
    return instance_hour / fargate_hour_of_the_instance


def saving(spot_share: float, discount: float) -> float:
    """The part of an all-on-demand bill that is saved when `spot_share` of equal tasks cost `discount` less.

    Both are parts of 1: a discount of 70 % is 0.70. Raises ValueError for a discount outside 0 to 1.
    """
    if not 0 <= discount <= 1:
        raise ValueError(f"A discount is a part of the price, from 0 to 1 (70 % is 0.70), not {discount:g}.")
    return spot_share * discount


def charged_on(
    count: int,
    launch_type: str | None,
    strategy: Sequence[Mapping[str, Any]],
    default: Sequence[Mapping[str, Any]] = (),
) -> dict[str, int]:
    """How many of a service's tasks run where: by capacity provider, "FARGATE", or "EC2".

    strategy  the service's capacityProviderStrategy, as the API has it; `default` is the cluster's, which holds for a
              service that has neither a strategy nor a launch type

    Source: CreateService, launchType; the split is that of `capacity.split`.
    """
    chosen = capacity.items(strategy or ([] if launch_type else default))
    if not chosen:
        return {launch_type or "EC2": count}
    return {provider: number for provider, number in capacity.split(chosen, count).items() if number}

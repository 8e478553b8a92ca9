"""How many instances a capacity provider with managed scaling wants: CapacityProviderReservation and what follows it.

Source: ECS Developer Guide of June 2023, "Amazon ECS cluster auto scaling", and the post "Deep dive on Amazon ECS
cluster auto scaling" that it refers to (documented); that one step takes away half of the instances at most: AWS What's
New of 2022-09-16. The number of instances that follows from the metric is that of target tracking (derived).
"""

from __future__ import annotations

import math
from fractions import Fraction

WARM_UP = 300
"""Seconds, instanceWarmupPeriod unless said otherwise (documented)."""
FROM_NONE = 2
"""Instances to which a provider without any grows when tasks wait: the metric is 200 then (documented)."""


def reservation(needed: int, running: int) -> float:
    """CapacityProviderReservation in per cent: the instances needed for every hundred that run.

    Without instances it is 200 where some are needed and 100 where none is (documented).
    """
    if not running:
        return 200.0 if needed else 100.0
    return 100 * needed / running


def wanted(needed: int, running: int, target: int = 100) -> int:
    """The instances that the Auto Scaling group is set to.

    needed  those that have a task, and those that the waiting tasks would fill.
    target  targetCapacity, 1 to 100: 80 keeps a fifth of the instances free.

    Raises ValueError for a target outside its range.
    """
    if not 1 <= target <= 100:
        raise ValueError(f"targetCapacity is 1 to 100, not {target}.")
    if not running:
        return FROM_NONE if needed else 0
    follows = math.ceil(Fraction(100 * needed, target))
    return max(follows, math.ceil(running / 2))

"""Amounts as the recommender has them: whole millicores and bytes, cut off at each step.

Source: kubernetes/autoscaler, vertical-pod-autoscaler/pkg/recommender/model/types.go, 1.7.1 (observed).
"""

from __future__ import annotations

import math

MOST = 10**14


def whole(amount: float) -> int:
    """From 0 to 10^14, what is behind the point cut off."""
    return MOST if amount > MOST else max(0, int(amount))


def scaled(amount: int, factor: float) -> int:
    """`amount` times `factor`, which may be infinite."""
    return 0 if math.isinf(factor) and not amount else whole(amount * factor)


def rounded_up(amount: int, step: int) -> int:
    """To the next multiple of `step`, as --round-cpu-millicores and --round-memory-bytes do."""
    if step <= 0:
        raise ValueError(f"Amounts are rounded to multiples of more than 0, not of {step}.")
    return -(-amount // step) * step

"""How fast the rules are on days and weeks of input, over three sizes each: `python benchmarks/policies.py [NAME …]`.

Each is run three times and the fastest is told: what else the machine does only makes it slower.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from drydock.policy.kubernetes.hpa.behavior import SYNC_PERIOD, Behavior
from drydock.policy.kubernetes.hpa.course import Autoscaler, Container, course
from drydock.policy.kubernetes.vpa.histogram import CPU, percentiles

ROUNDS = 3


@dataclass(frozen=True)
class Rule:
    """`run` with each of `sizes`, of which the last has to end within `limit` seconds."""

    sizes: Sequence[int]
    unit: str
    limit: float
    run: Callable[[int], object]


def hpa_day(hours: int) -> object:
    """An autoscaler's turns, one each 15 seconds, over a load that rises and falls twice a day."""
    turns = int(hours * 3600 / SYNC_PERIOD)
    loads = [int(4000 + 3500 * math.sin(turn * SYNC_PERIOD / 43200 * 2 * math.pi)) for turn in range(turns)]
    return course(loads, Autoscaler(70, 2, 100, Behavior()), Container(250, 500), start=20)


def vpa_week(containers: int) -> object:
    """Bounds and target of CPU, of a week with a sample each minute."""
    rng = np.random.default_rng(1)
    at = np.arange(7 * 1440) * 60.0
    values = rng.gamma(2.0, 0.1, size=(containers, len(at)))
    return percentiles(CPU, values, at, (0.5, 0.9, 0.95), weight=0.1)


RULES: Mapping[str, Rule] = {
    "hpa-day": Rule((6, 12, 24), "hours", 0.2, hpa_day),
    "vpa-week": Rule((250, 500, 1000), "containers", 5.0, vpa_week),
}


def seconds(rule: Rule, size: int) -> float:
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        rule.run(size)
        took.append(time.perf_counter() - began)
    return min(took)


def main() -> None:
    for name in sys.argv[1:] or RULES:
        rule = RULES[name]
        measured = {size: seconds(rule, size) for size in rule.sizes}
        told = ", ".join(f"{size} {rule.unit}: {took:.3f} s" for size, took in measured.items())
        within = "within" if measured[rule.sizes[-1]] <= rule.limit else "OVER"
        print(f"{name:16} {told}; {within} {rule.limit:g} s")


if __name__ == "__main__":
    main()

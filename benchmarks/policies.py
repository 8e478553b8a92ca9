"""How fast the rules are on days and weeks of input, over three sizes each: `python benchmarks/policies.py [NAME …]`.

Each is run three times and the fastest is told: what else the machine does only makes it slower.
"""

from __future__ import annotations

import math
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from drydock.policy.kubernetes import cluster_autoscaler
from drydock.policy.kubernetes.cluster_autoscaler import Group
from drydock.policy.kubernetes.hpa.behavior import SYNC_PERIOD, Behavior
from drydock.policy.kubernetes.hpa.course import Autoscaler, Container, course
from drydock.policy.kubernetes.karpenter import provisioning
from drydock.policy.kubernetes.karpenter.offers import ON_DEMAND, SPOT, NodePool, Offering, instance_type
from drydock.policy.kubernetes.scheduling import HOSTNAME, Node, Pod, PodTerm, Preferences, Spread
from drydock.policy.kubernetes.scheduling.model import equal
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


def cluster_autoscaler_estimate(pods: int) -> object:
    """Upstream's BenchmarkBinpackingEstimate at 51,000: of 51 pods one is nearly twice as large as the others."""
    large = pods // 51
    groups = [
        Group(Pod("small", {"cpu": 50, "memory": 100}), pods - large),
        Group(Pod("large", {"cpu": 95, "memory": 190}), large),
    ]
    node = Node("node", {"cpu": 1000, "memory": 5000 * 1024**2, "pods": 100})
    found = cluster_autoscaler.estimate(groups, node, max_nodes=3000)
    assert pods != 51_000 or found.nodes == 2595
    return found


def karpenter_schedule(pods: int) -> object:
    """Pods of sizes that are all different, over 500 instance types in three zones."""
    return _scheduled(pods, lambda n: {})


def karpenter_spread(pods: int) -> object:
    """The same pods, of 20 Deployments: spread over zones and nodes, apart from each other, or by wish alone."""

    def terms(n: int) -> dict[str, Any]:
        labels = {"app": str(n % 20)}
        mine = equal(labels)
        over = (Spread(mine), Spread(mine, 10, HOSTNAME))
        kinds = ({}, {"spread": over}, {"anti_affinity": (PodTerm(mine),)}, {"preferences": Preferences(spread=over)})
        return {"labels": labels, **kinds[n % 4]}

    return _scheduled(pods, terms)


def _scheduled(pods: int, terms: Callable[[int], Mapping[str, Any]]) -> object:
    types = []
    for n in range(500):
        cpu = n % 64 + 1
        amounts = {"cpu": 1000 * cpu, "memory": cpu * (2 + n % 4) * 1024**3, "pods": 110}
        offered = [Offering(zone, kind, 0.05 * cpu) for zone in "abc" for kind in (SPOT, ON_DEMAND)]
        kept = {**amounts, "cpu": amounts["cpu"] - 100}
        types.append(instance_type(f"type-{n}", capacity=amounts, allocatable=kept, offerings=offered, labels={}))
    chance = random.Random(1)
    asked = [
        Pod(
            f"pod-{n}",
            {"cpu": chance.randrange(50, 4000), "memory": chance.randrange(64 * 1024**2, 8 * 1024**3)},
            **terms(n),
        )
        for n in range(pods)
    ]
    plan = provisioning.schedule(asked, [NodePool("default")], types)
    assert sum(len(node.pods) for node in plan.new) == pods
    return plan


RULES: Mapping[str, Rule] = {
    "hpa-day": Rule((6, 12, 24), "hours", 0.2, hpa_day),
    "vpa-week": Rule((250, 500, 1000), "containers", 5.0, vpa_week),
    "cluster-autoscaler-estimate": Rule((5_100, 15_300, 51_000), "pods", 1.0, cluster_autoscaler_estimate),
    "karpenter-schedule": Rule((1000, 3000, 10_000), "pods", 5.0, karpenter_schedule),
    "karpenter-spread": Rule((1000, 3000, 10_000), "pods", 5.0, karpenter_spread),
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
        print(f"{name:28} {told}; {within} {rule.limit:g} s")


if __name__ == "__main__":
    main()

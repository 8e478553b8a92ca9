"""How long a simulated minute takes: `python benchmarks/simulation.py`.

A week of a service of 10, 100 and 1000 tasks, with day and night, bursts, target tracking and Spot tasks that are taken
back one by one; the same on EC2 instances; and the same over three zones, one of which is lost each day, with a release
each day.
"""

from __future__ import annotations

import time
from dataclasses import replace

from drydock.simulation import Nodes, Release, Service, Spot, Tracking, ZoneOutage, simulate, traffic

LIMIT_MS = 1.0
SIZES = (10, 100, 1000)


def measure(service: Service, loads: list[float]) -> float:
    """Milliseconds for each simulated minute."""
    began = time.perf_counter()
    simulate(service, loads, seed=1)
    return 1000 * (time.perf_counter() - began) / len(loads)


def main() -> None:
    for tasks in SIZES:
        loads = traffic.days(7, low=30 * tasks, peak=90 * tasks, bursts_a_day=4, noise=0.05, seed=1)
        fargate = Service(
            tasks=tasks,
            per_task=100,
            scaling=Tracking(max(1, tasks // 2), 2 * tasks, target=70),
            spot=Spot(base=2, hazard=0.02),
        )
        instances = replace(fargate, spot=None, nodes=Nodes("m5.large", 4))
        eventful = replace(
            fargate,
            zones=("a", "b", "c"),
            balances=True,
            deadline=0.5,
            outages=tuple(ZoneOutage("a", day * traffic.DAY + 600, 30) for day in range(7)),
            releases=tuple(Release(day * traffic.DAY + 900) for day in range(7)),
        )
        for what, service in (("Fargate and Spot", fargate), ("m5.large", instances), ("zones, releases", eventful)):
            took = measure(service, loads)
            within = "within" if took <= LIMIT_MS else "OVER"
            print(f"{tasks:5} tasks, {what:16}  {took:6.3f} ms a simulated minute, {within} {LIMIT_MS:g} ms")


if __name__ == "__main__":
    main()

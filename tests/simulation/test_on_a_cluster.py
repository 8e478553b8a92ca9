"""Strategies on a Dask cluster."""

from __future__ import annotations

from distributed import LocalCluster

from drydock.prep import designs
from drydock.simulation import Case, Reclaim, Service, Spot, compare


def test_a_cluster_gives_what_this_process_gives() -> None:
    cases = [
        Case(str(n), Service(tasks=10, per_task=1000, spot=Spot(base=n, hazard=0.5, reclaims=(Reclaim(3),))))
        for n in range(3)
    ]
    scenario = designs.open_scenario("latency")
    with LocalCluster(
        n_workers=1, processes=False, protocol="tcp://", host="127.0.0.1", dashboard_address=None
    ) as cluster:
        there = compare(cases, [9000] * 30, seed=3, scheduler=cluster.scheduler_address)
        points = designs.sweep(scenario, most=4, scheduler=cluster.scheduler_address)
    assert there == compare(cases, [9000] * 30, seed=3)
    assert points == designs.sweep(scenario, most=4)

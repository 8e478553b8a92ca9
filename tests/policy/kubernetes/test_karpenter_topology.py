"""Upstream's cases: kubernetes-sigs/karpenter, pkg/controllers/provisioning/scheduling/topology_test.go."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.policy.kubernetes.karpenter_types import World, pods

from drydock.policy.kubernetes.karpenter.offers import NodePool
from drydock.policy.kubernetes.karpenter.requirements import (
    ARCHITECTURE,
    CAPACITY_TYPE,
    ZONE,
    requirement,
)
from drydock.policy.kubernetes.scheduling import HOSTNAME, Expression, Pod, Preferences, Spread
from drydock.policy.kubernetes.scheduling.model import equal

LABELS = {"test": "test"}
MINE = equal(LABELS)
NOBODY = (Expression("test", "Exists"), Expression("test", "DoesNotExist"))
"""As a constraint without a selector: it selects no pod."""
ZONAL, HOSTS, KINDS = Spread(MINE), Spread(MINE, topology_key=HOSTNAME), Spread(MINE, topology_key=CAPACITY_TYPE)
ARCHES = Spread(MINE, topology_key=ARCHITECTURE)
ZONES = [f"test-zone-{n}" for n in (1, 2, 3)]


def pool(name: str = "default", labels: dict[str, str] | None = None, **given: object) -> NodePool:
    """`given`: zone, kind and the like, with one value or several."""
    keys = {"zone": ZONE, "kind": CAPACITY_TYPE, "arch": ARCHITECTURE}
    wanted = {
        keys[key]: requirement(keys[key], "In", (value,) if isinstance(value, str) else value)  # type: ignore[arg-type]
        for key, value in given.items()
    }
    return NodePool(name, wanted, labels=labels or {})


def spread(count: int, *constraints: Spread, cpu: int = 0, **more: object) -> list[Pod]:
    return pods(count, cpu, labels=LABELS, spread=constraints, **more)


def within(key: str, *values: str) -> tuple[tuple[Expression, ...], ...]:
    return ((Expression(key, "In", values),),)


@pytest.mark.parametrize(
    ("rounds", "expected"),
    [
        ([(spread(4, ZONAL), [pool()])], [1, 1, 2]),
        ([(spread(4, Spread((Expression("test", "In", ("test",)),))), [pool()])], [1, 1, 2]),
        ([(spread(4, ZONAL), [pool(zone=ZONES)])], [1, 1, 2]),
        ([(spread(4, ZONAL), [pool(zone=ZONES[:2])])], [2, 2]),
        ([(spread(4, ZONAL), [pool(labels={ZONE: ZONES[0]})])], [4]),
        ([(spread(4, ZONAL), [pool(labels={ZONE: ZONES[0]}, zone=ZONES[:2])])], [4]),
        (
            [(spread(4, ZONAL), [
                pool("a", {ZONE: ZONES[0]}, zone=ZONES[:2]), pool("b", {ZONE: ZONES[1]})])],
            [2, 2],
        ),
        (
            [(spread(1, cpu=1100, node_selector={ZONE: ZONES[2]}), [pool()]),
             (spread(6, ZONAL, cpu=1100), [pool(zone=ZONES[:2])])],
            [1, 2, 2],
        ),
        (
            [(spread(count, replace(ZONAL, max_skew=5), cpu=1100), [pool(zone=zone)])
             for count, zone in zip((1, 1, 10), ZONES, strict=True)],
            [1, 1, 6],
        ),
        (
            [(spread(1, ZONAL, cpu=1100), [pool(zone=ZONES[0])]),
             (spread(10, ZONAL, cpu=1100), [pool(zone=ZONES[1:])])],
            [1, 2, 2],
        ),
        (
            [(spread(1, cpu=1100), [pool(zone=ZONES[0])]), (spread(10, ZONAL, cpu=1100), [pool(zone=ZONES[1:])])],
            [1, 2, 2],
        ),
        ([(pods(1), [pool()])], []),
        ([(spread(3, replace(ZONAL, min_domains=3)), [pool(zone=ZONES[:2])])], [1, 1]),
        ([(spread(11, replace(ZONAL, min_domains=3)), [pool(zone=ZONES)])], [3, 4, 4]),
        ([(spread(11, replace(ZONAL, min_domains=2)), [pool(zone=ZONES)])], [3, 4, 4]),
        ([(spread(5, ZONAL, node_selector={ZONE: ZONES[0]}) + spread(10, ZONAL, node_selector={ZONE: ZONES[1]}),
           [pool()])], [5, 10]),
        ([(spread(10, ZONAL, node_affinity=within(ZONE, *ZONES[:2])), [pool()])], [5, 5]),
        (
            [(spread(6, ZONAL, node_affinity=within(ZONE, *ZONES[:2])), [pool()]),
             (spread(1, ZONAL, node_affinity=within(ZONE, *ZONES[1:])), [pool(zone=ZONES)])],
            [1, 3, 3],
        ),
        (
            [(spread(6, ZONAL, node_affinity=within(ZONE, *ZONES[:2])), [pool()]),
             (spread(1, ZONAL, node_affinity=within(ZONE, *ZONES[1:])), [pool(zone=ZONES)]),
             (spread(5, ZONAL), [pool(zone=ZONES)])],
            [4, 4, 4],
        ),
        (
            [(spread(6, ZONAL, preferences=Preferences(node_affinity=((1, within(ZONE, *ZONES[:2])[0]),))), [pool()])],
            [2, 2, 2],
        ),
    ],
    ids=[
        "match labels",
        "match expressions",
        "NodePool zonal constraints",
        "subset with requirements",
        "subset with labels",
        "subset with requirements and labels",
        "subset with labels across NodePools",
        "existing pod",
        "the non-minimum domain if its all that's available",
        "not violate max-skew",
        "not violate max-skew (discover domains)",
        "a pod without the labels",
        "respect minDomains",
        "satisfied minDomains (equal)",
        "satisfied minDomains (greater than minimum)",
        "limit spread options by nodeSelector",
        "limit spread options by node requirements",
        "limit spread options by required node affinity: improves the skew",
        "limit spread options by required node affinity: three rounds",
        "not limit spread options by preferred node affinity",
    ],
)  # fmt: skip
def test_zonal(rounds: list[tuple[list[Pod], list[NodePool]]], expected: list[int]) -> None:
    """Contexts "Zonal" and "Combined Zonal Topology and Node Affinity"."""
    world = World()
    for asked, pools in rounds:
        world.provision(*asked, pools=pools)
    assert world.skew(ZONAL) == expected

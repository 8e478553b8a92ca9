"""How a proxy picks one of several targets by weight, and which weights the routers of the field take.

Sources: the pick is Envoy's, ``source/common/router`` (*observed* in its source and tests). Limits are *documented*:
App Mesh and VPC Lattice by botocore 1.44.5, Application Load Balancers by `drydock.policy.traffic`, the Gateway API by
its types of v1 (``BackendRef.weight``, ``HTTPRouteRule.backendRefs``). Envoy 1.40 says its own when it refuses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drydock.policy.traffic import MAX_TARGET_GROUPS, MAX_WEIGHT


@dataclass(frozen=True)
class Router:
    """What one router takes: `targets` at most, each of weight 0 to `weight`, their sum from `least` to `most`.

    `most` is None where nothing but the other limits bounds the sum.
    """

    name: str
    targets: int | None
    weight: int
    least: int = 0
    most: int | None = None


ENVOY = Router("Envoy", None, 2**32 - 1, least=1, most=2**32 - 1)
APP_MESH = Router("App Mesh", 10, 100, most=100)
VPC_LATTICE = Router("VPC Lattice", 10, 999)
LOAD_BALANCER = Router("Application Load Balancer", MAX_TARGET_GROUPS, MAX_WEIGHT)
GATEWAY_API = Router("Gateway API", 16, 1_000_000)
ROUTERS = (APP_MESH, VPC_LATTICE, LOAD_BALANCER, GATEWAY_API, ENVOY)


def check(router: Router, weights: Sequence[int]) -> None:
    """Raises ValueError, saying which limit, for weights that `router` refuses."""
    if not weights:
        raise ValueError(f"{router.name}: a weighted route needs a target.")
    if router.targets is not None and len(weights) > router.targets:
        raise ValueError(f"{router.name}: {len(weights)} targets, and it takes {router.targets}.")
    for weight in weights:
        if not 0 <= weight <= router.weight:
            raise ValueError(f"{router.name}: a weight of {weight}, and it takes 0 to {router.weight:,}.")
    total = sum(weights)
    if total < router.least:
        raise ValueError(f"{router.name}: the sum of the weights is {total}, and it has to be {router.least} or more.")
    if router.most is not None and total > router.most:
        raise ValueError(f"{router.name}: the sum of the weights is {total:,}, and it takes {router.most:,} at most.")


def ends(weights: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """For each target the remainders that are its own: from the first on, and before the second.

    >>> ends({"stable": 90, "canary": 10})
    {'stable': (0, 90), 'canary': (90, 100)}
    """
    found, first = {}, 0
    for name, weight in weights.items():
        found[name] = first, first + weight
        first += weight
    return found


def chosen(weights: Mapping[str, int], number: int) -> str:
    """The target of a request that drew this random `number`: the one that the remainder by the sum falls to.

    Raises ValueError where no weight is above 0.
    """
    check(ENVOY, list(weights.values()))
    remainder = number % sum(weights.values())
    return next(name for name, (first, end) in ends(weights).items() if first <= remainder < end)

"""How the tasks of a service are split over capacity providers, and which strategies ECS accepts.

Source: Amazon ECS API Reference, *CapacityProviderStrategyItem*; the rounding: docs/facts.md, 4.1.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from drydock.policy.requests.errors import parameter

MAXIMUM_PROVIDERS = 20
MAXIMUM_WEIGHT = 1000
MAXIMUM_BASE = 100_000
FARGATE_PROVIDERS = frozenset({"FARGATE", "FARGATE_SPOT"})


@dataclass(frozen=True)
class StrategyItem:
    """One item of a ``capacityProviderStrategy``; weight and base default to 0, as in the API."""

    provider: str
    weight: int = 0
    base: int = 0


def items(strategy: Sequence[Mapping[str, Any]]) -> tuple[StrategyItem, ...]:
    """Read the request's ``[{"capacityProvider", "weight", "base"}, …]``."""
    return tuple(
        StrategyItem(item["capacityProvider"], item.get("weight") or 0, item.get("base") or 0) for item in strategy
    )


def strategy_of(*, fargate_base: int, fargate_weight: int, spot_weight: int) -> list[dict[str, Any]]:
    """A ``capacityProviderStrategy`` over Fargate's two, by name; without a provider that would get no task.

    Raises ValueError where no provider has a weight: ECS would place nothing beyond the base.
    """
    if not fargate_weight and not spot_weight:
        raise ValueError("one of the two weights has to be above 0")
    given = {"FARGATE": (fargate_weight, fargate_base), "FARGATE_SPOT": (spot_weight, 0)}
    return [
        {"capacityProvider": name, "weight": weight, "base": base}
        for name, (weight, base) in given.items()
        if weight or base
    ]


def why_not_spot(runtime: Mapping[str, Any] | None, platform_version: str) -> str:
    """Why Fargate Spot does not run such tasks; empty where it does.

    ``runtime``: the task definition's runtimePlatform. Source: documented (*CapacityProviderStrategyItem*): Linux, on
    X86_64 from platform version 1.3.0 on and on ARM64 from 1.4.0 on.
    """
    runtime = runtime or {}
    family = runtime.get("operatingSystemFamily") or "LINUX"
    if family != "LINUX":
        return f"it runs Linux tasks only, and these are for {family}"
    least = (1, 4, 0) if runtime.get("cpuArchitecture") == "ARM64" else (1, 3, 0)
    if platform_version not in ("", "LATEST") and tuple(map(int, platform_version.split("."))) < least:
        return f"it needs the platform version {'.'.join(map(str, least))}, and the service has {platform_version}"
    return ""


def split(strategy: Sequence[StrategyItem], n: int, running: Mapping[str, int] | None = None) -> dict[str, int]:
    """Say how many of ``n`` new tasks go to each provider, given what already runs.

    The base is filled first, the rest follows the weights; fractions go to the largest remainder, ties
    in strategy order. ``running`` counts the service's tasks by provider: those stay where they are, so
    a provider that already has more than its share gets none, and the others share what is left. Tasks on
    a provider outside the strategy are not counted. The result has every provider of the strategy as a key
    and sums to ``n``.

    Source: base before weights is documented; the rounding is observed (10 tasks over base 1 and 1:4 became
    3 and 7, 40 became 9 and 31) and not guaranteed. The tie rule is ours, and so is that running tasks count, and
    that a base holds on a provider of weight 0.

    Raises ValueError for a negative ``n`` or a strategy that can place nothing.
    """
    if n < 0:
        raise ValueError(f"n must not be negative, got {n}")
    if not strategy:
        raise ValueError("a strategy needs at least one capacity provider")
    has = {item.provider: (running or {}).get(item.provider, 0) for item in strategy}
    new = dict.fromkeys(has, 0)
    short = list(strategy)
    while True:
        targets = _targets(short, n + sum(has[item.provider] for item in short))
        within = [item for item in short if targets[item.provider] >= has[item.provider]]
        if len(within) == len(short):
            break
        short = within
    for item in short:
        new[item.provider] = targets[item.provider] - has[item.provider]
    return new


def _targets(strategy: Sequence[StrategyItem], total: int) -> dict[str, int]:
    based = {item.provider: 0 for item in strategy}
    rest = total
    for item in strategy:
        based[item.provider] = min(item.base, rest)
        rest -= based[item.provider]
    weights = [item.weight for item in strategy]
    if not any(weights):
        weights = [1] * len(strategy)
    quotas = [Fraction(rest * weight, sum(weights)) for weight in weights]
    floors = [quota.numerator // quota.denominator for quota in quotas]
    left = rest - sum(floors)
    by_remainder = sorted(range(len(quotas)), key=lambda i: (floors[i] - quotas[i], i))
    for i in by_remainder[:left]:
        floors[i] += 1
    return {item.provider: based[item.provider] + count for item, count in zip(strategy, floors, strict=True)}


def next_provider(strategy: Sequence[StrategyItem], running: Mapping[str, int]) -> str:
    """Name the provider that gets the next task: ``split`` for one more.

    With one or two weighted providers, asking this ``n`` times gives the same as ``split(strategy, n)``; with
    more it can differ by a task, because largest-remainder shares do not only grow (derived).
    """
    counts = split(strategy, 1, running)
    return next(provider for provider, count in counts.items() if count)


def next_to_give_up(strategy: Sequence[StrategyItem], running: Mapping[str, int]) -> str:
    """Name the provider that loses a task on scale-in.

    A provider that is no longer in the strategy goes first; otherwise the one furthest above its share of
    one task fewer, ties to the last in strategy order (derived: the inverse of ``split``).

    Raises ValueError if nothing runs.
    """
    alive = {provider: count for provider, count in running.items() if count > 0}
    if not alive:
        raise ValueError("no task is running: nothing can be given up")
    named = {item.provider for item in strategy}
    for provider in alive:
        if provider not in named:
            return provider
    targets = _targets(strategy, sum(alive.values()) - 1)
    order = [item.provider for item in strategy]
    return max(alive, key=lambda provider: (alive[provider] - targets[provider], order.index(provider)))


def validate(
    strategy: Sequence[Mapping[str, Any]],
    *,
    launch_type: str | None = None,
    associated: Mapping[str, str] | None = None,
    known: Collection[str] | None = None,
) -> None:
    """Refuse a request's ``capacityProviderStrategy`` that ECS refuses.

    ``associated``: the cluster's capacity providers by name, each with its status (``ACTIVE``, ``UPDATING`` …);
    ``known``: all that exist besides Fargate's two. Either is None if it is not to be checked. A strategy of one
    provider needs no weight. Source: documented limits; the wording was observed, but for the ranges.

    Raises Invalid (InvalidParameterException).
    """
    if strategy and launch_type:
        raise parameter(
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again."
        )
    if len(strategy) > MAXIMUM_PROVIDERS:
        raise parameter(
            f"The capacity provider strategy cannot contain more than {MAXIMUM_PROVIDERS} capacity providers. "
            "Specify a valid capacity provider strategy and try again."
        )
    read = items(strategy)
    for item in read:
        if not 0 <= item.weight <= MAXIMUM_WEIGHT:
            raise parameter(
                f"The weight value {item.weight} of capacity provider {item.provider} is invalid. "
                f"Specify a weight value between 0 and {MAXIMUM_WEIGHT} and try again."
            )
        if not 0 <= item.base <= MAXIMUM_BASE:
            raise parameter(
                f"The base value {item.base} of capacity provider {item.provider} is invalid. "
                f"Specify a base value between 0 and {MAXIMUM_BASE} and try again."
            )
    if len({item.provider for item in read}) < len(read):
        raise parameter(
            "The capacity provider strategy contains duplicate capacity providers. "
            "Specify each capacity provider once and try again."
        )
    if sum(item.base > 0 for item in read) > 1:
        raise parameter(
            "There are multiple capacity providers in the specified capacity provider strategy with a base value "
            "greater than zero. Only one capacity provider can have a base value greater than zero. "
            "Specify a valid capacity provider strategy and try again."
        )
    if len(read) > 1 and not any(item.weight for item in read):
        raise parameter(
            "There are no capacity providers in the capacity provider strategy with a weight value greater than "
            "zero. Specify a weight value greater than zero for at least one capacity provider and try again."
        )
    for item in read:
        exists = known is None or item.provider in known or item.provider in (associated or ())
        if item.provider not in FARGATE_PROVIDERS and not exists:
            raise parameter(
                f"The specified capacity provider '{item.provider}' was not found. Specify a valid name and try again."
            )
    if len({item.provider in FARGATE_PROVIDERS for item in read}) > 1:
        raise parameter(
            "A capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling groups "
            "and Fargate providers. Specify one or the other and try again."
        )
    for item in read:
        if associated is not None and associated.get(item.provider) not in ("ACTIVE", "UPDATING"):
            raise parameter(
                "The specified capacity provider strategy cannot contain a capacity provider that is not associated "
                f"with the cluster ({item.provider}). Associate the capacity provider with the cluster and try again."
            )

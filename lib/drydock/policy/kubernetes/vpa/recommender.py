"""Which requests the VerticalPodAutoscaler recommends.

Source: kubernetes/autoscaler, vertical-pod-autoscaler/pkg/recommender/logic/recommender.go, estimator.go and
pkg/utils/vpa/capping.go, limit_and_request_scaling.go, 1.7.1 (observed); the flags' defaults: its documentation,
flags.md (documented). CPU is in millicores, memory in bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from drydock.policy.kubernetes.vpa import amounts
from drydock.policy.kubernetes.vpa.usage import INTERVAL, Usage

CPU, MEMORY = "cpu", "memory"
Amounts = Mapping[str, int]
"""Millicores by "cpu" and bytes by "memory"; a resource that is not controlled is not there."""


@dataclass(frozen=True)
class Settings:
    """The recommender's flags. They hold for all VPAs of a cluster.

    target, lower, upper  percentiles, as parts of 1.
    margin                what is added, as a part.
    least                 of a pod, shared evenly by its containers.
    interval              --confidence-interval-cpu and -memory, in seconds.
    most                  --container-recommendation-max-allowed-cpu and -memory: where a VPA has no maxAllowed.
    """

    target: float = 0.9
    lower: float = 0.5
    upper: float = 0.95
    margin: float = 0.15
    least: Amounts = field(default_factory=lambda: {CPU: 25, MEMORY: 250 * 2**20})
    interval: float = INTERVAL
    round_cpu: int = 1
    round_memory: int = 1
    most: Amounts = field(default_factory=dict)


@dataclass(frozen=True)
class Policy:
    """resourcePolicy.containerPolicies of one container. `controls_limits`: controlledValues is RequestsAndLimits."""

    least: Amounts = field(default_factory=dict)
    most: Amounts = field(default_factory=dict)
    controlled: tuple[str, ...] = (CPU, MEMORY)
    controls_limits: bool = True

    def __post_init__(self) -> None:
        for name, amount in self.least.items():
            if amount > self.most.get(name, amounts.MOST):
                raise ValueError(f"minAllowed of {name}, {amount}, is more than its maxAllowed, {self.most[name]}.")


@dataclass(frozen=True)
class Recommendation:
    """status.recommendation.containerRecommendations of one container.

    lower, upper  a pod whose request lies between them is left alone at first.
    uncapped      the target before minAllowed and maxAllowed.
    """

    target: Amounts
    lower: Amounts
    upper: Amounts
    uncapped: Amounts


def recommend(
    used: Mapping[str, Usage],
    settings: Settings = Settings(),
    policies: Mapping[str, Policy] | None = None,
) -> dict[str, Recommendation]:
    """For each container of a pod, from what was measured of it. `policies`: by container; "*" for all others."""
    policies = policies or {}
    found = {}
    for name, usage in used.items():
        policy = policy_of(policies, name)
        confidence = usage.confidence(settings.interval)
        target, lower, upper = (
            _estimated(usage, part, factor, settings, len(used), policy)
            for part, factor in (
                (settings.target, 1.0),
                (settings.lower, multiplier(confidence, 0.001, -2.0)),
                (settings.upper, multiplier(confidence, 1.0, 1.0)),
            )
        )
        found[name] = Recommendation(
            allowed(target, policy, settings.most),
            allowed(lower, policy, settings.most),
            allowed(upper, policy, settings.most),
            target,
        )
    return found


def policy_of(policies: Mapping[str, Policy], container: str) -> Policy:
    """Its own, or that of "*"."""
    return policies.get(container, policies.get("*", Policy()))


def allowed(amount: Amounts, policy: Policy, most: Amounts | None = None) -> dict[str, int]:
    """Between minAllowed and maxAllowed. `most`: for all VPAs, where the policy has no maxAllowed of the resource."""
    highest = {**(most or {}), **policy.most}
    return {
        name: min(max(value, policy.least.get(name) or 0), highest.get(name) or amounts.MOST)
        for name, value in amount.items()
    }


def multiplier(confidence: float, weight: float, exponent: float) -> float:
    """(1 + weight / confidence) ^ exponent: how far a bound is moved outwards while there is little history."""
    if confidence <= 0:
        return float("inf") if exponent > 0 else 0.0
    return float((1.0 + weight / confidence) ** exponent)


def with_margin(amount: int, margin: float) -> int:
    """`amount` and a part of it."""
    return amount + amounts.scaled(amount, margin)


def proportional_limit(limit: int, request: int, recommended: int) -> int:
    """A limit that stays as many times the request as it was, with controlledValues RequestsAndLimits.

    limit, request  as the pod's template has them; 0: none. Returns 0 for no limit.
    """
    if not limit or not recommended:
        return 0
    if not request or request == limit:
        return recommended
    return limit * recommended // request


def _estimated(
    usage: Usage, part: float, factor: float, settings: Settings, containers: int, policy: Policy
) -> dict[str, int]:
    raw = {
        CPU: amounts.whole(usage.cpu.percentile(part) * 1000),
        MEMORY: amounts.whole(usage.memory.percentile(part)),
    }
    steps = {CPU: settings.round_cpu, MEMORY: settings.round_memory}
    found = {}
    for name in policy.controlled:
        amount = amounts.scaled(with_margin(raw[name], settings.margin), factor)
        least = amounts.scaled(settings.least.get(name, 0), 1 / containers)
        found[name] = amounts.rounded_up(max(amount, least), steps[name])
    return found

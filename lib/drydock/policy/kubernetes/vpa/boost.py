"""More CPU while a pod starts: the CPU startup boost, alpha since VPA 1.7 and behind the feature gate CPUStartupBoost.

Source: kubernetes/autoscaler, AEP-7862 and vertical-pod-autoscaler/docs/features.md (documented); pkg/admission-
controller/resource/pod/patch/resource_updates.go, pkg/updater/inplace and pkg/utils/vpa/api.go, 1.7.1 (observed). CPU
is in millicores, times are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from drydock.policy.kubernetes.vpa.capping import Resources
from drydock.policy.kubernetes.vpa.recommender import CPU, Amounts, Policy, proportional_limit
from drydock.policy.kubernetes.vpa.updater import OFF


@dataclass(frozen=True)
class Boost:
    """startupBoost.cpu: a `factor` of type Factor, or a `quantity` of type Quantity, which is added.

    duration  how long it lasts once the pod is ready; None: as the VPA's own says, and 0 without one.

    Raises ValueError for both or neither, and for less than a factor of 1, a quantity of 0 or a duration of 0.
    """

    factor: int | None = None
    quantity: int | None = None
    duration: float | None = None

    def __post_init__(self) -> None:
        if (self.factor is None) == (self.quantity is None):
            raise ValueError("A startup boost has a factor or a quantity, and not both.")
        if self.factor is not None and self.factor < 1:
            raise ValueError(f"The factor of a startup boost is 1 or more, not {self.factor}.")
        for name, value in (("quantity", self.quantity), ("duration", self.duration)):
            if value is not None and value < 0:
                raise ValueError(f"The {name} of a startup boost is 0 or more, not {value}.")

    def of(self, millicores: int) -> int:
        return millicores * self.factor if self.factor is not None else millicores + (self.quantity or 0)


def boost_of(everywhere: Boost | None, own: Boost | None) -> Boost | None:
    """The boost of a container: its policy's own before the VPA's, whose duration it takes where it has none."""
    if own is None or everywhere is None or own.duration is not None:
        return own or everywhere
    return replace(own, duration=everywhere.duration)


def boosted(
    template: Resources, boost: Boost, recommended: Amounts | None = None, policy: Policy = Policy(), *, most: int = 0
) -> Resources:
    """The CPU of a container of a pod that is being made.

    recommended  the target; without one the template's request is boosted. minAllowed and maxAllowed do not bound it.
    most         --max-allowed-cpu-boost; 0: none.

    The limit stays in proportion. With controlledValues RequestsOnly it stays as it is, and a request that would exceed
    it is 1m less than it, so that the pod's QoS class does not change.
    """
    request = boost.of((recommended or {}).get(CPU, 0) or template.requests.get(CPU, 0))
    if most:
        request = min(request, most)
    limit = template.limits.get(CPU, 0)
    if not policy.controls_limits:
        return Resources({CPU: max(1, limit - 1) if 0 < limit < request else request})
    moved = proportional_limit(limit, template.requests.get(CPU, 0), request)
    return Resources({CPU: request}, {CPU: moved} if moved else {})


def expired(boosts: Mapping[str, Boost], ready_for: float | None) -> list[str]:
    """The containers, of those that are boosted, whose boost is over. `ready_for`: None while the pod is not ready."""
    if ready_for is None:
        return []
    return [name for name, boost in boosts.items() if not boost.duration or ready_for > boost.duration]


def resized(
    pod: Mapping[str, Resources],
    originals: Mapping[str, Resources],
    over: list[str],
    recommended: Mapping[str, Resources],
    mode: str,
) -> dict[str, Resources]:
    """What the updater's resize in place gives to each of the pod's containers; one that is not there stays as it is.

    originals    of the containers that are boosted, what their template had.
    over         those of them whose boost is `expired`.
    recommended  requests and limits by container; of no use with mode Off.

    A boosted container gets what is recommended now, and what it had at first where nothing is. Where the resize fails,
    the pod is not evicted for it: the next one would be boosted, too.
    """
    wanted = {} if mode == OFF else recommended
    found = {}
    for name in pod:
        if name in over:
            found[name] = wanted.get(name, originals[name])
        elif name not in originals and name in wanted:
            found[name] = wanted[name]
    return found

"""One turn of the autoscaler's loop: several metrics, one decision, and the conditions that tell of it.

Source: kubernetes/kubernetes, pkg/controller/podautoscaler/horizontal.go, reconcileAutoscaler and
computeReplicasForMetrics (observed). Times are seconds on one clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drydock.policy.kubernetes.hpa import behavior as behaviors
from drydock.policy.kubernetes.hpa.behavior import DOWN_WINDOW, Behavior, Decision, Event, Recommendation, Rules
from drydock.policy.kubernetes.hpa.replicas import Proposal

ABLE, ACTIVE, LIMITED = "AbleToScale", "ScalingActive", "ScalingLimited"
_LEGACY = Behavior(down=Rules(behaviors.DEFAULT_DOWN.policies, window=DOWN_WINDOW))


@dataclass(frozen=True)
class Metric:
    """What became of one entry of spec.metrics.

    name      as the condition says it: "cpu resource utilization (percentage of request)".
    proposal  None where the metric could not be had or computed; `reason` and `message` say why.
    """

    name: str
    proposal: Proposal | None
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class History:
    """What the controller remembers between turns. One that is restarted has forgotten it.

    recommendations  None before the first turn, in which the replicas that it finds count as recommended.
    """

    recommendations: tuple[Recommendation, ...] | None = None
    added: tuple[Event, ...] = ()
    removed: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Condition:
    type: str
    status: bool
    reason: str
    message: str


@dataclass(frozen=True)
class Turn:
    """What one turn decided.

    replicas    to be set; the same as before where nothing is done.
    wanted      what the metrics asked for, before anything held it back; None where they were not asked.
    active      ScalingActive, and its reason and message.
    stabilized  what the windows made of `wanted`.
    limited     what policies and bounds made of that.
    rescaled    whether replicas were changed.
    """

    replicas: int
    history: History
    rescaled: bool
    active: tuple[bool, str, str] | None = None
    wanted: int | None = None
    stabilized: Decision | None = None
    limited: Decision | None = None

    @property
    def held_by(self) -> str:
        """The reason why what was wanted was not set; "" where it was, or where no metric was asked."""
        if not self.stabilized or not self.limited or self.wanted == self.replicas:
            return ""
        return (self.stabilized if self.limited.replicas == self.stabilized.replicas else self.limited).reason

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """As status.conditions has them."""
        if self.rescaled:
            able = ("SucceededRescale", f"the HPA controller was able to update the target scale to {self.replicas}")
        elif self.stabilized:
            able = (self.stabilized.reason, self.stabilized.message)
        else:
            able = ("SucceededGetScale", "the HPA controller was able to get the target's current scale")
        found = [Condition(ABLE, True, *able)]
        if self.active:
            found.append(Condition(ACTIVE, *self.active))
        if self.limited and self.stabilized:
            held = self.limited.replicas != self.stabilized.replicas
            found.append(Condition(LIMITED, held, self.limited.reason, self.limited.message))
        return tuple(found)


def highest(metrics: Sequence[Metric], current: int) -> tuple[int, str] | Metric:
    """The most that a metric asks for, and its name; or the failed metric that keeps it from being followed.

    One metric that fails does not stop scaling up. It stops scaling down, as nobody knows what it would have asked for.
    """
    failed = [metric for metric in metrics if metric.proposal is None]
    replicas, name = 0, ""
    for metric in metrics:
        if metric.proposal and (not replicas or metric.proposal.replicas > replicas):
            replicas, name = metric.proposal.replicas, metric.name
    if failed and (len(failed) == len(metrics) or replicas < current):
        return failed[0]
    return replicas, name


def turn(
    current: int,
    metrics: Sequence[Metric],
    *,
    least: int,
    most: int,
    behavior: Behavior | None = None,
    history: History = History(),
    now: float = 0.0,
) -> Turn:
    """To how many replicas an autoscaler scales now.

    current   spec.replicas of the target.
    metrics   at least one.
    least     minReplicas. 0 needs the feature gate HPAScaleToZero and a metric of an object or an external one.
    behavior  None where spec.behavior is absent; the code takes another path then (see `limit_without_behavior`).
    """
    if not metrics:
        raise ValueError("An autoscaler has at least one metric: the API sets CPU at 80 % where spec.metrics is empty.")
    if not 0 <= least <= most:
        raise ValueError(f"minReplicas is from 0 to maxReplicas, not {least} with maxReplicas {most}.")
    recommendations = history.recommendations
    if recommendations is None:
        recommendations = (Recommendation(now, current),)
        history = History(recommendations, history.added, history.removed)
    if not current and least:
        reason = "scaling is disabled since the replica count of the target is zero"
        return Turn(0, history, False, (False, "ScalingDisabled", reason))
    if current > most or current < least:
        return _rescaled(current, most if current > most else least, history, behavior, now)
    found = highest(metrics, current)
    if isinstance(found, Metric):
        return Turn(current, history, False, (False, found.reason, found.message))
    wanted, name = found
    active = (
        True, "ValidMetricFound", f"the HPA was able to successfully calculate a replica count from {name}"
    )  # fmt: skip
    used = behavior or _LEGACY
    stabilized = behaviors.stabilize(current, wanted, recommendations, used, now)
    since = now - max(used.up.window, used.down.window)
    while recommendations and recommendations[0].at <= since:
        recommendations = recommendations[1:]
    history = History((*recommendations, Recommendation(now, wanted)), history.added, history.removed)
    if behavior:
        limited = behaviors.limit(
            current, stabilized.replicas, least=least, most=most, behavior=behavior, added=history.added,
            removed=history.removed, now=now,
        )  # fmt: skip
    else:
        limited = behaviors.limit_without_behavior(current, stabilized.replicas, least=least, most=most)
    if limited.replicas == current:
        return Turn(current, history, False, active, wanted, stabilized, limited)
    return _rescaled(current, limited.replicas, history, behavior, now, active, wanted, stabilized, limited)


def _rescaled(
    current: int,
    replicas: int,
    history: History,
    behavior: Behavior | None,
    now: float,
    active: tuple[bool, str, str] | None = None,
    wanted: int | None = None,
    stabilized: Decision | None = None,
    limited: Decision | None = None,
) -> Turn:
    """Changes are remembered for as long as the longest period of a policy in their direction."""
    added, removed = history.added, history.removed
    if behavior and replicas > current:
        added = _kept(added, behavior.up, now, replicas - current)
    elif behavior:
        removed = _kept(removed, behavior.down, now, current - replicas)
    history = History(history.recommendations, added, removed)
    return Turn(replicas, history, True, active, wanted, stabilized, limited)


def _kept(events: tuple[Event, ...], rules: Rules, now: float, replicas: int) -> tuple[Event, ...]:
    since = now - max(policy.period for policy in rules.policies)
    return (*(event for event in events if event.at > since), Event(now, replicas))

"""The stages of BLUE_GREEN, LINEAR and CANARY deployments: which comes next, who gets the traffic, who has tasks.

The source (blue) is the revision that serves when a deployment begins, the target (green) the one that is deployed.

Source: Amazon ECS API Reference, *DeploymentConfiguration*, *CanaryConfiguration*, *LinearConfiguration*,
*DeploymentLifecycleHook* and *ServiceDeployment*; Developer Guide, "Amazon ECS blue/green service deployments workflow"
and "Network Load Balancer resources for Amazon ECS blue/green, linear and canary deployments"; with vectors in
docs/facts.md, 4.5. What a docstring calls *ours* is not said there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

ROLLING = "ROLLING"
MINUTE = 60.0
STAGE_LIMIT = 24 * 60 * MINUTE
"""A stage lasts no longer (documented); bake times, which are as long at most, begin where it does and end before."""
NETWORK_DELAY = 10 * MINUTE
"""What a Network Load Balancer adds to each shift of traffic (documented)."""
NOT_ASSOCIATED = (
    "Service deployment rolled back because of invalid networking configuration. Both targetGroup and "
    "alternateTargetGroup must be associated with the productionListenerRule or testListenerRule."
)


class Stage(StrEnum):
    """``lifecycleStage`` of a service deployment, in order."""

    RECONCILE_SERVICE = "RECONCILE_SERVICE"
    PRE_SCALE_UP = "PRE_SCALE_UP"
    SCALE_UP = "SCALE_UP"
    POST_SCALE_UP = "POST_SCALE_UP"
    TEST_TRAFFIC_SHIFT = "TEST_TRAFFIC_SHIFT"
    POST_TEST_TRAFFIC_SHIFT = "POST_TEST_TRAFFIC_SHIFT"
    PRE_PRODUCTION_TRAFFIC_SHIFT = "PRE_PRODUCTION_TRAFFIC_SHIFT"
    PRODUCTION_TRAFFIC_SHIFT = "PRODUCTION_TRAFFIC_SHIFT"
    POST_PRODUCTION_TRAFFIC_SHIFT = "POST_PRODUCTION_TRAFFIC_SHIFT"
    BAKE_TIME = "BAKE_TIME"
    CLEAN_UP = "CLEAN_UP"

    def has_come_to(self, other: Stage) -> bool:
        return _ORDER.index(self) >= _ORDER.index(other)

    @property
    def shown(self) -> str:
        """Its name in the API, where PRE_PRODUCTION_TRAFFIC_SHIFT is a stage of hooks only."""
        if self is Stage.PRE_PRODUCTION_TRAFFIC_SHIFT:
            return Stage.PRODUCTION_TRAFFIC_SHIFT.value
        return self.value


_ORDER = tuple(Stage)
SHIFTS = (Stage.TEST_TRAFFIC_SHIFT, Stage.PRODUCTION_TRAFFIC_SHIFT)


@dataclass(frozen=True)
class Step:
    """``percent`` of the production traffic goes to the target, for ``bake`` AWS seconds at least."""

    percent: float
    bake: float = 0.0


@dataclass(frozen=True)
class Plan:
    """What a deployment is to go through. ``delay``: AWS seconds more in each shift of traffic."""

    steps: tuple[Step, ...]
    bake: float = 0.0
    delay: float = 0.0
    has_source: bool = True


@dataclass(frozen=True)
class Progress:
    """Where a deployment is. ``step`` counts those of the plan; ``since``: AWS seconds at which it came there."""

    stage: Stage
    step: int = 0
    since: float = 0.0


@dataclass(frozen=True)
class Facts:
    """How the service stands.

    ``source``, ``others``: tasks of the source, and of revisions that are neither source nor target, not yet STOPPED.
    ``source_running``: those of the source that are RUNNING and are to stay. ``healthy``: of the target, those that
    count as healthy. ``shifted``: the listeners have the weights that the progress asks for.
    ``hooks_passed``: no hook of the stage is waited for.
    """

    now: float
    desired: int
    source: int = 0
    source_running: int = 0
    others: int = 0
    target: int = 0
    healthy: int = 0
    shifted: bool = True
    hooks_passed: bool = True


def plan(configuration: Mapping[str, Any], *, has_source: bool = True, network: bool = False) -> Plan:
    """The plan of a deployment from the request's ``deploymentConfiguration``.

    BLUE_GREEN shifts everything at once; CANARY its percentage, bakes, and the rest; LINEAR equal steps with a bake
    after each but the last (documented, as are the defaults). ``network``: behind a Network Load Balancer.
    Without a source there is nothing to share with or to go back to: all at once, and no bake (ours).
    """
    return Plan(
        _steps(configuration) if has_source else (Step(100.0),),
        MINUTE * (configuration.get("bakeTimeInMinutes") or 0) if has_source else 0.0,
        NETWORK_DELAY if network else 0.0,
        has_source,
    )


def _steps(configuration: Mapping[str, Any]) -> tuple[Step, ...]:
    match configuration.get("strategy"):
        case "CANARY":
            given = configuration.get("canaryConfiguration") or {}
            percent, bake = _or(given.get("canaryPercent"), 5.0), _or(given.get("canaryBakeTimeInMinutes"), 10)
            return (Step(percent, bake * MINUTE), Step(100.0)) if percent < 100 else (Step(100.0),)
        case "LINEAR":
            given = configuration.get("linearConfiguration") or {}
            tenths = round(_or(given.get("stepPercent"), 10.0) * 10)
            bake = _or(given.get("stepBakeTimeInMinutes"), 6) * MINUTE
            return (*(Step(part / 10, bake) for part in range(tenths, 1000, tenths)), Step(100.0))
        case _:
            return (Step(100.0),)


def _or(value: float | None, default: float) -> float:
    return default if value is None else float(value)


def weights(percent: float) -> tuple[int, int]:
    """The weights of target and source in a listener that give the target ``percent`` of the requests.

    Percentages are multiples of 0.1, weights whole numbers of 0 to 999 (both documented).

    >>> weights(10.0), weights(0.1), weights(100.0)
    ((10, 90), (1, 999), (100, 0))
    """
    tenths = round(percent * 10)
    return (tenths // 10, 100 - tenths // 10) if tenths % 10 == 0 else (tenths, 1000 - tenths)


def forwarding(actions: Sequence[Mapping[str, Any]], target: str, source: str, percent: float) -> list[dict[str, Any]]:
    """The actions of a listener or a rule that send ``percent`` to one target group, the rest to the other.

    What else it does on the way, and how it sticks to a group, stays.
    """
    mine, other = weights(percent)
    groups = [{"TargetGroupArn": target, "Weight": mine}, {"TargetGroupArn": source, "Weight": other}]
    before = next((action for action in actions if action["Type"] == "forward"), {})
    kept = {key: value for key, value in (before.get("ForwardConfig") or {}).items() if key != "TargetGroups"}
    forward: dict[str, Any] = {"Type": "forward", "ForwardConfig": {**kept, "TargetGroups": groups}}
    if "Order" in before:
        forward["Order"] = before["Order"]
    others = [dict(each) for each in actions if each["Type"] not in ("forward", "redirect", "fixed-response")]
    return [*others, forward]


def forwarded(actions: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """The weights of the target groups that actions forward to."""
    forward = next((action for action in actions if action["Type"] == "forward"), {})
    several = (forward.get("ForwardConfig") or {}).get("TargetGroups") or [forward]
    return {str(one["TargetGroupArn"]): int(one.get("Weight", 1)) for one in several if one.get("TargetGroupArn")}


def first(*, reconciles: bool, now: float) -> Progress:
    """Where a deployment begins: RECONCILE_SERVICE only if another one was under way (documented)."""
    return Progress(Stage.RECONCILE_SERVICE if reconciles else Stage.PRE_SCALE_UP, since=now)


def production(plan: Plan, progress: Progress) -> float | None:
    """The percentage of the production traffic that the target is to have; None: it is left as it is."""
    stage = progress.stage
    if stage.has_come_to(Stage.POST_PRODUCTION_TRAFFIC_SHIFT):
        return 100.0
    if stage is Stage.PRODUCTION_TRAFFIC_SHIFT:
        return plan.steps[progress.step].percent
    if not plan.has_source:
        return None
    return plan.steps[progress.step - 1].percent if progress.step else 0.0


def test(plan: Plan, progress: Progress) -> float | None:
    """The same of the test traffic."""
    if progress.stage.has_come_to(Stage.TEST_TRAFFIC_SHIFT):
        return 100.0
    return 0.0 if plan.has_source else None


def tasks(progress: Progress, desired: int) -> tuple[int, int]:
    """How many tasks target and source are to have: both all of them, from SCALE_UP to CLEAN_UP (documented)."""
    target = desired if progress.stage.has_come_to(Stage.SCALE_UP) else 0
    return target, 0 if progress.stage is Stage.CLEAN_UP else desired


def after(plan: Plan, progress: Progress, facts: Facts) -> Progress | None:
    """Where a deployment goes on to: the same progress while it has to wait, None once it is done."""
    if not facts.shifted or not facts.hooks_passed or not _has_passed(plan, progress, facts):
        return progress
    stage, step = progress.stage, progress.step
    if stage is Stage.CLEAN_UP:
        return None
    if stage is Stage.PRODUCTION_TRAFFIC_SHIFT and step + 1 < len(plan.steps):
        return Progress(Stage.PRE_PRODUCTION_TRAFFIC_SHIFT, step + 1, facts.now)
    return replace(progress, stage=_ORDER[_ORDER.index(stage) + 1], since=facts.now)


def _has_passed(plan: Plan, progress: Progress, facts: Facts) -> bool:
    lasted = facts.now - progress.since
    match progress.stage:
        case Stage.RECONCILE_SERVICE:
            return facts.others == 0
        case Stage.SCALE_UP:
            return facts.healthy >= facts.desired
        case Stage.TEST_TRAFFIC_SHIFT:
            return lasted >= plan.delay
        case Stage.PRODUCTION_TRAFFIC_SHIFT:
            return lasted >= plan.delay + plan.steps[progress.step].bake
        case Stage.BAKE_TIME:
            return lasted >= plan.bake
        case Stage.CLEAN_UP:
            return facts.source == facts.others == 0
        case _:
            return True


def is_overdue(progress: Progress, now: float) -> bool:
    """Whether a stage lasts longer than ECS lets it; bake times and hooks have limits of their own."""
    return progress.stage in (Stage.RECONCILE_SERVICE, Stage.SCALE_UP) and now - progress.since > STAGE_LIMIT


def is_watched(progress: Progress) -> bool:
    """Whether an alarm still fails the deployment: until its bake time is over (documented)."""
    return progress.stage is not Stage.CLEAN_UP


def may_switch_back(facts: Facts) -> bool:
    """Whether a source that is rolled back to can have the traffic.

    Its tasks run until CLEAN_UP, so it can at once (documented); after that when as many are RUNNING again (ours).
    """
    return facts.source_running >= facts.desired


def is_rolled_back(facts: Facts) -> bool:
    """Whether a roll-back is over: the source has the traffic, and nobody else a task."""
    return facts.shifted and may_switch_back(facts) and facts.target == facts.others == 0


def takes_alternate(entries: Sequence[Mapping[str, Any]], taken: Sequence[str]) -> bool:
    """Whether a revision takes the alternate target groups of its ``loadBalancers``: the others have a revision."""
    return any(entry.get("targetGroupArn") in taken for entry in entries)


def resolved(entries: Sequence[dict[str, Any]], *, alternate: bool) -> list[dict[str, Any]]:
    """The ``loadBalancers`` of a revision with the target groups that its own tasks are in."""
    if not alternate:
        return [*entries]
    found = []
    for entry in entries:
        other = (entry.get("advancedConfiguration") or {}).get("alternateTargetGroupArn")
        found.append({**entry, "targetGroupArn": other} if other else dict(entry))
    return found

"""Alarms that see nothing: those that are to roll a deployment back, and those that call a scaling policy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from drydock.policy.diagnosis.answers import ERRORS
from drydock.policy.diagnosis.facts import LATELY, Alarm, Facts, Policy, Scaling
from drydock.policy.diagnosis.findings import Cause, Finding, many
from drydock.policy.scaling_course import turns

HOUR = 3600.0
TURNS = 3
"""How often, in an hour of AWS, scaling may change its mind without a finding: twice is a day's course."""
REST = 2.0
"""After so many times the longest pause between two changes it has come to rest."""

_DIMENSIONS = frozenset(("TargetGroup", "LoadBalancer", "AvailabilityZone"))
"""Elastic Load Balancing user guides, *CloudWatch metrics*: a target group's are under it and its load balancer."""
_VALUES = {"TargetGroup": ("targetgroup/",), "LoadBalancer": ("app/", "net/", "gwy/")}
OF_ERRORS = "HTTPCode_Target_5XX_Count"
_SWITCHES = {
    "DynamicScalingOutSuspended": "no policy adds a task",
    "DynamicScalingInSuspended": "no policy takes a task away",
    "ScheduledScalingSuspended": "no scheduled action is carried out",
}


def of_deployments(facts: Facts) -> list[Finding]:
    """Alarms of the deployment configuration that cannot ring."""
    told = list(_blind(facts, facts.watching))
    if not told:
        return []
    mend = (
        "Put the alarm again with the dimensions that have data (`cloudwatch.list_metrics` lists them; "
        "`cloudwatch.put_metric_alarm` replaces an alarm of the same name). Until then no deployment is rolled back by "
        "it. Once it sees, it may ring for the version that is there: deploy the way back with `alarms` not enabled."
    )
    return [Finding(Cause.ALARM_BLIND, " ".join(told), mend)]


def of_scaling(facts: Facts) -> list[Finding]:
    """Why Application Auto Scaling cannot do what its policies ask for."""
    scaling = facts.scaling
    if scaling is None:
        return []
    return [*_policies(facts, scaling), *_suspended(scaling), *_to_and_fro(scaling), *_range(facts, scaling)]


def _policies(facts: Facts, scaling: Scaling) -> Iterator[Finding]:
    silent = {one.name: list(_blind(facts, one.alarms, policy=True)) for one in scaling.policies}
    told = [f"Policy `{name}`: {' '.join(words)}" for name, words in silent.items() if words]
    told += [f"Policy `{one.name}`: no alarm calls it." for one in scaling.policies if not one.alarms]
    told += [f"Policy `{one.name}`: {words}" for one in scaling.policies for words in _mute(facts, one)]
    if told:
        mend = (
            "`application-autoscaling.put_scaling_policy` of the same name makes its alarms again: with the "
            "`ResourceLabel` of the load balancer and target group that the service is behind now, or the dimensions "
            "under which `cloudwatch.list_metrics` has data. A step scaling policy needs an alarm with its ARN in "
            "`AlarmActions`; `cloudwatch.enable_alarm_actions` switches actions on."
        )
        yield Finding(Cause.SCALING_BLIND, " ".join(told), mend)


def _suspended(scaling: Scaling) -> Iterator[Finding]:
    if scaling.suspended:
        told = [f"{name}: {_SWITCHES.get(name, 'set')}" for name in scaling.suspended]
        switch = ", ".join(f"'{name}': False" for name in scaling.suspended)
        mend = f"`application-autoscaling.register_scalable_target(…, SuspendedState={{{switch}}})`."
        yield Finding(Cause.SCALING_SUSPENDED, f"SuspendedState has {'; '.join(told)}.", mend)


def _to_and_fro(scaling: Scaling) -> Iterator[Finding]:
    """Tasks that are added and taken away by turns, as long as it has not come to rest."""
    changes = [one for one in scaling.changes if one.ago <= HOUR]
    if turns([one.tasks for one in changes]) < TURNS:
        return
    longest = max(before.ago - after.ago for before, after in pairwise(changes))
    if changes[-1].ago > REST * longest:
        return
    called = dict.fromkeys(name for one in changes if (name := _policy_of(one.why, scaling)))
    who = " and ".join(f"`{one.name}`{_cooldown(one)}" for one in scaling.policies if one.name in called)
    yield Finding(
        Cause.SCALES_TO_AND_FRO,
        f"In {(changes[0].ago - changes[-1].ago) / 60:.0f} minutes the tasks were set to "
        f"{', '.join(str(one.tasks) for one in changes)}{f', by {who}' if who else ''}.",
        "What it adds moves the metric below the threshold at which it takes away. Let that lie lower than the metric "
        "is once a step has been added, or add less in a step, or give the policies a longer cool-down; one target "
        "tracking policy in the place of two of steps keeps the distance by itself.",
    )


def _policy_of(why: str, scaling: Scaling) -> str:
    return next((one.name for one in scaling.policies if re.search(rf"\bpolicy {re.escape(one.name)}\b", why)), "")


def _cooldown(policy: Policy) -> str:
    return f" (cool-down {policy.cooldown:g} s)" if policy.cooldown is not None else ""


def _range(facts: Facts, scaling: Scaling) -> Iterator[Finding]:
    ringing = [one for policy in scaling.policies for one in _ringing(facts, policy)]
    if not ringing or facts.desired_count < scaling.most or facts.desired_count == 0:
        return
    evidence = (
        f"{', '.join(f'`{one.name}`' for one in ringing)} in ALARM, and desiredCount is {facts.desired_count}: "
        f"the range is {scaling.least} to {many(scaling.most, 'task')}."
    )
    mend = "`application-autoscaling.register_scalable_target(…, MaxCapacity=…)`, or let a task do more."
    yield Finding(Cause.SCALING_AT_MAXIMUM, evidence, mend)


def _mute(facts: Facts, policy: Policy) -> Iterator[str]:
    """Alarms whose actions are switched off."""
    for name in policy.alarms:
        one = (facts.alarms or {}).get(name)
        if one is not None and not one.acts:
            yield f"ActionsEnabled of `{name}` is false, so it calls nobody."


def _ringing(facts: Facts, policy: Policy) -> Iterator[Alarm]:
    """Alarms in ALARM that ask for more tasks."""
    for name in policy.alarms:
        one = (facts.alarms or {}).get(name)
        if one is not None and one.state == "ALARM" and one.above:
            yield one


def _blind(facts: Facts, names: Iterable[str], *, policy: bool = False) -> Iterator[str]:
    """Of these alarms, those that cannot have data: which, and why."""
    if facts.alarms is None:
        return
    for name in names:
        one = facts.alarms.get(name)
        if one is None:
            yield f"There is no alarm `{name}`."
        elif why := _without_data(facts, one, policy):
            by = ", ".join(f"{key}={value}" for key, value in sorted(one.dimensions.items())) or "no dimension"
            watches = f"`{name}` watches {one.metric or 'an expression'} by {by}: {why}."
            yield f"{watches} Its state is {one.state}, TreatMissingData {one.missing}."


def _without_data(facts: Facts, alarm: Alarm, policy: bool) -> str:
    """Why an alarm has no data; "" if it has, or may well have."""
    if alarm.namespace == "AWS/ApplicationELB":
        return _misses(facts, alarm, policy)
    return f"no data for {alarm.unchanged / 60:.0f} minutes" if _silent(alarm) and facts.running_count else ""


def _silent(alarm: Alarm) -> bool:
    return alarm.state == "INSUFFICIENT_DATA" and alarm.unchanged >= LATELY.total_seconds()


def _misses(facts: Facts, alarm: Alarm, policy: bool) -> str:
    group, balancer = alarm.dimensions.get("TargetGroup"), alarm.dimensions.get("LoadBalancer")
    if strange := sorted(alarm.dimensions.keys() - _DIMENSIONS):
        return f"no metric of a load balancer has the dimension {strange[0]}"
    for name, begins in _VALUES.items():
        if not alarm.dimensions.get(name, begins[0]).startswith(begins):
            return f"the value of {name} is the end of an ARN, from {' or '.join(begins)} on"
    if balancer is None and not (group and alarm.metric == "RequestCountPerTarget"):
        return "a metric of a load balancer is always by LoadBalancer too"
    if group is not None and group in facts.balancers:
        known = facts.balancers[group]
        if balancer is not None and balancer != known:
            return f"that target group is behind {known or 'no load balancer'}"
        return ""
    failing = alarm.metric == OF_ERRORS and any(one.errors >= ERRORS for one in facts.groups) and not _watched(facts)
    if group is not None and facts.balancers and (policy or failing or alarm.state == "INSUFFICIENT_DATA"):
        return f"the service is behind {' and '.join(sorted(facts.balancers))}"
    return ""


def _watched(facts: Facts) -> bool:
    """Whether an alarm of the deployments is on a target group that the service is behind."""
    named = [facts.alarms[name] for name in facts.watching if facts.alarms and name in facts.alarms]
    return any(one.dimensions.get("TargetGroup") in facts.balancers for one in named)

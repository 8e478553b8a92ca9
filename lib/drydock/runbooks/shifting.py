"""What runbooks share that move requests from one target group to another.

now = run.look("service", ecs.describe_services, f"services[0].{{configuration: {CONFIGURATION}, …}}", …)
done = released(ecs, cluster, service, since=newest(ecs, cluster, service), known=settled(run, ecs, cluster, service))
asked = configured(now["configuration"])  # as UpdateService takes it
quiet = no_alarm(cloudwatch, ["errors"], minutes=5)  # a bake that an alarm ends
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from drydock.resources.kind import every
from drydock.runbooks.ecs import service_deployments
from drydock.runbooks.model import Act, Condition, Look
from drydock.runbooks.runbook import act, call
from drydock.runbooks.stops import why

_OF = "[@][?strategy == '{0}'].{{{1}}} | [0]"
_CANARY = (
    "canaryPercent: canaryConfiguration.canaryPercent || `5.0`,"
    " canaryBakeTimeInMinutes: canaryConfiguration.canaryBakeTimeInMinutes || `10`"
)
_LINEAR = (
    "stepPercent: linearConfiguration.stepPercent || `10.0`,"
    " stepBakeTimeInMinutes: linearConfiguration.stepBakeTimeInMinutes || `6`"
)
CONFIGURATION = (
    "deploymentConfiguration | {strategy: strategy || 'ROLLING', bakeTimeInMinutes: bakeTimeInMinutes || `0`,"
    " deploymentCircuitBreaker: deploymentCircuitBreaker, maximumPercent: maximumPercent,"
    " minimumHealthyPercent: minimumHealthyPercent,"
    f" canaryConfiguration: {_OF.format('CANARY', _CANARY)}, linearConfiguration: {_OF.format('LINEAR', _LINEAR)},"
    " earlySuccessCriteria: [@][?earlySuccessCriteria.enable].earlySuccessCriteria | [0],"
    " alarms: [@][?alarms.alarmNames].alarms | [0], lifecycleHooks: [@][?lifecycleHooks].lifecycleHooks | [0]}"
)
"""JMESPath, of a service: its deploymentConfiguration with AWS's defaults written out, and without what is switched off
or of another strategy. So it is the same again once a change of it is undone."""
OFF: dict[str, Any] = {"lifecycleHooks": [], "alarms": {"alarmNames": [], "enable": False, "rollback": False}}
"""Of a deploymentConfiguration: neither hooks nor alarms."""
_OF_A_STRATEGY = ("canaryConfiguration", "linearConfiguration", "earlySuccessCriteria")


RULE = (
    "{arn: RuleArn, types: Actions[].Type,"
    " weights: sort_by((Actions[?Type == 'forward'] | [0].ForwardConfig.TargetGroups || `[]`)"
    "[].{name: TargetGroupArn, value: Weight || `1`}, &name),"
    " stickiness: Actions[?Type == 'forward'] | [0].ForwardConfig.TargetGroupStickinessConfig}"
)
"""JMESPath, of a rule of a load balancer: who gets its requests. `weights`: a target group's ARN and its weight."""


class AlarmsGone(RuntimeError):
    """Alarms that were to watch a release are not there any more."""


def configured(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """A CONFIGURATION as UpdateService takes it: with what it does not have switched off."""
    return {**OFF, **configuration}


def as_canary(
    configuration: Mapping[str, Any], *, percent: float, canary_minutes: int, bake_minutes: int, alarms: Sequence[str]
) -> dict[str, Any]:
    """That CONFIGURATION with the strategy CANARY, watched by these alarms."""
    return {
        **_without_strategy(configuration),
        "strategy": "CANARY",
        "canaryConfiguration": {"canaryPercent": percent, "canaryBakeTimeInMinutes": canary_minutes},
        "bakeTimeInMinutes": bake_minutes,
        "alarms": {"alarmNames": list(alarms), "enable": True, "rollback": True},
    }


def at_once(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """That CONFIGURATION for a way back: all at once, when it is healthy; no hook, no bake time, no alarm."""
    kept = {name: value for name, value in _without_strategy(configuration).items() if name not in OFF}
    return {**kept, "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0}


def newest(ecs: Any, cluster: str, service: str) -> str:
    """ARN of the service's newest service deployment; "" where none is kept."""
    found = service_deployments(ecs, cluster, service)
    return str(found[0]["serviceDeploymentArn"]) if found else ""


def released(ecs: Any, cluster: str, service: str, *, since: str, known: Sequence[str]) -> Condition:
    """A service deployment newer than that one is SUCCESSFUL; not once AWS has stopped it, or has rolled it back.

    known  the ids of the deployments that there are before
    """
    last, new = _last(since)
    ended = f"contains(['STOPPED', 'ROLLBACK_SUCCESSFUL', 'ROLLBACK_FAILED'], {last}.status)"
    return Condition(
        f"the service deployment of {service} is SUCCESSFUL",
        call(ecs.list_service_deployments, cluster=cluster, service=service, maxResults=100),
        holds=f"{new} && {last}.status == 'SUCCESSFUL'",
        fails=f"{new} && {ended} && join(': ', [{last}.status, {last}.statusReason || 'no reason is given'])",
        why=why(cluster, service, known=known),
    )


def begun(ecs: Any, cluster: str, service: str, *, since: str) -> Look:
    """Tells that a service deployment was begun after that one: made again, it would release what was taken back."""
    last, new = _last(since)
    return Look(
        "begun",
        call(ecs.list_service_deployments, cluster=cluster, service=service, maxResults=100),
        f"{new} && {{serviceDeployment: {last}}} || `null`",
    )


def forwarded(elbv2: Any, arn: str) -> set[str]:
    """The target groups that a rule of an Application Load Balancer, or a Network Load Balancer's listener, names."""
    if ":listener/" in arn:
        actions = elbv2.describe_listeners(ListenerArns=[arn])["Listeners"][0]["DefaultActions"]
    else:
        actions = elbv2.describe_rules(RuleArns=[arn])["Rules"][0]["Actions"]
    forwards = [action for action in actions if action["Type"] == "forward"]
    several = [one for action in forwards for one in action.get("ForwardConfig", {}).get("TargetGroups", [action])]
    return {one["TargetGroupArn"] for one in several}


def managed(ecs: Any, rule: str) -> list[str]:
    """The services whose requests ECS shifts at that rule: "cluster/service"."""
    found = []
    for cluster in every(ecs, "list_clusters", "clusterArns"):
        arns = list(every(ecs, "list_services", "serviceArns", cluster=cluster, maxResults=100))
        for some in (arns[first : first + 10] for first in range(0, len(arns), 10)):
            services = ecs.describe_services(cluster=cluster, services=some)["services"]
            found += [one["serviceArn"].partition("/")[2] for one in services if rule in _shifted(one)]
    return found


def weighted(weights: Mapping[str, int]) -> list[dict[str, Any]]:
    """Weights as RULE has them."""
    return [{"name": arn, "value": weight} for arn, weight in sorted(weights.items())]


def mover(elbv2: Any, rule: Mapping[str, Any], listener: str, *, default: bool) -> Callable[..., Act]:
    """What makes the acts that give a rule other weights. `rule`: RULE of it; `default`: it is the listener's."""

    def moves(weights: Sequence[Mapping[str, Any]], *, until: Condition | None = None) -> Act:
        groups = [{"TargetGroupArn": one["name"], "Weight": one["value"]} for one in weights]
        kept = {"TargetGroupStickinessConfig": rule["stickiness"]} if "stickiness" in rule else {}
        forward = [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups, **kept}}]
        if default:
            return act(elbv2.modify_listener, until=until, ListenerArn=listener, DefaultActions=forward)
        return act(elbv2.modify_rule, until=until, RuleArn=rule["arn"], Actions=forward)

    return moves


def alarms_of(cloudwatch: Any, names: Sequence[str]) -> list[dict[str, Any]]:
    """Those of the alarms that there are, metric and composite ones."""
    if not names:
        return []
    found = cloudwatch.describe_alarms(AlarmNames=list(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    return [*found["MetricAlarms"], *found["CompositeAlarms"]]


def quiet(cloudwatch: Any, names: Sequence[str]) -> bool:
    """Whether all of the alarms are there, and none is in ALARM. Raises AlarmsGone: what is gone, watches nothing."""
    there = alarms_of(cloudwatch, names)
    if gone := sorted(set(names) - {one["AlarmName"] for one in there}):
        raise AlarmsGone(f"{', '.join(gone)} was deleted meanwhile")
    return not any(one["StateValue"] == "ALARM" for one in there)


def no_alarm(cloudwatch: Any, names: Sequence[str], *, minutes: float) -> Condition:
    """None of the alarms is in ALARM, for so many AWS minutes; once one is, or is deleted, it has failed."""
    found = "[MetricAlarms, CompositeAlarms][][]"
    ringing = f"{found} | [?StateValue == 'ALARM'].AlarmName"
    all_there = f"length({found}) == `{len(set(names))}`"
    there = f"join(', ', {found}.AlarmName)"
    return Condition(
        f"no alarm for {minutes:g} minutes",
        call(cloudwatch.describe_alarms, AlarmNames=list(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"]),
        holds=f"{all_there} && length({ringing}) == `0`",
        fails=f"length({ringing}) > `0` && join(' ', ['in ALARM:', join(', ', {ringing})])"
        f" || !({all_there}) && join(' ', ['an alarm was deleted; there are:', {there} || 'none'])",
        minutes=minutes,
    )


def _last(since: str) -> tuple[str, str]:
    """JMESPath, of an answer of ListServiceDeployments: the newest, and whether it is newer than `since`."""
    last = "sort_by(serviceDeployments, &createdAt)[-1]"
    return last, f"length(serviceDeployments) > `0` && {last}.serviceDeploymentArn != `{json.dumps(since)}`"


def _without_strategy(configuration: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in configuration.items() if name not in _OF_A_STRATEGY}


def _shifted(service: Mapping[str, Any]) -> set[str]:
    """The rules and listeners at which ECS shifts the requests of this service."""
    advanced = [one.get("advancedConfiguration") or {} for one in service.get("loadBalancers", ())]
    return {one[name] for one in advanced for name in ("productionListenerRule", "testListenerRule") if one.get(name)}

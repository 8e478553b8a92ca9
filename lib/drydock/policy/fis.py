"""AWS Fault Injection Service: which experiment templates it takes, whom an action is done to, and what comes next.

Source: "Actions", "Targets", "Stop conditions", "AWS FIS Actions reference" of the AWS FIS user guide and the API
reference (documented), but for the reasons of states, whose wording is ours where nothing else is said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from drydock.policy.requests.errors import Invalid

STOP_TASK, WAIT, DISRUPT = "aws:ecs:stop-task", "aws:fis:wait", "aws:network:disrupt-connectivity"
TASK, SUBNET = "aws:ecs:task", "aws:ec2:subnet"
ALARM = "aws:cloudwatch:alarm"
SERVICE = "fis.amazonaws.com"
"""Whom an experiment's role has to trust (documented)."""
OVER = ("completed", "stopped", "failed", "cancelled")
"""States in which an experiment is over."""
ACTION_OVER = (*OVER, "skipped")
MOST_ARNS = 5
SHORTEST, LONGEST = 60, 12 * 3600
"""Seconds that an action lasts (documented: PT1M to PT12H)."""
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_MODE = re.compile(r"ALL|(COUNT|PERCENT)\((0|[1-9][0-9]*)\)")


@dataclass(frozen=True)
class Action:
    """What an action is done to, by the name of its target, and what it has to be told."""

    description: str
    targets: Mapping[str, str]
    parameters: Mapping[str, str]


ACTIONS = {
    STOP_TASK: Action("Stop ECS tasks, as StopTask does.", {"Tasks": TASK}, {}),
    DISRUPT: Action(
        "Deny traffic that enters and leaves subnets, by a network ACL in place of theirs.",
        {"Subnets": SUBNET},
        {"scope": "all: everything but what stays within a subnet.", "duration": "How long, as PT5M; PT1M to PT12H."},
    ),
    WAIT: Action("Wait for the specified duration.", {}, {"duration": "How long, as PT5M; PT1M to PT12H."}),
}
"""Those that are done here, by id."""
RESOURCE_TYPES = {
    TASK: {"cluster": "The cluster that the tasks are in.", "service": "The service that the tasks are of."},
    SUBNET: {"availabilityZoneIdentifier": "The zone that the subnets are in.", "vpc": "The VPC that they are in."},
}
"""What targets can be, each with its parameters."""


def duration(text: str) -> int:
    """The seconds of an ISO 8601 duration.

    >>> duration("PT1H30M")
    5400

    Raises Invalid (ValidationException).
    """
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        raise _invalid(f"{text!r} is no duration: write it as PT5M.")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def validate(template: Mapping[str, Any]) -> None:
    """Refuse a template with something that would not be done. Raises Invalid (ValidationException)."""
    for name in ("logConfiguration", "experimentReportConfiguration"):
        if template.get(name):
            raise _invalid(f"The embedded AWS does not have {name} of experiments: leave it out.")
    if (template.get("experimentOptions") or {}).get("accountTargeting") == "multi-account":
        raise _invalid("The embedded AWS has one account: accountTargeting is single-account.")
    targets = template.get("targets") or {}
    for name, target in targets.items():
        _validate_target(name, target)
    actions = template["actions"]
    if not actions:
        raise _invalid("An experiment template needs an action.")
    for name, action in actions.items():
        _validate_action(name, action, actions, targets)
    used = {target for action in actions.values() for target in (action.get("targets") or {}).values()}
    if unused := targets.keys() - used:
        raise _invalid(f"No action is done to the target {min(unused)}.")
    _in_order(actions)
    _validate_stops(template["stopConditions"])


def _validate_target(name: str, target: Mapping[str, Any]) -> None:
    kind = target["resourceType"]
    if kind not in RESOURCE_TYPES:
        has = " and ".join(RESOURCE_TYPES)
        raise _invalid(f"The embedded AWS does not have the resource type {kind} of the target {name}: it has {has}.")
    if target.get("filters"):
        raise _invalid(f"The embedded AWS does not have filters, as of the target {name}: name a cluster or tags.")
    chosen = _MODE.fullmatch(target["selectionMode"])
    if chosen is None or (chosen[1] == "PERCENT" and int(chosen[2]) > 100) or chosen[2] == "0":
        raise _invalid(f"The selectionMode of the target {name} is ALL, COUNT(n) or PERCENT(n).")
    arns, tags, parameters = (target.get(key) or {} for key in ("resourceArns", "resourceTags", "parameters"))
    if unknown := parameters.keys() - RESOURCE_TYPES[kind].keys() if parameters else set():
        raise _invalid(f"{kind} has no parameter {min(unknown)}.")
    if bool(arns) == bool(tags or parameters):
        raise _invalid(f"The target {name} needs either resourceArns, or resourceTags or parameters.")
    if "service" in parameters and "cluster" not in parameters:
        raise _invalid(f"The target {name} names a service, and not its cluster.")


def _validate_action(
    name: str, action: Mapping[str, Any], actions: Mapping[str, Any], targets: Mapping[str, Any]
) -> None:
    known = ACTIONS.get(action["actionId"])
    if known is None:
        has = " and ".join(ACTIONS)
        raise _invalid(f"The embedded AWS does not have the action {action['actionId']}: it has {has}.")
    given = action.get("parameters") or {}
    if given.keys() != known.parameters.keys():
        wanted = ", ".join(known.parameters) or "none"
        raise _invalid(f"The parameters of the action {name} are {wanted}, not {', '.join(given) or 'none'}.")
    if "duration" in given and not SHORTEST <= duration(given["duration"]) <= LONGEST:
        raise _invalid(f"The duration of the action {name} is PT1M to PT12H, not {given['duration']}.")
    if given.get("scope", "all") != "all":
        raise _invalid(f"The embedded AWS has the scope all of {DISRUPT}, and not {given['scope']}.")
    done_to = action.get("targets") or {}
    if done_to.keys() != known.targets.keys():
        wanted = ", ".join(known.targets) or "none"
        raise _invalid(f"The targets of the action {name} are {wanted}, not {', '.join(done_to) or 'none'}.")
    for key, target in done_to.items():
        if target not in targets:
            raise _invalid(f"The action {name} is done to the target {target}, which the template has not.")
        if targets[target]["resourceType"] != known.targets[key]:
            raise _invalid(f"The action {name} is done to {known.targets[key]}, not to what {target} is.")
    for before in action.get("startAfter") or ():
        if before not in actions:
            raise _invalid(f"The action {name} starts after {before}, which the template has not.")


def _in_order(actions: Mapping[str, Any]) -> None:
    """Refuse actions that wait for each other."""
    done: set[str] = set()
    while len(done) < len(actions):
        ready = {name for name, action in actions.items() if done.issuperset(action.get("startAfter") or ())} - done
        if not ready:
            raise _invalid(f"Actions wait for each other: {', '.join(sorted(actions.keys() - done))}.")
        done |= ready


def _validate_stops(conditions: Sequence[Mapping[str, Any]]) -> None:
    for condition in conditions:
        source, value = condition["source"], condition.get("value")
        if source not in ("none", ALARM) or (source == ALARM) != bool(value):
            raise _invalid(f"A stop condition is none, or {ALARM} with the ARN of an alarm as its value.")
        if source == ALARM and ":alarm:" not in str(value):
            raise _invalid(f"The stop condition {value!r} is no ARN of an alarm.")


def select(mode: str, found: Sequence[str], chance: Random) -> list[str]:
    """Of the resources that were found those that an experiment is done to.

    PERCENT rounds down, and so may select none (documented). A COUNT of more than there are is all (our choice).
    """
    chosen = _MODE.fullmatch(mode)
    if chosen is None or chosen[1] is None:
        return list(found)
    number = int(chosen[2]) if chosen[1] == "COUNT" else len(found) * int(chosen[2]) // 100
    return chance.sample(list(found), min(number, len(found)))


def ready(actions: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Of the actions of an experiment those that start now: pending, and all that they start after is completed."""
    return [
        name
        for name, action in actions.items()
        if action["state"]["status"] == "pending"
        and all(actions[before]["state"]["status"] == "completed" for before in action.get("startAfter") or ())
    ]


def _invalid(message: str) -> Invalid:
    return Invalid("ValidationException", message)

"""Deployment groups of ECS, alarms, roll-backs and triggers: what CodeDeploy refuses.

Source: AWS CodeDeploy API Reference, *CreateDeploymentGroup* and the types that it names (documented); messages as
CodeDeploy words them where that is known (observed). What is only for instances is refused, as nothing would act on it;
`outdatedInstancesStrategy` UPDATE is not, because clients send it as the default and it has no meaning for ECS.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from drydock.policy.codedeploy.lifecycle import MAX_WAIT, ON_ALARM, ON_FAILURE, ON_REQUEST
from drydock.policy.requests.errors import Invalid

Document = Mapping[str, Any]
ECS, SERVICE = "ECS", "codedeploy.amazonaws.com"
MOST_ALARMS, MOST_TRIGGERS = 10, 10
"""Of a group (documented)."""
_INSTANCES = ("ec2TagFilters", "onPremisesInstanceTagFilters", "autoScalingGroups", "ec2TagSet", "onPremisesTagSet",
              "ec2DeploymentOptions", "terminationHookEnabled")  # fmt: skip
_EVENTS = ("DeploymentStart", "DeploymentSuccess", "DeploymentFailure", "DeploymentStop", "DeploymentRollback",
           "DeploymentReady")  # fmt: skip
_STYLE = {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
_STOP, _CONTINUE = "STOP_DEPLOYMENT", "CONTINUE_DEPLOYMENT"


def platform(given: str | None) -> None:
    """Raises Invalid for applications that nothing deploys here; without one it is Server (documented)."""
    if given != ECS:
        raise Invalid(
            "InvalidComputePlatformException",
            f"The compute platform is {given or 'Server'}. The embedded AWS deploys to ECS alone: set computePlatform "
            "to ECS.",
        )


def group(settings: Document) -> None:
    """Raises Invalid for settings of a group that it cannot have."""
    for member in _INSTANCES:
        if settings.get(member):
            raise Invalid("InvalidInputException", f"For ECS deployment group, {member} can not be specified")
    style = settings.get("deploymentStyle") or {}
    if style and not all(style.get(member) for member in _STYLE):
        raise Invalid("InvalidDeploymentStyleException", "Deployment type or deployment option cannot be null or empty")
    if any(style.get(member) != value for member, value in _STYLE.items()):
        raise Invalid(
            "InvalidDeploymentStyleException",
            "For ECS deployment, the deployment type must be BLUE_GREEN, and deployment option must be "
            "WITH_TRAFFIC_CONTROL.",
        )
    _blue_green(settings.get("blueGreenDeploymentConfiguration"))
    _load_balancer(settings.get("loadBalancerInfo"))
    services = settings.get("ecsServices") or []
    if len(services) != 1 or not (services[0].get("clusterName") and services[0].get("serviceName")):
        raise Invalid(
            "InvalidECSServiceException",
            "For ECS deployment group, ecsServices must be specified: one service, by its clusterName and serviceName.",
        )
    alarms(settings.get("alarmConfiguration"))
    rollback(settings.get("autoRollbackConfiguration"))
    _triggers(settings.get("triggerConfigurations") or [])


def _blue_green(given: Document | None) -> None:
    code = "InvalidBlueGreenDeploymentConfigurationException"
    if not given:
        raise Invalid(code, "For ECS deployment group, blueGreenDeploymentConfiguration must be specified")
    if given.get("greenFleetProvisioningOption"):
        raise Invalid(code, "For ECS deployment group, greenFleetProvisioningOption can not be specified")
    ready, end = (given.get(name) for name in ("deploymentReadyOption", "terminateBlueInstancesOnDeploymentSuccess"))
    if not ready or not ready.get("actionOnTimeout"):
        raise Invalid(code, "For ECS deployment group, deploymentReadyOption must be specified with actionOnTimeout")
    if not end or not end.get("action"):
        raise Invalid(
            code, "For ECS deployment group, terminateBlueInstancesOnDeploymentSuccess must be specified with action"
        )
    if end["action"] != "TERMINATE":
        raise Invalid(code, "For ECS deployment group, the original task set can only be terminated: set TERMINATE.")
    wait, termination = ready.get("waitTimeInMinutes") or 0, end.get("terminationWaitTimeInMinutes") or 0
    if ready["actionOnTimeout"] == _CONTINUE and wait:
        raise Invalid(code, "Deployment ready action cannot be set to 'CONTINUE_DEPLOYMENT' when timeout is specified")
    if ready["actionOnTimeout"] == _STOP and not wait:
        raise Invalid(code, "Deployment ready action STOP_DEPLOYMENT needs waitTimeInMinutes of at least 1.")
    for name, minutes in (("waitTimeInMinutes", wait), ("terminationWaitTimeInMinutes", termination)):
        if not 0 <= minutes <= MAX_WAIT:
            raise Invalid(code, f"{name} must be between 0 and {MAX_WAIT}, not {minutes}.")


def _load_balancer(given: Document | None) -> None:
    code = "InvalidLoadBalancerInfoException"
    if not given:
        raise Invalid(code, "For ECS deployment group, loadBalancerInfo must be specified")
    for member in ("elbInfo", "targetGroupInfo"):
        if given.get(f"{member}List"):
            raise Invalid(code, f"For ECS deployment group, loadBalancerInfo must not contain {member} list")
    pairs = given.get("targetGroupPairInfoList") or []
    if len(pairs) != 1:
        raise Invalid(
            "InvalidTargetGroupPairException",
            "A deployment group associated with an application that uses the ECS compute platform must contain a valid "
            "pair of target groups that identify a load balancer.",
        )
    names = [each.get("name") for each in pairs[0].get("targetGroups") or []]
    if len(names) != 2 or not all(names) or names[0] == names[1]:
        raise Invalid("InvalidTargetGroupPairException", "A pair has two different target groups, by their names.")
    listeners = (pairs[0].get("prodTrafficRoute") or {}).get("listenerArns") or []
    if len(listeners) != 1:
        raise Invalid(code, "prodTrafficRoute must have exactly one listener ARN.")
    tests = (pairs[0].get("testTrafficRoute") or {}).get("listenerArns") or []
    if len(tests) > 1:
        raise Invalid(code, "testTrafficRoute must have at most one listener ARN.")
    if listeners == tests:
        raise Invalid(code, "prodTrafficRoute and testTrafficRoute must have different listeners.")


def alarms(given: Document | None) -> None:
    """Raises Invalid for an AlarmConfiguration that is none (the causes are documented)."""
    names = [each.get("name") for each in (given or {}).get("alarms") or []]
    why = ""
    if not all(names):
        why = "The name of an alarm is empty."
    elif len(set(names)) < len(names):
        why = "Two alarms have the same name."
    elif (given or {}).get("enabled") and not names:
        why = "The alarm configuration is enabled, but the alarm list is empty."
    if why:
        raise Invalid("InvalidAlarmConfigException", why)
    if len(names) > MOST_ALARMS:
        raise Invalid("AlarmsLimitExceededException", f"A deployment group can have at most {MOST_ALARMS} alarms.")


def rollback(given: Document | None) -> None:
    """Raises Invalid for an AutoRollbackConfiguration that is none."""
    events = (given or {}).get("events") or []
    strange = [event for event in events if event not in (ON_FAILURE, ON_ALARM, ON_REQUEST)]
    if strange:
        raise Invalid("InvalidAutoRollbackConfigException", f"{strange[0]} is no event of an automatic rollback.")
    if (given or {}).get("enabled") and not events:
        raise Invalid(
            "InvalidAutoRollbackConfigException", "The automatic rollback is enabled, but no event type is listed."
        )


def _triggers(given: Sequence[Document]) -> None:
    code = "InvalidTriggerConfigException"
    if len(given) > MOST_TRIGGERS:
        raise Invalid("TriggerTargetsLimitExceededException", f"A group can have at most {MOST_TRIGGERS} triggers.")
    for trigger in given:
        if not trigger.get("triggerName") or not trigger.get("triggerEvents"):
            raise Invalid(code, "A trigger needs triggerName, triggerTargetArn and triggerEvents.")
        if not re.fullmatch(r"arn:aws:sns:[\w-]+:\d+:.+", str(trigger.get("triggerTargetArn"))):
            raise Invalid(code, f"triggerTargetArn must be the ARN of an SNS topic, not {trigger.get('triggerTargetArn')}.")  # fmt: skip  # noqa: E501
        for event in trigger["triggerEvents"]:
            if event not in _EVENTS:
                raise Invalid(code, f"{event} does not happen to an ECS service; those that do are {', '.join(_EVENTS)}.")  # fmt: skip  # noqa: E501


def with_waits(settings: Document) -> dict[str, Any]:
    """A BlueGreenDeploymentConfiguration with the waits that it does not name: none (the AWS CLI relies on it)."""
    ready, end = (
        {name: 0, **(settings.get(option) or {})}
        for option, name in (
            ("deploymentReadyOption", "waitTimeInMinutes"),
            ("terminateBlueInstancesOnDeploymentSuccess", "terminationWaitTimeInMinutes"),
        )
    )
    return {**settings, "deploymentReadyOption": ready, "terminateBlueInstancesOnDeploymentSuccess": end}


def waits_for_continue(settings: Document) -> int | None:
    """Minutes that a deployment waits for ContinueDeployment before its traffic shifts; None if it does not."""
    ready = settings["deploymentReadyOption"]
    return int(ready["waitTimeInMinutes"]) if ready["actionOnTimeout"] == _STOP else None


def keeps_original(settings: Document) -> int:
    """Minutes for which the original task set stays when all traffic has shifted."""
    return int(settings["terminateBlueInstancesOnDeploymentSuccess"]["terminationWaitTimeInMinutes"])

"""What others hear of a deployment: EventBridge, and topics of SNS that its group names."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from botocore.exceptions import ClientError

from drydock.embedded.core.host import Host
from drydock.embedded.workload import bus
from drydock.policy.codedeploy import lifecycle

from .state import Deployment

log = logging.getLogger(__name__)

_STATES = {
    lifecycle.IN_PROGRESS: ("START", "DeploymentStart"),
    lifecycle.READY: ("READY", "DeploymentReady"),
    lifecycle.SUCCEEDED: ("SUCCESS", "DeploymentSuccess"),
    lifecycle.FAILED: ("FAILURE", "DeploymentFailure"),
    lifecycle.STOPPED: ("STOP", "DeploymentStop"),
}
"""What an event calls a status, and a trigger."""
_IN_MESSAGES = {
    lifecycle.IN_PROGRESS: "CREATED", lifecycle.STOPPED: "STOPPED",
}  # others in capitals  # fmt: skip


def status(host: Host, region: str, one: Deployment) -> None:
    """A deployment has another status."""
    state, trigger = _STATES[one.status]
    prefix = f"arn:aws:codedeploy:{region}:{host.account}"
    detail = {
        "region": region,
        "application": one.application,
        "deploymentGroup": one.group,
        "deploymentId": one.id,
        "instanceGroupId": one.group_id,
        "state": state,
    }
    resources = [
        f"{prefix}:application:{one.application}",
        f"{prefix}:deploymentgroup:{one.application}/{one.group}",
    ]
    bus.tell(host, region, "aws.codedeploy", "CodeDeploy Deployment State-change Notification", resources, detail)
    _publish(host, region, one, trigger)
    if trigger == "DeploymentStart" and one.undoes:
        _publish(host, region, one, "DeploymentRollback")


def _publish(host: Host, region: str, one: Deployment, trigger: str) -> None:
    for each in one.settings.get("triggerConfigurations") or ():
        if trigger not in each["triggerEvents"]:
            continue
        message = {
            "region": region,
            "accountId": host.account,
            "eventTriggerName": each["triggerName"],
            "applicationName": one.application,
            "deploymentId": one.id,
            "deploymentGroupName": one.group,
            "createTime": _words(one.created),
            "completeTime": _words(one.completed),
            "deploymentOverview": None,
            "status": _IN_MESSAGES.get(one.status, one.status.upper()),
            "errorInformation": json.dumps(one.error) if one.error else None,
            "rollbackInformation": json.dumps(one.rollback) if one.rollback else None,
        }
        told = {name: value for name, value in message.items() if value is not None}
        try:
            host.client("sns", each["triggerTargetArn"].split(":")[3], derived=True).publish(
                TopicArn=each["triggerTargetArn"], Message=json.dumps(told), Subject=f"{trigger} {one.id}"
            )
        except ClientError as error:
            log.warning("%s of %s was not published: %s", trigger, one.id, error)


def _words(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%a %b %d %H:%M:%S UTC %Y")

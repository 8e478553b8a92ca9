"""The codes with which CodeDeploy refuses a member for its form: it has one of its own for almost each.

Source: AWS CodeDeploy API Reference, the errors of each operation (documented). That a value outside of an enumeration
gets such a code, and not a general one, is observed of `deploymentStyle` (github.com/awsdocs/
aws-cloudformation-user-guide/issues/534).
"""

from __future__ import annotations

from collections.abc import Collection

_NAMES = {
    "applicationName": "ApplicationName",
    "applicationNames": "ApplicationName",
    "newApplicationName": "ApplicationName",
    "deploymentGroupName": "DeploymentGroupName",
    "deploymentGroupNames": "DeploymentGroupName",
    "currentDeploymentGroupName": "DeploymentGroupName",
    "newDeploymentGroupName": "DeploymentGroupName",
    "deploymentConfigName": "DeploymentConfigName",
    "deploymentId": "DeploymentId",
    "deploymentIds": "DeploymentId",
    "targetId": "DeploymentTargetId",
    "targetIds": "DeploymentTargetId",
    "serviceRoleArn": "Role",
    "revision": "Revision",
    "revisions": "Revision",
    "computePlatform": "ComputePlatform",
    "resourceArn": "Arn",
    "tags": "TagsToAdd",
    "tagKeys": "TagsToAdd",
    "autoRollbackConfiguration": "AutoRollbackConfig",
    "alarmConfiguration": "AlarmConfig",
    "overrideAlarmConfiguration": "AlarmConfig",
    "blueGreenDeploymentConfiguration": "BlueGreenDeploymentConfiguration",
    "deploymentStyle": "DeploymentStyle",
    "ec2TagFilters": "EC2Tag",
    "ec2TagSet": "EC2TagCombination",
    "loadBalancerInfo": "LoadBalancerInfo",
    "onPremisesInstanceTagFilters": "Tag",
    "triggerConfigurations": "TriggerConfig",
    "trafficRoutingConfig": "TrafficRoutingConfiguration",
    "minimumHealthyHosts": "MinimumHealthyHostValue",
    "zonalConfig": "ZonalDeploymentConfiguration",
    "fileExistsBehavior": "FileExistsBehavior",
    "targetInstances": "TargetInstances",
    "deploymentWaitType": "DeploymentWaitType",
    "status": "LifecycleEventHookExecutionStatus",
    "includeOnlyStatuses": "DeploymentStatus",
    "createTimeRange": "TimeRange",
    "targetFilters": "TargetFilterName",
    "sortBy": "SortBy",
    "sortOrder": "SortOrder",
    "deployed": "DeployedStateFilter",
}
"""What an Invalid…Exception, and a …RequiredException, call each member of a request."""
_REQUIRED = {"Arn": "ResourceArnRequiredException", "TagsToAdd": "TagRequiredException"}


def code(member: str, *, missing: bool, documented: Collection[str]) -> str:
    """For a member of a request; `documented` are the errors that the operation has.

    >>> code("applicationName", missing=True, documented=["ApplicationNameRequiredException"])
    'ApplicationNameRequiredException'
    """
    name = _NAMES.get(member, "")
    required, invalid = _REQUIRED.get(name, f"{name}RequiredException"), f"Invalid{name}Exception"
    wanted = (required, invalid) if missing else (invalid,)
    return next((each for each in (*wanted, "InvalidInputException") if each in documented), "ValidationException")

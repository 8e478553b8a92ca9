"""What CodeDeploy refuses, and what it shows. Messages are AWS's own where docs or issues tell them."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.blue_green import APPLICATION, GROUP, TRUST, BlueGreen, make_blue_green
from tests.support.lab import Lab
from tests.support.stepped import World


def refused(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**request)
    told = error.value.response["Error"]
    return told["Code"], told["Message"]


def test_applications_configurations_and_revisions(world: World) -> None:
    client = world.client("codedeploy")
    tags = [{"Key": "team", "Value": "shop"}]
    made = client.create_application(applicationName="a", computePlatform="ECS", tags=tags)["applicationId"]
    shown = client.get_application(applicationName="a")["application"]
    assert (shown["applicationId"], shown["computePlatform"]) == (made, "ECS")
    arn = "arn:aws:codedeploy:us-east-1:000000000000:application:a"
    client.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    client.untag_resource(ResourceArn=arn, TagKeys=["team"])
    assert client.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    tagging = world.client("resourcegroupstaggingapi")
    [found] = tagging.get_resources(ResourceTypeFilters=["codedeploy"])["ResourceTagMappingList"]
    assert found == {"ResourceARN": arn, "Tags": [{"Key": "b", "Value": "2"}]}
    for elsewhere in ("arn:aws:s3:::b", arn.replace("us-east-1", "eu-west-1")):
        assert refused(client.tag_resource, ResourceArn=elsewhere, Tags=tags)[0] == "InvalidArnException"
    assert refused(client.create_application, applicationName="a", computePlatform="ECS")[0] == (
        "ApplicationAlreadyExistsException"
    )
    for platform in ({}, {"computePlatform": "Lambda"}):
        assert refused(client.create_application, applicationName="b", **platform)[0] == (
            "InvalidComputePlatformException"
        )
    assert refused(client.get_application, applicationName="b")[0] == "ApplicationDoesNotExistException"

    linear = {"type": "TimeBasedLinear", "timeBasedLinear": {"linearPercentage": 20, "linearInterval": 2}}
    config = {"deploymentConfigName": "fifths", "computePlatform": "ECS", "trafficRoutingConfig": linear}
    client.create_deployment_config(**config)
    assert refused(client.create_deployment_config, **config)[0] == "DeploymentConfigAlreadyExistsException"
    info = client.get_deployment_config(deploymentConfigName="fifths")["deploymentConfigInfo"]
    assert info["trafficRoutingConfig"] == linear
    canary = client.get_deployment_config(deploymentConfigName="CodeDeployDefault.ECSCanary10Percent5Minutes")
    assert canary["deploymentConfigInfo"]["trafficRoutingConfig"]["timeBasedCanary"] == {
        "canaryPercentage": 10, "canaryInterval": 5,
    }  # fmt: skip
    assert len(client.list_deployment_configs()["deploymentConfigsList"]) == 6
    assert refused(client.delete_deployment_config, deploymentConfigName="CodeDeployDefault.ECSAllAtOnce")[0] == (
        "InvalidOperationException"
    )
    client.delete_deployment_config(deploymentConfigName="fifths")
    assert refused(client.get_deployment_config, deploymentConfigName="fifths")[0] == (
        "DeploymentConfigDoesNotExistException"
    )

    revision = {"revisionType": "AppSpecContent", "appSpecContent": {"content": "version: 0.0"}}
    client.register_application_revision(applicationName="a", revision=revision, description="first")
    sha = hashlib.sha256(b"version: 0.0").hexdigest()
    [listed] = client.list_application_revisions(applicationName="a")["revisions"]
    assert listed == {"revisionType": "AppSpecContent", "appSpecContent": {"sha256": sha}}
    got = client.get_application_revision(applicationName="a", revision=listed)
    assert got["revision"]["appSpecContent"] == {"sha256": sha, "content": "version: 0.0"}
    assert got["revisionInfo"]["description"] == "first"
    wrong = {"revisionType": "String", "string": {"content": "x", "sha256": sha}}
    assert refused(client.register_application_revision, applicationName="a", revision=wrong)[0] == (
        "InvalidRevisionException"
    )
    client.update_application(applicationName="a", newApplicationName="z")
    assert client.list_applications()["applications"] == ["z"]
    assert len(client.list_application_revisions(applicationName="z")["revisions"]) == 1
    endless = {"applicationName": "z", "nextToken": "9" * 5000}
    assert refused(client.list_application_revisions, **endless)[0] == "InvalidNextTokenException"
    client.delete_application(applicationName="z")
    assert client.list_applications()["applications"] == []
    with pytest.raises(ClientError, match="does not have codedeploy:ListOnPremisesInstances"):
        client.list_on_premises_instances()


def test_a_wrong_form_has_the_code_of_its_member(world: World) -> None:
    client = world.client("codedeploy")
    client.create_application(applicationName="a", computePlatform="ECS")
    group = {"applicationName": "a", "deploymentGroupName": "g", "serviceRoleArn": "r"}
    deployment = {"deploymentId": "d-NOBODY123"}
    arn = "arn:aws:codedeploy:us-east-1:000000000000:application:a"
    many = [{"Key": str(number), "Value": "v"} for number in range(51)]
    for call, request, code in (
        (client.create_application, {"applicationName": "a" * 101}, "InvalidApplicationNameException"),
        (client.create_application, {"applicationName": "a/b"}, "InvalidApplicationNameException"),
        (
            client.create_application,
            {"applicationName": "b", "computePlatform": "EC2"},
            "InvalidComputePlatformException",
        ),
        (
            client.create_application,
            {"applicationName": "b", "computePlatform": "ECS", "tags": many},
            "InvalidTagsToAddException",
        ),
        (
            client.create_application,
            {"applicationName": "b", "computePlatform": "ECS", "tags": [{"Key": "k" * 129, "Value": "v"}]},
            "InvalidTagsToAddException",
        ),
        (
            client.create_deployment_group,
            {**group, "deploymentGroupName": "g" * 101},
            "InvalidDeploymentGroupNameException",
        ),
        (
            client.create_deployment_group,
            {**group, "deploymentStyle": {"deploymentOption": "Yes"}},
            "InvalidDeploymentStyleException",
        ),
        (client.create_deployment_group, {**group, "outdatedInstancesStrategy": "x"}, "InvalidInputException"),
        (client.stop_deployment, {"deploymentId": ""}, "DeploymentIdRequiredException"),
        (client.list_deployments, {"includeOnlyStatuses": ["Done"]}, "InvalidDeploymentStatusException"),
        (client.batch_get_deployments, {"deploymentIds": ["x"]}, "InvalidDeploymentIdException"),
        (client.batch_get_deployments, {"deploymentIds": ["d-NOBODY123"] * 26}, "BatchLimitExceededException"),
        (client.tag_resource, {"ResourceArn": arn, "Tags": []}, "TagRequiredException"),
        (client.tag_resource, {"ResourceArn": arn, "Tags": many}, "InvalidTagsToAddException"),
        (
            client.list_tags_for_resource,
            {"ResourceArn": arn.replace(":application:", ":deploymentconfig:")},
            "ArnNotSupportedException",
        ),
        (client.continue_deployment, {**deployment, "deploymentWaitType": "x"}, "InvalidDeploymentWaitTypeException"),
    ):
        assert refused(call, **request)[0] == code, request


def test_a_group_is_refused_that_could_not_deploy(world: World, lab: Lab, shop: BlueGreen) -> None:
    client, create = shop.client, shop.client.create_deployment_group
    client.create_application(applicationName=APPLICATION, computePlatform="ECS")
    definition = lab.register()
    lab.create(definition, 0, "rolling")
    assert refused(create, **shop.settings())[0] == "InvalidECSServiceException"
    rolling = [{"clusterName": "lab", "serviceName": "rolling"}]
    assert refused(create, **shop.settings(ecsServices=rolling)) == (
        "InvalidECSServiceException",
        "Deployment group's ECS service must be configured for a CODE_DEPLOY deployment controller.",
    )
    shop.service(1)
    blue_green = shop.settings()["blueGreenDeploymentConfiguration"]
    pair = shop.settings()["loadBalancerInfo"]["targetGroupPairInfoList"][0]

    def balancing(**other: Any) -> dict[str, Any]:
        return {"loadBalancerInfo": {"targetGroupPairInfoList": [{**pair, **other}]}}

    def ready(action: str, minutes: int) -> dict[str, Any]:
        option = {"actionOnTimeout": action, "waitTimeInMinutes": minutes}
        return {"blueGreenDeploymentConfiguration": {**blue_green, "deploymentReadyOption": option}}

    strangers = world.client("iam").create_role(
        RoleName="strangers", AssumeRolePolicyDocument=json.dumps(TRUST).replace("codedeploy.", "ecs.")
    )["Role"]["Arn"]
    for other, code, message in (
        ({"serviceRoleArn": strangers}, "InvalidRoleException", "Cannot assume role provided."),
        ({"serviceRoleArn": f"{shop.role}x"}, "InvalidRoleException", "Cannot assume role provided."),
        (
            {"deploymentStyle": {"deploymentType": "IN_PLACE", "deploymentOption": "WITH_TRAFFIC_CONTROL"}},
            "InvalidDeploymentStyleException",
            "must be BLUE_GREEN",
        ),
        (
            {"deploymentStyle": {"deploymentType": "BLUE_GREEN"}},
            "InvalidDeploymentStyleException",
            "Deployment type or deployment option cannot be null or empty",
        ),
        (
            {"blueGreenDeploymentConfiguration": {}},
            "InvalidBlueGreenDeploymentConfigurationException",
            "blueGreenDeploymentConfiguration must be specified",
        ),
        (
            ready("CONTINUE_DEPLOYMENT", 5),
            "InvalidBlueGreenDeploymentConfigurationException",
            "cannot be set to 'CONTINUE_DEPLOYMENT' when timeout is specified",
        ),
        (ready("STOP_DEPLOYMENT", 0), "InvalidBlueGreenDeploymentConfigurationException", "at least 1"),
        (ready("STOP_DEPLOYMENT", 2881), "InvalidBlueGreenDeploymentConfigurationException", "between 0 and 2880"),
        ({"loadBalancerInfo": {}}, "InvalidLoadBalancerInfoException", "loadBalancerInfo must be specified"),
        (
            balancing(targetGroups=[{"name": "blue"}, {"name": "nobody"}]),
            "InvalidTargetGroupPairException",
            "blue and nobody",
        ),
        (balancing(targetGroups=[{"name": "blue"}]), "InvalidTargetGroupPairException", "two different"),
        (
            balancing(prodTrafficRoute={"listenerArns": [f"{shop.production}0"]}),
            "InvalidLoadBalancerInfoException",
            "does not exist",
        ),
        ({"ecsServices": []}, "InvalidECSServiceException", "must be specified"),
        ({"deploymentConfigName": "nothing"}, "DeploymentConfigDoesNotExistException", "nothing"),
        ({"autoScalingGroups": ["group"]}, "InvalidInputException", "autoScalingGroups"),
        ({"alarmConfiguration": {"enabled": True}}, "InvalidAlarmConfigException", "alarm list is empty"),
        ({"autoRollbackConfiguration": {"enabled": True}}, "InvalidAutoRollbackConfigException", "no event"),
        (
            {"triggerConfigurations": [{"triggerName": "t", "triggerTargetArn": "arn:aws:sns:us-east-1:0:t",
                                        "triggerEvents": ["InstanceStart"]}]},
            "InvalidTriggerConfigException", "InstanceStart",
        ),
        (
            {"triggerConfigurations": [{"triggerName": "t", "triggerTargetArn": "arn:aws:sns:us-east-1:0:t",
                                        "triggerEvents": ["DeploymentStart"]}]},
            "InvalidTriggerConfigException", "t does not exist",
        ),
    ):  # fmt: skip
        told = refused(create, **shop.settings(**other))
        assert (told[0], message in told[1]) == (code, True), told
    create(**shop.settings())
    assert refused(create, **shop.settings())[0] == "DeploymentGroupAlreadyExistsException"
    assert refused(create, **shop.settings(deploymentGroupName="other"))[0] == (
        "ECSServiceMappingLimitExceededException"
    )
    assert client.list_deployment_groups(applicationName=APPLICATION)["deploymentGroups"] == [GROUP]


def test_a_group_shows_what_was_deployed_and_changes(world: World, shop: BlueGreen) -> None:
    client = shop.client
    shop.service(1)
    shop.group()
    names = {"applicationName": APPLICATION, "deploymentGroupName": GROUP}
    identity = shop.deploy()
    told = refused(shop.deploy)
    assert told == (
        "DeploymentLimitExceededException",
        f"The Deployment Group '{GROUP}' already has an active Deployment '{identity}'",
    )
    assert refused(client.get_deployment_target, deploymentId=identity, targetId="lab:app")[0] == (
        "DeploymentNotStartedException"
    )
    done = shop.until_status("Succeeded")
    assert done["createTime"] <= done["startTime"] <= done["completeTime"]
    assert "content" not in done["revision"]["appSpecContent"]
    shown = client.get_deployment_group(**names)["deploymentGroupInfo"]
    assert shown["lastSuccessfulDeployment"]["deploymentId"] == identity
    assert shown["targetRevision"] == done["revision"]
    assert shown["deploymentConfigName"] == "CodeDeployDefault.ECSAllAtOnce"
    found = client.get_application_revision(applicationName=APPLICATION, revision=done["revision"])
    assert found["revisionInfo"]["deploymentGroups"] == [GROUP]
    assert client.list_deployments(includeOnlyStatuses=["Failed"])["deployments"] == []
    times = {"start": datetime.now(UTC) + timedelta(days=1)}
    assert client.list_deployments(createTimeRange=times)["deployments"] == []
    assert client.batch_get_deployments(deploymentIds=[identity])["deploymentsInfo"][0]["status"] == "Succeeded"
    again = client.create_deployment(**names, revision=done["revision"])["deploymentId"]
    shop.until_status("Succeeded", again)
    for call in (client.stop_deployment, client.continue_deployment):
        assert refused(call, deploymentId=again)[0] == "DeploymentAlreadyCompletedException"
    assert refused(client.get_deployment, deploymentId="d-NOBODY123")[0] == "DeploymentDoesNotExistException"
    assert refused(client.get_deployment, deploymentId="x")[0] == "InvalidDeploymentIdException"
    assert refused(client.batch_get_deployment_targets, deploymentId=again, targetIds=["lab:app", "lab:b"])[0] == (
        "DeploymentTargetListSizeExceededException"
    )
    assert refused(client.get_deployment_target, deploymentId=again, targetId="other:app")[0] == (
        "DeploymentTargetDoesNotExistException"
    )
    for other, code in (
        ({"deploymentGroupName": "nobody"}, "DeploymentGroupDoesNotExistException"),
        ({"fileExistsBehavior": "RETAIN"}, "InvalidFileExistsBehaviorException"),
        ({"targetInstances": {"autoScalingGroups": ["g"]}}, "InvalidTargetInstancesException"),
        ({"revision": {"revisionType": "GitHub"}}, "InvalidRevisionException"),
        ({"revision": {"revisionType": "String", "string": {"content": "version: 1.0"}}}, "InvalidRevisionException"),
    ):
        assert refused(client.create_deployment, **{**names, "revision": done["revision"], **other})[0] == code
    client.update_deployment_group(
        applicationName=APPLICATION,
        currentDeploymentGroupName=GROUP,
        newDeploymentGroupName="renamed",
        deploymentConfigName="CodeDeployDefault.ECSCanary10Percent15Minutes",
    )
    info = client.get_deployment_group(applicationName=APPLICATION, deploymentGroupName="renamed")
    assert info["deploymentGroupInfo"]["lastAttemptedDeployment"]["deploymentId"] == again
    assert info["deploymentGroupInfo"]["deploymentConfigName"].endswith("Canary10Percent15Minutes")
    client.delete_deployment_group(applicationName=APPLICATION, deploymentGroupName="renamed")
    assert client.list_deployment_groups(applicationName=APPLICATION)["deploymentGroups"] == []
    assert shop.deployment(again)["status"] == "Succeeded"
    client.create_deployment_group(**shop.settings())
    unbegun = shop.deploy()
    client.delete_deployment_group(applicationName=APPLICATION, deploymentGroupName=GROUP)
    failed = shop.until_status("Failed", unbegun)
    assert failed["errorInformation"]["code"] == "DEPLOYMENT_GROUP_MISSING"
    client.create_deployment_group(**shop.settings())
    info = client.get_deployment_group(applicationName=APPLICATION, deploymentGroupName=GROUP)["deploymentGroupInfo"]
    assert "lastAttemptedDeployment" not in info


def test_what_cannot_be_done_fails_the_deployment(world: World, shop: BlueGreen) -> None:
    s3 = world.client("s3")
    s3.create_bucket(Bucket="specs")
    s3.put_object(Bucket="specs", Key="appspec.json", Body=shop.spec("nobody:7").encode())
    shop.service(1)
    shop.group()
    names = {"applicationName": APPLICATION, "deploymentGroupName": GROUP}
    where = {"bucket": "specs", "key": "appspec.json", "bundleType": "JSON"}
    for other in ({"key": "nothing"}, {"bucket": "nothing"}, {"bundleType": "zip"}, {"version": "1"}):
        revision = {"revisionType": "S3", "s3Location": {**where, **other}}
        assert refused(shop.client.create_deployment, **names, revision=revision)[0] == "InvalidRevisionException"
    revision = {"revisionType": "S3", "s3Location": where}
    identity = shop.client.create_deployment(**names, revision=revision)["deploymentId"]
    failed = shop.until_status("Failed", identity)
    assert failed["errorInformation"]["code"] == "ECS_UPDATE_ERROR"
    assert failed["revision"] == revision

    for function in ("nobody", "arn:nobody", "arn:aws:lambda:nobody:000000000000:function:f"):
        shop.deploy(hooks=[{"BeforeInstall": function}])
        failed = shop.until_status("Failed")
        assert failed["errorInformation"]["code"] == "INVALID_LAMBDA_FUNCTION"
        assert "nobody" in failed["errorInformation"]["message"]

    shop.lab.client("elbv2").modify_listener(
        ListenerArn=shop.production, DefaultActions=[{"Type": "forward", "TargetGroupArn": shop.green}]
    )
    shop.deploy()
    failed = shop.until_status("Failed")
    assert failed["errorInformation"] == {
        "code": "ELASTIC_LOAD_BALANCING_INVALID",
        "message": "The ELB could not be updated due to the following error: Primary taskset target group must be "
        f"behind listener {shop.production}",
    }
    assert len(shop.sets()) == 1


def test_a_network_load_balancer_only_shifts_all_at_once(lab: Lab) -> None:
    shop = make_blue_green(lab, "network")
    shop.service(1)
    shop.client.create_application(applicationName=APPLICATION, computePlatform="ECS")
    gradual = shop.settings(deploymentConfigName="CodeDeployDefault.ECSCanary10Percent5Minutes")
    assert refused(shop.client.create_deployment_group, **gradual) == (
        "InvalidTrafficRoutingConfigurationException",
        "Only ALB supports gradual traffic routing, use AllAtOnce Traffic routing instead when you create/update "
        "Deployment group.",
    )
    shop.client.create_deployment_group(**shop.settings())
    shop.deploy()
    shop.until_status("Succeeded")
    assert shop.weight() == 100

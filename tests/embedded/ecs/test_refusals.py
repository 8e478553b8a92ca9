"""What ECS has and the embedded AWS does not act on is refused; tags of everything."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.lab import Lab

PARAMETER, UNSUPPORTED = "InvalidParameterException", "UnsupportedFeatureException"
INSTANCE = "0" * 32
GROUP = "arn:aws:autoscaling:us-east-1:0:autoScalingGroup:x"
STRATEGIES: list[list[dict[str, str]]] = [
    [], [{"type": "spread", "field": "attribute:ecs.availability-zone"}, {"type": "spread", "field": "instanceId"}],
    [{"type": "binpack", "field": "memory"}], [{"type": "random"}],
]  # fmt: skip
CONSTRAINTS: list[list[dict[str, str]]] = [
    [], [{"type": "memberOf", "expression": "attribute:ecs.instance-type =~ c5.*"}], [{"type": "distinctInstance"}]
]  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "arguments", "code", "says"),
    [
        ("create_capacity_provider", {"name": "more", "taskDefinition": None, "autoScalingGroupProvider": {
            "autoScalingGroupArn": GROUP, "managedScaling": {"status": "ENABLED"}}}, UNSUPPORTED, "managed scaling"),
        ("update_capacity_provider", {"name": "ec2", "taskDefinition": None, "autoScalingGroupProvider": {
            "managedTerminationProtection": "ENABLED"}}, UNSUPPORTED, "termination protection"),
        ("discover_poll_endpoint", {"taskDefinition": None}, UNSUPPORTED, "agents of container instances"),
        ("create_service", {"launchType": "EC2", "serviceName": "s", "desiredCount": 1}, UNSUPPORTED, "type EC2"),
        ("create_service", {"serviceName": "s", "desiredCount": 1}, UNSUPPORTED, "type EC2"),
        ("create_service", {"serviceName": "s", "schedulingStrategy": "DAEMON"}, UNSUPPORTED, "type EC2"),
        ("create_service", {"serviceName": "s", "desiredCount": 1, "capacityProviderStrategy": [
            {"capacityProvider": "ec2", "weight": 1}]}, UNSUPPORTED, "capacity provider ec2"),
        ("run_task", {"launchType": "EXTERNAL"}, UNSUPPORTED, "launch type EXTERNAL"),
        ("run_task", {}, PARAMETER, "No Container Instances were found in your cluster."),
        ("start_task", {"containerInstances": [INSTANCE]}, UNSUPPORTED, "container instances"),
        ("start_task", {"cluster": "none", "containerInstances": [INSTANCE]}, "ClusterNotFoundException", ""),
        ("register_container_instance", {"taskDefinition": None}, UNSUPPORTED, "container instances"),
        ("deregister_container_instance", {"containerInstance": INSTANCE, "taskDefinition": None}, PARAMETER, ""),
        ("put_attributes", {"attributes": [{"name": "a", "targetId": INSTANCE}], "taskDefinition": None},
         "TargetNotFoundException", INSTANCE),
        ("create_task_set", {"service": "none"}, "ServiceNotFoundException", ""),
        ("create_task_set", {"service": "fargate"}, PARAMETER, "external deployment controllers"),
        ("delete_task_set", {"service": "fargate", "taskSet": "ecs-svc/1", "taskDefinition": None}, PARAMETER,
         "external deployment controllers"),
        ("describe_task_sets", {"service": "fargate", "taskDefinition": None}, PARAMETER,
         "external deployment controllers"),
        ("delete_capacity_provider", {"capacityProvider": "none", "taskDefinition": None}, "ClientException", "exist"),
        ("delete_capacity_provider", {"capacityProvider": "ec2", "taskDefinition": None}, "ClientException", "lab"),
        ("delete_capacity_provider", {"capacityProvider": "FARGATE", "taskDefinition": None}, "ClientException", ""),
        ("create_capacity_provider", {"name": "mi", "taskDefinition": None, "managedInstancesProvider": {
            "infrastructureRoleArn": "arn:aws:iam::000000000000:role/r", "instanceLaunchTemplate": {
                "ec2InstanceProfileArn": "arn:aws:iam::000000000000:instance-profile/p",
                "networkConfiguration": {"subnets": ["subnet-1"]}}}}, UNSUPPORTED, "Managed Instances"),
        ("tag_resource", {"resourceArn": "arn:aws:ecs:us-east-1:000000000000:cluster/lab", "tags": [{}],
         "taskDefinition": None}, PARAMETER, "Tag key"),
        ("tag_resource", {"resourceArn": "arn:aws:ecs:us-east-1:000000000000:service/lab/none", "tags": [],
         "taskDefinition": None}, PARAMETER, "not found"),
    ],
)  # fmt: skip
def test_what_would_need_container_instances_or_another_controller_is_refused_and_not_kept(
    client: Any, operation: str, arguments: dict[str, Any], code: str, says: str
) -> None:
    ecs = client("ecs")
    ecs.create_capacity_provider(
        name="ec2",
        autoScalingGroupProvider={"autoScalingGroupArn": GROUP},
    )
    ecs.create_cluster(clusterName="lab", capacityProviders=["FARGATE", "ec2"])
    containers = [{"name": "a", "image": "a", "memory": 128}]
    ecs.register_task_definition(family="d", containerDefinitions=containers)
    ecs.register_task_definition(
        family="f", containerDefinitions=containers, networkMode="awsvpc", requiresCompatibilities=["FARGATE"],
        cpu="256", memory="512", executionRoleArn="arn:aws:iam::000000000000:role/r",
    )  # fmt: skip
    subnet = client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    ecs.create_service(
        cluster="lab", serviceName="fargate", taskDefinition="f", desiredCount=0, launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet]}},
    )  # fmt: skip
    takes = ecs.meta.service_model.operation_model(ecs.meta.method_to_api_mapping[operation]).input_shape.members
    given = {"cluster": "lab", "taskDefinition": "d", **arguments}
    given = {key: value for key, value in given.items() if key in takes and value is not None}
    with pytest.raises(ClientError) as caught:
        getattr(ecs, operation)(**given)
    error = caught.value.response["Error"]
    assert error["Code"] == code
    assert says in error["Message"]
    assert [arn.rsplit("/")[-1] for arn in ecs.list_services(cluster="lab")["serviceArns"]] == ["fargate"]
    assert ecs.list_tasks(cluster="lab")["taskArns"] == []
    assert ecs.list_container_instances(cluster="lab")["containerInstanceArns"] == []
    assert ecs.describe_clusters(clusters=["lab"])["clusters"][0]["registeredContainerInstancesCount"] == 0


def test_no_placement_on_instances_is_taken_by_any_way_there(lab: Lab) -> None:
    """What `policy.ecs.placement` would place is refused: with a reason, and nothing of it is kept."""
    group = {"autoScalingGroupArn": GROUP}
    lab.ecs.create_capacity_provider(name="ec2", autoScalingGroupProvider=group)
    provider = [{"capacityProvider": "ec2", "weight": 1}]
    lab.ecs.create_cluster(clusterName="instances", capacityProviders=["ec2"], defaultCapacityProviderStrategy=provider)
    lab.create(lab.register(), 0)
    lab.ecs.register_task_definition(family="ec2", containerDefinitions=[{"name": "a", "image": "a", "memory": 128}])
    service = {"serviceName": "s", "desiredCount": 1, "taskDefinition": "ec2"}
    ways: list[tuple[str, dict[str, Any], str]] = [
        ("run_task", {"cluster": "lab", "launchType": "EC2", "taskDefinition": "ec2"}, PARAMETER),
        ("run_task", {"cluster": "instances", "taskDefinition": "ec2"}, UNSUPPORTED),
        ("run_task", {"cluster": "instances", "capacityProviderStrategy": provider, "taskDefinition": "ec2"},
         UNSUPPORTED),
        ("create_service", {"cluster": "lab", "launchType": "EC2", **service}, UNSUPPORTED),
        ("create_service", {"cluster": "instances", **service}, UNSUPPORTED),
        ("update_service", {"cluster": "lab", "service": "app"}, PARAMETER),
    ]  # fmt: skip
    for operation, arguments, code in ways:
        for strategy, constraints in itertools.product(STRATEGIES, CONSTRAINTS):
            if operation == "update_service" and not strategy and not constraints:
                continue
            placement = {"placementStrategy": strategy, "placementConstraints": constraints}
            with pytest.raises(ClientError) as caught:
                getattr(lab.ecs, operation)(**arguments, **placement)
            error = caught.value.response["Error"]
            assert error["Code"] == code, error
            assert "Fargate only" in error["Message"] or "Container Instances" in error["Message"] or (
                "not supported with FARGATE" in error["Message"]
            )  # fmt: skip
    for cluster, names in (("lab", ["app"]), ("instances", [])):
        assert [arn.rsplit("/")[-1] for arn in lab.ecs.list_services(cluster=cluster)["serviceArns"]] == names
        assert lab.ecs.list_tasks(cluster=cluster)["taskArns"] == []
    assert not lab.service().get("placementStrategy") and not lab.service().get("placementConstraints")


def test_a_service_does_not_move_to_instances(lab: Lab) -> None:
    lab.create(lab.register(), 0)
    lab.ecs.create_capacity_provider(
        name="ec2",
        autoScalingGroupProvider={"autoScalingGroupArn": GROUP},
    )
    lab.ecs.put_cluster_capacity_providers(
        cluster="lab", capacityProviders=["FARGATE", "ec2"], defaultCapacityProviderStrategy=[]
    )
    with pytest.raises(ClientError) as caught:
        lab.ecs.update_service(
            cluster="lab", service="app", capacityProviderStrategy=[{"capacityProvider": "ec2", "weight": 1}]
        )
    assert caught.value.response["Error"]["Code"] == UNSUPPORTED
    assert lab.service()["launchType"] == "FARGATE"


def test_every_kind_of_resource_takes_tags(lab: Lab) -> None:
    definition = lab.register()
    lab.create(definition, 0)
    for arn in (
        "arn:aws:ecs:us-east-1:000000000000:cluster/lab",
        "arn:aws:ecs:us-east-1:000000000000:service/lab/app",
        definition,
        lab.run(definition)["taskArn"],
    ):
        lab.ecs.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}])
        lab.ecs.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "3"}])
        lab.ecs.untag_resource(resourceArn=arn, tagKeys=["b"])
        assert lab.ecs.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "a", "value": "3"}]
        found = lab.client("resourcegroupstaggingapi").get_resources(TagFilters=[{"Key": "a", "Values": ["3"]}])
        assert arn in [each["ResourceARN"] for each in found["ResourceTagMappingList"]]


def test_nothing_is_stopped_by_an_identifier_that_is_not_its_own(lab: Lab) -> None:
    lab.ecs.create_cluster(clusterName="other")
    arn = lab.run(lab.register())["taskArn"]
    wrong = r"Invalid identifier: Identifier is for cluster lab\. Your cluster is other"
    for call in (
        lambda: lab.ecs.stop_task(cluster="other", task=arn),
        lambda: lab.ecs.describe_tasks(cluster="other", tasks=[arn]),
        lambda: lab.ecs.describe_services(cluster="other", services=[arn.replace(":task/", ":service/")]),
        lambda: lab.ecs.execute_command(cluster="other", task=arn, interactive=True, command="ls"),
    ):
        with pytest.raises(ClientError, match=wrong):
            call()
    for identifier in (
        arn.replace("task/lab", "task/other"),
        arn.replace(":task/", ":service/"),
        arn.replace("us-east-1", "eu-west-1"),
    ):
        with pytest.raises(ClientError, match="InvalidParameterException"):
            lab.ecs.stop_task(cluster="lab", task=identifier)
    with pytest.raises(ClientError, match=r"Identifier is for cluster lab\. Your cluster is default"):
        lab.ecs.describe_tasks(tasks=[arn])
    assert lab.task(arn)["desiredStatus"] == "RUNNING"

"""Stacks: what they make runs as if it had been made by calls, and is taken back as a whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.clients import client_of
from tests.support.lab import Lab, make_lab
from tests.support.waiting import eventually

from drydock.embedded.assembly import AWS

ROLE = "arn:aws:iam::000000000000:role/execution"


def definition(image: str, **more: Any) -> dict[str, Any]:
    container = {"Name": "app", "Image": image, "PortMappings": [{"ContainerPort": "8080"}], **more}
    return {
        "Type": "AWS::ECS::TaskDefinition",
        "Properties": {
            "Family": "app", "NetworkMode": "awsvpc", "RequiresCompatibilities": ["FARGATE"], "Cpu": 256,
            "Memory": "512", "ExecutionRoleArn": ROLE, "ContainerDefinitions": [container],
        },
    }  # fmt: skip


def service(lab: Lab, **more: Any) -> dict[str, Any]:
    network = {"AwsvpcConfiguration": {"Subnets": lab.subnets}}
    return {
        "Type": "AWS::ECS::Service",
        "Properties": {
            "Cluster": {"Ref": "Cluster"}, "ServiceName": "app", "TaskDefinition": {"Ref": "Definition"},
            "LaunchType": "FARGATE", "NetworkConfiguration": network, **more,
        },
    }  # fmt: skip


def whole(lab: Lab, count: Any = 1, **container: Any) -> dict[str, Any]:
    balanced = [{"ContainerName": "app", "ContainerPort": 8080, "TargetGroupArn": {"Ref": "Group"}}]
    made = service(lab, DesiredCount=count, LoadBalancers=balanced, ServiceRegistries=[
        {"RegistryArn": {"Fn::GetAtt": ["Discovery", "Arn"]}}])  # fmt: skip
    return {
        "Resources": {
            "Service": {**made, "DependsOn": "Listener"},
            "Cluster": {"Type": "AWS::ECS::Cluster", "Properties": {
                "ClusterSettings": [{"Name": "containerInsights", "Value": "enabled"}]}},
            "Definition": definition(lab.image, **container),
            "Balancer": {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {
                "Subnets": lab.subnets, "LoadBalancerAttributes": [
                    {"Key": "idle_timeout.timeout_seconds", "Value": "30"}]}},
            "Group": {"Type": "AWS::ElasticLoadBalancingV2::TargetGroup", "Properties": {
                "Port": "8080", "Protocol": "HTTP", "VpcId": lab.vpc, "TargetType": "ip",
                "HealthCheckIntervalSeconds": "10", "TargetGroupAttributes": [
                    {"Key": "deregistration_delay.timeout_seconds", "Value": "5"}]}},
            "Listener": {"Type": "AWS::ElasticLoadBalancingV2::Listener", "Properties": {
                "LoadBalancerArn": {"Ref": "Balancer"}, "Port": 80, "Protocol": "HTTP",
                "DefaultActions": [{"Type": "forward", "TargetGroupArn": {"Ref": "Group"}}]}},
            "Namespace": {"Type": "AWS::ServiceDiscovery::PrivateDnsNamespace", "Properties": {
                "Name": "stack.internal", "Vpc": lab.vpc}},
            "Discovery": {"Type": "AWS::ServiceDiscovery::Service", "Properties": {
                "Name": "app", "NamespaceId": {"Ref": "Namespace"},
                "DnsConfig": {"DnsRecords": [{"Type": "A", "TTL": "10"}]}}},
            "Repository": {"Type": "AWS::ECR::Repository", "Properties": {"ImageTagMutability": "IMMUTABLE"}},
            "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/stack", "RetentionInDays": 7}},
        },
        "Outputs": {
            "Address": {"Value": {"Fn::GetAtt": ["Balancer", "DNSName"]}, "Export": {"Name": "address"}},
            "Uri": {"Value": {"Fn::GetAtt": ["Repository", "RepositoryUri"]}},
        },
    }  # fmt: skip


def stack(client: Any, name: str = "app") -> dict[str, Any]:
    return dict(client("cloudformation").describe_stacks(StackName=name)["Stacks"][0])


def done(client: Any, name: str = "app") -> str:
    """The status once nothing is in progress."""
    return str(eventually(lambda: (s := stack(client, name)["StackStatus"]).endswith("_IN_PROGRESS") is False and s))


def create(client: Any, template: dict[str, Any], name: str = "app", **more: Any) -> str:
    return str(
        client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template), **more)["StackId"]
    )


def reason(client: Any, name: str = "app") -> str:
    events = client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    return next(e["ResourceStatusReason"] for e in events if e["ResourceStatus"].endswith("_FAILED"))


def test_a_stack_runs_is_changed_outlives_a_restart_and_goes(tmp_path: Path) -> None:
    host = AWS(tmp_path / "aws", seed="stack")
    host.listen()
    host.run()
    lab = make_lab(lambda name: client_of(host, name))
    client = lab.client
    identifier = create(client, whole(lab))
    assert stack(client)["StackStatus"] == "CREATE_IN_PROGRESS"
    assert done(client) == "CREATE_COMPLETE"
    outputs = {o["OutputKey"]: o["OutputValue"] for o in stack(client)["Outputs"]}
    balancer = client("elbv2").describe_load_balancers()["LoadBalancers"][0]
    assert outputs["Address"] == balancer["DNSName"]
    assert outputs["Uri"].endswith(client("ecr").describe_repositories()["repositories"][-1]["repositoryName"])
    resources = client("cloudformation").describe_stack_resources(StackName="app")["StackResources"]
    ids = {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in resources}
    cluster = ids["Cluster"]

    def shown() -> dict[str, Any]:
        return dict(client("ecs").describe_services(cluster=cluster, services=["app"])["services"][0])

    assert (shown()["runningCount"], shown()["serviceArn"]) == (1, ids["Service"])
    health = client("elbv2").describe_target_health(TargetGroupArn=ids["Group"])["TargetHealthDescriptions"]
    assert [each["TargetHealth"]["State"] for each in health] == ["healthy"]
    assert [n["Name"] for n in client("servicediscovery").list_namespaces()["Namespaces"]] == ["stack.internal"]
    assert client("logs").describe_log_groups(logGroupNamePrefix="/stack")["logGroups"][0]["retentionInDays"] == 7

    changed = whole(lab, "2", Environment=[{"Name": "A", "Value": "B"}])
    changed["Resources"]["Logs"]["Properties"]["RetentionInDays"] = 14
    client("cloudformation").update_stack(StackName="app", TemplateBody=json.dumps(changed))
    assert done(client) == "UPDATE_COMPLETE"
    assert (shown()["runningCount"], shown()["taskDefinition"].rsplit(":")[-1]) == (2, "2")
    assert client("logs").describe_log_groups(logGroupNamePrefix="/stack")["logGroups"][0]["retentionInDays"] == 14
    host.close()

    host = AWS(tmp_path / "aws")
    host.listen()
    host.restore()
    host.run()
    lab.client = client = lambda name: client_of(host, name)
    resources = client("cloudformation").describe_stack_resources(StackName="app")["StackResources"]
    after = {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in resources}
    assert {**after, "Definition": ""} == {**ids, "Definition": ""}
    assert client("elbv2").describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"] == ids["Balancer"]
    eventually(lambda: shown()["runningCount"] == 2)
    client("cloudformation").delete_stack(StackName="app")
    eventually(
        lambda: (
            client("cloudformation").describe_stacks(StackName=identifier)["Stacks"][0]["StackStatus"]
            == "DELETE_COMPLETE"
        )
    )
    assert client("ecs").describe_clusters(clusters=[cluster])["clusters"][0]["status"] == "INACTIVE"
    assert client("elbv2").describe_load_balancers()["LoadBalancers"] == []
    assert client("servicediscovery").list_namespaces()["Namespaces"] == []
    assert client("logs").describe_log_groups(logGroupNamePrefix="/stack")["logGroups"] == []
    host.close()

    host = AWS(tmp_path / "aws")
    host.listen()
    host.restore()
    host.step()
    assert host.client("cloudformation", "us-east-1").describe_stacks()["Stacks"] == []
    assert host.client("servicediscovery", "us-east-1").list_namespaces()["Namespaces"] == []
    assert host.client("ecs", "us-east-1").list_clusters()["clusterArns"] == [
        "arn:aws:ecs:us-east-1:000000000000:cluster/lab"
    ]
    host.close()


CLUSTER = {"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": "made"}}


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"Type": "AWS::ECS::Service", "Properties": {"Cluster": {"Ref": "Cluster"}, "TaskDefinition": "none"}},
         "TaskDefinition"),
        ({"Type": "AWS::ECS::Service", "Properties": {"Cluster": {"Ref": "Cluster"}, "TaskDefinition": "x",
                                                      "LaunchType": "EC2", "DesiredCount": "many"}}, "DesiredCount"),
        ({"Type": "AWS::ECS::Cluster", "Properties": {"ClusterNames": "x"}}, "unsupported property ClusterNames"),
        ({"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "DependsOn": "Cluster",
          "Properties": {"Subnets": ["subnet-none"]}}, "subnet-none"),
        ({"Type": "AWS::ECR::Repository", "DependsOn": "Cluster", "Properties": {"RepositoryName": "UPPER"}},
         "repositoryName"),
    ],
)  # fmt: skip
def test_a_stack_that_cannot_be_made_is_rolled_back_and_says_why(client: Any, broken: Any, says: str) -> None:
    create(client, {"Resources": {"Cluster": CLUSTER, "Broken": broken}})
    assert done(client) == "ROLLBACK_COMPLETE"
    assert says in reason(client)
    assert client("ecs").list_clusters()["clusterArns"] == []
    client("cloudformation").delete_stack(StackName="app")
    create(client, {"Resources": {"Cluster": CLUSTER}})
    assert done(client) == "CREATE_COMPLETE"


def test_on_failure_says_what_is_left(client: Any) -> None:
    broken = {"Type": "AWS::ECS::Service", "Properties": {"Cluster": {"Ref": "Cluster"}, "TaskDefinition": "none"}}
    create(client, {"Resources": {"Cluster": CLUSTER, "Broken": broken}}, OnFailure="DO_NOTHING")
    assert done(client) == "CREATE_FAILED"
    assert len(client("ecs").list_clusters()["clusterArns"]) == 1


def test_a_failed_update_is_taken_back(client: Any) -> None:
    create(client, {"Resources": {"Cluster": CLUSTER}})
    changed = {"Resources": {"Cluster": CLUSTER, "Second": {
        "Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": "not a name"}}}}  # fmt: skip
    client("cloudformation").update_stack(StackName="app", TemplateBody=json.dumps(changed))
    assert done(client) == "UPDATE_ROLLBACK_COMPLETE"
    assert [arn.rsplit("/")[-1] for arn in client("ecs").list_clusters()["clusterArns"]] == ["made"]


@pytest.mark.parametrize(
    ("resources", "says"),
    [
        ({"A": {"Type": "AWS::ECS::Daemon", "Properties": {}}}, "Unrecognized resource types: [AWS::ECS::Daemon]"),
        ({"A": {"Type": "AWS::MadeUp::Thing"}, "C": CLUSTER}, "Unrecognized resource types: [AWS::MadeUp::Thing]"),
        ({"A": {**CLUSTER, "DependsOn": "B"}}, "Unresolved resource dependencies [B]"),
        ({"A": {"Type": "AWS::ECS::Cluster", "Properties": {"ClusterName": {"Ref": "No"}}}}, "dependencies [No]"),
        ({"A": {}}, "Type"),
        ({"A": {**CLUSTER, "DependsOn": "B"}, "B": {**CLUSTER, "DependsOn": "A"}}, "Circular dependency"),
    ],
)
def test_a_template_that_names_what_is_not_there_is_refused(client: Any, resources: Any, says: str) -> None:
    with pytest.raises(ClientError, match="ValidationError") as caught:
        create(client, {"Resources": resources})
    assert says in caught.value.response["Error"]["Message"]
    assert client("cloudformation").describe_stacks()["Stacks"] == []


def test_a_stack_that_cannot_be_deleted_stays(client: Any) -> None:
    create(client, {"Resources": {"R": {"Type": "AWS::ECR::Repository", "Properties": {"RepositoryName": "full"}}}})
    ecr = client("ecr")
    manifest = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []})
    ecr.put_image(repositoryName="full", imageManifest=manifest, imageTag="v1")
    client("cloudformation").delete_stack(StackName="app")
    assert done(client) == "DELETE_FAILED"
    ecr.batch_delete_image(repositoryName="full", imageIds=[{"imageTag": "v1"}])
    client("cloudformation").delete_stack(StackName="app")
    assert client("cloudformation").describe_stacks()["Stacks"] == []
    assert ecr.describe_repositories()["repositories"] == []


def test_change_sets_as_deploying_tools_use_them(client: Any) -> None:
    cloudformation = client("cloudformation")
    cloudformation.delete_change_set(StackName="app", ChangeSetName="none")
    template = {"Resources": {"Cluster": CLUSTER}, "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Cluster", "Arn"]}}}}
    given = {"StackName": "app", "ChangeSetName": "first", "TemplateBody": json.dumps(template)}
    cloudformation.create_change_set(**given, ChangeSetType="CREATE")
    assert client("ecs").list_clusters()["clusterArns"] == []
    cloudformation.execute_change_set(StackName="app", ChangeSetName="first")
    assert done(client) == "CREATE_COMPLETE"
    (output,) = stack(client)["Outputs"]
    assert output["OutputValue"] == client("ecs").list_clusters()["clusterArns"][0]
    cloudformation.delete_change_set(StackName="app", ChangeSetName="first")
    with pytest.raises(ClientError):
        cloudformation.execute_change_set(StackName="app", ChangeSetName="first")


def test_a_stack_of_a_vpc_goes_with_all_that_is_in_it(host: AWS) -> None:
    def of(kind: str, **properties: Any) -> dict[str, Any]:
        return {"Type": f"AWS::EC2::{kind}", "Properties": properties}

    def ref(name: str) -> dict[str, str]:
        return {"Ref": name}

    subnets = {
        f"Subnet{zone}": of(
            "Subnet", VpcId=ref("VPC"), CidrBlock=f"10.50.{number}.0/24", AvailabilityZone=f"us-east-1{zone}"
        )
        for number, zone in enumerate("ab")
    }
    template = {
        "Resources": {
            "VPC": of("VPC", CidrBlock="10.50.0.0/16"),
            **subnets,
            "Gateway": of("InternetGateway"),
            "Attached": of("VPCGatewayAttachment", VpcId=ref("VPC"), InternetGatewayId=ref("Gateway")),
            "Table": of("RouteTable", VpcId=ref("VPC")),
            "Route": {
                **of("Route", RouteTableId=ref("Table"), DestinationCidrBlock="0.0.0.0/0", GatewayId=ref("Gateway")),
                "DependsOn": "Attached",
            },
            "Association": of("SubnetRouteTableAssociation", RouteTableId=ref("Table"), SubnetId=ref("Subneta")),
            "Address": of("EIP", Domain="vpc"),
            "Nat": of(
                "NatGateway", SubnetId=ref("Subneta"), AllocationId={"Fn::GetAtt": ["Address", "AllocationId"]}
            ),
            "Endpoint": of(
                "VPCEndpoint",
                VpcId=ref("VPC"),
                ServiceName="com.amazonaws.us-east-1.ecr.api",
                VpcEndpointType="Interface",
                SubnetIds=[ref("Subneta")],
            ),
            "Web": of("SecurityGroup", VpcId=ref("VPC"), GroupDescription="web"),
            "App": of("SecurityGroup", VpcId=ref("VPC"), GroupDescription="app"),
            "FromWeb": of(
                "SecurityGroupIngress", GroupId={"Fn::GetAtt": ["App", "GroupId"]}, IpProtocol="tcp", FromPort=80,
                ToPort=80, SourceSecurityGroupId={"Fn::GetAtt": ["Web", "GroupId"]},
            ),
            "FromApp": of(
                "SecurityGroupIngress", GroupId={"Fn::GetAtt": ["Web", "GroupId"]}, IpProtocol="tcp", FromPort=80,
                ToPort=80, SourceSecurityGroupId={"Fn::GetAtt": ["App", "GroupId"]},
            ),
            "Interface": of("NetworkInterface", SubnetId=ref("Subnetb")),
        }
    }  # fmt: skip
    cloudformation, ec2 = client_of(host, "cloudformation"), client_of(host, "ec2")
    cloudformation.create_stack(StackName="network", TemplateBody=json.dumps(template))
    arn = cloudformation.describe_stacks(StackName="network")["Stacks"][0]["StackId"]

    def status() -> str:
        return str(cloudformation.describe_stacks(StackName=arn)["Stacks"][0]["StackStatus"])

    eventually(lambda: status() == "CREATE_COMPLETE")
    vpc = ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.50.0.0/16"]}])["Vpcs"][0]["VpcId"]
    cloudformation.delete_stack(StackName="network")
    eventually(lambda: status() == "DELETE_COMPLETE")
    mine = [{"Name": "vpc-id", "Values": [vpc]}]
    assert ec2.describe_vpcs(Filters=mine)["Vpcs"] == []
    assert ec2.describe_network_interfaces(Filters=mine)["NetworkInterfaces"] == []
    assert ec2.describe_addresses()["Addresses"] == []
    assert ec2.describe_internet_gateways()["InternetGateways"] == []
    assert {one["State"] for one in ec2.describe_nat_gateways()["NatGateways"]} <= {"deleted"}

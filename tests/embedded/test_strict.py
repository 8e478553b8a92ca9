"""The strict profile: what AWS does later, or not at once, happens so here, in AWS seconds that the test counts."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from drydock.policy.profiles import STRICT
from tests.support.clients import client_of
from tests.support.lab import Lab
from tests.support.stepped import World
from tests.support.web import Network, forward, make_network

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)
UNUSABLE = "ECS was unable to assume the role"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "aws", "strict")
    yield world
    world.close()


@pytest.fixture
def lab(world: World) -> Lab:
    """What a service needs, in an account that has had ECS for a while."""
    iam = world.client("iam")
    iam.create_role(RoleName="execution", AssumeRolePolicyDocument=TRUST)
    iam.create_service_linked_role(AWSServiceName="ecs.amazonaws.com")
    world.pass_time(STRICT.role)
    lab = world.lab()
    world.pass_time(STRICT.ecs_reads)
    return lab


@pytest.fixture
def network(world: World) -> Network:
    return make_network(world.host, world.client)


def refused(call: Any, **request: Any) -> tuple[str, str]:
    """Code and message of the error that a call gets."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def story(world: World, look: Any, seconds: int) -> dict[Any, int]:
    """What `look` answers in these AWS seconds, each with the second at which it began."""
    began, told = world.clock.time(), {look(): 0}
    for _ in range(seconds):
        world.pass_time(1)
        told.setdefault(look(), round(world.clock.time() - began))
    return told


# -- load balancers ---------------------------------------------------------------------------------------


def test_a_load_balancer_takes_minutes_and_its_targets_are_initial_meanwhile(world: World, network: Network) -> None:
    balancer = network.load_balancer()
    group = network.target_group("tg", 5)
    network.listener(balancer, forward((group, 1)))

    def look() -> tuple[str, str, bool]:
        [found] = network.elb.describe_load_balancers(LoadBalancerArns=[balancer["LoadBalancerArn"]])["LoadBalancers"]
        [state] = network.states(group)
        served = world.envoy.applied.get("elbv2")
        return found["State"]["Code"], state, bool(served and served.listeners)

    told = story(world, look, 160)
    assert list(told) == [("provisioning", "initial", False), ("active", "healthy", True)]
    assert told["active", "healthy", True] == STRICT.load_balancer


def test_the_interfaces_of_a_deleted_load_balancer_keep_its_subnets_and_groups(world: World, network: Network) -> None:
    ec2 = world.client("ec2")
    balancer = network.load_balancer()
    [found] = network.elb.describe_load_balancers(LoadBalancerArns=[balancer["LoadBalancerArn"]])["LoadBalancers"]
    subnet = found["AvailabilityZones"][0]["SubnetId"]
    network.elb.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])
    assert refused(ec2.delete_subnet, SubnetId=subnet)[0] == "DependencyViolation"
    world.pass_time(STRICT.balancer_interfaces)
    ec2.delete_subnet(SubnetId=subnet)


def test_there_are_fifty_load_balancers_in_a_region(world: World, network: Network) -> None:
    subnets = network.subnets[:2]
    for number in range(50):
        network.elb.create_load_balancer(Name=f"lb-{number}", Subnets=subnets)
    code, _ = refused(network.elb.create_load_balancer, Name="one-more", Subnets=subnets)
    assert code == "TooManyLoadBalancers"
    network.elb.create_load_balancer(Name="lb-0", Subnets=subnets)  # which is there
    network.elb.create_load_balancer(Name="net", Subnets=subnets, Type="network")


# -- tasks ------------------------------------------------------------------------------------------------


def test_every_task_is_provisioned_waits_and_pulls_anew(world: World, lab: Lab) -> None:
    definition = lab.register()
    for _ in range(2):
        arn = lab.run(definition)["taskArn"]
        world.pass_time(STRICT.ecs_reads)
        told = story(world, lambda arn=arn: lab.task(arn)["lastStatus"], 50)
        assert list(told) == ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING"]
        waits = STRICT.task_provisioning + STRICT.task_pending + STRICT.image_pull
        assert told["RUNNING"] == waits - STRICT.ecs_reads
        assert 30 <= waits <= 60
        shown = lab.task(arn)
        pulled = (shown["pullStoppedAt"] - shown["pullStartedAt"]).total_seconds() * world.clock.speed
        assert round(pulled) == STRICT.image_pull


def test_the_interface_of_a_task_that_has_ended_keeps_its_subnet(world: World, lab: Lab) -> None:
    ec2 = world.client("ec2")
    arn = lab.run(lab.register())["taskArn"]
    lab.until(lambda: lab.ecs.list_tasks(cluster="lab")["taskArns"] and lab.task(arn)["lastStatus"] == "RUNNING")
    subnet = next(one["value"] for one in lab.task(arn)["attachments"][0]["details"] if one["name"] == "subnetId")
    lab.ecs.stop_task(cluster="lab", task=arn)
    lab.until(lambda: lab.task(arn)["lastStatus"] == "DEPROVISIONING")
    world.pass_time(STRICT.task_deprovisioning - 2)
    assert refused(ec2.delete_subnet, SubnetId=subnet)[0] == "DependencyViolation"
    lab.until_stopped(arn)
    ec2.delete_subnet(SubnetId=subnet)


def test_what_a_call_has_made_is_seen_a_moment_later(world: World, lab: Lab) -> None:
    arn = lab.run(lab.register())["taskArn"]
    lab.create(lab.register(), 1)
    lab.ecs.create_cluster(clusterName="other")

    def look() -> tuple[str, ...]:
        tasks = lab.ecs.describe_tasks(cluster="lab", tasks=[arn])
        services = lab.ecs.describe_services(cluster="lab", services=["app"])
        clusters = lab.ecs.describe_clusters(clusters=["other"])
        missing = [one["reason"] for answer in (tasks, services, clusters) for one in answer["failures"]]
        listed = [
            *(one for one in lab.ecs.list_tasks(cluster="lab")["taskArns"] if one == arn),
            *lab.ecs.list_services(cluster="lab")["serviceArns"],
            *(one for one in lab.ecs.list_clusters()["clusterArns"] if one.endswith("/other")),
        ]
        return (*missing, *(one.split(":")[5].split("/")[0] for one in listed))

    assert look() == ("MISSING",) * 3
    world.clock.advance(STRICT.ecs_reads)
    assert look() == ("task", "service", "cluster")


def test_a_new_role_cannot_be_assumed_at_once(world: World, lab: Lab) -> None:
    iam = world.client("iam")
    role = iam.create_role(RoleName="task", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    definition = lab.register(taskRoleArn=role)
    request = {"cluster": "lab", "taskDefinition": definition, "networkConfiguration": lab.network}
    code, message = refused(lab.ecs.run_task, **request, launchType="FARGATE")
    assert (code, message[: len(UNUSABLE)], role in message) == ("ClientException", UNUSABLE, True)
    world.pass_time(STRICT.role)
    lab.run(definition)
    iam.delete_role(RoleName="task")
    assert refused(lab.ecs.run_task, **request, launchType="FARGATE")[0] == "ClientException"
    other = TRUST.replace("ecs-tasks", "ec2")
    role = iam.create_role(RoleName="of-ec2", AssumeRolePolicyDocument=other)["Role"]["Arn"]
    world.pass_time(STRICT.role)
    wrong = {"taskRoleArn": role}
    assert refused(lab.ecs.run_task, **request, launchType="FARGATE", overrides=wrong)[0] == "ClientException"
    given = {"taskRoleArn": "arn:aws:iam::000000000000:role/execution"}
    lab.run(definition, overrides=given)


@pytest.mark.filterwarnings("ignore:SOCKS support")  # of urllib3's, when moto imports it
def test_a_function_waits_for_its_role(world: World) -> None:
    iam, functions = world.client("iam"), world.client("lambda")
    roles = {
        service: iam.create_role(RoleName=service, AssumeRolePolicyDocument=TRUST.replace("ecs-tasks", service))["Role"]
        for service in ("lambda", "ec2")
    }
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("f.py", "")
    asked = {
        "FunctionName": "f", "Runtime": "python3.12", "Handler": "f.handler", "Code": {"ZipFile": code.getvalue()},
    }  # fmt: skip
    message = "The role defined for the function cannot be assumed by Lambda."
    for service in roles:
        found = refused(functions.create_function, Role=roles[service]["Arn"], **asked)
        assert found == ("InvalidParameterValueException", message)
    world.pass_time(STRICT.role)
    assert refused(functions.create_function, Role=roles["ec2"]["Arn"], **asked)[1] == message
    functions.create_function(Role=roles["lambda"]["Arn"], **asked)


def test_a_service_says_that_its_role_cannot_be_assumed_and_tries_again(world: World, lab: Lab) -> None:
    role = world.client("iam").create_role(RoleName="task", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    lab.create(lab.register(taskRoleArn=role), 1)
    world.settle()
    began = world.clock.time()
    world.pass_time(STRICT.ecs_reads)
    lab.until(lambda: lab.service()["runningCount"] == 1)
    said = [
        event["message"]
        for event in lab.service()["events"]
        if "failed to launch a task with (error" in event["message"]
    ]
    assert len(said) == 1
    assert said[0].startswith(f"(service app) failed to launch a task with (error {UNUSABLE} '{role}'")
    waits = STRICT.task_provisioning + STRICT.task_pending + STRICT.image_pull
    assert round(world.clock.time() - began) == 30 + waits


def test_exec_waits_for_its_agent_and_then_for_its_connection(world: World, lab: Lab) -> None:
    definition = lab.register(taskRoleArn="arn:aws:iam::000000000000:role/execution")
    arn = lab.run(definition, enableExecuteCommand=True)["taskArn"]
    world.pass_time(STRICT.ecs_reads)
    lab.until(lambda: lab.task(arn)["lastStatus"] == "RUNNING")

    def look() -> tuple[str, str]:
        [agent] = lab.task(arn)["containers"][0]["managedAgents"]
        try:
            lab.ecs.execute_command(cluster="lab", task=arn, command="true", interactive=True)
        except ClientError as error:
            return agent["lastStatus"], error.response["Error"]["Code"]
        return agent["lastStatus"], ""

    assert story(world, look, 15) == {
        ("PENDING", "InvalidParameterException"): 0,
        ("RUNNING", "TargetNotConnectedException"): STRICT.exec_agent,
        ("RUNNING", ""): STRICT.exec_agent + STRICT.exec_connection,
    }


def test_fargate_has_six_vcpus(world: World, lab: Lab) -> None:
    definition = lab.register()
    lab.create(definition, 30)
    world.pass_time(STRICT.ecs_reads)
    lab.until(lambda: "vCPUs you can run concurrently" in lab.service()["events"][0]["message"])
    assert lab.service()["runningCount"] + lab.service()["pendingCount"] == 24
    assert lab.service()["events"][0]["message"].startswith("(service app) was unable to place a task. Reason: You’ve")
    request = {"cluster": "lab", "taskDefinition": definition, "networkConfiguration": lab.network}
    answer = lab.ecs.run_task(**request, launchType="FARGATE")
    assert answer["tasks"] == []
    assert [one["reason"][:5] for one in answer["failures"]] == ["You’v"]
    spot = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    assert lab.ecs.run_task(**request, capacityProviderStrategy=spot)["tasks"]


# -- an account that has never had it ---------------------------------------------------------------------


def test_the_first_cluster_of_an_account_makes_the_role_of_ecs(world: World) -> None:
    ecs, iam = world.client("ecs"), world.client("iam")
    wanted = {"clusterName": "lab", "capacityProviders": ["FARGATE"]}
    assert refused(ecs.create_cluster, **wanted) == (
        "InvalidParameterException",
        "Unable to assume the service linked role. Please verify that the ECS service linked role exists.",
    )
    assert ecs.list_clusters()["clusterArns"] == []
    world.pass_time(STRICT.role + 1)
    role = iam.get_role(RoleName="AWSServiceRoleForECS")["Role"]
    assert role["Path"] == "/aws-service-role/ecs.amazonaws.com/"
    ecs.create_cluster(**wanted)


def test_a_cluster_without_providers_does_not_fail_and_makes_the_role_of_ecs_too(world: World) -> None:
    world.client("ecs").create_cluster(clusterName="lab")
    world.settle()
    assert world.client("iam").get_role(RoleName="AWSServiceRoleForECS")


def test_there_are_five_vpcs_in_a_region(world: World) -> None:
    ec2 = world.client("ec2")
    while len(ec2.describe_vpcs()["Vpcs"]) < 5:
        ec2.create_vpc(CidrBlock="10.9.0.0/16")
    assert refused(ec2.create_vpc, CidrBlock="10.9.0.0/16") == (
        "VpcLimitExceeded",
        "The maximum number of VPCs has been reached.",
    )
    world.client("ec2", "eu-west-1").create_vpc(CidrBlock="10.9.0.0/16")


# -- names ------------------------------------------------------------------------------------------------


def test_the_name_of_a_deleted_queue_is_taken_for_a_minute(world: World) -> None:
    sqs = world.client("sqs")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    sqs.delete_queue(QueueUrl=url)
    code, message = refused(sqs.create_queue, QueueName="jobs")
    assert code.endswith("QueueDeletedRecently")
    assert message.startswith("You must wait 60 seconds")
    world.client("sqs", "eu-west-1").create_queue(QueueName="jobs")
    world.pass_time(60)
    sqs.create_queue(QueueName="jobs")


def test_the_name_of_a_secret_deleted_by_force_is_free_a_little_later(world: World) -> None:
    manager = world.client("secretsmanager")
    arn = manager.create_secret(Name="shop/key", SecretString="1")["ARN"]
    manager.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    assert refused(manager.create_secret, Name="shop/key", SecretString="2") == (
        "InvalidRequestException",
        "You can't create this secret because a secret with this name is already scheduled for deletion.",
    )
    world.pass_time(STRICT.secret_name)
    manager.create_secret(Name="shop/key", SecretString="2")


# -- what is read later than it is written ----------------------------------------------------------------


def test_a_containers_log_stream_comes_after_it_and_the_lines_after_that(world: World, lab: Lab) -> None:
    logs = world.client("logs")
    logs.create_log_group(logGroupName="/app")
    options = {"awslogs-group": "/app", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "ecs"}
    arn = lab.run(lab.register(logConfiguration={"logDriver": "awslogs", "options": options}))["taskArn"]
    world.pass_time(STRICT.ecs_reads)
    lab.until(lambda: lab.task(arn)["lastStatus"] == "RUNNING")
    stream = f"ecs/app/{arn.rsplit('/', 1)[-1]}"

    def look() -> tuple[bool, bool]:
        listed = logs.describe_log_streams(logGroupName="/app")["logStreams"]
        try:
            found = logs.get_log_events(logGroupName="/app", logStreamName=stream)["events"]
        except ClientError as error:
            assert (error.response["Error"]["Code"], listed) == ("ResourceNotFoundException", [])
            return False, False
        return bool(listed), bool(found)

    told = story(world, look, 20)
    assert (False, False) in told
    assert list(told)[-1] == (True, True)
    assert told[True, True] >= 1


def test_log_events_come_later_and_the_first_page_of_a_search_is_empty(world: World) -> None:
    logs = world.client("logs")
    logs.create_log_group(logGroupName="/app")
    logs.create_log_stream(logGroupName="/app", logStreamName="one")
    now = round(world.clock.utcnow().timestamp() * 1000)
    event = {"timestamp": now, "message": "hello"}
    logs.put_log_events(logGroupName="/app", logStreamName="one", logEvents=[event])
    assert logs.get_log_events(logGroupName="/app", logStreamName="one")["events"] == []
    world.pass_time(STRICT.log_events + 1)
    assert len(logs.get_log_events(logGroupName="/app", logStreamName="one")["events"]) == 1
    for order in (True, False):
        page = logs.filter_log_events(logGroupName="/app", startFromHead=order)
        assert page["events"] == []
        page = logs.filter_log_events(logGroupName="/app", nextToken=page["nextToken"])
        assert [one["message"] for one in page["events"]] == ["hello"]
        assert "nextToken" not in page
    assert "nextToken" not in logs.filter_log_events(logGroupName="/app", filterPattern="nothing")


def test_metric_data_come_a_minute_and_a_half_later_whatever_happens_meanwhile(tmp_path: Path) -> None:
    world = World(tmp_path / "aws", "strict")
    client = world.client("cloudwatch")
    client.put_metric_data(Namespace="Shop", MetricData=[{"MetricName": "jobs", "Value": 3.0}])
    at = world.clock.utcnow()

    def look(world: World) -> list[float]:
        found = world.client("cloudwatch").get_metric_statistics(
            Namespace="Shop",
            MetricName="jobs",
            StartTime=at.timestamp() - 120,
            EndTime=at.timestamp() + 120,
            Period=60,
            Statistics=["Sum"],
        )
        return [point["Sum"] for point in found["Datapoints"]]

    assert look(world) == []
    assert client.list_metrics(Namespace="Shop")["Metrics"] == []
    world.pass_time(STRICT.metrics)
    assert look(world) == [3.0]
    assert len(client.list_metrics(Namespace="Shop")["Metrics"]) == 1
    assert look(world) == [3.0]
    world.close()


def test_a_scan_is_not_known_just_after_the_push(world: World, lab: Lab) -> None:
    ecr = lab.client("ecr")
    ecr.put_image_scanning_configuration(repositoryName="app", imageScanningConfiguration={"scanOnPush": True})
    [image] = ecr.batch_get_image(repositoryName="app", imageIds=[{"imageTag": "v1"}])["images"]
    ecr.batch_delete_image(repositoryName="app", imageIds=[{"imageTag": "v1"}])
    ecr.put_image(repositoryName="app", imageManifest=image["imageManifest"], imageTag="v1")
    request = {"repositoryName": "app", "imageId": {"imageTag": "v1"}}
    assert refused(ecr.describe_image_scan_findings, **request)[0] == "ScanNotFoundException"
    world.pass_time(STRICT.scan_findings)
    assert ecr.describe_image_scan_findings(**request)["imageScanStatus"]["status"] == "IN_PROGRESS"


def test_the_registry_answers_created_to_a_part_of_a_layer(world: World) -> None:
    ecr = world.client("ecr")
    ecr.create_repository(repositoryName="web")
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    signed = {"Authorization": f"Basic {token}"}
    uploads = f"{world.host.endpoint}/v2/web/blobs/uploads/"
    begun = requests.post(uploads, headers=signed, timeout=20)
    assert begun.status_code == 202
    part = requests.patch(f"{world.host.endpoint}{begun.headers['Location']}", b"0123", headers=signed, timeout=20)
    assert (part.status_code, part.headers["Range"]) == (201, "0-3")


def test_discover_instances_shows_a_new_one_later(world: World) -> None:
    cloud_map = world.client("servicediscovery")
    cloud_map.create_http_namespace(Name="shop")
    [namespace] = cloud_map.list_namespaces()["Namespaces"]
    service = cloud_map.create_service(Name="backend", NamespaceId=namespace["Id"])["Service"]["Id"]

    def found() -> int:
        answer = cloud_map.discover_instances(NamespaceName="shop", ServiceName="backend")
        return len(answer["Instances"])

    cloud_map.register_instance(ServiceId=service, InstanceId="one", Attributes={"at": "here"})
    assert found() == 0
    assert len(cloud_map.list_instances(ServiceId=service)["Instances"]) == 1
    world.pass_time(STRICT.discovery)
    assert found() == 1
    cloud_map.register_instance(ServiceId=service, InstanceId="one", Attributes={"at": "there"})
    assert found() == 1


# -- how often one may call -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("service", "operation", "request_", "most", "code"),
    [
        ("ecs", "describe_clusters", {}, 50, "ThrottlingException"),
        ("elbv2", "describe_load_balancers", {}, 40, "ThrottlingException"),
        ("logs", "filter_log_events", {"logGroupName": "/app"}, 25, "ThrottlingException"),
    ],
)
def test_calls_beyond_the_rate_of_their_bucket_are_throttled(
    world: World, service: str, operation: str, request_: dict[str, str], most: int, code: str
) -> None:
    world.client("logs").create_log_group(logGroupName="/app")
    client = client_of(world.host, service, retries={"total_max_attempts": 1})
    call = getattr(client, operation)
    for _ in range(most):
        call(**request_)
    assert refused(call, **request_) == (code, "Rate exceeded")
    world.clock.advance(0.2)
    call(**request_)
    inside = world.client(service)
    for _ in range(3 * most):
        getattr(inside, operation)(**request_)  # what services ask of each other is not counted
    client_of(world.host, "ecs", "eu-west-1").describe_clusters()  # another region has buckets of its own


def test_a_restart_keeps_the_profile_and_what_was_made(world: World, lab: Lab, network: Network) -> None:
    balancer = network.load_balancer()
    url = lab.client("sqs").create_queue(QueueName="jobs")["QueueUrl"]
    directory = world.host.directory
    world.close()
    again = World(directory)
    again.host.restore()
    assert again.host.status()["profile"] == "strict"
    assert again.client("sqs").list_queues()["QueueUrls"] == [url.replace(str(world.host.port), str(again.host.port))]
    [found] = again.client("elbv2").describe_load_balancers(LoadBalancerArns=[balancer["LoadBalancerArn"]])[
        "LoadBalancers"
    ]
    assert found["State"]["Code"] == "active"
    assert [c for c in again.client("ecs").list_clusters()["clusterArns"] if c.endswith("/lab")]
    again.close()


def test_a_stack_waits_for_what_takes_its_time(world: World, lab: Lab) -> None:
    stacks = world.client("cloudformation")
    balanced = [{"ContainerName": "app", "ContainerPort": 8080, "TargetGroupArn": {"Ref": "Group"}}]
    resources = {
        "Balancer": ("ElasticLoadBalancingV2::LoadBalancer", {"Name": "web", "Subnets": lab.subnets}),
        "Group": (
            "ElasticLoadBalancingV2::TargetGroup",
            {"Port": 8080, "Protocol": "HTTP", "VpcId": lab.vpc, "TargetType": "ip"},
        ),
        "Listener": (
            "ElasticLoadBalancingV2::Listener",
            {
                "LoadBalancerArn": {"Ref": "Balancer"},
                "Port": 80,
                "Protocol": "HTTP",
                "DefaultActions": [{"Type": "forward", "TargetGroupArn": {"Ref": "Group"}}],
            },
        ),
        "Service": (
            "ECS::Service",
            {
                "Cluster": "lab",
                "ServiceName": "app",
                "TaskDefinition": lab.register(),
                "LaunchType": "FARGATE",
                "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": lab.subnets}},
                "LoadBalancers": balanced,
            },
        ),
    }
    written = {name: {"Type": f"AWS::{kind}", "Properties": given} for name, (kind, given) in resources.items()}
    written["Service"]["DependsOn"] = "Listener"
    stacks.create_stack(StackName="web", TemplateBody=json.dumps({"Resources": written}))

    def look() -> tuple[str, str]:
        [balancer] = lab.client("elbv2").describe_load_balancers(Names=["web"])["LoadBalancers"]
        return stacks.describe_stacks(StackName="web")["Stacks"][0]["StackStatus"], balancer["State"]["Code"]

    told = story(world, look, 200)
    assert list(told) == [
        ("CREATE_IN_PROGRESS", "provisioning"),
        ("CREATE_IN_PROGRESS", "active"),
        ("CREATE_COMPLETE", "active"),
    ]
    stacks.delete_stack(StackName="web")
    lab.until(lambda: stacks.list_stacks(StackStatusFilter=["DELETE_COMPLETE"])["StackSummaries"])


def test_the_first_scalable_target_makes_the_role_of_application_auto_scaling(world: World, lab: Lab) -> None:
    lab.create(lab.register(), 1)
    world.pass_time(STRICT.ecs_reads)
    world.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="ecs", ResourceId="service/lab/app", ScalableDimension="ecs:service:DesiredCount",
        MinCapacity=1, MaxCapacity=2,
    )  # fmt: skip
    world.settle()
    role = world.client("iam").get_role(RoleName="AWSServiceRoleForApplicationAutoScaling_ECSService")["Role"]
    (target,) = world.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]  # fmt: skip  # noqa: E501
    assert role["Arn"] == target["RoleARN"]

"""Lab 00: from nothing to a service that answers."""

from __future__ import annotations

import base64
import json

from drydock.images import build, push
from drydock.labs import Outline, not_started, passed, wait_until, wrong
from drydock.labs.shop import PLATFORM, coming, stopped_by_hand, to_be_healthy
from drydock.pricing import fargate_tasks, load_balancers, public_addresses, unpriced

outline = Outline(
    title="Start here",
    goal="A container image, two tasks that run it, one load balancer in front. Kill a task and it comes back.",
    minutes="2",
    needs=["03-cluster:create-network", "03-cluster:create-security-groups"],
    costs=[
        fargate_tasks(2, cpu=256, memory=512),
        load_balancers(),
        unpriced("load balancer capacity units"),
        public_addresses(5),
    ],
    hours=0.25,
)


@outline.step(
    "push-image",
    title="Build an image and push it to a repository",
    hints=[
        "ecr.create_repository, then drydock.images.build and push.",
        "get_authorization_token gives base64 of `AWS:password`.",
    ],
)
def push_image(cloud, lab):
    images = cloud.client("ecr").describe_images(repositoryName="drydock-hello")["imageDetails"]
    if not any("v1" in image.get("imageTags", ()) for image in images):
        return wrong("The repository `drydock-hello` has no image with the tag `v1`.", look="push, the reference")
    return passed("The repository `drydock-hello` holds an image with the tag `v1`.")


@push_image.solution
def _(cloud, lab):
    ecr = cloud.client("ecr")
    uri = ecr.create_repository(repositoryName="drydock-hello")["repository"]["repositoryUri"]
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    base = "registry" if cloud.real else "stand-in"
    image = build(
        lab.services / "backend",
        build_args={"VERSION": "v1"},
        platform=PLATFORM,
        base_images=base,
        output=lambda line: None,
    )
    push(image, f"{uri}:v1", auth=tuple(base64.b64decode(token).decode().split(":", 1)))


@outline.step(
    "register-task-definition",
    title="Make a cluster and say what a task is",
    hints=[
        "ecs.create_cluster, and iam.create_role for the role that pulls the image.",
        "register_task_definition: awsvpc, FARGATE, cpu 256, memory 512, container port 8080.",
    ],
)
def register_task_definition(cloud, lab):
    ecs = cloud.client("ecs")
    if not _active(ecs.describe_clusters(clusters=["drydock-hello"])["clusters"]):
        return not_started("There is no cluster `drydock-hello`.")
    if not ecs.list_task_definitions(familyPrefix="drydock-hello")["taskDefinitionArns"]:
        return wrong(
            "There is no task definition of the family `drydock-hello`.", look="register_task_definition, family"
        )
    task = ecs.describe_task_definition(taskDefinition="drydock-hello")["taskDefinition"]
    container = task["containerDefinitions"][0]
    if not container["image"].endswith("/drydock-hello:v1"):
        return wrong("Its container has another image than `drydock-hello:v1`.", look="containerDefinitions, image")
    if 8080 not in [port["containerPort"] for port in container["portMappings"]]:
        return wrong("Its container does not publish port 8080.", look="containerDefinitions, portMappings")
    return passed("A task of the family `drydock-hello` is one container on port 8080, 256 CPU units and 512 MiB.")


@register_task_definition.solution
def _(cloud, lab):
    ecs, iam, ecr = cloud.client("ecs"), cloud.client("iam"), cloud.client("ecr")
    ecs.create_cluster(clusterName="drydock-hello")
    trust = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName="drydock-hello-execution", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    managed = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
    iam.attach_role_policy(RoleName="drydock-hello-execution", PolicyArn=managed)
    uri = ecr.describe_repositories(repositoryNames=["drydock-hello"])["repositories"][0]["repositoryUri"]
    ecs.register_task_definition(
        family="drydock-hello",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        runtimePlatform={"cpuArchitecture": "X86_64"},
        cpu="256",
        memory="512",
        executionRoleArn=role,
        containerDefinitions=[{"name": "web", "image": f"{uri}:v1", "portMappings": [{"containerPort": 8080}]}],
    )


@outline.step(
    "create-load-balancer",
    title="Put a load balancer in front",
    hints=[
        "elbv2.create_load_balancer in the three subnets, create_target_group with TargetType ip, create_listener.",
        "The target group asks `/health` on port 8080.",
    ],
)
def create_load_balancer(cloud, lab):
    elbv2 = cloud.client("elbv2")
    balancer = elbv2.describe_load_balancers(Names=["drydock-hello"])["LoadBalancers"][0]
    listeners = elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    if not listeners:
        return wrong("The load balancer listens on no port.", look="create_listener")
    if listeners[0]["Port"] != 80:
        return wrong(f"It listens on port {listeners[0]['Port']}.", look="create_listener, Port")
    group = elbv2.describe_target_groups(LoadBalancerArn=balancer["LoadBalancerArn"])["TargetGroups"]
    if not group or group[0]["TargetType"] != "ip" or group[0]["HealthCheckPath"] != "/health":
        return wrong("It does not forward to addresses that are asked for `/health`.", look="create_target_group")
    return passed("The load balancer listens on port 80 and forwards to addresses that answer `/health`.")


@create_load_balancer.solution
def _(cloud, lab):
    elbv2 = cloud.client("elbv2")
    vpc, subnets, groups = _network(cloud)
    balancer = elbv2.create_load_balancer(Name="drydock-hello", Subnets=subnets, SecurityGroups=[groups["drydock-alb"]])
    group = elbv2.create_target_group(
        Name="drydock-hello",
        Protocol="HTTP",
        Port=8080,
        VpcId=vpc,
        TargetType="ip",
        HealthCheckPath="/health",
        HealthCheckIntervalSeconds=5,
        HealthCheckTimeoutSeconds=2,
        HealthyThresholdCount=2,
    )["TargetGroups"][0]["TargetGroupArn"]
    elbv2.modify_target_group_attributes(
        TargetGroupArn=group, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}]
    )
    elbv2.create_listener(
        LoadBalancerArn=balancer["LoadBalancers"][0]["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )


@outline.step(
    "create-service",
    title="Ask for two tasks",
    hints=[
        "ecs.create_service with desiredCount 2, the target group and the network; then the waiter services_stable.",
        "describe_services shows its events, describe_target_health what the load balancer thinks of its tasks.",
    ],
)
def create_service(cloud, lab):
    service = _service(cloud)
    if service is None:
        return not_started("There is no service `drydock-hello`.")
    if service["desiredCount"] != 2:
        return wrong(f"The service wants {service['desiredCount']} tasks.", look="create_service, desiredCount")
    if service["runningCount"] != 2:
        look = "the service's events; the waiter services_stable"
        return wrong("Not both tasks run.", look=look, waits_for=coming(service))
    if (healthy := _healthy(cloud)) != 2:
        look, waits_for = "describe_target_health, TargetHealth.Reason", to_be_healthy(_group(cloud), 2 - healthy, 2)
        return wrong("Not both tasks are healthy targets.", look=look, waits_for=waits_for)
    return passed("Two tasks run, and both are healthy targets of the load balancer.")


@create_service.solution
def _(cloud, lab):
    ecs = cloud.client("ecs")
    group = cloud.client("elbv2").describe_target_groups(Names=["drydock-hello"])["TargetGroups"][0]["TargetGroupArn"]
    _, subnets, groups = _network(cloud)
    ecs.create_service(
        cluster="drydock-hello",
        serviceName="drydock-hello",
        taskDefinition="drydock-hello",
        desiredCount=2,
        launchType="FARGATE",
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": subnets,
                "securityGroups": [groups["drydock-tasks"]],
                "assignPublicIp": "ENABLED",
            }
        },
        loadBalancers=[{"targetGroupArn": group, "containerName": "web", "containerPort": 8080}],
    )
    ecs.get_waiter("services_stable").wait(cluster="drydock-hello", services=["drydock-hello"])
    wait_until(lambda: _healthy(cloud) == 2, "two targets are healthy")


@outline.step(
    "kill-a-task",
    title="Kill a task and watch it come back",
    hints=["ecs.list_tasks, then ecs.stop_task with one of the ARNs."],
)
def kill_a_task(cloud, lab):
    ecs = cloud.client("ecs")
    service = _service(cloud)
    if service is None:
        return not_started("There is no service `drydock-hello`.")
    arns = ecs.list_tasks(cluster="drydock-hello", serviceName="drydock-hello", desiredStatus="STOPPED")["taskArns"]
    stopped = ecs.describe_tasks(cluster="drydock-hello", tasks=arns)["tasks"] if arns else []
    since = max(lab.began, service["createdAt"])
    if not any(stopped_by_hand(task, since) for task in stopped):
        return not_started("Nobody has stopped a task yet.")
    healthy, wanted = _healthy(cloud), service["desiredCount"]
    if service["runningCount"] != wanted or healthy != wanted:
        return wrong(
            "A task was stopped and its successor does not serve yet.",
            look="the service's events",
            waits_for=to_be_healthy(_group(cloud), wanted - healthy, wanted) if healthy < wanted else coming(service),
        )
    return passed("A task was stopped by hand, and the service has its two healthy tasks again.")


@kill_a_task.solution
def _(cloud, lab):
    ecs = cloud.client("ecs")
    tasks = ecs.list_tasks(cluster="drydock-hello", serviceName="drydock-hello")["taskArns"]
    ecs.stop_task(cluster="drydock-hello", task=tasks[0], reason="Let us see")
    wait_until(lambda: kill_a_task.check(cloud, lab).passed, "two tasks serve again")


def _service(cloud):
    ecs = cloud.client("ecs")
    if not _active(ecs.describe_clusters(clusters=["drydock-hello"])["clusters"]):
        return None
    return next(
        iter(_active(ecs.describe_services(cluster="drydock-hello", services=["drydock-hello"])["services"])), None
    )


def _active(found):
    return [one for one in found if one["status"] == "ACTIVE"]


def _group(cloud):
    return cloud.client("elbv2").describe_target_groups(Names=["drydock-hello"])["TargetGroups"][0]


def _healthy(cloud) -> int:
    arn = _group(cloud)["TargetGroupArn"]
    targets = cloud.client("elbv2").describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    return sum(target["TargetHealth"]["State"] == "healthy" for target in targets)


def _network(cloud):
    """The labs' VPC, its subnets and its security groups by name."""
    ec2 = cloud.client("ec2")
    vpc = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["drydock"]}])["Vpcs"][0]["VpcId"]
    inside = [{"Name": "vpc-id", "Values": [vpc]}]
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets(Filters=inside)["Subnets"]]
    groups = ec2.describe_security_groups(Filters=inside)["SecurityGroups"]
    return vpc, subnets, {group["GroupName"]: group["GroupId"] for group in groups}

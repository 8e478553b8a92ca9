"""The runbook diagnose-service against services that are really broken, as the labs' drills break them."""

from __future__ import annotations

import contextlib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import nbformat
import pytest
from botocore.exceptions import ClientError

from drydock.cloud import Cloud
from drydock.labs import wait_until
from drydock.policy.diagnosis import Cause, counted_since
from drydock.policy.operations import only_reads
from drydock.runbooks import catalogue, runner
from drydock.runbooks.evidence import Evidence
from drydock.runbooks.runner import Report

from .conftest import HELLO, deploy, described, registered

BOUNDS = {
    "minimumHealthyPercent": 100,
    "maximumPercent": 200,
    "deploymentCircuitBreaker": {"enable": False, "rollback": False},
    "alarms": {"alarmNames": [], "enable": False, "rollback": False},
}
SCALED = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/drydock-hello/drydock-hello",
    "ScalableDimension": "ecs:service:DesiredCount",
}
LOG_GROUP = "/drydock-hello"


def diagnosed(**given: Any) -> Report:
    report = runner.run("diagnose-service", HELLO | {name: str(value) for name, value in given.items()})
    assert (report.outcome, report.error) == ("read", None)
    return report


def findings(report: Report) -> list[dict[str, str]]:
    found = Evidence(report.folder).read("findings.json")
    assert isinstance(found, list)
    return found


def revision(ecs: Any, **changes: Any) -> str:
    """A revision of `drydock-hello` whose container is changed so."""
    first = ecs.list_task_definitions(familyPrefix="drydock-hello", sort="ASC")["taskDefinitionArns"][0]
    container = ecs.describe_task_definition(taskDefinition=first)["taskDefinition"]["containerDefinitions"][0]
    return registered(ecs, containerDefinitions=[container | changes])


def environment(**variables: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in variables.items()]


def update(ecs: Any, **changes: Any) -> None:
    ecs.update_service(**HELLO, **changes)


def stopped(ecs: Any, words: str) -> list[Any]:
    """Tasks of the current deployment that stopped for a reason with these words."""
    pages = ecs.get_paginator("list_tasks").paginate(
        cluster="drydock-hello", serviceName="drydock-hello", desiredStatus="STOPPED"
    )
    arns = [arn for page in pages for arn in page["taskArns"]]
    current = described(ecs)["deployments"][0]["id"]
    tasks = [
        task
        for start in range(0, len(arns), 100)
        for task in ecs.describe_tasks(cluster="drydock-hello", tasks=arns[start : start + 100])["tasks"]
    ]
    return [task for task in tasks if task["startedBy"] == current and words in task.get("stoppedReason", "")]


def until_stopped(ecs: Any, words: str) -> None:
    wait_until(lambda: stopped(ecs, words), f"a task has stopped: {words}")


def steady(ecs: Any) -> bool:
    now = described(ecs)
    states = [one["rolloutState"] for one in now["deployments"]]
    return states == ["COMPLETED"] and now["runningCount"] == now["desiredCount"]


def group(cloud: Cloud) -> str:
    found = cloud.client("elbv2").describe_target_groups(Names=["drydock-hello"])["TargetGroups"]
    return str(found[0]["TargetGroupArn"])


@pytest.fixture(autouse=True)
def _mended(cloud: Cloud, ecs: Any) -> Iterator[None]:
    yield
    cloud.client("elbv2").modify_target_group(
        TargetGroupArn=group(cloud), HealthCheckPath="/health", HealthCheckPort="traffic-port"
    )
    update(ecs, deploymentConfiguration=BOUNDS, healthCheckGracePeriodSeconds=0)
    scaling = cloud.client("application-autoscaling")
    with contextlib.suppress(scaling.exceptions.ObjectNotFoundException):
        scaling.deregister_scalable_target(**SCALED)


# -- a healthy service


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_healthy_service_yields_no_finding(ecs: Any, dry_run: bool) -> None:
    wait_until(lambda: steady(ecs), "drydock-hello is steady")
    report = diagnosed(dry_run=dry_run)
    assert findings(report) == []
    assert report.plan is not None and not report.plan.steps


def test_a_task_that_somebody_stopped_is_no_fault_once_it_is_replaced(ecs: Any) -> None:
    wait_until(lambda: steady(ecs), "drydock-hello is steady")
    task = ecs.list_tasks(cluster="drydock-hello", serviceName="drydock-hello")["taskArns"][0]
    ecs.stop_task(cluster="drydock-hello", task=task, reason="to see")
    wait_until(lambda: steady(ecs) and "steady" in described(ecs)["events"][0]["message"], "it is replaced")
    assert stopped(ecs, "to see")
    assert findings(diagnosed()) == []


# -- broken ones


def broken_image(cloud: Cloud, ecs: Any) -> None:
    image = cloud.client("ecr").describe_repositories(repositoryNames=["drydock-hello"])["repositories"][0][
        "repositoryUri"
    ]
    update(ecs, taskDefinition=revision(ecs, image=f"{image}:v9"))
    until_stopped(ecs, "CannotPullContainerError")


def missing_parameter(cloud: Cloud, ecs: Any) -> None:
    update(ecs, taskDefinition=revision(ecs, secrets=[{"name": "KEY", "valueFrom": "/drydock-hello/key"}]))
    until_stopped(ecs, "ResourceInitializationError")


def missing_key(cloud: Cloud, ecs: Any) -> None:
    manager = cloud.client("secretsmanager")
    with contextlib.suppress(manager.exceptions.ResourceExistsException):
        manager.create_secret(Name="drydock-hello", SecretString='{"app-secret": "x"}')
    arn = manager.describe_secret(SecretId="drydock-hello")["ARN"]
    update(ecs, taskDefinition=revision(ecs, secrets=[{"name": "KEY", "valueFrom": f"{arn}:app_secret::"}]))
    until_stopped(ecs, "ResourceInitializationError")


def log_configuration(log_group: str) -> dict[str, Any]:
    options = {"awslogs-region": "us-east-1", "awslogs-group": log_group, "awslogs-stream-prefix": "ecs"}
    return {"logDriver": "awslogs", "options": options}


def missing_log_group(cloud: Cloud, ecs: Any) -> None:
    update(ecs, taskDefinition=revision(ecs, logConfiguration=log_configuration("/nowhere")))
    until_stopped(ecs, "log group")


def wrong_command(cloud: Cloud, ecs: Any) -> None:
    update(ecs, taskDefinition=revision(ecs, entryPoint=["/bin/no-such-program"]))
    until_stopped(ecs, "CannotStartContainerError")


def crash_at_start(cloud: Cloud, ecs: Any) -> None:
    logs = cloud.client("logs")
    with contextlib.suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=LOG_GROUP)
    changes = {"environment": environment(CRASH_AT_START="true"), "logConfiguration": log_configuration(LOG_GROUP)}
    update(ecs, taskDefinition=revision(ecs, **changes))
    until_stopped(ecs, "Essential container in task exited")


def failing_container_check(cloud: Cloud, ecs: Any) -> None:
    check = {"command": ["CMD-SHELL", "curl -f http://localhost:8080/health || exit 1"], "interval": 5, "retries": 2}
    update(ecs, taskDefinition=revision(ecs, healthCheck=check))
    until_stopped(ecs, "container health checks")


def wrong_health_path(cloud: Cloud, ecs: Any) -> None:
    cloud.client("elbv2").modify_target_group(TargetGroupArn=group(cloud), HealthCheckPath="/healthz")
    until_stopped(ecs, "ELB health checks")


def wrong_health_port(cloud: Cloud, ecs: Any) -> None:
    wait_until(lambda: steady(ecs), "what the target group was before is over")
    elbv2 = cloud.client("elbv2")
    elbv2.modify_target_group(TargetGroupArn=group(cloud), HealthCheckPort="9999")

    def none_answers() -> bool:
        found = elbv2.describe_target_health(TargetGroupArn=group(cloud))["TargetHealthDescriptions"]
        said = [one["TargetHealth"]["Description"] for one in found if one["TargetHealth"]["State"] == "unhealthy"]
        return bool(said) and not any("codes" in each for each in said)

    wait_until(none_answers, "no check is answered")
    until_stopped(ecs, "ELB health checks")


def unwell(cloud: Cloud, ecs: Any) -> None:
    update(ecs, taskDefinition=revision(ecs, environment=environment(FAIL_HEALTH="true")))
    until_stopped(ecs, "ELB health checks")


def stuck_by_its_bounds(cloud: Cloud, ecs: Any) -> None:
    deploy(ecs, described(ecs)["taskDefinition"], 3)
    wait_until(lambda: steady(ecs), "three tasks run")
    bounds = BOUNDS | {"maximumPercent": 125}
    update(ecs, deploymentConfiguration=bounds, forceNewDeployment=True)
    wait_until(lambda: len(described(ecs)["deployments"]) == 2, "a deployment is under way")


def no_task_wanted(cloud: Cloud, ecs: Any) -> None:
    update(ecs, desiredCount=0)
    wait_until(lambda: described(ecs)["runningCount"] == 0, "no task runs")


def errors_of(cloud: Cloud, ecs: Any, rate: str) -> str:
    """A deployment with that rate of errors is steady: the URL of its load balancer."""
    deploy(ecs, revision(ecs, environment=environment(ERROR_RATE=rate)), 2)
    wait_until(lambda: steady(ecs), "drydock-hello is steady")
    [balancer] = cloud.client("elbv2").describe_load_balancers(Names=["drydock-hello"])["LoadBalancers"]
    return f"http://{balancer['DNSName']}/"


def ask(url: str, times: int = 20) -> None:
    for _ in range(times):
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(url, timeout=5).close()


def told_of_errors(cloud: Cloud, since: datetime) -> float:
    """How many answers 5xx CloudWatch has of the target group since then."""
    [found] = cloud.client("elbv2").describe_target_groups(Names=["drydock-hello"])["TargetGroups"]
    names = {
        "LoadBalancer": found["LoadBalancerArns"][0].partition(":loadbalancer/")[2],
        "TargetGroup": found["TargetGroupArn"].rpartition(":")[2],
    }
    points = cloud.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/ApplicationELB",
        MetricName="HTTPCode_Target_5XX_Count",
        Dimensions=[{"Name": name, "Value": value} for name, value in names.items()],
        StartTime=since,
        EndTime=since + timedelta(hours=1),
        Period=60,
        Statistics=["Sum"],
    )["Datapoints"]
    return sum(point["Sum"] for point in points)


def server_errors(cloud: Cloud, ecs: Any) -> None:
    url = errors_of(cloud, ecs, "0.5")
    arns = ecs.list_tasks(cluster="drydock-hello", serviceName="drydock-hello", desiredStatus="STOPPED")["taskArns"]
    before = ecs.describe_tasks(cluster="drydock-hello", tasks=arns)["tasks"] if arns else []
    since = counted_since(described(ecs), before, datetime.now(UTC))

    def counted() -> bool:
        ask(url)
        return told_of_errors(cloud, since) >= 5

    wait_until(counted, "the load balancer's metrics tell of errors", timeout=120)


def out_of_memory(cloud: Cloud, ecs: Any) -> None:
    deploy(ecs, revision(ecs, memory=200, environment=environment(LEAK_MIB_PER_REQUEST="100")), 2)
    [balancer] = cloud.client("elbv2").describe_load_balancers(Names=["drydock-hello"])["LoadBalancers"]

    def killed() -> list[Any]:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://{balancer['DNSName']}/", timeout=5).close()
        return stopped(ecs, "Essential container in task exited")

    wait_until(killed, "a task has run out of memory")


def dimensions(cloud: Cloud) -> dict[str, str]:
    """Under what CloudWatch has the requests of the target group."""
    [found] = cloud.client("elbv2").describe_target_groups(Names=["drydock-hello"])["TargetGroups"]
    balancer = found["LoadBalancerArns"][0].partition(":loadbalancer/")[2]
    return {"LoadBalancer": balancer, "TargetGroup": found["TargetGroupArn"].rpartition(":")[2]}


def held_by_grace(cloud: Cloud, ecs: Any) -> None:
    sick = revision(ecs, environment=environment(FAIL_HEALTH="true"))
    update(ecs, taskDefinition=sick, healthCheckGracePeriodSeconds=86400)
    elbv2 = cloud.client("elbv2")

    def unhealthy() -> bool:
        found = elbv2.describe_target_health(TargetGroupArn=group(cloud))["TargetHealthDescriptions"]
        return "unhealthy" in [one["TargetHealth"]["State"] for one in found]

    wait_until(unhealthy, "a new target fails its health checks")


def blind_alarm(cloud: Cloud, ecs: Any) -> None:
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName="hello-errors",
        Namespace="AWS/ApplicationELB",
        MetricName="HTTPCode_Target_5XX_Count",
        Dimensions=[{"Name": "TargetGroup", "Value": dimensions(cloud)["TargetGroup"]}],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=5,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
    )
    wait_until(lambda: steady(ecs), "drydock-hello is steady")
    alarms = {"alarmNames": ["hello-errors"], "enable": True, "rollback": True}
    update(ecs, deploymentConfiguration=BOUNDS | {"alarms": alarms})


def never_scales(cloud: Cloud, ecs: Any) -> None:
    wait_until(lambda: steady(ecs), "drydock-hello is steady")
    scaling, of = cloud.client("application-autoscaling"), dimensions(cloud)
    scaling.register_scalable_target(
        **SCALED, MinCapacity=2, MaxCapacity=4, SuspendedState={"DynamicScalingOutSuspended": True}
    )
    label = f"{of['LoadBalancer'].rpartition('/')[0]}/0123456789abcdef/{of['TargetGroup']}"
    measured = {"PredefinedMetricType": "ALBRequestCountPerTarget", "ResourceLabel": label}
    scaling.put_scaling_policy(
        **SCALED,
        PolicyName="requests",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={"TargetValue": 30.0, "PredefinedMetricSpecification": measured},
    )


@pytest.mark.parametrize(
    ("breaks", "cause", "words"),
    [
        (broken_image, Cause.IMAGE_NOT_FOUND, "v9: not found"),
        (missing_parameter, Cause.SECRET_NOT_FOUND, "/drydock-hello/key"),
        (missing_key, Cause.SECRET_NOT_FOUND, "json key app_secret"),
        (missing_log_group, Cause.NO_LOGS, "log group does not exist"),
        (wrong_command, Cause.COMMAND_NOT_FOUND, "/bin/no-such-program"),
        (crash_at_start, Cause.CONTAINER_EXITED, "crashing, as CRASH_AT_START asks"),
        (out_of_memory, Cause.OUT_OF_MEMORY, "`web` was killed at 200 MiB, exit code 137"),
        (failing_container_check, Cause.CONTAINER_UNHEALTHY, "curl -f http://localhost:8080/health"),
        (wrong_health_path, Cause.WRONG_ANSWER, "codes: [404]. It asks for `/healthz`"),
        (wrong_health_port, Cause.WRONG_PORT, "at port 9999"),
        (unwell, Cause.WRONG_ANSWER, "codes: [503]"),
        (stuck_by_its_bounds, Cause.STUCK, "0 of 3 tasks are of the new deployment"),
        (no_task_wanted, Cause.NONE_WANTED, "desiredCount is 0"),
        (server_errors, Cause.ERRORS, "were answered 5xx"),
        (held_by_grace, Cause.GRACE_TOO_LONG, "healthCheckGracePeriodSeconds is 86400"),
        (blind_alarm, Cause.ALARM_BLIND, "`hello-errors` watches HTTPCode_Target_5XX_Count by TargetGroup"),
        (never_scales, Cause.SCALING_BLIND, "Policy `requests`"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_the_right_cause_comes_first_and_nothing_is_changed(
    cloud: Cloud, ecs: Any, breaks: Callable[[Cloud, Any], None], cause: Cause, words: str
) -> None:
    breaks(cloud, ecs)
    before = kept(cloud, ecs)
    report = diagnosed()
    first = findings(report)[0]
    assert first["Finding"] == cause, findings(report)
    assert words in first["Evidence"] and first["What mends it"]
    assert kept(cloud, ecs) == before
    changing = [call for call in Evidence(report.folder).calls() if not only_reads(call["operation"])]
    assert changing == []


def kept(cloud: Cloud, ecs: Any) -> Any:
    """What is to be the same after a diagnosis."""
    now = described(ecs)
    names = ("taskDefinition", "desiredCount", "deploymentConfiguration", "networkConfiguration")
    [found] = cloud.client("elbv2").describe_target_groups(Names=["drydock-hello"])["TargetGroups"]
    return {
        **{name: now[name] for name in names},
        "deployments": [one["id"] for one in now["deployments"]],
        "revisions": ecs.list_task_definitions()["taskDefinitionArns"],
        "target group": found,
    }


def test_a_program_that_does_not_answer_listens_elsewhere_or_is_slow(cloud: Cloud, ecs: Any) -> None:
    update(ecs, taskDefinition=revision(ecs, environment=environment(PORT="8081")))
    until_stopped(ecs, "ELB health checks")
    causes = [one["Finding"] for one in findings(diagnosed())]
    assert causes in ([Cause.GRACE_TOO_SHORT, Cause.NO_ANSWER], [Cause.NO_ANSWER])


def test_once_mended_it_is_no_finding_any_more(cloud: Cloud, ecs: Any) -> None:
    wrong_health_path(cloud, ecs)
    assert findings(diagnosed())
    cloud.client("elbv2").modify_target_group(TargetGroupArn=group(cloud), HealthCheckPath="/health")
    wait_until(
        lambda: steady(ecs) and "steady state" in described(ecs)["events"][0]["message"] and _healthy(cloud) == 2,
        "drydock-hello has recovered",
    )
    assert findings(diagnosed()) == []


def test_errors_of_the_deployment_before_are_none_of_the_current_one(cloud: Cloud, ecs: Any) -> None:
    begun = datetime.now(UTC)
    url = errors_of(cloud, ecs, "1.0")
    ask(url)
    errors_of(cloud, ecs, "0.0")
    ask(url)
    wait_until(lambda: told_of_errors(cloud, begun) >= 20, "the load balancer's metrics tell of errors")
    assert findings(diagnosed()) == []


def test_names_that_lead_nowhere_and_calls_without_the_right_port(cloud: Cloud, ecs: Any) -> None:
    cloud_map, ec2 = cloud.client("servicediscovery"), cloud.client("ec2")
    subnets = described(ecs)["networkConfiguration"]["awsvpcConfiguration"]["subnets"]
    vpc = ec2.describe_subnets(SubnetIds=subnets[:1])["Subnets"][0]["VpcId"]
    operation = cloud_map.create_private_dns_namespace(Name="hello.internal", Vpc=vpc)["OperationId"]
    wait_until(lambda: cloud_map.get_operation(OperationId=operation)["Operation"]["Status"] == "SUCCESS", "it is made")
    [namespace] = [one for one in cloud_map.list_namespaces()["Namespaces"] if one["Name"] == "hello.internal"]
    registry = cloud_map.create_service(
        Name="web",
        NamespaceId=namespace["Id"],
        DnsConfig={"RoutingPolicy": "MULTIVALUE", "DnsRecords": [{"Type": "A", "TTL": 10}]},
    )["Service"]
    given = environment(BACKEND_URL="http://web.hello.internal", OTHER="http://nobody.hello.internal:8080")
    calling = revision(ecs, environment=given)
    try:
        update(ecs, taskDefinition=calling, serviceRegistries=[{"registryArn": registry["Arn"]}])
        wait_until(lambda: steady(ecs), "its tasks are registered")
        first, second = findings(diagnosed())
        assert (first["Finding"], second["Finding"]) == (Cause.NOBODY_CALLED, Cause.WRONG_PORT_CALLED)
        assert "`OTHER` of `web` is http://nobody.hello.internal:8080" in first["Evidence"]
        assert "port 80. `drydock-hello` listens at 8080" in second["Evidence"]
        nobody = {"AWS_INSTANCE_IPV4": "10.99.0.250"}
        cloud_map.register_instance(ServiceId=registry["Id"], InstanceId="by-hand", Attributes=nobody)
        wait_until(lambda: len(cloud_map.list_instances(ServiceId=registry["Id"])["Instances"]) > 2, "it is registered")
        first = findings(diagnosed())[0]
        assert first["Finding"] == Cause.LEFT_BEHIND
        assert "`by-hand` (10.99.0.250)" in first["Evidence"]
    finally:
        update(ecs, serviceRegistries=[])


def _healthy(cloud: Cloud) -> int:
    found = cloud.client("elbv2").describe_target_health(TargetGroupArn=group(cloud))["TargetHealthDescriptions"]
    return [one["TargetHealth"]["State"] for one in found].count("healthy")


def test_a_roll_back_by_the_circuit_breaker_and_why_it_came(cloud: Cloud, ecs: Any) -> None:
    breaker = {"enable": True, "rollback": True}
    update(ecs, deploymentConfiguration=BOUNDS | {"deploymentCircuitBreaker": breaker})
    before = described(ecs)["taskDefinition"]
    crash_at_start(cloud, ecs)
    wait_until(lambda: described(ecs)["taskDefinition"] == before and steady(ecs), "it is rolled back", timeout=120)
    found = findings(diagnosed())
    assert [one["Finding"] for one in found] == [Cause.CONTAINER_EXITED, Cause.DEPLOYMENT_FAILED]
    assert "of the deployment that failed" in found[0]["Evidence"]
    assert "ROLLBACK_SUCCESSFUL" in found[1]["Evidence"]


def test_logs_that_are_gone_are_no_error(cloud: Cloud, ecs: Any) -> None:
    crash_at_start(cloud, ecs)
    cloud.client("logs").delete_log_group(logGroupName=LOG_GROUP)
    found = findings(diagnosed())
    assert Cause.CONTAINER_EXITED in [one["Finding"] for one in found]
    assert Cause.NOT_READ not in [one["Finding"] for one in found]


# -- services without a load balancer, and none at all


def test_a_service_that_was_deleted(ecs: Any) -> None:
    now = described(ecs)
    ecs.create_service(
        cluster="drydock-hello",
        serviceName="alone",
        taskDefinition=now["taskDefinition"],
        desiredCount=0,
        launchType="FARGATE",
        networkConfiguration=now["networkConfiguration"],
    )
    ecs.delete_service(cluster="drydock-hello", service="alone", force=True)

    def gone() -> bool:
        found = ecs.describe_services(cluster="drydock-hello", services=["alone"])["services"]
        return bool(found[0]["status"] == "INACTIVE")

    wait_until(gone, "it is deleted")
    report = diagnosed(service="alone")
    [finding] = findings(report)
    assert finding["Finding"] == Cause.NOT_ACTIVE
    assert Cause.NOT_ACTIVE in (report.folder / "report.html").read_text()


def test_a_subnet_without_a_free_address(cloud: Cloud, ecs: Any) -> None:
    ec2 = cloud.client("ec2")
    network = described(ecs)["networkConfiguration"]["awsvpcConfiguration"]
    vpc = ec2.describe_subnets(SubnetIds=network["subnets"][:1])["Subnets"][0]["VpcId"]
    base = cloud.vpc_cidr.rpartition("/")[0].rsplit(".", 2)[0]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=f"{base}.250.0/28")["Subnet"]["SubnetId"]
    free = [f"{base}.250.{number}" for number in range(4, 15)]
    made = [ec2.create_network_interface(SubnetId=subnet, PrivateIpAddress=one)["NetworkInterface"] for one in free]
    try:
        narrow = {"awsvpcConfiguration": network | {"subnets": [subnet]}}
        update(ecs, networkConfiguration=narrow, desiredCount=3)
        until_stopped(ecs, "no free address")
        first = findings(diagnosed())[0]
        assert first["Finding"] == Cause.NO_ADDRESSES
        assert f"{subnet} has no free address" in first["Evidence"] or "no free address left" in first["Evidence"]
    finally:
        update(ecs, networkConfiguration={"awsvpcConfiguration": network}, desiredCount=2)
        ecs.get_waiter("services_stable").wait(cluster="drydock-hello", services=["drydock-hello"])
        for one in made:
            ec2.delete_network_interface(NetworkInterfaceId=one["NetworkInterfaceId"])
        ec2.delete_subnet(SubnetId=subnet)


def test_a_service_that_never_was_is_refused(ecs: Any) -> None:
    report = runner.run("diagnose-service", HELLO | {"service": "nobody"})
    assert report.outcome == "refused"
    assert "There is no service nobody in the cluster drydock-hello" in str(report.error)


# -- the notebook


def cell(words: str) -> str:
    notebook = nbformat.read(catalogue.notebook("diagnose-service"), as_version=4)
    return next(str(one.source) for one in notebook.cells if one.cell_type == "code" and words in one.source)


@pytest.mark.parametrize(
    ("code", "kept_in_mind"),
    [("AccessDeniedException", True), ("ThrottlingException", True), ("ResourceNotFoundException", False)],
)
def test_what_aws_refuses_is_kept_in_mind_and_what_is_not_there_is_not(code: str, kept_in_mind: bool) -> None:
    class Refusing:
        def describe_task_definition(self, **_: Any) -> Any:
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, "DescribeTaskDefinition")

    names: dict[str, Any] = {
        "ClientError": ClientError,
        "ecs": Refusing(),
        "found": {"taskDefinition": "arn:aws:ecs:us-east-1:000000000000:task-definition/web:1"},
        "tasks": [],
    }
    exec(cell("def read("), names)
    assert bool(names["unread"]) is kept_in_mind
    assert list(names["definitions"].values()) == [{}]


def test_every_page_of_deployments_is_read() -> None:
    pages: dict[str, Any] = {"": {"serviceDeployments": [1], "nextToken": "2"}, "2": {"serviceDeployments": [2]}}
    names: dict[str, Any] = {"cluster": "shop", "service": "web", "read": lambda method, **asked: method(**asked)}
    names["ecs"] = type("", (), {"list_service_deployments": lambda self, nextToken="", **_: pages[nextToken]})()
    exec(cell("def asked_for(").partition("\n\n\n")[0], names)
    assert names["asked_for"]() == [1, 2]


def test_the_committed_notebook_has_no_outputs_and_the_headings_of_a_runbook() -> None:
    notebook = nbformat.read(catalogue.notebook("diagnose-service"), as_version=4)
    code = [one for one in notebook.cells if one.cell_type == "code"]
    assert all(not one.outputs and one.execution_count is None for one in code)
    text = "\n".join(one.source for one in notebook.cells if one.cell_type == "markdown")
    assert [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")] == [
        "When to use",
        "Parameters",
        "Preflight",
        "Plan",
        "Approve",
        "Apply",
        "Verify",
        "Roll back",
        "Evidence",
    ]

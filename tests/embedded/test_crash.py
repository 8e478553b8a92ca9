"""`kill -9` of the background process, and what is there when it is started again."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore.config import Config

from drydock import embedded
from drydock.embedded import spot
from drydock.embedded.instance import free_port
from drydock.policy.ecs.interruption import STOPPED_REASON
from tests.support.blue_green import make_blue_green
from tests.support.lab import Lab, address_of, ask, make_lab
from tests.support.load import SERVICES, Caller
from tests.support.waiting import eventually


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[embedded.Instance]:
    monkeypatch.setenv("DRYDOCK_HOME", str(tmp_path))
    yield embedded.start("crash", port=free_port())
    embedded.stop("crash")


@pytest.fixture
def lab(instance: embedded.Instance) -> Lab:
    session = boto3.session.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    config = Config(inject_host_prefix=False)
    client: Callable[..., Any] = lambda name: session.client(name, endpoint_url=instance.endpoint, config=config)  # noqa: E731
    return make_lab(client)


def test_after_a_crash_the_account_is_as_it_was_and_services_are_back(instance: embedded.Instance, lab: Lab) -> None:
    queue = lab.client("sqs").create_queue(QueueName="jobs")["QueueUrl"]
    lab.client("sqs").send_message(QueueUrl=queue, MessageBody="one")
    lab.create(lab.register(), 2)
    lab.until_steady(2)
    lab.until_stopped(lab.ecs.stop_task(cluster="lab", task=lab.tasks()[0]["taskArn"])["task"]["taskArn"])
    lab.until_steady(2)
    before = lab.tasks()
    family = psutil.Process(instance.pid).children(recursive=True)
    assert len(family) >= 3

    os.kill(instance.pid, signal.SIGKILL)
    psutil.wait_procs(family, timeout=10)
    assert [process for process in family if process.is_running()] == []
    assert embedded.find("crash") is None

    again = embedded.start("crash")
    assert again.endpoint == instance.endpoint
    eventually(lambda: [task["lastStatus"] for task in lab.tasks()] == ["RUNNING", "RUNNING"])
    after = lab.tasks()
    assert {ask(address_of(task))["address"] for task in after} == {address_of(task) for task in after}
    assert {task["taskArn"] for task in before}.isdisjoint(task["taskArn"] for task in after)
    for task in before:
        assert lab.task(task["taskArn"])["stoppedReason"] == "The embedded AWS was restarted"
    assert [m["Body"] for m in lab.client("sqs").receive_message(QueueUrl=queue)["Messages"]] == ["one"]
    assert lab.client("ec2").describe_vpcs(VpcIds=[lab.vpc])["Vpcs"][0]["VpcId"] == lab.vpc
    interfaces = lab.client("ec2").describe_network_interfaces()["NetworkInterfaces"]
    assert {i["PrivateIpAddress"] for i in interfaces} == {address_of(task) for task in after}
    assert "ERROR" not in again.log.read_text()


ENGINES = {
    "CreateNetworkInterface", "DeleteNetworkInterface", "RegisterTargets", "DeregisterTargets", "RegisterInstance",
    "DeregisterInstance", "UpdateInstanceCustomHealthStatus", "CreateLogStream", "PutLogEvents", "AssumeRole",
}  # fmt: skip


def test_what_the_engine_registers_is_there_once_after_a_crash_and_not_in_the_journal(
    instance: embedded.Instance, lab: Lab
) -> None:
    elbv2, cloud_map, logs = lab.client("elbv2"), lab.client("servicediscovery"), lab.client("logs")
    balancer = elbv2.create_load_balancer(Name="lb", Subnets=lab.subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    group = elbv2.create_target_group(
        Name="app", Protocol="HTTP", Port=8080, VpcId=lab.vpc, TargetType="ip", HealthCheckIntervalSeconds=5
    )["TargetGroups"][0]["TargetGroupArn"]
    forward = [{"Type": "forward", "TargetGroupArn": group}]
    elbv2.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=8082, DefaultActions=forward)
    cloud_map.create_private_dns_namespace(Name="shop.internal", Vpc=lab.vpc)
    (namespace,) = eventually(lambda: cloud_map.list_namespaces()["Namespaces"])
    records = {"DnsRecords": [{"Type": "A", "TTL": 10}]}
    found = cloud_map.create_service(Name="app", NamespaceId=namespace["Id"], DnsConfig=records)["Service"]
    options = {"awslogs-group": "/ecs/app", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "x"}
    options["awslogs-create-group"] = "true"

    def interfaces() -> set[str]:
        found = lab.client("ec2").describe_network_interfaces()["NetworkInterfaces"]
        return {interface["PrivateIpAddress"] for interface in found}

    of_the_balancer = interfaces()
    definition = lab.register(logConfiguration={"logDriver": "awslogs", "options": options})
    entry = {"targetGroupArn": group, "containerName": "app", "containerPort": 8080}
    lab.create(definition, 2, loadBalancers=[entry], serviceRegistries=[{"registryArn": found["Arn"]}])

    def registered() -> list[list[str]]:
        targets = elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        instances = cloud_map.list_instances(ServiceId=found["Id"])["Instances"]
        return [
            sorted(target["Target"]["Id"] for target in targets if target["TargetHealth"]["State"] == "healthy"),
            sorted(target["Target"]["Id"] for target in targets),
            sorted(instance["Attributes"]["AWS_INSTANCE_IPV4"] for instance in instances),
            sorted(interfaces() - of_the_balancer),
        ]

    def each_task_once() -> bool:
        tasks = [address_of(task) for task in lab.tasks() if task["lastStatus"] == "RUNNING"]
        return len(tasks) == 2 and registered() == [sorted(tasks)] * 4

    def streams() -> list[dict[str, Any]]:
        return list(logs.describe_log_streams(logGroupName="/ecs/app")["logStreams"])

    eventually(each_task_once)
    written = {stream["logStreamName"] for stream in streams()}
    assert len(written) == 2
    for count in (4, 6):
        os.kill(instance.pid, signal.SIGKILL)
        instance = embedded.start("crash")
        assert written <= {stream["logStreamName"] for stream in streams()}
        eventually(each_task_once)
        eventually(lambda count=count: len(streams()) == count)
    journal = (instance.directory / "journal.jsonl").read_text().splitlines()
    assert {json.loads(line).get("operation") for line in journal} & ENGINES == set()
    assert "ERROR" not in instance.log.read_text()


def test_a_shift_of_codedeploy_and_a_warning_of_spot_go_on_after_a_crash(instance: embedded.Instance, lab: Lab) -> None:
    shop = make_blue_green(lab)
    shop.service(1)
    shop.group(deploymentConfigName="CodeDeployDefault.ECSCanary10Percent5Minutes")
    on_spot = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    stays = lab.register("stays", environment={"IGNORE_SIGTERM": "1"}, stopTimeout=120)
    lab.create(stays, 1, "stays", capacityProviderStrategy=on_spot)
    lab.until_steady(1, "stays")
    shop.deploy()
    eventually(lambda: shop.weight() == 10)
    [gone] = spot.interrupt(instance.endpoint, service="stays").interrupted
    eventually(lambda: lab.task(gone)["lastStatus"] == "STOPPING")
    os.kill(instance.pid, signal.SIGKILL)
    again = embedded.start("crash")
    assert (shop.weight(), shop.deployment()["status"]) == (10, "InProgress")
    ended = lab.until_stopped(gone)
    assert (ended["stopCode"], ended["stoppedReason"]) == ("SpotInterruption", STOPPED_REASON)
    assert [task["taskArn"] for task in lab.until_steady(1, "stays") and lab.tasks("stays")] != [gone]
    assert "errorInformation" not in shop.until_status("Succeeded")
    assert (shop.weight(), set(shop.events().values())) == (100, {"Succeeded"})
    eventually(lambda: shop.versions() == {"2"})
    assert {ask(address_of(task))["VERSION"] for task in lab.tasks()} == {"2"}
    assert "ERROR" not in again.log.read_text()


def test_what_was_answered_just_before_a_crash_stays(instance: embedded.Instance, lab: Lab) -> None:
    lab.create(lab.register(), 1)
    lab.until_steady(1)
    second = lab.register()
    lab.ecs.update_service(cluster="lab", service="app", taskDefinition=second, desiredCount=2)
    os.kill(instance.pid, signal.SIGKILL)
    again = embedded.start("crash")
    service = lab.service()
    assert (service["taskDefinition"], service["desiredCount"]) == (second, 2)
    lab.ecs.delete_service(cluster="lab", service="app", force=True)
    os.kill(again.pid, signal.SIGKILL)
    embedded.start("crash")
    eventually(lambda: lab.service()["status"] == "INACTIVE", "the deletion goes on")


def test_a_stop_in_the_middle_of_a_deployment_is_no_failure_of_it(instance: embedded.Instance, lab: Lab) -> None:
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    lab.create(lab.register(), 4, deploymentConfiguration=breaker)
    lab.until_steady(4)
    check = {"command": ["CMD", "false"], "interval": 300, "startPeriod": 300, "retries": 10}  # RUNNING, never healthy
    second = lab.register(healthCheck=check)
    lab.ecs.update_service(cluster="lab", service="app", taskDefinition=second)
    eventually(lambda: lab.service()["deployments"][0]["runningCount"] == 4)
    embedded.stop("crash")
    embedded.start("crash")
    primary = lab.service()["deployments"][0]
    assert (primary["taskDefinition"], primary["rolloutState"]) == (second, "IN_PROGRESS")
    reasons = {task["stoppedReason"] for task in lab.tasks(desired="STOPPED")}
    assert reasons == {"The embedded AWS was restarted"}


def test_every_run_has_tasks_of_its_own_and_none_that_never_was(instance: embedded.Instance, lab: Lab) -> None:
    seen = {lab.run(lab.register("alone"))["taskArn"]}
    lab.create(lab.register(), 1)
    for _ in range(3):
        lab.until_steady(1)
        seen |= {task["taskArn"] for task in lab.tasks()}
        embedded.stop("crash")
        embedded.start("crash")
    stopped = eventually(lambda: lab.ecs.list_tasks(cluster="lab", desiredStatus="STOPPED")["taskArns"])
    assert len(seen) == 4
    assert set(stopped) == seen


def test_what_was_deleted_stays_deleted(instance: embedded.Instance, lab: Lab) -> None:
    inactive = lab.ecs.get_waiter("services_inactive")
    for _ in range(2):
        lab.create(lab.register(), 1)
        lab.ecs.delete_service(cluster="lab", service="app", force=True)
        inactive.wait(cluster="lab", services=["app"], WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    lab.ecs.create_cluster(clusterName="kept", capacityProviders=["FARGATE"])
    lab.ecs.delete_cluster(cluster="lab")
    embedded.stop("crash")
    embedded.start("crash")
    assert [arn.rsplit("/", 1)[-1] for arn in lab.ecs.list_clusters()["clusterArns"]] == ["kept"]


def test_everything_listens_on_loopback_only(instance: embedded.Instance, lab: Lab) -> None:
    balancer = lab.client("elbv2").create_load_balancer(Name="lb", Subnets=lab.subnets)["LoadBalancers"][0]
    group = lab.client("elbv2").create_target_group(
        Name="app", Protocol="HTTP", Port=8080, VpcId=lab.vpc, TargetType="ip", HealthCheckIntervalSeconds=5
    )["TargetGroups"][0]["TargetGroupArn"]
    lab.client("elbv2").create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=8081,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    entry = {"targetGroupArn": group, "containerName": "app", "containerPort": 8080}
    lab.create(lab.register(), 2, loadBalancers=[entry])
    lab.until_steady(2)
    daemon = psutil.Process(instance.pid)
    sockets = [
        (process.name(), connection)
        for process in [daemon, *daemon.children(recursive=True)]
        for connection in process.net_connections("inet")
        if connection.status in ("LISTEN", "NONE")
    ]
    assert len(sockets) >= 5
    outside = [(name, c.laddr) for name, c in sockets if c.laddr and not c.laddr.ip.startswith("127.")]
    assert outside == []


def test_nothing_is_left_after_down(instance: embedded.Instance, lab: Lab) -> None:
    lab.create(lab.register(), 2)
    lab.until_steady(2)
    family = psutil.Process(instance.pid).children(recursive=True)
    assert embedded.stop("crash")
    psutil.wait_procs(family, timeout=10)
    assert [process for process in family if process.is_running()] == []


def test_a_second_instance_takes_the_next_port_and_sees_nothing_of_the_first(
    instance: embedded.Instance, lab: Lab
) -> None:
    second = embedded.start("second")
    try:
        assert second.port != instance.port
        assert {i.name for i in embedded.instances()} == {"crash", "second"}
        assert second.status()["clusters"] == 0
    finally:
        embedded.stop("second")


def test_reset_forgets(instance: embedded.Instance, lab: Lab) -> None:
    again = embedded.reset("crash")
    assert again is not None and again.port == instance.port
    assert lab.ecs.list_clusters()["clusterArns"] == []


def test_a_taken_port_that_was_asked_for_is_refused(instance: embedded.Instance) -> None:
    with pytest.raises(embedded.NotStarted, match=f"port {instance.port} is taken"):
        embedded.start("other", port=instance.port)
    assert [each.name for each in instance.directory.parent.iterdir()] == ["crash"]


ROUNDS = int(os.environ.get("DRYDOCK_CRASH_ROUNDS", "3"))


@pytest.mark.timeout(120 + 60 * ROUNDS)
def test_whatever_moment_it_is_killed_at_nothing_that_was_answered_is_lost(
    instance: embedded.Instance, lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(os.environ.get("DRYDOCK_CRASH_SEED", "1"))
    session = boto3.session.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
    once = Config(retries={"total_max_attempts": 1}, max_pool_connections=20)
    made = {name: session.client(name, endpoint_url=instance.endpoint, config=once) for name in SERVICES}
    definition = lab.register()
    callers: list[Caller] = []
    for number in range(4):
        lab.create(definition, 0, name=f"load-{number}")
        callers.append(Caller(made.__getitem__, number, "lab"))
        callers[-1].prepare()
    for round_ in range(ROUNDS):
        family = psutil.Process(instance.pid).children(recursive=True)
        now = [caller.again() for caller in callers]
        after = chance.uniform(0.0, 2.5)
        threading.Event().wait(after)
        family += psutil.Process(instance.pid).children(recursive=True)
        os.kill(instance.pid, signal.SIGKILL)
        for caller in now:
            caller.join(60)
        left = psutil.wait_procs(set(family), timeout=20)[1]
        assert [process for process in left if process.is_running()] == []
        instance = embedded.start("crash")
        for caller in now:
            caller.check()
        callers = now
        calls = sum(caller.calls for caller in now)
        with capsys.disabled():
            print(f"round {round_ + 1} of {ROUNDS}: killed after {after:.2f} s and {calls} calls; all is there")
    assert "ERROR" not in instance.log.read_text()

"""ECS in time: every turn of the engine is the test's own, and no process runs."""

from __future__ import annotations

import errno
import itertools
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError
from tests.support.lab import Lab, address_of
from tests.support.stepped import World

from drydock.embedded.carriers.runtime import Capabilities, Offer
from drydock.embedded.services.ecs.kept import Kept
from drydock.embedded.services.ecs.table import Table
from drydock.policy.ecs.rollout import lower_bound, upper_bound
from drydock.policy.profiles import QUICK

CHECK = {"command": ["CMD", "check"], "interval": 10, "retries": 3}
BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


@pytest.fixture
def lab(world: World) -> Lab:
    return world.lab()


def events(lab: Lab, words: str) -> list[str]:
    return [event["message"] for event in lab.service()["events"] if words in event["message"]]


def started(lab: Lab) -> int:
    """How many tasks the service has started."""
    return sum(message.count("(task ") for message in events(lab, "has started"))


# -- a rolling deployment ---------------------------------------------------------------------------------


@pytest.mark.parametrize("container", [{}, {"healthCheck": CHECK}], ids=["unchecked", "checked"])
@pytest.mark.parametrize(
    ("count", "minimum", "maximum"),
    [(2, 100, 200), (4, 50, 100), (4, 50, 150), (3, 100, 134), (5, 0, 100), (5, 80, 120)],
)
def test_a_rolling_deployment_is_within_its_bounds_at_every_transition(
    world: World, lab: Lab, count: int, minimum: int, maximum: int, container: dict[str, Any]
) -> None:
    bounds = {"minimumHealthyPercent": minimum, "maximumPercent": maximum}
    lab.create(lab.register(environment={"VERSION": "1"}, **container), count, deploymentConfiguration=bounds)
    lab.until_steady(count)
    [service] = world.services()
    seen: list[tuple[int, int]] = []

    def note() -> None:
        tasks = world.tasks()
        serving = [task for task in tasks if task.status == "RUNNING" and not task.stopping]
        healthy = [task for task in serving if "healthCheck" not in container or task.healthy_at is not None]
        seen.append((len(healthy), len(tasks)))

    world.watchers.append(note)
    lab.ecs.update_service(
        cluster="lab", service="app", taskDefinition=lab.register(environment={"VERSION": "2"}, **container)
    )
    lab.until_steady(count)
    assert len(service.finished) == 1
    assert {one.spec.environment["VERSION"] for one in world.runtime.containers} == {"2"}
    assert len(seen) == 8 * count  # three states in which a task comes, five steps in which one goes
    assert min(healthy for healthy, _ in seen) >= lower_bound(count, minimum)
    assert max(tasks for _, tasks in seen) <= upper_bound(count, maximum)
    assert max(tasks for _, tasks in seen) > count or upper_bound(count, maximum) == count


def test_a_task_that_is_sick_from_the_start_is_replaced_and_no_old_one_leaves_for_it(world: World, lab: Lab) -> None:
    lab.create(lab.register(healthCheck=CHECK), 2)
    lab.until_steady(2)
    old = {task["taskArn"]: address_of(task) for task in lab.tasks()}
    world.is_sick = lambda address: address not in old.values()
    lab.ecs.update_service(cluster="lab", service="app", forceNewDeployment=True)
    stopped = lab.until(lambda: lab.tasks(desired="STOPPED"))
    assert {task["stoppedReason"] for task in stopped} == {"Task failed container health checks"}
    assert old.keys() <= {task["taskArn"] for task in lab.tasks()}


def test_what_a_subnet_that_is_gone_holds_up_goes_on_where_there_is_one_again(world: World, lab: Lab) -> None:
    lab.create(lab.register(), 1)
    lab.until_steady(1)
    ec2 = lab.client("ec2")
    for zone in world.host.backend("ec2", "us-east-1").subnets.values():
        for subnet in lab.subnets:
            zone.pop(subnet, None)  # EC2 itself refuses this while tasks are in it
    lab.ecs.stop_task(cluster="lab", task=lab.tasks()[0]["taskArn"])
    lab.until(lambda: events(lab, "was unable to place a task"))
    world.pass_time(600)
    assert len(events(lab, "was unable to place a task")) == 3  # now, and every five minutes
    assert lab.tasks() == []
    block = ec2.describe_vpcs(VpcIds=[lab.vpc])["Vpcs"][0]["CidrBlock"].replace(".0.0/16", ".9.0/24")
    lab.subnets[:] = [ec2.create_subnet(VpcId=lab.vpc, CidrBlock=block)["Subnet"]["SubnetId"]]
    lab.ecs.update_service(cluster="lab", service="app", networkConfiguration=lab.network)
    lab.until_steady(1)


def test_a_service_can_be_made_again_once_its_last_task_has_stopped(world: World, lab: Lab) -> None:
    definition = lab.register()
    lab.create(definition, 1)
    lab.until_steady(1)
    lab.ecs.delete_service(cluster="lab", service="app", force=True)
    with pytest.raises(ClientError, match="Unable to Start a service that is still Draining"):
        lab.create(definition, 1)
    world.until(lambda: lab.service()["status"] == "INACTIVE")
    lab.create(definition, 1)
    lab.until_steady(1)


def test_a_run_that_cannot_be_kept_starts_nothing(
    world: World, lab: Lab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    definition = lab.register()

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Kept, "write", full)
        with pytest.raises(ClientError, match="No space left"):
            lab.run(definition, startedBy="me")
        world.settle()
        assert [r.getMessage() for r in caplog.records if "tasks and deployments failed" in r.getMessage()][1:] == []
    for asked in ({}, {"startedBy": "me"}, {"desiredStatus": "STOPPED"}):
        assert lab.ecs.list_tasks(cluster="lab", **asked)["taskArns"] == []
    world.pass_time(60)
    assert world.runtime.started == []
    task = lab.run(definition, startedBy="me")
    lab.until(lambda: lab.task(task["taskArn"])["lastStatus"] == "RUNNING")
    assert lab.ecs.list_tasks(cluster="lab", startedBy="me")["taskArns"] == [task["taskArn"]]


def test_a_service_whose_task_definition_is_deleted_says_so_and_goes_on_with_another(
    world: World, lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    definition = lab.register()
    lab.create(definition, 1)
    lab.until_steady(1)
    lab.ecs.deregister_task_definition(taskDefinition=definition)
    lab.ecs.delete_task_definitions(taskDefinitions=[definition])
    lab.ecs.stop_task(cluster="lab", task=lab.tasks()[0]["taskArn"])
    world.pass_time(100)
    said = "was unable to place a task. Reason: Unable to describe task definition."
    assert [message.split(") ", 1)[1] for message in events(lab, "unable to place")] == [said]
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    lab.ecs.update_service(cluster="lab", service="app", taskDefinition=lab.register())
    lab.until_steady(1)


# -- what fails -------------------------------------------------------------------------------------------


def test_what_ends_at_once_is_tried_ever_more_rarely(world: World, lab: Lab) -> None:
    lab.create(lab.register(environment={"EXIT": "1"}), 1)
    failed: list[float] = []

    def note() -> None:
        if len(world.runtime.started) > len(failed):
            failed.append(world.clock.time())

    world.watchers.append(note)
    lab.until(lambda: len(failed) == 8)
    waits = [round(after - before - QUICK.task_provisioning) for before, after in itertools.pairwise(failed)]
    assert waits == [10, 20, 40, 80, 160, 300, 300]
    assert len(events(lab, "is unable to consistently start tasks successfully")) == 1


def test_three_failures_trip_the_breaker_and_the_good_revision_comes_back(world: World, lab: Lab) -> None:
    good = lab.register()
    lab.create(good, 2, deploymentConfiguration=BREAKER)
    lab.until_steady(2)
    serving: list[int] = []
    world.watchers.append(lambda: serving.append(sum(t.status == "RUNNING" for t in world.tasks() if not t.stopping)))
    bad = lab.register(environment={"EXIT": "3"})
    lab.ecs.update_service(cluster="lab", service="app", taskDefinition=bad)
    [service] = world.services()
    tried = len(world.runtime.started)
    lab.until(lambda: service.deployments[0].rollback_of)
    failed = service.deployments[1]
    assert (failed.rollout_state, failed.failed_tasks) == ("FAILED", 3)
    assert len(world.runtime.started) - tried == 4  # they are started by twos
    lab.until_steady(2)
    assert lab.service()["taskDefinition"] == good
    assert min(serving) == 2


def test_without_rollback_a_failed_deployment_stays_and_starts_nothing_more(world: World, lab: Lab) -> None:
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
    lab.create(lab.register(environment={"EXIT": "3"}), 1, deploymentConfiguration=breaker)
    lab.until(lambda: lab.service()["deployments"][0]["rolloutState"] == "FAILED")
    tried = len(world.runtime.started)
    world.pass_time(1000)
    assert len(world.runtime.started) == tried == 3


def test_health_resets_what_the_breaker_counted(world: World, lab: Lab) -> None:
    lab.create(lab.register(healthCheck=CHECK), 1, deploymentConfiguration=BREAKER)
    [service] = world.services()

    def end_the_next() -> None:
        [container] = lab.until(lambda: world.runtime.containers)
        world.runtime.end(container, 1)
        world.settle()

    for _ in range(3):
        for _ in range(2):
            end_the_next()  # before it is healthy
        assert service.deployments[0].failed_tasks == 2
        lab.until(lambda: any(task.healthy_at is not None for task in world.tasks() if not task.stopping))
        assert service.deployments[0].failed_tasks == 0
        end_the_next()
    lab.until_steady(1)
    assert len(world.runtime.started) == 10


def test_container_health_in_aws_seconds(world: World, lab: Lab) -> None:
    task = lab.run(lab.register(healthCheck={**CHECK, "startPeriod": 60}))
    lab.until(lambda: lab.task(task["taskArn"])["lastStatus"] == "RUNNING")
    world.sick.add(address_of(lab.task(task["taskArn"])))
    began = world.clock.time()
    lab.until(lambda: lab.task(task["taskArn"])["healthStatus"] == "UNHEALTHY")
    assert 60 + 2 * 10 <= world.clock.time() - began <= 60 + 3 * 10 + 2
    world.sick.clear()
    world.pass_time(12)
    assert lab.task(task["taskArn"])["healthStatus"] == "HEALTHY"
    assert lab.task(task["taskArn"])["lastStatus"] == "RUNNING"  # no service replaces it


# -- how a task ends --------------------------------------------------------------------------------------


def test_a_task_has_its_stop_timeout(world: World, lab: Lab) -> None:
    task = lab.run(lab.register(environment={"IGNORE_SIGTERM": "1"}, stopTimeout=120))
    lab.until(lambda: lab.task(task["taskArn"])["lastStatus"] == "RUNNING")
    lab.ecs.stop_task(cluster="lab", task=task["taskArn"])
    world.settle()
    asked = world.clock.time()
    lab.until(lambda: lab.task(task["taskArn"])["containers"][0]["lastStatus"] == "STOPPED")
    assert world.clock.time() - asked == pytest.approx(120, abs=1)
    assert lab.until_stopped(task["taskArn"])["containers"][0]["exitCode"] == 137


def test_protection_ends_by_itself(world: World, lab: Lab) -> None:
    lab.create(lab.register(), 1)
    lab.until_steady(1)
    [task] = lab.tasks()
    lab.ecs.update_task_protection(cluster="lab", tasks=[task["taskArn"]], protectionEnabled=True, expiresInMinutes=5)
    lab.ecs.update_service(cluster="lab", service="app", desiredCount=0)
    kept = timedelta(minutes=5).total_seconds() * world.clock.speed  # it is the wall clock's
    world.clock.advance(kept - 1)
    world.settle()
    assert lab.task(task["taskArn"])["desiredStatus"] == "RUNNING"
    world.clock.advance(2)
    world.settle()
    assert lab.task(task["taskArn"])["desiredStatus"] == "STOPPED"


def test_a_stopped_task_is_shown_for_ten_of_our_minutes_which_is_more_than_an_hour(world: World, lab: Lab) -> None:
    task = lab.run(lab.register(environment={"EXIT": "0"}))
    lab.until_stopped(task["taskArn"])
    world.clock.advance(600 * world.clock.speed - 10)
    world.settle()
    assert lab.task(task["taskArn"])["lastStatus"] == "STOPPED"
    world.clock.advance(20)
    world.settle()
    failures = lab.ecs.describe_tasks(cluster="lab", tasks=[task["taskArn"]])["failures"]
    assert [failure["reason"] for failure in failures] == ["MISSING"]


# -- behind a load balancer -------------------------------------------------------------------------------


@dataclass
class Web:
    """A service behind a load balancer, whose health checks are every 10 s."""

    lab: Lab
    elb: Any
    group: str

    def create(self, count: int, **request: Any) -> None:
        entry = {"targetGroupArn": self.group, "containerName": "app", "containerPort": 8080}
        self.lab.create(self.lab.register(), count, loadBalancers=[entry], **request)

    def states(self) -> Counter[str]:
        found = self.elb.describe_target_health(TargetGroupArn=self.group)["TargetHealthDescriptions"]
        return Counter(one["TargetHealth"]["State"] for one in found)


@pytest.fixture
def web(lab: Lab) -> Web:
    elb = lab.client("elbv2")
    balancer = elb.create_load_balancer(Name="web", Subnets=lab.subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    group = elb.create_target_group(
        Name="app", Protocol="HTTP", Port=8080, VpcId=lab.vpc, TargetType="ip",
        HealthCheckIntervalSeconds=10, HealthyThresholdCount=2, UnhealthyThresholdCount=3,
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    forward = [{"Type": "forward", "TargetGroupArn": group}]
    elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=forward)
    return Web(lab, elb, group)


def test_a_target_is_unhealthy_after_its_threshold_and_is_replaced(world: World, lab: Lab, web: Web) -> None:
    web.create(2)
    lab.until_steady(2)
    sick, well = lab.tasks()
    assert world.in_rotation() == {address_of(sick), address_of(well)}
    world.sick.add(address_of(sick))
    began = world.clock.time()
    lab.until(lambda: web.states()["unhealthy"])
    assert 2 * 10 <= world.clock.time() - began <= 3 * 10 + 1
    assert world.in_rotation() == {address_of(well)}
    stopped = lab.until_stopped(sick["taskArn"])
    assert stopped["stoppedReason"] == f"Task failed ELB health checks in (target-group {web.group})"
    lab.until_steady(2)
    assert sick["taskArn"] not in {task["taskArn"] for task in lab.tasks()}


def test_what_replaces_an_unhealthy_task_keeps_the_base(world: World, lab: Lab, web: Web) -> None:
    strategy = [
        {"capacityProvider": "FARGATE", "base": 2, "weight": 0},
        {"capacityProvider": "FARGATE_SPOT", "weight": 1},
    ]
    web.create(4, capacityProviderStrategy=strategy, availabilityZoneRebalancing="DISABLED")
    lab.until_steady(4)
    for provider in ("FARGATE", "FARGATE_SPOT"):
        sick = next(task for task in lab.tasks() if task["capacityProviderName"] == provider)
        world.sick.add(address_of(sick))
        lab.until_stopped(sick["taskArn"])
        lab.until_steady(4)
        assert Counter(task["capacityProviderName"] for task in lab.tasks()) == {"FARGATE": 2, "FARGATE_SPOT": 2}
        world.sick.clear()


def test_in_the_grace_period_an_unhealthy_target_costs_no_task(world: World, lab: Lab, web: Web) -> None:
    web.create(1, healthCheckGracePeriodSeconds=200)
    lab.until(lambda: lab.service()["runningCount"] == 1)
    [task] = lab.tasks()
    world.sick.add(address_of(task))
    began = world.clock.time()
    lab.until(lambda: web.states()["unhealthy"])
    world.pass_time(began + 199 - world.clock.time())
    assert lab.tasks() == [lab.task(task["taskArn"])]
    world.pass_time(2)
    assert len(lab.tasks()) == 2  # its successor comes first
    assert lab.until_stopped(task["taskArn"])["stoppedReason"].startswith("Task failed ELB health checks")


@pytest.mark.parametrize("delay", [0, 90])
def test_a_task_that_goes_drains_its_connections(world: World, lab: Lab, web: Web, delay: int) -> None:
    web.elb.modify_target_group_attributes(
        TargetGroupArn=web.group, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": str(delay)}]
    )
    web.create(2)
    lab.until_steady(2)
    lab.ecs.update_service(cluster="lab", service="app", desiredCount=1)
    [gone] = lab.until(lambda: lab.tasks(desired="STOPPED"))
    world.settle()
    began = world.clock.time()
    assert address_of(gone) not in world.in_rotation()
    assert web.states() == ({"healthy": 1, "draining": 1} if delay else {"healthy": 1})
    lab.until(lambda: not world.running(gone))
    assert world.clock.time() - began == delay
    world.settle()
    assert web.states() == {"healthy": 1}


# -- another start ----------------------------------------------------------------------------------------


def test_after_a_restart_every_service_is_brought_back(tmp_path: Path) -> None:
    first = World(tmp_path / "aws")
    lab = first.lab()
    lab.create(lab.register(), 3)
    lab.until_steady(3)
    before = {task["taskArn"] for task in lab.tasks()}
    deployment = lab.service()["deployments"][0]["id"]
    running = list(first.runtime.containers)
    first.close()
    assert len(running) == 3 and not any(container.running for container in running)

    again = World(tmp_path / "aws")
    try:
        again.host.restore()
        lab.client, lab.until = again.client, again.until
        assert {task["lastStatus"] for task in lab.tasks(desired="STOPPED")} == {"STOPPED"}
        lab.until(lambda: lab.service()["runningCount"] == 3)
        assert before.isdisjoint(task["taskArn"] for task in lab.tasks())
        assert len(again.runtime.containers) == 3
        assert [(d["id"], d["rolloutState"]) for d in lab.service()["deployments"]] == [(deployment, "COMPLETED")]
        reasons = {lab.task(arn)["stoppedReason"] for arn in before}
        assert reasons == {"The embedded AWS was restarted"}
    finally:
        again.close()


def test_what_was_over_is_over_after_a_restart(tmp_path: Path) -> None:
    def shown() -> list[tuple[str, str]]:
        arns = [brief["serviceDeploymentArn"] for brief in lab.ecs.list_service_deployments(
            cluster="lab", service="app")["serviceDeployments"]]  # fmt: skip
        found = lab.ecs.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"]
        return [(one["status"], one["deploymentCircuitBreaker"]["status"]) for one in found]

    first = World(tmp_path / "aws")
    lab = first.lab()
    lab.create(lab.register(), 1, deploymentConfiguration=BREAKER)
    lab.until_steady(1)
    bad = lab.register(environment={"EXIT": "3"})
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
    lab.ecs.update_service(cluster="lab", service="app", taskDefinition=bad, deploymentConfiguration=breaker)
    lab.until(lambda: lab.service()["deployments"][0]["rolloutState"] == "FAILED")
    before = shown()
    assert before == [("STOPPED", "TRIGGERED"), ("SUCCESSFUL", "MONITORING_COMPLETE")]
    first.close()
    again = World(tmp_path / "aws")
    try:
        again.host.restore()
        lab.client, lab.until = again.client, again.until
        assert shown() == before
    finally:
        again.close()


def test_a_deployment_that_a_restart_cut_short_goes_on(tmp_path: Path) -> None:
    first = World(tmp_path / "aws")
    lab = first.lab()
    lab.create(lab.register(), 2)
    lab.until_steady(2)
    new = lab.register(environment={"VERSION": "2"})
    lab.ecs.update_service(cluster="lab", service="app", taskDefinition=new)
    lab.until(lambda: len(lab.service()["deployments"]) == 2 and len(first.runtime.containers) > 2)
    first.close()
    again = World(tmp_path / "aws")
    try:
        again.host.restore()
        lab.client, lab.until = again.client, again.until
        lab.until_steady(2)
        assert {task["taskDefinitionArn"] for task in lab.tasks()} == {new}
    finally:
        again.close()


@pytest.fixture
def restarted(tmp_path: Path) -> Iterator[Callable[[World], World]]:
    """What starts on the files that a cloud leaves, as after `kill -9`."""
    made: list[World] = []

    def again(world: World) -> World:
        directory = tmp_path / f"again-{len(made)}"
        shutil.copytree(world.host.directory, directory)
        world.close()
        made.append(World(directory))
        made[-1].host.restore()
        return made[-1]

    yield again
    for world in made:
        world.close()


def test_what_a_breaker_counted_and_how_long_a_retry_waits_go_on_after_a_crash(
    world: World, lab: Lab, restarted: Callable[[World], World]
) -> None:
    definition = lab.register(environment={"EXIT": "1"})
    configuration = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}
    lab.create(definition, 1, deploymentConfiguration=configuration)
    lab.until(lambda: lab.service()["deployments"][0]["failedTasks"] == 2)
    world.settle()
    again = restarted(world)
    lab.client, lab.until = again.client, again.until
    began = again.clock.time()
    assert lab.service()["deployments"][0]["failedTasks"] == 2
    lab.until(lambda: lab.service()["deployments"][0]["rolloutState"] == "FAILED")
    assert again.clock.time() - began > 10
    assert len(again.runtime.started) == 1


def test_a_deployment_that_was_completed_is_still_after_a_restart(
    world: World, lab: Lab, restarted: Callable[[World], World]
) -> None:
    lab.create(lab.register(), 1, deploymentConfiguration=BREAKER)
    lab.until_steady(1)
    world.settle()
    again = restarted(world)
    lab.client, lab.until = again.client, again.until
    (arn,) = [
        d["serviceDeploymentArn"]
        for d in lab.ecs.list_service_deployments(cluster="lab", service="app")["serviceDeployments"]
    ]
    (deployment,) = lab.ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"]
    assert deployment["deploymentCircuitBreaker"]["status"] == "MONITORING_COMPLETE"


def test_aws_seconds_go_on_after_a_restart_and_none_pass_while_nothing_runs(
    world: World, lab: Lab, restarted: Callable[[World], World]
) -> None:
    task = lab.run(lab.register(environment={"EXIT": "0"}))
    lab.until_stopped(task["taskArn"])
    world.clock.advance(600 * world.clock.speed - 100)
    world.settle()
    before = world.clock.time()
    again = restarted(world)
    lab.client = again.client
    assert again.clock.time() == pytest.approx(before, abs=again.clock.speed)
    assert lab.task(task["taskArn"])["lastStatus"] == "STOPPED"
    again.clock.advance(150)
    again.settle()
    (failure,) = lab.ecs.describe_tasks(cluster="lab", tasks=[task["taskArn"]])["failures"]
    assert failure["reason"] == "MISSING"


# -- what a container is given, and what it says ----------------------------------------------------------


def environment_of(world: World, task: dict[str, Any]) -> dict[str, str]:
    (container,) = world.running(task)
    return dict(container.environment)


def test_environment_files_reach_the_container_below_its_environment(world: World, lab: Lab) -> None:
    s3 = lab.client("s3")
    s3.create_bucket(Bucket="settings")
    s3.put_object(Bucket="settings", Key="a.env", Body=b"COLOUR=green\nSIZE=large\n")
    s3.put_object(Bucket="settings", Key="b.env", Body=b"SIZE=small\nMOOD=good\n")
    files = [{"type": "s3", "value": f"arn:aws:s3:::settings/{name}.env"} for name in "ab"]
    task = lab.run(lab.register(environment={"COLOUR": "red"}, environmentFiles=files))
    lab.until(lambda: lab.task(task["taskArn"])["lastStatus"] == "RUNNING")
    given = environment_of(world, task)
    assert (given["COLOUR"], given["SIZE"], given["MOOD"]) == ("red", "large", "good")


def test_a_task_whose_environment_file_is_not_there_does_not_start(world: World, lab: Lab) -> None:
    files = [{"type": "s3", "value": "arn:aws:s3:::none/a.env"}]
    task = lab.run(lab.register(environmentFiles=files))
    reason = lab.until_stopped(task["taskArn"])["stoppedReason"]
    assert reason.startswith("ResourceInitializationError: failed to download env files: arn:aws:s3:::none/a.env")


def test_what_containers_mount_is_refused_and_not_left_out(world: World, lab: Lab) -> None:
    container = {"name": "app", "mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]}
    definition = lab.register_containers("app", [container], volumes=[{"name": "v", "host": {}}])
    for make in (lambda: lab.run(definition), lambda: lab.create(definition, 1)):
        with pytest.raises(ClientError, match="does not have volumes, as container app mounts") as refused:
            make()
        assert refused.value.response["Error"]["Code"] == "UnsupportedFeatureException"


def test_volumes_are_mounted_where_the_runtime_has_mounts(world: World, lab: Lab) -> None:
    world.runtime.offers = frozenset(Offer)
    containers: list[dict[str, Any]] = [
        {"name": "app", "mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]},
        {"name": "reader", "volumesFrom": [{"sourceContainer": "app", "readOnly": True}]},
    ]
    task = lab.run(lab.register_containers("app", containers, volumes=[{"name": "v"}]))
    lab.until(lambda: lab.task(task["taskArn"])["lastStatus"] == "RUNNING")
    [[one], [other]] = [container.spec.mounts for container in world.running(task)]
    assert (one.target, one.read_only, other.target, other.read_only) == ("/v", False, "/v", True)
    assert one.source == other.source and one.source.is_dir()
    (one.source / "written").write_text("x")
    lab.ecs.stop_task(cluster="lab", task=task["taskArn"])
    lab.until_stopped(task["taskArn"])
    assert not one.source.exists()
    lasting = [{"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}]
    with pytest.raises(ClientError, match="volumes with efsVolumeConfiguration, as container app mounts"):
        lab.run(lab.register_containers("app", containers, volumes=lasting))


WEAK = {
    "user": "1000", "readonlyRootFilesystem": True, "ulimits": [{"name": "nofile", "softLimit": 64, "hardLimit": 128}],
    "linuxParameters": {"initProcessEnabled": True, "capabilities": {"add": ["SYS_PTRACE"], "drop": ["NET_RAW"]}},
    "dockerLabels": {"team": "shop"},
}  # fmt: skip


def test_what_a_runtime_offers_reaches_the_container(world: World, lab: Lab) -> None:
    task = lab.run(lab.register(**WEAK))
    lab.until(lambda: lab.task(task["taskArn"])["lastStatus"] == "RUNNING")
    [container] = world.running(task)
    assert (container.spec.init, container.spec.open_files) == (True, (64, 128))
    assert (container.spec.user, container.spec.read_only_root) == (None, False)
    metadata = json.loads(urlopen(container.environment["ECS_CONTAINER_METADATA_URI_V4"]).read())
    assert metadata["Labels"]["team"] == "shop"
    world.runtime.offers = frozenset(Offer)
    task = lab.run(lab.register(**WEAK))
    assert "reason" not in task["containers"][0]
    lab.until(lambda: lab.task(task["taskArn"])["lastStatus"] == "RUNNING")
    [container] = world.running(task)
    assert (container.spec.user, container.spec.read_only_root) == ("1000", True)
    assert container.spec.capabilities == Capabilities(("SYS_PTRACE",), ("NET_RAW",))


def test_what_a_runtime_does_not_offer_is_said_once_of_a_deployment(world: World, lab: Lab) -> None:
    def said() -> list[str]:
        return events(lab, "is not acted on")

    lab.create(lab.register(**WEAK), 2)
    lab.until_steady(2)
    [message] = said()
    for field in ("user", "readonlyRootFilesystem", "linuxParameters.capabilities"):
        assert f"{field} of container app is not acted on: " in message
    assert "initProcessEnabled" not in message and "ulimits" not in message
    lab.ecs.update_service(cluster="lab", service="app", desiredCount=3)
    lab.until_steady(3)
    assert said() == [message]
    lab.ecs.update_service(cluster="lab", service="app", forceNewDeployment=True)
    assert len(said()) == 2
    lab.ecs.update_service(cluster="lab", service="app", taskDefinition=lab.register())
    lab.until_steady(3)
    assert len(said()) == 2


def test_what_a_runtime_does_not_offer_is_said_of_a_task_until_it_ends(world: World, lab: Lab) -> None:
    task = lab.run(lab.register(readonlyRootFilesystem=True))
    told = "readonlyRootFilesystem of container app is not acted on: its files can be written to"
    assert task["containers"][0]["reason"] == told
    lab.until(lambda: lab.task(task["taskArn"])["lastStatus"] == "RUNNING")
    assert lab.task(task["taskArn"])["containers"][0]["reason"] == told
    lab.ecs.stop_task(cluster="lab", task=task["taskArn"])
    assert "reason" not in lab.until_stopped(task["taskArn"])["containers"][0]


def test_lines_of_one_event_stay_together(world: World, lab: Lab) -> None:
    options = {"awslogs-group": "/lab", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "app",
               "awslogs-create-group": "true", "awslogs-multiline-pattern": "^INFO|^ERROR"}  # fmt: skip
    task = lab.run(lab.register(logConfiguration={"logDriver": "awslogs", "options": options}))
    lab.until(lambda: lab.task(task["taskArn"])["lastStatus"] == "RUNNING")
    (container,) = world.running(task)

    def events() -> list[str]:
        world.settle()
        stream = f"app/app/{task['taskArn'].rsplit('/', 1)[-1]}"
        found = lab.client("logs").get_log_events(logGroupName="/lab", logStreamName=stream, startFromHead=True)
        return [event["message"] for event in found["events"]]

    for line in ("INFO up", "ERROR no", "  at one", "", "  at two", "INFO again"):
        container.spec.on_output("stdout", line.encode())
    world.clock.advance(world.clock.speed)
    assert events() == ["listening\nINFO up".partition("\n")[0], "INFO up", "ERROR no\n  at one\n\n  at two"]
    world.clock.advance(6 * world.clock.speed)
    assert events()[-1] == "INFO again"
    container.spec.on_output("stdout", b"INFO last")
    world.runtime.end(container, 0)
    lab.until_stopped(task["taskArn"])
    assert events()[-1] == "INFO last"


def test_a_pattern_that_is_none_stops_the_task_from_starting(world: World, lab: Lab) -> None:
    options = {"awslogs-group": "/lab", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "app",
               "awslogs-create-group": "true", "awslogs-multiline-pattern": "("}  # fmt: skip
    task = lab.run(lab.register(logConfiguration={"logDriver": "awslogs", "options": options}))
    assert "could not parse multiline pattern" in lab.until_stopped(task["taskArn"])["stoppedReason"]


def test_a_task_is_shown_with_all_that_aws_shows(world: World, lab: Lab) -> None:
    task = lab.run(lab.register(), tags=[{"key": "a", "value": "1"}])
    shown = lab.task(task["taskArn"])
    assert (shown["tags"], shown["containers"][0]["networkBindings"]) == ([], [])
    asked = lab.ecs.describe_tasks(cluster="lab", tasks=[task["taskArn"]], include=["TAGS"])["tasks"][0]
    assert asked["tags"] == [{"key": "a", "value": "1"}]


def test_what_a_run_overrides_is_shown_and_holds(world: World, lab: Lab) -> None:
    task = lab.run(
        lab.register(memory=400),
        overrides={
            "cpu": "512",
            "memory": "1GB",
            "ephemeralStorage": {"sizeInGiB": 30},
            "containerOverrides": [{"name": "app", "cpu": 128, "memory": 300, "memoryReservation": 200}],
        },
    )
    assert (task["cpu"], task["memory"], task["ephemeralStorage"]) == ("512", "1024", {"sizeInGiB": 30})
    [container] = task["containers"]
    assert (container["cpu"], container["memory"], container["memoryReservation"]) == ("128", "300", "200")
    assert "ephemeralStorage is not acted on" in container["reason"]
    large = lab.run(lab.register(), overrides={"memory": "2048"})
    lab.until(lambda: lab.task(large["taskArn"])["lastStatus"] == "RUNNING")
    assert [one.spec.memory_limit_mib for one in world.runtime.started] == [300, 2048]
    with pytest.raises(ClientError, match=r"platform version 1\.3\.0"):
        lab.run(lab.register(), platformVersion="1.3.0")
    with pytest.raises(ClientError, match="volumes that are made when a task is launched"):
        lab.run(lab.register(), volumeConfigurations=[{"name": "v"}])


@pytest.mark.parametrize("public", ["ENABLED", "DISABLED"])
def test_the_interface_of_a_task_is_ecss_and_has_a_public_address_if_asked(world: World, lab: Lab, public: str) -> None:
    network = {"awsvpcConfiguration": {"subnets": lab.subnets, "assignPublicIp": public}}
    (task,) = lab.ecs.run_task(
        cluster="lab", taskDefinition=lab.register(), launchType="FARGATE", networkConfiguration=network
    )["tasks"]
    lab.until(lambda: lab.task(task["taskArn"])["lastStatus"] == "RUNNING")
    (interface,) = lab.client("ec2").describe_network_interfaces()["NetworkInterfaces"]
    address = address_of(lab.task(task["taskArn"]))
    assert interface.get("Association", {}).get("PublicIp") == (address if public == "ENABLED" else None)
    assert interface["RequesterManaged"] is True
    with pytest.raises(ClientError, match="is currently in use"):
        lab.client("ec2").delete_network_interface(NetworkInterfaceId=interface["NetworkInterfaceId"])
    lab.until_stopped(lab.ecs.stop_task(cluster="lab", task=task["taskArn"])["task"]["taskArn"])
    assert lab.client("ec2").describe_network_interfaces()["NetworkInterfaces"] == []


@pytest.mark.parametrize("runs", [1, 11])
def test_a_stop_that_fails_half_way_leaves_the_task_as_it_was(
    world: World, lab: Lab, runs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    definition = lab.register()
    arns = [lab.run(definition, count=10)["taskArn"] for _ in range(runs)]
    world.until(lambda: lab.task(arns[0])["lastStatus"] == "RUNNING")
    before = lab.task(arns[0])
    full = OSError(errno.ENOSPC, "No space left on device")
    for failing in (world.engine, Kept):
        with monkeypatch.context() as patch:
            patch.setattr(failing, "save" if failing is world.engine else "write", _raising(full))
            for call in (lab.ecs.stop_task, lambda **asked: lab.run(definition, startedBy="late")):
                with pytest.raises(ClientError, match="No space left"):
                    call(cluster="lab", task=arns[0])
        assert lab.task(arns[0]) == before
        assert lab.ecs.list_tasks(cluster="lab", startedBy="late")["taskArns"] == []
    world.settle()
    assert lab.task(arns[0]) == before
    assert len(world.tasks()) == 10 * runs
    lab.ecs.stop_task(cluster="lab", task=arns[0].rsplit("/")[-1])
    assert world.until(lambda: lab.task(arns[0])["lastStatus"] == "STOPPED")


def _raising(error: Exception) -> Callable[..., None]:
    def fails(*_: Any) -> None:
        raise error

    return fails


# -- a call that fails ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda lab, definition: lab.create(definition, 1, name="new"),
        lambda lab, definition: lab.create(definition, 1, name="gone"),
        lambda lab, definition: lab.ecs.update_service(cluster="lab", service="app", taskDefinition=definition),
        lambda lab, definition: lab.ecs.update_service(cluster="lab", service="app", desiredCount=3),
        lambda lab, definition: lab.ecs.delete_service(cluster="lab", service="app", force=True),
    ],
    ids=["create", "create again", "update what deploys", "update the count", "delete"],
)
def test_a_call_that_fails_when_it_has_written_leaves_services_as_they_were(
    world: World, lab: Lab, monkeypatch: pytest.MonkeyPatch, call: Callable[[Lab, str], Any]
) -> None:
    definition = lab.register()
    lab.create(definition, 1)
    lab.create(definition, 0, name="gone")
    lab.ecs.delete_service(cluster="lab", service="gone")
    lab.until(lambda: lab.service("gone")["status"] == "INACTIVE" and lab.service()["runningCount"] == 1)
    before = repr(world.services())
    keep = Table.keep

    def half(table: Table, *changed: Any) -> None:
        keep(table, *changed)
        raise TypeError("half done")

    with monkeypatch.context() as patch:
        patch.setattr(Table, "keep", half)
        with pytest.raises(ClientError, match="half done"):
            call(lab, lab.register(memory=64))
    assert repr(world.services()) == before
    call(lab, definition)

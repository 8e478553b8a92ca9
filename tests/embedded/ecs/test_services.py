"""Services: what is desired comes about, and comes back."""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError
from tests.support.lab import Lab, address_of, ask
from tests.support.waiting import eventually

from drydock import ssm


def processes_of(address: str) -> list[int]:
    """The processes that listen on `address`."""
    return sorted({c.pid for c in psutil.net_connections("tcp4") if c.status == "LISTEN" and c.laddr.ip == address})


def test_a_service_of_three_is_three_processes_that_answer(lab: Lab) -> None:
    lab.create(lab.register(), 3)
    lab.ecs.get_waiter("services_stable").wait(
        cluster="lab", services=["app"], WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    tasks = lab.tasks()
    assert [task["lastStatus"] for task in tasks] == ["RUNNING"] * 3
    assert {ask(address_of(task))["address"] for task in tasks} == {address_of(task) for task in tasks}
    assert len({pid for task in tasks for pid in processes_of(address_of(task))}) == 3
    assert {task["availabilityZone"] for task in tasks} == {"us-east-1a", "us-east-1b", "us-east-1c"}


def test_a_killed_process_comes_back_as_a_new_task(lab: Lab) -> None:
    lab.create(lab.register(), 2)
    lab.until_steady(2)
    victim = lab.tasks()[0]
    ask(address_of(victim))
    for pid in processes_of(address_of(victim)):
        os.kill(pid, signal.SIGKILL)
    stopped = lab.until_stopped(victim["taskArn"])
    assert stopped["stopCode"] == "EssentialContainerExited"
    assert stopped["containers"][0]["exitCode"] == 137
    eventually(lambda: lab.service()["runningCount"] == 2)
    assert victim["taskArn"] not in {task["taskArn"] for task in lab.tasks()}


def test_scale_out_and_in(lab: Lab) -> None:
    lab.create(lab.register(), 1)
    lab.until_steady(1)
    lab.ecs.update_service(cluster="lab", service="app", desiredCount=4)
    eventually(lambda: lab.service()["runningCount"] == 4)
    lab.ecs.update_service(cluster="lab", service="app", desiredCount=1)
    eventually(lambda: lab.service()["runningCount"] == 1 and len(lab.tasks()) == 1)
    gone = lab.tasks(desired="STOPPED")
    assert {task["stopCode"] for task in gone} == {"ServiceSchedulerInitiated"}
    assert all(task["stoppedReason"].startswith("Scaling activity initiated by (deployment ecs-svc/") for task in gone)


def test_scale_in_spares_the_protected(lab: Lab) -> None:
    lab.create(lab.register(), 3)
    lab.until_steady(3)
    first, second, third = (task["taskArn"] for task in lab.tasks())
    answer = lab.ecs.update_task_protection(
        cluster="lab", tasks=[second, "f" * 32], protectionEnabled=True, expiresInMinutes=5
    )
    assert [(one["taskArn"], one["protectionEnabled"]) for one in answer["protectedTasks"]] == [(second, True)]
    assert answer["failures"] == [{"arn": "f" * 32, "reason": "MISSING"}]
    lab.ecs.update_service(cluster="lab", service="app", desiredCount=0)
    for gone in (first, third):
        lab.until_stopped(gone)
    assert lab.task(second)["lastStatus"] == "RUNNING"
    shown = lab.ecs.get_task_protection(cluster="lab")["protectedTasks"]
    assert [(one["taskArn"], one["protectionEnabled"]) for one in shown] == [(second, True)]
    lab.ecs.update_task_protection(cluster="lab", tasks=[second], protectionEnabled=False)
    lab.until_stopped(second)


def test_a_deployment_replaces_tasks(lab: Lab) -> None:
    lab.create(lab.register(environment={"VERSION": "1"}), 2)
    lab.until_steady(2)
    second = lab.register(environment={"VERSION": "2"})
    lab.ecs.update_service(cluster="lab", service="app", taskDefinition=second)
    lab.until_steady(2)
    assert {ask(address_of(task))["VERSION"] for task in lab.tasks()} == {"2"}
    events = [event["message"] for event in lab.service()["events"]]
    assert events[0] == "(service app) has reached a steady state."
    assert any("has stopped" in event for event in events)


def test_a_deployment_that_its_bounds_hold_up_says_so_once_and_goes_on_when_they_give_room(lab: Lab) -> None:
    lab.create(lab.register(), 1, deploymentConfiguration={"minimumHealthyPercent": 100, "maximumPercent": 125})
    lab.until_steady(1)

    def said() -> int:
        return sum("because of the service deployment configuration" in e["message"] for e in lab.service()["events"])

    lab.ecs.update_service(cluster="lab", service="app", forceNewDeployment=True)
    eventually(said)
    roomy = {"minimumHealthyPercent": 100, "maximumPercent": 200}
    lab.ecs.update_service(cluster="lab", service="app", deploymentConfiguration=roomy)
    lab.until_steady(1)
    assert said() == 1


def test_a_broken_image_trips_the_breaker_and_rolls_back(lab: Lab) -> None:
    good = lab.register()
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    lab.create(good, 2, deploymentConfiguration=breaker)
    lab.until_steady(2)
    lab.ecs.update_service(cluster="lab", service="app", taskDefinition=lab.register(environment={"EXIT": "3"}))
    service = eventually(
        lambda: (
            (s := lab.service())["deployments"][0]["taskDefinition"] == good
            and len(s["deployments"]) == 1
            and s["deployments"][0]["rolloutState"] == "COMPLETED"
            and s
        )
    )
    assert service["runningCount"] == 2
    deployments = lab.ecs.list_service_deployments(cluster="lab", service="app")["serviceDeployments"]
    described = lab.ecs.describe_service_deployments(
        serviceDeploymentArns=[d["serviceDeploymentArn"] for d in deployments]
    )["serviceDeployments"]
    breakers = [d["deploymentCircuitBreaker"] for d in described]
    tripped = [b for b in breakers if b["status"] == "TRIGGERED"]
    assert [(b["failureCount"], b["threshold"]) for b in tripped] == [(3, 3)]


def test_tasks_split_over_capacity_providers(lab: Lab) -> None:
    strategy = [
        {"capacityProvider": "FARGATE", "base": 1, "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 1},
    ]
    lab.create(lab.register(), 5, capacityProviderStrategy=strategy)
    assert lab.service()["capacityProviderStrategy"] == [{"weight": 0, "base": 0, **item} for item in strategy]
    eventually(lambda: len(lab.tasks()) == 5)
    assert Counter(task["capacityProviderName"] for task in lab.tasks()) == {"FARGATE": 3, "FARGATE_SPOT": 2}


def test_every_field_comes_back(lab: Lab) -> None:
    role = "arn:aws:iam::000000000000:role/task"
    asked = {
        "enableExecuteCommand": True,
        "enableECSManagedTags": True,
        "propagateTags": "SERVICE",
        "availabilityZoneRebalancing": "DISABLED",
        "platformVersion": "1.4.0",
        "deploymentConfiguration": {
            "maximumPercent": 150,
            "minimumHealthyPercent": 50,
            "deploymentCircuitBreaker": {"enable": True, "rollback": False},
        },
    }
    lab.create(lab.register(taskRoleArn=role), 1, tags=[{"key": "team", "value": "shop"}], **asked)
    shown = lab.service()
    for key, value in asked.items():
        got = {k: shown[key][k] for k in value} if isinstance(value, dict) else shown[key]
        assert got == value
    lab.until_steady(1)
    arn = lab.tasks()[0]["taskArn"]
    tags = lab.ecs.describe_tasks(cluster="lab", tasks=[arn], include=["TAGS"])["tasks"][0]["tags"]
    assert {t["key"]: t["value"] for t in tags} == {
        "team": "shop",
        "aws:ecs:clusterName": "lab",
        "aws:ecs:serviceName": "app",
    }


def test_delete_waits_for_its_tasks(lab: Lab) -> None:
    lab.create(lab.register(), 2)
    lab.until_steady(2)
    with pytest.raises(ClientError, match="The service cannot be stopped while it is scaled above 0"):
        lab.ecs.delete_service(cluster="lab", service="app")
    addresses = [address_of(task) for task in lab.tasks()]
    deleted = lab.ecs.delete_service(cluster="lab", service="app", force=True)["service"]
    assert deleted["status"] == "DRAINING"
    lab.ecs.get_waiter("services_inactive").wait(
        cluster="lab", services=["app"], WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    assert [processes_of(address) for address in addresses] == [[], []]
    lab.ecs.delete_cluster(cluster="lab")
    assert lab.client("ec2").describe_network_interfaces()["NetworkInterfaces"] == []


def test_one_broken_service_does_not_stall_the_others(lab: Lab) -> None:
    lab.create(lab.register("gone", image="127.0.0.1:1/none:v1"), 1, name="gone")
    lab.create(lab.register(), 1)
    lab.until_steady(1)
    stopped = eventually(lambda: lab.tasks("gone", desired="STOPPED"))
    assert stopped[0]["stopCode"] == "TaskFailedToStart"
    assert stopped[0]["stoppedReason"].startswith("CannotPullContainerError")


def test_every_account_has_fargates_capacity_providers(client: Any) -> None:
    ecs = client("ecs")
    assert [one["name"] for one in ecs.describe_capacity_providers()["capacityProviders"]] == [
        "FARGATE",
        "FARGATE_SPOT",
    ]
    answer = ecs.describe_capacity_providers(capacityProviders=["FARGATE", "nothing"])
    assert [one["status"] for one in answer["capacityProviders"]] == ["ACTIVE"]
    assert [failure["reason"] for failure in answer["failures"]] == ["MISSING"]


def test_what_exec_writes_is_in_the_log_group_of_the_cluster(lab: Lab) -> None:
    logs = lab.client("logs")
    logs.create_log_group(logGroupName="/exec")
    execute = {"logging": "OVERRIDE", "logConfiguration": {"cloudWatchLogGroupName": "/exec"}}
    lab.ecs.update_cluster(cluster="lab", configuration={"executeCommandConfiguration": execute})
    role = "arn:aws:iam::000000000000:role/task"
    lab.create(lab.register(taskRoleArn=role), 1, enableExecuteCommand=True)
    lab.until_steady(1)
    session = lab.ecs.execute_command(
        cluster="lab", task=lab.tasks()[0]["taskArn"], interactive=True, command="python -c 'print(40 + 2)'"
    )["session"]
    assert ssm.run(session) == "42\n"

    def written() -> Any:
        streams = logs.describe_log_streams(logGroupName="/exec")["logStreams"]
        names = [stream["logStreamName"] for stream in streams]
        return (
            names == [session["sessionId"]]
            and logs.get_log_events(logGroupName="/exec", logStreamName=names[0])["events"]
        )

    assert [event["message"] for event in eventually(written)] == ["42"]


def test_tasks_are_registered_where_nobody_asks_for_health_and_a_registry_that_is_gone_holds_nothing_up(
    lab: Lab,
) -> None:
    cloud_map = lab.client("servicediscovery")
    cloud_map.create_private_dns_namespace(Name="lab.internal", Vpc=lab.vpc)
    namespace = eventually(lambda: cloud_map.list_namespaces()["Namespaces"])[0]["Id"]
    records = {"DnsRecords": [{"Type": "A", "TTL": 10}]}
    registry = cloud_map.create_service(Name="app", NamespaceId=namespace, DnsConfig=records)["Service"]
    lab.create(lab.register(), 1, serviceRegistries=[{"registryArn": registry["Arn"]}])
    lab.until_steady(1)
    [registered] = cloud_map.list_instances(ServiceId=registry["Id"])["Instances"]
    assert registered["Attributes"]["AWS_INSTANCE_IPV4"] == address_of(lab.tasks()[0])
    cloud_map.deregister_instance(ServiceId=registry["Id"], InstanceId=registered["Id"])
    eventually(lambda: not cloud_map.list_instances(ServiceId=registry["Id"])["Instances"])
    cloud_map.delete_service(Id=registry["Id"])
    lab.until_stopped(lab.ecs.stop_task(cluster="lab", task=lab.tasks()[0]["taskArn"])["task"]["taskArn"])
    eventually(lambda: lab.service()["runningCount"] == 1)
    assert any("failed to register" in event["message"] for event in lab.service()["events"])


def providers(lab: Lab) -> dict[str, int]:
    return dict(Counter(task["capacityProviderName"] for task in lab.tasks()))


def test_the_base_is_kept_by_a_deployment_and_by_what_replaces_a_task(lab: Lab) -> None:
    strategy = [
        {"capacityProvider": "FARGATE", "base": 2, "weight": 0},
        {"capacityProvider": "FARGATE_SPOT", "weight": 1},
    ]
    lab.create(lab.register(), 4, capacityProviderStrategy=strategy)
    lab.until_steady(4)
    lab.ecs.update_service(cluster="lab", service="app", forceNewDeployment=True)
    lab.until_steady(4)
    assert providers(lab) == {"FARGATE": 2, "FARGATE_SPOT": 2}
    for task in lab.tasks():
        if task["capacityProviderName"] == "FARGATE":
            lab.until_stopped(lab.ecs.stop_task(cluster="lab", task=task["taskArn"])["task"]["taskArn"])
    lab.until_steady(4)
    assert providers(lab) == {"FARGATE": 2, "FARGATE_SPOT": 2}


def test_an_empty_strategy_goes_back_to_the_launch_type(lab: Lab) -> None:
    lab.create(lab.register(), 1, capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "weight": 1}])
    lab.until_steady(1)
    updated = lab.ecs.update_service(cluster="lab", service="app", capacityProviderStrategy=[])["service"]
    assert (updated["launchType"], updated.get("capacityProviderStrategy")) == ("FARGATE", None)
    assert len(updated["deployments"]) == 1  # it does not deploy by itself
    lab.ecs.update_service(cluster="lab", service="app", forceNewDeployment=True)
    lab.until_steady(1)
    assert lab.tasks()[0].get("capacityProviderName") is None
    again = lab.ecs.update_service(cluster="lab", service="app", capacityProviderStrategy=[])["service"]
    assert (again["launchType"], again.get("capacityProviderStrategy")) == ("FARGATE", None)


def test_a_rollback_that_fails_too_is_the_end_of_it(lab: Lab) -> None:
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    lab.create(lab.register(), 1, deploymentConfiguration=breaker)
    lab.until_steady(1)
    images = lab.client("ecr").list_images(repositoryName="app")["imageIds"]
    lab.client("ecr").batch_delete_image(repositoryName="app", imageIds=images)
    lab.ecs.update_service(cluster="lab", service="app", taskDefinition=lab.register())

    def statuses() -> list[str]:
        listed = lab.ecs.list_service_deployments(cluster="lab", service="app")["serviceDeployments"]
        return [one["status"] for one in listed]

    eventually(lambda: "ROLLBACK_FAILED" in statuses())
    assert statuses() == ["ROLLBACK_FAILED", "SUCCESSFUL"]
    assert lab.service()["deployments"][0]["rolloutState"] == "FAILED"


def test_a_rollback_is_shown_with_the_deployment_that_it_undoes(lab: Lab) -> None:
    breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
    lab.create(lab.register(), 1, deploymentConfiguration=breaker)
    lab.until_steady(1)
    lab.ecs.update_service(
        cluster="lab",
        service="app",
        taskDefinition=lab.register(environment={"EXIT": "3"}),
        capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
        forceNewDeployment=True,
    )

    def undone() -> list[str]:
        listed = lab.ecs.list_service_deployments(cluster="lab", service="app", status=["ROLLBACK_SUCCESSFUL"])
        return [one["serviceDeploymentArn"] for one in listed["serviceDeployments"]]

    (arn,) = eventually(undone)
    shown = lab.ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0]
    assert "circuit breaker" in shown["rollback"]["reason"]
    service = lab.service()
    assert (service["launchType"], service.get("capacityProviderStrategy")) == ("FARGATE", None)


def test_the_same_client_token_is_the_same_service(lab: Lab) -> None:
    definition = lab.register()
    first = lab.create(definition, 0, clientToken="once")
    assert lab.create(definition, 0, clientToken="once")["serviceArn"] == first["serviceArn"]
    with pytest.raises(ClientError, match="not idempotent"):
        lab.create(definition, 0, clientToken="twice")

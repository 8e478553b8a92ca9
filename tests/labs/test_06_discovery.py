"""Lab 06: what each check says of nothing, of something wrong and of something right."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.waiting import eventually

from drydock.cloud import Call, Cloud
from drydock.labs import Lab
from drydock.ledger import sweep

from .conftest import At, held_up, solve, state, tried, until, update, waits_for

NAME = "06-discovery"


def namespace(cloud: Cloud) -> str:
    found = cloud.client("servicediscovery").list_namespaces()["Namespaces"]
    return str(next(one["Id"] for one in found if one["Name"] == "shop.internal"))


def map_service(cloud: Cloud, name: str, **config: Any) -> dict[str, Any]:
    created = cloud.client("servicediscovery").create_service(Name=name, NamespaceId=namespace(cloud), **config)
    return dict(created["Service"])


def map_id(cloud: Cloud, name: str) -> str:
    found = cloud.client("servicediscovery").list_services()["Services"]
    return str(next(one["Id"] for one in found if one["Name"] == name))


def test_an_empty_cloud_is_not_started(untouched: Lab) -> None:
    lab = untouched
    states = {step.name: step.check(lab.cloud, lab).state for step in lab.steps}
    assert states == {step.name: "not started" for step in lab.steps}


class OnePerPage:
    """An account in which a list is longer than a page."""

    def asked(self, call: Call) -> None:
        if call.operation in ("ListNamespaces", "ListServices"):
            call.params["MaxResults"] = 1

    def sending(self, call: Call) -> dict[str, Any] | None:
        return None

    def answered(self, call: Call, answer: dict[str, Any], status: int) -> None:
        pass


def test_create_namespace(at: At) -> None:
    lab = at("create-namespace")
    cloud_map, ec2 = lab.cloud.client("servicediscovery"), lab.cloud.client("ec2")
    assert state(lab, "frontend-finds-backend") == ("not started", "backend.shop.internal does not resolve.")
    cloud_map.create_http_namespace(Name="shop.internal")
    eventually(lambda: cloud_map.list_namespaces()["Namespaces"], "the namespace is there")
    assert state(lab, "create-namespace") == ("wrong", "shop.internal is of the type HTTP.")
    cloud_map.delete_namespace(Id=namespace(lab.cloud))
    eventually(lambda: not cloud_map.list_namespaces()["Namespaces"], "the namespace is gone")
    cloud_map.create_http_namespace(Name="of-somebody-else")
    eventually(lambda: cloud_map.list_namespaces()["Namespaces"], "another namespace is there")
    solve(lab, "create-namespace")
    vpc = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["drydock"]}])["Vpcs"][0]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": False})
    assert state(lab, "create-namespace")[0] == "wrong"
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    lab.cloud.listeners.append(OnePerPage())
    assert [one["Name"] for one in cloud_map.list_namespaces()["Namespaces"]] == ["of-somebody-else"]
    assert state(lab, "create-namespace")[0] == "passed"
    lab.cloud.listeners.pop()
    first = cloud_map.list_namespaces()["Namespaces"][0]
    cloud_map.delete_namespace(Id=first["Id"])


RECORD = {"Type": "A", "TTL": 10}
CUSTOM = {"HealthCheckCustomConfig": {"FailureThreshold": 1}}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"DnsConfig": {"DnsRecords": [{"Type": "SRV", "TTL": 10}]}, **CUSTOM}, "records are SRV"),
        ({"DnsConfig": {"DnsRecords": [{"Type": "A", "TTL": 3600}]}, **CUSTOM}, "3600 s"),
        ({"DnsConfig": {"DnsRecords": [RECORD], "RoutingPolicy": "WEIGHTED"}, **CUSTOM}, "not MULTIVALUE"),
        ({"DnsConfig": {"DnsRecords": [RECORD]}}, "unhealthy"),
        ({"DnsConfig": {"DnsRecords": [RECORD]}, **CUSTOM}, "does not register its tasks"),
    ],
)
def test_a_cloud_map_service_that_will_not_do(at: At, config: dict[str, Any], words: str) -> None:
    lab = at("register-backend")
    made = map_service(lab.cloud, "backend", **config)
    found = state(lab, "register-backend")
    lab.cloud.client("servicediscovery").delete_service(Id=made["Id"])
    assert found[0] == "wrong"
    assert words in found[1]


def test_register_backend_and_discover(at: At) -> None:
    lab = at("register-backend")
    assert state(lab, "discover")[0] == "not started"
    solve(lab, "register-backend")
    solve(lab, "discover")
    solve(lab, "frontend-finds-backend")


def test_what_is_registered_and_does_not_run_is_found(at: At) -> None:
    lab = at("left-behind")
    lab.break_it("left-behind")
    assert state(lab, "left-behind") == ("wrong", "Some calls go to an address that no task has.")
    assert state(lab, "discover") == ("wrong", "What is registered is not what runs.")
    until(lab, "frontend-finds-backend", "wrong", "Some calls are not answered")
    update(lab.cloud, "backend", forceNewDeployment=True)
    lab.cloud.client("ecs").get_waiter("services_stable").wait(cluster="drydock", services=["backend"])
    assert state(lab, "left-behind")[0] == "wrong"
    everything = """for one in cloud_map.list_instances(ServiceId=backend["Id"])["Instances"]:
        cloud_map.deregister_instance(ServiceId=backend["Id"], InstanceId=one["Id"])
    """
    tried(lab, "left-behind", everything)
    until(lab, "discover", "passed")
    until(lab, "frontend-finds-backend", "passed")


def test_srv(at: At) -> None:
    lab = at("srv")
    cloud_map = lab.cloud.client("servicediscovery")
    assert state(lab, "srv")[0] == "not started"
    made = map_service(lab.cloud, "frontend", DnsConfig={"DnsRecords": [RECORD]})
    assert state(lab, "srv")[0] == "wrong"
    cloud_map.delete_service(Id=made["Id"])
    made = map_service(lab.cloud, "frontend", DnsConfig={"DnsRecords": [{"Type": "SRV", "TTL": 10}]})
    assert "does not register" in state(lab, "srv")[1]
    update(lab.cloud, "frontend", serviceRegistries=[{"registryArn": made["Arn"], "port": 8081}])
    until(lab, "srv", "wrong", "not 8080")
    solve(lab, "srv")


def test_more_than_eight(at: At) -> None:
    lab = at("more-than-eight")
    assert state(lab, "more-than-eight")[0] == "not started"
    update(lab.cloud, "backend", desiredCount=9)
    until(lab, "more-than-eight", "wrong", "wants 9")
    solve(lab, "more-than-eight")
    update(lab.cloud, "backend", desiredCount=3)
    until(lab, "discover", "passed", "3 tasks run")


def test_shorter_ttl(at: At) -> None:
    lab = at("shorter-ttl")
    assert state(lab, "shorter-ttl")[0] == "not started"
    records = [{"Type": "A", "TTL": 30}]
    lab.cloud.client("servicediscovery").update_service(
        Id=map_id(lab.cloud, "backend"), Service={"DnsConfig": {"DnsRecords": records}}
    )
    until(lab, "shorter-ttl", "wrong", "30 s")
    assert waits_for(lab, "shorter-ttl") == ""
    longer = (
        'cloud_map.update_service(Id=backend["Id"], Service={"DnsConfig": {"DnsRecords": [{"Type": "A", "TTL": 60}]}})'
    )
    tried(lab, "shorter-ttl", longer)
    assert state(lab, "register-backend")[0] == "passed"


@pytest.mark.timeout(180)
def test_records_that_an_update_has_deleted_are_said_and_there_is_a_way_out(at: At) -> None:
    lab = at("shorter-ttl")
    cloud_map = lab.cloud.client("servicediscovery")
    cloud_map.update_service(Id=map_id(lab.cloud, "backend"), Service={"Description": "x"})
    until(lab, "shorter-ttl", "wrong", "an UpdateService that names no DnsConfig deletes the records")
    until(lab, "shorter-ttl", "wrong", 'lab.catch_up("shorter-ttl") makes it all again')
    lab.catch_up("shorter-ttl", {})
    assert state(lab, "shorter-ttl")[0] == "not started"
    solve(lab, "shorter-ttl")


def test_tasks_leave_dns(at: At) -> None:
    lab = at("tasks-leave-dns")
    ecs = lab.cloud.client("ecs")
    assert state(lab, "tasks-leave-dns")[0] == "not started"
    [first, *_] = ecs.list_tasks(cluster="drydock", serviceName="backend")["taskArns"]
    with held_up(lab.cloud, "backend"):
        ecs.stop_task(cluster="drydock", task=first)
        until(lab, "tasks-leave-dns", "wrong", "It is not replaced yet.")
    until(lab, "tasks-leave-dns", "passed")
    solve(lab, "tasks-leave-dns")


def test_the_drill_of_the_missing_port(at: At) -> None:
    lab = at("no-port")
    until(lab, "no-port", "passed")
    lab.break_it("no-port")
    assert state(lab, "no-port") == ("wrong", "The frontend finds the name, and nobody answers it.")
    assert state(lab, "frontend-finds-backend") == ("wrong", "The frontend calls another URL.")
    update(lab.cloud, "frontend", forceNewDeployment=True)
    assert state(lab, "no-port")[0] == "wrong"
    no_container_port = """
definition = ecs.describe_task_definition(taskDefinition="drydock-frontend")["taskDefinition"]
one = {"name": "frontend", "image": definition["containerDefinitions"][0]["image"]}
size = {key: definition[key] for key in ("cpu", "memory", "networkMode", "requiresCompatibilities")}
ecs.register_task_definition(family="drydock-frontend", containerDefinitions=[one], **size)
ecs.update_service(cluster="drydock", service="frontend", taskDefinition="drydock-frontend")
"""
    tried(lab, "no-port", no_container_port)


def test_nothing_is_left(at: At) -> None:
    lab = at("no-port")
    lab.clean_up(sure=True)
    assert not sweep(lab.cloud).survivors

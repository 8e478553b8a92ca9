"""Cloud Map through boto3: what is accepted, what is refused, and what is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import botocore.exceptions
import pytest
from tests.support.clients import pages

from drydock.embedded.assembly import AWS


def refused(code: str, call: Callable[..., Any], **arguments: Any) -> dict[str, Any]:
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == code
    return caught.value.response


def a_service(sd: Any, namespace: str, name: str = "backend", **more: Any) -> str:
    settings = {
        "DnsConfig": {"DnsRecords": [{"Type": "A", "TTL": 10}]},
        "HealthCheckCustomConfig": {},
        **more,
    }
    return sd.create_service(Name=name, NamespaceId=namespace, **settings)["Service"]["Id"]


def register(sd: Any, service: str, instance: str, address: str = "127.10.0.5", **attributes: str) -> None:
    sd.register_instance(
        ServiceId=service, InstanceId=instance, Attributes={"AWS_INSTANCE_IPV4": address, **attributes}
    )


def found(sd: Any, **more: Any) -> list[str]:
    answer = sd.discover_instances(NamespaceName="prod.internal", ServiceName="backend", **more)
    return [instance["InstanceId"] for instance in answer["Instances"]]


# -- namespaces and operations ------------------------------------------------------------------


def test_an_operation_is_submitted_then_pending_then_succeeds(sd: Any, vpc: str, stepped: AWS) -> None:
    operation_id = sd.create_private_dns_namespace(Name="prod.internal", Vpc=vpc)["OperationId"]
    seen = []
    for seconds in (0, 1, 19):
        stepped.clock.advance(seconds)  # type: ignore[attr-defined]
        seen.append(sd.get_operation(OperationId=operation_id)["Operation"]["Status"])
    assert seen == ["SUBMITTED", "PENDING", "SUCCESS"]
    pending = sd.list_operations(Filters=[{"Name": "STATUS", "Values": ["SUCCESS"]}])["Operations"]
    assert [operation["Id"] for operation in pending] == [operation_id]


def test_a_namespace_has_a_private_hosted_zone_of_its_name(sd: Any, namespace: str, vpc: str, stepped: AWS) -> None:
    shown = sd.get_namespace(Id=namespace)["Namespace"]
    assert (shown["Type"], shown["ServiceCount"]) == ("DNS_PRIVATE", 0)
    zones = stepped.client("route53", "us-east-1").list_hosted_zones_by_vpc(VPCId=vpc, VPCRegion="us-east-1")
    assert [(zone["HostedZoneId"], zone["Name"].rstrip(".")) for zone in zones["HostedZoneSummaries"]] == [
        (shown["Properties"]["DnsProperties"]["HostedZoneId"], "prod.internal")
    ]


def test_a_namespace_for_a_vpc_that_is_not_there_fails(sd: Any, stepped: AWS) -> None:
    operation_id = sd.create_private_dns_namespace(Name="prod.internal", Vpc="vpc-0")["OperationId"]
    stepped.clock.advance(20)  # type: ignore[attr-defined]
    operation = sd.get_operation(OperationId=operation_id)["Operation"]
    assert (operation["Status"], operation["ErrorCode"]) == ("FAIL", "CANNOT_CREATE_HOSTED_ZONE")
    assert sd.list_namespaces()["Namespaces"] == []


def test_a_namespace_of_the_same_name_is_refused_in_the_same_vpc_only(
    sd: Any, namespace: str, vpc: str, stepped: AWS
) -> None:
    error = refused("NamespaceAlreadyExists", sd.create_private_dns_namespace, Name="PROD.internal", Vpc=vpc)
    assert error["NamespaceId"] == namespace
    other = stepped.client("ec2", "us-east-1").create_vpc(CidrBlock="127.11.0.0/16")["Vpc"]["VpcId"]
    sd.create_private_dns_namespace(Name="prod.internal", Vpc=other)
    sd.create_private_dns_namespace(Name="test.internal", Vpc=vpc)
    names = [each["Properties"]["HttpProperties"]["HttpName"] for each in sd.list_namespaces()["Namespaces"]]
    assert len(set(names)) == 3
    assert {"prod.internal", "test.internal"} < set(names)


def test_a_repeated_creator_request_is_a_duplicate_while_it_runs(sd: Any, stepped: AWS) -> None:
    operation_id = sd.create_http_namespace(Name="api", CreatorRequestId="once")["OperationId"]
    error = refused("DuplicateRequest", sd.create_http_namespace, Name="api", CreatorRequestId="once")
    assert error["DuplicateOperationId"] == operation_id
    stepped.clock.advance(20)  # type: ignore[attr-defined]
    refused("NamespaceAlreadyExists", sd.create_http_namespace, Name="api", CreatorRequestId="once")


def test_namespaces_are_listed_by_filter_and_page(sd: Any, namespace: str) -> None:
    for name in ("api-one", "api-two"):
        sd.create_http_namespace(Name=name)
    by_type = sd.list_namespaces(Filters=[{"Name": "TYPE", "Values": ["HTTP"]}])["Namespaces"]
    assert [each["Name"] for each in by_type] == ["api-one", "api-two"]
    begins = {"Name": "NAME", "Values": ["api-"], "Condition": "BEGINS_WITH"}
    assert len(sd.list_namespaces(Filters=[begins])["Namespaces"]) == 2
    assert [len(page["Namespaces"]) for page in pages(sd.list_namespaces, MaxResults=2)] == [2, 1]


def test_an_unknown_namespace_or_operation_is_said_by_name(sd: Any) -> None:
    assert "ns-none" in refused("NamespaceNotFound", sd.get_namespace, Id="ns-none")["Error"]["Message"]
    refused("OperationNotFound", sd.get_operation, OperationId="none")


def test_the_negative_caching_time_of_a_namespace_can_change(sd: Any, namespace: str) -> None:
    soa = {"DnsProperties": {"SOA": {"TTL": 3}}}
    sd.update_private_dns_namespace(Id=namespace, Namespace={"Description": "d", "Properties": soa})
    shown = sd.get_namespace(Id=namespace)["Namespace"]
    assert (shown["Description"], shown["Properties"]["DnsProperties"]["SOA"]["TTL"]) == ("d", 3)
    assert shown["Properties"]["DnsProperties"]["HostedZoneId"]


# -- services -----------------------------------------------------------------------------------


def test_what_contains_something_cannot_be_deleted(sd: Any, namespace: str) -> None:
    service = a_service(sd, namespace)
    register(sd, service, "one")
    refused("ResourceInUse", sd.delete_service, Id=service)
    refused("ResourceInUse", sd.delete_namespace, Id=namespace)
    sd.deregister_instance(ServiceId=service, InstanceId="one")
    sd.delete_service(Id=service)
    sd.delete_namespace(Id=namespace)
    refused("ServiceNotFound", sd.get_service, Id=service)
    refused("NamespaceNotFound", sd.get_namespace, Id=namespace)


def test_a_service_of_the_same_name_is_refused_also_in_other_case(sd: Any, namespace: str) -> None:
    service = a_service(sd, namespace)
    error = refused("ServiceAlreadyExists", a_service, sd=sd, namespace=namespace, name="BackEnd")
    assert error["ServiceId"] == service


@pytest.mark.parametrize(
    "settings",
    [
        {"DnsConfig": {"DnsRecords": [{"Type": "A", "TTL": 1}, {"Type": "SRV", "TTL": 1}]}},
        {"DnsConfig": {"DnsRecords": [{"Type": "CNAME", "TTL": 1}]}},
        {"DnsConfig": {"DnsRecords": [{"Type": "A", "TTL": 1}], "RoutingPolicy": "LATENCY"}},
        {"HealthCheckConfig": {"Type": "HTTP"}},
        {"HealthCheckConfig": {"Type": "HTTP"}, "HealthCheckCustomConfig": {"FailureThreshold": 1}},
        {"Type": "HTTP", "DnsConfig": {"DnsRecords": [{"Type": "A", "TTL": 1}]}},
        {"Name": "-backend"},
    ],
)
def test_a_service_that_aws_would_not_take_is_refused(sd: Any, namespace: str, settings: dict[str, Any]) -> None:
    refused("InvalidInput", sd.create_service, **{"Name": "backend", "NamespaceId": namespace, **settings})


def test_an_http_namespace_has_no_dns(sd: Any) -> None:
    operation_id = sd.create_http_namespace(Name="api")["OperationId"]
    namespace = sd.get_operation(OperationId=operation_id)["Operation"]["Targets"]["NAMESPACE"]
    refused("InvalidInput", a_service, sd=sd, namespace=namespace)
    service = sd.create_service(Name="backend", NamespaceId=namespace)["Service"]
    assert service["Type"] == "HTTP"
    sd.register_instance(ServiceId=service["Id"], InstanceId="x", Attributes={"any": "thing"})
    answer = sd.discover_instances(NamespaceName="api", ServiceName="backend")
    assert [(each["InstanceId"], each["HealthStatus"]) for each in answer["Instances"]] == [("x", "UNKNOWN")]


def test_update_service_changes_ttl_but_neither_type_nor_custom_health(sd: Any, namespace: str) -> None:
    service = a_service(sd, namespace)
    a_minute = {"DnsConfig": {"DnsRecords": [{"Type": "A", "TTL": 60}]}}
    sd.update_service(Id=service, Service=a_minute)
    shown = sd.get_service(Id=service)["Service"]
    assert shown["DnsConfig"]["DnsRecords"] == [{"Type": "A", "TTL": 60}]
    assert shown["DnsConfig"]["RoutingPolicy"] == "MULTIVALUE"
    assert shown["HealthCheckCustomConfig"] == {"FailureThreshold": 1}
    other_type = {"DnsConfig": {"DnsRecords": [{"Type": "SRV", "TTL": 60}]}}
    refused("InvalidInput", sd.update_service, Id=service, Service=other_type)
    sd.update_service(Id=service, Service={"Description": "d"})
    assert "DnsConfig" not in sd.get_service(Id=service)["Service"]


# -- instances ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "attributes"),
    [
        (["A"], {"AWS_INSTANCE_PORT": "80"}),
        (["A"], {"AWS_INSTANCE_IPV4": "127.10.0.256"}),
        (["AAAA"], {"AWS_INSTANCE_IPV4": "127.10.0.5"}),
        (["SRV"], {"AWS_INSTANCE_IPV4": "127.10.0.5"}),
        (["SRV"], {"AWS_INSTANCE_PORT": "80"}),
        (["SRV"], {"AWS_INSTANCE_IPV4": "127.10.0.5", "AWS_INSTANCE_PORT": "70000"}),
        (["A"], {"AWS_INSTANCE_IPV4": "127.10.0.5", "AWS_INIT_HEALTH_STATUS": "SICK"}),
        (["A"], {"AWS_INSTANCE_IPV4": "127.10.0.5", **{f"k{i}": "v" for i in range(31)}}),
        (["A"], {"AWS_INSTANCE_IPV4": "127.10.0.5", "AWS_EC2_INSTANCE_ID": "i-1"}),
        (["A"], {"AWS_ALIAS_DNS_NAME": "lb.example.com"}),
    ],
)
def test_an_instance_needs_what_its_records_say(
    sd: Any, namespace: str, records: list[str], attributes: dict[str, str]
) -> None:
    service = a_service(sd, namespace, DnsConfig={"DnsRecords": [{"Type": each, "TTL": 1} for each in records]})
    refused("InvalidInput", sd.register_instance, ServiceId=service, InstanceId="one", Attributes=attributes)
    assert sd.list_instances(ServiceId=service)["Instances"] == []


def test_registering_the_same_id_again_updates_it(sd: Any, namespace: str) -> None:
    service = a_service(sd, namespace)
    register(sd, service, "one", "127.10.0.5", version="1")
    register(sd, service, "one", "127.10.0.6", version="2")
    instances = sd.list_instances(ServiceId=service)["Instances"]
    assert [each["Attributes"] for each in instances] == [{"AWS_INSTANCE_IPV4": "127.10.0.6", "version": "2"}]
    assert sd.get_service(Id=service)["Service"]["InstanceCount"] == 1


def test_the_revision_grows_with_registrations_and_not_with_health(sd: Any, namespace: str, stepped: AWS) -> None:
    service = a_service(sd, namespace)

    def revision() -> int:
        return int(
            sd.discover_instances_revision(NamespaceName="prod.internal", ServiceName="backend")["InstancesRevision"]
        )

    seen = [revision()]
    register(sd, service, "one")
    seen.append(revision())
    sd.update_instance_custom_health_status(ServiceId=service, InstanceId="one", Status="UNHEALTHY")
    stepped.clock.advance(30)  # type: ignore[attr-defined]
    assert revision() == seen[-1]
    sd.deregister_instance(ServiceId=service, InstanceId="one")
    seen.append(revision())
    assert seen == sorted(set(seen))


# -- health -------------------------------------------------------------------------------------


def test_a_reported_status_shows_after_thirty_seconds(sd: Any, namespace: str, stepped: AWS) -> None:
    service = a_service(sd, namespace)
    register(sd, service, "one")

    def status() -> str:
        return str(sd.get_instances_health_status(ServiceId=service)["Status"]["one"])

    sd.update_instance_custom_health_status(ServiceId=service, InstanceId="one", Status="UNHEALTHY")
    stepped.clock.advance(20)  # type: ignore[attr-defined]
    sd.update_instance_custom_health_status(ServiceId=service, InstanceId="one", Status="UNHEALTHY")
    stepped.clock.advance(9)  # type: ignore[attr-defined]
    assert status() == "HEALTHY"
    stepped.clock.advance(1)  # type: ignore[attr-defined]
    assert status() == "UNHEALTHY"


def test_a_status_taken_back_in_time_never_shows(sd: Any, namespace: str, stepped: AWS) -> None:
    service = a_service(sd, namespace)
    register(sd, service, "one")
    sd.update_instance_custom_health_status(ServiceId=service, InstanceId="one", Status="UNHEALTHY")
    stepped.clock.advance(29)  # type: ignore[attr-defined]
    sd.update_instance_custom_health_status(ServiceId=service, InstanceId="one", Status="HEALTHY")
    stepped.clock.advance(60)  # type: ignore[attr-defined]
    assert found(sd, HealthStatus="HEALTHY") == ["one"]


def test_custom_health_needs_its_configuration(sd: Any, namespace: str) -> None:
    service = sd.create_service(
        Name="backend", NamespaceId=namespace, DnsConfig={"DnsRecords": [{"Type": "A", "TTL": 1}]}
    )["Service"]["Id"]
    register(sd, service, "one")
    call = sd.update_instance_custom_health_status
    refused("CustomHealthNotFound", call, ServiceId=service, InstanceId="one", Status="HEALTHY")
    refused("InstanceNotFound", call, ServiceId=service, InstanceId="two", Status="HEALTHY")
    refused("InstanceNotFound", sd.get_instances_health_status, ServiceId=service, Instances=["two"])
    assert found(sd, HealthStatus="UNHEALTHY") == ["one"], "without a health check the filter is ignored"


@pytest.mark.parametrize(
    ("health", "mixed", "all_sick"),
    [
        ("HEALTHY", ["good"], []),
        ("UNHEALTHY", ["bad"], ["good", "bad"]),
        ("ALL", ["good", "bad"], ["good", "bad"]),
        ("HEALTHY_OR_ELSE_ALL", ["good"], ["good", "bad"]),
    ],
)
def test_discovery_filters_by_health(
    sd: Any, namespace: str, stepped: AWS, health: str, mixed: list[str], all_sick: list[str]
) -> None:
    service = a_service(sd, namespace)
    register(sd, service, "good")
    register(sd, service, "bad", AWS_INIT_HEALTH_STATUS="UNHEALTHY")
    assert found(sd, HealthStatus=health) == mixed
    sd.update_instance_custom_health_status(ServiceId=service, InstanceId="good", Status="UNHEALTHY")
    stepped.clock.advance(30)  # type: ignore[attr-defined]
    assert found(sd, HealthStatus=health) == all_sick


# -- discovery ----------------------------------------------------------------------------------


def test_query_parameters_must_fit_and_optional_ones_only_prefer(sd: Any, namespace: str) -> None:
    service = a_service(sd, namespace)
    register(sd, service, "a1", version="v1", zone="a")
    register(sd, service, "b1", version="v1", zone="b")
    register(sd, service, "b2", version="v2", zone="b")
    assert found(sd, QueryParameters={"version": "v1"}) == ["a1", "b1"]
    assert found(sd, QueryParameters={"version": "v1"}, OptionalParameters={"zone": "b"}) == ["b1"]
    assert found(sd, QueryParameters={"version": "v1"}, OptionalParameters={"zone": "c"}) == ["a1", "b1"]
    assert found(sd, QueryParameters={"version": "v9"}) == []


def test_discovery_answers_with_a_hundred_unless_told(sd: Any, namespace: str) -> None:
    service = a_service(sd, namespace)
    for number in range(101):
        register(sd, service, f"i{number}", f"127.10.1.{number + 1}")
    assert len(found(sd)) == 100
    assert len(found(sd, MaxResults=1000)) == 101
    assert len(found(sd, MaxResults=3)) == 3


def test_what_cannot_be_discovered_is_named(sd: Any, namespace: str) -> None:
    refused("NamespaceNotFound", sd.discover_instances, NamespaceName="nope", ServiceName="backend")
    refused("ServiceNotFound", sd.discover_instances, NamespaceName="prod.internal", ServiceName="nope")
    a_service(sd, namespace)
    refused("InvalidInput", found, sd=sd, HealthStatus="SOSO")

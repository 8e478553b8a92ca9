"""Cloud Map where the whole embedded AWS is needed: over HTTP, and after a restart."""

from __future__ import annotations

import http.client
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from drydock.embedded.assembly import AWS


def test_a_request_to_the_data_host_works(host: AWS, client: Any) -> None:
    client("servicediscovery").create_http_namespace(Name="api")
    connection = http.client.HTTPConnection("127.0.0.1", host.port)
    connection.request(
        "POST",
        "/",
        json.dumps({"NamespaceName": "api", "ServiceName": "none"}),
        {
            "Host": "data-servicediscovery.us-east-1.amazonaws.com",
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": "Route53AutoNaming_v20170314.DiscoverInstances",
            "Authorization": "AWS4-HMAC-SHA256 "
            "Credential=x/20261121/us-east-1/servicediscovery/aws4_request, "
            "SignedHeaders=host, Signature=0",
        },
    )
    with closing(connection):
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["__type"]) == (404, "ServiceNotFound")


def test_the_account_is_the_same_after_a_restart(tmp_path: Path) -> None:
    made: list[float] = []

    def account(host: AWS) -> Any:
        sd = host.client("servicediscovery", "us-east-1")
        (shown,) = sd.list_services()["Services"]
        instances = sd.list_instances(ServiceId=shown["Id"])["Instances"]
        (namespace,) = sd.list_namespaces()["Namespaces"]
        for each in (shown, namespace):
            made.append(each.pop("CreateDate").timestamp())
        return namespace, shown, instances, healthy(sd)

    host = AWS(tmp_path, seed="test")
    vpc = host.client("ec2", "us-east-1").create_vpc(CidrBlock="127.10.0.0/16")["Vpc"]["VpcId"]
    sd = host.client("servicediscovery", "us-east-1")
    sd.create_private_dns_namespace(Name="prod.internal", Vpc=vpc)
    service = create_service(sd, sd.list_namespaces()["Namespaces"][0]["Id"])
    register(sd, service, "good")
    register(sd, service, "bad", AWS_INIT_HEALTH_STATUS="UNHEALTHY")
    before = account(host)
    host.close()

    again = AWS(tmp_path)
    try:
        again.restore()
        assert account(again) == before
        assert made[2:] == pytest.approx(made[:2], abs=1)
        assert before[-1] == ["good"]
    finally:
        again.close()


def healthy(sd: Any) -> list[str]:
    answer = sd.discover_instances(NamespaceName="prod.internal", ServiceName="backend", HealthStatus="HEALTHY")
    return [instance["InstanceId"] for instance in answer["Instances"]]


def create_service(sd: Any, namespace: str) -> str:
    dns = {"DnsRecords": [{"Type": "A", "TTL": 10}]}
    return sd.create_service(Name="backend", NamespaceId=namespace, DnsConfig=dns, HealthCheckCustomConfig={})[
        "Service"
    ]["Id"]


def register(sd: Any, service: str, instance: str, **attributes: str) -> None:
    sd.register_instance(
        ServiceId=service, InstanceId=instance, Attributes={"AWS_INSTANCE_IPV4": "127.10.0.5", **attributes}
    )

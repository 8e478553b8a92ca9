"""What the user was answered is what describe says after a restart."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from drydock.embedded.assembly import AWS
from drydock.embedded.core import seams
from tests.support.clients import client_inside

TRUST = '{"Version": "2012-10-17", "Statement": []}'


def _code() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("f.py"), "def handler(event, context): return event")
    return file.getvalue()


MADE: list[tuple[str, str, dict[str, Any], str, dict[str, Any]]] = [
    ("ec2", "create_key_pair", {"KeyName": "a"}, "describe_key_pairs", {}),
    ("ec2", "create_key_pair", {"KeyName": "a", "KeyType": "ed25519"}, "describe_key_pairs", {}),
    ("ec2", "create_volume", {"AvailabilityZone": "us-east-1a", "Size": 1}, "describe_volumes", {}),
    ("ec2", "create_launch_template", {"LaunchTemplateName": "a", "LaunchTemplateData": {"InstanceType": "t3.micro"}},
     "describe_launch_templates", {}),
    ("ec2", "create_nat_gateway", {"SubnetId": "SUBNET", "ConnectivityType": "private"}, "describe_nat_gateways", {}),
    ("cloudwatch", "put_dashboard", {"DashboardName": "a", "DashboardBody": "{}"}, "list_dashboards", {}),
    ("autoscaling", "create_launch_configuration", {"LaunchConfigurationName": "a", "ImageId": "ami-12c6146b",
     "InstanceType": "t3.micro"}, "describe_launch_configurations", {}),
    ("s3", "create_bucket", {"Bucket": "bucket"}, "list_buckets", {}),
    ("kms", "create_key", {}, "list_keys", {}),
    ("iam", "create_user", {"UserName": "a"}, "list_users", {}),
    ("iam", "create_access_key", {"UserName": "a"}, "list_access_keys", {"UserName": "a"}),
    ("iam", "create_policy", {"PolicyName": "a", "PolicyDocument": TRUST.replace("[]", json.dumps([
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]))}, "list_policies", {"Scope": "Local"}),
    ("ssm", "create_document", {"Name": "Greet", "DocumentType": "Command", "Content": json.dumps(
        {"schemaVersion": "2.2", "mainSteps": []})}, "list_documents", {}),
    ("ssm", "create_maintenance_window", {"Name": "nightly", "Schedule": "rate(1 day)", "Duration": 2, "Cutoff": 1,
     "AllowUnassociatedTargets": True}, "describe_maintenance_windows", {}),
    ("route53", "create_hosted_zone", {"Name": "shop.example", "CallerReference": "1"}, "list_hosted_zones", {}),
    ("efs", "create_file_system", {"CreationToken": "a"}, "describe_file_systems", {}),
    ("dynamodb", "create_table", {"TableName": "a", "BillingMode": "PAY_PER_REQUEST",
     "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
     "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}]}, "describe_table", {"TableName": "a"}),
    ("lambda", "create_function", {"FunctionName": "f", "Runtime": "python3.12", "Handler": "f.handler",
     "Role": "arn:aws:iam::000000000000:role/r", "Code": {"ZipFile": _code()}}, "list_functions", {}),
    ("apigateway", "create_rest_api", {"name": "a"}, "get_rest_apis", {}),
    ("apigatewayv2", "create_api", {"Name": "a", "ProtocolType": "HTTP"}, "get_apis", {}),
    ("stepfunctions", "create_state_machine", {"name": "a", "roleArn": "arn:aws:iam::000000000000:role/r",
     "definition": '{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}'}, "list_state_machines", {}),
    ("cognito-idp", "create_user_pool", {"PoolName": "a"}, "list_user_pools", {"MaxResults": 10}),
    ("acm", "request_certificate", {"DomainName": "shop.example"}, "list_certificates", {}),
    ("codecommit", "create_repository", {"repositoryName": "a"}, "get_repository", {"repositoryName": "a"}),
    ("events", "create_event_bus", {"Name": "a"}, "list_event_buses", {}),
    ("events", "create_archive", {"ArchiveName": "a", "EventSourceArn":
     "arn:aws:events:us-east-1:000000000000:event-bus/default"}, "list_archives", {}),
    ("servicediscovery", "create_http_namespace", {"Name": "a"}, "list_namespaces", {}),
    ("opensearch", "create_domain", {"DomainName": "abc"}, "describe_domain", {"DomainName": "abc"}),
    ("wafv2", "create_ip_set", {"Name": "a", "Scope": "REGIONAL", "IPAddressVersion": "IPV4", "Addresses": []},
     "list_ip_sets", {"Scope": "REGIONAL"}),
    ("batch", "create_scheduling_policy", {"name": "a"}, "list_scheduling_policies", {}),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:SOCKS support")  # of urllib3's, when moto imports it
def test_what_was_made_is_described_as_before(host: AWS, crashed: Callable[[AWS], AWS]) -> None:
    subnet = client_inside(host, "ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    client_inside(host, "iam").create_role(RoleName="r", AssumeRolePolicyDocument=TRUST)
    asked = []
    for number, (service, make, given, read, about) in enumerate(MADE):
        region = "us-east-1" if service == "lambda" else ("us-west-2" if number % 2 else "us-east-1")
        client = client_inside(host, service, region)
        where = {"CreateBucketConfiguration": {"LocationConstraint": region}} if service == "s3" else {}
        exact = {name: subnet if value == "SUBNET" else value for name, value in {**given, **where}.items()}
        if "SUBNET" in given.values():
            client = client_inside(host, service, region := "us-east-1")
        getattr(client, make)(**exact)
        asked.append((service, region, read, about))

    def answers(cloud: AWS) -> list[tuple[str, Any]]:
        found = []
        for service, region, read, about in asked:
            answer = getattr(client_inside(cloud, service, region), read)(**about)
            del answer["ResponseMetadata"]
            for system in answer.get("FileSystems", ()):
                del system["SizeInBytes"]["Timestamp"]  # when it was asked for
            for certificate in answer.get("CertificateSummaryList", ()):
                del certificate["Status"]  # as long after it was asked for as moto's minute
            found.append((f"{service} {read}", answer))
        return found

    before = answers(host)
    after = answers(crashed(host))
    assert [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]] == []


def test_what_moto_brought_before_it_was_seen_to_has_the_time_of_the_request_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import moto.core.utils
    import moto.logs.models

    monkeypatch.setattr(moto.logs.models, "utcnow", seams.original(moto.core.utils, "utcnow"))
    seams.keep_time("logs")
    with seams.frozen_at(1_000_000_000):
        assert moto.logs.models.utcnow().year == 2001


def test_what_another_thread_makes_meanwhile_changes_no_id() -> None:
    from moto.moto_api._internal import mock_random

    seams.prepare()
    ids = []
    for meanwhile in (lambda: None, lambda: mock_random.uuid4()):
        seams.reseed("a request")
        thread = threading.Thread(target=meanwhile)
        thread.start()
        thread.join()
        ids.append((mock_random.uuid4(), mock_random.get_random_hex(8), mock_random.choice("abcdef")))
    assert ids[0] == ids[1]

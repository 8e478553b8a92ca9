"""The one port: concurrency, errors, ids that repeat, the journal."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.backends import list_of_moto_modules
from moto.core.responses import ActionResult

from drydock.embedded.assembly import AWS
from drydock.embedded.core import seams
from tests.support.clients import client_of


def ask(host: AWS, headers: dict[str, str], body: bytes = b"", path: str = "/") -> tuple[int, bytes]:
    """A POST as a client that is no SDK sends it."""
    connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=20)
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def scope(service: str, region: str = "us-east-1") -> str:
    return f"AWS4-HMAC-SHA256 Credential=test/20260101/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0"


def test_a_long_poll_holds_nobody_up_and_ends_with_the_message(client: Callable[..., Any]) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    got: list[Any] = []
    poll = threading.Thread(target=lambda: got.append(client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=20)))
    poll.start()
    began = time.monotonic()
    while time.monotonic() - began < 0.3:
        client("sts").get_caller_identity()
    assert poll.is_alive()
    sqs.send_message(QueueUrl=url, MessageBody="now")
    poll.join(timeout=10)
    assert [message["Body"] for message in got[0]["Messages"]] == ["now"]


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("ecs", "list_daemons", {}),
        ("eks", "describe_addon_versions", {}),
        ("elbv2", "get_trust_store_ca_certificates_bundle", {"TrustStoreArn": "arn:x"}),
    ],
)
def test_an_operation_that_is_not_there_says_so_in_the_services_own_protocol(
    client: Callable[..., Any], service: str, operation: str, arguments: dict[str, str]
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(client(service), operation)(**arguments)
    error = caught.value.response
    assert error["Error"]["Code"] == "NotImplemented"
    assert operation.replace("_", "") in error["Error"]["Message"].lower()
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_every_service_that_is_there_answers_a_call_that_reads(host: AWS) -> None:
    session = boto3.session.Session("test", "test", region_name="us-east-1")
    config = Config(inject_host_prefix=False, retries={"total_max_attempts": 1})
    answered, refused = set(), {}
    known = filter(None, map(seams.model_of, sorted(list_of_moto_modules())))
    for name in [*{model.service_name for model in known}, "mailmanager", "simpledbv2"]:
        client = session.client(name, endpoint_url=host.endpoint, config=config)
        model = client.meta.service_model
        reading = [each for each in map(model.operation_model, model.operation_names) if reads_without_arguments(each)]
        for operation in reading[:1]:
            try:
                client._make_api_call(operation.name, {})
                answered.add(name)
            except ClientError as error:
                code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
                if status in (401, 403) or code == str(status):
                    refused[name] = f"{operation.name}: {status} {code}"
    assert refused == {}
    assert len(answered) > 50
    assert {"apigatewayv2", "appsync", "batch", "ecs", "sqs"} <= answered


def reads_without_arguments(operation: Any) -> bool:
    shape = operation.input_shape
    return operation.name.startswith(("List", "Describe", "Get")) and not (shape and shape.required_members)


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("amplify", "list_apps"),
        ("codeartifact", "list_repositories"),
        ("comprehendmedical", "list_phi_detection_jobs"),
        ("s3files", "list_file_systems"),
        ("s3outposts", "list_endpoints"),
        ("eventbridgev2", "list_event_buses"),
        ("cloudsearch", "describe_domains"),
    ],
)
def test_a_service_that_is_not_there_is_named_in_the_protocol_of_its_client(
    client: Callable[..., Any], service: str, operation: str
) -> None:
    asked = client(service)
    with pytest.raises(ClientError) as caught:
        getattr(asked, operation)()
    assert caught.value.response["Error"]["Code"] == "UnknownService"
    assert repr(asked.meta.service_model.signing_name) in caught.value.response["Error"]["Message"]


def test_paths_of_the_registry_are_other_services_too_where_they_are_signed(client: Callable[..., Any]) -> None:
    api = client("apigatewayv2")
    made = api.create_api(Name="shop", ProtocolType="HTTP")["ApiId"]
    assert [each["ApiId"] for each in api.get_apis()["Items"]] == [made]
    mail = client("sesv2")
    mail.create_email_identity(EmailIdentity="shop.example")
    assert [each["IdentityName"] for each in mail.list_email_identities()["EmailIdentities"]] == ["shop.example"]


def test_no_path_is_a_page_of_motos(host: AWS, client: Callable[..., Any]) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="moto-api")
    s3.put_object(Bucket="moto-api", Key="reset", Body=b"kept")
    assert ask(host, {"Authorization": scope("s3")}, path="/moto-api/reset")[0] >= 400
    assert s3.get_object(Bucket="moto-api", Key="reset")["Body"].read() == b"kept"


def test_what_a_path_says_is_read_is_not_journalled(host: AWS, client: Callable[..., Any]) -> None:
    client("batch").describe_compute_environments()
    client("batch").describe_job_queues()
    assert list(host.journal.entries()) == []


def test_an_unsigned_request_is_answered_with_an_error_not_with_html(host: AWS) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(urllib.request.Request(host.endpoint, data=b"hello"))
    assert b"<html" not in caught.value.read().lower()


JSON = {"Content-Type": "application/x-amz-json-1.1"}


@pytest.mark.parametrize(
    ("headers", "code", "names"),
    [
        ({"Authorization": "garbage"}, "IncompleteSignature", "Authorization"),
        ({"Authorization": scope("nosuch")}, "UnknownService", "nosuch"),
        ({"X-Amz-Target": "NoDot"}, "UnknownService", "NoDot"),
        ({"Authorization": scope("dynamodb"), **JSON}, "UnknownOperationException", "X-Amz-Target"),
        ({"Authorization": scope("dynamodb"), "X-Amz-Target": "No.Such"}, "UnknownOperationException", "No.Such"),
        ({"Authorization": scope("ecs"), **JSON}, "UnknownOperationException", "X-Amz-Target"),
        ({"Authorization": scope("ec2")}, "UnknownOperationException", "Action"),
        (
            {"Authorization": scope("ecs", "nowhere-1"), "X-Amz-Target": "X.ListClusters", **JSON},
            "InvalidSignatureException",
            "nowhere-1",
        ),
    ],
)
def test_a_malformed_request_is_answered_with_what_is_wrong(
    host: AWS, headers: dict[str, str], code: str, names: str
) -> None:
    status, content = ask(host, headers, b"{}")
    assert status == 400
    assert code.encode() in content and names.encode() in content


def test_an_unknown_region_is_named(client: Callable[..., Any]) -> None:
    for service, operation in (("ecs", "list_clusters"), ("ec2", "describe_vpcs")):
        with pytest.raises(ClientError, match=r"InvalidSignatureException.*nowhere-1"):
            getattr(client(service, "nowhere-1"), operation)()


CREATE = {
    "Authorization": scope("ecs"),
    "X-Amz-Target": "AmazonEC2ContainerServiceV20141113.CreateCluster",
    "Content-Type": "text/plain",
}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://evil.example:4566", "Host": "evil.example:4566"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Host": "evil.example"},
        {"Host": "evil.example:4566"},
        {"Host": "10.0.0.1:4566"},
        {"Host": "amazonaws.com.evil.example"},
        {"Host": "[::2]:4566"},
        {"Host": "]["},
    ],
)
def test_no_web_page_elsewhere_may_call(host: AWS, client: Callable[..., Any], headers: dict[str, str]) -> None:
    status, content = ask(host, CREATE | headers, b'{"clusterName": "from-a-web-page"}')
    assert status == 403
    assert ("Origin" if "Origin" in headers else "Host").encode() in content
    assert client("ecs").list_clusters()["clusterArns"] == []
    assert ask(host, headers, path="/v2/")[0] == 403
    assert ask(host, headers, path="/_drydock/status")[0] == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "127.0.0.1:4566"},
        {"Host": "127.10.0.3"},
        {"Host": "LocalHost:4566"},
        {"Host": "[::1]:4566"},
        {"Host": "bucket.localhost:4566"},
        {"Host": "localhost.localstack.cloud:4566"},
        {"Host": "sqs.us-east-1.localhost.localstack.cloud:4566"},
        {"Host": "ecs.us-east-1.amazonaws.com"},
        {"Origin": "http://localhost:8888"},
        {"Origin": "http://127.0.0.1:8888"},
        {"Origin": "http://[::1]:8888"},
    ],
)
def test_who_is_on_this_machine_may_call_by_every_name_it_has(host: AWS, headers: dict[str, str]) -> None:
    status, content = ask(host, CREATE | headers, b'{"clusterName": "mine"}')
    assert (status, json.loads(content)["cluster"]["clusterName"]) == (200, "mine")


def test_a_client_without_a_host_header_may_call(host: AWS) -> None:
    with socket.create_connection(("127.0.0.1", host.port), timeout=20) as connection:
        connection.sendall(b"GET /_drydock/status HTTP/1.0\r\n\r\n")
        assert connection.makefile("rb").readline().split()[1] == b"200"


def test_the_same_seed_gives_the_same_ids(tmp_path: Path) -> None:
    def ids(directory: Path, seed: str) -> list[str]:
        host = AWS(directory, seed=seed)
        host.listen()
        try:
            ec2 = host.client("ec2", "us-east-1")
            made = [ec2.create_vpc(CidrBlock="127.30.0.0/16")["Vpc"]["VpcId"] for _ in range(2)]
            return [*made, host.client("sqs", "us-east-1").create_queue(QueueName="q")["QueueUrl"].split("/")[-1]]
        finally:
            host.close()

    first = ids(tmp_path / "a", "7")
    assert first[0] != first[1]
    assert ids(tmp_path / "b", "7") == first
    assert ids(tmp_path / "c", "8") != first


def test_ids_differ_from_region_to_region_and_repeat(tmp_path: Path) -> None:
    container = {"name": "app", "image": "app:1"}
    size = {"cpu": "256", "memory": "512", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"]}

    def made(directory: Path, *regions: str) -> dict[str, set[str]]:
        host = AWS(directory, seed="7")
        host.listen()
        found = {}
        try:
            for region in regions:
                ec2, ecs = host.client("ec2", region), host.client("ecs", region)
                subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
                network = {"awsvpcConfiguration": {"subnets": [subnet]}}
                ecs.create_cluster(clusterName="lab")
                ecs.register_task_definition(family="app", containerDefinitions=[container], **size)
                run = {"cluster": "lab", "launchType": "FARGATE", "networkConfiguration": network}
                service = ecs.create_service(serviceName="app", desiredCount=1, taskDefinition="app", **run)["service"]
                found[region] = {
                    ec2.create_vpc(CidrBlock="127.30.0.0/16")["Vpc"]["VpcId"],
                    host.client("kms", region).create_key()["KeyMetadata"]["KeyId"],
                    service["deployments"][0]["id"],
                    ecs.run_task(taskDefinition="app", **run)["tasks"][0]["taskArn"].rsplit("/")[-1],
                }
            host.step()
            host.step()
            for region in regions:
                tasks = host.client("ecs", region).list_tasks(cluster="lab", serviceName="app")["taskArns"]
                interfaces = host.client("ec2", region).describe_network_interfaces()["NetworkInterfaces"]
                found[region] |= {arn.rsplit("/")[-1] for arn in tasks}
                found[region] |= {each["NetworkInterfaceId"] for each in interfaces}
            return found
        finally:
            host.close()

    both = made(tmp_path / "a", "us-east-1", "eu-west-1")
    assert len(both["us-east-1"]) == len(both["eu-west-1"]) >= 6
    assert both["us-east-1"].isdisjoint(both["eu-west-1"])
    alone = made(tmp_path / "b", "eu-west-1")["eu-west-1"]
    assert alone.isdisjoint(made(tmp_path / "c", "us-east-1")["us-east-1"])
    assert made(tmp_path / "d", "us-east-1", "eu-west-1") == both


def test_calls_that_are_not_journalled_give_something_new_each_time_and_repeat_with_the_seed(tmp_path: Path) -> None:
    def ids(directory: Path) -> list[str]:
        host = AWS(directory, seed="7")
        host.listen()
        try:
            secrets, ecr = host.client("secretsmanager", "us-east-1"), host.client("ecr", "us-east-1")
            ecr.create_repository(repositoryName="lay")
            made = [secrets.get_random_password()["RandomPassword"] for _ in range(3)]
            made += [ecr.initiate_layer_upload(repositoryName="lay")["uploadId"] for _ in range(3)]
            return made
        finally:
            host.close()

    first = ids(tmp_path / "a")
    assert len(set(first)) == len(first)
    assert ids(tmp_path / "b") == first


def test_how_often_a_request_failed_before_does_not_change_its_ids(tmp_path: Path) -> None:
    def message_id(directory: Path, failures: int) -> str:
        host = AWS(directory, seed="7")
        host.listen()
        try:
            sqs = host.client("sqs", "us-east-1")
            message = {"QueueUrl": "http://127.0.0.1/000000000000/q", "MessageBody": "x"}
            for _ in range(failures):
                with pytest.raises(ClientError):
                    sqs.send_message(**message)
            sqs.create_queue(QueueName="q")
            return str(sqs.send_message(**message)["MessageId"])
        finally:
            host.close()

    assert message_id(tmp_path / "a", 0) == message_id(tmp_path / "b", 3)


@pytest.mark.parametrize("seed", ["7", "with:colons:7"])
def test_an_equal_request_after_a_restart_replaces_nothing(tmp_path: Path, seed: str) -> None:
    host = AWS(tmp_path / "aws", seed=seed)
    host.listen()
    made = [host.client("ec2", "us-east-1").create_vpc(CidrBlock="127.30.0.0/16")["Vpc"]["VpcId"] for _ in range(2)]
    host.close()
    again = AWS(tmp_path / "aws")
    again.listen()
    try:
        again.restore()
        ec2 = again.client("ec2", "us-east-1")
        made.append(ec2.create_vpc(CidrBlock="127.30.0.0/16")["Vpc"]["VpcId"])
        assert len(set(made)) == 3
        assert len(ec2.describe_vpcs(VpcIds=made)["Vpcs"]) == 3
    finally:
        again.close()


def test_headers_that_matter_are_there_after_a_restart(tmp_path: Path) -> None:
    host = AWS(tmp_path / "aws")
    host.listen()
    host.run(loop=False)
    data = [
        {"MetricName": f"metric-{n}", "Value": n, "Dimensions": [{"Name": "d", "Value": "x" * 200}]} for n in range(100)
    ]
    client_of(host, "cloudwatch").put_metric_data(Namespace="Large", MetricData=data)
    s3 = client_of(host, "s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="key", Body=b"hello", Metadata={"colour": "blue"})
    s3.copy_object(Bucket="bucket", Key="copy", CopySource="bucket/key")
    host.close()
    again = AWS(tmp_path / "aws")
    again.listen()
    try:
        again.restore()
        again.run(loop=False)
        pages = client_of(again, "cloudwatch").get_paginator("list_metrics").paginate(Namespace="Large")
        assert sum(len(page["Metrics"]) for page in pages) == 100
        s3 = client_of(again, "s3")
        assert s3.head_object(Bucket="bucket", Key="key")["Metadata"] == {"colour": "blue"}
        assert s3.get_object(Bucket="bucket", Key="copy")["Body"].read() == b"hello"
    finally:
        again.close()


def test_a_head_request_tells_the_length(client: Callable[..., Any]) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="key", Body=b"hello")
    assert s3.head_object(Bucket="bucket", Key="key")["ContentLength"] == 5


def test_a_line_cut_short_by_a_crash_is_dropped(tmp_path: Path) -> None:
    host = AWS(tmp_path / "aws")
    host.listen()
    host.client("sqs", "us-east-1").create_queue(QueueName="kept")
    host.close()
    journal = tmp_path / "aws" / "journal.jsonl"
    with journal.open("a") as file:
        file.write(json.dumps({"service": "sqs"})[:-3])
    again = AWS(tmp_path / "aws")
    again.listen()
    try:
        assert again.restore() == 1
        sqs = again.client("sqs", "us-east-1")
        sqs.create_queue(QueueName="new")
        assert len(sqs.list_queues()["QueueUrls"]) == 2
    finally:
        again.close()
    assert len(journal.read_text().splitlines()) == 2


def test_no_signature_reaches_the_disk(host: AWS, client: Callable[..., Any]) -> None:
    client("sqs").create_queue(QueueName="q")
    assert ask(host, CREATE | {"X-Amz-Security-Token": "s3cr3t"}, b'{"clusterName": "c"}')[0] == 200
    text = (host.directory / "journal.jsonl").read_text()
    assert "CreateCluster" in text and "s3cr3t" not in text
    assert "CreateQueue" in text
    assert "Signature=0" not in text and not any(f"Signature={c}" in text for c in "123456789abcdef")
    assert (host.directory / "journal.jsonl").stat().st_mode & 0o077 == 0


def test_a_replay_writes_no_answers_but_those_that_it_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = AWS(tmp_path / "aws", seed="7")
    ec2, ecs, elbv2 = (host.client(name, "us-east-1") for name in ("ec2", "ecs", "elbv2"))
    vpc = ec2.create_vpc(CidrBlock="127.30.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="127.30.0.0/24")["Subnet"]["SubnetId"]
    other = ec2.create_subnet(VpcId=vpc, CidrBlock="127.30.1.0/24", AvailabilityZone="us-east-1b")["Subnet"]["SubnetId"]
    balancer = elbv2.create_load_balancer(Name="lb", Subnets=[subnet, other])["LoadBalancers"][0]["LoadBalancerArn"]
    group = elbv2.create_target_group(Name="tg", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip")
    arn = group["TargetGroups"][0]["TargetGroupArn"]
    forward = [{"Type": "forward", "TargetGroupArn": arn}]
    elbv2.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=8098, DefaultActions=forward)
    ecs.create_cluster(clusterName="lab")
    container = {"name": "app", "image": "app:1", "portMappings": [{"containerPort": 80}]}
    ecs.register_task_definition(
        family="app",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[container],
    )
    ecs.create_service(
        cluster="lab",
        serviceName="app",
        taskDefinition="app",
        desiredCount=0,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet]}},
        loadBalancers=[{"targetGroupArn": arn, "containerName": "app", "containerPort": 80}],
    )
    host.close()
    written: list[str] = []
    write = ActionResult.execute_result

    def noted(self: Any, context: Any) -> Any:
        written.append(context.operation_model.name)
        return write(self, context)

    monkeypatch.setattr(ActionResult, "execute_result", noted)
    again = AWS(tmp_path / "aws")
    again.restore()
    services = again.client("ecs", "us-east-1").describe_services(cluster="lab", services=["app"])["services"]
    again.close()
    assert [service["serviceName"] for service in services] == ["app"]
    assert set(written) <= {"DescribeTargetGroups", "DescribeServices"}


KEYS = ["a", "a?b", "x/y", "x%2Fy", "x%252Fy", "é /+&="]


def test_keys_of_objects_are_told_apart_also_after_a_restart(tmp_path: Path) -> None:
    def kept(cloud: AWS) -> dict[str, str]:
        s3 = client_of(cloud, "s3")
        keys = [each["Key"] for each in s3.list_objects_v2(Bucket="bucket")["Contents"]]
        return {key: s3.get_object(Bucket="bucket", Key=key)["Body"].read().decode() for key in keys}

    host = AWS(tmp_path / "aws")
    host.listen()
    host.run(loop=False)
    s3 = client_of(host, "s3")
    s3.create_bucket(Bucket="bucket")
    for key in [*KEYS, "a?gone"]:
        s3.put_object(Bucket="bucket", Key=key, Body=key.encode())
    s3.delete_object(Bucket="bucket", Key="a?gone")
    assert kept(host) == {key: key for key in KEYS}
    host.close()
    again = AWS(tmp_path / "aws")
    again.listen()
    try:
        again.restore()
        again.run(loop=False)
        assert kept(again) == {key: key for key in KEYS}
    finally:
        again.close()


def test_head_of_what_is_not_there_is_404(client: Callable[..., Any]) -> None:
    s3 = client("s3")
    with pytest.raises(ClientError, match="404"):
        s3.head_bucket(Bucket="nowhere")
    s3.create_bucket(Bucket="bucket")
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket="bucket", Key="nothing")


def test_a_target_may_name_the_host(host: AWS) -> None:
    with socket.create_connection(("127.0.0.1", host.port), timeout=20) as connection:
        target = f"http://127.0.0.1:{host.port}/_drydock/status"
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        assert connection.makefile("rb").readline().split()[1] == b"200"


def test_what_was_done_to_what_has_gone_is_not_done_again(
    host: AWS, client: Callable[..., Any], crashed: Callable[[AWS], AWS]
) -> None:
    sqs, logs, ecr = client("sqs"), client("logs"), client("ecr")
    for number in range(3):
        url = sqs.create_queue(QueueName="passing", tags={"number": str(number)})["QueueUrl"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "7"})
        sqs.delete_queue(QueueUrl=url)
        logs.create_log_group(logGroupName="/app/passing")
        logs.put_retention_policy(logGroupName="/app/passing", retentionInDays=7)
        logs.delete_log_group(logGroupName="/app/passing")
        repository = ecr.create_repository(repositoryName="team/passing")["repository"]["repositoryArn"]
        ecr.tag_resource(resourceArn=repository, tags=[{"Key": "a", "Value": "b"}])
        ecr.delete_repository(repositoryName="team/passing")
    sqs.create_queue(QueueName="passing", Attributes={"VisibilityTimeout": "9"})
    logs.create_log_group(logGroupName="/app/staying")
    assert len(list(host.journal.entries())) == 29
    again = crashed(host)
    assert [entry.operation for entry in again.journal.entries()] == ["CreateQueue", "CreateLogGroup"]
    attributes = again.client("sqs", "us-east-1").get_queue_attributes(
        QueueUrl=f"{again.endpoint}/{again.account}/passing", AttributeNames=["VisibilityTimeout"]
    )
    assert attributes["Attributes"] == {"VisibilityTimeout": "9"}
    groups = again.client("logs", "us-east-1").describe_log_groups()["logGroups"]
    assert [group["logGroupName"] for group in groups] == ["/app/staying"]
    assert again.client("ecr", "us-east-1").describe_repositories()["repositories"] == []

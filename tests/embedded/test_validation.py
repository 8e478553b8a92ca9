"""Input is held against the services' models at the front; a call that failed has changed nothing."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from drydock.embedded.assembly import AWS

from .fuzzing import ADAPTED, Fuzzer
from .test_front import ask, scope


@pytest.fixture
def unchecked(host: AWS) -> Callable[[str], Any]:
    """Clients that send whatever they are given."""
    session = boto3.session.Session("test", "test", region_name="us-east-1")
    config = Config(inject_host_prefix=False, parameter_validation=False, retries={"total_max_attempts": 1})
    return lambda service: session.client(service, endpoint_url=host.endpoint, config=config)


def raw(host: AWS, service: str, target: str, body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    given = {"Authorization": scope(service), "X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
    status, content = ask(host, given | headers, body)
    return status, json.loads(content)


ECS = "AmazonEC2ContainerServiceV20141113."


@pytest.mark.parametrize("service", [name for name in ADAPTED if name != "ec2"])
def test_no_input_is_answered_with_a_failure_of_the_service(host: AWS, service: str) -> None:
    assert [str(fault) for fault in Fuzzer(host, seed=1).run(service, calls=1)] == []


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "code", "says"),
    [
        ("ecs", "list_tasks", {"desiredStatus": "ASLEEP"}, "InvalidParameterException",
         "Value 'ASLEEP' at 'desiredStatus' failed to satisfy constraint: Member must satisfy enum value set: "),
        ("secretsmanager", "create_secret", {"Name": "s", "SecretString": "a", "Tags": [{"Key": "k" * 129}]},
         "ValidationException", "at 'tags.1.member.key' failed to satisfy constraint: Member must have length less"),
        ("events", "create_event_bus", {"Name": "b", "Tags": [{"Value": "v"}]}, "ValidationException",
         "1 validation error detected: Value null at 'tags.1.member.key' failed to satisfy constraint: "
         "Member must not be null"),
        ("logs", "create_log_group", {}, "InvalidParameterException", "Value null at 'logGroupName'"),
        ("elbv2", "modify_target_group_attributes", {"TargetGroupArn": "x"}, "ValidationError",
         "Value null at 'attributes'"),
        ("iam", "create_user", {"UserName": "u" * 65}, "ValidationError", "less than or equal to 64"),
        ("ec2", "delete_vpc", {}, "MissingParameter", "The request must contain the parameter VpcId"),
        ("sqs", "send_message", {"QueueUrl": "q"}, "MissingParameter", "MessageBody"),
        ("ecr", "describe_images", {"repositoryName": "app", "maxResults": 1001}, "InvalidParameterException",
         "Invalid parameter at 'maxResults' failed to satisfy constraint: 'Member must have value less than"),
        ("eks", "create_cluster", {"name": "c"}, "InvalidParameterException", "Value null at 'roleArn'"),
    ],
)  # fmt: skip
def test_what_the_model_does_not_allow_is_refused_in_the_services_own_words(
    unchecked: Callable[[str], Any], service: str, operation: str, arguments: dict[str, Any], code: str, says: str
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(unchecked(service), operation)(**arguments)
    error = caught.value.response["Error"]
    assert error["Code"] == code
    assert says in error["Message"]


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("CreateCluster", b"[]"),
        ("CreateCluster", b'{"clusterName": 1}'),
        ("CreateCluster", b'{"tags": [null]}'),
        ("CreateCluster", b'{"tags": {"key": "a"}}'),
        ("CreateCluster", b'{"clusterName": "\xff"}'),
        ("CreateCluster", b'{"clusterName": '),
        ("CreateCluster", b'{"tags": ' + b"[" * 5000 + b"]" * 5000 + b"}"),
        ("CreateService", b'{"desiredCount": "2", "serviceName": "s"}'),
        ("CreateService", b'{"desiredCount": 1.5, "serviceName": "s"}'),
        ("CreateService", b'{"desiredCount": 4294967296, "serviceName": "s"}'),
        ("CreateService", b'{"enableExecuteCommand": "yes", "serviceName": "s"}'),
    ],
)
def test_json_of_other_types_is_a_serialization_exception(host: AWS, operation: str, body: bytes) -> None:
    status, answer = raw(host, "ecs", ECS + operation, body)
    assert (status, answer["__type"]) == (400, "SerializationException")
    assert answer["message"]


@pytest.mark.parametrize("text", ["Port=abc", "Port=99999999999999"])
def test_text_that_is_no_number_is_malformed(host: AWS, text: str) -> None:
    headers = {"Authorization": scope("elasticloadbalancing"), "Content-Type": "application/x-www-form-urlencoded"}
    status, content = ask(host, headers, f"Action=CreateListener&Version=2015-12-01&{text}".encode())
    assert status == 400
    assert b"<Code>MalformedInput</Code>" in content and b"Port" in content


def test_a_null_is_no_value_and_a_whole_number_may_have_a_point(host: AWS, client: Callable[..., Any]) -> None:
    body = b'{"clusterName": "c", "capacityProviders": null, "tags": null, "unknown": 1}'
    assert raw(host, "ecs", ECS + "CreateCluster", body)[0] == 200
    assert client("ecs").describe_clusters(clusters=["c"])["clusters"][0]["capacityProviders"] == []
    assert raw(host, "ecs", ECS + "ListClusters", b'{"maxResults": 10.0}')[0] == 200


def test_a_compressed_request_is_read(host: AWS, client: Callable[..., Any]) -> None:
    packed = {"Content-Encoding": "gzip"}
    assert raw(host, "ecs", ECS + "CreateCluster", gzip.compress(b'{"clusterName": "z"}'), **packed)[0] == 200
    assert raw(host, "ecs", ECS + "CreateCluster", b"no gzip", **packed)[1]["__type"] == "SerializationException"
    assert [arn.rsplit("/")[-1] for arn in client("ecs").list_clusters()["clusterArns"]] == ["z"]


def test_what_is_not_there_is_said_in_the_services_code(client: Callable[..., Any]) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client("logs").get_query_results(queryId="0" * 36)


def test_a_call_that_failed_has_changed_nothing(host: AWS, client: Callable[..., Any]) -> None:
    from moto.events.models import EventsBackend

    events = client("events")
    events.put_rule(Name="kept", ScheduleExpression="rate(1 minute)", Description="as it was")
    create, put = EventsBackend.create_event_bus, EventsBackend.put_rule

    def half(first: Callable[..., Any]) -> Callable[..., Any]:
        def done_and_failed(*given: Any, **named: Any) -> Any:
            first(*given, **named)
            raise TypeError("half done")

        return done_and_failed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(EventsBackend, "create_event_bus", half(create))
        patch.setattr(EventsBackend, "put_rule", half(put))
        with pytest.raises(ClientError, match="ValidationException"):
            events.create_event_bus(Name="half")
        with pytest.raises(ClientError, match="ValidationException"):
            events.put_rule(Name="kept", ScheduleExpression="rate(2 minutes)", Description="changed")
        with pytest.raises(ClientError, match="ValidationException"):
            events.put_rule(Name="new", ScheduleExpression="rate(2 minutes)")
    assert [bus["Name"] for bus in events.list_event_buses()["EventBuses"]] == ["default"]
    (rule,) = events.list_rules()["Rules"]
    assert (rule["Name"], rule["Description"], rule["ScheduleExpression"]) == ("kept", "as it was", "rate(1 minute)")
    events.create_event_bus(Name="half")
    assert "half done" not in (host.directory / "journal.jsonl").read_text()


def test_a_call_that_cannot_be_kept_is_not_done(
    host: AWS, client: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ecs = boto3.client(
        "ecs", endpoint_url=host.endpoint, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b",
        config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip
    journal = host.journal.path
    written = journal.read_bytes()
    file = host.journal._file

    class Full:
        """A disk with room for ten bytes."""

        def __init__(self) -> None:
            self.room = 10

        def write(self, data: bytes) -> int:
            if not self.room:
                raise OSError(28, "No space left on device")
            count = file.write(data[: self.room])
            self.room = 0
            return count

        def __getattr__(self, name: str) -> Any:
            return getattr(file, name)

    monkeypatch.setattr(host.journal, "_file", Full())
    with pytest.raises(ClientError, match="No space left") as caught:
        ecs.create_cluster(clusterName="c")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    monkeypatch.undo()
    assert ecs.list_clusters()["clusterArns"] == []
    assert journal.read_bytes() == written
    ecs.create_cluster(clusterName="c")
    assert [entry.operation for entry in host.journal.entries()][-1] == "CreateCluster"


def test_nothing_of_a_refused_call_reaches_the_journal(tmp_path: Path) -> None:
    host = AWS(tmp_path / "aws")
    host.listen()
    try:
        events = host.client("events", "us-east-1")
        with pytest.raises(ClientError):
            events.delete_event_bus(Name="default")
        with pytest.raises(ClientError):
            events.put_targets(Rule="none", Targets=[{"Id": "1", "Arn": "arn:aws:sqs:us-east-1:000000000000:q"}])
        assert (tmp_path / "aws" / "journal.jsonl").read_text() == ""
    finally:
        host.close()

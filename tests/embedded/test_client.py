"""Calls from inside the process are answered, refused and read as boto3's are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from drydock.embedded.assembly import AWS
from tests.support.clients import client_of


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AWS]:
    host = AWS(tmp_path_factory.mktemp("aws"), seed="test")
    host.listen()
    host.run(loop=False)
    yield host
    host.close()


def bare(answer: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("ecs", "create_cluster", {"clusterName": "one", "tags": [{"key": "a", "value": "ü"}]}),
        ("ec2", "create_vpc", {"CidrBlock": "127.30.0.0/16"}),
        ("ec2", "describe_vpcs", {"Filters": [{"Name": "is-default", "Values": ["true"]}]}),
        ("sns", "create_topic", {"Name": "news", "Attributes": {"DisplayName": "a & b"}}),
        ("sqs", "create_queue", {"QueueName": "jobs"}),
        ("iam", "create_login_profile", {"UserName": "nobody", "Password": "x" * 8}),
        ("iam", "list_policies", {"Scope": "AWS", "MaxItems": 3}),
        ("kms", "generate_random", {"NumberOfBytes": 8}),
        ("lambda", "list_functions", {"MaxItems": 5}),
        ("lambda", "list_tags", {"Resource": "arn:aws:lambda:us-east-1:000000000000:function:none"}),
        ("s3", "list_buckets", {}),
        ("servicediscovery", "get_service", {"Id": "none"}),
    ],
)
def test_an_answer_is_what_boto3_makes_of_it(
    host: AWS, service: str, operation: str, arguments: dict[str, Any]
) -> None:
    def answer(client: Any) -> Any:
        try:
            return bare(getattr(client, operation)(**arguments))
        except ClientError as error:
            return str(error), bare(error.response)

    made, again = answer(host.client(service, "us-east-1")), answer(client_of(host, service))
    if isinstance(made, dict) and operation.startswith(("create", "generate")):  # made twice, with other ids
        assert made.keys() == again.keys()
        assert {type(value) for value in made.values()} == {type(value) for value in again.values()}
    else:
        assert made == again


def test_what_an_error_says_besides_is_read(host: AWS) -> None:
    cloud_map = host.client("servicediscovery", "us-east-1")
    cloud_map.create_http_namespace(Name="shop")
    with pytest.raises(ClientError) as caught:
        cloud_map.create_http_namespace(Name="shop")
    assert caught.value.response["NamespaceId"].startswith("ns-")


def test_what_the_model_does_not_know_is_refused_before_the_call(host: AWS) -> None:
    with pytest.raises(ParamValidationError, match="Unknown parameter"):
        host.client("ecs", "us-east-1").create_cluster(name="one")
    with pytest.raises(AttributeError, match="ecs has no operation create_clusters"):
        host.client("ecs", "us-east-1").create_clusters()


def test_calls_are_journalled_unless_they_are_derived(host: AWS) -> None:
    before = len(list(host.journal.entries()))
    host.client("sqs", "us-east-1", derived=True).create_queue(QueueName="derived")
    assert len(list(host.journal.entries())) == before
    host.client("sqs", "us-east-1").create_queue(QueueName="asked")
    assert len(list(host.journal.entries())) == before + 1

"""Operations that are done without moto's request and response are answered as they would be with them."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from moto.core.responses import BaseResponse

from drydock.embedded.assembly import AWS
from drydock.embedded.core.host import TICK
from drydock.embedded.core.wsgi import Answer, environ_of

TASK = {"family": "web", "containerDefinitions": [{"name": "app", "image": "app:1", "memory": 128}]}


def ask(host: AWS, operation: str, request: dict[str, Any], query: str = "", **more: str) -> Answer:
    given = {"region": "us-east-1", "key": "test", "HTTP_HOST": "127.0.0.1:4566", **more}
    region, key = given.pop("region"), given.pop("key")
    scope = f"{key}/20260101/{region}/ecs/aws4_request"
    headers = {
        "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        "HTTP_X_AMZ_TARGET": f"AmazonEC2ContainerServiceV20141113.{operation}",
        "CONTENT_TYPE": "application/x-amz-json-1.1",
        **given,
    }
    return host.app.call(environ_of("POST", "/", query, json.dumps(request).encode(), headers))


@pytest.fixture
def motos(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The operations for which moto's response was asked."""
    asked: list[str] = []
    usual = BaseResponse._dispatch

    def counted(self: Any, request: Any, *rest: Any) -> Any:
        asked.append(request.headers["X-Amz-Target"].rsplit(".")[-1])
        return usual(self, request, *rest)

    monkeypatch.setattr(BaseResponse, "_dispatch", counted)
    return asked


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("DescribeClusters", {"clusters": ["here", "nowhere"], "include": ["TAGS", "SETTINGS"]}),
        ("ListClusters", {}),
        ("DescribeTaskDefinition", {"taskDefinition": "web"}),
        ("DescribeTaskDefinition", {"taskDefinition": "none"}),
        ("DescribeServices", {"cluster": "here", "services": []}),
        ("DescribeServices", {"cluster": "nowhere", "services": ["a"]}),
        ("ListServices", {"cluster": "here", "maxResults": 1000}),
        ("ListTasks", {"cluster": "arn:aws:ecs:eu-west-1:000000000000:cluster/here"}),
        ("CreateTaskSet", {"cluster": "here", "service": "none", "taskDefinition": "web"}),
    ],
)
def test_an_answer_is_the_same_either_way(
    host: AWS, motos: list[str], operation: str, request_: dict[str, Any]
) -> None:
    tags = [{"key": "a", "value": "b"}]
    assert ask(host, "CreateCluster", {"clusterName": "here", "tags": tags})[0] == 200
    assert ask(host, "RegisterTaskDefinition", TASK)[0] == 200
    status, headers, body = ask(host, operation, request_)
    assert motos == []
    usual = ask(host, operation, request_, query="x=y")
    assert motos == [operation]
    assert (status, json.loads(body)) == (usual[0], json.loads(usual[2]))
    assert headers.keys() == usual[1].keys()
    assert {**headers, "x-amzn-requestid": ""} == {**usual[1], "x-amzn-requestid": ""}
    assert len(headers["x-amzn-requestid"]) == len(usual[1]["x-amzn-requestid"])


def test_a_region_that_only_the_name_of_the_host_tells_is_heard(host: AWS) -> None:
    assert ask(host, "CreateCluster", {"clusterName": "far"}, HTTP_HOST="ecs.eu-west-1.amazonaws.com")[0] == 200
    (arn,) = json.loads(ask(host, "ListClusters", {}, region="eu-west-1")[2])["clusterArns"]
    assert arn == "arn:aws:ecs:eu-west-1:000000000000:cluster/far"
    assert json.loads(ask(host, "ListClusters", {})[2]) == {"clusterArns": []}


def test_a_region_that_is_none_is_refused(host: AWS) -> None:
    status, _, body = ask(host, "ListClusters", {}, region="moon-1")
    assert status == 400
    assert "valid region: ecs has none named 'moon-1'" in json.loads(body)["message"]


def test_an_access_key_was_used_where_it_was(host: AWS, client: Any) -> None:
    iam = client("iam")
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]["AccessKeyId"]
    assert ask(host, "ListClusters", {}, region="eu-west-1", key=key)[0] == 200
    used = iam.get_access_key_last_used(AccessKeyId=key)["AccessKeyLastUsed"]
    assert (used["ServiceName"], used["Region"]) == ("ecs", "eu-west-1")


def test_calls_that_come_thick_share_turns(host: AWS) -> None:
    turns: list[float] = []
    host.every_tick("count", lambda: turns.append(time.monotonic()))
    began = time.monotonic()
    for number in range(200):
        assert ask(host, "RegisterTaskDefinition", {**TASK, "family": f"web-{number}"})[0] == 200
    ended = time.monotonic()
    of_their_own = len([turn for turn in turns if turn < ended]) - (ended - began) / TICK
    assert of_their_own < 200 / 10

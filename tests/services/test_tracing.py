"""The services' spans in X-Ray: one trace through frontend and backend, signed, said of which task."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from tests.support.waiting import eventually

from drydock.embedded.assembly import AWS

KEY, SECRET = "DRYDOCKTESTKEY000001", "a-secret-of-the-tests-0123456789"
ROOT = f"1-{int(time.time()):08x}-bd862e3fe1be46a994272793"
TASK = "arn:aws:ecs:us-east-1:000000000000:task/shop/fedcba98"


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[AWS]:
    """An embedded AWS that takes only what is signed, as X-Ray does."""
    host = AWS(tmp_path / "aws", seed="test", access_key=(KEY, SECRET))
    host.listen()
    host.run()
    yield host
    host.close()


def client(cloud: AWS, service: str) -> Any:
    return boto3.client(service, region_name="us-east-1", endpoint_url=cloud.endpoint,
                        aws_access_key_id=KEY, aws_secret_access_key=SECRET)  # fmt: skip


def environment(cloud: AWS) -> dict[str, str]:
    keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "us-east-1"}
    return {"AWS_ENDPOINT_URL": cloud.endpoint, "OTEL_EXPORTER_OTLP_ENDPOINT": cloud.endpoint, **keys}


def test_one_trace_through_both(cloud, serve, metadata):
    uri, _ = metadata({
        "/task": {"TaskARN": TASK, "LaunchType": "FARGATE", "AvailabilityZone": "us-east-1a"}, "": {"Name": "web"},
        "/role": {"AccessKeyId": KEY, "SecretAccessKey": SECRET, "Token": "", "Expiration": "2099-01-01T00:00:00Z"},
    })  # fmt: skip
    backend = serve("backend", ERROR_RATE="1", **environment(cloud))
    of_role = {name: value for name, value in environment(cloud).items() if "KEY" not in name}
    frontend = serve(
        "frontend", BACKEND_URL=f"http://{backend.address}:8080", ECS_CONTAINER_METADATA_URI_V4=uri,
        AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{uri}/role", **of_role,
    )  # fmt: skip
    assert frontend.get("/health")[0] == 200
    assert frontend.get("/api?calls=2", headers={"X-Amzn-Trace-Id": f"Root={ROOT}"})[0] == 502
    for service in (backend, frontend):
        assert service.stop() == 0, service.output
        assert "spans not sent" not in service.output
    xray = client(cloud, "xray")
    [trace] = xray.batch_get_traces(TraceIds=[ROOT])["Traces"]
    first, *others = [json.loads(segment["Document"]) for segment in trace["Segments"]]
    assert (first["name"], first["origin"], first["aws"]["ecs"]["task_arn"]) == ("frontend", "AWS::ECS::Fargate", TASK)
    assert {each["parent_id"] for each in others} == {call["id"] for call in first["subsegments"]}
    assert [(each["name"], each["fault"]) for each in others] == [("backend", True)] * 2
    summaries = xray.get_trace_summaries(StartTime=time.time() - 60, EndTime=time.time() + 1)["TraceSummaries"]
    assert [each["Id"] for each in summaries] == [ROOT]  # and none of a health check


def test_a_job_is_a_part_of_the_trace_that_it_was_sent_in(cloud, launch):
    sqs, xray = client(cloud, "sqs"), client(cloud, "xray")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    header = {"DataType": "String", "StringValue": f"Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1"}
    sqs.send_message(QueueUrl=url, MessageBody='{"sum": [1, 2]}', MessageSystemAttributes={"AWSTraceHeader": header})
    worker = launch("worker", QUEUE_URL=url, **environment(cloud))
    worker.said("job done")
    assert worker.stop() == 0
    [trace] = eventually(lambda: xray.batch_get_traces(TraceIds=[ROOT])["Traces"], "the trace of the job")
    documents = [json.loads(segment["Document"]) for segment in trace["Segments"]]
    assert {(each["name"], each.get("origin")) for each in documents} == {
        ("worker", None), (url, "AWS::SQS::Queue"),
    }  # fmt: skip


def test_an_endpoint_that_does_not_answer_costs_one_line_and_no_request(serve):
    backend = serve("backend", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1")
    assert [backend.get("/")[0] for _ in range(3)] == [200] * 3
    assert backend.said("spans not sent")["endpoint"] == "http://127.0.0.1:1/v1/traces"
    assert backend.stop() == 0
    assert backend.output.count("spans not sent") == 1

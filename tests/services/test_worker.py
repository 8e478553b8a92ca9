from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import psutil
import pytest
from tests.support.waiting import eventually

from drydock.embedded.instance import free_port

REGION = "us-east-1"
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


@pytest.fixture(scope="module")
def endpoint():
    """SQS and CloudWatch of moto's own server."""
    port = str(free_port())
    url = f"http://127.0.0.1:{port}"
    command = "from moto.server import main; main()"
    server = subprocess.Popen(
        [sys.executable, "-c", command, "-H", "127.0.0.1", "-p", port],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def up():
        assert server.poll() is None, "moto's server has ended"
        try:
            return urllib.request.urlopen(f"{url}/moto-api/", timeout=1).status == 200
        except OSError:
            return False

    try:
        eventually(up, "moto's server answers")
        yield url
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def aws(endpoint):
    return lambda service: boto3.client(service, region_name=REGION, endpoint_url=endpoint, **KEYS)


class Queue:
    def __init__(self, sqs, url: str) -> None:
        self.sqs, self.url = sqs, url

    def send(self, job: object) -> None:
        self.sqs.send_message(QueueUrl=self.url, MessageBody=job if isinstance(job, str) else json.dumps(job))

    def count(self, which: str = "") -> int:
        name = f"ApproximateNumberOfMessages{which}"
        answer = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=[name])
        return int(answer["Attributes"][name])


@pytest.fixture
def queues(aws, request) -> tuple[Queue, Queue]:
    """A queue and its dead-letter queue, which gets what was received twice."""
    sqs = aws("sqs")
    name = f"jobs-{abs(hash(request.node.nodeid))}"
    dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 2})
    jobs = sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "60"})
    return Queue(sqs, jobs["QueueUrl"]), Queue(sqs, dead)


@pytest.fixture
def work(launch, endpoint, metadata, tmp_path: Path):
    """Starts a worker that has nothing but a task's credentials; they are at `work.tokens` when it took them."""
    credentials = {
        "AccessKeyId": "task",
        "SecretAccessKey": "task",
        "Token": "task",
        "Expiration": (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    uri, tokens = metadata({"/v2/credentials/1": credentials})

    def start(**environ: str):
        return launch(
            "worker",
            **{
                "AWS_REGION": REGION,
                "AWS_ENDPOINT_URL": endpoint,
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{uri}/v2/credentials/1",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": "token-of-this-task",
                "HOME": str(tmp_path),
                "WAIT_SECONDS": "1",
                "HEARTBEAT_FILE": str(tmp_path / "heartbeat"),
            }
            | environ,
        )

    start.tokens = tokens
    start.heartbeat = tmp_path / "heartbeat"
    return start


def test_does_a_job_under_its_task_role_deletes_it_and_counts_it(work, queues, aws):
    jobs, _ = queues
    jobs.send({"sum": [1, 2, 3.5]})
    worker = work(QUEUE_URL=jobs.url)
    done = worker.said("job done")
    assert (done["kind"], done["result"], done["receive_count"]) == ("sum", 6.5, 1)
    assert set(work.tokens) == {"token-of-this-task"}
    assert worker.stop() == 0
    assert jobs.count() == jobs.count("NotVisible") == 0
    metrics = aws("cloudwatch").get_metric_statistics(
        Namespace="Drydock/Worker",
        MetricName="JobsDone",
        Statistics=["Sum"],
        Period=60,
        Dimensions=[{"Name": "QueueName", "Value": jobs.url.rpartition("/")[2]}],
        StartTime=datetime.now(UTC) - timedelta(minutes=5),
        EndTime=datetime.now(UTC) + timedelta(minutes=5),
    )
    assert sum(point["Sum"] for point in metrics["Datapoints"]) == 1


@pytest.mark.parametrize("body", ["not JSON", '{"sum": [1, "2"]}'])
def test_a_bad_job_ends_in_the_dead_letter_queue(work, queues, body):
    jobs, dead = queues
    jobs.sqs.set_queue_attributes(QueueUrl=jobs.url, Attributes={"VisibilityTimeout": "0"})
    jobs.send(body)
    jobs.send({"sum": []})
    worker = work(QUEUE_URL=jobs.url)
    bad = worker.said("bad job left for the dead-letter queue")
    assert bad["reason"]
    worker.said("job done")
    eventually(lambda: dead.count() == 1, f"the bad job is in the dead-letter queue: {worker.output}")
    assert worker.stop() == 0


@contextmanager
def silent_after_one_answer():
    """An SQS whose queue is empty, and which lets every poll but the first wait; with the polls it was sent."""
    asked, end = [], threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(self.headers["X-Amz-Target"])
            if len(asked) > 1:
                end.wait()
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            end.set()
            server.shutdown()


def test_sigterm_ends_an_idle_worker_at_once(work):
    with silent_after_one_answer() as (url, asked):
        worker = work(QUEUE_URL=f"{url}/000000000000/jobs", AWS_ENDPOINT_URL=url, WAIT_SECONDS="20")
        eventually(lambda: len(asked) == 2, f"the worker polls a second time: {worker.output}")
        assert worker.stop() == 0
    assert worker.logs[-1]["message"] == "stopped"


def test_sigterm_lets_a_job_finish(work, queues):
    jobs, _ = queues
    jobs.send({"wait_ms": 3000})
    jobs.send({"sum": [1]})
    worker = work(QUEUE_URL=jobs.url)
    eventually(lambda: work.heartbeat.exists() and jobs.count("NotVisible") == 1, "the first job is begun")
    worker.signal(signal.SIGTERM)
    assert "job done" not in worker.output, "the job must still be under way, or this proves nothing"
    assert worker.exit_code() == 0
    assert [entry["kind"] for entry in worker.logs if entry["message"] == "job done"] == ["wait_ms"]
    assert (jobs.count(), jobs.count("NotVisible")) == (1, 0)


def test_health_check_follows_the_heartbeat(work, queues):
    worker = work(QUEUE_URL=queues[0].url)
    eventually(work.heartbeat.exists, "the worker polls")
    assert worker.healthcheck().returncode == 0
    worker.signal(signal.SIGSTOP)
    eventually(lambda: psutil.Process(worker.process.pid).status() == psutil.STATUS_STOPPED, "it is stuck")
    os.utime(work.heartbeat, (time.time() - 1000, time.time() - 1000))
    stuck = worker.healthcheck()
    worker.signal(signal.SIGCONT)
    assert stuck.returncode == 1
    assert re.fullmatch(r"last heartbeat 10\d\d s ago\n", stuck.stderr)
    eventually(lambda: worker.healthcheck().returncode == 0, "it recovers with the next answer of the queue")
    assert worker.stop() == 0
    gone = worker.healthcheck()
    assert (gone.returncode, gone.stderr) == (1, "no heartbeat yet\n")


def test_without_its_queue_it_tries_again_and_is_unhealthy(work, queues):
    jobs, _ = queues
    missing = jobs.url + "-missing"
    worker = work(QUEUE_URL=missing)
    assert "NonExistentQueue" in worker.said("can't receive")["reason"]
    assert worker.healthcheck().returncode == 1
    jobs.sqs.create_queue(QueueName=missing.rpartition("/")[2])
    eventually(lambda: worker.healthcheck().returncode == 0, "it polls once the queue is there")
    assert worker.stop() == 0


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({}, "QUEUE_URL"),
        ({"QUEUE_URL": "http://q/1/q", "AWS_REGION": ""}, "AWS_REGION"),
        ({"QUEUE_URL": "http://q/1/q", "WAIT_SECONDS": "21"}, "WAIT_SECONDS"),
    ],
)
def test_a_bad_setting_stops_it_and_is_named(work, environ, named):
    worker = work(**environ)
    assert worker.exit_code() == 2
    assert named in worker.logs[0]["reason"]

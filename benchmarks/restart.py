"""What a long life costs: one request, and the next start, after many requests and a day's log lines.

    python benchmarks/restart.py [--requests 2500,5000,10000] [--tasks 20] [--hours 24]

An instance of its own is given requests of mixed services, killed, and started again; then the lines that the tasks
would have printed, one a second each, and the same again. Times are of the wall clock, CPU is the daemon's own.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import psutil
from botocore.config import Config

from drydock import embedded
from drydock.embedded.instance import free_port

NAME = "restart"
REGION = "us-east-1"
LINES_A_CALL = 1000
SAMPLE = 200
LINE = '127.0.0.1 - - "GET /orders/{:06d} HTTP/1.1" 200 1534 0.012'


def client_of(instance: embedded.Instance) -> Callable[[str], Any]:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
    config = Config(inject_host_prefix=False, retries={"total_max_attempts": 1})
    made: dict[str, Any] = {}
    return lambda name: made.setdefault(name, session.client(name, endpoint_url=instance.endpoint, config=config))


def requests(client: Callable[[str], Any]) -> Iterator[Callable[[], Any]]:
    """Without end: what people and their tools ask for, in turns of ten."""
    sqs, secrets, ssm, ecs = client("sqs"), client("secretsmanager"), client("ssm"), client("ecs")
    cloudwatch, ec2, logs = client("cloudwatch"), client("ec2"), client("logs")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    secrets.create_secret(Name="password", SecretString="first")
    vpc = ec2.create_vpc(CidrBlock="127.30.0.0/16")["Vpc"]["VpcId"]
    logs.create_log_group(logGroupName="app")
    logs.create_log_stream(logGroupName="app", logStreamName="user")
    container = {"name": "app", "image": "app:1", "memory": 128}
    number = 0

    def take() -> None:
        (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def event(number: int) -> dict[str, Any]:
        return {"timestamp": int(time.time() * 1000), "message": LINE.format(number)}

    def datum(number: int) -> dict[str, Any]:
        return {"MetricName": "Orders", "Value": float(number), "Dimensions": [{"Name": "Shop", "Value": "a"}]}

    while True:
        number += 1
        yield lambda n=number: sqs.send_message(QueueUrl=url, MessageBody=f"{n} for a worker")
        yield lambda n=number: sqs.send_message(QueueUrl=url, MessageBody=f"{n} for nobody")
        yield take
        yield lambda n=number: secrets.put_secret_value(SecretId="password", SecretString=f"value {n}")
        yield lambda n=number: ssm.put_parameter(Name=f"/app/{n % 50}", Value=str(n), Type="String", Overwrite=True)
        yield lambda n=number: ecs.register_task_definition(family=f"app-{n}", containerDefinitions=[container])
        yield lambda n=number: ec2.create_security_group(GroupName=f"group-{n}", Description="x", VpcId=vpc)
        yield lambda n=number: cloudwatch.put_metric_data(Namespace="app", MetricData=[datum(n)])
        yield lambda n=number: logs.put_log_events(logGroupName="app", logStreamName="user", logEvents=[event(n)])
        yield lambda n=number: ecs.deregister_task_definition(taskDefinition=f"app-{n}:1")


def restarted(instance: embedded.Instance) -> tuple[embedded.Instance, float, float]:
    """The instance after a kill, the time until it answered, and the CPU that it took."""
    os.kill(instance.pid, signal.SIGKILL)
    psutil.Process(instance.pid).wait(10)
    began = time.perf_counter()
    again = embedded.start(NAME)
    client_of(again)("ecs").list_clusters()
    took = time.perf_counter() - began
    times = psutil.Process(again.pid).cpu_times()
    return again, took, times.user + times.system


def size(instance: embedded.Instance) -> str:
    kept = {path.name: path.stat().st_size for path in sorted(instance.directory.iterdir()) if path.is_file()}
    return ", ".join(f"{name} {bytes / 1e6:.1f} MB" for name, bytes in kept.items() if bytes > 50_000)


def daylong(client: Callable[[str], Any], tasks: int, hours: float) -> float:
    """Write what `tasks` print in `hours`, one line a second each; returns seconds for a call of a thousand lines."""
    logs = client("logs")
    logs.create_log_group(logGroupName="/ecs/day")
    now = int(time.time() * 1000)
    first = now - int(hours * 3_600_000)
    took = []
    for task in range(tasks):
        stream = f"app/app/{task:032x}"
        logs.create_log_stream(logGroupName="/ecs/day", logStreamName=stream)
        for start in range(0, int(hours * 3600), LINES_A_CALL):
            events = [
                {"timestamp": first + second * 1000, "message": LINE.format(second)}
                for second in range(start, min(start + LINES_A_CALL, int(hours * 3600)))
            ]
            began = time.perf_counter()
            logs.put_log_events(logGroupName="/ecs/day", logStreamName=stream, logEvents=events)
            took.append(time.perf_counter() - began)
    return statistics.median(took)


def after(wanted: int) -> tuple[float, float]:
    """Seconds until a killed instance with so many requests behind it answers, and those of its CPU."""
    with tempfile.TemporaryDirectory(prefix="drydock-restart-") as home, _home(Path(home)):
        instance = embedded.start(NAME, port=free_port())
        try:
            for _, request in zip(range(wanted), requests(client_of(instance)), strict=False):
                request()
            _, seconds, cpu = restarted(instance)
            return seconds, cpu
        finally:
            embedded.stop(NAME)


@contextmanager
def _home(folder: Path) -> Iterator[None]:
    before = os.environ.get("DRYDOCK_HOME")
    os.environ["DRYDOCK_HOME"] = str(folder / "home")
    try:
        yield
    finally:
        del os.environ["DRYDOCK_HOME"]
        if before is not None:
            os.environ["DRYDOCK_HOME"] = before


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", default="2500,5000,10000")
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--hours", type=float, default=24)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="drydock-restart-") as home, _home(Path(home)):
        instance = embedded.start(NAME, port=free_port())
        try:
            done, stream = 0, requests(client_of(instance))
            for wanted in map(int, options.requests.split(",")):
                took: list[float] = []
                while done < wanted:
                    request = next(stream)
                    began = time.perf_counter()
                    request()
                    took.append(time.perf_counter() - began)
                    done += 1
                last = took[-SAMPLE:]
                one = f"one request {statistics.median(last) * 1000:.1f} ms, mean {statistics.mean(last) * 1000:.1f} ms"
                instance, seconds, cpu = restarted(instance)
                print(f"{done:>6} requests: {one}; restart {seconds:.1f} s, {cpu:.1f} s of CPU; {size(instance)}")
            if options.tasks:
                call = daylong(client_of(instance), options.tasks, options.hours)
                instance, seconds, cpu = restarted(instance)
                lines = int(options.tasks * options.hours * 3600)
                print(
                    f"{lines:>6} lines: {call * 1000:.0f} ms for {LINES_A_CALL}; "
                    f"restart {seconds:.1f} s, {cpu:.1f} s of CPU; {size(instance)}"
                )
        finally:
            embedded.stop(NAME)


if __name__ == "__main__":
    main()

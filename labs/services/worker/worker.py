"""The shop's worker: takes jobs from an SQS queue under its task role, and counts them in CloudWatch.

A job that is done is deleted. A bad one is logged and left: after the queue's maxReceiveCount SQS moves it to
the dead-letter queue. SIGTERM ends an idle worker at once, a busy one after its job.

Environment: QUEUE_URL (required), AWS_REGION, AWS_ENDPOINT_URL, WAIT_SECONDS (20) of long polling,
HEARTBEAT_FILE (in the temporary directory), HEARTBEAT_MAX_AGE (90) seconds, VERSION;
OTEL_EXPORTER_OTLP_ENDPOINT: where spans go, none are sent without it.
Credentials: boto3's own chain, which in a task ends at the container credentials of the task role.
"""
from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

import heartbeat
import jobs
from chassis import Invalid, Log, Settings, task_id, tracer

if TYPE_CHECKING:
    from chassis.tracing import Tracer

NAMESPACE = "Drydock/Worker"
LONGEST_BACKOFF = 30.0
LONGEST_POLL = 20  # SQS's own limit


class Stop(BaseException):
    """SIGTERM while idle. Not an Exception, so that boto3 does not take it for a failed call and retry."""


class Worker:
    def __init__(self, queue_url: str, sqs: Any, cloudwatch: Any, wait: int, log: Log,
                 tracer: Tracer | None = None) -> None:
        self.queue_url = queue_url
        self.sqs = sqs
        self.cloudwatch = cloudwatch
        self.wait = wait
        self.log = log
        self.tracer = tracer
        self.stopping = False
        self.idle = False

    def stop(self, *_: object) -> None:
        """Signal handler."""
        self.stopping = True
        if self.idle:
            raise Stop

    def run(self) -> None:
        wait, backoff = 0, 1.0  # a first, short poll tells at once whether the queue can be read
        while True:
            self.idle = True  # before the look at `stopping`, so that no SIGTERM falls between the two
            if self.stopping:
                return
            try:
                message = self._receive(wait)
            except (BotoCoreError, ClientError) as error:
                self.log.error("can't receive", queue=self.queue_url, reason=str(error), retry_s=backoff)
                time.sleep(backoff)
                backoff = min(backoff * 2, LONGEST_BACKOFF)
                continue
            finally:
                self.idle = False
            heartbeat.beat()
            wait, backoff = self.wait, 1.0
            if message and self.tracer is not None:
                span = self.tracer.take(self.queue_url, message)
                span.end(error=self._work(message))
            elif message:
                self._work(message)

    def _receive(self, wait: int) -> dict[str, Any] | None:
        answer = self.sqs.receive_message(
            QueueUrl=self.queue_url,
            MaxNumberOfMessages=1,
            WaitTimeSeconds=wait,
            MessageSystemAttributeNames=["ApproximateReceiveCount", "AWSTraceHeader"],
        )
        return next(iter(answer.get("Messages", [])), None)

    def _work(self, message: dict[str, Any]) -> str:
        """Do a job; returns why it was not done, empty if it was."""
        began = time.perf_counter()
        received = int(message["Attributes"]["ApproximateReceiveCount"])
        fields = {"job": message["MessageId"], "receive_count": received}
        try:
            kind, result = jobs.do(message["Body"])
        except Exception as error:  # whatever one job does, the next must still be taken
            reason = str(error) if isinstance(error, jobs.BadJob) else repr(error)
            self.log.error("bad job left for the dead-letter queue", **fields, reason=reason)
            self._count("JobsFailed")
            return reason
        try:
            self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        except (BotoCoreError, ClientError) as error:
            self.log.error("job done but not deleted; it will come again", **fields, reason=str(error))
            return "not deleted"
        milliseconds = round((time.perf_counter() - began) * 1000, 1)
        self.log.info("job done", **fields, kind=kind, result=result, ms=milliseconds)
        self._count("JobsDone", JobDuration=milliseconds)
        return ""

    def _count(self, name: str, **durations: float) -> None:
        """A metric that can't be written must not cost a job."""
        dimensions = [{"Name": "QueueName", "Value": self.queue_url.rpartition("/")[2]}]
        data = [{"MetricName": name, "Value": 1, "Unit": "Count", "Dimensions": dimensions}] + [
            {"MetricName": metric, "Value": value, "Unit": "Milliseconds", "Dimensions": dimensions}
            for metric, value in durations.items()
        ]
        try:
            self.cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)
        except (BotoCoreError, ClientError) as error:
            self.log.warning("metric not written", metric=name, reason=str(error))


def main() -> None:
    log = Log("worker")
    settings = Settings(os.environ)
    try:
        wait = settings.integer("WAIT_SECONDS", LONGEST_POLL, 0, LONGEST_POLL)
        heartbeat.max_age()
        queue_url = settings.text("QUEUE_URL")
        region = settings.text("AWS_REGION") or settings.text("AWS_DEFAULT_REGION")
        if not queue_url or not region:
            raise Invalid("QUEUE_URL and AWS_REGION must be set")
        spans = tracer(settings, log)
    except Invalid as error:
        log.error("bad setting", reason=str(error))
        sys.exit(2)
    session = boto3.Session(region_name=region)
    config = Config(retries={"mode": "standard"}, connect_timeout=5, read_timeout=LONGEST_POLL + 10)
    sqs, cloudwatch = session.client("sqs", config=config), session.client("cloudwatch", config=config)
    worker = Worker(queue_url, sqs, cloudwatch, wait, log, spans)
    signal.signal(signal.SIGTERM, worker.stop)
    signal.signal(signal.SIGINT, worker.stop)
    log.info("polling", queue=queue_url, task=task_id(), version=settings.text("VERSION", "dev"))
    heartbeat.clear()
    with contextlib.suppress(Stop):
        worker.run()
    if spans is not None:
        spans.close()
    heartbeat.clear()
    log.info("stopped")


if __name__ == "__main__":
    main()

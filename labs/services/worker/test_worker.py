import json
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import jobs
from chassis import Log, Settings, tracer
from worker import Stop, Worker

TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


class Queue:
    """Answers one message, then interrupts the worker as SIGTERM would."""

    def __init__(self, body):
        self.messages = [{"MessageId": "1", "ReceiptHandle": "r", "Body": body,
                          "Attributes": {"ApproximateReceiveCount": "1", "AWSTraceHeader": TRACE}}]
        self.deleted = []

    def receive_message(self, **_):
        if not self.messages:
            raise Stop
        return {"Messages": [self.messages.pop()]}

    def delete_message(self, ReceiptHandle, **_):
        self.deleted.append(ReceiptHandle)

    def put_metric_data(self, **_):
        pass


class WorkerTest(unittest.TestCase):
    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(mock.patch.dict(os.environ, HEARTBEAT_FILE=str(Path(folder, "heartbeat"))))

    def take(self, body):
        queue = Queue(body)
        with self.assertRaises(Stop):
            Worker("http://queue/jobs", queue, queue, 20, Log("test")).run()
        return queue.deleted

    def test_a_job_done_is_deleted(self):
        self.assertEqual(self.take('{"sum": [1, 2]}'), ["r"])

    def test_a_bad_job_is_left(self):
        for body in ("", "3", "{}", '{"fly": 1}', '{"sum": "12"}', '{"sum": [1.5, 1' + "0" * 400 + "]}"):
            with self.subTest(body[:20]):
                self.assertEqual(self.take(body), [])


class TracingTest(unittest.TestCase):
    def test_a_message_continues_the_trace_that_it_was_sent_in(self):
        spans = tracer(Settings({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}), Log("test"))
        kept = []
        spans.keep = kept.append
        for body, code in (('{"sum": [1]}', None), ("no job", 2)):
            queue = Queue(body)
            with tempfile.TemporaryDirectory() as folder, \
                    mock.patch.dict(os.environ, HEARTBEAT_FILE=str(Path(folder, "heartbeat"))), \
                    self.assertRaises(Stop):
                Worker("http://queue/jobs", queue, queue, 20, Log("test"), spans).run()
            span = kept.pop()
            self.assertEqual((span["traceId"], span["parentSpanId"]),
                             ("5759e988bd862e3fe1be46a994272793", "53995c3f42cd8ad8"))
            self.assertEqual(span["status"].get("code"), code)


class JobsTest(unittest.TestCase):
    def test_sum(self):
        self.assertEqual(jobs.do(json.dumps({"sum": [1, 2.5]})), ("sum", 3.5))


if __name__ == "__main__":
    unittest.main()

"""Callers that change an account as fast as they can, and know what of it was acknowledged."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

SERVICES = ("ecs", "logs", "sqs", "ssm")
_names = itertools.count()
Clients = Callable[[str], Any]


class Caller(threading.Thread):
    """Calls until the cloud is gone; `clients` do not call twice. `load-<number>` is a service in `cluster` already."""

    def __init__(self, clients: Clients, number: int, cluster: str) -> None:
        super().__init__(name=f"caller-{number}", daemon=True)
        self.clients, self.number, self.cluster = clients, number, cluster
        self.service = f"load-{number}"
        self.group = f"/load/{number}"
        self.random = random.Random()
        self.calls = 0
        self.queues: dict[str, bool] = {}  # name → whether it is there
        self.sent: set[str] = set()
        self.lines: set[str] = set()
        self.definitions: set[str] = set()
        self.parameters: dict[str, set[str | None]] = {}  # name → values that it may have
        self.desired: set[int] = set()
        self.unsure: set[str] = set()  # queues that a call was about which was not answered
        self.refused: list[str] = []

    def again(self) -> Caller:
        """Another that goes on where this one was cut off, and runs."""
        other = Caller(self.clients, self.number, self.cluster)
        other.queues, other.lines, other.definitions = self.queues, self.lines, self.definitions
        other.parameters, other.desired = self.parameters, self.desired
        other.start()
        return other

    def prepare(self) -> None:
        """What all its calls need."""
        self.clients("sqs").create_queue(QueueName=self.service)
        self.clients("logs").create_log_group(logGroupName=self.group)
        self.clients("logs").create_log_stream(logGroupName=self.group, logStreamName="s")

    def run(self) -> None:
        acts = (self._queue, self._message, self._line, self._definition, self._parameter, self._scale)
        while True:
            try:
                self.random.choice(acts)()
            except ClientError as error:
                self.refused.append(str(error))
                return
            except (BotoCoreError, HTTPClientError, OSError):
                return
            self.calls += 1

    # -- what it does ---------------------------------------------------------------------------

    def _queue(self) -> None:
        sqs = self.clients("sqs")
        there = [name for name, is_there in self.queues.items() if is_there and name not in self.unsure]
        name = self.random.choice(there) if there and self.random.random() < 0.4 else f"q-{next(_names)}-{self.name}"
        self.unsure.add(name)
        if name in self.queues:
            sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"])
            self.queues[name] = False
        else:
            sqs.create_queue(QueueName=name)
            self.queues[name] = True
        self.unsure.discard(name)

    def _message(self) -> None:
        sqs = self.clients("sqs")
        body = f"{self.service}-{next(_names)}"
        sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName=self.service)["QueueUrl"], MessageBody=body)
        self.sent.add(body)

    def _line(self) -> None:
        text = f"line-{next(_names)}"
        event = {"timestamp": int(time.time() * 1000), "message": text}
        self.clients("logs").put_log_events(logGroupName=self.group, logStreamName="s", logEvents=[event])
        self.lines.add(text)

    def _definition(self) -> None:
        containers = [{"name": "app", "image": "x", "memory": 64, "environment": [{"name": "N", "value": "v"}]}]
        made = self.clients("ecs").register_task_definition(family=self.service, containerDefinitions=containers)
        self.definitions.add(made["taskDefinition"]["taskDefinitionArn"])

    def _parameter(self) -> None:
        name, value = f"/load/{self.service}/{self.random.randrange(5)}", f"v{next(_names)}"
        self.parameters.setdefault(name, {None}).add(value)
        self.clients("ssm").put_parameter(Name=name, Value=value, Type="String", Overwrite=True)
        self.parameters[name] = {value}

    def _scale(self) -> None:
        count = self.random.randrange(3)
        self.desired.add(count)
        self.clients("ecs").update_service(cluster=self.cluster, service=self.service, desiredCount=count)
        self.desired = {count}

    # -- what has to be true after it -----------------------------------------------------------

    def check(self) -> None:
        """Everything acknowledged is there; what nobody answered may be."""
        assert self.refused == []
        sqs, ecs, ssm = self.clients("sqs"), self.clients("ecs"), self.clients("ssm")
        urls = sqs.get_paginator("list_queues").paginate(QueueNamePrefix="q-").build_full_result().get("QueueUrls", [])
        there = {url.rsplit("/", 1)[-1] for url in urls}
        for name, is_there in self.queues.items():
            assert name in self.unsure or (name in there) == is_there, f"queue {name}: {not is_there}"
        self.unsure.clear()
        self.queues = {name: name in there for name in self.queues}
        self._check_messages()
        assert self._kept_lines() >= self.lines
        for arn in self.definitions:
            ecs.describe_task_definition(taskDefinition=arn)
        for name, values in self.parameters.items():
            found = [parameter["Value"] for parameter in ssm.get_parameters(Names=[name])["Parameters"]] or [None]
            assert found[0] in values, f"parameter {name}: {found[0]}, not one of {values}"
            self.parameters[name] = {found[0]}
        if self.desired:
            (service,) = ecs.describe_services(cluster=self.cluster, services=[self.service])["services"]
            assert service["desiredCount"] in self.desired
            self.desired = {service["desiredCount"]}

    def _check_messages(self) -> None:
        sqs = self.clients("sqs")
        url = sqs.get_queue_url(QueueName=self.service)["QueueUrl"]
        found: set[str] = set()
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            found |= {message["Body"] for message in messages}
            sqs.delete_message_batch(
                QueueUrl=url, Entries=[{"Id": m["MessageId"], "ReceiptHandle": m["ReceiptHandle"]} for m in messages]
            )
        assert found >= self.sent
        self.sent.clear()

    def _kept_lines(self) -> set[str]:
        pages = self.clients("logs").get_paginator("filter_log_events").paginate(logGroupName=self.group)
        return {event["message"] for page in pages for event in page["events"]}

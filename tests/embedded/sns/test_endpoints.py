"""Notifications to HTTP endpoints."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tests.support.waiting import eventually


class Endpoint:
    """Keeps what it is sent; the first answers are failures, as many as are asked for."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.failures = 0
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                failing, endpoint.failures = endpoint.failures > 0, endpoint.failures - 1
                if not failing:
                    endpoint.got.append((dict(self.headers), json.loads(body)))
                self.send_response(503 if failing else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/pager"


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    yield endpoint
    endpoint.server.shutdown()
    endpoint.server.server_close()


@pytest.mark.parametrize("failures", [0, 2])
def test_a_notification_reaches_an_endpoint_with_awss_headers(client: Any, endpoint: Endpoint, failures: int) -> None:
    endpoint.failures = failures
    sns = client("sns")
    topic = sns.create_topic(Name="pager")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url)
    sns.publish(TopicArn=topic, Subject="ALARM", Message="it burns")
    ((headers, message),) = eventually(lambda: endpoint.got)
    assert (message["Type"], message["Subject"], message["Message"]) == ("Notification", "ALARM", "it burns")
    assert headers["x-amz-sns-message-type"] == "Notification"
    assert headers["x-amz-sns-topic-arn"] == topic


def test_an_endpoint_that_is_gone_fails_no_call(client: Any) -> None:
    sns = client("sns")
    topic = sns.create_topic(Name="pager")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="http", Endpoint="http://127.0.0.1:1/gone")
    assert sns.publish(TopicArn=topic, Message="it burns")["MessageId"]

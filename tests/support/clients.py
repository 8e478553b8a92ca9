"""Clients of an embedded AWS that runs in the test's own process."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from drydock.embedded.assembly import AWS
from drydock.embedded.core.wsgi import environ_of


def client_of(host: AWS, service: str, region: str = "us-east-1", **config: Any) -> Any:
    """A client that reaches `host` over HTTP, as a user's does."""
    return boto3.session.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=region).client(
        service, endpoint_url=host.endpoint, config=Config(inject_host_prefix=False, **config)
    )


def client_inside(host: AWS, service: str, region: str = "us-east-1") -> Any:
    """boto3's client of a `host` that does not listen."""

    def answer(request: Any, **_: Any) -> AWSResponse:
        url = urlsplit(request.url)
        body = request.body.read() if hasattr(request.body, "read") else request.body or b""
        texts = {k: v.decode() if isinstance(v, bytes) else str(v) for k, v in request.headers.items()}
        headers = {f"HTTP_{name.upper().replace('-', '_')}": text for name, text in texts.items()}
        headers |= {"HTTP_HOST": url.netloc}
        if "HTTP_CONTENT_TYPE" in headers:
            headers["CONTENT_TYPE"] = headers.pop("HTTP_CONTENT_TYPE")
        whole = body.encode() if isinstance(body, str) else body
        status, out, content = host.front.call(environ_of(request.method, url.path or "/", url.query, whole, headers))
        return AWSResponse(request.url, status, out, _Raw(content))

    client = client_of(host, service, region)
    client.meta.events.register("before-send", answer)
    return client


class _Raw(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def pages(ask: Callable[..., Any], **asked: Any) -> Iterator[Any]:
    """The answers of an operation until one has no NextToken."""
    answer = ask(**asked)
    yield answer
    while "NextToken" in answer:
        answer = ask(**asked, NextToken=answer["NextToken"])
        yield answer

"""Clients of an embedded AWS that runs in the test's own process."""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config

from drydock.embedded.assembly import AWS


def client_of(host: AWS, service: str, region: str = "us-east-1") -> Any:
    """A client that reaches `host` over HTTP, as a user's does."""
    return boto3.session.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=region).client(
        service, endpoint_url=host.endpoint, config=Config(inject_host_prefix=False)
    )

"""How this machine's own registry lets us in."""

from __future__ import annotations

import base64
import os

from .reference import is_loopback


def ecr_credentials(registry: str, region: str | None = None) -> tuple[str, str] | None:
    """User and password from `get_authorization_token` of the cloud behind a loopback `host:port`.

    None if nothing there speaks ECR: a plain registry needs none. Asks with dummy credentials, and only
    this machine; for a registry elsewhere it raises ValueError.
    """
    if not is_loopback(registry):
        raise ValueError(f"{registry} is not on this machine; pass its user and password")
    import boto3  # here, because a second is a lot for those who only build
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    ecr = boto3.client(
        "ecr",
        region_name=region or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1",
        endpoint_url=f"http://{registry}",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(connect_timeout=2, read_timeout=10, retries={"max_attempts": 0}),
    )
    try:
        data = ecr.get_authorization_token()["authorizationData"][0]
    except (BotoCoreError, ClientError, KeyError):
        return None
    user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
    return user, password

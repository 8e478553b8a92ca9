"""How this machine's own registry lets us in."""

from __future__ import annotations

import base64
import os
from typing import Any

from drydock.user import access_key, deaf_session

from .errors import ImageError
from .reference import is_loopback


def ecr_credentials(registry: str, region: str | None = None) -> tuple[str, str] | None:
    """User and password from `get_authorization_token` of the cloud behind a loopback `host:port`.

    None if nothing there speaks ECR: a plain registry needs none. Asks with dummy credentials, or
    the key in $DRYDOCK_ACCESS_KEY, and only this machine; for a registry elsewhere it raises ValueError. No profile or
    file of the user's is read.
    """
    if not is_loopback(registry):
        raise ValueError(f"{registry} is not on this machine; pass its user and password")
    from botocore.exceptions import BotoCoreError, ClientError  # here: a second is a lot for those who only build

    ecr = _client(registry, region or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1")
    try:
        return login(ecr)
    except (BotoCoreError, ClientError, KeyError):
        return None


def login(ecr: Any) -> tuple[str, str]:
    """User and password for the registry of this boto3 client's account and region."""
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, _, password = base64.b64decode(token).decode().partition(":")
    return user, password


def _client(registry: str, region: str) -> Any:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import InvalidRegionError

    key, secret = access_key() or ("test", "test")
    session = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, botocore_session=deaf_session())
    config = Config(proxies={}, connect_timeout=2, read_timeout=10, retries={"max_attempts": 0})
    try:
        return session.client("ecr", region_name=region, endpoint_url=f"http://{registry}", config=config)
    except InvalidRegionError:
        raise ImageError(f"{region!r} is no region; write one such as us-east-1, or none") from None

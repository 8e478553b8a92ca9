"""Signature version 4 of a request to X-Ray, which takes no spans without: for services that carry no SDK.

Source: the IAM user guide, "Create a signed AWS API request"; the credentials are the environment's or the task role's.
"""
from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import time
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

SERVICE = "xray"
RELATIVE_TO = "http://169.254.170.2"
EARLY = 300  # seconds before their end at which credentials are asked for again


def region_of(url: str) -> str | None:
    """The region of an endpoint of X-Ray's; None for any other."""
    found = re.fullmatch(r"xray\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?", urlsplit(url).netloc)
    return found[1] if found else None


class Signer:
    def __init__(self, region: str) -> None:
        self.region = region
        self._credentials: dict[str, str] = {}
        self._until = 0.0

    @classmethod
    def of(cls, url: str) -> Signer | None:
        """What signs for an endpoint of AWS's; None for any other, which credentials are no business of."""
        netloc, own = urlsplit(url).netloc, urlsplit(os.environ.get("AWS_ENDPOINT_URL", "")).netloc
        has_some = any(os.environ.get(name) for name in (
            "AWS_ACCESS_KEY_ID", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"))
        if not has_some or not (region_of(url) or (own and netloc == own)):
            return None
        return cls(region_of(url) or os.environ.get("AWS_REGION", "us-east-1"))

    def sign(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        """The headers that a request needs besides; `headers` has its Host. Raises OSError, ValueError, KeyError."""
        credentials = self._current()
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        added = {"X-Amz-Date": now}
        if token := credentials.get("Token"):
            added["X-Amz-Security-Token"] = token
        signed = {name.lower(): value.strip() for name, value in {**added, "Host": headers["Host"]}.items()}
        names = ";".join(sorted(signed))
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        canonical = "\n".join([method, path, "", lines, names, hashlib.sha256(body).hexdigest()])
        scope = f"{now[:8]}/{self.region}/{SERVICE}/aws4_request"
        to_sign = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = b"AWS4" + credentials["SecretAccessKey"].encode()
        for part in (now[:8], self.region, SERVICE, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
        added["Authorization"] = (f"AWS4-HMAC-SHA256 Credential={credentials['AccessKeyId']}/{scope}, "
                                  f"SignedHeaders={names}, Signature={signature}")
        return added

    def _current(self) -> dict[str, str]:
        if time.time() >= self._until:
            self._credentials, self._until = _credentials()
        return self._credentials


def _credentials() -> tuple[dict[str, str], float]:
    """Credentials and the time at which to ask again."""
    if key := os.environ.get("AWS_ACCESS_KEY_ID"):
        given = {"AccessKeyId": key, "SecretAccessKey": os.environ["AWS_SECRET_ACCESS_KEY"],
                 "Token": os.environ.get("AWS_SESSION_TOKEN", "")}
        return given, float("inf")
    relative = os.environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
    url = f"{RELATIVE_TO}{relative}" if relative else os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
    with urllib.request.urlopen(url, timeout=2) as answer:
        found: dict[str, Any] = json.load(answer)
    ends = datetime.fromisoformat(found["Expiration"].replace("Z", "+00:00")).timestamp()
    return {name: str(found[name]) for name in ("AccessKeyId", "SecretAccessKey", "Token")}, ends - EARLY

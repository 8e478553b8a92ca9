"""Signature version 4 of a call, checked: for an instance that was started with an access key.

What the key of the instance, an access key of IAM or a session of STS's AssumeRole signs is let in. botocore computes
what the signature should be. Only the header Authorization counts: a presigned URL is refused as unsigned.

Source (documented): https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from drydock.embedded.core.wsgi import Environ, headers_of
from drydock.policy.wording import OWN_SIGNATURE, Unsigned

_CLOCKS_DIFFER_BY = timedelta(minutes=15)
_PARTS = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/,\s]+)/(?P<date>\d{8})/(?P<region>[^/,\s]*)/(?P<service>[^/,\s]*)/"
    r"aws4_request,\s*SignedHeaders=(?P<headers>[^,\s]+),\s*Signature=(?P<signature>[0-9a-f]+)\s*"
)
_NOT_OF_THE_BODY = ("UNSIGNED-PAYLOAD", "STREAMING-")
"""How the header begins that says so of an unsigned body."""

Secrets = Callable[[str, str], str | None]
"""(access key id, session token) → its secret; None for one that is not known."""


def wrong(environ: Environ, body: bytes, secret_of: Secrets, now: datetime) -> Unsigned | None:
    """What is wrong with the signature of a request; None if it is its maker's. `now`: the time, with its zone."""
    given = environ.get("HTTP_AUTHORIZATION", "")
    if not given:
        return Unsigned.MISSING
    found, made = _PARTS.fullmatch(given), _time(environ.get("HTTP_X_AMZ_DATE", ""))
    if found is None or made is None or "host" not in found["headers"].split(";"):
        return Unsigned.INCOMPLETE
    secret = secret_of(found["key"], environ.get("HTTP_X_AMZ_SECURITY_TOKEN", ""))
    if secret is None:
        return Unsigned.UNKNOWN
    if not hmac.compare_digest(_signature(environ, body, found, secret), found["signature"]):
        return Unsigned.MISMATCH
    if abs(now - made) > _CLOCKS_DIFFER_BY:
        return Unsigned.EXPIRED
    return None


def _time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _signature(environ: Environ, body: bytes, asked: re.Match[str], secret: str) -> str:
    """What it should be; empty where the request says of its body or its day what is not so."""
    from botocore.auth import S3SigV4Auth, SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    names, headers = set(asked["headers"].split(";")), headers_of(environ)
    signed = {name.lower(): value for name, value in headers.items() if name.lower() in names}
    digest = environ.get("HTTP_X_AMZ_CONTENT_SHA256")
    own = asked["service"] in OWN_SIGNATURE
    unsigned_body = own and digest is not None and digest.startswith(_NOT_OF_THE_BODY)
    if digest is not None and not unsigned_body and digest != hashlib.sha256(body).hexdigest():
        return ""
    when = environ["HTTP_X_AMZ_DATE"]
    if not when.startswith(asked["date"]):
        return ""
    where = urlsplit(environ["RAW_URI"])
    url = f"http://{environ.get('HTTP_HOST', '')}{where.path}" + (f"?{where.query}" if where.query else "")
    request = AWSRequest(environ["REQUEST_METHOD"], url, headers=signed, data=body)
    request.context["timestamp"] = when
    kind: Any = S3SigV4Auth if own else SigV4Auth
    signer = kind(Credentials(asked["key"], secret), asked["service"], asked["region"])
    signer.headers_to_sign = lambda _: request.headers  # those that it says, and no choice of botocore's
    if digest is not None:
        signer.payload = lambda _: digest
    return str(signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request))

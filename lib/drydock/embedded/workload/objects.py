"""What objects of S3 hold, for whoever reads them without a call."""

from __future__ import annotations

from typing import Any

from drydock.embedded.core.host import Host


class NoBucket(LookupError):
    """There is no such bucket."""


def content(host: Host, bucket: str, key: str) -> bytes | None:
    """What an object holds; None if there is none. NoBucket."""
    buckets: dict[str, Any] = host.backend("s3", "aws").buckets
    if bucket not in buckets:
        raise NoBucket(bucket)
    found = buckets[bucket].keys.get(key)
    return found.value if hasattr(found, "value") else None

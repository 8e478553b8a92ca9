"""Templates that are in a bucket."""

from __future__ import annotations

from typing import Any

from drydock.embedded.core.host import Host
from drydock.policy.addresses import object_at


def at(host: Host, url: str) -> str:
    """The template at a URL, by whatever name of S3's or of this machine's; ValidationError as AWS's."""
    from moto.cloudformation.exceptions import ValidationError

    place = object_at(url)
    if place is None:
        raise ValidationError(message="TemplateURL must be a supported URL.")
    bucket, key = place
    buckets: dict[str, Any] = host.backend("s3", "aws").buckets
    if bucket not in buckets:
        raise ValidationError(message="S3 error: The specified bucket does not exist")
    found = buckets[bucket].keys.get(key)
    if found is None or not hasattr(found, "value"):
        raise ValidationError(message="S3 error: The specified key does not exist.")
    try:
        text: str = found.value.decode()
    except UnicodeDecodeError:
        raise ValidationError(message="Template format error: unsupported structure.") from None
    return text

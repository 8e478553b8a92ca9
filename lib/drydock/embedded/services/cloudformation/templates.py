"""Templates that are in a bucket."""

from __future__ import annotations

from drydock.embedded.core.host import Host
from drydock.embedded.workload.objects import NoBucket, content
from drydock.policy.addresses import object_at


def at(host: Host, url: str) -> str:
    """The template at a URL, by whatever name of S3's or of this machine's; ValidationError as AWS's."""
    from moto.cloudformation.exceptions import ValidationError

    place = object_at(url)
    if place is None:
        raise ValidationError(message="TemplateURL must be a supported URL.")
    bucket, key = place
    try:
        found = content(host, bucket, key)
    except NoBucket:
        raise ValidationError(message="S3 error: The specified bucket does not exist") from None
    if found is None:
        raise ValidationError(message="S3 error: The specified key does not exist.")
    try:
        return found.decode()
    except UnicodeDecodeError:
        raise ValidationError(message="Template format error: unsupported structure.") from None

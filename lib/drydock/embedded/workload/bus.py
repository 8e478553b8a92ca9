"""EventBridge, for those that have something to tell."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host

log = logging.getLogger(__name__)


def tell(host: Host, region: str, source: str, kind: str, resources: Sequence[str], detail: dict[str, Any]) -> None:
    """Put an event onto the default bus, where any rule could match: without one it has no effect."""
    backend = host.backend_so_far("events", region)
    if backend is None or not backend.event_buses["default"].rules:
        return
    entry = {
        "Source": source,
        "DetailType": kind,
        "Resources": list(resources),
        "Detail": json.dumps(detail, default=_text),
    }
    try:
        host.client("events", region, derived=True).put_events(Entries=[entry])
    except ClientError as error:  # a target that is gone is no matter of who tells
        log.warning("%s of %s was not delivered: %s", kind, resources, error)


def _text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)

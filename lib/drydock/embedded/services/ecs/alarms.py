"""How the alarms stand that deployments are watched by: read through CloudWatch's API."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from drydock.embedded.services.ecs.records import Document
from drydock.embedded.workload.alarms import described

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host

_LOOK_EVERY = 0.2  # our seconds


class AlarmStates:
    """Alarms as DescribeAlarms gives them; read every `_LOOK_EVERY` at most."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._seen: dict[tuple[str, tuple[str, ...]], tuple[float, list[Document]]] = {}

    def look(self, region: str, names: tuple[str, ...]) -> list[Document]:
        """Those of them that exist."""
        key, now = (region, names), self._host.clock.elapsed()
        at, found = self._seen.get(key, (-math.inf, []))
        if now - at >= _LOOK_EVERY:
            found = self._read(region, names)
            self._seen[key] = now, found
        return found

    def _read(self, region: str, names: tuple[str, ...]) -> list[Document]:
        try:
            return described(self._host, region, names)
        except ClientError:
            return []

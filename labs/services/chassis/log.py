from __future__ import annotations

import json
import sys
import threading
from datetime import UTC, datetime
from typing import Any


class Log:
    """One JSON object per line on stdout, which is where a container's log driver looks.

    Fields: time (ISO 8601, UTC), level, service, message, then whatever the caller adds.
    """

    def __init__(self, service: str) -> None:
        self.service = service
        self._lock = threading.Lock()

    def info(self, message: str, **fields: Any) -> None:
        self._write("info", message, fields)

    def warning(self, message: str, **fields: Any) -> None:
        self._write("warning", message, fields)

    def error(self, message: str, **fields: Any) -> None:
        self._write("error", message, fields)

    def _write(self, level: str, message: str, fields: dict[str, Any]) -> None:
        line = json.dumps({
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "level": level,
            "service": self.service,
            "message": message,
            **fields,
        }, default=str)
        with self._lock:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

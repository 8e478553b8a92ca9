"""A file touched after each answer of the queue: what the health check reads, as a worker has no port."""
from __future__ import annotations

import os
import socket
import tempfile
import time
from pathlib import Path

from chassis import Settings


def path() -> Path:
    """HEARTBEAT_FILE, or one named after this host: tasks that share a temporary directory must not share it."""
    given = os.environ.get("HEARTBEAT_FILE")
    return Path(given) if given else Path(tempfile.gettempdir(), f"worker-heartbeat-{socket.gethostname()}")


def max_age() -> float:
    """Seconds; longer than a long poll and the longest job together. Raises Invalid."""
    return Settings(os.environ).number("HEARTBEAT_MAX_AGE", 90, 1)


def beat() -> None:
    path().touch()


def clear() -> None:
    path().unlink(missing_ok=True)


def age() -> float | None:
    """Seconds since the last beat, None before the first."""
    try:
        return max(0.0, time.time() - path().stat().st_mtime)
    except FileNotFoundError:
        return None

from __future__ import annotations

import http.client
import os
import sys


def probe() -> None:
    """Exit 0 when our own /health answers 200, else 1: a container health check without curl or a shell."""
    host = os.environ.get("HOST", "0.0.0.0")
    if host in ("", "0.0.0.0"):
        host = "127.0.0.1"
    connection = http.client.HTTPConnection(host, int(os.environ.get("PORT") or 8080), timeout=4)
    try:
        connection.request("GET", "/health")
        status = connection.getresponse().status
    except OSError as error:
        sys.exit(f"/health does not answer: {error}")
    if status != 200:
        sys.exit(f"/health answers {status}")

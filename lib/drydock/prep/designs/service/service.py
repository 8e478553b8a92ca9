"""Answers 200 to everybody.

CRASHES ends it as it starts. Of a hundred answers ERRORS are 500. For START seconds it is not healthy yet.
"""

import itertools
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COUNT = itertools.count()
ERRORS = int(os.environ.get("ERRORS", "0"))
READY = time.monotonic() + float(os.environ.get("START", "0"))


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/health":
            self.send_response(200 if time.monotonic() >= READY else 503)
        else:
            self.send_response(500 if next(COUNT) * ERRORS % 100 >= 100 - ERRORS else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


if os.environ.get("CRASHES"):
    sys.exit(1)
if os.environ.get("HEARS_SIGTERM"):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
else:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with ThreadingHTTPServer(("0.0.0.0", 8080), Handler) as server:
    server.serve_forever()

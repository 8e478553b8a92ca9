"""Answers that it is well; with EXIT in its environment it ends at once, with that."""

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"well\n")

    def log_message(self, *_: object) -> None:
        pass


if os.environ.get("EXIT"):
    sys.exit(int(os.environ["EXIT"]))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
HTTPServer(("0.0.0.0", 8080), Handler).serve_forever()

"""Answers with its environment; fails in the ways that its environment asks for."""

import json
import os
import signal
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/resolve":
            body = json.dumps(sorted({a[4][0] for a in socket.getaddrinfo(os.environ["NAME"], 8080)}))
        else:
            body = json.dumps({"address": self.server.server_address[0], **os.environ})
        time.sleep(float(os.environ.get("TAKES", "0")))
        self.send_response(int(os.environ.get("STATUS", "200")))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = "FINISHES" not in os.environ  # what is under way at the end is answered or cut off


def stop(*_: object) -> None:
    print("stopping", flush=True)
    sys.exit(0)


if os.environ.get("EXIT"):
    print("exiting", flush=True)
    sys.exit(int(os.environ["EXIT"]))
if os.environ.get("EAT_MIB"):
    eaten = bytearray(os.urandom(1024) * 1024 * int(os.environ["EAT_MIB"]))
    time.sleep(60)
signal.signal(signal.SIGTERM, signal.SIG_IGN if os.environ.get("IGNORE_SIGTERM") else stop)
print("listening", flush=True)
with Server(("0.0.0.0", 8080), Handler) as server:
    server.serve_forever()

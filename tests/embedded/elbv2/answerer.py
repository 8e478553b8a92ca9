"""Answers with what it was asked: `answerer.py ADDRESS PORT`. /status/500 and /slow/1.5 do that; /fail sticks."""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

health = [200]


class Answerer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536  # one packet, not two of which the second waits for an acknowledgement

    def do_GET(self) -> None:
        status = 200
        words = self.path.partition("?")[0].split("/")
        if words[1] == "health":
            status = health[0]
        elif words[1] == "fail":
            health[0] = int(words[2])
        elif words[1] == "status":
            status = int(words[2])
        elif words[1] == "slow":
            time.sleep(float(words[2]))
        elif words[1] == "hang":
            health[0] = 0
        if not status:
            time.sleep(60)
        body = json.dumps(
            {
                "me": "{}:{}".format(*self.server.server_address),
                "path": self.path,
                "headers": {name.lower(): value for name, value in self.headers.items()},
            }
        ).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *args: object) -> None:
        pass


server = ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Answerer)
print("listening", flush=True)
server.serve_forever()

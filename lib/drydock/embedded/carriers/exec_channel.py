"""ECS Exec: the agent's end of the Session Manager data channel, on loopback.

`session-manager-plugin` (and with it `aws ecs execute-command`) talks to it as it does to AWS.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import logging
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from drydock import ssm
from drydock.embedded.core import peers, seams
from drydock.ssm import Message, PayloadType, Stream

if TYPE_CHECKING:
    from websockets.http11 import Request, Response
    from websockets.sync.server import Server, ServerConnection

    from drydock.embedded.carriers.runtime.base import Session
    from drydock.embedded.core.host import Host

log = logging.getLogger(__name__)

OnOutput = Callable[[str, bytes], None]
Start = Callable[[OnOutput], "Session"]

AGENT_VERSION = "3.3.0.0"
PATH = "/v1/data-channel/"
WINDOW = 64
MOST_WAITING = 16 * 2**20
HANDSHAKE_PATIENCE = 15.0
CLOSING_PATIENCE = 10.0
_POLICY_VIOLATION = 1008


class ExecChannel:
    """Sessions that were opened and wait for their client, and a websocket server that starts with the first.

    A session can be connected to once.
    """

    def __init__(self, host: Host) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, tuple[str, Start]] = {}
        self._server: Server | None = None
        self._live: set[_Conversation] = set()
        host.on_close(self.close)

    def open(self, start: Start) -> tuple[str, str, str]:
        """(sessionId, streamUrl, tokenValue) of a new session; `start` is called when its client connects.

        `start(on_output)` starts the command, which calls on_output("stdout" | "stderr", bytes).
        """
        session_id = f"ecs-execute-command-{seams.chance().get_random_string(26, lower_case=True)}"
        token = secrets.token_urlsafe(48)
        with self._lock:
            if self._server is None:
                self._server = self._listen()
            self._waiting[session_id] = (token, start)
            port = self._server.socket.getsockname()[1]
        return session_id, f"ws://127.0.0.1:{port}{PATH}{session_id}?role=publish_subscribe", token

    def close(self) -> None:
        """End every session and stop listening."""
        with self._lock:
            server, self._server = self._server, None
            live = list(self._live)
            self._waiting.clear()
        for conversation in live:
            conversation.leave()
        if server is not None:
            server.shutdown()

    def _listen(self) -> Server:
        from websockets.sync.server import serve

        server = serve(
            self._serve,
            "127.0.0.1",
            0,
            max_size=2**20,
            compression=None,
            close_timeout=1.0,
            process_request=_turned_away,
        )
        threading.Thread(target=server.serve_forever, name="drydock-exec", daemon=True).start()
        return server

    def _serve(self, socket: ServerConnection) -> None:
        session_id = urlsplit(socket.request.path).path.removeprefix(PATH)  # type: ignore[union-attr]
        start = self._admitted(socket, session_id)
        if start is None:
            socket.close(_POLICY_VIOLATION, "the token does not open this session")
            return
        conversation = _Conversation(socket, session_id, start)
        with self._lock:
            self._live.add(conversation)
        try:
            conversation.run()
        finally:
            with self._lock:
                self._live.discard(conversation)

    def _admitted(self, socket: ServerConnection, session_id: str) -> Start | None:
        try:
            token = str(json.loads(socket.recv(timeout=HANDSHAKE_PATIENCE)).get("TokenValue"))
        except Exception:
            return None
        with self._lock:
            expected, start = self._waiting.get(session_id, ("", None))
            if start is None or not hmac.compare_digest(token.encode(), expected.encode()):
                return None
            del self._waiting[session_id]
            return start


def _turned_away(connection: ServerConnection, _: Request) -> Response | None:
    """The answer to a client that may not call, before any word of a session."""
    why = peers.stranger(connection.socket)
    return connection.respond(HTTPStatus.FORBIDDEN, why + "\n") if why else None


class _Conversation:
    """One client and one command. Four threads: one reads, one sends, one feeds the command, one awaits its end."""

    def __init__(self, socket: ServerConnection, session_id: str, start: Start) -> None:
        self._socket = socket
        self._id = session_id
        self._start = start
        self._stream = Stream(ssm.OUTPUT)
        self._changed = threading.Condition()
        self._outgoing: deque[tuple[int, bytes]] = deque()
        self._waiting_bytes = 0
        self._session: Session | None = None
        self._typed: SimpleQueue[bytes | None] = SimpleQueue()
        self._shaken = False
        self._ended: str | None = None
        self._give_up = time.monotonic() + HANDSHAKE_PATIENCE
        self._gone = False

    def run(self) -> None:
        """Serve until either side ends it."""
        properties: dict[str, Any] = {}
        action = {
            "ActionType": "SessionType",
            "ActionParameters": {"SessionType": "InteractiveCommands", "Properties": properties},
        }
        self._queue_json(
            PayloadType.HANDSHAKE_REQUEST, {"AgentVersion": AGENT_VERSION, "RequestedClientActions": [action]}
        )
        sender = threading.Thread(target=self._send, name="drydock-exec-send", daemon=True)
        sender.start()
        try:
            for data in self._socket:
                if isinstance(data, bytes):
                    self._receive(data)
        except Exception as error:
            log.info("session %s ended: %s", self._id, error)
        finally:
            self.leave()
            sender.join(timeout=CLOSING_PATIENCE)

    def leave(self) -> None:
        """Kill the command and say nothing more."""
        with self._changed:
            self._gone = True
            self._changed.notify()
        self._typed.put(None)
        self.stop()

    def stop(self) -> None:
        if self._session is not None:
            with contextlib.suppress(Exception):
                self._session.kill()

    # -- what the client says -------------------------------------------------------------------

    def _receive(self, data: bytes) -> None:
        message = Message.decode(data)
        if message.type == ssm.ACKNOWLEDGE:
            with self._changed:
                self._stream.acknowledged(message)
                self._changed.notify()
        elif message.type == ssm.INPUT:
            self._socket.send(ssm.acknowledgement(message))
            for ready in self._stream.receive(message):
                self._take(ready)

    def _take(self, message: Message) -> None:
        kind = message.payload_type
        if kind == PayloadType.HANDSHAKE_RESPONSE and not self._shaken:
            self._handshake(message.json())
        elif self._session is None:
            return
        elif kind == PayloadType.OUTPUT:
            self._typed.put(message.payload)
        elif kind == PayloadType.SIZE:
            size = message.json()
            self._session.resize(int(size["rows"]), int(size["cols"]))
        elif kind == PayloadType.FLAG and int.from_bytes(message.payload, "big") == ssm.TERMINATE:
            self.stop()

    def _handshake(self, response: dict[str, Any]) -> None:
        self._shaken = True
        if response.get("Errors"):
            self._end("; ".join(response["Errors"]))
            return
        self._queue_json(PayloadType.HANDSHAKE_COMPLETE, {"HandshakeTimeToComplete": 0, "CustomerMessage": ""})
        try:
            self._session = self._start(self._on_output)
        except Exception as error:
            self._end(f"\n----------ERROR-------\nUnable to start command: {error}")
            return
        for work in (self._feed, self._wait):
            threading.Thread(target=work, args=(self._session,), name="drydock-exec", daemon=True).start()

    # -- what the command does ------------------------------------------------------------------

    def _on_output(self, stream: str, data: bytes) -> None:
        for start in range(0, len(data), ssm.CHUNK):
            self._queue(PayloadType.OUTPUT, data[start : start + ssm.CHUNK])
        if self._waiting_bytes > MOST_WAITING and self._ended is None:
            self._end(f"more than {MOST_WAITING >> 20} MiB of output waited for the client")
            threading.Thread(target=self.stop, daemon=True).start()

    def _feed(self, session: Session) -> None:
        while (data := self._typed.get()) is not None:
            session.write(data)

    def _wait(self, session: Session) -> None:
        session.wait()
        self._end("")

    # -- what is sent ---------------------------------------------------------------------------

    def _queue_json(self, payload_type: int, content: dict[str, Any]) -> None:
        self._queue(payload_type, json.dumps(content).encode())

    def _queue(self, payload_type: int, payload: bytes) -> None:
        with self._changed:
            if self._ended is None and not self._gone:
                self._outgoing.append((payload_type, payload))
                self._waiting_bytes += len(payload)
                self._changed.notify()

    def _end(self, output: str) -> None:
        with self._changed:
            if self._ended is None:
                self._ended = output
                self._give_up = time.monotonic() + CLOSING_PATIENCE
                self._changed.notify()

    def _send(self) -> None:
        with contextlib.suppress(Exception):
            while (data := self._next_message()) is not None:
                self._socket.send(data)
            if not self._gone:
                self._socket.send(self._channel_closed())
        self._socket.close()

    def _next_message(self) -> bytes | None:
        """The next message to send, when there is one; None at the end."""
        with self._changed:
            while not self._gone:
                now = time.monotonic()
                if not self._shaken and now > self._give_up:
                    self._end("Handshake timed out.")
                if self._outgoing and self._stream.in_flight < WINDOW:
                    payload_type, payload = self._outgoing.popleft()
                    self._waiting_bytes -= len(payload)
                    return self._stream.send(payload_type, payload, now)
                late = self._stream.overdue(now)
                if late is not None and (self._ended is None or now < self._give_up):
                    return late
                if self._ended is not None and (not self._stream.in_flight or now > self._give_up):
                    return None
                waits = self._stream.in_flight or not self._shaken
                self._changed.wait(ssm.RESEND_AFTER if waits else None)
        return None

    def _channel_closed(self) -> bytes:
        message = Message(ssm.CHANNEL_CLOSED, b"")
        content = {
            "MessageId": str(message.id),
            "CreatedDate": str(message.created),
            "DestinationId": self._id,
            "SessionId": self._id,
            "MessageType": ssm.CHANNEL_CLOSED,
            "SchemaVersion": message.schema_version,
            "Output": self._ended or "",
        }
        return Message(ssm.CHANNEL_CLOSED, json.dumps(content).encode(), id=message.id).encode()

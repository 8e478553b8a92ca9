"""The data channel of SSM Session Manager, over which ECS Exec runs a command.

Format and rules: aws/session-manager-plugin and aws/amazon-ssm-agent (their `message`, `datachannel`
and `contracts` packages). A message is 120 bytes of big-endian header and a payload; stream messages
are numbered from 0 on each side, acknowledged one by one, and sent again until they are.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import struct
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any
from urllib.parse import urlsplit

INPUT = "input_stream_data"
OUTPUT = "output_stream_data"
ACKNOWLEDGE = "acknowledge"
CHANNEL_CLOSED = "channel_closed"

SYN, FIN = 1, 2
CHUNK = 1024
RESEND_AFTER = 0.2
TERMINATE = 2
CLIENT_VERSION = "1.2.0.0"
SHELL_TYPES = ("Standard_Stream", "InteractiveCommands", "NonInteractiveCommands")

_HEADER = struct.Struct(">I32sIQqQ16s32sII")
_HEADER_LENGTH = _HEADER.size - 4


class PayloadType(IntEnum):
    OUTPUT = 1
    ERROR = 2
    SIZE = 3
    PARAMETER = 4
    HANDSHAKE_REQUEST = 5
    HANDSHAKE_RESPONSE = 6
    HANDSHAKE_COMPLETE = 7
    ENC_CHALLENGE_REQUEST = 8
    ENC_CHALLENGE_RESPONSE = 9
    FLAG = 10
    STDERR = 11
    EXIT_CODE = 12


class SessionError(RuntimeError):
    """The session could not be run to its end; `output` is what it had written until then."""

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output


@dataclass(frozen=True)
class Message:
    """One message. `created` is in milliseconds since the epoch."""

    type: str
    payload: bytes
    payload_type: int = 0
    sequence: int = 0
    flags: int = 0
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    created: int = field(default_factory=lambda: int(time.time() * 1000))
    schema_version: int = 1

    def encode(self) -> bytes:
        return (
            _HEADER.pack(
                _HEADER_LENGTH,
                self.type.encode().ljust(32),
                self.schema_version,
                self.created,
                self.sequence,
                self.flags,
                self.id.bytes[8:] + self.id.bytes[:8],
                hashlib.sha256(self.payload).digest(),
                self.payload_type,
                len(self.payload),
            )
            + self.payload
        )

    @classmethod
    def decode(cls, data: bytes) -> Message:
        """ValueError if it is cut short, or its digest is not the payload's."""
        if len(data) < _HEADER.size:
            raise ValueError(f"a message has at least {_HEADER.size} bytes, not {len(data)}")
        length, type_, version, created, sequence, flags, id_, digest, payload_type, size = _HEADER.unpack_from(data)
        payload = data[length + 4 :]
        if len(payload) != size:
            raise ValueError(f"the payload should have {size} bytes and has {len(payload)}")
        if size and hashlib.sha256(payload).digest() != digest:
            raise ValueError("the payload does not have the digest that its header names")
        return cls(
            type=type_.strip(b"\0 ").decode("utf-8", "replace"),
            payload=payload,
            payload_type=payload_type,
            sequence=sequence,
            flags=flags,
            id=uuid.UUID(bytes=id_[8:] + id_[:8]),
            created=created,
            schema_version=version,
        )

    def json(self) -> dict[str, Any]:
        """The payload as a JSON object; ValueError if it is none."""
        content = json.loads(self.payload)
        if not isinstance(content, dict):
            raise ValueError(f"the payload of {self.type} should be a JSON object")
        return content


def acknowledgement(message: Message) -> bytes:
    content = {
        "AcknowledgedMessageType": message.type,
        "AcknowledgedMessageId": str(message.id),
        "AcknowledgedMessageSequenceNumber": message.sequence,
        "IsSequentialMessage": True,
    }
    return Message(ACKNOWLEDGE, json.dumps(content).encode(), flags=SYN | FIN).encode()


class Stream:
    """One side of a channel: numbers what it sends, and puts what it gets in order. It does no I/O.

    `type` is that of the messages it sends: INPUT for a client, OUTPUT for an agent.
    """

    def __init__(self, type: str) -> None:
        self.type = type
        self._next = 0
        self._expected = 0
        self._early: dict[int, Message] = {}
        self._unacknowledged: dict[int, tuple[float, bytes]] = {}

    @property
    def in_flight(self) -> int:
        """How many messages have not been acknowledged."""
        return len(self._unacknowledged)

    def send(self, payload_type: int, payload: bytes, now: float) -> bytes:
        """The next message, as bytes. `now` in seconds of any clock, the same in `overdue`."""
        message = Message(
            self.type, payload, payload_type, sequence=self._next, flags=SYN if self._next == 0 else 0
        ).encode()
        self._unacknowledged[self._next] = (now, message)
        self._next += 1
        return message

    def acknowledged(self, message: Message) -> None:
        self._unacknowledged.pop(message.json().get("AcknowledgedMessageSequenceNumber", -1), None)

    def overdue(self, now: float) -> bytes | None:
        """The oldest message, if it has waited too long for its acknowledgement: send it again."""
        for sequence, (sent, message) in self._unacknowledged.items():
            if now - sent < RESEND_AFTER:
                return None
            self._unacknowledged[sequence] = (now, message)
            return message
        return None

    def receive(self, message: Message) -> list[Message]:
        """The messages whose turn it is now; the caller acknowledges `message` in any case."""
        if message.sequence >= self._expected:
            self._early[message.sequence] = message
        ready = []
        while self._expected in self._early:
            ready.append(self._early.pop(self._expected))
            self._expected += 1
        return ready


def run(session: Mapping[str, str], *, timeout: float = 60.0) -> str:
    """Run the command of an `execute_command` and return what it writes, without its terminal's CR.

    `session`: the response's `session`, {"sessionId", "streamUrl", "tokenValue"}. Raises SessionError if
    the command could not be started or the connection broke, TimeoutError after `timeout` seconds.
    """
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    url = session["streamUrl"]
    client = _Client(session["tokenValue"])
    deadline = time.monotonic() + timeout
    with connect(url, open_timeout=timeout, max_size=2**20, **({"proxy": None} if _is_loopback(url) else {})) as socket:
        socket.send(client.opening())
        while not client.closed:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(
                    f"the command has not ended within {timeout:g} s; it wrote so far: {client.text()!r}"
                )
            try:
                data = socket.recv(timeout=min(left, RESEND_AFTER))
            except TimeoutError:
                replies = client.overdue()
            except ConnectionClosed as error:
                raise SessionError(f"the session's connection ended early: {error}", client.text()) from None
            else:
                replies = client.receive(data) if isinstance(data, bytes) else []
            with suppress(ConnectionClosed):  # what the agent said before it closed can still be read
                for reply in replies:
                    socket.send(reply)
    if client.error:
        raise SessionError(client.error, client.text())
    return client.text()


class _Client:
    """What session-manager-plugin does for a shell session, without I/O."""

    ROWS, COLUMNS = 100, 300

    def __init__(self, token: str) -> None:
        self._token = token
        self._stream = Stream(INPUT)
        self._output = bytearray()
        self.closed = False
        self.error = ""

    def opening(self) -> str:
        return json.dumps(
            {
                "MessageSchemaVersion": "1.0",
                "RequestId": str(uuid.uuid4()),
                "TokenValue": self._token,
                "ClientId": str(uuid.uuid4()),
                "ClientVersion": CLIENT_VERSION,
            }
        )

    def text(self) -> str:
        return self._output.decode("utf-8", "replace").replace("\r\n", "\n")

    def overdue(self) -> list[bytes]:
        message = self._stream.overdue(time.monotonic())
        return [message] if message else []

    def receive(self, data: bytes) -> list[bytes]:
        """Take a message in; returns the messages to send."""
        message = Message.decode(data)
        replies = []
        if message.type == OUTPUT:
            replies.append(acknowledgement(message))
            for ready in self._stream.receive(message):
                replies += self._take(ready)
        elif message.type == ACKNOWLEDGE:
            self._stream.acknowledged(message)
        elif message.type == CHANNEL_CLOSED:
            self.closed = True
            self.error = self.error or message.json().get("Output", "").strip()
        return replies

    def _take(self, message: Message) -> list[bytes]:
        if message.payload_type == PayloadType.HANDSHAKE_REQUEST:
            return [self._send(PayloadType.HANDSHAKE_RESPONSE, self._handshake(message.json()))]
        if message.payload_type == PayloadType.HANDSHAKE_COMPLETE:
            return [self._send(PayloadType.SIZE, {"cols": self.COLUMNS, "rows": self.ROWS})]
        if message.payload_type in (PayloadType.OUTPUT, PayloadType.STDERR):
            self._output += message.payload
        return []

    def _send(self, payload_type: int, content: Mapping[str, Any]) -> bytes:
        return self._stream.send(payload_type, json.dumps(content).encode(), time.monotonic())

    def _handshake(self, request: dict[str, Any]) -> dict[str, Any]:
        actions = [self._processed(action) for action in request.get("RequestedClientActions", [])]
        errors = [action["Error"] for action in actions if action["Error"]]
        self.error = "; ".join(errors)
        return {"ClientVersion": CLIENT_VERSION, "ProcessedClientActions": actions, "Errors": errors}

    @staticmethod
    def _processed(action: dict[str, Any]) -> dict[str, Any]:
        type_, parameters = action.get("ActionType"), action.get("ActionParameters") or {}
        if type_ == "SessionType" and parameters.get("SessionType") in SHELL_TYPES:
            return {"ActionType": type_, "ActionStatus": 1, "ActionResult": None, "Error": ""}
        hint = "; run the command with the AWS CLI and its Session Manager plugin" if type_ == "KMSEncryption" else ""
        error = f"this client can't do {type_} {parameters.get('SessionType', '')}".rstrip() + hint
        return {"ActionType": type_, "ActionStatus": 3, "ActionResult": None, "Error": error}


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

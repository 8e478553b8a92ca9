"""The Session Manager data channel: its bytes, its rules, and a command run from end to end."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import random
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock import ssm
from drydock.embedded.carriers.exec_channel import ExecChannel
from drydock.ssm import Message, PayloadType, Stream
from tests.support.waiting import eventually

# -- the format (constants: session-manager-plugin, src/message) --------------------------------


def test_a_message_has_the_bytes_of_the_protocol() -> None:
    message = Message(
        ssm.INPUT,
        b"payload",
        PayloadType.OUTPUT,
        sequence=2,
        flags=ssm.SYN,
        id=uuid.UUID("dd01e56b-ff48-483e-a508-b5f073f31b16"),
        created=1503434274948,
    )
    expected = (
        "00000074"  # length of the header up to the payload length
        + b"input_stream_data               ".hex()
        + "00000001"  # schema version
        + "0000015e0baa7884"  # created
        + "0000000000000002"  # sequence number
        + "0000000000000001"  # flags
        + "a508b5f073f31b16dd01e56bff48483e"  # the less significant half of the id comes first
        + hashlib.sha256(b"payload").hexdigest()
        + "00000001"  # payload type
        + "00000007"
        + b"payload".hex()
    )
    assert message.encode().hex() == expected
    assert Message.decode(bytes.fromhex(expected)) == message


def test_a_type_padded_with_nulls_is_understood() -> None:
    data = Message(ssm.ACKNOWLEDGE, b"{}").encode()
    padded = data[:4] + b"acknowledge".ljust(32, b"\0") + data[36:]
    assert Message.decode(padded).type == ssm.ACKNOWLEDGE


@pytest.mark.parametrize("position", [80, 121, -1])
def test_a_damaged_message_is_refused(position: int) -> None:
    data = bytearray(Message(ssm.OUTPUT, b"payload", PayloadType.OUTPUT).encode())
    data[position] ^= 1
    with pytest.raises(ValueError, match="digest"):
        Message.decode(bytes(data))
    with pytest.raises(ValueError, match="bytes"):
        Message.decode(bytes(data[:-1]))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        Message.decode(data)


@given(st.binary(max_size=2000), st.integers(0, 2**32 - 1), st.integers(0, 2**63 - 1), st.uuids())
def test_what_is_encoded_is_decoded(payload: bytes, kind: int, sequence: int, id_: uuid.UUID) -> None:
    message = Message(ssm.OUTPUT, payload, kind, sequence=sequence, id=id_)
    assert Message.decode(message.encode()) == message


@settings(deadline=None)
@given(st.integers(0, 30), st.randoms(use_true_random=False))
def test_a_stream_survives_loss_repetition_and_disorder(count: int, rng: random.Random) -> None:
    agent, client = Stream(ssm.OUTPUT), Stream(ssm.INPUT)
    now, got = 0.0, []
    wire = [agent.send(PayloadType.OUTPUT, b"%d" % number, now) for number in range(count)]
    for _ in range(20 * count + 20):
        rng.shuffle(wire)
        for data in wire:
            if rng.random() < 0.7:
                message = Message.decode(data)
                got += client.receive(message)
                if rng.random() < 0.7:
                    agent.acknowledged(Message.decode(ssm.acknowledgement(message)))
        now += 1
        late = agent.overdue(now)
        wire = [late, late] if late else []
        if not agent.in_flight:
            break
    assert [message.payload for message in got] == [b"%d" % number for number in range(count)]
    assert agent.in_flight == 0


# -- from end to end, with real processes -------------------------------------------------------


@dataclass
class TerminalSession:
    """A command on a terminal, as the process runtime's sessions are."""

    argv: list[str]
    on_output: Callable[[str, bytes], None]
    killed: bool = False
    _done: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.master, terminal = pty.openpty()
        self.process = subprocess.Popen(
            self.argv, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True
        )
        os.close(terminal)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            while data := os.read(self.master, 65536):
                self.on_output("stdout", data)
        except OSError:
            pass
        self.process.wait()
        self._done.set()

    def write(self, data: bytes) -> None:
        os.write(self.master, data)

    def close_stdin(self) -> None:
        self.write(b"\4")

    def resize(self, rows: int, columns: int) -> None:
        import fcntl
        import struct
        import termios

        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def kill(self) -> None:
        self.killed = True
        self.process.kill()

    def wait(self, timeout: float | None = None) -> int:
        assert self._done.wait(timeout)
        return self.process.returncode


class Owner:
    """What a channel needs of a host: somebody to close it."""

    def __init__(self) -> None:
        self.closers: list[Callable[[], None]] = []

    def on_close(self, function: Callable[[], None]) -> None:
        self.closers.append(function)


@pytest.fixture
def channel() -> Iterator[ExecChannel]:
    owner = Owner()
    yield ExecChannel(owner)  # type: ignore[arg-type]
    for function in owner.closers:
        function()


class Opened:
    """A session of `argv` on the channel; `terminal` once it has started."""

    def __init__(self, channel: ExecChannel, *argv: str) -> None:
        self.started: list[TerminalSession] = []

        def start(on_output: Callable[[str, bytes], None]) -> Any:
            self.started.append(TerminalSession(list(argv), on_output))
            return self.started[-1]

        session_id, url, token = channel.open(start)
        self.session = {"sessionId": session_id, "streamUrl": url, "tokenValue": token}


def test_the_output_of_a_command_comes_back(channel: ExecChannel) -> None:
    opened = Opened(channel, "sh", "-c", "echo hello; echo wörld >&2; exit 3")
    assert opened.started == [], "nothing runs before a client connects"
    assert ssm.run(opened.session, timeout=20) == "hello\nwörld\n"


def test_the_terminal_has_the_size_that_the_client_names(channel: ExecChannel) -> None:
    opened = Opened(channel, "sh", "-c", "until [ \"$(stty size)\" != '0 0' ]; do :; done; stty size")
    assert ssm.run(opened.session, timeout=20) == "100 300\n"


def test_a_megabyte_of_output_arrives_whole_and_in_order(channel: ExecChannel) -> None:
    opened = Opened(channel, sys.executable, "-c", "for i in range(150_000): print(i)")
    assert ssm.run(opened.session, timeout=60) == "".join(f"{i}\n" for i in range(150_000))


def test_a_command_that_cannot_start_is_an_error_with_its_reason(channel: ExecChannel) -> None:
    opened = Opened(channel, "/no/such/command")
    with pytest.raises(ssm.SessionError, match=r"Unable to start command: .*/no/such/command"):
        ssm.run(opened.session, timeout=20)


def test_a_session_opens_once_and_only_with_its_token(channel: ExecChannel) -> None:
    opened = Opened(channel, "echo", "once")
    with pytest.raises(ssm.SessionError, match="token"):
        ssm.run({**opened.session, "tokenValue": "guess"}, timeout=20)
    assert ssm.run(opened.session, timeout=20) == "once\n"
    with pytest.raises(ssm.SessionError, match="token"):
        ssm.run(opened.session, timeout=20)


def test_a_command_without_end_is_a_timeout_with_what_it_wrote_and_is_killed(channel: ExecChannel) -> None:
    opened = Opened(channel, "sh", "-c", "echo started; exec sleep 600")
    with pytest.raises(TimeoutError, match="started"):
        ssm.run(opened.session, timeout=5)
    (terminal,) = opened.started
    assert terminal.wait(10) == -9


def test_only_loopback_listens(channel: ExecChannel) -> None:
    opened = Opened(channel, "true")
    assert opened.session["streamUrl"].startswith("ws://127.0.0.1:")
    assert opened.session["sessionId"].startswith("ecs-execute-command-")


# -- as the plugin does it ----------------------------------------------------------------------


class Plugin:
    """A client that does what session-manager-plugin does, by hand."""

    def __init__(self, session: dict[str, str]) -> None:
        from websockets.sync.client import connect

        self.socket = connect(session["streamUrl"], proxy=None).__enter__()
        self.socket.send(json.dumps({"MessageSchemaVersion": "1.0", "TokenValue": session["tokenValue"]}))
        self.sequence = 0

    def next(self, type_: str = ssm.OUTPUT, kind: int | None = None) -> Message:
        while True:
            message = Message.decode(self.socket.recv(timeout=10))  # type: ignore[arg-type]
            if message.type == type_ and kind in (None, message.payload_type):
                return message

    def acknowledge(self, message: Message) -> None:
        self.socket.send(ssm.acknowledgement(message))

    def say(self, kind: int, payload: bytes) -> None:
        self.socket.send(Message(ssm.INPUT, payload, kind, sequence=self.sequence).encode())
        self.sequence += 1

    def shake(self) -> dict[str, Any]:
        request = self.next(kind=PayloadType.HANDSHAKE_REQUEST)
        assert (request.sequence, request.flags) == (0, ssm.SYN)
        self.acknowledge(request)
        actions = [{"ActionType": "SessionType", "ActionStatus": 1, "ActionResult": None, "Error": ""}]
        answer = {"ClientVersion": "1.2.0.0", "ProcessedClientActions": actions, "Errors": None}
        self.say(PayloadType.HANDSHAKE_RESPONSE, json.dumps(answer).encode())
        self.acknowledge(self.next(kind=PayloadType.HANDSHAKE_COMPLETE))
        return request.json()


def test_the_handshake_asks_for_an_interactive_session(channel: ExecChannel) -> None:
    plugin = Plugin(Opened(channel, "cat").session)
    (action,) = plugin.shake()["RequestedClientActions"]
    assert (action["ActionType"], action["ActionParameters"]["SessionType"]) == (
        "SessionType",
        "InteractiveCommands",
    )


def test_what_is_typed_reaches_the_command_and_is_acknowledged(channel: ExecChannel) -> None:
    plugin = Plugin(Opened(channel, "sh", "-c", "stty -echo; printf ready; read line; printf 'got %s' $line").session)
    plugin.shake()
    ready = plugin.next(kind=PayloadType.OUTPUT)
    assert ready.payload == b"ready"
    plugin.acknowledge(ready)
    plugin.say(PayloadType.OUTPUT, b"hi\r")
    content = plugin.next(ssm.ACKNOWLEDGE).json()
    while content["AcknowledgedMessageSequenceNumber"] != 1:
        content = plugin.next(ssm.ACKNOWLEDGE).json()
    assert content["AcknowledgedMessageType"] == ssm.INPUT
    got = plugin.next(kind=PayloadType.OUTPUT)
    while got.payload != b"got hi":
        plugin.acknowledge(got)
        got = plugin.next(kind=PayloadType.OUTPUT)
    plugin.acknowledge(got)
    closed = plugin.next(ssm.CHANNEL_CLOSED).json()
    assert (closed["MessageType"], closed["Output"]) == (ssm.CHANNEL_CLOSED, "")


def test_output_is_sent_again_until_it_is_acknowledged_and_the_channel_waits_for_it(channel: ExecChannel) -> None:
    plugin = Plugin(Opened(channel, "printf", "again").session)
    plugin.shake()
    first = plugin.next(kind=PayloadType.OUTPUT)
    second = plugin.next(kind=PayloadType.OUTPUT)
    assert (first, first.payload) == (second, b"again")
    plugin.acknowledge(second)
    assert plugin.next(ssm.CHANNEL_CLOSED)


def test_a_terminate_flag_and_a_lost_client_kill_the_command(channel: ExecChannel) -> None:
    flagged, lost = Opened(channel, "sleep", "600"), Opened(channel, "sleep", "600")
    plugin = Plugin(flagged.session)
    plugin.shake()
    eventually(lambda: flagged.started)
    plugin.say(PayloadType.FLAG, (ssm.TERMINATE).to_bytes(4, "big"))
    assert flagged.started[0].wait(10) == -9

    plugin = Plugin(lost.session)
    plugin.shake()
    eventually(lambda: lost.started)
    plugin.socket.close()
    assert lost.started[0].wait(10) == -9


def test_typing_at_a_command_that_does_not_read_does_not_keep_it_from_being_killed(channel: ExecChannel) -> None:
    opened = Opened(channel, "sh", "-c", "stty raw -echo; exec sleep 600")
    plugin = Plugin(opened.session)
    plugin.shake()
    eventually(lambda: opened.started)
    for _ in range(200):
        plugin.say(PayloadType.OUTPUT, b"x" * 1024)
    plugin.say(PayloadType.FLAG, ssm.TERMINATE.to_bytes(4, "big"))
    assert opened.started[0].wait(10) == -9


def test_a_client_that_sends_noise_does_not_end_the_server(channel: ExecChannel) -> None:
    noisy = Plugin(Opened(channel, "echo", "x").session)
    noisy.socket.send(b"noise")
    assert ssm.run(Opened(channel, "echo", "fine").session, timeout=20) == "fine\n"


# -- in a container -----------------------------------------------------------------------------


def test_a_command_runs_in_the_environment_of_a_container(channel: ExecChannel, tmp_path: Path) -> None:
    from drydock.embedded.carriers.runtime import ContainerSpec
    from drydock.embedded.carriers.runtime.process import ProcessRuntime
    from drydock.embedded.carriers.runtime.spawner import Spawner
    from drydock.images import ImageConfig
    from tests.support.images import layer_of

    rootfs = tmp_path / "rootfs"
    (rootfs / "app").mkdir(parents=True)
    (rootfs / "app" / "release.txt").write_text("v7\n")
    spawner = Spawner(tmp_path / "spawner.log")
    runtime = ProcessRuntime(spawner, tmp_path / "runtime")
    try:
        container = runtime.start(
            ContainerSpec(
                key="task/app",
                image=ImageConfig(working_dir="/app", labels={"dev.drydock.stand-in": "python"}),
                layers=(layer_of(rootfs, tmp_path / "layers"),),
                state=tmp_path / "run",
                command=("sh", "-c", "sleep 600"),
                environment={"COLOUR": "blue"},
                address="127.10.77.4",
                on_output=lambda _stream, _line: None,
                on_exit=lambda _exit: None,
            )
        )

        def run(*argv: str) -> str:
            session_id, url, token = channel.open(
                lambda on_output: runtime.open(container, argv, tty=True, on_output=on_output)
            )
            return ssm.run({"sessionId": session_id, "streamUrl": url, "tokenValue": token}, timeout=20)

        assert run("sh", "-c", "echo $COLOUR; cat release.txt") == "blue\nv7\n"
        with pytest.raises(ssm.SessionError, match=r"Unable to start command: .*no-such-command"):
            run("no-such-command")
    finally:
        runtime.close()
        spawner.close()

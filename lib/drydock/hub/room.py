"""The first process of a room: `python -m drydock.hub.room --listen FD --until FD -- COMMAND...`.

It starts the learner's server, lets in what comes to a socket that was opened outside, and buries the dead. When the
other end of `--until` closes, because the hub says so or is no more, the server ends, then its clouds, as by
`drydock down`; the state of both stays on disk. With this process everything in the room ends.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import subprocess
from asyncio import StreamReader, StreamWriter

SERVER = ("127.0.0.1", 8888)
"""Where the learner's server listens, in its room."""
_SET_DUMPABLE = 4
_PATIENCE = 10.0
_ASK_AGAIN = 0.05
_CHUNK = 1 << 16


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", type=int, required=True)
    parser.add_argument("--until", type=int, required=True)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    _keep_to_oneself()
    server = subprocess.Popen(options.command)
    asyncio.run(_until_the_end(server, options.listen, options.until))
    from drydock import embedded

    for instance in embedded.instances():
        embedded.stop(instance.name)


def _keep_to_oneself() -> None:
    """Let no other process, of the same user though it is, trace this one or open its files: it could keep `--until`
    from closing (prctl(2), PR_SET_DUMPABLE)."""
    if ctypes.CDLL(None, use_errno=True).prctl(_SET_DUMPABLE, 0, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


async def _until_the_end(server: subprocess.Popen[bytes], listen: int, until: int) -> None:
    loop = asyncio.get_running_loop()
    told, ended = asyncio.Event(), asyncio.Event()
    loop.add_signal_handler(signal.SIGCHLD, _bury, server.pid, ended)
    loop.add_reader(until, told.set)
    door = await asyncio.start_server(_let_in, sock=socket.socket(fileno=listen))
    _bury(server.pid, ended)
    await asyncio.wait([asyncio.create_task(event.wait()) for event in (told, ended)],
                       return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
    loop.remove_reader(until)
    door.close()
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not ended.is_set():
            os.kill(server.pid, number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), _PATIENCE)


def _bury(server: int, ended: asyncio.Event) -> None:
    """Take note of every child that has ended: here come those, too, whose parents went before them."""
    with contextlib.suppress(ChildProcessError):
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            if pid == server:
                ended.set()


async def _let_in(reader: StreamReader, writer: StreamWriter) -> None:
    """Whoever comes before the server listens is kept waiting: so nobody has to ask again and again."""
    while True:
        try:
            inner = await asyncio.open_connection(*SERVER)
        except OSError:
            await asyncio.sleep(_ASK_AGAIN)
        else:
            return await _relay((reader, writer), inner)


async def _relay(one: tuple[StreamReader, StreamWriter], other: tuple[StreamReader, StreamWriter]) -> None:
    """Carry bytes between two connections until both are through."""
    try:
        await asyncio.gather(_carry(one[0], other[1]), _carry(other[0], one[1]))
    except OSError:
        pass
    finally:
        one[1].close()
        other[1].close()


async def _carry(reader: StreamReader, writer: StreamWriter) -> None:
    while data := await reader.read(_CHUNK):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


if __name__ == "__main__":
    main()

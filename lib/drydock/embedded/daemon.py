"""The background process of an embedded AWS: `python -m drydock.embedded.daemon --directory DIR`."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import gc
import json
import logging
import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from drydock import disk
from drydock.embedded.core import late
from drydock.embedded.core.clock import DEFAULT_SPEED, Clock
from drydock.embedded.core.peers import CannotTell, can_tell
from drydock.embedded.instance import DEFAULT_PORT, LOCK, is_at
from drydock.user import access_key, private

if TYPE_CHECKING:
    from drydock.embedded.assembly import AWS
    from drydock.embedded.core.host import Host

log = logging.getLogger("drydock")
_NEXT_PORTS = 50
_FILES = 65_536
_LOCK_LIMIT = 2.0
GARBAGE = (25_000, 10, 50)
"""After how many new objects it is looked for: each look is a pause of some milliseconds for everybody."""
SWITCH = 0.001
"""Seconds for which a thread that computes keeps others from answering."""


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="drydock up --foreground")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--port", type=int)
    parser.add_argument("--speed", type=float, default=DEFAULT_SPEED)
    parser.add_argument("--seed")
    parser.add_argument("--profile")
    parser.add_argument("--idle-exit", type=float)
    options = parser.parse_args(argv)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT))  # whoever started us may block them
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    _raise_limit_of_files()
    try:
        run(options, claim(options.directory))
    except disk.Unusable as error:
        raise SystemExit(str(error)) from error
    except OSError as error:
        raise SystemExit(str(disk.unusable(error, options.directory))) from error


def _raise_limit_of_files() -> None:
    """A task takes three descriptors, a connection one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # macOS has a lower limit of its own
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (min(hard, _FILES) if hard != resource.RLIM_INFINITY else _FILES, hard)
        )


def run(options: argparse.Namespace, lock: int) -> None:
    gc.disable()  # what is loaded stays
    late.install()
    from drydock.embedded.assembly import AWS

    host = AWS(
        options.directory,
        name=options.directory.name,
        clock=Clock(options.speed),
        seed=options.seed,
        profile=options.profile,
        access_key=access_key(),
    )
    bind(host, options.port)
    try:
        count = host.restore()
    except disk.Unusable:
        raise
    except BaseException:
        log.exception("the account cannot be brought back")
        logging.shutdown()
        os._exit(1)  # the threads of the port would keep the process
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    gc.enable()
    sys.setswitchinterval(SWITCH)
    if count:
        log.info("replayed %d requests", count)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    if not can_tell():
        log.warning("any user of this machine may call: %s does not say whose process connects", sys.platform)
    host.run()
    state = options.directory / "state.json"
    log.info(
        "embedded AWS %r answers at %s (speed %g, profile %s)",
        host.name,
        host.endpoint,
        host.clock.speed,
        host.profile.name,
    )
    _write(state, host)
    host.last_call = time.monotonic()
    while not ended.wait(1.0):
        if options.idle_exit and time.monotonic() - host.last_call > options.idle_exit:
            log.info("no call for %g s: ending; the state is kept", options.idle_exit)
            break
        if not is_at(lock, options.directory / LOCK):
            log.error("%s has been deleted or replaced: ending", options.directory)
            break
    state.unlink(missing_ok=True)
    host.close()


def claim(directory: Path) -> int:
    """Take the directory for this process, until it ends; returns the lock. SystemExit if another has it."""
    private(directory)
    lock = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + _LOCK_LIMIT  # those who only look hold it for a moment
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise SystemExit(
                    f"process {os.read(lock, 20).decode()} runs in {directory} already: "
                    f"end it with `drydock down --name {directory.name}`"
                ) from None
            time.sleep(0.01)
    os.ftruncate(lock, 0)
    os.write(lock, str(os.getpid()).encode())
    return lock


def bind(host: AWS, port: int | None) -> None:
    """Listen at `port`; or where the account listened before, or 4566, or the next free port."""
    kept = host.directory / "port"
    first = port or _kept_port(kept) or DEFAULT_PORT
    last = first if port else first + _NEXT_PORTS
    for candidate in range(first, last + 1):
        try:
            host.listen(candidate)
            break
        except CannotTell as error:
            raise SystemExit(f"{error}; see `drydock doctor`") from error
        except OSError as error:
            log.warning("port %d is taken (%s)%s", candidate, error, "" if port else "; trying the next")
            if candidate == last:
                raise SystemExit(f"port {candidate} is taken: choose another with --port, or none") from error
    disk.write(kept, str(host.port).encode())


def _kept_port(path: Path) -> int | None:
    try:
        port = int(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        port = 0
    if 0 < port < 1 << 16:
        return port
    log.error("%s holds no port: another is chosen, and what names the old one has to be told", path)
    return None


def _write(path: Path, host: Host) -> None:
    state = {
        "name": host.name,
        "endpoint": host.endpoint,
        "port": host.port,
        "pid": os.getpid(),
        "account": host.account,
        "speed": host.clock.speed,
        "profile": host.profile.name,
        "signed": host.access_key is not None,
    }
    disk.write(path, json.dumps(state).encode())


if __name__ == "__main__":
    try:
        main()
    except SystemExit as end:
        if not isinstance(end.code, str):
            raise
        log.error(end.code)
        logging.shutdown()
        os._exit(1)  # threads may have been started

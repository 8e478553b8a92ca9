"""Seconds and megabytes for 20 Python tasks that answer HTTP: from the warm spawner, and as fresh interpreters.

python -m tests.embedded.runtime.measure
"""

from __future__ import annotations

import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from tests.support.images import layer_of

from drydock.embedded.carriers.runtime import ContainerSpec
from drydock.embedded.carriers.runtime.process import ProcessRuntime
from drydock.embedded.carriers.runtime.spawner import Spawner
from drydock.images import ImageConfig

TASKS = 20
ROUNDS = 5
SERVER = """
import http.server, json, logging, os, signal, sys, threading, urllib.request
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
http.server.ThreadingHTTPServer(("", 8080), http.server.BaseHTTPRequestHandler).serve_forever()
"""


def up(addresses: list[str]) -> None:
    for address in addresses:
        while True:
            try:
                socket.create_connection((address, 8080), timeout=5).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.001)


def measure(start: Callable[[str], object], stop: Callable[[], None], root: psutil.Process) -> tuple[float, float]:
    """Seconds until all answer, and proportional megabytes of the processes below `root`."""
    addresses = [f"127.10.99.{host}" for host in range(4, 4 + TASKS)]
    began = time.perf_counter()
    for address in addresses:
        start(address)
    up(addresses)
    took = time.perf_counter() - began
    memory = sum(process.memory_full_info().pss for process in root.children(recursive=True)) / 2**20
    stop()
    return took, memory


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        rootfs = directory / "rootfs"
        python = rootfs / "usr/local/bin/python"
        python.parent.mkdir(parents=True)
        python.write_text('#!/bin/sh\nexec "${DRYDOCK_PYTHON:-python3}" "$@"\n')
        python.chmod(0o755)
        (rootfs / "server.py").write_text(SERVER)
        layers = (layer_of(rootfs, directory / "layers"),)
        spawner = Spawner(directory / "spawner.log")
        runtime = ProcessRuntime(spawner, directory / "tasks")
        image = ImageConfig(labels={"dev.drydock.stand-in": "python"})

        def start(address: str, *flags: str) -> None:
            runtime.start(
                ContainerSpec(
                    key=address, image=image, layers=layers, state=directory / "run" / address, environment={},
                    address=address, command=("python", *flags, "/server.py"), on_output=lambda *_: None,
                    on_exit=lambda _: None,
                )
            )  # fmt: skip

        began = time.perf_counter()
        spawner.spawn(["/bin/true"], {}, "/").wait()
        print(f"helper up and first process done: {time.perf_counter() - began:.2f} s")
        me = psutil.Process()
        for what, flags in (("forked from the warm helper", ()), ("fresh interpreters", ("-b",))):
            rounds = [measure(lambda a, f=flags: start(a, *f), runtime.close, me) for _ in range(ROUNDS)]
            seconds = sorted(took for took, _ in rounds)
            print(
                f"{TASKS} tasks, {what}: {seconds[ROUNDS // 2]:.3f} s (median of {ROUNDS}; "
                f"{seconds[0]:.3f} to {seconds[-1]:.3f}), {rounds[-1][1]:.0f} MB"
            )
        spawner.close()


if __name__ == "__main__":
    sys.exit(main())

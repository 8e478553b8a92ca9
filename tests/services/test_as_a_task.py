"""The images as the process runtime runs them: nothing of the machine's environment, the wildcard address."""

from __future__ import annotations

import http.client
import json
import os
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.images import unpacked

from drydock import images
from drydock.embedded.carriers.runtime import ContainerSpec, Exit
from drydock.embedded.carriers.runtime.process import ProcessRuntime
from drydock.embedded.carriers.runtime.spawner import Spawner

SERVICES = Path(__file__).resolve().parents[2] / "labs" / "services"
PATIENCE = 20.0


class Task:
    def __init__(self, runtime: ProcessRuntime, name: str, rootfs: Path, address: str, environ: dict[str, str]) -> None:
        self.runtime, self.address = runtime, address
        self.lines: queue.Queue[str] = queue.Queue()
        self.ended = threading.Event()
        image = images.build(SERVICES / name, layout=images.Layout(rootfs / "layout"), output=lambda _: None)
        self.container = runtime.start(
            ContainerSpec(
                key=f"task/{name}",
                image=image.settings,
                layers=unpacked(image.manifest, image.layout.open, rootfs / "layers"),
                state=rootfs / "run",
                environment=environ,
                address=address,
                on_output=lambda _, line: self.lines.put(line.decode()),
                on_exit=self._end,
            )
        )

    def _end(self, exit: Exit) -> None:
        self.exit = exit
        self.ended.set()

    def said(self, message: str) -> dict[str, Any]:
        while True:
            line = self.lines.get(timeout=PATIENCE)
            if not line.startswith("{"):
                self.ended.wait(PATIENCE)
                pytest.fail("\n".join([line, *self.lines.queue]))
            if json.loads(line)["message"] == message:
                return json.loads(line)

    def get(self, path: str) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self.address, 8080, timeout=PATIENCE)
        connection.request("GET", path)
        body = json.load(connection.getresponse())
        connection.close()
        return body

    def stop(self) -> int:
        self.runtime.stop(self.container, PATIENCE)
        assert self.ended.wait(PATIENCE)
        return self.exit.code


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Task]]:
    spawner = Spawner(tmp_path / "spawner.log")
    runtime = ProcessRuntime(spawner, tmp_path / "tasks")
    started: list[Task] = []

    def run(name: str, **environ: str) -> Task:
        number = len(started) + 4
        address = f"127.{130 + os.getpid() % 100}.1.{number}"
        started.append(Task(runtime, name, tmp_path / str(number), address, environ))
        return started[-1]

    yield run
    runtime.close()
    spawner.close()


def test_two_backends_share_a_port_and_a_frontend_finds_both(start):
    backends = [start("backend", VERSION=version) for version in ("1", "2")]
    for backend in backends:
        backend.said("listening")
        assert backend.get("/")["address"] == backend.address
    hostnames = {backend.get("/")["hostname"] for backend in backends}
    assert len(hostnames) == 2
    frontend = start("frontend", BACKEND_URL=f"http://{backends[0].address}:8080")
    frontend.said("listening")
    assert frontend.get("/api?calls=3")["answered"] == {backends[0].address: 3}
    check = ("python", "healthcheck.py")
    assert [task.runtime.execute(task.container, check, timeout=PATIENCE) for task in (*backends, frontend)] == [
        0,
        0,
        0,
    ]
    assert [task.stop() for task in (*backends, frontend)] == [0, 0, 0]


def test_a_failing_health_check_fails_for_its_own_task_only(start):
    sick, well = start("backend", FAIL_HEALTH="true"), start("backend")
    for task in (sick, well):
        task.said("listening")
    codes = [
        task.runtime.execute(task.container, ("python", "healthcheck.py"), timeout=PATIENCE) for task in (sick, well)
    ]
    assert codes == [1, 0]


def test_the_worker_starts_and_stops(start):
    worker = start(
        "worker",
        QUEUE_URL="http://127.0.0.1:1/0/jobs",
        AWS_REGION="us-east-1",
        AWS_ENDPOINT_URL="http://127.0.0.1:1",
        AWS_ACCESS_KEY_ID="a",
        AWS_SECRET_ACCESS_KEY="b",
    )
    worker.said("can't receive")
    assert worker.runtime.execute(worker.container, ("python", "healthcheck.py"), timeout=PATIENCE) == 1
    assert worker.stop() == 0

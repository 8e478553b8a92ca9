"""What only the docker runtime has to show; what it shares with the others is in test_contract.py."""

from __future__ import annotations

import hashlib
import signal
import socket
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from drydock.embedded.carriers.runtime import CannotStart
from drydock.embedded.carriers.runtime.base import OUT_OF_MEMORY
from drydock.images import Budget, unpack_layer

from .conftest import Machine, on_engine


@pytest.fixture
def machine(docker_machine: Machine) -> Machine:
    return docker_machine


def test_two_python_tasks_listen_on_the_same_wildcard_port(machine: Machine) -> None:
    code = (
        "import socket; s = socket.socket(); s.bind(('', 8080)); s.listen(); print('ready', flush=True)\n"
        "while True: s.accept()[0].sendall(socket.gethostname().encode())"
    )
    runs = [machine.run("python", "-c", code) for _ in range(2)]
    for run in runs:
        run.until("ready")
    for run in runs:
        address = run.container.spec.address
        with socket.create_connection((address, 8080), timeout=5) as peer:
            assert peer.recv(99).decode() == "ip-" + address.replace(".", "-")


def test_a_terminal_takes_input(machine: Machine) -> None:
    run = machine.run("sleep", "600")
    said: list[bytes] = []
    session = machine.runtime.open(run.container, ["sh"], tty=True, on_output=lambda _, data: said.append(data))
    session.write(b"echo $((40 + 2))\nexit 6\n")
    assert session.wait(60) == 6
    assert b"42" in b"".join(said)


def test_more_memory_than_the_limit_is_137(machine: Machine) -> None:
    kept = "kept = [bytearray(8 << 20) for _ in range({})]"
    exit = machine.run("python", "-c", kept.format(40), memory_limit_mib=64).wait()
    said = Path("/sys/fs/cgroup/cgroup.controllers").exists()  # podman on cgroup v1 does not say what it was for
    assert (exit.code, exit.reason) == (137, OUT_OF_MEMORY if said else None)
    assert machine.run("python", "-c", kept.format(2), memory_limit_mib=64).wait().code == 0


def test_an_image_that_holds_a_stand_in_cannot_start(machine: Machine) -> None:
    machine.image = replace(machine.image, labels={"dev.drydock.stand-in": "python"})
    with pytest.raises(CannotStart, match="stand-in"):
        machine.run("python")


def test_what_a_crashed_daemon_left_is_removed(machine: Machine, engine: str, whole_root: Path) -> None:
    run = machine.run("sleep", "600")
    other = on_engine(engine, whole_root)
    assert run.wait().code == 128 + signal.SIGKILL
    other.runtime.close()


def test_owners_and_set_id_bits_of_a_layer_are_kept(machine: Machine, tmp_path: Path) -> None:
    packed = tmp_path / "tar"
    with tarfile.open(packed, "w") as tar:
        owned = tarfile.TarInfo("owned")
        owned.uid, owned.gid, owned.mode = 1234, 1234, 0o4700
        tar.addfile(owned)
    digest = f"sha256:{hashlib.sha256(packed.read_bytes()).hexdigest()}"
    layer = unpack_layer(digest, lambda _: packed.open("rb"), tmp_path / "layer", Budget(tmp_path))
    asks = "[ -O /owned ] && [ -r /owned ] && [ -u /owned ] && echo kept"
    run = machine.run("sh", "-c", asks, user="1234:1234", layers=(*machine.layers(), layer))
    run.wait()
    assert run.stdout() == ["kept"]

"""In the room of a learner who is after another's: what is tried, and what comes of it. Nothing here may succeed.

`facts` is all that the other one could have told, and more: where everything is, and the secret of the API.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import psutil
from botocore.exceptions import ClientError

import drydock
from drydock.cloud import connect

Facts = dict[str, Any]
OPEN = "SUCCEEDED"


def said(attempt: Callable[[], Any]) -> str:
    """Why an attempt failed; SUCCEEDED, with what it got, if it did not."""
    try:
        return f"{OPEN}: {attempt()!r}"
    except urllib.error.HTTPError as error:
        return f"HTTP {error.code}"
    except urllib.error.URLError as error:
        return f"{type(error.reason).__name__}"
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, type(error).__name__)
    except Refused as refused:
        return str(refused)


class Refused(Exception):
    """An attempt ended without what it was after."""


def all_of(facts: Facts) -> dict[str, str]:
    return {name: said(attempt) for name, attempt in _attempts(facts)}


def _attempts(facts: Facts) -> Iterator[tuple[str, Callable[[], Any]]]:
    own = _own_addresses()
    for kind, address, port in facts["listening"]:
        yield f"{kind} {address}:{port}", lambda kind=kind, at=(address, port): _reach(kind, at, own)
    yield "API with the other's key", lambda: _api(facts)
    for name in facts["names"]:
        yield f"socket {name}", lambda name=name: _connect_to("\0" + name.removeprefix("@"))
    yield "Envoy's administration", lambda: _connect_to(facts["admin"])
    for path in (*facts["files"], facts["journal"], *facts["outside"]):
        yield f"file {path}", lambda path=path: Path(path).read_bytes()[:80]
    for port in facts["ports outside"]:
        yield f"port {port} of the machine", lambda port=port: _dial(("127.0.0.1", port))
    for pid in facts["processes"]:
        yield f"process {pid}", lambda pid=pid: _look_at(pid, facts)
    yield "other users' processes", _strange_processes
    for path in ("fd", "root", "cwd", "environ", "mem"):
        yield f"first process {path}", lambda path=path: os.open(f"/proc/1/{path}", os.O_RDONLY)
    yield "first process traced", lambda: _called("ptrace", 16, 1, 0, 0)
    yield "first process's sockets", _taken_over
    for path in ("/hub/api/../login", "/hub/api/../../user/ada/api", "//hub/login"):
        yield f"hub's socket {path}", lambda path=path: _by_socket("GET", path)
    for path in ("/user/ada/api", "/user/ada/api/contents/own.txt", "/hub/login", "/hub/admin", "/user/mal/api"):
        yield f"hub's socket {path}", lambda path=path: _by_socket("GET", path)
    for method, path in (
        ("GET", "/hub/api/users"), ("GET", "/hub/api/users/ada"), ("POST", "/hub/api/users/ada/server"),
        ("DELETE", "/hub/api/users/ada/server"), ("POST", "/hub/api/users/ada/tokens"), ("GET", "/hub/api/proxy"),
        ("POST", "/hub/api/shutdown"), ("GET", "/hub/api/services"),
    ):  # fmt: skip
        yield f"hub's API {method} {path}", lambda method=method, path=path: _by_socket(method, path)
    yield "hub's socket replaced", lambda: Path("/run/hub.sock").unlink()
    yield "everybody's Python changed", lambda: os.open(drydock.__file__, os.O_WRONLY)
    yield "everybody's passwd changed", lambda: os.open("/etc/passwd", os.O_WRONLY)
    yield "root by a set-user-ID program", _set_user_id
    yield "root by a new namespace of users", _unmounted
    yield "a file system mounted", lambda: _mount()
    yield "a limit raised", _raised
    yield "the world outside", lambda: _dial(("1.1.1.1", 53))


def _dial(address: tuple[str, int]) -> str:
    with socket.create_connection(address, timeout=2):
        return "connected"


def _connect_to(path: str) -> str:
    with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        for each in (one, other):
            try:
                each.connect(path)
            except OSError as error:
                if error.errno != errno.EPROTOTYPE:
                    raise
            else:
                return "connected"
    raise Refused("of another type")


def _own_addresses() -> set[tuple[str, int]]:
    return {tuple(one.laddr) for one in psutil.net_connections("tcp4") if one.pid is not None}


def _reach(kind: str, address: tuple[str, int], own: set[tuple[str, int]]) -> str:
    """Whatever answers there has to be this room's own."""
    if kind == "udp":
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(2)
            asking.connect(address)
            asking.send(bytes(12))
            return repr(asking.recv(512))
    if address in own or ("0.0.0.0", address[1]) in own:
        raise Refused("this room's own")
    return _dial(address)


def _api(facts: Facts) -> str:
    """Where the other's is there is this room's."""
    key, _, secret = facts["key"].partition(":")
    given = {"aws_access_key_id": key, "aws_secret_access_key": secret, "region_name": "us-east-1"}
    secrets = boto3.client("secretsmanager", endpoint_url=connect().endpoint, **given)
    try:
        return str(secrets.get_secret_value(SecretId="own")["SecretString"])
    except ClientError as error:
        raise Refused(error.response["Error"]["Code"]) from None


def _look_at(pid: int, facts: Facts) -> str:
    """Of the other's processes none may be there; a number may be one of this room's."""
    os.kill(pid, 0)
    if Path(f"/proc/{pid}").stat().st_uid == os.getuid():
        raise Refused("this room's own")
    return Path(f"/proc/{pid}/environ").read_text()[:80]


def _strange_processes() -> list[str]:
    strange = [str(one) for one in Path("/proc").glob("[0-9]*") if one.stat().st_uid != os.getuid()]
    if not strange:
        raise Refused("none to be seen")
    return strange


def _by_socket(method: str, path: str) -> str:
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(10)
        asking.connect("/run/hub.sock")
        token = os.environ["JUPYTERHUB_API_TOKEN"]
        head = f"{method} {path} HTTP/1.1\r\nHost: hub\r\nAuthorization: token {token}\r\nContent-Length: 0\r\n"
        asking.sendall(f"{head}Connection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: asking.recv(65536), b""))
    status = int(answer.split()[1])
    if status >= 400:
        raise Refused(f"HTTP {status}")
    if path == "/hub/api/users":
        names = [one["name"] for one in json.loads(answer.partition(b"\r\n\r\n")[2] or b"[]")]
        if names == [os.environ["USER"]]:
            raise Refused("only oneself")
    return answer[-80:].decode()


def _set_user_id() -> str:
    """With a program of root's that everybody may start as root, where the system has one."""
    program = next(
        (one for one in ("/usr/bin/su", "/bin/su", "/usr/bin/mount") if Path(one).stat().st_mode & stat.S_ISUID), ""
    )
    own = Path.home() / "own-shell"
    own.write_bytes(Path("/bin/sh").read_bytes())
    own.chmod(0o4755)
    for command in ([str(own), "-c", "id -u"], *([[program, "--version"]] if program else [])):
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        ) as one:
            if "Uid:\t0" in (status := _status(one.pid)):
                return status
    raise Refused("no new privileges")


def _status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return ""


def _unmounted() -> str:
    """As root of a namespace of his own, what hides the others would have to come off."""
    uncover = "for place in /home /run /tmp /proc /etc/passwd /; do umount -l $place && exit 0; done; exit 1"
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", f"{uncover} 2>/dev/null"], capture_output=True
    )
    if done.returncode:
        raise Refused("not unmounted")
    return "unmounted"


def _mount() -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", b"/home", b"tmpfs", 0, None):
        raise OSError(ctypes.get_errno(), "mount")
    return "mounted"


def _called(name: str, *arguments: int) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    given = int(getattr(libc, name)(*arguments))
    if given < 0:
        raise OSError(ctypes.get_errno(), name)
    return given


def _taken_over() -> list[int]:
    """By pidfd_getfd(2): those of the first process belong to the network of the machine."""
    first, found = os.pidfd_open(1), []
    for number in range(3, 40):
        try:
            found.append(_called("syscall", 438, first, number, 0))
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
    return found


def _raised() -> str:
    found = [path for path in ("/sys/fs/cgroup", "/sys/fs/cgroup/memory") if Path(path).exists()]
    if not found:
        raise Refused("no control groups to be seen")
    return repr(found)


def take_memory(megabytes: int) -> str:
    """Another program tries to have so much."""
    code = f"taken = [bytearray(1 << 20) for _ in range({megabytes})]; print('has it')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return "killed" if done.returncode == -signal.SIGKILL else done.stdout + done.stderr[-200:]


def fork_on(most: int) -> str:
    """Another program forks for as long as it can, up to `most`."""
    code = f"""
import os, signal, time
made = []
try:
    for _ in range({most}):
        pid = os.fork()
        if pid == 0:
            signal.pause()
        made.append(pid)
    print("no end")
except OSError as error:
    print(type(error).__name__)
for pid in made:
    os.kill(pid, signal.SIGKILL)
"""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip()

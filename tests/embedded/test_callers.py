"""Who may call: the owner of the instance and root, on every port; anybody else is told so, and nothing is done."""

from __future__ import annotations

import importlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from drydock.embedded.assembly import AWS
from drydock.embedded.core import peers
from tests.support.clients import client_of
from tests.support.waiting import eventually

NOBODY, ANOTHER = 65534, 65533
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

# What needs files is imported before the program becomes another user, who may not be able to read them.
BECOME = """
import http.client, importlib.util, json, os, socket, struct, sys
import email.parser, encodings.idna
def become(uid):
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
"""
ASK = """
def ask(port, method="POST", path="/", headers={}, body="", size=0):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, body or bytes(size), headers)
    answer = connection.getresponse()
    return [answer.status, dict(answer.getheaders()), answer.read().decode()]
"""


@contextmanager
def program(code: str, *words: object) -> Iterator[subprocess.Popen[str]]:
    """A Python program; it is killed if it still runs at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", BECOME + ASK + code, *map(str, words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def told(code: str, *words: object) -> Any:
    """What a program prints, from JSON."""
    with program(code, *words) as process:
        out, _ = process.communicate(timeout=60)
    return json.loads(out)


def asked(port: int, *requests: dict[str, Any], uid: int = NOBODY) -> list[tuple[int, dict[str, str], str]]:
    """The answers that another user gets."""
    code = "become(int(sys.argv[1])); print(json.dumps([ask(int(sys.argv[2]), **r) for r in json.loads(sys.argv[3])]))"
    return [tuple(answer) for answer in told(code, uid, port, json.dumps(requests))]


def signed(service: str) -> dict[str, str]:
    scope = f"Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    return {"Authorization": f"AWS4-HMAC-SHA256 {scope}"}


CREATE_CLUSTER = {
    "headers": {
        **signed("ecs"),
        "X-Amz-Target": "AmazonEC2ContainerServiceV20141113.CreateCluster",
        "Content-Type": "application/x-amz-json-1.1",
    },
    "body": '{"clusterName": "theirs"}',
}


# -- what another user is told


@needs_root
def test_another_user_gets_403_from_every_part_of_the_port_and_nothing_is_done(
    host: AWS, client: Callable[..., Any]
) -> None:
    token = client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    requests = [
        CREATE_CLUSTER,
        {"headers": signed("sts"), "body": "Action=GetCallerIdentity&Version=2011-06-15"},
        {"method": "GET", "path": "/v2/", "headers": {"Authorization": f"Basic {token}"}},
        {"method": "GET", "path": "/v2/x/tags/list", "headers": {"Authorization": f"Basic {token}"}},
        {"method": "GET", "path": "/_drydock/status"},
        {"method": "GET", "path": "/_drydock/credentials/x"},
        {"method": "GET", "path": "/_drydock/metadata/x-y/task"},
        {"method": "OPTIONS", "headers": {"Origin": "http://localhost:8888"}},
        {"method": "HEAD", "path": "/v2/"},
        {"headers": signed("s3"), "method": "PUT", "path": "/bucket/key", "size": 5_000_000},
    ]
    answers = asked(host.port, *requests)
    assert [status for status, _, _ in answers] == [403] * len(requests)
    bodies = [body for (_, _, body), request in zip(answers, requests, strict=True) if request.get("method") != "HEAD"]
    assert all(f"uid {os.geteuid()}" in body and f"uid {NOBODY}" in body for body in bodies)
    assert json.loads(answers[2][2])["errors"][0]["code"] == "DENIED"
    assert client("ecs").list_clusters()["clusterArns"] == []


@needs_root
def test_the_sdk_of_another_user_reads_the_refusal_and_whose_connection_it_is_counts(host: AWS) -> None:
    code = """
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
calls = {"ecs": "list_clusters", "ec2": "describe_vpcs", "sts": "get_caller_identity", "cloudwatch": "list_metrics",
         "elbv2": "describe_load_balancers", "secretsmanager": "list_secrets", "sqs": "list_queues"}
session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
made = {name: session.client(name, endpoint_url=sys.argv[1], config=Config(retries={"total_max_attempts": 1}))
        for name in calls}
def codes():
    found = []
    for name, call in calls.items():
        try:
            getattr(made[name], call)()
            found.append("done")
        except ClientError as error:
            found.append(error.response["Error"]["Code"])
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 403, error.response
            assert "uid 65534" in error.response["Error"]["Message"], error.response
    return found
before = codes()
for client in made.values():
    client.close()
become(65534)
print(json.dumps([before, codes()]))
"""
    before, after = told(code, host.endpoint)
    assert set(before) == {"done"}
    denied, json_denied = "AccessDenied", "AccessDeniedException"
    assert after == [json_denied, "UnauthorizedOperation", denied, json_denied, denied, json_denied, json_denied]


@needs_root
def test_another_user_cannot_open_a_session_of_exec(host: AWS) -> None:
    from drydock.embedded.carriers.exec_channel import ExecChannel

    started = threading.Event()
    channel = ExecChannel(host)
    _, url, _ = channel.open(lambda _: started.set())  # type: ignore[arg-type, return-value]
    port, path = url.removeprefix("ws://127.0.0.1:").split("/", 1)
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    [(status, _, body)] = asked(int(port), {"method": "GET", "path": f"/{path}", "headers": upgrade})
    assert (status, f"uid {NOBODY}" in body) == (403, True)
    assert not started.is_set()


# -- what the owner does not notice


def test_the_owner_calls_from_twelve_threads_over_connections_that_stay(host: AWS) -> None:
    def calls(number: int) -> set[str]:
        ecs = client_of(host, "ecs")
        ecs.create_cluster(clusterName=f"c{number}")
        return {cluster["status"] for _ in range(30) for cluster in ecs.describe_clusters()["clusters"]} | {
            ecs.describe_clusters(clusters=[f"c{number}"])["clusters"][0]["clusterName"]
        }

    with ThreadPoolExecutor(12) as threads:
        found = list(threads.map(calls, range(12)))
    assert all(f"c{number}" in names for number, names in enumerate(found))


def test_who_calls_is_asked_once_a_connection(host: AWS, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    real = peers.stranger
    monkeypatch.setattr(peers, "stranger", lambda connection: (asked.append(True), real(connection))[1])
    sts = client_of(host, "sts")
    for _ in range(5):
        sts.get_caller_identity()
    assert len(asked) == 1


@needs_root
def test_strangers_that_say_nothing_or_half_of_it_hold_up_nobody(host: AWS) -> None:
    code = """
become(65534)
half = b"POST / HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Length: 100\\r\\n"
held = [socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=20) for _ in range(300)]
for each in held[::2]:
    each.sendall(half)
print("held", flush=True)
sys.stdin.readline()
held[1].sendall(half)
print(held[1].recv(12).decode(), held[2].recv(12).decode())
"""
    with program(code, host.port) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert client_of(host, "sts").get_caller_identity()["Account"] == host.account
        out, _ = process.communicate("go on\n", timeout=60)
    assert out == "HTTP/1.1 403 HTTP/1.1 403\n"


# -- how the kernel's word is taken


@pytest.fixture(params=["_asked", "_listed"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """By netlink, and by the tables in /proc."""
    look = getattr(peers, request.param)
    monkeypatch.setattr(peers, "_way", lambda: look)


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        yield server


CLIENT = """
become(int(sys.argv[3]))
client = socket.socket(socket.AF_INET6 if sys.argv[2] == "v6" else socket.AF_INET)
client.connect(("::ffff:127.0.0.1" if sys.argv[2] == "v6" else "127.0.0.1", int(sys.argv[1])))
client.sendall(b"POST / HTTP/1.1\\r\\n\\r\\n")
"""
STAY = "print('sent', flush=True); sys.stdin.readline()"


@needs_root
@pytest.mark.parametrize("family", ["v4", "v6"])
def test_the_far_end_is_known_also_where_it_speaks_ipv6(way: None, server: socket.socket, family: str) -> None:
    for uid, refused in ((NOBODY, True), (0, False)):
        with program(CLIENT + STAY, server.getsockname()[1], family, uid) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "sent\n"
            accepted, _ = server.accept()
            with accepted:
                assert (f"uid {NOBODY}" in peers.stranger(accepted)) is refused


@needs_root
@pytest.mark.parametrize("end", ["client.close()", "client.setsockopt(1, 13, struct.pack('ii', 1, 0)); client.close()"])
def test_whoever_hung_up_may_not_call(way: None, server: socket.socket, end: str) -> None:
    """The kernel calls a closed socket uid 0's."""
    told(CLIENT + end + "; print('[]')", server.getsockname()[1], "v4", NOBODY)
    accepted, _ = server.accept()
    with accepted:
        assert "does not say" in peers.stranger(accepted)


def test_who_listens_where_a_connection_came_from_is_not_who_made_it(server: socket.socket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for look in (peers._asked, peers._listed):
            assert look((listener.getsockname(), server.getsockname())) is None


@pytest.mark.parametrize("look", [peers._asked, peers._listed])
def test_an_address_that_came_into_other_hands_is_not_its_former_holders(
    server: socket.socket, monkeypatch: pytest.MonkeyPatch, look: peers.Look
) -> None:
    """While it is asked whose it is, a connection is reset, and the owner connects from the same port."""
    former = socket.create_connection(server.getsockname())
    former.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    before, address = server.accept()
    found: list[Any] = []
    later: list[socket.socket] = []

    def connects() -> bool:
        """From the former's port, once the reset has come through."""
        again = socket.socket()
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            again.bind(address)
            again.connect(server.getsockname())
        except OSError:
            again.close()
            return False
        later.append(again)
        return True

    def late(ends: peers.Ends) -> Any:
        former.close()
        eventually(connects, "the owner connects from that port")
        found.append(look(ends))
        return found[0]

    monkeypatch.setattr(peers, "_way", lambda: late)
    with before:
        assert "does not say" in peers.stranger(before)
    later[0].close()
    assert found[0].uid == os.geteuid()


@pytest.mark.parametrize("state", [2, 3, 6, 7, 10])  # connecting, or closed, or listening: not what is connected to us
def test_a_socket_that_is_not_connected_is_nobodys(
    server: socket.socket, monkeypatch: pytest.MonkeyPatch, state: int
) -> None:
    monkeypatch.setattr(peers, "_way", lambda: lambda ends: peers._Socket(state, os.geteuid(), 1))
    with socket.create_connection(server.getsockname()):
        accepted, _ = server.accept()
        with accepted:
            assert "does not say" in peers.stranger(accepted)


def test_a_client_that_has_said_all_may_call(way: None, server: socket.socket) -> None:
    with socket.create_connection(server.getsockname()) as client:
        client.shutdown(socket.SHUT_WR)
        accepted, _ = server.accept()
        with accepted:
            assert peers.stranger(accepted) == ""


@needs_root
def test_a_users_instance_answers_that_user_and_root() -> None:
    code = """
spec = importlib.util.spec_from_file_location("peers", sys.argv[1])
peers = sys.modules["peers"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(peers)
become(65534)
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
for _ in range(3):
    accepted, _ = server.accept()
    print(json.dumps(peers.stranger(accepted)), flush=True)
"""
    with program(code, importlib.import_module("drydock.embedded.core.peers").__file__) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        said = []
        for uid in (NOBODY, 0, ANOTHER):
            with program(CLIENT + STAY, port, "v4", uid) as client:
                assert client.stdout is not None
                client.stdout.readline()
                said.append(json.loads(process.stdout.readline()))
    assert said[:2] == ["", ""]
    assert f"of uid {NOBODY}, whose AWS this is" in said[2]
    assert f"of uid {ANOTHER}" in said[2]


def test_no_instance_starts_where_nobody_can_tell_who_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "_way", lambda: None)
    host = AWS(tmp_path / "aws")
    with pytest.raises(peers.CannotTell, match="any user could call"):
        host.listen()
    monkeypatch.setattr(sys, "platform", "darwin")  # which has no way to tell
    host.listen()
    host.run()
    assert client_of(host, "sts").get_caller_identity()["Account"] == host.account
    host.close()

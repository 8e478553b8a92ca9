"""Real Envoys, told what proxies of Service Connect are told: they retry, leave out and time out as policy has it."""

from __future__ import annotations

import http.client
import json
import socketserver
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tests.support.lab import Lab, address_of, make_lab
from tests.support.private_ca import make_authority
from tests.support.tools import tool
from tests.support.waiting import eventually

from drydock.embedded.assembly import AWS
from drydock.embedded.carriers.envoy import Proxies, Proxy
from drydock.embedded.services.ecs.certificates import Certificates, Identity
from drydock.embedded.services.ecs.proxied import Inward, Outward, Plan, Revision, egress, render
from drydock.policy.mesh import outliers, retries, service_connect
from drydock.policy.mesh.service_connect import Endpoint

CLIENT, PORT, SPEED = "127.71.0.1", 9000, 100.0
ENDPOINT = Endpoint("backend", "backend", PORT, "http", 8080, None, 300, 15)


class Server(ThreadingHTTPServer):
    """Answers with `status`, and counts; waits for `goes_on` first if that is there."""

    daemon_threads = True

    def __init__(self, address: str) -> None:
        self.status, self.count = 200, 0
        self.heard: list[str] = []
        """The names of the headers that came with the last request."""
        self.goes_on: threading.Event | None = None
        super().__init__((address, 8080), Handler)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.count += 1
        self.server.heard = [name.lower() for name in self.headers]
        if self.server.goes_on is not None:
            self.server.goes_on.wait(20)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    made = [Server(f"127.71.1.{number}") for number in (1, 2, 3)]
    yield made
    for server in made:
        server.shutdown()
        server.server_close()


@pytest.fixture
def told(host: AWS) -> Callable[..., Proxy]:
    """A proxy that does what a plan says."""

    def tell(**plan: Any) -> Proxy:
        proxy = host.helper(Proxies).of("client")
        proxy.wait(proxy.apply("test", render(Plan(CLIENT, SPEED, **plan))), timeout=20)
        return proxy

    return tell


def outward(servers: list[Server], endpoint: Endpoint = ENDPOINT) -> tuple[Outward, ...]:
    places = tuple((str(server.server_address[0]), 8080) for server in servers)
    return (Outward((CLIENT, PORT), endpoint, (Revision("tasks", places),)),)


def ask(port: int = PORT) -> int:
    connection = http.client.HTTPConnection(CLIENT, port, timeout=20)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    finally:
        connection.close()


def test_what_policy_says_is_tried_again_is_and_what_it_does_not_say_is_not(
    servers: list[Server], told: Callable[..., Proxy]
) -> None:
    told(outward=outward(servers))
    for status in (503, 500):
        for server in servers:
            server.status, server.count = status, 0
        assert ask() == status
        again = status == service_connect.RETRIED_STATUS
        assert sum(server.count for server in servers) == (1 + service_connect.RETRIES if again else 1)
        assert max(server.count for server in servers) == 1  # each try goes to another host


def test_who_fails_as_often_as_policy_allows_is_left_out_and_comes_back_when_it_says(
    servers: list[Server], told: Callable[..., Proxy]
) -> None:
    proxy = told(outward=outward(servers))
    servers[0].status = 500
    detector = service_connect.DETECTOR
    hosts = {str(number): outliers.Host() for number in range(3)}
    expected, asked = 0, 0
    while all(host.out is None for host in hosts.values()):
        name = str(asked % 3)
        hosts = detector.answered(hosts, name, 500 if name == "0" else 200, asked)
        expected += name == "0"
        asked += 1
    prefix = f"cluster.{egress('backend')}/tasks.outlier_detection"
    for _ in range(asked + 3):
        ask()
    assert servers[0].count == expected == detector.consecutive_5xx
    assert proxy.stats(prefix)[f"{prefix}.ejections_enforced_total"] == 1
    assert outliers.most_out(3, detector.max_ejection_percent) == 1
    eventually(lambda: ask() and servers[0].count == 2 * expected)  # after its time, which is short at this speed
    for _ in range(6):
        ask()
    assert servers[0].count == 2 * expected
    servers[0].status = 200
    eventually(lambda: ask() and servers[0].count > 2 * expected)


def test_an_answer_that_takes_longer_than_is_allowed_is_a_504(
    servers: list[Server], told: Callable[..., Proxy]
) -> None:
    slow = replace(ENDPOINT, per_request=1)
    told(outward=outward(servers[:1], slow))
    servers[0].goes_on = threading.Event()
    assert retries.slowest(service_connect.RETRIES, 0, route_timeout=1000)[0].cut
    assert (ask(), servers[0].count) == (504, 1)
    servers[0].goes_on.set()


def test_test_traffic_goes_to_the_revision_that_is_tested_and_the_rest_by_weight(
    servers: list[Server], told: Callable[..., Proxy]
) -> None:
    endpoint = replace(ENDPOINT, test_header=("X-Test", None))
    old, new = ((str(server.server_address[0]), 8080) for server in servers[:2])
    revisions = (Revision("source", (old,), 100.0), Revision("target", (new,), 0.0, test=True))
    told(outward=(Outward((CLIENT, PORT), endpoint, revisions),))
    assert ask() == 200
    connection = http.client.HTTPConnection(CLIENT, PORT, timeout=20)
    connection.request("GET", "/", headers={"x-test": "any"})
    assert connection.getresponse().status == 200
    connection.close()
    assert [server.count for server in servers] == [1, 1, 0]


def test_a_port_without_a_protocol_is_tcp_and_reaches_the_container_through_both(
    servers: list[Server], told: Callable[..., Proxy]
) -> None:
    endpoint = replace(ENDPOINT, protocol="tcp", per_request=None)
    inward = Inward(("127.71.2.1", 8080), endpoint, (str(servers[0].server_address[0]), 8080))
    through = (Outward((CLIENT, PORT), endpoint, (Revision("tasks", (inward.place,)),)),)
    proxy = told(outward=through, inward=(inward,))
    assert (ask(), servers[0].count) == (200, 1)
    assert proxy.stats("^tcp.ingress/backend.downstream_cx_total")["tcp.ingress/backend.downstream_cx_total"] == 1


def test_each_name_has_routes_of_its_own_of_which_servers_see_nothing(
    servers: list[Server], told: Callable[..., Proxy]
) -> None:
    [one] = outward(servers[:1])
    [other] = outward(servers[1:2], replace(ENDPOINT, discovery_name="other", port=PORT + 1))
    told(outward=(one, replace(other, place=(CLIENT, PORT + 1))))
    servers[1].status = 404
    assert (ask(), ask(PORT + 1), [server.count for server in servers[:2]]) == (200, 404, [1, 1])
    assert [name for name in servers[0].heard if name.startswith("x-")] == [
        "x-forwarded-proto", "x-request-id", "x-envoy-expected-rq-timeout-ms"]  # fmt: skip


class Grpc(socketserver.ThreadingTCPServer):
    """Answers each call with the gRPC status `status`, in frames of HTTP/2, and counts."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, address: str) -> None:
        self.status, self.count = 0, 0
        super().__init__((address, 8080), Calls)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class Calls(socketserver.StreamRequestHandler):
    server: Grpc

    def handle(self) -> None:
        self.rfile.read(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
        self.send(4, 0, 0)
        while head := self.rfile.read(9):
            kind, flags, stream = struct.unpack("!3xBBI", head)
            self.rfile.read(int.from_bytes(head[:3]))
            if kind == 4 and not flags & 1:
                self.send(4, 1, 0)
            if kind in (0, 1) and flags & 1:
                self.server.count += 1
                begin = b"\x88" + header("content-type", "application/grpc")
                end = header("grpc-status", str(self.server.status))
                if self.server.status:
                    self.send(1, 5, stream, begin + end)
                else:
                    self.send(1, 4, stream, begin)
                    self.send(0, 0, stream, b"\0\0\0\0\5hello")
                    self.send(1, 5, stream, end)

    def send(self, kind: int, flags: int, stream: int, body: bytes = b"") -> None:
        self.wfile.write(len(body).to_bytes(3) + struct.pack("!BBI", kind, flags, stream) + body)


def header(name: str, value: str) -> bytes:
    """One of HPACK, as it is."""
    return b"\0" + b"".join(bytes([len(each)]) + each.encode() for each in (name, value))


def test_grpc_goes_through_both_proxies_with_its_trailers_and_what_is_unavailable_is_tried_again(
    told: Callable[..., Proxy],
) -> None:
    endpoint = replace(ENDPOINT, protocol="grpc")
    inward = Inward(("127.71.2.1", 8080), endpoint, ("127.71.1.4", 8080))
    way = Outward((CLIENT, PORT), endpoint, (Revision("tasks", (inward.place,)),))
    proxy = told(outward=(way,), inward=(inward,))
    curl = [tool("curl"), "-s", "-D-", "--http2-prior-knowledge", f"http://{CLIENT}:{PORT}/shop.Cart/Get"]
    curl += ["-H", "content-type: application/grpc", "-H", "te: trailers", "--data-binary", "x", "-m", "20"]
    with Grpc("127.71.1.4") as server:
        for status, tries in ((0, 1), (5, 1), (14, 1 + service_connect.RETRIES)):
            server.status, server.count = status, 0
            said = subprocess.run(curl, capture_output=True, check=True).stdout.decode()
            assert said.startswith("HTTP/2 200") and ("hello" in said) == (status == 0)
            assert (f"grpc-status: {status}" in said, server.count) == (True, tries)
        server.shutdown()
    completed = "http.ingress/backend.downstream_rq_completed"
    assert proxy.stats(completed)[completed] == 5


def issued(host: AWS, name: str, authority: str, service: str = "one") -> Identity:
    return Certificates(host).of((service, name, authority))


def test_with_tls_only_who_trusts_the_authority_and_asks_for_the_name_gets_through(
    host: AWS, servers: list[Server], told: Callable[..., Proxy]
) -> None:
    ours, theirs = (make_authority(host.client("acm-pca", "us-east-1"), name=name) for name in ("ours", "theirs"))
    shows = issued(host, "backend.shop", ours)
    inward = Inward(
        ("127.71.2.1", 8080), ENDPOINT, (str(servers[0].server_address[0]), 8080), (shows.certificate, shows.key)
    )

    def call(root: str | None, name: str = "backend.shop", shown: Identity = shows) -> int:
        revision = Revision("tasks", (inward.place,), roots=(root,))
        mine = replace(inward, shows=(shown.certificate, shown.key))
        told(outward=(Outward((CLIENT, PORT), ENDPOINT, (revision,), name),), inward=(mine,))
        return ask()

    assert (call(shows.root), servers[0].count) == (200, 1)
    proxy = host.helper(Proxies).of("client")
    other = issued(host, "other.shop", theirs)
    assert ssl.get_server_certificate(inward.place) == shows.certificate
    assert call(other.root) == 503
    assert call(shows.root, "other.shop") == 503
    assert call(None) == 503  # it does not speak TLS
    assert call(shows.root) == 200
    connections = "http.ingress/backend.downstream_cx_total"
    before = proxy.stats(connections)[connections]
    again = issued(host, "backend.shop", ours, service="another")
    assert (call(shows.root, shown=again), servers[0].count) == (200, 3)
    assert proxy.stats(connections)[connections] == before  # who is connected stays so when it is rotated
    assert ssl.get_server_certificate(inward.place) == again.certificate


CALLER = """
import http.server, urllib.error, urllib.request
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            with urllib.request.urlopen("http://backend:9000" + self.path, timeout=20) as answer:
                status, body = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, body = error.code, error.read()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""


def test_a_task_calls_another_by_its_alias_through_both_proxies(client: Callable[..., Any]) -> None:
    lab: Lab = make_lab(client)
    lab.client("servicediscovery").create_http_namespace(Name="shop")
    lab.client("logs").create_log_group(logGroupName="/shop")
    ports = [{"containerPort": 8080, "name": "web", "appProtocol": "http"}]
    logs = {"logDriver": "awslogs", "options": {"awslogs-group": "/shop", "awslogs-region": "us-east-1"}}
    serving = {
        "enabled": True,
        "namespace": "shop",
        "services": [{"portName": "web", "clientAliases": [{"port": 9000, "dnsName": "backend"}]}],
        "logConfiguration": {**logs, "options": {**logs["options"], "awslogs-stream-prefix": "proxy"}},
        "accessLogConfiguration": {"format": "JSON"},
    }
    lab.create(lab.register("back", portMappings=ports), 2, "back", serviceConnectConfiguration=serving)
    calling = {"enabled": True, "namespace": "shop"}
    front = lab.register("front", command=["python", "-c", CALLER])
    lab.create(front, 1, "front", serviceConnectConfiguration=calling)
    lab.until_steady(2, "back")
    lab.until_steady(1, "front")
    at = address_of(lab.tasks("front")[0])

    def call(path: str = "/") -> tuple[int, Any]:
        connection = http.client.HTTPConnection(at, 8080, timeout=20)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"{}")
        finally:
            connection.close()

    def answered() -> Any:
        try:
            return call()[0] == 200
        except (OSError, ValueError):  # it does not listen yet
            return False

    eventually(answered)
    places = {address_of(task) for task in lab.tasks("back")}
    assert {call()[1]["address"] for _ in range(8)} == places
    [one, _] = lab.tasks("back")
    lab.ecs.stop_task(cluster="lab", task=one["taskArn"])
    statuses = []
    while lab.task(one["taskArn"])["lastStatus"] != "STOPPED":
        statuses.append(call()[0])
    assert set(statuses) == {200}

    def logged() -> list[dict[str, Any]]:
        events = lab.client("logs").filter_log_events(logGroupName="/shop", filterPattern='"response_code"')["events"]
        return [json.loads(event["message"]) for event in events]

    assert eventually(logged)[0]["upstream_cluster"] == "ingress/web"

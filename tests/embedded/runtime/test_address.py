"""Each task has an address of its own: what listens where, who reaches it, and which names resolve."""

from __future__ import annotations

import http.server
import runpy
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from dnslib import QTYPE, RCODE, RR, A, DNSRecord
from dnslib.server import BaseResolver, DNSServer

import drydock.embedded.carriers.runtime

from .conftest import Machine, Run

SERVER = """
import http.server, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{os.environ['HOST']} heard {self.client_address[0]}".encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Answer)
print("listening", flush=True)
server.serve_forever()
"""
GET = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=5).read().decode())"


def serve(machine: Machine, host: str = "0.0.0.0", port: int = 8080, **given: object) -> Run:
    run = machine.run("python", "-c", SERVER, host, str(port), **given)
    run.until("listening")
    return run


def get(machine: Machine, run: Run, url: str) -> str:
    code, out, err = machine.execute(run, "python", "-c", GET, url)
    return out.decode().strip() if code == 0 else err.decode().strip().splitlines()[-1]


def curl(url: str) -> str:
    return subprocess.run(["curl", "-sS", "-m", "5", url], capture_output=True, text=True, check=True).stdout


def test_three_tasks_listen_on_the_same_wildcard_port(machine: Machine) -> None:
    runs = [serve(machine, host) for host in ("0.0.0.0", "", "0.0.0.0")]
    for run in runs:
        address = run.container.spec.address
        assert curl(f"http://{address}:8080/") == f"{address} heard 127.0.0.1"
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", 8080), timeout=1).close()


def test_a_peer_sees_the_callers_address(machine: Machine) -> None:
    callee, caller = serve(machine), serve(machine)
    address = callee.container.spec.address
    assert get(machine, caller, f"http://{address}:8080/") == f"{address} heard {caller.container.spec.address}"


def test_containers_of_one_task_share_localhost_and_tasks_do_not(machine: Machine) -> None:
    app = serve(machine, "127.0.0.1", 9000)
    sidecar = machine.python("import time; time.sleep(600)", address=app.container.spec.address)
    stranger = serve(machine, "127.0.0.1", 9000)
    alone = machine.python("import time; time.sleep(600)")
    for url in ("http://localhost:9000/", "http://127.0.0.1:9000/"):
        assert get(machine, sidecar, url).startswith(app.container.spec.address)
        assert get(machine, stranger, url).startswith(stranger.container.spec.address)
        assert "Connection refused" in get(machine, alone, url)
    with pytest.raises(ConnectionRefusedError):  # what listens on localhost only is not reached from outside
        socket.create_connection((app.container.spec.address, 9000), timeout=1)


def test_the_wildcard_is_reached_by_localhost_too(machine: Machine) -> None:
    app = serve(machine)
    assert get(machine, app, "http://localhost:8080/").startswith(app.container.spec.address)


@pytest.fixture
def users_server() -> Iterator[int]:
    """A program of the user's, on the machine's own localhost."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_the_machines_localhost_is_reached_only_where_the_platform_answers(machine: Machine, users_server: int) -> None:
    url = f"http://127.0.0.1:{users_server}/v4/x"
    idle = "import time; time.sleep(600)"
    assert "Connection refused" in get(machine, machine.python(idle), url)
    told = machine.python(idle, environment={"ECS_CONTAINER_METADATA_URI_V4": url})
    assert "501" in get(machine, told, url)  # the server answers, if only that it knows no GET


def test_asyncio_on_every_interface_and_both_families(machine: Machine) -> None:
    code = """
import asyncio
async def answer(reader, writer):
    writer.write(b"hello"); await writer.drain(); writer.close()
async def main():
    await asyncio.start_server(answer, None, 8081)
    reader, writer = await asyncio.open_connection("localhost", 8081)
    print("said", (await reader.read()).decode(), flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""
    runs = [machine.run("python", "-c", code) for _ in range(2)]
    for run in runs:
        run.until("said hello")
        with socket.create_connection((run.container.spec.address, 8081), timeout=5) as peer:
            assert peer.recv(5) == b"hello"


def test_the_ipv6_wildcard_of_a_dual_stack_server(machine: Machine) -> None:
    code = (
        "import socket; s = socket.create_server(('::', 8082), family=socket.AF_INET6, dualstack_ipv6=True)\n"
        "print('listening', flush=True)\n"
        "while True: s.accept()[0].sendall(b'six')"
    )
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    run = machine.run("python", "-c", code)
    run.until("listening")
    with socket.create_connection((run.container.spec.address, 8082), timeout=5) as peer:
        assert peer.recv(3) == b"six"


def test_datagrams(machine: Machine) -> None:
    code = (
        "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('', 8125)); print('listening', flush=True)\n"
        "while True: print(s.recv(99).decode(), flush=True)"
    )
    run = machine.run("python", "-c", code)
    run.until("listening")
    send = "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'count:1', ('localhost', 8125))"
    assert machine.execute(run, "python", "-c", send)[0] == 0
    run.until("count:1")


def test_python_m_http_server(machine: Machine) -> None:
    machine.write("/app/index.html", "it works")
    run = machine.run("python", "-um", "http.server", "8083")
    run.until("Serving HTTP")
    assert curl(f"http://{run.container.spec.address}:8083/") == "it works"


def test_own_name(machine: Machine) -> None:
    code = "import socket; n = socket.gethostname(); print(n, socket.gethostbyname(n), socket.getfqdn('127.10.8.9'))"
    run = machine.python(code)
    run.wait()
    address = run.container.spec.address
    assert run.stdout() == [f"ip-{address.replace('.', '-')} {address} ip-127-10-8-9"]


class Zone(BaseResolver):
    """backend.lab.local has two addresses, many.lab.local so many that UDP cannot carry them."""

    def resolve(self, request: DNSRecord, handler: object) -> DNSRecord:
        reply = request.reply()
        name = str(request.q.qname)
        if not name.endswith("lab.local."):
            reply.header.aa = 0
            reply.header.rcode = RCODE.REFUSED
            return reply
        count = {"backend.lab.local.": 2, "many.lab.local.": 100}.get(name, 0)
        for i in range(count if request.q.qtype == QTYPE.A else 0):
            reply.add_answer(RR(name, QTYPE.A, rdata=A(f"127.10.77.{i + 1}"), ttl=10))
        if not count:
            reply.header.rcode = RCODE.NXDOMAIN
        return reply


def dns_servers() -> tuple[DNSServer, DNSServer, int]:
    """One for UDP and one for TCP at one port: a port that is free for one may be taken for the other."""
    while True:
        udp = DNSServer(Zone(), address="127.0.0.1", port=0)
        port = udp.server.server_address[1]
        try:
            return udp, DNSServer(Zone(), address="127.0.0.1", port=port, tcp=True), port
        except OSError:
            udp.server.server_close()


@pytest.fixture
def resolver() -> Iterator[tuple[str, int]]:
    udp, tcp, port = dns_servers()
    for server in (udp, tcp):
        server.start_thread()
    yield "127.0.0.1", port
    for server in (udp, tcp):
        server.stop()
        server.server.server_close()


def test_names_of_the_vpc_are_asked_of_its_resolver(machine: Machine, resolver: tuple[str, int]) -> None:
    code = """
import socket, time
print(sorted({a[4][0] for a in socket.getaddrinfo("backend.lab.local", 80)}))
print(len(socket.gethostbyname_ex("many.lab.local")[2]))
start = time.monotonic()
try:
    socket.create_connection(("nobody.lab.local", 80))
except socket.gaierror as error:
    print(error.errno == socket.EAI_NONAME, time.monotonic() - start < 4)
print(socket.gethostbyname("127.0.0.9"), socket.gethostbyname("localhost"))
"""
    run = machine.python(code, resolver=resolver)
    assert run.wait().code == 0, run.lines
    assert run.stdout() == ["['127.10.77.1', '127.10.77.2']", "100", "True True", "127.0.0.9 127.0.0.1"]


def test_the_resolver_is_at_port_53_of_its_address(machine: Machine, resolver: tuple[str, int]) -> None:
    query = DNSRecord.question("backend.lab.local", "A").pack()
    code = f"""
import socket
asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asked.settimeout(10)
asked.sendto(bytes.fromhex("{query.hex()}"), ("{resolver[0]}", 53))
print(asked.recv(4096).hex())
"""
    run = machine.python(code, resolver=resolver)
    assert run.wait().code == 0, run.lines
    assert len(DNSRecord.parse(bytes.fromhex(run.stdout()[0])).rr) == 2


def test_only_a_name_the_vpc_does_not_know_is_asked_of_the_system(
    resolver: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(drydock.embedded.carriers.runtime.__file__).parent / "shim" / "_drydock_address.py"
    monkeypatch.syspath_prepend(path.parent)
    shim = runpy.run_path(str(path))
    assert shim["look_up"]("nobody.lab.local", resolver) == []  # final
    assert shim["look_up"]("example.org", resolver) is None  # refused: the next resolver is asked
    assert shim["look_up"]("x" * 64 + ".lab.local", resolver) is None


def test_a_name_reaches_the_task_behind_it(machine: Machine, resolver: tuple[str, int]) -> None:
    backend = serve(machine, address="127.10.77.2")
    frontend = machine.python("import time; time.sleep(600)", resolver=resolver)
    assert get(machine, frontend, "http://backend.lab.local:8080/").startswith("127.10.77.2 heard")
    assert backend.container.running

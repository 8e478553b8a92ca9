"""One real Envoy with a static configuration, and servers in this process for it to send requests to; loopback only.

    with Upstream(lambda number: 200) as one, Upstream(lambda number: 503 if number < 3 else 200) as other:
        config = static({"shop": route}, [cluster("one", one), cluster("other", other)])
        with envoy(config) as proxy:
            statuses = ask(proxy.url("shop"), 100)
            proxy.stats("upstream_rq_total")

The process and the servers end with their `with`, and with this process however that ends. Whatever a concept computes
can be held against what this measures.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote, urlsplit

from drydock.embedded.carriers.envoy import ADMIN, Administration, Resource, binary
from drydock.embedded.carriers.runtime.spawner import Child, Spawner

_MANAGER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
_START = 20.0  # our seconds until an Envoy that does not come up is given up


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


class Upstream:
    """A server on a free port of 127.0.0.1 that answers its request number n, from 0, with the status `answer(n)`.

    `asked` is how many requests it got so far.
    """

    def __init__(self, answer: Callable[[int], int]) -> None:
        self.asked = 0
        self._answer = answer
        self._lock = threading.Lock()
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                self.send_response_only(upstream._next())
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Upstream:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _next(self) -> int:
        with self._lock:
            number, self.asked = self.asked, self.asked + 1
        return self._answer(number)


def cluster(name: str, *upstreams: Upstream, **more: Any) -> Resource:
    """A static cluster of these servers; `more` are further fields of Envoy's Cluster."""
    return _cluster(name, [_address(one.port) for one in upstreams], **more)


def zone(name: str, *upstreams: Upstream, down: int = 0, **more: Any) -> Resource:
    """LocalityLbEndpoints of these servers in a zone, and of so many others that are unhealthy; `more`: its fields."""
    hosts: list[Resource] = [{"endpoint": {"address": _address(one.port)}} for one in upstreams]
    hosts += [{"endpoint": {"address": _address(1 + one)}, "health_status": "UNHEALTHY"} for one in range(down)]
    return {"locality": {"zone": name}, "lb_endpoints": hosts, **more}


def in_zones(name: str, *zones: Resource, **more: Any) -> Resource:
    """A static cluster of hosts in zones, as `zone` makes them; `more` are further fields of Envoy's Cluster."""
    return _cluster(name, [], **{"load_assignment": {"cluster_name": name, "endpoints": [*zones]}, **more})


def _address(port: int) -> Resource:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _cluster(name: str, addresses: Sequence[Resource], **more: Any) -> Resource:
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}} for address in addresses]}]
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": endpoints},
        **more,
    }


def static(
    routes: Mapping[str, Resource], clusters: Sequence[Resource], *, inner: Mapping[str, Resource] | None = None
) -> Resource:
    """Static resources: a listener on a free port for each RouteAction of `routes`, by its name, and the clusters.

    inner  RouteActions that only this Envoy's own routes lead to, each through the cluster of its name.
    """
    inner = inner or {}
    paths = {name: {"pipe": {"path": f"{name}.sock"}} for name in inner}
    free = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
    listeners = [_listener(name, route, free) for name, route in routes.items()]
    listeners += [_listener(name, route, paths[name]) for name, route in inner.items()]
    return {"listeners": listeners, "clusters": [*clusters, *(_cluster(name, [path]) for name, path in paths.items())]}


def _listener(name: str, route: Resource, address: Resource) -> Resource:
    hosts = [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": route}]}]
    manager = {
        "@type": _MANAGER,
        "stat_prefix": name,
        "route_config": {"name": name, "virtual_hosts": hosts},
        "http_filters": [{"name": "router", "typed_config": {"@type": _ROUTER}}],
    }
    return {
        "name": name,
        "address": address,
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


@dataclass(frozen=True)
class Proxy:
    """An Envoy that runs. `directory` is its own."""

    directory: Path

    def url(self, listener: str) -> str:
        [port] = [
            one["local_address"]["socket_address"]["port_value"]
            for one in self._administration("/listeners?format=json")["listener_statuses"]
            if one["name"] == listener
        ]
        return f"http://127.0.0.1:{port}/"

    def stats(self, pattern: str) -> dict[str, int]:
        """Counters and gauges whose name matches the RE2 `pattern`."""
        found = self._administration(f"/stats?format=json&filter={quote(pattern)}")["stats"]
        return {one["name"]: one["value"] for one in found if "name" in one}

    def ejected(self, cluster: str) -> dict[int, bool]:
        """Port → whether outlier detection has ejected that host of `cluster`."""
        [found] = [
            one for one in self._administration("/clusters?format=json")["cluster_statuses"] if one["name"] == cluster
        ]
        return {
            host["address"]["socket_address"]["port_value"]: bool(host["health_status"].get("failed_outlier_check"))
            for host in found["host_statuses"]
        }

    def _administration(self, path: str) -> Any:
        connection = Administration(self.directory)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


@contextmanager
def envoy(static_resources: Resource, **more: Any) -> Iterator[Proxy]:
    """An Envoy with these static resources that serves; it ends with the block. `more` are fields of its bootstrap.

    Raises EnvoyMissing, and RuntimeError with Envoy's own words for a configuration that it refuses.
    """
    with TemporaryDirectory(prefix="drydock-envoy-") as name:
        directory = Path(name)
        admin = {"address": {"pipe": {"path": ADMIN, "mode": 0o600}}}
        node = {"id": "drydock", "cluster": "drydock"}
        config = {"node": node, "admin": admin, "static_resources": static_resources, **more}
        (directory / "bootstrap.json").write_text(json.dumps(config))
        with closing(Spawner(directory / "spawner.log")) as spawner:
            with (directory / "log").open("w") as log:
                process = spawner.spawn(
                    [binary(), "--config-path", "bootstrap.json", "--concurrency", "1", "--disable-hot-restart",
                     "--log-level", "error", "--file-flush-interval-msec", "20"],
                    {},
                    directory,
                    stdout=log.fileno(),
                    stderr=log.fileno(),
                )  # fmt: skip
            proxy = Proxy(directory)
            _wait(proxy, process)
            (directory / "bootstrap.json").unlink()  # it may have keys, and the directory outlives a SIGKILL
            yield proxy


def _wait(proxy: Proxy, process: Child) -> None:
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline:
        if process.returncode is not None:
            raise RuntimeError(f"Envoy does not start: {_last_words(proxy.directory / 'log')}")
        try:
            if proxy._administration("/server_info")["state"] == "LIVE" and proxy.stats("workers_started"):
                return
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.01)
    raise RuntimeError(f"Envoy is not up after {_START:g} s: {_last_words(proxy.directory / 'log')}")


def _last_words(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it says nothing"


def ask(url: str, requests: int) -> list[int]:
    """The statuses of so many requests, one after the other over one connection."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    statuses = []
    for _ in range(requests):
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    connection.close()
    return statuses

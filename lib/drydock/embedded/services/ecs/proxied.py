"""From what the proxy of a task is to do to the Envoy resources that do it. Pure.

Outwards it listens at an address for each name that the task's containers may call, and sends what comes to the tasks
behind the name. Inwards it listens for the proxies of others, and hands on to the container.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from drydock.embedded.carriers.envoy import ACCESS_LOG, Resource, Resources, Spans, traced
from drydock.policy.mesh import outliers
from drydock.policy.mesh import service_connect as rules
from drydock.policy.mesh.service_connect import Endpoint

_MANY = 10000
_EGRESS, _WAY = "egress", "x-drydock-way"
"""The routes of all names, and the header that tells them apart."""
Place = tuple[str, int]
"""A loopback address and a port."""


@dataclass(frozen=True)
class Revision:
    """Tasks of a revision behind a name. `weight`: per cent of the requests; `test`: it gets those of the test.
    `roots`: the certificate (PEM) by which each is checked, of those that have TLS; none of them where it is empty."""

    name: str
    places: tuple[Place, ...]
    weight: float = 100.0
    test: bool = False
    roots: tuple[str | None, ...] = ()


@dataclass(frozen=True)
class Outward:
    """A name that the task's containers may call; `place`: where the proxy listens for it. `server_name`: what the
    certificates of those that have TLS are for."""

    place: Place
    endpoint: Endpoint
    revisions: tuple[Revision, ...]
    server_name: str = ""


@dataclass(frozen=True)
class Inward:
    """A port of the task that others may call; `container`: where what listens there is. `shows`: a certificate and its
    key (PEM), with TLS."""

    place: Place
    endpoint: Endpoint
    container: Place
    shows: tuple[str, str] | None = None


@dataclass(frozen=True)
class AccessLog:
    """Whether each request is a line of JSON or of text, and whether with what follows a question mark."""

    json: bool
    query: bool


@dataclass(frozen=True)
class Plan:
    """What a proxy is to do. `address`: its task's; `speed`: AWS seconds in one of ours; `spans`: where they go."""

    address: str
    speed: float
    outward: tuple[Outward, ...] = ()
    inward: tuple[Inward, ...] = ()
    access_log: AccessLog | None = None
    spans: Spans | None = None


def render(plan: Plan) -> Resources:
    """Listeners, routes, clusters and their endpoints.

    Each file that an Envoy watches is one of the user's inotify instances, of which Linux lets there be 128: what never
    changes, as what is inwards, has none of its own, and all routes are in one.
    """
    listeners: list[Resource] = []
    routes: list[Resource] = []
    clusters: list[Resource] = []
    ends: list[Resource] = []
    secrets: list[Resource] = []
    for way in plan.outward:
        name = egress(way.endpoint.discovery_name)
        routing = {"rds": {"route_config_name": _EGRESS}, "early_header_mutation_extensions": [_marked(name)]}
        listeners.append(_listener(name, way.place, way.endpoint, _weighted(way), routing, plan.access_log))
        if way.endpoint.protocol != rules.TCP:
            routes += _routes(name, way)
        for revision in way.revisions:
            cluster = _cluster(cluster_of(way.endpoint, revision), way.endpoint, plan)
            cluster["outlier_detection"] = rules.outlier_detection(rules.DETECTOR, plan.speed)
            cluster["common_lb_config"] = outliers.AT_ONCE  # an ejection may be shorter than Envoy's window
            if sockets := [
                _checked(root, way.server_name) for root in sorted({each for each in revision.roots if each})
            ]:
                cluster["transport_socket_matches"] = sockets
            clusters.append(cluster)
            ends.append(_ends(cluster["name"], revision.places, revision.roots))
    for way_in in plan.inward:
        name = ingress(way_in.endpoint.discovery_name)
        route = {"match": {"prefix": "/"}, "route": {"cluster": name, "timeout": "0s"}}
        routing = {"route_config": _table(name, [route])}
        listener = _listener(name, way_in.place, way_in.endpoint, [(name, 1)], routing, plan.access_log)
        if way_in.shows is not None:
            listener["filter_chains"][0]["transport_socket"] = _shows(name)
            secrets.append(_secret(name, *way_in.shows))
        listeners.append(listener)
        cluster = _cluster(name, way_in.endpoint, plan)
        clusters.append({**cluster, "type": "STATIC", "load_assignment": _ends(name, (way_in.container,))})
    has_routes = any(way.endpoint.protocol != rules.TCP for way in plan.outward)
    tables = [{**_table(_EGRESS, routes), "request_headers_to_remove": [_WAY]}] if has_routes else []
    resources = Resources(listeners, tables, clusters, ends, secrets)
    return resources if plan.spans is None else traced(resources, plan.spans)


def egress(discovery_name: str) -> str:
    """What Envoy's numbers of calls of a name begin with, after their kind."""
    return f"egress/{discovery_name}"


def ingress(discovery_name: str) -> str:
    """The same of calls that come in."""
    return f"ingress/{discovery_name}"


def cluster_of(endpoint: Endpoint, revision: Revision) -> str:
    """The Envoy cluster of a revision's tasks."""
    return f"{egress(endpoint.discovery_name)}/{revision.name}"


def _typed(name: str, kind: str, value: Resource) -> Resource:
    return {"name": name, "typed_config": {"@type": f"type.googleapis.com/envoy.extensions.{kind}", **value}}


def _address(place: Place) -> Resource:
    return {"socket_address": {"address": place[0], "port_value": place[1]}}


def _seconds(value: int | None) -> str:
    return f"{value or 0}s"


def _weighted(way: Outward) -> list[tuple[str, int]]:
    return [(cluster_of(way.endpoint, each), round(each.weight * 10)) for each in way.revisions]


def _access(log: AccessLog | None) -> Resource:
    if log is None:
        return {}
    path = "%PATH(WQ:ORIG_OR_PATH)%" if log.query else "%PATH(NQ:ORIG_OR_PATH)%"
    fields = {name: path if name == "path" else value for name, value in _LOGGED.items()}
    if log.json:
        shape: Resource = {"json_format": fields}
    else:
        shown = [value if name in _BARE else f'"{value}"' for name, value in fields.items() if name != "start_time"]
        shape = {"text_format_source": {"inline_string": f"[%START_TIME%] {' '.join(shown)}\n"}}
    kind = "access_loggers.file.v3.FileAccessLog"
    return {"access_log": [_typed("envoy.access_loggers.file", kind, {"path": ACCESS_LOG, "log_format": shape})]}


_LOGGED = {
    "start_time": "%START_TIME%",
    "method": "%REQ(:METHOD)%",
    "path": "",
    "protocol": "%PROTOCOL%",
    "response_code": "%RESPONSE_CODE%",
    "response_flags": "%RESPONSE_FLAGS%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
    "duration": "%DURATION%",
    "upstream_service_time": "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
    "x_forwarded_for": "%REQ(X-FORWARDED-FOR)%",
    "user_agent": "%REQ(USER-AGENT)%",
    "request_id": "%REQ(X-REQUEST-ID)%",
    "authority": "%REQ(:AUTHORITY)%",
    "upstream_host": "%UPSTREAM_HOST%",
    "upstream_cluster": "%UPSTREAM_CLUSTER%",
}
"""Envoy's own format, field by field, and the cluster that the request went to."""
_BARE = ("response_code", "response_flags", "bytes_received", "bytes_sent", "duration", "upstream_service_time")


def _listener(
    name: str,
    place: Place,
    endpoint: Endpoint,
    clusters: Sequence[tuple[str, int]],
    routing: Resource,
    log: AccessLog | None,
) -> Resource:
    if endpoint.protocol == rules.TCP:
        weighted = [{"name": cluster, "weight": weight} for cluster, weight in clusters if weight]
        filter_ = _typed(
            "envoy.filters.network.tcp_proxy",
            "filters.network.tcp_proxy.v3.TcpProxy",
            {
                "stat_prefix": name,
                "weighted_clusters": {"clusters": weighted or [{"name": "none", "weight": 1}]},
                "idle_timeout": _seconds(endpoint.idle),
                "max_connect_attempts": 1 + rules.RETRIES,
                **_access(log),
            },
        )
    else:
        filter_ = _typed(
            "envoy.filters.network.http_connection_manager",
            "filters.network.http_connection_manager.v3.HttpConnectionManager",
            {
                "stat_prefix": name,
                **routing,
                "http_filters": [_typed("envoy.filters.http.router", "filters.http.router.v3.Router", {})],
                "stream_idle_timeout": "0s",
                "common_http_protocol_options": {"idle_timeout": _seconds(endpoint.idle)},
                "upgrade_configs": [{"upgrade_type": "websocket"}],
                **_access(log),
            },
        )
    return {
        "name": f"{name}:{place[0]}:{place[1]}",
        "address": _address(place),
        "enable_reuse_port": False,
        "filter_chains": [{"filters": [filter_]}],
    }


def _table(name: str, routes: list[Resource]) -> Resource:
    return {"name": name, "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]}


def _marked(name: str) -> Resource:
    """What says in a header, for as long as a request is in the proxy, by which listener it came."""
    mark = {"header": {"key": _WAY, "value": name}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    kind = "http.early_header_mutation.header_mutation.v3.HeaderMutation"
    return _typed("envoy.http.early_header_mutation.header_mutation", kind, {"mutations": [{"append": mark}]})


def _routes(name: str, way: Outward) -> list[Resource]:
    """Of what comes by a name, requests of the test first, if there are any; then the rest by weight."""
    found = []
    came: Resource = {"name": _WAY, "string_match": {"exact": name}}
    for revision in way.revisions:
        if revision.test and way.endpoint.test_header is not None:
            header, exact = way.endpoint.test_header
            matches: Resource = {"name": header.lower()}
            matches |= {"string_match": {"exact": exact}} if exact is not None else {"present_match": True}
            to = {"cluster": cluster_of(way.endpoint, revision)}
            found.append({"match": {"prefix": "/", "headers": [came, matches]}, "route": _forward(way, to)})
    weighted = [{"name": cluster, "weight": weight} for cluster, weight in _weighted(way) if weight]
    if weighted:
        by_weight: Resource = {"weighted_clusters": {"clusters": weighted}}
        found.append({"match": {"prefix": "/", "headers": [came]}, "route": _forward(way, by_weight)})
    return found


def _forward(way: Outward, to: Resource) -> Resource:
    return {**to, "timeout": _seconds(way.endpoint.per_request), "retry_policy": rules.retry_policy()}


def _cluster(name: str, endpoint: Endpoint, plan: Plan) -> Resource:
    many = {"max_connections": _MANY, "max_pending_requests": _MANY, "max_requests": _MANY, "max_retries": _MANY}
    cluster: Resource = {
        "name": name,
        "type": "EDS",
        "connect_timeout": "5s",
        "lb_policy": "ROUND_ROBIN",
        "circuit_breakers": {"thresholds": [many]},
        "upstream_bind_config": {"source_address": {"address": plan.address, "port_value": 0}},
    }
    if endpoint.protocol in ("http2", "grpc"):
        cluster["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        }
    return cluster


def _ends(cluster: str, places: Sequence[Place], roots: Sequence[str | None] = ()) -> Resource:
    hosts: list[dict[str, Any]] = [{"endpoint": {"address": _address(place)}} for place in places]
    for host, root in zip(hosts, roots, strict=False):
        if root is not None:
            host["metadata"] = {"filter_metadata": {"envoy.transport_socket_match": {"root": _digest(root)}}}
    return {"cluster_name": cluster, "endpoints": [{"lb_endpoints": hosts}] if hosts else []}


_VERSION = {"tls_minimum_protocol_version": rules.TLS_VERSION, "tls_maximum_protocol_version": rules.TLS_VERSION}


def _secret(name: str, certificate: str, key: str) -> Resource:
    pair = {"certificate_chain": {"inline_string": certificate}, "private_key": {"inline_string": key}}
    return {"name": name, "tls_certificate": pair}


def _shows(secret: str) -> Resource:
    context = {"tls_params": _VERSION, "tls_certificate_sds_secret_configs": [{"name": secret}]}
    kind = "transport_sockets.tls.v3.DownstreamTlsContext"
    return _typed("envoy.transport_sockets.tls", kind, {"common_tls_context": context})


def _checked(root: str, name: str) -> Resource:
    """How those are called that have TLS: their certificate is the authority's, and for their name."""
    check = {
        "trusted_ca": {"inline_string": root},
        "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": name}}],
    }
    context = {"sni": name, "common_tls_context": {"tls_params": _VERSION, "validation_context": check}}
    socket = _typed("envoy.transport_sockets.tls", "transport_sockets.tls.v3.UpstreamTlsContext", context)
    return {"name": _digest(root), "match": {"root": _digest(root)}, "transport_socket": socket}


def _digest(root: str) -> str:
    return hashlib.sha256(root.encode()).hexdigest()[:16]

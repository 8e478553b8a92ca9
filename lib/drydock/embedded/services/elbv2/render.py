"""From load balancers as they are asked for to the Envoy resources that act like them. Pure.

Sources: the Elastic Load Balancing user guide for Application Load Balancers (listener rules, rule condition
types, target group health, HTTP headers, troubleshooting) and Envoy's API reference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from drydock.embedded.carriers.envoy import Resource, Resources
from drydock.policy.addresses import loopback

ABOVE = 8000  # added to a port below 1024 where this user may not bind those

_LUA = "envoy.filters.http.lua"
_STICKY = "envoy.filters.http.stateful_session"
_ROUTER = "envoy.filters.http.router"
_REQUESTS = Path(__file__).with_name("requests.lua").read_text()
_SOURCE_IP = "x-drydock-source-ip"
_GROUP, _GROUP_COOKIE = "x-drydock-group", "AWSALBTG"
_OWN_HEADERS = ("x-envoy-internal", "x-envoy-external-address", _SOURCE_IP)
Attempt = Callable[[str], AbstractContextManager[Any]]

_ALGORITHMS = {"least_outstanding_requests": "LEAST_REQUEST", "weighted_random": "RANDOM"}


@dataclass(frozen=True)
class TargetGroup:
    """`endpoints`: (address, port) that get traffic. `stickiness`: seconds of the AWSALB cookie, or None."""

    arn: str
    protocol: str = "HTTP"
    protocol_version: str = "HTTP1"
    algorithm: str = "round_robin"
    stickiness: int | None = None
    endpoints: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Rule:
    """`conditions` and `action` (the last of the rule's) in the API's own shape."""

    conditions: Sequence[Mapping[str, Any]]
    action: Mapping[str, Any]
    arn: str = ""


@dataclass(frozen=True)
class Listener:
    """`rules` in order of priority, the default rule last. `certificate`: PEM chain and key for HTTPS."""

    arn: str
    protocol: str
    port: int
    rules: Sequence[Rule]
    certificate: tuple[str, str] | None = None


@dataclass(frozen=True)
class LoadBalancer:
    """`addresses`: where it answers."""

    arn: str
    addresses: Sequence[str]
    listeners: Sequence[Listener] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Snapshot:
    """`low_ports`: whether this user may bind ports below 1024."""

    load_balancers: Sequence[LoadBalancer] = ()
    target_groups: Sequence[TargetGroup] = ()
    low_ports: bool = True


def resource_id(arn: str) -> str:
    """The end of an ARN by which CloudWatch knows it.

    >>> resource_id("arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/web/50dc")
    'app/web/50dc'
    """
    return arn.rpartition(":")[2].removeprefix("loadbalancer/")


def real_port(port: int, low_ports: bool) -> int:
    """The port that Envoy listens on for a listener's port."""
    return port if low_ports or port >= 1024 else port + ABOVE


def listener_name(arn: str, address: str, port: int) -> str:
    return f"{resource_id(arn)}:{address}:{port}"


def forwards(action: Mapping[str, Any]) -> list[tuple[str, int]]:
    """The target groups of a forward action with their weights; [] for other actions."""
    if action.get("Type") != "forward":
        return []
    if groups := action.get("ForwardConfig", {}).get("TargetGroups"):
        return [(group["TargetGroupArn"], int(group.get("Weight", 1))) for group in groups]
    return [(action["TargetGroupArn"], 1)] if "TargetGroupArn" in action else []


def render(snapshot: Snapshot, attempt: Attempt = nullcontext) -> Resources:
    """Listeners, routes, clusters and endpoints of every load balancer, with what their rules name.

    `attempt(arn)` is around the work on each target group, listener and rule; one whose error it swallows is left
    out.
    """
    served = [(lb, listener) for lb in snapshot.load_balancers for listener in lb.listeners]
    named = {arn for _, lis in served for rule in lis.rules for arn, _ in forwards(rule.action)}
    groups: dict[str, TargetGroup] = {}
    ends: list[tuple[Resource, Resource]] = []
    for group in snapshot.target_groups:
        if group.arn in named:
            with attempt(group.arn):
                ends.append((_cluster(group), _endpoints(group)))
                groups[group.arn] = group
    fronts: list[tuple[list[Resource], Resource | None]] = []
    for lb, listener in served:
        with attempt(listener.arn):
            http = listener.protocol != "TCP"
            routes = _routes(lb, listener, groups, snapshot.low_ports, attempt) if http else None
            fronts.append((_listeners(lb, listener, groups, snapshot.low_ports), routes))
    return Resources(
        listeners=[each for listeners, _ in fronts for each in listeners],
        routes=[routes for _, routes in fronts if routes is not None],
        clusters=[cluster for cluster, _ in ends],
        endpoints=[endpoints for _, endpoints in ends],
    )


def _typed(name: str, kind: str, value: Mapping[str, Any]) -> Resource:
    return {"name": name, "typed_config": _config(kind, value)}


def _config(kind: str, value: Mapping[str, Any]) -> Resource:
    return {"@type": f"type.googleapis.com/envoy.extensions.{kind}", **value}


def _address(address: str, port: int) -> Resource:
    return {"socket_address": {"address": address, "port_value": port}}


def _header(name: str, value: str) -> Resource:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


# -- target groups ----------------------------------------------------------------------------------------


def _cluster(group: TargetGroup) -> Resource:
    many = {"max_connections": 10000, "max_pending_requests": 10000, "max_requests": 10000}
    cluster: Resource = {
        "name": resource_id(group.arn),
        "type": "EDS",
        "connect_timeout": "10s",
        "lb_policy": _ALGORITHMS.get(group.algorithm, "ROUND_ROBIN"),
        "circuit_breakers": {"thresholds": [many]},
    }
    if group.protocol in ("HTTPS", "TLS"):  # a load balancer does not check the certificate of a target
        cluster["transport_socket"] = _typed(
            "envoy.transport_sockets.tls", "transport_sockets.tls.v3.UpstreamTlsContext", {}
        )
    if group.protocol_version in ("HTTP2", "GRPC"):
        cluster["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": _config(
                "upstreams.http.v3.HttpProtocolOptions",
                {"explicit_http_config": {"http2_protocol_options": {}}},
            )
        }
    return cluster


def _endpoints(group: TargetGroup) -> Resource:
    hosts = [{"endpoint": {"address": _address(loopback(ip), port)}} for ip, port in group.endpoints]
    return {"cluster_name": resource_id(group.arn), "endpoints": [{"lb_endpoints": hosts}] if hosts else []}


# -- listeners --------------------------------------------------------------------------------------------


def _listeners(
    lb: LoadBalancer, listener: Listener, groups: Mapping[str, TargetGroup], low_ports: bool
) -> list[Resource]:
    """One for each address, since Envoy does not take a listener whose addresses overlap with what it was before."""
    port = real_port(listener.port, low_ports)
    tcp = listener.protocol == "TCP"
    chain: Resource = {"filters": [_tcp_proxy(lb, listener, groups) if tcp else _http_manager(lb, listener)]}
    if listener.certificate is not None:
        certificate, key = listener.certificate
        pair = {"certificate_chain": {"inline_string": certificate}, "private_key": {"inline_string": key}}
        chain["transport_socket"] = _typed(
            "envoy.transport_sockets.tls",
            "transport_sockets.tls.v3.DownstreamTlsContext",
            {"common_tls_context": {"tls_certificates": [pair], "alpn_protocols": ["h2", "http/1.1"]}},
        )
    return [
        {
            "name": listener_name(listener.arn, address, port),
            "address": _address(address, port),
            "enable_reuse_port": False,  # a second process on this address is an error, not a rival
            "filter_chains": [chain],
        }
        for address in map(loopback, lb.addresses)
    ]


def _tcp_proxy(lb: LoadBalancer, listener: Listener, groups: Mapping[str, TargetGroup]) -> Resource:
    weighted = [
        {"name": resource_id(arn), "weight": weight}
        for arn, weight in forwards(listener.rules[-1].action)
        if arn in groups and weight
    ]
    return _typed(
        "envoy.filters.network.tcp_proxy",
        "filters.network.tcp_proxy.v3.TcpProxy",
        {
            "stat_prefix": resource_id(lb.arn),
            "weighted_clusters": {"clusters": weighted or [{"name": "none", "weight": 1}]},
            "idle_timeout": "350s",
        },
    )


def _http_manager(lb: LoadBalancer, listener: Listener) -> Resource:
    lua = {"default_source_code": {"inline_string": _REQUESTS}}
    client = "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%"
    attributes = lb.attributes
    mutations = [{"append": _header(_SOURCE_IP, client)}]
    if _forwarded_for(attributes) == "append":
        added = {**_header("x-forwarded-for", client), "append_action": "APPEND_IF_EXISTS_OR_ADD"}
        mutations.append({"append": added})
    return _typed(
        "envoy.filters.network.http_connection_manager",
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        {
            "stat_prefix": resource_id(lb.arn),
            "codec_type": "AUTO" if attributes.get("routing.http2.enabled", "true") == "true" else "HTTP1",
            "rds": {"route_config_name": resource_id(listener.arn)},
            "http_filters": [
                _typed(_LUA, "filters.http.lua.v3.Lua", lua),
                _typed(_STICKY, "filters.http.stateful_session.v3.StatefulSession", {}),
                _typed(_ROUTER, "filters.http.router.v3.Router", {"suppress_envoy_headers": True}),
            ],
            "server_header_transformation": "PASS_THROUGH",
            "use_remote_address": True,
            "skip_xff_append": True,  # Envoy would name this machine for a client on loopback
            "generate_request_id": False,
            "stream_idle_timeout": f"{int(attributes.get('idle_timeout.timeout_seconds', 60))}s",
            "common_http_protocol_options": {
                "idle_timeout": f"{int(attributes.get('client_keep_alive.seconds', 3600))}s"
            },
            "upgrade_configs": [{"upgrade_type": "websocket"}],
            "early_header_mutation_extensions": [
                _typed(
                    "envoy.http.early_header_mutation.header_mutation",
                    "http.early_header_mutation.header_mutation.v3.HeaderMutation",
                    {"mutations": mutations},
                )
            ],
            "local_reply_config": {"mappers": _REPLIES},
        },
    )


def _forwarded_for(attributes: Mapping[str, str]) -> str:
    return attributes.get("routing.http.xff_header_processing.mode", "append")


def _page(status: str) -> str:
    return (
        f"<html>\r\n<head><title>{status}</title></head>\r\n"
        f"<body>\r\n<center><h1>{status}</h1></center>\r\n</body>\r\n</html>\r\n"
    )


def _reply(status: str, *flags: str) -> Resource:
    page = {"text_format_source": {"inline_string": _page(status)}, "content_type": "text/html"}
    return {
        "filter": {"response_flag_filter": {"flags": list(flags)}},
        "status_code": int(status[:3]),
        "headers_to_add": [_header("server", "awselb/2.0")],
        "body_format_override": page,
    }


# What the load balancer answers itself, by Envoy's reason: the target did not take the connection in time, refused or
# closed it, there is no target, nothing came within the idle timeout.
_REPLIES: list[Resource] = [
    {
        **_reply("504 Gateway Time-out"),
        "filter": {
            "extension_filter": _typed(
                "envoy.access_loggers.extension_filters.cel",
                "access_loggers.filters.cel.v3.ExpressionFilter",
                {"expression": "response.code_details.contains('connection_timeout')"},
            )
        },
    },
    _reply("502 Bad Gateway", "UF", "UC", "UR", "UPE"),
    _reply("503 Service Temporarily Unavailable", "UH", "NC", "UO"),
    _reply("504 Gateway Time-out", "UT", "SI"),
    {
        "filter": {
            "status_code_filter": {
                "comparison": {"op": "GE", "value": {"default_value": 200, "runtime_key": "elbv2.any"}}
            }
        },
        "headers_to_add": [_header("server", "awselb/2.0")],
    },
]


# -- rules ------------------------------------------------------------------------------------------------


def _routes(
    lb: LoadBalancer, listener: Listener, groups: Mapping[str, TargetGroup], low_ports: bool, attempt: Attempt
) -> Resource:
    port = real_port(listener.port, low_ports)
    removed = [*_OWN_HEADERS, *(["x-forwarded-for"] if _forwarded_for(lb.attributes) == "remove" else [])]
    routes: list[Resource] = []
    for rule in listener.rules:
        with attempt(rule.arn):
            matched = match(rule.conditions)
            for group in _keeping(rule.action, groups):
                pinned = {**matched, "headers": [*matched.get("headers", ()), _matches("cookie", _cookie_of(group))]}
                routes.append({"match": pinned, **_forward(rule.action, [(group, 1)])})
            routes.append({"match": matched, **_act(rule.action, listener.protocol, port, groups)})
    return {
        "name": resource_id(listener.arn),
        "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}],
        "request_headers_to_add": [_header("x-forwarded-port", str(port))],
        "request_headers_to_remove": removed,
    }


def match(conditions: Iterable[Mapping[str, Any]]) -> Resource:
    """The Envoy RouteMatch that is true when all conditions are, each when one of its values is.

    Paths compare with case, host names, header values and query strings without; `*` is any characters and
    `?` is one; a method has no wildcards (rule condition types).
    """
    found: Resource = {"prefix": "/"}
    headers: list[Resource] = []
    for condition in conditions:
        kind = condition["Field"]
        config = condition.get(_CONFIGS[kind], {})
        values = config.get("Values") or condition.get("Values", ())
        regexes = [f".*(?:{regex}).*" for regex in config.get("RegexValues", ())]
        if kind == "path-pattern":
            regex = _any([*map(glob, values), *regexes])
            found = {"safe_regex": {"regex": regex}}
        elif kind == "host-header":
            regex = _any([*map(glob, values), *regexes])
            headers.append(_matches(":authority", f"(?i:{regex})(:[0-9]+)?"))
        elif kind == "http-header":
            regex = _any([*map(glob, values), *regexes])
            headers.append(_matches(config["HttpHeaderName"].lower(), f"(?i:{regex})"))
        elif kind == "http-request-method":
            headers.append(_matches(":method", _any(map(re.escape, values))))
        elif kind == "query-string":
            pairs = _any(f"{glob(v.get('Key') or '*', '[^&=]')}={glob(v['Value'], '[^&]')}" for v in values)
            headers.append(_matches(":path", rf"(?i:[^?]*\?(.*&)?{pairs}(&.*)?)"))
        elif kind == "source-ip":
            # No client comes from an IPv6 address. Without a range this is the empty string, which matches nobody.
            headers.append(_matches(_SOURCE_IP, _any(within(value) for value in values if ":" not in value)))
    return {**found, **({"headers": headers} if headers else {})}


_CONFIGS = {
    "path-pattern": "PathPatternConfig",
    "host-header": "HostHeaderConfig",
    "http-header": "HttpHeaderConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "query-string": "QueryStringConfig",
    "source-ip": "SourceIpConfig",
}


def _matches(header: str, regex: str) -> Resource:
    return {"name": header, "string_match": {"safe_regex": {"regex": regex}}}


def _any(regexes: Iterable[str]) -> str:
    return f"(?:{'|'.join(regexes)})"


def glob(pattern: str, character: str = ".") -> str:
    """An ELB wildcard pattern as an RE2 expression; a backslash before a wildcard makes it itself.

    >>> glob("/img/*.p?g")
    '/img/.*\\\\.p.g'
    """
    wild = {"*": f"{character}*", "?": character}
    pieces = re.findall(r"\\[*?\\]|.", pattern, re.DOTALL)
    return "".join(wild.get(piece) or re.escape(piece[-1]) for piece in pieces)


def within(cidr: str) -> str:
    """An expression that matches exactly the addresses of an IPv4 range.

    >>> within("10.0.4.0/23")
    '10\\\\.0\\\\.(?:4|5)\\\\.[0-9]+'
    """
    network = IPv4Network(cidr, strict=False)
    octets = []
    for first, last in zip(network[0].packed, network[-1].packed, strict=True):
        if (first, last) == (0, 255):
            octets.append("[0-9]+")
        else:
            numbers = [str(n) for n in range(first, last + 1)]
            octets.append(numbers[0] if len(numbers) == 1 else _any(numbers))
    return r"\.".join(octets)


def _act(action: Mapping[str, Any], protocol: str, port: int, groups: Mapping[str, TargetGroup]) -> Resource:
    if action["Type"] == "fixed-response":
        return _fixed(action["FixedResponseConfig"])
    if action["Type"] == "redirect":
        return _redirect(action["RedirectConfig"], protocol, port)
    return _forward(action, [(groups[arn], weight) for arn, weight in forwards(action) if arn in groups])


def _fixed(config: Mapping[str, Any]) -> Resource:
    body = config.get("MessageBody")
    response: Resource = {"status": int(config["StatusCode"])}
    if not body:
        return {"direct_response": response}
    return {
        "direct_response": {**response, "body": {"inline_string": body}},
        "response_headers_to_add": [_header("content-type", config.get("ContentType") or "text/plain")],
    }


def _redirect(config: Mapping[str, Any], protocol: str, port: int) -> Resource:
    status = "301 Moved Permanently" if config["StatusCode"] == "HTTP_301" else "302 Found"
    path, query = config.get("Path", "/#{path}"), config.get("Query", "#{query}")
    scheme = config.get("Protocol", "#{protocol}").lower()
    host = f"{config.get('Host', '#{host}')}:{config.get('Port', '#{port}')}"
    target = {
        "location": f"{scheme}://{host}{path}?{query}",
        "status": status[:3],
        "body": _page(status),
        "protocol": protocol.lower(),
        "port": str(port),
    }
    return {"direct_response": {"status": int(status[:3])}, **_for_lua("redirect", target)}


def _for_lua(key: str, value: Mapping[str, str]) -> Resource:
    return {"metadata": {"filter_metadata": {_LUA: {key: value}}}}


def _stickiness(action: Mapping[str, Any]) -> int | None:
    """Seconds for which a client stays with its target group, None if it does not."""
    config = action.get("ForwardConfig", {}).get("TargetGroupStickinessConfig", {})
    return int(config.get("DurationSeconds", 3600)) if config.get("Enabled") else None


def _keeping(action: Mapping[str, Any], groups: Mapping[str, TargetGroup]) -> list[TargetGroup]:
    """The target groups that keep the clients they have, whatever the weights are now."""
    if _stickiness(action) is None:
        return []
    return [groups[arn] for arn, _ in forwards(action) if arn in groups]


def _token(group: TargetGroup) -> str:
    return sha256(group.arn.encode()).hexdigest()[:32]


def _cookie_of(group: TargetGroup) -> str:
    return f"(?:.*; ?)?{_GROUP_COOKIE}={_token(group)}-.*"


def _forward(action: Mapping[str, Any], weighted: Sequence[tuple[TargetGroup, int]]) -> Resource:
    if not any(weight for _, weight in weighted):
        page = {"inline_string": _page("503 Service Temporarily Unavailable")}
        return {
            "direct_response": {"status": 503, "body": page},
            "response_headers_to_add": [_header("content-type", "text/html")],
        }
    clusters = [{"name": resource_id(group.arn), "weight": weight, **_sticky(group)} for group, weight in weighted]
    route: Resource = {"weighted_clusters": {"clusters": clusters}, "timeout": "0s"}
    seconds = _stickiness(action)
    if seconds is None:
        return {"route": route}
    for cluster, (group, _) in zip(clusters, weighted, strict=True):
        cluster["response_headers_to_add"] = [_header(_GROUP, _token(group))]  # for the cookie, which Lua makes
    return {"route": route, **_for_lua("sticky", {"name": _GROUP_COOKIE, "seconds": str(seconds), "group": _GROUP})}


def _sticky(group: TargetGroup) -> Resource:
    if group.stickiness is None:
        return {}
    cookie = {"name": "AWSALB", "ttl": f"{group.stickiness}s", "path": "/"}
    state = _typed(
        "envoy.http.stateful_session.cookie",
        "http.stateful_session.cookie.v3.CookieBasedSessionState",
        {"cookie": cookie},
    )
    session = _config(
        "filters.http.stateful_session.v3.StatefulSessionPerRoute",
        {"stateful_session": {"session_state": state}},
    )
    return {"typed_per_filter_config": {_STICKY: session}}

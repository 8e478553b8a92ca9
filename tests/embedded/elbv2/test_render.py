"""From load balancers to Envoy resources, without Envoy."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.web import fixed, forward

from drydock.embedded.services.elbv2.render import (
    Listener,
    LoadBalancer,
    Rule,
    Snapshot,
    TargetGroup,
    glob,
    match,
    real_port,
    render,
    within,
)

ARN = "arn:aws:elasticloadbalancing:us-east-1:000000000000"
A, B = f"{ARN}:targetgroup/a/1", f"{ARN}:targetgroup/b/2"


def snapshot(*rules: Rule, port: int = 80, low_ports: bool = True, groups: Any = (), **attributes: str) -> Snapshot:
    listener = Listener(f"{ARN}:listener/app/web/1/2", "HTTP", port, rules)
    named = {key.replace("__", "."): value for key, value in attributes.items()}
    balancer = LoadBalancer(f"{ARN}:loadbalancer/app/web/1", ("127.10.0.4", "172.31.16.4"), (listener,), named)
    return Snapshot((balancer,), groups or (TargetGroup(A), TargetGroup(B)), low_ports)


def routes(*rules: Rule, **more: Any) -> list[dict[str, Any]]:
    return render(snapshot(*rules, **more)).routes[0]["virtual_hosts"][0]["routes"]


def default(action: dict[str, Any]) -> Rule:
    return Rule((), action)


@given(st.text(alphabet="ab.*?/+(", max_size=12), st.text(alphabet="ab./+(", max_size=12))
def test_wildcards_are_what_elb_says(pattern: str, text: str) -> None:
    assert (re.fullmatch(glob(pattern), text) is not None) == _wild(pattern, text)


def _wild(pattern: str, text: str) -> bool:
    """The definition itself: * is any characters, ? is one, everything else is itself."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(_wild(pattern[1:], text[i:]) for i in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and _wild(pattern[1:], text[1:])


def test_a_backslash_makes_a_wildcard_itself() -> None:
    assert re.fullmatch(glob(r"a\*b\?"), "a*b?")
    assert not re.fullmatch(glob(r"a\*b\?"), "axbx")


@given(st.integers(0, 2**32 - 1), st.integers(0, 32), st.integers(0, 2**32 - 1))
def test_a_range_matches_its_own_addresses(number: int, prefix: int, other: int) -> None:
    network = IPv4Network((number, prefix), strict=False)
    expression = within(str(network))
    assert re.fullmatch(expression, str(network[0]))
    assert re.fullmatch(expression, str(network[-1]))
    address = IPv4Address(other)
    assert (re.fullmatch(expression, str(address)) is not None) == (address in network)


def test_conditions_are_and_and_their_values_are_or() -> None:
    found = match(
        [
            {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/a", "/b"]}},
            {"Field": "host-header", "Values": ["x.example.com"]},
            {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["GET", "HEAD"]}},
        ]
    )
    assert found["safe_regex"]["regex"] == "(?:/a|/b)"
    assert [header["name"] for header in found["headers"]] == [":authority", ":method"]


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/?v=1", True), ("/?a=b&V=1", True), ("/?v=1&a=b", True), ("/?vv=1", False), ("/v=1", False), ("/", False)],
)
def test_a_query_string_condition_finds_its_pair(path: str, expected: bool) -> None:
    values = [{"Key": "v", "Value": "1"}]
    found = match([{"Field": "query-string", "QueryStringConfig": {"Values": values}}])
    expression = found["headers"][0]["string_match"]["safe_regex"]["regex"]
    assert (re.fullmatch(expression, path) is not None) is expected


def test_weights_are_kept_exactly() -> None:
    (route,) = routes(default(forward((A, 97), (B, 3))))
    assert route["route"]["weighted_clusters"]["clusters"] == [
        {"name": "targetgroup/a/1", "weight": 97},
        {"name": "targetgroup/b/2", "weight": 3},
    ]


def test_nothing_to_forward_to_is_503() -> None:
    assert routes(default(forward((A, 0), (B, 0))))[0]["direct_response"]["status"] == 503
    assert routes(default(forward((f"{ARN}:targetgroup/gone/9", 1))))[0]["direct_response"]["status"] == 503


def test_an_empty_group_is_a_cluster_without_endpoints() -> None:
    resources = render(snapshot(default(forward((A, 1)))))
    assert resources.endpoints == [{"cluster_name": "targetgroup/a/1", "endpoints": []}]
    assert [cluster["name"] for cluster in resources.clusters] == ["targetgroup/a/1"]


def test_targets_are_found_on_loopback() -> None:
    group = TargetGroup(A, endpoints=(("172.31.5.6", 80), ("172.31.5.6", 81)))
    resources = render(snapshot(default(forward((A, 1))), groups=(group,)))
    found = [host["endpoint"]["address"] for host in resources.endpoints[0]["endpoints"][0]["lb_endpoints"]]
    assert found == [{"socket_address": {"address": "127.31.5.6", "port_value": port}} for port in (80, 81)]


def test_listeners_are_on_every_address_and_on_loopback() -> None:
    listeners = render(snapshot(default(fixed(200)), port=80, low_ports=False)).listeners
    assert [listener["address"]["socket_address"] for listener in listeners] == [
        {"address": "127.10.0.4", "port_value": 8080},
        {"address": "127.31.16.4", "port_value": 8080},
    ]
    assert len({listener["name"] for listener in listeners}) == 2


@given(st.integers(1, 65535))
def test_ports_move_only_where_they_must(port: int) -> None:
    assert real_port(port, True) == port
    assert real_port(port, False) == (port + 8000 if port < 1024 else port)


def test_a_changed_target_or_weight_leaves_listeners_and_clusters_alone() -> None:
    before = render(snapshot(default(forward((A, 9), (B, 1)))))
    up = TargetGroup(A, endpoints=(("10.0.0.4", 80),))
    after = render(snapshot(default(forward((A, 1), (B, 9))), groups=(up, TargetGroup(B))))
    assert before.listeners == after.listeners
    assert before.clusters == after.clusters
    assert before.routes != after.routes
    assert before.endpoints != after.endpoints


def test_rules_keep_their_order_and_the_default_is_last() -> None:
    found = routes(
        Rule(({"Field": "path-pattern", "Values": ["/x"]},), fixed(201)),
        Rule(({"Field": "path-pattern", "Values": ["/*"]},), fixed(202)),
        default(fixed(203)),
    )
    assert [route["direct_response"]["status"] for route in found] == [201, 202, 203]


def test_forwarded_for_can_be_removed() -> None:
    mode = {"routing__http__xff_header_processing__mode": "remove"}
    route = render(snapshot(default(fixed(200)), **mode)).routes[0]
    assert "x-forwarded-for" in route["request_headers_to_remove"]

"""Health of targets: the rules, the probes against real sockets, and what the API says of them."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.waiting import eventually
from tests.support.web import Network, fixed, forward, get

from drydock.embedded.services.elbv2.health import (
    CHECKING,
    FAILED,
    PASSED,
    TIMED_OUT,
    Health,
    Outcome,
    Probe,
    judge,
    matches,
    probe,
    routable,
)

MISMATCH = Outcome("Target.ResponseCodeMismatch", "Health checks failed with these codes: [500]")


def after(outcomes: list[Outcome], healthy: int = 5, unhealthy: int = 2) -> Health:
    health = CHECKING
    for outcome in outcomes:
        health = judge(health, outcome, healthy, unhealthy)
    return health


def test_a_new_target_is_healthy_after_one_success() -> None:
    assert after([PASSED]).state == "healthy"
    assert after([FAILED, PASSED]).state == "healthy"


def test_a_new_target_stays_initial_until_it_failed_often_enough() -> None:
    assert after([FAILED]).reason == "Elb.InitialHealthChecking"
    assert after([FAILED, TIMED_OUT]) == Health("unhealthy", "Target.Timeout", "Request timed out", failures=2)


def test_an_unhealthy_target_needs_its_threshold_of_successes() -> None:
    down = [FAILED, FAILED]
    assert after([*down, *[PASSED] * 4]).state == "unhealthy"
    assert after([*down, *[PASSED] * 4, MISMATCH, *[PASSED] * 4]).state == "unhealthy"
    assert after([*down, *[PASSED] * 5]).state == "healthy"


@given(st.lists(st.sampled_from([PASSED, FAILED, MISMATCH])), st.integers(2, 10), st.integers(2, 10))
def test_one_stray_failure_never_takes_a_healthy_target_out(
    outcomes: list[Outcome], healthy: int, unhealthy: int
) -> None:
    before = after(outcomes, healthy, unhealthy)
    if before.state == "healthy" and (not outcomes or outcomes[-1] is PASSED):
        assert judge(before, FAILED, healthy, unhealthy).state == "healthy"


@given(st.lists(st.sampled_from([PASSED, FAILED, MISMATCH])), st.integers(2, 10), st.integers(2, 10))
def test_a_reason_is_told_unless_healthy(outcomes: list[Outcome], healthy: int, unhealthy: int) -> None:
    health = after(outcomes, healthy, unhealthy)
    assert (health.reason is None) == (health.state == "healthy")


@given(st.integers(200, 499))
def test_matcher_lists_and_ranges(code: int) -> None:
    assert matches(code, "200-299,404") == (code < 300 or code == 404)


UP, DOWN, NEW = Health("healthy"), Health("unhealthy"), CHECKING
A, B, C = ("10.0.0.4", 80), ("10.0.0.4", 81), ("10.0.0.5", 80)
MINIMUM = "target_group_health.unhealthy_state_routing.minimum_healthy_targets"


@pytest.mark.parametrize(
    ("targets", "attributes", "expected"),
    [
        ([(A, UP), (B, DOWN), (C, NEW)], {}, (A,)),
        ([(A, DOWN), (B, DOWN), (C, NEW)], {}, (A, B)),  # fails open
        ([(A, NEW)], {}, ()),
        ([], {}, ()),
        ([(A, UP), (B, DOWN)], {f"{MINIMUM}.count": "2"}, (A, B)),
        ([(A, UP), (B, DOWN), (C, DOWN)], {f"{MINIMUM}.percentage": "50"}, (A, B, C)),
        ([(A, UP), (B, DOWN)], {f"{MINIMUM}.percentage": "50"}, (A,)),
    ],
)
def test_who_gets_traffic(targets: Any, attributes: dict[str, str], expected: Any) -> None:
    assert routable(targets, attributes) == expected


# -- probes -----------------------------------------------------------------------------------------------


def ask(port: int, protocol: str = "HTTP", timeout: float = 2.0) -> Outcome:
    return asyncio.run(probe(Probe("127.0.0.1", port, protocol, "/", "127.0.0.1", "200", timeout)))


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", PASSED),
        (b"HTTP/1.0 500 Oh\r\n\r\n", MISMATCH),
        (b"hello\r\n", FAILED),
        (b"HTTP/1.1 abc\r\n", FAILED),
        (b"", FAILED),
    ],
)
def test_what_a_reply_means(reply: bytes, expected: Outcome) -> None:
    async def talk() -> Outcome:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            request = await reader.readuntil(b"\r\n\r\n")
            assert request.startswith(b"GET /up HTTP/1.1\r\n")
            assert b"User-Agent: ELB-HealthChecker/2.0\r\n" in request
            writer.write(reply)
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            return await probe(Probe("127.0.0.1", port, "HTTP", "/up", "127.0.0.1", "200", 2.0))

    assert asyncio.run(talk()) == expected


def test_refused_and_silent_targets() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert ask(port, timeout=0.1) == TIMED_OUT
        assert ask(port, "TCP") == PASSED
    assert ask(port) == FAILED


# -- through the API --------------------------------------------------------------------------------------


@pytest.mark.process
def test_an_unhealthy_target_leaves_rotation_and_says_why(network: Network) -> None:
    for number in (5, 6):
        network.serve(number)
    lb = network.load_balancer()
    group = network.target_group("tg", 5, 6, HealthyThresholdCount=2)
    assert {health["Reason"] for health in network.health(group).values()} == {"Target.NotInUse"}
    network.listener(lb, forward((group, 1)))
    eventually(lambda: network.all_healthy(group) and get(lb["DNSName"]).status == 200)
    sick, well = f"{network.address(5)}:8080", f"{network.address(6)}:8080"

    get(sick, "/fail/500")
    eventually(lambda: network.health(group)[sick]["State"] == "unhealthy")
    assert network.health(group)[sick] == {
        "State": "unhealthy",
        "Reason": "Target.ResponseCodeMismatch",
        "Description": "Health checks failed with these codes: [500]",
    }
    eventually(lambda: {get(lb["DNSName"]).json["me"] for _ in range(6)} == {well})

    get(well, "/fail/503")  # both: fails open
    eventually(lambda: network.states(group)["unhealthy"] == 2)
    eventually(lambda: {get(lb["DNSName"]).json["me"] for _ in range(6)} == {sick, well})

    get(sick, "/fail/200")
    get(well, "/fail/200")
    eventually(lambda: network.all_healthy(group))


@pytest.mark.process
def test_dead_and_silent_targets(network: Network) -> None:
    for number in (5, 6):
        network.serve(number)
    get(f"{network.address(6)}:8080", "/fail/0")  # health checks hang from now on
    lb = network.load_balancer()
    group = network.target_group("tg", 5, 6, 7)
    network.listener(lb, forward((group, 1)))
    eventually(lambda: network.states(group) == {"healthy": 1, "unhealthy": 2})
    health = network.health(group)
    assert health[f"{network.address(6)}:8080"]["Reason"] == "Target.Timeout"
    assert health[f"{network.address(6)}:8080"]["Description"] == "Request timed out"
    assert health[f"{network.address(7)}:8080"]["Reason"] == "Target.FailedHealthChecks"
    assert health[f"{network.address(7)}:8080"]["Description"] == "Health checks failed"


@pytest.mark.process
def test_two_ports_on_one_address(network: Network) -> None:
    network.serve(5, 8080)
    network.serve(5, 8081)
    lb = network.load_balancer()
    group = network.target_group("tg")
    network.listener(lb, forward((group, 1)))
    both = [{"Id": network.address(5), "Port": port} for port in (8080, 8081)]
    network.elb.register_targets(TargetGroupArn=group, Targets=both)
    eventually(lambda: network.states(group) == {"healthy": 2})
    seen = {get(lb["DNSName"]).json["me"] for _ in range(4)}
    assert seen == {f"{network.address(5)}:{port}" for port in (8080, 8081)}
    network.elb.modify_target_group_attributes(
        TargetGroupArn=group, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "0"}]
    )
    network.elb.deregister_targets(TargetGroupArn=group, Targets=both[:1])
    assert list(network.health(group)) == [f"{network.address(5)}:8081"]
    assert network.all_healthy(group)


@pytest.mark.process
def test_another_port_and_codes_for_the_check(network: Network) -> None:
    network.serve(5, 8080)
    network.serve(5, 9090)
    get(f"{network.address(5)}:9090", "/fail/204")
    lb = network.load_balancer()
    group = network.target_group("tg", 5, HealthCheckPort="9090", Matcher={"HttpCode": "200-204"})
    network.listener(lb, forward((group, 1)))
    eventually(lambda: network.all_healthy(group))
    shown = network.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"][0]
    assert shown["HealthCheckPort"] == "9090"
    network.processes[1].kill()
    eventually(lambda: network.states(group) == {"unhealthy": 1})


@pytest.mark.process
def test_the_address_of_a_load_balancer_is_no_target(network: Network) -> None:
    lb = network.load_balancer()
    group = network.target_group("tg")
    network.listener(lb, fixed(200))
    network.listener(lb, forward((group, 1)), port=81)
    address = lb["DNSName"].partition(":")[0]
    network.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": address}])
    assert network.health(group)[f"{address}:8080"]["Reason"] == "Target.IpUnusable"

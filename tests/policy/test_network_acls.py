"""Entries of network ACLs, by the examples of the VPC user guide ("Custom network ACLs", "Ephemeral ports")."""

from __future__ import annotations

import pytest

from drydock.policy.network_acls import OF_LINUX, OF_LOAD_BALANCERS, Acl, Entry, lets, passes
from drydock.policy.security_groups import End

ANY = "0.0.0.0/0"
EVERYTHING, HTTP = Entry(100, True, "-1", ANY), Entry(100, True, "6", ANY, 80, 80)
ANSWERS = Entry(140, True, "6", ANY, 32768, 65535)
NOT_HERE = Entry(90, False, "-1", "10.0.3.0/24")
OPEN = Acl((EVERYTHING,), (EVERYTHING,))
WEB = Acl(egress=(ANSWERS,), ingress=(HTTP,))
HERE, THERE = End("10.0.1.4", subnet="here"), End("10.0.2.4", subnet="there")


@pytest.mark.parametrize(
    ("entries", "protocol", "other", "ports", "expected"),
    [
        ([], "tcp", "10.0.1.4", (80,), False),
        ([HTTP], "tcp", "10.0.1.4", (80,), True),
        ([HTTP], "tcp", "10.0.1.4", (443,), False),
        ([HTTP], "udp", "10.0.1.4", (80,), False),
        ([EVERYTHING], "udp", "10.0.1.4", (53,), True),
        ([HTTP, NOT_HERE], "tcp", "10.0.3.4", (80,), False),
        ([HTTP, Entry(110, False, "-1", ANY)], "tcp", "10.0.3.4", (80,), True),  # the lower number decides
        ([ANSWERS], "tcp", "10.0.1.4", OF_LINUX, True),
        ([ANSWERS], "tcp", "10.0.1.4", OF_LOAD_BALANCERS, False),
        ([ANSWERS, Entry(150, True, "6", ANY, 1024, 32767)], "tcp", "10.0.1.4", OF_LOAD_BALANCERS, True),
        ([Entry(130, False, "6", ANY, 40000, 40000), ANSWERS], "tcp", "10.0.1.4", OF_LINUX, False),
        ([Entry(100, True, "6", "10.0.1.9/16", 80, 80)], "tcp", "10.0.200.7", (80,), True),
    ],
)
def test_the_first_entry_that_matches_decides(
    entries: list[Entry], protocol: str, other: str, ports: tuple[int, ...], expected: bool
) -> None:
    assert lets(reversed(entries), protocol, other, *ports) is expected


@pytest.mark.parametrize(
    ("here", "there", "protocol", "expected"),
    [
        (OPEN, WEB, "tcp", True),
        (WEB, OPEN, "tcp", False),  # what is called is not let out
        (OPEN, Acl(ingress=(HTTP,)), "tcp", False),  # no answer is let out
        (Acl(egress=(HTTP,)), OPEN, "tcp", False),  # no answer is let in
        (Acl(egress=(HTTP,), ingress=(ANSWERS,)), WEB, "tcp", True),
        (Acl(egress=(EVERYTHING,)), Acl(ingress=(EVERYTHING,)), "udp", True),  # a datagram has no answer
        (OPEN, Acl(), "tcp", False),
        (Acl(), OPEN, "udp", False),
    ],
)
def test_both_subnets_let_a_call_and_its_answers_through(here: Acl, there: Acl, protocol: str, expected: bool) -> None:
    assert passes({"here": here, "there": there}, HERE, THERE, 80, protocol) is expected


def test_within_a_subnet_and_where_there_is_no_acl_everything_passes() -> None:
    shut = {"here": Acl()}
    assert passes(shut, HERE, End("10.0.1.5", subnet="here"), 80)
    assert passes({}, HERE, THERE, 80)
    assert not passes(shut, End("203.0.113.7"), HERE, 80) and not passes(shut, HERE, End("203.0.113.7"), 443)


def test_a_load_balancer_calls_from_more_ports_than_a_task() -> None:
    acls = {"here": OPEN, "there": WEB}
    assert passes(acls, HERE, THERE, 80)
    assert not passes(acls, HERE, THERE, 80, answers_to=OF_LOAD_BALANCERS)

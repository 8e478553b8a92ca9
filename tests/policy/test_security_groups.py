"""Rules of security groups, by the examples of the VPC user guide."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.security_groups import End, Rule, Rules, lets, passes

HTTP = Rule("tcp", 80, 80, ("0.0.0.0/0",))
FROM_SELF = Rule("-1", groups=("sg-1",))
RANGE = Rule("tcp", 8000, 8080, ("10.0.0.0/24", "10.0.9.0/24"))


@pytest.mark.parametrize(
    ("rule", "protocol", "port", "other", "expected"),
    [
        (HTTP, "tcp", 80, End("203.0.113.7"), True),
        (HTTP, "tcp", 443, End("203.0.113.7"), False),
        (HTTP, "udp", 80, End("203.0.113.7"), False),
        (FROM_SELF, "tcp", 5432, End("10.0.0.9", ("sg-1", "sg-2")), True),
        (FROM_SELF, "udp", 53, End("10.0.0.9", ("sg-1",)), True),
        (FROM_SELF, "tcp", 5432, End("10.0.0.9", ("sg-2",)), False),
        (RANGE, "tcp", 8000, End("10.0.0.255"), True),
        (RANGE, "tcp", 8080, End("10.0.9.1"), True),
        (Rule("tcp", 80, 80, ("10.0.0.1/16",)), "tcp", 80, End("10.0.200.7"), True),
        (RANGE, "tcp", 8081, End("10.0.9.1"), False),
        (RANGE, "tcp", 8080, End("10.0.1.1"), False),
    ],
)
def test_a_rule(rule: Rule, protocol: str, port: int, other: End, expected: bool) -> None:
    assert lets([rule], protocol, port, other) is expected


def test_one_rule_that_lets_is_enough_and_none_is_not() -> None:
    assert lets([RANGE, HTTP], "tcp", 80, End("10.0.1.1"))
    assert not lets([], "tcp", 80, End("10.0.1.1"))


RULES = st.lists(st.sampled_from([HTTP, FROM_SELF, RANGE]), max_size=3)


@settings(max_examples=50)
@given(RULES, RULES, RULES, st.sampled_from([80, 443, 8000]), st.sampled_from(["10.0.0.7", "10.0.9.1", "192.0.2.1"]))
def test_a_rule_more_never_shuts_out_and_both_ends_have_to_let(
    out: list[Rule], into: list[Rule], more: list[Rule], port: int, address: str
) -> None:
    source, destination = End(address, ("sg-1",)), End("10.0.0.9", ("sg-2",))

    def comes(egress: list[Rule], ingress: list[Rule]) -> bool:
        groups = {"sg-1": Rules(egress=tuple(egress)), "sg-2": Rules(ingress=tuple(ingress))}
        return passes(groups, source, destination, port)

    if comes(out, into):
        assert comes(out + more, into + more)
        assert lets(out, "tcp", port, destination) and lets(into, "tcp", port, source)
    assert not comes([], into) and not comes(out, [])

"""Who refuses whom in a handshake, and for how long an issuer may be away."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.mesh import tls
from drydock.policy.mesh.tls import Certificate, Check, Renewals, Side

SERVER = Certificate(frozenset({"orders"}), "ours", 0, 100)
CLIENT = Certificate(frozenset({"shop"}), "ours", 0, 100)
OURS, THEIRS = Check(frozenset({"ours"})), Check(frozenset({"theirs"}))


@pytest.mark.parametrize(
    ("client", "server", "now", "expected"),
    [
        (Side(), Side(SERVER), 50, None),
        (Side(check=OURS), Side(SERVER), 50, None),
        (Side(check=THEIRS), Side(SERVER), 50, ("client", tls.ISSUER)),
        (Side(check=OURS), Side(SERVER), 100, ("client", tls.TIME)),
        (Side(check=OURS), Side(SERVER), -1, ("client", tls.TIME)),
        (Side(check=Check(frozenset({"ours"}), frozenset({"shop"}))), Side(SERVER), 50, ("client", tls.NAME)),
        (Side(check=OURS), Side(SERVER, OURS), 50, None),
        (Side(check=OURS), Side(SERVER, OURS, required=True), 50, ("server", tls.NO_CERTIFICATE)),
        (Side(CLIENT, OURS), Side(SERVER, OURS, required=True), 50, None),
        (Side(CLIENT, OURS), Side(SERVER, THEIRS), 50, ("server", tls.ISSUER)),
        (Side(CLIENT), Side(SERVER, OURS, required=True), 100, ("server", tls.TIME)),
        (Side(CLIENT), Side(SERVER, Check(frozenset({"ours"}), frozenset({"reports"}))), 50, ("server", tls.NAME)),
        (Side(CLIENT, THEIRS), Side(SERVER, THEIRS, required=True), 50, ("client", tls.ISSUER)),
    ],
)
def test_who_refuses_and_why(client: Side, server: Side, now: float, expected: tuple[str, str] | None) -> None:
    assert tls.refusal(client, server, now) == expected


def test_the_issuer_is_looked_at_before_the_time_and_that_before_the_name() -> None:
    over = Certificate(frozenset({"x"}), "theirs", 0, 1)
    check = Check(frozenset({"ours"}), frozenset({"shop"}))
    assert tls.fault(check, over, 5) == tls.ISSUER
    assert tls.fault(Check(frozenset({"theirs"}), frozenset({"shop"})), over, 5) == tls.TIME
    assert tls.fault(Check(frozenset({"theirs"}), frozenset({"shop"})), over, 0) == tls.NAME


def test_a_server_without_a_certificate_is_said() -> None:
    with pytest.raises(ValueError, match="A server needs a certificate"):
        tls.refusal(Side(), Side(), 0)


def test_renewals_go_on_after_the_issuer_was_away() -> None:
    assert list(Renewals(168, 120).issued(400)) == [0, 120, 240, 360]
    assert list(Renewals(168, 120, 120, 60).issued(400)) == [0, 180, 300]
    assert Renewals(168, 120, 120, 60).without(400) == 12
    assert Renewals(168, 120).reserve == 48


@settings(max_examples=50)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 60))
def test_the_reserve_is_how_long_the_issuer_may_be_away(lifetime: int, every: int, outage: int) -> None:
    every = min(every, lifetime)
    found = Renewals(lifetime, every, every, outage)
    assert found.without(400) == max(0, outage - found.reserve)

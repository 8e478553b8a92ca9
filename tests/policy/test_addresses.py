from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydock.policy.addresses import (
    NoFreeAddress,
    can_be_target,
    loopback,
    next_free,
    object_at,
    reserved,
    resolver,
)

subnets = st.builds(
    lambda number, prefix: str(IPv4Network((number, prefix), strict=False)),
    st.integers(0, 2**32 - 1),
    st.integers(24, 28),
)


@given(st.integers(0, 2**32 - 1))
def test_every_address_has_one_on_loopback_and_loopback_ones_stay(number: int) -> None:
    address = str(IPv4Address(number))
    there = loopback(address)
    assert there.startswith("127.")
    assert there.split(".")[1:] == address.split(".")[1:]
    assert loopback(there) == there


def test_reserved_and_resolver() -> None:
    assert [a.rpartition(".")[2] for a in reserved("127.10.1.0/28")] == ["0", "1", "2", "3", "15"]
    assert resolver("172.31.0.0/16") == "172.31.0.2"


@given(subnets)
def test_a_subnet_gives_out_each_usable_address_once(cidr: str) -> None:
    taken: list[str] = []
    with pytest.raises(NoFreeAddress):
        while True:
            taken.append(next_free(cidr, taken))
    network = IPv4Network(cidr)
    assert len(taken) == len(set(taken)) == network.num_addresses - 5
    assert all(IPv4Address(a) in network for a in taken)
    assert not set(taken) & set(reserved(cidr))


@given(subnets, st.data())
def test_a_released_address_comes_back_last(cidr: str, data: st.DataObject) -> None:
    usable = [str(a) for a in IPv4Network(cidr)][4:-1]
    released = data.draw(st.sampled_from(usable))
    others = []
    while len(others) < len(usable) - 1:
        others.append(next_free(cidr, others, after=others[-1] if others else released))
    assert released not in others
    assert next_free(cidr, others, after=others[-1]) == released


def test_the_last_address_wraps_to_the_first() -> None:
    assert next_free("10.0.0.0/28", set(), after="10.0.0.14") == "10.0.0.4"
    assert next_free("10.0.0.0/28", set(), after="10.0.9.9") == "10.0.0.4"
    assert next_free("10.0.0.0/28", set(), after="9.0.0.1") == "10.0.0.4"


@pytest.mark.parametrize(
    ("address", "accepted"),
    [
        ("127.10.3.4", True),
        ("127.11.0.4", False),
        ("10.1.2.3", True),
        ("172.31.0.1", True),
        ("172.32.0.1", False),
        ("100.64.0.1", True),
        ("8.8.8.8", False),
        ("i-0123", False),
    ],
)
def test_what_a_target_group_takes(address: str, accepted: bool) -> None:
    assert can_be_target(address, ["127.10.0.0/16"]) is accepted


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://127.0.0.1:4566/b/k/1.json", ("b", "k/1.json")),
        ("http://localhost:4566/b/k", ("b", "k")),
        ("http://[::1]:4566/b/k%20x", ("b", "k x")),
        ("http://b.localhost:4566/k", ("b", "k")),
        ("http://b.s3.localhost.localstack.cloud:4566/k", ("b", "k")),
        ("https://s3.amazonaws.com/b/k", ("b", "k")),
        ("https://s3-eu-west-1.amazonaws.com/b/k", ("b", "k")),
        ("https://s3.cn-north-1.amazonaws.com.cn/b/k?versionId=1", ("b", "k")),
        ("https://b.c.s3.us-east-1.amazonaws.com/k", ("b.c", "k")),
        ("https://b.s3.amazonaws.com/k/", ("b", "k/")),
        ("https://example.com/b/k", None),
        ("s3://b/k", None),
        ("http://127.0.0.1:4566/b", None),
        ("http://[x/b/k", None),
        ("", None),
    ],
)
def test_where_an_object_is(url: str, place: tuple[str, str] | None) -> None:
    assert object_at(url) == place

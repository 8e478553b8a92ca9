"""Which zone a request is sent to: Envoy's tables, the cases of its tests, and what holds for all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.mesh.locality import Hosts, levels, own_zone_first, shares


def percents(*healthy: int) -> list[Hosts]:
    return [Hosts(each, 100) for each in healthy]


@pytest.mark.parametrize(
    ("healthy", "expected"),
    [
        ((100, 100), (100, 0)), ((72, 100), (100, 0)), ((71, 100), (99, 1)), ((50, 100), (70, 30)),
        ((25, 100), (35, 65)), ((0, 100), (0, 100)), ((72, 72), (100, 0)), ((71, 71), (99, 1)), ((50, 50), (70, 30)),
        ((25, 25), (50, 50)), ((100, 100, 100), (100, 0, 0)), ((71, 71, 100), (99, 1, 0)),
        ((50, 50, 100), (70, 30, 0)), ((25, 100, 100), (35, 65, 0)), ((25, 25, 100), (35, 35, 30)),
    ],
)  # fmt: skip
def test_priority_levels_as_documented(healthy: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """Envoy's documentation, "Priority levels", its three tables."""
    assert tuple(one.percent for one in levels(percents(*healthy), threshold=0)) == expected


@pytest.mark.parametrize(
    ("healthy", "expected"),
    [
        ((72, 100), [(100, False), (0, False)]),
        ((25, 100), [(35, False), (65, False)]),
        ((25, 25), [(50, True), (50, True)]),
        ((5, 65), [(8, True), (92, False)]),
    ],
)
def test_panic_as_documented(healthy: tuple[int, int], expected: list[tuple[int, bool]]) -> None:
    """Envoy's documentation, "Panic threshold". It has 7 and 93 in the last: what rounding leaves goes to the first."""
    assert [(one.percent, one.panic) for one in levels(percents(*healthy))] == expected


@pytest.mark.parametrize(
    ("hosts", "expected", "panic"),
    [
        ([(1, 1), (1, 1)], [100, 0], [False, False]),
        ([(1, 2), (1, 2)], [70, 30], [False, False]),
        ([(1, 4), (2, 2)], [35, 65], [False, False]),
        ([(1, 4), (1, 4)], [50, 50], [True, True]),
        ([(0, 1), (0, 1)], [50, 50], [True, True]),
        ([(0, 1), (0, 2)], [34, 66], [True, True]),
        ([(1, 2), (1, 2), (1, 2)], [70, 30, 0], [False] * 3),
        ([(1, 4), (1, 4), (1, 4)], [35, 35, 30], [False] * 3),
        ([(1, 5), (1, 5), (1, 5)], [34, 33, 33], [True] * 3),
        ([(0, 5), (0, 5), (5, 5)], [0, 0, 100], [False] * 3),
        ([(0, 5), (0, 5), (4, 5)], [0, 0, 100], [False] * 3),
        ([(0, 5), (0, 5), (2, 5)], [34, 33, 33], [True] * 3),
        ([(0, 5), (0, 3), (0, 2)], [50, 30, 20], [True] * 3),
        ([(0, 5), (2, 6), (1, 3)], [37, 42, 21], [True] * 3),
        ([(0, 0), (0, 6), (0, 3)], [0, 67, 33], [True] * 3),
    ],
)  # fmt: skip
def test_envoys_own_levels(hosts: list[tuple[int, int]], expected: list[int], panic: list[bool]) -> None:
    """envoyproxy/envoy test/extensions/load_balancing_policies/common/load_balancer_impl_base_test.cc,
    PrioritySelection, GentleFailover and GentleFailoverWithExtraLevels."""
    found = levels([Hosts(*one) for one in hosts])
    assert [one.percent for one in found] == expected
    assert [one.panic for one in found] == panic


def test_without_overprovisioning_a_level_gets_its_healthy_part() -> None:
    """The same file, OverProvisioningFactor."""
    assert [one.percent for one in levels([Hosts(2, 4), Hosts(2, 4)])] == [70, 30]
    assert [one.percent for one in levels([Hosts(2, 4), Hosts(2, 4)], factor=100)] == [50, 50]


def test_where_panic_is_off_and_nothing_is_healthy_the_first_level_gets_all() -> None:
    assert [(one.percent, one.panic) for one in levels([Hosts(0, 3), Hosts(0, 3)], threshold=0)] == [
        (100, False),
        (0, False),
    ]


@pytest.mark.parametrize(("healthy", "expected"), [(100, 33), (70, 33), (69, 32), (50, 26), (25, 15), (0, 0)])
def test_weights_of_zones_as_documented(healthy: int, expected: int) -> None:
    """Envoy's documentation, "Locality weighted load balancing". It rounds 32.9 % up and cuts 32.6 %."""
    found = shares({"X": Hosts(healthy, 100, weight=1), "Y": Hosts(100, 100, weight=2)})
    assert 100 * found["X"] == pytest.approx(expected, abs=0.7)
    assert found["Y"] == pytest.approx(1 - found["X"])


def test_the_callers_zone_is_first_and_the_rest_goes_where_there_is_room() -> None:
    """envoyproxy/envoy round_robin_lb_test.cc, ZoneAwareResidualsMismatched, ZoneAwareDifferentZoneSize,
    ZoneAwareRoutingSmallZone, ZoneAwareNoMatchingZones, ZoneAwareEmptyLocalities."""
    callers = {"A": 2, "B": 2, "C": 1, "D": 1}
    found = own_zone_first("A", callers, {"A": 1, "C": 3, "D": 3, "E": 1}).shares
    rest = {"C": 2084, "D": 2084, "E": 1250}
    assert found["A"] == pytest.approx(0.375, abs=1e-4)
    assert {name: found[name] for name in rest} == {
        name: pytest.approx((1 - found["A"]) * each / 5418) for name, each in rest.items()
    }
    other = own_zone_first("B", {"B": 1, "A": 1}, {"B": 1, "A": 1, "C": 1}, least=3).shares
    assert other == {"B": pytest.approx(0.6666), "A": 0, "C": pytest.approx(0.3334)}
    small = own_zone_first("A", {"A": 1, "B": 1, "C": 1}, {"A": 1, "B": 2, "C": 2}, least=5).shares
    assert small == {"A": pytest.approx(0.6, abs=1e-3), "B": pytest.approx(0.2, 0.01), "C": pytest.approx(0.2, 0.01)}
    nobody = own_zone_first("A", {"A": 1, "B": 1, "C": 1}, {"D": 1, "E": 1, "F": 1}, least=3).shares
    assert nobody == {name: pytest.approx(1 / 3) for name in "DEF"}
    zones = {"A": 0, "B": 0, "C": 2, "E": 1, "F": 2, "H": 1}
    empty = own_zone_first("A", {"A": 1, "C": 1, "D": 1, "F": 1}, zones, least=3).shares
    room = {"A": 0, "B": 0, "C": 833, "E": 1666, "F": 833, "H": 1666}
    assert empty == {name: pytest.approx(each / 4998) for name, each in room.items()}


@pytest.mark.parametrize(
    ("callers", "hosts", "least", "why"),
    [
        ({"A": 1}, {"A": 1, "B": 1}, 2, "one zone"),
        ({"A": 1, "B": 1}, {"A": 1}, 1, "one zone"),
        ({"B": 1, "C": 1}, {"A": 1, "B": 1}, 1, "no caller is known in A"),
        ({"A": 1, "B": 1}, {"A": 2, "B": 3}, 6, "5 healthy hosts, fewer than 6"),
    ],
)
def test_where_zones_do_not_count_each_host_gets_the_same(
    callers: dict[str, int], hosts: dict[str, int], least: int, why: str
) -> None:
    """The same file, NoZoneAwareNotEnoughLocalZones, NoZoneAwareNotEnoughUpstreamZones, ZoneAwareSmallCluster."""
    found = own_zone_first("A", callers, hosts, least=least)
    assert why in found.why
    assert found.shares == {name: count / sum(hosts.values()) for name, count in hosts.items()}


HOSTS = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(lambda pair: Hosts(min(pair), max(pair)))


@settings(max_examples=50)
@given(st.lists(HOSTS, min_size=1, max_size=4))
def test_the_levels_share_all_and_a_host_more_takes_no_more_from_its_level_than_rounding(hosts: list[Hosts]) -> None:
    for threshold in (0, 50):
        assert sum(one.percent for one in levels(hosts, threshold=threshold)) == 100
    first = hosts[0]
    more = [Hosts(min(first.all, first.healthy + 1), first.all), *hosts[1:]]
    assert levels(more, threshold=0)[0].percent >= levels(hosts, threshold=0)[0].percent - len(hosts)


@settings(max_examples=50)
@given(
    st.dictionaries(
        st.sampled_from("ABC"),
        st.builds(Hosts, st.sampled_from([1, 4, 7, 8, 9]), st.just(9), st.integers(1, 5)),
        min_size=1,
    )
)
def test_the_zones_share_all_and_none_gets_more_of_it_than_its_weight_once_others_are_whole(
    zones: dict[str, Hosts],
) -> None:
    found = shares(zones)
    assert sum(found.values()) == pytest.approx(1)
    whole = shares({name: Hosts(9, 9, one.weight) for name, one in zones.items()})
    worst = min(zones, key=lambda name: zones[name].healthy)
    assert found[worst] <= whole[worst] + 1e-9
    assert zones[worst].healthy < 7 or found == pytest.approx(whole)  # 7 of 9 by 1.4 are more than all


@settings(max_examples=50)
@given(
    st.dictionaries(st.sampled_from("ABCD"), st.integers(1, 6), min_size=2),
    st.dictionaries(st.sampled_from("ABCD"), st.integers(1, 6), min_size=2),
)
def test_each_host_gets_the_same_of_all_callers_together_and_what_may_stay_in_its_zone_stays(
    callers: dict[str, int], hosts: dict[str, int]
) -> None:
    gets = dict.fromkeys(hosts, 0.0)
    for zone, count in callers.items():
        route = own_zone_first(zone, callers, hosts, least=1).shares
        assert sum(route.values()) == pytest.approx(1)
        for name, share in route.items():
            gets[name] += count * share
        possible = min(1.0, hosts.get(zone, 0) / sum(hosts.values()) * sum(callers.values()) / count)
        assert route.get(zone, 0.0) == pytest.approx(possible, abs=2e-3)
    each = sum(callers.values()) / sum(hosts.values())
    assert gets == {name: pytest.approx(each * count, rel=0.02) for name, count in hosts.items()}


def test_numbers_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="Of 3 hosts 0 to 3 are healthy, not 4"):
        Hosts(4, 3)
    with pytest.raises(ValueError, match="A weight is 0 or more, not -1"):
        Hosts(1, 3, -1)
    with pytest.raises(ValueError, match="at least one priority level"):
        levels([])
    with pytest.raises(ValueError, match="No host is healthy"):
        own_zone_first("A", {"A": 1, "B": 1}, {"A": 0, "B": 0})
    with pytest.raises(ValueError, match="callers: A has 0 or more, not -4"):
        own_zone_first("A", {"A": -4, "B": 4}, {"A": 3, "B": 3})
    with pytest.raises(ValueError, match="overprovisioning_factor is 1 per cent or more, not 0"):
        levels([Hosts(1, 1)], factor=0)
    with pytest.raises(ValueError, match="overprovisioning_factor is 1 per cent or more, not -140"):
        shares({"A": Hosts(1, 1)}, factor=-140)
    with pytest.raises(ValueError, match="healthy_panic_threshold is from 0 to 100 per cent, not 101"):
        levels([Hosts(1, 1)], threshold=101)

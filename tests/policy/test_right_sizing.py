"""Which Fargate size tasks need: never below what was used, never dearer than needed, over time that counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydock.policy.requests.task_definition import fargate_size
from drydock.policy.right_sizing import (
    Change,
    Size,
    Stretch,
    Used,
    held_by_containers,
    needed,
    percentile,
    right_size,
    sizes,
    stretches,
)

START = datetime(2026, 11, 1, tzinfo=UTC)
SMALL, LARGE, HUGE = Size(256, 512), Size(1024, 4096), Size(4096, 8192)


def price(size: Size) -> float:
    return size.cpu / 1024 * 0.04048 + size.memory / 1024 * 0.004445


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


@pytest.mark.parametrize(
    ("cpu", "memory", "size"),
    [
        (0, 0, Size(256, 512)),
        (256, 512, Size(256, 512)),
        (256.1, 512, Size(512, 1024)),
        (256, 512.1, Size(256, 1024)),
        (256, 2049, Size(512, 3072)),
        (4096, 30721, Size(8192, 32768)),
        (8193, 1, Size(16384, 32768)),
        (16384, 122880, Size(16384, 122880)),
    ],
)
def test_the_cheapest_size_that_holds_the_need(cpu: float, memory: float, size: Size) -> None:
    assert right_size(Used(cpu, memory), price=price) == size


@pytest.mark.parametrize(("cpu", "memory"), [(16384.1, 1), (1, 122880.1)])
def test_no_size_is_large_enough(cpu: float, memory: float) -> None:
    assert right_size(Used(cpu, memory), price=price) is None


def test_a_platform_version_before_1_4_has_no_size_above_4_vcpu() -> None:
    assert right_size(Used(4097, 1), price=price, most_cpu=4096) is None
    assert right_size(Used(1, 30721), price=price, most_cpu=4096) is None
    assert right_size(Used(1, 30720), price=price, most_cpu=4096) == Size(4096, 30720)


AMOUNTS = st.builds(Used, st.floats(0, 16384), st.floats(0, 122880))


@given(AMOUNTS)
def test_it_holds_the_need_exists_and_no_cheaper_one_does(need: Used) -> None:
    found = right_size(need, price=price)
    assert found is not None
    fargate_size(found.cpu, found.memory)
    assert found.cpu >= need.cpu and found.memory >= need.memory
    cheaper = [size for size in sizes() if price(size) < price(found)]
    assert not any(size.cpu >= need.cpu and size.memory >= need.memory for size in cheaper)


@given(AMOUNTS, AMOUNTS)
def test_who_needs_more_never_pays_less(one: Used, more: Used) -> None:
    both = Used(max(one.cpu, more.cpu), max(one.memory, more.memory))
    small, large = right_size(one, price=price), right_size(both, price=price)
    assert small is not None and large is not None and price(small) <= price(large)


MEASURED = st.lists(AMOUNTS, min_size=1, max_size=40)


@given(MEASURED, st.integers(50, 100), st.integers(0, 300))
def test_memory_is_never_below_the_peak_and_cpu_never_below_the_percentile(
    used: list[Used], percent: int, headroom: int
) -> None:
    need = needed(used, percent=percent, headroom=headroom)
    assert need.memory >= max(one.memory for one in used)
    assert sum(one.cpu <= need.cpu for one in used) >= len(used) * percent / 100 - 1e-9


@given(MEASURED, st.integers(50, 99), st.integers(0, 200))
def test_a_higher_percentile_and_more_headroom_never_need_less(used: list[Used], percent: int, headroom: int) -> None:
    need = needed(used, percent=percent, headroom=headroom)
    for more in (needed(used, percent=percent + 1, headroom=headroom), needed(used, percent=percent, headroom=201)):
        assert more.cpu >= need.cpu and more.memory >= need.memory


@pytest.mark.parametrize(("percent", "value"), [(50, 5.0), (90, 9.0), (91, 10.0), (99, 10.0), (100, 10.0)])
def test_a_percentile_is_the_nearest_rank(percent: float, value: float) -> None:
    assert percentile([float(number) for number in range(10, 0, -1)], percent) == value


def test_a_task_is_not_made_smaller_than_its_containers_say() -> None:
    web = {"name": "web", "cpu": 512, "memory": 1024, "memoryReservation": 256}
    proxy = {"name": "proxy", "memory": 512}
    assert held_by_containers([web, proxy]) == Size(512, 1024)
    assert held_by_containers([{**web, "memoryReservation": 900}, proxy]) == Size(512, 1412)
    assert held_by_containers([{"name": "free"}]) == Size(0, 0)
    assert right_size(Used(1, 1), price=price, at_least=Size(512, 1025)) == Size(512, 2048)


def test_without_a_known_deployment_all_the_time_counts() -> None:
    assert stretches([], SMALL, at(0), at(10)) == [Stretch(at(0), at(10), SMALL)]


def test_what_was_measured_before_a_change_counts_as_of_the_size_before_and_the_change_itself_not_at_all() -> None:
    change = Change(at(4), at(5), LARGE, SMALL)
    assert stretches([change], SMALL, at(0), at(10)) == [
        Stretch(at(0), at(4), LARGE),
        Stretch(at(5), at(10), SMALL),
    ]


def test_a_deployment_that_kept_the_size_does_not_part_the_time() -> None:
    kept = Change(at(4), at(5), SMALL, SMALL)
    assert stretches([kept], SMALL, at(0), at(10)) == [Stretch(at(0), at(10), SMALL)]


def test_only_the_time_asked_for_counts() -> None:
    changes = [Change(at(12), at(13), HUGE, SMALL), Change(at(-5), at(-4), LARGE, HUGE)]
    assert stretches(changes, SMALL, at(0), at(10)) == [Stretch(at(0), at(10), HUGE)]
    assert stretches([Change(at(-1), at(2), LARGE, SMALL)], SMALL, at(0), at(10)) == [Stretch(at(2), at(10), SMALL)]


def test_time_with_a_size_that_is_not_known_is_left_out() -> None:
    first, failed = Change(at(2), at(3), None, LARGE), Change(at(5), at(6), LARGE, None)
    mended = Change(at(8), at(9), None, SMALL)
    assert stretches([first, failed, mended], SMALL, at(0), at(10)) == [
        Stretch(at(3), at(5), LARGE),
        Stretch(at(9), at(10), SMALL),
    ]


def test_from_a_deployment_that_has_not_ended_nothing_counts() -> None:
    assert stretches([Change(at(4), None, LARGE, SMALL)], SMALL, at(0), at(10)) == [Stretch(at(0), at(4), LARGE)]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5), st.sampled_from([SMALL, LARGE, None])), max_size=6))
def test_stretches_are_in_order_within_the_time_and_do_not_overlap(
    changes: list[tuple[int, int, Size | None]],
) -> None:
    made = [Change(at(begun), at(begun + took), SMALL, after) for begun, took, after in changes]
    found = stretches(made, SMALL, at(3), at(15))
    assert all(at(3) <= one.start < one.end <= at(15) for one in found)
    assert all(one.end <= after.start for one, after in pairwise(found))

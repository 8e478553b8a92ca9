from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydock.policy.ecs.capacity import (
    StrategyItem,
    next_provider,
    next_to_give_up,
    split,
    strategy_of,
    validate,
    why_not_spot,
)

F, S, T = "FARGATE", "FARGATE_SPOT", "THIRD"


def two(base: int, weight: int, other: int) -> tuple[StrategyItem, ...]:
    return StrategyItem(F, weight, base), StrategyItem(S, other)


@pytest.mark.parametrize(
    ("n", "base", "weights", "expected"),
    [
        (10, 1, (1, 4), (3, 7)),  # recorded on AWS
        (40, 1, (1, 4), (9, 31)),  # recorded on AWS
        (10, 2, (1, 4), (4, 6)),
        (12, 2, (1, 4), (4, 8)),
        (1, 2, (1, 4), (1, 0)),
        (3, 1, (70, 30), (2, 1)),
        (20, 1, (70, 30), (14, 6)),
        (100, 2, (1, 4), (22, 78)),
        (1, 0, (1, 1), (1, 0)),
        (5, 2, (0, 1), (2, 3)),
        (0, 1, (1, 1), (0, 0)),
    ],
)
def test_vectors(n: int, base: int, weights: tuple[int, int], expected: tuple[int, int]) -> None:
    assert split(two(base, *weights), n) == dict(zip((F, S), expected, strict=True))


def test_single_provider_needs_no_weight() -> None:
    assert split([StrategyItem(F)], 4) == {F: 4}


def test_tasks_that_run_are_not_moved() -> None:
    assert split(two(0, 1, 1), 2, {F: 6}) == {F: 0, S: 2}


def test_base_counts_what_runs() -> None:
    assert split(two(2, 0, 1), 3, {F: 2}) == {F: 0, S: 3}


def test_tasks_outside_the_strategy_are_not_counted() -> None:
    assert split(two(0, 1, 1), 4, {"gone": 9}) == {F: 2, S: 2}


def test_negative_and_empty_are_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        split(two(0, 1, 1), -1)
    with pytest.raises(ValueError, match="at least one"):
        split([], 1)


def test_scale_in_takes_from_the_provider_above_its_share() -> None:
    strategy = two(1, 1, 4)
    assert next_to_give_up(strategy, {F: 3, S: 7}) == S
    assert next_to_give_up(strategy, {F: 1, S: 1}) == S
    assert next_to_give_up(strategy, {F: 5, S: 1}) == F
    assert next_to_give_up(strategy, {F: 3, "gone": 1}) == "gone"
    with pytest.raises(ValueError, match="nothing"):
        next_to_give_up(strategy, {F: 0})


weights = st.integers(0, 1000)
strategies_of_two = st.builds(two, st.integers(0, 20), st.integers(0, 1000), st.integers(1, 1000))


@st.composite
def strategies(draw: st.DrawFn) -> tuple[StrategyItem, ...]:
    count = draw(st.integers(1, 6))
    drawn = draw(st.lists(weights, min_size=count, max_size=count).filter(any))
    based = draw(st.integers(0, count - 1))
    base = draw(st.integers(0, 30))
    return tuple(StrategyItem(f"p{i}", weight, base if i == based else 0) for i, weight in enumerate(drawn))


@given(strategies(), st.integers(0, 300))
def test_a_fresh_split_sums_and_stays_within_one_of_the_ideal(strategy: tuple[StrategyItem, ...], n: int) -> None:
    counts = split(strategy, n)
    assert sum(counts.values()) == n
    rest = n - sum(min(item.base, n) for item in strategy)
    for item in strategy:
        share = Fraction(rest * item.weight, sum(i.weight for i in strategy))
        assert abs(counts[item.provider] - min(item.base, n) - share) < 1
        if not item.weight:
            assert counts[item.provider] == min(item.base, n)


@given(
    strategies(),
    st.integers(0, 60),
    st.dictionaries(st.sampled_from(["p0", "p1", "p2", "x"]), st.integers(0, 40)),
)
def test_a_split_on_top_of_running_tasks_sums_and_never_removes(
    strategy: tuple[StrategyItem, ...], n: int, running: dict[str, int]
) -> None:
    counts = split(strategy, n, running)
    assert sum(counts.values()) == n
    assert min(counts.values()) >= 0


@given(strategies_of_two, st.integers(0, 40))
def test_one_by_one_is_the_same_as_at_once_and_only_grows(strategy: tuple[StrategyItem, ...], n: int) -> None:
    running: dict[str, int] = {}
    for step in range(n):
        assert {F: 0, S: 0} | running == split(strategy, step)
        provider = next_provider(strategy, running)
        running[provider] = running.get(provider, 0) + 1
    assert {F: 0, S: 0} | running == split(strategy, n)


@given(strategies_of_two, st.integers(1, 40))
def test_scale_in_is_scale_out_reversed(strategy: tuple[StrategyItem, ...], n: int) -> None:
    running = split(strategy, n)
    for left in range(n - 1, -1, -1):
        running[next_to_give_up(strategy, running)] -= 1
        assert running == split(strategy, left)


@pytest.mark.parametrize(
    ("base", "fargate", "spot", "expected"),
    [
        (1, 1, 3, [(F, 1, 1), (S, 3, 0)]),
        (2, 0, 1, [(F, 0, 2), (S, 1, 0)]),
        (0, 0, 1, [(S, 1, 0)]),
        (1, 1, 0, [(F, 1, 1)]),
    ],
)
def test_a_strategy_has_the_providers_that_get_tasks(
    base: int, fargate: int, spot: int, expected: list[tuple[str, int, int]]
) -> None:
    made = strategy_of(fargate_base=base, fargate_weight=fargate, spot_weight=spot)
    assert [(one["capacityProvider"], one["weight"], one["base"]) for one in made] == expected
    validate(made, associated={F: "ACTIVE", S: "ACTIVE"})


def test_a_strategy_without_a_weight_is_none() -> None:
    with pytest.raises(ValueError, match="above 0"):
        strategy_of(fargate_base=2, fargate_weight=0, spot_weight=0)


@pytest.mark.parametrize(
    ("runtime", "version", "says"),
    [
        (None, "LATEST", ""),
        ({}, "1.3.0", ""),
        ({"cpuArchitecture": "ARM64"}, "1.4.0", ""),
        ({"cpuArchitecture": "ARM64"}, "1.3.0", "platform version 1.4.0"),
        ({}, "1.2.0", "platform version 1.3.0"),
        ({"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}, "", "Linux tasks only"),
    ],
)
def test_spot_runs_linux_of_a_platform_version_that_is_new_enough(
    runtime: dict[str, str] | None, version: str, says: str
) -> None:
    found = why_not_spot(runtime, version)
    assert says in found and bool(says) == bool(found)

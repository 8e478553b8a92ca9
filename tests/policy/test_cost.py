from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydock.policy import cost

PRICES = {"vcpu_price": 0.04048, "gb_price": 0.004445}


@pytest.mark.parametrize(
    ("vcpu", "gb", "usd"),
    [(1, 2, 0.04937), (0.25, 0.5, 0.0123425), (2, 8, 0.11652), (10, 20, 0.4937), (0, 0, 0)],
)
def test_fargate_charges_vcpu_and_memory(vcpu: float, gb: float, usd: float) -> None:
    assert cost.fargate_hour(vcpu, gb, **PRICES) == pytest.approx(usd)


@pytest.mark.parametrize(
    ("task", "instance", "share", "fit"),
    [
        ((1, 2), (4, 16), 1.0, 4),  # vCPU is gone first
        ((0.25, 2), (2, 8), 1.0, 4),  # memory is
        ((1, 2), (4, 16), 0.8, 3),
        ((0.1, 0.1), (0.3, 8), 1.0, 3),  # 0.3 / 0.1 is less than 3 in binary
        ((4, 8), (2, 8), 1.0, 0),
    ],
)
def test_tasks_that_fit(task: tuple[float, float], instance: tuple[float, float], share: float, fit: int) -> None:
    assert cost.tasks_that_fit(*task, instance_vcpu=instance[0], instance_gb=instance[1], tasks_share=share) == fit


def test_tasks_and_shares_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 0 vCPU"):
        cost.tasks_that_fit(0, 1, instance_vcpu=2, instance_gb=8)
    with pytest.raises(ValueError, match="above 0 and up to 1, not 80"):
        cost.tasks_that_fit(1, 1, instance_vcpu=2, instance_gb=8, tasks_share=80)


def test_instances_are_whole() -> None:
    assert [cost.instances_needed(tasks, 4) for tasks in (1, 4, 5, 10)] == [1, 1, 2, 3]
    with pytest.raises(ValueError, match="Not one task fits"):
        cost.instances_needed(1, 0)
    with pytest.raises(ValueError, match="tasks is 0"):
        cost.instances_needed(0, 4)


@given(st.integers(1, 500), st.sampled_from([0.25, 0.5, 1, 2]), st.sampled_from([0.5, 1, 2, 4]))
def test_what_is_needed_holds_the_tasks_and_one_fewer_does_not(tasks: int, vcpu: float, gb: float) -> None:
    fit = cost.tasks_that_fit(vcpu, gb, instance_vcpu=4, instance_gb=16)
    count = cost.instances_needed(tasks, fit)
    assert count * fit >= tasks > (count - 1) * fit
    parts = cost.filled(tasks, vcpu, gb, instances=count, instance_vcpu=4, instance_gb=16)
    assert all(0 < part <= 1 for part in parts)


def test_filled() -> None:
    parts = cost.filled(10, 1, 2, instances=3, instance_vcpu=4, instance_gb=16)
    assert parts == pytest.approx((10 / 12, 20 / 48))


def test_at_the_break_even_both_cost_the_same() -> None:
    part = cost.break_even(0.096, 0.11652)
    assert part == pytest.approx(0.8239, abs=1e-4)
    assert cost.fargate_hour(2 * part, 8 * part, **PRICES) == pytest.approx(0.096)
    assert cost.break_even(0.2, 0.1) > 1


def test_savings() -> None:
    assert cost.saving(0.6, 0.7) == pytest.approx(0.42)
    assert cost.saving(0.8, 0.7) == pytest.approx(0.56)
    with pytest.raises(ValueError, match=r"from 0 to 1 \(70 % is 0.70\), not 70"):
        cost.saving(0.6, 70)

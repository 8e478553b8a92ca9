"""Savings Plans against the scenarios of AWS's own guide."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy.savings_plans import Hour, Kind, Plan, Usage, hour

# Savings Plans User Guide, sp-applying.html: the hour of its example. Rates that the guide's totals imply: Fargate
# memory 0.004 and 0.003, Lambda requests 0.2 at no discount.
R5 = Usage("r5.4xlarge", 4, 1.00, 0.70, 0.60, "r5")
M5 = Usage("m5.24xlarge", 1, 10.00, 8.20, 7.80, "m5")
VCPU = Usage("Fargate vCPU", 400, 0.04, 0.03)
MEMORY = Usage("Fargate GB", 1600, 0.004, 0.003)
DURATION = Usage("Lambda GB-second", 1_500_000, 0.000015, 0.00001275)
REQUESTS = Usage("Lambda million requests", 1, 0.20, 0.20)
EXAMPLE = (M5, REQUESTS, VCPU, DURATION, R5, MEMORY)


def compute(commitment: float) -> Plan:
    return Plan(Kind.COMPUTE, commitment)


def spent(bill: Hour) -> dict[str, float]:
    return {one.what: one.units * one.rate for one in bill.covered}


def test_without_a_plan_the_hour_costs_59_10() -> None:
    assert hour(EXAMPLE, []).total == pytest.approx(59.10)


def test_scenario_1_the_plan_covers_everything_and_is_paid_whole() -> None:
    bill = hour(EXAMPLE, [compute(50)])
    assert bill.used == pytest.approx(47.13, abs=0.006)
    assert bill.on_demand == pytest.approx(0, abs=1e-6)
    assert bill.total == pytest.approx(50)


def test_scenario_2_the_highest_saving_first_and_the_rest_on_demand() -> None:
    bill = hour(EXAMPLE, [compute(2)])
    assert [(one.what, round(one.units, 1)) for one in bill.covered] == [("r5.4xlarge", 2.9)]
    assert bill.on_demand == pytest.approx(56.24, abs=0.01)
    assert bill.on_demand - 55.10 == pytest.approx(1.14, abs=0.01)


def test_scenario_3_after_two_reserved_instances_the_commitment_is_used_up() -> None:
    bill = hour([replace(R5, units=2), *(one for one in EXAMPLE if one is not R5)], [compute(18.20)])
    assert [one.what for one in bill.covered] == ["r5.4xlarge", "Fargate GB", "Fargate vCPU"]
    assert bill.used == pytest.approx(18.20)


def test_scenario_4_the_instance_plan_first_then_the_compute_plan() -> None:
    bill = hour(EXAMPLE, [compute(16.80), Plan(Kind.EC2_INSTANCE, 3, "r5")])
    assert spent(bill) == {
        "r5.4xlarge": pytest.approx(2.40),
        "Fargate GB": pytest.approx(4.80),
        "Fargate vCPU": pytest.approx(12.00),
    }
    assert bill.covered[0].kind is Kind.EC2_INSTANCE
    assert bill.total == pytest.approx(3 + 16.80 + 10 + 22.5 + 0.2)


def test_an_instance_plan_covers_its_family_and_no_other() -> None:
    bill = hour([R5, M5, VCPU], [Plan(Kind.EC2_INSTANCE, 100, "m5")])
    assert [one.what for one in bill.covered] == ["m5.24xlarge"]
    assert bill.on_demand == pytest.approx(4 + 16)


@pytest.mark.parametrize(
    ("usage", "plans", "says"),
    [
        ([R5], [compute(-1)], "A commitment is a sum of USD an hour"),
        ([R5], [Plan(Kind.EC2_INSTANCE, 1)], "is for one instance family"),
        ([replace(R5, units=-1)], [], "r5.4xlarge: there cannot be -1 units"),
    ],
)
def test_what_cannot_be_is_refused(usage: list[Usage], plans: list[Plan], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        hour(usage, plans)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 500), min_size=6, max_size=6), st.floats(0, 100), st.floats(0, 10))
def test_all_usage_is_charged_once_and_nothing_beyond_the_commitment(
    units: list[float], commitment: float, instance: float
) -> None:
    usage = [replace(one, units=many) for one, many in zip(EXAMPLE, units, strict=True)]
    bill = hour(usage, [compute(commitment), Plan(Kind.EC2_INSTANCE, instance, "r5")])
    assert bill.used <= bill.committed + 1e-6
    covered = sum(one.units * next(each.on_demand for each in usage if each.what == one.what) for one in bill.covered)
    assert covered + bill.on_demand == pytest.approx(sum(one.units * one.on_demand for one in usage), abs=1e-6)

"""The notebooks about money: their numbers against the dated prices, and against upstream's examples."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.concepts import (
    cost_explorer,
    ecs_or_eks,
    right_sizing,
    savings_stack,
    the_eight_pitfalls,
    version_calendar,
)
from drydock.figures import Figure
from drydock.policy.right_sizing import Size
from drydock.pricing import PRICES


def column(figure: Figure, name: str) -> list[str]:
    return [str(row[list(figure.columns).index(name)]) for row in figure.rows]


@pytest.mark.parametrize("figure", [cost_explorer.bill(instances=3, spot_percent=50, storage=50)], ids=["bill"])
def test_a_figure_names_its_axes_and_plotly_takes_it(figure: Figure) -> None:
    drawn = figure.plotly()
    assert drawn.layout.xaxis.title.text and drawn.layout.yaxis.title.text
    assert json.loads(json.dumps(figure.spec)) == figure.spec


def test_ten_tasks_alone_cost_what_guide_bs_example_comes_to() -> None:
    shown = cost_explorer.bill(load_balancers=0, public_addresses=0)
    assert shown.title == "USD 360.40 in 730 h, 355.46 in 720 h"


@pytest.mark.parametrize(
    ("cpu", "memory", "charged"),
    [
        (1024, 8192, Size(2048, 9216)),  # EKS User Guide, fargate-pod-configuration.adoc: 1 vCPU and 8 GB
        (256, 512, Size(256, 1024)),
        (1024, 2048, Size(1024, 3072)),
    ],
)
def test_a_pod_is_charged_with_256_mib_more_at_the_next_size(cpu: int, memory: int, charged: Size) -> None:
    assert cost_explorer.charged_size(cost_explorer.checked(orchestrator="EKS", cpu=cpu, memory=memory)) == charged
    assert cost_explorer.charged_size(cost_explorer.checked(cpu=cpu, memory=memory)) == Size(cpu, memory)


def test_the_largest_pod_has_no_size_left() -> None:
    with pytest.raises(ValueError, match="No Fargate size holds a pod of 16384 CPU units and 122880 MiB"):
        cost_explorer.bill(orchestrator="EKS", cpu=16384, memory=122880)


@settings(max_examples=30, deadline=None)
@given(tasks=st.integers(1, 5000), spot=st.integers(0, 100), instances=st.integers(0, 500))
def test_every_task_is_on_the_bill_once_and_spot_never_costs_more(tasks: int, spot: int, instances: int) -> None:
    mix = cost_explorer.checked(tasks=tasks, spot_percent=spot, instances=instances)
    assert sum(item.count for item in cost_explorer.items(mix) if "Fargate task" in item.what) == tasks
    assert cost_explorer.hourly(mix) <= cost_explorer.hourly(cost_explorer.checked(tasks=tasks, instances=instances))


def test_without_tasks_their_size_is_not_looked_at() -> None:
    nodes = cost_explorer.bill(orchestrator="EKS", tasks=0, cpu=16384, memory=122880, instances=1)
    assert "EKS control plane" in str(nodes.rows)


def test_one_change_leaves_the_others_and_says_what_cannot_be() -> None:
    shown = cost_explorer.one_change(tasks=10)
    bills = dict(zip(column(shown, "Change"), column(shown, "Bill"), strict=True))
    assert bills["as it is"] == "+0.0 %"
    assert "With 1024 CPU units it has 2048" in bills["half of the memory"]
    on_windows = dict(zip(column(shown, "Change"), column(shown, "USD an hour"), strict=True))["Windows"]
    prices = (PRICES[f"fargate windows {one}"].usd for one in ("vCPU", "licence", "memory", "memory"))
    assert float(on_windows) == pytest.approx(10 * sum(prices) + 0.0225 + 2 * 0.005, abs=1e-5)


def test_doubling_grows_the_bill_by_the_part_that_is_tasks_and_instances() -> None:
    assert cost_explorer.question(tasks=10, load_balancers=0, public_addresses=0).answer == pytest.approx(100)
    assert cost_explorer.question(tasks=1, instances=0).answer == pytest.approx(100 * 0.04937 / (0.04937 + 0.0325))


def load(night: int, plan: int) -> dict[str, int]:
    return {"tasks": 100, "cpu": 1024, "memory": 2048, "night_percent": night, "plan_percent": plan}


def test_the_stack_multiplies_and_the_percentages_do_not_add_up() -> None:
    shown = savings_stack.stack(
        100, 1024, 2048, to_cpu=512, to_memory=1024, architecture="arm64", spot_percent=60, spot_discount=0.7,
        plan_percent=20,
    )  # fmt: skip
    assert column(shown, "USD in 730 h") == ["3,604.01", "1,802.01", "1,441.75", "836.22", "720.88"]
    assert column(shown, "Saves, of the line before")[1:] == ["50.0 %", "20.0 %", "42.0 %", "13.8 %"]
    left = (1 - 0.5) * (1441.75 / 1802.01) * (1 - 0.42) * (720.88 / 836.22)
    assert float(column(shown, "Saved so far")[-1].split()[0]) == pytest.approx(100 * (1 - left), abs=0.06)


@pytest.mark.parametrize(
    ("night", "plan", "committed", "title"),
    [
        (40, 20, 40, "USD 73.46 a day with the plan, 82.94 without it: -11.4 %"),
        (40, 20, 100, "USD 94.79 a day with the plan, 82.94 without it: +14.3 %"),
        (100, 20, 100, "USD 94.79 a day with the plan, 118.49 without it: -20.0 %"),
        (60, 20, 100, "USD 94.79 a day with the plan, 94.79 without it: +0.0 %"),
    ],
)
def test_a_commitment_pays_where_more_than_the_price_that_is_left_is_used(
    night: int, plan: int, committed: int, title: str
) -> None:
    assert savings_stack.day(**load(night, plan), commitment_percent=committed).title == title


def test_the_least_bill_commits_to_what_runs_by_night() -> None:
    shown = savings_stack.commitments(**load(40, 20))
    assert [row[0] for row in shown.rows if row[-1]] == [40]
    assert savings_stack.question(**load(40, 20)).answer == "higher"
    assert savings_stack.question(**load(100, 52)).answer == "lower"


def test_awss_example_is_given_as_awss_guide_has_it() -> None:
    shown = savings_stack.aws_example()
    assert column(shown, "On demand") == ["0.00", "56.24", "32.70", "32.70"]
    assert column(shown, "Covered, in this order")[1] == "2.857 r5.4xlarge"


def test_a_plan_stays_behind_with_its_family() -> None:
    before, after = savings_stack.moved_family().rows
    assert (before[2], after[1]) == ("0.0000", "0.0000")
    assert float(str(after[4])) > float(str(before[4]))


def service(**given: int) -> right_sizing.Service:
    common = {"tasks": 10, "cpu": 1024, "memory": 2048, "busy_cpu": 300, "peak_memory": 512, "percentile": 99}
    return right_sizing.Service(**{**common, "headroom": 20, **given})


def test_the_week_is_the_same_for_the_same_seed_and_has_the_peak_that_was_asked_for() -> None:
    assert service().used == service().used != service(seed=2).used
    assert max(one.memory for one in service().used) == pytest.approx(512)


def test_more_headroom_and_a_higher_percentile_never_ask_for_less() -> None:
    sizes = [service(percentile=percentile, headroom=30).wanted for percentile in (50, 90, 99, 100)]
    prices = [right_sizing.price(size) for size in sizes]
    assert prices == sorted(prices)
    assert service(headroom=0).need.memory < service(headroom=50).need.memory


def test_a_size_that_only_some_headrooms_ask_for_does_not_end_the_table() -> None:
    shown = right_sizing.choices(**asdict(service(peak_memory=122_000, headroom=0)))
    assert column(shown, "Size")[:2] == ["16384 CPU units and 122880 MiB", "Fargate has none so large"]


def test_the_guides_task_fits_into_512_mib_without_any_room() -> None:
    shown = right_sizing.too_small(
        tasks=10, cpu=1024, memory=2048, busy_cpu=200, peak_memory=512, percentile=99, headroom=20
    )
    rows = {row[0]: row for row in shown.rows}
    assert rows["256 CPU units and 512 MiB"][3:] == ("fits", "0 %", "")
    assert rows["256 CPU units and 1024 MiB"][5] == "← wanted"


def test_percent_of_cpu_is_of_the_size_at_that_time() -> None:
    shown = right_sizing.after_a_change(
        tasks=10, cpu=1024, memory=2048, busy_cpu=200, peak_memory=512, percentile=99, headroom=20
    )
    assert [row[1:] for row in shown.rows] == [
        ("Wed 00:00", "512 CPU units and 1024 MiB", "19.5 %"),
        ("Mon 00:00", "1024 CPU units and 2048 MiB", "9.8 %"),
    ]


def test_on_the_day_a_support_ends_the_fee_is_six_times_as_high() -> None:
    before, after = (version_calendar.calendar("1.34", "2026-11-21", days, 1) for days in (10, 11))
    assert before.title == "2026-12-01: 1.34 is in standard support; control planes: 1, USD 73.00 in 730 h"
    assert after.title == "2026-12-02: 1.34 is in extended support; control planes: 1, USD 438.00 in 730 h"


def test_who_always_waits_pays_extended_support_without_end() -> None:
    waiting, following = version_calendar.strategies("2026-11-21", "1.33", 12, 1).rows
    assert (waiting[1], following[1]) == ("5,256.00", "876.00")
    assert version_calendar.question("2026-11-21", "1.33", 12).answer == pytest.approx((11 + 354 * 6) / 365)


def test_each_minor_version_is_an_upgrade_of_its_own() -> None:
    waiting, following = version_calendar.strategies("2026-11-21", "1.31", 1, 1).rows
    assert waiting[2:] == (1, "2026-11-26")
    assert following[2:] == (4, "2026-12-02")  # to 1.34, which is in standard support, at once, and then to 1.35
    assert version_calendar.strategies("2026-11-21", "1.36", 1, 1).rows[0][2:] == (0, "")


def test_a_version_that_is_not_yet_there_is_said_to_be_so() -> None:
    shown = version_calendar.calendar("1.33", "2025-09-01", 0, 1)
    now = dict(zip(column(shown, "Version"), column(shown, "On 2025-09-01"), strict=True))
    assert (now["1.33"], now["1.34"]) == ("standard", "not yet there")
    with pytest.raises(ValueError, match=r"EKS has 1\.34 from 2025-10-06 on, and not on 2025-09-01"):
        version_calendar.calendar("1.34", "2025-09-01", 0, 1)


def test_the_same_tasks_cost_the_same_compute_and_eks_a_fee_besides() -> None:
    ways = {name: (compute, fee) for name, compute, fee in fleet().ways()}
    assert ways["ECS on c5.2xlarge"][0] == ways["EKS on c5.2xlarge"][0]
    assert ways["EKS on c5.2xlarge"][1] == pytest.approx(0.10)
    assert ways["EKS on c5.2xlarge, extended support"][1] == pytest.approx(0.60)
    assert ways["EKS on Fargate"][0] > ways["ECS on Fargate"][0]


def test_the_least_number_of_pods_is_where_the_fee_gets_below_five_percent() -> None:
    least = int(ecs_or_eks.question(1024, 2048).answer)
    shares = [
        fee / (compute + fee)
        for pods in (least - 1, least)
        for name, compute, fee in fleet(tasks=pods).ways()
        if name == "EKS on Fargate"
    ]
    assert shares[0] >= 0.05 > shares[1]


def fleet(**given: Any) -> ecs_or_eks.Fleet:
    common = {"tasks": 100, "cpu": 1024, "memory": 2048, "instance_type": "c5.2xlarge", "tasks_percent": 90}
    return ecs_or_eks.Fleet(**{**common, "clusters": 1, **given})


@pytest.mark.parametrize("name", the_eight_pitfalls.NAMES)
def test_each_pitfall_fails_and_is_mended(name: str) -> None:
    one = the_eight_pitfalls.named(name, 100)
    better = (lambda a, b: a < b) if one.less_is_better else (lambda a, b: a > b)
    assert better(one.mended.value, one.fault.value)
    assert not better(one.guide.value, one.mended.value)


def test_two_cures_of_the_guide_lack_nothing() -> None:
    shown = the_eight_pitfalls.lacking(100)
    assert [row[0][0] for row in shown.rows if row[1] == "nothing"] == ["4", "8"]


def test_the_guides_urls_are_answered_only_with_the_port() -> None:
    one = the_eight_pitfalls.endpoints(20)
    assert (one.fault.value, one.guide.value, one.mended.value) == (0, 0, 100)


def test_hpa_and_vpa_on_one_metric_run_away_and_one_of_them_settles() -> None:
    one = the_eight_pitfalls.both_scalers(1000)
    assert one.fault.why == "from 4 on: 4, 5, 7, 9, 12, 15, 19, 24, 31"
    assert one.guide.why.endswith(": 4, 6, 6, 6, 6, 6, 6, 6, 6")
    assert the_eight_pitfalls.question(60).answer == 14
    assert the_eight_pitfalls.both_scalers(10).fault.value == 10


def test_only_a_policy_that_asks_for_the_audience_refuses_a_token_for_vault() -> None:
    assert the_eight_pitfalls._admits("sub", "vault")
    assert not the_eight_pitfalls._admits("sub and aud", "vault")


def test_two_pitfalls_are_on_the_bill() -> None:
    assert [row[0][0] for row in the_eight_pitfalls.money(100).rows] == ["1", "5"]
    assert the_eight_pitfalls.money(100).rows[0][3] == "54.6 %"  # 78 % of the tasks at 70 % off

"""What the concepts draw: the numbers of the figure, those of its table, and that each holds against policy."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydock.concepts import capacity_mix, fargate_or_ec2, rolling_bounds
from drydock.figures import Figure
from drydock.policy.ecs import rollout
from drydock.policy.requests.errors import Invalid
from drydock.pricing import SHAPES


@pytest.mark.parametrize(
    "figure",
    [
        capacity_mix.mix(10, 2, 1, 4),
        capacity_mix.saving(2, 1, 4, 0.7),
        rolling_bounds.rolling(5, 66, 133),
        fargate_or_ec2.filling("m5.large"),
        fargate_or_ec2.compare(10, 1024, 2048, "m5.xlarge"),
        fargate_or_ec2.break_evens(),
    ],
    ids=lambda figure: figure.title,
)
def test_a_figure_names_its_axes_and_plotly_takes_it(figure: Figure) -> None:
    drawn = figure.plotly()
    assert drawn.layout.yaxis.title.text
    assert drawn.layout.xaxis.title.text or all(isinstance(value, str) for value in drawn.data[0].x)
    assert json.loads(json.dumps(figure.spec)) == figure.spec


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((10, 2, 1, 4), (4, 6)),
        ((10, 1, 1, 4), (3, 7)),
        ((40, 1, 1, 4), (9, 31)),
        ((12, 2, 1, 4), (4, 8)),
        ((1, 2, 1, 4), (1, 0)),
        ((3, 1, 70, 30), (2, 1)),
        ((20, 1, 70, 30), (14, 6)),
        ((100, 2, 1, 4), (22, 78)),
        ((0, 2, 1, 4), (0, 0)),
    ],
)
def test_the_chosen_bar_is_the_split(arguments: tuple[int, int, int, int], expected: tuple[int, int]) -> None:
    shown = capacity_mix.mix(*arguments)
    assert shown.title == f"Tasks wanted: {arguments[0]}. On FARGATE: {expected[0]}, on FARGATE_SPOT: {expected[1]}"
    [chosen] = [row for row in shown.rows if row[-1]]
    assert chosen[:3] == (arguments[0], *expected)
    on_demand, spot = shown.data
    place = on_demand["x"].index(str(arguments[0]))
    assert (on_demand["y"][place], spot["y"][place]) == expected
    assert on_demand["marker"]["line"]["width"][place] == 3


@given(st.integers(0, 200), st.integers(0, 20))
def test_as_many_bars_whatever_the_size_so_that_the_page_does_not_jump(n: int, base: int) -> None:
    assert len(capacity_mix.mix(n, base, 1, 4).rows) == capacity_mix.BARS


def test_the_saving_is_the_share_on_spot_times_the_discount() -> None:
    rows = {row[0]: row for row in capacity_mix.saving(2, 1, 4, 0.7).rows}
    assert rows[10][1:] == ("60.0 %", "42.0 %", "56.0 %")
    assert rows[100][2] == "54.6 %"


def test_without_a_base_there_is_one_line_of_savings() -> None:
    shown = capacity_mix.saving(0, 1, 4, 0.7)
    assert [trace["name"] for trace in shown.data] == ["base 0"]
    assert shown.columns == ("Tasks", "Share on Spot, base 0", "Saving, base 0")
    assert shown.rows[4] == (10, "80.0 %", "56.0 %")


def test_the_bill_is_for_both_months() -> None:
    whole, mixed = capacity_mix.bill(10, 2, 1, 4, cpu=1024, memory=2048, discount=0.7).rows
    assert whole == ("all on FARGATE", "0.49370", "355.46", "360.40")
    assert mixed == ("4 FARGATE, 6 FARGATE_SPOT", "0.28635", "206.17", "209.03")


def test_a_rule_that_no_longer_gives_what_aws_recorded_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity_mix, "RECORDED", ((10, 1, 1, 4, 2, 8),))
    with pytest.raises(AssertionError, match="AWS placed 2 and 8, the rule gives"):
        capacity_mix.recorded()


def test_fargate_and_groups_do_not_mix() -> None:
    rows = dict(capacity_mix.refusals().rows)
    assert "a mix of capacity providers" in str(rows["FARGATE and an Auto Scaling group together"])
    assert len(rows) == 6


def test_without_spot_only_what_is_on_fargate_runs() -> None:
    assert capacity_mix.without_spot(10, 2, 1, 4).rows[-1] == ("the service", 10, 4, 6)


@pytest.mark.parametrize(
    ("case", "lower", "upper", "end"),
    [
        ((4, 50, 200), 2, 8, "through, 2 steps"),
        ((2, 75, 200), 2, 4, "through, 2 steps"),
        ((3, 100, 125), 3, 3, "stuck"),
        ((1, 100, 200), 1, 2, "through, 2 steps"),
        ((10, 100, 110), 10, 11, "through, 20 steps"),
        ((5, 66, 133), 4, 6, "through, 6 steps"),
        ((4, 50, 100), 2, 4, "through, 4 steps"),
    ],
)
def test_bounds_and_ends(case: tuple[int, int, int], lower: int, upper: int, end: str) -> None:
    [row] = rolling_bounds.bounds([case]).rows
    assert (row[3], row[4], row[-1]) == (lower, upper, end)


@given(st.integers(0, 20), st.integers(0, 100), st.integers(100, 250))
def test_a_rollout_stays_within_its_bounds_and_ends_as_policy_says(desired: int, minimum: int, maximum: int) -> None:
    history = rolling_bounds.steps(desired, minimum, maximum)
    assert min(step.healthy for step in history) >= rollout.lower_bound(desired, minimum)
    assert max(step.exist for step in history) <= max(desired, rollout.upper_bound(desired, maximum))
    assert rolling_bounds.is_through(history, desired) is not rollout.is_stuck(desired, minimum, maximum)


def test_the_bars_of_a_rollout_are_its_table() -> None:
    shown = rolling_bounds.rolling(5, 66, 133)
    bars = {trace["name"]: trace["y"] for trace in shown.data if trace["type"] == "bar"}
    for place, row in enumerate(shown.rows):
        _, _, old, new, starting, stopping, healthy, exist = row
        stacked = [bars[name][place] for name in ("old, healthy", "new, healthy", "new, starting", "stopping")]
        assert stacked == [old, new, starting, stopping]
        assert (sum(stacked), stacked[0] + stacked[1]) == (exist, healthy)


def test_percentages_that_ecs_refuses_are_not_drawn() -> None:
    with pytest.raises(Invalid, match="cannot be 100 as this will block deployments"):
        rolling_bounds.rolling(3, 100, 100)
    with pytest.raises(ValueError, match="maximum_percent is a whole number of 100 or more, not 50"):
        rolling_bounds.rolling(3, 50, 50)
    assert rolling_bounds.refused(66, 133) == ""


def test_a_long_rollout_is_not_taken_for_a_stuck_one() -> None:
    assert rolling_bounds.rolling(150, 100, 101).title.endswith("through after 300 steps")


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda: rolling_bounds.rolling(-1, 100, 200), "desired_count is a whole number from 0 to 5000, not -1"),
        (lambda: rolling_bounds.rolling(10**6, 100, 200), "desired_count is a whole number from 0 to 5000"),
        (lambda: rolling_bounds.rolling(5, 66.6, 133), "minimum_healthy_percent is a whole number from 0 to 100"),
        (lambda: rolling_bounds.rolling(5, "66", 133), "minimum_healthy_percent is .* not '66'"),
        (lambda: price(seconds_each_step=-60), "seconds_each_step is -60"),
        (lambda: price(seconds_each_step="a"), "seconds_each_step is a number, not 'a'"),
        (lambda: price(seconds_each_step=float("nan")), "seconds_each_step is a number, not nan"),
        (lambda: price(memory=512), "With 1024 CPU units it has 2048, 3072"),
        (lambda: capacity_mix.mix(-1, 2, 1, 4), "n is a whole number from 0 to 100000, not -1"),
        (lambda: capacity_mix.mix("ten", 2, 1, 4), "n is a whole number from 0 to 100000, not 'ten'"),
        (lambda: capacity_mix.mix(True, 2, 1, 4), "n is .* not True"),
        (lambda: capacity_mix.question("ten", 2, 1, 4, more=5), "n is .* not 'ten'"),
        (lambda: capacity_mix.mix(10, 2, 0.5, 4), "fargate_weight is .* not 0.5"),
        (lambda: capacity_mix.mix(10, -2, 1, 4), "base is .* not -2"),
        (lambda: capacity_mix.mix(10, 100_001, 1, 4), "The base value 100001"),
        (lambda: capacity_mix.saving(2, 1, 4, "70 %"), "spot_discount is a number, not '70 %'"),
        (lambda: capacity_mix.saving(2, 1, 4, 70.0), "spot_discount is a part of 1, from 0 to 1 .*, not 70.0"),
        (lambda: capacity_mix.bill(10**9, 2, 1, 4, cpu=1024, memory=2048, discount=0.7), "n is a whole number from 0"),
        (lambda: capacity_mix.bill(1, 2, 1, 4, cpu=1000, memory=2048, discount=0.7), "CPU units: 256, 512"),
        (lambda: fargate_or_ec2.compare(2.5, 1024, 2048, "m5.xlarge"), "tasks is a whole number of 1 or more, not 2.5"),
        (lambda: fargate_or_ec2.compare(1, "1024", 2048, "m5.xlarge"), "cpu is .* not '1024'"),
        (lambda: fargate_or_ec2.compare(1, 1024, 2048, "m5.xlarge", 0), "tasks_percent is .* from 1 to 100, not 0"),
        (lambda: fargate_or_ec2.compare(1, 1024, 2048, "m5.xlarge", 9), "Not one task .* tasks_percent=9:"),
        (lambda: fargate_or_ec2.compare(1, 1024, 2048, ""), "No dated price for instance_type ''"),
        (lambda: fargate_or_ec2.question("t3.medium"), "t3.medium is burstable.* Choose one of: m5.large"),
        (lambda: fargate_or_ec2.question("g4dn.xlarge"), "g4dn.xlarge has a GPU"),
    ],
)
def test_what_a_parameter_cannot_be_is_said_by_its_name(draw: Callable[[], Figure], says: str) -> None:
    with pytest.raises((ValueError, LookupError, Invalid), match=says):
        draw()


def price(**given: Any) -> Figure:
    return rolling_bounds.price(5, 66, 133, **{"cpu": 1024, "memory": 2048, "seconds_each_step": 60, **given})


def test_the_least_maximum_that_moves() -> None:
    assert rolling_bounds.maxima([1, 2, 3, 4, 10]).rows == [
        (1, 200, 2), (2, 150, 3), (3, 134, 4), (4, 125, 5), (10, 110, 11),
    ]  # fmt: skip


def test_a_rollout_is_charged_for_what_exists_beyond_the_desired_count() -> None:
    rows = dict(rolling_bounds.price(3, 100, 200, cpu=1024, memory=2048, seconds_each_step=60).rows)
    assert rows["duration"] == "120 s in 2 steps"
    assert rows["task-seconds beyond the desired count"] == 360
    assert rows["what these cost on FARGATE"] == "0.004937 USD"
    assert rows["fewest tasks that serve"] == 3
    half = dict(rolling_bounds.price(4, 50, 100, cpu=1024, memory=2048, seconds_each_step=60).rows)
    assert half["task-seconds beyond the desired count"] == 0
    assert half["load on each of them, in steady service = 1"] == "2.00 times"


def test_a_stuck_rollout_takes_no_time_but_has_no_end() -> None:
    rows = dict(rolling_bounds.price(3, 100, 125, cpu=1024, memory=2048, seconds_each_step=60).rows)
    assert rows["duration"] == "without end: the deployment is stuck"


def test_the_lines_of_an_instance_meet_at_the_break_even() -> None:
    shown = fargate_or_ec2.filling("m5.large")
    assert shown.title.endswith("they meet at 82 %")
    assert [row[3] for row in shown.rows if row[0] in ("80 %", "90 %")] == ["Fargate", "the instance"]
    tasks, whole = shown.data
    assert tasks["y"][-1] == pytest.approx(0.11652)
    assert set(whole["y"]) == {0.096}


def test_the_same_tasks_on_fargate_and_on_whole_instances() -> None:
    rows = {row[0]: row for row in fargate_or_ec2.compare(10, 1024, 2048, "m5.xlarge").rows}
    assert rows["Fargate x86_64"][3:5] == ("355.46", "360.40")
    assert rows["Fargate arm64"][4] == "288.35"
    assert rows["Fargate Spot at 70 % off"][4] == "108.12"
    assert rows["EC2 m5.xlarge"][4] == "420.48"
    assert "instances: 3" in rows["EC2 m5.xlarge"][1]
    assert "83 % of the vCPU, 42 % of the memory" in rows["EC2 m5.xlarge"][1]
    assert rows["EC2 m5.xlarge, parts"][4] == "350.40"


def test_room_that_is_left_free_takes_another_instance() -> None:
    rows = {row[0]: row for row in fargate_or_ec2.compare(10, 1024, 2048, "m5.xlarge", 80).rows}
    assert rows["EC2 m5.xlarge"][1].startswith("instances: 4, each for 3 at most")


def test_the_price_of_whatever_is_compared_is_in_the_table_with_its_date() -> None:
    def named(instance_type: str) -> list[object]:
        return [row[0] for row in fargate_or_ec2.prices(instance_type).rows]

    assert len(named("m5.large")) == len(set(named("m5.large")))
    assert "ec2 c5.xlarge" in named("m5.large")
    assert "ec2 m7g.xlarge" in named("m7g.xlarge")


def test_the_last_column_of_parts_is_the_break_even_of_these_tasks() -> None:
    rows = {row[0]: row for row in fargate_or_ec2.compare(10, 1024, 2048, "m5.xlarge").rows}
    assert rows["EC2 m5.xlarge, parts"][-1] == "0.97"
    for tasks, less in ((97, "Fargate x86_64"), (98, "EC2 m5.xlarge")):  # 25 instances have 100 places
        hours = {row[0]: float(row[2]) for row in fargate_or_ec2.compare(tasks, 1024, 2048, "m5.xlarge").rows}
        assert min(("Fargate x86_64", "EC2 m5.xlarge"), key=hours.__getitem__) == less


def test_every_type_to_compare_is_priced_and_has_neither_gpu_nor_credits() -> None:
    assert set(fargate_or_ec2.COMPARED) <= set(SHAPES)
    assert not set(fargate_or_ec2.APART) & set(fargate_or_ec2.COMPARED)


def test_what_the_prose_says_of_the_break_even_holds() -> None:
    assert fargate_or_ec2.even("m5.large") == pytest.approx(0.8239, abs=1e-4)
    assert fargate_or_ec2.even("m5.xlarge") == fargate_or_ec2.even("m5.large")
    assert 0.19 < 1 / fargate_or_ec2.even("m5.large") - 1 < 0.23

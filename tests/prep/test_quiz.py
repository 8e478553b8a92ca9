"""The quiz: well-posed for every seed, right by policy, and marked with a reason."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydock.policy import dependencies, health
from drydock.policy.ecr import expiry
from drydock.policy.ecs import breaker, capacity, placement, rollout
from drydock.prep import BadAnswer, Item, Quiz
from drydock.prep.items import LETTERS, Kind
from drydock.prep.questions import directory
from drydock.pricing import fargate_tasks

SEEDS = range(300)
QUIZZES = [Quiz(seed) for seed in SEEDS]
NAMES = [item.name for item in QUIZZES[0].items]


def of(name: str) -> list[Item]:
    return [item for quiz in QUIZZES for item in quiz.items if item.name == name]


def test_there_are_ten_of_every_kind() -> None:
    assert len(NAMES) == len(set(NAMES)) == 10
    assert {item.kind for item in QUIZZES[0].items} == set(Kind)


def test_one_seed_is_one_quiz_and_another_seed_another() -> None:
    assert Quiz(7).items == Quiz(7).items
    for name in NAMES:
        assert len({item.prompt for item in of(name)}) > 20, name


@pytest.mark.parametrize("name", NAMES)
def test_every_variant_is_well_posed(name: str) -> None:
    for item in of(name):
        assert item.same(item.read(item.right), item.right), "the right answer can be typed"
        assert item.mark(item.right).right
        assert len(set(item.options)) == len(item.options), "no two options say the same"
        assert item.working
        for wrong in item.traps:
            assert not item.mark(wrong).right, (item.prompt, wrong)
            assert item.mark(wrong).trap


@given(seed=st.integers())
def test_any_whole_number_is_a_seed(seed: int) -> None:
    assert all(item.mark(item.right).right for item in Quiz(seed).items)


def options_meant(item: Item) -> list[str]:
    return [item.options[LETTERS.index(letter)] for letter in item.right]


def check_capacity(item: Item, n: int, base: int, on_demand: int, spot: int) -> None:
    strategy = [capacity.StrategyItem("FARGATE", on_demand, base), capacity.StrategyItem("FARGATE_SPOT", spot)]
    assert int(item.right) == capacity.split(strategy, n)["FARGATE_SPOT"]
    assert abs(int(item.right) - (n - base) * spot / (on_demand + spot)) < 0.5, "no tie that only we would decide"


def check_rolling(item: Item, desired: int, minimum: int, maximum: int) -> None:
    start = rollout.upper_bound(desired, maximum) > desired
    stop = rollout.lower_bound(desired, minimum) < desired
    words = "either" if start and stop else "start" if start else "stop" if stop else "neither"
    assert options_meant(item)[0].startswith(words)
    assert (words == "neither") == rollout.is_stuck(desired, minimum, maximum)


def check_bound(item: Item, desired: int, percent: int, upper: bool) -> None:
    rule = rollout.upper_bound if upper else rollout.lower_bound
    assert int(item.right) == rule(desired, percent)
    assert desired * percent % 100, "the rounding has to matter"


def check_threshold(item: Item, desired: int) -> None:
    assert int(item.right) == breaker.threshold(desired)


def check_sequence(item: Item, desired: int, reset: bool, events: list[str]) -> None:
    state = breaker.Breaker.read({"enable": True, "resetOnHealthyTask": reset}, desired)
    assert f"threshold is {state.threshold}" in item.prompt
    reached = []
    for event in events:
        state = state.after(breaker.Event.FAILED if event == "F" else breaker.Event.HEALTHY)
        reached.append(state.triggered)
    assert int(item.right) == (reached.index(True) + 1 if True in reached else 0)


def check_lifecycle(item: Item, keep: int, days: int, old: int, ages: list[int], tags: list[str]) -> None:
    text = json.dumps(
        {
            "rules": [
                {"rulePriority": 1, "action": {"type": "expire"},
                 "selection": {"tagStatus": "tagged", "tagPrefixList": ["v"], "countType": "imageCountMoreThan",
                               "countNumber": keep}},
                {"rulePriority": 2, "action": {"type": "expire"},
                 "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days",
                               "countNumber": days}},
                {"rulePriority": 3, "action": {"type": "expire"},
                 "selection": {"tagStatus": "any", "countType": "sinceImagePushed", "countUnit": "days",
                               "countNumber": old}},
            ]
        }
    )  # fmt: skip
    images = [
        expiry.Image(option, (200 - age) * expiry.DAY, tags=(tag,) if tag else ())
        for option, age, tag in zip(item.options, ages, tags, strict=True)
    ]
    gone = {one.digest for one in expiry.evaluate(expiry.parse(text), images, now=200 * expiry.DAY)}
    assert set(options_meant(item)) == gone
    assert 0 < len(gone) < 6


def check_placement(item: Item, need: int, running: dict[str, int], free: list[int]) -> None:
    zones = list(running)
    fits = [i for i in range(6) if free[i] >= need]
    quietest = min(running[zones[i // 2]] for i in fits)
    left = [i for i in fits if running[zones[i // 2]] == quietest]
    instances = [
        placement.Instance(
            str(i), zones[i // 2], 4096, free[i], groups=("service:web",) * running[zones[i // 2]] if i % 2 else ()
        )
        for i in range(6)
    ]
    strategies = [
        placement.Strategy("spread", "attribute:ecs.availability-zone"),
        placement.Strategy("binpack", "memory"),
    ]
    chosen = placement.place(placement.Need(memory=need), "service:web", instances, (), strategies).instance
    assert chosen is not None
    assert LETTERS[int(chosen.id)] == item.right == LETTERS[min(left, key=lambda i: free[i])]


def check_order(item: Item, depends_on: dict[str, Any], up: bool) -> None:
    containers = [dependencies.Container(name, depends_on=after) for name, after in depends_on.items()]
    order = dependencies.start_order(containers)
    assert options_meant(item) == (order if up else order[::-1])
    running = list(order)
    while running:  # at each moment exactly one may stop: no other order is right
        assert dependencies.may_stop(containers, running) == [running.pop()]


def check_unhealthy(item: Item, interval: int, retries: int, start_period: int) -> None:
    state = health.ContainerHealth(health.HealthCheck(("CMD",), interval, 5, retries, start_period))
    while state.status is not health.Health.UNHEALTHY:
        state = state.after(False, state.next_at, state.next_at)
    assert int(item.right) == state.last_finished
    assert start_period % interval, "no run begins in the moment at which the start period ends"
    counted = math.ceil(start_period / interval) * interval
    assert int(item.right) == counted + (retries - 1) * interval


def check_price(item: Item, count: int, cpu: int, memory: int, architecture: str, hours: int) -> None:
    per_hour = fargate_tasks(count, cpu=cpu, memory=memory, architecture=architecture).usd_per_hour
    assert per_hour is not None
    assert float(item.right) == pytest.approx(per_hour * count * hours, abs=0.005)


CHECKS = dict(
    zip(
        NAMES,
        (
            check_capacity,
            check_rolling,
            check_bound,
            check_threshold,
            check_sequence,
            check_lifecycle,
            check_placement,
            check_order,
            check_unhealthy,
            check_price,
        ),
        strict=True,
    )
)


@pytest.mark.parametrize("name", NAMES)
def test_the_answer_is_policys(name: str) -> None:
    for item in of(name):
        CHECKS[name](item, **item.given)


def test_every_outcome_of_a_rolling_deployment_is_asked_for() -> None:
    seen = Counter(options_meant(item)[0].split()[0].rstrip(":") for item in of("rolling deployment"))
    assert set(seen) == {"start", "stop", "either", "neither"}
    assert min(seen.values()) >= 10


def test_every_notebook_that_a_question_names_is_there() -> None:
    shown = [item.shown_in for item in QUIZZES[0].items if item.shown_in]
    assert len(shown) >= 7
    for path in shown:
        assert (directory().parents[1] / path).exists(), path
        assert path != "notebooks/prep/quiz.ipynb", "the reader is there already"


@pytest.mark.parametrize("typed", ["1,001", "1001 tasks", "1001 Task", "1001.0", "$1,001.00", " 1001 "])
def test_a_number_is_read_as_one_would_write_it(typed: str) -> None:
    assert item("capacity split").read(typed) == "1001"


def test_a_comma_for_a_point_is_refused_rather_than_read_as_another_number() -> None:
    for typed in ("24,0", "1,23", "360,40", "1,2345"):
        with pytest.raises(BadAnswer, match="Write decimals with a point"):
            item("monthly price").read(typed)


def item(name: str, seed: int = 1) -> Item:
    return next(one for one in Quiz(seed).items if one.name == name)


def test_a_wrong_answer_gets_the_right_one_the_working_and_the_misconception() -> None:
    asked = item("capacity split")
    n, base, on_demand, spot = (asked.given[key] for key in ("n", "base", "on_demand", "spot"))
    flat = capacity.split([capacity.StrategyItem("F", on_demand), capacity.StrategyItem("S", spot)], n)["S"]
    assert flat != int(asked.right), "seed 1 has to be one where the base matters"
    said = repr(asked.mark(str(flat)))
    assert said.startswith(f"Not right. You said {flat} tasks; it is {asked.right} tasks.")
    assert "forgets the base" in said
    assert f"The base comes first: {base} on FARGATE" in said


def test_a_right_answer_gets_its_working_and_no_misconception() -> None:
    asked = item("monthly price")
    said = repr(asked.mark(asked.right))
    assert said.startswith("Right: ")
    assert asked.working in said
    assert "memory is charged" not in said


def test_a_price_may_be_off_by_half_a_percent_and_no_more() -> None:
    asked = item("monthly price")
    right = float(asked.right)
    assert asked.mark(f"{right * 1.004:.2f}").right
    assert not asked.mark(f"{right * 1.01:.2f}").right
    assert asked.mark(f"${right:,.2f} USD").right, "as one would write it"


def test_letters_may_come_in_any_order_only_where_order_means_nothing() -> None:
    several, order = item("lifecycle policy"), item("order of containers")
    assert several.mark(several.right[::-1]).right
    assert several.mark(" ".join(several.right.upper())).right
    assert not order.mark(order.right[::-1]).right


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("capacity split", "many"),
        ("capacity split", "nan"),
        ("capacity split", "12 apples"),
        ("capacity split", ""),
        ("rolling deployment", "e"),
        ("rolling deployment", "ab"),
        ("lifecycle policy", "aab"),
        ("lifecycle policy", "xyz"),
        ("lifecycle policy", ""),
        ("order of containers", "abc"),
        ("order of containers", "aabc"),
    ],
)
def test_an_answer_that_cannot_be_one_is_refused_and_told_what_is_taken(name: str, typed: str) -> None:
    asked = item(name)
    with pytest.raises(BadAnswer) as refused:
        asked.mark(typed)
    assert asked.takes in str(refused.value)


def test_the_score_counts_right_answers_and_shows_what_was_left_out() -> None:
    quiz = Quiz(3)
    answers = [one.right for one in quiz.items]
    answers[1] = "-"
    marked = quiz.mark(" ".join(answers[:9]))
    score = quiz.score(marked)
    assert score.title == "Quiz 3: 8 of 10"
    assert [row[-1] for row in score.rows] == [1, 0, 1, 1, 1, 1, 1, 1, 1, 0, 8]
    assert score.rows[1][2:4] == ("", ""), "what was not answered is not given away"


def test_an_answer_that_cannot_be_read_is_named_by_its_question() -> None:
    with pytest.raises(BadAnswer, match="Question 2, rolling deployment: 'z'"):
        Quiz(1).mark("3 z")
    with pytest.raises(BadAnswer, match="11 answers were given to 10 questions"):
        Quiz(1).mark(" ".join(["1"] * 11))

"""The quiz: well-posed for every seed, right by policy, and marked with a reason."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from fnmatch import fnmatchcase
from functools import cache
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydock.policy import dependencies, health
from drydock.policy.ecr import expiry
from drydock.policy.ecs import breaker, capacity, placement, rollout
from drydock.policy.kubernetes import quantities
from drydock.policy.requests.task_definition import FARGATE_SIZES
from drydock.prep import BadAnswer, Item, Quiz, questions
from drydock.prep.items import LETTERS, Kind
from drydock.prep.questions import directory
from drydock.prep.templates import TEMPLATES
from drydock.pricing import fargate_tasks

SEEDS = range(60)
ALL = len(TEMPLATES)
FIRST = Quiz(0, questions=ALL).items
NAMES = [item.name for item in FIRST]


@cache
def quizzes() -> list[Quiz]:
    return [Quiz(seed, questions=ALL) for seed in SEEDS]


def of(name: str) -> list[Item]:
    return [item for quiz in quizzes() for item in quiz.items if item.name == name]


def test_there_are_forty_and_more_over_all_topics_and_of_every_kind() -> None:
    assert len(NAMES) == len(set(NAMES)) == ALL > 40
    assert {item.kind for item in FIRST} == set(Kind)
    assert {item.topic for item in FIRST} == {question.topic for question in questions.load()}


def test_a_quiz_has_ten_of_them_with_each_way_of_answering() -> None:
    drawn = [Quiz(seed).items for seed in range(40)]
    assert all(len(items) == 10 and {item.kind for item in items} == set(Kind) for items in drawn)
    assert {item.name for items in drawn for item in items} == set(NAMES), "each is drawn some time"
    few = Quiz(1, questions=3)
    assert len(few.items) == 3
    assert len({item.kind for item in few.items}) == 3


def test_a_quiz_of_some_topics_has_what_there_is_of_them() -> None:
    assert {item.topic for item in Quiz(1, "mesh, Cost", 20).items} == {"Mesh", "Cost"}
    with pytest.raises(questions.BadQuestions, match=r"no topic 'meshes'\. Choose from: Capacity, Cost"):
        Quiz(1, "meshes")
    with pytest.raises(ValueError, match="questions=0"):
        Quiz(1, questions=0)


def test_one_seed_is_one_quiz_and_another_seed_another() -> None:
    assert Quiz(7).items == Quiz(7).items
    for name in NAMES:
        shown = {(item.prompt, item.options, item.partners, item.listing) for item in of(name)}
        assert len(shown) > 20, name


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


@settings(max_examples=25)
@given(seed=st.integers())
def test_any_whole_number_is_a_seed(seed: int) -> None:
    assert all(item.mark(item.right).right for item in Quiz(seed, questions=ALL).items)


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


def check_surge(item: Item, wanted: int, percent: int, most: bool) -> None:
    """kubernetes/kubernetes, pkg/controller/deployment/util/deployment_util.go, ResolveFenceposts."""
    part = wanted * percent / 100
    assert int(item.right) == (wanted + math.ceil(part) if most else wanted - math.floor(part))
    assert part % 1, "the rounding has to matter"


def check_pod(item: Item, containers: list[tuple[int, int]]) -> None:
    cpu, memory = (sum(one[place] for one in containers) for place in (0, 1))
    least = min(
        units for units in FARGATE_SIZES if units * 1000 >= cpu * 1024 and max(FARGATE_SIZES[units]) >= memory + 256
    )
    assert float(item.right) * 1024 == min(one for one in FARGATE_SIZES[least] if one >= memory + 256)


def check_node(item: Item, interfaces: int, addresses: int) -> None:
    assert int(item.right) == interfaces * addresses - interfaces + 2


def check_update(item: Item, nodes: int, zones: int, away: int) -> None:
    assert int(item.right) == math.ceil(nodes / away)


def check_hpa(item: Item, pods: int, request: int, target: int, used: int) -> None:
    """pkg/controller/podautoscaler/metrics/utilization.go: the ratio is of whole per cent."""
    ratio = pods * used * 100 // (pods * request) / target
    assert int(item.right) == (pods if 0.9 <= ratio <= 1.1 else math.ceil(ratio * pods))


def check_sizes(item: Item, written: list[str]) -> None:
    said = dict(zip(item.right[::2], item.right[1::2], strict=True))
    for letter, one in zip(LETTERS, written, strict=False):
        told = item.partners[int(said[letter]) - 1].split()[0].replace(",", "")
        assert int(told) == quantities.parse(one).value


def check_upgrades(item: Item, current: str, target: str) -> None:
    assert int(item.right) == int(target.partition(".")[2]) - int(current.partition(".")[2])


def check_admission(item: Item, manifest: dict[str, Any], least: int) -> None:
    pod = manifest["spec"]["template"]["spec"]
    containers = [*pod.get("initContainers", ()), *pod["containers"]]
    refuses = {
        "every image has a version": any(
            one["image"].endswith(":latest") or not re.search("[:@]", one["image"]) for one in containers
        ),
        "every container has a limit of memory": any("limits" not in one.get("resources", {}) for one in containers),
        "no container is privileged": any(one.get("securityContext", {}).get("privileged") for one in containers),
        "there are enough of them": manifest["spec"].get("replicas", 1) < least,
    }
    assert options_meant(item) == [rule for rule, broken in refuses.items() if broken]


def check_subnet(item: Item, prefix: int, taken: int) -> None:
    assert int(item.right) == ip_network(f"10.0.0.0/{prefix}").num_addresses - 5 - taken


def check_groups(item: Item, port: int, wide: bool, calls: list[tuple[str, str, int]]) -> None:
    through = {
        ("the internet", "the load balancer", 443),
        ("the load balancer", "a task", port),
        ("a task", "the database", 5432),
        *({("the load balancer", "a task", 22)} if wide else ()),
    }
    assert options_meant(item) == [f"{one} → {two}, port {at}" for one, two, at in calls if (one, two, at) in through]


def check_name(item: Item, ttl: int, stop: int) -> None:
    assert float(item.right) == ttl - stop > 0


def check_answers(item: Item, instances: int, routing: str) -> None:
    assert int(item.right) == (1 if routing == "WEIGHTED" else min(8, instances))


def check_region(item: Item, interval: int, threshold: int, ttl: int) -> None:
    assert float(item.right) == interval * threshold + ttl


def check_room(item: Item, tasks: int, regions: int, lost: int) -> None:
    each = int(item.right) / regions
    assert each == int(each)
    assert (regions - lost) * each >= tasks > (regions - lost) * (each - 1), "enough, and not one too many"


def check_drift(item: Item, interval: int, source: int, at: int) -> None:
    assert (at + int(item.right)) % interval == 0
    assert 0 < int(item.right) < interval


def check_storm(item: Item, most: int, hops: int, customers: int) -> None:
    assert int(item.right) == customers * (1 + most) ** hops


def check_retried(item: Item, on: str, came: list[int | str]) -> None:
    """Envoy's documentation of the router filter, x-envoy-retry-on."""
    broken = {"reset", "connect-failure"}
    means: dict[str, set[int | str]] = {
        "5xx": {*range(500, 600), *broken},
        "gateway-error": {502, 503, 504, *broken},
        "connect-failure": {"connect-failure"},
        "retriable-4xx": {409},
        "reset": broken,
    }
    assert set(item.right) == {letter for letter, one in zip(LETTERS, came, strict=False) if one in means[on]}


def check_ejected(item: Item, hosts: int, percent: int) -> None:
    assert int(item.right) == hosts * percent // 100


def check_alarm(item: Item, limit: int, periods: int, least: int, missing: str, values: list[int | None]) -> None:
    over = sum(value is not None and value > limit for value in values)
    gaps = values.count(None)
    if gaps == periods and missing == "missing":
        state = "INSUFFICIENT_DATA"
    elif missing == "breaching":
        state = "ALARM" if over + gaps >= least else "OK"
    else:
        state = "ALARM" if over >= least else "OK"
    assert options_meant(item) == [state], item.prompt


def check_tracking(item: Item, tasks: int, target: int, value: int, most: int) -> None:
    assert int(item.right) == min(most, math.ceil(tasks * value / target))


def check_step(item: Item, tasks: int, percent: int) -> None:
    size = max(1, tasks * abs(percent) // 100)
    assert int(item.right) == tasks + (size if percent > 0 else -size)


def check_managed(item: Item, running: int, target: int, needed: int) -> None:
    assert int(item.right) == max(math.ceil(needed * 100 / target), math.ceil(running / 2))


def check_interrupted(item: Item, stop: int, start: int, dry: int) -> None:
    assert float(item.right) == dry + start - stop > 0


def check_rotated(item: Item, every: int, alternating: bool, now: int, started: list[int]) -> None:
    behind = [now // every - day // every for day in started]
    assert item.right == "".join(
        letter for letter, one in zip(LETTERS, behind, strict=False) if one <= (1 if alternating else 0)
    )


def check_value_from(item: Item, asked: list[str]) -> None:
    said = dict(zip(item.right[::2], item.right[1::2], strict=True))
    for letter, written in zip(LETTERS, asked, strict=False):
        told = item.partners[int(said[letter]) - 1]
        assert ("before" in told) == ("AWSPREVIOUS" in written)
        assert ("SSM" in told) == (":ssm:" in written)
        assert told.startswith("the key") == bool(re.search(r"Ab12Cd:\w", written))


def check_trusted(item: Item, operator: str, pattern: str, subjects: list[str]) -> None:
    names = [f"system:serviceaccount:{one}" for one in subjects]
    lets = [fnmatchcase(one, pattern) if operator == "StringLike" else one == pattern for one in names]
    assert item.right == "".join(letter for letter, fine in zip(LETTERS, lets, strict=False) if fine)


def check_commitment(item: Item, tasks: int, price: float, discount: int, sum_of: float) -> None:
    rate = price * (1 - discount / 100)
    rest = max(0.0, tasks - sum_of / rate)
    assert float(item.right) == pytest.approx(sum_of + rest * price, abs=0.006)


def check_rebuilt(item: Item, changed: str, careful: bool) -> None:
    first = "b" if not careful or changed.startswith("package") else "d"
    assert item.right == "abcde"["abcde".index(first) :]


def check_exits(item: Item, codes: list[int]) -> None:
    said = dict(zip(item.right[::2], item.right[1::2], strict=True))
    told = {code: item.partners[int(said[letter]) - 1] for letter, code in zip(LETTERS, codes, strict=False)}
    for code, signal in ((137, "SIGKILL"), (139, "SIGSEGV"), (143, "SIGTERM")):
        assert code not in told or signal in told[code]


def check_blast(item: Item, teams: int, count: int) -> None:
    assert float(item.right) == pytest.approx(100 * math.ceil(teams / count) / teams, abs=0.005)


def check_size(item: Item, cpu: int, options: list[int]) -> None:
    assert [memory for memory in options if memory in FARGATE_SIZES[cpu]] == [options[LETTERS.index(item.right)]]


CHECKS = {
    "capacity split": check_capacity,
    "rolling deployment": check_rolling,
    "bound of a deployment": check_bound,
    "circuit breaker": check_threshold,
    "circuit breaker, step by step": check_sequence,
    "lifecycle policy": check_lifecycle,
    "placement": check_placement,
    "order of containers": check_order,
    "container health check": check_unhealthy,
    "monthly price": check_price,
    "bounds of a Deployment": check_surge,
    "pod on Fargate": check_pod,
    "pods of a node": check_node,
    "update of a node group": check_update,
    "replicas of an HPA": check_hpa,
    "sizes in a manifest": check_sizes,
    "upgrades of EKS": check_upgrades,
    "admission by CEL": check_admission,
    "addresses of a subnet": check_subnet,
    "security groups": check_groups,
    "a name that outlives its task": check_name,
    "addresses of an answer": check_answers,
    "fail-over by DNS": check_region,
    "room for the loss of a region": check_room,
    "drift": check_drift,
    "retries upon retries": check_storm,
    "what is tried again": check_retried,
    "outlier detection": check_ejected,
    "state of an alarm": check_alarm,
    "target tracking": check_tracking,
    "step scaling by per cent": check_step,
    "managed scaling": check_managed,
    "taken back by Spot": check_interrupted,
    "after a rotation": check_rotated,
    "valueFrom": check_value_from,
    "trust policy": check_trusted,
    "an hour under a Savings Plan": check_commitment,
    "build cache": check_rebuilt,
    "exit codes": check_exits,
    "blast radius": check_blast,
    "sizes of Fargate": check_size,
}
"""The answer by another way than the template's. Mistakes in files are in test_mistakes."""


def test_every_template_is_checked_by_another_way() -> None:
    assert set(CHECKS) == {item.name for item in FIRST if item.kind is not Kind.LINE}


@pytest.mark.parametrize("name", CHECKS)
def test_the_answer_is_policys(name: str) -> None:
    for item in of(name):
        CHECKS[name](item, **item.given)


def test_every_outcome_of_a_rolling_deployment_is_asked_for() -> None:
    seen = Counter(options_meant(item)[0].split()[0].rstrip(":") for item in of("rolling deployment"))
    assert set(seen) == {"start", "stop", "either", "neither"}
    assert min(seen.values()) >= 10


def test_every_notebook_that_a_question_names_is_there() -> None:
    shown = [item.shown_in for item in FIRST if item.shown_in]
    assert len(shown) >= 40
    for path in shown:
        assert (directory().parents[1] / path).exists(), path
        assert path != "notebooks/prep/quiz.ipynb", "the reader is there already"


@pytest.mark.parametrize("typed", ["1,001", "1001 tasks", "1001 Task", "1001.0", "$1,001.00", " 1001 "])
def test_a_number_is_read_as_one_would_write_it(typed: str) -> None:
    assert item("capacity split").read(typed) == "1001"


@pytest.mark.parametrize(
    ("name", "right", "typed"),
    [
        ("pod on Fargate", "1.5", ["1.5", "1.5 GiB", "1536 MiB", "1,536MiB", "1.5gi", "1572864 KiB"]),
        ("a name that outlives its task", "90", ["90", "90 s", "1.5 min", "90 seconds", "90000 ms"]),
        ("drift", "5", ["5", "5 min", "300 s", "5 minutes"]),
        ("blast radius", "25", ["25", "25 %", "25%"]),
    ],
)
def test_a_number_may_have_another_unit_of_the_same(name: str, right: str, typed: list[str]) -> None:
    assert {item(name).read(one) for one in typed} == {right}


def test_what_a_question_takes_names_its_unit_and_others() -> None:
    assert item("pod on Fargate").takes == "a number (GiB; MiB and KiB are read, too)"
    assert item("addresses of a subnet").takes == "a number (tasks)"


def test_a_unit_with_two_meanings_is_refused_and_told_so() -> None:
    with pytest.raises(BadAnswer, match="GB can mean powers of 1000 or of 1024"):
        item("pod on Fargate").read("2 GB")


def test_pairs_and_lines_are_read_as_one_would_write_them() -> None:
    asked = item("exit codes")
    pairs = re.findall("..", asked.right)
    for typed in (" ".join(pairs), ", ".join(reversed(pairs)).upper(), " ".join("-".join(pair) for pair in pairs)):
        assert asked.mark(typed).right, typed
    line = item("mistake in Terraform")
    assert line.mark(f"line {line.right}").right


def test_a_comma_for_a_point_is_refused_rather_than_read_as_another_number() -> None:
    for typed in ("24,0", "1,23", "360,40", "1,2345"):
        with pytest.raises(BadAnswer, match="Write decimals with a point"):
            item("monthly price").read(typed)


def item(name: str, seed: int = 1) -> Item:
    return next(one for one in Quiz(seed, questions=ALL).items if one.name == name)


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
        ("capacity split", "1e999"),
        ("capacity split", "9" * 400),
        ("rolling deployment", "e"),
        ("rolling deployment", "ab"),
        ("lifecycle policy", "aab"),
        ("lifecycle policy", "xyz"),
        ("lifecycle policy", ""),
        ("order of containers", "abc"),
        ("order of containers", "aabc"),
        ("exit codes", "a1b2c3"),
        ("exit codes", "a1b2c3d9"),
        ("exit codes", "a1a2c3d4"),
        ("exit codes", "1234"),
        ("mistake in Terraform", "0"),
        ("mistake in Terraform", "999"),
        ("mistake in Terraform", "a"),
        ("pod on Fargate", "2 GB"),
        ("pod on Fargate", "2 s"),
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
    assert score.rows[1][3:5] == ("", ""), "what was not answered is not given away"


def test_an_answer_that_cannot_be_read_is_named_by_its_question() -> None:
    second = Quiz(1).items[1]
    with pytest.raises(BadAnswer, match=f"Question 2, {second.name}: '§'"):
        Quiz(1).mark("- §")
    with pytest.raises(BadAnswer, match="11 answers were given to 10 questions"):
        Quiz(1).mark(" ".join(["1"] * 11))

"""The questions as they are published, and how bad ones are refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from drydock.policy import traffic
from drydock.policy.ecr import expiry
from drydock.policy.ecs import breaker, capacity, rollout
from drydock.policy.requests.errors import Invalid
from drydock.policy.requests.task_definition import FARGATE_SIZES
from drydock.prep import questions
from drydock.prep.questions import BadQuestions
from drydock.pricing import PRICES, fargate_tasks

ALL = {question.id: question for question in questions.load()}
ROOT = questions.directory().parents[1]


def texts(name: str) -> str:
    """All that the card says."""
    return json.dumps(ALL[name].key_points + tuple(w.why for w in ALL[name].wrong_answers), ensure_ascii=False)


def data() -> dict[str, Any]:
    return dict(json.loads((questions.directory() / "questions.json").read_text()))


def written(tmp_path: Path, changed: Any) -> Path:
    path = tmp_path / "questions.json"
    path.write_text(json.dumps(changed))
    return path


def test_there_are_forty_over_many_topics_and_all_levels() -> None:
    assert len(ALL) == 40
    assert len({question.topic for question in ALL.values()}) >= 6
    assert {question.level for question in ALL.values()} == {"easy", "medium", "hard"}
    first = list(ALL.values())[:10]
    assert len({question.topic for question in first}) >= 6, "ten new cards should not be about one thing"


def test_the_schema_is_a_schema_and_names_no_host() -> None:
    schema = json.loads((questions.directory() / "questions.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    assert schema["$id"].startswith("urn:")


@pytest.mark.parametrize("name", ALL)
def test_every_link_of_a_card_leads_to_a_notebook(name: str) -> None:
    for path in ALL[name].shown_in:
        assert (ROOT / path).exists(), path
        assert f'href="../../{path}"' in ALL[name].back


@pytest.mark.parametrize("name", ALL)
def test_a_card_is_written_in_whole_sentences(name: str) -> None:
    question = ALL[name]
    assert question.question[-1] in ".?"
    for text in (*question.key_points, *(one.why for one in question.wrong_answers)):
        assert text[-1] in ".?!", text
        assert len(text.split()) >= 4, text
        assert text.count("`") % 2 == 0, text


@pytest.mark.parametrize("name", ALL)
def test_no_source_is_a_file_of_ours(name: str) -> None:
    assert not re.search(r"facts|findings|seeds|/work|localhost", ALL[name].source)


def strategy(base: int, on_demand: int, spot: int) -> list[capacity.StrategyItem]:
    return [capacity.StrategyItem("FARGATE", on_demand, base), capacity.StrategyItem("FARGATE_SPOT", spot)]


def on_spot(n: int) -> int:
    return capacity.split(strategy(2, 1, 4), n)["FARGATE_SPOT"]


def monthly(vcpu: float, gigabytes: float, architecture: str = "x86_64") -> float:
    item = fargate_tasks(1, cpu=round(vcpu * 1024), memory=round(gigabytes * 1024), architecture=architecture)
    assert item.usd_per_hour is not None
    return item.usd_per_hour * 730


def hourly(item: str) -> float:
    return PRICES[item].usd


def trips(events: str, reset: bool) -> int:
    state = breaker.Breaker.read({"enable": True, "resetOnHealthyTask": reset}, 4)
    assert state.threshold == 3
    for number, event in enumerate(events, start=1):
        state = state.after(breaker.Event.HEALTHY if event == "H" else breaker.Event.FAILED)
        if state.triggered:
            return number
    return 0


def needed() -> int:
    """Requests until a fault of 2 % has shown with a chance of 95 %."""
    return next(n for n in range(1, 1000) if traffic.chance_to_see(0.02, n) >= 0.95)


EKS, EXTENDED = "eks control plane", "eks control plane, extended support"
ORDINAL = {4: "fourth", 6: "sixth"}
COMPUTED: dict[str, list[str]] = {
    "rolling-bounds": [
        f"stay at {rollout.lower_bound(10, 100)} or more, and may be at most {rollout.upper_bound(10, 110)}",
        f"down to {rollout.lower_bound(4, 50)} and up to {rollout.upper_bound(4, 200)}",
    ],
    "stuck-deployment": [
        f"3 × 100 % = {rollout.lower_bound(3, 100)} tasks",
        f"3.75, rounded down to {rollout.upper_bound(3, 125)}",
        f"floor(4.02) = {rollout.upper_bound(3, 134)}",
        f"ceil(1.98) = {rollout.lower_bound(3, 66)}",
        f"125 % of 4 is {rollout.upper_bound(4, 125)}",
    ],
    "breaker-threshold": [
        f"at least {breaker.MINIMUM_THRESHOLD} and at most {breaker.MAXIMUM_THRESHOLD}",
        f"4 tasks give {breaker.threshold(4)} ",
        f"50 give {breaker.threshold(50)} and 1,000 give {breaker.threshold(1000)} ",
        f"With 25 tasks it is {breaker.threshold(25)}.",
    ],
    "breaker-counting": [
        f"trips at the {ORDINAL[trips('FFHFFF', True)]} of these events, without it at the "
        f"{ORDINAL[trips('FFHFFF', False)]}."
    ],
    "two-health-checks": [f"healthy {rollout.SECONDS_BEFORE_UNCHECKED_TASK_COUNTS} seconds after"],
    "capacity-split": [
        f"{10 - on_spot(10)} on FARGATE and {on_spot(10)} on FARGATE_SPOT",
        f"6/10 × 70 % = {on_spot(10) * 7} %",
        f"of 100 tasks {on_spot(100)} are on Spot, and {on_spot(100) * 0.7:.1f} % is saved",
    ],
    "capacity-base": [
        f"{on_spot(10)} of 10 tasks, {on_spot(20)} of 20, and {on_spot(100)} of 100",
        f"from 0 to {capacity.MAXIMUM_BASE:,}",
    ],
    "mixed-strategy": [f"up to {capacity.MAXIMUM_PROVIDERS} providers"],
    "fargate-cost": [
        f"${monthly(10, 20):.2f} in a month of 730 hours",
        f"On ARM it is ${monthly(10, 20, 'arm64'):.2f}",
        f"${hourly('fargate x86_64 vCPU')} and 20 × ${hourly('fargate x86_64 memory')}",
        f"${hourly('ec2 m5.xlarge')} an hour",
        f"three: ${3 * 730 * hourly('ec2 m5.xlarge'):.2f}",
        f"two and a half, would be ${2.5 * 730 * hourly('ec2 m5.xlarge'):.2f}",
        f"${monthly(2, 8) / 730:.5f} an hour and the instance ${hourly('ec2 m5.large')}",
        f"{monthly(2, 8) / 730 / hourly('ec2 m5.large'):.2f} times as much",
        f"about {hourly('ec2 m5.large') / (monthly(2, 8) / 730):.0%}".replace("%", " %"),
    ],
    "fargate-or-ec2": [f"{max(FARGATE_SIZES) // 1024} vCPU or {max(FARGATE_SIZES[16384]) // 1024} GB"],
    "savings-stack": [
        f"costs {1 - monthly(0.25, 0.5) / monthly(1, 2):.0%} less".replace("%", " %"),
        f"${hourly('fargate arm64 vCPU')} in place of ${hourly('fargate x86_64 vCPU')}",
        f"which is {1 - hourly('fargate arm64 vCPU') / hourly('fargate x86_64 vCPU'):.0%} less".replace("%", " %"),
        f"ten tasks save at most {on_spot(10) * 7} %",
    ],
    "five-clusters": [
        f"730 hours = ${4 * hourly(EKS) * 730:.0f} a month",
        f"720 hours it is ${4 * hourly(EKS) * 720:.0f}",
        f"all five is ${5 * hourly(EKS) * 730:.0f} a month",
        f"five such clusters cost ${5 * hourly(EXTENDED) * 730:,.0f} a month",
        f"${hourly(EXTENDED):.2f} an hour",
    ],
    "ecs-or-eks": [f"${hourly(EKS) * 730:.0f} in a month of 730 hours, and ${hourly(EXTENDED) * 730:.0f} once"],
    "canary-traffic": [
        f"n = {needed()}",
        f"has to get {traffic.requests_to_see(0.05 * 0.02):,} of them",
        f"{traffic.band(2000, 0.05).expected:.0f} are expected, and three standard deviations are about "
        f"{3 * traffic.band(2000, 0.05).sigma:.0f} ",
    ],
}


@pytest.mark.parametrize(("name", "said"), [(name, said) for name, all_ in COMPUTED.items() for said in all_])
def test_a_number_on_a_card_is_the_one_that_the_rule_gives(name: str, said: str) -> None:
    assert said in texts(name)


def test_what_a_card_says_that_ecs_refuses_is_refused() -> None:
    mixed = [{"capacityProvider": "FARGATE", "weight": 7}, {"capacityProvider": "my-asg", "weight": 3}]
    with pytest.raises(Invalid) as refused:
        capacity.validate(mixed, associated={"FARGATE": "ACTIVE", "my-asg": "ACTIVE"})
    assert refused.value.code in texts("mixed-strategy")
    assert rollout.is_stuck(3, 100, 125)
    assert not rollout.is_stuck(4, 100, 125)


def test_a_rule_that_spares_an_image_shields_it_as_the_card_says() -> None:
    rules = [
        expiry.Rule(1, expiry.TagStatus.TAGGED, expiry.CountType.IMAGE_COUNT_MORE_THAN, 3, prefixes=("dev-",)),
        expiry.Rule(2, expiry.TagStatus.ANY, expiry.CountType.IMAGE_COUNT_MORE_THAN, 5),
    ]
    images = [expiry.Image(f"{n}", n, tags=(f"dev-{n}" if n < 4 else f"v{n}",)) for n in range(10)]
    decided = {one.digest: one.priority for one in expiry.evaluate(rules, images, now=100)}
    assert decided == {"0": 1, "4": 2}, "the five oldest are dev-0 to dev-3 and v4; rule 2 may only take v4"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda all_: all_["questions"][3].pop("source"), "'source' is a required property"),
        (lambda all_: all_["questions"][3].update(level="trivial"), "'trivial' is not one of"),
        (lambda all_: all_["questions"][3].update(key_points=["One."]), "key_points"),
        (lambda all_: all_["questions"][3].update(hint="x"), "'hint' was unexpected"),
        (lambda all_: all_["questions"][3].update(as_of="yesterday"), "as_of"),
    ],
)
def test_a_question_that_breaks_the_schema_is_named(change: Any, said: str, tmp_path: Path) -> None:
    all_ = data()
    change(all_)
    with pytest.raises(BadQuestions) as refused:
        questions.load(written(tmp_path, all_))
    assert f"question {all_['questions'][3]['id']}" in str(refused.value)
    assert said in str(refused.value)


def test_an_id_given_twice_is_refused(tmp_path: Path) -> None:
    all_ = data()
    all_["questions"][1]["id"] = all_["questions"][0]["id"]
    with pytest.raises(BadQuestions, match=f"{all_['questions'][0]['id']!r} is given twice"):
        questions.load(written(tmp_path, all_))


def test_a_file_that_is_not_json_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "questions.json"
    path.write_text("{")
    with pytest.raises(BadQuestions, match=r"questions\.json is not JSON"):
        questions.load(path)


def test_without_the_folder_the_error_says_how_to_name_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRYDOCK_NOTEBOOKS", str(tmp_path))
    with pytest.raises(BadQuestions, match="DRYDOCK_NOTEBOOKS"):
        questions.load()


def test_text_on_a_card_is_escaped_and_code_is_code() -> None:
    back = ALL["secrets"].back
    assert "<code>&lt;ARN&gt;:key::</code>" in back
    assert "<ARN>" not in back

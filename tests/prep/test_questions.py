"""The questions as they are published, and how bad ones are refused."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tests.prep.computed import COMPUTED

from drydock.policy.ecr import expiry
from drydock.policy.ecs import capacity, rollout
from drydock.policy.requests.errors import Invalid
from drydock.prep import questions
from drydock.prep.questions import BadQuestions
from drydock.pricing import PRICES

ALL = {question.id: question for question in questions.load()}
ROOT = questions.directory().parents[1]
NOT_ASKED_ABOUT = {"runbooks/sweep-lab.ipynb"}
"""It cleans up after labs, and nobody is asked about that."""


def texts(name: str) -> str:
    """All that the card says."""
    card = ALL[name]
    wrong = tuple(one.why for one in card.wrong_answers)
    return "\n".join((card.question, *card.key_points, *wrong, card.follow_up))


def data(name: str = "task-definitions") -> dict[str, Any]:
    return dict(json.loads((questions.directory() / "questions" / f"{name}.json").read_text()))


def written(tmp_path: Path, changed: Any, name: str = "some") -> Path:
    """A folder with a file of these questions."""
    (tmp_path / f"{name}.json").write_text(json.dumps(changed))
    return tmp_path


def test_there_are_two_hundred_over_all_topics_and_levels() -> None:
    assert len(ALL) >= 200
    by_topic = Counter(question.topic for question in ALL.values())
    assert len(by_topic) >= 19
    assert min(by_topic.values()) >= 5
    assert {question.level for question in ALL.values()} == {"easy", "medium", "hard"}
    first = list(ALL.values())[:10]
    assert len({question.topic for question in first}) == 10, "ten new cards should not be about one thing"


def test_each_file_is_one_topic_and_no_question_is_asked_twice() -> None:
    for path in (questions.directory() / "questions").glob("*.json"):
        topics = {one["topic"] for one in data(path.stem)["questions"]}
        assert {re.sub(r"[^a-z]+", "-", topic.lower()) for topic in topics} == {path.stem}
    asked = Counter(question.question for question in ALL.values())
    assert max(asked.values()) == 1


def test_every_notebook_lab_and_runbook_is_shown_by_a_question() -> None:
    there = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("notebooks/*.ipynb")}
    there |= {path.relative_to(ROOT).as_posix() for path in ROOT.glob("labs/*/*.ipynb")}
    there |= {path.relative_to(ROOT).as_posix() for path in ROOT.glob("runbooks/*.ipynb")}
    shown = {path for question in ALL.values() for path in question.shown_in}
    assert there - shown <= NOT_ASKED_ABOUT


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


@pytest.mark.parametrize(("name", "said"), [(name, said) for name, all_ in COMPUTED.items() for said in all_])
def test_a_number_on_a_card_is_the_one_that_the_rule_gives(name: str, said: str) -> None:
    assert said in texts(name)


DOLLARS = re.compile(r"\$(\d+(?:,\d{3})*(?:\.\d+)?)")


@pytest.mark.parametrize("name", ALL)
def test_every_sum_of_money_on_a_card_is_a_price_or_computed(name: str) -> None:
    prices = {price.usd for price in PRICES.values()}
    computed = {one for said in COMPUTED.get(name, ()) for one in DOLLARS.findall(said)}
    others = {one for one in DOLLARS.findall(texts(name)) if float(one.replace(",", "")) not in prices}
    assert others <= computed


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


def test_an_id_given_twice_is_refused_in_one_file_and_over_two(tmp_path: Path) -> None:
    all_ = data()
    name = all_["questions"][0]["id"]
    written(tmp_path, all_, "other")
    with pytest.raises(BadQuestions, match=rf"some\.json: the id {name!r} is given twice, also in other\.json"):
        questions.load(written(tmp_path, all_))
    (tmp_path / "other.json").unlink()
    all_["questions"][1]["id"] = name
    with pytest.raises(BadQuestions, match=f"{name!r} is given twice"):
        questions.load(written(tmp_path, all_))


def test_a_folder_without_questions_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadQuestions, match=f"{tmp_path} has no file of questions"):
        questions.load(tmp_path)


def test_questions_are_chosen_by_topic_and_level() -> None:
    every = questions.load()
    chosen = questions.choose(every, "cost, Secrets", "hard")
    assert {(one.topic, one.level) for one in chosen} == {("Cost", "hard"), ("Secrets", "hard")}
    assert list(chosen) == [one for one in every if one in chosen]
    assert questions.choose(every) == every
    with pytest.raises(BadQuestions, match=r"no topic 'mars'. Choose from: .*Cost, .*Secrets"):
        questions.choose(every, "Cost, mars")
    with pytest.raises(BadQuestions, match=r"no level 'trivial'. Choose from: easy, hard, medium"):
        questions.choose(every, levels="trivial")
    with pytest.raises(BadQuestions, match="both a topic of 'Cost'"):
        questions.choose([one for one in every if one.topic != "Cost" or one.level != "easy"], "Cost", "easy")


def test_a_file_that_is_not_json_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "cost.json").write_text("{")
    with pytest.raises(BadQuestions, match=r"cost\.json is not JSON"):
        questions.load(tmp_path)


def test_without_the_folder_the_error_says_how_to_name_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRYDOCK_NOTEBOOKS", str(tmp_path))
    with pytest.raises(BadQuestions, match="DRYDOCK_NOTEBOOKS"):
        questions.load()


def test_text_on_a_card_is_escaped_and_code_is_code() -> None:
    back = ALL["secrets"].back
    assert "<code>&lt;ARN&gt;:key::</code>" in back
    assert "<ARN>" not in back

"""Predict first: what is right, what is wrong, and that nothing is given away."""

from __future__ import annotations

from typing import Any

import pytest

from drydock.concepts import Question, capacity_mix, fargate_or_ec2, predict, rolling_bounds

NUMBER = Question("How many?", 4, "Because of the base.")
NEAR = Question("How many times?", 1.21375, "By the prices.", within=0.1)
WORD = Question("Through?", "no", "There is no room.", choices=("yes", "no"))


@pytest.mark.parametrize(
    ("question", "answer", "heading"),
    [
        (NUMBER, 4, "✓ Right: 4"),
        (NUMBER, " 4 ", "✓ Right: 4"),
        (NUMBER, "4.0", "✓ Right: 4"),
        (NUMBER, 2, "✗ Not 2 but 4"),
        (NUMBER, "2.5", "✗ Not 2.5 but 4"),
        (NEAR, 1.3, "✓ Right: 1.21"),
        (NEAR, 1.4, "✗ Not 1.4 but 1.21"),
        (NEAR, "3", "✗ Not 3 but 1.21"),
        (WORD, "No", "✓ Right: no"),
        (WORD, "yes", "✗ Not yes but no"),
    ],
)
def test_an_answer_is_judged_and_the_reason_given(question: Question, answer: float | str, heading: str) -> None:
    found = predict(question, answer)
    assert found.heading == heading
    assert found.plain == question.reason
    assert question.reason in found._repr_html_()


def test_without_an_answer_nothing_is_given_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DRYDOCK_SOLVE", raising=False)
    for question in (NUMBER, NEAR, WORD):
        told = [
            repr(question),
            question._repr_html_(),
            repr(predict(question, "")),
            predict(question, "")._repr_html_(),
        ]
        assert "Not answered yet" in told[2]
        assert not any(question.reason in one for one in told)
    assert "4" not in repr(NUMBER) + repr(predict(NUMBER, ""))


def test_solving_answers_what_is_open_and_leaves_what_was_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    assert predict(NUMBER, "", solve=True).heading == "The answer: 4"
    assert predict(NUMBER, 2, solve=True).heading == "✗ Not 2 but 4"
    monkeypatch.setenv("DRYDOCK_SOLVE", "1")
    assert predict(WORD, "").heading == "The answer: no"


@pytest.mark.parametrize(
    ("question", "answer", "says"),
    [
        (NUMBER, "three", "Write a number"),
        (NUMBER, "nan", "Write a number"),
        (NUMBER, "1e400", "Write a number"),
        (NUMBER, True, "Write a number"),
        (NUMBER, None, "Write a number"),
        (WORD, "perhaps", 'Write "yes" or "no"'),
        (WORD, 1, 'Write "yes" or "no"'),
    ],
)
def test_what_cannot_be_an_answer_is_said_and_gives_nothing_away(question: Question, answer: Any, says: str) -> None:
    found = predict(question, answer)
    assert found.heading == f"✗ {answer!r} is no answer"
    assert found.plain.startswith(says)
    assert question.reason not in found._repr_html_()


def test_the_questions_are_answered_by_policy() -> None:
    assert capacity_mix.question(10, 2, 1, 4).answer == 4
    assert capacity_mix.question(40, 1, 1, 4).answer == 9
    assert capacity_mix.question(10, 2, 1, 4, more=5).answer == 5
    assert rolling_bounds.question(3, 100, 125).answer == "no"
    assert rolling_bounds.question(5, 66, 133).answer == "yes"
    assert fargate_or_ec2.question("m5.large").answer == pytest.approx(1.21375)

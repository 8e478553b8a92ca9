"""What an interviewer asks next: by a seed, by how the answers were so far, and by what was missed in the last one."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random

from drydock.prep.interview_record import Asked
from drydock.prep.questions import Question

LEVELS = ("easy", "medium", "hard")
GOOD, WEAK = 2 / 3, 1 / 3
"""From this share of the key points on, an answer is good; below that one, it is weak. Our own choice."""
ALIKE = 0.1
"""From this likeness on, a question is about what was missed. Our own choice, by reading some hundred pairs."""


def wanted(asked: Sequence[Asked], known: Sequence[str]) -> int:
    """The level to ask for, as its place in LEVELS: one harder after each good answer, one easier after a weak one.

    It begins with the easiest of the levels `known`. What is not scored yet counts as good: nobody said otherwise.
    """
    places = sorted(LEVELS.index(level) for level in set(known))
    level = places[0]
    for one in asked:
        if one.open:
            continue
        share = len(one.made) / one.points if one.points else 1.0
        level += (share >= GOOD) - (share < WEAK)
        level = min(max(level, places[0]), places[-1])
    return level


def following(questions: Sequence[Question], asked: Sequence[Asked], seed: int) -> Question | None:
    """The next question: of the level nearest to `wanted`, there of a topic asked least, there by the seed.

    None where all were asked.
    """
    gone = {one.id for one in asked}
    left = [one for one in questions if one.id not in gone]
    if not left:
        return None
    level, times = wanted(asked, [one.level for one in questions]), Counter(one.topic for one in asked)
    order = {one.id: (abs(LEVELS.index(one.level) - level), times[one.topic]) for one in left}
    best = min(order.values())
    return Random(f"{seed} {len(asked)}").choice([one for one in left if order[one.id] == best])


def follow_up(questions: Sequence[Question], asked: Sequence[Asked], about: Question) -> tuple[Question, str] | None:
    """What to ask after the last answer, which was to `about`, by what was missed or said wrongly in it.

    (the question that is most about it and no harder, what it was that was missed); None where nothing was missed or
    no question is about it.
    """
    last, gone = asked[-1], {one.id for one in asked}
    why = {one.answer: one.why for one in about.wrong_answers}
    gaps = {gap: f"{gap} {why.get(gap, '')}" for gap in (*last.said, *last.missed)}
    most = LEVELS.index(about.level)
    others = [one for one in questions if one.id not in gone and LEVELS.index(one.level) <= most]
    near = _Likeness({one.id: " ".join((one.question, *one.key_points)) for one in questions})
    pairs = [(near(text, other.id), other, gap) for gap, text in gaps.items() for other in others]
    likeness, other, gap = max(pairs, key=lambda pair: pair[0], default=(0.0, about, ""))
    return (other, gap) if likeness >= ALIKE else None


class _Likeness:
    """How much a text is about what others are about, 0 to 1: the cosine of their words, rare ones counting more."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        counted = {name: Counter(_words(text)) for name, text in texts.items()}
        self._in = Counter(word for words in counted.values() for word in words)
        self._of = len(texts)
        self._vectors = {name: self._vector(words) for name, words in counted.items()}

    def __call__(self, text: str, name: str) -> float:
        other = self._vectors[name]
        return sum(weight * other.get(word, 0.0) for word, weight in self._vector(Counter(_words(text))).items())

    def _vector(self, words: Mapping[str, int]) -> dict[str, float]:
        weights = {
            word: (1 + math.log(times)) * math.log(self._of / self._in[word])
            for word, times in words.items()
            if word in self._in
        }
        length = math.sqrt(sum(weight**2 for weight in weights.values())) or 1.0
        return {word: weight / length for word, weight in weights.items()}


def _words(text: str) -> list[str]:
    return [word.lower().rstrip("s") for word in re.findall(r"[A-Za-z][A-Za-z0-9]{3,}", text)]

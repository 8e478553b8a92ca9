"""A quiz whose numbers follow from a seed and whose right answers are computed."""

from __future__ import annotations

import random
from collections.abc import Sequence

from drydock.figures import Figure
from drydock.prep.items import BadAnswer, Item, Marked
from drydock.prep.questions import named
from drydock.prep.templates import TEMPLATES


class Quiz:
    """So many questions of the topics named, or of all: the same seed gives the same ones.

    Another seed draws other questions, and other numbers and mistakes for each. Where there is room every way of
    answering is among them. With more questions than there are, it has all there are.

    Raises BadQuestions for a topic that no question has, ValueError for less than one question.
    """

    def __init__(self, seed: int = 1, topics: str = "", questions: int = 10) -> None:
        if isinstance(questions, bool) or questions < 1:
            raise ValueError(f"questions={questions}: a quiz has 1 question or more.")
        wanted = named(topics, "topic", {template.topic for template in TEMPLATES})
        found = [template.item(seed) for template in TEMPLATES if not wanted or template.topic in wanted]
        self.seed = seed
        self.items: Sequence[Item] = found if questions >= len(found) else _drawn(found, questions, seed)

    def mark(self, answers: str) -> list[Marked | None]:
        """Mark answers to the questions in order, set apart by spaces; "-" leaves one out.

        Questions beyond the last answer are None, too. Raises BadAnswer, naming the question, for an answer that
        cannot be read, and where there are more answers than questions.
        """
        typed = answers.split()
        if len(typed) > len(self.items):
            raise BadAnswer(f"{len(typed)} answers were given to {len(self.items)} questions.")
        marked: list[Marked | None] = [None] * len(self.items)
        for number, (item, one) in enumerate(zip(self.items, typed, strict=False), start=1):
            try:
                marked[number - 1] = None if one == "-" else item.mark(one)
            except BadAnswer as error:
                raise BadAnswer(f"Question {number}, {item.name}: {error}") from None
        return marked

    def score(self, marked: Sequence[Marked | None]) -> Figure:
        """What was answered, what is right, and the points: one for each right answer."""
        points = sum(bool(one and one.right) for one in marked)
        rows: list[tuple[object, ...]] = [
            (
                number,
                item.name,
                item.topic,
                one.answer if one else "",
                item.right if one else "",
                int(bool(one and one.right)),
            )
            for number, (item, one) in enumerate(zip(self.items, marked, strict=True), start=1)
        ]
        rows.append(("", "all", "", "", "", points))
        title = f"Quiz {self.seed}: {points} of {len(self.items)}"
        return Figure(title, ("", "Question", "Topic", "You", "Right", "Points"), rows)


def _drawn(items: Sequence[Item], count: int, seed: int) -> list[Item]:
    """Some of them, by chance, in their order; one of each way of answering before a second of any."""
    rng = random.Random(f"{seed} which")
    mixed = rng.sample(items, len(items))
    firsts = list({item.kind: item for item in reversed(mixed)}.values())
    chosen = [*rng.sample(firsts, len(firsts)), *(item for item in mixed if item not in firsts)][:count]
    return [item for item in items if item in chosen]

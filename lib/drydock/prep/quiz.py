"""A quiz whose numbers follow from a seed and whose right answers are computed."""

from __future__ import annotations

import random
from collections.abc import Sequence

from drydock.figures import Figure
from drydock.prep.items import BadAnswer, Item, Marked
from drydock.prep.templates import TEMPLATES


class Quiz:
    """Ten questions; the same seed gives the same ten, another seed the same subjects with other numbers."""

    def __init__(self, seed: int = 1) -> None:
        self.seed = seed
        self.items: Sequence[Item] = [template(random.Random(f"{seed} {template.__name__}")) for template in TEMPLATES]

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
            (number, item.name, one.answer if one else "", item.right if one else "", int(bool(one and one.right)))
            for number, (item, one) in enumerate(zip(self.items, marked, strict=True), start=1)
        ]
        rows.append(("", "all", "", "", points))
        title = f"Quiz {self.seed}: {points} of {len(self.items)}"
        return Figure(title, ("", "Question", "You", "Right", "Points"), rows)

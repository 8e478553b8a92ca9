"""What answers, ticks, pauses and the time do to an interview, without a page and without a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum

from drydock.prep import interview_choice
from drydock.prep.interview_record import GRACE, Asked, Interview, Pause
from drydock.prep.items import LETTERS, BadAnswer
from drydock.prep.questions import Question

LAST = timedelta(minutes=1)
"""With less than this left no other question is asked."""


class Phase(Enum):
    """Where an interview is. LOCKED: all answers are in, and the key to a pack's key points is not there."""

    ASKING = "asking"
    SCORING = "scoring"
    PAUSED = "paused"
    LOCKED = "locked"
    FINISHED = "finished"


class Course:
    """An interview, and the questions that it draws from, by id; of a pack those without their key points.

    unlocked  whether the questions have their key points.
    """

    def __init__(self, interview: Interview, deck: Mapping[str, Question], *, unlocked: bool = True) -> None:
        self.interview = interview
        self.deck = deck
        self.unlocked = unlocked

    @property
    def phase(self) -> Phase:
        interview = self.interview
        if interview.closed is None and interview.paused:
            return Phase.PAUSED
        if interview.closed is None and (interview.sealed or not interview.unscored):
            return Phase.ASKING
        if not interview.unscored:
            return Phase.FINISHED
        return Phase.SCORING if self.unlocked else Phase.LOCKED

    @property
    def place(self) -> str:
        """Another text whenever something else is to be done."""
        interview = self.interview
        return f"{self.phase.value} {len(interview.asked)} {len(interview.unscored)} {len(interview.pauses)}"

    @property
    def about(self) -> Asked:
        """What is to be answered or scored now; once all is, the last one."""
        interview = self.interview
        return interview.unscored[0] if self.phase is Phase.SCORING else interview.asked[-1]

    def question(self, asked: Asked) -> Question | None:
        """With its key points; None where it has none."""
        return None if asked.open else self.deck[asked.id]

    def go_on(self, at: datetime) -> None:
        """Close the interview if its time is over, else ask the next question if the last one is done with.

        What was typed when the time ended is the last answer.
        """
        interview = self.interview
        if interview.closed is not None or interview.paused:
            return
        ends = interview.ends(at)
        if at >= ends:
            self._close(ends)
        elif self.phase is Phase.ASKING and (not interview.asked or interview.asked[-1].answer is not None):
            following = None if ends - at < LAST and interview.asked else self._following(at)
            if following is None:
                interview.closed = at
            else:
                interview.asked.append(following)

    def type(self, typed: str, at: datetime) -> None:
        """Keep what is typed to the question that is open."""
        if self.phase is Phase.ASKING and at <= self.interview.ends(at) + GRACE:
            self.interview.draft = typed

    def answer(self, typed: str, at: datetime) -> None:
        """Answer the question that is open; an answer is final. It is not taken when the time is over."""
        self.type(typed, at)
        if at < self.interview.ends(at):
            self._take(at)

    def score(self, typed: str) -> None:
        """Score the answer that is to be scored, by `read_ticks`. Raises BadAnswer."""
        one = self.about
        question = self.deck[one.id]
        one.made, one.said = read_ticks(typed, question)
        one.missed = [point for point in question.key_points if point not in one.made]
        one.study = list(question.shown_in)
        one.scored = True

    def pause(self, at: datetime) -> None:
        self.interview.pauses.append(Pause(begin=at))

    def resume(self, at: datetime) -> None:
        self.interview.pauses[-1].end = at

    def end(self, at: datetime) -> None:
        """No more is asked; what is typed to the open question is its answer."""
        if self.interview.closed is None:
            self._close(at)

    def _close(self, at: datetime) -> None:
        if self.phase is Phase.ASKING and self.interview.draft.strip():
            self._take(at)
        self.interview.closed = at

    def _take(self, at: datetime) -> None:
        one = self.interview.asked[-1]
        one.answer, one.answered = self.interview.draft.strip(), at
        one.scored = one.open
        self.interview.draft = ""

    def _following(self, at: datetime) -> Asked | None:
        interview = self.interview
        questions, asked = list(self.deck.values()), interview.asked
        last = asked[-1] if asked else None
        if last and not last.follows and not interview.sealed:
            about = self.deck[last.id]
            found = interview_choice.follow_up(questions, asked, about)
            if found:
                return _asked(found[0], at, follows=last.id, because=found[1])
            if about.follow_up:
                itself = replace(about, id=f"{last.id}/follow-up", question=about.follow_up)
                return _asked(itself, at, follows=last.id)
        following = interview_choice.following(questions, asked, interview.seed)
        return _asked(following, at) if following else None


def _asked(one: Question, at: datetime, follows: str = "", because: str = "") -> Asked:
    return Asked(
        id=one.id, topic=one.topic, level=one.level, question=one.question, at=at, follows=follows, because=because
    )  # fmt: skip


def keys(question: Question) -> dict[str, str]:
    """{key: the key point or the wrong answer that it ticks}: 1, 2, … and a, b, …"""
    numbers = {str(number): point for number, point in enumerate(question.key_points, start=1)}
    return numbers | {key: one.answer for key, one in zip(LETTERS, question.wrong_answers, strict=False)}


def read_ticks(typed: str, question: Question) -> tuple[list[str], list[str]]:
    """(key points made, wrong answers given): by their `keys`, or "all" key points, or nothing or "-" for none.

    Raises BadAnswer for what is none of the keys.
    """
    if typed.strip().lower() == "all":
        return list(question.key_points), []
    known = keys(question)
    given = [one for one in typed.lower().replace(",", " ").split() if one != "-"]
    unknown = [one for one in given if one not in known]
    if unknown:
        raise BadAnswer(f"{unknown[0]!r} cannot be ticked here; there are {', '.join(known)}, and all, and - for none.")
    ticked = [(key.isdigit(), said) for key, said in known.items() if key in given]
    return [said for right, said in ticked if right], [said for right, said in ticked if not right]

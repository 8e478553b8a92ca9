"""A mock interview: asked, answered, followed up by what was missed, and scored by the candidate's own ticks.

from drydock.prep.interview import hold, report, scores

hold(minutes=45, topics="Cost, Scaling", seed=3)      # in JupyterLab: a clock, questions, your answers
hold(answers="1 3 | 2 a: Rounded down. | -")          # anywhere: ticks, and texts, given beforehand
report()                                              # of the last one: strengths, gaps, where to study
scores()                                              # of all, over time
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from drydock.attended import attended
from drydock.figures import Figure
from drydock.figures.table import text
from drydock.notebooks.show import Note
from drydock.prep import interview_pack, questions
from drydock.prep.interview_course import Course, Phase, keys
from drydock.prep.interview_pack import BadPack, Pack
from drydock.prep.interview_panel import InterviewPanel, Page, Tick
from drydock.prep.interview_record import (
    Asked,
    BadInterviews,
    BadSettings,
    Interview,
    Interviews,
    Sealed,
    check_minutes,
)
from drydock.prep.interview_report import Report, history
from drydock.prep.items import BadAnswer
from drydock.prep.panel import Button
from drydock.prep.questions import Question, link
from drydock.prep.sessions import now

Clock = Callable[[], datetime]

KEYS = "DRYDOCK_EXAM_KEYS"
"""Environment variable: the keys of a pack, set apart by a space, for a run that nobody attends."""


@dataclass(frozen=True)
class Settings:
    """How an interview is to be. A pack decides about all of it, and is always an exam."""

    minutes: int = 45
    topics: str = ""
    levels: str = ""
    seed: int = 1
    exam: bool = False
    pack: Pack | None = None
    deck: Sequence[Question] = field(default=(), repr=False)

    @classmethod
    def of(cls, minutes: int, topics: str, levels: str, seed: int, exam: bool, pack: str) -> Settings:
        """Raises BadSettings, BadQuestions or BadPack."""
        if pack:
            return cls(exam=True, pack=interview_pack.read(Path(pack).expanduser()))
        check_minutes(minutes)
        return cls(minutes, topics, levels, seed, exam, None, questions.choose(questions.load(), topics, levels))

    def lines(self) -> list[str]:
        if self.pack:
            return [
                f"An exam by the examiner's pack {self.pack.name}. Minutes, seed, topics and levels are the pack's, "
                "and not those of the notebook."
            ]
        return [
            f"{self.minutes} minutes; topics: {self.topics or 'all'}; levels: {self.levels or 'all'}; "
            f"{len(self.deck)} questions to draw from, by seed {self.seed}.",
            "An exam: the clock cannot be stopped." if self.exam else "For practice: the clock can be paused.",
        ]

    def begun(self, at: datetime, *, given: bool = False, key: str = "") -> tuple[Interview, dict[str, Question]]:
        """An interview that begins now, and its questions. Raises BadPack for a key that does not open the pack."""
        minutes, seed, deck, sealed = self.minutes, self.seed, self.deck, None
        if self.pack:
            contents = self.pack.contents(key)
            minutes, seed, deck = contents.minutes, contents.seed, contents.questions
            sealed = Sealed(name=self.pack.name, digest=self.pack.digest, key=key)
        interview = Interview(
            begun=at, minutes=minutes, seed=seed, topics=self.topics, levels=self.levels, exam=self.exam, given=given,
            sealed=sealed,
        )  # fmt: skip
        return interview, {one.id: one for one in deck}


def hold(
    minutes: int = 45,
    topics: str = "",
    levels: str = "",
    seed: int = 1,
    exam: bool = False,
    pack: str = "",
    answers: str = "",
    *,
    clock: Clock = now,
) -> Any:
    """Hold a mock interview, or go on with the one that runs.

    answers  given beforehand, one after another, set apart by "|": the numbers of the key points that are made and
             the letters of the wrong answers that are given, or "all", or "-" for none; after a colon the text. No
             time passes, and follow-ups without key points are passed over. The result is what was asked and made.
             Empty: a widget in JupyterLab; anywhere else how it would be held.
    pack     a file of sealed questions. With `answers` its keys are read from $DRYDOCK_EXAM_KEYS.

    Raises BadSettings, BadQuestions, BadPack, BadInterviews, and BadAnswer for answers that cannot be taken, of which
    none is recorded then.
    """
    settings = Settings.of(minutes, topics, levels, seed, exam, pack)
    if answers.strip():
        return _given(settings, answers, clock())
    if attended():
        sitting = Sitting(settings, Interviews(), clock)
        return InterviewPanel("Mock interview", sitting.first(), sitting.respond, sitting.keep, clock)
    return Note("A mock interview: open this notebook in JupyterLab to sit it", "\n".join(settings.lines()))


def report() -> Any:
    """The last interview that is finished: scores, strengths, gaps, where to study."""
    finished = [one for one in Interviews().all() if one.finished]
    return Report(finished[-1]) if finished else Note("No interview is finished yet, so there is nothing to report")


def scores() -> Figure:
    """The scores of all interviews that are finished."""
    return history(Interviews().all())


def _given(settings: Settings, answers: str, at: datetime) -> Figure:
    """An interview with these answers, recorded."""
    first, _, second = os.environ.get(KEYS, "").partition(" ")
    file = Interviews()
    with file.changing() as kept:
        if settings.pack and any(one.sealed and one.sealed.digest == settings.pack.digest for one in kept):
            raise BadSettings(f"The exam by {settings.pack.name} was begun before, and is sat once.")
        if not settings.pack and any(one.exam and not one.sealed and one.closed is None for one in kept):
            raise BadSettings("An exam is under way. Open the notebook in JupyterLab and finish it first.")
        interview, deck = settings.begun(at, given=True, key=first)
        if settings.pack and second.strip():
            deck = {one.id: one for one in settings.pack.key_points(second)}
        course = Course(interview, deck, unlocked=not settings.pack or bool(second.strip()))
        course.go_on(at)
        ticks = [_say(course, number, said, at) for number, said in enumerate(answers.split("|"), start=1)]
        course.end(at)
        for number, typed in enumerate(ticks, start=1):
            if course.phase is Phase.SCORING:
                _tick(course, number, typed)
            elif course.phase is Phase.LOCKED and typed:
                raise BadAnswer(f"Answer {number} has ticks, and {KEYS} has no second key to the key points.")
        kept.append(interview)
    rows = [
        ("follow-up" if one.follows else "question", one.topic, one.level, one.question, len(one.made), one.points)
        for one in interview.asked
        if one.answer is not None and not one.open
    ]
    return Figure(f"{len(rows)} questions answered", ("Kind", "Topic", "Level", "Question", "Made", "Of"), rows)


def _say(course: Course, number: int, said: str, at: datetime) -> str:
    """Give one answer, and tick what it has where that is done at once; ticks that are left for later."""
    if course.interview.closed is not None:
        raise BadAnswer(f"Answer {number} is one too many: there are {number - 1} questions to ask.")
    ticks, _, answer = (part.strip() for part in said.partition(":"))
    course.answer(answer, at)
    if course.phase is Phase.SCORING:
        _tick(course, number, ticks)
        ticks = ""
    course.go_on(at)
    while course.interview.closed is None and course.interview.asked[-1].open:
        course.answer("", at)
        course.go_on(at)
    return ticks


def _tick(course: Course, number: int, ticks: str) -> None:
    try:
        course.score(ticks)
    except BadAnswer as error:
        raise BadAnswer(f"Answer {number}, to {course.about.id}: {error}") from None


class Sitting:
    """One interview, from its beginning to its report: what happens, and what is shown of it.

    Every change is in the learner's file before it is shown, and the file is read anew before each: so the page, the
    kernel or the machine may go away at any moment, and the clock does not care.

    What makes an answer good is neither in the page nor in the file before the answer is in, and an answer is final. In
    an exam nothing pauses, and no other interview begins before it has ended. That is all that can be had with
    questions that are on the candidate's own disk. Of a sealed pack the key points are there only encrypted until the
    examiner gives the second key. The clock is this machine's and the file is the learner's: whoever changes them is
    not stopped, but other answers than those that the examiner has noted the code of have another code.
    """

    def __init__(self, settings: Settings, file: Interviews, clock: Clock = now) -> None:
        self.settings = settings
        self.file = file
        self.clock = clock
        self._begun: datetime | None = None
        self._deck: dict[str, Question] | None = None
        self._unlocked = not settings.pack
        self._shown = ""
        self._asks_whether_to_end = False

    def first(self) -> Page:
        return self._changed(lambda course, at: self._not_as_set(course.interview))

    def keep(self, place: str, typed: str) -> None:
        """Keep what is typed so far, if that is still what is asked."""
        at = self.clock()
        with self.file.changing() as kept:
            course = self._course(kept)
            if course and course.place == place:
                course.type(typed, at)

    def respond(self, action: str, typed: str = "") -> Page:
        """The page after what was pressed: "begin", "answer", "score", "pause", "resume", "end", "end now", "stay",
        "open" (with the second key), or "time" (the time is over, by the page's clock)."""
        if action == "begin":
            return self._begin(typed)
        shown, asked = self._shown, self._asks_whether_to_end
        self._asks_whether_to_end = False

        def act(course: Course, at: datetime) -> str:
            if action == "stay" or (action == "time" and asked):  # that page has no answer to send
                return ""
            if shown != course.place:
                return "This interview went on in another window. Here is where it is."
            return self._act(course, action, typed, at)

        page = self._changed(act)
        return self._whether_to_end(page) if action == "end" and self._shown == shown else page

    def _begin(self, key: str) -> Page:
        try:
            fresh, _ = self.settings.begun(self.clock(), key=key)
        except BadPack as error:
            return self._start(str(error))
        with self.file.changing() as kept:
            if self._course(kept) is None:
                kept.append(fresh)
        return self.first()

    def _changed(self, act: Callable[[Course, datetime], str]) -> Page:
        """The page after `act`, which is in the file by then."""
        at = self.clock()
        with self.file.changing() as kept:
            course = self._course(kept)
            if course is None:
                return self._start()
            was_open = course.interview.closed is None
            status = act(course, at)
            course.go_on(at)
            if was_open and course.interview.closed is not None and not status:
                status = "The interview is over."
        return self._page(course, status, at)

    def _course(self, kept: Sequence[Interview]) -> Course | None:
        """The interview that this is about: the pack's only one, else the one that was begun here or still runs."""
        if pack := self.settings.pack:
            found = [one for one in kept if one.sealed and one.sealed.digest == pack.digest]
        else:
            here = [one for one in kept if one.begun == self._begun]
            found = here or [one for one in kept if not one.sealed and not one.finished]
        if not found:
            return None
        interview = found[-1]
        self._begun = interview.begun
        if self._deck is None:
            if pack and interview.sealed:
                deck = pack.contents(interview.sealed.key).questions
            else:
                deck = questions.choose(questions.load(), interview.topics, interview.levels)
            self._deck = {one.id: one for one in deck}
        gone = [one.id for one in interview.asked if not one.open and not one.scored and one.id not in self._deck]
        if gone:
            raise BadInterviews(
                f"The question {gone[0]!r} was asked, and is in notebooks/prep/questions no more. Put it back, or move "
                f"{self.file.file} away."
            )
        return Course(interview, self._deck, unlocked=self._unlocked)

    def _act(self, course: Course, action: str, typed: str, at: datetime) -> str:
        phase, practice = course.phase, not course.interview.exam
        if phase is Phase.ASKING and action in ("answer", "time", "end", "pause"):
            course.type(typed, at)
        if action == "answer" and phase is Phase.ASKING:
            course.answer(typed, at)
        elif action == "score" and phase is Phase.SCORING:
            course.score(typed)
        elif action == "pause" and practice and phase in (Phase.ASKING, Phase.SCORING):
            course.pause(at)
        elif action == "resume" and phase is Phase.PAUSED:
            course.resume(at)
        elif action == "end now":
            course.end(at)
        elif action == "open" and phase is Phase.LOCKED:
            return self._open(typed, course)
        return ""

    def _open(self, key: str, course: Course) -> str:
        assert self.settings.pack is not None
        try:
            whole = self.settings.pack.key_points(key)
        except BadPack as error:
            return str(error)
        self._deck = {one.id: one for one in whole}
        self._unlocked = True
        course.deck, course.unlocked = self._deck, True
        return ""

    def _not_as_set(self, interview: Interview) -> str:
        """What to say where the interview that runs is not the one that the notebook asks for."""
        settings = self.settings
        asked = (settings.minutes, settings.topics, settings.levels, settings.seed, settings.exam)
        runs = (interview.minutes, interview.topics, interview.levels, interview.seed, interview.exam)
        if settings.pack or asked == runs or interview.closed:
            return ""
        kind = "exam" if interview.exam else "interview"
        return (
            f"This {kind} was begun with other settings ({interview.minutes} minutes, topics "
            f"{interview.topics or 'all'}, levels {interview.levels or 'all'}, seed {interview.seed}), and goes on "
            "with them. Those of the notebook count for the next one."
        )

    def _start(self, status: str = "") -> Page:
        self._shown = "start"
        lines = "".join(f"<p>{text(line)}</p>" for line in self.settings.lines())
        button = Button("begin", "Begin (Enter)", ("Enter",))
        return Page(
            f"<h3>Mock interview</h3>{lines}<p>The clock starts when you begin. It runs on while you score yourself, "
            "and while this page is closed. An answer is final.</p>",
            status,
            [button],
            field="The examiner's first key:" if self.settings.pack else "",
            kind="secret",
            place="start",
        )

    def _page(self, course: Course, status: str, at: datetime) -> Page:
        self._shown = course.place
        interview, phase = course.interview, course.phase
        ends = None if interview.closed or phase is Phase.PAUSED else interview.ends(at).timestamp()
        if phase is Phase.FINISHED:
            again = "" if interview.sealed else "<p>For another one set another seed, and run the cells again.</p>"
            return Page(Report(interview)._repr_html_() + again, status, place=course.place)
        if phase is Phase.PAUSED:
            left = round((interview.ends(at) - at).total_seconds() / 60)
            body = f"<h3>Paused</h3><p>About {left} minutes are left.</p>"
            return Page(body, status, [Button("resume", "Go on (Enter)", ("Enter",))], place=course.place)
        if phase is Phase.LOCKED:
            return Page(
                f"<h3>All answers are in</h3><p>Tell your examiner this code: <strong>{interview.code()}</strong></p>"
                "<p>Then you get the second key, which opens the key points. Other answers have another code.</p>",
                status,
                [Button("open", "Open the key points (Enter)", ("Enter",))],
                field="The examiner's second key:",
                kind="secret",
                place=course.place,
            )
        more = [] if interview.exam or interview.closed else [Button("pause", "Pause")]
        more += [] if interview.closed else [Button("end", "End the interview")]
        if phase is Phase.ASKING:
            return Page(
                _heading(interview, course.about),
                status,
                [Button("answer", "This is my answer (Control+Enter)", ("Control+Enter",)), *more],
                field="Your answer, which is final:",
                kind="long",
                place=course.place,
                draft=interview.draft,
                ends=ends,
            )
        return _scoring(course, status, [Button("score", "That is all (Enter)", ("Enter",)), *more], ends)

    def _whether_to_end(self, page: Page) -> Page:
        self._asks_whether_to_end = True
        body = "<h3>End the interview?</h3><p>What you have typed to the open question is its answer then.</p>"
        buttons = [
            Button("stay", "Go on with it (Enter)", ("Enter",)),
            Button("end now", "End it (e)", ("e",)),
        ]
        return Page(body, "", buttons, place=f"{page.place} end?", ends=page.ends)


def _heading(interview: Interview, asked: Asked) -> str:
    number = sum(not one.follows for one in interview.asked[: interview.asked.index(asked) + 1])
    about = f"{text(asked.topic)} · {asked.level}"
    if not asked.follows:
        return f"<p><small>Question {number} · {about}</small></p><h3>{text(asked.question)}</h3>"
    why = (
        f"Asked since you left this out or had it wrong: {text(asked.because)}"
        if asked.because
        else "Going on from there:"
    )
    return f"<p><small>Follow-up to question {number} · {about}</small></p><p>{why}</p><h3>{text(asked.question)}</h3>"


def _scoring(course: Course, status: str, buttons: Sequence[Button], ends: float | None) -> Page:
    asked = course.about
    question = course.deck[asked.id]
    said = f"<blockquote>{text(asked.answer)}</blockquote>" if asked.answer else "<p>You wrote nothing.</p>"
    why = {one.answer: one.why for one in question.wrong_answers}
    dated = f" (as of {question.as_of})" if question.as_of else ""
    ticks = [
        Tick(key, text(one), f"Key points{dated}: tick what your answer has")
        if key.isdigit()
        else Tick(key, f"<em>{text(one)}</em> {text(why[one])}", "Often said, and wrong: tick what you said")
        for key, one in keys(question).items()
    ]
    sources = (
        f"<p><small>Source: {text(question.source)}<br>Shown in: {', '.join(map(link, question.shown_in))}</small></p>"
    )
    told = ""
    if course.interview.exam and not asked.answer:  # nothing was said that could be ticked
        ticks, sources, told = [], question.back, "<p>In an exam nothing can be ticked for it.</p>"
    body = f"{_heading(course.interview, asked)}<h4>Your answer</h4>{said}{told}{sources}"
    return Page(body, status, buttons, place=course.place, ticks=ticks, ends=ends)

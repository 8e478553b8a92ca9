"""A mock interview without a browser: what is asked next, the clock, what is kept, and what is given away when."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.prep import START, Clock
from typer.testing import CliRunner

from drydock.commands.notebook import prep as commands
from drydock.prep import BadAnswer, BadQuestions, interview_pack, questions
from drydock.prep.interview import KEYS, Settings, Sitting, hold, report, scores
from drydock.prep.interview_choice import LEVELS, follow_up, following, wanted
from drydock.prep.interview_pack import BadPack
from drydock.prep.interview_panel import InterviewPanel, Page
from drydock.prep.interview_record import Asked, BadInterviews, BadSettings, Interview, Interviews
from drydock.prep.interview_report import Report
from drydock.prep.questions import Question

CARDS = questions.load()
BY_ID = {one.id: one for one in CARDS}
ROOT = questions.directory().parents[1]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The learner's file, which nobody else has; the questions as they were loaded once."""
    monkeypatch.setenv("DRYDOCK_PREP", str(tmp_path / "cards.json"))
    monkeypatch.setattr(questions, "load", lambda: CARDS)
    yield tmp_path / "interviews.json"


def sitting(clock: Clock, *, minutes: int = 45, topics: str = "", levels: str = "", seed: int = 1, exam: bool = False,
            pack: str = "") -> Sitting:  # fmt: skip
    """As a cell that is run, in a kernel that has just started."""
    return Sitting(Settings.of(minutes, topics, levels, seed, exam, pack), Interviews(), clock)


def begun(clock: Clock, **settings: Any) -> tuple[Sitting, Page]:
    sat = sitting(clock, **settings)
    sat.first()
    return sat, sat.respond("begin")


def last() -> Interview:
    return Interviews().all()[-1]


def asked_now() -> Question:
    return BY_ID[last().asked[-1].id]


def scored(card: Question, made: int, at: datetime = START) -> Asked:
    """An answer to it in which so many key points were made."""
    return Asked(id=card.id, topic=card.topic, level=card.level, question=card.question, at=at, answer="x", answered=at,
                 scored=True, made=list(card.key_points[:made]), missed=list(card.key_points[made:]))  # fmt: skip


def good_and_bad(card: Question) -> list[str]:
    """All that an answer to it must not show beforehand."""
    wrong = [text for one in card.wrong_answers for text in (one.answer, one.why)]
    return [*card.key_points, *wrong, *([card.follow_up] if card.follow_up else [])]


# -- what is asked


def test_it_gets_harder_with_good_answers_and_easier_with_weak_ones() -> None:
    one = BY_ID["fargate-cost"]
    assert len(one.key_points) == 5
    good, fair, weak = scored(one, 4), scored(one, 2), scored(one, 1)
    levels = [LEVELS[wanted(so_far, LEVELS)] for so_far in ([], [good], [good, fair], [good, good, good], [good, weak])]
    assert levels == ["easy", "medium", "medium", "hard", "easy"]
    assert LEVELS[wanted([weak], ["medium", "hard"])] == "medium", "no easier than what was chosen"


def test_the_same_seed_and_answers_give_the_same_questions_and_another_seed_others() -> None:
    def drawn(seed: int) -> list[str]:
        so_far: list[Asked] = []
        for _ in range(8):
            card = following(CARDS, so_far, seed)
            assert card is not None
            so_far.append(scored(card, len(card.key_points)))
        return [one.id for one in so_far]

    first = drawn(1)
    assert first == drawn(1)
    assert len({tuple(drawn(seed)) for seed in range(5)}) == 5
    assert [BY_ID[name].level for name in first] == ["easy", "medium", *["hard"] * 6]
    assert len({BY_ID[name].topic for name in first}) == 8, "topics take turns"


def test_no_question_is_asked_twice_and_it_ends_when_none_is_left() -> None:
    few = questions.choose(CARDS, "Policy")
    so_far: list[Asked] = []
    while (card := following(few, so_far, 3)) is not None:
        so_far.append(scored(card, 1))
    assert sorted(one.id for one in so_far) == sorted(one.id for one in few)


def test_the_follow_up_is_about_what_was_missed() -> None:
    about = BY_ID["breaker-threshold"]
    heard = follow_up(CARDS, [scored(about, 2)], about)
    assert heard is not None
    assert heard[0].topic == "Deployments"
    assert "breaker" in heard[0].question
    assert heard[1] in about.key_points[2:]
    assert LEVELS.index(heard[0].level) <= LEVELS.index(about.level)
    assert follow_up(CARDS, [scored(about, len(about.key_points))], about) is None


def test_what_was_said_wrongly_is_followed_up_too() -> None:
    about = BY_ID["fargate-or-ec2"]
    answer = scored(about, len(about.key_points))
    answer.said = [about.wrong_answers[0].answer]
    heard = follow_up(CARDS, [answer], about)
    assert heard is not None
    assert heard[1] == about.wrong_answers[0].answer


# -- a sitting


def test_nothing_begins_and_nothing_is_kept_before_one_says_so(clock: Clock, kept: Path) -> None:
    page = sitting(clock, topics="Cost", levels="hard").first()
    assert page.ends is None
    assert "45 minutes; topics: Cost; levels: hard" in page.body
    assert not kept.exists()


@pytest.mark.parametrize("exam", [False, True])
def test_what_makes_an_answer_good_is_shown_and_kept_only_when_the_answer_is_in(
    clock: Clock, kept: Path, exam: bool
) -> None:
    sat, page = begun(clock, exam=exam)
    for _ in range(6):
        card = BY_ID.get(last().asked[-1].id)
        if card is None:  # a follow-up without key points
            page = sat.respond("answer", "Something.")
            continue
        seen = json.dumps(page.__dict__, default=vars) + kept.read_text()
        assert card.question in page.body or "`" in card.question
        for text in good_and_bad(card):
            assert json.dumps(text)[1:-1] not in seen
        page = sat.respond("answer", "Something.")
        assert [one.text for one in page.ticks if one.key.isdigit()] == [questions.text(x) for x in card.key_points]
        assert [one.key for one in page.ticks if not one.key.isdigit()] == list("ab"[: len(card.wrong_answers)])
        page = sat.respond("score", "1")


def test_an_answer_and_its_ticks_are_in_the_file_when_the_next_page_is_shown(clock: Clock) -> None:
    sat, _ = begun(clock)
    card = asked_now()
    clock.pass_(minutes=4)
    sat.respond("answer", "The answer.")
    assert (last().asked[0].answer, last().asked[0].answered) == ("The answer.", clock.now)
    sat.respond("score", "1 3 a")
    one = last().asked[0]
    assert one.made == [card.key_points[0], card.key_points[2]]
    assert one.missed == [point for point in card.key_points if point not in one.made]
    assert one.said == [card.wrong_answers[0].answer]
    assert last().asked[1].follows == card.id, "and what comes next is kept before it is shown"


def test_another_kernel_goes_on_where_this_one_was_and_the_clock_has_gone_on(clock: Clock) -> None:
    sat, page = begun(clock, minutes=30)
    sat.keep(page.place, "Half of an ans")
    clock.pass_(minutes=12)
    again = sitting(clock, minutes=30).first()
    assert (again.body, again.draft, again.place) == (page.body, "Half of an ans", page.place)
    assert again.ends == page.ends == (START + timedelta(minutes=30)).timestamp()


def test_other_settings_do_not_change_the_interview_that_runs_and_that_is_said(clock: Clock) -> None:
    _, page = begun(clock, exam=True, seed=3)
    again = sitting(clock, seed=4, topics="Cost").first()
    assert again.body == page.body
    assert "exam was begun with other settings (45 minutes, topics all, levels all, seed 3)" in again.status
    assert len(Interviews().all()) == 1
    assert "pause" not in [button.action for button in again.buttons], "it is still an exam"


def test_what_was_typed_when_the_time_ended_is_the_last_answer(clock: Clock) -> None:
    sat, page = begun(clock, minutes=10)
    clock.pass_(minutes=9)
    sat.keep(page.place, "Typed in time.")
    clock.pass_(minutes=20)
    sat.keep(page.place, "Typed too late.")
    page = sitting(clock, minutes=10).first()
    assert page.status == "The interview is over."
    assert "Typed in time." in page.body
    assert page.ticks
    assert page.ends is None
    assert last().closed == START + timedelta(minutes=10)


def test_an_answer_after_the_time_is_not_taken_but_what_the_page_sends_at_its_end_is(clock: Clock) -> None:
    sat, _ = begun(clock, minutes=10)
    clock.pass_(minutes=10, seconds=2)
    assert "To the last word." in sat.respond("time", "To the last word.").body
    sat.respond("score", "-")
    clock.pass_(days=1)
    sat, _ = begun(clock, minutes=10)
    clock.pass_(minutes=10, seconds=6)
    assert "no score" in sat.respond("answer", "Too late.").body
    assert last().asked[-1].answer is None


def test_no_question_is_begun_in_the_last_minute(clock: Clock) -> None:
    sat, _ = begun(clock, minutes=10)
    clock.pass_(minutes=9, seconds=30)
    sat.respond("answer", "Just in time.")
    page = sat.respond("score", "1")
    assert "Where to study" in page.body
    assert len(last().asked) == 1


def test_a_pause_stops_the_clock_also_over_a_restart(clock: Clock) -> None:
    sat, page = begun(clock)
    clock.pass_(minutes=5)
    assert sat.respond("pause", "Half").ends is None
    clock.pass_(hours=3)
    sat = sitting(clock)
    assert "About 40 minutes are left" in sat.first().body
    again = sat.respond("resume")
    assert again.draft == "Half"
    assert page.ends is not None
    assert again.ends == page.ends + 3 * 3600


def test_an_exam_cannot_be_paused(clock: Clock) -> None:
    sat, page = begun(clock, exam=True)
    assert "pause" not in [button.action for button in page.buttons]
    clock.pass_(minutes=5)
    assert sat.respond("pause").ends == page.ends
    assert not last().pauses


def test_two_windows_do_not_answer_one_question_twice(clock: Clock) -> None:
    here, _ = begun(clock)
    there = sitting(clock)
    there.first()
    here.respond("answer", "From here.")
    page = there.respond("answer", "From there.")
    assert "went on in another window" in page.status
    assert [one.answer for one in last().asked] == ["From here."]


def test_it_ends_only_when_asked_twice_and_keeps_what_was_typed(clock: Clock) -> None:
    sat, page = begun(clock)
    assert "End the interview?" in sat.respond("end", "So far.").body
    assert last().closed is None
    assert sat.respond("stay").draft == "So far."
    sat.respond("end", "So far.")
    page = sat.respond("end now")
    assert "So far." in page.body
    assert page.ticks
    assert "1 of 1 questions answered" in sat.respond("score", "2").body


def test_what_was_typed_is_the_answer_also_where_the_time_ends_while_one_is_asked_whether_to_end(clock: Clock) -> None:
    sat, _ = begun(clock, minutes=10)
    sat.respond("end", "So far.")
    clock.pass_(minutes=10)
    assert "So far." in sat.respond("time").body
    assert last().asked[0].answer == "So far."


def test_in_an_exam_nothing_can_be_ticked_for_an_answer_that_is_empty(clock: Clock) -> None:
    for exam in (True, False):
        sat, _ = begun(clock, exam=exam)
        card = asked_now()
        page = sat.respond("answer", "  ")
        assert bool(page.ticks) is not exam, "for practice one may have answered aloud"
        assert questions.text(card.key_points[0]) in page.body + json.dumps([one.text for one in page.ticks])
        sat.respond("score", "")
        sat.respond("end now")


def test_a_follow_up_without_key_points_is_kept_and_not_scored(clock: Clock) -> None:
    sat, _ = begun(clock)
    card = asked_now()
    sat.respond("answer", "All of it.")
    page = sat.respond("score", "all")
    assert "Going on from there" in page.body
    assert questions.text(card.follow_up) in page.body
    page = sat.respond("answer", "Then this.")
    assert "Question 2" in page.body
    assert [len(last().scored), last().asked[1].answer] == [1, "Then this."]


def test_after_its_end_another_one_may_begin(clock: Clock) -> None:
    sat, _ = begun(clock)
    sat.respond("end now")
    assert "For another one set another seed" in sat.respond("stay").body
    assert "Begin" in sitting(clock, seed=2).first().buttons[0].label


# -- what is reported


def test_a_clock_that_was_set_back_is_told_of(clock: Clock) -> None:
    sat, _ = begun(clock)
    sat.respond("answer", "Something.")
    sat.respond("score", "1")
    clock.pass_(days=-400)
    sat.respond("end now")
    told = repr(report())
    assert "0 of 45 minutes used" in told
    assert "The clock of this machine was set back meanwhile" in told


def test_the_report_has_scores_strengths_gaps_and_where_to_study() -> None:
    strong, weak, other = BY_ID["rolling-bounds"], BY_ID["fargate-cost"], BY_ID["savings-stack"]
    held = Interview(begun=START, minutes=45, seed=1, closed=START + timedelta(minutes=31))
    held.asked = [scored(strong, len(strong.key_points)), scored(weak, 1), scored(other, 3)]
    for one in held.asked:
        one.study = list(BY_ID[one.id].shown_in)
    held.asked[1].said, held.asked[1].answer = [weak.wrong_answers[0].answer], "<script>alert(1)</script>"
    told = Report(held)
    points = len(strong.key_points)
    made, there = points + 4, points + 5 + len(other.key_points)
    assert told.title.endswith(f"{made} of {there} key points, {round(100 * made / there)} %")
    assert told.scores(lambda one: one.topic)[0][:4] == ("Cost", 2, 4, 5 + len(other.key_points))
    assert told.strengths == [f"{strong.question} ({points} of {points})"]
    assert [one.id for one in told.gaps] == [weak.id, other.id]
    assert set(told.study) >= {(path, 5 + len(other.key_points) - 3) for path in {*weak.shown_in} & {*other.shown_in}}
    for shown in (repr(told), told._repr_html_()):
        assert "31 of 45 minutes used" in shown
        assert "You ticked the key points yourself" in shown
        assert weak.wrong_answers[0].answer in shown
    assert "<script>" not in told._repr_html_()
    assert 'class="mathjax_ignore"' in told._repr_html_(), "else two prices become a formula"
    for path, _ in told.study:
        assert (ROOT / path).exists()
        assert f'href="../../{path}"' in told._repr_html_()


def test_the_scores_of_all_interviews_are_a_table_and_a_figure(clock: Clock) -> None:
    assert scores().data == ()
    for made, seed in (("1", 1), ("all", 2)):
        hold(seed=seed, answers=f"{made}: so", clock=clock)
        clock.pass_(days=1)
    begun(clock)  # one that still runs
    table = scores()
    assert len(table.rows) == 2
    assert table.rows[1][5] == "100 %"
    assert table.data[0]["x"] == [1, 2]
    assert table.data[0]["y"][0] < 50 < table.data[0]["y"][1] == 100
    assert repr(report()).startswith("Mock interview of 2026-11-2")


# -- the learner's file


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "Expecting property name"),
        ("[]", "a list, not an object"),
        ("[" * 100_000, "nested too deeply"),
        ('{"version": 2}', "version is 2"),
        ('{"interviews": [{"begun": "yesterday"}]}', "interviews.0.begun"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_of_and_left_alone(clock: Clock, kept: Path, text: str, said: str) -> None:
    kept.write_text(text)
    with pytest.raises(BadInterviews, match=said) as refused:
        sitting(clock).first()
    assert str(kept) in str(refused.value)
    with pytest.raises(BadInterviews):
        hold(answers="1", clock=clock)
    assert kept.read_text() == text


def test_a_question_that_has_gone_is_told_of(clock: Clock, kept: Path) -> None:
    begun(clock)
    kept.write_text(kept.read_text().replace(f'"id": "{asked_now().id}"', '"id": "gone"'))
    with pytest.raises(BadInterviews, match="'gone' was asked"):
        sitting(clock).first()


# -- headless


def test_answers_given_beforehand_are_recorded_with_their_texts(clock: Clock) -> None:
    table = hold(answers="1 2: Both of these. | - | 3,1 a: With a comma. | all | all", levels="medium", clock=clock)
    assert [row[4] for row in table.rows[:3]] == [2, 0, 2]
    assert all(row[5] for row in table.rows), "what has no key points is passed over"
    assert any(one.open for one in last().asked)
    held = last()
    assert held.given
    assert held.finished
    assert [one.answer for one in held.asked[:3]] == ["Both of these.", "", "With a comma."]
    assert held.asked[2].said


@pytest.mark.parametrize(
    ("settings", "kind", "said"),
    [
        ({"minutes": 4}, BadSettings, "minutes=4: an interview takes 5 to 180 whole minutes"),
        ({"minutes": "long"}, BadSettings, "minutes='long': an interview"),
        ({"exam": "yes"}, BadSettings, "exam='yes', seed=1: exam is True or False"),
        ({"topics": 5}, BadQuestions, "5 names no topic"),
        ({"topics": "Cots"}, BadQuestions, "no topic 'cots'"),
        ({"levels": "expert"}, BadQuestions, "no level 'expert'"),
        ({"pack": "nowhere.pack"}, BadPack, "No such file"),
        ({"answers": "1 | 9"}, BadAnswer, "Answer 2, to .*: '9' cannot be ticked here; there are 1, 2"),
        ({"answers": "|".join(["-"] * 40), "topics": "Policy"}, BadAnswer, "Answer 6 is one too many: there are 5"),
    ],
)
def test_settings_and_answers_that_cannot_be_are_refused_and_nothing_is_recorded(
    kept: Path, settings: dict[str, Any], kind: type[Exception], said: str
) -> None:
    with pytest.raises(kind, match=said):
        hold(**{"answers": "1", **settings})
    assert not kept.exists()


def test_while_an_exam_runs_no_answers_given_beforehand_are_taken(clock: Clock) -> None:
    begun(clock, exam=True)
    with pytest.raises(BadSettings, match="An exam is under way"):
        hold(answers="1", clock=clock)


# -- a sealed pack


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, str]:
    """(the file, the first key, the second key)"""
    file = tmp_path_factory.mktemp("examiner") / "autumn.pack"
    keys = interview_pack.seal(file, questions.choose(CARDS, "Cost, Scaling"), minutes=20, seed=5)
    return str(file), *keys


def test_a_pack_gives_nothing_away_without_its_keys_and_no_key_points_by_the_first(sealed: tuple[str, ...]) -> None:
    file, first, second = sealed
    pack = interview_pack.read(Path(file))
    raw = Path(file).read_text()
    assert not any(one.question in raw or one.key_points[0] in raw for one in CARDS)
    contents = pack.contents(first)
    assert (contents.minutes, contents.seed, len(contents.questions)) == (20, 5, 32)
    assert all(one.question and not good_and_bad(one) and not one.source for one in contents.questions)
    assert [BY_ID[one.id] for one in pack.key_points(second)] == list(pack.key_points(second))
    for wrong in (second, "", "AAAA-AAAA-AAAA-AAAA"):
        with pytest.raises(BadPack, match="does not open the questions"):
            pack.contents(wrong)
    with pytest.raises(BadPack, match="does not open the key points"):
        pack.key_points(first)
    assert pack.contents(f" {first.lower().replace('-', '')} ") == contents, "as one may type it"


def test_a_pack_is_not_written_over_another_file(sealed: tuple[str, ...]) -> None:
    before = Path(sealed[0]).read_bytes()
    with pytest.raises(BadPack, match="is there already"):
        interview_pack.seal(Path(sealed[0]), CARDS[:3], minutes=20, seed=1)
    assert Path(sealed[0]).read_bytes() == before


def test_a_pack_that_was_changed_is_no_other_exam(sealed: tuple[str, ...], tmp_path: Path) -> None:
    """Fernet alone passes over a character that is no base64; with it the digest, and so the exam, was another one."""
    data = json.loads(Path(sealed[0]).read_text())
    changed = tmp_path / "changed.pack"
    for name in ("questions", "key points"):
        for text in (data[name][:40] + "*" + data[name][40:], data[name] + "=", data[name] + "\n"):
            changed.write_text(json.dumps({**data, name: text}))
            with pytest.raises(BadPack, match="its sealed text was changed"):
                interview_pack.read(changed)
    flipped = data["questions"][:60] + ("B" if data["questions"][60] == "A" else "A") + data["questions"][61:]
    changed.write_text(json.dumps({**data, "questions": flipped}))
    with pytest.raises(BadPack, match="If it is the right one, the file was changed"):
        interview_pack.read(changed).contents(sealed[1])


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"kind": "something else"}', "[" * 100_000])
def test_what_is_no_pack_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "no.pack").write_text(text)
    with pytest.raises(BadPack, match=r"no\.pack is not a pack of sealed questions"):
        interview_pack.read(tmp_path / "no.pack")


def test_an_exam_by_a_pack_is_scored_only_by_the_second_key(clock: Clock, kept: Path, sealed: tuple[str, ...]) -> None:
    file, first, second = sealed
    sat = sitting(clock, pack=file)
    assert "the pack's, and not those of the notebook" in sat.first().body
    assert "does not open the questions" in sat.respond("begin", second).status
    assert not kept.exists()
    page = sat.respond("begin", first)
    for number in range(3):
        assert f"Question {number + 1}" in page.body
        clock.pass_(minutes=1)
        page = sat.respond("answer", f"Answer {number}.")
    assert [one.level for one in last().asked] == ["easy", "medium", "hard", "hard"]
    assert not page.ticks
    sat.respond("end")
    page = sat.respond("end now")
    code = last().code()
    assert code in page.body
    seen = kept.read_text() + json.dumps(page.__dict__, default=vars)
    assert not any(json.dumps(text)[1:-1] in seen for one in last().asked for text in good_and_bad(BY_ID[one.id]))

    sat = sitting(clock, pack=file)
    assert code in sat.first().body, "a restart changes nothing"
    assert "does not open the key points" in sat.respond("open", first).status
    page = sat.respond("open", second)
    for number in range(3):
        assert f"Answer {number}." in page.body
        page = sat.respond("score", "1 2")
    assert "6 of" in page.body
    assert code in page.body
    assert last().code() == code
    again = sitting(clock, pack=file).first()
    assert again.body == page.body, "it is sat once"


def test_whoever_deletes_the_file_gets_the_same_questions_from_the_pack(
    clock: Clock, kept: Path, sealed: tuple[str, ...]
) -> None:
    def begin() -> list[str]:
        sat = sitting(clock, pack=sealed[0])
        sat.first()
        sat.respond("begin", sealed[1])
        sat.respond("answer", "x")
        return [one.id for one in last().asked]

    before = begin()
    kept.unlink()
    assert begin() == before


def test_what_was_changed_in_a_file_that_is_handed_in_is_told(
    clock: Clock, sealed: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEYS, f"{sealed[1]} {sealed[2]}")
    hold(pack=sealed[0], answers="1: One. | 2 3: Two. | -: Three.", clock=clock)
    contents = interview_pack.read(Path(sealed[0])).contents(sealed[1])
    held = last()
    assert interview_pack.faults(held, contents) == []
    code = held.code()
    held.asked[1].answer = "Two, and better."
    assert held.code() != code
    held.asked[1].answered = START + timedelta(minutes=21)
    held.asked[2] = held.asked[2].model_copy(update={"id": "another"})
    held.minutes = 30
    told = "; ".join(interview_pack.faults(held, contents))
    assert "another length" in told
    assert "question 3 is 'another', and the seed draws" in told
    assert f"the answer to {held.asked[1].id!r} is not within its time" in told
    with pytest.raises(BadSettings, match="is sat once"):
        hold(pack=sealed[0], answers="1", clock=clock)


def test_ticks_without_the_second_key_are_refused(
    clock: Clock, kept: Path, sealed: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEYS, sealed[1])
    with pytest.raises(BadAnswer, match="no second key"):
        hold(pack=sealed[0], answers="1: One.", clock=clock)
    assert not kept.exists()
    hold(pack=sealed[0], answers=": One. | : Two.", clock=clock)
    assert not last().finished


# -- the widget


def test_the_page_is_told_the_time_and_what_it_sends_while_one_types_is_kept(clock: Clock, kept: Path) -> None:
    sat, page = begun(clock)
    panel = InterviewPanel("Mock interview", page, sat.respond, sat.keep, clock)
    said: list[Any] = []
    panel.send = lambda content, buffers=None: said.append(content)
    panel._heard(panel, {"action": "clock"}, [])
    panel._heard(panel, {"action": "draft", "place": page.place, "typed": "So f"}, [])
    assert said == [{"now": START.timestamp()}, {"kept": True}]
    assert last().draft == "So f"
    assert panel.view["draft"] == "So f", "a page that is loaded anew shows it"
    panel._heard(panel, {"action": "draft", "place": "elsewhere", "typed": "no"}, [])
    assert last().draft == "So f"
    kept.write_text("{")
    panel._heard(panel, {"action": "draft", "place": page.place, "typed": "So far"}, [])
    assert said[-1]["kept"] is False
    assert str(kept) in said[-1]["why"]


# -- the examiner's commands


def drydock_prep(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(commands, list(words))
    assert done.exit_code == code, done.output
    return " ".join(done.output.split())


def test_an_examiner_seals_questions_and_checks_what_is_handed_in(
    clock: Clock, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = tmp_path / "a.pack"
    monkeypatch.setattr(questions, "load", lambda folder: {tmp_path: questions.choose(CARDS, "Policy")}[folder])
    said = drydock_prep("seal", str(tmp_path), str(pack), "--minutes", "15")
    keys = re.findall(r"[A-Z2-7]{4}(?:-[A-Z2-7]{4}){3}", said)
    assert "5 questions, 15 minutes" in said
    monkeypatch.setenv(KEYS, " ".join(keys))
    hold(pack=str(pack), answers="1: So | 2: And so", clock=clock)
    told = drydock_prep("handed-in", str(kept), "--pack", str(pack), "--key", keys[0])
    assert f"Code of these answers: {last().code()}" in told
    assert "And so" in told
    kept.write_text(kept.read_text().replace('"minutes": 15', '"minutes": 150'))
    told = drydock_prep("handed-in", str(kept), "--pack", str(pack), "--key", keys[0], code=1)
    assert "Not as the pack has it: it has another length or another seed" in told


def test_where_nothing_by_the_pack_was_handed_in_that_is_said(
    clock: Clock, kept: Path, sealed: tuple[str, ...]
) -> None:
    hold(answers="1", clock=clock)
    assert "Mock interview of" in drydock_prep("handed-in", str(kept))
    told = drydock_prep("handed-in", str(kept), "--pack", sealed[0], "--key", sealed[1], code=1)
    assert "has no interview by" in told

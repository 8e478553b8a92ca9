"""Steps, checks, hints, drills, set-up, progress and clean-up, as a learner meets them."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from drydock.cloud import Cloud, CloudRefused
from drydock.labs import (
    Lab,
    NoSuchLab,
    NoSuchStep,
    NothingToBreak,
    Outline,
    StepNotPassed,
    SurvivorsLeft,
    TookTooLong,
    catalogue,
    not_started,
    passed,
    progress,
    wait_until,
    wrong,
)
from drydock.ledger import Ledger
from drydock.notebooks import wait
from drydock.notebooks.wait import Pace

SAMPLE = Path(__file__).parent / "sample"


@pytest.fixture(autouse=True)
def _sample_labs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRYDOCK_LABS", str(SAMPLE))


@pytest.fixture
def queues(cloud: Cloud) -> Any:
    lab = Lab.open("00-queues", cloud=cloud)
    yield lab
    lab.clean_up(sure=True)


def url(lab: Lab) -> str:
    return str(lab.cloud.client("sqs").get_queue_url(QueueName="jobs")["QueueUrl"])


def test_a_check_tells_untouched_wrong_and_right_apart(queues: Lab) -> None:
    untouched = queues.check("keep-longer")
    assert (untouched.state, untouched.passed) == ("not started", False)
    with pytest.raises(TypeError, match=r"ask whether it \.passed"):
        bool(untouched)
    queues.cloud.client("sqs").create_queue(QueueName="jobs")
    short = queues.check("keep-longer")
    assert (short.state, short.look) == ("wrong", "set_queue_attributes, MessageRetentionPeriod")
    assert "345600" in str(short)
    assert "Where to look" in short._repr_html_()
    queues.cloud.client("sqs").set_queue_attributes(
        QueueUrl=url(queues), Attributes={"MessageRetentionPeriod": "86400"}
    )
    assert queues.check("keep-longer").passed


def test_a_check_waits_for_what_is_on_its_way(queues: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    coming = wrong("not yet", look="the queue", waits_for="1 of 2 tasks to be RUNNING")
    answers = iter([coming, coming, passed("now")])
    monkeypatch.setattr(queues.step("create-queue"), "look", lambda *_: next(answers))
    assert queues.check("create-queue", within=30).passed


def test_what_waiting_cannot_change_is_said_at_once(queues: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    step = queues.step("create-queue")
    for answer in (not_started("There is no queue."), wrong("It keeps messages for 4 s.", look="the queue")):
        monkeypatch.setattr(step, "look", lambda *_, answer=answer: asked.append(answer) or answer)
        assert queues.check("create-queue", within=3600).message == answer.message
    assert len(asked) == 2


def test_a_wait_says_for_what_and_an_interrupt_ends_it_in_a_line(
    queues: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    coming = wrong("not yet", look="the queue", waits_for="3 of 6 tasks to be RUNNING")
    monkeypatch.setattr(queues.step("create-queue"), "look", lambda *_: coming)
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += 6
        if clock[0] > 12:
            raise KeyboardInterrupt

    monkeypatch.setattr(wait, "time", SimpleNamespace(monotonic=lambda: clock[0], sleep=sleep))
    with pytest.raises(KeyboardInterrupt, match=r"^Stopped waiting for 3 of 6 tasks to be RUNNING after 18 s\.$"):
        queues.check("create-queue", within=60)
    assert capsys.readouterr() == ("", "")  # nobody looks: nothing that differs from run to run is written
    shown: list[str] = []
    clock[0] = 0.0
    handle = SimpleNamespace(update=lambda data, raw: shown.append(data["text/plain"]))
    monkeypatch.setattr(wait, "attended", lambda: True)
    monkeypatch.setattr(wait, "display", lambda data, raw, display_id: shown.append(data["text/plain"]) or handle)
    with pytest.raises(KeyboardInterrupt):
        queues.check("create-queue", within=60)
    line = "waiting for 3 of 6 tasks to be RUNNING … {} s"
    assert shown == [line.format(0), line.format(6), line.format(12), ""]


def test_a_strict_run_stops_at_a_step_that_is_not_passed(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRYDOCK_STRICT", "1")
    lab = Lab.open("00-queues", cloud=cloud)
    with pytest.raises(StepNotPassed, match="create-queue: not started"):
        lab.check("create-queue")


def test_hints_look_at_the_cloud_first_come_in_order_are_counted_and_end(queues: Lab) -> None:
    said = [queues.hint("create-queue").plain.splitlines() for _ in range(3)]
    assert {lines[0].partition(".")[0] for lines in said} == {"○ create-queue: not started"}
    assert [lines[1] for lines in said] == ["Which client?", "sqs.create_queue", "sqs.create_queue"]
    assert "lab.solution" in said[1][2]
    assert queues.hint("create-queue").heading == "Hint 2 of 2, again: create-queue"
    assert progress.of("00-queues")["create-queue"]["hints"] == 2
    assert "lab.solution" in queues.hint("blind").plain


def test_what_is_opened_or_tried_after_passing_does_not_count(queues: Lab) -> None:
    queues.hint("create-queue")
    queues.cloud.client("sqs").create_queue(QueueName="jobs")
    assert queues.check("create-queue").passed
    queues.check("create-queue")
    said = queues.hint("create-queue").plain
    assert said.splitlines()[0].startswith("✓ create-queue: passed")
    assert said.splitlines()[1] == "sqs.create_queue"
    queues.solution("create-queue")
    record = progress.of("00-queues")["create-queue"]
    assert (record["hints"], record["attempts"], record["solution_shown"]) == (1, 1, False)


def test_a_solution_is_the_lessons_own_lines_shown_and_not_run(queues: Lab) -> None:
    shown = queues.solution("create-queue")
    assert shown.plain == 'cloud.client("sqs").create_queue(QueueName="jobs")["ResponseMetadata"]["HTTPStatusCode"]'
    assert queues.check("create-queue").state == "not started"
    assert progress.of("00-queues")["create-queue"]["solution_shown"]
    exec(shown.plain, {"cloud": queues.cloud})
    assert queues.check("create-queue").passed
    answer = queues.solution("keep-longer")
    assert "<button" in answer._repr_html_()
    assert "opened again? Run this cell once more." in answer._repr_html_()  # its button does nothing there
    assert "white-space:pre-wrap" in answer._repr_html_(), "a long line is not cut"
    assert "<button" not in shown._repr_html_()
    sqs = queues.cloud.client("sqs")
    exec(answer.plain, {"url": sqs.get_queue_url(QueueName="jobs")["QueueUrl"], "sqs": sqs})
    assert queues.check("keep-longer").passed


def test_a_step_that_is_not_there_is_said_in_one_line(queues: Lab) -> None:
    with pytest.raises(NoSuchStep) as raised:
        queues.check("creat-queue")
    assert raised.value._render_traceback_() == [
        "NoSuchStep: 00-queues has no step 'creat-queue'; it has create-queue, keep-longer, blind, unsure."
    ]
    for asked in (queues.check, queues.hint, queues.solution):
        with pytest.raises(NoSuchStep, match="Which step"):
            asked()


def test_your_turn_is_left_to_the_learner_unless_it_is_to_be_solved(cloud: Cloud, queues: Lab) -> None:
    queues.cloud.client("sqs").create_queue(QueueName="jobs")
    assert "next cell" in queues.your_turn("keep-longer").plain
    assert not queues.check("keep-longer").passed
    solving = Lab.open("00-queues", cloud=cloud, solve=True)
    solving.your_turn("keep-longer")
    assert solving.check("keep-longer").passed


REFUSED = '{"maxReceiveCount": 2}'
"""A RedrivePolicy that names no queue."""


def attempted(lab: Lab, seconds: Any, **more: str) -> None:
    attributes = {"MessageRetentionPeriod": seconds, **more}
    lab.cloud.client("sqs").set_queue_attributes(QueueUrl=url(lab), Attributes=attributes)


def test_an_attempt_that_was_refused_is_said_and_not_what_is_older(queues: Lab) -> None:
    queues.cloud.client("sqs").create_queue(QueueName="jobs")
    queues.your_turn("keep-longer")
    attempted(queues, "3600")
    assert "3600" in queues.check("keep-longer").message
    with pytest.raises(ClientError):
        attempted(queues, "1", RedrivePolicy=REFUSED)
    for _ in range(2):
        said = queues.check("keep-longer")
        assert said.state == "wrong"
        assert said.message.startswith("The last attempt, SetQueueAttributes, was refused: InvalidParameterValue: ")
    assert "was refused" in queues.hint("keep-longer").plain
    assert 'lab.catch_up("keep-longer")' in queues.check("keep-longer").look
    with pytest.raises(ParamValidationError):
        attempted(queues, 1)
    assert "SetQueueAttributes, was refused: its parameters are not valid" in queues.check("keep-longer").message
    attempted(queues, "7200")
    assert "7200" in queues.check("keep-longer").message
    attempted(queues, "86400")
    assert queues.check("keep-longer").passed


def test_what_was_refused_of_others_is_no_attempt(queues: Lab) -> None:
    sqs = queues.cloud.client("sqs")
    there = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    with pytest.raises(ClientError):  # as in a lesson, before the exercise begins
        sqs.set_queue_attributes(QueueUrl=there, Attributes={"RedrivePolicy": REFUSED})
    queues.your_turn("keep-longer")
    assert "345600" in queues.check("keep-longer").message
    with pytest.raises(ClientError):
        attempted(queues, "1", RedrivePolicy=REFUSED)
    assert queues.check("create-queue").passed
    assert "345600" in queues.check("keep-longer").message


def test_a_later_change_of_the_service_outranks_what_was_refused(queues: Lab) -> None:
    queues.cloud.client("sqs").create_queue(QueueName="jobs")
    with pytest.raises(ClientError):
        queues.cloud.client("sqs").create_queue(QueueName="jobs.wrong")
    attempted(queues, "1")
    assert "was refused" not in queues.check("keep-longer").message


def test_solve_must_be_a_truth_value(cloud: Cloud) -> None:
    with pytest.raises(TypeError, match="solve='false'"):
        Lab.open("00-queues", cloud=cloud, solve="false")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="clean_up='false'"):
        Lab.open("00-queues", cloud=cloud, clean_up="false")  # type: ignore[arg-type]


def test_a_drill_fails_before_it_is_mended_and_passes_after(queues: Lab) -> None:
    queues.cloud.client("sqs").create_queue(QueueName="jobs")
    assert queues.check("blind").message == 'Nothing is broken yet: lab.break_it("blind") does that.'
    assert not progress.of("00-queues")["blind"]["passed"]
    broken = queues.break_it("blind")
    assert "waits before it can be seen" not in repr(broken)  # to find that out is the drill
    assert queues.check("blind").state == "wrong"
    queues.step("blind").solve(queues.cloud, queues)
    assert queues.check("blind").passed


def test_a_fault_that_does_not_show_is_an_error(queues: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    queues.cloud.client("sqs").create_queue(QueueName="jobs")
    monkeypatch.setattr(queues.step("blind"), "fault", lambda *_: None)
    with pytest.raises(TookTooLong, match="its check still passes"):
        queues.break_it("blind", within=0.3)
    with pytest.raises(ValueError, match="not a drill"):
        queues.break_it("create-queue")


def test_what_a_drill_would_break_and_is_not_there_is_named_at_once(
    queues: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NothingToBreak, match=r'^Not there yet\..*\nlab\.catch_up\("blind"\) makes'):
        queues.break_it("blind", within=3600)
    assert not progress.of("00-queues").get("blind", {}).get("broken")
    monkeypatch.setattr(queues.step("blind"), "there", False)  # what AWS does not find while it is broken
    with pytest.raises(NothingToBreak, match="does not exist"):
        queues.break_it("blind")
    assert not progress.of("00-queues").get("blind", {}).get("broken")
    queues.catch_up("blind", {})
    assert "Broken: " in repr(queues.break_it("blind"))


def test_any_lab_can_be_the_first(cloud: Cloud) -> None:
    lab = Lab.open("topics", cloud=cloud)
    first = lab.set_up()
    assert "Create `jobs`" in repr(first)
    assert "made now" in repr(first)
    assert "was there" in repr(lab.set_up())
    made = {entry.kind: entry.lab for entry in Ledger().entries(cloud.identity)}
    assert made == {"queue": "01-topics"}
    lab.clean_up(sure=True)
    assert not Lab.open("00-queues", cloud=cloud).check("create-queue").passed


def test_a_lab_is_taken_up_again_where_it_was_left(queues: Lab) -> None:
    queues.set_up(before="blind")
    assert queues.check("create-queue").passed
    assert queues.check("keep-longer").passed


def test_a_drill_that_was_broken_is_mended_on_the_way(queues: Lab) -> None:
    queues.set_up(before="blind")
    queues.break_it("blind")
    said = repr(queues.catch_up("blind", {}))
    assert any(line.startswith("Nobody sees a message") and line.endswith("mended") for line in said.splitlines())
    assert queues.step("blind").check(queues.cloud, queues).passed


def test_progress_is_the_learners_and_outlives_the_lab(cloud: Cloud, queues: Lab) -> None:
    queues.check("create-queue")
    queues.cloud.client("sqs").create_queue(QueueName="jobs")
    queues.check("create-queue")
    record = progress.of("00-queues")["create-queue"]
    assert (record["passed"], record["attempts"]) == (True, 2)
    again = Lab.open("00-queues", cloud=cloud)
    rows = {line.split()[0]: line for line in repr(again).splitlines()[2:]}
    assert rows["create-queue"].endswith("passed")
    assert not rows["keep-longer"].endswith("passed")
    progress.forget("00-queues")
    assert progress.read() == {}


@pytest.mark.parametrize("broken", ["{half", "[]", '{"version": 2, "labs": []}'])
def test_an_unreadable_progress_file_is_put_aside_and_said(queues: Lab, broken: str) -> None:
    progress.path().write_text(broken)
    with pytest.warns(UserWarning, match=r"it is kept as progress\.json\.unreadable"):
        queues.hint("create-queue")
    assert progress.path().with_suffix(".json.unreadable").read_text() == broken
    assert progress.of("00-queues")["create-queue"]["hints"] == 1


def test_progress_of_a_later_version_is_left_alone(queues: Lab) -> None:
    progress.path().write_text('{"version": 3, "steps": []}')
    with pytest.raises(progress.NewerProgress, match="is of version 3, and this Drydock knows 2: update it"):
        queues.check("create-queue")
    assert progress.path().read_text() == '{"version": 3, "steps": []}'
    progress.path().unlink()


def test_clean_up_takes_all_and_fails_over_what_is_left(queues: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    ec2 = queues.cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.55.0.0/16")["Vpc"]["VpcId"]
    recorders, queues.cloud.listeners[:] = list(queues.cloud.listeners), []
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.55.1.0/24")["Subnet"]["SubnetId"]
    queues.cloud.listeners[:] = recorders
    with pytest.raises(SurvivorsLeft, match=f"VPC {vpc}"):
        queues.clean_up(sure=True, within=0.5)
    assert not progress.of("00-queues")["clean-up"]["passed"]
    ec2.delete_subnet(SubnetId=subnet)
    assert "nothing of this lab is left" in repr(queues.clean_up(sure=True))
    assert progress.of("00-queues")["clean-up"]["passed"]


def test_time_and_cost_comes_from_measured_runs_and_dated_prices(cloud: Cloud) -> None:
    lab = Lab.open("01-topics", cloud=cloud)
    assert "$0.0247 for 1 h (us-east-1, prices of 2026-03); not priced: NAT gateway" in repr(lab.time_and_cost())
    assert "Machine time" not in repr(lab.time_and_cost())
    lab.directory = Path(progress.path()).parent
    (lab.directory / "measured.json").write_text(json.dumps({"date": "2026-11-21", "seconds": 7}))
    assert "7 s, measured 2026-11-21" in repr(lab.time_and_cost())


def test_a_real_account_with_too_small_a_budget_is_refused_before_anything_is_created(cloud: Cloud) -> None:
    cloud.name, cloud.budget_usd = "aws", 0.01
    with pytest.raises(CloudRefused, match=r"\$0.0247"):
        Lab.open("01-topics", cloud=cloud)
    assert cloud.listeners == []


def test_where_nothing_is_priced_a_real_account_wants_a_budget_all_the_same(cloud: Cloud) -> None:
    cloud.name, cloud.region, cloud.budget_usd = "aws", "eu-west-1", 0.0
    with pytest.raises(CloudRefused, match="Not priced in eu-west-1: Fargate task"):
        Lab.open("01-topics", cloud=cloud)
    assert cloud.listeners == []


def test_names_of_labs_may_be_short() -> None:
    assert catalogue.names() == ["00-queues", "01-topics"]
    assert {catalogue.full_name(name) for name in ("01", "topics", "01-topics")} == {"01-topics"}
    with pytest.raises(NoSuchLab, match="There are: 00-queues, 01-topics"):
        catalogue.full_name("nope")


def test_labs_are_found_from_a_folder_inside_the_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DRYDOCK_LABS")
    (tmp_path / "labs" / "07-mine").mkdir(parents=True)
    (tmp_path / "labs" / "07-mine" / "checks.py").write_text("")
    (tmp_path / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "er")
    assert catalogue.names() == ["07-mine"]


def test_a_step_is_declared_once_and_known_by_name(queues: Lab) -> None:
    outline = Outline(title="t", goal="g")
    outline.step("one", title="One")(lambda cloud, lab: passed("x"))
    with pytest.raises(ValueError, match="twice"):
        outline.step("one", title="One")
    with pytest.raises(KeyError, match="create-queue"):
        queues.check("creat-queue")


def test_a_check_that_returns_nothing_is_a_mistake_of_the_labs(queues: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues.step("unsure"), "look", lambda *_: None)
    with pytest.raises(TypeError, match="return passed"):
        queues.check("unsure")


def test_waiting_says_what_was_waited_for() -> None:
    answers = iter([0, 0, 3])
    assert wait_until(lambda: next(answers), "three") == 3
    with pytest.raises(TookTooLong, match="until two targets are healthy; last seen: 0"):
        wait_until(lambda: 0, "two targets are healthy", timeout=0)


def test_a_real_account_is_waited_for_ten_times_as_long_and_asked_every_five_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(wait, "time", SimpleNamespace(monotonic=lambda: sum(slept), sleep=slept.append))
    monkeypatch.setattr(wait, "_pace", Pace.of(cast(Cloud, SimpleNamespace(real=True))))
    with pytest.raises(TookTooLong, match="Waited 600 s"):
        wait_until(lambda: 0, "it is there")
    assert slept == [5.0] * 120


def test_a_lab_says_that_its_cloud_is_strict(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "strict" not in repr(Lab.open("00-queues", cloud=cloud))
    monkeypatch.setattr(cloud, "profile", "strict")
    lab = Lab.open("00-queues", cloud=cloud)
    assert "The embedded AWS is strict" in repr(lab).splitlines()[0]
    assert "The embedded AWS is strict" in lab._repr_html_()


@pytest.mark.parametrize(("speed", "limit", "every"), [(1.0, 600, 5.0), (30.0, 60, 5 / 30)])
def test_a_strict_cloud_is_waited_for_as_a_real_one_is_in_its_own_time(
    speed: float, limit: float, every: float
) -> None:
    pace = Pace.of(cast(Cloud, SimpleNamespace(real=False, profile="strict", speed=speed)))
    assert (60 * pace.patience, pace.every) == (limit, every)
    answer = {"Error": {"Code": "TargetNotConnectedException"}}
    asked = [pace.asks_again("ecs", "ExecuteCommand", answer, times) for times in (1, 12, 13)]
    assert asked == [every, every, None]
    quick = Pace.of(cast(Cloud, SimpleNamespace(real=False, profile="quick", speed=speed)))
    assert quick.asks_again("ecs", "ExecuteCommand", answer, 1) is None

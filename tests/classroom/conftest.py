"""A class of thirty, whose records come from checks that were really made on an AWS in this process."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from drydock.classroom import folder
from drydock.classroom.folder import Class
from drydock.classroom.roster import Learner
from drydock.cloud import Cloud, connect
from drydock.embedded.assembly import AWS
from drydock.labs import Lab
from tests.support import rooms

collect_ignore = ["test_grading.py"] if rooms.no_cell() else ["test_refused.py"]
SAMPLE = Path(__file__).parents[1] / "labs" / "sample"
QUEUES = "00-queues"
EVIL = '</script><script>alert("x")</script><img src=x onerror=alert(1)>'


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """An AWS in this process, and labs to do on it."""
    with pytest.MonkeyPatch.context() as patch:
        place = tmp_path_factory.mktemp("cloud")
        patch.setenv("DRYDOCK_LABS", str(SAMPLE))
        patch.setenv("DRYDOCK_HOME", str(place / "home"))
        for name in ("CLOUD", "COURSE", "INSTANCE", "PROGRESS", "SOLVE", "STRICT"):
            patch.delenv(f"DRYDOCK_{name}", raising=False)
        host = AWS(place / "aws", seed="class")
        host.listen()
        host.run(loop=False)
        yield connect(f"http://127.0.0.1:{host.port}")
        host.close()


@dataclass
class Work:
    """One learner at work in the folder that was handed out."""

    lab: Lab
    sqs: Any

    def create(self) -> None:
        self.sqs.create_queue(QueueName="jobs")

    def keep(self, seconds: int) -> None:
        url = self.sqs.get_queue_url(QueueName="jobs")["QueueUrl"]
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"MessageRetentionPeriod": str(seconds)})

    def see(self) -> None:
        url = self.sqs.get_queue_url(QueueName="jobs")["QueueUrl"]
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "0"})


@contextlib.contextmanager
def working(the_class: Class, learner: str, cloud: Cloud) -> Iterator[Work]:
    """In the learner's folder, on an account in which there is no queue."""
    place = the_class.handed_out(the_class.member(learner))
    with contextlib.chdir(place):
        lab = Lab.open(QUEUES, cloud=cloud)
        sqs = cloud.client("sqs")
        yield Work(lab, sqs)
        for url in sqs.list_queues().get("QueueUrls", ()):
            sqs.delete_queue(QueueUrl=url)


def not_begun(work: Work) -> None:
    pass


def first_step(work: Work) -> None:
    work.create()
    work.lab.check("create-queue")


def stuck(work: Work) -> None:
    first_step(work)
    for seconds in (60, 3600, 7200, 9000):
        work.keep(seconds)
        work.lab.check("keep-longer")
    work.lab.hint("keep-longer")


def by_the_solution(work: Work) -> None:
    work.lab.check("create-queue")
    first_step(work)
    work.lab.hint("keep-longer")
    work.lab.check("keep-longer")
    work.lab.solution("keep-longer")
    work.keep(86400)
    work.lab.check("keep-longer")


def at_the_drill(work: Work) -> None:
    first_step(work)
    work.keep(86400)
    work.lab.check("keep-longer")
    work.lab.break_it("blind")
    work.lab.check("blind")


def done(work: Work) -> None:
    at_the_drill(work)
    work.see()
    work.lab.check("blind")
    work.lab.check("unsure")


WAYS: tuple[Callable[[Work], None], ...] = (done, stuck, by_the_solution, at_the_drill, first_step, not_begun)
"""Learner n goes the way of n mod 6."""


@pytest.fixture(scope="module")
def thirty(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Class:
    """Five learners of each way, one of whom went it, and the others have the same record; one of them has a name that
    would be a program in a page."""
    learners = [Learner(f"l{number:02}", f"Learner {number:02}", f"l{number:02}@example.org") for number in range(29)]
    learners.append(Learner("l29", EVIL))
    made = folder.new(tmp_path_factory.mktemp("class") / "Autumn", [QUEUES], learners).the_class
    for number, member in enumerate(made.members):
        if number < len(WAYS):
            with working(made, member.id, cloud) as work:
                WAYS[number](work)
        elif (record := made.handed_out(made.members[number % len(WAYS)]) / "progress.json").exists():
            shutil.copy(record, made.handed_out(member))
    return made

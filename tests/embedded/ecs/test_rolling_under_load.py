"""A rolling deployment under load, as its clients see it."""

from __future__ import annotations

import pytest
from tests.support.lab import Lab
from tests.support.waiting import eventually
from tests.support.web import balanced, get

from drydock.load import Load, Report

pytestmark = pytest.mark.process

TAKES = {"TAKES": "0.2"}


def rolled(lab: Lab, *, delay: int, environment: dict[str, str]) -> Report:
    """What came of the requests that were sent while every task was replaced."""
    name, behind = balanced(lab, delay=delay)
    lab.create(lab.register(environment={**TAKES, **environment}), 2, loadBalancers=behind)
    lab.until_steady(2)
    eventually(lambda: get(name).status == 200)
    old = {task["taskArn"] for task in lab.tasks()}
    requests = Load(f"http://{name}/", rps=60).start()
    try:
        lab.ecs.update_service(cluster="lab", service="app", forceNewDeployment=True)
        lab.until_steady(2)
        for arn in old:
            lab.until_stopped(arn)
    finally:
        report = requests.stop()
    assert not old & {task["taskArn"] for task in lab.tasks()}
    return report


def test_it_loses_nothing_where_the_delay_covers_what_is_under_way_and_the_program_finishes_it(lab: Lab) -> None:
    report = rolled(lab, delay=60, environment={"FINISHES": "1"})
    assert report.failed == 0, report
    assert report.sent > 60


def test_it_loses_some_where_there_is_no_delay_and_the_program_ends_at_once(lab: Lab) -> None:
    assert rolled(lab, delay=0, environment={}).failed > 0

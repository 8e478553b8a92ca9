"""A wave of Spot interruptions under load, as clients see it."""

from __future__ import annotations

import pytest
from tests.support.lab import Lab
from tests.support.waiting import eventually
from tests.support.web import balanced, get

from drydock.embedded import spot
from drydock.embedded.assembly import AWS
from drydock.load import Load, Report

pytestmark = pytest.mark.process

MIX = [{"capacityProvider": "FARGATE", "base": 2, "weight": 0}, {"capacityProvider": "FARGATE_SPOT", "weight": 1}]


def taken_back(host: AWS, lab: Lab, *, delay: int, environment: dict[str, str]) -> Report:
    """What came of the requests that were sent while all Spot tasks of a service went, and others came."""
    name, behind = balanced(lab, delay=delay)
    definition = lab.register(environment={"TAKES": "0.2", **environment})
    lab.create(definition, 4, loadBalancers=behind, capacityProviderStrategy=MIX)
    lab.until_steady(4)
    eventually(lambda: get(name).status == 200)
    requests = Load(f"http://{name}/", rps=60).start()
    try:
        gone = spot.interrupt(host.endpoint, service="app").interrupted
        assert len(gone) == 2
        for arn in gone:
            assert lab.until_stopped(arn)["stopCode"] == "SpotInterruption"
        lab.until_steady(4)
    finally:
        report = requests.stop()
    return report


def test_it_loses_nothing_where_the_delay_covers_what_is_under_way_and_the_program_finishes_it(
    host: AWS, lab: Lab
) -> None:
    report = taken_back(host, lab, delay=60, environment={"FINISHES": "1"})
    assert report.failed == 0, report
    assert report.sent > 60


def test_it_loses_some_where_there_is_no_delay_and_the_program_ends_at_once(host: AWS, lab: Lab) -> None:
    assert taken_back(host, lab, delay=0, environment={}).failed > 0

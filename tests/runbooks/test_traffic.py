"""Where a service's users come in, as its load balancer tells, and what came of their requests."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from drydock.load import Answer, Report
from drydock.runbooks.traffic import RequestsLost, Traffic, address

OURS, OTHER = "arn:ours", "arn:other"


def forward(arn: str) -> list[dict[str, Any]]:
    return [{"Type": "forward", "TargetGroupArn": arn}]


def several(*arns: str) -> list[dict[str, Any]]:
    return [{"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": arn} for arn in arns]}}]


@pytest.mark.parametrize(
    ("listeners", "url"),
    [
        ([("HTTP", 80, forward(OURS))], "http://web.example/"),
        ([("HTTP", 8080, several(OTHER, OURS))], "http://web.example:8080/"),
        ([("HTTP", 80, forward(OTHER)), ("HTTP", 81, forward(OURS))], "http://web.example:81/"),
        ([("HTTPS", 443, forward(OURS))], ""),
        ([("HTTP", 80, [{"Type": "redirect"}])], ""),
        ([], ""),
    ],
)
def test_requests_go_to_a_listener_of_http_that_forwards_to_the_service(listeners: Any, url: str) -> None:
    found = [{"Protocol": name, "Port": port, "DefaultActions": actions} for name, port, actions in listeners]
    elbv2 = SimpleNamespace(
        describe_target_groups=lambda **_: {"TargetGroups": [{"LoadBalancerArns": ["arn:web"]}]},
        describe_load_balancers=lambda **_: {"LoadBalancers": [{"DNSName": "web.example"}]},
        describe_listeners=lambda **_: {"Listeners": found},
        can_paginate=lambda _: False,
    )
    assert address(elbv2, [OURS]) == url


def after(*answers: Answer) -> Traffic:
    traffic = Traffic("", rps=5)
    traffic.report = Report.of(answers, asked=len(answers), seconds=1)
    return traffic


GOOD, WRONG = Answer(0, 0, 0.01, status=404), Answer(0, 0, 0.01, status=503)
LOST = Answer(0, 0, 0.01, lost="no connection")


def test_an_answer_of_the_service_is_no_loss_whatever_it_says() -> None:
    assert after(GOOD, GOOD).answered(lost=0)


def test_more_than_may_be_lost_is_told_with_its_kinds() -> None:
    with pytest.raises(RequestsLost, match="2 of 4 requests failed, 50 %: 1 × 503, 1 × no connection"):
        after(GOOD, GOOD, WRONG, LOST).answered(lost=49)
    assert after(GOOD, GOOD, WRONG, LOST).answered(lost=50)


def test_nothing_is_lost_of_nothing() -> None:
    with Traffic("", rps=5) as traffic:
        pass
    assert traffic.report is None and traffic.answered(lost=0)
    with Traffic("http://127.0.0.1:9/", rps=0) as traffic:
        pass
    assert traffic.report is None

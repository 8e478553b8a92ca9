"""A live view, and the plain look that replaces it."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from tests.support.waiting import PATIENCE, eventually

from drydock.figures import Figure, live, service_now, watch_service


class Ecs:
    def __init__(self, services: list[dict[str, Any]]) -> None:
        self.services = services
        self.asked = 0

    def client(self, _: str) -> Ecs:
        return self

    def describe_services(self, *, cluster: str, services: list[str]) -> dict[str, Any]:
        self.asked += 1
        return {"services": [one for one in self.services if one["serviceName"] in services]}


SERVICE = {
    "serviceName": "web",
    "runningCount": 2,
    "pendingCount": 1,
    "desiredCount": 3,
    "deployments": [
        {
            "status": "PRIMARY",
            "taskDefinition": "arn:aws:ecs:us-east-1:0:task-definition/web:4",
            "runningCount": 2,
            "desiredCount": 3,
            "rolloutState": "IN_PROGRESS",
        }
    ],
    "events": [{"message": f"(service web) event {n}."} for n in range(9)],
}


def test_a_look_says_what_a_service_has_now() -> None:
    figure = service_now(Ecs([SERVICE]), cluster="c", service="web", events=2)  # type: ignore[arg-type]
    assert figure.rows == [
        ("tasks", "2 running, 1 pending, 3 desired"),
        ("deployment", "PRIMARY web:4: 2 of 3, IN_PROGRESS"),
        ("event", "(service web) event 0."),
        ("event", "(service web) event 1."),
    ]


def test_a_service_that_is_not_there() -> None:
    with pytest.raises(LookupError, match="No service 'api' in cluster 'c'"):
        service_now(Ecs([SERVICE]), cluster="c", service="api")  # type: ignore[arg-type]


def test_headless_it_is_one_plain_look() -> None:
    cloud = Ecs([SERVICE])
    assert isinstance(watch_service(cloud, cluster="c", service="web"), Figure)  # type: ignore[arg-type]
    assert cloud.asked == 1


def test_live_it_redraws_and_stops_when_told() -> None:
    looks: list[int] = []

    def look() -> Figure:
        looks.append(len(looks))
        return Figure("t", ("n",), [(len(looks),)])

    others = set(threading.enumerate())
    box = live(look, seconds=60, every=0.01)
    shown, stop = box.children
    [redrawing] = set(threading.enumerate()) - others
    eventually(lambda: len(looks) >= 3)
    assert not stop.disabled
    stop.click()
    redrawing.join(PATIENCE)
    assert not redrawing.is_alive() and stop.disabled
    assert f'<td style="text-align:left">{len(looks)}</td>' in shown.value


def test_live_it_says_why_it_ended() -> None:
    looks = [Figure("t", ("n",), [(1,)])]
    box = live(lambda: looks.pop(), seconds=60, every=0.01)
    shown, stop = box.children
    eventually(lambda: stop.disabled)
    assert "IndexError: pop from empty list" in shown.value

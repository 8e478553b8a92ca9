"""Figures drawn from plain data: what they show, that they repeat, and that they stay small."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import plotly.graph_objects as go
import pytest

from drydock.figures import Figure, Survey, answers, answers_over_time, lifecycle, split, table, topology
from drydock.figures.figure import MIME

ZERO = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def task(
    number: int, *, service: str, subnet: str, address: str, status: str = "RUNNING", **more: Any
) -> dict[str, Any]:
    return {
        "taskArn": f"arn:aws:ecs:us-east-1:000000000000:task/c/{number:032x}",
        "group": f"service:{service}",
        "taskDefinitionArn": f"arn:aws:ecs:us-east-1:000000000000:task-definition/{service}:1",
        "lastStatus": status,
        "attachments": [
            {
                "type": "ElasticNetworkInterface",
                "details": [
                    {"name": "subnetId", "value": subnet},
                    {"name": "privateIPv4Address", "value": address},
                ],
            }
        ],
        **more,
    }


def subnet(identifier: str, zone: str, block: str) -> dict[str, Any]:
    return {"SubnetId": identifier, "AvailabilityZone": zone, "CidrBlock": block, "VpcId": "vpc-1"}


BALANCER = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/front/1"
SEEN = Survey(
    subnets=[subnet("s-b", "us-east-1b", "127.10.2.0/24"), subnet("s-a", "us-east-1a", "127.10.1.0/24")],
    load_balancers=[
        {
            "LoadBalancerArn": BALANCER,
            "LoadBalancerName": "front",
            "DNSName": "127.10.1.9",
            "AvailabilityZones": [{"ZoneName": "us-east-1b"}, {"ZoneName": "us-east-1a"}],
        }
    ],
    targets=[
        {"LoadBalancerArn": BALANCER, "Id": "127.10.1.4", "Port": 8080, "State": "healthy"},
        {"LoadBalancerArn": BALANCER, "Id": "127.10.2.4", "Port": 8080, "State": "initial"},
    ],
    tasks=[
        task(1, service="backend", subnet="s-b", address="127.10.2.5", healthStatus="UNHEALTHY"),
        task(2, service="frontend", subnet="s-a", address="127.10.1.4", healthStatus="HEALTHY"),
        task(3, service="frontend", subnet="s-b", address="127.10.2.4", status="PENDING"),
    ],
)


def valid(figure: Figure) -> go.Figure:
    """plotly's own validation of every attribute."""
    return figure.plotly()


def test_topology_has_each_task_in_its_subnet_and_the_same_in_the_table() -> None:
    figure = topology(SEEN)
    drawn = valid(figure)
    dots = {trace.name: trace for trace in drawn.data if trace.mode == "markers"}
    assert set(dots) == {"backend", "frontend"}
    boxes = {note.text: box for box, note in zip(drawn.layout.shapes, drawn.layout.annotations, strict=False)}
    inside = boxes["127.10.2.0/24"]
    assert inside.x0 <= dots["backend"].x[0] <= inside.x1
    assert inside.y0 <= dots["backend"].y[0] <= inside.y1
    assert list(dots["frontend"].marker.symbol) == ["circle", "circle-open"]
    assert list(dots["backend"].marker.symbol) == ["x"]
    assert figure.rows == [
        ("us-east-1a, us-east-1b", "", "load balancer", "front", "127.10.1.9", "1 of 2 targets healthy"),
        ("us-east-1a", "127.10.1.0/24", "task", "frontend", "127.10.1.4", "RUNNING, HEALTHY"),
        ("us-east-1b", "127.10.2.0/24", "task", "backend", "127.10.2.5", "RUNNING, UNHEALTHY"),
        ("us-east-1b", "127.10.2.0/24", "task", "frontend", "127.10.2.4", "PENDING"),
    ]


def test_topology_draws_a_line_to_each_target_dashed_while_it_is_not_healthy() -> None:
    lines = [trace for trace in valid(topology(SEEN)).data if trace.mode == "lines"]
    assert sorted(line.line.dash for line in lines) == ["dash", "solid"]


def test_many_tasks_stay_inside_their_box() -> None:
    many = Survey(
        subnets=[subnet("s-a", "us-east-1a", "127.10.1.0/24")],
        tasks=[task(n, service="s", subnet="s-a", address=f"127.10.1.{n + 4}") for n in range(23)],
    )
    drawn = valid(topology(many))
    box, dots = drawn.layout.shapes[0], drawn.data[0]
    assert len(set(zip(dots.x, dots.y, strict=True))) == 23
    assert all(box.x0 < x < box.x1 and box.y0 < y < box.y1 for x, y in zip(dots.x, dots.y, strict=True))


@pytest.mark.parametrize("seen", [Survey(), Survey(subnets=[subnet("s", "us-east-1a", "127.10.1.0/24")])])
def test_nothing_yet_is_a_figure_too(seen: Survey) -> None:
    figure = topology(seen)
    valid(figure)
    assert [row[2] for row in figure.rows] == ["subnet, empty" for _ in seen.subnets]


def test_the_life_of_a_task_is_cut_into_its_phases() -> None:
    def at(seconds: float) -> datetime:
        return ZERO + timedelta(seconds=seconds)

    ended = task(
        1, service="a", subnet="s", address="127.10.1.4", status="STOPPED",
        createdAt=at(0), pullStartedAt=at(1), pullStoppedAt=at(3), startedAt=at(4),
        stoppingAt=at(10), executionStoppedAt=at(12), stoppedAt=at(13),
    )  # fmt: skip
    running = task(2, service="b", subnet="s", address="127.10.1.5", createdAt=at(2), startedAt=at(5))
    figure = lifecycle([running, ended], now=at(20))
    valid(figure)
    assert figure.rows == [
        ("a 1", "a", "PROVISIONING", 0.0, 1.0),
        ("a 1", "a", "ACTIVATING: pulling", 1.0, 3.0),
        ("a 1", "a", "ACTIVATING: starting", 3.0, 4.0),
        ("a 1", "a", "RUNNING", 4.0, 10.0),
        ("a 1", "a", "STOPPING", 10.0, 12.0),
        ("a 1", "a", "DEPROVISIONING", 12.0, 13.0),
        ("b 2", "b", "PROVISIONING", 2.0, 5.0),
        ("b 2", "b", "RUNNING", 5.0, 20.0),
    ]


def test_a_task_that_never_started_has_no_running_bar() -> None:
    failed = task(
        1, service="a", subnet="s", address="127.10.1.4", status="STOPPED",
        createdAt=ZERO, pullStartedAt=ZERO + timedelta(seconds=1), stoppingAt=ZERO + timedelta(seconds=2),
        stoppedAt=ZERO + timedelta(seconds=3),
    )  # fmt: skip
    assert [row[2] for row in lifecycle([failed], now=ZERO).rows] == ["PROVISIONING", "ACTIVATING: pulling", "STOPPING"]
    assert lifecycle([], now=ZERO).rows == ()


def test_answers_are_counted_and_shared_out() -> None:
    figure = answers({"b": 1, "a": 3})
    assert list(valid(figure).data[0].y) == [3, 1]
    assert figure.rows == [("a", 3, "75%"), ("b", 1, "25%")]
    assert answers({}).rows == []


def test_answers_over_time_show_ttl_and_what_happened() -> None:
    figure = answers_over_time([(0.5, "a"), (1, "a"), (8, "a"), (12.0, "b")], ttl=5, marks=[(6.0, "a stopped")])
    drawn = valid(figure)
    assert figure.rows == [
        (0.5, 1, "a", 2, ""),
        (6.0, 6.0, "", 0, "a stopped"),
        (8, 8, "a", 1, ""),
        (12.0, 12.0, "b", 1, ""),
    ]
    assert [(box.x0, box.x1) for box in drawn.layout.shapes if box.type == "rect"] == [(0, 5), (10, 15)]
    assert drawn.layout.annotations[0].text == "a stopped"


def test_a_split_shows_each_count_beside_its_band() -> None:
    figure = split([("v1", 0.95, 1860, 2000), ("v2", 0.05, 103, 2000), ("errors", 0, 37, 2000)])
    bands, counted = valid(figure).data
    assert figure.rows == [
        ("v1", "95.0%", "2,000", "1,900", "1,871 to 1,929", "1,860", "outside"),
        ("v2", "5.0%", "2,000", "100", "71 to 129", "103", "inside"),
        ("errors", "0.0%", "2,000", "0", "0 to 0", "37", "outside"),
    ]
    assert list(counted.x) == [-40, 3, 37]
    assert [(base, base + width) for base, width in zip(bands.base, bands.x, strict=True)] == [
        (-29, 29),
        (-29, 29),
        (0, 0),
    ]
    assert list(counted.marker.symbol) == ["x", "circle", "x"]  # told apart without colour too
    assert list(valid(figure).layout.yaxis.ticktext) == ["v1: 40 fewer", "v2: 3 more", "errors: 37 more"]
    assert split([]).rows == []


def test_a_split_shows_every_mark_and_band_and_only_whole_requests() -> None:
    exact = valid(split([("v1", 0.0, 0, 2000), ("v2", 1.0, 2000, 2000)]))
    assert list(exact.layout.yaxis.ticktext) == ["v1: as expected", "v2: as expected"]
    assert exact.layout.xaxis.range == (-10, 10)
    assert exact.data[0].marker.line.width > 0  # a band without width
    low, high = valid(split([("far", 0.5, 1900, 2000)])).layout.xaxis.range
    assert low < -67 and high > 900


ALL = [
    topology(SEEN),
    lifecycle([task(1, service="a", subnet="s", address="x", createdAt=ZERO)], now=ZERO),
    answers({"a": 1}),
    answers_over_time([(0, "a")]),
    split([("v2", 0.05, 97, 2000)]),
]


@pytest.mark.parametrize("figure", ALL, ids=lambda figure: figure.title)
def test_what_a_notebook_keeps_is_small_repeats_and_has_a_table(
    figure: Figure, monkeypatch: pytest.MonkeyPatch
) -> None:
    import IPython.display

    kept: list[dict[str, Any]] = []
    monkeypatch.setattr(IPython.display, "display", lambda data, raw: kept.append(data))
    figure._ipython_display_()
    figure._ipython_display_()
    drawn, table, *again = kept
    assert again == [drawn, table]
    assert set(drawn) == {MIME, "text/plain"}
    assert "uid" not in json.dumps(drawn)
    assert len(json.dumps(drawn)) < 20_000
    for row in figure.rows:
        assert all(str(cell) in table["text/html"] for cell in row)
        assert all(str(cell) in table["text/plain"] for cell in row)


def test_a_date_stays_on_one_line_and_other_text_may_break() -> None:
    shown = table.as_html(("Price of", "Id"), [("2026-07-20", "a1b2-c3d4"), ("20 July 2026", "x")], breaking={"Id"})
    assert '<td style="text-align:left;white-space:nowrap">2026-07-20</td>' in shown
    assert '<td style="text-align:left;overflow-wrap:anywhere">a1b2-c3d4</td>' in shown
    assert '<td style="text-align:left">20 July 2026</td>' in shown
    assert "nowrap" not in table.as_html(("Id",), [("0f8fad5b-d9cb-469f-a165-70867728950e",)])

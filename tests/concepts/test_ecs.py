"""What the concepts about ECS draw: their own numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from drydock.concepts import (
    canary_schedules,
    circuit_breaker,
    dockerfile_layers,
    ecr_lifecycle,
    placement,
    secrets,
    sidecars,
    spot_interruption,
    target_tracking,
)
from drydock.concepts import service_discovery_ttl as discovery
from drydock.figures import Figure
from drydock.policy.ecr.expiry import Image


@pytest.mark.parametrize(
    "figure",
    [
        spot_interruption.interrupted(10, 2, 4, 50, 2, 30, 60, 80),
        spot_interruption.prices(10, 2, 4, 50, 2, 30, 60, 80, 0.7),
        target_tracking.follow(3, 1000, 2900, 5000, 1500, 60, 60, 300, 60),
        circuit_breaker.course(25, "BOUNDED_PERCENT", 50, True, 0, 60),
        circuit_breaker.thresholds(),
        canary_schedules.schedule("LINEAR", 10.0, 6, 5, 6, 20, 6000),
        placement.spread("random", 12, 3, 2, 1024, 1),
        discovery.fading(3, 60, 100, discovery.KILLED, 30, 60),
        discovery.by_ttl(3, 100, 30, 60, 50, 0.4),
        ecr_lifecycle.growth("whole", 90, 8, 7, 10, 30),
    ],
    ids=lambda figure: figure.title,
)
def test_a_figure_names_its_axes_and_plotly_takes_it(figure: Figure) -> None:
    drawn = figure.plotly()
    assert drawn.layout.yaxis.title.text
    assert drawn.layout.xaxis.title.text
    assert json.loads(json.dumps(figure.spec)) == figure.spec


def test_an_interruption_and_what_it_loses() -> None:
    shown = spot_interruption.interrupted(10, 2, 4, 50, 2, 30, 60, 80)
    assert shown.title == "Told to end: 3 of 10 tasks. Requests lost: 3,000, for 150 s"
    assert [row[3] for row in shown.rows[2:7]] == ["0", "600", "1,200", "1,200", "0"]


def test_a_base_costs_every_month_and_loses_less_in_an_interruption() -> None:
    rows = spot_interruption.prices(10, 2, 4, 50, 2, 30, 60, 80, 0.7).rows
    bills = [float(str(row[1]).replace(",", "")) for row in rows]
    assert bills == sorted(bills)
    assert rows[-1][1:] == ("360.40", "0", "0 s")


def test_each_way_to_hear_the_signal_loses_something_else() -> None:
    rows = {str(row[0]).split(",")[0]: row[2:] for row in spot_interruption.endings(10, 2, 4, 50, 80, 60).rows}
    assert rows["goes on serving"] == ("0.0", "0")
    assert rows["does not hear the signal; is killed"] == ("9.6", "600")
    assert rows["ends at once"] == ("9.6", "1,200")


@pytest.mark.parametrize(
    ("kind", "part", "minutes", "steps"),
    [
        ("LINEAR", 30.0, 5, [(0, 30), (5, 60), (10, 90), (15, 100)]),
        ("CANARY", 5.0, 10, [(0, 5), (10, 100)]),
        ("LINEAR", 10.0, 1, [(n, 10 * (n + 1)) for n in range(10)]),
        ("BLUE_GREEN", 100.0, 0, [(0, 100)]),
    ],
)
def test_a_schedule_is_that_of_the_facts(kind: str, part: float, minutes: int, steps: list[Any]) -> None:
    """docs/facts.md 4.5; CodeDeploy's Linear10PercentEvery1Minutes is at 100 % at minute 9."""
    assert canary_schedules.shares(canary_schedules.configuration(kind, part, minutes, 7)) == [
        *steps,
        (steps[-1][0] + 7, 100),
    ]


def test_an_alarm_bounds_what_a_bad_version_fails() -> None:
    given = canary_schedules.configuration("CANARY", 5.0, 10, 15)
    assert canary_schedules.exposed(given, 6) == pytest.approx(6 * 0.05)
    assert canary_schedules.exposed(given, 12) == pytest.approx(10 * 0.05 + 2)
    shown = canary_schedules.schedule("CANARY", 5.0, 10, 15, 12, 20, 6000)
    assert [row[3] for row in shown.rows] == ["600", "2,400", "0"]


def test_a_part_that_becomes_healthy_deploys_a_bad_version_unless_failures_add_up() -> None:
    rows = {(row[0], row[1]): row[2] for row in circuit_breaker.resets(4, 60).rows}
    assert rows["each 3rd task", "true"] == "COMPLETED"
    assert rows["each 3rd task", "false"] == "FAILED"
    assert rows["no task", "true"] == "FAILED"


def test_room_costs_and_packing_risks() -> None:
    rows = {row[0]: row[1:] for row in placement.bills(12, 3, 2, 1024, 1).rows}
    assert rows["spread zones, spread instances"] == (6, "420.48", "17 %", "33 %")
    assert rows["spread zones, binpack memory"] == (3, "210.24", "33 %", "33 %")
    assert rows["binpack memory"] == (2, "140.16", "58 %", "58 %")


def test_cpu_takes_several_changes_where_requests_take_one() -> None:
    rows = {str(row[0]).split(",")[0]: row for row in target_tracking.saturated(4).rows}
    assert rows["CPU"][1].startswith("6, 9, 13")
    assert rows["requests"][1] == "23"


def test_late_values_scale_twice_where_the_cool_down_is_short() -> None:
    rows = {row[0]: row[1:3] for row in target_tracking.overshoot(3, 1000, 5000, 1500, 60, 60).rows}
    assert rows == {"0 s": (15, 5), "60 s": (15, 5), "180 s": (5, 5), "300 s": (5, 5)}


@pytest.mark.parametrize("lag", [0, 30, 60, 240])
@pytest.mark.parametrize("start", [0, 30, 60, 100, 300])
def test_a_cool_down_of_lag_start_and_one_value_is_long_enough(lag: int, start: int) -> None:
    rows = {row[0]: row[1] for row in target_tracking.overshoot(3, 1000, 5000, 1500, lag, start).rows}
    assert rows[f"{lag + start + 60} s"] == 5


def test_a_short_ttl_is_asked_often_and_fails_nobody_whose_task_is_stopped() -> None:
    rows = {row[0]: row[1:4] for row in discovery.by_ttl(3, 100, 30, 60, 50, 0.4).rows}
    assert rows["30 s"] == ("0", "3,500", "1.7")
    assert rows["300 s"][0] == "4,050"


def test_a_client_asks_no_more_often_than_it_sends_requests() -> None:
    asked = [row[3] for row in discovery.by_ttl(3, 1, 30, 60, 50, 0.4).rows]
    assert asked == ["1.0", "1.0", "1.0", "1.0", "0.8", "0.2"]
    assert {row[3] for row in discovery.by_ttl(3, 1, 30, 60, 0, 0.4).rows} == {"0.0"}


@pytest.mark.parametrize("policy", ecr_lifecycle.POLICIES)
def test_one_build_of_a_day_stands_for_all_and_one_look_for_one_each_day(policy: str) -> None:
    given = ecr_lifecycle.rules(policy, 2, 5)
    images: list[Image] = []
    for day in range(25):
        fresh = [image for image in ecr_lifecycle.pushed(day, 3, 4) if image.pushed_at >= day * 86400]
        moved = [replace(image, tags=()) if image.tags == ("nightly",) else image for image in images]
        images = ecr_lifecycle.left(given, [*moved, *fresh], day)
    assert len(images) == sum(ecr_lifecycle.counts(given, 24, 3, 4).values())


def test_the_program_waits_for_the_proxy_and_ends_before_it() -> None:
    found = sidecars.lives("HEALTHY", 5, 8, 7, 3, 4)
    app, proxy = found["app"], found["proxy"]
    assert (proxy.answers, proxy.healthy, app.begins, app.answers) == (7, 10, 10, 13)
    assert (app.told, app.ends, proxy.told, proxy.ends) == (33, 37, 37, 41)
    assert (
        sidecars.timeline("START", 5, 0, 20, 3, 4).title == "The program answers after 3 s, 17 s before the proxy does"
    )


def test_a_proxy_that_fails_three_checks_keeps_the_program_from_starting() -> None:
    assert sidecars.timeline("HEALTHY", 5, 8, 15, 3, 4).title == "The program answers after 18 s"
    shown = sidecars.timeline("HEALTHY", 5, 8, 16, 3, 4)
    assert shown.title == "The program is never begun: the proxy is UNHEALTHY"
    assert shown.rows[1] == ("proxy", "0 s", "", "", "15 s", "19 s")
    assert shown.rows[2] == ("app", "", "", "", "", "")
    assert sidecars.question(5, 60).answer == 15


def test_a_program_that_answers_at_once_runs_as_long_as_any() -> None:
    app = sidecars.lives("START", 5, 0, 7, 0, 4)["app"]
    assert (app.answers, app.told) == (0, 20)


def test_a_service_of_no_task_loses_none() -> None:
    assert placement.spread("random", 0, 3, 2, 1024, 1).title == "random: 0 tasks on 0 of 6 instances"
    assert placement.zone_losses(0).rows[0] == (1, 0, "0.0 %")


def test_the_largest_parameters_are_good_for_the_questions_and_comparisons_made_of_them() -> None:
    assert placement.question(200, 3, 2, 1024).answer == 6
    assert secrets.question(1000, 14).answer == 0
    assert dockerfile_layers.question(10_000, 0).answer == 10_000 + 100 + dockerfile_layers.DEV_MB + 3
    assert len(spot_interruption.week(500, 0, 1, 0.0, 60, 0.7, 1).rows) == 4


@pytest.mark.parametrize(
    ("draw", "says"),
    [
        (lambda: ecr_lifecycle.question(10**9, 8, 7, 10), "days is a whole number from 1 to 400, not 1000000000"),
        (lambda: ecr_lifecycle.bill(90, 8, 7, 10, 30, 1, 1, -0.1), "usd_per_gb is a price of 0 or more, not -0.1"),
        (lambda: discovery.question(-1, 30), "ttl is a whole number from 0 to 86400, not -1"),
        (lambda: discovery.by_ttl(3, 1, 30, 60, 50, -0.4), "queries_price is a price of 0 or more"),
        (lambda: placement.question(201, 3, 2, 1024), "tasks is a whole number from 0 to 200, not 201"),
        (lambda: dockerfile_layers.question(0, 5), "packages_mb is a whole number from 1 to 10000, not 0"),
        (lambda: secrets.costs(10, 8, -1, 0.4, 0.05), "values is a whole number of 0 or more, not -1"),
        (lambda: secrets.costs(10, 8, 4, -0.4, 0.05), "usd_per_secret is a price of 0 or more"),
        (lambda: secrets.costs(10, 8, 4, 0.4, -0.05), "usd_per_calls is a price of 0 or more"),
        (lambda: circuit_breaker.checked("many"), "desired is a whole number from 1 to 1000, not 'many'"),  # type: ignore[arg-type]
        (lambda: spot_interruption.checked("long"), "dry is a whole number from 0 to 240, not 'long'"),  # type: ignore[arg-type]
        (lambda: spot_interruption.question("long", 60), "stop_timeout is a whole number of 0 or more"),  # type: ignore[arg-type]
        (lambda: spot_interruption.question(30, "long"), "start_seconds is a whole number from 1 to 600"),  # type: ignore[arg-type]
        (lambda: sidecars.question(5, 301), "proxy_seconds is a whole number from 0 to 300, not 301"),
        (lambda: spot_interruption.service(10, 2, 4, discount=70), "spot_discount is a part of 1, from 0 to 1"),
        (lambda: target_tracking.strategies(1500, 10**9, 60, 60, 1), "peak is a whole number from 1 to 300000"),
    ],
)
def test_what_cannot_be_is_said_by_its_name(draw: Callable[[], object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        draw()

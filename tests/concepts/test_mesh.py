"""What the concepts about a mesh draw and ask: their numbers against policy."""

from __future__ import annotations

import botocore.session
import pytest
from botocore import validate

from drydock.concepts import app_mesh, mesh_or_none, mutual_tls, outlier_detection, retries, weighted_routing


def test_the_question_of_weights_is_answered_by_the_sum() -> None:
    asked = weighted_routing.question(90, 10)
    assert asked.answer == pytest.approx(100 * 10 / 120)
    assert "App Mesh refused this route: the sum, 120" in asked.reason
    assert "App Mesh" not in weighted_routing.question(9, 1).reason


def test_the_remainders_of_a_version_are_as_many_as_its_weight() -> None:
    assert weighted_routing.intervals(90, 10).rows == [
        ("stable", 90, "0 to 89", "90.0 %"),
        ("canary", 10, "90 to 99", "10.0 %"),
    ]
    assert weighted_routing.intervals(3, 0).rows[1] == ("canary", 0, "none", "0.0 %")


def test_the_figure_of_samples_has_what_its_table_has() -> None:
    shown = weighted_routing.spread(90, 10, 1000)
    [chosen] = [row for row in shown.rows if row[-1]]
    assert chosen == ("1,000", "100.0", "57", "149", "5.7 % to 14.9 %", "← chosen")
    assert shown.data[-1]["x"] == [1000, 1000]
    assert shown.data[-1]["y"] == [5.7, 14.9]
    assert [trace["y"][shown.data[0]["x"].index(1000)] for trace in shown.data[:3]] == [14.9, 10.0, 5.7]


def test_a_smaller_canary_waits_longer_and_hurts_fewer() -> None:
    rows = weighted_routing.waiting(90, 10, 2.0, 50.0).rows
    assert rows[0] == ("1.0 %", "14,900", "298 s", "")
    assert rows[2] == ("10.0 %", "1,490", "30 s", "← this route")
    assert weighted_routing.whom(90, 10, 2.0, 50.0).rows[1] == ("5", "1,500", "30")


def test_what_the_routers_refuse_is_said() -> None:
    assert ("6 times 1", "Application Load Balancer: 6 targets, and it takes 5.") in weighted_routing.refusals().rows


def test_a_zone_loses_requests_once_too_few_of_its_hosts_are_healthy() -> None:
    shown = weighted_routing.zones(10)
    assert shown.title.startswith("Down to 8 of 10 healthy hosts")
    assert shown.rows[2:4] == [(8, "50.0 %", "50.0 %", "100 %", "0 %"), (7, "49.5 %", "50.5 %", "98 %", "2 %")]
    assert shown.rows[-1] == (0, "0.0 %", "100.0 %", "0 %", "100 %")
    assert weighted_routing.zones(1).title.startswith("Down to 1 of 1")


def test_the_question_of_retries_is_the_product_of_a_longer_chain() -> None:
    asked = retries.question(2, 3)
    assert asked.answer == 81
    assert "3 × 3 × 3 × 3 = 81" in asked.reason


def test_the_storm_has_its_chosen_point_on_the_line_and_in_the_table() -> None:
    shown = retries.storm(3, 3, 100)
    assert shown.title == "The last service fails 100 %: it gets 64.00 requests for one, 64 at most"
    assert shown.data[0]["y"][-1] == shown.data[2]["y"][0] == 64
    assert shown.rows[-1] == ("100 %", "64.00", "100.00 %", "← chosen")
    assert shown.data[1]["y"][-1] == 4


def test_the_back_off_is_told_where_documentation_and_code_differ() -> None:
    rows = retries.waits(4).rows
    assert rows[0][1:3] == ("0 to 24 ms", "0 to 24 ms")
    assert rows[2][1:3] == ("0 to 174 ms", "0 to 99 ms")


def test_a_share_of_next_to_nothing_has_a_figure() -> None:
    assert "gets some 0, and from 0 to 0" in weighted_routing.spread(4_000_000_000, 10, 100).title


@pytest.mark.parametrize("rps", [0.0, 1e308])
def test_requests_a_second_that_no_service_has_are_refused(rps: float) -> None:
    with pytest.raises(ValueError, match="are above 0, the first 1,000,000 at most"):
        retries.bill(2, 3, 30, rps, 20.0)
    with pytest.raises(ValueError, match="requests_per_second above 0 and 1,000,000 at most"):
        weighted_routing.waiting(90, 10, 2.0, rps)


def test_the_tasks_for_retries_are_paid_for() -> None:
    rows = retries.bill(2, 3, 30, 100.0, 20.0).rows
    assert [row[2] for row in rows] == ["5", "8", "135"]


def test_attempts_that_have_no_time_left_are_said() -> None:
    rows = retries.latest(3, 6000, 15_000).rows
    assert rows[2][3] == "the route's timeout"
    assert rows[3] == (4, "never", "", "no time is left")


def test_the_question_of_outliers_counts_whole_hosts() -> None:
    asked = outlier_detection.question(3, 50)
    assert asked.answer == 2
    assert "one more were 60.0 %" in asked.reason
    assert asked.reason.endswith("and ejected 3.")


def test_minutes_show_each_return_of_a_host_that_goes_on_failing() -> None:
    shown = outlier_detection.minutes(3, 1, 5, 50, 30)
    assert shown.rows == [
        ("4 s", "host 1", "30 s"),
        ("44 s", "host 1", "60 s"),
        ("114 s", "host 1", "90 s"),
        ("214 s", "host 1", "120 s"),
    ]
    assert [shown.data[0]["y"][second] for second in (3, 4, 39, 40)] == [0, 1, 1, 0]
    assert shown.data[1]["y"][10] == 0


def test_in_panic_it_is_as_if_nobody_were_ejected() -> None:
    shown = outlier_detection.minutes(4, 3, 5, 100, 30)
    assert shown.title == ("3 of 4 hosts fail: 75.0 % of the requests fail, 75.0 % without ejections. Envoy panics")
    assert shown.data[0]["y"][10] == 3


def test_success_rates_find_the_few_and_not_the_many() -> None:
    found = {row[0]: row[3:] for row in outlier_detection.success_rates().rows}
    assert found["one of 5 succeeds 99 %"] == (1, 0)
    assert found["two of 5 succeed 0 %"] == (0, 2)
    assert found["two of 10 succeed 0 %"] == (2, 2)
    assert outlier_detection.most_of_a_kind() == pytest.approx(0.2169, abs=1e-4)


def test_the_course_is_what_the_rows_of_answers_say() -> None:
    found = {row[0]: row[1] for row in outlier_detection.rows_of_answers(5).rows}
    assert found["5 × 500, one an hour"] == "yes"
    assert found["4 × 500, one 200, 4 × 500"] == "no"


def test_a_server_that_asks_for_nothing_lets_everybody_in() -> None:
    rows = mutual_tls.handshakes("nothing", "nothing", "our CA").rows
    assert {row[1] for row in rows} == {"200"}
    assert [row[3] == "200" for row in rows] == [False, True, True, False, False]
    assert [row[4] == "200" for row in rows] == [False, True, False, False, False]
    assert mutual_tls.question().answer == "no"


def test_the_chosen_handshake_is_outlined_and_told() -> None:
    shown = mutual_tls.handshakes("one of another CA", "a certificate of our CA", "our CA")
    assert shown.title.endswith("server refuses: its issuer is not trusted")
    assert shown.layout["shapes"][0]["x0"] == 1.5
    assert shown.layout["shapes"][0]["y0"] == 3.5
    assert shown.data[0]["z"][4][2] == 0


def test_certificates_follow_each_other_and_an_outage_beyond_the_reserve_shows() -> None:
    assert mutual_tls.life(168, 120, 48).title.endswith(": 0 h without a valid certificate")
    assert mutual_tls.life(168, 120, 60).title.endswith(": 12 h without a valid certificate")
    assert mutual_tls.life(168, 120, 0).rows[1] == (2, 120, 288, 48)


def test_the_authority_is_paid_for_by_the_month() -> None:
    assert [row[2:] for row in mutual_tls.bill(20, 120).rows] == [("400", "121.7"), ("50", "121.7")]
    assert mutual_tls.bill(20, 169).rows[1][3] == "it is over before it is renewed"


def test_text_is_no_part_that_fails() -> None:
    with pytest.raises(ValueError, match="failure_percent is a whole number from 0 to 100, not 'many'"):
        retries.checked("many")  # type: ignore[arg-type]


def test_an_outage_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match="outage_hours is a whole number from 0 to 9600, not 1000000000"):
        mutual_tls.life(168, 120, 10**9)


def test_the_question_of_a_mesh_counts_both_sidecars() -> None:
    assert mesh_or_none.question(20, 3, 1000).answer == pytest.approx(0.8)


def test_the_matrix_marks_what_is_wanted_and_says_what_is_lacking() -> None:
    shown = mesh_or_none.matrix("ECS", "find, retry")
    assert shown.rows[0][:3] == ("ECS Service Connect", 1, "nothing")
    marked = [need for need in shown.data[0]["y"] if need.startswith("▸ ")]
    assert marked == ["▸ find each other by name", "▸ retries and timeouts without code"]
    assert {row[0]: row[2] for row in shown.rows}["VPC Lattice"] == "retry"


def test_what_the_ways_cost() -> None:
    usd = {name: cost for name, _, _, cost in mesh_or_none.monthly(20, 3, 1000, 500)}
    assert usd["VPC Lattice"] == pytest.approx(20 * 0.025 * 730 + 500 * 0.025)
    assert usd["ECS Service Connect"] == pytest.approx((15 * 0.04048 + 3.75 * 0.004445) * 730)
    assert usd["Cloud Map DNS"] == 0


def test_a_proxy_moves_a_fargate_task_to_the_next_size() -> None:
    rows = {row[0]: row for row in mesh_or_none.steps().rows}
    assert rows["256 / 512"][2] == "512 / 1024"
    assert rows["512 / 1024"][2] == "1024 / 2048"
    assert rows["1024 / 2048"][3] == "2.00 times"


def test_the_end_of_app_mesh_is_a_day() -> None:
    assert app_mesh.question("2026-09-29").answer == "yes"
    assert app_mesh.question("2026-09-30").answer == "no"
    assert app_mesh.calendar(32).title == "2026-09-01: 29 days are left"


@pytest.mark.parametrize(
    ("service", "operation", "name"),
    [("appmesh", "CreateRoute", "route"), ("appmesh", "CreateVirtualNode", "virtual-node")],
)
def test_the_configurations_of_app_mesh_are_such_as_its_api_took(service: str, operation: str, name: str) -> None:
    model = botocore.session.get_session().get_service_model(service).operation_model(operation)
    assert not validate.ParamValidator().validate(app_mesh.document(name), model.input_shape).has_errors()


def test_the_service_connect_configuration_is_such_as_ecs_takes() -> None:
    model = botocore.session.get_session().get_service_model("ecs").operation_model("CreateService")
    shape = model.input_shape.members["serviceConnectConfiguration"]
    assert not validate.ParamValidator().validate(app_mesh.document("service-connect"), shape).has_errors()

"""What CloudWatch learns of load balancers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.waiting import eventually
from tests.support.web import Network, forward, get_many

from drydock.embedded.services.elbv2.metrics import Group, data, network

GROUP = Group("targetgroup/a/1", "app/web/2", healthy=2, unhealthy=1)


def by_name(found: list[dict[str, Any]], *dimensions: str) -> dict[str, float]:
    return {
        item["MetricName"]: item["Value"]
        for item in found
        if [d["Name"] for d in item["Dimensions"]] == list(dimensions) and "Value" in item
    }


def test_differences_are_told_and_zeros_are_not() -> None:
    prefix = "cluster.targetgroup/a/1"
    before = {f"{prefix}.upstream_rq_2xx": 10.0}
    now = {f"{prefix}.upstream_rq_2xx": 14.0, f"{prefix}.time_sum": 80.0, f"{prefix}.time_count": 4.0}
    found = data(before, now, [GROUP])
    assert by_name(found, "TargetGroup", "LoadBalancer") == {
        "RequestCount": 4,
        "HTTPCode_Target_2XX_Count": 4,
        "RequestCountPerTarget": 2,
        "HealthyHostCount": 2,
        "UnHealthyHostCount": 1,
    }
    assert by_name(found, "LoadBalancer") == {"RequestCount": 4, "HTTPCode_Target_2XX_Count": 4}
    times = [item["StatisticValues"] for item in found if item["MetricName"] == "TargetResponseTime"]
    assert times == [{"SampleCount": 4, "Sum": 0.08, "Minimum": 0.02, "Maximum": 0.02}] * 2


def test_errors_are_counted_where_they_were_made() -> None:
    prefix = "cluster.targetgroup/a/1"
    now = {
        f"{prefix}.upstream_rq_5xx": 6.0,  # of the target 3, connection refused 1, nobody to ask 2
        f"{prefix}.upstream_rq_pending_failure_eject": 1.0,
        f"{prefix}.upstream_cx_none_healthy": 2.0,
        "http.app/web/2.downstream_rq_5xx": 6.0,
    }
    found = by_name(data({}, now, [GROUP]), "LoadBalancer")
    assert found == {"RequestCount": 4, "HTTPCode_Target_5XX_Count": 3, "HTTPCode_ELB_5XX_Count": 3}


def test_each_time_that_was_seen_is_told_so_that_there_are_percentiles() -> None:
    prefix = "cluster.targetgroup/a/1"
    before = {f"{prefix}.time_of.0.0": 3.0, f"{prefix}.time_count": 3.0}
    now = {f"{prefix}.time_of.0.0": 4.0, f"{prefix}.time_of.120.0": 2.0, f"{prefix}.time_count": 6.0}
    found = [item for item in data(before, now, [GROUP]) if item["MetricName"] == "TargetResponseTime"]
    assert [(item["Values"], item["Counts"]) for item in found] == [([0.0, 0.12], [1.0, 2.0])] * 2


def test_what_the_load_balancer_answers_itself_and_its_connections() -> None:
    http = "http.app/web/2"
    now = {
        "cluster.targetgroup/a/1.upstream_rq_4xx": 2.0,
        "cluster.targetgroup/a/1.upstream_cx_connect_fail": 4.0,
        f"{http}.downstream_rq_4xx": 5.0,
        f"{http}.downstream_rq_3xx": 1.0,
        f"{http}.downstream_cx_total": 7.0,
        f"{http}.downstream_cx_active": 6.0,
        f"{http}.downstream_cx_rx_bytes_total": 100.0,
        f"{http}.downstream_cx_tx_bytes_total": 400.0,
    }
    before = {f"{http}.downstream_cx_total": 2.0, f"{http}.downstream_cx_active": 9.0}
    found = data(before, now, [GROUP])
    assert by_name(found, "LoadBalancer") == {
        "RequestCount": 2,
        "HTTPCode_Target_4XX_Count": 2,
        "HTTPCode_ELB_4XX_Count": 3,
        "HTTPCode_ELB_3XX_Count": 1,
        "NewConnectionCount": 5,
        "ActiveConnectionCount": 6,
        "ProcessedBytes": 500,
    }
    assert by_name(found, "TargetGroup", "LoadBalancer")["TargetConnectionErrorCount"] == 4


def test_a_network_load_balancer_knows_no_requests() -> None:
    group = Group("targetgroup/n/1", "net/queue/2", healthy=2, unhealthy=1)
    now = {"tcp.net/queue/2.downstream_cx_total": 3.0, "tcp.net/queue/2.downstream_cx_rx_bytes_total": 10.0}
    found = network({}, now, [group])
    assert by_name(found, "LoadBalancer") == {"NewFlowCount": 3, "ProcessedBytes": 10}
    assert by_name(found, "TargetGroup", "LoadBalancer") == {"HealthyHostCount": 2, "UnHealthyHostCount": 1}


def test_a_new_envoy_counts_from_zero() -> None:
    before = {"cluster.targetgroup/a/1.upstream_rq_2xx": 10.0}
    now = {"cluster.targetgroup/a/1.upstream_rq_2xx": 2.0}
    assert by_name(data(before, now, [GROUP]), "LoadBalancer")["RequestCount"] == 2


def test_requests_arrive_in_cloudwatch(network: Network, client: Any) -> None:
    network.serve(5)
    lb = network.load_balancer()
    group = network.target_group("tg", 5)
    network.listener(lb, forward((group, 1)))
    eventually(lambda: network.all_healthy(group))
    get_many(lb["DNSName"], 25)
    dimensions = [
        {"Name": "TargetGroup", "Value": group.rpartition(":")[2]},
        {"Name": "LoadBalancer", "Value": lb["LoadBalancerArn"].partition("loadbalancer/")[2]},
    ]

    def counted() -> float:
        now = datetime.now(UTC)
        points = client("cloudwatch").get_metric_statistics(
            Namespace="AWS/ApplicationELB",
            MetricName="RequestCount",
            Dimensions=dimensions,
            StartTime=now - timedelta(minutes=5),
            EndTime=now + timedelta(minutes=5),
            Period=60,
            Statistics=["Sum"],
        )["Datapoints"]
        return sum(point["Sum"] for point in points)

    eventually(lambda: counted() >= 25)
    assert counted() == 25

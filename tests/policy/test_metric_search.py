"""Which metrics SEARCH and Metrics Insights find."""

from __future__ import annotations

import pytest

from drydock.policy.infix import Malformed
from drydock.policy.metric_search import Metric, search, select

CPU = Metric("AWS/ECS", "CPUUtilization", {"ClusterName": "shop", "ServiceName": "web"})
MEMORY = Metric("AWS/ECS", "MemoryUtilization", {"ClusterName": "shop", "ServiceName": "web"})
OF_ALL = Metric("AWS/ECS", "CPUUtilization", {"ClusterName": "shop"})
OWN = Metric("Shop", "Orders", {})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{AWS/ECS,ClusterName,ServiceName}", [CPU, MEMORY]),
        ('{AWS/ECS,ClusterName,ServiceName} MetricName="CPUUtilization"', [CPU]),
        ('{AWS/ECS, ServiceName, ClusterName} MetricName="CPUUtilization"', [CPU]),
        ('{AWS/ECS,ClusterName} MetricName="CPUUtilization"', [OF_ALL]),
        ('{"AWS/ECS",ClusterName,ServiceName} NOT MetricName="CPUUtilization"', [MEMORY]),
        ("{AWS/ECS,ClusterName,ServiceName} cpu", [CPU]),
        ('MetricName="CPUUtilization" ClusterName="shop"', [CPU, OF_ALL]),
        ('MetricName=("CPUUtilization" OR "Orders")', [CPU, OF_ALL, OWN]),
        ("Orders", [OWN]),
        ("memory OR orders", [MEMORY, OWN]),
        ('ServiceName="we"', []),
    ],
)
def test_search(text: str, found: list[Metric]) -> None:
    assert [metric for metric in (CPU, MEMORY, OF_ALL, OWN) if search(text).finds(metric)] == found


@pytest.mark.parametrize("text", ["", "{AWS/ECS", "{}", "{AWS/ECS} AND", 'MetricName="a'])
def test_what_is_no_search(text: str) -> None:
    with pytest.raises(Malformed):
        search(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('SELECT AVG(CPUUtilization) FROM "AWS/ECS"', [CPU, OF_ALL]),
        ('SELECT MAX(CPUUtilization) FROM SCHEMA("AWS/ECS", ClusterName, ServiceName)', [CPU]),
        ("SELECT AVG(CPUUtilization) FROM \"AWS/ECS\" WHERE ServiceName = 'web' AND ClusterName = 'shop'", [CPU]),
        ("SELECT AVG(CPUUtilization) FROM \"AWS/ECS\" WHERE ServiceName != 'web'", [OF_ALL]),
        ("select sum(Orders) from Shop", [OWN]),
    ],
)
def test_select(text: str, found: list[Metric]) -> None:
    assert [metric for metric in (CPU, MEMORY, OF_ALL, OWN) if select(text).finds(metric)] == found


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("SELECT AVG(a) FROM b GROUP BY c", "does not have GROUP BY"),
        ("SELECT AVG(a) FROM b WHERE c = 'd' ORDER BY AVG() DESC", "does not have ORDER BY"),
        ("SELECT AVG(a) FROM b LIMIT 5", "does not have LIMIT"),
        ("SELECT a FROM b", "expected SELECT"),
        ("SELECT MEDIAN(a) FROM b", "expected AVG, SUM, MIN, MAX or COUNT"),
        ("SELECT AVG(a) FROM b WHERE c LIKE 'd'", "unexpected condition"),
        ("SELECT AVG(a) FROM b WHERE c = 'd' OR c = 'e'", "unexpected condition"),
    ],
)
def test_what_is_not_computed_is_refused(text: str, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        select(text)

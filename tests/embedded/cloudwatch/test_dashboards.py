"""Dashboards are kept as they are, if they are JSON."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError


def test_dashboards(client: Any) -> None:
    cloudwatch = client("cloudwatch")
    body = '{"widgets": [{"type": "text", "properties": {"markdown": "shop"}}]}'
    cloudwatch.put_dashboard(DashboardName="shop", DashboardBody=body)
    cloudwatch.put_dashboard(DashboardName="other", DashboardBody="{}")
    assert cloudwatch.get_dashboard(DashboardName="shop")["DashboardBody"] == body
    entries = cloudwatch.list_dashboards(DashboardNamePrefix="sh")["DashboardEntries"]
    assert [(entry["DashboardName"], entry["Size"]) for entry in entries] == [("shop", len(body))]
    cloudwatch.delete_dashboards(DashboardNames=["shop"])
    with pytest.raises(ClientError, match="does not exist"):
        cloudwatch.get_dashboard(DashboardName="shop")


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [("a", "{", "InvalidParameterInput"), ("a", "[]", "InvalidParameterInput"), ("a b", "{}", "InvalidParameterValue")],
)
def test_what_is_no_dashboard(client: Any, name: str, body: str, code: str) -> None:
    with pytest.raises(ClientError) as caught:
        client("cloudwatch").put_dashboard(DashboardName=name, DashboardBody=body)
    assert caught.value.response["Error"]["Code"] == code


@pytest.mark.parametrize("operation", ["get_metric_widget_image", "describe_anomaly_detectors"])
def test_what_is_not_here_is_refused_by_name(client: Any, operation: str) -> None:
    given = {"MetricWidget": "{}"} if operation == "get_metric_widget_image" else {}
    with pytest.raises(ClientError, match="The embedded AWS does not have cloudwatch:"):
        getattr(client("cloudwatch"), operation)(**given)

"""When App Mesh ended, and what is carried over of it."""

from __future__ import annotations

from copy import deepcopy
from datetime import date
from typing import Any

import pytest

from drydock.policy.mesh import app_mesh

SECONDS = {"unit": "s", "value": 2}
ROUTE: dict[str, Any] = {
    "httpRoute": {
        "match": {"prefix": "/"},
        "action": {"weightedTargets": [{"virtualNode": "v1", "weight": 9}, {"virtualNode": "v2", "weight": 1}]},
        "retryPolicy": {"maxRetries": 3, "perRetryTimeout": SECONDS, "httpRetryEvents": ["gateway-error"]},
    }
}
NODE: dict[str, Any] = {
    "listeners": [
        {
            "portMapping": {"port": 8080, "protocol": "http"},
            "outlierDetection": {
                "maxServerErrors": 5,
                "interval": {"unit": "ms", "value": 1500},
                "baseEjectionDuration": {"unit": "s", "value": 30},
                "maxEjectionPercent": 50,
            },
        }
    ],
    "serviceDiscovery": {
        "awsCloudMap": {
            "namespaceName": "prod.internal",
            "serviceName": "orders",
            "attributes": [{"key": "version", "value": "v1"}],
        }
    },
}


@pytest.mark.parametrize(
    ("day", "customer", "expected"),
    [
        (date(2024, 9, 23), False, True),
        (date(2024, 9, 24), False, False),
        (date(2024, 9, 24), True, True),
        (date(2026, 9, 29), True, True),
        (date(2026, 9, 30), True, False),
    ],
)
def test_who_may_use_it_when(day: date, customer: bool, expected: bool) -> None:
    assert app_mesh.may_use(day, customer=customer) is expected


def test_a_route_becomes_a_virtual_service() -> None:
    found = app_mesh.virtual_service("orders", ROUTE)
    [http] = found.config["spec"]["http"]
    assert [(one["destination"]["subset"], one["weight"]) for one in http["route"]] == [("v1", 9), ("v2", 1)]
    assert http["retries"] == {"attempts": 3, "perTryTimeout": "2s", "retryOn": "gateway-error"}
    assert found.differs == ()


def test_what_is_retried_beside_what_was_is_told() -> None:
    route = deepcopy(ROUTE)
    route["httpRoute"]["retryPolicy"]["httpRetryEvents"] = ["server-error"]
    [told] = app_mesh.virtual_service("orders", route).differs
    assert told == "retries: 5xx takes the place of server-error and retries 89 more, from 509 to 599"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda route: route.update(priority=1), "spec has priority"),
        (lambda route: route["httpRoute"]["match"].update(headers=[]), "match has headers"),
        (lambda route: route["httpRoute"]["action"]["weightedTargets"][0].update(port=1), "weightedTargets has port"),
        (lambda route: route["httpRoute"].update(timeout={"idle": SECONDS}), "timeout has idle"),
    ],
)
def test_a_field_that_is_not_carried_is_refused_and_not_dropped(change: Any, words: str) -> None:
    route = deepcopy(ROUTE)
    change(route)
    with pytest.raises(ValueError, match=f"{words}, which is not carried over"):
        app_mesh.virtual_service("orders", route)


def test_a_node_becomes_a_subset_with_its_outlier_detection() -> None:
    found = app_mesh.destination_rule("orders", {"v1": NODE}, hosts=4)
    [subset] = found.config["spec"]["subsets"]
    assert subset["labels"] == {"version": "v1"}
    assert subset["trafficPolicy"]["outlierDetection"] == {
        "consecutive5xxErrors": 5,
        "interval": "1500ms",
        "baseEjectionTime": "30s",
        "maxEjectionPercent": 50,
    }
    assert (found.differs, found.lost) == ((), ())


def test_the_limit_that_ejects_another_number_now_is_told() -> None:
    [told] = app_mesh.destination_rule("orders", {"v1": NODE}, hosts=1).differs
    assert told == "outliers of v1: of 1 hosts at 50 % App Mesh ejected 1, Envoy now 0"


def test_a_node_that_selects_every_instance_is_told() -> None:
    node = deepcopy(NODE)
    del node["serviceDiscovery"]["awsCloudMap"]["attributes"]
    [told] = app_mesh.destination_rule("orders", {"v1": node}, hosts=3).lost
    assert told == "v1: it selects no attributes, so its subset is every pod of orders"


def test_what_service_connect_has_no_field_for() -> None:
    assert [told.partition(":")[0] for told in app_mesh.service_connect_lacks(ROUTE, NODE)] == [
        "weights",
        "retryPolicy",
        "outlierDetection",
    ]
    plain = {"httpRoute": {"match": {"prefix": "/"}, "action": {"weightedTargets": [{"virtualNode": "v1"}]}}}
    assert app_mesh.service_connect_lacks(plain, {"listeners": [{}]}) == ()

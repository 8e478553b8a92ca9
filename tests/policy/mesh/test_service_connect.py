"""Service Connect's numbers, and the settings of Envoy that they make."""

from __future__ import annotations

from typing import Any

import pytest

from drydock.policy.mesh import outliers, service_connect


def definition(**mapping: Any) -> dict[str, Any]:
    return {"containerDefinitions": [{"portMappings": [{"containerPort": 8080, "name": "web", **mapping}]}]}


def only(entry: dict[str, Any], **mapping: Any) -> service_connect.Endpoint:
    configuration = {"enabled": True, "services": [{"portName": "web", **entry}]}
    [found] = service_connect.endpoints(configuration, definition(**mapping), "shop")
    return found


def test_without_names_a_port_is_called_by_its_own_in_the_namespace() -> None:
    found = only({})
    assert (found.discovery_name, found.dns_name, found.port) == ("web", "web.shop", 8080)
    named = only({"discoveryName": "api", "clientAliases": [{"port": 80}]})
    assert (named.discovery_name, named.dns_name, named.port) == ("api", "api.shop", 80)


@pytest.mark.parametrize(
    ("protocol", "timeout", "idle", "per_request"),
    [
        ("http", {}, 300, 15),  # TimeoutConfiguration: 5 minutes; 15 seconds by the developer guide
        ("grpc", {"perRequestTimeoutSeconds": 0}, 300, None),
        ("http2", {"idleTimeoutSeconds": 0, "perRequestTimeoutSeconds": 60}, None, 60),
        (None, {}, 3600, None),  # TCP: 1 hour
    ],
)
def test_time_outs(protocol: str | None, timeout: dict[str, int], idle: int | None, per_request: int | None) -> None:
    found = only({"timeout": timeout}, **({"appProtocol": protocol} if protocol else {}))
    assert (found.idle, found.per_request) == (idle, per_request)


def test_a_service_without_service_connect_has_no_endpoints() -> None:
    assert service_connect.endpoints(None, definition(), "shop") == ()
    off = {"enabled": False, "services": [{"portName": "web"}]}
    assert service_connect.endpoints(off, definition(), "shop") == ()


def test_envoy_is_told_the_detector_in_its_own_time() -> None:
    told = service_connect.outlier_detection(service_connect.DETECTOR, speed=30)
    assert (told["base_ejection_time"], told["max_ejection_time"], told["interval"]) == ("1.000s", "10.000s", "0.333s")
    assert told["consecutive_5xx"] == 5


def test_of_two_or_three_tasks_one_may_be_out_and_the_others_do_not_panic() -> None:
    percent = service_connect.DETECTOR.max_ejection_percent
    assert [outliers.most_out(hosts, percent) for hosts in (1, 2, 3, 4)] == [0, 1, 1, 2]
    assert not any(outliers.panics(hosts - outliers.most_out(hosts, percent), hosts) for hosts in (1, 2, 3, 4))

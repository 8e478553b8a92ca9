"""What a file says of a service, held against what AWS answers: only what it names, in its own shape."""

from __future__ import annotations

from typing import Any

import jmespath
import pytest

from drydock.policy.reconciling import (
    NOT_THERE,
    before,
    drift,
    merged,
    normal,
    others,
    same,
    shape,
    shape_of_definition,
    shaped,
)
from drydock.policy.requests.errors import Invalid

SERVICE: dict[str, Any] = {
    "desiredCount": 2,
    "platformVersion": "1.4.0",
    "deploymentConfiguration": {
        "maximumPercent": 200,
        "minimumHealthyPercent": 100,
        "deploymentCircuitBreaker": {"enable": False, "rollback": False},
    },
    "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["a", "b"], "assignPublicIp": "ENABLED"}},
}
DEFINITION: dict[str, Any] = {
    "cpu": "256",
    "memory": "512",
    "revision": 7,
    "containerDefinitions": [
        {
            "name": "web-1",
            "image": "web:v1",
            "environment": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}],
            "portMappings": [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}],
        },
        {"name": "proxy", "image": "envoy:1"},
    ],
}


def drift_of(given: dict[str, Any], service: dict[str, Any] = SERVICE) -> dict[str, Any]:
    return dict(drift(shaped(given), jmespath.search(f"services[0].{shape(given)}", {"services": [service]})))


def drift_of_definition(given: dict[str, Any], tags: Any = ()) -> dict[str, Any]:
    answer = {"taskDefinition": DEFINITION, "tags": list(tags)}
    return dict(drift(shaped(given), jmespath.search(shape_of_definition(given), answer)))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"desiredCount": 2}, {}),
        ({"desiredCount": 3}, {"desiredCount": 3}),
        ({"deploymentConfiguration": {"maximumPercent": 200}}, {}),
        ({"deploymentConfiguration": {"maximumPercent": 150}}, {"deploymentConfiguration.maximumPercent": 150}),
        (
            {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["a"]}}},
            {"networkConfiguration.awsvpcConfiguration.subnets": ["a"]},
        ),
        ({"healthCheckGracePeriodSeconds": 0, "enableExecuteCommand": False, "loadBalancers": []}, {}),
        ({"healthCheckGracePeriodSeconds": 30}, {"healthCheckGracePeriodSeconds": 30}),
        ({"deploymentConfiguration": {"alarms": {"enable": False}}}, {}),
        (
            {"deploymentConfiguration": {"alarms": {"enable": True, "alarmNames": ["x"]}}},
            {"deploymentConfiguration.alarms.enable": True, "deploymentConfiguration.alarms.alarmNames": ["x"]},
        ),
    ],
)
def test_only_what_the_file_names_drifts(given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert drift_of(given) == expected


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        ({"image": "web:v1"}, {}),
        ({"image": "web:v2"}, {"image": "web:v2"}),
        ({"portMappings": [{"containerPort": 80}]}, {}),
        ({"portMappings": [{"containerPort": 81}]}, {"portMappings": [{"containerPort": 81}]}),
        ({"environment": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}, {}),
        ({"environment": [{"name": "A", "value": "1"}]}, {"environment": [{"name": "A", "value": "1"}]}),
        ({"stopTimeout": 20}, {"stopTimeout": 20}),
        ({}, {}),
    ],
)
def test_containers_are_held_by_their_names_and_other_lists_as_wholes(
    container: dict[str, Any], expected: dict[str, Any]
) -> None:
    found = drift_of_definition({"containerDefinitions": [{"name": "web-1", **container}]})
    assert found == {f"containerDefinitions.web-1.{key}": value for key, value in expected.items()}


def test_tags_stand_beside_the_task_definition() -> None:
    tags = [{"key": "b", "value": "2"}, {"key": "a", "value": "1"}]
    assert drift_of_definition({"cpu": "256", "tags": tags}, tags=tags[::-1]) == {}
    assert drift_of_definition({"tags": tags}, tags=tags[:1]) == {"tags": tags}


def test_what_is_merged_has_no_drift_and_keeps_the_rest() -> None:
    given = {
        "cpu": "512",
        "containerDefinitions": [{"name": "web-1", "image": "web:v2", "environment": [{"name": "A", "value": "3"}]}],
    }
    after = merged(DEFINITION, given)
    assert dict(drift(shaped(given), jmespath.search(shape_of_definition(given), {"taskDefinition": after}))) == {}
    assert after["memory"] == "512" and after["containerDefinitions"][1] == {"name": "proxy", "image": "envoy:1"}
    assert after["containerDefinitions"][0]["portMappings"] == DEFINITION["containerDefinitions"][0]["portMappings"]
    assert same(others(DEFINITION, given), others(after, given))
    changed = merged(after, {"containerDefinitions": [{"name": "proxy", "image": "envoy:2"}]})
    assert not same(others(DEFINITION, given), others(changed, given))


def test_what_is_there_now_is_what_brings_a_field_back() -> None:
    given = {"desiredCount": 5, "deploymentConfiguration": {"alarms": {"enable": True}}, "propagateTags": "SERVICE"}
    found, lost = before(given, SERVICE)
    assert lost == []
    assert found["desiredCount"] == 2 and found["propagateTags"] == "NONE"
    assert found["deploymentConfiguration"] == {
        **SERVICE["deploymentConfiguration"],
        "alarms": NOT_THERE["deploymentConfiguration.alarms"],
    }


def test_what_nothing_would_take_away_again_is_told() -> None:
    assert before({"networkConfiguration": {"awsvpcConfiguration": {}}}, {})[1] == ["networkConfiguration"]
    assert before({"deploymentConfiguration": {"strategy": "ROLLING"}}, SERVICE)[1] == [
        "deploymentConfiguration.strategy"
    ]


def test_sizes_are_compared_as_ecs_writes_them() -> None:
    assert normal({"cpu": ".25 vCPU", "memory": "0.5 GB", "pidMode": "task"}) == {
        "cpu": "256",
        "memory": "512",
        "pidMode": "task",
    }
    with pytest.raises(Invalid):
        normal({"cpu": "many"})

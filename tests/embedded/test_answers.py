"""Plain answers are written as moto would write them; others are left to it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from moto.core.serialize import JSONSerializer, ResponseSerializer, XFormedAttributePicker
from moto.core.utils import get_service_model

from drydock.embedded.core import answers

WHEN = datetime(2026, 2, 3, 4, 5, 6, 789_999, UTC)
SCALARS = {"string": "ü", "boolean": True, "integer": 7, "long": 2**40, "float": 1.5, "double": 2.0, "timestamp": WHEN}


def sample(shape: Any, depth: int = 0) -> Any:
    """A plain value with every member; None where it would go too deep, or has no plain value."""
    if depth > 6 or shape.type_name in ("blob",) or "timestampFormat" in shape.serialization:
        return None
    if shape.type_name == "structure":
        return {name: sample(member, depth + 1) for name, member in shape.members.items()}
    if shape.type_name == "list":
        item = sample(shape.member, depth + 1)
        return [] if item is None else [item, item]
    if shape.type_name == "map":
        item = sample(shape.value, depth + 1)
        return {} if item is None else {"key": item}
    return SCALARS[shape.type_name]


USUAL = ResponseSerializer._serialize_result


def answered(write: Any, operation: Any, result: Any) -> Any:
    serializer = JSONSerializer(operation_model=operation, value_picker=XFormedAttributePicker())
    answer = write(serializer, serializer._create_default_response(), result)
    return {**answer, "body": json.loads(answer["body"])}


def refused(*_: Any) -> Any:
    pytest.fail("it is plain")


@pytest.mark.parametrize(
    "service", ["applicationautoscaling", "ecr", "ecs", "events", "logs", "servicediscovery", "sqs"]
)
def test_every_operation_is_answered_as_moto_would(service: str) -> None:
    model = get_service_model({"applicationautoscaling": "application-autoscaling"}.get(service, service))
    for name in model.operation_names:
        operation = model.operation_model(name)
        if operation.output_shape is None or operation.has_event_stream_output:
            continue
        result = sample(operation.output_shape)
        assert answered(answers.written(refused), operation, result) == answered(USUAL, operation, result), name


DESCRIBE = get_service_model("ecs").operation_model("DescribeClusters")


@pytest.mark.parametrize(
    "result",
    [
        {"clusters": [{"cluster_name": "a"}]},
        {"clusters": [{"clusterName": 3}]},
        {"clusters": {"clusterName": "a"}},
        {"clusters": [{"clusterName": "a", "ownWord": 1}]},
        {"clusters": [object()]},
        {"clusters": [{"activeServicesCount": True}]},
        {"clusters": [None]},
    ],
)
def test_what_is_not_plain_is_left_to_moto(result: Any) -> None:
    asked: list[Any] = []
    serializer = JSONSerializer(operation_model=DESCRIBE, value_picker=XFormedAttributePicker())
    assert answers.written(lambda *given: asked.append(given[-1]) or "moto's")(serializer, {}, result) == "moto's"
    assert asked == [result]


@pytest.mark.parametrize(
    ("path", "is_motos"),
    [
        ("DescribeClustersResponse.clusters.Cluster.tags", True),
        ("Cluster.tags", True),
        ("DescribeServicesResponse.services.Service.tags", False),
    ],
)
def test_what_moto_changes_on_the_way_is_left_to_it(path: str, is_motos: bool) -> None:
    picker = XFormedAttributePicker(response_transformers={path: lambda value: value})
    serializer = JSONSerializer(operation_model=DESCRIBE, value_picker=picker)
    answer = answers.written(lambda *_: "moto's")(serializer, serializer._create_default_response(), {"clusters": []})
    assert (answer == "moto's") is is_motos


@pytest.mark.parametrize(
    "when", [WHEN, WHEN.replace(microsecond=0), WHEN.astimezone(timezone(timedelta(hours=5))), datetime(2026, 1, 1)]
)
def test_a_moment_is_in_milliseconds_since_the_epoch(when: datetime) -> None:
    operation = get_service_model("ecs").operation_model("DescribeTasks")
    written = answered(answers.written(USUAL), operation, {"tasks": [{"createdAt": when}]})
    expected = int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000) / 1000
    assert written["body"]["tasks"][0]["createdAt"] == pytest.approx(expected, abs=0.001)

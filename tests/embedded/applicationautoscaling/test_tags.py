"""Scalable targets have tags, as Terraform reads them after it has made one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

TARGET = {
    "ServiceNamespace": "dynamodb",
    "ResourceId": "table/t",
    "ScalableDimension": "dynamodb:table:ReadCapacityUnits",
}


def test_tags_of_a_scalable_target(client: Callable[..., Any]) -> None:
    scaling = client("application-autoscaling")
    arn = scaling.register_scalable_target(**TARGET, MinCapacity=1, MaxCapacity=2, Tags={"a": "1"})["ScalableTargetARN"]
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"a": "1"}
    scaling.tag_resource(ResourceARN=arn, Tags={"b": "2"})
    scaling.untag_resource(ResourceARN=arn, TagKeys=["a"])
    scaling.register_scalable_target(**TARGET, MaxCapacity=3)
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"b": "2"}
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        scaling.list_tags_for_resource(ResourceARN=arn[:-1])
    scaling.deregister_scalable_target(**TARGET)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        scaling.tag_resource(ResourceARN=arn, Tags={})


def test_where_nothing_was_scaled_there_are_no_activities(client: Callable[..., Any]) -> None:
    scaling = client("application-autoscaling")
    scaling.register_scalable_target(**TARGET, MinCapacity=1, MaxCapacity=2)
    assert scaling.describe_scaling_activities(ServiceNamespace="dynamodb")["ScalingActivities"] == []
    with pytest.raises(ClientError, match="InvalidNextTokenException"):
        scaling.describe_scaling_activities(ServiceNamespace="dynamodb", NextToken="x")
    with pytest.raises(ClientError, match="ValidationException"):
        scaling.describe_scaling_activities(ServiceNamespace="toaster")

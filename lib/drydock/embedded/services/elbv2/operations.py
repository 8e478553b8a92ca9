"""Operations that moto's answers get wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.core.responses import ActionResult
from moto.elbv2.exceptions import InvalidLoadBalancerActionException
from moto.elbv2.responses import ELBV2Response


def set_security_groups(self: Any) -> ActionResult:
    arn = self._get_param("LoadBalancerArn")
    self.elbv2_backend.set_security_groups(arn, self._get_param("SecurityGroups", []))
    return ActionResult({"SecurityGroupIds": self.elbv2_backend.load_balancers[arn].security_groups})


def modify_target_group_attributes(self: Any) -> ActionResult:
    arn = self._get_param("TargetGroupArn")
    attributes = {item["Key"]: item["Value"] for item in self._get_param("Attributes", [])}
    self.elbv2_backend.modify_target_group_attributes(arn, attributes)
    return ActionResult({"Attributes": self.elbv2_backend.target_groups[arn].attributes})


def _without_transforms(operation: Callable[[Any], ActionResult]) -> Callable[[Any], ActionResult]:
    def checked(self: Any) -> ActionResult:
        if self._get_param("Transforms"):
            raise InvalidLoadBalancerActionException(
                "The embedded load balancer does not rewrite requests: leave Transforms out"
            )
        return operation(self)

    checked.__name__ = operation.__name__
    return checked


OPERATIONS = (
    _without_transforms(ELBV2Response.create_rule),
    _without_transforms(ELBV2Response.modify_rule),
    set_security_groups,
    modify_target_group_attributes,
)

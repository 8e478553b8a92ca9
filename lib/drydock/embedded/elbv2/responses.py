"""Operations that moto's answers get wrong."""

from __future__ import annotations

from typing import Any

from moto.core.responses import ActionResult


def set_security_groups(self: Any) -> ActionResult:
    arn = self._get_param("LoadBalancerArn")
    self.elbv2_backend.set_security_groups(arn, self._get_param("SecurityGroups", []))
    return ActionResult({"SecurityGroupIds": self.elbv2_backend.load_balancers[arn].security_groups})


def modify_target_group_attributes(self: Any) -> ActionResult:
    arn = self._get_param("TargetGroupArn")
    attributes = {item["Key"]: item["Value"] for item in self._get_param("Attributes", [])}
    self.elbv2_backend.modify_target_group_attributes(arn, attributes)
    return ActionResult({"Attributes": self.elbv2_backend.target_groups[arn].attributes})


OPERATIONS = (set_security_groups, modify_target_group_attributes)

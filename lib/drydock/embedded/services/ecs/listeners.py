"""What listeners of load balancers send to whom: read and set through their API, as ECS does with its role."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from drydock.embedded.services.ecs.records import Document
from drydock.policy.ecs import strategy

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host


class Listeners:
    """Rules of Application Load Balancers, and listeners of Network Load Balancers.

    What is set here is the user's own rule, who may change it, too: so it is journalled as his requests are.
    """

    def __init__(self, host: Host) -> None:
        self._host = host

    def groups(self, region: str, arn: str) -> set[str]:
        """The target groups that a rule or a listener forwards to. ClientError."""
        forward = next((action for action in self._actions(region, arn) if action["Type"] == "forward"), {})
        several = (forward.get("ForwardConfig") or {}).get("TargetGroups") or [forward]
        return {str(group["TargetGroupArn"]) for group in several if group.get("TargetGroupArn")}

    def that_exist(self, region: str, arns: set[str]) -> frozenset[str]:
        found = set()
        for arn in arns:
            with contextlib.suppress(ClientError):
                self._actions(region, arn)
                found.add(arn)
        return frozenset(found)

    def share(self, region: str, arn: str, target: str, source: str, percent: float) -> None:
        """Let a rule or a listener send `percent` of its requests to one target group, the rest to the other.

        ClientError.
        """
        mine, other = strategy.weights(percent)
        groups = [{"TargetGroupArn": target, "Weight": mine}, {"TargetGroupArn": source, "Weight": other}]
        actions = self._actions(region, arn)
        before = next((action for action in actions if action["Type"] == "forward"), {})
        kept = {key: value for key, value in (before.get("ForwardConfig") or {}).items() if key != "TargetGroups"}
        forward: Document = {"Type": "forward", "ForwardConfig": {**kept, "TargetGroups": groups}}
        if "Order" in before:
            forward["Order"] = before["Order"]
        others = [action for action in actions if action["Type"] not in ("forward", "redirect", "fixed-response")]
        elbv2 = self._client(region)
        if _is_listener(arn):
            elbv2.modify_listener(ListenerArn=arn, DefaultActions=[*others, forward])
        elif self._rule(region, arn)["IsDefault"]:
            elbv2.modify_listener(ListenerArn=_listener_of(arn), DefaultActions=[*others, forward])
        else:
            elbv2.modify_rule(RuleArn=arn, Actions=[*others, forward])

    def _client(self, region: str) -> Any:
        return self._host.client("elbv2", region)

    def _rule(self, region: str, arn: str) -> Document:
        return dict(self._client(region).describe_rules(RuleArns=[arn])["Rules"][0])

    def _actions(self, region: str, arn: str) -> list[Document]:
        if _is_listener(arn):
            listeners = self._client(region).describe_listeners(ListenerArns=[arn])["Listeners"]
            return list(listeners[0]["DefaultActions"])
        return list(self._rule(region, arn)["Actions"])


def is_network(arn: str) -> bool:
    """Whether a listener or a rule is of a Network Load Balancer."""
    return "/net/" in arn


def _is_listener(arn: str) -> bool:
    return ":listener/" in arn


def _listener_of(rule: str) -> str:
    return rule.replace(":listener-rule/", ":listener/").rsplit("/", 1)[0]

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
        return set(strategy.forwarded(self._actions(region, arn)))

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
        actions = strategy.forwarding(self._actions(region, arn), target, source, percent)
        elbv2 = self._client(region)
        if _is_listener(arn):
            elbv2.modify_listener(ListenerArn=arn, DefaultActions=actions)
        elif self._rule(region, arn)["IsDefault"]:
            elbv2.modify_listener(ListenerArn=_listener_of(arn), DefaultActions=actions)
        else:
            elbv2.modify_rule(RuleArn=arn, Actions=actions)

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

"""The listeners that traffic is shifted at: read and set through ELB's API, as CodeDeploy does with its role.

What is set is the user's own listener, which he may change, too: so it is journalled as his requests are. Every rule of
a listener that forwards to one of the two target groups is changed, its default one as well (observed).
"""

from __future__ import annotations

from typing import Any

from drydock.embedded.core.host import Host
from drydock.policy.ecs import strategy

Document = dict[str, Any]


class Balancers:
    def __init__(self, host: Host) -> None:
        self._host = host

    def groups(self, region: str, names: list[str]) -> dict[str, str]:
        """The ARNs of target groups by their names. ClientError."""
        found = self._client(region).describe_target_groups(Names=names)["TargetGroups"]
        return {group["TargetGroupName"]: group["TargetGroupArn"] for group in found}

    def is_network(self, region: str, listener: str) -> bool:
        """Whether a listener is of a Network Load Balancer. ClientError where it is not there."""
        self._client(region).describe_listeners(ListenerArns=[listener])
        return "/net/" in listener

    def is_behind(self, region: str, listener: str, *groups: str) -> bool:
        """Whether a listener sends requests to one of these target groups. ClientError."""
        return any(
            strategy.forwarded(actions).get(group, 0) > 0
            for _, actions in self._rules(region, listener)
            for group in groups
        )

    def share(self, region: str, listener: str, target: str, source: str, percent: float) -> bool:
        """Let a listener send `percent` of the requests for two target groups to the first of them; False if it sends
        none to either. ClientError."""
        client, is_shared = self._client(region), False
        for rule, actions in self._rules(region, listener):
            if not {target, source} & strategy.forwarded(actions).keys():
                continue
            wanted = strategy.forwarding(actions, target, source, percent)
            if rule:
                client.modify_rule(RuleArn=rule, Actions=wanted)
            else:
                client.modify_listener(ListenerArn=listener, DefaultActions=wanted)
            is_shared = True
        return is_shared

    def _rules(self, region: str, listener: str) -> list[tuple[str, list[Document]]]:
        """(ARN, actions) of the rules; without ARN those of the listener itself. ClientError."""
        client = self._client(region)
        own = client.describe_listeners(ListenerArns=[listener])["Listeners"][0]["DefaultActions"]
        if "/net/" in listener:
            return [("", own)]
        rules = client.describe_rules(ListenerArn=listener)["Rules"]
        return [("", own), *((rule["RuleArn"], rule["Actions"]) for rule in rules if not rule["IsDefault"])]

    def _client(self, region: str) -> Any:
        return self._host.client("elbv2", region)

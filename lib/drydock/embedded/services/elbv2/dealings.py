"""What requests of Elastic Load Balancing are about: load balancers, listeners and their rules."""

from __future__ import annotations

import re
from collections.abc import Iterable

from drydock.policy.dealings import About, Dealings
from drydock.policy.lifespans import Done

_ONLY_NEEDS = {
    "CreateTargetGroup", "DeleteTargetGroup", "ModifyTargetGroup", "ModifyTargetGroupAttributes", "RegisterTargets",
    "DeregisterTargets",
}  # fmt: skip
"""Target groups are told apart by their names."""
_CHANGES = {
    "ModifyLoadBalancerAttributes": "LoadBalancerArn", "SetSubnets": "LoadBalancerArn",
    "SetSecurityGroups": "LoadBalancerArn", "SetIpAddressType": "LoadBalancerArn", "ModifyListener": "ListenerArn",
    "ModifyListenerAttributes": "ListenerArn", "ModifyRule": "RuleArn",
}  # fmt: skip
_ENDS = {"DeleteLoadBalancer": "LoadBalancerArn", "DeleteListener": "ListenerArn", "DeleteRule": "RuleArn"}
_GROUP = re.compile(r"targetgroup/([\w-]+)/(\w+)")


def about(done: Done) -> About | None:
    request, operation = done.request, done.operation
    made = frozenset(name for name in done.made if "=" not in name)  # which is an address that was chosen
    groups = frozenset(word for found in _GROUP.findall("/".join(_texts(request))) for word in found)
    if operation in _ONLY_NEEDS:
        return About(stays=True)
    if operation == "CreateLoadBalancer" and made:
        return About(makes=made)
    if operation == "CreateListener" and made:
        return About(makes=made, within=_ids([request["LoadBalancerArn"]]), answers_to=groups)
    if operation == "CreateRule" and made:
        return About(makes=made, within=_ids([request["ListenerArn"]]), answers_to=groups)
    if operation in _ENDS:
        return About(ends=_ids([request[_ENDS[operation]]]))
    if operation in _CHANGES:
        return About(changes=_ids([request[_CHANGES[operation]]]), answers_to=groups)
    if operation == "SetRulePriorities":
        return About(changes=_ids(each["RuleArn"] for each in request["RulePriorities"]))
    if operation in ("AddTags", "RemoveTags"):
        own = [arn for arn in request["ResourceArns"] if ":targetgroup/" not in arn]
        return About(changes=_ids(own), stays=len(own) < len(request["ResourceArns"]))
    return None


def _ids(arns: Iterable[str]) -> frozenset[str]:
    return frozenset(arn.rpartition("/")[2] for arn in arns)


def _texts(thing: object) -> Iterable[str]:
    if isinstance(thing, dict):
        for each in thing.values():
            yield from _texts(each)
    elif isinstance(thing, list):
        for each in thing:
            yield from _texts(each)
    else:
        yield str(thing)


DEALINGS = Dealings(
    about=about,
    answered={
        "CreateLoadBalancer": "<LoadBalancerArn>[^<]*/([0-9a-f]+)</LoadBalancerArn>",
        "CreateListener": "<ListenerArn>[^<]*/([0-9a-f]+)</ListenerArn>",
        "CreateRule": "<RuleArn>[^<]*/([0-9a-f]+)</RuleArn>",
    },
)

"""What requests of Elastic Load Balancing are about: listeners and their rules."""

from __future__ import annotations

import re
from collections.abc import Iterable

from drydock.policy.dealings import About, Dealings
from drydock.policy.lifespans import Done

_ONLY_NEEDS = {
    "CreateLoadBalancer", "DeleteLoadBalancer", "ModifyLoadBalancerAttributes", "SetSubnets", "SetSecurityGroups",
    "SetIpAddressType", "CreateTargetGroup", "DeleteTargetGroup", "ModifyTargetGroup", "ModifyTargetGroupAttributes",
    "RegisterTargets", "DeregisterTargets",
}  # fmt: skip
"""A load balancer's addresses depend on those of others, so that none is left out; target groups are told apart by
their names."""
_CHANGES = {"ModifyListener": "ListenerArn", "ModifyListenerAttributes": "ListenerArn", "ModifyRule": "RuleArn"}
_GROUP = re.compile(r"targetgroup/([\w-]+)/(\w+)")


def about(done: Done) -> About | None:
    request, operation, made = done.request, done.operation, frozenset(done.made)
    groups = frozenset(word for found in _GROUP.findall("/".join(_texts(request))) for word in found)
    if operation in _ONLY_NEEDS:
        return About(stays=True)
    if operation == "CreateListener" and made:
        return About(makes=made, answers_to=groups)
    if operation == "CreateRule" and made:
        return About(makes=made, within=_ids([request["ListenerArn"]]), answers_to=groups)
    if operation in ("DeleteListener", "DeleteRule"):
        return About(ends=_ids([request[operation.removeprefix("Delete") + "Arn"]]))
    if operation in _CHANGES:
        return About(changes=_ids([request[_CHANGES[operation]]]), answers_to=groups)
    if operation == "SetRulePriorities":
        return About(changes=_ids(each["RuleArn"] for each in request["RulePriorities"]))
    if operation in ("AddTags", "RemoveTags"):
        own = [arn for arn in request["ResourceArns"] if ":listener" in arn]
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
        "CreateListener": "<ListenerArn>[^<]*/([0-9a-f]+)</ListenerArn>",
        "CreateRule": "<RuleArn>[^<]*/([0-9a-f]+)</RuleArn>",
    },
)

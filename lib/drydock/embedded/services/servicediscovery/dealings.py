"""What requests of Cloud Map are about."""

from __future__ import annotations

from drydock.policy.dealings import About, Dealings
from drydock.policy.lifespans import Done

SHOWN = 20
"""Namespaces and services of a region that were deleted last and whose operations are still told."""
_NAMESPACES = {"CreateHttpNamespace", "CreatePrivateDnsNamespace", "CreatePublicDnsNamespace"}
_CHANGES = {
    "UpdateHttpNamespace": "Id", "UpdatePrivateDnsNamespace": "Id", "UpdatePublicDnsNamespace": "Id",
    "UpdateService": "Id", "RegisterInstance": "ServiceId", "DeregisterInstance": "ServiceId",
    "UpdateInstanceCustomHealthStatus": "ServiceId", "TagResource": "ResourceARN", "UntagResource": "ResourceARN",
}  # fmt: skip


def about(done: Done) -> About | None:
    request, made = done.request, frozenset(done.made)
    if done.operation in _NAMESPACES:  # which makes none where its VPC is not there
        return About(makes=made, answers_to=frozenset({request["Name"]}), stays=not made)
    if done.operation == "CreateService" and made:
        return About(makes=made)
    if done.operation in ("DeleteNamespace", "DeleteService"):
        return About(ends=frozenset({request["Id"].rpartition("/")[2]}))
    if done.operation in _CHANGES:
        return About(changes=frozenset({request[_CHANGES[done.operation]].rpartition("/")[2]}))
    return None


DEALINGS = Dealings(
    about=about,
    answered={"CreateService": r'"Id": ?"(srv-\w+)"'},
    shown={"ns-": SHOWN, "srv-": SHOWN},
)

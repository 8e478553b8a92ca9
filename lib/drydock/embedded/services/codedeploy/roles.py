"""The service roles of deployment groups."""

from __future__ import annotations

from drydock.embedded.core.host import Host
from drydock.policy.trust import trusts

_SERVICE = "codedeploy.amazonaws.com"


def can_be_assumed(host: Host, arn: str) -> bool:
    """Whether a role is there, has come into force, and trusts CodeDeploy."""
    found = next((role for role in host.backend("iam", "aws").roles.values() if role.arn == arn), None)
    if found is None or host.lately.has(("role", arn)):
        return False
    return trusts(found.assume_role_policy_document, _SERVICE)

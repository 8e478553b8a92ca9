"""Roles that AWS takes on for its user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drydock.policy.trust import trusts

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host


def can_be_assumed(host: Host, arn: str, by: str) -> bool:
    """Whether a role is there, has come into force, and trusts the principal `by`."""
    found = next((role for role in host.backend("iam", "aws").roles.values() if role.arn == arn), None)
    return found is not None and not host.lately.has(("role", arn)) and trusts(found.assume_role_policy_document, by)

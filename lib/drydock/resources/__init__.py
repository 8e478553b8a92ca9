"""What can be created, and for each kind how it is named, tagged, found again, asked after and deleted."""

from __future__ import annotations

from drydock.resources import codedeploy, ec2, ecs, elbv2, iam, kms, others, servicediscovery
from drydock.resources.kind import TAG, Kind, not_found

KINDS: tuple[Kind, ...] = (
    *codedeploy.KINDS,
    *ecs.KINDS,
    *elbv2.KINDS,
    *servicediscovery.KINDS,
    *others.KINDS,
    *iam.KINDS,
    *ec2.KINDS,
    *kms.KINDS,
)
"""In the order of deletion: what depends on something comes before it."""

CREATORS: dict[tuple[str, str], Kind] = {
    (kind.service, operation): kind for kind in KINDS for operation in kind.creates
}
"""(service, operation) → the kind it creates."""

__all__ = ["CREATORS", "KINDS", "TAG", "Kind", "not_found"]

"""IAM: moto's, with the policies that AWS manages."""

from __future__ import annotations

import os
from copy import copy
from functools import cache
from typing import Any

from drydock.embedded.core import seams
from drydock.embedded.core.services import Service
from drydock.policy.lifespans import Lifespan, Setting, items, whole

_IN_ROLES = {"ecs": "ECS", "elasticloadbalancing": "ElasticLoadBalancing"}
"""Services as the names of their service-linked roles have them."""

_SCALED = {
    "ecs": "ECSService", "dynamodb": "DynamoDBTable", "rds": "RDSCluster", "ec2": "EC2SpotFleetRequest",
    "lambda": "LambdaConcurrency", "sagemaker": "SageMakerEndpoint", "appstream": "AppStreamFleet",
    "cassandra": "CassandraTable", "kafka": "KafkaCluster", "custom-resource": "CustomResource",
    "comprehend": "ComprehendEndpoint",
}  # fmt: skip
"""What Application Auto Scaling's are for, by the first part of its name for that (documented)."""
_SCALING = ".application-autoscaling.amazonaws.com"


class IAM(Service):
    name = "iam"
    lifespan = Lifespan(
        begins="CreateRole",
        ends="DeleteRole",
        within=frozenset({
            "AttachRolePolicy", "DetachRolePolicy", "PutRolePolicy", "DeleteRolePolicy", "UpdateRole",
            "UpdateRoleDescription", "PutRolePermissionsBoundary", "DeleteRolePermissionsBoundary",
        }),
        named_in=("RoleName",),
        settings={
            "UpdateAssumeRolePolicy": Setting(whole("trust")),
            "TagRole": Setting(items("tag", "Tags", "Key")),
            "UntagRole": Setting(items("tag", "TagKeys"), clears=True),
        },
    )  # fmt: skip

    def secret_of(self, key: str, token: str) -> str | None:
        """Of an access key of a user that is active."""
        keys = (one for all_users in self.host.backends_so_far("iam") for user in all_users.users.values()
                for one in user.access_keys)  # fmt: skip
        own = (one.secret_access_key for one in keys if one.access_key_id == key and one.status == "Active")
        return next(own, None) if not token else None

    def install(self) -> None:
        """Bring AWS's managed policies; moto leaves them out unless it is told, and all of them cost it 0.15 s."""
        from moto.iam import models
        from moto.iam.exceptions import DeleteConflictException
        from moto.iam.models import IAMBackend, iam_backends
        from moto.iam.responses import IamResponse

        attach = seams.original(IAMBackend, "attach_role_policy")
        create = seams.original(IAMBackend, "create_role")
        delete, asked = seams.original(IAMBackend, "delete_role"), seams.original(IamResponse, "delete_role")

        def create_role(iam: Any, role_name: str, *given: Any, **named: Any) -> Any:
            linked = named.get("linked_service") or ""
            if linked.endswith(_SCALING) and (what := _SCALED.get(linked.removesuffix(_SCALING))):
                role_name = f"AWSServiceRoleForApplicationAutoScaling_{what}"
            made = create(iam, role_name, *given, **named)
            self.host.lately.note(("role", made.arn), self.host.profile.role)
            return made

        def delete_role(self: Any, role_name: str) -> None:
            role = self.get_role(role_name)
            delete(self, role_name)
            for policy in list(role.managed_policies.values()):
                policy.detach_from(role)

        def attach_role_policy(self: Any, policy_arn: str, role_name: str) -> None:
            if policy_arn not in self.get_role(role_name).managed_policies:  # else moto counts it twice
                attach(self, policy_arn, role_name)

        def asked_to_delete_role(self: Any) -> Any:
            role = self.backend.get_role(self._get_param("RoleName"))
            if role.managed_policies:
                raise DeleteConflictException("Cannot delete entity, must detach all policies first.")
            if role.policies:
                raise DeleteConflictException("Cannot delete entity, must delete policies first.")
            return asked(self)

        seams.replace(models, SERVICE_NAME_CONVERSION={**models.SERVICE_NAME_CONVERSION, **_IN_ROLES})
        seams.replace(
            IAMBackend, create_role=create_role, delete_role=delete_role, attach_role_policy=attach_role_policy
        )
        seams.replace(IamResponse, delete_role=asked_to_delete_role)
        backend = iam_backends[seams.ACCOUNT]["aws"]
        if not backend.aws_managed_policies:
            backend.aws_managed_policies = [_own(policy) for policy in _managed_policies()]
            backend.managed_policies |= {policy.arn: policy for policy in backend.aws_managed_policies}


@cache
def _managed_policies() -> list[Any]:
    """What AWS manages, as moto makes it, for every cloud of this process with the same ids."""
    from moto.iam.models import iam_backends

    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
    try:
        with seams.by_the_way():
            seams.reseed("aws managed policies")
            return list(iam_backends[seams.ACCOUNT]["aws"]._init_aws_policies())
    finally:
        del os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"]


def _own(policy: Any) -> Any:
    own = copy(policy)
    own.versions, own.tags = [copy(version) for version in policy.versions], {}
    return own

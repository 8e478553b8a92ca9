"""IAM: moto's, with the policies that AWS manages."""

from __future__ import annotations

import os

from drydock.embedded.core import seams
from drydock.embedded.core.services import Service


class IAM(Service):
    name = "iam"

    def install(self) -> None:
        """Bring AWS's managed policies; moto leaves them out unless it is told, and all of them cost it 0.15 s."""
        from moto.iam.models import iam_backends
        from moto.moto_api._internal import mock_random

        os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
        state = mock_random.getstate()
        mock_random.seed("aws managed policies")
        try:
            backend = iam_backends[seams.ACCOUNT]["aws"]
            if not backend.aws_managed_policies:
                backend.aws_managed_policies = backend._init_aws_policies()
                backend.managed_policies |= {policy.arn: policy for policy in backend.aws_managed_policies}
        finally:
            mock_random.setstate(state)

"""What the guides say of versions of EKS, and of the tools that make clusters."""

from __future__ import annotations

from datetime import date

from drydock.concepts.claims.claim import Claim, Verdict
from drydock.policy import eks_versions

VERSIONS = "EKS versions"

_DAY = date(2026, 11, 21)  # on which the facts were collected


CLAIMS = (
    Claim(
        id="B22",
        lines="399–551",
        subjects=(VERSIONS,),
        says="A cluster is made by terraform-aws-modules/eks 19, with cluster_name, cluster_version and the aws-auth "
        "ConfigMap.",
        judged=(Verdict.OUTDATED,),
        holds="Version 21.19 is current. Its inputs are name, kubernetes_version and addons. The ConfigMap's inputs "
        "are gone since version 20; access entries took their place. It needs version 6 of the AWS provider.",
        source="terraform-aws-eks v21.19.0, UPGRADE-20 and UPGRADE-21 (documented)",
    ),
    Claim(
        id="B23",
        lines="403",
        subjects=(VERSIONS,),
        says="The cluster's version is 1.28.",
        today=lambda: {
            "days from the end of its extended support to 2026-11-21": (
                _DAY - eks_versions.version("1.28").extended_until
            ).days
        },
        judged=(Verdict.OUTDATED,),
        holds="No cluster of this version can be made any more. 1.36 is the newest that our sources have.",
        source="EKS User Guide, calendar of December 2024 (documented)",
    ),
    Claim(
        id="B27",
        lines="561–574",
        subjects=(VERSIONS,),
        says="A Helm chart gets its values in blocks, set { … }.",
        judged=(Verdict.OUTDATED,),
        holds="Version 3 of Terraform's Helm provider takes a list of values: set = [ { … } ]. The load balancer "
        "controller also wants region and vpcId where it cannot ask the instance for them.",
        source="not verified for this edition",
    ),
)

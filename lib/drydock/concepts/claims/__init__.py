"""Claims: what the two guides say that this project grew from, each computed again and judged.

The guides are not part of the project; lines are given for whoever has them. A claim is data (`Claim`): what is
said in our words, its number, the functions that compute it again, what holds today. A verdict on a number is
derived by comparing the two. One module for each subject has the claims; each claim is in one of them.
"""

from __future__ import annotations

from types import ModuleType

from drydock.concepts.claims.breaker import BREAKER, CANARY
from drydock.concepts.claims.capacity import GROUPS, PITFALLS, PLACEMENT, SPLIT, SPOT, ZONES
from drydock.concepts.claims.claim import COLUMNS, Claim, Verdict
from drydock.concepts.claims.cost import CONTROL_PLANES, DISCOUNTS, FARGATE_EC2
from drydock.concepts.claims.discovery import DISCOVERY
from drydock.concepts.claims.fleet import CLUSTERS, DELIVERY, GITOPS, MULTI_REGION
from drydock.concepts.claims.identity import ADD_ONS, IDENTITY, POLICY
from drydock.concepts.claims.images import BUILDS, REPOSITORIES
from drydock.concepts.claims.mesh import MESH, MTLS, NEED, OUTLIERS, RETRIES, ROUTING
from drydock.concepts.claims.nodes import CLUSTER_AUTOSCALER, DAEMON_SETS, FARGATE_PROFILES, KARPENTER, NODES
from drydock.concepts.claims.orchestrators import ORCHESTRATORS
from drydock.concepts.claims.pods import CUSTOM, HPA, TOGETHER, VPA
from drydock.concepts.claims.rollout import BOUNDS
from drydock.concepts.claims.scaling import SCALING
from drydock.concepts.claims.sizes import SIZES
from drydock.concepts.claims.tasks import APP_RUNNER, SECRETS, SIDECARS
from drydock.concepts.claims.versions import VERSIONS
from drydock.figures import Figure

__all__ = [
    "ADD_ONS",
    "APP_RUNNER",
    "BOUNDS",
    "BREAKER",
    "BUILDS",
    "CANARY",
    "CLAIMS",
    "CLUSTERS",
    "CLUSTER_AUTOSCALER",
    "CONTROL_PLANES",
    "CUSTOM",
    "DAEMON_SETS",
    "DELIVERY",
    "DISCOUNTS",
    "DISCOVERY",
    "FARGATE_EC2",
    "FARGATE_PROFILES",
    "GITOPS",
    "GROUPS",
    "GUIDES",
    "HPA",
    "IDENTITY",
    "KARPENTER",
    "MESH",
    "MTLS",
    "MULTI_REGION",
    "NEED",
    "NODES",
    "ORCHESTRATORS",
    "OUTLIERS",
    "PITFALLS",
    "PLACEMENT",
    "POLICY",
    "REPOSITORIES",
    "RETRIES",
    "ROUTING",
    "SCALING",
    "SECRETS",
    "SIDECARS",
    "SIZES",
    "SPLIT",
    "SPOT",
    "TOGETHER",
    "VERSIONS",
    "VPA",
    "ZONES",
    "Claim",
    "Verdict",
    "claims_about",
]

GUIDES = {"A": "Advanced Container Patterns on AWS", "B": "ECS vs EKS Comparison"}

_MODULES = [one for one in (*vars().values(),) if isinstance(one, ModuleType) and hasattr(one, "CLAIMS")]
"""Those whose subjects are imported above."""

CLAIMS: tuple[Claim, ...] = tuple(
    sorted(
        (claim for module in _MODULES for claim in module.CLAIMS),
        key=lambda claim: (claim.id[0], int(claim.id[1:])),
    )
)
"""All of them: guide A's first, in order of their numbers."""


def claims_about(*subjects: str) -> Figure:
    """A table of the claims with one of these subjects.

    Raises LookupError for a subject that no claim has.
    """
    known = sorted({subject for claim in CLAIMS for subject in claim.subjects})
    for subject in subjects:
        if subject not in known:
            raise LookupError(f"No claim is about {subject!r}. There are: {', '.join(known)}.")
    chosen = [claim for claim in CLAIMS if set(subjects) & set(claim.subjects)]
    return Figure(
        f"What the guides say: {', '.join(subjects)}. A is “{GUIDES['A']}”, B is “{GUIDES['B']}”.",
        COLUMNS,
        [claim.row for claim in chosen],
    )

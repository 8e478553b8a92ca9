"""Claims: what the two guides say that this project grew from, each computed again and judged.

The guides are not part of the project; lines are given for whoever has them. A claim is data (`Claim`): what is
said in our words, its number, the functions that compute it again, what holds today. A verdict on a number is
derived by comparing the two. One module for each subject has the claims; each claim is in one of them.
"""

from __future__ import annotations

from drydock.concepts.claims import breaker, capacity, cost, discovery, images, pods, rollout, scaling, tasks
from drydock.concepts.claims.breaker import BREAKER, CANARY
from drydock.concepts.claims.capacity import GROUPS, PLACEMENT, SPLIT, SPOT, ZONES
from drydock.concepts.claims.claim import Claim, Verdict
from drydock.concepts.claims.cost import CONTROL_PLANES, DISCOUNTS, FARGATE_EC2
from drydock.concepts.claims.discovery import DISCOVERY
from drydock.concepts.claims.images import IMAGES
from drydock.concepts.claims.pods import CUSTOM, HPA, TOGETHER, VPA
from drydock.concepts.claims.rollout import BOUNDS
from drydock.concepts.claims.scaling import SCALING
from drydock.concepts.claims.tasks import APP_RUNNER, SECRETS, SIDECARS
from drydock.figures import Figure

__all__ = [
    "APP_RUNNER",
    "BOUNDS",
    "BREAKER",
    "CANARY",
    "CLAIMS",
    "CONTROL_PLANES",
    "CUSTOM",
    "DISCOUNTS",
    "DISCOVERY",
    "FARGATE_EC2",
    "GROUPS",
    "GUIDES",
    "HPA",
    "IMAGES",
    "PLACEMENT",
    "SCALING",
    "SECRETS",
    "SIDECARS",
    "SPLIT",
    "SPOT",
    "TOGETHER",
    "VPA",
    "ZONES",
    "Claim",
    "Verdict",
    "claims_about",
]

GUIDES = {"A": "Advanced Container Patterns on AWS", "B": "ECS vs EKS Comparison"}

CLAIMS: tuple[Claim, ...] = tuple(
    sorted(
        (
            claim
            for module in (breaker, capacity, cost, discovery, images, pods, rollout, scaling, tasks)
            for claim in module.CLAIMS
        ),
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
        ("Claim", "Says (lines of the guide)", "Computed again", "Verdict", "What holds", "Source"),
        [
            (
                claim.id,
                f"{claim.says} ({claim.lines})",
                claim.recomputed,
                claim.verdict,
                claim.holds,
                claim.source,
            )
            for claim in chosen
        ],
    )

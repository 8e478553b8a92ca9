"""Claims: what the two guides say that this project grew from, each computed again and judged.

The guides are not part of the project; lines are given for whoever has them. A claim is data (`Claim`): what is
said in our words, its number, the functions that compute it again, what holds today. A verdict on a number is
derived by comparing the two. One module for each subject has the claims; each claim is in one of them.
"""

from __future__ import annotations

from drydock.concepts.claims import capacity, cost, rollout
from drydock.concepts.claims.capacity import GROUPS, PLACEMENT, SPLIT, SPOT
from drydock.concepts.claims.claim import Claim, Verdict
from drydock.concepts.claims.cost import CONTROL_PLANES, DISCOUNTS, FARGATE_EC2
from drydock.concepts.claims.rollout import BOUNDS
from drydock.figures import Figure

__all__ = [
    "BOUNDS",
    "CLAIMS",
    "CONTROL_PLANES",
    "DISCOUNTS",
    "FARGATE_EC2",
    "GROUPS",
    "GUIDES",
    "PLACEMENT",
    "SPLIT",
    "SPOT",
    "Claim",
    "Verdict",
    "claims_about",
]

GUIDES = {"A": "Advanced Container Patterns on AWS", "B": "ECS vs EKS Comparison"}

CLAIMS: tuple[Claim, ...] = tuple(
    sorted((*capacity.CLAIMS, *rollout.CLAIMS, *cost.CLAIMS), key=lambda claim: (claim.id[0], int(claim.id[1:])))
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

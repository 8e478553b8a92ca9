"""What the guides say of the bounds of rolling deployments."""

from __future__ import annotations

from drydock.concepts.claims.claim import Claim, Verdict
from drydock.policy.ecs import rollout

BOUNDS = "rolling bounds"

CLAIMS = (
    Claim(
        id="A50",
        lines="325–326; guide B, 251–252",
        subjects=(BOUNDS,),
        says="maximumPercent 200 and minimumHealthyPercent 100; in guide B for a service of 3 tasks.",
        today=lambda: {
            "least healthy of 3": rollout.lower_bound(3, 100),
            "most that exist of 3": rollout.upper_bound(3, 200),
        },
        judged=(Verdict.RIGHT,),
        holds="These are the defaults of a REPLICA service. The minimum is rounded up, the maximum down.",
        source="botocore 1.44.5, ECS API, DeploymentConfiguration (documented)",
    ),
    Claim(
        id="B54",
        lines="458",
        subjects=(BOUNDS,),
        says="Nodes of an EKS managed node group are updated with max_unavailable_percentage 33.",
        judged=(Verdict.RIGHT,),
        holds="The same idea for nodes: of 3 nodes, one is updated at a time. It is another API with a rounding of "
        "its own; ECS's percentages say nothing about it.",
        source="EKS User Guide, December 2024 (documented)",
    ),
)

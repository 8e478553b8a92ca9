"""What the guides say of the sizes of tasks and of pods."""

from __future__ import annotations

from drydock.concepts.claims.claim import Claim, Verdict

SIZES = "sizes of tasks and pods"

CLAIMS = (
    Claim(
        id="B4",
        lines="113–114",
        subjects=(SIZES,),
        says="A task has 1024 CPU units and 2048 MiB on Fargate.",
        judged=(Verdict.RIGHT,),
        holds="It is one of Fargate's sizes. 1 vCPU goes with 2 to 8 GB, in steps of one.",
        source="botocore 1.44.5, ECS API (documented)",
    ),
)

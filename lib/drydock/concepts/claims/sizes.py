"""What the guides say of the sizes of tasks and of pods."""

from __future__ import annotations

from drydock.concepts.claims.claim import Claim, Verdict

SIZES = "sizes of tasks and pods"

CLAIMS = (
    Claim(
        id="A102",
        lines="1286–1304",
        subjects=(SIZES,),
        says="Requests are what a pod usually uses, limits the most it uses.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="Fitting for memory, where a pod above its limit is killed. Whether CPU should have a limit is disputed: "
        "it slows a pod down even where the node is idle. Requests are what the scheduler counts and what the HPA's "
        "percentages are of, so a request of the usual use leaves a node nothing for the peaks.",
        source="Kubernetes documentation, resource management for pods (documented); the dispute is one of opinion",
    ),
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

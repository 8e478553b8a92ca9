"""What the guides say of ECS against EKS: who runs what, and what each asks of you."""

from __future__ import annotations

from drydock.concepts.claims.claim import Claim, Verdict

ORCHESTRATORS = "ECS or EKS"

CLAIMS = (
    Claim(
        id="B50",
        lines="30",
        subjects=(ORCHESTRATORS,),
        says="ECS needs no management of clusters.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="True with Fargate, and with ECS Managed Instances, whose instances AWS runs. With instances of your own "
        "you choose, patch, scale and drain them.",
        source="ECS Developer Guide; botocore 1.44.5, ECS API (documented)",
    ),
    Claim(
        id="B51",
        lines="368–381",
        subjects=(ORCHESTRATORS,),
        says="On EKS add-ons, the load balancer controller and Karpenter are the customer's.",
        judged=(Verdict.OUTDATED,),
        holds="With EKS Auto Mode AWS runs them: nodes by Karpenter, load balancers, disks, DNS and the network "
        "plugin. It charges a part of the instances' price for that. Without Auto Mode the statement holds.",
        source="EKS User Guide, EKS Auto Mode (documented)",
    ),
)

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
    Claim(
        id="B17",
        lines="292",
        subjects=(ORCHESTRATORS,),
        says="A service has enable_execute_command.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="The task role also needs four actions of ssmmessages, the container a file system that can be written "
        "to and a shell, and logging of the commands its own permissions. Guide B's distroless image has no shell.",
        source="ECS Developer Guide, June 2023, ECS Exec (documented)",
    ),
    Claim(
        id="B18",
        lines="211–212",
        subjects=(ORCHESTRATORS,),
        says="Container Insights is switched on by containerInsights = enabled.",
        judged=(Verdict.RIGHT,),
        holds="Valid. A newer value, enhanced, measures tasks and containers besides clusters and services.",
        source="botocore 1.44.5, ECS API, ClusterSetting (documented)",
    ),
    Claim(
        id="B52",
        lines="831–862",
        subjects=(ORCHESTRATORS,),
        says="A lab deploys three services on ECS: repositories, images, a cluster, task definitions, services, names.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="It has headings and no steps. Labs 01 to 06 of this project go the same way, with each call, check and "
        "clean-up.",
        source="this project",
    ),
)

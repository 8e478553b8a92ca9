"""What the guides say of nodes of EKS: groups of them, Cluster Autoscaler, Karpenter and Fargate profiles."""

from __future__ import annotations

from drydock.concepts.claims.claim import Claim, Verdict

CLUSTER_AUTOSCALER = "Cluster Autoscaler"
KARPENTER = "Karpenter"
FARGATE_PROFILES = "Fargate profiles"
DAEMON_SETS = "DaemonSets"
NODES = "groups of nodes"

_EKS = "EKS User Guide, December 2024 (documented)"
_CA = "kubernetes/autoscaler, FAQ of Cluster Autoscaler 1.36 (documented)"
_KARPENTER = "karpenter.sh, documentation of 1.14 (documented)"

CLAIMS = (
    Claim(
        id="A57",
        lines="459",
        subjects=(CLUSTER_AUTOSCALER,),
        says="Cluster Autoscaler is the image k8s.gcr.io/autoscaling/cluster-autoscaler:v1.28.0.",
        judged=(Verdict.OUTDATED,),
        holds="That registry takes nothing new since April 2023; registry.k8s.io has the images. Its minor version "
        "follows that of Kubernetes, so a cluster of 1.36 has 1.36.",
        source=_CA,
    ),
    Claim(
        id="A58",
        lines="478, 522",
        subjects=(CLUSTER_AUTOSCALER, KARPENTER),
        says="A new node is there in 2 to 5 minutes with Cluster Autoscaler and in about 40 s with Karpenter.",
        judged=(Verdict.ROUNDED, Verdict.UNVERIFIABLE),
        holds="Cluster Autoscaler looks every 10 s and asks an Auto Scaling group; Karpenter waits 1 to 10 s for more "
        "pods and asks EC2 itself. Both then wait for the same instance to boot and join. AWS promises no time.",
        source=f"{_CA}; {_KARPENTER}",
    ),
    Claim(
        id="A59",
        lines="477",
        subjects=(CLUSTER_AUTOSCALER,),
        says="Each instance type needs a group of its own.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="A group may mix types with about the same CPU and memory. Cluster Autoscaler takes one of them for the "
        "size of all, so with types of other sizes it counts wrongly.",
        source="kubernetes/autoscaler, README of the AWS provider (documented)",
    ),
    Claim(
        id="A60",
        lines="483–515, 1332",
        subjects=(KARPENTER,),
        says="Karpenter is set up by a Provisioner of karpenter.sh/v1alpha5 and an AWSNodeTemplate.",
        judged=(Verdict.OUTDATED,),
        holds="Versions since 0.33 do not read them. A NodePool of karpenter.sh/v1 and an EC2NodeClass of "
        "karpenter.k8s.aws/v1 take their place; below they are carried over.",
        source=_KARPENTER,
    ),
    Claim(
        id="A61",
        lines="501, 530",
        subjects=(KARPENTER,),
        says="That manifest, with ttlSecondsAfterEmpty, consolidates: three underused nodes become one.",
        judged=(Verdict.WRONG,),
        holds="In v1alpha5 consolidation.enabled had to be set, and it excluded ttlSecondsAfterEmpty. The manifest "
        "removes empty nodes only.",
        source="karpenter.sh, documentation of 0.31, Provisioners (documented)",
    ),
)

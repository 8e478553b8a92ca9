"""What the guides say of nodes of EKS: groups of them, Cluster Autoscaler, Karpenter and Fargate profiles."""

from __future__ import annotations

from drydock.concepts import eks
from drydock.concepts.claims.claim import Claim, Numbers, Verdict
from drydock.policy.kubernetes.scheduling import Node, Pod
from drydock.policy.kubernetes.scheduling.daemons import COMPUTE_TYPE, daemon_nodes

CLUSTER_AUTOSCALER = "Cluster Autoscaler"
KARPENTER = "Karpenter"
FARGATE_PROFILES = "Fargate profiles"
DAEMON_SETS = "DaemonSets"
NODES = "groups of nodes"

_EKS = "EKS User Guide, December 2024 (documented)"
_CA = "kubernetes/autoscaler, FAQ of Cluster Autoscaler 1.36 (documented)"
_KARPENTER = "karpenter.sh, documentation of 1.14 (documented)"


def _selected() -> Numbers:
    nodes = [Node(f"node-{n}", {}) for n in range(3)]
    return {
        "nodes with its selector": len(daemon_nodes(Pod("agent", node_selector={COMPUTE_TYPE: "ec2"}), nodes)),
        "without": len(daemon_nodes(Pod("agent"), nodes)),
    }


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
    Claim(
        id="A51",
        lines="399–401",
        subjects=(NODES,),
        says="A custom image, steps at start-up of one's own and mixed instance types need self-managed nodes.",
        judged=(Verdict.WRONG,),
        holds="Managed node groups take an image and user data by a launch template, and several instance types, which "
        "is what AWS recommends for Spot.",
        source=_EKS,
    ),
    Claim(
        id="A52",
        lines="392–395",
        subjects=(NODES,),
        says="A node joins by /etc/eks/bootstrap.sh with --kubelet-extra-args.",
        judged=(Verdict.OUTDATED,),
        holds="That is Amazon Linux 2, which gets no new images for EKS. Amazon Linux 2023 reads a NodeConfig "
        "(nodeadm), and managed node groups use it by default since Kubernetes 1.30.",
        source=_EKS,
    ),
    Claim(
        id="A53",
        lines="371",
        subjects=(NODES,),
        says="Managed node groups update their images by themselves.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="Somebody starts the update; then the group replaces its nodes and drains them. EKS Auto Mode and "
        "Karpenter's drift replace nodes without being asked.",
        source=_EKS,
    ),
    Claim(
        id="A54",
        lines="403",
        subjects=(NODES,),
        says="Managed node groups cost nothing beyond their instances.",
        judged=(Verdict.RIGHT,),
        holds="EKS Auto Mode does: a fee for each instance.",
        source=_EKS,
    ),
    Claim(
        id="A55",
        lines="439–441",
        subjects=(FARGATE_PROFILES, DAEMON_SETS),
        says="On Fargate there are no DaemonSets, no hostPath volumes and no privileged containers.",
        judged=(Verdict.RIGHT,),
        holds="Nor host ports, the host's network, GPUs, arm64, Windows, EBS volumes, Fargate Spot or the instance "
        "metadata service; private subnets only; at most 16 vCPU and 120 GB; 256 MB more for each pod.",
        source=_EKS,
    ),
    Claim(
        id="A56",
        lines="1303–1311",
        subjects=(DAEMON_SETS,),
        says="The node selector eks.amazonaws.com/compute-type: ec2 keeps a DaemonSet on EC2 nodes.",
        said=3,
        unit="",
        today=_selected,
        holds="EC2 nodes have no such label, so the DaemonSet runs nowhere. Without a selector it stays off Fargate's "
        "nodes by their taint; with tolerations, a node affinity NotIn fargate does it.",
        source=f"{_EKS}; computed, on a cluster of three EC2 nodes",
    ),
    Claim(
        id="B24",
        lines="497",
        subjects=(NODES,),
        says="GPU nodes have the image type AL2_x86_64_GPU.",
        judged=(Verdict.OUTDATED,),
        holds="The API still has the name. Amazon Linux 2 gets no new images for EKS; AL2023_x86_64_NVIDIA and "
        "BOTTLEROCKET_x86_64_NVIDIA take its place.",
        source="botocore 1.44.5, EKS API, AMITypes (documented)",
    ),
    Claim(
        id="B26",
        lines="514–528",
        subjects=(FARGATE_PROFILES,),
        says="A Fargate profile selects CoreDNS (k8s-app: kube-dns in kube-system) beside EC2 node groups.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="The selector matches. On a cluster that began without Fargate, CoreDNS also needs the add-on's "
        "configuration computeType Fargate, and its pods have to be made again.",
        source=_EKS,
    ),
    Claim(
        id="B55",
        lines="425–431",
        subjects=(NODES,),
        says="ENABLE_PREFIX_DELEGATION and WARM_PREFIX_TARGET 1 give nodes more pods.",
        today=lambda: {
            "m5.large without": eks.max_pods("m5.large"),
            "with": eks.max_pods("m5.large", prefixes=True),
        },
        judged=(Verdict.RIGHT,),
        holds="On Nitro instances. EKS caps the pods at 110 below 30 vCPU and at 250 above.",
        source=_EKS,
    ),
)

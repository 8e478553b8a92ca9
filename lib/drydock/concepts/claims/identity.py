"""What the guides say of who a pod is to AWS, of add-ons of EKS, and of rules that manifests are to keep."""

from __future__ import annotations

from drydock.concepts.claims.claim import Claim, Numbers, Verdict
from drydock.policy.web_identity import SESSION_SECONDS, TOKEN_SECONDS, renewed_at

IDENTITY = "identity of pods"
ADD_ONS = "add-ons of EKS"
POLICY = "policy as code"

_EKS = "Amazon EKS User Guide, December 2024 (documented)"
_API = "botocore 1.44.5, EKS API (documented)"


def _renewals() -> Numbers:
    return {
        "minutes until the kubelet renews the token": renewed_at(TOKEN_SECONDS) / 60,
        "minutes that the credentials last": SESSION_SECONDS / 60,
    }


CLAIMS = (
    Claim(
        id="A62",
        lines="554–567",
        subjects=(ADD_ONS,),
        says="Add-ons are created with versions v1.15.0, v1.10.1 and v1.28.0.",
        judged=(Verdict.WRONG,),
        holds="The version of an add-on ends in the build of EKS, such as v1.15.0-eksbuild.2, and goes with some "
        "versions of Kubernetes only. DescribeAddonVersions lists them. As far as we know the commands shown fail.",
        source=f"{_API}; the refusal is not verified for this edition",
    ),
    Claim(
        id="A63",
        lines="571",
        subjects=(ADD_ONS,),
        says="Add-ons are updated automatically: EKS patches them.",
        judged=(Verdict.WRONG,),
        holds="EKS publishes versions. It does not update an add-on by itself; somebody starts each update.",
        source=f'{_EKS}, "Amazon EKS add-ons"',
    ),
    Claim(
        id="A64",
        lines="573",
        subjects=(ADD_ONS,),
        says="EKS detects manual changes of an add-on and can bring them back.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="Fields are owned by whoever applied them last. A conflict is looked at when an add-on is created or "
        "updated, and resolveConflicts says what then happens: NONE, OVERWRITE or PRESERVE.",
        source=_API,
    ),
    Claim(
        id="A65",
        lines="582",
        subjects=(ADD_ONS,),
        says="The AWS Load Balancer Controller is one of the common add-ons.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="It was not an add-on that EKS manages: it was installed by Helm, or came with Auto Mode.",
        source=_EKS,
    ),
    Claim(
        id="A66",
        lines="661",
        subjects=(IDENTITY,),
        says="Credentials are rotated automatically every 15 minutes.",
        said=15,
        today=_renewals,
        holds="The token lives 24 hours, and the kubelet renews it at 80 % of that. The credentials that STS gives for "
        "it last one hour unless the SDK asks for another time, and the SDK gets new ones before they end.",
        source=f'{_EKS}, "IAM roles for service accounts"; STS API Reference',
    ),
    Claim(
        id="A67",
        lines="647–651",
        subjects=(IDENTITY,),
        says="The trust policy asks for the subject of the token.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="The policies that AWS shows ask for the audience, too. Without it the list of audiences of the identity "
        "provider in IAM is the only thing that keeps tokens out that were made for somebody else.",
        source=f"{_EKS}; derived with the rule of this notebook",
    ),
    Claim(
        id="A68",
        lines="667",
        subjects=(IDENTITY,),
        says="CloudTrail records which pod made which call.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="With IRSA it records the service account. The name and the UID of the pod are among the session tags of "
        "Pod Identity.",
        source=_EKS,
    ),
    Claim(
        id="A102",
        lines="1293",
        subjects=(POLICY,),
        says="Set requests to what a container typically uses, and limits to the most it may.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="A limit on memory belongs to every container. A limit on CPU slows a container down even where the node "
        "has CPU to spare, so whether to set one is argued about.",
        source="opinion",
    ),
    Claim(
        id="B25",
        lines="549",
        subjects=(POLICY,),
        says="A developer is in the group system:masters.",
        judged=(Verdict.WRONG,),
        holds="That group may do everything and no policy of RBAC takes it away. An access entry with "
        "AmazonEKSEditPolicy, for one namespace, is what a developer needs.",
        source=f"{_API}; {_EKS}",
    ),
)

"""What the guides say of many clusters: GitOps, progressive delivery, several regions."""

from __future__ import annotations

from drydock.concepts.claims.claim import Claim, Verdict
from drydock.concepts.claims.mesh import MESH
from drydock.policy import rollouts
from drydock.policy.gitops import COMMIT, EDIT, Event, live_after

GITOPS = "GitOps"
DELIVERY = "progressive delivery"
MULTI_REGION = "several regions"
CLUSTERS = "many clusters or few"

_FLUX = "Flux 2.9.4 (documented)"
_CLOCKS = {"source": 1, "interval": 10}  # minutes, as guide A has them


def _longest(kind: str) -> float:
    event = Event(1e-6, kind)
    return round(live_after(event, [event], **_CLOCKS))


CLAIMS = (
    Claim(
        id="A94",
        lines="1068–1073",
        subjects=(GITOPS,),
        says="Flux is installed for an organisation with `flux bootstrap github --personal`.",
        judged=(Verdict.WRONG,),
        holds="--personal says that the owner is a user. For an organisation it is left out.",
        source="fluxcd/flux2 2.9.4, cmd/flux/bootstrap_github.go",
    ),
    Claim(
        id="A95",
        lines="1102",
        subjects=(GITOPS,),
        says="The Kustomization of version v1 has `validation: client`.",
        judged=(Verdict.WRONG,),
        holds="Version v1 has no such field. Flux applies on the server and tries that first without effect.",
        source=f"{_FLUX}; that the API server refuses the field is not verified for this edition",
    ),
    Claim(
        id="A96",
        lines="1105–1109",
        subjects=(GITOPS,),
        says="Flux pulls every minute and takes manual changes back.",
        today=lambda: {
            "minutes until a commit is applied, at most": _longest(COMMIT),
            "minutes until a change by hand is taken back, at most": _longest(EDIT),
        },
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="Git is asked every minute. A change by hand stands until the Kustomization applies again, which it does "
        "every 10 minutes in the manifest shown. It applies on the server and only what the manifests name.",
        source=_FLUX,
    ),
    Claim(
        id="A97",
        lines="1130",
        subjects=(MULTI_REGION,),
        says="A Network Load Balancer is asked for by the annotation aws-load-balancer-type: nlb.",
        judged=(Verdict.OUTDATED,),
        holds="That is for the controller inside Kubernetes. The AWS Load Balancer Controller takes `external` and, "
        "with it, aws-load-balancer-nlb-target-type: ip.",
        source="not verified for this edition",
    ),
    Claim(
        id="A98",
        lines="1165–1169",
        subjects=(MULTI_REGION,),
        says="Global Accelerator has two fixed anycast addresses, leads to the nearest healthy endpoint and fails over "
        "by itself.",
        judged=(Verdict.RIGHT,),
        holds="With dual stack there are two IPv6 addresses, too. Its API is in us-west-2 only: the commands shown "
        "need --region us-west-2.",
        source="AWS Global Accelerator Developer Guide (documented); the region is not verified for this edition",
    ),
    Claim(
        id="A99",
        lines="1173–1175",
        subjects=(MULTI_REGION, MESH),
        says="App Mesh federates the meshes of two regions.",
        judged=(Verdict.WRONG,),
        holds="App Mesh was a service of one region and had no federation. It ended on 30 September 2026.",
        source="aws/aws-app-mesh-roadmap, README (documented)",
    ),
    Claim(
        id="A101",
        lines="46, 1060",
        subjects=(GITOPS,),
        says="GitOps is done with Flux or Argo CD.",
        judged=(Verdict.RIGHT,),
        holds="EKS can run Argo CD for you now, as one of the EKS capabilities (CreateCapability with type ARGOCD).",
        source="botocore 1.44.5, EKS API (documented)",
    ),
    Claim(
        id="B47",
        lines="818",
        subjects=(DELIVERY,),
        says="Flagger releases canaries with Istio or App Mesh.",
        judged=(Verdict.OUTDATED,),
        holds="App Mesh is gone since 30 September 2026. Flagger shifts traffic by the Gateway API, Istio, Linkerd, "
        "NGINX and others.",
        source="fluxcd/flagger, deployment strategies (documented)",
    ),
    Claim(
        id="B48",
        lines="820–829",
        subjects=(DELIVERY,),
        says="A Rollout with the steps 10, 50 and 100 sends 10 % to the new version first.",
        unit="%",
        said=0.10,
        today=lambda: {f"of {n} replicas, maxSurge 1, no router": rollouts.share(n, 10, 1) for n in (10, 4, 2, 1)},
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="Without trafficRouting the weight is a number of pods, and a service of few pods has no 10 %. The last "
        "step, 100, is superfluous: after the steps comes the whole.",
        source="argoproj/argo-rollouts, utils/replicaset/canary.go (observed)",
    ),
)

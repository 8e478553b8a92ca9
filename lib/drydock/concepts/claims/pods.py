"""What the guides say of autoscalers of pods: HorizontalPodAutoscaler and VerticalPodAutoscaler."""

from __future__ import annotations

from drydock.concepts.claims.claim import Claim, Numbers, Verdict
from drydock.policy.kubernetes.hpa import behavior, replicas
from drydock.policy.kubernetes.hpa.behavior import Behavior, Policy, Rules
from drydock.policy.kubernetes.hpa.replicas import Measured

HPA = "HorizontalPodAutoscaler"
CUSTOM = "custom metrics"

_CODE = "kubernetes/kubernetes, pkg/controller/podautoscaler (observed)"


def _five_pods() -> Numbers:
    return {
        f"5 pods at {used} %": replicas.by_utilization(Measured(5, 5 * used, 500), 70, current=5).replicas
        for used in (65, 76, 78, 90, 62)
    }


def _first_turn() -> Numbers:
    guide = Behavior(up=Rules((Policy(behavior.PERCENT, 50, 60),), window=60))
    return {
        "the guide's, from 4 pods": behavior.limit(4, 100, least=1, most=100, behavior=guide).replicas,
        "the defaults, from 4 pods": behavior.limit(4, 100, least=1, most=100).replicas,
    }


CLAIMS = (
    Claim(
        id="A81",
        lines="922–923",
        subjects=(HPA,),
        says="With a target of 70 % it scales up above 70 % and down below.",
        today=_five_pods,
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="Nothing is done while the ratio to the target is from 0.9 to 1.1, which is 63 to 77 %. Beyond, the "
        "replicas are the pods times the ratio, rounded up, so 62 % of 5 pods takes none away. Per cent are of what "
        "the pods request.",
        source=_CODE,
    ),
    Claim(
        id="A82",
        lines="924",
        subjects=(HPA,),
        says="It looks every 15 seconds.",
        unit="",
        said=15,
        today=lambda: {"the default of the sync period, in seconds": behavior.SYNC_PERIOD},
        holds="The whole cluster has one such period; managed control planes do not let it be set.",
        source="Kubernetes documentation, kube-controller-manager (documented)",
    ),
    Claim(
        id="A83",
        lines="901, 928",
        subjects=(HPA,),
        says="Autoscalers are written in autoscaling/v2.",
        judged=(Verdict.RIGHT,),
        holds="It has been stable since Kubernetes 1.23.",
        source="Kubernetes API (documented)",
    ),
    Claim(
        id="A84",
        lines="963",
        subjects=(HPA,),
        says="50 % more in 60 seconds, after a window of 60 seconds, scales up aggressively.",
        today=_first_turn,
        judged=(Verdict.WRONG,),
        holds="It is slower than what comes without a word: no window, and 4 pods or 100 % more each 15 seconds, "
        "whichever is more.",
        source="kubernetes/kubernetes, pkg/apis/autoscaling/v2/defaults.go (observed)",
    ),
    Claim(
        id="A85",
        lines="965",
        subjects=(HPA,),
        says="A stabilization window of 300 s waits 5 minutes before it scales down.",
        unit="",
        said=300,
        today=lambda: {"the default of scaling down, in seconds": behavior.DOWN_WINDOW},
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="It takes the highest of what was wanted in the last 300 seconds. It is no timer: a short peak within "
        "them keeps the pods for another 300 seconds.",
        source="KEP-853 (documented); " + _CODE,
    ),
    Claim(
        id="A120",
        lines="926–943",
        subjects=(CUSTOM,),
        says="An HPA of type Pods on http_requests_per_second with averageValue 1000 scales by requests.",
        unit="",
        today=lambda: {
            "5,000 a second in all, 3 pods": replicas.by_average(Measured(3, 5_000_000), 1_000_000, current=3).replicas
        },
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="The manifest is right, and Kubernetes itself serves no such metric. Something has to serve "
        "custom.metrics.k8s.io, as prometheus-adapter does; until then the HPA says FailedGetPodsMetric and does "
        "nothing. KEDA serves external.metrics.k8s.io.",
        source="Kubernetes documentation, Horizontal Pod Autoscaling (documented)",
    ),
)

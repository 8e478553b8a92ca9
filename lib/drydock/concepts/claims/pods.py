"""What the guides say of autoscalers of pods: HorizontalPodAutoscaler and VerticalPodAutoscaler."""

from __future__ import annotations

from drydock.concepts.claims.claim import Claim, Numbers, Verdict
from drydock.policy.kubernetes.hpa import behavior, replicas
from drydock.policy.kubernetes.hpa.behavior import Behavior, Policy, Rules
from drydock.policy.kubernetes.hpa.replicas import Measured
from drydock.policy.kubernetes.vpa import updater
from drydock.policy.kubernetes.vpa.recommender import recommend
from drydock.policy.kubernetes.vpa.usage import Container, Usage

HPA = "HorizontalPodAutoscaler"
CUSTOM = "custom metrics"
VPA = "VerticalPodAutoscaler"
TOGETHER = "HPA and VPA together"

_VPA = "kubernetes/autoscaler, vertical-pod-autoscaler 1.7.1"
_CODE = "kubernetes/kubernetes, pkg/controller/podautoscaler (observed)"


def _five_pods() -> Numbers:
    return {
        f"of 5 pods, at {used} %": replicas.by_utilization(Measured(5, 5 * used, 500), 70, current=5).replicas
        for used in (65, 76, 78, 90, 62)
    }


def _first_turn() -> Numbers:
    guide = Behavior(up=Rules((Policy(behavior.PERCENT, 50, 60),), window=60))
    return {
        "the guide's, from 4 pods": behavior.limit(4, 100, least=1, most=100, behavior=guide).replicas,
        "the defaults, from 4 pods": behavior.limit(4, 100, least=1, most=100).replicas,
    }


def _used_200_mb() -> Numbers:
    usage = Usage()
    container = Container(usage)
    for hour in range(8 * 24):
        container.memory(200_000_000, hour * 3600.0)
    return {"recommended for 200 MB, in MiB": recommend({"app": usage})["app"].target["memory"] / 2**20}


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
        holds="It is one flag of the controller manager, for all of a cluster.",
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
    Claim(
        id="A90",
        lines="1008",
        subjects=(VPA,),
        says="Pods that request 100m of CPU and use 500m are over-provisioned or under-provisioned.",
        unit="%",
        today=lambda: {"usage of the request": 500 / 100},
        judged=(Verdict.WRONG,),
        holds="They are under-provisioned: they use five times what is reserved for them.",
        source="computed",
    ),
    Claim(
        id="A91",
        lines="1022, 1042–1043",
        subjects=(VPA,),
        says="The update mode is Auto, and Recreate is an older name for the same.",
        judged=(Verdict.OUTDATED, Verdict.WRONG),
        holds="It is the other way round: Auto is deprecated and means Recreate, which is the default. "
        "InPlaceOrRecreate resizes pods without a restart where it can; it is stable since 1.6.",
        source=f"{_VPA}, docs/features.md (documented)",
    ),
    Claim(
        id="A92",
        lines="1035–1038",
        subjects=(VPA,),
        says="It evicts pods and makes new ones with the new requests, again and again.",
        today=lambda: {
            "hours that a pod within its bounds is left alone": updater.LIFETIME / 3600,
            "least change after that, per cent": 100 * updater.MIN_CHANGE,
        },
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="A pod is updated when a request lies outside the bounds, after 12 hours if it is 10 % off, or after an "
        "OOM kill within 10 minutes of its start. A workload with one replica is not evicted at all by default.",
        source=f"{_VPA}, pkg/updater (observed)",
    ),
    Claim(
        id="A93",
        lines="1055",
        subjects=(VPA,),
        says="Not for stateful workloads: an eviction may lose data.",
        judged=(Verdict.OVERSIMPLIFIED,),
        holds="An eviction respects the PodDisruptionBudget, and a persistent volume outlives the pod. What is lost is "
        "what only the pod's memory or its own disk has. A resize in place loses nothing.",
        source="Kubernetes documentation, Disruptions (documented)",
    ),
    Claim(
        id="A121",
        lines="1049, 1414",
        subjects=(VPA,),
        says="Its recommendations save what pods waste that request 2 GB and use 200 MB.",
        unit="",
        today=_used_200_mb,
        judged=(Verdict.RIGHT,),
        holds="It recommends no less than 250 MiB for a pod, which is more than the percentile and the margin here.",
        source=f"computed; {_VPA} (observed)",
    ),
    Claim(
        id="A122",
        lines="1056, 1364–1372",
        subjects=(TOGETHER,),
        says="HPA and VPA on the same metric conflict, so VPA should only recommend then.",
        judged=(Verdict.RIGHT, Verdict.OVERSIMPLIFIED),
        holds="On the same resource they do. VPA on memory beside an HPA on CPU does not, and neither does VPA on CPU "
        "beside an HPA on a metric that requests do not enter, such as requests in a second.",
        source=f"{_VPA}, docs/known-limitations.md (documented)",
    ),
)

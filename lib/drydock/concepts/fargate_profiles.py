"""What fargate-profiles draws, asks and shows: which pods go to Fargate, and what they get and cost there."""

from __future__ import annotations

from collections.abc import Sequence

from drydock.concepts import checks, eks
from drydock.concepts.drawing import LAYOUT, line, percent
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy.kubernetes import fargate
from drydock.policy.kubernetes.fargate import Profile, Selector
from drydock.policy.kubernetes.scheduling import Cluster, Pod
from drydock.pricing import MONTH_HOURS, PRICES, ec2_hour, fargate_hour

MOST_CPU = 16_000
MOST_MIB = 122_624
STEP_MIB = 128
SHOWN = 14
"""Sizes in the table; one that is beyond them is there, too, if it is the pod's."""
MORE_MIB = 1024
"""The question is about a pod with so much more memory."""

PODS: Sequence[tuple[str, dict[str, str]]] = (
    ("default", {"app": "web"}),
    ("default", {"app": "web", "compute": "fargate"}),
    ("batch-nightly", {"app": "report"}),
    ("shop", {"app": "cart"}),
    ("shop", {"app": "cart", "compute": "fargate"}),
    ("shop", {"app": "cart", "compute": "fargate", fargate.PROFILE_LABEL: "zz-everything-of-shop"}),
    ("kube-system", {"k8s-app": "kube-dns"}),
)
"""Pods to try the profiles on: their namespace and labels."""


def profiles(manifest: str) -> list[Profile]:
    """The profiles of an eksctl ClusterConfig."""
    import yaml

    return [
        Profile(one["name"], tuple(Selector(each["namespace"], each.get("labels") or {}) for each in one["selectors"]))
        for one in yaml.safe_load(manifest)["fargateProfiles"]
    ]


def matched(given: Sequence[Profile]) -> Figure:
    """Each pod of PODS, and by which profile it goes to Fargate."""
    rows = []
    for namespace, labels in PODS:
        found = fargate.profile_of(given, namespace, labels)
        assert found is None or found.matches(namespace, labels)
        shown = ", ".join(f"{key.removeprefix('eks.amazonaws.com/')}={value}" for key, value in labels.items())
        rows.append((namespace, shown, found.name if found else "", "Fargate" if found else "a node, or it waits"))
    return Figure("Pods and profiles", ("Namespace", "Labels of the pod", "Profile", "Runs on"), rows)


def checked(pod_cpu: int, pod_memory: int) -> tuple[int, int]:
    """The size that Fargate gives. Raises ValueError, naming the parameter."""
    checks.whole("pod_cpu", pod_cpu, 0, MOST_CPU)
    checks.whole("pod_memory", pod_memory, 0, MOST_MIB)
    return fargate.size(pod_cpu, pod_memory)


def hour(units: int, mib: int) -> float:
    """USD an hour of one pod of this size; EKS pods cost what ECS tasks cost."""
    return fargate_hour(units / 1024, mib / 1024)


def question(pod_cpu: int, pod_memory: int) -> Question:
    """How much memory such a pod gets that requests a GiB more."""
    checks.whole("pod_memory", pod_memory, 0, MOST_MIB - MORE_MIB)
    pod_memory += MORE_MIB
    units, memory = checked(pod_cpu, pod_memory)
    return Question(
        f"A pod on Fargate requests {pod_cpu} m of CPU and {pod_memory:,} MiB of memory. How many GB of memory does "
        "Fargate give it, and charge for?",
        memory / 1024,
        f"{fargate.OVERHEAD_MIB} MiB come on top: that makes {pod_memory + fargate.OVERHEAD_MIB:,} MiB. With {pod_cpu} "
        f"m the first size that holds this is {units / 1024:g} vCPU and {memory / 1024:g} GB.",
    )


def steps(pod_cpu: int, pod_memory: int) -> Figure:
    """What is given and charged as the memory that is requested grows, at this CPU."""
    units, memory = checked(pod_cpu, pod_memory)
    most = min(MOST_MIB, max(8192, 2 * pod_memory))
    asked = sorted({*range(0, most + 1, max(STEP_MIB, most // 64 // STEP_MIB * STEP_MIB)), pod_memory})
    sizes = [fargate.size(pod_cpu, one) for one in asked]
    assert all(given >= one + fargate.OVERHEAD_MIB for one, (_, given) in zip(asked, sizes, strict=True))
    edges = _edges(pod_cpu, most)
    gib = [one / 1024 for one in asked]
    return Figure(
        f"{pod_cpu} m and {pod_memory:,} MiB requested: {units / 1024:g} vCPU and {memory / 1024:g} GB charged, "
        f"USD {hour(units, memory):.5f} an hour",
        ("Memory requested, MiB", "vCPU", "GB", "USD an hour", f"USD in {MONTH_HOURS} h", ""),
        [
            (
                f"{low:,} to {high:,}",
                f"{cpu / 1024:g}",
                f"{gb / 1024:g}",
                f"{hour(cpu, gb):.5f}",
                f"{hour(cpu, gb) * MONTH_HOURS:,.2f}",
                "← chosen" if low <= pod_memory <= high else "",
            )
            for low, high, cpu, gb in edges[:SHOWN] + [one for one in edges[SHOWN:] if one[0] <= pod_memory <= one[1]]
        ],
        [
            line("memory charged", gib, [given / 1024 for _, given in sizes], colour=COLOURS[0], shape="vh"),
            line("memory requested", [gib[0], gib[-1]], [gib[0], gib[-1]], colour=COLOURS[1], dash="dot"),
            line("vCPU charged", gib, [cpu / 1024 for cpu, _ in sizes], colour=COLOURS[2], shape="vh"),
            {
                "type": "scatter",
                "mode": "markers",
                "name": "this pod",
                "x": [pod_memory / 1024],
                "y": [memory / 1024],
                "marker": {"color": COLOURS[5], "size": 11},
            },
        ],
        {
            "xaxis": {"title": {"text": "memory that the pod requests, GB"}},
            "yaxis": {"title": {"text": "GB, or vCPU, charged"}, "rangemode": "tozero"},
            **LAYOUT,
        },
    )


def _edges(pod_cpu: int, most: int) -> list[tuple[int, int, int, int]]:
    """Ranges of requests that get the same size: from, to, CPU units, MiB."""
    found: list[tuple[int, int, int, int]] = []
    low = 0
    while low <= most:
        units, memory = fargate.size(pod_cpu, low)
        found.append((low, memory - fargate.OVERHEAD_MIB, units, memory))
        low = memory - fargate.OVERHEAD_MIB + 1
    return found


def compare(pods: int, pod_cpu: int, pod_memory: int, instance_type: str) -> Figure:
    """USD for so many pods on Fargate, and on full nodes of a type."""
    checks.whole("pods", pods, 1, 5000)
    name = eks.one_type(instance_type)
    units, memory = checked(pod_cpu, pod_memory)
    fit = Cluster([eks.node(name)]).room(
        Pod("web", {"cpu": max(1, pod_cpu), "memory": max(1, pod_memory) * eks.MIB}), name
    )
    if not fit:
        raise ValueError(
            f"Not one pod of {pod_cpu} m and {pod_memory} MiB fits on an {name}: choose a larger instance."
        )
    nodes = -(-pods // fit)
    rows = [
        (what, f"{one:.5f}", f"{one * MONTH_HOURS:,.2f}")
        for what, one in (
            (f"Fargate: {pods} pods of {units / 1024:g} vCPU and {memory / 1024:g} GB", pods * hour(units, memory)),
            (f"{nodes} {name}, {fit} pods on each at most", nodes * ec2_hour(name)),
        )
    ]
    paid, used = pods * memory, pods * pod_memory
    return Figure(
        f"{pods} pods. Of Fargate's memory {percent(used / paid)} are requested. us-east-1, prices of "
        f"{PRICES['fargate x86_64 vCPU'].date} and {PRICES[f'ec2 {name}'].date}",
        ("Where", "USD an hour", f"USD in {MONTH_HOURS} h"),
        rows,
    )


SPECS = (
    ("a web server", {"containers": [{"ports": [{"containerPort": 8080}]}]}),
    ("a log agent", {"containers": [{}], "volumes": [{"hostPath": {"path": "/var/log"}}]}),
    ("a network plug-in", {"hostNetwork": True, "containers": [{"securityContext": {"privileged": True}}]}),
    ("a model server", {"containers": [{"resources": {"limits": {"nvidia.com/gpu": 1}}}]}),
    ("a service on arm64", {"containers": [{}], "nodeSelector": {"kubernetes.io/arch": "arm64"}}),
    ("an ingress on port 80 of the host", {"containers": [{"ports": [{"containerPort": 80, "hostPort": 80}]}]}),
)


def refusals() -> Figure:
    """Pods, and what of them Fargate has not got."""
    rows = [(what, "; ".join(fargate.refused(spec)) or "nothing stands against it") for what, spec in SPECS]
    assert rows[0][1].startswith("nothing") and all(not one[1].startswith("nothing") for one in rows[1:])
    return Figure("What Fargate has not got", ("Pod", "Stands against it"), rows)

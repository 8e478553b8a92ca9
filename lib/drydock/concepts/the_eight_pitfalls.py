"""What the-eight-pitfalls draws, asks and shows: eight faults, the cure of a guide for each, and one that holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from drydock.concepts import checks, irsa_and_pod_identity
from drydock.concepts.drawing import LAYOUT, percent
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy import cost
from drydock.policy.ecs import breaker, capacity
from drydock.policy.kubernetes.hpa.replicas import Measured, by_utilization
from drydock.policy.kubernetes.scheduling.daemons import COMPUTE_TYPE, FARGATE_TAINT, daemon_nodes
from drydock.policy.kubernetes.scheduling.model import Node, Pod
from drydock.policy.kubernetes.vpa.recommender import Settings, with_margin
from drydock.policy.requests.errors import Invalid
from drydock.policy.trust import decide
from drydock.policy.web_identity import ACTION, AUDIENCE, SESSION_SECONDS, TOKEN_SECONDS, Provider
from drydock.pricing import MONTH_HOURS, SHAPES, ec2_hour, fargate_hour

GUIDE_STRATEGY = (
    {"capacityProvider": "FARGATE", "weight": 1, "base": 2},
    {"capacityProvider": "FARGATE_SPOT", "weight": 4},
)
"""As guide A has it, lines 1279 to 1284."""
MOST_PODS = 110
"""On a node, by default. Source: Kubernetes documentation, "Considerations for large clusters" (documented)."""
SPOT_DISCOUNT = 0.70
"""The most that AWS names, so the bill with Spot is the least that it can be."""
NOTICED = 100
"""Failed tasks after which we stop counting where nothing else does."""


@dataclass(frozen=True)
class Shown:
    """One of the three ways of a pitfall: a number in the pitfall's unit, and what it comes from."""

    value: float
    why: str


@dataclass(frozen=True)
class Pitfall:
    """`unit` of the three numbers; `less_is_better` or more; and what the cure of the guide lacks, "" where nothing."""

    unit: str
    less_is_better: bool
    fault: Shown
    guide: Shown
    mended: Shown
    lacks: str


def capacity_providers(tasks: int = 100) -> Pitfall:
    """1. Everything on FARGATE. The guide's words ask for three providers in one strategy, its JSON has two."""
    task = fargate_hour(1, 2)
    placed = capacity.split(capacity.items(GUIDE_STRATEGY), tasks)
    on_spot = placed["FARGATE_SPOT"] / tasks
    whole = tasks * task * MONTH_HOURS
    mixed = whole * (1 - cost.saving(on_spot, SPOT_DISCOUNT))
    words = [*GUIDE_STRATEGY, {"capacityProvider": "my-ec2-spot-group", "weight": 1}]
    return Pitfall(
        f"USD in {MONTH_HOURS} h",
        True,
        Shown(whole, f"{tasks} tasks of 1 vCPU and 2 GB, all on FARGATE"),
        Shown(whole, f"its words name EC2 Spot as a third provider, and ECS refuses that: {_refusal(words)}"),
        Shown(mixed, f"its JSON, with two providers: {percent(on_spot)} of the tasks are on Spot, at 70 % off at most"),
        "Three providers cannot be in one strategy, and its USD 864 is the price of all tasks on Spot.",
    )


def requests(tasks: int = 100) -> Pitfall:
    """2. Pods without requests. With the guide's a node is given more memory than it has when all pods need theirs."""
    shape = SHAPES["m5.large"]
    request, limit, cpu = 128 / 1024, 512 / 1024, 0.1
    by_request = cost.tasks_that_fit(cpu, request, instance_vcpu=shape.vcpu, instance_gb=shape.gb)
    by_limit = cost.tasks_that_fit(cpu, limit, instance_vcpu=shape.vcpu, instance_gb=shape.gb)
    full = [100 * min(pods, MOST_PODS) * limit / shape.gb for pods in (MOST_PODS, by_request, by_limit)]
    assert full[2] <= 100 < full[1] < full[0]
    return Pitfall(
        "% of the node's memory, if all pods use their 512 MiB",
        True,
        Shown(
            full[0], f"without requests up to {MOST_PODS} pods fit on an m5.large: the scheduler sees nothing to count"
        ),
        Shown(
            full[1],
            f"requests of 100m and 128Mi let {by_request} pods on it; their limits of 512Mi are more than it has",
        ),
        Shown(
            full[2], f"with memory requests as high as the limits {by_limit} pods fit, and none is killed for another"
        ),
        "Requests of the usual use and limits of the most overcommit memory: when all pods peak, some are killed.",
    )


def daemon_sets(tasks: int = 100) -> Pitfall:
    """3. DaemonSets on Fargate. The guide's selector names a label that EC2 nodes do not carry."""
    ec2 = [Node(f"ec2-{number}", {}, {"kubernetes.io/os": "linux"}) for number in range(4)]
    labels = {"kubernetes.io/os": "linux", FARGATE_TAINT.key: FARGATE_TAINT.value}
    fargate = [Node(f"fargate-{number}", {}, labels, (FARGATE_TAINT,)) for number in range(6)]
    pods = {node.name: pods for nodes, pods in ((ec2, 4), (fargate, 1)) for node in nodes}  # on Fargate one each

    def watched(agent: Pod) -> int:
        return sum(pods[node.name] for node in daemon_nodes(agent, [*ec2, *fargate]))

    apart, every = watched(Pod("agent")), sum(pods.values())
    selected = watched(Pod("agent", node_selector={COMPUTE_TYPE: "ec2"}))
    assert (selected, apart, every) == (0, 16, 22)
    return Pitfall(
        f"pods of {every} that an agent watches",
        False,
        Shown(
            apart,
            f"the {apart} pods on {len(ec2)} EC2 nodes; on Fargate each pod has a node of its own, with a taint that "
            "keeps the DaemonSet's pods away",
        ),
        Shown(selected, f"its nodeSelector {COMPUTE_TYPE}: ec2 fits no node: EC2 nodes carry no such label"),
        Shown(every, "no selector for the DaemonSet, and the agent as a sidecar of the pods on Fargate"),
        "Its selector takes the agent off the nodes that had it.",
    )


def circuit_breaker(tasks: int = 100) -> Pitfall:
    """4. No circuit breaker. The guide's JSON is right; the number of failures that it names is not."""
    found = {}
    for enable in (False, True):
        watching = breaker.Breaker.read({"enable": enable, "rollback": enable}, tasks)
        failed = 0
        while failed < NOTICED and not watching.triggered:
            watching = watching.after(breaker.Event.FAILED)
            failed += 1
        found[enable] = failed
    return Pitfall(
        "failed tasks until the deployment ends",
        True,
        Shown(found[False], f"it never ends: we stopped counting at {NOTICED}"),
        Shown(found[True], f"enabled with rollback: {found[True]} of {tasks} wanted, half of them and 3 to 200"),
        Shown(
            found[True], "the same, and CloudWatch alarms: a version that starts and answers wrongly is no failed task"
        ),
        "",
    )


def diverse_workloads(tasks: int = 100) -> Pitfall:
    """5. One node group for unlike pods. The guide's manifest is of an API that Karpenter no longer has."""
    pods = (("CPU", 2.0, 2.0), ("memory", 0.5, 6.0))
    count = max(1, tasks // 2)
    one = sum(_nodes(count, vcpu, gb, "m5.xlarge") for _, vcpu, gb in pods)
    best = {name: min((_nodes(count, vcpu, gb, each), each) for each in _fitting(vcpu, gb)) for name, vcpu, gb in pods}
    fitting = sum(hour for hour, _ in best.values())
    types = " and ".join(f"{each} for those that want {name}" for name, (_, each) in best.items())
    return Pitfall(
        f"USD in {MONTH_HOURS} h",
        True,
        Shown(one * MONTH_HOURS, f"{count} pods of 2 vCPU and 2 GB, {count} of 0.5 vCPU and 6 GB, all on m5.xlarge"),
        Shown(
            one * MONTH_HOURS,
            "its Provisioner is of karpenter.sh/v1alpha5: Karpenter 1 does not know it, nothing changes",
        ),
        Shown(fitting * MONTH_HOURS, f"a NodePool of karpenter.sh/v1 that leaves the type open: {types}"),
        "The API version was removed. Several node groups, one for each kind of pod, would do it, too.",
    )


def endpoints(tasks: int = 100) -> Pitfall:
    """6. Addresses in the code. The guide's cure calls port 80, where nobody listens."""
    listens, address = 8080, "10.0.1.45"
    after = {f"10.0.{task % 250}.{100 + task // 250}" for task in range(tasks)}

    def answered(url: str) -> float:
        """Per cent of the calls once all tasks were replaced."""
        parts = urlsplit(url)
        reaches = parts.hostname in after if parts.hostname == address else True
        return 100.0 * (reaches and (parts.port or 80) == listens)

    return Pitfall(
        "% of calls that are answered after all tasks were replaced",
        False,
        Shown(answered(f"http://{address}:8080/api/users"), f"nobody has {address} any more"),
        Shown(answered("http://user-service.local/api/users"), "an A record has no port, so the call goes to port 80"),
        Shown(
            answered("http://user-service.local:8080/api/users"),
            "the name and the port; Service Connect hides the port",
        ),
        "Its URL lacks the port on which its container listens.",
    )


def credentials(tasks: int = 100) -> Pitfall:
    """7. Keys in Secrets. The guide's cure is right, its trust policy does not look at who a token is for."""
    token, session = TOKEN_SECONDS // 3600, SESSION_SECONDS // 3600
    for_vault = {kind: _admits(kind, "vault") for kind in ("sub", "sub and aud")}
    assert for_vault == {"sub": True, "sub and aud": False} and _admits("sub and aud", AUDIENCE)
    return Pitfall(
        "hours for which what was copied is of use",
        True,
        Shown(90 * 24, "a key that is rotated every 90 days, say; base64 in a Secret hides nothing"),
        Shown(
            token,
            f"IRSA: the token of a pod is good for {token} h, the session that STS gives for it for {session} h. Its "
            "trust policy tests :sub alone and allows a token of the pod that was made for Vault, too",
        ),
        Shown(
            token,
            "the same, with a trust policy that tests :sub and :aud and refuses that token; or Pod Identity, which "
            "needs no such policy",
        ),
        "Its trust policy tests :sub alone. A token that was made for another audience is kept out by the list of "
        "audiences of the identity provider in IAM, and by nothing else.",
    )


def both_scalers(tasks: int = 100, *, usage: int = 400, target: int = 70, rounds: int = 8) -> Pitfall:
    """8. HPA and VPA on CPU together: the one sets what the other measures by.

    usage  millicores of each of 4 replicas at the beginning; target  of the HPA, in % of the request
    """
    load, most = 4 * usage, max(tasks, 10)
    fight = _fight(load, target, most, rounds)
    alone = _fight(load, target, most, rounds, vertical=False)
    return Pitfall(
        f"replicas after {rounds} rounds, at the same load",
        True,
        Shown(fight[-1], f"from 4 on: {', '.join(str(one) for one in fight)}"),
        Shown(alone[-1], f"VPA with updateMode Off only recommends: {', '.join(str(one) for one in alone)}"),
        Shown(alone[-1], "the same; or VPA for memory alone, and the HPA for CPU"),
        "",
    )


PITFALLS: Mapping[str, Callable[[int], Pitfall]] = {
    "1. no capacity providers": capacity_providers,
    "2. pods without requests": requests,
    "3. DaemonSet and Fargate": daemon_sets,
    "4. no circuit breaker": circuit_breaker,
    "5. one kind of node": diverse_workloads,
    "6. addresses in the code": endpoints,
    "7. keys in Secrets": credentials,
    "8. HPA and VPA on one metric": both_scalers,
}
NAMES = tuple(PITFALLS)


def named(name: str, tasks: int) -> Pitfall:
    """Raises ValueError for a name that none has, and for less than 2 tasks."""
    checks.one_of("pitfall", name, NAMES)
    checks.whole("tasks", tasks, 2, 5000)
    return PITFALLS[name](tasks)


def question(target: int) -> Question:
    """How many replicas VPA and HPA together have made of 4 after three rounds. Raises ValueError."""
    checks.whole("target", target, 1, 70)
    course = _fight(1600, target, 1000, 3)
    return Question(
        f"A HorizontalPodAutoscaler keeps CPU at {target} % of the requests. A VerticalPodAutoscaler sets each request "
        "to what the pod uses and 15 % on top. There are 4 replicas, and the load on all of them together stays. How "
        "many replicas are there after each of the two has acted three times, VPA first?",
        course[-1],
        f"After VPA has acted, each pod uses 1 / 1.15 of its request, {100 / 1.15:.0f} %. To the HPA that is more than "
        f"{target} %, in every round. So it goes {', '.join(str(one) for one in course)}, and on.",
    )


def pitfall(pitfall: str, tasks: int) -> Figure:
    """A pitfall three ways: as it fails, as the guide mends it, and mended. Raises ValueError."""
    one = named(pitfall, tasks)
    ways = (("the fault", one.fault), ("the guide's cure", one.guide), ("mended", one.mended))
    worse = max if one.less_is_better else min
    assert worse(one.fault.value, one.mended.value) == one.fault.value, "mended is worse than the fault"
    return Figure(
        f"{pitfall}: {one.unit}",
        ("Way", one.unit[0].upper() + one.unit[1:], "Because"),
        [(name, f"{way.value:,.2f}".rstrip("0").rstrip("."), way.why) for name, way in ways],
        [
            {
                "type": "bar",
                "x": [name for name, _ in ways],
                "y": [round(way.value, 2) for _, way in ways],
                "marker": {"color": [COLOURS[5], COLOURS[1], COLOURS[2]]},
            }
        ],
        {"yaxis": {"title": {"text": one.unit}, "rangemode": "tozero"}, **LAYOUT},
    )


def units(tasks: int) -> str:
    """What each pitfall is measured in, one a line. Raises ValueError for less than 2 tasks."""
    return "\n".join(
        f"{name}: {one.unit}, {'less' if one.less_is_better else 'more'} is better" for name, one in _made(tasks)
    )


def overview(tasks: int) -> Figure:
    """All eight: what is harmed by the fault, and what is left of it after the guide's cure and after ours."""
    return Figure(
        "The eight pitfalls",
        ("Pitfall", "Measured in", "Fault", "Guide's cure", "Mended"),
        [
            (
                name,
                one.unit,
                *(f"{way.value:,.0f}" for way in (one.fault, one.guide, one.mended)),
            )
            for name, one in _made(tasks)
        ],
    )


def lacking(tasks: int) -> Figure:
    """What the cures of the guide lack."""
    return Figure(
        "What the guide's cures lack",
        ("Pitfall", "Lacks"),
        [(name, one.lacks or "nothing") for name, one in _made(tasks)],
    )


def money(tasks: int) -> Figure:
    """The two pitfalls that are on the bill."""
    return Figure(
        f"What two of them cost, with {tasks} tasks or pods",
        ("Pitfall", f"Fault, USD in {MONTH_HOURS} h", "Mended", "Saved"),
        [
            (
                name,
                f"{one.fault.value:,.2f}",
                f"{one.mended.value:,.2f}",
                percent(1 - one.mended.value / one.fault.value, 1),
            )
            for name, one in _made(tasks)
            if one.unit.startswith("USD")
        ],
    )


def _made(tasks: int) -> list[tuple[str, Pitfall]]:
    return [(name, named(name, tasks)) for name in NAMES]


def _admits(kind: str, audience: str) -> bool:
    """Whether a trust policy of irsa-and-pod-identity allows the pod that it names, by a token for this audience."""
    provider = Provider(irsa_and_pod_identity.ACCOUNT, irsa_and_pod_identity.issuer("A1"))
    context = {f"{provider.host}:sub": irsa_and_pod_identity.CALLERS[0].subject, f"{provider.host}:aud": audience}
    return decide(irsa_and_pod_identity.policy(kind), "Federated", provider.arn, [ACTION], context).allowed


def _refusal(strategy: Sequence[Mapping[str, Any]]) -> str:
    try:
        capacity.validate(strategy, known={"my-ec2-spot-group"})
    except Invalid as error:
        return error.message
    raise AssertionError("a strategy of Fargate and an Auto Scaling group is accepted, and ECS refuses it")


def _fitting(vcpu: float, gb: float) -> list[str]:
    """Types that hold a pod: x86_64, not burstable, without a GPU."""
    return [
        name
        for name, shape in SHAPES.items()
        if shape.architecture == "x86_64" and name not in ("t3.medium", "g4dn.xlarge")
        if shape.vcpu >= vcpu and shape.gb >= gb
    ]


def _nodes(count: int, vcpu: float, gb: float, instance_type: str) -> float:
    """USD an hour of the nodes of one type that hold so many pods."""
    shape = SHAPES[instance_type]
    fit = cost.tasks_that_fit(vcpu, gb, instance_vcpu=shape.vcpu, instance_gb=shape.gb)
    return cost.instances_needed(count, fit) * ec2_hour(instance_type)


def _fight(load: int, target: int, most: int, rounds: int, *, vertical: bool = True) -> list[int]:
    """Replicas, round by round: VPA sets each request to the use and its margin, the HPA then acts on the use in %.

    load  millicores of all replicas together, which does not change

    One turn of each a round; the HPA's windows and VPA's history are left out. Both delay the rounds.
    """
    pods, request = 4, load // 4
    found = [pods]
    for _ in range(rounds):
        if vertical:
            request = with_margin(load // pods, Settings().margin)
        pods = min(most, by_utilization(Measured(pods, load, pods * request), target, current=pods).replicas)
        found.append(pods)
    return found

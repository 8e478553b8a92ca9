"""What daemonsets-and-fargate draws, asks and shows: an agent for every pod, where some pods have no node to share."""

from __future__ import annotations

from drydock.concepts import checks, eks
from drydock.concepts.drawing import LAYOUT, line, percent
from drydock.concepts.fargate_profiles import MOST_CPU, MOST_MIB, checked, hour
from drydock.concepts.predict import Question
from drydock.figures import Figure
from drydock.figures.figure import COLOURS
from drydock.policy.kubernetes import fargate
from drydock.policy.kubernetes.scheduling import Expression, Node, Pod, Toleration
from drydock.policy.kubernetes.scheduling.daemons import COMPUTE_TYPE, FARGATE_TAINT, daemon_nodes
from drydock.pricing import MONTH_HOURS, PRICES, ec2_hour

MOST_SIDECAR_MIB = 16_384

NOT_FARGATE = ((Expression(COMPUTE_TYPE, "NotIn", ("fargate",)),),)
EVERYTHING = (Toleration(operator="Exists"),)

AGENTS = {
    "no selector": Pod("agent"),
    "nodeSelector compute-type: ec2": Pod("agent", node_selector={COMPUTE_TYPE: "ec2"}),
    "nodeAffinity compute-type NotIn fargate": Pod("agent", node_affinity=NOT_FARGATE),
    "tolerates everything": Pod("agent", tolerations=EVERYTHING),
    "tolerates everything, NotIn fargate": Pod("agent", tolerations=EVERYTHING, node_affinity=NOT_FARGATE),
}
"""The ways in which a DaemonSet's pods may be kept off Fargate, by what their template says."""
GUIDES = "nodeSelector compute-type: ec2"


def nodes(ec2_nodes: int, fargate_pods: int) -> list[Node]:
    """EC2 nodes, and the nodes of Fargate's pods: each pod has one, with EKS's label and taint."""
    checks.whole("ec2_nodes", ec2_nodes, 0, 1000)
    checks.whole("fargate_pods", fargate_pods, 0, 5000)
    return [
        *(Node(f"ec2-{n}", {}) for n in range(ec2_nodes)),
        *(Node(f"fargate-{n}", {}, {COMPUTE_TYPE: "fargate"}, (FARGATE_TAINT,)) for n in range(fargate_pods)),
    ]


def counts(agent: str, ec2_nodes: int, fargate_pods: int) -> tuple[int, int]:
    """How many pods the DaemonSet makes for EC2 nodes, and for Fargate's, where they stay pending."""
    if agent not in AGENTS:
        raise ValueError(f"agent {agent!r} is none of {'; '.join(AGENTS)}.")
    found = daemon_nodes(AGENTS[agent], nodes(ec2_nodes, fargate_pods))
    on_ec2 = sum(node.name.startswith("ec2-") for node in found)
    assert on_ec2 in (0, ec2_nodes)
    return on_ec2, len(found) - on_ec2


def question(ec2_nodes: int, fargate_pods: int) -> Question:
    """How many pods the guide's DaemonSet has running."""
    running, _ = counts(GUIDES, ec2_nodes, fargate_pods)
    return Question(
        f"A cluster has {ec2_nodes} EC2 nodes and {fargate_pods} pods on Fargate. A DaemonSet has the node selector "
        "eks.amazonaws.com/compute-type: ec2, so that it stays off Fargate. How many of its pods run?",
        running,
        "No node has that label with that value: EKS puts it on the nodes of Fargate (fargate), of Auto Mode (auto) "
        "and on hybrid ones (hybrid), and on EC2 nodes not at all. A selector that no node meets gives no pods, and no "
        "error.",
    )


def placements(ec2_nodes: int, fargate_pods: int) -> Figure:
    """Each way of AGENTS: pods that run, and pods that wait for ever."""
    rows = [
        (
            agent,
            on_ec2,
            waiting,
            "" if on_ec2 and not waiting else "runs nowhere" if not on_ec2 else "pods stay pending",
        )
        for agent in AGENTS
        for on_ec2, waiting in (counts(agent, ec2_nodes, fargate_pods),)
    ]
    return Figure(
        f"A DaemonSet on {ec2_nodes} EC2 nodes and the nodes of {fargate_pods} Fargate pods",
        ("Its pods", "On EC2 nodes", "For Fargate's nodes", ""),
        rows,
    )


def with_sidecar(pod_cpu: int, pod_memory: int, sidecar_cpu: int, sidecar_memory: int) -> tuple[int, int]:
    """CPU units and MiB of the pod with the agent in it."""
    checks.whole("sidecar_cpu", sidecar_cpu, 0, 4000)
    checks.whole("sidecar_memory", sidecar_memory, 0, MOST_SIDECAR_MIB)
    checked(pod_cpu, pod_memory)
    cpu, memory = fargate.requested([(pod_cpu, pod_memory), (sidecar_cpu, sidecar_memory)])
    if cpu > MOST_CPU or memory > MOST_MIB:
        raise ValueError(
            f"pod_cpu and sidecar_cpu are {cpu} m together, pod_memory and sidecar_memory {memory} MiB: Fargate takes "
            f"at most {MOST_CPU} m and {MOST_MIB} MiB."
        )
    return fargate.size(cpu, memory)


def sidecar(fargate_pods: int, pod_cpu: int, pod_memory: int, sidecar_cpu: int, sidecar_memory: int) -> Figure:
    """What all Fargate pods cost in a month as the agent in each of them asks for more memory."""
    checks.whole("fargate_pods", fargate_pods, 1, 5000)
    alone = fargate_pods * hour(*checked(pod_cpu, pod_memory)) * MONTH_HOURS
    with_sidecar(pod_cpu, pod_memory, sidecar_cpu, sidecar_memory)
    step = max(16, sidecar_memory // 8)
    most = min(16 * step, MOST_SIDECAR_MIB, MOST_MIB - pod_memory)
    asked = sorted({0, sidecar_memory, *range(step, most + 1, step)})
    rows, costs = [], []
    for memory in asked:
        units, given = with_sidecar(pod_cpu, pod_memory, sidecar_cpu, memory)
        cost = fargate_pods * hour(units, given) * MONTH_HOURS
        assert cost >= alone - 1e-9, "a sidecar made it cheaper"
        costs.append(cost)
        rows.append(
            (
                memory,
                f"{units / 1024:g}",
                f"{given / 1024:g}",
                f"{cost:,.2f}",
                f"{cost - alone:,.2f}",
                "← chosen" if memory == sidecar_memory else "",
            )
        )
    chosen = costs[asked.index(sidecar_memory)]
    return Figure(
        f"An agent of {sidecar_cpu} m and {sidecar_memory} MiB in {fargate_pods} pods: USD {chosen - alone:,.2f} more "
        "a month",
        ("Agent, MiB", "vCPU of the pod", "GB of the pod", f"USD in {MONTH_HOURS} h", "More than without", ""),
        rows,
        [
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": "with the agent",
                "x": asked,
                "y": [round(cost, 2) for cost in costs],
                "line": {"shape": "vh", "color": COLOURS[0]},
            },
            line("without", [asked[0], asked[-1]], [round(alone, 2)] * 2, colour=COLOURS[1], dash="dot"),
            {
                "type": "scatter",
                "mode": "markers",
                "name": "chosen",
                "x": [sidecar_memory],
                "y": [round(chosen, 2)],
                "marker": {"color": COLOURS[5], "size": 11},
            },
        ],
        {
            "xaxis": {"title": {"text": "memory that the agent requests, MiB"}},
            "yaxis": {"title": {"text": f"USD in {MONTH_HOURS} h, all pods"}, "rangemode": "tozero"},
            **LAYOUT,
        },
    )


def on_nodes(ec2_nodes: int, instance_type: str, agent_cpu: int, agent_memory: int, fargate_pods: int) -> Figure:
    """What the same agent takes of EC2 nodes as a DaemonSet, by its part of each node."""
    name = eks.one_type(instance_type)
    node = eks.node(name)
    part = max(agent_cpu / node.allocatable["cpu"], agent_memory * eks.MIB / node.allocatable["memory"])
    if part > 1:
        raise ValueError(f"An agent of {agent_cpu} m and {agent_memory} MiB does not fit on an {name}.")
    taken = ec2_nodes * ec2_hour(name) * part * MONTH_HOURS
    return Figure(
        f"The agent as a DaemonSet on {ec2_nodes} {name}. us-east-1, prices of {PRICES[f'ec2 {name}'].date}",
        ("What", "Value"),
        [
            ("agents", ec2_nodes),
            ("part of each node that an agent reserves", percent(part, 1)),
            (f"that part of the nodes' price, USD in {MONTH_HOURS} h", f"{taken:,.2f}"),
            ("agents, were each Fargate pod to have one", fargate_pods),
        ],
    )

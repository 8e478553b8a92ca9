"""Instance types as upstream's tests have them: kubernetes-sigs/karpenter, pkg/cloudprovider/fake/instancetype.go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from drydock.policy.kubernetes.karpenter.offers import ON_DEMAND, SPOT, InstanceType, NodePool, Offering, instance_type
from drydock.policy.kubernetes.karpenter.provisioning import NewNode, Plan, schedule
from drydock.policy.kubernetes.karpenter.requirements import CAPACITY_TYPE, ZONE, merged
from drydock.policy.kubernetes.scheduling import Cluster, Node, Pod, Spread
from drydock.policy.kubernetes.scheduling.model import selects

GIB, MIB = 1024**3, 1024**2
OFFERED = ((SPOT, "test-zone-1"), (SPOT, "test-zone-2"), *((ON_DEMAND, f"test-zone-{zone}") for zone in (1, 2, 3)))


def fake(
    name: str,
    cpu: int = 4,
    gib: int = 4,
    pods: int = 5,
    *,
    offerings: Sequence[Offering] = (),
    architecture: str = "amd64",
    systems: Sequence[str] = ("linux", "windows", "darwin"),
    **more: int,
) -> InstanceType:
    """Its price is 0.1 for each CPU and each GB; 100 m and 10 MiB are kept of it."""
    price = 0.1 * cpu + 0.1 * gib * GIB / 1e9
    capacity = {"cpu": 1000 * cpu, "memory": gib * GIB, "pods": pods, **more}
    return instance_type(
        name,
        capacity=capacity,
        allocatable={**capacity, "cpu": 1000 * cpu - 100, "memory": gib * GIB - 10 * MIB},
        offerings=offerings or [Offering(zone, kind, price) for kind, zone in OFFERED],
        labels={"integer": str(cpu)},
        architecture=architecture,
        systems=systems,
    )


DEFAULTS = (
    fake("default-instance-type"),
    fake("small-instance-type", 2, 2),
    fake("gpu-vendor-instance-type", **{"fake.com/vendor-a": 2}),
    fake("gpu-vendor-b-instance-type", **{"fake.com/vendor-b": 2}),
    fake("arm-instance-type", 16, 128, architecture="arm64", systems=("ios", "linux", "windows", "darwin")),
    fake("single-pod-instance-type", pods=1),
)


def assorted() -> list[InstanceType]:
    """*InstanceTypesAssorted*: each with one offering; no windows and linux together."""
    return [
        fake(
            f"{cpu}-cpu-{gib}-mem-{arch}-{system}-{zone}-{kind}", cpu, gib, architecture=arch, systems=(system,),
            offerings=[Offering(zone, kind, 0.1 * cpu + 0.1 * gib * GIB / 1e9)],
        )
        for cpu in (1, 2, 4, 8, 16, 32, 64)
        for gib in (1, 2, 4, 8, 16, 32, 64, 128)
        for zone in ("test-zone-1", "test-zone-2", "test-zone-3")
        for kind in (SPOT, ON_DEMAND)
        for system in ("linux", "windows")
        for arch in ("amd64", "arm64")
    ]  # fmt: skip


def pods(count: int, cpu: int = 0, memory: float = 0, name: str = "pod", **more: object) -> list[Pod]:
    amounts = {key: int(value) for key, value in (("cpu", cpu), ("memory", memory)) if value}
    return [Pod(f"{name}-{n}", amounts, **more) for n in range(count)]  # type: ignore[arg-type]


class World:
    """Nodes that stay from one round to the next, as upstream's tests provision: of the cheapest type that was left."""

    def __init__(self, *nodes: Node, types: Sequence[InstanceType] = DEFAULTS) -> None:
        self.cluster, self.types = Cluster(nodes), types
        self.asked = 0

    def provision(self, *asked: Pod, pools: Sequence[NodePool] = (NodePool("default"),), **more: object) -> Plan:
        """Schedule pods, under new names, and bind them; `more` as of `schedule`."""
        named = [replace(pod, name=f"{pod.name}-{self.asked + n}") for n, pod in enumerate(asked)]
        self.asked += len(asked)
        plan = schedule(named, pools, self.types, existing=self.cluster, **more)  # type: ignore[arg-type]
        for name, bound in plan.existing.items():
            for pod in bound:
                self.cluster.bind(pod, name)
        for node in plan.new:
            launched = self._launched(node, {pool.name: pool for pool in pools}[node.pool])
            self.cluster.add(launched, node.pods)
        return plan

    def _launched(self, new: NewNode, pool: NodePool) -> Node:
        offering = next(one for one in new.cheapest.offerings if one.suits(new.requirements))
        known = {**new.requirements, **merged(new.cheapest.requirements, new.requirements)}
        labels = {key: min(one.values) for key, one in known.items() if one.operator == "In"}
        labels |= {ZONE: offering.zone, CAPACITY_TYPE: offering.capacity_type, **pool.labels}
        return Node(f"node-{len(self.cluster.nodes)}", new.cheapest.allocatable, labels, pool.taints)

    def labels(self) -> dict[str, dict[str, str]]:
        """Of the node that each pod is on."""
        return {pod.name: dict(self.cluster.labels(name)) for pod, name in self.cluster.bound()}

    def skew(self, spread: Spread, namespace: str = "default") -> list[int]:
        """How many pods that the constraint selects are in each of its domains that has any; sorted."""
        found: Counter[str] = Counter()
        for pod, name in self.cluster.bound():
            value = self.cluster.labels(name).get(spread.topology_key)
            if value is not None and pod.namespace == namespace and selects(spread.selector, pod.labels):
                found[value] += 1
        return sorted(found.values())

"""Which nodes Karpenter removes, or replaces by a cheaper one, to save money."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from drydock.policy.kubernetes.karpenter.offers import ON_DEMAND, SPOT, InstanceType, NodePool, flexibility
from drydock.policy.kubernetes.karpenter.provisioning import NewNode, Plan, schedule
from drydock.policy.kubernetes.karpenter.requirements import (
    CAPACITY_TYPE,
    INSTANCE_TYPE,
    NODE_POOL,
    ZONE,
    Requirement,
    merged,
)
from drydock.policy.kubernetes.scheduling.cluster import Cluster
from drydock.policy.kubernetes.scheduling.model import Node, Pod

MAXIMUM_BATCH = 100
SPOT_TYPES = 15
"""A Spot node is replaced by a Spot node only where so many types are cheaper, and by one of so many.

Where minValues needs more types than these, by one of as many as it needs.
"""
NODE_COST = 1.0
"""What it costs to drain any node, in the cost of moving one pod."""
BALANCED_K = 2
_LEAST, _MOST = -10.0, 10.0


@dataclass(frozen=True)
class Running:
    """A node that Karpenter made.

    price         USD an hour, of its offering.
    disruptable   False: annotated karpenter.sh/do-not-disrupt, or a pod of it is, or a PodDisruptionBudget forbids it.
    settled       False: a pod came or went within consolidateAfter. Then it does not go, nor take over pods of others.
    held          names of pods that may not be evicted now, annotated so or by a budget; then it is not consolidated.
    terminates    True: it has a terminationGracePeriod, with which drift does not wait for such pods.
    """

    node: Node
    pool: str
    type: str
    zone: str
    capacity_type: str
    price: float
    pods: tuple[Pod, ...] = ()
    disruptable: bool = True
    settled: bool = True
    held: tuple[str, ...] = ()
    terminates: bool = False

    @property
    def labelled(self) -> Node:
        """The node with the labels that Karpenter gives each of its own."""
        known = {ZONE: self.zone, CAPACITY_TYPE: self.capacity_type, INSTANCE_TYPE: self.type, NODE_POOL: self.pool}
        return replace(self.node, labels={**known, **self.node.labels})

    @property
    def moved(self) -> list[Pod]:
        """Its pods that need another place."""
        return [pod for pod in self.pods if not (pod.of_daemon_set or pod.mirror or pod.name in self.held)]

    @property
    def disruption_cost(self) -> float:
        """1 for the node and what each pod costs to move, of which less than 0 counts as 0."""
        return NODE_COST + sum(max(0.0, eviction_cost(pod)) for pod in self.moved)

    @property
    def is_empty(self) -> bool:
        return self.disruption_cost <= NODE_COST


@dataclass(frozen=True)
class Move:
    """Nodes that go together, and those that come for them, if any. Consolidation makes one at most.

    reason   of the budgets: Empty, Underutilized or Drifted.
    onto     pods that nodes which stay take over, by the node's name.
    saves    USD an hour; what a new node costs is its cheapest offering's price.
    """

    reason: str
    nodes: tuple[Running, ...]
    replacements: tuple[NewNode, ...] = ()
    onto: Mapping[str, Sequence[Pod]] = field(default_factory=dict)

    @property
    def replacement(self) -> NewNode | None:
        """The first new node."""
        return self.replacements[0] if self.replacements else None

    @property
    def saves(self) -> float:
        return sum(one.price for one in self.nodes) - sum(new.price for new in self.replacements)


@dataclass(frozen=True)
class Score:
    """Of a move, under the policy Balanced: parts of the pool's cost that it saves and of its disruption."""

    savings: float
    disruption: float
    k: int = BALANCED_K

    @property
    def value(self) -> float:
        if self.savings <= 0:
            return 0.0
        return math.inf if self.disruption == 0 else self.savings / self.disruption

    @property
    def approved(self) -> bool:
        return self.value >= 1 / self.k


def eviction_cost(pod: Pod, deletion_cost: float = 0.0) -> float:
    """What moving a pod costs: 1, changed by its priority and controller.kubernetes.io/pod-deletion-cost.

    From -10 to 10. Source: pkg/utils/disruption/disruption.go (observed).
    """
    return min(_MOST, max(_LEAST, 1.0 + deletion_cost / 2**27 + pod.priority / 2**25))


def score(
    savings: float, disruption: float, *, total_cost: float, total_disruption: float, k: int = BALANCED_K
) -> Score:
    """Of a move that saves so many USD an hour and costs so much disruption, in a pool with these totals.

    Source: pkg/controllers/disruption/balanced.go (observed); designs/balanced-consolidation.md.
    """
    if total_cost <= 0 or total_disruption <= 0:
        return Score(0.0, 0.0, k)
    return Score(savings / total_cost, disruption / total_disruption, k)


def consolidate(
    nodes: Sequence[Running],
    pools: Sequence[NodePool],
    types: Sequence[InstanceType],
    *,
    allowed: Mapping[str, Mapping[str, int]] | None = None,
    spot_to_spot: bool = False,
    daemons: Sequence[Pod] = (),
) -> Move | None:
    """The next move: empty nodes; else several nodes at once; else one. None: nothing is to be saved.

    allowed       how many nodes of each pool may go, by pool and reason (see `budgets.allowed`); not named: any number.
    spot_to_spot  the feature gate SpotToSpotConsolidation, off by default.

    Upstream looks every 10 s, does one move, and checks it again 15 s later before it acts. A pod goes where `schedule`
    puts it, on nodes that stay or on one new one; a move that needs two new nodes, or one that is not cheaper than what
    goes, is none. Where Spot and on-demand are allowed, the new node has to be Spot, as its price was reckoned so.
    Several nodes are searched for by halving: where two are no move, three are not tried.

    Source: pkg/controllers/disruption (observed). Where two nodes save as much for their disruption, the name decides,
    which is our choice, and so is that types that are not to be had as Spot leave a list that is forced to Spot, and
    that a list of such types alone is not forced: upstream forces it, and its launch fails.
    """
    look = _Look(nodes, pools, types, allowed or {}, spot_to_spot, daemons)
    return look.empty() or look.several() or look.single()


def together(
    going: Sequence[Running],
    nodes: Sequence[Running],
    pools: Sequence[NodePool],
    types: Sequence[InstanceType],
    *,
    spot_to_spot: bool = False,
) -> Move | None:
    """What would become of these nodes if they went together, whatever budgets and policies say; None: no move."""
    return _Look(nodes, pools, types, {}, spot_to_spot, ()).move(going)


def simulated(
    going: Sequence[Running],
    nodes: Sequence[Running],
    pools: Sequence[NodePool],
    types: Sequence[InstanceType],
    daemons: Sequence[Pod] = (),
    *,
    settled_only: bool,
) -> Plan:
    """Where the pods of nodes that go would be put. Limits count the nodes that stay.

    settled_only  asked by consolidation, not by drift: on no node where a pod came or went within consolidateAfter.
    """
    names = {one.node.name for one in going}
    stay, used = Cluster(), dict[str, Counter[str]]()
    for one in nodes:
        if one.node.name not in names:
            stay.add(one.labelled, one.pods)
            used.setdefault(one.pool, Counter()).update({**one.node.whole, "nodes": 1})
    pods = [pod for one in going for pod in one.moved]
    closed = {one.node.name for one in nodes if settled_only and not one.settled}
    return schedule(pods, pools, types, existing=stay, used=used, closed=closed, daemons=daemons)


class _Look:
    def __init__(
        self,
        nodes: Sequence[Running],
        pools: Sequence[NodePool],
        types: Sequence[InstanceType],
        allowed: Mapping[str, Mapping[str, int]],
        spot_to_spot: bool,
        daemons: Sequence[Pod],
    ) -> None:
        self.nodes, self.pools, self.types = nodes, pools, types
        self.allowed, self.spot_to_spot, self.daemons = allowed, spot_to_spot, daemons
        self.by_name = {pool.name: pool for pool in pools}
        self.candidates = sorted(
            (one for one in nodes if one.disruptable and not one.held and one.settled and self._consolidates(one.pool)),
            key=lambda one: (-one.price / one.disruption_cost, one.node.name),
        )

    def _consolidates(self, pool: str) -> bool:
        return pool in self.by_name and self.by_name[pool].consolidates

    def _within_budget(self, candidates: Sequence[Running], reason: str) -> list[Running]:
        left = {pool: by_reason.get(reason, math.inf) for pool, by_reason in self.allowed.items()}
        found = []
        for one in candidates:
            if left.get(one.pool, math.inf) > 0:
                found.append(one)
                left[one.pool] = left.get(one.pool, math.inf) - 1
        return found

    def empty(self) -> Move | None:
        found = self._within_budget([one for one in self.candidates if one.is_empty], "Empty")
        return Move("Empty", tuple(found)) if found else None

    def _underutilized(self) -> list[Running]:
        return [one for one in self.candidates if not one.is_empty and self.by_name[one.pool].policy != "WhenEmpty"]

    def several(self) -> Move | None:
        """The longest prefix of the candidates that binary search finds; at least two."""
        candidates = self._within_budget(self._underutilized(), "Underutilized")[: MAXIMUM_BATCH + 1]
        best = None
        low, high = 1, min(len(candidates) - 1, MAXIMUM_BATCH)
        while low <= high:
            middle = (low + high) // 2
            move = self.move(candidates[: middle + 1])
            if move and self._is_balanced(move):
                best, low = move, middle + 1
            else:
                high = middle - 1
        return best

    def single(self) -> Move | None:
        for one in self._interwoven(self._underutilized()):
            if not self._within_budget([one], "Underutilized"):
                continue
            move = self.move([one])
            if move and self._is_balanced(move):
                return move
        return None

    def _interwoven(self, candidates: Sequence[Running]) -> list[Running]:
        """One of each pool in turn, so that no pool waits for all of another's."""
        by_pool: dict[str, list[Running]] = {}
        for one in candidates:
            by_pool.setdefault(one.pool, []).append(one)
        longest = max(map(len, by_pool.values()), default=0)
        return [nodes[place] for place in range(longest) for nodes in by_pool.values() if place < len(nodes)]

    def move(self, going: Sequence[Running]) -> Move | None:
        plan = simulated(going, self.nodes, self.pools, self.types, self.daemons, settled_only=True)
        if plan.unscheduled or len(plan.new) > 1:
            return None
        if not plan.new:
            return Move("Underutilized", tuple(going), onto=plan.existing)
        new = self._cheaper(plan.new[0], going)
        if not new or not new.types:
            return None
        move = Move("Underutilized", tuple(going), (new,), plan.existing)
        return self._without_what_goes(move) if len(going) > 1 else move

    def _cheaper(self, new: NewNode, going: Sequence[Running]) -> NewNode | None:
        price = sum(one.price for one in going)
        kinds = new.requirements.get(CAPACITY_TYPE) or Requirement(CAPACITY_TYPE, complement=True)
        only_spot = merged(new.requirements, Requirement(CAPACITY_TYPE, frozenset({SPOT})))
        if all(one.capacity_type == SPOT for one in going) and kinds.allows(SPOT):
            if not self.spot_to_spot:
                return None
            types = [one for one in new.types if one.worst_launch_price(only_spot) < price]
            needed, lacking = flexibility(types, only_spot)
            if len(going) == 1:
                types = types[: max(SPOT_TYPES, needed)] if len(types) >= SPOT_TYPES else []
            return None if lacking else NewNode(new.pool, only_spot, new.pods, types)
        types = [one for one in new.types if one.worst_launch_price(new.requirements) < price]
        if flexibility(types, new.requirements)[1]:
            return None
        by_spot = [one for one in types if one.cheapest(only_spot) < math.inf]
        if by_spot and kinds.allows(ON_DEMAND):
            return NewNode(new.pool, only_spot, new.pods, by_spot)
        return NewNode(new.pool, new.requirements, new.pods, types)

    def _without_what_goes(self, move: Move) -> Move | None:
        """Without types that are as dear as one of those that go: keeping that one would do as well."""
        new = move.replacement
        assert new is not None
        offered = {one.name for one in new.types}
        most = min((one.price for one in move.nodes if one.type in offered), default=math.inf)
        types = [one for one in new.types if one.worst_launch_price(new.requirements) < most]
        if not types or flexibility(types, new.requirements)[1]:
            return None
        return replace(move, replacements=(NewNode(new.pool, new.requirements, new.pods, types),))

    def _is_balanced(self, move: Move) -> bool:
        """Whether each pool with the policy Balanced approves, with its part of the saving by its part of the cost."""
        cost = sum(one.price for one in move.nodes)
        for name in {one.pool for one in move.nodes}:
            if self.by_name[name].policy != "Balanced":
                continue
            mine = [one for one in move.nodes if one.pool == name]
            part = sum(one.price for one in mine) / cost if cost else 1.0
            totals = [one for one in self.nodes if one.pool == name]
            found = score(
                move.saves * part,
                sum(one.disruption_cost for one in mine),
                total_cost=sum(one.price for one in totals),
                total_disruption=sum(one.disruption_cost for one in totals),
            )
            if not found.approved:
                return False
        return True

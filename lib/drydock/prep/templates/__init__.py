"""The quiz's questions. Each draws its numbers from a `random.Random`; answers are those of policy, prices or a file's
own validator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

from drydock.prep.items import Item
from drydock.prep.templates import ecs, kubernetes, mistakes, operations


@dataclass(frozen=True)
class Template:
    """A question of which each seed makes another one."""

    topic: str
    make: Callable[[Random], Item]

    def item(self, seed: int) -> Item:
        return replace(self.make(Random(f"{seed} {self.make.__name__}")), topic=self.topic)


TEMPLATES: Sequence[Template] = (
    Template("Capacity", ecs.capacity_split),
    Template("Deployments", ecs.rolling_choice),
    Template("Deployments", ecs.rolling_bound),
    Template("Deployments", ecs.breaker_threshold),
    Template("Incidents", ecs.breaker_sequence),
    Template("Images", ecs.lifecycle_expiry),
    Template("Capacity", ecs.placement_choice),
    Template("Task definitions", ecs.container_order),
    Template("Task definitions", ecs.unhealthy_after),
    Template("Cost", ecs.monthly_price),
    Template("Task definitions", operations.fargate_pair),
    Template("Images", operations.rebuilt),
    Template("Deployments", kubernetes.surge),
    Template("Scaling", kubernetes.hpa_replicas),
    Template("Scaling", operations.target_tracking),
    Template("Scaling", operations.step_scaling),
    Template("Capacity", operations.instances_wanted),
    Template("Capacity", operations.interrupted),
    Template("Networking", operations.subnet),
    Template("Networking", operations.reached),
    Template("Discovery", operations.stale_name),
    Template("Discovery", operations.records),
    Template("Mesh", operations.retry_storm),
    Template("Mesh", operations.retried),
    Template("Mesh", operations.ejected),
    Template("Identity", operations.trusted),
    Template("Secrets", operations.value_from),
    Template("Secrets", operations.rotated),
    Template("Observability", operations.alarm_state),
    Template("Incidents", operations.exit_codes),
    Template("GitOps", operations.taken_back),
    Template("Multi-region", operations.region_lost),
    Template("Design", operations.room_for_a_region),
    Template("Design", operations.blast_radius),
    Template("Cost", operations.commitment),
    Template("ECS and EKS", kubernetes.pod_on_fargate),
    Template("ECS and EKS", kubernetes.upgrades),
    Template("Kubernetes nodes", kubernetes.pods_of_a_node),
    Template("Kubernetes nodes", kubernetes.node_update),
    Template("Kubernetes nodes", kubernetes.sizes),
    Template("Task definitions", mistakes.in_a_task_definition),
    Template("GitOps", mistakes.in_a_manifest),
    Template("Policy", kubernetes.admission),
    Template("Scaling", mistakes.in_terraform),
    Template("Images", mistakes.in_a_dockerfile),
)

"""Services, deployments and tasks as the engine keeps them; what an API shows is derived from these.

They live in moto's own tables (`backend.services`, `backend.tasks`), so that tagging and Application
Auto Scaling, which moto answers, see them.
"""

from __future__ import annotations

import random
import uuid
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from drydock.embedded.core import seams
from drydock.policy.ecs import strategy, task_sets
from drydock.policy.ecs.alarms import Alarms
from drydock.policy.ecs.breaker import Breaker
from drydock.policy.health import Health
from drydock.policy.mesh import service_connect

Document = dict[str, Any]

KEPT_EVENTS = 100


def utcnow() -> datetime:
    return seams.utcnow().replace(tzinfo=UTC)


class Ids:
    """Ids that repeat with the seed, whatever else asks for ids in between."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)

    def hex(self) -> str:
        return f"{self._random.getrandbits(128):032x}"

    def number(self) -> str:
        return f"{self._random.randrange(10**18, 10**19)}"

    def uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))


@dataclass
class Deployment:
    """One roll-out of a service revision."""

    id: str
    revision: Document
    revision_arn: str
    service_deployment_arn: str
    created_at: datetime
    updated_at: datetime
    breaker: Breaker
    status: str = "PRIMARY"
    desired_count: int = 0
    rollout_state: str = "IN_PROGRESS"
    rollout_state_reason: str = ""
    failed_tasks: int = 0
    finished_at: datetime | None = None
    next_start: float = 0.0
    throttled: int = 0
    source_revision_arn: str | None = None
    found_stuck: bool = False
    rollback_of: str | None = None
    configuration: Document = field(default_factory=dict)
    """The deploymentConfiguration that it began with."""
    images: dict[str, str] = field(default_factory=dict)
    """The digests that its first task established, by container; its others run the same."""
    unresolved: int = 0
    """How many of its tasks could not pull before any was established."""
    alarms: Alarms = field(default_factory=Alarms)
    settled_at: float | None = None
    """The AWS second at which a rolling deployment had nothing left to do but to bake."""
    balances: bool = False
    """Whether a task was started to bring zones closer together, and one has yet to stop for it."""
    progress: strategy.Progress | None = None
    """Where it is, or was when it ended, among the stages of its strategy; None for a rolling deployment."""
    source: str | None = None
    """The id of the deployment that serves when this one begins."""
    alternate: bool = False
    """Whether its tasks are in the alternate target groups."""
    production: float | None = None
    test: float | None = None
    """The percentage of the traffic that listeners were last told to give it; None: they were told nothing."""
    hooks: list[Document] = field(default_factory=list)
    """As the API shows them, with `stage` and `step` that they are of, and the AWS second at which each `expires`."""
    namespace: str | None = None
    """The ARN of the namespace of Cloud Map that its tasks are in by Service Connect."""
    namespace_name: str = ""
    resources: list[Document] = field(default_factory=list)
    """`serviceConnectResources`, as the API shows them."""
    known: list[Document] = field(default_factory=list)
    """The endpoints in its namespace when it began: all that its tasks can call."""
    rollback: Document | None = None
    """As the API shows it, with its `state`: REQUESTED, IN_PROGRESS, SUCCESSFUL or FAILED."""

    @property
    def is_staged(self) -> bool:
        """Whether the stages of its strategy say who has tasks and traffic; with a failed one it stays as it is."""
        is_over = self.rollout_state == "COMPLETED" or (self.rollback or {}).get("state") == "SUCCESSFUL"
        return self.progress is not None and not is_over

    def endpoints_of(self, definition: Document) -> tuple[service_connect.Endpoint, ...]:
        """What others can call by Service Connect of a task of it, which has this definition."""
        configuration = self.revision.get("serviceConnectConfiguration")
        return service_connect.endpoints(configuration, definition, self.namespace_name)

    @property
    def load_balancers(self) -> list[Document]:
        """Where its tasks are registered."""
        return strategy.resolved(self.revision.get("loadBalancers") or (), alternate=self.alternate)


@dataclass
class TaskSet:
    """Tasks of one revision of a service that others deploy. `scale`: in per cent of the service's desiredCount."""

    id: str
    arn: str
    revision: Document
    created_at: datetime
    updated_at: datetime
    stability_at: datetime
    scale: float = 100.0
    status: str = task_sets.Status.ACTIVE
    stability: str = task_sets.Stability.STABILIZING
    external_id: str | None = None
    started_by: str | None = None
    client_token: str | None = None
    tags: list[dict[str, str]] = field(default_factory=list)
    next_start: float = 0.0
    throttled: int = 0

    @property
    def load_balancers(self) -> list[Document]:
        """Where its tasks are registered."""
        return self.revision.get("loadBalancers") or []


@dataclass
class Service:
    """A service: what was asked for (`settings`, in the request's own keys) and how it stands."""

    name: str
    arn: str
    cluster_name: str
    cluster_arn: str
    region_name: str
    settings: Document
    created_at: datetime
    ids: Ids
    tags: list[dict[str, str]] = field(default_factory=list)
    status: str = "ACTIVE"
    deployments: list[Deployment] = field(default_factory=list)
    finished: list[Deployment] = field(default_factory=list)
    task_sets: list[TaskSet] = field(default_factory=list)
    events: deque[Document] = field(default_factory=lambda: deque(maxlen=KEPT_EVENTS))
    steady: bool = False
    stopped_at: datetime | None = None
    deleted_at: datetime | None = None
    changed_by: str = ""
    """The last request that changed it, as the front tells them apart; only with the same does what was kept count."""
    client_token: str | None = None

    @property
    def key(self) -> str:
        """What it is called by in moto's table."""
        return f"{self.cluster_name}:{self.name}"

    @property
    def physical_resource_id(self) -> str:
        return self.arn

    @property
    def desired_count(self) -> int:
        return int(self.settings.get("desiredCount") or 0)

    @property
    def controller(self) -> str:
        """Who deploys it: ECS, CODE_DEPLOY or EXTERNAL."""
        return str((self.settings.get("deploymentController") or {}).get("type") or "ECS")

    @property
    def shown(self) -> Document:
        """Its settings; where it has a primary task set, what that has is the service's, too."""
        primary = self.primary_set
        if primary is None:
            return self.settings
        return {
            **self.settings,
            **dict.fromkeys(("capacityProviderStrategy", "launchType")),
            **primary.revision,
        }

    @property
    def propagate_tags(self) -> str:
        return str(self.settings.get("propagateTags") or "NONE")

    @property
    def launch_type(self) -> str | None:
        return self.shown.get("launchType")

    @property
    def scheduling_strategy(self) -> str:
        return str(self.settings.get("schedulingStrategy") or "REPLICA")

    @property
    def task_definition(self) -> str | None:
        return self.shown.get("taskDefinition")

    @property
    def primary(self) -> Deployment | None:
        return next((d for d in self.deployments if d.status == "PRIMARY"), None)

    def deployment(self, identifier: str) -> Deployment | None:
        return next((d for d in self.deployments if d.id == identifier), None)

    @property
    def staged(self) -> Deployment | None:
        """The last deployment, if it is one of stages that is not over."""
        return self.deployments[0] if self.deployments and self.deployments[0].is_staged else None

    @property
    def primary_set(self) -> TaskSet | None:
        return next((each for each in self.task_sets if each.status == task_sets.Status.PRIMARY), None)

    @property
    def origins(self) -> tuple[Origin, ...]:
        """All that may start tasks of it."""
        return (*self.deployments, *self.task_sets)

    def origin(self, identifier: str) -> Origin | None:
        """The deployment or the task set that starts tasks under this id."""
        return next((each for each in self.origins if each.id == identifier), None)

    def origin_of(self, task: Task) -> Origin | None:
        """The deployment or the task set that started a task of it."""
        return next((each for each in (*self.origins, *self.finished) if each.id == task.deployment_id), None)

    def deployment_of(self, task: Task) -> Deployment | None:
        """The deployment that started a task of it; None where that was a task set."""
        origin = self.origin_of(task)
        return origin if isinstance(origin, Deployment) else None

    def registries_of(self, task: Task) -> list[Document]:
        """The services of Cloud Map that a task of it is in."""
        origin = self.origin_of(task)
        return (origin.revision if origin else self.settings).get("serviceRegistries") or []

    def balancers_of(self, task: Task) -> list[Document]:
        """The target groups that a task of it is in."""
        origin = self.origin_of(task)
        return origin.load_balancers if origin else self.settings.get("loadBalancers") or []

    def event(self, message: str, origin: str | None = None) -> None:
        """`origin`: the id of the deployment or the task set that it is about; a task set is named (observed)."""
        of_set = any(each.id == origin for each in self.task_sets)
        who = f"service {self.name}, taskSet {origin}" if of_set else f"service {self.name}"
        self.events.appendleft({"id": self.ids.uuid(), "createdAt": utcnow(), "message": f"({who}) {message}"})


Origin = Deployment | TaskSet
"""What starts tasks of a service, and whose id they have."""


@dataclass
class Task:
    """A task: `document` is what describe_tasks shows; the rest is the engine's. Only the table writes it."""

    document: Document
    cluster_name: str
    region_name: str
    definition: Document
    network: Document | None
    ids: Ids
    entered: float
    tags: list[dict[str, str]] = field(default_factory=list)
    service_arn: str | None = None
    deployment_id: str | None = None
    address: str | None = None
    started_order: int = 0
    registered: bool = False
    healthy_at: float | None = None
    told_health: Health | None = None
    checked_health: Health | None = None
    """The worst of its essential containers that have a health check; None if none has, or has started."""
    failure_counted: bool = False
    protected_until: datetime | None = None
    running_at: float | None = None
    client_token: str | None = None
    restarts: dict[str, int] = field(default_factory=dict)
    """How often each container was restarted by its policy."""
    gone_at: float = 0.0
    """When it is shown no more, once it is STOPPED."""

    @cached_property
    def arn(self) -> str:
        return str(self.document["taskArn"])

    @property
    def task_arn(self) -> str:
        """Its name with moto."""
        return self.arn

    @cached_property
    def id(self) -> str:
        return self.arn.rsplit("/", 1)[-1]

    @property
    def status(self) -> str:
        return str(self.document["lastStatus"])

    @property
    def stopping(self) -> bool:
        return bool(self.document["desiredStatus"] == "STOPPED")

    @property
    def group(self) -> str:
        return str(self.document.get("group", ""))

    @property
    def proxy(self) -> str | None:
        """The name of the container of its Service Connect proxy; None if it has none."""
        for attachment in self.document["attachments"]:
            if attachment["type"] == "ServiceConnect":
                return str(next(each["value"] for each in attachment["details"] if each["name"] == "ContainerName"))
        return None

    @property
    def own_containers(self) -> list[Document]:
        """Those of its task definition."""
        return [container for container in self.document["containers"] if container["name"] != self.proxy]

    def container(self, name: str) -> Document:
        return next(c for c in self.document["containers"] if c["name"] == name)

    def definition_of(self, name: str) -> Document:
        return next(c for c in self.definition["containerDefinitions"] if c["name"] == name)

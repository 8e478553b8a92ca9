"""What was read of a service: frozen facts, made from documents as boto3 has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

Document = Mapping[str, Any]
_NONE: Mapping[str, Any] = MappingProxyType({})
LATELY = timedelta(minutes=15)
"""AWS time whose requests are looked at."""


@dataclass(frozen=True)
class Event:
    """One of the service's events."""

    at: datetime
    message: str


@dataclass(frozen=True)
class Deployment:
    """As describe_services has it, or a task set of a service that another controller deploys."""

    id: str
    primary: bool
    created_at: datetime
    rollout_state: str = ""
    reason: str = ""
    running_count: int = 0
    pending_count: int = 0


@dataclass(frozen=True)
class Attempt:
    """As list_service_deployments has it: what was asked for; its roll-back is part of it."""

    created_at: datetime
    status: str
    reason: str = ""


@dataclass(frozen=True)
class Container:
    """One container of a stopped task. `memory` is its hard limit, or its task's, in MiB."""

    name: str
    exit_code: int | None = None
    reason: str = ""
    essential: bool = True
    image: str = ""
    memory: int | None = None


@dataclass(frozen=True)
class StoppedTask:
    """`deployment` is its startedBy; `seconds` how many AWS seconds it was RUNNING, None if it never was."""

    id: str
    deployment: str
    created_at: datetime
    stopped_at: datetime
    stop_code: str
    reason: str
    containers: tuple[Container, ...] = ()
    seconds: float | None = None
    last_lines: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """False where its user, a deployment or a scale-in has stopped it."""
        if self.stop_code == "ServiceSchedulerInitiated":
            return "health checks" in self.reason
        return self.stop_code != "UserInitiated"

    @property
    def culprit(self) -> Container | None:
        """The container whose exit ended the task: not one that was stopped because another had exited."""
        ended = [one for one in self.containers if one.exit_code is not None]
        by_likelihood = sorted(ended, key=lambda one: (not one.essential, one.exit_code in (0, 137, 143)))
        return next((one for one in ended if "OutOfMemory" in one.reason), next(iter(by_likelihood), None))


@dataclass(frozen=True)
class TargetGroup:
    """A target group of the service.

    states    the state of each target that is not on its way out
    failures  reason and description of each that is unhealthy
    requests  requests that its targets answered lately, `errors` of them with 5xx
    """

    arn: str
    path: str = "/"
    port: str = "traffic-port"
    matcher: str = "200"
    interval: float = 30
    unhealthy_threshold: int = 2
    states: tuple[str, ...] = ()
    failures: tuple[tuple[str, str], ...] = ()
    requests: float = 0
    errors: float = 0

    @property
    def name(self) -> str:
        return self.arn.split("/")[1] if "/" in self.arn else self.arn


@dataclass(frozen=True)
class Facts:
    """What was read of one service.

    ports       container ports of its task definition; `checks` the commands of its health checks, by container
    unhealthy   ids of its running tasks whose healthStatus is UNHEALTHY
    subnets     free addresses by subnet; a subnet that is gone has -1
    instances   container instances of the cluster, None where tasks do not need any
    attempts    newest first
    unread      what AWS did not let be read, in words
    """

    cluster: str
    service: str
    status: str = "ACTIVE"
    daemon: bool = False
    desired_count: int = 1
    running_count: int = 1
    pending_count: int = 0
    minimum_healthy_percent: int = 100
    maximum_percent: int = 200
    grace_period: float = 0
    deployments: tuple[Deployment, ...] = ()
    definition: str = ""
    definition_status: str = "ACTIVE"
    ports: tuple[int, ...] = ()
    checks: Mapping[str, str] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    stopped: tuple[StoppedTask, ...] = ()
    unhealthy: tuple[str, ...] = ()
    groups: tuple[TargetGroup, ...] = ()
    subnets: Mapping[str, int] = field(default_factory=dict)
    instances: int | None = None
    attempts: tuple[Attempt, ...] = ()
    unread: tuple[str, ...] = ()

    @classmethod
    def read(
        cls,
        service: Document,
        *,
        tasks: Sequence[Document] = (),
        definitions: Mapping[str, Document] = _NONE,
        groups: Sequence[Document] = (),
        health: Mapping[str, Sequence[Document]] = _NONE,
        requests: Mapping[str, tuple[float, float]] = _NONE,
        subnets: Sequence[Document] | None = None,
        cluster: Document | None = None,
        attempts: Sequence[Document] = (),
        lines: Mapping[str, Sequence[str]] = _NONE,
        unread: Sequence[str] = (),
        speed: float = 1.0,
    ) -> Facts:
        """Facts from documents as boto3 has them.

        service      of describe_services
        tasks        of describe_tasks: the service's, running and stopped
        definitions  of describe_task_definition, by ARN: the service's and those of stopped tasks
        groups       of describe_target_groups; `health`: their TargetHealthDescriptions, `requests`: (all, 5xx), by ARN
        subnets      of describe_subnets; None where they could not be read
        cluster      of describe_clusters
        attempts     of list_service_deployments
        lines        last lines of the log of a stopped task, by its ARN
        speed        AWS seconds in a second of the timestamps
        """
        definition = definitions.get(service.get("taskDefinition", ""), {})
        containers = definition.get("containerDefinitions", ())
        configuration = service.get("deploymentConfiguration", {})
        mappings = [mapping for one in containers for mapping in one.get("portMappings", ())]
        network = service.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
        free = {one["SubnetId"]: one["AvailableIpAddressCount"] for one in subnets or ()}
        return cls(
            cluster=service["clusterArn"].rpartition("/")[2],
            service=service["serviceName"],
            status=service["status"],
            daemon=service.get("schedulingStrategy") == "DAEMON",
            desired_count=service["desiredCount"],
            running_count=service["runningCount"],
            pending_count=service["pendingCount"],
            minimum_healthy_percent=configuration.get("minimumHealthyPercent", 100),
            maximum_percent=configuration.get("maximumPercent", 200),
            grace_period=service.get("healthCheckGracePeriodSeconds", 0),
            deployments=tuple(map(_deployment, service.get("deployments") or service.get("taskSets", ()))),
            definition=service.get("taskDefinition", "").rpartition("/")[2],
            definition_status=definition.get("status", "ACTIVE"),
            ports=tuple(mapping["containerPort"] for mapping in mappings if "containerPort" in mapping),
            checks={one["name"]: " ".join(one["healthCheck"]["command"]) for one in containers if "healthCheck" in one},
            events=tuple(Event(one["createdAt"], one["message"]) for one in service.get("events", ())),
            stopped=tuple(_stopped(one, definitions, lines, speed) for one in tasks if one.get("stopCode")),
            unhealthy=tuple(_id(one) for one in tasks if _unhealthy(one)),
            groups=tuple(_group(one, health, requests) for one in groups),
            subnets={name: free.get(name, -1) for name in network.get("subnets", ())} if subnets is not None else {},
            instances=_instances(service, cluster),
            attempts=tuple(sorted(map(_attempt, attempts), key=lambda one: one.created_at, reverse=True)),
            unread=tuple(unread),
        )

    @property
    def primary(self) -> Deployment | None:
        return next((one for one in self.deployments if one.primary), None)

    @property
    def rolled_back(self) -> bool:
        """Whether the last deployment that was asked for has failed and was, or is being, rolled back."""
        return bool(self.attempts) and self.attempts[0].status.startswith("ROLLBACK_")

    @property
    def steady(self) -> list[datetime]:
        """When the service reached a steady state, earliest first."""
        return sorted(event.at for event in self.events if "has reached a steady state" in event.message)

    @property
    def news(self) -> list[str]:
        """The events that count: of the current deployment (a failed one and its roll-back), since the last steady
        state."""
        begun = [self.attempts[0].created_at] if self.rolled_back else [*self.steady[-1:]]
        if self.primary is not None and not self.rolled_back:
            begun.append(self.primary.created_at)
        return [event.message for event in self.events if not begun or event.at >= max(begun)]


def counted_since(service: Document, tasks: Sequence[Document], now: datetime, speed: float = 1.0) -> datetime:
    """From when on requests are counted: LATELY, but not before the current deployment alone answers them.

    CloudWatch counts by the minute, so that is the first whole minute after it began and the last task of another one
    stopped; it may be yet to come. Tasks of another deployment that still run, still answer: nothing sets them apart.
    """
    begun = [now - LATELY / speed]
    for current in service.get("deployments", ()):
        if current["status"] == "PRIMARY":
            others = [one for one in tasks if one.get("startedBy") != current["id"]]
            ended = [one.get("stoppedAt") or one.get("stoppingAt") for one in others]
            last = max([current["createdAt"], *filter(None, ended)])
            begun.append(last.replace(second=0, microsecond=0) + timedelta(minutes=1))
    return max(begun)


def _id(task: Document) -> str:
    return str(task["taskArn"]).rpartition("/")[2]


def _unhealthy(task: Document) -> bool:
    return task.get("healthStatus") == "UNHEALTHY" and task.get("desiredStatus") == "RUNNING"


def _deployment(document: Document) -> Deployment:
    return Deployment(
        document["id"],
        document["status"] == "PRIMARY",
        document["createdAt"],
        document.get("rolloutState", ""),
        document.get("rolloutStateReason", ""),
        document.get("runningCount", 0),
        document.get("pendingCount", 0),
    )


def _attempt(document: Document) -> Attempt:
    return Attempt(document["createdAt"], document["status"], document.get("statusReason", ""))


def _stopped(
    task: Document, definitions: Mapping[str, Document], lines: Mapping[str, Sequence[str]], speed: float
) -> StoppedTask:
    definition = definitions.get(task["taskDefinitionArn"], {})
    stopped = task.get("stoppingAt") or task.get("stoppedAt") or task["createdAt"]
    started = task.get("startedAt")
    return StoppedTask(
        id=_id(task),
        deployment=task.get("startedBy", ""),
        created_at=task["createdAt"],
        stopped_at=stopped,
        stop_code=task["stopCode"],
        reason=task.get("stoppedReason", ""),
        containers=tuple(_container(one, definition) for one in task.get("containers", ())),
        seconds=max(0.0, (stopped - started).total_seconds() * speed) if started else None,
        last_lines=tuple(lines.get(task["taskArn"], ())),
    )


def _container(container: Document, definition: Document) -> Container:
    defined: Document = next(
        (one for one in definition.get("containerDefinitions", ()) if one["name"] == container["name"]), {}
    )
    memory = defined.get("memory") or definition.get("memory")
    return Container(
        container["name"],
        container.get("exitCode"),
        container.get("reason", ""),
        defined.get("essential", True),
        container.get("image", ""),
        int(memory) if memory else None,
    )


def _group(
    group: Document, health: Mapping[str, Sequence[Document]], requests: Mapping[str, tuple[float, float]]
) -> TargetGroup:
    arn = group["TargetGroupArn"]
    targets = [one["TargetHealth"] for one in health.get(arn, ()) if one["TargetHealth"]["State"] != "draining"]
    failures = [(one.get("Reason", ""), one.get("Description", "")) for one in targets if one["State"] == "unhealthy"]
    matcher = group.get("Matcher", {})
    return TargetGroup(
        arn,
        group.get("HealthCheckPath", ""),
        group.get("HealthCheckPort", "traffic-port"),
        matcher.get("HttpCode") or matcher.get("GrpcCode") or "",
        group.get("HealthCheckIntervalSeconds", 30),
        group.get("UnhealthyThresholdCount", 2),
        tuple(one["State"] for one in targets),
        tuple(failures),
        *requests.get(arn, (0, 0)),
    )


def _instances(service: Document, cluster: Document | None) -> int | None:
    """How many container instances there are; None where Fargate runs the tasks, or it is not known."""
    providers = [one["capacityProvider"] for one in service.get("capacityProviderStrategy", ())]
    needed = any(not one.startswith("FARGATE") for one in providers) if providers else None
    if needed is None:
        needed = service.get("launchType", "EC2") in ("EC2", "EXTERNAL")
    return None if cluster is None or not needed else int(cluster["registeredContainerInstancesCount"])

"""What was read of a service: frozen facts, made from documents as boto3 has them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_network
from types import MappingProxyType
from typing import Any

from drydock.policy.network_acls import OF_LOAD_BALANCERS, Acl, Entry, lets
from drydock.policy.traffic import shares

Document = Mapping[str, Any]
_NONE: Mapping[str, Any] = MappingProxyType({})
MINUTE = timedelta(minutes=1)
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
    minutes   requests that its targets answered in each minute lately, and how many of them with 5xx
    seconds   from a request's leaving the load balancer until its target began to answer, on average; None if unknown
    """

    arn: str
    path: str = "/"
    port: str = "traffic-port"
    matcher: str = "200"
    interval: float = 30
    unhealthy_threshold: int = 2
    states: tuple[str, ...] = ()
    failures: tuple[tuple[str, str], ...] = ()
    minutes: tuple[tuple[float, float], ...] = ()
    seconds: float | None = None

    @property
    def requests(self) -> float:
        return sum(requests for requests, _ in self.minutes)

    @property
    def errors(self) -> float:
        return sum(errors for _, errors in self.minutes)

    @property
    def name(self) -> str:
        return self.arn.split("/")[1] if "/" in self.arn else self.arn

    @property
    def error_rate(self) -> float:
        return self.errors / self.requests if self.requests else 0.0


@dataclass(frozen=True)
class Alarm:
    """An alarm of CloudWatch.

    unchanged   AWS seconds in its state
    above       whether it rings for much, not for little; `acts` whether it calls anybody when it does
    """

    name: str
    namespace: str = ""
    metric: str = ""
    dimensions: Mapping[str, str] = field(default_factory=dict)
    state: str = "OK"
    unchanged: float = 0
    missing: str = "missing"
    above: bool = True
    acts: bool = True


@dataclass(frozen=True)
class Hook:
    """A lifecycle hook at which a service deployment waits: a PAUSE, or a `target` that is asked."""

    deployment: str
    id: str
    stage: str
    target: str = ""
    expires_at: datetime | None = None
    action: str = ""


@dataclass(frozen=True)
class Trial:
    """Rules of the test listener, in words.

    turned   the one that ECS turns to a new version, "" if it is gone; `conditions` what it takes
    met      the one that a plain request for / meets, "" if none; `serves` the target groups it sends it to
    """

    turned: str
    conditions: tuple[str, ...] = ()
    met: str = ""
    serves: str = ""


@dataclass(frozen=True)
class Instance:
    """An instance in the Cloud Map service `registry`. `service`: "cluster/service" that it is a task of, or ""."""

    id: str
    registry: str
    address: str = ""
    service: str = ""
    port: int | None = None


@dataclass(frozen=True)
class Call:
    """A name that a container is told to call. `there`: whether anybody is registered there, who listens at `ports`."""

    container: str
    variable: str
    url: str
    host: str
    port: int
    service: str = ""
    ports: tuple[int, ...] = ()
    there: bool = True


@dataclass(frozen=True)
class Policy:
    """A scaling policy, and the names of the alarms that call it. `cooldown`: AWS seconds, of a step scaling policy."""

    name: str
    alarms: tuple[str, ...] = ()
    cooldown: float | None = None


@dataclass(frozen=True)
class Change:
    """A scaling activity that set the number of tasks, so many AWS seconds ago, and why."""

    ago: float
    tasks: int
    why: str = ""


@dataclass(frozen=True)
class Scaling:
    """The scalable target that the service is. `suspended`: what of SuspendedState is set; `changes`: latest last."""

    least: int
    most: int
    suspended: tuple[str, ...] = ()
    policies: tuple[Policy, ...] = ()
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What was read of one service.

    ports       container ports of its task definition; `checks` the commands of its health checks, by container
    unhealthy   ids of its running tasks whose healthStatus is UNHEALTHY
    beside      target groups of others that a rule shares requests with it; `shares` the part of each, by ARN, of both
    runs        service and task definition that are behind those, by ARN
    subnets     free addresses by subnet; a subnet that is gone has -1
    ways_out    by subnet whether it has a default route; empty where that could not be read
    shut        by subnet the network ACL that lets no call of the others in, or no answer out
    instances   container instances of the cluster, None where tasks do not need any
    providers   names of its capacityProviderStrategy
    attempts    newest first
    watching    names of the alarms that are to roll a deployment back; `alarms` those and the scaling policies' that
                there are, None where they could not be read
    registered  instances in the Cloud Map services that it registers its tasks in; `unlisted` running tasks that are
                not in each; `alive` the address of each task that has not stopped
    calls       names of Cloud Map that its containers call
    hooks       those that a deployment waits at; `tests` of a test listener that serves nothing but tests
    balancers   its target groups, and the load balancer of each, as CloudWatch names them
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
    beside: tuple[TargetGroup, ...] = ()
    shares: Mapping[str, float] = field(default_factory=dict)
    runs: Mapping[str, str] = field(default_factory=dict)
    subnets: Mapping[str, int] = field(default_factory=dict)
    ways_out: Mapping[str, bool] = field(default_factory=dict)
    shut: Mapping[str, str] = field(default_factory=dict)
    instances: int | None = None
    providers: tuple[str, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    registered: tuple[Instance, ...] = ()
    unlisted: tuple[str, ...] = ()
    alive: Mapping[str, str] = field(default_factory=dict)
    calls: tuple[Call, ...] = ()
    hooks: tuple[Hook, ...] = ()
    tests: Trial | None = None
    watching: tuple[str, ...] = ()
    alarms: Mapping[str, Alarm] | None = None
    balancers: Mapping[str, str] = field(default_factory=dict)
    scaling: Scaling | None = None
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
        requests: Mapping[str, Sequence[tuple[float, float]]] = _NONE,
        seconds: Mapping[str, float | None] = _NONE,
        beside: Sequence[Document] = (),
        shared: Mapping[str, float] = _NONE,
        neighbours: Sequence[Document] = (),
        subnets: Sequence[Document] | None = None,
        routes: Sequence[Document] = (),
        acls: Sequence[Document] = (),
        cluster: Document | None = None,
        attempts: Sequence[Document] = (),
        lines: Mapping[str, Sequence[str]] = _NONE,
        registered: Mapping[str, Sequence[Document]] = _NONE,
        calls: Sequence[Call] = (),
        releases: Sequence[Document] = (),
        test_rules: Sequence[Document] = (),
        alarms: Sequence[Document] | None = None,
        balanced: Sequence[Document] = (),
        scalable: Document | None = None,
        policies: Sequence[Document] = (),
        activities: Sequence[Document] = (),
        unread: Sequence[str] = (),
        now: datetime | None = None,
        speed: float = 1.0,
    ) -> Facts:
        """Facts from documents as boto3 has them.

        service      of describe_services
        tasks        of describe_tasks: the service's, running and stopped
        definitions  of describe_task_definition, by ARN: the service's and those of stopped tasks
        groups       of describe_target_groups; by ARN `health`: their TargetHealthDescriptions, `requests`: (all, 5xx)
                     of each minute, `seconds`: TargetResponseTime on average
        beside       of describe_target_groups: those of others in `shared`, which `shares_of` makes of rules
        neighbours   of describe_services: others of the cluster
        subnets      of describe_subnets; None where they could not be read
        routes       of describe_route_tables, of the VPC of the subnets
        acls         of describe_network_acls, of the subnets
        cluster      of describe_clusters
        attempts     of list_service_deployments
        lines        last lines of the log of a stopped task, by its ARN
        registered   of list_instances, by id of the Cloud Map service; without those that could not be read
        calls        of `calls_of`, with what is registered under each name
        releases     of describe_service_deployments: those under way
        test_rules   of describe_rules: those of the listener of its testListenerRule
        alarms       of describe_alarms: those of the deployments and of the policies; None where they could not be read
        balanced     of describe_target_groups: `groups`, and those that ECS shifts requests to
        scalable     of describe_scalable_targets; `policies` of describe_scaling_policies, `activities` of
                     describe_scaling_activities
        now          when it was read
        speed        AWS seconds in a second of the timestamps
        """
        definition = definitions.get(service.get("taskDefinition", ""), {})
        containers = definition.get("containerDefinitions", ())
        configuration = service.get("deploymentConfiguration", {})
        mappings = [mapping for one in containers for mapping in one.get("portMappings", ())]
        ports = tuple(mapping["containerPort"] for mapping in mappings if "containerPort" in mapping)
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
            ports=ports,
            checks={one["name"]: " ".join(one["healthCheck"]["command"]) for one in containers if "healthCheck" in one},
            events=tuple(Event(one["createdAt"], one["message"]) for one in service.get("events", ())),
            stopped=tuple(_stopped(one, definitions, lines, speed) for one in tasks if one.get("stopCode")),
            unhealthy=tuple(_id(one) for one in tasks if _unhealthy(one)),
            groups=tuple(_group(one, health, requests, seconds) for one in groups),
            beside=tuple(_group(one, health, requests, seconds) for one in beside),
            shares=dict(shared),
            runs=dict(running for one in (*neighbours, service) for running in _runs(one)),
            subnets={name: free.get(name, -1) for name in network.get("subnets", ())} if subnets is not None else {},
            ways_out={one["SubnetId"]: _way_out(one, routes) for one in subnets or ()} if routes else {},
            shut=_shut(subnets or (), acls, ports),
            instances=_instances(service, cluster),
            providers=tuple(one["capacityProvider"] for one in service.get("capacityProviderStrategy", ())),
            attempts=tuple(sorted(map(_attempt, attempts), key=lambda one: one.created_at, reverse=True)),
            registered=tuple(_instance(one, registry) for registry, each in registered.items() for one in each),
            unlisted=tuple(_id(one) for one in tasks if _unlisted(one, registered)),
            alive={_id(one): _address(one) for one in tasks if one.get("lastStatus") != "STOPPED"},
            calls=tuple(calls),
            hooks=tuple(hook for one in releases for hook in _hooks(one)),
            tests=_tests(service, test_rules) if test_rules else None,
            watching=watching(service),
            alarms=None if alarms is None else {one["AlarmName"]: _alarm(one, now, speed) for one in alarms},
            balancers=dict(map(_balanced, balanced)),
            scaling=_scaling(scalable, policies, activities, now, speed) if scalable else None,
            unread=tuple(unread),
        )

    @property
    def primary(self) -> Deployment | None:
        return next((one for one in self.deployments if one.primary), None)

    @property
    def steady_now(self) -> bool:
        """Whether no task comes or goes."""
        done = len(self.deployments) == 1 and self.deployments[0].rollout_state in ("COMPLETED", "")
        return done and self.running_count == self.desired_count and not self.pending_count

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
    stopped; it may be yet to come. Where AWS's minutes pass faster than ours each has a datum with the second of its
    beginning: the first whole one is there once a minute of AWS has passed, and the second is full. Tasks of another
    deployment that still run, still answer: nothing sets them apart.
    """
    begun = [now - LATELY / speed]
    for current in service.get("deployments", ()):
        if current["status"] == "PRIMARY":
            others = [one for one in tasks if one.get("startedBy") != current["id"]]
            ended = [one.get("stoppedAt") or one.get("stoppingAt") for one in others]
            last = max([current["createdAt"], *filter(None, ended)])
            if speed > 1:
                begun.append((last + MINUTE / speed).replace(microsecond=0) + timedelta(seconds=1))
            else:
                begun.append(last.replace(second=0, microsecond=0) + MINUTE)
    return max(begun)


def watching(service: Document) -> tuple[str, ...]:
    """Names of the alarms that are to roll a deployment of the service back."""
    given = service.get("deploymentConfiguration", {}).get("alarms") or {}
    return tuple(given.get("alarmNames", ())) if given.get("enable") and given.get("rollback") else ()


def shares_of(groups: Sequence[str], rules: Sequence[Document]) -> dict[str, float]:
    """Which part of its requests each target group gets of a rule that shares them between one of these and others."""
    found: dict[str, float] = {}
    for rule in rules:
        for action in rule.get("Actions", ()):
            several = action.get("ForwardConfig", {}).get("TargetGroups", ())
            weights = {one["TargetGroupArn"]: one.get("Weight", 1) for one in several}
            part = {arn: each for arn, each in shares(weights).items() if each}
            if len(part) > 1 and part.keys() & {*groups}:
                found |= part
    return found


def _runs(service: Document) -> list[tuple[str, str]]:
    definition = service.get("taskDefinition", "").rpartition("/")[2]
    entries = [one for one in service.get("loadBalancers", ()) if not one.get("advancedConfiguration")]
    told = f"the service `{service['serviceName']}` with `{definition}`"
    return [(one["targetGroupArn"], told) for one in entries if "targetGroupArn" in one]


def tried_at(service: Document) -> str:
    """ARN of the listener that serves the tests of the service's new versions, and nothing else; "" if none."""
    for one in _advanced(service):
        rule, production = one.get("testListenerRule", ""), one.get("productionListenerRule", "")
        if ":listener-rule/app/" in rule and _listener(rule) != _listener(production):
            return _listener(rule)
    return ""


def _listener(rule: str) -> str:
    return rule.rpartition("/")[0].replace(":listener-rule/", ":listener/")


def _advanced(service: Document) -> list[Document]:
    newest = [each for one in service.get("deployments", ())[:1] for each in one.get("loadBalancers", ())]
    entries = [*service.get("loadBalancers", ()), *newest]
    return [one["advancedConfiguration"] for one in entries if one.get("advancedConfiguration")]


def _hooks(release: Document) -> list[Hook]:
    return [
        Hook(
            release["serviceDeploymentArn"],
            one.get("hookId", ""),
            release.get("lifecycleStage", ""),
            "" if one["targetType"] == "PAUSE" else one.get("targetArn", ""),
            one.get("expiresAt"),
            one.get("timeoutAction", ""),
        )
        for one in release.get("lifecycleHookDetails", ())
        if one["status"] in ("AWAITING_ACTION", "IN_PROGRESS")
    ]


def _tests(service: Document, rules: Sequence[Document]) -> Trial:
    arns = [one.get("testListenerRule") for one in _advanced(service)]
    turned = next((rule for rule in rules if rule["RuleArn"] in arns), None)
    in_order = sorted(rules, key=lambda rule: (rule["IsDefault"], 0 if rule["IsDefault"] else int(rule["Priority"])))
    met = next((rule for rule in in_order if all(map(_plain, rule.get("Conditions", ())))), None)
    conditions = tuple(map(_condition, turned.get("Conditions", ()))) if turned else ()
    return Trial(_rule(turned) if turned else "", conditions, _rule(met) if met else "", _serves(met) if met else "")


def _rule(rule: Document) -> str:
    return "the default rule" if rule["IsDefault"] else f"the rule of priority {rule['Priority']}"


def _plain(condition: Document) -> bool:
    """Whether a request for / without more meets it."""
    values = condition.get("PathPatternConfig", {}).get("Values") or condition.get("Values", ())
    return condition["Field"] == "path-pattern" and bool({"/", "*", "/*"} & {*values})


def _condition(condition: Document) -> str:
    header = condition.get("HttpHeaderConfig")
    if header:
        return f"the header {header['HttpHeaderName']}: {' or '.join(header['Values'])}"
    settings: Document = next((value for name, value in condition.items() if name.endswith("Config")), {})
    values = settings.get("Values") or condition.get("Values", ())
    told = [f"{one.get('Key', '')}={one['Value']}" if isinstance(one, Mapping) else str(one) for one in values]
    return f"the {condition['Field']} {' or '.join(told)}"


def _serves(rule: Document) -> str:
    """The target groups to which a rule sends requests, by name."""
    forwards = [one for one in rule["Actions"] if one["Type"] == "forward"]
    several = [each for one in forwards for each in one.get("ForwardConfig", {}).get("TargetGroups") or [one]]
    return ", ".join(one["TargetGroupArn"].split("/")[1] for one in several if one.get("Weight", 1))


def _instance(document: Document, registry: str) -> Instance:
    its = document.get("Attributes", {})
    by = f"{its.get('ECS_CLUSTER_NAME', '')}/{its['ECS_SERVICE_NAME']}" if "ECS_SERVICE_NAME" in its else ""
    port = its.get("AWS_INSTANCE_PORT", "")
    return Instance(
        document["Id"], registry, its.get("AWS_INSTANCE_IPV4", ""), by, int(port) if port.isdecimal() else None
    )


def _unlisted(task: Document, registered: Mapping[str, Sequence[Document]]) -> bool:
    runs = task.get("lastStatus") == task.get("desiredStatus") == "RUNNING"
    return runs and any(_id(task) not in [one["Id"] for one in each] for each in registered.values())


def _address(task: Document) -> str:
    details = [each for one in task.get("attachments", ()) for each in one.get("details", ())]
    return next((str(one["value"]) for one in details if one["name"] == "privateIPv4Address"), "")


def _alarm(document: Document, now: datetime | None, speed: float) -> Alarm:
    since = document.get("StateUpdatedTimestamp")
    return Alarm(
        document["AlarmName"],
        document.get("Namespace", ""),
        document.get("MetricName", ""),
        {one["Name"]: one["Value"] for one in document.get("Dimensions", ())},
        document.get("StateValue", ""),
        (now - since).total_seconds() * speed if now and since else 0,
        document.get("TreatMissingData", "missing"),
        document.get("ComparisonOperator", "Greater").startswith("Greater"),
        document.get("ActionsEnabled", True),
    )


def _balanced(group: Document) -> tuple[str, str]:
    balancer = next(iter(group.get("LoadBalancerArns", ())), "")
    return group["TargetGroupArn"].rpartition(":")[2], balancer.partition(":loadbalancer/")[2]


def _scaling(
    target: Document, policies: Sequence[Document], activities: Sequence[Document], now: datetime | None, speed: float
) -> Scaling:
    return Scaling(
        target["MinCapacity"],
        target["MaxCapacity"],
        tuple(name for name, value in target.get("SuspendedState", {}).items() if value),
        tuple(
            Policy(
                one["PolicyName"],
                tuple(each["AlarmName"] for each in one.get("Alarms", ())),
                one.get("StepScalingPolicyConfiguration", {}).get("Cooldown"),
            )
            for one in policies
            if one["PolicyType"] != "PredictiveScaling"  # it looks at forecasts
        ),
        tuple(
            Change((now - one["StartTime"]).total_seconds() * speed, int(found[1]), one.get("Cause", ""))
            for one in sorted(activities, key=lambda one: one["StartTime"])
            if now is not None and (found := _SET_TO.match(one.get("Description", "")))
        ),
    )


_SET_TO = re.compile(r"Setting desired count to (\d+)")


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
    group: Document,
    health: Mapping[str, Sequence[Document]],
    requests: Mapping[str, Sequence[tuple[float, float]]],
    seconds: Mapping[str, float | None],
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
        tuple(requests.get(arn, ())),
        seconds.get(arn),
    )


def _way_out(subnet: Document, tables: Sequence[Document]) -> bool:
    """Whether a subnet has a default route: its own table's, else that of its VPC's main one."""
    name, of_vpc = subnet["SubnetId"], [each for each in tables if each["VpcId"] == subnet["VpcId"]]
    own = [each for each in of_vpc if any(one.get("SubnetId") == name for one in each["Associations"])]
    main = [each for each in of_vpc if any(one.get("Main") for one in each["Associations"])]
    routes = [route for table in (own or main)[:1] for route in table["Routes"] if route.get("State") != "blackhole"]
    return any(one.get("DestinationCidrBlock") == "0.0.0.0/0" for one in routes)


def _shut(subnets: Sequence[Document], acls: Sequence[Document], ports: Sequence[int]) -> dict[str, str]:
    """By subnet the ACL that lets no call of one of the others in, or not what answers it out."""
    addresses = {one["SubnetId"]: str(ip_network(one["CidrBlock"])[4]) for one in subnets if "CidrBlock" in one}
    found = {}
    for document in acls:
        acl = Acl(*(tuple(_entries(document, egress)) for egress in (True, False)))
        for subnet in [one["SubnetId"] for one in document.get("Associations", ())]:
            others = [address for name, address in addresses.items() if name != subnet]
            if subnet in addresses and any(not _lets(acl, other, port) for other in others for port in ports):
                found[subnet] = document["NetworkAclId"]
    return found


def _lets(acl: Acl, other: str, port: int) -> bool:
    """Whether it lets a call from there in, and what answers it out."""
    return lets(acl.ingress, "tcp", other, port) and lets(acl.egress, "tcp", other, *OF_LOAD_BALANCERS)


def _entries(acl: Document, egress: bool) -> Iterator[Entry]:
    for one in acl["Entries"]:
        if one["Egress"] == egress and "CidrBlock" in one:
            ports = one.get("PortRange", {})
            allows, first, last = one["RuleAction"] == "allow", ports.get("From"), ports.get("To")
            yield Entry(one["RuleNumber"], allows, one["Protocol"], one["CidrBlock"], first, last)


def _instances(service: Document, cluster: Document | None) -> int | None:
    """How many container instances there are; None where Fargate runs the tasks, or it is not known."""
    providers = [one["capacityProvider"] for one in service.get("capacityProviderStrategy", ())]
    needed = any(not one.startswith("FARGATE") for one in providers) if providers else None
    if needed is None:
        needed = service.get("launchType", "EC2") in ("EC2", "EXTERNAL")
    return None if cluster is None or not needed else int(cluster["registeredContainerInstancesCount"])

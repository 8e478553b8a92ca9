"""The crucial hour of a scenario on the embedded AWS: the design as a running service, in AWS's minutes.

The tasks, the split over capacity providers and zones, the deployment with its circuit breaker and its alarm, the shift
of traffic and the scaling by CloudWatch's alarms are the embedded AWS's own. Not its own are:

- The traffic: what tasks would measure of it is put as a metric each minute, and the design's policies look at that. A
  few real requests a second go through the load balancer besides, where the cloud has one that answers.
- The weather: tasks on Spot, or in a zone, are ended by StopTask. Spot without capacity is shown by ending each task
  that starts there, and so is a cluster, a region or an only zone that is lost; another zone stays open to new tasks.
- A scheduled action: its bounds are set when its minute has come. What is lost for lack of tasks is worked out from the
  targets that are healthy, as in the simulation; cold tasks, caches of names and late answers are not in the hour.
- The sizes of tasks: what one can serve is a number of the scenario. Each is a small program on this machine.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from drydock import images
from drydock.cloud import connect
from drydock.images.credentials import login
from drydock.load import Load
from drydock.notebooks.instances import own_instance
from drydock.notebooks.wait import wait_until
from drydock.policy import scaling
from drydock.prep.designs.model import PROVIDERS, Data, Scenario, create_service, is_rolling
from drydock.prep.designs.running import parts_of, run
from drydock.simulation import Part

CLUSTER = SERVICE = "design"
NAMESPACE = "Design"
SPEED = 120.0
"""AWS seconds in one of ours: an hour takes half a minute."""
LOOKS = 3
"""A minute is looked at so many times."""
RPS = 10.0
GRACE = 900
"""AWS seconds more than a task takes to start: so many are few of ours, and a busy machine needs them."""
HERE = {"cluster": CLUSTER, "service": SERVICE}
_OF = {"ServiceNamespace": "ecs", "ResourceId": f"service/{CLUSTER}/{SERVICE}"}
_DIMENSION = {"ScalableDimension": "ecs:service:DesiredCount"}
_OFTEN = ("registered", "has started", "has stopped", "has begun draining")
"""What ECS says of each task."""


class Time(Protocol):
    """How AWS seconds pass. `behind`: so many more have passed than were waited for."""

    behind: float

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Let time pass until the condition is true; its value."""
        ...

    def wait(self, aws_seconds: float) -> None:
        """Until so many have passed since the last time this was called, or since `until` returned."""
        ...


@dataclass(frozen=True)
class Minute:
    """A minute of the hour. `serving`: healthy targets on average; `failed` of `sent` real requests."""

    minute: int
    load: float
    desired: int
    serving: float
    lost: float
    sent: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Hour:
    """What was seen of the service. `events`: (minute, what ECS or we said).

    behind  AWS seconds by which its minutes took longer than a minute, in all: on a busy machine, or at a high speed.
    """

    scenario: str
    part: str
    minutes: tuple[Minute, ...]
    events: tuple[tuple[int, str], ...]
    speed: float
    behind: float = 0.0

    @property
    def lost(self) -> float:
        return sum(minute.lost for minute in self.minutes)

    @property
    def requests(self) -> float:
        return sum(minute.load for minute in self.minutes)

    @property
    def recovery(self) -> int:
        """The longest stretch of minutes in which more than one request in a thousand was lost."""
        longest = now = 0
        for minute in self.minutes:
            now = now + 1 if minute.lost > 1e-3 * minute.load else 0
            longest = max(longest, now)
        return longest


def run_hour(scenario: Scenario, design: Data, *, speed: float = SPEED) -> Hour:
    """The crucial hour on an embedded AWS of its own, which is gone at the end. It takes 3600 / speed seconds, and some
    more to begin with. Raises ValueError for a speed that is no number above 0."""
    if not isinstance(speed, int | float) or not 0 < speed < math.inf:
        raise ValueError(f"speed={speed!r}: it is AWS's seconds in one of ours, a number above 0.")
    with own_instance(speed=speed):
        cloud = connect()
        return hour(scenario, design, cloud.client, _Real(speed), speed=speed, vpc=cloud.vpc_cidr, asks=True)


def hour(
    scenario: Scenario,
    design: Data,
    client: Callable[[str], Any],
    passing: Time,
    *,
    speed: float,
    vpc: str,
    asks: bool = False,
    minutes: int | None = None,
) -> Hour:
    """The crucial hour in a cloud that is empty.

    client   makes a boto3 client, by the name of a service
    asks     whether real requests go to the load balancer
    minutes  so many of the hour; all of them without
    """
    part = parts_of(scenario, design)[0]
    begin = int(scenario.data["crucial"]["from"])
    end = min(len(part.loads), begin + (minutes or int(scenario.data["crucial"]["minutes"])))
    before = run(scenario, design).parts[part.name].minutes[max(0, begin - 1)].desired
    stage = _Stage(design, part, client, passing, vpc, speed)
    stage.build(before, _bounds(part, begin))
    with _asked(stage.url if asks else "") as load:
        found = [_minute(stage, scenario, number, load) for number in range(begin, end)]
    return Hour(scenario.id, part.name, tuple(found), tuple(stage.events()), speed, passing.behind)


def _bounds(part: Part, minute: int) -> scaling.Bounds | None:
    """Those of scaling when the hour begins."""
    past = [one for one in part.service.scheduled if one.minute <= minute]
    if past:
        last = max(past, key=lambda one: one.minute)
        return scaling.Bounds(last.least, last.most)
    policies = part.service.policies
    return scaling.Bounds(policies[0].least, policies[0].most) if policies else None


def _minute(stage: _Stage, scenario: Scenario, number: int, load: Load | None) -> Minute:
    moment = time.monotonic()
    stage.minute = number
    stage.weather(scenario.data.get("weather", {}), number)
    per_task, part = stage.part.service.per_task, stage.part
    comes = part.loads[number] + (part.gone[number] if part.gone else 0.0)
    missing = failed = serving = 0.0
    for _ in range(LOOKS):
        seen = stage.look()
        lacks = max(0.0, comes - seen.serving * per_task)
        missing += lacks / LOOKS
        failed += (comes - lacks) * seen.failing / LOOKS
        serving += seen.serving / LOOKS
        stage.passing.wait(60 / LOOKS)
    stage.measure(comes, serving, failed)
    told = load.since(moment) if load else None
    sent, bad = (told.sent, told.failed) if told else (0, 0)
    return Minute(number, comes, stage.desired(), serving, missing + failed, sent, bad)


@contextmanager
def _asked(url: str) -> Iterator[Load | None]:
    if not url:
        yield None
        return
    load = Load(url, rps=RPS, connections=4).start()
    try:
        yield load
    finally:
        load.stop()


class _Real:
    """Time that passes by itself."""

    def __init__(self, speed: float) -> None:
        self.speed, self.last, self.behind = speed, time.monotonic(), 0.0

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        found = wait_until(condition, what)
        self.last = time.monotonic()
        return found

    def wait(self, aws_seconds: float) -> None:
        self.last += aws_seconds / self.speed
        left = self.last - time.monotonic()
        if left < 0:
            self.behind -= left * self.speed
            self.last -= left
        time.sleep(max(0.0, left))


@dataclass(frozen=True)
class _Seen:
    """At one moment: healthy targets, and which part of the traffic a faulty revision fails."""

    serving: int
    failing: float


@dataclass
class _Stage:
    """The service in its cloud."""

    design: Data
    part: Part
    client: Callable[[str], Any]
    passing: Time
    vpc: str
    speed: float
    url: str = ""
    minute: int = 0
    listener: str = ""
    groups: list[str] = field(default_factory=list)
    network: dict[str, Any] = field(default_factory=dict)
    faulty: dict[str, float] = field(default_factory=dict)
    before: str = ""
    before_it: dict[str, str] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    dry_until: int = -1
    closed_until: int = -1
    swept: int = -1
    said: list[tuple[int, str]] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    image: str = ""
    execution: str = ""

    # making it

    def build(self, count: int, bounds: scaling.Bounds | None) -> None:
        ecs = self.client("ecs")
        subnets = self._subnets()
        ecs.create_cluster(clusterName=CLUSTER, capacityProviders=list(PROVIDERS))
        self.image = self._image()
        self.execution = self._role(
            "execution", "ecs-tasks.amazonaws.com", "service-role/AmazonECSTaskExecutionRolePolicy"
        )
        balancing = self._balancer()
        request = create_service(self.design)
        if self.design["placement"].get("availabilityZoneRebalancing") is None:
            request.pop("availabilityZoneRebalancing")
        if request["deploymentConfiguration"].get("alarms"):
            self._alarm("errors", "Errors", {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 0}, 2, [])
        request |= {
            "taskDefinition": self._definition(),
            "desiredCount": count,
            "healthCheckGracePeriodSeconds": round(self.part.service.start_seconds) + GRACE,
            "networkConfiguration": {"awsvpcConfiguration": {"subnets": subnets}},
            "loadBalancers": [balancing],
        }
        ecs.create_service(**request)
        self.passing.until(lambda: self._settled(count), "the service is steady")
        self.known = {event["id"] for event in self._service()["events"]}
        if bounds:
            self._scale(bounds)

    def _subnets(self) -> list[str]:
        """Those of the tasks. A load balancer takes two zones at least."""
        ec2 = self.client("ec2")
        first = self.vpc.split("/")[0].rsplit(".", 2)[0]
        vpc = ec2.create_vpc(CidrBlock=self.vpc)["Vpc"]["VpcId"]
        self.network["vpc"] = vpc
        zones = {one["ZoneName"][-1]: one["ZoneName"] for one in ec2.describe_availability_zones()["AvailabilityZones"]}

        def subnet(index: int, zone: str) -> str:
            block = f"{first}.{index}.0/24"
            made = ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=zones[zone])
            return str(made["Subnet"]["SubnetId"])

        found = [subnet(index, zone) for index, zone in enumerate(self._zones())]
        self.network["balancer"] = found if len(found) > 1 else [*found, subnet(9, "b")]
        return found

    def _zones(self) -> list[str]:
        return list("abc"[: self.design["placement"]["zones"]])

    def _image(self) -> str:
        ecr = self.client("ecr")
        uri = ecr.create_repository(repositoryName=SERVICE)["repository"]["repositoryUri"]
        built = images.build(Path(__file__).with_name("service"), platform="linux/amd64", output=lambda _: None)
        images.push(built, f"{uri}:1", login(ecr))
        return f"{uri}:1"

    def _balancer(self) -> dict[str, Any]:
        elbv2 = self.client("elbv2")
        health = {"HealthCheckPath": "/health", **self.design.get("healthCheck", {})}
        if "HealthCheckIntervalSeconds" in health:
            health["HealthCheckTimeoutSeconds"] = min(5, health["HealthCheckIntervalSeconds"] - 1)
        for name in ("blue", "green")[: 1 if is_rolling(self.design) else 2]:
            made = elbv2.create_target_group(
                Name=name, VpcId=self.network["vpc"], TargetType="ip", Protocol="HTTP", Port=8080, **health
            )
            self.groups.append(made["TargetGroups"][0]["TargetGroupArn"])
            delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "30"}
            elbv2.modify_target_group_attributes(TargetGroupArn=self.groups[-1], Attributes=[delay])
        balancer = elbv2.create_load_balancer(Name=SERVICE, Subnets=self.network["balancer"])["LoadBalancers"][0]
        weights = [{"TargetGroupArn": arn, "Weight": int(not index)} for index, arn in enumerate(self.groups)]
        self.listener = elbv2.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"],
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": weights}}],
        )["Listeners"][0]["ListenerArn"]
        self.url = f"http://{balancer['DNSName']}/"
        entry: dict[str, Any] = {"targetGroupArn": self.groups[0], "containerName": SERVICE, "containerPort": 8080}
        if len(self.groups) > 1:
            entry["advancedConfiguration"] = {
                "alternateTargetGroupArn": self.groups[1],
                "productionListenerRule": self._rule()["RuleArn"],
                "roleArn": self._role(
                    "shifts", "ecs.amazonaws.com", "AmazonECSInfrastructureRolePolicyForLoadBalancers"
                ),
            }
        return entry

    def _rule(self) -> dict[str, Any]:
        rules = self.client("elbv2").describe_rules(ListenerArn=self.listener)["Rules"]
        return dict(next(rule for rule in rules if rule["IsDefault"]))

    def _role(self, name: str, service: str, policy: str) -> str:
        trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        iam = self.client("iam")
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        iam.attach_role_policy(RoleName=name, PolicyArn=f"arn:aws:iam::aws:policy/{policy}")
        return str(role)

    def _definition(self, **environment: str) -> str:
        task = self.design["task"]
        if task.get("handlesSigterm", True):
            environment["HEARS_SIGTERM"] = "1"
        environment["START"] = f"{self.part.service.start_seconds / self.speed:.3f}"
        made = self.client("ecs").register_task_definition(
            family=SERVICE,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu=str(task["cpu"]),
            memory=str(task["memory"]),
            executionRoleArn=self.execution,
            containerDefinitions=[
                {
                    "name": SERVICE,
                    "image": self.image,
                    "portMappings": [{"containerPort": 8080}],
                    "stopTimeout": task.get("stopTimeout", 30),
                    "environment": [{"name": key, "value": value} for key, value in environment.items()],
                }
            ],
        )
        return str(made["taskDefinition"]["taskDefinitionArn"])

    # scaling

    def _scale(self, bounds: scaling.Bounds) -> None:
        self.bound(bounds)
        client = self.client("application-autoscaling")
        for index, policy in enumerate(self.design["scaling"]["policies"]):
            named = {**_OF, **_DIMENSION, "PolicyName": f"policy-{index}", "PolicyType": policy["PolicyType"]}
            if policy["PolicyType"] == "TargetTrackingScaling":
                asked = dict(policy["TargetTrackingScalingPolicyConfiguration"])
                predefined = asked.pop("PredefinedMetricSpecification")["PredefinedMetricType"]
                metric = {"MetricName": _metric(predefined), "Namespace": NAMESPACE, "Statistic": "Average"}
                client.put_scaling_policy(
                    **named, TargetTrackingScalingPolicyConfiguration={**asked, "CustomizedMetricSpecification": metric}
                )
                continue
            step = policy["StepScalingPolicyConfiguration"]
            called = client.put_scaling_policy(**named, StepScalingPolicyConfiguration=step)["PolicyARN"]
            alarm = policy["Alarm"]
            limit = {key: alarm[key] for key in ("ComparisonOperator", "Threshold")}
            self._alarm(f"policy-{index}", _metric(alarm["MetricName"]), limit, alarm["EvaluationPeriods"], [called])

    def bound(self, bounds: scaling.Bounds) -> None:
        self.client("application-autoscaling").register_scalable_target(
            **_OF, **_DIMENSION, MinCapacity=bounds.least, MaxCapacity=bounds.most
        )

    def _alarm(self, name: str, metric: str, limit: Mapping[str, Any], periods: int, actions: list[str]) -> None:
        self.client("cloudwatch").put_metric_alarm(
            AlarmName=name, Namespace=NAMESPACE, MetricName=metric, Statistic="Average", Period=60,
            EvaluationPeriods=periods, AlarmActions=actions, TreatMissingData="ignore", **limit,
        )  # fmt: skip

    def measure(self, load: float, serving: float, failed: float) -> None:
        """What tasks would measure in a minute."""
        per_task = self.part.service.per_task
        values = {
            "CPU": min(100.0, 100 * load / (serving * per_task)) if serving else 100.0,
            "Requests": load / max(1.0, serving),
            "Errors": failed,
        }
        self.client("cloudwatch").put_metric_data(
            Namespace=NAMESPACE,
            MetricData=[{"MetricName": name, "Value": value} for name, value in values.items()],
        )

    # looking at it

    def _service(self) -> dict[str, Any]:
        return dict(self.client("ecs").describe_services(cluster=CLUSTER, services=[SERVICE])["services"][0])

    def desired(self) -> int:
        return int(self._service()["desiredCount"])

    def _settled(self, count: int) -> bool:
        service = self._service()
        return service["runningCount"] == count and all(
            one.get("rolloutState", "COMPLETED") == "COMPLETED" for one in service["deployments"]
        )

    def tasks(self) -> list[dict[str, Any]]:
        ecs = self.client("ecs")
        arns = ecs.list_tasks(cluster=CLUSTER, serviceName=SERVICE)["taskArns"]
        return list(ecs.describe_tasks(cluster=CLUSTER, tasks=arns)["tasks"]) if arns else []

    def look(self) -> _Seen:
        tasks = self.tasks()
        ended = self._keep_away(tasks)
        gone = {detail["value"] for task in ended for detail in task["attachments"][0]["details"]}
        elbv2 = self.client("elbv2")
        healthy = [
            [
                one["Target"]["Id"]
                for one in elbv2.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
                if one["TargetHealth"]["State"] == "healthy"
            ]
            for arn in self.groups
        ]
        serving = [address for group in healthy for address in group if address not in gone]
        return _Seen(len(serving), self._failing(tasks) if self.faulty else 0.0)

    def _failing(self, tasks: list[dict[str, Any]]) -> float:
        """By the weights of the listener, where there are two groups, or else by the number of tasks."""
        rate = max(self.faulty.values())
        if len(self.groups) == 1:
            running = [one["taskDefinitionArn"] for one in tasks if one["lastStatus"] == "RUNNING"]
            return rate * sum(arn in self.faulty for arn in running) / max(1, len(running))
        weights = self._weights()
        return rate * (1 - weights[self.before] / (sum(weights.values()) or 1))

    def _weights(self) -> dict[str, int]:
        groups = self._rule()["Actions"][0]["ForwardConfig"]["TargetGroups"]
        return {one["TargetGroupArn"]: int(one["Weight"]) for one in groups}

    def events(self) -> list[tuple[int, str]]:
        return sorted(self.said)

    # what happens to it

    def weather(self, weather: Mapping[str, Any], number: int) -> None:
        self._listen()
        for one in weather.get("releases", ()):
            if int(one["minute"]) == number:
                self._release(one)
            self._notice(one, number)
        for one in weather.get("reclaims", ()):
            if int(one["minute"]) == number:
                self.dry_until = number + int(one["dry"])
                spot = self._on_spot(self.tasks())
                ended = self._end(spot, float(one["share"]), "Spot takes back")
                self.left = {task["taskArn"] for task in spot} - ended
        for one in weather.get("zone_outages", ()):
            if int(one["minute"]) == number and one["zone"] in self._zones():
                if len(self._zones()) == 1:
                    self.closed_until = number + int(one["minutes"])
                zone = [task for task in self.tasks() if task["availabilityZone"].endswith(one["zone"])]
                self._end(zone, 1.0, f"the zone {one['zone']} is lost")
        lost = weather.get("cluster_outage") or weather.get("region_outage")
        if lost and any(self.part.gone) and int(lost["minute"]) == number:
            self.closed_until = number + int(lost["minutes"])
            self._end(self.tasks(), 1.0, f"the {self.part.name} is lost")
        for action in self.part.service.scheduled:
            if int(action.minute) == number:
                self.bound(scaling.Bounds(action.least, action.most))
                self.said.append((number, f"scheduled: {action.least} to {action.most} tasks"))

    def _listen(self) -> None:
        for event in self._service()["events"]:
            if event["id"] not in self.known:
                self.known.add(event["id"])
                if not any(word in event["message"] for word in _OFTEN):
                    self.said.append((self.minute, event["message"].removeprefix(f"(service {SERVICE}) ")))

    def _release(self, release: Mapping[str, Any]) -> None:
        environment = {}
        if release.get("crashes"):
            environment["CRASHES"] = "1"
        if release.get("errors"):
            environment["ERRORS"] = str(round(100 * release["errors"]))
        definition = self._definition(**environment)
        if environment:
            self.before_it[definition] = self._service()["taskDefinition"]
        if release.get("errors"):
            self.faulty[definition] = float(release["errors"])
        if len(self.groups) > 1:
            weights = self._weights()
            self.before = max(weights, key=lambda arn: weights[arn])
        self.said.append((self.minute, f"deployed: {definition.rsplit('/', 1)[-1]}"))
        self.client("ecs").update_service(**HERE, taskDefinition=definition)

    def _notice(self, release: Mapping[str, Any], number: int) -> None:
        """Somebody rolls back a faulty revision that is still there."""
        if release["minute"] + release.get("noticed", math.inf) != number:
            return
        now = self._service()["taskDefinition"]
        if now in self.before_it:
            self.said.append((number, "somebody rolls it back"))
            self.client("ecs").update_service(**HERE, taskDefinition=self.before_it[now])

    def _keep_away(self, tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The tasks where there is no capacity, which do not count. Each minute they are ended."""
        if self.minute < self.closed_until:
            chosen = tasks
        elif self.minute < self.dry_until:
            chosen = [one for one in self._on_spot(tasks) if one["taskArn"] not in self.left]
        else:
            return []
        if self.swept != self.minute:
            self.swept = self.minute
            self._end(chosen, 1.0, "")
        return chosen

    def _on_spot(self, tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [one for one in tasks if one.get("capacityProviderName") == "FARGATE_SPOT"]

    def _end(self, tasks: list[dict[str, Any]], share: float, why: str) -> set[str]:
        chosen = [one for one in tasks if one["desiredStatus"] == "RUNNING"][: round(len(tasks) * share)]
        for task in chosen:
            self.client("ecs").stop_task(cluster=CLUSTER, task=task["taskArn"], reason=why or "no capacity")
        if why:
            self.said.append((self.minute, f"{why}: {len(chosen)} tasks"))
        return {task["taskArn"] for task in chosen}


def _metric(name: str) -> str:
    return "CPU" if "CPU" in name else "Requests"

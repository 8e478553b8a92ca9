"""What runs in a Region and costs money there, read for `policy.cost_review`. What AWS refuses to tell is noted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from drydock import pricing
from drydock.cloud import Cloud
from drydock.policy import right_sizing
from drydock.policy.cost_review import GIB, Balancer, LogGroup, Repository, Service
from drydock.policy.ecr.unused import described, named_in, unused
from drydock.policy.right_sizing import Size
from drydock.pricing import Item
from drydock.resources.kind import every
from drydock.runbooks import usage

Found = TypeVar("Found")
_SIX_HOURS = 21_600
_PERCENTILE, _HEADROOM = 99, 20
"""As right-size-tasks has them where nobody says otherwise."""


class Region:
    """A Region, read once; `unread`: what AWS refused to tell, in its words.

    days     AWS days whose requests and use count; what is younger than a day is not judged by its requests
    minutes  that have to have been measured for a service to be judged by its use
    """

    def __init__(self, cloud: Cloud, *, days: int, minutes: int) -> None:
        self.cloud, self._days, self._minutes = cloud, days, minutes
        self.unread: list[str] = []
        self._now = datetime.now(UTC)
        self._since = self._now - timedelta(days=days) / cloud.speed
        self._a_day_ago = self._now - timedelta(days=1) / cloud.speed
        self._definitions: dict[str, dict[str, Any]] = {}

    # -- what is there

    @cached_property
    def described(self) -> list[dict[str, Any]]:
        """The services, as DescribeServices has them with their tags."""
        found: list[dict[str, Any]] = []
        for cluster in self._clusters:
            arns = self._every("ecs", "list_services", "serviceArns", cluster=cluster)
            for part in _parts(arns, 10):
                answer = self._ask("ecs", "describe_services", cluster=cluster, services=part, include=["TAGS"])
                found += answer.get("services", [])
        return found

    @cached_property
    def tasks(self) -> list[dict[str, Any]]:
        """The tasks that are to run, of services or not, as DescribeTasks has them."""
        found: list[dict[str, Any]] = []
        for cluster in self._clusters:
            for part in _parts(self._every("ecs", "list_tasks", "taskArns", cluster=cluster), 100):
                found += self._ask("ecs", "describe_tasks", cluster=cluster, tasks=part).get("tasks", [])
        return found

    @cached_property
    def load_balancers(self) -> list[dict[str, Any]]:
        return self._every("elbv2", "describe_load_balancers", "LoadBalancers")

    @cached_property
    def log_groups(self) -> list[LogGroup]:
        found = self._every("logs", "describe_log_groups", "logGroups")
        return [LogGroup(one["logGroupName"], one.get("storedBytes", 0), one.get("retentionInDays")) for one in found]

    @cached_property
    def images(self) -> dict[str, list[dict[str, Any]]]:
        """Of each repository, as DescribeImages has them."""
        names = [one["repositoryName"] for one in self._every("ecr", "describe_repositories", "repositories")]
        return {name: self._every("ecr", "describe_images", "imageDetails", repositoryName=name) for name in names}

    @cached_property
    def idle_addresses(self) -> list[str]:
        found = self._every("ec2", "describe_addresses", "Addresses")
        return [one["PublicIp"] for one in found if not one.get("AssociationId")]

    # -- what it costs

    def items(self) -> list[Item]:
        """What is charged, with its price by the hour where it has one."""
        found = [*self._task_items(), *self._instance_items()]
        kinds = Counter(one.get("Type", "application") for one in self.load_balancers)
        for kind, count in sorted(kinds.items()):
            found.append(pricing.load_balancers(kind, count))
        interfaces = self._every("ec2", "describe_network_interfaces", "NetworkInterfaces")
        public = sum("PublicIp" in one.get("Association", {}) for one in interfaces) + len(self.idle_addresses)
        if public:
            found.append(pricing.public_addresses(public))
        if up := self._gateways:
            found.append(pricing.nat_gateways(up))
        logs = sum(group.stored for group in self.log_groups)
        layers = sum(image.get("imageSizeInBytes", 0) for images in self.images.values() for image in images)
        found += [pricing.stored("logs", logs / GIB)] if logs else []
        found += [pricing.stored("images", layers / GIB)] if layers else []
        return found

    def by_use(self) -> list[str]:
        """What is there and charged by what is used, too, which is in no sum here, with its price where it has one."""
        kinds = {one.get("Type", "application") for one in self.load_balancers}
        there = {f"{kind} load balancer, LCU" for kind in kinds & {"application", "network"}}
        there |= {"NAT gateway, data"} if self._gateways else set()
        there |= {"logs, ingested"} if self.log_groups else set()
        home = self.cloud.region == pricing.PRICED
        return [f"{item}: {pricing.by_use(item) if home else 'no dated price'}" for item in sorted(there)]

    def hour(self, size: Size, architecture: str) -> float | None:
        """USD an hour of a Fargate task; None in a Region whose prices are not known."""
        return self._priced(pricing.fargate_tasks(1, cpu=size.cpu, memory=size.memory, architecture=architecture))

    @property
    def address_hour(self) -> float | None:
        return self._priced(pricing.public_addresses(1))

    def stored_hour(self, what: str) -> float | None:
        """USD an hour of a GiB of "logs" or "images"; None in a Region whose prices are not known."""
        return self._priced(pricing.stored(what, 1))

    # -- what is judged

    def services(self) -> list[Service]:
        """Those that run on Fargate."""
        wanted = {"ServiceNamespace": "ecs"}
        targets = self._every("application-autoscaling", "describe_scalable_targets", "ScalableTargets", **wanted)
        scaled = {one["ResourceId"] for one in targets}
        found = []
        for one in self.described:
            providers = [each["capacityProvider"] for each in one.get("capacityProviderStrategy") or ()]
            on = providers or [one.get("launchType", "")]
            definition = self._definition(one["taskDefinition"])
            if one["status"] == "ACTIVE" and definition and all(each.startswith("FARGATE") for each in on):
                found.append(self._service(one, definition, scaled, on_spot=set(on) == {"FARGATE_SPOT"}))
        return found

    def balancers(self) -> list[Balancer]:
        """Those that are older than a day."""
        groups = self._every("elbv2", "describe_target_groups", "TargetGroups")
        arns = [one["LoadBalancerArn"] for one in self.load_balancers]
        parts = [self._ask("elbv2", "describe_tags", ResourceArns=part) for part in _parts(arns, 20)]
        tagged = {one["ResourceArn"] for part in parts for one in part.get("TagDescriptions", ()) if one["Tags"]}
        found = []
        for one in self.load_balancers:
            if one["CreatedTime"] > self._a_day_ago:
                continue
            arn, alb = one["LoadBalancerArn"], one.get("Type", "application") == "application"
            mine = [group["TargetGroupArn"] for group in groups if arn in group["LoadBalancerArns"]]
            prices = [self._priced(pricing.load_balancers(one.get("Type", "application")))]
            if one.get("Scheme") == "internet-facing":
                prices.append(self._priced(pricing.public_addresses(len(one["AvailabilityZones"]))))
            hour = None if None in prices else sum(each or 0.0 for each in prices)
            requests = self._requests(LoadBalancer=arn.partition(":loadbalancer/")[2]) if alb else None
            health = [self._ask("elbv2", "describe_target_health", TargetGroupArn=each) for each in mine]
            targets = sum(len(answer.get("TargetHealthDescriptions", ())) for answer in health)
            found.append(Balancer(one["LoadBalancerName"], hour, targets, requests, arn in tagged))
        return found

    def repositories(self) -> list[Repository]:
        """Images that were pushed before the days that count, and that no task definition in use names."""
        arns = {one["taskDefinition"] for one in self.described} | {one["taskDefinitionArn"] for one in self.tasks}
        definitions = [self._definition(arn) for arn in arns]
        named = [one["image"] for each in definitions for one in each.get("containerDefinitions", ())]
        run = {one["imageDigest"] for task in self.tasks for one in task["containers"] if "imageDigest" in one}
        found = []
        for repository, details in self.images.items():
            images, lists = described(details)
            used = run | {name for image in named if (name := named_in(image, repository))}
            old = {one.digest for one in unused(images, used, since=self._since.timestamp(), lists=lists)}
            stored = [one.get("imageSizeInBytes", 0) for one in details if one["imageDigest"] in old]
            found.append(Repository(repository, len(old), sum(stored)))
        return found

    # --

    @cached_property
    def _gateways(self) -> int:
        """NAT gateways that are up."""
        found = self._every("ec2", "describe_nat_gateways", "NatGateways")
        return sum(one.get("State") == "available" for one in found)

    @cached_property
    def _clusters(self) -> list[str]:
        return self._every("ecs", "list_clusters", "clusterArns")

    def _task_items(self) -> Iterator[Item]:
        kinds: Counter[tuple[Size, str, bool, bool]] = Counter()
        for task in self.tasks:
            on = task.get("capacityProviderName") or task.get("launchType", "")
            if on.startswith("FARGATE"):
                definition = self._definition(task["taskDefinitionArn"])
                linux = str(task.get("platformFamily") or "Linux").lower() == "linux"
                kinds[Size.of(task), _architecture(definition), on == "FARGATE_SPOT", linux] += 1
        for (size, architecture, spot, linux), count in sorted(kinds.items()):
            item = pricing.fargate_tasks(count, cpu=size.cpu, memory=size.memory, architecture=architecture)
            if not linux:
                yield pricing.unpriced(f"{item.what}, Windows", count)
            elif spot:
                yield Item(f"{item.what}, on Spot, at the price on demand", item.usd_per_hour, count, item.dated)
            else:
                yield item

    def _instance_items(self) -> Iterator[Item]:
        reservations = self._every("ec2", "describe_instances", "Reservations")
        up = [one for each in reservations for one in each["Instances"] if one["State"]["Name"] == "running"]
        for kind, count in sorted(Counter(one["InstanceType"] for one in up).items()):
            yield pricing.instances(count, kind)

    def _service(self, one: Any, definition: Any, scaled: set[str], *, on_spot: bool) -> Service:
        cluster, name = one["clusterArn"].rpartition("/")[2], one["serviceName"]
        architecture = _architecture(definition)
        linux = (definition.get("runtimePlatform") or {}).get("operatingSystemFamily", "LINUX") == "LINUX"
        cpu, wanted = self._needed(cluster, name, definition) if one["desiredCount"] and linux else (None, None)
        groups = [each["targetGroupArn"] for each in one.get("loadBalancers", ()) if "targetGroupArn" in each]
        counts = [self._requests_of_group(arn) for arn in groups] if one["createdAt"] < self._a_day_ago else []
        return Service(
            cluster,
            name,
            one["desiredCount"],
            Size.of(definition),
            architecture,
            on_spot=on_spot,
            scaled=f"service/{cluster}/{name}" in scaled,
            tagged=bool(one.get("tags")),
            linux=linux,
            requests=sum(each or 0 for each in counts) if counts and None not in counts else None,
            cpu=cpu,
            wanted=wanted,
        )

    def _needed(self, cluster: str, service: str, definition: Any) -> tuple[float | None, Size | None]:
        """CPU units that its busiest task uses, and the size that its use asks for, where enough was measured."""
        nothing = usage.Measured((), 0, ())
        found = self._read(lambda: usage.measured(self.cloud, cluster, service, days=self._days), nothing)
        if found.minutes < self._minutes:
            return None, None
        architecture = _architecture(definition)
        need = right_sizing.needed(found.used, percent=_PERCENTILE, headroom=_HEADROOM)
        return right_sizing.percentile((each.cpu for each in found.used), _PERCENTILE), right_sizing.right_size(
            need,
            price=lambda size: pricing.fargate_hour(size.cpu / 1024, size.memory / 1024, architecture),
            at_least=right_sizing.held_by_containers(definition["containerDefinitions"]),
        )

    def _requests_of_group(self, arn: str) -> int | None:
        groups = self._ask("elbv2", "describe_target_groups", TargetGroupArns=[arn]).get("TargetGroups") or [{}]
        if groups[0].get("Protocol") not in ("HTTP", "HTTPS"):
            return None
        behind = [of.partition(":loadbalancer/")[2] for of in groups[0]["LoadBalancerArns"]]
        counts = [self._requests(TargetGroup=arn.rpartition(":")[2], LoadBalancer=of) for of in behind]
        return None if None in counts else sum(each or 0 for each in counts)

    def _requests(self, **dimensions: str) -> int | None:
        """How many an Application Load Balancer has counted; None where CloudWatch was not to be asked."""
        asked = {"Namespace": "AWS/ApplicationELB", "MetricName": "RequestCount", "Statistics": ["Sum"]}
        named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
        span = {"StartTime": self._since, "EndTime": self._now, "Period": _SIX_HOURS}
        answer = self._ask("cloudwatch", "get_metric_statistics", Dimensions=named, **asked, **span)
        return int(sum(point["Sum"] for point in answer["Datapoints"])) if "Datapoints" in answer else None

    def _definition(self, arn: str) -> dict[str, Any]:
        if arn not in self._definitions:
            found = self._ask("ecs", "describe_task_definition", taskDefinition=arn)
            self._definitions[arn] = found.get("taskDefinition", {})
        return self._definitions[arn]

    def _priced(self, item: Item) -> float | None:
        cost = pricing.estimate([item], 1, region=self.cloud.region)
        return None if cost.not_priced else cost.usd

    def _every(self, service: str, operation: str, key: str, **params: Any) -> list[Any]:
        client = self.cloud.client(service)
        return self._read(lambda: list(every(client, operation, key, **params)), [])

    def _ask(self, service: str, operation: str, **params: Any) -> dict[str, Any]:
        ask = getattr(self.cloud.client(service), operation)
        return self._read(lambda: dict(ask(**params)), {})

    def _read(self, ask: Callable[[], Found], otherwise: Found) -> Found:
        try:
            return ask()
        except ClientError as error:
            self.unread.append(str(error))
            return otherwise


def _parts(items: Sequence[Any], size: int) -> Iterator[list[Any]]:
    for first in range(0, len(items), size):
        yield list(items[first : first + size])


def _architecture(definition: dict[str, Any]) -> str:
    return str((definition.get("runtimePlatform") or {}).get("cpuArchitecture") or "X86_64").lower()

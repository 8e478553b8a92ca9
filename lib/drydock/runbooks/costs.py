"""What a plan changes of what is charged by the hour, by the dated prices of `drydock.pricing`.

It is shown beside the plan and is no part of its hash: a newer table of prices would else void an approval of the very
same steps. What it reads (the service's tasks, their size) is read once, when the plan is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from drydock import pricing
from drydock.cloud import Cloud
from drydock.policy.cost import charged_on
from drydock.pricing import Change, Item
from drydock.runbooks.model import Plan, Step

_RESULT = "$result"
_KINDS = {"app": "application", "net": "network", "gwy": "gateway"}
"""A load balancer's type, by what its ARN says."""


def change(cloud: Cloud, plan: Plan) -> Change | None:
    """What comes and goes by the plan; None where none of its steps is about what is charged by the hour."""
    bill = _Bill(cloud, plan)
    for step in plan.steps:
        bill.take(step)
    before = [item for _, items in sorted(bill.before.items()) for item in items]
    after = [item for _, items in sorted(bill.after.items()) for item in items]
    return Change(before, after, cloud.region) if before or after else None


def as_data(cost: Change, cloud: Cloud) -> dict[str, Any]:
    """As `cost.json` has it, with what it says in words."""
    of = "" if cloud.real else "on a real account: "
    return {
        "text": f"{of}{cost}",
        "usd_per_hour": round(cost.usd_per_hour, 6),
        "usd_per_month": round(cost.usd_per_hour * pricing.MONTH_HOURS, 2),
        "hours_of_a_month": pricing.MONTH_HOURS,
        "region": cost.region,
        "before": _rows(cost.before),
        "after": _rows(cost.after),
        "not_priced": cost.not_priced,
        "assumed": "as many tasks as are wanted, all the time, on demand; traffic, logs and storage are not in it",
    }


def _rows(items: Sequence[Item]) -> list[dict[str, Any]]:
    return [
        {"what": item.what, "count": item.count, "usd_per_hour_each": item.usd_per_hour, "price_of": item.dated}
        for item in items
    ]


@dataclass
class _Bill:
    """What is charged for, by what it is for, before the steps and after those that were taken."""

    cloud: Cloud
    plan: Plan
    before: dict[str, list[Item]] = field(default_factory=dict)
    after: dict[str, list[Item]] = field(default_factory=dict)
    _services: dict[str, dict[str, Any]] = field(default_factory=dict)

    def take(self, step: Step) -> None:
        call = step.do.call
        match (call.service, call.operation):
            case ("ecs", "UpdateService" | "CreateService" | "DeleteService"):
                self._service(call.operation, call.params)
            case ("elbv2", "CreateLoadBalancer"):
                self.after[step.name] = [pricing.load_balancers(call.params.get("Type", "application"))]
            case ("elbv2", "DeleteLoadBalancer"):
                kind = str(call.params.get("LoadBalancerArn", "")).partition(":loadbalancer/")[2].partition("/")[0]
                self.before[step.name] = [pricing.load_balancers(_KINDS.get(kind, kind or "unknown"))]
            case ("ec2", "AllocateAddress"):
                self.after[step.name] = [pricing.public_addresses(1)]
            case ("ec2", "ReleaseAddress"):
                self.before[step.name] = [pricing.public_addresses(1)]
            case ("ec2", "CreateNatGateway"):
                self.after[step.name] = [pricing.nat_gateways()]
            case ("ec2", "DeleteNatGateway"):
                self.before[step.name] = [pricing.nat_gateways()]
            case ("ecs", "RunTask"):
                self.after[step.name] = [pricing.unpriced("task that runs until it ends", call.params.get("count", 1))]
            case ("secretsmanager", "CreateSecret"):
                self.after[step.name] = [pricing.unpriced("secret of Secrets Manager")]

    def _service(self, operation: str, params: Mapping[str, Any]) -> None:
        cluster, name = params.get("cluster", "default"), params.get("serviceName", params.get("service", ""))
        known = f"{cluster}/{name}"
        if known not in self._services:
            self._services[known] = {} if operation == "CreateService" else self._described(cluster, name)
            self.before[known] = self._items(cluster, self._services[known])
        if operation == "DeleteService":
            self._services[known] = {}
        else:
            set_now = {key: value for key, value in params.items() if value is not None}
            if "capacityProviderStrategy" in set_now:
                set_now.setdefault("launchType", None)
            self._services[known] = {**self._services[known], **set_now}
        self.after[known] = self._items(cluster, self._services[known])

    def _described(self, cluster: Any, name: Any) -> dict[str, Any]:
        try:
            found = self.cloud.client("ecs").describe_services(cluster=cluster, services=[name])["services"]
        except (ClientError, BotoCoreError):
            return {}
        return dict(found[0]) if found else {}

    def _items(self, cluster: Any, service: Mapping[str, Any]) -> list[Item]:
        count = service.get("desiredCount") or 0
        if not isinstance(count, int):
            return [pricing.unpriced("service of a number of tasks that is known after apply")]
        if not count or "taskDefinition" not in service:
            return []
        size = self._size(service["taskDefinition"])
        strategy = service.get("capacityProviderStrategy") or ()
        launch_type = service.get("launchType")
        default = () if strategy or launch_type else self._default(cluster)
        items = [
            _tasks(number, where, size) for where, number in charged_on(count, launch_type, strategy, default).items()
        ]
        if (size.get("ephemeralStorage") or {}).get("sizeInGiB", 20) > 20:
            items.append(pricing.unpriced("task's storage above 20 GiB", count))
        network = service.get("networkConfiguration", {}).get("awsvpcConfiguration", {})
        if network.get("assignPublicIp") == "ENABLED":
            items.append(pricing.public_addresses(count))
        return items

    def _default(self, cluster: Any) -> list[dict[str, Any]]:
        try:
            found = self.cloud.client("ecs").describe_clusters(clusters=[cluster])["clusters"]
        except (ClientError, BotoCoreError):
            return []
        return list(found[0].get("defaultCapacityProviderStrategy", ())) if found else []

    def _size(self, definition: Any) -> Mapping[str, Any]:
        """The task definition, be it one that a step of this plan registers."""
        if isinstance(definition, Mapping):
            made_by = str(definition.get(_RESULT, "")).partition(".")[0].strip('"')
            return next((step.do.call.params for step in self.plan.steps if step.name == made_by), {})
        try:
            found = self.cloud.client("ecs").describe_task_definition(taskDefinition=definition)["taskDefinition"]
        except (ClientError, BotoCoreError):
            return {}
        return dict(found)


def _tasks(count: int, where: str, size: Mapping[str, Any]) -> Item:
    """So many tasks of a service; not priced where the tasks are not what is charged, or no dated price is known."""
    platform = size.get("runtimePlatform") or {}
    architecture = {"ARM64": "arm64"}.get(platform.get("cpuArchitecture", ""), "x86_64")
    try:
        cpu, memory = int(size["cpu"]), int(size["memory"])
    except (KeyError, ValueError):
        return pricing.unpriced(f"task on {where} of a size that is not known", count)
    words = f"{cpu} CPU units and {memory} MiB"
    if where == "FARGATE_SPOT":
        return pricing.unpriced(f"task of {words} on FARGATE_SPOT, at up to 70 % less than on FARGATE", count)
    if where != "FARGATE":
        return pricing.unpriced(f"task of {words} on {where}, where the instances are charged", count)
    if str(platform.get("operatingSystemFamily", "LINUX")).startswith("WINDOWS"):
        return pricing.unpriced(f"task of {words} on FARGATE with Windows", count)
    return pricing.fargate_tasks(count, cpu=cpu, memory=memory, architecture=architecture)

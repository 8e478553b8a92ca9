"""New tasks: where each is placed and what its record says. It starts nothing: the next turn begins their lives."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence, Set
from copy import copy
from dataclasses import dataclass
from typing import Any

from moto.ecs.exceptions import ECSException

from drydock.embedded.core.host import Host
from drydock.embedded.services.ecs import asks, roles
from drydock.embedded.services.ecs.lookups import definition_of
from drydock.embedded.services.ecs.records import Deployment, Document, Ids, Origin, Service, Task, utcnow
from drydock.embedded.services.ecs.spot import Spot
from drydock.embedded.services.ecs.table import Table
from drydock.embedded.services.ecs.views import describe_definition
from drydock.embedded.workload.interfaces import Interfaces, NoAddress
from drydock.policy.addresses import Subnet
from drydock.policy.ecs import capacity, interruption
from drydock.policy.ecs.placement import choose_subnet
from drydock.policy.requests.task_definition import cpu_units, memory_mib

_LONGEST_REASON = 1024
_UNITS = 1024
"""Of a vCPU."""
NO_VCPUS = "You’ve reached the limit on the number of vCPUs you can run concurrently"
_LAUNCH_TYPES = {"FARGATE": "FARGATE", "FARGATE_SPOT": "FARGATE"}


@dataclass(frozen=True)
class Order:
    """Tasks that are wanted. `request` has RunTask's keys, whoever asks; `near`: those that they are spread among."""

    backend: Any
    cluster: Any
    definition: Any
    request: Document
    group: str
    count: int
    near: Sequence[Task]
    strategy: Sequence[Document]
    unhealthy: Set[str] = frozenset()
    """Ids of those near that are to be replaced: their places on capacity providers are free for what replaces them."""
    service: Service | None = None
    deployment_id: str | None = None
    connected: bool = False
    """Whether they have Service Connect."""


class NotLaunched(Exception):
    """A task of a service could not be launched as it is; the text is ECS's."""


@dataclass(frozen=True)
class Launched:
    """The tasks that were written, and of each that was not why there is no capacity for it."""

    tasks: Sequence[Task]
    refused: Sequence[str] = ()


class Launcher:
    """Writes tasks in PROVISIONING."""

    def __init__(self, host: Host, table: Table, interfaces: Interfaces, spot: Spot) -> None:
        self._host = host
        self._spot = spot
        self._table = table
        self._interfaces = interfaces
        self._zones: dict[str, tuple[str, ...]] = {}

    def zones(self, service: Service, deployment: Origin) -> tuple[str, ...]:
        """The Availability Zones that the tasks of a deployment or a task set are placed in."""
        network = (deployment.revision.get("networkConfiguration") or {}).get("awsvpcConfiguration")
        if not network:
            return ()
        if deployment.id not in self._zones:
            try:
                found = self._interfaces.subnets(service.region_name, network["subnets"])
            except NoAddress:
                return ()
            self._zones[deployment.id] = tuple(sorted({subnet.zone for subnet in found}))
        return self._zones[deployment.id]

    def run(
        self, backend: Any, cluster: Any, definition: Any, request: Document, strategy: Sequence[Document]
    ) -> Launched:
        """The tasks of a RunTask request: as many as there is capacity for. NoAddress."""
        group = request.get("group") or f"family:{definition.document['family']}"
        near = self._table.of_group(cluster.arn, group)
        count = int(request.get("count") or 1)
        return self._launch(Order(backend, cluster, definition, request, group, count, near, strategy))

    def start(
        self, service: Service, deployment: Origin, count: int, near: Sequence[Task], unhealthy: Set[str]
    ) -> Launched:
        """Tasks of a deployment or a task set. NoAddress; NotLaunched; an ECSException where its task definition is
        gone."""
        backend, revision = self._table.region(service.region_name), deployment.revision
        group = f"service:{service.name}"
        request = {
            "networkConfiguration": revision.get("networkConfiguration"),
            "launchType": revision.get("launchType"),
            "enableExecuteCommand": service.settings.get("enableExecuteCommand"),
            "enableECSManagedTags": service.settings.get("enableECSManagedTags"),
            "propagateTags": service.propagate_tags,
            "startedBy": deployment.id,
        }
        definition = definition_of(backend, revision["taskDefinition"])
        try:
            roles.check(self._host, definition.document, {})
        except ECSException as refused:
            raise NotLaunched(str(refused.message)) from None
        order = Order(
            backend,
            backend.clusters[service.cluster_name],
            definition,
            request,
            group,
            count,
            near,
            revision.get("capacityProviderStrategy") or [],
            unhealthy,
            service,
            deployment.id,
            connected=isinstance(deployment, Deployment) and deployment.namespace is not None,
        )
        return self._launch(order)

    def _launch(self, order: Order) -> Launched:
        standing = [task for task in order.near if not task.stopping]
        zones = Counter(str(task.document.get("availabilityZone")) for task in standing)
        providers = Counter(
            str(task.document["capacityProviderName"])
            for task in standing
            if task.document.get("capacityProviderName")
            and task.deployment_id == order.deployment_id
            and task.id not in order.unhealthy
        )
        network = (order.request.get("networkConfiguration") or {}).get("awsvpcConfiguration")
        region = order.backend.region_name
        subnets = self._interfaces.subnets(region, network["subnets"]) if network else []
        tags = _tags(order)
        overrides = order.request.get("overrides") or {}
        storage = {name: value for name, value in overrides.items() if name == "ephemeralStorage"}
        missing = asks.missing(self._host, order.definition.document | storage) if order.service is None else ""
        made: list[Task] = []
        refused: list[str] = []
        while len(made) + len(refused) < order.count:
            provider = capacity.next_provider(capacity.items(order.strategy), providers) if order.strategy else None
            if provider == interruption.PROVIDER and self._spot.dry:
                refused.append(interruption.NO_CAPACITY)
                providers[provider] += 1  # its place is kept: no other provider gets more for it
                continue
            number = self._table.next_number()
            subnet = choose_subnet(subnets, zones) if network else None
            seed = f"{self._host.seed_in(region)}:{order.cluster.name}:{order.group}:{number}"
            ids = order.service.ids if order.service is not None else Ids(seed)
            document = _document(order, provider, subnet, ids)
            if order.connected:
                _add_proxy(document, ids)
            if not self._fits([*self._table.living(), *made], document):
                refused += [NO_VCPUS] * (order.count - len(made) - len(refused))
                break
            if missing:  # a service tells it in its events
                document["containers"][0]["reason"] = textwrap.shorten(missing, _LONGEST_REASON, placeholder=" …")
            made.append(
                Task(
                    document=document,
                    cluster_name=order.cluster.name,
                    region_name=region,
                    definition=describe_definition(order.definition),
                    network=network,
                    ids=Ids(document["taskArn"].rsplit("/", 1)[-1]),
                    entered=self._host.clock.time(),
                    tags=[dict(tag) for tag in tags],
                    service_arn=order.service.arn if order.service is not None else None,
                    deployment_id=order.deployment_id,
                    client_token=order.request.get("clientToken"),
                    started_order=number,
                )
            )
            zones[str(document["availabilityZone"])] += 1
            if provider:
                providers[provider] += 1
        self._table.add(made)
        return Launched(made, refused)

    def _fits(self, others: Sequence[Task], document: Document) -> bool:
        """Whether a task is within the quota of vCPUs of its kind of capacity."""
        most, spot = self._host.profile.fargate_vcpus, document["capacityProviderName"] == "FARGATE_SPOT"
        if most is None:
            return True
        region = document["taskArn"].split(":")[3]
        same = [
            task.document
            for task in others
            if task.region_name == region and (task.document["capacityProviderName"] == "FARGATE_SPOT") == spot
        ]
        return sum(int(each["cpu"] or 0) for each in [*same, document]) <= most * _UNITS


def _document(order: Order, provider: str | None, subnet: Subnet | None, ids: Ids) -> Document:
    """What describe_tasks shows of a new task."""
    request, definition = order.request, order.definition.document
    identifier = ids.hex()
    place = f"arn:aws:ecs:{order.backend.region_name}:{order.backend.account_id}"
    arn = f"{place}:task/{order.cluster.name}/{identifier}"
    overrides = {"containerOverrides": [], "inferenceAcceleratorOverrides": [], **(request.get("overrides") or {})}
    cpu = cpu_units(overrides["cpu"]) if overrides.get("cpu") else definition.get("cpu")
    memory = memory_mib(overrides["memory"]) if overrides.get("memory") else definition.get("memory")
    storage = overrides.get("ephemeralStorage") or definition.get("ephemeralStorage")
    asked = {each.get("name"): each for each in overrides["containerOverrides"]}
    architecture = (definition.get("runtimePlatform") or {}).get("cpuArchitecture") or "X86_64"
    attachments = [
        {
            "id": ids.uuid(),
            "type": "ElasticNetworkInterface",
            "status": "PRECREATED",
            "details": [{"name": "subnetId", "value": subnet.id}],
        }
    ] if subnet else []  # fmt: skip
    containers = [
        {
            "containerArn": f"{place}:container/{order.cluster.name}/{identifier}/{ids.uuid()}",
            "taskArn": arn,
            "name": container["name"],
            "image": container["image"],
            "lastStatus": "PENDING",
            "healthStatus": "UNKNOWN",
            **_size({**container, **{k: v for k, v in asked.get(container["name"], {}).items() if v is not None}}),
            "networkBindings": [],
            "networkInterfaces": [],
            **(
                {"managedAgents": [{"name": "ExecuteCommandAgent", "lastStatus": "PENDING"}]}
                if request.get("enableExecuteCommand")
                else {}
            ),
        }
        for container in definition["containerDefinitions"]
    ]
    return {
        "taskArn": arn,
        "clusterArn": order.cluster.arn,
        "taskDefinitionArn": definition["taskDefinitionArn"],
        "group": order.group,
        "startedBy": request.get("startedBy"),
        "lastStatus": "PROVISIONING",
        "desiredStatus": "RUNNING",
        "healthStatus": "UNKNOWN",
        "connectivity": "CONNECTED",
        "connectivityAt": utcnow(),
        "createdAt": utcnow(),
        "cpu": str(cpu) if cpu else None,
        "memory": str(memory) if memory else None,
        "launchType": _LAUNCH_TYPES.get(provider or "", request.get("launchType")),
        "capacityProviderName": provider,
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "availabilityZone": subnet.zone if subnet else None,
        "enableExecuteCommand": bool(request.get("enableExecuteCommand")),
        "ephemeralStorage": storage or {"sizeInGiB": 20},
        "attributes": [{"name": "ecs.cpu-architecture", "value": architecture.lower()}],
        "overrides": overrides,
        "version": 1,
        "attachments": attachments,
        "containers": containers,
    }


def _add_proxy(document: Document, ids: Ids) -> None:
    """Show the Service Connect proxy of a task, as ECS does: an attachment that names a container."""
    name = f"ecs-service-connect-{ids.hex()[:5]}"
    details = [{"name": "ContainerName", "value": name}]
    document["attachments"].insert(
        0, {"id": ids.uuid(), "type": "ServiceConnect", "status": "ATTACHED", "details": details}
    )
    shown = ("taskArn", "lastStatus", "healthStatus", "networkBindings", "networkInterfaces")
    first = document["containers"][0]
    arn = f"{first['containerArn'].rpartition('/')[0]}/{ids.uuid()}"
    document["containers"].insert(
        0, {"containerArn": arn, "name": name, **{field: copy(first[field]) for field in shown}}
    )


def _size(container: Document) -> Document:
    """What a container has of CPU units and MiB, as a task shows it."""
    sizes = {name: str(container[name]) for name in ("memory", "memoryReservation") if container.get(name)}
    return {"cpu": str(container.get("cpu") or 0), **sizes}


def _tags(order: Order) -> list[dict[str, str]]:
    chosen: dict[str, str] = {}
    if order.request.get("propagateTags") == "TASK_DEFINITION":
        chosen |= {tag["key"]: tag["value"] for tag in order.definition.tags or ()}
    if order.request.get("propagateTags") == "SERVICE" and order.service is not None:
        chosen |= {tag["key"]: tag["value"] for tag in order.service.tags}
    chosen |= {tag["key"]: tag["value"] for tag in order.request.get("tags") or ()}
    if order.request.get("enableECSManagedTags"):
        chosen["aws:ecs:clusterName"] = order.cluster.name
        if order.service is not None:
            chosen["aws:ecs:serviceName"] = order.service.name
    return [{"key": key, "value": value} for key, value in chosen.items()]

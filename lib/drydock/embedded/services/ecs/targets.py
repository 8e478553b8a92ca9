"""Where tasks are found: target groups of load balancers, services of Cloud Map. All through their APIs."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from drydock.embedded.services.ecs.records import Document, Service, Task, TaskSet
from drydock.policy.health import Health
from drydock.policy.requests.world import TargetGroup

if TYPE_CHECKING:
    from drydock.embedded.core.host import Host

log = logging.getLogger(__name__)
_LOOK_EVERY = 0.2  # our seconds


class Targets:
    """Registers tasks, and reads back how the load balancers find them."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._seen: dict[str, tuple[float, dict[tuple[str, int], Document]]] = {}

    def _client(self, service: str, region: str) -> Any:
        return self._host.client(service, region, derived=True)

    @staticmethod
    def name(entry: Document) -> str:
        return f"target-group {entry['targetGroupArn']}"

    @staticmethod
    def _target(task: Task, entry: Document) -> Document:
        return {"Id": task.address, "Port": int(entry["containerPort"])}

    # -- a task that comes, and goes ------------------------------------------------------------

    def join(self, task: Task, service: Service) -> bool:
        """Register the task where its service says; whether load balancers send it requests from now on."""
        balancers, of = service.balancers_of(task), task.deployment_id
        for entry in balancers:
            try:
                self._register(task, entry)
            except ClientError as refused:
                service.event(f"failed to register targets in ({self.name(entry)}) with (error {refused})", of)
            else:
                service.event(f"registered 1 targets in ({self.name(entry)})", of)
        for registry in service.registries_of(task):
            try:
                self._enlist(task, registry, service)
            except ClientError as refused:
                where = f"(service registry {registry['registryArn']})"
                service.event(f"failed to register (task {task.id}) in {where} with (error {refused})", of)
        return bool(balancers)

    def leave(self, task: Task, service: Service) -> float:
        """Deregister the task; the AWS seconds that its connections have to drain."""
        delays = [0.0]
        for registry in service.registries_of(task):
            self._delist(task, registry)
        if task.registered:
            for entry in service.balancers_of(task):
                delays.append(self._deregister(task, entry))
                service.event(f"deregistered 1 targets in ({self.name(entry)})", task.deployment_id)
        return max(delays)

    # -- target groups --------------------------------------------------------------------------

    def _register(self, task: Task, entry: Document) -> None:
        self._client("elbv2", task.region_name).register_targets(
            TargetGroupArn=entry["targetGroupArn"], Targets=[self._target(task, entry)]
        )

    def _deregister(self, task: Task, entry: Document) -> float:
        """Returns the target group's deregistration delay in AWS seconds."""
        elbv2 = self._client("elbv2", task.region_name)
        try:
            elbv2.deregister_targets(TargetGroupArn=entry["targetGroupArn"], Targets=[self._target(task, entry)])
            answer = elbv2.describe_target_group_attributes(TargetGroupArn=entry["targetGroupArn"])
        except ClientError as error:
            log.info("deregistering %s: %s", task.id, error)
            return 0.0
        attributes = {item["Key"]: item["Value"] for item in answer["Attributes"]}
        return float(attributes.get("deregistration_delay.timeout_seconds", 300))

    def _state(self, task: Task, entry: Document) -> Document:
        """TargetHealth of the task in a target group; read every `_LOOK_EVERY` for all of its tasks."""
        arn, now = entry["targetGroupArn"], self._host.clock.elapsed()
        at, states = self._seen.get(arn, (-math.inf, {}))
        if now - at > _LOOK_EVERY:
            try:
                answer = self._client("elbv2", task.region_name).describe_target_health(TargetGroupArn=arn)
            except ClientError:
                answer = {"TargetHealthDescriptions": []}
            states = {
                (item["Target"]["Id"], int(item["Target"]["Port"])): item["TargetHealth"]
                for item in answer["TargetHealthDescriptions"]
            }
            self._seen[arn] = (now, states)
        return states.get((str(task.address), int(entry["containerPort"])), {})

    def health(self, task: Task, entry: Document) -> Health:
        states = {"healthy": Health.HEALTHY, "unhealthy": Health.UNHEALTHY}
        return states.get(self._state(task, entry).get("State", ""), Health.UNKNOWN)

    def reason(self, task: Task, entry: Document) -> str:
        state = self._state(task, entry)
        return str(state.get("Description") or state.get("Reason") or "Health checks failed")

    # -- Cloud Map ------------------------------------------------------------------------------

    def _enlist(self, task: Task, registry: Document, service: Service) -> None:
        attributes = {
            "AWS_INSTANCE_IPV4": str(task.address),
            "AVAILABILITY_ZONE": str(task.document.get("availabilityZone")),
            "REGION": task.region_name,
            "ECS_CLUSTER_NAME": task.cluster_name,
            "ECS_SERVICE_NAME": service.name,
            "ECS_TASK_DEFINITION_FAMILY": task.definition["family"],
        }
        origin = service.origin_of(task)
        if isinstance(origin, TaskSet) and origin.external_id:
            attributes["ECS_TASK_SET_EXTERNAL_ID"] = origin.external_id
        cloud_map = self._client("servicediscovery", task.region_name)
        if "HealthCheckCustomConfig" in cloud_map.get_service(Id=_id(registry))["Service"]:
            attributes["AWS_INIT_HEALTH_STATUS"] = "HEALTHY"
        port = self._port(task, registry)
        if port is not None:
            attributes["AWS_INSTANCE_PORT"] = str(port)
        cloud_map.register_instance(ServiceId=_id(registry), InstanceId=task.id, Attributes=attributes)

    @staticmethod
    def _port(task: Task, registry: Document) -> int | None:
        if registry.get("port"):
            return int(registry["port"])
        if registry.get("containerPort"):
            return int(registry["containerPort"])
        return None

    def _delist(self, task: Task, registry: Document) -> None:
        try:
            self._client("servicediscovery", task.region_name).deregister_instance(
                ServiceId=_id(registry), InstanceId=task.id
            )
        except ClientError as error:
            log.info("deregistering %s: %s", task.id, error)

    def tell_health(self, task: Task, registry: Document, healthy: bool) -> None:
        """Cloud Map learns of container health only where the service has a custom health check."""
        try:
            self._client("servicediscovery", task.region_name).update_instance_custom_health_status(
                ServiceId=_id(registry), InstanceId=task.id, Status="HEALTHY" if healthy else "UNHEALTHY"
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "CustomHealthNotFound":
                log.info("health of %s: %s", task.id, error)

    # -- for the validators ---------------------------------------------------------------------

    def groups(self, region: str, arns: set[str]) -> dict[str, TargetGroup]:
        """The target groups that exist among `arns`."""
        found = {}
        for arn in arns:
            try:
                answer = self._client("elbv2", region).describe_target_groups(TargetGroupArns=[arn])
            except ClientError:
                continue
            group = answer["TargetGroups"][0]
            found[arn] = TargetGroup(group.get("TargetType", "instance"), bool(group["LoadBalancerArns"]))
        return found

    def registries(self, region: str, arns: set[str]) -> dict[str, frozenset[str]]:
        """The Cloud Map services that exist among `arns`, each with its DNS record types."""
        found = {}
        for arn in arns:
            try:
                answer = self._client("servicediscovery", region).get_service(Id=arn.rsplit("/", 1)[-1])
            except ClientError:
                continue
            records = (answer["Service"].get("DnsConfig") or {}).get("DnsRecords") or ()
            found[arn] = frozenset(record["Type"] for record in records)
        return found


def _id(registry: Document) -> str:
    return str(registry["registryArn"]).rsplit("/", 1)[-1]

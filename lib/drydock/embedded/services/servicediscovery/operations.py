"""Cloud Map's operations: what a request says, and the shape of its answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from moto.core.responses import ActionResult

from drydock.embedded.core import paging

from .errors import CustomHealthNotFound, InvalidInput
from .state import CloudMap, Instance, Namespace, Operation, Service, discovered

Answer = dict[str, Any]
T = TypeVar("T")
HEALTH_FILTERS = ("HEALTHY", "UNHEALTHY", "ALL", "HEALTHY_OR_ELSE_ALL")


class Request(dict[str, Any]):
    """A request's input; a member that is needed and not there is InvalidInput."""

    def __missing__(self, key: str) -> Any:
        raise InvalidInput(f"{key} is required.")


def operation(function: Callable[[CloudMap, Request], Answer]) -> Callable[[Any], ActionResult]:
    """A method of moto's Response class out of a function of the backend and the request."""

    def method(self: Any) -> ActionResult:
        request = Request(json.loads(self.body or "{}"))
        return ActionResult(function(self.servicediscovery_backend, request))

    method.__name__ = function.__name__
    return method


# -- namespaces ---------------------------------------------------------------------------------


def create_http_namespace(cloud_map: CloudMap, request: Request) -> Answer:
    return _create_namespace(cloud_map, request, "HTTP")


def create_private_dns_namespace(cloud_map: CloudMap, request: Request) -> Answer:
    return _create_namespace(cloud_map, request, "DNS_PRIVATE", vpc=request["Vpc"])


def create_public_dns_namespace(cloud_map: CloudMap, request: Request) -> Answer:
    return _create_namespace(cloud_map, request, "DNS_PUBLIC")


def _create_namespace(cloud_map: CloudMap, request: Request, type: str, vpc: str | None = None) -> Answer:
    operation_id = cloud_map.add_namespace(
        type,
        request["Name"],
        creator_request_id=request.get("CreatorRequestId"),
        description=request.get("Description"),
        tags=request.get("Tags"),
        vpc=vpc,
        soa_ttl=request.get("Properties", {}).get("DnsProperties", {}).get("SOA", {}).get("TTL"),
    )
    return {"OperationId": operation_id}


def update_http_namespace(cloud_map: CloudMap, request: Request) -> Answer:
    return {"OperationId": cloud_map.change_namespace(request["Id"], "HTTP", request["Namespace"])}


def update_private_dns_namespace(cloud_map: CloudMap, request: Request) -> Answer:
    return {"OperationId": cloud_map.change_namespace(request["Id"], "DNS_PRIVATE", request["Namespace"])}


def update_public_dns_namespace(cloud_map: CloudMap, request: Request) -> Answer:
    return {"OperationId": cloud_map.change_namespace(request["Id"], "DNS_PUBLIC", request["Namespace"])}


def delete_namespace(cloud_map: CloudMap, request: Request) -> Answer:
    return {"OperationId": cloud_map.remove_namespace(request["Id"])}


def get_namespace(cloud_map: CloudMap, request: Request) -> Answer:
    namespace = cloud_map.find_namespace(request["Id"])
    creator = {"CreatorRequestId": namespace.creator_request_id}
    return {"Namespace": {**_namespace(cloud_map, namespace), **creator}}


def list_namespaces(cloud_map: CloudMap, request: Request) -> Answer:
    fields: dict[str, Callable[[Namespace], str | None]] = {
        "TYPE": lambda namespace: namespace.type,
        "NAME": lambda namespace: namespace.name,
        "HTTP_NAME": lambda namespace: namespace.http_name,
        "RESOURCE_OWNER": lambda _: "SELF",
    }
    found = _filtered(list(cloud_map.namespaces.values()), request, fields)
    return _paged(request, "Namespaces", [_namespace(cloud_map, namespace) for namespace in found])


def _namespace(cloud_map: CloudMap, namespace: Namespace) -> Answer:
    dns = {"HostedZoneId": namespace.hosted_zone_id, "SOA": {"TTL": namespace.soa_ttl}}
    return {
        "Id": namespace.id,
        "Arn": namespace.arn,
        "ResourceOwner": cloud_map.account_id,
        "Name": namespace.name,
        "Type": namespace.type,
        "Description": namespace.description,
        "ServiceCount": len(cloud_map.services_of(namespace)),
        "Properties": {
            "DnsProperties": dns if namespace.has_dns else {},
            "HttpProperties": {"HttpName": namespace.http_name},
        },
        "CreateDate": namespace.created,
    }


# -- services -----------------------------------------------------------------------------------


def create_service(cloud_map: CloudMap, request: Request) -> Answer:
    dns_config = request.get("DnsConfig")
    if request.get("Type") not in (None, "HTTP"):
        raise InvalidInput("The only value for Type is HTTP.")
    if request.get("Type") == "HTTP" and dns_config:
        raise InvalidInput("DnsConfig can't be specified for a service of type HTTP.")
    if dns_config and "NamespaceId" in dns_config:
        request.setdefault("NamespaceId", dns_config["NamespaceId"])
    service = cloud_map.add_service(
        cloud_map.find_namespace(request["NamespaceId"]),
        request["Name"],
        creator_request_id=request.get("CreatorRequestId"),
        description=request.get("Description"),
        dns_config=dns_config,
        health_check_config=request.get("HealthCheckConfig"),
        health_check_custom_config=request.get("HealthCheckCustomConfig"),
        tags=request.get("Tags"),
    )
    return {"Service": _whole_service(cloud_map, service)}


def get_service(cloud_map: CloudMap, request: Request) -> Answer:
    return {"Service": _whole_service(cloud_map, cloud_map.get_service(request["Id"]))}


def list_services(cloud_map: CloudMap, request: Request) -> Answer:
    fields: dict[str, Callable[[Service], str | None]] = {
        "NAMESPACE_ID": lambda service: service.namespace_id,
        "RESOURCE_OWNER": lambda _: "SELF",
    }
    for wanted in request.get("Filters") or []:
        if wanted["Name"] == "NAMESPACE_ID":
            wanted["Values"] = [value.rsplit("/", 1)[-1] for value in wanted["Values"]]
    found = _filtered(list(cloud_map.services.values()), request, fields)
    return _paged(request, "Services", [_service(cloud_map, service) for service in found])


def update_service(cloud_map: CloudMap, request: Request) -> Answer:
    return {"OperationId": cloud_map.change_service(request["Id"], request["Service"])}


def delete_service(cloud_map: CloudMap, request: Request) -> Answer:
    cloud_map.remove_service(request["Id"])
    return {}


def get_service_attributes(cloud_map: CloudMap, request: Request) -> Answer:
    service = cloud_map.get_service(request["ServiceId"])
    owner = {"ServiceArn": service.arn, "ResourceOwner": cloud_map.account_id}
    return {"ServiceAttributes": {**owner, "Attributes": service.attributes}}


def _service(cloud_map: CloudMap, service: Service) -> Answer:
    return {
        "Id": service.id,
        "Arn": service.arn,
        "ResourceOwner": cloud_map.account_id,
        "Name": service.name,
        "Type": service.type,
        "Description": service.description,
        "InstanceCount": len(service.instances),
        "DnsConfig": service.dns_config,
        "HealthCheckConfig": service.health_check_config,
        "HealthCheckCustomConfig": service.health_check_custom_config,
        "CreateDate": service.created,
        "CreatedByAccount": cloud_map.account_id,
    }


def _whole_service(cloud_map: CloudMap, service: Service) -> Answer:
    return {
        **_service(cloud_map, service),
        "NamespaceId": service.namespace_id,
        "CreatorRequestId": service.creator_request_id,
    }


# -- instances ----------------------------------------------------------------------------------


def register_instance(cloud_map: CloudMap, request: Request) -> Answer:
    operation_id = cloud_map.put_instance(
        request["ServiceId"], request["InstanceId"], request["Attributes"], request.get("CreatorRequestId")
    )
    return {"OperationId": operation_id}


def deregister_instance(cloud_map: CloudMap, request: Request) -> Answer:
    return {"OperationId": cloud_map.remove_instance(request["ServiceId"], request["InstanceId"])}


def get_instance(cloud_map: CloudMap, request: Request) -> Answer:
    service = cloud_map.get_service(request["ServiceId"])
    instance = cloud_map.find_instance(service, request["InstanceId"])
    return {
        "ResourceOwner": cloud_map.account_id,
        "Instance": {**_instance(cloud_map, instance), "CreatorRequestId": instance.creator_request_id},
    }


def list_instances(cloud_map: CloudMap, request: Request) -> Answer:
    service = cloud_map.get_service(request["ServiceId"])
    page = _paged(request, "Instances", [_instance(cloud_map, each) for each in service.instances.values()])
    return {"ResourceOwner": cloud_map.account_id, **page}


def _instance(cloud_map: CloudMap, instance: Instance) -> Answer:
    return {"Id": instance.id, "Attributes": instance.attributes, "CreatedByAccount": cloud_map.account_id}


def get_instances_health_status(cloud_map: CloudMap, request: Request) -> Answer:
    service = cloud_map.get_service(request["ServiceId"])
    wanted = request.get("Instances") or list(service.instances)
    now = cloud_map.clock.time()
    found = [cloud_map.find_instance(service, instance_id) for instance_id in wanted]
    page = _paged(request, "Status", [(each.id, service.health_of(each, now)) for each in found])
    return {**page, "Status": dict(page["Status"])}


def update_instance_custom_health_status(cloud_map: CloudMap, request: Request) -> Answer:
    service = cloud_map.get_service(request["ServiceId"])
    instance = cloud_map.find_instance(service, request["InstanceId"])
    if request["Status"] not in ("HEALTHY", "UNHEALTHY"):
        raise InvalidInput(f"Invalid Status: {request['Status']}; use HEALTHY or UNHEALTHY.")
    if service.health_check_custom_config is None:
        raise CustomHealthNotFound(f"{service.id} has no HealthCheckCustomConfig; it can't be added later.")
    cloud_map.report_health(instance, request["Status"])
    return {}


def discover_instances(cloud_map: CloudMap, request: Request) -> Answer:
    namespace = cloud_map.namespace_named(request["NamespaceName"])
    service = cloud_map.service_named(namespace, request["ServiceName"])
    health = request.get("HealthStatus") or "HEALTHY"
    if health not in HEALTH_FILTERS:
        raise InvalidInput(f"Invalid HealthStatus: {health}; use one of {', '.join(HEALTH_FILTERS)}.")
    limit = _limit(request, "MaxResults", default=100, most=1000)
    now = cloud_map.clock.time()
    found = discovered(
        service,
        now,
        query=request.get("QueryParameters") or {},
        optional=request.get("OptionalParameters") or {},
        health=health,
        is_seen=lambda one: not cloud_map.host.lately.has(("registered", service.arn, one.id)),
    )
    instances = [
        {
            "InstanceId": instance.id,
            "NamespaceName": request["NamespaceName"],
            "ServiceName": service.name,
            "HealthStatus": service.health_of(instance, now),
            "Attributes": instance.attributes,
        }
        for instance in found[:limit]
    ]
    return {"Instances": instances, "InstancesRevision": service.revision}


def discover_instances_revision(cloud_map: CloudMap, request: Request) -> Answer:
    namespace = cloud_map.namespace_named(request["NamespaceName"])
    return {"InstancesRevision": cloud_map.service_named(namespace, request["ServiceName"]).revision}


# -- operations ---------------------------------------------------------------------------------


def get_operation(cloud_map: CloudMap, request: Request) -> Answer:
    found = cloud_map.find_operation(request["OperationId"])
    status = found.status(cloud_map.clock.time())
    code, message = found.error if found.error and status == "FAIL" else (None, None)
    return {
        "Operation": {
            "Id": found.id,
            "OwnerAccount": cloud_map.account_id,
            "Type": found.type,
            "Status": status,
            "ErrorCode": code,
            "ErrorMessage": message,
            "CreateDate": found.created,
            "UpdateDate": found.updated(cloud_map.clock),
            "Targets": found.targets,
        }
    }


def list_operations(cloud_map: CloudMap, request: Request) -> Answer:
    now = cloud_map.clock.time()
    fields: dict[str, Callable[[Operation], Any]] = {
        "NAMESPACE_ID": lambda found: found.namespace_id,
        "SERVICE_ID": lambda found: found.service_id,
        "STATUS": lambda found: found.status(now),
        "TYPE": lambda found: found.type,
        "UPDATE_DATE": lambda found: found.updated(cloud_map.clock),
    }
    found = _filtered(list(cloud_map.operations.values()), request, fields)
    return _paged(request, "Operations", [{"Id": each.id, "Status": each.status(now)} for each in found])


# -- lists --------------------------------------------------------------------------------------


def _filtered(items: list[T], request: Request, fields: dict[str, Callable[[T], Any]]) -> list[T]:
    for wanted in request.get("Filters") or []:
        values, condition = wanted["Values"], wanted.get("Condition", "EQ")
        field = fields.get(wanted["Name"])
        if field is None:
            raise InvalidInput(f"Invalid filter name: {wanted['Name']}; use one of {', '.join(fields)}.")
        test = _condition(wanted["Name"], condition, values)
        items = [item for item in items if test(field(item))]
    return items


def _condition(name: str, condition: str, values: list[str]) -> Callable[[Any], bool]:
    if condition in ("EQ", "BEGINS_WITH") and len(values) != 1:
        raise InvalidInput(f"Filter {name}: the condition {condition} takes one value.")
    if condition == "EQ":
        return lambda value: value == values[0]
    if condition == "BEGINS_WITH":
        return lambda value: str(value).startswith(values[0])
    if condition == "IN":
        return lambda value: value in values
    if condition == "BETWEEN" and len(values) == 2:
        try:
            first, last = (float(value) for value in values)
        except ValueError:
            raise InvalidInput(f"Filter {name}: BETWEEN takes a start and an end in Unix time.") from None
        return lambda value: first <= value <= last
    raise InvalidInput(f"Filter {name}: invalid condition {condition}.")


def _limit(request: Request, key: str, *, default: int, most: int) -> int:
    limit = request.get(key) or default
    if not 1 <= limit <= most:
        raise InvalidInput(f"{key} must be between 1 and {most}, not {limit}.")
    return int(limit)


def _paged(request: Request, key: str, items: Sequence[Any]) -> Answer:
    limit = _limit(request, "MaxResults", default=100, most=100)
    first = paging.place(request.get("NextToken"))
    if first is None:
        raise InvalidInput("Invalid NextToken.")
    some, more = paging.page(items, first, limit, "NextToken")
    return {key: some, **more}


OPERATIONS = [
    create_http_namespace, create_private_dns_namespace, create_public_dns_namespace, update_http_namespace,
    update_private_dns_namespace, update_public_dns_namespace, delete_namespace, get_namespace,
    list_namespaces, create_service, get_service, list_services, update_service, delete_service,
    get_service_attributes,
    register_instance, deregister_instance, get_instance, list_instances, get_instances_health_status,
    update_instance_custom_health_status, discover_instances, discover_instances_revision, get_operation,
    list_operations,
]  # fmt: skip

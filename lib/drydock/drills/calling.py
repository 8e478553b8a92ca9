"""Drills on names: who calls a service by its name, and whom the name leads to."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from drydock.drills.drill import Drill
from drydock.drills.site import Site
from drydock.prep.practicals.practical import Seen
from drydock.resources.kind import every

NAMESPACE = "production.internal"
LOST = "0" * 32
"""The id of a task that is long gone."""


def _lay(site: Site) -> None:
    cloud_map = site.cloud.client("servicediscovery")
    operation = cloud_map.create_private_dns_namespace(Name=NAMESPACE, Vpc=site.vpc)["OperationId"]
    site.until(lambda: _done(cloud_map, operation), f"the namespace {NAMESPACE} is there")
    [namespace] = [one for one in every(cloud_map, "list_namespaces", "Namespaces") if one["Name"] == NAMESPACE]
    records = {"RoutingPolicy": "MULTIVALUE", "DnsRecords": [{"Type": "A", "TTL": 10}]}
    made = cloud_map.create_service(Name=site.name, NamespaceId=namespace["Id"], DnsConfig=records)["Service"]
    site.serve(2, serviceRegistries=[{"registryArn": made["Arn"]}])
    site.until(lambda: len(_instances(site)) == 2, "its tasks are registered")


def _done(cloud_map: Any, operation: str) -> bool:
    return bool(cloud_map.get_operation(OperationId=operation)["Operation"]["Status"] == "SUCCESS")


def _registry(site: Site) -> str:
    """Id of the Cloud Map service that callers ask for, whatever tasks are registered in; "" where there is none."""
    cloud_map = site.cloud.client("servicediscovery")
    spaces = [one["Id"] for one in every(cloud_map, "list_namespaces", "Namespaces") if one["Name"] == NAMESPACE]
    inside = [{"Name": "NAMESPACE_ID", "Values": spaces}]
    found = every(cloud_map, "list_services", "Services", Filters=inside) if spaces else ()
    return next((str(one["Id"]) for one in found if one["Name"] == site.name), "")


def _instances(site: Site) -> dict[str, str]:
    """{address: id} of what is registered."""
    if not (registry := _registry(site)):
        return {}
    found = every(site.cloud.client("servicediscovery"), "list_instances", "Instances", ServiceId=registry)
    return {one["Attributes"].get("AWS_INSTANCE_IPV4", ""): one["Id"] for one in found}


def _addresses(site: Site) -> set[str]:
    """Of the tasks that run."""
    details = [each for task in site.running() for one in task["attachments"] for each in one["details"]]
    return {each["value"] for each in details if each["name"] == "privateIPv4Address"}


def _left_behind(site: Site) -> None:
    """What a task that lost its machine leaves in Cloud Map: nobody took it away."""
    there = next(iter(_instances(site).items()))
    cloud_map = site.cloud.client("servicediscovery")
    its = cloud_map.get_instance(ServiceId=_registry(site), InstanceId=there[1])["Instance"]["Attributes"]
    nobody = str(ipaddress.ip_address(there[0]) + 100)
    cloud_map.register_instance(
        ServiceId=_registry(site), InstanceId=LOST, Attributes={**its, "AWS_INSTANCE_IPV4": nobody}
    )


def _stale(site: Site) -> str:
    if not site.steady():
        return ""
    gone = {address: name for address, name in _instances(site).items() if address not in _addresses(site)}
    told = ", ".join(f"{name} ({address})" for address, name in gone.items())
    return f"Registered, and no task's: {told}" if told else ""


def _deregister(site: Site) -> None:
    there = _addresses(site)
    for address, name in _instances(site).items():
        if address not in there:
            site.cloud.client("servicediscovery").deregister_instance(ServiceId=_registry(site), InstanceId=name)


def _found_by_name(site: Site) -> Sequence[Seen]:
    registered, running = set(_instances(site)), _addresses(site)
    found = f"{len(registered & running)} of {len(running)} tasks are registered"
    return [
        Seen("Every task that runs is found by the service's name", running <= registered and bool(running), found),
        Seen(
            "Every call by that name is answered",
            registered <= running,
            "it is" if registered <= running else "not every one",
        ),
    ]


STALE = Drill(
    "drydock-accounts",
    "One call in three gets no answer",
    f"Other services call `accounts` by its name, drydock-accounts.{NAMESPACE}. Since a machine of AWS failed last "
    "night, one call in three is not answered at all. Requests by the load balancer are, and every target is healthy.",
    "stale-name",
    "An instance is registered in Cloud Map that no task stands behind: its task is gone, and its deregistration was "
    "lost. list_instances beside the addresses of the running tasks shows it. ECS takes away what it registers when it "
    "stops a task, and looks at no other.",
    2,
    _lay,
    _left_behind,
    lambda site: bool(_stale(site)),
    _stale,
    _deregister,
    _found_by_name,
)

DRILLS = (STALE,)

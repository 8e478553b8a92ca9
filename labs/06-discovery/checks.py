"""Lab 06: tasks are found by name.

What later labs find: the private DNS namespace shop.internal, the Cloud Map service backend in it (A, TTL 10) which
the ECS service backend keeps, and the Cloud Map service frontend (SRV) which the ECS service frontend keeps.
"""

from __future__ import annotations

from drydock.labs import Outline, not_started, passed, wait_until, wrong
from drydock.labs.shop import (
    DEFINITION,
    ask_frontend,
    coming,
    is_steady,
    service,
    stopped_by_hand,
    tasks,
    until_steady,
    vpc_id,
)
from drydock.pricing import fargate_tasks, load_balancers, public_addresses, unpriced
from drydock.resources.kind import every

outline = Outline(
    title="Discovery",
    goal="The frontend finds the backend by a name: who writes it, who reads it, and who keeps it too long.",
    minutes="25 to 30",
    needs=["05-services:create-load-balancer", "05-services:create-services"],
    costs=[
        fargate_tasks(8, cpu=256, memory=512),
        load_balancers(),
        unpriced("load balancer capacity units"),
        unpriced("Cloud Map calls and hosted zone"),
        public_addresses(11),
        unpriced("CloudWatch Logs and Container Insights"),
        unpriced("Secrets Manager secret"),
    ],
    hours=1.0,
)

NAMESPACE = "shop.internal"


# -- reading the cloud


def namespace(cloud):
    """The namespace shop.internal, or None."""
    found = every(cloud.client("servicediscovery"), "list_namespaces", "Namespaces")
    return next((one for one in found if one["Name"] == NAMESPACE), None)


def map_service(cloud, name):
    """The Cloud Map service of that name in shop.internal, or None."""
    inside = namespace(cloud)
    if inside is None:
        return None
    cloud_map = cloud.client("servicediscovery")
    inside_it = [{"Name": "NAMESPACE_ID", "Values": [inside["Id"]]}]
    found = every(cloud_map, "list_services", "Services", Filters=inside_it)
    ids = [one["Id"] for one in found if one["Name"] == name]
    return cloud_map.get_service(Id=ids[0])["Service"] if ids else None


def records(one):
    """Record type → TTL of a Cloud Map service."""
    return {record["Type"]: record["TTL"] for record in one.get("DnsConfig", {}).get("DnsRecords", ())}


def instances(cloud, name):
    """Instance id → attributes, of a Cloud Map service of shop.internal."""
    found = cloud.client("servicediscovery").list_instances(ServiceId=map_service(cloud, name)["Id"])["Instances"]
    return {one["Id"]: one["Attributes"] for one in found}


def running(cloud, name):
    """Ids of the tasks of an ECS service that run."""
    return {one["taskArn"].rsplit("/", 1)[-1] for one in tasks(cloud, name) if one["lastStatus"] == "RUNNING"}


def not_done(one):
    """The check of a service whose deployment is not done."""
    look = "describe_services: deployments, events"
    return wrong("The deployment is not done yet.", look=look, waits_for=coming(one))


def unregistered(cloud, one):
    """What can be waited for where running tasks of a service are not all registered, or others are; "" if nothing."""
    registered, there = instances(cloud, one["serviceName"]), running(cloud, one["serviceName"])
    if any("ECS_SERVICE_NAME" not in its for name, its in registered.items() if name not in there):
        return ""
    return coming(one) if not is_steady(one) else "Cloud Map to have every task that runs"


def known_by_name(cloud):
    """Whether Cloud Map has a task under the backend's name."""
    return map_service(cloud, "backend") is not None and bool(instances(cloud, "backend"))


def use(cloud, name, definition):
    """Let an ECS service use a task definition, and wait until it does."""
    cloud.client("ecs").update_service(cluster="drydock", service=name, taskDefinition=definition)
    until_steady(cloud, name)


def register_with(cloud, family, variable, value):
    """A new revision of a family that has one environment variable of its first container set; its ARN."""
    ecs = cloud.client("ecs")
    known = ecs.describe_task_definition(taskDefinition=family)["taskDefinition"]
    copied = {key: known[key] for key in DEFINITION if key in known}
    container = copied["containerDefinitions"][0]
    others = [item for item in container.get("environment", ()) if item["name"] != variable]
    container["environment"] = [*others, {"name": variable, "value": value}]
    return ecs.register_task_definition(**copied)["taskDefinition"]["taskDefinitionArn"]


# -- steps


@outline.step(
    "create-namespace",
    title="A private DNS namespace, shop.internal, for the VPC",
    hints=[
        "servicediscovery.create_private_dns_namespace(Name=…, Vpc=…).",
        "It answers with an OperationId at once: get_operation says when it is done.",
    ],
)
def create_namespace(cloud, lab):
    found = namespace(cloud)
    if found is None:
        return not_started("There is no namespace shop.internal.")
    if found["Type"] != "DNS_PRIVATE":
        return wrong(f"shop.internal is of the type {found['Type']}.", look="create_private_dns_namespace")
    for attribute in ("enableDnsSupport", "enableDnsHostnames"):
        answer = cloud.client("ec2").describe_vpc_attribute(VpcId=vpc_id(cloud), Attribute=attribute)
        if not answer[attribute[0].upper() + attribute[1:]]["Value"]:
            return wrong(f"The VPC has {attribute} off: its resolver knows no private zone.", look=attribute)
    return passed("shop.internal is a private zone, and the VPC's resolver may answer for it.")


@create_namespace.solution
def _(cloud, lab):
    cloud_map = cloud.client("servicediscovery")
    operation = cloud_map.create_private_dns_namespace(Name="shop.internal", Vpc=vpc_id(cloud))["OperationId"]
    wait_until(
        lambda: cloud_map.get_operation(OperationId=operation)["Operation"]["Status"] == "SUCCESS",
        "the namespace is there",
    )


@outline.step(
    "register-backend",
    title="A Cloud Map service with A records, kept by the ECS service backend",
    hints=[
        "servicediscovery.create_service: DnsConfig with an A record of TTL 10, HealthCheckCustomConfig.",
        "ecs.update_service with serviceRegistries: for an A record the registryArn and nothing else.",
    ],
)
def register_backend(cloud, lab):
    found = map_service(cloud, "backend")
    if found is None:
        return not_started("There is no Cloud Map service `backend` in shop.internal.")
    if set(records(found)) != {"A"}:
        return wrong(
            f"Its records are {', '.join(records(found)) or 'none'}, not A: create it again.", look="DnsRecords"
        )
    if records(found)["A"] > 60:
        return wrong(f"Clients may keep an answer for {records(found)['A']} s.", look="update_service, TTL")
    if found["DnsConfig"].get("RoutingPolicy") != "MULTIVALUE":
        return wrong("Each answer has one address: the routing policy is not MULTIVALUE.", look="RoutingPolicy")
    if "HealthCheckCustomConfig" not in found:
        return wrong(
            "Nobody can tell it that a task is unhealthy, and that cannot be added later.",
            look="create_service, HealthCheckCustomConfig",
        )
    one = service(cloud, "backend")
    if one is None or [each["registryArn"] for each in one.get("serviceRegistries", ())] != [found["Arn"]]:
        return wrong("The ECS service backend does not register its tasks there.", look="serviceRegistries")
    if not is_steady(one):
        return not_done(one)
    if running(cloud, "backend") - set(instances(cloud, "backend")):
        look = "list_instances; events of the service"
        return wrong("Not every running task is registered.", look=look, waits_for=unregistered(cloud, one))
    return passed("Every running task of the backend has an A record.")


@register_backend.solution
def _(cloud, lab):
    found = map_service(cloud, "backend")
    if found is None:
        found = cloud.client("servicediscovery").create_service(
            Name="backend",
            NamespaceId=namespace(cloud)["Id"],
            DnsConfig={"RoutingPolicy": "MULTIVALUE", "DnsRecords": [{"Type": "A", "TTL": 10}]},
            HealthCheckCustomConfig={"FailureThreshold": 1},
        )["Service"]
    cloud.client("ecs").update_service(
        cluster="drydock", service="backend", serviceRegistries=[{"registryArn": found["Arn"]}]
    )
    until_steady(cloud, "backend")


@outline.step(
    "discover",
    title="Ask Cloud Map itself: every running task, each healthy",
    at_once=True,
    hints=["servicediscovery.discover_instances(NamespaceName=…, ServiceName=…, HealthStatus=…)."],
)
def discover(cloud, lab):
    if map_service(cloud, "backend") is None:
        return not_started("There is no Cloud Map service `backend` in shop.internal.")
    found = cloud.client("servicediscovery").discover_instances(
        NamespaceName=NAMESPACE, ServiceName="backend", HealthStatus="ALL"
    )["Instances"]
    one = service(cloud, "backend")
    kept = one is not None and bool(one.get("serviceRegistries"))
    waits_for = unregistered(cloud, one) if kept else ""
    if not found:
        return not_started("Nothing is registered as backend.shop.internal.", waits_for=waits_for)
    sick = [one for one in found if one["HealthStatus"] != "HEALTHY"]
    if sick:
        message = f"{len(sick)} of {len(found)} are not healthy."
        return wrong(message, look="discover_instances, HealthStatus", waits_for=waits_for)
    if {one["InstanceId"] for one in found} != running(cloud, "backend"):
        look = "list_instances; list_tasks(serviceName='backend')"
        return wrong("What is registered is not what runs.", look=look, waits_for=waits_for)
    return passed(f"{len(found)} tasks run, the same {len(found)} are registered, and all are healthy.")


@discover.solution
def _(cloud, lab):
    wait_until(lambda: discover.check(cloud, lab).passed, "what is registered is what runs")


@outline.step(
    "frontend-finds-backend",
    title="The frontend calls http://backend.shop.internal:8080 and all the backend's tasks answer",
    at_once=True,
    hints=[
        "http://<DNSName>/api?calls=30 says who answered.",
        "BACKEND_URL in the environment of the frontend's container; the image's default is right.",
    ],
)
def frontend_finds_backend(cloud, lab):
    report, one = ask_frontend(cloud), service(cloud, "frontend")
    there = one is not None and one["desiredCount"] > 0
    if not report:
        waits_for = "an answer of the frontend" if there and (is_steady(one) or coming(one)) else ""
        return not_started("The load balancer gives no answer of the frontend.", waits_for=waits_for)
    registered = known_by_name(cloud)
    if not report["answered"] and "does not resolve" in " ".join(report["failed"]):
        waits_for = "backend.shop.internal to resolve" if registered else ""
        return not_started("backend.shop.internal does not resolve.", waits_for=waits_for)
    if report["backend"] != "http://backend.shop.internal:8080":
        waits_for = coming(one) if there and not is_steady(one) else ""
        look = "BACKEND_URL of the frontend's task definition"
        return wrong("The frontend calls another URL.", look=look, waits_for=waits_for)
    waits_for = "every task of the backend to answer" if registered else ""
    if report["failed"]:
        look = "`failed` in what /api says; discover_instances"
        return wrong("Some calls are not answered.", look=look, waits_for=waits_for)
    if set(report["answered"]) != running(cloud, "backend"):
        look = "`answered` and `dns` in what /api says"
        return wrong("Not every task of the backend has answered.", look=look, waits_for=waits_for)
    return passed(f"All of 30 calls were answered, by all {len(report['answered'])} tasks of the backend.")


@frontend_finds_backend.solution
def _(cloud, lab):
    if ask_frontend(cloud)["backend"] != "http://backend.shop.internal:8080":
        url = "http://backend.shop.internal:8080"
        use(cloud, "frontend", register_with(cloud, "drydock-frontend", "BACKEND_URL", url))
    wait_until(lambda: frontend_finds_backend.check(cloud, lab).passed, "the frontend finds the backend")


@outline.step(
    "srv",
    title="SRV records for the frontend: a name that carries the port",
    hints=[
        "A Cloud Map service `frontend` with an SRV record.",
        "serviceRegistries needs containerName and containerPort now: it is the port that is registered.",
    ],
)
def srv(cloud, lab):
    found = map_service(cloud, "frontend")
    if found is None:
        return not_started("There is no Cloud Map service `frontend` in shop.internal.")
    if set(records(found)) != {"SRV"}:
        return wrong(
            f"Its records are {', '.join(records(found)) or 'none'}, not SRV: create it again.", look="DnsRecords"
        )
    one = service(cloud, "frontend")
    if one is None or [each["registryArn"] for each in one.get("serviceRegistries", ())] != [found["Arn"]]:
        return wrong("The ECS service frontend does not register its tasks there.", look="serviceRegistries")
    if not is_steady(one):
        return not_done(one)
    ports = {each.get("AWS_INSTANCE_PORT") for each in instances(cloud, "frontend").values()}
    if ports != {"8080"}:
        return wrong("The port that is registered is not 8080.", look="serviceRegistries, containerPort")
    return passed("Every task of the frontend has an SRV record with port 8080.")


@srv.solution
def _(cloud, lab):
    found = map_service(cloud, "frontend")
    if found is None:
        found = cloud.client("servicediscovery").create_service(
            Name="frontend",
            NamespaceId=namespace(cloud)["Id"],
            DnsConfig={"DnsRecords": [{"Type": "SRV", "TTL": 10}]},
            HealthCheckCustomConfig={"FailureThreshold": 1},
        )["Service"]
    registry = {"registryArn": found["Arn"], "containerName": "frontend", "containerPort": 8080}
    cloud.client("ecs").update_service(cluster="drydock", service="frontend", serviceRegistries=[registry])
    until_steady(cloud, "frontend")


@outline.your_turn(
    "more-than-eight",
    title="Bring the backend to ten tasks",
    hints=["ecs.update_service, desiredCount.", "Wait until list_instances shows ten."],
)
def more_than_eight(cloud, lab):
    one = service(cloud, "backend")
    if one is None or map_service(cloud, "backend") is None:
        return not_started("There is no service `backend`, or it is not in Cloud Map.")
    if one["desiredCount"] < 9:
        return not_started("`backend` does not want more than eight tasks.")
    if one["desiredCount"] != 10:
        return wrong(f"`backend` wants {one['desiredCount']} tasks.", look="update_service, desiredCount")
    if not is_steady(one):
        message = "Ten are desired, and they do not all run yet."
        return wrong(message, look="describe_services: events", waits_for=coming(one))
    if len(instances(cloud, "backend")) != 10:
        message = "Ten run, and not ten are registered."
        return wrong(message, look="list_instances", waits_for=unregistered(cloud, one))
    return passed("Ten tasks run, and ten are registered.")


@more_than_eight.solution
def _(ecs):
    ecs.update_service(cluster="drydock", service="backend", desiredCount=10)
    ecs.get_waiter("services_stable").wait(cluster="drydock", services=["backend"])


@outline.your_turn(
    "shorter-ttl",
    title="Let clients keep an answer for backend.shop.internal for 3 seconds, not 10",
    hints=[
        "servicediscovery.update_service, with Service={'DnsConfig': {'DnsRecords': […]}}.",
        "The type stays A: the types of a service's records cannot be changed.",
    ],
)
def shorter_ttl(cloud, lab):
    found = map_service(cloud, "backend")
    if found is None:
        return not_started("There is no Cloud Map service `backend` in shop.internal.")
    ttl = records(found).get("A")
    if ttl is None:
        return wrong(
            "`backend` has no A record any more: an UpdateService that names no DnsConfig deletes the records, and "
            'they cannot be given back. lab.catch_up("shorter-ttl") makes it all again.',
            look="UpdateService, Service: what it leaves out is deleted",
        )
    if ttl == 10:
        return not_started("The TTL is 10 s.")
    if ttl != 3:
        return wrong(f"The TTL is {ttl} s, not 3.", look="update_service, DnsRecords, TTL")
    return passed("An answer may be kept for 3 s.")


@shorter_ttl.solution
def _(backend, cloud_map):
    records = [{"Type": "A", "TTL": 3}]
    cloud_map.update_service(Id=backend["Id"], Service={"DnsConfig": {"DnsRecords": records}})
    print(cloud_map.get_service(Id=backend["Id"])["Service"]["DnsConfig"]["DnsRecords"])


@outline.step(
    "tasks-leave-dns",
    title="Stop a task of the backend while two clients call it: its record goes before it does",
    hints=["ecs.stop_task, then look at list_instances at once.", "A client that keeps the answer keeps calling."],
)
def tasks_leave_dns(cloud, lab):
    one, found = service(cloud, "backend"), map_service(cloud, "backend")
    if one is None or found is None:
        return not_started("There is no service `backend`, or it is not in Cloud Map.")
    since = [task for task in tasks(cloud, "backend", "STOPPED") if task["createdAt"] >= found["CreateDate"]]
    gone = [task for task in since if stopped_by_hand(task, lab.began)]
    if not gone:
        return not_started("No task of `backend` was stopped by you.")
    registered = set(instances(cloud, "backend"))
    waits_for = unregistered(cloud, one)
    if registered & {task["taskArn"].rsplit("/", 1)[-1] for task in gone}:
        return wrong("A task that was stopped is still registered.", look="list_instances", waits_for=waits_for)
    if not is_steady(one) or registered != running(cloud, "backend"):
        look = "describe_services: events; list_instances"
        return wrong("It is not replaced yet.", look=look, waits_for=waits_for)
    return passed("The stopped task has no record any more; the one that replaced it has.")


@tasks_leave_dns.solution
def _(cloud, lab):
    victim = tasks(cloud, "backend")[0]["taskArn"]
    cloud.client("ecs").stop_task(cluster="drydock", task=victim, reason="Lab 06: who still calls it?")
    wait_until(lambda: tasks_leave_dns.check(cloud, lab).passed, "the stopped task has left DNS and is replaced")


# -- drills


@outline.drill(
    "left-behind",
    there=True,
    title="One call in a few is not answered, and every task is healthy",
    hints=[
        "Compare what is registered (list_instances) with what runs (list_tasks, serviceName backend).",
        "ECS deregisters what it registered. Who registered the other one? deregister_instance takes it away.",
    ],
)
def left_behind(cloud, lab):
    one = service(cloud, "backend")
    if one is None or map_service(cloud, "backend") is None:
        return not_started("There is no service `backend`, or it is not in Cloud Map.")
    registered, there = set(instances(cloud, "backend")), running(cloud, "backend")
    if registered - there:
        return wrong(
            "Some calls go to an address that no task has.",
            look="list_instances: an instance that ECS did not register has no ECS_ attributes",
            waits_for=unregistered(cloud, one),
        )
    if there - registered or not is_steady(one):
        look = "list_instances; ECS registers a task as it starts: one that was deregistered by hand needs a successor"
        return wrong("Not every task that runs is registered.", look=look, waits_for=unregistered(cloud, one))
    return passed("What is registered is what runs.")


@left_behind.breaks
def _(cloud, lab):
    subnet = cloud.client("ec2").describe_subnets(Filters=[{"Name": "tag:Name", "Values": ["drydock-a"]}])["Subnets"]
    nobody = subnet[0]["CidrBlock"].split("/")[0].rsplit(".", 1)[0] + ".250"
    cloud.client("servicediscovery").register_instance(
        ServiceId=map_service(cloud, "backend")["Id"],
        InstanceId="backend-by-hand",
        Attributes={"AWS_INSTANCE_IPV4": nobody},
    )


@left_behind.solution
def _(backend, cloud_map, ecs):
    registered = cloud_map.list_instances(ServiceId=backend["Id"])["Instances"]
    for one in registered:
        if "ECS_SERVICE_NAME" not in one["Attributes"]:
            cloud_map.deregister_instance(ServiceId=backend["Id"], InstanceId=one["Id"])
    for task in ecs.list_tasks(cluster="drydock", serviceName="backend")["taskArns"]:
        if task.rpartition("/")[2] not in [one["Id"] for one in registered]:  # ECS registers a task once: at its start
            ecs.stop_task(cluster="drydock", task=task, reason="Nobody finds it")
    ecs.get_waiter("services_stable").wait(cluster="drydock", services=["backend"])


@outline.drill(
    "no-port",
    there=True,
    title="Everything is green, and not one call of the backend is answered",
    hints=[
        "Read `failed` in what http://<DNSName>/api says: name, address, port.",
        "Which port does a URL without one mean, and where could the name have carried another?",
        "BACKEND_URL of the frontend: a new revision, or the one before; then update_service.",
    ],
)
def no_port(cloud, lab):
    report, one = ask_frontend(cloud), service(cloud, "frontend")
    if one is None:
        return not_started("There is no service `frontend`.")
    comes = calls_a_port(cloud, one) and known_by_name(cloud) and (is_steady(one) or coming(one))
    waits_for = "every call to be answered" if comes else ""
    if not report:
        message = "The load balancer gives no answer of the frontend."
        return wrong(message, look="describe_target_health", waits_for=waits_for)
    if not report["answered"]:
        message = "The frontend finds the name, and nobody answers it."
        return wrong(message, look="`failed` in what /api says", waits_for=waits_for)
    if report["failed"]:
        return wrong("Some calls are not answered.", look="`failed` in what /api says", waits_for=waits_for)
    if not is_steady(one):
        return not_done(one)
    return passed("Every call is answered again.")


def calls_a_port(cloud, one):
    """Whether the URL that the frontend is told has the backend's port."""
    ecs = cloud.client("ecs")
    known = ecs.describe_task_definition(taskDefinition=one["taskDefinition"])["taskDefinition"]
    given = {item["name"]: item["value"] for item in known["containerDefinitions"][0].get("environment", ())}
    return given.get("BACKEND_URL", "").rstrip("/").endswith(":8080")


@no_port.breaks
def _(cloud, lab):
    use(cloud, "frontend", register_with(cloud, "drydock-frontend", "BACKEND_URL", "http://backend.shop.internal"))


@no_port.solution
def _(ecs):
    used = ecs.describe_services(cluster="drydock", services=["frontend"])["services"][0]["taskDefinition"]
    now = ecs.describe_task_definition(taskDefinition=used)["taskDefinition"]
    url = {"name": "BACKEND_URL", "value": "http://backend.shop.internal:8080"}
    now["containerDefinitions"][0]["environment"] = [url]
    same = ("containerDefinitions", "cpu", "memory", "networkMode", "requiresCompatibilities", "runtimePlatform")
    same += ("family", "executionRoleArn", "taskRoleArn")
    ecs.register_task_definition(**{key: now[key] for key in same if key in now})
    ecs.update_service(cluster="drydock", service="frontend", taskDefinition=now["family"])
    ecs.get_waiter("services_stable").wait(cluster="drydock", services=["frontend"])

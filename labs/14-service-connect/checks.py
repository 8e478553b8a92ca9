"""Lab 14: a proxy beside each task.

What it leaves: the namespace shop of Cloud Map, the cluster's default; the services backend and frontend in it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from drydock.labs import Outline, not_started, passed, wait_until, wrong
from drydock.labs.shop import DEFINITION, ask_frontend, coming, is_steady, service, stopped_by_hand, tasks, until_steady
from drydock.pricing import fargate_tasks, load_balancers, public_addresses, unpriced
from drydock.resources.kind import every

outline = Outline(
    title="Service Connect",
    goal="The frontend calls the backend through a proxy beside each task: who is found, left out, and cut off.",
    minutes="25 to 30",
    needs=["05-services:create-load-balancer", "05-services:create-services"],
    costs=[
        fargate_tasks(8, cpu=256, memory=512),
        load_balancers(),
        unpriced("load balancer capacity units"),
        unpriced("Cloud Map instances"),
        public_addresses(11),
        unpriced("CloudWatch Logs, metrics and Container Insights"),
        unpriced("Secrets Manager secret"),
    ],
    hours=1.0,
)

NAMESPACE = "shop"
ALIAS = {"dnsName": "backend.shop.internal", "port": 8080}
SERVING = {
    "enabled": True,
    "services": [{"portName": "http", "discoveryName": "backend", "clientAliases": [ALIAS]}],
}
IN_ONE_ZONE = """import json, os, runpy, urllib.request
about = json.load(urllib.request.urlopen(os.environ["ECS_CONTAINER_METADATA_URI_V4"] + "/task"))
if about["AvailabilityZone"].endswith("b"):
    os.environ["ERROR_RATE"] = "1"
runpy.run_path("backend.py", run_name="__main__")"""
"""The backend, which answers every call with 500 where its task is in the second zone."""


# -- reading the cloud


def namespace(cloud):
    """The namespace shop, or None."""
    found = every(cloud.client("servicediscovery"), "list_namespaces", "Namespaces")
    return next((one for one in found if one["Name"] == NAMESPACE), None)


def connected(one):
    """The serviceConnectConfiguration of a service's newest deployment; {} where it has none."""
    configuration = one["deployments"][0].get("serviceConnectConfiguration", {}) if one else {}
    return configuration if configuration.get("enabled") else {}


def exposed(one):
    """What a service offers to others: its first Service Connect service; {} where there is none."""
    return next(iter(connected(one).get("services", ())), {})


def not_done(one):
    """The check of a service whose deployment is not done."""
    look = "describe_services: deployments, events"
    return wrong("The deployment is not done yet.", look=look, waits_for=coming(one))


def answered_with_5xx(cloud, since):
    """How many calls of the backend its tasks have answered with 5xx since then, as CloudWatch has it."""
    found = cloud.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/ECS",
        MetricName="HTTPCode_Target_5XX_Count",
        Dimensions=[{"Name": "TargetDiscoveryName", "Value": "backend"}],
        StartTime=since - timedelta(minutes=1),
        EndTime=datetime.now(UTC) + timedelta(minutes=2),
        Period=60,
        Statistics=["Sum"],
    )
    return sum(point["Sum"] for point in found["Datapoints"])


def fails_in_one_zone(cloud, one):
    """Whether a service's tasks run what fails in one zone."""
    known = cloud.client("ecs").describe_task_definition(taskDefinition=one["taskDefinition"])["taskDefinition"]
    return "ERROR_RATE" in " ".join(known["containerDefinitions"][0].get("command", ()))


def connect(cloud, **configurations):
    """Let services have these serviceConnectConfigurations, one after the other, and wait until all do."""
    for name, configuration in configurations.items():
        cloud.client("ecs").update_service(
            cluster="drydock", service=name, serviceConnectConfiguration=configuration, forceNewDeployment=True
        )
    until_steady(cloud, *configurations)


def register_with_command(cloud, family, command):
    """A new revision of a family whose first container runs this command; its ARN."""
    ecs = cloud.client("ecs")
    known = ecs.describe_task_definition(taskDefinition=family)["taskDefinition"]
    copied = {key: known[key] for key in DEFINITION if key in known}
    copied["containerDefinitions"][0]["command"] = command
    return ecs.register_task_definition(**copied)["taskDefinition"]["taskDefinitionArn"]


# -- steps


@outline.step(
    "create-namespace",
    title="A namespace, shop, which the cluster's services are in by default",
    hints=[
        "servicediscovery.create_http_namespace(Name=…): Service Connect needs no DNS.",
        "ecs.update_cluster(cluster=…, serviceConnectDefaults={'namespace': …}).",
    ],
)
def create_namespace(cloud, lab):
    found = namespace(cloud)
    if found is None:
        return not_started("There is no namespace shop.")
    cluster = cloud.client("ecs").describe_clusters(clusters=["drydock"])["clusters"][0]
    if cluster.get("serviceConnectDefaults", {}).get("namespace") != found["Arn"]:
        return wrong("It is not the default of the cluster.", look="update_cluster, serviceConnectDefaults")
    return passed("The cluster's services are in the namespace shop unless they say otherwise.")


@create_namespace.solution
def _(cloud, lab):
    if namespace(cloud) is None:
        cloud.client("servicediscovery").create_http_namespace(Name=NAMESPACE)
        wait_until(lambda: namespace(cloud) is not None, "the namespace is there")
    cloud.client("ecs").update_cluster(cluster="drydock", serviceConnectDefaults={"namespace": NAMESPACE})


@outline.step(
    "backend-serves",
    title="The backend can be called as backend.shop.internal:8080",
    hints=[
        "ecs.update_service with serviceConnectConfiguration: enabled, services.",
        "portName is the name of the port mapping, http. discoveryName is the name in Cloud Map.",
        "clientAliases: one, with the dnsName and the port that the frontend calls already.",
    ],
)
def backend_serves(cloud, lab):
    one = service(cloud, "backend")
    if not connected(one):
        return not_started("`backend` has no Service Connect.")
    entry = exposed(one)
    if not entry:
        return wrong("It offers nothing to others.", look="serviceConnectConfiguration, services")
    if entry.get("clientAliases") != [ALIAS]:
        return wrong("Others do not find it at backend.shop.internal:8080.", look="clientAliases, dnsName, port")
    if not is_steady(one):
        return not_done(one)
    return passed("Each task of the backend has a proxy, which others call for port 8080.")


@backend_serves.solution
def _(cloud, lab):
    connect(cloud, backend=SERVING)


@outline.step(
    "frontend-calls",
    title="The frontend calls it through a proxy of its own",
    hints=[
        "serviceConnectConfiguration={'enabled': True} is enough for a service that only calls.",
        "A task knows the names that were there when its deployment began.",
    ],
)
def frontend_calls(cloud, lab):
    one = service(cloud, "frontend")
    if not connected(one):
        return not_started("`frontend` has no Service Connect.")
    if not is_steady(one):
        return not_done(one)
    report = ask_frontend(cloud)
    there = connected(service(cloud, "backend")) and is_steady(service(cloud, "backend"))
    waits_for = "every call to be answered" if there else ""
    if not report or report["failed"]:
        look = "`failed` in what /api says; was the frontend deployed after the backend had its name?"
        return wrong("Calls of the backend fail.", look=look, waits_for=waits_for)
    return passed("All of 30 calls were answered.")


@frontend_calls.solution
def _(cloud, lab):
    connect(cloud, frontend={"enabled": True})
    wait_until(lambda: frontend_calls.check(cloud, lab).passed, "every call is answered")


@outline.step(
    "tasks-leave",
    title="Stop a task of the backend while it is called: no call is lost",
    hints=["ecs.stop_task, while somebody asks the frontend again and again."],
)
def tasks_leave(cloud, lab):
    one = service(cloud, "backend")
    if not connected(one):
        return not_started("`backend` has no Service Connect.")
    stopped = tasks(cloud, "backend", "STOPPED")
    began = one["deployments"][-1]["createdAt"]
    if not [task for task in stopped if stopped_by_hand(task, lab.began) and task["createdAt"] >= began]:
        return not_started("No task of `backend` that has a proxy was stopped by you.")
    if not is_steady(one):
        return wrong("It is not replaced yet.", look="describe_services: events", waits_for=coming(one))
    return passed("The stopped task is replaced, and the proxies call the one that took its place.")


@tasks_leave.solution
def _(cloud, lab):
    victim = tasks(cloud, "backend")[0]["taskArn"]
    cloud.client("ecs").stop_task(cluster="drydock", task=victim, reason="Lab 14: is a call lost?")
    wait_until(lambda: tasks_leave.check(cloud, lab).passed, "the stopped task is replaced")


@outline.step(
    "one-zone-fails",
    title="The backends of one zone answer 500, and their callers leave them out",
    hints=[
        "A new revision of drydock-backend whose command sets ERROR_RATE in one zone; update_service.",
        "Ask the frontend for a hundred calls or two, then look at HTTPCode_Target_5XX_Count in CloudWatch.",
    ],
)
def one_zone_fails(cloud, lab):
    one = service(cloud, "backend")
    if not connected(one) or not fails_in_one_zone(cloud, one):
        return not_started("No task of `backend` is made to fail.")
    if not is_steady(one):
        return not_done(one)
    if not answered_with_5xx(cloud, max(lab.began, one["deployments"][0]["createdAt"])):
        return wrong(
            "CloudWatch has no 5xx of the backend yet.",
            look="AWS/ECS, HTTPCode_Target_5XX_Count, TargetDiscoveryName backend",
            waits_for="CloudWatch to have the minute" if ask_frontend(cloud, 60) else "",
        )
    return passed("The proxies have seen a task fail, and CloudWatch has counted it.")


@one_zone_fails.solution
def _(cloud, lab):
    command = ["-c", IN_ONE_ZONE]  # after the image's ENTRYPOINT, python
    cloud.client("ecs").update_service(
        cluster="drydock",
        service="backend",
        taskDefinition=register_with_command(cloud, "drydock-backend", command),
    )
    until_steady(cloud, "backend")
    wait_until(lambda: one_zone_fails.check(cloud, lab).passed, "CloudWatch has counted the failures", timeout=180)


@outline.your_turn(
    "time-out",
    title="No call of the backend may take longer than a second",
    hints=[
        "The proxies of its callers cut a call off: `timeout` in the Service Connect service of the backend.",
        "perRequestTimeoutSeconds. What UpdateService is given replaces the whole serviceConnectConfiguration.",
    ],
)
def time_out(cloud, lab):
    one = service(cloud, "backend")
    if not exposed(one):
        return not_started("`backend` offers nothing by Service Connect.")
    seconds = exposed(one).get("timeout", {}).get("perRequestTimeoutSeconds")
    if seconds is None:
        return not_started("A call may take 15 s, the default.")
    if exposed(one).get("clientAliases") != [ALIAS]:
        look = "update_service replaces the whole serviceConnectConfiguration"
        return wrong("Others do not find it at backend.shop.internal:8080 any more.", look=look)
    if seconds == 0:
        return wrong("A call may take for ever: 0 turns the time-out off.", look="perRequestTimeoutSeconds")
    if seconds != 1:
        return wrong(f"A call may take {seconds} s.", look="perRequestTimeoutSeconds")
    if not is_steady(one):
        return not_done(one)
    return passed("A call that takes longer than a second is answered 504 by the caller's own proxy.")


@time_out.solution
def _(ecs):
    alias = {"dnsName": "backend.shop.internal", "port": 8080}
    backend = {"portName": "http", "discoveryName": "backend", "clientAliases": [alias]}
    backend["timeout"] = {"perRequestTimeoutSeconds": 1}
    configuration = {"enabled": True, "services": [backend]}
    ecs.update_service(cluster="drydock", service="backend", serviceConnectConfiguration=configuration)
    ecs.get_waiter("services_stable").wait(cluster="drydock", services=["backend"])


# -- drills


@outline.drill(
    "renamed",
    there=True,
    title="The frontend was deployed again, as it was, and finds nobody",
    hints=[
        "Read `failed` in what http://<DNSName>/api says. Which name, which port?",
        "Which names can a new task call? describe_services of the backend: clientAliases.",
        "Give the backend its alias back; then a new deployment of the frontend, which knows only what it began with.",
    ],
)
def renamed(cloud, lab):
    one = service(cloud, "frontend")
    if not connected(one) or not connected(service(cloud, "backend")):
        return not_started("`frontend` or `backend` has no Service Connect.")
    report = ask_frontend(cloud)
    if not report or not report["answered"]:
        comes = exposed(service(cloud, "backend")).get("clientAliases") == [ALIAS]
        if comes and is_steady(one):
            return wrong(
                "The backend has its alias again, and the tasks of the frontend do not know it.",
                look="describe_services: createdAt of both services' deployments",
            )
        waits_for = coming(one) if comes else ""
        return wrong("Not one call is answered.", look="`failed` in what /api says", waits_for=waits_for)
    if report["failed"] or not is_steady(one):
        return not_done(one)
    return passed("Every call is answered again.")


@renamed.breaks
def _(cloud, lab):
    entry = {key: value for key, value in exposed(service(cloud, "backend")).items() if key != "clientAliases"}
    aliases = [{"dnsName": "backend", "port": 80}]
    other = {"enabled": True, "services": [{**entry, "clientAliases": aliases}]}
    connect(cloud, backend=other, frontend={"enabled": True})


@renamed.solution
def _(ecs):
    now = ecs.describe_services(cluster="drydock", services=["backend"])["services"][0]["deployments"][0]
    configuration = now["serviceConnectConfiguration"]
    configuration["services"][0]["clientAliases"] = [{"dnsName": "backend.shop.internal", "port": 8080}]
    ecs.update_service(cluster="drydock", service="backend", serviceConnectConfiguration=configuration)
    ecs.update_service(cluster="drydock", service="frontend", forceNewDeployment=True)
    ecs.get_waiter("services_stable").wait(cluster="drydock", services=["backend", "frontend"])

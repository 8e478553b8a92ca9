"""Service Connect on a cloud whose time is moved by hand: who is found by what name, from when on, and until when."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.lab import Lab
from tests.support.stepped import AtOnce, FakeEnvoy, World

from drydock.embedded.services.ecs.records import Task
from drydock.policy.mesh import service_connect as rules

PORTS = [{"containerPort": 8080, "name": "web", "appProtocol": "http"}]


@pytest.fixture
def lab(world: World) -> Lab:
    lab = world.lab()
    lab.client("servicediscovery").create_http_namespace(Name="shop")
    return lab


def serving(**service: Any) -> dict[str, Any]:
    """A configuration that lets others call the port `web` as backend:9000."""
    alias = {"port": 9000, "dnsName": "backend", **service.pop("alias", {})}
    return {
        "enabled": True,
        "namespace": "shop",
        "services": [{"portName": "web", "discoveryName": "backend", "clientAliases": [alias], **service}],
    }


CALLING = {"enabled": True, "namespace": "shop"}


def make(lab: Lab, name: str, count: int, configuration: dict[str, Any], **request: Any) -> None:
    container = request.pop("container", {})
    definition = lab.register(name, **{"portMappings": PORTS, **container})
    lab.create(definition, count, name, serviceConnectConfiguration=configuration, **request)
    lab.until_steady(count, name)


def tasks(world: World, name: str) -> list[Task]:
    return [task for task in world.tasks() if task.group == f"service:{name}"]


def proxy(world: World, name: str = "front") -> FakeEnvoy:
    """The proxy of the one task of a service."""
    [task] = tasks(world, name)
    return world.proxies.made[task.id]


def called(envoy: FakeEnvoy, name: str = "backend") -> dict[str, set[str]]:
    """Where a proxy sends what is for a name: addresses by revision."""
    return {
        end["cluster_name"].rsplit("/", 1)[-1]: {
            host["endpoint"]["address"]["socket_address"]["address"]
            for place in end["endpoints"]
            for host in place["lb_endpoints"]
        }
        for end in envoy.applied["service-connect"].endpoints
        if end["cluster_name"].startswith(f"egress/{name}/")
    }


def listens(envoy: FakeEnvoy, name: str) -> list[tuple[str, int]]:
    places = [
        one["address"]["socket_address"]
        for one in envoy.applied["service-connect"].listeners
        if one["name"].startswith(f"{name}:")
    ]
    return [(place["address"], place["port_value"]) for place in places]


def test_a_service_is_in_cloud_map_by_its_discovery_name_and_its_tasks_are_its_instances(
    world: World, lab: Lab
) -> None:
    make(lab, "back", 2, serving())
    [deployment] = lab.service("back")["deployments"]
    assert deployment["serviceConnectConfiguration"] == serving()
    [resource] = deployment["serviceConnectResources"]
    cloud_map = lab.client("servicediscovery")
    [service] = cloud_map.list_services()["Services"]
    assert (service["Name"], service["Type"]) == (resource["discoveryName"], "HTTP") == ("backend", "HTTP")
    assert service["Arn"] == resource["discoveryArn"]
    found = cloud_map.list_instances(ServiceId=service["Id"])["Instances"]
    places = {(each["Attributes"]["AWS_INSTANCE_IPV4"], each["Attributes"]["AWS_INSTANCE_PORT"]) for each in found}
    assert places == {(task.address, "8080") for task in tasks(world, "back")}
    lab.ecs.delete_service(cluster="lab", service="back", force=True)
    world.until(lambda: not cloud_map.list_services()["Services"])
    cloud_map.delete_namespace(Id=cloud_map.list_namespaces()["Namespaces"][0]["Id"])


def test_each_task_has_the_container_of_its_proxy_and_only_tasks_of_service_connect_do(world: World, lab: Lab) -> None:
    make(lab, "back", 1, serving())
    lab.create(lab.register("plain"), 1, "plain")
    lab.until_steady(1, "plain")
    [task], [plain] = lab.tasks("back"), lab.tasks("plain")
    named = [each for each in task["attachments"] if each["type"] == "ServiceConnect"]
    [name] = [detail["value"] for each in named for detail in each["details"]]
    shown = {each["name"]: (each["lastStatus"], each["healthStatus"]) for each in task["containers"]}
    assert shown == {name: ("RUNNING", "HEALTHY"), "app": ("RUNNING", "UNKNOWN")}
    assert name.startswith("ecs-service-connect-")
    assert [each["name"] for each in plain["containers"]] == ["app"]
    assert set(world.proxies.made) == {task["taskArn"].rsplit("/", 1)[-1]}
    lab.ecs.delete_service(cluster="lab", service="back", force=True)
    lab.until_stopped(task["taskArn"])
    assert world.proxies.made == {}


def test_a_task_calls_the_names_that_were_there_when_its_deployment_began(world: World, lab: Lab) -> None:
    make(lab, "front", 1, CALLING)
    make(lab, "back", 1, serving())
    assert called(proxy(world)) == {}
    [task] = tasks(world, "front")
    lab.ecs.stop_task(cluster="lab", task=task.arn)
    lab.until_stopped(task.arn)
    lab.until_steady(1, "front")
    assert called(proxy(world)) == {}  # the one that replaces it is of the same deployment
    lab.ecs.update_service(cluster="lab", service="front", forceNewDeployment=True)
    lab.until_steady(1, "front")
    [back], [front] = tasks(world, "back"), tasks(world, "front")
    [at] = listens(world.proxies.made[back.id], "ingress/backend")
    assert called(proxy(world)) == {"tasks": {at[0]}}
    [container] = [each for each in world.runtime.containers if each.spec.key.startswith(front.id)]
    assert listens(proxy(world), "egress/backend") == [(container.spec.hosts["backend"], 9000)]


def test_the_tasks_behind_a_name_are_those_that_run_and_are_healthy(world: World, lab: Lab) -> None:
    check = {"command": ["CMD", "check"], "interval": 10, "retries": 2, "timeout": 5}
    make(lab, "back", 2, serving(), container={"healthCheck": check})
    make(lab, "front", 1, CALLING)
    places = {task.id: listens(world.proxies.made[task.id], "ingress/backend")[0][0] for task in tasks(world, "back")}
    assert called(proxy(world)) == {"tasks": set(places.values())}
    first = tasks(world, "back")[0]
    before = len(world.tasks())
    seen: list[tuple[bool, bool]] = []

    def look() -> None:
        runs = any(each.spec.key.startswith(first.id) for each in world.runtime.containers)
        seen.append((places[first.id] in called(proxy(world))["tasks"], runs))

    world.turned.append(look)
    lab.ecs.stop_task(cluster="lab", task=first.arn)
    lab.until_stopped(first.arn)
    world.turned.clear()
    gone = [runs for is_called, runs in seen if not is_called]
    assert gone[0]  # nobody calls it any more while its container still runs
    world.until(lambda: len(world.tasks()) == before and len(called(proxy(world))["tasks"]) == 2)
    lab.ecs.update_service(cluster="lab", service="back", desiredCount=3)
    early: list[bool] = []

    def watch() -> None:
        for task in tasks(world, "back"):
            if task.status == "RUNNING" and task.document["healthStatus"] == "UNKNOWN":
                place = listens(world.proxies.made[task.id], "ingress/backend")[0][0]
                early.append(place in called(proxy(world))["tasks"])

    world.turned.append(watch)
    world.until(lambda: len(called(proxy(world))["tasks"]) == 3)
    assert early
    assert not any(early)  # nobody calls one that has not been found healthy yet


def test_what_a_security_group_does_not_let_through_reaches_nobody(world: World, lab: Lab) -> None:
    ec2 = lab.client("ec2")
    closed = ec2.create_security_group(GroupName="closed", Description="-", VpcId=lab.vpc)["GroupId"]
    network = {"awsvpcConfiguration": {"subnets": lab.subnets, "securityGroups": [closed]}}
    definition = lab.register("back", portMappings=PORTS)
    lab.ecs.create_service(
        cluster="lab",
        serviceName="back",
        taskDefinition=definition,
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration=network,
        serviceConnectConfiguration=serving(),
    )
    lab.until_steady(1, "back")
    make(lab, "front", 1, CALLING)
    [back] = tasks(world, "back")
    place = listens(world.proxies.made[back.id], "ingress/backend")[0][0]
    assert place not in called(proxy(world))["tasks"]
    ec2.authorize_security_group_ingress(
        GroupId=closed,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080, "IpRanges": [{"CidrIp": "127.0.0.0/8"}]}
        ],
    )
    world.settle()
    assert place in called(proxy(world))["tasks"]


def test_a_proxy_is_told_the_time_outs_of_the_server_and_its_ingress_port(world: World, lab: Lab) -> None:
    timeout = {"perRequestTimeoutSeconds": 2, "idleTimeoutSeconds": 0}
    make(lab, "back", 1, serving(timeout=timeout, ingressPortOverride=9999))
    make(lab, "front", 1, CALLING)
    [back] = tasks(world, "back")
    assert listens(world.proxies.made[back.id], "ingress/backend") == [(back.address, 9999)]
    [route] = proxy(world).applied["service-connect"].routes
    [forward] = [each["route"] for each in route["virtual_hosts"][0]["routes"]]
    assert (forward["timeout"], forward["retry_policy"]["num_retries"]) == ("2s", rules.RETRIES)


def test_without_service_connect_again_the_name_is_gone(world: World, lab: Lab) -> None:
    make(lab, "back", 1, serving())
    lab.ecs.update_service(cluster="lab", service="back", serviceConnectConfiguration={"enabled": False})
    lab.until_steady(1, "back")
    world.until(lambda: not lab.client("servicediscovery").list_services()["Services"])
    assert [each["name"] for each in lab.tasks("back")[0]["containers"]] == ["app"]


def test_a_canary_shifts_the_calls_of_clients_and_its_header_finds_the_new_revision(world: World, lab: Lab) -> None:
    rule = {"header": {"name": "X-Test", "value": {"exact": "yes"}}}
    configuration = serving(alias={"testTrafficRules": rule})
    canary = {
        "strategy": "CANARY",
        "canaryConfiguration": {"canaryPercent": 25.0, "canaryBakeTimeInMinutes": 5},
        "bakeTimeInMinutes": 1,
    }
    make(lab, "back", 2, configuration, deploymentConfiguration=canary)
    make(lab, "front", 1, CALLING)
    old = called(proxy(world))["tasks"]
    lab.ecs.update_service(cluster="lab", service="back", forceNewDeployment=True)

    def weights() -> dict[str, int]:
        [route] = proxy(world).applied["service-connect"].routes
        last = route["virtual_hosts"][0]["routes"][-1]["route"]["weighted_clusters"]["clusters"]
        return {each["name"].rsplit("/", 1)[-1]: each["weight"] for each in last}

    world.until(lambda: weights() == {"source": 750, "target": 250})
    found = called(proxy(world))
    assert (found["source"], len(found["target"])) == (old, 2)
    lab.until_steady(2, "back")
    assert called(proxy(world)) == {"tasks": found["target"]}


def test_after_a_crash_names_ids_and_calls_are_as_before(world: World, lab: Lab) -> None:
    make(lab, "back", 1, serving())
    make(lab, "front", 1, CALLING)
    make(lab, "late", 1, serving(discoveryName="late", alias={"dnsName": "late"}))
    before = lab.service("back")["deployments"][0]["serviceConnectResources"]
    with world.crashed() as again:
        ecs, cloud_map = again.client("ecs"), again.client("servicediscovery")

        def running() -> bool:
            found = ecs.describe_services(cluster="lab", services=["front", "back", "late"])["services"]
            return [each["runningCount"] for each in found] == [1, 1, 1]

        again.until(running)
        shown = ecs.describe_services(cluster="lab", services=["back"])["services"][0]["deployments"]
        assert [each["serviceConnectResources"] for each in shown] == [before]
        there = {each["Arn"]: each["InstanceCount"] for each in cloud_map.list_services()["Services"]}
        assert there[before[0]["discoveryArn"]] == 1
        again.settle()
        assert len(called(proxy(again))["tasks"]) == 1
        assert called(proxy(again), "late") == {}


def test_a_cluster_has_a_default_namespace_which_is_made_if_it_is_not_there(world: World, lab: Lab) -> None:
    made = lab.ecs.create_cluster(clusterName="other", serviceConnectDefaults={"namespace": "new"})["cluster"]
    [found] = [each for each in lab.client("servicediscovery").list_namespaces()["Namespaces"] if each["Name"] == "new"]
    assert (found["Type"], made["serviceConnectDefaults"]) == ("HTTP", {"namespace": found["Arn"]})
    lab.ecs.update_cluster(cluster="lab", serviceConnectDefaults={"namespace": "new"})
    make(lab, "front", 1, {"enabled": True})
    assert lab.service("front")["deployments"][0]["serviceConnectConfiguration"]["namespace"] == found["Arn"]
    changed = lab.ecs.update_cluster(cluster="other", serviceConnectDefaults={"namespace": ""})["cluster"]
    assert "serviceConnectDefaults" not in changed


@pytest.mark.parametrize(
    ("configuration", "code", "what"),
    [
        ({"enabled": True, "namespace": "no"}, "NamespaceNotFoundException", "namespace no"),
        (serving(), "InvalidParameterException", "discoveryName 'backend' is already used"),
        (serving(discoveryName="other"), "InvalidParameterException", "backend:9000 is already used"),
    ],
)
def test_a_name_is_there_once(world: World, lab: Lab, configuration: dict[str, Any], code: str, what: str) -> None:
    make(lab, "back", 0, serving())
    with pytest.raises(ClientError, match=what) as refused:
        make(lab, "second", 0, configuration)
    assert refused.value.response["Error"]["Code"] == code


def test_cloudwatch_is_told_what_proxies_counted_in_a_minute(world: World, lab: Lab) -> None:
    make(lab, "back", 1, serving())
    make(lab, "front", 1, CALLING)
    world.pass_time(60)
    front, back = proxy(world), proxy(world, "back")
    front.counted = {
        "cluster.egress/backend/tasks.upstream_rq_2xx": 7,
        "cluster.egress/backend/tasks.upstream_rq_5xx": 3,
    }
    back.counted = {"http.ingress/backend.downstream_rq_completed": 10, "http.ingress/backend.downstream_cx_active": 2}
    world.pass_time(61)
    cloudwatch = lab.client("cloudwatch")
    told = {
        (each["MetricName"], tuple(sorted(d["Value"] for d in each["Dimensions"])))
        for each in cloudwatch.list_metrics(Namespace="AWS/ECS")["Metrics"]
    }
    assert {
        ("RequestCount", ("backend",)),
        ("RequestCount", ("back", "backend", "lab")),
        ("ActiveConnectionCount", ("backend",)),
        ("HTTPCode_Target_5XX_Count", ("backend", "front", "lab")),
        ("RequestCountPerTarget", ("backend",)),
    } <= told
    now = world.clock.utcnow()
    [point] = cloudwatch.get_metric_statistics(
        Namespace="AWS/ECS",
        MetricName="HTTPCode_Target_5XX_Count",
        Dimensions=[{"Name": "TargetDiscoveryName", "Value": "backend"}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=7200,
        Statistics=["Sum"],
    )["Datapoints"]
    assert point["Sum"] == 3


class Late(FakeEnvoy):
    """One that takes nothing before its process runs, which is started in the pool, after what is asked for there."""

    def __init__(self, pool: InTurn) -> None:
        super().__init__()
        self._pool, self._asked, self._runs = pool, 0, False

    def _start(self) -> None:
        self._runs = True

    def wait(self, version: int, timeout: float = 5.0) -> None:
        self._asked += 1
        if self._asked == 1:
            self._pool.submit(self._start)
        assert self._asked < 100, "the pool's thread is never given back"
        if not self._runs:
            raise TimeoutError


class Failing(FakeEnvoy):
    def wait(self, version: int, timeout: float = 5.0) -> None:
        raise TimeoutError

    def failing(self) -> str:
        return "Envoy does not start: no inotify"


class InTurn(AtOnce):
    """A pool of one thread."""

    def __init__(self) -> None:
        self._jobs: list[Callable[[], object]] = []

    def submit(self, work: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._jobs.append(lambda: future.set_result(work(*given, **named)))
        if len(self._jobs) == 1:
            while self._jobs:
                self._jobs[0]()
                del self._jobs[0]
        return future


def test_who_waits_for_a_proxy_does_not_keep_from_work_who_starts_it(world: World, lab: Lab) -> None:
    pool = world.host.pool = InTurn()  # type: ignore[assignment]
    world.proxies.of = lambda name, level="warning": world.proxies.made.setdefault(name, Late(pool))  # type: ignore
    make(lab, "back", 2, serving())


def test_a_task_whose_proxy_does_not_stay_stops_and_says_why(world: World, lab: Lab) -> None:
    world.proxies.of = lambda name, level="warning": world.proxies.made.setdefault(name, Failing())  # type: ignore
    lab.create(lab.register("back", portMappings=PORTS), 1, "back", serviceConnectConfiguration=serving())
    stopped = world.until(lambda: lab.ecs.list_tasks(cluster="lab", desiredStatus="STOPPED")["taskArns"])
    [task] = lab.ecs.describe_tasks(cluster="lab", tasks=stopped[:1])["tasks"]
    assert "the Service Connect proxy failed to start: Envoy does not start: no inotify" in task["stoppedReason"]

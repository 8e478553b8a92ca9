"""How fast the embedded AWS is, beside moto's own server and ministack, in the same run: `make bench`.

    python benchmarks/run.py [--rounds 5] [--only cold,calls,…] [--out benchmarks/results]

In each round every peer is started afresh, one after the other in a turning order, and measured; the figures
are medians over the rounds. The client is this process: boto3, twelve threads where it says so, or, since these are
busy with boto3, `http.client`.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import balancer
import canary
import engine
import peers
import restart
import tasks
from peers import THREADS, Engine, NoEngine, Peer, Server, clients, push

HERE = Path(__file__).resolve().parent
DESCRIBE_CALLS = 300
CREATE_CALLS = 60
LOAD_CALLS = 1200
LOAD_CREATES = 240
SERVICE_LIMIT = 60.0
LABS_LIMIT = 900.0

ANSWER = """
import http.server, os
token = os.urandom(8).hex().encode()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(token)))
        self.end_headers()
        self.wfile.write(token)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""
"""What the measured service runs: each task answers with a word of its own."""


@dataclass(frozen=True)
class Figure:
    """One row of the table. `better` is "less" or "more"; `target` is checked for the embedded AWS.

    `floor`: what it would be if all that is ours took no time.
    """

    name: str
    unit: str
    better: str = "less"
    digits: int = 2
    target: str = ""
    floor: str = ""

    def ratio(self, ours: float, theirs: float) -> float:
        """How many times better ours is."""
        return theirs / ours if self.better == "less" else ours / theirs


_IMPORTS = "0.17 s of CPU: Python, botocore's model, werkzeug and moto's core, imported"
_CLIENT = "1.5 ms, which boto3 itself takes; our part is 0.2 ms in the front and as much for HTTP"
FIGURES = {
    "cold_sts": Figure("Cold start to the first answer (STS)", "s", target="≤ ministack", floor=_IMPORTS),
    "cold_ecs": Figure("Cold start to the first answer of ECS", "s", target="≤ ministack", floor=_IMPORTS),
    "cold_sts_cpu": Figure("The same (STS), in CPU", "s", target="≤ ministack", floor=_IMPORTS),
    "cold_ecs_cpu": Figure("The same (ECS), in CPU", "s", target="≤ ministack", floor=_IMPORTS),
    "describe_p50": Figure("describe_clusters, p50", "ms", target="≤ ministack", floor=_CLIENT),
    "describe_p99": Figure("describe_clusters, p99", "ms"),
    "create_p50": Figure("create_service, p50", "ms", target="≤ ministack", floor=_CLIENT),
    "create_p99": Figure("create_service, p99", "ms"),
    "describe_cpu": Figure("CPU of the server for a describe_clusters", "ms", target="≤ ministack"),
    "create_cpu": Figure("CPU of the server for a create_service", "ms", target="≤ ministack"),
    "calls": Figure(
        "describe_clusters from 12 threads", "calls/s", "more", 0, target="≥ ministack",
        floor="about 820 calls/s: boto3 itself, whose threads share one interpreter",
    ),
    "creates": Figure("create_service from 12 threads", "calls/s", "more", 0, target="≥ ministack"),
    "bare_calls": Figure("describe_clusters over 12 connections without boto3", "calls/s", "more", 0),
    "bare_creates": Figure("create_service over 12 connections without boto3", "calls/s", "more", 0),
    "memory": Figure(
        "Resident memory after these calls", "MiB", digits=0, target="≤ 90 MiB",
        floor="40 MiB: moto's core and the descriptions of two services; its EC2 is 25 more",
    ),
    "service": Figure(
        "create_service(3 tasks) to three different answers through the ALB", "s", target="≤ 3 s",
        floor="0.27 s: PROVISIONING is 4 AWS seconds, and a health check's interval 5",
    ),
    "canary": Figure(
        "update_service to the first request of a canary of 10 %", "s", target="≤ 1.5 s",
        floor="0.5 s: PROVISIONING is 4 AWS seconds, and two health checks are 10",
    ),
    "balancer": Figure(
        "Requests a second through a load balancer, beside an Envoy of its configuration", "×", "more",
        target="≥ 0.9", floor="1",
    ),
    "idle_10": Figure("An idle turn of the engine, 10 tasks, CPU", "ms"),
    "idle_100": Figure("An idle turn of the engine, 100 tasks, CPU", "ms"),
    "idle_1000": Figure("An idle turn of the engine, 1,000 tasks, CPU", "ms", target="≤ 5 ms"),
    "hold": Figure(
        "The engine keeps the lock, at most, while 1,000 tasks start, CPU", "ms", target="≤ 20 ms",
        floor="5 ms, after which a turn lets others in; more is one service's step and 40 records",
    ),
    "meanwhile": Figure("describe_clusters, p99, while 1,000 tasks start", "ms", target="≤ 50 ms"),
    "tasks_200": Figure(
        "200 real tasks RUNNING", "s", digits=1, target="≤ 5 s", floor="0.15 s: 200 forks; PROVISIONING 0.13 s"
    ),
    "tasks_500": Figure("500 real tasks RUNNING", "s", digits=1, target="≤ 12 s", floor="0.4 s: 500 forks"),
    "tasks_idle": Figure("Idle with 200 tasks", "% of a core", digits=1, target="≤ 2 %"),
    "restart": Figure(
        "`drydock up` after 10,000 requests", "s", digits=1, target="≤ 2 s",
        floor="0.25 s: a start; the rest is 5,000 requests done again, 0.2 ms each",
    ),
    "restart_cpu": Figure("The same, in CPU of the daemon", "s", digits=1, target="≤ 2 s"),
    "labs": Figure(
        "All labs, headless", "s", digits=0, target="≤ 60 s", floor="125 s: what the labs wait for, two at a time"
    ),
}  # fmt: skip


PARTS = "cold,calls,service,canary,balancer,engine,tasks,restart,labs"
ALONE = ("canary", "balancer", "idle_10", "idle_100", "idle_1000", "hold", "meanwhile", "tasks_200", "tasks_500",
         "tasks_idle", "restart", "restart_cpu")  # fmt: skip


class Measured(dict[tuple[str, str], list[float]]):
    """Values by (figure, peer), one for each round, and why there is none."""

    def __init__(self) -> None:
        super().__init__()
        self.reasons: dict[tuple[str, str], str] = {}

    def add(self, figure: str, peer: str, value: float) -> None:
        self.setdefault((figure, peer), []).append(value)

    def median(self, figure: str, peer: str) -> float | None:
        values = self.get((figure, peer))
        return statistics.median(values) if values else None


def cold(measured: Measured, peer: Peer, folder: Path) -> None:
    for service in ("sts", "ecs"):
        started = time.perf_counter()
        server = peer.start(folder / service)
        try:
            peers.wait_for(server, service)
            measured.add(f"cold_{service}", peer.name, time.perf_counter() - started)
            measured.add(f"cold_{service}_cpu", peer.name, server.cpu)
        finally:
            peers.end(server.process)


def calls(measured: Measured, server: Server) -> None:
    peer, client = server.peer.name, clients(server.url)
    subnets, ecs = network(client, "127.76"), client("ecs")
    ecs.create_cluster(clusterName="bench")
    definition = ecs.register_task_definition(
        family="bench",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "app", "image": "app", "memory": 128}],
    )["taskDefinition"]["taskDefinitionArn"]
    describe: Callable[[Any], Any] = lambda _: ecs.describe_clusters(clusters=["bench"])  # noqa: E731
    for _ in range(20):
        describe(None)
    before = server.cpu
    latencies = sorted(_milliseconds(lambda: describe(None)) for _ in range(DESCRIBE_CALLS))
    measured.add("describe_cpu", peer, (server.cpu - before) * 1000 / DESCRIBE_CALLS)
    measured.add("describe_p50", peer, _percentile(latencies, 50))
    measured.add("describe_p99", peer, _percentile(latencies, 99))
    names = (f"s{number}" for number in itertools.count())
    where = {"launchType": "FARGATE", "networkConfiguration": {"awsvpcConfiguration": {"subnets": subnets}}}
    more = where if server.peer.knows_fargate else {}
    made = {"cluster": "bench", "taskDefinition": definition, "desiredCount": 0, **more}
    create: Callable[[Any], Any] = lambda _: ecs.create_service(serviceName=next(names), **made)  # noqa: E731
    create(None)
    before = server.cpu
    latencies = sorted(_milliseconds(lambda: create(None)) for _ in range(CREATE_CALLS))
    measured.add("create_cpu", peer, (server.cpu - before) * 1000 / CREATE_CALLS)
    measured.add("create_p50", peer, _percentile(latencies, 50))
    measured.add("create_p99", peer, _percentile(latencies, 99))
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(describe, range(THREADS * 4)))
        started = time.perf_counter()
        list(pool.map(describe, range(LOAD_CALLS)))
        measured.add("calls", peer, LOAD_CALLS / (time.perf_counter() - started))
        started = time.perf_counter()
        list(pool.map(create, range(LOAD_CREATES)))
        measured.add("creates", peer, LOAD_CREATES / (time.perf_counter() - started))
        ask = peers.Bare(server)
        started = time.perf_counter()
        list(pool.map(lambda _: ask("DescribeClusters", {"clusters": ["bench"]}), range(LOAD_CALLS)))
        measured.add("bare_calls", peer, LOAD_CALLS / (time.perf_counter() - started))
        started = time.perf_counter()
        list(pool.map(lambda _: ask("CreateService", made | {"serviceName": next(names)}), range(LOAD_CREATES)))
        measured.add("bare_creates", peer, LOAD_CREATES / (time.perf_counter() - started))
    measured.add("memory", peer, server.resident / 2**20)


def service(measured: Measured, server: Server, image: str, cidr: str, url: str | None = None) -> None:
    """`image` answers on port 8080. `url`: where the load balancer answers, if not at its DNSName."""
    client = clients(server.url)
    ecs, elb = client("ecs"), client("elbv2")
    subnets = network(client, cidr)
    vpc = client("ec2").describe_subnets(SubnetIds=subnets)["Subnets"][0]["VpcId"]
    ecs.create_cluster(clusterName="bench")
    definition = ecs.register_task_definition(
        family="answer",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        executionRoleArn="arn:aws:iam::000000000000:role/execution",
        containerDefinitions=[{"name": "app", "image": image, "portMappings": [{"containerPort": 8080}]}],
    )["taskDefinition"]["taskDefinitionArn"]
    balancer = elb.create_load_balancer(Name="bench", Subnets=subnets)["LoadBalancers"][0]
    group = elb.create_target_group(Name="bench", Protocol="HTTP", Port=8080, VpcId=vpc, TargetType="ip")
    target_group = group["TargetGroups"][0]["TargetGroupArn"]
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": target_group}],
    )
    elb.get_waiter("load_balancer_available").wait(
        LoadBalancerArns=[balancer["LoadBalancerArn"]], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    where = url or f"http://{balancer['DNSName']}/"
    _ready(where)
    started = time.perf_counter()
    ecs.create_service(
        cluster="bench",
        serviceName="answer",
        taskDefinition=definition,
        desiredCount=3,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": subnets}},
        loadBalancers=[{"targetGroupArn": target_group, "containerName": "app", "containerPort": 8080}],
    )
    seen: set[bytes] = set()
    while len(seen) < 3:
        if time.perf_counter() - started > SERVICE_LIMIT:
            stopped = _why_not(ecs)
            raise RuntimeError(f"{len(seen)} of 3 tasks answer after {SERVICE_LIMIT:.0f} s{stopped}")
        with contextlib.suppress(OSError), urllib.request.urlopen(where, timeout=5) as answer:
            seen.add(answer.read())
        time.sleep(0.005)
    measured.add("service", server.peer.name, time.perf_counter() - started)


def network(client: Callable[[str], Any], cidr: str) -> list[str]:
    """A VPC with two subnets; their ids."""
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock=f"{cidr}.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    return [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"{cidr}.{number}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"][
            "SubnetId"
        ]
        for number, zone in enumerate("ab")
    ]


def labs(measured: Measured, folder: Path) -> None:
    """What `make labs` runs."""
    drydock = str(Path(sys.executable).parent / "drydock")
    command = [drydock, "lab", "run", "all", "--out", str(folder / "reports"), "--jobs", "2"]
    folder.mkdir(exist_ok=True)
    started = time.perf_counter()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=HERE.parent,
            env=peers.clean_environment(folder),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    peers.STARTED.append(process)
    try:
        code = process.wait(LABS_LIMIT)
    finally:
        peers.end(process, limit=30)
    if code:
        said = " ".join((folder / "log").read_text(errors="replace").split())
        measured.reasons["labs", "embedded"] = f"exit code {code}: {said[-300:]}"
    else:
        measured.add("labs", "embedded", time.perf_counter() - started)


def alone(measured: Measured, embedded: Peer, parts: set[str], folder: Path) -> None:
    """What no other can be asked for: the engine's turns, many tasks, a restart."""
    if "engine" in parts:
        for number in (10, 100, 1000):
            _say(f"engine, {number} tasks")
            found = engine.figures(number)
            measured.add(f"idle_{number}", "embedded", found["an idle turn"])
        measured.add("hold", "embedded", found["the lock is held, longest"])
        measured.add("meanwhile", "embedded", found["a caller meanwhile, p99"])
    if "canary" in parts:
        _say("canary")
        for seconds in canary.first_requests(embedded, folder / "canary", rounds=5):
            measured.add("canary", "embedded", seconds)
    if "balancer" in parts:
        _say("load balancer")
        for ours, bare in balancer.rates(embedded, folder / "balancer", rounds=5, seconds=4):
            measured.add("balancer", "embedded", ours / bare)
    if "tasks" in parts:
        for number in (200, 500):
            _say(f"{number} tasks")
            cost = tasks.measure(embedded, folder / f"tasks-{number}", number, idle=10.0)
            measured.add(f"tasks_{number}", "embedded", cost.until_running)
            if number == 200:
                measured.add("tasks_idle", "embedded", cost.idle_percent)
    if "restart" in parts:
        _say("10,000 requests")
        seconds, cpu = restart.after(10_000)
        measured.add("restart", "embedded", seconds)
        measured.add("restart_cpu", "embedded", cpu)


def measure(rounds: int, only: set[str], folder: Path, environments: Path) -> tuple[Measured, dict[str, str]]:
    measured = Measured()
    everyone = peers.all_peers()
    for peer in everyone:
        peer.install(environments)
        _say(f"{peer.name} {peer.version}")
    versions = {peer.name: peer.version for peer in everyone}
    for number in range(-1, rounds):
        _say("warming up" if number < 0 else f"round {number + 1} of {rounds}")
        into = measured if number >= 0 else Measured()
        turn = max(number, 0) % len(everyone)
        for peer in everyone[turn:] + everyone[:turn]:
            here = folder / f"{number}-{peer.name}"
            if "cold" in only:
                cold(into, peer, here)
            if "calls" in only:
                with peer.running(here / "calls") as server:
                    calls(into, server)
            shutil.rmtree(here, ignore_errors=True)
    if "service" in only:
        services(measured, everyone, rounds, folder, versions)
    alone(measured, everyone[0], only, folder)
    if "labs" in only:
        _say("labs")
        for _ in range(2):
            labs(measured, folder / "labs")
    for peer in everyone:
        if peer.name != "embedded":
            measured.reasons["labs", peer.name] = "see docs/compat.md for the steps it can do"
            for figure in ALONE:
                measured.reasons[figure, peer.name] = "it runs no tasks by itself, and keeps no state"
    return measured, versions


def services(measured: Measured, everyone: list[Peer], rounds: int, folder: Path, versions: dict[str, str]) -> None:
    by_name = {peer.name: peer for peer in everyone}
    measured.reasons["service", "moto"] = "moto runs no tasks"
    with contextlib.ExitStack() as stack:
        containers: Engine | None = None
        try:
            containers = stack.enter_context(peers.engine(folder / "engine"))
            containers.add_python_image("localhost/answer:v1", ANSWER)
            versions["ministack"] += f" with podman {containers.version}"
        except NoEngine as reason:
            measured.reasons["service", "ministack"] = str(reason)
        for number in range(rounds):
            _say(f"service {number + 1} of {rounds}")
            here = folder / f"service-{number}"
            with by_name["embedded"].running(here / "embedded") as server:
                image = push(server, here / "image", ANSWER)
                service(measured, server, image, "127.77")
            if containers is None or ("service", "ministack") in measured.reasons:
                continue
            settings = {"DOCKER_HOST": containers.url, "MINISTACK_DOCKER_TIMEOUT": "60"}
            with by_name["ministack"].running(here / "ministack", settings, containers.registry) as server:
                try:
                    clients(server.url)("ecr").create_repository(repositoryName="answer")
                    containers.push("localhost/answer:v1", "answer:v1")
                    image = f"127.0.0.1:{containers.registry}/answer:v1"
                    service(measured, server, image, "10.77", f"{server.url}/_alb/bench/")
                except (NoEngine, RuntimeError) as error:
                    measured.reasons["service", "ministack"] = str(error)
            containers.clear()


def table(measured: Measured, names: list[str]) -> Iterator[str]:
    """The table in Markdown, then why a figure is missing."""
    others = names[1:]
    yield "| | " + " | ".join(names) + " | " + " | ".join(f"× {o}" for o in others) + " | target | floor |"
    yield "|---" + "|---:" * (2 * len(names) - 1) + "|---|---|"
    notes: list[str] = []
    for key, figure in FIGURES.items():
        medians = {name: measured.median(key, name) for name in names}
        if not any(medians.values()) and (key, "embedded") not in measured.reasons:
            continue
        cells = []
        for name in names:
            value = medians[name]
            if value is None:
                reason = measured.reasons.get((key, name), "not measured")
                if reason not in notes:
                    notes.append(reason)
                cells.append(f"— ({notes.index(reason) + 1})")
            else:
                cells.append(f"{value:.{figure.digits}f} {figure.unit}")
        ours = medians["embedded"]
        for name in others:
            theirs = medians[name]
            cells.append(f"{figure.ratio(ours, theirs):.2f}" if ours and theirs else "—")
        yield f"| {figure.name} | " + " | ".join(cells) + f" | {verdict(figure, medians)} | {figure.floor} |"
    for number, note in enumerate(notes, 1):
        yield f"\n({number}) {note}"


def verdict(figure: Figure, medians: dict[str, float | None]) -> str:
    """The target, and whether it is met."""
    ours = medians["embedded"]
    if not figure.target or ours is None:
        return figure.target
    other = medians.get(figure.target.split()[-1])
    if figure.target.split()[-1] in medians:
        met = other is not None and figure.ratio(ours, other) >= 1
    else:
        limit = float(figure.target.split()[1])
        met = ours >= limit if figure.target.startswith("≥") else ours <= limit
    return f"{figure.target}: {'met' if met else '**missed**'}"


def main() -> None:
    peers.end_tidily()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=PARTS, help="which parts, separated by commas")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="written as .md and .json")
    parser.add_argument("--environments", type=Path, help="keep the peers' environments in this folder")
    options = parser.parse_args()
    before = os.getloadavg()
    with tempfile.TemporaryDirectory(prefix="dd-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        environments = options.environments or folder / "environments"
        measured, versions = measure(options.rounds, set(options.only.split(",")), folder, environments.resolve())
    load = f"load before {before[0]:.1f}, after {os.getloadavg()[0]:.1f}"
    heading = [
        f"{datetime.now(UTC).date()}, {peers.machine()}, {load}; medians of {options.rounds} rounds.",
        "",
        "; ".join(f"{name}: {version}" for name, version in versions.items()) + ".",
        "",
    ]
    text = "\n".join([*heading, *table(measured, list(versions))]) + "\n"
    print(text)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.with_suffix(".md").write_text("# Measured\n\n" + text)
    options.out.with_suffix(".json").write_text(json.dumps(as_json(measured, versions, load), indent=1) + "\n")


def as_json(measured: Measured, versions: dict[str, str], load: str) -> dict[str, Any]:
    """Every round's value, beside the medians."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": peers.machine(),
        "load": load,
        "versions": versions,
        "figures": {
            key: {
                "what": figure.name,
                "unit": figure.unit,
                "peers": {
                    name: {"median": measured.median(key, name), "rounds": measured[key, name]}
                    if (key, name) in measured
                    else {"reason": measured.reasons.get((key, name), "not measured")}
                    for name in versions
                },
            }
            for key, figure in FIGURES.items()
        },
    }


def _milliseconds(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def _percentile(ordered: list[float], percent: int) -> float:
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def _ready(url: str) -> None:
    """Wait until the load balancer answers at all, if with 503 as it has no targets."""
    deadline = time.monotonic() + SERVICE_LIMIT
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _why_not(ecs: Any) -> str:
    arns = ecs.list_tasks(cluster="bench", desiredStatus="STOPPED")["taskArns"]
    tasks = ecs.describe_tasks(cluster="bench", tasks=arns[:1])["tasks"] if arns else []
    return f": {tasks[0].get('stoppedReason', '')}" if tasks else ""


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

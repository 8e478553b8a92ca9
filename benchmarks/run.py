"""How fast the embedded AWS is, beside moto's own server and ministack, in the same run: `make bench`.

    python benchmarks/run.py [--rounds 5] [--only cold,calls,service,labs] [--out benchmarks/results]

In each round every peer is started afresh, one after the other in a turning order, and measured; the figures
are medians over the rounds. The client is this process: boto3, twelve threads where it says so.
"""

from __future__ import annotations

import argparse
import base64
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

import boto3
from botocore.config import Config

sys.path.insert(0, str(Path(__file__).parent))
import peers
from peers import Engine, NoEngine, Peer, Server

HERE = Path(__file__).resolve().parent
THREADS = 12
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
    """One row of the table. `better` is "less" or "more"; `target` is checked for the embedded AWS."""

    name: str
    unit: str
    better: str = "less"
    digits: int = 2
    target: str = ""

    def ratio(self, ours: float, theirs: float) -> float:
        """How many times better ours is."""
        return theirs / ours if self.better == "less" else ours / theirs


FIGURES = {
    "cold_sts": Figure("Cold start to the first answer (STS)", "s", target="≤ ministack"),
    "cold_ecs": Figure("Cold start to the first answer of ECS", "s", target="≤ ministack"),
    "describe_p50": Figure("describe_clusters, p50", "ms", target="≤ ministack"),
    "describe_p99": Figure("describe_clusters, p99", "ms"),
    "create_p50": Figure("create_service, p50", "ms", target="≤ ministack"),
    "create_p99": Figure("create_service, p99", "ms"),
    "calls": Figure("describe_clusters from 12 threads", "calls/s", "more", 0, target="≥ ministack"),
    "creates": Figure("create_service from 12 threads", "calls/s", "more", 0, target="≥ ministack"),
    "memory": Figure("Resident memory after these calls", "MiB", digits=0, target="≤ 90 MiB"),
    "service": Figure("create_service(3 tasks) to three different answers through the ALB", "s", target="≤ 3 s"),
    "labs": Figure("All labs, headless", "s", digits=0, target="≤ 60 s"),
}


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


def clients(url: str) -> Callable[[str], Any]:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    config = Config(inject_host_prefix=False, max_pool_connections=2 * THREADS, retries={"total_max_attempts": 1})
    made: dict[str, Any] = {}
    return lambda name: made.setdefault(name, session.client(name, endpoint_url=url, config=config))


def cold(measured: Measured, peer: Peer, folder: Path) -> None:
    for service in ("sts", "ecs"):
        started = time.perf_counter()
        server = peer.start(folder / service)
        try:
            peers.wait_for(server, service)
            measured.add(f"cold_{service}", peer.name, time.perf_counter() - started)
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
    latencies = sorted(_milliseconds(lambda: describe(None)) for _ in range(DESCRIBE_CALLS))
    measured.add("describe_p50", peer, _percentile(latencies, 50))
    measured.add("describe_p99", peer, _percentile(latencies, 99))
    names = (f"s{number}" for number in itertools.count())
    where = {"launchType": "FARGATE", "networkConfiguration": {"awsvpcConfiguration": {"subnets": subnets}}}
    more = where if server.peer.knows_fargate else {}
    create: Callable[[Any], Any] = lambda _: ecs.create_service(  # noqa: E731
        cluster="bench", serviceName=next(names), taskDefinition=definition, desiredCount=0, **more
    )
    create(None)
    latencies = sorted(_milliseconds(lambda: create(None)) for _ in range(CREATE_CALLS))
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


def push_answer(server: Server, folder: Path) -> str:
    """Build the image of the measured service and push it to the embedded AWS's registry; its URI."""
    from drydock.images import Layout, build, push

    folder.mkdir(parents=True)
    (folder / "app.py").write_text(ANSWER)
    (folder / "Dockerfile").write_text('FROM python:3.12-slim\nWORKDIR /app\nCOPY app.py .\nCMD ["python", "app.py"]\n')
    ecr = clients(server.url)("ecr")
    uri = ecr.create_repository(repositoryName="answer")["repository"]["repositoryUri"]
    token = base64.b64decode(ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]).decode()
    user, password = token.split(":", 1)
    image = build(folder, layout=Layout(folder / "layout"), output=lambda _: None)
    push(image, f"{uri}:v1", (user, password))
    return f"{uri}:v1"


def labs(measured: Measured, folder: Path) -> None:
    """`drydock lab run all` on an embedded AWS of its own."""
    command = [str(Path(sys.executable).parent / "drydock"), "lab", "run", "all", "--out", str(folder / "reports")]
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
    if "labs" in only:
        _say("labs")
        for _ in range(2):
            labs(measured, folder / "labs")
    for peer in everyone:
        if peer.name != "embedded":
            measured.reasons["labs", peer.name] = "see docs/compat.md for the steps it can do"
    return measured, versions


def services(measured: Measured, everyone: list[Peer], rounds: int, folder: Path, versions: dict[str, str]) -> None:
    by_name = {peer.name: peer for peer in everyone}
    measured.reasons["service", "moto"] = "moto runs no tasks"
    with contextlib.ExitStack() as stack:
        engine: Engine | None = None
        try:
            engine = stack.enter_context(peers.engine(folder / "engine"))
            engine.add_python_image("localhost/answer:v1", ANSWER)
            versions["ministack"] += f" with podman {engine.version}"
        except NoEngine as reason:
            measured.reasons["service", "ministack"] = str(reason)
        for number in range(rounds):
            _say(f"service {number + 1} of {rounds}")
            here = folder / f"service-{number}"
            with by_name["embedded"].running(here / "embedded") as server:
                image = push_answer(server, here / "image")
                service(measured, server, image, "127.77")
            if engine is None or ("service", "ministack") in measured.reasons:
                continue
            settings = {"DOCKER_HOST": engine.url, "MINISTACK_DOCKER_TIMEOUT": "60"}
            with by_name["ministack"].running(here / "ministack", settings, engine.registry) as server:
                try:
                    clients(server.url)("ecr").create_repository(repositoryName="answer")
                    engine.push("localhost/answer:v1", "answer:v1")
                    image = f"127.0.0.1:{engine.registry}/answer:v1"
                    service(measured, server, image, "10.77", f"{server.url}/_alb/bench/")
                except (NoEngine, RuntimeError) as error:
                    measured.reasons["service", "ministack"] = str(error)
            engine.clear()


def table(measured: Measured, names: list[str]) -> Iterator[str]:
    """The table in Markdown, then why a figure is missing."""
    others = names[1:]
    yield "| | " + " | ".join(names) + " | " + " | ".join(f"times better than {o}" for o in others) + " | target |"
    yield "|---" + "|---:" * (2 * len(names) - 1) + "|---|"
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
        yield f"| {figure.name} | " + " | ".join(cells) + f" | {verdict(figure, medians)} |"
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
        met = ours <= float(figure.target.split()[1])
    return f"{figure.target}: {'met' if met else '**missed**'}"


def main() -> None:
    peers.end_tidily()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="cold,calls,service,labs", help="which parts, separated by commas")
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

"""Real tasks: how soon so many run, what that costs, and what they cost when nothing happens.

    python benchmarks/tasks.py [--tasks 200,500] [--idle 10]

An instance of its own; each task is a Python process that sleeps. Seconds are of the wall clock and of CPU: the
daemon's, and those of all that it started.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import peers
import psutil
from peers import Peer, clients, push

LIMIT = 120.0
A_SERVICE = 100
PROGRAM = "import time\nprint('up', flush=True)\ntime.sleep(1e9)\n"


def cpu(family: list[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in family if process.is_running())


@dataclass(frozen=True)
class Cost:
    """Of so many tasks: seconds until they run, the CPU of that, and what they cost when nothing happens."""

    until_running: float
    daemon_cpu: float
    other_cpu: float
    idle_percent: float
    resident: float


def measure(peer: Peer, folder: Path, tasks: int, idle: float) -> Cost:
    with peer.running(folder / "aws") as server:
        image = push(server, folder / "image", PROGRAM)
        client = clients(server.url)
        ecs, ec2 = client("ecs"), client("ec2")
        vpc = ec2.create_vpc(CidrBlock="127.78.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="127.78.0.0/20")["Subnet"]["SubnetId"]
        ecs.create_cluster(clusterName="many")
        definition = ecs.register_task_definition(
            family="many",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            executionRoleArn="arn:aws:iam::000000000000:role/execution",
            containerDefinitions=[{"name": "app", "image": image}],
        )["taskDefinition"]["taskDefinitionArn"]
        daemon = psutil.Process(server.process.pid)
        before, began = cpu([daemon]), time.perf_counter()
        for number in range(0, tasks, A_SERVICE):
            ecs.create_service(
                cluster="many",
                serviceName=f"s{number}",
                taskDefinition=definition,
                desiredCount=min(A_SERVICE, tasks - number),
                launchType="FARGATE",
                networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet]}},
            )
        while (found := ecs.describe_clusters(clusters=["many"])["clusters"][0]["runningTasksCount"]) < tasks:
            if time.perf_counter() - began > LIMIT:
                raise SystemExit(f"{found} of {tasks} tasks run after {LIMIT:.0f} s")
            time.sleep(0.05)
        took, own = time.perf_counter() - began, cpu([daemon]) - before
        family = daemon.children(recursive=True)
        others = cpu(family)
        names = [f"s{number}" for number in range(0, tasks, A_SERVICE)]
        ecs.get_waiter("services_stable").wait(
            cluster="many", services=names, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        while any(
            deployment["rolloutState"] != "COMPLETED"
            for first in range(0, len(names), 10)
            for service in ecs.describe_services(cluster="many", services=names[first : first + 10])["services"]
            for deployment in service["deployments"]
        ):
            time.sleep(0.2)
        before, began = cpu([daemon]), time.perf_counter()
        time.sleep(idle)
        share = (cpu([daemon]) - before) / (time.perf_counter() - began)
        return Cost(took, own, others, 100 * share, daemon.memory_info().rss / 2**20)


def main() -> None:
    peers.end_tidily()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", default="200,500")
    parser.add_argument("--idle", type=float, default=10.0, help="seconds")
    options = parser.parse_args()
    embedded = next(peer for peer in peers.all_peers() if peer.name == "embedded")
    for number in map(int, options.tasks.split(",")):
        with tempfile.TemporaryDirectory(prefix="dd-", ignore_cleanup_errors=True) as folder:
            cost = measure(embedded, Path(folder), number, options.idle)
        print(
            f"{number} tasks RUNNING: {cost.until_running:.1f} s; CPU {cost.daemon_cpu:.1f} s of the daemon, "
            f"{cost.other_cpu:.1f} s of the others; idle: {cost.idle_percent:.1f} % of a core, {cost.resident:.0f} MiB"
        )


if __name__ == "__main__":
    main()

"""How long the dry run of scale-service takes over many targets, on 1, 2 and 4 workers.

    python benchmarks/targets.py [--targets 50] [--workers 1,2,4]

One embedded AWS of its own, with a service of no tasks for each target; each target's run is a process with a kernel.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from drydock.cloud import Cloud, connect
from drydock.notebooks.instances import own_instance
from drydock.notebooks.signals import ending_on_signals
from drydock.runbooks import many
from drydock.runbooks.many import Pace
from drydock.runbooks.target_list import Target


def services(cloud: Cloud, count: int) -> list[str]:
    """So many services of no tasks, in the cluster `fleet`."""
    ecs, ec2 = cloud.client("ecs"), cloud.client("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    ecs.create_cluster(clusterName="fleet")
    ecs.register_task_definition(
        family="fleet",
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "web", "image": "none"}],
    )
    names = [f"service-{number}" for number in range(count)]
    for name in names:
        ecs.create_service(
            cluster="fleet",
            serviceName=name,
            taskDefinition="fleet",
            desiredCount=0,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet]}},
        )
    ecs.get_waiter("services_stable").wait(cluster="fleet", services=names[-1:])
    return names


def cpu() -> float:
    """Seconds of CPU that the runs' processes and their kernels have had."""
    had = os.times()
    return had.children_user + had.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=int, default=50)
    parser.add_argument("--workers", default="1,2,4")
    options = parser.parse_args()
    with ending_on_signals(), own_instance(), tempfile.TemporaryDirectory(prefix="drydock-targets-") as folder:
        names = services(connect(), options.targets)
        given = {"cluster": "fleet", "desired_count": "1"}
        wanted = [Target(name, 1, {**given, "service": name}) for name in names]
        print(f"load before: {os.getloadavg()[0]:.1f}; {os.cpu_count()} cores; {len(wanted)} targets")
        print("| Workers | Seconds | Seconds a target | CPU a target |\n|---:|---:|---:|---:|")
        for workers in map(int, options.workers.split(",")):
            summary = many.begin("scale-service", wanted, Path(folder))
            started, used = time.monotonic(), cpu()
            many.plan(summary, pace=Pace(workers))
            seconds = time.monotonic() - started
            assert summary.ok, summary.why
            each, busy = seconds / len(wanted), (cpu() - used) / len(wanted)
            print(f"| {workers} | {seconds:.1f} | {each:.2f} | {busy:.2f} s |", flush=True)
        print(f"load after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()

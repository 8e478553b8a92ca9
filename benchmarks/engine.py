"""What a turn of the engine costs, and whom it holds up: `python benchmarks/engine.py [--tasks 10,100,1000]`.

No process runs: containers are those of the tests' runtime, which takes no time. First the engine is stepped by hand:
the longest turn while the tasks start (the host's lock is held for as long), then an idle turn. Then it turns by
itself, while another process asks for describe_clusters over HTTP.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.support.lab import Lab, make_lab
from tests.support.runtime import FakeRuntime
from tests.support.stepped import World

from drydock.embedded.assembly import AWS
from drydock.embedded.core.clock import Clock
from drydock.embedded.daemon import GARBAGE, SWITCH
from drydock.embedded.services.ecs.engine import Engine

SERVICES = 10
IDLE = 40
START_LIMIT = 300.0
CALLER = """
import http.client, json, select, sys, time
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=60)
headers = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=t/20260101/us-east-1/ecs/aws4_request, Signature=",
    "Content-Type": "application/x-amz-json-1.1",
    "X-Amz-Target": "AmazonEC2ContainerServiceV20141113.DescribeClusters",
}
took = []
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0.002)[0]:
    began = time.perf_counter()
    connection.request("POST", "/", '{"clusters":["lab"]}', headers)
    connection.getresponse().read()
    took.append((time.perf_counter() - began) * 1000)
print(json.dumps(took))
"""


def wanted(lab: Lab, tasks: int) -> None:
    """Services that want so many tasks in all, in subnets large enough."""
    ec2, vpc = lab.client("ec2"), lab.client("ec2").create_vpc(CidrBlock="127.99.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"127.99.{16 * number}.0/20", AvailabilityZone=f"us-east-1{zone}")
        for number, zone in enumerate("abc")
    ]
    definition = lab.register()
    for number in range(SERVICES):
        lab.ecs.create_service(
            cluster="lab",
            serviceName=f"s{number}",
            taskDefinition=definition,
            desiredCount=tasks // SERVICES,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": {"subnets": [one["Subnet"]["SubnetId"] for one in subnets]}},
        )


def running(lab: Lab) -> int:
    return int(lab.ecs.describe_clusters(clusters=["lab"])["clusters"][0]["runningTasksCount"])


def stepped(tasks: int, folder: Path) -> dict[str, float]:
    """Milliseconds of this process's CPU, for a turn."""
    world = World(folder)
    try:
        lab = world.lab()
        wanted(lab, tasks)
        turns = []
        while running(lab) < tasks:
            turns.append(timed(world.turn))
            world.clock.advance(1.0)
        for _ in range(5):
            world.pass_time(1.0)
        idle = [timed(world.turn) for _ in range(IDLE)]
        return {
            "all of them started": sum(turns),
            "longest turn of these": max(turns),
            "an idle turn": min(idle),
            "an idle turn, median": statistics.median(idle),
        }
    finally:
        world.close()


def timed(act: Callable[[], Any]) -> float:
    began = time.process_time()
    act()
    return (time.process_time() - began) * 1000


def figures(tasks: int) -> dict[str, float]:
    """By name, in milliseconds but where the name says seconds."""
    with tempfile.TemporaryDirectory(prefix="dd-") as folder:
        found = stepped(tasks, Path(folder) / "a")
    with tempfile.TemporaryDirectory(prefix="dd-") as folder:
        return found | meanwhile(tasks, Path(folder) / "b")


def meanwhile(tasks: int, folder: Path) -> dict[str, float]:
    """Milliseconds of a caller, while so many tasks start, and seconds until they run."""
    clock = Clock(30.0)
    before, garbage = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(SWITCH)
    gc.set_threshold(*GARBAGE)
    host = AWS(folder, seed="bench", clock=clock, runtime=FakeRuntime(clock))
    host.listen()
    host.run()
    try:
        lab = make_lab(lambda name, region="us-east-1": host.client(name, region))
        with caller(host.port) as latencies, holds() as held:
            began = time.perf_counter()
            wanted(lab, tasks)
            while running(lab) < tasks:
                if time.perf_counter() - began > START_LIMIT:
                    raise SystemExit(f"{running(lab)} of {tasks} tasks run after {START_LIMIT:.0f} s")
                time.sleep(0.05)
            took = time.perf_counter() - began
        found = sorted(latencies)
        return {
            "until all run (s)": took,
            "the lock is held, longest": max(held),
            "a caller meanwhile, p50": found[len(found) // 2],
            "a caller meanwhile, p99": found[len(found) * 99 // 100],
            "a caller meanwhile, longest": found[-1],
        }
    finally:
        host.close()
        sys.setswitchinterval(before)
        gc.set_threshold(*garbage)


@contextmanager
def holds() -> Iterator[list[float]]:
    """For how long the engine keeps the lock each time, in milliseconds of its thread's CPU."""
    found: list[float] = []
    go_on = Engine._go_on

    def timed_go_on(engine: Engine, turn: Iterator[None]) -> bool:
        began = time.thread_time()
        try:
            return go_on(engine, turn)
        finally:
            found.append((time.thread_time() - began) * 1000)

    Engine._go_on = timed_go_on  # type: ignore[method-assign]
    try:
        yield found
    finally:
        Engine._go_on = go_on  # type: ignore[method-assign]


@contextmanager
def caller(port: int) -> Iterator[list[float]]:
    """Filled at the end: how long each answer took another process, in milliseconds."""
    found: list[float] = []
    command = [sys.executable, "-c", CALLER, str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield found
        finally:
            said, _ = process.communicate(b"\n")
            found += json.loads(said)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", default="10,100,1000")
    options = parser.parse_args()
    for number in map(int, options.tasks.split(",")):
        for name, value in figures(number).items():
            print(f"{number:>5} tasks: {name:<30} {value:10.2f}{'' if '(s)' in name else ' ms'}", flush=True)


if __name__ == "__main__":
    main()

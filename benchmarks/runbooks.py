"""What a runbook's dry run costs over the bare calls: `python benchmarks/runbooks.py [--rounds 9]`.

On an embedded AWS of its own, with lab 00's service, each is a process, from its start to its end, in turn:

  boto3             a script with the calls that the dry run of scale-service makes, by plain boto3
  papermill, boto3  the same calls, a cell each, in a notebook of as many cells, run by plain papermill
  papermill         the runbook itself, run by plain papermill
  drydock           the same by `drydock runbook plan`
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import nbformat

from drydock.cloud import Cloud, connect
from drydock.labs import Lab
from drydock.notebooks.instances import own_instance
from drydock.notebooks.scratch import scratch
from drydock.runbooks import catalogue

SERVICE = {"cluster": "drydock-hello", "service": "drydock-hello"}
WHERE = 'cluster="drydock-hello", services=["drydock-hello"]'
CLIENTS = """import boto3
at = dict(endpoint_url={endpoint!r}, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
sts, ecs, elbv2, scaling = (
    boto3.client(name, **at) for name in ("sts", "ecs", "elbv2", "application-autoscaling")
)"""
CALLS = [
    "sts.get_caller_identity()",
    f"ecs.describe_services({WHERE})",
    'scaling.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=["service/drydock-hello/drydock-hello"])',
    f"ecs.describe_services({WHERE})",
    'ecs.describe_task_definition(taskDefinition="drydock-hello")',
    f"ecs.describe_services({WHERE})",
]


def commands(cloud: Cloud, at: Path) -> dict[str, list[str]]:
    """The command of each of the four."""
    runbook = catalogue.notebook("scale-service")
    cells = nbformat.read(runbook, as_version=4).cells
    clients = CLIENTS.format(endpoint=cloud.endpoint)
    (at / "calls.py").write_text("\n".join([clients, *CALLS]))
    code = sum(cell.cell_type == "code" for cell in cells)
    sources = ["cluster = service = ''\ndesired_count = 1", clients, *CALLS]
    sources += ["None"] * (code - len(sources))
    bare = [nbformat.v4.new_code_cell(source) for source in sources]
    bare[0].metadata["tags"] = ["parameters"]
    prose = [cell for cell in cells if cell.cell_type == "markdown"]
    metadata = nbformat.read(runbook, as_version=4).metadata
    nbformat.write(nbformat.v4.new_notebook(cells=[*prose, *bare], metadata=metadata), at / "calls.ipynb")
    given = {**SERVICE, "desired_count": "4"}
    words = [word for name, value in given.items() for word in ("-p", name, value)]
    pairs = [word for name, value in given.items() for word in ("-p", f"{name}={value}")]
    papermill = [sys.executable, "-m", "papermill", "--no-progress-bar"]
    return {
        "boto3": [sys.executable, str(at / "calls.py")],
        "papermill, boto3": [*papermill, str(at / "calls.ipynb"), str(at / "out.ipynb"), *words],
        "papermill": [*papermill, str(runbook), str(at / "out.ipynb"), *words],
        "drydock": [sys.executable, "-m", "drydock.cli", "runbook", "plan", "scale-service", *pairs],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    with own_instance(), scratch("bench") as at:
        cloud = connect()
        Lab.open("00-start-here", cloud=cloud).set_up(before="kill-a-task")
        os.environ["DRYDOCK_RUNS"] = str(at / "runs")
        took: dict[str, list[float]] = {}
        cpu: dict[str, list[float]] = {}
        load = os.getloadavg()[0]
        for number in range(rounds + 1):
            for name, command in commands(cloud, at).items():
                began = time.perf_counter()
                before = os.times()
                subprocess.run(command, check=True, capture_output=True, cwd=at)
                after = os.times()
                if number:  # the first round reads from a cold disk
                    took.setdefault(name, []).append(time.perf_counter() - began)
                    used = after.children_user + after.children_system - before.children_user - before.children_system
                    cpu.setdefault(name, []).append(used)
    print(f"Load before {load:.1f}, after {os.getloadavg()[0]:.1f}; {rounds} rounds.")
    for name, seconds in took.items():
        spread = f"{min(seconds):.2f} to {max(seconds):.2f}"
        print(
            f"{name:18} median {statistics.median(seconds):.2f} s, {spread}; CPU {statistics.median(cpu[name]):.2f} s"
        )
    median = {name: statistics.median(seconds) for name, seconds in took.items()}
    for one, other in (("drydock", "papermill"), ("drydock", "papermill, boto3"), ("papermill, boto3", "boto3")):
        print(f"{one} over {other}: {median[one] - median[other]:+.2f} s")


if __name__ == "__main__":
    main()

"""How far runbooks go on other emulators: moto's server and ministack, each just started.

    python benchmarks/compat_runbooks.py [--environments DIR]

A cluster and a service of two tasks are made there by boto3, and then the runbooks are run on it by `connect(URL)`, as
an operator would: diagnosed, planned, applied, applied again, rolled back. The table goes to docs/compat-runbooks.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from drydock.cloud import Cloud, connect
from drydock.runbooks import runner

sys.path.insert(0, str(Path(__file__).parent))
import peers
from peers import Server

TABLE = Path(__file__).resolve().parent.parent / "docs" / "compat-runbooks.md"
WHERE = {"cluster": "fleet", "service": "web"}
STAGES = (
    "diagnose-service reads",
    "scale-service plans",
    "scale-service applies and verifies",
    "applied again it plans nothing",
    "scale-service is rolled back",
    "rollback-service plans",
)


@dataclass
class Went:
    """What became of each stage; "passed", or why not."""

    stages: dict[str, str] = field(default_factory=dict)


def made(cloud: Cloud) -> None:
    """A service of two tasks."""
    ecs, ec2 = cloud.client("ecs"), cloud.client("ec2")
    subnet = ec2.describe_subnets()["Subnets"][0]
    inside = [{"Name": "vpc-id", "Values": [subnet["VpcId"]]}]
    group = ec2.describe_security_groups(Filters=inside)["SecurityGroups"][0]["GroupId"]
    ecs.create_cluster(clusterName="fleet")
    for _ in range(2):
        ecs.register_task_definition(
            family="web",
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            containerDefinitions=[{"name": "web", "image": "web:v1", "portMappings": [{"containerPort": 8080}]}],
        )
    ecs.create_service(
        cluster="fleet",
        serviceName="web",
        taskDefinition="web:1",
        desiredCount=2,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet["SubnetId"]], "securityGroups": [group]}},
    )


def went(server: Server, folder: Path) -> Went:
    """Run the stages one after the other; what has failed does not end the others."""
    cloud = connect(server.url)
    result = Went()
    try:
        made(cloud)
    except Exception as error:
        result.stages = dict.fromkeys(STAGES, f"no service could be made: {_first(error)}")
        return result

    def run(name: str, **given: str) -> runner.Report:
        return runner.run(name, {**WHERE, "cloud": server.url, **given}, root=folder / "runs")

    def note(stage: str, good: bool, why: object) -> None:
        result.stages[stage] = "passed" if good else str(why or "?")

    scale = {"desired_count": "3", "minutes": "1"}
    read = run("diagnose-service", dry_run="false")
    note(STAGES[0], read.ok, read.error)
    planned = run("scale-service", **scale)
    note(STAGES[1], planned.ok and planned.plan is not None and bool(planned.plan.changes), planned.error)
    if planned.plan is not None and planned.plan.changes:
        applied = run("scale-service", **scale, dry_run="false", approve=planned.plan.hash)
        note(STAGES[2], applied.outcome == "applied", applied.error)
        if applied.outcome == "applied":
            again = run("scale-service", **scale)
            note(STAGES[3], again.outcome == "nothing to change", again.error)
            said = runner.roll_back_run(applied.folder)
            note(STAGES[4], said.endswith("rolled back"), said)
    back = run("rollback-service", to_revision="2")
    note(STAGES[5], back.ok, back.error)
    return result


def page(results: Mapping[str, Went], versions: Mapping[str, str]) -> Iterator[str]:
    """docs/compat-runbooks.md, line by line."""
    yield "# How far runbooks go elsewhere"
    yield ""
    yield (
        "Made by `python benchmarks/compat_runbooks.py`: a cluster and a service of two tasks are made by boto3 on a "
        "peer that was just started, and the runbooks are run on it by its URL (`-p cloud=http://…`). What needs tasks "
        "that run, as scale-service does, goes as far as the peer runs them."
    )
    yield ""
    yield f"{datetime.now(UTC).date()}. " + "; ".join(f"{name} {version}" for name, version in versions.items()) + "."
    yield ""
    yield "| | " + " | ".join(results) + " |"
    yield "|---|" + "---|" * len(results)
    for stage in STAGES:
        cells = [_sign(one.stages.get(stage)) for one in results.values()]
        yield f"| {stage} | " + " | ".join(cells) + " |"
    for name, one in results.items():
        whys = [f"- {stage}: {why}" for stage, why in one.stages.items() if why != "passed"]
        if whys:
            yield ""
            yield f"{name}:"
            yield ""
            yield from whys


def _sign(state: str | None) -> str:
    return "—" if state is None else "passed" if state == "passed" else "**not passed**"


def _first(error: BaseException) -> str:
    return str(error).strip().splitlines()[0]


def main() -> None:
    peers.end_tidily()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=Path, help="keep the peers' environments in this folder")
    options = parser.parse_args()
    everyone = [peer for peer in peers.all_peers() if peer.requirements]
    with tempfile.TemporaryDirectory(prefix="dd-", ignore_cleanup_errors=True) as scratch:
        environments = (options.environments or Path(scratch) / "environments").resolve()
        results = {}
        for peer in everyone:
            peer.install(environments)
            with peer.running(Path(scratch) / peer.name) as server:
                results[peer.name] = went(server, Path(scratch) / f"{peer.name}-runs")
        versions = {peer.name: peer.version for peer in everyone}
    TABLE.write_text("\n".join(page(results, versions)) + "\n")
    print(f"{os.path.relpath(TABLE)} written")


if __name__ == "__main__":
    main()

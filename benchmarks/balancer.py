"""Requests a second through a load balancer, beside the same Envoy run by hand: `python benchmarks/balancer.py`.

wrk asks both in turn, over 32 connections, for the same target, which is an Envoy that answers by itself. The load
balancer has one listener, one rule and one target group of one target. Each Envoy has one worker thread. Wants `wrk`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shutil
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peers
from peers import Peer, clients

from drydock.embedded.carriers.envoy import binary
from drydock.embedded.instance import free_port

CONNECTIONS = 32
LIMIT = 30.0
TARGET = "127.78.0.200"


def rates(peer: Peer, folder: Path, rounds: int, seconds: int) -> Iterator[tuple[float, float]]:
    """Requests a second through the load balancer, and through the other Envoy."""
    if shutil.which("wrk") is None:
        raise RuntimeError("wrk is not installed")
    with envoy(folder / "target", answering()), peer.running(folder / "aws") as server:
        url = f"http://{behind(server)}/"
        until_answered(url)
        port = free_port()
        with envoy(folder / "bare", the_same(folder / "aws/aws/envoy", folder / "bare", port)):
            until_answered(bare := f"http://127.0.0.1:{port}/")
            for _ in range(rounds):
                yield asked(url, seconds), asked(bare, seconds)


def behind(server: peers.Server) -> str:
    """A load balancer in front of the target; its name."""
    client = clients(server.url)
    ec2, elb = client("ec2"), client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="127.78.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"127.78.{n}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"][
            "SubnetId"
        ]
        for n, zone in enumerate("ab")
    ]
    balancer = elb.create_load_balancer(Name="bench", Subnets=subnets)["LoadBalancers"][0]
    group = elb.create_target_group(
        Name="bench", Protocol="HTTP", Port=8080, VpcId=vpc, TargetType="ip", HealthCheckIntervalSeconds=5
    )["TargetGroups"][0]["TargetGroupArn"]
    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": TARGET, "Port": 8080}])
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    return str(balancer["DNSName"])


def the_same(source: Path, folder: Path, port: int) -> dict[str, Any]:
    """The configuration that is there, of its first listener, at a port of this machine; its bootstrap."""
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("*.sock", "*.log"))
    for file in folder.glob("*.json"):
        file.write_text(file.read_text().replace(str(source), str(folder)))
    listeners = json.loads((folder / "lds.json").read_text())
    first = listeners["resources"][0]
    first["address"] = _address("127.0.0.1", port)
    (folder / "lds.json").write_text(json.dumps({**listeners, "resources": [first]}))
    found: dict[str, Any] = json.loads((folder / "bootstrap.json").read_text())
    return {**found, "admin": {"address": _address("127.0.0.1", free_port())}}


def answering() -> dict[str, Any]:
    """Of an Envoy that answers at the target by itself."""
    router = {
        "name": "router",
        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
    }
    answer = {"status": 200, "body": {"inline_string": "ok"}}
    routes = [{"match": {"prefix": "/"}, "direct_response": answer}]
    kind = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    manager = {
        "@type": f"type.googleapis.com/{kind}",
        "stat_prefix": "http",
        "http_filters": [router],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
    }
    chain = {"filters": [{"name": "http", "typed_config": manager}]}
    return {"static_resources": {"listeners": [{"address": _address(TARGET, 8080), "filter_chains": [chain]}]}}


@contextlib.contextmanager
def envoy(folder: Path, bootstrap: dict[str, Any]) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bootstrap.json").write_text(json.dumps(bootstrap))
    command = [binary(), "-c", str(folder / "bootstrap.json"), "--concurrency", "1", "--disable-hot-restart"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*command, "--log-level", "warning"], stdout=log, stderr=log)
    peers.STARTED.append(process)
    try:
        yield
    finally:
        peers.end(process)


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def until_answered(url: str) -> None:
    deadline = time.monotonic() + LIMIT
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                assert answer.read() == b"ok"
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def asked(url: str, seconds: int) -> float:
    command = ["wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds}s", url]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(said)
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert found is not None, said
    return float(found[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    options = parser.parse_args()
    peers.end_tidily()
    with tempfile.TemporaryDirectory() as folder:
        found = list(rates(peers.all_peers()[0], Path(folder), options.rounds, options.seconds))
    for ours, bare in found:
        print(f"{ours:8.0f} {bare:8.0f}  × {ours / bare:.2f}")
    print(f"median × {statistics.median(ours / bare for ours, bare in found):.2f}")


if __name__ == "__main__":
    main()

"""How soon a canary of ECS's gets its first request: `python benchmarks/canary.py [--rounds 5]`.

From update_service, of a service of two tasks deployed by CANARY with 10 %, to the first answer of the new version. On
the way are, in AWS seconds: PROVISIONING (4) and two health checks (an interval of 5). At 10 % it is the tenth request,
on average. Each deployment goes on to its end before the next begins.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import peers
from peers import Peer, clients, push

LIMIT = 60.0
PROGRAM = """
import http.server, os
body = os.environ["VERSION"].encode()
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""


def first_requests(peer: Peer, folder: Path, rounds: int) -> Iterator[float]:
    """Seconds to the first answer of each new version."""
    with peer.running(folder / "aws") as server:
        client = clients(server.url)
        ecs = client("ecs")
        register = registers(ecs, push(server, folder / "image", PROGRAM))
        host = begin(client, register("0"))
        connection = http.client.HTTPConnection(host, timeout=5)
        until(lambda: ask(connection) == "0", "the first version answers")
        until(lambda: done(ecs), "it is deployed")
        for number in range(1, rounds + 1):
            definition = register(str(number))
            began = time.perf_counter()
            ecs.update_service(cluster="canary", service="app", taskDefinition=definition)
            until(lambda version=str(number): ask(connection) == version, "the canary answers")
            yield time.perf_counter() - began
            until(lambda: done(ecs), "it is deployed")


def registers(ecs: Any, image: str) -> Callable[[str], str]:
    def register(version: str) -> str:
        container = {
            "name": "app",
            "image": image,
            "portMappings": [{"containerPort": 8080}],
            "environment": [{"name": "VERSION", "value": version}],
        }
        made = ecs.register_task_definition(
            family="app",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            executionRoleArn="arn:aws:iam::000000000000:role/execution",
            containerDefinitions=[container],
        )
        return str(made["taskDefinition"]["taskDefinitionArn"])

    return register


def begin(client: Callable[[str], Any], definition: str) -> str:
    """A service between two target groups at one rule; where its load balancer answers."""
    ecs, elb, ec2 = client("ecs"), client("elbv2"), client("ec2")
    vpc = ec2.create_vpc(CidrBlock="127.79.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"127.79.{number}.0/24", AvailabilityZone=f"us-east-1{zone}")
        for number, zone in enumerate("ab")
    ]
    ids = [one["Subnet"]["SubnetId"] for one in subnets]
    balancer = elb.create_load_balancer(Name="canary", Subnets=ids)["LoadBalancers"][0]
    groups = [
        elb.create_target_group(
            Name=name, Protocol="HTTP", Port=8080, VpcId=vpc, TargetType="ip", HealthCheckIntervalSeconds=5,
            HealthCheckTimeoutSeconds=2, HealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]
        for name in ("blue", "green")
    ]  # fmt: skip
    weights = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in zip(groups, (1, 0), strict=True)]
    listener = elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": weights}}],
    )["Listeners"][0]["ListenerArn"]
    advanced = {
        "alternateTargetGroupArn": groups[1],
        "productionListenerRule": elb.describe_rules(ListenerArn=listener)["Rules"][0]["RuleArn"],
        "roleArn": "arn:aws:iam::000000000000:role/balancing",
    }
    entry = {"targetGroupArn": groups[0], "containerName": "app", "containerPort": 8080}
    ecs.create_cluster(clusterName="canary")
    ecs.create_service(
        cluster="canary",
        serviceName="app",
        taskDefinition=definition,
        desiredCount=2,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": ids}},
        loadBalancers=[{**entry, "advancedConfiguration": advanced}],
        deploymentConfiguration={
            "strategy": "CANARY",
            "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 1},
            "bakeTimeInMinutes": 0,
        },
    )
    return str(balancer["DNSName"])


def ask(connection: http.client.HTTPConnection) -> str:
    """What answers, or "" where nobody does."""
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        body = answer.read().decode()
    except (OSError, http.client.HTTPException):
        connection.close()
        return ""
    return body if answer.status == 200 else ""


def done(ecs: Any) -> bool:
    deployments = ecs.describe_services(cluster="canary", services=["app"])["services"][0]["deployments"]
    return [one["rolloutState"] for one in deployments] == ["COMPLETED"]


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"Not within {LIMIT:.0f} s: {what}")
        time.sleep(0.002)


def main() -> None:
    peers.end_tidily()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dd-", ignore_cleanup_errors=True) as folder:
        found = [round(seconds, 3) for seconds in first_requests(peers.all_peers()[0], Path(folder), options.rounds)]
    print(json.dumps({"median": statistics.median(found), "rounds": found}))


if __name__ == "__main__":
    main()

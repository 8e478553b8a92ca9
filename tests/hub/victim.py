"""In a learner's room: something of everything that another could be after, and where all of it is."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import psutil

from drydock.cloud import connect
from drydock.user import ACCESS_KEY, home
from tests.support.lab import Lab, address_of, ask, make_lab
from tests.support.waiting import eventually
from tests.support.web import get

SECRET = "ada's own words"


def begin() -> dict[str, Any]:
    """Make it, and tell where it is."""
    cloud = connect()
    lab = make_lab(cloud.client)
    arn = lab.run(lab.register())["taskArn"]
    elb = cloud.client("elbv2")
    balancer = elb.create_load_balancer(Name="web", Subnets=lab.subnets[:2])["LoadBalancers"][0]
    said = {"StatusCode": "200", "ContentType": "text/plain", "MessageBody": SECRET}
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": said}],
    )
    cloud.client("servicediscovery").create_private_dns_namespace(Name="shop.local", Vpc=lab.vpc)
    cloud.client("secretsmanager").create_secret(Name="own", SecretString=SECRET)
    files = [home() / "own.txt", Path(os.environ["TMPDIR"]) / "own.txt", Path("/dev/shm/own.txt"), Path("own.txt")]
    for file in files:
        file.write_text(SECRET)
    address = address_of(eventually(lambda: _running(lab, arn)))
    assert ask(address)["address"] == address
    eventually(lambda: get(balancer["DNSName"]).body == SECRET)
    return {
        "files": [str(file.absolute()) for file in files],
        "admin": str(home() / "instances" / "default" / "envoy" / "admin.sock"),
        "journal": str(home() / "instances" / "default" / "journal.jsonl"),
        "task": address,
        "balancer": balancer["DNSName"] if ":" in balancer["DNSName"] else f"{balancer['DNSName']}:80",
        "listening": _listening(),
        "names": _names(),
        "key": os.environ[ACCESS_KEY],
    }


def _running(lab: Lab, arn: str) -> Any:
    task = lab.task(arn)
    return task["lastStatus"] == "RUNNING" and task


def _listening() -> list[tuple[str, str, int]]:
    """(kind, address, port) of whatever waits for somebody in this network: API, server, kernel, tasks, Envoy, DNS."""
    found = psutil.net_connections("inet4")
    tcp = {("tcp", *one.laddr) for one in found if one.status == psutil.CONN_LISTEN}
    return sorted(tcp | {("udp", *one.laddr) for one in found if one.type == 2 and not one.raddr})


def _names() -> list[str]:
    """Abstract names of sockets in this network."""
    return sorted({line.split()[7] for line in Path("/proc/net/unix").read_text().splitlines()[1:] if "@" in line})


def still() -> dict[str, Any]:
    """What is there afterwards, or after another start of the cloud."""
    cloud = connect()
    return {
        "secret": cloud.client("secretsmanager").get_secret_value(SecretId="own")["SecretString"],
        "clusters": len(cloud.client("ecs").list_clusters()["clusterArns"]),
        "key": os.environ[ACCESS_KEY],
        "mode": oct(Path.home().stat().st_mode & 0o777),
        "owner": Path.home().stat().st_uid,
        "text": (home() / "own.txt").read_text(),
    }


def refused_in_the_own_room() -> list[str]:
    """The codes with which the cloud refuses who has no credentials or wrong ones."""
    import boto3
    from botocore.exceptions import ClientError

    key, _, secret = os.environ[ACCESS_KEY].partition(":")
    codes = []
    for given in (("test", "test"), (key, secret[::-1])):
        try:
            boto3.client(
                "ecs", endpoint_url=connect().endpoint, region_name="us-east-1",
                aws_access_key_id=given[0], aws_secret_access_key=given[1],
            ).list_clusters()  # fmt: skip
            codes.append("let in")
        except ClientError as error:
            codes.append(error.response["Error"]["Code"])
    return codes


def told(value: Any) -> None:
    print("TOLD" + json.dumps(value))

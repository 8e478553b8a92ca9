"""From task to task, security groups and ACLs let through what their rules say; the rest is dropped, not refused."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.lab import Lab, address_of, ask
from tests.support.waiting import eventually

CALLS = """
import socket, sys, time
before = None
while True:
    try:
        socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=0.5).close()
        now = "answered"
    except ConnectionRefusedError:
        now = "refused"
    except TimeoutError:
        now = "timed out"
    if now != before:
        print(now, flush=True)
    before = now
    time.sleep(0.05)
"""
SENDS = """
import socket, sys, time
sock = socket.socket(type=socket.SOCK_DGRAM)
while True:
    sock.sendto(b"hello", (sys.argv[1], 9999))
    time.sleep(0.05)
"""
HEARS = """
import socket
sock = socket.socket(type=socket.SOCK_DGRAM)
sock.bind(("0.0.0.0", 9999))
print(sock.recv(100).decode(), flush=True)
"""


class Shop:
    """Tasks in security groups of their own."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.ec2 = lab, lab.client("ec2")
        lab.client("logs").create_log_group(logGroupName="/lab")
        options = {"awslogs-group": "/lab", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "app"}
        self.definition = lab.register(logConfiguration={"logDriver": "awslogs", "options": options})

    def group(self, name: str) -> str:
        made = self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.lab.vpc)
        return str(made["GroupId"])

    def allow(self, group: str, protocol: str, port: int, **source: Any) -> None:
        self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule(protocol, port, **source)])

    def run(self, group: str, *command: str, subnets: list[str] | None = None) -> dict[str, Any]:
        network = {"awsvpcConfiguration": {"subnets": subnets or self.lab.subnets, "securityGroups": [group]}}
        overrides = {"containerOverrides": [{"name": "app", "command": list(command)}]} if command else {}
        answer = self.lab.ecs.run_task(
            cluster="lab",
            taskDefinition=self.definition,
            launchType="FARGATE",
            networkConfiguration=network,
            overrides=overrides,
        )
        arn = answer["tasks"][0]["taskArn"]
        return dict(eventually(lambda: (t := self.lab.task(arn))["lastStatus"] == "RUNNING" and t))

    def said(self, task: dict[str, Any]) -> list[str]:
        stream = f"app/app/{task['taskArn'].rsplit('/', 1)[-1]}"
        events = self.lab.client("logs").get_log_events(logGroupName="/lab", logStreamName=stream, startFromHead=True)
        return [event["message"] for event in events["events"]]


def rule(protocol: str, port: int, **source: Any) -> dict[str, Any]:
    return {"IpProtocol": protocol, "FromPort": port, "ToPort": port, **source}


def of(group: str) -> dict[str, Any]:
    return {"UserIdGroupPairs": [{"GroupId": group}]}


@pytest.fixture
def shop(lab: Lab) -> Shop:
    return Shop(lab)


def test_a_call_that_no_rule_lets_in_waits_until_it_times_out(shop: Shop) -> None:
    web, database = shop.group("web"), shop.group("database")
    server = shop.run(database, subnets=shop.lab.subnets[:1])
    ask(address_of(server))  # from outside of the VPC
    caller = shop.run(web, "python", "-c", CALLS, address_of(server), "8080", subnets=shop.lab.subnets[1:2])
    eventually(lambda: shop.said(caller) == ["timed out"])
    shop.allow(database, "tcp", 8080, **of(web))
    eventually(lambda: shop.said(caller) == ["timed out", "answered"])
    let_out = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    shop.ec2.revoke_security_group_egress(GroupId=web, IpPermissions=let_out)
    eventually(lambda: shop.said(caller) == ["timed out", "answered", "timed out"])
    shop.ec2.authorize_security_group_egress(GroupId=web, IpPermissions=[rule("tcp", 8080, **of(database))])
    eventually(lambda: shop.said(caller) == ["timed out", "answered", "timed out", "answered"])
    acl = shop.ec2.create_network_acl(VpcId=shop.lab.vpc)["NetworkAcl"]["NetworkAclId"]
    mine = [{"Name": "association.subnet-id", "Values": shop.lab.subnets[:1]}]
    for association in shop.ec2.describe_network_acls(Filters=mine)["NetworkAcls"][0]["Associations"]:
        if association["SubnetId"] == shop.lab.subnets[0]:
            shop.ec2.replace_network_acl_association(
                AssociationId=association["NetworkAclAssociationId"], NetworkAclId=acl
            )
    eventually(lambda: shop.said(caller)[4:] == ["timed out"])


def test_a_port_that_nobody_listens_at_refuses_and_an_address_that_nobody_has_is_silent(shop: Shop) -> None:
    web, database = shop.group("web"), shop.group("database")
    shop.allow(database, "tcp", 8081, IpRanges=[{"CidrIp": "127.0.0.0/8"}])
    server = shop.run(database)
    refused = shop.run(web, "python", "-c", CALLS, address_of(server), "8081")
    nobody = address_of(server).rsplit(".", 1)[0] + ".250"
    silent = shop.run(web, "python", "-c", CALLS, nobody, "8081")
    eventually(lambda: shop.said(refused) == ["refused"])
    eventually(lambda: shop.said(silent) == ["timed out"])
    shop.lab.ecs.stop_task(cluster="lab", task=server["taskArn"])
    shop.lab.until_stopped(server["taskArn"])
    eventually(lambda: shop.said(refused) == ["refused", "timed out"])


def test_datagrams_are_dropped_too(shop: Shop) -> None:
    web, names = shop.group("web"), shop.group("names")
    server = shop.run(names, "python", "-c", HEARS)
    shop.run(web, "python", "-c", SENDS, address_of(server))
    caller = shop.run(web, "python", "-c", CALLS, address_of(server), "8080")
    eventually(lambda: shop.said(caller) == ["timed out"])
    assert shop.said(server) == []
    shop.allow(names, "udp", 9999, **of(web))
    eventually(lambda: shop.said(server) == ["hello"])

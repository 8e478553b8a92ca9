"""When the DNS server of a VPC is there."""

from __future__ import annotations

import contextlib
import socket

from dnslib import DNSRecord
from tests.support.clients import client_of
from tests.support.waiting import eventually

from drydock.embedded.assembly import AWS
from drydock.embedded.carriers.dns import PORTS


def test_a_vpc_answers_as_soon_as_there_is_a_private_namespace_and_no_more_once_it_is_deleted(host: AWS) -> None:
    ec2, sd = client_of(host, "ec2"), client_of(host, "servicediscovery")
    vpc = ec2.create_vpc(CidrBlock="127.77.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    sd.create_private_dns_namespace(Name="early.internal", Vpc=vpc)

    def answered() -> str | None:
        for port in PORTS:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, contextlib.suppress(OSError):
                udp.settimeout(2)
                udp.connect(("127.77.0.2", port))
                udp.send(DNSRecord.question("early.internal", "SOA").pack())
                answers = DNSRecord.parse(udp.recv(65535)).rr
                return str(answers[0].rname) if answers else "nothing"
        return None

    eventually(lambda: answered() == "early.internal.")
    (namespace,) = eventually(lambda: sd.list_namespaces()["Namespaces"])
    sd.delete_namespace(Id=namespace["Id"])
    eventually(lambda: sd.list_namespaces()["Namespaces"] == [])
    ec2.delete_vpc(VpcId=vpc)
    eventually(lambda: answered() is None)

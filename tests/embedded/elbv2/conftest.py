from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.web import Network

from drydock.embedded.assembly import AWS


@pytest.fixture
def network(host: AWS, client: Any) -> Iterator[Network]:
    ec2, elb = client("ec2"), client("elbv2")
    base = f"127.{100 + os.getpid() % 100}"
    vpc = ec2.create_vpc(CidrBlock=f"{base}.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"{base}.{16 * i}.0/20", AvailabilityZone=f"us-east-1{zone}")["Subnet"][
            "SubnetId"
        ]
        for i, zone in enumerate("ab")
    ]
    network = Network(host, elb, ec2, vpc, base, subnets)
    yield network
    for process in network.processes:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()

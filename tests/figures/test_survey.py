"""A survey asks a real API and gives what a figure takes."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from drydock import embedded
from drydock.cloud import Cloud, connect
from drydock.figures import survey, topology


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRYDOCK_HOME", str(tmp_path_factory.mktemp("home")))
        name = f"survey-{os.getpid()}"
        yield connect("embedded", name=name)
        embedded.stop(name)


def test_a_cluster_that_is_not_there_has_nothing_in_it(cloud: Cloud) -> None:
    seen = survey(cloud, cluster="nope")
    assert (seen.tasks, seen.services, seen.subnets, seen.load_balancers) == ([], [], [], [])


def test_a_vpc_is_seen_before_anything_runs_in_it(cloud: Cloud) -> None:
    ec2, elb = cloud.client("ec2"), cloud.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="127.20.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"127.20.{n}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for n, zone in ((0, "us-east-1a"), (1, "us-east-1b"))
    ]
    other = ec2.create_vpc(CidrBlock="127.21.0.0/16")["Vpc"]["VpcId"]
    ec2.create_subnet(VpcId=other, CidrBlock="127.21.0.0/24", AvailabilityZone="us-east-1a")
    elb.create_load_balancer(Name="front", Subnets=subnets)
    figure = topology(survey(cloud, cluster="nope", vpc_id=vpc))
    assert [box["type"] for box in figure.layout["shapes"]] == ["rect", "rect"]
    assert [(row[0], row[3], row[5]) for row in figure.rows] == [
        ("us-east-1a, us-east-1b", "front", "0 of 0 targets healthy"),
        ("us-east-1a", "", ""),
        ("us-east-1b", "", ""),
    ]

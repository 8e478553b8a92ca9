"""Security groups: what EC2 refuses of rules and of interfaces."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError


def network(ec2: Any, cidr: str) -> tuple[str, str, str]:
    """A VPC, its subnet and its default security group."""
    vpc = ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=cidr.replace("/16", "/24"))["Subnet"]["SubnetId"]
    mine = [{"Name": "vpc-id", "Values": [vpc]}]
    return vpc, subnet, ec2.describe_security_groups(Filters=mine)["SecurityGroups"][0]["GroupId"]


def refused(call: Any, **given: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**given)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.parametrize(
    ("protocol", "first", "last"),
    [("tcp", -1, -1), ("tcp", 443, 80), ("udp", 0, 65536), ("6", -1, 80), ("udp", None, 80), ("tcp", None, None)],
)
def test_what_is_no_range_of_ports_is_refused(ec2: Any, protocol: str, first: int | None, last: int | None) -> None:
    _, _, group = network(ec2, "10.0.0.0/16")
    ports = {"FromPort": first, "ToPort": last}
    rule = {"IpProtocol": protocol, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    rule |= {name: port for name, port in ports.items() if port is not None}
    before = ec2.describe_security_group_rules()["SecurityGroupRules"]
    for call in (ec2.authorize_security_group_ingress, ec2.authorize_security_group_egress):
        code, message = refused(call, GroupId=group, IpPermissions=[rule])
        assert code == "InvalidParameterValue" and "portRange" in message
    assert ec2.describe_security_group_rules()["SecurityGroupRules"] == before


def test_ranges_that_are_right_are_taken(ec2: Any) -> None:
    _, _, group = network(ec2, "10.0.0.0/16")
    anybody = {"IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    for protocol, first, last in (("tcp", 0, 65535), ("udp", 53, 53), ("icmp", -1, -1), ("-1", -1, -1)):
        rule = {"IpProtocol": protocol, "FromPort": first, "ToPort": last, **anybody}
        assert ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])["Return"]


def test_an_interface_has_groups_of_its_own_vpc_that_exist(ec2: Any) -> None:
    _, subnet, own = network(ec2, "10.0.0.0/16")
    _, _, foreign = network(ec2, "10.1.0.0/16")
    eni = ec2.create_network_interface(SubnetId=subnet, Groups=[own])["NetworkInterface"]["NetworkInterfaceId"]
    calls = [
        lambda group: refused(ec2.create_network_interface, SubnetId=subnet, Groups=[group]),
        lambda group: refused(ec2.modify_network_interface_attribute, NetworkInterfaceId=eni, Groups=[group]),
    ]
    for call in calls:
        networks = f"Security group {foreign} and subnet {subnet} belong to different networks."
        assert call(foreign) == ("InvalidParameter", networks)
        assert call("sg-00000000000000000")[0] == "InvalidGroup.NotFound"
    described = ec2.describe_network_interfaces()["NetworkInterfaces"]
    assert [[group["GroupId"] for group in each["Groups"]] for each in described] == [[own]]

"""What is in use is not deleted, and can be once it no longer is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from drydock.embedded.assembly import AWS
from drydock.embedded.core.clock import ManualClock

REGION = "us-east-1"


class VPC:
    """A VPC with two subnets, and whatever a test puts into it."""

    def __init__(self, host: AWS) -> None:
        self.ec2: Any = host.client("ec2", REGION)
        self.elb: Any = host.client("elbv2", REGION)
        self.id = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            self.ec2.create_subnet(VpcId=self.id, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=f"{REGION}{zone}")[
                "Subnet"
            ]["SubnetId"]
            for i, zone in enumerate("ab")
        ]

    def group(self, name: str) -> str:
        return self.ec2.create_security_group(GroupName=name, Description=name, VpcId=self.id)["GroupId"]

    def default_of(self, kind: str) -> str:
        mine = {"Name": "vpc-id", "Values": [self.id]}
        if kind == "table":
            main = {"Name": "association.main", "Values": ["true"]}
            return self.ec2.describe_route_tables(Filters=[mine, main])["RouteTables"][0]["RouteTableId"]
        if kind == "acl":
            return self.ec2.describe_network_acls(Filters=[mine])["NetworkAcls"][0]["NetworkAclId"]
        return self.ec2.describe_security_groups(Filters=[mine])["SecurityGroups"][0]["GroupId"]

    def let_in(self, group: str, **who: Any) -> None:
        rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80} | who
        self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])

    def gateway(self) -> str:
        made = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(VpcId=self.id, InternetGatewayId=made)
        return made

    def instance(self) -> str:
        image = self.ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        return self.ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, SubnetId=self.subnets[0])["Instances"][0][
            "InstanceId"
        ]

    def address(self) -> str:
        return self.ec2.allocate_address(Domain="vpc")["AllocationId"]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AWS]:
    host = AWS(tmp_path_factory.mktemp("aws"), seed="test", clock=ManualClock())
    yield host
    host.close()


@pytest.fixture
def vpc(host: AWS) -> VPC:
    return VPC(host)


def refusal(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


Way = tuple[Callable[[], Any], str, Callable[[], Any] | None]


def interface(v: VPC) -> Way:
    made = v.ec2.create_network_interface(SubnetId=v.subnets[0])["NetworkInterface"]["NetworkInterfaceId"]
    return (
        lambda: v.ec2.delete_subnet(SubnetId=v.subnets[0]),
        "DependencyViolation",
        lambda: v.ec2.delete_network_interface(NetworkInterfaceId=made),
    )


def instance(v: VPC) -> Way:
    made = v.instance()
    return (
        lambda: v.ec2.delete_subnet(SubnetId=v.subnets[0]),
        "DependencyViolation",
        lambda: v.ec2.terminate_instances(InstanceIds=[made]),
    )


def nat_gateway(v: VPC) -> Way:
    made = v.ec2.create_nat_gateway(SubnetId=v.subnets[0], AllocationId=v.address())["NatGateway"]["NatGatewayId"]
    return (
        lambda: v.ec2.delete_subnet(SubnetId=v.subnets[0]),
        "DependencyViolation",
        lambda: v.ec2.delete_nat_gateway(NatGatewayId=made),
    )


def address_of_a_nat_gateway(v: VPC) -> Way:
    address = v.address()
    made = v.ec2.create_nat_gateway(SubnetId=v.subnets[0], AllocationId=address)["NatGateway"]["NatGatewayId"]
    return (
        lambda: v.ec2.release_address(AllocationId=address),
        "InvalidIPAddress.InUse",
        lambda: v.ec2.delete_nat_gateway(NatGatewayId=made),
    )


def interface_endpoint(v: VPC) -> Way:
    made = v.ec2.create_vpc_endpoint(
        VpcId=v.id,
        ServiceName=f"com.amazonaws.{REGION}.ecr.api",
        VpcEndpointType="Interface",
        SubnetIds=v.subnets[:1],
    )["VpcEndpoint"]["VpcEndpointId"]
    return (
        lambda: v.ec2.delete_subnet(SubnetId=v.subnets[0]),
        "DependencyViolation",
        lambda: v.ec2.delete_vpc_endpoints(VpcEndpointIds=[made]),
    )


def load_balancer(v: VPC) -> Way:
    made = v.elb.create_load_balancer(Name="lb", Subnets=v.subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    return (
        lambda: v.ec2.delete_subnet(SubnetId=v.subnets[0]),
        "DependencyViolation",
        lambda: v.elb.delete_load_balancer(LoadBalancerArn=made),
    )


def group_of_a_load_balancer(v: VPC) -> Way:
    group = v.group("lb")
    made = v.elb.create_load_balancer(Name="lb2", Subnets=v.subnets, SecurityGroups=[group])["LoadBalancers"][0]
    return (
        lambda: v.ec2.delete_security_group(GroupId=group),
        "DependencyViolation",
        lambda: v.elb.delete_load_balancer(LoadBalancerArn=made["LoadBalancerArn"]),
    )


def group_that_another_names(v: VPC) -> Way:
    named, other = v.group("named"), v.group("other")
    v.let_in(other, UserIdGroupPairs=[{"GroupId": named}])
    return (
        lambda: v.ec2.delete_security_group(GroupId=named),
        "DependencyViolation",
        lambda: v.ec2.delete_security_group(GroupId=other),
    )


def default_group(v: VPC) -> Way:
    default = v.default_of("group")
    return lambda: v.ec2.delete_security_group(GroupId=default), "CannotDelete", None


def default_acl(v: VPC) -> Way:
    default = v.default_of("acl")
    return lambda: v.ec2.delete_network_acl(NetworkAclId=default), "InvalidParameterValue", None


def main_route_table(v: VPC) -> Way:
    main = v.default_of("table")
    return lambda: v.ec2.delete_route_table(RouteTableId=main), "DependencyViolation", None


def mapped_address(v: VPC) -> Way:
    gateway, made, address = v.gateway(), v.instance(), v.address()
    association = v.ec2.associate_address(InstanceId=made, AllocationId=address)["AssociationId"]
    return (
        lambda: v.ec2.detach_internet_gateway(VpcId=v.id, InternetGatewayId=gateway),
        "DependencyViolation",
        lambda: v.ec2.disassociate_address(AssociationId=association),
    )


def prefix_list(v: VPC) -> Way:
    made = v.ec2.create_managed_prefix_list(
        PrefixListName="p", MaxEntries=2, AddressFamily="IPv4", Entries=[{"Cidr": "10.0.0.0/8"}]
    )["PrefixList"]["PrefixListId"]
    group = v.group("prefixes")
    v.let_in(group, PrefixListIds=[{"PrefixListId": made}])
    return (
        lambda: v.ec2.delete_managed_prefix_list(PrefixListId=made),
        "DependencyViolation",
        lambda: v.ec2.delete_security_group(GroupId=group),
    )


def transit_gateway(v: VPC) -> Way:
    made = v.ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    attached = v.ec2.create_transit_gateway_vpc_attachment(TransitGatewayId=made, VpcId=v.id, SubnetIds=v.subnets[:1])[
        "TransitGatewayVpcAttachment"
    ]["TransitGatewayAttachmentId"]
    return (
        lambda: v.ec2.delete_transit_gateway(TransitGatewayId=made),
        "IncorrectState",
        lambda: v.ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=attached),
    )


def snapshot_of_an_image(v: VPC) -> Way:
    image = v.ec2.create_image(InstanceId=v.instance(), Name="image")["ImageId"]
    [disk, *_] = v.ec2.describe_images(ImageIds=[image])["Images"][0]["BlockDeviceMappings"]
    return (
        lambda: v.ec2.delete_snapshot(SnapshotId=disk["Ebs"]["SnapshotId"]),
        "InvalidSnapshot.InUse",
        lambda: v.ec2.deregister_image(ImageId=image),
    )


@pytest.mark.parametrize(
    "of",
    [
        interface, instance, nat_gateway, address_of_a_nat_gateway, interface_endpoint, load_balancer,
        group_of_a_load_balancer, group_that_another_names, default_group, default_acl, main_route_table,
        mapped_address, prefix_list, transit_gateway, snapshot_of_an_image,
    ],
)  # fmt: skip
def test_what_is_in_use_stays_until_it_is_not(vpc: VPC, of: Callable[[VPC], Way]) -> None:
    delete, code, let_go = of(vpc)
    assert refusal(delete) == code
    assert refusal(delete) == code, "the refusal has changed nothing"
    if let_go is not None:
        let_go()
        delete()


@pytest.mark.parametrize("kind", ["subnet", "group", "table", "acl", "gateway", "endpoint", "peering", "vpn"])
def test_a_vpc_stays_while_anything_is_in_it(host: AWS, vpc: VPC, kind: str) -> None:
    ec2, other = vpc.ec2, VPC(host)
    for subnet in vpc.subnets if kind != "subnet" else ():
        ec2.delete_subnet(SubnetId=subnet)

    def end() -> None:
        match kind:
            case "subnet":
                for subnet in vpc.subnets:
                    ec2.delete_subnet(SubnetId=subnet)
            case "group":
                ec2.delete_security_group(GroupId=made)
            case "table":
                ec2.delete_route_table(RouteTableId=made)
            case "acl":
                ec2.delete_network_acl(NetworkAclId=made)
            case "gateway":
                ec2.detach_internet_gateway(InternetGatewayId=made, VpcId=vpc.id)
            case "endpoint":
                ec2.delete_vpc_endpoints(VpcEndpointIds=[made])
            case "peering":
                ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=made)
            case "vpn":
                ec2.detach_vpn_gateway(VpnGatewayId=made, VpcId=vpc.id)

    made = ""
    match kind:
        case "group":
            made = vpc.group("g")
        case "table":
            made = ec2.create_route_table(VpcId=vpc.id)["RouteTable"]["RouteTableId"]
        case "acl":
            made = ec2.create_network_acl(VpcId=vpc.id)["NetworkAcl"]["NetworkAclId"]
        case "gateway":
            made = vpc.gateway()
        case "endpoint":
            made = ec2.create_vpc_endpoint(
                VpcId=vpc.id, ServiceName=f"com.amazonaws.{REGION}.s3", VpcEndpointType="Gateway"
            )["VpcEndpoint"]["VpcEndpointId"]
        case "peering":
            made = ec2.create_vpc_peering_connection(VpcId=vpc.id, PeerVpcId=other.id)["VpcPeeringConnection"][
                "VpcPeeringConnectionId"
            ]
            ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=made)
        case "vpn":
            made = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
            ec2.attach_vpn_gateway(VpnGatewayId=made, VpcId=vpc.id)
    assert refusal(lambda: ec2.delete_vpc(VpcId=vpc.id)) == "DependencyViolation"
    end()
    ec2.delete_vpc(VpcId=vpc.id)


def test_a_default_group_lets_its_own_in(vpc: VPC) -> None:
    default = vpc.default_of("group")
    [rule] = vpc.ec2.describe_security_groups(GroupIds=[default])["SecurityGroups"][0]["IpPermissions"]
    assert rule["IpProtocol"] == "-1"
    assert [pair["GroupId"] for pair in rule["UserIdGroupPairs"]] == [default]


def test_what_is_associated_with_a_subnet_ends_with_it(vpc: VPC) -> None:
    ec2, subnet = vpc.ec2, vpc.subnets[0]
    acl = ec2.create_network_acl(VpcId=vpc.id)["NetworkAcl"]["NetworkAclId"]
    [association] = [
        one["NetworkAclAssociationId"]
        for found in ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [vpc.id]}])["NetworkAcls"]
        for one in found["Associations"]
        if one["SubnetId"] == subnet
    ]
    ec2.replace_network_acl_association(AssociationId=association, NetworkAclId=acl)
    table = ec2.create_route_table(VpcId=vpc.id)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_network_acl(NetworkAclId=acl)
    ec2.delete_route_table(RouteTableId=table)


def test_an_interface_of_a_gateway_or_an_endpoint_is_not_its_users_to_delete(vpc: VPC) -> None:
    nat_gateway(vpc)
    interface_endpoint(vpc)
    mine = [{"Name": "vpc-id", "Values": [vpc.id]}]
    found = vpc.ec2.describe_network_interfaces(Filters=mine)["NetworkInterfaces"]
    assert sorted(eni["Description"].rpartition(" ")[0] for eni in found) == [
        "Interface for NAT Gateway",
        "VPC Endpoint Interface",
    ]
    for eni in found:
        assert (eni["Status"], eni["RequesterManaged"]) == ("in-use", True)
        assert refusal(lambda eni=eni: vpc.ec2.delete_network_interface(NetworkInterfaceId=eni["NetworkInterfaceId"]))


def test_the_interfaces_of_a_load_balancer_are_in_its_groups(vpc: VPC, host: AWS) -> None:
    before, after, foreign = vpc.group("before"), vpc.group("after"), VPC(host).group("foreign")
    arn = vpc.elb.create_load_balancer(Name="groups", Subnets=vpc.subnets, SecurityGroups=[before])["LoadBalancers"][0][
        "LoadBalancerArn"
    ]
    vpc.elb.set_security_groups(LoadBalancerArn=arn, SecurityGroups=[after])
    assert refusal(lambda: vpc.ec2.delete_security_group(GroupId=after)) == "DependencyViolation"
    vpc.ec2.delete_security_group(GroupId=before)
    assert (
        refusal(lambda: vpc.elb.set_security_groups(LoadBalancerArn=arn, SecurityGroups=[foreign]))
        == "InvalidConfigurationRequest"
    )
    vpc.elb.delete_load_balancer(LoadBalancerArn=arn)

"""Resources of EC2 that moto makes for a stack and leaves behind when it goes: each is deleted as a user would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drydock.embedded.services.cloudformation.kinds import Calls


def _by(operation: str, argument: str, *, many: bool = False) -> Callable[[Calls, Any], object]:
    return lambda calls, one: calls.if_there(operation, **{argument: [one.id] if many else one.id})


def _detach(calls: Calls, one: Any) -> None:
    attached = [{"Name": "attachment.vpc-id", "Values": [one.vpc_id]}]
    for gateway in calls("describe_internet_gateways", {}, Filters=attached)["InternetGateways"]:
        calls("detach_internet_gateway", {}, InternetGatewayId=gateway["InternetGatewayId"], VpcId=one.vpc_id)
    for gateway in calls("describe_vpn_gateways", {}, Filters=attached).get("VpnGateways", ()):
        calls("detach_vpn_gateway", {}, VpnGatewayId=gateway["VpnGatewayId"], VpcId=one.vpc_id)


def _disassociate(calls: Calls, one: Any) -> None:
    tables = calls("describe_route_tables", {}, Filters=[{"Name": "route-table-id", "Values": [one.route_table_id]}])
    for table in tables["RouteTables"]:
        for association in table["Associations"]:
            if association.get("SubnetId") == one.subnet_id:
                calls("disassociate_route_table", {}, AssociationId=association["RouteTableAssociationId"])


def _revoke(calls: Calls, one: Any) -> None:
    given = one.properties
    rule: dict[str, Any] = {"IpProtocol": str(given["IpProtocol"])}
    for port in ("FromPort", "ToPort"):
        if given.get(port) is not None:
            rule[port] = int(given[port])
    if given.get("CidrIp"):
        rule["IpRanges"] = [{"CidrIp": given["CidrIp"]}]
    if given.get("SourceSecurityGroupId"):
        rule["UserIdGroupPairs"] = [{"GroupId": given["SourceSecurityGroupId"]}]
    calls.if_there("revoke_security_group_ingress", GroupId=one.security_group.id, IpPermissions=[rule])


REMOVALS: dict[str, Callable[[Calls, Any], object]] = {
    "AWS::EC2::EIP": lambda calls, one: calls.if_there("release_address", AllocationId=one.allocation_id),
    "AWS::EC2::InternetGateway": _by("delete_internet_gateway", "InternetGatewayId"),
    "AWS::EC2::NatGateway": _by("delete_nat_gateway", "NatGatewayId"),
    "AWS::EC2::NetworkInterface": _by("delete_network_interface", "NetworkInterfaceId"),
    "AWS::EC2::RouteTable": _by("delete_route_table", "RouteTableId"),
    "AWS::EC2::SecurityGroupIngress": _revoke,
    "AWS::EC2::SubnetRouteTableAssociation": _disassociate,
    "AWS::EC2::TransitGateway": _by("delete_transit_gateway", "TransitGatewayId"),
    "AWS::EC2::VPCEndpoint": _by("delete_vpc_endpoints", "VpcEndpointIds", many=True),
    "AWS::EC2::VPCGatewayAttachment": _detach,
    "AWS::EC2::VPCPeeringConnection": _by("delete_vpc_peering_connection", "VpcPeeringConnectionId"),
    "AWS::EC2::VPNGateway": _by("delete_vpn_gateway", "VpnGatewayId"),
    "AWS::EC2::Volume": _by("delete_volume", "VolumeId"),
}

"""A VPC and what is in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drydock.cloud import Cloud
from drydock.resources.kind import (
    TAG,
    Answer,
    Kind,
    calls,
    every,
    specified,
    there,
)


def _vpc_kind(
    name: str,
    resource_type: str,
    operation: str,
    created: Callable[[Answer], str | list[str]],
    describe: tuple[str, str],
    delete: Callable[[Cloud, str], object],
) -> Kind:
    """An EC2 resource: found by one describe_tags, asked after by `describe` (operation, parameter)."""

    def tagged(cloud: Cloud) -> list[tuple[str, str]]:
        filters = [
            {"Name": "key", "Values": [TAG]},
            {"Name": "resource-type", "Values": [resource_type]},
        ]
        found = every(cloud.client("ec2"), "describe_tags", "Tags", Filters=filters)
        return [(one["ResourceId"], one["Value"]) for one in found]

    def described(cloud: Cloud, identifier: str) -> list[Any]:
        ask = getattr(cloud.client("ec2"), describe[0])
        found = next(value for value in ask(**{describe[1]: [identifier]}).values() if isinstance(value, list))
        return [one for one in found if one.get("State") not in ("deleted", "deleting")]

    return Kind(
        name,
        "ec2",
        {operation: lambda params, answer: _as_list(created(answer))},
        lambda cloud, identifier: there(lambda: described(cloud, identifier)),
        delete,
        specified(resource_type),
        tagged,
        describe=described,
    )


def _as_list(found: str | list[str]) -> list[str]:
    return [found] if isinstance(found, str) else found


def _delete_rule_of_group(cloud: Cloud, identifier: str) -> None:
    ec2 = cloud.client("ec2")
    rule = ec2.describe_security_group_rules(SecurityGroupRuleIds=[identifier])["SecurityGroupRules"][0]
    revoke = ec2.revoke_security_group_egress if rule["IsEgress"] else ec2.revoke_security_group_ingress
    revoke(GroupId=rule["GroupId"], SecurityGroupRuleIds=[identifier])


def _delete_route_table(cloud: Cloud, identifier: str) -> None:
    ec2 = cloud.client("ec2")
    table = ec2.describe_route_tables(RouteTableIds=[identifier])["RouteTables"][0]
    for association in table.get("Associations", []):
        if not association.get("Main"):
            ec2.disassociate_route_table(AssociationId=association["RouteTableAssociationId"])
    ec2.delete_route_table(RouteTableId=identifier)


def _delete_network_acl(cloud: Cloud, identifier: str) -> None:
    """Its subnets get their VPC's default ACL back first."""
    ec2 = cloud.client("ec2")
    acl = ec2.describe_network_acls(NetworkAclIds=[identifier])["NetworkAcls"][0]
    of_the_vpc = [{"Name": "vpc-id", "Values": [acl["VpcId"]]}, {"Name": "default", "Values": ["true"]}]
    default = ec2.describe_network_acls(Filters=of_the_vpc)["NetworkAcls"][0]["NetworkAclId"]
    for association in acl["Associations"]:
        ec2.replace_network_acl_association(AssociationId=association["NetworkAclAssociationId"], NetworkAclId=default)
    ec2.delete_network_acl(NetworkAclId=identifier)


def _delete_gateway(cloud: Cloud, identifier: str) -> None:
    ec2 = cloud.client("ec2")
    gateway = ec2.describe_internet_gateways(InternetGatewayIds=[identifier])["InternetGateways"][0]
    for attachment in gateway.get("Attachments", []):
        ec2.detach_internet_gateway(InternetGatewayId=identifier, VpcId=attachment["VpcId"])
    ec2.delete_internet_gateway(InternetGatewayId=identifier)


KINDS = (
    _vpc_kind(
        "VPC endpoint",
        "vpc-endpoint",
        "CreateVpcEndpoint",
        lambda answer: answer["VpcEndpoint"]["VpcEndpointId"],
        ("describe_vpc_endpoints", "VpcEndpointIds"),
        lambda cloud, one: cloud.client("ec2").delete_vpc_endpoints(VpcEndpointIds=[one]),
    ),
    _vpc_kind(
        "network interface",
        "network-interface",
        "CreateNetworkInterface",
        lambda answer: answer["NetworkInterface"]["NetworkInterfaceId"],
        ("describe_network_interfaces", "NetworkInterfaceIds"),
        calls("ec2", "delete_network_interface", "NetworkInterfaceId"),
    ),
    _vpc_kind(
        "security group rule",
        "security-group-rule",
        "AuthorizeSecurityGroupIngress",
        lambda answer: [rule["SecurityGroupRuleId"] for rule in answer.get("SecurityGroupRules", ())],
        ("describe_security_group_rules", "SecurityGroupRuleIds"),
        _delete_rule_of_group,
    ),
    _vpc_kind(
        "security group",
        "security-group",
        "CreateSecurityGroup",
        lambda answer: answer["GroupId"],
        ("describe_security_groups", "GroupIds"),
        calls("ec2", "delete_security_group", "GroupId"),
    ),
    _vpc_kind(
        "route table",
        "route-table",
        "CreateRouteTable",
        lambda answer: answer["RouteTable"]["RouteTableId"],
        ("describe_route_tables", "RouteTableIds"),
        _delete_route_table,
    ),
    _vpc_kind(
        "network ACL",
        "network-acl",
        "CreateNetworkAcl",
        lambda answer: answer["NetworkAcl"]["NetworkAclId"],
        ("describe_network_acls", "NetworkAclIds"),
        _delete_network_acl,
    ),
    _vpc_kind(
        "subnet",
        "subnet",
        "CreateSubnet",
        lambda answer: answer["Subnet"]["SubnetId"],
        ("describe_subnets", "SubnetIds"),
        calls("ec2", "delete_subnet", "SubnetId"),
    ),
    _vpc_kind(
        "internet gateway",
        "internet-gateway",
        "CreateInternetGateway",
        lambda answer: answer["InternetGateway"]["InternetGatewayId"],
        ("describe_internet_gateways", "InternetGatewayIds"),
        _delete_gateway,
    ),
    _vpc_kind(
        "VPC",
        "vpc",
        "CreateVpc",
        lambda answer: answer["Vpc"]["VpcId"],
        ("describe_vpcs", "VpcIds"),
        calls("ec2", "delete_vpc", "VpcId"),
    ),
)

"""What requests of EC2 are about: networks, and the security groups and interfaces in them."""

from __future__ import annotations

from urllib.parse import parse_qsl

from drydock.policy.dealings import About, Dealings
from drydock.policy.lifespans import Done

_CHANGES = {
    "ModifyVpcAttribute": "VpcId",
    "ModifySubnetAttribute": "SubnetId",
    "AuthorizeSecurityGroupIngress": "GroupId",
    "AuthorizeSecurityGroupEgress": "GroupId",
    "RevokeSecurityGroupIngress": "GroupId",
    "RevokeSecurityGroupEgress": "GroupId",
    "ModifySecurityGroupRules": "GroupId",
    "UpdateSecurityGroupRuleDescriptionsIngress": "GroupId",
    "UpdateSecurityGroupRuleDescriptionsEgress": "GroupId",
    "AttachInternetGateway": "InternetGatewayId",
    "DetachInternetGateway": "InternetGatewayId",
    "CreateRoute": "RouteTableId",
    "ReplaceRoute": "RouteTableId",
    "DeleteRoute": "RouteTableId",
    "AssociateRouteTable": "RouteTableId",
    "DisassociateRouteTable": "AssociationId",
    "ModifyNetworkInterfaceAttribute": "NetworkInterfaceId",
    "CreateTags": "ResourceId",
    "DeleteTags": "ResourceId",
}
_ENDS = {
    "DeleteVpc": "VpcId",
    "DeleteSubnet": "SubnetId",
    "DeleteSecurityGroup": "GroupId",
    "DeleteInternetGateway": "InternetGatewayId",
    "DeleteRouteTable": "RouteTableId",
    "DeleteNetworkInterface": "NetworkInterfaceId",
}
_ANSWERED = {
    "CreateVpc": "<vpcId>(vpc-[0-9a-f]+)",
    "CreateSubnet": "<subnetId>(subnet-[0-9a-f]+)",
    "CreateSecurityGroup": "<groupId>(sg-[0-9a-f]+)",
    "AuthorizeSecurityGroupIngress": "<securityGroupRuleId>(sgr-[0-9a-f]+)",
    "AuthorizeSecurityGroupEgress": "<securityGroupRuleId>(sgr-[0-9a-f]+)",
    "CreateInternetGateway": "<internetGatewayId>(igw-[0-9a-f]+)",
    "CreateRouteTable": "<routeTableId>(rtb-[0-9a-f]+)",
    "CreateNetworkInterface": "<networkInterfaceId>(eni-[0-9a-f]+)",
    "AssociateRouteTable": "<associationId>(rtbassoc-[0-9a-f]+)",
}
_OF_THE_REQUEST = ("Action", "Version", "DryRun", "ClientToken", "TagSpecification")
_UNDOES = {
    "RevokeSecurityGroupIngress": "AuthorizeSecurityGroupIngress",
    "RevokeSecurityGroupEgress": "AuthorizeSecurityGroupEgress",
    "DetachInternetGateway": "AttachInternetGateway",
}


def about(done: Done) -> About | None:
    operation = done.operation
    pairs = parse_qsl(done.text, keep_blank_values=True)
    if any("GroupName" in name for name, _ in pairs) and operation != "CreateSecurityGroup":
        return None  # it means a group by its name
    made = frozenset(done.made)
    if operation in _ENDS:
        ended = _given(pairs, _ENDS[operation])
        return About(ends=ended) if ended else None
    if operation in _CHANGES:
        changed = _given(pairs, _CHANGES[operation])
        if operation.startswith("RevokeSecurityGroup") and not changed:
            changed = _given(pairs, "SecurityGroupRuleId")
        does = _text(_UNDOES.get(operation, operation), pairs)
        gives = frozenset({does, *([" ".join(sorted(made))] if made else [])})
        rules = _given(pairs, "SecurityGroupRuleId") | _given(pairs, "AssociationId")
        takes = (does if operation in _UNDOES else "") if not rules else " ".join(sorted(rules))
        undoes = operation in _UNDOES or operation == "DisassociateRouteTable"
        return About(makes=made, changes=changed, gives=gives, takes=takes if undoes else "") if changed else None
    return About(makes=made) if operation in _ANSWERED and made else None


def _given(pairs: list[tuple[str, str]], member: str) -> frozenset[str]:
    return frozenset(value for name, value in pairs if name.partition(".")[0] == member)


def _text(operation: str, pairs: list[tuple[str, str]]) -> str:
    """What a request does, however it is worded."""
    does = sorted(
        f"{name}={value}"
        for name, value in pairs
        if name.partition(".")[0] not in _OF_THE_REQUEST and name.rpartition(".")[2] != "Description"
    )
    return "&".join([operation, *does])


DEALINGS = Dealings(about=about, answered=_ANSWERED)

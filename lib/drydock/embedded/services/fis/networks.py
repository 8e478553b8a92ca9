"""Subnets that an experiment cuts off: an ACL that denies everything in place of theirs, and theirs again.

AWS FIS makes that ACL, tags it and deletes it (documented: "AWS FIS Actions reference"). What belongs to whom is in its
tags, so that it is given back whatever happens between; these requests are journalled as a user's are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from drydock.embedded.core.host import Host

_BY, _FOR = "managedByFIS", "fis-original-acl"


class Networks:
    def __init__(self, host: Host) -> None:
        self._host = host

    def _ec2(self, region: str) -> Any:
        return self._host.client("ec2", region)

    def subnets(self, region: str, parameters: dict[str, str]) -> Iterator[tuple[str, set[tuple[str, str]]]]:
        """ARNs and tags of those in a zone and a VPC, or in any."""
        names = {"availabilityZoneIdentifier": "availability-zone", "vpc": "vpc-id"}
        filters = [{"Name": names[key], "Values": [value]} for key, value in parameters.items()]
        for subnet in self._ec2(region).describe_subnets(Filters=filters)["Subnets"]:
            arn = f"arn:aws:ec2:{region}:{self._host.account}:subnet/{subnet['SubnetId']}"
            yield arn, {(tag["Key"], tag["Value"]) for tag in subnet.get("Tags") or ()}

    def cut_off(self, region: str, experiment: str, action: str, arns: Iterable[str]) -> None:
        """Give these subnets an ACL without an entry that allows anything."""
        ec2 = self._ec2(region)
        for subnet in [arn.rsplit("/", 1)[-1] for arn in arns]:
            ec2.describe_subnets(SubnetIds=[subnet])  # that it is still there
            [acl] = _acls(ec2, "association.subnet-id", subnet)
            if _tag(acl, _BY) == f"{experiment}/{action}":  # by what a restart has cut short
                continue
            [association] = [each for each in acl["Associations"] if each["SubnetId"] == subnet]
            tags = [{"Key": _BY, "Value": f"{experiment}/{action}"}, {"Key": _FOR, "Value": acl["NetworkAclId"]}]
            made = ec2.create_network_acl(
                VpcId=acl["VpcId"], TagSpecifications=[{"ResourceType": "network-acl", "Tags": tags}]
            )["NetworkAcl"]["NetworkAclId"]
            ec2.replace_network_acl_association(AssociationId=association["NetworkAclAssociationId"], NetworkAclId=made)

    def give_back(self, region: str, experiment: str, action: str) -> None:
        """Let the subnets that an action has cut off have their own ACLs again, or that of their VPC if theirs is gone.

        One that another action has cut off as well stays so until that one has ended, too.
        """
        ec2 = self._ec2(region)
        for acl in _acls(ec2, f"tag:{_BY}", f"{experiment}/{action}"):
            there = {each["NetworkAclId"]: each["IsDefault"] for each in _acls(ec2, "vpc-id", acl["VpcId"])}
            own = _tag(acl, _FOR)
            own = own if own in there else next(each for each, is_default in there.items() if is_default)
            for association in acl["Associations"]:
                ec2.replace_network_acl_association(
                    AssociationId=association["NetworkAclAssociationId"], NetworkAclId=own
                )
            for later in _acls(ec2, f"tag:{_FOR}", acl["NetworkAclId"]):
                ec2.create_tags(Resources=[later["NetworkAclId"]], Tags=[{"Key": _FOR, "Value": own}])
            ec2.delete_network_acl(NetworkAclId=acl["NetworkAclId"])


def _acls(ec2: Any, name: str, value: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ec2.describe_network_acls(Filters=[{"Name": name, "Values": [value]}])["NetworkAcls"]
    return found


def _tag(acl: dict[str, Any], key: str) -> str:
    return next((tag["Value"] for tag in acl.get("Tags") or () if tag["Key"] == key), "")

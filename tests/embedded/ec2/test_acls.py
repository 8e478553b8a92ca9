"""Network ACLs: the entries that each has, and what EC2 refuses of others."""

from __future__ import annotations

from typing import Any

from tests.embedded.ec2.test_groups import network, refused

ENTRY: dict[str, Any] = {
    "RuleNumber": 100, "Protocol": "6", "RuleAction": "allow", "Egress": False, "CidrBlock": "10.0.0.0/8",
    "PortRange": {"From": 80, "To": 80},
}  # fmt: skip


def test_an_acl_denies_everything_until_entries_allow_it(ec2: Any) -> None:
    vpc, subnet, _ = network(ec2, "10.0.0.0/16")
    made = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]
    denies = [(entry["Egress"], entry["RuleNumber"], entry["RuleAction"]) for entry in made["Entries"]]
    assert denies == [(True, 32767, "deny"), (False, 32767, "deny")]
    ec2.create_network_acl_entry(NetworkAclId=made["NetworkAclId"], **ENTRY)
    ec2.replace_network_acl_entry(NetworkAclId=made["NetworkAclId"], **{**ENTRY, "RuleAction": "deny"})
    [acl] = ec2.describe_network_acls(NetworkAclIds=[made["NetworkAclId"]])["NetworkAcls"]
    assert [entry for entry in acl["Entries"] if entry["RuleNumber"] == 100] == [{**ENTRY, "RuleAction": "deny"}]
    mine = [{"Name": "association.subnet-id", "Values": [subnet]}]
    [association] = ec2.describe_network_acls(Filters=mine)["NetworkAcls"][0]["Associations"]
    ec2.replace_network_acl_association(
        AssociationId=association["NetworkAclAssociationId"], NetworkAclId=made["NetworkAclId"]
    )
    code, _ = refused(ec2.delete_network_acl, NetworkAclId=made["NetworkAclId"])
    assert code == "DependencyViolation"


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"RuleNumber": 0}, "InvalidParameterValue", "ruleNumber"),
    ({"RuleNumber": 32767}, "InvalidParameterValue", "ruleNumber"),
    ({"Protocol": "tcp"}, "InvalidParameterValue", "protocol"),
    ({"Protocol": "--6"}, "InvalidParameterValue", "protocol"),
    ({"CidrBlock": "10.0.0.0/33"}, "InvalidParameterValue", "CIDR"),
    ({"CidrBlock": None}, "MissingParameter", "cidrBlock"),
    ({"PortRange": {"From": 90, "To": 80}}, "InvalidParameterValue", "portRange"),
    ({"PortRange": None}, "InvalidParameterValue", "portRange"),
    ({"Protocol": "1", "PortRange": None}, "MissingParameter", "icmpTypeCode"),
    ({"NetworkAclId": "acl-0"}, "InvalidNetworkAclID.NotFound", "acl-0"),
]


def test_what_is_no_entry_is_refused(ec2: Any) -> None:
    vpc, _, _ = network(ec2, "10.0.0.0/16")
    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    for changed, code, says in REFUSED:
        given = {name: value for name, value in {"NetworkAclId": acl, **ENTRY, **changed}.items() if value is not None}
        found, message = refused(ec2.create_network_acl_entry, **given)
        assert (found, says in message) == (code, True), (changed, found, message)
    assert len(ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0]["Entries"]) == 2


def test_what_is_not_there_is_said(ec2: Any) -> None:
    vpc, subnet, _ = network(ec2, "10.0.0.0/16")
    other, _, _ = network(ec2, "10.1.0.0/16")
    acl, foreign = (ec2.create_network_acl(VpcId=each)["NetworkAcl"]["NetworkAclId"] for each in (vpc, other))
    entry = {"NetworkAclId": acl, "RuleNumber": 100, "Egress": True}
    assert refused(ec2.delete_network_acl_entry, **entry)[0] == "InvalidNetworkAclEntry.NotFound"
    assert refused(ec2.delete_network_acl_entry, **{**entry, "RuleNumber": 32767})[0] == "InvalidParameterValue"
    assert refused(ec2.replace_network_acl_entry, NetworkAclId=acl, **ENTRY)[0] == "InvalidNetworkAclEntry.NotFound"
    replace = ec2.replace_network_acl_association
    assert refused(replace, AssociationId="aclassoc-0", NetworkAclId=acl)[0] == "InvalidAssociationID.NotFound"
    mine = [{"Name": "association.subnet-id", "Values": [subnet]}]
    association = ec2.describe_network_acls(Filters=mine)["NetworkAcls"][0]["Associations"][0]
    given = {"AssociationId": association["NetworkAclAssociationId"], "NetworkAclId": foreign}
    assert refused(replace, **given)[0] == "InvalidParameterValue"

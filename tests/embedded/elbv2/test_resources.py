"""What may be made, changed and deleted, with AWS's error codes; and what a restart keeps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.waiting import eventually
from tests.support.web import Network, fixed, forward, get

from drydock.embedded.assembly import AWS
from drydock.embedded.services.elbv2.validation import compiles

MINIMUM = "target_group_health.unhealthy_state_routing.minimum_healthy_targets"


def code(call: Callable[..., Any], **arguments: Any) -> str:
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    return raised.value.response["Error"]["Code"]


def test_a_load_balancer_is_made_once(network: Network) -> None:
    first = network.load_balancer()
    assert first["State"] == {"Code": "provisioning"}
    assert first["Scheme"] == "internet-facing"
    assert len(first["SecurityGroups"]) == 1
    assert network.load_balancer()["LoadBalancerArn"] == first["LoadBalancerArn"]
    assert code(network.load_balancer, Scheme="internal") == "DuplicateLoadBalancerName"
    assert network.elb.describe_load_balancers(Names=["web"])["LoadBalancers"][0]["State"]["Code"] == "active"
    assert code(network.elb.describe_load_balancers, Names=["web", "other"]) == "LoadBalancerNotFound"


def test_what_a_load_balancer_needs(network: Network) -> None:
    create = network.elb.create_load_balancer
    assert code(create, Name="a", Subnets=network.subnets[:1]) == "ValidationError"
    assert code(create, Name="a", Subnets=["subnet-0123"]) == "SubnetNotFound"
    assert code(create, Name="a", Subnets=[network.subnets[0]] * 2) == "InvalidConfigurationRequest"
    assert code(create, Name="-a", Subnets=network.subnets) == "ValidationError"
    assert code(create, Name="a", Subnets=network.subnets, SecurityGroups=["sg-0"]) == "InvalidSecurityGroup"


def test_deleting_gives_the_addresses_back(network: Network) -> None:
    lb = network.load_balancer()
    again = network.load_balancer("other")
    assert lb["DNSName"] != again["DNSName"]
    protect = [{"Key": "deletion_protection.enabled", "Value": "true"}]
    arn = lb["LoadBalancerArn"]
    network.elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=protect)
    assert code(network.elb.delete_load_balancer, LoadBalancerArn=arn) == "OperationNotPermitted"
    protect[0]["Value"] = "false"
    network.elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=protect)
    network.elb.delete_load_balancer(LoadBalancerArn=arn)
    network.elb.delete_load_balancer(LoadBalancerArn=arn)
    left = network.ec2.describe_network_interfaces()["NetworkInterfaces"]
    assert {item["Description"].rpartition("/")[0] for item in left} == {"ELB app/other"}
    assert network.load_balancer("third")["DNSName"] == lb["DNSName"]


def test_subnets_can_change(network: Network) -> None:
    lb = network.load_balancer()
    network.listener(lb, fixed(200, "here"))
    third = network.ec2.create_subnet(
        VpcId=network.vpc, CidrBlock=f"{network.base}.32.0/20", AvailabilityZone="us-east-1c"
    )["Subnet"]["SubnetId"]
    network.elb.set_subnets(LoadBalancerArn=lb["LoadBalancerArn"], Subnets=[network.subnets[0], third])
    interfaces = network.ec2.describe_network_interfaces()["NetworkInterfaces"]
    addresses = {item["SubnetId"]: item["PrivateIpAddress"] for item in interfaces}
    assert set(addresses) == {network.subnets[0], third}
    at = lb["DNSName"].replace(addresses[network.subnets[0]], addresses[third])
    assert eventually(lambda: get(at)).body == "here"


def test_a_load_balancer_keeps_its_name_and_its_listeners_whatever_its_subnets_are(network: Network) -> None:
    lb = network.load_balancer()
    listener = network.listener(lb, fixed(200, "first"))
    more = [
        network.ec2.create_subnet(
            VpcId=network.vpc, CidrBlock=f"{network.base}.{number}.0/20", AvailabilityZone=f"us-east-1{zone}"
        )["Subnet"]["SubnetId"]
        for number, zone in ((32, "c"), (48, "d"))
    ]
    for subnets in (more, [network.subnets[1], *more], network.subnets, more):
        network.elb.set_subnets(LoadBalancerArn=lb["LoadBalancerArn"], Subnets=subnets)
        body = "at " + subnets[0]
        network.elb.modify_listener(ListenerArn=listener, DefaultActions=[fixed(200, body)])
        assert eventually(lambda body=body: get(lb["DNSName"]).body == body)
        (shown,) = network.elb.describe_load_balancers()["LoadBalancers"]
        assert shown["DNSName"] == lb["DNSName"]
        assert sorted(zone["SubnetId"] for zone in shown["AvailabilityZones"]) == sorted(subnets)
        eventually(lambda: network.elb.describe_load_balancers()["LoadBalancers"][0]["State"]["Code"] == "active")
    network.elb.delete_load_balancer(LoadBalancerArn=lb["LoadBalancerArn"])
    assert network.ec2.describe_network_interfaces()["NetworkInterfaces"] == []


def test_target_groups(network: Network) -> None:
    lb = network.load_balancer()
    group = network.target_group("tg")
    assert network.target_group("tg") == group
    assert code(network.target_group, name="tg", port=81) == "DuplicateTargetGroupName"
    listener = network.listener(lb, forward((group, 1)))
    shown = network.elb.describe_target_groups(LoadBalancerArn=lb["LoadBalancerArn"])["TargetGroups"]
    assert [(item["TargetGroupArn"], item["LoadBalancerArns"]) for item in shown] == [(group, [lb["LoadBalancerArn"]])]
    assert code(network.elb.delete_target_group, TargetGroupArn=group) == "ResourceInUse"
    network.elb.modify_listener(ListenerArn=listener, DefaultActions=[fixed(200)])
    assert network.elb.describe_target_groups(Names=["tg"])["TargetGroups"][0].get("LoadBalancerArns", []) == []
    network.elb.delete_target_group(TargetGroupArn=group)
    assert code(network.elb.describe_target_health, TargetGroupArn=group) == "TargetGroupNotFound"
    assert code(network.register, arn=group) == "TargetGroupNotFound"


def test_attributes_of_a_target_group(network: Network) -> None:
    group = network.target_group("tg")

    def modify(key: str, value: str) -> dict[str, str]:
        answer = network.elb.modify_target_group_attributes(
            TargetGroupArn=group, Attributes=[{"Key": key, "Value": value}]
        )
        return {item["Key"]: item["Value"] for item in answer["Attributes"]}

    changed = modify("deregistration_delay.timeout_seconds", "3600")
    assert changed["deregistration_delay.timeout_seconds"] == "3600"
    assert changed["stickiness.enabled"] == "false"
    assert code(modify, key="deregistration_delay.timeout_seconds", value="3601") == "ValidationError"
    assert code(modify, key="nonsense", value="1") == "ValidationError"


@pytest.mark.parametrize("address", ["8.8.8.8", "127.9.0.1"])
def test_an_address_outside_the_vpc_is_refused(network: Network, address: str) -> None:
    group = network.target_group("tg")
    register = network.elb.register_targets
    assert code(register, TargetGroupArn=group, Targets=[{"Id": address}]) == "InvalidTarget"
    assert code(register, TargetGroupArn=group, Targets=[{"Id": "web"}]) == "ValidationError"
    register(TargetGroupArn=group, Targets=[{"Id": "10.3.0.4"}])
    network.elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": network.address(99)}])
    assert list(network.health(group)) == ["10.3.0.4:8080"]


def test_a_listener_made_again_is_the_same_one_if_its_settings_still_are(network: Network) -> None:
    lb = network.load_balancer()
    listener = network.listener(lb, fixed(200))
    assert network.listener(lb, fixed(200)) == listener
    network.elb.modify_listener(ListenerArn=listener, DefaultActions=[fixed(404)])
    assert code(lambda: network.listener(lb, fixed(200))) == "DuplicateListener"
    assert network.listener(lb, fixed(404)) == listener


def test_listeners_and_rules(network: Network) -> None:
    lb, other = network.load_balancer(), network.load_balancer("other")
    group = network.target_group("tg")
    listener = network.listener(lb, forward((group, 1)))
    assert network.listener(lb, forward((group, 1))) == listener
    assert code(lambda: network.listener(lb, fixed(200))) == "DuplicateListener"
    assert code(lambda: network.listener(other, forward((group, 1)))) == "TargetGroupAssociationLimit"
    assert code(lambda: network.listener(lb, forward((group + "0", 1)), port=81)) == "TargetGroupNotFound"
    assert code(lambda: network.listener(lb, forward((group, 1000)), port=81)) == "ValidationError"
    six = [(network.target_group(f"tg{number}"), 1) for number in range(6)]
    assert code(lambda: network.listener(lb, forward(*six), port=81)) == "InvalidLoadBalancerAction"

    condition = [{"Field": "path-pattern", "Values": ["/x"]}]
    create = network.elb.create_rule

    def rule(priority: int, *actions: Any, conditions: Any = condition) -> Any:
        return create(ListenerArn=listener, Priority=priority, Conditions=conditions, Actions=list(actions))["Rules"][0]

    made = rule(1, forward((group, 3)))
    assert made["Actions"][0]["TargetGroupArn"] == group
    assert made["Actions"][0]["ForwardConfig"]["TargetGroups"] == [{"TargetGroupArn": group, "Weight": 3}]
    assert code(lambda: rule(1, fixed(200))) == "PriorityInUse"
    assert code(lambda: rule(2, fixed(200), fixed(404))) == "InvalidLoadBalancerAction"
    assert code(lambda: rule(2, fixed(200), conditions=[*condition, *condition])) == "InvalidLoadBalancerAction"
    default = network.elb.describe_rules(ListenerArn=listener)["Rules"][-1]
    assert default["IsDefault"]
    assert code(network.elb.delete_rule, RuleArn=default["RuleArn"]) == "OperationNotPermitted"
    network.elb.delete_rule(RuleArn=made["RuleArn"])
    assert code(network.elb.delete_rule, RuleArn=made["RuleArn"]) == "RuleNotFound"
    network.elb.delete_listener(ListenerArn=listener)
    assert code(network.elb.describe_listeners, ListenerArns=[listener]) == "ListenerNotFound"
    network.listener(other, forward((group, 1)))


def test_what_is_not_served_is_refused(network: Network) -> None:
    lb = network.load_balancer()
    create = network.elb.create_listener
    here = {"LoadBalancerArn": lb["LoadBalancerArn"], "Port": 443, "DefaultActions": [fixed(200)]}
    assert code(create, Protocol="HTTPS", **here) == "ValidationError"
    unknown = "arn:aws:acm:us-east-1:000000000000:certificate/0"
    certificates = [{"CertificateArn": unknown}]
    assert code(create, Protocol="HTTPS", Certificates=certificates, **here) == "CertificateNotFound"


@pytest.mark.parametrize(
    ("condition", "field"),
    [
        ({"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8", "office"]}}, "source-ip"),
        ({"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.1"]}}, "source-ip"),
        ({"Field": "path-pattern", "PathPatternConfig": {"RegexValues": ["^/(?!api).*$"]}}, "path-pattern"),
        ({"Field": "host-header", "HostHeaderConfig": {"RegexValues": [r"(a)\1"]}}, "host-header"),
    ],
)
def test_a_condition_that_cannot_be_is_refused(network: Network, condition: dict[str, Any], field: str) -> None:
    lb = network.load_balancer()
    listener = network.listener(lb, fixed(200))
    with pytest.raises(ClientError, match=f"ValidationError.*'{field}'"):
        network.elb.create_rule(ListenerArn=listener, Priority=1, Conditions=[condition], Actions=[fixed(200)])
    assert len(network.elb.describe_rules(ListenerArn=listener)["Rules"]) == 1


@pytest.mark.parametrize(
    "expression",
    [r"^/(api|v[0-9]+)/[^/]*$", r"(?i:a)b{2,3}?", r"(?P<x>a)\\1", r"[(?=]+\(?=x", r"a\++", r"[]\\1]", r"a{9,1000}"],
)
def test_expressions_that_envoy_takes(expression: str) -> None:
    assert compiles(expression)


@pytest.mark.parametrize(
    "expression", [r"a(?=b)", r"(?<!a)b", r"(a)\1", r"(?P<x>a)(?P=x)", r"a++", r"(?>a)", r"a\Z", r"a{1,1001}"]
)
def test_expressions_that_envoy_refuses(expression: str) -> None:
    assert not compiles(expression)


@pytest.mark.parametrize("port", ["eighty", "0", "65536", "-1"])
def test_a_health_check_port_is_a_port(network: Network, port: str) -> None:
    assert code(network.target_group, name="tg", HealthCheckPort=port) == "ValidationError"
    group = network.target_group("tg", HealthCheckPort="9090")
    assert code(network.elb.modify_target_group, TargetGroupArn=group, HealthCheckPort=port) == "ValidationError"
    network.elb.modify_target_group(TargetGroupArn=group, HealthCheckPort="traffic-port")


@pytest.mark.parametrize(
    ("key", "refused", "taken"),
    [
        ("stickiness.lb_cookie.duration_seconds", ["1h", "0", "604801"], ["1", "604800"]),
        ("deregistration_delay.timeout_seconds", ["soon", "-1", "3601"], ["0", "3600"]),
        ("slow_start.duration_seconds", ["1m", "29", "901"], ["0", "30", "900"]),
        (f"{MINIMUM}.count", ["many", "0"], ["1"]),
        (f"{MINIMUM}.percentage", ["half", "101"], ["off", "100"]),
        ("idle_timeout.timeout_seconds", ["1m", "0", "4001"], ["1", "4000"]),
    ],
)
def test_attributes_that_are_numbers(network: Network, key: str, refused: list[str], taken: list[str]) -> None:
    lb, group = network.load_balancer()["LoadBalancerArn"], network.target_group("tg")

    def modify(value: str) -> list[dict[str, str]]:
        attributes = [{"Key": key, "Value": value}]
        if key.startswith("idle"):
            return network.elb.modify_load_balancer_attributes(LoadBalancerArn=lb, Attributes=attributes)["Attributes"]
        return network.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=attributes)["Attributes"]

    for value in refused:
        with pytest.raises(ClientError, match=f"ValidationError.*'{key}' value '{value}'"):
            modify(value)
    for value in taken:
        assert {"Key": key, "Value": value} in modify(value)


def test_tags_of_everything(network: Network) -> None:
    lb = network.load_balancer(Tags=[{"Key": "a", "Value": "1"}])
    listener = network.listener(lb, fixed(200))
    default = network.elb.describe_rules(ListenerArn=listener)["Rules"][0]["RuleArn"]
    arns = [lb["LoadBalancerArn"], listener, default, network.target_group("tg")]
    network.elb.add_tags(ResourceArns=arns, Tags=[{"Key": "b", "Value": "2"}])
    found = network.elb.describe_tags(ResourceArns=arns)["TagDescriptions"]
    tags = [{tag["Key"]: tag["Value"] for tag in item["Tags"]} for item in found]
    assert tags == [{"a": "1", "b": "2"}, {"b": "2"}, {"b": "2"}, {"b": "2"}]
    network.elb.delete_listener(ListenerArn=listener)
    assert code(network.elb.describe_tags, ResourceArns=[listener]) == "ListenerNotFound"
    twice = [{"Key": "a", "Value": "1"}] * 2
    assert code(network.load_balancer, name="z", Tags=twice) == "DuplicateTagKeys"


def test_security_groups_are_answered(network: Network) -> None:
    lb = network.load_balancer()
    made = network.ec2.create_security_group(GroupName="g", Description="g", VpcId=network.vpc)["GroupId"]
    answer = network.elb.set_security_groups(LoadBalancerArn=lb["LoadBalancerArn"], SecurityGroups=[made])
    assert answer["SecurityGroupIds"] == [made]


def test_a_restart_keeps_everything_and_serves_again(tmp_path: Path) -> None:
    import boto3

    def run() -> tuple[AWS, Any, Any]:
        host = AWS(tmp_path / "aws", seed="test")
        host.listen()
        host.restore()
        host.run()
        session = boto3.session.Session("test", "test", region_name="us-east-1")
        return host, *(session.client(name, endpoint_url=host.endpoint) for name in ("elbv2", "ec2"))

    def state(elb: Any) -> Any:
        balancers = elb.describe_load_balancers()["LoadBalancers"]
        listeners = elb.describe_listeners(LoadBalancerArn=balancers[0]["LoadBalancerArn"])["Listeners"]
        rules = elb.describe_rules(ListenerArn=listeners[0]["ListenerArn"])["Rules"]
        groups = elb.describe_target_groups()["TargetGroups"]
        targets = [
            item["Target"]
            for item in elb.describe_target_health(TargetGroupArn=groups[0]["TargetGroupArn"])[
                "TargetHealthDescriptions"
            ]
        ]
        return balancers, listeners, rules, groups, targets

    host, elb, ec2 = run()
    try:
        vpc = ec2.create_vpc(CidrBlock="127.93.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"127.93.{i}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"][
                "SubnetId"
            ]
            for i, zone in enumerate("ab")
        ]
        lb = elb.create_load_balancer(Name="web", Subnets=subnets)["LoadBalancers"][0]
        network = Network(host, elb, ec2, vpc, "127.93", subnets)
        group = network.target_group("tg", 5, 6)
        listener = network.listener(lb, forward((group, 1)))
        elb.create_rule(
            ListenerArn=listener,
            Priority=1,
            Conditions=[{"Field": "path-pattern", "Values": ["/x"]}],
            Actions=[fixed(200, "kept")],
        )
        elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": network.address(6)}])
        assert len(network.health(group)) == 2
        before = state(elb)
    finally:
        host.close()
    host, elb, ec2 = run()
    try:
        *after, targets = state(elb)
        for shown in (before[0][0], after[0][0]):
            del shown["CreatedTime"]
        assert after == list(before[:-1])
        assert targets == before[-1][:1]  # nothing is left to drain
        assert eventually(lambda: get(lb["DNSName"], "/x")).body == "kept"
    finally:
        host.close()

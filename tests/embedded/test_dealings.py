"""What is made and deleted again and again leaves nothing in the journal, and nobody can tell from the account."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from drydock.embedded.assembly import AWS
from drydock.embedded.core import compaction

REGION = "us-east-1"
RUNS, CALLS = int(os.environ.get("DRYDOCK_TEST_RUNS", "1")), 250
OPEN = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}]
FARGATE = {"networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"}
CALL = tuple[str, str, dict[str, Any]]


class Builder:
    """Calls a cloud at random: makes, connects, changes and deletes what answers name, and services and clusters."""

    def __init__(self, host: AWS, seed: int) -> None:
        self.chance = random.Random(seed)
        self.client: Callable[[str], Any] = lambda service: host.client(service, REGION)
        self.ids: dict[str, list[str]] = {}
        self.vpc = self.did("ec2", "create_vpc", {"CidrBlock": "10.9.0.0/16"})["Vpc"]["VpcId"]
        self.subnets = [
            self.did(
                "ec2", "create_subnet",
                {"VpcId": self.vpc, "CidrBlock": f"10.9.{n}.0/24", "AvailabilityZone": f"{REGION}{'abc'[n]}"},
            )["Subnet"]["SubnetId"]
            for n in range(3)
        ]  # fmt: skip
        self.more = self.subnets[1:]
        del self.subnets[2:]
        self.balancer = self.did("elbv2", "create_load_balancer", {"Name": "front", "Subnets": self.subnets})[
            "LoadBalancers"
        ][0]["LoadBalancerArn"]
        for name in ("blue", "green"):
            made = self.did(
                "elbv2", "create_target_group",
                {"Name": name, "Protocol": "HTTP", "Port": 80, "VpcId": self.vpc, "TargetType": "ip"},
            )  # fmt: skip
            self.ids.setdefault("tg", []).append(made["TargetGroups"][0]["TargetGroupArn"])
        for kind in ("vpc", "subnet", "sg", "igw", "rtb", "listener", "rule", "ns", "srv", "lb", "eni"):
            self.ids.setdefault(kind, [])

    def did(self, service: str, operation: str, arguments: dict[str, Any]) -> Any:
        return getattr(self.client(service), operation)(**arguments)

    def call(self) -> None:
        kind = self.chance.choice(("groups", "network", "listeners", "discovery", "services", "definitions"))
        service, operation, arguments = self.chance.choice(list(getattr(self, kind)()))
        try:
            answer = self.did(service, operation, arguments)
        except ClientError:
            return
        self.note(operation, answer, arguments)

    def note(self, operation: str, answer: Any, asked: dict[str, Any]) -> None:
        told: dict[str, Callable[[], tuple[str, str]]] = {
            "create_vpc": lambda: ("vpc", answer["Vpc"]["VpcId"]),
            "create_subnet": lambda: ("subnet", answer["Subnet"]["SubnetId"]),
            "create_security_group": lambda: ("sg", answer["GroupId"]),
            "create_internet_gateway": lambda: ("igw", answer["InternetGateway"]["InternetGatewayId"]),
            "create_route_table": lambda: ("rtb", answer["RouteTable"]["RouteTableId"]),
            "create_listener": lambda: ("listener", answer["Listeners"][0]["ListenerArn"]),
            "create_rule": lambda: ("rule", answer["Rules"][0]["RuleArn"]),
            "create_network_interface": lambda: ("eni", answer["NetworkInterface"]["NetworkInterfaceId"]),
            "create_load_balancer": lambda: ("lb", answer["LoadBalancers"][0]["LoadBalancerArn"]),
        }
        if operation in told:
            kind, name = told[operation]()
            self.ids[kind].append(name)
        if operation.endswith("namespace"):
            self.ids["ns"] = [each["Id"] for each in self.client("servicediscovery").list_namespaces()["Namespaces"]]
        if operation == "create_service" and "Name" in asked:
            self.ids["srv"].append(answer["Service"]["Id"])

    def one(self, kind: str) -> str:
        """One that there is, or was."""
        known = self.ids[kind][-4:]
        return self.chance.choice(known) if known else f"{kind}-0"

    def number(self, most: int = 6) -> int:
        return self.chance.randrange(1, most)

    def groups(self) -> Iterator[CALL]:
        group, other, vpc = self.one("sg"), self.one("sg"), self.chance.choice([self.vpc, self.one("vpc")])
        named = {"GroupName": f"group-{self.number()}", "Description": "x", "VpcId": vpc}
        from_other = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": other}]}]
        rules = self.client("ec2").describe_security_group_rules()["SecurityGroupRules"]
        own = [each["SecurityGroupRuleId"] for each in rules if each["GroupId"] == group and not each["IsEgress"]]
        for _ in range(2):
            yield "ec2", "create_security_group", named
            yield "ec2", "delete_security_group", {"GroupId": group}
        for permissions in (OPEN, from_other):
            yield "ec2", "authorize_security_group_ingress", {"GroupId": group, "IpPermissions": permissions}
            yield "ec2", "revoke_security_group_ingress", {"GroupId": group, "IpPermissions": permissions}
        yield "ec2", "authorize_security_group_egress", {"GroupId": group, "IpPermissions": OPEN}
        yield "ec2", "revoke_security_group_ingress", {"GroupId": group, "SecurityGroupRuleIds": own or ["sgr-0"]}
        yield "ec2", "create_tags", {"Resources": [group], "Tags": [{"Key": "a", "Value": str(self.number())}]}
        yield "ec2", "delete_security_group", {"GroupName": f"group-{self.number()}"}

    def network(self) -> Iterator[CALL]:
        vpc, subnet, gateway, table = (self.one(kind) for kind in ("vpc", "subnet", "igw", "rtb"))
        yield "ec2", "create_vpc", {"CidrBlock": "10.7.0.0/16"}
        yield "ec2", "delete_vpc", {"VpcId": vpc}
        yield "ec2", "modify_vpc_attribute", {"VpcId": vpc, "EnableDnsHostnames": {"Value": True}}
        for each in (vpc, self.vpc):
            block = f"10.{'7' if each == vpc else '9'}.{self.number(9) + 2}.0/24"
            yield "ec2", "create_subnet", {"VpcId": each, "CidrBlock": block}
            yield "ec2", "attach_internet_gateway", {"InternetGatewayId": gateway, "VpcId": each}
            yield "ec2", "detach_internet_gateway", {"InternetGatewayId": gateway, "VpcId": each}
            yield "ec2", "create_route_table", {"VpcId": each}
        yield "ec2", "delete_subnet", {"SubnetId": subnet}
        yield "ec2", "delete_subnet", {"SubnetId": subnet}
        yield "ec2", "create_internet_gateway", {}
        yield "ec2", "delete_internet_gateway", {"InternetGatewayId": gateway}
        yield "ec2", "delete_route_table", {"RouteTableId": table}
        yield "ec2", "delete_route_table", {"RouteTableId": table}
        route = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0"}
        yield "ec2", "create_route", {**route, "GatewayId": gateway}
        yield "ec2", "delete_route", route
        yield "ec2", "associate_route_table", {"RouteTableId": table, "SubnetId": subnet}
        found = self.client("ec2").describe_route_tables()["RouteTables"]
        links = [link["RouteTableAssociationId"] for each in found for link in each["Associations"] if not link["Main"]]
        yield "ec2", "disassociate_route_table", {"AssociationId": self.chance.choice(links or ["rtbassoc-0"])}
        for _ in range(2):
            yield "ec2", "create_network_interface", {"SubnetId": self.chance.choice([subnet, *self.subnets])}
            yield "ec2", "delete_network_interface", {"NetworkInterfaceId": self.one("eni")}
        groups = {"NetworkInterfaceId": self.one("eni"), "Groups": [self.one("sg")]}
        yield "ec2", "modify_network_interface_attribute", groups

    def listeners(self) -> Iterator[CALL]:
        forward = [{"Type": "forward", "TargetGroupArn": self.one("tg")}]
        listener, rule, where = (
            self.one("listener"),
            self.one("rule"),
            self.chance.choice([self.balancer, self.one("lb")]),
        )
        path = [{"Field": "path-pattern", "Values": [f"/{self.number()}"]}]
        listens = {"Protocol": "HTTP", "Port": 80 + self.number(), "DefaultActions": forward}
        for _ in range(2):
            yield "elbv2", "create_listener", {"LoadBalancerArn": where, **listens}
            yield "elbv2", "delete_listener", {"ListenerArn": listener}
            yield "elbv2", "create_rule", {
                "ListenerArn": listener, "Conditions": path, "Priority": self.number(9), "Actions": forward
            }  # fmt: skip
            yield "elbv2", "delete_rule", {"RuleArn": rule}
        yield "elbv2", "modify_listener", {"ListenerArn": listener, "DefaultActions": forward}
        yield "elbv2", "modify_rule", {"RuleArn": rule, "Actions": forward}
        yield "elbv2", "set_rule_priorities", {"RulePriorities": [{"RuleArn": rule, "Priority": self.number(20)}]}
        yield "elbv2", "add_tags", {"ResourceArns": [listener], "Tags": [{"Key": "a", "Value": str(self.number())}]}
        for _ in range(2):
            subnets, groups = self.chance.choice([self.subnets, self.more]), self.chance.choice([[], [self.one("sg")]])
            yield "elbv2", "create_load_balancer", {
                "Name": f"lb-{self.number(5)}", "Subnets": subnets, "SecurityGroups": groups
            }  # fmt: skip
            yield "elbv2", "delete_load_balancer", {"LoadBalancerArn": self.one("lb")}
        yield "elbv2", "set_subnets", {"LoadBalancerArn": self.one("lb"), "Subnets": self.more}
        yield "elbv2", "set_security_groups", {"LoadBalancerArn": self.one("lb"), "SecurityGroups": [self.one("sg")]}
        yield "elbv2", "modify_load_balancer_attributes", {
            "LoadBalancerArn": self.one("lb"),
            "Attributes": [{"Key": "deletion_protection.enabled", "Value": self.chance.choice(["true", "false"])}],
        }  # fmt: skip
        yield "elbv2", "add_tags", {"ResourceArns": [self.one("lb"), listener], "Tags": [{"Key": "b", "Value": "c"}]}

    def discovery(self) -> Iterator[CALL]:
        space, service, name = self.one("ns"), self.one("srv"), f"name-{self.number(4)}"
        instance = {"ServiceId": service, "InstanceId": name}
        yield "servicediscovery", "create_http_namespace", {"Name": name}
        vpc = self.chance.choice([self.vpc, self.one("vpc")])
        yield "servicediscovery", "create_private_dns_namespace", {"Name": f"{name}.local", "Vpc": vpc}
        for _ in range(2):
            yield "servicediscovery", "delete_namespace", {"Id": space}
            yield "servicediscovery", "create_service", {"Name": name, "NamespaceId": space}
            yield "servicediscovery", "delete_service", {"Id": service}
            yield "servicediscovery", "deregister_instance", instance
        yield "servicediscovery", "register_instance", {**instance, "Attributes": {"AWS_INSTANCE_IPV4": "10.9.0.9"}}

    def services(self) -> Iterator[CALL]:
        cluster, name = f"c-{self.number(4)}", f"s-{self.number(9)}"
        of = {"cluster": cluster, "service": name}
        definition = self.chance.choice(["app", f"app:{self.number(9)}"])
        balancers = [{"targetGroupArn": self.one("tg"), "containerName": "app", "containerPort": 80}]
        groups = self.chance.choice([[], [self.one("sg")]])
        network = {"awsvpcConfiguration": {"subnets": [self.one("subnet"), *self.subnets], "securityGroups": groups}}
        yield "ecs", "create_cluster", {"clusterName": cluster}
        yield "ecs", "delete_cluster", {"cluster": cluster}
        yield "ecs", "tag_resource", {
            "resourceArn": f"arn:aws:ecs:{REGION}:000000000000:cluster/{cluster}",
            "tags": [{"key": "a", "value": name}],
        }  # fmt: skip
        for loaded in ({}, {"loadBalancers": balancers}):
            yield "ecs", "create_service", {
                "cluster": cluster, "serviceName": name, "taskDefinition": definition, "desiredCount": 0,
                "launchType": "FARGATE", "networkConfiguration": network, **loaded,
            }  # fmt: skip
        yield "ecs", "update_service", {**of, "taskDefinition": definition}
        yield "ecs", "update_service", {**of, "healthCheckGracePeriodSeconds": self.number()}
        yield "ecs", "delete_service", of
        yield "ecs", "delete_service", of

    def definitions(self) -> Iterator[CALL]:
        container = {"name": "app", "image": f"app:{self.number()}", "portMappings": [{"containerPort": 80}]}
        revisions = [f"app:{self.number(30)}" for _ in range(5)]
        yield "ecs", "register_task_definition", {"family": "app", "containerDefinitions": [container], **FARGATE}
        for revision in revisions[:2]:
            yield "ecs", "deregister_task_definition", {"taskDefinition": revision}
        yield "ecs", "delete_task_definitions", {"taskDefinitions": revisions}


def account(host: AWS) -> dict[str, Any]:
    """All that is told of these."""
    ask: Callable[[str], Any] = lambda service: host.client(service, REGION)  # noqa: E731
    found: dict[str, Any] = {}
    for kind in ("vpcs", "subnets", "security_groups", "security_group_rules", "internet_gateways", "route_tables",
                 "network_interfaces", "tags", "network_acls"):  # fmt: skip
        found[kind] = getattr(ask("ec2"), f"describe_{kind}")()
    elbv2 = ask("elbv2")
    found["balancers"] = elbv2.describe_load_balancers()
    found["groups"] = elbv2.describe_target_groups()
    for balancer in found["balancers"]["LoadBalancers"]:
        for listener in elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]:
            arn = listener["ListenerArn"]
            found[arn] = listener, elbv2.describe_rules(ListenerArn=arn), elbv2.describe_tags(ResourceArns=[arn])
    ecs = ask("ecs")
    clusters = [f"c-{number}" for number in range(1, 10)]
    told = ecs.describe_clusters(clusters=clusters, include=["TAGS"])
    found["clusters"] = told, sorted(ecs.list_clusters()["clusterArns"])
    for cluster in (each["clusterName"] for each in told["clusters"] if each["status"] == "ACTIVE"):
        names = [f"s-{number}" for number in range(1, 10)]
        found[f"services of {cluster}"] = ecs.describe_services(cluster=cluster, services=names)
    for status in ("ACTIVE", "INACTIVE"):
        for arn in ecs.list_task_definitions(status=status)["taskDefinitionArns"]:
            found[arn] = ecs.describe_task_definition(taskDefinition=arn)
    found["families"] = ecs.list_task_definition_families(status="ALL")
    cloud_map = ask("servicediscovery")
    found["namespaces"] = cloud_map.list_namespaces()
    found["zones"] = ask("route53").list_hosted_zones()
    for service in cloud_map.list_services()["Services"]:
        found[service["Id"]] = (
            cloud_map.get_service(Id=service["Id"]), cloud_map.list_instances(ServiceId=service["Id"]),
            cloud_map.discover_instances_revision(
                NamespaceName=_space(cloud_map, service["Id"]), ServiceName=service["Name"]
            ),
        )  # fmt: skip
    operations = [each["Id"] for page in _operations(cloud_map) for each in page["Operations"]]
    found["operations"] = operations
    return {name: _plain(each) for name, each in found.items()}


def _space(cloud_map: Any, service: str) -> str:
    space = cloud_map.get_service(Id=service)["Service"]["NamespaceId"]
    return str(cloud_map.get_namespace(Id=space)["Namespace"]["Properties"]["HttpProperties"]["HttpName"])


def _operations(cloud_map: Any) -> Iterator[Any]:
    page = cloud_map.list_operations()
    while True:
        yield page
        if "NextToken" not in page:
            return
        page = cloud_map.list_operations(NextToken=page["NextToken"])


def _plain(found: Any) -> Any:
    """Without what the engine writes in turns of its own."""
    if isinstance(found, dict):
        return {key: _plain(value) for key, value in found.items() if key not in ("ResponseMetadata", "events")}
    return [_plain(each) for each in found] if isinstance(found, list | tuple) else found


@pytest.fixture
def opened(opened: Callable[[str, str], AWS]) -> Callable[[str, str], AWS]:
    """The same, one turn later."""

    def start(source: str, target: str) -> AWS:
        host = opened(source, target)
        host.step()
        return host

    return start


@pytest.mark.parametrize("seed", range(RUNS))
def test_the_account_is_the_same_without_what_left_nothing_behind(
    opened: Callable[[str, str], AWS], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = opened("", "first")
    builder = Builder(host, seed)
    for number in range(CALLS):
        builder.call()
        if number % 20 == 0:
            host.step()
    for _ in range(3):
        host.step()
    done, live = len(list(host.journal.entries())), account(host)
    with monkeypatch.context() as patch:
        patch.setattr(compaction, "gone", lambda *_: set())
        whole = account(opened("first", "whole"))
    assert whole == live
    host = opened("first", "less")
    assert account(host) == whole
    left = len(list(host.journal.entries()))
    assert left < done * 0.9
    assert account(opened("less", "again")) == whole


def in_turn(host: AWS, times: int) -> None:
    """Makes and deletes one of every kind, so many times."""
    ec2, elbv2, ecs, cloud_map = (host.client(name, REGION) for name in ("ec2", "elbv2", "ecs", "servicediscovery"))
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{n}.0/24", AvailabilityZone=f"{REGION}{'ab'[n]}")["Subnet"][
            "SubnetId"
        ]
        for n in range(2)
    ]
    balancer = elbv2.create_load_balancer(Name="front", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    fixed = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]
    where = [{"Field": "path-pattern", "Values": ["/a"]}]
    network = {"awsvpcConfiguration": {"subnets": subnets}}
    container = {"name": "app", "image": "app:1"}
    ecs.register_task_definition(family="app", containerDefinitions=[container], **FARGATE)
    for number in range(times):
        other = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=other, CidrBlock="10.7.0.0/24")["Subnet"]["SubnetId"]
        group = ec2.create_security_group(GroupName="passing", Description="x", VpcId=vpc)["GroupId"]
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=OPEN)
        ec2.delete_security_group(GroupId=group)
        ec2.delete_subnet(SubnetId=subnet)
        ec2.delete_vpc(VpcId=other)
        listener = elbv2.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=fixed)
        arn = listener["Listeners"][0]["ListenerArn"]
        elbv2.create_rule(ListenerArn=arn, Priority=1, Conditions=where, Actions=fixed)
        elbv2.delete_listener(ListenerArn=arn)
        passing = elbv2.create_load_balancer(Name="passing", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
        elbv2.create_listener(LoadBalancerArn=passing, Protocol="HTTP", Port=80, DefaultActions=fixed)
        elbv2.delete_load_balancer(LoadBalancerArn=passing)
        interface = ec2.create_network_interface(SubnetId=subnets[0])["NetworkInterface"]["NetworkInterfaceId"]
        ec2.delete_network_interface(NetworkInterfaceId=interface)
        cloud_map.create_http_namespace(Name="space")
        space = cloud_map.list_namespaces()["Namespaces"][0]["Id"]
        found = cloud_map.create_service(Name="found", NamespaceId=space)["Service"]["Id"]
        cloud_map.delete_service(Id=found)
        cloud_map.delete_namespace(Id=space)
        ecs.create_cluster(clusterName="passing")
        for name in ("same", f"other-{number}"):
            of = {"cluster": "passing", "service": name}
            ecs.create_service(
                cluster="passing", serviceName=name, taskDefinition="app", desiredCount=0, launchType="FARGATE",
                networkConfiguration=network,
            )  # fmt: skip
            ecs.update_service(**of, forceNewDeployment=True)
            ecs.delete_service(**of)
        for _ in range(3):
            host.step()
        ecs.delete_cluster(cluster="passing")
        made = ecs.register_task_definition(family="passing", containerDefinitions=[container], **FARGATE)
        revision = made["taskDefinition"]["taskDefinitionArn"]
        ecs.deregister_task_definition(taskDefinition=revision)
        ecs.delete_task_definitions(taskDefinitions=[revision])


def test_what_comes_and_goes_leaves_no_more_the_more_often_it_does(opened: Callable[[str, str], AWS]) -> None:
    sizes = []
    for times in (25, 35):
        host = opened("", f"first-{times}")
        in_turn(host, times)
        sizes.append((host.journal.size, opened(f"first-{times}", f"again-{times}").journal.size))
    (_, once), (written, longer) = sizes
    assert longer - once < 1000  # lengths of numbers
    assert longer < written / 4


@pytest.mark.parametrize("by_a_stack", [False, True])
def test_a_load_balancer_keeps_its_address_when_one_before_it_has_gone(
    opened: Callable[[str, str], AWS], by_a_stack: bool
) -> None:
    host = opened("", "first")
    ec2, elbv2, stacks = (host.client(name, REGION) for name in ("ec2", "elbv2", "cloudformation"))
    subnets = [each["SubnetId"] for each in ec2.describe_subnets()["Subnets"][:2]]
    gone = elbv2.create_load_balancer(Name="gone", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    if by_a_stack:
        kind = "AWS::ElasticLoadBalancingV2::LoadBalancer"
        template = {"Resources": {"Stays": {"Type": kind, "Properties": {"Name": "stays", "Subnets": subnets}}}}
        stacks.create_stack(StackName="one", TemplateBody=json.dumps(template))
    else:
        elbv2.create_load_balancer(Name="stays", Subnets=subnets)
    elbv2.delete_load_balancer(LoadBalancerArn=gone)
    before = elbv2.describe_load_balancers(Names=["stays"])["LoadBalancers"]
    lines = len(list(host.journal.entries()))
    host = opened("first", "again")
    assert host.client("elbv2", REGION).describe_load_balancers(Names=["stays"])["LoadBalancers"] == before
    assert len(list(host.journal.entries())) < lines


def test_the_services_and_clusters_that_were_deleted_last_are_still_described(
    opened: Callable[[str, str], AWS],
) -> None:
    host = opened("", "first")
    ecs = host.client("ecs", REGION)
    for number in range(25):
        ecs.create_cluster(clusterName=f"c-{number}")
        ecs.delete_cluster(cluster=f"c-{number}")
    for name in ("", "again"):
        host = opened("first", name) if name else host
        told = host.client("ecs", REGION).describe_clusters(clusters=[f"c-{number}" for number in range(25)])
        assert {each["status"] for each in told["clusters"]} == {"INACTIVE"}
        assert [each["clusterName"] for each in told["clusters"]] == [f"c-{number}" for number in range(5, 25)]


def test_no_revision_and_no_id_is_given_again(opened: Callable[[str, str], AWS]) -> None:
    host = opened("", "first")

    def makes(host: AWS) -> tuple[str, str]:
        ecs, ec2 = host.client("ecs", REGION), host.client("ec2", REGION)
        made = ecs.register_task_definition(family="app", containerDefinitions=[{"name": "a", "image": "a"}], **FARGATE)
        arn = made["taskDefinition"]["taskDefinitionArn"]
        ecs.deregister_task_definition(taskDefinition=arn)
        ecs.delete_task_definitions(taskDefinitions=[arn])
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.delete_internet_gateway(InternetGatewayId=gateway)
        return arn.rpartition(":")[2], gateway

    made = [makes(host) for _ in range(3)]
    host = opened("first", "second")
    made += [makes(host) for _ in range(2)]
    host = opened("second", "third")
    assert len(list(host.journal.entries())) == 3  # the last revision of the family
    made += [makes(host)]
    assert [revision for revision, _ in made] == ["1", "2", "3", "4", "5", "6"]
    assert len({gateway for _, gateway in made}) == 6


def test_a_parameter_has_its_last_hundred_versions(opened: Callable[[str, str], AWS]) -> None:
    host = opened("", "first")
    ssm = host.client("ssm", REGION)
    ssm.put_parameter(Name="/p", Value="0", Type="String", Description="told once")
    for number in range(1, 130):
        ssm.put_parameter(Name="/p", Value=str(number), Overwrite=True)

    def history(host: AWS) -> list[Any]:
        found: list[Any] = []
        page: dict[str, Any] = {"NextToken": ""}
        while "NextToken" in page:
            token = {"NextToken": page["NextToken"]} if page["NextToken"] else {}
            page = host.client("ssm", REGION).get_parameter_history(Name="/p", **token)
            found += page["Parameters"]
        return found

    before = history(host)
    host = opened("first", "again")
    assert history(host) == before
    assert len(list(host.journal.entries())) == 101
    assert host.client("ssm", REGION).put_parameter(Name="/p", Value="x", Overwrite=True)["Version"] == 131


def test_a_secret_has_its_last_hundred_versions_and_those_with_a_label(opened: Callable[[str, str], AWS]) -> None:
    host = opened("", "first")
    secrets = host.client("secretsmanager", REGION)
    secrets.create_secret(Name="s", SecretString="first")
    for number in range(130):
        secrets.put_secret_value(SecretId="s", SecretString=str(number))

    def told(host: AWS) -> Any:
        secrets = host.client("secretsmanager", REGION)
        versions = secrets.list_secret_version_ids(SecretId="s", IncludeDeprecated=True)["Versions"]
        return versions, secrets.describe_secret(SecretId="s") | {"ResponseMetadata": None}

    before = told(host)
    assert len(before[0]) == 102
    host = opened("first", "again")
    assert told(host) == before
    assert len(list(host.journal.entries())) == 104


def test_what_an_answer_named_that_was_cut_off_is_never_left_out(
    opened: Callable[[str, str], AWS], tmp_path: Path
) -> None:
    host = opened("", "first")
    host.client("ec2", REGION).create_internet_gateway()
    journal = tmp_path / "first" / "journal.jsonl"
    entry, _, made = journal.read_bytes().partition(b"\n")
    assert made.startswith(b'{"made":["igw-')
    host.close()
    journal.write_bytes(entry + b"\n" + made[:12])
    host = opened("first", "cut")
    ec2 = host.client("ec2", REGION)
    [gateway] = ec2.describe_internet_gateways()["InternetGateways"]
    ec2.delete_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"])
    host = opened("cut", "again")
    assert [each.operation for each in host.journal.entries()] == ["CreateInternetGateway", "DeleteInternetGateway"]
    assert host.client("ec2", REGION).describe_internet_gateways()["InternetGateways"] == []

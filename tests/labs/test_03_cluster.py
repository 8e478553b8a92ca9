"""Lab 03: what each check says of nothing, of something wrong and of something right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from drydock.cloud import Cloud, connect
from drydock.embedded import Instance
from drydock.labs import Lab
from drydock.ledger import sweep

from .conftest import tried

NAME = "03-cluster"
ANYWHERE = {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
Change = Callable[[Cloud], object]


@dataclass
class Ready:
    """The lab, all its steps done and its drills mended, and what its checks said on the way."""

    lab: Lab
    untouched: dict[str, str]
    unsolved: dict[str, str]

    @property
    def cloud(self) -> Cloud:
        return self.lab.cloud

    def state(self, step: str) -> tuple[str, str]:
        found = self.lab.step(step).check(self.cloud, self.lab)
        return found.state, found.message


@pytest.fixture(scope="module")
def done(running: Instance) -> Iterator[Ready]:
    """A test that changes something puts it back."""
    cloud = connect("embedded", name=running.name)
    lab = Lab.open(NAME, cloud=cloud)
    untouched = {step.name: step.check(cloud, lab).state for step in lab.steps}
    unsolved = {}
    for step in lab.steps:
        if step.fault is not None:
            step.fault(cloud, lab)
        unsolved[step.name] = step.check(cloud, lab).state
        step.solve(cloud, lab)
        assert step.check(cloud, lab).passed, step.name
    yield Ready(lab, untouched, unsolved)
    assert not sweep(cloud).survivors


@pytest.fixture
def ready(done: Ready, after_a_failure: bool) -> Ready:
    """`done`, mended where the test before failed."""
    for step in done.lab.steps if after_a_failure else ():
        if done.state(step.name)[0] != "passed":
            step.solve(done.cloud, done.lab)
    return done


def vpc(cloud: Cloud) -> str:
    found = cloud.client("ec2").describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["drydock"]}])
    return str(found["Vpcs"][0]["VpcId"])


def subnet(cloud: Cloud, name: str) -> str:
    found = cloud.client("ec2").describe_subnets(Filters=[{"Name": "tag:Name", "Values": [name]}])
    return str(found["Subnets"][0]["SubnetId"])


def table(cloud: Cloud, **filters: str) -> str:
    wanted = [{"Name": name, "Values": [value]} for name, value in filters.items()]
    return str(cloud.client("ec2").describe_route_tables(Filters=wanted)["RouteTables"][0]["RouteTableId"])


def ours(cloud: Cloud) -> str:
    return table(cloud, **{"tag:Name": "drydock"})


def route(cloud: Cloud, table_id: str) -> None:
    ec2 = cloud.client("ec2")
    attached = [{"Name": "attachment.vpc-id", "Values": [vpc(cloud)]}]
    gateway = ec2.describe_internet_gateways(Filters=attached)["InternetGateways"][0]["InternetGatewayId"]
    ec2.create_route(RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)


def no_route(cloud: Cloud, table_id: str) -> None:
    cloud.client("ec2").delete_route(RouteTableId=table_id, DestinationCidrBlock="0.0.0.0/0")


def group(cloud: Cloud, name: str) -> str:
    found = cloud.client("ec2").describe_security_groups(Filters=[{"Name": "group-name", "Values": [name]}])
    return str(found["SecurityGroups"][0]["GroupId"])


def rule(port: int, **source: Any) -> list[dict[str, Any]]:
    return [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **source}]


def opened(name: str, port: int, *groups: str) -> Change:
    """Open a port of a group to other groups, or to anywhere if none is named."""
    return lambda cloud: cloud.client("ec2").authorize_security_group_ingress(
        GroupId=group(cloud, name), IpPermissions=rule(port, **sources(cloud, groups))
    )


def closed(name: str, port: int, *groups: str) -> Change:
    return lambda cloud: cloud.client("ec2").revoke_security_group_ingress(
        GroupId=group(cloud, name), IpPermissions=rule(port, **sources(cloud, groups))
    )


def sources(cloud: Cloud, groups: tuple[str, ...]) -> dict[str, Any]:
    return {"UserIdGroupPairs": [{"GroupId": group(cloud, name)} for name in groups]} if groups else ANYWHERE


def strategy(*shares: tuple[str, int, int], providers: tuple[str, ...] = ("FARGATE", "FARGATE_SPOT")) -> Change:
    """Set the cluster's default strategy: (provider, base, weight) each."""
    items = [{"capacityProvider": name, "base": base, "weight": weight} for name, base, weight in shares]
    return lambda cloud: cloud.client("ecs").put_cluster_capacity_providers(
        cluster="drydock", capacityProviders=list(providers), defaultCapacityProviderStrategy=items
    )


def dns_names(on: bool) -> Change:
    return lambda cloud: cloud.client("ec2").modify_vpc_attribute(VpcId=vpc(cloud), EnableDnsHostnames={"Value": on})


def named(name: str, new: str) -> Change:
    return lambda cloud: cloud.client("ec2").create_tags(
        Resources=[subnet(cloud, name)], Tags=[{"Key": "Name", "Value": new}]
    )


def replaced(cidr: str, zone: str) -> Change:
    """Make drydock-c anew with another block or in another zone."""

    def change(cloud: Cloud) -> None:
        ec2 = cloud.client("ec2")
        tags = [{"ResourceType": "subnet", "Tags": [{"Key": "Name", "Value": "drydock-c"}]}]
        where = {"VpcId": vpc(cloud), "CidrBlock": cidr, "AvailabilityZone": cloud.region + zone}
        ec2.delete_subnet(SubnetId=subnet(cloud, "drydock-c"))
        made = ec2.create_subnet(**where, TagSpecifications=tags)["Subnet"]["SubnetId"]
        ec2.associate_route_table(RouteTableId=ours(cloud), SubnetId=made)

    return change


def settings(value: str) -> Change:
    return lambda cloud: cloud.client("ecs").update_cluster_settings(
        cluster="drydock", settings=[{"name": "containerInsights", "value": value}]
    )


def execute(configuration: dict[str, Any]) -> Change:
    return lambda cloud: cloud.client("ecs").update_cluster(
        cluster="drydock", configuration={"executeCommandConfiguration": configuration}
    )


def log_group(operation: str) -> Change:
    return lambda cloud: getattr(cloud.client("logs"), operation)(logGroupName="/drydock/exec")


FOUR_SIX = strategy(("FARGATE", 2, 1), ("FARGATE_SPOT", 0, 4))
LOGGED = {"logging": "OVERRIDE", "logConfiguration": {"cloudWatchLogGroupName": "/drydock/exec"}}
ALB, TASKS, ENDPOINTS = "drydock-alb", "drydock-tasks", "drydock-endpoints"

WRONG: list[tuple[str, Change, Change, str]] = [
    ("create-network", dns_names(False), dns_names(True), "DNS host names"),
    ("create-network", named("drydock-b", "other"), named("other", "drydock-b"), "drydock-b"),
    ("create-network", replaced("127.10.48.0/24", "c"), replaced("127.10.32.0/20", "c"), "should be a /20"),
    ("create-network", replaced("127.10.48.0/20", "a"), replaced("127.10.32.0/20", "c"), "2 zone"),
    (
        "create-network",
        lambda cloud: no_route(cloud, ours(cloud)),
        lambda cloud: route(cloud, ours(cloud)),
        "drydock-a, drydock-b, drydock-c",
    ),
    ("create-security-groups", closed(ALB, 80), opened(ALB, 80), "let in everyone on port 80"),
    ("create-security-groups", opened(ALB, 22), closed(ALB, 22), "more than everyone on port 80"),
    ("create-security-groups", opened(TASKS, 8080), closed(TASKS, 8080), "block of addresses"),
    ("create-security-groups", closed(TASKS, 8080, ALB), opened(TASKS, 8080, ALB), "from drydock-alb"),
    ("create-security-groups", closed(TASKS, 8080, TASKS), opened(TASKS, 8080, TASKS), "drydock-tasks itself"),
    ("create-cluster", strategy(("FARGATE", 0, 1), providers=("FARGATE",)), FOUR_SIX, "not both associated"),
    ("create-cluster", strategy(("FARGATE_SPOT", 1, 4), ("FARGATE", 0, 1)), FOUR_SIX, "would not be on FARGATE"),
    ("create-cluster", strategy(("FARGATE", 1, 4), ("FARGATE_SPOT", 0, 1)), FOUR_SIX, "most should be on"),
    ("create-cluster", settings("enabled"), settings("enhanced"), "not `enhanced`"),
    ("create-cluster", execute({"logging": "NONE"}), execute(LOGGED), "not logged"),
    ("create-cluster", log_group("delete_log_group"), log_group("create_log_group"), "does not exist"),
    ("four-of-ten", strategy(("FARGATE", 5, 1), ("FARGATE_SPOT", 0, 4)), FOUR_SIX, "do not split 4 and 6"),
    ("four-of-ten", strategy(("FARGATE", 0, 2), ("FARGATE_SPOT", 0, 3)), FOUR_SIX, "on FARGATE_SPOT"),
    ("endpoint-group", opened(ENDPOINTS, 443), closed(ENDPOINTS, 443), "block of addresses"),
    ("endpoint-group", opened(ENDPOINTS, 80, TASKS), closed(ENDPOINTS, 80, TASKS), "nothing else"),
    ("endpoint-group", closed(ENDPOINTS, 443, TASKS), opened(ENDPOINTS, 443, TASKS), "lets nobody in"),
    ("no-container-instances", strategy(), FOUR_SIX, "does not go to Fargate"),
    ("no-container-instances", strategy(("FARGATE_SPOT", 0, 1)), FOUR_SIX, "would not be on FARGATE"),
]


def test_nothing_is_there_nothing_is_started(ready: Ready) -> None:
    assert set(ready.untouched.values()) == {"not started"}


def test_no_step_passes_before_it_is_done(ready: Ready) -> None:
    drills = {step.name for step in ready.lab.steps if step.fault is not None}
    assert ready.unsolved == {name: "wrong" if name in drills else "not started" for name in ready.untouched}


def test_what_an_exercise_changes_does_not_undo_a_step_before_it(ready: Ready) -> None:
    assert {ready.state(name)[0] for name in ready.untouched} == {"passed"}


@pytest.mark.parametrize(("step", "change", "undo", "message"), WRONG, ids=[f"{one[0]}: {one[3]}" for one in WRONG])
def test_what_is_wrong_is_said(ready: Ready, step: str, change: Change, undo: Change, message: str) -> None:
    change(ready.cloud)
    state, said = ready.state(step)
    undo(ready.cloud)
    assert state == "wrong"
    assert message in said
    assert ready.state(step)[0] == "passed"


@pytest.mark.parametrize(
    "shares", [(("FARGATE", 3, 1), ("FARGATE_SPOT", 0, 4)), (("FARGATE", 4, 0), ("FARGATE_SPOT", 0, 1))]
)
def test_any_strategy_that_splits_four_and_six_will_do(ready: Ready, shares: tuple[tuple[str, int, int], ...]) -> None:
    strategy(*shares)(ready.cloud)
    assert ready.state("four-of-ten")[0] == "passed"
    FOUR_SIX(ready.cloud)


def test_on_a_real_account_the_load_balancer_is_open_to_the_learner_alone(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ready.cloud, "name", "aws")
    monkeypatch.setattr(ready.cloud, "my_address", "203.0.113.7")
    assert ready.state("create-security-groups") == ("wrong", "drydock-alb does not let in 203.0.113.7/32 on port 80.")
    closed(ALB, 80)(ready.cloud)
    ec2 = ready.cloud.client("ec2")
    mine = rule(80, IpRanges=[{"CidrIp": ready.cloud.visitors}])
    ec2.authorize_security_group_ingress(GroupId=group(ready.cloud, ALB), IpPermissions=mine)
    assert ready.state("create-security-groups")[0] == "passed"
    ec2.revoke_security_group_ingress(GroupId=group(ready.cloud, ALB), IpPermissions=mine)
    opened(ALB, 80)(ready.cloud)


def test_a_second_network_is_noticed(ready: Ready) -> None:
    ec2 = ready.cloud.client("ec2")
    tags = [{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "drydock"}]}]
    second = ec2.create_vpc(CidrBlock="127.11.0.0/16", TagSpecifications=tags)["Vpc"]["VpcId"]
    state = ready.state("create-network")
    ec2.delete_vpc(VpcId=second)
    assert state == ("wrong", "2 VPCs are named drydock; one is wanted.")


GROUP = (
    'ec2 = cloud.client("ec2")\n'
    'given = {"GroupName": "drydock-endpoints", "Description": "x", "VpcId": vpc}\n'
    'group = ec2.create_security_group(**given)["GroupId"]\n'
)
STRATEGY = (
    'ecs = cloud.client("ecs")\n'
    'ecs.put_cluster_capacity_providers(cluster="drydock", capacityProviders={0}, defaultCapacityProviderStrategy={1})'
)
OPEN = (
    'rule = {{"IpProtocol": "tcp", "FromPort": {0}, "ToPort": {0}, {1}}}\n'
    "ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])\n"
)
FROM_TASKS = '"UserIdGroupPairs": [{"GroupId": tasks}]'
THIRD = (
    'ec2 = cloud.client("ec2")\n'
    'third = ec2.describe_subnets(Filters=[{"Name": "tag:Name", "Values": ["drydock-c"]}])["Subnets"][0]\n'
)
TRIES = [
    ("four-of-ten", STRATEGY.format('["FARGATE"]', '[{"capacityProvider": "FARGATE", "weight": 1}]')),
    ("four-of-ten", STRATEGY.format('["FARGATE_SPOT"]', "[]")),
    ("endpoint-group", GROUP),
    ("endpoint-group", GROUP + OPEN.format(443, '"IpRanges": [{"CidrIp": "0.0.0.0/0"}]')),
    ("endpoint-group", GROUP + OPEN.format(443, FROM_TASKS + ', "IpRanges": [{"CidrIp": "10.0.0.0/8"}]')),
    ("endpoint-group", GROUP + OPEN.format(80, FROM_TASKS)),
    (
        "one-in-three",
        THIRD
        + 'empty = ec2.create_route_table(VpcId=third["VpcId"])["RouteTable"]["RouteTableId"]\n'
        + 'ec2.associate_route_table(RouteTableId=empty, SubnetId=third["SubnetId"])',
    ),
    (
        "one-in-three",
        THIRD
        + 'main = ec2.describe_route_tables(Filters=[{"Name": "association.main", "Values": ["true"]}, '
        + '{"Name": "vpc-id", "Values": [third["VpcId"]]}])["RouteTables"][0]["RouteTableId"]\n'
        + 'ec2.associate_route_table(RouteTableId=main, SubnetId=third["SubnetId"])',
    ),
    ("no-container-instances", STRATEGY.format('["FARGATE"]', "[]")),
    ("no-container-instances", STRATEGY.format('["FARGATE_SPOT"]', '[{"capacityProvider": "FARGATE_SPOT"}]')),
]  # fmt: skip


@pytest.mark.parametrize(("name", "attempt"), TRIES)
def test_the_solution_mends_what_an_attempt_has_left(ready: Ready, name: str, attempt: str) -> None:
    if name == "endpoint-group":
        ready.cloud.client("ec2").delete_security_group(GroupId=group(ready.cloud, ENDPOINTS))
    fault = ready.lab.step(name).fault
    if fault is not None:
        fault(ready.cloud, ready.lab)
    tried(ready.lab, name, attempt)


def test_a_route_in_the_main_table_mends_the_third_subnet_too(ready: Ready) -> None:
    drill = ready.lab.step("one-in-three")
    assert drill.fault is not None
    drill.fault(ready.cloud, ready.lab)
    assert ready.state("one-in-three") == ("wrong", "From 1 of 3 subnets a task reaches no registry.")
    main = table(ready.cloud, **{"vpc-id": vpc(ready.cloud), "association.main": "true"})
    route(ready.cloud, main)
    assert ready.state("one-in-three")[0] == "passed"
    no_route(ready.cloud, main)
    drill.solve(ready.cloud, ready.lab)


def test_the_call_without_a_strategy_fails_as_the_drill_says(ready: Ready) -> None:
    ecs = ready.cloud.client("ecs")
    drill = ready.lab.step("no-container-instances")
    assert drill.fault is not None
    drill.fault(ready.cloud, ready.lab)
    ecs.register_task_definition(
        family="hello", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512",
        containerDefinitions=[{"name": "hello", "image": "hello"}],
    )  # fmt: skip
    with pytest.raises(ecs.exceptions.InvalidParameterException, match="No Container Instances were found"):
        ecs.run_task(cluster="drydock", taskDefinition="hello")
    drill.solve(ready.cloud, ready.lab)
    with pytest.raises(ecs.exceptions.InvalidParameterException, match="Network Configuration"):
        ecs.run_task(cluster="drydock", taskDefinition="hello")

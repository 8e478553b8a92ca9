"""What is there is not made again; after a restart the names come back, and nothing is done twice."""

from __future__ import annotations

import ast
import contextlib
import io
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from drydock.cloud import Call, Cloud
from drydock.labs import Lab, catalogue, lesson
from drydock.policy.operations import only_reads

SAMPLE = Path(__file__).parent / "sample"


class Spy:
    """Notes the calls that left and change something."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def asked(self, call: Call) -> None:
        pass

    def sending(self, call: Call) -> None:
        if not only_reads(call.operation):
            self.sent.append(call.operation)

    def answered(self, call: Call, answer: dict[str, Any], status: int) -> None:
        pass


@pytest.fixture
def queues(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DRYDOCK_LABS", str(SAMPLE))
    lab = Lab.open("00-queues", cloud=cloud, clean_up=True)
    yield lab
    lab.clean_up()


def named(kind: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": "Name", "Value": "drydock"}]}]


def network(cloud: Cloud) -> list[Any]:
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock=cloud.vpc_cidr, TagSpecifications=named("vpc"))["Vpc"]["VpcId"]
    first = str(cloud.vpc_cidr).replace("/16", "/20")
    subnet = ec2.create_subnet(
        VpcId=vpc, CidrBlock=first, AvailabilityZone=f"{cloud.region}a", TagSpecifications=named("subnet")
    )["Subnet"]["SubnetId"]
    gateway = ec2.create_internet_gateway(TagSpecifications=named("internet-gateway"))["InternetGateway"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc, TagSpecifications=named("route-table"))["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway["InternetGatewayId"])
    made = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]
    group = ec2.create_security_group(GroupName="mine", Description="mine", VpcId=vpc)["GroupId"]
    web = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[web])
    return [vpc, subnet, gateway["InternetGatewayId"], table, made, group]


def others(cloud: Cloud) -> list[Any]:
    queue = cloud.client("sqs").create_queue(QueueName="jobs", Attributes={"VisibilityTimeout": "3"})["QueueUrl"]
    repository = cloud.client("ecr").create_repository(repositoryName="mine")["repository"]["repositoryArn"]
    role = cloud.client("iam").create_role(RoleName="mine", AssumeRolePolicyDocument='{"Statement": []}')["Role"]
    cloud.client("logs").create_log_group(logGroupName="/mine")
    secret = cloud.client("secretsmanager").create_secret(Name="mine", SecretString="x")["ARN"]
    cluster = cloud.client("ecs").create_cluster(clusterName="mine")["cluster"]["clusterArn"]
    return [queue, repository, role["Arn"], role["AssumeRolePolicyDocument"], secret, cluster]


def balanced(cloud: Cloud) -> list[Any]:
    elbv2, [vpc, subnet, *_] = cloud.client("elbv2"), network(cloud)
    second = cloud.client("ec2").create_subnet(
        VpcId=vpc,
        CidrBlock=str(cloud.vpc_cidr).replace(".0.0/16", ".16.0/20"),
        AvailabilityZone=f"{cloud.region}b",
        TagSpecifications=named("subnet"),
    )["Subnet"]["SubnetId"]
    front = elbv2.create_load_balancer(Name="mine", Subnets=[subnet, second])["LoadBalancers"][0]["LoadBalancerArn"]
    group = elbv2.create_target_group(Name="mine", VpcId=vpc, Protocol="HTTP", Port=80, TargetType="ip")
    to_it = {"Type": "forward", "TargetGroupArn": group["TargetGroups"][0]["TargetGroupArn"]}
    listener = elbv2.create_listener(LoadBalancerArn=front, Protocol="HTTP", Port=80, DefaultActions=[to_it])
    arn = listener["Listeners"][0]["ListenerArn"]
    paths = [{"Field": "path-pattern", "Values": ["/mine"]}]
    rule = elbv2.create_rule(ListenerArn=arn, Priority=10, Conditions=paths, Actions=[to_it])
    return [second, front, arn, rule["Rules"][0]["RuleArn"]]


@pytest.mark.parametrize("make", [network, others, balanced])
def test_what_is_there_is_not_made_again(queues: Lab, make: Any, capsys: pytest.CaptureFixture[str]) -> None:
    first = make(queues.cloud)
    assert capsys.readouterr().out == ""
    spy = Spy()
    queues.cloud.listeners.append(spy)
    assert make(queues.cloud) == first
    assert spy.sent == []
    said = capsys.readouterr().out.splitlines()
    assert said
    assert all(line.startswith("Already there, and not made again: ") for line in said)


def test_what_is_asked_for_besides_is_made(queues: Lab) -> None:
    ec2 = queues.cloud.client("ec2")
    group = network(queues.cloud)[-1]
    tls = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[tls])
    found = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    assert sorted(one["FromPort"] for one in found) == [80, 443]


def test_what_is_elsewhere_or_on_its_way_out_is_not_there(queues: Lab) -> None:
    others(queues.cloud)
    elsewhere = queues.cloud.client("logs", region="eu-west-1")
    elsewhere.create_log_group(logGroupName="/mine")
    assert elsewhere.describe_log_groups(logGroupNamePrefix="/mine")["logGroups"]
    elsewhere.delete_log_group(logGroupName="/mine")
    secrets = queues.cloud.client("secretsmanager")
    secrets.delete_secret(SecretId="mine", RecoveryWindowInDays=7)
    with pytest.raises(ClientError):
        secrets.create_secret(Name="mine", SecretString="x")
    secrets.delete_secret(SecretId="mine", ForceDeleteWithoutRecovery=True)


def test_a_request_that_names_nothing_leaves_as_it_is(queues: Lab) -> None:
    made = [queues.cloud.client("ec2").create_vpc(CidrBlock=queues.cloud.vpc_cidr)["Vpc"]["VpcId"] for _ in range(2)]
    assert made[0] != made[1]


def test_a_clean_up_says_first_what_would_go(queues: Lab) -> None:
    queues.cloud.client("sqs").create_queue(QueueName="jobs")
    careful = Lab.open("00-queues", cloud=queues.cloud)
    assert "queue: 1" in repr(careful.clean_up())
    assert careful.check("create-queue").passed
    assert "nothing of this lab is left" in repr(careful.clean_up(sure=True))
    assert not careful.check("create-queue").passed


def test_who_has_done_nothing_has_nothing_to_take_up(queues: Lab) -> None:
    assert "begin with Set up" in repr(queues.resume({}))
    queues.cloud.client("sqs").create_queue(QueueName="jobs")
    queues.check("create-queue")
    assert "Next: keep-longer" in repr(queues.resume({}))
    queues.cloud.client("sqs").delete_queue(
        QueueUrl=queues.cloud.client("sqs").get_queue_url(QueueName="jobs")["QueueUrl"]
    )
    assert "not there any more" in repr(queues.resume({}))
    queues.clean_up()
    assert "begin with Set up" in repr(queues.resume({}))


def test_only_statements_whose_names_are_used_are_brought_back() -> None:
    cells = (
        "lab = Lab.open('x')",
        "ecs = cloud.client('ecs')\nunused = ecs.stop_task()\ngroup = {}\ngroup['a'] = ecs.create()",
        "print(group)\nfor each in group:\n    ecs.act(each)",
        'lab.check("one")',
        "again = ecs.describe(group)\nunused = 3",
        "print(unused, again)",
    )
    told = lesson.Lesson(cells)
    assert [ast.unparse(one) for one in told.names_for(told.after("one"), told.used_from(told.after("one")))] == [
        "ecs = cloud.client('ecs')",
        "group = {}",
        "group['a'] = ecs.create()",
    ]


@pytest.mark.parametrize("name", catalogue.names())
def test_no_deployment_is_waited_for_to_bring_names_back(name: str) -> None:
    """Nothing is deployed then, so that it would be waited for in vain."""
    told = lesson.of(catalogue.notebook(name))
    made = [one for cell in told.cells for one in ast.parse(cell).body if isinstance(one, ast.FunctionDef)]
    waits = (".follow(", *(f"{one.name}(" for one in made if ".follow(" in ast.unparse(one)))
    checked = [step for step in catalogue.load(name).steps if any(f'lab.check("{step}"' in cell for cell in told.cells)]
    for place in (told.after(step) for step in checked):
        for one in told.names_for(place, told.used_from(place)):
            assert isinstance(one, ast.FunctionDef) or not any(wait in ast.unparse(one) for wait in waits)


@pytest.mark.timeout(300)
def test_lab_05_goes_on_the_next_day_from_its_middle(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DRYDOCK_SOLVE", "1")
    monkeypatch.setenv("DRYDOCK_STRICT", "1")
    cells = lesson.of(catalogue.notebook("05")).cells
    opened, middle = lesson.Lesson(cells).after(None), lesson.Lesson(cells).after("kill-a-task")

    def run(part: tuple[str, ...], names: dict[str, Any]) -> None:
        for cell in part:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(cell, names)

    run(cells[:middle], {})
    names: dict[str, Any] = {}
    run(cells[:opened], names)
    spy = Spy()
    names["cloud"].listeners.append(spy)
    tasks = names["cloud"].client("ecs").list_tasks(cluster="drydock")["taskArns"]
    said = repr(names["lab"].resume(names))
    assert spy.sent == []
    assert sorted(names["cloud"].client("ecs").list_tasks(cluster="drydock")["taskArns"]) == sorted(tasks)
    assert "Next: scale" in said
    assert "Not brought back" not in said
    run(tuple(cell for cell in cells[middle:] if "lab.resume" not in cell), names)
    assert "begin with Set up" in repr(names["lab"].resume(names))

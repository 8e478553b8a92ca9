"""What labs create is written down first, tagged, and swept away; what is not theirs stays."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from drydock import embedded
from drydock.cloud import Cloud, connect
from drydock.embedded.instance import free_port
from drydock.ledger import Entry, Ledger, Recorder, owned, sweep
from drydock.resources import CREATORS, KINDS, TAG
from tests.support.waiting import answers, eventually

SERVICES = {"Service": ["ecs-tasks.amazonaws.com", "lambda.amazonaws.com"]}
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": SERVICES, "Action": "sts:AssumeRole"}],
    }
)
POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]}
)


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        env={name: value for name, value in os.environ.items() if name != "MOTO_ACCOUNT_ID"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    eventually(lambda: answers(port), "moto's server answers")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRYDOCK_HOME", str(tmp_path_factory.mktemp("home")))
        name = f"ledger-{os.getpid()}"
        instance = embedded.start(name, port=free_port())
        yield {"moto": f"http://127.0.0.1:{port}", "embedded": name}
        embedded.stop(instance.name)
    server.terminate()
    server.wait()


@pytest.fixture(params=["moto", "embedded"])
def cloud(request: pytest.FixtureRequest, endpoints: dict[str, str]) -> Cloud:
    where = endpoints[request.param]
    return connect("embedded", name=where) if request.param == "embedded" else connect(where)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.jsonl")


@pytest.fixture
def recording(cloud: Cloud, ledger: Ledger) -> Cloud:
    cloud.listeners.append(Recorder(ledger, cloud, "99-test"))
    return cloud


def create_everything(cloud: Cloud) -> None:
    """One of every kind, entangled as labs entangle them."""
    ec2, ecs, elb = cloud.client("ec2"), cloud.client("ecs"), cloud.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock=cloud.vpc_cidr)["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    prefix = cloud.vpc_cidr.rsplit(".", 2)[0]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"{prefix}.{n}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for n, zone in ((1, "us-east-1a"), (2, "us-east-1b"))
    ]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[0])
    first = ec2.create_security_group(GroupName="first", Description="x", VpcId=vpc)["GroupId"]
    second = ec2.create_security_group(GroupName="second", Description="x", VpcId=vpc)["GroupId"]
    for one, other in ((first, second), (second, first)):
        ec2.authorize_security_group_ingress(
            GroupId=one,
            IpPermissions=[
                {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": other}]}
            ],
        )
    ec2.create_network_interface(SubnetId=subnets[1], Groups=[first])
    ec2.create_network_acl(VpcId=vpc)
    ec2.create_vpc_endpoint(
        VpcId=vpc,
        VpcEndpointType="Interface",
        ServiceName="com.amazonaws.us-east-1.sqs",
        SubnetIds=subnets[:1],
        SecurityGroupIds=[second],
    )
    balancer = elb.create_load_balancer(Name="lb", Subnets=subnets, SecurityGroups=[first])["LoadBalancers"][0]
    group = elb.create_target_group(Name="tg", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip")["TargetGroups"][0]
    elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}],
    )
    ecs.create_cluster(clusterName="c", capacityProviders=["FARGATE"])
    ecs.register_task_definition(
        family="f",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "main", "image": "nothing-such:1", "essential": True, "memory": 128}],
    )
    network = {"awsvpcConfiguration": {"subnets": subnets[:1], "securityGroups": [first]}}
    ecs.create_service(
        cluster="c",
        serviceName="s",
        taskDefinition="f",
        desiredCount=2,
        launchType="FARGATE",
        networkConfiguration=network,
    )
    ecs.run_task(cluster="c", taskDefinition="f", count=2, launchType="FARGATE", networkConfiguration=network)
    cloud.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="ecs",
        ResourceId="service/c/s",
        ScalableDimension="ecs:service:DesiredCount",
        MinCapacity=1,
        MaxCapacity=3,
    )
    cloud_map = cloud.client("servicediscovery")
    operation = cloud_map.create_private_dns_namespace(Name="test.local", Vpc=vpc)["OperationId"]

    def ended() -> Any:
        found = cloud_map.get_operation(OperationId=operation)["Operation"]
        return found["Status"] not in ("PENDING", "SUBMITTED") and found

    found = eventually(ended)
    names = cloud_map.create_service(
        Name="n",
        NamespaceId=found["Targets"]["NAMESPACE"],
        DnsConfig={"DnsRecords": [{"Type": "A", "TTL": 10}]},
    )["Service"]
    cloud_map.register_instance(
        ServiceId=names["Id"], InstanceId="i-1", Attributes={"AWS_INSTANCE_IPV4": f"{prefix}.1.9"}
    )
    cloud.client("logs").create_log_group(logGroupName="/drydock/test")
    cloud.client("secretsmanager").create_secret(Name="secret", SecretString="x")
    cloud.client("ssm").put_parameter(Name="/drydock/parameter", Value="1", Type="String")
    cloud.client("ssm").put_parameter(Name="/drydock/parameter", Value="2", Type="String", Overwrite=True)
    cloud.client("ecr").create_repository(repositoryName="r/one")
    cloud.client("sqs").create_queue(QueueName="q")
    cloud.client("sns").create_topic(Name="t")
    cloud.client("events").put_rule(Name="rule", EventPattern='{"source": ["aws.ecs"]}')
    cloud.client("events").put_targets(
        Rule="rule", Targets=[{"Id": "1", "Arn": f"arn:aws:sqs:us-east-1:{cloud.account}:q"}]
    )
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName="a",
        Namespace="AWS/ECS",
        MetricName="CPUUtilization",
        Statistic="Average",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
    )
    iam = cloud.client("iam")
    role = iam.create_role(RoleName="role", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    cloud.client("lambda").create_function(
        FunctionName="f", Runtime="python3.12", Handler="f.handler", Role=role, Code={"ZipFile": package()}
    )
    policy = iam.create_policy(PolicyName="policy", PolicyDocument=POLICY)["Policy"]["Arn"]
    iam.create_policy_version(PolicyArn=policy, PolicyDocument=POLICY, SetAsDefault=True)
    iam.attach_role_policy(RoleName="role", PolicyArn=policy)
    iam.put_role_policy(RoleName="role", PolicyName="inline", PolicyDocument=POLICY)
    key = cloud.client("kms").create_key()["KeyMetadata"]["KeyId"]
    cloud.client("kms").create_alias(AliasName="alias/drydock-test", TargetKeyId=key)


def package() -> bytes:
    """A function that does nothing."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("f.py", "def handler(event, context): pass")
    return made.getvalue()


UNTAGGABLE = {"scalable target", "key alias"}
NOT_CREATED = {"capacity provider", "CodeDeploy application", "deployment configuration"}
"""moto deletes no application."""
STOPS_BY_ITSELF = {"ECS task"}
"""Where a data plane acts on it, a task whose image is nowhere ends on its own."""


def test_one_of_every_kind_is_recorded_and_swept(recording: Cloud, ledger: Ledger) -> None:
    create_everything(recording)
    entries = ledger.entries(recording.identity, "99-test")
    assert {entry.kind for entry in entries} == {kind.name for kind in KINDS} - NOT_CREATED
    assert {entry.state for entry in entries} == {"created"}
    assert sum(entry.kind == "ECS task" for entry in entries) == 2

    swept = sweep(recording, "99-test", ledger=ledger, within=8)
    assert swept.survivors == []
    deleted = {kind for kind, _ in swept.deleted} | STOPS_BY_ITSELF
    assert deleted == {kind.name for kind in KINDS} - NOT_CREATED
    assert ledger.entries() == []
    assert owned(recording, "99-test", ledger=ledger) == []
    again = sweep(recording, "99-test", ledger=ledger, within=8)
    assert (again.deleted, again.survivors) == ([], [])


@pytest.mark.parametrize("cloud", ["embedded"], indirect=True)
def test_an_application_of_codedeploy_goes_with_what_is_its(recording: Cloud, ledger: Ledger) -> None:
    codedeploy = recording.client("codedeploy")
    codedeploy.create_application(applicationName="shop", computePlatform="ECS")
    linear = {"type": "TimeBasedLinear", "timeBasedLinear": {"linearPercentage": 20, "linearInterval": 1}}
    codedeploy.create_deployment_config(
        deploymentConfigName="fifths", computePlatform="ECS", trafficRoutingConfig=linear
    )
    unrecorded(recording, "codedeploy").create_application(applicationName="another", computePlatform="ECS")
    assert owned(recording, "99-test", ledger=Ledger(ledger.path.with_name("empty.jsonl"))) == [
        ("CodeDeploy application", "shop")
    ]
    swept = sweep(recording, "99-test", ledger=ledger)
    assert {("CodeDeploy application", "shop"), ("deployment configuration", "fifths")} == set(swept.deleted)
    assert codedeploy.list_applications()["applications"] == ["another"]
    unrecorded(recording, "codedeploy").delete_application(applicationName="another")


def test_what_others_write_for_a_cluster_goes_with_it(recording: Cloud, ledger: Ledger) -> None:
    recording.client("ecs").create_cluster(clusterName="watched")
    group = "/aws/ecs/containerinsights/watched/performance"
    unrecorded(recording, "logs").create_log_group(logGroupName=group)
    unrecorded(recording, "logs").create_log_group(logGroupName=f"{group}-of-mine")
    assert sweep(recording, "99-test", ledger=ledger).survivors == []
    left = recording.client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert [one["logGroupName"] for one in left] == [f"{group}-of-mine"]
    recording.client("logs").delete_log_group(logGroupName=f"{group}-of-mine")


@pytest.mark.parametrize("cloud", ["embedded"], indirect=True)
def test_a_service_of_another_lab_is_told_when_the_name_that_it_has_goes(cloud: Cloud, ledger: Ledger) -> None:
    ec2, ecs, cloud_map = (cloud.client(name) for name in ("ec2", "ecs", "servicediscovery"))
    cloud.listeners[:] = [Recorder(ledger, cloud, "98-other")]
    vpc = ec2.create_vpc(CidrBlock=cloud.vpc_cidr)["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=cloud.vpc_cidr)["Subnet"]["SubnetId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    ecs.create_cluster(clusterName="c")
    container = {"name": "main", "image": "nothing-such:1"}
    ecs.register_task_definition(
        family="f", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
        containerDefinitions=[container],
    )  # fmt: skip
    cloud.listeners[:] = [Recorder(ledger, cloud, "99-test")]
    operation = cloud_map.create_private_dns_namespace(Name="test.local", Vpc=vpc)["OperationId"]
    made = eventually(lambda: cloud_map.get_operation(OperationId=operation)["Operation"].get("Targets"))
    names = cloud_map.create_service(
        Name="n", NamespaceId=made["NAMESPACE"], DnsConfig={"DnsRecords": [{"Type": "A", "TTL": 10}]}
    )["Service"]
    cloud.listeners[:] = [Recorder(ledger, cloud, "98-other")]
    network = {"awsvpcConfiguration": {"subnets": [subnet]}}
    ecs.create_service(
        cluster="c", serviceName="s", taskDefinition="f", desiredCount=0, launchType="FARGATE",
        networkConfiguration=network, serviceRegistries=[{"registryArn": names["Arn"]}],
    )  # fmt: skip
    assert sweep(cloud, "99-test", ledger=ledger).survivors == []
    assert ecs.describe_services(cluster="c", services=["s"])["services"][0]["serviceRegistries"] == []
    assert sweep(cloud, "98-other", ledger=ledger).survivors == []


def test_a_lost_ledger_is_made_up_for_by_the_tags(recording: Cloud, ledger: Ledger) -> None:
    create_everything(recording)
    cloud, empty = recording, Ledger(ledger.path.with_name("empty.jsonl"))
    found = {kind for kind, _ in owned(cloud, "99-test", ledger=empty)} | STOPS_BY_ITSELF
    assert found == {kind.name for kind in KINDS} - NOT_CREATED - UNTAGGABLE
    swept = sweep(cloud, "99-test", ledger=empty, within=8)
    assert swept.survivors == []
    sweep(cloud, "99-test", ledger=ledger, within=8)


def test_what_is_not_the_labs_stays(cloud: Cloud, ledger: Ledger) -> None:
    sqs, ecr = cloud.client("sqs"), cloud.client("ecr")
    mine = sqs.create_queue(QueueName="mine")["QueueUrl"]
    ecr.create_repository(repositoryName="mine")
    other = Recorder(ledger, cloud, "98-other")
    cloud.listeners.append(other)
    others = sqs.create_queue(QueueName="others")["QueueUrl"]
    cloud.listeners[:] = [Recorder(ledger, cloud, "99-test")]
    with pytest.raises(ClientError, match="RepositoryAlreadyExists"):
        ecr.create_repository(repositoryName="mine")
    swept = sweep(cloud, "99-test", ledger=ledger, within=8)
    assert swept.deleted == []
    assert set(sqs.list_queues()["QueueUrls"]) >= {mine, others}
    assert ecr.describe_repositories(repositoryNames=["mine"])["repositories"]
    assert sweep(cloud, ledger=ledger, within=8).deleted == [("queue", others)]
    sqs.delete_queue(QueueUrl=mine)
    ecr.delete_repository(repositoryName="mine")


def test_the_line_is_on_disk_before_the_call_leaves(cloud: Cloud, ledger: Ledger) -> None:
    lines: list[list[Entry]] = []

    class PowerCut(BaseException): ...

    class Look:
        def asked(self, call: Any) -> None: ...

        def sending(self, call: Any) -> None:
            lines.append(Ledger(ledger.path).entries())
            raise PowerCut

        def answered(self, call: Any, answer: Any, status: int) -> None: ...

    cloud.listeners[:] = [Recorder(ledger, cloud, "99-test"), Look()]
    with pytest.raises(PowerCut):
        cloud.client("logs").create_log_group(logGroupName="/planned")
    cloud.listeners.clear()
    assert [(e.kind, e.identifier, e.state) for e in lines[0]] == [("log group", "/planned", "planned")]
    assert sweep(cloud, "99-test", ledger=ledger, within=8).survivors == []
    assert ledger.entries() == []


def test_a_crash_between_call_and_answer_leaves_nothing_that_a_sweep_does_not_find(
    cloud: Cloud, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(ledger, cloud, "99-test")
    monkeypatch.setattr(recorder, "answered", lambda *_: None)
    cloud.listeners[:] = [recorder]
    vpc = cloud.client("ec2").create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    cloud.client("logs").create_log_group(logGroupName="/half-way")
    assert {entry.state for entry in ledger.entries()} == {"planned"}
    assert set(sweep(cloud, "99-test", ledger=ledger, within=8).deleted) == {("log group", "/half-way"), ("VPC", vpc)}


def interrupt(client: Any, operation: str, *, arrives: bool = False, **params: Any) -> None:
    """A call that is cut off: before it leaves, or before its answer is there."""

    class Cut(BaseException): ...

    def cut(**_: Any) -> None:
        raise Cut

    event = f"{'response-received' if arrives else 'before-send'}.*.{operation}"
    client.meta.events.register(event, cut)
    with pytest.raises(Cut):
        getattr(client, xform_name(operation))(**params)
    client.meta.events.unregister(event, cut)


@pytest.fixture
def account(cloud: Cloud, ledger: Ledger) -> Cloud:
    """What the sweep takes for a real account, and the ledger listens to."""
    cloud.name = "aws"
    cloud.listeners[:] = [Recorder(ledger, cloud, "99-test")]
    return cloud


def unrecorded(cloud: Cloud, service: str) -> Any:
    return cloud.session.__class__(aws_access_key_id="a", aws_secret_access_key="b", region_name=cloud.region).client(
        service, endpoint_url=cloud.endpoint
    )


def test_on_a_real_account_what_a_name_was_only_asked_for_stays(account: Cloud, ledger: Ledger) -> None:
    users = unrecorded(account, "iam")
    users.create_role(RoleName="theirs", AssumeRolePolicyDocument=TRUST)
    interrupt(account.client("iam"), "CreateRole", RoleName="theirs", AssumeRolePolicyDocument=TRUST)
    account.client("iam").create_role(RoleName="ours", AssumeRolePolicyDocument=TRUST)
    logs = account.client("logs")
    interrupt(logs, "CreateLogGroup", arrives=True, logGroupName="/ours")
    assert {entry.identifier: entry.state for entry in ledger.entries()} == {
        "theirs": "planned",
        "ours": "created",
        "/ours": "planned",
    }
    assert set(owned(account, "99-test", ledger=ledger)) == {("role", "ours"), ("log group", "/ours")}
    swept = sweep(account, "99-test", ledger=ledger, within=0)
    assert set(swept.deleted) == {("role", "ours"), ("log group", "/ours")}
    assert swept.survivors == []
    assert users.get_role(RoleName="theirs")["Role"]["RoleName"] == "theirs"
    users.delete_role(RoleName="theirs")


def test_on_a_real_account_what_has_no_tag_and_got_no_answer_is_left_and_reported(
    account: Cloud, ledger: Ledger
) -> None:
    kms = unrecorded(account, "kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/theirs", TargetKeyId=key)
    for alias in ("alias/theirs", "alias/nowhere"):
        interrupt(account.client("kms"), "CreateAlias", AliasName=alias, TargetKeyId=key)
    swept = sweep(account, "99-test", ledger=ledger, within=0)
    assert swept.deleted == []
    assert [(one.kind, one.identifier) for one in swept.survivors] == [("key alias", "alias/theirs")]
    assert str(ledger.path) in str(swept)
    assert [entry.identifier for entry in ledger.entries()] == ["alias/theirs"]
    kms.delete_alias(AliasName="alias/theirs")
    assert sweep(account, "99-test", ledger=ledger, within=0).survivors == []
    assert ledger.entries() == []


def test_on_a_real_account_what_cannot_be_told_apart_for_want_of_tags_is_reported(
    account: Cloud, ledger: Ledger
) -> None:
    sqs = account.client("sqs")
    url = sqs.create_queue(QueueName="untold")["QueueUrl"]

    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListQueueTags")

    sqs.meta.events.register("before-call.sqs.ListQueueTags", refuse)
    swept = sweep(account, "99-test", ledger=ledger, within=0)
    assert [text for text in swept.not_asked if text.startswith("queue: ")] != []
    assert [(one.kind, one.identifier) for one in swept.survivors] == [("queue", url)]
    sqs.meta.events.unregister("before-call.sqs.ListQueueTags", refuse)
    assert sweep(account, "99-test", ledger=ledger, within=0).deleted == [("queue", url)]


def test_what_cannot_be_deleted_is_listed_with_the_reason_and_kept_in_the_ledger(
    recording: Cloud, ledger: Ledger
) -> None:
    cloud = recording
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.98.0.0/16")["Vpc"]["VpcId"]
    cloud.listeners.clear()
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.98.1.0/24")["Subnet"]["SubnetId"]
    swept = sweep(cloud, "99-test", ledger=ledger, within=0.5)
    assert [(one.kind, one.identifier) for one in swept.survivors] == [("VPC", vpc)]
    assert "DependencyViolation" in str(swept.survivors[0])
    assert [entry.identifier for entry in ledger.entries()] == [vpc]
    ec2.delete_subnet(SubnetId=subnet)
    assert sweep(cloud, "99-test", ledger=ledger, within=8).deleted == [("VPC", vpc)]


def test_tags_that_the_caller_gives_are_kept(recording: Cloud, ledger: Ledger) -> None:
    ec2 = recording.client("ec2")
    vpc = ec2.create_vpc(
        CidrBlock="10.97.0.0/16",
        TagSpecifications=[{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "lab"}]}],
    )["Vpc"]
    assert {tag["Key"]: tag["Value"] for tag in vpc["Tags"]} == {"Name": "lab", TAG: "99-test"}
    sweep(recording, "99-test", ledger=ledger, within=8)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.tag is not None], ids=lambda kind: kind.name)
def test_a_tag_that_is_there_is_not_doubled(kind: Any) -> None:
    once: dict[str, Any] = {}
    kind.tag(once, "99-test")
    before = json.dumps(once)
    kind.tag(once, "98-other")
    assert json.dumps(once) == before


def entry_of(identifier: str) -> Entry:
    when = "2026-01-01T00:00:00+00:00"
    return Entry(identifier, "l", "c", "0" * 12, "r", "sqs", "queue", identifier, when, "created")


def test_lines_after_one_that_a_crash_cut_short_are_kept(ledger: Ledger) -> None:
    ledger.write(entry_of("before"))
    whole = ledger.path.read_text()
    ledger.path.write_text(whole + whole[:20])
    ledger.write(entry_of("after"))
    ledger.write(entry_of("later"))
    with pytest.warns(UserWarning, match="line 2"):
        assert ledger.entries() == [entry_of("before"), entry_of("after"), entry_of("later")]


def test_a_line_that_is_not_an_entry_is_named_and_stays_until_it_is_mended(ledger: Ledger) -> None:
    ledger.write(entry_of("one"))
    ledger.path.write_text("nonsense\n" + ledger.path.read_text())
    ledger.write(entry_of("two"))
    with pytest.warns(UserWarning, match=rf"{ledger.path}, line 1, .*nonsense"):
        assert ledger.entries() == [entry_of("one"), entry_of("two")]
    with pytest.warns(UserWarning, match="line 1"):
        ledger.forget(["one"])
    assert ledger.path.read_text().splitlines()[0] == "nonsense"
    with pytest.warns(UserWarning, match="line 1"):
        assert ledger.entries() == [entry_of("two")]


def test_kinds_are_in_an_order_in_which_they_can_go() -> None:
    order = [kind.name for kind in KINDS]
    after: dict[str, list[str]] = {
        "ECS cluster": ["ECS service", "ECS task"],
        "ECS service": ["CodeDeploy application"],
        "deployment configuration": ["CodeDeploy application"],
        "target group": ["listener", "load balancer", "ECS service"],
        "Cloud Map namespace": ["Cloud Map service"],
        "Cloud Map service": ["ECS service"],
        "VPC": ["subnet", "security group", "internet gateway", "route table", "Cloud Map namespace"],
        "subnet": ["network interface", "load balancer"],
        "role": ["function"],
        "KMS key": ["key alias", "repository", "secret", "ECS cluster"],
    }
    for kind, earlier in after.items():
        assert all(order.index(one) < order.index(kind) for one in earlier), kind


def test_creators_are_operations_that_aws_has(cloud: Cloud) -> None:
    has: Callable[[str, str], bool] = lambda service, operation: (  # noqa: E731
        operation in cloud.client(service).meta.service_model.operation_names
    )
    assert [key for key in CREATORS if not has(*key)] == []


def test_what_runs_is_swept_though_its_task_definition_is_no_more(
    recording: Cloud, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_everything(recording)
    ecs = recording.client("ecs")

    def gone(**_: Any) -> Any:
        error = {"Code": "ClientException", "Message": "Unable to describe task definition."}
        raise ClientError({"Error": error}, "DescribeTaskDefinition")

    monkeypatch.setattr(ecs, "describe_task_definition", gone)
    assert ("ECS service", "c/s") in owned(recording, "99-test", ledger=ledger)
    swept = sweep(recording, "99-test", ledger=ledger, within=8)
    assert ("ECS service", "c/s") in swept.deleted
    monkeypatch.undo()
    sweep(recording, "99-test", ledger=ledger, within=8)

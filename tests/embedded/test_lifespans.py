"""A journal without what is needless brings back the same account as the whole one."""

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
from drydock.embedded.core.journal import Journal

from .test_doors import reads

ACCOUNT = "arn:aws:{}:us-east-1:000000000000:{}"
TRUST = '{"Version": "2012-10-17", "Statement": []}'
SERVICES = ("sqs", "logs", "ecr", "iam", "secretsmanager", "ssm", "cloudwatch", "sns", "elbv2", "ecs", "events")


class Visitor:
    """Calls a cloud at random: makes, changes, tags and deletes a few things again and again."""

    def __init__(self, host: AWS, seed: int) -> None:
        self.chance = random.Random(seed)
        self.client = lambda service: host.client(service, "us-east-1")
        self.host = host
        self.vpc = self.client("ec2").create_vpc(CidrBlock="127.30.0.0/16")["Vpc"]["VpcId"]
        subnet = self.client("ec2").create_subnet(VpcId=self.vpc, CidrBlock="127.30.0.0/24")["Subnet"]["SubnetId"]
        ecs = self.client("ecs")
        ecs.create_cluster(clusterName="lab")
        ecs.register_task_definition(
            family="app", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
            containerDefinitions=[{"name": "app", "image": "app:1"}],
        )  # fmt: skip
        self.client("events").put_rule(Name="other", EventPattern='{"source": ["x"]}')
        self.client("events").create_event_bus(Name="rule-one")
        network = {"awsvpcConfiguration": {"subnets": [subnet]}}
        ecs.create_service(cluster="lab", serviceName="app", taskDefinition="app", desiredCount=0,
                           launchType="FARGATE", networkConfiguration=network)  # fmt: skip

    def some(self, *texts: str) -> str:
        return self.chance.choice(texts)

    def call(self, service: str) -> None:
        operation, arguments = self.chance.choice(list(getattr(self, service)()))
        try:
            getattr(self.client(service), operation)(**arguments)
        except ClientError:
            return

    def sqs(self) -> Iterator[tuple[str, dict[str, Any]]]:
        name, other, key = self.some("q-one", "q-two"), self.some("q-one", "q-two"), self.some("a", "b", "c")
        url, arn = f"http://127.0.0.1/000000000000/{name}", ACCOUNT.format("sqs", other)
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "3"})
        yield "create_queue", {"QueueName": name}
        yield "delete_queue", {"QueueUrl": url}
        yield "set_queue_attributes", {"QueueUrl": url, "Attributes": {"VisibilityTimeout": str(self.number())}}
        yield "set_queue_attributes", {"QueueUrl": url, "Attributes": {"RedrivePolicy": redrive}}
        yield "tag_queue", {"QueueUrl": url, "Tags": {key: str(self.number()), "d": "x"}}
        yield "untag_queue", {"QueueUrl": url, "TagKeys": [key]}

    def logs(self) -> Iterator[tuple[str, dict[str, Any]]]:
        name, key = f"/app/{self.some('one', 'two')}", self.some("a", "b", "c")
        arn = ACCOUNT.format("logs", f"log-group:{name}")
        yield "create_log_group", {"logGroupName": name}
        yield "delete_log_group", {"logGroupName": name}
        yield "put_retention_policy", {"logGroupName": name, "retentionInDays": self.chance.choice([1, 3, 5])}
        yield "delete_retention_policy", {"logGroupName": name}
        yield "tag_resource", {"resourceArn": arn, "tags": {key: str(self.number())}}
        yield "untag_resource", {"resourceArn": arn, "tagKeys": [key]}

    def ecr(self) -> Iterator[tuple[str, dict[str, Any]]]:
        name, key = self.some("team/app-one", "team/app-two"), self.some("a", "b")
        arn = ACCOUNT.format("ecr", f"repository/{name}")
        yield "create_repository", {"repositoryName": name}
        yield "delete_repository", {"repositoryName": name, "force": True}
        yield (
            "put_image_tag_mutability",
            {"repositoryName": name, "imageTagMutability": self.some("MUTABLE", "IMMUTABLE")},
        )
        statement = {"Sid": str(self.number()), "Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}
        policy = TRUST.replace("[]", json.dumps([statement]))
        yield "set_repository_policy", {"repositoryName": name, "policyText": policy}
        yield "delete_repository_policy", {"repositoryName": name}
        yield "tag_resource", {"resourceArn": arn, "tags": [{"Key": key, "Value": str(self.number())}]}
        yield "untag_resource", {"resourceArn": arn, "tagKeys": [key]}

    def iam(self) -> Iterator[tuple[str, dict[str, Any]]]:
        name, key = self.some("r-one", "r-two"), self.some("a", "b")
        managed = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
        yield "create_role", {"RoleName": name, "AssumeRolePolicyDocument": TRUST}
        yield "delete_role", {"RoleName": name}
        yield "attach_role_policy", {"RoleName": name, "PolicyArn": managed}
        yield "detach_role_policy", {"RoleName": name, "PolicyArn": managed}
        yield "update_assume_role_policy", {"RoleName": name, "PolicyDocument": TRUST + " " * self.number()}
        yield "tag_role", {"RoleName": name, "Tags": [{"Key": key, "Value": str(self.number())}]}
        yield "untag_role", {"RoleName": name, "TagKeys": [key]}
        yield "create_instance_profile", {"InstanceProfileName": self.some("r-one", "profile")}

    def secretsmanager(self) -> Iterator[tuple[str, dict[str, Any]]]:
        name, key = self.some("s-one", "team/s-two-abcdef"), self.some("a", "b")
        yield "create_secret", {"Name": name, "SecretString": str(self.number())}
        yield "delete_secret", {"SecretId": name, "ForceDeleteWithoutRecovery": True}
        yield "delete_secret", {"SecretId": name}
        yield "restore_secret", {"SecretId": name}
        yield "put_secret_value", {"SecretId": name, "SecretString": str(self.number())}
        yield "tag_resource", {"SecretId": name, "Tags": [{"Key": key, "Value": str(self.number())}]}
        yield "untag_resource", {"SecretId": name, "TagKeys": [key]}

    def ssm(self) -> Iterator[tuple[str, dict[str, Any]]]:
        name, key = self.some("/p-one", "/team/p-two"), self.some("a", "b")
        tagged = {"ResourceType": "Parameter", "ResourceId": name}
        yield "put_parameter", {"Name": name, "Value": str(self.number()), "Type": "String", "Overwrite": True}
        yield "delete_parameter", {"Name": name}
        yield "add_tags_to_resource", {**tagged, "Tags": [{"Key": key, "Value": str(self.number())}]}
        yield "remove_tags_from_resource", {**tagged, "TagKeys": [key]}

    def cloudwatch(self) -> Iterator[tuple[str, dict[str, Any]]]:
        name = self.some("alarm-one", "alarm-two")
        alarm = {"AlarmName": name, "MetricName": "m", "Namespace": "n", "Period": 60, "Statistic": "Sum"}
        compared = {"EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold"}
        yield "put_metric_alarm", {**alarm, **compared, "Threshold": float(self.number())}
        yield (
            "delete_alarms",
            {"AlarmNames": self.chance.choice([["alarm-one"], ["alarm-two"], ["alarm-one", "alarm-two"]])},
        )
        yield "set_alarm_state", {"AlarmName": name, "StateValue": self.some("OK", "ALARM"), "StateReason": "asked"}

    def sns(self) -> Iterator[tuple[str, dict[str, Any]]]:
        name, key = self.some("topic-one", "topic-two"), self.some("a", "b")
        arn = ACCOUNT.format("sns", name)
        yield "create_topic", {"Name": name}
        yield "delete_topic", {"TopicArn": arn}
        yield "subscribe", {"TopicArn": arn, "Protocol": "sqs", "Endpoint": ACCOUNT.format("sqs", "q-one")}
        yield "tag_resource", {"ResourceArn": arn, "Tags": [{"Key": key, "Value": str(self.number())}]}
        yield "untag_resource", {"ResourceArn": arn, "TagKeys": [key]}

    def elbv2(self) -> Iterator[tuple[str, dict[str, Any]]]:
        name = self.some("tg-one", "tg-two")
        found = self.client("elbv2").describe_target_groups()["TargetGroups"]
        arn = next((each["TargetGroupArn"] for each in found if each["TargetGroupName"] == name), "arn:none")
        delay = [{"Key": "deregistration_delay.timeout_seconds", "Value": str(self.number())}]
        yield (
            "create_target_group",
            {"Name": name, "Protocol": "HTTP", "Port": 80, "VpcId": self.vpc, "TargetType": "ip"},
        )
        yield "delete_target_group", {"TargetGroupArn": arn}
        yield "modify_target_group_attributes", {"TargetGroupArn": arn, "Attributes": delay}
        yield "modify_target_group", {"TargetGroupArn": arn, "HealthCheckPath": f"/{self.number()}"}

    def ecs(self) -> Iterator[tuple[str, dict[str, Any]]]:
        service = {"cluster": "lab", "service": "app"}
        container = {"name": "app", "image": f"app:{self.number()}"}
        fargate = {"networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"}
        revision = f"app:{1 + self.number() % 4}"
        yield "register_task_definition", {"family": "app", "containerDefinitions": [container], **fargate}
        yield "deregister_task_definition", {"taskDefinition": revision}
        yield "delete_task_definitions", {"taskDefinitions": [revision]}
        yield "update_service", {**service, "taskDefinition": self.some("app", revision)}
        bounds = {"minimumHealthyPercent": 50 + self.number()}
        yield "update_service", {**service, "deploymentConfiguration": bounds}
        yield "update_service", {**service, "enableExecuteCommand": self.chance.random() < 0.5}
        yield "update_service", {**service, "forceNewDeployment": True}
        yield "update_service", {**service, "healthCheckGracePeriodSeconds": self.number(), "propagateTags": "SERVICE"}

    def events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        name, key, bus = (
            self.some("rule-one", "rule-two"),
            self.some("a", "b"),
            {"EventBusName": self.some("default", "rule-one")},
        )
        queue = {"Id": key, "Arn": ACCOUNT.format("sqs", "q-one"), "Input": str(self.number())}
        tags = [{"Key": key, "Value": str(self.number())}]
        yield "put_rule", {"Name": name, "EventPattern": json.dumps({"source": [str(self.number())]}), "Tags": tags}
        yield "put_rule", {"Name": name, "ScheduleExpression": "rate(9 days)", "Description": str(self.number())}
        yield "put_rule", {"Name": name, "EventPattern": '{"source": ["x"]}', **self.chance.choice([bus, {}])}
        yield "put_targets", {"Rule": name, "Targets": [queue]}
        yield "put_targets", {"Rule": name, "Targets": [queue, {**queue, "Id": "c"}]}
        yield "remove_targets", {"Rule": name, "Ids": [key], **self.chance.choice([bus, {}])}
        for _ in range(3):
            yield "delete_rule", {"Name": name}
        yield "delete_rule", {"Name": name, **bus}
        yield "disable_rule", {"Name": name}

    def number(self) -> int:
        return self.chance.randrange(1, 40)


def account(host: AWS) -> dict[str, Any]:
    """All that the services tell, also of each thing by itself."""
    ask: Callable[[str], Any] = lambda service: host.client(service, "us-east-1")  # noqa: E731
    sqs, logs, ecr, iam, secrets = (ask(name) for name in ("sqs", "logs", "ecr", "iam", "secretsmanager"))
    found: dict[str, Any] = {service: reads(host, service) for service in SERVICES}
    del found["iam"]["GetUser"]  # the root user, whom moto makes anew for each who asks
    policies = found["iam"].pop("GetAccountAuthorizationDetails")["Policies"]
    found["attached"] = {policy["Arn"]: count for policy in policies if (count := policy["AttachmentCount"])}
    for url in sorted(sqs.list_queues().get("QueueUrls", [])):
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        found[url.rpartition("/")[2]] = attributes, sqs.list_queue_tags(QueueUrl=url).get("Tags")
    for group in logs.describe_log_groups()["logGroups"]:
        arn = group["arn"].removesuffix(":*")
        found[arn] = group.get("retentionInDays"), logs.list_tags_for_resource(resourceArn=arn)["tags"]
    for repository in ecr.describe_repositories()["repositories"]:
        found[repository["repositoryArn"]] = ecr.list_tags_for_resource(resourceArn=repository["repositoryArn"])["tags"]
    for role in iam.list_roles()["Roles"]:
        one = iam.get_role(RoleName=role["RoleName"])["Role"]
        found[role["Arn"]] = one, iam.list_attached_role_policies(RoleName=role["RoleName"])["AttachedPolicies"]
    for secret in secrets.list_secrets()["SecretList"]:
        told = {**secrets.describe_secret(SecretId=secret["ARN"]), "ResponseMetadata": None}
        versions = secrets.list_secret_version_ids(SecretId=secret["ARN"], IncludeDeprecated=True)["Versions"]
        found[secret["ARN"]] = told, sorted(each["VersionId"] for each in versions)
    for parameter in ask("ssm").describe_parameters()["Parameters"]:
        history = ask("ssm").get_parameter_history(Name=parameter["Name"])["Parameters"]
        tags = ask("ssm").list_tags_for_resource(ResourceType="Parameter", ResourceId=parameter["Name"])["TagList"]
        found[parameter["Name"]] = history, tags
    for topic in ask("sns").list_topics()["Topics"]:
        found[topic["TopicArn"]] = ask("sns").list_tags_for_resource(ResourceArn=topic["TopicArn"])["Tags"]
    for group in ask("elbv2").describe_target_groups()["TargetGroups"]:
        arn = group["TargetGroupArn"]
        found[arn] = ask("elbv2").describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
    for bus in ("default", "rule-one"):
        for rule in ask("events").list_rules(EventBusName=bus)["Rules"]:
            of = {"EventBusName": bus}
            targets = ask("events").list_targets_by_rule(Rule=rule["Name"], **of)["Targets"]
            tags = ask("events").list_tags_for_resource(ResourceARN=rule["Arn"])["Tags"]
            described = ask("events").describe_rule(Name=rule["Name"], **of) | {"ResponseMetadata": None}
            found[rule["Arn"]] = described, targets, tags
    described = ask("ecs").describe_services(cluster="lab", services=["app"])["services"]
    found["service"] = described
    return found


@pytest.mark.parametrize("seed", range(int(os.environ.get("DRYDOCK_TEST_RUNS", "1"))))
def test_the_account_is_the_same_without_what_is_needless(
    opened: Callable[[str, str], AWS], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = opened("", "first")
    visitor = Visitor(host, seed)
    for _ in range(500):
        visitor.call(visitor.some(*SERVICES))
    done, live = len(list(host.journal.entries())), account(host)
    with monkeypatch.context() as patch:
        patch.setattr(compaction, "gone", lambda *_: set())
        whole = account(opened("first", "whole"))
    assert whole == live
    host = opened("first", "less")
    assert account(host) == whole
    left = list(host.journal.entries())
    assert len(left) < done * 0.6
    assert account(opened("less", "again")) == whole
    assert len(list(Journal(host.journal.path).entries())) == len(left)


def test_a_rewrite_that_is_cut_short_loses_nothing(
    opened: Callable[[str, str], AWS], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = opened("", "first")
    visitor = Visitor(host, 7)
    for _ in range(60):
        visitor.call("logs")
    before = (tmp_path / "first" / "journal.jsonl").read_bytes()
    rename = Path.rename

    class Killed(BaseException):
        pass

    def killed(self: Path, target: Path) -> Path:
        if self.suffix == ".new":
            raise Killed
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        with pytest.raises(Killed):
            opened("first", "cut")
    assert (tmp_path / "cut" / "journal.jsonl").read_bytes() == before
    whole = account(opened("first", "whole"))
    (tmp_path / "cut" / "journal.new").write_bytes(before[: len(before) // 2])
    host = opened("cut", "after")
    assert account(host) == whole
    assert len((tmp_path / "after" / "journal.jsonl").read_bytes()) < len(before)


def test_a_deployment_after_another_leaves_the_first_and_the_last(opened: Callable[[str, str], AWS]) -> None:
    host = opened("", "first")
    ecs = Visitor(host, 1).client("ecs")
    for number in range(20):
        made = ecs.register_task_definition(
            family="app", networkMode="awsvpc", requiresCompatibilities=["FARGATE"], cpu="256", memory="512",
            containerDefinitions=[{"name": "app", "image": f"app:{number}"}],
        )["taskDefinition"]["taskDefinitionArn"]  # fmt: skip
        ecs.update_service(cluster="lab", service="app", taskDefinition=made, desiredCount=0)
    before = ecs.describe_services(cluster="lab", services=["app"])["services"]
    again = opened("first", "again")
    operations = [entry.operation for entry in again.journal.entries()]
    assert (operations.count("UpdateService"), operations.count("RegisterTaskDefinition")) == (2, 21)
    after = again.client("ecs", "us-east-1").describe_services(cluster="lab", services=["app"])["services"]
    assert after == before


def test_a_rule_leaves_nothing_unless_a_bus_was_named(opened: Callable[[str, str], AWS]) -> None:
    host = opened("", "first")
    events = host.client("events", "us-east-1")
    events.create_event_bus(Name="bus")
    before = len(list(host.journal.entries()))
    rule = {"Name": "rule", "EventPattern": '{"source": ["x"]}'}
    for _ in range(10):
        events.put_rule(**rule)
        events.put_targets(Rule="rule", Targets=[{"Id": "a", "Arn": ACCOUNT.format("sqs", "none")}])
        events.disable_rule(Name="rule")
        events.remove_targets(Rule="rule", Ids=["a"])
        events.delete_rule(Name="rule")
    events.put_rule(**rule, EventBusName="bus")
    events.delete_rule(Name="rule")
    host = opened("first", "again")
    assert [entry.operation for entry in host.journal.entries()][before:] == ["PutRule", "DeleteRule"]
    found = host.client("events", "us-east-1").list_rules(EventBusName="bus")["Rules"]
    assert [each["Name"] for each in found] == ["rule"]


def test_the_tags_of_a_parameter_go_with_it(opened: Callable[[str, str], AWS]) -> None:
    ssm = opened("", "first").client("ssm", "us-east-1")
    tagged = {"ResourceType": "Parameter", "ResourceId": "/one"}
    for delete in (lambda: ssm.delete_parameter(Name="/one"), lambda: ssm.delete_parameters(Names=["one"])):
        ssm.put_parameter(Name="/one", Value="x", Type="String")
        ssm.add_tags_to_resource(**tagged, Tags=[{"Key": "a", "Value": "b"}])
        delete()
        ssm.put_parameter(Name="/one", Value="x", Type="String")
        assert ssm.list_tags_for_resource(**tagged)["TagList"] == []
        ssm.delete_parameter(Name="/one")


def test_what_is_given_ten_thousand_times_is_kept_twice(opened: Callable[[str, str], AWS]) -> None:
    host = opened("", "first")
    visitor = Visitor(host, 1)
    start = len(list(host.journal.entries()))
    ecs, logs = visitor.client("ecs"), visitor.client("logs")
    logs.create_log_group(logGroupName="/other")
    events = visitor.client("events")
    for number in range(60):
        events.put_rule(Name="rule", EventPattern='{"source": ["x"]}', Description=str(number))
        events.put_targets(Rule="rule", Targets=[{"Id": "a", "Arn": "arn:aws:sqs:us-east-1:000000000000:none"}])
        ecs.update_service(cluster="lab", service="app", desiredCount=number % 2)
        logs.put_retention_policy(logGroupName="/other", retentionInDays=1 + 2 * (number % 3))
    before = ecs.describe_services(cluster="lab", services=["app"])["services"]
    again = opened("first", "again")
    assert len(list(again.journal.entries())) == start + 9
    after = again.client("ecs", "us-east-1").describe_services(cluster="lab", services=["app"])["services"]
    assert after == before

"""Functions, log groups and alarms, secrets and parameters, repositories, queues, topics and rules."""

from __future__ import annotations

from collections.abc import Iterator

from drydock.cloud import Cloud
from drydock.resources.kind import (
    TAG,
    Params,
    calls,
    every,
    finds,
    kind,
    listed,
    mapped,
    pairs,
    short,
)


def _rule(identifier: str) -> dict[str, str]:
    bus, name = identifier.split("/", 1)
    return {"EventBusName": bus, "Name": name}


def _delete_rule(cloud: Cloud, identifier: str) -> None:
    events, rule = cloud.client("events"), _rule(identifier)
    targets = events.list_targets_by_rule(Rule=rule["Name"], EventBusName=rule["EventBusName"])["Targets"]
    if targets:
        ids = [target["Id"] for target in targets]
        events.remove_targets(Rule=rule["Name"], EventBusName=rule["EventBusName"], Ids=ids)
    events.delete_rule(**rule)


def _rules(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    events = cloud.client("events")
    for rule in every(events, "list_rules", "Rules"):
        tags = events.list_tags_for_resource(ResourceARN=rule["Arn"])["Tags"]
        yield f"{rule.get('EventBusName', 'default')}/{rule['Name']}", pairs(tags)


def _alarms(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    cloudwatch = cloud.client("cloudwatch")
    for alarm in every(cloudwatch, "describe_alarms", "MetricAlarms"):
        tags = cloudwatch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"]
        yield alarm["AlarmName"], pairs(tags)


def _functions(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    functions = cloud.client("lambda")
    for function in every(functions, "list_functions", "Functions"):
        yield function["FunctionName"], functions.list_tags(Resource=function["FunctionArn"])["Tags"]


def _log_groups(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    logs = cloud.client("logs")
    for group in every(logs, "describe_log_groups", "logGroups"):
        arn = group["arn"].removesuffix(":*")
        yield group["logGroupName"], pairs(logs.list_tags_for_resource(resourceArn=arn)["tags"])


def _log_group_exists(cloud: Cloud, name: str) -> bool:
    found = every(cloud.client("logs"), "describe_log_groups", "logGroups", logGroupNamePrefix=name)
    return any(group["logGroupName"] == name for group in found)


def _secrets(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    for secret in every(cloud.client("secretsmanager"), "list_secrets", "SecretList"):
        yield secret["Name"], pairs(secret.get("Tags"))


def _parameters(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    ssm = cloud.client("ssm")
    filters = [{"Key": f"tag:{TAG}"}]
    for parameter in every(ssm, "describe_parameters", "Parameters", ParameterFilters=filters):
        tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=parameter["Name"])["TagList"]
        yield parameter["Name"], pairs(tags)


def _tag_parameter(params: Params, lab: str) -> None:
    if not params.get("Overwrite"):  # AWS refuses tags together with Overwrite
        listed("Tags")(params, lab)


def _parameter_exists(cloud: Cloud, name: str) -> bool:
    filters = [{"Key": "Name", "Option": "Equals", "Values": [name]}]
    return bool(list(every(cloud.client("ssm"), "describe_parameters", "Parameters", ParameterFilters=filters)))


def _repositories(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    ecr = cloud.client("ecr")
    for repository in every(ecr, "describe_repositories", "repositories"):
        tags = ecr.list_tags_for_resource(resourceArn=repository["repositoryArn"])["tags"]
        yield repository["repositoryName"], pairs(tags)


def _queues(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    sqs = cloud.client("sqs")
    for url in every(sqs, "list_queues", "QueueUrls"):
        yield url, sqs.list_queue_tags(QueueUrl=url).get("Tags", {})


def _topics(cloud: Cloud) -> Iterator[tuple[str, dict[str, str]]]:
    sns = cloud.client("sns")
    for topic in every(sns, "list_topics", "Topics"):
        tags = sns.list_tags_for_resource(ResourceArn=topic["TopicArn"])["Tags"]
        yield topic["TopicArn"], pairs(tags)


KINDS = (
    kind(
        "function",
        "lambda",
        "CreateFunction",
        lambda params, answer: params["FunctionName"],
        calls("lambda", "get_function", "FunctionName"),
        calls("lambda", "delete_function", "FunctionName"),
        tag=mapped("Tags"),
        tagged=_functions,
        named=True,
        mention=":function:{}",
    ),
    kind(
        "log group",
        "logs",
        "CreateLogGroup",
        lambda params, answer: params["logGroupName"],
        _log_group_exists,
        calls("logs", "delete_log_group", "logGroupName"),
        tag=mapped("tags"),
        tagged=_log_groups,
        named=True,
        mention='"{}"',
    ),
    kind(
        "secret",
        "secretsmanager",
        "CreateSecret",
        lambda params, answer: params["Name"],
        lambda cloud, name: "DeletedDate" not in cloud.client("secretsmanager").describe_secret(SecretId=name),
        lambda cloud, name: cloud.client("secretsmanager").delete_secret(
            SecretId=name, ForceDeleteWithoutRecovery=True
        ),
        tag=listed("Tags"),
        tagged=_secrets,
        named=True,
        mention=":secret:{}-",
    ),
    kind(
        "parameter",
        "ssm",
        "PutParameter",
        lambda params, answer: params["Name"],
        _parameter_exists,
        calls("ssm", "delete_parameter", "Name"),
        tag=_tag_parameter,
        tagged=_parameters,
        named=True,
        idempotent=True,
        mention=":parameter/?{}",
    ),
    kind(
        "repository",
        "ecr",
        "CreateRepository",
        lambda params, answer: params["repositoryName"],
        finds("ecr", "describe_repositories", "repositoryNames", "repositories"),
        calls("ecr", "delete_repository", "repositoryName", force=True),
        tag=listed("tags"),
        tagged=_repositories,
        named=True,
        mention="/{}[:@]",
    ),
    kind(
        "queue",
        "sqs",
        "CreateQueue",
        lambda params, answer: answer["QueueUrl"],
        lambda cloud, url: cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"]),
        calls("sqs", "delete_queue", "QueueUrl"),
        tag=mapped("tags"),
        tagged=_queues,
        idempotent=True,
    ),
    kind(
        "topic",
        "sns",
        "CreateTopic",
        lambda params, answer: answer["TopicArn"],
        calls("sns", "get_topic_attributes", "TopicArn"),
        calls("sns", "delete_topic", "TopicArn"),
        tag=listed("Tags"),
        tagged=_topics,
        idempotent=True,
    ),
    kind(
        "rule",
        "events",
        "PutRule",
        lambda params, answer: f"{short(params.get('EventBusName', 'default'))}/{params['Name']}",
        lambda cloud, one: cloud.client("events").describe_rule(**_rule(one)),
        _delete_rule,
        tag=listed("Tags"),
        tagged=_rules,
        named=True,
        idempotent=True,
        mention=":rule/{}",
    ),
    kind(
        "alarm",
        "cloudwatch",
        "PutMetricAlarm",
        lambda params, answer: params["AlarmName"],
        finds("cloudwatch", "describe_alarms", "AlarmNames", "MetricAlarms"),
        lambda cloud, name: cloud.client("cloudwatch").delete_alarms(AlarmNames=[name]),
        tag=listed("Tags"),
        tagged=_alarms,
        named=True,
        idempotent=True,
        mention='"{}"',
    ),
)

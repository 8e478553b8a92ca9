"""What a target of a rule gets, and how it gets there."""

from __future__ import annotations

import json
from copy import copy
from datetime import UTC, datetime
from typing import Any

from drydock.embedded.core.host import Host

Document = dict[str, Any]


def deliver(host: Host, rule: Any, target: Document, event: Document, transform_input: bool = True) -> None:
    """Give an event to one target; raises what the target's service does, NotImplementedError for other kinds."""
    from moto.events.models import EventPattern, Rule
    from moto.utilities.arns import parse_arn

    arn = parse_arn(target["Arn"])
    if arn.service == "ecs":
        _run_task(host, rule, target, arn.region)
    elif arn.service == "sqs":
        given = target.get("SqsParameters") or {}
        host.backend("sqs", arn.region).send_message(
            arn.resource_id, _body(target, event), group_id=given.get("MessageGroupId")
        )
        host.settle_data(True)
    elif arn.service == "lambda":
        host.client("lambda", arn.region, derived=True).invoke(
            FunctionName=target["Arn"], InvocationType="Event", Payload=_body(target, event).encode()
        )
    else:
        if "Input" in target or "InputPath" in target:
            raise NotImplementedError(f"Input and InputPath of a target of {arn.service}")
        alone = copy(rule)
        alone.targets, alone.event_pattern = [target], EventPattern.load(None)
        Rule.first(alone, event, transform_input)  # type: ignore[attr-defined]


def scheduled(host: Host, rule: Any) -> Document:
    """The event of a schedule (documented: "Schedule patterns")."""
    from moto.moto_api._internal import mock_random

    return {
        "version": "0",
        "id": str(mock_random.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": rule.account_id,
        "time": host.clock.utcnow().timestamp(),
        "region": rule.region_name,
        "resources": [rule.arn],
        "detail": {},
        "ingestion-time": host.clock.utcnow().timestamp(),
    }


def _body(target: Document, event: Document) -> str:
    """The text that a target gets: all of the event, a part of it, or what its input says."""
    from jsonpath_ng.ext.parser import parse
    from moto.events.utils import EventTemplateParser

    if "Input" in target:
        return str(target["Input"])
    moment = datetime.fromtimestamp(float(event["time"]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    shown = {**event, "time": moment}
    if "InputTransformer" in target:
        given = target["InputTransformer"]
        return json.dumps(EventTemplateParser.parse(given["InputTemplate"], given.get("InputPathsMap") or {}, shown))  # type: ignore[arg-type]
    shown.pop("ingestion-time", None)
    if "InputPath" in target:
        found = parse(target["InputPath"]).find(shown)
        return json.dumps(found[0].value if found else {})
    return json.dumps(shown)


def _run_task(host: Host, rule: Any, target: Document, region: str) -> None:
    given = dict(target.get("EcsParameters") or {})
    if "TaskDefinitionArn" not in given:
        raise ValueError("EcsParameters.TaskDefinitionArn must be specified for a target of ECS")
    network = (given.get("NetworkConfiguration") or {}).get("awsvpcConfiguration")
    request = {
        "cluster": target["Arn"],
        "taskDefinition": given.pop("TaskDefinitionArn"),
        "count": given.pop("TaskCount", 1),
        "startedBy": f"events-rule/{rule.name}"[:36],
        **({"networkConfiguration": {"awsvpcConfiguration": _lower(network)}} if network else {}),
        **({"overrides": json.loads(target["Input"])} if "Input" in target else {}),
        **{_first_lower(key): _lower(value) for key, value in given.items() if key != "NetworkConfiguration"},
    }
    answer = host.client("ecs", region, derived=True).run_task(**request)
    if answer["failures"]:
        raise RuntimeError("; ".join(failure["reason"] for failure in answer["failures"]))


def _lower(value: Any) -> Any:
    if isinstance(value, dict):
        return {_first_lower(key): _lower(item) for key, item in value.items()}
    return [_lower(item) for item in value] if isinstance(value, list) else value


def _first_lower(name: str) -> str:
    return name[:1].lower() + name[1:]

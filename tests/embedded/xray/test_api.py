"""X-Ray by boto3 over HTTP: what is sent can be asked for, and what is not there is refused."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.clients import client_inside

RULE = {
    "RuleName": "polling", "ResourceARN": "*", "Priority": 5000, "FixedRate": 0.003, "ReservoirSize": 5,
    "ServiceName": "Scorekeep", "ServiceType": "*", "Host": "*", "HTTPMethod": "GET", "URLPath": "/api/state/*",
    "Version": 1,
}  # fmt: skip


def document(number: int = 0, *, began: float = 1.0, **fields: Any) -> str:
    start = time.time() - began
    return json.dumps({
        "name": "frontend", "id": f"{number:016x}", "trace_id": f"1-{int(start):08x}-{number:024x}",
        "start_time": start, "end_time": start + 0.5, **fields,
    })  # fmt: skip


def between(before: float = 60) -> dict[str, float]:
    return {"StartTime": time.time() - before, "EndTime": time.time() + 1}


def code(call: Any, **given: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**given)
    return str(caught.value.response["Error"]["Code"])


def names_of(rules: Any) -> list[str]:
    return [record["SamplingRule"]["RuleName"] for record in rules["SamplingRuleRecords"]]


def test_what_is_sent_can_be_asked_for(client):
    xray = client("xray")
    calls = [{"id": "f" * 16, "name": "backend", "namespace": "remote", "fault": True, "start_time": time.time() - 1,
              "end_time": time.time()}]  # fmt: skip
    sent = [document(1, subsegments=calls), document(2, annotations={"customer": 124}), '{"id": "70de5b6f19ff9a0a"}']
    wrong = xray.put_trace_segments(TraceSegmentDocuments=sent)["UnprocessedTraceSegments"]
    assert wrong == [
        {"Id": "70de5b6f19ff9a0a", "ErrorCode": "MissingTraceId",
         "Message": "Invalid segment. ErrorCode: MissingTraceId"}
    ]  # fmt: skip

    ids = {number: json.loads(sent[number - 1])["trace_id"] for number in (1, 2)}

    def found(expression: str = "", **more: Any) -> set[str]:
        given = {**between(), **more, **({"FilterExpression": expression} if expression else {})}
        return {each["Id"] for each in xray.get_trace_summaries(**given)["TraceSummaries"]}

    assert found() == found(TimeRangeType="Event") == set(ids.values())
    assert found('edge("frontend", "backend") { fault }') == {ids[1]}
    assert found("annotation.customer = 124") == {ids[2]}
    asked = xray.batch_get_traces(TraceIds=[ids[1], "1-00000000-" + "0" * 24])
    [trace] = asked["Traces"]
    assert [json.loads(each["Document"])["name"] for each in trace["Segments"]] == ["frontend", "backend"]
    assert asked["UnprocessedTraceIds"] == ["1-00000000-" + "0" * 24]
    assert {node["Name"] for node in xray.get_service_graph(**between())["Services"]} == {"frontend", "backend"}
    assert len(xray.get_trace_graph(TraceIds=[ids[2]])["Services"]) == 2  # the client and it
    assert client("xray", "eu-west-1").get_trace_summaries(**between())["TraceSummaries"] == []


def test_a_trace_belongs_to_when_it_began_or_to_when_it_was_active(client):
    xray = client("xray")
    xray.put_trace_segments(TraceSegmentDocuments=[document(1, began=3600, end_time=time.time() - 5)])
    assert xray.get_trace_summaries(**between())["TraceSummaries"] == []
    assert len(xray.get_trace_summaries(**between(), TimeRangeType="Event")["TraceSummaries"]) == 1


def test_many_are_told_page_by_page(client):
    xray = client("xray")
    xray.put_trace_segments(TraceSegmentDocuments=[document(number) for number in range(1, 251)])
    pages = list(xray.get_paginator("get_trace_summaries").paginate(**between()))
    assert [len(page["TraceSummaries"]) for page in pages] == [100, 100, 50]
    assert len({each["Id"] for page in pages for each in page["TraceSummaries"]}) == 250


def test_rules_and_their_targets(client):
    xray = client("xray")
    made = xray.create_sampling_rule(SamplingRule=RULE)["SamplingRuleRecord"]
    assert code(xray.create_sampling_rule, SamplingRule=RULE) == "InvalidRequestException"
    xray.update_sampling_rule(SamplingRuleUpdate={"RuleARN": made["SamplingRule"]["RuleARN"], "FixedRate": 0.5})
    report = {"ClientID": "A" * 24, "Timestamp": time.time(), "RequestCount": 100, "SampledCount": 5}
    names = ("polling", "none")
    told = xray.get_sampling_targets(SamplingStatisticsDocuments=[{**report, "RuleName": name} for name in names])
    [target] = told["SamplingTargetDocuments"]
    assert (target["FixedRate"], target["ReservoirQuota"]) == (0.5, 5)
    assert [wrong["RuleName"] for wrong in told["UnprocessedStatistics"]] == ["none"]
    xray.delete_sampling_rule(RuleName="polling")
    assert names_of(xray.get_sampling_rules()) == ["Default"]
    assert code(xray.delete_sampling_rule, RuleName="Default") == "InvalidRequestException"


@pytest.mark.parametrize(
    ("operation", "given"),
    [
        ("get_trace_summaries", {"StartTime": 2, "EndTime": 1}),
        ("get_trace_summaries", {"StartTime": 0, "EndTime": 86401}),
        ("get_trace_summaries", {"StartTime": 0, "EndTime": 1, "FilterExpression": "slow"}),
        ("get_trace_summaries", {"StartTime": 0, "EndTime": 1, "TimeRangeType": "Service"}),
        ("get_trace_summaries", {"StartTime": 0, "EndTime": 1, "Sampling": True}),
        ("get_trace_summaries", {"StartTime": 0, "EndTime": 1, "NextToken": "?"}),
        ("get_trace_summaries", {"StartTime": 0, "EndTime": 1, "NextToken": "aGVsbG8="}),
        ("get_sampling_rules", {"NextToken": "x"}),
        ("get_service_graph", {"StartTime": 0, "EndTime": 21601}),
        ("get_service_graph", {"StartTime": 0, "EndTime": 1, "GroupName": "slow"}),
        ("batch_get_traces", {"TraceIds": [f"1-00000000-{number:024x}" for number in range(6)]}),
        ("create_sampling_rule", {"SamplingRule": RULE, "Tags": [{"Key": "a", "Value": "b"}]}),
        ("create_group", {"GroupName": "slow", "FilterExpression": "duration > 5"}),
    ],
)
def test_what_is_not_done_is_refused(client, operation, given):
    expected = "NotImplemented" if operation == "create_group" else "InvalidRequestException"
    assert code(getattr(client("xray"), operation), **given) == expected


def test_a_crash_leaves_traces_and_rules(host, client, crashed):
    xray = client("xray")
    xray.put_trace_segments(TraceSegmentDocuments=[document(1)])
    xray.create_sampling_rule(SamplingRule=RULE)
    again = client_inside(crashed(host), "xray")
    assert len(again.get_trace_summaries(**between())["TraceSummaries"]) == 1
    assert names_of(again.get_sampling_rules()) == ["Default", "polling"]

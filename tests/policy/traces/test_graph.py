"""The graph of the X-Ray developer guide, "Getting data from X-Ray": an instance, a table and a topic of SNS."""

from __future__ import annotations

from typing import Any

import pytest

from drydock.policy.traces.graph import Trace, services, summary, verdict

NAME = "xray-sample.elasticbeanstalk.com"
TABLE = "awseb-e-dixzws4s9p-stack-StartupSignupsTable-4IMSMHAYX2BA"
ACCOUNT = "000000000000"
START = 1528317567.0


def made(number: int, took: float, *, status: int = 200, table: float = 0, topic: float = 0) -> Trace:
    """A request of the guide's four: how long it took, and the calls that it made."""
    at = START + number
    calls = [
        {"id": f"{number}{kind:015x}", "name": name, "namespace": "aws", "start_time": at, "end_time": at + seconds,
         "aws": about}
        for kind, name, seconds, about in ((1, "DynamoDB", table, {"table_name": TABLE}), (2, "SNS", topic, {}))
        if seconds
    ]  # fmt: skip
    document = {
        "id": f"{number}{0:015x}", "name": NAME, "trace_id": f"1-5b18491f-{number:024x}", "start_time": at,
        "end_time": at + took, "origin": "AWS::EC2::Instance", "subsegments": calls,
        "http": {"response": {"status": status}},
    }  # fmt: skip
    return Trace.of(document["trace_id"], [document])


def counted(ok: int, time: float, errors: int = 0) -> dict[str, Any]:
    return {
        "OkCount": ok,
        "ErrorStatistics": {"ThrottleCount": 0, "OtherCount": errors, "TotalCount": errors},
        "FaultStatistics": {"OtherCount": 0, "TotalCount": 0},
        "TotalCount": ok + errors,
        "TotalResponseTime": pytest.approx(time),
    }


def times(*values: float) -> list[dict[str, Any]]:
    return [{"Value": value, "Count": 1} for value in sorted(values)]


def test_the_guides_service_graph():
    traces = [
        made(0, 0.005, status=404), made(1, 0.015), made(2, 0.157, table=0.076, topic=0.049),
        made(3, 0.096, table=0.044, topic=0.076),
    ]  # fmt: skip
    found = services(traces, ACCOUNT)
    by_type = {node["Type"]: node for node in found}
    assert by_type.keys() == {"client", "AWS::EC2::Instance", "AWS::DynamoDB::Table", "AWS::SNS"}
    client, instance = by_type["client"], by_type["AWS::EC2::Instance"]
    table, topic = by_type["AWS::DynamoDB::Table"], by_type["AWS::SNS"]
    assert (client["Name"], client["State"], "SummaryStatistics" in client) == (NAME, "unknown", False)
    assert (instance["Name"], instance["State"], instance["Root"]) == (NAME, "active", True)
    assert (table["Name"], table["Names"], table["State"], table["Edges"]) == (TABLE, [TABLE], "unknown", [])
    everything = times(0.005, 0.015, 0.157, 0.096)
    assert instance["SummaryStatistics"] == counted(3, 0.273, errors=1)
    assert instance["ResponseTimeHistogram"] == instance["DurationHistogram"] == everything
    assert table["SummaryStatistics"] == counted(2, 0.12)
    assert table["ResponseTimeHistogram"] == times(0.076, 0.044)
    [into] = client["Edges"]
    assert (into["ReferenceId"], into["Aliases"]) == (instance["ReferenceId"], [])
    assert (into["SummaryStatistics"], into["ResponseTimeHistogram"]) == (counted(3, 0.273, errors=1), everything)
    onward = {edge["ReferenceId"]: edge["SummaryStatistics"] for edge in instance["Edges"]}
    assert onward == {table["ReferenceId"]: counted(2, 0.12), topic["ReferenceId"]: counted(2, 0.125)}
    assert found[client["ReferenceId"]] is client


def scorekeep() -> Trace:
    """The guide's trace of Scorekeep: its segment, the function's two, and two that are inferred."""
    id = "1-59602603-23fc5b688855d396af79b496"
    lambda_ = {"id": "1fb07842d944e714", "name": "random-name", "start_time": 1.499473411677e9,
               "end_time": 1.499473414572e9, "parent_id": "0c544c1b1bbff948", "trace_id": id, "origin": "AWS::Lambda",
               "http": {"response": {"status": 200}},
               "resource_arn": "arn:aws:lambda:us-west-2:123456789012:function:random-name"}  # fmt: skip
    own = {"id": "194fcc8747581230", "name": "Scorekeep", "start_time": 1.499473411562e9,
           "end_time": 1.499473414794e9, "trace_id": id, "user": "5M388M1E",
           "origin": "AWS::ElasticBeanstalk::Environment",
           "aws": {"ec2": {"availability_zone": "us-west-2c", "instance_id": "i-0cd9e448944061b4a"}},
           "http": {"request": {"url": "http://scorekeep.elasticbeanstalk.com/api/user", "method": "POST",
                                "user_agent": "Mozilla/5.0", "client_ip": "205.251.233.183"},
                    "response": {"status": 200}},
           "subsegments": [
               {"id": "0c544c1b1bbff948", "name": "Lambda", "start_time": 1.499473411629e9,
                "end_time": 1.499473414572e9, "namespace": "aws"},
               {"id": "071684f2e555e571", "name": "## UserModel.saveUser", "start_time": 1.499473414581e9,
                "end_time": 1.499473414769e9, "subsegments": [
                    {"id": "4cd3f10b76c624b4", "name": "DynamoDB", "start_time": 1.49947341469e9,
                     "end_time": 1.499473414769e9, "namespace": "aws",
                     "aws": {"table_name": "scorekeep-user"}}]}]}  # fmt: skip
    function = {"id": "00f91aa01f4984fd", "name": "random-name", "start_time": 1.49947341283e9,
                "end_time": 1.49947341457e9, "parent_id": "1fb07842d944e714", "trace_id": id,
                "origin": "AWS::Lambda::Function", "subsegments": [
                    {"id": "e6d2fe619f827804", "name": "annotations", "start_time": 1.499473413012e9,
                     "end_time": 1.499473413069e9, "annotations": {"UserID": "5M388M1E", "Name": "Ola"}}]}  # fmt: skip
    return Trace.of(id, [lambda_, own, function])


def test_the_guides_summary():
    found = summary(scorekeep(), ACCOUNT)
    assert found["Id"] == "1-59602603-23fc5b688855d396af79b496"
    assert (found["Duration"], found["ResponseTime"]) == (pytest.approx(3.232), pytest.approx(3.232))
    assert (found["HasError"], found["HasFault"], found["HasThrottle"], found["IsPartial"]) == (False,) * 4
    assert found["Http"] == {
        "HttpURL": "http://scorekeep.elasticbeanstalk.com/api/user", "HttpStatus": 200, "HttpMethod": "POST",
        "UserAgent": "Mozilla/5.0", "ClientIp": "205.251.233.183",
    }  # fmt: skip
    assert [user["UserName"] for user in found["Users"]] == ["5M388M1E"]
    values = {key: value["AnnotationValue"] for key, [value] in found["Annotations"].items()}
    assert values == {"UserID": {"StringValue": "5M388M1E"}, "Name": {"StringValue": "Ola"}}
    assert found["EntryPoint"]["Name"] == "Scorekeep"
    assert found["ResourceARNs"] == [{"ARN": "arn:aws:lambda:us-west-2:123456789012:function:random-name"}]
    assert found["AvailabilityZones"] == [{"Name": "us-west-2c"}]


def test_the_guides_function_is_two_nodes_one_calling_the_other():
    nodes = {(node["Name"], node["Type"]): node for node in services([scorekeep()], ACCOUNT)}
    service, function = nodes["random-name", "AWS::Lambda"], nodes["random-name", "AWS::Lambda::Function"]
    assert [edge["ReferenceId"] for edge in service["Edges"]] == [function["ReferenceId"]]
    assert ("scorekeep-user", "AWS::DynamoDB::Table") in nodes


def call(**about: Any) -> dict[str, Any]:
    return {"id": "0" * 15 + "1", "name": "a", "trace_id": "1-5b18491f-" + "0" * 24, "start_time": 10.0, **about}


def test_an_edge_counts_what_the_caller_saw():
    """A caller that gave up after a second, of a service that answered after three."""
    caller = call(end_time=11.0, subsegments=[
        {"id": "0" * 15 + "2", "name": "b", "namespace": "remote", "start_time": 10.0, "end_time": 11.0, "fault": True},
    ])  # fmt: skip
    called = call(id="0" * 15 + "3", name="b", parent_id="0" * 15 + "2", end_time=13.0)
    trace = Trace.of("t", [caller, called])
    a, b = (next(n for n in services([trace], ACCOUNT) if n["Name"] == name and "Type" not in n) for name in "ab")
    [edge] = a["Edges"]
    assert (edge["SummaryStatistics"]["FaultStatistics"]["TotalCount"], edge["SummaryStatistics"]["TotalResponseTime"]) == (1, 1.0)  # fmt: skip  # noqa: E501
    assert (b["SummaryStatistics"]["OkCount"], b["SummaryStatistics"]["TotalResponseTime"]) == (1, 3.0)
    assert (summary(trace, ACCOUNT)["Duration"], summary(trace, ACCOUNT)["ResponseTime"]) == (3.0, 1.0)


def test_what_has_no_end_yet_is_partial_and_not_counted():
    trace = Trace.of("t", [call(in_progress=True)])
    found = summary(trace, ACCOUNT)
    assert found["IsPartial"] and "ResponseTime" not in found
    assert all(node.get("SummaryStatistics", {}).get("TotalCount", 0) == 0 for node in services([trace], ACCOUNT))


def test_a_segment_whose_caller_has_not_come_is_called_by_no_client():
    trace = Trace.of("t", [call(end_time=11.0, parent_id="f" * 16)])
    assert [node["Name"] for node in services([trace], ACCOUNT)] == ["a"]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"http": {"response": {"status": 200}}}, (False, False, False)),
        ({"http": {"response": {"status": 404}}}, (True, False, False)),
        ({"http": {"response": {"status": 429}}}, (True, True, False)),
        ({"http": {"response": {"status": 503}}}, (False, False, True)),
        ({"fault": True, "http": {"response": {"status": 404}}}, (False, False, True)),
    ],
)
def test_flags_are_those_of_the_segment_or_of_its_status(document, expected):
    found = verdict(document)
    assert (found.error, found.throttle, found.fault) == expected

"""Alarms, evaluated on a clock that the test moves, and what they do."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.stepped import World

from drydock.embedded.assembly import AWS

GROUP = {"Name": "TargetGroup", "Value": "targetgroup/web/1"}
BALANCER = {"Name": "LoadBalancer", "Value": "app/web/2"}
ERRORS = {"Namespace": "AWS/ApplicationELB", "MetricName": "HTTPCode_Target_5XX_Count", "Dimensions": [BALANCER, GROUP]}
RULE = {
    "EvaluationPeriods": 1, "Period": 60, "Statistic": "Sum", "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanThreshold",
}  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path / "aws")
    world.clock.advance(60 - world.clock.time() % 60)
    yield world
    world.close()


class Shop:
    """A topic with a queue, and alarms whose actions go there."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cloudwatch, self.sns, self.sqs = map(world.client, ("cloudwatch", "sns", "sqs"))
        self.topic = self.sns.create_topic(Name="pager")["TopicArn"]
        self.queue = self.sqs.create_queue(QueueName="pager")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)

    def alarm(self, name: str = "errors", **more: Any) -> None:
        told = {"AlarmActions": [self.topic], "OKActions": [self.topic]}
        self.cloudwatch.put_metric_alarm(AlarmName=name, **{**ERRORS, **RULE, **told, **more})

    def put(self, value: float, **more: Any) -> None:
        metric = {name: ERRORS[name] for name in ("MetricName", "Dimensions")}
        self.cloudwatch.put_metric_data(
            Namespace=str(ERRORS["Namespace"]), MetricData=[{**metric, "Value": value, "Unit": "Count", **more}]
        )

    def minute(self, value: float | None = None, **more: Any) -> str:
        """Let a minute of AWS pass in which a value is put; the state that follows."""
        if value is not None:
            self.put(value, **more)
        self.world.pass_time(60)
        return self.state()

    def state(self, name: str = "errors") -> str:
        return str(self.described(name)["StateValue"])

    def described(self, name: str = "errors") -> dict[str, Any]:
        answer = self.cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        (found,) = [*answer["MetricAlarms"], *answer["CompositeAlarms"]]
        return dict(found)

    def messages(self) -> list[dict[str, Any]]:
        found = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in found]


@pytest.fixture
def shop(world: World) -> Shop:
    return Shop(world)


def test_an_alarm_goes_from_insufficient_data_to_ok_to_alarm_and_says_so(shop: Shop) -> None:
    shop.alarm(AlarmDescription="too many errors")
    assert shop.state() == "INSUFFICIENT_DATA"
    assert shop.described()["StateReason"] == "Unchecked: Initial alarm creation"
    assert shop.minute(1.0) == "OK"
    assert shop.minute(5.0) == "ALARM"
    alarm = shop.described()
    assert alarm["StateReason"].startswith("Threshold Crossed: 1 datapoint [5.0 (")
    assert alarm["StateReason"].endswith(")] was greater than the threshold (1.0).")
    data = json.loads(alarm["StateReasonData"])
    assert (data["recentDatapoints"], data["threshold"], data["period"], data["statistic"]) == ([5.0], 1.0, 60, "Sum")
    first, second = shop.messages()
    assert first["Subject"] == 'OK: "errors" in US East (N. Virginia)'
    assert second["Subject"] == 'ALARM: "errors" in US East (N. Virginia)'
    told = json.loads(second["Message"])
    assert (told["OldStateValue"], told["NewStateValue"]) == ("OK", "ALARM")
    assert told["NewStateReason"] == alarm["StateReason"]
    assert told["AlarmDescription"] == "too many errors"
    assert told["Trigger"] == {
        "MetricName": "HTTPCode_Target_5XX_Count",
        "Namespace": "AWS/ApplicationELB",
        "StatisticType": "Statistic",
        "Statistic": "SUM",
        "Unit": None,
        "Dimensions": [
            {"value": "app/web/2", "name": "LoadBalancer"},
            {"value": "targetgroup/web/1", "name": "TargetGroup"},
        ],
        "Period": 60,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 1.0,
        "TreatMissingData": "",
        "EvaluateLowSampleCountPercentile": "",
    }


def test_actions_follow_changes_alone_and_can_be_switched_off(shop: Shop) -> None:
    shop.alarm()
    for _ in range(3):
        shop.minute(5.0)
    assert len(shop.messages()) == 1
    shop.cloudwatch.disable_alarm_actions(AlarmNames=["errors"])
    assert shop.minute(0.0) == "OK"
    assert shop.messages() == []
    shop.cloudwatch.enable_alarm_actions(AlarmNames=["errors"])
    assert shop.minute(5.0) == "ALARM"
    assert len(shop.messages()) == 1


def test_m_of_n(shop: Shop) -> None:
    shop.alarm(EvaluationPeriods=3, DatapointsToAlarm=2)
    states = [shop.minute(value) for value in (0.0, 5.0, 0.0, 5.0, 0.0, 0.0)]
    assert states[2:] == ["OK", "ALARM", "OK", "OK"]


@pytest.mark.parametrize(
    ("treated", "states"),
    [
        ("missing", ["ALARM", "ALARM", "ALARM", "INSUFFICIENT_DATA"]),
        ("ignore", ["ALARM", "ALARM", "ALARM", "ALARM"]),
        ("breaching", ["ALARM", "ALARM", "ALARM", "ALARM"]),
        ("notBreaching", ["ALARM", "ALARM", "ALARM", "OK"]),
    ],
)
def test_when_data_end_older_ones_count_until_they_have_left_the_range(
    shop: Shop, treated: str, states: list[str]
) -> None:
    shop.alarm(TreatMissingData=treated)
    assert [shop.minute(5.0), *(shop.minute() for _ in range(3))] == states


def test_without_data_nothing_is_known_unless_it_is_said_what_that_means(shop: Shop) -> None:
    shop.alarm("silent")
    shop.alarm("calm", TreatMissingData="notBreaching")
    shop.world.pass_time(120)
    assert shop.state("silent") == "INSUFFICIENT_DATA"
    assert shop.described("silent")["StateReason"] == "Insufficient Data: 1 datapoint was unknown."
    assert shop.state("calm") == "OK"


def test_a_minute_of_aws_is_what_an_alarm_counts_whatever_the_speed(shop: Shop) -> None:
    """At thirty times the speed, five values in ten seconds are five data points."""
    shop.alarm(EvaluationPeriods=5)
    states = [shop.minute(5.0) for _ in range(5)]
    assert states[-1] == "ALARM"
    assert len(json.loads(shop.described()["StateReasonData"])["recentDatapoints"]) == 5


def test_high_resolution(shop: Shop) -> None:
    shop.alarm(Period=10)
    shop.put(5.0, StorageResolution=1)
    shop.world.pass_time(11)
    assert shop.state() == "ALARM"
    shop.world.pass_time(10)
    shop.put(0.0, StorageResolution=1)
    shop.world.pass_time(11)
    assert shop.state() == "OK"


def test_an_idle_alarm_is_not_evaluated(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from drydock.policy import alarms

    shop.alarm()
    shop.minute(0.0)
    shop.world.pass_time(600)
    counted: list[str] = []
    judge = alarms.judge
    monkeypatch.setattr(alarms, "judge", lambda *given: (counted.append("once"), judge(*given))[1])
    shop.world.pass_time(3600)
    assert counted == []
    assert shop.minute(5.0) == "ALARM"


def test_set_alarm_state_acts_and_lasts_until_the_next_evaluation(shop: Shop) -> None:
    shop.alarm()
    shop.minute(0.0)
    shop.messages()
    shop.cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="a drill")
    assert (shop.state(), shop.described()["StateReason"]) == ("ALARM", "a drill")
    assert [message["Subject"].split(":")[0] for message in shop.messages()] == ["ALARM"]
    assert shop.minute() == "OK"


def test_events_go_to_eventbridge(shop: Shop) -> None:
    events = shop.world.client("events")
    events.put_rule(Name="alarms", EventPattern=json.dumps({"source": ["aws.cloudwatch"]}))
    arn = "arn:aws:sqs:us-east-1:000000000000:pager"
    events.put_targets(Rule="alarms", Targets=[{"Id": "queue", "Arn": arn}])
    shop.alarm(AlarmActions=[], OKActions=[])
    shop.minute(0.0)
    shop.minute(5.0)
    found = shop.messages()
    assert [event["detail-type"] for event in found] == ["CloudWatch Alarm State Change"] * 2
    detail = found[1]["detail"]
    assert (detail["previousState"]["value"], detail["state"]["value"]) == ("OK", "ALARM")
    (metric,) = detail["configuration"]["metrics"]
    assert metric["metricStat"]["metric"] == {
        "namespace": "AWS/ApplicationELB",
        "name": "HTTPCode_Target_5XX_Count",
        "dimensions": {"LoadBalancer": "app/web/2", "TargetGroup": "targetgroup/web/1"},
    }


def test_history(shop: Shop) -> None:
    shop.alarm()
    shop.minute(5.0)
    items = shop.cloudwatch.describe_alarm_history(AlarmName="errors", ScanBy="TimestampAscending")["AlarmHistoryItems"]
    assert [(item["HistoryItemType"], item["HistorySummary"]) for item in items] == [
        ("ConfigurationUpdate", 'Alarm "errors" created'),
        ("StateUpdate", "Alarm updated from INSUFFICIENT_DATA to ALARM"),
        ("Action", f"Successfully executed action {shop.topic}"),
    ]
    changes = shop.cloudwatch.describe_alarm_history(HistoryItemType="StateUpdate", MaxRecords=1)["AlarmHistoryItems"]
    assert json.loads(changes[0]["HistoryData"])["newState"]["stateValue"] == "ALARM"


def test_an_action_that_fails_is_in_the_history(shop: Shop) -> None:
    shop.alarm(AlarmActions=["arn:aws:sns:us-east-1:000000000000:gone"])
    assert shop.minute(5.0) == "ALARM"
    items = shop.cloudwatch.describe_alarm_history(HistoryItemType="Action")["AlarmHistoryItems"]
    assert [item["HistorySummary"] for item in items] == [
        "Failed to execute action arn:aws:sns:us-east-1:000000000000:gone"
    ]


REFUSED = [
    ({"Threshold": None}, "Threshold is required"),
    ({"Threshold": float("nan")}, "nan for parameter Threshold is invalid"),
    ({"Threshold": float("-inf")}, "-inf for parameter Threshold is invalid"),
    ({"Period": 45}, "Period must be 10, 20, 30 or a multiple of 60"),
    ({"Statistic": None}, "Must specify either the parameter Statistic or ExtendedStatistic"),
    ({"ExtendedStatistic": "p99"}, "Must specify either the parameter Statistic or ExtendedStatistic"),
    ({"Statistic": None, "ExtendedStatistic": "tm99"}, "tm99 for parameter ExtendedStatistic is not supported"),
    ({"EvaluationPeriods": 1441}, r"more than a day \(EvaluationPeriods \* Period must be <= 86400\)"),
    ({"EvaluationPeriods": 169, "Period": 3600}, "more than seven days"),
    ({"DatapointsToAlarm": 2}, "DatapointsToAlarm must not be greater"),
    ({"TreatMissingData": "forget"}, "breaching, notBreaching, ignore and missing"),
    ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "anomaly detection"),
    ({"AlarmActions": ["pager"]}, "Invalid arn syntax: pager"),
    ({"AlarmActions": ["arn:aws:lambda:us-east-1:000000000000:function:f"]}, "AWS Lambda"),
    ({"OKActions": ["arn:aws:automate:us-east-1:ec2:stop"]}, "actions of EC2"),
    ({"InsufficientDataActions": ["arn:aws:ssm:us-east-1:000000000000:opsitem:1"]}, "Systems Manager"),
    ({"EvaluationWindow": {"WallClockWindow": {"Timezone": "UTC"}}}, "evaluation windows of the wall clock"),
]


@pytest.mark.parametrize(("change", "why"), REFUSED)
def test_what_is_not_done_is_refused(shop: Shop, change: dict[str, Any], why: str) -> None:
    asked = {name: value for name, value in {**ERRORS, **RULE, **change}.items() if value is not None}
    with pytest.raises(ClientError, match=why):
        shop.cloudwatch.put_metric_alarm(AlarmName="wrong", **asked)
    assert shop.cloudwatch.describe_alarms()["MetricAlarms"] == []


def test_describe_alarms_filters(shop: Shop) -> None:
    shop.alarm("web-errors")
    shop.alarm("web-calm", AlarmActions=[], OKActions=[], Threshold=9.0)
    shop.alarm("db", Period=120)
    shop.cloudwatch.put_composite_alarm(AlarmName="all", AlarmRule="ALARM(web-errors) AND ALARM(db)")
    shop.put(5.0)
    shop.world.pass_time(60)

    def named(**asked: Any) -> list[str]:
        answer = shop.cloudwatch.describe_alarms(**asked)
        return [alarm["AlarmName"] for kind in ("MetricAlarms", "CompositeAlarms") for alarm in answer[kind]]

    assert named() == ["db", "web-calm", "web-errors"]
    assert named(AlarmTypes=["CompositeAlarm"]) == ["all"]
    assert named(AlarmNamePrefix="web-") == ["web-calm", "web-errors"]
    assert named(AlarmNames=["db", "none"]) == ["db"]
    assert named(StateValue="OK") == ["web-calm"]
    assert named(ActionPrefix=shop.topic) == ["db", "web-errors"]
    assert named(ChildrenOfAlarmName="all") == ["db", "web-errors"]
    assert named(ParentsOfAlarmName="db") == ["all"]
    first = shop.cloudwatch.describe_alarms(MaxRecords=2)
    assert [alarm["AlarmName"] for alarm in first["MetricAlarms"]] == ["db", "web-calm"]
    assert named(NextToken=first["NextToken"]) == ["web-errors"]
    found = shop.cloudwatch.describe_alarms_for_metric(**ERRORS, Period=120)["MetricAlarms"]
    assert [alarm["AlarmName"] for alarm in found] == ["db"]
    without = {**ERRORS, "Dimensions": [BALANCER]}
    assert shop.cloudwatch.describe_alarms_for_metric(**without)["MetricAlarms"] == []


def test_composite_alarms_follow_their_rule(shop: Shop) -> None:
    shop.alarm("a", AlarmActions=[], OKActions=[])
    shop.alarm("b", AlarmActions=[], OKActions=[], Threshold=9.0)
    shop.cloudwatch.put_composite_alarm(
        AlarmName="both", AlarmRule="ALARM(a) AND ALARM(b)", AlarmActions=[shop.topic], OKActions=[]
    )
    shop.put(5.0)
    shop.world.pass_time(60)
    assert (shop.state("a"), shop.state("b"), shop.state("both")) == ("ALARM", "OK", "OK")
    shop.put(10.0)
    shop.world.pass_time(60)
    assert shop.state("both") == "ALARM"
    assert (
        "arn:aws:cloudwatch:us-east-1:000000000000:alarm:b transitioned to ALARM at "
        in (shop.described("both")["StateReason"])
    )
    (message,) = shop.messages()
    told = json.loads(message["Message"])
    assert told["AlarmRule"] == "ALARM(a) AND ALARM(b)"
    assert {child["Arn"].rsplit(":", 1)[-1] for child in told["TriggeringChildren"]} == {"a", "b"}


def test_a_suppressor_holds_the_actions_of_a_composite_alarm_back(shop: Shop) -> None:
    shop.alarm("a", AlarmActions=[], OKActions=[], TreatMissingData="ignore")
    shop.alarm("deploying", MetricName="Deploying", AlarmActions=[], OKActions=[], TreatMissingData="ignore")
    shop.cloudwatch.put_composite_alarm(
        AlarmName="page",
        AlarmRule="ALARM(a)",
        AlarmActions=[shop.topic],
        ActionsSuppressor="deploying",
        ActionsSuppressorWaitPeriod=120,
        ActionsSuppressorExtensionPeriod=60,
    )
    shop.put(5.0)
    shop.world.pass_time(60)
    assert shop.state("page") == "ALARM"
    assert shop.described("page")["ActionsSuppressedBy"] == "WaitPeriod"
    shop.cloudwatch.set_alarm_state(AlarmName="deploying", StateValue="ALARM", StateReason="a drill")
    shop.world.pass_time(300)
    assert shop.described("page")["ActionsSuppressedBy"] == "Alarm"
    shop.cloudwatch.set_alarm_state(AlarmName="deploying", StateValue="OK", StateReason="the end of it")
    shop.put(5.0)
    shop.world.pass_time(30)
    assert shop.described("page")["ActionsSuppressedBy"] == "ExtensionPeriod"
    assert shop.messages() == []
    shop.world.pass_time(60)
    assert "ActionsSuppressedBy" not in shop.described("page")
    assert [message["Subject"].split(":")[0] for message in shop.messages()] == ["ALARM"]


def test_composite_alarms_that_are_refused(shop: Shop) -> None:
    shop.alarm("a")

    def refused(why: str, rule: str = "ALARM(a)", **more: Any) -> None:
        with pytest.raises(ClientError, match=why):
            shop.cloudwatch.put_composite_alarm(AlarmName="c", AlarmRule=rule, **more)

    refused("AlarmRule is not valid: unexpected the end, expected .* at position 12", "ALARM(a) AND")
    refused("Could not find alarms with names: b", "ALARM(b)")
    refused("ActionsSuppressorWaitPeriod is required", ActionsSuppressor="a")
    refused("scaling policies", AlarmActions=["arn:aws:autoscaling:us-east-1:000000000000:scalingPolicy:1:x"])
    shop.cloudwatch.put_composite_alarm(AlarmName="c", AlarmRule="ALARM(a)")
    with pytest.raises(ClientError, match="composite alarm"):
        shop.cloudwatch.delete_alarms(AlarmNames=["a"])
    shop.cloudwatch.delete_alarms(AlarmNames=["a", "c", "never was"])
    assert shop.cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])["MetricAlarms"] == []


def test_a_circle_of_composite_alarms_is_not_evaluated(shop: Shop) -> None:
    shop.cloudwatch.put_composite_alarm(AlarmName="a", AlarmRule="TRUE")
    shop.cloudwatch.put_composite_alarm(AlarmName="b", AlarmRule="ALARM(a)")
    shop.world.pass_time(5)
    assert shop.state("b") == "ALARM"
    shop.cloudwatch.put_composite_alarm(AlarmName="a", AlarmRule="NOT ALARM(b)")
    shop.world.pass_time(60)
    assert (shop.state("a"), shop.state("b")) == ("ALARM", "ALARM")


def test_tags(shop: Shop) -> None:
    shop.alarm(Tags=[{"Key": "team", "Value": "shop"}])
    arn = shop.described()["AlarmArn"]
    shop.cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "level", "Value": "1"}])
    shop.cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["team"])
    assert shop.cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "level", "Value": "1"}]
    shop.cloudwatch.delete_alarms(AlarmNames=["errors"])
    with pytest.raises(ClientError, match="does not exist"):
        shop.cloudwatch.list_tags_for_resource(ResourceARN=arn)


def test_an_update_keeps_the_state_and_ignores_tags(shop: Shop) -> None:
    shop.alarm()
    shop.minute(5.0)
    shop.alarm(Threshold=99.0, Tags=[{"Key": "team", "Value": "shop"}])
    assert (shop.state(), shop.described()["Threshold"]) == ("ALARM", 99.0)
    assert shop.cloudwatch.list_tags_for_resource(ResourceARN=shop.described()["AlarmArn"])["Tags"] == []
    assert shop.minute(5.0) == "OK"


def test_a_crash_leaves_states_and_history_and_no_action_is_done_again(shop: Shop, tmp_path: Path) -> None:
    shop.alarm()
    shop.cloudwatch.set_alarm_state(AlarmName="errors", StateValue="OK", StateReason="a drill")
    shop.minute(5.0)
    before = shop.described()
    assert len(shop.messages()) == 2
    shutil.copytree(shop.world.host.directory, tmp_path / "again")
    shop.world.close()
    host = AWS(tmp_path / "again")
    try:
        host.restore()
        cloudwatch = host.client("cloudwatch", "us-east-1")
        (after,) = cloudwatch.describe_alarms()["MetricAlarms"]
        assert {**after, "AlarmConfigurationUpdatedTimestamp": 0} == {**before, "AlarmConfigurationUpdatedTimestamp": 0}
        assert len(cloudwatch.describe_alarm_history()["AlarmHistoryItems"]) == 5
        assert "Messages" not in host.client("sqs", "us-east-1").receive_message(QueueUrl=shop.queue)
    finally:
        host.close()


def rate(expression: str = "e / r * 100", **more: Any) -> dict[str, Any]:
    """An alarm on how many requests of a hundred fail."""

    def metric(name: str, of: str) -> dict[str, Any]:
        stat = {"Metric": {**ERRORS, "MetricName": of}, "Period": 60, "Stat": "Sum"}
        return {"Id": name, "MetricStat": stat, "ReturnData": False}

    watched = {"Id": "rate", "Expression": expression, "Label": "errors in percent"}
    metrics = [metric("e", str(ERRORS["MetricName"])), metric("r", "RequestCount"), watched]
    rule = {name: value for name, value in RULE.items() if name not in ("Period", "Statistic")}
    return {"AlarmName": "rate", "Metrics": metrics, **rule, "Threshold": 10.0, **more}


def test_an_alarm_on_an_expression(shop: Shop) -> None:
    shop.cloudwatch.put_metric_alarm(**rate(AlarmActions=[shop.topic]))

    def minute(errors: float, requests: float) -> str:
        shop.put(errors)
        shop.put(requests, MetricName="RequestCount")
        shop.world.pass_time(60)
        return shop.state("rate")

    assert [minute(1, 100), minute(20, 100), minute(20, 1000)] == ["OK", "ALARM", "OK"]
    (message,) = shop.messages()
    trigger = json.loads(message["Message"])["Trigger"]
    assert [query["Id"] for query in trigger["Metrics"]] == ["e", "r", "rate"]
    assert trigger["Metrics"][0]["MetricStat"]["Metric"]["Dimensions"][0] == {
        "value": "app/web/2",
        "name": "LoadBalancer",
    }
    found = shop.cloudwatch.describe_alarms_for_metric(**{**ERRORS, "MetricName": "RequestCount"})["MetricAlarms"]
    assert [alarm["AlarmName"] for alarm in found] == ["rate"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (rate("e /"), "Error in expression 'rate': unexpected the end at position 3"),
        (rate("e / x"), r"undefined variable \[x\]"),
        (rate("AVG(e)"), "not a scalar"),
        (rate("METRICS()"), "must give one time series, not 2"),
        (rate("ANOMALY_DETECTION_BAND(e)"), "does not have anomaly detection"),
        (rate("SEARCH('{A} b', 'Sum', 60)"), "SEARCH is not supported in an alarm"),
        (rate("SELECT SUM(a) FROM b"), "Metrics Insights"),
        (rate(Period=60), "mutually exclusive"),
        ({**rate(), "Metrics": rate()["Metrics"][:2]}, "Exactly one element of the metrics list should return data"),
        ({**rate(), "Metrics": [{"Id": "Rate", "Expression": "1"}]}, "not matching the expected pattern"),
    ],
)
def test_expressions_that_an_alarm_cannot_watch(shop: Shop, change: dict[str, Any], why: str) -> None:
    with pytest.raises(ClientError, match=why):
        shop.cloudwatch.put_metric_alarm(**change)


def test_percentiles_with_few_samples_leave_the_state(shop: Shop) -> None:
    told = {"Statistic": None, "ExtendedStatistic": "p90", "EvaluateLowSampleCountPercentile": "ignore"}
    asked = {name: value for name, value in {**ERRORS, **RULE, **told}.items() if value is not None}
    shop.cloudwatch.put_metric_alarm(AlarmName="errors", **asked)
    metric = {name: ERRORS[name] for name in ("MetricName", "Dimensions")}
    for count, state in ((99.0, "INSUFFICIENT_DATA"), (100.0, "ALARM")):
        datum = {**metric, "Values": [5.0], "Counts": [count]}
        shop.cloudwatch.put_metric_data(Namespace="AWS/ApplicationELB", MetricData=[datum])
        shop.world.pass_time(60)
        assert shop.state() == state


def test_failing_targets_of_a_load_balancer_reach_a_queue(shop: Shop) -> None:
    """Envoy counts answers of 500, the minute is told, the alarm sees it and says so."""
    ec2, elb = shop.world.client("ec2"), shop.world.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="127.40.0.0/16")["Vpc"]["VpcId"]
    zones = [("127.40.0.0/24", "us-east-1a"), ("127.40.1.0/24", "us-east-1b")]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for cidr, zone in zones
    ]
    balancer = elb.create_load_balancer(Name="web", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    group = elb.create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip")["TargetGroups"][0]
    forward = {"Type": "forward", "TargetGroupArn": group["TargetGroupArn"]}
    elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[forward])
    name = group["TargetGroupArn"].rpartition(":")[2]
    dimensions = [
        {"Name": "TargetGroup", "Value": name},
        {"Name": "LoadBalancer", "Value": balancer.partition("loadbalancer/")[2]},
    ]
    shop.alarm(Dimensions=dimensions, TreatMissingData="notBreaching")
    counted = {f"cluster.{name}.upstream_rq_2xx": 0.0, f"cluster.{name}.upstream_rq_5xx": 0.0}
    shop.world.envoy.stats = lambda _: dict(counted)  # type: ignore[method-assign]
    assert shop.state() == "INSUFFICIENT_DATA"
    for _ in range(3):
        counted[f"cluster.{name}.upstream_rq_2xx"] += 10
        shop.world.pass_time(60)
    assert shop.state() == "OK"
    counted[f"cluster.{name}.upstream_rq_5xx"] += 5
    shop.world.pass_time(120)
    assert shop.state() == "ALARM"
    assert [message["Subject"].split(":")[0] for message in shop.messages()] == ["OK", "ALARM"]
    window = {"StartTime": datetime.now(UTC) - timedelta(hours=1), "EndTime": datetime.now(UTC) + timedelta(hours=1)}
    points = shop.cloudwatch.get_metric_statistics(
        Namespace="AWS/ApplicationELB",
        MetricName="HTTPCode_Target_2XX_Count",
        Dimensions=dimensions,
        Period=60,
        Statistics=["Sum"],
        **window,
    )["Datapoints"]
    assert sum(point["Sum"] for point in points) == 30

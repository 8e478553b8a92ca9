"""A canary released under load: a good version loses nothing, a bad one is met by its share of the requests only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.waiting import eventually

from drydock.cloud import Cloud
from drydock.load import Report
from drydock.notebooks.wait import wait_until
from drydock.policy.traffic import band
from drydock.rehearsals import canary_release
from drydock.runbooks import Refused, RunFailed, runner
from drydock.runbooks.evidence import Evidence

from .conftest import Cells, opened, registered

RPS = 60.0
SERVICE = canary_release.NAME


@pytest.fixture(scope="module")
def site(cloud: Cloud) -> Iterator[dict[str, Any]]:
    """The parameters for a service of two target groups, each with an alarm on its errors."""
    given: dict[str, Any] = canary_release.given(cloud, wait_until)
    del given["image"]
    ecs, cloudwatch = cloud.client("ecs"), cloud.client("cloudwatch")
    found = ecs.describe_services(cluster=given["cluster"], services=[SERVICE])["services"][0]
    entry = found["loadBalancers"][0]
    groups = [entry["targetGroupArn"], entry["advancedConfiguration"]["alternateTargetGroupArn"]]
    front = cloud.client("elbv2").describe_load_balancers(Names=["drydock-hello"])["LoadBalancers"][0]
    of_front = {"Name": "LoadBalancer", "Value": front["LoadBalancerArn"].partition("loadbalancer/")[2]}
    names = [f"errors-{number}" for number in range(len(groups))]
    for name, arn in zip(names, groups, strict=True):
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/ApplicationELB",
            MetricName="HTTPCode_Target_5XX_Count",
            Dimensions=[{"Name": "TargetGroup", "Value": arn.rpartition(":")[2]}, of_front],
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=3,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            TreatMissingData="notBreaching",
        )
    url = f"http://{front['DNSName']}/?service=canary"
    times = {"canary_minutes": 2, "bake_minutes": 0, "minutes": 30}
    yield {**given, "alarms": ",".join(names), "url": url, "rps": RPS, "percent": 20.0, **times}


@pytest.fixture(autouse=True)
def _none_rings(cloud: Cloud, site: dict[str, Any]) -> None:
    """No alarm rings any more that a test before has rung."""
    alarms = {"AlarmNames": site["alarms"].split(","), "StateValue": "ALARM"}
    eventually(lambda: not cloud.client("cloudwatch").describe_alarms(**alarms)["MetricAlarms"])


def revision(cloud: Cloud, **environment: str) -> str:
    return registered(cloud.client("ecs"), environment=environment).rpartition("/")[2]


def state(cloud: Cloud) -> Any:
    found = cloud.client("ecs").describe_services(cluster="drydock-hello", services=[SERVICE])["services"][0]
    return found["taskDefinition"], found["deploymentConfiguration"]["strategy"]


def report(cells: Cells) -> Report:
    found = cells.names["traffic"].report
    assert found is not None
    return found


def closed(cells: Cells) -> dict[str, Any]:
    """How the run ended, once the cells from applying on have run."""
    for cell in ("run.apply(", "run.verify(", "run.roll_back_if_failed("):
        shown = cells(cell)
        print(shown)
    try:
        print(cells("run.close("))
    except RunFailed as failed:
        print(failed)
    return dict(cells.names["run"].evidence.read("result.json"))


def test_a_good_version_takes_over_without_losing_a_request_and_goes_back(cloud: Cloud, site: dict[str, Any]) -> None:
    ecs = cloud.client("ecs")
    start = state(cloud)
    good = revision(cloud, VERSION="good")
    cells = opened("canary-release", **site, task_definition=good)
    ended = closed(cells)
    assert ended["outcome"] == "applied", ended
    seen = report(cells)
    assert seen.failed == 0 and set(seen.versions) == {"v1", "good"}, seen
    assert state(cloud) == (described_revision(ecs, good), "CANARY")

    again = Cells("canary-release", **site, task_definition=good)
    again.to("run.close(")
    assert again.names["run"].evidence.read("result.json")["outcome"] == "nothing to change"

    folder = cells.names["run"].evidence.folder
    assert runner.roll_back_run(folder).endswith("rolled back")
    kept = Evidence(folder)
    assert kept.read("after.json") == kept.read("before.json")
    assert state(cloud) == start


def test_a_bad_version_is_taken_back_and_was_met_by_its_share_at_most(cloud: Cloud, site: dict[str, Any]) -> None:
    start = state(cloud)
    bad = revision(cloud, VERSION="bad", ERROR_RATE="0.5")
    cells = opened("canary-release", **{**site, "canary_minutes": 30}, task_definition=bad)
    ended = closed(cells)
    assert ended["outcome"] == "rolled back"
    assert "ROLLBACK_SUCCESSFUL" in ended["why"] and "alarm" in ended["why"]
    seen = report(cells)
    assert seen.failed > 0, seen
    requests, met, failed = while_it_was_canary(cells)
    assert met <= band(requests, 0.2, sigmas=5).high, seen
    assert failed <= band(requests, 0.2 * 0.5, sigmas=5).high, seen
    kept = cells.names["run"].evidence
    assert kept.read("after.json") == kept.read("before.json")
    assert state(cloud) == start


def while_it_was_canary(cells: Cells) -> tuple[int, int, int]:
    """From the first request that v1 did not answer to the last: how many there were, met the other, and failed."""
    slices = [who for _, who in cells.names["traffic"]._load.by_second(0.1)]
    met = [who.total() - who["v1"] for who in slices]
    first, *_, last = (number for number, count in enumerate(met) if count)
    between = slices[first + 1 : last]
    return sum(who.total() for who in between), sum(met[first + 1 : last]), sum(who["500"] for who in between)


def described_revision(ecs: Any, name: str) -> str:
    return str(ecs.describe_task_definition(taskDefinition=name)["taskDefinition"]["taskDefinitionArn"])


def without_role(answer: dict[str, Any]) -> None:
    for entry in answer["services"][0]["loadBalancers"]:
        del entry["advancedConfiguration"]["roleArn"]


def with_pause(answer: dict[str, Any]) -> None:
    hook = {"targetType": "PAUSE", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"]}
    answer["services"][0]["deploymentConfiguration"]["lifecycleHooks"] = [hook]


def without_tasks(answer: dict[str, Any]) -> None:
    answer["services"][0]["desiredCount"] = 0


def by_codedeploy(answer: dict[str, Any]) -> None:
    answer["services"][0]["deploymentController"] = {"type": "CODE_DEPLOY"}


def to_one_group(answer: dict[str, Any]) -> None:
    del answer["Rules"][0]["Actions"][0]["ForwardConfig"]["TargetGroups"][1:]


def with_targets(answer: dict[str, Any]) -> None:
    answer["TargetHealthDescriptions"] = [{"Target": {"Id": "10.0.0.9"}, "TargetHealth": {"State": "healthy"}}]


def ringing(answer: dict[str, Any]) -> None:
    answer["MetricAlarms"][0]["StateValue"] = "ALARM"


@pytest.mark.parametrize(
    ("client", "operation", "change", "says"),
    [
        ("ecs", "DescribeServices", without_role, "lacks a role that lets ECS change that rule (roleArn)"),
        ("ecs", "DescribeServices", with_pause, "pauses at POST_TEST_TRAFFIC_SHIFT until somebody continues"),
        ("ecs", "DescribeServices", without_tasks, "wants no tasks"),
        ("ecs", "DescribeServices", by_codedeploy, "is deployed by CODE_DEPLOY: release it there"),
        ("elbv2", "DescribeRules", to_one_group, "has to forward to both"),
        ("elbv2", "DescribeTargetHealth", with_targets, "does not serve drydock-canary and has healthy targets"),
        ("cloudwatch", "DescribeAlarms", ringing, "in ALARM now, so that a deployment would go on"),
    ],
)
def test_what_cannot_be_released_safely_is_refused_and_says_what_to_do(
    site: dict[str, Any], client: str, operation: str, change: Any, says: str
) -> None:
    cells = Cells("canary-release", **site, task_definition="drydock-hello:1")
    cells.to("Runbook.open(")
    cells.as_if(client, operation, change)
    with pytest.raises(Refused, match=re.escape(says)):
        cells.to("run.plan(")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"alarms": ""}, "No alarm watches it"),
        ({"alarms": "gone"}, "There is no alarm gone."),
        ({"canary_minutes": 1}, "takes 2 minutes at least until it rings"),
        ({"task_definition": ""}, "Name either an image or a task_definition."),
        ({"service": "drydock-hello"}, "lacks an alternate target group"),
        ({"service": "nobody"}, "There is no active service nobody"),
        ({"url": "http://127.0.0.1:9/"}, "it does not answer"),
    ],
)
def test_parameters_with_which_it_would_not_be_safe_are_refused(
    site: dict[str, Any], given: dict[str, Any], says: str
) -> None:
    cells = Cells("canary-release", **{**site, "task_definition": "drydock-hello:1", **given})
    with pytest.raises(Refused, match=re.escape(says)):
        cells.to("run.plan(")

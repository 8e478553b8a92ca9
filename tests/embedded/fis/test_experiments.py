"""FIS: templates that are refused, experiments whose every step is the test's own, an outside client."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from tests.support.lab import Lab
from tests.support.stepped import World

TASKS = {"resourceType": "aws:ecs:task", "selectionMode": "ALL", "parameters": {"cluster": "lab", "service": "app"}}
STOP = {"actionId": "aws:ecs:stop-task", "targets": {"Tasks": "tasks"}}
WAIT = {"actionId": "aws:fis:wait", "parameters": {"duration": "PT5M"}}
NO_ALARM = [{"source": "none"}]


@pytest.fixture
def lab(world: World) -> Lab:
    return world.lab()


def trust(lab: Lab, service: str = "fis.amazonaws.com") -> str:
    """A role that FIS can assume; its ARN."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    role = lab.client("iam").create_role(RoleName=service.split(".")[0], AssumeRolePolicyDocument=document)
    return str(role["Role"]["Arn"])


def template(lab: Lab, role: str, *, targets: Any = None, actions: Any = None, stops: Any = None, **more: Any) -> str:
    made = lab.client("fis").create_experiment_template(
        clientToken=str(uuid4()),
        description="lab",
        roleArn=role,
        stopConditions=stops or NO_ALARM,
        targets={"tasks": TASKS} if targets is None else targets,
        actions=actions or {"stop": STOP},
        **more,
    )["experimentTemplate"]
    assert made["id"].startswith("EXT") and made["arn"].endswith(made["id"])
    return str(made["id"])


def start(lab: Lab, identifier: str, **more: Any) -> str:
    answer = lab.client("fis").start_experiment(clientToken=identifier, experimentTemplateId=identifier, **more)
    return str(answer["experiment"]["id"])


def experiment(lab: Lab, identifier: str) -> dict[str, Any]:
    return dict(lab.client("fis").get_experiment(id=identifier)["experiment"])


def until(lab: Lab, identifier: str, status: str) -> dict[str, Any]:
    return dict(lab.until(lambda: (one := experiment(lab, identifier))["state"]["status"] == status and one))


def steps(one: dict[str, Any]) -> dict[str, str]:
    return {name: action["state"]["status"] for name, action in one["actions"].items()}


def test_tasks_are_stopped_when_it_is_their_turn_and_come_again(world: World, lab: Lab) -> None:
    lab.create(lab.register(), 4, capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "weight": 1}])
    lab.until_steady(4)
    half = {"tasks": {**TASKS, "selectionMode": "PERCENT(50)"}}
    actions = {"stop": {**STOP, "startAfter": ["wait"]}, "wait": WAIT}
    began = world.clock.time()
    made = start(lab, template(lab, trust(lab), targets=half, actions=actions), tags={"why": "drill"})
    assert experiment(lab, made)["state"]["status"] == "pending" and experiment(lab, made)["tags"] == {"why": "drill"}
    assert steps(until(lab, made, "running")) == {"stop": "pending", "wait": "pending"}
    ended = until(lab, made, "completed")
    assert world.clock.time() - began == pytest.approx(310, abs=15)  # of which it takes some to begin
    assert steps(ended) == {"stop": "completed", "wait": "completed"}
    assert ended["endTime"] >= ended["actions"]["stop"]["startTime"] >= ended["actions"]["wait"]["endTime"]
    resolved = lab.client("fis").list_experiment_resolved_targets(experimentId=made)["resolvedTargets"]
    gone = [lab.task(one["targetInformation"]["arn"]) for one in resolved]
    assert Counter(task["stopCode"] for task in gone) == {"UserInitiated": 2}  # no warning of Spot: it is StopTask
    assert all(made in task["stoppedReason"] for task in gone)
    lab.until_steady(4)
    [listed] = lab.client("fis").list_experiments()["experiments"]
    assert (listed["id"], listed["state"]["status"]) == (made, "completed")


def test_an_alarm_and_a_call_stop_it(world: World, lab: Lab) -> None:
    lab.create(lab.register(), 2)
    lab.until_steady(2)
    cloudwatch, role = lab.client("cloudwatch"), trust(lab)
    cloudwatch.put_metric_alarm(
        AlarmName="errors", Namespace="lab", MetricName="errors", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore",
    )  # fmt: skip
    [alarm] = cloudwatch.describe_alarms(AlarmNames=["errors"])["MetricAlarms"]
    watched = [{"source": "aws:cloudwatch:alarm", "value": alarm["AlarmArn"]}]
    actions = {"wait": WAIT, "stop": {**STOP, "startAfter": ["wait"]}}
    identifier = template(lab, role, actions=actions, stops=watched)
    made = start(lab, identifier)
    lab.until(lambda: steps(experiment(lab, made))["wait"] == "running")
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="test")
    halted = until(lab, made, "stopped")
    assert halted["state"]["reason"] == "Experiment halted by stop condition."
    assert steps(halted) == {"wait": "stopped", "stop": "cancelled"}
    assert len(lab.tasks()) == 2

    made = start(lab, template(lab, role, actions=actions))
    lab.until(lambda: steps(experiment(lab, made))["wait"] == "running")
    assert lab.client("fis").stop_experiment(id=made)["experiment"]["state"]["status"] == "stopping"
    assert steps(until(lab, made, "stopped")) == {"wait": "stopped", "stop": "cancelled"}


def test_what_it_cannot_begin_fails_and_says_why(world: World, lab: Lab) -> None:
    lab.create(lab.register(), 1)
    lab.until_steady(1)
    nobody = start(lab, template(lab, trust(lab, "ecs.amazonaws.com")))
    failed = until(lab, nobody, "failed")
    assert (failed["state"]["error"]["location"], steps(failed)) == (
        "/experimentTemplate/roleArn",
        {"stop": "cancelled"},
    )
    role = trust(lab)
    other = {"tasks": {"resourceType": "aws:ecs:task", "selectionMode": "ALL", "resourceTags": {"no": "task"}}}
    assert "empty set" in until(lab, start(lab, template(lab, role, targets=other)), "failed")["state"]["reason"]
    nowhere = [{"source": "aws:cloudwatch:alarm", "value": "arn:aws:cloudwatch:us-east-1:000000000000:alarm:none"}]
    assert "no alarm none" in until(lab, start(lab, template(lab, role, stops=nowhere)), "failed")["state"]["reason"]
    small = {"tasks": {**TASKS, "selectionMode": "PERCENT(50)"}}
    skipped = template(lab, role, targets=small, experimentOptions={"emptyTargetResolutionMode": "skip"})
    assert steps(until(lab, start(lab, skipped), "completed")) == {"stop": "skipped"}
    preview = template(lab, role, targets={"tasks": {**TASKS, "selectionMode": "COUNT(1)"}})
    made = start(lab, preview, experimentOptions={"actionsMode": "skip-all"})
    assert steps(until(lab, made, "completed")) == {"stop": "skipped"}
    assert len(lab.client("fis").list_experiment_resolved_targets(experimentId=made)["resolvedTargets"]) == 1
    assert len(lab.tasks()) == 1


def test_one_that_a_kill_has_cut_short_goes_on(world: World, lab: Lab) -> None:
    lab.create(lab.register(), 2)
    lab.until_steady(2)
    role = trust(lab)
    made = start(lab, template(lab, role, actions={"wait": WAIT, "stop": {**STOP, "startAfter": ["wait"]}}))
    lab.until(lambda: steps(experiment(lab, made))["wait"] == "running")
    world.pass_time(100)
    before = world.clock.time()
    with world.crashed() as again:
        lab = Lab(again.client, lab.image, lab.vpc, lab.subnets, again.until)
        assert steps(experiment(lab, made)) == {"wait": "running", "stop": "pending"}
        until(lab, made, "completed")
        assert again.clock.time() - before == pytest.approx(200, abs=15)


def test_a_zone_is_cut_off_for_as_long_as_it_lasts_and_given_back_when_it_is_stopped(world: World, lab: Lab) -> None:
    ec2, role = lab.client("ec2"), trust(lab)
    place = {"availabilityZoneIdentifier": "us-east-1b", "vpc": lab.vpc}
    zone = {"zone": {"resourceType": "aws:ec2:subnet", "selectionMode": "ALL", "parameters": place}}
    cut = {
        "actionId": "aws:network:disrupt-connectivity",
        "targets": {"Subnets": "zone"},
        "parameters": {"scope": "all", "duration": "PT2M"},
    }

    def acl(subnet: str) -> str:
        by_subnet = [{"Name": "association.subnet-id", "Values": [subnet]}]
        return str(ec2.describe_network_acls(Filters=by_subnet)["NetworkAcls"][0]["NetworkAclId"])

    before = [acl(subnet) for subnet in lab.subnets]
    identifier = template(lab, role, targets=zone, actions={"cut": cut})
    made = start(lab, identifier)
    lab.until(lambda: steps(experiment(lab, made))["cut"] == "running")
    assert [acl(subnet) != old for subnet, old in zip(lab.subnets, before, strict=True)] == [False, True, False]
    until(lab, made, "completed")
    assert [acl(subnet) for subnet in lab.subnets] == before

    long = {**cut, "parameters": {"scope": "all", "duration": "PT12H"}}
    first, second = (start(lab, template(lab, role, targets=zone, actions={"cut": long})) for _ in range(2))
    lab.until(lambda: all(steps(experiment(lab, each))["cut"] == "running" for each in (first, second)))
    for made in (first, second):  # of two that overlap the last gives it back
        assert acl(lab.subnets[1]) != before[1]
        lab.client("fis").stop_experiment(id=made)
        until(lab, made, "stopped")
    assert [acl(subnet) for subnet in lab.subnets] == before
    assert not ec2.describe_network_acls(Filters=[{"Name": "tag-key", "Values": ["managedByFIS"]}])["NetworkAcls"]

    made = start(lab, template(lab, role, targets=zone, actions={"cut": cut}))
    lab.until(lambda: steps(experiment(lab, made))["cut"] == "running")
    with world.crashed() as again:
        lab = Lab(again.client, lab.image, lab.vpc, lab.subnets, again.until)
        ec2 = lab.client("ec2")
        assert acl(lab.subnets[1]) != before[1]
        lab.client("fis").stop_experiment(id=made)
        until(lab, made, "stopped")
        assert [acl(subnet) for subnet in lab.subnets] == before


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            {"actions": {"one": {"actionId": "aws:ec2:stop-instances"}}},
            "does not have the action aws:ec2",
        ),
        ({"actions": {"one": {"actionId": "aws:ecs:drain-container-instances"}}}, "drain-container-instances"),
        ({"actions": {"stop": STOP, "wait": {**WAIT, "parameters": {"duration": "five"}}}}, "no duration"),
        ({"actions": {"stop": STOP, "wait": {**WAIT, "parameters": {"duration": "PT5S"}}}}, "PT1M to PT12H"),
        ({"actions": {"stop": {**STOP, "startAfter": ["stop"]}}}, "wait for each other"),
        ({"actions": {"stop": {**STOP, "targets": {"Tasks": "others"}}}}, "which the template has not"),
        ({"actions": {"wait": WAIT}}, "No action is done to the target"),
        ({"targets": {"tasks": {**TASKS, "selectionMode": "SOME"}}}, "COUNT"),
        ({"targets": {"tasks": {**TASKS, "parameters": {"service": "app"}}}}, "not its cluster"),
        ({"targets": {"tasks": {**TASKS, "filters": [{"path": "a", "values": ["b"]}]}}}, "filters"),
        ({"targets": {"tasks": {**TASKS, "resourceType": "aws:ec2:instance"}}}, "resource type"),
        ({"stopConditions": [{"source": "aws:cloudwatch:alarm"}]}, "ARN of an alarm"),
        ({"experimentOptions": {"accountTargeting": "multi-account"}}, "one account"),
        ({"logConfiguration": {"logSchemaVersion": 2}}, "logConfiguration"),
    ],
)
def test_a_template_with_what_would_not_be_done_is_refused(change: dict[str, Any], why: str) -> None:
    from drydock.policy import fis
    from drydock.policy.requests.errors import Invalid

    good = {"stopConditions": NO_ALARM, "targets": {"tasks": TASKS}, "actions": {"stop": STOP}}
    fis.validate(good)
    with pytest.raises(Invalid, match=why):
        fis.validate({**good, **change})


def test_templates_are_kept_and_changed_and_told(world: World, lab: Lab) -> None:
    fis, role = lab.client("fis"), "arn:aws:iam::000000000000:role/fis"
    identifier = template(lab, role, tags={"a": "b"})
    with pytest.raises(ClientError, match="does not have the action"):
        fis.update_experiment_template(id=identifier, actions={"one": {"actionId": "aws:rds:failover-db-cluster"}})
    fis.update_experiment_template(id=identifier, description="other")
    with world.crashed() as again:
        fis = again.client("fis")
        [found] = fis.list_experiment_templates()["experimentTemplates"]
        assert (found["id"], found["description"], found["tags"]) == (identifier, "other", {"a": "b"})
        fis.delete_experiment_template(id=identifier)
        for call in (fis.get_experiment_template, fis.get_experiment):
            with pytest.raises(ClientError, match="does not exist") as refused:
                call(id=identifier)
            assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"
        assert {one["id"] for one in fis.list_actions()["actions"]} == {
            "aws:ecs:stop-task",
            "aws:fis:wait",
            "aws:network:disrupt-connectivity",
        }
        assert set(fis.get_action(id="aws:fis:wait")["action"]["parameters"]) == {"duration"}
        assert fis.list_target_resource_types()["targetResourceTypes"][0]["resourceType"] == "aws:ecs:task"
        with pytest.raises(ClientError, match="one account"):
            fis.create_target_account_configuration(
                experimentTemplateId=identifier, accountId="111122223333", roleArn=role
            )


def test_chaos_toolkit_stops_tasks_and_runs_experiments(
    world: World, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3
    from chaosaws.ecs.actions import stop_random_tasks
    from chaosaws.ecs.probes import are_all_desired_tasks_running
    from chaosaws.fis.actions import start_experiment
    from chaosaws.fis.probes import get_experiment

    lab.create(lab.register(), 3)
    lab.until_steady(3)
    session = boto3.Session("test", "test", region_name="us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", world.host.endpoint)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
    monkeypatch.setattr(boto3, "client", lambda name, **_: session.client(name))
    configuration = {"aws_region": "us-east-1"}
    stopped = stop_random_tasks("lab", task_count=2, service="app", reason="chaos", configuration=configuration)
    assert len(stopped) == 2
    lab.until(lambda: {task["stoppedReason"] for task in lab.tasks(desired="STOPPED")} == {"chaos"})
    lab.until_steady(3)
    assert are_all_desired_tasks_running("lab", "app", configuration=configuration)
    identifier = template(lab, trust(lab), targets={"tasks": {**TASKS, "selectionMode": "COUNT(1)"}})
    made = start_experiment(identifier, configuration=configuration)["experiment"]["id"]
    until(lab, made, "completed")
    assert get_experiment(made, configuration=configuration)["experiment"]["state"]["status"] == "completed"
    lab.until_steady(3)

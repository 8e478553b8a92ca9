"""Lab 08: what each check says of nothing, of something wrong and of something right. The tests build on each other."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from tests.support.waiting import eventually

from drydock.cloud import Cloud
from drydock.labs import Lab, catalogue, lesson
from drydock.ledger import sweep
from drydock.load import Load

from .conftest import solve, state, tried, until, update, waits_for

NAME = "08-rollback"
ON, OFF = {"enable": True, "rollback": True}, {"enable": False, "rollback": False}
ERRORS = "drydock-checkout-errors"
BREAKER = {"deploymentCircuitBreaker": ON, "alarms": {**OFF, "alarmNames": []}}
ALARM = {"deploymentCircuitBreaker": OFF, "alarms": {**ON, "alarmNames": [ERRORS]}}
BOTH = {"deploymentCircuitBreaker": ON, "alarms": {**ON, "alarmNames": [ERRORS]}}


def one(
    version: str, status: str, breaker: str = "MONITORING", watched: str = "", by: dict[str, Any] = BREAKER
) -> tuple[Any, ...]:
    """A deployment of `checkout` as the checks read it; `by` is what guarded it, `watched` how its alarms did."""
    return version, status, breaker, watched, by, ""


@pytest.fixture
def past(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Any:
    """past(deployments, newest first): from now on the checks find these, whatever has happened."""
    known = lab.step("breaker").look.__globals__  # type: ignore[attr-defined]

    def give(*deployments: tuple[Any, ...]) -> None:
        found = [known["Deployed"](*each) for each in deployments]
        monkeypatch.setitem(known, "history", lambda *_, **__: found)

    return give


def group(cloud: Cloud) -> str:
    found = cloud.client("elbv2").describe_target_groups(Names=["drydock-checkout"])
    return str(found["TargetGroups"][0]["TargetGroupArn"])


def revision(cloud: Cloud, version: str) -> str:
    """ARN of the newest revision of drydock-checkout with this version."""
    ecs = cloud.client("ecs")
    for arn in ecs.list_task_definitions(familyPrefix="drydock-checkout", sort="DESC")["taskDefinitionArns"]:
        definition = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        if {"name": "VERSION", "value": version} in definition["containerDefinitions"][0]["environment"]:
            return str(arn)
    raise LookupError(version)


def test_an_empty_cloud_is_not_started_and_told_in_our_words(lab: Lab) -> None:
    found = {step.name: step.check(lab.cloud, lab) for step in lab.steps}
    assert {name: check.state for name, check in found.items()} == {step.name: "not started" for step in lab.steps}
    assert not [check.message for check in found.values() if "AWS answers" in check.message]


def test_stable(lab: Lab) -> None:
    lab.set_up()
    assert state(lab, "stable") == ("not started", "There is no load balancer drydock-rollback.")
    solve(lab, "stable")
    elbv2 = lab.cloud.client("elbv2")
    elbv2.modify_target_group(TargetGroupArn=group(lab.cloud), HealthCheckPath="/")
    assert state(lab, "stable") == ("wrong", "Targets are no addresses that are asked for /health.")
    elbv2.modify_target_group(TargetGroupArn=group(lab.cloud), HealthCheckPath="/health")
    update(lab.cloud, "checkout", desiredCount=1)
    assert state(lab, "stable") == ("wrong", "`checkout` wants one task.")
    update(lab.cloud, "checkout", desiredCount=2, taskDefinition=revision(lab.cloud, "v3"))
    assert state(lab, "stable") == ("wrong", "`checkout` runs a version with ERROR_RATE.")
    update(lab.cloud, "checkout", taskDefinition=revision(lab.cloud, "v1"))
    until(lab, "stable", "passed")
    assert state(lab, "stuck") == ("wrong", "The breaker does not guard `checkout` any more.")
    others = {step.name for step in lab.steps} - {"stable", "stuck", "never-trips"}
    assert {name: state(lab, name)[0] for name in others} == dict.fromkeys(others, "not started")


def test_a_prediction_is_held_against_the_rule(lab: Lab) -> None:
    ecs = lab.cloud.client("ecs")
    arn = ecs.describe_services(cluster="drydock", services=["checkout"])["services"][0]["serviceArn"]

    def say(**trips: str) -> tuple[str, str]:
        tags = [{"key": name.replace("_", "-"), "value": value} for name, value in trips.items()]
        ecs.tag_resource(resourceArn=arn, tags=tags)
        return state(lab, "threshold")

    assert say(trips_at_10="5") == ("wrong", "`checkout` has no tag `trips-at-1`.")
    assert say(trips_at_1="1") == ("wrong", "For a desiredCount of 1 it is not 1.")
    assert say(trips_at_1="3", trips_at_50="25", trips_at_1000="500")[1] == "For a desiredCount of 1,000 it is not 500."
    assert say(trips_at_1000="200") == ("passed", "3 of 1, 5 of 10, 25 of 50, 200 of 1,000.")
    ecs.untag_resource(resourceArn=arn, tagKeys=["trips-at-1", "trips-at-10", "trips-at-50", "trips-at-1000"])
    tried(lab, "threshold", 'ecs.tag_resource(resourceArn="checkout", tags=[])')


BACK = "ROLLBACK_SUCCESSFUL"


@pytest.mark.parametrize(
    ("step", "found", "says", "words"),
    [
        ("breaker", [one("v3", "SUCCESSFUL")], "not started", "v2 was never deployed"),
        ("breaker", [one("v2", "IN_PROGRESS")], "wrong", "is IN_PROGRESS"),
        ("breaker", [one("v2", BACK, "DISABLED")], "wrong", "is ROLLBACK_SUCCESSFUL"),
        ("breaker", [one("v2", "STOPPED", "TRIGGERED")], "wrong", "is STOPPED"),
        ("breaker", [one("v2", "IN_PROGRESS"), one("v2", BACK, "TRIGGERED")], "passed", "back to v1"),
        ("by-hand", [one("v4", BACK, "TRIGGERED")], "wrong", "is ROLLBACK_SUCCESSFUL"),
        ("by-hand", [one("v4", "STOPPED", "TRIGGERED")], "wrong", "v1 is not deployed again"),
        ("by-hand", [one("v4", "STOPPED", "TRIGGERED"), one("v1", "SUCCESSFUL")], "wrong", "v1 is not deployed again"),
        ("by-hand", [one("v1", "SUCCESSFUL"), one("v4", "STOPPED", "TRIGGERED")], "passed", "deployed again"),
        ("by-hand", [one("v4", "STOPPED", "MONITORING")], "wrong", "is STOPPED"),
        ("never-trips", [one("v3", BACK, "MONITORING", "TRIGGERED", by=BOTH)], "wrong", "is ROLLBACK_SUCCESSFUL"),
        ("never-trips", [one("v3", "SUCCESSFUL", "DISABLED", "", by=ALARM)], "wrong", "is SUCCESSFUL"),
        ("never-trips", [one("v3", "SUCCESSFUL", "MONITORING_COMPLETE")], "passed", "counted nothing"),
        ("alarm", [one("v3", "SUCCESSFUL", "MONITORING_COMPLETE")], "not started", "watched by an alarm"),
        ("alarm", [one("v3", "SUCCESSFUL", "DISABLED", "DISABLED", by=ALARM)], "wrong", "is SUCCESSFUL"),
        ("alarm", [one("v3", BACK, "DISABLED", "TRIGGERED", by=ALARM)], "passed", "has rung"),
        ("stopped", [one("v2", BACK, "TRIGGERED")], "not started", "without the breaker"),
        ("stopped", [one("v2", "IN_PROGRESS", "DISABLED", "MONITORING", by=ALARM)], "wrong", "on and on"),
        ("stopped", [one("v2", "STOPPED", "DISABLED", "MONITORING", by=ALARM)], "wrong", "is STOPPED"),
        ("stopped", [one("v2", BACK, "DISABLED", "MONITORING", by=ALARM)], "passed", "stopped by hand"),
        ("neither", [one("v3", "SUCCESSFUL", "MONITORING_COMPLETE")], "not started", "Neither v5 nor v3"),
        ("neither", [one("v5", "SUCCESSFUL", by=BOTH)], "wrong", "v3 was never deployed"),
        ("neither", [one("v3", "SUCCESSFUL", "", "MONITORING_COMPLETE", by=BOTH)], "wrong", "v5 was never deployed"),
        ("neither", [one("v5", "SUCCESSFUL"), one("v3", "SUCCESSFUL", "", "MONITORING_COMPLETE", by=BOTH)], "wrong",
         "v5 is SUCCESSFUL"),
        ("neither", [one("v5", "SUCCESSFUL", by=BOTH), one("v3", "SUCCESSFUL", "", "MONITORING_COMPLETE", by=BOTH)],
         "passed", "guards that were enabled"),
    ],
)  # fmt: skip
def test_what_is_said_of_deployments_as_they_went(
    lab: Lab, past: Any, step: str, found: list[Any], says: str, words: str
) -> None:
    past(*found)
    assert (seen := state(lab, step))[0] == says, seen
    assert words in seen[1]
    newest = found[0]
    assert bool(waits_for(lab, step)) == (newest[1] == "IN_PROGRESS" and says == "wrong" and "on and on" not in seen[1])


def test_a_version_that_does_not_start_and_nothing_to_go_back_to(lab: Lab) -> None:
    solve(lab, "breaker")
    solve(lab, "no-way-back")
    ecs = lab.cloud.client("ecs")
    # the third failure has tripped the breaker, and a fourth task may still be on its way to fail
    eventually(lambda: not ecs.list_tasks(cluster="drydock", serviceName="debut")["taskArns"], "none of its tasks runs")
    update(lab.cloud, "debut", taskDefinition=revision(lab.cloud, "v1"))
    until(lab, "no-way-back", "wrong", "is COMPLETED")


def watch(lab: Lab, *dimensions: str, **changes: Any) -> None:
    """The alarm of the lab, but for these fields."""
    balancer = lab.cloud.client("elbv2").describe_load_balancers(Names=["drydock-rollback"])["LoadBalancers"][0]
    ends = {
        "TargetGroup": group(lab.cloud).rpartition(":")[2],
        "LoadBalancer": balancer["LoadBalancerArn"].partition("loadbalancer/")[2],
    }
    given = {
        "AlarmName": ERRORS, "Namespace": "AWS/ApplicationELB", "MetricName": "HTTPCode_Target_5XX_Count",
        "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 3, "DatapointsToAlarm": 1, "Threshold": 5,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold", "TreatMissingData": "notBreaching", **changes,
    }  # fmt: skip
    named = [{"Name": name, "Value": ends[name]} for name in dimensions]
    lab.cloud.client("cloudwatch").put_metric_alarm(**given, Dimensions=named)


def test_both_guards(lab: Lab) -> None:
    at_first = {**ON, "thresholdConfiguration": {"type": "COUNT", "value": 1}}

    def configure(**given: Any) -> tuple[str, str]:
        update(lab.cloud, "checkout", deploymentConfiguration={**BOTH, "deploymentCircuitBreaker": at_first, **given})
        return state(lab, "guarded")

    update(lab.cloud, "checkout", deploymentConfiguration=BREAKER)
    assert state(lab, "guarded") == ("not started", "`checkout` is not guarded by both.")
    assert configure(deploymentCircuitBreaker={**at_first, "rollback": False})[1] == "The breaker does not roll back."
    assert configure(alarms={**OFF, "alarmNames": [ERRORS]})[1] == "No alarm rolls a deployment back."
    assert configure(deploymentCircuitBreaker=ON)[1] == "The breaker trips after 3 failed tasks, not after the first."
    watch(lab, "TargetGroup")
    assert configure()[1] == "No alarm of the deployment counts the errors of drydock-checkout."
    watch(lab, "TargetGroup", "LoadBalancer")
    assert state(lab, "guarded") == ("wrong", "Nothing was shipped under both guards.")
    tenth = {**ON, "thresholdConfiguration": {"type": "UNBOUNDED_PERCENT", "value": 10}}
    assert configure(deploymentCircuitBreaker=tenth)[1] == "Nothing was shipped under both guards."
    attempt = """
alone = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}, "alarms": {"enable": False, "rollback": False,
         "alarmNames": []}}
ecs.update_service(cluster="drydock", service="checkout", taskDefinition=revision["v3"], deploymentConfiguration=alone)
wait_until(lambda: newest()["status"] == "SUCCESSFUL", "v3 is there")
"""
    tried(lab, "guarded", attempt)
    assert state(lab, "breaker")[0] == "passed"


def test_an_alarm_takes_back_what_answers_badly(lab: Lab) -> None:
    solve(lab, "alarm")
    balancer = lab.cloud.client("elbv2").describe_load_balancers(Names=["drydock-rollback"])["LoadBalancers"][0]
    report = Load(f"http://{balancer['DNSName']}/", rps=50).start(1).wait()
    assert (set(report.versions), report.failed) == ({"v1"}, 0)


def test_the_drill_of_the_deployment_that_does_not_end(lab: Lab) -> None:
    lab.break_it("stuck")
    assert state(lab, "stuck") == ("wrong", "`checkout` is not steady: its deployment is IN_PROGRESS.")
    assert not waits_for(lab, "stuck")
    update(lab.cloud, "checkout", taskDefinition=revision(lab.cloud, "v1"))
    until(lab, "stuck", "wrong", "86,400 s")
    lab.break_it("stuck")
    update(lab.cloud, "checkout", healthCheckGracePeriodSeconds=30)  # and the breaker does the rest
    until(lab, "stuck", "passed")
    update(lab.cloud, "checkout", deploymentConfiguration=ALARM)
    assert state(lab, "stuck") == ("wrong", "The breaker does not guard `checkout` any more.")
    lab.break_it("stuck")
    none = 'ecs.update_service(cluster="drydock", service="checkout", desiredCount=0, healthCheckGracePeriodSeconds=0)'
    tried(lab, "stuck", none)


def test_a_service_that_was_deleted_is_not_mended(lab: Lab) -> None:
    lab.break_it("stuck")
    lab.cloud.client("ecs").delete_service(cluster="drydock", service="checkout", force=True)
    found = lab.check("stuck")
    assert (found.state, found.message) == ("wrong", "The cluster `drydock` has no service `checkout`.")


def test_no_name_comes_back_by_a_deployment(lab: Lab) -> None:
    told = lesson.of(catalogue.notebook(NAME))
    for step in lab.steps:
        place = told.after(step.name)
        made = [ast.unparse(one) for one in told.names_for(place, told.used_from(place))]
        assert [one for one in made if not one.startswith("def ") and ("ship(" in one or "Load(" in one)] == []


def test_nothing_is_left_and_nothing_of_it_counts_in_the_next_round(lab: Lab) -> None:
    lab.clean_up(sure=True)
    assert not sweep(lab.cloud).survivors
    lab.set_up(before="threshold")
    assert {step.name for step in lab.steps if step.check(lab.cloud, lab).passed} == {"stable"}
    lab.clean_up(sure=True)

"""Causes that neither stopped tasks nor events show: names, hooks, alarms, scaling, versions side by side, answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from drydock.policy.diagnosis import (
    Alarm,
    Call,
    Cause,
    Change,
    Deployment,
    Facts,
    Hook,
    Instance,
    Policy,
    Scaling,
    StoppedTask,
    TargetGroup,
    Trial,
    calls_of,
    diagnose,
    shares_of,
    tried_at,
    watching,
)

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
REGION = "us-east-1:000000000000"
WEB, NEXT = (f"arn:aws:elasticloadbalancing:{REGION}:targetgroup/{name}/0123456789abcdef" for name in ("web", "next"))
GROUP, BALANCER = "targetgroup/web/0123456789abcdef", "app/shop/fedcba9876543210"
DONE = Deployment("ecs-svc/2", True, START, "COMPLETED", running_count=2)
UNDER_WAY = replace(DONE, rollout_state="IN_PROGRESS")
STEADY = Facts("shop", "web", desired_count=2, running_count=2, deployments=(DONE,), definition="web:2", ports=(8080,))


def causes(facts: Facts) -> list[Cause]:
    return [finding.cause for finding in diagnose(facts)]


def document(**changes: Any) -> dict[str, Any]:
    """A service as describe_services has it."""
    return {
        "serviceName": "web",
        "clusterArn": f"arn:aws:ecs:{REGION}:cluster/shop",
        "status": "ACTIVE",
        "desiredCount": 2,
        "runningCount": 2,
        "pendingCount": 0,
        "launchType": "FARGATE",
        "taskDefinition": f"arn:aws:ecs:{REGION}:task-definition/web:2",
        "deployments": [{"id": "ecs-svc/2", "status": "PRIMARY", "createdAt": START, "rolloutState": "COMPLETED"}],
        "events": [],
        **changes,
    }


def task(name: str, address: str = "10.0.0.1", status: str = "RUNNING") -> dict[str, Any]:
    return {
        "taskArn": f"arn:aws:ecs:{REGION}:task/shop/{name}",
        "taskDefinitionArn": document()["taskDefinition"],
        "startedBy": "ecs-svc/2",
        "lastStatus": status,
        "desiredStatus": "RUNNING",
        "createdAt": START,
        "attachments": [{"details": [{"name": "privateIPv4Address", "value": address}]}],
    }


# -- names of Cloud Map


def instance(name: str, address: str, service: str = "") -> dict[str, Any]:
    by = {"ECS_SERVICE_NAME": service, "ECS_CLUSTER_NAME": "shop"} if service else {}
    return {"Id": name, "Attributes": {"AWS_INSTANCE_IPV4": address, **by}}


def named(*instances: dict[str, Any], **changes: Any) -> Facts:
    tasks = [task("one", "10.0.0.1"), task("two", "10.0.0.2")]
    return Facts.read(document(**changes), tasks=tasks, registered={"srv-1": instances})


FAR = instance("far", "10.9.0.1", "web")
FAR["Attributes"]["ECS_CLUSTER_NAME"] = "other"
BOTH = (instance("one", "10.0.0.1", "web"), instance("two", "10.0.0.2", "web"))


def test_an_instance_that_no_task_stands_behind() -> None:
    [finding] = diagnose(named(*BOTH, instance("by-hand", "10.0.0.250")))
    assert finding.cause == Cause.LEFT_BEHIND
    assert "`by-hand` (10.0.0.250) in srv-1" in finding.evidence and "Not ECS" in finding.evidence
    assert "deregister_instance(ServiceId='srv-1', InstanceId='by-hand')" in finding.mend


def test_one_that_ecs_has_left_counts_once_no_task_comes_or_goes() -> None:
    left = instance("three", "10.0.0.3", "web")
    assert causes(named(*BOTH, left)) == [Cause.LEFT_BEHIND]
    assert causes(named(*BOTH, left, runningCount=1)) == [Cause.NOT_STEADY]


@pytest.mark.parametrize(
    "further",
    [(), (instance("api-task", "10.0.0.9", "api"),), (FAR,), (instance("by-hand", "10.0.0.2"),)],
    ids=["none", "another service's", "another cluster's", "a task's address"],
)
def test_what_somebody_stands_behind_is_no_fault(further: tuple[dict[str, Any], ...]) -> None:
    assert causes(named(*BOTH, *further)) == []


def test_a_running_task_that_is_not_registered() -> None:
    [finding] = diagnose(named(BOTH[0]))
    assert finding.cause == Cause.NOT_FOUND_BY_NAME and "`two`" in finding.evidence
    assert causes(Facts.read(document(), tasks=[task("one")], registered={})) == []


def test_a_task_that_is_registered_with_another_address_or_port() -> None:
    moved = instance("one", "10.0.0.77", "web")
    assert causes(named(moved, BOTH[1])) == [Cause.LEFT_BEHIND]
    elsewhere = instance("one", "10.0.0.1", "web")
    elsewhere["Attributes"]["AWS_INSTANCE_PORT"] = "9090"
    facts = named(elsewhere, BOTH[1])
    assert causes(facts) == []  # no port of the task definition is known
    [finding] = diagnose(replace(facts, ports=(8080,)))
    assert finding.cause == Cause.WRONG_PORT_REGISTERED and "`one` with port 9090" in finding.evidence
    assert causes(replace(facts, ports=(9090,))) == []


def told(value: str) -> list[Call]:
    return calls_of({"containerDefinitions": [{"name": "web", "environment": [{"name": "BACKEND", "value": value}]}]})


@pytest.mark.parametrize(
    ("value", "port"),
    [
        ("http://api.shop.internal", 80),
        ("https://api.shop.internal/v1?x=1", 443),
        ("http://api.shop.internal:8080", 8080),
        ("api.shop.internal:5432", 5432),
        ("postgres://user:word@api.shop.internal:5432/db", 5432),
    ],
)
def test_whom_an_environment_calls(value: str, port: int) -> None:
    [call] = told(value)
    assert (call.host, call.port) == ("api.shop.internal", port)
    assert "word" not in call.url


@pytest.mark.parametrize(
    "value", ["", "1", "true", "api.shop.internal", "http://api", "http://[x", "a:b:c.d", "http://a.b:port"]
)
def test_what_names_no_host_and_port_calls_nobody(value: str) -> None:
    assert told(value) == []


def test_a_port_where_the_called_service_does_not_listen() -> None:
    [call] = told("http://api.shop.internal")
    found = diagnose(replace(STEADY, calls=(replace(call, service="api", ports=(8080,)),)))
    assert [one.cause for one in found] == [Cause.WRONG_PORT_CALLED]
    assert "http://api.shop.internal: port 80. `api` listens at 8080" in found[0].evidence
    for right in (replace(call, ports=(80,)), replace(call, ports=())):
        assert causes(replace(STEADY, calls=(right,))) == []


def test_a_name_under_which_nobody_is_registered() -> None:
    [call] = told("http://api.shop.internal")
    assert causes(replace(STEADY, calls=(replace(call, there=False),))) == [Cause.NOBODY_CALLED]


# -- what a deployment waits for


def release(status: str = "AWAITING_ACTION", kind: str = "PAUSE") -> dict[str, Any]:
    hook = {"hookId": "hook-1", "targetType": kind, "status": status, "timeoutAction": "ROLLBACK"}
    hook |= {"targetArn": "arn:aws:lambda:us-east-1:000000000000:function:judge"} if kind == "AWS_LAMBDA" else {}
    return {
        "serviceDeploymentArn": "sd-1",
        "lifecycleStage": "POST_TEST_TRAFFIC_SHIFT",
        "lifecycleHookDetails": [{**hook, "expiresAt": START + timedelta(hours=1)}],
    }


RULE = f"arn:aws:elasticloadbalancing:{REGION}:listener-rule/app/shop/1"


def shifted(test: str = "tests/header") -> dict[str, Any]:
    advanced = {"productionListenerRule": f"{RULE}/production/default", "testListenerRule": f"{RULE}/{test}"}
    entry = {"targetGroupArn": WEB, "advancedConfiguration": {**advanced, "alternateTargetGroupArn": NEXT}}
    deployment = {"id": "ecs-svc/2", "status": "PRIMARY", "createdAt": START, "rolloutState": "IN_PROGRESS"}
    return document(loadBalancers=[entry], deployments=[deployment])


def rule(name: str, priority: str = "default", **condition: Any) -> dict[str, Any]:
    forward = {"TargetGroups": [{"TargetGroupArn": WEB, "Weight": 1}, {"TargetGroupArn": NEXT, "Weight": 0}]}
    return {
        "RuleArn": f"{RULE}/{name}",
        "IsDefault": priority == "default",
        "Priority": priority,
        "Conditions": [condition] if condition else [],
        "Actions": [{"Type": "forward", "ForwardConfig": forward}],
    }


HEADER = rule(
    "tests/header",
    "10",
    Field="http-header",
    HttpHeaderConfig={"HttpHeaderName": "X-Release", "Values": ["green"]},
)
PLAIN = rule("tests/default")


def test_a_deployment_that_waits_for_an_answer() -> None:
    [finding] = diagnose(Facts.read(shifted(), releases=[release()]))
    assert finding.cause == Cause.WAITS_AT_HOOK
    assert (
        "POST_TEST_TRAFFIC_SHIFT" in finding.evidence and "2026-01-01 13:00:00 UTC: then ROLLBACK" in finding.evidence
    )
    assert "continue_service_deployment(serviceDeploymentArn='sd-1', hookId='hook-1', action=" in finding.mend


def test_a_deployment_that_waits_for_a_function() -> None:
    [finding] = diagnose(Facts.read(shifted(), releases=[release("IN_PROGRESS", "AWS_LAMBDA")]))
    assert finding.cause == Cause.WAITS_AT_HOOK and "/aws/lambda/judge" in finding.mend


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED", "TIMED_OUT"])
def test_a_hook_that_was_answered_is_not_waited_for(status: str) -> None:
    assert causes(Facts.read(shifted(), releases=[release(status)], test_rules=[HEADER, PLAIN])) == [Cause.NOT_STEADY]


def test_tests_that_meet_another_rule_than_the_new_version_has() -> None:
    first, second = diagnose(Facts.read(shifted(), releases=[release()], test_rules=[PLAIN, HEADER]))
    assert [first.cause, second.cause] == [Cause.TESTS_ELSEWHERE, Cause.WAITS_AT_HOOK]
    assert "the rule of priority 10" in first.evidence and "the header X-Release: green" in first.evidence
    assert "meets the default rule, which forwards to web" in first.evidence


def test_tests_whose_rule_is_gone() -> None:
    first, _ = diagnose(Facts.read(shifted(), releases=[release()], test_rules=[PLAIN]))
    assert first.cause == Cause.TESTS_ELSEWHERE and "There is no rule `testListenerRule`" in first.evidence


@pytest.mark.parametrize("field", ["PathPatternConfig", ""])
def test_tests_that_meet_the_new_version(field: str) -> None:
    values = {"PathPatternConfig": {"Values": ["/*"]}} if field else {"Values": ["*"]}
    every = rule("tests/header", "10", Field="path-pattern", **values)
    assert causes(Facts.read(shifted(), releases=[release()], test_rules=[every, PLAIN])) == [Cause.WAITS_AT_HOOK]


def test_only_a_listener_of_its_own_is_for_tests_alone() -> None:
    assert tried_at(shifted()) == RULE.replace("listener-rule", "listener") + "/tests"
    assert tried_at(shifted("production/header")) == tried_at(document()) == ""


def test_a_grace_period_that_keeps_a_deployment_from_ending() -> None:
    sick = TargetGroup(WEB, states=("unhealthy",), failures=(("Target.ResponseCodeMismatch", "codes: [503]"),))
    slow = replace(STEADY, deployments=(UNDER_WAY,), groups=(sick,), grace_period=86400)
    first, *further = diagnose(slow)
    assert first.cause == Cause.GRACE_TOO_LONG and "healthCheckGracePeriodSeconds is 86400" in first.evidence
    assert [one.cause for one in further] == [Cause.WRONG_ANSWER]
    assert Cause.GRACE_TOO_LONG not in causes(replace(slow, grace_period=120))
    assert Cause.GRACE_TOO_LONG not in causes(replace(slow, deployments=(DONE,)))


# -- alarms, and scaling by them


def alarm(metric: str = "HTTPCode_Target_5XX_Count", state: str = "OK", unchanged: float = 0, **of: Any) -> Alarm:
    return Alarm("errors", "AWS/ApplicationELB", metric, of, state, unchanged, "notBreaching")


def watched(*alarms: Alarm, **more: Any) -> Facts:
    known = {one.name: one for one in alarms}
    return replace(STEADY, watching=("errors",), alarms=known, balancers={GROUP: BALANCER}, **more)


@pytest.mark.parametrize(
    ("of", "words"),
    [
        ({"TargetGroup": GROUP}, "always by LoadBalancer too"),
        ({}, "always by LoadBalancer too"),
        ({"TargetGroup": GROUP, "LoadBalancer": "app/gone/0123456789abcdef"}, f"is behind {BALANCER}"),
        ({"TargetGroup": "web", "LoadBalancer": BALANCER}, "the value of TargetGroup is the end of an ARN"),
        ({"TargetGroup": GROUP, "LoadBalancer": "shop"}, "from app/ or net/ or gwy/ on"),
        ({"TargetGroup": GROUP, "LoadBalancer": BALANCER, "ServiceName": "web"}, "has the dimension ServiceName"),
    ],
)
def test_an_alarm_that_watches_nothing(of: dict[str, Any], words: str) -> None:
    [finding] = diagnose(watched(alarm(**of)))
    assert finding.cause == Cause.ALARM_BLIND
    assert words in finding.evidence and "TreatMissingData notBreaching" in finding.evidence


def test_an_alarm_of_errors_on_another_target_group_than_the_one_that_fails() -> None:
    """notBreaching takes the missing data for well: the state says OK, and nothing else sets it apart from one that
    watches a service that this one calls."""
    gone = alarm(TargetGroup="targetgroup/web/gone", LoadBalancer=BALANCER)
    failing = (TargetGroup(WEB, minutes=((100, 30),)),)
    first, second = diagnose(watched(gone, groups=failing))
    assert [first.cause, second.cause] == [Cause.ALARM_BLIND, Cause.ERRORS]
    assert f"the service is behind {GROUP}" in first.evidence
    own = replace(alarm(TargetGroup=GROUP, LoadBalancer=BALANCER), name="own")
    seen = replace(watched(gone, own, groups=failing), watching=("errors", "own"))
    assert causes(watched(gone)) == [] and causes(seen) == [Cause.ERRORS]


def test_an_alarm_that_is_gone() -> None:
    [finding] = diagnose(watched())
    assert finding.cause == Cause.ALARM_BLIND and "There is no alarm `errors`" in finding.evidence


def test_alarms_that_see_or_were_not_read_are_no_fault() -> None:
    both: dict[str, Any] = {"TargetGroup": GROUP, "LoadBalancer": BALANCER}
    assert causes(watched(alarm(**both))) == []
    assert causes(watched(alarm(**both, state="INSUFFICIENT_DATA", unchanged=9999))) == []  # no error was counted
    assert causes(watched(alarm(LoadBalancer=BALANCER))) == []
    assert causes(watched(alarm("RequestCountPerTarget", TargetGroup=GROUP))) == []
    assert causes(replace(STEADY, watching=("errors",), alarms=None)) == []


def test_alarms_of_a_deployment_count_where_they_may_roll_back() -> None:
    given = {"alarmNames": ["errors"], "enable": True, "rollback": True}
    assert watching(document(deploymentConfiguration={"alarms": given})) == ("errors",)
    for off in ("enable", "rollback"):
        assert watching(document(deploymentConfiguration={"alarms": {**given, off: False}})) == ()
    assert watching(document()) == ()


def scaled(*alarms: Alarm, suspended: tuple[str, ...] = (), most: int = 8, **more: Any) -> Facts:
    policy = Policy("requests", tuple(one.name for one in alarms) or ("errors",))
    return replace(watched(*alarms, **more), watching=(), scaling=Scaling(2, most, suspended, (policy,)))


def requests(state: str = "OK", unchanged: float = 0, balancer: str = BALANCER, group: str = GROUP) -> Alarm:
    return alarm("RequestCountPerTarget", state, unchanged, TargetGroup=group, LoadBalancer=balancer)


def test_a_policy_that_looks_at_what_is_gone() -> None:
    for gone in (requests(balancer="app/gone/0123456789abcdef"), requests(group="targetgroup/gone/1")):
        [finding] = diagnose(scaled(gone))
        assert finding.cause == Cause.SCALING_BLIND and "Policy `requests`" in finding.evidence
        assert "ResourceLabel" in finding.mend


def test_scaling_that_is_suspended_comes_after_a_policy_without_data() -> None:
    both = scaled(requests(balancer="app/gone/1"), suspended=("DynamicScalingOutSuspended",))
    first, second = diagnose(both)
    assert [first.cause, second.cause] == [Cause.SCALING_BLIND, Cause.SCALING_SUSPENDED]
    assert "'DynamicScalingOutSuspended': False" in second.mend


def test_a_policy_on_requests_that_nobody_makes_any_more_is_no_fault() -> None:
    busy = (TargetGroup(WEB, minutes=((500, 0),)),)
    assert causes(scaled(requests("INSUFFICIENT_DATA", 1200), groups=busy)) == []


def test_an_alarm_of_any_metric_without_data_for_long() -> None:
    queue = Alarm("queue", "Shop", "Waiting", {}, "INSUFFICIENT_DATA", 1200)
    assert causes(scaled(queue)) == [Cause.SCALING_BLIND]
    assert causes(scaled(replace(queue, unchanged=60))) == []


def test_a_policy_that_no_alarm_calls() -> None:
    alone = replace(scaled(), scaling=Scaling(2, 8, policies=(Policy("more"),)))
    assert causes(alone) == [Cause.SCALING_BLIND]


def test_an_alarm_whose_actions_are_switched_off_calls_no_policy() -> None:
    [finding] = diagnose(scaled(replace(requests("ALARM"), acts=False)))
    assert finding.cause == Cause.SCALING_BLIND and "ActionsEnabled of `errors` is false" in finding.evidence
    assert causes(watched(replace(alarm(LoadBalancer=BALANCER), acts=False))) == []  # ECS asks for its state


def to_and_fro(*course: tuple[float, int], **more: Any) -> Facts:
    """Scaling that so many minutes ago set so many tasks."""
    policies = (Policy("fewer", ("errors",), 0), Policy("more", ("errors",), 60))
    why = "monitor alarm busy in state ALARM triggered policy {}"
    changes = tuple(Change(60 * ago, tasks, why.format("more" if tasks > 2 else "fewer")) for ago, tasks in course)
    return replace(scaled(requests(), **more), scaling=Scaling(1, 8, policies=policies, changes=changes))


UP_AND_DOWN = ((11, 4), (9, 1), (7, 4), (5, 1), (3, 4))


def test_scaling_that_goes_to_and_fro() -> None:
    [finding] = diagnose(to_and_fro(*UP_AND_DOWN))
    assert finding.cause == Cause.SCALES_TO_AND_FRO
    assert "In 8 minutes the tasks were set to 4, 1, 4, 1, 4, by `fewer` (cool-down 0 s) and `more`" in finding.evidence


@pytest.mark.parametrize(
    "course",
    [
        UP_AND_DOWN[:4],
        ((11, 3), (9, 4), (7, 5), (5, 4), (3, 3)),
        tuple((ago + 4, tasks) for ago, tasks in UP_AND_DOWN),
        tuple((ago + 55, tasks) for ago, tasks in UP_AND_DOWN),
    ],
    ids=["thrice", "a day's course", "come to rest", "long ago"],
)
def test_scaling_that_follows_its_load_or_has_come_to_rest_is_no_fault(course: tuple[tuple[float, int], ...]) -> None:
    assert causes(to_and_fro(*course)) == []


def test_activities_are_read_in_order_and_only_those_that_set_a_number_of_tasks() -> None:
    def activity(minute: float, said: str) -> dict[str, Any]:
        return {"StartTime": START + timedelta(minutes=minute), "Description": said, "Cause": "policy more"}

    facts = Facts.read(
        document(),
        scalable={"MinCapacity": 1, "MaxCapacity": 8},
        activities=[
            activity(2, "Setting desired count to 1."),
            activity(1, "Setting desired count to 4."),
            activity(1, "Attempting to scale due to alarm triggered"),
        ],
        policies=[
            {"PolicyName": "more", "PolicyType": "StepScaling", "StepScalingPolicyConfiguration": {"Cooldown": 30}}
        ],
        now=START + timedelta(minutes=3),
        speed=2,
    )
    assert facts.scaling is not None
    assert facts.scaling.changes == (Change(240, 4, "policy more"), Change(120, 1, "policy more"))
    assert facts.scaling.policies[0].cooldown == 30


def test_a_range_that_ends_below_what_the_policy_wants() -> None:
    ringing = requests("ALARM")
    [finding] = diagnose(scaled(ringing, most=2))
    assert finding.cause == Cause.SCALING_AT_MAXIMUM and "2 to 2 tasks" in finding.evidence
    assert causes(scaled(ringing)) == causes(scaled(replace(ringing, above=False), most=2)) == []


def test_scaling_is_read_from_what_boto3_answers() -> None:
    suspended = {"DynamicScalingOutSuspended": True, "DynamicScalingInSuspended": False}
    facts = Facts.read(
        document(),
        scalable={"MinCapacity": 2, "MaxCapacity": 8, "SuspendedState": suspended},
        policies=[
            {"PolicyName": "requests", "PolicyType": "TargetTrackingScaling", "Alarms": [{"AlarmName": "high"}]},
            {"PolicyName": "forecast", "PolicyType": "PredictiveScaling"},
        ],
        alarms=[
            {
                "AlarmName": "high",
                "Namespace": "AWS/ApplicationELB",
                "MetricName": "RequestCountPerTarget",
                "Dimensions": [
                    {"Name": "TargetGroup", "Value": GROUP},
                    {"Name": "LoadBalancer", "Value": "app/gone/1"},
                ],
                "StateValue": "INSUFFICIENT_DATA",
                "StateUpdatedTimestamp": START,
                "ComparisonOperator": "GreaterThanThreshold",
            }
        ],
        balanced=[
            {"TargetGroupArn": WEB, "LoadBalancerArns": [f"arn:aws:elasticloadbalancing:x:y:loadbalancer/{BALANCER}"]}
        ],
        now=START + timedelta(seconds=60),
        speed=30,
    )
    assert facts.balancers == {GROUP: BALANCER}
    assert facts.alarms is not None and facts.alarms["high"].unchanged == 1800
    assert causes(facts) == [Cause.SCALING_BLIND, Cause.SCALING_SUSPENDED]


# -- versions side by side


def weights(**given: int) -> dict[str, Any]:
    arns = {"web": WEB, "next": NEXT}
    several = [{"TargetGroupArn": arns[name], "Weight": weight} for name, weight in given.items()]
    return {"Actions": [{"Type": "forward", "ForwardConfig": {"TargetGroups": several}}]}


def test_who_shares_requests() -> None:
    assert shares_of([WEB], [weights(web=95, next=5)]) == {WEB: 0.95, NEXT: 0.05}
    assert shares_of([WEB], [weights(web=100, next=0)]) == shares_of([WEB], [weights(next=1)]) == {}


@pytest.mark.parametrize("mine", [WEB, NEXT])
def test_of_two_versions_the_one_that_fails_is_named_whichever_service_is_looked_at(mine: str) -> None:
    shares = {WEB: 0.95, NEXT: 0.05}
    good, bad = TargetGroup(WEB, minutes=((1900, 0),)), TargetGroup(NEXT, minutes=((100, 20),))
    own, other = (good, bad) if mine == WEB else (bad, good)
    runs = {NEXT: "the service `next` with `web:3`"}
    [finding] = diagnose(replace(STEADY, groups=(own,), beside=(other,), shares=shares, runs=runs))
    assert finding.cause == Cause.ERRORS
    assert "20 of 100 requests to `next` were answered 5xx: 20.0%. Behind it is the service `next` with `web:3`" in (
        finding.evidence
    )
    assert "Of those to `web`, which shares the requests with it, 0.0%" in finding.evidence
    assert "It gets 5% of the requests. Give it the weight 0" in finding.mend


def test_what_runs_behind_a_target_group_is_read() -> None:
    beside = document(serviceName="next", loadBalancers=[{"targetGroupArn": NEXT}])
    facts = Facts.read(document(loadBalancers=[{"targetGroupArn": WEB}]), neighbours=[beside])
    assert facts.runs == {WEB: "the service `web` with `web:2`", NEXT: "the service `next` with `web:2`"}


# -- routes


def table(*subnets: str, route: bool = True, main: bool = False, state: str = "active") -> dict[str, Any]:
    out = [{"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1", "State": state}] if route else []
    associations: list[dict[str, Any]] = [{"SubnetId": name} for name in subnets]
    return {
        "VpcId": "vpc-1",
        "Routes": [{"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local"}, *out],
        "Associations": [*associations, *([{"Main": True}] if main else [])],
    }


@pytest.mark.parametrize(
    ("tables", "cut_off"),
    [
        ([table("a", "b"), table(route=False, main=True)], True),
        ([table("a", "b"), table("c", state="blackhole")], True),
        ([table("a", "b"), table(main=True)], False),
        ([table("a", "b", "c", route=False)], False),
        ([], False),
    ],
    ids=["the main table's", "a route that leads nowhere", "out by the main table", "all by endpoints", "not read"],
)
def test_a_subnet_that_is_cut_off(tables: list[dict[str, Any]], cut_off: bool) -> None:
    network = {"awsvpcConfiguration": {"subnets": ["a", "b", "c"]}}
    subnets = [{"SubnetId": name, "VpcId": "vpc-1", "AvailableIpAddressCount": 9} for name in "abc"]
    found = diagnose(Facts.read(document(networkConfiguration=network), subnets=subnets, routes=tables))
    assert [one.cause for one in found] == ([Cause.CUT_OFF] if cut_off else [])
    if cut_off:
        assert "No default route: c. With one: a, b." in found[0].evidence


def test_a_cluster_without_instances_says_how_a_service_came_to_want_them() -> None:
    facts = Facts.read(document(launchType="EC2", runningCount=0), cluster={"registeredContainerInstancesCount": 0})
    [finding] = diagnose(facts)
    assert finding.cause == Cause.NO_INSTANCES and "defaultCapacityProviderStrategy" in finding.mend


def test_facts_name_what_they_are_made_of() -> None:
    """Hooks, instances and trials are as their documents are read, too."""
    facts = Facts.read(shifted(), releases=[release()], test_rules=[PLAIN, HEADER], registered={"srv-1": BOTH})
    assert facts.hooks == (
        Hook("sd-1", "hook-1", "POST_TEST_TRAFFIC_SHIFT", "", START + timedelta(hours=1), "ROLLBACK"),
    )
    assert facts.registered[0] == Instance("one", "srv-1", "10.0.0.1", "shop/web")
    assert facts.tests == Trial("the rule of priority 10", ("the header X-Release: green",), "the default rule", "web")


# -- how requests are answered


def answering(*minutes: tuple[float, float], **more: Any) -> Facts:
    return replace(STEADY, groups=(TargetGroup(WEB, states=("healthy",), minutes=minutes, **more),))


def test_errors_that_come_with_many_requests() -> None:
    [finding] = diagnose(answering((20, 0), (240, 90), (20, 0), (30, 0), (200, 70)))
    assert finding.cause == Cause.ERRORS_UNDER_LOAD
    assert "Of the minutes with up to 30 requests 0.0% were, of those with 200 and more 36.4%" in finding.evidence


@pytest.mark.parametrize(
    "minutes",
    [((20, 6), (240, 90)), ((2, 0), (240, 90)), ((240, 0), (240, 90)), ((300, 0), (240, 90))],
    ids=["as often in quiet", "too few to tell", "the same number", "fewer fail more"],
)
def test_errors_that_come_anyhow(minutes: tuple[tuple[float, float], ...]) -> None:
    assert causes(answering(*minutes)) == [Cause.ERRORS]


def test_slow_answers() -> None:
    [finding] = diagnose(answering((20, 0), seconds=1.5))
    assert finding.cause == Cause.SLOW and "1.50 s on average to answer 20 requests" in finding.evidence
    for well in (answering((20, 0), seconds=0.9), answering((4, 0), seconds=9.0), answering((20, 0))):
        assert causes(well) == []


# -- where tasks run


OPEN, SHUT = 100, 32767


def acl(*subnets: str, allows: bool = True, **ports: int) -> dict[str, Any]:
    """One that lets everything through, or nothing; or these ports alone into its subnets."""
    entries = []
    for egress in (False, True):
        rest = {"Egress": egress, "CidrBlock": "0.0.0.0/0", "Protocol": "-1"}
        if allows:
            of = {"Protocol": "6", "PortRange": {"From": ports["first"], "To": ports["last"]}} if ports else {}
            entries.append({**rest, "RuleNumber": OPEN, "RuleAction": "allow", **({} if egress else of)})
        entries.append({**rest, "RuleNumber": SHUT, "RuleAction": "deny"})
    associations = [{"SubnetId": name} for name in subnets]
    return {"NetworkAclId": "acl-1", "Associations": associations, "Entries": entries}


@pytest.mark.parametrize(
    ("acls", "shut"),
    [
        ([acl("a"), acl("b", allows=False)], "b"),
        ([acl("a"), acl("b", first=443, last=443)], "b"),
        ([acl("a"), acl("b", first=8000, last=8999)], ""),
        ([acl("a", "b")], ""),
        ([], ""),
    ],
    ids=["nothing", "another port", "its port", "everything", "not read"],
)
def test_a_network_acl_that_shuts_a_subnet_off(acls: list[dict[str, Any]], shut: str) -> None:
    network = {"awsvpcConfiguration": {"subnets": ["a", "b"]}}
    subnets = [
        {"SubnetId": name, "VpcId": "vpc-1", "CidrBlock": f"10.0.{number}.0/24", "AvailableIpAddressCount": 9}
        for number, name in enumerate("ab")
    ]
    container = {"name": "web", "portMappings": [{"containerPort": 8080}]}
    definitions = {document()["taskDefinition"]: {"containerDefinitions": [container]}}
    given: dict[str, Any] = {"definitions": definitions, "subnets": subnets, "acls": acls}
    found = diagnose(Facts.read(document(networkConfiguration=network), **given))
    assert [one.cause for one in found] == ([Cause.SHUT_OFF] if shut else [])
    if shut:
        assert f"no calls at 8080 in from the other subnets of the service, or no answers out: {shut} (`acl-1`)" in (
            found[0].evidence
        )


def interrupted(*minutes: float, **more: Any) -> Facts:
    reason = "Your Spot Task was interrupted."
    tasks = [
        StoppedTask(str(minute), "ecs-svc/2", START, START + timedelta(minutes=minute), "SpotInterruption", reason)
        for minute in minutes
    ]
    return replace(STEADY, stopped=tuple(tasks), **more)


def test_spot_capacity_that_is_all_there_is() -> None:
    """ECS developer guide, *Fargate Spot termination notices*: the stop code and the words."""
    facts = interrupted(1, 2, providers=("FARGATE_SPOT",), running_count=0)
    [finding] = diagnose(facts)
    assert finding.cause == Cause.SPOT_TAKEN
    assert "2 tasks of the current deployment stopped with SpotInterruption" in finding.evidence
    assert "0 of 2 tasks run" in finding.evidence and "`base` on FARGATE" in finding.mend


def test_an_interruption_where_on_demand_capacity_carries_the_service() -> None:
    both = ("FARGATE", "FARGATE_SPOT")
    assert causes(interrupted(1, providers=both, running_count=1)) == [Cause.INTERRUPTED]
    strategy = [{"capacityProvider": one, "weight": 1} for one in both]
    assert Facts.read(document(capacityProviderStrategy=strategy)).providers == both

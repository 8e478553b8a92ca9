"""Lab 07: what each check says of nothing, of something wrong and of something right. The tests build on each other."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import urllib3

from drydock.cloud import Cloud
from drydock.labs import Lab, wait_until
from drydock.ledger import sweep
from drydock.load import Load
from drydock.policy.traffic import band

from .conftest import solve, state, tried, until, update

NAME = "07-canary"


def balancer(cloud: Cloud) -> dict[str, Any]:
    return dict(cloud.client("elbv2").describe_load_balancers(Names=["drydock-canary"])["LoadBalancers"][0])


def listener(cloud: Cloud) -> str:
    found = cloud.client("elbv2").describe_listeners(LoadBalancerArn=balancer(cloud)["LoadBalancerArn"])
    return str(found["Listeners"][0]["ListenerArn"])


def group(cloud: Cloud, name: str) -> str:
    found = cloud.client("elbv2").describe_target_groups(Names=[f"drydock-{name}"])
    return str(found["TargetGroups"][0]["TargetGroupArn"])


def forward(cloud: Cloud, **weights: int) -> None:
    """Let the listener forward to these target groups, by the names of their services."""
    tuples = [{"TargetGroupArn": group(cloud, name), "Weight": weight} for name, weight in weights.items()]
    action = {"Type": "forward", "ForwardConfig": {"TargetGroups": tuples}}
    cloud.client("elbv2").modify_listener(ListenerArn=listener(cloud), DefaultActions=[action])


def revision(cloud: Cloud, version: str) -> str:
    """ARN of the newest revision of drydock-release with this version."""
    ecs = cloud.client("ecs")
    for arn in ecs.list_task_definitions(familyPrefix="drydock-release", sort="DESC")["taskDefinitionArns"]:
        definition = ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
        if {"name": "VERSION", "value": version} in definition["containerDefinitions"][0]["environment"]:
            return str(arn)
    raise LookupError(version)


def count(cloud: Cloud, requests: int) -> Counter[str]:
    """Who answered so many requests to the load balancer: a version, or the status."""
    url, pool = f"http://{balancer(cloud)['DNSName']}/", urllib3.PoolManager(maxsize=4, retries=False, timeout=10)

    def answer(_: int) -> str:
        reply = pool.request("GET", url)
        return str(reply.json()["version"]) if reply.status == 200 else str(reply.status)

    with ThreadPoolExecutor(4) as clients:
        return Counter(clients.map(answer, range(requests)))


def errors_counted(lab: Lab) -> float:
    """The sum of HTTPCode_Target_5XX_Count of the canary's group, asked for as GetMetricData has it."""
    dimensions = [
        {"Name": "LoadBalancer", "Value": balancer(lab.cloud)["LoadBalancerArn"].partition("loadbalancer/")[2]},
        {"Name": "TargetGroup", "Value": group(lab.cloud, "canary").rpartition(":")[2]},
    ]
    metric = {
        "Namespace": "AWS/ApplicationELB",
        "MetricName": "HTTPCode_Target_5XX_Count",
        "Dimensions": dimensions,
    }
    now = datetime.now(UTC)
    answer = lab.cloud.client("cloudwatch").get_metric_data(
        MetricDataQueries=[{"Id": "errors", "MetricStat": {"Metric": metric, "Period": 3600, "Stat": "Sum"}}],
        StartTime=now - timedelta(minutes=30),
        EndTime=now + timedelta(minutes=1),
    )
    return float(sum(answer["MetricDataResults"][0]["Values"]))


def test_an_empty_cloud_is_not_started_and_told_in_our_words(lab: Lab) -> None:
    found = {step.name: step.check(lab.cloud, lab) for step in lab.steps}
    assert {name: check.state for name, check in found.items()} == {step.name: "not started" for step in lab.steps}
    assert not [check.message for check in found.values() if "AWS answers" in check.message]


def test_two_versions(lab: Lab) -> None:
    ecs = lab.cloud.client("ecs")
    lab.set_up()
    assert state(lab, "two-versions")[0] == "not started"

    def register(*variables: tuple[str, str]) -> str:
        environment = [{"name": name, "value": value} for name, value in variables]
        container = {"name": "backend", "image": "backend", "memory": 64, "environment": environment}
        made = ecs.register_task_definition(family="drydock-release", containerDefinitions=[container])
        return str(made["taskDefinition"]["taskDefinitionArn"])

    one = register(("VERSION", "v1"))
    assert state(lab, "two-versions") == ("wrong", "No revision has VERSION v2.")
    two = register(("VERSION", "v2"), ("ERROR_RATE", "0.5"))
    assert state(lab, "two-versions") == ("wrong", "v2 answers some requests with an error.")
    for arn in (one, two):
        ecs.deregister_task_definition(taskDefinition=arn)
    assert state(lab, "two-versions")[0] == "not started"
    solve(lab, "two-versions")


def test_weighted_listener(lab: Lab) -> None:
    elbv2 = lab.cloud.client("elbv2")
    assert state(lab, "weighted-listener") == ("not started", "There is no load balancer drydock-canary.")
    solve(lab, "weighted-listener")
    delay = "deregistration_delay.timeout_seconds"

    def later(seconds: str) -> Any:
        attributes = [{"Key": delay, "Value": seconds}]
        return elbv2.modify_target_group_attributes(TargetGroupArn=group(lab.cloud, "canary"), Attributes=attributes)

    for wrong, right, words in [
        (lambda: forward(lab.cloud, stable=1), lambda: forward(lab.cloud, stable=100, canary=0), "both target groups"),
        (
            lambda: elbv2.modify_listener(ListenerArn=listener(lab.cloud), Port=81),
            lambda: elbv2.modify_listener(ListenerArn=listener(lab.cloud), Port=80),
            "port 80",
        ),
        (
            lambda: elbv2.modify_target_group(TargetGroupArn=group(lab.cloud, "stable"), HealthCheckPath="/"),
            lambda: elbv2.modify_target_group(TargetGroupArn=group(lab.cloud, "stable"), HealthCheckPath="/health"),
            "/health",
        ),
        (lambda: later("300"), lambda: later("5"), "300 s"),
    ]:
        wrong()
        assert (found := state(lab, "weighted-listener"))[0] == "wrong", words
        assert words in found[1]
        right()
        assert state(lab, "weighted-listener")[0] == "passed", words


def test_two_services(lab: Lab) -> None:
    assert state(lab, "two-services")[0] == "not started"
    assert state(lab, "promote")[0] == "not started"
    forward(lab.cloud, stable=95, canary=5)
    assert state(lab, "five-percent") == ("wrong", "The canary has no healthy target to answer its requests.")
    forward(lab.cloud, stable=100, canary=0)
    solve(lab, "two-services")
    update(lab.cloud, "canary", taskDefinition=revision(lab.cloud, "v1"))
    until(lab, "two-services", "wrong", "`canary` runs v1, not v2")
    update(lab.cloud, "canary", taskDefinition=revision(lab.cloud, "v2"))
    update(lab.cloud, "stable", desiredCount=1)
    until(lab, "two-services", "wrong", "one task")
    update(lab.cloud, "stable", desiredCount=2)
    until(lab, "two-services", "passed")


def test_five_percent_are_counted_at_the_client(lab: Lab) -> None:
    assert state(lab, "five-percent") == ("not started", "The canary gets 0 % of the requests.")
    forward(lab.cloud, stable=5, canary=95)
    assert state(lab, "five-percent") == ("wrong", "The canary gets 95 % of the requests.")
    forward(lab.cloud, stable=19, canary=1)
    assert state(lab, "five-percent")[0] == "passed"
    solve(lab, "five-percent")
    wait_until(lambda: count(lab.cloud, 100)["v2"], "the canary is asked")
    seen = count(lab.cloud, 1000)
    assert set(seen) == {"v1", "v2"}
    assert band(1000, 0.05, sigmas=6).holds(seen["v2"])


def test_enough_traffic(lab: Lab) -> None:
    assert state(lab, "enough-traffic") == ("not started", "The canary gets 5 % of the requests.")
    forward(lab.cloud, stable=86, canary=14)
    assert state(lab, "enough-traffic") == (
        "wrong",
        "With 14 % the fault shows with a probability of 93.9%, less than 95%.",
    )
    forward(lab.cloud, stable=80, canary=20)
    assert state(lab, "enough-traffic") == ("wrong", "20 % is more than it takes. Fewer customers would do.")
    forward(lab.cloud, stable=17, canary=3)
    assert state(lab, "enough-traffic")[0] == "passed"
    forward(lab.cloud, stable=95, canary=5)
    closed = '[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}]'
    tried(lab, "enough-traffic", f"elbv2.modify_listener(ListenerArn=listener, DefaultActions={closed})")


def test_half(lab: Lab) -> None:
    assert state(lab, "half") == ("not started", "The canary gets 15 % of the requests.")
    forward(lab.cloud, stable=1, canary=2)
    assert state(lab, "half") == ("wrong", "The canary gets 66.67 % of the requests.")
    forward(lab.cloud, stable=50, canary=50)
    assert state(lab, "half") == ("wrong", "The canary gets half of the requests with fewer tasks than stable.")
    solve(lab, "half")


def test_all_on_canary(lab: Lab) -> None:
    assert state(lab, "all-on-canary") == ("not started", "The canary gets 50 % of the requests.")
    forward(lab.cloud, stable=0, canary=100)
    update(lab.cloud, "stable", desiredCount=0)
    until(lab, "all-on-canary", "wrong", "not there to go back to")
    update(lab.cloud, "stable", desiredCount=2)
    solve(lab, "all-on-canary")
    wait_until(lambda: count(lab.cloud, 50)["v1"] == 0, "v1 is asked no more")
    assert count(lab.cloud, 300) == {"v2": 300}


def test_promote(lab: Lab) -> None:
    assert state(lab, "promote") == ("not started", "`stable` runs v1, and gets no requests.")
    forward(lab.cloud, stable=100, canary=0)
    assert state(lab, "promote") == ("wrong", "`stable` runs v1 and gets requests.")
    forward(lab.cloud, stable=0, canary=100)
    update(lab.cloud, "stable", taskDefinition=revision(lab.cloud, "v2"))
    until(lab, "promote", "wrong", "still gets 100 %")
    retired = """
for name in ("canary", "stable"):
    ecs.update_service(cluster="drydock", service=name, desiredCount=0)
"""
    tried(lab, "promote", retired)
    update(lab.cloud, "canary", desiredCount=2)


def test_requests_that_reach_neither_version_are_no_success(lab: Lab) -> None:
    every = ("five-percent", "enough-traffic", "half", "all-on-canary", "promote", "bad-version")

    def say(words: str) -> None:
        found = {name: state(lab, name) for name in every}
        assert all(state == "wrong" and words in message for state, message in found.values()), found

    forward(lab.cloud, stable=0, canary=0)
    say("Every weight is 0")
    elbv2 = lab.cloud.client("elbv2")
    closed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503"}}
    elbv2.modify_listener(ListenerArn=listener(lab.cloud), DefaultActions=[closed])
    say("neither target group")
    vpc = elbv2.describe_target_groups(Names=["drydock-stable"])["TargetGroups"][0]["VpcId"]
    elbv2.create_target_group(Name="drydock-other", VpcId=vpc, TargetType="ip", Protocol="HTTP", Port=8080)
    forward(lab.cloud, stable=50, other=50)
    say("a third target group")
    forward(lab.cloud, stable=100, canary=0)
    assert state(lab, "promote")[0] == "passed"


def test_the_drill_of_the_bad_version(lab: Lab) -> None:
    assert state(lab, "bad-version") == ("not started", "v3 is not out.")
    lab.break_it("bad-version")
    assert state(lab, "bad-version") == ("wrong", "The canary gets 5 % of the requests.")
    forward(lab.cloud, stable=100, canary=0)
    assert state(lab, "bad-version")[0] == "not started"  # nobody has asked v3 for anything
    forward(lab.cloud, stable=50, canary=50)
    wait_until(lambda: count(lab.cloud, 20)["v3"], "v3 is asked")
    assert state(lab, "bad-version")[0] == "wrong"
    solve(lab, "bad-version")
    update(lab.cloud, "stable", desiredCount=0)
    until(lab, "bad-version", "wrong", "`stable` does not stand")
    update(lab.cloud, "stable", desiredCount=2)
    until(lab, "bad-version", "passed")
    update(lab.cloud, "canary", taskDefinition=revision(lab.cloud, "v2"))
    assert state(lab, "bad-version")[0] == "passed"


def test_cloudwatch_counts_the_errors_that_clients_got(lab: Lab) -> None:
    update(lab.cloud, "canary", taskDefinition=revision(lab.cloud, "v3"))
    until(lab, "bad-version", "passed")
    lab.cloud.client("ecs").get_waiter("services_stable").wait(cluster="drydock", services=["canary"])
    before = errors_counted(lab)
    forward(lab.cloud, stable=50, canary=50)
    seen = count(lab.cloud, 400)
    assert seen["500"] > 0
    wait_until(lambda: errors_counted(lab) >= before + seen["500"], "CloudWatch has them")
    assert errors_counted(lab) == before + seen["500"]


def alarm(lab: Lab, colour: str, **changes: Any) -> None:
    """The alarm of a colour as the lab makes it, but for these fields."""
    dimensions = {
        "TargetGroup": group(lab.cloud, colour).rpartition(":")[2],
        "LoadBalancer": balancer(lab.cloud)["LoadBalancerArn"].partition("loadbalancer/")[2],
    }
    given = {
        "AlarmName": f"drydock-release-{colour}", "Namespace": "AWS/ApplicationELB", "Statistic": "Sum", "Period": 60,
        "MetricName": "HTTPCode_Target_5XX_Count", "EvaluationPeriods": 1, "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold", "TreatMissingData": "notBreaching",
        "Dimensions": dimensions, **changes,
    }  # fmt: skip
    named = [{"Name": name, "Value": value} for name, value in given["Dimensions"].items()]
    lab.cloud.client("cloudwatch").put_metric_alarm(**{**given, "Dimensions": named})


def configured(minutes: int = 2, percent: float = 10.0, **alarms: Any) -> dict[str, Any]:
    names = ["drydock-release-blue", "drydock-release-green"]
    return {
        "strategy": "CANARY",
        "canaryConfiguration": {"canaryPercent": percent, "canaryBakeTimeInMinutes": minutes},
        "bakeTimeInMinutes": 0,
        "alarms": {"alarmNames": names, "enable": True, "rollback": True, **alarms},
    }


def configure(lab: Lab, *given: Any, **more: Any) -> None:
    """Change how `release` is deployed; that deploys nothing."""
    update(lab.cloud, "release", deploymentConfiguration=configured(*given, **more))


def test_a_service_that_ecs_deploys_by_canary(lab: Lab) -> None:
    assert state(lab, "ecs-canary") == ("not started", "The cluster `drydock` has no service `release`.")
    solve(lab, "ecs-canary")
    rolling = {**configured(), "strategy": "ROLLING"}
    del rolling["canaryConfiguration"], rolling["bakeTimeInMinutes"]
    update(lab.cloud, "release", deploymentConfiguration=rolling)
    until(lab, "ecs-canary", "wrong", "deployed by ROLLING")
    configure(lab, percent=5.0)
    until(lab, "ecs-canary", "wrong", "5 %, not 10 %")
    for alarms in ({"enable": False}, {"rollback": False}, {"alarmNames": []}):
        configure(lab, **alarms)
        until(lab, "ecs-canary", "wrong", "No alarm rolls a deployment back")
    configure(lab, alarmNames=["drydock-release-blue"])
    until(lab, "ecs-canary", "wrong", "errors of drydock-green")
    configure(lab)
    until(lab, "ecs-canary", "passed")
    whole = {"LoadBalancer": balancer(lab.cloud)["LoadBalancerArn"].partition("loadbalancer/")[2]}
    for blind in (
        {"Dimensions": whole},
        {"Dimensions": {**whole, "TargetGroup": group(lab.cloud, "blue")}},
        {"MetricName": "HTTPCode_ELB_5XX_Count"},
        {"Namespace": "AWS/ELB"},
    ):
        alarm(lab, "blue", **blind)
        assert state(lab, "ecs-canary") == ("wrong", "No alarm of the deployment sees the errors of drydock-blue.")
    alarm(lab, "blue")
    assert state(lab, "ecs-canary")[0] == "passed"


def test_a_version_that_bakes(lab: Lab) -> None:
    solve(lab, "ecs-canary")
    assert state(lab, "let-it-bake") == ("not started", "`release` runs v2.")
    assert state(lab, "rolled-back") == ("not started", "v5 was never deployed.")
    url = f"http://{balancer(lab.cloud)['DNSName']}/?service=release"
    requests = Load(url, rps=50).start()
    solve(lab, "let-it-bake")
    report = requests.stop()
    assert set(report.versions) == {"v2", "v4"}
    assert report.failed == 0


def test_a_version_that_an_alarm_takes_back(lab: Lab) -> None:
    solve(lab, "let-it-bake")
    solve(lab, "rolled-back")
    url = f"http://{balancer(lab.cloud)['DNSName']}/?service=release"
    report = Load(url, rps=100).start(1).wait()
    assert (set(report.versions), report.failed) == ({"v4"}, 0)
    assert state(lab, "let-it-bake")[0] == "passed"


def test_an_alarm_and_a_bake_time_that_fit(lab: Lab) -> None:
    for colour in ("blue", "green"):
        alarm(lab, colour)
    configure(lab, 10)
    until(lab, "careful", "not started", "10 minutes, and no alarm rings at one error")
    configure(lab, 1)
    until(lab, "careful", "wrong", "probability of 63.2%")
    configure(lab, 4)
    until(lab, "careful", "wrong", "4 minutes are more than it takes")
    configure(lab, 3)
    until(lab, "careful", "wrong", "does not set off drydock-release-blue")
    for deaf in ({"Threshold": 2.0}, {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 1.0},
                 {"EvaluationPeriods": 2, "Threshold": 1.0}, {"Period": 300, "Threshold": 1.0}):  # fmt: skip
        alarm(lab, "blue", **deaf)
        assert state(lab, "careful")[0] == "wrong", deaf
    alarm(lab, "blue", Threshold=1.0)
    assert state(lab, "careful") == ("wrong", "One error in a minute does not set off drydock-release-green.")
    alarm(lab, "green", Threshold=0.0, ComparisonOperator="GreaterThanThreshold")
    assert state(lab, "careful")[0] == "passed"
    configure(lab, 3, percent=20.0)
    until(lab, "careful", "wrong", "no canary of 10 %")
    configure(lab, 10)
    alarm(lab, "green")
    off = '{"alarms": {"alarmNames": [], "enable": False, "rollback": False}, "strategy": "BLUE_GREEN"}'
    tried(lab, "careful", f'ecs.update_service(cluster="drydock", service="release", deploymentConfiguration={off})')


def test_the_drill_of_the_alarm_that_saw_nothing(lab: Lab) -> None:
    for colour in ("blue", "green"):
        alarm(lab, colour)
    configure(lab)
    until(lab, "blind-alarm", "passed")
    lab.break_it("blind-alarm")
    assert state(lab, "blind-alarm") == ("wrong", "No alarm of the deployment sees the errors of drydock-blue.")
    for colour in ("blue", "green"):
        alarm(lab, colour)
    assert state(lab, "blind-alarm") == ("wrong", "The alarms see now, and `release` runs v6, which fails.")
    configure(lab, enable=False)
    until(lab, "blind-alarm", "wrong", "No alarm rolls a deployment back")
    update(lab.cloud, "release", taskDefinition=revision(lab.cloud, "v4"))
    configure(lab)
    until(lab, "blind-alarm", "passed")


def test_a_fix_that_an_alarm_rolls_back_is_told(lab: Lab) -> None:
    lab.break_it("blind-alarm")
    for colour in ("blue", "green"):
        alarm(lab, colour)
    update(lab.cloud, "release", taskDefinition=revision(lab.cloud, "v4"), deploymentConfiguration=configured(10))
    url = f"http://{balancer(lab.cloud)['DNSName']}/?service=release"
    requests = Load(url, rps=50).start()
    until(lab, "blind-alarm", "wrong", "rolled back the deployment that was to end them")
    requests.stop()
    tried(lab, "blind-alarm", 'cloud.client("cloudwatch").delete_alarms(AlarmNames=["drydock-release-blue"])')


def test_nothing_is_left_and_nothing_of_it_counts_in_the_next_round(lab: Lab) -> None:
    lab.clean_up(sure=True)
    assert not sweep(lab.cloud).survivors
    lab.set_up(before="promote")
    assert state(lab, "all-on-canary")[0] == "passed"
    assert state(lab, "bad-version") == ("not started", "v3 is not out.")
    lab.clean_up(sure=True)

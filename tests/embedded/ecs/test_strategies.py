"""BLUE_GREEN, LINEAR and CANARY deployments in time: every turn of the engine is the test's own."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.lab import Lab
from tests.support.site import Site, make_site
from tests.support.stepped import World

from drydock.embedded.services.ecs.kept import Kept

BLUE_GREEN = {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1}
LINEAR = {
    "strategy": "LINEAR",
    "linearConfiguration": {"stepPercent": 30.0, "stepBakeTimeInMinutes": 1},
    "bakeTimeInMinutes": 1,
}
CANARY = {
    "strategy": "CANARY",
    "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 2},
    "bakeTimeInMinutes": 1,
}
IN_ORDER = [
    "PRE_SCALE_UP", "SCALE_UP", "POST_SCALE_UP", "TEST_TRAFFIC_SHIFT", "POST_TEST_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME", "CLEAN_UP",
]  # fmt: skip


@pytest.fixture
def lab(world: World) -> Lab:
    return world.lab()


@pytest.fixture
def site(lab: Lab) -> Site:
    return make_site(lab)


def test_a_canary_shifts_a_tenth_bakes_and_shifts_the_rest(world: World, lab: Lab, site: Site) -> None:
    site.create(3, CANARY)
    assert site.weights() == (100, 0)
    site.update()
    site.watch()
    world.turned.append(site.watch)
    shifted = site.until_stage("PRODUCTION_TRAFFIC_SHIFT")
    lab.until(lambda: site.weights() == (90, 10))
    assert shifted["status"] == "IN_PROGRESS"
    assert site.weights(site.test) == (0, 100)
    began = world.clock.time()
    now = site.deployment()
    assert now["targetServiceRevision"]["requestedProductionTrafficWeight"] == 10.0
    assert now["sourceServiceRevisions"][0]["requestedProductionTrafficWeight"] == 90.0
    assert len(lab.tasks()) == 6
    lab.until(lambda: site.weights() == (0, 100))
    assert world.clock.time() - began == pytest.approx(2 * 60, abs=2)
    began = world.clock.time()
    site.until_stage("CLEAN_UP")
    assert world.clock.time() - began == pytest.approx(60, abs=3)
    done = site.until_status("SUCCESSFUL")
    assert site.seen == IN_ORDER
    assert done["finishedAt"] >= done["startedAt"]
    lab.until_steady(3)
    assert site.versions() == {"2"}


def test_an_alarm_in_alarm_rolls_a_canary_back_at_once_and_starts_no_task(world: World, lab: Lab, site: Site) -> None:
    cloudwatch = lab.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="errors", MetricName="Errors", Namespace="Test", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    site.create(3, {**CANARY, "alarms": {"alarmNames": ["errors"], "enable": True, "rollback": True}})
    site.update()
    site.until_stage("PRODUCTION_TRAFFIC_SHIFT")
    lab.until(lambda: site.weights() == (90, 10))
    started = len(world.runtime.started)
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="test")
    world.pass_time(10)
    assert site.weights() == (100, 0)
    assert site.weights(site.test) == (100, 0)
    done = site.until_status("ROLLBACK_SUCCESSFUL")
    assert done["alarms"] == {"status": "TRIGGERED", "alarmNames": ["errors"], "triggeredAlarmNames": ["errors"]}
    assert done["rollback"]["serviceRevisionArn"] == done["sourceServiceRevisions"][0]["arn"]
    lab.until_steady(3)
    assert site.versions() == {"1"}
    assert len(world.runtime.started) == started
    assert "deployment failed: alarm detected." in site.events()
    assert "rolling back to deployment ecs-svc/" in site.events()


# -- blue/green -------------------------------------------------------------------------------------------


def test_blue_and_green_swap_with_every_deployment(world: World, lab: Lab, site: Site) -> None:
    site.create(2, BLUE_GREEN)
    site.update("2", deploymentConfiguration={"lifecycleHooks": paused("POST_TEST_TRAFFIC_SHIFT")})
    tested = site.until_stage("POST_TEST_TRAFFIC_SHIFT")
    assert (tested["targetServiceRevision"]["requestedTestTrafficWeight"], site.weights()) == (100.0, (100, 0))
    hook = lab.until(lambda: site.deployment()["lifecycleHookDetails"])[0]["hookId"]
    lab.ecs.continue_service_deployment(serviceDeploymentArn=site.arn(), hookId=hook)
    baking = site.until_stage("BAKE_TIME")
    assert (site.weights(), len(lab.tasks())) == ((0, 100), 4)
    site.until_status("SUCCESSFUL")
    lab.until_steady(2)
    [revision] = lab.ecs.describe_service_revisions(serviceRevisionArns=[baking["targetServiceRevision"]["arn"]])[
        "serviceRevisions"
    ]
    resolved = {"targetGroupArn": site.green, "productionListenerRule": site.production}
    assert revision["resolvedConfiguration"] == {"loadBalancers": [resolved]}
    assert lab.service()["loadBalancers"] == [site.entry()]
    site.update("3", deploymentConfiguration={"lifecycleHooks": []})
    site.until_status("SUCCESSFUL")
    lab.until_steady(2)
    assert (site.weights(), site.versions()) == ((100, 0), {"3"})
    site.update("4", deploymentConfiguration={"strategy": "ROLLING"})
    lab.until_steady(2)
    assert (site.weights(), site.versions()) == ((100, 0), {"4"})


def test_a_linear_deployment_goes_up_in_steps(world: World, lab: Lab, site: Site) -> None:
    site.create(1, LINEAR)
    site.update()
    seen: list[tuple[int, int]] = []
    world.turned.append(lambda: seen[-1:] == [site.weights()] or seen.append(site.weights()))
    site.until_status("SUCCESSFUL")
    assert seen == [(100, 0), (70, 30), (40, 60), (10, 90), (0, 100)]


def test_without_a_load_balancer_the_stages_are_gone_through_all_the_same(world: World, lab: Lab) -> None:
    lab.create(lab.register(), 1, deploymentConfiguration=CANARY)
    lab.until_steady(1)
    lab.ecs.update_service(cluster="lab", service="app", taskDefinition=lab.register(environment={"VERSION": "2"}))
    headless = Site(lab, "", "", "", "")
    headless.watch()
    world.turned.append(headless.watch)
    headless.until_status("SUCCESSFUL")
    assert headless.seen == IN_ORDER


# -- what fails -------------------------------------------------------------------------------------------


def test_both_target_groups_must_be_in_a_rule(world: World, lab: Lab, site: Site) -> None:
    site.create(1, CANARY)
    elb = lab.client("elbv2")
    only = [{"TargetGroupArn": site.blue, "Weight": 1}]
    other = elb.describe_rules(RuleArns=[site.test])["Rules"][0]
    for rule in (site.production, site.test):
        elb.modify_rule(RuleArn=rule, Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": only}}])
    elb.create_rule(  # green has a load balancer still
        ListenerArn=site.test.replace(":listener-rule/", ":listener/").rsplit("/", 1)[0], Priority=9,
        Conditions=other["Conditions"],
        Actions=[{"Type": "forward", "TargetGroupArn": site.green}],
    )  # fmt: skip
    site.update()
    failed = site.until_status("ROLLBACK_SUCCESSFUL")
    assert failed["statusReason"] == (
        "Service deployment rolled back because of invalid networking configuration. Both targetGroup and "
        "alternateTargetGroup must be associated with the productionListenerRule or testListenerRule."
    )
    lab.until_steady(1)
    assert site.versions() == {"1"}


@pytest.mark.parametrize("configuration", [CANARY, BLUE_GREEN, LINEAR], ids=lambda c: c["strategy"])
def test_in_the_bake_a_roll_back_is_a_switch_of_traffic(
    world: World, lab: Lab, site: Site, configuration: dict[str, Any]
) -> None:
    site.create(2, configuration)
    site.update()
    site.until_stage("BAKE_TIME")
    assert site.weights() == (0, 100)
    started = len(world.runtime.started)
    lab.ecs.stop_service_deployment(serviceDeploymentArn=site.arn(), stopType="ROLLBACK")
    assert site.deployment()["status"] == "ROLLBACK_REQUESTED"
    world.settle()
    assert (site.weights(), site.deployment()["status"]) == ((100, 0), "ROLLBACK_IN_PROGRESS")
    site.until_status("ROLLBACK_SUCCESSFUL")
    lab.until_steady(2)
    assert site.versions() == {"1"}
    assert len(world.runtime.started) == started


def test_what_ends_a_deployment_or_a_roll_back_is_said(world: World, lab: Lab, site: Site) -> None:
    site.create(2, CANARY)
    site.update()
    site.until_stage("PRODUCTION_TRAFFIC_SHIFT")
    first = site.arn()
    site.update()
    world.settle()
    described = lab.ecs.describe_service_deployments(serviceDeploymentArns=[first])["serviceDeployments"][0]
    assert described["status"] == "STOPPED"
    assert described["statusReason"].endswith("stopped: a newer deployment of the service began.")
    site.until_stage("BAKE_TIME")
    second = site.arn()
    lab.ecs.stop_service_deployment(serviceDeploymentArn=second, stopType="ROLLBACK")
    lab.ecs.delete_service(cluster="lab", service="app", force=True)
    lab.until(lambda: lab.service()["status"] == "INACTIVE")
    described = lab.ecs.describe_service_deployments(serviceDeploymentArns=[second])["serviceDeployments"][0]
    assert described["status"] == "ROLLBACK_FAILED"
    assert described["statusReason"].endswith("Its roll-back ended: the service was deleted.")


def test_in_the_clean_up_a_roll_back_starts_tasks_before_it_switches(world: World, lab: Lab, site: Site) -> None:
    site.create(2, BLUE_GREEN)
    site.update()
    site.until_stage("CLEAN_UP")
    world.settle()
    lab.ecs.stop_service_deployment(serviceDeploymentArn=site.arn())
    world.settle()
    assert site.weights() == (0, 100)
    site.until_status("ROLLBACK_SUCCESSFUL")
    lab.until_steady(2)
    assert (site.weights(), site.versions()) == ((100, 0), {"1"})


def test_an_aborted_deployment_stays_as_it_is_until_the_next(world: World, lab: Lab, site: Site) -> None:
    site.create(2, CANARY)
    site.update("2")
    site.until_stage("PRODUCTION_TRAFFIC_SHIFT")
    lab.until(lambda: site.weights() == (90, 10))
    arn = site.arn()
    lab.ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ABORT")
    world.pass_time(600)
    assert (site.deployment()["status"], site.weights(), len(lab.tasks())) == ("STOPPED", (90, 10), 4)
    with pytest.raises(ClientError, match="STOPPED") as refused:
        lab.ecs.stop_service_deployment(serviceDeploymentArn=arn)
    assert refused.value.response["Error"]["Code"] == "ConflictException"
    site.update("3")
    site.until_status("SUCCESSFUL")
    lab.until_steady(2)
    assert (site.versions(), site.weights()) == ({"3"}, (0, 100))


def test_a_first_deployment_has_nothing_to_go_back_to(world: World, lab: Lab, site: Site) -> None:
    definition = lab.register(environment={"EXIT": "1"})
    lab.create(definition, 2, loadBalancers=[site.entry()], deploymentConfiguration=BLUE_GREEN)
    site.until_stage("SCALE_UP")
    world.pass_time(60)
    lab.ecs.stop_service_deployment(serviceDeploymentArn=site.arn())
    stopped = site.deployment()
    assert stopped["status"] == "ROLLBACK_FAILED"
    started = len(world.runtime.started)
    world.pass_time(900)
    assert (site.deployment()["status"], len(world.runtime.started)) == ("ROLLBACK_FAILED", started)
    site.update("2")
    site.until_status("SUCCESSFUL")
    lab.until_steady(2)


def test_a_stop_that_cannot_be_kept_stops_nothing(
    world: World, lab: Lab, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.create(1, BLUE_GREEN)
    site.update()
    before = site.until_stage("BAKE_TIME")

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Kept, "write", full)
        with pytest.raises(ClientError, match="No space left"):
            lab.ecs.stop_service_deployment(serviceDeploymentArn=site.arn())
    assert site.deployment() == before
    site.until_status("SUCCESSFUL")
    lab.until_steady(1)
    assert site.versions() == {"2"}


def test_what_is_not_there_cannot_be_stopped_nor_continued(world: World, lab: Lab) -> None:
    arn = "arn:aws:ecs:us-east-1:000000000000:service-deployment/lab/app/none"
    for call in (
        lambda: lab.ecs.stop_service_deployment(serviceDeploymentArn=arn),
        lambda: lab.ecs.continue_service_deployment(serviceDeploymentArn=arn, hookId="x"),
    ):
        with pytest.raises(ClientError) as refused:
            call()
        assert refused.value.response["Error"]["Code"] == "ServiceDeploymentNotFoundException"


def test_an_alarm_that_was_there_before_does_not_stop_the_cure(world: World, lab: Lab, site: Site) -> None:
    cloudwatch = lab.client("cloudwatch")
    for name in ("errors", "slow"):
        cloudwatch.put_metric_alarm(
            AlarmName=name, MetricName="Errors", Namespace="Test", Statistic="Sum", Period=60, EvaluationPeriods=1,
            Threshold=1, ComparisonOperator="GreaterThanThreshold",
        )  # fmt: skip
    cloudwatch.set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="test")
    alarms = {"alarmNames": ["errors", "slow"], "enable": True, "rollback": True}
    site.create(1, {**BLUE_GREEN, "alarms": alarms})
    site.update()
    site.until_stage("BAKE_TIME")
    assert site.deployment()["alarms"]["status"] == "DISABLED"
    cloudwatch.set_alarm_state(AlarmName="slow", StateValue="ALARM", StateReason="test")
    site.until_status("SUCCESSFUL")
    assert "one was in ALARM when it began" in site.events()


# -- hooks ------------------------------------------------------------------------------------------------


def paused(*stages: str, **limit: Any) -> list[dict[str, Any]]:
    return [
        {"targetType": "PAUSE", "lifecycleStages": list(stages), **({"timeoutConfiguration": limit} if limit else {})}
    ]


def test_a_pause_waits_to_be_continued_at_every_step(world: World, lab: Lab, site: Site) -> None:
    site.create(1, CANARY)
    hooks = paused("POST_SCALE_UP", "PRE_PRODUCTION_TRAFFIC_SHIFT")
    site.update(deploymentConfiguration={"lifecycleHooks": hooks})
    for before in ((100, 0), (100, 0), (90, 10)):
        hook = lab.until(
            lambda: [h for h in site.deployment().get("lifecycleHookDetails", []) if h["status"] == "AWAITING_ACTION"]
        )[0]
        world.pass_time(300)
        assert site.weights() == before
        assert hook["targetType"] == "PAUSE" and hook["timeoutAction"] == "ROLLBACK"
        lab.ecs.continue_service_deployment(serviceDeploymentArn=site.arn(), hookId=hook["hookId"])
    with pytest.raises(ClientError, match="SUCCEEDED"):
        lab.ecs.continue_service_deployment(serviceDeploymentArn=site.arn(), hookId=hook["hookId"])
    done = site.until_status("SUCCESSFUL")
    assert [hook["status"] for hook in done["lifecycleHookDetails"]] == ["SUCCEEDED"] * 3


@pytest.mark.parametrize("how", ["told to", "too late"])
def test_a_pause_can_roll_back(world: World, lab: Lab, site: Site, how: str) -> None:
    site.create(1, BLUE_GREEN)
    hooks = paused("POST_PRODUCTION_TRAFFIC_SHIFT", timeoutInMinutes=2, action="ROLLBACK")
    site.update(deploymentConfiguration={"lifecycleHooks": hooks})
    at = site.until_stage("POST_PRODUCTION_TRAFFIC_SHIFT")
    began = world.clock.time()
    hook = lab.until(lambda: site.deployment()["lifecycleHookDetails"])[0]
    assert at["status"] == "IN_PROGRESS"
    if how == "told to":
        lab.ecs.continue_service_deployment(serviceDeploymentArn=site.arn(), hookId=hook["hookId"], action="ROLLBACK")
    done = site.until_status("ROLLBACK_SUCCESSFUL")
    assert done["lifecycleHookDetails"][0]["status"] == ("FAILED" if how == "told to" else "TIMED_OUT")
    assert how == "told to" or world.clock.time() - began >= 120
    lab.until_steady(1)
    assert (site.weights(), site.versions()) == ((100, 0), {"1"})


def test_a_pause_that_times_out_may_go_on(world: World, lab: Lab, site: Site) -> None:
    site.create(1, BLUE_GREEN)
    hooks = paused("PRE_SCALE_UP", timeoutInMinutes=1, action="CONTINUE")
    site.update(deploymentConfiguration={"lifecycleHooks": hooks})
    done = site.until_status("SUCCESSFUL")
    assert done["lifecycleHookDetails"][0]["status"] == "TIMED_OUT"


# -- what comes in between --------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["SCALE_UP", "PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME", "CLEAN_UP"])
def test_a_second_update_takes_the_place_of_the_first(world: World, lab: Lab, site: Site, stage: str) -> None:
    site.create(2, CANARY)
    site.update("2")
    site.until_stage(stage)
    world.settle()
    first = site.arn()
    site.update("3")
    site.watch()
    world.turned.append(site.watch)
    assert site.deployment(first)["status"] == ("SUCCESSFUL" if stage == "CLEAN_UP" else "STOPPED")
    site.until_status("SUCCESSFUL")
    assert site.seen == ["RECONCILE_SERVICE", *IN_ORDER]
    lab.until_steady(2)
    assert site.versions() == {"3"}
    assert site.weights() == ((100, 0) if stage == "CLEAN_UP" else (0, 100))


def test_scaling_reaches_both_revisions(world: World, lab: Lab, site: Site) -> None:
    site.create(2, BLUE_GREEN)
    site.update()
    site.until_stage("BAKE_TIME")
    lab.ecs.update_service(cluster="lab", service="app", desiredCount=3)
    lab.until(lambda: len(lab.tasks()) == 6)
    assert site.deployment()["targetServiceRevision"]["requestedTaskCount"] == 3
    site.until_status("SUCCESSFUL")
    lab.until_steady(3)


def test_a_service_can_be_deleted_in_the_middle(world: World, lab: Lab, site: Site) -> None:
    site.create(1, CANARY)
    site.update()
    site.until_stage("PRODUCTION_TRAFFIC_SHIFT")
    arn = site.arn()
    lab.ecs.delete_service(cluster="lab", service="app", force=True)
    lab.until(lambda: lab.service()["status"] == "INACTIVE")
    assert not world.tasks()
    assert site.deployment(arn)["status"] == "STOPPED"


# -- another start ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", IN_ORDER)
def test_after_a_crash_a_deployment_goes_on_where_it_was(
    world: World, lab: Lab, site: Site, tmp_path: Path, stage: str
) -> None:
    site.create(1, CANARY)
    site.update()
    seen: list[float] = []
    world.turned.append(lambda: site.deployment()["lifecycleStage"] == stage and seen.append(world.clock.time()))
    lab.until(lambda: stage == "PRE_SCALE_UP" or seen)
    before = site.deployment()
    world.settle()
    with world.crashed() as again:
        lab.client, lab.until = again.client, again.until
        after = site.deployment()
        assert IN_ORDER.index(after["lifecycleStage"]) >= IN_ORDER.index(before["lifecycleStage"])
        assert after["serviceDeploymentArn"] == before["serviceDeploymentArn"]
        site.until_status("SUCCESSFUL")
        lab.until_steady(1)
        assert (site.weights(), site.versions()) == ((0, 100), {"2"})
        if stage == "BAKE_TIME":
            assert again.clock.time() - seen[0] < 60 + 45  # what was baked is not baked again


# -- behind a Network Load Balancer, and who else hears of it ---------------------------------------------


def test_a_network_load_balancer_shares_out_by_its_listener_ten_minutes_later(world: World, lab: Lab) -> None:
    elb = lab.client("elbv2")
    balancer = elb.create_load_balancer(Name="net", Type="network", Subnets=lab.subnets)["LoadBalancers"][0]
    blue, green = (
        elb.create_target_group(Name=name, Protocol="TCP", Port=8080, VpcId=lab.vpc, TargetType="ip")["TargetGroups"][
            0
        ]["TargetGroupArn"]
        for name in ("blue", "green")
    )
    both = [{"TargetGroupArn": blue, "Weight": 100}, {"TargetGroupArn": green, "Weight": 0}]
    listener = elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="TCP", Port=80,
        DefaultActions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": both}}],
    )["Listeners"][0]["ListenerArn"]  # fmt: skip
    site = Site(lab, blue, green, listener, "")
    entry = site.entry()
    del entry["advancedConfiguration"]["testListenerRule"]
    configuration = {**BLUE_GREEN, "bakeTimeInMinutes": 0}
    lab.create(
        lab.register(environment={"VERSION": "1"}), 1, loadBalancers=[entry], deploymentConfiguration=configuration
    )
    lab.until_steady(1)
    site.update()

    def weights() -> list[int]:
        [action] = elb.describe_listeners(ListenerArns=[listener])["Listeners"][0]["DefaultActions"]
        found = {each["TargetGroupArn"]: each["Weight"] for each in action["ForwardConfig"]["TargetGroups"]}
        return [found[blue], found[green]]

    site.until_stage("TEST_TRAFFIC_SHIFT")
    began = world.clock.time()
    assert weights() == [100, 0]
    lab.until(lambda: weights() == [0, 100])
    assert world.clock.time() - began == pytest.approx(600, abs=2)
    site.until_status("SUCCESSFUL")
    assert world.clock.time() - began >= 1200


def test_eventbridge_hears_of_the_deployment_of_its_failure_and_of_the_roll_back(
    world: World, lab: Lab, site: Site
) -> None:
    queue = lab.client("sqs").create_queue(QueueName="heard")["QueueUrl"]
    arn = lab.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events = lab.client("events")
    pattern = {"source": ["aws.ecs"], "detail-type": ["ECS Deployment State Change"]}
    events.put_rule(Name="deployments", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="deployments", Targets=[{"Id": "q", "Arn": arn}])
    site.create(1, BLUE_GREEN)
    site.update()
    site.until_stage("BAKE_TIME")
    lab.ecs.stop_service_deployment(serviceDeploymentArn=site.arn())
    site.until_status("ROLLBACK_SUCCESSFUL")
    heard: list[tuple[str, str]] = []

    def listen() -> bool:
        for message in lab.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            detail = json.loads(message["Body"])["detail"]
            heard.append((detail["eventName"].removeprefix("SERVICE_DEPLOYMENT_"), detail["reason"]))
        return len(heard) >= 5

    lab.until(listen)
    assert [name for name, _ in heard] == ["IN_PROGRESS", "COMPLETED", "IN_PROGRESS", "FAILED", "IN_PROGRESS"]
    assert heard[3][1] == "ECS deployment stop: stopped by user."
    assert heard[4][1].startswith("ECS deployment stop: rolling back to deploymentId ecs-svc/")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"productionListenerRule": "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/web/1/2"},
         "productionListenerRule has an invalid ARN format. Must be RuleArn for ALB or ListenerArn for NLB. Got: arn"),
        ({"testListenerRule": "production"}, "cannot be used as both production and test listener rules: arn"),
        ({"alternateTargetGroupArn": "blue"}, "cannot be used as both targetGroup and alternateTargetGroup"),
        ({"roleArn": "balancing"}, "not the ARN of a role"),
        ({"roleArn": None}, "roleArn must be specified"),
        ({"productionListenerRule": "gone"}, "does not exist"),
        (None, "must have an advancedConfiguration with the CANARY strategy"),
    ],
)  # fmt: skip
def test_what_cannot_shift_traffic_is_refused(lab: Lab, site: Site, change: dict[str, Any] | None, why: str) -> None:
    known = {"production": site.production, "blue": site.blue, "gone": site.production[:-1] + "x"}
    entry = site.entry(**{name: known.get(str(value), value) for name, value in (change or {}).items()})
    advanced = {key: value for key, value in entry["advancedConfiguration"].items() if value is not None}
    entry = {**entry, "advancedConfiguration": advanced}
    if change is None:
        del entry["advancedConfiguration"]
    with pytest.raises(ClientError, match=why) as refused:
        lab.create(lab.register(), 1, loadBalancers=[entry], deploymentConfiguration=CANARY)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterException"


@pytest.mark.parametrize(
    "asked",
    [
        {"gatewayConnectors": [{"portName": "http"}]},
        {"vpcLatticeConfigurations": [{"roleArn": "arn:r", "targetGroupArn": "arn:t", "portName": "http"}]},
    ],
)  # fmt: skip
def test_what_is_not_there_is_refused_when_made_and_when_updated(lab: Lab, asked: dict[str, Any]) -> None:
    definition = lab.register()
    lab.create(definition, 0)
    for call in (
        lambda: lab.create(definition, 0, name="other", **asked),
        lambda: lab.ecs.update_service(cluster="lab", service="app", **asked),
    ):
        with pytest.raises(ClientError) as refused:
            call()
        assert refused.value.response["Error"]["Code"] == "UnsupportedFeatureException"


@pytest.mark.parametrize("configuration", [BLUE_GREEN, LINEAR], ids=lambda c: c["strategy"])
def test_after_a_crash_in_a_roll_back_it_is_rolled_back(
    world: World, lab: Lab, site: Site, tmp_path: Path, configuration: dict[str, Any]
) -> None:
    site.create(2, configuration)
    site.update()
    site.until_stage("BAKE_TIME")
    lab.ecs.stop_service_deployment(serviceDeploymentArn=site.arn())
    with world.crashed() as again:
        lab.client, lab.until = again.client, again.until
        assert site.deployment()["status"] == "ROLLBACK_REQUESTED"
        site.until_status("ROLLBACK_SUCCESSFUL")
        lab.until_steady(2)
        assert (site.weights(), site.versions()) == ((100, 0), {"1"})


def test_after_a_crash_between_two_steps_no_step_is_done_twice(
    world: World, lab: Lab, site: Site, tmp_path: Path
) -> None:
    site.create(1, LINEAR)
    site.update()
    lab.until(lambda: site.weights() == (40, 60))
    world.pass_time(40)
    with world.crashed() as again:
        lab.client, lab.until = again.client, again.until
        began, seen = again.clock.time(), [site.weights()]
        again.turned.append(lambda: seen[-1:] == [site.weights()] or seen.append(site.weights()))
        lab.until(lambda: len(seen) > 1)
        assert 15 <= again.clock.time() - began <= 30  # of the minute of this step two thirds were over
        site.until_status("SUCCESSFUL")
        assert seen == [(40, 60), (10, 90), (0, 100)]


@pytest.mark.parametrize(
    ("stage", "rule", "weights"),
    [("SCALE_UP", "production", None), ("BAKE_TIME", "production", None), ("BAKE_TIME", "test", (100, 0))],
)
def test_a_roll_back_that_cannot_shift_has_failed_and_says_so(
    world: World, lab: Lab, site: Site, stage: str, rule: str, weights: tuple[int, int] | None
) -> None:
    site.create(1, CANARY)
    site.update()
    site.until_stage(stage)
    lab.client("elbv2").delete_rule(RuleArn=getattr(site, rule))
    if stage == "BAKE_TIME":
        lab.ecs.stop_service_deployment(serviceDeploymentArn=site.arn(), stopType="ROLLBACK")
    site.until_status("ROLLBACK_FAILED")
    assert "roll-back failed: traffic cannot be shifted back: One or more rules not found." in site.events()
    said = site.events()
    world.pass_time(300)
    assert (site.deployment()["status"], site.events()) == ("ROLLBACK_FAILED", said)
    assert "1" in site.versions()
    if weights:
        assert (site.weights(), site.versions()) == (weights, {"1"})


def test_an_alarm_that_goes_during_a_deployment_is_missed_once(world: World, lab: Lab, site: Site) -> None:
    cloudwatch = lab.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="errors", MetricName="Errors", Namespace="Test", Statistic="Sum", Period=60, EvaluationPeriods=1,
        Threshold=1, ComparisonOperator="GreaterThanThreshold",
    )  # fmt: skip
    site.create(1, {**CANARY, "alarms": {"alarmNames": ["errors"], "enable": True, "rollback": True}})
    site.update()
    site.until_stage("PRODUCTION_TRAFFIC_SHIFT")
    world.settle()
    assert "cannot watch" not in site.events()
    cloudwatch.delete_alarms(AlarmNames=["errors"])
    site.until_status("SUCCESSFUL")
    assert site.events().count("cannot watch alarms that do not exist: errors.") == 1

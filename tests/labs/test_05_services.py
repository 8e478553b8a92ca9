"""Lab 05: what each check says of nothing, of something wrong and of something right."""

from __future__ import annotations

import sys

import pytest
from tests.support.waiting import eventually

from drydock.cloud import Cloud
from drydock.labs import Lab, NothingToBreak
from drydock.ledger import sweep

from .conftest import At, held_up, solve, state, tried, until, update, waits_for

NAME = "05-services"


def task_of(cloud: Cloud, name: str) -> str:
    return str(cloud.client("ecs").list_tasks(cluster="drydock", serviceName=name)["taskArns"][0])


def group(cloud: Cloud) -> str:
    found = cloud.client("elbv2").describe_target_groups(Names=["drydock-frontend"])
    return str(found["TargetGroups"][0]["TargetGroupArn"])


def test_an_empty_cloud_is_not_started(untouched: Lab) -> None:
    lab = untouched
    assert {step.name: step.check(lab.cloud, lab).state for step in lab.steps} == {
        step.name: "not started" for step in lab.steps
    }


def test_create_load_balancer(at: At) -> None:
    lab = at("create-load-balancer")
    assert state(lab, "create-load-balancer")[0] == "not started"
    solve(lab, "create-load-balancer")
    elbv2, ec2 = lab.cloud.client("elbv2"), lab.cloud.client("ec2")
    balancer = elbv2.describe_load_balancers(Names=["drydock"])["LoadBalancers"][0]
    arn, zones = balancer["LoadBalancerArn"], [zone["SubnetId"] for zone in balancer["AvailabilityZones"]]
    tasks = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["drydock-tasks"]}])
    listener = elbv2.describe_listeners(LoadBalancerArn=arn)["Listeners"][0]["ListenerArn"]
    delay = "deregistration_delay.timeout_seconds"
    for wrong, right, words in [
        (
            lambda: elbv2.set_subnets(LoadBalancerArn=arn, Subnets=zones[:2]),
            lambda: elbv2.set_subnets(LoadBalancerArn=arn, Subnets=zones),
            "2 of 3 zones",
        ),
        (
            lambda: elbv2.set_security_groups(
                LoadBalancerArn=arn, SecurityGroups=[tasks["SecurityGroups"][0]["GroupId"]]
            ),
            lambda: elbv2.set_security_groups(LoadBalancerArn=arn, SecurityGroups=balancer["SecurityGroups"]),
            "security group",
        ),
        (
            lambda: elbv2.modify_target_group(TargetGroupArn=group(lab.cloud), HealthCheckPath="/"),
            lambda: elbv2.modify_target_group(TargetGroupArn=group(lab.cloud), HealthCheckPath="/health"),
            "/health",
        ),
        (
            lambda: elbv2.modify_target_group_attributes(
                TargetGroupArn=group(lab.cloud), Attributes=[{"Key": delay, "Value": "300"}]
            ),
            lambda: elbv2.modify_target_group_attributes(
                TargetGroupArn=group(lab.cloud), Attributes=[{"Key": delay, "Value": "5"}]
            ),
            "300 s",
        ),
        (
            lambda: elbv2.modify_listener(ListenerArn=listener, Port=81),
            lambda: elbv2.modify_listener(ListenerArn=listener, Port=80),
            "port 80",
        ),
    ]:
        wrong()
        assert (found := state(lab, "create-load-balancer"))[0] == "wrong", words
        assert words in found[1]
        right()
        assert state(lab, "create-load-balancer")[0] == "passed", words


def test_create_services(at: At) -> None:
    lab = at("create-services")
    ecs, sqs = lab.cloud.client("ecs"), lab.cloud.client("sqs")
    assert state(lab, "target-health")[0] == "not started"
    subnet = lab.cloud.client("ec2").describe_subnets(Filters=[{"Name": "tag:Name", "Values": ["drydock-a"]}])
    ecs.create_service(
        cluster="drydock",
        serviceName="backend",
        taskDefinition="drydock-backend",
        desiredCount=0,
        networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet["Subnets"][0]["SubnetId"]]}},
    )
    assert state(lab, "create-services")[0] == "wrong"
    ecs.delete_service(cluster="drydock", service="backend")
    ecs.get_waiter("services_inactive").wait(cluster="drydock", services=["backend"])
    solve(lab, "create-services")
    update(lab.cloud, "backend", desiredCount=2)
    until(lab, "create-services", "wrong", "`backend` wants 2 tasks")
    update(lab.cloud, "backend", desiredCount=3)
    until(lab, "create-services", "passed")
    jobs = sqs.get_queue_url(QueueName="drydock-jobs")["QueueUrl"]
    redrive = sqs.get_queue_attributes(QueueUrl=jobs, AttributeNames=["RedrivePolicy"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=jobs, Attributes={"RedrivePolicy": ""})
    assert "never leaves" in state(lab, "create-services")[1]
    sqs.set_queue_attributes(QueueUrl=jobs, Attributes=redrive)
    assert state(lab, "create-services")[0] == "passed"


def test_target_health(at: At) -> None:
    lab = at("exec")
    assert state(lab, "target-health")[0] == "passed"
    update(lab.cloud, "frontend", desiredCount=1)
    until(lab, "target-health", "wrong", "one target")
    update(lab.cloud, "frontend", desiredCount=2)
    solve(lab, "target-health")


def test_exec(at: At) -> None:
    lab = at("exec")
    assert state(lab, "exec")[0] == "not started"
    update(lab.cloud, "backend", enableExecuteCommand=False)
    assert state(lab, "exec")[0] == "wrong"
    update(lab.cloud, "backend", enableExecuteCommand=True)
    solve(lab, "exec")


def test_kill_a_task(at: At) -> None:
    lab = at("kill-a-task")
    ecs = lab.cloud.client("ecs")
    ecs.stop_task(cluster="drydock", task=task_of(lab.cloud, "frontend"))
    until(lab, "kill-a-task", "wrong")
    with held_up(lab.cloud, "backend"):
        ecs.stop_task(cluster="drydock", task=task_of(lab.cloud, "backend"))
        until(lab, "kill-a-task", "wrong", "It is not replaced yet.")
    until(lab, "kill-a-task", "passed")
    solve(lab, "kill-a-task")
    until(lab, "create-services", "passed")


def test_scale(at: At) -> None:
    lab = at("scale")
    assert state(lab, "scale")[0] == "not started"
    update(lab.cloud, "backend", desiredCount=4)
    until(lab, "scale", "wrong", "wants 4")
    assert waits_for(lab, "scale") == ""
    tried(lab, "scale", 'ecs.update_service(cluster="drydock", service="backend", desiredCount=6)')
    update(lab.cloud, "backend", desiredCount=3)
    until(lab, "scale", "not started")


def test_what_is_still_coming_is_waited_for_and_counted(at: At) -> None:
    lab = at("scale")
    with held_up(lab.cloud, "backend"):
        update(lab.cloud, "backend", desiredCount=5)
        until(lab, "scale", "wrong", "they do not all run yet")
        assert waits_for(lab, "scale") == "2 of 5 tasks of `backend` to be RUNNING"
    assert lab.check("scale", within=60).passed


def test_a_step_begins_as_the_lesson_leaves_it_whatever_was_changed(at: At) -> None:
    lab = at("bad-job")
    update(lab.cloud, "backend", desiredCount=2)
    until(lab, "create-services", "wrong", "`backend` wants 2 tasks")
    assert "deleted, to begin anew" in repr(lab.catch_up("bad-job", {}))
    until(lab, "create-services", "passed")


def test_bad_job(at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = at("bad-job")
    sqs = lab.cloud.client("sqs")
    checks = sys.modules[lab.step("bad-job").look.__module__]
    read = checks.queue_attributes

    def moved_meanwhile(cloud: Cloud, name: str) -> dict[str, str]:
        answer: dict[str, str] = read(cloud, name)
        update(cloud, "worker", desiredCount=1)
        eventually(lambda: int(read(cloud, "drydock-jobs-dead")["ApproximateNumberOfMessages"]), "the job has moved")
        return answer

    assert state(lab, "bad-job")[0] == "not started"
    update(lab.cloud, "worker", desiredCount=0)
    eventually(
        lambda: not lab.cloud.client("ecs").list_tasks(cluster="drydock", serviceName="worker")["taskArns"], "no worker"
    )
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="drydock-jobs")["QueueUrl"], MessageBody='{"sum": "all"}')
    assert state(lab, "bad-job") == ("wrong", "A job is still in drydock-jobs.")
    with monkeypatch.context() as patch:
        patch.setattr(checks, "queue_attributes", moved_meanwhile)
        assert state(lab, "bad-job")[0] == "passed"
    sqs.purge_queue(QueueUrl=sqs.get_queue_url(QueueName="drydock-jobs-dead")["QueueUrl"])
    tried(lab, "bad-job", 'sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"sum": [1, 2]}))')


def test_register_scalable_targets(at: At) -> None:
    lab = at("register-scalable-targets")
    scaling = lab.cloud.client("application-autoscaling")

    def register(name: str, least: int, most: int) -> None:
        scaling.register_scalable_target(
            ServiceNamespace="ecs",
            ResourceId=f"service/drydock/{name}",
            ScalableDimension="ecs:service:DesiredCount",
            MinCapacity=least,
            MaxCapacity=most,
        )

    step = "register-scalable-targets"
    assert state(lab, step)[0] == "not started"
    register("frontend", 2, 10)
    assert state(lab, step) == ("wrong", "`backend` is no scalable target.")
    register("backend", 1, 10)
    assert state(lab, step)[0] == "wrong"
    register("backend", 2, 2)
    assert state(lab, step) == ("wrong", "`backend` has no room to grow.")
    solve(lab, step)
    assert state(lab, "scalable-worker")[0] == "not started"
    register("worker", 1, 5)
    assert state(lab, "scalable-worker")[0] == "wrong"
    tried(lab, "scalable-worker", 'scaling.deregister_scalable_target(ServiceNamespace="ecs")')


def test_the_drill_of_the_wrong_health_path(at: At) -> None:
    lab = at("wrong-health-path")
    until(lab, "wrong-health-path", "passed")
    lab.break_it("wrong-health-path")
    assert state(lab, "wrong-health-path")[0] == "wrong"
    update(lab.cloud, "frontend", forceNewDeployment=True)
    assert state(lab, "wrong-health-path")[0] == "wrong"
    elbv2 = lab.cloud.client("elbv2")
    group = elbv2.describe_target_groups(Names=["drydock-frontend"])["TargetGroups"][0]["TargetGroupArn"]
    elbv2.modify_target_group(TargetGroupArn=group, Matcher={"HttpCode": "200-499"})
    tried(lab, "wrong-health-path", 'elbv2.modify_target_group(TargetGroupArn=group, HealthCheckPort="80")')


def test_targets_that_nobody_asks_and_tasks_that_nobody_wants_are_not_broken(at: At) -> None:
    lab = at("wrong-health-path")
    elbv2 = lab.cloud.client("elbv2")
    balancer = elbv2.describe_load_balancers(Names=["drydock"])["LoadBalancers"][0]["LoadBalancerArn"]
    [listener] = elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
    elbv2.delete_listener(ListenerArn=listener["ListenerArn"])
    with pytest.raises(NothingToBreak, match="No load balancer forwards to drydock-frontend"):
        lab.break_it("wrong-health-path")
    [untouched] = elbv2.describe_target_groups(Names=["drydock-frontend"])["TargetGroups"]
    assert untouched["HealthCheckPath"] == "/health"
    lab.catch_up("wrong-health-path", {})
    until(lab, "wrong-health-path", "passed")
    update(lab.cloud, "frontend", desiredCount=0)
    assert state(lab, "wrong-health-path") == ("not started", "`frontend` wants no task.")
    update(lab.cloud, "frontend", desiredCount=2)


def test_the_drill_of_the_stuck_deployment(at: At) -> None:
    lab = at("stuck-deployment")
    until(lab, "stuck-deployment", "passed")
    lab.break_it("stuck-deployment")
    update(lab.cloud, "backend", forceNewDeployment=True)
    assert state(lab, "stuck-deployment")[1].startswith("0 of 3 tasks")
    update(lab.cloud, "backend", desiredCount=4)
    until(lab, "stuck-deployment", "wrong", "should still have three")
    tried(lab, "stuck-deployment", 'ecs.update_service(cluster="drydock", service="backend", desiredCount=2)')


def test_nothing_is_left(at: At) -> None:
    lab = at("stuck-deployment")
    lab.clean_up(sure=True)
    assert not sweep(lab.cloud).survivors

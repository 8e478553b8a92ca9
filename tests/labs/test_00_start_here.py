"""Lab 00: what each check says of nothing, of a mistake and of the solution."""

from __future__ import annotations

import base64
from typing import Any

from tests.support.waiting import eventually

from drydock.images import build, push
from drydock.labs import Lab

from .conftest import At, solve, state, until, waits_for

NAME = "00-start-here"


def wrong(lab: Lab, step: str, words: str) -> bool:
    found, message = state(lab, step)
    return found == "wrong" and words in message


def test_an_empty_cloud_is_not_started(untouched: Lab) -> None:
    lab = untouched
    assert {step.name: state(lab, step.name)[0] for step in lab.steps} == {
        step.name: "not started" for step in lab.steps
    }
    lab.set_up()
    assert {state(lab, step.name)[0] for step in lab.steps} == {"not started"}


def test_push_image(at: At) -> None:
    lab = at("push-image")
    ecr = lab.cloud.client("ecr")
    uri = ecr.create_repository(repositoryName="drydock-hello")["repository"]["repositoryUri"]
    assert wrong(lab, "push-image", "no image with the tag `v1`")
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    user, password = base64.b64decode(token).decode().split(":", 1)
    push(build(lab.services / "backend", output=lambda line: None), f"{uri}:v2", auth=(user, password))
    assert wrong(lab, "push-image", "no image with the tag `v1`")
    ecr.delete_repository(repositoryName="drydock-hello", force=True)
    solve(lab, "push-image")


def test_register_task_definition(at: At) -> None:
    lab = at("register-task-definition")
    ecs = lab.cloud.client("ecs")
    ecs.create_cluster(clusterName="drydock-hello")
    assert wrong(lab, "register-task-definition", "no task definition of the family `drydock-hello`")
    solve(lab, "register-task-definition")
    right = ecs.describe_task_definition(taskDefinition="drydock-hello")["taskDefinition"]
    container = right["containerDefinitions"][0]
    for change, words in (
        ({"image": container["image"].replace(":v1", ":v2")}, "another image than `drydock-hello:v1`"),
        ({"portMappings": [{"containerPort": 80}]}, "port 8080"),
    ):
        register(lab, right, container | change)
        assert wrong(lab, "register-task-definition", words)
    register(lab, right, container)
    assert state(lab, "register-task-definition")[0] == "passed"


def register(lab: Lab, like: dict[str, Any], container: dict[str, Any]) -> None:
    kept = ("family", "networkMode", "requiresCompatibilities", "cpu", "memory", "executionRoleArn")
    lab.cloud.client("ecs").register_task_definition(
        **{key: like[key] for key in kept}, containerDefinitions=[container]
    )


def test_create_load_balancer(at: At) -> None:
    lab = at("create-load-balancer")
    elbv2 = lab.cloud.client("elbv2")
    solve(lab, "create-load-balancer")
    balancer = elbv2.describe_load_balancers(Names=["drydock-hello"])["LoadBalancers"][0]["LoadBalancerArn"]
    listener = elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]
    group = elbv2.describe_target_groups(Names=["drydock-hello"])["TargetGroups"][0]["TargetGroupArn"]
    elbv2.modify_listener(ListenerArn=listener["ListenerArn"], Port=81)
    assert wrong(lab, "create-load-balancer", "listens on port 81")
    elbv2.modify_listener(ListenerArn=listener["ListenerArn"], Port=80)
    elbv2.modify_target_group(TargetGroupArn=group, HealthCheckPath="/")
    assert wrong(lab, "create-load-balancer", "asked for `/health`")
    elbv2.modify_target_group(TargetGroupArn=group, HealthCheckPath="/health")
    elbv2.delete_listener(ListenerArn=listener["ListenerArn"])
    assert wrong(lab, "create-load-balancer", "listens on no port")
    forward = [{"Type": "forward", "TargetGroupArn": group}]
    elbv2.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=forward)
    assert state(lab, "create-load-balancer")[0] == "passed"


def test_create_service(at: At) -> None:
    lab = at("create-service")
    ecs = lab.cloud.client("ecs")
    solve(lab, "create-service")
    ecs.update_service(cluster="drydock-hello", service="drydock-hello", desiredCount=1)
    assert wrong(lab, "create-service", "wants 1 tasks")
    eventually(lambda: running(lab) == 1, "one task runs")
    ecs.update_service(cluster="drydock-hello", service="drydock-hello", desiredCount=2)
    eventually(lambda: state(lab, "create-service")[0] == "passed", "two tasks serve")


def running(lab: Lab) -> int:
    found = lab.cloud.client("ecs").describe_services(cluster="drydock-hello", services=["drydock-hello"])["services"][
        0
    ]
    return int(found["runningCount"])


def test_kill_a_task(at: At) -> None:
    lab = at("kill-a-task")
    assert state(lab, "kill-a-task")[0] == "not started"  # what the service stopped itself does not count
    solve(lab, "kill-a-task")
    group = lab.cloud.client("elbv2").describe_target_groups(Names=["drydock-hello"])["TargetGroups"][0][
        "TargetGroupArn"
    ]
    lab.cloud.client("elbv2").modify_target_group(TargetGroupArn=group, HealthCheckPath="/nowhere")
    eventually(lambda: wrong(lab, "kill-a-task", "does not serve yet"), "the successor fails its health checks")
    assert waits_for(lab, "kill-a-task") == ""  # as long as it is asked for that path
    lab.cloud.client("elbv2").modify_target_group(TargetGroupArn=group, HealthCheckPath="/health")
    until(lab, "create-service", "passed")


def test_the_lab_is_brought_to_any_step_from_any_state(lab: Lab) -> None:
    for name in ("push-image", "register-task-definition", "create-load-balancer", "create-service"):
        lab.catch_up(name, {})
        solve(lab, name)
    ecs = lab.cloud.client("ecs")
    ecs.update_service(cluster="drydock-hello", service="drydock-hello", desiredCount=1)
    names: dict[str, Any] = {"cloud": lab.cloud, "lab": lab}
    said = repr(lab.catch_up("create-service", names))
    assert "deleted, to begin anew" in said
    assert "go on below the check of create-load-balancer" in said
    assert "Not brought back" not in said
    assert state(lab, "create-load-balancer")[0] == "passed"
    assert state(lab, "create-service")[0] == "not started"
    found = lab.cloud.client("elbv2").describe_target_groups(Names=["drydock-hello"])["TargetGroups"][0][
        "TargetGroupArn"
    ]
    assert names["target_group"] == found
    assert "deleted" not in repr(lab.catch_up("create-service", {}))
    assert "Next: create-service" in repr(lab.resume({"cloud": lab.cloud, "lab": lab}))


def test_clean_up_leaves_nothing(at: At) -> None:
    lab = at("kill-a-task")
    lab.clean_up(sure=True)
    assert {state(lab, step.name)[0] for step in lab.steps} == {"not started"}

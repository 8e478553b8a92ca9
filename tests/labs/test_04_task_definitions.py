"""Lab 04: what each check says of nothing, of something wrong and of something right."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from drydock.cloud import Cloud, connect
from drydock.embedded import Instance
from drydock.labs import Lab
from drydock.ledger import sweep

from .conftest import tried

NAME = "04-task-definitions"
REGISTERED = (
    "family", "requiresCompatibilities", "networkMode", "cpu", "memory", "executionRoleArn", "taskRoleArn",
    "containerDefinitions",
)  # fmt: skip


@dataclass
class Ready:
    """The lab, all its steps done and its drills mended, and what its checks said on the way."""

    lab: Lab
    untouched: dict[str, str]
    unsolved: dict[str, tuple[str, str]]

    @property
    def cloud(self) -> Cloud:
        return self.lab.cloud

    @property
    def checks(self) -> Any:
        """The lab's checks.py, for what it calls its helpers."""
        return sys.modules[self.lab.step("sidecar").look.__module__]

    def state(self, step: str) -> tuple[str, str]:
        found = self.lab.step(step).check(self.cloud, self.lab)
        return found.state, found.message

    def solve(self, step: str) -> None:
        self.lab.step(step).solve(self.cloud, self.lab)


@pytest.fixture(scope="module")
def done(running: Instance) -> Iterator[Ready]:
    """A test that changes something puts it back."""
    cloud = connect("embedded", name=running.name)
    lab = Lab.open(NAME, cloud=cloud)
    ready = Ready(lab, {step.name: step.check(cloud, lab).state for step in lab.steps}, {})
    lab.set_up()
    for step in lab.steps:
        if step.fault is not None:
            step.fault(cloud, lab)
        ready.unsolved[step.name] = ready.state(step.name)
        step.solve(cloud, lab)
        assert ready.state(step.name)[0] == "passed", ready.state(step.name)
    yield ready
    assert not sweep(cloud).survivors


@pytest.fixture
def ready(done: Ready, after_a_failure: bool) -> Ready:
    """`done`, mended where the test before failed."""
    for step in done.lab.steps if after_a_failure else ():
        if done.state(step.name)[0] != "passed":
            step.solve(done.cloud, done.lab)
    return done


def test_nothing_is_there_nothing_is_started(ready: Ready) -> None:
    assert set(ready.untouched.values()) == {"not started"}


def test_no_step_passes_before_it_is_done(ready: Ready) -> None:
    drills = {step.name for step in ready.lab.steps if step.fault is not None}
    assert {name: state for name, (state, _) in ready.unsolved.items()} == {
        name: "wrong" if name in drills else "not started" for name in ready.untouched
    }


def test_each_of_the_four_that_do_not_work_fails_in_its_own_way(ready: Ready) -> None:
    assert [ready.unsolved[f"broken-{name}"][1] for name in ("image", "secret", "setting", "health")] == [
        "The newest task of drydock-image stopped: TaskFailedToStart.",
        "The newest task of drydock-secret stopped: TaskFailedToStart.",
        "The newest task of drydock-setting stopped: EssentialContainerExited.",
        "The newest task of drydock-health is UNHEALTHY.",
    ]


def test_a_later_step_does_not_undo_one_before_it(ready: Ready) -> None:
    assert {ready.state(name)[0] for name in ready.untouched} == {"passed"}


TRIES = [
    ("rotate-secret", 'manager.put_secret_value(SecretId="drydock/backend", SecretString="new")'),
    ("rotate-secret", 'manager.put_secret_value(SecretId="drydock/backend", SecretString=json.dumps(["app-secret"]))'),
    ("rotate-secret", 'manager.put_secret_value(SecretId="drydock/backend", SecretBinary=b"x")'),
    ("broken-size", 'attempt({**one_container("drydock-size"), "cpu": "1024", "memory": "4096"})'),
    ("broken-network", 'attempt(one_container("drydock-network", portMappings=[{"containerPort": 80}]))'),
    ("broken-order", 'attempt(one_container("drydock-order"))'),
    ("broken-role", 'attempt(one_container("drydock-role"))'),
    ("broken-image", 'attempt(one_container("drydock-image"))'),
    ("broken-secret", 'attempt(one_container("drydock-secret")); ecs.run_task(taskDefinition="drydock-secret", **run)'),
    ("broken-setting", 'attempt(one_container("drydock-setting", environment=[{"name": "ERROR_RATE", "value": "5"}]))'),
    ("broken-health", 'attempt(one_container("drydock-health")); ecs.run_task(taskDefinition="drydock-health", **run)'),
]  # fmt: skip


@pytest.mark.parametrize(("name", "attempt"), TRIES)
def test_the_solution_mends_what_an_attempt_has_left(ready: Ready, name: str, attempt: str) -> None:
    tried(ready.lab, name, attempt)


# -- what is there, changed and put back


def says(ready: Ready, step: str, message: str) -> None:
    state, said = ready.state(step)
    assert (state, message in said) == ("wrong", True), said


@pytest.mark.parametrize(
    ("role", "action", "message"),
    [
        ("drydock-execution", "ecr:BatchGetImage", "drydock-execution may not ecr:BatchGetImage"),
        ("drydock-execution", "secretsmanager:GetSecretValue", "may not secretsmanager:GetSecretValue"),
        ("drydock-task", "ssmmessages:OpenDataChannel", "drydock-task may not ssmmessages:OpenDataChannel"),
    ],
)
def test_a_role_that_lacks_a_right(ready: Ready, role: str, action: str, message: str) -> None:
    iam = ready.cloud.client("iam")
    policy = {"RoleName": role, "PolicyName": "drydock"}
    document = iam.get_role_policy(**policy)["PolicyDocument"]
    iam.put_role_policy(**policy, PolicyDocument=json.dumps(document).replace(f'"{action}"', '"sts:None"'))
    says(ready, "create-roles", message)
    iam.put_role_policy(**policy, PolicyDocument=json.dumps(document))
    assert ready.state("create-roles")[0] == "passed"


def test_patterns_of_actions_in_one_statement_without_a_list_are_read_as_iam_reads_them(ready: Ready) -> None:
    iam = ready.cloud.client("iam")
    policy = {"RoleName": "drydock-execution", "PolicyName": "drydock"}
    document = iam.get_role_policy(**policy)["PolicyDocument"]
    for actions, state in (
        (["ecr:*", "logs:Create*", "logs:putlogevents", "secretsmanager:Get*"], "passed"),
        (["ecr:*", "logs:Create*"], "wrong"),
        ("*", "passed"),
    ):
        alone = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        iam.put_role_policy(**policy, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": alone}))
        assert ready.state("create-roles")[0] == state, actions
    forbids = {"Effect": "Deny", "Action": "*", "Resource": "*"}
    iam.put_role_policy(**policy, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": forbids}))
    says(ready, "create-roles", "drydock-execution may not ecr:BatchGetImage")
    iam.put_role_policy(**policy, PolicyDocument=json.dumps(document))
    trusts = iam.get_role(RoleName="drydock-task")["Role"]["AssumeRolePolicyDocument"]
    [statement] = trusts["Statement"]
    iam.update_assume_role_policy(
        RoleName="drydock-task", PolicyDocument=json.dumps({**trusts, "Statement": statement})
    )
    assert ready.state("create-roles")[0] == "passed"
    iam.update_assume_role_policy(RoleName="drydock-task", PolicyDocument=json.dumps(trusts))


def test_the_ready_policy_of_aws_allows_what_it_says_and_no_secret(ready: Ready) -> None:
    iam = ready.cloud.client("iam")
    policy = {"RoleName": "drydock-execution", "PolicyName": "drydock"}
    document = iam.get_role_policy(**policy)["PolicyDocument"]
    arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
    iam.attach_role_policy(RoleName="drydock-execution", PolicyArn=arn)
    iam.delete_role_policy(**policy)
    says(ready, "create-roles", "drydock-execution may not secretsmanager:GetSecretValue.")
    reads = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    iam.put_role_policy(**policy, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [reads]}))
    assert ready.state("create-roles")[0] == "passed"
    iam.detach_role_policy(RoleName="drydock-execution", PolicyArn=arn)
    iam.put_role_policy(**policy, PolicyDocument=json.dumps(document))


def test_a_program_that_may_read_the_secret_itself(ready: Ready) -> None:
    iam = ready.cloud.client("iam")
    statement = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName="drydock-task", PolicyName="more", PolicyDocument=document)
    says(ready, "create-roles", "the program needs no such right")
    iam.delete_role_policy(RoleName="drydock-task", PolicyName="more")


def test_a_role_that_tasks_may_not_assume(ready: Ready) -> None:
    iam = ready.cloud.client("iam")
    document = iam.get_role(RoleName="drydock-task")["Role"]["AssumeRolePolicyDocument"]
    instances = json.dumps(document).replace("ecs-tasks.", "ec2.")
    iam.update_assume_role_policy(RoleName="drydock-task", PolicyDocument=instances)
    says(ready, "create-roles", "Tasks may not assume drydock-task")
    iam.update_assume_role_policy(RoleName="drydock-task", PolicyDocument=json.dumps(document))


def test_logs_that_are_missing_or_kept_for_ever(ready: Ready) -> None:
    logs = ready.cloud.client("logs")
    logs.delete_log_group(logGroupName="/drydock/worker")
    says(ready, "create-log-groups", "no log group /drydock/worker")
    logs.create_log_group(logGroupName="/drydock/worker")
    says(ready, "create-log-groups", "/drydock/worker would be kept for ever")
    logs.put_retention_policy(logGroupName="/drydock/worker", retentionInDays=7)
    assert ready.state("create-log-groups")[0] == "passed"


def test_a_secret_of_another_shape_and_a_task_that_is_older_than_its_value(ready: Ready) -> None:
    manager = ready.cloud.client("secretsmanager")
    for value, message in (("hush", "no JSON object"), ('["hush"]', "no key"), ('{"app_secret": "hush"}', "no key")):
        manager.put_secret_value(SecretId="drydock/backend", SecretString=value)
        says(ready, "create-secret", message)
    manager.put_secret_value(SecretId="drydock/backend", SecretString='{"app-secret": "hush"}')
    assert ready.state("create-secret")[0] == "passed"
    says(ready, "rotate-secret", "it has the old one")
    ready.solve("rotate-secret")
    assert ready.state("rotate-secret")[0] == "passed"
    same = manager.get_secret_value(SecretId="drydock/backend")["SecretString"]
    manager.put_secret_value(SecretId="drydock/backend", SecretString=same)
    says(ready, "rotate-secret", "has the old value")
    ready.solve("rotate-secret")


def test_a_secret_that_is_to_be_deleted(ready: Ready) -> None:
    manager = ready.cloud.client("secretsmanager")
    manager.delete_secret(SecretId="drydock/backend")
    says(ready, "create-secret", "scheduled for deletion")
    manager.restore_secret(SecretId="drydock/backend")


def test_a_log_that_is_empty(ready: Ready) -> None:
    newest = next(task for task in ready.checks.tasks(ready.cloud, "drydock-backend") if "startedAt" in task)
    stream = f"ecs/backend/{newest['taskArn'].rsplit('/', 1)[-1]}"
    ready.cloud.client("logs").delete_log_stream(logGroupName="/drydock/backend", logStreamName=stream)
    says(ready, "run-one-task", "nothing in its log stream")
    ready.solve("run-one-task")
    assert ready.state("run-one-task")[0] == "passed"


# -- new revisions


def revised(ready: Ready, family: str, edit: Callable[[dict[str, Any]], object]) -> str:
    """Register `family` once more, edited; returns its ARN."""
    ecs = ready.cloud.client("ecs")
    shown = ecs.describe_task_definition(taskDefinition=family)["taskDefinition"]
    request = {key: shown[key] for key in REGISTERED if key in shown}
    edit(request)
    return str(ecs.register_task_definition(**request)["taskDefinition"]["taskDefinitionArn"])


def first(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda request: request["containerDefinitions"][0].update(fields)


def whole(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda request: request.update(fields)


def without(key: str) -> Callable[[dict[str, Any]], object]:
    return lambda request: request["containerDefinitions"][0].pop(key)


def in_plain_text(request: dict[str, Any]) -> None:
    request["containerDefinitions"][0].pop("secrets")
    first(environment=[{"name": "APP_SECRET", "value": "hush"}])(request)


def roles_swapped(request: dict[str, Any]) -> None:
    request["executionRoleArn"], request["taskRoleArn"] = request["taskRoleArn"], request["executionRoleArn"]


def without_colons(request: dict[str, Any]) -> None:
    [secret] = request["containerDefinitions"][0]["secrets"]
    secret["valueFrom"] = secret["valueFrom"].removesuffix("::")


def log_elsewhere(request: dict[str, Any]) -> None:
    request["containerDefinitions"][0]["logConfiguration"]["options"]["awslogs-group"] = "/drydock/worker"


def container(index: int, **fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda request: request["containerDefinitions"][index].update(fields)


def essential_and_not_waited_for(request: dict[str, Any]) -> None:
    container(0, essential=True)(request)
    container(1, dependsOn=[])(request)


def alone_again(request: dict[str, Any]) -> None:
    request["containerDefinitions"] = [{**request["containerDefinitions"][0], "dependsOn": []}]


REVISIONS: list[tuple[str, str, Callable[[dict[str, Any]], object], str]] = [
    ("register-task-definitions", "drydock-worker", whole(cpu="512", memory="1024"), "has not cpu 256"),
    ("register-task-definitions", "drydock-backend", roles_swapped, "drydock-execution as its executionRoleArn"),
    ("register-task-definitions", "drydock-worker", whole(requiresCompatibilities=["EC2"]), "Fargate's rules"),
    ("register-task-definitions", "drydock-frontend", first(name="web"), "no container frontend"),
    ("register-task-definitions", "drydock-frontend", first(image="nginx:1"), "not drydock/frontend"),
    ("register-task-definitions", "drydock-worker", without("healthCheck"), "health of drydock-worker"),
    ("register-task-definitions", "drydock-backend", log_elsewhere, "does not log to /drydock/backend"),
    ("register-task-definitions", "drydock-backend", in_plain_text, "for all to read"),
    ("register-task-definitions", "drydock-backend", without("secrets"), "not given APP_SECRET"),
    ("register-task-definitions", "drydock-backend", without_colons, "colons are left out"),
    ("sidecar", "drydock-sidecar", essential_and_not_waited_for, "it is essential"),
    (
        "sidecar",
        "drydock-sidecar",
        container(1, dependsOn=[{"containerName": "migrate", "condition": "START"}]),
        "`backend` does not wait for migrate: SUCCESS",
    ),
    (
        "sidecar",
        "drydock-sidecar",
        container(2, dependsOn=[{"containerName": "backend", "condition": "START"}]),
        "`watcher` does not wait for backend: HEALTHY",
    ),
    ("broken-size", "drydock-size", whole(cpu="1024"), "fewer CPU units"),
    ("broken-size", "drydock-size", whole(cpu="256", memory="2048"), "has not 4096 MiB"),
    ("broken-network", "drydock-network", whole(requiresCompatibilities=["EC2"]), "not for Fargate"),
    ("broken-network", "drydock-network", first(portMappings=[{"containerPort": 80}]), "not 8080"),
    ("broken-order", "drydock-order", first(dependsOn=[]), "no longer waits"),
    ("broken-order", "drydock-order", alone_again, "containers migrate and backend"),
    ("broken-role", "drydock-role", in_plain_text, "plain text"),
    ("broken-role", "drydock-role", without("secrets"), "not given APP_SECRET"),
    (
        "broken-role",
        "drydock-role",
        lambda request: request.update(executionRoleArn=request["executionRoleArn"].replace("execution", "task")),
        "execution role is not",
    ),
    ("broken-image", "drydock-image", first(stopTimeout=5), "No task has run of the newest"),
]


@pytest.mark.parametrize(
    ("step", "family", "edit", "message"), REVISIONS, ids=[f"{one[0]}: {one[3]}" for one in REVISIONS]
)
def test_a_revision_that_is_wrong_is_said(
    ready: Ready, step: str, family: str, edit: Callable[[dict[str, Any]], object], message: str
) -> None:
    arn = revised(ready, family, edit)
    said = ready.state(step)
    ready.cloud.client("ecs").deregister_task_definition(taskDefinition=arn)
    assert said[0] == "wrong"
    assert message in said[1]
    assert ready.state(step)[0] == "passed"


@pytest.mark.parametrize(
    ("step", "fields", "message"),
    [
        ("broken-secret", {}, "without its secret"),
        ("broken-setting", {}, "ERROR_RATE is gone"),
        ("broken-setting", {"environment": [{"name": "ERROR_RATE", "value": "0.5"}]}, "not five requests"),
        ("broken-health", {}, "nothing asks for its health"),
    ],
)
def test_a_task_that_runs_and_has_lost_its_purpose(
    ready: Ready, step: str, fields: dict[str, Any], message: str
) -> None:
    request = ready.checks.alone(ready.cloud, step.replace("broken", "drydock"), **fields)
    ready.checks.until_running(ready.cloud, ready.checks.register_and_run(ready.cloud, request))
    says(ready, step, message)
    ready.solve(step)
    assert ready.state(step)[0] == "passed"


def test_a_task_that_is_given_the_whole_secret(ready: Ready) -> None:
    whole = ready.cloud.client("secretsmanager").describe_secret(SecretId="drydock/backend")["ARN"]
    secrets = [{"name": "APP_SECRET", "valueFrom": whole}]
    request = ready.checks.alone(ready.cloud, "drydock-secret", secrets=secrets)
    ready.checks.until_running(ready.cloud, ready.checks.register_and_run(ready.cloud, request))
    says(ready, "broken-secret", "the whole secret")
    ready.solve("broken-secret")
    assert ready.state("broken-secret")[0] == "passed"


# -- what the notebook says of the eight


def refusal(ready: Ready, request: dict[str, Any]) -> str:
    ecs = ready.cloud.client("ecs")
    with pytest.raises(ecs.exceptions.ClientException) as refused:
        ecs.register_task_definition(**request)
    return str(refused.value.response["Error"]["Message"])


def test_ecs_refuses_the_first_four_for_the_reason_that_is_taught(ready: Ready) -> None:
    def alone(**fields: Any) -> dict[str, Any]:
        return dict(ready.checks.alone(ready.cloud, "drydock-refused", **fields))

    assert "256 CPU, 4096 memory" in refusal(ready, {**alone(), "memory": "4096"})
    moved = alone(portMappings=[{"containerPort": 8080, "hostPort": 80}])
    assert "only supports network mode" in refusal(ready, {**moved, "networkMode": "bridge"})
    assert "host ports and container ports" in refusal(ready, moved)
    order = alone(dependsOn=[{"containerName": "migrate", "condition": "SUCCESS"}])
    migrate = {"name": "migrate", "image": "x", "dependsOn": [{"containerName": "backend", "condition": "START"}]}
    order["containerDefinitions"].append({**migrate, "essential": False})
    assert "cycle" in refusal(ready, order)
    role = alone(secrets=[ready.checks.app_secret(ready.cloud)])
    del role["executionRoleArn"]
    assert "executionRoleArn" in refusal(ready, role)


def test_the_queue_has_the_url_that_the_worker_was_given(ready: Ready) -> None:
    sqs, ecs = ready.cloud.client("sqs"), ready.cloud.client("ecs")
    worker = ecs.describe_task_definition(taskDefinition="drydock-worker")["taskDefinition"]["containerDefinitions"][0]
    made = sqs.create_queue(QueueName="drydock-jobs")["QueueUrl"]
    assert worker["environment"] == [{"name": "QUEUE_URL", "value": made}]

"""Tasks: their life, their containers, what they are given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError
from tests.support.lab import Lab, address_of, ask, push_image
from tests.support.waiting import eventually

from drydock import ssm
from drydock.embedded.assembly import AWS
from drydock.embedded.carriers.runtime import spawner_of

LOGS = {
    "logDriver": "awslogs",
    "options": {"awslogs-group": "/lab", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "app"},
}
CHECK = ["CMD", "python", "-c", "import urllib.request as u; u.urlopen('http://localhost:8080')"]


def lines(lab: Lab, task: dict[str, Any], container: str = "app") -> list[str]:
    stream = f"app/{container}/{task['taskArn'].rsplit('/', 1)[-1]}"
    events = lab.client("logs").get_log_events(logGroupName="/lab", logStreamName=stream, startFromHead=True)
    return [event["message"] for event in events["events"]]


def test_run_and_stop_a_task(lab: Lab) -> None:
    lab.client("logs").create_log_group(logGroupName="/lab")
    task = lab.run(lab.register(logConfiguration=LOGS), startedBy="me", group="batch")
    assert (task["lastStatus"], task["desiredStatus"], task["launchType"]) == ("PROVISIONING", "RUNNING", "FARGATE")
    lab.ecs.get_waiter("tasks_running").wait(
        cluster="lab", tasks=[task["taskArn"]], WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    running = lab.task(task["taskArn"])
    assert running["startedBy"] == "me" and running["group"] == "batch"
    details = {d["name"]: d["value"] for d in running["attachments"][0]["details"]}
    assert details["privateIPv4Address"] == address_of(running)
    assert details["subnetId"] in lab.subnets
    assert lab.ecs.list_tasks(cluster="lab", startedBy="me")["taskArns"] == [task["taskArn"]]
    assert lab.ecs.list_tasks(cluster="lab", family="other")["taskArns"] == []
    eventually(lambda: lines(lab, running) == ["listening"])
    lab.ecs.stop_task(cluster="lab", task=task["taskArn"], reason="enough")
    lab.ecs.get_waiter("tasks_stopped").wait(
        cluster="lab", tasks=[task["taskArn"]], WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    stopped = lab.task(task["taskArn"])
    assert (stopped["stopCode"], stopped["stoppedReason"]) == ("UserInitiated", "enough")
    assert stopped["containers"][0]["exitCode"] == 0
    assert lines(lab, running) == ["listening", "stopping"]
    words = ("created", "pullStarted", "pullStopped", "started", "stopping", "executionStopped", "stopped")
    stamps = [stopped[f"{word}At"] for word in words]
    assert stamps == sorted(stamps)


RESTARTS = """
import json, os, sys, time, urllib.request
with urllib.request.urlopen(os.environ["ECS_CONTAINER_METADATA_URI_V4"]) as answer:
    print(json.load(answer)["RestartCount"], flush=True)
time.sleep(2.5)  # of 30 AWS seconds each
sys.exit(3)
"""


def test_a_process_is_restarted_in_its_task_and_may_know_it(lab: Lab) -> None:
    lab.client("logs").create_log_group(logGroupName="/lab")
    policy = {"enabled": True, "restartAttemptPeriod": 60}
    definition = lab.register(logConfiguration=LOGS, restartPolicy=policy, command=["python", "-c", RESTARTS])
    task = lab.run(definition)
    eventually(lambda: lab.task(task["taskArn"])["lastStatus"] == "RUNNING")
    eventually(lambda: lines(lab, task) == ["0", "1"])
    assert lab.task(task["taskArn"])["lastStatus"] == "RUNNING"


def test_a_task_that_ignores_sigterm_is_killed(lab: Lab) -> None:
    task = lab.run(lab.register(environment={"IGNORE_SIGTERM": "1"}, stopTimeout=2))
    eventually(lambda: lab.task(task["taskArn"])["lastStatus"] == "RUNNING")
    lab.ecs.stop_task(cluster="lab", task=task["taskArn"])
    assert lab.until_stopped(task["taskArn"])["containers"][0]["exitCode"] == 137


def test_the_memory_limit_is_enforced(lab: Lab) -> None:
    task = lab.run(lab.register(environment={"EAT_MIB": "200"}, memory=64))
    stopped = lab.until_stopped(task["taskArn"])
    assert stopped["stopCode"] == "EssentialContainerExited"
    assert stopped["containers"][0]["exitCode"] == 137
    assert stopped["containers"][0]["reason"] == "OutOfMemoryError: Container killed due to memory usage"


def test_secrets_reach_the_container_and_nothing_else(lab: Lab) -> None:
    manager = lab.client("secretsmanager")
    arn = manager.create_secret(Name="db", SecretString=json.dumps({"password": "hunter2"}))["ARN"]
    manager.put_secret_value(SecretId="db", SecretString=json.dumps({"password": "hunter3"}))
    lab.client("ssm").put_parameter(Name="/app/color", Value="blue", Type="SecureString")
    secrets = [
        {"name": "NEW", "valueFrom": f"{arn}:password::"},
        {"name": "OLD", "valueFrom": f"{arn}:password:AWSPREVIOUS:"},
        {"name": "WHOLE", "valueFrom": arn},
        {"name": "COLOR", "valueFrom": "/app/color"},
    ]
    task = lab.run(lab.register(secrets=secrets))
    running = eventually(lambda: (t := lab.task(task["taskArn"]))["lastStatus"] == "RUNNING" and t)
    given = ask(address_of(running))
    assert (given["NEW"], given["OLD"], given["COLOR"]) == ("hunter3", "hunter2", "blue")
    assert json.loads(given["WHOLE"]) == {"password": "hunter3"}
    assert "hunter" not in json.dumps(running, default=str)


@pytest.mark.parametrize(
    ("value_from", "reason"),
    [
        ("arn:aws:secretsmanager:us-east-1:000000000000:secret:none-AbCdEf", "ResourceNotFoundException"),
        ("arn:aws:secretsmanager:us-east-1:000000000000:secret:none-AbCdEf:key", "unexpected ARN format"),
        ("/no/such/parameter", "ParameterNotFound"),
    ],
)
def test_a_secret_that_is_not_there_stops_the_task(lab: Lab, value_from: str, reason: str) -> None:
    task = lab.run(lab.register(secrets=[{"name": "S", "valueFrom": value_from}]))
    stopped = lab.until_stopped(task["taskArn"])
    assert stopped["stopCode"] == "TaskFailedToStart"
    assert stopped["stoppedReason"].startswith("ResourceInitializationError") and reason in stopped["stoppedReason"]


def test_containers_start_in_order_and_stop_in_reverse(lab: Lab) -> None:
    lab.client("logs").create_log_group(logGroupName="/lab")
    say = "import time,signal,sys; signal.signal(15, lambda *a: (print('down', time.time(), flush=True), sys.exit(0)));"
    definition = lab.register_containers(
        "order",
        [
            {
                "name": "app",
                "command": ["python", "-c", say + "print('up', time.time(), flush=True); time.sleep(600)"],
                "logConfiguration": LOGS,
                "dependsOn": [
                    {"containerName": "migrate", "condition": "SUCCESS"},
                    {"containerName": "proxy", "condition": "HEALTHY"},
                ],
            },
            {
                "name": "proxy",
                "command": ["python", "-c", say + "time.sleep(600)"],
                "logConfiguration": LOGS,
                "healthCheck": {"command": ["CMD", "python", "-c", "pass"], "interval": 5},
            },
            {
                "name": "migrate",
                "essential": False,
                "command": ["python", "-c", "import time; print('done', time.time(), flush=True)"],
                "logConfiguration": LOGS,
            },
        ],
    )
    task = lab.run(definition)
    eventually(lambda: lab.task(task["taskArn"])["lastStatus"] == "RUNNING" and lines(lab, task))  # it takes SIGTERM
    lab.ecs.stop_task(cluster="lab", task=task["taskArn"])
    stopped = lab.until_stopped(task["taskArn"])
    at = {
        (container, word): float(when)
        for container in ("app", "proxy", "migrate")
        for word, when in (line.split() for line in lines(lab, stopped, container))
    }
    assert at["migrate", "done"] < at["app", "up"]
    assert at["app", "down"] < at["proxy", "down"]
    assert {c["name"]: c["exitCode"] for c in stopped["containers"]} == {"app": 0, "proxy": 0, "migrate": 0}


def test_a_dependency_that_fails_stops_the_task(lab: Lab) -> None:
    definition = lab.register_containers(
        "fails",
        [
            {"name": "app", "dependsOn": [{"containerName": "migrate", "condition": "SUCCESS"}]},
            {"name": "migrate", "essential": False, "environment": [{"name": "EXIT", "value": "4"}]},
        ],
    )
    stopped = lab.until_stopped(lab.run(definition)["taskArn"])
    assert stopped["stopCode"] == "TaskFailedToStart"
    assert "migrate" in stopped["stoppedReason"]


def test_health_checks_are_executed(lab: Lab) -> None:
    task = lab.run(lab.register(healthCheck={"command": CHECK, "interval": 5, "retries": 2}))
    healthy = eventually(lambda: (t := lab.task(task["taskArn"]))["healthStatus"] == "HEALTHY" and t)
    assert healthy["containers"][0]["healthStatus"] == "HEALTHY"
    sick = lab.run(lab.register("sick", environment={"STATUS": "500"}, healthCheck={"command": CHECK, "interval": 5}))
    eventually(lambda: lab.task(sick["taskArn"])["healthStatus"] == "UNHEALTHY")


def test_a_task_sees_itself_and_uses_its_role(lab: Lab) -> None:
    role = lab.client("iam").create_role(RoleName="task", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    read = (
        "import json,os,urllib.request as u;"
        "m=json.load(u.urlopen(os.environ['ECS_CONTAINER_METADATA_URI_V4']+'/task'));"
        "c=json.load(u.urlopen(os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI']));"
        "print(m['TaskARN'], c['RoleArn'], len(c['AccessKeyId'])>0, flush=True)"
    )
    lab.client("logs").create_log_group(logGroupName="/lab")
    definition = lab.register("self", command=["python", "-c", read], logConfiguration=LOGS, taskRoleArn=role)
    stopped = lab.until_stopped(lab.run(definition)["taskArn"])
    assert lines(lab, stopped) == [f"{stopped['taskArn']} {role} True"]


def test_overrides(lab: Lab) -> None:
    task = lab.run(
        lab.register(),
        overrides={"containerOverrides": [{"name": "app", "environment": [{"name": "COLOR", "value": "red"}]}]},
    )
    running = eventually(lambda: (t := lab.task(task["taskArn"]))["lastStatus"] == "RUNNING" and t)
    assert ask(address_of(running))["COLOR"] == "red"


def test_exec_runs_in_the_task(lab: Lab) -> None:
    role = lab.client("iam").create_role(RoleName="task", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    definition = lab.register(environment={"COLOR": "green"}, taskRoleArn=role)
    task = lab.run(definition, enableExecuteCommand=True)
    eventually(lambda: lab.task(task["taskArn"])["lastStatus"] == "RUNNING")
    answer = lab.ecs.execute_command(
        cluster="lab",
        task=task["taskArn"],
        container="app",
        interactive=True,
        command="python -c \"import os; print('color is', os.environ['COLOR'])\"",
    )
    assert "color is green" in ssm.run(answer["session"])
    closed = lab.run(lab.register("closed"))
    eventually(lambda: lab.task(closed["taskArn"])["lastStatus"] == "RUNNING")
    with pytest.raises(ClientError, match="execute command was not enabled"):
        lab.ecs.execute_command(cluster="lab", task=closed["taskArn"], interactive=True, command="ls")


def test_events_reach_a_rule(lab: Lab) -> None:
    url = lab.client("sqs").create_queue(QueueName="events")["QueueUrl"]
    arn = lab.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events = lab.client("events")
    pattern = {"source": ["aws.ecs"], "detail-type": ["ECS Task State Change"], "detail": {"lastStatus": ["STOPPED"]}}
    events.put_rule(Name="stopped", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="stopped", Targets=[{"Id": "q", "Arn": arn}])
    task = lab.run(lab.register(environment={"EXIT": "7"}))
    lab.until_stopped(task["taskArn"])
    message = eventually(lambda: lab.client("sqs").receive_message(QueueUrl=url).get("Messages"))[0]
    detail = json.loads(message["Body"])["detail"]
    assert detail["taskArn"] == task["taskArn"]
    assert detail["containers"][0]["exitCode"] == 7


def test_a_size_in_words_and_a_variable_without_a_value(lab: Lab) -> None:
    registered = lab.ecs.register_task_definition(
        family="words",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu=".5 vCPU",
        memory="1GB",
        executionRoleArn="arn:aws:iam::000000000000:role/execution",
        containerDefinitions=[{"name": "app", "image": lab.image, "environment": [{"name": "EMPTY"}]}],
    )["taskDefinition"]
    assert (registered["cpu"], registered["memory"]) == ("512", "1024")
    task = lab.run(registered["taskDefinitionArn"], overrides={"containerOverrides": [{}]})
    running = eventually(lambda: (t := lab.task(task["taskArn"]))["lastStatus"] == "RUNNING" and t)
    assert ask(address_of(running))["EMPTY"] == ""


def test_a_rule_whose_target_is_gone_does_not_hold_up_ecs(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    sqs, rules = lab.client("sqs"), lab.client("events")
    url = sqs.create_queue(QueueName="changes")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rules.put_rule(Name="changes", EventPattern='{"source": ["aws.ecs"]}')
    rules.put_targets(Rule="changes", Targets=[{"Id": "queue", "Arn": arn}])
    sqs.delete_queue(QueueUrl=url)
    with caplog.at_level("ERROR", logger="drydock.embedded.core.faults"):
        task = lab.run(lab.register())
        eventually(lambda: lab.task(task["taskArn"])["lastStatus"] == "RUNNING")
    assert f"delivering an event to {arn}" in caplog.text


def test_the_same_client_token_is_the_same_task(lab: Lab) -> None:
    definition = lab.register()
    first, again = (lab.run(definition, clientToken="once")["taskArn"] for _ in range(2))
    assert first == again
    assert lab.run(definition, clientToken="twice")["taskArn"] != first


@pytest.mark.parametrize("asked", [{"nextToken": "abc"}, {"maxResults": 0}, {"maxResults": 101}])
def test_pages_that_there_are_not(lab: Lab, asked: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as refused:
        lab.ecs.list_tasks(cluster="lab", **asked)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterException"


def test_calls_are_answered_while_the_helper_that_starts_containers_is_frozen(lab: Lab, host: AWS) -> None:
    lab.register()
    host.helper(spawner_of).start()
    (helper,) = eventually(lambda: psutil.Process(host.helper(spawner_of)._helper.pid).children())
    helper.suspend()
    try:
        task = lab.run("app")["taskArn"]
        scheduler = host.services.of("ecs").engine.scheduler
        (life,) = eventually(lambda: list(scheduler.lives.values()))
        eventually(lambda: life.group.starting, "its container is about to start")
        for _ in range(20):
            assert lab.task(task)["lastStatus"] == "ACTIVATING"
        assert life.group.starting
    finally:
        helper.resume()
    eventually(lambda: lab.task(task)["lastStatus"] == "RUNNING")


def test_what_an_image_leaves_on_disk_goes_when_the_image_goes(
    lab: Lab, host: AWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drydock.embedded.workload.pulls._JUST_PULLED", 0.0)
    images, layers, roots = (host.directory / name for name in ("images", "layers", "tasks/roots"))
    task = lab.run(lab.register())["taskArn"]
    eventually(lambda: lab.task(task)["lastStatus"] == "RUNNING")
    kept = [sorted(folder.iterdir()) for folder in (images, layers, roots)]
    assert all(kept)
    (images / "00" / "root").mkdir(parents=True)
    (layers / "00.partial" / "files").mkdir(parents=True)
    lab.client("ecr").batch_delete_image(repositoryName="app", imageIds=[{"imageTag": "v1"}])
    eventually(lambda: sorted([*images.iterdir(), *layers.iterdir()]) == kept[0] + kept[1], "what a task uses is left")
    assert list(roots.iterdir()) == kept[2]
    lab.until_stopped(lab.ecs.stop_task(cluster="lab", task=task)["task"]["taskArn"])
    eventually(lambda: not [*images.iterdir(), *layers.iterdir(), *roots.iterdir()], "nothing is left")


def test_images_share_layers_and_one_goes_with_the_last_that_has_it(
    lab: Lab, host: AWS, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("drydock.embedded.workload.pulls._JUST_PULLED", 0.0)
    (tmp_path / "Dockerfile").write_text("FROM python:3.12-slim\nCOPY Dockerfile /\n")
    other = push_image(lab.client, tmp_path, "other")
    puller = host.services.of("ecs").engine._means.puller

    def unpacked() -> set[str]:
        return {f"sha256:{path.name}" for path in (host.directory / "layers").iterdir()}

    first, second = (puller.pull(image, "us-east-1") for image in (lab.image, other))
    mine, others = ({layer.digest for layer in image.layers} for image in (first, second))
    assert mine & others and mine - others and others - mine
    assert unpacked() == mine | others
    lab.client("ecr").batch_delete_image(repositoryName="app", imageIds=[{"imageTag": "v1"}])
    eventually(lambda: unpacked() == others, "those of the other image are left")

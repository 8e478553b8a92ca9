"""Task definitions: what a task is made of, and what goes wrong with them.

What later labs find: roles drydock-execution and drydock-task, log groups /drydock/{frontend,backend,worker}, the
secret drydock/backend, families drydock-frontend, drydock-backend and drydock-worker. A lab that needs only these
names four steps: create-roles, create-log-groups, create-secret, register-task-definitions.
"""

from __future__ import annotations

import json
import secrets as random_secrets
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from drydock.labs import Outline, not_started, passed, wait_until, wrong
from drydock.labs.shop import SERVICES, network
from drydock.pricing import fargate_tasks, public_addresses, unpriced

outline = Outline(
    title="Task definitions",
    goal="Three task definitions with roles, health checks, a secret and logs; one task run; eight broken ones mended.",
    minutes="30",
    needs=["03-cluster", "02-images:push-images"],
    costs=[
        fargate_tasks(6, cpu=256, memory=512),
        unpriced("CloudWatch Logs"),
        unpriced("Secrets Manager secret"),
        public_addresses(6),
        unpriced("Container Insights"),
    ],
    hours=1.0,
)

LONG_AGO = datetime.min.replace(tzinfo=UTC)
HEALTH = ["CMD", "python", "healthcheck.py"]
READY = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
READY_ACTIONS = (
    "ecr:GetAuthorizationToken",
    "ecr:BatchCheckLayerAvailability",
    "ecr:GetDownloadUrlForLayer",
    "ecr:BatchGetImage",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
)
CHANNELS = ["CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel"]


# -- reading the cloud


def definition(cloud, family):
    """The newest active revision of `family`, or None."""
    ecs = cloud.client("ecs")
    arns = ecs.list_task_definitions(familyPrefix=family, sort="DESC", maxResults=100)["taskDefinitionArns"]
    ours = [arn for arn in arns if arn.rsplit("/", 1)[-1].rsplit(":", 1)[0] == family]
    return ecs.describe_task_definition(taskDefinition=ours[0])["taskDefinition"] if ours else None


def container(task_definition, name):
    """The container definition called `name`, or {}."""
    return next((one for one in task_definition["containerDefinitions"] if one["name"] == name), {})


def tasks(cloud, family, since=LONG_AGO):
    """Tasks of `family` that run_task started no earlier than `since`, running and stopped, newest first."""
    ecs = cloud.client("ecs")
    arns = [
        arn
        for status in ("RUNNING", "STOPPED")
        for arn in ecs.list_tasks(cluster="drydock", family=family, desiredStatus=status)["taskArns"]
    ]
    found = ecs.describe_tasks(cluster="drydock", tasks=arns)["tasks"] if arns else []
    alone = [one for one in found if one.get("group", "").startswith("family:") and one["createdAt"] >= since]
    return sorted(alone, key=lambda task: task["createdAt"], reverse=True)


def messages(cloud, group, stream):
    """What is in one log stream; [] if it is not there."""
    logs = cloud.client("logs")
    if not logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=stream)["logStreams"]:
        return []
    return [event["message"] for event in logs.get_log_events(logGroupName=group, logStreamName=stream)["events"]]


def role_arn(cloud, name):
    return cloud.client("iam").get_role(RoleName=name)["Role"]["Arn"]


def listed(value):
    """A policy has one statement, or one action, with or without a list around it."""
    return value if isinstance(value, list) else [value]


def allowed(cloud, role):
    """What the inline policies of `role` and AWS's ready one allow: actions, and patterns of them."""
    iam = cloud.client("iam")
    attached = {one["PolicyArn"] for one in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]}
    actions = set(READY_ACTIONS) if READY in attached else set()
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        for statement in listed(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]["Statement"]):
            if statement["Effect"] == "Allow":
                actions |= set(listed(statement.get("Action", [])))
    return actions


def may(actions, action):
    """Whether one of these is the action, or a pattern that it fits; capitals do not count."""
    return any(fnmatchcase(action.lower(), one.lower()) for one in actions)


def image(cloud, service, tag="v1"):
    found = cloud.client("ecr").describe_repositories(repositoryNames=[f"drydock/{service}"])
    return f"{found['repositories'][0]['repositoryUri']}:{tag}"


def logs_to(cloud, service):
    """A logConfiguration that ends in /drydock/<service>."""
    options = {"awslogs-region": cloud.region, "awslogs-group": f"/drydock/{service}", "awslogs-stream-prefix": "ecs"}
    return {"logDriver": "awslogs", "options": options}


def amiss(value):
    """What is wrong with the secret's text; "" where it is a JSON object with the key app-secret."""
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    if not isinstance(found, dict | list):
        return "is no JSON object"
    return "" if isinstance(found, dict) and found.get("app-secret") else 'has no key "app-secret"'


def app_secret(cloud, key="app-secret"):
    """The `secrets` entry that hands the backend one key of its secret."""
    arn = cloud.client("secretsmanager").describe_secret(SecretId="drydock/backend")["ARN"]
    return {"name": "APP_SECRET", "valueFrom": f"{arn}:{key}::"}


def alone(cloud, family, **changed):
    """A RegisterTaskDefinition request with one container, the backend's; `changed` replaces its fields."""
    backend = {"name": "backend", "image": image(cloud, "backend"), "logConfiguration": logs_to(cloud, "backend")}
    return {
        "family": family,
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": role_arn(cloud, "drydock-execution"),
        "containerDefinitions": [{**backend, **changed}],
    }


def register_and_run(cloud, request):
    """Register a revision, stop what ran of its family, and start one task of it."""
    ecs = cloud.client("ecs")
    ecs.register_task_definition(**request)
    for task in tasks(cloud, request["family"]):
        if task["desiredStatus"] == "RUNNING":
            ecs.stop_task(cluster="drydock", task=task["taskArn"], reason="Replaced")
    started = ecs.run_task(cluster="drydock", taskDefinition=request["family"], networkConfiguration=network(cloud))
    return started["tasks"][0]["taskArn"]


def until_running(cloud, arn):
    cloud.client("ecs").get_waiter("tasks_running").wait(cluster="drydock", tasks=[arn])


def running(cloud, family, since):
    """What became of the newest revision of `family`: a check that passes if a task of it runs."""
    newest = definition(cloud, family)
    if newest is None:
        return not_started(f"There is no task definition {family}.")
    found = [task for task in tasks(cloud, family, since) if task["taskDefinitionArn"] == newest["taskDefinitionArn"]]
    if not found:
        return wrong(f"No task has run of the newest {family}.", look="run_task")
    task = found[0]
    if task["lastStatus"] == "STOPPED":
        return wrong(f"The newest task of {family} stopped: {task['stopCode']}.", look="describe_tasks, stoppedReason")
    if task["lastStatus"] != "RUNNING" or task["desiredStatus"] == "STOPPED":
        return wrong(
            f"The newest task of {family} does not run yet.",
            look="describe_tasks, lastStatus",
            waits_for="" if task["desiredStatus"] == "STOPPED" else f"a task of {family} to be RUNNING",
        )
    return passed(f"A task of the newest {family} runs.")


# -- steps


@outline.step(
    "create-roles",
    title="Two roles: one for ECS itself, one for the program",
    hints=[
        "Who pulls the image and reads the secret before your program runs? Who calls SQS when it does?",
        "Both trust the same service: ecs-tasks.amazonaws.com.",
        "create_role with AssumeRolePolicyDocument, then put_role_policy.",
    ],
)
def create_roles(cloud, lab):
    iam = cloud.client("iam")
    there = {role["RoleName"]: role for page in iam.get_paginator("list_roles").paginate() for role in page["Roles"]}
    missing = [name for name in ("drydock-execution", "drydock-task") if name not in there]
    if len(missing) == 2:
        return not_started("There is neither drydock-execution nor drydock-task.")
    if missing:
        return wrong(f"There is no role {missing[0]}.", look="iam.create_role")
    for name in ("drydock-execution", "drydock-task"):
        trust = listed(there[name]["AssumeRolePolicyDocument"]["Statement"])
        if not any("ecs-tasks.amazonaws.com" in str(one.get("Principal")) for one in trust):
            return wrong(f"Tasks may not assume {name}.", look="AssumeRolePolicyDocument, Principal")
    execution, task = allowed(cloud, "drydock-execution"), allowed(cloud, "drydock-task")
    needed = {
        "ecr:GetAuthorizationToken",
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "secretsmanager:GetSecretValue",
    }
    if lacks := sorted(action for action in needed if not may(execution, action)):
        return wrong(f"drydock-execution may not {', '.join(lacks)}.", look="put_role_policy, Action")
    wanted = {f"ssmmessages:{name}" for name in CHANNELS}
    wanted |= {"sqs:ReceiveMessage", "sqs:DeleteMessage", "cloudwatch:PutMetricData"}
    if lacks := sorted(action for action in wanted if not may(task, action)):
        return wrong(f"drydock-task may not {', '.join(lacks)}.", look="put_role_policy, Action")
    if may(task, "secretsmanager:GetSecretValue"):
        return wrong(
            "drydock-task may read the secret: the program needs no such right, ECS reads it before.",
            look="which role does what",
        )
    return passed("ECS may pull, log and read the secret; the program may use its queue, its metrics and Exec.")


@create_roles.solution
def _(cloud, lab):
    iam = cloud.client("iam")
    here = f"{cloud.region}:{cloud.account}"
    trust = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust["Condition"] = {"StringEquals": {"aws:SourceAccount": cloud.account}}
    ours = {
        "ecr": f"arn:aws:ecr:{here}:repository/drydock/*",
        "logs": f"arn:aws:logs:{here}:log-group:/drydock/*",
        "secret": f"arn:aws:secretsmanager:{here}:secret:drydock/*",
        "queue": f"arn:aws:sqs:{here}:drydock-*",
    }

    def allow(resource, *actions):
        return {"Effect": "Allow", "Action": list(actions), "Resource": resource}

    pull = ["BatchCheckLayerAvailability", "GetDownloadUrlForLayer", "BatchGetImage"]
    execution = [
        allow("*", "ecr:GetAuthorizationToken"),
        allow(ours["ecr"], *[f"ecr:{action}" for action in pull]),
        allow(ours["logs"], "logs:CreateLogStream", "logs:PutLogEvents"),
        allow(ours["secret"], "secretsmanager:GetSecretValue"),
    ]
    channels = ["CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel"]
    task = [
        allow("*", *[f"ssmmessages:{channel}" for channel in channels]),
        allow("*", "logs:DescribeLogGroups", "cloudwatch:PutMetricData"),
        allow(ours["logs"], "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
        allow(ours["queue"], "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
    ]
    for name, statements in (("drydock-execution", execution), ("drydock-task", task)):
        iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        )
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_role_policy(RoleName=name, PolicyName="drydock", PolicyDocument=document)
        iam.get_waiter("role_exists").wait(RoleName=name)


@outline.step(
    "create-log-groups",
    title="A log group for each service, kept for a week",
    hints=["create_log_group and put_retention_policy. Without a retention policy, logs are kept (and paid) for ever."],
)
def create_log_groups(cloud, lab):
    found = cloud.client("logs").describe_log_groups(logGroupNamePrefix="/drydock/")["logGroups"]
    there = {group["logGroupName"]: group for group in found}
    missing = [name for name in (f"/drydock/{service}" for service in SERVICES) if name not in there]
    if len(missing) == 3:
        return not_started("There is no log group of the three services.")
    if missing:
        return wrong(f"There is no log group {', '.join(missing)}.", look="logs.create_log_group")
    for_ever = [name for name in there if name != "/drydock/exec" and not there[name].get("retentionInDays")]
    if for_ever:
        return wrong(f"{', '.join(sorted(for_ever))} would be kept for ever.", look="logs.put_retention_policy")
    return passed("Three log groups, none of them kept for ever.")


@create_log_groups.solution
def _(cloud, lab):
    logs = cloud.client("logs")
    for service in ("frontend", "backend", "worker"):
        logs.create_log_group(logGroupName=f"/drydock/{service}")
        logs.put_retention_policy(logGroupName=f"/drydock/{service}", retentionInDays=7)


@outline.step(
    "create-secret",
    title="A secret in Secrets Manager, as JSON, so that one key of it can be handed out",
    hints=['create_secret(Name="drydock/backend", SecretString=…) with a JSON object that has the key "app-secret".'],
)
def create_secret(cloud, lab):
    manager = cloud.client("secretsmanager")
    if "DeletedDate" in manager.describe_secret(SecretId="drydock/backend"):
        return wrong("The secret is scheduled for deletion.", look="restore_secret")
    if problem := amiss(manager.get_secret_value(SecretId="drydock/backend").get("SecretString", "")):
        return wrong(f"The secret {problem}.", look="put_secret_value, SecretString")
    return passed('The secret drydock/backend has the key "app-secret".')


@create_secret.solution
def _(cloud, lab):
    value = json.dumps({"app-secret": random_secrets.token_hex(16)})
    cloud.client("secretsmanager").create_secret(Name="drydock/backend", SecretString=value)


@outline.step(
    "register-task-definitions",
    title="Three families: drydock-frontend, drydock-backend, drydock-worker",
    hints=[
        "What they share: family, requiresCompatibilities, networkMode, cpu, memory, the two roles, runtimePlatform.",
        "The backend's secret is <ARN of the secret>:app-secret:: and the two colons stay.",
        "The image's own HEALTHCHECK is ignored by ECS: each container definition needs its healthCheck.",
    ],
)
def register_task_definitions(cloud, lab):
    found = {service: definition(cloud, f"drydock-{service}") for service in SERVICES}
    if not any(found.values()):
        return not_started("None of the three families is registered.")
    for service, one in found.items():
        family = f"drydock-{service}"
        if one is None:
            return wrong(f"There is no task definition {family}.", look="register_task_definition, family")
        for key, value in {"networkMode": "awsvpc", "cpu": "256", "memory": "512"}.items():
            if one.get(key) != value:
                return wrong(f"{family} has not {key} {value}.", look=f"register_task_definition, {key}")
        if "FARGATE" not in one.get("requiresCompatibilities", []):
            return wrong(f"{family} is not held against Fargate's rules.", look="requiresCompatibilities")
        for key, role in (("executionRoleArn", "drydock-execution"), ("taskRoleArn", "drydock-task")):
            if not one.get(key, "").endswith(f"/{role}"):
                return wrong(f"{family} has not {role} as its {key}.", look=key)
        it = container(one, service)
        if not it:
            return wrong(f"{family} has no container {service}.", look="containerDefinitions, name")
        if f"/drydock/{service}" not in it["image"]:
            return wrong(f"The image of {family} is not drydock/{service}.", look="containerDefinitions, image")
        if it.get("healthCheck", {}).get("command") != HEALTH:
            return wrong(f"The health of {family} is not asked by healthcheck.py.", look="healthCheck, command")
        options = it.get("logConfiguration", {}).get("options", {})
        if options.get("awslogs-group") != f"/drydock/{service}":
            return wrong(f"{family} does not log to /drydock/{service}.", look="logConfiguration, options")
    backend = container(found["backend"], "backend")
    if any(variable["name"] == "APP_SECRET" for variable in backend["environment"]):
        return wrong("The backend's secret stands in its environment, for all to read.", look="secrets, valueFrom")
    given = {secret["name"]: secret["valueFrom"] for secret in backend.get("secrets", [])}
    parts = given.get("APP_SECRET", "").split(":")
    if parts[7:8] != ["app-secret"]:
        return wrong("The backend is not given APP_SECRET from the key app-secret.", look="secrets, valueFrom")
    if len(parts) != 10:
        look = "secrets, valueFrom: <ARN>:app-secret::"
        return wrong("ECS cannot read where APP_SECRET is from: colons are left out.", look=look)
    return passed("Three families, each with its roles, its health check and its log group; one with a secret.")


@register_task_definitions.solution
def _(cloud, lab):
    ecs, iam, ecr = cloud.client("ecs"), cloud.client("iam"), cloud.client("ecr")
    secret = cloud.client("secretsmanager").describe_secret(SecretId="drydock/backend")["ARN"]
    queue = f"{cloud.client('sqs').meta.endpoint_url}/{cloud.account}/drydock-jobs"
    http = [{"name": "http", "containerPort": 8080, "appProtocol": "http"}]
    own = {
        "frontend": {
            "portMappings": http,
            "environment": [{"name": "BACKEND_URL", "value": "http://backend.shop.internal:8080"}],
        },
        "backend": {
            "portMappings": http,
            "secrets": [{"name": "APP_SECRET", "valueFrom": f"{secret}:app-secret::"}],
        },
        "worker": {"environment": [{"name": "QUEUE_URL", "value": queue}]},
    }
    for service, fields in own.items():
        repository = ecr.describe_repositories(repositoryNames=[f"drydock/{service}"])["repositories"][0]
        container = {
            "name": service,
            "image": f"{repository['repositoryUri']}:v1",
            "healthCheck": {
                "command": ["CMD", "python", "healthcheck.py"],
                "interval": 10,
                "timeout": 5,
                "retries": 3,
                "startPeriod": 120,
            },
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-region": cloud.region,
                    "awslogs-group": f"/drydock/{service}",
                    "awslogs-stream-prefix": "ecs",
                    "mode": "non-blocking",
                },
            },
            **fields,
        }
        ecs.register_task_definition(
            family=f"drydock-{service}",
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            runtimePlatform={"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"},
            executionRoleArn=iam.get_role(RoleName="drydock-execution")["Role"]["Arn"],
            taskRoleArn=iam.get_role(RoleName="drydock-task")["Role"]["Arn"],
            containerDefinitions=[container],
        )


@outline.step(
    "run-one-task",
    title="One task of the backend, run, read and stopped",
    hints=[
        "run_task with cluster, taskDefinition and networkConfiguration; the waiter is tasks_running.",
        "Its log stream is ecs/backend/<task id>, in the group /drydock/backend.",
    ],
)
def run_one_task(cloud, lab):
    found = tasks(cloud, "drydock-backend", lab.began)
    if not found:
        return not_started("No task of drydock-backend has been run.")
    ran = [task for task in found if "startedAt" in task]
    if not ran:
        return wrong(
            "The task of drydock-backend has not started.",
            look="describe_tasks, lastStatus, stoppedReason",
            waits_for="the task to be RUNNING" if found[0]["desiredStatus"] == "RUNNING" else "",
        )
    written = messages(cloud, "/drydock/backend", f"ecs/backend/{ran[0]['taskArn'].rsplit('/', 1)[-1]}")
    if not written:
        return wrong(
            "The task ran and there is nothing in its log stream.",
            look="logConfiguration",
            waits_for="the first line of its log" if ran[0]["lastStatus"] != "STOPPED" else "",
        )
    return passed("A task of drydock-backend ran, and its log can be read.")


@run_one_task.solution
def _(cloud, lab):
    ecs = cloud.client("ecs")
    task = ecs.run_task(cluster="drydock", taskDefinition="drydock-backend", networkConfiguration=network(cloud))[
        "tasks"
    ][0]["taskArn"]
    ecs.get_waiter("tasks_running").wait(cluster="drydock", tasks=[task])
    stream = f"ecs/backend/{task.rsplit('/', 1)[-1]}"
    wait_until(lambda: messages(cloud, "/drydock/backend", stream), "the task has logged")
    ecs.stop_task(cluster="drydock", task=task, reason="Done with it")


@outline.step(
    "sidecar",
    title="Three containers in one task: one before the backend, one beside it",
    hints=[
        "The one before: not essential, and the backend dependsOn its SUCCESS.",
        "The one beside: it dependsOn the backend's HEALTHY, so the backend needs a healthCheck.",
    ],
)
def sidecar(cloud, lab):
    one = definition(cloud, "drydock-sidecar")
    if one is None:
        return not_started("There is no task definition drydock-sidecar.")
    if container(one, "migrate").get("essential") is not False:
        return wrong("When `migrate` is done, the task would end: it is essential.", look="essential")
    for name, wanted in (
        ("backend", {"containerName": "migrate", "condition": "SUCCESS"}),
        ("watcher", {"containerName": "backend", "condition": "HEALTHY"}),
    ):
        if wanted not in container(one, name).get("dependsOn", []):
            return wrong(
                f"`{name}` does not wait for {wanted['containerName']}: {wanted['condition']}.", look="dependsOn"
            )
    started = tasks(cloud, "drydock-sidecar", lab.began)
    ran = [task for task in started if "startedAt" in task]
    if not ran:
        alive = started and started[0]["desiredStatus"] == "RUNNING"
        waits_for = "the task to be RUNNING" if alive else ""
        return wrong("No task of drydock-sidecar has run.", look="run_task, describe_tasks", waits_for=waits_for)
    alive = ran[0]["desiredStatus"] == "RUNNING"
    codes = {one["name"]: one.get("exitCode") for one in ran[0]["containers"]}
    if codes.get("migrate") != 0:
        look, waits_for = "describe_tasks, containers, exitCode", "`migrate` to end" if alive else ""
        return wrong("`migrate` did not exit with 0.", look=look, waits_for=waits_for)
    if not messages(cloud, "/drydock/backend", f"sidecar/watcher/{ran[0]['taskArn'].rsplit('/', 1)[-1]}"):
        waits_for = "the first line of its log" if alive else ""
        return wrong("`watcher` has not reached the backend.", look="its log stream", waits_for=waits_for)
    return passed("migrate ran first and exited with 0; watcher reached the backend on localhost.")


WATCH = """
import signal, sys, time, urllib.request
signal.signal(signal.SIGTERM, lambda *_: sys.exit(print("watcher: stopping")))
while True:
    print("watcher:", urllib.request.urlopen("http://localhost:8080/version").read().decode())
    time.sleep(1)
"""


@sidecar.solution
def _(cloud, lab):
    ecs = cloud.client("ecs")
    options = {"awslogs-region": cloud.region, "awslogs-group": "/drydock/backend", "awslogs-stream-prefix": "sidecar"}
    common = {"image": image(cloud, "backend"), "logConfiguration": {"logDriver": "awslogs", "options": options}}
    migrate = {**common, "name": "migrate", "essential": False, "command": ["-c", "print('migrate: done')"]}
    backend = {**common, "name": "backend", "dependsOn": [{"containerName": "migrate", "condition": "SUCCESS"}]}
    backend["healthCheck"] = {"command": HEALTH, "interval": 5, "startPeriod": 120}
    watcher = {**common, "name": "watcher", "essential": False, "command": ["-c", WATCH]}
    watcher["dependsOn"] = [{"containerName": "backend", "condition": "HEALTHY"}]
    ecs.register_task_definition(
        family="drydock-sidecar",
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        executionRoleArn=role_arn(cloud, "drydock-execution"),
        containerDefinitions=[migrate, backend, watcher],
    )
    task = ecs.run_task(cluster="drydock", taskDefinition="drydock-sidecar", networkConfiguration=network(cloud))[
        "tasks"
    ][0]["taskArn"]
    ecs.get_waiter("tasks_running").wait(cluster="drydock", tasks=[task])
    stream = f"sidecar/watcher/{task.rsplit('/', 1)[-1]}"
    wait_until(lambda: messages(cloud, "/drydock/backend", stream), "the watcher has logged")
    ecs.stop_task(cluster="drydock", task=task, reason="Done with it")


@outline.your_turn(
    "rotate-secret",
    title="Give the secret a new value, and get a backend task that has it",
    hints=[
        "put_secret_value makes a new version; the one before keeps the stage AWSPREVIOUS.",
        "A task reads its secrets once, before it starts. A task that runs keeps what it has.",
        "So: put_secret_value, then run_task with drydock-backend, and leave it running.",
    ],
)
def rotate_secret(cloud, lab):
    manager = cloud.client("secretsmanager")
    versions = manager.list_secret_version_ids(SecretId="drydock/backend", IncludeDeprecated=True)["Versions"]
    current = next(one for one in versions if "AWSCURRENT" in one.get("VersionStages", []))
    if len(versions) < 2 or current["CreatedDate"] < lab.began:
        return not_started("The secret has had no new value.")
    if "DeletedDate" in manager.describe_secret(SecretId="drydock/backend"):
        return wrong("The secret is scheduled for deletion.", look="restore_secret, then put_secret_value")
    value = manager.get_secret_value(SecretId="drydock/backend").get("SecretString", "")
    if problem := amiss(value):
        return wrong(f"The new value {problem}.", look="put_secret_value, SecretString")
    if any("AWSPREVIOUS" in one.get("VersionStages", []) for one in versions):
        before = manager.get_secret_value(SecretId="drydock/backend", VersionStage="AWSPREVIOUS").get("SecretString")
        if before == value:
            return wrong("The new version has the old value.", look="put_secret_value, SecretString")
    alive = [task for task in tasks(cloud, "drydock-backend", lab.began) if task["desiredStatus"] == "RUNNING"]
    if not alive:
        return wrong("No task of drydock-backend runs.", look="run_task")
    if alive[0]["lastStatus"] != "RUNNING":
        return wrong("No task of drydock-backend runs.", look="run_task", waits_for="the task to be RUNNING")
    if alive[0]["createdAt"] < current["CreatedDate"]:
        return wrong("The task that runs is older than the value: it has the old one.", look="createdAt, CreatedDate")
    return passed("The backend that runs was started after the secret got its new value.")


@rotate_secret.solution
def _(ecs, json, manager, run, secrets):
    value = json.dumps({"app-secret": secrets.token_hex(16)})
    manager.put_secret_value(SecretId="drydock/backend", SecretString=value)
    task = ecs.run_task(taskDefinition="drydock-backend", **run)["tasks"][0]["taskArn"]
    ecs.get_waiter("tasks_running").wait(cluster="drydock", tasks=[task])


# -- four that ECS refuses


@outline.your_turn(
    "broken-size",
    title="drydock-size: the program needs 4096 MiB. Register it with the least CPU that Fargate offers with that",
    hints=["256 CPU units come with 512, 1024 or 2048 MiB.", "Which row of the table of sizes first has 4096?"],
)
def broken_size(cloud, lab):
    one = definition(cloud, "drydock-size")
    if one is None:
        return not_started("drydock-size is not registered.")
    if one.get("memory") != "4096":
        return wrong("It has not 4096 MiB, which the program needs.", look="memory")
    if one.get("cpu") != "512":
        return wrong("Fargate offers 4096 MiB with fewer CPU units, for less money.", look="cpu")
    return passed("4096 MiB with 512 CPU units.")


@broken_size.solution
def _(attempt, one_container):
    size = one_container("drydock-size")
    size["cpu"], size["memory"] = "512", "4096"
    attempt(size)


@outline.your_turn(
    "broken-network",
    title="drydock-network: to run on Fargate, with container port 8080",
    hints=[
        "Read the error, mend it, and try again: there are two.",
        "On Fargate each task has an address of its own, so there is no host port to map to.",
    ],
)
def broken_network(cloud, lab):
    one = definition(cloud, "drydock-network")
    if one is None:
        return not_started("drydock-network is not registered.")
    if "FARGATE" not in one.get("requiresCompatibilities", []) or one.get("networkMode") != "awsvpc":
        return wrong("It is registered, and not for Fargate.", look="requiresCompatibilities, networkMode")
    if [mapping.get("containerPort") for mapping in container(one, "backend").get("portMappings", [])] != [8080]:
        return wrong("The container port is not 8080.", look="portMappings")
    return passed("Network mode awsvpc, container port 8080.")


@broken_network.solution
def _(attempt, one_container):
    attempt(one_container("drydock-network", portMappings=[{"containerPort": 8080}]))


@outline.your_turn(
    "broken-order",
    title="drydock-order: `backend` starts when `migrate` has succeeded",
    hints=[
        "Draw an arrow for each dependsOn. Which one should not be there?",
        "A container that others wait for to end cannot be essential: the task would end with it.",
    ],
)
def broken_order(cloud, lab):
    one = definition(cloud, "drydock-order")
    if one is None:
        return not_started("drydock-order is not registered.")
    wanted = {"containerName": "migrate", "condition": "SUCCESS"}
    if not container(one, "migrate") or not container(one, "backend"):
        return wrong("It should have the containers migrate and backend.", look="containerDefinitions")
    if wanted not in container(one, "backend").get("dependsOn", []):
        return wrong("`backend` no longer waits until migrate has succeeded.", look="dependsOn")
    return passed("`migrate` first, then `backend`.")


@broken_order.solution
def _(attempt, container, one_container):
    order = one_container("drydock-order", dependsOn=[{"containerName": "migrate", "condition": "SUCCESS"}])
    migration = {"name": "migrate", "image": container("backend")["image"], "command": ["-c", "pass"]}
    order["containerDefinitions"].append({**migration, "essential": False})
    attempt(order)


@outline.your_turn(
    "broken-role",
    title="drydock-role: the backend with its secret",
    hints=[
        "Which of the two roles reads a secret, and when?",
        "taskRoleArn is what the program has. ECS itself works under executionRoleArn.",
    ],
)
def broken_role(cloud, lab):
    one = definition(cloud, "drydock-role")
    if one is None:
        return not_started("drydock-role is not registered.")
    it = container(one, "backend")
    if any(variable["name"] == "APP_SECRET" for variable in it.get("environment", [])):
        return wrong("APP_SECRET stands in plain text in the task definition.", look="environment, secrets")
    if "APP_SECRET" not in [secret["name"] for secret in it.get("secrets", [])]:
        return wrong("The backend is not given APP_SECRET any more.", look="secrets")
    if not one.get("executionRoleArn", "").endswith("/drydock-execution"):
        return wrong("Its execution role is not drydock-execution.", look="executionRoleArn")
    return passed("The execution role reads the secret.")


@broken_role.solution
def _(app_secret, attempt, one_container):
    attempt(one_container("drydock-role", secrets=app_secret))


# -- four that are registered and do not work


@outline.drill(
    "broken-image",
    title="drydock-image: its task does not start",
    hints=["Read stoppedReason.", "ecr.list_images(repositoryName=…) says which tags there are."],
)
def broken_image(cloud, lab):
    return running(cloud, "drydock-image", lab.began)


@broken_image.breaks
def _(cloud, lab):
    arn = register_and_run(cloud, alone(cloud, "drydock-image", image=image(cloud, "backend", "v9")))
    cloud.client("ecs").get_waiter("tasks_stopped").wait(cluster="drydock", tasks=[arn])


@broken_image.solution
def _(attempt, ecs, one_container, run):
    attempt(one_container("drydock-image"))
    task = ecs.run_task(taskDefinition="drydock-image", **run)["tasks"][0]["taskArn"]
    ecs.get_waiter("tasks_running").wait(cluster="drydock", tasks=[task])


@outline.drill(
    "broken-secret",
    title="drydock-secret: its task does not start",
    hints=["Read stoppedReason to its end.", "Compare the key in valueFrom with the keys of the secret."],
)
def broken_secret(cloud, lab):
    found = running(cloud, "drydock-secret", lab.began)
    one = definition(cloud, "drydock-secret")
    if one is None or not found.passed:
        return found
    given = {secret["name"]: secret["valueFrom"] for secret in container(one, "backend").get("secrets", [])}
    if "APP_SECRET" not in given:
        return wrong("It runs, without its secret.", look="secrets")
    if ":app-secret:" not in given["APP_SECRET"]:
        return wrong("It is given the whole secret, not its key app-secret.", look="secrets, valueFrom")
    return found


@broken_secret.breaks
def _(cloud, lab):
    arn = register_and_run(cloud, alone(cloud, "drydock-secret", secrets=[app_secret(cloud, "app_secret")]))
    cloud.client("ecs").get_waiter("tasks_stopped").wait(cluster="drydock", tasks=[arn])


@broken_secret.solution
def _(app_secret, attempt, ecs, one_container, run):
    attempt(one_container("drydock-secret", secrets=app_secret))
    task = ecs.run_task(taskDefinition="drydock-secret", **run)["tasks"][0]["taskArn"]
    ecs.get_waiter("tasks_running").wait(cluster="drydock", tasks=[task])


@outline.drill(
    "broken-setting",
    title="drydock-setting: five requests in a hundred are to fail; its task starts and ends at once",
    hints=["stoppedReason says that a container exited, not why.", "What did the container write before it ended?"],
)
def broken_setting(cloud, lab):
    found = running(cloud, "drydock-setting", lab.began)
    one = definition(cloud, "drydock-setting")
    if one is None or not found.passed:
        return found
    given = {variable["name"]: variable["value"] for variable in container(one, "backend").get("environment", ())}
    if not given.get("ERROR_RATE"):
        return wrong("It runs, and no request fails: ERROR_RATE is gone.", look="environment")
    if float(given["ERROR_RATE"]) != 0.05:
        return wrong("It runs, and not five requests in a hundred fail.", look="environment, ERROR_RATE")
    return found


@broken_setting.breaks
def _(cloud, lab):
    request = alone(cloud, "drydock-setting", environment=[{"name": "ERROR_RATE", "value": "5%"}])
    arn = register_and_run(cloud, request)
    cloud.client("ecs").get_waiter("tasks_stopped").wait(cluster="drydock", tasks=[arn])


@broken_setting.solution
def _(attempt, ecs, one_container, run):
    attempt(one_container("drydock-setting", environment=[{"name": "ERROR_RATE", "value": "0.05"}]))
    task = ecs.run_task(taskDefinition="drydock-setting", **run)["tasks"][0]["taskArn"]
    ecs.get_waiter("tasks_running").wait(cluster="drydock", tasks=[task])


@outline.drill(
    "broken-health",
    title="drydock-health: its task runs and is UNHEALTHY",
    hints=["The program answers. Who asks it, and with what?", "Is there a curl in the image?"],
)
def broken_health(cloud, lab):
    found = running(cloud, "drydock-health", lab.began)
    one = definition(cloud, "drydock-health")
    if one is None or not found.passed:
        return found
    if not container(one, "backend").get("healthCheck"):
        return wrong("It runs, and nothing asks for its health any more.", look="healthCheck")
    health = tasks(cloud, "drydock-health", lab.began)[0].get("healthStatus")
    if health != "HEALTHY":
        waits_for = "the task to be HEALTHY" if health == "UNKNOWN" else ""
        return wrong(
            f"The newest task of drydock-health is {health}.", look="healthCheck, command", waits_for=waits_for
        )
    return passed("A task of the newest drydock-health runs and is HEALTHY.")


@broken_health.breaks
def _(cloud, lab):
    check = {"command": ["CMD-SHELL", "curl -f http://localhost:8080/health || exit 1"], "interval": 5, "retries": 2}
    arn = register_and_run(cloud, alone(cloud, "drydock-health", healthCheck=check))
    until_running(cloud, arn)
    wait_until(
        lambda: tasks(cloud, "drydock-health", lab.began)[0].get("healthStatus") == "UNHEALTHY", "the task is UNHEALTHY"
    )


@broken_health.solution
def _(attempt, ecs, health, one_container, run):
    attempt(one_container("drydock-health", healthCheck=health))
    task = ecs.run_task(taskDefinition="drydock-health", **run)["tasks"][0]["taskArn"]
    ecs.get_waiter("tasks_running").wait(cluster="drydock", tasks=[task])

"""What mends what is wrong: a runbook, a call, or the place to look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from drydock.policy.diagnosis.facts import Facts, StoppedTask, TargetGroup
from drydock.policy.diagnosis.findings import Cause

ON_DEMAND = (
    "`ecs.update_service(capacityProviderStrategy=…, forceNewDeployment=True)` with a `base` on FARGATE that carries "
    "the service, and Spot for the rest: ECS does not fall back from one provider to another."
)


def runbook(facts: Facts, name: str, **more: object) -> str:
    given = {"cluster": facts.cluster, "service": facts.service, **more}
    return f"`drydock runbook plan {name}{''.join(f' -p {key}={value}' for key, value in given.items())}`"


def back(facts: Facts, when: str = "") -> str:
    """The way back, where there is one: an earlier deployment succeeded, and none is under way back to it."""
    if facts.rolled_back or not any(one.status == "SUCCESSFUL" for one in facts.attempts[1:]):
        return ""
    ended = facts.attempts[0].status == "SUCCESSFUL"
    usual = "If it began with the current deployment" if ended else "Until then the version before it can serve"
    return f" {when or usual}: {runbook(facts, 'rollback-service')}."


def _images(task: StoppedTask) -> str:
    return ", ".join(dict.fromkeys(f"`{one.image}`" for one in task.containers if one.image)) or "the image"


def deploy(facts: Facts, change: str) -> str:
    return f"Register a revision {change} and deploy it by `ecs.update_service`.{back(facts)}"


def _exited(facts: Facts, task: StoppedTask) -> str:
    code = task.culprit.exit_code if task.culprit else None
    if code == 137:
        look = (
            "Compare `MemoryUtilized` in Container Insights with the limit: a task that reaches its own limit may be "
            "killed without a word. Look for a process in the container that kills others, too."
        )
    elif code == 143:
        look = "Look in the container for what ends the program: an entry point, a supervisor, a script."
    elif code == 139:
        look = "A native library is the usual suspect: one that does not suit the base image or the processor."
    elif code == 0:
        look = "The command has to stay in the foreground: look at `command` and `entryPoint`."
    else:
        look = "Read the whole log of the task; its settings (environment, secrets) and what it connects to come first."
    return f"{look}{back(facts)}"


OF_TASKS: Mapping[Cause, Callable[[Facts, StoppedTask], str]] = {
    Cause.IMAGE_NOT_FOUND: lambda facts, task: (
        f"Compare {_images(task)} with what `ecr.describe_images` lists. Push that tag, or go another way. "
        + deploy(facts, "with a tag or digest that is there")
    ),
    Cause.IMAGE_NOT_ALLOWED: lambda facts, task: (
        "The execution role (`executionRoleArn`) needs ecr:GetAuthorizationToken, ecr:BatchGetImage and "
        "ecr:GetDownloadUrlForLayer; a repository of another account has to allow it in its policy. "
        f"Refused was {_images(task)}.{back(facts)}"
    ),
    Cause.WRONG_ARCHITECTURE: lambda facts, task: (
        "`runtimePlatform.cpuArchitecture` and the image have to agree: build for it (linux/amd64 for X86_64, "
        f"linux/arm64 for ARM64), or set it to what the image is.{back(facts)}"
    ),
    Cause.IMAGE_NOT_PULLED: lambda facts, task: (
        f"The message is of the registry of {_images(task)}: a limit on pulls, a disk that is full, a layer that is "
        f"broken.{back(facts)}"
    ),
    Cause.SECRET_NOT_FOUND: lambda facts, task: (
        "Compare `secrets` of the container, `valueFrom`, with `secretsmanager.describe_secret` or "
        "`ssm.get_parameters`: name, Region, JSON key, version. "
        + deploy(facts, "with the right `valueFrom`, or create what is missing,")
    ),
    Cause.SECRET_NOT_ALLOWED: lambda facts, task: (
        "The execution role (`executionRoleArn`), not the task role, needs secretsmanager:GetSecretValue or "
        f"ssm:GetParameters, and kms:Decrypt for a key of your own.{back(facts)}"
    ),
    Cause.NO_ROUTE: lambda facts, task: (
        "From its subnet a task needs a way to ECR, S3, Secrets Manager and CloudWatch Logs: a public address "
        "(`assignPublicIp`) and an internet gateway, or a NAT gateway, or VPC endpoints. Then the security group: "
        "outbound TCP 443."
    ),
    Cause.NO_LOGS: lambda facts, task: (
        "Create the log group that `logConfiguration` names (`logs.create_log_group`), and let the execution role "
        "logs:CreateLogStream and logs:PutLogEvents."
    ),
    Cause.COMMAND_NOT_FOUND: lambda facts, task: (
        "Compare `entryPoint` and `command` with what is in the image, and whether it may be executed. "
        + deploy(facts, "with a command that is there")
    ),
    Cause.OUT_OF_MEMORY: lambda facts, task: (
        "Compare `MemoryUtilized` in Container Insights with the limit: a leak grows with time, a limit that is too "
        "low shows at once. " + deploy(facts, "with more `memory`")
    ),
    Cause.CONTAINER_EXITED: _exited,
    Cause.NOT_STARTED: lambda facts, task: (
        f"Look the reason up in *Stopped tasks error messages* of the ECS developer guide.{back(facts)}"
    ),
    Cause.INTERRUPTED: lambda facts, task: (
        f"ECS replaces such tasks by itself. Where Spot is all there is: {ON_DEMAND}"
    ),
}


OF_PLACEMENT = {
    Cause.NO_INSTANCES: (
        "Register container instances (an Auto Scaling group behind a capacity provider), or run the service on "
        "Fargate: `ecs.update_service(capacityProviderStrategy=…, forceNewDeployment=True)`. A service that names "
        "neither launch type nor strategy goes to instances where its cluster has no `defaultCapacityProviderStrategy`."
    ),
    Cause.QUOTA: "Ask for more in Service Quotas (AWS Fargate: vCPUs), or want fewer or smaller tasks.",
    Cause.NO_CAPACITY: "Add subnets in further Availability Zones, or FARGATE beside FARGATE_SPOT; ECS keeps trying.",
    Cause.NO_ADDRESSES: (
        "Add subnets that have addresses: `ecs.update_service(networkConfiguration=…)`. "
        "`ec2.describe_network_interfaces` says who holds the others."
    ),
    Cause.NOT_PLACED: (
        "Compare what the task definition asks for (cpu, memory, ports, placement constraints, subnets) with what is "
        "there: `ecs.describe_container_instances`, `ec2.describe_subnets`."
    ),
}


def answers(facts: Facts, group: TargetGroup, codes: Sequence[int]) -> str:
    change = "`elbv2.modify_target_group(HealthCheckPath=…)`"
    if any(code >= 500 for code in codes):
        return (
            "The program says of itself that it is not well: read its log, and what its health check looks at (a "
            f"database, another service).{back(facts)}"
        )
    if any(code in (401, 403) for code in codes):
        return f"Ask for a path that needs no login: {change}."
    if any(300 <= code < 400 for code in codes):
        return f"Ask for the page that the redirect leads to: {change}."
    older = back(facts, "If only the version before it has that path")
    return f"Ask for a path that the program answers with {group.matcher}: {change}.{older}"

"""What can be wrong with a service, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

QUOTED = 300
"""Characters of somebody else's message that an evidence repeats."""


class Cause(StrEnum):
    """What can be wrong, likeliest first; the value says it in words."""

    NOT_ACTIVE = "The service is not active"
    NONE_WANTED = "The service wants no task"
    IMAGE_NOT_FOUND = "The image is not where the task definition says"
    IMAGE_NOT_ALLOWED = "The image may not be pulled"
    WRONG_ARCHITECTURE = "The image is built for another processor"
    IMAGE_NOT_PULLED = "The image cannot be pulled"
    SECRET_NOT_FOUND = "A secret or parameter, or the key asked of it, is not there"
    SECRET_NOT_ALLOWED = "A secret or parameter may not be read"
    SHUT_OFF = "A network ACL shuts a subnet of the service off"
    CUT_OFF = "Of the service's subnets some have a way out and some have none"
    NO_ROUTE = "A task cannot reach what it needs to start"
    NO_LOGS = "The log of a container cannot be opened"
    COMMAND_NOT_FOUND = "The command of a container cannot be run"
    OUT_OF_MEMORY = "A container needs more memory than it has"
    CONTAINER_EXITED = "An essential container exits"
    NO_ADDRESSES = "A subnet has no free address"
    SPOT_TAKEN = "AWS takes Spot capacity back, and the service has no other"
    NOT_STARTED = "Tasks fail to start"
    GRACE_TOO_LONG = "Tasks fail their health checks, and the grace period keeps ECS from acting on it"
    CONTAINER_UNHEALTHY = "A container fails its own health check"
    WRONG_ANSWER = "The load balancer's health check gets another answer than it takes"
    WRONG_PORT = "The load balancer's health check asks at a port where no container listens"
    GRACE_TOO_SHORT = "Tasks are stopped before they had time to start"
    NO_ANSWER = "The load balancer's health check gets no answer"
    NO_INSTANCES = "The cluster has no container instance to run a task on"
    QUOTA = "A quota of the account is reached"
    NO_CAPACITY = "AWS has no capacity for the tasks now"
    NOT_PLACED = "No place is found for a task"
    NOT_REGISTERED = "Tasks cannot be registered with their target group"
    NOT_IN_USE = "The load balancer does not use the target group"
    LEFT_BEHIND = "The service's name leads to an address that no task has"
    WRONG_PORT_REGISTERED = "A task is registered under its name with a port where no container listens"
    NOT_FOUND_BY_NAME = "A running task is not found by the service's name"
    NOBODY_CALLED = "A container calls a name that nobody is registered under"
    WRONG_PORT_CALLED = "A container calls another service at a port where it does not listen"
    TESTS_ELSEWHERE = "The tests of a deployment do not meet its new version"
    WAITS_AT_HOOK = "The deployment waits at a lifecycle hook"
    STUCK = "The deployment is stuck by its own bounds"
    DEPLOYMENT_FAILED = "The last deployment failed"
    INTERRUPTED = "AWS took the capacity of a task away"
    SLOW_STOP = "A container does not end when it is asked to"
    ALARM_BLIND = "An alarm that is to roll a deployment back sees nothing"
    SCALING_BLIND = "A scaling policy has no data to act on, or nobody calls it"
    SCALING_SUSPENDED = "Scaling is suspended"
    SCALES_TO_AND_FRO = "Scaling goes to and fro"
    SCALING_AT_MAXIMUM = "The service has as many tasks as its scaling may give it"
    ERRORS_UNDER_LOAD = "Requests are answered with server errors once there are many of them"
    ERRORS = "Requests are answered with server errors"
    SLOW = "Requests are answered slowly"
    DEFINITION_INACTIVE = "The task definition is no longer active"
    NOT_STEADY = "Nothing wrong was found, and the service is not steady"
    NOT_READ = "Not everything could be read"


@dataclass(frozen=True)
class Finding:
    """One cause. `likelihood` is its place in the order, from 1; `mend` names the call, or the place to look."""

    cause: Cause
    evidence: str
    mend: str
    likelihood: int = 0


def many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def short(text: str) -> str:
    text = " ".join(text.split()).rstrip(".")
    return text if len(text) <= QUOTED else text[: QUOTED - 1] + "…"

"""A blue/green deployment of ECS, step by step, and how it ends.

Source: AWS CodeDeploy User Guide, "What happens during an Amazon ECS deployment", "List of lifecycle event hooks for an
Amazon ECS deployment", "Troubleshoot Amazon ECS deployment issues" (time-outs, messages); API Reference,
*BlueGreenDeploymentConfiguration* (documented). What a stopped deployment and its roll-back show, their messages and
statuses, is observed on an account. What a docstring calls *ours* is in neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Step(StrEnum):
    """Those that a target shows as life-cycle events, and three between them."""

    BEFORE_INSTALL = "BeforeInstall"
    INSTALL = "Install"
    AFTER_INSTALL = "AfterInstall"
    ALLOW_TEST = "AllowTestTraffic"
    AFTER_ALLOW_TEST = "AfterAllowTestTraffic"
    READY_WAIT = "READY_WAIT"
    BEFORE_ALLOW = "BeforeAllowTraffic"
    ALLOW = "AllowTraffic"
    AFTER_ALLOW = "AfterAllowTraffic"
    TERMINATION_WAIT = "TERMINATION_WAIT"
    TERMINATE = "TERMINATE"


BETWEEN = (Step.READY_WAIT, Step.TERMINATION_WAIT, Step.TERMINATE)
HOOKABLE = (
    Step.BEFORE_INSTALL, Step.AFTER_INSTALL, Step.AFTER_ALLOW_TEST, Step.BEFORE_ALLOW, Step.AFTER_ALLOW,
)  # fmt: skip
_OF_TESTS = (Step.ALLOW_TEST, Step.AFTER_ALLOW_TEST)

STEADY_WITHIN = 3600.0
"""AWS seconds in which the replacement task set has to become steady (documented)."""
ANSWER_WITHIN = 3600.0
"""AWS seconds in which a hook has to tell its status (documented)."""
SCALED_WITHIN = 300.0
"""AWS seconds in which a service that is scaled while its traffic shifts has to be steady again (documented: Amazon ECS
Developer Guide, "CodeDeploy blue/green deployments for Amazon ECS")."""
MAX_WAIT = 2880
"""Minutes of a wait at most (documented: two days)."""

CREATED, IN_PROGRESS, READY, SUCCEEDED, FAILED, STOPPED = (
    "Created", "InProgress", "Ready", "Succeeded", "Failed", "Stopped",
)  # fmt: skip
ENDED = (SUCCEEDED, FAILED, STOPPED)
PENDING, SKIPPED = "Pending", "Skipped"

ON_FAILURE, ON_ALARM, ON_REQUEST = "DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"


@dataclass(frozen=True)
class Cause:
    """Why a deployment ends before its time: the code and the message that its errorInformation shows."""

    code: str
    message: str
    status: str = FAILED
    event: str = ON_FAILURE
    """The event of an auto rollback configuration that it is."""


TOO_LATE = Cause(
    "TIMEOUT",
    "The deployment timed out while waiting for the replacement task set to become healthy. This time out period is 60 "
    "minutes.",
)
UNSTEADY = Cause(
    "TIMEOUT", "The service was scaled while its traffic shifted, and was not steady again within 5 minutes."
)
NO_ANSWER = Cause(
    "HOOK_EXECUTION_FAILURE",
    "The deployment timed out while waiting for a status callback. CodeDeploy expects a status callback within one "
    "hour after a deployment hook is invoked.",
)
NOT_VALIDATED = Cause(
    "HOOK_EXECUTION_FAILURE",
    "The deployment failed because one or more of the lifecycle event validation functions failed.",
)
NO_APPLICATION = Cause("APPLICATION_MISSING", "The application was deleted before the deployment started.")
NO_GROUP = Cause("DEPLOYMENT_GROUP_MISSING", "The deployment group was deleted before the deployment started.")
NO_ROLE = Cause(
    "IAM_ROLE_MISSING", "The service role cannot be assumed: it does not exist, or does not trust CodeDeploy."
)
"""The codes of these three are documented (*ErrorInformation*), their messages are ours."""
ASKED = Cause("MANUAL_STOP", "The deployment was stopped by a user.", STOPPED, ON_REQUEST)


def not_invoked(function: str, why: str) -> Cause:
    """A hook whose function cannot be called."""
    return Cause("INVALID_LAMBDA_FUNCTION", f"The Lambda function {function} could not be invoked: {why}")


def not_continued(minutes: int) -> Cause:
    """A wait for ContinueDeployment that is over."""
    return Cause(
        "TIMEOUT",
        "The deployment timed out while waiting for a notification to continue. This time out period is "
        f"{minutes} minutes.",
        STOPPED,
    )


def alarmed(names: Sequence[str]) -> Cause:
    """Alarms of the deployment are in ALARM."""
    told = " ".join(f"<{name}>" for name in names)
    return Cause(
        "ALARM_ACTIVE",
        "One or more alarms have been activated according to the Amazon CloudWatch metrics you selected, and the "
        f"affected deployments have been stopped. Activated alarms: {told}",
        STOPPED,
        ON_ALARM,
    )


def not_polled(names: Sequence[str]) -> Cause:
    """Alarms whose state CloudWatch does not tell. That one that is not there counts as such is ours."""
    told = " ".join(f"<{name}>" for name in names)
    return Cause("ALARM_ACTIVE", f"The state of alarms could not be retrieved from Amazon CloudWatch: {told}", STOPPED, ON_ALARM)  # fmt: skip  # noqa: E501


def not_behind(listener: str) -> Cause:
    """The listener does not know the target group of the original task set."""
    return Cause(
        "ELASTIC_LOAD_BALANCING_INVALID",
        "The ELB could not be updated due to the following error: Primary taskset target group must be behind listener "
        f"{listener}",
    )


def not_balanced(why: str) -> Cause:
    """The load balancer has refused what it was told."""
    return Cause("ELASTIC_LOAD_BALANCING_INVALID", f"The ELB could not be updated due to the following error: {why}")


def not_updated(why: str) -> Cause:
    """ECS has refused what it was told."""
    return Cause("ECS_UPDATE_ERROR", f"The ECS service cannot be updated due to an unexpected error: {why}")


def not_there(cluster: str, service: str) -> Cause:
    """The service has gone, or has no primary task set."""
    return Cause(
        "INVALID_ECS_SERVICE", f"Could not load ECS service information for cluster: {cluster}, service: {service}."
    )


def steps(*, tests: bool) -> tuple[Step, ...]:
    """All steps in order; those about test traffic only where there is a listener for it (observed).

    >>> [str(step) for step in events(tests=False)]
    ['BeforeInstall', 'Install', 'AfterInstall', 'BeforeAllowTraffic', 'AllowTraffic', 'AfterAllowTraffic']
    """
    return tuple(step for step in Step if tests or step not in _OF_TESTS)


def events(*, tests: bool) -> tuple[Step, ...]:
    """Those that a target shows."""
    return tuple(step for step in steps(tests=tests) if step not in BETWEEN)


def rolls_back(cause: Cause, *, enabled: bool, on: Sequence[str]) -> bool:
    """Whether a deployment that ends so is rolled back."""
    return enabled and cause.event in on


def terminated(deployment: str, rollback: str) -> str:
    """What a deployment says of its roll-back (observed)."""
    return f"Deployment {deployment} terminated. Automatic rollback is triggered with a DeploymentId {rollback}."


def triggered(rollback: str, deployment: str) -> str:
    """What a roll-back says of itself (observed)."""
    return f"Deployment {rollback} is triggered to roll back deployment {deployment}."

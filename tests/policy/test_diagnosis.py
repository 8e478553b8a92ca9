from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from drydock.policy.diagnosis import (
    Attempt,
    Cause,
    Container,
    Deployment,
    Event,
    Facts,
    StoppedTask,
    TargetGroup,
    counted_since,
    diagnose,
    meaning,
)

GROUP = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/web/0123456789abcdef"
START = datetime(2026, 1, 1, 12, tzinfo=UTC)
PULL = "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref {0}: "
INIT = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
RUNC = "runc create failed: unable to start container process: "
SCALING = "Scaling activity initiated by (deployment ecs-svc/2)"
ELB = f"Task failed ELB health checks in (target-group {GROUP})"


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


NEW = Deployment("ecs-svc/2", True, at(0), "IN_PROGRESS", running_count=2)
OLD = Deployment("ecs-svc/1", False, at(-60), "COMPLETED")
DONE = replace(NEW, rollout_state="COMPLETED")
STEADY = Facts("shop", "web", desired_count=2, running_count=2, deployments=(DONE,), definition="web:2", ports=(8080,))
ROLLING = replace(STEADY, deployments=(NEW, OLD), attempts=(Attempt(at(0), "IN_PROGRESS"),))


def stop(
    reason: str,
    code: str = "TaskFailedToStart",
    *containers: Container,
    minute: float = 1,
    deployment: str = "ecs-svc/2",
    **more: Any,
) -> StoppedTask:
    image = Container("web", image="registry.example/web:v9")
    return StoppedTask(
        f"task-{minute}", deployment, at(minute - 0.5), at(minute), code, reason, containers or (image,), **more
    )


def exits(code: int, reason: str = "", **more: Any) -> StoppedTask:
    """A task whose essential container has exited."""
    web = Container("web", code, reason, memory=512)
    return stop("Essential container in task exited", "EssentialContainerExited", web, **more)


def after(*stopped: StoppedTask, **more: Any) -> Facts:
    """A deployment under way with these stopped tasks."""
    return replace(ROLLING, stopped=stopped, **more)


def saying(*messages: str, minute: float = 1, **more: Any) -> Facts:
    """A deployment under way with these events."""
    events = tuple(Event(at(minute), f"(service web) {message}") for message in messages)
    return replace(ROLLING, events=events, running_count=1, **more)


def group(reason: str = "", description: str = "", **more: Any) -> TargetGroup:
    failures = ((reason, description),) if reason or description else ()
    states = ("unhealthy",) if failures else ("healthy", "healthy")
    return TargetGroup(GROUP, "/health", states=states, failures=failures, **more)


def causes(facts: Facts) -> list[Cause]:
    return [finding.cause for finding in diagnose(facts)]


def test_nothing_is_found_of_a_steady_service() -> None:
    assert diagnose(STEADY) == []
    assert diagnose(replace(STEADY, groups=(group(minutes=((10_000, 99),)),))) == []


# -- what AWS says of stopped tasks: its words and the embedded AWS's


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        (PULL + "{0}: not found", Cause.IMAGE_NOT_FOUND),
        (
            PULL + "The repository with name 'web' does not exist in the registry with id '000000000000'",
            Cause.IMAGE_NOT_FOUND,
        ),
        ("CannotPullContainerError: Error response from daemon: manifest for {0} not found", Cause.IMAGE_NOT_FOUND),
        (PULL + "unexpected status from HEAD request to https://registry/v2/: 403 Forbidden", Cause.IMAGE_NOT_ALLOWED),
        ("CannotPullContainerError: {0}: not authorized: account 1 is another account", Cause.IMAGE_NOT_ALLOWED),
        (
            "CannotPullContainerError: pull access denied for web, repository does not exist or may require login",
            Cause.IMAGE_NOT_ALLOWED,
        ),
        (INIT + "unable to retrieve ecr registry auth: AccessDeniedException", Cause.IMAGE_NOT_ALLOWED),
        (PULL + "failed to do request: dial tcp 10.0.0.1:443: i/o timeout", Cause.NO_ROUTE),
        (INIT + "unable to retrieve ecr registry auth: RequestError: dial tcp 10.0.0.1:443", Cause.NO_ROUTE),
        (
            INIT + "unable to retrieve secret from asm: RequestCanceled: request context canceled caused by: context "
            "deadline exceeded. Please check your task network configuration.",
            Cause.NO_ROUTE,
        ),
        ("CannotPullContainerError: toomanyrequests: You have reached your pull rate limit", Cause.IMAGE_NOT_PULLED),
        (
            "CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/amd64'",
            Cause.WRONG_ARCHITECTURE,
        ),
        (
            INIT + "unable to retrieve secret from asm: ResourceNotFoundException: Secrets Manager can't find the "
            "specified secret.",
            Cause.SECRET_NOT_FOUND,
        ),
        (
            INIT + "unable to retrieve secret from asm: retrieved secret from Secrets Manager did not contain json key",
            Cause.SECRET_NOT_FOUND,
        ),
        (INIT + "unable to retrieve secrets from ssm: invalid parameters: /shop/key", Cause.SECRET_NOT_FOUND),
        (
            INIT + "unable to retrieve secret from asm: AccessDeniedException: User is not authorized to perform: "
            "secretsmanager:GetSecretValue",
            Cause.SECRET_NOT_ALLOWED,
        ),
        (INIT + "unable to retrieve secret from asm: Access to KMS is not allowed", Cause.SECRET_NOT_ALLOWED),
        (
            "ResourceInitializationError: unable to pull secrets or registry auth: the task definition has no "
            "execution role to read /shop/key with",
            Cause.SECRET_NOT_ALLOWED,
        ),
        (
            "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: "
            "ResourceNotFoundException: The specified log group does not exist.",
            Cause.NO_LOGS,
        ),
        (
            f'CannotStartContainerError: ResourceInitializationError: {RUNC}exec: "serve": executable file not found '
            "in $PATH",
            Cause.COMMAND_NOT_FOUND,
        ),
        (
            f"CannotStartContainerError: {RUNC}exec /entry.sh: no such file or directory: unknown",
            Cause.COMMAND_NOT_FOUND,
        ),
        (f"CannotStartContainerError: {RUNC}exec /entry.sh: permission denied", Cause.COMMAND_NOT_FOUND),
        (f"CannotStartContainerError: {RUNC}exec /serve: exec format error", Cause.WRONG_ARCHITECTURE),
        (
            "ResourceInitializationError: failed to attach a network interface: subnet 10.0.0.0/28 has no free address "
            "left",
            Cause.NO_ADDRESSES,
        ),
        (
            "Unexpected EC2 error while attempting to Create Network Interface: InsufficientFreeAddressesInSubnet",
            Cause.NO_ADDRESSES,
        ),
        ("container ordering dependency [migrate] for [web] is not SUCCESS", Cause.NOT_STARTED),
        ("ResourceInitializationError: failed to invoke EFS utils commands", Cause.NOT_STARTED),
    ],
)
def test_why_a_task_could_not_start(reason: str, cause: Cause) -> None:
    image = "registry.example/web:v9"
    assert causes(after(stop(reason.format(image)))) == [cause]
    said_by_the_container = Container("web", reason=reason.format(image), image=image)
    assert causes(after(stop("Task failed to start", "TaskFailedToStart", said_by_the_container))) == [cause]


def test_the_name_of_an_image_says_nothing() -> None:
    image = "registry.example/access-denied-forbidden:i-o-not-authorized"
    task = stop(PULL.format(image) + f"{image}: not found", "TaskFailedToStart", Container("web", image=image))
    assert causes(after(task)) == [Cause.IMAGE_NOT_FOUND]


@pytest.mark.parametrize(
    ("task", "cause", "words"),
    [
        (exits(1), Cause.CONTAINER_EXITED, "`web` exited with 1: the program ended with an error of its own"),
        (exits(0), Cause.CONTAINER_EXITED, "a service's program has to go on"),
        (exits(127), Cause.COMMAND_NOT_FOUND, "the command was not found"),
        (exits(126), Cause.COMMAND_NOT_FOUND, "may not be executed"),
        (exits(137), Cause.CONTAINER_EXITED, "neither ECS nor the memory limit"),
        (exits(139), Cause.CONTAINER_EXITED, "SIGSEGV"),
        (exits(143), Cause.CONTAINER_EXITED, "ECS had not asked"),
        (exits(134), Cause.CONTAINER_EXITED, "SIGABRT"),
        (exits(137, "OutOfMemoryError: Container killed due to memory usage"), Cause.OUT_OF_MEMORY, "at 512 MiB"),
        (exits(255, last_lines=("exec /serve: exec format error",)), Cause.WRONG_ARCHITECTURE, "exec format error"),
    ],
)
def test_why_a_container_ended(task: StoppedTask, cause: Cause, words: str) -> None:
    [finding] = diagnose(after(task))
    assert finding.cause is cause
    assert words in finding.evidence


def test_an_exit_code_that_is_no_signal_of_this_machine_has_a_meaning_all_the_same() -> None:
    assert {meaning(code) for code in (2, 161, 255)} == {meaning(1)}


def test_the_container_that_ended_first_is_named_and_not_those_that_were_stopped_for_it() -> None:
    proxy, web, log = Container("proxy", 0), Container("web", 3), Container("log", 1, essential=False)
    [finding] = diagnose(after(stop("Essential container in task exited", "EssentialContainerExited", proxy, web, log)))
    assert "`web` exited with 3" in finding.evidence


def test_the_last_line_of_the_log_is_quoted_and_how_many_tasks_are_counted() -> None:
    one, two = exits(1), exits(1, minute=2, seconds=7.4, last_lines=("starting", "no DATABASE_URL", ""))
    [finding] = diagnose(after(one, two))
    assert finding.evidence.startswith("2 tasks of the current deployment stopped")
    assert "no DATABASE_URL" in finding.evidence and "it had run for 7 s" in finding.evidence


def test_a_long_message_is_cut() -> None:
    [finding] = diagnose(after(exits(1, last_lines=("x" * 10_000,))))
    assert len(finding.evidence) < 1000


# -- which stopped tasks count


@pytest.mark.parametrize(
    "task",
    [
        stop(SCALING, "ServiceSchedulerInitiated", Container("web", 0)),
        stop("Task stopped by user", "UserInitiated", Container("web", 143)),
        stop("CannotPullContainerError: not found", deployment="ecs-svc/1"),
    ],
    ids=["scaled in", "stopped by its user", "of an earlier deployment"],
)
def test_a_task_that_was_asked_to_stop_or_is_of_an_earlier_round_is_no_fault(task: StoppedTask) -> None:
    assert diagnose(replace(STEADY, stopped=(task,))) == []


def steady(*minutes: float) -> tuple[Event, ...]:
    return tuple(Event(at(minute), "(service web) has reached a steady state.") for minute in reversed(minutes))


def test_a_fault_that_the_service_has_recovered_from_is_over() -> None:
    facts = replace(STEADY, stopped=(stop(INIT + "unable to retrieve secret"),))
    assert causes(facts) == [Cause.SECRET_NOT_FOUND]
    assert causes(replace(facts, events=steady(5))) == []
    assert causes(replace(facts, events=steady(-5))) == [Cause.SECRET_NOT_FOUND]


def test_one_that_came_back_is_not() -> None:
    facts = replace(STEADY, stopped=(stop(INIT + "unable to retrieve secret"), stop(INIT + "fetch secret", minute=9)))
    [finding] = diagnose(replace(facts, events=steady(5, 20)))
    assert finding.cause is Cause.SECRET_NOT_FOUND
    assert finding.evidence.startswith(
        "2 tasks of the current deployment stopped, and the service has been steady since"
    )


def test_a_program_that_ended_by_itself_may_do_so_again_and_is_told_last() -> None:
    facts = replace(STEADY, stopped=(exits(137, "OutOfMemoryError"),), events=steady(5))
    assert causes(facts) == [Cause.OUT_OF_MEMORY]
    assert causes(replace(facts, unhealthy=("t",))) == [Cause.CONTAINER_UNHEALTHY, Cause.OUT_OF_MEMORY]
    assert causes(replace(facts, unhealthy=("t",), events=())) == [Cause.OUT_OF_MEMORY, Cause.CONTAINER_UNHEALTHY]


@pytest.mark.parametrize(
    ("reason", "showing", "cause"),
    [
        ("Task failed container health checks", {"unhealthy": ("t",)}, Cause.CONTAINER_UNHEALTHY),
        (ELB, {"groups": (TargetGroup(GROUP, failures=(("Target.Timeout", "timed out"),)),)}, Cause.NO_ANSWER),
    ],
)
def test_what_shows_now_is_told_before_what_only_comes_back(reason: str, showing: Any, cause: Cause) -> None:
    again = [stop(reason, "ServiceSchedulerInitiated", minute=minute, seconds=900) for minute in (1, 9)]
    facts = replace(STEADY, stopped=(*again, exits(1)), events=steady(5, 20), groups=(TargetGroup(GROUP),))
    assert causes(facts) == [Cause.CONTAINER_EXITED, cause]
    assert causes(replace(facts, **showing)) == [cause, Cause.CONTAINER_EXITED]


@pytest.mark.parametrize("code", ["SpotInterruption", "TerminationNotice", "InfrastructureHealth"])
def test_capacity_that_aws_took_away(code: str) -> None:
    assert causes(after(stop("Your Spot Task was interrupted.", code))) == [Cause.INTERRUPTED]


def test_a_task_that_had_to_be_killed_after_it_was_asked_to_stop() -> None:
    task = stop(SCALING, "ServiceSchedulerInitiated", Container("web", 137))
    assert causes(after(task)) == [Cause.SLOW_STOP]
    assert causes(replace(STEADY, stopped=(task,), events=steady(5))) == []


# -- health


def test_a_failing_container_health_check_and_the_command_it_runs() -> None:
    checks = {"web": "CMD-SHELL curl -f http://localhost/"}
    [running] = diagnose(replace(STEADY, unhealthy=("a", "b"), checks=checks))
    assert running.cause is Cause.CONTAINER_UNHEALTHY
    assert "2 running tasks UNHEALTHY" in running.evidence and "curl -f" in running.evidence
    stopped = stop("Task failed container health checks", "ServiceSchedulerInitiated")
    assert causes(after(stopped)) == [Cause.CONTAINER_UNHEALTHY]


@pytest.mark.parametrize(
    ("reason", "description", "cause", "mend"),
    [
        ("Target.ResponseCodeMismatch", "Health checks failed with these codes: [404]", Cause.WRONG_ANSWER, "a path"),
        ("Target.ResponseCodeMismatch", "Health checks failed with these codes: [302]", Cause.WRONG_ANSWER, "redirect"),
        ("Target.ResponseCodeMismatch", "Health checks failed with these codes: [401]", Cause.WRONG_ANSWER, "login"),
        ("Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]", Cause.WRONG_ANSWER, "its log"),
        ("Target.ResponseCodeMismatch", "Health checks failed with these codes: [12]", Cause.WRONG_ANSWER, "a path"),
        ("Target.Timeout", "Request timed out", Cause.NO_ANSWER, "too slow"),
        ("Target.FailedHealthChecks", "Health checks failed", Cause.NO_ANSWER, "0.0.0.0"),
    ],
)
def test_what_a_load_balancer_holds_against_a_target(reason: str, description: str, cause: Cause, mend: str) -> None:
    [finding] = diagnose(replace(STEADY, groups=(group(reason, description),)))
    assert finding.cause is cause
    assert reason in finding.evidence and description in finding.evidence and "`/health`" in finding.evidence
    assert mend in finding.mend


def test_the_reason_is_in_the_events_where_the_target_is_gone_already() -> None:
    event = f"(service web) (task 1) (port 8080) is unhealthy in (target-group {GROUP}) due to (reason Health checks "
    facts = replace(
        ROLLING,
        stopped=(stop(ELB, "ServiceSchedulerInitiated", seconds=300),),
        groups=(group(),),
        events=(Event(at(1), event + "failed with these codes: [404])."),),
    )
    [finding] = diagnose(facts)
    assert finding.cause is Cause.WRONG_ANSWER
    assert "[404]" in finding.evidence and "1 task stopped for it" in finding.evidence


def test_a_port_where_no_container_listens() -> None:
    asked = group("Target.FailedHealthChecks", "Health checks failed", port="9999")
    [finding] = diagnose(replace(STEADY, groups=(asked,)))
    assert finding.cause is Cause.WRONG_PORT
    assert "Container ports of the task definition: 8080." in finding.evidence
    assert causes(replace(STEADY, groups=(replace(asked, port="8080"),))) == [Cause.NO_ANSWER]


def test_a_grace_period_that_is_too_short_for_a_program_that_may_be_slow() -> None:
    silent = group("Target.FailedHealthChecks", "Health checks failed", interval=10)
    young = replace(after(stop(ELB, "ServiceSchedulerInitiated", seconds=25)), groups=(silent,))
    assert causes(young) == [Cause.GRACE_TOO_SHORT, Cause.NO_ANSWER]
    assert "0 s of grace and 2 checks every 10 s" in diagnose(young)[0].evidence
    assert causes(replace(young, grace_period=300)) == [Cause.NO_ANSWER]
    old = replace(young, stopped=(stop(ELB, "ServiceSchedulerInitiated", seconds=3600),))
    assert causes(old) == [Cause.NO_ANSWER]
    wrong_path = replace(young, groups=(group("Target.ResponseCodeMismatch", "codes: [404]", interval=10),))
    assert causes(wrong_path) == [Cause.WRONG_ANSWER]


def test_a_target_group_that_is_gone_is_no_error() -> None:
    assert causes(after(stop(ELB, "ServiceSchedulerInitiated"))) == [Cause.NO_ANSWER]


def test_targets_that_nobody_asks() -> None:
    assert causes(replace(STEADY, groups=(replace(group(), states=("unused", "unused")),))) == [Cause.NOT_IN_USE]


# -- placement


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        (
            "was unable to place a task because no container instance met all of its requirements. Reason: No "
            "Container Instances were found in your cluster.",
            Cause.NO_INSTANCES,
        ),
        (
            "was unable to place a task because no container instance met all of its requirements. The closest "
            "matching (container-instance 1) has insufficient CPU units available.",
            Cause.NOT_PLACED,
        ),
        ("was unable to place a task. Reason: Capacity is unavailable at this time.", Cause.NO_CAPACITY),
        ("was unable to place a task. Reason: You’ve reached the limit on the number of vCPUs", Cause.QUOTA),
        ("was unable to place a task. Reason: The requested CPU configuration is above your limit.", Cause.QUOTA),
        ("was unable to place a task. Reason: The subnet ID 'subnet-1' does not exist.", Cause.NOT_PLACED),
        ("was unable to place a task. Reason: subnet 10.0.0.0/28 has no free address left.", Cause.NO_ADDRESSES),
        ("failed to register targets in (target-group web) with (error it is gone)", Cause.NOT_REGISTERED),
    ],
)
def test_what_an_event_says(message: str, cause: Cause) -> None:
    [finding] = diagnose(saying(message))
    assert finding.cause is cause
    assert message.rstrip(".")[:60] in finding.evidence


def test_an_event_before_the_deployment_or_the_last_steady_state_says_nothing_of_now() -> None:
    facts = saying("was unable to place a task. Reason: Capacity is unavailable at this time.")
    assert causes(facts) == [Cause.NO_CAPACITY]
    assert Cause.NO_CAPACITY not in causes(replace(facts, events=(*steady(5), *facts.events)))
    assert Cause.NO_CAPACITY not in causes(replace(facts, deployments=(replace(NEW, created_at=at(3)), OLD)))


def test_a_subnet_without_addresses_matters_where_a_task_is_missing() -> None:
    facts = replace(STEADY, subnets={"subnet-1": 0, "subnet-2": 9})
    assert diagnose(facts) == []
    [finding] = diagnose(replace(facts, running_count=1))
    assert finding.cause is Cause.NO_ADDRESSES
    assert finding.evidence == "1 of 2 tasks run. subnet-1 has no free address."
    assert causes(replace(facts, running_count=1, subnets={"subnet-1": -1})) == [Cause.NOT_PLACED]


def test_a_cluster_without_container_instances() -> None:
    assert causes(replace(STEADY, running_count=0, instances=0)) == [Cause.NO_INSTANCES]
    assert causes(replace(STEADY, desired_count=0, running_count=0, instances=0, daemon=True)) == [Cause.NO_INSTANCES]
    assert causes(replace(STEADY, desired_count=0, running_count=0, instances=0)) == [Cause.NONE_WANTED]


# -- the service and its deployments


@pytest.mark.parametrize("status", ["DRAINING", "INACTIVE"])
def test_a_service_that_was_deleted_is_nothing_else(status: str) -> None:
    assert causes(after(exits(1), status=status)) == [Cause.NOT_ACTIVE]


def test_no_task_is_wanted() -> None:
    [finding] = diagnose(replace(STEADY, desired_count=0, running_count=0))
    assert finding.cause is Cause.NONE_WANTED
    assert "drydock runbook plan scale-service -p cluster=shop -p service=web -p desired_count=2" in finding.mend


def test_a_deployment_that_its_bounds_let_neither_start_nor_stop_a_task() -> None:
    stuck = replace(
        ROLLING,
        desired_count=3,
        running_count=3,
        maximum_percent=125,
        deployments=(replace(NEW, running_count=0), replace(OLD, running_count=3)),
    )
    [finding] = diagnose(stuck)
    assert finding.cause is Cause.STUCK
    assert "At least 3 have to run" in finding.evidence and "at most 3 may exist" in finding.evidence
    assert "134 is the least" in finding.mend
    assert causes(replace(stuck, maximum_percent=134)) == [Cause.NOT_STEADY]
    replaced = (replace(NEW, running_count=3), replace(OLD, running_count=0))
    assert causes(replace(stuck, deployments=replaced)) == [Cause.NOT_STEADY]
    assert causes(replace(STEADY, desired_count=3, running_count=3, maximum_percent=125)) == []


def test_a_deployment_that_failed_and_stays() -> None:
    failed = replace(NEW, rollout_state="FAILED", reason="ECS deployment circuit breaker: tasks failed to start.")
    facts = replace(after(exits(1)), deployments=(failed, OLD))
    assert causes(facts) == [Cause.CONTAINER_EXITED, Cause.DEPLOYMENT_FAILED]
    assert "circuit breaker: tasks failed to start" in diagnose(facts)[1].evidence


@pytest.mark.parametrize("status", ["ROLLBACK_IN_PROGRESS", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"])
def test_what_made_a_deployment_be_rolled_back_is_told_of_the_tasks_that_it_had(status: str) -> None:
    attempts = (Attempt(at(0), status, "tasks failed to start"), Attempt(at(-60), "SUCCESSFUL"))
    facts = replace(
        STEADY,
        attempts=attempts,
        deployments=(replace(DONE, id="ecs-svc/3", created_at=at(2)),),
        stopped=(exits(1), stop("CannotPullContainerError: not found", deployment="ecs-svc/1", minute=-50)),
        events=steady(-55, 5),
    )
    first, second = diagnose(facts)
    assert (first.cause, second.cause) == (Cause.CONTAINER_EXITED, Cause.DEPLOYMENT_FAILED)
    assert first.evidence.startswith("1 task of the deployment that failed stopped")
    assert status in second.evidence
    assert "rollback-service" not in first.mend
    mended = replace(facts, attempts=(Attempt(at(9), "SUCCESSFUL"), *attempts))
    assert diagnose(mended) == []


@pytest.mark.parametrize("status", ["INACTIVE", "DELETE_IN_PROGRESS"])
def test_a_task_definition_that_is_no_longer_active(status: str) -> None:
    assert causes(replace(STEADY, definition_status=status)) == [Cause.DEFINITION_INACTIVE]


@pytest.mark.parametrize(
    ("requests", "errors", "found"), [(200, 10, True), (500, 5, True), (501, 5, False), (4, 4, False), (0, 0, False)]
)
def test_a_share_of_server_errors(requests: float, errors: float, found: bool) -> None:
    facts = replace(STEADY, groups=(group(minutes=((requests, errors),)),))
    assert causes(facts) == ([Cause.ERRORS] if found else [])


def test_the_share_is_told_in_numbers() -> None:
    [finding] = diagnose(replace(STEADY, groups=(group(minutes=((150, 8), (50, 2))),)))
    assert finding.evidence == "10 of 200 requests to `web` were answered 5xx: 5.0%."


@pytest.mark.parametrize(
    ("created", "stopped", "now", "speed", "since"),
    [
        (-60, [], 0, 1, -15),
        (-60, [], 0, 30, -0.5),
        (-0.1, [], 0, 30, -0.05),  # 6 s ago: a minute of AWS later, and the second that is not full
        (-2.5, [], 0, 1, -2),
        (-3, [], 0, 1, -2),  # what the same minute has may have been answered a moment before
        (-0.5, [], 0.25, 1, 0),
        (0.25, [], 0.5, 1, 1),  # yet to come
        (-9.5, [("ecs-svc/1", -4.5)], 0, 1, -4),
        (-9.5, [("ecs-svc/1", -4.5), ("ecs-svc/1", -3.5)], 0, 1, -3),
        (-9.5, [("ecs-svc/2", -4.5)], 0, 1, -9),  # a failure of the current deployment's own
        (-9.5, [("ecs-svc/1", None)], 0, 1, -9),  # still answers
    ],
)
def test_requests_count_from_when_the_current_deployment_alone_answers_them(
    created: float, stopped: list[tuple[str, float | None]], now: float, speed: float, since: float
) -> None:
    deployments = [
        {"id": "ecs-svc/2", "status": "PRIMARY", "createdAt": at(created)},
        {"id": "ecs-svc/1", "status": "ACTIVE", "createdAt": at(-120)},
    ]
    tasks = [{"startedBy": by} | ({} if end is None else {"stoppedAt": at(end)}) for by, end in stopped]
    assert counted_since({"deployments": deployments}, tasks, at(now), speed) == at(since)


def test_a_service_that_is_not_steady_is_not_called_healthy() -> None:
    assert causes(ROLLING) == [Cause.NOT_STEADY]
    assert causes(replace(STEADY, running_count=1)) == [Cause.NOT_STEADY]
    assert causes(replace(STEADY, pending_count=1)) == [Cause.NOT_STEADY]
    assert causes(replace(STEADY, groups=(replace(group(), states=("initial",)),))) == [Cause.NOT_STEADY]
    assert causes(after(exits(1))) == [Cause.CONTAINER_EXITED]


def test_what_could_not_be_read_is_said_last_and_never_passed_over() -> None:
    refused = ("AccessDenied when calling GetLogEvents",)
    assert causes(replace(STEADY, unread=refused)) == [Cause.NOT_READ]
    assert causes(after(exits(1), unread=refused)) == [Cause.CONTAINER_EXITED, Cause.NOT_READ]


# -- order, and the way back


def test_findings_come_in_the_order_of_likelihood() -> None:
    facts = after(
        exits(1),
        stop(PULL.format("x") + "not found", minute=3),
        groups=(group("Target.Timeout", "Request timed out", minutes=((10, 10),)),),
        definition_status="INACTIVE",
    )
    found = diagnose(facts)
    assert [finding.cause for finding in found] == [
        Cause.IMAGE_NOT_FOUND,
        Cause.CONTAINER_EXITED,
        Cause.NO_ANSWER,
        Cause.ERRORS,
        Cause.DEFINITION_INACTIVE,
    ]
    assert [finding.likelihood for finding in found] == [1, 2, 3, 4, 5]


def test_the_way_back_is_named_where_there_is_one() -> None:
    for only in ((), (Attempt(at(0), "SUCCESSFUL"),)):
        assert "rollback-service" not in diagnose(after(exits(1), attempts=only))[0].mend
    before = (Attempt(at(0), "IN_PROGRESS"), Attempt(at(-60), "SUCCESSFUL"))
    mend = diagnose(after(exits(1), attempts=before))[0].mend
    assert "Until then" in mend and "`drydock runbook plan rollback-service -p cluster=shop -p service=web`" in mend
    ended = (Attempt(at(0), "SUCCESSFUL"), Attempt(at(-60), "SUCCESSFUL"))
    assert "If it began with the current deployment" in diagnose(after(exits(1), attempts=ended))[0].mend


def test_every_cause_says_what_mends_it_in_a_sentence() -> None:
    for finding in diagnose(after(exits(1), stop("who knows", minute=2), groups=(group("Target.Timeout"),))):
        assert finding.mend and finding.evidence.endswith((".", "]"))


# -- documents


def document(**changes: Any) -> dict[str, Any]:
    """A service as describe_services has it."""
    return {
        "serviceName": "web",
        "clusterArn": "arn:aws:ecs:us-east-1:000000000000:cluster/shop",
        "status": "ACTIVE",
        "desiredCount": 1,
        "runningCount": 1,
        "pendingCount": 0,
        "launchType": "FARGATE",
        "taskDefinition": "arn:aws:ecs:us-east-1:000000000000:task-definition/web:2",
        "deployments": [
            {"id": "ecs-svc/2", "status": "PRIMARY", "createdAt": START, "rolloutState": "COMPLETED"},
        ],
        "events": [],
        **changes,
    }


def test_facts_are_read_from_what_boto3_answers() -> None:
    definition = {
        "status": "ACTIVE",
        "memory": "512",
        "containerDefinitions": [
            {"name": "web", "portMappings": [{"containerPort": 8080}], "healthCheck": {"command": ["CMD", "ok"]}},
            {"name": "side", "essential": False},
        ],
    }
    task = {
        "taskArn": "arn:aws:ecs:us-east-1:000000000000:task/shop/1",
        "taskDefinitionArn": document()["taskDefinition"],
        "startedBy": "ecs-svc/2",
        "createdAt": START,
        "startedAt": at(1),
        "stoppingAt": at(2),
        "stopCode": "EssentialContainerExited",
        "stoppedReason": "Essential container in task exited",
        "containers": [{"name": "side", "exitCode": 5}, {"name": "web", "exitCode": 3}],
    }
    facts = Facts.read(
        document(), tasks=[task], definitions={task["taskDefinitionArn"]: definition}, lines={task["taskArn"]: ["bye"]},
        speed=30,
    )  # fmt: skip
    assert facts.ports == (8080,) and dict(facts.checks) == {"web": "CMD ok"}
    assert facts.stopped[0].seconds == 1800
    [finding] = diagnose(facts)
    assert "`web` exited with 3" in finding.evidence and "bye" in finding.evidence


def test_only_targets_that_are_to_stay_are_read() -> None:
    target_group = {"TargetGroupArn": GROUP, "HealthCheckPath": "/up", "Matcher": {"HttpCode": "200-299"}}
    health = [
        {"TargetHealth": {"State": "healthy"}},
        {"TargetHealth": {"State": "draining", "Reason": "Target.DeregistrationInProgress"}},
        {"TargetHealth": {"State": "unhealthy", "Reason": "Target.Timeout", "Description": "Request timed out"}},
    ]
    facts = Facts.read(document(), groups=[target_group], health={GROUP: health}, requests={GROUP: [(4, 1), (5, 0)]})
    [read] = facts.groups
    assert (read.name, read.path, read.matcher, read.requests, read.errors) == ("web", "/up", "200-299", 9, 1)
    assert read.states == ("healthy", "unhealthy")
    assert read.failures == (("Target.Timeout", "Request timed out"),)


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({"launchType": "EC2"}, True),
        ({"launchType": "FARGATE"}, False),
        ({"launchType": "FARGATE", "capacityProviderStrategy": [{"capacityProvider": "own-instances"}]}, True),
        ({"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT"}]}, False),
    ],
)
def test_container_instances_matter_where_fargate_does_not_run_the_tasks(changes: Any, needed: bool) -> None:
    facts = Facts.read(document(runningCount=0, **changes), cluster={"registeredContainerInstancesCount": 0})
    assert causes(facts) == [Cause.NO_INSTANCES if needed else Cause.NOT_STEADY]


def test_a_subnet_that_is_not_described_is_gone_and_one_that_could_not_be_read_is_not() -> None:
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1", "subnet-2"]}}
    described = [{"SubnetId": "subnet-1", "AvailableIpAddressCount": 7}]
    assert dict(Facts.read(document(networkConfiguration=network), subnets=described).subnets) == {
        "subnet-1": 7,
        "subnet-2": -1,
    }
    assert dict(Facts.read(document(networkConfiguration=network), subnets=None).subnets) == {}


def test_task_sets_stand_for_the_deployments_of_another_controller() -> None:
    task_set = {"id": "ecs-svc/9", "status": "PRIMARY", "createdAt": START, "runningCount": 1}
    facts = Facts.read(document(deployments=[], taskSets=[task_set]))
    assert facts.primary is not None and facts.primary.id == "ecs-svc/9"
    assert diagnose(facts) == []

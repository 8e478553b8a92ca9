"""One question each: what the facts say of it."""

from __future__ import annotations

import re
from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from drydock.policy.diagnosis import alarms, answers, capacity, mends, names, releases
from drydock.policy.diagnosis.facts import Container, Facts, StoppedTask, TargetGroup
from drydock.policy.diagnosis.findings import Cause, Finding, many, short
from drydock.policy.diagnosis.stopped import BY_TASKS, Failures, exited, failures_of, how_many, not_now, wrote
from drydock.policy.ecs.rollout import is_stuck, lower_bound, upper_bound

SLOW_START = 60.0
"""AWS seconds that a program may well need until it answers."""
_STOPPED_WITHIN = 120.0
"""AWS seconds from the last check that a new target may fail until its task has stopped (observed)."""


def diagnose(facts: Facts) -> list[Finding]:
    """What is wrong, the likeliest first; nothing where the service is steady and healthy."""
    if facts.status != "ACTIVE":
        return [_not_active(facts)]
    failures = failures_of(facts)
    spot = capacity.spot(facts)
    told = {Cause.INTERRUPTED} if spot else set()
    found = [
        *_none_wanted(facts),
        *(_of_tasks(facts, cause, one) for cause, one in failures.items() if cause in BY_TASKS - told),
        *releases.held_by_grace(facts),
        *_container_health(facts, failures.get(Cause.CONTAINER_UNHEALTHY)),
        *_target_health(facts, failures.get(Cause.NO_ANSWER)),
        *_placement(facts, failures.get(Cause.NO_ADDRESSES)),
        *spot,
        *capacity.shut_off(facts),
        *_cut_off(facts),
        *_registration(facts),
        *names.registered(facts),
        *names.called(facts),
        *releases.waiting(facts),
        *_stuck(facts),
        *_failed(facts),
        *_slow_stop(facts),
        *alarms.of_deployments(facts),
        *alarms.of_scaling(facts),
        *answers.errors(facts),
        *answers.slow(facts),
        *_inactive(facts),
    ]
    order = list(Cause)
    last = not_now(facts, failures)
    found.sort(key=lambda finding: (finding.cause in last, order.index(finding.cause)))
    found += [] if found else _not_steady(facts)
    found += _not_read(facts)
    return [replace(finding, likelihood=place) for place, finding in enumerate(found, 1)]


def _of_tasks(facts: Facts, cause: Cause, failures: Failures) -> Finding:
    last = failures.last
    culprit = last.culprit
    reasons = [f"`{one.name}`: {short(one.reason)}" for one in last.containers if one.reason not in ("", last.reason)]
    told = [short(last.reason), *reasons]
    if culprit is not None and cause is not Cause.INTERRUPTED:
        told.append(exited(culprit) if cause is not Cause.OUT_OF_MEMORY else _limit(culprit))
    if last.seconds is not None:
        told.append(f"it had run for {last.seconds:.0f} s")
    evidence = f"{how_many(failures)}; the last one: {'; '.join(told)}.{wrote(last)}"
    return Finding(cause, evidence, mends.OF_TASKS[cause](facts, last))


def _limit(container: Container) -> str:
    limit = f" at {container.memory} MiB" if container.memory else ""
    return f"`{container.name}` was killed{limit}, exit code {container.exit_code}"


def _not_active(facts: Facts) -> Finding:
    running = many(facts.running_count, "task")
    return Finding(
        Cause.NOT_ACTIVE,
        f"Its status is {facts.status}: it was deleted. {running} still run{'s' if facts.running_count == 1 else ''}.",
        "Create it again by `ecs.create_service`; CloudTrail has who called DeleteService.",
        1,
    )


def _none_wanted(facts: Facts) -> list[Finding]:
    if facts.desired_count or facts.daemon:
        return []
    evidence = f"desiredCount is 0, and {many(facts.running_count, 'task')} run."
    return [Finding(Cause.NONE_WANTED, evidence, mends.runbook(facts, "scale-service", desired_count=2) + ".")]


def _container_health(facts: Facts, failures: Failures | None) -> list[Finding]:
    if failures is None and not facts.unhealthy:
        return []
    told = [f"{many(len(facts.unhealthy), 'running task')} UNHEALTHY"] if facts.unhealthy else []
    told += [f"{how_many(failures)}: {short(failures.last.reason)}"] if failures else []
    asked = "".join(f" `{name}` is asked by `{command}`." for name, command in facts.checks.items())
    evidence = f"{'; '.join(told)}.{asked}{wrote(failures.last) if failures else ''}"
    mend = (
        "Run the command in a task that runs (ECS Exec): is it in the image, does it ask at the right port, is "
        "`startPeriod` long enough for the program to start? " + mends.deploy(facts, "with a `healthCheck` that passes")
    )
    return [Finding(Cause.CONTAINER_UNHEALTHY, evidence, mend)]


_UNHEALTHY_EVENT = re.compile(r"is unhealthy in \(target-group (?P<arn>\S+)\) due to \(reason (?P<why>.*)\)")


def _target_health(facts: Facts, failures: Failures | None) -> list[Finding]:
    told = [match for match in map(_UNHEALTHY_EVENT.search, facts.news) if match]
    found: list[Finding] = []
    for group in facts.groups:
        tasks = [task for task in failures.tasks if group.arn in task.reason] if failures else []
        why = list(group.failures) or [("", one["why"]) for one in told if one["arn"] == group.arn]
        if group.failures or tasks:
            found += _of_group(facts, group, tasks, Counter(why or [("", "")]).most_common(1)[0][0])
    gone = failures is not None and not any(group.arn in failures.last.reason for group in facts.groups)
    if gone and failures is not None:
        evidence = f"{how_many(failures)}: {short(failures.last.reason)}."
        found.append(Finding(Cause.NO_ANSWER, evidence, "Look whether that target group is still there."))
    return found


def _of_group(
    facts: Facts, group: TargetGroup, tasks: Sequence[StoppedTask], why: tuple[str, str]
) -> Iterable[Finding]:
    """Findings of one target group whose checks fail, most of them for this (reason, description)."""
    reason, description = why
    codes = [int(code) for code in re.findall(r"\d+", description.partition("codes:")[2])]
    unhealthy = f"{len(group.failures)} of {many(len(group.states), 'target')} unhealthy" if group.failures else ""
    stopped = f"{many(len(tasks), 'task')} stopped for it" if tasks else ""
    said = ": ".join(filter(None, (reason, short(description))))
    asks = f"It asks for `{group.path}`" if group.path else "It opens a connection"
    takes = f" and takes {group.matcher}" if group.matcher else ""
    counts = ", ".join(filter(None, (unhealthy, stopped)))
    evidence = f"`{group.name}`: {'; '.join(filter(None, (counts, said)))}. {asks} at port {group.port}{takes}."
    evidence += wrote(tasks[-1]) if tasks else ""
    deadline = facts.grace_period + group.interval * group.unhealthy_threshold
    lived = [task.seconds for task in tasks if task.seconds is not None]
    young = bool(lived) and max(lived) <= deadline + _STOPPED_WITHIN
    if young and deadline < SLOW_START and not any(code < 500 for code in codes) and _right_port(facts, group):
        limits = f"{facts.grace_period:g} s of grace and {group.unhealthy_threshold} checks every {group.interval:g} s"
        yield Finding(
            Cause.GRACE_TOO_SHORT,
            f"{many(len(tasks), 'task')} stopped for failed health checks after at most {max(lived):.0f} s: {limits} "
            f"leave a program {deadline:g} s to start.",
            "`ecs.update_service(healthCheckGracePeriodSeconds=…)`, longer than the program takes to start: its log "
            "says how long. If the checks fail then as well, it is the other finding of this target group.",
        )
    if codes:
        yield Finding(Cause.WRONG_ANSWER, evidence, mends.answers(facts, group, codes))
    elif not _right_port(facts, group):
        ports = ", ".join(map(str, facts.ports)) or "none"
        yield Finding(
            Cause.WRONG_PORT,
            f"{evidence} Container ports of the task definition: {ports}.",
            "`elbv2.modify_target_group(HealthCheckPort='traffic-port')`.",
        )
    else:
        slow = " A check that times out may also mean a program that is too slow." if "timed out" in description else ""
        yield Finding(
            Cause.NO_ANSWER,
            evidence,
            "The program has to listen at the container port and on 0.0.0.0, not on localhost, and the security group "
            f"of the tasks has to let that of the load balancer in.{slow}{mends.back(facts)}",
        )


def _right_port(facts: Facts, group: TargetGroup) -> bool:
    return group.port == "traffic-port" or not facts.ports or int(group.port) in facts.ports


def _placement(facts: Facts, failures: Failures | None) -> list[Finding]:
    told: dict[Cause, list[str]] = {}
    for message in facts.news:
        if "unable to place a task" in message:
            told.setdefault(_place(message), []).append(short(message))
    missing = facts.desired_count - facts.running_count
    if facts.instances == 0 and (missing > 0 or facts.daemon):
        told.setdefault(Cause.NO_INSTANCES, []).append("registeredContainerInstancesCount of the cluster is 0")
    empty = {name: free for name, free in facts.subnets.items() if free <= 0}
    if failures is not None:
        told.setdefault(Cause.NO_ADDRESSES, []).append(f"{how_many(failures)}: {short(failures.last.reason)}")
    if empty and missing > 0:
        gone = [f"{name} is gone" if free < 0 else f"{name} has no free address" for name, free in empty.items()]
        told.setdefault(Cause.NO_ADDRESSES if max(empty.values()) == 0 else Cause.NOT_PLACED, []).extend(gone)
    running = f"{facts.running_count} of {many(facts.desired_count, 'task')} run"
    return [
        Finding(cause, f"{running}. {'; '.join(dict.fromkeys(words))}.", mends.OF_PLACEMENT[cause])
        for cause, words in told.items()
    ]


def _place(message: str) -> Cause:
    words = message.lower()
    if "no container instances were found" in words:
        return Cause.NO_INSTANCES
    if "reached the limit" in words or "above your limit" in words:
        return Cause.QUOTA
    if "capacity is unavailable" in words:
        return Cause.NO_CAPACITY
    if "no free address" in words or "insufficient free addresses" in words or "insufficientfree" in words:
        return Cause.NO_ADDRESSES
    return Cause.NOT_PLACED


def _cut_off(facts: Facts) -> list[Finding]:
    without = sorted(name for name, there in facts.ways_out.items() if not there)
    if not without or len(without) == len(facts.ways_out):
        return []
    others = sorted(facts.ways_out.keys() - {*without})
    evidence = (
        f"No default route: {', '.join(without)}. With one: {', '.join(others)}. So about "
        f"{len(without)} of {many(len(facts.ways_out), 'task')} may reach no registry."
    )
    mend = (
        "A subnet in no `Associations` has the main route table of its VPC (`ec2.describe_route_tables`): "
        "`ec2.associate_route_table` with the table of the others. A subnet that is meant to have VPC endpoints alone "
        "is no fault."
    )
    return [Finding(Cause.CUT_OFF, evidence, mend)]


def _registration(facts: Facts) -> list[Finding]:
    refused = [message for message in facts.news if "failed to register targets" in message]
    unused = [group.name for group in facts.groups if "unused" in group.states]
    found = []
    if refused:
        evidence = f"{many(len(refused), 'event')}, the last one: {short(refused[0])}."
        mend = "Look whether the target group is still there and of the type `ip` for awsvpc: `loadBalancers` names it."
        found.append(Finding(Cause.NOT_REGISTERED, evidence, mend))
    if unused:
        evidence = f"Targets of {', '.join(f'`{name}`' for name in unused)} are in the state unused."
        mend = (
            "A listener has to forward to the target group (`elbv2.create_listener`, `elbv2.modify_rule`), and the "
            "load balancer has to be in the Availability Zones of the tasks (`elbv2.set_subnets`)."
        )
        found.append(Finding(Cause.NOT_IN_USE, evidence, mend))
    return found


def _stuck(facts: Facts) -> list[Finding]:
    primary, desired = facts.primary, facts.desired_count
    minimum, maximum = facts.minimum_healthy_percent, facts.maximum_percent
    if primary is None or primary.rollout_state != "IN_PROGRESS" or len(facts.deployments) < 2:
        return []
    there = primary.running_count + primary.pending_count
    if there >= desired or not is_stuck(desired, minimum, maximum):
        return []
    enough = -(-(desired + 1) * 100 // desired)
    evidence = (
        f"{primary.running_count} of {many(desired, 'task')} are of the new deployment. At least "
        f"{lower_bound(desired, minimum)} have to run (minimumHealthyPercent {minimum}, rounded up) and at most "
        f"{upper_bound(desired, maximum)} may exist (maximumPercent {maximum}, rounded down): ECS may neither stop an "
        "old task nor start a new one."
    )
    mend = (
        f"`ecs.update_service(deploymentConfiguration={{'minimumHealthyPercent': {minimum}, 'maximumPercent': 200}})`: "
        f"{enough} is the least that lets one more task start."
    )
    return [Finding(Cause.STUCK, evidence, mend)]


def _failed(facts: Facts) -> list[Finding]:
    again = "Mend what the other findings say, then deploy again."
    if facts.rolled_back:
        attempt = facts.attempts[0]
        evidence = f"Its status is {attempt.status}: {short(attempt.reason)}."
        return [Finding(Cause.DEPLOYMENT_FAILED, evidence, again)]
    primary = facts.primary
    if primary is None or primary.rollout_state != "FAILED":
        return []
    evidence = (
        f"rolloutState is FAILED: {short(primary.reason)}. It starts no more tasks, and it was not rolled back: "
        f"{facts.running_count} of {many(facts.desired_count, 'task')} run."
    )
    return [Finding(Cause.DEPLOYMENT_FAILED, evidence, again + mends.back(facts))]


def _slow_stop(facts: Facts) -> list[Finding]:
    primary = facts.primary.id if facts.primary else ""
    killed = [
        task
        for task in facts.stopped
        if not task.failed
        and task.deployment == primary
        and bisect(facts.steady, task.stopped_at) == len(facts.steady)
        and any(one.exit_code == 137 and "OutOfMemory" not in one.reason for one in task.containers)
    ]
    if not killed:
        return []
    names = sorted({one.name for task in killed for one in task.containers if one.exit_code == 137})
    evidence = (
        f"{many(len(killed), 'task')} asked to stop; {', '.join(names)} exited with 137: SIGKILL after stopTimeout."
    )
    mend = (
        "The program has to end on SIGTERM and finish the requests that it has; `initProcessEnabled` hands the signal "
        "on to a program that is not process 1. `stopTimeout` gives it more time, up to 120 s on Fargate."
    )
    return [Finding(Cause.SLOW_STOP, evidence, mend)]


def _inactive(facts: Facts) -> list[Finding]:
    if facts.definition_status == "ACTIVE":
        return []
    evidence = f"`{facts.definition}` is {facts.definition_status}. Tasks run and can be scaled, as before."
    mend = "The next `ecs.update_service` that names it is refused: register the same again, and deploy that."
    return [Finding(Cause.DEFINITION_INACTIVE, evidence, mend)]


def _not_steady(facts: Facts) -> list[Finding]:
    states = [f"deployment {one.id}: {one.rollout_state}" for one in facts.deployments if one.rollout_state]
    new = sum("initial" in group.states for group in facts.groups)
    done = len(facts.deployments) <= 1 and all(one.rollout_state in ("COMPLETED", "") for one in facts.deployments)
    if done and not new and facts.pending_count == 0 and facts.running_count == facts.desired_count:
        return []
    running = f"{facts.running_count} of {many(facts.desired_count, 'task')} run, {facts.pending_count} pending"
    checked = f"; {many(new, 'target group')} with targets that are being checked for the first time" if new else ""
    newest = f" Newest event: {short(facts.events[0].message)}." if facts.events else ""
    evidence = f"{running}; {', '.join(states) or 'no deployment'}{checked}.{newest}"
    mend = "Run this again in a few minutes: what is under way ends, or shows what stops it."
    return [Finding(Cause.NOT_STEADY, evidence, mend)]


def _not_read(facts: Facts) -> list[Finding]:
    if not facts.unread:
        return []
    mend = "Let the caller read these, and run this again: a cause that shows only there was not looked for."
    return [Finding(Cause.NOT_READ, "; ".join(one.rstrip(".") for one in facts.unread) + ".", mend)]

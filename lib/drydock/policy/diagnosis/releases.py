"""What a deployment waits for: an answer at a hook, or a grace period. And whom its tests meet meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

from drydock.policy.diagnosis import mends
from drydock.policy.diagnosis.facts import Facts, Hook
from drydock.policy.diagnosis.findings import Cause, Finding, many

GRACE = 300.0
"""AWS seconds of grace that a program may well need to start."""


def waiting(facts: Facts) -> list[Finding]:
    return [_at_hook(facts, one) for one in facts.hooks] + (list(_tests(facts)) if facts.hooks else [])


def _at_hook(facts: Facts, hook: Hook) -> Finding:
    stage = f"Its stage is {hook.stage or 'not told'}"
    if hook.target:
        evidence = f"{stage}: `{hook.target}` is asked whether it may go on, and has not said so yet."
        mend = f"Read the log of the function, `/aws/lambda/{hook.target.rpartition(':')[2]}`: what does it wait for?"
        return Finding(Cause.WAITS_AT_HOOK, evidence, mend)
    ends = f", or for {hook.expires_at:%Y-%m-%d %H:%M:%S} UTC: then {hook.action}" if hook.expires_at else ""
    mend = (
        f"Test the new version, then `ecs.continue_service_deployment(serviceDeploymentArn='{hook.deployment}', "
        f"hookId='{hook.id}', action='CONTINUE')`; or action='ROLLBACK', and nobody has met it."
    )
    return Finding(Cause.WAITS_AT_HOOK, f"{stage}: a PAUSE waits for an answer{ends}.", mend)


def _tests(facts: Facts) -> Iterator[Finding]:
    tests = facts.tests
    if tests is None or (tests.turned and tests.met == tests.turned):
        return
    turns = f"ECS turns {tests.turned} to the new version" if tests.turned else "There is no rule `testListenerRule`"
    conditions = f", which takes {' and '.join(tests.conditions)}" if tests.conditions else ""
    instead = f"meets {tests.met}, which forwards to {tests.serves or 'no target group'}" if tests.met else "meets none"
    yield Finding(
        Cause.TESTS_ELSEWHERE,
        f"{turns}{conditions}. A plain request to the test listener {instead}.",
        "What such tests say is not about the new version: do not let it on by them "
        "(`ecs.continue_service_deployment(…, action='ROLLBACK')`). Then give `testListenerRule` of "
        "`advancedConfiguration` the rule that tests meet (`ecs.update_service(loadBalancers=…)`), or send tests what "
        "the rule asks for.",
    )


def held_by_grace(facts: Facts) -> list[Finding]:
    """A deployment whose tasks fail health checks that ECS does not heed yet."""
    primary = facts.primary
    failing = sum(len(group.failures) for group in facts.groups) + len(facts.unhealthy)
    under_way = primary is not None and primary.rollout_state == "IN_PROGRESS"
    if not failing or not under_way or facts.grace_period <= GRACE:
        return []
    evidence = (
        f"The deployment is IN_PROGRESS, and {many(failing, 'failing health check')} of its tasks, targets and "
        f"containers, do not count: healthCheckGracePeriodSeconds is {facts.grace_period:g}. For so long after its "
        "start ECS neither stops a task for them nor counts it as failed for the circuit breaker."
    )
    mend = (
        "`ecs.update_service(healthCheckGracePeriodSeconds=…)`, as long as the program takes to start: then what fails "
        f"is stopped and counted. The other findings say why the checks fail.{mends.back(facts)}"
    )
    return [Finding(Cause.GRACE_TOO_LONG, evidence, mend)]

"""Deployments by BLUE_GREEN, LINEAR and CANARY, carried out: `policy.ecs.strategy` says what comes next.

A turn takes each of them at most one stage further. What it has come to is kept before the turn ends, and setting a
listener twice does no harm: a cloud that ends between two steps goes on where it was.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from botocore.exceptions import ClientError

from drydock.embedded.core.host import Host
from drydock.embedded.services.ecs import hooks, roles
from drydock.embedded.services.ecs.calls import Calls
from drydock.embedded.services.ecs.deployments import Cause, Deployments
from drydock.embedded.services.ecs.listeners import Listeners, is_network
from drydock.embedded.services.ecs.records import Deployment, Document, Service, Task
from drydock.embedded.workload.roles import can_be_assumed
from drydock.policy.ecs import hooks as hook_rules
from drydock.policy.ecs import strategy
from drydock.policy.ecs.strategy import Progress, Stage

Judged = Mapping[str, bool | None]


class HookFailed(Exception):
    """A hook that rolls its deployment back, and why."""


@dataclass(frozen=True)
class Wanted:
    """How many tasks a deployment is to have, and whether it may start any."""

    deployment: str
    count: int
    failed: bool = False


class Strategies:
    """The deployments of all services that go through stages."""

    def __init__(self, host: Host, deployments: Deployments, listeners: Listeners) -> None:
        self._host = host
        self._deployments = deployments
        self._listeners = listeners

    # -- who has tasks --------------------------------------------------------------------------

    def wanted(self, service: Service) -> list[Wanted]:
        """Of every deployment of a service that goes through stages; none of others."""
        target = service.staged
        if target is None or target.progress is None:
            return []
        source = _source(service, target)
        desired = service.desired_count
        mine, others = strategy.tasks(target.progress, desired)
        if target.rollback is not None:
            mine, others = (0 if target.production == 0.0 else desired), desired
        found = [Wanted(target.id, mine, failed=target.rollout_state == "FAILED")]
        for deployment in service.deployments[1:]:
            found.append(Wanted(deployment.id, others if deployment is source else 0))
        return found

    # -- what comes next ------------------------------------------------------------------------

    def advance(self, service: Service, tasks: Sequence[Task], healthy: Judged) -> None:
        """A step further, if it is time for it."""
        target = service.staged
        if target is None or target.progress is None:
            self._realign(service)
            return
        source = _source(service, target)
        plan = strategy.plan(
            target.configuration,
            has_source=source is not None,
            network=_is_network(target),
        )
        for deployment, wanted in zip(service.deployments, self.wanted(service), strict=True):
            self._deployments.want(deployment, wanted.count)
        self._let_go(service, target)
        if target.rollback is not None:
            self._go_back(service, target, source, tasks, healthy)
        elif target.rollout_state == "IN_PROGRESS":
            try:
                self._go_on(service, target, source, plan, tasks, healthy)
            except HookFailed as failed:
                why = str(failed)
                self._deployments.fail(service, target, Cause("lifecycle hook", why.rstrip("."), why), rollback=True)
            except ClientError as refused:
                why = str(refused.response["Error"]["Message"]).rstrip(".")
                self._deployments.fail(service, target, Cause("load balancer", why), rollback=True)

    def _go_on(
        self,
        service: Service,
        target: Deployment,
        source: Deployment | None,
        plan: strategy.Plan,
        tasks: Sequence[Task],
        healthy: Judged,
    ) -> None:
        progress, now = target.progress, self._host.clock.time()
        assert progress is not None
        if strategy.is_overdue(progress, now):
            cause = Cause("deployment", f"the stage {progress.stage} has timed out")
            self._deployments.fail(service, target, cause, rollback=True)
            return
        if progress.stage is Stage.PRE_SCALE_UP and not self._are_associated(service, target):
            cause = Cause("load balancer", "invalid networking configuration", strategy.NOT_ASSOCIATED)
            self._deployments.fail(service, target, cause, rollback=True)
            return
        self._shift(service, target, strategy.production(plan, progress), strategy.test(plan, progress))
        passed = self._have_passed(service, target, progress)
        after = strategy.after(plan, progress, self._facts(service, target, source, tasks, healthy, passed))
        if after is None:
            self._deployments.complete(service, target)
        elif after != progress:
            self._deployments.enter(service, target, after)

    def _have_passed(self, service: Service, target: Deployment, progress: Progress) -> bool:
        """Whether no hook of the stage is waited for. HookFailed."""
        here = hooks.of(target, progress)
        if not here:
            here = hooks.begun(self._host, target, progress)
            self._deployments.begin_hooks(service, target, here)
        for hook in here:
            if hook["targetType"] == hooks.LAMBDA and hooks.is_open(hook):
                self._hear(service, target, progress, hook)
            if hooks.is_open(hook) and self._host.clock.time() >= hook["expires"]:
                self._calls.forget(hook["hookId"])
                self._deployments.end_hook(service, hook, "TIMED_OUT")
            if hook["status"] == "FAILED":
                why = hook.get("why") or f"{hook['hookId']} was told to roll back."
                raise HookFailed(hook_rules.reason(progress.stage, why))
            if hook["status"] == "TIMED_OUT" and hook["timeoutAction"] == "ROLLBACK":
                raise HookFailed(hook_rules.too_late(progress.stage, hook["targetType"], hook.get("targetArn", "")))
        return not any(map(hooks.is_open, here))

    def _have_passed_back(self, service: Service, target: Deployment) -> bool:
        """The same of hooks that are called again because the traffic has gone back. HookFailed."""
        return all(
            self._have_passed(service, target, Progress(stage, hooks.BACK)) for stage in hook_rules.ON_THE_WAY_BACK
        )

    def _hear(self, service: Service, target: Deployment, progress: Progress, hook: Document) -> None:
        """Take what a hook's function has answered, or call it if it is time for it."""
        answer = self._calls.take(hook["hookId"])
        if answer is None:
            if self._calls.is_under_way(hook["hookId"]) or self._host.clock.time() < hook["due"]:
                return
            if can_be_assumed(self._host, hook["role"], roles.ECS):
                self._calls.begin(hook["hookId"], hook["targetArn"], _told(service, target, progress, hook))
                return
            answer = hook_rules.not_assumed(hook["role"])
        if answer.status == "IN_PROGRESS":
            self._deployments.delay_hook(service, hook, self._host.clock.time() + answer.delay, answer.details)
        else:
            self._deployments.end_hook(service, hook, answer.status, answer.why)

    def _let_go(self, service: Service, target: Deployment) -> None:
        """Nobody wants to hear what functions answer that were called before a deployment ended."""
        for deployment in service.deployments:
            goes_on = deployment is target and target.rollout_state == "IN_PROGRESS"
            for hook in () if goes_on else deployment.hooks:
                is_wanted = deployment is target and hook["step"] == hooks.BACK
                if hook["targetType"] == hooks.LAMBDA and hooks.is_open(hook) and not is_wanted:
                    self._calls.forget(hook["hookId"])

    @property
    def _calls(self) -> Calls:
        return self._host.helper(Calls)

    def _go_back(
        self,
        service: Service,
        target: Deployment,
        source: Deployment | None,
        tasks: Sequence[Task],
        healthy: Judged,
    ) -> None:
        assert target.rollback is not None
        if target.rollback["state"] == "FAILED":
            return
        facts = self._facts(service, target, source, tasks, healthy)
        self._deployments.go_back(service, target)
        if target.production == 0.0 or strategy.may_switch_back(facts):
            try:
                self._shift(service, target, 0.0, 0.0)
            except ClientError as refused:
                why = str(refused.response["Error"]["Message"]).rstrip(".")
                self._deployments.fail_to_roll_back(service, target, f"traffic cannot be shifted back: {why}")
                return
            try:
                passed = self._have_passed_back(service, target)
            except HookFailed as failed:
                self._deployments.fail_to_roll_back(service, target, str(failed).rstrip("."))
                return
            if passed and strategy.is_rolled_back(facts):
                self._deployments.rolled_back(service, target)

    def _facts(
        self,
        service: Service,
        target: Deployment,
        source: Deployment | None,
        tasks: Sequence[Task],
        healthy: Judged,
        passed: bool = True,
    ) -> strategy.Facts:
        mine = [task for task in tasks if task.deployment_id == target.id]
        theirs = [task for task in tasks if source is not None and task.deployment_id == source.id]
        return strategy.Facts(
            now=self._host.clock.time(),
            desired=service.desired_count,
            source=len(theirs),
            source_running=sum(task.status == "RUNNING" and not task.stopping for task in theirs),
            others=len(tasks) - len(mine) - len(theirs),
            target=len(mine),
            healthy=sum(healthy.get(task.id) is True and not task.stopping for task in mine),
            hooks_passed=passed,
        )

    # -- who has traffic ------------------------------------------------------------------------

    def _shift(self, service: Service, target: Deployment, production: float | None, test: float | None) -> None:
        """Let listeners send so much to the target. ClientError."""
        told = {"production": target.production, "test": target.test}
        for kind, percent in (("production", production), ("test", test)):
            if percent is None or percent == told[kind]:
                continue
            told[kind] = None  # not known, until all of them are told
            try:
                for entry in _advanced(target):
                    advanced = entry["advancedConfiguration"]
                    if rule := advanced.get(f"{kind}ListenerRule"):
                        groups = entry["targetGroupArn"], advanced["alternateTargetGroupArn"]
                        mine, other = reversed(groups) if target.alternate else groups
                        self._listeners.share(service.region_name, rule, mine, other, percent)
                told[kind] = percent
            finally:
                self._deployments.told_listeners(service, target, told["production"], told["test"])

    def _are_associated(self, service: Service, target: Deployment) -> bool:
        """Whether the listeners know both target groups of each entry. ClientError."""
        for entry in _advanced(target):
            advanced = entry["advancedConfiguration"]
            rules = [advanced[name] for name in ("productionListenerRule", "testListenerRule") if advanced.get(name)]
            known = set().union(*(self._listeners.groups(service.region_name, rule) for rule in rules))
            if not {entry["targetGroupArn"], advanced["alternateTargetGroupArn"]} <= known:
                return False
        return True

    def _realign(self, service: Service) -> None:
        """A rolling deployment that came upon one of stages has all of the traffic."""
        primary = service.primary
        if primary is None or primary.progress is not None or primary.production is not None:
            return
        try:
            self._shift(service, primary, 100.0, 100.0)
        except ClientError as refused:
            self._deployments.say_once(service, primary, f"cannot shift traffic: {refused}.")


def _told(service: Service, target: Deployment, progress: Progress, hook: Document) -> Document:
    """What a hook's function gets."""
    shift = hook_rules.Shift(target.revision_arn, target.source_revision_arn, target.production, target.test)
    return hook_rules.payload(
        execution=str(uuid.uuid4()),
        stage=progress.stage,
        deployment=target.service_deployment_arn,
        service=service.arn,
        shift=shift,
        details=hook["details"],
    )


def _source(service: Service, target: Deployment) -> Deployment | None:
    return service.deployment(target.source) if target.source else None


def _advanced(deployment: Deployment) -> list[Document]:
    """Its load balancers that ECS shifts traffic at."""
    return [e for e in deployment.revision.get("loadBalancers") or () if e.get("advancedConfiguration")]


def _is_network(deployment: Deployment) -> bool:
    rules = [entry["advancedConfiguration"].get("productionListenerRule") for entry in _advanced(deployment)]
    return any(is_network(rule) for rule in rules if rule)

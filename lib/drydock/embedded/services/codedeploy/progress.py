"""One deployment, a step after the other.

What it has come to is kept before anybody else is called: setting a listener or promoting a task set twice does no
harm, and a replacement is found again by its external id. So a cloud that ends between two steps goes on where it was.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from botocore.exceptions import ClientError

from drydock.embedded.core.host import Host
from drydock.embedded.workload.alarms import described
from drydock.embedded.workload.roles import can_be_assumed
from drydock.policy.codedeploy import courses, groups, lifecycle
from drydock.policy.codedeploy.courses import Course
from drydock.policy.codedeploy.lifecycle import Cause, Step

from . import telling
from .balancers import Balancers
from .state import CodeDeployState, Deployment, Document, Event
from .tasksets import TaskSets, seen

_LOOK_EVERY = 0.2  # our seconds
_STEADY = "STEADY_STATE"
_FUNCTION = re.compile(r"arn:[\w-]+:lambda:([\w-]+):")


class Ends(Exception):
    """A deployment ends before its time."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.message)
        self.cause = cause


class Progress:
    """Takes deployments further. The host's lock is held."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._balancers, self._task_sets = Balancers(host), TaskSets(host)
        self._called: set[str] = set()
        """Hooks whose function was called by this process."""
        self._looked: dict[str, float] = {}

    def advance(self, state: CodeDeployState, one: Deployment) -> None:
        """As far as it goes at this moment."""
        begins = one.status == lifecycle.CREATED
        if begins:
            one.status, one.started, one.since = lifecycle.IN_PROGRESS, state.now(), self._now
            self._keep(state, one)
            telling.status(self._host, state.region_name, one)
        try:
            if begins and not one.undoes:
                _is_of_a_group(state, one)
            self._watch(state, one)
            while self._is_done(state, one):
                if not self._go_on(state, one):
                    break
        except Ends as early:
            self._end(state, one, early.cause)

    @property
    def _now(self) -> float:
        return self._host.clock.time()

    def _keep(self, state: CodeDeployState, one: Deployment) -> None:
        one.updated = state.now()
        state.keep(one)
        self._host.settle_data(True)

    # -- from step to step ----------------------------------------------------------------------

    def _go_on(self, state: CodeDeployState, one: Deployment) -> bool:
        """To the next step; False if that was the last."""
        steps = lifecycle.steps(tests=bool(one.test_listener))
        place = steps.index(Step(one.step))
        if Step(one.step) not in lifecycle.BETWEEN:
            event = one.event(one.step)
            event.status = event.status if event.status == lifecycle.SKIPPED else lifecycle.SUCCEEDED
            event.ended = state.now()
        if place + 1 == len(steps):
            one.status, one.completed = lifecycle.SUCCEEDED, state.now()
            self._keep(state, one)
            telling.status(self._host, state.region_name, one)
            return False
        one.step, one.since = steps[place + 1], self._now
        self._keep(state, one)
        return True

    def _is_done(self, state: CodeDeployState, one: Deployment) -> bool:
        """Do what its step is about, and say whether that is over. Ends."""
        step = Step(one.step)
        if step not in lifecycle.BETWEEN and one.event(step).started is None:
            event = one.event(step)
            event.status, event.started = lifecycle.IN_PROGRESS, state.now()
            self._keep(state, one)
        try:
            if step in lifecycle.HOOKABLE:
                return self._hook(state, one, one.event(step))
            return bool(self._steps[step](self, state, one))
        except ClientError as refused:
            why = str(refused.response["Error"]["Message"])
            from_balancer = refused.operation_name in _OF_BALANCERS
            raise Ends(lifecycle.not_balanced(why) if from_balancer else lifecycle.not_updated(why)) from None

    def _end(self, state: CodeDeployState, one: Deployment, cause: Cause) -> None:
        """Let it end as `cause` says, and begin what undoes it if its group, or who has stopped it, wants that."""
        now = state.now()
        for event in one.events:
            if event.status == lifecycle.IN_PROGRESS:
                event.status, event.ended, event.message = lifecycle.FAILED, now, cause.message
            elif event.status == lifecycle.PENDING:
                event.status = lifecycle.SKIPPED
        one.status, one.completed = cause.status, now
        one.error = {"code": cause.code, "message": cause.message}
        back: Deployment | None = None
        if one.green.get("id") and not one.undoes and self._rolls_back(one, cause):
            back = undoing(state, one)
            one.rollback = {
                "rollbackDeploymentId": back.id,
                "rollbackMessage": lifecycle.terminated(one.id, back.id),
            }
            state.keep(back)
        self._keep(state, one)
        telling.status(self._host, state.region_name, one)

    @staticmethod
    def _rolls_back(one: Deployment, cause: Cause) -> bool:
        if cause.event == lifecycle.ON_REQUEST and one.stop and one.stop["rollback"] is not None:
            return bool(one.stop["rollback"])
        given = one.settings.get("autoRollbackConfiguration") or {}
        return lifecycle.rolls_back(cause, enabled=bool(given.get("enabled")), on=given.get("events") or ())

    # -- what may end it ------------------------------------------------------------------------

    def _watch(self, state: CodeDeployState, one: Deployment) -> None:
        """Whether somebody has stopped it, its role has gone, or an alarm stops it. Ends."""
        if one.stop is not None:
            raise Ends(lifecycle.ASKED)
        if self._is_time(f"{one.id} role") and not can_be_assumed(
            self._host, one.settings["serviceRoleArn"], groups.SERVICE
        ):
            raise Ends(lifecycle.NO_ROLE)
        alarms = one.settings.get("alarmConfiguration") or {}
        if one.undoes or not alarms.get("enabled") or not self._is_time(f"{one.id} alarms"):
            return
        names = [each["name"] for each in alarms["alarms"]]
        states = self._alarm_states(state.region_name, names)
        active = [name for name in names if states.get(name) == "ALARM"]
        if active:
            raise Ends(lifecycle.alarmed(active))
        unknown = [name for name in names if name not in states]
        if unknown and not alarms.get("ignorePollAlarmFailure"):
            raise Ends(lifecycle.not_polled(unknown))

    def _alarm_states(self, region: str, names: list[str]) -> dict[str, str]:
        try:
            found = described(self._host, region, names)
        except ClientError:
            return {}
        return {alarm["AlarmName"]: alarm["StateValue"] for alarm in found}

    def _is_time(self, what: str) -> bool:
        """Whether it is to be looked at again what others know."""
        now = self._host.clock.elapsed()
        if now - self._looked.get(what, -math.inf) < _LOOK_EVERY:
            return False
        self._looked[what] = now
        return True

    def forget(self, one: Deployment) -> None:
        """It is over."""
        self._looked = {what: at for what, at in self._looked.items() if not what.startswith(one.id)}
        self._called -= {event.execution for event in one.events}

    # -- hooks ----------------------------------------------------------------------------------

    def _hook(self, state: CodeDeployState, one: Deployment, event: Event) -> bool:
        function = one.spec["hooks"].get(event.name)
        if one.undoes:
            event.status = lifecycle.SKIPPED
            return True
        if function is None or event.answered == lifecycle.SUCCEEDED:
            return True
        if event.answered:
            raise Ends(lifecycle.NOT_VALIDATED)
        if not event.execution:
            event.execution = f"{state.chance().getrandbits(256):064x}"
            event.due = self._now + lifecycle.ANSWER_WITHIN
            self._keep(state, one)
        if event.execution not in self._called:
            self._called.add(event.execution)
            self._call(state, one, event, function)
        elif self._now >= event.due:
            raise Ends(lifecycle.NO_ANSWER)
        return False

    def _call(self, state: CodeDeployState, one: Deployment, event: Event, function: str) -> None:
        """Tell a function that its answer is waited for; after a restart once more."""
        told = {"DeploymentId": one.id, "LifecycleEventHookExecutionId": event.execution}
        named = _FUNCTION.match(function)
        region = named[1] if named else state.region_name
        try:
            self._host.client("lambda", region, derived=True).invoke(
                FunctionName=function, InvocationType="Event", Payload=json.dumps(told)
            )
        except ClientError as refused:
            raise Ends(lifecycle.not_invoked(function, str(refused.response["Error"]["Message"]))) from None

    # -- steps ----------------------------------------------------------------------------------

    def _install(self, state: CodeDeployState, one: Deployment) -> bool:
        """The replacement is there, and steady."""
        if one.green.get("id") and not one.undoes and not self._is_time(f"{one.id} steady"):
            return False
        found = self._look(state, one, *([one.blue] if one.blue else ()))
        if one.undoes:
            return True
        if one.id not in {task_set.get("externalId") for task_set in found}:
            self._make(state, one, found)
            return False
        [green] = [task_set for task_set in found if task_set.get("externalId") == one.id]
        if not one.green.get("id"):
            one.green = seen(green, one.green["group"])
            self._keep(state, one)
        if green["stabilityStatus"] == _STEADY:
            return True
        if self._now - one.since >= lifecycle.STEADY_WITHIN:
            raise Ends(lifecycle.TOO_LATE)
        return False

    def _make(self, state: CodeDeployState, one: Deployment, found: list[Document]) -> None:
        """Begin the replacement, behind the target group of the pair that the original has not. Ends, ClientError."""
        region = state.region_name
        primary = next((task_set for task_set in found if task_set["status"] == "PRIMARY"), None)
        if primary is None:
            raise Ends(lifecycle.not_there(one.service["clusterName"], one.service["serviceName"]))
        names = [each["name"] for each in one.pair["targetGroups"]]
        arns = self._balancers.groups(region, names)
        mine = {each.get("targetGroupArn") for each in primary.get("loadBalancers") or ()}
        blue = next((name for name in names if arns[name] in mine), "")
        if not blue or not self._balancers.is_behind(region, one.listener, arns[blue]):
            raise Ends(lifecycle.not_behind(one.listener))
        if one.test_listener and not self._balancers.is_behind(region, one.test_listener, *arns.values()):
            raise Ends(lifecycle.not_behind(one.test_listener))
        green = next(name for name in names if name != blue)
        one.blue, one.green = seen(primary, blue), {"group": green}
        self._keep(state, one)
        self._balancers.share(region, one.listener, arns[green], arns[blue], 0.0)  # a group behind no listener is none
        for left in found:  # by a deployment that was stopped, and not rolled back
            if left["status"] == "ACTIVE":
                self._task_sets.delete(region, one, left["id"])
        one.green = seen(self._task_sets.create(region, one, primary, arns[green]), green)
        self._keep(state, one)

    def _look(self, state: CodeDeployState, one: Deployment, *needs: Document) -> list[Document]:
        """Its service's task sets; what a target shows of them is kept with it. Ends where it has not what it needs."""
        try:
            found = self._task_sets.all(state.region_name, one)
        except ClientError:
            found = []
        refresh(one, found)
        known = {task_set["id"] for task_set in found}
        if any(task_set.get("id", "") not in known for task_set in needs):  # it is deleted, or another of its name
            raise Ends(lifecycle.not_there(one.service["clusterName"], one.service["serviceName"]))
        return found

    def _allow_test(self, state: CodeDeployState, one: Deployment) -> bool:
        wanted = 0.0 if one.undoes else 100.0
        is_untouched = bool(one.undoes) and one.test_weight is None
        if one.test_weight != wanted and not is_untouched:
            self._share(state, one, one.test_listener, wanted)
            one.test_weight = wanted
            self._keep(state, one)
        return True

    def _ready_wait(self, state: CodeDeployState, one: Deployment) -> bool:
        minutes = groups.waits_for_continue(one.settings["blueGreenDeploymentConfiguration"])
        if one.undoes or minutes is None:
            return True
        if Step.READY_WAIT in one.continued:
            one.status = lifecycle.IN_PROGRESS
            return True
        if one.status != lifecycle.READY:
            one.status = lifecycle.READY
            self._keep(state, one)
            telling.status(self._host, state.region_name, one)
        if self._now - one.since >= 60 * minutes:
            raise Ends(lifecycle.not_continued(minutes))
        return False

    def _allow(self, state: CodeDeployState, one: Deployment) -> bool:
        """The weights of the production listener follow the course."""
        if one.undoes:
            if one.weight is not None:
                self._share(state, one, one.listener, 0.0)
            one.weight = 0.0
            return True
        self._is_steady(state, one)
        wanted = float(courses.percent(Course(*one.course), self._now - one.since))
        if wanted != one.weight:
            self._share(state, one, one.listener, wanted)
            one.weight = wanted
            self._keep(state, one)
        return wanted == 100.0

    def _is_steady(self, state: CodeDeployState, one: Deployment) -> None:
        """A service that was scaled while its traffic shifts has some minutes to be steady again. Ends."""
        if one.desired_at_shift is not None and not self._is_time(f"{one.id} steady"):
            return
        found = self._look(state, one, one.blue, one.green)
        desired = sum(task_set["computedDesiredCount"] for task_set in found if task_set["status"] != "DRAINING")
        if one.desired_at_shift is None:
            one.desired_at_shift = desired
        if desired == one.desired_at_shift or all(each["stabilityStatus"] == _STEADY for each in found):
            one.unsteady_since = None
        elif one.unsteady_since is None:
            one.unsteady_since = self._now
        elif self._now - one.unsteady_since >= lifecycle.SCALED_WITHIN:
            raise Ends(lifecycle.UNSTEADY)

    def _share(self, state: CodeDeployState, one: Deployment, listener: str, percent: float) -> None:
        region = state.region_name
        arns = self._balancers.groups(region, [one.green["group"], one.blue["group"]])
        if not self._balancers.share(region, listener, arns[one.green["group"]], arns[one.blue["group"]], percent):
            raise Ends(lifecycle.not_behind(listener))  # somebody has changed it meanwhile

    def _termination_wait(self, state: CodeDeployState, one: Deployment) -> bool:
        """Who has the traffic is the primary one; the other stays for a while."""
        stays = one.blue if one.undoes else one.green
        if stays["status"] != "PRIMARY":
            found = {task_set["id"]: task_set["status"] for task_set in self._look(state, one, stays)}
            if found[stays["id"]] != "PRIMARY":
                self._task_sets.promote(state.region_name, one, stays["id"])
                self._look(state, one)
            self._keep(state, one)
        elif self._is_time(f"{one.id} stays"):
            self._look(state, one, stays)
        minutes = groups.keeps_original(one.settings["blueGreenDeploymentConfiguration"])
        over = self._now - one.since >= 60 * minutes
        return bool(one.undoes) or over or Step.TERMINATION_WAIT in one.continued

    def _terminate(self, state: CodeDeployState, one: Deployment) -> bool:
        stays, goes = (one.blue, one.green) if one.undoes else (one.green, one.blue)
        found = {task_set["id"]: task_set["status"] for task_set in self._look(state, one, stays)}
        if found.get(goes["id"], "DRAINING") != "DRAINING":
            self._task_sets.delete(state.region_name, one, goes["id"])
            self._look(state, one)
        return True

    _steps: dict[Step, Any] = {
        Step.INSTALL: _install,
        Step.ALLOW_TEST: _allow_test,
        Step.READY_WAIT: _ready_wait,
        Step.ALLOW: _allow,
        Step.TERMINATION_WAIT: _termination_wait,
        Step.TERMINATE: _terminate,
    }


_OF_BALANCERS = ("DescribeTargetGroups", "DescribeListeners", "DescribeRules", "ModifyListener", "ModifyRule")


def _is_of_a_group(state: CodeDeployState, one: Deployment) -> None:
    """Ends, where its group was deleted before it has begun."""
    if one.application not in state.applications:
        raise Ends(lifecycle.NO_APPLICATION)
    if (one.application, one.group) not in state.groups:
        raise Ends(lifecycle.NO_GROUP)


def refresh(one: Deployment, found: list[Document]) -> None:
    """Let a deployment show its task sets as they are; one that has gone has no tasks."""
    known = {task_set["id"]: task_set for task_set in found}
    for name in ("blue", "green"):
        shown = getattr(one, name)
        if shown.get("id") in known:
            setattr(one, name, seen(known[shown["id"]], shown["group"]))
        elif shown.get("id"):
            setattr(one, name, {**shown, "desired": 0, "pending": 0, "running": 0, "status": "DRAINING"})


def begun(state: CodeDeployState, tests: bool, **given: Any) -> Deployment:
    """A new deployment, with its events."""
    events = [Event(step) for step in lifecycle.events(tests=tests)]
    return Deployment(id=state.deployment_id(), created=state.now(), number=state.number(), events=events, **given)


def undoing(state: CodeDeployState, one: Deployment) -> Deployment:
    """The deployment that undoes another: of the last revision that succeeded, all at once (observed), no hooks."""
    back = begun(
        state,
        bool(one.test_listener),
        application=one.application,
        group=one.group,
        group_id=one.group_id,
        settings=one.settings,
        config=courses.DEFAULT,
        course=["AllAtOnce", 100, 0],
        revision=one.previous or {},
        spec=one.spec,
        creator="codeDeployRollback",
        undoes=one.id,
        blue=dict(one.blue),
        green=dict(one.green),
        weight=one.weight,
        test_weight=one.test_weight,
    )
    back.rollback = {
        "rollbackTriggeringDeploymentId": one.id,
        "rollbackMessage": lifecycle.triggered(back.id, one.id),
    }
    return back

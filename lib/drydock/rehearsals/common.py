"""What rehearsals share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from drydock.cloud import Cloud
from drydock.notebooks.execution import OnCell
from drydock.policy.operations import only_reads
from drydock.rehearsals.record import Rehearsal
from drydock.runbooks import approvals, evidence, runner
from drydock.runbooks.evidence import Evidence

SERVICE = {"cluster": "drydock-hello", "service": "drydock-hello"}
"""Lab 00's service: two tasks behind a load balancer."""
STALE = "plan-" + "0" * 32

Until = Callable[[Callable[[], Any], str], Any]
"""Waits until the condition is true; the text names it. `drydock.notebooks.wait.wait_until` is one."""


def steady(cloud: Cloud, until: Until) -> None:
    """Wait until the service has one deployment, which is completed, and as many tasks run as it wants."""
    ecs = cloud.client("ecs")

    def completed() -> bool:
        found = ecs.describe_services(cluster=SERVICE["cluster"], services=[SERVICE["service"]])["services"][0]
        states = [one["rolloutState"] for one in found["deployments"]]
        return states == ["COMPLETED"] and found["runningCount"] == found["desiredCount"]

    until(completed, "the deployment is completed")


def signed_by_nobody(runs: Path) -> dict[str, str]:
    """The environment of runs in that folder which only rehearse: who may approve the others has not to sign them."""
    return {evidence.ROOT: str(runs.absolute()), approvals.APPROVERS: ""}


def planned_and_guarded(rehearsal: Rehearsal, runs: Path, given: Mapping[str, str]) -> str:
    """The hash of the plan: a dry run makes it by calls that only read, and with a stale approval nothing is changed.

    Raises AssertionError, which says what was otherwise.
    """
    planned = _planned(rehearsal, runs, given)
    rehearsal.done.append("dry run")
    stale = runner.run(rehearsal.runbook, {**given, "dry_run": "false", "approve": STALE}, root=runs)
    assert stale.outcome == "refused" and only_read(stale.folder), "a stale approval was not refused"
    rehearsal.done.append("stale approval refused")
    return planned


def planned_applied_undone(
    rehearsal: Rehearsal, runs: Path, given: Mapping[str, str], *, again: Mapping[str, str] | None = None
) -> None:
    """Rehearse a runbook that changes something: dry run, stale approval, applied and verified, rolled back.

    given  its parameters, but for those that say how it is run
    again  what is given besides to a run after it is applied, which has nothing to change

    Raises AssertionError, which says what was otherwise.
    """
    name = rehearsal.runbook
    approve = planned_and_guarded(rehearsal, runs, given)
    applied = runner.run(name, {**given, "dry_run": "false", "approve": approve}, root=runs)
    assert applied.outcome == "applied", f"not applied: {applied.error}"
    rehearsal.done.append("applied and verified")
    if again is not None:
        second = runner.run(name, {**given, **again, "dry_run": "true"}, root=runs)
        assert second.outcome == "nothing to change", f"once it is applied: {second.outcome}: {second.error}"
        rehearsal.done.append("applied again, nothing to change")
    said = runner.roll_back_run(applied.folder)
    kept = Evidence(applied.folder)
    assert said.endswith("rolled back") and kept.read("after.json") == kept.read("before.json"), said
    rehearsal.done.append("rolled back to the state before")


def address_of_a_task(cloud: Cloud) -> str:
    """The URL of one task of the service, past the load balancer: what is sent there is lost once it is replaced."""
    ecs = cloud.client("ecs")
    arns = ecs.list_tasks(cluster=SERVICE["cluster"], serviceName=SERVICE["service"])["taskArns"]
    task = ecs.describe_tasks(cluster=SERVICE["cluster"], tasks=arns[:1])["tasks"][0]
    return f"http://{task['containers'][0]['networkInterfaces'][0]['privateIpv4Address']}:8080/"


def only_read(folder: Path) -> bool:
    """Whether the run of that folder made calls, and none that changes anything."""
    calls = Evidence(folder).calls()
    return bool(calls) and all(only_reads(call["operation"]) for call in calls)


def rolled_back_by_itself(
    rehearsal: Rehearsal, runs: Path, given: Mapping[str, str], what: str, *, before: OnCell | None = None
) -> None:
    """Rehearse what has to fail: applied, and undone by the run itself.

    what    what has failed, in words
    before  is told of each cell before it runs, as of `execute`
    """
    approved = {**given, "dry_run": "false", "approve": _planned(rehearsal, runs, given)}
    failed = runner.run(rehearsal.runbook, approved, root=runs, on_cell=before)
    kept = Evidence(failed.folder)
    assert failed.outcome == "rolled back", f"{what}, and the run ended otherwise: {failed.outcome}: {failed.error}"
    assert kept.read("after.json") == kept.read("before.json"), f"{what}, and the state is another than before"
    rehearsal.done.append(f"{what}: rolled back by itself")


def _planned(rehearsal: Rehearsal, runs: Path, given: Mapping[str, str]) -> str:
    """The hash of the plan that a dry run makes, by calls that only read."""
    planned = runner.run(rehearsal.runbook, {**given, "dry_run": "true"}, root=runs)
    assert planned.ok and planned.plan is not None and planned.plan.changes, f"no plan: {planned.error}"
    assert only_read(planned.folder), "the dry run made a call that changes something"
    return planned.plan.hash

"""Every runbook killed at every line of its journal, there and back: it goes on to one end or to the other.

The cloud is one whose time passes only while a run waits (stepped.py beside this); test_resume.py kills processes.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

from drydock.cloud import Cloud
from drydock.runbooks import Refused, catalogue, executor, runner
from drydock.runbooks.evidence import Evidence
from drydock.runbooks.model import changes_in_words

from .stepped import Boundary, Case

RUNBOOKS = catalogue.names()
PASSING = {"deployments", "events", "currentServiceDeployment", "currentServiceRevisions", "taskSets"}
"""Of a service: what is another after every deployment."""


def boundaries(journal: list[dict[str, Any]]) -> list[Boundary]:
    """Around each line of it; right after one is as right before the next where nothing happens between."""
    at_once = {("done", "begin"), ("undone", "undoing"), ("done", "applied"), ("undone", "rolled back")}
    found: list[Boundary] = []
    before = ""
    for event, step in ((line["event"], line["step"]) for line in journal):
        if before and (before, event) not in at_once:
            found.append((event, step, "before"))
        found.append((event, step, "after"))
        before = event
    return found


def outcome(folder: Path) -> str:
    return executor.progress(Evidence(folder).journal()).outcome


def went_on(case: Case, folder: Path, kills: list[Boundary]) -> str:
    """How the run ended that was killed: it goes on, and is killed again at the next of these, which it takes out."""
    while not outcome(folder):
        at = kills[0] if kills else None
        report = case.killed(at, lambda: runner.resume(folder))
        if report is None:
            kills.pop(0)
        else:
            assert report.outcome in ("applied", "rolled back"), report.error
    return outcome(folder)


@pytest.mark.parametrize("name", RUNBOOKS)
def test_a_run_that_is_killed_goes_on_to_one_end_or_the_other(case: Case) -> None:
    plan = case.planned()
    if not plan.changes:
        return
    as_it_was = census(case.cloud)

    def held(folder: Path, end: str) -> None:
        """The cloud is as that end says, and the run is over."""
        journal = Evidence(folder).journal()
        told = str([f"{line['event']} {line['step']}" for line in journal])
        if end == "applied":
            assert executor.unlike(plan, executor.progress(journal), case.state(plan)) == "", told
        else:
            assert changes_in_words(as_it_was, census(case.cloud)) == "", told
        with pytest.raises(Refused, match="has ended"):
            runner.resume(folder)

    if any(step.undo is None for step in plan.changes):  # there is only one way
        forth = boundaries(Evidence(case.applied(plan)).journal())
        case.prepare()
        plan = case.planned()
        folder = case.applied(plan, forth.pop(0))
        assert went_on(case, folder, forth) == "applied" and not forth
        held(folder, "applied")
        return

    folder = case.applied(plan)
    forth = boundaries(Evidence(folder).journal())
    so_far = len(Evidence(folder).journal())
    assert runner.roll_back_run(folder).endswith("rolled back")
    held(folder, "rolled back")
    back = boundaries(Evidence(folder).journal()[so_far:])

    at_a_stretch = [forth[1]]  # its first call was made, and the answer lost; then to the end, unharmed
    for kills in (forth, at_a_stretch):
        while kills:
            plan = case.planned()  # its steps may name what every deployment has anew
            folder = case.applied(plan, kills.pop(0))
            held(folder, went_on(case, folder, kills))
            if outcome(folder) == "applied":
                case.killed(back.pop(0) if back else None, functools.partial(runner.roll_back_run, folder))
                if outcome(folder) == "applied":  # it was killed before it began
                    runner.roll_back_run(folder)
                assert went_on(case, folder, back) == "rolled back"
                held(folder, "rolled back")
    assert not back


def census(cloud: Cloud) -> dict[str, Any]:
    """What a runbook may have left in the cloud, whether or not its looks see it."""
    ecs, elbv2, scaling = (cloud.client(name) for name in ("ecs", "elbv2", "application-autoscaling"))
    found: dict[str, Any] = {"definitions": ecs.list_task_definitions()["taskDefinitionArns"]}
    shifted: set[str] = set()
    for cluster in ecs.list_clusters()["clusterArns"]:
        for arn in ecs.list_services(cluster=cluster)["serviceArns"]:
            service = ecs.describe_services(cluster=cluster, services=[arn])["services"][0]
            found[arn] = {name: value for name, value in service.items() if name not in PASSING}
            advanced = [entry.get("advancedConfiguration", {}) for entry in service["loadBalancers"]]
            shifted |= {entry.get("productionListenerRule") for entry in advanced}
    for group in elbv2.describe_target_groups()["TargetGroups"]:
        found[group["TargetGroupArn"]] = group
    for balancer in elbv2.describe_load_balancers()["LoadBalancers"]:
        for listener in elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]:
            rules = elbv2.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]
            mine = [rule for rule in rules if rule["RuleArn"] not in shifted]  # which of two serves, is ECS's to say
            found[listener["ListenerArn"]] = (listener, mine)
    found["scaling"] = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    for secret in cloud.client("secretsmanager").list_secrets()["SecretList"]:
        found[secret["ARN"]] = secret["SecretVersionsToStages"]
    return found

"""Every runbook killed at every line of its journal, there and back: it goes on to one end or to the other.

The cloud is one whose time passes only while a run waits (stepped.py beside this); test_resume.py kills processes.
"""

from __future__ import annotations

import functools
from itertools import zip_longest
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
    for number, line in enumerate(journal):
        before = journal[number - 1]["event"] if number else ""
        if number and (before, line["event"]) not in at_once:
            found.append((number, "before"))
        found.append((number, "after"))
    return found


@pytest.mark.parametrize("name", RUNBOOKS)
def test_a_run_that_is_killed_goes_on_to_one_end_or_the_other(case: Case) -> None:
    plan = case.planned()
    if not plan.changes:
        return
    as_it_was = census(case.cloud)
    folder = case.applied(plan)
    there = Evidence(folder).journal()
    assert runner.roll_back_run(folder).endswith("rolled back")
    back = Evidence(folder).journal()[len(there) :]
    assert changes_in_words(as_it_was, census(case.cloud)) == ""
    for forth, homewards in zip_longest(boundaries(there), boundaries(back)):
        folder = case.applied(plan, forth)
        kept = Evidence(folder)
        where = f"killed {forth}, at the end of {[line['event'] for line in kept.journal()]}"
        if forth is not None and not executor.progress(kept.journal()).outcome:
            report = runner.resume(folder)
            assert report.outcome in ("applied", "rolled back"), f"{where}: {report.error}"
            if report.outcome == "rolled back":
                assert changes_in_words(as_it_was, census(case.cloud)) == "", where
                continue
        assert executor.unlike(plan, executor.progress(kept.journal()), case.state(plan)) == "", where
        case.death.comes(homewards)
        case.killed(functools.partial(runner.roll_back_run, folder))
        where = f"killed {homewards} on its way back, at the end of {[line['event'] for line in kept.journal()]}"
        outcome = executor.progress(kept.journal()).outcome
        if outcome == "applied":
            runner.roll_back_run(folder)
        elif not outcome:
            report = runner.resume(folder)
            assert report.outcome == "rolled back", f"{where}: {report.error}"
        assert changes_in_words(as_it_was, census(case.cloud)) == "", where
        with pytest.raises(Refused, match="has ended"):
            runner.resume(folder)


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

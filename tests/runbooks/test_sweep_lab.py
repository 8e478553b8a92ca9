"""sweep-lab: what is of the lab goes, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from drydock import ledger
from drydock.cloud import Cloud
from drydock.resources.kind import TAG
from drydock.runbooks import NotApproved, Refused, RunFailed

from .conftest import Cells, described, opened


def repository(cloud: Cloud, name: str, lab: str = "") -> None:
    tags = [{"Key": TAG, "Value": lab}] if lab else []
    cloud.client("ecr").create_repository(repositoryName=name, tags=tags)


def repositories(cloud: Cloud) -> set[str]:
    return {one["repositoryName"] for one in cloud.client("ecr").describe_repositories()["repositories"]}


def test_what_carries_the_labs_tag_goes_and_nothing_else(cloud: Cloud) -> None:
    repository(cloud, "of-lab-one", "one")
    repository(cloud, "of-lab-two", "two")
    repository(cloud, "of-nobody")
    cells = opened("sweep-lab", lab="one")
    cells("run.apply("), cells("run.verify("), cells("run.roll_back_if_failed("), cells("run.close(")
    assert repositories(cloud) == {"of-lab-two", "of-nobody", "drydock-hello"}
    again = Cells("sweep-lab", lab="one")
    assert "It changes nothing" in again.to("run.plan(").plain


def test_what_is_left_besides_by_then_is_another_plan(cloud: Cloud) -> None:
    repository(cloud, "first", "three")
    dry = Cells("sweep-lab", lab="three")
    dry.to("run.plan(")
    repository(cloud, "second", "three")
    cells = Cells("sweep-lab", lab="three", dry_run=False, approve=dry.names["run"].evidence.plan.hash)
    with pytest.raises(NotApproved, match="was approved, and the plan of the state as it is now is"):
        cells.to("run.approve(")
    assert {"first", "second"} <= repositories(cloud)


def test_what_others_stand_on_is_refused(cloud: Cloud) -> None:
    ecs, arn = cloud.client("ecs"), described(cloud.client("ecs"))["serviceArn"]
    ecs.tag_resource(resourceArn=arn, tags=[{"key": TAG, "value": "four"}])
    try:
        with pytest.raises(Refused, match="lab four has the ECS service drydock-hello/drydock-hello, which uses the"):
            Cells("sweep-lab", lab="00-start-here").to("run.plan(")
    finally:
        ecs.tag_resource(resourceArn=arn, tags=[{"key": TAG, "value": "00-start-here"}])


def test_a_step_that_cannot_delete_says_aws_s_word_and_what_comes_after_it_stays(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "_limit", lambda *_: 0)
    ecs = cloud.client("ecs")
    ecs.create_cluster(clusterName="left", tags=[{"key": TAG, "value": "five"}])
    ecs.create_service(cluster="left", serviceName="theirs", taskDefinition="drydock-hello", desiredCount=0,
                       **{name: described(ecs)[name] for name in ("launchType", "networkConfiguration")})  # fmt: skip
    repository(cloud, "later", "five")
    cells = opened("sweep-lab", lab="five")
    said: Any = cells("run.apply(")
    assert "ECS cluster left" in said.plain and "ClusterContainsServicesException" in said.plain
    assert "later" in repositories(cloud)
    cells("run.verify("), cells("run.roll_back_if_failed(")
    with pytest.raises(RunFailed, match="failed: Step delete_1: It is still there"):
        cells("run.close(")

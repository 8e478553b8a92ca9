"""review-cost: what it reads, on a cloud whose time a test moves, and what it says where it may not read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.support.stepped import World

from drydock.cloud import LOCAL_ACCOUNT, Cloud
from drydock.commands import runbook
from drydock.embedded.carriers.usage import Usage
from drydock.policy.cost_review import GIB, Facts, LogGroup, Repository, Service, review
from drydock.policy.right_sizing import Size
from drydock.pricing import MONTH_HOURS, estimate
from drydock.runbooks import catalogue, parameters
from drydock.runbooks.region import Region
from drydock.runbooks.runner import Report

from .stepped import cloud_of

MIB = 1 << 20


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("DRYDOCK_HOME", str(tmp_path / "home"))
    made = World(tmp_path / "world")
    yield made
    made.close()


def test_a_service_is_judged_by_what_its_tasks_use(world: World) -> None:
    world.engine.meter.read = lambda _pid: Usage(world.clock.elapsed() * 0.02, 64 * MIB)
    lab = world.lab()
    small = lab.ecs.describe_task_definition(taskDefinition=lab.register())["taskDefinition"]
    names = ("networkMode", "requiresCompatibilities", "executionRoleArn", "containerDefinitions")
    kept = {key: small[key] for key in names}
    lab.ecs.register_task_definition(family="large", cpu="1024", memory="4096", **kept)
    lab.create("large", 5, "web")
    lab.until_steady(5, "web")
    world.pass_time(300)
    read = Region(cloud_of(world), days=1, minutes=3)
    (service,) = read.services()
    assert (service.cluster, service.name, service.desired, service.size) == ("lab", "web", 5, Size(1024, 4096))
    assert service.cpu == pytest.approx(20.5, abs=1) and service.wanted == Size(256, 512)
    assert service.requests is None, "it is younger than a day"
    told = [one.what for one in review(Facts(1, services=[service]), read.hour, MONTH_HOURS)]
    assert {"The tasks of web (lab) are larger than they need", "web (lab) wants more tasks than its load needs"} <= {
        *told
    }
    cost = estimate(read.items(), 1)
    assert cost.rows()[0][:2] == ("Fargate task, 1024 CPU units and 4096 MiB, x86_64", 5)
    (unmeasured,) = Region(cloud_of(world), days=1, minutes=1440).services()
    assert (unmeasured.cpu, unmeasured.wanted) == (None, None)


def test_what_lies_about_is_found(world: World) -> None:
    world.client("logs").create_log_group(logGroupName="/kept")
    world.client("logs").put_retention_policy(logGroupName="/kept", retentionInDays=30)
    world.client("logs").create_log_group(logGroupName="/for-ever")
    address = world.client("ec2").allocate_address(Domain="vpc")["PublicIp"]
    read = Region(cloud_of(world), days=1, minutes=3)
    assert {group.name: group.days for group in read.log_groups} == {"/kept": 30, "/for-ever": None}
    assert read.idle_addresses == [address]
    assert ("public IPv4 address", 1) in [row[:2] for row in estimate(read.items(), 1).rows()]
    assert read.unread == []


def test_a_load_balancer_is_judged_once_it_is_a_day_old(world: World) -> None:
    lab = world.lab()
    balancer = world.client("elbv2").create_load_balancer(Name="old", Subnets=lab.subnets)["LoadBalancers"][0]
    read = Region(cloud_of(world), days=1, minutes=3)
    assert read.balancers() == []
    read._a_day_ago = balancer["CreatedTime"] + timedelta(seconds=1)
    (found,) = read.balancers()
    assert (found.name, found.targets, found.requests) == ("old", 0, 0)
    assert found.hour == pytest.approx(0.0225 + 0.005 * len(balancer["AvailabilityZones"]))


def test_what_is_stored_and_what_carries_has_its_price_and_what_is_used_is_named(world: World) -> None:
    lab = world.lab()
    world.client("elbv2").create_load_balancer(Name="wire", Type="network", Subnets=lab.subnets)
    world.client("logs").create_log_group(logGroupName="/web")
    read = Region(cloud_of(world), days=1, minutes=3)
    read.log_groups = [LogGroup("/web", 10 * GIB, None)]
    assert {"Network Load Balancer", "10.00 GiB of logs"} <= {row[0] for row in estimate(read.items(), 1).rows()}
    assert estimate(read.items(), 1).not_priced == []
    assert read.by_use() == [
        "logs, ingested: 0.5 USD a GB (price of 2026-06)",
        "network load balancer, LCU: 0.006 USD a NLCU-hour (price of 2026-05)",
    ]
    read.cloud.region = "eu-west-1"
    assert read.by_use()[0] == "logs, ingested: no dated price" and read.stored_hour("logs") is None


def test_the_shell_counts_what_was_found_and_says_that_nothing_was_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "findings.json").write_text(json.dumps([{"Finding": "it is idle"}]))
    runbook._show(Report("review-cost", tmp_path, None, "read", None, 1.0, "seal"))
    assert "review-cost: read, 1 finding, nothing changed, in 1.0 s" in capsys.readouterr().out


def test_images_that_no_task_definition_in_use_names_are_unused() -> None:
    read = Region(of_nobody(), days=1, minutes=3)
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)

    def image(digest: str, *tags: str, pushed: datetime = long_ago) -> dict[str, Any]:
        return {"imageDigest": digest, "imageTags": list(tags), "imagePushedAt": pushed, "imageSizeInBytes": 10}

    host = "000000000000.dkr.ecr.us-east-1.amazonaws.com"
    names = [f"{host}/web:v2", f"{host}/web@sha256:b", f"{host}/plain"]
    definition = {"containerDefinitions": [{"image": name} for name in names]}
    read.described, read.tasks = [{"taskDefinition": "one"}], []
    read._definitions["one"] = definition
    read.images = {
        "web": [
            image("sha256:a", "v1"),
            image("sha256:b", "v3"),
            image("sha256:c", "v2", "newest"),
            image("sha256:d"),
            image("sha256:e", "v4", pushed=datetime.now(UTC)),
        ],
        "plain": [image("sha256:f", "latest"), image("sha256:g", "v1")],
    }
    assert [(one.name, one.unused, one.stored) for one in read.repositories()] == [("web", 2, 20), ("plain", 1, 10)]


def of_nobody() -> Cloud:
    """A cloud that lets its caller read nothing."""

    class Refusing:
        def can_paginate(self, _operation: str) -> bool:
            return False

        def __getattr__(self, operation: str) -> Any:
            def refuse(**_: Any) -> None:
                raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not you"}}, operation)

            return refuse

    session: Any = SimpleNamespace(events=SimpleNamespace(register=lambda *_: None))
    cloud = Cloud("embedded", LOCAL_ACCOUNT, "us-east-1", None, session)
    cloud.client = lambda *_, **__: Refusing()  # type: ignore[method-assign]
    return cloud


def test_what_may_not_be_read_is_said_and_not_taken_for_nothing() -> None:
    read = Region(of_nobody(), days=1, minutes=3)
    assert (read.items(), read.services(), read.balancers(), read.repositories()) == ([], [], [], [])
    assert any("list_clusters" in one and "AccessDenied" in one for one in read.unread)
    assert any("describe_load_balancers" in one for one in read.unread)


def test_every_command_that_mends_is_one_that_there_is() -> None:
    bad = Service("shop", "web", 5, Size(1024, 4096), requests=0, cpu=1.0, wanted=Size(256, 512))
    facts = Facts(1, services=[bad], repositories=[Repository("web", 1, 1)])
    told = " ".join(finding.mend for finding in review(facts, lambda size, architecture: 1.0, MONTH_HOURS))
    commands = re.findall(r"`drydock runbook plan ([a-z-]+)((?: -p [^\s`]+)*)`", told)
    assert {"scale-service", "right-size-tasks", "replace-capacity", "clean-images"} == {name for name, _ in commands}
    for name, given in commands:
        if name in catalogue.names():
            pairs = [word.split("=") for word in given.split() if word != "-p"]
            parameters.declared(catalogue.notebook(name)).read(dict(pairs))

"""Runbooks run headless against a real service: planned, approved, applied, undone, interrupted."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest

from drydock import user
from drydock.cloud import Cloud
from drydock.notebooks.wait import wait_until
from drydock.policy.operations import only_reads
from drydock.runbooks import Refused, catalogue, runner
from drydock.runbooks.evidence import Evidence
from drydock.runbooks.runner import Report

from .conftest import HELLO, deploy, described, registered


def run(name: str, **given: Any) -> Report:
    return runner.run(name, HELLO | {key: str(value) for key, value in given.items()})


def approved(name: str, **given: Any) -> Report:
    """Plan it, and apply the plan."""
    planned = run(name, **given)
    assert planned.ok and planned.plan is not None, planned.error
    return run(name, **given, dry_run=False, approve=planned.plan.hash)


def operations(folder: Path) -> list[str]:
    return [call["operation"] for call in Evidence(folder).calls()]


def changing(folder: Path) -> list[str]:
    return [operation for operation in operations(folder) if not only_reads(operation)]


def state(client: Any) -> tuple[str, int]:
    now = described(client)
    return now["taskDefinition"], now["desiredCount"]


def test_a_dry_run_shows_the_difference_and_makes_no_call_that_changes_anything(ecs: Any) -> None:
    before = described(ecs)
    report = run("scale-service", desired_count=4)
    assert (report.outcome, report.error) == ("planned", None)
    assert report.plan is not None
    assert report.plan.difference() == [("service.desiredCount", "2", "4")]
    assert operations(report.folder) and changing(report.folder) == []
    assert described(ecs)["desiredCount"] == before["desiredCount"] == 2


def test_apply_and_roll_back_return_the_state_it_started_from(ecs: Any) -> None:
    start = state(ecs)
    report = approved("scale-service", desired_count=4)
    assert (report.outcome, report.error) == ("applied", None)
    assert described(ecs)["runningCount"] == 4
    assert changing(report.folder) == ["UpdateService"]
    assert runner.roll_back_run(report.folder).endswith("rolled back")
    assert state(ecs) == start
    assert described(ecs)["runningCount"] == 2
    kept = Evidence(report.folder)
    assert kept.read("after.json") == kept.read("before.json")


def test_what_was_rolled_back_is_not_rolled_back_again(ecs: Any) -> None:
    report = approved("scale-service", desired_count=3)
    runner.roll_back_run(report.folder)
    with pytest.raises(Refused, match="rolled back already"):
        runner.roll_back_run(report.folder)


def test_a_roll_back_does_not_undo_what_somebody_else_did_since(ecs: Any) -> None:
    report = approved("scale-service", desired_count=3)
    deploy(ecs, described(ecs)["taskDefinition"], 1)
    with pytest.raises(Refused, match=re.escape("service.desiredCount is 1 and should be 3")):
        runner.roll_back_run(report.folder)
    assert described(ecs)["desiredCount"] == 1


def test_a_roll_back_of_a_cut_run_does_not_undo_what_somebody_else_did_since(ecs: Any) -> None:
    report = approved("scale-service", desired_count=3)
    (report.folder / "result.json").unlink()
    deploy(ecs, described(ecs)["taskDefinition"], 1)
    assert "somebody else has been at work: service.desiredCount is 1" in runner.roll_back_run(report.folder)
    assert described(ecs)["desiredCount"] == 1
    assert Evidence(report.folder).read("result.json")["outcome"] == "failed"


def test_of_two_runs_of_one_approval_only_one_finds_the_state_of_the_plan(ecs: Any) -> None:
    planned = run("scale-service", desired_count=4)
    assert planned.plan is not None
    given = {"desired_count": 4, "dry_run": False, "approve": planned.plan.hash}
    reports: list[Report] = []
    root = planned.folder.parent
    with (user.private(user.home() / "targets") / ".lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        other = threading.Thread(target=lambda: reports.append(run("scale-service", **given)))
        other.start()
        while not list(root.glob("*/approval.json")):
            assert other.is_alive()
        deploy(ecs, described(ecs)["taskDefinition"], 3)
    other.join()
    assert reports[0].outcome == "refused"
    assert "service.desiredCount was 2 and is 3" in str(reports[0].error)
    assert described(ecs)["desiredCount"] == 3


def test_a_service_and_cluster_that_are_gone_end_a_roll_back_with_words(ecs: Any) -> None:
    found = described(ecs)
    ecs.create_cluster(clusterName="brief")
    wanted = {key: found[key] for key in ("taskDefinition", "networkConfiguration", "launchType")}
    ecs.create_service(cluster="brief", serviceName="brief", desiredCount=0, **wanted)
    report = approved("scale-service", cluster="brief", service="brief", desired_count=1)
    assert report.outcome == "applied", report.error
    ecs.delete_service(cluster="brief", service="brief", force=True)
    ecs.get_waiter("services_inactive").wait(cluster="brief", services=["brief"])
    with pytest.raises(Refused, match=r"no longer the one that the run left: .*INACTIVE"):
        runner.roll_back_run(report.folder)
    ecs.delete_cluster(cluster="brief")
    with pytest.raises(Refused, match=r"could not be read: .*Nothing was changed"):
        runner.roll_back_run(report.folder)
    (report.folder / "result.json").unlink()
    assert "the roll-back failed: The state could not be read" in runner.roll_back_run(report.folder)
    assert not (report.folder / "after.json").exists()


@pytest.mark.parametrize(
    ("breaker", "state", "says"),
    [
        (False, "IN_PROGRESS", "A deployment of crashing is under way"),
        (True, "FAILED", "The deployment of crashing has failed"),
    ],
)
def test_a_service_whose_first_deployment_has_not_succeeded_is_not_scaled(
    ecs: Any, breaker: bool, state: str, says: str
) -> None:
    found = described(ecs)
    ecs.create_service(
        cluster="drydock-hello",
        serviceName="crashing",
        desiredCount=1,
        taskDefinition=registered(ecs, environment={"CRASH_AT_START": "true"}),
        deploymentConfiguration={"deploymentCircuitBreaker": {"enable": breaker, "rollback": False}},
        **{key: found[key] for key in ("networkConfiguration", "launchType")},
    )
    try:
        wait_until(lambda: rollout(ecs, "crashing") == state, f"its deployment is {state}")
        report = run("scale-service", service="crashing", desired_count=2)
        assert says in str(report.error)
    finally:
        ecs.delete_service(cluster="drydock-hello", service="crashing", force=True)
        ecs.get_waiter("services_inactive").wait(cluster="drydock-hello", services=["crashing"])


def rollout(client: Any, service: str) -> str:
    found = client.describe_services(cluster="drydock-hello", services=[service])["services"][0]
    return str(found["deployments"][0]["rolloutState"])


def test_a_target_group_may_have_targets_of_another_service(ecs: Any) -> None:
    found = described(ecs)
    shared = ("taskDefinition", "networkConfiguration", "launchType", "loadBalancers")
    ecs.create_service(
        cluster="drydock-hello", serviceName="twin", desiredCount=1, **{key: found[key] for key in shared}
    )
    try:
        ecs.get_waiter("services_stable").wait(cluster="drydock-hello", services=["twin"])
        report = approved("scale-service", desired_count=3)
        assert (report.outcome, report.error) == ("applied", None)
    finally:
        ecs.delete_service(cluster="drydock-hello", service="twin", force=True)


def test_an_approval_of_another_state_is_refused_and_the_change_is_named(ecs: Any) -> None:
    planned = run("scale-service", desired_count=4)
    assert planned.plan is not None
    deploy(ecs, described(ecs)["taskDefinition"], 3)
    report = run("scale-service", desired_count=4, dry_run=False, approve=planned.plan.hash)
    assert report.outcome == "refused"
    assert "service.desiredCount was 2 and is 3" in str(report.error)
    assert changing(report.folder) == []
    assert described(ecs)["desiredCount"] == 3


@pytest.mark.parametrize("approve", ["", "plan-" + "0" * 32])
def test_without_the_approval_of_this_plan_nothing_is_applied(ecs: Any, approve: str) -> None:
    report = run("scale-service", desired_count=4, dry_run=False, approve=approve)
    assert report.outcome == "refused"
    assert changing(report.folder) == []
    assert described(ecs)["desiredCount"] == 2


def test_what_is_so_already_needs_no_approval_and_no_call(ecs: Any) -> None:
    report = run("scale-service", desired_count=2, dry_run=False)
    assert (report.outcome, report.error) == ("nothing to change", None)
    assert changing(report.folder) == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"service": "nobody"}, "There is no active service nobody in the cluster drydock-hello"),
        ({"cluster": "nowhere"}, "ClusterNotFoundException"),
    ],
)
def test_what_is_not_there_is_said(ecs: Any, given: dict[str, str], says: str) -> None:
    report = run("scale-service", **given)
    assert report.outcome == "refused"
    assert says in str(report.error)
    cells = nbformat.read(report.folder / "notebook.ipynb", as_version=4).cells
    shown = ["".join(one.traceback) for cell in cells for one in cell.get("outputs", ()) if one.output_type == "error"]
    assert shown == [str(report.error).partition(": ")[2]]


def test_a_number_outside_the_range_of_autoscaling_is_refused(ecs: Any, cloud: Cloud) -> None:
    target = {
        "ServiceNamespace": "ecs",
        "ResourceId": "service/drydock-hello/drydock-hello",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    scaling = cloud.client("application-autoscaling")
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=3)
    try:
        report = run("scale-service", desired_count=4)
        assert report.outcome == "refused"
        assert "Application Auto Scaling keeps drydock-hello between" in str(report.error)
        assert run("scale-service", desired_count=3).outcome == "planned"
    finally:
        scaling.deregister_scalable_target(**target)


EVERYTHING: dict[str, Any] = {
    "cpu": "512",
    "memory": "1024",
    "taskRoleArn": "arn:aws:iam::000000000000:role/drydock-hello-execution",
    "ephemeralStorage": {"sizeInGiB": 30},
    "runtimePlatform": {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"},
    "pidMode": "task",
    "volumes": [{"name": "scratch"}],
    "tags": [{"key": "team", "value": "harbour"}],
}


def attributes(client: Any, arn: str) -> dict[str, Any]:
    """All that register_task_definition takes, as the revision has it."""
    members = client.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
    found = client.describe_task_definition(taskDefinition=arn, include=["TAGS"])
    return {name: found["taskDefinition"].get(name) for name in members if name != "tags"} | {"tags": found["tags"]}


def test_a_roll_back_of_the_service_keeps_every_attribute_of_the_task_definition(ecs: Any) -> None:
    old = registered(ecs, **EVERYTHING, environment={"VERSION": "old", "PASSWORD": "hunter2"})
    wanted = attributes(ecs, old)
    assert {name for name, value in EVERYTHING.items() if wanted[name] != value} == set()
    deploy(ecs, old, 2)
    new = registered(ecs, environment={"VERSION": "new"})
    deploy(ecs, new, 2)
    ecs.deregister_task_definition(taskDefinition=old)
    report = approved("rollback-service")
    assert (report.outcome, report.error) == ("applied", None)
    assert changing(report.folder) == ["RegisterTaskDefinition", "UpdateService"]
    now = described(ecs)["taskDefinition"]
    assert now not in (old, new)
    assert attributes(ecs, now) == wanted
    assert "hunter2" not in (report.folder / "report.html").read_text()
    assert runner.roll_back_run(report.folder).endswith("rolled back")
    assert described(ecs)["taskDefinition"] == new
    assert ecs.describe_task_definition(taskDefinition=now)["taskDefinition"]["status"] == "INACTIVE"


def test_a_service_goes_back_to_the_revision_that_is_named(ecs: Any) -> None:
    first = described(ecs)["taskDefinition"]
    deploy(ecs, registered(ecs, environment={"VERSION": "two"}), 2)
    report = approved("rollback-service", to_revision=first.rpartition(":")[2])
    assert report.outcome == "applied"
    assert described(ecs)["taskDefinition"] == first
    assert changing(report.folder) == ["UpdateService"]


def test_a_service_is_brought_back_from_a_deployment_that_never_ends(ecs: Any) -> None:
    first = described(ecs)["taskDefinition"]
    broken = registered(ecs, environment={"CRASH_AT_START": "true"})
    ecs.update_service(**HELLO, taskDefinition=broken)
    report = approved("rollback-service")
    assert (report.outcome, report.error) == ("applied", None)
    assert state(ecs) == (first, 2)


def test_a_change_that_does_not_come_true_is_rolled_back(ecs: Any) -> None:
    good = described(ecs)["taskDefinition"]
    sick = registered(ecs, environment={"FAIL_HEALTH": "true"})
    report = approved("rollback-service", to_revision=sick.rpartition(":")[2], minutes=1)
    assert report.outcome == "rolled back"
    assert "not reached within 1 minutes: the deployment of drydock-hello ends" in str(report.error)
    assert state(ecs) == (good, 2)
    events = [line["event"] for line in Evidence(report.folder).journal()]
    assert events == ["begin", "answered", "failed", "undoing", "undone", "rolled back", "ended"]


def test_a_cell_that_changes_something_by_itself_is_stopped(ecs: Any, tmp_path: Path, monkeypatch: Any) -> None:
    notebook = nbformat.read(catalogue.notebook("scale-service"), as_version=4)
    sly = nbformat.v4.new_code_cell("ecs.update_service(cluster=cluster, service=service, desiredCount=9)")
    notebook.cells.insert(4, sly)
    nbformat.write(notebook, tmp_path / "scale-service.ipynb")
    monkeypatch.setenv("DRYDOCK_RUNBOOKS", str(tmp_path))
    report = run("scale-service", desired_count=4)
    assert "NotApproved: ecs:UpdateService changes something and was not sent" in str(report.error)
    assert described(ecs)["desiredCount"] == 2


def interrupted(client: Any, number: signal.Signals, runs: Path) -> tuple[subprocess.Popen[str], Path, str]:
    """`drydock runbook apply`, sent a signal while it waits for a deployment that never ends."""
    sick = registered(client, environment={"FAIL_HEALTH": "true"})
    given = {"to_revision": sick.rpartition(":")[2], "minutes": "600"}
    planned = run("rollback-service", **given)
    assert planned.plan is not None
    arguments = [word for name, value in (HELLO | given).items() for word in ("-p", f"{name}={value}")]
    process = subprocess.Popen(
        [sys.executable, "-m", "drydock.cli", "runbook", "apply", "rollback-service", *arguments,
         "--approve", planned.plan.hash, "--runs", str(runs)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while described(client)["taskDefinition"] != sick:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    (runs / "said").write_text(said)
    return process, next(runs.glob("*-rollback-service-*")), sick


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_the_middle_of_applying_reaches_the_roll_back(
    ecs: Any, tmp_path: Path, number: signal.Signals
) -> None:
    start = state(ecs)
    process, folder, _ = interrupted(ecs, number, tmp_path / "cut")
    assert process.returncode == 128 + number
    assert state(ecs) == start
    kept = Evidence(folder)
    assert kept.read("result.json")["outcome"] == "rolled back"
    assert kept.read("after.json") == kept.read("before.json")
    said = (tmp_path / "cut" / "said").read_text()
    assert "the run was cut short; rolled back" in said
    assert f"Evidence: {folder}" in said


def test_after_kill_9_the_folder_of_evidence_brings_the_service_back(ecs: Any, tmp_path: Path) -> None:
    start = state(ecs)
    _, folder, sick = interrupted(ecs, signal.SIGKILL, tmp_path / "cut")
    assert state(ecs)[0] == sick
    done = subprocess.run(
        [sys.executable, "-m", "drydock.cli", "runbook", "roll-back", str(folder)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert state(ecs) == start


def papermill(tmp_path: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Plain papermill on the runbook, as cron would run it."""
    command = [sys.executable, "-m", "papermill", str(catalogue.notebook(name)), str(tmp_path / "out.ipynb")]
    return subprocess.run(
        [*command, "-p", "cluster", "drydock-hello", "-p", "service", "drydock-hello", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )


def test_plain_papermill_plans_and_applies_the_same_notebook(ecs: Any, tmp_path: Path) -> None:
    planned = papermill(tmp_path, "scale-service", "-p", "desired_count", "3")
    assert planned.returncode == 0, planned.stderr
    assert "unknown parameter" not in planned.stderr
    folder = next(Path(os.environ["DRYDOCK_RUNS"]).iterdir())
    plan_hash = json.loads((folder / "plan.json").read_text())["hash"]
    assert described(ecs)["desiredCount"] == 2
    words = ["-p", "desired_count", "3", "-p", "dry_run", "False", "-p", "approve", plan_hash]
    assert papermill(tmp_path, "scale-service", *words).returncode == 0
    assert described(ecs)["desiredCount"] == 3
    assert described(ecs)["runningCount"] == 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("-p", "desired_cuont", "3"), "There is no parameter 'desired_cuont'"),
        (("-p", "dry_run", "false"), "papermill's `-p` takes True or False"),
        (("-p", "account", "012345678901"), "Give it as text"),
        (("-p", "desired_count", "-1"), "greater than or equal to 0"),
        (("-p", "dry_run", "False"), "is not approved"),
    ],
)
def test_plain_papermill_is_refused_what_the_command_is_refused(
    ecs: Any, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    wanted = (
        arguments if "dry_run" not in arguments or "false" in arguments else (*arguments, "-p", "desired_count", "4")
    )
    done = papermill(tmp_path, "scale-service", *wanted)
    assert done.returncode != 0
    assert says in done.stderr
    assert described(ecs)["desiredCount"] == 2


def test_the_page_of_evidence_opens_offline(ecs: Any) -> None:
    folder = run("scale-service", desired_count=4).folder
    html = (folder / "report.html").read_text()
    assert re.findall(r'(?:src|href)="', html) == []
    for words in ("scale-service", "service.desiredCount", "DescribeServices", "planned"):
        assert words in html
    assert folder.stat().st_mode & 0o077 == 0

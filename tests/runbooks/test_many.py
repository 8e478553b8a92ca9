"""One runbook over many targets: one approval for all, a canary first, an end after failures, nothing applied twice."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import typer
from rich.console import Console
from tests.support.waiting import eventually

from drydock.cloud import Cloud
from drydock.commands import targets as commands
from drydock.runbooks import Act, Call, Plan, Step, approvals, many, process, runbook
from drydock.runbooks.evidence import Evidence
from drydock.runbooks.many import Pace, Summary
from drydock.runbooks.process import Order
from drydock.runbooks.target_list import Target

from .conftest import registered

PLACE = {"name": "embedded", "instance": "x", "account": "000000000000", "region": "us-east-1"}


class Fleet:
    """Runs that come to what they are told to, by service; `begun` has those that were applied, in order."""

    def __init__(self) -> None:
        self.outcomes: dict[str, str] = {}
        self.counts: dict[str, int] = {}
        self.begun: list[str] = []
        self.approved: list[str] = []
        self.most = 0
        self.meanwhile: Callable[[], None] = lambda: None
        self._now = 0
        self._lock = threading.Lock()

    def carry_out(self, order: Order) -> str:
        service, dry = order.given["service"], order.given["dry_run"] == "true"
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
            self.begun += [] if dry else [service]
            self.approved += [] if dry else [order.given["approve"]]
        if not dry:
            self.meanwhile()
        kept = Evidence(Path(order.folder))
        kept.folder.mkdir()
        change = Act(Call("ecs", "UpdateService", {"service": service}))
        step = Step("scale", f"scale {service}", change, sets={"service.desiredCount": 4})
        steps = [] if self.outcomes.get(service) == "nothing to change" else [step]
        plan = Plan("scale-service", PLACE, {"service": service}, (), {"n": self.counts.get(service, 2)}, steps)
        kept.write_plan(plan)
        outcome = self.outcomes.get(service, "applied")
        planned = outcome if outcome in ("refused", "nothing to change") else "planned"
        runbook.end(kept, planned if dry else outcome, "it is so" if outcome in ("refused", "failed") else "")  # type: ignore[arg-type]
        with self._lock:
            self._now -= 1
        return ""


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Fleet:
    made = Fleet()
    monkeypatch.setattr(many, "carry_out", made.carry_out)
    return made


def targets(*services: str) -> list[Target]:
    return [Target(f"shop/{name}", 1, {"cluster": "shop", "service": name}) for name in services]


def planned(*services: str) -> Summary:
    summary = many.begin("scale-service", targets(*services))
    many.plan(summary)
    return summary


def applied(approve: str, *services: str, pace: Pace = Pace()) -> Summary:
    summary = many.begin("scale-service", targets(*services))
    many.apply(summary, approve, pace=pace)
    return summary


def outcomes(summary: Summary) -> list[str]:
    kept = json.loads((summary.folder / "summary.json").read_text())
    return [one["outcome"] for one in kept["targets"]]


def test_one_approval_of_all_plans_lets_all_be_applied_the_canary_alone_and_first(fleet: Fleet) -> None:
    plans = planned("a", "b", "c")
    assert plans.ok and re.fullmatch("plans-[0-9a-f]{32}", plans.hash)
    assert fleet.begun == []
    summary = applied(plans.hash, "a", "b", "c")
    assert summary.ok and outcomes(summary) == ["applied"] * 3
    assert fleet.begun[0] == "a" and sorted(fleet.begun) == ["a", "b", "c"]
    approval = json.loads((summary.folder / "approval.json").read_text())
    assert approval["plans"] == plans.hash
    html = (summary.folder / "report.html").read_text()
    assert all(f'href="../{part.folder.name}/report.html"' in html for part in summary.parts if part.folder)


def test_where_one_plan_is_another_since_nothing_is_applied_and_it_is_named(fleet: Fleet) -> None:
    plans = planned("a", "b", "c")
    fleet.counts["b"] = 3
    summary = applied(plans.hash, "a", "b", "c")
    assert (summary.ok, fleet.begun, outcomes(summary)) == (False, [], ["not begun"] * 3)
    assert "Since then another: shop/b. Nothing was changed" in summary.why


@pytest.mark.parametrize("approved", ["", "plans-" + "0" * 32])
def test_without_an_approval_of_these_plans_nothing_is_applied(fleet: Fleet, approved: str) -> None:
    assert "Nothing was changed" in applied(approved, "a", "b").why
    assert fleet.begun == []


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, Path]:
    """Private keys by name; two of the three have to approve."""
    made = {name: approvals.make_key(name, tmp_path / name) for name in ("alice", "bob", "carol")}
    who = {"quorum": 2, "approvers": {name: public for name, (_, public) in made.items()}}
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "approvers.json").write_text(json.dumps(who))
    return {name: path for name, (path, _) in made.items()}


def signed(plans: Summary, keys: dict[str, Path], *names: str) -> list[Path]:
    """The folders in which each of these has signed all plans."""
    folders = [plans.folder.parent.parent / f"by-{name}" for name in names]
    for name, folder in zip(names, folders, strict=True):
        many.sign(plans.folder, name, keys[name], hours=1, out=folder)
    return folders


def test_where_a_file_says_who_may_approve_every_plan_needs_their_signatures(
    fleet: Fleet, keys: dict[str, Path]
) -> None:
    plans = planned("a", "b")
    assert "2 have to approve this plan, and nobody did" in applied(plans.hash, "a", "b").why
    one = many.begin("scale-service", targets("a", "b"))
    many.apply(one, signed=signed(plans, keys, "alice"))
    assert "shop/a, plan-" in one.why and fleet.begun == []
    both = many.begin("scale-service", targets("a", "b"))
    many.apply(both, signed=signed(plans, keys, "alice", "carol"))
    assert both.ok and fleet.begun == ["a", "b"]
    hashes = [part.plan.hash for part in plans.parts if part.plan]
    for given, name in zip(fleet.approved, hashes, strict=True):
        assert [Path(each).name for each in given.split(os.pathsep)] == [
            f"{name}.{by}.approval" for by in ("alice", "carol")
        ]
    assert json.loads((both.folder / "approval.json").read_text())["by"] == "alice, carol"
    more = many.begin("scale-service", targets("a", "b", "c"))
    many.apply(more, signed=signed(plans, keys, "alice", "carol"))
    assert "shop/c, plan-" in more.why and fleet.begun == ["a", "b"]


def test_an_approval_covers_neither_more_targets_nor_another_order(fleet: Fleet) -> None:
    plans = planned("a", "b")
    for others in (("a", "b", "c"), ("a",), ("b", "a")):
        assert not applied(plans.hash, *others).ok
    assert fleet.begun == []


def test_where_one_target_has_no_plan_none_can_be_approved(fleet: Fleet) -> None:
    fleet.outcomes["b"] = "refused"
    plans = planned("a", "b", "c")
    assert (plans.ok, plans.hash, outcomes(plans)) == (False, "", ["planned", "refused", "planned"])
    summary = applied("", "a", "b", "c")
    assert fleet.begun == [] and "1 of 3 targets have no plan" in summary.why


def test_a_canary_that_fails_is_the_last(fleet: Fleet) -> None:
    plans = planned("a", "b", "c")
    fleet.outcomes["a"] = "rolled back"
    summary = applied(plans.hash, "a", "b", "c", pace=Pace(stop_after=9))
    assert (fleet.begun, outcomes(summary)) == (["a"], ["rolled back", "not begun", "not begun"])
    assert summary.why == "1 failed, so 2 were not begun."


@pytest.mark.parametrize(("stop_after", "left"), [(1, ["not begun"] * 2), (2, ["applied"] * 2)])
def test_after_so_many_failures_no_other_is_begun(fleet: Fleet, stop_after: int, left: list[str]) -> None:
    plans = planned("a", "b", "c", "d")
    fleet.outcomes["b"] = "failed"
    summary = applied(plans.hash, "a", "b", "c", "d", pace=Pace(at_once=1, stop_after=stop_after))
    assert outcomes(summary) == ["applied", "failed", *left]
    assert not summary.ok


def test_no_more_than_so_many_run_at_once(fleet: Fleet) -> None:
    names = [f"s{number}" for number in range(9)]
    summary = applied(planned(*names).hash, *names, pace=Pace(at_once=2))
    assert summary.ok and fleet.most <= 4  # of the planning, whose pace is the default


def test_what_is_so_already_is_left_and_the_next_is_the_canary(fleet: Fleet) -> None:
    fleet.outcomes["a"] = "nothing to change"
    plans = planned("a", "b", "c")
    fleet.outcomes["b"] = "failed"
    summary = applied(plans.hash, "a", "b", "c")
    assert (fleet.begun, outcomes(summary)) == (["b"], ["nothing to change", "failed", "not begun"])


def test_the_summary_is_true_while_it_runs(fleet: Fleet) -> None:
    plans = planned("a", "b")
    seen: list[list[str]] = []
    summary = many.begin("scale-service", targets("a", "b"))
    fleet.meanwhile = lambda: seen.append(outcomes(summary))
    many.apply(summary, plans.hash)
    assert seen == [["not begun", "not begun"], ["applied", "not begun"]]


class Held:
    """A service of no tasks, `fleet/held`, whose tasks crash until they are let go."""

    def __init__(self, cloud: Cloud, go: Path) -> None:
        self._ecs, self._go = cloud.client("ecs"), go
        found = self._ecs.describe_services(cluster="drydock-hello", services=["drydock-hello"])["services"][0]
        well = self._ecs.describe_task_definition(taskDefinition=found["taskDefinition"])["taskDefinition"]
        held = f"import os, runpy; os.path.exists({str(go)!r}) or exit(1)"
        started = f"{held}; runpy.run_path('backend.py', {{}}, '__main__')"
        container = {**well["containerDefinitions"][0], "command": ["-c", started]}
        definition = registered(self._ecs, containerDefinitions=[container])
        self._ecs.create_cluster(clusterName="fleet")
        self._ecs.create_service(
            cluster="fleet", serviceName="held", desiredCount=0, taskDefinition=definition,
            **{key: found[key] for key in ("networkConfiguration", "launchType")},
        )  # fmt: skip
        eventually(lambda: self._described()["deployments"][0]["rolloutState"] == "COMPLETED")

    def let_go(self) -> None:
        self._go.touch()

    def wanted(self) -> int:
        """How many tasks it wants."""
        return int(self._described()["desiredCount"])

    def _described(self) -> dict[str, Any]:
        return dict(self._ecs.describe_services(cluster="fleet", services=["held"])["services"][0])


@pytest.fixture(scope="module")
def held(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Held:
    return Held(cloud, tmp_path_factory.mktemp("held") / "go")


@pytest.fixture(scope="module")
def listing(held: Held, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("list") / "fleet.yaml"
    path.write_text("common: {cluster: fleet, desired_count: 1, minutes: 600}\ntargets:\n- {service: held}\n")
    return path


@pytest.fixture(scope="module")
def approved(listing: Path) -> str:
    """The hash of the plan: the same after each test that brings the service back."""
    plans = many.begin("scale-service", many.listed("scale-service", listing, {}), listing.parent)
    many.plan(plans)
    assert plans.ok, plans.why
    return plans.hash


def test_a_signal_undoes_what_runs(held: Held, listing: Path, approved: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "drydock.cli", "runbook", "apply", "scale-service", "--targets", str(listing)]
    running = subprocess.Popen(
        [*command, "--approve", approved, "--runs", str(tmp_path / "cut")],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    eventually(lambda: held.wanted() == 1 or running.poll() is not None)
    running.send_signal(signal.SIGTERM)
    said, _ = running.communicate(timeout=60)
    assert (running.returncode, held.wanted()) == (128 + signal.SIGTERM, 0), said
    kept = json.loads(next((tmp_path / "cut").glob("*-targets-*/summary.json")).read_text())
    assert [one["outcome"] for one in kept["targets"]] == ["rolled back"]
    assert "It was stopped by a signal" in said


def test_the_run_of_a_dask_worker_that_is_killed_goes_on_at_another_and_is_not_applied_twice(
    held: Held, listing: Path, approved: str
) -> None:
    from distributed import LocalCluster

    summary = many.begin("scale-service", many.listed("scale-service", listing, {}))

    def kill() -> None:
        runs = Path(os.environ["DRYDOCK_RUNS"])
        eventually(lambda: any('"UpdateService"' in kept.read_text() for kept in runs.rglob("calls.jsonl")))
        run = next(one for one in psutil.Process().children(recursive=True) if _carries_out(one))
        worker = run.parent()
        for one in (worker, run):
            assert one is not None
            one.kill()
        held.let_go()

    killer = threading.Thread(target=kill)
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        killer.start()
        many.apply(summary, approved, scheduler=cluster.scheduler_address)
        killer.join()
    part = summary.parts[0]
    assert part.folder is not None
    assert (part.outcome, held.wanted()) == ("applied", 1), part.why
    kept = Evidence(part.folder)
    assert [line["event"] for line in kept.journal()].count("begin") == 1
    assert [call["operation"] for call in kept.calls()].count("UpdateService") == 1


def _carries_out(one: psutil.Process) -> bool:
    """Whether a process is the run of one target; those of others end meanwhile."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.__name__ in one.cmdline()
    return False


def test_what_is_sent_to_a_worker_has_no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted")
    summary = many.begin("scale-service", targets("a"))
    sent: list[bytes] = []

    class Pool:
        def submit(self, function: Callable[[Order], str], order: Order) -> Any:
            sent.append(pickle.dumps((process.carry_out, order)))
            raise InterruptedError

    with pytest.raises(InterruptedError):
        many._planned(summary, Pool(), Pace(), lambda part: None)  # type: ignore[arg-type]
    assert sent and b"planted" not in sent[0]
    assert os.environ["AWS_SECRET_ACCESS_KEY"] == "planted"


def test_what_undoes_a_target_is_one_command_whatever_its_profile_is_called(
    fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "fleet.yaml").write_text('targets: [{service: a, aws_profile: "x;touch $(y)"}, {service: b}]')
    fleet.outcomes["b"] = "failed"
    approved = planned("a", "b").hash
    console, pace = Console(soft_wrap=True), Pace()
    with pytest.raises(typer.Exit):
        commands.apply(console, "scale-service", tmp_path / "fleet.yaml", {}, approved, (), pace, None, "")
    command = capsys.readouterr().out.partition("To undo it: ")[2].splitlines()[0]
    assert shlex.split(command)[:4] == ["AWS_PROFILE=x;touch $(y)", "drydock", "runbook", "roll-back"]

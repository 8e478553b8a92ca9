"""An embedded AWS for the tests of the labs, a learner's folder for each test, and ways to where a test begins.

The tests of a module share a cloud, as making all of it again would take minutes; each stands alone all the same: it
says with `at` or `ready` where it begins, and where the test before it failed the cloud is made anew or mended."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from tests.support.waiting import eventually

from drydock import embedded
from drydock.cloud import Cloud, connect
from drydock.embedded.core.clock import DEFAULT_SPEED
from drydock.embedded.instance import free_port
from drydock.labs import Lab
from drydock.ledger import sweep
from drydock.load import Load


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.Instance]:
    """An embedded AWS of this module's own, whose time passes twice as fast as a learner's: tests wait less."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRYDOCK_HOME", str(tmp_path_factory.mktemp("instance")))
        instance = embedded.start(f"labs-test-{os.getpid()}", port=free_port(), speed=2 * DEFAULT_SPEED)
        patch.setenv("DRYDOCK_INSTANCE", instance.name)
        patch.delenv("DRYDOCK_CLOUD", raising=False)
        yield instance
        embedded.stop(instance.name)


@pytest.fixture
def cloud(running: embedded.Instance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """A fresh connection; progress goes to a file of this test's."""
    monkeypatch.setenv("DRYDOCK_PROGRESS", str(tmp_path / "progress.json"))
    for name in ("DRYDOCK_STRICT", "DRYDOCK_SOLVE"):
        monkeypatch.delenv(name, raising=False)
    return connect("embedded", name=running.name)


@pytest.fixture(scope="module")
def lab(
    running: embedded.Instance, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Lab]:
    """The lab that the module calls NAME: one for all its tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRYDOCK_PROGRESS", str(tmp_path_factory.mktemp("learner") / "progress.json"))
        patch.delenv("DRYDOCK_STRICT", raising=False)
        patch.delenv("DRYDOCK_SOLVE", raising=False)
        yield Lab.open(request.module.NAME, cloud=connect("embedded", name=running.name))


At = Callable[[str], Lab]
FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome = yield
    if outcome.get_result().failed:  # type: ignore[attr-defined]
        item.getparent(pytest.Module).stash[FAILED] = True  # type: ignore[union-attr]


@pytest.fixture
def after_a_failure(request: pytest.FixtureRequest) -> bool:
    """Whether a test has failed since this was last asked, and may have left anything behind."""
    stash = request.node.getparent(pytest.Module).stash
    failed = stash.get(FAILED, False)
    stash[FAILED] = False
    return failed


@pytest.fixture
def at(lab: Lab, after_a_failure: bool) -> At:
    """at(step): the lab where that step begins, with no exercise of it done and nothing broken."""

    def come_to(name: str) -> Lab:
        if after_a_failure:
            sweep(lab.cloud)
        lab.catch_up(name, {})
        return lab

    return come_to


@pytest.fixture
def untouched(lab: Lab) -> Lab:
    """The lab in a cloud in which there is nothing."""
    if {state(lab, step.name)[0] for step in lab.steps} != {"not started"}:
        sweep(lab.cloud)
    return lab


@contextmanager
def held_up(cloud: Cloud, name: str) -> Iterator[None]:
    """Meanwhile no task of the shop's service can start: where it would log there is nothing."""
    logs, group = cloud.client("logs"), f"/drydock/{name}"
    kept = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["retentionInDays"]
    logs.delete_log_group(logGroupName=group)
    yield
    logs.create_log_group(logGroupName=group)
    logs.put_retention_policy(logGroupName=group, retentionInDays=kept)


@contextmanager
def customers(lab: Lab) -> Iterator[None]:
    """Meanwhile lab 12's service is asked: two requests come in each second of AWS."""
    [balancer] = lab.cloud.client("elbv2").describe_load_balancers(Names=["drydock-scaling"])["LoadBalancers"]
    requests = Load(f"http://{balancer['DNSName']}/", rps=2 * lab.cloud.speed).start()
    try:
        yield
    finally:
        requests.stop()


def state(lab: Lab, step: str) -> tuple[str, str]:
    """What the check says now: its state and its message."""
    found = lab.step(step).check(lab.cloud, lab)
    return found.state, found.message


def waits_for(lab: Lab, step: str) -> str:
    """What the check can be waited for now; empty where its answer stands."""
    return lab.step(step).check(lab.cloud, lab).waits_for


def until(lab: Lab, step: str, wanted: str, words: str = "") -> None:
    """The check comes to say `wanted`, with these words in its message."""
    eventually(
        lambda: (found := state(lab, step))[0] == wanted and words in found[1],
        f"{step} is {wanted}: {words}",
    )


def solve(lab: Lab, step: str) -> None:
    """Run the reference solution; the check comes to pass."""
    lab.step(step).solve(lab.cloud, lab)
    until(lab, step, "passed")


def tried(lab: Lab, step: str, attempt: str) -> None:
    """A learner's attempt in his cell, which AWS may refuse; then the solution in its place: the check passes."""
    one = lab.step(step)
    names = lab.names_at(one)
    with contextlib.suppress(ClientError, BotoCoreError):
        exec(attempt, names)
    assert not one.check(lab.cloud, lab).passed
    with contextlib.redirect_stdout(io.StringIO()):
        exec(one.source(), names)
    until(lab, step, "passed")


def update(cloud: Cloud, name: str, **changes: Any) -> None:
    """Change a service of the cluster drydock."""
    cloud.client("ecs").update_service(cluster="drydock", service=name, **changes)

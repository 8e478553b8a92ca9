"""For all tests: none is timed, on CI one that lacks its tool fails, and which of them start processes is known."""

from __future__ import annotations

import fnmatch
import gc
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

HERE = Path(__file__).parent
PROCESS = (
    "labs/*",
    "runbooks/*",
    "services/*",
    "simulation/test_on_a_cluster.py",
    "*/test_*in_jupyterlab.py",
    "*/test_notebooks.py",
    "classroom/test_grading.py",
    "classroom/test_in_a_browser.py",
    "commands/*",
    "concepts/test_ecs_fixtures.py",
    "concepts/test_explore.py",
    "concepts/test_mesh_by_envoy.py",
    "concepts/test_policy_as_code.py",
    "concepts/test_runner.py",
    "embedded/applicationautoscaling/test_requests.py",
    "embedded/awslambda/*",
    "embedded/cloudformation/*",
    "embedded/codedeploy/test_outside.py",
    "embedded/ecr/test_clients.py",
    "embedded/ecs/test_refusals.py",
    "embedded/ecs/test_security_groups.py",
    "embedded/ecs/test_service_connect_traffic.py",
    "embedded/ecs/test_services.py",
    "embedded/ecs/test_tasks.py",
    "embedded/elbv2/test_faults.py",
    "embedded/elbv2/test_metrics.py",
    "embedded/elbv2/test_resources.py",
    "embedded/elbv2/test_traffic.py",
    "embedded/runtime/test_address.py",
    "embedded/runtime/test_docker.py",
    "embedded/runtime/test_process.py",
    "embedded/runtime/test_spawner.py",
    "embedded/test_callers.py",
    "embedded/test_crash.py",
    "embedded/test_envoy.py",
    "embedded/test_idle.py",
    "embedded/test_instance.py",
    "embedded/test_records.py",
    "embedded/test_second_clients.py",
    "figures/test_survey.py",
    "hub/test_hub.py",
    "hub/test_proxy.py",
    "images/test_cli.py",
    "images/test_engine.py",
    "images/test_registry.py",
    "prep/test_deck.py",
    "test_cli.py",
    "test_cloud.py",
    "test_compose.py",
    "test_ledger.py",
    "test_ssm.py",
)
"""Where every test starts processes; elsewhere those that do are marked `process` one by one."""
LONG = {
    "drills/test_drills.py",
    "labs/test_14_service_connect.py",
    "labs/test_in_jupyterlab.py",
    "labs/test_notebooks.py",
    "prep/test_in_jupyterlab.py",
    "runbooks/test_every_boundary.py",
    "runbooks/test_killed.py",
}
"""Files of few tests that take minutes: they begin first, so that no worker is left alone with one at the end."""
_UNMARKED = "this test starts a process: mark it `process`"
_STARTS = {"subprocess.Popen", "os.posix_spawn", "os.fork", "os.forkpty", "os.system"}
_running: pytest.Item | None = None
_file: Path | None = None
_others: set[threading.Thread] = set()
"""Threads from before the file of the test that runs: what they start is not its own."""
_started: dict[str, str] = {}
"""Tests that start a process and do not say so, with what was started and in which thread, which may be another's:
whoever started it may take the refusal for a fault of its own."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    many = Counter(item.path for item in items)
    within = {path: path.relative_to(HERE).as_posix() if path.is_relative_to(HERE) else "" for path in many}
    start = {path for path, name in within.items() if any(fnmatch.fnmatch(name, pattern) for pattern in PROCESS)}
    for item in items:
        if item.path in start:
            item.add_marker(pytest.mark.process)
    items.sort(key=lambda item: (within[item.path] not in LONG, -many[item.path], within[item.path]))


def pytest_collection_finish() -> None:
    """What is there for good is not looked through again at every collection of garbage: a third of the time of tests
    that run notebooks."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    global _running, _file, _others
    if _file != item.path:
        _file, _others = item.path, set(threading.enumerate()) - {threading.current_thread()}
    _running = item
    yield
    _running = None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """What ends here may be what other tests shared."""
    global _running
    _running = None
    yield


def _refuse_processes(event: str, arguments: Any) -> None:
    if event not in _STARTS or _running is None or (thread := threading.current_thread()) in _others:
        return
    if _running.get_closest_marker("process") is None:
        by = f"{_UNMARKED} (thread {thread.name}: {event} {arguments!r:.500})"
        _started.setdefault(_running.nodeid, by)
        raise AssertionError(by)


sys.addaudithook(_refuse_processes)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()
    if item.nodeid in _started and report.passed:
        report.outcome, report.longrepr = "failed", _started[item.nodeid]
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped on CI, where every tool has to be there: {report.longrepr}"

"""An embedded AWS with one small service, for the tests of the runbooks."""

from __future__ import annotations

import ast
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from tests.support.waiting import eventually

from drydock import embedded
from drydock.cloud import Cloud, connect
from drydock.embedded.instance import free_port
from drydock.labs import Lab
from drydock.runbooks import catalogue
from drydock.user import home

if TYPE_CHECKING:
    from .stepped import Case

HELLO = {"cluster": "drydock-hello", "service": "drydock-hello"}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """An embedded AWS of this module's own, with lab 00's service: two tasks behind a load balancer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DRYDOCK_HOME", str(tmp_path_factory.mktemp("instance")))
        for name in ("DRYDOCK_CLOUD", "DRYDOCK_STRICT", "DRYDOCK_SOLVE"):
            patch.delenv(name, raising=False)
        instance = embedded.start(f"runbooks-test-{os.getpid()}", port=free_port())
        patch.setenv("DRYDOCK_INSTANCE", instance.name)
        made = connect()
        Lab.open("00-start-here", cloud=made).set_up(before="kill-a-task")
        made.listeners.clear()
        yield made
        embedded.stop(instance.name)


@pytest.fixture(autouse=True)
def _runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of runs are made in the test's own folder; what another test's run has left open is in nobody's way."""
    monkeypatch.setenv("DRYDOCK_RUNS", str(tmp_path / "runs"))
    for name in ("DRYDOCK_RUN", "DRYDOCK_APPROVERS", "DRYDOCK_AUTO_APPROVE"):
        monkeypatch.delenv(name, raising=False)
    if home().is_relative_to(tmp_path.parent):
        shutil.rmtree(home() / "targets", ignore_errors=True)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a stepped cloud with lab 00's service."""
    from .stepped import make_base

    directory = tmp_path_factory.mktemp("base") / "aws"
    with pytest.MonkeyPatch.context() as patch:
        make_base(directory, patch)
    return directory


@pytest.fixture
def case(base: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    """The runbook `name` on a stepped cloud of its own, in the state that its rehearsal prepares."""
    from . import stepped

    with stepped.opened(base, tmp_path / "aws") as world:
        yield stepped.prepared(world, name, tmp_path, monkeypatch)


@pytest.fixture
def ecs(cloud: Cloud) -> Any:
    """The service is as it was made: two tasks of the first revision."""
    client = cloud.client("ecs")
    first = client.list_task_definitions(familyPrefix="drydock-hello", sort="ASC")["taskDefinitionArns"][0]
    deploy(client, first, 2)
    return client


def deploy(client: Any, task_definition: str, count: int) -> None:
    """Bring the service there, and wait until it is and no deployment is under way."""
    now = described(client)
    if (now["taskDefinition"], now["desiredCount"]) != (task_definition, count):
        client.update_service(**HELLO, taskDefinition=task_definition, desiredCount=count)
    client.get_waiter("services_stable").wait(cluster="drydock-hello", services=["drydock-hello"])
    eventually(lambda: [one["rolloutState"] for one in described(client)["deployments"]] == ["COMPLETED"])


def described(client: Any) -> Any:
    """The service, as describe_services has it."""
    return client.describe_services(cluster="drydock-hello", services=["drydock-hello"])["services"][0]


def registered(client: Any, **changes: Any) -> str:
    """ARN of a new revision: the attributes of the first one and these, `environment` for its container."""
    members = client.meta.service_model.operation_model("RegisterTaskDefinition").input_shape.members
    newest = client.list_task_definitions(familyPrefix="drydock-hello", sort="ASC")["taskDefinitionArns"][0]
    found = client.describe_task_definition(taskDefinition=newest)["taskDefinition"]
    asked = {name: value for name, value in found.items() if name in members}
    environment = changes.pop("environment", {})
    asked["containerDefinitions"][0]["environment"] = [{"name": k, "value": v} for k, v in environment.items()]
    return str(client.register_task_definition(**asked | changes)["taskDefinition"]["taskDefinitionArn"])


class Cells:
    """A runbook whose cells are run one by one, as somebody does in JupyterLab.

    Each is told by a piece of its text: `cells("run.apply(")` runs that one and returns what it shows.
    """

    def __init__(self, name: str, **parameters: Any) -> None:
        self._sources = sources(catalogue.notebook(name))
        self.names: dict[str, Any] = {}
        self._run(self._sources[0])
        self._next = 1
        self.names |= HELLO | parameters

    def to(self, text: str) -> Any:
        """Run the cells from where it stopped, at first after the parameters, up to that one."""
        while self._next < len(self._sources):
            source, self._next = self._sources[self._next], self._next + 1
            shown = self._run(source)
            if text in source:
                return shown
        raise LookupError(text)

    def as_if(self, client: str, operation: str, change: Callable[[dict[str, Any]], object]) -> None:
        """From now on that operation's answers to the cells' client are changed before they see them."""
        meta = self.names[client].meta
        event = f"after-call.{meta.service_model.service_id.hyphenize()}.{operation}"
        meta.events.register(event, lambda parsed, **_: change(parsed) and None)

    def __call__(self, text: str, *edit: str) -> Any:
        """`edit` is a piece of the cell and what is written there instead."""
        source = next(source for source in self._sources if text in source)
        return self._run(source.replace(*edit) if edit else source)

    def _run(self, source: str) -> Any:
        return run_cell(source, self.names)


def sources(notebook: Path) -> list[str]:
    """Its code cells; the first declares the parameters."""
    found = nbformat.read(notebook, as_version=4).cells
    return [str(cell.source) for cell in found if cell.cell_type == "code"]


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell with these globals; what it shows."""
    *before, last = ast.parse(source).body
    if not isinstance(last, ast.Expr):
        before, last = [*before, last], None  # type: ignore[assignment]
    exec(compile(ast.Module(before, []), "cell", "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), names)


def opened(name: str, **parameters: Any) -> Cells:
    """The cells of that runbook, run up to an approved plan."""
    dry = Cells(name, **parameters)
    dry.to("run.plan(")
    approve = dry.names["run"].evidence.plan.hash
    cells = Cells(name, **parameters, dry_run=False, approve=approve)
    cells.to("run.approve(")
    return cells

"""open-shell on lab 00's service, with ECS Exec and without."""

from __future__ import annotations

import re
from typing import Any

import pytest

from drydock.cloud import Cloud
from drydock.notebooks.wait import wait_until
from drydock.rehearsals.open_shell import with_exec
from drydock.runbooks import Refused, RunFailed
from drydock.runbooks.sessions import FILE

from .conftest import Cells, opened

GIVEN: dict[str, Any] = {"ticket": "INC-7", "command": "python -c 'print(40 + 2)'"}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"ticket": ""}, "There is no reason"),
        ({"command": " "}, "There is no command"),
        ({"cluster": "nowhere"}, "There is no active cluster nowhere"),
        ({"service": "nobody"}, "There is no active service nobody in the cluster drydock-hello"),
        ({"task": "0" * 32}, "does not run"),
        ({}, "It was started without enableExecuteCommand.*--enable-execute-command --force-new-deployment"),
    ],
)
def test_what_cannot_be_is_refused(cloud: Cloud, given: dict[str, Any], says: str) -> None:
    with pytest.raises(Refused, match=says):
        Cells("open-shell", **GIVEN | given).to("run.plan(")


@pytest.fixture(scope="module")
def with_agent(cloud: Cloud) -> None:
    with_exec(cloud, wait_until)


def test_who_why_and_what_it_wrote_are_kept_without_secrets(cloud: Cloud, with_agent: None) -> None:
    says = "print('key', 'AKIA' + 'IOSFODNN7EXAMPLE'); print('name', 40 + 2)"
    cells = opened("open-shell", **GIVEN | {"command": f'python -c "{says}"'})
    assert cells("run.apply(").tone == "passed"
    assert cells("run.verify(").tone == "passed"
    cells("run.roll_back_if_failed("), cells("run.close(")
    kept = cells.names["run"].evidence.read(FILE)
    assert kept["output"] == ["key (not shown)", "name 42"]
    assert (kept["ticket"], kept["container"]) == ("INC-7", "web")
    assert kept["by"].startswith("arn:aws:") and kept["user"]
    tokens = [path for path in cells.names["run"].evidence.folder.iterdir() if b"tokenValue" in path.read_bytes()]
    assert not tokens


def test_a_command_that_cannot_start_has_failed_and_says_why(cloud: Cloud, with_agent: None) -> None:
    cells = opened("open-shell", **GIVEN | {"command": "no-such-program"})
    assert "no-such-program" in cells("run.apply(").plain
    cells("run.verify("), cells("run.roll_back_if_failed(")
    with pytest.raises(RunFailed, match="failed: Step execute: "):
        cells("run.close(")
    assert "no-such-program" in cells.names["run"].evidence.read(FILE)["error"]


def test_the_command_for_a_terminal_names_the_same_container(
    cloud: Cloud, with_agent: None, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = Cells("open-shell", **GIVEN)
    cells.to("run.plan(")
    said = re.search(r"--task (\S+) --container web --interactive --command /bin/sh", capsys.readouterr().out)
    assert said and said[1] == cells.names["now"]["arn"]

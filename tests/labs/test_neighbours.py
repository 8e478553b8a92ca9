"""A lab's clean-up beside other labs: what they use stays, what they have left is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from drydock.cli import app
from drydock.cloud import Cloud
from drydock.labs import Lab
from drydock.ledger import StillUsed, owned, sweep

from .conftest import solve

NETWORK, TASKS = "03-cluster", "04-task-definitions"


@pytest.fixture(autouse=True)
def _all_gone(cloud: Cloud) -> Iterator[None]:
    yield
    sweep(cloud)


def opened(cloud: Cloud, name: str) -> Lab:
    """The lab, as a notebook of its own has opened it; what the cloud's clients make is its from now on."""
    return Lab.open(name, cloud=cloud)


def everything(cloud: Cloud) -> set[tuple[str, str]]:
    return set(owned(cloud))


def network_and_task(cloud: Cloud) -> None:
    opened(cloud, NETWORK).set_up(before="four-of-ten")
    lab = opened(cloud, TASKS)
    lab.set_up(before="run-one-task")
    solve(lab, "rotate-secret")


@pytest.mark.timeout(120)
def test_what_another_lab_stands_on_is_not_taken_from_under_it(cloud: Cloud) -> None:
    network_and_task(cloud)
    before = everything(cloud)
    foretold = opened(cloud, NETWORK).clean_up(sure=False)
    assert "will be refused" in foretold.plain and f"`drydock sweep --lab {TASKS}`" in foretold.plain
    with pytest.raises(StillUsed) as refused:
        opened(cloud, NETWORK).clean_up(sure=True)
    said = str(refused.value)
    assert re.search(rf"lab {TASKS} has the ECS task \S+, which uses the \w+", said), said
    assert f"Clean up {TASKS} first, in the notebook or by `drydock sweep --lab {TASKS}`" in said
    assert everything(cloud) == before
    command = CliRunner().invoke(app, ["sweep", "--lab", "03", "--yes", "--name", cloud.instance])
    assert (command.exit_code, everything(cloud)) == (2, before)


@pytest.mark.timeout(120)
def test_in_the_other_order_both_go_and_the_first_tells_of_the_second(cloud: Cloud) -> None:
    network_and_task(cloud)
    assert opened(cloud, TASKS).clean_up(sure=False).plain.startswith("lab.clean_up(sure=True) deletes ")
    rest = opened(cloud, TASKS).clean_up(sure=True).plain
    nothing = opened(cloud, TASKS).clean_up(sure=False)
    assert nothing.heading.startswith("Nothing that this lab has made is there")
    assert nothing.plain == rest
    assert "Lab 03-cluster has left " in rest
    assert "subnet: 3" in rest
    assert "`drydock sweep --lab 03-cluster` deletes it." in rest
    assert "On AWS, by the hour: Nothing here is charged by the hour.\n" in rest
    assert opened(cloud, NETWORK).clean_up(sure=True).plain == ""
    assert everything(cloud) == set()


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("first", "second"), [("00-start-here", "05-services"), ("05-services", "00-start-here")])
def test_whichever_made_the_network_goes_last(cloud: Cloud, first: str, second: str) -> None:
    ends = {"00-start-here": "kill-a-task", "05-services": "target-health"}
    for name in (first, second):
        opened(cloud, name).set_up(before=ends[name])
    with pytest.raises(StillUsed, match=rf"{first} is not cleaned up, and nothing was deleted: lab {second} has the "):
        opened(cloud, first).clean_up(sure=True)
    with pytest.raises(StillUsed, match=f"lab {second} has the "):
        opened(cloud, first).catch_up(next(iter(opened(cloud, first).outline.steps)), {})
    rest = opened(cloud, second).clean_up(sure=True).plain
    tasks, zones = {"00-start-here": (2, 3), "05-services": (6, 3)}[first]
    usd = tasks * (0.25 * 0.04048 + 0.5 * 0.004445) + 0.0225 + 0.005 * (tasks + zones)
    assert f"Lab {first} has left " in rest
    assert f"${usd:.4f} for 1 h" in rest
    assert "nothing of this lab is left" in repr(opened(cloud, first).clean_up(sure=True))
    assert everything(cloud) == set()


@pytest.mark.timeout(240)
def test_the_last_lab_first_is_never_refused(cloud: Cloud) -> None:
    begun = {"03-cluster": "four-of-ten", "04-task-definitions": "run-one-task", "05-services": "target-health",
             "06-discovery": "discover"}  # fmt: skip
    for name, step in begun.items():
        opened(cloud, name).set_up(before=step)
    for name in reversed(begun):
        opened(cloud, name).clean_up(sure=True)
    assert everything(cloud) == set()


def test_a_lab_alone_is_told_of_nobody(cloud: Cloud, tmp_path: Path) -> None:
    lab = opened(cloud, "01-repositories")
    lab.set_up(before="own-key")
    assert repr(lab.clean_up(sure=True)) == "Clean up: nothing of this lab is left."

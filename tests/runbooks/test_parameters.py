"""Parameters of runbooks: refused when they are wrong, before anything starts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from drydock.notebooks.parameters import BadParameter
from drydock.runbooks import catalogue, parameters, runner

RUNBOOKS = catalogue.names()
SCALE = parameters.declared(catalogue.notebook("scale-service"))
DEPLOY = parameters.declared(catalogue.notebook("deploy-service"))
CANARY = parameters.declared(catalogue.notebook("canary-release"))


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("desired_count", "many", "Input should be a valid integer"),
        ("desired_count", 2.0, "Input should be a valid integer"),
        ("desired_count", True, "Input should be a valid integer"),
        ("desired_count", -1, "greater than or equal to 0"),
        ("desired_count", 5001, "less than or equal to 5000"),
        ("dry_run", "false", "papermill's `-p` takes True or False"),
        ("dry_run", 0, "valid boolean"),
        ("account", 12345678901, "Give it as text"),
        ("account", "12345678901", "should match pattern"),
        ("account", "١٢٣٤٥٦٧٨٩٠١٢", "should match pattern"),
        ("region", "eu-west-١", "should match pattern"),
        ("cluster", "", "should match pattern"),
        ("service", "a/b", "should match pattern"),
        ("region", "us east 1", "should match pattern"),
        ("approve", "yes", "should match pattern"),
        ("cloud", "s3://bucket", "should match pattern"),
        ("cloud", "http://user:password@127.0.0.1:4566", "should match pattern"),
        ("cloud", "http://127.0.0.1:4566/ x", "should match pattern"),
        ("minutes", 0, "greater than or equal to 1"),
        ("desired_cuont", 3, "There is no parameter 'desired_cuont'; there are dry_run, approve"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, value: Any, says: str) -> None:
    with pytest.raises(BadParameter, match=re.escape(says)) as refused:
        SCALE.checked({name: value})
    assert name in str(refused.value)


@pytest.mark.parametrize("text", ["٣", "1_000", " 5", "5\n", "0x10", "9" * 5000, "1e3", "", "inf"])
def test_what_only_python_reads_as_a_number_is_none(text: str) -> None:
    with pytest.raises(BadParameter, match="is not of type int") as refused:
        SCALE.read({"desired_count": text})
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(("text", "is_one"), [("2.5", True), ("1e2", True), (".5", True), ("٣", False), ("nan", False)])
def test_numbers_with_a_fraction_are_those_that_people_write(text: str, is_one: bool) -> None:
    assert bool(DEPLOY.why_not("rps", text)) is not is_one


def test_a_wrong_value_that_is_a_secret_is_not_told() -> None:
    assert "AKIA" not in SCALE.why_not("desired_count", "AKIAIOSFODNN7EXAMPLE")


@pytest.mark.parametrize("alarms", ["a\x1b[2J", "a\nb", "\x00"])
def test_the_name_of_an_alarm_has_no_control_characters(alarms: str) -> None:
    assert "should match pattern" in CANARY.why_not("alarms", alarms)


def test_a_wrong_value_is_not_told_at_any_length() -> None:
    with pytest.raises(BadParameter) as refused:
        SCALE.checked({"service": "a" * 100_000})
    assert len(str(refused.value)) < 500


def test_every_wrong_value_is_named_at_once() -> None:
    with pytest.raises(BadParameter) as refused:
        SCALE.checked({"desired_count": -1, "minutes": 0})
    assert "desired_count" in str(refused.value) and "minutes" in str(refused.value)


def test_text_of_a_command_line_is_read_as_its_type() -> None:
    read = SCALE.read({"desired_count": "7", "dry_run": "False", "account": "012345678901"})
    assert (read["desired_count"], read["dry_run"], read["account"]) == (7, False, "012345678901")
    assert read["minutes"] == 10


@pytest.mark.parametrize("given", [{"desired_count": "-1"}, {"desired_cuont": "3"}, {"dry_run": "maybe"}])
def test_nothing_is_started_or_written_for_a_wrong_parameter(given: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(BadParameter):
        runner.run("scale-service", given, root=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_the_cell_that_papermill_puts_in_is_told_from_the_others() -> None:
    cells = ["", "desired_count: int = 3", '# Parameters\ndesired_cuont = 5\nservice = "a"\n', "other = 1"]
    assert list(parameters.injected(cells)) == ["desired_cuont", "service"]
    assert parameters.injected(["x = 1"]) == {}


def test_a_cell_that_declares_otherwise_is_an_error(tmp_path: Path) -> None:
    cell = nbformat.v4.new_code_cell("desired_count = 3", metadata={"tags": ["parameters"]})
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "x.ipynb")
    with pytest.raises(ValueError, match="does not declare a parameter"):
        parameters.declared(tmp_path / "x.ipynb")


@pytest.mark.parametrize("name", RUNBOOKS)
def test_every_runbook_begins_with_a_dry_run_and_says_what_each_parameter_is(name: str) -> None:
    declared = parameters.declared(catalogue.notebook(name))
    assert next(iter(declared.defaults.items())) == ("dry_run", True)
    assert {"approve", "cloud", "region", "account"} <= set(declared.defaults)
    assert all(declared.helps.values())
    assert declared.checked({}) == dict(declared.defaults)


HEADINGS = ["When to use", "Parameters", "Preflight", "Plan", "Approve", "Apply", "Verify", "Roll back", "Evidence"]


@pytest.mark.parametrize("name", RUNBOOKS)
def test_every_runbook_has_the_headings_in_order_and_no_outputs(name: str) -> None:
    cells = nbformat.read(catalogue.notebook(name), as_version=4).cells
    lines = [line for cell in cells if cell.cell_type == "markdown" for line in cell.source.splitlines()]
    assert [line.removeprefix("## ") for line in lines if line.startswith("## ")] == HEADINGS
    assert not any(cell.get("outputs") for cell in cells)

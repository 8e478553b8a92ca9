"""Secret values: in one file of a run and nowhere else, covered by the hash of the plan all the same."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest

from drydock.runbooks import Act, Call, Look, Plan, Step, apart, executor, parameters, result_of
from drydock.runbooks.apart import Gone
from drydock.runbooks.evidence import Evidence
from drydock.runbooks.model import difference, resolved

from .test_model import PLAN


def definition(password: str, **more: Any) -> dict[str, Any]:
    environment = [{"name": "DB_PASSWORD", "value": password}, {"name": "TIER", "value": "gold"}]
    web = {"name": "web", "environment": environment, "command": ["serve", "--token", "q7Gx2LmZ9vTr4"], **more}
    return {"family": "shop", "containerDefinitions": [web]}


def plan(password: str = "hunter2", before: str = "s3same") -> Plan:
    look = Look("running", Call("ecs", "DescribeTaskDefinition", {"taskDefinition": "shop"}), "taskDefinition")
    register = Act(Call("ecs", "RegisterTaskDefinition", definition(password)))
    step = Step("register", "register it again", register, register, {"running": definition(password)})
    return replace(PLAN, looks=(look,), state={"running": definition(before)}, steps=(step,))


SECRET = ["hunter2", "s3same", "q7Gx2LmZ9vTr4", "gold"]


def everything(folder: Path, *but: str) -> str:
    return "\n".join(path.read_text() for path in folder.rglob("*") if path.is_file() and path.name not in but)


@pytest.fixture
def kept(tmp_path: Path) -> Evidence:
    kept = Evidence(tmp_path)
    kept.write_plan(plan())
    kept.note("begin", "register")
    return kept


def test_no_file_but_one_has_a_secret_value_and_that_is_for_its_owner_alone(kept: Evidence) -> None:
    kept.write("after.json", plan().state_afterwards)
    kept.note("done", "register", results={"make.RandomPassword": "tr0ubador", "make.arn": "arn:aws:ecs:x"})
    kept.note("failed", "register", why="could not log in with hunter2")
    kept.write("findings.json", [{"Finding": "postgres://shop:hunter2@db/", "password": "x"}])
    kept.report()
    kept.seal()
    text = everything(kept.folder, "secrets.json")
    assert [secret for secret in [*SECRET, "tr0ubador"] if secret in text] == []
    assert '"password": "x"' not in text
    assert (kept.folder / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert kept.secrets == ["DB_PASSWORD", "TIER", "make.RandomPassword", "token"]
    assert kept.journal()[1]["results"] == {"make.RandomPassword": "tr0ubador", "make.arn": "arn:aws:ecs:x"}


def test_what_a_container_is_told_that_is_no_secret_may_be_spoken_of(tmp_path: Path) -> None:
    kept = Evidence(tmp_path)
    told = {"TIER": "production", "BACKEND": "http://backend.shop:8080", "GROUP": "arn:aws:x:1", "PIN": "Xy7Zq0Lm5Rt2"}
    kept.mind({"environment": [{"name": name, "value": value} for name, value in told.items()]}, PLAN.cloud)
    assert kept.hide(" ".join(told.values())) == "production http://backend.shop:8080 arn:aws:x:1 (not shown)"


def test_the_hash_of_a_plan_covers_what_is_kept_apart(kept: Evidence) -> None:
    assert kept.plan == Evidence(kept.folder).plan
    assert kept.plan.hash == plan().hash != plan("hunter3").hash
    assert plan(before="other").hash != plan().hash
    assert resolved(kept.plan.steps[0].do.call.params, {}, {}) == definition("hunter2")


def test_the_plan_is_the_same_on_another_machine_and_another_in_another_account() -> None:
    apart._hashed.cache_clear()
    first = plan().as_json()
    apart._hashed.cache_clear()
    assert plan().as_json() == first
    elsewhere = replace(plan(), cloud={**PLAN.cloud, "account": "111122223333"}).as_json()
    assert json.loads(elsewhere)["state"] != json.loads(first)["state"]


def test_once_forgotten_a_plan_is_read_compared_and_says_what_it_cannot_do(kept: Evidence) -> None:
    assert kept.forget() == ["DB_PASSWORD", "TIER", "token"]
    assert not (kept.folder / "secrets.json").exists()
    old = kept.plan
    assert old.hash == plan().hash
    assert difference(old.state, plan().state) == []
    assert difference(old.state, plan(before="another").state) == [
        ("running.containerDefinitions.web.environment.DB_PASSWORD", "(not shown)", "(another, not shown)")
    ]
    with pytest.raises(Gone, match="is not kept any more"):
        resolved(old.steps[0].do.call.params, {}, {})
    with pytest.raises(Gone, match="is not kept any more"):
        resolved(result_of("make", "password"), {"make.password": {apart.KEPT: "scrypt:a:b"}}, {})
    assert kept.forget() == []


def test_an_undo_whose_value_was_forgotten_has_failed_and_is_not_passed_over(kept: Evidence) -> None:
    kept.forget()
    client = SimpleNamespace(register_task_definition=None)
    guard: Any = SimpleNamespace(evidence=kept, applying=nullcontext)
    cloud: Any = SimpleNamespace(client=lambda _: client)
    with pytest.raises(executor.StepFailed, match="Undoing register: A secret value that this call needs"):
        executor.roll_back(cloud, kept.plan, guard, minutes=1)


def test_a_run_that_has_changed_nothing_keeps_no_secret(tmp_path: Path) -> None:
    kept = Evidence(tmp_path)
    kept.write_plan(plan())
    assert (tmp_path / "secrets.json").exists()
    kept.seal()
    assert not (tmp_path / "secrets.json").exists()
    assert kept.plan.hash == plan().hash


def test_a_run_that_was_undone_keeps_no_secret(kept: Evidence) -> None:
    kept.seal()
    assert kept.secrets
    kept.note("undone", "register")
    kept.note("rolled back")
    kept.seal()
    assert not (kept.folder / "secrets.json").exists()


def test_the_environment_of_a_function_is_kept_apart_and_names_stay() -> None:
    stored, kept = apart.apart({"Environment": {"Variables": {"name": "gold", "TIER": "gold"}}, "Name": "f"}, "salt")
    assert [value.value for value in kept.values()] == ["gold"]
    assert stored["Name"] == "f" and list(stored["Environment"]["Variables"]) == ["name", "TIER"]
    assert apart.whole(stored, kept)["Environment"]["Variables"] == {"name": "gold", "TIER": "gold"}


def test_a_parameter_that_holds_a_secret_is_refused_and_not_repeated(tmp_path: Path) -> None:
    source = 'token: Secret = ""  # where the token is\nservice: ServiceName = "web"  # the service'
    source = f"from drydock.runbooks.types import Secret, ServiceName\n\n{source}"
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]})
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "x.ipynb")
    declared = parameters.declared(tmp_path / "x.ipynb")
    assert declared.checked({"token": "env:TOKEN"})["token"] == "env:TOKEN"
    for name, value in (("token", "hunter2"), ("service", "AKIAIOSFODNN7EXAMPLE")):
        with pytest.raises(parameters.BadParameter, match=f"{name}.* takes where a secret is") as refused:
            declared.checked({name: value})
        assert value not in str(refused.value)


def test_a_parameter_that_is_called_a_password_has_to_be_declared_as_a_secret(tmp_path: Path) -> None:
    cell = nbformat.v4.new_code_cell('db_password: str = ""  # for the database', metadata={"tags": ["parameters"]})
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "x.ipynb")
    with pytest.raises(ValueError, match="declare it `db_password: Secret`"):
        parameters.declared(tmp_path / "x.ipynb")

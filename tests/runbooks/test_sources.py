"""Values that are read as a call leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from drydock.runbooks import read_from
from drydock.runbooks.sources import LONGEST, with_values, wrong_with


class Secrets:
    """Secrets Manager with one secret, a JSON object unless it is told otherwise."""

    def __init__(self, held: str = '{"user": "a", "password": "old"}') -> None:
        self.asked: dict[str, Any] = {}
        self._held = held

    def client(self, service: str) -> Any:
        return self

    def get_random_password(self, **asked: Any) -> dict[str, Any]:
        self.asked = asked
        return {"RandomPassword": "drawn"}

    def get_secret_value(self, **asked: Any) -> dict[str, Any]:
        self.asked = asked
        return {"SecretString": self._held}


def read(stand_in: Any, cloud: Any = None) -> Any:
    known: Any = cloud or Secrets()
    return with_values(known, {"SecretString": stand_in, "SecretId": "a"})["SecretString"]


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("hunter2\n")
    path.chmod(0o600)
    return path


def test_a_value_is_read_from_the_environment_or_a_file(password: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEW", "hunter2")
    assert read(read_from("env:NEW")) == read(read_from(f"file:{password}")) == "hunter2"


def test_a_random_one_is_made_by_secrets_manager() -> None:
    cloud = Secrets()
    assert read(read_from("random", PasswordLength=20), cloud) == "drawn"
    assert cloud.asked == {"PasswordLength": 20}


def test_one_key_of_the_version_that_is_held_is_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEW", "hunter2")
    cloud = Secrets()
    renewed = read(read_from("env:NEW", key="password", of={"SecretId": "a", "VersionId": "1"}), cloud)
    assert json.loads(renewed) == {"user": "a", "password": "hunter2"}
    assert cloud.asked == {"SecretId": "a", "VersionId": "1"}


@pytest.mark.parametrize("held", ["hunter2", "[1]", "7"])
def test_a_key_of_what_is_no_json_object_is_refused_and_the_value_not_told(held: str) -> None:
    with pytest.raises(LookupError, match="holds no JSON object") as refused:
        read(read_from("random", key="password", of={"SecretId": "a"}), Secrets(held))
    assert held not in str(refused.value)


def test_what_stands_in_tells_where_the_value_is_and_not_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEW", "hunter2")
    assert "hunter2" not in json.dumps(read_from("env:NEW"))
    nowhere: Any = None
    assert with_values(nowhere, {"plain": ["as", {"it": "is"}]}) == {"plain": ["as", {"it": "is"}]}


def test_a_source_that_cannot_be_read_is_told_beforehand(password: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEW", raising=False)
    assert "NEW is not set" in wrong_with("env:NEW")
    monkeypatch.setenv("NEW", "x" * (LONGEST + 1))
    assert "1 to 65,536 bytes" in wrong_with("env:NEW")
    assert wrong_with(f"file:{password}") == ""
    password.chmod(0o640)
    assert "open to others" in wrong_with(f"file:{password}")
    assert "FileNotFoundError" in wrong_with(f"file:{password}.not")


def test_the_keys_that_are_read_have_to_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Name the key to renew by json_key" in wrong_with("random", keys=["password", ""])
    assert wrong_with("random", keys=[""]) == wrong_with("random", key="password", keys=["password"]) == ""
    monkeypatch.setenv("NEW", '{"user": "a"}')
    assert wrong_with("env:NEW", keys=["user"]) == ""
    assert "has no password, which is read" in wrong_with("env:NEW", keys=["user", "password"])
    monkeypatch.setenv("NEW", "hunter2")
    assert wrong_with("env:NEW", key="password", keys=["password"]) == ""
    said = wrong_with("env:NEW", keys=["password"])
    assert "holds no JSON object" in said and "hunter2" not in said

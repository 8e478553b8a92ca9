"""`drydock image`."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from drydock.images import Layout
from drydock.images.cli import app
from drydock.images.credentials import ecr_credentials


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("DRYDOCK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "home"


def run(*words: str, stdin: str | None = None, fails: bool = False) -> str:
    result = CliRunner().invoke(app, list(words), input=stdin)
    assert result.exit_code == (1 if fails else 0), result.output
    return result.output


def test_build_list_inspect_and_push(context: Path, home: Path, registry: str) -> None:
    (context / "Dockerfile").write_text("FROM scratch\nARG V=1\nENV V=$V\nCOPY Dockerfile /srv/\n")
    name = f"{registry}/cli/app:1"
    assert "no images" in run("ls")
    built = run("build", str(context), "-t", name, "--build-arg", "V=2")
    digest = Layout(home / "images").names()[name]
    assert f"built {digest}" in built
    assert name in run("ls") and digest[7:19] in run("ls")
    history = run("inspect", name)
    assert "ENV V=2" in history and "COPY Dockerfile /srv/" in history
    assert "srv/Dockerfile" in run("inspect", name, "--layer", "0")
    assert run("inspect", name, "--file", "/srv/Dockerfile").startswith("FROM scratch")
    assert run("push", name) == f"pushed {registry}/cli/app@{digest}\n"
    assert f"@{digest}" in run("push", f"{registry}/cli/other:1", name)


def test_errors_are_one_line(context: Path) -> None:
    (context / "Dockerfile").write_text("FROM scratch\nCOPPY a b\n")
    assert run("build", str(context), fails=True) == (
        "Dockerfile:2: 'COPPY' is not an instruction; did you mean COPY?\n"
    )
    assert "write NAME=VALUE" in run("build", str(context), "--build-arg", "V", fails=True)
    assert "no image 'nope:1'" in run("inspect", "nope:1", fails=True)
    assert "go together" in run("push", "127.0.0.1:9/app:1", "--username", "me", fails=True)


def test_only_this_machine_is_asked_for_ecr_credentials(registry: str) -> None:
    assert ecr_credentials(registry) is None
    with pytest.raises(ValueError, match="not on this machine"):
        ecr_credentials("registry.example.com")

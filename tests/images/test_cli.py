"""`drydock image`."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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


@pytest.mark.parametrize(
    ("dockerfile", "more", "says"),
    [
        (".", {}, "is a folder; name the Dockerfile in it"),
        ("Dockerfile", {".dockerignore": b"\xff\xfe"}, ".dockerignore:1: not UTF-8 text"),
        ("Dockerfile", {"Dockerfile.dockerignore": b"\xff\xfe"}, "Dockerfile.dockerignore:1: not UTF-8 text"),
    ],
)
def test_what_is_no_dockerfile_is_told(context: Path, dockerfile: str, more: dict[str, bytes], says: str) -> None:
    (context / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    for name, content in more.items():
        (context / name).write_bytes(content)
    said = run("build", str(context), "-f", dockerfile, fails=True)
    assert says in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("words", [("ls",), ("inspect", "app:1"), ("push", "127.0.0.1:9/app:1")])
def test_a_home_that_is_no_folder_is_told(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    monkeypatch.setenv("DRYDOCK_HOME", "/dev/null")
    said = run(*words, fails=True)
    assert said.startswith("/dev/null/images") and "DRYDOCK_HOME" in said
    assert said.count("\n") == 1


def test_a_region_that_is_none_is_told(context: Path) -> None:
    (context / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    run("build", str(context), "-t", "127.0.0.1:9/app:1")
    assert "'no where' is no region" in run("push", "127.0.0.1:9/app:1", "--region", "no where", fails=True)


@pytest.fixture
def ecr() -> Iterator[str]:
    """`host:port` of what gives ECR's credentials and nothing else."""

    class Tokens(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            token = base64.b64encode(b"AWS:secret").decode()
            body = json.dumps({"authorizationData": [{"authorizationToken": token}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Tokens) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_ecr_is_asked_without_proxy_profile_or_file(ecr: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert ecr_credentials(ecr) == ("AWS", "secret")
    monkeypatch.setenv("AWS_PROFILE", "gone")
    assert ecr_credentials(ecr) == ("AWS", "secret")
    (tmp_path / "config").write_text("[this is no config\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert ecr_credentials(ecr) == ("AWS", "secret")
